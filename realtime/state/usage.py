"""Usage: what a call has been billed for so far, summed from the server's own counts.

The laws: each response and each transcription counts once, however often it is told; usage
that the server leaves out is counted as `unreported`, not guessed; what is not known to be
priced is an error (`cost`). How servers count is in `tokens`, what it costs in `cost`.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from .._bounded import SeenSet
from ..errors import ConfigError
from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    DurationUsage,
    ResponseDone,
    ResponseUsage,
    TokenUsage,
    beta,
    live,
)
from ._common import no_frame
from .cost import CostLine, Price, bill, exact, plus, total_usd
from .tokens import Tokens


class Usage:
    """The sum of what a server has reported; of several calls, the sum of theirs: ``a + b``.

    It takes events of every dialect, so one can be fed with everything that arrives. The
    translation dialect reports nothing: tell it the seconds (`add_seconds`).
    """

    def __init__(self) -> None:
        self._responses = Tokens()
        self._transcriptions = Tokens()
        self._backend = Tokens()
        self._transcribed = Decimal(0)
        self._ended = Decimal(0)
        # Live tells each session's seconds as a sum: the session that runs now, and its id.
        self._running = Decimal(0)
        self._running_id: str | None = None
        self._unreported = 0
        self._once = SeenSet()

    # --- What was used ---

    @property
    def responses(self) -> Tokens:
        """The tokens of all responses."""
        return self._responses

    @property
    def transcriptions(self) -> Tokens:
        """The tokens of transcriptions of the user's speech, where those are billed by tokens."""
        return self._transcriptions

    @property
    def transcribed_seconds(self) -> float:
        """The seconds of transcribed audio, where transcriptions are billed by duration."""
        return float(self._transcribed)

    @property
    def session_seconds(self) -> float:
        """The seconds of sessions that are billed by the minute: Live's, and `add_seconds`."""
        return float(plus(self._ended, self._running))

    @property
    def backend(self) -> Tokens:
        """Live: the tokens of the models that responses and decisions were delegated to.

        They are billed at those models' own prices: ``total_usd(bill(price, usage.backend))``.
        """
        return self._backend

    @property
    def unreported(self) -> int:
        """How many responses and transcriptions ended without usage: what they cost is not known."""
        return self._unreported

    # --- Events and facts ---

    def feed(self, event: object) -> None:
        """Adds what `event` reports; events without usage pass.

        Raises:
            TypeError: `event` is a frame.
        """
        read = _READERS.get(type(event))
        if read is None:
            no_frame(event)
        else:
            read(self, event)

    def add_seconds(self, seconds: float) -> None:
        """Adds seconds of a session that is billed by the minute and does not report them.

        Raises:
            ConfigError: `seconds` is negative or not finite.
        """
        self._ended = plus(self._ended, _seconds(seconds))

    def add_transcribed_seconds(self, seconds: float) -> None:
        """Adds seconds of transcribed audio that no event reports. Raises what `add_seconds` raises."""
        self._transcribed = plus(self._transcribed, _seconds(seconds))

    # --- Money ---

    def bill(self, model: Price) -> tuple[CostLine, ...]:
        """What responses or sessions cost, a line for each kind of token and use.

        `model` is a name whose price is known (`realtime.spec.PRICES`, `MINUTE_PRICES`), or a price.

        Raises:
            ModelNotFoundError: the price of `model` is not known.
            ConfigError: something was used that the price does not cover.
        """
        return bill(model, self._responses, plus(self._ended, self._running))

    def cost(self, model: Price) -> Decimal:
        """What responses or sessions cost in USD, exactly. Raises what `bill` raises.

        Transcriptions come on top (`transcription_cost`), and what is `unreported` is not in it.
        """
        return total_usd(self.bill(model))

    def transcription_bill(self, model: Price) -> tuple[CostLine, ...]:
        """What transcriptions cost, line by line. Raises what `bill` raises."""
        return bill(model, self._transcriptions, self._transcribed)

    def transcription_cost(self, model: Price) -> Decimal:
        """What transcriptions cost in USD, by the transcription's model. Raises what `bill` raises."""
        return total_usd(self.transcription_bill(model))

    # --- Values ---

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        both = Usage()
        for usage in (self, other):
            both._responses += usage._responses
            both._transcriptions += usage._transcriptions
            both._backend += usage._backend
            both._transcribed = plus(both._transcribed, usage._transcribed)
            both._ended = plus(both._ended, plus(usage._ended, usage._running))
            both._unreported += usage._unreported
            both._once.update(usage._once)
        return both

    def __repr__(self) -> str:
        return (
            f"Usage(input={self._responses.input}, cached={self._responses.cached}, "
            f"output={self._responses.output}, transcription={self._transcriptions.total}, "
            f"transcribed_seconds={self.transcribed_seconds}, session_seconds={self.session_seconds}, "
            f"unreported={self._unreported})"
        )

    # --- Reading ---

    def _response_done(self, event: ResponseDone | beta.ResponseDone) -> None:
        if not self._is_new("response", event.response.id or event.event_id):
            return
        usage = event.response.usage
        if isinstance(usage, ResponseUsage):
            self._responses += Tokens.of_response(usage)
        else:
            self._unreported += 1

    def _transcribed_item(self, event: ConversationItemInputAudioTranscriptionCompleted) -> None:
        if not self._once.add("transcription", event.item_id, event.content_index):
            return
        usage = event.usage
        if isinstance(usage, TokenUsage):
            self._transcriptions += Tokens.of_transcription(usage)
        elif isinstance(usage, DurationUsage):
            self._transcribed = plus(self._transcribed, exact(max(0.0, usage.seconds)))
        else:
            self._unreported += 1

    def _session_started(self, event: live.SessionStarted) -> None:
        if event.session.id != self._running_id:
            self._ended = plus(self._ended, self._running)
            self._running, self._running_id = Decimal(0), event.session.id

    def _session_seconds(self, event: live.SessionUsageUpdated | live.SessionClosed) -> None:
        self._running = max(self._running, exact(event.usage.seconds))

    def _backend_event(self, event: live.ResponseEvent | live.DecisionEvent) -> None:
        told = _backend_told(event.event)
        if told is None or not self._is_new("backend", told.id or event.event_id):
            return
        if told.usage is None:
            self._unreported += 1
            return
        cached = told.usage.input_tokens_details
        self._backend += Tokens.of_text(
            told.usage.input_tokens, cached.cached_tokens if cached else 0, told.usage.output_tokens
        )

    def _is_new(self, what: str, id: str | None) -> bool:
        # Without any id nothing tells a repetition from another one.
        return id is None or self._once.add(what, id)


