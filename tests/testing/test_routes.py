"""Routes of the server: the session for a path, a query, headers and subprotocols."""

from __future__ import annotations

import time
from typing import Any

import pytest
from websockets.datastructures import Headers
from websockets.exceptions import InvalidStatus
from websockets.http11 import Request
from websockets.typing import Subprotocol

import realtime as r
from realtime import beta, live, translation
from realtime.testing import LoopbackServer, faults
from realtime.testing.http import HttpRequest
from realtime.testing.server import ConnectionRequest, parse_request
from tests.testing.helpers import connect


def parse(path: str, **headers: str) -> ConnectionRequest:
    found = Headers({name.replace("_", "-"): value for name, value in headers.items()})
    return parse_request(HttpRequest.of(Request(path, found)))


@pytest.mark.parametrize(
    ("path", "headers", "dialect", "model", "session_type"),
    [
        ("/v1/realtime", {}, "ga", "gpt-realtime-2", "realtime"),
        ("/v1/realtime?model=gpt-realtime-2", {}, "ga", "gpt-realtime-2", "realtime"),
        ("/v1/realtime/?intent=transcription", {}, "ga", "gpt-realtime-2", "transcription"),
        ("/any/where/realtime", {}, "ga", "gpt-realtime-2", "realtime"),
        ("/openai/v1/realtime?model=m", {}, "ga", "m", "realtime"),
        ("/v1/realtime?model=m", {"OpenAI_Beta": "realtime=v1"}, "beta", "m", "realtime"),
        (
            "/v1/realtime",
            {"OpenAI_Beta": "assistants=v2, realtime=v1"},
            "beta",
            "gpt-4o-realtime-preview",
            "realtime",
        ),
        ("/v1/realtime", {"OpenAI_Beta": "assistants=v2"}, "ga", "gpt-realtime-2", "realtime"),
        (
            "/v1/realtime?intent=transcription",
            {"Sec_WebSocket_Protocol": "realtime, openai-insecure-api-key.x, openai-beta.realtime-v1"},
            "beta",
            "gpt-4o-realtime-preview",
            "transcription",
        ),
        ("/openai/realtime?api-version=2025-04-01-preview&deployment=d", {}, "beta", "d", "realtime"),
        ("/v1/realtime/translations", {}, "translation", "gpt-realtime-translate", "realtime"),
        ("/v1/realtime/translations?model=t", {}, "translation", "t", "realtime"),
        ("/v1/live/sessions", {}, "live", "gpt-live-1", "realtime"),
        ("/openai/v1/live/sessions", {}, "live", "gpt-live-1", "realtime"),
        ("/openai/v1/live", {}, "live", "gpt-live-1", "realtime"),
        ("/v1/live/sessions/s_1/attach", {}, "live", "gpt-live-1", "realtime"),
    ],
)
def test_the_request_selects_the_session(
    path: str, headers: dict[str, str], dialect: str, model: str, session_type: str
) -> None:
    found = parse(path, **headers)
    assert (found.dialect, found.model, found.session_type, found.faults) == (
        dialect,
        model,
        session_type,
        (),
    )


@pytest.mark.parametrize(
    ("path", "action", "session_id"),
    [
        ("/v1/live/sessions", "start", ""),
        ("/v1/live/sessions/sess_1/attach?graceful_close=true", "attach", "sess_1"),
        ("/openai/v1/live/sessions/a%20b/fork/", "fork", "a b"),
    ],
)
def test_the_path_of_a_live_session(path: str, action: str, session_id: str) -> None:
    found = parse(path)
    assert (found.live_action, found.live_id) == (action, session_id)


def test_the_url_may_name_faults() -> None:
    assert parse("/v1/realtime?fault=cut_off&fault=big_frame").faults == (faults.CutOff(), faults.BigFrame())


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1/chat",
        "/v1/realtime/else",
        "/v1/notrealtime.html",
        "/v1/live",
        "/v1/live/sessions/x",
        "/v1/live/sessions/x/y",
    ],
)
def test_other_paths_raise(path: str) -> None:
    with pytest.raises(LookupError):
        parse(path)


# --- On a server ---------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


def first(url: str, decode: Any, **options: Any) -> Any:
    with connect(url, **options) as client:
        return decode(client.recv(timeout=20))


def test_one_server_speaks_every_dialect() -> None:
    with LoopbackServer() as server:
        assert isinstance(first(server.url, r.decode_server).session, r.RealtimeSessionInfo)
        events = first(f"{server.url}?intent=transcription", r.decode_server)
        assert isinstance(events.session, r.TranscriptionSessionInfo)
        old = first(server.url, beta.decode_server, additional_headers={"OpenAI-Beta": "realtime=v1"})
        assert old.session.modalities == ["audio", "text"]
        other = first(f"{server.url}/translations", translation.decode_server)
        assert other.session.type == "translation"


def test_a_browser_can_select_beta_by_subprotocol() -> None:
    offered = [Subprotocol("realtime"), Subprotocol("openai-beta.realtime-v1")]
    with LoopbackServer() as server, connect(server.url, subprotocols=offered) as client:
        assert client.subprotocol == "realtime"
        assert beta.decode_server(client.recv(timeout=20)).session.input_audio_format == "pcm16"


@pytest.mark.parametrize("pace", [None, 50])
def test_a_live_session_closes_on_request(pace: float | None) -> None:
    with LoopbackServer(pace=pace) as server, connect(server.live_url) as client:
        start = live.SessionStart(session=live.LiveSession(model="gpt-live-1"))
        client.send(live.encode(start), text=True)
        started = live.decode_server(client.recv(timeout=20))
        assert isinstance(started, live.SessionStarted)
        assert (started.session.expires_at or 0) > time.time() + 7000
        client.send(live.encode_append(bytes(48_000)), text=True)
        assert len([client.recv(timeout=20) for _ in range(10)]) == 10
        client.send(live.encode(live.SessionClose()), text=True)
        (closed,) = client
        assert live.decode_server(closed).type == "session.closed"
        assert client.close_code == 1000


@pytest.mark.parametrize("pace", [None, 50])
def test_a_translation_session_closes_on_request(pace: float | None) -> None:
    with LoopbackServer(pace=pace) as server, connect(f"{server.url}/translations") as client:
        client.send(translation.encode_append(bytes(48_000)), text=True)
        client.send(translation.encode(translation.SessionClose()), text=True)
        events = [translation.decode_server(frame) for frame in client]
        assert events[-1].type == "session.closed"
        assert (
            sum(len(e.delta) for e in events if isinstance(e, translation.SessionOutputAudioDelta)) == 48_000
        )
        assert client.close_code == 1000


def test_an_unknown_fault_is_a_bad_request() -> None:
    with LoopbackServer() as server, pytest.raises(InvalidStatus) as refused:
        connect(f"{server.url}?fault=gremlin").__enter__()
    assert refused.value.response.status_code == 400
    assert b"unknown fault 'gremlin'" in refused.value.response.body
