"""Fleet: many calls at once, in the running event loop.

`run` is bounded: it ends `patience` seconds after the last caller should have finished, whatever the server does, and
earlier if all calls have ended or `tick` requests it.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

from .call import Call
from .metronome import Metronome
from .speech import Speech
from .tally import Tally
from .wire import masked

TICK_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Plan:
    """Settings of a run.

    Attributes:
        calls: the number of calls; those made here are numbered from `first` in steps of `step`.
        ramp: seconds until all calls are open.
        seconds: how long all callers then speak.
        is_echoed: True if responses must repeat the caller's audio.
    """

    url: str
    calls: int
    seconds: float
    ramp: float
    ptime_ms: float
    format: str
    recording: str
    pause_ms: int
    patience: float
    is_echoed: bool
    first: int = 0
    step: int = 1

    def speech(self) -> Speech:
        """Return the speech of the callers.

        Raises:
            AudioError, ConfigError: an invalid recording, format or ptime.
            OSError: the recording cannot be read.
        """
        return Speech(self.recording, self.format, self.ptime_ms, self.pause_ms, masked)


class Status(NamedTuple):
    """Progress: calls that are open, appends sent, frames received, calls that failed."""

    open: int = 0
    appends: int = 0
    received: int = 0
    failed: int = 0


Tick: TypeAlias = Callable[[Status], bool]


async def run(plan: Plan, tick: Tick) -> Tally:
    """Make the calls.

    `tick` is called twice a second with the progress and returns True to stop. Raises what `Plan.speech` raises.
    """
    tally, metronome, cpu = Tally(), Metronome(), time.thread_time()
    speech = plan.speech()
    begin = asyncio.get_running_loop().time()
    numbers = range(plan.first, plan.calls, plan.step)
    calls = [Call(number, plan.url, speech, metronome, tally, is_echoed=plan.is_echoed) for number in numbers]
    end = begin + plan.ramp + plan.seconds
    made = [
        asyncio.create_task(call.make(begin + plan.ramp * number / plan.calls, end))
        for number, call in zip(numbers, calls, strict=True)
    ]
    is_late = await _watch(made, calls, tally, end + plan.patience, tick)
    for call in calls:
        call.finish()
        if is_late and call.stage:
            tally.errors[f"given up, still waiting for {call.stage}"] += 1
    tally.cpu_seconds = time.thread_time() - cpu
    return tally


async def _watch(
    made: list[asyncio.Task[None]], calls: list[Call], tally: Tally, deadline: float, tick: Tick
) -> bool:
    """Wait until all calls are over, or end them. Returns True if they took too long."""
    clock = asyncio.get_running_loop().time
    pending, is_stopped = {*made}, False
    while pending and not is_stopped and clock() < deadline:
        _, pending = await asyncio.wait(pending, timeout=min(TICK_SECONDS, max(0.0, deadline - clock())))
        is_stopped = tick(_status(calls, tally))
    for task in pending:
        task.cancel()
    for ended in await asyncio.gather(*made, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    return bool(pending) and not is_stopped


def _status(calls: list[Call], tally: Tally) -> Status:
    return Status(
        open=tally.open,
        appends=sum(call.appends for call in calls),
        received=sum(call.received.total() for call in calls),
        failed=sum(not call.stage for call in calls) - tally.finished,
    )
