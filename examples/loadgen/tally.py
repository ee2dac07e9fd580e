"""Tally: what was counted and measured, by one process; two add up to one."""

from __future__ import annotations

from collections import Counter
from typing import Self

import msgspec

from realtime.analysis import Histogram


class Tally(msgspec.Struct):
    """What became of the calls.

    Attributes:
        calls: begun; `opened`, connected; `finished`, heard out and closed.
        open: now; `at_once`, at one time at most.
        sent, received: frames by type.
        turns: that the server heard; `answers`, whole; `interrupted`, cut short by the caller; `wrong`,
            answers that are not what the caller said.
        audio_bytes: of answers, equal to the caller's.
        lost: what is missing, by type; `errors`, of the server and the network, by code.
        call_seconds: of audio sent.
        held_appends: sent late, as the server did not read.
        lateness_ms: of each append behind its time, by the generator's own fault.
        connect_ms: from SYN to a session with settings.
        answer_ms: from the append that ended a turn to the first audio; `after_stop_ms`, from speech_stopped.
        cpu_seconds: of the generator.
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
    held_appends: int = 0
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
        """One more is connected."""
        self.opened += 1
        self.open += 1
        self.at_once = max(self.at_once, self.open)

    @property
    def is_clean(self) -> bool:
        """Whether every call was heard out, and nothing was lost, wrong or refused."""
        return self.finished == self.calls and not (self.lost or self.errors or self.wrong)
