"""The HTTP paths around a session: client secrets, and WebRTC and SIP calls. No sockets.

`RealtimeApi` answers requests, and finds the session that was configured for a connection: by its client
secret or by its ``call_id``. A session in a body is validated by a `ServerProtocol`, like a
`session.update`. The messages are OpenAI's as far as reports have them. Read `http` for the transport.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import unquote

import msgspec
from msgspec import Raw

from .. import events as ga, rest, spec
from .._bounded import BoundedDict
from ..errors import DecodeError, snippet
from ..events.base import Wire
from . import access, refusals
from .http import HttpRequest, HttpResponse, error_response, json_response
from .protocol import DIALECTS, ServerProtocol
from .refusals import Refusal
from .settings import SessionType

CallStatus: TypeAlias = Literal["incoming", "accepted", "rejected", "ended"]

# Client secrets and calls that a server remembers; the oldest are forgotten.
MAX_SECRETS: Final = 1000
MAX_CALLS: Final = 1000
# The lifetime of a client secret in seconds. Source: the API reference of client_secrets, read 2026-11-29.
DEFAULT_SECRET_SECONDS: Final = 600
MIN_SECRET_SECONDS: Final = 10
MAX_SECRET_SECONDS: Final = 7200

# RFC 2046, section 5.1.1, and RFC 7578, section 4.2. An offer has two parts.
_BOUNDARY: Final = re.compile(r'boundary="?([^";\s]{1,70})', re.IGNORECASE)
_PART_NAME: Final = re.compile(
    rb'^Content-Disposition:[^\r\n]*[; ]name="?([^"\r\n;]*)', re.IGNORECASE | re.MULTILINE
)
MAX_PARTS: Final = 8
_PATH: Final = re.compile(
    r".*/realtime(?:/(?P<secrets>client_secrets)|/calls(?:/(?P<call_id>[^/]+)/(?P<action>\w+))?)/?", re.DOTALL
)
# The actions on a call: the status that the call must have, and its status after them. Source: the API
# reference of realtime/calls, read 2026-11-29; that other calls are not found is inferred.
_ACTIONS: Final[dict[str, tuple[CallStatus, CallStatus]]] = {
    "accept": ("incoming", "accepted"),
    "reject": ("incoming", "rejected"),
    "refer": ("accepted", "ended"),
    "hangup": ("accepted", "ended"),
}
_INCORRECT_KEY: Final = (
    "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys."
)
_MISSING_KEY: Final = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer "
    "auth (i.e. Authorization: Bearer YOUR_KEY)."
)
_EXPIRED_KEY: Final = "Incorrect API key provided: the client secret has expired."
_UNKNOWN_PARAMETER: Final = refusals.Rule(
    "Unknown parameter: '{param}'.", "{param}", code="unknown_parameter"
)
_SECONDS_RANGE: Final = refusals.Rule(
    "Invalid 'expires_after.seconds': integer {side} {name} value. Expected a value {sign} {limit}, but got "
    "{value} instead.",
    "expires_after.seconds",
    code="integer_{side}_{name}_value",
)
_INVALID_OFFER: Final = refusals.Rule("Invalid SDP offer: {reason}.", "sdp", code="invalid_offer")


@dataclass(frozen=True, slots=True)
class Preset:
    """The session that was configured for a connection before it is opened.

    Attributes:
        model: the session's model.
        session_type: the session's type.
        session_id: the session's id; None for a new one.
        update: the frame of a `session.update` with its settings; None for the defaults.
    """

    model: str | None = None
    session_type: SessionType = "realtime"
    session_id: str | None = None
    update: bytes | None = None


@dataclass(frozen=True, slots=True)
class _Secret:
    expires_at: float
    preset: Preset


@dataclass(slots=True, eq=False)
class IncomingCall:
    """A simulated SIP call: the webhook that announces it, and what became of the call.

    Attributes:
        call_id: the id of the call, ``rtc_...``.
        body: the webhook's body, a `realtime.call.incoming`.
        headers: the webhook's headers, with a signature that `realtime.rest.verify_webhook` accepts.
        status: "incoming", "accepted", "rejected" or "ended" (also after a transfer).
        session: the session that the call was accepted with.
        sip_status: the SIP status that the call was rejected with.
        referred_to: the URI that the call was transferred to.
    """

    call_id: str
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    status: CallStatus = "incoming"
    session: ga.SessionInfo | None = None
    sip_status: int | None = None
    referred_to: str | None = None
    preset: Preset = field(default=Preset(), repr=False)


class _Session(msgspec.Struct):
    """The members of a session that select a `ServerProtocol`."""

    type: Any = None
    model: Any = None


class RealtimeApi:
    """The client secrets and the calls of a server.

    Args:
        new_protocol: makes the `ServerProtocol` of a session.
        end_call: called with the id of a call that has ended.
        api_key: the key that requests must have, or a client secret; None for any or none.
    """

    def __init__(
        self,
        new_protocol: Callable[..., ServerProtocol],
        end_call: Callable[[str], None],
        api_key: str | None = None,
    ) -> None:
        self._new_protocol = new_protocol
        self._end_call = end_call
        self._api_key = api_key
        self._secrets: BoundedDict[str, _Secret] = BoundedDict(MAX_SECRETS)
        self._calls: BoundedDict[str, IncomingCall] = BoundedDict(MAX_CALLS)

    # --- Connections ---

    def refusal_of(self, request: HttpRequest) -> HttpResponse | None:
        """Return the response to a request whose key is refused; None if it is accepted."""
        key = access.key_of(request.headers)
        secret = self._secrets.get(key or "")
        if secret is not None:
            if time.time() < secret.expires_at:
                return None
            return error_response(401, _EXPIRED_KEY, code="invalid_api_key")
        if self._api_key is None or key == self._api_key:
            return None
        if not key:
            return error_response(401, _MISSING_KEY)
        return error_response(401, _INCORRECT_KEY, code="invalid_api_key")

    def preset_for(self, request: HttpRequest) -> Preset | None:
        """Return the session of the call or of the client secret in `request`; None without one.

        Raises:
            LookupError: the call does not exist or is not in progress.
        """
        call_ids = request.query.get("call_id")
        if call_ids:
            call = self._calls.get(call_ids[0])
            if call is None or call.status != "accepted":
                raise LookupError(call_ids[0])
            return call.preset
        secret = self._secrets.get(access.key_of(request.headers) or "")
        return None if secret is None else secret.preset

    # --- Incoming calls ---

    def incoming_call(self, secret: str, sip_headers: Mapping[str, str]) -> IncomingCall:
        """Add a SIP call that waits to be accepted.

        Raises:
            ConfigError: `secret` is empty or not base64.
        """
        key = rest.webhook_key(secret)
        call_id, created_at = f"rtc_{secrets.token_hex(16)}", int(time.time())
        headers = [rest.SipHeader(name=name, value=value) for name, value in sip_headers.items()]
        data = rest.RealtimeCallRef(call_id=call_id, sip_headers=headers)
        event_id = f"evt_{secrets.token_hex(16)}"
        body = rest.encode_body(
            rest.RealtimeCallIncoming(id=event_id, created_at=created_at, object="event", data=data)
        )
        webhook_id = f"wh_{secrets.token_hex(16)}"
        signature = rest.webhook_signature(key, webhook_id, str(created_at), body).decode()
        webhook_headers = {
            "content-type": "application/json",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(created_at),
            "webhook-signature": f"v1,{signature}",
        }
        self._calls[call_id] = call = IncomingCall(call_id, body, webhook_headers)
        return call

    # --- Requests ---

    def answer(self, request: HttpRequest) -> HttpResponse:
        """Return the response to a request that is no WebSocket handshake."""
        path = _PATH.fullmatch(request.path)
        if path is None or (path["action"] is not None and path["action"] not in _ACTIONS):
            return unknown_path(request)
        if request.method != "POST":
            return wrong_method(request, "POST")
        try:
            if path["secrets"]:
                return self._create_secret(request)
            if path["action"] is None:
                return self._create_call(request)
            return self._act(unquote(path["call_id"]), path["action"], request)
        except DecodeError as error:
            refusal = refusals.undecodable(error)
        except Refusal as error:
            refusal = error
        return error_response(400, refusal.message, code=refusal.code, param=refusal.param)

    def _create_secret(self, request: HttpRequest) -> HttpResponse:
        members = _members(request.body, rest.ClientSecretRequest) if request.body else {}
        asked = rest.decode_body(request.body or b"{}", rest.ClientSecretRequest)
        seconds = _lifetime(asked)
        preset, session = self._configure(members.get("session"))
        value, expires_at = f"ek_{secrets.token_hex(16)}", int(time.time()) + seconds
        self._secrets[value] = _Secret(expires_at, preset)
        body = rest.ClientSecret(value=value, expires_at=expires_at, session=session)
        return json_response(200, rest.encode_body(body))

    def _create_call(self, request: HttpRequest) -> HttpResponse:
        form = _offer(request)
        answer = _sdp_answer(form.get("sdp", b""))
        preset = self.preset_for(request) if "session" not in form else None
        if preset is None:
            preset, session = self._configure(Raw(form["session"]) if "session" in form else None, "session")
        else:
            session = None
        call_id = f"rtc_{secrets.token_hex(16)}"
        self._calls[call_id] = IncomingCall(call_id, status="accepted", session=session, preset=preset)
        headers = (("Content-Type", "application/sdp"), ("Location", f"{rest.CALLS_PATH}/{call_id}"))
        return HttpResponse(HTTPStatus.CREATED, answer, headers)

    def _act(self, call_id: str, action: str, request: HttpRequest) -> HttpResponse:
        before, after = _ACTIONS[action]
        call = self._calls.get(call_id)
        if call is None or call.status != before:
            return call_not_found()
        if action == "accept":
            _members(request.body)
            call.preset, call.session = self._configure(Raw(request.body), "")
        elif action == "refer":
            _members(request.body, rest.CallRefer)
            call.referred_to = rest.decode_body(request.body, rest.CallRefer).target_uri
        elif action == "reject":
            body = request.body or b"{}"
            _members(body, rest.CallReject)
            call.sip_status = rest.decode_body(body, rest.CallReject).status_code or 603
        call.status = after
        if after == "ended":
            self._end_call(call_id)
        return HttpResponse(HTTPStatus.OK)

    def _configure(self, session: Raw | None, at: str = "session") -> tuple[Preset, ga.SessionInfo | None]:
        """Validate the JSON of a session, which is the member `at` of a body or all of it.

        Raises:
            Refusal: the session has settings that a `session.update` could not have.
            DecodeError: it is not JSON.
        """
        head, update = _Session(), None
        if session is not None:
            rest.decode_body(bytes(session), dict[str, Raw])
            head = msgspec.json.decode(session, type=_Session)
            update = b'{"type":"session.update","session":%b}' % bytes(session)
        preset = Preset(
            model=head.model if isinstance(head.model, str) else DIALECTS["ga"].default_model,
            session_type="transcription" if head.type == "transcription" else "realtime",
            session_id=f"sess_{secrets.token_hex(8)}",
            update=update,
        )
        try:
            protocol = self.open_protocol(preset)
        except Refusal as refusal:
            # The path in a session.update, which has the session as its member.
            param = refusal.param and f"{at}.{refusal.param.removeprefix('session.')}".removeprefix(".")
            message = refusal.message if at else refusal.message.replace("'session.", "'")
            raise Refusal(refusal.code, message, param) from None
        (event,) = protocol.open()
        return preset, event.session

    def open_protocol(self, preset: Preset, **options: Any) -> ServerProtocol:
        """Return the `ServerProtocol` of a session that has the settings of `preset`.

        Raises:
            Refusal: the settings are refused.
        """
        protocol = self._new_protocol(
            **{
                "model": preset.model,
                "session_type": preset.session_type,
                "session_id": preset.session_id or f"sess_{secrets.token_hex(8)}",
                "expires_at": int(time.time()) + spec.MAX_SESSION_SECONDS,
                **options,
            }
        )
        if preset.update is not None:
            for event in protocol.feed(preset.update):
                if isinstance(event, ga.Error):
                    error = event.error
                    raise Refusal(error.code or "invalid_value", error.message, error.param)
        return protocol


# --- Refusals ------------------------------------------------------------------------


def unknown_path(request: HttpRequest) -> HttpResponse:
    """Return the response to a request for a path that this server does not have."""
    message = f"Invalid URL ({snippet(request.method)} {snippet(request.path)})"
    return error_response(404, message, code="unknown_url")


def wrong_method(request: HttpRequest, allowed: str) -> HttpResponse:
    """Return the response to a request with another method than `allowed`."""
    message = f"Not allowed to {snippet(request.method)} on {snippet(request.path)}. Use {allowed}."
    return error_response(405, message, ("Allow", allowed), code="method_not_supported")


def call_not_found() -> HttpResponse:
    """Return the response to a request about a call that does not exist, or is not in the required status."""
    # Source: openai/codex#35094, read 2026-11-29.
    return error_response(404, "No session found for the provided call_id", code="call_id_not_found")


# --- Bodies --------------------------------------------------------------------------


def _members(body: bytes, known: type[Wire] | None = None) -> dict[str, Raw]:
    """Return the members of a JSON object.

    Raises:
        DecodeError: `body` is not a JSON object.
        Refusal: `known` has no field of one of the names.
    """
    members = rest.decode_body(body, dict[str, Raw])
    for name in members:
        if known is not None and name not in known.__struct_fields__:
            raise _UNKNOWN_PARAMETER(param=snippet(name))
    return members


def _lifetime(asked: rest.ClientSecretRequest) -> int:
    expires = asked.expires_after
    seconds = expires.seconds if isinstance(expires, rest.ExpiresAfter) else None
    if not isinstance(seconds, int):
        return DEFAULT_SECRET_SECONDS
    if seconds < MIN_SECRET_SECONDS:
        raise _SECONDS_RANGE(side="below", name="min", sign=">=", limit=MIN_SECRET_SECONDS, value=seconds)
    if seconds > MAX_SECRET_SECONDS:
        raise _SECONDS_RANGE(side="above", name="max", sign="<=", limit=MAX_SECRET_SECONDS, value=seconds)
    return seconds


def _offer(request: HttpRequest) -> dict[str, bytes]:
    """Return the parts of an offer: a multipart form, or an SDP text alone (with a client secret).

    Raises:
        Refusal: the body is neither.
    """
    content_type = request.headers.get("Content-Type", "")
    kind = content_type.partition(";")[0].strip().lower()
    if kind == "application/sdp":
        return {"sdp": request.body}
    boundary = _BOUNDARY.search(content_type)
    if kind != "multipart/form-data" or boundary is None:
        raise _INVALID_OFFER(reason="the Content-Type must be multipart/form-data or application/sdp")
    delimiter = b"\r\n--" + boundary[1].encode("latin-1", "replace")
    found: dict[str, bytes] = {}
    for part in (b"\r\n" + request.body).split(delimiter, MAX_PARTS)[1:]:
        head, blank, content = part.partition(b"\r\n\r\n")
        name = _PART_NAME.search(head)
        if blank and name is not None:
            found[name[1].decode("utf-8", "replace")] = content
    for member in found:
        if member not in rest.CallCreate.__struct_fields__:
            raise _UNKNOWN_PARAMETER(param=snippet(member))
    if "sdp" not in found:
        raise refusals.MISSING_PARAMETER(param="sdp")
    return found


def _sdp_answer(offer: bytes) -> bytes:
    """Return an answer that refuses every stream of the offer: this server has no WebRTC.

    A stream is refused by the port 0, so the answer is valid and no media will flow. Source: RFC 3264,
    section 6.

    Raises:
        Refusal: the offer is not SDP.
    """
    lines = offer.decode("utf-8", "replace").split("\n")
    media = [line.strip().split(" ") for line in lines if line.startswith("m=")]
    if lines[0].strip() != "v=0" or not media or any(len(words) < 4 for words in media):
        raise _INVALID_OFFER(reason="it must begin with v=0 and have a stream (m=)")
    session = ["v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=-", "t=0 0"]
    streams = [f"{kind} 0 {' '.join(rest)}" for kind, _, *rest in media]
    return "".join(f"{line}\r\n" for line in (*session, *streams)).encode()
