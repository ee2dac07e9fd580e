"""Rate limits: what is told, what is refused, and when it may be tried again."""

from __future__ import annotations

from typing import Any

import pytest

import realtime as r
from realtime.testing import RateLimits, ServerProtocol
from tests.testing.helpers import RESPOND, only, tell, types, update

TEXT = update(output_modalities=["text"])


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def limited(clock: Clock, **limits: Any) -> ServerProtocol:
    session = ServerProtocol(rate_limits=RateLimits(**limits), clock=clock)
    session.open()
    tell(session, TEXT, r.create_text_input("four characters a token"))
    return session


def told(events: list[Any]) -> dict[str, tuple[int, int, float]]:
    limits = only(r.RateLimitsUpdated, events).rate_limits
    return {limit.name: (limit.limit, limit.remaining, limit.reset_seconds) for limit in limits}


def test_what_was_used_comes_back_evenly() -> None:
    clock = Clock()
    session = limited(clock, requests=10, tokens=1000, per_seconds=50.0)
    assert told(tell(session, RESPOND)) == {"requests": (10, 9, 5.0), "tokens": (1000, 1000, 0.0)}
    # Six tokens of context, and six said.
    assert told(tell(session, RESPOND)) == {"requests": (10, 8, 10.0), "tokens": (1000, 988, 0.6)}
    clock.now = 5.0
    assert told(tell(session, RESPOND))["requests"] == (10, 8, 10.0)
    clock.now = 1e6
    assert told(tell(session, RESPOND)) == {"requests": (10, 9, 5.0), "tokens": (1000, 1000, 0.0)}


@pytest.mark.parametrize(
    ("limits", "name", "wait"), [({"requests": 1}, "requests", 60.0), ({"tokens": 20}, "tokens", 12.0)]
)
def test_a_limit_that_is_reached_fails_the_response(limits: dict[str, int], name: str, wait: float) -> None:
    clock = Clock()
    session = limited(clock, **limits)
    assert tell(session, RESPOND)[-1].response.status == "completed"
    events = tell(session, RESPOND)
    assert types(events) == ["response.created", "rate_limits.updated", "response.done"]
    response = events[-1].response
    assert response.status == "failed"
    error = response.status_details.error
    assert (error.code, error.type) == ("rate_limit_exceeded", name)
    assert f"Please try again in {wait:.3f}s." in error.message
    clock.now = wait + 0.001
    assert tell(session, RESPOND)[-1].response.status == "completed"


def test_without_limits_none_holds_and_the_usual_ones_are_told() -> None:
    session = ServerProtocol()
    session.open()
    tell(session, TEXT, r.create_text_input("x" * 400_000))
    for _ in range(3):
        events = tell(session, RESPOND)
        assert events[-1].response.status == "completed"
        assert told(events) == {"requests": (1000, 999, 0.06), "tokens": (50_000, 50_000, 0.0)}


@pytest.mark.parametrize(
    "limits", [{"requests": 0}, {"tokens": -1}, {"per_seconds": 0}, {"per_seconds": float("nan")}]
)
def test_limits_that_cannot_be(limits: dict[str, Any]) -> None:
    with pytest.raises(r.ConfigError):
        RateLimits(**limits)
