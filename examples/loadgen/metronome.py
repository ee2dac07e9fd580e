"""Metronome: decides when each call sends its next chunk.

There is one timer for all calls of a process, because one for each call takes longer than sending.
"""

from __future__ import annotations

import asyncio
import heapq
from typing import Final, Protocol

# When the generator is late, it sends this many chunks before it reads from the sockets again.
BATCH: Final = 64


class Speaker(Protocol):
    """An object that sends a chunk at given times."""

    def send_chunk(self, now: float, due: float) -> float | None:
        """Send the chunk that is due. Returns when the next one is due, None if that is not known."""


class Metronome:
    """Queue of speakers by the loop time at which they are due."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: list[tuple[float, int, Speaker]] = []
        self._timer: asyncio.Handle | None = None
        self._wakes_at = 0.0

    def add(self, due: float, speaker: Speaker) -> None:
        """Call `speaker` at the loop time `due`."""
        heapq.heappush(self._queue, (due, id(speaker), speaker))
        self._set()

    def _set(self) -> None:
        """Set the timer to the first speaker."""
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
            after = speaker.send_chunk(now, due)
            if after is None:
                heapq.heappop(queue)
            else:
                heapq.heapreplace(queue, (after, number, speaker))
        if queue:
            self._set()
