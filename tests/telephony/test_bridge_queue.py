"""The carrier's queue: a bridge sends no more than the carrier queues, and retains the rest."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from realtime.state import Interruption
from realtime.telephony import CARRIERS, AudioDropped, Bridge, BridgeOutput, CallMark, MediaFormat, vonage
from tests.telephony.calls import PHONE_IDS, PHONES, SPEECH_STARTED, Phone, Sent, audio_done, delta, response
from tests.telephony.test_bridge import noise, start_call
from tests.work import count_lines

TWILIO, TELNYX, PLIVO, VONAGE = PHONES[0], PHONES[1], PHONES[4], PHONES[9]
THREE = pytest.mark.parametrize("phone", [TELNYX, PLIVO, VONAGE], ids=lambda phone: phone.name)
FOUR = pytest.mark.parametrize("phone", [TWILIO, TELNYX, PLIVO, VONAGE], ids=lambda phone: phone.name)
# What a carrier queues, in ms of audio; of Telnyx and Plivo, which document nothing, the default.
QUEUE_MS = {"twilio": 600_000, "telnyx": 60_000, "plivo": 60_000, "vonage": 61_440}
TICK_MS = 20


class Carrier:
    """The carrier's side of a call: it plays 20 ms a tick, and its queue must never overflow."""

    def __init__(self, phone: Phone, *, returns_marks: bool = True) -> None:
        self.phone, self.bridge = phone, start_call(phone)
        self.returns_marks = returns_marks
        self.tick_bytes = phone.plays.chunk_bytes(TICK_MS)
        self.queue: deque[bytes | str] = deque()
        self.queued = self.messages = self.longest = self.most_messages = 0
        self.played = bytearray()
        self.underruns = 0
        self.numbers = iter(range(2, 1 << 40))
        self.events: list[Any] = []
        self.to_server: list[str] = []

    def take(self, output: BridgeOutput) -> None:
        self.events += output.events
        self.to_server += [frame for frame in output.to_server if "append" not in frame]
        for frame in output.to_carrier:
            for audio in self.phone.played((frame,)):
                self.queue.append(audio)
                self.queued += len(audio)
            self.queue.extend(self.phone.marks((frame,)))
            if isinstance(frame, str) and "clear" in frame:
                self.queue.clear()
                self.queued = 0
        self.longest = max(self.longest, self.queued)
        self.most_messages = max(self.most_messages, len(self.queue))

    def tick(self) -> None:
        """Play 20 ms, return the marks that were reached, and send 20 ms of the caller's audio."""
        wanted, playing = self.tick_bytes, bool(self.queue)
        while self.queue and (wanted or isinstance(self.queue[0], str)):
            head = self.queue.popleft()
            if isinstance(head, str):
                if self.returns_marks:
                    self.take(self.bridge.from_carrier(self.phone.mark(head)))
            elif len(head) > wanted:
                self.queue.appendleft(head[wanted:])
                self.play(head[:wanted])
                wanted = 0
            else:
                self.play(head)
                wanted -= len(head)
        self.underruns += playing and wanted > 0
        self.take(self.bridge.from_carrier(self.caller()))

    def play(self, audio: bytes) -> None:
        self.played += audio
        self.queued -= len(audio)

    def caller(self) -> Sent:
        audio = bytes(self.phone.media_format.chunk_bytes(TICK_MS))
        return self.phone.media(audio, next(self.numbers))

    def say(self, audio: bytes, item: str = "item_1", of: str = "resp_1") -> None:
        second = self.bridge.output_format.chunk_bytes(1_000)
        for at in range(0, len(audio), second):
            self.take(self.bridge.from_server(delta(audio[at : at + second], item, of)))

    def run(self, ticks: int) -> None:
        for _ in range(ticks):
            self.tick()

    @property
    def longest_ms(self) -> float:
        return self.longest * 1000 / self.phone.plays.bytes_per_second


