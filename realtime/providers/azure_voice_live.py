"""Azure Voice Live: the beta dialect with voices, detection and avatars of Azure.

Sources: recorded sessions of November 2026; azure-ai-voicelive 1.3.1, its models. Read 2026-11-29.
Members that are configuration of Azure's own services (avatar, animation, interim responses) are
kept as JSON.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import events as ga
from ..codec import DialectCodec
from ..events import beta
from ..events.base import UNSET, ClientSide, ContentEvent, ItemEvent, Maybe, ServerSide, SessionSnapshot, Wire
from ._codec import with_own

__all__ = [
    "AzureVoice", "ClientEvent", "Codec", "InputAudioClear", "InputAudioTurnAppend", "InputAudioTurnCancel",
    "InputAudioTurnEnd", "InputAudioTurnStart", "InputTextDelta", "InputTextDone",
    "ResponseAnimationBlendshapesDelta", "ResponseAnimationBlendshapesDone",
    "ResponseAnimationVisemeDelta", "ResponseAnimationVisemeDone", "ResponseAudioTimestampDelta",
    "ResponseAudioTimestampDone", "ResponseAudioTranscriptAnnotationAdded", "ResponseCreate",
    "ResponseFileSearchCallCompleted", "ResponseFileSearchCallInProgress",
    "ResponseFileSearchCallSearching", "ResponseInvocationDelta", "ResponseVideoDelta",
    "ResponseWebSearchCallCompleted", "ResponseWebSearchCallInProgress",
    "ResponseWebSearchCallSearching", "ServerEvent", "SessionAvatarConnect", "SessionAvatarConnecting",
    "SessionAvatarSwitchToIdle", "SessionAvatarSwitchToSpeaking", "SessionCreated", "SessionUpdate",
    "SessionUpdated", "VoiceLiveSession", "VoiceLiveSessionInfo", "VoiceLiveTranscription",
    "VoiceLiveTurnDetection", "Warning", "WarningDetail", "decode_client", "decode_client_if",
    "decode_server", "decode_server_if", "encode", "encode_append",
]  # fmt: skip


# --- Sessions ------------------------------------------------------------------------


class AzureVoice(Wire, kw_only=True):
    """A voice of Azure Voice Live: "openai", "azure-standard", "azure-custom", "azure-personal" or other `type`."""

    type: str
    name: Maybe[str] = UNSET
    endpoint_id: Maybe[str] = UNSET
    model: Maybe[str] = UNSET
    temperature: Maybe[float] = UNSET
    custom_lexicon_url: Maybe[str] = UNSET
    custom_text_normalization_url: Maybe[str] = UNSET
    prefer_locales: Maybe[list[str]] = UNSET
    locale: Maybe[str] = UNSET
    style: Maybe[str] = UNSET
    pitch: Maybe[str] = UNSET
    rate: Maybe[str] = UNSET
    volume: Maybe[str] = UNSET


class VoiceLiveTranscription(beta.TranscriptionConfig, kw_only=True):
    """Settings for the transcription of the user's speech."""

    custom_speech: Any = UNSET
    phrase_list: Any = UNSET


class VoiceLiveTurnDetection(Wire, kw_only=True):
    """Turn detection: "server_vad", "azure_semantic_vad", "azure_semantic_vad_multilingual" or "semantic_vad"."""

    type: Maybe[str] = UNSET
    threshold: Maybe[float] = UNSET
    prefix_padding_ms: Maybe[int] = UNSET
    silence_duration_ms: Maybe[int] = UNSET
    speech_duration_ms: Maybe[int] = UNSET
    eagerness: Maybe[str] = UNSET
    create_response: Maybe[bool] = UNSET
    interrupt_response: Maybe[bool] = UNSET
    idle_timeout_ms: Maybe[int] = UNSET
    remove_filler_words: Maybe[bool] = UNSET
    languages: Maybe[list[str]] = UNSET
    auto_truncate: Maybe[bool] = UNSET
    end_of_utterance_detection: Any = UNSET
    appended_text_after_truncation: Any = UNSET


