"""HTTP around a session: client secrets, SIP and WebRTC calls, and webhooks. No HTTP client inside.

The Structs are the JSON bodies of requests and responses; send `encode_body(request)` with any
HTTP client, and read the response with `decode_body`. Paths are relative to the API's host. An
incoming SIP call is accepted with a `RealtimeSession`, as `realtime.events` defines it. Sources:
the API reference and openai-python 3.57.0, read 2026-11-29; https://www.standardwebhooks.com.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload
from urllib.parse import quote

import msgspec
import pybase64
from msgspec import UNSET, field

from ._guard import DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES, Frame, bounded, check_depth
from ._secrets import REDACTED
from .codec import encode_json
from .errors import ConfigError, DecodeError, EncodeError, RealtimeError, reason_of, snippet
from .events.base import Maybe, Tagged, Unknown, Wire
from .events.session import ErrorDetail, RealtimeSession, Session, SessionInfo
from .events.translation import TranslationAudio, TranslationSessionInfo
from .repair import LenientDecoder, ValidationFailure, members_of

__all__ = [
    "CALLS_PATH", "CLIENT_SECRETS_PATH", "TRANSLATION_CLIENT_SECRETS_PATH", "CallCreate", "CallRefer",
    "CallReject", "ClientSecret", "ClientSecretRequest", "ErrorBody", "ExpiresAfter",
    "LiveCallIncoming", "LiveSessionRef", "LiveTransportConnected", "LiveTransportIncoming",
    "LiveTransportRef", "RealtimeCallIncoming", "RealtimeCallRef", "RealtimeSession", "SipHeader",
    "TranslationClientSecret", "TranslationClientSecretRequest", "TranslationSessionRequest",
    "UnknownWebhook", "Webhook", "WebhookError", "call_id_of", "call_path", "decode_body",
    "encode_body", "encode_call_create", "verify_webhook",
]  # fmt: skip

T = TypeVar("T")

CLIENT_SECRETS_PATH = "/v1/realtime/client_secrets"
TRANSLATION_CLIENT_SECRETS_PATH = "/v1/realtime/translations/client_secrets"
CALLS_PATH = "/v1/realtime/calls"

if TYPE_CHECKING:
    CallAction = Literal["accept", "hangup", "refer", "reject"]
    MediaSecurity = Literal["rtp", "srtp"] | str
else:
    CallAction = MediaSecurity = str


# --- Client secrets ------------------------------------------------------------------


class ExpiresAfter(Wire, kw_only=True):
    """The lifetime of a client secret: 10 to 7200 `seconds` after `anchor` ("created_at")."""

    anchor: Maybe[str] = UNSET
    seconds: Maybe[int] = UNSET


class ClientSecretRequest(Wire, kw_only=True):
    """Body of ``POST /v1/realtime/client_secrets``."""

    expires_after: Maybe[ExpiresAfter] = UNSET
    session: Maybe[Session] = UNSET


class ClientSecret(Wire, kw_only=True):
    """A key for one session or several, which may be given to a browser. `expires_at` is in Unix seconds."""

    value: str
    expires_at: int
    session: SessionInfo | None = None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _without_secret(super().__rich_repr__())


class TranslationSessionRequest(Wire, kw_only=True):
    """The settings of a translation session, with its model."""

    model: str
    audio: Maybe[TranslationAudio] = UNSET


class TranslationClientSecretRequest(Wire, kw_only=True):
    """Body of ``POST /v1/realtime/translations/client_secrets``."""

    session: TranslationSessionRequest
    expires_after: Maybe[ExpiresAfter] = UNSET


class TranslationClientSecret(Wire, kw_only=True):
    """A key for translation sessions. `expires_at` is in Unix seconds."""

    value: str
    expires_at: int
    session: TranslationSessionInfo | None = None

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return _without_secret(super().__rich_repr__())


def _without_secret(fields: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [(name, REDACTED if name == "value" else value) for name, value in fields]


# --- Calls ---------------------------------------------------------------------------


class CallCreate(Wire, kw_only=True):
    """A WebRTC offer. Sent as a multipart form: see `encode_call_create`."""

    sdp: str
    session: Maybe[RealtimeSession] = UNSET


class CallRefer(Wire, kw_only=True):
    """Body of ``.../refer``: transfer the call to `target_uri` (``tel:+14155550123``, ``sip:a@example.com``)."""

    target_uri: str


class CallReject(Wire, kw_only=True):
    """Body of ``.../reject``: the SIP `status_code` for the caller, 603 (Decline) by default."""

    status_code: Maybe[int] = UNSET


class ErrorBody(Wire, kw_only=True):
    """Body of a response whose HTTP status is 4xx or 5xx."""

    error: ErrorDetail


def call_path(call_id: str, action: CallAction) -> str:
    """Return the path to accept, reject, refer or hang up a call. POST to it; a hang-up has no body."""
    if not call_id:
        raise ConfigError("a call id is required")
    return f"{CALLS_PATH}/{quote(call_id, safe='')}/{action}"


def call_id_of(location: str) -> str:
    """Return the call id in the ``Location`` header of the response to a `CallCreate`.

    Raises:
        DecodeError: `location` does not end with a call's path.
    """
    head, _, call_id = location.partition("?")[0].rstrip("/").rpartition("/")
    if not call_id or not head.endswith("/calls"):
        raise DecodeError("not the location of a call", payload=snippet(location))
    return call_id


def encode_call_create(call: CallCreate) -> tuple[bytes, str]:
    """Encode an offer as a multipart form. Returns the body and its Content-Type.

    Raises:
        EncodeError: the session has values that JSON or its fields do not allow.
    """
    parts = [("sdp", "application/sdp", call.sdp.encode())]
    if isinstance(call.session, Wire):
        parts.append(("session", "application/json", encode_body(call.session)))
    boundary = secrets.token_hex(16)
    body = b"".join(
        b'--%b\r\nContent-Disposition: form-data; name="%b"\r\nContent-Type: %b\r\n\r\n%b\r\n'
        % (boundary.encode(), name.encode(), media_type.encode(), content)
        for name, media_type, content in parts
    )
    return body + b"--%b--\r\n" % boundary.encode(), f"multipart/form-data; boundary={boundary}"


# --- Webhooks ------------------------------------------------------------------------


class UnknownWebhook(Unknown):
    """A webhook of a type that this version does not know."""

    __slots__ = ()


class SipHeader(Wire, kw_only=True):
    """One header of a SIP INVITE, as the caller's network sent it: not to be trusted."""

    name: str
    value: str


