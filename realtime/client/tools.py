"""ToolRunner: runs the functions of a `Toolbox` beside the call, with limits, and always gives an answer.

asyncio only, no network: it serves a `Session`, a `Bridge` or any other loop.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from ..errors import ConfigError, EncodeError, snippet
from ..events import ConversationItemCreate
from ..state import FunctionCall, Toolbox

_log = logging.getLogger("realtime.client")


class ToolRunner:
    """Runs calls of the tools in `toolbox`, at most `max_concurrent` at a time.

    Async tools run in the event loop, others in a thread each. A call that takes longer than `timeout_s`, a tool
    that raises and a result that is not JSON are answered with an error that the model can read; the exception
    is logged under `realtime.client`. A thread cannot be stopped: after a timeout it continues, and its result is ignored.

    A context manager: at its end, and at `close`, calls that still run are cancelled and get no answer.

    Raises:
        ConfigError: a limit is not positive.
        TypeError: `toolbox` is not a Toolbox.
    """

    def __init__(self, toolbox: Toolbox, *, max_concurrent: int = 8, timeout_s: float = 30.0) -> None:
        if not isinstance(toolbox, Toolbox):
            raise TypeError(f"expected a Toolbox, got {type(toolbox).__name__}")
        for name, limit in (("max_concurrent", max_concurrent), ("timeout_s", timeout_s)):
            if not 0 < limit < math.inf:
                raise ConfigError(f"{name} must be positive and finite, got {limit}")
        self.toolbox = toolbox
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(max_concurrent)
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def running(self) -> int:
        """The number of calls that run, or wait for others."""
        return len(self._tasks)

    async def run(self, call: FunctionCall) -> ConversationItemCreate:
        """Run the tool that a call names. Returns the event that answers it, and raises nothing but cancellation."""
        async with self._slots:
            limit = asyncio.timeout(self._timeout_s)
            try:
                async with limit:
                    return await self._call(call)
            except EncodeError as error:
                return self._failed(call, "gave a result that is not JSON", error)
            except Exception as error:  # a TimeoutError may be the tool's own
                what = f"did not answer in {self._timeout_s:g} s" if limit.expired() else "failed"
                return self._failed(call, what, error)

    async def _call(self, call: FunctionCall) -> ConversationItemCreate:
        if self.toolbox.is_async(call.name):
            return await self.toolbox.call_async(call)
        return await asyncio.to_thread(self.toolbox.call, call)

    def _failed(self, call: FunctionCall, what: str, error: Exception) -> ConversationItemCreate:
        _log.warning("tool %s %s: %s", snippet(call.name), what, snippet(f"{type(error).__name__}: {error}"))
        return call.output(
            {"error": f"the tool {what}", "type": type(error).__name__, "reason": snippet(error)}
        )

    def start(self, call: FunctionCall, done: Callable[[ConversationItemCreate], Any]) -> None:
        """Run a call in a task of its own, and give its answer to `done`, a function or coroutine function."""
        task = asyncio.get_running_loop().create_task(self._run_and_give(call, done))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run_and_give(self, call: FunctionCall, done: Callable[[ConversationItemCreate], Any]) -> None:
        output = await self.run(call)
        try:
            given = done(output)
            if asyncio.iscoroutine(given) or isinstance(given, asyncio.Future):
                await given
        except Exception:
            _log.exception("the answer of tool %s could not be sent", snippet(call.name))

    async def close(self) -> None:
        """Cancel the calls that run, and wait for their ends. Threads are not waited for."""
        tasks = [*self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()
