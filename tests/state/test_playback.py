"""Playback, compared with the loopback server and with a model that stores every byte."""

from __future__ import annotations

import base64
import json
import pickle
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import realtime as r
from realtime import beta
from realtime.providers import get_provider
from realtime.state import Interruption, Playback
from realtime.testing import ServerProtocol
from tests.testing.helpers import exchange, formats, open_session, tone
from tests.work import count_lines

PCM16, ULAW, ALAW = r.AudioFormat.PCM16, r.AudioFormat.G711_ULAW, r.AudioFormat.G711_ALAW
IDS: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}


def delta(nbytes: int, **changed: Any) -> Any:
    return r.ResponseOutputAudioDelta(delta=bytes(nbytes), **{**IDS, **changed})


def end_of(interruption: Interruption) -> tuple[str, int] | None:
    truncate = interruption.truncate
    return None if truncate is None else (truncate.item_id, truncate.audio_end_ms)


@pytest.mark.parametrize(
    ("format", "second"), [(PCM16, 48_000), (ULAW, 8_000), (ALAW, 8_000), ("audio/pcmu", 8_000)]
)
def test_milliseconds_are_those_of_the_format(format: Any, second: int) -> None:
    playback = Playback(format)
    assert playback.feed(delta(second)) == second
    assert playback.queued_ms == 1000
    playback.played(ms=250)
    assert playback.played_ms("i") == 250
    result = playback.interrupt()
    assert end_of(result) == ("i", 250)
    assert (result.discarded_bytes, result.discarded_ms, result.unplayed_item_ids) == (
        second * 3 // 4,
        750,
        (),
    )


@pytest.mark.parametrize("amount", [
    {"samples": 24_000}, {"ms": 1000}, {"nbytes": 48_000}, {"samples": 48_000, "sample_rate": 48_000},
    {"samples": 8_000, "sample_rate": 8_000}, {"ms": 1000.9}, {"ms": 1e9},
])  # fmt: skip
def test_no_more_is_played_than_was_received(amount: dict[str, Any]) -> None:
    playback = Playback()
    playback.feed(delta(48_000))
    playback.feed(delta(0))
    assert playback.played(**amount) == 48_000
    assert playback.played(ms=500) == 0
    assert not playback.is_playing
    assert end_of(playback.interrupt()) == ("i", 1000)


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 24_000, 44_100, 48_000, 22_222, 8_001, 100_003])
def test_queued_audio_is_counted_exactly_at_every_rate(rate: int) -> None:
    playback = Playback(r.AudioFormat("pcm16", rate))
    for _ in range(100):
        playback.feed(delta(2))
        playback.played(nbytes=1)
    assert playback.queued_ms == 100_000 / (2 * rate)
    assert playback.feed(delta(2 * rate)) == 2 * rate
    assert playback.queued_ms == 1000 + 100_000 / (2 * rate)
    assert playback.played(nbytes=100 + 2 * rate) == 100 + 2 * rate
    assert (playback.queued_ms, playback.is_playing) == (0, False)


def test_fractions_of_a_sample_are_carried_over() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(8_000))
    assert sum(playback.played(ms=0.1) for _ in range(1000)) in (799, 800)
    assert sum(playback.played(samples=1, sample_rate=44_100) for _ in range(441)) in (79, 80, 81)


def test_an_item_of_which_nothing_was_played_is_not_truncated() -> None:
    playback = Playback()
    playback.feed(delta(960))
    assert playback.interrupt() == Interruption(None, ("i",), 960, 20.0, ())
    assert playback.interrupt() == Interruption()


def test_less_than_a_millisecond_counts_as_not_played() -> None:
    playback = Playback()
    playback.feed(delta(960))
    playback.played(samples=23)
    assert playback.interrupt().unplayed_item_ids == ("i",)


def test_the_item_at_the_playhead_is_truncated() -> None:
    playback = Playback(ULAW)
    for item in ("a", "b", "c"):
        playback.feed(delta(800, item_id=item))
    assert playback.current_item_id == "a"
    playback.played(ms=150)
    result = playback.interrupt()
    assert end_of(result) == ("b", 50)
    assert result.unplayed_item_ids == ("c",)


def test_responses_and_parts_may_overlap() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    playback.feed(delta(800, content_index=1))
    playback.feed(delta(800, response_id="r2", item_id="j"))
    playback.feed(delta(800))
    playback.played(ms=150)
    result = playback.interrupt()
    assert result.truncate == r.ConversationItemTruncate(item_id="i", content_index=1, audio_end_ms=50)
    assert result.unplayed_item_ids == ("j",)


