"""Sessions and events of the Live dialect: a model that talks while another one works for it.

What a session passes on to other APIs is in `live_backend` (the settings of the Responses API), `live_items` (its items) and
`live_decisions`. A `Json` with the same content encodes in place of any of their Structs. The codec is `realtime.live`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from ..spec import LiveModel as LiveModel, LiveVoice as LiveVoice
from .base import (
    ClientSide,
    Maybe,
    ServerSide,
    SessionSnapshot,
    Tagged,
    Unknown,
    UnknownEvent,
    VariantStruct,
    Wire,
)
from .live_backend import *
from .live_decisions import *
from .live_items import *
from .session import AnyFormat, CustomVoice, PcmFormat, UnknownFormat

__all__ = [
    "UNSET", "AnyDelegation", "AnyTrigger", "AppendedText", "CallError", "ClientDelegation", "ClientEvent",
    "ContextWindow", "CorrelatedEvent", "CustomVoice", "DataChannel", "DecisionCreate",
    "DecisionEvent", "DecisionItemCreate", "DecisionItemCreated", "DecisionItemDelete",
    "DecisionItemDeleted", "DecisionsDelegation", "Delegation", "DelegationInfo", "Error", "Info",
    "Json", "KnownDelegation", "KnownLiveFormat", "LiveAudio", "LiveAudioOutput", "LiveClient",
    "LiveErrorDetail", "LiveFormat", "LiveModel", "LivePcmaFormat", "LivePcmuFormat", "LiveSession",
    "LiveSessionInfo", "LiveSessionUpdate", "LiveUsage", "LiveVoice", "Maybe",
    "PcmFormat", "ResponseCreate", "ResponseEvent", "ResponseItemCreate",
    "ResponsesDelegation", "ServerEvent", "ServerEventSelector", "SessionClose", "SessionClosed",
    "SessionCommentaryAppend", "SessionCommentaryAppended", "SessionDelegationCreated",
    "SessionInputAudioAppend", "SessionInputAudioMute", "SessionInputAudioMuted",
    "SessionInputAudioUnmute", "SessionInputAudioUnmuted", "SessionInputTranscriptDelta",
    "SessionInstructionsAppend", "SessionInstructionsAppended", "SessionOutputAudioDelta",
    "SessionOutputAudioFixturePlay", "SessionOutputAudioFixturePlayed",
    "SessionOutputAudioFixturePlaying", "SessionOutputTranscriptDelta", "SessionPaused",
    "SessionResumed", "SessionStart", "SessionStarted", "SessionThinkingAppend",
    "SessionThinkingAppended", "SessionUpdate", "SessionUpdated", "SessionUsageUpdated",
    "TimelineEvent", "TransportAnswered", "TransportDtmfReceived", "TransportDtmfSend",
    "TransportDtmfSent", "TransportEvent", "TransportFailed", "TransportRinging", "Trigger", "Unknown",
    "UnknownDelegation", "UnknownEvent", "UnknownFormat", "UnknownTrigger",
]  # fmt: skip

Json = Raw
"""JSON text."""


class UnknownDelegation(Unknown):
    """A delegation of a type that this version does not know."""

    __slots__ = ()


class LivePcmuFormat(AnyFormat, tag="audio/pcmu", kw_only=True):
    """G.711 mu-law, 8 kHz."""

    rate: Maybe[int] = UNSET


class LivePcmaFormat(AnyFormat, tag="audio/pcma", kw_only=True):
    """G.711 A-law, 8 kHz."""

    rate: Maybe[int] = UNSET


KnownLiveFormat = PcmFormat | LivePcmuFormat | LivePcmaFormat
if TYPE_CHECKING:
    LiveFormat = KnownLiveFormat | UnknownFormat
else:
    LiveFormat = KnownLiveFormat


class LiveAudioOutput(Wire, kw_only=True):
    """Settings of the output."""

    voice: Maybe[LiveVoice | CustomVoice] = UNSET


class LiveAudio(Wire, kw_only=True):
    """A session's audio settings: one format for both directions. PCM has 16 or 24 kHz."""

    format: Maybe[LiveFormat] = UNSET
    output: Maybe[LiveAudioOutput] = UNSET


class AnyDelegation(Tagged):
    """The family of delegations: who does the work that the talking model hands over."""

    unknown = UnknownDelegation
    retains_malformed = True


class ClientDelegation(AnyDelegation, tag="client", kw_only=True):
    """Delegation to the client."""

    acknowledgement_delay_ms: Maybe[int] = UNSET


class ResponsesDelegation(AnyDelegation, tag="responses", kw_only=True):
    """Delegation to a model of the Responses API."""

    responses: Maybe[ResponsesConfig] = UNSET
    acknowledgement_delay_ms: Maybe[int] = UNSET


