"""Malformed input decodes or raises DecodeError: mutated frames, malformed JSON, threads, memory."""

from __future__ import annotations

import contextlib
import gc
import json
import threading
import tracemalloc
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import beta
from realtime.events.base import Unknown
from tests import cases
from tests.work import count_lines

SOURCES = [(cases.decoder(d, s), cases.DIALECTS[d].encode, frame) for d, s, frame in cases.ALL]
PACKAGE = Path(realtime.__file__).parent
UNEXPECTED: list[Any] = [
    None, True, 0, -1, 1.0, 1.5, 10**30, 1e300, "", "x", "\x00", "\u2028", "AAAA", [], [None], [[]], {},
    {"type": None}, {"type": "zap"}, {"type": ["a"]}, {"function": {"name": "f"}}, {"type": "function"},
    {"function": 5}, {"type": "none"}, {"": {}}, {"type": "message", "content": None},
]  # fmt: skip


def _decode(decode: Any, encode: Any, frame: Any) -> None:
    """Decode, or raise DecodeError; a decoded event encodes, and decodes to itself."""
    try:
        event = decode(frame)
    except realtime.DecodeError:
        return
    again = encode(event)
    assert decode(again) == event
    assert encode(decode(again)) == again


def _places(value: Any) -> list[tuple[Any, Any]]:
    """Return every (container, key) in a JSON value."""
    keys: list[Any] = []
    if isinstance(value, dict):
        keys = list(value)
    elif isinstance(value, list):
        keys = list(range(len(value)))
    here = [(value, key) for key in keys]
    return here + [place for container, key in here for place in _places(container[key])]


@pytest.mark.mostly_slow(quick=28)
@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_every_value_of_every_frame_replaced_by_every_unexpected_value(
    dialect: str, side: str, frame: str
) -> None:
    decode, encode = cases.decoder(dialect, side), cases.DIALECTS[dialect].encode
    wire = json.loads(frame)
    for container, key in _places(wire):
        original = container[key]
        for value in UNEXPECTED:
            container[key] = value
            _decode(decode, encode, json.dumps(wire))
        container[key] = original


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_a_null_or_missing_field_decodes_or_is_named(dialect: str, side: str, frame: str) -> None:
    decode = cases.decoder(dialect, side)
    full = decode(frame)
    for index in range(len(_places(json.loads(frame)))):
        for absent in (False, True):
            wire = json.loads(frame)
            container, key = _places(wire)[index]
            if isinstance(container, list) or key == "type":
                continue
            if absent:
                del container[key]
            else:
                container[key] = None
            try:
                event = decode(json.dumps(wire))
            except realtime.DecodeError as error:
                assert key in error.path or key in error.reason, error
                assert error.event_type == full.type
                continue
            assert not isinstance(event, Unknown)
            back = _without_fillers(json.loads(cases.DIALECTS[dialect].encode(event)), wire)
            if side == "client":
                assert back == wire
            else:
                assert cases.without_nulls(back) == cases.without_nulls(wire)


# The member of Live's appended texts that is sent as null if it was absent: servers require it.
ALWAYS_SENT = ("delegation_id", None)


def _without_fillers(back: Any, wire: Any) -> Any:
    """Return `back` without the members that the lenient decoder added to `wire`."""
    if isinstance(back, list) and isinstance(wire, list):
        return [_without_fillers(*pair) for pair in zip(back, wire, strict=True)]
    if not (isinstance(back, dict) and isinstance(wire, dict)):
        return back
    return {
        name: _without_fillers(value, wire.get(name))
        if name in wire and wire[name] is not None
        else wire.get(name)
        for name, value in back.items()
        if name in wire or not (_is_filler(value) or (name, value) == ALWAYS_SENT)
    }


def _is_filler(value: Any) -> bool:
    return all(map(_is_filler, value.values())) if isinstance(value, dict) else value in ("", 0, [])


REQUIRED = {
    "response.output_audio.delta": ("delta",),
    "response.done": ("response",),
    "conversation.item.added": ("item",),
    "response.output_item.done": ("item",),
}


@pytest.mark.parametrize(("type", "names"), REQUIRED.items())
def test_what_an_event_consists_of_is_not_filled_in(type: str, names: tuple[str, ...]) -> None:
    frame = next(f for f in cases.frames("ga", "server") if json.loads(f)["type"] == type)
    for name in names:
        wire = json.loads(frame)
        del wire[name]
        with pytest.raises(realtime.DecodeError, match=f"missing required field `{name}`"):
            realtime.decode_server(json.dumps(wire))


