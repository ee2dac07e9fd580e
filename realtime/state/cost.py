"""What tokens and seconds cost: exact decimal arithmetic over dated prices, before a call and after it.

The laws: a price that is not known is an error, never $0; so is usage that the price does not
cover. Cached tokens cost the cached price and nothing else. Tokens of an untold kind cost what
the dearest kind costs. Nothing is rounded but prices by the minute, to 12 decimals.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Context, Decimal
from typing import TypeAlias

from .. import spec
from ..errors import ConfigError, ModelNotFoundError, snippet
from ..spec import MinutePrice, ModelPrice, TokenPrice
from .tokens import TokenCount, Tokens

# By a model's name, or one's own: a deployment's, a contract's, a compatible server's.
Price: TypeAlias = str | ModelPrice | MinutePrice

# A context of our own: the caller's may round sooner.
_EXACT = Context(prec=60)
plus, _times, _over = _EXACT.add, _EXACT.multiply, _EXACT.divide
_MILLION = Decimal(1_000_000)
_LEAST = Decimal("1e-12")
_NAMED: dict[str, ModelPrice | MinutePrice] = {
    **spec.PRICES,
    **{model: MinutePrice(usd) for model, usd in spec.MINUTE_PRICES.items()},
    **spec.TRANSCRIPTION_PRICES,
}


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of a bill: `amount` tokens of a kind, or seconds, and what they cost in USD.

    `kind` is text, audio, image, untold or time; `use` is input (fresh), cached, output or seconds.
    """

    kind: str
    use: str
    amount: Decimal
    usd: Decimal


def price_of(model: Price) -> ModelPrice | MinutePrice:
    """The price of a model by its exact name, or the price that was given.

    A snapshot's date is part of its name: the snapshots of one model have not always cost
    the same (gpt-4o-realtime-preview's first cost 2.5 times the next), so no price is
    inferred from another name. Prices are those of `spec.PRICES_READ`.

    Raises:
        ModelNotFoundError: no price of that name is known; give a ModelPrice or MinutePrice.
        TypeError: `model` is neither a name nor a price.
    """
    if isinstance(model, (ModelPrice, MinutePrice)):
        return model
    if not isinstance(model, str):
        raise TypeError(f"a model's name or price is needed, not {type(model).__name__}")
    if model not in _NAMED:
        what = f"has no price that is known since {spec.PRICES_READ}; give your own"
        reason = (
            f"no price of {snippet(repr(model))} is known (prices of {spec.PRICES_READ}); "
            "give a ModelPrice or a MinutePrice in the place of its name"
        )
        raise ModelNotFoundError(model, problems=[("model", what)], reason=reason)
    return _NAMED[model]


def bill(model: Price, tokens: Tokens, seconds: Decimal | float = 0) -> tuple[CostLine, ...]:
    """What `tokens`, or `seconds` by the minute's price, cost: a line for each kind and use.

    Raises:
        ModelNotFoundError: the price of `model` is not known.
        ConfigError: there is something that the price does not cover: seconds where tokens are
            priced, tokens where minutes are, images where images have no price.
    """
    price = price_of(model)
    time = exact(seconds)
    if isinstance(price, MinutePrice):
        if tokens.total:
            raise _uncovered("tokens", f"{tokens.total} tokens were counted, and the price is by the minute")
        usd = _over(_times(time, exact(price.usd)), Decimal(60)).quantize(_LEAST, context=_EXACT)
        return (CostLine("time", "seconds", time, usd),) if time else ()
    if time:
        raise _uncovered("seconds", f"{time} seconds were counted, and the price is by the token")
    return tuple(line for kind, count in tokens.by_kind().items() for line in _lines(kind, count, price))


def total_usd(lines: tuple[CostLine, ...]) -> Decimal:
    """The sum of a bill."""
    total = Decimal(0)
    for line in lines:
        total = plus(total, line.usd)
    return total


def exact(number: Decimal | float) -> Decimal:
    """`number` as it is written in decimal: 0.1 is a tenth. Raises ValueError for NaN and infinity."""
    value = number if isinstance(number, Decimal) else Decimal(repr(float(number)))
    if not value.is_finite():
        raise ValueError(f"a finite number is needed, not {number}")
    return value