def test_late_deltas_of_an_interrupted_response_are_dropped() -> None:
    playback = Playback()
    playback.feed(delta(960))
    playback.played(ms=10)
    playback.interrupt()
    assert playback.feed(delta(960)) == 0
    assert playback.feed(delta(960, item_id="next of the same response")) == 0
    assert playback.feed(delta(960, response_id="r2", item_id="i2")) == 960
    assert playback.received("i", 960) == 0


def test_an_item_whose_interruption_is_forgotten_is_played_again() -> None:
    """Only what arrived since counts as queued."""
    playback = Playback(ULAW)
    for _ in range(3):
        assert playback.feed(delta(800)) == 800
        assert (playback.queued_ms, playback.current_item_id) == (100, "i")
        assert playback.played(ms=50) == 400
        assert playback.interrupt().discarded_bytes == 400
        assert playback.feed(delta(800)) == 0
        for n in range(128):
            playback.received(f"other{n}", 80, response_id=f"r{n}")
            playback.interrupt()
    assert playback.received_bytes("i") == 2_400
    assert playback.played_ms("i") == 150
    playback.feed(delta(800))
    playback.feed(r.ConversationItemTruncated(item_id="i", content_index=0, audio_end_ms=350))
    assert playback.played(ms=100) == 400
    assert playback.received_bytes("i") == 2_800


def test_late_audio_without_a_response_id_is_known_by_its_item() -> None:
    playback = Playback()
    playback.received("i", 480)
    playback.interrupt()
    assert playback.received("i", 480) == 0
    assert playback.received("j", 480) == 480


def test_a_finished_item_that_was_played_to_its_end_is_not_truncated() -> None:
    for end in (r.ResponseOutputAudioDone(**IDS), r.ResponseDone(response=r.Response(id="r"))):
        playback = Playback()
        playback.feed(delta(960))
        assert playback.feed(end) is None
        playback.played(ms=20)
        assert playback.interrupt() == Interruption()


def test_an_unfinished_item_is_truncated_at_the_playhead() -> None:
    playback = Playback()
    playback.feed(delta(960))
    playback.played(ms=20)
    assert end_of(playback.interrupt()) == ("i", 20)


# --- Marks -----------------------------------------------------------------------------


def test_a_returned_mark_moves_the_playhead() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    first = playback.mark()
    playback.feed(delta(800))
    second = playback.mark()
    assert first != second
    assert playback.acknowledge_mark(first) == 800
    assert playback.acknowledge_mark(first) == 0
    assert playback.acknowledge_mark("never sent") == 0
    result = playback.interrupt()
    assert end_of(result) == ("i", 100)
    assert result.marks == (second,)
    assert playback.acknowledge_mark(second) == 0
    assert playback.played_ms("i") == 100


def test_a_mark_completes_what_a_clock_estimated() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    mark = playback.mark("done")
    playback.played(ms=40)
    assert playback.acknowledge_mark(mark) == 480
    assert playback.mark("of an empty queue") == "of an empty queue"
    assert playback.acknowledge_mark("of an empty queue") == 0
    assert Playback().mark("before any audio") == "before any audio"


def test_a_mark_forgets_the_fraction_of_a_sample() -> None:
    """The clock starts again at the mark: half a sample before it is no part of what follows."""
    playback = Playback(ULAW)
    playback.feed(delta(8))
    mark = playback.mark()
    playback.feed(delta(8))
    assert playback.played(samples=1.5) == 1
    assert playback.acknowledge_mark(mark) == 7
    assert [playback.played(samples=0.5) for _ in range(4)] == [0, 1, 0, 1]


@pytest.mark.parametrize("restart", [
    lambda p: p.played(nbytes=1), lambda p: p.played(samples=16), lambda p: (p.interrupt(), p.received("j", 8)),
])  # fmt: skip
def test_other_reports_forget_the_fraction_of_a_sample(restart: Callable[[Playback], object]) -> None:
    playback = Playback(ULAW)
    playback.feed(delta(8))
    assert playback.played(samples=1.5) == 1
    restart(playback)
    if not playback.is_playing:
        playback.received("k", 8)
    assert [playback.played(samples=0.5) for _ in range(4)] == [0, 1, 0, 1]


def test_marks_of_one_name_are_returned_one_by_one() -> None:
    playback = Playback(ULAW)
    for _ in range(3):
        playback.feed(delta(80))
        playback.mark("m")
    assert playback.played(ms=15) == 120
    assert [playback.acknowledge_mark("m") for _ in range(3)] == [40, 80, 0]


def test_a_mark_behind_the_last_sample_is_passed_with_it() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    playback.mark("m")
    assert playback.played(ms=100) == 800
    assert playback.interrupt().marks == ()


