"""Every event of every dialect: decoding, encoding, names, constructors, repr."""

from __future__ import annotations

import ast
import base64
import copy
import inspect
import json
import pickle
import re
from types import ModuleType
from typing import Any

import msgspec
import pytest

import realtime
from realtime import Unknown, beta, live, translation
from realtime.events import audio_buffer, base, conversation, items, response, session, tools
from tests import cases


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_a_frame_is_the_same_after_decode_and_encode(dialect: str, side: str, frame: str) -> None:
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
def test_bytes_str_and_other_buffers_decode_to_the_same_event(dialect: str, side: str, frame: str) -> None:
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
    """Return every Struct that a decoder of `cls` can build."""
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


def test_every_dialect_has_the_protocols_number_of_events() -> None:
    assert len(cases.event_classes("ga", "client")) == 11
    assert len(cases.event_classes("ga", "server")) == 46
    assert len(cases.event_classes("beta", "client")) == 12
    assert len(cases.event_classes("beta", "server")) == 35
    assert len(cases.event_classes("translation", "client")) == 3
    assert len(cases.event_classes("translation", "server")) == 7
    assert len(cases.event_classes("live", "client")) == 16
    assert len(cases.event_classes("live", "server")) == 30


@pytest.mark.parametrize("dialect", ["ga", "beta"])
def test_a_session_that_the_server_reported_is_sent_back_as_settings(dialect: str) -> None:
    module = cases.DIALECTS[dialect]
    frame = next(f for f in cases.frames(dialect, "server") if '"session.created"' in f)
    created = module.decode_server(frame)
    assert created.session.id
    back = json.loads(module.encode(module.SessionUpdate(session=created.session)))["session"]
    assert back["model"] == created.session.model
    assert not {"id", "object", "expires_at", "client_secret"} & set(back)


SNAPSHOTS = [
    ("ga", "session.created", "realtime"),
    ("ga", "session.updated", "transcription"),
    ("beta", "session.created", None),
    ("beta", "transcription_session.updated", None),
]
READ_ONLY = ("id", "object", "expires_at", "client_secret")


@pytest.mark.parametrize("null", [False, True], ids=["absent", "null"])
@pytest.mark.parametrize(("dialect", "event_type", "session_type"), SNAPSHOTS)
def test_read_only_members_of_a_session_read_none(
    dialect: str, event_type: str, session_type: str | None, null: bool
) -> None:
    session: dict[str, Any] = {"type": session_type} if session_type else {}
    if null:
        session |= dict.fromkeys(READ_ONLY)
    event = cases.DIALECTS[dialect].decode_server(json.dumps({"type": event_type, "session": session}))
    names = [name for name in READ_ONLY if name in event.session.__struct_fields__]
    assert {"id", "object", "expires_at"} <= set(names)
    assert [getattr(event.session, name) for name in names] == [None] * len(names)


@pytest.mark.parametrize(("dialect", "event_type", "session_type"), SNAPSHOTS)
def test_settings_in_server_events_keep_absent_and_null_apart(
    dialect: str, event_type: str, session_type: str | None
) -> None:
    decode = cases.DIALECTS[dialect].decode_server
    session: dict[str, Any] = {"type": session_type} if session_type else {}
    snapshot = decode(json.dumps({"type": event_type, "session": session})).session
    settings = set(snapshot.settings_type.__struct_fields__) - snapshot.read_only_fields
    assert {getattr(snapshot, name) for name in settings} == {realtime.UNSET}
    session |= dict.fromkeys(settings)
    snapshot = decode(json.dumps({"type": event_type, "session": session})).session
    assert {getattr(snapshot, name) for name in settings} == {None}


# --- repr ----------------------------------------------------------------------------

LONG = bytes(range(256)) * 48


@pytest.mark.parametrize(
    "event",
    [
        realtime.InputAudioBufferAppend(audio=LONG),
        realtime.ResponseOutputAudioDelta(
            item_id="i", response_id="r", output_index=0, content_index=0, delta=LONG
        ),
        realtime.ConversationItemCreate(
            item=realtime.MessageItem(role="user", content=[realtime.InputAudio(audio=LONG)])
        ),
        beta.create_audio_input(base64.b64encode(LONG).decode()),
        live.ResponseEvent(event=live.Json(b'"' + b"x" * 12_000 + b'"')),
        realtime.UnknownEvent("x", LONG),
    ],
    ids=lambda event: type(event).__name__,
)
def test_repr_shortens_audio_and_raw_json(event: Any) -> None:
    assert len(repr(event)) < 330
    longest = max(re.findall(r"<\d+ [^>]*>", repr(event)), key=len)
    assert len(longest) <= 80
    assert re.match(r"<(12288|12002|16384) (bytes|characters)", longest)


def test_repr_shows_fields_and_short_audio() -> None:
    assert repr(realtime.InputAudioBufferAppend(audio=b"\0\1")) == (
        "InputAudioBufferAppend(event_id=UNSET, audio=b'\\x00\\x01')"
    )
    assert repr(realtime.InputAudioBufferAppend(audio=bytes(9600))) == (
        "InputAudioBufferAppend(event_id=UNSET, "
        "audio=<9600 bytes: b'\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x00'...>)"
    )
    strided: Any = memoryview(bytes(64))[::2]
    assert "memory" in repr(realtime.InputAudioBufferAppend(audio=strided))


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_repr_names_every_field(dialect: str, side: str, frame: str) -> None:
    event = cases.decoder(dialect, side)(frame)
    text = repr(event)
    assert text.startswith(type(event).__name__ + "(")
    assert all(f"{name}=" in text for name in event.__struct_fields__)


# --- Public names --------------------------------------------------------------------


@pytest.mark.parametrize(
    "module", [realtime.events, beta, translation, live], ids=lambda module: module.__name__
)
def test_dir_shows_exactly_the_public_names(module: ModuleType) -> None:
    assert dir(module) == sorted(module.__all__)
    assert len(set(module.__all__)) == len(module.__all__)
    for name in module.__all__:
        assert hasattr(module, name), name
    assert {"UNSET", "Maybe", "Unknown", "UnknownEvent", "ServerEvent", "ClientEvent"} <= set(module.__all__)


def _own_names(module: ModuleType) -> set[str]:
    """Return the public names of a module, without those that it imports."""
    imported = {
        alias.asname or alias.name
        for node in ast.parse(inspect.getsource(module)).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    return {name for name in vars(module) if name[0].isalpha()} - imported


def test_the_package_has_the_names_of_every_module() -> None:
    modules = (audio_buffer, base, conversation, items, response, session, tools)
    gathered = [name for module in modules for name in _own_names(module)]
    assert len(gathered) == len(set(gathered))
    expected = {*gathered, "ClientEvent", "ServerEvent", "Model", "TranscriptionModel", "UNSET", "Voice"}
    # These are for the codecs.
    assert expected - {"first_byte", "strip_read_only"} == set(realtime.events.__all__)


@pytest.mark.parametrize("side", cases.SIDES)
@pytest.mark.parametrize("dialect", cases.DIALECTS)
def test_every_class_that_a_decoder_builds_is_public(dialect: str, side: str) -> None:
    module = cases.DIALECTS[dialect]
    found: set[type[msgspec.Struct]] = set()
    for event in cases.event_classes(dialect, side):
        _structs(event, found)
    assert [cls for cls in found if getattr(module, cls.__name__, None) is not cls] == []
