"""Numbers with their units: the spelling of each kind, and that every number has one."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from realtime._text import clock, duration, format_url, money, plural


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0, "0:00.000"),
        (61_002.4, "1:01.002"),
        (59_999.6, "1:00.000"),
        (3_599_999, "59:59.999"),
        (3_600_000, "1:00:00.000"),
        (45_296_789, "12:34:56.789"),
        (-5, "0:00.000"),
        (math.nan, "0:00.000"),
        (math.inf, "277,777,777:46:40.000"),
    ],
)
def test_clock(ms: float, text: str) -> None:
    assert clock(ms) == text


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (-1, "0.0 ms"),
        (0.26, "0.3 ms"),
        (1, "1 ms"),
        (999, "999 ms"),
        (1000, "1.0 s"),
        (59_949, "59.9 s"),
        (59_960, "1 min 0 s"),
        (61_000, "1 min 1 s"),
        (3_599_400, "59 min 59 s"),
        (3_723_000, "1 h 2 min 3 s"),
        (math.nan, "0.0 ms"),
        (math.inf, "277,777,777 h 46 min 40 s"),
    ],
)
def test_duration(ms: float, text: str) -> None:
    assert duration(ms) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        ("0", "$0.0000"),
        ("0.0000001", "<$0.000001"),
        ("0.00012", "$0.000120"),
        ("0.0123", "$0.0123"),
        ("1234.5", "$1,234.5000"),
    ],
)
def test_money(usd: str, text: str) -> None:
    assert money(Decimal(usd)) == text


def test_plural() -> None:
    assert [plural(number, "turn") for number in (0, 1, 1024)] == ["0 turns", "1 turn", "1,024 turns"]
    assert plural(2, "reply", "replies") == "2 replies"


@given(st.floats(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False))
def test_every_number_has_a_spelling(ms: float, number: int, usd: Decimal) -> None:
    assert all((clock(ms), duration(ms), plural(number, "x"), money(usd)))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://user:key@example.com/v1?key=x#y", "wss://example.com/v1"),
        ("user:key@example.com", "example.com"),
        ("ws://a/\x1b[2J", "ws://a/\\x1b[2J"),
    ],
)
def test_urls_are_shown_without_credentials(url: str, shown: str) -> None:
    assert format_url(url) == shown
