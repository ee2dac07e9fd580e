"""Usage and cost: what is counted, once; what it costs, exactly; and what is an error, never $0."""

from __future__ import annotations

import decimal
import json
from collections.abc import Iterable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import beta, live, spec, translation
from realtime.spec import MinutePrice, ModelPrice, TokenPrice
from realtime.state import (
    TokenCount,
    Tokens,
    Usage,
    bill,
    estimate_cost,
    estimate_tokens,
    price_of,
    total_usd,
)
from tests import cases


def response(id: str | None = "resp_1", usage: Any = None, **fields: Any) -> Any:
    """A response.done as it comes."""
    frame = {"type": "response.done", "response": {"id": id, "usage": usage}, **fields}
    return realtime.decode_server(json.dumps(frame))


def transcription(usage: Any, item: str = "item_1", index: int = 0) -> Any:
    frame = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item, "content_index": index, "transcript": "Hello", "usage": usage,
    }  # fmt: skip
    return realtime.decode_server(json.dumps(frame))


def fed(*events: Any) -> Usage:
    usage = Usage()
    for event in events:
        usage.feed(event)
    return usage


# What a developer was billed for a call, as the server told it; community.openai.com/t/1060242.
REAL = {
    "total_tokens": 821, "input_tokens": 789, "output_tokens": 32,
    "input_token_details": {
        "text_tokens": 313, "audio_tokens": 476, "cached_tokens": 640,
        "cached_tokens_details": {"text_tokens": 256, "audio_tokens": 384},
    },
    "output_token_details": {"text_tokens": 9, "audio_tokens": 23},
}  # fmt: skip

# --- Counting ------------------------------------------------------------------------

C = TokenCount
READINGS: dict[str, tuple[dict[str, Any], Tokens]] = {
    "all kinds": (REAL, Tokens(text=C(313, 256, 9), audio=C(476, 384, 23))),
    "images": (
        {"input_tokens": 30, "input_token_details": {"text_tokens": 10, "image_tokens": 20, "cached_tokens": 0}},
        Tokens(text=C(10), image=C(20)),
    ),
    "no details": ({"input_tokens": 30, "output_tokens": 5}, Tokens(untold=C(30, 0, 5))),
    "some without a kind": (
        {"input_tokens": 30, "input_token_details": {"audio_tokens": 12}},
        Tokens(audio=C(12), untold=C(18)),
    ),
    "no totals": ({"input_token_details": {"text_tokens": 7}}, Tokens(text=C(7))),
    "nulls": (
        {"input_tokens": None, "output_tokens": None, "input_token_details": None, "output_token_details": None},
        Tokens(),
    ),
    "empty": ({}, Tokens()),
    "cached of no told kind: text, then image, then audio": (
        {
            "input_tokens": 60,
            "input_token_details": {
                "text_tokens": 10, "audio_tokens": 40, "image_tokens": 10, "cached_tokens": 35,
            },
        },
        Tokens(text=C(10, 10), image=C(10, 10), audio=C(40, 15)),
    ),
    "cached of no told kind among input of no told kind": (
        {"input_tokens": 60, "input_token_details": {"cached_tokens": 35}},
        Tokens(untold=C(60, 35)),
    ),
    "cached partly told": (
        {
            "input_tokens": 60,
            "input_token_details": {
                "text_tokens": 20, "audio_tokens": 40, "cached_tokens": 30,
                "cached_tokens_details": {"audio_tokens": 25},
            },
        },
        Tokens(text=C(20, 5), audio=C(40, 25)),
    ),
    "cached told by kind alone": (
        {
            "input_token_details": {
                "audio_tokens": 40, "cached_tokens_details": {"audio_tokens": 25, "text_tokens": None},
            }
        },
        Tokens(audio=C(40, 25)),
    ),
    # OpenAI's own example for the beta dialect has more cached tokens than input tokens.
    "more cached than input": (
        {
            "input_tokens": 127,
            "input_token_details": {
                "text_tokens": 119, "audio_tokens": 8, "cached_tokens": 384,
                "cached_tokens_details": {"text_tokens": 128, "audio_tokens": 256},
            },
        },
        Tokens(text=C(119, 119), audio=C(8, 8)),
    ),
    "negative": (
        {"input_tokens": -5, "output_tokens": -1, "input_token_details": {"text_tokens": -3, "cached_tokens": -9}},
        Tokens(),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("usage", "tokens"), READINGS.values(), ids=READINGS)
def test_the_servers_count_is_read_by_kind(usage: dict[str, Any], tokens: Tokens) -> None:
    read = fed(response(usage=usage))
    assert read.responses == tokens
    assert read.unreported == 0
    assert read.responses.total == read.responses.input + read.responses.output


def test_beta_and_ga_are_read_alike() -> None:
    frame = json.dumps({"type": "response.done", "response": {"id": "r", "usage": REAL}})
    assert (
        fed(beta.decode_server(frame)).responses == fed(realtime.decode_server(frame)).responses != Tokens()
    )


def test_a_response_counts_once_however_often_it_is_told() -> None:
    once = fed(response(usage=REAL))
    again = fed(*[response(usage=REAL)] * 3, response(usage=REAL, event_id="another"))
    assert again.responses == once.responses
    assert fed(response("a", REAL), response("b", REAL)).responses == once.responses + once.responses


def test_a_response_without_id_is_known_by_its_event() -> None:
    assert fed(*[response(None, REAL, event_id="e")] * 2).responses.total == 821
    assert fed(*[response(None, REAL)] * 2).responses.total == 2 * 821  # nothing tells the two apart


@pytest.mark.parametrize("usage", [None, {"type": "steps", "steps": 5}])
def test_usage_that_is_not_told_is_counted_as_that(usage: Any) -> None:
    read = fed(transcription(usage), transcription(usage), response(usage=None), response(usage=None))
    assert read.unreported == 2
    assert read.cost("gpt-realtime-2") == 0  # of what was reported


TOKENS_USAGE = {
    "type": "tokens", "total_tokens": 22, "input_tokens": 13, "output_tokens": 9,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 13},
}  # fmt: skip


