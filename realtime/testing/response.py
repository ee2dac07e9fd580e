"""Responses: built from a request, the session's settings and a reply, and sent as events in order.

`build_response` changes nothing and sends nothing; the session's settings fill in what a request omits.
An `ActiveResponse` then yields its events: `begin`, `step` until `is_finished`, `end`. The caller decides
when; an early `end` is a cancelled response. `session` drives it.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, TypedDict

import msgspec
from msgspec import UNSET

from .. import events as ga, spec
from ..build import wire_format
from ..format import OPENAI_FORMATS, AudioFormat, session_format
from . import refusals
from .history import (
    EMPTY_TURN,
    History,
    StoredItem,
    TokenCount,
    audio_tokens,
    resolve_input,
    text_tokens,
    without_audio,
)
from .script import Call, Fail, Parts, ReplySource, Say, Turn
from .settings import output_settings

CONVERSATION_ID: Final = "conv_loopback"
# The deltas of one text. A client's text of 30 MiB would become 15 million events.
MAX_DELTAS: Final = 10_000
_MODALITIES: Final = (["audio"], ["text"])


def words(text: str) -> list[str]:
    """Split `text` into its words, each with the space after it; from `MAX_DELTAS` on, the rest is one."""
    pieces = text.split(" ", MAX_DELTAS - 1)
    return [piece + " " for piece in pieces[:-1]] + [piece for piece in pieces[-1:] if piece]


# --- Output items --------------------------------------------------------------------


class OutputPosition(TypedDict):
    """The members by which events refer to an output item."""

    response_id: str
    item_id: str
    output_index: int


@dataclass(slots=True)
class Output(ABC):
    """An item of a response. Its audio is sent in steps, everything else at once.

    Attributes:
        stored: the item.
        text: the text of a message, the transcript of its audio, or the arguments of a call.
        audio: the audio to send; empty for text and calls.
        chunk_bytes: the size of an audio delta.
        is_text: True if the item has no audio.
        is_truncated: True if the limit of the response removed audio.
    """

    stored: StoredItem
    text: str
    audio: bytes = b""
    chunk_bytes: int = 0
    is_text: bool = True
    is_truncated: bool = False
    _sent_bytes: int = field(default=0, init=False)
    # True once the client has truncated the item: its text is not shown again.
    _is_cut: bool = field(default=False, init=False)

    @property
    def is_finished(self) -> bool:
        """True once all audio has been sent."""
        return self._sent_bytes >= len(self.audio)

    @abstractmethod
    def begin(self, position: OutputPosition) -> Iterator[ga.ServerEvent]:
        """Yield the events before the audio, the transcript among them."""

    def step(self, position: OutputPosition) -> Iterator[ga.ServerEvent]:
        """Yield the next audio delta."""
        chunk = self.audio[self._sent_bytes : self._sent_bytes + self.chunk_bytes]
        self._sent_bytes += len(chunk)
        if chunk:
            yield ga.ResponseOutputAudioDelta(delta=chunk, content_index=0, **position)

    @abstractmethod
    def end(self, position: OutputPosition) -> Iterator[ga.ServerEvent]:
        """Yield the events after the audio."""

    @abstractmethod
    def update_item(self, status: str) -> None:
        """Set the item's content to what has been sent, and its status."""

    def truncate(self, nbytes: int) -> None:
        """Send only the first `nbytes` of the audio, and no transcript."""
        self.audio = self.audio[:nbytes]
        self._is_cut = True

    def tokens(self) -> TokenCount:
        """Return the tokens sent so far."""
        nbytes = min(self._sent_bytes, len(self.audio))
        per_token = spec.ASSISTANT_AUDIO_MS_PER_TOKEN
        return TokenCount(text_tokens(self.text), audio_tokens(nbytes, self.stored.format, per_token))


