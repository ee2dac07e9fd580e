"""One response: its items one after another, as the server's events in the server's order.

`begin`, then `step` until `finished`, then `end`; whoever drives it decides when. Ending
early is a cancelled response, with what was sent of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import msgspec

from ..events import (
    ConversationItemAdded,
    ConversationItemDone,
    InputTokenDetails,
    OutputTokenDetails,
    RateLimitsUpdated,
    Response,
    ResponseCreated,
    ResponseDone,
    ResponseOutputItemAdded,
    ResponseOutputItemDone,
    ResponseUsage,
    ServerEvent,
    StatusDetails,
    StatusError,
)
from ._history import Held, Tokens, outline
from ._outputs import FunctionCall, Message, Place
from .script import Fail

Output: TypeAlias = "Message | FunctionCall"


@dataclass(slots=True)
class Answer:
    """A response under way.

    Attributes:
        response: as it will be told; `outputs`: its items, in order.
        failure: what it fails with once they are told.
        context: what it answers to costs.
        enter: puts an item into the conversation and gives the id of the one before it; None
            for a response outside of it.
    """

    response: Response
    outputs: Sequence[Output]
    failure: Fail | None
    context: Tokens
    enter: Callable[[Held], str | None] | None
    _current: int = field(default=-1, init=False)
    _before_id: str | None = field(default=None, init=False)

    @property
    def id(self) -> str:
        """The response's id."""
        return self.response.id or ""

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to say."""
        return not self.outputs or (
            self._current == len(self.outputs) - 1 and self.outputs[self._current].finished
        )

    @property
    def is_spoken(self) -> bool:
        """Whether any of it is heard."""
        return any(isinstance(output, Message) and not output.is_written for output in self.outputs)

    def begin(self, limits: RateLimitsUpdated) -> Iterator[ServerEvent]:
        """The events up to the first audio."""
        yield ResponseCreated(response=msgspec.structs.replace(self.response))
        yield limits
        yield from self._begin_next()

    def step(self) -> Iterator[ServerEvent]:
        """The next chunk of audio, and what ends and begins with it."""
        output = self.outputs[self._current]
        yield from output.step(self._place())
        if output.finished:
            yield from self._begin_next()

    def end(self, cancelled: str | None = None) -> Iterator[ServerEvent]:
        """The events after the last audio; `cancelled` is why, where that is early."""
        cut_short = any(output.cut_short for output in self.outputs[: self._current + 1])
        reason = cancelled or ("max_output_tokens" if cut_short else None)
        status = "cancelled" if cancelled else "incomplete" if reason else "completed"
        details = StatusDetails(type=status, reason=reason) if reason else None
        if self._current >= 0:
            yield from self._end_current("incomplete" if reason else "completed")
        if self.failure is not None and not cancelled:
            status, details = "failed", _details(self.failure)
        yield ResponseDone(
            response=msgspec.structs.replace(
                self.response,
                status=status,
                status_details=details,
                output=[outline(output.held.item) for output in self._told],
                usage=self.usage(),
            )
        )

    def output_of(self, held: Held) -> Output | None:
        """What is being said of the item `held`; None where it is not this response's current one."""
        current = self.outputs[self._current] if self._current >= 0 else None
        return current if current is not None and current.held is held else None

    def usage(self) -> ResponseUsage:
        """What it has cost so far."""
        said = Tokens.sum(output.tokens() for output in self._told)
        return ResponseUsage(
            total_tokens=sum(self.context) + sum(said),
            input_tokens=sum(self.context),
            output_tokens=sum(said),
            input_token_details=InputTokenDetails(
                text_tokens=self.context.text,
                audio_tokens=self.context.audio,
                image_tokens=0,
                cached_tokens=0,
            ),
            output_token_details=OutputTokenDetails(text_tokens=said.text, audio_tokens=said.audio),
        )

    # --- Items ---

    @property
    def _told(self) -> Sequence[Output]:
        return self.outputs[: self._current + 1]

    def _place(self) -> Place:
        item_id = self.outputs[self._current].held.id
        return {"response_id": self.id, "item_id": item_id, "output_index": self._current}

    def _begin_next(self) -> Iterator[ServerEvent]:
        """Go on with the next item, and with the one after it where that has no steps."""
        while self._current + 1 < len(self.outputs):
            if self._current >= 0:
                yield from self._end_current("completed")
            self._current += 1
            output = self.outputs[self._current]
            item = outline(output.held.item)
            yield ResponseOutputItemAdded(response_id=self.id, output_index=self._current, item=item)
            if self.enter is not None:
                self._before_id = self.enter(output.held)
                yield ConversationItemAdded(previous_item_id=self._before_id, item=item)
            yield from output.begin(self._place())
            if not output.finished:
                return

    def _end_current(self, status: str) -> Iterator[ServerEvent]:
        output = self.outputs[self._current]
        output.settle(status)
        yield from output.end(self._place())
        item = outline(output.held.item)
        if self.enter is not None:
            yield ConversationItemDone(previous_item_id=self._before_id, item=item)
        yield ResponseOutputItemDone(response_id=self.id, output_index=self._current, item=item)


def _details(failure: Fail) -> StatusDetails:
    error = StatusError(type=failure.type, code=failure.code, message=failure.message)
    return StatusDetails(type="failed", error=error)
