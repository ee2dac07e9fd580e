"""Access: web pages of other sites are refused, and logs contain no credentials."""

from __future__ import annotations

import argparse
import contextlib
import logging
from typing import Any

import pytest
from hypothesis import given, strategies as st
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.typing import Origin

import realtime as r
from realtime.cli import serve
from realtime.rest import ErrorBody, decode_body
from realtime.testing import LoopbackServer, access
from tests.testing.helpers import REQUEST, connect, raw


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def refusal(allowed: list[str] | None = None, **headers: str | list[str]) -> str | None:
    found = Headers()
    for name, values in headers.items():
        for value in [values] if isinstance(values, str) else values:
            found[name] = value
    return access.refusal_of(found, access.check_hosts(allowed or []))


LOCAL = [
    "localhost", "localhost:3000", "LocalHost", "localhost.", "localhost:", "127.0.0.1", "127.0.0.1:80",
    "127.1.2.3:65535", "[::1]", "[::1]:443", "[0:0:0:0:0:0:0:1]",
]  # fmt: skip
FOREIGN = [
    "", "evil.example", "evil.example:80", "127.0.0.1.evil.example", "localhost.evil.example", "evil.example#127.0.0.1",
    "evil.example/127.0.0.1", "127.0.0.1@evil.example", "localhost:80@evil.example", "evil.example?localhost",
    "evil.example\\127.0.0.1", "evil.example\\@localhost", "notlocalhost", "192.168.1.5", "10.0.2.2:8080", "0.0.0.0",
    "[::]", "[fe80::1]", "127.0.0.1:80:evil", "localhost:port", "127.1", "0x7f.1", "2130706433", "local host",
]  # fmt: skip


@pytest.mark.parametrize("host", LOCAL)
@pytest.mark.parametrize("scheme", ["http", "https", "HTTP", "app", "chrome-extension"])
def test_this_machine_is_accepted(host: str, scheme: str) -> None:
    assert refusal(Host=host) is None
    assert refusal(Host="127.0.0.1:8000", Origin=f"{scheme}://{host}") is None


@pytest.mark.parametrize("host", FOREIGN)
def test_other_names_are_refused(host: str) -> None:
    assert refusal(Host=host) is not None
    assert refusal(Host="localhost", Origin=host) is not None
    assert refusal(Host="localhost", Origin=f"https://{host}") is not None


@pytest.mark.parametrize("origin", ["null", "file://", "data:text/html,x", "about:blank"])
def test_pages_without_an_address_are_refused(origin: str) -> None:
    assert refusal(Host="127.0.0.1", Origin=origin) is not None
    assert refusal([origin], Host="127.0.0.1", Origin=origin) is None


@given(st.text(max_size=40))
def test_any_text_is_this_machine_or_refused(text: str) -> None:
    local = ("localhost", "127.", "[", "::1")
    assert (refusal(Host=text) is None) <= any(part in text.lower() for part in local)


def test_every_header_of_a_kind_counts() -> None:
    assert refusal() is None  # no browser omits them
    assert refusal(Host=["localhost", "evil.example"]) is not None
    assert refusal(Host="localhost", Origin=["http://localhost", "http://evil.example"]) is not None


@pytest.mark.parametrize(
    "allowed", ["app.example", "APP.EXAMPLE.", "https://app.example", "app.example:8443"]
)
def test_a_host_can_be_allowed(allowed: str) -> None:
    assert refusal([allowed], Host="app.example:9000", Origin="https://App.Example") is None
    assert refusal([allowed], Host="x.app.example") is not None
    assert refusal([allowed], Host="app.example", Origin="https://evil.example") is not None


@pytest.mark.parametrize("wrong", ["app.example", b"app.example", [1], [None], 5])
def test_hosts_are_a_list_of_names(wrong: Any) -> None:
    with pytest.raises(TypeError):
        LoopbackServer(allowed_hosts=wrong)


# --- On a server ---------------------------------------------------------------------


def test_a_web_page_is_refused_and_learns_how_to_be_allowed() -> None:
    origin = Origin("https://evil.example")
    with LoopbackServer() as server, pytest.raises(InvalidStatus) as refused:
        connect(server.url, origin=origin).__enter__()
    assert refused.value.response.status_code == 403
    assert decode_body(refused.value.response.body, ErrorBody).error.message == (
        "The Origin 'https://evil.example' is not this machine: the server refuses web pages of other sites. "
        "To allow it: LoopbackServer(allowed_hosts=['evil.example']) or "
        "`python -m realtime serve --allow-host evil.example`."
    )
    with LoopbackServer(allowed_hosts=["evil.example"]) as server, connect(server.url, origin=origin) as ws:
        assert r.decode_server(ws.recv(timeout=20)).type == "session.created"


