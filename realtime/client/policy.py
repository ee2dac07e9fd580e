"""The meaning of each close code, HTTP status and error for a session, and the time between attempts.

No I/O and no clock; the source of randomness is an argument. `protocol` applies the decisions.
"""

from __future__ import annotations

import enum
import math
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from ..errors import ConfigError
from ..events import ErrorDetail
from ..events.live import LiveErrorDetail


class Decision(enum.Enum):
    """The action after an error, a close or a refused handshake."""

    CONTINUE = "the session is still up"
    RETRY = "the same again may succeed"
    GIVE_UP = "the same again would fail in the same way"


class Rule(NamedTuple):
    """One row of the table: the decision, and where the meaning comes from."""

    decision: Decision
    source: str


Kind: TypeAlias = Literal["close", "status", "error", "response", "start", "closed"]

_RETRY, _GIVE_UP, _CONTINUE = Decision.RETRY, Decision.GIVE_UP, Decision.CONTINUE
# All read 2026-11-29.
_RFC6455: Final = "RFC 6455, section 7.4.1"
_IANA: Final = "IANA, WebSocket Close Code Number Registry"
_RFC9110: Final = "RFC 9110, section 15"
_RFC6585: Final = "RFC 6585, section 4"
_RFC8470: Final = "RFC 8470, section 5.2"
_GUIDE: Final = "https://platform.openai.com/docs/guides/error-codes"
_LIVE: Final = "https://platform.openai.com/docs/guides/live-conversations"

# "close": the code of a close frame, 1006 without one. "status": of the handshake. "error": the code or type of an
# `error` event. "response": the code of a response that failed. "start": the code or type of an error before a Live
# session has started. "closed": the reason of its `session.closed`.
POLICY: Final[Mapping[tuple[Kind, int | str], Rule]] = MappingProxyType(
    {
        ("close", 1000): Rule(_RETRY, _RFC6455),  # a server's normal end, in mid-call
        ("close", 1001): Rule(_RETRY, "pydantic/pydantic-ai#6704"),
        ("close", 1002): Rule(_GIVE_UP, _RFC6455),
        ("close", 1003): Rule(_GIVE_UP, _RFC6455),
        ("close", 1005): Rule(_RETRY, _RFC6455),
        ("close", 1006): Rule(_RETRY, "openclaw/openclaw#61508"),
        ("close", 1007): Rule(_GIVE_UP, _RFC6455),
        ("close", 1008): Rule(_GIVE_UP, _RFC6455),
        ("close", 1009): Rule(_GIVE_UP, _RFC6455),
        ("close", 1010): Rule(_GIVE_UP, _RFC6455),
        ("close", 1011): Rule(_RETRY, _RFC6455),
        ("close", 1012): Rule(_RETRY, _IANA),
        ("close", 1013): Rule(_RETRY, _IANA),
        ("close", 1014): Rule(_RETRY, _IANA),
        ("close", 1015): Rule(_GIVE_UP, _RFC6455),  # TLS: a certificate
        ("close", 3000): Rule(_GIVE_UP, _IANA),  # Unauthorized
        ("close", 3003): Rule(_GIVE_UP, _IANA),  # Forbidden
        ("close", 3008): Rule(_RETRY, _IANA),  # Timeout
        ("close", 4000): Rule(_GIVE_UP, "langwatch/scenario#602"),
        ("status", 408): Rule(_RETRY, _RFC9110),
        ("status", 425): Rule(_RETRY, _RFC8470),
        ("status", 429): Rule(_RETRY, _RFC6585),
        ("status", 501): Rule(_GIVE_UP, _RFC9110),
        ("status", 505): Rule(_GIVE_UP, _RFC9110),
        ("error", "session_expired"): Rule(_RETRY, "livekit/agents#2358"),
        ("error", "beta_api_shape_disabled"): Rule(_GIVE_UP, "langwatch/scenario#602"),
        ("error", "invalid_api_key"): Rule(_GIVE_UP, _GUIDE),
        ("error", "authentication_error"): Rule(_GIVE_UP, _GUIDE),
        ("error", "permission_error"): Rule(_GIVE_UP, _GUIDE),
        ("error", "insufficient_quota"): Rule(_GIVE_UP, _GUIDE),
        ("error", "billing_hard_limit_reached"): Rule(_GIVE_UP, _GUIDE),
        ("error", "model_not_found"): Rule(_GIVE_UP, _GUIDE),
        ("error", "invalid_model"): Rule(_GIVE_UP, _GUIDE),
        ("response", "rate_limit_exceeded"): Rule(_RETRY, _GUIDE),
        ("start", "rate_limit_exceeded"): Rule(_RETRY, _GUIDE),
        ("start", "server_error"): Rule(_RETRY, _GUIDE),
        ("closed", "expired"): Rule(_RETRY, _LIVE),
        ("closed", "connection_lost"): Rule(_RETRY, _LIVE),
        ("closed", "close_requested"): Rule(_GIVE_UP, _LIVE),  # by another connection
        ("closed", "content"): Rule(_GIVE_UP, _LIVE),
        ("closed", "remote_hangup"): Rule(_GIVE_UP, _LIVE),
    }
)  # fmt: skip
_SERVER_ERRORS: Final = range(500, 600)
# What is not in the table. Codes from 3000 on follow an error event with the reason.
_DEFAULTS: Final[Mapping[Kind, Decision]] = {
    "close": _GIVE_UP, "status": _GIVE_UP, "error": _CONTINUE, "response": _CONTINUE,
    "start": _GIVE_UP, "closed": _GIVE_UP,
}  # fmt: skip
# OpenAI's text of a response that exceeds a rate limit.
_TRY_AGAIN: Final = re.compile(r"try again in (\d{1,6}(?:\.\d{1,6})?)(ms|s|m)\b")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0}
# RFC 9110, section 10.2.3: a number of seconds, or a date.
_DELAY: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,6})?")


