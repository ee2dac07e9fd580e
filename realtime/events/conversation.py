"""The conversation: its items come, change and go, and speech becomes text beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from .base import ClientSide, ItemEvent, Maybe, ServerSide, Tagged, Unknown, Wire
from .items import Item

# --- Client --------------------------------------------------------------------------


class ConversationItemCreate(ClientSide, tag="conversation.item.create", kw_only=True):
    """Adds an item after `previous_item_id` ("root": at the beginning; absent: at the end)."""

    previous_item_id: Maybe[str] = UNSET
    item: Item


class ConversationItemRetrieve(ClientSide, tag="conversation.item.retrieve", kw_only=True):
    """Asks for an item, with the audio as the model heard it."""

    item_id: str


class ConversationItemTruncate(ClientSide, tag="conversation.item.truncate", kw_only=True):
    """Cuts an assistant's audio to what was really heard; past its end is an error."""

    item_id: str
    content_index: int
    audio_end_ms: int


class ConversationItemDelete(ClientSide, tag="conversation.item.delete", kw_only=True):
    """Removes an item."""

    item_id: str


# --- Server: items -------------------------------------------------------------------


class ConversationInfo(Wire, kw_only=True):
    """A conversation's name."""

    id: str | None = None
    object: str | None = None


class ConversationCreated(ServerSide, tag="conversation.created", kw_only=True):
    """A conversation exists, right after its session."""

    conversation: ConversationInfo


class NewItemEvent(ServerSide, kw_only=True):
    """An item and the one before it (null: the first)."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemCreated(NewItemEvent, tag="conversation.item.created", kw_only=True):
    """The beta dialect's word for an item that was added; GA servers may still say it."""


class ConversationItemAdded(NewItemEvent, tag="conversation.item.added", kw_only=True):
    """An item was added; its content may still come."""


class ConversationItemDone(NewItemEvent, tag="conversation.item.done", kw_only=True):
    """An item is complete."""


class ConversationItemRetrieved(ServerSide, tag="conversation.item.retrieved", kw_only=True):
    """The answer to a retrieve."""

    item: Item


class ConversationItemTruncated(ItemEvent, tag="conversation.item.truncated", kw_only=True):
    """An assistant's audio was cut; its transcript is gone with it."""

    content_index: int
    audio_end_ms: int


class ConversationItemDeleted(ItemEvent, tag="conversation.item.deleted", kw_only=True):
    """An item was removed."""


# --- Server: transcription of the user's speech --------------------------------------


class LogProb(Wire, kw_only=True):
    """The log probability of one token; `bytes` are its UTF-8 codes."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class UnknownUsage(Unknown):
    """A transcription's usage of a type that this version does not know."""

    __slots__ = ()


class AnyTranscriptionUsage(Tagged):
    """The family of a transcription's usages."""

    unknown = UnknownUsage


class TranscriptionTokenDetails(Wire, kw_only=True):
    """What the input tokens were."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class TokenUsage(AnyTranscriptionUsage, tag="tokens", kw_only=True):
    """A transcription billed by tokens."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: TranscriptionTokenDetails | None = None


class DurationUsage(AnyTranscriptionUsage, tag="duration", kw_only=True):
    """A transcription billed by the length of the audio."""

    seconds: float


KnownTranscriptionUsage = TokenUsage | DurationUsage
if TYPE_CHECKING:
    TranscriptionUsage = KnownTranscriptionUsage | UnknownUsage
else:
    TranscriptionUsage = KnownTranscriptionUsage


class Language(Wire, kw_only=True):
    """A language that was heard."""

    code: str


class TranscriptionError(Wire, kw_only=True):
    """Why a transcription failed."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


class ConversationItemInputAudioTranscriptionDelta(
    ItemEvent, tag="conversation.item.input_audio_transcription.delta", kw_only=True
):
    """More of the transcript of the user's speech."""

    content_index: int | None = None
    delta: str | None = None
    logprobs: list[LogProb] | None = None


class ConversationItemInputAudioTranscriptionSegment(
    ItemEvent, tag="conversation.item.input_audio_transcription.segment", kw_only=True
):
    """A segment of a diarized transcript; `start` and `end` are in seconds."""

    content_index: int
    id: str
    speaker: str
    start: float
    end: float
    text: str


class ConversationItemInputAudioTranscriptionCompleted(
    ItemEvent, tag="conversation.item.input_audio_transcription.completed", kw_only=True
):
    """The whole transcript of the user's speech; it may come after the answer."""

    content_index: int
    transcript: str
    usage: TranscriptionUsage | None = None
    logprobs: list[LogProb] | None = None
    languages: list[Language] | None = None


class ConversationItemInputAudioTranscriptionFailed(
    ItemEvent, tag="conversation.item.input_audio_transcription.failed", kw_only=True
):
    """The user's speech could not be transcribed."""

    content_index: int
    error: TranscriptionError


# --- The unions ----------------------------------------------------------------------

ConversationClientEvent = (
    ConversationItemCreate | ConversationItemRetrieve | ConversationItemTruncate | ConversationItemDelete
)
ConversationServerEvent = (
    ConversationCreated
    | ConversationItemCreated
    | ConversationItemAdded
    | ConversationItemDone
    | ConversationItemRetrieved
    | ConversationItemTruncated
    | ConversationItemDeleted
    | ConversationItemInputAudioTranscriptionDelta
    | ConversationItemInputAudioTranscriptionSegment
    | ConversationItemInputAudioTranscriptionCompleted
    | ConversationItemInputAudioTranscriptionFailed
)