class VoiceLiveSession(beta.RealtimeSessionConfig, kw_only=True):
    """The settings of a session."""

    voice: Maybe[str | AzureVoice] = UNSET  # type: ignore[assignment]
    turn_detection: Maybe[VoiceLiveTurnDetection] = UNSET  # type: ignore[assignment]
    input_audio_transcription: Maybe[VoiceLiveTranscription] = UNSET  # pyright: ignore[reportIncompatibleVariableOverride]
    input_audio_sampling_rate: Maybe[int] = UNSET
    input_audio_echo_cancellation: Any = UNSET
    output_audio_timestamp_types: Maybe[list[str]] = UNSET
    animation: Any = UNSET
    avatar: Any = UNSET
    interim_response: Any = UNSET
    reasoning_effort: Maybe[str] = UNSET
    parallel_tool_calls: Maybe[bool] = UNSET
    include: Maybe[list[str]] = UNSET
    metadata: Any = UNSET


class VoiceLiveSessionInfo(SessionSnapshot, VoiceLiveSession, kw_only=True):
    """A session as the server reports it. `expires_at` is in Unix seconds, from some models a text."""

    settings_type = VoiceLiveSession

    id: str | None = None
    object: str | None = None
    expires_at: int | str | None = None
    agent: Any = None


# --- Client --------------------------------------------------------------------------


class SessionUpdate(beta.SessionUpdate, tag="session.update", kw_only=True):
    """Request to change the session's settings."""

    session: VoiceLiveSession  # pyright: ignore[reportIncompatibleVariableOverride]


class ResponseCreate(beta.ResponseCreate, tag="response.create", kw_only=True):
    """Request for a response."""

    additional_instructions: Maybe[str] = UNSET


class SessionAvatarConnect(ClientSide, tag="session.avatar.connect", kw_only=True):
    """Request to connect the avatar's video, with a WebRTC offer."""

    client_sdp: str


class InputAudioClear(ClientSide, tag="input_audio.clear", kw_only=True):
    """Request to drop the audio received so far."""


class InputAudioTurn(ClientSide, kw_only=True):
    """A step of a turn that the client marks itself."""

    turn_id: str


class InputAudioTurnStart(InputAudioTurn, tag="input_audio.turn.start", kw_only=True):
    """Start of a turn."""


class InputAudioTurnAppend(InputAudioTurn, tag="input_audio.turn.append", kw_only=True):
    """Audio of a turn."""

    audio_field = "audio"

    audio: bytes


class InputAudioTurnEnd(InputAudioTurn, tag="input_audio.turn.end", kw_only=True):
    """End of a turn."""


class InputAudioTurnCancel(InputAudioTurn, tag="input_audio.turn.cancel", kw_only=True):
    """Request to drop a turn."""


class InputTextDelta(ClientSide, tag="input_text.delta", kw_only=True):
    """Piece of a text that the client streams."""

    id: str
    delta: str
    content_index: Maybe[int] = UNSET


class InputTextDone(ClientSide, tag="input_text.done", kw_only=True):
    """End of a text that the client streams."""

    id: str
    content_index: Maybe[int] = UNSET


# --- Server --------------------------------------------------------------------------


class SessionCreated(beta.SessionCreated, tag="session.created", kw_only=True):
    """The first event of a connection, with the session's default settings."""

    session: VoiceLiveSessionInfo | None  # type: ignore[assignment]


class SessionUpdated(beta.SessionUpdated, tag="session.updated", kw_only=True):
    """Answer to an accepted `session.update`."""

    session: VoiceLiveSessionInfo | None  # type: ignore[assignment]


class WarningDetail(Wire, kw_only=True):
    """Details of a warning."""

    message: str
    code: str | None = None
    param: str | None = None


class Warning(ServerSide, tag="warning", kw_only=True):
    """A problem that does not stop the session."""

    warning: WarningDetail


class SessionAvatarConnecting(ServerSide, tag="session.avatar.connecting", kw_only=True):
    """Answer to `session.avatar.connect`, with the WebRTC answer."""

    server_sdp: str


class SessionAvatarSwitchToSpeaking(ServerSide, tag="session.avatar.switch_to_speaking", kw_only=True):
    """Begin of the avatar's speech."""

    turn_id: str | None = None


class SessionAvatarSwitchToIdle(ServerSide, tag="session.avatar.switch_to_idle", kw_only=True):
    """End of the avatar's speech."""

    turn_id: str | None = None


class ResponseAnimationBlendshapesDelta(
    ContentEvent, tag="response.animation_blendshapes.delta", kw_only=True
):
    """Animation frames, as lists of coefficients or as text."""

    frame_index: int
    frames: Any


class ResponseAnimationBlendshapesDone(ItemEvent, tag="response.animation_blendshapes.done", kw_only=True):
    """End of the animation frames of an item."""

    response_id: str
    output_index: int


