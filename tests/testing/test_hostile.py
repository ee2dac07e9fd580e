"""Hostile client events: whatever a client sends, a session answers, and works afterwards.

The events are made from the types of the dialect: complete ones, and each with every member absent, null and
of every wrong type, at every depth.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime import beta, translation
from realtime.codec import event_classes
from realtime.testing import ServerProtocol
from tests.testing.helpers import COMMIT, PCM16, RESPOND, append, formats, tone

DIALECTS: dict[str, Any] = {"ga": r, "beta": beta, "translation": translation}
# Names of the types that stand for everything unknown.
OTHERS = ("Unknown", "UnknownEvent")


def complete(kind: Any, depth: int = 0) -> Iterator[Any]:
    """Yield complete values of a type, one for each member of a union, with the given names of members."""
    info = msgspec.inspect
    match kind:
        case info.StructType(fields=fields, tag_field=tag_field, tag=tag):
            base = {} if tag is None else {tag_field: tag}
            choices = {
                each.encode_name: list(complete(each.type, depth + 1)) if depth < 7 else [None]
                for each in fields
            }
            for turn in range(max([1, *map(len, choices.values())])):
                yield base | {name: values[turn % len(values)] for name, values in choices.items() if values}
        case info.UnionType(types=types):
            for each in types:
                if not (isinstance(each, info.StructType) and each.cls.__name__.startswith(OTHERS)):
                    yield from complete(each, depth)
        case info.ListType(item_type=item):
            yield list(complete(item, depth + 1))[:6]
        case info.DictType():
            yield {"key": "value", "nested": {"deep": [None]}}
        case info.LiteralType(values=values):
            yield from values[:2]
        case info.StrType():
            yield "alloy"
        case info.IntType():
            yield 1
        case info.FloatType():
            yield 1.0
        case info.BoolType():
            yield True
        case info.BytesType() | info.ByteArrayType() | info.MemoryViewType():
            yield "AAAA"
        case info.NoneType():
            return
        case info.EnumType(cls=cls):
            yield next(iter(cls)).value
        case _:
            yield {"anything": 1}


WRONG: tuple[Any, ...] = (
    None, "", "\x9b\u202e", -1, 1 << 70, 0.5, [], [None], {}, {"type": "x"},
)  # fmt: skip
MISSING = object()


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every member and element in `value`."""
    members = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, member in members:
        yield (*path, key)
        yield from places(member, (*path, key))


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """Return a copy with the member at `path` replaced, or removed."""
    value = copy.deepcopy(value)
    owner = value
    for key in path[:-1]:
        owner = owner[key]
    if new is MISSING:
        del owner[path[-1]]
    else:
        owner[path[-1]] = new
    return value


def client_types(dialect: str) -> list[type]:
    return list(event_classes(DIALECTS[dialect].ClientEvent))


CASES = [(dialect, kind) for dialect in DIALECTS for kind in client_types(dialect)]


def fresh(dialect: str) -> ServerProtocol:
    return ServerProtocol(dialect=dialect)  # type: ignore[arg-type]


def with_audio(dialect: str) -> ServerProtocol:
    session = fresh(dialect)
    if dialect == "ga":
        for event in (formats(), append(tone(PCM16, 500)), COMMIT, RESPOND, append(tone(PCM16, 500))):
            session.feed(r.encode(event))
    return session


def responding(dialect: str) -> ServerProtocol:
    session = ServerProtocol(dialect=dialect, paced=True)  # type: ignore[arg-type]
    session.feed(r.encode(RESPOND))
    return session


def transcribing(dialect: str) -> ServerProtocol:
    return ServerProtocol(dialect=dialect, session_type="transcription")  # type: ignore[arg-type]


STATES: list[Callable[[str], ServerProtocol]] = [fresh, with_audio, responding, transcribing]


def check(session: ServerProtocol, frame: bytes) -> list[str]:
    """Feed a frame. Returns the types of the answers, which can all be encoded."""
    events = session.feed(frame)
    for event in events:
        assert json.loads(session.encode(event))["type"] == event.type
    if not session.is_closed:
        (probe,) = session.feed('{"type":"no such event","event_id":"probe"}')
        assert probe.error.event_id == "probe" or session.is_closed
    return [event.type for event in events]