class DecisionsDelegation(AnyDelegation, tag="decisions", kw_only=True):
    """Delegation to a model of the Decisions API."""

    decisions: Maybe[DecisionsConfig] = UNSET
    acknowledgement_delay_ms: Maybe[int] = UNSET


KnownDelegation = ClientDelegation | ResponsesDelegation | DecisionsDelegation
if TYPE_CHECKING:
    Delegation = KnownDelegation | UnknownDelegation
else:
    Delegation = KnownDelegation


class ServerEventSelector(Wire, kw_only=True):
    """A type of server event. For "response.event", `response_event` selects the type of the inner event."""

    type: str
    response_event: Maybe[str] = UNSET


class DataChannel(Wire, kw_only=True):
    """The events that a WebRTC client may send and receive: "all", or a list."""

    allowed_client_events: Maybe[str | list[str]] = UNSET
    allowed_server_events: Maybe[str | list[ServerEventSelector]] = UNSET


class LiveClient(Wire, kw_only=True):
    """Permissions of a WebRTC client."""

    data_channel: DataChannel


class UnknownTrigger(Unknown):
    """A trigger of a type that this version does not know."""

    __slots__ = ()


class Trigger(VariantStruct, kw_only=True):
    """A request for decisions at every event of a type. `type` is "decisions"."""

    unknown = UnknownTrigger
    types = frozenset({"decisions"})
    retains_malformed = True

    type: str
    event_type: str
    decisions: TriggerDecisions


if TYPE_CHECKING:
    AnyTrigger = Trigger | UnknownTrigger
else:
    AnyTrigger = Trigger


class LiveSessionUpdate(Wire, kw_only=True):
    """The settings that can change during a session."""

    delegation: Maybe[Delegation] = UNSET
    triggers: Maybe[list[AnyTrigger]] = UNSET


class LiveSession(Wire, kw_only=True):
    """The settings that a session starts with. `input` is the conversation so far.

    `model` is required but in a fork, which inherits that of its origin.
    """

    model: Maybe[LiveModel] = UNSET
    audio: Maybe[LiveAudio] = UNSET
    client: Maybe[LiveClient] = UNSET
    delegation: Maybe[Delegation] = UNSET
    input: Maybe[list[InputMessage]] = UNSET
    instructions: Maybe[str] = UNSET
    safety_identifier: Maybe[str] = UNSET
    store: Maybe[bool] = UNSET
    triggers: Maybe[list[AnyTrigger]] = UNSET


class LiveSessionInfo(SessionSnapshot, LiveSession, kw_only=True):
    """A session as the server reports it. `expires_at` is in Unix seconds."""

    settings_type = LiveSession

    id: str
    expires_at: int | None = None
    status: str | None = None


# --- Client --------------------------------------------------------------------------


class SessionStart(ClientSide, tag="session.start", kw_only=True):
    """Request to start the session, the first event of a connection.

    A session that a server reported is accepted too: `encode` removes its read-only members.
    """

    has_session_settings = True

    session: LiveSession


class SessionUpdate(ClientSide, tag="session.update", kw_only=True):
    """Request to change the settings that can change. Absent members stay, null clears."""

    has_session_settings = True

    session: LiveSessionUpdate


class SessionClose(ClientSide, tag="session.close", kw_only=True):
    """Request to end the session."""


class SessionInputAudioAppend(ClientSide, tag="session.input_audio.append", kw_only=True):
    """Audio for the model, in the session's format. Sideband connections receive it as a server event."""

    audio_field = "audio"

    audio: bytes


class SessionInputAudioMute(ClientSide, tag="session.input_audio.mute", kw_only=True):
    """Request to mute the input. The model receives silence."""


class SessionInputAudioUnmute(ClientSide, tag="session.input_audio.unmute", kw_only=True):
    """Request to unmute the input."""


class SessionOutputAudioFixturePlay(ClientSide, tag="session.output_audio.fixture.play", kw_only=True):
    """Request to play audio in place of the model's: PCM16, 24 kHz mono, at most 30 seconds."""

    audio_field = "audio"

    audio: bytes


class AppendedText(ClientSide, kw_only=True, omit_defaults=False):
    """Text for the model, of about 500 tokens at most.

    `delegation_id` is that of a delegation to the client, which the text is about. It is always sent, because
    servers require it; null if the text is about none.
    """

    delegation_id: str | None = None
    content: str


class SessionInstructionsAppend(AppendedText, tag="session.instructions.append", kw_only=True):
    """Additional instructions for the model."""


class SessionThinkingAppend(AppendedText, tag="session.thinking.append", kw_only=True):
    """Progress or reasoning of the delegate, for the model to know but not to speak."""


class SessionCommentaryAppend(AppendedText, tag="session.commentary.append", kw_only=True):
    """Content from the delegate, for the model to speak."""


