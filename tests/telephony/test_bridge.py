"""Bridge: audio, events and commands in both directions, on every carrier and session format."""

from __future__ import annotations

import json
import random
from dataclasses import fields
from typing import Any

import pytest

import realtime
from realtime import AudioFormat, ConfigError, DecodeError
from realtime.format import OPENAI_FORMATS, AudioFormatLike
from realtime.state import Interruption
from realtime.telephony import (
    CARRIERS,
    AudioDropped,
    Bridge,
    BridgeOutput,
    BridgeStats,
    CallDigit,
    CallEnded,
    CallMark,
    CallStarted,
    Gap,
    MediaFormat,
    twilio,
)
from tests.telephony.calls import (
    ALAW,
    PCM16,
    PCMA,
    PCMU,
    PHONE_IDS,
    PHONES,
    SPEECH_STARTED,
    STREAM,
    ULAW,
    Phone,
    audio_done,
    b64,
    converted,
    delta,
    media_of,
    response,
    session,
    text,
    wave,
)

TWILIO, TELNYX, PLIVO = PHONES[0], PHONES[1], PHONES[4]
EVERY_PHONE = pytest.mark.parametrize("phone", PHONES, ids=PHONE_IDS)
EVERY_SESSION = pytest.mark.parametrize("format", [None, PCM16, ALAW], ids=["own", "pcm16", "alaw"])