def test_a_rebound_name_is_refused() -> None:
    with LoopbackServer() as server, raw(server, REQUEST.replace(b"127.0.0.1", b"rebound.example")) as client:
        answer = b""
        while part := client.recv(4096):
            answer += part
    assert b"rebound.example" in answer


def test_the_body_has_no_control_characters() -> None:
    refused = refusal(Origin="https://x\x1b[2J\x9b\u202e")
    assert refused is not None
    assert refused.removesuffix("\n").isprintable()
    assert len(refusal(Host="x" * 8000) or "") < 600


# --- Logs ----------------------------------------------------------------------------

SECRETS = ("sk-proj-0123456789abcdef", "plain-azure-secret", "in-the-url", "in-the-protocol", "dXNlcjpwYXNz")
LINES = (
    f"Authorization: Bearer {SECRETS[0]}",
    f"api-key: {SECRETS[1]}",
    f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{SECRETS[3]}",
    f"Proxy-Authorization: Basic {SECRETS[4]}",
)
BROKEN = {
    "accepted": REQUEST,
    "a malformed header": REQUEST.replace(
        b"Upgrade:", b"Authorization: Bearer sk-proj-0123456789abcdef\0\r\nX:"
    ),
    "a malformed line": REQUEST.replace(b"Upgrade:", b"Authorization plain-azure-secret\r\nUpgrade:"),
    "a malformed request": REQUEST.replace(b"HTTP/1.1", b"plain-azure-secret HTTP/1.1"),
    "a malformed protocol": REQUEST.replace(
        b"Upgrade:", b"Sec-WebSocket-Protocol: in-the-protocol,;\r\nUpgrade:"
    ),
    "a malformed key": REQUEST.replace(b"AAAA", b"plain-azure-secret"),
    "another page": REQUEST.replace(b"Upgrade:", b"Origin: https://evil.example\r\nUpgrade:"),
    "another path": REQUEST.replace(b"realtime", b"chat"),
    "no more": REQUEST[:-2],
}


@pytest.mark.parametrize("name", BROKEN)
def test_logs_have_no_credentials(name: str, caplog: pytest.LogCaptureFixture) -> None:
    target, rest = (
        BROKEN[name].replace(b"/v1/realtime ", b"/v1/realtime?api_key=in-the-url ").split(b"\r\n", 1)
    )
    request = b"\r\n".join([target, *map(str.encode, LINES), rest])
    with (
        caplog.at_level(logging.DEBUG),
        LoopbackServer() as server,
        contextlib.suppress(OSError),
        raw(server, b"") as client,
    ):
        client.sendall(request)
        client.settimeout(0.2)
        while client.recv(4096):
            pass
    text = caplog.text + "".join(str(record.__dict__) for record in caplog.records)
    assert "server listening" in text
    assert not [secret for secret in SECRETS if secret in text]


def test_a_malformed_request_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG), LoopbackServer() as server, raw(server, b"") as client:
        client.sendall(b"\x1b[2JSSH\r\n\r\n")
        with contextlib.suppress(OSError):
            while client.recv(4096):
                pass
    (record,) = [record for record in caplog.records if "request" in record.getMessage()]
    assert (record.levelname, record.getMessage()) == ("INFO", "malformed request: RemoteProtocolError")
    assert record.exc_info is None


def test_a_broken_handshake_is_one_line(caplog: pytest.LogCaptureFixture) -> None:
    request = REQUEST.replace(b"Sec-WebSocket-Version: 13", b"Sec-WebSocket-Version: 1\r\nX: sk-proj-secret")
    with caplog.at_level(logging.DEBUG), LoopbackServer() as server, raw(server, request):
        pass
    (record,) = [record for record in caplog.records if "handshake" in record.getMessage()]
    assert (record.levelname, record.getMessage()) == ("INFO", "opening handshake failed: InvalidHeaderValue")
    assert record.exc_info is None


def test_the_command_line_can_allow_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []

    def make(port: int, **settings: Any) -> LoopbackServer:
        made.append(settings)
        raise r.ConfigError("not started")

    monkeypatch.setattr(serve, "LoopbackServer", make)
    parser = argparse.ArgumentParser()
    serve.add_arguments(parser)
    for arguments in ([], ["--allow-host", "a.example", "--allow-host", "null"]):
        with pytest.raises(r.ConfigError):
            serve.run(parser.parse_args(arguments))
    assert [settings["allowed_hosts"] for settings in made] == [[], ["a.example", "null"]]
