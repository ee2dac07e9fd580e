"""The cost of tokens and seconds, in exact decimal arithmetic over dated prices.

- A price that is not known is an error, never $0; so is usage that a price does not cover.
- Cached tokens cost the cached price and nothing else. Unattributed tokens cost as much as the
  most expensive kind.
- Nothing is rounded, except prices by the minute, to 12 decimals.

Costs are `Decimal` here. `realtime.estimate_cost_per_minute` is the simple estimate: a float.
The prices are in `realtime.spec`, the token counts in `tokens`.
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

# The name of a model, or a user-supplied price: of a deployment, a contract, a compatible server.
Price: TypeAlias = str | ModelPrice | MinutePrice

# A context of this module: the user's decimal context may round earlier.
_EXACT = Context(prec=60)
plus, _times, _over = _EXACT.add, _EXACT.multiply, _EXACT.divide
_MILLION = Decimal(1_000_000)
_MINUTE_QUANTUM = Decimal("1e-12")
_BY_MODEL: dict[str, ModelPrice | MinutePrice] = {
    **spec.PRICES,
    **{
        model: MinutePrice(usd, spec.PAUSED_MINUTE_PRICES.get(model))
        for model, usd in spec.MINUTE_PRICES.items()
    },
    **spec.TRANSCRIPTION_PRICES,
}


@dataclass(frozen=True, slots=True)
class CostLine:
    """One line of a bill: `amount` tokens of a kind, or seconds, and their cost in USD.

    `kind` is text, audio, image, unattributed or time; `use` is input (not cached), cached,
    output, seconds or paused (seconds at the price of a pause).
    """

    kind: str
    use: str
    amount: Decimal
    usd: Decimal


def price_of(model: Price) -> ModelPrice | MinutePrice:
    """Return the price of a model by its exact name. A price is returned as it is.

    A snapshot's date is part of its name. No price is inferred from a similar name: snapshots
    of one model have not always cost the same (the first of gpt-4o-realtime-preview cost 2.5
    times the next). The prices were read on `spec.PRICES_READ`.

    Raises:
        ModelNotFoundError: no price is known for the name; pass a ModelPrice or MinutePrice.
        TypeError: `model` is neither a str nor a price.
    """
    if isinstance(model, (ModelPrice, MinutePrice)):
        return model
    if not isinstance(model, str):
        raise TypeError(f"expected a model's name or a price, got {type(model).__name__}")
    if model not in _BY_MODEL:
        problem = f"no price is known (prices read {spec.PRICES_READ}); pass your own"
        reason = (
            f"no price of {snippet(repr(model))} is known (prices read {spec.PRICES_READ}); "
            "pass a realtime.state.ModelPrice or MinutePrice instead of the name"
        )
        raise ModelNotFoundError(model, problems=[("model", problem)], reason=reason)
    return _BY_MODEL[model]


def bill(
    model: Price, tokens: Tokens, seconds: Decimal | float = 0, paused_seconds: Decimal | float = 0
) -> tuple[CostLine, ...]:
    """Return the cost of `tokens`, or of `seconds` at a price by the minute, by kind and use.

    `paused_seconds` are those of `seconds` in which a Live session was paused.

    Raises:
        ModelNotFoundError: no price is known for `model`.
        ConfigError: the price does not cover the usage: seconds at a price by the token, tokens at
            a price by the minute, images where images have no price; or `seconds` is not finite.
    """
    price = price_of(model)
    time, paused = exact(seconds), exact(paused_seconds)
    if isinstance(price, MinutePrice):
        if tokens.total:
            raise _problem("tokens", f"{tokens.total} tokens were counted, but the price is by the minute")
        paused = min(paused, time) if price.paused_usd is not None else Decimal(0)
        lines = (
            _time_line("seconds", _EXACT.subtract(time, paused), price.usd),
            _time_line("paused", paused, price.paused_usd or 0.0),
        )
        return tuple(line for line in lines if line.amount)
    if time:
        raise _problem("seconds", f"{time} seconds were counted, but the price is by the token")
    return tuple(line for kind, count in tokens.by_kind().items() for line in _lines(kind, count, price))


def _time_line(use: str, seconds: Decimal, usd_per_minute: float) -> CostLine:
    usd = _over(_times(seconds, exact(usd_per_minute)), Decimal(60))
    return CostLine("time", use, seconds, usd.quantize(_MINUTE_QUANTUM, context=_EXACT))


def total_usd(lines: tuple[CostLine, ...]) -> Decimal:
    """Return the sum of a bill in USD."""
    total = Decimal(0)
    for line in lines:
        total = plus(total, line.usd)
    return total


def exact(number: Decimal | float) -> Decimal:
    """Return `number` as a Decimal with the digits that Python prints: 0.1 is exactly a tenth.

    Raises:
        ConfigError: `number` is NaN or infinite.
    """
    value = number if isinstance(number, Decimal) else Decimal(repr(float(number)))
    if not value.is_finite():
        raise ConfigError(f"expected a finite number, got {number}")
    return value


def _lines(kind: str, count: TokenCount, price: ModelPrice) -> Iterator[CostLine]:
    if count == TokenCount():
        return
    of_kind = _highest(price) if kind == "unattributed" else getattr(price, kind)
    if of_kind is None:
        raise _problem(kind, f"{kind} tokens were counted, but the model has no price for them")
    for use, amount, usd_per_million in (
        ("input", count.fresh, of_kind.input),
        ("cached", count.cached, of_kind.cached),
        ("output", count.output, of_kind.output),
    ):
        if amount:
            usd = _over(_times(Decimal(amount), exact(usd_per_million)), _MILLION)
            yield CostLine(kind, use, Decimal(amount), usd)


def _highest(price: ModelPrice) -> TokenPrice:
    """Return the highest price of any kind, for each use."""
    kinds = [kind for kind in price if kind is not None]
    return TokenPrice(*(max(prices) for prices in zip(*kinds, strict=True)))


def _problem(path: str, sentence: str) -> ConfigError:
    return ConfigError(sentence, problems=[(path, sentence)])


# --- Estimates -----------------------------------------------------------------------


def estimate_tokens(
    user_seconds: float,
    assistant_seconds: float,
    *,
    turns: int = 1,
    prompt_tokens: int = 0,
    cache_hits: bool = False,
) -> Tokens:
    """Estimate the tokens of a call: one per 100 ms of the user's audio, one per 50 ms of the assistant's.

    The whole context is billed again with each response (guide "Realtime costs"). With more
    `turns`, which share the audio evenly, the audio of earlier turns is input again, and so are
    `prompt_tokens` of instructions and tools. With `cache_hits` all input that was input before
    is cached, which gives the lowest cost; without, nothing is, which gives the highest. Text
    output of the model is not counted.

    Started tokens count: numbers of tokens are rounded up, of cached tokens down.

    Raises:
        ConfigError: an argument is negative or not finite, or `turns` is less than 1.
    """
    user = _audio_tokens("user_seconds", user_seconds, spec.USER_AUDIO_MS_PER_TOKEN)
    assistant = _audio_tokens("assistant_seconds", assistant_seconds, spec.ASSISTANT_AUDIO_MS_PER_TOKEN)
    if turns < 1 or prompt_tokens < 0:
        field, least = ("turns", 1) if turns < 1 else ("prompt_tokens", 0)
        raise _problem(field, f"{field} must be at least {least}")
    # The input of response k is k turns of the user and k - 1 of the assistant, of which k - 1 and
    # k - 2 were input before. The sums over k = 1 ... turns:
    audio_input = -(-(user * (turns + 1) + assistant * (turns - 1)) // 2)
    input_before = (user * turns * (turns - 1) + assistant * (turns - 1) * (turns - 2)) // (2 * turns)
    return Tokens(
        text=TokenCount(prompt_tokens * turns, prompt_tokens * (turns - 1) if cache_hits else 0),
        audio=TokenCount(audio_input, input_before if cache_hits else 0, assistant),
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
    """Estimate the cost of a call in USD, from `estimate_tokens` or at the model's price by the minute.

    One minute, half of it the user's: ``estimate_cost(model, 30, 30)``.

    Raises:
        ModelNotFoundError: no price is known for `model`.
        ConfigError: an argument is negative or not finite, or `turns` is less than 1.
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
    except ConfigError as why:
        raise _problem(field, f"{field}: {why}") from None
    if ms < 0:
        raise _problem(field, f"{field} must not be negative")
    return math.ceil(_over(ms, Decimal(ms_per_token)))