def spoken(phone: Phone, seconds: int) -> bytes:
    """Return audio of the session, which has the format that the carrier plays."""
    return noise(phone.plays.chunk_bytes(1_000) * seconds, seed=seconds)


def test_the_rows_state_what_a_carrier_queues() -> None:
    assert {name: row.QUEUE_MS for name, row in CARRIERS.items()} == {
        "twilio": 600_000,
        "telnyx": None,
        "plivo": None,
        "vonage": 3_072 * 20,
    }
    assert [row.QUEUE_MARK_MS for row in CARRIERS.values()] == [0, 0, 0, 20]


@pytest.mark.mostly_slow(quick=1)
@FOUR
@pytest.mark.parametrize("returns_marks", [True, False], ids=["marks", "no marks"])
def test_a_long_answer_is_played_whole_and_the_queue_never_overflows(
    phone: Phone, returns_marks: bool
) -> None:
    carrier = Carrier(phone, returns_marks=returns_marks)
    audio = spoken(phone, QUEUE_MS[phone.name] * 6 // 5 // 1000 + 30)
    carrier.say(audio)
    carrier.take(carrier.bridge.from_server(audio_done()))
    # As much as possible was sent at once: all but a margin, which marks share on Vonage.
    assert QUEUE_MS[phone.name] * 0.89 <= carrier.longest_ms <= QUEUE_MS[phone.name]
    ticks = len(audio) // carrier.tick_bytes
    carrier.run(ticks + 100)
    assert carrier.played == audio
    assert carrier.underruns == 0
    assert carrier.longest_ms <= QUEUE_MS[phone.name]
    assert phone.name != "vonage" or carrier.most_messages <= 3_072
    assert carrier.bridge.playback.played_ms("item_1") == len(audio) * 1000 // phone.plays.bytes_per_second
    assert not carrier.bridge.playback.is_playing
    names = [event.name for event in carrier.events if isinstance(event, CallMark)]
    assert names == [f"mark_{number + 1}" for number in range(len(names))]
    assert bool(names) is returns_marks


@THREE
def test_short_answers_on_a_carrier_without_marks_are_sent_at_once(phone: Phone) -> None:
    """An hour's worth of marks that never come back does not fill the queue."""
    carrier = Carrier(phone, returns_marks=False)
    audio = spoken(phone, 5)
    for number in range(QUEUE_MS[phone.name] // 5_000 + 4):
        carrier.say(audio, f"item_{number}", f"resp_{number}")
        carrier.take(carrier.bridge.from_server(audio_done(f"item_{number}", f"resp_{number}")))
        assert carrier.queued == len(audio)
        carrier.run(251)
        assert carrier.queued == 0
    assert carrier.bridge.playback.queued_ms <= 2_000


@THREE
@pytest.mark.parametrize("returned", [1, 20], ids=["one mark", "twenty marks"])
def test_marks_that_stop_coming_back_do_not_stop_the_answer(phone: Phone, returned: int) -> None:
    carrier = Carrier(phone)
    audio = spoken(phone, QUEUE_MS[phone.name] // 1000 + 20)
    carrier.say(audio)
    carrier.take(carrier.bridge.from_server(audio_done()))
    carrier.run(returned * 10)
    carrier.returns_marks = False
    carrier.run(len(audio) // carrier.tick_bytes + 200)
    assert carrier.played == audio
    assert carrier.underruns == 0
    assert carrier.longest_ms <= QUEUE_MS[phone.name]


def test_lost_marks_are_acknowledged_by_later_ones() -> None:
    bridge = start_call(TWILIO)
    bridge.from_server(delta(noise(1_600)))
    bridge.from_server(delta(noise(1_600)))
    assert bridge.from_carrier(TWILIO.mark("mark_2")).events == (CallMark("mark_2"),)
    assert bridge.playback.played_ms("item_1") == 400
    assert bridge.from_carrier(TWILIO.mark("mark_1")).events == (CallMark("mark_1"),)
    assert bridge.from_carrier(TWILIO.mark("mark_1")).events == ()


def test_a_mark_is_overdue_two_seconds_after_its_audio() -> None:
    carrier = Carrier(TWILIO, returns_marks=False)
    carrier.say(noise(1_600))
    carrier.run(109)  # 200 ms of audio, and 1,980 ms
    assert carrier.bridge.playback.played_ms("item_1") == 0
    carrier.run(1)
    assert carrier.bridge.playback.played_ms("item_1") == 200
    # From then on, the caller's audio is the clock.
    carrier.say(noise(1_600))
    carrier.run(9)
    assert carrier.bridge.playback.played_ms("item_1") == 200
    carrier.run(1)
    assert carrier.bridge.playback.played_ms("item_1") == 400
    assert carrier.events[-1].type == "response.output_audio.delta"


# --- Interruption ---------------------------------------------------------------------------


@FOUR
def test_an_interruption_drops_what_is_retained(phone: Phone) -> None:
    carrier = Carrier(phone)
    second = phone.plays.chunk_bytes(1_000)
    bridge, seconds = carrier.bridge, QUEUE_MS[phone.name] // 1000 + 30
    carrier.take(bridge.from_server(response("created")))
    carrier.say(spoken(phone, seconds))
    carrier.take(bridge.from_server(audio_done()))
    carrier.say(noise(second), "item_2")
    carrier.take(bridge.from_server(audio_done("item_2")))
    carrier.run(100)
    at = bridge.playback.played_ms("item_1")
    assert 1_700 <= at <= 2_000
    carrier.take(bridge.from_server(SPEECH_STARTED))
    frames = [json.loads(frame) for frame in carrier.to_server]
    assert frames == [
        {"type": "conversation.item.truncate", "item_id": "item_1", "content_index": 0, "audio_end_ms": at},
        {"type": "conversation.item.delete", "item_id": "item_2"},
    ]
    (cut,) = [event for event in carrier.events if isinstance(event, Interruption)]
    assert cut.discarded_ms == pytest.approx((seconds + 1) * 1000 - at, abs=1)
    # Nothing of it is sent any more, and the next answer is sent at once.
    carrier.run(200)
    assert (carrier.queued, bridge.playback.queued_ms) == (0, 0)
    before = len(carrier.played)
    again = noise(second, seed=3)
    carrier.say(again, "item_3", "resp_2")
    carrier.take(bridge.from_server(audio_done("item_3", "resp_2")))
    assert carrier.queued == len(again)
    carrier.run(60)
    assert carrier.played[before:] == again
    assert bridge.playback.played_ms("item_3") == 1_000


def test_an_item_that_was_never_sent_is_unheard() -> None:
    carrier = Carrier(VONAGE)
    carrier.say(spoken(VONAGE, 70), "item_1")
    carrier.say(spoken(VONAGE, 5), "item_2")
    carrier.run(20)
    carrier.take(carrier.bridge.interrupt())
    assert json.loads(carrier.to_server[-1]) == {"type": "conversation.item.delete", "item_id": "item_2"}


def test_the_end_of_the_call_drops_what_is_retained() -> None:
    carrier = Carrier(PLIVO)
    carrier.say(spoken(PLIVO, 90))
    assert carrier.bridge.from_carrier(PLIVO.stop(2)).to_carrier == ()
    assert carrier.bridge.from_carrier(carrier.caller()).to_carrier == ()


# --- The limit of what is retained ----------------------------------------------------------


@pytest.mark.mostly_slow(quick=1)
@FOUR
def test_thirty_minutes_are_retained_and_the_newest_are_dropped(phone: Phone) -> None:
    bridge = start_call(phone)
    second, sent = bridge.output_format.chunk_bytes(1_000), 0
    dropped: list[AudioDropped] = []
    total = QUEUE_MS[phone.name] // 1000 + 1_860
    silence = delta(bytes(second))
    for _ in range(total):
        output = bridge.from_server(silence)
        sent += sum(map(len, phone.played(output.to_carrier)))
        dropped += [event for event in output.events if isinstance(event, AudioDropped)]
        assert [event.type for event in output.events if not isinstance(event, AudioDropped)] == [
            "response.output_audio.delta"
        ]
    assert {(event.item_id, event.content_index) for event in dropped} == {("item_1", 0)}
    dropped_ms = sum(event.duration_ms for event in dropped)
    assert bridge.playback.queued_ms + dropped_ms == total * 1000
    retained_ms = bridge.playback.queued_ms - sent * 1000 / phone.plays.bytes_per_second
    assert 0 <= 30 * 60 * 1000 - retained_ms <= 400
    assert bridge.stats.deltas_dropped == len(dropped)
    # There is room again, but the rest of the item is dropped: positions in it remain right.
    for number in range(2, 52):
        bridge.from_carrier(phone.media(bytes(phone.media_format.chunk_bytes(20)), number))
    (_, event) = bridge.from_server(silence).events
    assert event == AudioDropped("item_1", 0, 1_000)
    assert len(bridge.from_server(delta(bytes(second), "item_2", "resp_2")).events) == 1


def test_audio_that_does_not_fit_before_the_start_is_reported() -> None:
    bridge = Bridge("twilio")
    bridge.from_server(delta(bytes(6_000_000)))
    (_, event) = bridge.from_server(delta(bytes(600_000))).events
    assert event == AudioDropped("item_1", 0, 75_000)
    (_, event) = bridge.from_server(delta(bytes(8))).events  # the rest of the item is dropped
    assert event == AudioDropped("item_1", 0, 1)
    assert len(bridge.from_server(delta(bytes(8), "item_2")).events) == 1
    assert bridge.from_server(audio_done()).events[0].type == "response.output_audio.done"
    frames = bridge.from_carrier(TWILIO.start()).to_carrier
    numbers = iter(range(2, 99_999))
    for _ in range(9_000):
        frames += bridge.from_carrier(TWILIO.media(bytes(160), next(numbers))).to_carrier
    assert sum(map(len, TWILIO.played(frames))) == 6_000_008
    assert bridge.stats.deltas_dropped == 2
    (_, event) = bridge.from_server(delta(bytes(8))).events
    assert event == AudioDropped("item_1", 0, 1)


def test_marks_of_tiny_items_are_bounded() -> None:
    """Of ten thousand pieces of one millisecond, no more marks are sent than are stored."""
    bridge = start_call(TWILIO)
    marks = 0
    pieces = [delta(bytes(8), "item_1"), delta(bytes(8), "item_2")]
    for number in range(10_000):  # each ends the piece of the other item
        marks += len(TWILIO.marks(bridge.from_server(pieces[number % 2]).to_carrier))
    assert marks == 4_096
    # They are released as marks come back ...
    assert TWILIO.marks(bridge.from_carrier(TWILIO.mark("mark_1")).to_carrier) == ["mark_4097"]
    # ... or are overdue.
    for number in range(2, 1_000):
        frames = bridge.from_carrier(TWILIO.media(bytes(160), number)).to_carrier
        marks += len(TWILIO.marks(frames))
    assert marks == 9_998


@pytest.mark.slow
def test_frames_of_one_sample_are_bounded() -> None:
    bridge = start_call(TWILIO)
    bridge.from_server(delta(bytes(8 * 600_000)))
    one, dropped = delta(b"\xff"), 0
    for _ in range(121_000):
        dropped += len(bridge.from_server(one).events) - 1
    assert 1_000 < dropped < 2_000


# --- Any order of events ----------------------------------------------------------------------


class _Short(vonage.Vonage):
    """A carrier that queues a second."""

    QUEUE_MS = 1_000


@settings(max_examples=60)
@given(st.lists(st.sampled_from(["say", "end", "tick", "run", "next", "speech"]), max_size=60), st.booleans())
def test_any_order_of_events(steps: list[str], returns_marks: bool) -> None:
    phone = replace(VONAGE, media_format=MediaFormat("L16", 24_000))
    carrier = Carrier(phone, returns_marks=returns_marks)
    carrier.bridge = Bridge(_Short())
    carrier.bridge.from_carrier(phone.start())
    item, said = 0, bytearray()
    for number, step in enumerate(steps):
        match step:
            case "say":
                audio = noise(960 * 15, seed=number)
                carrier.take(carrier.bridge.from_server(delta(audio, f"item_{item}", f"resp_{item}")))
                said += audio
            case "end" | "next":
                carrier.take(carrier.bridge.from_server(audio_done(f"item_{item}", f"resp_{item}")))
                item += 1
            case "tick":
                carrier.tick()
            case "run":
                carrier.run(25)
            case _:  # speech
                carrier.take(carrier.bridge.from_server(SPEECH_STARTED))
                assert carrier.queued == 0
                item += 1
                said = carrier.played.copy()
        assert carrier.longest_ms <= 1_000
        assert carrier.most_messages <= 50
    carrier.run(len(said) // 960 + 200)
    assert carrier.played == said
    assert carrier.underruns == 0


# --- Work ---------------------------------------------------------------------------------------


def answer(phone: Phone, seconds: int, *, ticks: bool) -> Iterator[Any]:
    """Yield the calls of a bridge without marks: deltas, and the caller's audio if `ticks`."""
    bridge = start_call(phone)
    one = delta(bytes(bridge.output_format.chunk_bytes(200)))
    caller = bytes(phone.media_format.chunk_bytes(TICK_MS))
    numbers = iter(range(2, 1 << 40))
    for _ in range(seconds * 5):
        yield partial(bridge.from_server, one)
        for _ in range(10 * ticks):
            yield partial(bridge.from_carrier, phone.media(caller, next(numbers)))


def run_calls(calls: list[Any]) -> None:
    for call in calls:
        call()


@pytest.mark.mostly_slow(quick=1)
@FOUR
@pytest.mark.parametrize("ticks", [False, True], ids=["answer only", "both sides"])
def test_a_carrier_that_never_returns_marks_costs_the_same_in_each_third(phone: Phone, ticks: bool) -> None:
    """Of an answer that is longer than the queue, and of a call that is longer than the queue."""
    seconds = QUEUE_MS[phone.name] * 3 // 1000 if phone.name != "twilio" or not ticks else 900
    calls = [*answer(phone, seconds, ticks=ticks)]
    third = len(calls) // 3
    works = [count_lines(run_calls, calls[at : at + third]) for at in (0, third, 2 * third)]
    assert max(works) <= 1.2 * min(works)


def test_unknown_marks_cost_the_same_however_many_are_pending() -> None:
    def work(seconds: int) -> int:
        bridge = start_call(TWILIO)
        for _ in range(seconds):
            bridge.from_server(delta(bytes(8_000)))
        unknown = [TWILIO.mark(f"mark_{number}") for number in range(100_000, 100_100)]
        return count_lines(lambda: [bridge.from_carrier(mark) for mark in unknown])

    few, many, most = work(5), work(50), work(500)
    assert most <= 1.2 * few >= many / 1.2


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("name", PHONE_IDS)
def test_release_works_in_every_format(name: str) -> None:
    carrier = Carrier(PHONES[PHONE_IDS.index(name)])
    phone = carrier.phone
    seconds = QUEUE_MS[phone.name] // 1000 + 10
    carrier.say(bytes(carrier.bridge.output_format.chunk_bytes(1_000)) * seconds)
    carrier.take(carrier.bridge.from_server(audio_done()))
    assert carrier.longest_ms <= QUEUE_MS[phone.name]
    carrier.run(seconds * 50 + 10)
    assert carrier.longest_ms <= QUEUE_MS[phone.name]
    assert len(carrier.played) == seconds * phone.plays.bytes_per_second
    assert carrier.underruns == 0
