"""One call in lines: its facts, then turn by turn what was said, answered and cut, then what it took."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeVar

from ..analysis import (
    CallReport,
    CostReport,
    InterruptionReport,
    Report,
    ResponseReport,
    SessionReport,
    Turn,
    UserInput,
)
from ..analysis._words import clock, count, money, span
from ._words import counts, nbytes, printable, said, spread, tokens, wrapped

T = TypeVar("T")

_INDENT: Final = " " * 16
_SHOWN: Final = 10
_SINCE: Final = {
    "speech_end": "after the speech",
    "commit": "after the commit",
    "response_create": "after response.create",
    "timeout": "after the timeout",
}
_BY: Final = {"speech": "by the user's speech", "client": "by the client", "server": "by the server"}
_FORMATS: Final = {"pcm16": "PCM16", "g711_ulaw": "mu-law", "g711_alaw": "A-law"}


def lines(report: Report) -> Iterator[str]:
    """Everything that there is to say about a call."""
    yield from _facts(report)
    for turn in report.turns:
        yield ""
        yield from _turn(turn)
    yield ""
    yield from _figures(report)
    yield from _troubles(report)
    yield from _took(report)
    if report.left_out:
        yield from _row("left out", f"{counts(report.left_out)}: this is no ordinary call")


def _row(name: str, text: str) -> Iterator[str]:
    yield from wrapped(text, _INDENT, f"{name:<16}")


# --- What call it is -------------------------------------------------------------------


def _facts(report: Report) -> Iterator[str]:
    yield from _row("log", ", ".join(map(printable, report.logs)) or "none")
    for session in report.sessions:
        yield from _row("session", _session(session))
    frames = {"client": 0, "server": 0}
    for found in report.frames:
        frames[found.direction] += found.frames
    told = f"{frames['client']:,} from the client, {frames['server']:,} from the server"
    yield from _row("frames", f"{told}, {nbytes(report.nbytes)} in {span(report.duration_ms)}")
    audio = f"{span(report.user_audio_ms)} sent, {span(report.assistant_audio_ms)} received"
    yield from _row("audio", audio)


def _session(session: SessionReport) -> str:
    model = printable(session.model or "of an unknown model")
    coded = [
        f"{_FORMATS.get(name, name)} {rate:,} Hz"
        for name, rate in (
            (session.input_format, session.input_rate),
            (session.output_format, session.output_rate),
        )
    ]
    formats = coded[0] if coded[0] == coded[1] else f"{coded[0]} in, {coded[1]} out"
    detection = session.turn_detection and printable(session.turn_detection)
    turns = detection or "no turn detection"
    id = printable(session.id or "without an id")
    return f"{id}: {model}, {session.dialect}, {formats}, {turns}"


# --- Turns -----------------------------------------------------------------------------


def _turn(turn: Turn) -> Iterator[str]:
    title = f"turn {turn.number}"
    if turn.user is None:
        yield f"{title:<16}{clock(turn.at_ms)}  nobody said anything before"
    else:
        yield f"{title:<16}{_user(turn.user)}"
        if turn.user.transcript:
            yield from said(turn.user.transcript, _INDENT)
        if turn.user.transcription_error:
            yield from wrapped(f"not transcribed: {printable(turn.user.transcription_error)}", _INDENT)
    for response in turn.responses:
        yield from _response(response)


def _user(user: UserInput) -> str:
    what = {"speech": "the user speaks", "audio": "the user's audio", "text": "the user writes"}[user.kind]
    if user.kind == "text":
        return f"{clock(user.start_ms)}  {what}"
    end = "" if user.end_ms is None else f" until {clock(user.end_ms)}"
    audio = f", {span(user.audio_ms)} of audio" if user.audio_ms else ""
    return f"{clock(user.start_ms)}  {what}{end}{audio}"


def _response(response: ResponseReport) -> Iterator[str]:
    at_ms = next(
        (
            ms
            for ms in (response.first_audio_ms, response.first_text_ms, response.created_ms)
            if ms is not None
        ),
        0.0,
    )
    yield from wrapped(f"{clock(at_ms)}  {', '.join(_about(response))}", _INDENT, "  answer        ")
    if response.transcript:
        yield from said(response.transcript, _INDENT)
    for call in response.calls:
        yield from wrapped(_call(call), _INDENT)
    if response.interrupted_by is not None:
        yield from wrapped(_cut(response), _INDENT)


def _about(response: ResponseReport) -> Iterator[str]:
    if response.latency_ms is not None:
        yield f"{span(response.latency_ms)} {_SINCE[response.latency_from or 'speech_end']}"
    if response.created_latency_ms is not None:
        yield f"{span(response.created_latency_ms)} after response.created"
    if response.audio_ms:
        yield f"{span(response.audio_ms)} of audio"
    elif not response.transcript and not response.calls:
        yield "no audio, no text"
    if response.gaps:
        yield count(response.gaps, "gap")
    if response.status is not None and response.status != "completed":
        reason = f" ({printable(response.reason)})" if response.reason else ""
        yield f"{printable(response.status)}{reason}"
    elif response.status is None and response.id is not None:
        yield "never done"


def _call(call: CallReport) -> str:
    where = f" of {printable(call.server)}" if call.server else ""
    if call.took_ms is None:
        return f"calls {printable(call.name)}{where}: no output came"
    return f"calls {printable(call.name)}{where}: {'failed' if call.failed else 'output'} after {span(call.took_ms)}"


def _cut(response: ResponseReport) -> str:
    by = _BY[response.interrupted_by or "server"]
    text = f"cut {by} at {clock(response.interrupted_ms or 0.0)}"
    if response.heard_ms is not None:
        text += f": {span(response.heard_ms)} of {span(response.audio_ms)} were heard"
    return text


# --- Figures ---------------------------------------------------------------------------


def _figures(report: Report) -> Iterator[str]:
    turns = f"{count(report.turn_count, 'turn')}, {count(report.response_count, 'response')}"
    statuses = f": {counts(report.statuses)}" if report.statuses else ""
    yield from _row("in all", turns + statuses)
    for name, histogram in (
        ("first audio", report.latency),
        ("from created", report.created_latency),
        ("function calls", report.call_time),
    ):
        if histogram.count:
            yield from _row(name, spread(histogram))
    if report.interruption_count:
        yield from _row("interruptions", f"{report.interruption_count:,}: {counts(report.interrupted_by)}")
        yield from _shown(report.interruptions, _interruption)
    if report.gap_count:
        yield from _row("gaps", spread(report.gap_time))
        yield from _shown(
            sorted(report.gaps, key=lambda gap: -gap.gap_ms),
            lambda gap: f"{clock(gap.at_ms)}  {span(gap.gap_ms)}, {span(gap.played_ms)} into turn {gap.turn}",
        )


def _interruption(found: InterruptionReport) -> str:
    into = "before its audio" if found.into_ms is None else f"{span(found.into_ms)} in"
    return f"{clock(found.at_ms)}  turn {found.turn}, {_BY[found.by]}, {into}"


def _shown(found: Sequence[T], line: Callable[[T], str]) -> Iterator[str]:
    for each in found[:_SHOWN]:
        yield from wrapped(line(each), _INDENT)
    if len(found) > _SHOWN:
        yield f"{_INDENT}and {len(found) - _SHOWN:,} more"


def _troubles(report: Report) -> Iterator[str]:
    if report.error_count:
        yield from _row("errors", f"{report.error_count:,}: {counts(report.error_codes)}")
        yield from _shown(
            report.errors,
            lambda error: (
                f"{clock(error.at_ms)}  {printable(error.code or error.type or error.source)}: "
                f"{printable(error.message)}"
            ),
        )
    if report.unknown_types:
        yield from _row("unknown types", counts(report.unknown_types))
    if report.broken:
        yield from _row("broken lines", f"{report.broken:,}")
        yield from _shown(report.broken_lines, lambda line: f"line {line.line:,}: {printable(line.reason)}")
    if report.undecodable:
        yield from _row("undecodable", count(report.undecodable, "frame"))
        yield from _shown(
            report.undecodable_frames, lambda line: f"line {line.line:,}: {printable(line.reason)}"
        )


def _took(report: Report) -> Iterator[str]:
    for limit in report.rate_limits:
        left = f"{limit.remaining:,} of {limit.limit:,} left" if limit.limit else f"{limit.remaining:,} left"
        yield from _row("rate limit", f"{printable(limit.name)}: {left} at {clock(limit.at_ms)}, the least")
    usage = report.usage
    if usage.responses.total:
        yield from _row("tokens", tokens(usage.responses))
    if usage.session_seconds:
        yield from _row("billed time", span(usage.session_seconds * 1000))
    yield from _cost(report.cost)


def _cost(cost: CostReport) -> Iterator[str]:
    """What a call cost, by use, and what is not known of it."""
    known = ", ".join(
        f"{item.use} {money(item.usd)} ({printable(item.model or '')})"
        for item in cost.items
        if item.usd is not None
    )
    if cost.usd is not None:
        yield from _row("cost", f"{money(cost.usd)}{': ' + known if known else ''}")
        return
    yield from _row("cost", f"not known; of it {money(cost.known_usd)} is{': ' + known if known else ''}")
    for item in cost.items:
        if item.problem is not None:
            yield from wrapped(f"{item.use}: {printable(item.problem)}", _INDENT)
