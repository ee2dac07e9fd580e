"""The pytest plugin: by itself here, and in another pytest as users have it."""

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
from websockets.sync.client import connect

import realtime as r
from realtime.testing import LoopbackServer, plugin

pytest_plugins = ["pytester"]
# The plugin's own, whether or not pytest has loaded it by its entry point.
realtime_server = plugin.realtime_server


def test_the_fixture_is_a_running_server(realtime_server: LoopbackServer) -> None:
    with connect(realtime_server.url) as ws:
        assert r.decode_server(ws.recv()).type == "session.created"


def test_no_proxy_stands_before_it(realtime_server: LoopbackServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "socks_proxy", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with connect(realtime_server.url) as ws:
        assert r.decode_server(ws.recv()).type == "session.created"


def test_this_suite_does_without_the_entry_point(request: pytest.FixtureRequest) -> None:
    """Or else the package is imported before pytest-cov measures it."""
    assert not request.config.pluginmanager.hasplugin("realtime")


PROXIES = {
    "nothing": ({}, "127.0.0.1", "127.0.0.1"),
    "hosts": ({"no_proxy": "a.example,b.example"}, "a.example,b.example,127.0.0.1", "a.example,b.example,127.0.0.1"),
    "hosts in capitals": ({"NO_PROXY": "a.example"}, "a.example,127.0.0.1", "a.example,127.0.0.1"),
    "all hosts": ({"no_proxy": "*"}, "*", None),
}  # fmt: skip


@pytest.mark.parametrize("name", PROXIES)
@pytest.mark.skipif(os.name == "nt", reason="names of variables are in capitals there")
def test_hosts_that_need_no_proxy_stay_so(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before, lower, upper = PROXIES[name]
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in before.items():
        monkeypatch.setenv(variable, value)
    plugin.bypass_proxies(monkeypatch)
    assert (os.environ.get("no_proxy"), os.environ.get("NO_PROXY")) == (lower, upper)


# --- Settings ------------------------------------------------------------------------


def node(*marks: tuple[tuple[Any, ...], dict[str, Any]]) -> Any:
    """What the fixture asks of a test: its marks, the nearest one first."""
    return SimpleNamespace(
        iter_markers=lambda name: [
            SimpleNamespace(args=args, kwargs=kwargs) for args, kwargs in marks if name == "realtime_server"
        ]
    )


def test_settings_are_those_of_all_marks_and_the_nearest_goes_first() -> None:
    assert plugin.marker_settings(node()) == {}
    assert plugin.marker_settings(node(((), {"pace": 2}), ((), {"pace": 1, "ptime_ms": 20}))) == {
        "pace": 2,
        "ptime_ms": 20,
    }


def test_a_setting_without_its_name_is_refused() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"@pytest\.mark\.realtime_server: .* keyword"):
        plugin.marker_settings(node(((1,), {})))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown name": ({"pase": 1}, r"takes no 'pase'; it takes port, ptime_ms, pace"),
    "a value that cannot be": ({"pace": -1}, r"pace must be more than 0"),
    "half a sample": ({"ptime_ms": 0.01}, r"@pytest\.mark\.realtime_server: "),
    "a wrong kind": ({"port": "80"}, r"@pytest\.mark\.realtime_server: "),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_settings_are_said_without_a_traceback(name: str) -> None:
    settings, said = WRONG[name]
    with pytest.raises(pytest.fail.Exception, match=said) as refused:
        plugin.make_server(settings)
    assert not refused.value.pytrace
    assert refused.value.__cause__ is None
    assert refused.value.__suppress_context__ == (refused.value.__context__ is not None)


def test_without_websockets_the_fixture_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "realtime.testing.server")
    monkeypatch.setitem(sys.modules, "websockets.asyncio.server", None)
    with pytest.raises(pytest.fail.Exception, match=r"pip install 'realtime-codec\[testing\]'"):
        plugin.make_server({})


# --- Exceptions ----------------------------------------------------------------------


def logged(why: BaseException | None, message: str = "connection handler failed") -> None:
    logging.getLogger("realtime.testing.server").error(message, exc_info=why)


