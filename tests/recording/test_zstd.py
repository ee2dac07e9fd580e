"""Frames of zstd: whether a file ends where one does, however it is read."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import pytest
import zstandard
from hypothesis import given, strategies as st

from realtime.errors import ConfigError
from realtime.recording import _zstd
from realtime.recording._zstd import Frames

NOISE = os.urandom(300_000)
SKIPPABLE = b"\x53\x2a\x4d\x18" + (70_000).to_bytes(4, "little") + NOISE[:70_000]
EMPTY_SKIPPABLE = b"\x50\x2a\x4d\x18" + bytes(4)


def packed(data: bytes, *, checksum: bool = False, size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=size).compress(data)


def read_through(source: Any) -> None:
    while source.read(1 << 16):
        pass


def streamed(data: bytes) -> bytes:
    """A frame that does not tell its size, nor has a single segment."""
    stream = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return stream.compress(data) + stream.flush()


FRAMES = {
    "small": packed(b"a\n"),
    "empty": packed(b""),
    "a checksum": packed(b"abc" * 99, checksum=True),
    "no size": packed(b"abc" * 99, size=False),
    "of several blocks": packed(NOISE),
    "of runs": packed(bytes(500_000)),
    "streamed": streamed(NOISE),
    "skippable": SKIPPABLE,
    "skippable and empty": EMPTY_SKIPPABLE,
}


def is_whole(data: bytes, size: int) -> bool:
    frames = Frames(io.BytesIO(data))
    while frames.read(size):
        pass
    return frames.whole


@pytest.mark.parametrize("size", [1, 7, 1 << 14, -1])
@pytest.mark.parametrize("frame", FRAMES.values(), ids=FRAMES)
def test_the_end_of_a_frame_is_known(frame: bytes, size: int) -> None:
    assert is_whole(frame, size)
    assert is_whole(frame + FRAMES["small"], size)
    for cut in {1, 2, len(frame) // 2, len(frame) - 6, len(frame) - 1}:
        assert not is_whole(frame[:cut], size)
        assert not is_whole(FRAMES["small"] + frame[:cut], size)
    assert not is_whole(frame + b"nonsense", size)


@given(
    st.lists(st.sampled_from([*FRAMES.values()]), max_size=4),
    st.binary(max_size=20),
    st.sampled_from([999, 7_777, 50_000]),
)
def test_any_bytes_are_passed_on_as_they_are(frames: list[bytes], rest: bytes, size: int) -> None:
    data = b"".join(frames) + rest
    watched, came = Frames(io.BytesIO(data)), b""
    while piece := watched.read(size):
        came += piece
    assert came == data
    if not rest:
        assert watched.whole


@given(st.lists(st.sampled_from([*FRAMES.values()]), min_size=1, max_size=3), st.data())
def test_what_is_cut_short_is_told_after_all_that_can_be_had(
    frames: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(frames)
    ends = {sum(map(len, frames[:n])) for n in range(len(frames) + 1)}
    cut = data.draw(st.integers(0, len(whole)))
    source, _ = _zstd.reader(io.BytesIO(whole[:cut]))
    if cut in ends:
        read_through(source)
        return
    with pytest.raises(EOFError):
        read_through(source)


def test_without_a_module_it_is_a_config_error(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("compression", "compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match="the extra"):
        _zstd.compressor()
    with pytest.raises(ConfigError, match="the extra"):
        _zstd.reader(io.BytesIO(b""))
