"""Dialects that tell no turns (translation, Live): runs of transcript and of audio, parted by pauses.

What the user says after a pause begins a turn, what the other side says after a pause a response.
Nothing is asked for and nothing ends, so that there are no latencies here.
"""

from __future__ import annotations

from typing import Final

from ._kept import MAX_READ_CHARS, Kept, Share
from ._parts import Live, Part
from ._responses import Responses
from ._turns import Turns
from .report import ResponseReport, UserInput

PAUSE_MS: Final = 1_500.0


class _Heard:
    """What the user says between two pauses, in the pieces it came in."""

    __slots__ = ("nchars", "pieces", "share", "user")

    def __init__(self, user: UserInput) -> None:
        self.user, self.pieces, self.nchars, self.share = user, list[str](), 0, Share()

    def add(self, text: str) -> None:
        if self.nchars <= MAX_READ_CHARS:
            self.pieces.append(text[:MAX_READ_CHARS])
            self.nchars += len(text)


class Runs:
    """Makes turns and responses of what comes without either."""

    def __init__(self, kept: Kept, turns: Turns, responses: Responses) -> None:
        self._kept, self._turns, self._responses = kept, turns, responses
        self._heard: _Heard | None = None
        self._live: Live | None = None
        self.forget()

    def forget(self) -> None:
        """The session is over."""
        self.settle()
        self._heard = self._live = None
        self._heard_ms = self._said_ms = float("-inf")

    def user_says(self, text: str, time_ms: float) -> None:
        """More of the user's transcript."""
        if self._heard is None or time_ms - self._heard_ms > PAUSE_MS:
            self.settle()
            self._heard = _Heard(self._turns.run(time_ms))
        self._heard_ms = time_ms
        self._heard.user.end_ms = self._heard.user.transcript_ms = time_ms
        self._heard.add(text)

    def settle(self) -> None:
        """Put what both sides say into the report, as far as it came."""
        if self._heard is not None:
            whole = "".join(self._heard.pieces)
            self._heard.user.transcript = self._kept.text(whole, self._heard.share) or None
        if self._live is not None:
            self._live.settle(self._kept)

    def part(self, time_ms: float, ms_per_byte: float) -> Part:
        """Where what the other side says now belongs to."""
        if self._live is None or time_ms - self._said_ms > PAUSE_MS:
            self.settle()
            self._live = Live(ResponseReport(), self._turns.current(time_ms), ms_per_byte)
            self._responses.begin(self._live)
        self._said_ms = time_ms
        part = self._live.part(None, 0)
        part.ms_per_byte = ms_per_byte
        return part
