"""Cost: exact sums over known prices; anything without a price is an error, never $0."""

from __future__ import annotations

import decimal
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import spec
from realtime.state import (
    CostLine,
    MinutePrice,
    ModelPrice,
    TokenCount as C,
    TokenPrice,
    Tokens,
    Usage,
    bill,
    estimate_cost,
    estimate_tokens,
    price_of,
    total_usd,
)
from tests.state.usage_events import REAL, TOKENS_USAGE, fed, live_usage, response, transcription

# --- Bills ---------------------------------------------------------------------------


def test_cost_is_exact_and_itemized() -> None:
    usage = fed(response(usage=REAL))
    # In millionths. Text: 57 x 5 + 256 x 2.50 + 9 x 20; audio: 92 x 40 + 384 x 2.50 + 23 x 80.
    assert usage.cost("gpt-4o-realtime-preview-2024-12-17") == Decimal("0.007585")
    lines: list[Any] = [
        (line.kind, line.use, line.amount, line.usd) for line in usage.bill("gpt-4o-realtime-preview")
    ]
    assert lines == [
        ("text", "input", 57, Decimal("0.000285")),
        ("text", "cached", 256, Decimal("0.00064")),
        ("text", "output", 9, Decimal("0.00018")),
        ("audio", "input", 92, Decimal("0.00368")),
        ("audio", "cached", 384, Decimal("0.00096")),
        ("audio", "output", 23, Decimal("0.00184")),
    ]


def test_cached_tokens_are_billed_once() -> None:
    """livekit/agents#5121: cached tokens were counted as input too, which nearly doubled the cost."""
    details = {"audio_tokens": 1000, "cached_tokens": 1000, "cached_tokens_details": {"audio_tokens": 1000}}
    usage = fed(response(usage={"input_tokens": 1000, "input_token_details": details}))
    assert usage.cost("gpt-realtime-2") == Decimal("0.0004")


@pytest.mark.parametrize(
    "model", ["gpt-realtime-mini-2025-12-15", "gpt-realtime", "gpt-realtime-2-2026-05-07", ""]
)
def test_a_model_without_a_price_is_an_error(model: str) -> None:
    """BerriAI/litellm#31087: a snapshot that the price table did not know was reported at $0."""
    usage = fed(response(usage=REAL))
    for cost in (usage.cost, usage.transcription_cost, usage.bill, price_of):
        with pytest.raises(realtime.ModelNotFoundError) as caught:
            cost(model)
        assert caught.value.model == model
        assert spec.PRICES_READ in caught.value.problems[0][1]
        assert str(caught.value).startswith(f"no price of {model!r} is known")
        assert str(caught.value).endswith(
            "; pass a realtime.state.ModelPrice or MinutePrice instead of the name"
        )
    with pytest.raises(realtime.ModelNotFoundError):
        estimate_cost(model, 1, 1)


@pytest.mark.parametrize("model", [*spec.PRICES, *spec.TRANSCRIPTION_PRICES, *spec.MINUTE_PRICES])
def test_usage_of_a_priced_model_costs_something_or_is_an_error(model: str) -> None:
    one = {"input_tokens": 1, "input_token_details": {"text_tokens": 1}}
    tokens, seconds = fed(response(usage=one)), fed(live_usage(0.001))
    by_minute = isinstance(price_of(model), MinutePrice)
    assert (seconds if by_minute else tokens).cost(model) > 0
    with pytest.raises(realtime.ConfigError, match="the price is by the") as caught:
        (tokens if by_minute else seconds).cost(model)
    assert caught.value.field == ("tokens" if by_minute else "seconds")
    assert Usage().cost(model) == 0
    assert Usage().bill(model) == ()


def test_a_user_supplied_price() -> None:
    own = ModelPrice(TokenPrice(1, 0.5, 2), TokenPrice(10, 5, 20))
    assert fed(response(usage=REAL)).cost(own) == Decimal("0.003503")
    assert fed(live_usage(30)).cost(MinutePrice(0.1)) == Decimal("0.05")
    with pytest.raises(TypeError, match="a model's name or a price, got float"):
        price_of(0.06)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), Decimal("NaN")])
def test_numbers_that_are_not_finite_are_refused(wrong: Any) -> None:
    with pytest.raises(realtime.ConfigError, match="finite"):
        bill(MinutePrice(0.1), Tokens(), wrong)
    with pytest.raises(realtime.ConfigError, match="finite"):
        bill(MinutePrice(wrong), Tokens(), 1)


def test_the_default_model_has_a_price() -> None:
    assert fed(response(usage=REAL)).cost("gpt-realtime-2") > 0


