"""The pytest plugin: the fixture `realtime_server`, and the marker that configures its server.

A suite opts in with ``pytest_plugins = ["realtime.testing.plugin"]`` in its top conftest.py. The server and its
dependencies are imported when the fixture is first used, so that suites which measure coverage start without them.
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

_MARKER = "realtime_server(**settings): the arguments of the LoopbackServer of the fixture realtime_server"


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, for ``--strict-markers``."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def realtime_server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LoopbackServer]:
    """Run a `LoopbackServer` in a thread for the duration of the test. Proxies are bypassed.

    ``@pytest.mark.realtime_server(pace=1)`` sets its arguments; the marker of a class or a module applies
    to all of its tests, and a test's own takes precedence. If the server logs an exception, the test
    ends with an error that shows it.
    """
    server = make_server(marker_settings(request.node))
    bypass_proxies(monkeypatch)
    with failing_on_exceptions(), server:
        yield server


# --- The server ----------------------------------------------------------------------


def marker_settings(node: Any) -> dict[str, Any]:
    """Return the keyword arguments of all markers of a test; the nearest marker takes precedence."""
    marks = [*node.iter_markers("realtime_server")]
    if any(mark.args for mark in marks):
        raise _marker_failure("settings must be keyword arguments")
    return {name: value for mark in reversed(marks) for name, value in mark.kwargs.items()}


def make_server(settings: dict[str, Any]) -> LoopbackServer:
    """Return a server with the settings of a marker. Fails the test if they are invalid."""
    try:
        from .server import LoopbackServer
    except ImportError as missing:
        raise _failure(f"the fixture realtime_server cannot be used: {missing}") from None
    parameters = [*inspect.signature(LoopbackServer).parameters]
    for name in settings:
        if name not in parameters:
            raise _marker_failure(f"LoopbackServer takes no {name!r}; it takes {', '.join(parameters)}")
    try:
        return LoopbackServer(**settings)
    except (TypeError, ValueError) as why:
        raise _marker_failure(str(why)) from None


def _marker_failure(reason: str) -> BaseException:
    return _failure(f"@pytest.mark.realtime_server: {reason}")


def _failure(message: str) -> BaseException:
    """Return a test failure without a traceback, which would only show this file."""
    return pytest.fail.Exception(message, pytrace=False)


def bypass_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Add the server to the hosts that are reached without a proxy."""
    from .server import HOST

    hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    if hosts != "*":
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, f"{hosts},{HOST}".strip(","))


# --- Exceptions of the server --------------------------------------------------------


@contextlib.contextmanager
def failing_on_exceptions() -> Generator[None]:
    """Fail the test if the server logs an exception in this block."""
    handler, log = _ExceptionHandler(), logging.getLogger(__package__)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
    if handler.failures:
        raise _failure("the server raised an exception\n" + "\n".join(handler.failures))


class _ExceptionHandler(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.failures: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.failures.append(logging.Formatter().format(record))
