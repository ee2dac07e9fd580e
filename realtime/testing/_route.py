"""Which session speaks on a connection: what its request asks for, by path, query and headers.

The one place where dialects are told apart.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from websockets.http11 import Request

from .. import spec
from ._connection import Session
from .beta import BetaLoopback
from .faults import Fault, named
from .loopback import Loopback
from .translation import DEFAULT_MODEL, TranslationLoopback

PATH: Final = "/v1/realtime"
# What begins a beta client's connection: OpenAI's header, a browser's subprotocol for it.
_BETA_HEADER: Final = "realtime=v1"
_BETA_SUBPROTOCOL: Final = "openai-beta.realtime-v1"


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request asks for: the `dialect`, the `model`, a session that only transcribes, faults."""

    dialect: str
    model: str
    kind: str
    faults: tuple[Fault, ...]


def parse(request: Request | None) -> Asked:
    """What `request` asks for.

    Raises:
        LookupError: its path is none of this protocol's.
        ConfigError: it asks for an unknown fault.
    """
    url = urlsplit(request.path if request is not None else PATH)
    query = parse_qs(url.query)
    path = url.path.rstrip("/")
    if path.endswith("/realtime/translations"):
        dialect, default = "translation", DEFAULT_MODEL
    elif path.endswith("/realtime"):
        dialect, default = _dialect(request, path, query), spec.DEFAULT_MODEL
    else:
        raise LookupError(path)
    model = query.get("model") or query.get("deployment") or [default]
    kind = "transcription" if query.get("intent") == ["transcription"] else "realtime"
    return Asked(dialect, model[0], kind, tuple(named(name) for name in query.get("fault", ())))


def _dialect(request: Request | None, path: str, query: dict[str, list[str]]) -> str:
    headers = request.headers if request is not None else {}
    says_so = _BETA_HEADER in headers.get("OpenAI-Beta", "") or (
        _BETA_SUBPROTOCOL in headers.get("Sec-WebSocket-Protocol", "")
    )
    # Azure's dated versions speak beta; its /openai/v1/realtime speaks GA.
    is_dated = path.endswith("/openai/realtime") and "api-version" in query
    return "beta" if says_so or is_dated else "ga"


def session_for(asked: Asked, options: dict[str, Any], **settings: Any) -> Session:
    """The session that was asked for; `options` are those that a script and faults set."""
    return _SESSIONS[asked.dialect](asked, options, settings)


def _ga(asked: Asked, options: dict[str, Any], settings: dict[str, Any]) -> Loopback:
    return Loopback(model=asked.model, kind=asked.kind, **options, **settings)  # type: ignore[arg-type]


def _beta(asked: Asked, options: dict[str, Any], settings: dict[str, Any]) -> Session:
    return BetaLoopback(_ga(asked, options, settings))


def _translation(asked: Asked, options: dict[str, Any], settings: dict[str, Any]) -> Session:
    return TranslationLoopback(model=asked.model, **settings)


_SESSIONS: Final[dict[str, Callable[[Asked, dict[str, Any], dict[str, Any]], Session]]] = {
    "ga": _ga,
    "beta": _beta,
    "translation": _translation,
}
