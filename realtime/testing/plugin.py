"""The pytest plugin: the fixture `realtime_server`, and the marker that says what it gives the server.

pytest imports this file at its start wherever this distribution is installed, with the extra `testing` or without:
the server and what it needs are imported when the fixture is used, and not before.
"""

from __future__ import annotations

import contextlib
import inspect
import logging
import os
from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .server import LoopbackServer

_MARKER = "realtime_server(**settings): the settings of the LoopbackServer of the fixture realtime_server"


def pytest_configure(config: pytest.Config) -> None:
    """Makes the marker known, for ``--strict-markers``."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def realtime_server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LoopbackServer]:
    """A `LoopbackServer` that runs in a thread of its own as long as the test, and is reached without a proxy.

    ``@pytest.mark.realtime_server(pace=1)`` gives it settings; those of a class or a module hold for its tests,
    and a test's own go before them. A test whose server logs an exception ends with an error that shows it.
    """
    server = _made(_settings(request.node))
    _bypass_proxies(monkeypatch)
    with _watched(), server:
        yield server


# --- The server ----------------------------------------------------------------------


def _settings(node: Any) -> dict[str, Any]:
    """The keywords of all markers of a test, the nearest one's first."""
    marks = [*node.iter_markers("realtime_server")]
    if any(mark.args for mark in marks):
        raise _refusal("settings are given by keyword")
    return {name: value for mark in reversed(marks) for name, value in mark.kwargs.items()}


def _made(settings: dict[str, Any]) -> LoopbackServer:
    try:
        from .server import LoopbackServer
    except ImportError as missing:
        raise _failure(f"the fixture realtime_server cannot be used: {missing}") from None
    taken = [*inspect.signature(LoopbackServer).parameters]
    for name in settings:
        if name not in taken:
            raise _refusal(f"LoopbackServer takes no {name!r}; it takes {', '.join(taken)}")
    try:
        return LoopbackServer(**settings)
    except (TypeError, ValueError) as why:
        raise _refusal(str(why)) from None


def _refusal(why: str) -> BaseException:
    """What is wrong with a test's marker."""
    return _failure(f"@pytest.mark.realtime_server: {why}")


def _failure(message: str) -> BaseException:
    """A failure that is shown without a traceback: that would be this file's."""
    return pytest.fail.Exception(message, pytrace=False)


def _bypass_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not to go through a proxy stays so, and the server is added."""
    from .server import HOST

    before = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if before != "*":
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, f"{before},{HOST}".strip(","))


# --- Its exceptions ------------------------------------------------------------------


@contextlib.contextmanager
def _watched() -> Generator[None]:
    """Fails the test in which the server logs an exception."""
    watch, log = _Watch(), logging.getLogger(__package__)
    log.addHandler(watch)
    try:
        yield
    finally:
        log.removeHandler(watch)
    if watch.failures:
        raise _failure("the server raised an exception\n" + "\n".join(watch.failures))


class _Watch(logging.Handler):
    def __init__(self) -> None:
        from websockets.exceptions import WebSocketException

        super().__init__(logging.ERROR)
        self.failures: list[str] = []
        self._of_clients = (ConnectionError, EOFError, WebSocketException)

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and not self._is_a_clients(record, record.exc_info[1]):
            self.failures.append(logging.Formatter().format(record))

    def _is_a_clients(self, record: logging.LogRecord, why: BaseException | None) -> bool:
        """Whether a client has spoiled a handshake, which websockets logs too; a script may raise what it likes."""
        return "handshake" in record.getMessage() and isinstance(why, self._of_clients)
