"""Events of the conversation: items added, changed and removed, and transcripts of the user's speech.

The items themselves are in `items`; the events of a response that is being generated in `response`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from .base import ClientSide, ItemEvent, Maybe, ServerSide, Tagged, Unknown, Wire
from .items import Item

# --- Client --------------------------------------------------------------------------


class ConversationItemCreate(ClientSide, tag="conversation.item.create", kw_only=True):
    """Request to add an item after `previous_item_id` ("root": at the beginning, absent: at the end)."""

    previous_item_id: Maybe[str] = UNSET
    item: Item


class ConversationItemRetrieve(ClientSide, tag="conversation.item.retrieve", kw_only=True):
    """Request for an item, with its audio as the model received it."""

    item_id: str


class ConversationItemTruncate(ClientSide, tag="conversation.item.truncate", kw_only=True):
    """Request to truncate an assistant's audio to the part that was played. Past its end is an error."""

    item_id: str
    content_index: int
    audio_end_ms: int


class ConversationItemDelete(ClientSide, tag="conversation.item.delete", kw_only=True):
    """Request to remove an item."""

    item_id: str


# --- Server: items -------------------------------------------------------------------


class ConversationInfo(Wire, kw_only=True):
    """A conversation's id."""

    id: str | None = None
    object: str | None = None


class ConversationCreated(ServerSide, tag="conversation.created", kw_only=True):
    """The conversation's id, right after `session.created`."""

    conversation: ConversationInfo


class NewItemEvent(ServerSide, kw_only=True):
    """An event with an item and the id of the one before it (None: it is the first)."""

    previous_item_id: str | None = None
    item: Item


class ConversationItemCreated(NewItemEvent, tag="conversation.item.created", kw_only=True):
    """An added item, from servers that still use the beta dialect's name for the event."""


class ConversationItemAdded(NewItemEvent, tag="conversation.item.added", kw_only=True):
    """An added item. Its content may follow in later events."""


class ConversationItemDone(NewItemEvent, tag="conversation.item.done", kw_only=True):
    """A complete item, without its audio."""


class ConversationItemRetrieved(ServerSide, tag="conversation.item.retrieved", kw_only=True):
    """Answer to `conversation.item.retrieve`."""

    item: Item


class ConversationItemTruncated(ItemEvent, tag="conversation.item.truncated", kw_only=True):
    """Answer to `conversation.item.truncate`. The server has removed the transcript too."""

    content_index: int
    audio_end_ms: int


class ConversationItemDeleted(ItemEvent, tag="conversation.item.deleted", kw_only=True):
    """Answer to `conversation.item.delete`."""


# --- Server: transcription of the user's speech --------------------------------------


class LogProb(Wire, kw_only=True):
    """The log probability of a token. `bytes` is its text in UTF-8."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class UnknownUsage(Unknown):
    """Usage of a transcription, of a type that this version does not know."""

    __slots__ = ()


class AnyTranscriptionUsage(Tagged):
    """The family of a transcription's usage."""

    unknown = UnknownUsage


class TranscriptionTokenDetails(Wire, kw_only=True):
    """The kinds of the input tokens."""

    text_tokens: int | None = None
    audio_tokens: int | None = None


class TokenUsage(AnyTranscriptionUsage, tag="tokens", kw_only=True):
    """Usage of a transcription that is billed by tokens."""

    input_tokens: int
    output_tokens: int
    total_tokens: int
    input_token_details: TranscriptionTokenDetails | None = None


class DurationUsage(AnyTranscriptionUsage, tag="duration", kw_only=True):
    """Usage of a transcription that is billed by the length of its audio."""

    seconds: float


KnownTranscriptionUsage = TokenUsage | DurationUsage
if TYPE_CHECKING:
    TranscriptionUsage = KnownTranscriptionUsage | UnknownUsage
else:
    TranscriptionUsage = KnownTranscriptionUsage


class Language(Wire, kw_only=True):
    """A language found in the speech."""

    code: str


class TranscriptionError(Wire, kw_only=True):
    """Details of a failed transcription."""

    type: str | None = None
    code: str | None = None
    message: str | None = None
    param: str | None = None


class ConversationItemInputAudioTranscriptionDelta(
    ItemEvent, tag="conversation.item.input_audio_transcription.delta", kw_only=True
):
    """A new piece of the transcript of the user's speech."""

    content_index: int | None = None
    delta: str | None = None
    logprobs: list[LogProb] | None = None


class ConversationItemInputAudioTranscriptionSegment(
    ItemEvent, tag="conversation.item.input_audio_transcription.segment", kw_only=True
):
    """A segment of a diarized transcript. `start` and `end` are in seconds."""

    content_index: int
    id: str
    speaker: str
    start: float
    end: float
    text: str


class ConversationItemInputAudioTranscriptionCompleted(
    ItemEvent, tag="conversation.item.input_audio_transcription.completed", kw_only=True
):
    """The complete transcript of the user's speech. May arrive after the response to it."""

    content_index: int
    transcript: str
    usage: TranscriptionUsage | None = None
    logprobs: list[LogProb] | None = None
    languages: list[Language] | None = None


class ConversationItemInputAudioTranscriptionFailed(
    ItemEvent, tag="conversation.item.input_audio_transcription.failed", kw_only=True
):
    """Failure to transcribe the user's speech."""

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
