"""xAI's voice agents: GA's events, with beta's members beside GA's in one session.

Sources: recorded sessions of November 2026; https://docs.x.ai/docs/guides/voice/agent. Read
2026-11-29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import events as ga
from ..codec import DialectCodec
from ..events.base import UNSET, ClientSide, ItemEvent, Maybe, ServerSide, SessionSnapshot, Wire
from ._codec import with_own

__all__ = [
    "ClientEvent", "Codec", "ConversationItemCommit", "ConversationItemInputAudioTranscriptionUpdated", "Ping",
    "ResponseDone", "ServerEvent", "SessionCreated", "SessionUpdate", "SessionUpdated", "XaiSession",
    "XaiSessionInfo", "XaiUsage", "decode_client", "decode_client_if", "decode_server",
    "decode_server_if", "encode", "encode_append",
]  # fmt: skip


class XaiSession(ga.RealtimeSession, tag="realtime", kw_only=True):
    """The settings of a session: GA's, and flat ones as in beta. Each is used where it is set."""

    voice: Maybe[str] = UNSET
    modalities: Maybe[list[str]] = UNSET
    turn_detection: Maybe[ga.TurnDetection] = UNSET
    input_audio_format: Maybe[str] = UNSET
    output_audio_format: Maybe[str] = UNSET
    input_audio_transcription: Maybe[ga.Transcription] = UNSET
    temperature: Maybe[float] = UNSET
    max_response_output_tokens: Maybe[ga.MaxTokens] = UNSET
    enable_noise_suppression: Maybe[bool] = UNSET
    enable_phonetic_spelling: Maybe[bool] = UNSET
    keep_context: Maybe[bool] = UNSET


class XaiSessionInfo(SessionSnapshot, XaiSession, tag="realtime", kw_only=True):
    """A session as the server reports it."""

    settings_type = XaiSession

    id: str | None = None
    object: str | None = None
    expires_at: int | None = None


class XaiUsage(Wire, kw_only=True):
    """The usage of a response: tokens, and the seconds of audio that are billed."""

    total_tokens: int | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_token_details: ga.InputTokenDetails | None = None
    output_token_details: ga.OutputTokenDetails | None = None
    grok_tokens: int | None = None
    billable_audio_seconds: float | None = None


# --- Client --------------------------------------------------------------------------


class SessionUpdate(ga.SessionUpdate, tag="session.update", kw_only=True):
    """Request to change the session's settings."""

    session: XaiSession | ga.TranscriptionSession  # pyright: ignore[reportIncompatibleVariableOverride]


class ConversationItemCommit(ClientSide, tag="conversation.item.commit", kw_only=True):
    """Request to make a user message of the audio received so far."""


# --- Server --------------------------------------------------------------------------


class SessionCreated(ga.SessionCreated, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's default settings."""

    session: XaiSessionInfo | ga.TranscriptionSessionInfo | None  # type: ignore[assignment]


class SessionUpdated(ga.SessionUpdated, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`."""

    session: XaiSessionInfo | ga.TranscriptionSessionInfo | None  # type: ignore[assignment]
    previous_item_id: str | None = None


class ConversationItemInputAudioTranscriptionUpdated(
    ItemEvent, tag="conversation.item.input_audio_transcription.updated", kw_only=True
):
    """The transcript of the user's speech so far: it replaces the last one."""

    content_index: int
    transcript: str
    previous_item_id: str | None = None


class ResponseDone(ga.ResponseDone, tag="response.done", kw_only=True):
    """End of a response. `usage` is here, that of `response` is empty."""

    usage: XaiUsage | None = None
    previous_item_id: str | None = None


class Ping(ServerSide, tag="ping", kw_only=True):
    """A sign of life. Needs no answer."""

    timestamp: Any = None


# --- The unions ----------------------------------------------------------------------

_OwnServerEvent = (
    SessionCreated | SessionUpdated | ConversationItemInputAudioTranscriptionUpdated | ResponseDone | Ping
)
_OwnClientEvent = SessionUpdate | ConversationItemCommit
if TYPE_CHECKING:
    ServerEvent = ga.ServerEvent | _OwnServerEvent
    ClientEvent = ga.ClientEvent | _OwnClientEvent
else:
    ServerEvent = with_own(ga.ServerEvent, *_OwnServerEvent.__args__)
    ClientEvent = with_own(ga.ClientEvent, *_OwnClientEvent.__args__)


class Codec(DialectCodec[ServerEvent, ClientEvent]):
    """The codec of xAI. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = ServerEvent
    client_events = ClientEvent
    append = ga.InputAudioBufferAppend


CODEC = Codec()
decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = CODEC.functions()