class ResponseAnimationVisemeDelta(ContentEvent, tag="response.animation_viseme.delta", kw_only=True):
    """A viseme, at `audio_offset_ms` of the audio."""

    audio_offset_ms: int
    viseme_id: int


class ResponseAnimationVisemeDone(ContentEvent, tag="response.animation_viseme.done", kw_only=True):
    """End of the visemes of a content part."""


class ResponseAudioTimestampDelta(ContentEvent, tag="response.audio_timestamp.delta", kw_only=True):
    """A word of the audio and its place in it."""

    audio_offset_ms: int
    audio_duration_ms: int
    text: str
    timestamp_type: str | None = None


class ResponseAudioTimestampDone(ContentEvent, tag="response.audio_timestamp.done", kw_only=True):
    """End of the words of a content part."""


class ResponseAudioTranscriptAnnotationAdded(
    ContentEvent, tag="response.audio_transcript.annotation.added", kw_only=True
):
    """A source of a part of the transcript."""

    annotation_index: int
    annotation: Any = None


class ResponseVideoDelta(ServerSide, tag="response.video.delta", kw_only=True):
    """Video of the avatar, base64 in `delta`."""

    output_index: int
    codec: str
    delta: str


class ResponseInvocationDelta(ServerSide, tag="response.invocation.delta", kw_only=True):
    """A step of the agent that answers."""

    delta: Any = None


class SearchCallEvent(ItemEvent, kw_only=True):
    """A step of a search."""

    response_id: str
    output_index: int
    sequence_number: int


class ResponseWebSearchCallSearching(SearchCallEvent, tag="response.web_search_call.searching", kw_only=True):
    """A web search under way."""


class ResponseWebSearchCallInProgress(
    SearchCallEvent, tag="response.web_search_call.in_progress", kw_only=True
):
    """A web search that began."""


class ResponseWebSearchCallCompleted(SearchCallEvent, tag="response.web_search_call.completed", kw_only=True):
    """A web search that ended."""


class ResponseFileSearchCallSearching(
    SearchCallEvent, tag="response.file_search_call.searching", kw_only=True
):
    """A file search under way."""


class ResponseFileSearchCallInProgress(
    SearchCallEvent, tag="response.file_search_call.in_progress", kw_only=True
):
    """A file search that began."""


class ResponseFileSearchCallCompleted(
    SearchCallEvent, tag="response.file_search_call.completed", kw_only=True
):
    """A file search that ended."""


# --- The unions ----------------------------------------------------------------------

_OwnServerEvent = (
    SessionCreated
    | SessionUpdated
    | Warning
    | SessionAvatarConnecting
    | SessionAvatarSwitchToSpeaking
    | SessionAvatarSwitchToIdle
    | ResponseAnimationBlendshapesDelta
    | ResponseAnimationBlendshapesDone
    | ResponseAnimationVisemeDelta
    | ResponseAnimationVisemeDone
    | ResponseAudioTimestampDelta
    | ResponseAudioTimestampDone
    | ResponseAudioTranscriptAnnotationAdded
    | ResponseVideoDelta
    | ResponseInvocationDelta
    | ResponseWebSearchCallSearching
    | ResponseWebSearchCallInProgress
    | ResponseWebSearchCallCompleted
    | ResponseFileSearchCallSearching
    | ResponseFileSearchCallInProgress
    | ResponseFileSearchCallCompleted
    # GA's, sent beside conversation.item.created.
    | ga.ConversationItemAdded
    | ga.ConversationItemDone
)
_OwnClientEvent = (
    SessionUpdate
    | ResponseCreate
    | SessionAvatarConnect
    | InputAudioClear
    | InputAudioTurnStart
    | InputAudioTurnAppend
    | InputAudioTurnEnd
    | InputAudioTurnCancel
    | InputTextDelta
    | InputTextDone
)
if TYPE_CHECKING:
    ServerEvent = beta.ServerEvent | _OwnServerEvent
    ClientEvent = beta.ClientEvent | _OwnClientEvent
else:
    ServerEvent = with_own(beta.ServerEvent, *_OwnServerEvent.__args__)
    ClientEvent = with_own(beta.ClientEvent, *_OwnClientEvent.__args__)


class Codec(DialectCodec[ServerEvent, ClientEvent]):
    """The codec of Azure Voice Live. Limits: `max_frame_bytes`, `max_depth`."""

    server_events = ServerEvent
    client_events = ClientEvent
    append = beta.InputAudioBufferAppend


CODEC = Codec()
decode_server, decode_client, decode_server_if, decode_client_if, encode, encode_append = CODEC.functions()
