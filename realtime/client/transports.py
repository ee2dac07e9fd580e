"""The interface between a `Session` and a WebSocket library.

A transport is a module with the function `open_connection`: `_websockets` and `_picows`. It is imported when it is
chosen. Both behave the same: only these two modules know the libraries.
"""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from ssl import SSLContext
from typing import Any, Final, Literal, Protocol, TypeAlias

from ..errors import ConfigError

TransportName: TypeAlias = Literal["websockets", "picows"]
# The module of each transport, and the extra that installs its library.
TRANSPORTS: Final[Mapping[str, tuple[str, str]]] = {
    "websockets": ("_websockets", "client"),
    "picows": ("_picows", "picows"),
}
# The code of a connection that ended without a close frame (RFC 6455, section 7.4.1).
NO_CLOSE_FRAME: Final = 1006


@dataclass(frozen=True, slots=True)
class ConnectionOptions:
    """The settings of a connection, as in ``websockets.connect``. `proxy` is True for that of the environment."""

    ssl: SSLContext | None
    proxy: str | bool | None
    open_timeout: float | None
    close_timeout: float
    ping_interval: float | None
    ping_timeout: float | None
    max_size: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a connection: the code of the server's close frame, `NO_CLOSE_FRAME` without one."""

    code: int
    reason: str


class HandshakeFailed(Exception):
    """A connection could not be opened.

    Attributes: `status`, the HTTP status, None without one; `retry_after`, the header; `body`, of the response;
    `is_permanent`, True if the address or a setting is invalid.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        retry_after: str | None = None,
        body: bytes = b"",
        is_permanent: bool = False,
    ) -> None:
        super().__init__(reason)
        self.status, self.retry_after, self.body, self.is_permanent = status, retry_after, body, is_permanent


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The session's side of a connection.

    Attributes: `next_frame` removes and returns the next frame to send, None if there is none; `receive` processes a
    message of the server.
    """

    next_frame: Callable[[], bytes | None]
    receive: Callable[[bytes], None]


class Connection(Protocol):
    """An open WebSocket."""

    def send_now(self, frame: bytes) -> bool:
        """Send a frame as a text message. Returns False, without sending it, while this or an earlier one has to wait."""
        ...

    def wake(self) -> None:
        """Send what `next_frame` returns, as text messages, now or when the socket takes it."""
        ...

    async def run(self) -> Ended:
        """Give each message to `receive` until the connection has ended."""
        ...

    async def close(self) -> None:
        """Close the connection. Waits for the server's answer without a limit."""
        ...

    def abort(self) -> None:
        """Close the socket at once."""
        ...


Open: TypeAlias = Callable[[str, Mapping[str, str], ConnectionOptions, Endpoint], Awaitable[Connection]]


def load_transport(name: str) -> Open:
    """Return the function that opens connections with a transport. It raises `HandshakeFailed`.

    Raises:
        ConfigError: there is no such transport.
        ImportError: its library is not installed.
    """
    if name not in TRANSPORTS:
        raise ConfigError(f"transport must be one of {', '.join(TRANSPORTS)}, got {name!r}")
    module, extra = TRANSPORTS[name]
    try:
        found: Any = importlib.import_module(f"{__package__}.{module}")
    except ImportError as missing:
        raise ImportError(
            f"realtime.client.connect needs {name}: pip install 'realtime-codec[{extra}]'", name=missing.name
        ) from missing
    return found.open_connection  # type: ignore[no-any-return]
