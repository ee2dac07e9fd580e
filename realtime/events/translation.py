"""The translation dialect, as differences from GA: speech in, speech of another language out.

Audio is `bytes` of PCM16, 24 kHz mono, unless a delta says otherwise.
"""

from __future__ import annotations

from msgspec import UNSET

from .base import (
    ClientSide,
    Maybe,
    ServerSide,
    Unknown as Unknown,
    UnknownEvent as UnknownEvent,
    Wire,
)
from .session import (
    Error as Error,
    ErrorDetail as ErrorDetail,
    NoiseReduction as NoiseReduction,
)


class TranslationTranscription(Wire, kw_only=True):
    """What writes down the speech that comes in."""

    model: str


class TranslationInput(Wire, kw_only=True):
    """What the client sends; null turns transcription or noise reduction off."""

    transcription: Maybe[TranslationTranscription] = UNSET
    noise_reduction: Maybe[NoiseReduction] = UNSET


class TranslationOutput(Wire, kw_only=True):
    """What the server sends: the language to translate into."""

    language: Maybe[str] = UNSET


class TranslationAudio(Wire, kw_only=True):
    """A session's audio, both ways."""

    input: Maybe[TranslationInput] = UNSET
    output: Maybe[TranslationOutput] = UNSET


class TranslationSession(Wire, kw_only=True):
    """The settings of a session."""

    audio: Maybe[TranslationAudio] = UNSET


class TranslationSessionInfo(Wire, kw_only=True):
    """A session as the server tells it; `expires_at` is in Unix seconds."""

    id: str
    type: str
    model: str
    expires_at: int
    audio: TranslationAudio


# --- Client --------------------------------------------------------------------------


class SessionUpdate(ClientSide, tag="session.update", kw_only=True):
    """Changes the session's settings; what is absent stays, null clears."""

    session: TranslationSession


class SessionInputAudioBufferAppend(ClientSide, tag="session.input_audio_buffer.append", kw_only=True):
    """Audio to translate."""

    audio_field = "audio"

    audio: bytes


class SessionClose(ClientSide, tag="session.close", kw_only=True):
    """Ends the session once what was sent is translated."""


# --- Server --------------------------------------------------------------------------


class SessionCreated(ServerSide, tag="session.created", kw_only=True):
    """The first event of a connection."""

    session: TranslationSessionInfo


class SessionUpdated(ServerSide, tag="session.updated", kw_only=True):
    """A `session.update` was accepted."""

    session: TranslationSessionInfo


class SessionClosed(ServerSide, tag="session.closed", kw_only=True):
    """The session has ended."""


class SessionInputTranscriptDelta(ServerSide, tag="session.input_transcript.delta", kw_only=True):
    """More of what was said, in its own language."""

    delta: str
    elapsed_ms: int | None = None


class SessionOutputTranscriptDelta(ServerSide, tag="session.output_transcript.delta", kw_only=True):
    """More of the translation, as text."""

    delta: str
    elapsed_ms: int | None = None


class SessionOutputAudioDelta(ServerSide, tag="session.output_audio.delta", kw_only=True):
    """More of the translation, as speech."""

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
