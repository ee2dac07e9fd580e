"""PCM16: every kind of input, refused outputs, floats, the mono mix, L16, and levels."""

from __future__ import annotations

import array
import ctypes
import math
import mmap
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from realtime import audio
from realtime.errors import AudioError

# --- Samples ----------------------------------------------------------------------------

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


# --- Kinds of input and output ----------------------------------------------------------

SAMPLES = np.array([0, 1, -1, 255, -256, 12345, -12345, 32767, -32768, 2], np.int16)
WIRE = SAMPLES.astype("<i2").tobytes()
Function = Callable[..., Any]


def mapped(data: bytes) -> mmap.mmap:
    memory = mmap.mmap(-1, len(data))
    memory[:] = data
    return memory


def strided(values: NDArray[Any]) -> NDArray[Any]:
    wide = np.zeros(3 * values.size, values.dtype)
    wide[1::3] = values
    return wide[1::3]


def read_only(values: NDArray[Any]) -> NDArray[Any]:
    copy = values.copy()
    copy.setflags(write=False)
    return copy


BYTE_KINDS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "odd offset": lambda data: memoryview(b"\x99" + data)[1:],
    "mmap": mapped,
    "array of bytes": lambda data: array.array("B", data),
    "array of signed bytes": lambda data: array.array("b", data),
    "ctypes": lambda data: (ctypes.c_char * len(data)).from_buffer_copy(data),
    "uint8": lambda data: np.frombuffer(data, np.uint8),
    "int8": lambda data: np.frombuffer(data, np.int8),
    "strided uint8": lambda data: strided(np.frombuffer(data, np.uint8)),
    "reversed memoryview": lambda data: memoryview(data[::-1])[::-1],
}
SAMPLE_KINDS: dict[str, Callable[[], Any]] = {
    "int16": lambda: SAMPLES.copy(),
    "read-only": lambda: read_only(SAMPLES),
    "strided": lambda: strided(SAMPLES),
    "reversed": lambda: SAMPLES[::-1].copy()[::-1],
    "big-endian": lambda: SAMPLES.astype(">i2"),
    "little-endian": lambda: SAMPLES.astype("<i2"),
    "unaligned": lambda: np.frombuffer(b"\x99" + SAMPLES.tobytes(), np.int16, offset=1),
    "array of h": lambda: array.array("h", SAMPLES.tolist()),
    "memoryview of h": lambda: memoryview(array.array("h", SAMPLES.tolist())),
    "ctypes shorts": lambda: (ctypes.c_short * SAMPLES.size)(*SAMPLES.tolist()),
    "ctypes big-endian": lambda: (ctypes.c_int16.__ctype_be__ * SAMPLES.size)(*SAMPLES.tolist()),
    "recarray": lambda: SAMPLES.view(np.recarray),
}
OF_SAMPLES: dict[str, Function] = {
    "pcm16": audio.pcm16,
    "to_float32": audio.to_float32,
    "to_mono": lambda pcm: audio.to_mono(pcm, 2),
    "ulaw_encode": audio.ulaw_encode,
    "alaw_encode": audio.alaw_encode,
    "ulaw_encode_audioop": audio.ulaw_encode_audioop,
    "l16_encode": audio.l16_encode,
    "rms_dbfs": audio.rms_dbfs,
    "peak_dbfs": audio.peak_dbfs,
    "is_silence": audio.is_silence,
    "Resampler": lambda pcm: audio.Resampler(8000, 16000).process(np.tile(audio.pcm16(pcm), 9)),
    "Resampler same": lambda pcm: audio.Resampler(8000, 8000).process(pcm),
    "convert": lambda pcm: audio.convert(pcm, "pcm16", "pcmu"),
    "convert same": lambda pcm: audio.convert(pcm, "pcm16", "pcm16"),
    "chunks": lambda pcm: [bytes(c) for c in audio.chunks(pcm, "pcm16", 0.125)],
    "Chunker": lambda pcm: audio.Chunker("pcm16", 0.125).feed(pcm),
}
OF_CODES: dict[str, Function] = {
    "ulaw_decode": audio.ulaw_decode,
    "alaw_decode": audio.alaw_decode,
    "ulaw_to_alaw": audio.ulaw_to_alaw,
    "alaw_to_ulaw": audio.alaw_to_ulaw,
    "l16_decode": audio.l16_decode,
    "convert": lambda codes: audio.convert(codes, "pcmu", "pcm16"),
    "transcode": lambda codes: audio.convert(codes, "pcmu", "pcma"),
    "chunks": lambda codes: [bytes(c) for c in audio.chunks(codes, "pcmu", 1)],
    "Chunker": lambda codes: audio.Chunker("pcmu", 1).feed(codes),
}


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and np.array_equal(a, b))
    return bool(a == b)


