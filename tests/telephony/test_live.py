"""Bridge on a Live session: its format, its clock, its start and end, and what it drops."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

import realtime
from realtime import AudioFormat, ConfigError, DecodeError, EncodeError, live
from realtime.events import beta
from realtime.providers import ProviderName
from realtime.state import Interruption
from realtime.telephony import AudioDropped, Bridge, BridgeOutput, CallEnded, CallStarted, UnknownMessage
from realtime.telephony._live import (
    JITTER_MS,
    MAX_FILL_MS,
    MAX_LATE_MS,
    MAX_STORED_MS,
    PAUSE_MS,
    SPEECH_MS,
    LiveInput,
)
from tests.telephony.calls import (
    ALAW,
    PCM16,
    PCMA,
    PCMU,
    PHONE_IDS,
    PHONES,
    STREAM,
    ULAW,
    Phone,
    audio_done,
    converted,
    delta,
    encoded,
    media_of,
    response,
    session,
    text,
    wave,
)
from tests.telephony.live_calls import (
    PCM_16K,
    PlayingPhone,
    appended,
    closed,
    live_delta,
    open_call,
    run,
    silence,
    speech,
    started,
)

TWILIO, TELNYX, VONAGE = PHONES[0], PHONES[1], PHONES[8]
EVERY_PHONE = pytest.mark.parametrize("phone", PHONES, ids=PHONE_IDS)
# Spliced, with its bytes swapped, and converted in frames of 20 ms.
ONE_OF_EACH = pytest.mark.parametrize(
    "phone", [PHONES[at] for at in (0, 3, 7)], ids=[PHONE_IDS[at] for at in (0, 3, 7)]
)
# The format of the session for each phone.
FORMATS = {
    "twilio-PCMU-8000": ULAW,
    "telnyx-PCMU-8000": ULAW,
    "telnyx-PCMA-8000": ALAW,
    "telnyx-L16-16000": PCM_16K,
    "plivo-PCMU-8000": ULAW,
    "plivo-L16-8000": PCM16,
    "plivo-L16-16000": PCM_16K,
    "vonage-L16-8000": PCM16,
    "vonage-L16-16000": PCM_16K,
    "vonage-L16-24000": PCM16,
}
EVERY_FORMAT = pytest.mark.parametrize(
    "format", [ULAW, ALAW, PCM16, PCM_16K], ids=["ulaw", "alaw", "pcm16", "pcm16_16k"]
)


def new_call(phone: Phone, **settings: Any) -> Bridge:
    bridge = Bridge(phone.name, dialect="live", **settings)
    bridge.from_carrier(phone.start())
    return bridge


def media(phone: Phone, ms: int = 20, number: int = 2) -> str | bytes:
    return phone.media(wave(phone.media_format, ms), number)


def types(frames: tuple[str, ...]) -> list[str]:
    return [json.loads(frame)["type"] for frame in frames]


# --- The format ------------------------------------------------------------------------


@EVERY_PHONE
def test_the_session_starts_in_the_format_of_the_carrier(phone: Phone) -> None:
    bridge = new_call(phone)
    format = FORMATS[PHONE_IDS[PHONES.index(phone)]]
    settings = live.LiveSession(
        model="gpt-live-1.1",
        instructions="Be brief.",
        audio=live.LiveAudio(output=live.LiveAudioOutput(voice="cedar")),
    )
    assert json.loads(bridge.session_start(settings)) == {
        "type": "session.start",
        "session": {
            "model": "gpt-live-1.1",
            "instructions": "Be brief.",
            "audio": {
                "format": {"type": format.ga_type, "rate": format.sample_rate},
                "output": {"voice": "cedar"},
            },
        },
    }
    assert (bridge.input_format, bridge.output_format) == (format, format)
    assert json.loads(bridge.session_start())["session"]["model"] == "gpt-live-1"


@EVERY_PHONE
@pytest.mark.parametrize(
    "format", [None, ULAW, ALAW, PCM16, PCM_16K], ids=["own", "ulaw", "alaw", "pcm16", "pcm16_16k"]
)
def test_audio_passes_both_ways(phone: Phone, format: AudioFormat | None) -> None:
    bridge = open_call(phone, format)
    session_media, received, played = media_of(bridge.input_format), phone.media_format, phone.plays
    said = wave(received, 1_000)
    size = received.chunk_bytes(20)
    frames: tuple[str, ...] = ()
    for number, at in enumerate(range(0, len(said), size), start=2):
        frames += bridge.from_carrier(phone.media(said[at : at + size], number)).to_server
    frames += bridge.end().to_server[:-1]
    assert b"".join(appended(frames)) == converted(said, received, session_media)

    bridge, spoken = open_call(phone, format), wave(session_media, 1_000)
    size = session_media.chunk_bytes(100)
    chunks: list[bytes] = []
    for at in range(0, len(spoken), size):
        step = bridge.from_server(live_delta(spoken[at : at + size]))
        assert step.to_server == ()
        assert step.events == (live.SessionOutputAudioDelta(delta=b""),)
        chunks += phone.played(step.to_carrier)
    expected = converted(spoken, session_media, played)
    heard = b"".join(chunks)
    assert heard == expected[: len(heard)]
    assert len(expected) - len(heard) < played.chunk_bytes(25)
    if phone.name == "vonage":
        assert {*map(len, chunks)} == {played.chunk_bytes(20)}


@pytest.mark.parametrize("phone", [PHONES[at] for at in (0, 1, 4, 6)], ids=lambda phone: str(phone.name))
def test_equal_formats_are_spliced(phone: Phone) -> None:
    bridge = open_call(phone)
    bridge.from_carrier(media(phone))
    bridge.from_server(speech(bridge.output_format))
    stats = bridge.stats
    assert (stats.spliced_to_server, stats.spliced_to_carrier, stats.reencoded) == (1, 1, 0)


def test_an_unusual_delta_is_played() -> None:
    bridge = open_call(TWILIO)
    frame = json.dumps({"x": {}, **json.loads(speech(ULAW))})
    step = bridge.from_server(frame)
    assert TWILIO.played(step.to_carrier) == [wave(PCMU, 100)]
    assert step.events == (live.decode_server(frame),)


@EVERY_FORMAT
def test_a_chosen_format_is_converted(format: AudioFormat) -> None:
    bridge = open_call(TWILIO, format)
    assert bridge.input_format == format
    (audio,) = appended(bridge.from_carrier(media(TWILIO, 200)).to_server)
    expected = converted(wave(PCMU, 200), PCMU, media_of(format))
    assert audio == expected[: len(audio)]
    assert TWILIO.played(bridge.from_server(speech(format)).to_carrier)


def test_azure_has_one_format() -> None:
    bridge = new_call(TWILIO, provider="azure")
    assert bridge.input_format == bridge.output_format == PCM16
    with pytest.raises(ConfigError, match="azure do not have g711_ulaw, but pcm16"):
        Bridge("twilio", "g711_ulaw", provider="azure", dialect="live")


def test_the_format_that_the_session_states_is_used() -> None:
    bridge = new_call(TWILIO)
    bridge.session_start()
    bridge.from_carrier(media(TWILIO))
    step = bridge.from_server(started(PCM16))
    assert step.to_server == ()  # it waited in another format
    assert bridge.stats.appends_dropped == 1
    assert bridge.input_format == bridge.output_format == PCM16
    assert len(appended(bridge.from_carrier(media(TWILIO, 200)).to_server)[0]) > 8_000
    assert len(TWILIO.played(bridge.from_server(speech(PCM16)).to_carrier)[0]) < 900


def test_a_session_that_starts_before_the_call_has_the_format_of_the_carrier() -> None:
    bridge = Bridge("telnyx", dialect="live")
    bridge.session_start()
    bridge.from_server(started(ULAW))
    bridge.from_carrier(PHONES[2].start())  # A-law
    assert bridge.input_format == ULAW
    audio = wave(PCMA, 20)
    (sent,) = appended(bridge.from_carrier(PHONES[2].media(audio)).to_server)
    assert sent == converted(audio, PCMA, PCMU)


def test_a_session_in_a_format_without_samples_is_refused() -> None:
    bridge = new_call(TWILIO)
    frame = started(PCM16).replace("24000", "11025")
    with pytest.raises(DecodeError, match="cannot be converted"):
        bridge.from_server(frame)
    assert bridge.input_format == ULAW


# --- The start -------------------------------------------------------------------------


@EVERY_PHONE
def test_nothing_is_sent_before_the_session_has_started(phone: Phone) -> None:
    bridge = new_call(phone)
    assert bridge.from_carrier(media(phone, number=2)).to_server == ()
    bridge.session_start()
    for number in range(3, 50):
        assert bridge.from_carrier(media(phone, number=number)).to_server == ()
    held = b"".join(appended(bridge.from_server(started(bridge.input_format)).to_server))
    rest = b"".join(appended(bridge.from_carrier(media(phone, number=50)).to_server))
    expected = converted(wave(phone.media_format, 20) * 49, phone.media_format, media_of(bridge.input_format))
    assert held + rest == expected[: len(held + rest)]
    assert bridge.stats.appends_dropped == 0


def test_the_oldest_of_too_much_audio_before_the_start_is_dropped() -> None:
    bridge = new_call(TWILIO)
    chunks = [bytes([number % 251]) * 160 for number in range(1_000)]
    for number, chunk in enumerate(chunks, start=2):
        bridge.from_carrier(TWILIO.media(chunk, number))
    held = appended(bridge.from_server(started(ULAW)).to_server)
    assert held == chunks[-MAX_STORED_MS // 20 :]
    assert bridge.stats.appends_dropped == 500


def test_one_message_of_any_length_waits() -> None:
    bridge = new_call(TWILIO)
    bridge.from_carrier(TWILIO.media(bytes(800_000)))
    assert len(appended(bridge.from_server(started(ULAW)).to_server)[0]) == 800_000


def test_errors_and_other_events_are_reported() -> None:
    bridge = new_call(TWILIO)
    bridge.session_start()
    error = {"type": "insufficient_quota", "code": None, "message": "no credit"}
    wires = [
        {"type": "error", "event_id": "e", "error": error},
        {"type": "info", "event_id": "e", "code": "c", "message": "m"},
        {
            "type": "session.input_transcript.delta",
            "event_id": "e",
            "delta": "a",
            "start_ms": 0,
            "end_ms": 200,
        },
        {"type": "session.usage.updated", "event_id": "e", "usage": {"seconds": 3.0}},
        {"type": "session.of_tomorrow", "x": 1},
    ]
    for wire in wires:
        step = bridge.from_server(text(wire))
        assert step == BridgeOutput((), (), (live.decode_server(text(wire)),))
    assert bridge.from_carrier(media(TWILIO)).to_server == ()
    assert len(bridge.from_server(started(ULAW)).to_server) == 1


def test_another_session_can_follow_in_the_same_call() -> None:
    bridge = open_call(TWILIO)
    bridge.from_server(speech(ULAW))
    frame = bridge.session_start(live.LiveSession(model="gpt-live-1", input=[]))
    assert json.loads(frame)["session"]["input"] == []
    assert bridge.from_carrier(media(TWILIO)).to_server == ()
    assert appended(bridge.from_server(started(ULAW)).to_server) == [wave(PCMU, 20)]
    assert TWILIO.played(bridge.from_server(speech(ULAW)).to_carrier) == [wave(PCMU, 100)]


# --- The clock -------------------------------------------------------------------------


@EVERY_FORMAT
def test_silence_is_sent_where_the_caller_has_none(format: AudioFormat) -> None:
    bridge = new_call(TWILIO, session_format=format)
    bridge.session_start()
    assert bridge.tick(1_000) == BridgeOutput()  # not started
    assert bridge.tick(90_000) == BridgeOutput()
    bridge.from_server(started(format))
    sent = b""
    for now in range(100_000, 110_001, 10):
        sent += b"".join(appended(bridge.tick(now).to_server))
    assert sent == format.silence(10_000 - MAX_LATE_MS)
    assert bridge.tick(100_000) == BridgeOutput()  # a clock that goes back
    assert bridge.tick(110_000) == BridgeOutput()


def test_no_silence_is_sent_while_the_caller_is() -> None:
    bridge = open_call(TWILIO)
    late = 0
    for number in range(500):
        late = MAX_LATE_MS - 20 if number % 50 == 7 else 0
        assert bridge.tick(number * 20 + late) == BridgeOutput()
        bridge.from_carrier(media(TWILIO, number=number + 2))


def test_a_program_that_stood_still_sends_a_second_of_silence() -> None:
    bridge = open_call(TWILIO)
    bridge.tick(0)
    assert appended(bridge.tick(3_600_000).to_server) == [ULAW.silence(MAX_FILL_MS)]
    assert bridge.tick(3_600_019) == BridgeOutput()
    assert appended(bridge.tick(3_600_020).to_server) == [ULAW.silence(20)]


@pytest.mark.parametrize("now", [float("nan"), float("inf"), -float("inf")])
def test_a_clock_must_be_finite(now: float) -> None:
    bridge = open_call(TWILIO)
    with pytest.raises(ConfigError, match="now_ms must be finite"):
        bridge.tick(now)
    bridge.tick(0)
    assert appended(bridge.tick(600).to_server) == [ULAW.silence(100)]


def test_the_time_of_a_call() -> None:
    """By the caller's audio without ticks, by the ticks with them; between two by at most 100 ms of audio."""
    input = LiveInput()
    input.open()
    input.ms += 300
    assert input.now_ms == 300
    for now, audio_ms, expected in [
        (9_000, 0, 300),
        (9_000, 40, 340),
        (9_100, 0, 400),  # the caller's audio is late
        (9_100, 60, 460),
        (9_100, 500, 500),  # it arrives at once
        (9_120, 0, 420),
        (9_000, 0, 420),  # a clock that goes back
    ]:
        input.tick(now, ULAW)
        input.ms += audio_ms
        assert input.now_ms == expected, now