def member_of(event: Any, path: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the member that `path` leads to: names, and the types of the objects on the way."""
    found: list[Any] = []
    for key in path:
        found.append(event.get("type") if isinstance(event, dict) else "[]")
        found.append(key if isinstance(key, str) else "[]")
        event = event[key]
    return (*found, type(event))


def frames_of(kind: type, changes: tuple[Any, ...]) -> list[bytes]:
    """Return complete events of a type, one for each of its members and each of `changes` to it."""
    seen: set[tuple[Any, ...]] = set()
    frames: list[bytes] = []
    for event in complete(msgspec.inspect.type_info(kind)):
        for path in places(event):
            member = member_of(event, path)
            if member not in seen:
                seen.add(member)
                frames += [json.dumps(changed(event, path, new)).encode() for new in changes]
    return frames


@pytest.mark.mostly_slow(quick=13)
@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize(("dialect", "kind"), CASES, ids=lambda case: getattr(case, "__name__", case))
def test_every_member_absent_null_or_wrong(
    dialect: str, kind: type, state: Callable[[str], ServerProtocol]
) -> None:
    session = state(dialect)
    frames = frames_of(kind, (MISSING, *WRONG) if state is fresh else (MISSING, None))
    assert frames
    for frame in frames:
        if session.is_closed or "error" not in check(session, frame):
            session = state(dialect)


@pytest.mark.parametrize(("dialect", "kind"), CASES, ids=lambda case: getattr(case, "__name__", case))
def test_every_required_member_is_missed(dialect: str, kind: type) -> None:
    """A missing member of the event itself is refused with its name."""
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    event = next(complete(info))
    for field in info.fields:
        if field.required:
            (error,) = fresh(dialect).feed(json.dumps(changed(event, (field.encode_name,), MISSING)))
            assert (error.error.code, error.error.param) == ("missing_required_parameter", field.encode_name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.data())
def test_random_sequences_of_hostile_events(data: st.DataObject) -> None:
    dialect = data.draw(st.sampled_from(sorted(DIALECTS)))
    session = ServerProtocol(dialect=dialect, paced=data.draw(st.booleans()))  # type: ignore[arg-type]
    session.open()
    for _ in range(data.draw(st.integers(1, 8))):
        kind = data.draw(st.sampled_from(client_types(dialect)))
        event = data.draw(st.sampled_from(list(complete(msgspec.inspect.type_info(kind)))))
        for _ in range(data.draw(st.integers(0, 2))):
            path = data.draw(st.sampled_from(list(places(event))))
            event = changed(event, path, data.draw(JSON))
            if not list(places(event)):
                break
        check(session, json.dumps(event).encode())
        for step in session.advance():
            session.encode(step)


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_message_gets_an_answer(message: bytes | str) -> None:
    for dialect in DIALECTS:
        events = fresh(dialect).feed(message)
        assert [event.type for event in events] == ["error"]


@pytest.mark.parametrize(
    "frame",
    [
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"type":"x","y":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b"",
        b" ",
        b"null",
        b"0",
        b'"x"',
    ],
)
def test_frames_that_are_no_events(frame: bytes) -> None:
    for dialect in DIALECTS:
        session = fresh(dialect)
        assert check(session, frame) == ["error"]


def test_errors_have_no_control_characters_and_no_credentials() -> None:
    secret = "sk-proj-0123456789abcdefgh"
    hostile = f"\x1b[2J\x9b\u202e\n {secret}"
    for event in (
        {"type": hostile},
        {"type": "conversation.item.retrieve", "item_id": hostile},
        {"type": "conversation.item.create", "item": {"type": hostile}},
        {"type": "response.create", "response": {"output_modalities": [hostile]}},
        {"type": "response.create", "response": {"audio": {"output": {"format": {"type": hostile}}}}},
        {
            "type": "conversation.item.create",
            "previous_item_id": hostile,
            "item": {"type": "message", "role": "user", "content": []},
        },
        {"type": "session.update", "session": {"type": hostile}},
    ):
        (error,) = fresh("ga").feed(json.dumps(event))
        assert error.type == "error"
        assert error.error.message.isprintable()
        assert secret not in error.error.message


def test_an_exception_of_a_script_is_the_callers() -> None:
    """What goes wrong in a user's own function is not hidden."""
    session = ServerProtocol(script=lambda turn: 1 / 0)  # type: ignore[arg-type]
    with pytest.raises(ZeroDivisionError):
        session.feed(r.encode(RESPOND))