def test_transcriptions_are_counted_apart_and_once_for_each_part() -> None:
    read = fed(
        transcription(TOKENS_USAGE),
        transcription(TOKENS_USAGE),
        transcription(TOKENS_USAGE, index=1),
        transcription({**TOKENS_USAGE, "input_token_details": None}, "item_2"),
        transcription({"type": "duration", "seconds": 0.1}, "item_3"),
        transcription({"type": "duration", "seconds": 0.2}, "item_4"),
        transcription({"type": "duration", "seconds": -1}, "item_5"),
    )
    assert read.transcriptions == Tokens(text=C(0, 0, 27), audio=C(26), untold=C(13))
    assert read.transcribed_seconds == 0.3  # in decimal: no float's 0.30000000000000004
    assert read.responses == Tokens()


def live_usage(seconds: float) -> Any:
    return live.SessionUsageUpdated(usage=live.LiveUsage(seconds=seconds))


def live_started(id: str) -> Any:
    return live.SessionStarted(
        session=live.LiveSessionInfo(model="gpt-live-1", id=id, expires_at=0, status="active")
    )


def test_live_tells_a_sum_for_each_session() -> None:
    read = fed(live_started("a"), live_usage(1.5), live_usage(2.5), live_started("a"), live_usage(2.0))
    assert read.session_seconds == 2.5
    read.feed(live_started("b"))
    read.feed(live_usage(1.0))
    read.feed(live.SessionClosed(reason="close_requested", usage=live.LiveUsage(seconds=4.0)))
    assert read.session_seconds == 6.5
    assert read.cost("gpt-live-1") == Decimal("0.005416666667")


def test_live_is_billed_by_the_second() -> None:
    """OpenAI's guide to the costs of voice: 90 seconds at 0.05 a minute are 0.075."""
    assert fed(live_usage(90)).cost("gpt-live-1") == Decimal("0.075")


def backend(body: Any, kind: Any = live.ResponseEvent, **fields: Any) -> Any:
    return kind(event=msgspec.Raw(msgspec.json.encode(body)), **fields)


def test_what_live_delegates_is_counted_apart() -> None:
    usage = {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 3},
        "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 107,
    }  # fmt: skip
    done = backend({"type": "response.completed", "response": {"id": "r", "usage": usage, "output": [{}]}})
    read = fed(
        done,
        done,
        backend({"type": "response.created", "response": {"id": "q", "usage": usage}}),
        backend({"type": "response.completed", "response": {"id": "s", "usage": None}}),
        backend({"type": "response.completed"}),
        backend([1, 2]),
        backend({"type": 5}),
        live.ResponseEvent(event=msgspec.Raw(b"{")),
        live.ResponseEvent(event=None),  # type: ignore[arg-type]
        backend({"type": "response.failed", "response": {"id": "t", "usage": {"output_tokens": 1}}}),
    )
    assert read.backend == Tokens(text=C(100, 64, 8))
    assert read.unreported == 1
    assert read.responses == Tokens()
    own = ModelPrice(TokenPrice(1, 0.1, 10), TokenPrice(0, 0, 0))
    assert total_usd(bill(own, read.backend)) == Decimal("0.0001224")  # 36 + 6.4 + 80 millionths