def test_ga_has_no_clock_but_releases_what_is_retained() -> None:
    bridge = Bridge("vonage")
    assert bridge.tick(0) == bridge.tick(10_000) == BridgeOutput()


# --- The queue -------------------------------------------------------------------------


@EVERY_FORMAT
def test_silence_is_dropped_while_too_much_waits(format: AudioFormat) -> None:
    bridge = open_call(TWILIO, format)
    played = [bool(bridge.from_server(silence(format)).to_carrier) for _ in range(20)]
    sent = 1 if format is ULAW or format is ALAW else 2  # a resampler withholds 2.5 ms
    assert played == [True] * sent + [False] * (20 - sent)
    assert bridge.stats.silence_dropped == 20 - sent
    assert bridge.backlog_ms <= 2 * JITTER_MS
    bridge.from_carrier(media(TWILIO, 100 * sent))
    assert bridge.from_server(silence(format)).to_carrier


# Of mu-law, both zeros and the codes beside them; of PCM, the model's pauses fall to a peak of 1.
SILENCES = {
    ULAW: b"\xff\x7f\xfe\x7e" * 200,
    ALAW: b"\xd5\x55\xd4\x54" * 200,
    PCM16: np.resize([0, 1, -1, 0], 2_400).astype("<i2").tobytes(),
    PCM_16K: np.resize([0, 1, -1, 0], 1_600).astype("<i2").tobytes(),
}


