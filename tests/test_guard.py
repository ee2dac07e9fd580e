"""Limits of frames: the depth, measured without parsing, and the size."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from realtime._guard import bounded, check_depth, nesting_depth
from realtime.errors import DecodeError


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(_depth, value), default=0)
    return 0


_TEXT = st.text(alphabet='ab"\\[]{}é\n', max_size=12)
_JSON = st.recursive(
    _TEXT | st.integers(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(_JSON, st.booleans())
def test_the_depth_of_json_is_that_of_its_value(value: Any, ascii_only: bool) -> None:
    frame = json.dumps(value, ensure_ascii=ascii_only).encode()
    assert nesting_depth(frame) == _depth(value)


@pytest.mark.parametrize(
    ("frame", "depth"), [(b"", 0), (b"]]][", 0), (b'"[[[', 0), (b'"\\"[[[', 0), (b'"\\\\"[[', 2), (b"[[", 2)]
)
def test_the_depth_of_bytes_that_are_not_json(frame: bytes, depth: int) -> None:
    assert max(nesting_depth(frame), 0) == depth


def test_size_counts_bytes_of_every_container() -> None:
    for frame in (b"x" * 10, bytearray(b"x" * 10), memoryview(b"x" * 10), "é" * 5, "x" * 10):
        assert len(bounded(frame, 10)) == 10
        with pytest.raises(DecodeError):
            bounded(frame, 9)


def test_depth_is_checked_without_brackets_in_strings() -> None:
    frame = b'["' + b"[" * 9 + b'",' + b"[" * 3 + b"]" * 4
    check_depth(frame, 4)
    with pytest.raises(DecodeError):
        check_depth(frame, 3)


@pytest.mark.parametrize("frame", [b"{}", b'{"a":1}', b'{"a":"}"}', b"5", b""])
def test_a_flat_object_is_never_too_deep(frame: bytes) -> None:
    check_depth(frame, 1)
