"""The caller's audio appended, heard, committed, cleared: what that does to a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from .. import spec
from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    ConversationItemInputAudioTranscriptionDelta,
    DurationUsage,
    InputAudio,
    InputAudioBufferAppend,
    InputAudioBufferClear,
    InputAudioBufferCleared,
    InputAudioBufferCommit,
    InputAudioBufferCommitted,
    InputAudioBufferSpeechStarted,
    InputAudioBufferSpeechStopped,
    InputAudioBufferTimeoutTriggered,
    MessageItem,
    OutputAudioBufferClear,
    RealtimeSessionInfo,
    ResponseCreate,
    ServerVad,
    Tagged,
    TokenUsage,
    Transcription,
    TranscriptionTokenDetails,
    TranscriptionUsage,
)
from . import _responses as responses, _settings as settings
from ._append import check_append
from ._conversation import tell_item
from ._history import Held, audio_tokens, text_tokens
from ._listen import Edge, SpeechStarted, SpeechStopped, TimedOut
from ._outputs import words
from ._refusal import Refusal
from ._session import Session

# Billed by duration, and told whole in one delta. Source: the API reference of
# conversation.item.input_audio_transcription.delta. Read 2026-11-25.
_WHOLE_TRANSCRIPTS: Final = frozenset({"whisper-1"})


def append(session: Session, event: InputAudioBufferAppend) -> None:
    """Audio; where the session finds the turns, what is heard in it."""
    buffer = session.input
    check_append(event.audio, buffer.format, buffer.max_bytes - len(buffer))
    buffer.append(event.audio)
    vad = settings.turn_detection(session.settings)
    while vad is not None:
        idle_from_ms = session.idle_from_ms if session.answer is None else None
        edge = session.input.listen(vad, idle_from_ms)
        if edge is None:
            return
        _EDGES[type(edge)](session, edge, vad)


# --- What is heard -------------------------------------------------------------------


def _started(session: Session, edge: SpeechStarted, vad: ServerVad) -> None:
    session.next_item_id = session.next_item_id or session.new_id("item")
    session.idle_from_ms = None
    session.send(
        InputAudioBufferSpeechStarted(audio_start_ms=edge.audio_start_ms, item_id=session.next_item_id)
    )
    if vad.interrupt_response is not False:
        responses.end(session, "turn_detected")


def _stopped(session: Session, edge: SpeechStopped, vad: ServerVad) -> None:
    session.send(InputAudioBufferSpeechStopped(audio_end_ms=edge.audio_end_ms, item_id=session.next_item_id))
    _commit_audio(session, session.input.take_turn(edge.audio_end_ms))
    # Speech that may not interrupt an answer gets none of its own.
    if vad.create_response is not False:
        _respond(session)


def _timed_out(session: Session, edge: TimedOut, vad: ServerVad) -> None:
    """The silence is committed and answered."""
    session.next_item_id = session.next_item_id or session.new_id("item")
    session.idle_from_ms = None
    session.send(
        InputAudioBufferTimeoutTriggered(
            audio_start_ms=edge.audio_start_ms, audio_end_ms=edge.audio_end_ms, item_id=session.next_item_id
        )
    )
    _commit_audio(session, session.input.take_span(edge.audio_start_ms, edge.audio_end_ms))
    _respond(session)


_EDGES: Final[dict[type[Edge], Callable[[Session, Any, ServerVad], None]]] = {
    SpeechStarted: _started,
    SpeechStopped: _stopped,
    TimedOut: _timed_out,
}


def _respond(session: Session) -> None:
    if session.answer is None and isinstance(session.settings, RealtimeSessionInfo):
        responses.create(session, ResponseCreate())


# --- Commits -------------------------------------------------------------------------


def commit(session: Session, event: InputAudioBufferCommit) -> None:
    """All that was appended becomes a message of the caller."""
    fmt = session.input.format
    if len(session.input) < fmt.min_commit_bytes:
        has_ms = fmt.duration_ms(len(session.input))
        raise Refusal(
            "input_audio_buffer_commit_empty",
            "Error committing input audio buffer: buffer too small. Expected at least "
            f"{spec.MIN_COMMIT_MS}ms of audio, but buffer only has {has_ms:.2f}ms of audio.",
        )
    _commit_audio(session, session.input.take())


def _commit_audio(session: Session, audio: bytes) -> None:
    item = MessageItem(
        id=session.next_item_id or session.new_id("item"),
        object="realtime.item",
        status="completed",
        role="user",
        content=[InputAudio(audio=audio, transcript=None)],
    )
    session.next_item_id = ""
    held = Held(item, session.input.format)
    before = session.history.add(held)
    session.send(InputAudioBufferCommitted(previous_item_id=before, item_id=held.id))
    tell_item(session, held, before)
    asked = settings.input_side(session.settings).transcription
    if isinstance(asked, Transcription):
        _transcribe(session, held, asked.model or "")


def _transcribe(session: Session, held: Held, model: str) -> None:
    seconds = held.format.duration_ms(len(held.audio)) / 1000
    transcript = f"({seconds:.2f} seconds of speech)"
    for part in held.parts:
        if isinstance(part, InputAudio):
            part.transcript = transcript
    is_whole = model in _WHOLE_TRANSCRIPTS
    for piece in [transcript] if is_whole else words(transcript):
        session.send(
            ConversationItemInputAudioTranscriptionDelta(item_id=held.id, content_index=0, delta=piece)
        )
    usage = DurationUsage(seconds=seconds) if is_whole else _tokens(held, transcript)
    session.send(
        ConversationItemInputAudioTranscriptionCompleted(
            item_id=held.id, content_index=0, transcript=transcript, usage=usage
        )
    )


def _tokens(held: Held, transcript: str) -> TranscriptionUsage:
    heard = audio_tokens(len(held.audio), held.format, spec.USER_AUDIO_MS_PER_TOKEN)
    said = text_tokens(transcript)
    return TokenUsage(
        input_tokens=heard,
        output_tokens=said,
        total_tokens=heard + said,
        input_token_details=TranscriptionTokenDetails(text_tokens=0, audio_tokens=heard),
    )


def clear(session: Session, event: InputAudioBufferClear) -> None:
    """What was appended is forgotten."""
    session.input.clear()
    session.next_item_id = ""
    session.send(InputAudioBufferCleared())


def clear_output(session: Session, event: OutputAudioBufferClear) -> None:
    """Refused on a WebSocket."""
    raise Refusal("invalid_value", f"'{event.type}' is for WebRTC and SIP connections only.", "type")


HANDLERS: Final[dict[type[Tagged], Callable[[Session, Any], None]]] = {
    InputAudioBufferAppend: append,
    InputAudioBufferCommit: commit,
    InputAudioBufferClear: clear,
    OutputAudioBufferClear: clear_output,
}
