"""Fault injection on one connection: injectors, and the actions that they return.

Frames go in and actions come out; `connection` carries them out. The faults are in `faults`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias


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


# A frame to send, or an action on the connection.
Action: TypeAlias = bytes | CloseConnection | StallConnection | AbortConnection


class FaultInjector:
    """The effect of a fault on one connection. This base class has none.

    Attributes:
        read_delay_s: how long the server waits before it reads a frame.
    """

    read_delay_s = 0.0

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        """Return the actions in place of sending `frame`."""
        return (frame,)

    def on_receive(self, event_type: str) -> bytes | None:
        """Return a frame that answers the client's event in place of the session, or None."""
        return None

    def on_start(self) -> Iterable[Action]:
        """Return the actions when the connection begins, or when the fault is injected."""
        return ()


class RewritingInjector(FaultInjector):
    """Injector that replaces each frame by `rewrite(event_type, frame)`, or drops it for None."""

    def __init__(self, rewrite: Callable[[str, bytes], bytes | None]) -> None:
        self._rewrite = rewrite

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        """Return the rewritten frame, or nothing."""
        rewritten = self._rewrite(event_type, frame)
        return () if rewritten is None else (rewritten,)


class OneShotInjector(FaultInjector):
    """Injector that acts once, at the `nth` event whose type is in `event_types`, or when it starts.

    Attributes:
        may_act: called when the fault is about to occur; if it returns False nothing happens.
    """

    def __init__(
        self,
        replace: Callable[[bytes], Iterable[Action]],
        occur: Callable[[], Iterable[Action]],
        event_types: frozenset[str],
        nth: int,
        acts_on_start: bool,
    ) -> None:
        self._replace, self._occur = replace, occur
        self._event_types, self._remaining = event_types, nth
        self._acts_on_start = acts_on_start
        self.may_act: Callable[[], bool] = lambda: True

    def on_send(self, event_type: str, frame: bytes) -> Iterable[Action]:
        """Return the actions of the fault at the `nth` matching event, or the frame itself."""
        if event_type in self._event_types:
            self._remaining -= 1
            if self._remaining == 0 and self.may_act():
                return self._replace(frame)
        return (frame,)

    def on_start(self) -> Iterable[Action]:
        """Return the actions of the fault if it occurs at once."""
        return self._occur() if self._acts_on_start and self.may_act() else ()
