"""Responses: when their parts came, where playing them ran dry, who cut them and what was heard.

The listener is taken to play audio as it comes, one piece after another. Nothing here reads a frame.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from ._kept import Kept
from ._parts import Live, Part
from .report import CallReport, GapReport, InterruptedBy, InterruptionReport

# Responses that are over are known for what comes late about them.
_MAX_LIVE: Final = 64
_MAX_CALLS: Final = 256
# A user's speech is why a response was cut this long after it at the latest.
_SPEECH_CUTS_WITHIN_MS: Final = 3_000.0
_ALL_HEARD_MS: Final = 1.0


class Responses:
    """Follows all responses of a log.

    Attributes: `latest`, the one that began last.
    """

    def __init__(self, kept: Kept, gap_ms: float) -> None:
        self._kept, self._report, self._gap_ms = kept, kept.report, gap_ms
        self._live: OrderedDict[str, Live] = OrderedDict()
        self._calls: OrderedDict[str, CallReport] = OrderedDict()
        self.latest: Live | None = None
        # Until when what came lasts, if it is played as it comes.
        self._dry_ms = 0.0
        self._speech_ms = self._cancel_ms = float("-inf")

    # --- Which ---

    def begin(self, live: Live) -> None:
        """A response is under way."""
        report = live.report
        if self.latest is not None and self.latest.report.id is None:
            self.latest.settle(self._kept)  # nothing finds it from now on
        self.latest = live
        self._report.response_count += 1
        self._kept.add("responses", report, live.turn.responses)
        if report.id is not None:
            old = self._live.pop(report.id, None)
            if old is not None:
                old.settle(self._kept)
            self._live[report.id] = live
            if len(self._live) > _MAX_LIVE:
                self._live.popitem(last=False)[1].settle(self._kept)

    def get(self, response_id: str | None) -> Live | None:
        """The response of this id, if it is known."""
        return None if response_id is None else self._live.get(response_id)

    def of_item(self, item_id: str | None, content_index: int = 0) -> Part | None:
        """The part of this item, of a response that is known."""
        for live in reversed(self._live.values()):
            part = live.parts.get((item_id, content_index))
            if part is not None:
                return part
        return None

    def forget(self) -> None:
        """The session is over: nothing more comes of it."""
        self.settle()
        self._live.clear()
        self.latest = None
        self._dry_ms = 0.0

    def settle(self) -> None:
        """Put what is under way into the report, as far as it came."""
        for live in self._live.values():
            live.settle(self._kept)
        if self.latest is not None and self.latest.report.id is None:
            self.latest.settle(self._kept)

    # --- Audio and text ---

    def sound(self, part: Part, nbytes: int, time_ms: float) -> None:
        """Audio of a part came."""
        ms = nbytes * part.ms_per_byte
        live = part.live
        report = live.report
        if live.cut is None:
            if time_ms <= self._dry_ms:
                self._dry_ms += ms
            else:
                if time_ms - self._dry_ms >= self._gap_ms and report.audio_ms:
                    self._gap(live, time_ms)
                self._dry_ms = time_ms + ms
        if report.first_audio_ms is None:
            self.starts(live, time_ms)
        part.audio_ms += ms
        report.audio_ms += ms
        report.last_audio_ms = time_ms
        self._report.assistant_audio_ms += ms

    def starts(self, live: Live, time_ms: float) -> None:
        """The first audio of a response came, or is played where audio is not in the log."""
        report = live.report
        if report.first_audio_ms is not None:
            return
        report.first_audio_ms = time_ms
        if live.since_ms is not None:
            report.latency_ms = max(0.0, time_ms - live.since_ms)
            self._report.latency.add(report.latency_ms)
        if report.created_ms is not None:
            report.created_latency_ms = max(0.0, time_ms - report.created_ms)
            self._report.created_latency.add(report.created_latency_ms)

    def _gap(self, live: Live, time_ms: float) -> None:
        gap_ms = time_ms - self._dry_ms
        live.report.gaps += 1
        self._report.gap_count += 1
        self._report.gap_time.add(gap_ms)
        found = GapReport(
            at_ms=self._dry_ms, gap_ms=gap_ms, turn=live.turn.number,
            response_id=live.report.id, played_ms=live.report.audio_ms,
        )  # fmt: skip
        self._kept.add("gaps", found)

    # --- Cuts ---

    def user_speaks(self, time_ms: float) -> None:
        """The server hears speech."""
        self._speech_ms = time_ms

    def client_cancels(self, time_ms: float) -> None:
        """The client asks to stop the response, or what is played."""
        self._cancel_ms = time_ms

    def truncate(self, part: Part, end_ms: float, time_ms: float) -> None:
        """An item was cut to what was heard of it, as one of the sides says."""
        live, audio_ms = part.live, part.live.report.audio_ms
        heard_ms = live.heard(part, end_ms) if audio_ms else end_ms
        live.report.heard_ms = heard_ms
        if live.report.done_ms is None or not audio_ms or heard_ms < audio_ms - _ALL_HEARD_MS:
            self.cut(live, time_ms)
        if live.cut is not None:
            live.cut.heard_ms = heard_ms

    def cut(self, live: Live, time_ms: float, reason: str | None = None) -> None:
        """A response was cut short; told again, it counts once."""
        if live.cut is not None:
            return
        report = live.report
        at_ms, by = self._blame(live, time_ms, reason)
        report.interrupted_by, report.interrupted_ms = by, at_ms
        self._dry_ms = min(self._dry_ms, time_ms)
        into_ms = None if report.first_audio_ms is None else max(0.0, at_ms - report.first_audio_ms)
        self._report.interruption_count += 1
        self._kept.tally("interrupted_by", by)
        live.cut = InterruptionReport(
            at_ms=at_ms, by=by, turn=live.turn.number, response_id=report.id,
            into_ms=into_ms, audio_ms=report.audio_ms, heard_ms=report.heard_ms,
        )  # fmt: skip
        self._kept.add("interruptions", live.cut)

    def _blame(self, live: Live, time_ms: float, reason: str | None) -> tuple[float, InterruptedBy]:
        """When a response was cut, and by whom."""
        began_ms = live.report.created_ms or live.report.first_audio_ms or 0.0
        speech_ms = self._speech_ms
        if reason == "turn_detected":
            return speech_ms if speech_ms >= began_ms else time_ms, "speech"
        if speech_ms >= max(began_ms, time_ms - _SPEECH_CUTS_WITHIN_MS):
            return speech_ms, "speech"
        if self._cancel_ms >= began_ms:
            return self._cancel_ms, "client"
        return time_ms, "server"

    # --- Calls ---

    def call(self, live: Live, call: CallReport) -> None:
        """A function call is whole; told again, it counts once."""
        key = call.call_id
        if key is not None and key in self._calls:
            known = self._calls[key]
            known.name, known.server = known.name or call.name, known.server or call.server
            return
        self._report.call_count += 1
        self._kept.add("calls", call, live.report.calls)
        if key is not None:
            self._calls[key] = call
            if len(self._calls) > _MAX_CALLS:
                self._calls.popitem(last=False)

    def output(self, call_id: str | None, time_ms: float, *, failed: bool = False) -> None:
        """The output of a call came."""
        call = self._calls.get(call_id) if call_id is not None else None
        if call is not None and call.output_ms is None:
            call.output_ms, call.failed = time_ms, failed
            call.took_ms = max(0.0, time_ms - call.at_ms)
            self._report.call_time.add(call.took_ms)
