"""`realtime.rest`: bodies, paths, and webhooks' signatures, compared with openai-python's."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import pickle
from email import message_from_bytes
from email.message import Message
from typing import Any, cast, get_type_hints

import msgspec
import openai
import pytest
from hypothesis import given, strategies as st
from openai.lib._webhooks import webhook_signature_matches
from openai.types import realtime as sdk, webhooks as sdk_webhooks
from openai.types.realtime import call_accept_params, call_create_params, translations

import realtime
from realtime import ConfigError, DecodeError, EncodeError, rest
from realtime.rest import (
    CallCreate,
    CallRefer,
    CallReject,
    ClientSecret,
    ClientSecretRequest,
    ErrorBody,
    ExpiresAfter,
    LiveCallIncoming,
    LiveTransportConnected,
    LiveTransportIncoming,
    RealtimeCallIncoming,
    TranslationClientSecret,
    TranslationClientSecretRequest,
    TranslationSessionRequest,
    UnknownWebhook,
    Webhook,
    WebhookError,
    decode_body,
    encode_body,
    encode_call_create,
    verify_webhook,
)
from tests.oracle.sdk import samples

# The example of https://github.com/standard-webhooks/standard-webhooks, its signature made with its secret.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
WEBHOOK_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
NOW = 1614265330
BODY = '{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
HEADERS = {"webhook-id": WEBHOOK_ID, "webhook-timestamp": str(NOW), "webhook-signature": SIGNATURE}


def sign(body: bytes, *, secret: str = SECRET, webhook_id: str = WEBHOOK_ID, timestamp: object = NOW) -> str:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{webhook_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


# --- Signatures ----------------------------------------------------------------------


def test_the_published_example() -> None:
    assert sign(BODY.encode()) == SIGNATURE
    verify_webhook(BODY, HEADERS, SECRET, now=NOW)


@pytest.mark.parametrize("body", [BODY, BODY.encode(), bytearray(BODY.encode()), memoryview(BODY.encode())])
@pytest.mark.parametrize(
    "headers",
    [
        HEADERS,
        {name.title(): value for name, value in HEADERS.items()},
        list(HEADERS.items()),
        [(name.encode(), value.encode()) for name, value in HEADERS.items()],
        {**HEADERS, "webhook-signature": f"v1,AAAA v2,zap {SIGNATURE} v1,BBBB"},
        {**HEADERS, "webhook-signature": f"{SIGNATURE} {SIGNATURE}", "host": "x"},
        {**HEADERS, "webhook-id": f" {WEBHOOK_ID} "},
    ],
)
def test_valid_webhooks(body: Any, headers: Any) -> None:
    verify_webhook(body, headers, SECRET, now=NOW)


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        *(({k: v for k, v in HEADERS.items() if k != name}, f"{name} is missing") for name in HEADERS),
        *(({**HEADERS, name: ""}, f"{name} is missing") for name in HEADERS),
        *(([*HEADERS.items(), (name.upper(), "x")], f"{name} was sent twice") for name in HEADERS),
        *(
            ({**HEADERS, "webhook-timestamp": time}, "not a time in seconds")
            for time in ("x", "1.5", "-5", "+5", "1e9", "٣", "9" * 400, f"{NOW}\0")
        ),
        *(
            ({**HEADERS, "webhook-signature": signature}, "no signature of the webhook matches")
            for signature in (
                "v1", "v1,", ",", "v1,AAAA", "v1,\udcff", "é", SIGNATURE.removeprefix("v1,"),
                "v2" + SIGNATURE[2:], "V1" + SIGNATURE[2:], SIGNATURE + "=", SIGNATURE[:-2] + "A=",
                SIGNATURE.replace(",", ", "),
            )
        ),
        ({**HEADERS, "webhook-id": "msg_other"}, "no signature"),
        ({**HEADERS, "webhook-id": "\ud800"}, "no signature"),
        ({**HEADERS, "webhook-timestamp": str(NOW + 1)}, "no signature"),
        ({**HEADERS, "webhook-timestamp": "0" + str(NOW)}, "no signature"),
        ({}, "webhook-id is missing"),
    ],
)  # fmt: skip
def test_refused_webhooks(headers: Any, message: str) -> None:
    with pytest.raises(WebhookError, match=message) as caught:
        verify_webhook(BODY, headers, SECRET, now=NOW)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("age", [0, 1, 299, 300, 300.5, 301, 1e9, -1, -300, -300.5, -301, float("nan")])
def test_the_tolerance_holds_in_both_directions(age: float) -> None:
    if abs(age) <= 300:
        verify_webhook(BODY, HEADERS, SECRET, now=NOW + age)
    else:
        with pytest.raises(WebhookError, match="webhook-timestamp is too"):
            verify_webhook(BODY, HEADERS, SECRET, now=NOW + age)


def test_another_tolerance() -> None:
    verify_webhook(BODY, HEADERS, SECRET, now=NOW + 1000, tolerance_s=1000)
    with pytest.raises(WebhookError, match="10 s, at most 5 s"):
        verify_webhook(BODY, HEADERS, SECRET, now=NOW + 10, tolerance_s=5)


def test_the_default_clock_is_this_machines() -> None:
    with pytest.raises(WebhookError, match="too old"):
        verify_webhook(BODY, HEADERS, SECRET)


def test_a_changed_body() -> None:
    for body in (BODY + " ", BODY[:-1], "", BODY.replace("2", "3")):
        with pytest.raises(WebhookError, match="no signature"):
            verify_webhook(body, HEADERS, SECRET, now=NOW)


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_%%%", "whsec_A"])
def test_a_malformed_secret(secret: str) -> None:
    with pytest.raises(ConfigError, match="webhook secret"):
        verify_webhook(BODY, HEADERS, secret, now=NOW)


def test_a_secret_without_a_prefix_is_the_key() -> None:
    plain = hmac.new(b"plain", f"{WEBHOOK_ID}.{NOW}.{BODY}".encode(), hashlib.sha256).digest()
    headers = {**HEADERS, "webhook-signature": "v1," + base64.b64encode(plain).decode()}
    verify_webhook(BODY, headers, "plain", now=NOW)


@given(body=st.binary(), webhook_id=st.text(min_size=1), offset=st.integers(-400, 400), flip=st.booleans())
def test_same_verdict_as_the_sdk(body: bytes, webhook_id: str, offset: int, flip: bool) -> None:
    text = body.decode("utf-8", "replace")
    webhook_id = webhook_id.encode("utf-8", "replace").decode().strip() or "x"
    signature = sign(text.encode(), webhook_id=webhook_id, timestamp=NOW)
    if flip:
        signature = signature[:5] + ("A" if signature[5] != "A" else "B") + signature[6:]
    headers = {**HEADERS, "webhook-id": webhook_id, "webhook-signature": signature}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("openai.lib._webhooks.time.time", lambda: NOW + offset)
        try:
            expected = webhook_signature_matches(text, headers, secret=SECRET, tolerance=300)
        except openai.InvalidWebhookSignatureError:
            expected = False
    if expected:
        verify_webhook(text, headers, SECRET, now=NOW + offset)
    else:
        with pytest.raises(WebhookError):
            verify_webhook(text, headers, SECRET, now=NOW + offset)


# --- Webhooks' bodies ----------------------------------------------------------------

WEBHOOKS: dict[Any, Any] = {
    RealtimeCallIncoming: sdk_webhooks.RealtimeCallIncomingWebhookEvent,
    LiveTransportIncoming: sdk_webhooks.LiveTransportIncomingWebhookEvent,
    LiveCallIncoming: sdk_webhooks.LiveCallIncomingWebhookEvent,
    LiveTransportConnected: sdk_webhooks.LiveTransportConnectedWebhookEvent,
}
RESPONSES: dict[Any, Any] = {
    ClientSecret: sdk.ClientSecretCreateResponse,
    TranslationClientSecret: sdk.RealtimeTranslationClientSecretCreateResponse,
}
REQUESTS: dict[Any, Any] = {
    ClientSecretRequest: sdk.ClientSecretCreateParams,
    TranslationClientSecretRequest: translations.ClientSecretCreateParams,
    TranslationSessionRequest: sdk.RealtimeTranslationSessionCreateRequestParam,
    ExpiresAfter: sdk.client_secret_create_params.ExpiresAfter,
    CallCreate: call_create_params.CallCreateParams,
    CallRefer: sdk.CallReferParams,
    CallReject: sdk.CallRejectParams,
    rest.RealtimeSession: call_accept_params.CallAcceptParams,
}


@pytest.mark.parametrize(("struct", "model"), [*WEBHOOKS.items(), *RESPONSES.items()])
def test_every_member_of_the_sdks_models(struct: Any, model: Any) -> None:
    for wire in samples(model):
        decoded = decode_body(json.dumps(wire), struct)
        assert type(decoded) is struct
        again = json.loads(encode_body(decoded))
        assert _without_nulls(again) == _without_nulls(wire)
        if struct in WEBHOOKS:
            assert decode_body(json.dumps(wire), Webhook) == decoded


def _is_off(value: Any) -> bool:
    """Return True for a turn detection whose type is null, as a value of the SDK's model may be."""
    return isinstance(value, dict) and "type" in value and value["type"] is None


