"""JSON samples for every model of the installed `openai` package, with every variant of every union.

`samples(tp)` is a covering set, not a product: each variant of each part, at any depth, is in at least
one sample with all optional fields. One more sample has none of them, one more has all of them null.
Strings are "AAAA", which is valid base64 too.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union

import pydantic
from openai.types.beta.realtime import (
    realtime_client_event as beta_client,
    realtime_server_event as beta_server,
)
from openai.types.live import (
    client_event as live_client,
    connect_client_event as live_sideband_client,
    connect_server_event as live_sideband_server,
    fork_client_event as live_fork_client,
    fork_server_event as live_fork_server,
    server_event as live_server,
)
from openai.types.realtime import (
    realtime_client_event as ga_client,
    realtime_server_event as ga_server,
    realtime_translation_client_event as translation_client,
    realtime_translation_server_event as translation_server,
)

EVENTS: dict[tuple[str, str], Any] = {
    ("ga", "client"): ga_client.RealtimeClientEvent,
    ("ga", "server"): ga_server.RealtimeServerEvent,
    ("beta", "client"): beta_client.RealtimeClientEvent,
    ("beta", "server"): beta_server.RealtimeServerEvent,
    ("translation", "client"): translation_client.RealtimeTranslationClientEvent,
    ("translation", "server"): translation_server.RealtimeTranslationServerEvent,
    # A session's own connection, a sideband connection, and a fork.
    ("live", "client"): (
        live_client.ClientEvent | live_sideband_client.ConnectClientEvent | live_fork_client.ForkClientEvent
    ),
    ("live", "server"): (
        live_server.ServerEvent | live_sideband_server.ConnectServerEvent | live_fork_server.ForkServerEvent
    ),
}
SCALARS: dict[Any, Any] = {str: "AAAA", int: 3, float: 0.5, bool: True}
ANYTHING = {"k": [1, None, "x"]}


def models(union: Any) -> list[type[pydantic.BaseModel]]:
    """Return the event models of a union of the SDK."""
    return [m for m in arms(union) if isinstance(m, type) and issubclass(m, pydantic.BaseModel)]


def tag(model: type[pydantic.BaseModel]) -> str:
    """Return the wire type of an event model."""
    (name,) = typing.get_args(model.model_fields["type"].annotation)
    assert isinstance(name, str)
    return name


def fits(model: type[pydantic.BaseModel], wire: Any) -> bool:
    """Return True if the constant fields of `wire` are those of this variant."""
    if not isinstance(wire, dict):
        return False
    for name, field in model.model_fields.items():
        (arm, *more) = arms(field.annotation) or [None]
        if not more and typing.get_origin(arm) is Literal and wire.get(name) not in typing.get_args(arm):
            return False
    return True


def arms(tp: Any) -> list[Any]:
    """Return the types in `tp`: members of unions, without annotations and None."""
    origin = typing.get_origin(tp)
    if origin is typing.Annotated:
        return arms(typing.get_args(tp)[0])
    if origin in (Union, types.UnionType):
        return [arm for arg in typing.get_args(tp) for arm in arms(arg)]
    if isinstance(tp, typing.TypeAliasType if hasattr(typing, "TypeAliasType") else ()):
        return arms(tp.__value__)
    return [] if tp is type(None) else [tp]


def is_free_form(tp: Any) -> bool:
    """Return True if `tp` is any JSON, or an object with any members."""
    return all(
        arm is object or (typing.get_origin(arm) is dict and is_free_form(typing.get_args(arm)[1]))
        for arm in arms(tp)
    )


def samples(tp: Any, depth: int = 0) -> Iterator[Any]:
    """Yield JSON values that cover `tp`. Recursive models end at depth 12."""
    for arm in arms(tp):
        yield from _samples_of_arm(arm, depth)


def _samples_of_arm(arm: Any, depth: int) -> Iterator[Any]:
    origin, args = typing.get_origin(arm), typing.get_args(arm)
    if arm in SCALARS:
        yield SCALARS[arm]
    elif origin is Literal:
        yield from args
    elif origin is list:
        yield from ([value] for value in samples(args[0], depth))
    elif origin is dict:
        yield from ({"k": value} for value in samples(args[1], depth))
    elif isinstance(arm, type) and issubclass(arm, pydantic.BaseModel):
        yield from _samples_of_model(arm, depth)
    else:
        yield ANYTHING


def _samples_of_model(model: type[pydantic.BaseModel], depth: int) -> Iterator[dict[str, Any]]:
    if depth > 12:
        return
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    values = {key: list(samples(field.annotation, depth + 1)) for key, field in fields.items()}
    full = {key: found[0] for key, found in values.items() if found}
    yield full
    for key, found in values.items():
        yield from ({**full, key: value} for value in found[1:])
    required = {key: full[key] for key, field in fields.items() if field.is_required() and key in full}
    yield required
    yield {**dict.fromkeys(fields), **required}
