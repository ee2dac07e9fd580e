"""Every kind of input gives the same result, is never changed, and every bad `out` is refused."""

from __future__ import annotations

import array
import ctypes
import mmap
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime import audio
from realtime.errors import AudioError

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
                                   np.zeros(2, np.int32), np.zeros(2, bool), array.array("f", [1.0])])  # fmt: skip
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