def test_a_mark_without_audio_is_no_audio_of_its_item() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(80))
    playback.played(ms=10)
    playback.mark("m")
    playback.feed(delta(160, item_id="j"))
    playback.feed(delta(240))
    assert playback.current_item_id == "j"
    assert playback.acknowledge_mark("m") == 0
    assert (playback.current_item_id, playback.queued_ms) == ("j", 50)


def test_marks_without_a_name_are_numbered() -> None:
    playback = Playback(ULAW)
    assert [playback.mark(), playback.mark("m"), playback.mark(), playback.mark()] == [
        "mark_1",
        "m",
        "mark_2",
        "mark_3",
    ]


def test_pending_marks_are_returned_by_an_interruption_in_order() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    names = [playback.mark(), playback.mark(), playback.mark("of the caller")]
    assert len(set(names)) == 3
    assert playback.interrupt().marks == tuple(names)
    playback.received("j", 800)
    assert playback.played(ms=100) == 800
    playback.mark("after the audio")
    assert not playback.is_playing
    assert playback.interrupt().marks == ("after the audio",)
    playback.mark("of nothing")
    assert playback.interrupt().marks == ()


def test_two_marks_without_audio_between() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    names = [playback.mark(), playback.mark()]
    assert [playback.acknowledge_mark(name) for name in names] == [800, 0]
    playback.feed(delta(800))
    playback.mark()
    assert playback.played(ms=200) == 800


# --- Other events ------------------------------------------------------------------------


def test_the_format_of_a_session_applies_to_later_parts() -> None:
    playback = Playback()
    playback.feed(delta(48_000))
    ga = r.AudioConfig(output=r.AudioOutput(format=r.wire_format(ULAW)))
    playback.feed(r.SessionUpdated(session=r.RealtimeSessionInfo(audio=ga)))
    playback.feed(delta(8_000, item_id="j", response_id="r2"))
    assert playback.queued_ms == 2000
    assert playback.played(ms=1500) == 48_000 + 4_000
    assert end_of(playback.interrupt()) == ("j", 500)
    playback.feed(r.SessionUpdated(session=r.RealtimeSessionInfo()))
    playback.received("k", 8_000)
    assert playback.queued_ms == 1000


def test_beta_events() -> None:
    playback = Playback("g711_ulaw")
    frame = b'{"type":"response.audio.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"////"}'
    assert playback.feed(beta.decode_server(frame)) == 3
    assert playback.feed(r.decode_server(b'{"type":"of tomorrow"}')) is None
    assert playback.feed(r.ResponseCreated(response=r.Response(id="r"))) is None


def test_audio_truncated_or_deleted_by_another_client_is_not_played() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    playback.feed(r.ConversationItemTruncated(item_id="i", content_index=0, audio_end_ms=30))
    assert playback.queued_ms == 30
    playback.feed(r.ConversationItemTruncated(item_id="i", content_index=0, audio_end_ms=10))
    playback.feed(r.ConversationItemTruncated(item_id="unknown", content_index=0, audio_end_ms=10))
    assert playback.queued_ms == 30
    playback.feed(delta(800, item_id="j", response_id="r2"))
    playback.mark("m")
    playback.feed(r.ConversationItemDeleted(item_id="j"))
    assert playback.queued_ms == 30
    assert playback.current_item_id == "i"
    assert playback.acknowledge_mark("m") == 240
    assert playback.queued_ms == 0
    assert not playback.is_playing
    assert playback.current_item_id is None
    assert playback.received_bytes("j") == 0
    assert playback.received_bytes("unknown") == playback.played_ms("unknown") == 0


@pytest.mark.parametrize(("format", "end_ms", "kept"), [
    (PCM16, 1, 48), (PCM16, 0, 0), (PCM16, None, 0), (r.AudioFormat("pcm16", 22_050), 33, 2 * 727),
    (r.AudioFormat("pcm16", 11_025), 99, 2 * 1091), (ULAW, 33, 264), (ULAW, 500, 4_000), (ULAW, 501, 4_000),
])  # fmt: skip
def test_a_truncation_by_another_client_keeps_whole_samples(
    format: r.AudioFormat, end_ms: int | None, kept: int
) -> None:
    playback = Playback(format)
    playback.feed(delta(4_000, content_index=1))
    end: Any = r.ConversationItemTruncated(item_id="i", content_index=1, audio_end_ms=0)
    end.audio_end_ms = end_ms
    playback.feed(end)
    assert playback.received_bytes("i", 1) == kept
    assert playback.queued_ms == pytest.approx(kept * 1000 / format.bytes_per_second)
    assert playback.interrupt().discarded_bytes == kept


@pytest.mark.parametrize("sample_rate", [0.5, 1, 3])
def test_a_very_low_sample_rate(sample_rate: Any) -> None:
    playback = Playback(ULAW)
    playback.feed(delta(24_000))
    assert playback.played(samples=1, sample_rate=sample_rate) == int(8_000 / sample_rate)