class MessageOutput(Output):
    """A message of the assistant, as audio or as text."""

    def begin(self, position: OutputPosition) -> Iterator[ga.ServerEvent]:
        """Yield the events before the audio, the transcript among them."""
        yield ga.ResponseContentPartAdded(part=self._part(""), content_index=0, **position)
        delta = ga.ResponseOutputTextDelta if self.is_text else ga.ResponseOutputAudioTranscriptDelta
        for word in words(self.text):
            yield delta(delta=word, content_index=0, **position)

    def end(self, position: OutputPosition) -> Iterator[ga.ServerEvent]:
        """Yield the events after the audio."""
        if self.is_text:
            yield ga.ResponseOutputTextDone(text=self.text, content_index=0, **position)
        else:
            yield ga.ResponseOutputAudioDone(content_index=0, **position)
            transcript = "" if self._is_cut else self.text
            yield ga.ResponseOutputAudioTranscriptDone(transcript=transcript, content_index=0, **position)
        yield ga.ResponseContentPartDone(part=self._part(self.text), content_index=0, **position)

    def update_item(self, status: str) -> None:
        """Set the item's content to what has been sent, and its status."""
        assert isinstance(self.stored.item, ga.MessageItem)
        part: ga.ContentPart = ga.OutputText(text=self.text)
        if not self.is_text:
            transcript = UNSET if self._is_cut else self.text
            part = ga.OutputAudio(transcript=transcript, audio=self.audio[: self._sent_bytes])
        self.stored.item = msgspec.structs.replace(self.stored.item, content=[part], status=status)

    def _part(self, text: str) -> ga.ContentPart:
        if self.is_text:
            return ga.Text(text=text)
        return ga.Audio(transcript=UNSET if self._is_cut else text)


@dataclass(slots=True)
class FunctionCallOutput(Output):
    """A call of one of the client's functions. All of its events are sent at once."""

    call_id: str = ""
    name: str = ""

    def begin(self, position: OutputPosition) -> Iterator[ga.ServerEvent]:
        """Yield the argument deltas."""
        for piece in words(self.text):
            yield ga.ResponseFunctionCallArgumentsDelta(delta=piece, call_id=self.call_id, **position)

    def end(self, position: OutputPosition) -> Iterator[ga.ServerEvent]:
        """Yield the complete arguments."""
        yield ga.ResponseFunctionCallArgumentsDone(
            call_id=self.call_id, name=self.name, arguments=self.text, **position
        )

    def update_item(self, status: str) -> None:
        """Set the item's arguments and its status."""
        assert isinstance(self.stored.item, ga.FunctionCallItem)
        self.stored.item = msgspec.structs.replace(self.stored.item, arguments=self.text, status=status)


# --- The response --------------------------------------------------------------------