def test_images_without_a_price_are_an_error() -> None:
    usage = fed(response(usage={"input_token_details": {"image_tokens": 1}}))
    assert usage.cost("gpt-realtime-2") == Decimal("0.000005")
    with pytest.raises(
        realtime.ConfigError, match="image tokens were counted, but the model has no"
    ) as caught:
        usage.cost("gpt-4o-realtime-preview")
    assert caught.value.field == "image"


def test_unattributed_tokens_cost_as_much_as_the_most_expensive_kind() -> None:
    usage = fed(
        response(usage={"input_tokens": 10, "output_tokens": 1, "input_token_details": {"cached_tokens": 4}})
    )
    # 6 x 32 + 4 x 0.50 (cached images are the most expensive) + 1 x 64
    assert usage.cost("gpt-realtime-2") == Decimal("0.000258")


def test_transcriptions_are_billed_at_their_own_model() -> None:
    tokens = fed(transcription(TOKENS_USAGE))
    assert tokens.transcription_cost("gpt-4o-transcribe") == Decimal("0.0001225")  # 13 x 2.50 + 9 x 10
    seconds = fed(transcription({"type": "duration", "seconds": 90}))
    assert seconds.transcription_cost("whisper-1") == Decimal("0.009")
    assert seconds.transcription_cost("gpt-transcribe") == Decimal("0.00675")
    [line] = seconds.transcription_bill("whisper-1")
    assert line == CostLine("time", "seconds", Decimal(90), Decimal("0.009"))
    assert tokens.cost("gpt-realtime-2") == 0


def test_the_decimal_context_of_the_user_does_not_matter() -> None:
    events = [response(f"r{number}", REAL) for number in range(7)]
    with decimal.localcontext(prec=2):
        usage = fed(*events, live_usage(0.123456))
        assert usage.session_seconds == 0.123456
        exact = Decimal("0.1234567890123456789")
        assert bill(MinutePrice(60), Tokens(), exact) == (
            CostLine("time", "seconds", exact, Decimal("0.123456789012")),
        )
        cost = sum((total_usd(bill("gpt-4o-realtime-preview", usage.responses)),), Decimal(0))
    assert total_usd(bill("gpt-4o-realtime-preview", usage.responses)) == Decimal("0.053095")
    assert cost == Decimal("0.053")  # only the user's own sum is rounded


counts = st.integers(0, 100_000)
usages = st.fixed_dictionaries(
    {},
    optional={
        "input_tokens": counts,
        "output_tokens": counts,
        "input_token_details": st.fixed_dictionaries(
            {},
            optional={
                "text_tokens": counts,
                "audio_tokens": counts,
                "image_tokens": counts,
                "cached_tokens": counts,
                "cached_tokens_details": st.none()
                | st.fixed_dictionaries({}, optional={"text_tokens": counts, "audio_tokens": counts}),
            },
        ),
        "output_token_details": st.none()
        | st.fixed_dictionaries({}, optional={"text_tokens": counts, "audio_tokens": counts}),
    },
)


def slow_cost(lines: Iterable[tuple[Tokens, ModelPrice]]) -> Fraction:
    """The cost in fractions: fresh, cached and output tokens of each kind at their prices."""
    usd = Fraction(0)
    for tokens, price in lines:
        for kind in ("text", "audio", "image"):
            count, at = getattr(tokens, kind), getattr(price, kind)
            each = zip((count.input - count.cached, count.cached, count.output), at, strict=True)
            usd += sum(amount * Fraction(str(per_million)) for amount, per_million in each)
        highest = [max(Fraction(str(at[use])) for at in price if at) for use in range(3)]
        each = zip(
            (tokens.unattributed.fresh, tokens.unattributed.cached, tokens.unattributed.output),
            highest,
            strict=True,
        )
        usd += sum(amount * per_million for amount, per_million in each)
    return usd / 1_000_000


@given(st.lists(st.tuples(st.integers(0, 5), usages), max_size=12))
def test_any_stream_sums_up_to_its_distinct_responses(stream: list[tuple[int, dict[str, Any]]]) -> None:
    usage = fed(*(response(f"r{id}", reported) for id, reported in stream))
    first: dict[int, dict[str, Any]] = {}
    for id, reported in stream:
        first.setdefault(id, reported)
    apart = [fed(response(usage=reported)).responses for reported in first.values()]
    assert usage.responses == sum(apart, Tokens())
    for count in usage.responses.by_kind().values():
        assert 0 <= count.cached <= count.input
    for reported, tokens in zip(first.values(), apart, strict=True):
        assert tokens.input >= reported.get("input_tokens", 0)
        assert tokens.output >= reported.get("output_tokens", 0)
    price = spec.PRICES["gpt-realtime-2"]
    assert Fraction(usage.cost(price)) == slow_cost([(usage.responses, price)])
    assert Fraction(usage.cost(price)) == slow_cost((tokens, price) for tokens in apart)