@given(st.sampled_from(SOURCES), st.data())
def test_mutated_frames(source: tuple[Any, Any, str], data: st.DataObject) -> None:
    decode, encode, frame = source
    raw = bytearray(frame.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        what = data.draw(st.sampled_from(["flip", "cut", "insert", "drop", "repeat"]))
        if what == "flip" and at < len(raw):
            raw[at] = data.draw(st.integers(0, 255))
        elif what == "cut":
            del raw[at:]
        elif what == "insert":
            raw[at:at] = data.draw(
                st.binary(max_size=8) | st.sampled_from([b'"', b"\\", b"[{", b",", b"\xff"])
            )
        elif what == "drop":
            del raw[at : at + data.draw(st.integers(1, 20))]
        else:
            raw[at:at] = raw[at : at + data.draw(st.integers(1, 40))]
    _decode(decode, encode, bytes(raw))


MALFORMED = {
    "BOM": b'\xef\xbb\xbf{"type":"x.y"}',
    "UTF-16": '{"type":"x.y"}'.encode("utf-16"),
    "single quotes": b"{'type':'x.y'}",
    "comment": b'{"type":"x.y"/**/}',
    "trailing comma": b'{"type":"x.y",}',
    "NaN": b'{"type":"x.y","n":NaN}',
    "Infinity": b'{"type":"x.y","n":-Infinity}',
    "leading zero": b'{"type":"x.y","n":01}',
    "bare minus": b'{"type":"x.y","n":-}',
    "huge exponent": b'{"type":"x.y","n":1e99999}',
    "long number": b'{"type":"x.y","n":' + b"9" * 100_000 + b"}",
    "lone high surrogate": b'{"type":"x.y","s":"\\ud800"}',
    "lone low surrogate": b'{"type":"x.y","s":"\\udc00"}',
    "encoded surrogate": b'{"type":"x.y","s":"\xed\xa0\x80"}',
    "overlong": b'{"type":"x.y","s":"\xc0\xaf"}',
    "raw newline": b'{"type":"x.y","s":"\n"}',
    "NUL": b'{"type":"x.y","s":"\0"}',
    "escaped NUL": b'{"type":"x.y","s":"\\u0000"}',
    "bad escape": b'{"type":"x.y","s":"\\x41"}',
    "unclosed": b'{"type":"x.y","s":"',
    "extra brace": b'{"type":"x.y"}}',
    "two values": b'{"type":"x.y"}{"type":"x.y"}',
    "null": b"null",
    "number": b"5",
    "string": b'"session.update"',
    "nothing but space": b" \t\r\n",
    "duplicate type": b'{"type":"x.y","type":"error"}',
    "duplicate field": b'{"type":"error","error":5,"error":{"type":"t","message":"m"}}',
    "escaped type": b'{"\\u0074ype":"x.y"}',
    "empty type": b'{"type":""}',
    "type with quotes": b'{"type":"a\\"b"}',
    "very long type": b'{"type":"' + b"a" * 100_000 + b'"}',
    "many members": b'{"type":"x.y"' + b',"a":1' * 50_000 + b"}",
    "deep unknown": b'{"type":"x.y","d":' + b"[" * 200 + b"]" * 200 + b"}",
}


@pytest.mark.parametrize("frame", MALFORMED.values(), ids=MALFORMED)
def test_malformed_json(frame: bytes) -> None:
    for module in cases.DIALECTS.values():
        for decode in (module.decode_server, module.decode_client):
            for container in (
                frame,
                bytearray(frame),
                memoryview(frame),
                frame.decode("utf-8", "surrogateescape"),
            ):
                _decode(decode, module.encode, container)
    with contextlib.suppress(realtime.DecodeError):
        assert isinstance(realtime.peek_type(frame), str)


def test_malformed_frames_in_many_threads_on_small_stacks() -> None:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            for decode, encode, frame in SOURCES:
                for odd in (
                    frame,
                    frame[:-2],
                    frame.replace(":", ":[", 3),
                    '{"type":"zap","x":' + "[" * 2000,
                ):
                    _decode(decode, encode, odd)
        except BaseException as error:
            raised.append(error)

    previous = threading.stack_size(128 * 1024)
    try:
        threads = [threading.Thread(target=run) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        threading.stack_size(previous)
    assert raised == []


@pytest.mark.slow
def test_no_growth_of_memory() -> None:
    frames = [
        frame.replace('"type":', '"extra":[1,{}],"type":', 1).replace(":0,", ":0.0,")
        for _, _, frame in SOURCES
    ]

    def run() -> None:
        for (decode, encode, frame), odd in zip(SOURCES, frames, strict=True):
            _decode(decode, encode, frame)
            _decode(decode, encode, odd)
            _decode(decode, encode, odd[:-1])

    def allocated() -> int:
        """Return the bytes allocated by lines of this package or their callees; other threads do not count."""
        gc.collect()
        ours = tracemalloc.Filter(inclusive=True, filename_pattern=f"{PACKAGE}/*")
        return sum(trace.size for trace in tracemalloc.take_snapshot().filter_traces([ours]).traces)

    run()
    gc.collect()
    tracemalloc.start()
    try:
        run()
        before = allocated()
        for _ in range(5):
            run()
        after = allocated()
    finally:
        tracemalloc.stop()
    assert after - before < 20_000


# --- Work ----------------------------------------------------------------------------
# By name: a function that makes an input of `n` parts, and the function that gets it.


def _frame(wire: Any) -> str:
    return json.dumps(wire)


def _settings(**settings: Any) -> str:
    return _frame({"type": "session.update", "session": {"type": "realtime", **settings}})


def _tools(count: int, name: str) -> realtime.RealtimeSession:
    tools: list[Any] = [realtime.FunctionTool(name=name)] * count
    return realtime.RealtimeSession(tools=tools)


def _text_parts(count: int) -> realtime.ConversationItemCreate:
    parts: list[Any] = [realtime.InputText(text="x")] * count
    return realtime.ConversationItemCreate(item=realtime.MessageItem(role="user", content=parts))


def _mcp_items(count: int) -> realtime.ResponseDone:
    items: list[Any] = [realtime.McpListToolsItem(server_label="x", tools=[])] * count
    return realtime.ResponseDone(response=realtime.Response(output=items))


WORK: dict[str, tuple[Any, Any]] = {
    "parts of an unknown type": (
        lambda n: _frame({"type": "conversation.item.create", "item": {"type": "message", "role": "user", "content": [{"type": "x"}] * n}}),
        realtime.decode_client,
    ),
    "legacy tools": (lambda n: _settings(tools=[{"type": "function", "function": {"name": "f"}}] * n), realtime.decode_client),
    "integral floats": (
        lambda n: _frame({"type": "rate_limits.updated", "rate_limits": [{"limit": 5.0}] * n}), realtime.decode_server,
    ),
    "members of an object": (
        lambda n: _frame({"type": "response.create", "response": {"metadata": {f"k{i}": 5 for i in range(n)}}}),
        realtime.decode_client,
    ),
    "unknown settings": (lambda n: _settings(tools=[{"type": "x"}], **{f"k{i}": 1 for i in range(n)}), realtime.decode_client),
    "the same member": (
        lambda n: '{"type":"session.update","session":{"type":"realtime"%s}}' % (',"tools":[{"type":"z"}]' * n), realtime.decode_client,
    ),
    "members before the type": (lambda n: "{" + '"a":1,' * n + '"type":"x"}', realtime.peek_type),
    "a type like a path": (lambda n: _frame({"x": [1], "type": " - at `" * n}), realtime.peek_type),
    "a relay's frame": (lambda n: "{" + '"a":1,' * n + '"type":"x"}', lambda frame: realtime.decode_server_if(frame, {"x"})),
    "a long payload in an error": (lambda n: '{"a":"' * n, realtime.decode_server),
    "white space": (lambda n: " " * n, realtime.decode_server),
    "unknown members of settings": (
        lambda n: {f"x{i}": 1 for i in range(n)}, lambda d: realtime.create_session_config(turn_detection=d),
    ),
    "a long name": (lambda n: {"x" * n: 1}, lambda d: realtime.create_session_config(turn_detection=d)),
    "a long type": (lambda n: {"type": "x" * n}, lambda d: realtime.create_session_config(turn_detection=d)),
    "tools as dicts": (lambda n: [{"name": "f"}] * n, lambda tools: realtime.create_session_config(tools=tools)),
    "tools": (lambda n: _tools(n, "f"), realtime.validate_session_config),
    "invalid tools": (lambda n: _tools(n, "!"), realtime.validate_session_config),
    "unknown includes": (lambda n: realtime.RealtimeSession(include=["logprob"] * n), realtime.validate_session_config),
    "a long model": (lambda n: "x" * n, realtime.estimate_cost_per_minute),
    "parameters of a format": (lambda n: "pcm" + ";x" * n, realtime.AudioFormat.of),
    "tools to beta": (lambda n: realtime.SessionUpdate(session=_tools(n, "f")), beta.from_ga),
    "parts to beta": (_text_parts, beta.from_ga),
    "items that beta has not": (_mcp_items, beta.from_ga),
    "parts to GA": (lambda n: beta.from_ga(_text_parts(n)), beta.to_ga),
    "tools that are encoded": (lambda n: realtime.SessionUpdate(session=_tools(n, "f")), realtime.encode),
    "a repr": (lambda n: realtime.SessionUpdate(session=_tools(n, "f")), repr),
}  # fmt: skip


def _suppressed(function: Any, given: Any) -> None:
    with contextlib.suppress(realtime.RealtimeError):
        function(given)


@pytest.mark.mostly_slow(quick=4)
@pytest.mark.parametrize(("make", "function"), WORK.values(), ids=WORK)
def test_ten_times_the_input_is_at_most_twelve_times_the_work(make: Any, function: Any) -> None:
    _suppressed(function, make(10))  # decoders and tables are made
    work = [count_lines(_suppressed, function, make(n)) for n in (100, 1000, 10_000)]
    assert work[1] <= 12 * work[0]
    assert work[2] <= 12 * work[1]


def test_fields_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading them takes msgspec 50 microseconds, which a peer could demand for each part of a frame."""
    frame = _settings(tools=[{"type": "function", "function": {"name": "f"}}] * 100)
    realtime.decode_client(frame)
    beta.from_ga(realtime.SessionUpdate(session=_tools(9, "f")))
    realtime.create_session_config(tools=[{"name": "f"}])
    monkeypatch.setattr(msgspec.structs, "fields", None)
    realtime.decode_client(frame)
    beta.from_ga(realtime.SessionUpdate(session=_tools(9, "f")))
    realtime.create_session_config(tools=[{"name": "f"}] * 9)
