"""Sessions of the Live dialect: settings, and the bodies of other APIs that they carry.

A body of the Responses or Decisions API is `Json`: its JSON text as it came, encoded back
unchanged. ``msgspec.json.decode(body)`` reads one, ``Raw(msgspec.json.encode(value))`` makes one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from msgspec import UNSET, Raw, UnsetType

from ..base import Maybe, Tagged, Told, Unknown, Wire
from ..session import AnyFormat, CustomVoice, PcmFormat, UnknownFormat

if TYPE_CHECKING:
    Json = Raw
    MaybeJson = Raw | None | UnsetType
    LiveModel = Literal["gpt-live-1"] | str
    LiveVoice = (
        Literal["alloy", "ash", "ballad", "beacon", "bossa", "cedar", "cinder", "coral", "delta", "echo"]
        | Literal["gleam", "marin", "meridian", "quartz", "ripple", "sage", "shida", "shimmer", "stone"]
        | Literal["tempo", "verse", "vesper", "willow"]
        | str
    )
else:
    # msgspec knows Raw alone, not in unions; null is made None below.
    Json = MaybeJson = Raw
    LiveModel = LiveVoice = str


_NULL = Raw(b"null")


class HoldsJson(Wire):
    """A Struct with `Json` in it: what was decoded is copied, so that no frame is held."""

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            value = getattr(self, name)
            if isinstance(value, Raw):
                bytes(value).decode()  # what is kept as it came must be fit to be sent
                setattr(self, name, None if value == _NULL else value.copy())
            elif isinstance(value, list):
                setattr(self, name, [item.copy() if isinstance(item, Raw) else item for item in value])


class UnknownDelegation(Unknown):
    """A delegation of a type that this version does not know."""

    __slots__ = ()


class LivePcmuFormat(AnyFormat, tag="audio/pcmu", kw_only=True):
    """G.711 mu-law."""

    rate: Maybe[int] = UNSET


class LivePcmaFormat(AnyFormat, tag="audio/pcma", kw_only=True):
    """G.711 A-law."""

    rate: Maybe[int] = UNSET


KnownLiveFormat = PcmFormat | LivePcmuFormat | LivePcmaFormat
if TYPE_CHECKING:
    LiveFormat = KnownLiveFormat | UnknownFormat
else:
    LiveFormat = KnownLiveFormat


class LiveAudioOutput(Wire, kw_only=True):
    """What the server sends."""

    voice: Maybe[LiveVoice | CustomVoice] = UNSET


class LiveAudio(Wire, kw_only=True):
    """A session's audio: one format both ways; PCM at 16 or 24 kHz."""

    format: Maybe[LiveFormat] = UNSET
    output: Maybe[LiveAudioOutput] = UNSET


class AnyDelegation(HoldsJson, Tagged):
    """The family of delegations: who thinks while the model talks."""

    unknown = UnknownDelegation


class ClientDelegation(AnyDelegation, tag="client", kw_only=True):
    """The client does."""

    acknowledgement_delay_ms: Maybe[int] = UNSET


class ResponsesDelegation(AnyDelegation, tag="responses", kw_only=True):
    """A model of the Responses API does; `responses` is that API's body."""

    responses: MaybeJson = UNSET
    acknowledgement_delay_ms: Maybe[int] = UNSET


class DecisionsDelegation(AnyDelegation, tag="decisions", kw_only=True):
    """A model of the Decisions API does; `decisions` is that API's body."""

    decisions: MaybeJson = UNSET
    acknowledgement_delay_ms: Maybe[int] = UNSET


KnownDelegation = ClientDelegation | ResponsesDelegation | DecisionsDelegation
if TYPE_CHECKING:
    Delegation = KnownDelegation | UnknownDelegation
else:
    Delegation = KnownDelegation


class ServerEventSelector(Wire, kw_only=True):
    """A type of server event; of a "response.event", the type of the event in it."""

    type: str
    response_event: Maybe[str] = UNSET


class DataChannel(Wire, kw_only=True):
    """Which events a WebRTC client may send and see: "all", or a list."""

    allowed_client_events: Maybe[str | list[str]] = UNSET
    allowed_server_events: Maybe[str | list[ServerEventSelector]] = UNSET


class LiveClient(Wire, kw_only=True):
    """What a WebRTC client may do."""

    data_channel: DataChannel


class Trigger(HoldsJson, kw_only=True):
    """Ask for decisions whenever an event of this type comes."""

    type: str
    event_type: str
    decisions: Json


class LiveSessionUpdate(Wire, kw_only=True):
    """The settings that can change in a session."""

    delegation: Maybe[Delegation] = UNSET
    triggers: Maybe[list[Trigger]] = UNSET


class LiveSession(HoldsJson, kw_only=True):
    """The settings that a session starts with; `input` are messages, as JSON."""

    model: LiveModel
    audio: Maybe[LiveAudio] = UNSET
    client: Maybe[LiveClient] = UNSET
    delegation: Maybe[Delegation] = UNSET
    input: Maybe[list[Json]] = UNSET
    instructions: Maybe[str] = UNSET
    safety_identifier: Maybe[str] = UNSET
    store: Maybe[bool] = UNSET
    triggers: Maybe[list[Trigger]] = UNSET


class LiveSessionInfo(Told, LiveSession, kw_only=True):
    """A session as the server tells it; `expires_at` is in Unix seconds."""

    settings_type = LiveSession

    id: str
    expires_at: int
    status: str