def _lines(kind: str, count: TokenCount, price: ModelPrice) -> Iterator[CostLine]:
    if count == TokenCount():
        return
    of_kind = _dearest(price) if kind == "untold" else getattr(price, kind)
    if of_kind is None:
        raise _uncovered(kind, f"{kind} tokens were counted, and the model has no price for them")
    for use, amount, usd_per_million in (
        ("input", count.fresh, of_kind.input),
        ("cached", count.cached, of_kind.cached),
        ("output", count.output, of_kind.output),
    ):
        if amount:
            usd = _over(_times(Decimal(amount), exact(usd_per_million)), _MILLION)
            yield CostLine(kind, use, Decimal(amount), usd)


def _dearest(price: ModelPrice) -> TokenPrice:
    kinds = [kind for kind in price if kind is not None]
    return TokenPrice(*(max(prices) for prices in zip(*kinds, strict=True)))


def _uncovered(path: str, what: str) -> ConfigError:
    return ConfigError(what, problems=[(path, what)])


# --- Before the call -----------------------------------------------------------------


def estimate_tokens(
    user_seconds: float,
    assistant_seconds: float,
    *,
    turns: int = 1,
    prompt_tokens: int = 0,
    cache_hits: bool = False,
) -> Tokens:
    """About what a call takes: audio at one token per 100 ms of the user and 50 ms of the assistant.

    The whole context is billed again with each response (guide "Realtime costs"): with more
    `turns`, each of which has its even share of the speech, what was said before is input
    again, and so are `prompt_tokens` of instructions and tools. With `cache_hits`, what was
    input before is cached, which is the least that it can cost; without, it is the most. Text
    that the model writes beside its speech is not counted.

    A token that has begun counts as one: numbers of tokens are rounded up, cached ones down.

    Raises:
        ConfigError: something negative, or less than one turn.
    """
    user = _audio_tokens("user_seconds", user_seconds, spec.USER_AUDIO_MS_PER_TOKEN)
    assistant = _audio_tokens("assistant_seconds", assistant_seconds, spec.ASSISTANT_AUDIO_MS_PER_TOKEN)
    if turns < 1 or prompt_tokens < 0:
        field, least = ("turns", 1) if turns < 1 else ("prompt_tokens", 0)
        raise _uncovered(field, f"{field} must be at least {least}")
    # Response k hears k turns of the user and k - 1 of the assistant; before it, k - 1 and k - 2
    # of them were input already. The sums over k = 1 ... turns:
    heard = -(-(user * (turns + 1) + assistant * (turns - 1)) // 2)
    heard_before = (user * turns * (turns - 1) + assistant * (turns - 1) * (turns - 2)) // (2 * turns)
    return Tokens(
        text=TokenCount(prompt_tokens * turns, prompt_tokens * (turns - 1) if cache_hits else 0),
        audio=TokenCount(heard, heard_before if cache_hits else 0, assistant),
    )


def estimate_cost(
    model: Price,
    user_seconds: float,
    assistant_seconds: float,
    *,
    turns: int = 1,
    prompt_tokens: int = 0,
    cache_hits: bool = False,
) -> Decimal:
    """About what a call costs in USD: by `estimate_tokens`, or by the minute of both sides' speech.

    One minute, half of it the user's: ``estimate_cost(model, 30, 30)``.

    Raises:
        ModelNotFoundError: the price of `model` is not known.
        ConfigError: something negative, or less than one turn.
    """
    tokens = estimate_tokens(
        user_seconds, assistant_seconds, turns=turns, prompt_tokens=prompt_tokens, cache_hits=cache_hits
    )
    if isinstance(price_of(model), MinutePrice):
        return total_usd(bill(model, Tokens(), plus(exact(user_seconds), exact(assistant_seconds))))
    return total_usd(bill(model, tokens))


def _audio_tokens(field: str, seconds: float, ms_per_token: int) -> int:
    try:
        ms = _times(exact(seconds), Decimal(1000))
    except ValueError as why:
        raise _uncovered(field, f"{field}: {why}") from None
    if ms < 0:
        raise _uncovered(field, f"{field} must not be negative")
    return math.ceil(_over(ms, Decimal(ms_per_token)))