def test_decisions_are_told_apart_by_their_events() -> None:
    usage = {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 3}, "output_tokens": 3}
    body = {"type": "decision.completed", "decision": {"model": "m", "answers": [], "usage": usage}}
    events = [backend(body, live.DecisionEvent, event_id=id) for id in ("e1", "e1", "e2")]
    assert fed(*events).backend == Tokens(text=C(6, 6, 6))


def test_every_example_can_be_fed() -> None:
    usage = Usage()
    for dialect, side, frame in cases.ALL:
        usage.feed(cases.decoder(dialect, side)(frame))
    usage.feed(object())
    assert usage.responses.total == 253 + 275
    assert usage.session_seconds == 42.0
    assert usage.transcriptions.total == 22 + 48
    assert usage.backend.total == 6
    assert "input=259" in repr(usage)


def test_ids_are_kept_in_bounded_memory() -> None:
    usage = Usage()
    for number in range(10_000):
        usage.feed(response(f"resp_{number}", {"output_tokens": 1}))
    assert usage.responses.output == 10_000
    assert len(usage._once._hashes) == 4096
    usage.feed(response("resp_9999", {"output_tokens": 1}))
    assert usage.responses.output == 10_000


# --- Adding --------------------------------------------------------------------------


def test_usages_add_up() -> None:
    one = fed(response(usage=REAL), transcription(TOKENS_USAGE), live_usage(2), transcription(None, "x"))
    two = fed(response("b", REAL), transcription({"type": "duration", "seconds": 3}, "i"), live_usage(1))
    two.feed(backend({"type": "response.completed", "response": {"usage": {"output_tokens": 4}}}))
    both = one + two
    assert both.responses == one.responses + two.responses
    assert both.transcriptions == one.transcriptions
    assert (both.transcribed_seconds, both.session_seconds, both.unreported) == (3, 3, 1)
    assert both.backend == two.backend
    both.feed(response("b", REAL))  # was counted already
    assert both.responses.total == 2 * 821
    assert one.responses.total == 821
    assert sum([one, two], Usage()).session_seconds == 3


@pytest.mark.parametrize("value", [Usage(), Tokens(), TokenCount()])
def test_only_like_can_be_added(value: Any) -> None:
    with pytest.raises(TypeError):
        _ = value + 1


# --- Cost ----------------------------------------------------------------------------


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
    """livekit/agents#5121: cached tokens, counted again as input, nearly doubled the cost."""
    details = {"audio_tokens": 1000, "cached_tokens": 1000, "cached_tokens_details": {"audio_tokens": 1000}}
    usage = fed(response(usage={"input_tokens": 1000, "input_token_details": details}))
    assert usage.cost("gpt-realtime-2") == Decimal("0.0004")


@pytest.mark.parametrize(
    "model", ["gpt-realtime-mini-2025-12-15", "gpt-realtime", "gpt-realtime-2-2026-05-07", ""]
)
def test_a_model_without_a_price_is_an_error_and_never_costs_nothing(model: str) -> None:
    """BerriAI/litellm#31087: a snapshot that the price table did not know was reported at $0."""
    usage = fed(response(usage=REAL))
    for cost in (usage.cost, usage.transcription_cost, usage.bill, price_of):
        with pytest.raises(realtime.ModelNotFoundError) as caught:
            cost(model)
        assert caught.value.model == model
        assert spec.PRICES_READ in caught.value.problems[0][1]
        assert str(caught.value).startswith(f"no price of {model!r} is known")
        assert "ModelPrice" in str(caught.value)
    with pytest.raises(realtime.ModelNotFoundError):
        estimate_cost(model, 1, 1)


