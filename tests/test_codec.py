"""The codec: audio, unknown events, errors, limits, appends, encoding, peeking, relays, long audio."""

from __future__ import annotations

import base64
import contextlib
import copy
import json
import pickle
import re
import subprocess
import sys
import threading
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pybase64
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import ConfigError, DecodeError, EncodeError, beta, codec, live, spec, translation
from realtime.format import OPENAI_FORMATS
from tests import cases
from tests.work import count_lines

DELTA = (
    '{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"i",'
    '"output_index":0,"content_index":0,"delta":"AQACAA=="}'
)


def test_audio_payloads_are_bytes() -> None:
    event = realtime.decode_server(DELTA)
    assert isinstance(event, realtime.ResponseOutputAudioDelta)
    assert event.delta == b"\1\0\2\0"
    assert np.frombuffer(event.delta, "<i2").tolist() == [1, 2]


@pytest.mark.parametrize("decode", [realtime.decode_server, realtime.decode_client, beta.decode_server])
def test_an_unknown_event_keeps_its_bytes(decode: Any) -> None:
    frame = b' {"x": [1, {"y": null}],\n "type": "response.hologram.delta"} '
    event = decode(frame)
    assert event == realtime.UnknownEvent("response.hologram.delta", frame)
    assert realtime.encode(event) == frame
    assert beta.encode(event) == frame


def test_a_decoded_event_does_not_alias_or_lock_its_input() -> None:
    frame = bytearray(b'{"type":"unknown.event","x":1}')
    event = realtime.decode_server(frame)
    audio = realtime.decode_server(data := bytearray(DELTA.encode()))
    frame[2:6] = b"____"
    frame.append(0)
    data.clear()
    assert isinstance(event, realtime.UnknownEvent)
    assert event.raw == b'{"type":"unknown.event","x":1}'
    assert isinstance(audio, realtime.ResponseOutputAudioDelta)
    assert audio.delta == b"\1\0\2\0"


BAD_FRAMES = {
    "empty": (b"", "", "$"),
    "not JSON": (b"hello", "", "$"),
    "an array": (b"[1]", "", "$"),
    "no type": (b'{"event_id":"e"}', "", "$"),
    "a type that is a number": (b'{"type":5}', "", "$.type"),
    "truncated": (b'{"type":"error","error":{"type":"x"', "error", "$"),
    "bad UTF-8": (b'{"type":"error","error":{"type":"x","message":"\xff"}}', "error", "$"),
    "a lone surrogate": (b'{"type":"session.nope","x":"\xed\xa0\x80"', "session.nope", "$"),
    "a missing field": (b'{"type":"response.done"}', "response.done", "$"),
    "a wrong kind": (
        b'{"type":"response.output_text.done","content_index":{}}',
        "response.output_text.done",
        "$.content_index",
    ),
    "a wrong kind in a list": (
        b'{"type":"rate_limits.updated","rate_limits":[{},{"limit":"x"}]}',
        "rate_limits.updated",
        "$.rate_limits[1].limit",
    ),
    "audio that is not base64": (
        DELTA.replace("AQACAA==", "AQ*CAA==").encode(),
        "response.output_audio.delta",
        "$.delta",
    ),
    "bytes after the end": (b'{"type":"error","error":{"type":"x","message":"m"}} x', "error", "$"),
}


@pytest.mark.parametrize(("frame", "event_type", "path"), BAD_FRAMES.values(), ids=BAD_FRAMES)
def test_an_invalid_frame_is_a_decode_error_with_its_path(frame: bytes, event_type: str, path: str) -> None:
    with pytest.raises(realtime.DecodeError) as caught:
        realtime.decode_server(frame)
    error = caught.value
    assert isinstance(error, ValueError)
    assert error.path == path
    assert error.event_type == event_type
    assert len(error.payload) <= 80


@pytest.mark.parametrize("frame", [b"", "", b" \r\n", bytearray(), memoryview(b"")])
def test_an_empty_frame_is_reported_as_empty(frame: Any) -> None:
    def decode_if(frame: Any) -> object:
        return realtime.decode_server_if(frame, set())

    for read in (realtime.decode_server, realtime.decode_client, realtime.peek_type, decode_if):
        with pytest.raises(realtime.DecodeError, match="an empty frame"):
            read(frame)


def test_a_decode_error_states_the_expected_type() -> None:
    with pytest.raises(realtime.DecodeError) as caught:
        realtime.decode_server(b'{"type":"session.created","session":{"type":"realtime","model":5}}')
    assert caught.value.expected == "str | null"
    assert str(caught.value).startswith(
        "Expected `str | null`, got `int` at `$.session.model` in 'session.created'"
    )


def test_a_decode_error_has_only_the_head_of_the_payload() -> None:
    secret = "s" * 5000
    with pytest.raises(realtime.DecodeError) as caught:
        realtime.decode_client(json.dumps({"type": "session.update", "session": 5, "x": secret}))
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("frame", [None, 5, 1.5, [], {}, object()])
def test_a_frame_of_a_wrong_type_is_a_type_error(frame: Any) -> None:
    for decode in (realtime.decode_server, realtime.decode_client, realtime.peek_type):
        with pytest.raises(TypeError):
            decode(frame)


def test_released_and_non_contiguous_views() -> None:
    raw = DELTA.encode()
    doubled = bytes(byte for byte in raw for _ in range(2))
    assert realtime.decode_server(memoryview(doubled)[::2]) == realtime.decode_server(raw)
    released = memoryview(raw)
    released.release()
    with pytest.raises(realtime.DecodeError):
        realtime.decode_server(released)


# --- Limits --------------------------------------------------------------------------


def test_a_codec_has_its_own_limits() -> None:
    small = realtime.Codec(max_frame_bytes=100, max_depth=4)
    with pytest.raises(realtime.DecodeError, match="more than 100"):
        small.decode_server(DELTA)
    nested = '{"type":"unknown.event","x":' + "[" * 4 + "]" * 4 + "}"
    with pytest.raises(realtime.DecodeError, match="deeper than 4"):
        small.decode_server(nested)
    assert isinstance(realtime.decode_server(nested), realtime.UnknownEvent)


def test_the_smallest_and_largest_limits() -> None:
    with pytest.raises(realtime.DecodeError, match=r"more than 1$"):
        realtime.Codec(max_frame_bytes=1).decode_server(b"{}")
    for depth in (1, 300):
        limited = realtime.Codec(max_depth=depth)
        for inner in (depth - 1, depth):
            frame = b'{"type":"zap","x":%b}' % (b"[" * inner + (b"" if inner else b"1") + b"]" * inner)
            if inner < depth:
                assert limited.decode_server(frame) == realtime.UnknownEvent("zap", frame)
            else:
                with pytest.raises(realtime.DecodeError, match=f"deeper than {depth}"):
                    limited.decode_server(frame)


@pytest.mark.parametrize("limits", [{"max_depth": 0}, {"max_depth": 10_000}, {"max_frame_bytes": 0}])
def test_impossible_limits_are_refused(limits: Any) -> None:
    with pytest.raises(realtime.ConfigError):
        realtime.Codec(**limits)


