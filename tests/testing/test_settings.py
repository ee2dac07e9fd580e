"""Session settings: absent settings stay, null clears, and invalid ones are refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

import realtime as r
from realtime.format import OPENAI_FORMATS
from realtime.testing import ServerProtocol
from tests.testing.helpers import (
    ALAW,
    PCM16,
    RESPOND,
    ULAW,
    append,
    exchange,
    formats,
    only,
    open_session,
    refusal,
    tone,
    types,
    update,
)


def settings(events: list[r.ServerEvent]) -> Any:
    session = only(r.SessionUpdated, events).session
    assert isinstance(session, r.RealtimeSessionInfo)
    return session


def test_the_first_event_is_the_session_with_its_defaults() -> None:
    (event,) = ServerProtocol(model="some-model", session_id="sess_1", expires_at=99).open()
    assert isinstance(event, r.SessionCreated)
    frame = msgspec.json.decode(r.encode(event))
    assert frame["event_id"]
    session = frame["session"]
    assert session["type"] == "realtime"
    assert session["object"] == "realtime.session"
    assert (session["id"], session["model"], session["expires_at"]) == ("sess_1", "some-model", 99)
    assert session["output_modalities"] == ["audio"]
    assert session["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["input"]["transcription"] is None
    assert session["audio"]["input"]["turn_detection"] == {
        "type": "server_vad",
        "threshold": 0.5,
        "prefix_padding_ms": 300,
        "silence_duration_ms": 500,
        "idle_timeout_ms": None,
        "create_response": True,
        "interrupt_response": True,
    }
    assert session["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert session["audio"]["output"]["voice"] in r.spec.VOICES


def test_absent_settings_stay() -> None:
    session = open_session(update(instructions="Be brief."))
    after = settings(
        exchange(
            session, update(audio=r.AudioConfig(output=r.AudioOutput(format=r.PcmuFormat(), voice="marin")))
        )
    )
    assert after.instructions == "Be brief."
    assert after.audio.output.format == r.PcmuFormat()
    assert after.audio.output.speed == 1.0
    assert after.audio.input.format == r.PcmFormat(rate=24000)
    assert isinstance(after.audio.input.turn_detection, r.ServerVad)


def test_null_clears() -> None:
    session = open_session(
        update(audio=r.AudioConfig(input=r.AudioInput(transcription=r.Transcription(model="whisper-1")))),
        strict=False,
    )
    after = settings(
        exchange(
            session,
            update(
                instructions=None,
                audio=r.AudioConfig(input=r.AudioInput(turn_detection=None, transcription=None, format=None)),
            ),
        )
    )
    assert after.audio.input.turn_detection is None
    assert after.audio.input.transcription is None
    # Settings that cannot be empty return to their defaults.
    assert after.audio.input.format == r.PcmFormat(rate=24000)
    assert after.instructions == ""


def test_null_for_the_audio_restores_the_defaults() -> None:
    session = open_session(formats(ULAW), strict=False)
    after = settings(exchange(session, update(audio=None)))
    assert after.audio.input.format == r.PcmFormat(rate=24000)
    assert isinstance(after.audio.input.turn_detection, r.ServerVad)


def test_turn_detection_is_replaced_completely() -> None:
    session = open_session()
    vad = r.ServerVad(silence_duration_ms=200)
    after = settings(exchange(session, formats(vad=vad)))
    assert after.audio.input.turn_detection.silence_duration_ms == 200
    assert after.audio.input.turn_detection.prefix_padding_ms == 300


def test_the_result_of_create_session_config_is_accepted() -> None:
    for fmt in OPENAI_FORMATS:
        after = settings(
            exchange(open_session(), r.SessionUpdate(session=r.create_session_config(format=fmt)))
        )
        assert r.AudioFormat.of(after.audio.input.format) is fmt


REFUSED = {
    "another type": (b'{"type":"transcription"}', "session.type"),
    "an unknown type": (b'{"type":"dance"}', "session.type"),
    "both modalities": (
        b'{"type":"realtime","output_modalities":["audio","text"]}',
        "session.output_modalities",
    ),
    "an unknown format": (
        b'{"type":"realtime","audio":{"output":{"format":{"type":"audio/mp3"}}}}',
        "session.audio.output.format.type",
    ),
    "another rate": (
        b'{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcm","rate":8000}}}}',
        "session.audio.input.format.rate",
    ),
    "an unknown turn detection": (
        b'{"type":"realtime","audio":{"input":{"turn_detection":{"type":"telepathy"}}}}',
        "session.audio.input.turn_detection.type",
    ),
    "a threshold over 1": (
        b'{"type":"realtime","audio":{"input":{"turn_detection":{"type":"server_vad","threshold":1.5}}}}',
        "session.audio.input.turn_detection.threshold",
    ),
    "a wrong kind": (b'{"type":"realtime","instructions":7}', "session.instructions"),
    "not an object": (b"7", "session"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_invalid_settings_change_nothing(name: str) -> None:
    body, param = REFUSED[name]
    session = open_session(update(instructions="Stay."))
    error = refusal(session.feed(b'{"event_id":"u1","type":"session.update","session":%b}' % body))
    assert error.param == param
    assert error.event_id == "u1"
    assert settings(exchange(session, update())).instructions == "Stay."


def test_the_voice_is_locked_after_assistant_audio() -> None:
    session = open_session(formats(), append(tone(PCM16, 200)), r.InputAudioBufferCommit(), RESPOND)
    other = update(audio=r.AudioConfig(output=r.AudioOutput(voice="cedar")))
    assert refusal(exchange(session, other)).code == "cannot_update_voice"
    assert settings(exchange(session, formats(ULAW))).audio.output.voice != "cedar"


def test_the_input_format_is_locked_while_there_is_audio() -> None:
    session = open_session(formats(PCM16), append(tone(PCM16, 200)))
    assert refusal(exchange(session, formats(ALAW))).param == "session.audio.input.format"
    after = exchange(session, r.InputAudioBufferClear(), formats(ALAW))
    assert types(after) == ["input_audio_buffer.cleared", "session.updated"]


def test_null_differs_from_absent() -> None:
    assert settings(exchange(open_session(), update(tracing=None))).tracing is None
    assert settings(exchange(open_session(update(tracing="auto")), update(tracing=UNSET))).tracing == "auto"
