"""Sessions that only transcribe; transcripts by model; semantic VAD; a caller who says nothing."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import UNSET

import realtime as r
from realtime.testing import ServerProtocol
from tests.testing.helpers import (
    COMMIT,
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
)

WITH_SILENCE = tone(ULAW, 400) + ULAW.silence(700)


def transcribing(
    fmt: r.AudioFormat = ULAW, model: str = "gpt-4o-transcribe", **heard: Any
) -> r.SessionUpdate:
    settings = r.AudioInput(format=r.wire_format(fmt), transcription=r.Transcription(model=model), **heard)
    return r.SessionUpdate(session=r.TranscriptionSession(audio=r.AudioConfig(input=settings)))


def transcription(*events: r.ClientEvent) -> ServerProtocol:
    session = ServerProtocol(session_type="transcription")
    session.open()
    assert "error" not in types(tell(session, *events))
    return session


def test_first_comes_the_session_with_its_type() -> None:
    (created,) = ServerProtocol(session_type="transcription", session_id="sess_1").open()
    session = r.decode_server(r.encode(created)).session
    assert isinstance(session, r.TranscriptionSessionInfo)
    assert (session.id, session.object) == ("sess_1", "realtime.transcription_session")
    assert session.audio.output is UNSET
    assert isinstance(session.audio.input.turn_detection, r.ServerVad)


def test_turns_are_found_and_transcribed_and_not_answered() -> None:
    session = transcription(transcribing())
    events = tell(session, append(WITH_SILENCE))
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


def test_whisper_tells_a_transcript_at_once_and_bills_seconds() -> None:
    events = tell(transcription(transcribing(model="whisper-1")), append(WITH_SILENCE))
    (delta,) = [e.delta for e in events if isinstance(e, r.ConversationItemInputAudioTranscriptionDelta)]
    completed = only(r.ConversationItemInputAudioTranscriptionCompleted, events)
    assert (completed.transcript, completed.usage) == (delta, r.DurationUsage(seconds=0.9))


def test_it_has_no_responses() -> None:
    assert "no responses" in refusal(tell(transcription(), RESPOND)).message


@pytest.mark.parametrize("kind", ["realtime", "transcription"])
def test_a_session_does_not_become_one_of_the_other_type(kind: Any) -> None:
    session = ServerProtocol(session_type=kind)
    update = formats() if kind == "transcription" else transcribing()
    error = refusal(tell(session, update))
    assert error.param == "session.type"
    assert f"to a {kind} session is not allowed" in error.message


def test_an_output_is_no_setting_of_it() -> None:
    wrong = r.TranscriptionSession(audio=r.AudioConfig(output=r.AudioOutput(voice="alloy")))
    error = refusal(tell(transcription(), r.SessionUpdate(session=wrong)))
    assert error.param == "session.audio.output"


def test_committed_by_hand() -> None:
    session = transcription(transcribing(turn_detection=None))
    assert tell(session, append(tone(ULAW, 500))) == []
    assert "conversation.item.input_audio_transcription.completed" in types(tell(session, COMMIT))


# --- Semantic VAD --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("eagerness", "silence_ms"), [("low", 1000), ("medium", 500), ("high", 200), (None, 500)]
)
def test_eagerness_is_how_long_a_silence_may_be(eagerness: str | None, silence_ms: int) -> None:
    vad = r.SemanticVad(eagerness=eagerness)
    session = opened(formats(vad=vad))
    tell(session, append(tone(PCM16, 400)))
    assert tell(session, append(PCM16.silence(silence_ms - 20))) == []
    events = tell(session, append(PCM16.silence(20)))
    assert types(events)[:2] == ["input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    assert types(events)[-1] == "response.done"


# --- Nobody speaks -------------------------------------------------------------------

IDLE = r.ServerVad(idle_timeout_ms=5000)


def answered(vad: r.ServerVad = IDLE, paced: bool = False) -> ServerProtocol:
    """A session that has just given an answer of 200 ms, at 200 ms of input."""
    session = opened(formats(vad=vad), append(tone(PCM16, 200)), COMMIT, paced=paced)
    tell(session, RESPOND)
    while session.is_responding:
        session.advance()
    return session


def test_silence_after_an_answer_is_committed_and_answered() -> None:
    session = answered()
    # The answer lasts 200 ms from where it ended.
    assert tell(session, append(PCM16.silence(5180))) == []
    events = tell(session, append(PCM16.silence(20)))
    timeout = only(r.InputAudioBufferTimeoutTriggered, events)
    assert (timeout.audio_start_ms, timeout.audio_end_ms) == (400, 5400)
    assert types(events)[:2] == ["input_audio_buffer.timeout_triggered", "input_audio_buffer.committed"]
    assert only(r.InputAudioBufferCommitted, events).item_id == timeout.item_id
    assert types(events)[-1] == "response.done"
    item = only(
        r.ConversationItemRetrieved, tell(session, r.ConversationItemRetrieve(item_id=timeout.item_id))
    ).item
    assert item.content[0].audio == PCM16.silence(5000)


def test_a_paced_answer_has_been_heard_when_it_ends() -> None:
    events = tell(answered(paced=True), append(PCM16.silence(5000)))
    assert only(r.InputAudioBufferTimeoutTriggered, events).audio_start_ms == 200


def test_speech_puts_an_end_to_the_waiting() -> None:
    session = answered()
    tell(session, append(PCM16.silence(4000) + tone(PCM16, 200)))
    assert "input_audio_buffer.timeout_triggered" not in types(tell(session, append(PCM16.silence(480))))


@pytest.mark.parametrize("vad", [r.ServerVad(), r.ServerVad(idle_timeout_ms=None)])
def test_who_does_not_ask_for_it_is_not_timed_out(vad: r.ServerVad) -> None:
    assert tell(answered(vad), append(PCM16.silence(60_000))) == []


def test_before_the_first_answer_nobody_waits() -> None:
    assert tell(opened(formats(vad=IDLE)), append(PCM16.silence(60_000))) == []


@given(cuts=st.lists(st.integers(1, 5_999), max_size=6))
def test_how_the_silence_is_cut_does_not_matter(cuts: list[int]) -> None:
    edges = [0, *sorted({*cuts}), 6000]
    pieces = [append(PCM16.silence(b - a)) for a, b in itertools.pairwise(edges)]
    assert tell(answered(), *pieces) == tell(answered(), append(PCM16.silence(6000)))


# --- Another format than asked -------------------------------------------------------


def test_a_forced_format_is_told_and_spoken() -> None:
    session = ServerProtocol(force_format="pcm16")
    session.open()
    updated = only(r.SessionUpdated, tell(session, formats(ULAW))).session
    assert updated.audio.input.format == updated.audio.output.format == r.PcmFormat(rate=24_000)
    audio = tone(PCM16, 300)
    events = tell(session, append(audio), COMMIT, RESPOND)
    assert sum(len(e.delta) for e in events if isinstance(e, r.ResponseOutputAudioDelta)) == len(audio)


def test_a_forced_format_of_a_transcription_session() -> None:
    (created,) = ServerProtocol(session_type="transcription", force_format="pcmu").open()
    assert created.session.audio.input.format == r.PcmuFormat()
