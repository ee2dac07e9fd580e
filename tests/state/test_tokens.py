"""Tokens: the usage objects of the servers, read by kind."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.state import TokenCount as C, Tokens
from tests.state.usage_events import REAL, fed, response

READINGS: dict[str, tuple[dict[str, Any], Tokens]] = {
    "all kinds": (REAL, Tokens(text=C(313, 256, 9), audio=C(476, 384, 23))),
    "images": (
        {"input_tokens": 30, "input_token_details": {"text_tokens": 10, "image_tokens": 20, "cached_tokens": 0}},
        Tokens(text=C(10), image=C(20)),
    ),
    "no details": ({"input_tokens": 30, "output_tokens": 5}, Tokens(unattributed=C(30, 0, 5))),
    "some without a kind": (
        {"input_tokens": 30, "input_token_details": {"audio_tokens": 12}},
        Tokens(audio=C(12), unattributed=C(18)),
    ),
    "no totals": ({"input_token_details": {"text_tokens": 7}}, Tokens(text=C(7))),
    "nulls": (
        {"input_tokens": None, "output_tokens": None, "input_token_details": None, "output_token_details": None},
        Tokens(),
    ),
    "empty": ({}, Tokens()),
    "cached without a kind: text, then image, then audio": (
        {
            "input_tokens": 60,
            "input_token_details": {
                "text_tokens": 10, "audio_tokens": 40, "image_tokens": 10, "cached_tokens": 35,
            },
        },
        Tokens(text=C(10, 10), image=C(10, 10), audio=C(40, 15)),
    ),
    "cached without a kind, input without a kind": (
        {"input_tokens": 60, "input_token_details": {"cached_tokens": 35}},
        Tokens(unattributed=C(60, 35)),
    ),
    "cached with a kind in part": (
        {
            "input_tokens": 60,
            "input_token_details": {
                "text_tokens": 20, "audio_tokens": 40, "cached_tokens": 30,
                "cached_tokens_details": {"audio_tokens": 25},
            },
        },
        Tokens(text=C(20, 5), audio=C(40, 25)),
    ),
    "cached by kind without a total": (
        {
            "input_token_details": {
                "audio_tokens": 40, "cached_tokens_details": {"audio_tokens": 25, "text_tokens": None},
            }
        },
        Tokens(audio=C(40, 25)),
    ),
    "more cached by kind than in total": (
        {
            "input_token_details": {
                "text_tokens": 10, "image_tokens": 40, "cached_tokens": 5,
                "cached_tokens_details": {"text_tokens": 30},
            },
        },
        Tokens(text=C(10, 10), image=C(40, 20)),
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
def test_usage_is_read_by_kind(usage: dict[str, Any], tokens: Tokens) -> None:
    event = response(usage=usage)
    assert Tokens.of_response(event.response.usage) == tokens
    read = fed(event)
    assert read.responses == tokens
    has_counts = any(count is not None for count in usage.values())
    assert read.unreported == (0 if has_counts else 1)
    assert tokens.total == tokens.input + tokens.output


def test_of_text() -> None:
    assert Tokens.of_text(10, 4, 3) == Tokens(text=C(10, 4, 3))
    assert Tokens.of_text(10, 40, None) == Tokens(text=C(10, 10))
    assert Tokens.of_text(None, None, -1) == Tokens()
