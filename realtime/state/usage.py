"""The usage that a server reports over a session, summed, and its cost.

Each response and each transcription counts once, however often it is reported. Usage that the
server leaves out is counted as `unreported`, not estimated. How token counts are read, and where
servers put them, is in `tokens`, prices are in `cost`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Final

import msgspec

from .._bounded import SeenSet
from .._provider import ProviderLike, get_provider
from ..errors import ConfigError
from ..events import (
    ConversationItemInputAudioTranscriptionCompleted,
    DurationUsage,
    ResponseDone,
    TokenUsage,
    UnknownEvent,
    beta,
    live,
)
from ._common import find_by_class, find_handler, get_field
from .cost import CostLine, Price, bill, exact, plus, total_usd
from .tokens import Tokens, has_tokens, response_usage

# A session has one backend model at a time. No real server names more than this.
_MAX_BACKEND_MODELS: Final = 100
# Numbers beside the tokens in a usage object, and what they count: xAI's. Read 2026-11-29, from its frames.
_OTHER_NAMES: Final = ("billable_audio_seconds", "grok_tokens")


class Usage:
    """The sum of the usage that a server reported. Add objects for the sum of several calls: ``a + b``.

    Takes events of every dialect and provider and ignores those without usage. The translation
    dialect reports no usage: add the seconds with `add_seconds`. Where the usage stands is found in
    the event; `provider`, a name or value, decides if an event has it in two places.

    Raises:
        ConfigError: `provider` is not known.
    """

    def __init__(self, provider: ProviderLike | None = None) -> None:
        self._provider = None if provider is None else get_provider(provider)
        self._responses = Tokens()
        self._transcriptions = Tokens()
        self._backend: dict[str, Tokens] = {}
        self._transcribed = Decimal(0)
        # Live reports the running total of each session: the sum of the ended ones, and the current one.
        self._ended = Decimal(0)
        self._running = Decimal(0)
        self._ended_paused = Decimal(0)
        self._running_paused = Decimal(0)
        self._running_id: str | None = None
        self._unreported = 0
        self._other: dict[str, Decimal] = {}
        self._seen = SeenSet()

    # --- Reading ---

    @property
    def responses(self) -> Tokens:
        """The tokens of all responses."""
        return self._responses

    @property
    def transcriptions(self) -> Tokens:
        """The tokens of input transcriptions that are billed by tokens."""
        return self._transcriptions

    @property
    def transcribed_seconds(self) -> float:
        """The seconds of audio of input transcriptions that are billed by duration."""
        return float(self._transcribed)

    @property
    def session_seconds(self) -> float:
        """The seconds of sessions that are billed by the minute: Live's, and those of `add_seconds`."""
        return float(plus(self._ended, self._running))

    @property
    def paused_seconds(self) -> float:
        """Live: the part of `session_seconds` during which a session was paused."""
        return float(plus(self._ended_paused, self._running_paused))

    @property
    def backend(self) -> Tokens:
        """Live: the tokens of the models to which responses and decisions were delegated."""
        return sum(self._backend.values(), Tokens())

    @property
    def backend_by_model(self) -> dict[str, Tokens]:
        """Live: the same by the name of the model, "" if the server did not report it.

        They are billed at those models' own prices: ``total_usd(bill(price, tokens))``.
        """
        return dict(self._backend)

    @property
    def unreported(self) -> int:
        """The number of responses and transcriptions that ended without usage, whose cost is not known."""
        return self._unreported

    @property
    def other(self) -> dict[str, float]:
        """Amounts that are reported beside the tokens of responses: xAI's. No cost includes them."""
        return {name: float(amount) for name, amount in self._other.items()}

    # --- Feeding ---

    def feed(self, event: object) -> None:
        """Add the usage that an event reports, if any.

        Raises:
            TypeError: `event` is a raw frame.
        """
        try:
            handle = _HANDLERS[type(event)]
        except KeyError:
            handle = find_by_class(event, _BY_CLASS) or find_handler(event, _BY_TYPE)
            _HANDLERS[type(event)] = handle
        if handle is not None:
            handle(self, event)

    def add_seconds(self, seconds: float) -> None:
        """Add seconds of a session that is billed by the minute and does not report them.

        Raises:
            ConfigError: `seconds` is negative or not finite.
        """
        self._ended = plus(self._ended, _checked_seconds(seconds))

    def add_transcribed_seconds(self, seconds: float) -> None:
        """Add seconds of transcribed audio that no event reports. Raises what `add_seconds` raises."""
        self._transcribed = plus(self._transcribed, _checked_seconds(seconds))

    # --- Cost ---

    def bill(self, model: Price) -> tuple[CostLine, ...]:
        """Return the cost of the responses or sessions, by kind of token and use.

        `model` is a name with a known price (`realtime.spec.PRICES`, `MINUTE_PRICES`) or a price.

        Raises:
            ModelNotFoundError: no price is known for `model`.
            ConfigError: the price does not cover what was used.
        """
        seconds = plus(self._ended, self._running)
        return bill(model, self._responses, seconds, plus(self._ended_paused, self._running_paused))

    def cost(self, model: Price) -> Decimal:
        """Return the exact cost of the responses or sessions in USD. Raises what `bill` raises.

        Does not include transcriptions (`transcription_cost`) and what is `unreported`.
        """
        return total_usd(self.bill(model))

    def transcription_bill(self, model: Price) -> tuple[CostLine, ...]:
        """Return the cost of the transcriptions, by kind of token and use. Raises what `bill` raises."""
        return bill(model, self._transcriptions, self._transcribed)

    def transcription_cost(self, model: Price) -> Decimal:
        """Return the exact cost of the transcriptions in USD. Raises what `bill` raises.

        `model` is the transcription model.
        """
        return total_usd(self.transcription_bill(model))

    # --- Values ---

    def __add__(self, other: Usage) -> Usage:
        if not isinstance(other, Usage):
            return NotImplemented
        both = Usage(self._provider or other._provider)
        for usage in (self, other):
            both._responses += usage._responses
            both._transcriptions += usage._transcriptions
            for name, tokens in usage._backend.items():
                both._add_backend(name, tokens)
            both._transcribed = plus(both._transcribed, usage._transcribed)
            both._ended = plus(both._ended, plus(usage._ended, usage._running))
            both._ended_paused = plus(both._ended_paused, plus(usage._ended_paused, usage._running_paused))
            both._unreported += usage._unreported
            both._seen.update(usage._seen)
            for name, amount in usage._other.items():
                both._other[name] = plus(both._other.get(name, Decimal(0)), amount)
        return both

    def __repr__(self) -> str:
        return (
            f"Usage(input={self._responses.input}, cached={self._responses.cached}, "
            f"output={self._responses.output}, transcription={self._transcriptions.total}, "
            f"transcribed_seconds={self.transcribed_seconds}, session_seconds={self.session_seconds}, "
            f"unreported={self._unreported})"
        )

    # --- Handlers ---

    def _on_response_done(self, event: ResponseDone | beta.ResponseDone) -> None:
        if not self._is_new("response", get_field(event.response, "id") or event.event_id):
            return
        usage = response_usage(event, self._provider)
        if usage is None:
            self._unreported += 1
        else:
            self._responses += Tokens.of_response(usage)
        for name in _OTHER_NAMES:
            amount = get_field(get_field(event, "usage"), name)
            if amount is not None:
                self._other[name] = plus(self._other.get(name, Decimal(0)), exact(max(0.0, amount)))

    def _on_transcription(self, event: ConversationItemInputAudioTranscriptionCompleted) -> None:
        if event.item_id:
            if not self._seen.add(event.item_id, event.content_index):
                return
        elif not self._is_new("transcription", event.event_id):
            return
        usage = get_field(event, "usage")
        if isinstance(usage, TokenUsage):
            self._add_transcription(usage)
        elif isinstance(usage, DurationUsage) and (seconds := get_field(usage, "seconds")):
            self._transcribed = plus(self._transcribed, exact(max(0.0, seconds)))
        else:
            self._unreported += 1

    def _on_transcription_done(self, event: Any) -> None:
        if self._is_new("transcription", event.event_id):
            self._add_transcription(event.usage)

    def _on_unknown_event(self, event: UnknownEvent) -> None:
        # A server's own event in a dialect that does not have it: its usage must not get lost.
        if event.type in _BY_TYPE:
            with contextlib.suppress(msgspec.DecodeError, UnicodeError, RecursionError):
                _BY_TYPE[event.type](self, _decode_other(event.raw))

    def _add_transcription(self, usage: object) -> None:
        # Every transcription takes tokens: 0 is what the lenient decoder fills in for missing counts.
        tokens = Tokens.of_transcription(usage) if has_tokens(usage) else Tokens()
        if tokens.total:
            self._transcriptions += tokens
        else:
            self._unreported += 1

    def _on_session_started(self, event: live.SessionStarted) -> None:
        session_id = get_field(event.session, "id")
        if session_id != self._running_id:
            self._ended = plus(self._ended, self._running)
            self._ended_paused = plus(self._ended_paused, self._running_paused)
            self._running = self._running_paused = Decimal(0)
            self._running_id = session_id

    def _on_session_usage(self, event: live.SessionUsageUpdated | live.SessionClosed) -> None:
        self._running = max(self._running, exact(get_field(event.usage, "seconds") or 0.0))
        paused = exact(get_field(event.usage, "paused_seconds") or 0.0)
        self._running_paused = max(self._running_paused, paused)

    def _on_response_event(self, event: live.ResponseEvent) -> None:
        self._on_finished(_finished_body(event.event), event.event_id)

    def _on_decision_event(self, event: live.DecisionEvent) -> None:
        inner: Any = event.event
        if isinstance(inner, live.DecisionCompleted):
            self._on_finished(get_field(inner, "decision"), event.event_id)
        else:
            self._on_finished(_finished_body(getattr(inner, "raw", inner)), event.event_id)

    def _on_finished(self, body: live.Decision | _BackendBody | None, event_id: str | None) -> None:
        if body is None or not self._is_new("backend", get_field(body, "id") or event_id):
            return
        usage = get_field(body, "usage")
        if usage is None:
            self._unreported += 1
            return
        cached = get_field(get_field(usage, "input_tokens_details"), "cached_tokens") or 0
        tokens = Tokens.of_text(get_field(usage, "input_tokens"), cached, get_field(usage, "output_tokens"))
        self._add_backend(get_field(body, "model") or "", tokens)

    def _add_backend(self, model: str, tokens: Tokens) -> None:
        known = model in self._backend or len(self._backend) < _MAX_BACKEND_MODELS
        name = model if known else ""
        self._backend[name] = self._backend.get(name, Tokens()) + tokens

    def _is_new(self, kind: str, id: str | None) -> bool:
        # Without any id a repetition cannot be recognised.
        return not id or self._seen.add(kind, id)


