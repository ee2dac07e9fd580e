"""G.711, exact to ITU-T G.191 (the reference software of the G series), by tables.

The tables are derived from the definition when the module is imported (well under a
millisecond); each function is one check and one lookup. Samples are int16; a mu-law code
holds 14 bits of them, an A-law code 13.

Where others differ from the reference, always by one code step: CPython's audioop in 508
mu-law codes (its A-law is equal), sox -D in 510 mu-law and 1020 A-law codes, ffmpeg in
964 of each, libsndfile in 127 of each, spandsp in 127 mu-law codes. All decode alike.
"""

from __future__ import annotations

import functools
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ._buffers import INT16, UINT8, AnyBuffer, Codes, Pcm, check_out, code_array, pcm_array
from ._g711_tables import ALAW_TO_ULAW_NUMBERS, ULAW_TO_ALAW_NUMBERS

_Array = TypeVar("_Array", bound=NDArray[Any])
_Value = TypeVar("_Value", bound=np.generic)

_UINT16 = np.dtype(np.uint16)
_WIRE_UINT16 = np.dtype("<u2")
_ULAW_BIAS = 33
_ULAW_CLIP = 0x1FFF
_ALAW_TOGGLE = 0x55  # even bits are inverted on the line
_SIGN = 0x80  # set for positive values, in both laws


