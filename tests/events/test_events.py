"""Every event: decoded, encoded, named, and built by keywords only."""

from __future__ import annotations

import copy
import json
import pickle
import re
from typing import Any

import msgspec
import pytest

from realtime.events.base import Unknown
from tests import cases


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_frame_survives_decode_and_encode(dialect: str, side: str, frame: str) -> None:
    event = cases.decoder(dialect, side)(frame)
    wire = json.loads(frame)
    assert event.type == wire["type"]
    assert not isinstance(event, Unknown)
    back = json.loads(cases.DIALECTS[dialect].encode(event))
    if side == "client":
        assert back == wire
    else:
        assert cases.without_nulls(back) == cases.without_nulls(wire)


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_bytes_str_and_other_containers_decode_alike(dialect: str, side: str, frame: str) -> None:
    decode = cases.decoder(dialect, side)
    raw = frame.encode()
    expected = decode(raw)
    padded = b"__" + raw + b"__"
    for container in (frame, bytearray(raw), memoryview(raw), memoryview(padded)[2:-2]):
        assert decode(container) == expected


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_events_copy_and_pickle(dialect: str, side: str, frame: str) -> None:
    event = cases.decoder(dialect, side)(frame)
    assert copy.deepcopy(event) == event
    assert pickle.loads(pickle.dumps(event)) == event


@pytest.mark.parametrize("side", cases.SIDES)
@pytest.mark.parametrize("dialect", cases.DIALECTS)
def test_every_event_has_a_case(dialect: str, side: str) -> None:
    tags = {cls.__struct_config__.tag for cls in cases.event_classes(dialect, side)}
    assert {json.loads(frame)["type"] for frame in cases.frames(dialect, side)} == tags


def _pascal(wire: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[._]", wire))


@pytest.mark.parametrize("side", cases.SIDES)
@pytest.mark.parametrize("dialect", cases.DIALECTS)
def test_class_names_are_the_wire_types_in_pascal_case(dialect: str, side: str) -> None:
    for cls in cases.event_classes(dialect, side):
        assert cls.__name__ == _pascal(cls.__struct_config__.tag)
        assert getattr(cases.DIALECTS[dialect], cls.__name__) is cls
        assert cls.__doc__


def _structs(cls: type[msgspec.Struct], found: set[type[msgspec.Struct]]) -> set[type[msgspec.Struct]]:
    """Every Struct that a decoder of `cls` can build."""
    if cls not in found:
        found.add(cls)
        for field in msgspec.structs.fields(cls):
            for inner in _named_structs(field.type):
                _structs(inner, found)
    return found


def _named_structs(tp: Any) -> list[type[msgspec.Struct]]:
    if isinstance(tp, type) and issubclass(tp, msgspec.Struct):
        return [tp]
    return [struct for arg in getattr(tp, "__args__", ()) for struct in _named_structs(arg)]


@pytest.mark.parametrize("side", cases.SIDES)
@pytest.mark.parametrize("dialect", cases.DIALECTS)
def test_constructors_take_keywords_only_and_structs_are_documented(dialect: str, side: str) -> None:
    found: set[type[msgspec.Struct]] = set()
    for event in cases.event_classes(dialect, side):
        _structs(event, found)
    assert len(found) > len(cases.event_classes(dialect, side))
    for cls in found:
        assert cls.__doc__, cls
        if cls.__struct_fields__:
            with pytest.raises(TypeError):
                cls(*[None] * len(cls.__struct_fields__))


def test_the_table_of_ga_has_the_protocols_numbers() -> None:
    assert len(cases.event_classes("ga", "client")) == 11
    assert len(cases.event_classes("ga", "server")) == 46
    assert len(cases.event_classes("beta", "client")) == 12
    assert len(cases.event_classes("beta", "server")) == 35
    assert len(cases.event_classes("translation", "client")) == 3
    assert len(cases.event_classes("translation", "server")) == 7
    assert len(cases.event_classes("live", "client")) == 15
    assert len(cases.event_classes("live", "server")) == 28


@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_a_session_that_the_server_told_is_sent_back_as_settings(dialect: str) -> None:
    module = cases.DIALECTS[dialect]
    told = next(f for f in cases.frames(dialect, "server") if '"session.created"' in f)
    created = module.decode_server(told)
    assert created.session.id
    back = json.loads(module.encode(module.SessionUpdate(session=created.session)))["session"]
    assert back["model"] == created.session.model
    assert not {"id", "object", "expires_at", "client_secret"} & set(back)
