"""Dialects that tell no turns (translation, Live): runs of transcript and of audio, parted by pauses.

What the user says after a pause begins a turn, what the other side says after a pause a response.
Nothing is asked for and nothing ends, so that there are no latencies here.
"""

from __future__ import annotations

from typing import Final

from ._kept import MAX_TEXT_CHARS, Kept
from ._parts import Live, Part
from ._responses import Responses
from ._turns import Turns
from .report import ResponseReport, UserInput

PAUSE_MS: Final = 1_500.0


class Runs:
    """Makes turns and responses of what comes without either."""

    def __init__(self, kept: Kept, turns: Turns, responses: Responses) -> None:
        self._kept, self._turns, self._responses = kept, turns, responses
        self.forget()

    def forget(self) -> None:
        """The session is over."""
        self._user: UserInput | None = None
        self._live: Live | None = None
        self._heard_ms = self._said_ms = float("-inf")

    def user_says(self, text: str, time_ms: float) -> None:
        """More of the user's transcript."""
        user = self._user
        if user is None or time_ms - self._heard_ms > PAUSE_MS:
            user = self._user = self._turns.run(time_ms)
        self._heard_ms = time_ms
        user.end_ms = user.transcript_ms = time_ms
        before = user.transcript or ""
        if len(before) < MAX_TEXT_CHARS:
            user.transcript = before + self._kept.text(text)

    def part(self, time_ms: float, ms_per_byte: float) -> Part:
        """Where what the other side says now belongs to."""
        if self._live is None or time_ms - self._said_ms > PAUSE_MS:
            if self._live is not None:
                self._live.settle(self._kept)
            self._live = Live(ResponseReport(), self._turns.current(time_ms), ms_per_byte)
            self._responses.begin(self._live)
        self._said_ms = time_ms
        part = self._live.part(None, 0)
        part.ms_per_byte = ms_per_byte
        return part