class AnyWebhook(Tagged, kw_only=True):
    """The family of webhooks. `id` identifies the delivery, `created_at` is in Unix seconds."""

    unknown = UnknownWebhook

    id: str
    created_at: int | None = None
    object: str | None = None


class RealtimeCallRef(Wire, kw_only=True):
    """An incoming SIP call: its id for `call_path` and for the ``call_id`` of a sideband WebSocket."""

    call_id: str
    sip_headers: list[SipHeader] = field(default_factory=list)
    sip_media_security: MediaSecurity | None = None


class LiveTransportRef(Wire, kw_only=True):
    """An incoming SIP call of the Live API, by its session's id."""

    session_id: str
    type: str | None = None
    sip_headers: list[SipHeader] = field(default_factory=list)
    sip_media_security: MediaSecurity | None = None


class LiveSessionRef(Wire, kw_only=True):
    """A Live session that was connected, by its id."""

    session_id: str
    type: str | None = None


class RealtimeCallIncoming(AnyWebhook, tag="realtime.call.incoming", kw_only=True):
    """A SIP call waits to be accepted, rejected or referred."""

    data: RealtimeCallRef


class LiveTransportIncoming(AnyWebhook, tag="live.transport.incoming", kw_only=True):
    """A SIP call waits to be accepted by the Live API."""

    data: LiveTransportRef


class LiveCallIncoming(AnyWebhook, tag="live.call.incoming", kw_only=True):
    """The older form of `LiveTransportIncoming`."""

    data: LiveTransportRef


class LiveTransportConnected(AnyWebhook, tag="live.transport.connected", kw_only=True):
    """A WebRTC session of the Live API was connected."""

    data: LiveSessionRef


KnownWebhook = RealtimeCallIncoming | LiveTransportIncoming | LiveCallIncoming | LiveTransportConnected
if TYPE_CHECKING:
    Webhook = KnownWebhook | UnknownWebhook
else:
    Webhook = KnownWebhook


class WebhookError(RealtimeError, ValueError):
    """A webhook whose signature does not prove that it was sent with the secret, in time."""


def verify_webhook(
    body: bytes | bytearray | memoryview | str,
    headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]],
    secret: str,
    *,
    tolerance_s: float = 300,
    now: float | None = None,
) -> None:
    """Verify the signature of a webhook by Standard Webhooks.

    A request that was recorded can be sent again within `tolerance_s`: store each ``webhook-id``
    for that long and ignore the second delivery. Deliveries are repeated also when nobody attacks.

    Args:
        body: the body exactly as received, before any parsing.
        headers: the request's headers, as a mapping or as pairs; case does not matter.
        secret: ``whsec_...``.
        tolerance_s: how far ``webhook-timestamp`` may be from `now`, in both directions.
        now: Unix time in seconds; by default this machine's.

    Raises:
        WebhookError: a header is missing or malformed, the timestamp is outside the tolerance,
            or no signature matches.
        ConfigError: `secret` is empty or not base64.
    """
    key = webhook_key(secret)
    found = _webhook_headers(headers)
    webhook_id, timestamp = found["webhook-id"], found["webhook-timestamp"]
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 15):
        raise WebhookError(f"webhook-timestamp is not a time in seconds: {snippet(repr(timestamp))}")
    age = (time.time() if now is None else now) - int(timestamp)
    if not abs(age) <= tolerance_s:
        kind = "old" if age > 0 else "far in the future"
        raise WebhookError(f"webhook-timestamp is too {kind}: {abs(age):.0f} s, at most {tolerance_s:g} s")
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else bytes(memoryview(body))
    expected = webhook_signature(key, webhook_id, timestamp, raw)
    # Several signatures, while a secret is being replaced. Every one is compared, in constant time.
    matches = 0
    for signature in found["webhook-signature"].split():
        version, _, value = signature.partition(",")
        matches += version == "v1" and hmac.compare_digest(value.encode("utf-8", "surrogatepass"), expected)
    if not matches:
        raise WebhookError("no signature of the webhook matches the secret")