def noise(nbytes: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(nbytes)


def start_call(phone: Phone, format: AudioFormatLike | None = None, **settings: Any) -> Bridge:
    bridge = Bridge(phone.name, format, **settings)
    step = bridge.from_carrier(phone.start())
    assert [type(event) for event in step.events] == [CallStarted]
    assert (step.to_carrier, step.to_server) == ((), ())
    return bridge


def own_or_pcm16(media: MediaFormat) -> AudioFormat:
    """Return the carrier's own format if OpenAI has it, else PCM16."""
    return media.audio_format if media.audio_format in OPENAI_FORMATS else PCM16


def appended_audio(step: BridgeOutput) -> bytes:
    """Return the audio of the append frames, which must be the only frames to the server."""
    events: list[Any] = [realtime.decode_client(frame) for frame in step.to_server]
    return b"".join(event.audio for event in events)


# --- Audio ---------------------------------------------------------------------------------


@EVERY_PHONE
@EVERY_SESSION
def test_audio_of_the_caller_reaches_the_session(phone: Phone, format: AudioFormat | None) -> None:
    bridge = start_call(phone, format)
    own = phone.media_format.audio_format
    assert bridge.input_format is (format or own_or_pcm16(phone.media_format))
    speech_audio = wave(phone.media_format, 400)
    size = phone.media_format.chunk_bytes(20)
    received = b""
    for number, at in enumerate(range(0, len(speech_audio), size)):
        step = bridge.from_carrier(phone.media(speech_audio[at : at + size], 2 + number))
        assert (step.to_carrier, step.events) == ((), ())
        assert len(step.to_server) <= 1
        received += appended_audio(step)
    received += appended_audio(bridge.end())
    assert received == converted(speech_audio, phone.media_format, media_of(bridge.input_format))
    spliced = own is bridge.input_format and not CARRIERS[phone.name].MEDIA_IS_BINARY
    assert (bridge.stats.spliced_to_server, bridge.stats.reencoded_to_server) == (
        (20, 0) if spliced else (0, bridge.stats.reencoded_to_server)
    )
    assert spliced or bridge.stats.reencoded_to_server >= 19


@pytest.mark.mostly_slow(quick=40)
@EVERY_PHONE
@EVERY_SESSION
@pytest.mark.parametrize("delta_ms", [7, 100, 330, 1_900])
def test_audio_of_the_session_reaches_the_caller(
    phone: Phone, format: AudioFormat | None, delta_ms: int
) -> None:
    bridge = start_call(phone, format)
    session_format = bridge.output_format
    assert session_format is (format or own_or_pcm16(phone.plays))
    speech_audio = wave(media_of(session_format), 1_900)
    size = session_format.chunk_bytes(delta_ms)
    frames: tuple[str | bytes, ...] = ()
    for at in range(0, len(speech_audio), size):
        step = bridge.from_server(delta(speech_audio[at : at + size]))
        assert step.to_server == ()
        assert [event.type for event in step.events] == ["response.output_audio.delta"]
        frames += step.to_carrier
    frames += bridge.from_server(audio_done()).to_carrier
    chunks = phone.played(frames)
    wanted = converted(speech_audio, media_of(session_format), phone.plays)
    played = b"".join(chunks)
    assert played[: len(wanted)] == wanted
    silence = b"\xff" if phone.plays.encoding == "PCMU" else b"\0"
    assert played[len(wanted) :].strip(silence) == b""
    if phone.name == "vonage":
        assert {len(chunk) for chunk in chunks} == {phone.plays.chunk_bytes(20)}
        assert len(played) - len(wanted) < len(chunks[0])
    elif phone.name == "telnyx":
        assert min(map(len, chunks)) >= phone.plays.chunk_bytes(20)
        assert len(played) - len(wanted) < phone.plays.chunk_bytes(20)
    else:
        assert played == wanted
    for frame in frames:
        assert CARRIERS[phone.name].decode_command(frame).type != "unknown"
    same = session_format is phone.plays.audio_format and not CARRIERS[phone.name].MEDIA_IS_BINARY
    is_spliced = same and (phone.name != "telnyx" or delta_ms >= 20)
    assert (bridge.stats.reencoded_to_carrier == 0) is (is_spliced and not len(played) - len(wanted))
    # A mark about every 200 ms, the last at the end. Once all are returned, everything was played.
    marks = phone.marks(frames)
    assert 1_900 / 430 <= len(marks) <= 11
    assert phone.marks(frames[-1:]) == marks[-1:]
    for name in marks:
        (event,) = bridge.from_carrier(phone.mark(name)).events
        assert event == CallMark(name)
    assert bridge.playback.played_ms("item_1") == 1_900
    assert not bridge.playback.is_playing


def test_a_mark_follows_its_audio() -> None:
    bridge = start_call(TWILIO)
    step = bridge.from_server(delta(noise(4_000)))
    kinds = [json.loads(frame)["event"] for frame in step.to_carrier]
    assert kinds == ["media", "mark", "media", "mark"]
    sizes = [len(chunk) for chunk in TWILIO.played(step.to_carrier)]
    assert sizes == [1_596, 2_404]
    bridge.from_carrier(TWILIO.mark("mark_1"))
    assert bridge.playback.played_ms("item_1") == 1_596 // 8
    # The next mark is due after another 200 ms.
    assert TWILIO.marks(bridge.from_server(delta(noise(800))).to_carrier) == []
    assert TWILIO.marks(bridge.from_server(delta(noise(800))).to_carrier) == ["mark_3"]


def test_an_unusual_frame_is_decoded_with_the_same_result() -> None:
    audio = noise(160)
    for spelled, counts in (
        (delta(audio).replace('"delta":"', '"delta":   "'), (0, 1)),
        (delta(audio).replace('"delta":"', '"d\\u0065lta":"'), (0, 1)),
        (json.dumps({**json.loads(delta(audio)), "x": [1]}), (0, 1)),
    ):
        bridge = start_call(TWILIO)
        step = bridge.from_server(spelled)
        assert TWILIO.played(step.to_carrier) == [audio]
        assert (bridge.stats.spliced_to_carrier, bridge.stats.reencoded_to_carrier) == counts
    bridge = start_call(TWILIO)
    assert appended_audio(bridge.from_carrier(bytearray(str(TWILIO.media(audio)).encode()))) == audio
    assert (bridge.stats.spliced, bridge.stats.reencoded) == (0, 1)


def test_a_delta_may_end_within_a_sample() -> None:
    phone = PHONES[PHONE_IDS.index("vonage-L16-16000")]
    speech_audio = wave(media_of(PCM16), 600)
    results = []
    for size in (9_600, 4_801):
        bridge = start_call(phone)
        frames: tuple[str | bytes, ...] = ()
        for at in range(0, len(speech_audio), size):
            frames += bridge.from_server(delta(speech_audio[at : at + size])).to_carrier
        frames += bridge.from_server(audio_done()).to_carrier
        results.append(b"".join(phone.played(frames)))
    assert results[0] == results[1]


def test_half_a_sample_at_the_end_of_an_item_does_not_shift_the_next() -> None:
    phone = PHONES[PHONE_IDS.index("plivo-L16-16000")]
    speech_audio = wave(media_of(PCM16), 200)
    bridge, clean = start_call(phone), start_call(phone)
    bridge.from_server(delta(speech_audio + b"\1", "item_0"))
    bridge.from_server(audio_done("item_0"))
    frames = bridge.from_server(delta(speech_audio, "item_1")).to_carrier
    assert phone.played(frames) == phone.played(clean.from_server(delta(speech_audio, "item_1")).to_carrier)
    assert (bridge.stats.half_samples_dropped, clean.stats.half_samples_dropped) == (1, 0)


def test_any_format_is_possible_without_a_provider() -> None:
    format = AudioFormat("pcm16", 8_000)
    assert Bridge("twilio", format).input_format == format
    with pytest.raises(ConfigError, match="openai does not have pcm16 at 8000 Hz"):
        Bridge("twilio", format, provider="openai")


def test_empty_audio_gives_no_frames() -> None:
    bridge = start_call(TWILIO)
    assert bridge.from_carrier(TWILIO.media(b"")) == BridgeOutput()
    step = bridge.from_server(delta(b""))
    assert (step.to_carrier, step.to_server) == ((), ())


def test_other_tracks_are_ignored() -> None:
    for phone in (TWILIO, TELNYX, PLIVO):
        assert start_call(phone).from_carrier(phone.media(noise(160), track="outbound")) == BridgeOutput()


# --- Formats of the session -----------------------------------------------------------------


def test_session_update_requests_the_format_and_retains_other_settings() -> None:
    bridge = Bridge("twilio")
    event: Any = realtime.decode_client(
        bridge.session_update(realtime.create_session_config(instructions="Be brief.", voice="cedar"))
    )
    assert event.session.audio.input.format == realtime.PcmuFormat() == event.session.audio.output.format
    assert event.session.audio.output.voice == "cedar"
    assert event.session.audio.input.turn_detection.type == "server_vad"
    assert event.session.instructions == "Be brief."
    bare = json.loads(bridge.session_update())
    ours = {"format": {"type": "audio/pcmu"}}
    assert bare["session"] == {"type": "realtime", "audio": {"input": ours, "output": ours}}
    assert json.loads(Bridge("vonage").session_update())["session"]["audio"]["input"] == {
        "format": {"type": "audio/pcm", "rate": 24_000}
    }


@pytest.mark.parametrize(
    "settings", [{"type": "realtime"}, "realtime", realtime.SessionUpdate, AudioFormat.PCM16]
)
def test_session_update_refuses_other_types(settings: Any) -> None:
    name = type(settings).__name__
    with pytest.raises(
        TypeError, match=f"takes a RealtimeSession, as create_session_config makes it, not {name}$"
    ):
        Bridge("twilio").session_update(settings)


@EVERY_PHONE
def test_a_format_requested_before_the_start_is_sent(phone: Phone) -> None:
    """The start may state another format; the session is sent the requested one, answered or not."""
    bridge = Bridge(phone.name)
    requested = AudioFormat.of(json.loads(bridge.session_update())["session"]["audio"]["input"]["format"])
    bridge.from_carrier(phone.start())
    assert bridge.input_format is requested
    speech_audio, size = wave(phone.media_format, 400), phone.media_format.chunk_bytes(20)
    received = b""
    for number, at in enumerate(range(0, len(speech_audio), size)):
        if number == 10:
            bridge.from_server(session("updated", requested, requested))
        received += appended_audio(bridge.from_carrier(phone.media(speech_audio[at : at + size], 2 + number)))
    received += appended_audio(bridge.end())
    assert received == converted(speech_audio, phone.media_format, media_of(requested))


def test_a_format_requested_before_the_start_is_received() -> None:
    phone = PHONES[PHONE_IDS.index("plivo-L16-16000")]
    bridge = Bridge("plivo")
    bridge.session_update()
    bridge.from_carrier(phone.start())
    assert bridge.output_format is ULAW
    answer = wave(PCMU, 200)
    frames = bridge.from_server(delta(answer)).to_carrier + bridge.from_server(audio_done()).to_carrier
    assert b"".join(phone.played(frames)) == converted(answer, PCMU, phone.media_format)


def test_the_answer_to_an_earlier_request_changes_nothing() -> None:
    """Mu-law is requested before the start and PCM16 after it: from then on, PCM16 is sent."""
    phone = PHONES[PHONE_IDS.index("plivo-L16-16000")]
    bridge = Bridge("plivo")
    bridge.session_update()
    bridge.from_carrier(phone.start())
    assert bridge.input_format is ULAW
    bridge.session_audio()
    assert bridge.input_format is PCM16
    bridge.from_server(session("updated", ULAW, ULAW))
    assert (bridge.input_format, bridge.output_format) == (PCM16, ULAW)
    bridge.from_server(session("updated", PCM16, PCM16))
    assert (bridge.input_format, bridge.output_format) == (PCM16, PCM16)


def test_an_update_that_cannot_be_encoded_is_not_a_request() -> None:
    bridge = start_call(TWILIO)
    settings: Any = realtime.RealtimeSession(instructions=5)  # type: ignore[arg-type]
    with pytest.raises(realtime.EncodeError):
        bridge.session_update(settings)
    bridge.session_update()
    bridge.from_server(session("updated", PCM16, PCM16))
    assert bridge.input_format is PCM16


def test_a_failed_request_needs_no_answer() -> None:
    bridge = start_call(TWILIO)
    bridge.session_update()
    bridge.session_update()
    error = '{"type":"error","event_id":"e","error":{"type":"invalid_request_error","message":"no"}}'
    step = bridge.from_server(error)
    assert ([event.type for event in step.events], step.to_carrier, step.to_server) == (["error"], (), ())
    bridge.from_server(session("updated", PCM16, PCM16))
    assert bridge.input_format is PCM16


def test_a_carrier_may_send_another_format_than_it_plays() -> None:
    bridge = start_call(PHONES[PHONE_IDS.index("telnyx-PCMA-8000")])
    assert (bridge.input_format, bridge.output_format) == (ALAW, ULAW)
    requested = json.loads(bridge.session_update())["session"]["audio"]
    assert [requested[side]["format"]["type"] for side in ("input", "output")] == ["audio/pcma", "audio/pcmu"]
    configured = Bridge("telnyx", play_format=PCMA)
    configured.from_carrier(PHONES[PHONE_IDS.index("telnyx-PCMA-8000")].start())
    assert (configured.input_format, configured.output_format) == (ALAW, ALAW)


def test_the_format_that_the_server_states_takes_precedence() -> None:
    """Mu-law is requested and the server states PCM16: both directions are PCM16."""
    bridge = start_call(TWILIO)
    speech_audio, answer = wave(PCMU, 400), wave(media_of(PCM16), 400)
    bridge.from_server(session("updated", PCM16, PCM16))
    assert (bridge.input_format, bridge.output_format) == (PCM16, PCM16)
    received = appended_audio(bridge.from_carrier(TWILIO.media(speech_audio))) + appended_audio(bridge.end())
    assert received == converted(speech_audio, PCMU, media_of(PCM16))
    frames = bridge.from_server(delta(answer)).to_carrier + bridge.from_server(audio_done()).to_carrier
    assert b"".join(TWILIO.played(frames)) == converted(answer, media_of(PCM16), PCMU)
    for name in TWILIO.marks(frames):
        bridge.from_carrier(TWILIO.mark(name))
    assert bridge.playback.played_ms("item_1") == 400


def test_the_input_format_of_session_created_is_ignored() -> None:
    """The defaults of session.created do not apply to audio sent after a session.update."""
    bridge = start_call(TWILIO)
    bridge.from_server(session("created", PCM16, PCM16))
    assert appended_audio(bridge.from_carrier(TWILIO.media(noise(160)))) == noise(160)
    bridge.from_server(session("updated", ULAW, ULAW))
    assert TWILIO.played(bridge.from_server(delta(noise(160))).to_carrier) == [noise(160)]
    assert bridge.stats.reencoded == 0


def test_the_output_format_of_session_created_is_used() -> None:
    bridge = start_call(TWILIO)
    bridge.from_server(session("created", PCM16, PCM16))
    assert (bridge.input_format, bridge.output_format) == (ULAW, PCM16)
    assert bridge.playback.audio_format is PCM16


def test_an_item_retains_the_format_in_which_it_began() -> None:
    bridge = start_call(TWILIO)
    bridge.from_server(delta(noise(160), "item_1"))
    bridge.from_server(session("updated", PCM16, PCM16))
    assert TWILIO.played(bridge.from_server(delta(noise(160), "item_1")).to_carrier) == [noise(160)]
    answer = wave(media_of(PCM16), 100)
    frames = bridge.from_server(delta(answer, "item_2")).to_carrier
    frames += bridge.from_server(audio_done("item_2")).to_carrier
    assert b"".join(TWILIO.played(frames)) == converted(answer, media_of(PCM16), PCMU)
    assert TWILIO.marks(frames) == ["mark_1", "mark_2"]  # of the rest of item_1, and of item_2


def test_invalid_arguments() -> None:
    with pytest.raises(ConfigError, match="twilio, telnyx, plivo, vonage"):
        Bridge("bell")
    with pytest.raises(ConfigError):
        Bridge("twilio", "opus")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="OPUS at 48000 Hz"):
        Bridge("telnyx", play_format=MediaFormat("OPUS", 48_000))
    with pytest.raises(TypeError):
        Bridge(7)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^play_format is a MediaFormat, not str$"):
        Bridge("telnyx", play_format="PCMU")  # type: ignore[arg-type]
    for side in ("from_carrier", "from_server"):
        with pytest.raises(TypeError):
            getattr(Bridge("twilio"), side)(7)
    assert Bridge(twilio).session_update() == Bridge("twilio").session_update()


