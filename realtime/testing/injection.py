"""Fault injection on one connection: injectors, and the actions that they return.

Frames go in and actions come out; `connection` carries them out. The faults are in `faults`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

import msgspec


@dataclass(frozen=True, slots=True)
class CloseConnection:
    """Action that closes the connection with a code and a reason."""

    code: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class StallConnection:
    """Action that sends `part` of a message and then nothing more; the connection stays open."""

    part: bytes


@dataclass(frozen=True, slots=True)
class AbortConnection:
    """Action that ends the connection in the middle of a WebSocket frame that begins with `part`."""

    part: bytes


@dataclass(frozen=True, slots=True)
class EndSession:
    """Action that ends a Live session for a reason, such as "expired". Other sessions go on."""

    reason: str


def error_frame(
    code: str | None,
    message: str,
    *,
    client_event_id: str | None = None,
    error_type: str = "invalid_request_error",
) -> bytes:
    """Return the frame of an `error` event that no session sends, with an event_id of its own.

    `client_event_id` is the id of the client's event that caused the error. Absent values are null, as
    OpenAI's server sends them.
    """
    detail = {"type": error_type, "code": code, "message": message, "param": None}
    event_id = f"event_{secrets.token_hex(8)}"
    return msgspec.json.encode(
        {"type": "error", "event_id": event_id, "error": {**detail, "event_id": client_event_id}}
    )


def live_error_frame(code: str | None, message: str, *, error_type: str) -> bytes:
    """Return the frame of a Live session's `error` event that refers to no client event."""
    error = {"type": error_type, "code": code, "message": message}
    event_id = f"event_{secrets.token_hex(8)}"
    return msgspec.json.encode({"type": "error", "event_id": event_id, "error": error})


# A frame to send, or an action on the connection.
Action: TypeAlias = bytes | CloseConnection | StallConnection | AbortConnection | EndSession


class FaultInjector:
    """The effect of a fault on one connection. This base class has none.

    Attributes:
        read_delay_s: the delay before the server reads each frame, in seconds.
        answers_close: False if the server does not answer the close frame of the client.
    """

    read_delay_s = 0.0
    answers_close = True

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        """Return the actions in place of sending `frame`."""
        return (frame,)

    def on_receive(self, event_type: str, frame: bytes) -> bytes | None:
        """Return a frame that answers the client's event in place of the session, or None."""
        return None

    def rewrite_received(self, event_type: str, frame: bytes) -> bytes:
        """Return the frame that the session gets in place of the client's `frame`."""
        return frame

    def on_start(self) -> Iterable[Action]:
        """Return the actions when the connection begins, or when the fault is injected."""
        return ()


@dataclass(slots=True)
class RewritingInjector(FaultInjector):
    """Injector that replaces each frame by `rewrite(event_type, frame)`, or drops it for None."""

    rewrite: Callable[[str, bytes], bytes | None]

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        """Return the rewritten frame, or nothing."""
        rewritten = self.rewrite(event_type, frame)
        return () if rewritten is None else (rewritten,)


@dataclass(slots=True)
class OneShotInjector(FaultInjector):
    """Injector that acts once: at the `nth` event whose type is in `event_types`, or when it starts.

    Attributes:
        replace: returns the actions in place of the frame of that event.
        event_types: the types of events that are counted.
        nth: the number of such events until the fault occurs.
        occur: returns the actions when the injector starts; None for a fault that waits for an event.
        may_act: called when the fault is about to occur; if it returns False nothing happens.
    """

    replace: Callable[[bytes], Iterable[Action]]
    event_types: frozenset[str]
    nth: int
    occur: Callable[[], Iterable[Action]] | None
    may_act: Callable[[], bool] = lambda: True

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        """Return the actions of the fault at the `nth` matching event, or the frame itself."""
        if event_type in self.event_types:
            self.nth -= 1
            if self.nth == 0 and self.may_act():
                return self.replace(frame)
        return (frame,)

    def on_start(self) -> Iterable[Action]:
        """Return the actions of the fault if it occurs at once."""
        return self.occur() if self.occur is not None and self.may_act() else ()
