"""The page of a call: one HTML file that loads nothing else, to view a log and listen to it.

A log may be hostile. Its content goes into the page as JSON in which no markup can begin, and into
the document as text. Only the page's own script and style can run: the Content-Security-Policy admits
them by their hashes. The files in `_page` are the parts of the page; `timeline` reads the log.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pybase64
from msgspec import UnsetType

from .._files import replacing
from .._provider import ProviderLike
from .._secrets import without_keys
from .._text import clock, money, plural, shorten
from ..recording.log import LogPath, ensure_not_input, path_list
from .inspector import inspect_log
from .report import (
    LIMITS,
    MAX_TEXT_CHARS,
    MAX_TOTAL_CHARS,
    PROBLEMS,
    CostReport,
    LiveReport,
    Report,
    SessionReport,
    Turn,
)
from .timeline import Envelope, Timeline, read_timeline

# A call shorter than this has its audio in the page by default.
MAX_DEFAULT_AUDIO_MS: Final = 10 * 60 * 1000
# The files of the script, in order: each uses what the earlier ones define.
_SCRIPTS: Final = ("data", "view", "paint", "timeline", "sound", "turns", "events", "main")
_ESCAPES: Final = {
    b"<": b"\\u003c",
    b">": b"\\u003e",
    b"&": b"\\u0026",
    b"\xe2\x80\xa8": b"\\u2028",
    b"\xe2\x80\xa9": b"\\u2029",
}
_ESCAPED: Final = re.compile(b"|".join(_ESCAPES))
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
_MAX_NAMES: Final = 5
# The sessions of which the page shows what they did not get.
_MAX_SESSIONS: Final = 20
# Controls, direction marks, line separators and invisible characters: all but tab and line feed.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028\u2029\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class PageStats:
    """Figures of a page that `write_page` wrote.

    Attributes:
        nbytes: size of the file.
        duration_ms: length of the timeline.
        turns, events: number of turns, and of rows in the list of events.
        events_left_out: number of rows that are not in the list.
        audio_ms: length of the audio in the page; 0 if it has none.
    """

    nbytes: int
    duration_ms: float
    turns: int
    events: int
    events_left_out: int
    audio_ms: float


def write_page(
    log: LogPath | Iterable[LogPath],
    out: LogPath,
    *,
    report: Report | None = None,
    audio: bool | None = None,
    provider: ProviderLike | None = None,
) -> PageStats:
    """Write the page of one call.

    An existing file is replaced once the page is complete; a failure leaves it unchanged. A pipe or
    a device such as /dev/stdout is written to directly.

    Args:
        log: a path, or the paths of a rotated log in order (`log_files`).
        out: the HTML file.
        report: the result of `inspect_log` for the same log. If None, the log is inspected.
        audio: True to include the audio of the call, as 8 kHz mu-law in stereo (1.3 MB a minute).
            If None, it is included for calls shorter than ten minutes.
        provider: that of `inspect_log`.

    Raises:
        OSError: a file cannot be read or written.
        ConfigError: the log ends in .zst and no module for it is installed; `out` is a file of the log;
            `provider` is not known.
    """
    paths = path_list(log)
    ensure_not_input(paths, out)
    report = inspect_log(paths, provider=provider) if report is None else report
    with read_timeline(paths, provider) as timeline:
        model = page_model(report, timeline)
        found = timeline.audio
        has_audio = bool(found.caller or found.assistant) and not found.is_left_out
        is_long = found.end_ms - timeline.start_ms >= MAX_DEFAULT_AUDIO_MS
        audio = has_audio and (not is_long if audio is None else audio)
        with replacing(os.fspath(out)) as file:
            nbytes = sum(file.write(piece) for piece in _page(model, timeline if audio else None))
        return PageStats(
            nbytes=nbytes,
            duration_ms=timeline.end_ms - timeline.start_ms,
            turns=len(model["turns"]),
            events=len(model["events"]),
            events_left_out=timeline.events.left_out,
            audio_ms=found.end_ms - timeline.start_ms if audio else 0.0,
        )


# --- The file --------------------------------------------------------------------------


def _page(model: dict[str, Any], audible: Timeline | None) -> Iterator[bytes]:
    """Yield the page in pieces, so that its audio is never in memory all at once."""
    style = _part("page.css")
    scripts = "".join(_part(f"{name}.js") for name in _SCRIPTS)
    script = f"(() => {{\n'use strict';\n{scripts}}})();\n"
    texts = {"policy": _policy(style, script), "style": style, "script": script}
    template = _PLACEHOLDER.split(_part("page.html"))
    for literal, name in zip(template[::2], [*template[1::2], ""], strict=True):
        yield literal.encode()
        if name == "data":
            yield script_json(model)
        elif name == "sound" and audible is not None:
            yield b' src="data:audio/wav;base64,'
            yield from audible.audio.wav_base64()
            yield b'"'
        elif name in texts:
            yield texts[name].encode()


def script_json(value: Any) -> bytes:
    """Encode a value as JSON for a script element: no markup and no comment can begin in it."""
    return _ESCAPED.sub(lambda found: _ESCAPES[found.group()], msgspec.json.encode(value))


def _policy(style: str, script: str) -> str:
    """Return a policy under which only these texts run, nothing is loaded and no markup is created."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "media-src data:; img-src data:; base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{pybase64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _part(name: str) -> str:
    package = __package__ or ""
    return (importlib.resources.files(package) / "_page" / name).read_text(encoding="utf-8")


# --- The data --------------------------------------------------------------------------


def page_model(report: Report, timeline: Timeline) -> dict[str, Any]:
    """Return the object that the page's script reads as `call`. Times are milliseconds of the log.

    Members:
        title: the log's name.
        facts: the large figures, see `_fact`. details: the small ones, as pairs of name and value.
        notes: sentences about what is missing.
        start_ms, end_ms: the range of the timeline.
        waves: for "caller" and "assistant", an `Envelope` with its data in base64.
        sent: spans of the caller's audio. heard: spans of the assistant's, with their responses.
        turns, gaps: those of the report, without tokens. slowest_ms: its greatest latency.
        problems: the sentence of each kind of a call's problems.
        events: `Row`s as arrays. events_left_out: number of rows missing before index events_gap_at.
    """
    texts = _TextLimiter(MAX_TOTAL_CHARS)
    turns = report.turns[: LIMITS["turns"]]
    events, audio = timeline.events, timeline.audio
    end_ms = max(timeline.end_ms, timeline.start_ms + 1)
    return {
        "title": page_title(report.logs),
        "facts": [*_facts(report)],
        "details": [(name, display_text(value, 500)) for name, value in _details(report)],
        "notes": [display_text(note, 1000) for note in _notes(report, timeline)],
        "start_ms": timeline.start_ms,
        "end_ms": end_ms,
        "waves": {side: _wave(audio.envelope(side, end_ms)) for side in ("caller", "assistant")},
        "sent": [[span.start_ms, span.end_ms] for span in audio.caller],
        "heard": [[span.start_ms, span.end_ms, display_text(span.response, 80)] for span in audio.assistant],
        "turns": [texts.limit(_without_tokens(turn)) for turn in turns],
        "problems": PROBLEMS,
        "gaps": [{"at_ms": gap.at_ms, "gap_ms": gap.gap_ms} for gap in report.gaps],
        "slowest_ms": report.latency.max,
        "events": [[*msgspec.structs.astuple(row)] for row in events],
        "events_left_out": events.left_out,
        "events_gap_at": events.gap_at,
    }


def page_title(logs: list[str]) -> str:
    """Return the name of the last file, without its folder."""
    return display_text(os.path.basename(logs[-1]) if logs else "", 120) or "call"


def display_text(text: str, limit: int = MAX_TEXT_CHARS) -> str:
    """Return at most `limit` characters of `text` without credentials; unsafe characters are escaped."""
    text = shorten(without_keys(text), limit)
    return _UNSAFE.sub(lambda found: found.group().encode("unicode_escape").decode(), text)


class _TextLimiter:
    """Makes texts safe to display and limits their total length."""

    def __init__(self, nchars: int) -> None:
        self._left = nchars

    def limit(self, value: Any) -> Any:
        """Return a JSON value with every text in it limited."""
        if isinstance(value, str):
            text = display_text(value, MAX_TEXT_CHARS)
            if len(text) > self._left:
                text = "..."
            self._left = max(0, self._left - len(text))
            return text
        if isinstance(value, dict):
            return {key: self.limit(each) for key, each in value.items()}
        return [self.limit(each) for each in value] if isinstance(value, list) else value


def _without_tokens(turn: Turn) -> dict[str, Any]:
    built: dict[str, Any] = msgspec.to_builtins(turn)
    for response in built["responses"]:
        del response["tokens"]
    return built


def _wave(envelope: Envelope) -> dict[str, Any]:
    return {"bin_ms": envelope.bin_ms, "data": pybase64.b64encode(envelope.data).decode()}


def _facts(report: Report) -> Iterator[dict[str, str]]:
    """Yield the large figures."""
    latency, gaps, errors = report.latency, report.gap_count, report.error_count
    sent, received = clock(report.user_audio_ms), clock(report.assistant_audio_ms)
    of_responses = f"of {plural(latency.count, 'response')}" if latency.count else ""
    p90 = f"p90 {_ms(latency.quantile(0.9))}" if latency.count else ""
    longest = f"longest {_ms(report.gap_time.max)}" if report.gap_time.count else ""
    codes = display_text(_names(report.error_codes), 60)
    yield _fact("Duration", clock(report.duration_ms), f"{sent} sent, {received} received")
    yield _fact("Turns", f"{report.turn_count:,}", plural(report.response_count, "response"))
    yield _fact("First audio, median", _ms(latency.quantile(0.5)), of_responses)
    yield _fact("First audio, slowest", _ms(latency.max), p90)
    if isinstance(report.live, LiveReport):
        places = plural(report.live.overlap_count, "place")
        yield _fact("Overlap", _ms(report.live.overlap_ms), f"both sides spoke in {places}")
    if not report.live or report.interruption_count:
        yield _fact("Interruptions", f"{report.interruption_count:,}")
    yield _fact("Gaps", f"{gaps:,}", longest, is_problem=gaps > 0)
    yield _fact("Errors", f"{errors:,}", codes, is_problem=errors > 0)
    yield _fact("Cost", *_cost(report.cost))


def _fact(label: str, value: str, note: str = "", *, is_problem: bool = False) -> dict[str, str]:
    """Return a figure: its label, its value, a note below it, and its tone, "bad" if it is a problem."""
    return {"label": label, "value": value, "note": note, "tone": "bad" if is_problem else ""}


def _cost(cost: CostReport) -> tuple[str, str]:
    problems = [item.problem for item in cost.items if item.problem]
    if cost.usd is not None:
        return money(cost.usd), ""
    known = f"{money(cost.known_usd)} is known; " if cost.known_usd else ""
    return "unknown", display_text(known + (problems[0] if problems else ""), 120)


def _details(report: Report) -> Iterator[tuple[str, str]]:
    """Yield the small figures, as name and value."""
    yield "Log", ", ".join(map(os.path.basename, report.logs[-_MAX_NAMES:]))
    if report.sessions:
        yield from _session(report.sessions[-1])
    if len(report.sessions) > 1:
        yield "Sessions", f"{len(report.sessions):,} in this log"
    tokens = report.usage.responses
    if tokens.total:
        yield "Tokens", f"{tokens.input:,} in ({tokens.cached:,} cached), {tokens.output:,} out"
    sent = sum(count.frames for count in report.frames if count.direction == "client")
    received = sum(count.frames for count in report.frames if count.direction == "server")
    yield "Frames", f"{sent:,} sent, {received:,} received, {report.nbytes:,} bytes"
    if report.call_count:
        slowest = f", the slowest {_ms(report.call_time.max)}" if report.call_time.count else ""
        yield "Function calls", f"{report.call_count:,}{slowest}"
    if isinstance(report.live, LiveReport) and report.live.delegation_count:
        times = report.live.delegation_time
        slowest = f", the slowest {_ms(times.max)}" if times.count else ""
        yield "Delegations", f"{report.live.delegation_count:,}{slowest}"
    if report.call_problems:
        yield "Call problems", _names(report.call_problems)
    for stray in report.stray_outputs[:_MAX_NAMES]:
        yield "Output of an unknown call", f"{stray.call_id or 'no id'}: {stray.output}"
    for number, session in enumerate(report.sessions[:_MAX_SESSIONS], start=1):
        yield from _differences(session, f" of session {number}" if len(report.sessions) > 1 else "")


def _session(session: SessionReport) -> Iterator[tuple[str, str]]:
    yield "Session", session.id or "not reported"
    yield "Model", session.model or "not reported"
    yield "Dialect", session.dialect
    formats = [(session.input_format, session.input_rate), (session.output_format, session.output_rate)]
    names = [f"{name} {rate / 1000:g} kHz" for name, rate in formats]
    yield "Audio", names[0] if names[0] == names[1] else f"{names[0]} in, {names[1]} out"
    if isinstance(session.delegation, UnsetType):
        yield "Turn detection", session.turn_detection or "none"
    else:
        yield "Delegation", session.delegation or "client"
        yield "Closed", session.closed or "no session.closed"
    if session.voice:
        yield "Voice", session.voice
    if session.transcription_model:
        yield "Transcription", session.transcription_model


def _differences(session: SessionReport, of: str) -> Iterator[tuple[str, str]]:
    """Yield what the client requested of a session and did not get."""
    for each in session.differences:
        actual = "not reported" if each.actual is None else each.actual
        yield f"Not applied{of}", f"{each.path}: requested {each.requested}, session has {actual}"
    if (more := session.difference_count - len(session.differences)) > 0:
        yield f"Not applied{of}", f"{more:,} more"
    if session.unconfirmed_ms is not None:
        yield f"Not confirmed{of}", f"the update at {clock(session.unconfirmed_ms)}"


def _notes(report: Report, timeline: Timeline) -> Iterator[str]:
    """Yield sentences about what is missing."""
    audio, left_out = timeline.audio, dict(report.left_out)
    if timeline.broken:
        yield f"{plural(timeline.broken, 'line')} of the log could not be read."
    if report.undecodable:
        yield f"{plural(report.undecodable, 'frame')} did not decode."
    if report.unknown_types:
        yield f"Events of unknown types: {_names(report.unknown_types)}."
    if not timeline.frames:
        yield "The log holds no frames."
    elif audio.is_left_out:
        yield "The log was recorded without audio: the timeline shows only where there was some."
    elif not audio.caller and not audio.assistant:
        yield "The log holds no audio."
    if audio.is_too_long or timeline.beyond:
        others = plural(timeline.beyond, "frame")
        yield f"The timeline ends after 12 hours. Only in the list of events, earlier or later: {others}."
    if len(report.turns) > LIMITS["turns"]:
        left_out["turns"] = left_out.get("turns", 0) + len(report.turns) - LIMITS["turns"]
    if timeline.events.left_out:
        left_out["rows of the list of events"] = timeline.events.left_out
    missing = ", ".join(f"{number:,} {name}" for name, number in left_out.items() if number)
    if missing:
        yield f"Shortened or left out because of their number: {missing}."


def _names(counts: dict[str, int]) -> str:
    """Return the most frequent names, and the number of the others."""
    ordered = sorted(counts, key=lambda name: -counts[name])
    some = [
        display_text(name, 80) + (f" ({counts[name]:,})" if counts[name] > 1 else "")
        for name in ordered[:_MAX_NAMES]
    ]
    more = len(ordered) - _MAX_NAMES
    return ", ".join([*some, f"{more:,} more"] if more > 0 else some)


def _ms(ms: float | None) -> str:
    return "none" if ms is None else f"{ms:,.0f} ms"