@pytest.mark.parametrize("encoding", ["OPUS", "G722", "AMR-WB"])
def test_a_stream_that_cannot_be_converted_is_refused(encoding: str) -> None:
    bridge = Bridge("telnyx")
    start = TELNYX.start().replace("PCMU", encoding)
    with pytest.raises(DecodeError, match=encoding) as caught:
        bridge.from_carrier(start)
    assert caught.value.event_type == "start"
    assert bridge.started is None
    bridge.from_carrier(TELNYX.start())
    assert appended_audio(bridge.from_carrier(TELNYX.media(noise(160)))) == noise(160)


# --- Events of the call ---------------------------------------------------------------------


@EVERY_PHONE
def test_keys_and_the_end(phone: Phone) -> None:
    bridge = start_call(phone)
    (event,) = bridge.from_carrier(phone.key("#", 2)).events
    assert (type(event), event.digit) == (CallDigit, "#")
    if phone.name == "vonage":  # which only closes its WebSocket
        assert bridge.end() == BridgeOutput()
        return
    assert bridge.from_carrier(phone.stop(3)).events == (CallEnded(),)
    assert bridge.ended
    assert bridge.from_carrier(phone.stop(3)).events == ()
    # The call has ended.
    assert bridge.from_server(delta(noise(8_000))).to_carrier == ()


