"""LiveQueue alone: what waits at the carrier, by the clock and by marks that come late, early or not at all."""

from __future__ import annotations

from collections import deque

import pytest

from realtime.telephony import CARRIERS, MediaFormat
from realtime.telephony._live import LiveInput, LiveQueue

ULAW = MediaFormat("PCMU", 8_000)


class Measured:
    """A queue, and a carrier that returns marks `late_ms` after the clock expects them."""

    def __init__(self) -> None:
        self.clock = LiveInput()
        self.queue = LiveQueue(CARRIERS["twilio"], self.clock, ULAW)
        self.number = 0

    def push(self, ms: int = 100) -> str:
        """Add audio and a mark."""
        self.number += 1
        self.queue.push(["media"], 8 * ms)
        self.queue.push_mark(f"mark_{self.number}", "mark")
        return f"mark_{self.number}"

    def play(self, late_ms: float = 0.0, ms: int = 100) -> None:
        """Add audio while nothing waits, and return its mark."""
        name = self.push(ms)
        self.clock.ms += ms + late_ms
        self.queue.acknowledge(name)


def test_audio_waits_until_its_time_has_passed() -> None:
    call = Measured()
    assert call.queue.backlog_ms == 0
    call.push(100)
    call.push(60)
    assert call.queue.backlog_ms == 160
    call.clock.ms += 70
    assert call.queue.backlog_ms == 90
    call.clock.ms += 500
    assert call.queue.backlog_ms == 0
    call.push(100)
    assert call.queue.backlog_ms == 100
    call.queue.clear()
    assert call.queue.backlog_ms == 0
    call.push(100)
    assert call.queue.backlog_ms == 100


def test_the_time_on_the_network_is_no_backlog() -> None:
    call = Measured()
    for _ in range(20):
        call.play(late_ms=250)
    call.push()
    assert call.queue.backlog_ms == 100


@pytest.mark.parametrize(("late", "lag_ms"), [(1, 0), (3, 0), (4, 300), (9, 300)])
def test_more_waits_if_several_marks_come_late(late: int, lag_ms: int) -> None:
    call = Measured()
    for _ in range(5):
        call.play(late_ms=50)
    names = [call.push() for _ in range(12)]
    call.clock.ms += 150 + 300
    for name in names[:late]:
        call.queue.acknowledge(name)
        call.clock.ms += 100
    assert call.queue.backlog_ms == 1_200 - 450 - late * 100 + lag_ms


def test_the_backlog_that_marks_show_is_worked_off() -> None:
    """The carrier stood still for 400 ms. What is not sent for 400 ms makes up for it."""
    call = Measured()
    for _ in range(5):
        call.play()
    names = [call.push() for _ in range(10)]
    call.clock.ms += 400
    for name in names:
        call.clock.ms += 100
        call.queue.acknowledge(name)
    assert call.queue.backlog_ms == 0  # all was confirmed
    names = [call.push(), call.push()]
    assert call.queue.backlog_ms == 200
    call.clock.ms += 100
    assert call.queue.backlog_ms == 100
    call.clock.ms += 100
    assert call.queue.backlog_ms == 0


def test_a_mark_that_comes_early_shows_that_nothing_waits() -> None:
    """The carrier has dropped what it had queued."""
    call = Measured()
    name = call.push(1_000)
    call.clock.ms += 100
    call.queue.acknowledge(name)
    assert call.queue.backlog_ms == 0
    call.clock.ms += 1_000
    for _ in range(8):  # it had no time on the network of less than nothing
        call.play()
    call.push(200)
    call.clock.ms += 50
    assert call.queue.backlog_ms == 150


def test_a_mark_may_overtake_another() -> None:
    call = Measured()
    first, second = call.push(), call.push()
    call.queue.acknowledge(second)
    call.queue.acknowledge(first)
    assert call.queue.backlog_ms == 0


def flow(call: Measured, count: int) -> list[float]:
    """Add 100 ms of audio each 100 ms, whose marks are returned 200 ms late. Returns the backlogs."""
    names: deque[str] = deque()
    backlogs = []
    for _ in range(count):
        names.append(call.push())
        backlogs.append(call.queue.backlog_ms)
        call.clock.ms += 100
        if len(names) > 2:
            call.queue.acknowledge(names.popleft())
    return backlogs


def test_a_network_that_has_become_slower_is_no_backlog_for_long() -> None:
    call = Measured()
    call.play()
    backlogs = flow(call, 600)
    assert max(backlogs) == 300
    assert {*backlogs[-50:]} == {100}


def test_returned_marks_of_cleared_audio_are_not_measured() -> None:
    call = Measured()
    assert {*flow(call, 20)} == {100}
    name = call.push(1_000)
    call.queue.clear()
    call.queue.acknowledge(name)
    assert {*flow(call, 20)} == {100}


def test_marks_that_are_not_returned_cost_no_memory_and_no_measure() -> None:
    call = Measured()
    for _ in range(200):
        call.push()
        call.clock.ms += 100
    call.push()
    assert call.queue.backlog_ms == 100
    call.queue.acknowledge("mark_1")
    call.queue.acknowledge("another")
    assert call.queue.backlog_ms == 100