@EVERY_FORMAT
def test_silence_is_measured_and_no_audible_delta_is_dropped(format: AudioFormat) -> None:
    bridge = open_call(TWILIO, format)
    quiet = bytearray(SILENCES[format])
    bridge.from_server(speech(format, 200))
    assert bridge.from_server(live_delta(bytes(quiet))).to_carrier == ()
    loud = encoded(np.array([400], "<i2"), media_of(format))
    quiet[-len(loud) :] = loud  # a word begins in the last sample
    assert bridge.from_server(live_delta(bytes(quiet))).to_carrier
    for _ in range(100):
        assert bridge.from_server(speech(format)).to_carrier
    assert bridge.backlog_ms == pytest.approx(10_300, abs=5)
    assert bridge.stats.deltas_dropped == 0


@pytest.mark.mostly_slow(quick=3)
@ONE_OF_EACH
@pytest.mark.parametrize("network_ms", [0, 60, 150], ids="network {}".format)
def test_the_backlog_of_a_burst_is_worked_off_in_the_next_silence(phone: Phone, network_ms: int) -> None:
    bridge = open_call(phone)
    carrier, format = PlayingPhone(phone, network_ms), bridge.output_format
    number = 2
    for at in range(200):
        run(carrier, bridge, 100, number)
        number += 5
        burst = 16 if at == 50 else 1  # 1.5 s of the model's words came late, and at once
        for _ in range(burst):
            carrier.send(bridge.from_server((speech if 30 <= at < 60 else silence)(format)).to_carrier)
        if at < 50 or at > 80:
            assert carrier.backlog_ms <= 120
    assert bridge.stats.deltas_dropped == 0
    assert 12 <= bridge.stats.silence_dropped <= 18


