"""peek_type: where the type may stand, what is refused with which error, and how much is read."""

from __future__ import annotations

import importlib
import json
import sys
from typing import Any

import pytest

import realtime
from realtime import DecodeError, peek_type
from tests import cases
from tests.work import count_lines

CONTAINERS: dict[str, Any] = {
    "str": str,
    "bytes": str.encode,
    "bytearray": lambda text: bytearray(text.encode()),
    "memoryview": lambda text: memoryview(text.encode()),
}
BEFORE = [
    "", '"a":"",', '"a":"x",', '"a":"[{:,",', '"a":-1.5e+30,', '"a":0,', '"a":true,"b":false,"c":null,', '"":"",',
    '"typed":"c","typ":"d",', '"a":"type",', '"a" : "x" ,\n', '"a":{},', '"a":[{"type":"c"}],', '"a":{"type":"c"},',
    '"a":"\\"","b":1,', '"a":"\\\\",', '"\\u0061":1,', '"é":"é",', '"a":"\\u00e9",', '"e":"e","a":[],',
]  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("space", ["", " ", "\n\t "])
def test_the_type_may_stand_behind_any_members(before: str, space: str, container: Any) -> None:
    for after in ("", ',"type":"last"', ',"x":[{"type":"inner"}]', ', "long":"' + "x" * 99 + '"'):
        frame = f'{space}{{{space}{before}{space}"type"{space}:{space}"a.b"{space}{after}}}'
        assert peek_type(container(frame)) == "a.b"


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize("before", BEFORE)
def test_a_relay_finds_the_type_behind_any_members(before: str, container: Any) -> None:
    for kind in ("zap", "\u00e9", "error"):
        for frame in (
            f'{{{before}"type":"{kind}"}}',
            f' {{{before} "type" : "{kind}","x":[{{"type":"inner"}}]}}',
        ):
            assert realtime.decode_server_if(container(frame), {"inner", "zap.x"}) is None
            event = realtime.decode_server_if(container(frame), {kind})
            assert event is not None
            assert event.type == kind


@pytest.mark.parametrize("value", ['"b"', "1", "-1.5", "1e+5", "1E-5", "true", "false", "null"])
def test_a_flat_head_of_a_relayed_frame_is_not_parsed(value: str) -> None:
    flat, nested = (
        b'{"a":%b,"type":"zap","x":[%b1]}' % (first.encode(), b"1," * 200) for first in (value, "{}")
    )
    for frame in (flat, nested, flat, nested):  # the first frames make the lookups
        assert realtime.decode_server_if(frame, set()) is None
    by_head, by_parser = (count_lines(realtime.decode_server_if, frame, set()) for frame in (flat, nested))
    assert by_head < by_parser / 2
    with pytest.raises(DecodeError):
        realtime.decode_server_if(flat.replace(b"zap", b"\xff"), set())


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize(("written", "name"), [
    ("", ""), ("é", "é"), ("a\\u00e9", "aé"), ("a\\n", "a\n"), ('\\"a', '"a'), ("a\\\\", "a\\"), ("a b", "a b"),
    ("' - at `$.type`", "' - at `$.type`"), ("x" * 500, "x" * 500), ("\U0001f600", "\U0001f600"),
])  # fmt: skip
def test_any_type_is_read_as_json(written: str, name: str, container: Any) -> None:
    for frame in (
        f'{{"type":"{written}"}}',
        f'{{"type": "{written}","a":1}}',
        f'{{"a":1,"type":"{written}"}}',
    ):
        assert peek_type(container(frame)) == name == json.loads(frame)["type"]


