"""Converter: streaming equals whole to the bit, by the shortest path, with nothing stale."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime import audio
from realtime.errors import AudioError, ConfigError
from realtime.format import AudioFormat

PAIRS = list(product(AudioFormat, AudioFormat))
NOISE = np.random.default_rng(3).integers(0, 256, 6000).astype(np.uint8).tobytes()


@pytest.mark.parametrize("src, dst", PAIRS)
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


@pytest.mark.parametrize("fmt", AudioFormat)
def test_the_same_format_is_the_same_bytes_at_once(fmt: AudioFormat) -> None:
    assert audio.convert(NOISE, fmt, fmt) == NOISE
    converter = audio.Converter(fmt, fmt)
    assert converter.delay_ms == 0
    assert converter.process(NOISE) == NOISE


def test_the_two_laws_meet_in_the_tables() -> None:
    codes = bytes(range(256))
    assert audio.convert(codes, "pcmu", "pcma") == audio.ulaw_to_alaw(codes).tobytes()
    assert audio.convert(codes, "pcma", "pcmu") == audio.alaw_to_ulaw(codes).tobytes()


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_lengths_are_exact(law: str) -> None:
    for n in (0, 1, 2, 3, 159, 160, 161):
        assert len(audio.convert(bytes(n), law, "pcm16")) == 6 * n
        assert len(audio.convert(bytes(2 * n), "pcm16", law)) == -(-n // 3)


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_silence_stays_silence(law: str) -> None:
    silence = AudioFormat.of(law).silence_sample
    assert audio.convert(bytes(960), "pcm16", law) == silence * 160
    if law == "pcmu":
        assert audio.convert(silence * 160, law, "pcm16") == bytes(960)


@pytest.mark.parametrize("dst", AudioFormat)
def test_an_odd_byte_is_carried_and_named_at_the_end(dst: AudioFormat) -> None:
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


def test_the_delay_is_the_resamplers() -> None:
    assert audio.Converter("pcm16", "pcmu").delay_ms == audio.Resampler(24000, 8000).delay_ms


def test_formats_are_checked() -> None:
    with pytest.raises(ConfigError):
        audio.Converter("opus", "pcm16")
    with pytest.raises(TypeError):
        audio.Converter("pcm16", None)
