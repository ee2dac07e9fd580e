"""Rate limits: what is told of them before each response, and whether it may be given.

What was used comes back evenly over the limit's time. The clock is an argument.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import ConfigError
from ..events import RateLimit, RateLimitsUpdated
from .script import Fail


@dataclass(frozen=True, slots=True)
class RateLimits:
    """How many responses and tokens a session may use within `per_seconds`.

    Raises:
        ConfigError: a limit that is not more than 0.
    """

    requests: int = 1000
    tokens: int = 50_000
    per_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.requests < 1 or self.tokens < 1 or not 0 < self.per_seconds < float("inf"):
            raise ConfigError(f"limits are more than 0: {self}")


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

    def after(self, amount: float) -> float:
        """Seconds until there is `amount`."""
        return max(0.0, amount - self.remaining) * self.per_seconds / self.limit

    def told(self) -> RateLimit:
        reset_seconds = round(self.after(self.limit), 3)
        return RateLimit(
            name=self.name,
            limit=self.limit,
            remaining=max(0, int(self.remaining)),
            reset_seconds=reset_seconds,
        )


class Limiter:
    """A session's limits as they are used; without `limits` the usual ones are told, whole each time, and none holds."""

    def __init__(self, limits: RateLimits | None, clock: Callable[[], float]) -> None:
        shown = limits or RateLimits()
        self._holds = limits is not None
        self._clock, self._then = clock, clock() if limits else 0.0
        self._requests = _Bucket("requests", shown.requests, shown.per_seconds)
        self._tokens = _Bucket("tokens", shown.tokens, shown.per_seconds)

    def begin(self, tokens: int) -> Fail | None:
        """A response to a context of `tokens` begins; what it fails with where it may not."""
        # Without limits the clock is not asked: the same frames then give the same events.
        now = self._clock() if self._holds else self._then + self._requests.per_seconds * 1e6
        for bucket in (self._requests, self._tokens):
            bucket.refill(now - self._then)
        self._then = now
        if self._holds:
            for bucket, amount in ((self._requests, 1), (self._tokens, tokens)):
                if bucket.remaining < amount:
                    return _exceeded(bucket, amount)
        self._requests.remaining -= 1
        return None

    def used(self, tokens: int) -> None:
        """A response has ended, and has used `tokens`."""
        self._tokens.remaining -= tokens

    def event(self) -> RateLimitsUpdated:
        """What is told of the limits."""
        return RateLimitsUpdated(rate_limits=[self._requests.told(), self._tokens.told()])


def _exceeded(bucket: _Bucket, amount: int) -> Fail:
    """As OpenAI's server words it in `status_details` of a response."""
    used = bucket.limit - max(0, int(bucket.remaining))
    message = (
        f"Rate limit reached on {bucket.name}: Limit {bucket.limit}, Used {used}, Requested {amount}. "
        f"Please try again in {bucket.after(amount):.3f}s."
    )
    return Fail("rate_limit_exceeded", message, bucket.name)