@pytest.mark.parametrize("model", [*spec.PRICES, *spec.TRANSCRIPTION_PRICES, *spec.MINUTE_PRICES])
def test_usage_of_a_priced_model_costs_something_or_is_an_error(model: str) -> None:
    one = {"input_tokens": 1, "input_token_details": {"text_tokens": 1}}
    tokens, seconds = fed(response(usage=one)), fed(live_usage(0.001))
    by_minute = isinstance(price_of(model), MinutePrice)
    assert (seconds if by_minute else tokens).cost(model) > 0
    with pytest.raises(realtime.ConfigError, match="the price is by the"):
        (tokens if by_minute else seconds).cost(model)
    assert Usage().cost(model) == 0


def test_the_callers_own_price() -> None:
    own = ModelPrice(TokenPrice(1, 0.5, 2), TokenPrice(10, 5, 20))
    assert fed(response(usage=REAL)).cost(own) == Decimal("0.003503")
    assert fed(live_usage(30)).cost(MinutePrice(0.1)) == Decimal("0.05")
    with pytest.raises(TypeError):
        price_of(0.06)  # type: ignore[arg-type]


def test_images_without_a_price_are_an_error() -> None:
    usage = fed(response(usage={"input_token_details": {"image_tokens": 1}}))
    assert usage.cost("gpt-realtime-2") == Decimal("0.000005")
    with pytest.raises(realtime.ConfigError) as caught:
        usage.cost("gpt-4o-realtime-preview")
    assert caught.value.field == "image"


def test_tokens_of_an_untold_kind_cost_what_the_dearest_kind_costs() -> None:
    usage = fed(
        response(usage={"input_tokens": 10, "output_tokens": 1, "input_token_details": {"cached_tokens": 4}})
    )
    # 6 x 32 + 4 x 0.50 (cached images are the dearest) + 1 x 64
    assert usage.cost("gpt-realtime-2") == Decimal("0.000258")


def test_transcriptions_cost_what_their_own_model_costs() -> None:
    tokens = fed(transcription(TOKENS_USAGE))
    assert tokens.transcription_cost("gpt-4o-transcribe") == Decimal("0.0001225")  # 13 x 2.50 + 9 x 10
    seconds = fed(transcription({"type": "duration", "seconds": 90}))
    assert seconds.transcription_cost("whisper-1") == Decimal("0.009")
    assert seconds.transcription_cost("gpt-transcribe") == Decimal("0.00675")
    assert [line.use for line in seconds.transcription_bill("whisper-1")] == ["seconds"]
    assert tokens.cost("gpt-realtime-2") == 0


def test_seconds_that_no_event_tells_can_be_added() -> None:
    usage = Usage()
    usage.add_seconds(30)
    usage.add_seconds(0.5)
    usage.add_transcribed_seconds(60)
    assert usage.cost("gpt-realtime-translate") == Decimal("0.017283333333")
    assert usage.transcription_cost("gpt-realtime-whisper") == Decimal("0.017")
    for add in (usage.add_seconds, usage.add_transcribed_seconds):
        for wrong in (-1, float("nan"), float("inf")):
            with pytest.raises(realtime.ConfigError):
                add(wrong)
    usage.feed(translation.SessionClosed())
    assert usage.session_seconds == 30.5


def test_the_callers_decimal_context_is_no_matter() -> None:
    events = [response(f"r{number}", REAL) for number in range(7)]
    with decimal.localcontext(prec=2):
        usage = fed(*events, live_usage(0.123456))
        assert usage.session_seconds == 0.123456
        cost = sum((total_usd(bill("gpt-4o-realtime-preview", usage.responses)),), Decimal(0))
    assert total_usd(bill("gpt-4o-realtime-preview", usage.responses)) == Decimal("0.053095")
    assert cost == Decimal("0.053")  # rounded by the caller's own sum alone


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
    """The same by fractions: fresh, cached and output tokens of each kind at their prices."""
    usd = Fraction(0)
    for tokens, price in lines:
        for kind in ("text", "audio", "image"):
            count, at = getattr(tokens, kind), getattr(price, kind)
            each = zip((count.input - count.cached, count.cached, count.output), at, strict=True)
            usd += sum(amount * Fraction(str(per_million)) for amount, per_million in each)
        dearest = [max(Fraction(str(at[use])) for at in price if at) for use in range(3)]
        each = zip((tokens.untold.fresh, tokens.untold.cached, tokens.untold.output), dearest, strict=True)
        usd += sum(amount * per_million for amount, per_million in each)
    return usd / 1_000_000