def test_the_start_is_an_event() -> None:
    bridge = Bridge("twilio")
    assert bridge.from_carrier('{"event":"connected","protocol":"Call","version":"1.0.0"}') == BridgeOutput()
    (event,) = bridge.from_carrier(TWILIO.start()).events
    assert event == bridge.started == CallStarted(STREAM, None, PCMU, {})


def test_other_events_of_the_server_are_passed_on() -> None:
    bridge = start_call(TWILIO)
    (event,) = bridge.from_server('{"type":"response.hologram.delta","x":1}').events
    assert isinstance(event, realtime.UnknownEvent)
    (event,) = bridge.from_server('{"type":"error","event_id":"e","error":{"type":"t","message":"m"}}').events
    assert isinstance(event, realtime.Error)


@pytest.mark.parametrize("barge_in", [True, False])
def test_every_event_of_the_server_is_returned(barge_in: bool) -> None:
    bridge = start_call(TWILIO, barge_in=barge_in)
    frames = [
        session("created", ULAW, ULAW), session("updated", ULAW, ULAW), response("created"), delta(noise(160)),
        audio_done(), SPEECH_STARTED, response("done"), response("created", "resp_2"), response("done", "resp_2"),
        '{"type":"conversation.item.truncated","item_id":"item_1","content_index":0,"audio_end_ms":0}',
        '{"type":"conversation.item.deleted","item_id":"item_1"}',
        '{"type":"conversation.item.added","item":{"type":"message","id":"i","role":"user","content":[]}}',
        '{"type":"input_audio_buffer.speech_stopped","audio_end_ms":9,"item_id":"i"}',
    ]  # fmt: skip
    for frame in frames:
        found = [
            event.type for event in bridge.from_server(frame).events if not isinstance(event, Interruption)
        ]
        assert found == [json.loads(frame)["type"]]


