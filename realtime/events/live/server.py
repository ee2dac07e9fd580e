"""What a server of the Live dialect sends; `client_event_id` names the client event it answers."""

from __future__ import annotations

from ..base import ServerSide, Wire
from .client import SessionInputAudioAppend
from .session import HoldsJson, Json, LiveSessionInfo


class Answer(ServerSide, kw_only=True):
    """A server event that may answer a client event."""

    client_event_id: str | None = None


# --- The session ---------------------------------------------------------------------


class SessionStarted(Answer, tag="session.started", kw_only=True):
    """The session has begun."""

    session: LiveSessionInfo


class SessionUpdated(Answer, tag="session.updated", kw_only=True):
    """A `session.update` was accepted."""

    session: LiveSessionInfo


class LiveUsage(Wire, kw_only=True):
    """What a session is billed for: whole seconds so far, and how they split where the session says it."""

    seconds: float
    active_seconds: int | None = None
    paused_seconds: int | None = None


class ContextWindow(Wire, kw_only=True):
    """How full the context is, 0 to 1."""

    usage_ratio: float


class SessionUsageUpdated(Answer, tag="session.usage.updated", kw_only=True):
    """What the session has used so far."""

    usage: LiveUsage
    context_window: ContextWindow | None = None


class SessionClosed(Answer, tag="session.closed", kw_only=True):
    """The session has ended, and why."""

    reason: str
    usage: LiveUsage
    session: LiveSessionInfo | None = None


class LiveErrorDetail(Wire, kw_only=True):
    """What went wrong."""

    type: str
    code: str
    message: str
    param: str | None = None
    client_event_id: str | None = None


class Error(Answer, tag="error", kw_only=True):
    """Something went wrong, mostly with a client event."""

    error: LiveErrorDetail


class Info(Answer, tag="info", kw_only=True):
    """Something worth knowing."""

    code: str
    message: str


# --- Audio and text ------------------------------------------------------------------


class SessionOutputAudioDelta(ServerSide, tag="session.output_audio.delta", kw_only=True):
    """What the model says; times are on the session's clock."""

    audio_field = "delta"

    delta: bytes
    start_ms: int | None = None
    end_ms: int | None = None


class SessionInputAudioMuted(Answer, tag="session.input_audio.muted", kw_only=True):
    """The model hears nothing."""


class SessionInputAudioUnmuted(Answer, tag="session.input_audio.unmuted", kw_only=True):
    """The model hears."""


class SessionOutputAudioFixturePlaying(Answer, tag="session.output_audio.fixture.playing", kw_only=True):
    """The audio that was sent is being played."""


class SessionOutputAudioFixturePlayed(Answer, tag="session.output_audio.fixture.played", kw_only=True):
    """It was played to its end."""


class Timed(Answer, kw_only=True):
    """Something that takes its time on the session's clock."""

    start_ms: int
    end_ms: int


class SessionInputTranscriptDelta(Timed, tag="session.input_transcript.delta", kw_only=True):
    """More of what the user said."""

    delta: str


class SessionOutputTranscriptDelta(Timed, tag="session.output_transcript.delta", kw_only=True):
    """More of what the model said."""

    delta: str


class SessionInstructionsAppended(Timed, tag="session.instructions.appended", kw_only=True):
    """Instructions were taken in."""


class SessionThinkingAppended(Timed, tag="session.thinking.appended", kw_only=True):
    """Thinking was taken in."""


class SessionCommentaryAppended(Timed, tag="session.commentary.appended", kw_only=True):
    """Commentary was taken in."""


# --- Delegation ----------------------------------------------------------------------


class DelegationInfo(Wire, kw_only=True):
    """What the model has handed over, and to whom."""

    id: str
    type: str
    target: str
    response_id: str | None = None


class SessionDelegationCreated(Answer, tag="session.delegation.created", kw_only=True):
    """The model hands something over."""

    delegation: DelegationInfo
    offset_ms: int


class DecisionEvent(HoldsJson, ServerSide, tag="decision.event", kw_only=True):
    """An event of the Decisions API."""

    event: Json
    delegation_id: str | None = None
    source_event_id: str | None = None
    source_event_type: str | None = None
    trigger_id: str | None = None


class DecisionItemCreated(HoldsJson, Answer, tag="decision.item.created", kw_only=True):
    """An item was added."""

    item: Json


class DecisionItemDeleted(Answer, tag="decision.item.deleted", kw_only=True):
    """An item was removed."""

    item_id: str


class ResponseEvent(HoldsJson, Answer, tag="response.event", kw_only=True):
    """An event of the Responses API."""

    event: Json
    delegation_id: str | None = None


# --- Transport (SIP) -----------------------------------------------------------------


class TransportEvent(ServerSide, kw_only=True):
    """Something about the phone leg of a session."""

    session_id: str


class TransportRinging(TransportEvent, tag="transport.ringing", kw_only=True):
    """The other side's phone rings."""


class TransportAnswered(TransportEvent, tag="transport.answered", kw_only=True):
    """The other side has answered."""


class CallError(Wire, kw_only=True):
    """Why a call could not be set up."""

    type: str
    code: str
    message: str
    param: str | None = None


class TransportFailed(TransportEvent, tag="transport.failed", kw_only=True):
    """The call could not be set up."""

    error: CallError


class TransportDtmfReceived(ServerSide, tag="transport.dtmf.received", kw_only=True):
    """The caller has pressed a key."""

    event: str


class TransportDtmfSend(Answer, tag="transport.dtmf.send", kw_only=True):
    """A key was sent, as older servers say it."""

    event: str


class TransportDtmfSent(Answer, tag="transport.dtmf.sent", kw_only=True):
    """A key was sent."""

    event: str


# --- The union -----------------------------------------------------------------------

LiveServerEvent = (
    SessionStarted
    | SessionUpdated
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
)