def ulaw_encode(pcm: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """mu-law codes of `pcm`, equal to ITU-T G.191's for all 65,536 samples.

    Takes bytes of little-endian PCM16 or an int16 array; gives uint8 in the same shape, a
    new array or `out`. Negative samples enter by their ones' complement, -1 is 0x7F, and
    0x00 (-32768) is sent as it is, without the zero trap.

    Raises:
        AudioError: an odd number of bytes, or an `out` that does not fit or overlaps.
        TypeError: neither bytes nor int16.
    """
    return _encode(_ULAW_OF_PCM, pcm, out)


def ulaw_encode_audioop(pcm: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """mu-law codes of `pcm` as CPython's audioop.lin2ulaw gave them (removed in Python 3.13).

    For those who must match recordings made with it. It takes the magnitude of a negative
    sample by two's complement after the shift and so differs from `ulaw_encode` in 508
    samples' codes by one step. Arguments and errors are those of `ulaw_encode`.
    """
    return _encode(_audioop_ulaw_of_pcm(), pcm, out)


def alaw_encode(pcm: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """A-law codes of `pcm`, equal to ITU-T G.191's (and audioop's) for all 65,536 samples.

    Takes bytes of little-endian PCM16 or an int16 array; gives uint8 in the same shape, a
    new array or `out`.

    Raises:
        AudioError: an odd number of bytes, or an `out` that does not fit or overlaps.
        TypeError: neither bytes nor int16.
    """
    return _encode(_ALAW_OF_PCM, pcm, out)


def ulaw_decode(codes: AnyBuffer, *, out: Pcm | None = None) -> Pcm:
    """The samples of mu-law `codes`: int16 within ±32124, in the shape of `codes`.

    Takes any buffer of bytes or a uint8 array; gives a new array or `out`. Encoding them
    again gives the same codes, but for 0x7F (negative zero), which becomes 0xFF. ITU-T G.711.

    Raises:
        AudioError: an `out` that does not fit or overlaps.
        TypeError: the codes are not bytes.
    """
    return _decode(_PCM_OF_ULAW, codes, out)


def alaw_decode(codes: AnyBuffer, *, out: Pcm | None = None) -> Pcm:
    """The samples of A-law `codes`: int16 within ±32256, in the shape of `codes`.

    Takes any buffer of bytes or a uint8 array; gives a new array or `out`. Encoding them
    again gives the same codes. No sample is 0: the smallest are ±8. ITU-T G.711.

    Raises:
        AudioError: an `out` that does not fit or overlaps.
        TypeError: the codes are not bytes.
    """
    return _decode(_PCM_OF_ALAW, codes, out)


def ulaw_to_alaw(codes: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """A-law codes of mu-law `codes` by Table 3 of ITU-T G.711 (11/88), never through PCM.

    Takes any buffer of bytes or a uint8 array; gives uint8 in the same shape, a new array
    or `out`. Going through PCM instead would give 46 other codes.

    Raises:
        AudioError: an `out` that does not fit or overlaps.
        TypeError: the codes are not bytes.
    """
    return _transcode(_ALAW_OF_ULAW, codes, out)


def alaw_to_ulaw(codes: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """mu-law codes of A-law `codes` by Table 4 of ITU-T G.711 (11/88), never through PCM.

    Takes any buffer of bytes or a uint8 array; gives uint8 in the same shape, a new array
    or `out`. Going through PCM instead would give 34 other codes.

    Raises:
        AudioError: an `out` that does not fit or overlaps.
        TypeError: the codes are not bytes.
    """
    return _transcode(_ULAW_OF_ALAW, codes, out)


def _encode(table: Codes, pcm: AnyBuffer, out: Codes | None) -> Codes:
    if out is None and type(pcm) is bytes and len(pcm) % 2 == 0 and len(pcm) <= _BLOCK:
        return table.take(np.frombuffer(pcm, _WIRE_UINT16))  # the usual case, the shortest way
    samples = pcm_array(pcm)
    if out is not None:
        check_out(out, samples.shape, UINT8, samples)
    return _look_up(table, samples.view(np.uint16), out)


def _decode(table: Pcm, codes: AnyBuffer, out: Pcm | None) -> Pcm:
    if out is None and type(codes) is bytes and len(codes) <= _BLOCK:  # the same
        if len(codes) < _PAIRS_FROM or len(codes) % 2:
            return table.take(np.frombuffer(codes, UINT8))
        return _pairs_of(table).take(np.frombuffer(codes, _UINT16), mode="wrap").view(INT16)
    indices = code_array(codes)
    if out is not None:
        check_out(out, indices.shape, INT16, indices)
    return _look_up(table, indices, out)


def _transcode(table: Codes, codes: AnyBuffer, out: Codes | None) -> Codes:
    indices = code_array(codes)
    if out is not None:
        check_out(out, indices.shape, UINT8, indices)
    return _look_up(table, indices, out)


def _look_up(table: NDArray[_Value], indices: NDArray[Any], out: NDArray[_Value] | None) -> NDArray[_Value]:
    # The type of the index is the size of the table, so no index is out of range. Measured:
    # `take` is twice as fast as table[indices]; with `out`, only "clip" writes in place.
    if out is not None:
        return table.take(indices, out=out, mode="clip")
    if indices.size < _PAIRS_FROM or indices.ndim != 1:
        return table.take(indices)
    if indices.dtype == UINT8 and indices.size % 2 == 0 and indices.flags.c_contiguous:
        return _in_blocks(_pairs_of(table), indices.view(_UINT16)).view(table.dtype)
    return _in_blocks(table, indices)


# Two codes at a time halve the look-ups; below this the larger table costs more than it saves.
_PAIRS_FROM = 1000
_pair_tables: dict[int, NDArray[Any]] = {}


# `take` makes an index of eight bytes for each item: a block's stays in the cache (10 million
# samples: half the time). Its default mode copies what it writes; "clip" does not.
_BLOCK = 32_768


def _in_blocks(table: NDArray[_Value], indices: NDArray[Any]) -> NDArray[_Value]:
    """`table.take(indices)` of one dimension, a block at a time."""
    found = np.empty(indices.size, table.dtype)
    if indices.size <= _BLOCK:
        return table.take(indices, out=found, mode="clip")
    for at in range(0, indices.size, _BLOCK):
        table.take(indices[at : at + _BLOCK], out=found[at : at + _BLOCK], mode="clip")
    return found


def _pairs_of(table: NDArray[_Value]) -> NDArray[Any]:
    """`table`, which has 256 values, for two codes at once: 65,536 pairs of values in memory's order."""
    if id(table) not in _pair_tables:  # the tables are this module's own and live as long
        codes = np.arange(1 << 16, dtype=np.uint16).view(UINT8)
        _pair_tables[id(table)] = _frozen(table.take(codes).view(f"u{2 * table.itemsize}"))
    return _pair_tables[id(table)]


# --- The definition, ITU-T G.711 and G.191 -------------------------------------------


def _ulaw_magnitude_codes(magnitudes: NDArray[np.int64]) -> Codes:
    """Codes of positive values by their 14-bit magnitude: 8 segments of 16 steps."""
    biased = np.minimum(magnitudes + _ULAW_BIAS, _ULAW_CLIP)
    segment = np.searchsorted(64 << np.arange(7), biased, side="right")
    step = (biased >> (segment + 1)) & 0x0F
    return (0xFF ^ (segment << 4 | step)).astype(UINT8)


def _alaw_magnitude_codes(magnitudes: NDArray[np.int64]) -> Codes:
    """Codes of positive values by their 12-bit magnitude: two segments share the first slope."""
    shift = np.searchsorted(32 << np.arange(6), magnitudes, side="right")
    return (_SIGN ^ _ALAW_TOGGLE ^ ((magnitudes >> shift) + (shift << 4))).astype(UINT8)


def _by_sample(positive: Codes) -> Codes:
    """The table by uint16 view of the sample: ~x makes -1 the mirror of 0, -32768 of 32767."""
    return _frozen(np.concatenate([positive, positive[::-1] ^ np.uint8(_SIGN)]))


def _ulaw_of_pcm() -> Codes:
    return _by_sample(np.repeat(_ulaw_magnitude_codes(np.arange(1 << 13)), 4))


def _alaw_of_pcm() -> Codes:
    return _by_sample(np.repeat(_alaw_magnitude_codes(np.arange(1 << 11)), 16))


@functools.cache
def _audioop_ulaw_of_pcm() -> Codes:
    shifted = np.arange(1 << 16).astype(np.uint16).view(np.int16).astype(np.int64) >> 2
    sign = np.where(shifted < 0, _SIGN, 0).astype(UINT8)
    return _frozen(_ulaw_magnitude_codes(np.abs(shifted)) ^ sign)


def _pcm_of_ulaw() -> Pcm:
    code = 0xFF ^ np.arange(256)
    magnitude = ((2 * (code & 0x0F) + _ULAW_BIAS) << (code >> 4 & 7)) - _ULAW_BIAS
    return _frozen((4 * np.where(code & _SIGN, -magnitude, magnitude)).astype(INT16))


def _pcm_of_alaw() -> Pcm:
    code = _ALAW_TOGGLE ^ np.arange(256)
    segment = code >> 4 & 7
    magnitude = (2 * (code & 0x0F) + 1 + 32 * (segment > 0)) << np.maximum(segment - 1, 0)
    return _frozen((8 * np.where(code & _SIGN, magnitude, -magnitude)).astype(INT16))


def _alaw_of_ulaw() -> Codes:
    code = 0xFF ^ np.arange(256)
    number = np.array(ULAW_TO_ALAW_NUMBERS)[code & 0x7F]
    return _frozen((((number - 1) | (~code & _SIGN)) ^ _ALAW_TOGGLE).astype(UINT8))


def _ulaw_of_alaw() -> Codes:
    code = _ALAW_TOGGLE ^ np.arange(256)
    number = np.array(ALAW_TO_ULAW_NUMBERS)[code & 0x7F]
    return _frozen((0xFF ^ (number | (~code & _SIGN))).astype(UINT8))


def _frozen(table: _Array) -> _Array:
    table.setflags(write=False)
    return table


_ULAW_OF_PCM = _ulaw_of_pcm()
_ALAW_OF_PCM = _alaw_of_pcm()
_PCM_OF_ULAW = _pcm_of_ulaw()
_PCM_OF_ALAW = _pcm_of_alaw()
_ALAW_OF_ULAW = _alaw_of_ulaw()
_ULAW_OF_ALAW = _ulaw_of_alaw()