@pytest.mark.parametrize(
    "text", ["\u20ac" * 100, "\U0001f600" * 80, "\xe9" * 150, "a" * 260, "\u20ac" * 2000]
)
def test_the_size_of_a_frame_is_that_of_its_bytes(text: str) -> None:
    """Whatever the characters take, and whether the frame is short enough to be decoded without a look."""
    frame = '{"type":"response.output_text.delta","item_id":"","response_id":"","output_index":0,"content_index":0,"delta":"%s"}'
    frame %= text
    size = len(frame.encode())
    exact, small = realtime.Codec(max_frame_bytes=size), realtime.Codec(max_frame_bytes=size - 1)
    requested = {"response.output_text.delta"}
    for container in (frame, frame.encode(), bytearray(frame.encode()), memoryview(frame.encode())):
        assert exact.decode_server(container).delta == text
        assert exact.decode_server_if(container, requested).delta == text
        with pytest.raises(realtime.DecodeError, match="more than"):
            small.decode_server(container)
        with pytest.raises(realtime.DecodeError, match="more than"):
            small.decode_server_if(container, requested)


# Frames of a known event that nest to any depth, in members that it does not have: whatever a frame
# contains, it goes through the same check.
NESTING = {
    "arrays": ('{"type":"error","error":{"type":"t","message":"m"},"x":%s}', "[", "]", 1),
    "objects": ('{"type":"error","error":{"type":"t","message":"m"},"x":%s}', '{"a":', "}", 1),
    "objects in a delta": ('{"type":"response.output_text.delta","item_id":"i","response_id":"r","output_index":0,"content_index":0,"delta":"d","x":%s}', '{"a":', "}", 1),
    "objects in long audio": ('{"type":"response.output_audio.delta","item_id":"i","response_id":"r","output_index":0,"content_index":0,"delta":"' + "A" * 8000 + '","x":%s}', '{"a":', "}", 1),
    "an unknown event": ('{"type":"zap","x":%s}', '{"a":', "}", 1),
    "an array in an unknown event": ('{"type":"zap","x":%s}', "[", "]", 1),
    "the type last": ('{"x":%s,"type":"zap"}', '{"a":', "}", 1),
}  # fmt: skip


@pytest.mark.parametrize(("template", "opening", "closing", "outer"), NESTING.values(), ids=NESTING)
@pytest.mark.parametrize("max_depth", [1, 2, 9, 255, 256, 300])
def test_the_depth_is_limited_exactly_whatever_the_frame(
    template: str, opening: str, closing: str, outer: int, max_depth: int
) -> None:
    limited = realtime.Codec(max_depth=max_depth)
    kind = json.loads(template % 0)["type"]
    readers: list[Any] = [limited.decode_server, lambda frame: limited.decode_server_if(frame, {kind})]
    if max_depth > 2:
        inner = max_depth - outer
        frame = template % (opening * inner + "0" + closing * inner)
        for container in (frame, frame.encode(), bytearray(frame.encode())):
            for read in readers:
                assert read(container).type == kind
    inner = max_depth - outer + 1
    frame = template % (opening * inner + "0" + closing * inner)
    for container in (frame, frame.encode(), bytearray(frame.encode())):
        for read in readers:
            with pytest.raises(realtime.DecodeError):
                read(container)


@pytest.mark.parametrize("levels", [200, 251, 252, 253, 290])
def test_an_event_that_nests_deeper_than_its_codec_decodes_is_not_encoded(levels: int) -> None:
    tool = realtime.FunctionTool(name="f", parameters={"x": _nested(levels)})
    event = realtime.SessionUpdate(session=realtime.RealtimeSession(tools=[tool]))
    if levels <= 251:  # in parameters, the tool, the tools, the session and the event
        assert realtime.decode_client(realtime.encode(event)) == event
        return
    with pytest.raises(realtime.EncodeError, match="nests deeper than 256"):
        realtime.encode(event)


def test_brackets_in_strings_do_not_count_as_depth() -> None:
    text = '[{"' * 1000
    frame = json.dumps({"type": "response.output_text.done", "event_id": "e", "response_id": "r",
                        "item_id": "i", "output_index": 0, "content_index": 0, "text": text})  # fmt: skip
    event = realtime.decode_server(frame)
    assert isinstance(event, realtime.ResponseOutputTextDone)
    assert event.text == text