def test_an_exception_of_the_server_fails_the_test() -> None:
    with (
        pytest.raises(pytest.fail.Exception, match="ZeroDivisionError: by zero"),
        plugin.failing_on_exceptions(),
    ):
        logged(ZeroDivisionError("by zero"))


SPOILED = [ConnectionResetError(), EOFError(), InvalidMessage("no HTTP")]


def test_a_handshake_that_a_client_spoils_does_not() -> None:
    with plugin.failing_on_exceptions():
        for why in SPOILED:
            logged(why, "opening handshake failed")
        logged(None)
    logged(ZeroDivisionError("it is not watched any more"))


@pytest.mark.parametrize("why", [ConnectionRefusedError("my backend is down"), *SPOILED], ids=repr)
def test_a_script_may_raise_what_clients_raise(why: Exception) -> None:
    with pytest.raises(pytest.fail.Exception, match=type(why).__name__), plugin.failing_on_exceptions():
        logged(why)


def test_a_handshake_in_which_the_server_fails_does() -> None:
    with pytest.raises(pytest.fail.Exception, match="ZeroDivisionError"), plugin.failing_on_exceptions():
        logged(ZeroDivisionError(), "opening handshake failed")


def test_no_handshake_at_all_is_a_clients() -> None:
    with plugin.failing_on_exceptions(), LoopbackServer() as server:
        for says in (b"", b"SSH-2.0-x\r\n\r\n"):
            with socket.create_connection(("127.0.0.1", server.port)) as peer:
                peer.sendall(says)
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

WHOLE = (
    realtime.SessionUpdate(session=realtime.create_session_config(turn_detection=None)),
    realtime.InputAudioBufferAppend(audio=bytes(9600)),
    realtime.InputAudioBufferCommit(),
    realtime.ResponseCreate(),
)


def chunks(url):
    with connect(url) as ws:
        for event in WHOLE:
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
    def test_of_the_class(self, realtime_server):
        assert [*chunks(realtime_server.url)] == [960] * 10

    @pytest.mark.realtime_server(ptime_ms=50)
    def test_of_its_own(self, realtime_server):
        assert [*chunks(realtime_server.url)] == [2400] * 4


@pytest.mark.realtime_server(pase=1)
def test_a_wrong_name(realtime_server):
    raise AssertionError("it runs")


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


def test_as_users_have_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(TESTS)
    result = pytester.runpytest_subprocess("--strict-markers", "--strict-config", "-W", "error")
    result.assert_outcomes(passed=5, errors=3)
    result.stdout.fnmatch_lines([
        "@pytest.mark.realtime_server: LoopbackServer takes no 'pase'; it takes port, ptime_ms, pace*",
        "the server raised an exception",
        "ConnectionRefusedError: my backend is down",
        "ZeroDivisionError: of the server",
    ])  # fmt: skip


def test_the_marker_is_known(pytester: pytest.Pytester) -> None:
    result = pytester.runpytest_subprocess("--markers")
    result.stdout.fnmatch_lines(["@pytest.mark.realtime_server(**settings): *"])


def test_pytest_works_without_the_extra(pytester: pytest.Pytester) -> None:
    """Those who only have the codec installed run their own tests as before."""
    pytester.makeconftest("import sys; sys.modules['websockets'] = None")
    pytester.makepyfile("def test_other(): pass\ndef test_with_it(realtime_server): pass")
    result = pytester.runpytest_subprocess("-W", "error")
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["the fixture realtime_server cannot be used: *'realtime-codec[[]testing]'"])


def test_loading_it_imports_neither_the_server_nor_what_that_needs() -> None:
    code = "import realtime.testing.plugin, sys; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "realtime.testing.plugin" in loaded
    assert not {"numpy", "websockets", "pybase64", "asyncio"} & loaded
    assert {name for name in loaded if name.startswith("realtime.testing.")} == {"realtime.testing.plugin"}


def test_no_other_module_needs_pytest() -> None:
    package = Path(plugin.__file__).parent.parent
    import_of_it = re.compile(r"^\s*(?:import|from) pytest\b", re.MULTILINE)
    found = [path for path in package.rglob("*.py") if import_of_it.search(path.read_text(encoding="utf-8"))]
    assert [path.name for path in found] == ["plugin.py"]
