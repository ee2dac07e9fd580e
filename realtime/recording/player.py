"""Playback of a log: its frames at the times they had, faster, or as fast as they are consumed.

Times count from the first frame and are never summed, so errors do not accumulate; a consumer that is late
gets the next frames at once. Clocks and sleeps are arguments. Broken lines are skipped and counted.
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
from typing import Any, Final, Protocol, TypeAlias

from .. import codec
from ..errors import ConfigError, DecodeError
from .log import DIRECTIONS, BrokenLine, Direction, Entry, LogPath, provider_of, read_log

# A wait is shorter, whatever times a log has: `time.sleep` takes at most 292 years.
_MAX_WAIT_S: Final = 1e9
Log: TypeAlias = "LogPath | Iterable[Entry | BrokenLine]"


class Replay:
    """The entries of a log, each when it is due. Iterate with `for` or with `async for`.

    Args:
        log: a path, or the entries themselves (`read_log(log_files(path))` for a rotated log).
        speed: 1.0 for the original speed, 2.0 for twice as fast; None does not wait at all.
        direction: "client" or "server" for the frames of one side only. Times remain the log's.
        clock: a monotonic clock in seconds. `sleep` and `async_sleep` wait for a number of seconds.

    Attributes: `broken`, the number of broken lines skipped so far.

    Raises:
        ConfigError: `speed` is not positive and finite, or `direction` is unknown.
        OSError: the log cannot be read; raised by the iteration.
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
            raise ConfigError(f"speed must be positive and finite, not {speed}")
        if direction not in (None, *DIRECTIONS):
            raise ConfigError(f'direction must be "client", "server" or None, not {direction!r}')
        self.broken = 0
        self._log, self._speed, self._direction = log, speed, direction
        self._clock, self._sleep, self._async_sleep = clock, sleep, async_sleep

    def __iter__(self) -> Iterator[Entry]:
        for entry, due in self._schedule():
            wait = due - self._clock()
            if wait > 0:
                self._sleep(min(wait, _MAX_WAIT_S))
            yield entry

    async def __aiter__(self) -> AsyncIterator[Entry]:
        for entry, due in self._schedule():
            # A consumer that is late sleeps for 0 s, so that other tasks can run.
            await self._async_sleep(min(max(0.0, due - self._clock()), _MAX_WAIT_S))
            yield entry

    def _schedule(self) -> Iterator[tuple[Entry, float]]:
        """Yield each entry with the time on the clock at which it is due."""
        began = self._clock()
        first_ms: float | None = None
        log = self._log
        for entry in read_log(log) if isinstance(log, (str, os.PathLike)) else log:
            if isinstance(entry, BrokenLine):
                self.broken += 1
                continue
            if first_ms is None:
                first_ms = entry.time_ms
            if self._direction in (None, entry.direction):
                elapsed_s = (entry.time_ms - first_ms) / 1000
                yield entry, began + elapsed_s / self._speed if self._speed else -math.inf


# The name that reads as a verb: `for entry in replay(log)`.
replay = Replay


async def replay_frames(
    log: Log,
    send: Callable[[str], Awaitable[object]],
    *,
    direction: Direction,
    speed: float | None = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> int:
    """Send the frames of one side as text messages when they are due. Returns their number.

    With "client", to a server: `await replay_frames(log, connection.send, direction="client")`.
    With "server", to a client, from the handler of a WebSocket server. Reading what the other side
    sends meanwhile is up to the caller.

    Raises:
        ConfigError: `speed` is not positive and finite, or `direction` is unknown.
        OSError: the log cannot be read. And whatever `send` raises.
    """
    count = 0
    async for entry in Replay(log, speed=speed, direction=direction, clock=clock, async_sleep=sleep):
        await send(entry.frame.decode("utf-8", "replace"))
        count += 1
    return count


class EventConsumer(Protocol):
    """An object that `feed_all` can feed: those of `realtime.state`, and any with such a method."""

    def feed(self, event: Any, /) -> object:
        """Process an event."""


@dataclass(frozen=True, slots=True)
class FeedCount:
    """Result of `feed_all`: numbers of `events` fed, `broken` lines, and frames `refused` by the decoder."""

    events: int
    broken: int
    refused: int


def feed_all(
    log: Log,
    *objects: EventConsumer,
    dialect: ModuleType | Any = None,
    directions: Iterable[Direction] = DIRECTIONS,
) -> FeedCount:
    """Decode a log and feed its events in order to state objects: Conversation, Usage, Playback, ...

    `dialect` is `realtime`, `realtime.beta`, a provider or another object with `decode_server` and
    `decode_client`. By default it is the provider that the log at a path names, or else GA.
    An object whose `feed` has a parameter `at_ms` also gets the entry's time.

    Raises:
        OSError: the log cannot be read. And whatever an object raises.
    """
    if dialect is None:
        paths = [log] if isinstance(log, (str, os.PathLike)) else []
        dialect = provider_of(paths, None) or codec
    decode = {"client": dialect.decode_client, "server": dialect.decode_server}
    wanted = frozenset(directions)
    feeds = [(each.feed, "at_ms" in inspect.signature(each.feed).parameters) for each in objects]
    events = refused = 0
    entries = Replay(log, speed=None)
    for entry in entries:
        if entry.direction not in wanted:
            continue
        try:
            event = decode[entry.direction](entry.frame)
        except DecodeError:
            refused += 1
            continue
        events += 1
        for feed, takes_time in feeds:
            if takes_time:
                feed(event, at_ms=entry.time_ms)  # type: ignore[call-arg]
            else:
                feed(event)
    return FeedCount(events, entries.broken, refused)
