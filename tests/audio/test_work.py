"""The work of streams grows with the audio, however it is split: counted in executed lines and written bytes."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from realtime.audio import Chunker, Converter, Resampler, WavWriter, chunks, read_wav, wav_header
from tests.work import count_lines


def resample_single_samples(rates: tuple[int, int], n: int) -> None:
    resampler, sample = Resampler(*rates), np.zeros(1, np.int16)
    for _ in range(n):
        resampler.process(sample)


def resample_at_once(rates: tuple[int, int], n: int) -> None:
    Resampler(*rates).process(np.zeros(100 * n, np.int16))


def convert_single_bytes(n: int) -> None:
    converter = Converter("pcm16", "pcmu")
    for _ in range(n):
        converter.process(b"\1")


def chunk_single_bytes(n: int) -> None:
    chunker = Chunker("pcm16", 20)
    for _ in range(n):
        chunker.feed(b"\1")


def chunk_bytes_that_wait(n: int) -> None:
    chunker = Chunker("pcm16", 3_600_000)
    for _ in range(n):
        chunker.feed(b"\1")
    assert chunker.pending == n


def chunk_at_once(n: int) -> None:
    assert len(Chunker("pcmu", 0.125).feed(bytes(n))) == n


def split_at_once(n: int) -> None:
    assert len(list(chunks(bytes(n), "pcmu", 0.125))) == n


def write_single_samples(n: int) -> None:
    with WavWriter(io.BytesIO(), "pcm16") as writer:
        for _ in range(n):
            writer.write(b"\1\2")


def read_empty_chunks(n: int) -> None:
    head = wav_header("pcm16", 8000, 0)
    body = head[12:36] + struct.pack("<4sI", b"LIST", 0) * n + head[36:]
    read_wav(io.BytesIO(b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WAVE" + body))


PAIRS = [(8000, 48000), (48000, 8000), (16000, 24000)]
STREAMS: list[Callable[[int], None]] = [
    convert_single_bytes, chunk_single_bytes, chunk_bytes_that_wait, chunk_at_once, split_at_once,
    write_single_samples, read_empty_chunks,
]  # fmt: skip


def assert_linear(function: Callable[..., None], *args: Any) -> None:
    function(*args, 10)  # what is built once, as filters are
    few, more, many = (count_lines(function, *args, n, only="realtime.audio") for n in (100, 1000, 10_000))
    assert few > 0
    assert more <= 12 * few
    assert many <= 12 * more


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("function", STREAMS)
def test_ten_times_the_stream_is_at_most_twelve_times_the_work(function: Callable[[int], None]) -> None:
    assert_linear(function)


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("rates", PAIRS)
@pytest.mark.parametrize("function", [resample_single_samples, resample_at_once])
def test_ten_times_the_samples_are_at_most_twelve_times_the_work(
    function: Callable[[tuple[int, int], int], None], rates: tuple[int, int]
) -> None:
    assert_linear(function, rates)


class Counted(io.BytesIO):
    nbytes = 0

    def write(self, data: Any, /) -> int:
        self.nbytes += len(data)
        return super().write(data)


@pytest.mark.parametrize("n", [1, 10, 100, 1000])
def test_a_write_costs_its_audio_and_a_header(n: int) -> None:
    file = Counted()
    with WavWriter(file, "pcm16") as writer:
        for _ in range(n):
            writer.write(b"\1\2")
    assert file.nbytes == 44 + n * (2 + 44)


@pytest.mark.parametrize("rates", PAIRS)
def test_a_sample_costs_one_small_product(rates: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the length of the stream, a single sample reads no more of the past than the filter is long."""
    rows: list[int] = []
    dot = np.dot

    def spy(a: Any, b: Any, out: Any = None) -> Any:
        rows.append(len(a))
        return dot(a, b, out)

    monkeypatch.setattr(np, "dot", spy)
    resample_single_samples(rates, 5000)
    assert len(rows) <= 5000
    assert max(rows) <= 2