def _without_nulls(wire: Any) -> Any:
    if isinstance(wire, dict):
        return {
            key: _without_nulls(value)
            for key, value in wire.items()
            if not (value is None or value == [] or _is_off(value))
        }
    return [_without_nulls(item) for item in wire] if isinstance(wire, list) else wire


@pytest.mark.parametrize(("struct", "params"), REQUESTS.items())
def test_every_member_of_the_sdks_requests(struct: Any, params: Any) -> None:
    members = {field.encode_name for field in msgspec.structs.fields(struct)}
    if struct.__struct_config__.tag:
        members.add("type")
    assert members == set(get_type_hints(params))


def test_an_unknown_webhook() -> None:
    frame = b'{"id": "e", "type": "response.completed", "data": {"id": "resp"}}'
    assert decode_body(frame, Webhook) == UnknownWebhook("response.completed", frame)
    with pytest.raises(DecodeError, match="the type is 'response\\.completed'") as caught:
        decode_body(frame, RealtimeCallIncoming)
    assert caught.value.path == "$.type"
    assert caught.value.expected == "realtime.call.incoming"


@pytest.mark.parametrize(
    ("data", "path"),
    [
        (b"", "$"),
        (b" ", "$"),
        (b"[]", "$"),
        (b"null", "$"),
        (b"\xff", "$"),
        (b'{"id":"e","type":"realtime.call.incoming"', "$"),
        (b'{"id":"e","type":"realtime.call.incoming"}', "$"),
        (b'{"id":"e","type":"realtime.call.incoming","data":{}}', "$.data"),
        (b'{"id":"e","type":"realtime.call.incoming","data":{"call_id":4}}', "$.data.call_id"),
        (b'{"id":"e","type":"realtime.call.incoming","x":' + b"[" * 100_000, "$"),
    ],
)
@pytest.mark.parametrize("container", [bytes, bytearray, memoryview])
def test_malformed_bodies(data: bytes, path: str, container: Any) -> None:
    with pytest.raises(DecodeError) as caught:
        decode_body(container(data), RealtimeCallIncoming)
    assert caught.value.path == path


