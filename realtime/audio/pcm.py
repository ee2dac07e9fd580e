"""PCM16 without a lost LSB: views, floats, the mono mix, and RTP's big-endian L16.

A sample is one int16 value, little-endian as bytes. Every input kind is checked in
`_buffers`; every rounding here is half to even, in a type wide enough to be exact.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from ._buffers import (
    INT16,
    UINT8,
    AnyBuffer,
    Codes,
    Floats,
    Pcm,
    check_out,
    code_array,
    float_array,
    pcm_array,
    whole_number,
)

FULL_SCALE = 32768


def pcm16(buffer: AnyBuffer) -> Pcm:
    """The samples of `buffer` as an int16 array: a view, no copy.

    Takes bytes of little-endian PCM16 (any buffer, at any offset) or an int16 array, which
    comes back in its own shape. The view is writable only where the buffer is, sees later
    changes of it, and keeps a bytearray from being resized as long as it lives. Only
    big-endian arrays and strided bytes must be copied.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: neither bytes nor int16.
    """
    return pcm_array(buffer, "buffer")


def to_float32(pcm: AnyBuffer, *, out: NDArray[np.float32] | None = None) -> NDArray[np.float32]:
    """`pcm` / 32768 as float32 in [-1, 1), exact, in the shape of `pcm`; a new array or `out`.

    Takes bytes of little-endian PCM16 or an int16 array. `from_float32` returns every one
    of the 65,536 values.

    Raises:
        AudioError: an odd number of bytes, or an `out` that does not fit or overlaps.
        TypeError: neither bytes nor int16.
    """
    samples = pcm_array(pcm)
    if out is not None:
        check_out(out, samples.shape, np.float32, samples)
    return np.multiply(samples, np.float32(1 / FULL_SCALE), out=out, dtype=np.float32)


def from_float32(x: AnyBuffer, *, out: Pcm | None = None) -> Pcm:
    """`x` times 32768, rounded half to even and clipped, as int16; a new array or `out`.

    Takes floats of 16, 32 or 64 bits in any shape, or bytes of little-endian float32.
    What lies outside [-1, 1) clips to -32768 and 32767, infinities too; NaN becomes 0.

    Raises:
        AudioError: bytes that are not whole float32 values, or an `out` that does not fit.
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
    """Whole numbers in [-32768, 32767], in a float type that holds them all."""
    wide = np.float32 if floats.dtype.itemsize < 8 else np.float64
    # NaN goes first: a signalling one would make any later step warn.
    scaled: Floats = np.where(np.isnan(floats), 0, floats).astype(wide)
    np.maximum(scaled, -1, out=scaled)
    np.minimum(scaled, 1, out=scaled)
    np.multiply(scaled, FULL_SCALE, out=scaled)
    np.rint(scaled, out=scaled)
    np.minimum(scaled, FULL_SCALE - 1, out=scaled)
    return scaled


def to_mono(pcm: AnyBuffer, channels: int) -> Pcm:
    """The mean over `channels` of each frame, rounded half to even, as a new int16 array.

    Takes interleaved samples in one dimension (bytes of PCM16 or int16), or int16 of shape
    (frames, channels). The sum is taken in int64, so it cannot wrap: (3, 4) gives 4,
    (-3, -4) gives -4.

    Raises:
        AudioError: no whole frames, a shape that is not (frames, channels), no channels.
        TypeError: neither bytes nor int16, or `channels` is not an int.
    """
    count = whole_number(channels, "channels")
    if count < 1:
        raise AudioError(f"channels must be at least 1, got {count}")
    samples = pcm_array(pcm)
    if samples.ndim > 2 or (samples.ndim == 2 and samples.shape[1] != count):
        raise AudioError(f"pcm of the shape {samples.shape} is not (frames, {count})")
    if samples.size % count:
        raise AudioError(f"{samples.size} samples are not whole frames of {count} channels")
    if count == 1:
        return samples.reshape(-1).copy()
    # The quotient of two such integers cannot round to a half that it is not.
    sums: NDArray[np.int64] = samples.reshape(-1, count).sum(axis=1, dtype=np.int64)
    return np.rint(sums / count).astype(np.int16)


def l16_encode(pcm: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """The big-endian bytes of `pcm` (RTP's L16, RFC 3551 4.5.11): uint8, twice as many.

    Takes bytes of little-endian PCM16 or an int16 array of one dimension; gives a new
    array or `out`, whose ``.tobytes()`` is the payload.

    Raises:
        AudioError: an odd number of bytes, more than one dimension, or an `out` that does not fit.
        TypeError: neither bytes nor int16.
    """
    samples = pcm_array(pcm)
    if samples.ndim != 1:
        raise AudioError(f"pcm must have one dimension, not {samples.ndim}")
    if out is None:
        return samples.astype(">i2").view(UINT8)
    check_out(out, (2 * samples.size,), UINT8, samples)
    np.copyto(out.view(">i2"), samples)
    return out


def l16_decode(payload: AnyBuffer, *, out: Pcm | None = None) -> Pcm:
    """The samples of a big-endian payload (RTP's L16, RFC 3551 4.5.11) as int16.

    Takes bytes; gives a new array in the machine's byte order, or `out`. An array that
    numpy already knows to be big-endian needs no decoding: every function here takes it.

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
