"""The pytest plugin, tested directly and in a pytest of its own."""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from websockets.exceptions import InvalidMessage

import realtime as r
from realtime.testing import LoopbackServer, plugin
from tests.testing.helpers import connect

pytest_plugins = ["pytester"]
# As a name: pytest_plugins would load a module that is imported already, whose assertions pytest cannot rewrite.
realtime_server = plugin.realtime_server


def test_the_fixture_is_a_running_server(realtime_server: LoopbackServer) -> None:
    with connect(realtime_server.url) as ws:
        assert r.decode_server(ws.recv()).type == "session.created"


def test_proxies_are_bypassed(realtime_server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with connect(realtime_server.url) as ws:
        assert r.decode_server(ws.recv()).type == "session.created"


PROXIES = {
    "nothing": ({}, "127.0.0.1", "127.0.0.1"),
    "hosts": ({"no_proxy": "a.example,b.example"}, "a.example,b.example,127.0.0.1", "a.example,b.example,127.0.0.1"),
    "hosts in capitals": ({"NO_PROXY": "a.example"}, "a.example,127.0.0.1", "a.example,127.0.0.1"),
    "all hosts": ({"no_proxy": "*"}, "*", None),
}  # fmt: skip


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.skipif(os.name == "nt", reason="names of variables are in capitals there")
def test_hosts_without_a_proxy_are_retained(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, lower, upper = PROXIES[name]
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in before.items():
        monkeypatch.setenv(variable, value)
    plugin.bypass_proxies(monkeypatch)
    assert (os.environ.get("no_proxy"), os.environ.get("NO_PROXY")) == (lower, upper)


# --- Settings ------------------------------------------------------------------------


def node(*marks: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
    """Return a test node with marks, the nearest one first."""
    return SimpleNamespace(
        iter_markers=lambda name: [
            SimpleNamespace(args=args, kwargs=kwargs) for args, kwargs in marks if name == "realtime_server"
        ]
    )


def test_settings_of_all_marks_are_merged_and_the_nearest_takes_precedence() -> None:
    assert plugin.marker_settings(node()) == {}
    assert plugin.marker_settings(node(((), {"pace": 2}), ((), {"pace": 1, "ptime_ms": 20}))) == {
        "pace": 2,
        "ptime_ms": 20,
    }


def test_a_positional_setting_is_refused() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"@pytest\.mark\.realtime_server: .* keyword"):
        plugin.marker_settings(node(((1,), {})))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown name": ({"pase": 1}, r"takes no 'pase'; it takes port, ptime_ms, pace"),
    "an invalid value": ({"pace": -1}, r"pace must be more than 0"),
    "a partial sample": ({"ptime_ms": 0.01}, r"@pytest\.mark\.realtime_server: "),
    "a wrong type": ({"port": "80"}, r"@pytest\.mark\.realtime_server: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_invalid_settings_fail_without_a_traceback(name: str) -> None:
    settings, message = WRONG[name]
    with pytest.raises(pytest.fail.Exception, match=message) as refused:
        plugin.make_server(settings)
    assert not refused.value.pytrace
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ == (refused.value.__context__ is not None)


def test_without_websockets_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "realtime.testing.server")
    monkeypatch.setitem(sys.modules, "websockets.asyncio.server", None)
    with pytest.raises(pytest.fail.Exception, match=r"pip install 'realtime-codec\[testing\]'"):
        plugin.make_server({})


# --- Exceptions ----------------------------------------------------------------------


def logged(why: BaseException | None, message: str = "connection handler failed") -> None:
    logging.getLogger("realtime.testing.server.websockets").error(message, exc_info=why)


def test_an_exception_of_the_server_fails_the_test() -> None:
    with (
        pytest.raises(pytest.fail.Exception, match="ZeroDivisionError: by zero"),
        plugin.failing_on_exceptions(),
    ):
        logged(ZeroDivisionError("by zero"))


CLIENT_ERRORS = [ConnectionResetError(), EOFError(), InvalidMessage("not HTTP")]


def test_a_broken_handshake_does_not_fail_the_test() -> None:
    with plugin.failing_on_exceptions():
        for why in CLIENT_ERRORS:
            logged(why, "opening handshake failed")
        logged(None)
    logged(ZeroDivisionError("after the block"))


@pytest.mark.parametrize("why", [ConnectionRefusedError("my backend is down"), *CLIENT_ERRORS], ids=repr)
def test_the_same_errors_of_a_script_fail_the_test(why: Exception) -> None:
    with pytest.raises(pytest.fail.Exception, match=type(why).__name__), plugin.failing_on_exceptions():
        logged(why)


def test_a_server_error_in_a_handshake_fails_the_test() -> None:
    with pytest.raises(pytest.fail.Exception, match="ZeroDivisionError"), plugin.failing_on_exceptions():
        logged(ZeroDivisionError(), "opening handshake failed")


def test_a_missing_handshake_does_not_fail_the_test() -> None:
    with plugin.failing_on_exceptions(), LoopbackServer() as server:
        for request in (b"", b"SSH-2.0-x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port)) as peer:
                peer.sendall(request)
                peer.shutdown(socket.SHUT_WR)
                while peer.recv(4096):
                    pass


# --- In another pytest ---------------------------------------------------------------

TESTS = """
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import realtime
from realtime.testing import ServerProtocol

EVENTS = (
    realtime.SessionUpdate(session=realtime.create_session_config(turn_detection=None)),
    realtime.InputAudioBufferAppend(audio=bytes(9600)),
    realtime.InputAudioBufferCommit(),
    realtime.ResponseCreate(),
)


def chunks(url):
    with connect(url) as ws:
        for event in EVENTS:
            ws.send(realtime.encode(event), text=True)
        while True:
            match realtime.decode_server(ws.recv()):
                case realtime.ResponseOutputAudioDelta(delta=audio):
                    yield len(audio)
                case realtime.ResponseDone():
                    return


def test_unmarked(realtime_server):
    assert [*chunks(realtime_server.url)] == [4800] * 2


@pytest.mark.realtime_server(ptime_ms=20)
class TestMarked:
    def test_with_the_marker_of_the_class(self, realtime_server):
        assert [*chunks(realtime_server.url)] == [960] * 10

    @pytest.mark.realtime_server(ptime_ms=50)
    def test_with_its_own_marker(self, realtime_server):
        assert [*chunks(realtime_server.url)] == [2400] * 4


@pytest.mark.realtime_server(pase=1)
def test_a_wrong_name(realtime_server):
    raise AssertionError("it type_runs")


def down(turn):
    raise ConnectionRefusedError("my backend is down")


@pytest.mark.realtime_server(script=down)
def test_a_script_that_raises(realtime_server):
    with connect(realtime_server.url) as ws:
        ws.send(realtime.encode(realtime.ResponseCreate()), text=True)
        with pytest.raises(ConnectionClosed):
            while True:
                ws.recv()


def test_a_server_that_raises(realtime_server, monkeypatch):
    def feed(self, message):
        raise ZeroDivisionError("of the server")

    monkeypatch.setattr(ServerProtocol, "feed", feed)
    with connect(realtime_server.url) as ws:
        ws.recv()
        ws.send("{}")
        with pytest.raises(ConnectionClosed):
            ws.recv()
"""


OPT_IN = 'pytest_plugins = ["realtime.testing.plugin"]\n'


def test_the_plugin_in_a_test_suite(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(OPT_IN)
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--strict-markers", "--strict-config", "-W", "error")
    result.assert_outcomes(passed=5, errors=3)
    result.stdout.fnmatch_lines([
        "@pytest.mark.realtime_server: LoopbackServer takes no 'pase'; it takes port, ptime_ms, pace*",
        "the server raised an exception",
        "ConnectionRefusedError: my backend is down",
        "ZeroDivisionError: of the server",
    ])  # fmt: skip


@pytest.mark.slow
def test_the_marker_is_registered(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(OPT_IN)
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.realtime_server(**settings): *"])


@pytest.mark.slow
def test_pytest_works_without_the_extra(pytester: pytest.Pytester) -> None:
    """Users who install only the codec can run their tests."""
    pytester.makeconftest(f"import sys; sys.modules['websockets'] = None\n{OPT_IN}")
    pytester.makepyfile("def test_other(): pass\ndef test_with_it(realtime_server): pass")
    result = pytester.runpytest_subprocess("-W", "error")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["the fixture realtime_server cannot be used: *'realtime-codec[[]testing]'"])


def test_loading_the_plugin_does_not_import_the_server() -> None:
    code = "import realtime.testing.plugin, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "realtime.testing.plugin" in loaded
    assert not {"numpy", "websockets", "asyncio"} & loaded
    assert {name for name in loaded if name.startswith("realtime.testing.")} == {"realtime.testing.plugin"}


def test_no_other_module_imports_pytest() -> None:
    package = Path(plugin.__file__).parent.parent
    import_of_it = re.compile(r"^\s*(?:import|from) pytest\b", re.MULTILINE)
    found = [path for path in package.rglob("*.py") if import_of_it.search(path.read_text(encoding="utf-8"))]
    assert [path.name for path in found] == ["plugin.py"]
