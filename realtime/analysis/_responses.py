"""Responses of a call: when their audio and text arrived, their gaps and interruptions.

The listener is assumed to play audio as it arrives, one chunk after another. Nothing here reads a
frame: `_call` decodes events and calls these methods. User input is in `_turns`.
"""

from __future__ import annotations

import itertools
from typing import Final

from .._bounded import BoundedDict
from . import report as _report
from ._builder import MAX_READ_CHARS, ReportBuilder, TextBudget, remove_keys
from .report import CallReport, GapReport, InterruptedBy, InterruptionReport, ResponseReport, Turn

# Finished responses are remembered for events that arrive late.
_MAX_RESPONSES: Final = 64
_MAX_PARTS: Final = 64
# The most characters of the text pieces of one response, which usually has a few thousand.
_MAX_PENDING_CHARS: Final = 1 << 18
# Speech is the cause of an interruption if it began at most this long before.
_SPEECH_CAUSES_WITHIN_MS: Final = 3_000.0
# A truncation less than this before the end of the audio is not an interruption.
_END_TOLERANCE_MS: Final = 1.0


class TextPieces:
    """A text that arrives in pieces, until an event has the complete text."""

    __slots__ = ("_pieces", "nchars", "text")

    def __init__(self) -> None:
        self.text: str | None = None
        self.nchars = 0
        self._pieces: list[str] = []

    def add(self, piece: str) -> None:
        """Add a piece. Pieces after the complete text, or beyond what a report can show, are ignored."""
        if self.text is None and self.nchars <= MAX_READ_CHARS:
            self._pieces.append(piece[:MAX_READ_CHARS])
            self.nchars += len(piece)

    def complete(self, text: str) -> None:
        """Replace all pieces by the complete text."""
        self.text = remove_keys(text)[: _report.MAX_TEXT_CHARS + 1]
        self.nchars = len(self.text)
        self._pieces.clear()

    def replace(self, text: str) -> None:
        """Replace all pieces by a newer text, which may still change."""
        self._pieces, self.nchars = [text[:MAX_READ_CHARS]], len(text)

    def read(self) -> str:
        """Return the text received so far."""
        return self.text if self.text is not None else "".join(self._pieces)


class ContentPart:
    """A content part of a response's item."""

    __slots__ = ("audio_ms", "ms_per_byte", "response", "text")

    def __init__(self, response: ResponseState, ms_per_byte: float) -> None:
        self.response, self.ms_per_byte = response, ms_per_byte
        self.audio_ms = 0.0
        self.text = TextPieces()


