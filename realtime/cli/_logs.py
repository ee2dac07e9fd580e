"""The logs that a command is given: found by name, glob or folder, and read by several processes.

A rotated log is one log of several files. What cannot be read costs itself: it is a `Done` with a
reason. No more logs are under way than a few for each process, and results come in the logs' order.
"""

from __future__ import annotations

import glob
import multiprocessing
import os
import re
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from ..errors import RealtimeError
from ..recording import log_files
from . import _one_line

T = TypeVar("T")

_ENDINGS: Final = tuple(
    f".{kind}{packed}" for kind in ("jsonl", "ndjson", "log") for packed in ("", ".gz", ".zst")
)
_PART: Final = re.compile(r"(?P<stem>.+)\.(?P<number>\d{6})(?P<ends>(?:\.\w+?)?(?:\.gz|\.zst)?)")
# Logs that wait for a process, so that none has nothing to do.
_AHEAD: Final = 3


@dataclass(frozen=True, slots=True)
class Log:
    """A log: its name, and its files in order; none where there is no such log."""

    name: str
    files: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done(Generic[T]):
    """What became of a log: its `result`, or else the `problem`."""

    log: Log
    result: T | None = None
    problem: str = ""


# --- Finding ---------------------------------------------------------------------------


def find_logs(names: Sequence[str]) -> list[Log]:
    """The logs that are named: files, globs (`**` too) and folders, each once and in their order."""
    found = dict.fromkeys(name for given in names for name in _matches(given))
    return [Log(name, tuple(log_files(name))) for name in found]


def _matches(given: str) -> Iterator[str]:
    if os.path.isdir(given):
        yield from _in_folder(given)
    elif not glob.has_magic(given) or os.path.exists(given):
        yield given
    else:
        matches = sorted(glob.iglob(given, recursive=True))
        names = [name for name in matches if not os.path.isdir(name)]
        yield from map(_whole_log, names) if names else (given,)


def _in_folder(folder: str) -> Iterator[str]:
    for path, folders, names in os.walk(folder):
        folders.sort()
        yield from (_whole_log(os.path.join(path, name)) for name in sorted(names) if name.endswith(_ENDINGS))


def _whole_log(path: str) -> str:
    """The name of the log that a file is a numbered part of; else its own.

    A date of six digits could be a part's number: those of real logs begin with 0, or their log is
    beside them.
    """
    folder, name = os.path.split(path)
    part = _PART.fullmatch(name)
    if part is None:
        return path
    whole = os.path.join(folder, part["stem"] + part["ends"])
    return whole if part["number"].startswith("0") or os.path.isfile(whole) else path


# --- Reading ---------------------------------------------------------------------------


def each_log(
    logs: Sequence[Log], work: Callable[[Log], T], jobs: int | None = None
) -> Generator[Done[T], None, None]:
    """What `work` makes of each log, in order, by `jobs` processes (by default as many as CPUs).

    `work` must be a function that pickle knows by name, or a `functools.partial` of one.
    """
    jobs = min(jobs or _cpus(), len(logs))
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
        reason = why.strerror if isinstance(why, OSError) and why.strerror else _one_line(why)
        return Done(log, problem=reason)


def _ignore_interrupts() -> None:
    """Ctrl-C reaches all processes of a terminal; the first of them ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