@pytest.mark.mostly_slow(quick=2)
@ONE_OF_EACH
@pytest.mark.parametrize("stalled_ms", [1_000, 5_000])
def test_marks_show_what_the_clock_does_not(phone: Phone, stalled_ms: int) -> None:
    """The carrier plays nothing for some time, while the caller's audio goes on."""
    bridge = open_call(phone)
    carrier, number = PlayingPhone(phone, 40), 2
    for at in range(200):
        run(carrier, bridge, 100, number)
        number += 5
        if at == 30:
            carrier.stalled_ms = carrier.now_ms + stalled_ms
        carrier.send(bridge.from_server((speech if at < 95 else silence)(bridge.output_format)).to_carrier)
    assert carrier.most_ms > stalled_ms - 100
    assert carrier.backlog_ms <= 2 * JITTER_MS
    assert bridge.backlog_ms <= 2 * JITTER_MS
    assert bridge.stats.silence_dropped > stalled_ms // 100 - 3


def test_a_carrier_that_returns_no_marks_is_measured_by_time() -> None:
    bridge = open_call(TWILIO)
    for at in range(100):
        bridge.from_carrier(media(TWILIO, 100, at + 2))
        bridge.from_server(speech(ULAW))
        if at == 10:
            for _ in range(20):
                bridge.from_server(speech(ULAW))
    assert bridge.backlog_ms == pytest.approx(2_100)
    for at in range(100):
        bridge.from_carrier(media(TWILIO, 100, at + 102))
        bridge.from_server(silence(ULAW))
    assert bridge.backlog_ms == pytest.approx(100)
    assert bridge.stats.silence_dropped == 20