_READERS: dict[type, Callable[[Usage, Any], None]] = {
    ResponseDone: Usage._response_done,
    beta.ResponseDone: Usage._response_done,
    ConversationItemInputAudioTranscriptionCompleted: Usage._transcribed_item,
    live.SessionStarted: Usage._session_started,
    live.SessionUsageUpdated: Usage._session_seconds,
    live.SessionClosed: Usage._session_seconds,
    live.ResponseEvent: Usage._backend_event,
    live.DecisionEvent: Usage._backend_event,
}


def _seconds(seconds: float) -> Decimal:
    try:
        value = exact(seconds)
    except ValueError as why:
        raise ConfigError(str(why), problems=[("seconds", str(why))]) from None
    if value < 0:
        raise ConfigError("seconds must not be negative", problems=[("seconds", "must not be negative")])
    return value


# --- What Live carries of other APIs -------------------------------------------------


class _CachedDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _BackendUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _CachedDetails | None = None


class _BackendBody(msgspec.Struct):
    id: str | None = None
    usage: _BackendUsage | None = None


class _BackendEvent(msgspec.Struct):
    """An event of the Responses or Decisions API."""

    type: str = ""
    response: _BackendBody | None = None
    decision: _BackendBody | None = None


# The events that end a response or a decision. Source: the API reference (Responses streaming
# events) and the official SDK's LiveDecisionEvent (package openai 3.54.0). Read 2026-11-24.
_ENDS = frozenset({"response.completed", "response.incomplete", "response.failed", "decision.completed"})
_read_backend_event = msgspec.json.Decoder(_BackendEvent).decode


def _backend_told(body: msgspec.Raw | None) -> _BackendBody | None:
    """What an event that ends something tells of it; None for every other."""
    try:
        event = _read_backend_event(body or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return (event.response or event.decision) if event.type in _ENDS else None
