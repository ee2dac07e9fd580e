"""Connections of one Live session on the server: the primary, sidebands and forks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.connection import Connection

from realtime import live
from realtime.testing import LoopbackServer
from tests.testing.helpers import connect

CLOSE = live.SessionClose()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(params=[None, 50])
def server(request: pytest.FixtureRequest) -> Iterator[LoopbackServer]:
    with LoopbackServer(pace=request.param) as running:
        yield running


def send(client: Connection, *events: live.ClientEvent) -> None:
    for event in events:
        client.send(live.encode(event), text=True)


def receive(client: Connection) -> Any:
    return live.decode_server(client.recv(timeout=20))


def start(client: Connection, **settings: Any) -> live.LiveSessionInfo:
    """Start a session. Returns it as the server reports it."""
    send(client, live.SessionStart(session=live.LiveSession(**settings)))
    started = receive(client)
    assert isinstance(started, live.SessionStarted)
    return started.session


def types(client: Connection) -> list[str]:
    return [live.decode_server(frame).type for frame in client]


def test_a_sideband_observes_and_closes_the_session(server: LoopbackServer) -> None:
    with connect(server.live_url) as primary:
        session = start(primary, model="gpt-live-1")
        with connect(f"{server.live_url}/{session.id}/attach?graceful_close=true") as sideband:
            send(primary, live.SessionInputAudioAppend(audio=bytes(9600)))
            assert [receive(sideband).type for _ in range(3)] == [
                "session.input_audio.append",
                "session.output_audio.delta",
                "session.output_audio.delta",
            ]
            send(sideband, live.SessionInputAudioMute())
            assert receive(sideband).type == "session.input_audio.muted"
            send(sideband, CLOSE)
            assert types(sideband) == ["session.closed"]
        assert types(primary)[2:] == ["session.input_audio.muted", "session.closed"]
        assert primary.close_code == 1000


def test_a_sideband_receives_the_end_of_a_lost_connection(server: LoopbackServer) -> None:
    with connect(server.live_url) as primary:
        session = start(primary, model="gpt-live-1")
        with connect(f"{server.live_url}/{session.id}/attach") as sideband:
            primary.close()
            closed = receive(sideband)
            assert (closed.type, closed.reason) == ("session.closed", "connection_lost")


def test_a_stored_session_can_be_forked(server: LoopbackServer) -> None:
    with connect(server.live_url) as client:
        origin = start(client, model="gpt-live-1", instructions="Be brief.", store=True)
        send(client, CLOSE)
        assert types(client) == ["session.closed"]
    with connect(f"{server.live_url}/{origin.id}/fork") as client:
        fork = start(client)
        assert fork.id != origin.id
        assert fork.instructions == "Be brief."


@pytest.mark.parametrize("store", [False, None])
@pytest.mark.parametrize("action", ["attach", "fork"])
def test_other_sessions_are_not_found(server: LoopbackServer, action: str, store: bool | None) -> None:
    with connect(server.live_url) as client:
        ended = start(client, model="gpt-live-1", **({} if store is None else {"store": store}))
        send(client, CLOSE)
        assert types(client) == ["session.closed"]
    for session_id in (ended.id, "sess_unknown"):
        with pytest.raises(InvalidStatus) as refused:
            connect(f"{server.live_url}/{session_id}/{action}").__enter__()
        assert refused.value.response.status_code == 404
        assert b"session_not_found" in refused.value.response.body


def test_a_provider_has_live_sessions_of_openai() -> None:
    with LoopbackServer(provider="azure") as server, connect(server.live_url) as client:
        assert start(client, model="gpt-live-1").model == "gpt-live-1"
