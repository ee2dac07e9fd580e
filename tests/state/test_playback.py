"""Playback against what the server accepts, and against a model that keeps every byte."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import realtime as r
from realtime import beta
from realtime.state import Interruption, Playback
from realtime.testing import Loopback
from tests.testing.talk import formats, opened, tell, tone

PCM16, ULAW, ALAW = r.AudioFormat.PCM16, r.AudioFormat.G711_ULAW, r.AudioFormat.G711_ALAW
IDS: dict[str, Any] = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}


def delta(nbytes: int, **changed: Any) -> Any:
    return r.ResponseOutputAudioDelta(delta=bytes(nbytes), **{**IDS, **changed})


def end_of(interruption: Interruption) -> tuple[str, int] | None:
    cut = interruption.truncate
    return None if cut is None else (cut.item_id, cut.audio_end_ms)


@pytest.mark.parametrize(
    ("fmt", "second"), [(PCM16, 48_000), (ULAW, 8_000), (ALAW, 8_000), ("audio/pcmu", 8_000)]
)
def test_milliseconds_are_those_of_the_format(fmt: Any, second: int) -> None:
    playback = Playback(fmt)
    assert playback.feed(delta(second)) == second
    assert playback.queued_ms == 1000
    playback.played(ms=250)
    assert playback.heard_ms("i") == 250
    result = playback.interrupt()
    assert end_of(result) == ("i", 250)
    assert (result.discarded_bytes, result.discarded_ms, result.unheard) == (second * 3 // 4, 750, ())


@pytest.mark.parametrize("facts", [
    {"samples": 24_000}, {"ms": 1000}, {"nbytes": 48_000}, {"samples": 48_000, "sample_rate": 48_000},
    {"samples": 8_000, "sample_rate": 8_000}, {"ms": 1000.9}, {"ms": 1e9},
])  # fmt: skip
def test_what_was_played_never_passes_what_was_received(facts: dict[str, Any]) -> None:
    playback = Playback()
    playback.feed(delta(48_000))
    playback.feed(delta(0))
    assert playback.played(**facts) == 48_000
    assert playback.played(ms=500) == 0
    assert not playback.is_playing
    assert end_of(playback.interrupt()) == ("i", 1000)


def test_fractions_of_a_sample_are_kept() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(8_000))
    assert sum(playback.played(ms=0.1) for _ in range(1000)) in (799, 800)
    assert sum(playback.played(samples=1, sample_rate=44_100) for _ in range(441)) in (79, 80, 81)


def test_nothing_heard_is_no_truncate_but_an_unheard_item() -> None:
    playback = Playback()
    playback.feed(delta(960))
    assert playback.interrupt() == Interruption(None, ("i",), 960, 20.0, ())
    assert playback.interrupt() == Interruption()


def test_less_than_a_millisecond_is_nothing() -> None:
    playback = Playback()
    playback.feed(delta(960))
    playback.played(samples=23)
    assert playback.interrupt().unheard == ("i",)


def test_of_several_items_the_one_at_the_playhead_is_cut() -> None:
    playback = Playback(ULAW)
    for item in ("a", "b", "c"):
        playback.feed(delta(800, item_id=item))
    assert playback.current_item_id == "a"
    playback.played(ms=150)
    result = playback.interrupt()
    assert end_of(result) == ("b", 50)
    assert result.unheard == ("c",)


def test_responses_may_overlap_and_parts_too() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    playback.feed(delta(800, content_index=1))
    playback.feed(delta(800, response_id="r2", item_id="j"))
    playback.feed(delta(800))
    playback.played(ms=150)
    result = playback.interrupt()
    assert result.truncate == r.ConversationItemTruncate(item_id="i", content_index=1, audio_end_ms=50)
    assert result.unheard == ("j",)


def test_late_deltas_of_what_was_cut_are_not_played() -> None:
    playback = Playback()
    playback.feed(delta(960))
    playback.played(ms=10)
    playback.interrupt()
    assert playback.feed(delta(960)) == 0
    assert playback.feed(delta(960, item_id="next of the same response")) == 0
    assert playback.feed(delta(960, response_id="r2", item_id="i2")) == 960
    assert playback.received("i", 960) == 0


def test_counted_audio_of_no_known_response_is_late_by_its_item() -> None:
    playback = Playback()
    playback.received("i", 480)
    playback.interrupt()
    assert playback.received("i", 480) == 0
    assert playback.received("j", 480) == 480


def test_an_item_that_was_heard_to_its_end_needs_nothing() -> None:
    for end in (
        r.ResponseOutputAudioDone(**IDS),
        r.ResponseDone(response=r.Response(id="r")),
    ):
        playback = Playback()
        playback.feed(delta(960))
        assert playback.feed(end) is None
        playback.played(ms=20)
        assert playback.interrupt() == Interruption()


def test_an_item_of_which_more_was_to_come_is_cut_where_it_was_heard() -> None:
    playback = Playback()
    playback.feed(delta(960))
    playback.played(ms=20)
    assert end_of(playback.interrupt()) == ("i", 20)


# --- Marks -----------------------------------------------------------------------------


def test_a_returned_mark_says_what_was_heard() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    first = playback.mark()
    playback.feed(delta(800))
    second = playback.mark()
    assert first != second
    assert playback.marked(first) == 800
    assert playback.marked(first) == 0
    assert playback.marked("never sent") == 0
    result = playback.interrupt()
    assert end_of(result) == ("i", 100)
    assert result.marks == (second,)
    assert playback.marked(second) == 0
    assert playback.heard_ms("i") == 100


def test_a_mark_confirms_what_a_clock_guessed() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    mark = playback.mark("done")
    playback.played(ms=40)
    assert playback.marked(mark) == 480
    assert playback.mark("of nothing that waits") == "of nothing that waits"
    assert playback.marked("of nothing that waits") == 0
    assert Playback().mark("of nothing at all") == "of nothing at all"


def test_two_marks_without_audio_between() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(800))
    names = [playback.mark(), playback.mark()]
    assert [playback.marked(name) for name in names] == [800, 0]
    playback.feed(delta(800))
    playback.mark()
    assert playback.played(ms=200) == 800


# --- Other events ------------------------------------------------------------------------


def test_the_format_of_a_session_holds_for_what_begins_after_it() -> None:
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


def test_beta_events_are_understood() -> None:
    playback = Playback("g711_ulaw")
    frame = b'{"type":"response.audio.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"////"}'
    assert playback.feed(beta.decode_server(frame)) == 3
    assert playback.feed(r.decode_server(b'{"type":"of tomorrow"}')) is None
    assert playback.feed(r.ResponseCreated(response=r.Response(id="r"))) is None


def test_what_another_client_truncated_or_deleted_is_not_played() -> None:
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
    assert playback.marked("m") == 240
    assert playback.received_bytes("j") == 0
    assert playback.received_bytes("unknown") == playback.heard_ms("unknown") == 0


@pytest.mark.parametrize(("facts", "error"), [
    ({}, TypeError), ({"ms": 1, "samples": 1}, TypeError), ({"ms": -1}, ValueError),
    ({"samples": float("nan")}, ValueError), ({"ms": float("inf")}, ValueError),
    ({"samples": 1, "sample_rate": 0}, ValueError),
])  # fmt: skip
def test_facts_that_cannot_be_are_refused_and_change_nothing(facts: Any, error: type[Exception]) -> None:
    playback = Playback()
    playback.feed(delta(960))
    with pytest.raises(error):
        playback.played(**facts)
    with pytest.raises(ValueError, match="negative"):
        playback.received("i", -1)
    assert playback.queued_ms == 20


def test_memory_is_bounded_over_a_long_call() -> None:
    playback = Playback(ULAW)
    for n in range(3_000):
        playback.feed(delta(160, item_id=f"i{n}", response_id=f"r{n}"))
        playback.played(ms=5 if n % 2 else 20)
        if n % 2:
            playback.interrupt()
    assert len(playback._parts) <= 256
    assert len(playback._cut) <= 256


def test_what_waits_is_never_forgotten() -> None:
    playback = Playback(ULAW)
    for n in range(600):
        playback.received(f"i{n}", 80)
    assert playback.played(ms=1e6) == 600 * 80
    assert playback.heard_ms("i599") == 10


# --- The reported failures ---------------------------------------------------------------


def test_pipecat_931_truncate_is_not_past_the_audio_that_was_sent() -> None:
    """A wall clock that runs on while nothing plays: the item is shorter than the time that passed."""
    playback = Playback()
    playback.feed(delta(48_000))
    playback.played(ms=7_300)
    assert end_of(playback.interrupt()) == ("i", 1000)


def test_pipecat_1963_an_answer_that_is_over_is_not_truncated() -> None:
    playback = Playback()
    playback.feed(delta(960))
    playback.feed(r.ResponseOutputAudioDone(**IDS))
    playback.played(ms=20)
    assert playback.interrupt().truncate is None


def test_pipecat_2106_the_truncate_is_of_the_item_that_is_heard_not_of_the_newest() -> None:
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


def test_openai_agents_python_4122_marks_returned_for_cleared_audio_were_not_heard() -> None:
    playback = Playback(ULAW)
    playback.feed(delta(8_000))
    mark = playback.mark()
    playback.played(ms=300)
    cut = playback.interrupt()
    assert mark in cut.marks
    assert playback.marked(mark) == 0
    assert end_of(cut) == ("i", 300)
    assert playback.heard_ms("i") == 300


def test_openai_agents_python_4292_g711_is_not_measured_as_pcm16() -> None:
    """8,000 bytes of mu-law are a second; as 24 kHz PCM16 they would be 167 ms."""
    playback = Playback("g711_ulaw")
    playback.feed(delta(8_000))
    assert playback.queued_ms == 1000


def test_livekit_agents_6157_the_end_is_a_whole_number_rounded_down() -> None:
    playback = Playback()
    playback.feed(delta(48_000))
    playback.played(samples=24 * 333 + 23)
    cut = playback.interrupt().truncate
    assert cut is not None
    assert (cut.audio_end_ms, type(cut.audio_end_ms)) == (333, int)


# --- The server agrees -------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(100))
def test_the_server_accepts_every_truncate(seed: int) -> None:
    rng = random.Random(seed)
    fmt = rng.choice([PCM16, ULAW, ALAW])
    session = opened(formats(fmt), paced=True)
    playback = Playback(fmt)
    said = [rng.randrange(200, 1500) // 100 * 100 for _ in range(rng.randrange(1, 4))]
    for ms in said:
        heard = tell(
            session,
            r.InputAudioBufferAppend(audio=tone(fmt, ms)),
            r.InputAudioBufferCommit(),
            r.ResponseCreate(),
        )
        steps = rng.randrange(1, 14)
        _listen(playback, session, heard, rng, steps)
        cut = playback.interrupt()
        if cut.truncate is not None:
            answer = tell(session, cut.truncate)
            assert [event.type for event in answer] == ["conversation.item.truncated"]
        while session.answering:
            for event in session.advance():
                playback.feed(event)
        assert not playback.is_playing or cut == Interruption()  # nothing had come yet
        playback.clear()


def _listen(playback: Playback, session: Loopback, heard: list[Any], rng: random.Random, steps: int) -> None:
    for _ in range(steps):
        for event in heard:
            playback.feed(event)
            if rng.random() < 0.1:
                playback.mark()
        playback.played(ms=rng.uniform(0, 130))
        heard = session.advance() if session.answering else []


# --- Against a slow and obvious model ------------------------------------------------------


class Model(RuleBasedStateMachine):
    """One entry for each byte: (item, part)."""

    @initialize(fmt=st.sampled_from([PCM16, ULAW]))
    def begin(self, fmt: r.AudioFormat) -> None:
        self.fmt = fmt
        self.playback = Playback(fmt)
        self.waiting: list[str] = []
        self.heard: dict[str, int] = {}
        self.latest = ""
        self.cut: set[str] = set()
        self.done: set[str] = set()

    @rule(item=st.integers(0, 5), nbytes=st.integers(0, 400))
    def receive(self, item: int, nbytes: int) -> None:
        name = f"i{item}"
        got = self.playback.feed(delta(nbytes, item_id=name, response_id=f"r{name}"))
        if name in self.cut:
            assert got == 0
            return
        assert got == nbytes
        self.heard.setdefault(name, 0)
        self.waiting += [name] * nbytes
        self.latest = name

    @rule(item=st.integers(0, 5))
    def finish(self, item: int) -> None:
        ids: dict[str, Any] = IDS | {"item_id": f"i{item}"}
        self.playback.feed(r.ResponseOutputAudioDone(**ids))
        if f"i{item}" in self.heard:
            self.done.add(f"i{item}")

    @rule(samples=st.integers(0, 300))
    def play(self, samples: int) -> None:
        count = min(samples * self.fmt.sample_width, len(self.waiting))
        assert self.playback.played(samples) == count
        self._hear(count)

    @rule(before=st.integers(0, 200))
    def mark(self, before: int) -> None:
        count = len(self.waiting)
        name = self.playback.mark()
        self.play(before)
        left = max(count - before * self.fmt.sample_width, 0)
        assert self.playback.marked(name) == left
        self._hear(left)

    @rule()
    def interrupt(self) -> None:
        result = self.playback.interrupt()
        names = [*dict.fromkeys(self.waiting)]
        if self.latest and self.latest not in names and self.latest not in self.done | self.cut:
            names.append(self.latest)
        ends = {
            name: self.heard[name] // self.fmt.sample_width * 1000 // self.fmt.sample_rate for name in names
        }
        expected = (names[0], ends[names[0]]) if names and ends[names[0]] else None
        assert end_of(result) == expected
        assert result.discarded_bytes == len(self.waiting)
        assert result.unheard == tuple(name for name in names if not ends[name])
        self.waiting, self.latest = [], ""
        self.cut |= set(names)

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "playback"):
            assert self.playback.is_playing == bool(self.waiting)
            assert self.playback.current_item_id == (self.waiting[0] if self.waiting else None)

    def _hear(self, count: int) -> None:
        for name in self.waiting[:count]:
            self.heard[name] += 1
        del self.waiting[:count]


TestModel = Model.TestCase
