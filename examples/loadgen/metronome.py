"""Metronome: when each call says its next chunk.

One timer for all calls of a process, as one for each call would cost more than what is sent.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import Final, Protocol

# So many are sent at a time before what has come is read, when the generator is behind.
BATCH: Final = 64


class Speaker(Protocol):
    """Who is to speak at given times."""

    def say(self, now: float, due: float) -> float | None:
        """Say what is due; when the next is due, None for the time being."""


class Metronome:
    """Speakers and the loop times at which they are due."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: list[tuple[float, int, Speaker]] = []
        self._timer: asyncio.Handle | None = None
        self._wakes_at = 0.0

    def add(self, due: float, speaker: Speaker) -> None:
        """Let `speaker` speak when it is `due`."""
        heapq.heappush(self._queue, (due, id(speaker), speaker))
        self._set()

    def _set(self) -> None:
        """Set the timer to whoever is the first."""
        due = self._queue[0][0]
        if self._timer is not None:
            if self._wakes_at <= due:
                return
            self._timer.cancel()
        self._wakes_at = due
        self._timer = self._loop.call_at(due, self._beat)

    def _beat(self) -> None:
        queue, clock, self._timer = self._queue, self._loop.time, None
        for _ in range(BATCH):
            if not queue or queue[0][0] > (now := clock()):
                break
            due, number, speaker = queue[0]
            after = speaker.say(now, due)
            if after is None:
                heapq.heappop(queue)
            else:
                heapq.heapreplace(queue, (after, number, speaker))
        if queue:
            self._set()