HOSTILE = [
    b"[" * 200_000,
    b'{"a":' * 100_000,
    b'{"type":"session.update","session":' + b"[" * 50_000,
    b'{"type":"x","y":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    b'{"type":"conversation.item.done","item":{"type":"zap","y":' + b'{"a":[' * 300 + b"]}" * 300 + b"}}",
    b'{"type":"x","y":"' + b"\\" * 9_999,
    b'{"type":"x\\"' + b"[" * 9_999,
]


def test_deep_nesting_is_refused_on_a_small_stack() -> None:
    outcomes: list[BaseException | None] = []

    def run() -> None:
        for frame in HOSTILE:
            try:
                realtime.decode_server(frame)
            except BaseException as error:
                outcomes.append(error)
            else:
                outcomes.append(None)

    previous = threading.stack_size(128 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(previous)
    assert [type(outcome) for outcome in outcomes] == [realtime.DecodeError] * len(HOSTILE)


@given(st.binary(max_size=200))
def test_any_bytes_decode_or_raise_a_decode_error(frame: bytes) -> None:
    for decode in (realtime.decode_server, realtime.decode_client, beta.decode_server):
        with contextlib.suppress(realtime.DecodeError):
            assert decode(frame).type


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), _JSON, max_size=5), st.text(max_size=20))
def test_any_object_with_an_unknown_type_keeps_its_json(members: dict[str, Any], name: str) -> None:
    frame = json.dumps({**members, "type": f"unknown.{name}"})
    try:
        event = realtime.decode_server(frame)
    except realtime.DecodeError:
        with pytest.raises((msgspec.DecodeError, UnicodeError)):
            msgspec.json.decode(frame)
        return
    assert isinstance(event, realtime.UnknownEvent)
    assert event.type == f"unknown.{name}"
    assert event.raw == frame.encode()


# --- Appends -------------------------------------------------------------------------

AUDIO = bytes(range(256)) * 4


@pytest.mark.parametrize(
    "audio",
    [
        AUDIO,
        bytearray(AUDIO),
        memoryview(AUDIO),
        memoryview(b"__" + AUDIO)[2:],
        memoryview(bytes(b for byte in AUDIO for b in (byte, 0)))[::2],
        np.frombuffer(AUDIO, "<i2"),
        np.frombuffer(AUDIO, "u1"),
        base64.b64encode(AUDIO).decode(),
    ],
    ids=["bytes", "bytearray", "view", "slice", "strided", "int16", "uint8", "base64"],
)
def test_append_takes_any_buffer(audio: Any) -> None:
    frame = realtime.encode_append(audio)
    assert json.loads(frame) == {
        "type": "input_audio_buffer.append",
        "audio": base64.b64encode(AUDIO).decode(),
    }
    assert realtime.decode_client(frame) == realtime.InputAudioBufferAppend(audio=AUDIO)
    assert realtime.encode(realtime.decode_client(frame)) == frame


@given(st.binary(max_size=100), st.text(max_size=20))
def test_append_is_what_a_json_encoder_writes(audio: bytes, event_id: str) -> None:
    plain = {
        "type": "input_audio_buffer.append",
        "event_id": event_id,
        "audio": base64.b64encode(audio).decode(),
    }
    frame = realtime.encode_append(audio, event_id=event_id)
    assert json.loads(frame) == plain
    assert frame == realtime.encode(realtime.InputAudioBufferAppend(audio=audio, event_id=event_id))


@pytest.mark.parametrize(
    "nothing",
    [b"", "", bytearray(), memoryview(b""), memoryview(b"abcd")[:0], np.empty(0, "<i2"), np.empty(0, "u1"),
     np.zeros((0, 3), "<i2"), np.zeros((3, 0), "u1"), np.zeros(9, "<i2")[9:], np.zeros(9, "<i2")[::3][:0]],
    ids=lambda x: f"{type(x).__name__}{getattr(x, 'shape', '')}",
)  # fmt: skip
def test_an_append_of_nothing(nothing: Any) -> None:
    frame = b'{"type":"input_audio_buffer.append","audio":""}'
    assert realtime.encode_append(nothing) == frame
    assert realtime.encode(realtime.InputAudioBufferAppend(audio=nothing)) == frame
    assert realtime.create_audio_input(nothing).audio == b""


@pytest.mark.parametrize("text", ["a", "AQAC*A==", 'AQ","x":"', "AQAC AA=", "AQ\nAC", "é", "\ud800"])
def test_a_str_that_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(realtime.EncodeError):
        realtime.encode_append(text)


def test_an_append_over_the_limit_is_refused() -> None:
    with pytest.raises(realtime.EncodeError):
        realtime.encode_append(bytes(spec.MAX_APPEND_BYTES + 1))
    with pytest.raises(realtime.EncodeError):
        realtime.encode_append("A" * (spec.MAX_APPEND_BYTES // 3 * 4 + 8))


@pytest.mark.parametrize("audio", [None, 5, [1], np.zeros(4, "f4"), np.zeros(4, ">i2"), np.zeros(4, "i4")])
def test_an_append_of_something_else_is_a_type_error(audio: Any) -> None:
    with pytest.raises(TypeError):
        realtime.encode_append(audio)


# --- Encoding ------------------------------------------------------------------------


def test_absent_stays_absent_and_null_stays_null() -> None:
    session = realtime.RealtimeSession(
        audio=realtime.AudioConfig(input=realtime.AudioInput(turn_detection=None)), tracing=None
    )
    assert realtime.encode(realtime.SessionUpdate(session=session)) == (
        b'{"type":"session.update","session":{"type":"realtime",'
        b'"audio":{"input":{"turn_detection":null}},"tracing":null}}'
    )


@pytest.mark.parametrize(
    "value", [None, 5, "x", {}, b'{"type":"response.cancel"}', realtime.RealtimeSession()]
)
def test_encoding_something_else_than_an_event_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        realtime.encode(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), "\ud800", {1, object()}])
def test_a_value_that_json_cannot_express_is_an_encode_error(value: Any) -> None:
    tool = realtime.FunctionTool(name="f", parameters={"x": [value]})
    with pytest.raises(realtime.EncodeError) as caught:
        realtime.encode(realtime.SessionUpdate(session=realtime.RealtimeSession(tools=[tool])))
    assert caught.value.event_type == "session.update"


def test_numpy_scalars_are_numbers() -> None:
    end: Any = np.int64(1500)
    event = realtime.ConversationItemTruncate(item_id="i", content_index=0, audio_end_ms=end)
    assert json.loads(realtime.encode(event))["audio_end_ms"] == 1500
    half: Any = np.float32(0.5)
    vad = realtime.ServerVad(threshold=half)
    session = realtime.RealtimeSession(
        audio=realtime.AudioConfig(input=realtime.AudioInput(turn_detection=vad))
    )
    assert b'"threshold":0.5' in realtime.encode(realtime.SessionUpdate(session=session))


def test_an_event_of_another_dialect_is_refused() -> None:
    event: Any = beta.ResponseAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=b""
    )
    assert beta.encode(event).startswith(b'{"type":"response.audio.delta"')
    with pytest.raises(realtime.EncodeError):
        realtime.encode(event)


class _Mine(realtime.ResponseCancel, tag="response.cancel"):
    """A user-defined subclass of an event."""


def test_a_subclass_of_an_event_encodes() -> None:
    assert realtime.encode(_Mine()) == b'{"type":"response.cancel"}'


# --- Peeking -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "frame",
    [
        '{"type":"a.b"}',
        ' { "type" : "a.b" } ',
        '{"event_id":"x","n":-1.5e3,"t":true,"z":null,"type":"a.b","type_":"c"}',
        '{"item":{"type":"c"},"type":"a.b"}',
        '{"x":"\\"type\\":\\"c\\"","type":"a.b"}',
        '{"type":"a\\u002eb"}',
        '{"typed":"c","type":"a.b"}',
    ],
)
def test_peek_type_reads_the_type(frame: str) -> None:
    for container in (frame, frame.encode(), bytearray(frame.encode()), memoryview(frame.encode())):
        assert realtime.peek_type(container) == "a.b"


@pytest.mark.parametrize(
    "frame",
    [
        '{"x":"\ud800","type":"a"}',
        b"",
        b"{}",
        b"[]",
        b'{"type":',
        b'{"type":"a',
        b'{"type":5}',
        b'{"type":"\xff"}',
        b"[" * 9999,
    ],
)
def test_peek_type_of_a_frame_without_a_type(frame: bytes) -> None:
    with pytest.raises(realtime.DecodeError):
        realtime.peek_type(frame)


@given(st.binary(max_size=60))
def test_peek_type_of_any_bytes(frame: bytes) -> None:
    with contextlib.suppress(realtime.DecodeError):
        assert isinstance(realtime.peek_type(b'{"type' + frame), str)


FUNCTIONS = [
    "decode_server", "decode_client", "decode_server_if", "decode_client_if", "encode", "encode_append",
]  # fmt: skip


@pytest.mark.parametrize("module", [realtime, beta, live, translation])
def test_the_functions_of_a_module_are_those_of_its_codec(module: Any) -> None:
    assert [function.__name__ for function in module.Codec().functions()] == FUNCTIONS
    assert [getattr(module, name).__name__ for name in FUNCTIONS] == FUNCTIONS
    assert module.encode.__self__ is module.encode_append.__self__
    assert type(module.encode.__self__) is module.Codec


def test_the_functions_pickle_and_have_help() -> None:
    for name in FUNCTIONS[:4]:
        function = getattr(realtime, name)
        assert pickle.loads(pickle.dumps(function)) is function
        assert function.__doc__.startswith("Decode a frame")


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_values_are_copied_and_pickled(clone: Any) -> None:
    for value in (
        realtime.UnknownEvent("a", b"{}"),
        realtime.UnknownItem("a", b"{}"),
        *OPENAI_FORMATS,
        realtime.AudioFormat("pcm16", 16_000),
        realtime.UNSET,
        realtime.decode_server(DELTA),
        realtime.create_session_config(),
    ):
        cloned = clone(value)
        assert cloned == value
        assert type(cloned) is type(value)
    for module in (realtime, beta, live, translation):
        codec = clone(module.Codec(max_frame_bytes=100, max_depth=9))
        assert type(codec) is module.Codec
        with pytest.raises(realtime.DecodeError, match="more than 100"):
            codec.decode_server(b" " * 101)
        with pytest.raises(realtime.DecodeError, match="deeper than 9"):
            codec.decode_client(b"[" * 90)


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
def test_a_copied_codec_is_as_exact_as_its_original(clone: Any) -> None:
    server = '{"type":"rate_limits.updated","rate_limits":[{"name":"tokens","limit":5.0}]}'
    client = '{"type":"conversation.item.truncate","item_id":"i","content_index":0,"audio_end_ms":1.0}'
    exact, lenient = clone(realtime.Codec(exact=True)), clone(realtime.Codec())
    for decode, frame in ((exact.decode_server, server), (exact.decode_client, client)):
        with pytest.raises(realtime.DecodeError, match="Expected `int"):
            decode(frame)
    assert lenient.decode_server(server).rate_limits[0].limit == 5
    assert lenient.decode_client(client).audio_end_ms == 1