def test_a_truncation_by_another_client_leaves_what_was_played() -> None:
    playback = Playback(ULAW)
    for end_ms, queued_ms in ((70, 20), (50, 0), (20, 0), (-10, 0)):
        playback = Playback(ULAW)
        playback.feed(delta(400))
        playback.mark("m")
        playback.feed(delta(400, item_id="j", response_id="r2"))
        playback.feed(delta(400))
        playback.played(ms=50)
        playback.feed(r.ConversationItemTruncated(item_id="i", content_index=0, audio_end_ms=end_ms))
        assert playback.played_ms("i") == 50
        assert playback.queued_ms == 50 + queued_ms
        assert playback.feed(delta(400)) == 0
        assert playback.received_bytes("i") == 400 + 8 * queued_ms
        assert playback.current_item_id == "j"
        assert playback.played(ms=60) == 400 + min(80, 8 * queued_ms)
        assert playback.interrupt().discarded_bytes == max(0, 8 * queued_ms - 80)


def test_the_position_is_what_an_interruption_would_truncate() -> None:
    playback = Playback(ULAW)
    assert playback.position is None
    playback.feed(delta(800, content_index=1))
    assert playback.position == ("i", 1, 0)
    playback.played(ms=30.5)
    assert [playback.position, playback.position] == [("i", 1, 30)] * 2
    playback.played(ms=69.5)
    assert playback.position == ("i", 1, 100), "more of the part may come"
    playback.feed(delta(80, item_id="j"))
    assert playback.position == ("j", 0, 0)
    playback.played(ms=5)
    assert end_of(playback.interrupt()) == ("j", 5)
    assert playback.position is None


def test_there_is_no_position_after_the_end_of_the_audio() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(80))
    playback.feed(r.ResponseOutputAudioDone(**IDS))
    assert playback.position == ("i", 0, 0)
    playback.played(ms=10)
    assert playback.position is None
    assert playback.interrupt() == Interruption()


@pytest.mark.parametrize(("amount", "error"), [
    ({}, TypeError), ({"ms": 1, "samples": 1}, TypeError), ({"ms": -1}, r.AudioError),
    ({"samples": float("nan")}, r.AudioError), ({"ms": float("inf")}, r.AudioError), ({"nbytes": -1}, r.AudioError),
    ({"samples": 1, "sample_rate": 0}, r.AudioError), ({"samples": 1, "sample_rate": -1}, r.AudioError),
    ({"samples": 1, "sample_rate": float("nan")}, r.AudioError),
    ({"samples": 1, "sample_rate": float("inf")}, r.AudioError),
])  # fmt: skip
def test_wrong_amounts_are_refused_and_change_nothing(amount: Any, error: type[Exception]) -> None:
    playback = Playback()
    playback.feed(delta(960))
    with pytest.raises(error):
        playback.played(**amount)
    with pytest.raises(r.AudioError, match="nbytes must not be negative, got -1"):
        playback.received("i", -1)
    assert playback.queued_ms == 20


def test_wrong_formats_are_refused() -> None:
    with pytest.raises(r.ConfigError):
        Playback("mulow")  # type: ignore[arg-type]
    playback = Playback()
    with pytest.raises(r.ConfigError):
        playback.audio_format = "opus"  # type: ignore[assignment]
    assert playback.audio_format is PCM16
    playback.audio_format = "g711_ulaw"
    assert playback.audio_format is ULAW


def test_finished_parts_are_remembered_for_a_while() -> None:
    playback = Playback(ULAW)
    for n in range(3_000):
        playback.feed(delta(160, item_id=f"i{n}", response_id=f"r{n}"))
        playback.played(ms=20)
    remembered = [n for n in range(3_000) if playback.received_bytes(f"i{n}")]
    assert remembered == [*range(remembered[0], 3_000)]
    assert 128 <= len(remembered) <= 256


def test_the_oldest_parts_are_forgotten_one_by_one() -> None:
    playback = Playback(ULAW)
    remembered: list[Any] = []
    parts = [("first", 0), *((f"i{n}", index) for n in range(300) for index in (0, 1))]
    for item_id, index in parts:
        playback.feed(delta(160, item_id=item_id, content_index=index))
        playback.played(ms=20)
        remembered = [part for part in parts if playback.received_bytes(*part)]
        at = parts.index((item_id, index)) + 1
        assert remembered == parts[at - len(remembered) : at]
    assert 128 <= len(remembered) <= 256


