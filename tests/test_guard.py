"""Limits of frames: the depth, measured without parsing, and the size."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import _guard, beta, live, translation
from realtime._guard import (
    DEFAULT_MAX_DEPTH,
    DEFAULT_MAX_FRAME_BYTES,
    HARD_MAX_DEPTH,
    bounded,
    check_depth,
    nests_deeper,
)
from realtime.errors import DecodeError
from tests.work import count_lines


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


def _measured(frame: bytes) -> int:
    """Return the depth of `frame`, which the guard compares with every limit."""
    depth = next(limit for limit in range(1000) if not nests_deeper(frame, limit))
    assert all(nests_deeper(frame, limit) for limit in range(depth))
    assert not any(nests_deeper(frame, limit) for limit in range(depth, depth + 9))
    return depth


_TEXT = st.text(alphabet='ab"\\[]{}é\n', max_size=12)
_JSON = st.recursive(
    _TEXT | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, st.booleans())
def test_the_depth_of_json_is_that_of_its_value(value: Any, ascii_only: bool) -> None:
    frame = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert _measured(frame) == _depth(value)


@pytest.mark.parametrize(
    ("frame", "depth"), [(b"", 0), (b"]]][", 0), (b'"[[[', 0), (b'"\\"[[[', 0), (b'"\\\\"[[', 2), (b"[[", 2)]
)
def test_the_depth_of_bytes_that_are_not_json(frame: bytes, depth: int) -> None:
    assert _measured(frame) == depth


def test_size_counts_bytes_of_every_container() -> None:
    for frame in (b"x" * 10, bytearray(b"x" * 10), memoryview(b"x" * 10), "é" * 5, "x" * 10):
        assert len(bounded(frame, 10)) == 10
        with pytest.raises(DecodeError):
            bounded(frame, 9)


@pytest.mark.parametrize(("frame", "limit", "nbytes"), [
    (b"x" * 10, 9, 10), (bytearray(b"x" * 10), 0, 10), (memoryview(b"x" * 10), 9, 10), ("x" * 10, 9, 10),
    ("\u00e9" * 5, 9, 10), ("\u00e9" * 5, 5, 10), ("\u00e9" * 5, 4, 5), (memoryview(bytes(40)).cast("I"), 39, 40),
])  # fmt: skip
def test_a_frame_that_is_too_long_is_refused_with_its_size(frame: Any, limit: int, nbytes: int) -> None:
    """Of a str with more characters than the limit has bytes, the characters are counted."""
    with pytest.raises(DecodeError) as raised:
        bounded(frame, limit)
    assert str(raised.value) == f"the frame has {nbytes} bytes, more than {limit}"


def test_the_documented_limits() -> None:
    assert (HARD_MAX_DEPTH, DEFAULT_MAX_DEPTH, DEFAULT_MAX_FRAME_BYTES) == (300, 256, 134_217_728)


def test_a_frame_within_the_limit_is_copied_unless_it_is_immutable() -> None:
    frame = b'{"a":1}'
    assert bounded(frame, 7) is frame
    for other in (bytearray(frame), memoryview(frame), memoryview(b"__" + frame)[2:], frame.decode()):
        copied = bounded(other, 7)
        assert type(copied) is bytes
        assert copied == frame
    assert bounded(memoryview(bytes(40)).cast("I"), 40) == bytes(40)
    assert bounded("", 0) == bounded(b"", 0) == b""
    with pytest.raises(UnicodeEncodeError):
        bounded("\ud800", 9)
    with pytest.raises(TypeError):
        bounded(None, 9)  # type: ignore[arg-type]


def test_the_refusal_of_a_deep_frame_shows_its_beginning() -> None:
    with pytest.raises(DecodeError) as raised:
        check_depth(b'{"type":"x","a":' + b"[" * 99, 50)
    assert raised.value.reason == "the frame nests deeper than 50"
    assert raised.value.payload.startswith('{"type":"x","a":[[[')


@pytest.mark.parametrize("segment", [65_534, 65_535, 65_536, 65_537, 131_072])
@pytest.mark.parametrize("text", ["[", "\\\\", '\\"[', "a", '"', "{}"])
def test_strings_and_escapes_at_the_end_of_a_segment(segment: int, text: str) -> None:
    for shift in range(4):
        filler = "X" * (segment - shift - 4)
        frame = json.dumps(["[" + filler + text * 3, [[text]], text]).encode()
        assert not nests_deeper(frame, 3)
        assert nests_deeper(frame, 2)
        check_depth(frame, 3)
        with pytest.raises(DecodeError):
            check_depth(frame, 2)


def test_a_long_frame_may_open_and_close_more_than_the_limit() -> None:
    for unit in ("[],", '{"a":{}},', "[[[]]],"):
        for count in (100, 255, 256, 257, 20_000):
            frame = f"[{unit * count}0]".encode()
            depth = 1 + max(unit.count("["), unit.count("{"))
            check_depth(frame, depth)
            with pytest.raises(DecodeError):
                check_depth(frame, depth - 1)


def test_depth_is_checked_without_brackets_in_strings() -> None:
    frame = b'["' + b"[" * 9 + b'",' + b"[" * 3 + b"]" * 4
    check_depth(frame, 4)
    with pytest.raises(DecodeError):
        check_depth(frame, 3)


@pytest.mark.parametrize("frame", [b"{}", b'{"a":1}', b'{"a":"}"}', b"5", b""])
def test_a_flat_object_is_never_too_deep(frame: bytes) -> None:
    check_depth(frame, 1)


@given(_JSON, st.integers(1, 9), st.integers(1, 9), st.integers(0, 6))
def test_the_depth_does_not_depend_on_where_segments_and_blocks_end(
    value: Any, segment_bytes: int, block: int, limit: int
) -> None:
    frame = json.dumps(value).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_guard, "_SEGMENT_BYTES", segment_bytes)
        patch.setattr(_guard, "_BLOCK", block)
        assert _measured(frame) == _depth(value)
        if _depth(value) <= limit:
            check_depth(frame, limit)
        else:
            with pytest.raises(DecodeError, match="deeper"):
                check_depth(frame, limit)


@pytest.mark.parametrize("unit", ["[", '{"":', '{"":[', '[{"":'])
@pytest.mark.parametrize("limit", [1, 2, 5, 255, 256, 300])
def test_the_limit_is_exact_for_every_shape(unit: str, limit: int) -> None:
    """The short test of frames of a few bytes a level must not accept one level too many."""
    levels = unit.count("[") + unit.count("{")
    frame = (unit * (limit // levels + 1)).encode()
    opened = [i for i, byte in enumerate(frame) if byte in b"[{"]
    check_depth(frame[: opened[limit - 1] + 1], limit)
    too_deep = frame[: opened[limit] + 1] + b" " * 9
    with pytest.raises(DecodeError, match="deeper"):
        check_depth(too_deep, limit)


@pytest.mark.parametrize("arrays", range(4))
@pytest.mark.parametrize("limit", range(2, 40))
def test_no_short_frame_is_deeper_than_it_seems(arrays: int, limit: int) -> None:
    """The shortest frames of a depth: a level takes four bytes in an object, one in an array, or the last."""
    arrays = min(arrays, limit)
    frame = b"[" * arrays + b'{"":' * (limit - arrays) + b"{"
    with pytest.raises(DecodeError, match="deeper"):
        check_depth(frame, limit)
    check_depth(frame, limit + 1)


# --- Work ----------------------------------------------------------------------------

# Frames that exceed the depth at once, as heads and the part that is repeated.
DEEP = {
    "arrays": ("", "["),
    "objects": ("", '{"a":'),
    "both": ("", '[{"a":'),
    "white space between": ("", "[ \n\t"),
    "after a string with brackets": ('{"type":"x","a":"[[[\\"[[","b":', "["),
    "an unknown event": ('{"type":"zap","x":', "["),
    "a known event": ('{"type":"session.updated","session":', "["),
    "a known event of a client": ('{"type":"session.update","session":{"tools":', "["),
    "a tool": ('{"type":"session.update","session":{"type":"realtime","tools":[{"parameters":', '{"a":'),
    "the type last": ('{"x":', "["),
}
DECODERS = [
    function
    for module in (realtime, beta, translation, live)
    for function in (
        module.decode_server,
        module.decode_client,
        lambda frame, decode_if=module.decode_server_if: decode_if(frame, {"session.updated", "zap"}),
        lambda frame, decode_if=module.decode_client_if: decode_if(frame, {"session.update", "zap"}),
    )
] + [realtime.peek_type]


@pytest.mark.mostly_slow(quick=8)
@pytest.mark.parametrize("container", [bytes, bytearray, memoryview, bytes.decode], ids=lambda c: c.__name__)
@pytest.mark.parametrize(("head", "unit"), DEEP.values(), ids=DEEP)
def test_a_frame_that_nests_too_deep_is_refused_at_its_beginning(
    head: str, unit: str, container: Any
) -> None:
    def refuse(frame: Any) -> None:
        for decode in DECODERS:
            try:
                decode(frame)
            except DecodeError:
                refused.append(frame)

    work, counts = [], []
    for nbytes in (100_000, 100_000, 100_000, 1_000_000, 10_000_000):  # twice more: decoders are made once
        refused: list[Any] = []
        frame = container((head + unit * ((nbytes - len(head)) // len(unit))).encode())
        work.append(count_lines(refuse, frame))
        counts.append(len(refused))
    assert work[2] == work[3] == work[4]
    assert counts[2] == counts[3] == counts[4] >= len(DECODERS) // 2


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize(
    "unit", ["[],", '{"a":[]},', '"[",', '"\\"[",', "1,", '"",', "[" * 200 + "]" * 200 + ","]
)
def test_measuring_the_depth_is_linear(unit: str) -> None:
    work = []
    for nbytes in (200_000, 2_000_000, 20_000_000):
        frame = b"[" + unit.encode() * (nbytes // len(unit)) + b"0]"
        work.append(count_lines(check_depth, frame, DEFAULT_MAX_DEPTH))
    assert work[1] <= 12 * work[0]
    assert work[2] <= 12 * work[1]


class _CountingBytes(bytes):
    """Bytes that count how many of them are read."""

    read = 0

    def __getitem__(self, at: Any) -> Any:
        part = super().__getitem__(at)
        return type(self)(part) if isinstance(part, bytes) else part

    def translate(self, *args: Any, **named: Any) -> bytes:
        _CountingBytes.read += len(self)
        return super().translate(*args, **named)

    def count(self, *args: Any) -> int:
        _CountingBytes.read += len(self)
        return super().count(*args)

    def replace(self, *args: Any) -> Any:
        _CountingBytes.read += len(self)
        return type(self)(super().replace(*args))


@pytest.mark.parametrize(("head", "unit"), DEEP.values(), ids=DEEP)
def test_the_end_of_a_frame_that_nests_too_deep_at_once_is_not_read(
    head: str, unit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nbytes in (100_000, 1_000_000, 10_000_000):
        monkeypatch.setattr(_CountingBytes, "read", 0)
        with pytest.raises(DecodeError):
            check_depth(_CountingBytes((head + unit * (nbytes // len(unit))).encode()), DEFAULT_MAX_DEPTH)
        assert 0 < _CountingBytes.read <= 4 * 65_536  # one segment twice, and twice more for escapes
