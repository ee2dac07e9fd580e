"""Client secrets, calls and their sidebands, over HTTP as a client sends them."""

from __future__ import annotations

import http.client
import json
import time
from typing import Any
from urllib.parse import quote

import pytest
from openai import OpenAI, OpenAIError
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.connection import Connection
from websockets.typing import Subprotocol

import realtime as r
from realtime import rest
from realtime.testing import LoopbackServer, calls
from tests.testing.helpers import connect

WEBHOOK_SECRET = "whsec_bG9vcGJhY2s="
OFFER = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111 0\r\na=mid:0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
SESSION = {"type": "realtime", "model": "gpt-realtime-2", "instructions": "Be brief."}


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.fixture(scope="module")
def server() -> Any:
    with LoopbackServer() as running:
        yield running


def post(
    server: LoopbackServer, path: str, body: bytes | dict[str, Any] = b"", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    client.request("POST", path, data, {name.replace("_", "-"): value for name, value in headers.items()})
    response = client.getresponse()
    answer = response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    client.close()
    return answer


def error(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str | None, str | None, str]:
    found = rest.decode_body(answer[2], rest.ErrorBody).error
    return answer[0], found.code, found.param, found.message


def new_secret(server: LoopbackServer, body: dict[str, Any] | None = None) -> rest.ClientSecret:
    status, _, answer = post(server, rest.CLIENT_SECRETS_PATH, body or {})
    assert status == 200
    return rest.decode_body(answer, rest.ClientSecret)


def first(client: Connection) -> Any:
    event = r.decode_server(client.recv(timeout=20))
    assert isinstance(event, r.SessionCreated)
    return event.session


def refused(url: str, **options: Any) -> tuple[int, str | None, str | None, str]:
    with pytest.raises(InvalidStatus) as refusal:
        connect(url, **options).__enter__()
    response = refusal.value.response
    assert response.headers["Content-Type"] == "application/json"
    return error((response.status_code, {}, response.body))


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


# --- Client secrets ------------------------------------------------------------------


def test_a_client_secret_carries_its_session(server: LoopbackServer) -> None:
    secret = new_secret(
        server, {"session": SESSION, "expires_after": {"anchor": "created_at", "seconds": 60}}
    )
    assert secret.value.startswith("ek_")
    assert 50 < secret.expires_at - time.time() <= 61
    assert isinstance(secret.session, r.RealtimeSessionInfo)
    assert secret.session.instructions == "Be brief."
    url = f"{server.url}?model=another"
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{secret.value}")]
    keys: list[dict[str, Any]] = [{"additional_headers": bearer(secret.value)}, {"subprotocols": offered}]
    for options in keys:
        with connect(url, **options) as client:
            session = first(client)
            assert (session.instructions, session.model, session.id) == (
                "Be brief.",
                "gpt-realtime-2",
                secret.session.id,
            )
    with connect(server.url, additional_headers=bearer("ek_other")) as client:
        assert first(client).instructions == ""


def test_the_defaults_of_a_client_secret(server: LoopbackServer) -> None:
    for body in (b"", b"{}"):
        status, _, answer = post(server, rest.CLIENT_SECRETS_PATH, body)
        secret = rest.decode_body(answer, rest.ClientSecret)
        assert (status, secret.session.model) == (200, "gpt-realtime-2")
        assert 590 < secret.expires_at - time.time() <= 601


def test_a_secret_of_a_transcription_session(server: LoopbackServer) -> None:
    secret = new_secret(server, {"session": {"type": "transcription"}})
    with connect(server.url, additional_headers=bearer(secret.value)) as client:
        assert isinstance(first(client), r.TranscriptionSessionInfo)


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        (b"{", "invalid_json", None),
        (b"\xff", "invalid_json", None),
        (b"[" * 100_000, "invalid_json", None),
        (b"[]", "invalid_json", None),
        (b'{"model":"gpt-realtime"}', "unknown_parameter", "model"),
        (b'{"session":{"type":"realtime","audio":{"input":{"format":{"type":"audio/mp3"}}}}}', "invalid_value", "session.audio.input.format.type"),
        (b'{"session":{"type":"realtime","audio":{"output":{"speed":9}}}}', "invalid_value", "session.audio.output.speed"),
        (b'{"expires_after":{"seconds":9}}', "integer_below_min_value", "expires_after.seconds"),
        (b'{"expires_after":{"seconds":7201}}', "integer_above_max_value", "expires_after.seconds"),
    ],
)  # fmt: skip
def test_bodies_that_are_refused(server: LoopbackServer, body: bytes, code: str, param: str | None) -> None:
    status, *found, message = error(post(server, rest.CLIENT_SECRETS_PATH, body))
    assert (status, found) == (400, [code, param])
    assert message.isprintable()