class ResponseState:
    """A response that may still change.

    Attributes: `report`, what is known of it; `turn`, the turn it answers; `latency_start_ms`, the
    start of its latency; `interruption`, the report of its interruption, if any; `names`, the
    function names of its items.
    """

    __slots__ = (
        "_budget", "_nchars", "calls_without_id", "interruption", "latency_start_ms", "ms_per_byte", "names", "parts", "report",
        "turn",
    )  # fmt: skip

    def __init__(
        self, report: ResponseReport, turn: Turn, ms_per_byte: float, latency_start_ms: float | None = None
    ) -> None:
        self.report, self.turn, self.ms_per_byte = report, turn, ms_per_byte
        self.latency_start_ms = latency_start_ms
        self.parts: dict[tuple[str | None, int], ContentPart] = {}
        self.names: dict[str, str] = {}
        # Complete calls whose id no event has stated so far: their item may still come.
        self.calls_without_id: list[CallReport] = []
        self.interruption: InterruptionReport | None = None
        self._nchars = 0
        self._budget = TextBudget()

    def part(self, item_id: str | None, content_index: int) -> ContentPart:
        """Return a part, creating it if needed. All parts beyond `_MAX_PARTS` are the last one."""
        key = item_id, content_index
        found = self.parts.get(key)
        if found is None:
            if len(self.parts) >= _MAX_PARTS:
                return next(reversed(self.parts.values()))
            found = self.parts[key] = ContentPart(self, self.ms_per_byte)
        return found

    def name_item(self, item_id: str, name: str) -> None:
        """Remember the function name of an item."""
        if len(self.names) < _MAX_PARTS:
            self.names[item_id] = name

    def add_call_without_id(self, call: CallReport) -> None:
        """Store a call until its item or the end of the response comes."""
        if len(self.calls_without_id) < _MAX_PARTS:
            self.calls_without_id.append(call)

    def take_call_without_id(self, name: str) -> None:
        """Drop the first stored call of a function, as its item has come."""
        for index, call in enumerate(self.calls_without_id):
            if call.name == name:
                del self.calls_without_id[index]
                return

    def add_text(self, part: ContentPart, piece: str, time_ms: float) -> None:
        """Add a piece of a part's text."""
        if self.report.first_text_ms is None:
            self.report.first_text_ms = time_ms
        self._nchars += len(piece)
        if self._nchars <= _MAX_PENDING_CHARS:
            part.text.add(piece)

    def write_text(self, builder: ReportBuilder) -> None:
        """Write the text received so far into the report."""
        text = "\n".join(text for part in self.parts.values() if (text := part.text.read()))
        self.report.transcript = builder.text(text, self._budget) or None

    def played_ms(self, part: ContentPart, end_ms: float) -> float:
        """Return the audio that was played if `part` was truncated at `end_ms`: all earlier parts, none later."""
        earlier = itertools.takewhile(lambda each: each is not part, self.parts.values())
        return sum(each.audio_ms for each in earlier) + min(end_ms, part.audio_ms)