# --- Relays --------------------------------------------------------------------------


def test_a_relay_decodes_only_the_requested_types() -> None:
    requested = {"response.done"}
    assert realtime.decode_server_if(DELTA, requested) is None
    assert realtime.decode_server_if(DELTA.replace("AQACAA==", "not base64"), requested) is None
    event = realtime.decode_server_if(b'{"type":"response.done","response":{"id":"r"}}', requested)
    assert isinstance(event, realtime.ResponseDone)
    assert isinstance(realtime.decode_client_if(b'{"type":"x.y"}', {"x.y"}), realtime.UnknownEvent)
    assert beta.decode_client_if(b'{"type":"response.cancel"}', set()) is None


@pytest.mark.parametrize("types", ["response.done", "", b"response.done"])
def test_a_single_type_is_not_a_set_of_types(types: Any) -> None:
    frame = b'{"type":"response.done","response":{"id":"r"}}'
    for decode_if in (realtime.decode_server_if, realtime.decode_client_if):
        with pytest.raises(TypeError, match="types must be a set of event types, not a"):
            decode_if(frame, types)


def test_a_relay_refuses_an_invalid_frame() -> None:
    for frame in (b"", b"nonsense", b'{"x":1}'):
        with pytest.raises(realtime.DecodeError):
            realtime.decode_server_if(frame, set())
    with pytest.raises(realtime.DecodeError):
        realtime.Codec(max_frame_bytes=50).decode_server_if(DELTA, set())
    with pytest.raises(TypeError):
        realtime.decode_server_if(5, set())  # type: ignore[arg-type]


def _layouts(frame: str) -> list[str]:
    """Return `frame` as different servers would write it: with its type first, second, or last."""
    wire = json.loads(frame)
    rest = {name: value for name, value in wire.items() if name != "type"}
    kind = {"type": wire["type"]}
    event_id = {"event_id": rest.pop("event_id", "event_CDuqPcbYaVvcXTxJjc0AN")}
    orders = (
        kind | event_id | rest,
        kind | rest,
        event_id | kind | rest,
        event_id | rest | kind,
        rest | kind,
    )
    return [
        *(json.dumps(order, separators=separators) for order in orders for separators in ((",", ":"), None)),
        json.dumps(wire, indent=1),
        " " + json.dumps(wire),
        json.dumps(wire).replace('"type"', '"t\\u0079pe"', 1),
    ]


@pytest.mark.parametrize(("dialect", "side"), [(d, s) for d in cases.DIALECTS for s in cases.SIDES])
def test_a_relay_gets_what_the_decoder_gives_in_every_layout(dialect: str, side: str) -> None:
    decode = cases.decoder(dialect, side)
    decode_if = getattr(cases.DIALECTS[dialect], f"decode_{side}_if")
    for frame in cases.frames(dialect, side):
        kind = json.loads(frame)["type"]
        for layout in _layouts(frame):
            for container in (
                layout,
                layout.encode(),
                bytearray(layout.encode()),
                memoryview(layout.encode()),
            ):
                for _ in range(2):  # the first may leave a guess about the layout that is wrong
                    assert decode_if(container, {kind}) == decode(container)
                    assert decode_if(container, frozenset({kind + "x", kind[:-1]})) is None
            assert realtime.peek_type(layout) == realtime.peek_type(layout.encode()) == kind


HEADS = st.sampled_from(
    [
        '{"type":"',
        '{"type": "',
        '{ "type":"',
        '{"event_id":"e","type":"',
        '{"type":',
        '{"x":"',
        "{",
        "[",
        "",
        '{"type":""',
    ]
)
TAGS = st.sampled_from(
    ["response.done", "response.output_text.delta", "conversation.item.input_audio_transcription.completed",
     "conversation.item.input_audio_transcription.x", "error", "zap", "response.don", "input_audio_buffer.cleared", "\xff", "é"]
)  # fmt: skip
TAILS = st.sampled_from(
    [
        '"',
        '"}',
        '","event_id":"event_1","x":[1]}',
        '", "event_id": "event_1"}',
        '\\u0041"}',
        "",
        ',"type":"error"}',
        '","item_id":5}',
    ]
)


@given(st.sampled_from(_layouts(DELTA)), HEADS, TAGS, TAILS, st.booleans(), st.integers(0, 99))
def test_a_relay_gets_the_same_result_whatever_came_before(
    before: str, head: str, tag: str, tail: str, as_bytes: bool, length: int
) -> None:
    text = (head + tag + tail)[:length]
    frame: Any = text.encode("latin-1") if as_bytes else text
    realtime.decode_server_if(before.encode(), set())
    try:
        kind = realtime.peek_type(frame)
    except realtime.DecodeError:
        with pytest.raises(realtime.DecodeError):
            realtime.decode_server_if(frame, {tag})
        return
    assert realtime.decode_server_if(frame, {"a.b"}) is None
    realtime.decode_server_if(before.encode(), set())
    expected = _outcome(realtime.decode_server, frame)
    assert _outcome(lambda frame: realtime.decode_server_if(frame, {kind}), frame) == expected


