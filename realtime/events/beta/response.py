"""Responses of the beta dialect: flat settings, and the older names of what comes."""

from __future__ import annotations

from msgspec import UNSET

from .. import response as ga
from ..base import ClientSide, Maybe, ServerSide, Wire
from ..response import ConversationMode
from ..session import MaxTokens, Modality as _Modality
from ..tools import ToolChoice
from .conversation import Item
from .session import FormatName, Tool, VoiceName

# --- Responses -----------------------------------------------------------------------


class RealtimeResponse(Wire, kw_only=True):
    """What one response does otherwise than the session."""

    modalities: Maybe[list[_Modality]] = UNSET
    instructions: Maybe[str] = UNSET
    voice: Maybe[VoiceName] = UNSET
    output_audio_format: Maybe[FormatName] = UNSET
    tools: Maybe[list[Tool]] = UNSET
    tool_choice: Maybe[ToolChoice] = UNSET
    temperature: Maybe[float] = UNSET
    max_output_tokens: Maybe[MaxTokens] = UNSET
    max_response_output_tokens: Maybe[MaxTokens] = UNSET
    conversation: Maybe[ConversationMode] = UNSET
    input: Maybe[list[Item]] = UNSET
    metadata: Maybe[dict[str, str]] = UNSET


class ResponseCreate(ClientSide, tag="response.create", kw_only=True):
    """Asks for a response."""

    response: Maybe[RealtimeResponse] = UNSET


class Response(ga.ResponseFacts, kw_only=True):
    """A response so far, or in the end."""

    output: list[Item] | None = None
    modalities: list[_Modality] | None = None
    voice: VoiceName | None = None
    output_audio_format: FormatName | None = None
    temperature: float | None = None


class ResponseCreated(ServerSide, tag="response.created", kw_only=True):
    """A response has begun."""

    response: Response


class ResponseDone(ServerSide, tag="response.done", kw_only=True):
    """A response has ended, however it did."""

    response: Response


class OutputItemEvent(ServerSide, kw_only=True):
    """An item of a response."""

    response_id: str
    output_index: int
    item: Item


class ResponseOutputItemAdded(OutputItemEvent, tag="response.output_item.added", kw_only=True):
    """A response has a new item."""


class ResponseOutputItemDone(OutputItemEvent, tag="response.output_item.done", kw_only=True):
    """An item of a response is complete."""


# --- Renames -------------------------------------------------------------------------


class ResponseAudioDelta(ga.ResponseOutputAudioDelta, tag="response.audio.delta", kw_only=True):
    """Raw audio of the session's output format."""


class ResponseAudioDone(ga.ResponseOutputAudioDone, tag="response.audio.done", kw_only=True):
    """All of a part's audio was sent."""


class ResponseAudioTranscriptDelta(
    ga.ResponseOutputAudioTranscriptDelta, tag="response.audio_transcript.delta", kw_only=True
):
    """More of the text of what the assistant says."""


class ResponseAudioTranscriptDone(
    ga.ResponseOutputAudioTranscriptDone, tag="response.audio_transcript.done", kw_only=True
):
    """The whole text of what the assistant said."""


class ResponseTextDelta(ga.ResponseOutputTextDelta, tag="response.text.delta", kw_only=True):
    """More text."""


class ResponseTextDone(ga.ResponseOutputTextDone, tag="response.text.done", kw_only=True):
    """The whole text."""
