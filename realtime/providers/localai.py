"""LocalAI: GA, with speakers and a classifier of its own.

Source: https://localai.io/features/openai-realtime and the server's code. Read 2026-11-29.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import events as ga
from ..codec import DialectCodec
from ..events.base import UNSET, ItemEvent, Maybe, SessionSnapshot, Wire
from ._codec import with_own

__all__ = [
    "ClientEvent", "Codec", "ConversationItemSpeaker", "LocalAiSession", "LocalAiSessionInfo", "ServerEvent",
    "SessionCreated", "SessionUpdate", "SessionUpdated", "Speaker", "decode_client", "decode_client_if",
    "decode_server", "decode_server_if", "encode", "encode_append",
]  # fmt: skip


class LocalAiSession(ga.RealtimeSession, tag="realtime", kw_only=True):
    """The settings of a session."""

    localai_classifier: Any = UNSET


class LocalAiSessionInfo(SessionSnapshot, LocalAiSession, tag="realtime", kw_only=True):
    """A session as the server reports it."""

    settings_type = LocalAiSession

    id: str | None = None
    object: str | None = None
    expires_at: int | None = None


class SessionUpdate(ga.SessionUpdate, tag="session.update", kw_only=True):
    """Request to change the session's settings. Without a session: the set-up of an audio transformation."""

    session: LocalAiSession | ga.TranscriptionSession = UNSET  # type: ignore[assignment]
    model: Maybe[str] = UNSET
    sample_format: Maybe[str] = UNSET
    sample_rate: Maybe[int] = UNSET
    frame_samples: Maybe[int] = UNSET
    params: Any = UNSET


class SessionCreated(ga.SessionCreated, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's default settings."""

    session: LocalAiSessionInfo | ga.TranscriptionSessionInfo | None  # type: ignore[assignment]


class SessionUpdated(ga.SessionUpdated, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`."""

    session: LocalAiSessionInfo | ga.TranscriptionSessionInfo | None  # type: ignore[assignment]


class Speaker(Wire, kw_only=True):
    """A recognised speaker."""

    name: str | None = None
    id: str | None = None
    labels: Any = None
    confidence: float | None = None
    distance: float | None = None
    matched: bool | None = None


class ConversationItemSpeaker(ItemEvent, tag="conversation.item.speaker", kw_only=True):
    """The speaker of an item."""

    speaker: Speaker | None = None


# --- The unions ----------------------------------------------------------------------

_OwnServerEvent = SessionCreated | SessionUpdated | ConversationItemSpeaker
if TYPE_CHECKING:
    ServerEvent = ga.ServerEvent | _OwnServerEvent
    ClientEvent = ga.ClientEvent | SessionUpdate
else:
    ServerEvent = with_own(ga.ServerEvent, *_OwnServerEvent.__args__)
    ClientEvent = with_own(ga.ClientEvent, SessionUpdate)


class Codec(DialectCodec[ServerEvent, ClientEvent]):
    """The codec of LocalAI. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = ServerEvent
    client_events = ClientEvent
    append = ga.InputAudioBufferAppend


CODEC = Codec()
decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = CODEC.functions()
