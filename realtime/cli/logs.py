"""Recorded logs as `inspect` and `cost` read them: their options, and reading in several processes.

`read_logs` yields results in the order of the logs and never fails because of one log: a log that
cannot be read, or that ends the process that reads it, is a `LogResult` with an error.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from .. import spec
from .._provider import PROVIDERS, ProviderName
from .._text import one_line
from ..analysis import Log, Report, find_logs, inspect_log
from ..errors import ConfigError, RealtimeError
from ..recording.log import not_a_log_error
from ..state import Tokens
from .text import format_error

T = TypeVar("T")

# Windows cannot wait for more processes at once.
_MAX_JOBS: Final = 61 if os.name == "nt" else 1024
# Logs per process that are being read or waiting; bounds the results that wait for a slow log.
_LOOKAHEAD: Final = 4
# Something else may have killed a process once; a log that does so twice, alone, is the cause.
_MAX_TRIES: Final = 2


def add_log_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that `inspect` and `cost` share."""
    parser.add_argument("logs", nargs="+", metavar="LOG", help="a log file, a glob or a folder")
    parser.add_argument(
        "--model",
        metavar="M",
        help=f"use this model's prices, whatever the logs name: {', '.join(spec.PRICES)}",
    )
    parser.add_argument(
        "--transcription-model", metavar="M", help="the same for the transcription of user audio"
    )
    add_provider_argument(parser)
    parser.add_argument(
        "--jobs", type=_positive, metavar="N", help="read logs in N processes (default: one per CPU)"
    )


def add_provider_argument(parser: argparse.ArgumentParser) -> None:
    """Add the option that names the server of a log."""
    parser.add_argument(
        "--provider",
        choices=PROVIDERS,
        metavar="P",
        help=f"the server: {', '.join(PROVIDERS)} (default: the one that the log names, or OpenAI's dialects)",
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return int(text)


def named_logs(names: Sequence[str]) -> list[Log]:
    """Return the logs that files, globs and folders name.

    Raises:
        ConfigError: there are none.
    """
    logs = find_logs(names)
    if not logs:
        raise ConfigError("no logs found")
    return logs


def read_report(
    model: str | None, transcription_model: str | None, provider: ProviderName | None, log: Log
) -> Report:
    """Return the report of a log.

    Raises:
        ConfigError: the file is not a log: none of its lines can be read.
        OSError: the log cannot be read; and whatever else `inspect_log` raises.
    """
    report = inspect_log(log.files, model=model, transcription_model=transcription_model, provider=provider)
    if report.broken and not report.frames:
        raise not_a_log_error(report.broken)
    return report


def format_tokens(tokens: Tokens) -> str:
    """Format token counts: "900 in (500 cached), 100 out"."""
    return f"{tokens.input:,} in ({tokens.cached:,} cached), {tokens.output:,} out"


# --- Reading in several processes ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LogResult(Generic[T]):
    """The `result` for a log, or the `error` because of which there is none."""

    log: Log
    result: T | None = None
    error: str = ""

    def error_line(self, command: str) -> str:
        """Return the line for stderr about a log that was not read."""
        return one_line(f"realtime {command}: {self.log.name}: {self.error}")


def read_logs(
    logs: Sequence[Log], work: Callable[[Log], T], jobs: int | None = None
) -> Generator[LogResult[T], None, None]:
    """Yield `work(log)` for each log, in order, computed by `jobs` processes (default: one per CPU).

    `work` must be picklable: a function of a module, or a `functools.partial` of one. Close the
    generator to stop early: the processes are ended.

    Raises:
        OSError: the processes cannot be started.
    """
    jobs = min(jobs or _cpu_count(), len(logs), _MAX_JOBS)
    if jobs <= 1:
        yield from (_attempt(work, log) for log in logs)
        return
    remaining = iter(logs)
    while True:
        unfinished: deque[tuple[Log, Future[LogResult[T]]]] = deque()
        with _Workers(jobs) as workers:
            yield from _read_until_broken(workers, remaining, work, unfinished, jobs * _LOOKAHEAD)
        if not unfinished:
            return
        # A process died, and with it the pool. Which log ended it is not known: read each alone.
        yield from _read_one_by_one(unfinished, work)


def _read_until_broken(
    workers: _Workers,
    remaining: Iterator[Log],
    work: Callable[[Log], T],
    unfinished: deque[tuple[Log, Future[LogResult[T]]]],
    limit: int,
) -> Generator[LogResult[T], None, None]:
    """Yield results until all logs are read, or a process dies: then some are left in `unfinished`."""
    while True:
        for log in itertools.islice(remaining, limit - len(unfinished)):
            unfinished.append((log, workers.submit(work, log)))
        if not unfinished:
            return
        try:
            result = unfinished[0][1].result()
        except BrokenProcessPool:
            return
        unfinished.popleft()
        yield result


def _read_one_by_one(
    unfinished: Iterable[tuple[Log, Future[LogResult[T]]]], work: Callable[[Log], T]
) -> Generator[LogResult[T], None, None]:
    for log, future in unfinished:
        if future.done() and future.exception() is None:
            yield future.result()
        else:
            yield _read_alone(log, work)


def _read_alone(log: Log, work: Callable[[Log], T]) -> LogResult[T]:
    for _ in range(_MAX_TRIES):
        with _Workers(1) as workers:
            workers.check()
            with contextlib.suppress(BrokenProcessPool):
                return workers.submit(work, log).result()
    return LogResult(log, error="the process that read it died")


class _Workers:
    """A pool of processes. On leaving, what they still do is abandoned."""

    def __init__(self, number: int) -> None:
        self._others = {*multiprocessing.active_children()}
        self._pool = ProcessPoolExecutor(number, initializer=_init_worker)

    def submit(self, work: Callable[[Log], T], log: Log) -> Future[LogResult[T]]:
        try:
            return self._pool.submit(_attempt, work, log)
        except (BrokenProcessPool, OSError) as error:  # an OSError if a process ends while it is started
            failed: Future[LogResult[T]] = Future()
            failed.set_exception(BrokenProcessPool(str(error)))
            return failed

    def check(self) -> None:
        """Raise OSError if no process can be started."""
        try:
            self._pool.submit(os.getpid).result()
        except (
            BrokenProcessPool,
            OSError,
        ):  # an OSError from the fork server, which Python 3.14 starts first
            raise OSError("the processes that read logs cannot be started") from None

    def __enter__(self) -> _Workers:
        return self

    def __exit__(self, *_: object) -> None:
        # On Ctrl-C do not wait for the logs that are being read. Python 3.14 has `terminate_workers`.
        for process in {*multiprocessing.active_children()} - self._others:
            process.terminate()
        self._pool.shutdown()


def _init_worker() -> None:
    # Ctrl-C reaches every process of a terminal. The main process handles it and ends the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_with_parent, daemon=True).start()


def _exit_with_parent() -> None:
    """End this process if the main process is killed. The pool would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _attempt(work: Callable[[Log], T], log: Log) -> LogResult[T]:
    if not log.files:
        return LogResult(log, error="no such log")
    try:
        return LogResult(log, work(log))
    except (OSError, RealtimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else format_error(error)
        return LogResult(log, error=reason)
    except Exception as error:  # a defect that one log reveals must not cost the results of the others
        return LogResult(log, error=f"{type(error).__name__}: {format_error(error)}")


def _cpu_count() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