@given(st.binary() | st.text() | st.recursive(st.none() | st.text(), lambda x: st.lists(x)).map(json.dumps))
def test_hostile_bodies_raise_decode_error_or_nothing(data: Any) -> None:
    for target in (Webhook, RealtimeCallIncoming, ClientSecret, ErrorBody):
        try:
            decode_body(data, target)
        except DecodeError as error:
            assert len(str(error)) < 500


def test_a_body_of_a_wrong_kind() -> None:
    mapping: Any = {}
    with pytest.raises(TypeError):
        decode_body(ANY, ClientSecret)
    with pytest.raises(TypeError, match="not a dict"):
        encode_body(mapping)


ANY: Any = 3
NO_JSON: Any = object()


# --- Requests ------------------------------------------------------------------------


def test_a_client_secret() -> None:
    request = ClientSecretRequest(
        expires_after=ExpiresAfter(seconds=60), session=realtime.RealtimeSession(model="gpt-realtime-2")
    )
    assert json.loads(encode_body(request)) == {
        "expires_after": {"seconds": 60},
        "session": {"type": "realtime", "model": "gpt-realtime-2"},
    }
    assert encode_body(ClientSecretRequest()) == b"{}"


def test_the_value_of_a_secret_is_not_printed() -> None:
    for secret in (
        ClientSecret(value="ek_very_secret", expires_at=1),
        TranslationClientSecret(value="ek_very_secret", expires_at=1),
    ):
        assert "ek_very" not in repr(secret)
        assert "expires_at=1" in repr(secret)
        assert secret.value == "ek_very_secret"
        assert pickle.loads(pickle.dumps(secret)) == copy.deepcopy(secret) == secret


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (CallRefer(target_uri=ANY), r"Expected `str`, got `int` at `\$\.target_uri` in 'CallRefer'"),
        (ClientSecretRequest(session=realtime.RealtimeSession(tools=ANY)), r"`\$\.session\.tools`"),
        (realtime.RealtimeSession(max_output_tokens=ANY / 2), r"`\$\.max_output_tokens`"),
        (CallReject(status_code=NO_JSON), "cannot encode"),
    ],
)
def test_a_request_with_a_wrong_value(body: Any, message: str) -> None:
    with pytest.raises(EncodeError, match=message):
        encode_body(body)