def test_a_mark_of_the_user_is_an_event() -> None:
    assert start_call(TWILIO).from_carrier(TWILIO.mark("greeting")).events == (CallMark("greeting"),)


# --- Before the start -----------------------------------------------------------------------


def test_audio_before_the_start_waits_for_it() -> None:
    bridge = Bridge("twilio")
    speech_audio = noise(4_000)
    for at in range(0, 4_000, 800):
        assert bridge.from_server(delta(speech_audio[at : at + 800])).to_carrier == ()
    bridge.from_server(audio_done())
    bridge.from_server(response("done"))
    frames = bridge.from_carrier(TWILIO.start()).to_carrier
    assert b"".join(TWILIO.played(frames)) == speech_audio
    assert TWILIO.marks(frames) == ["mark_1", "mark_2", "mark_3"]
    bridge.from_carrier(TWILIO.mark("mark_1"))
    assert bridge.playback.played_ms("item_1") == 200
    assert bridge.stats.reencoded == 0


def test_waiting_audio_is_interrupted_too() -> None:
    bridge = Bridge("twilio")
    bridge.from_server(delta(noise(800)))
    step = bridge.from_server(SPEECH_STARTED)
    assert step.to_carrier == ()
    assert [json.loads(frame) for frame in step.to_server] == [
        {"type": "conversation.item.delete", "item_id": "item_1"}
    ]
    assert bridge.from_carrier(TWILIO.start()).to_carrier == ()
    assert bridge.from_server(delta(noise(800))).to_carrier == ()


