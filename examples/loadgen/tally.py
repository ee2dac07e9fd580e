"""Tally: the counts and measurements of one process. Tallies can be added."""

from __future__ import annotations

from collections import Counter
from typing import Self

import msgspec

from realtime.analysis import Histogram


class Tally(msgspec.Struct):
    """Results of the calls.

    Attributes:
        calls: calls begun; `opened`, those connected; `finished`, those completed and closed.
        open: calls that are open now; `at_once`, the highest number so far.
        sent, received: frames by type.
        turns: turns that the server detected.
        answers: complete responses; `interrupted`, those that the caller interrupted; `wrong`, those that
            differ from the caller's audio.
        audio_bytes: audio of responses that equals the caller's.
        lost: missing events by type; `errors`, errors of the server and the network by code.
        call_seconds: duration of the audio sent.
        delayed_appends: appends sent late because the server did not read.
        lateness_ms: delay of each append that the generator caused itself.
        connect_ms: from SYN to a session with its settings.
        answer_ms: from the append that ended a turn to the first audio; `after_stop_ms`, from speech_stopped.
        cpu_seconds: CPU time of the generator.
    """

    calls: int = 0
    opened: int = 0
    finished: int = 0
    open: int = 0
    at_once: int = 0
    sent: Counter[str] = msgspec.field(default_factory=Counter)
    received: Counter[str] = msgspec.field(default_factory=Counter)
    turns: int = 0
    answers: int = 0
    interrupted: int = 0
    wrong: int = 0
    audio_bytes: int = 0
    lost: Counter[str] = msgspec.field(default_factory=Counter)
    errors: Counter[str] = msgspec.field(default_factory=Counter)
    call_seconds: float = 0.0
    delayed_appends: int = 0
    lateness_ms: Histogram = msgspec.field(default_factory=Histogram)
    connect_ms: Histogram = msgspec.field(default_factory=Histogram)
    answer_ms: Histogram = msgspec.field(default_factory=Histogram)
    after_stop_ms: Histogram = msgspec.field(default_factory=Histogram)
    cpu_seconds: float = 0.0

    def __iadd__(self, other: Tally) -> Self:
        for name in self.__struct_fields__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        return self

    def opens(self) -> None:
        """Count a call that was connected."""
        self.opened += 1
        self.open += 1
        self.at_once = max(self.at_once, self.open)

    @property
    def is_clean(self) -> bool:
        """True if every call was completed, and nothing was lost, wrong or refused."""
        return self.finished == self.calls and not (self.lost or self.errors or self.wrong)