def test_interrupted_items_and_responses_are_remembered_for_a_while() -> None:
    playback = Playback(ULAW)
    for n in range(3_000):
        playback.feed(delta(160, item_id=f"i{n}", response_id=f"r{n}"))
        playback.interrupt()
    late = [n for n in range(3_000) if playback.is_late(f"i{n}")]
    assert late == [n for n in range(3_000) if playback.is_late("another", f"r{n}")] == [*range(2_872, 3_000)]
    remembered = [n for n in range(3_000) if playback.received_bytes(f"i{n}")]
    assert 128 <= len(remembered) <= 256


def test_queued_audio_is_never_forgotten() -> None:
    playback = Playback(ULAW)
    for n in range(600):
        playback.received(f"i{n}", 80)
    assert [playback.received_bytes(f"i{n}") for n in range(600)] == [80] * 600
    assert playback.played(ms=1e6) == 600 * 80
    assert playback.played_ms("i599") == 10


# --- Work and memory ---------------------------------------------------------------------


def receive(playback: Playback, n: int, mark: bool = False) -> object:
    """Receive `n` items, the last of its response each."""
    for k in range(n):
        playback.feed(delta(160, item_id=f"i{k}", response_id=f"r{k}"))
        if mark:
            playback.mark(f"m{k}")
    return playback


def one_mark_for_all(playback: Playback, n: int) -> None:
    for k in range(n):
        playback.feed(delta(160, item_id=f"i{k}"))
        playback.mark("m")
    assert sum(playback.acknowledge_mark("m") for _ in range(n)) == 160 * n


def many_parts_of_one_item(playback: Playback, n: int) -> None:
    for k in range(n):
        playback.feed(delta(160, content_index=k))
    playback.feed(r.ConversationItemDeleted(item_id="i"))
    assert not playback.is_playing


# What is done with n items or marks, and what follows.
HARD_WORK: dict[str, Callable[[Playback, int], object]] = {
    "received": receive,
    "received and interrupted": lambda p, n: (receive(p, n), p.interrupt()),
    "received and played at once": lambda p, n: (receive(p, n), p.played(ms=20 * n)),
    "received and played in steps": lambda p, n: (receive(p, n), [p.played(ms=20) for _ in range(n)]),
    "the last mark is returned": lambda p, n: (receive(p, n, True), p.acknowledge_mark(f"m{n - 1}")),
    "each mark is returned": lambda p, n: (
        receive(p, n, True), [p.acknowledge_mark(f"m{k}") for k in range(n)],
    ),
    "unknown marks are returned": lambda p, n: (
        receive(p, n, True), [p.acknowledge_mark(f"unknown{k}") for k in range(n)],
    ),
    "all marks have one name": one_mark_for_all,
    "many parts of one item": many_parts_of_one_item,
    "each response ends": lambda p, n: (
        receive(p, n), [p.feed(r.ResponseDone(response=r.Response(id=f"r{k}"))) for k in range(n)],
    ),
    "each item is deleted": lambda p, n: (
        receive(p, n), [p.feed(r.ConversationItemDeleted(item_id=f"i{k}")) for k in range(n)],
    ),
    "each item is truncated": lambda p, n: (
        receive(p, n),
        [p.feed(r.ConversationItemTruncated(item_id=f"i{k}", content_index=0, audio_end_ms=1)) for k in range(n)],
    ),
    "the queue is read": lambda p, n: (
        receive(p, n), [(p.queued_ms, p.is_playing, p.current_item_id, p.position) for _ in range(n)],
    ),
    "single items are interrupted afterwards": lambda p, n: (
        receive(p, n), [(p.interrupt(), p.feed(delta(160, item_id=f"j{k}", response_id=None))) for k in range(n)],
    ),
}  # fmt: skip


@pytest.mark.mostly_slow(quick=4)
@pytest.mark.parametrize("work", HARD_WORK)
def test_the_work_does_not_depend_on_the_length_of_the_queue(work: str) -> None:
    by_count = [count_lines(HARD_WORK[work], Playback(ULAW), n) for n in (40, 400, 4_000)]
    assert by_count[1] <= 12 * by_count[0]
    assert by_count[2] <= 12 * by_count[1]


@pytest.mark.slow
def test_what_a_carrier_never_reports_has_a_bounded_memory() -> None:
    playback = Playback(ULAW)
    sizes = []
    for k in range(90_000):
        playback.received(f"item_{k:08}", 160, response_id=f"resp_{k:08}")
        playback.mark(f"mark_{k:08}")
        if k % 30_000 == 29_999:
            sizes.append(len(pickle.dumps(playback)))
    assert max(sizes) <= 1.1 * min(sizes)
    assert len(playback.interrupt().unplayed_item_ids) == 16_384


