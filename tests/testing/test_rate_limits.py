"""Rate limits: the reported state, responses that exceed a limit, and the time until the next try."""

from __future__ import annotations

from typing import Any

import pytest

import realtime as r
from realtime.testing import RateLimits, ServerProtocol
from tests.testing.helpers import RESPOND, exchange, only, types, update

TEXT = update(output_modalities=["text"])


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def limited(clock: Clock, **limits: Any) -> ServerProtocol:
    session = ServerProtocol(rate_limits=RateLimits(**limits), clock=clock)
    session.open()
    exchange(session, TEXT, r.create_text_input("four characters a token"))
    return session


def reported(events: list[Any]) -> dict[str, tuple[int, int, float]]:
    limits = only(r.RateLimitsUpdated, events).rate_limits
    return {limit.name: (limit.limit, limit.remaining, limit.reset_seconds) for limit in limits}


def test_limits_are_refilled_evenly() -> None:
    clock = Clock()
    session = limited(clock, requests=10, tokens=1000, per_seconds=50.0)
    assert reported(exchange(session, RESPOND)) == {"requests": (10, 9, 5.0), "tokens": (1000, 1000, 0.0)}
    # Six tokens of context, and six of the response.
    assert reported(exchange(session, RESPOND)) == {"requests": (10, 8, 10.0), "tokens": (1000, 988, 0.6)}
    clock.now = 5.0
    assert reported(exchange(session, RESPOND))["requests"] == (10, 8, 10.0)
    clock.now = 1e6
    assert reported(exchange(session, RESPOND)) == {"requests": (10, 9, 5.0), "tokens": (1000, 1000, 0.0)}


@pytest.mark.parametrize(
    ("limits", "name", "wait"), [({"requests": 1}, "requests", 60.0), ({"tokens": 20}, "tokens", 12.0)]
)
def test_an_exceeded_limit_fails_the_response(limits: dict[str, int], name: str, wait: float) -> None:
    clock = Clock()
    session = limited(clock, **limits)
    assert exchange(session, RESPOND)[-1].response.status == "completed"
    events = exchange(session, RESPOND)
    assert types(events) == ["response.created", "rate_limits.updated", "response.done"]
    response = events[-1].response
    assert response.status == "failed"
    error = response.status_details.error
    assert (error.code, error.type) == ("rate_limit_exceeded", name)
    assert f"Please try again in {wait:.3f}s." in error.message
    clock.now = wait + 0.001
    assert exchange(session, RESPOND)[-1].response.status == "completed"


def test_default_limits_are_reported_and_not_enforced() -> None:
    session = ServerProtocol()
    session.open()
    exchange(session, TEXT, r.create_text_input("x" * 400_000))
    for _ in range(3):
        events = exchange(session, RESPOND)
        assert events[-1].response.status == "completed"
        assert reported(events) == {"requests": (1000, 999, 0.06), "tokens": (50_000, 50_000, 0.0)}


@pytest.mark.parametrize(
    "limits", [{"requests": 0}, {"tokens": -1}, {"per_seconds": 0}, {"per_seconds": float("nan")}]
)
def test_invalid_limits_are_config_errors(limits: dict[str, Any]) -> None:
    with pytest.raises(r.ConfigError):
        RateLimits(**limits)
