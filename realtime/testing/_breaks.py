"""Faults that strike a connection once: it ends, hangs, or loses a frame."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from ._fault import Action, Close, Cut, Once, Stall, error, read, write

_ITEMS: Final = frozenset(
    {"conversation.item.done", "conversation.item.created", "response.output_item.done", "session.updated"}
)
_EXPIRED: Final = "Your session hit the maximum duration of 60 minutes."
_BETA: Final = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."
_SERVER_ERROR: Final = "The server had an error while processing your request."


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionExpired(Once):
    """The session's hour is over in the middle of an answer: an error, and 1001."""

    source = "livekit/agents#2358, pollen-robotics/reachy_mini_conversation_app#134"

    nth: int = 3

    def actions(self, frame: bytes) -> Iterable[Action]:
        """The error and the end."""
        return error("invalid_request_error", "session_expired", _EXPIRED), Close(1001, _EXPIRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnect(Once):
    """The server closes the connection; its usual code, 1001, looks like a good end to many clients."""

    source = "pydantic/pydantic-ai#6704"

    code: int = 1001
    reason: str = ""
    nth: int = 3

    def actions(self, frame: bytes) -> Iterable[Action]:
        """The end."""
        return (Close(self.code, self.reason),)


@dataclass(frozen=True, slots=True, kw_only=True)
class BetaDisabled(Once):
    """The server takes no beta clients any more: an error in the place of session.created, and 4000.

    It strikes every connection whose first event is a `session.created`, GA's too.
    """

    source = "langwatch/scenario#602"

    at: str | Iterable[str] | None = "session.created"
    times: int | None = None

    def actions(self, frame: bytes) -> Iterable[Action]:
        """The error and the end."""
        code = "beta_api_shape_disabled"
        return error("invalid_request_error", code, _BETA), Close(4000, f"invalid_request_error.{code}")


@dataclass(frozen=True, slots=True, kw_only=True)
class StalledFrame(Once):
    """Half a message comes, and nothing more: the connection is up and silent."""

    source = "livekit/agents#3626, pipecat-ai/pipecat#5804"

    nth: int = 3

    def actions(self, frame: bytes) -> Iterable[Action]:
        """Half of it."""
        return (Stall(frame[: len(frame) // 2]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class TruncatedFrame(Once):
    """A message is only half of its JSON; the call goes on."""

    source = "websocket-client/websocket-client#833"

    nth: int = 3
    times: int | None = None

    def actions(self, frame: bytes) -> Iterable[Action]:
        """Half of it, as if it were whole."""
        return (frame[: len(frame) // 2],)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOff(Once):
    """The network breaks in the middle of a frame, without a close (1006)."""

    source = "openclaw/openclaw#61508"

    nth: int = 3

    def actions(self, frame: bytes) -> Iterable[Action]:
        """The beginning of a frame."""
        return (Cut(frame[: len(frame) // 2]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorWithoutEventId(Once):
    """The server tells an error of its own, about no event; the session stays up."""

    source = "BerriAI/litellm#13471, transitive-bullshit/openai-realtime-api#10"

    at: str | Iterable[str] | None = "session.updated"
    times: int | None = None

    def actions(self, frame: bytes) -> Iterable[Action]:
        """The frame, and the error after it."""
        return frame, *self.alone()

    def alone(self) -> Iterable[Action]:
        """The error."""
        return (error("server_error", None, _SERVER_ERROR),)


@dataclass(frozen=True, slots=True, kw_only=True)
class BigFrame(Once):
    """An item with all its audio is told in one frame of `nbytes`.

    With ``at=None`` the frame is an event of an unknown type.
    """

    source = "BerriAI/litellm#15747"

    at: str | Iterable[str] | None = _ITEMS
    times: int | None = None
    nbytes: int = 3_476_354

    def actions(self, frame: bytes) -> Iterable[Action]:
        """The same event, larger."""
        event = read(frame)
        item = event.get("item")
        parts = item.get("content") if isinstance(item, dict) else None
        owner = parts[0] if isinstance(parts, list) and parts and isinstance(parts[0], dict) else event
        name = "obfuscation" if owner is event else "audio"
        owner[name] = "A" * max(0, (self.nbytes - len(write(event)) - len(name) - 6) // 4 * 4)
        return (write(event),)
