"""The Live sessions of a server, which a second connection can attach to or fork.

A session in progress has one primary connection, and sidebands; each event goes to all of them. A
session with the setting `store` can be forked once it has ended.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import Any, Final, Literal, TypeAlias

from .. import spec
from .._bounded import BoundedDict
from ..events.live import LiveSessionInfo
from .connection import ConnectionHandler
from .protocol import ServerProtocol

LiveAction: TypeAlias = Literal["start", "attach", "fork"]
# Stored sessions that a server remembers.
MAX_STORED: Final = 1000


class LiveSessions:
    """The Live sessions of a server.

    Args:
        new_protocol: makes the `ServerProtocol` of a session.
    """

    def __init__(self, new_protocol: Callable[..., ServerProtocol]) -> None:
        self._new_protocol = new_protocol
        # Sessions in progress: the primary, and the handlers of all connections.
        self._sessions: dict[str, tuple[ServerProtocol, list[ConnectionHandler]]] = {}
        self._stored: BoundedDict[str, LiveSessionInfo] = BoundedDict(MAX_STORED)

    def has(self, action: LiveAction, session_id: str) -> bool:
        """Return True if a connection can do this with the session `session_id`."""
        if action == "attach":
            found = self._sessions.get(session_id)
            return found is not None and found[0].live_session is not None and not found[0].is_closed
        return action == "start" or self._origin(session_id) is not None

    def _origin(self, session_id: str) -> LiveSessionInfo | None:
        """Return the stored session with this id: one that has ended, even if its connection has not."""
        found = self._sessions.get(session_id)
        if found is not None and found[0].is_closed:
            self._store(found[0])
        return self._stored.get(session_id)

    def _store(self, protocol: ServerProtocol) -> None:
        info = protocol.live_session
        if info is not None and info.store is True:
            self._stored[info.id] = info

    def open(
        self, action: LiveAction, session_id: str, **options: Any
    ) -> tuple[ServerProtocol, list[ConnectionHandler]]:
        """Return the protocol of a new connection, and the handlers of its session, to which its own is added.

        Raises:
            LookupError: no session has the id, or it cannot be attached to or forked.
        """
        if not self.has(action, session_id):  # it has ended since the request was accepted
            raise LookupError(session_id)
        if action == "attach":
            primary, handlers = self._sessions[session_id]
            return primary.attach(), handlers
        new_id = f"sess_{secrets.token_hex(8)}"
        protocol = self._new_protocol(
            dialect="live",
            session_id=new_id,
            expires_at=int(time.time()) + spec.MAX_LIVE_SESSION_SECONDS,
            origin=self._origin(session_id),
            **options,
        )
        self._sessions[new_id] = protocol, []
        return self._sessions[new_id]

    def close(self, protocol: ServerProtocol, handlers: list[ConnectionHandler]) -> None:
        """End a connection, whose handler is no longer in `handlers`, and its session if it was the primary."""
        protocol.disconnect()
        for handler in handlers:
            handler.flush()
        self._store(protocol)
        for session_id in [each for each, found in self._sessions.items() if found[0] is protocol]:
            del self._sessions[session_id]
