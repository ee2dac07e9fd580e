"""Any split of a stream gives the same chunks; nothing is lost, nothing is stale."""

from __future__ import annotations

import gc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime.audio import Chunker, chunks
from realtime.errors import AudioError, ConfigError
from realtime.format import AudioFormat

FORMATS = list(AudioFormat)
PIECES = st.lists(st.binary(max_size=200), max_size=30)


def fed(chunker: Chunker, pieces: Sequence[bytes]) -> list[bytes]:
    return [chunk for piece in pieces for chunk in chunker.feed(piece)]


@pytest.mark.parametrize("fmt", FORMATS)
def test_chunks_are_views_of_the_buffer(fmt: AudioFormat) -> None:
    data = bytearray(range(250)) * 10
    size = fmt.chunk_bytes(20)
    views = list(chunks(data, fmt, 20))
    assert [len(view) for view in views] == [size] * (len(data) // size) + [len(data) % size]
    assert b"".join(views) == data
    assert all(view.obj is data for view in views)


def test_chunks_of_a_strided_array_are_its_values() -> None:
    samples = np.arange(1000, dtype=np.int16)[::2]
    assert b"".join(chunks(samples, "pcm16", 10)) == samples.astype("<i2").tobytes()


@pytest.mark.parametrize("make", [lambda ms: chunks(b"\0\0", "pcm16", ms), lambda ms: Chunker("pcm16", ms)])
@pytest.mark.parametrize(
    "ms, error", [(0, AudioError), (-1, AudioError), (0.01, AudioError), ("20", TypeError)]
)
def test_ms_must_be_whole_samples_and_positive(make: object, ms: float, error: type[Exception]) -> None:
    with pytest.raises(error):
        make(ms)  # type: ignore[operator]


def test_chunks_checks_before_the_first_is_asked_for() -> None:
    with pytest.raises(AudioError):
        chunks(b"\0\0\0", "pcm16", 20)
    with pytest.raises(ConfigError):
        chunks(b"", "opus", 20)


@given(st.sampled_from(FORMATS), st.sampled_from([0.125, 1, 2.5]), PIECES)
def test_fixed_mode_gives_the_very_same_chunks_for_any_split(
    fmt: AudioFormat, ms: float, pieces: list[bytes]
) -> None:
    stream = b"".join(pieces)
    size = fmt.chunk_bytes(ms)
    chunker = Chunker(fmt, ms)
    got = fed(chunker, pieces)
    assert got == [stream[i : i + size] for i in range(0, len(stream) - size + 1, size)]
    assert chunker.pending == len(stream) % size
    if len(stream) % fmt.sample_width == 0:
        assert b"".join(got) + chunker.flush() == stream
        assert chunker.flush() == b""


@given(st.sampled_from(FORMATS), st.sampled_from([(0.125, 0.125), (0.5, 2), (1, 1.5)]), PIECES)
def test_between_least_and_most_nothing_waits(
    fmt: AudioFormat, ms: tuple[float, float], pieces: list[bytes]
) -> None:
    least, most = fmt.chunk_bytes(ms[0]), fmt.chunk_bytes(ms[1])
    chunker = Chunker(fmt, ms[1], min_ms=ms[0])
    got = []
    for piece in pieces:
        got += chunker.feed(piece)
        assert chunker.pending < least + fmt.sample_width - 1
    assert all(least <= len(chunk) <= most and len(chunk) % fmt.sample_width == 0 for chunk in got)
    stream = b"".join(pieces)
    assert stream.startswith(b"".join(got))
    if len(stream) % fmt.sample_width == 0:
        assert b"".join(got) + chunker.flush() == stream


def test_20_ms_frames_pass_at_once_between_10_and_100_ms() -> None:
    chunker = Chunker("pcmu", 100, min_ms=10)
    frame = bytes(160)
    assert [chunker.feed(frame) for _ in range(5)] == [[frame]] * 5
    assert [len(c) for c in chunker.feed(bytes(2000))] == [800, 800, 400]


@pytest.mark.parametrize("fmt, silence", [("pcm16", b"\0\0"), ("pcmu", b"\xff"), ("pcma", b"\xd5")])
def test_flush_pads_with_the_formats_own_silence(fmt: str, silence: bytes) -> None:
    chunker = Chunker(fmt, 20)
    size = AudioFormat.of(fmt).chunk_bytes(20)
    assert chunker.flush(pad=True) == b""
    assert chunker.feed(b"\x01\x02") == []
    assert chunker.flush(pad=True) == b"\x01\x02" + silence * ((size - 2) // len(silence))
    assert chunker.pending == 0
    least = Chunker(fmt, 100, min_ms=20)
    least.feed(b"\x01\x02")
    assert len(least.flush(pad=True)) == size


def test_a_stream_that_ends_within_a_sample_is_an_error_and_loses_nothing() -> None:
    chunker = Chunker("pcm16", 20)
    chunker.feed(b"\x01\x02\x03")
    with pytest.raises(AudioError, match="within a sample"):
        chunker.flush(pad=True)
    assert chunker.pending == 3
    chunker.feed(b"\x04")
    assert chunker.flush() == b"\x01\x02\x03\x04"
    assert chunker.feed(bytes(960)) == [bytes(960)]


def test_nothing_is_stale_after_reset() -> None:
    chunker = Chunker("pcm16", 20)
    chunker.feed(b"\x01\x02\x03")
    chunker.reset()
    assert chunker.feed(bytes(960)) == [bytes(960)]


def test_chunks_alias_nothing_and_lock_nothing() -> None:
    buffer = bytearray(b"\x01" * 1000)
    chunker = Chunker("pcm16", 20)
    got = chunker.feed(buffer)
    gc.collect()
    buffer[:] = b""  # BufferError if a view were alive
    assert got == [b"\x01" * 960]
    assert chunker.flush() == b"\x01" * 40


def test_a_feed_that_is_refused_changes_nothing() -> None:
    chunker = Chunker("pcmu", 20)
    chunker.feed(b"\x01")
    with pytest.raises(TypeError):
        chunker.feed(np.zeros(200, np.int16))
    assert chunker.pending == 1


def test_the_least_may_not_exceed_the_most() -> None:
    with pytest.raises(AudioError):
        Chunker("pcm16", 20, min_ms=40)
    with pytest.raises(AudioError):
        Chunker("pcm16", 20, min_ms=0)