@given(st.lists(st.tuples(st.integers(0, 5), usages), max_size=12))
def test_any_stream_adds_up_to_its_distinct_responses(stream: list[tuple[int, dict[str, Any]]]) -> None:
    usage = fed(*(response(f"r{id}", told) for id, told in stream))
    first: dict[int, dict[str, Any]] = {}
    for id, told in stream:
        first.setdefault(id, told)
    apart = [fed(response(usage=told)).responses for told in first.values()]
    assert usage.responses == sum(apart, Tokens())
    for count in usage.responses.by_kind().values():
        assert 0 <= count.cached <= count.input
    for told, tokens in zip(first.values(), apart, strict=True):
        assert tokens.input >= told.get("input_tokens", 0)
        assert tokens.output >= told.get("output_tokens", 0)
    price = spec.PRICES["gpt-realtime-2"]
    assert Fraction(usage.cost(price)) == slow_cost([(usage.responses, price)])
    assert Fraction(usage.cost(price)) == slow_cost((tokens, price) for tokens in apart)


# --- Before the call -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("user", "assistant", "audio"),
    [
        (60, 0, C(600)),
        (0, 60, C(0, 0, 1200)),
        (30, 30, C(300, 0, 600)),
        (0.3, 0.15, C(3, 0, 3)),  # as decimals: no float's fourth token
        (0.01, 0.051, C(1, 0, 2)),  # a token that has begun
    ],
)
def test_audio_seconds_to_tokens(user: float, assistant: float, audio: TokenCount) -> None:
    assert estimate_tokens(user, assistant) == Tokens(audio=audio)


@pytest.mark.parametrize("model", [*spec.PRICES, *spec.MINUTE_PRICES])
def test_a_minute_costs_what_the_plain_estimate_says(model: str) -> None:
    if model not in spec.BETA_MINUTE_PRICES:  # those two are the seed's figures
        assert float(estimate_cost(model, 30, 30)) == pytest.approx(realtime.estimate_cost_per_minute(model))


@pytest.mark.parametrize("turns", [1, 2, 3, 10])
def test_the_context_is_billed_again_with_each_turn(turns: int) -> None:
    """The sums of the docstring, turn by turn: 10 tokens of the user and 20 of the assistant in each."""
    user = assistant = float(turns)
    context = cached = heard = 0
    for _ in range(turns):
        before = context  # what the response before this one had as input
        heard += before + 10
        cached += before
        context = before + 10 + 20
        if _:
            cached -= 20  # the answer before was not input yet
    tokens = estimate_tokens(user, assistant, turns=turns, prompt_tokens=100, cache_hits=True)
    assert tokens.audio == C(heard, cached, 20 * turns)
    assert tokens.text == C(100 * turns, 100 * (turns - 1))
    uncached = estimate_tokens(user, assistant, turns=turns, prompt_tokens=100)
    assert (uncached.input, uncached.cached) == (tokens.input, 0)
    cheap = estimate_cost("gpt-realtime-2", user, assistant, turns=turns, cache_hits=True)
    assert cheap <= estimate_cost("gpt-realtime-2", user, assistant, turns=turns)


@given(st.floats(0, 3600), st.floats(0, 3600), st.integers(1, 200), st.integers(0, 10_000))
def test_estimates_stay_within_their_bounds(user: float, assistant: float, turns: int, prompt: int) -> None:
    tokens = estimate_tokens(user, assistant, turns=turns, prompt_tokens=prompt, cache_hits=True)
    for count in tokens.by_kind().values():
        assert 0 <= count.cached <= count.input
    assert tokens.audio.input >= user * 10 - 1e-6
    assert tokens.audio.output >= assistant * 20 - 1e-6


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"user_seconds": -1, "assistant_seconds": 0}, "user_seconds"),
        ({"user_seconds": 0, "assistant_seconds": float("nan")}, "assistant_seconds"),
        ({"user_seconds": 0, "assistant_seconds": 0, "turns": 0}, "turns"),
        ({"user_seconds": 0, "assistant_seconds": 0, "prompt_tokens": -1}, "prompt_tokens"),
    ],
)
def test_estimates_refuse_what_cannot_be(arguments: dict[str, Any], field: str) -> None:
    for estimate in (estimate_tokens, lambda **kw: estimate_cost("gpt-realtime-2", **kw)):
        with pytest.raises(realtime.ConfigError) as caught:
            estimate(**arguments)
        assert caught.value.field == field
