"""A session's settings: absent keeps, null clears, and what cannot be is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec import UNSET

import realtime as r
from realtime.testing import ServerProtocol
from tests.testing.helpers import (
    ALAW,
    PCM16,
    RESPOND,
    ULAW,
    append,
    formats,
    only,
    opened,
    refusal,
    tell,
    tone,
    types,
    update,
)


def settings(events: list[r.ServerEvent]) -> Any:
    session = only(r.SessionUpdated, events).session
    assert isinstance(session, r.RealtimeSessionInfo)
    return session


def test_first_comes_the_session_with_its_defaults() -> None:
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


def test_absent_keeps() -> None:
    session = opened(update(instructions="Be brief."))
    after = settings(
        tell(session, update(audio=r.AudioConfig(output=r.AudioOutput(format=r.PcmuFormat(), voice="marin"))))
    )
    assert after.instructions == "Be brief."
    assert after.audio.output.format == r.PcmuFormat()
    assert after.audio.output.speed == 1.0
    assert after.audio.input.format == r.PcmFormat(rate=24000)
    assert isinstance(after.audio.input.turn_detection, r.ServerVad)


def test_null_clears() -> None:
    session = opened(
        update(audio=r.AudioConfig(input=r.AudioInput(transcription=r.Transcription(model="whisper-1"))))
    )
    after = settings(
        tell(
            session,
            update(
                instructions=None,
                audio=r.AudioConfig(
                    input=r.AudioInput(turn_detection=None, transcription=None, format=None),
                ),
            ),
        )
    )
    assert after.audio.input.turn_detection is None
    assert after.audio.input.transcription is None
    # What cannot be nothing is the default again.
    assert after.audio.input.format == r.PcmFormat(rate=24000)
    assert after.instructions == ""


def test_null_for_all_of_the_audio_is_the_defaults() -> None:
    session = opened(formats(ULAW))
    after = settings(tell(session, update(audio=None)))
    assert after.audio.input.format == r.PcmFormat(rate=24000)
    assert isinstance(after.audio.input.turn_detection, r.ServerVad)


def test_turn_detection_is_replaced_whole() -> None:
    session = opened()
    vad = r.ServerVad(silence_duration_ms=200)
    after = settings(tell(session, formats(vad=vad)))
    assert after.audio.input.turn_detection.silence_duration_ms == 200
    assert after.audio.input.turn_detection.prefix_padding_ms == 300


def test_what_create_session_config_makes_is_accepted() -> None:
    for fmt in r.AudioFormat:
        after = settings(tell(opened(), r.SessionUpdate(session=r.create_session_config(format=fmt))))
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
    "no object": (b"7", "session"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_settings_that_cannot_be_change_nothing(name: str) -> None:
    body, param = REFUSED[name]
    session = opened(update(instructions="Stay."))
    error = refusal(session.feed(b'{"event_id":"u1","type":"session.update","session":%b}' % body))
    assert error.param == param
    assert error.event_id == "u1"
    assert settings(tell(session, update())).instructions == "Stay."


def test_the_voice_stays_once_it_was_heard() -> None:
    session = opened(formats(), append(tone(PCM16, 200)), r.InputAudioBufferCommit(), RESPOND)
    other = update(audio=r.AudioConfig(output=r.AudioOutput(voice="cedar")))
    assert refusal(tell(session, other)).code == "cannot_update_voice"
    assert settings(tell(session, formats(ULAW))).audio.output.voice != "cedar"


def test_the_input_format_stays_while_there_is_audio() -> None:
    session = opened(formats(PCM16), append(tone(PCM16, 200)))
    assert refusal(tell(session, formats(ALAW))).param == "session.audio.input.format"
    after = tell(session, r.InputAudioBufferClear(), formats(ALAW))
    assert types(after) == ["input_audio_buffer.cleared", "session.updated"]


def test_clearing_is_not_absence() -> None:
    """UNSET and None are told apart by the session as by the wire."""
    assert settings(tell(opened(), update(tracing=None))).tracing is None
    assert settings(tell(opened(update(tracing="auto")), update(tracing=UNSET))).tracing == "auto"
