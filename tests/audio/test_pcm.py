"""PCM16: no LSB is lost, nothing wraps, halves go to even."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime import audio
from realtime.errors import AudioError

ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)


def test_pcm16_is_a_view_of_the_same_memory() -> None:
    data = bytearray(b"\x01\x02\x03\x04")
    samples = audio.pcm16(data)
    assert samples.tolist() == [0x0201, 0x0403]
    data[0] = 0xFF
    assert samples[0] == 0x02FF
    array = np.arange(6, dtype=np.int16).reshape(3, 2)
    assert np.shares_memory(audio.pcm16(array), array)


def test_pcm16_reads_at_an_odd_offset() -> None:
    assert audio.pcm16(memoryview(b"\xff\x01\x00\x02\x00")[1:]).tolist() == [1, 2]


def test_floats_return_all_65536_samples() -> None:
    floats = audio.to_float32(ALL_SAMPLES)
    assert floats.dtype == np.float32
    assert floats.tolist() == [sample / 32768 for sample in range(-32768, 32768)]
    assert np.array_equal(audio.from_float32(floats), ALL_SAMPLES)
    assert np.array_equal(audio.from_float32(floats.astype(np.float64)), ALL_SAMPLES)
    assert np.array_equal(audio.from_float32(floats.tobytes()), ALL_SAMPLES)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(
    "value, sample",
    [
        (math.nan, 0), (math.inf, 32767), (-math.inf, -32768), (1.0, 32767), (-1.0, -32768),
        (1.2, 32767), (-1.2, -32768), (0.5 / 32768, 0), (1.5 / 32768, 2), (2.5 / 32768, 2),
        (-0.5 / 32768, 0), (-1.5 / 32768, -2), (0.0, 0), (-0.0, 0), (6e4, 32767),
    ],
)  # fmt: skip
def test_from_float32_at_the_edges(dtype: type, value: float, sample: int) -> None:
    assert audio.from_float32(np.array([value], dtype)).tolist() == [sample]


def test_from_float32_of_any_bit_pattern_neither_warns_nor_wraps() -> None:
    patterns = np.arange(0, 1 << 32, 65521, dtype=np.uint32).view(np.float32)
    expected = np.clip(np.rint(np.nan_to_num(patterns).astype(np.float64) * 32768), -32768, 32767)
    assert np.array_equal(audio.from_float32(patterns), expected)


@given(st.floats(-1.1, 1.1))
def test_from_float64_is_the_nearest_integer_ties_to_even(value: float) -> None:
    exact = round(Fraction(value) * 32768)
    assert audio.from_float32(np.array([value])).tolist() == [max(-32768, min(32767, exact))]


def test_integers_are_no_floats() -> None:
    with pytest.raises(TypeError):
        audio.from_float32(np.zeros(3, np.int16))
    with pytest.raises(AudioError):
        audio.from_float32(b"\0\0\0")


@pytest.mark.parametrize(
    "frame, mono", [((3, 4), 4), ((-3, -4), -4), ((1, 2), 2), ((2, 3), 2), ((-32768, -32768), -32768)]
)
def test_the_mono_mix_rounds_half_to_even(frame: tuple[int, int], mono: int) -> None:
    assert audio.to_mono(np.array(frame, np.int16), 2).tolist() == [mono]


@given(st.integers(1, 9), st.data())
def test_the_mono_mix_equals_exact_arithmetic(channels: int, data: st.DataObject) -> None:
    sample = st.integers(-32768, 32767)
    frames = data.draw(st.lists(st.lists(sample, min_size=channels, max_size=channels), max_size=20))
    expected = [round(Fraction(sum(frame), channels)) for frame in frames]
    array = np.array(frames, np.int16).reshape(-1, channels)
    assert audio.to_mono(array, channels).tolist() == expected
    assert audio.to_mono(array.astype("<i2").tobytes(), channels).tolist() == expected


def test_the_mono_mix_of_many_loud_channels_does_not_wrap() -> None:
    assert audio.to_mono(np.full(70_000, -32768, np.int16), 70_000).tolist() == [-32768]


def test_one_channel_is_a_copy() -> None:
    samples = np.arange(4, dtype=np.int16)
    mono = audio.to_mono(samples, 1)
    assert mono.tolist() == [0, 1, 2, 3]
    assert not np.shares_memory(mono, samples)


@pytest.mark.parametrize(
    "shape, channels, error",
    [((3,), 2, AudioError), ((2, 3), 2, AudioError), ((2, 2, 2), 2, AudioError), ((4,), 0, AudioError),
     ((4,), -1, AudioError), ((4,), 2.0, TypeError), ((4,), True, TypeError)],
)  # fmt: skip
def test_the_mono_mix_refuses(shape: tuple[int, ...], channels: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        audio.to_mono(np.zeros(shape, np.int16), channels)


def test_l16_is_big_endian_in_and_out_for_all_samples() -> None:
    payload = audio.l16_encode(ALL_SAMPLES)
    assert payload.tobytes() == b"".join(int(s).to_bytes(2, "big", signed=True) for s in ALL_SAMPLES)
    assert np.array_equal(audio.l16_decode(payload), ALL_SAMPLES)
    assert audio.l16_decode(payload).dtype == np.dtype(np.int16)
    assert audio.l16_decode(memoryview(b"\xff\x01\x02")[1:]).tolist() == [0x0102]


def test_l16_writes_into_out() -> None:
    payload, samples = np.empty(131072, np.uint8), np.empty(65536, np.int16)
    assert audio.l16_encode(ALL_SAMPLES, out=payload) is payload
    assert audio.l16_decode(payload, out=samples) is samples
    assert np.array_equal(samples, ALL_SAMPLES)


@pytest.mark.parametrize("payload", [b"\0", np.zeros((2, 2), np.uint8)])
def test_l16_refuses(payload: bytes) -> None:
    with pytest.raises(AudioError):
        audio.l16_decode(payload)
    with pytest.raises(TypeError):
        audio.l16_decode(np.zeros(2, np.int16))
    with pytest.raises(AudioError):
        audio.l16_encode(np.zeros((2, 2), np.int16))