def webhook_signature(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> bytes:
    """Return the signature of a webhook by Standard Webhooks, without its version."""
    signed = b"%b.%b.%b" % (webhook_id.encode("utf-8", "surrogatepass"), timestamp.encode(), body)
    return pybase64.b64encode(hmac.digest(key, signed, hashlib.sha256))


def webhook_key(secret: str) -> bytes:
    """Return the key in a webhook secret.

    Raises:
        ConfigError: `secret` is empty or not base64.
    """
    if not secret.startswith("whsec_"):
        key = secret.encode()
    else:
        try:
            key = pybase64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            raise ConfigError("a webhook secret is whsec_ and base64") from None
    if not key:
        raise ConfigError("the webhook secret is empty")
    return key


def _webhook_headers(
    headers: Mapping[str, str] | Iterable[tuple[str | bytes, str | bytes]],
) -> dict[str, str]:
    """Return the three headers of Standard Webhooks by their names in lower case."""
    found: dict[str, str] = {}
    # An iterable of pairs may be a Mapping to type checkers, too.
    pairs: Any = headers.items() if isinstance(headers, Mapping) else headers
    for name, value in pairs:
        lower = _text(name).lower()
        if lower in ("webhook-id", "webhook-timestamp", "webhook-signature"):
            if lower in found:
                raise WebhookError(f"{lower} was sent twice")
            found[lower] = _text(value).strip()
    for name in ("webhook-id", "webhook-timestamp", "webhook-signature"):
        if not found.get(name):
            raise WebhookError(f"{name} is missing")
    return found


def _text(value: str | bytes) -> str:
    return value if isinstance(value, str) else value.decode("latin-1")


# --- Bodies --------------------------------------------------------------------------


def encode_body(body: Wire) -> bytes:
    """Encode a request as JSON.

    Raises:
        EncodeError: a value that JSON or its field does not allow.
        TypeError: `body` is not a Struct of this library.
    """
    if not isinstance(body, Wire):
        raise TypeError(f"a body is a Struct of realtime.rest or a session, not a {type(body).__name__}")
    name = type(body).__name__
    try:
        raw = encode_json(body)
        check_depth(raw, DEFAULT_MAX_DEPTH)
        LenientDecoder(exact=True).decode(raw, type(body), "$")
    except ValidationFailure as failure:
        raise EncodeError(f"{failure.reason} at `{failure.path}`", event_type=name) from None
    except (TypeError, ValueError, RecursionError, OverflowError) as error:
        raise EncodeError(reason_of(error), event_type=name) from None
    return raw


@overload
def decode_body(data: Frame, type: type[T]) -> T: ...
@overload
def decode_body(data: Frame, type: Any) -> Any: ...
def decode_body(data: Frame, type: Any) -> Any:
    """Decode the JSON body of a response or a webhook to `type`, a Struct or a union such as `Webhook`.

    Unknown members are ignored. A webhook of an unknown type becomes an `UnknownWebhook` if `type`
    is a union.

    Raises:
        DecodeError: `data` is not JSON, or does not fit `type`.
        TypeError: `data` is neither bytes-like nor a str.
    """
    raw, name = b"", getattr(type, "__name__", "")
    try:
        raw = bounded(data, DEFAULT_MAX_FRAME_BYTES)
        check_depth(raw, DEFAULT_MAX_DEPTH)
        try:
            return msgspec.json.decode(raw, type=type)
        except msgspec.ValidationError:
            value = LenientDecoder(fills=False).decode(raw, type, "$")
    except ValidationFailure as failure:
        raise failure.as_decode_error(name, raw) from None
    except DecodeError:
        raise
    except (UnicodeError, RecursionError, ValueError) as error:
        raise DecodeError(reason_of(error, raw), event_type=name, payload=snippet(raw)) from None
    if isinstance(value, Unknown) and len(members_of(type)) == 1:
        expected = str(type.__struct_config__.tag)
        reason = f"the type is {value.type!r}"
        raise DecodeError(reason, event_type=name, path="$.type", expected=expected, payload=snippet(raw))
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
