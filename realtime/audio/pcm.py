"""PCM16: the input checks of this package, views, floats, the mono mix, L16, and levels.

A sample is one int16 value, little-endian as bytes. The checks of the first section are used by
every module of `realtime.audio`: they copy nothing unless they must and never write to their
input. A wrong kind of argument is a TypeError; audio of the right kind with an impossible
length, shape or `out` is an AudioError. Read `g711` next.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any, SupportsIndex, TypeAlias, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from ..errors import AudioError

if TYPE_CHECKING:
    # collections.abc.Buffer is 3.12's; type checkers bundle typing_extensions.
    from typing_extensions import Buffer

# An ndarray has the buffer protocol, though its annotations say so only from 3.12.
AnyBuffer: TypeAlias = "Buffer | NDArray[Any]"
Pcm: TypeAlias = NDArray[np.int16]
Codes: TypeAlias = NDArray[np.uint8]
Floats: TypeAlias = NDArray[np.floating[Any]]

INT16 = np.dtype(np.int16)
UINT8 = np.dtype(np.uint8)
_WIRE_INT16 = np.dtype("<i2")
_WIRE_FLOAT32 = np.dtype("<f4")
_FLOAT_WIDTHS = (2, 4, 8)

FULL_SCALE = 32768
# Above the noise of an idle line and below any speech.
SILENCE_DBFS = -60.0
# OpenBLAS, which numpy's wheels contain, wakes its worker threads for dot products of more than 10,000
# (kernel/x86_64/ddot.c, the same in v0.3.23 and v0.3.28, read on 2026-11-29).
_DOT_SAMPLES = 8192

# --- Input checks --------------------------------------------------------------------


def pcm_array(x: AnyBuffer, what: str = "pcm") -> Pcm:
    """Return `x` as int16 values in the machine's byte order: a view, unless `x` is big-endian.

    Items of one byte are read as little-endian PCM16; int16 items of either byte order
    are read as values, in any shape and with any strides.

    Raises:
        AudioError: an odd number of bytes, bytes in more than one dimension, a scalar.
        TypeError: neither a buffer of bytes nor one of int16.
    """
    if type(x) is bytes and len(x) % 2 == 0:  # the common case: saves a third of a 20 ms frame's cost
        return np.frombuffer(x, _WIRE_INT16).astype(INT16, copy=False)
    array = _array(x, what)
    if array.dtype is INT16 or array.dtype == INT16:
        return array
    if _is_bytes(array):
        return _reinterpret(array, _WIRE_INT16, what).astype(INT16, copy=False)
    if _is_int16(array):
        return array.astype(INT16)
    raise _wrong_kind(what, "bytes of PCM16 or int16 samples", array.dtype)


def code_array(x: AnyBuffer, what: str = "codes") -> Codes:
    """Return `x` as uint8 values: a view, in any shape.

    Raises:
        AudioError: a scalar.
        TypeError: its items are not bytes.
    """
    if type(x) is bytes:  # the common case, as in `pcm_array`
        return np.frombuffer(x, UINT8)
    array = _array(x, what)
    if array.dtype is UINT8 or array.dtype == UINT8:
        return array
    if _is_bytes(array):
        return array.view(UINT8)
    raise _wrong_kind(what, "bytes", array.dtype)


def float_array(x: AnyBuffer) -> Floats:
    """Return `x` as float16, float32 or float64 values: a view. Bytes are read as little-endian float32.

    Raises:
        AudioError: a number of bytes that is no multiple of 4, a scalar.
        TypeError: its items are neither bytes nor such floats.
    """
    array = _array(x, "x")
    if array.dtype.kind == "f" and array.dtype.itemsize in _FLOAT_WIDTHS:
        return array
    if _is_bytes(array):
        return _reinterpret(array, _WIRE_FLOAT32, "x")
    raise _wrong_kind("x", "floats", array.dtype)


def byte_view(x: AnyBuffer, sample_width: int) -> memoryview:
    """Return the wire bytes of mono audio as a one-dimensional memoryview of format "B".

    A view if `x` is contiguous; a copy if it is strided, reversed or big-endian. Any number
    of bytes is accepted, so a stream may be split within a sample.

    Raises:
        AudioError: more than one dimension, or none.
        TypeError: neither bytes nor, where `sample_width` is 2, int16.
    """
    if type(x) is bytes or type(x) is bytearray:
        return memoryview(x)
    array = _array(x, "audio")
    if array.ndim != 1:
        raise AudioError(f"audio must have one dimension, not {array.ndim}")
    if not _is_bytes(array):
        if sample_width != 2:
            raise _wrong_kind("audio", "bytes", array.dtype)
        if not _is_int16(array):
            raise _wrong_kind("audio", "bytes or int16 samples", array.dtype)
        array = array.astype(_WIRE_INT16, copy=False)
    return np.ascontiguousarray(array).view(UINT8).data


def require_mono(samples: Pcm) -> Pcm:
    """Return `samples`, or raise AudioError if they have more than one dimension."""
    if samples.ndim != 1:
        raise AudioError(f"pcm must have one dimension, not {samples.ndim}: mix with to_mono first")
    return samples


def check_out(out: object, shape: tuple[int, ...], dtype: DTypeLike, source: NDArray[Any]) -> None:
    """Raise an error if `out` cannot hold the result, or if it shares memory with `source`.

    Raises:
        AudioError: wrong dtype, byte order or shape; not C-contiguous; read-only; overlap.
        TypeError: not an ndarray.
    """
    if not isinstance(out, np.ndarray):
        raise TypeError(f"out must be an ndarray, not {type(out).__name__}")
    array = cast("NDArray[Any]", out)
    if array.dtype != dtype:
        raise AudioError(f"out must be {np.dtype(dtype)}, not {array.dtype}")
    if array.shape != shape:
        raise AudioError(f"out must have the shape {shape}, not {array.shape}")
    if not (array.flags.c_contiguous and array.flags.writeable and array.flags.aligned):
        raise AudioError("out must be C-contiguous, aligned and writable")
    if np.may_share_memory(array, source):
        raise AudioError("out must not overlap the input")


def as_int(x: object, what: str) -> int:
    """Return `x` as an int. Accepts Python's and numpy's integers, no bool; else raises TypeError."""
    if isinstance(x, SupportsIndex) and not isinstance(x, bool):
        return operator.index(x)
    raise TypeError(f"{what} must be an int, not {type(x).__name__}")


def _array(x: Any, what: str) -> NDArray[Any]:
    if type(x) is bytes or type(x) is bytearray:
        return np.frombuffer(x, UINT8)
    if type(x) is np.ndarray:
        array = x
    else:
        try:
            array = np.asarray(memoryview(x))
        except (TypeError, ValueError):  # no buffer, or items that numpy has no type for
            raise TypeError(f"{what} must be a buffer or an array, not {type(x).__name__}") from None
    if not array.ndim:
        raise AudioError(f"{what} must be an array, not a single value")
    return array


def _is_bytes(array: NDArray[Any]) -> bool:
    return array.dtype.itemsize == 1 and array.dtype.kind in "uiS"


def _is_int16(array: NDArray[Any]) -> bool:
    return array.dtype.itemsize == 2 and array.dtype.kind == "i"


def _reinterpret(array: NDArray[Any], dtype: np.dtype[Any], what: str) -> NDArray[Any]:
    if array.ndim != 1:
        raise AudioError(f"{what} must have one dimension as bytes, not {array.ndim}")
    if array.size % dtype.itemsize:
        raise AudioError(
            f"{what}: {array.size} bytes are not a whole number of {dtype.itemsize}-byte samples"
        )
    return np.ascontiguousarray(array).view(dtype)


def _wrong_kind(what: str, wanted: str, dtype: np.dtype[Any]) -> TypeError:
    return TypeError(f"{what} must be {wanted}, not {dtype}")


# --- PCM16 ---------------------------------------------------------------------------


def pcm16(buffer: AnyBuffer) -> Pcm:
    """Return the samples of `buffer` as an int16 array: a view, no copy.

    Takes bytes of little-endian PCM16 (any buffer, at any offset) or an int16 array, which
    keeps its shape. The view is writable if the buffer is, sees later changes of it, and
    prevents a bytearray from being resized while it exists. Only big-endian arrays and
    strided bytes are copied.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: neither bytes nor int16.
    """
    return pcm_array(buffer, "buffer")


def to_float32(pcm: AnyBuffer, *, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """Return `pcm` / 32768 as float32 in [-1, 1), exact, in the shape of `pcm`.

    Takes bytes of little-endian PCM16 or an int16 array. Returns a new array or `out`.
    `from_float32` restores all 65,536 values.

    Raises:
        AudioError: an odd number of bytes, or an `out` that does not fit or overlaps.
        TypeError: neither bytes nor int16.
    """
    samples = pcm_array(pcm)
    if out is not None:
        check_out(out, samples.shape, np.float32, samples)
    return np.multiply(samples, np.float32(1 / FULL_SCALE), out=out, dtype=np.float32)


def from_float32(x: AnyBuffer, *, out: Pcm | None = None) -> Pcm:
    """Return `x` times 32768, rounded half to even and clipped, as int16.

    Takes floats of 16, 32 or 64 bits in any shape, or bytes of little-endian float32.
    Returns a new array or `out`. Values outside [-1, 1), infinities included, are clipped to
    -32768 and 32767; NaN becomes 0.

    Raises:
        AudioError: a number of bytes that is no multiple of 4, or an `out` that does not fit.
        TypeError: neither bytes nor floats.
    """
    floats = float_array(x)
    if out is not None:
        check_out(out, floats.shape, INT16, floats)
    scaled = _scaled(floats)
    if out is None:
        return scaled.astype(INT16)
    np.copyto(out, scaled, casting="unsafe")
    return out


def _scaled(floats: Floats) -> Floats:
    """Scale `floats` to integers in [-32768, 32767], in a float type that represents them exactly."""
    wide = np.float32 if floats.dtype.itemsize < 8 else np.float64
    with np.errstate(all="ignore"):  # of an overflow, which is clipped, and of a signalling NaN
        scaled: Floats = np.multiply(floats, FULL_SCALE, dtype=wide)
    scaled.clip(-FULL_SCALE, FULL_SCALE - 1, out=scaled)
    np.rint(scaled, out=scaled)
    scaled[np.isnan(scaled)] = 0
    return scaled


def to_mono(pcm: AnyBuffer, channels: int) -> Pcm:
    """Return the mean over `channels` of each frame, rounded half to even, as a new int16 array.

    Takes interleaved samples in one dimension (bytes of PCM16 or int16), or int16 of shape
    (frames, channels). The sum is taken in int64 and cannot overflow: (3, 4) gives 4,
    (-3, -4) gives -4.

    Raises:
        AudioError: an incomplete frame, a shape that is not (frames, channels), `channels` below 1.
        TypeError: neither bytes nor int16, or `channels` is not an int.
    """
    count = as_int(channels, "channels")
    if count < 1:
        raise AudioError(f"channels must be at least 1, got {count}")
    samples = pcm_array(pcm)
    if samples.ndim > 2 or (samples.ndim == 2 and samples.shape[1] != count):
        raise AudioError(f"pcm of the shape {samples.shape} is not (frames, {count})")
    if samples.size % count:
        raise AudioError(f"{samples.size} samples are not a multiple of {count} channels")
    if count == 1:
        return samples.reshape(-1).copy()
    # A sum over the first axis is seven times as fast, the copy included.
    sums: NDArray[np.int64] = samples.reshape(-1, count).T.copy().sum(axis=0, dtype=np.int64)
    # The quotient of two such integers in float64 is a half only if it is exactly one.
    return np.rint(sums / count).astype(np.int16)


def l16_encode(pcm: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """Encode `pcm` as big-endian L16 (RTP, RFC 3551 4.5.11): uint8, two items a sample.

    Takes bytes of little-endian PCM16 or an int16 array of one dimension. Returns a new
    array or `out`; its ``.tobytes()`` is the payload.

    Raises:
        AudioError: an odd number of bytes, more than one dimension, or an `out` that does not fit.
        TypeError: neither bytes nor int16.
    """
    samples = require_mono(pcm_array(pcm))
    if out is None:
        return samples.astype(">i2").view(UINT8)
    check_out(out, (2 * samples.size,), UINT8, samples)
    np.copyto(out.view(">i2"), samples)
    return out


def l16_decode(payload: AnyBuffer, *, out: Pcm | None = None) -> Pcm:
    """Decode a big-endian L16 payload (RTP, RFC 3551 4.5.11) to int16 samples.

    Takes bytes. Returns a new array in the machine's byte order, or `out`. An array whose
    dtype is big-endian already needs no decoding: every function here accepts it.

    Raises:
        AudioError: an odd number of bytes, more than one dimension, or an `out` that does not fit.
        TypeError: the payload is not bytes.
    """
    codes = code_array(payload, "payload")
    if codes.ndim != 1 or codes.size % 2:
        raise AudioError(f"an L16 payload must be an even number of bytes, got the shape {codes.shape}")
    samples = np.ascontiguousarray(codes).view(">i2")
    if out is None:
        return samples.astype(INT16)
    check_out(out, samples.shape, INT16, codes)
    np.copyto(out, samples)
    return out


# --- Levels --------------------------------------------------------------------------
#
# 0 dBFS is 32768: a full-scale square wave has an RMS of 0 dBFS, a sine one of -3.01. Sums of squares
# are exact: below 2**53 in each block of `_DOT_SAMPLES`, and of any size in Python's integers.


def rms_dbfs(pcm: AnyBuffer) -> float:
    """Return the root mean square of all samples in dBFS; -inf for digital silence or no samples.

    Takes bytes of little-endian PCM16 or an int16 array of any shape.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: neither bytes nor int16.
    """
    samples = pcm_array(pcm).reshape(-1)
    if not samples.size:
        return -math.inf
    squares = 0
    for i in range(0, samples.size, _DOT_SAMPLES):
        wide = samples[i : i + _DOT_SAMPLES].astype(np.float64)
        squares += int(wide.dot(wide))
    mean_square = squares / samples.size
    return 10 * math.log10(mean_square / FULL_SCALE**2) if mean_square else -math.inf


def peak_dbfs(pcm: AnyBuffer) -> float:
    """Return the largest magnitude in dBFS, 0.0 for -32768; -inf for digital silence or no samples.

    Takes bytes of little-endian PCM16 or an int16 array of any shape.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: neither bytes nor int16.
    """
    samples = pcm_array(pcm)
    peak = max(int(samples.max()), -int(samples.min())) if samples.size else 0
    return 20 * math.log10(peak / FULL_SCALE) if peak else -math.inf


def is_silence(pcm: AnyBuffer, threshold_dbfs: float = SILENCE_DBFS) -> bool:
    """Return True if no sample is louder than `threshold_dbfs`, also if there are no samples.

    Takes bytes of little-endian PCM16 or an int16 array of any shape. The default is -60 dBFS
    of peak; with -inf only digital silence passes.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: neither bytes nor int16.
    """
    return peak_dbfs(pcm) <= threshold_dbfs