# By class, because translation and Live use the same wire types with and without usage.
_BY_CLASS: Final[dict[type, Callable[[Usage, Any], None]]] = {
    ResponseDone: Usage._on_response_done,
    beta.ResponseDone: Usage._on_response_done,
    ConversationItemInputAudioTranscriptionCompleted: Usage._on_transcription,
    live.SessionStarted: Usage._on_session_started,
    live.SessionUsageUpdated: Usage._on_session_usage,
    live.SessionClosed: Usage._on_session_usage,
    live.ResponseEvent: Usage._on_response_event,
    live.DecisionEvent: Usage._on_decision_event,
    UnknownEvent: Usage._on_unknown_event,
}
# Of one server alone, by wire type: vLLM's.
_BY_TYPE: Final[dict[str, Callable[[Usage, Any], None]]] = {
    "transcription.done": Usage._on_transcription_done
}
# By class, filled from these two as classes are met.
_HANDLERS: dict[type, Callable[[Usage, Any], None] | None] = {}


def _checked_seconds(seconds: float) -> Decimal:
    try:
        value = exact(seconds)
    except ConfigError as why:
        raise ConfigError(why.reason, problems=[("seconds", why.reason)]) from None
    if value < 0:
        raise ConfigError("seconds must not be negative", problems=[("seconds", "must not be negative")])
    return value