def test_an_offer_is_a_form_of_two_parts() -> None:
    session = realtime.create_session_config("gpt-realtime-2")
    body, content_type = encode_call_create(CallCreate(sdp="v=0\r\no=- é\r\n", session=session))
    form = message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + body)
    assert form.get_content_type() == "multipart/form-data"
    sdp, settings = cast(list[Message], form.get_payload())
    assert sdp.get_content_type() == "application/sdp"
    assert sdp.get_param("name", header="content-disposition") == "sdp"
    assert cast(bytes, sdp.get_payload(decode=True)).decode() == "v=0\r\no=- é\r\n"
    assert settings.get_content_type() == "application/json"
    assert settings.get_param("name", header="content-disposition") == "session"
    assert settings.get_payload(decode=True) == encode_body(session)
    body, _ = encode_call_create(CallCreate(sdp="v=0"))
    assert b"session" not in body


# --- Paths ---------------------------------------------------------------------------


def test_paths_of_a_call() -> None:
    assert rest.call_path("rtc_1", "accept") == "/v1/realtime/calls/rtc_1/accept"
    assert rest.call_path("a/../b?c", "hangup") == "/v1/realtime/calls/a%2F..%2Fb%3Fc/hangup"
    with pytest.raises(ConfigError):
        rest.call_path("", "accept")


@pytest.mark.parametrize(
    "location",
    ["/v1/realtime/calls/rtc_1", "https://api.openai.com/v1/realtime/calls/rtc_1?x=1", "/calls/rtc_1/"],
)
def test_the_id_of_a_call_that_was_created(location: str) -> None:
    assert rest.call_id_of(location) == "rtc_1"


@pytest.mark.parametrize(
    "location", ["", "/", "rtc_1", "/v1/realtime/calls", "/v1/realtime/calls/", "/x/rtc_1"]
)
def test_a_location_that_is_no_calls(location: str) -> None:
    with pytest.raises(DecodeError, match="not the location of a call"):
        rest.call_id_of(location)