def test_a_longer_delta_is_played_if_nothing_waits() -> None:
    bridge = open_call(TWILIO)
    for number in range(2, 12):
        assert bridge.from_server(silence(ULAW, 200)).to_carrier
        bridge.from_carrier(media(TWILIO, 200, number))
    assert bridge.stats.silence_dropped == 0


def test_before_the_call_only_speech_waits() -> None:
    bridge = Bridge("twilio", dialect="live")
    bridge.session_start()
    bridge.from_server(started(ULAW))
    for frame in (silence(ULAW), speech(ULAW), silence(ULAW), silence(ULAW)):
        assert bridge.from_server(frame).to_carrier == ()
    step = bridge.from_carrier(TWILIO.start())
    assert TWILIO.played(step.to_carrier) == [wave(PCMU, 100)]
    assert (bridge.backlog_ms, bridge.stats.silence_dropped) == (100, 3)


def test_speech_goes_on_after_some_did_not_fit() -> None:
    bridge = Bridge("twilio", dialect="live")
    minute = wave(PCMU, 60_000)
    lost: list[Any] = []
    for _ in range(30):
        lost += [e for e in bridge.from_server(live_delta(minute)).events if isinstance(e, AudioDropped)]
    assert {event.duration_ms for event in lost} == {60_000}
    bridge.from_carrier(TWILIO.start())
    waiting_ms = bridge.backlog_ms  # more than Twilio queues
    assert waiting_ms > 700_000
    step = bridge.from_server(speech(ULAW))
    assert [type(event) for event in step.events] == [live.SessionOutputAudioDelta]
    assert bridge.backlog_ms == waiting_ms + 100


# --- Stopping speech -------------------------------------------------------------------


def test_stop_speech_clears_the_queue_and_instructs_the_model() -> None:
    bridge = open_call(TWILIO)
    bridge.from_server(speech(ULAW, 200))
    step = bridge.stop_speech()
    assert step.to_carrier == (f'{{"event":"clear","streamSid":"{STREAM}"}}',)
    wire = json.loads(step.to_server[0])
    assert wire["type"] == "session.instructions.append"
    assert wire["delegation_id"] is None
    assert "Stop speaking" in wire["content"]
    (interruption,) = step.events
    assert isinstance(interruption, Interruption)
    assert (interruption.truncate, interruption.unplayed_item_ids) == (None, ())
    assert interruption.discarded_ms == 200
    assert bridge.backlog_ms == 0
    (frame,) = bridge.stop_speech("Say goodbye.").to_server
    assert json.loads(frame)["content"] == "Say goodbye."


