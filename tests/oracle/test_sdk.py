"""Comparison with the official SDK: every model of its four dialects, in both directions, at every depth.

Everything that the SDK can build decodes without an `Unknown` and encodes to the same JSON, which is
valid for the SDK again. Its models and the Structs are walked side by side, too.
"""

from __future__ import annotations

import functools
import json
import typing
from typing import Any

import msgspec
import pydantic
import pytest

from realtime import Unknown, repair
from realtime.events.base import Tagged
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


def _with_message_types(wire: Any) -> Any:
    """Return `wire` with the type of messages, which the lenient decoder fills in."""
    if isinstance(wire, list):
        return [_with_message_types(each) for each in wire]
    if not isinstance(wire, dict):
        return wire
    filled = {"type": "message"} if "role" in wire and wire.get("type") is None else {}
    return {key: _with_message_types(value) for key, value in wire.items()} | filled


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
        if dialect == "live":
            wire = _with_message_types(wire)
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


# --- Models and Structs, side by side ------------------------------------------------

# Members that are JSON text: the SDK has no types for them either.
AS_JSON = {"ResponseEvent.event"}
# Members that no model of the SDK has, by Struct.
NOT_IN_MODELS = {"SessionOutputAudioDelta": {"event_id"}}


class _Comparison:
    """The models that a Struct stands for, found by a walk over types of the SDK and of ours."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.members: dict[Any, set[str]] = {}
        self.as_json: set[str] = set()
        self._seen: set[tuple[Any, Any]] = set()

    def compare(self, theirs: Any, ours: Any, path: str) -> None:
        """Compare a type of the SDK with the type of the same member here."""
        for arm in sdk.arms(theirs):
            origin, args = typing.get_origin(arm), typing.get_args(arm)
            if isinstance(arm, type) and issubclass(arm, pydantic.BaseModel):
                self._compare_model(arm, ours, path)
            elif origin is list:
                item = repair.argument_of(ours, list)
                if ours is Any and sdk.is_free_form(args[0]):
                    continue
                self._require(item is not None, f"{path}: no list")
                self.compare(args[0], item, f"{path}[]")
            elif origin is dict:
                if ours is Any and sdk.is_free_form(args[1]):
                    continue
                value = repair.argument_of(ours, dict)
                self._require(value is not None, f"{path}: no dict")
                self.compare(args[1], value, f"{path}{{}}")
            elif arm is object:
                self._require(ours is Any or self._has_unknown(ours), f"{path}: not any JSON")
            else:
                kinds = {type(each) for each in args} if origin is typing.Literal else {arm}
                self._require(kinds <= self._scalars(ours), f"{path}: no {kinds}")

    def _has_unknown(self, ours: Any) -> bool:
        return any(hasattr(each, "unknown") for each in repair.members_of(ours))

    def _scalars(self, ours: Any) -> set[Any]:
        found: set[Any] = set()
        for each in repair.members_of(ours):
            found |= {str} if typing.get_origin(each) is typing.Literal else {each}
        return found | ({str} if bytes in found else set())

    def _require(self, holds: object, problem: str) -> None:
        if not holds and problem not in self.problems:
            self.problems.append(problem)

    def _compare_model(self, model: type[pydantic.BaseModel], ours: Any, path: str) -> None:
        for struct in self._structs(model, ours, path):
            if (model, struct) in self._seen:
                continue
            self._seen.add((model, struct))
            fields = {field.encode_name: field.type for field in repair.fields_of(struct)}
            names = self.members.setdefault(struct, set())
            for name, field in model.model_fields.items():
                key = field.alias or name
                names.add(key)
                if key == "type" and issubclass(struct, Tagged):
                    continue
                self._require(key in fields, f"{path}.{key}: not a member of {struct.__name__}")
                if fields.get(key) is msgspec.Raw:
                    self.as_json.add(f"{struct.__name__}.{key}")
                elif key in fields:
                    self.compare(field.annotation, fields[key], f"{path}.{key}")

    def _structs(self, model: type[pydantic.BaseModel], ours: Any, path: str) -> list[Any]:
        by_tag, untagged = repair.structs_by_tag(ours), repair.untagged_struct(ours)
        if not by_tag:
            self._require(untagged, f"{path}: no Struct for {model.__name__}")
            return [untagged] if untagged else []
        tags = [
            tag for arm in sdk.arms(model.model_fields["type"].annotation) for tag in typing.get_args(arm)
        ]
        for tag in tags:
            self._require(tag in by_tag, f"{path}: no Struct for the type {tag!r}")
        return [by_tag[tag] for tag in tags if tag in by_tag]


def test_every_member_of_live_in_the_sdk_has_a_type_at_every_depth() -> None:
    comparison = _Comparison()
    for side in ("client", "server"):
        union: Any = typing.Union[tuple(cases.event_classes("live", side))]  # noqa: UP007 (made from a tuple)
        comparison.compare(sdk.EVENTS["live", side], union, side)
    assert comparison.problems == []
    assert len(comparison.members) > 200
    assert comparison.as_json == AS_JSON
    surplus = {
        struct.__name__: names
        for struct, known in comparison.members.items()
        if (names := {field.encode_name for field in repair.fields_of(struct)} - known)
    }
    assert surplus == NOT_IN_MODELS
