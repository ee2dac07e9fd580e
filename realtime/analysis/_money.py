"""What a call took and what it cost: usage by model, as the server counts it, and its price.

A price that is not known is said, and so is usage that a server left out: neither is ever $0.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from msgspec import Struct, structs

from ..errors import ConfigError, ModelNotFoundError, snippet
from ..spec import MinutePrice, ModelPrice
from ..state import CostLine, Tokens, Usage, total_usd
from ..state.cost import plus
from ._clock import InputClock
from ._kept import Kept
from ._words import count
from .report import CostItem, CostReport, SessionReport, UsageReport

Price = str | ModelPrice | MinutePrice
_Key = tuple[str | None, str | None]
_MAX_MODELS: Final = 32
# Tokens, or seconds, of one call; a session has some 100,000 of each.
_MOST: Final = 10**12
_NO_MODEL: Final = "the log names no model"


class Money:
    """Adds up usage by the models that sessions named.

    `model` and `transcription_model`, names or prices, stand for whatever the sessions named.
    """

    def __init__(self, kept: Kept, model: Price | None, transcription_model: Price | None) -> None:
        self._kept, self._model, self._transcription = kept, model, transcription_model
        self._usage: dict[_Key, Usage] = {}
        self._beyond = 0

    def feed(self, session: SessionReport, event: object, usage: object) -> bool:
        """Count what `usage` says, which is the event's; whether a call can have used so much."""
        is_of_a_call = _is_within(usage)
        if is_of_a_call:
            self._of(session).feed(event)
        else:
            self._beyond += 1
        return is_of_a_call

    def translates(self, session: SessionReport, clock: InputClock) -> None:
        """A session that reports nothing was sent this much to translate; told again, it counts once."""
        seconds = clock.billable_ms() / 1000
        if seconds > 0:
            self._of(session).add_seconds(seconds)

    def _of(self, session: SessionReport) -> Usage:
        key = session.model, session.transcription_model
        found = self._usage.get(key)
        if found is None:
            if len(self._usage) >= _MAX_MODELS:
                key = None, None
            found = self._usage.setdefault(key, Usage())
        return found

    def tell(self) -> None:
        """Put usage and cost into the report."""
        report, whole = self._kept.report, Usage()
        for usage in self._usage.values():
            whole += usage
        report.usage = UsageReport(
            responses=whole.responses,
            transcriptions=whole.transcriptions,
            backend=_backend(whole),
            transcribed_seconds=whole.transcribed_seconds,
            session_seconds=whole.session_seconds,
            unreported=whole.unreported,
        )
        report.cost = _sum([*self._items()])

    def _items(self) -> Iterator[CostItem]:
        for (model, transcription), usage in self._usage.items():
            yield from _items(usage, self._model or model, self._transcription or transcription)
        if self._beyond:
            told = f"usage that no call can have was told {count(self._beyond, 'time')}, and is not counted"
            yield CostItem(use="unreported", problem=told)


def _is_within(usage: object) -> bool:
    """Whether all numbers in an object are such as a call can have."""
    todo = [usage]
    for each in todo:  # which grows meanwhile
        if isinstance(each, Struct):
            todo += structs.astuple(each)
        elif isinstance(each, (int, float)) and not abs(each) <= _MOST:  # nor is NaN
            return False
    return True


def _backend(usage: Usage) -> Tokens:
    """Tokens of other models, which are read from events of other APIs: numbers of any size."""
    told = usage.backend
    return Tokens.of_text(min(told.input, _MOST), min(told.cached, _MOST), min(told.output, _MOST))


def _items(usage: Usage, model: Price | None, transcription: Price | None) -> Iterator[CostItem]:
    if usage.responses.total or usage.session_seconds:
        timed = CostItem(use="sessions" if usage.session_seconds else "responses", model=_name(model))
        yield _priced(timed, model, usage.bill)
    if usage.transcriptions.total or usage.transcribed_seconds:
        item = CostItem(use="transcription", model=_name(transcription))
        yield _priced(item, transcription, usage.transcription_bill)
    if usage.backend.total:
        problem = f"{_backend(usage).total} tokens of models that were delegated to, at their own prices"
        yield CostItem(use="backend", problem=problem)
    if usage.unreported:
        times = count(usage.unreported, "time")
        problem = f"usage was left out {times}, of responses or transcriptions"
        yield CostItem(use="unreported", problem=problem)


def _priced(item: CostItem, model: Price | None, bill: Callable[[Price], tuple[CostLine, ...]]) -> CostItem:
    if model is None:
        item.problem = _NO_MODEL
        return item
    try:
        item.usd = total_usd(bill(model))
    except ConfigError as why:
        item.problem = _reason(why)
    except ArithmeticError:
        item.problem = "what it cost has too many digits to be counted"
    return item


def _reason(why: ConfigError) -> str:
    if isinstance(why, ModelNotFoundError):
        return f"no price of {snippet(why.model)} is known"
    return snippet(why)


def _name(model: Price | None) -> str | None:
    return model if model is None or isinstance(model, str) else "a price of one's own"


def _sum(items: list[CostItem]) -> CostReport:
    known = [item.usd for item in items if item.usd is not None]
    total = functools.reduce(plus, known, Decimal(0))
    return CostReport(usd=total if len(known) == len(items) else None, known_usd=total, items=items)
