"""The logs that a command is given, read by several processes.

What cannot be read costs itself, even where it ends the process that reads it: it is a `Done` with a
reason. No more logs are under way than a few for each process, and results come in the logs' order.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, Final, Generic, TypeVar, cast

from ..analysis import Log
from ..errors import RealtimeError
from ._errors import one_line
from ._words import printable

T = TypeVar("T")

# Windows can wait for no more processes at once.
_MOST_JOBS: Final = 61 if os.name == "nt" else 1024
# For each process: so far may some be ahead of the one whose turn it is.
_AHEAD: Final = 4
# A process has its next log before it has read the one at hand, so that it never waits for this one to be
# scheduled; but where few are left, whoever is free takes them.
_AT_HAND: Final = 2
# What a pipe takes while nobody reads it.
_MAX_WAITING_BYTES: Final = 4096
# A process may be killed for what its log is not to blame for; twice is no accident.
_TRIES: Final = 2


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

    Raises:
        OSError: a process does not start.
    """
    jobs = min(jobs or _cpus(), len(logs), _MOST_JOBS)
    if jobs <= 1:
        yield from (_attempt(work, log) for log in logs)
        return
    pool = _Pool(logs, work)
    try:
        pool.start(jobs)
        yield from pool.in_order(jobs * _AHEAD)
    finally:
        # All is read; or Ctrl-C, or nobody wants the rest: what is under way is given up.
        pool.end()


class _Reader:
    """A process that reads one log after another.

    Attributes: `pipe`, to it; `at`, which logs it has; `is_ready`, whether it takes any.
    """

    def __init__(self, work: Callable[[Log], object]) -> None:
        pipe: Any = multiprocessing.Pipe()
        ours, its = pipe
        self.pipe: Connection = ours
        self.at: deque[int] = deque()
        self.is_ready = False
        self.process = multiprocessing.Process(target=_read, args=(its, ours, work), daemon=True)
        self.process.start()
        its.close()

    def end(self) -> None:
        """End it at once, whatever it does."""
        self.pipe.close()
        self.process.terminate()
        self.process.join()
        self.process.close()


class _Pool(Generic[T]):
    """Processes that read logs, each in their order, so that it is known which one it died of."""

    def __init__(self, logs: Sequence[Log], work: Callable[[Log], T]) -> None:
        self._logs, self._work = logs, work
        self._readers: list[_Reader] = []
        self._todo = deque(range(len(logs)))
        self._tries: Counter[int] = Counter()
        self._done: dict[int, Done[T]] = {}
        # Processes that died with no log to blame, since one was read: from so many on, none ever will be.
        self._lost = 0

    def start(self, number: int) -> None:
        """Begin so many processes."""
        for _ in range(number):
            self._readers.append(_Reader(self._work))

    def end(self) -> None:
        """End them all."""
        for reader in self._readers:
            reader.process.terminate()
        while self._readers:
            self._readers.pop().end()

    def in_order(self, window: int) -> Iterator[Done[T]]:
        """What became of each log; none is begun that is `window` ahead of the one whose turn it is."""
        for turn in range(len(self._logs)):
            self._go_on(turn + window, 0)
            while turn not in self._done:
                self._go_on(turn + window, None)
            yield self._done.pop(turn)

    def _go_on(self, end: int, patience: float | None) -> None:
        """Hear what has come, and give logs before `end` to those that have few."""
        readers = {reader.pipe: reader for reader in self._readers}
        for pipe in cast("list[Connection]", wait([*readers], patience)):
            self._hear(readers[pipe])
        for at_hand in range(_AT_HAND):
            for reader in self._readers:
                enough = 2 * len(self._readers) if at_hand else 0
                if reader.is_ready and len(reader.at) == at_hand and len(self._todo) > enough:
                    self._give(reader, end)

    def _give(self, reader: _Reader, end: int) -> None:
        number = self._todo[0]
        log = pickle.dumps(self._logs[number])
        if number >= end or (reader.at and len(log) > _MAX_WAITING_BYTES):
            return
        if not reader.process.is_alive():
            return  # its death, for which this log is not to blame, is heard next
        self._todo.popleft()
        reader.at.append(number)
        with contextlib.suppress(OSError):  # it has died meanwhile, as will be heard
            reader.pipe.send_bytes(log)

    def _hear(self, reader: _Reader) -> None:
        try:
            done = reader.pipe.recv()
        except (EOFError, OSError):
            self._replace(reader)
            return
        if reader.is_ready:
            self._done[reader.at.popleft()] = done
            self._lost = 0
        reader.is_ready = True

    def _replace(self, reader: _Reader) -> None:
        """Another for one that died; the log that it read is tried once more, and is given up then."""
        if not reader.at:
            self._lost += 1
            if self._lost > len(self._readers):
                raise OSError("the processes to read logs do not start")
        self._readers.remove(reader)
        reader.end()
        self.start(1)
        if reader.at:
            self._tries[reader.at[0]] += 1
            if self._tries[reader.at[0]] == _TRIES:
                number = reader.at.popleft()
                self._done[number] = Done(self._logs[number], problem="the process that read it has died")
        self._todo.extendleft(reversed(reader.at))


def _read(pipe: Connection, parents: Connection, work: Callable[[Log], object]) -> None:
    # Ctrl-C reaches all processes of a terminal; the first of them ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Were it open here too, nobody would hear that the first has gone.
    parents.close()
    with contextlib.suppress(EOFError, OSError):
        pipe.send(None)
        while True:
            pipe.send(_attempt(work, pipe.recv()))


def _attempt(work: Callable[[Log], T], log: Log) -> Done[T]:
    if not log.files:
        return Done(log, problem="no such log")
    try:
        return Done(log, work(log))
    except (OSError, RealtimeError) as why:
        reason = why.strerror if isinstance(why, OSError) and why.strerror else one_line(why)
        return Done(log, problem=reason)
    except Exception as why:  # what nobody has thought of costs no other log its result
        return Done(log, problem=f"{type(why).__name__}: {one_line(why)}")


def _cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