def test_waiting_audio_is_bounded() -> None:
    bridge = Bridge("twilio")
    events = [[*map(type, bridge.from_server(delta(noise(600_000))).events)] for _ in range(12)]
    played, dropped = [realtime.ResponseOutputAudioDelta], [realtime.ResponseOutputAudioDelta, AudioDropped]
    assert events == [played] * 10 + [dropped] * 2
    assert bridge.stats.deltas_dropped == 2
    frames = bridge.from_carrier(TWILIO.start()).to_carrier
    for _ in range(8_000):  # of the ten that waited, Twilio queues ten minutes
        frames += bridge.from_carrier(TWILIO.media(bytes(160))).to_carrier
    assert len(b"".join(TWILIO.played(frames))) == 10 * 600_000


# --- Barge-in -------------------------------------------------------------------------------


@EVERY_PHONE
@EVERY_SESSION
def test_the_caller_interrupts(phone: Phone, format: AudioFormat | None) -> None:
    bridge = start_call(phone, format)
    session_format = bridge.output_format
    bridge.from_server(response("created"))
    frames: tuple[str | bytes, ...] = ()
    for _ in range(10):
        frames += bridge.from_server(delta(session_format.silence(100))).to_carrier
    marks = phone.marks(frames)
    for name in marks[:2]:
        bridge.from_carrier(phone.mark(name))
    step = bridge.from_server(SPEECH_STARTED)
    (clear,) = step.to_carrier
    assert CARRIERS[phone.name].decode_command(clear).type in ("clear", "clearAudio")
    (truncate,) = step.to_server
    assert json.loads(truncate) == {
        "type": "conversation.item.truncate",
        "item_id": "item_1",
        "content_index": 0,
        "audio_end_ms": 400,
    }
    speech, cut = step.events
    assert isinstance(speech, realtime.InputAudioBufferSpeechStarted)
    assert isinstance(cut, Interruption)
    assert cut.discarded_ms == 600
    # The marks of cleared audio come back and are ignored; late audio is not played.
    for name in marks[2:]:
        assert bridge.from_carrier(phone.mark(name)) == BridgeOutput()
    late = bridge.from_server(delta(session_format.silence(100)))
    assert (late.to_carrier, len(late.events)) == ((), 1)
    assert bridge.from_server(audio_done()).to_carrier == ()
    assert (
        bridge.from_server(delta(session_format.silence(100), "item_2")).to_carrier == ()
    )  # of the same response
    assert bridge.from_server(response("done")).to_carrier == ()
    assert bridge.playback.played_ms("item_1") == 400
    assert bridge.stats.deltas_dropped == 2
    # The next answer is played from its start, without audio of the last one.
    again, fresh = wave(media_of(session_format), 300), start_call(phone, format)
    bridge.from_server(response("created", "resp_2"))
    ours = bridge.from_server(delta(again, "item_3", "resp_2")).to_carrier
    ours += bridge.from_server(audio_done("item_3", "resp_2")).to_carrier
    theirs = fresh.from_server(delta(again)).to_carrier + fresh.from_server(audio_done()).to_carrier
    assert phone.played(ours) == phone.played(theirs)


def test_speech_without_playback_interrupts_nothing() -> None:
    bridge = start_call(TWILIO)
    step = bridge.from_server(SPEECH_STARTED)
    assert (step.to_carrier, step.to_server, len(step.events)) == ((), (), 1)
    frames = bridge.from_server(delta(noise(800))).to_carrier + bridge.from_server(audio_done()).to_carrier
    (name,) = TWILIO.marks(frames)
    bridge.from_carrier(TWILIO.mark(name))
    step = bridge.from_server(SPEECH_STARTED)
    assert (step.to_carrier, step.to_server, len(step.events)) == ((), (), 1)