@pytest.mark.parametrize("container", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.parametrize("text", cases.frames("ga", "server"), ids=lambda text: json.loads(text)["type"])
def test_the_type_of_an_event_is_known_by_its_first_characters(text: str, container: Any) -> None:
    peek_type(container('{"type":"x"}'))  # the first frame makes the lookup
    wire = json.loads(text)
    kind = wire["type"]
    orders = {"type": kind}, {"type": kind, "event_id": "event_1"} | wire | {"event_id": "event_1"}
    for order in orders:
        for separators in ((",", ":"), (", ", ": ")):
            frame = container(json.dumps(order, separators=separators))
            assert peek_type(frame) == kind
            looked_up = len(kind) < 38 and (len(order) == 1 or len(kind) > 18)
            assert count_lines(peek_type, frame) <= (
                6 if looked_up else 14 if separators == (",", ":") else 22
            )


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_the_first_frame_may_be_of_any_kind(container: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.peek", sys.modules["realtime.peek"])  # restores the package's attribute
    monkeypatch.delitem(sys.modules, "realtime.peek")
    imported_anew = importlib.import_module("realtime.peek")
    for kind in ("error", "zap"):
        assert imported_anew.peek_type(container(f'{{"type":"{kind}"}}')) == kind


# --- Frames without a type -------------------------------------------------------------


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
@pytest.mark.parametrize(("frame", "reason", "expected", "path"), [
    ("{}", "Object missing required field `type`", "type", "$"),
    ('{"a":1}', "Object missing required field `type`", "type", "$"),
    ('{"a":{"type":"b"}}', "Object missing required field `type`", "type", "$"),
    ('{"type":5}', "Expected `str`", "", "$.type"),
    ('{"type":null}', "Expected `str`", "", "$.type"),
    ("[]", "Expected `object`, got `array`", "", "$"),
    ("5", "Expected `object`, got `int`", "", "$"),
    ("", "an empty frame", "", "$"),
    (" \n", "an empty frame", "", "$"),
    ('{"type":', "Input data was truncated", "", "$"),
    ('{"type":"a', "Input data was truncated", "", "$"),
    ("{type", "JSON is malformed: object keys must be strings (byte 1)", "", "$"),
])  # fmt: skip
def test_a_frame_without_a_type_is_refused_with_the_reason(
    frame: str, reason: str, expected: str, path: str, container: Any
) -> None:
    with pytest.raises(DecodeError) as raised:
        peek_type(container(frame))
    error = raised.value
    assert (error.reason, error.expected, error.path, error.event_type) == (reason, expected, path, "")
    assert error.payload == (frame if frame.strip() else frame.replace("\n", "\\n"))


@pytest.mark.parametrize("head", [b'{"type":"', b'{"a":1,"type":"', b'{"a":[],"type":"', b'{"type": "'])
def test_a_type_that_is_not_utf8_is_refused(head: bytes) -> None:
    with pytest.raises(DecodeError) as raised:
        peek_type(head + b'\xff"}')
    assert raised.value.reason == "the text is not valid Unicode"
    assert raised.value.payload.startswith(head.decode())


def test_text_that_is_not_unicode_is_refused() -> None:
    with pytest.raises(DecodeError, match=r"^the text is not valid Unicode"):
        peek_type('{"a":"\ud800","type":"b"}')
    with pytest.raises(DecodeError, match=r"^the text is not valid Unicode"):
        peek_type('{"type":"\ud800"}')
    released = memoryview(b"{}")
    released.release()
    with pytest.raises(DecodeError, match="released"):
        peek_type(released)


@pytest.mark.parametrize("frame", [None, 5, ["{}"], {"type": "a"}])
def test_what_is_no_frame_is_a_type_error(frame: Any) -> None:
    with pytest.raises(TypeError):
        peek_type(frame)


# --- Limits ----------------------------------------------------------------------------


@pytest.mark.parametrize("container", CONTAINERS.values(), ids=CONTAINERS)
def test_what_precedes_the_type_may_nest_256_deep(container: Any) -> None:
    for depth in (1, 254, 255):
        frame = '{"a":' + "[" * depth + "]" * depth + ',"type":"b"}'
        assert peek_type(container(frame)) == "b"
    with pytest.raises(DecodeError, match=r"^the frame nests deeper than 256"):
        peek_type(container('{"a":' + "[" * 256 + "]" * 256 + ',"type":"b"}'))


def test_what_follows_the_type_is_not_measured() -> None:
    deep = "[" * 300 + "]" * 300
    assert peek_type('{"type":"b","a":' + deep + "}") == "b"
    assert peek_type('{"c":1, "type":"b","a":' + deep + "}") == "b"


def test_a_long_head_is_read_by_the_parser() -> None:
    for count in (10, 5_000, 50_000):
        assert peek_type("{" + '"a":1,' * count + '"type":"b"}') == "b"
        assert peek_type('{"a":"' + "x" * count + '","type":"b"}') == "b"


def test_the_size_of_a_frame_is_limited() -> None:
    codec = realtime.Codec(max_frame_bytes=100)
    frame = '{"a":"%s","type":"b"}'
    longest = frame % ("x" * (100 - len(frame) + 2))
    assert len(longest) == 100
    assert codec.decode_server_if(bytearray(longest.encode()), set()) is None
    for container in CONTAINERS.values():
        with pytest.raises(DecodeError, match="bytes"):
            codec.decode_server_if(container(" " + longest), set())