class ResponseTracker:
    """Tracks all responses of a log. Attributes: `latest`, the response that began last."""

    def __init__(self, builder: ReportBuilder, gap_ms: float) -> None:
        self._builder, self._report, self._gap_ms = builder, builder.report, gap_ms
        self._responses: BoundedDict[str | None, ResponseState] = BoundedDict(_MAX_RESPONSES)
        self.latest: ResponseState | None = None
        # When playback of all received audio ends, if it is played as it arrives.
        self._playback_end_ms = 0.0
        self._speech_ms = self._cancel_ms = float("-inf")

    # --- Look-up ---

    def begin(self, response: ResponseState) -> None:
        """Add a response."""
        id = response.report.id
        if self.latest is not None and self.latest.report.id is None:
            self.latest.write_text(self._builder)  # without an id, it cannot be looked up later
        self.latest = response
        self._report.response_count += 1
        self._builder.add("responses", response.report, response.turn.responses)
        if id is not None:
            for old in (self._responses.pop(id, None), self._responses.store(id, response)):
                if old is not None:
                    old.write_text(self._builder)

    def get(self, response_id: str | None) -> ResponseState | None:
        """Return the response with this id, if it is known."""
        return self._responses.get(response_id)

    def part_of_item(self, item_id: str | None, content_index: int) -> ContentPart | None:
        """Return the part of this item, if its response is known."""
        key = item_id, content_index
        responses = reversed(self._responses.values())
        return next((response.parts[key] for response in responses if key in response.parts), None)

    def reset(self) -> None:
        """Forget all responses, as their session has ended."""
        self.write_texts()
        self._responses.clear()
        self.latest = None
        self._playback_end_ms = 0.0

    def write_texts(self) -> None:
        """Write the text of all responses received so far into the report."""
        for response in self._responses.values():
            response.write_text(self._builder)
        if self.latest is not None and self.latest.report.id is None:
            self.latest.write_text(self._builder)

    # --- Audio ---

    def add_audio(self, part: ContentPart, nbytes: int, time_ms: float) -> None:
        """Count audio of a part."""
        ms = nbytes * part.ms_per_byte
        response = part.response
        report = response.report
        if response.interruption is None:
            if time_ms <= self._playback_end_ms:
                self._playback_end_ms += ms
            else:
                if time_ms - self._playback_end_ms >= self._gap_ms and report.audio_ms:
                    self._add_gap(response, time_ms)
                self._playback_end_ms = time_ms + ms
        if report.first_audio_ms is None:
            self.audio_started(response, time_ms)
        part.audio_ms += ms
        report.audio_ms += ms
        report.last_audio_ms = time_ms
        self._report.assistant_audio_ms += ms

    def audio_started(self, response: ResponseState, time_ms: float) -> None:
        """Record the first audio of a response, or the start of its playback if the log has no audio."""
        report = response.report
        if report.first_audio_ms is not None:
            return
        report.first_audio_ms = time_ms
        if response.latency_start_ms is not None:
            report.latency_ms = max(0.0, time_ms - response.latency_start_ms)
            self._report.latency.add(report.latency_ms)
        if report.created_ms is not None:
            report.created_latency_ms = max(0.0, time_ms - report.created_ms)
            self._report.created_latency.add(report.created_latency_ms)

    def _add_gap(self, response: ResponseState, time_ms: float) -> None:
        gap_ms = time_ms - self._playback_end_ms
        response.report.gaps += 1
        self._report.gap_count += 1
        self._report.gap_time.add(gap_ms)
        gap = GapReport(
            at_ms=self._playback_end_ms, gap_ms=gap_ms, turn=response.turn.number,
            response_id=response.report.id, played_ms=response.report.audio_ms,
        )  # fmt: skip
        self._builder.add("gaps", gap)

    # --- Interruptions ---

    def speech_started(self, time_ms: float) -> None:
        """Record that the server detected speech."""
        self._speech_ms = time_ms

    def client_cancelled(self, time_ms: float) -> None:
        """Record that the client requested to stop a response or its playback."""
        self._cancel_ms = time_ms

    def truncate(self, part: ContentPart, end_ms: float, time_ms: float) -> None:
        """Record that an item was truncated to the part of it that was played."""
        response, audio_ms = part.response, part.response.report.audio_ms
        heard_ms = response.played_ms(part, end_ms) if audio_ms else end_ms
        response.report.heard_ms = heard_ms
        if response.report.done_ms is None or not audio_ms or heard_ms < audio_ms - _END_TOLERANCE_MS:
            self.interrupt(response, time_ms)
        if response.interruption is not None:
            response.interruption.heard_ms = heard_ms

    def interrupt(self, response: ResponseState, time_ms: float, reason: str | None = None) -> None:
        """Record that a response was interrupted. Only the first interruption of a response counts."""
        if response.interruption is not None:
            return
        report = response.report
        at_ms, by = self._cause(report, time_ms, reason)
        report.interrupted_by, report.interrupted_ms = by, at_ms
        self._playback_end_ms = min(self._playback_end_ms, time_ms)
        into_ms = None if report.first_audio_ms is None else max(0.0, at_ms - report.first_audio_ms)
        self._report.interruption_count += 1
        self._builder.count("interrupted_by", by)
        response.interruption = InterruptionReport(
            at_ms=at_ms, by=by, turn=response.turn.number, response_id=report.id,
            into_ms=into_ms, audio_ms=report.audio_ms, heard_ms=report.heard_ms,
        )  # fmt: skip
        self._builder.add("interruptions", response.interruption)

    def _cause(
        self, report: ResponseReport, time_ms: float, reason: str | None
    ) -> tuple[float, InterruptedBy]:
        """Return when a response was interrupted, and by whom."""
        began_ms = report.created_ms or report.first_audio_ms or 0.0
        speech_ms = self._speech_ms
        if reason == "turn_detected":
            return speech_ms if speech_ms >= began_ms else time_ms, "speech"
        if speech_ms >= max(began_ms, time_ms - _SPEECH_CAUSES_WITHIN_MS):
            return speech_ms, "speech"
        if self._cancel_ms >= began_ms:
            return self._cancel_ms, "client"
        return time_ms, "server"