def test_the_oldest_of_too_many_marks_and_items_count_as_played() -> None:
    playback = Playback(ULAW)
    for k in range(16_385):
        playback.received(f"i{k}", 160)
        assert playback.mark(f"m{k}") == f"m{k}"
    assert (playback.played_ms("i0"), playback.played_ms("i1")) == (20, 0)
    assert playback.current_item_id == "i1"
    assert playback.queued_ms == 16_384 * 20
    assert playback.acknowledge_mark("m0") == 0
    playback.mark("one more")  # a mark without audio takes a place too
    assert playback.current_item_id == "i2"
    assert playback.acknowledge_mark("m2") == 160


# --- The reported failures ---------------------------------------------------------------


def test_pipecat_931_truncate_is_not_past_the_audio_that_was_sent() -> None:
    """A wall clock runs on while nothing plays: the item is shorter than the time that passed."""
    playback = Playback()
    playback.feed(delta(48_000))
    playback.played(ms=7_300)
    assert end_of(playback.interrupt()) == ("i", 1000)


def test_pipecat_1963_a_finished_answer_is_not_truncated() -> None:
    playback = Playback()
    playback.feed(delta(960))
    playback.feed(r.ResponseOutputAudioDone(**IDS))
    playback.played(ms=20)
    assert playback.interrupt().truncate is None


def test_pipecat_2106_the_item_that_is_playing_is_truncated_not_the_newest() -> None:
    playback = Playback()
    playback.feed(delta(48_000))
    playback.feed(delta(48_000, item_id="newest", response_id="r2"))
    playback.played(ms=400)
    assert end_of(playback.interrupt()) == ("i", 400)


def test_pipecat_3677_a_second_interruption_sends_no_second_truncate() -> None:
    playback = Playback()
    playback.feed(delta(48_000))
    playback.played(ms=400)
    assert playback.interrupt().truncate is not None
    playback.feed(delta(48_000))
    assert playback.interrupt() == Interruption()


def test_openai_agents_python_4122_marks_of_cleared_audio_were_not_played() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(8_000))
    mark = playback.mark()
    playback.played(ms=300)
    result = playback.interrupt()
    assert mark in result.marks
    assert playback.acknowledge_mark(mark) == 0
    assert end_of(result) == ("i", 300)
    assert playback.played_ms("i") == 300


def test_openai_agents_python_4292_g711_is_not_measured_as_pcm16() -> None:
    """8,000 bytes of mu-law last a second; as PCM16 of 24 kHz they would last 167 ms."""
    playback = Playback("g711_ulaw")
    playback.feed(delta(8_000))
    assert playback.queued_ms == 1000


def test_livekit_agents_6157_audio_end_ms_is_an_int_rounded_down() -> None:
    playback = Playback()
    playback.feed(delta(48_000))
    playback.played(samples=24 * 333 + 23)
    truncate = playback.interrupt().truncate
    assert truncate is not None
    assert (truncate.audio_end_ms, type(truncate.audio_end_ms)) == (333, int)