class DecisionCreate(ClientSide, tag="decision.create", kw_only=True):
    """Request for decisions now."""


class DecisionItemCreate(ClientSide, tag="decision.item.create", kw_only=True):
    """Request to add an item to the input of decisions."""

    item: DecisionItem


class DecisionItemDelete(ClientSide, tag="decision.item.delete", kw_only=True):
    """Request to remove an item from the input of decisions."""

    item_id: str


class ResponseItemCreate(ClientSide, tag="response.item.create", kw_only=True):
    """Request to add an item of the Responses API to the delegate's input."""

    item: Item


class ResponseCreate(ClientSide, tag="response.create", kw_only=True):
    """Request for a response from the delegate, or for its continuation after tool outputs."""


class TransportDtmfSend(ClientSide, tag="transport.dtmf.send", kw_only=True):
    """Request to send a key press to the phone network: one of 0-9, A-D, * and #, in `event`.

    For sideband connections of SIP calls. Older servers send it in place of `transport.dtmf.sent`,
    with a `client_event_id`.
    """

    event: str
    client_event_id: Maybe[str] = UNSET


# --- Server: the session -------------------------------------------------------------


class CorrelatedEvent(ServerSide, kw_only=True):
    """A server event that may answer a client event, by its id."""

    client_event_id: str | None = None


class SessionStarted(CorrelatedEvent, tag="session.started", kw_only=True):
    """Answer to `session.start`, with all settings in effect."""

    session: LiveSessionInfo


