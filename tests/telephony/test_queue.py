"""CarrierQueue alone: what fits a carrier's queue, what is retained, and when marks are overdue."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.telephony import MediaFormat
from realtime.telephony._queue import (
    DEFAULT_QUEUE_MS,
    MAX_PENDING_MARKS,
    MAX_RETAINED_FRAMES,
    MAX_RETAINED_MS,
    OVERDUE_MS,
    CallerClock,
    CarrierQueue,
)

ULAW = MediaFormat("PCMU", 8_000)  # 8 bytes a millisecond


class Row:
    """What the queue reads of a carrier."""

    def __init__(self, queue_ms: int | None, mark_ms: int) -> None:
        self.QUEUE_MS, self.QUEUE_MARK_MS = queue_ms, mark_ms


def make(
    queue_ms: int | None = 1_000, mark_ms: int = 0, media: MediaFormat = ULAW
) -> tuple[CarrierQueue, CallerClock]:
    clock, row = CallerClock(), Row(queue_ms, mark_ms)
    carrier: Any = row
    return CarrierQueue(carrier, clock, media), clock


def push(queue: CarrierQueue, name: str, ms: int) -> list[str | bytes]:
    """Add one frame with `ms` milliseconds of mu-law."""
    return queue.push([name], 8 * ms)


def test_the_limits() -> None:
    assert (DEFAULT_QUEUE_MS, OVERDUE_MS, MAX_PENDING_MARKS) == (60_000, 2_000, 4_096)
    assert (MAX_RETAINED_MS, MAX_RETAINED_FRAMES) == (1_800_000, 120_000)


@pytest.mark.parametrize(("queue_ms", "fits_ms"), [
    (600_000, 599_000), (61_440, 60_440), (None, DEFAULT_QUEUE_MS - 1_000), (20_000, 19_000), (10_000, 9_500),
    (1_000, 950), (30, 29),
])  # fmt: skip
def test_all_but_a_margin_is_sent_at_once(queue_ms: int | None, fits_ms: int) -> None:
    queue, _ = make(queue_ms)
    assert queue.push(["a", "b"], 8 * fits_ms - 1) == ["a", "b"]
    assert queue.push([b"c"], 1) == [b"c"]
    assert queue.push([], 0) == []
    assert queue.push(["d"], 1) == []
    assert queue.push(["e"], 1) == []
    assert [frame for frame, _, _ in queue.retained] == ["d", "e"]
    assert queue.release() == []
    queue.clear()
    assert not queue.retained
    assert queue.push(["f"], 8 * fits_ms) == ["f"]


@pytest.mark.parametrize(
    "media", [MediaFormat("L16", 24_000), MediaFormat("L16", 11_025), MediaFormat("PCMA", 16_000)]
)
def test_the_queue_is_measured_in_the_format_that_the_carrier_plays(media: MediaFormat) -> None:
    queue, _ = make(1_000)
    queue.open(media)
    nbytes = 950 * media.bytes_per_second // 1000
    assert queue.push(["a"], nbytes) == ["a"]
    assert queue.push(["b"], 1) == []


def test_the_frames_of_one_call_share_its_bytes() -> None:
    queue, _ = make()
    push(queue, "a", 940)
    assert queue.push(["b", "c", "d"], 8 * 15) == ["b", "c"]
    assert [*queue.retained] == [("d", 40, None)]


def test_what_is_longer_than_the_queue_is_sent_when_the_queue_is_empty() -> None:
    queue, _ = make()
    assert push(queue, "a", 2_000) == ["a"]
    assert push(queue, "b", 2_000) == []
    assert queue.push_mark("m", "mark m") == []
    queue.acknowledge("m")  # is not there yet
    assert queue.release() == []
    queue.clear()
    assert push(queue, "c", 2_000) == ["c"]
    assert [*queue.retained] == []


# --- Marks ----------------------------------------------------------------------------------


def test_a_returned_mark_makes_room_for_what_precedes_it() -> None:
    queue, _ = make()
    assert push(queue, "a", 400) == ["a"]
    assert queue.push_mark("m", "mark m") == ["mark m"]
    assert push(queue, "b", 550) == ["b"]
    assert queue.push_mark("n", "mark n") == ["mark n"]
    assert push(queue, "c", 300) == push(queue, "d", 200) == []
    assert queue.is_pending("m")
    assert queue.is_pending("n")
    queue.acknowledge("m")
    assert not queue.is_pending("m")
    assert queue.release() == ["c"]
    assert queue.release() == []
    queue.acknowledge("n")
    assert queue.release() == ["d"]
    assert push(queue, "e", 950 - 500) == ["e"]
    assert push(queue, "f", 1) == []


def test_a_later_mark_stands_for_those_before_it() -> None:
    queue, _ = make()
    for name in "abc":
        push(queue, name, 300)
        queue.push_mark(name, f"mark {name}")
    queue.acknowledge("b")
    queue.acknowledge("a")  # late: it moves nothing back
    assert push(queue, "d", 650) == ["d"]
    assert push(queue, "e", 1) == []
    queue.acknowledge("unknown")
    assert queue.release() == []
    queue.acknowledge("c")
    assert queue.release() == ["e"]


def test_a_mark_stays_behind_the_audio_that_is_retained() -> None:
    queue, _ = make()
    push(queue, "a", 940)
    queue.push_mark("m", "mark m")
    assert push(queue, "b", 20) == []
    assert queue.push_mark("n", "mark n") == []
    assert not queue.is_pending("n")
    queue.acknowledge("m")
    assert queue.release() == ["b", "mark n"]
    assert queue.is_pending("n")


def test_a_mark_takes_the_place_that_the_carrier_states() -> None:
    queue, _ = make(1_000, mark_ms=20)
    for n in range(47):
        assert queue.push_mark(f"m{n}", f"mark {n}") == [f"mark {n}"]
    assert push(queue, "a", 10) == ["a"]
    assert queue.push_mark("m47", "mark 47") == []
    assert push(queue, "b", 1) == []
    assert [*queue.retained] == [("mark 47", 160, "m47"), ("b", 8, None)]
    queue.acknowledge("m0")
    assert queue.release() == ["mark 47"]
    queue.acknowledge("m1")
    assert queue.release() == ["b"]


def test_no_more_marks_are_sent_than_may_be_pending() -> None:
    queue, _ = make(600_000)
    for n in range(MAX_PENDING_MARKS):
        assert queue.push_mark(f"m{n}", "frame") == ["frame"]
    assert queue.push_mark("one more", "one more") == []
    assert push(queue, "a", 1) == queue.push_mark("another", "another") == []
    queue.acknowledge("m5")
    assert queue.release() == ["one more", "a"]
    queue.acknowledge("m6")
    assert queue.release() == ["another"]
    assert queue.push_mark("third", "third") == []


# --- The clock ------------------------------------------------------------------------------


def test_the_clock_plays_until_the_first_mark_is_returned() -> None:
    queue, clock = make()
    clock.ms = 500.0
    push(queue, "a", 400)
    queue.push_mark("m", "mark m")  # due at 900
    push(queue, "b", 500)
    queue.push_mark("n", "mark n")  # due at 1400
    assert push(queue, "c", 100) == push(queue, "d", 200) == []
    clock.ms = 549.0
    assert queue.release() == []
    clock.ms = 550.0
    assert queue.release() == ["c"]  # 850 ms are left, and 100 more
    clock.ms = 749.0
    assert queue.release() == []
    clock.ms = 750.0
    assert push(queue, "behind d", 1) == queue.push_mark("p", "mark p") == []
    assert queue.release() == ["d"]
    clock.ms = 751.0
    assert queue.release() == ["behind d", "mark p"]
    queue.acknowledge("m")
    assert push(queue, "e", 150) == []
    clock.ms = 10_000.0  # from here on, the marks tell
    assert queue.release() == []
    queue.acknowledge("n")
    assert queue.release() == ["e"]


def test_audio_behind_the_last_mark_is_not_played_by_the_clock() -> None:
    queue, clock = make()
    push(queue, "a", 400)
    queue.push_mark("m", "mark m")
    push(queue, "b", 500)
    assert push(queue, "c", 451) == []
    clock.ms = 60_000.0
    assert queue.release() == []
    queue.clear()
    push(queue, "a", 400)
    queue.push_mark("m", "mark m")
    push(queue, "b", 500)
    assert push(queue, "c", 450) == []
    clock.ms = 120_000.0
    assert queue.release() == ["c"]


def test_pending_marks_take_their_place_whatever_the_clock_says() -> None:
    queue, clock = make(1_000, mark_ms=20)
    push(queue, "a", 400)
    queue.push_mark("m", "mark m")
    queue.push_mark("n", "mark n")
    assert push(queue, "b", 911) == []
    clock.ms = 60_000.0
    assert queue.release() == []
    assert [*queue.expire()] == ["m", "n"]
    assert queue.release() == ["b"]


def test_the_audio_of_a_mark_begins_when_the_audio_before_it_ends() -> None:
    queue, clock = make(600_000)
    push(queue, "a", 400)
    queue.push_mark("m", "mark m")  # due at 400
    clock.ms = 100.0
    push(queue, "b", 100)
    queue.push_mark("n", "mark n")  # due at 500
    clock.ms = 1_000.0
    push(queue, "c", 100)
    queue.push_mark("o", "mark o")  # due at 1100
    for name, overdue in (("m", 2_400), ("n", 2_500), ("o", 3_100)):
        assert [*queue.expire()] == []
        assert queue.overdue_ms == overdue
        queue.acknowledge(name)
    clock.ms = 4_000.0
    push(queue, "d", 100)
    queue.push_mark("p", "mark p")  # due at 4100
    assert [*queue.expire()] == []
    assert queue.overdue_ms == 6_100


def test_a_mark_is_overdue_two_seconds_after_it_was_due() -> None:
    queue, clock = make(600_000)
    for name in "abc":
        push(queue, name, 1_000)
        queue.push_mark(name, f"mark {name}")
    clock.ms = 2_999.0
    assert [*queue.expire()] == []
    assert queue.overdue_ms == 1_000 + OVERDUE_MS
    clock.ms = 3_000.0
    assert [*queue.expire()] == ["a", "b", "c"]  # from the first on, the clock tells without grace
    assert not queue.is_pending("a")
    for name in "de":
        push(queue, name, 1_000)
        queue.push_mark(name, f"mark {name}")
    clock.ms = 3_999.0
    assert [*queue.expire()] == []
    assert queue.overdue_ms == 4_000
    clock.ms = 4_000.0
    assert [*queue.expire()] == ["d"]
    queue.acknowledge("f")  # marks come back again: with grace
    assert queue.overdue_ms == 4_000 + OVERDUE_MS
    clock.ms = 6_999.0
    assert [*queue.expire()] == []
    clock.ms = 7_000.0
    assert [*queue.expire()] == ["e"]
    assert [*queue.expire()] == []


def test_a_mark_that_was_lost_is_removed_without_a_report() -> None:
    queue, clock = make()
    for name in "abc":
        push(queue, name, 300)
        queue.push_mark(name, f"mark {name}")
    queue.acknowledge("b")
    clock.ms = 2_500.0
    assert [*queue.expire()] == []
    assert not queue.is_pending("a")
    assert queue.is_pending("c")
    assert queue.overdue_ms == 900 + OVERDUE_MS
    assert push(queue, "d", 651) == []
    clock.ms = 2_850.0  # the marks still tell
    assert queue.release() == []
    clock.ms = 2_900.0
    assert [*queue.expire()] == ["c"]
    assert queue.release() == ["d"]


def test_of_two_marks_at_one_place_the_later_stands_for_both() -> None:
    queue, clock = make()
    push(queue, "a", 300)
    queue.push_mark("m", "mark m")
    queue.push_mark("n", "mark n")
    queue.acknowledge("n")
    clock.ms = 10_000.0
    assert [*queue.expire()] == []
    assert not queue.is_pending("m")


def test_the_clock_plays_again_once_a_mark_is_overdue() -> None:
    queue, clock = make()
    assert queue.overdue_ms <= 0
    for name in "ab":
        push(queue, name, 300)
        queue.push_mark(name, f"mark {name}")
    queue.acknowledge("a")
    assert push(queue, "c", 651) == []
    clock.ms = 2_599.0
    assert [*queue.expire()] == queue.release() == []
    clock.ms = 2_600.0
    assert [*queue.expire()] == ["b"]
    assert queue.release() == ["c"]
    queue.push_mark("c", "mark c")  # due at 3251
    assert push(queue, "d", 950) == []
    clock.ms = 3_250.0
    assert queue.release() == []
    clock.ms = 3_251.0
    assert queue.release() == ["d"]


def test_a_cleared_queue_begins_now() -> None:
    queue, clock = make(1_000)
    push(queue, "a", 900)
    queue.push_mark("m", "mark m")
    push(queue, "b", 900)
    clock.ms = 100.0
    queue.clear()
    assert not queue.is_pending("m")
    assert [*queue.expire()] == []
    assert not queue.retained
    push(queue, "c", 200)
    queue.push_mark("n", "mark n")
    assert [*queue.expire()] == []
    assert queue.overdue_ms == 100 + 200 + OVERDUE_MS
    assert push(queue, "d", 750) == ["d"]
    assert push(queue, "e", 1) == []


# --- The limit of what is retained ----------------------------------------------------------


def test_thirty_minutes_of_audio_are_retained() -> None:
    queue, _ = make()
    assert queue.has_room(MAX_RETAINED_MS)
    assert not queue.has_room(MAX_RETAINED_MS + 0.125)
    push(queue, "a", 950)
    assert queue.has_room(MAX_RETAINED_MS)  # that was sent
    queue.push_mark("m", "mark m")
    push(queue, "b", 500)
    queue.push(["c", "d"], 8 * 400)
    push(queue, "e", 300)
    for released, left_ms in (([], 1_200), (["b", "c", "d"], 300)):
        assert queue.release() == released
        assert queue.has_room(MAX_RETAINED_MS - left_ms)
        assert not queue.has_room(MAX_RETAINED_MS - left_ms + 0.125)
        queue.acknowledge("m")
    queue.clear()
    assert queue.has_room(MAX_RETAINED_MS)


def test_the_number_of_retained_frames_is_limited() -> None:
    queue, _ = make()
    push(queue, "a", 950)
    queue.push([b"x"] * (MAX_RETAINED_FRAMES - 1), MAX_RETAINED_FRAMES - 1)
    assert queue.has_room(1)
    queue.push_mark("m", "mark m")
    assert not queue.has_room(1)
    assert not queue.has_room(0)


def test_the_backlog_is_what_is_queued_and_what_is_retained() -> None:
    queue, _ = make(1_000)
    assert queue.backlog_ms == 0
    assert (push(queue, "a", 900), queue.backlog_ms) == (["a"], 900)
    assert (push(queue, "b", 100), queue.backlog_ms) == ([], 1_000)
    queue.clear()
    assert queue.backlog_ms == 0
