"""What the page is told: a Report and a Timeline as one JSON object, bounded, its texts made harmless to read.

Markup needs no care here, as the page never makes any of it; but texts come from the network, and
so are cut, and lose what would turn them around or is no character at all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pybase64

from .._secrets import without_keys
from ._kept import LIMITS, MAX_ALL_CHARS, MAX_TEXT_CHARS
from ._timeline import Timeline
from ._words import clock, count, money
from .report import CostReport, Report, SessionReport, Turn

_MAX_NAMES: Final = 5

# What changes the direction of text around it, ends lines or shows nothing: all but tab and line feed.
_HARMFUL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def page_model(report: Report, timeline: Timeline) -> dict[str, Any]:
    """The object that the page's script reads as `call`. Times are milliseconds of the log.

    Its members: `title`, the log's name; `facts`, what is shown large (`_fact`), and `details`, small, by
    name; `notes`, sentences of what is not there; `start_ms` and `end_ms` of the time line. `waves`, of
    "caller" and "assistant" each `Envelope` with its data in base64; `sent`, spans of the caller's audio, and
    `heard`, of the assistant's with their responses. `turns` and `gaps` are those of the report, less tokens;
    `slowest_ms`, its greatest latency. `events` are `Row`s without names; `events_left_out` rows are missing
    before that of index `events_gap_at`.
    """
    texts = _Texts(MAX_ALL_CHARS)
    turns = report.turns[: LIMITS["turns"]]
    events, sound = timeline.events, timeline.sound
    end_ms = max(timeline.end_ms, timeline.start_ms + 1)
    return {
        "title": title_of(report.logs),
        "facts": [*_facts(report)],
        "details": [(name, shown(value, 500)) for name, value in _details(report)],
        "notes": [shown(note, 1000) for note in _notes(report, timeline)],
        "start_ms": timeline.start_ms,
        "end_ms": end_ms,
        "waves": {side: _wave(timeline, side, end_ms) for side in ("caller", "assistant")},
        "sent": [[span.start_ms, span.end_ms] for span in sound.caller],
        "heard": [[span.start_ms, span.end_ms, shown(span.response, 80)] for span in sound.assistant],
        "turns": [_turn(turn, texts) for turn in turns],
        "gaps": [{"at_ms": gap.at_ms, "gap_ms": gap.gap_ms} for gap in report.gaps],
        "slowest_ms": report.latency.max,
        "events": [[*msgspec.structs.astuple(row)] for row in events],
        "events_left_out": events.left_out,
        "events_gap_at": events.gap_at,
    }


def title_of(logs: list[str]) -> str:
    """The name of the log, without its folder."""
    return shown(os.path.basename(logs[-1]) if logs else "", 120) or "call"


def shown(text: str, most: int = MAX_TEXT_CHARS) -> str:
    """The beginning of a text without keys, what is harmful in it written as an escape."""
    text = without_keys(text)
    text = text if len(text) <= most else f"{text[: most - 3]}..."
    return _HARMFUL.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


class _Texts:
    """Makes texts harmless; together they have so many characters and no more."""

    def __init__(self, left: int) -> None:
        self._left = left

    def of(self, text: str) -> str:
        text = shown(text, MAX_TEXT_CHARS)
        if len(text) > self._left:
            text = "..."
        self._left = max(0, self._left - len(text))
        return text

    def within(self, value: Any) -> Any:
        """The same for every text in a value of JSON."""
        if isinstance(value, str):
            return self.of(value)
        if isinstance(value, dict):
            return {key: self.within(each) for key, each in value.items()}
        return [self.within(each) for each in value] if isinstance(value, list) else value


def _turn(turn: Turn, texts: _Texts) -> dict[str, Any]:
    built = msgspec.to_builtins(turn)
    for response in built["responses"]:
        del response["tokens"]
    found: dict[str, Any] = texts.within(built)
    return found


def _wave(timeline: Timeline, side: str, end_ms: float) -> dict[str, Any]:
    envelope = timeline.sound.envelope(side, end_ms)
    return {"bin_ms": envelope.bin_ms, "data": pybase64.b64encode(envelope.data).decode()}


# --- The header ------------------------------------------------------------------------


def _facts(report: Report) -> Iterator[dict[str, str]]:
    """What is shown large: a label, a value, a note below it, and whether it is bad."""
    latency, gaps, codes = report.latency, report.gap_time, report.error_codes
    yield _fact("Duration", clock(report.duration_ms), _speech(report))
    yield _fact("Turns", f"{report.turn_count:,}", count(report.response_count, "response"))
    yield _fact(
        "First audio, median",
        _ms(latency.quantile(0.5)),
        f"of {count(latency.count, 'response')}" if latency.count else "",
    )
    yield _fact(
        "First audio, slowest", _ms(latency.max), f"p90 {_ms(latency.quantile(0.9))}" if latency.count else ""
    )
    yield _fact("Interruptions", f"{report.interruption_count:,}", "")
    yield _fact(
        "Gaps",
        f"{report.gap_count:,}",
        f"longest {_ms(gaps.max)}" if gaps.count else "",
        bad=report.gap_count > 0,
    )
    yield _fact("Errors", f"{report.error_count:,}", shown(_names(codes), 60), bad=report.error_count > 0)
    yield _fact("Cost", *_cost(report.cost))


def _fact(label: str, value: str, note: str, *, bad: bool = False) -> dict[str, str]:
    return {"label": label, "value": value, "note": note, "tone": "bad" if bad else ""}


def _speech(report: Report) -> str:
    return f"{clock(report.user_audio_ms)} sent, {clock(report.assistant_audio_ms)} received"


def _cost(cost: CostReport) -> tuple[str, str]:
    problems = [item.problem for item in cost.items if item.problem]
    if cost.usd is not None:
        return money(cost.usd), ""
    known = f"{money(cost.known_usd)} is known; " if cost.known_usd else ""
    return "unknown", shown(known + (problems[0] if problems else ""), 120)


def _details(report: Report) -> Iterator[tuple[str, str]]:
    """What is shown small."""
    session = report.sessions[-1] if report.sessions else None
    yield "Log", ", ".join(map(os.path.basename, report.logs[-_MAX_NAMES:]))
    if session is not None:
        yield from _session(session)
    if len(report.sessions) > 1:
        yield "Sessions", f"{len(report.sessions):,} in this log"
    tokens = report.usage.responses
    if tokens.total:
        yield "Tokens", f"{tokens.input:,} in ({tokens.cached:,} cached), {tokens.output:,} out"
    counts = {
        side: sum(each.frames for each in report.frames if each.direction == side)
        for side in ("client", "server")
    }
    yield "Frames", f"{counts['client']:,} sent, {counts['server']:,} received, {report.nbytes:,} bytes"
    if report.call_count:
        slowest = f", the slowest {_ms(report.call_time.max)}" if report.call_time.count else ""
        yield "Function calls", f"{report.call_count:,}{slowest}"


def _session(session: SessionReport) -> Iterator[tuple[str, str]]:
    yield "Session", session.id or "not told"
    yield "Model", session.model or "not told"
    yield "Dialect", session.dialect
    told = [(session.input_format, session.input_rate), (session.output_format, session.output_rate)]
    names = [f"{name} {rate / 1000:g} kHz" for name, rate in told]
    yield "Audio", names[0] if names[0] == names[1] else f"{names[0]} in, {names[1]} out"
    yield "Turn detection", session.turn_detection or "none"
    if session.voice:
        yield "Voice", session.voice
    if session.transcription_model:
        yield "Transcription", session.transcription_model


def _notes(report: Report, timeline: Timeline) -> Iterator[str]:
    """What a reader must know of what is not there."""
    sound, left_out = timeline.sound, dict(report.left_out)
    if timeline.broken:
        yield f"{count(timeline.broken, 'line')} of the log could not be read."
    if report.undecodable:
        yield f"{count(report.undecodable, 'frame')} did not decode."
    if report.unknown_types:
        yield f"Events of types that are not known: {_names(report.unknown_types)}."
    if not timeline.frames:
        yield "The log holds no frames."
    elif sound.is_left_out:
        yield "Audio was left out of the log: where there was some is shown, but not how it sounds."
    elif not sound.caller and not sound.assistant:
        yield "The log holds no audio."
    if sound.is_too_long or timeline.beyond:
        yield f"The timeline ends after 12 hours. In the list alone: {count(timeline.beyond, 'later frame')}."
    if len(report.turns) > LIMITS["turns"]:
        left_out["turns"] = left_out.get("turns", 0) + len(report.turns) - LIMITS["turns"]
    if timeline.events.left_out:
        left_out["rows of the list of events"] = timeline.events.left_out
    told = ", ".join(f"{number:,} {name}" for name, number in left_out.items() if number)
    if told:
        yield f"Cut short or left out, as there is too much of it: {told}."


def _names(counts: dict[str, int]) -> str:
    """The most frequent names, and how many more there are."""
    ordered = sorted(counts, key=lambda name: -counts[name])
    some = [
        shown(name, 80) + (f" ({counts[name]:,})" if counts[name] > 1 else "")
        for name in ordered[:_MAX_NAMES]
    ]
    more = len(ordered) - _MAX_NAMES
    return ", ".join([*some, f"{more:,} more"] if more > 0 else some)


def _ms(ms: float | None) -> str:
    return "none" if ms is None else f"{ms:,.0f} ms"
