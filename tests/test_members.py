"""`extras` and `encode(..., extra=...)`: no member of a frame is lost, at any depth of any event."""

from __future__ import annotations

import contextlib
import copy
import json
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import DecodeError, EncodeError, UnknownEvent, beta, extras
from tests import cases

ITEM = {"type": "conversation.item.added", "event_id": "e", "item": {
    "type": "message", "role": "user", "id": "i", "content": [{"type": "input_text", "text": "hi"}]}}  # fmt: skip


def insert(frame: Any, at: str, value: Any) -> str:
    """Return `frame` as JSON with a member at the end of the Python expression `at`."""
    changed = copy.deepcopy(frame)
    exec(f"frame{at} = value", {"frame": changed, "value": value})
    return json.dumps(changed)


@pytest.mark.parametrize(
    ("at", "path"),
    [
        ("['x']", "$.x"),
        ("['item']['speaker']", "$.item.speaker"),
        ("['item']['content'][0]['x']", "$.item.content[0].x"),
        ("['item']['a.b']", '$.item["a.b"]'),
        ("['item']['a b']", '$.item["a b"]'),
        ("['item']['[0]']", '$.item["[0]"]'),
        ("['item']['\"\\\\\\n']", '$.item["\\"\\\\\\n"]'),
        ("['item']['']", '$.item[""]'),
        ("['item']['été']", "$.item.été"),
        ("['item']['a-b_c']", "$.item.a-b_c"),
        ("['item']['$']", '$.item["$"]'),
    ],
)
@pytest.mark.parametrize("value", [None, 1, 1.5, "s", [], {}, [{"y": None}], {"a.b": {"c": [1]}}, 10**30])
def test_a_member_and_its_path(at: str, path: str, value: Any) -> None:
    frame = insert(ITEM, at, value)
    event = realtime.decode_server(frame)
    assert event == realtime.decode_server(json.dumps(ITEM))
    assert extras(event, frame) == {path: value}
    assert json.loads(realtime.encode(event, extra={path: value})) == json.loads(frame)


def objects(value: Any, path: list[Any]) -> Iterator[list[Any]]:
    """Yield the keys to every object within `value`."""
    if isinstance(value, dict) and path[-1:] != ["metadata"]:  # whose values must be strings
        yield path
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(item, (dict, list)):
            yield from objects(item, [*path, key])


def at(value: Any, path: list[Any]) -> Any:
    for key in path:
        value = value[key]
    return value


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_a_member_in_every_object_of_every_event(dialect: str, side: str, frame: str) -> None:
    module, decode = cases.DIALECTS[dialect], cases.decoder(dialect, side)
    wire = json.loads(frame)
    for path in objects(wire, []):
        changed = copy.deepcopy(wire)
        at(changed, path)["zap"] = {"zip": [None]}
        raw = json.dumps(changed)
        event = decode(raw)
        again = json.loads(module.encode(event, extra=module.extras(event, raw)))
        assert cases.without_nulls(again) == cases.without_nulls(changed)
        assert at(again, path)["zap"] == {"zip": [None]}


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_an_ordinary_event_has_none(dialect: str, side: str, frame: str) -> None:
    event = cases.decoder(dialect, side)(frame)
    # OpenAI's example of a beta session.created has three members of GA, all null.
    assert [
        path for path, value in cases.DIALECTS[dialect].extras(event, frame).items() if value is not None
    ] == []


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (
            '{"type":"session.updated","session":{"type":"realtime","tools":[{"type":"function","function":{"name":"f"}}]}}',
            {"$.session.tools[0].function.name": "f"},
        ),
        (
            '{"type":"session.updated","session":{"type":"realtime","audio":{"input":{"turn_detection":{"type":"none","x":1}}}}}',
            {
                "$.session.audio.input.turn_detection.type": "none",
                "$.session.audio.input.turn_detection.x": 1,
            },
        ),
    ],
)
def test_members_that_moved_count_where_they_were(frame: str, expected: Any) -> None:
    event = realtime.decode_server(frame)
    assert extras(event, frame) == expected
    again = json.loads(realtime.encode(event, extra=expected))
    for name, value in json.loads(frame)["session"].items():
        assert name in again["session"]
        assert value == again["session"][name] or name == "tools"
    assert again["session"].get("tools", [{"function": {"name": "f"}}])[0]["function"] == {"name": "f"}


def test_what_is_unknown_as_a_whole_has_no_extras() -> None:
    raw = b'{"type":"zap","x":{"y":1}}'
    assert extras(UnknownEvent("zap", raw), raw) == {}
    frame = '{"type":"conversation.item.added","item":{"type":"hologram","x":1}}'
    assert extras(realtime.decode_server(frame), frame) == {}


def test_values_that_a_setting_defines_are_no_extras() -> None:
    parameters = {"type": "object", "properties": {"x": {"y": 1}}}
    tool = {"type": "function", "name": "f", "parameters": parameters}
    frame = json.dumps({"type": "session.update", "session": {"type": "realtime", "tools": [tool]}})
    assert extras(realtime.decode_client(frame), frame) == {}


@pytest.mark.parametrize("container", [str, str.encode, lambda s: bytearray(s.encode())])
def test_every_kind_of_frame(container: Any) -> None:
    frame = insert(ITEM, "['x']", 1)
    assert extras(realtime.decode_server(frame), container(frame)) == {"$.x": 1}
    assert extras(realtime.decode_server(frame), memoryview(frame.encode())) == {"$.x": 1}