class SessionUpdated(CorrelatedEvent, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`, with all settings now in effect."""

    session: LiveSessionInfo


class SessionPaused(CorrelatedEvent, tag="session.paused", kw_only=True):
    """Pause of inference after the idle timeout. The connection and the session persist. WebRTC only."""


class SessionResumed(CorrelatedEvent, tag="session.resumed", kw_only=True):
    """End of a pause: the user spoke."""


class LiveUsage(Wire, kw_only=True):
    """The seconds that a session is billed for so far, and their parts if the server reports them."""

    seconds: float
    active_seconds: int | None = None
    paused_seconds: int | None = None


class ContextWindow(Wire, kw_only=True):
    """The used share of the context window, 0 to 1."""

    usage_ratio: float


class SessionUsageUpdated(CorrelatedEvent, tag="session.usage.updated", kw_only=True):
    """The session's usage so far, at intervals that the server chooses."""

    usage: LiveUsage
    context_window: ContextWindow | None = None


class SessionClosed(CorrelatedEvent, tag="session.closed", kw_only=True):
    """The last event of a session, with the reason of its end and its final usage."""

    reason: str
    usage: LiveUsage
    session: LiveSessionInfo | None = None


class LiveErrorDetail(Wire, kw_only=True):
    """Details of an error. `client_event_id` is that of the client event that caused it."""

    type: str
    code: str | None = None
    message: str
    param: str | None = None
    client_event_id: str | None = None


class Error(CorrelatedEvent, tag="error", kw_only=True):
    """An error, mostly about a client event."""

    error: LiveErrorDetail


class Info(CorrelatedEvent, tag="info", kw_only=True):
    """A notice about the session, such as the permissions of a WebRTC client."""

    code: str
    message: str


# --- Server: audio and text ----------------------------------------------------------


class SessionOutputAudioDelta(ServerSide, tag="session.output_audio.delta", kw_only=True):
    """A new piece of the model's audio. Times are on the session's clock."""

    audio_field = "delta"

    delta: bytes
    start_ms: int | None = None
    end_ms: int | None = None


class SessionInputAudioMuted(CorrelatedEvent, tag="session.input_audio.muted", kw_only=True):
    """Answer to `session.input_audio.mute`."""


class SessionInputAudioUnmuted(CorrelatedEvent, tag="session.input_audio.unmuted", kw_only=True):
    """Answer to `session.input_audio.unmute`."""


class SessionOutputAudioFixturePlaying(
    CorrelatedEvent, tag="session.output_audio.fixture.playing", kw_only=True
):
    """Answer to an accepted `session.output_audio.fixture.play`."""


class SessionOutputAudioFixturePlayed(
    CorrelatedEvent, tag="session.output_audio.fixture.played", kw_only=True
):
    """End of a fixture: its audio has left the server."""


class TimelineEvent(CorrelatedEvent, kw_only=True):
    """An event with a start and an end on the session's clock."""

    start_ms: int
    end_ms: int


class SessionInputTranscriptDelta(TimelineEvent, tag="session.input_transcript.delta", kw_only=True):
    """A new piece of the transcript of the user's speech."""

    delta: str


class SessionOutputTranscriptDelta(TimelineEvent, tag="session.output_transcript.delta", kw_only=True):
    """A new piece of the transcript of the model's speech."""

    delta: str


class SessionInstructionsAppended(TimelineEvent, tag="session.instructions.appended", kw_only=True):
    """Answer to `session.instructions.append`, once the text has its place on the timeline."""


class SessionThinkingAppended(TimelineEvent, tag="session.thinking.appended", kw_only=True):
    """Answer to `session.thinking.append`, once the text has its place on the timeline."""


class SessionCommentaryAppended(TimelineEvent, tag="session.commentary.appended", kw_only=True):
    """Answer to `session.commentary.append`, once the text has its place on the timeline."""


# --- Server: delegation --------------------------------------------------------------


class DelegationInfo(Wire, kw_only=True):
    """A piece of work that the model has handed over. `target` is "client", "responses" or "decisions"."""

    id: str
    type: str
    target: str
    response_id: str | None = None


class SessionDelegationCreated(CorrelatedEvent, tag="session.delegation.created", kw_only=True):
    """Start of a delegation: the model hands over a piece of work."""

    delegation: DelegationInfo
    offset_ms: int


class DecisionEvent(ServerSide, tag="decision.event", kw_only=True):
    """An event of the Decisions API, from a delegation or a trigger."""

    event: InnerDecisionEvent
    delegation_id: str | None = None
    source_event_id: str | None = None
    source_event_type: str | None = None
    trigger_id: str | None = None


class DecisionItemCreated(CorrelatedEvent, tag="decision.item.created", kw_only=True):
    """Answer to `decision.item.create`."""

    item: DecisionItem


class DecisionItemDeleted(CorrelatedEvent, tag="decision.item.deleted", kw_only=True):
    """Answer to `decision.item.delete`."""

    item_id: str


class ResponseEvent(CorrelatedEvent, tag="response.event", kw_only=True):
    """An event of the Responses API, from a delegation.

    `event` is JSON text: Live's reference does not say which events of that API a session may pass on, and the official SDK
    has no types for them. Decode it by ``msgspec.json.decode(event)``.
    """

    event: Json
    delegation_id: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.event, Raw):
            bytes(self.event).decode()  # raises UnicodeDecodeError for text that could not be sent again
            self.event = self.event.copy()  # a slice would keep the frame alive


# --- Server: transport (SIP) ---------------------------------------------------------


class TransportEvent(ServerSide, kw_only=True):
    """An event about the phone leg of a session. Only sideband connections receive it."""

    session_id: str


class TransportRinging(TransportEvent, tag="transport.ringing", kw_only=True):
    """Ringing of the called phone."""


class TransportAnswered(TransportEvent, tag="transport.answered", kw_only=True):
    """Answer of the called party."""


class CallError(Wire, kw_only=True):
    """Details of a call that could not be set up."""

    type: str
    code: str
    message: str
    param: str | None = None


class TransportFailed(TransportEvent, tag="transport.failed", kw_only=True):
    """Failure to set up a call."""

    error: CallError


class TransportDtmfReceived(ServerSide, tag="transport.dtmf.received", kw_only=True):
    """Key press of the caller."""

    event: str


class TransportDtmfSent(CorrelatedEvent, tag="transport.dtmf.sent", kw_only=True):
    """Confirmation that a key press was sent to the phone network."""

    event: str


# --- The unions ----------------------------------------------------------------------

ClientEvent = (
    SessionStart
    | SessionUpdate
    | SessionClose
    | SessionInputAudioAppend
    | SessionInputAudioMute
    | SessionInputAudioUnmute
    | SessionOutputAudioFixturePlay
    | SessionInstructionsAppend
    | SessionThinkingAppend
    | SessionCommentaryAppend
    | DecisionCreate
    | DecisionItemCreate
    | DecisionItemDelete
    | ResponseItemCreate
    | ResponseCreate
    | TransportDtmfSend
    | UnknownEvent
)
ServerEvent = (
    SessionStarted
    | SessionUpdated
    | SessionPaused
    | SessionResumed
    | SessionUsageUpdated
    | SessionClosed
    | Error
    | Info
    | SessionInputAudioAppend
    | SessionOutputAudioDelta
    | SessionInputAudioMuted
    | SessionInputAudioUnmuted
    | SessionOutputAudioFixturePlaying
    | SessionOutputAudioFixturePlayed
    | SessionInputTranscriptDelta
    | SessionOutputTranscriptDelta
    | SessionInstructionsAppended
    | SessionThinkingAppended
    | SessionCommentaryAppended
    | SessionDelegationCreated
    | DecisionEvent
    | DecisionItemCreated
    | DecisionItemDeleted
    | ResponseEvent
    | TransportRinging
    | TransportAnswered
    | TransportFailed
    | TransportDtmfReceived
    | TransportDtmfSend
    | TransportDtmfSent
    | UnknownEvent
)