def test_a_response_may_be_interrupted_before_its_audio() -> None:
    bridge = start_call(TWILIO)
    bridge.from_server(response("created"))
    bridge.from_server(SPEECH_STARTED)
    assert bridge.from_server(delta(noise(800))).to_carrier == ()
    bridge.from_server(response("done"))
    bridge.from_server(response("created", "resp_2"))
    assert bridge.from_server(delta(noise(800), "item_2", "resp_2")).to_carrier


def test_unheard_items_are_deleted() -> None:
    for delete in (True, False):
        bridge = start_call(TWILIO, delete_unheard=delete)
        bridge.from_server(delta(noise(1_600), "item_1"))
        bridge.from_server(delta(noise(1_600), "item_2"))
        bridge.from_carrier(TWILIO.mark("mark_1"))
        step = bridge.interrupt()
        assert [json.loads(frame)["type"] for frame in step.to_server] == [
            "conversation.item.delete"
        ] * delete
        (cut,) = step.events
        assert isinstance(cut, Interruption)
        assert cut.unplayed_item_ids == ("item_2",)


def test_without_barge_in_speech_interrupts_nothing() -> None:
    bridge = start_call(TWILIO, barge_in=False)
    bridge.from_server(delta(noise(1_600)))
    step = bridge.from_server(SPEECH_STARTED)
    assert (step.to_carrier, step.to_server, len(step.events)) == ((), (), 1)
    assert TWILIO.played(bridge.from_server(delta(noise(800))).to_carrier) == [noise(800)]
    assert bridge.interrupt().to_carrier  # the user may


@pytest.mark.parametrize(
    ("event", "queued_ms"),
    [
        (
            '{"type":"conversation.item.truncated","item_id":"item_1","content_index":0,"audio_end_ms":100}',
            100,
        ),
        ('{"type":"conversation.item.deleted","item_id":"item_1"}', 0),
    ],
)
def test_an_item_that_another_client_truncates_or_deletes_is_played_no_further(
    event: str, queued_ms: int
) -> None:
    bridge = start_call(TWILIO)
    bridge.from_server(delta(noise(8_000)))
    bridge.from_server(event)
    assert bridge.playback.queued_ms == queued_ms
    assert bridge.from_server(delta(noise(800))).to_carrier == ()


# --- Missing ends ---------------------------------------------------------------------------


def test_the_end_of_a_response_ends_its_audio() -> None:
    bridge = start_call(TWILIO, PCM16)
    speech_audio = wave(media_of(PCM16), 150)
    frames = bridge.from_server(delta(speech_audio)).to_carrier
    assert bridge.from_server(response("done", "resp_of_text")).to_carrier == ()
    frames += bridge.from_server(response("done")).to_carrier
    assert b"".join(TWILIO.played(frames)) == converted(speech_audio, media_of(PCM16), PCMU)
    assert TWILIO.marks(frames) == ["mark_1"]


# --- Order ----------------------------------------------------------------------------------


def test_messages_are_reordered_and_duplicates_dropped() -> None:
    speech_audio = [noise(160, seed) for seed in range(20)]
    frames = [(TELNYX.media(audio, 2 + at)) for at, audio in enumerate(speech_audio)]
    shuffled = [
        *frames[:3],
        frames[4],
        frames[3],
        frames[3],
        frames[7],
        frames[5],
        frames[6],
        *frames[8:],
        frames[19],
    ]
    bridge = start_call(TELNYX)
    received = b"".join(appended_audio(bridge.from_carrier(frame)) for frame in shuffled)
    assert received == b"".join(speech_audio)
    assert bridge.stats.messages_dropped == 2
    assert (bridge.stats.spliced, bridge.stats.reencoded) == (20, 0)


def test_lost_messages_are_given_up() -> None:
    bridge = start_call(TELNYX)
    speech_audio = [noise(160, seed) for seed in range(8)]
    received = b"".join(
        appended_audio(bridge.from_carrier(TELNYX.media(audio, 2 + at)))
        for at, audio in enumerate(speech_audio)
        if at != 2
    )
    assert received == b"".join(speech_audio[:2] + speech_audio[3:])
    assert bridge.stats.messages_lost == 1


