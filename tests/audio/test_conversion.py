"""Streams: any split gives the same result, nothing is lost, and no state is left after a reset."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from realtime import audio
from realtime.audio import Chunker, chunks
from realtime.errors import AudioError, ConfigError
from realtime.format import OPENAI_FORMATS, AudioFormat, AudioFormatName

# --- Converter --------------------------------------------------------------------------

CONVERTIBLE = (*OPENAI_FORMATS, *(AudioFormat("pcm16", rate) for rate in (8_000, 16_000, 48_000)))
PAIRS = list(product(CONVERTIBLE, CONVERTIBLE))
NOISE = np.random.default_rng(3).integers(0, 256, 6000).astype(np.uint8).tobytes()


@pytest.mark.mostly_slow(quick=9)
@pytest.mark.parametrize("src, dst", PAIRS)
@settings(max_examples=40)
@given(cuts=st.lists(st.integers(0, 6000), max_size=20).map(sorted))
def test_any_split_equals_the_whole_to_the_bit(src: AudioFormat, dst: AudioFormat, cuts: list[int]) -> None:
    converter = audio.Converter(src, dst)
    edges = [0, *cuts, len(NOISE)]
    pieces = [converter.process(NOISE[a:b]) for a, b in pairwise(edges)]
    assert b"".join(pieces) + converter.flush() == audio.convert(NOISE, src, dst)
    assert all(len(piece) % dst.sample_width == 0 for piece in pieces)


@pytest.mark.parametrize("src, dst", PAIRS)
def test_a_used_converter_is_as_new_after_flush_and_reset(src: AudioFormat, dst: AudioFormat) -> None:
    converter = audio.Converter(src, dst)
    expected = audio.convert(NOISE, src, dst)
    converter.process(NOISE[:501])
    converter.reset()
    for _ in range(2):
        assert converter.process(NOISE) + converter.flush() == expected
    assert converter.flush() == b""


@pytest.mark.parametrize("format", OPENAI_FORMATS)
def test_the_same_format_is_the_same_bytes_at_once(format: AudioFormat) -> None:
    assert audio.convert(NOISE, format, format) == NOISE
    converter = audio.Converter(format, format)
    assert converter.delay_ms == 0
    assert converter.process(NOISE) == NOISE


def test_the_two_laws_are_mapped_by_the_tables() -> None:
    codes = bytes(range(256))
    assert audio.convert(codes, "pcmu", "pcma") == audio.ulaw_to_alaw(codes).tobytes()
    assert audio.convert(codes, "pcma", "pcmu") == audio.alaw_to_ulaw(codes).tobytes()


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_lengths_are_exact(law: AudioFormatName) -> None:
    for n in (0, 1, 2, 3, 159, 160, 161):
        assert len(audio.convert(bytes(n), law, "pcm16")) == 6 * n
        assert len(audio.convert(bytes(2 * n), "pcm16", law)) == -(-n // 3)


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_silence_stays_silence(law: AudioFormatName) -> None:
    silence = AudioFormat.of(law).silence_sample
    assert audio.convert(bytes(960), "pcm16", law) == silence * 160
    if law == "pcmu":
        assert audio.convert(silence * 160, law, "pcm16") == bytes(960)


@pytest.mark.parametrize("dst", OPENAI_FORMATS)
def test_an_odd_byte_is_carried_and_reported_at_the_end(dst: AudioFormat) -> None:
    converter = audio.Converter("pcm16", dst)
    got = converter.process(NOISE[:-1])
    with pytest.raises(AudioError, match="within a sample"):
        converter.flush()
    assert got + converter.process(NOISE[-1:]) + converter.flush() == audio.convert(NOISE, "pcm16", dst)
    with pytest.raises(AudioError):
        audio.convert(NOISE[:-1], "pcm16", dst)


def test_the_result_is_independent_of_the_buffer() -> None:
    buffer = bytearray(NOISE)
    converter = audio.Converter("pcm16", "pcm16")
    got = converter.process(buffer)
    buffer.clear()  # BufferError if a view were alive
    assert got == NOISE


def test_the_delay_is_that_of_the_resampler() -> None:
    assert audio.Converter("pcm16", "pcmu").delay_ms == audio.Resampler(24000, 8000).delay_ms


def test_formats_are_checked() -> None:
    with pytest.raises(ConfigError):
        audio.Converter("opus", "pcm16")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        audio.Converter("pcm16", None)  # type: ignore[arg-type]


# --- Chunker ----------------------------------------------------------------------------

FORMATS = list(OPENAI_FORMATS)
PIECES = st.lists(st.binary(max_size=200), max_size=30)


def fed(chunker: Chunker, pieces: Sequence[bytes]) -> list[bytes]:
    return [chunk for piece in pieces for chunk in chunker.feed(piece)]


@pytest.mark.parametrize("format", FORMATS)
def test_chunks_are_views_of_the_buffer(format: AudioFormat) -> None:
    data = bytearray(range(250)) * 10
    size = format.chunk_bytes(20)
    views = list(chunks(data, format, 20))
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


def test_chunks_checks_its_arguments_at_the_call() -> None:
    with pytest.raises(AudioError):
        chunks(b"\0\0\0", "pcm16", 20)
    with pytest.raises(ConfigError):
        chunks(b"", "opus", 20)  # type: ignore[arg-type]


@given(st.sampled_from(FORMATS), st.sampled_from([0.125, 1, 2.5]), PIECES)
def test_fixed_chunks_are_the_same_for_any_split(format: AudioFormat, ms: float, pieces: list[bytes]) -> None:
    stream = b"".join(pieces)
    size = format.chunk_bytes(ms)
    chunker = Chunker(format, ms)
    got = fed(chunker, pieces)
    assert got == [stream[i : i + size] for i in range(0, len(stream) - size + 1, size)]
    assert chunker.pending == len(stream) % size
    if len(stream) % format.sample_width == 0:
        assert b"".join(got) + chunker.flush() == stream
        assert chunker.flush() == b""


@given(st.sampled_from(FORMATS), st.sampled_from([(0.125, 0.125), (0.5, 2), (1, 1.5)]), PIECES)
def test_with_min_ms_nothing_waits_that_is_long_enough(
    format: AudioFormat, ms: tuple[float, float], pieces: list[bytes]
) -> None:
    least, most = format.chunk_bytes(ms[0]), format.chunk_bytes(ms[1])
    chunker = Chunker(format, ms[1], min_ms=ms[0])
    got = []
    for piece in pieces:
        got += chunker.feed(piece)
        assert chunker.pending < least + format.sample_width - 1
    assert all(least <= len(chunk) <= most and len(chunk) % format.sample_width == 0 for chunk in got)
    stream = b"".join(pieces)
    assert stream.startswith(b"".join(got))
    if len(stream) % format.sample_width == 0:
        assert b"".join(got) + chunker.flush() == stream


def test_20_ms_frames_are_returned_at_once_between_10_and_100_ms() -> None:
    chunker = Chunker("pcmu", 100, min_ms=10)
    frame = bytes(160)
    assert [chunker.feed(frame) for _ in range(5)] == [[frame]] * 5
    assert [len(c) for c in chunker.feed(bytes(2000))] == [800, 800, 400]


@pytest.mark.parametrize("format, silence", [("pcm16", b"\0\0"), ("pcmu", b"\xff"), ("pcma", b"\xd5")])
def test_flush_pads_with_the_formats_own_silence(format: AudioFormatName, silence: bytes) -> None:
    chunker = Chunker(format, 20)
    size = AudioFormat.of(format).chunk_bytes(20)
    assert chunker.flush(pad=True) == b""
    assert chunker.feed(b"\x01\x02") == []
    assert chunker.flush(pad=True) == b"\x01\x02" + silence * ((size - 2) // len(silence))
    assert chunker.pending == 0
    least = Chunker(format, 100, min_ms=20)
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


def test_a_refused_feed_changes_nothing() -> None:
    chunker = Chunker("pcmu", 20)
    chunker.feed(b"\x01")
    with pytest.raises(TypeError):
        chunker.feed(np.zeros(200, np.int16))
    assert chunker.pending == 1


def test_min_ms_may_not_exceed_ms() -> None:
    with pytest.raises(AudioError):
        Chunker("pcm16", 20, min_ms=40)
    with pytest.raises(AudioError):
        Chunker("pcm16", 20, min_ms=0)


# --- Other sample rates ------------------------------------------------------------------------

RESAMPLED = (8_000, 16_000, 24_000, 48_000)
OTHERS = (11_025, 22_050, 32_000, 44_100)


def pcm(rate: int) -> AudioFormat:
    return AudioFormat("pcm16", rate)


@pytest.mark.parametrize("src", RESAMPLED)
@pytest.mark.parametrize("dst", RESAMPLED)
def test_every_rate_of_the_resampler_is_a_format(src: int, dst: int) -> None:
    silence = pcm(src).silence(100)
    assert audio.convert(silence, pcm(src), pcm(dst)) == pcm(dst).silence(100)
    assert audio.convert(silence, pcm(src), "ulaw") == AudioFormat.G711_ULAW.silence(100)


@pytest.mark.parametrize("rate", OTHERS)
def test_other_rates_are_refused_where_they_must_be_resampled(rate: int) -> None:
    for src, dst in [(pcm(rate), pcm(24_000)), (pcm(24_000), pcm(rate)), (pcm(rate), AudioFormat.G711_ULAW)]:
        message = rf"the sample rate must be one of 8000, 16000, 24000, 48000 Hz, not {rate}"
        with pytest.raises(AudioError, match=message):
            audio.Converter(src, dst)
        with pytest.raises(AudioError, match=message):
            audio.convert(b"", src, dst)


@pytest.mark.parametrize("rate", OTHERS)
def test_other_rates_work_where_nothing_is_resampled(rate: int, tmp_path: Path) -> None:
    format = pcm(rate)
    data = bytes(range(256)) * 20
    assert audio.convert(data, format, {"type": "audio/pcm", "rate": rate}) == data
    assert b"".join(chunks(data, format, 40)) == data
    chunker = Chunker(format, 40)
    assert b"".join([*chunker.feed(data), chunker.flush()]) == data
    assert len(format.silence(40)) == format.chunk_bytes(40) == rate // 25 * 2
    path = tmp_path / "a.wav"
    audio.write_wav(path, data, format)
    wav = audio.read_wav(path)
    assert (wav.format, wav.to(format)) == (format, data)
    with pytest.raises(AudioError, match=rf"{rate} Hz cannot be converted"):
        wav.to("pcm16")
