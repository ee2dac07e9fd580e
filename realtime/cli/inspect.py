"""Report on recorded calls: turn by turn for one log, a summary for many.

LOG is a file as `Recorder` and `demo` write it (.jsonl, .gz, .zst), a glob (** too), or a folder. A
rotated log is one call. With --json each log is one line of JSON, followed by their summary if there
are many. A log that cannot be read is reported on stderr; the others are read, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

import msgspec
from msgspec import UnsetType

from .. import analysis
from .._provider import ProviderName
from .._text import clock, duration, money, one_line, plural
from ..analysis import percentiles, write_page
from ..analysis.report import PROBLEMS
from ..errors import ConfigError
from .logs import add_log_arguments, format_tokens, named_logs, read_logs, read_report
from .text import Progress, format_nbytes, print_json, print_text, quote, wrap

T = TypeVar("T")

_INDENT: Final = " " * 16
_MAX_ROWS: Final = 10
_MAX_CALL_TEXT: Final = 120
_MAX_WORST: Final = 5
_LATENCY_FROM: Final = {
    "speech_end": "after the speech",
    "commit": "after the commit",
    "response_create": "after response.create",
    "timeout": "after the timeout",
}
_INPUT: Final = {"speech": "user speech", "audio": "user audio", "text": "user text"}
_INTERRUPTED_BY: Final = {
    "speech": "by the user's speech",
    "client": "by the client",
    "server": "by the server",
}
_QUANTILES: Final = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
_FORMATS: Final = {"pcm16": "PCM16", "g711_ulaw": "mu-law", "g711_alaw": "A-law"}
_WORST: Final[dict[str, tuple[str, Callable[[float], str]]]] = {
    "latency_ms": ("slowest", duration),
    "gap_ms": ("longest gap", duration),
    "errors": ("most errors", lambda value: f"{value:,.0f}"),
    "interruptions": ("interrupted", lambda value: f"{value:,.0f}"),
    "usd": ("highest cost", lambda value: money(Decimal(repr(value)))),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `inspect`."""
    add_log_arguments(parser)
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per line: each log, then the summary"
    )
    parser.add_argument("--html", type=Path, metavar="OUT", help="write an HTML page about the one log")
    parser.add_argument(
        "--audio",
        action=argparse.BooleanOptionalAction,
        help="embed audio in the page, 1.3 MB per minute (default: for calls under ten minutes)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the report of one log, or the summary of several."""
    logs = named_logs(arguments.logs)
    if arguments.html is not None and len(logs) != 1:
        raise ConfigError(f"--html needs exactly one log, but {len(logs)} were found")
    if arguments.audio is not None and arguments.html is None:
        raise ConfigError("--audio and --no-audio need --html")
    return _run_one(logs[0], arguments) if len(logs) == 1 else _run_many(logs, arguments)


def _run_one(log: analysis.Log, arguments: argparse.Namespace) -> int:
    work = functools.partial(read_report, arguments.model, arguments.transcription_model, arguments.provider)
    (found,) = read_logs([log], work)
    if found.result is None:
        print(found.error_line("inspect"), file=sys.stderr)
        return 1
    if arguments.html is not None:
        page = write_page(
            log.files, arguments.html, report=found.result, audio=arguments.audio, provider=arguments.provider
        )
        # If the page itself goes to stdout (/dev/stdout), this line must not become part of it.
        is_apart = arguments.html.is_file() and not arguments.json
        line = one_line(f"{arguments.html}: {page.nbytes:,} bytes")
        print_text(line, sys.stdout if is_apart else sys.stderr)
    elif not arguments.json:
        print_text("\n".join(report_lines(found.result)))
    if arguments.json:
        print_json(_json_line("report", found.result))
    return 0


def read_summary(
    model: str | None,
    transcription_model: str | None,
    provider: ProviderName | None,
    wants_json: bool,
    log: analysis.Log,
) -> tuple[analysis.Summary, str]:
    """Return the summary of one log, and its report as a line of JSON, or ""."""
    report = read_report(model, transcription_model, provider, log)
    return analysis.Summary.of(report), _json_line("report", report) if wants_json else ""


def _run_many(logs: Sequence[analysis.Log], arguments: argparse.Namespace) -> int:
    work = functools.partial(
        read_summary, arguments.model, arguments.transcription_model, arguments.provider, arguments.json
    )
    total, unreadable = analysis.Summary(), 0
    with Progress() as progress, contextlib.closing(read_logs(logs, work, arguments.jobs)) as results:
        for number, found in enumerate(results, start=1):
            if found.result is None:
                unreadable += 1
                progress.note(found.error_line("inspect"))
            else:
                total += found.result[0]
                if arguments.json:
                    progress.show("")  # on a terminal, results and the status share the screen
                    print_json(found.result[1])
            progress.show(f"{number:,} of {len(logs):,} logs")
    if arguments.json:
        print_json(_json_line("summary", total, unreadable=unreadable))
    else:
        print_text("\n".join(summary_lines(total)))
    return 1 if unreadable else 0


def _json_line(kind: str, found: analysis.Report | analysis.Summary, **more: object) -> str:
    """Return a report or summary as a line of JSON, with the percentiles of its histograms."""
    names = ("latency", "created_latency", "call_time", "gap_time")
    figures = {f"{name}_ms": percentiles(getattr(found, name)) for name in names}
    if isinstance(found.live, analysis.LiveReport):
        figures["delegation_time_ms"] = percentiles(found.live.delegation_time)
    members = {"kind": kind, **more, "figures": figures, **msgspec.to_builtins(found)}
    return msgspec.json.encode(members).decode()


# --- One call in lines -----------------------------------------------------------------


def report_lines(report: analysis.Report) -> Iterator[str]:
    """Yield the lines that describe one call: its session, its turns, its figures, its cost."""
    yield from _about_session(report)
    for turn in report.turns:
        yield ""
        yield from _turn(turn)
    yield ""
    yield from _figures(report)
    yield from _problems(report)
    yield from _usage(report)
    if report.left_out:
        yield from _row("left out", f"{format_counts(report.left_out)}: over the report's limits")


def _row(name: str, text: str) -> Iterator[str]:
    yield from wrap(text, _INDENT, f"{name:<16}")


def _about_session(report: analysis.Report) -> Iterator[str]:
    yield from _row("log", ", ".join(map(one_line, report.logs)) or "none")
    for session in report.sessions:
        yield from _row("session", _session(session))
        yield from _differences(session)
    frames = {"client": 0, "server": 0}
    for found in report.frames:
        frames[found.direction] += found.frames
    sides = f"{frames['client']:,} from the client, {frames['server']:,} from the server"
    yield from _row("frames", f"{sides}, {format_nbytes(report.nbytes)} in {duration(report.duration_ms)}")
    yield from _audio_row(report)


def _audio_row(found: analysis.Report | analysis.Summary) -> Iterator[str]:
    sent, received = duration(found.user_audio_ms), duration(found.assistant_audio_ms)
    yield from _row("audio", f"{sent} sent, {received} received")


def _session(session: analysis.SessionReport) -> str:
    model = one_line(session.model or "unknown model")
    sides = [
        f"{_FORMATS.get(name, name)} {rate:,} Hz"
        for name, rate in (
            (session.input_format, session.input_rate),
            (session.output_format, session.output_rate),
        )
    ]
    formats = sides[0] if sides[0] == sides[1] else f"{sides[0]} in, {sides[1]} out"
    id = one_line(session.id or "no id")
    return f"{id}: {model}, {session.provider or session.dialect}, {formats}, {_who_decides(session)}"


def _who_decides(session: analysis.SessionReport) -> str:
    """Return a session's turn detection; for Live, which has none, the delegation and the end."""
    if isinstance(session.delegation, UnsetType):
        return one_line(session.turn_detection) if session.turn_detection else "no turn detection"
    closed = f"closed: {one_line(session.closed)}" if session.closed else "not closed"
    return f"delegation to {one_line(session.delegation or 'client')}, {closed}"


def _differences(session: analysis.SessionReport) -> Iterator[str]:
    """Yield what the client requested of a session and did not get."""
    for each in session.differences[:_MAX_ROWS]:
        actual = "not reported" if each.actual is None else one_line(each.actual)
        yield from wrap(
            f"{one_line(each.path)}: requested {one_line(each.requested)}, session has {actual}", _INDENT
        )
    if (more := session.difference_count - _MAX_ROWS) > 0:
        yield f"{_INDENT}and {more:,} more differences"
    if session.unconfirmed_ms is not None:
        yield f"{_INDENT}update at {clock(session.unconfirmed_ms)} not confirmed"


def _turn(turn: analysis.Turn) -> Iterator[str]:
    title = f"turn {turn.number}"
    if turn.user is None:
        yield f"{title:<16}{clock(turn.at_ms)}  no user input before it"
    else:
        yield f"{title:<16}{_user_input(turn.user)}"
        if turn.user.transcript:
            yield from quote(turn.user.transcript, _INDENT)
        if turn.user.transcription_error:
            yield from wrap(f"transcription failed: {one_line(turn.user.transcription_error)}", _INDENT)
    for each in _in_order(turn):
        yield from _response(each) if isinstance(each, analysis.ResponseReport) else _delegation(each)


def _in_order(turn: analysis.Turn) -> Sequence[analysis.ResponseReport | analysis.DelegationReport]:
    """Return the responses and the delegations of a turn in order of time."""
    if not turn.delegations:
        return turn.responses
    return sorted([*turn.responses, *turn.delegations], key=_begin_ms)


def _begin_ms(found: analysis.ResponseReport | analysis.DelegationReport) -> float:
    if isinstance(found, analysis.DelegationReport):
        return found.at_ms
    times_ms = (found.first_audio_ms, found.first_text_ms, found.created_ms)
    return next((ms for ms in times_ms if ms is not None), 0.0)


def _delegation(found: analysis.DelegationReport) -> Iterator[str]:
    facts = [f"to {one_line(found.target or 'unknown')}"]
    facts.append("not done" if found.took_ms is None else f"done after {duration(found.took_ms)}")
    if found.spoken_ms is not None and found.done_ms is not None:
        facts.append(f"next speech {duration(found.spoken_ms - found.done_ms)} later")
    yield from wrap(f"{clock(found.at_ms)}  {', '.join(facts)}", _INDENT, "  delegation    ")
    for step in found.steps[:_MAX_ROWS]:
        text = f": {one_line(step.text)}" if step.text else ""
        yield from wrap(f"{clock(step.at_ms)}  {one_line(step.type)}{text}", _INDENT)
    if found.step_count > _MAX_ROWS:
        yield f"{_INDENT}and {found.step_count - _MAX_ROWS:,} more steps"
    yield from _calls(found.calls)


def _calls(calls: Sequence[analysis.CallReport]) -> Iterator[str]:
    for call in calls:
        yield from wrap(_function_call(call), _INDENT)
        yield from wrap(_call_texts(call), _INDENT)
        yield from _call_problems(call.problems)


def _user_input(user: analysis.UserInput) -> str:
    line = f"{clock(user.start_ms)}  {_INPUT[user.kind]}"
    if user.kind == "text":
        return line
    end = "" if user.end_ms is None else f" until {clock(user.end_ms)}"
    audio = f", {duration(user.audio_ms)} of audio" if user.audio_ms else ""
    return f"{line}{end}{audio}"


def _response(response: analysis.ResponseReport) -> Iterator[str]:
    facts = ", ".join(_response_facts(response))
    yield from wrap(f"{clock(_begin_ms(response))}  {facts}", _INDENT, "  response      ")
    if response.transcript:
        yield from quote(response.transcript, _INDENT)
    yield from _calls(response.calls)
    if response.interrupted_by is not None:
        yield from wrap(_interrupted(response), _INDENT)


def _response_facts(response: analysis.ResponseReport) -> Iterator[str]:
    if response.latency_ms is not None:
        yield f"{duration(response.latency_ms)} {_LATENCY_FROM[response.latency_from or 'speech_end']}"
    if response.created_latency_ms is not None:
        yield f"{duration(response.created_latency_ms)} after response.created"
    if response.audio_ms:
        yield f"{duration(response.audio_ms)} of audio"
    elif not response.transcript and not response.calls:
        yield "no audio, no text"
    if response.overlap_ms:
        yield f"{duration(response.overlap_ms)} of it while the user spoke"
    if response.gaps:
        yield plural(response.gaps, "gap")
    if response.status is not None and response.status != "completed":
        reason = f" ({one_line(response.reason)})" if response.reason else ""
        yield f"{one_line(response.status)}{reason}"
    elif response.status is None and response.id is not None:
        yield "no response.done"


def _function_call(call: analysis.CallReport) -> str:
    server = f" of {one_line(call.server)}" if call.server else ""
    if call.took_ms is None:
        return f"calls {one_line(call.name)}{server}: no output"
    outcome = "failed" if call.failed else "output"
    return f"calls {one_line(call.name)}{server}: {outcome} after {duration(call.took_ms)}"


def _call_texts(call: analysis.CallReport) -> str:
    texts = (("id", call.call_id), ("arguments", call.arguments), ("output", call.output))
    return ", ".join(f"{name} {one_line(text, _MAX_CALL_TEXT)}" for name, text in texts if text)


def _call_problems(problems: Sequence[analysis.CallProblem]) -> Iterator[str]:
    for each in problems:
        detail = f": {one_line(each.detail)}" if each.detail else ""
        yield from wrap(f"problem: {PROBLEMS[each.kind]}{detail}", _INDENT)


def _interrupted(response: analysis.ResponseReport) -> str:
    by = _INTERRUPTED_BY[response.interrupted_by or "server"]
    line = f"interrupted {by} at {clock(response.interrupted_ms or 0.0)}"
    if response.heard_ms is not None:
        line += f": {duration(response.heard_ms)} of {duration(response.audio_ms)} played"
    return line


def _figures(report: analysis.Report) -> Iterator[str]:
    yield from _totals(report)
    yield from _histograms(report)
    if isinstance(report.live, analysis.LiveReport):
        yield from _live(report.live)
    if report.interruption_count:
        text = f"{report.interruption_count:,}: {format_counts(report.interrupted_by)}"
        yield from _row("interruptions", text)
        yield from _first(report.interruptions, _interruption)
    if report.gap_count:
        yield from _row("gaps", format_percentiles(report.gap_time))
        yield from _first(
            sorted(report.gaps, key=lambda gap: -gap.gap_ms),
            lambda gap: (
                f"{clock(gap.at_ms)}  {duration(gap.gap_ms)}, {duration(gap.played_ms)} into turn {gap.turn}"
            ),
        )


def _live(found: analysis.LiveReport) -> Iterator[str]:
    places = f" in {plural(found.overlap_count, 'place')}" if found.overlap_count else ""
    speech = f"{duration(found.speech_ms)} audible"
    yield from _row("model's speech", f"{speech}, {duration(found.overlap_ms)} while the user spoke{places}")
    if found.delegation_count:
        times = f": {format_percentiles(found.delegation_time)}" if found.delegation_time.count else ""
        yield from _row("delegations", f"{found.delegation_count:,}{times}")
    if found.context_used is not None:
        yield from _row("context", f"at most {found.context_used:.0%} used")


def _totals(found: analysis.Report | analysis.Summary) -> Iterator[str]:
    total = f"{plural(found.turn_count, 'turn')}, {plural(found.response_count, 'response')}"
    yield from _row("total", f"{total}: {format_counts(found.statuses)}" if found.statuses else total)


def _histograms(found: analysis.Report | analysis.Summary) -> Iterator[str]:
    for name, histogram in (
        ("first audio", found.latency),
        ("from created", found.created_latency),
        ("function calls", found.call_time),
    ):
        if histogram.count:
            yield from _row(name, format_percentiles(histogram))


def _interruption(found: analysis.InterruptionReport) -> str:
    into = "before its audio" if found.into_ms is None else f"{duration(found.into_ms)} in"
    return f"{clock(found.at_ms)}  turn {found.turn}, {_INTERRUPTED_BY[found.by]}, {into}"


def _first(found: Sequence[T], line: Callable[[T], str]) -> Iterator[str]:
    for each in found[:_MAX_ROWS]:
        yield from wrap(line(each), _INDENT)
    if len(found) > _MAX_ROWS:
        yield f"{_INDENT}and {len(found) - _MAX_ROWS:,} more"


def _problems(report: analysis.Report) -> Iterator[str]:
    if report.call_problems:
        yield from _row("call problems", format_counts(report.call_problems))
    for stray in report.stray_outputs[:_MAX_ROWS]:
        id, output = one_line(stray.call_id or "no id"), one_line(stray.output, _MAX_CALL_TEXT)
        yield from wrap(f"{clock(stray.at_ms)}  output for {id}: {output}", _INDENT)
        yield from _call_problems(stray.problems)
    if len(report.stray_outputs) > _MAX_ROWS:
        yield f"{_INDENT}and {len(report.stray_outputs) - _MAX_ROWS:,} more"
    if report.error_count:
        yield from _row("errors", f"{report.error_count:,}: {format_counts(report.error_codes)}")
        yield from _first(
            report.errors,
            lambda error: (
                f"{clock(error.at_ms)}  {one_line(error.code or error.type or error.source)}: "
                f"{one_line(error.message)}"
            ),
        )
    if report.unknown_types:
        yield from _row("unknown types", format_counts(report.unknown_types))
    if report.broken:
        yield from _row("broken lines", f"{report.broken:,}")
        yield from _first(report.broken_lines, lambda line: f"line {line.line:,}: {one_line(line.reason)}")
    if report.undecodable:
        yield from _row("undecodable", plural(report.undecodable, "frame"))
        yield from _first(
            report.undecodable_frames, lambda line: f"line {line.line:,}: {one_line(line.reason)}"
        )


def _usage(report: analysis.Report) -> Iterator[str]:
    for limit in report.rate_limits:
        left = f"{limit.remaining:,} of {limit.limit:,} left" if limit.limit else f"{limit.remaining:,} left"
        yield from _row("rate limit", f"{one_line(limit.name)}: minimum {left}, at {clock(limit.at_ms)}")
    usage = report.usage
    if usage.responses.total:
        yield from _row("tokens", format_tokens(usage.responses))
    if usage.session_seconds:
        yield from _row("billed time", duration(usage.session_seconds * 1000))
    yield from _cost(report.cost)


def _cost(cost: analysis.CostReport) -> Iterator[str]:
    known = ", ".join(
        f"{item.use} {money(item.usd)} ({one_line(item.model or '')})"
        for item in cost.items
        if item.usd is not None
    )
    details = f": {known}" if known else ""
    if cost.usd is not None:
        yield from _row("cost", f"{money(cost.usd)}{details}")
        return
    yield from _row("cost", f"not known in full; the known part is {money(cost.known_usd)}{details}")
    for item in cost.items:
        if item.problem is not None:
            yield from wrap(f"{item.use}: {one_line(item.problem)}", _INDENT)


# --- Many calls in lines ---------------------------------------------------------------


def summary_lines(summary: analysis.Summary) -> Iterator[str]:
    """Yield the lines that describe many calls: their totals, and the worst by each measure."""
    size = f"{duration(summary.duration_ms)}, {format_nbytes(summary.nbytes)}"
    yield from _row("calls", f"{summary.calls:,}, {size}")
    for name, counts in (("models", summary.models), ("dialects", summary.dialects)):
        if counts:
            yield from _row(name, format_counts(counts))
    yield from _audio_row(summary)
    yield from _totals(summary)
    yield from _histograms(summary)
    if isinstance(summary.live, analysis.LiveReport):
        yield from _live(summary.live)
    if summary.gap_time.count:
        yield from _row("gaps", format_percentiles(summary.gap_time))
    for name, number, counts in (
        ("interruptions", summary.interruption_count, summary.interrupted_by),
        ("errors", summary.error_count, summary.error_codes),
    ):
        if number:
            yield from _row(name, f"{number:,}: {format_counts(counts)}")
    if summary.unknown_types:
        yield from _row("unknown types", format_counts(summary.unknown_types))
    if summary.call_problems:
        yield from _row("call problems", format_counts(summary.call_problems))
    for name, number in (("broken lines", summary.broken), ("undecodable", summary.undecodable)):
        if number:
            yield from _row(name, f"{number:,}")
    if summary.usage.responses.total:
        yield from _row("tokens", format_tokens(summary.usage.responses))
    if summary.usage.session_seconds:
        yield from _row("billed time", duration(summary.usage.session_seconds * 1000))
    unpriced = f"; not known in full for {plural(summary.unpriced, 'call')}" if summary.unpriced else ""
    yield from _row("cost", f"{money(summary.known_usd)}{unpriced}")
    for measure, (title, shown) in _WORST.items():
        for number, call in enumerate(summary.worst.get(measure, ())[:_MAX_WORST]):
            yield f"{'' if number else title:<16}{shown(call.value):>10}  {one_line(call.log)}"


# --- Figures ---------------------------------------------------------------------------


def format_counts(counts: Mapping[str, int], limit: int = 6) -> str:
    """Format counts by name, the most frequent first: "3 a, 2 b, and 4 more"."""
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    more = f", and {len(ranked) - limit} more" if len(ranked) > limit else ""
    shown = (f"{number:,} {one_line(name) or '(none)'}" for name, number in ranked[:limit])
    return ", ".join(shown) + more


def format_percentiles(histogram: analysis.Histogram) -> str:
    """Format the percentiles of a histogram of milliseconds, and its number of values."""
    values = ((name, histogram.quantile(q)) for name, q in _QUANTILES.items())
    shown = (f"{name} {duration(value)}" for name, value in values if value is not None)
    return f"{', '.join(shown)}; of {histogram.count:,}"
