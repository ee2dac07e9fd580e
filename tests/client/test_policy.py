"""The table of what ends mean: every row, what is not in it, and the time between attempts."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.client import POLICY, Decision, RetryPolicy
from realtime.client.policy import Backoff, decide, decide_on_error, retry_after_s, wait_in_message
from realtime.testing.faults import FAULTS, Disconnect, SessionExpired

NOW = 1_800_000_000.0


@pytest.mark.parametrize("row", POLICY.items(), ids=str)
def test_every_row_has_a_source_and_is_what_is_decided(row: Any) -> None:
    (kind, value), rule = row
    assert re.search(r"#\d+$|^RFC \d|^IANA|^https://", rule.source)
    assert decide(kind, value) is rule.decision


@pytest.mark.parametrize(
    ("kind", "value", "decision"),
    [
        ("close", None, Decision.GIVE_UP),
        ("close", 4999, Decision.GIVE_UP),
        ("close", -1, Decision.GIVE_UP),
        ("status", 401, Decision.GIVE_UP),
        ("status", 404, Decision.GIVE_UP),
        ("status", 500, Decision.RETRY),
        ("status", 599, Decision.RETRY),
        ("status", 600, Decision.GIVE_UP),
        ("error", "anything", Decision.CONTINUE),
        ("response", "anything", Decision.CONTINUE),
        ("response", None, Decision.CONTINUE),
    ],
)
def test_what_is_not_in_the_table(kind: Any, value: Any, decision: Decision) -> None:
    assert decide(kind, value) is decision


@pytest.mark.parametrize(
    ("type", "code", "decision"),
    [
        ("invalid_request_error", "session_expired", Decision.RETRY),
        ("authentication_error", None, Decision.GIVE_UP),
        ("authentication_error", "other", Decision.GIVE_UP),
        ("invalid_request_error", "model_not_found", Decision.GIVE_UP),
        ("server_error", None, Decision.CONTINUE),
    ],
)
def test_errors_are_decided_by_code_or_type(type: str, code: str | None, decision: Decision) -> None:
    assert decide_on_error(r.ErrorDetail(type=type, code=code, message="m")) is decision


def test_the_faults_of_the_loopback_server_are_in_the_table() -> None:
    assert decide("close", Disconnect().code) is Decision.RETRY
    assert {"session_expired", "beta_disabled", "disconnect", "cut_off"} <= set(FAULTS)
    sources = " ".join(rule.source for rule in POLICY.values())
    for source in (Disconnect.source, SessionExpired.source.partition(",")[0]):
        assert source in sources


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5.0), (" 1.5 ", 1.5), ("0", 0.0), (None, None), ("", None), ("soon", None), ("-3", None),
        ("Fri, 15 Jan 2027 08:00:10 GMT", 10.0), ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0), ("9" * 400, None),
        ("\ud800", None),
    ],
)  # fmt: skip
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after_s(header, NOW) == seconds


@given(st.text())
def test_any_header_and_message_is_read(text: str) -> None:
    for found in (retry_after_s(text, NOW), wait_in_message(text)):
        assert found is None or found >= 0


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Please try again in 1.5s. Visit", 1.5),
        ("Please try again in 250ms.", 0.25),
        ("try again in 2m", 120.0),
        ("try again later", None),
        (None, None),
    ],
)
def test_the_wait_in_a_message(message: str | None, seconds: float | None) -> None:
    assert wait_in_message(message) == seconds


def test_the_delay_doubles_up_to_a_limit_and_ends() -> None:
    backoff = Backoff(RetryPolicy(max_attempts=4, first_s=1.0, max_s=3.0), lambda: 1.0)
    assert [backoff.next_delay() for _ in range(5)] == [1.0, 2.0, 3.0, 3.0, None]
    backoff.reset()
    assert backoff.next_delay() == 1.0


@given(st.floats(allow_nan=False), st.integers(0, 40))
def test_the_jitter_is_at_most_half(number: float, attempts: int) -> None:
    backoff = Backoff(RetryPolicy(max_attempts=100), lambda: number)
    for attempt in range(attempts + 1):
        delay = backoff.next_delay()
        whole = min(0.25 * 2.0**attempt, 8.0)
        assert delay is not None
        assert whole / 2 <= delay <= whole


def test_a_server_may_ask_for_a_longer_wait_but_not_for_any() -> None:
    backoff = Backoff(RetryPolicy(max_retry_after_s=60), lambda: 0.0)
    assert backoff.next_delay(10.0) == 10.125
    assert backoff.next_delay(61.0) is None
    assert backoff.attempts == 1


@pytest.mark.parametrize("name", ["max_attempts", "first_s", "max_s", "max_retry_after_s"])
@pytest.mark.parametrize("value", [-1, float("inf"), float("nan")])
def test_invalid_limits(name: str, value: float) -> None:
    with pytest.raises(r.ConfigError, match=name):
        RetryPolicy(**{name: value})  # type: ignore[arg-type]