@dataclass(slots=True)
class ActiveResponse:
    """A response that is being sent.

    Attributes:
        response: the response as events show it.
        outputs: its items, in order.
        failure: the failure that ends it after its items.
        context: the tokens of the items that it replies to.
        store: adds an item to the conversation and returns the id of the item before it; None for a
            response outside of the conversation.
    """

    response: ga.Response
    outputs: Sequence[Output]
    failure: Fail | None
    context: TokenCount
    store: Callable[[StoredItem], str | None] | None
    _current: int = field(default=-1, init=False)
    _previous_item_id: str | None = field(default=None, init=False)

    @property
    def id(self) -> str:
        """The response's id."""
        return self.response.id or ""

    @property
    def is_finished(self) -> bool:
        """True once `step` has nothing more to send."""
        return not self.outputs or (
            self._current == len(self.outputs) - 1 and self.outputs[self._current].is_finished
        )

    @property
    def has_audio(self) -> bool:
        """True if one of its items is an audio message, even an empty one."""
        return any(not output.is_text for output in self.outputs)

    @property
    def audio_ms(self) -> float:
        """The duration of its audio."""
        return sum(output.stored.format.duration_ms(len(output.audio)) for output in self.outputs)

    def begin(self, rate_limits: ga.RateLimitsUpdated) -> Iterator[ga.ServerEvent]:
        """Yield the events before the first audio delta."""
        yield ga.ResponseCreated(response=msgspec.structs.replace(self.response))
        yield rate_limits
        yield from self._begin_next()

    def step(self) -> Iterator[ga.ServerEvent]:
        """Yield the next audio delta, and the events around it if an item ends there."""
        output = self.outputs[self._current]
        yield from output.step(self._position())
        if output.is_finished:
            yield from self._begin_next()

    def end(self, cancel_reason: str | None = None) -> Iterator[ga.ServerEvent]:
        """Yield the events after the last audio delta. `cancel_reason` ends the response early."""
        is_truncated = any(output.is_truncated for output in self._begun)
        reason = cancel_reason or ("max_output_tokens" if is_truncated else None)
        status = "cancelled" if cancel_reason else "incomplete" if reason else "completed"
        details = ga.StatusDetails(type=status, reason=reason) if reason else None
        if self._current >= 0:
            yield from self._end_current("incomplete" if reason else "completed")
        if self.failure is not None and not cancel_reason:
            failure = self.failure
            error = ga.StatusError(type=failure.type, code=failure.code, message=failure.message)
            status, details = "failed", ga.StatusDetails(type="failed", error=error)
        yield ga.ResponseDone(
            response=msgspec.structs.replace(
                self.response,
                status=status,
                status_details=details,
                output=[without_audio(output.stored.item) for output in self._begun],
                usage=self.usage(),
            )
        )

    def current_output(self, stored: StoredItem) -> Output | None:
        """Return the output of the item `stored` if it is being sent at the moment."""
        current = self.outputs[self._current] if self._current >= 0 else None
        return current if current is not None and current.stored is stored else None

    def usage(self) -> ga.ResponseUsage:
        """Return the usage so far."""
        sent = TokenCount.total(output.tokens() for output in self._begun)
        return ga.ResponseUsage(
            total_tokens=sum(self.context) + sum(sent),
            input_tokens=sum(self.context),
            output_tokens=sum(sent),
            input_token_details=ga.InputTokenDetails(
                text_tokens=self.context.text,
                audio_tokens=self.context.audio,
                image_tokens=0,
                cached_tokens=0,
            ),
            output_token_details=ga.OutputTokenDetails(text_tokens=sent.text, audio_tokens=sent.audio),
        )

    @property
    def _begun(self) -> Sequence[Output]:
        return self.outputs[: self._current + 1]

    def _position(self) -> OutputPosition:
        item_id = self.outputs[self._current].stored.id
        return {"response_id": self.id, "item_id": item_id, "output_index": self._current}

    def _begin_next(self) -> Iterator[ga.ServerEvent]:
        """Continue with the next item that has audio; items without audio are sent completely."""
        while self._current + 1 < len(self.outputs):
            if self._current >= 0:
                yield from self._end_current("completed")
            self._current += 1
            output = self.outputs[self._current]
            item = without_audio(output.stored.item)
            yield ga.ResponseOutputItemAdded(response_id=self.id, output_index=self._current, item=item)
            if self.store is not None:
                self._previous_item_id = self.store(output.stored)
                yield ga.ConversationItemAdded(previous_item_id=self._previous_item_id, item=item)
            yield from output.begin(self._position())
            if not output.is_finished:
                return

    def _end_current(self, status: str) -> Iterator[ga.ServerEvent]:
        output = self.outputs[self._current]
        output.update_item(status)
        yield from output.end(self._position())
        item = without_audio(output.stored.item)
        if self.store is not None:
            yield ga.ConversationItemDone(previous_item_id=self._previous_item_id, item=item)
        yield ga.ResponseOutputItemDone(response_id=self.id, output_index=self._current, item=item)


# --- Building a response -------------------------------------------------------------


def build_response(
    request: ga.ResponseParams | None,
    session: ga.RealtimeSessionInfo,
    history: History,
    replies: ReplySource,
    *,
    new_id: Callable[[str], str],
    ptime_ms: float,
    formats: tuple[AudioFormat, AudioFormat] | None = None,
) -> ActiveResponse:
    """Build the response to the last turn of the conversation, or of the request's own input.

    `formats` are those of input and output, whatever the settings say.

    Raises:
        Refusal: the request's modalities, format or input are invalid.
    """
    params = request or ga.ResponseParams()
    modalities = _modalities(params, session)
    output = _audio_output(params, session)
    input_format = formats[0] if formats else session_format(session, "input") or AudioFormat.PCM16
    output_format = formats[1] if formats else AudioFormat.of(output.format)
    turn, context = _context(params, input_format, history)
    max_tokens = params.max_output_tokens or session.max_output_tokens or "inf"
    is_in_conversation = params.conversation != "none"
    response = ga.Response(
        id=new_id("resp"),
        object="realtime.response",
        status="in_progress",
        output=[],
        conversation_id=CONVERSATION_ID if is_in_conversation else None,
        output_modalities=[*modalities],
        max_output_tokens=max_tokens,
        audio=ga.ResponseAudio(output=output),
        metadata=params.metadata or None,
    )
    outputs, failure = _outputs(replies(turn), output_format, response, new_id, ptime_ms)
    return ActiveResponse(response, outputs, failure, context, history.add if is_in_conversation else None)


