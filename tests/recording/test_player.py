"""Playback of a log: each frame when it is due, without drift; to servers, clients and state objects."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import Any

import pytest

import realtime
from realtime import beta
from realtime.errors import ConfigError
from realtime.recording import BrokenLine, Entry, Recorder, feed_all, read_log, replay, replay_frames
from realtime.state import Conversation, Playback, Usage
from tests import cases

ENTRIES = [
    Entry("client" if n % 3 else "server", 50.0 + n * 20, b'{"n":%d}' % n, n + 1) for n in range(9)
] + [BrokenLine(10, "broken", "")]


class Time:
    """A clock that only sleeping advances. Each sleep lasts 1 ms too long."""

    def __init__(self) -> None:
        self.now = 7.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.now += seconds + 0.001

    async def async_sleep(self, seconds: float) -> None:
        self.sleep(seconds)
        await asyncio.sleep(0)


@pytest.mark.parametrize("speed", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("asynchronous", [False, True])
def test_frames_come_when_they_are_due(speed: float, asynchronous: bool) -> None:
    time = Time()
    played = replay(ENTRIES, speed=speed, clock=time.clock, sleep=time.sleep, async_sleep=time.async_sleep)
    came: list[tuple[int, float]] = []

    async def iterate() -> None:
        async for entry in played:
            came.append((entry.line, time.now - 7))  # noqa: PERF401 (the clock moves)

    if asynchronous:
        asyncio.run(iterate())
    else:
        for entry in played:
            came.append((entry.line, time.now - 7))  # noqa: PERF401 (the clock moves)
    assert [line for line, _ in came] == [*range(1, 10)]
    for line, at in came:  # the error of one sleep at most
        assert 0 <= at - (line - 1) * 0.020 / speed < 0.00101
    assert played.broken == 1


def test_a_late_consumer_does_not_wait() -> None:
    time, late = Time(), 0.0
    for entry in replay(ENTRIES, clock=time.clock, sleep=time.sleep):
        if entry.line == 2:
            time.now += 1.0
            late = time.now
    assert time.now == late


def test_no_speed_does_not_wait_and_a_direction_selects() -> None:
    def never(seconds: float) -> None:
        raise AssertionError

    found = list(replay(ENTRIES, speed=None, direction="server", sleep=never))
    assert [entry.line for entry in found] == [1, 4, 7]


@pytest.mark.parametrize(
    "options", [{"speed": 0}, {"speed": -1.0}, {"speed": float("inf")}, {"direction": "up"}]
)
def test_invalid_arguments_are_a_config_error(options: Any) -> None:
    with pytest.raises(ConfigError):
        replay(ENTRIES, **options)


def test_frames_are_sent_as_text(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.jsonl") as recorder:
        recorder.sent('{"type":"ü"}')
        recorder.received(b"\xff")
    sent: list[str] = []

    async def send(frame: str) -> None:
        sent.append(frame)

    for direction in ("client", "server"):
        count = asyncio.run(replay_frames(tmp_path / "a.jsonl", send, direction=direction, speed=None))
        assert count == 1
    assert sent == ['{"type":"ü"}', "\ufffd"]


@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_feeding_a_log_gives_the_state_of_the_call(tmp_path: Path, dialect: str) -> None:
    path, module = tmp_path / "a.jsonl", {"ga": realtime, "beta": beta}[dialect]
    here: list[Any] = [Conversation(), Usage(), Playback()]
    again: list[Any] = [Conversation(), Usage(), Playback()]
    count = 0
    with Recorder(path, redact=False) as recorder:
        for side in ("client", "server"):
            for frame in cases.frames(dialect, side):
                recorder.record(side, frame)
                event = cases.decoder(dialect, side)(frame)
                count += 1
                for each in here:
                    each.feed(event)
        recorder.received(b'{"type":5}')
    with open(path, "ab") as file:
        file.write(b"torn")
    fed = feed_all(path, *again, dialect=module)
    assert (fed.events, fed.broken, fed.refused) == (count, 1, 1)
    assert here[0].transcript() == again[0].transcript()
    assert [item.id for item in here[0]] == [item.id for item in again[0]]
    assert repr(here[1]) == repr(again[1])
    assert here[2].queued_ms == again[2].queued_ms
    only = feed_all(read_log(path), Usage(), dialect=module, directions=["server"])
    assert only.events == len(cases.frames(dialect, "server"))


HOSTILE = [0.0, 1e15, 1e308, -1e308, float("inf"), float("nan"), 5.0, 1e15, 0.0]


@pytest.mark.parametrize("speed", [1.0, 1e-300, 5e-324, 1e300, None])
def test_no_time_of_an_entry_overflows_a_sleep(speed: float | None) -> None:
    log = [Entry("client", time_ms, b"{}", n) for n, time_ms in enumerate(HOSTILE)]
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async def iterate() -> int:
        return len([1 async for _ in replay(log, speed=speed, clock=lambda: 0.0, async_sleep=sleep)])

    assert len([*replay(log, speed=speed, clock=lambda: 0.0, sleep=waits.append)]) == len(log)
    assert asyncio.run(iterate()) == len(log)
    assert all(0 <= wait <= 1e9 for wait in waits)
    assert speed != 1.0 or 1e9 in waits


@pytest.mark.skipif(os.name != "posix", reason="timers that send signals")
def test_a_wait_has_a_length_that_sleep_accepts() -> None:
    class Slept(BaseException):
        pass

    def interrupt(*_: object) -> None:
        raise Slept

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        with pytest.raises(Slept):
            list(replay([Entry("client", 0.0, b"{}", 1), Entry("client", 1e15, b"{}", 2)]))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
