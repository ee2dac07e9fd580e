"""The errors of a client: of the connection, of the session, of one request. `is_retryable` is True if a retry may help.

RealtimeError
└── ClientError
    ├── ConnectFailed      no connection: the network, or an HTTP status
    ├── SessionLost        the connection ended, and is not replaced
    ├── SessionRefused     the server refuses the session or its settings
    ├── RequestRefused     the server refuses one request; the session goes on
    ├── SpendLimitReached
    ├── SendQueueFull      too much waits for a connection
    └── SessionClosed      a call on a session that has ended
"""

from __future__ import annotations

from ..errors import SENTENCE_CHARS, RealtimeError, snippet
from ..events import ErrorDetail
from ..events.live import LiveErrorDetail


class ClientError(RealtimeError):
    """An error of a client. Attributes: `reason`, and `is_retryable`: a retry may succeed."""

    is_retryable = False

    def __init__(self, reason: str, *, is_retryable: bool | None = None) -> None:
        self.reason = snippet(reason, SENTENCE_CHARS)
        super().__init__(self.reason)
        if is_retryable is not None:
            self.is_retryable = is_retryable


class ConnectFailed(ClientError):
    """A connection could not be opened.

    Attributes: `status`, the HTTP status, None for an error of the network; `retry_after_s`, the wait that the
    server asks for.
    """

    def __init__(
        self,
        reason: str,
        *,
        status: int | None = None,
        retry_after_s: float | None = None,
        is_retryable: bool | None = None,
    ) -> None:
        super().__init__(reason, is_retryable=is_retryable)
        self.status, self.retry_after_s = status, retry_after_s


class SessionLost(ClientError):
    """The connection ended and is not replaced. Attributes: `code`, of the close frame, None without one."""

    def __init__(self, reason: str, *, code: int | None = None, is_retryable: bool | None = None) -> None:
        super().__init__(reason, is_retryable=is_retryable)
        self.code = code


class SessionRefused(ClientError):
    """The server refuses the session: the key, the model, the quota, or its settings. Attributes: `error`."""

    def __init__(self, reason: str, *, error: ErrorDetail | LiveErrorDetail | None = None) -> None:
        super().__init__(reason)
        self.error = error


class RequestRefused(ClientError):
    """The server refuses one request. Attributes: `error`; `code` and `param` of it; `request_type`."""

    def __init__(
        self, error: ErrorDetail | LiveErrorDetail, request_type: str = "", *, is_retryable: bool = False
    ) -> None:
        what = f"{request_type} was refused: " if request_type else ""
        super().__init__(f"{what}{error_text(error)}", is_retryable=is_retryable)
        self.error, self.request_type = error, snippet(request_type)

    @property
    def code(self) -> str | None:
        """The code of the error."""
        return self.error.code

    @property
    def param(self) -> str | None:
        """The path of the member that is refused."""
        return self.error.param


class SpendLimitReached(ClientError):
    """The usage that the server reported costs more than the limit of the session."""


class SendQueueFull(ClientError):
    """Too many events wait to be sent."""

    is_retryable = True


class SessionClosed(ClientError):
    """The session has ended."""


def error_text(error: ErrorDetail | LiveErrorDetail) -> str:
    """Return the code of an error, or its type, and its message."""
    return f"{error.code or error.type}: {error.message}"
