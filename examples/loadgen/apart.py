"""Processes: calls in child processes, and the server in another process or in a thread of this one.

Children are controlled through pipes, not by signals: they ignore the SIGINT that a terminal sends to all of them.
A child whose parent has ended also ends.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import signal
import time
from collections.abc import Generator
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Final

from realtime.testing import LoopbackServer

from .fleet import TICK_SECONDS, Plan, Status, Tick, run
from .tally import Tally

STOP: Final = "stop"
# How long a child may take to end after it was requested to.
JOIN_SECONDS: Final = 10.0
_SPAWN: Final = multiprocessing.get_context("spawn")


@contextlib.contextmanager
def _ignoring_sigint() -> Generator[None]:
    """Start children in this context, so that they ignore SIGINT from the beginning."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _start(target: Any, *arguments: object) -> tuple[BaseProcess, Connection]:
    pipe: Any = _SPAWN.Pipe()
    ours, its = pipe
    process = _SPAWN.Process(target=target, args=(its, *arguments), daemon=True)
    with _ignoring_sigint():
        process.start()
    its.close()
    return process, ours


# --- Calls ---


def run_apart(plan: Plan, processes: int, tick: Tick) -> Tally:
    """Do what `fleet.run` does in several processes, which begin at the same time."""
    plans = [replace(plan, first=first, step=processes) for first in range(min(processes, plan.calls))]
    children = [_start(_make_calls, part) for part in plans]
    pipes = [pipe for _, pipe in children]
    try:
        for pipe in pipes:
            pipe.recv()
        for pipe in pipes:
            pipe.send("go")
        return _collect(pipes, tick)
    except (EOFError, BrokenPipeError):
        raise RuntimeError("a process of the generator ended before it began") from None
    finally:
        for process, pipe in children:
            pipe.close()
            _end(process)


def _make_calls(pipe: Connection, plan: Plan) -> None:
    def tick(status: Status) -> bool:
        pipe.send(status)
        return pipe.poll()

    with contextlib.suppress(BrokenPipeError, EOFError):  # the parent is gone
        pipe.send("ready")
        pipe.recv()
        pipe.send(asyncio.run(run(plan, tick)))


def _collect(pipes: list[Connection], tick: Tick) -> Tally:
    tally, at_work, is_stopped = Tally(), [*pipes], False
    statuses = dict.fromkeys(range(len(pipes)), Status())
    while at_work:
        ready = wait(at_work, TICK_SECONDS)
        for pipe in [pipe for pipe in at_work if pipe in ready]:
            message = _receive(pipe)
            if isinstance(message, Status):
                statuses[pipes.index(pipe)] = message
            else:
                tally += message
                at_work.remove(pipe)
        if tick(Status(*map(sum, zip(*statuses.values(), strict=True)))) and not is_stopped:
            is_stopped = True
            for pipe in at_work:
                with contextlib.suppress(BrokenPipeError):
                    pipe.send(STOP)
    return tally


def _receive(pipe: Connection) -> Status | Tally:
    try:
        message: Status | Tally = pipe.recv()
        return message
    except EOFError:
        lost = Tally()
        lost.errors["a process of the generator died"] += 1
        return lost


def _end(process: BaseProcess) -> None:
    process.join(JOIN_SECONDS)
    if process.is_alive():
        process.kill()
        process.join()


# --- The server ---


class Server:
    """A LoopbackServer in another process. Use it in a `with` block.

    Attributes: `url`; `cpu_seconds`, the CPU time between the start and the end of its service, set when it has
    ended; None if it died.

    Raises:
        AudioError, ConfigError: an invalid option.
        RuntimeError: it does not start; raised on entering.
    """

    def __init__(self, **options: Any) -> None:
        LoopbackServer(**options)  # raises for invalid options
        self._options = options
        self.url = ""
        self.cpu_seconds: float | None = None

    def __enter__(self) -> Server:
        self._process, self._pipe = _start(_serve, self._options)
        try:
            self.url = self._pipe.recv()
        except EOFError:
            _end(self._process)
            raise RuntimeError("the server did not start") from None
        return self

    def __exit__(self, *error: object) -> None:
        with contextlib.suppress(EOFError, OSError):
            self._pipe.send(STOP)
            self.cpu_seconds = self._pipe.recv()
        self._pipe.close()
        _end(self._process)


def _serve(pipe: Connection, options: dict[str, Any]) -> None:
    asyncio.run(_serve_until_stopped(pipe, options))


async def _serve_until_stopped(pipe: Connection, options: dict[str, Any]) -> None:
    async with LoopbackServer(**options) as server:
        pipe.send(server.url)
        cpu = time.process_time()
        with contextlib.suppress(EOFError):
            await asyncio.to_thread(pipe.recv)
        with contextlib.suppress(BrokenPipeError):
            pipe.send(time.process_time() - cpu)


class ServerInThread:
    """The same in a thread. Its CPU time is that of this process without the thread that makes the calls."""

    def __init__(self, **options: Any) -> None:
        self._server = LoopbackServer(**options)
        self.url = ""
        self.cpu_seconds: float | None = None

    def __enter__(self) -> ServerInThread:
        self._server.__enter__()
        self.url = self._server.url
        self._cpu = _cpu_of_other_threads()
        return self

    def __exit__(self, *error: object) -> None:
        self.cpu_seconds = _cpu_of_other_threads() - self._cpu
        self._server.__exit__(None, None, None)


def _cpu_of_other_threads() -> float:
    return time.process_time() - time.thread_time()