def _outputs(
    parts: Parts, format: AudioFormat, response: ga.Response, new_id: Callable[[str], str], ptime_ms: float
) -> tuple[list[Output], Fail | None]:
    """Return the items of a reply, and the failure that ends the response after them."""
    is_text = response.output_modalities == ["text"]
    samples_per_token = format.sample_rate * spec.ASSISTANT_AUDIO_MS_PER_TOKEN // 1000
    bytes_per_token = samples_per_token * format.sample_width
    max_tokens = response.max_output_tokens
    # The part of the token limit that remains for audio.
    free_bytes = max(max_tokens, 0) * bytes_per_token if isinstance(max_tokens, int) else None
    outputs: list[Output] = []
    for part in parts:
        if isinstance(part, Fail):
            return outputs, part
        if not isinstance(part, (Say, Call)):
            continue  # for Live only
        item_id = new_id("item")
        if isinstance(part, Call):
            call_id = part.call_id or new_id("call")
            call = ga.FunctionCallItem(
                id=item_id,
                object="realtime.item",
                status="in_progress",
                call_id=call_id,
                name=part.name,
                arguments="",
            )
            outputs.append(
                FunctionCallOutput(StoredItem(call, format), part.json, call_id=call_id, name=part.name)
            )
            continue
        message = ga.MessageItem(
            id=item_id, object="realtime.item", status="in_progress", role="assistant", content=[]
        )
        audio = b"" if is_text else part.render(format)
        sent = audio[:free_bytes]
        is_truncated = len(sent) < len(audio)
        chunk_bytes = format.chunk_bytes(ptime_ms)
        outputs.append(
            MessageOutput(StoredItem(message, format), part.text, sent, chunk_bytes, is_text, is_truncated)
        )
        if free_bytes is not None:
            free_bytes -= math.ceil(len(sent) / bytes_per_token) * bytes_per_token
    return outputs, None


def _modalities(params: ga.ResponseParams, session: ga.RealtimeSessionInfo) -> list[str]:
    requested = params.output_modalities or session.output_modalities
    if not isinstance(requested, list) or requested not in _MODALITIES:
        raise refusals.INVALID_MODALITIES(
            value=requested, combinations="['text'] and ['audio']", param="response.output_modalities"
        )
    return requested


def _audio_output(params: ga.ResponseParams, session: ga.RealtimeSessionInfo) -> ga.AudioOutput:
    requested = (params.audio and params.audio.output) or ga.AudioOutput()
    if isinstance(requested.format, ga.Unknown):
        raise refusals.INVALID_VALUE(value=requested.format.type, param="response.audio.output.format.type")
    try:
        format = AudioFormat.of(requested.format) if requested.format else session_format(session, "output")
    except ValueError as why:
        raise refusals.INVALID_RESPONSE_FORMAT(reason=why) from None
    if format and format not in OPENAI_FORMATS:
        raise refusals.INVALID_RESPONSE_FORMAT(reason=f"{format} is not available")
    return ga.AudioOutput(
        format=wire_format(format or AudioFormat.PCM16),
        voice=requested.voice or output_settings(session).voice,
    )


def _context(params: ga.ResponseParams, format: AudioFormat, history: History) -> tuple[Turn, TokenCount]:
    """Return the turn that a response replies to, and the tokens of all items that it sees."""
    if params.input is None or params.input is UNSET:
        return history.last_turn(), history.tokens
    items = [resolve_input(item, history, format) for item in params.input]
    turn = next((stored.turn() for stored in reversed(items) if stored.is_turn), EMPTY_TURN)
    return turn, TokenCount.total(stored.tokens() for stored in items)
