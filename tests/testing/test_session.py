"""Sessions: transcription sessions, transcripts by model, forced formats, and manual commits."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

import realtime as r
from realtime.format import OPENAI_FORMATS
from realtime.testing import ServerProtocol
from tests.testing.helpers import (
    COMMIT,
    PCM16,
    RESPOND,
    ULAW,
    append,
    audio_of,
    exchange,
    formats,
    only,
    open_session,
    refusal,
    tone,
    types,
)

FORMATS = pytest.mark.parametrize("fmt", OPENAI_FORMATS, ids=str)
WITH_SILENCE = tone(ULAW, 400) + ULAW.silence(700)


def transcribing(
    fmt: r.AudioFormat = ULAW, model: str = "gpt-4o-transcribe", **settings: Any
) -> r.SessionUpdate:
    input = r.AudioInput(format=r.wire_format(fmt), transcription=r.Transcription(model=model), **settings)
    return r.SessionUpdate(session=r.TranscriptionSession(audio=r.AudioConfig(input=input)))


def transcription(*events: r.ClientEvent) -> ServerProtocol:
    session = ServerProtocol(session_type="transcription")
    session.open()
    assert "error" not in types(exchange(session, *events))
    return session


def test_the_first_event_is_the_session() -> None:
    (created,) = ServerProtocol(session_type="transcription", session_id="sess_1").open()
    session = r.decode_server(r.encode(created)).session
    assert isinstance(session, r.TranscriptionSessionInfo)
    assert (session.id, session.object) == ("sess_1", "realtime.transcription_session")
    assert session.audio.output is UNSET
    assert isinstance(session.audio.input.turn_detection, r.ServerVad)


def test_turns_are_transcribed_and_get_no_response() -> None:
    session = transcription(transcribing())
    events = exchange(session, append(WITH_SILENCE))
    assert [*dict.fromkeys(types(events))] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    deltas = [str(e.delta) for e in events if isinstance(e, r.ConversationItemInputAudioTranscriptionDelta)]
    completed = only(r.ConversationItemInputAudioTranscriptionCompleted, events)
    assert "".join(deltas) == completed.transcript == "(0.90 seconds of speech)"
    assert len(deltas) == 4
    assert completed.usage == r.TokenUsage(
        input_tokens=9,
        output_tokens=6,
        total_tokens=15,
        input_token_details=r.TranscriptionTokenDetails(text_tokens=0, audio_tokens=9),
    )


def test_whisper_sends_one_delta_and_is_billed_by_duration() -> None:
    events = exchange(transcription(transcribing(model="whisper-1")), append(WITH_SILENCE))
    (delta,) = [e.delta for e in events if isinstance(e, r.ConversationItemInputAudioTranscriptionDelta)]
    completed = only(r.ConversationItemInputAudioTranscriptionCompleted, events)
    assert (completed.transcript, completed.usage) == (delta, r.DurationUsage(seconds=0.9))


def test_a_transcription_session_has_no_responses() -> None:
    assert "no responses" in refusal(exchange(transcription(), RESPOND)).message


@pytest.mark.parametrize("session_type", ["realtime", "transcription"])
def test_an_update_cannot_change_the_session_type(session_type: Any) -> None:
    session = ServerProtocol(session_type=session_type)
    update = formats() if session_type == "transcription" else transcribing()
    error = refusal(exchange(session, update))
    assert error.param == "session.type"
    assert f"to a {session_type} session is not allowed" in error.message


def test_a_transcription_session_has_no_output_settings() -> None:
    wrong = r.TranscriptionSession(audio=r.AudioConfig(output=r.AudioOutput(voice="alloy")))
    error = refusal(exchange(transcription(), r.SessionUpdate(session=wrong)))
    assert error.param == "session.audio.output"


def test_a_manual_commit_is_transcribed() -> None:
    session = transcription(transcribing(turn_detection=None))
    assert exchange(session, append(tone(ULAW, 500))) == []
    assert "conversation.item.input_audio_transcription.completed" in types(exchange(session, COMMIT))


# --- Forced formats ------------------------------------------------------------------


def test_a_forced_format_is_reported_and_sent() -> None:
    session = ServerProtocol(force_format="pcm16")
    session.open()
    updated = only(r.SessionUpdated, exchange(session, formats(ULAW))).session
    assert updated.audio.input.format == updated.audio.output.format == r.PcmFormat(rate=24_000)
    audio = tone(PCM16, 300)
    events = exchange(session, append(audio), COMMIT, RESPOND)
    assert sum(len(e.delta) for e in events if isinstance(e, r.ResponseOutputAudioDelta)) == len(audio)


def test_a_forced_format_of_a_transcription_session() -> None:
    (created,) = ServerProtocol(session_type="transcription", force_format="pcmu").open()
    assert created.session.audio.input.format == r.PcmuFormat()


# --- Commits -------------------------------------------------------------------------


@FORMATS
def test_a_commit_creates_a_message_of_the_appended_audio(fmt: r.AudioFormat) -> None:
    audio = tone(fmt, 150)
    session = open_session(formats(fmt))
    events = exchange(session, append(audio[:100]), append(audio[100:]), COMMIT)
    assert types(events) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    committed, added, done = events
    assert committed.item_id == added.item.id == done.item.id
    assert committed.previous_item_id is added.previous_item_id is None
    assert added.item.role == "user"
    retrieved = only(
        r.ConversationItemRetrieved, exchange(session, r.ConversationItemRetrieve(item_id=committed.item_id))
    )
    assert retrieved.item.content[0].audio == audio
    assert audio_of(exchange(session, RESPOND)) == audio


@FORMATS
def test_less_than_100_ms_cannot_be_committed(fmt: r.AudioFormat) -> None:
    session = open_session(formats(fmt), append(tone(fmt, 99)))
    error = refusal(exchange(session, COMMIT))
    assert error.code == "input_audio_buffer_commit_empty"
    assert "99.00ms" in error.message
    assert types(exchange(session, append(tone(fmt, 1)), COMMIT))[0] == "input_audio_buffer.committed"


def test_clear_drops_the_audio() -> None:
    session = open_session(formats(), append(tone(PCM16, 500)))
    assert types(exchange(session, r.InputAudioBufferClear())) == ["input_audio_buffer.cleared"]
    assert refusal(exchange(session, COMMIT)).code == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize("audio", [b"\0" * 4801, b"\0"])
def test_a_partial_sample_is_refused(audio: bytes) -> None:
    assert refusal(exchange(open_session(formats()), append(audio))).param == "audio"


def test_a_requested_transcription_is_sent() -> None:
    requested = formats()
    assert isinstance(requested.session, r.RealtimeSession)
    requested.session.audio.input.transcription = r.Transcription(model="whisper-1")
    events = exchange(open_session(requested), append(tone(PCM16, 1000)), COMMIT)
    completed = only(r.ConversationItemInputAudioTranscriptionCompleted, events)
    assert completed.transcript == "(1.00 seconds of speech)"
    assert completed.usage == r.DurationUsage(seconds=1.0)