# --- Events of other servers ----------------------------------------------------------


class _OtherEvent(msgspec.Struct):
    """An event of a server's own that was decoded by another dialect."""

    event_id: str | None = None
    usage: Any = None


_decode_other = msgspec.json.Decoder(_OtherEvent).decode


# --- Events of other APIs inside Live's ----------------------------------------------


class _CachedDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _BackendUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _CachedDetails | None = None


class _BackendBody(msgspec.Struct):
    id: str | None = None
    usage: _BackendUsage | None = None
    model: str | None = None


class _BackendEvent(msgspec.Struct):
    """An event of the Responses or Decisions API."""

    type: str = ""
    response: _BackendBody | None = None
    decision: _BackendBody | None = None


# The events that end a response or a decision. Source: the API reference (Responses streaming
# events) and the official SDK's LiveDecisionEvent (package openai 3.54.0). Read 2026-11-24.
_END_TYPES = frozenset({"response.completed", "response.incomplete", "response.failed", "decision.completed"})
_decode_backend_event = msgspec.json.Decoder(_BackendEvent).decode


def _finished_body(body: msgspec.Raw | bytes | None) -> _BackendBody | None:
    """Return the response or decision that the event ends. None for all other events."""
    try:
        event = _decode_backend_event(body or b"{}")
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None
    return (event.response or event.decision) if event.type in _END_TYPES else None
