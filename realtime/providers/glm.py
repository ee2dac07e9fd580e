"""GLM-Realtime (Zhipu): the beta dialect, mostly without item ids.

Sources: https://docs.bigmodel.cn/cn/asyncapi/realtime; MetaGLM/glm-realtime-sdk, its document of
the protocol. Read 2026-11-29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..codec import DialectCodec
from ..events import beta
from ..events.base import UNSET, ClientSide, Maybe, ServerSide, SessionSnapshot, Wire
from ._codec import with_own

__all__ = [
    "ClientEvent", "Codec", "GlmBetaFields", "GlmSession", "GlmSessionInfo", "Heartbeat",
    "InputAudioBufferAppendVideoFrame", "ResponseDone", "ServerEvent", "SessionCreated", "SessionUpdate",
    "SessionUpdated", "decode_client", "decode_client_if", "decode_server", "decode_server_if",
    "encode", "encode_append",
]  # fmt: skip


class GlmBetaFields(Wire, kw_only=True):
    """Settings of GLM alone: `chat_mode` is "audio", "video_passive" or "video_proactive"."""

    chat_mode: Maybe[str] = UNSET
    tts_source: Maybe[str] = UNSET
    auto_search: Maybe[bool | str] = UNSET
    greeting_config: Any = UNSET


class GlmSession(beta.RealtimeSessionConfig, kw_only=True):
    """The settings of a session. The input is "wav" or "pcm", the output "pcm" or "mp3"."""

    beta_fields: Maybe[GlmBetaFields] = UNSET


class GlmSessionInfo(SessionSnapshot, GlmSession, kw_only=True):
    """A session as the server reports it."""

    settings_type = GlmSession

    id: str | None = None
    object: str | None = None
    expires_at: int | None = None


# --- Client --------------------------------------------------------------------------


class SessionUpdate(beta.SessionUpdate, tag="session.update", kw_only=True):
    """Request to change the session's settings."""

    session: GlmSession  # pyright: ignore[reportIncompatibleVariableOverride]


class InputAudioBufferAppendVideoFrame(ClientSide, tag="input_audio_buffer.append_video_frame", kw_only=True):
    """A frame of video, base64 of a JPEG in `video_frame`."""

    video_frame: str
    client_timestamp: Maybe[int] = UNSET


# --- Server --------------------------------------------------------------------------


class SessionCreated(beta.SessionCreated, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's default settings."""

    session: GlmSessionInfo | None  # type: ignore[assignment]


class SessionUpdated(beta.SessionUpdated, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`."""

    session: GlmSessionInfo | None  # type: ignore[assignment]


class Heartbeat(ServerSide, tag="heartbeat", kw_only=True):
    """A sign of life. Needs no answer."""


class ResponseDone(beta.ResponseDone, tag="response.done", kw_only=True):
    """End of a response. `client_timestamp` is in milliseconds."""

    client_timestamp: int | None = None


# --- The unions ----------------------------------------------------------------------

_OwnServerEvent = SessionCreated | SessionUpdated | Heartbeat | ResponseDone
_OwnClientEvent = SessionUpdate | InputAudioBufferAppendVideoFrame
if TYPE_CHECKING:
    ServerEvent = beta.ServerEvent | _OwnServerEvent
    ClientEvent = beta.ClientEvent | _OwnClientEvent
else:
    ServerEvent = with_own(beta.ServerEvent, *_OwnServerEvent.__args__)
    ClientEvent = with_own(beta.ClientEvent, *_OwnClientEvent.__args__)


class Codec(DialectCodec[ServerEvent, ClientEvent]):
    """The codec of GLM. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = ServerEvent
    client_events = ClientEvent
    append = beta.InputAudioBufferAppend


CODEC = Codec()
decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = CODEC.functions()
