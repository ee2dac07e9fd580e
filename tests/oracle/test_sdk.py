"""Comparison with the official SDK: every model of its four dialects, in both directions.

Everything that the SDK can build decodes without an `Unknown` and encodes to the same JSON, which is
valid for the SDK again.
"""

from __future__ import annotations

import functools
import json
from typing import Any

import msgspec
import pydantic
import pytest

from realtime import Unknown
from tests import cases
from tests.oracle import sdk

pytestmark = pytest.mark.filterwarnings("ignore:.*[Dd]eprecated.*:DeprecationWarning")

MODELS = [
    pytest.param(dialect, side, model, id=f"{dialect}-{side}-{sdk.tag(model)}")
    for (dialect, side), union in sdk.EVENTS.items()
    for model in sdk.models(union)
]
# Members of client events that are always sent: the SDK's models may lack them, its documentation says "required,
# nullable".
ALWAYS_SENT: dict[str, dict[str, Any]] = {
    f"session.{kind}.append": {"delegation_id": None} for kind in ("instructions", "thinking", "commentary")
}
# Objects without a type, or with one that the samples make up, decode to Unknown.
UNKNOWN_TYPES = ("", sdk.SCALARS[str])


def _unknown(value: Any) -> list[Unknown]:
    """Return every Unknown in `value` that has a type of the protocol."""
    if isinstance(value, Unknown):
        return [] if value.type in UNKNOWN_TYPES else [value]
    if isinstance(value, msgspec.Struct):
        return [u for name in value.__struct_fields__ for u in _unknown(getattr(value, name))]
    if isinstance(value, dict):
        return [u for item in value.values() for u in _unknown(item)]
    return [u for item in value for u in _unknown(item)] if isinstance(value, list) else []


@pytest.mark.mostly_slow(quick=67)
@pytest.mark.parametrize(("dialect", "side", "model"), MODELS)
def test_every_model_of_the_sdk(dialect: str, side: str, model: type[pydantic.BaseModel]) -> None:
    decode = cases.decoder(dialect, side)
    encode = cases.DIALECTS[dialect].encode
    seen = 0
    for wire in sdk.samples(model):
        event = decode(json.dumps(wire))
        assert event.type == sdk.tag(model)
        assert not isinstance(event, Unknown)
        assert _unknown(event) == [], wire
        back = json.loads(encode(event))
        if side == "client":
            assert back == ALWAYS_SENT.get(event.type, {}) | wire
        else:
            assert cases.without_nulls(back) == cases.without_nulls(wire)
        model.model_validate(back)
        assert decode(encode(event)) == event
        seen += 1
    assert seen >= 2


@pytest.mark.parametrize(("dialect", "side"), sdk.EVENTS, ids="-".join)
def test_no_event_of_the_sdk_is_missing(dialect: str, side: str) -> None:
    theirs = {sdk.tag(model) for model in sdk.models(sdk.EVENTS[dialect, side])}
    ours = {cls.__struct_config__.tag for cls in cases.event_classes(dialect, side)}
    missing = sorted(theirs - ours)
    assert not missing, f"the SDK has events that {dialect} {side} lacks: {missing}"
    assert ours - theirs <= NOT_IN_SDK


# Sent by servers, but not in the SDK.
NOT_IN_SDK = {"transcription_session.created"}


def _optional_places(model: type[pydantic.BaseModel], wire: Any) -> list[list[str]]:
    """Return the paths of the fields of `wire` that are optional in the SDK's `model`."""
    paths = []
    for name, field in model.model_fields.items():
        key = field.alias or name
        if not isinstance(wire, dict) or key not in wire:
            continue
        if not field.is_required():
            paths.append([key])
        for arm in sdk.models(field.annotation):
            if sdk.fits(arm, wire[key]):
                paths += [[key, *path] for path in _optional_places(arm, wire[key])]
    return paths


@pytest.mark.mostly_slow(quick=26)
@pytest.mark.parametrize(("dialect", "side", "model"), [p for p in MODELS if p.values[0] != "live"])
def test_fields_that_are_optional_in_the_sdk_can_be_null_or_absent(
    dialect: str, side: str, model: type[pydantic.BaseModel]
) -> None:
    decode = cases.decoder(dialect, side)
    seen: set[tuple[str, ...]] = set()
    for wire in sdk.samples(model):
        for path in [*_optional_places(model, wire), ["event_id"]]:
            # Samples differ in one place: the same object is tried once.
            around = functools.reduce(lambda place, name: place[name], path[:-1], wire)
            if (tried := (*path, json.dumps(around))) in seen:
                continue
            seen.add(tried)
            for absent in (True, False):
                changed = json.loads(json.dumps(wire))
                place = changed
                for key in path[:-1]:
                    place = place[key]
                if absent:
                    place.pop(path[-1], None)
                else:
                    place[path[-1]] = None
                event = decode(json.dumps(changed))
                assert event.type == sdk.tag(model)
                back = json.loads(cases.DIALECTS[dialect].encode(event))
                if side == "client":
                    assert back == changed
                else:
                    assert cases.without_nulls(back) == cases.without_nulls(changed)
