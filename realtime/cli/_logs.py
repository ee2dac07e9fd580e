"""The logs that a command is given, read by several processes.

What cannot be read costs itself: it is a `Done` with a reason. No more logs are under way than a few for
each process, and results come in the logs' order.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..analysis import Log
from ..errors import RealtimeError
from ._errors import one_line
from ._words import printable

T = TypeVar("T")

# Windows can wait for no more processes at once.
_MOST_JOBS: Final = 61 if os.name == "nt" else 1024
# Logs that wait for a process, so that none has nothing to do.
_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What became of a log: its `result`, or else the `problem`."""

    log: Log
    result: T | None = None
    problem: str = ""

    def complaint(self, command: str) -> str:
        """The line of stderr about a log that was not read."""
        return printable(f"realtime {command}: {self.log.name}: {self.problem}")


def each_log(
    logs: Sequence[Log], work: Callable[[Log], T], jobs: int | None = None
) -> Generator[Done[T], None, None]:
    """What `work` makes of each log, in order, by `jobs` processes (by default as many as CPUs).

    `work` must be a function that pickle knows by name, or a `functools.partial` of one.
    """
    jobs = min(jobs or _cpus(), len(logs), _MOST_JOBS)
    if jobs <= 1:
        yield from (_attempt(work, log) for log in logs)
        return
    before = {child.pid for child in multiprocessing.active_children()}
    pool = ProcessPoolExecutor(jobs, initializer=_ignore_interrupts)
    try:
        yield from _in_order(pool, logs, work, jobs * _AHEAD)
    except BaseException:
        # Ctrl-C, or nobody wants the rest: what is under way is given up.
        pool.shutdown(wait=False, cancel_futures=True)
        ours = [child for child in multiprocessing.active_children() if child.pid not in before]
        for child in ours:
            child.terminate()
        for child in ours:
            child.join()
        raise
    finally:
        pool.shutdown()


def _in_order(
    pool: ProcessPoolExecutor, logs: Sequence[Log], work: Callable[[Log], T], window: int
) -> Iterator[Done[T]]:
    waiting: deque[Future[Done[T]]] = deque()
    told = 0
    try:
        for begun in range(len(logs) + window):
            if begun < len(logs):
                waiting.append(pool.submit(_attempt, work, logs[begun]))
            if waiting and begun + 1 >= window:
                yield waiting.popleft().result()
                told += 1
    except BrokenProcessPool:
        # Which log did it is not known, and to try them one by one would be to die of it here.
        yield from (Done(log, problem="a process that read logs has died") for log in logs[told:])


def _attempt(work: Callable[[Log], T], log: Log) -> Done[T]:
    if not log.files:
        return Done(log, problem="no such log")
    try:
        return Done(log, work(log))
    except (OSError, RealtimeError) as why:
        reason = why.strerror if isinstance(why, OSError) and why.strerror else one_line(why)
        return Done(log, problem=reason)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the first of them ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
