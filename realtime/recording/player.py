"""A log played again: its frames at the times they had, or as fast as they are taken.

Times are counted from the first frame and never summed, so that nothing drifts; who is late gets
the next frames at once. Clocks and sleeps are arguments. A broken line is passed over and counted.
"""

from __future__ import annotations

import asyncio
import inspect
import math
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Protocol, TypeAlias

from .. import codec
from ..errors import ConfigError, DecodeError
from .log import BrokenLine, Direction, Entry, LogPath as Path, read_log

Log: TypeAlias = "Path | Iterable[Entry | BrokenLine]"


class Replay:
    """The entries of a log, each when it is due: iterate with `for`, or with `async for`.

    Args:
        log: a path, or the entries themselves (`read_log(log_files(path))` for a rotated log).
        speed: 1.0 as it was, 2.0 twice as fast; None does not wait at all.
        direction: "client" or "server" for one side's frames alone; the time is the log's.
        clock: seconds, monotonic. `sleep` and `async_sleep` wait for a number of seconds.

    Attributes: `broken`, how many lines were passed over so far.

    Raises:
        ConfigError: a speed that is not positive, or an unknown direction.
        OSError: when iterated, the log cannot be read.
    """

    def __init__(
        self,
        log: Log,
        *,
        speed: float | None = 1.0,
        direction: Direction | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        async_sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
    ) -> None:
        if speed is not None and not (speed > 0 and math.isfinite(speed)):
            raise ConfigError(f"speed must be positive and finite, got {speed}")
        if direction not in (None, "client", "server"):
            raise ConfigError(f'direction is "client", "server" or None, not {direction!r}')
        self.broken = 0
        self._log, self._speed, self._direction = log, speed, direction
        self._clock, self._sleep, self._async_sleep = clock, sleep, async_sleep

    def __iter__(self) -> Iterator[Entry]:
        for entry, due in self._due():
            wait = due - self._clock()
            if wait > 0:
                self._sleep(wait)
            yield entry

    async def __aiter__(self) -> AsyncIterator[Entry]:
        for entry, due in self._due():
            # Who is late waits too, for no time: other tasks have their turn.
            await self._async_sleep(max(0.0, due - self._clock()))
            yield entry

    def _due(self) -> Iterator[tuple[Entry, float]]:
        """Each entry, and when by the clock it is due."""
        began = self._clock()
        first_ms: float | None = None
        for entry in _entries(self._log):
            if isinstance(entry, BrokenLine):
                self.broken += 1
                continue
            if first_ms is None:
                first_ms = entry.time_ms
            if self._direction in (None, entry.direction):
                passed_s = (entry.time_ms - first_ms) / 1000
                yield entry, began + passed_s / self._speed if self._speed else -math.inf


def replay(
    log: Log,
    *,
    speed: float | None = 1.0,
    direction: Direction | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], object] = time.sleep,
    async_sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> Replay:
    """The entries of a log at their times, for `for` and `async for`; see `Replay`."""
    return Replay(log, speed=speed, direction=direction, clock=clock, sleep=sleep, async_sleep=async_sleep)


async def replay_frames(
    log: Log,
    send: Callable[[str], Awaitable[object]],
    *,
    direction: Direction,
    speed: float | None = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Send one side's frames as text messages, when they are due; how many they were.

    With "client", into a server: `await replay_frames(log, connection.send, direction="client")`.
    With "server", into a client, from the handler of a WebSocket server; what the client sends
    meanwhile is the handler's to read.

    Raises:
        ConfigError: a speed that is not positive, or an unknown direction.
        OSError: the log cannot be read. And whatever `send` raises.
    """
    count = 0
    async for entry in Replay(log, speed=speed, direction=direction, clock=clock, async_sleep=sleep):
        await send(entry.frame.decode("utf-8", "replace"))
        count += 1
    return count


class Fed(Protocol):
    """What `feed_all` feeds: `realtime.state`'s objects, and others with such a method."""

    def feed(self, event: Any, /) -> object:
        """Take an event."""


@dataclass(frozen=True, slots=True)
class FeedCount:
    """How many `events` were fed, `broken` lines passed over, and frames `refused` by the decoder."""

    events: int
    broken: int
    refused: int


def feed_all(
    log: Log,
    *objects: Fed,
    dialect: ModuleType | Any = codec,
    directions: Iterable[Direction] = ("client", "server"),
) -> FeedCount:
    """Decode a log and feed its events to state objects, in order: Conversation, Usage, Playback, ...

    `dialect` is `realtime`, `realtime.beta` or another with `decode_server` and `decode_client`.
    An object whose `feed` takes `at_ms` is told the entry's time.

    Raises:
        OSError: the log cannot be read. And whatever an object raises.
    """
    decode = {"client": dialect.decode_client, "server": dialect.decode_server}
    wanted = frozenset(directions)
    feeds = [(each.feed, "at_ms" in inspect.signature(each.feed).parameters) for each in objects]
    events = broken = refused = 0
    for entry in _entries(log):
        if isinstance(entry, BrokenLine):
            broken += 1
            continue
        if entry.direction not in wanted:
            continue
        try:
            event = decode[entry.direction](entry.frame)
        except DecodeError:
            refused += 1
            continue
        events += 1
        for feed, timed in feeds:
            if timed:
                feed(event, at_ms=entry.time_ms)  # type: ignore[call-arg]
            else:
                feed(event)
    return FeedCount(events, broken, refused)


def _entries(log: Log) -> Iterable[Entry | BrokenLine]:
    return read_log(log) if isinstance(log, (str, os.PathLike)) else log