def decide(kind: Kind, value: int | str | None) -> Decision:
    """Return the decision for a close code, a status, or the code of an error."""
    rule = None if value is None else POLICY.get((kind, value))
    if rule is not None:
        return rule.decision
    if kind == "status" and value in _SERVER_ERRORS:
        return _RETRY
    return _DEFAULTS[kind]


def decide_on_error(error: ErrorDetail | LiveErrorDetail, kind: Kind = "error") -> Decision:
    """Return the decision for an `error` event, by its code or else its type."""
    found = POLICY.get((kind, error.code or "")) or POLICY.get((kind, error.type))
    return _DEFAULTS[kind] if found is None else found.decision


def retry_after_s(header: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks to wait, None if it does not. `now` is a Unix time."""
    text = (header or "").strip()
    if _DELAY.fullmatch(text):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def wait_in_message(message: str | None) -> float | None:
    """Return the seconds that the message of a rate limit asks to wait, None if it does not."""
    found = _TRY_AGAIN.search((message or "")[:1000])
    return None if found is None else float(found[1]) * _SECONDS[found[2]]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The limits of attempts to connect again.

    Attributes:
        max_attempts: attempts in a row without progress.
        first_s, max_s: the first and the longest delay, which doubles from one attempt to the next.
        max_retry_after_s: a server that asks for a longer wait is given up.

    Raises:
        ConfigError: a limit is negative or not finite.
    """

    max_attempts: int = 8
    first_s: float = 0.25
    max_s: float = 8.0
    max_retry_after_s: float = 60.0

    def __post_init__(self) -> None:
        for name in ("max_attempts", "first_s", "max_s", "max_retry_after_s"):
            value = getattr(self, name)
            if not (0 <= value < math.inf):
                raise ConfigError(f"{name} must be finite and not negative, got {value}")


class Backoff:
    """Exponential backoff with jitter. `attempts` counts the delays since `reset`."""

    def __init__(self, policy: RetryPolicy, random: Callable[[], float] = random.random) -> None:
        self.attempts = 0
        self._policy, self._random = policy, random

    def next_delay(self, retry_after_s: float | None = None) -> float | None:
        """Return the seconds to wait before the next attempt; None if none is left, or the wait is too long.

        The delay is between a half and all of the exponential one, so that clients that lost a server together
        do not return together.
        """
        policy = self._policy
        if self.attempts >= policy.max_attempts or (retry_after_s or 0.0) > policy.max_retry_after_s:
            return None
        delay = min(policy.first_s * 2.0 ** min(self.attempts, 32), policy.max_s)
        self.attempts += 1
        jittered = delay * (0.5 + 0.5 * min(max(self._random(), 0.0), 1.0))
        return jittered if retry_after_s is None else retry_after_s + jittered

    def reset(self) -> None:
        """Allow `max_attempts` again: the session has made progress."""
        self.attempts = 0
