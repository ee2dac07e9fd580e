"""Rate limits: the `rate_limits.updated` event before each response, and responses that exceed a limit.

Used requests and tokens are refilled evenly over the period of the limits. The clock is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..errors import ConfigError
from ..events import RateLimit, RateLimitsUpdated
from .script import Fail

# OpenAI's wording, in `status_details` of a response.
_EXCEEDED: Final = (
    "Rate limit reached on {name}: Limit {limit}, Used {used}, Requested {requested}. "
    "Please try again in {wait_s:.3f}s."
)


@dataclass(frozen=True, slots=True)
class RateLimits:
    """The number of responses and tokens that a session may use within `per_seconds`.

    Raises:
        ConfigError: a limit is not positive.
    """

    requests: int = 1000
    tokens: int = 50_000
    per_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.requests < 1 or self.tokens < 1 or not 0 < self.per_seconds < float("inf"):
            raise ConfigError(f"rate limits must be positive and finite: {self}")


@dataclass(slots=True)
class _Bucket:
    name: str
    limit: int
    per_seconds: float
    remaining: float = field(init=False)

    def __post_init__(self) -> None:
        self.remaining = self.limit

    def refill(self, seconds: float) -> None:
        self.remaining = min(self.limit, self.remaining + seconds * self.limit / self.per_seconds)

    def seconds_until(self, amount: float) -> float:
        return max(0.0, amount - self.remaining) * self.per_seconds / self.limit

    def state(self) -> RateLimit:
        return RateLimit(
            name=self.name,
            limit=self.limit,
            remaining=max(0, int(self.remaining)),
            reset_seconds=round(self.seconds_until(self.limit), 3),
        )

    def exceeded(self, amount: int) -> Fail:
        message = _EXCEEDED.format(
            name=self.name,
            limit=self.limit,
            used=self.limit - max(0, int(self.remaining)),
            requested=amount,
            wait_s=self.seconds_until(amount),
        )
        return Fail("rate_limit_exceeded", message, self.name)


class RateLimiter:
    """The rate limits of one session.

    If `limits` is None the default limits are reported but not enforced, and the clock is not read, so
    that the same frames always give the same events.
    """

    def __init__(self, limits: RateLimits | None, clock: Callable[[], float]) -> None:
        reported = limits or RateLimits()
        self._is_enforced = limits is not None
        self._clock, self._refilled_at = clock, clock() if limits else 0.0
        self._requests = _Bucket("requests", reported.requests, reported.per_seconds)
        self._tokens = _Bucket("tokens", reported.tokens, reported.per_seconds)

    def start_response(self, context_tokens: int) -> Fail | None:
        """Count a response. Returns the failure to end it with if a limit is exceeded."""
        if self._is_enforced:
            now = self._clock()
            elapsed_s, self._refilled_at = now - self._refilled_at, now
        else:
            elapsed_s = self._requests.per_seconds * 1e6  # refills everything
        for bucket in (self._requests, self._tokens):
            bucket.refill(elapsed_s)
        if self._is_enforced:
            for bucket, amount in ((self._requests, 1), (self._tokens, context_tokens)):
                if bucket.remaining < amount:
                    return bucket.exceeded(amount)
        self._requests.remaining -= 1
        return None

    def finish_response(self, tokens: int) -> None:
        """Count the tokens that a response has used."""
        self._tokens.remaining -= tokens

    def event(self) -> RateLimitsUpdated:
        """Return the `rate_limits.updated` event for the current state."""
        return RateLimitsUpdated(rate_limits=[self._requests.state(), self._tokens.state()])