def test_media_before_the_start_waits_for_it() -> None:
    bridge = Bridge("telnyx")
    assert bridge.from_carrier(TELNYX.media(noise(160), 2)) == BridgeOutput()
    step = bridge.from_carrier(TELNYX.start())
    assert appended_audio(step) == noise(160)
    assert [type(event) for event in step.events] == [CallStarted]
    assert bridge.from_carrier(TELNYX.start()) == BridgeOutput()


def test_audio_that_waits_after_a_mark_of_cleared_audio_is_sent() -> None:
    bridge = start_call(TELNYX)
    (name, *_) = TELNYX.marks(bridge.from_server(delta(noise(8_000))).to_carrier)
    bridge.interrupt()
    assert bridge.from_carrier(TELNYX.media(noise(160), 4)) == BridgeOutput()
    numbered = text({**json.loads(TELNYX.mark(name)), "sequence_number": "3"})
    assert bridge.from_carrier(numbered) == BridgeOutput()
    step = bridge.from_carrier(TELNYX.media(noise(160), 2))
    assert (appended_audio(step), step.events) == (noise(160) * 2, ())


def test_the_end_releases_waiting_messages() -> None:
    bridge = start_call(TELNYX)
    assert bridge.from_carrier(TELNYX.media(noise(160), 4)) == BridgeOutput()
    assert bridge.from_carrier(TELNYX.key("1", 5)) == BridgeOutput()
    step = bridge.from_carrier(TELNYX.stop(6))
    assert appended_audio(step) == noise(160)
    assert step.events == (Gap(2), CallDigit("1"), CallEnded())


# --- Invalid frames -------------------------------------------------------------------------


def test_more_audio_than_a_message_carries_is_refused() -> None:
    bridge = start_call(TWILIO, PCM16)
    with pytest.raises(DecodeError, match="more audio"):
        bridge.from_carrier(TWILIO.media(bytes(1024 * 1024 + 1)))
    assert len(appended_audio(bridge.from_carrier(TWILIO.media(bytes(1024 * 1024))))) > 6_000_000


def test_half_a_sample_of_a_carrier_is_refused() -> None:
    phone = PHONES[PHONE_IDS.index("plivo-L16-16000")]
    bridge, clean = start_call(phone), start_call(phone)
    speech_audio = wave(phone.media_format, 20)
    with pytest.raises(DecodeError, match="16-bit"):
        bridge.from_carrier(phone.media(speech_audio[:-1]))
    assert appended_audio(bridge.from_carrier(phone.media(speech_audio))) == appended_audio(
        clean.from_carrier(phone.media(speech_audio))
    )


def test_an_impossible_content_index_is_refused() -> None:
    for index in (-1, 1 << 70):
        with pytest.raises(DecodeError, match="content_index"):
            start_call(TWILIO).from_server(delta(noise(160), index=index))


def test_a_payload_that_is_not_base64_is_refused() -> None:
    bridge = start_call(TWILIO)
    with pytest.raises(DecodeError):
        bridge.from_carrier(
            text({"event": "media", "streamSid": STREAM, "media": {"payload": b64(noise(159))[:-1]}})
        )
    assert bridge.stats.spliced == 0


def test_responses_that_never_end_are_forgotten() -> None:
    bridge = start_call(TWILIO)
    for number in range(200):
        bridge.from_server(response("created", f"resp_{number}"))
    bridge.interrupt()
    # The oldest are forgotten, the latest are late.
    assert bridge.from_server(delta(noise(160), "item_0", "resp_0")).to_carrier
    assert bridge.from_server(delta(noise(160), "item_9", "resp_199")).to_carrier == ()


def test_outputs_are_values() -> None:
    assert BridgeOutput() == BridgeOutput((), (), ())
    with pytest.raises(AttributeError):
        BridgeOutput().events = ()  # type: ignore[misc]


def test_counters_begin_at_zero() -> None:
    stats = Bridge("twilio").stats
    assert stats == BridgeStats() == BridgeStats(*[0] * len(fields(BridgeStats)))
    assert (stats.spliced, stats.reencoded) == (0, 0)
    stats = BridgeStats(1, 2, 4, 8)
    assert (stats.spliced, stats.reencoded) == (3, 12)


def test_dir_shows_the_public_names() -> None:
    assert dir(realtime.telephony) == sorted(realtime.telephony.__all__)
    assert all(hasattr(realtime.telephony, name) for name in realtime.telephony.__all__)