@pytest.mark.parametrize("seconds", [10, 7200])
def test_the_limits_of_a_lifetime(server: LoopbackServer, seconds: int) -> None:
    assert new_secret(server, {"expires_after": {"seconds": seconds}}).expires_at >= time.time() + seconds - 2


# --- Keys ----------------------------------------------------------------------------


def test_keys_are_required_if_the_server_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    with LoopbackServer(api_key="sk-right") as server:
        for headers in ({}, bearer("sk-wrong"), bearer("ek_unknown")):
            status, code, _, message = refused(server.url, additional_headers=headers)
            assert (status, code) == (401, "invalid_api_key" if headers else None)
            assert "sk-wrong" not in message
            answer = post(server, rest.CLIENT_SECRETS_PATH, {}, **headers)
            assert error(answer)[:2] == (status, code)
        with connect(server.url, additional_headers=bearer("sk-right")):
            pass
        with connect(server.url, additional_headers={"api-key": "sk-right"}):
            pass
        _, _, body = post(server, rest.CLIENT_SECRETS_PATH, {"session": SESSION}, **bearer("sk-right"))
        secret = rest.decode_body(body, rest.ClientSecret)
        with connect(server.url, additional_headers=bearer(secret.value)) as client:
            assert first(client).instructions == "Be brief."
        monkeypatch.setattr(time, "time", lambda: secret.expires_at + 1.0)
        status, code, _, message = refused(server.url, additional_headers=bearer(secret.value))
        assert (status, code) == (401, "invalid_api_key")
        assert "expired" in message


@pytest.mark.parametrize("key", [5, b"sk"])
def test_a_key_is_a_str(key: Any) -> None:
    with pytest.raises(TypeError):
        LoopbackServer(api_key=key)


def test_old_secrets_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_SECRETS", 2)
    with LoopbackServer(api_key="sk") as server:
        made = [post(server, rest.CLIENT_SECRETS_PATH, {}, **bearer("sk"))[2] for _ in range(3)]
        values = [rest.decode_body(body, rest.ClientSecret).value for body in made]
        assert refused(server.url, additional_headers=bearer(values[0]))[0] == 401
        with connect(server.url, additional_headers=bearer(values[1])):
            pass


# --- SIP calls -----------------------------------------------------------------------


def test_an_incoming_call_is_a_webhook(server: LoopbackServer) -> None:
    call = server.incoming_call(WEBHOOK_SECRET, sip_headers={"From": "sip:+1@example.com"})
    rest.verify_webhook(call.body, call.headers, WEBHOOK_SECRET)
    with pytest.raises(rest.WebhookError):
        rest.verify_webhook(call.body + b" ", call.headers, WEBHOOK_SECRET)
    event = rest.decode_body(call.body, rest.Webhook)
    assert isinstance(event, rest.RealtimeCallIncoming)
    assert (event.data.call_id, call.status) == (call.call_id, "incoming")
    assert event.data.sip_headers == [rest.SipHeader(name="From", value="sip:+1@example.com")]
    assert event.data.call_id != server.incoming_call(WEBHOOK_SECRET).call_id
    with pytest.raises(r.ConfigError):
        server.incoming_call("")


def test_the_official_client_unwraps_the_webhook(server: LoopbackServer) -> None:
    call = server.incoming_call(WEBHOOK_SECRET)
    client = OpenAI(api_key="any", webhook_secret=WEBHOOK_SECRET)
    event = client.webhooks.unwrap(call.body, dict(call.headers))
    assert event.type == "realtime.call.incoming"
    assert event.data.call_id == call.call_id


