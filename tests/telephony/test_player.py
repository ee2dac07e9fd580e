"""DownlinkPlayer alone: frames and marks of each delta, what waits for the stream, and what is dropped."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import realtime as r
from realtime import AudioError, AudioFormat, DecodeError
from realtime.state import Interruption
from realtime.telephony import AudioDropped, MediaFormat
from realtime.telephony._player import DownlinkPlayer
from realtime.telephony._queue import CallerClock
from realtime.telephony.carriers import get_carrier

ULAW, ALAW, PCM16 = AudioFormat.G711_ULAW, AudioFormat.G711_ALAW, AudioFormat.PCM16
PCMU = MediaFormat("PCMU", 8_000)
NOISE = bytes((7 * i) % 256 for i in range(20_000))
MARK = 1_596  # 200 ms of mu-law, rounded down to a multiple of six


def make(name: str = "twilio", session: AudioFormat = ULAW, *, opened: bool = True) -> DownlinkPlayer:
    player = DownlinkPlayer(get_carrier(name), PCMU, session, CallerClock())
    if opened:
        player.open("S1", PCMU, session)
    return player


def begin(player: DownlinkPlayer, response_id: str) -> None:
    player.on_response_created(r.ResponseCreated(response=r.Response(id=response_id)), is_outside=False)


def delta(audio: bytes, item: str = "i", index: Any = 0, response: str = "r") -> r.ResponseOutputAudioDelta:
    return r.ResponseOutputAudioDelta(
        response_id=response, item_id=item, output_index=0, content_index=index, delta=audio
    )


def done(item: str = "i", index: Any = 0, response: str = "r") -> r.ResponseOutputAudioDone:
    return r.ResponseOutputAudioDone(response_id=response, item_id=item, output_index=0, content_index=index)


def shown(frames: list[str | bytes]) -> list[str | int]:
    """Return the bytes of audio of each media frame, and the name of each mark."""
    found: list[str | int] = []
    for frame in frames:
        wire = json.loads(frame)
        assert wire.get("streamSid", wire.get("stream_id", "S1")) == "S1"
        if wire["event"] == "media":
            found.append(len(base64.b64decode(wire["media"]["payload"])))
        else:
            found.append(wire["mark"]["name"] if wire["event"] == "mark" else wire["event"])
    return found


def audio_of(frames: list[str | bytes]) -> bytes:
    wires = [json.loads(frame) for frame in frames]
    return b"".join(base64.b64decode(wire["media"]["payload"]) for wire in wires if "media" in wire)


# --- Frames and marks ------------------------------------------------------------------------


@pytest.mark.parametrize("cut", [False, True], ids=["audio", "base64"])
@pytest.mark.parametrize(("nbytes", "frames"), [
    (0, []), (1, [1]), (MARK - 1, [MARK - 1]), (MARK, [MARK, "mark_1"]), (2 * MARK, [2 * MARK, "mark_1"]),
    (2 * MARK + 1, [MARK, "mark_1", MARK + 1, "mark_2"]),
    (3 * MARK + 9, [MARK, "mark_1", MARK, "mark_2", MARK + 9, "mark_3"]),
    (4 * MARK, [MARK, "mark_1", MARK, "mark_2", 2 * MARK, "mark_3"]),
])  # fmt: skip
def test_a_delta_is_cut_into_frames_with_a_mark_each_200_ms(
    nbytes: int, frames: list[Any], cut: bool
) -> None:
    player = make()
    audio = NOISE[:nbytes]
    sent = player.on_delta(delta(b""), base64.b64encode(audio)) if cut else player.on_delta(delta(audio))
    assert shown(sent) == frames
    assert audio_of(sent) == audio
    assert player.playback.received_bytes("i") == nbytes
    spliced, reencoded = player.downlink.spliced, player.downlink.reencoded
    assert (reencoded if cut else spliced) == 0


def test_small_deltas_are_marked_together_and_at_the_end() -> None:
    player = make()
    sent = [shown(player.on_delta(delta(NOISE[:600]))) for _ in range(5)]
    assert sent == [[600], [600], [600, "mark_1"], [600], [600]]
    assert shown(player.on_part_done(done())) == ["mark_2"]
    assert player.on_part_done(done()) == []
    assert player.playback.interrupt().marks == ("mark_1", "mark_2")


def test_the_next_part_or_item_ends_the_one_before() -> None:
    player = make()
    assert shown(player.on_delta(delta(NOISE[:10]))) == [10]
    assert shown(player.on_delta(delta(NOISE[:20], index=1))) == ["mark_1", 20]
    assert shown(player.on_delta(delta(NOISE[:30], "j"))) == ["mark_2", 30]
    assert player.on_part_done(done()) == player.on_part_done(done("i", 1)) == []
    assert shown(player.on_part_done(done("j"))) == ["mark_3"]
    assert [player.playback.received_bytes(*part) for part in (("i", 0), ("i", 1), ("j", 0))] == [10, 20, 30]


def test_the_end_of_the_response_ends_its_last_part() -> None:
    player = make()
    begin(player, "r")
    player.on_delta(delta(NOISE[:10]))
    assert player.on_response_done(r.ResponseDone(response=r.Response(id="another"))) == []
    assert shown(player.on_response_done(r.ResponseDone(response=r.Response(id="r")))) == ["mark_1"]
    assert player.on_response_done(r.ResponseDone(response=r.Response(id="r"))) == []
    player.on_mark("mark_1")
    assert player.interrupt() == ([], Interruption())


def test_an_index_that_is_absent_is_0_and_others_are_refused() -> None:
    player = make()
    assert shown(player.on_delta(delta(NOISE[:10], index=None))) == [10]
    assert shown(player.on_delta(delta(NOISE[:10]))) == [10]
    assert shown(player.on_part_done(done(index=None))) == ["mark_1"]
    assert shown(player.on_delta(delta(NOISE[:10], index=65_535))) == [10]
    for index in (-1, 65_536):
        with pytest.raises(DecodeError) as raised:
            player.on_delta(delta(NOISE[:10], index=index))
        error = raised.value
        assert (error.reason, error.path) == ("no such content part", "$.content_index")
        assert error.event_type == "response.output_audio.delta"


def test_withheld_audio_is_sent_at_the_end_of_its_part() -> None:
    player = make("telnyx")
    assert player.on_delta(delta(NOISE[:100])) == []
    assert shown(player.on_part_done(done())) == [160, "mark_1"]
    assert player.on_delta(delta(NOISE[:100], "j")) == []
    assert shown(player.on_delta(delta(NOISE[:200], "k"))) == [160, "mark_2", 200]


@pytest.mark.parametrize("session", [ALAW, PCM16])
def test_a_part_is_converted_from_the_format_in_which_it_began(session: AudioFormat) -> None:
    player = make()
    player.session = session
    assert shown(player.on_delta(delta(NOISE[:1_000]))) != []
    assert player.downlink.session is session
    player.session = ULAW
    player.on_delta(delta(NOISE[:10]))
    assert player.downlink.session is session
    player.on_delta(delta(NOISE[:10], "j"))
    assert player.downlink.session is ULAW
    with pytest.raises(AudioError):
        player.open("S2", MediaFormat("G722", 8_000), ULAW)
    assert str(shown(player.on_part_done(done("j")))[-1]).startswith("mark_")


def test_the_audio_between_two_marks_has_whole_samples_of_base64() -> None:
    player = make(session=PCM16)
    assert shown(player.on_delta(delta(bytes(9_594))))[-1] != "mark_1"
    assert shown(player.on_delta(delta(bytes(6))))[-1] == "mark_1"  # 200 ms


# --- Items and responses without a name, and outside of the conversation ----------------------


def test_audio_without_ids_belongs_to_the_response_in_progress() -> None:
    player = make()
    assert shown(player.on_delta(delta(NOISE[:1], "", response=""))) == [1]
    begin(player, "")
    assert shown(player.on_delta(delta(NOISE[:2], "", response=""))) == ["mark_1", 2]
    assert shown(player.on_part_done(done("", response=""))) == ["mark_2"]
    player.on_response_done(r.ResponseDone(response=r.Response(id="")))
    assert shown(player.on_delta(delta(NOISE[:3], "", response=""))) == [3]
    begin(player, "r")
    player.on_response_done(r.ResponseDone(response=r.Response(id="another")))
    assert shown(player.on_delta(delta(NOISE[:4], "", response=""))) == ["mark_3", 4]
    assert shown(player.on_delta(delta(NOISE[:5], "", response="q"))) == ["mark_4", 5]
    names = ("\x00\x00", "\x00\x001", "\x00\x002", "\x00r", "\x00q")
    assert [player.playback.received_bytes(name) for name in names] == [1, 2, 3, 4, 5]
    frames, interruption = player.interrupt()
    assert (shown(frames), interruption.discarded_bytes) == (["clear"], 15)
    assert (interruption.truncate, interruption.unplayed_item_ids) == (None, ())


def test_a_response_without_an_id_is_interrupted_before_its_first_audio() -> None:
    player = make()
    begin(player, "")
    player.interrupt()
    assert player.on_delta(delta(NOISE[:2], "", response="")) == []
    assert player.dropped == 1
    begin(player, "")
    assert shown(player.on_delta(delta(NOISE[:2], "", response=""))) == [2]


@pytest.mark.parametrize("opened", [True, False])
def test_items_outside_of_the_conversation_are_not_truncated(opened: bool) -> None:
    player = make(opened=opened)
    player.on_response_created(r.ResponseCreated(response=r.Response(id="o")), is_outside=True)
    for item in ("a", "b"):
        player.on_delta(delta(NOISE[: 2 * MARK], item, response="o"))
    player.on_delta(delta(NOISE[:MARK], "c"))
    player.on_mark("mark_1")
    if opened:
        player.playback.played(ms=100)
    _, interruption = player.interrupt()
    assert (interruption.truncate, interruption.unplayed_item_ids) == (None, ("c",))


# --- Marks of the carrier -------------------------------------------------------------------


def test_marks_of_ours_are_known_while_they_are_pending() -> None:
    player = make()
    player.on_delta(delta(NOISE[: 3 * MARK]))
    assert player.on_mark("mark_1")
    assert player.playback.played_ms("i") == 199
    assert not player.on_mark("mark_1")
    assert not player.on_mark("mark_9")
    assert player.on_mark("of the caller's program")
    assert player.playback.played_ms("i") == 199
    assert player.on_mark("mark_2")
    assert player.playback.played_ms("i") == 598


def test_marks_that_do_not_come_back_are_settled_by_the_clock() -> None:
    player = make()
    player.on_delta(delta(NOISE[: 3 * MARK]))
    player._clock.ms = 2_199.0
    player.settle()
    assert player.playback.played_ms("i") == 0
    player._clock.ms = 2_200.0
    assert player.release() == []
    assert player.playback.played_ms("i") == 598


# --- Interruption ---------------------------------------------------------------------------


def test_an_interruption_clears_the_carrier_and_drops_what_is_late() -> None:
    player = make()
    begin(player, "r")
    begin(player, "silent")
    player.on_delta(delta(NOISE[: 3 * MARK]))
    player.on_mark("mark_1")
    frames, interruption = player.interrupt()
    assert shown(frames) == ["clear"]
    assert interruption.truncate == r.ConversationItemTruncate(item_id="i", content_index=0, audio_end_ms=199)
    assert (interruption.discarded_bytes, interruption.marks) == (2 * MARK, ("mark_2",))
    assert not player.on_mark("mark_2")
    late = delta(b"x"), delta(b"x", response="new"), delta(b"x", "j"), delta(b"x", "k", response="silent")
    assert [player.on_delta(each) for each in late] == [[], [], [], []]
    assert (player.dropped, player.silent_dropped) == (4, 0)
    assert player.interrupt() == ([], Interruption())
    begin(player, "next")
    assert shown(player.on_delta(delta(NOISE[:10], "l", response="next"))) == [10]
    player.on_response_done(r.ResponseDone(response=r.Response(id="silent")))
    assert player.on_delta(delta(NOISE[:10], "m", response="silent")) == []


def test_an_interruption_forgets_the_audio_before_the_next_mark() -> None:
    player = make("telnyx")
    player.on_delta(delta(NOISE[:1_500]))
    player.on_delta(delta(NOISE[:10]))
    frames, interruption = player.interrupt()
    assert (shown(frames), interruption.discarded_bytes) == (["clear"], 1_510)
    assert shown(player.on_delta(delta(NOISE[:200], "j", response="q"))) == [200]
    assert shown(player.on_part_done(done("j", response="q"))) == ["mark_1"]


def test_an_interruption_by_marks_alone_clears_the_carrier() -> None:
    player = make()
    player.on_delta(delta(NOISE[:10]))
    player.playback.played(ms=100)
    player.on_part_done(done())
    frames, interruption = player.interrupt()
    assert (shown(frames), interruption.marks) == (["clear"], ("mark_1",))


def test_an_interruption_before_the_stream_drops_what_waits() -> None:
    player = make(opened=False)
    player.on_delta(delta(NOISE[:80]))
    player.on_delta(delta(b"", index=None), base64.b64encode(NOISE[:40]))
    player.on_part_done(done())
    player.on_delta(delta(NOISE[:8], "j", 1))
    frames, interruption = player.interrupt()
    assert frames == []
    assert interruption == Interruption(None, ("i", "j"), 128, 16.0, ())
    player.open("S1", PCMU, ULAW)
    assert player.take_early() == []
    assert player.on_delta(delta(NOISE[:8])) == []
    assert player.on_delta(delta(NOISE[:8], "another of the response")) == []


# --- Before the stream is known ---------------------------------------------------------------


def test_audio_waits_for_the_stream() -> None:
    player = make(opened=False)
    assert player.on_delta(delta(NOISE[:100])) == []
    assert player.on_delta(delta(b""), base64.b64encode(NOISE[100:2_000])) == []
    assert player.on_part_done(done()) == []
    assert player.on_delta(delta(NOISE[:50], "j")) == []
    assert player.playback.received_bytes("i") == 0
    player.open("S1", PCMU, ULAW)
    frames = player.take_early()
    assert shown(frames) == [100, 1_900, "mark_1", 50]
    assert audio_of(frames) == NOISE[:2_000] + NOISE[:50]
    assert player.take_early() == []
    assert shown(player.on_part_done(done("j"))) == ["mark_2"]
    assert (player.dropped, player.reports) == (0, [])


@pytest.mark.parametrize("cut", [False, True], ids=["audio", "base64"])
def test_what_waits_for_the_stream_is_bounded(cut: bool) -> None:
    player = make(opened=False)
    overhead, size = 512, 1 << 20
    assert player.on_part_done(done("j")) == []
    for _ in range(7):
        player.on_delta(delta(b""), b"A" * size) if cut else player.on_delta(delta(bytes(size)))
    left = (8 << 20) - 7 * (size + overhead) - 2 * overhead  # exactly as much as there is room for
    player.on_delta(delta(b""), b"A" * left) if cut else player.on_delta(delta(bytes(left)))
    assert player.reports == []
    assert player.on_delta(delta(bytes(1_000))) == []
    assert (player.reports, player.dropped) == ([AudioDropped("i", 0, 125.0)], 1)
    assert player.on_delta(delta(b""), b"AAAA") == []  # the rest of the part is dropped
    assert player.reports[1:] == [AudioDropped("i", 0, 0.375)]
    player.reports.clear()
    player.open("S1", PCMU, ULAW)
    frames = player.take_early()
    total = 7 * size + left
    retained = sum(nbytes for _, nbytes, name in player.queue.retained if name is None)
    assert len(audio_of(frames)) + retained == (total // 4 * 3 if cut else total)
    assert player.queue.retained[-1][2] is not None  # the part ends with its mark
    player.queue.clear()
    assert player.on_delta(delta(bytes(8))) == []
    assert player.on_delta(delta(b""), b"AAAA") == []
    assert player.reports == [AudioDropped("i", 0, 1.0), AudioDropped("i", 0, 0.375)]
    assert shown(player.on_delta(delta(bytes(8), "j"))) == [8]


def test_only_the_part_that_does_not_fit_is_dropped() -> None:
    player = make(opened=False)
    player.on_delta(delta(bytes(8 << 20), index=1))
    player.on_delta(delta(bytes(8), index=2))
    assert player.reports == [AudioDropped("i", 1, 1_048_576.0)]
    player.open("S1", PCMU, ULAW)
    assert shown(player.take_early()) == [8]


# --- The limit of what is retained --------------------------------------------------------------


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("cut", [False, True], ids=["audio", "base64"])
def test_the_end_of_a_delta_that_does_not_fit_is_dropped(cut: bool) -> None:
    player = make()
    minute = bytes(480_000)

    def play(audio: bytes) -> list[str | bytes]:
        return player.on_delta(delta(b""), base64.b64encode(audio)) if cut else player.on_delta(delta(audio))

    for _ in range(10):
        play(minute)
    assert len(player.queue.retained) > 0
    for _ in range(29):
        assert play(minute) == []
    assert player.reports == []
    before = player.playback.received_bytes("i")
    assert play(minute * 2) == []
    kept = player.playback.received_bytes("i") - before
    assert 0 < kept < 960_000
    assert player.reports == [AudioDropped("i", 0, (960_000 - kept) / 8)]
    assert play(bytes(80)) == []
    assert player.reports[1:] == [AudioDropped("i", 0, 10.0)]
    assert player.dropped == 2
    player.close()
    assert not player.queue.retained
    assert shown(player.on_delta(delta(bytes(80), "j"))) == [80]