def test_numbers_that_python_does_not_have() -> None:
    frame = '{"type":"error","error":{"type":"t","message":"m"},"x":1e400}'
    event = realtime.decode_server(frame)
    found = extras(event, frame)
    assert bytes(found["$.x"]) == b"1e400"
    assert b'"x":1e400' in realtime.encode(event, extra=found)


# --- Bad input -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ({"$.item.id": "x"}, r"extra \$\.item\.id is a field of the event: set it there"),
        ({"$.item.status": "x"}, "is a field of the event"),
        ({"$.type": "x"}, "is a field of the event"),
        ({"$.item.content[0].type": "x"}, "is a field of the event"),
        ({"$.item.content[1].x": 1}, "is not an item of this list"),
        ({"$.item.content[0]": 1}, "is not an item of this list"),
        ({"$.item.content.x": 1}, "is not an item of this list"),
        ({"$.item[0].x": 1}, "is an item of something that is not a list"),
        ({"$.event_id.x": 1}, "has no members"),
        ({"$.x": 1, "$.x.y": 1}, "is within another extra member"),
        ({"$.x.y": 1, "$.x": 1}, "is given twice"),
        ({"$.x": 1, '$["x"]': 1}, "is given twice"),
        *(({path: 1}, "is not a JSON path") for path in (
            "", "$", "x", "item.x", "$x", "$.", "$..x", "$.x.", "$.x[", "$.x[a]", "$.x[-1]", '$["x',
            '$["\\x"]', "$.x]", "$[]", "$.x[9999999999].y", " $.x",
        )),
        ({"$.x": float("nan")}, "NaN"),
        ({"$.x": "\ud800"}, "Unicode"),
    ],
)  # fmt: skip
def test_extras_that_cannot_be_added(extra: Any, message: str) -> None:
    event = realtime.decode_server(json.dumps(ITEM))
    with pytest.raises(EncodeError, match=message):
        realtime.encode(event, extra=extra)


@pytest.mark.parametrize("extra", [{1: 2}, [("$.x", 1)], {"$.x": object()}])
def test_extras_of_a_wrong_type(extra: Any) -> None:
    with pytest.raises(TypeError):
        realtime.encode(realtime.decode_server(json.dumps(ITEM)), extra=extra)


def test_members_within_an_absent_object() -> None:
    update = realtime.SessionUpdate(session=realtime.RealtimeSession())
    frame = realtime.encode(update, extra={"$.session.audio.input.x": 1, "$.session.y.z": 2})
    assert json.loads(frame)["session"] == {
        "type": "realtime", "audio": {"input": {"x": 1}}, "y": {"z": 2},
    }  # fmt: skip


def test_no_extras_change_nothing() -> None:
    event = realtime.decode_server(json.dumps(ITEM))
    assert realtime.encode(event, extra={}) == realtime.encode(event, extra=None) == realtime.encode(event)
    append = realtime.InputAudioBufferAppend(audio=b"\0\0")
    assert (
        realtime.encode(append, extra={"$.x": 1})
        == b'{"type":"input_audio_buffer.append","audio":"AAA=","x":1}'
    )


@pytest.mark.parametrize(
    "frame", [b"", b"[]", b"null", b'"x"', b"{", b'{"x":}', b'{"x":"\xff"}', b'{"x":' * 300]
)
def test_a_frame_that_is_no_object(frame: bytes) -> None:
    with pytest.raises(DecodeError):
        extras(realtime.decode_server(json.dumps(ITEM)), frame)


def test_arguments_of_a_wrong_type() -> None:
    wrong: Any = {}
    with pytest.raises(TypeError, match="an event is required"):
        extras(wrong, b"{}")
    with pytest.raises(TypeError):
        extras(realtime.ResponseCreate(), wrong)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.data())
def test_random_members_come_back(data: st.DataObject) -> None:
    dialect, side, frame = data.draw(st.sampled_from(cases.ALL))
    module, decode = cases.DIALECTS[dialect], cases.decoder(dialect, side)
    wire = json.loads(frame)
    for path in data.draw(st.lists(st.sampled_from(list(objects(wire, []))), max_size=4)):
        at(wire, path).setdefault("z" + data.draw(st.text()), data.draw(JSON))
    raw = json.dumps(wire)
    event = decode(raw)
    again = json.loads(module.encode(event, extra=module.extras(event, raw)))
    assert cases.without_nulls(again) == cases.without_nulls(wire)


@given(st.binary(), st.sampled_from(cases.ALL))
def test_any_frame_beside_any_event_is_harmless(frame: bytes, case: Any) -> None:
    dialect, side, own = case
    event = cases.decoder(dialect, side)(own)
    for other in (frame, frame.join([b'{"type":', b"}"]), own):
        with contextlib.suppress(DecodeError):
            extras(event, other)


def test_work_grows_with_the_frame() -> None:
    def lines(count: int) -> int:
        items = [{"type": "message", "role": "user", "content": [], f"x{i}": {"y": i}} for i in range(count)]
        frame = json.dumps({"type": "response.done", "response": {"id": "r", "output": items}})
        event = realtime.decode_server(frame)
        executed = 0

        def trace(frame: Any, kind: str, arg: Any) -> Any:
            nonlocal executed
            executed += kind == "line"
            return trace

        sys.settrace(trace)
        try:
            found = extras(event, frame)
            beta_frame = realtime.encode(event, extra=found)
        finally:
            sys.settrace(None)
        assert len(found) == count
        assert json.loads(beta_frame)["response"]["output"] == items
        return executed

    small, large = lines(100), lines(1000)
    assert large < 12 * small
    assert beta.extras is extras