def test_a_call_from_accept_to_hang_up(server: LoopbackServer) -> None:
    call = server.incoming_call(WEBHOOK_SECRET)
    url = f"{server.url}?call_id={call.call_id}"
    assert refused(url) == (404, "call_id_not_found", None, "No session found for the provided call_id")
    status, headers, body = post(server, rest.call_path(call.call_id, "accept"), SESSION)
    assert (status, headers["content-length"], body) == (200, "0", b"")
    assert call.status == "accepted"
    assert isinstance(call.session, r.RealtimeSessionInfo)
    with connect(url) as one, connect(url) as two, connect(server.url) as other:
        for client in (one, two):
            session = first(client)
            assert (session.instructions, session.id) == ("Be brief.", call.session.id)
        first(other)
        assert post(server, rest.call_path(call.call_id, "hangup"))[0] == 200
        for client in (one, two):
            with pytest.raises(ConnectionClosed) as closed:
                client.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1000
        other.send(r.encode(r.InputAudioBufferClear()), text=True)
        assert other.recv(timeout=20)
    assert refused(url)[0] == 404


def test_a_call_can_be_rejected_or_transferred(server: LoopbackServer) -> None:
    for body, sip_status in ((b"", 603), (b'{"status_code":486}', 486)):
        call = server.incoming_call(WEBHOOK_SECRET)
        assert post(server, rest.call_path(call.call_id, "reject"), body)[0] == 200
        assert (call.status, call.sip_status) == ("rejected", sip_status)
    call = server.incoming_call(WEBHOOK_SECRET)
    post(server, rest.call_path(call.call_id, "accept"), SESSION)
    assert post(server, rest.call_path(call.call_id, "refer"), {"target_uri": "tel:+1"})[0] == 200
    assert (call.status, call.referred_to) == ("ended", "tel:+1")


STATES: dict[str, list[tuple[str, dict[str, Any]]]] = {
    "unknown": [],
    "incoming": [],
    "accepted": [("accept", SESSION)],
    "rejected": [("reject", {})],
    "ended": [("accept", SESSION), ("hangup", {})],
}
ALLOWED = {("incoming", "accept"), ("incoming", "reject"), ("accepted", "refer"), ("accepted", "hangup")}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("action", ["accept", "reject", "refer", "hangup"])
def test_actions_need_a_call_of_the_right_status(server: LoopbackServer, state: str, action: Any) -> None:
    call_id = "rtc_é/1" if state == "unknown" else server.incoming_call(WEBHOOK_SECRET).call_id
    for before, body in STATES[state]:
        assert post(server, rest.call_path(call_id, before), body)[0] == 200  # type: ignore[arg-type]
    body = {"accept": SESSION, "refer": {"target_uri": "tel:+1"}}.get(action, {})
    answer = post(server, rest.call_path(call_id, action), body)
    if (state, action) in ALLOWED:
        assert answer[0] == 200
    else:
        assert error(answer) == (404, "call_id_not_found", None, "No session found for the provided call_id")


@pytest.mark.parametrize(
    ("action", "body", "code", "param"),
    [
        ("accept", b"", "invalid_json", None),
        (
            "accept",
            b'{"type":"realtime","audio":{"output":{"speed":9}}}',
            "invalid_value",
            "audio.output.speed",
        ),
        ("reject", b'{"status":486}', "unknown_parameter", "status"),
        ("refer", b"{}", "missing_required_parameter", "target_uri"),
        ("refer", b'{"target_uri":"tel:+1","to":1}', "unknown_parameter", "to"),
        ("refer", b"null", "invalid_json", None),
    ],
)
def test_a_refused_action_changes_nothing(
    server: LoopbackServer, action: Any, body: bytes, code: str, param: str | None
) -> None:
    call = server.incoming_call(WEBHOOK_SECRET)
    if action == "refer":
        post(server, rest.call_path(call.call_id, "accept"), SESSION)
    before = call.status
    status, *found, message = error(post(server, rest.call_path(call.call_id, action), body))
    assert (status, found, call.status) == (400, [code, param], before)
    assert "session." not in message


def test_members_of_the_wrong_type_are_named(server: LoopbackServer) -> None:
    status, code, param, _ = error(
        post(server, rest.CLIENT_SECRETS_PATH, b'{"expires_after":{"seconds":"60"}}')
    )
    assert (status, param) == (400, "expires_after.seconds")
    assert (code or "").startswith("invalid_")
    path = rest.call_path(server.incoming_call(WEBHOOK_SECRET).call_id, "reject")
    assert error(post(server, path, b'{"status_code":"busy"}'))[2] == "status_code"


# --- WebRTC calls --------------------------------------------------------------------