# --- The server agrees -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(100))
def test_the_server_accepts_every_truncate(seed: int) -> None:
    rng = random.Random(seed)
    format = rng.choice([PCM16, ULAW, ALAW])
    session = open_session(formats(format), paced=True)
    playback = Playback(format)
    turns_ms = [rng.randrange(200, 1500) // 100 * 100 for _ in range(rng.randrange(1, 4))]
    for ms in turns_ms:
        events = exchange(
            session,
            r.InputAudioBufferAppend(audio=tone(format, ms)),
            r.InputAudioBufferCommit(),
            r.ResponseCreate(),
        )
        steps = rng.randrange(1, 14)
        _play(playback, session, events, rng, steps)
        result = playback.interrupt()
        if result.truncate is not None:
            answer = exchange(session, result.truncate)
            assert [event.type for event in answer] == ["conversation.item.truncated"]
        while session.is_responding:
            for event in session.advance():
                playback.feed(event)
        assert not playback.is_playing or result == Interruption()  # nothing had arrived yet
        playback.interrupt()


def _play(
    playback: Playback, session: ServerProtocol, events: list[Any], rng: random.Random, steps: int
) -> None:
    for _ in range(steps):
        for event in events:
            playback.feed(event)
            if rng.random() < 0.1:
                playback.mark()
        playback.played(ms=rng.uniform(0, 130))
        events = session.advance() if session.is_responding else []


# --- Against a slow and obvious model ------------------------------------------------------


class Model(RuleBasedStateMachine):
    """The item of each queued byte."""

    @initialize(format=st.sampled_from([PCM16, ULAW]))
    def begin(self, format: r.AudioFormat) -> None:
        self.format = format
        self.playback = Playback(format)
        self.queued: list[str] = []
        self.played: dict[str, int] = {}
        self.latest = ""
        self.interrupted: set[str] = set()
        self.finished: set[str] = set()

    @rule(item=st.integers(0, 5), nbytes=st.integers(0, 400))
    def receive(self, item: int, nbytes: int) -> None:
        name = f"i{item}"
        got = self.playback.feed(delta(nbytes, item_id=name, response_id=f"r{name}"))
        if name in self.interrupted:
            assert got == 0
            return
        assert got == nbytes
        self.played.setdefault(name, 0)
        self.queued += [name] * nbytes
        self.latest = name

    @rule(item=st.integers(0, 5))
    def finish(self, item: int) -> None:
        ids: dict[str, Any] = IDS | {"item_id": f"i{item}"}
        self.playback.feed(r.ResponseOutputAudioDone(**ids))
        if f"i{item}" in self.played:
            self.finished.add(f"i{item}")

    @rule(samples=st.integers(0, 300))
    def play(self, samples: int) -> None:
        count = min(samples * self.format.sample_width, len(self.queued))
        assert self.playback.played(samples) == count
        self._played(count)

    @rule(before=st.integers(0, 200))
    def mark(self, before: int) -> None:
        count = len(self.queued)
        name = self.playback.mark()
        self.play(before)
        left = max(count - before * self.format.sample_width, 0)
        assert self.playback.acknowledge_mark(name) == left
        self._played(left)

    def _unfinished(self) -> dict[str, int]:
        """Return the milliseconds played of each item that an interruption would affect, in order."""
        names = [*dict.fromkeys(self.queued)]
        if self.latest and self.latest not in names and self.latest not in self.finished | self.interrupted:
            names.append(self.latest)
        return {
            name: self.played[name] // self.format.sample_width * 1000 // self.format.sample_rate
            for name in names
        }

    @rule()
    def interrupt(self) -> None:
        result = self.playback.interrupt()
        ends = self._unfinished()
        names = [*ends]
        expected = (names[0], ends[names[0]]) if names and ends[names[0]] else None
        assert end_of(result) == expected
        assert result.discarded_bytes == len(self.queued)
        assert result.unplayed_item_ids == tuple(name for name in names if not ends[name])
        self.queued, self.latest = [], ""
        self.interrupted |= set(names)

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "playback"):
            assert self.playback.is_playing == bool(self.queued)
            assert self.playback.current_item_id == (self.queued[0] if self.queued else None)
            first = next(iter(self._unfinished().items()), None)
            assert self.playback.position == (None if first is None else (first[0], 0, first[1]))

    def _played(self, count: int) -> None:
        for name in self.queued[:count]:
            self.played[name] += 1
        del self.queued[:count]


TestModel = Model.TestCase


# --- Other servers: audio without ids, and their formats ----------------------------------


def bare(nbytes: int, **members: Any) -> Any:
    """A delta of a server that leaves out ids: GLM has a response_id, unmute has none."""
    encoded = base64.b64encode(bytes(nbytes)).decode()
    return beta.decode_server(json.dumps({"type": "response.audio.delta", "delta": encoded, **members}))


def begin(response_id: str | None) -> Any:
    return beta.decode_server(json.dumps({"type": "response.created", "response": {"id": response_id}}))


@pytest.mark.parametrize("response_id", ["r1", "", None])
def test_audio_without_an_item_id_is_dropped_until_the_next_response(response_id: str | None) -> None:
    members = {} if response_id is None else {"response_id": response_id}
    playback = Playback()
    playback.feed(begin(response_id))
    assert playback.feed(bare(4800, **members)) == 4800
    playback.played(ms=40)
    assert (playback.is_playing, playback.current_item_id) == (True, None)
    assert playback.interrupt() == Interruption(discarded_bytes=2880, discarded_ms=60.0)
    assert playback.is_late("", response_id)
    assert playback.feed(bare(4800, **members)) == 0
    playback.feed(begin("r2"))
    following = {"response_id": "r2"} if response_id else members
    assert playback.feed(bare(480, **following)) == 480
    assert playback.interrupt().unplayed_item_ids == ()


def test_audio_of_no_response_at_all_is_never_late() -> None:
    playback = Playback()
    assert playback.feed(bare(480)) == 480
    playback.interrupt()
    assert playback.feed(bare(480)) == 480


def test_empty_ids_match_nothing() -> None:
    playback = Playback()
    for events in (
        (bare(480), delta(480, response_id="")),
        (delta(480, response_id=""), bare(480, item_id="")),
    ):
        for event in events:
            playback.feed(event)
        playback.interrupt()
    assert playback.feed(delta(480, item_id="other", response_id="")) == 480
    playback.feed(r.ConversationItemDeleted(item_id=""))
    playback.feed(r.ConversationItemTruncated(item_id="", content_index=0, audio_end_ms=0))
    assert playback.queued_ms == 10