def test_stopped_speech_is_dropped_until_the_model_pauses() -> None:
    bridge = open_call(TWILIO)
    bridge.from_server(speech(ULAW))
    bridge.stop_speech()
    for _ in range(30):  # it speaks on, with short pauses
        for frame in [speech(ULAW)] * 3 + [silence(ULAW)] * (PAUSE_MS // 100 - 1):
            assert bridge.from_server(frame).to_carrier == ()
    assert bridge.stats.deltas_dropped == 90
    bridge.from_server(speech(ULAW))
    for _ in range(PAUSE_MS // 100):
        assert bridge.from_server(silence(ULAW)).to_carrier == ()
    assert bridge.from_server(speech(ULAW)).to_carrier
    (interruption,) = bridge.stop_speech().events
    assert isinstance(interruption, Interruption)
    assert interruption.discarded_ms == 100


def test_interrupt_stops_without_a_word_to_the_model() -> None:
    bridge = open_call(TWILIO)
    bridge.from_server(speech(ULAW))
    step = bridge.interrupt()
    assert step.to_server == ()
    assert len(step.to_carrier) == 1
    assert bridge.from_server(speech(ULAW)).to_carrier == ()
    bridge.from_server(started(ULAW))  # another session begins
    assert bridge.from_server(speech(ULAW)).to_carrier


def test_before_the_start_no_command_is_sent() -> None:
    bridge = new_call(TWILIO)
    assert bridge.stop_speech().to_server == ()
    bridge.session_start()
    assert bridge.stop_speech().to_server == ()


def test_returned_marks_of_cleared_audio_are_ignored() -> None:
    bridge = open_call(TWILIO)
    names = TWILIO.marks(bridge.from_server(speech(ULAW, 400)).to_carrier)
    bridge.stop_speech()
    for name in names:
        assert bridge.from_carrier(TWILIO.mark(name)) == BridgeOutput()


@EVERY_PHONE
@pytest.mark.parametrize("barge_in", [None, False, True])
def test_the_caller_interrupts_only_on_request(phone: Phone, barge_in: bool | None) -> None:
    bridge = open_call(phone, barge_in=barge_in)
    format = bridge.output_format
    quiet = wave(phone.media_format, 100)
    number = 2
    heard: list[bytes] = []
    for _ in range(8):
        for _ in range(5):
            bridge.from_carrier(
                phone.media(phone.media_format.silence(phone.media_format.chunk_bytes(20)), number)
            )
            number += 1
        assert bridge.from_server(speech(format)).to_carrier
    found = []
    for _ in range(SPEECH_MS // 100 + 3):
        bridge.from_carrier(phone.media(quiet, number))
        number += 1
        step = bridge.from_server(speech(format))
        heard += phone.played(step.to_carrier)
        found += [event for event in step.events if isinstance(event, Interruption)]
    if barge_in:
        assert len(found) == 1
        assert sum(map(len, heard)) <= phone.plays.chunk_bytes(200)
        assert bridge.stats.deltas_dropped >= 3
    else:
        assert found == []
        assert bridge.stats.deltas_dropped == 0


def test_the_answer_after_long_speech_of_the_caller_is_played() -> None:
    bridge = open_call(TWILIO, barge_in=True)
    for number in range(2, 102):
        bridge.from_carrier(media(TWILIO, number=number))
        assert len(bridge.from_server(silence(ULAW, 20)).events) == 1  # silence is not interrupted
    bridge.from_carrier(TWILIO.media(ULAW.silence(20), 102))
    assert bridge.from_server(speech(ULAW)).to_carrier


def test_the_noise_of_a_line_is_no_speech() -> None:
    phone = PHONES[3]  # of which the bytes of a quiet sample, swapped, are a loud one
    bridge = open_call(phone, barge_in=True)
    noise = encoded(np.resize(np.array([60, -60], "<i2"), 320), phone.media_format)
    for number in range(2, 102):
        bridge.from_carrier(phone.media(noise, number))
        bridge.from_server(speech(bridge.output_format, 20))
    assert bridge.stats.deltas_dropped == 0


def test_a_click_is_no_speech() -> None:
    bridge = open_call(TWILIO, barge_in=True)
    quiet = ULAW.silence(20)
    for number in range(2, 202):
        is_click = number % 10 < SPEECH_MS // 40
        bridge.from_carrier(TWILIO.media(wave(PCMU, 20) if is_click else quiet, number))
        assert bridge.from_server(speech(ULAW, 20)).to_carrier
    assert bridge.stats.deltas_dropped == 0


# --- The end ---------------------------------------------------------------------------


@EVERY_PHONE
def test_the_end_of_the_call_closes_the_session_once(phone: Phone) -> None:
    bridge = open_call(phone)
    bridge.from_carrier(media(phone))
    if phone.name == "vonage":
        frames = bridge.end().to_server
    else:
        step = bridge.from_carrier(phone.stop(3))
        assert CallEnded() in step.events
        assert bridge.ended
        frames = step.to_server
    assert types(frames)[-1] == "session.close"
    assert types(frames).count("session.close") == 1
    assert bridge.end().to_server == ()
    assert bridge.from_carrier(media(phone, number=4)).to_server == ()
    assert bridge.tick(0) == bridge.tick(10_000) == BridgeOutput()
    assert bridge.stop_speech().to_server == ()
    assert (
        live.SessionClosed(event_id="e", reason="close_requested", usage=live.LiveUsage(seconds=1.5))
        in bridge.from_server(closed()).events
    )


def test_a_caller_who_hangs_up_first_closes_the_session_when_it_starts() -> None:
    bridge = new_call(TWILIO)
    bridge.session_start()
    bridge.from_carrier(media(TWILIO))
    assert bridge.from_carrier(TWILIO.stop(3)).to_server == ()
    step = bridge.from_server(started(ULAW))
    assert types(step.to_server) == ["session.close"]
    assert bridge.end().to_server == ()


@pytest.mark.parametrize(
    "reason", ["close_requested", "expired", "content", "remote_hangup", "connection_lost"]
)
def test_the_end_of_the_session_ends_the_call(reason: str) -> None:
    bridge = open_call(TWILIO)
    bridge.from_server(speech(ULAW))
    step = bridge.from_server(closed(reason))
    assert [event.type for event in step.events if isinstance(event, live.SessionClosed)] == [
        "session.closed"
    ]
    assert bridge.ended
    assert bridge.backlog_ms <= 100
    assert bridge.from_server(speech(ULAW)).to_carrier == ()
    assert bridge.from_carrier(media(TWILIO)).to_server == ()
    assert bridge.end().to_server == ()
    assert bridge.from_carrier(TWILIO.stop(3)).to_server == ()


# --- Dialects --------------------------------------------------------------------------

GA_FRAMES = [
    session("created", ULAW, ULAW), delta(bytes(160)), audio_done(), response("created"), response("done"),
    '{"type":"input_audio_buffer.speech_started","event_id":"e","audio_start_ms":1,"item_id":"i"}',
    '{"type":"response.audio.delta","event_id":"e","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":""}',
]  # fmt: skip
LIVE_FRAMES = [
    started(ULAW), speech(ULAW), closed(),
    '{"type":"session.input_transcript.delta","delta":"a","start_ms":0,"end_ms":1}',
    '{"type":"session.usage.updated","usage":{"seconds":1}}',
    '{"type":"session.delegation.created","offset_ms":0,"delegation":{"id":"d","type":"delegation","target":"client"}}',
    '{"type":"response.event","event":{}}',
]  # fmt: skip


@pytest.mark.parametrize("frame", GA_FRAMES, ids=lambda frame: json.loads(frame)["type"])
def test_an_event_of_ga_or_beta_is_refused_by_a_live_bridge(frame: str) -> None:
    bridge = open_call(TWILIO)
    before = bridge.stats
    with pytest.raises(
        DecodeError, match=r"an event of (GA|beta), which this bridge does not speak"
    ) as caught:
        bridge.from_server(frame)
    assert caught.value.event_type == json.loads(frame)["type"]
    assert bridge.stats == before


@pytest.mark.parametrize("frame", LIVE_FRAMES, ids=lambda frame: json.loads(frame)["type"])
def test_an_event_of_live_is_refused_by_the_bridges_of_ga_and_beta(frame: str) -> None:
    providers: tuple[ProviderName, ...] = ("openai", "azure_voice_live", "xai")
    for provider in providers:
        bridge = Bridge("twilio", provider=provider)
        bridge.from_carrier(TWILIO.start())
        with pytest.raises(DecodeError, match="an event of Live, which"):
            bridge.from_server(frame)


def test_every_type_of_one_dialect_only_is_refused() -> None:
    def names(union: Any) -> set[str]:
        return {str(c.__struct_config__.tag) for c in union.__args__ if hasattr(c, "__struct_config__")}

    ga, of_beta, of_live = names(realtime.ServerEvent), names(beta.ServerEvent), names(live.ServerEvent)
    of_translation = names(realtime.translation.ServerEvent)
    for bridge, foreign, own in (
        (open_call(TWILIO), (ga | of_beta | of_translation) - of_live, of_live),
        (Bridge("twilio"), (of_live | of_translation) - ga, ga),
    ):
        for name in foreign:
            with pytest.raises(DecodeError, match="which this bridge does not speak"):
                bridge.from_server(text({"type": name}))
        for name in own:  # incomplete, but of this dialect
            try:
                bridge.from_server(text({"type": name}))
            except DecodeError as error:
                assert "does not speak" not in str(error)


@pytest.mark.parametrize("dialect", [None, "live"])
def test_unknown_events_and_messages_are_reported(dialect: Any) -> None:
    bridge = Bridge("twilio", dialect=dialect)
    (started_call,) = bridge.from_carrier(TWILIO.start()).events
    assert isinstance(started_call, CallStarted)
    frame = '{"type":"session.of_tomorrow","x":1}'
    assert bridge.from_server(frame).events == (realtime.UnknownEvent("session.of_tomorrow", frame.encode()),)
    message = '{"event":"of_tomorrow","sequenceNumber":"2"}'
    assert bridge.from_carrier(message).events == (UnknownMessage("of_tomorrow", message.encode()),)
    assert bridge.from_carrier('{"event":"connected"}') == BridgeOutput()


@pytest.mark.parametrize(
    ("call", "instead"),
    [
        (lambda bridge: bridge.session_update(), "session_start"),
        (lambda bridge: bridge.session_audio(), "session_start"),
        (lambda bridge: bridge.request_response(), "realtime.live.SessionCommentaryAppend"),
        (lambda b: b.answer(realtime.create_function_output("c", "x")), "realtime.live.Delegations"),
    ],
    ids=["session_update", "session_audio", "request_response", "answer"],
)
def test_what_live_does_not_have_is_a_config_error(call: Any, instead: str) -> None:
    bridge = open_call(TWILIO)
    with pytest.raises(ConfigError, match=f"^not available in a Live session: use {instead}$"):
        call(bridge)


@pytest.mark.parametrize(
    ("call", "instead"),
    [(lambda b: b.session_start(), "session_update"), (lambda b: b.stop_speech(), "interrupt")],
    ids=["session_start", "stop_speech"],
)
def test_what_only_live_has_is_a_config_error(call: Any, instead: str) -> None:
    match = rf'^this bridge has no Live session: use {instead}, or Bridge\(\.\.\., dialect="live"\)$'
    with pytest.raises(ConfigError, match=match):
        call(Bridge("twilio"))


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"dialect": "lively"}, "openai does not speak 'lively', but ga"),
        ({"dialect": "beta"}, "openai does not speak 'beta', but ga"),
        ({"dialect": "ga", "provider": "qwen"}, "qwen does not speak 'ga', but beta"),
        ({"dialect": "live", "provider": "xai"}, "xai has no Live sessions; openai, azure have"),
        (
            {"dialect": "live", "session_format": "pcm16_8000hz"},
            "do not have pcm16 at 8000 Hz, but pcm16, pcm16 at 16000 Hz, g711",
        ),
        ({"dialect": "live", "session_format": "opus"}, "unknown audio format"),
    ],
)
def test_refused_arguments(arguments: dict[str, Any], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        Bridge("twilio", **arguments)


def test_the_dialect_of_the_provider_may_be_named() -> None:
    assert Bridge("twilio", dialect="ga").input_format == ULAW
    assert Bridge("twilio", provider="azure_voice_live", dialect="beta").provider.base == "beta"


def test_wrong_kinds_of_arguments() -> None:
    bridge = open_call(TWILIO)
    with pytest.raises(TypeError, match="session_start takes a LiveSession, not RealtimeSession"):
        bridge.session_start(realtime.RealtimeSession())  # type: ignore[arg-type]
    with pytest.raises(EncodeError):
        bridge.stop_speech(7)  # type: ignore[arg-type]
    assert bridge.from_server(speech(ULAW)).to_carrier  # nothing was stopped