# --- Estimates -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "assistant", "audio"),
    [
        (60, 0, C(600)),
        (0, 60, C(0, 0, 1200)),
        (30, 30, C(300, 0, 600)),
        (0.3, 0.15, C(3, 0, 3)),  # in decimal: as floats, 0.3 s would make a fourth token
        (0.01, 0.051, C(1, 0, 2)),  # a started token counts
    ],
)
def test_audio_seconds_to_tokens(user: float, assistant: float, audio: C) -> None:
    assert estimate_tokens(user, assistant) == Tokens(audio=audio)


@pytest.mark.parametrize("model", [*spec.PRICES, *spec.MINUTE_PRICES])
def test_a_minute_costs_as_much_as_the_simple_estimate(model: str) -> None:
    if model not in spec.BETA_MINUTE_PRICES:  # these have the original library's figures
        assert float(estimate_cost(model, 30, 30)) == pytest.approx(realtime.estimate_cost_per_minute(model))


@pytest.mark.parametrize("turns", [1, 2, 3, 10])
def test_the_context_is_billed_again_with_each_turn(turns: int) -> None:
    """The sums of the implementation, turn by turn, with 10 tokens of the user and 20 of the assistant."""
    user = assistant = float(turns)
    context = cached = audio_input = 0
    for _ in range(turns):
        before = context  # the input of the response before
        audio_input += before + 10
        cached += before
        context = before + 10 + 20
        if _:
            cached -= 20  # the answer before it was not input yet
    tokens = estimate_tokens(user, assistant, turns=turns, prompt_tokens=100, cache_hits=True)
    assert tokens.audio == C(audio_input, cached, 20 * turns)
    assert tokens.text == C(100 * turns, 100 * (turns - 1))
    uncached = estimate_tokens(user, assistant, turns=turns, prompt_tokens=100)
    assert (uncached.input, uncached.cached) == (tokens.input, 0)
    cheap = estimate_cost("gpt-realtime-2", user, assistant, turns=turns, cache_hits=True)
    assert cheap <= estimate_cost("gpt-realtime-2", user, assistant, turns=turns)


def test_numbers_of_tokens_are_whole() -> None:
    for turns in (2, 3):
        tokens = estimate_tokens(0.1, 0.05, turns=turns, cache_hits=True)  # one token of each side
        assert [type(count) for count in (tokens.input, tokens.cached, tokens.output)] == [int, int, int]
    assert tokens.audio == C(3, 1, 1)


def test_the_estimate_of_a_cost_is_that_of_the_tokens() -> None:
    options: dict[str, Any] = {"turns": 3, "prompt_tokens": 50}
    for cache_hits in (False, True):
        tokens = estimate_tokens(2, 1, **options, cache_hits=cache_hits)
        expected = total_usd(bill("gpt-realtime-2", tokens))
        assert estimate_cost("gpt-realtime-2", 2, 1, **options, cache_hits=cache_hits) == expected
    assert estimate_cost("gpt-realtime-2", 2, 1, **options) > expected


@given(st.floats(0, 3600), st.floats(0, 3600), st.integers(1, 200), st.integers(0, 10_000))
def test_estimates_stay_within_their_bounds(user: float, assistant: float, turns: int, prompt: int) -> None:
    tokens = estimate_tokens(user, assistant, turns=turns, prompt_tokens=prompt, cache_hits=True)
    for count in tokens.by_kind().values():
        assert 0 <= count.cached <= count.input
    assert tokens.audio.input >= user * 10 - 1e-6
    assert tokens.audio.output >= assistant * 20 - 1e-6


@pytest.mark.parametrize(
    ("arguments", "field", "sentence"),
    [
        ({"user_seconds": -1, "assistant_seconds": 0}, "user_seconds", "user_seconds must not be negative"),
        (
            {"user_seconds": 0, "assistant_seconds": float("nan")},
            "assistant_seconds",
            "assistant_seconds: expected a finite number, got nan",
        ),
        ({"user_seconds": 0, "assistant_seconds": 0, "turns": 0}, "turns", "turns must be at least 1"),
        (
            {"user_seconds": 0, "assistant_seconds": 0, "prompt_tokens": -1},
            "prompt_tokens",
            "prompt_tokens must be at least 0",
        ),
    ],
)
def test_wrong_arguments_of_estimates_are_refused(
    arguments: dict[str, Any], field: str, sentence: str
) -> None:
    for estimate in (estimate_tokens, lambda **kw: estimate_cost("gpt-realtime-2", **kw)):
        with pytest.raises(realtime.ConfigError, match=f"^{sentence}$") as caught:
            estimate(**arguments)
        assert caught.value.field == field
