"""Sessions and events of the translation dialect: speech in, speech in another language out.

Audio is PCM16, 24 kHz mono, unless a delta states another format. Errors are those of GA, from
`session`; the codec is `realtime.translation`.
"""

from __future__ import annotations

from msgspec import UNSET

from .base import ClientSide, Maybe, ServerSide, Unknown, UnknownEvent, Wire
from .session import Error, ErrorDetail, NoiseReduction

__all__ = [
    "UNSET", "ClientEvent", "Error", "ErrorDetail", "Maybe", "NoiseReduction", "ServerEvent",
    "SessionClose", "SessionClosed", "SessionCreated", "SessionInputAudioBufferAppend",
    "SessionInputTranscriptDelta", "SessionOutputAudioDelta", "SessionOutputTranscriptDelta",
    "SessionUpdate", "SessionUpdated", "TranslationAudio", "TranslationInput", "TranslationOutput",
    "TranslationSession", "TranslationSessionInfo", "TranslationTranscription", "Unknown", "UnknownEvent",
]  # fmt: skip

# --- Sessions ------------------------------------------------------------------------


class TranslationTranscription(Wire, kw_only=True):
    """Settings for the transcription of the input. `language` as OpenAI's older documents have it."""

    model: str
    language: Maybe[str] = UNSET


class TranslationInput(Wire, kw_only=True):
    """Settings of the input. Null turns transcription or noise reduction off."""

    transcription: Maybe[TranslationTranscription] = UNSET
    noise_reduction: Maybe[NoiseReduction] = UNSET


class TranslationOutput(Wire, kw_only=True):
    """Settings of the output: the language to translate into."""

    language: Maybe[str] = UNSET


class TranslationAudio(Wire, kw_only=True):
    """A session's audio settings, for both directions."""

    input: Maybe[TranslationInput] = UNSET
    output: Maybe[TranslationOutput] = UNSET


class TranslationSession(Wire, kw_only=True):
    """The settings of a session."""

    audio: Maybe[TranslationAudio] = UNSET


class TranslationSessionInfo(Wire, kw_only=True):
    """A session as the server reports it. `expires_at` is in Unix seconds."""

    id: str
    type: str
    model: str
    expires_at: int
    audio: TranslationAudio


# --- Client --------------------------------------------------------------------------


class SessionUpdate(ClientSide, tag="session.update", kw_only=True):
    """Request to change the session's settings. Absent members stay, null clears."""

    session: TranslationSession


class SessionInputAudioBufferAppend(ClientSide, tag="session.input_audio_buffer.append", kw_only=True):
    """Audio to translate, in pieces of any size. Servers translate 200 ms at a time."""

    audio_field = "audio"

    audio: bytes


class SessionClose(ClientSide, tag="session.close", kw_only=True):
    """Request to end the session after the audio sent so far was translated."""


# --- Server --------------------------------------------------------------------------


class SessionCreated(ServerSide, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's default settings."""

    session: TranslationSessionInfo


class SessionUpdated(ServerSide, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`, with all settings now in effect."""

    session: TranslationSessionInfo


class SessionClosed(ServerSide, tag="session.closed", kw_only=True):
    """End of the session."""


class SessionInputTranscriptDelta(ServerSide, tag="session.input_transcript.delta", kw_only=True):
    """A new piece of the transcript in the source language, if transcription is on."""

    delta: str
    elapsed_ms: int | None = None


class SessionOutputTranscriptDelta(ServerSide, tag="session.output_transcript.delta", kw_only=True):
    """A new piece of the translation as text."""

    delta: str
    elapsed_ms: int | None = None


class SessionOutputAudioDelta(ServerSide, tag="session.output_audio.delta", kw_only=True):
    """A new piece of the translation as speech. Sizes vary."""

    audio_field = "delta"

    delta: bytes
    channels: int | None = None
    elapsed_ms: int | None = None
    format: str | None = None
    sample_rate: int | None = None


# --- The unions ----------------------------------------------------------------------

ClientEvent = SessionUpdate | SessionInputAudioBufferAppend | SessionClose | UnknownEvent
ServerEvent = (
    SessionCreated
    | SessionUpdated
    | SessionClosed
    | SessionInputTranscriptDelta
    | SessionOutputTranscriptDelta
    | SessionOutputAudioDelta
    | Error
    | UnknownEvent
)