def message(item_id: str, role: Any = "assistant") -> Any:
    return r.MessageItem(id=item_id, role=role, content=[])


def announce(playback: Playback, item_id: str, response_id: str = "r1", role: Any = "assistant") -> None:
    item = message(item_id, role)
    playback.feed(r.ResponseOutputItemAdded(response_id=response_id, output_index=0, item=item))
    playback.feed(r.ConversationItemAdded(previous_item_id=None, item=item))


def done(response_id: str, *items: Any, reason: Any = None) -> Any:
    details = r.StatusDetails(reason=reason)
    response = r.Response(id=response_id, output=[*items], status_details=details)
    return r.ResponseDone(response=response)


def test_messages_without_audio_are_unheard_once_their_response_is_done() -> None:
    playback = Playback()
    playback.feed(begin("r1"))
    announce(playback, "i")
    announce(playback, "a")
    announce(playback, "user", role="user")
    playback.feed(delta(480, response_id="r1"))
    playback.played(ms=10)
    assert playback.interrupt().unplayed_item_ids == ()
    assert playback.feed(delta(480, response_id="r1", item_id="a")) == 0
    announce(playback, "b")
    playback.feed(r.ResponseOutputItemAdded(response_id="r1", output_index=0, item=message("outside")))
    assert playback.take_unheard() == ()
    playback.feed(done("r1"))
    assert playback.take_unheard() == ("a", "b")
    assert playback.take_unheard() == ()


def test_messages_without_audio_of_other_responses_are_kept() -> None:
    playback = Playback()
    playback.feed(begin("r1"))
    announce(playback, "a")
    playback.feed(done("r1", message("a")))
    playback.feed(begin("r2"))
    playback.feed(delta(480, response_id="r2"))
    assert playback.interrupt().unplayed_item_ids == ("i",)
    playback.feed(done("r2"))
    assert playback.take_unheard() == ()


def test_a_finished_response_that_is_still_played_is_interrupted_with_its_messages() -> None:
    playback = Playback()
    playback.feed(begin("r1"))
    announce(playback, "i")
    playback.feed(delta(480, response_id="r1"))
    announce(playback, "a")
    playback.feed(done("r1"))
    assert playback.interrupt().unplayed_item_ids == ("i", "a")


@pytest.mark.parametrize("reason", ["turn_detected", "client_cancelled", None])
def test_messages_of_a_response_that_the_server_interrupted_are_unheard(reason: Any) -> None:
    playback = Playback()
    playback.feed(begin("r1"))
    announce(playback, "a")
    announce(playback, "deleted")
    playback.feed(r.ConversationItemDeleted(item_id="deleted"))
    playback.feed(done("r1", message("a"), message("deleted"), reason=reason))
    assert playback.take_unheard() == (("a",) if reason == "turn_detected" else ())


def test_messages_are_kept_where_audio_names_none() -> None:
    playback = Playback()
    playback.feed(begin("r1"))
    announce(playback, "a")
    playback.feed(bare(480, response_id="r1"))
    playback.interrupt()
    playback.feed(done("r1", message("a")))
    assert playback.take_unheard() == ()


@pytest.mark.parametrize("end", ["response.audio.done", "response.done"])
def test_the_end_of_audio_without_an_item_id(end: str) -> None:
    playback = Playback()
    playback.feed(bare(480, response_id="r1"))
    members = {"response": {"id": "r1"}} if end == "response.done" else {"response_id": "r1"}
    playback.feed(beta.decode_server(json.dumps({"type": end, **members})))
    playback.played(ms=10)
    playback.interrupt()
    assert not playback.is_late("", "r1")


@pytest.mark.parametrize(("provider", "session", "rate"), [
    ("qwen", None, 24_000),
    ("qwen", {"output_audio_format": "pcm24"}, 24_000),
    ("qwen", {"audio": {"output": {"format": {"type": "pcm", "sample_rate": 16_000}}}}, 16_000),
    ("azure_voice_live", {"output_audio_format": "pcm16_8000hz"}, 8_000),
    ("xai", {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 44_100}}}}, 44_100),
    ("glm", {"output_audio_format": "mp3"}, 24_000),
])  # fmt: skip
def test_the_format_is_that_of_the_provider(provider: Any, session: Any, rate: int) -> None:
    for given in (provider, get_provider(provider)):
        playback = Playback(provider=given)
        if session is not None:
            frame = {"type": "session.updated", "session": session}
            playback.feed(get_provider(provider).decode_server(json.dumps(frame)))
        assert playback.audio_format == r.AudioFormat("pcm16", rate)
    assert Playback("g711_ulaw", provider=provider).audio_format == r.AudioFormat.G711_ULAW
