"""Qwen Omni (Alibaba Cloud Model Studio): the beta dialect, 16 kHz in and 24 kHz out; 3.5 adds GA's `audio`.

Sources: https://www.alibabacloud.com/help/en/model-studio/client-events and ``server-events``, as of
March 2026; dashscope 2.0.2, its `omni_realtime`. Read 2026-11-29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import events as ga
from ..codec import DialectCodec
from ..events import beta
from ..events.base import UNSET, ClientSide, ItemEvent, Maybe, ServerSide, SessionSnapshot, Wire
from ._codec import with_own

__all__ = [
    "ClientEvent", "Codec", "ConversationItemInputAudioTranscriptionDelta",
    "ConversationItemInputAudioTranscriptionText", "InputImageBufferAppend", "QwenAudio",
    "QwenAudioSide", "QwenFormat", "QwenResponse", "QwenSession", "QwenSessionInfo", "QwenUsage",
    "ResponseDone", "ServerEvent", "SessionCreated", "SessionFinish", "SessionFinished", "SessionUpdate",
    "SessionUpdated", "decode_client", "decode_client_if", "decode_server", "decode_server_if",
    "encode", "encode_append",
]  # fmt: skip


class QwenFormat(Wire, kw_only=True):
    """An audio format: "pcm", 16-bit, at `sample_rate` (8000, 16000, 24000 or 48000 Hz), or "wav"."""

    type: Maybe[str] = UNSET
    sample_rate: Maybe[int] = UNSET


class QwenAudioSide(Wire, kw_only=True):
    """The audio settings of one direction."""

    format: Maybe[QwenFormat] = UNSET


class QwenAudio(Wire, kw_only=True):
    """The audio settings of a session of version 3.5."""

    input: Maybe[QwenAudioSide] = UNSET
    output: Maybe[QwenAudioSide] = UNSET


class QwenSession(beta.RealtimeSessionConfig, kw_only=True):
    """The settings of a session."""

    audio: Maybe[QwenAudio] = UNSET
    sample_rate: Maybe[int] = UNSET
    max_tokens: Maybe[int] = UNSET
    top_p: Maybe[float] = UNSET
    top_k: Maybe[int] = UNSET
    seed: Maybe[int] = UNSET
    repetition_penalty: Maybe[float] = UNSET
    presence_penalty: Maybe[float] = UNSET
    enable_search: Maybe[bool] = UNSET
    search_options: Any = UNSET


class QwenSessionInfo(SessionSnapshot, QwenSession, kw_only=True):
    """A session as the server reports it."""

    settings_type = QwenSession
    read_only_fields = frozenset({"max_response_output_token"})

    id: str | None = None
    object: str | None = None
    expires_at: int | None = None
    max_response_output_token: Any = None


class QwenUsage(ga.ResponseUsage, kw_only=True):
    """The tokens of a response, whose details have names of their own."""

    input_tokens_details: ga.InputTokenDetails | None = None
    output_tokens_details: ga.OutputTokenDetails | None = None


class QwenResponse(beta.Response, kw_only=True):
    """A response, in its current or final state."""

    usage: QwenUsage | None = None  # pyright: ignore[reportIncompatibleVariableOverride]


# --- Client --------------------------------------------------------------------------


class SessionUpdate(beta.SessionUpdate, tag="session.update", kw_only=True):
    """Request to change the session's settings."""

    session: QwenSession  # pyright: ignore[reportIncompatibleVariableOverride]


class InputImageBufferAppend(ClientSide, tag="input_image_buffer.append", kw_only=True):
    """An image, base64 of a JPEG in `image`, for the next turn."""

    image: str


class SessionFinish(ClientSide, tag="session.finish", kw_only=True):
    """Request to end the session after what is under way."""


# --- Server --------------------------------------------------------------------------


class SessionCreated(beta.SessionCreated, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's default settings."""

    session: QwenSessionInfo | None  # type: ignore[assignment]


class SessionUpdated(beta.SessionUpdated, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`."""

    session: QwenSessionInfo | None  # type: ignore[assignment]


class SessionFinished(ServerSide, tag="session.finished", kw_only=True):
    """Answer to `session.finish`: the end of the session."""


class ConversationItemInputAudioTranscriptionText(
    ItemEvent, tag="conversation.item.input_audio_transcription.text", kw_only=True
):
    """The transcript of the user's speech so far: `text` is final, `stash` may change."""

    content_index: int
    text: str
    stash: str | None = None
    language: str | None = None
    emotion: str | None = None


class ConversationItemInputAudioTranscriptionDelta(
    beta.ConversationItemInputAudioTranscriptionDelta,
    tag="conversation.item.input_audio_transcription.delta",
    kw_only=True,
):
    """The transcript of the user's speech so far, as `ConversationItemInputAudioTranscriptionText`."""

    text: str | None = None
    stash: str | None = None
    language: str | None = None
    emotion: str | None = None


class ResponseDone(beta.ResponseDone, tag="response.done", kw_only=True):
    """End of a response, with its usage."""

    response: QwenResponse  # pyright: ignore[reportIncompatibleVariableOverride]


# --- The unions ----------------------------------------------------------------------

_OwnServerEvent = (
    SessionCreated
    | SessionUpdated
    | SessionFinished
    | ConversationItemInputAudioTranscriptionText
    | ConversationItemInputAudioTranscriptionDelta
    | ResponseDone
)
_OwnClientEvent = SessionUpdate | InputImageBufferAppend | SessionFinish
if TYPE_CHECKING:
    ServerEvent = beta.ServerEvent | _OwnServerEvent
    ClientEvent = beta.ClientEvent | _OwnClientEvent
else:
    ServerEvent = with_own(beta.ServerEvent, *_OwnServerEvent.__args__)
    ClientEvent = with_own(beta.ClientEvent, *_OwnClientEvent.__args__)


class Codec(DialectCodec[ServerEvent, ClientEvent]):
    """The codec of Qwen Omni. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = ServerEvent
    client_events = ClientEvent
    append = beta.InputAudioBufferAppend


CODEC = Codec()
decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = CODEC.functions()