@pytest.mark.parametrize("container", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")], ids=["compact", "spaced"])
@pytest.mark.parametrize(("dialect", "side"), [(d, s) for d in cases.DIALECTS for s in cases.SIDES])
def test_frames_that_are_not_requested_are_recognised_by_their_first_characters(
    dialect: str, side: str, separators: tuple[str, str], container: Any
) -> None:
    decode_if = getattr(cases.DIALECTS[dialect], f"decode_{side}_if")
    for frame in cases.frames(dialect, side):
        event_id = {"event_id": "event_1"}
        wire = {"type": json.loads(frame)["type"]} | event_id | json.loads(frame) | event_id
        made = container(json.dumps(wire, separators=separators))
        decode_if(made, set())  # the first frame makes the lookup
        short = len(wire["type"]) < 19  # a search for the end of the type follows
        assert count_lines(decode_if, made, set()) <= (14 if short or len(wire["type"]) > 37 else 10)
        assert count_lines(decode_if, container(json.dumps({"type": wire["type"]})), set()) <= 14


@pytest.mark.parametrize(
    "template", ['{"type":"response.output_text.delta","x":"%s"}', '{"event_id":"e","type":"zap","x":"%s"}']
)
def test_the_work_of_a_relay_does_not_grow_with_the_frame(template: str) -> None:
    frames = [(template % ("x" * size)).encode() for size in (10, 1000, 10_000, 100_000, 1_000_000)]
    for read in (realtime.peek_type, lambda frame: realtime.decode_server_if(frame, set())):
        for frame in frames:  # decoders are made
            read(frame)
        work = [count_lines(read, frame) for frame in frames]
        assert max(work) <= 2 * min(work)


@pytest.mark.parametrize("released", [False, True])
def test_a_relay_may_pass_any_view(released: bool) -> None:
    view = memoryview(DELTA.encode())
    assert realtime.decode_server_if(view[::1], {"response.output_audio.delta"}) == realtime.decode_server(
        DELTA
    )
    if released:
        view.release()
        with pytest.raises(realtime.DecodeError):
            realtime.decode_server_if(view, set())


# --- Encoded events are validated ----------------------------------------------------


@pytest.mark.parametrize(
    ("event", "path"),
    [
        (lambda wrong: realtime.ConversationItemTruncate(item_id="i", content_index=0, audio_end_ms=wrong(100.5)), "$.audio_end_ms"),
        (lambda wrong: realtime.ConversationItemTruncate(item_id=wrong(None), content_index=0, audio_end_ms=1), "$.item_id"),
        (lambda wrong: realtime.SessionUpdate(session=wrong(5)), "$.session"),
        (lambda wrong: realtime.SessionUpdate(session=realtime.RealtimeSession(tools=[wrong("f")])), "$.session.tools[0]"),
        (lambda wrong: realtime.ResponseCreate(response=realtime.ResponseParams(metadata={"a": wrong(5)})), "$.response.metadata"),
        (lambda wrong: beta.SessionUpdate(session=beta.RealtimeSessionConfig(temperature=wrong("hot"))), "$.session.temperature"),
    ],
)  # fmt: skip
def test_a_field_of_a_wrong_type_is_an_encode_error_with_its_path(event: Any, path: str) -> None:
    invalid = event(lambda value: value)
    module: Any = beta if isinstance(invalid, beta.SessionUpdate) else realtime
    with pytest.raises(realtime.EncodeError, match=re.escape(path)):
        module.encode(invalid)


@pytest.mark.parametrize(
    "encode",
    [
        lambda: realtime.encode_append(b"a", event_id="\ud800"),
        lambda: realtime.encode(realtime.InputAudioBufferAppend(audio=b"a", event_id="\ud800")),
        lambda: beta.encode_append("\ud800"),
        lambda: realtime.encode(realtime.InputAudioBufferAppend(audio=None)),  # type: ignore[arg-type]
        lambda: realtime.encode(realtime.InputAudioBufferAppend(audio=b"a", event_id=5)),  # type: ignore[arg-type]
        lambda: realtime.encode(
            realtime.SessionUpdate(session=realtime.RealtimeSession(tools=[realtime.FunctionTool(parameters=_nested(600))]))
        ),
        lambda: realtime.encode(
            realtime.SessionUpdate(session=realtime.RealtimeSession(tools=[realtime.FunctionTool(parameters={1.0, float("nan")})]))
        ),
    ],
)  # fmt: skip
def test_any_invalid_value_in_an_event_is_an_encode_error(encode: Any) -> None:
    with pytest.raises(realtime.EncodeError):
        encode()


def _nested(depth: int) -> Any:
    value: Any = None
    for _ in range(depth):
        value = [value]
    return value


def test_an_extra_member_must_not_name_a_field_that_is_absent() -> None:
    with pytest.raises(realtime.EncodeError, match="response_id"):
        realtime.encode(realtime.ResponseCancel(), extra={"$.response_id": "r"})


def test_a_long_path_is_stated() -> None:
    wrong: Any = 5
    key = "k" * 70
    event = realtime.ResponseCreate(response=realtime.ResponseParams(metadata={key: wrong}))
    with pytest.raises(realtime.EncodeError, match=rf"at `\$\.response\.metadata\['{key}'\]`"):
        realtime.encode(event)


@pytest.mark.parametrize("nbytes", [0, 1, 2, 3, 4_000, 9_001])
def test_audio_of_any_event_is_base64(nbytes: int) -> None:
    audio = bytes(range(256)) * 40
    ids: Any = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
    delta = realtime.ResponseOutputAudioDelta(**ids, delta=audio[:nbytes])
    frame = realtime.encode(delta)
    wire = {"type": "response.output_audio.delta", **ids, "delta": base64.b64encode(audio[:nbytes]).decode()}
    assert json.loads(frame) == wire
    assert realtime.decode_server(frame) == delta


def test_an_event_id_of_a_wrong_type_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        realtime.encode_append(b"a", event_id=5)  # type: ignore[arg-type]


@pytest.mark.parametrize("raw", ["{}", bytearray(b"{}"), None])
def test_raw_json_is_bytes(raw: Any) -> None:
    with pytest.raises(TypeError):
        realtime.UnknownEvent("a", raw)


# --- Frames of every shape -----------------------------------------------------------

DEEP = b'{"type":"x","a":' + b"[" * 5000 + b"]" * 5000 + b"}"


@pytest.mark.parametrize(
    "frame",
    [
        memoryview(DEEP).cast("B", shape=[1, len(DEEP)]),
        memoryview(DEEP + b" " * (-len(DEEP) % 4)).cast("I"),
        memoryview(DEEP).cast("B", shape=[len(DEEP), 1]),
        np.frombuffer(DEEP, "u1").reshape(1, -1),
        bytearray(DEEP),
        DEEP.decode(),
    ],
    ids=["1xN", "wide items", "Nx1", "ndarray", "bytearray", "str"],
)
def test_limits_apply_to_frames_of_every_shape(frame: Any) -> None:
    refused: list[BaseException] = []

    def run() -> None:
        for decode in (
            realtime.decode_server,
            realtime.decode_client,
            realtime.Codec(max_depth=9).decode_server,
        ):
            try:
                decode(frame)
            except realtime.DecodeError as error:
                refused.append(error)

    previous = threading.stack_size(128 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(previous)
    assert len(refused) == 3
    small = realtime.Codec(max_frame_bytes=50)
    with pytest.raises(realtime.DecodeError, match="more than 50"):
        small.decode_server(frame)
    with pytest.raises(realtime.DecodeError, match="more than 50"):
        small.decode_server_if(frame, {"x"})


@pytest.mark.parametrize("frame", [[0] * 1000, dict.fromkeys(range(500)), (1,) * 400, {1} | set(range(400))])
def test_a_long_frame_of_a_wrong_type_is_a_type_error(frame: Any) -> None:
    with pytest.raises(TypeError):
        realtime.decode_server(frame)


def test_a_codecs_limits_apply_at_any_position_of_the_type() -> None:
    frame = b'{"x":' + b"[" * 280 + b"]" * 280 + b',"type":"zzz"}'
    assert isinstance(realtime.Codec(max_depth=290).decode_server(frame), realtime.UnknownEvent)
    assert realtime.Codec(max_depth=290).decode_server_if(frame, {"zzz"}) is not None
    with pytest.raises(realtime.DecodeError):
        realtime.decode_server(frame)


@pytest.mark.parametrize("inner", ["[" * 9 + "]" * 9, '{"a":' * 9 + "1" + "}" * 9], ids=["arrays", "objects"])
@pytest.mark.parametrize(
    "template", ['{"type":"response.created","x":%s}', '{"x":%s,"type":"response.created"}']
)
def test_a_relay_limits_the_depth_of_short_frames(template: str, inner: str) -> None:
    limited, wide = realtime.Codec(max_depth=9), realtime.Codec()
    text = template % inner
    for frame in (text, text.encode(), bytearray(text.encode())):
        for kind in ('{"type":"error"}', '{"x":1,"type":"error"}'):  # what came before must not matter
            limited.decode_server_if(kind, set())
            limited.decode_server_if(kind.encode(), set())
            with pytest.raises(realtime.DecodeError, match="deeper than 9"):
                limited.decode_server_if(frame, {"response.created"})
        with pytest.raises(realtime.DecodeError, match="missing required field `response`"):
            wide.decode_server_if(frame, {"response.created"})


def test_an_exact_codec_is_exact_in_a_relay() -> None:
    exact = realtime.Codec(exact=True)
    for frame in (
        '{"type":"rate_limits.updated","rate_limits":[{"name":"tokens","limit":5.0}]}',
        '{"rate_limits":[{"name":"tokens","limit":5.0}],"type":"rate_limits.updated"}',
    ):
        assert realtime.decode_server_if(frame, {"rate_limits.updated"}) is not None
        for each in (frame, frame.encode()):
            with pytest.raises(realtime.DecodeError, match="Expected `int"):
                exact.decode_server_if(each, {"rate_limits.updated"})


@pytest.mark.parametrize("head", ["", '"x":[1],', '"x":{"type":"c.d"},', '"x":"\\"",', '"x":1,'])
def test_the_first_of_two_types_counts_everywhere(head: str) -> None:
    frame = f'{{{head}"type":"response.cancel","type":"input_audio_buffer.clear"}}'
    assert realtime.peek_type(frame) == "response.cancel"
    assert realtime.decode_client(frame).type == "response.cancel"
    assert realtime.decode_client_if(frame, {"input_audio_buffer.clear"}) is None


@pytest.mark.parametrize(
    "frame",
    [
        b'{"type":"zap","x":"\xff"}',
        b'{"type":"session.update","session":{"type":"realtime","tools":[{"type":"zz","a":"\xff"}]}}',
    ],
)
def test_raw_json_that_is_retained_is_utf8(frame: bytes) -> None:
    with pytest.raises(realtime.DecodeError):
        realtime.decode_client(frame)


@pytest.mark.parametrize(
    "frame",
    [
        json.dumps({"type": "response.create", "response": {"metadata": {"K" * 100_000: 5}}}),
        '{"type":"' + "T" * 100_000 + '", bad',
        json.dumps({"type": "session.update", "session": "S" * 100_000}),
    ],
)
def test_error_messages_do_not_grow_with_the_frame(frame: str) -> None:
    with pytest.raises(realtime.DecodeError) as caught:
        realtime.decode_client(frame)
    assert len(str(caught.value)) < 500


@pytest.mark.slow
@pytest.mark.parametrize("count", [49_998, 49_999])
def test_decoding_gives_up_at_the_documented_number_of_parts(count: int) -> None:
    """The item and its content count too."""
    parts = ",".join(['{"type":"x"}'] * count)
    frame = (
        '{"type":"conversation.item.done","item":{"type":"message","role":"user","content":[' + parts + "]}}"
    )
    if count == 49_998:
        assert len(realtime.decode_server(frame).item.content) == count
        return
    with pytest.raises(realtime.DecodeError, match="too many parts of the frame do not fit their types"):
        realtime.decode_server(frame)


def test_decoding_gives_up_after_too_many_parts_that_do_not_fit() -> None:
    head = '{"type":"conversation.item.done","item":{"type":"message","role":"user","content":['
    many, few = (head + ",".join(['{"type":"x"}'] * count) + "]}}" for count in (60_000, 200))
    with pytest.raises(realtime.DecodeError, match="too many parts"):
        realtime.decode_server(many)
    assert isinstance(realtime.decode_server(few), realtime.ConversationItemDone)


def test_a_star_import_does_not_import_numpy() -> None:
    code = "import sys\nfrom realtime import *\nassert 'numpy' not in sys.modules\nassert decode_server"
    subprocess.run([sys.executable, "-c", code], check=True)


# --- Long audio: the splice around SIMD base64 -----------------------------------------

LONG_AUDIO = bytes(range(256)) * 20
LONG_BASE64 = base64.b64encode(LONG_AUDIO).decode()
MODULES = (realtime, beta, translation, live)
DELTA_TYPES = [
    "response.output_audio.delta", "response.audio.delta", "session.output_audio.delta",
    "input_audio_buffer.append", "session.input_audio_buffer.append", "session.input_audio.append",
    "session.output_audio.fixture.play", "response.output_text.delta", "zap", "error",
]  # fmt: skip


def _outcome(decode: Any, frame: Any) -> Any:
    try:
        event = decode(frame)
    except realtime.DecodeError as error:
        return str(error), error.path
    return type(event), event


@pytest.fixture(scope="module")
def both_paths() -> Any:
    """Pairs of decoders for every dialect and side: one that always tries the splice, one that never does."""
    pairs = []
    for least in (0, 1 << 60):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(codec, "SPLICE_MIN_BYTES", least)
            codecs = [module.Codec(max_depth=30) for module in MODULES]
        pairs.append([decode for c in codecs for decode in (c.decode_server, c.decode_client)])
    return list(zip(*pairs, strict=True))


def _assert_equal_results(both_paths: Any, frame: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(codec, "SPLICE_MIN_BYTES", 0)
        taken = [_outcome(splicing, frame) for splicing, _ in both_paths]
        patch.setattr(codec, "SPLICE_MIN_BYTES", 1 << 60)
        assert taken == [_outcome(plain, frame) for _, plain in both_paths]


# Values for the audio's key, as JSON: valid, invalid, escaped, of another type.
_VALUES = st.sampled_from([
    f'"{LONG_BASE64}"', '""', '"AAAA"', '"AA=="', '"AA="', '"A*AA"', '"AAAA\\/AAA"', '"AAAA\\u0041AAA"', '"AA AA"',
    '"AAAA\\""', "null", "5", '["AAAA"]', '{"delta":"AAAA"}', '"AAAA', '"\xff"', '"é"', '"=AAA"', '"AB=="',
])  # fmt: skip
_KEYS = st.sampled_from(
    ['"delta"', '"audio"', '"d\\u0065lta"', '"x"', '"item_id"', '"delta" ', '"Delta"', '"event_id"', '"type"']
)
_COLONS = st.sampled_from([":", ": ", " :", ":\n", ":  ", "::"])
_MEMBERS = st.lists(st.tuples(_KEYS, _COLONS, _VALUES).map("".join), max_size=3)
_EXTRAS = st.lists(
    st.sampled_from([
        '"x":{"delta":"AAAA"}', '"x":[{"audio":"AAAA"}]', '"x":"\\"delta\\":\\"AAAA\\""', '"x":"delta"', '"x":"{["',
        '"event_id":"e"', '"event_id":null', '"x":[]', '"output_index":0.0', '"x":' + "[" * 40, '"":""', "",
    ]),
    max_size=3,
)  # fmt: skip
_NEEDED = ['"response_id":"r"', '"item_id":"i"', '"output_index":0', '"content_index":0']


@st.composite
def _frames(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(DELTA_TYPES))
    main = draw(st.sampled_from(['"delta":', '"audio":', '"delta": ', '"audio" :'])) + draw(_VALUES)
    members = [f'"type":"{kind}"', *_NEEDED, main, *draw(_MEMBERS), *draw(_EXTRAS)]
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    head, tail = draw(
        st.sampled_from([("{", "}"), (" {", "} "), ("{", "}}"), ("[{", "}]"), ("{", ""), ("", "}")])
    )
    return head + draw(st.sampled_from([",", ", ", ",,"])).join(members) + tail


@given(_frames())
def test_the_splice_equals_the_plain_decoder(both_paths: Any, frame: str) -> None:
    _assert_equal_results(both_paths, frame)
    _assert_equal_results(both_paths, frame.encode())


def test_the_splice_equals_the_plain_decoder_for_every_case(both_paths: Any) -> None:
    for _, _, frame in cases.ALL:
        _assert_equal_results(both_paths, frame)


@pytest.mark.parametrize("template", [
    '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"%s"}',
    '{"delta": "%s", "type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}',
    '{"type":"response.output_audio.delta","delta":"%s","response_id":"r","item_id":"i","output_index":0,"content_index":0,"obfuscation":"x"}',
])  # fmt: skip
def test_long_audio_is_spliced(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = template % LONG_BASE64
    assert len(frame) > codec.SPLICE_MIN_BYTES
    b64decode = Mock(wraps=pybase64.b64decode)
    monkeypatch.setattr(pybase64, "b64decode", b64decode)
    fresh = realtime.Codec()
    for container in (frame, frame.encode(), bytearray(frame.encode()), memoryview(frame.encode())):
        event = fresh.decode_server(container)
        assert isinstance(event, realtime.ResponseOutputAudioDelta)
        assert event.delta == LONG_AUDIO
    assert b64decode.call_count == 4


@pytest.mark.parametrize(
    "members",
    [
        f'"x":{{"delta":"{LONG_BASE64}"}},"delta":""',  # the audio is empty; the base64 is in a nested object
        f'"delta":"{LONG_BASE64}","delta":""',  # the last of two counts
        f'"audio":"{LONG_BASE64}","delta":""',  # another field's audio
        f'"delta":"{LONG_BASE64}","d\\u0065lta":""',
        f'"d\\u0065lta":"","delta":"{LONG_BASE64}"',
        f'"delta" :"","delta":"{LONG_BASE64}"',
    ],
)
def test_audio_that_is_not_the_events_own_is_not_spliced(members: str) -> None:
    frame = ",".join(['{"type":"response.output_audio.delta"', *_NEEDED, members]) + "}"
    event = realtime.decode_server(frame)
    assert isinstance(event, realtime.ResponseOutputAudioDelta)
    assert event.delta == (LONG_AUDIO if members.endswith(f'{LONG_BASE64}"') else b"")


def test_an_error_about_the_audio_of_an_append_names_the_event_once() -> None:
    event = realtime.InputAudioBufferAppend(audio="abc")  # type: ignore[arg-type]
    with pytest.raises(realtime.EncodeError) as raised:
        realtime.encode(event)
    assert str(raised.value) == "a str of audio must be base64 in 'input_audio_buffer.append'"


# --- The sentences of errors ---------------------------------------------------------


def _session_with(parameters: Any) -> Any:
    tool = realtime.FunctionTool(parameters=parameters)
    return realtime.SessionUpdate(session=realtime.RealtimeSession(tools=[tool]))


ANY: Any = realtime
NAN_REFUSED = "NaN and infinity cannot be sent in 'session.update'"


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: realtime.Codec(max_frame_bytes=0), ConfigError, "max_frame_bytes must be at least 1, got 0"),
    (lambda: realtime.Codec(max_depth=0), ConfigError, "max_depth must be from 1 to 300, got 0"),
    (lambda: realtime.Codec(max_depth=301), ConfigError, "max_depth must be from 1 to 300, got 301"),
    (lambda: ANY.decode_server(5), TypeError, "a frame must be bytes-like or a str, not int"),
    (lambda: ANY.decode_client(None), TypeError, "a frame must be bytes-like or a str, not NoneType"),
    (lambda: ANY.decode_server_if("{}", "x"), TypeError, "types must be a set of event types, not a str"),
    (lambda: ANY.decode_client_if(b"{}", b"x"), TypeError, "types must be a set of event types, not a bytes"),
    (lambda: ANY.encode(5), TypeError, "an event is required, not int"),
    (
        lambda: ANY.encode(beta.ResponseAudioDone(response_id="r", item_id="i", output_index=0, content_index=0)),
        EncodeError, "not an event of this dialect in 'response.audio.done'",
    ),
    (lambda: realtime.encode(_session_with({"a": float("nan")})), EncodeError, NAN_REFUSED),
    (lambda: realtime.encode(_session_with({"a": [1.0, float("inf")]})), EncodeError, NAN_REFUSED),
    (lambda: realtime.encode(_session_with({"a": (1.0, {"b": float("-inf")})})), EncodeError, NAN_REFUSED),
    (lambda: realtime.encode(_session_with({"a": {float("nan")}})), EncodeError, NAN_REFUSED),
    (lambda: realtime.encode(_session_with({"a": frozenset([float("nan")])})), EncodeError, NAN_REFUSED),
    (lambda: realtime.encode(_session_with({"a": object()})), EncodeError, "cannot encode a object in 'session.update'"),
    (
        lambda: realtime.encode(ANY.ConversationItemDelete(item_id=5)),
        EncodeError, "Expected `str`, got `int` at `$.item_id` in 'conversation.item.delete'",
    ),
    (
        lambda: realtime.encode(realtime.ConversationItemDelete(item_id="\ud800")),
        EncodeError, "the text is not valid Unicode in 'conversation.item.delete'",
    ),
    (lambda: realtime.encode_append(b"a", event_id="\ud800"), EncodeError, "the text is not valid Unicode"),
    (
        lambda: realtime.encode(ANY.InputAudioBufferAppend(audio=None)),
        EncodeError, "audio must be a buffer or a str, not NoneType in 'input_audio_buffer.append'",
    ),
    (
        lambda: realtime.encode(realtime.ResponseCancel(), extra={"$.a": float("nan")}),
        EncodeError, "NaN and infinity cannot be sent in 'response.cancel'",
    ),
])  # fmt: skip
def test_a_refusal_states_its_reason(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == message
    assert type(raised.value) is error


DELETED = "conversation.item.deleted"
WRONG_ID = "Expected `str`, got `int`"
NO_UNICODE = "the text is not valid Unicode"


@pytest.mark.parametrize(("frame", "event_type", "reason"), [
    ('{"type":"error",', "error", "Input data was truncated"),
    (b'{"type":"error","x":"\xff"}', "error", NO_UNICODE),
    (b'{"type":"zap","x":"\xff"}', "zap", NO_UNICODE),
    ('{"type":"error","x":"\ud800"}', "", NO_UNICODE),
    ('{"x":"\ud800","type":"zap"}', "", NO_UNICODE),
    ("", "", "an empty frame"), (b" \n", "", "an empty frame"), (bytearray(), "", "an empty frame"),
    (f'{{"type":"{DELETED}","item_id":5}}', DELETED, WRONG_ID),
    (f'{{"item_id":5,"type":"{DELETED}"}}', DELETED, WRONG_ID),
    (f'{{"item_id":5,"a":{{}},"type":"{DELETED}"}}', DELETED, WRONG_ID),
])  # fmt: skip
def test_a_refused_frame_has_its_type_and_reason(frame: Any, event_type: str, reason: str) -> None:
    frames = [frame]
    if isinstance(frame, str) and frame.isascii():
        frames += [frame.encode(), bytearray(frame.encode()), memoryview(frame.encode())]
    for container in frames:
        for decode in (
            realtime.decode_server,
            lambda frame: realtime.decode_server_if(frame, {DELETED, "error", "zap"}),
        ):
            with pytest.raises(DecodeError) as raised:
                decode(container)
            assert raised.value.reason == reason
            assert raised.value.event_type in (event_type, "")
            assert raised.value.payload == "" or raised.value.payload[:1] in "{ \\"
        with pytest.raises(DecodeError) as raised:
            realtime.decode_server(container)
        assert raised.value.event_type == event_type


@pytest.mark.parametrize("limit", [60, 255, 256, 257, 1_020, 1_024, 5_000, 12_004])
@pytest.mark.parametrize("kind", ["error", "zap", DELETED])
@pytest.mark.parametrize(
    "template", ['{"type":"KIND","x":"%s"}', '{"x":"%s","type":"KIND"}', '{"type":"KIND","x":["%s"]}']
)
def test_the_limit_of_bytes_is_inclusive(limit: int, kind: str, template: str) -> None:
    codec = realtime.Codec(max_frame_bytes=limit)
    frame = template.replace("KIND", kind) % ("x" * (limit - len(template) + 2 - len(kind) + 4))
    assert len(frame) == limit
    for text, fits in ((frame, True), (frame.replace("xx", "xxx", 1), False)):
        for container in (text, text.encode(), bytearray(text.encode()), memoryview(text.encode())):
            for decode, found in (
                (codec.decode_server, kind),
                (lambda frame: codec.decode_server_if(frame, {kind}), kind),
                (lambda frame: codec.decode_server_if(frame, set()), None),
            ):
                if fits:
                    event: Any = decode(container)
                    assert getattr(event, "type", None) == found
                else:
                    with pytest.raises(
                        DecodeError, match=f"bytes, more than {limit}|more than {limit} bytes"
                    ):
                        decode(container)


# --- The shortest way through the decoder ------------------------------------------------


def cleared(size: int, text: str = "", *, type_first: bool = True) -> str:
    """Return a flat frame of `size` characters, with `text` in a string."""
    kind = '"type":"input_audio_buffer.cleared"'
    head = f'{{{kind},"event_id":"{text}' if type_first else f'{{"event_id":"{text}'
    tail = '"}' if type_first else f'",{kind}}}'
    return head + "e" * (size - len(head) - len(tail)) + tail


@pytest.mark.parametrize("type_first", [True, False])
@pytest.mark.parametrize("as_frame", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.parametrize(
    "types", [None, {"input_audio_buffer.cleared"}, {"other"}], ids=["all", "wanted", "not"]
)
@pytest.mark.parametrize(("limit", "flat", "harmless"), [(128 * 1024 * 1024, 2999, 256), (800, 200, 200)])
def test_the_work_for_a_frame_that_cannot_exceed_a_limit(
    limit: int, flat: int, harmless: int, types: set[str] | None, as_frame: Any, type_first: bool
) -> None:
    """No check is made of a frame that is as short as a limit, or flat and shorter than long audio."""
    codec = realtime.Codec(max_frame_bytes=limit)

    def work(size: int, text: str = "") -> int:
        frame = as_frame(cleared(size, text, type_first=type_first))
        assert len(frame) == size
        for _ in range(2):  # the decoder is built, and guesses the layout from the last frame
            read(frame)
        return count_lines(read, frame)

    def read(frame: Any) -> Any:
        return codec.decode_server(frame) if types is None else codec.decode_server_if(frame, types)

    least = work(harmless - 50)
    assert work(harmless) == work(harmless, "[") == work(harmless, "{") == least
    if flat > harmless:
        assert least <= work(harmless + 1) == work(flat) <= least + 4
    checked = [work(flat + 1)]
    if flat > harmless:
        checked += [work(harmless + 1, "["), work(harmless + 1, "{"), work(flat, "[")]
    if types == {"other"} and type_first:  # the type is enough
        assert {*checked} == {least}
    else:
        assert min(checked) > least + 4


@pytest.mark.parametrize("as_frame", [str, str.encode], ids=["str", "bytes"])
def test_the_layout_is_guessed_from_the_last_frame(as_frame: Any) -> None:
    codec = realtime.Codec()
    unknown = as_frame('{"type":"zap","x":[1]}')

    def work(type_first: bool) -> int:
        return count_lines(codec.decode_server_if, as_frame(cleared(200, type_first=type_first)), {"other"})

    for type_first in (True, False, False, True):  # the lookups are made
        codec.decode_server_if(as_frame(cleared(200, type_first=type_first)), {"other"})
    codec.decode_server_if(unknown, {"other"})
    expected = work(True)
    surprised, learned = work(False), work(False)
    assert learned < surprised - 5
    assert work(True) == expected  # found by its third character
    assert work(False) == learned  # a frame with the type first does not change the guess
    codec.decode_server_if(unknown, {"other"})  # but one whose type is not known does
    assert work(False) == surprised


def work_of(read: Any, frame: Any) -> int:
    """Return the lines of a call, after two that are not counted."""
    for _ in range(2):
        read(frame)
    return count_lines(read, frame)


def test_the_type_near_the_beginning_is_enough_for_a_frame_that_is_not_wanted() -> None:
    def work(frame: str) -> int:
        return work_of(lambda frame: realtime.decode_server_if(frame, {"other"}), frame.encode())

    early = '{"x":1,"type":"input_audio_buffer.cleared","event_id":"%s"}' % ("e" * 4000)
    late = '{"x":1,"event_id":"%s","type":"input_audio_buffer.cleared"}' % ("e" * 4000)
    assert work(early) < work(late) - 5
    assert work('{"type":"zap","x":[%s]}' % ("1," * 2000 + "1")) < work(late) - 5


def test_a_long_frame_is_copied_and_measured_only_if_it_must_be() -> None:
    frame = cleared(4000).encode()
    exact, larger = (realtime.Codec(max_frame_bytes=limit) for limit in (4000, 4001))
    assert work_of(exact.decode_server, frame) == work_of(larger.decode_server, frame)
    assert work_of(exact.decode_server, frame) < work_of(exact.decode_server, bytearray(frame))
    assert work_of(exact.decode_server, frame) < work_of(exact.decode_server, cleared(4000, "[").encode())
    assert work_of(exact.decode_server, frame) < work_of(exact.decode_server, cleared(4000, "{").encode())


def test_the_audio_of_a_long_delta_is_decoded_apart() -> None:
    audio = base64.b64encode(bytes(3000)).decode()
    ids = '"response_id":"r","item_id":"i","output_index":0,"content_index":0'
    last = f'{{"type":"response.output_audio.delta",{ids},"delta":"{audio}"}}'.encode()
    early = f'{{"type":"response.output_audio.delta","delta":"{audio}",{ids}}}'.encode()
    slow = last.replace(b'"item_id":"i"', b'"item_id":"\\u0069"')
    assert realtime.decode_server(last) == realtime.decode_server(early) == realtime.decode_server(slow)
    # The end of audio that is last needs no search.
    assert work_of(realtime.decode_server, last) < work_of(realtime.decode_server, early)
    with pytest.raises(DecodeError):
        realtime.decode_server(last.replace(b"AAAA", b"AA!!AA", 1))


def test_a_refusal_has_the_frame() -> None:
    with pytest.raises(DecodeError) as refused:
        realtime.decode_server(b'{"type":"zap",')
    assert refused.value.payload == '{"type":"zap",'
