"""vLLM's realtime endpoint: transcription only, with events of its own.

Source: https://docs.vllm.ai, vllm.entrypoints.speech_to_text.realtime (0.22.1), its protocol and
connection. Read 2026-11-29. Audio is 16 kHz; a binary message closes the connection.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import events as ga
from ..codec import DialectCodec
from ..events.base import UNSET, Maybe, ServerSide
from ._codec import with_own

__all__ = [
    "ClientEvent", "Codec", "InputAudioBufferCommit", "ServerEvent", "SessionCreated", "SessionUpdate",
    "TranscriptionDelta", "TranscriptionDone", "decode_client", "decode_client_if", "decode_server",
    "decode_server_if", "encode", "encode_append",
]  # fmt: skip


class SessionUpdate(ga.SessionUpdate, tag="session.update", kw_only=True):
    """The choice of the model, which must come before any audio."""

    session: ga.Session = UNSET  # type: ignore[assignment]
    model: Maybe[str] = UNSET


class InputAudioBufferCommit(ga.InputAudioBufferCommit, tag="input_audio_buffer.commit", kw_only=True):
    """Start of a transcription; with ``final=True`` the end of the audio."""

    final: Maybe[bool] = UNSET


class SessionCreated(ga.SessionCreated, tag="session.created", kw_only=True):
    """The first event of a connection. `created` is in Unix seconds."""

    session: ga.SessionInfo | None = None
    id: str | None = None
    created: int | None = None


class TranscriptionDelta(ServerSide, tag="transcription.delta", kw_only=True):
    """A new piece of the transcript."""

    delta: str


class TranscriptionDone(ServerSide, tag="transcription.done", kw_only=True):
    """The complete transcript, and the tokens that it took."""

    text: str
    usage: Any = None


# --- The unions ----------------------------------------------------------------------

_OwnServerEvent = SessionCreated | TranscriptionDelta | TranscriptionDone
_OwnClientEvent = SessionUpdate | InputAudioBufferCommit
if TYPE_CHECKING:
    ServerEvent = ga.ServerEvent | _OwnServerEvent
    ClientEvent = ga.ClientEvent | _OwnClientEvent
else:
    ServerEvent = with_own(ga.ServerEvent, *_OwnServerEvent.__args__)
    ClientEvent = with_own(ga.ClientEvent, *_OwnClientEvent.__args__)


class Codec(DialectCodec[ServerEvent, ClientEvent]):
    """The codec of vLLM. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = ServerEvent
    client_events = ClientEvent
    append = ga.InputAudioBufferAppend


CODEC = Codec()
decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = CODEC.functions()