def test_an_offer_is_answered_without_media(server: LoopbackServer) -> None:
    call = rest.CallCreate(sdp=OFFER, session=r.RealtimeSession(instructions="Be brief."))
    body, content_type = rest.encode_call_create(call)
    status, headers, answer = post(server, rest.CALLS_PATH, body, Content_Type=content_type)
    assert (status, headers["content-type"]) == (201, "application/sdp")
    assert answer.decode().split("\r\n") == [
        "v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=-", "t=0 0", "m=audio 0 UDP/TLS/RTP/SAVPF 111 0",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel", "",
    ]  # fmt: skip
    call_id = rest.call_id_of(headers["location"])
    with connect(f"{server.url}?call_id={call_id}") as client:
        assert first(client).instructions == "Be brief."
        assert post(server, rest.call_path(call_id, "hangup"))[0] == 200
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=20)


def test_an_offer_of_a_browser_with_a_client_secret(server: LoopbackServer) -> None:
    secret = new_secret(server, {"session": SESSION})
    headers = {"Content_Type": "application/sdp", **bearer(secret.value)}
    _, answer, _ = post(server, rest.CALLS_PATH, OFFER.encode(), **headers)
    with connect(f"{server.url}?call_id={rest.call_id_of(answer['location'])}") as client:
        assert first(client).instructions == "Be brief."


def form(*parts: tuple[str, str]) -> bytes:
    return b"".join(
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'.encode()
        for name, text in parts
    )


@pytest.mark.parametrize(
    ("content_type", "body", "code", "param"),
    [
        ("application/json", b"{}", "invalid_offer", "sdp"),
        ("", b"", "invalid_offer", "sdp"),
        ("application/sdp", b"", "invalid_offer", "sdp"),
        ("application/sdp", b"v=0\r\n", "invalid_offer", "sdp"),
        ("application/sdp", b"v=0\r\nm=audio\r\n", "invalid_offer", "sdp"),
        ("multipart/form-data", form(("sdp", OFFER)), "invalid_offer", "sdp"),
        ("multipart/form-data; boundary=b", b"", "missing_required_parameter", "sdp"),
        ("multipart/form-data; boundary=b", b"--b--", "missing_required_parameter", "sdp"),
        ("multipart/form-data; boundary=b", form(("sdp", OFFER), ("model", "m")), "unknown_parameter", "model"),
        ("multipart/form-data; boundary=b", form(("sdp", OFFER), ("session", "{")), "invalid_json", None),
        ("multipart/form-data; boundary=b", form(("sdp", OFFER), ("session", '{"type":"realtime","audio":{"output":{"speed":9}}}')), "invalid_value", "session.audio.output.speed"),
    ],
)  # fmt: skip
def test_offers_that_are_refused(
    server: LoopbackServer, content_type: str, body: bytes, code: str, param: str | None
) -> None:
    status, *found, _ = error(post(server, rest.CALLS_PATH, body, Content_Type=content_type))
    assert (status, found) == (400, [code, param])


def test_old_calls_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calls, "MAX_CALLS", 1)
    with LoopbackServer() as server:
        old, new = server.incoming_call(WEBHOOK_SECRET), server.incoming_call(WEBHOOK_SECRET)
        assert post(server, rest.call_path(old.call_id, "accept"), SESSION)[0] == 404
        assert post(server, rest.call_path(new.call_id, "accept"), SESSION)[0] == 200


# --- The official client -------------------------------------------------------------


def test_the_official_client_runs_a_call(server: LoopbackServer) -> None:
    client = OpenAI(api_key="any", base_url=server.http_base_url, websocket_base_url=server.base_url)
    call = server.incoming_call(WEBHOOK_SECRET)
    client.realtime.calls.accept(call.call_id, type="realtime", instructions="Be brief.")
    with client.realtime.connect(call_id=call.call_id) as connection:
        assert connection.recv().session.instructions == "Be brief."
        client.realtime.calls.hangup(call.call_id)
    assert call.status == "ended"
    with pytest.raises(OpenAIError, match="No session found"):
        client.realtime.calls.hangup(call.call_id)
    secret = client.realtime.client_secrets.create(session={"type": "realtime", "instructions": "Hi."})
    browser = OpenAI(api_key=secret.value, websocket_base_url=server.base_url)
    with browser.realtime.connect(model="gpt-realtime-2") as connection:
        assert connection.recv().session.instructions == "Hi."


def test_a_call_id_in_a_url_is_decoded(server: LoopbackServer) -> None:
    assert refused(f"{server.url}?call_id={quote('é/?')}")[:2] == (404, "call_id_not_found")
