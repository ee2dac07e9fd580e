"""TLS: the same server behind `ssl`, with certificates by trustme."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import trustme
from websockets.asyncio.client import connect as async_connect
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

import realtime as r
from realtime.testing import LoopbackServer
from tests.testing.helpers import COMMIT, PCM16, RESPOND, append, audio_of, formats, tone


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="module")
def contexts() -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """The contexts of the server and of a client that trusts it."""
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return server, client


@pytest.fixture
def server(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> Iterator[LoopbackServer]:
    with LoopbackServer(ssl=contexts[0]) as running:
        yield running


def test_a_turn_over_tls(server: LoopbackServer, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    assert server.url == f"wss://127.0.0.1:{server.port}/v1/realtime"
    audio = tone(PCM16, 10_000)
    with connect(server.url, ssl=contexts[1], max_size=None) as client:
        for event in (formats(), append(audio), COMMIT, RESPOND):
            client.send(r.encode(event), text=True)
        events: list[r.ServerEvent] = []
        while not events or events[-1].type != "response.done":
            events.append(r.decode_server(client.recv(timeout=20)))
        assert audio_of(events) == audio


def test_in_the_running_loop(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def talk() -> str:
        async with (
            LoopbackServer(ssl=contexts[0]) as server,
            async_connect(server.url, ssl=contexts[1]) as client,
        ):
            return r.decode_server(await client.recv()).type

    assert asyncio.run(talk()) == "session.created"


def test_a_request_over_tls(server: LoopbackServer, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    assert server.http_base_url == f"https://127.0.0.1:{server.port}/v1"
    url = f"{server.http_base_url}/realtime/client_secrets"
    with urllib.request.urlopen(urllib.request.Request(url, b"{}"), context=contexts[1]) as response:
        assert json.loads(response.read())["value"].startswith("ek_")


def test_clients_that_do_not_trust_the_certificate(server: LoopbackServer) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connect(server.url).__enter__()


def test_clients_without_tls_get_nothing(
    server: LoopbackServer, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(1000)
    with connect(server.url, ssl=contexts[1]) as other:
        assert other.recv(timeout=20)


def receive_all(client: Connection) -> None:
    while True:
        client.recv(timeout=20)


@pytest.mark.parametrize("fault", ["cut_off", "disconnect"])
def test_faults_over_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext], fault: str) -> None:
    with (
        LoopbackServer(ssl=contexts[0]) as server,
        connect(f"{server.url}?fault={fault}", ssl=contexts[1]) as client,
    ):
        for event in (formats(), append(tone(PCM16, 1000)), COMMIT, RESPOND):
            client.send(r.encode(event), text=True)
        with pytest.raises(ConnectionClosed):
            receive_all(client)


@pytest.mark.parametrize("wrong", [True, "cert.pem", ("cert.pem", "key.pem")])
def test_ssl_is_a_context(wrong: Any) -> None:
    with pytest.raises(TypeError, match="SSLContext"):
        LoopbackServer(ssl=wrong)