@pytest.mark.parametrize("name", OF_SAMPLES)
@pytest.mark.parametrize("kind", BYTE_KINDS)
def test_bytes_of_samples(name: str, kind: str) -> None:
    given = BYTE_KINDS[kind](WIRE)
    assert same(OF_SAMPLES[name](given), OF_SAMPLES[name](SAMPLES.copy()))
    assert bytes(given) == WIRE if not isinstance(given, mmap.mmap) else given[:] == WIRE


@pytest.mark.parametrize("name", OF_SAMPLES)
@pytest.mark.parametrize("kind", SAMPLE_KINDS)
def test_arrays_of_samples(name: str, kind: str) -> None:
    given = SAMPLE_KINDS[kind]()
    assert same(OF_SAMPLES[name](given), OF_SAMPLES[name](SAMPLES.copy()))
    assert np.asarray(memoryview(given)).tolist() == SAMPLES.tolist()


@pytest.mark.parametrize("name", OF_CODES)
@pytest.mark.parametrize("kind", BYTE_KINDS)
def test_bytes_of_codes(name: str, kind: str) -> None:
    assert same(OF_CODES[name](BYTE_KINDS[kind](WIRE)), OF_CODES[name](WIRE))


@pytest.mark.parametrize("wrong", ["text", None, 5, [1, 2], object(), np.zeros(2), np.zeros(2, np.uint16),
                                   np.zeros(2, np.int32), np.zeros(2, bool), array.array("f", [1.0]),
                                   array.array("i", [1]), (ctypes.c_void_p * 2)()])  # fmt: skip
def test_a_wrong_kind_is_a_type_error(wrong: object) -> None:
    for function in (*OF_SAMPLES.values(), *OF_CODES.values()):
        with pytest.raises(TypeError):
            function(wrong)


def test_int16_is_no_code() -> None:
    for function in OF_CODES.values():
        with pytest.raises(TypeError):
            function(SAMPLES)


@pytest.mark.parametrize("name", [name for name in OF_SAMPLES if name != "Chunker"])
def test_an_odd_number_of_bytes_is_an_audio_error(name: str) -> None:
    for kind in BYTE_KINDS.values():
        with pytest.raises(AudioError):
            OF_SAMPLES[name](kind(WIRE[:-1]))


@pytest.mark.parametrize("empty", [b"", bytearray(), np.zeros(0, np.int16), np.zeros(0, np.uint8)])
def test_nothing_in_nothing_out(empty: Any) -> None:
    for name, function in OF_SAMPLES.items():
        if name not in {"rms_dbfs", "peak_dbfs", "is_silence"}:
            assert len(function(empty)) == 0
    if getattr(empty, "dtype", None) != np.int16:
        for function in OF_CODES.values():
            assert len(function(empty)) == 0


def test_elementwise_functions_keep_the_shape() -> None:
    samples = SAMPLES.reshape(5, 2)[:, ::-1]
    for function in (audio.ulaw_encode, audio.alaw_encode, audio.to_float32, audio.pcm16):
        assert function(samples).shape == (5, 2)
        assert np.array_equal(function(samples).reshape(-1), function(samples.reshape(-1)))
    codes = audio.ulaw_encode(samples)
    for decode in (audio.ulaw_decode, audio.alaw_decode, audio.ulaw_to_alaw, audio.alaw_to_ulaw):
        assert decode(codes).shape == (5, 2)


@pytest.mark.parametrize(
    "function",
    [
        OF_SAMPLES[name]
        for name in ("Resampler same", "convert", "convert same", "chunks", "Chunker", "l16_encode")
    ],
)
def test_streams_have_one_dimension(function: Function) -> None:
    with pytest.raises(AudioError):
        function(SAMPLES.reshape(5, 2))


def test_a_single_value_and_bytes_in_two_dimensions_are_refused() -> None:
    with pytest.raises(AudioError):
        audio.ulaw_encode(np.array(5, np.int16))
    with pytest.raises(AudioError):
        audio.ulaw_encode(np.zeros((2, 2), np.uint8))


