"""TLS: the same server behind `ssl`, with certificates by trustme.

Clients here use asyncio. The threaded client of websockets reads and writes a TLS socket in two threads, which
is a data race in CPython and OpenSSL (python/cpython#143756, #151508): about one of 400 handshakes was lost.
"""

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
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

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


async def receive(client: ClientConnection) -> r.ServerEvent:
    async with asyncio.timeout(20):
        return r.decode_server(await client.recv())


def test_a_turn_over_tls(server: LoopbackServer, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    assert server.url == f"wss://127.0.0.1:{server.port}/v1/realtime"
    audio = tone(PCM16, 10_000)

    async def talk() -> list[r.ServerEvent]:
        async with connect(server.url, ssl=contexts[1], max_size=None) as client:
            for event in (formats(), append(audio), COMMIT, RESPOND):
                await client.send(r.encode(event), text=True)
            events = [await receive(client)]
            while events[-1].type != "response.done":
                events.append(await receive(client))
            return events

    assert audio_of(asyncio.run(talk())) == audio


def test_in_the_running_loop(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    async def talk() -> str:
        async with LoopbackServer(ssl=contexts[0]) as server, connect(server.url, ssl=contexts[1]) as client:
            return (await receive(client)).type

    assert asyncio.run(talk()) == "session.created"


def test_a_request_over_tls(server: LoopbackServer, contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    assert server.http_base_url == f"https://127.0.0.1:{server.port}/v1"
    url = f"{server.http_base_url}/realtime/client_secrets"
    with urllib.request.urlopen(urllib.request.Request(url, b"{}"), context=contexts[1]) as response:
        assert json.loads(response.read())["value"].startswith("ek_")


def test_clients_that_do_not_trust_the_certificate(server: LoopbackServer) -> None:
    async def talk() -> None:
        async with connect(server.url):
            pass

    with pytest.raises(ssl.SSLCertVerificationError):
        asyncio.run(talk())


def test_clients_without_tls_get_nothing(
    server: LoopbackServer, contexts: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    async def talk() -> str:
        async with connect(server.url, ssl=contexts[1]) as client:
            return (await receive(client)).type

    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as client:
        client.sendall(b"GET /v1/realtime HTTP/1.1\r\nHost: localhost\r\n\r\n")
        client.recv(1000)
    assert asyncio.run(talk()) == "session.created"


@pytest.mark.parametrize("fault", ["cut_off", "disconnect"])
def test_faults_over_tls(contexts: tuple[ssl.SSLContext, ssl.SSLContext], fault: str) -> None:
    async def talk() -> None:
        async with (
            LoopbackServer(ssl=contexts[0]) as server,
            connect(f"{server.url}?fault={fault}", ssl=contexts[1]) as client,
        ):
            for event in (formats(), append(tone(PCM16, 1000)), COMMIT, RESPOND):
                await client.send(r.encode(event), text=True)
            while True:
                await receive(client)

    with pytest.raises(ConnectionClosed):
        asyncio.run(talk())


@pytest.mark.parametrize("wrong", [True, "cert.pem", ("cert.pem", "key.pem")])
def test_ssl_is_a_context(wrong: Any) -> None:
    with pytest.raises(TypeError, match="SSLContext"):
        LoopbackServer(ssl=wrong)
