"""Usage of a call by model, as the server counts it, and its cost.

An unknown price and usage that the server did not report are shown as problems, never as $0. Prices
are those of `realtime.state.price_of`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final, TypeAlias

from msgspec import Struct, structs

from .._bounded import BoundedDict
from .._provider import Provider
from .._text import plural
from ..errors import ConfigError, ModelNotFoundError, snippet
from ..events.live import SessionClosed, SessionStarted, SessionUsageUpdated
from ..spec import MinutePrice, ModelPrice
from ..state import CostLine, Tokens, Usage, total_usd
from ..state.cost import bill, plus
from ._builder import ReportBuilder, as_code
from .report import CostItem, CostReport, SessionReport, UsageReport

Price: TypeAlias = str | ModelPrice | MinutePrice
_MAX_MODELS: Final = 32
_MAX_SESSIONS: Final = 1_000
# The most tokens or seconds in one event; a session has about 100,000 of each.
_MAX_USAGE: Final = 10**12


class CostTracker:
    """Adds up usage by model.

    `model` and `transcription_model`, names or prices, override the models that sessions name.
    """

    def __init__(
        self,
        builder: ReportBuilder,
        model: Price | None,
        transcription_model: Price | None,
        provider: Provider | None = None,
    ) -> None:
        self._provider = provider
        self._builder, self._model, self._transcription = builder, model, transcription_model
        self._usage: dict[tuple[str | None, str | None], Usage] = {}
        self._implausible = 0
        # The Live sessions that started and of which no usage was reported: they are billed all the same.
        self._unbilled: BoundedDict[str | None, None] = BoundedDict(_MAX_SESSIONS)

    def feed(self, session: SessionReport, event: object, usage: object) -> bool:
        """Count the usage of an event. Returns False if its numbers are too large for any call."""
        if not _is_plausible(usage):
            self._implausible += 1
            return False
        self._usage_of(session).feed(event)
        if isinstance(event, SessionStarted):
            self._unbilled[session.id] = None
        elif isinstance(event, SessionUsageUpdated | SessionClosed):
            self._unbilled.pop(session.id, None)
        return True

    def add_audio(self, session: SessionReport, audio_ms: float) -> None:
        """Count audio sent to a session whose server reports no usage."""
        if audio_ms > 0:
            self._usage_of(session).add_seconds(audio_ms / 1000)

    def _usage_of(self, session: SessionReport) -> Usage:
        key = session.model, session.transcription_model
        if key not in self._usage and len(self._usage) >= _MAX_MODELS:
            key = None, None
        return self._usage.setdefault(key, Usage(self._provider))

    def finish(self) -> None:
        """Write usage and cost into the report."""
        report, total = self._builder.report, sum(self._usage.values(), Usage())
        report.usage = UsageReport(
            responses=total.responses,
            transcriptions=total.transcriptions,
            backend=_limited(total.backend),
            transcribed_seconds=total.transcribed_seconds,
            session_seconds=total.session_seconds,
            unreported=total.unreported,
        )
        items = [*self._items()]
        known = [item.usd for item in items if item.usd is not None]
        known_usd = functools.reduce(plus, known, Decimal(0))
        usd = known_usd if len(known) == len(items) else None
        report.cost = CostReport(usd=usd, known_usd=known_usd, items=items)

    def _items(self) -> Iterator[CostItem]:
        for (model, transcription), usage in self._usage.items():
            yield from _items(usage, self._model or model, self._transcription or transcription)
        if self._unbilled:
            problem = f"the log has no usage of {plural(len(self._unbilled), 'session')}"
            yield CostItem(use="sessions", problem=problem)
        if self._implausible:
            times = plural(self._implausible, "time")
            problem = f"usage too large for any call was reported {times} and is not counted"
            yield CostItem(use="unreported", problem=problem)


def _is_plausible(usage: object) -> bool:
    """Return True if no number in `usage` is too large for a call."""
    values = [usage]
    for value in values:  # grows while it is iterated
        if isinstance(value, Struct):
            values += structs.astuple(value)
        elif isinstance(value, dict):  # usage that no Struct describes
            values += value.values()
        elif isinstance(value, (int, float)) and abs(value) > _MAX_USAGE:
            return False
    return True


def _limited(tokens: Tokens) -> Tokens:
    """Return the tokens of another model, limited: they come unchecked from events of other APIs."""
    return Tokens.of_text(*(min(count, _MAX_USAGE) for count in (tokens.input, tokens.cached, tokens.output)))


def _items(usage: Usage, model: Price | None, transcription: Price | None) -> Iterator[CostItem]:
    if usage.responses.total or usage.session_seconds:
        item = CostItem(use="sessions" if usage.session_seconds else "responses", model=_name(model))
        yield _priced(item, model, usage.bill)
    if usage.transcriptions.total or usage.transcribed_seconds:
        item = CostItem(use="transcription", model=_name(transcription))
        yield _priced(item, transcription, usage.transcription_bill)
    for name, tokens in usage.backend_by_model.items():
        item = CostItem(use="backend", model=as_code(name) or None)
        if item.model is not None and tokens.total:
            yield _priced(item, item.model, functools.partial(bill, tokens=_limited(tokens)))
        elif tokens.total:
            item.problem = f"{_limited(tokens).total} tokens of a model that the server does not name"
            yield item
    if usage.other:
        amounts = ", ".join(f"{amount:,g} {name}" for name, amount in usage.other.items())
        yield CostItem(use="other", model=_name(model), problem=f"the price of {amounts} is not known")
    if usage.unreported:
        times = plural(usage.unreported, "time")
        problem = f"the server did not report the usage of a response or transcription {times}"
        yield CostItem(use="unreported", problem=problem)


def _priced(
    item: CostItem, model: Price | None, bill_of: Callable[[Price], tuple[CostLine, ...]]
) -> CostItem:
    if model is None:
        item.problem = "the log names no model"
        return item
    try:
        item.usd = total_usd(bill_of(model))
    except ModelNotFoundError as error:
        item.problem = f"no price of {snippet(error.model)} is known"
    except ConfigError as error:
        item.problem = snippet(error)
    except ArithmeticError:
        item.problem = "the cost has too many digits"
    return item


def _name(model: Price | None) -> str | None:
    return model if model is None or isinstance(model, str) else "user-supplied price"