WITH_OUT: dict[str, tuple[Function, NDArray[Any]]] = {
    "to_float32": (audio.to_float32, SAMPLES),
    "from_float32": (audio.from_float32, audio.to_float32(SAMPLES)),
    "ulaw_encode": (audio.ulaw_encode, SAMPLES),
    "alaw_encode": (audio.alaw_encode, SAMPLES),
    "ulaw_encode_audioop": (audio.ulaw_encode_audioop, SAMPLES),
    "ulaw_decode": (audio.ulaw_decode, np.arange(10, dtype=np.uint8)),
    "alaw_decode": (audio.alaw_decode, np.arange(10, dtype=np.uint8)),
    "ulaw_to_alaw": (audio.ulaw_to_alaw, np.arange(10, dtype=np.uint8)),
    "alaw_to_ulaw": (audio.alaw_to_ulaw, np.arange(10, dtype=np.uint8)),
    "l16_encode": (audio.l16_encode, SAMPLES),
    "l16_decode": (audio.l16_decode, np.arange(10, dtype=np.uint8)),
}


@pytest.mark.parametrize("name", WITH_OUT)
def test_out_is_filled_and_returned(name: str) -> None:
    function, given = WITH_OUT[name]
    expected = function(given)
    out = np.empty_like(expected)
    assert function(given, out=out) is out
    assert np.array_equal(out, expected)
    for strided_input in (strided(given), given[::-1]):
        assert np.array_equal(function(strided_input, out=out), function(strided_input))


@pytest.mark.parametrize("name", WITH_OUT)
def test_every_bad_out_is_refused_and_left_alone(name: str) -> None:
    function, given = WITH_OUT[name]
    good = np.zeros_like(function(given))
    other = np.dtype(np.int32) if good.dtype != np.int32 else np.dtype(np.int64)
    bad = [
        np.zeros(good.size + 1, good.dtype),
        np.zeros(good.size - 1, good.dtype),
        np.zeros((good.size, 1), good.dtype),
        np.zeros(good.size, other),
        np.zeros(2 * good.size, good.dtype)[::2],
        read_only(good),
    ]
    if good.dtype.itemsize > 1:
        bad.append(np.zeros(good.size, good.dtype.newbyteorder()))
        bad.append(np.zeros(good.nbytes + 1, np.uint8)[1:].view(good.dtype))
    for out in bad:
        with pytest.raises(AudioError):
            function(given, out=out)
        assert not out.any()
    for wrong in (bytearray(good.nbytes), good.tolist(), b""):
        with pytest.raises(TypeError):
            function(given, out=wrong)


@pytest.mark.parametrize("name", WITH_OUT)
def test_an_out_that_overlaps_is_refused(name: str) -> None:
    function, given = WITH_OUT[name]
    result = function(given)
    memory = np.zeros(given.nbytes + result.nbytes, np.uint8)
    given_there = memory[: given.nbytes].view(given.dtype)
    given_there[:] = given
    before = memory.tobytes()
    with pytest.raises(AudioError, match="overlap"):
        function(given_there, out=memory[: result.nbytes].view(result.dtype))
    assert memory.tobytes() == before
    apart = memory[given.nbytes :].view(result.dtype)
    if apart.flags.aligned:
        assert np.array_equal(function(given_there, out=apart), result)


# --- Levels -----------------------------------------------------------------------------

FULL_NEGATIVE = np.full(100, -32768, np.int16)


def test_full_scale_negative_is_0_dbfs() -> None:
    assert audio.peak_dbfs(FULL_NEGATIVE) == 0.0
    assert audio.rms_dbfs(FULL_NEGATIVE) == 0.0
    assert not audio.is_silence(FULL_NEGATIVE)


def test_a_full_scale_sine_has_an_rms_of_minus_3() -> None:
    sine = np.rint(32767 * np.sin(2 * np.pi * np.arange(8000) / 80)).astype(np.int16)
    assert audio.rms_dbfs(sine) == pytest.approx(-3.01, abs=0.01)
    assert audio.rms_dbfs(sine.tobytes()) == audio.rms_dbfs(sine)
    assert audio.peak_dbfs(sine.reshape(2, -1)) == audio.peak_dbfs(sine)


@pytest.mark.parametrize("nothing", [b"", bytes(320), np.zeros((2, 3), np.int16)])
def test_digital_silence_and_nothing_are_minus_infinity(nothing: bytes) -> None:
    assert audio.rms_dbfs(nothing) == audio.peak_dbfs(nothing) == -math.inf
    assert audio.is_silence(nothing)
    assert audio.is_silence(nothing, -math.inf)


def test_silence_is_what_never_exceeds_the_threshold() -> None:
    assert audio.is_silence(np.array([32, -32], np.int16))
    assert not audio.is_silence(np.array([0, -33], np.int16))
    assert audio.is_silence(np.array([-3276], np.int16), -20.0)
    assert not audio.is_silence(np.array([1], np.int16), -math.inf)
