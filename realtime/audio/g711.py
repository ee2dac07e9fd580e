"""G.711 mu-law and A-law, exact to ITU-T G.191 (the reference software of the G series), by tables.

The tables are computed from the definition when the module is imported (well under a
millisecond); each function is one check and one lookup. Samples are int16; a mu-law code
holds 14 bits of them, an A-law code 13. Other formats and streams are in `conversion`.

Other implementations differ from the reference, always by one code step: CPython's audioop in
508 mu-law codes (its A-law is equal), sox -D in 510 mu-law and 1020 A-law codes, ffmpeg in
964 of each, libsndfile in 127 of each, spandsp in 127 mu-law codes. All decode alike.
"""

from __future__ import annotations

import functools
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from .pcm import INT16, UINT8, AnyBuffer, Codes, Pcm, check_out, code_array, pcm_array

_Array = TypeVar("_Array", bound=NDArray[Any])
_Value = TypeVar("_Value", bound=np.generic)

_UINT16 = np.dtype(np.uint16)
_WIRE_UINT16 = np.dtype("<u2")
_ULAW_BIAS = 33
_ULAW_CLIP = 0x1FFF
_ALAW_TOGGLE = 0x55  # even bits are inverted on the line
_SIGN = 0x80  # set for positive values, in both laws


def ulaw_encode(pcm: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """Encode `pcm` as mu-law, equal to ITU-T G.191 for all 65,536 samples.

    Takes bytes of little-endian PCM16 or an int16 array. Returns uint8 in the same shape: a
    new array or `out`. The magnitude of a negative sample is its ones' complement, so -1 is
    0x7F; 0x00 (-32768) is not replaced (no zero trap).

    Raises:
        AudioError: an odd number of bytes, or an `out` that does not fit or overlaps.
        TypeError: neither bytes nor int16.
    """
    return _encode(_ULAW_OF_PCM, pcm, out)


def ulaw_encode_audioop(pcm: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """Encode `pcm` as mu-law with the results of CPython's audioop.lin2ulaw (removed in Python 3.13).

    For comparison with recordings made by it. The magnitude of a negative sample is its two's
    complement after the shift, so 508 samples differ from `ulaw_encode` by one code step.
    Arguments and errors are those of `ulaw_encode`.
    """
    return _encode(_audioop_ulaw_of_pcm(), pcm, out)


def alaw_encode(pcm: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """Encode `pcm` as A-law, equal to ITU-T G.191 (and audioop) for all 65,536 samples.

    Takes bytes of little-endian PCM16 or an int16 array. Returns uint8 in the same shape: a
    new array or `out`.

    Raises:
        AudioError: an odd number of bytes, or an `out` that does not fit or overlaps.
        TypeError: neither bytes nor int16.
    """
    return _encode(_ALAW_OF_PCM, pcm, out)


def ulaw_decode(codes: AnyBuffer, *, out: Pcm | None = None) -> Pcm:
    """Decode mu-law `codes` to int16 within ±32124, in the shape of `codes` (ITU-T G.711).

    Takes any buffer of bytes or a uint8 array. Returns a new array or `out`. Encoding the samples
    again restores the codes, except 0x7F (negative zero), which becomes 0xFF.

    Raises:
        AudioError: an `out` that does not fit or overlaps.
        TypeError: the codes are not bytes.
    """
    return _map_codes(_PCM_OF_ULAW, codes, out)


def alaw_decode(codes: AnyBuffer, *, out: Pcm | None = None) -> Pcm:
    """Decode A-law `codes` to int16 within ±32256, in the shape of `codes` (ITU-T G.711).

    Takes any buffer of bytes or a uint8 array. Returns a new array or `out`. Encoding the samples
    again restores the codes. No sample is 0: the smallest are ±8.

    Raises:
        AudioError: an `out` that does not fit or overlaps.
        TypeError: the codes are not bytes.
    """
    return _map_codes(_PCM_OF_ALAW, codes, out)


def ulaw_to_alaw(codes: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """Convert mu-law `codes` to A-law by Table 3 of ITU-T G.711 (11/88), without PCM between them.

    Takes any buffer of bytes or a uint8 array. Returns uint8 in the same shape: a new array
    or `out`. Conversion through PCM would differ in 46 codes.

    Raises:
        AudioError: an `out` that does not fit or overlaps.
        TypeError: the codes are not bytes.
    """
    return _map_codes(_ALAW_OF_ULAW, codes, out)


def alaw_to_ulaw(codes: AnyBuffer, *, out: Codes | None = None) -> Codes:
    """Convert A-law `codes` to mu-law by Table 4 of ITU-T G.711 (11/88), without PCM between them.

    Takes any buffer of bytes or a uint8 array. Returns uint8 in the same shape: a new array
    or `out`. Conversion through PCM would differ in 34 codes.

    Raises:
        AudioError: an `out` that does not fit or overlaps.
        TypeError: the codes are not bytes.
    """
    return _map_codes(_ULAW_OF_ALAW, codes, out)


def _encode(table: Codes, pcm: AnyBuffer, out: Codes | None) -> Codes:
    if out is None and type(pcm) is bytes and len(pcm) % 2 == 0 and len(pcm) <= _BLOCK:
        return table.take(np.frombuffer(pcm, _WIRE_UINT16))  # the common case, by the shortest path
    return _look_up(table, pcm_array(pcm).view(np.uint16), out)


def _map_codes(table: NDArray[_Value], codes: AnyBuffer, out: NDArray[_Value] | None) -> NDArray[_Value]:
    """Return the samples, or the codes of the other law, that `table` has for `codes`."""
    if out is None and type(codes) is bytes and len(codes) <= _BLOCK:  # the common case
        if len(codes) < _PAIRS_FROM or len(codes) % 2:
            return table.take(np.frombuffer(codes, UINT8))
        return _pairs_of(table).take(np.frombuffer(codes, _UINT16), mode="wrap").view(table.dtype)
    return _look_up(table, code_array(codes), out)


def _look_up(table: NDArray[_Value], indices: NDArray[Any], out: NDArray[_Value] | None) -> NDArray[_Value]:
    # The table covers the whole index type, so no index is out of range. Measured: `take` is
    # twice as fast as table[indices]; with `out`, only "clip" writes in place.
    if out is not None:
        check_out(out, indices.shape, table.dtype, indices)
        return table.take(indices, out=out, mode="clip")
    if indices.size < _PAIRS_FROM or indices.ndim != 1:
        return table.take(indices)
    if indices.dtype == UINT8 and indices.size % 2 == 0 and indices.flags.c_contiguous:
        return _in_blocks(_pairs_of(table), indices.view(_UINT16)).view(table.dtype)
    return _in_blocks(table, indices)


# Two codes at a time halve the lookups; below this size the larger table costs more than it saves.
_PAIRS_FROM = 1000
_pair_tables: dict[int, NDArray[Any]] = {}


# `take` makes an index of eight bytes for each item; that of a block stays in the cache (10
# million samples: half the time). Its default mode buffers the output; "clip" does not.
_BLOCK = 32_768


def _in_blocks(table: NDArray[_Value], indices: NDArray[Any]) -> NDArray[_Value]:
    """Return `table.take(indices)` for indices of one dimension, a block at a time."""
    found = np.empty(indices.size, table.dtype)
    if indices.size <= _BLOCK:
        return table.take(indices, out=found, mode="clip")
    for at in range(0, indices.size, _BLOCK):
        table.take(indices[at : at + _BLOCK], out=found[at : at + _BLOCK], mode="clip")
    return found


def _pairs_of(table: NDArray[_Value]) -> NDArray[Any]:
    """Expand a table of 256 values to 65,536 pairs of values, in memory order."""
    if id(table) not in _pair_tables:  # the tables are never freed, so ids are unique
        codes = np.arange(1 << 16, dtype=np.uint16).view(UINT8)
        _pair_tables[id(table)] = _frozen(table.take(codes).view(f"u{2 * table.itemsize}"))
    return _pair_tables[id(table)]


# --- The definition, ITU-T G.711 and G.191 -------------------------------------------


def _ulaw_magnitude_codes(magnitudes: NDArray[np.int64]) -> Codes:
    """Return the codes of positive values by their 14-bit magnitude: 8 segments of 16 steps."""
    biased = np.minimum(magnitudes + _ULAW_BIAS, _ULAW_CLIP)
    segment = np.searchsorted(64 << np.arange(7), biased, side="right")
    step = (biased >> (segment + 1)) & 0x0F
    return (0xFF ^ (segment << 4 | step)).astype(UINT8)


def _alaw_magnitude_codes(magnitudes: NDArray[np.int64]) -> Codes:
    """Return the codes of positive values by their 12-bit magnitude: two segments share the first slope."""
    shift = np.searchsorted(32 << np.arange(6), magnitudes, side="right")
    return (_SIGN ^ _ALAW_TOGGLE ^ ((magnitudes >> shift) + (shift << 4))).astype(UINT8)


def _by_sample(positive: Codes) -> Codes:
    """Return the table indexed by the sample's uint16 view: ~x mirrors -1 to 0, -32768 to 32767."""
    return _frozen(np.concatenate([positive, positive[::-1] ^ np.uint8(_SIGN)]))


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


# --- The two laws to each other: Tables 3 and 4 of ITU-T G.711 (11/88) ----------------
#
# Entries are the Recommendation's decoder output value numbers, the same for both signs.

# Table 3/G.711: mu-law value number 0..127 (the index) to A-law value number 1..128.
_ULAW_TO_ALAW_NUMBERS: Final = (
    1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8,
    9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24,
    25, 27, 29, 31, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44,
    46, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62,
    64, 65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79,
    81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95, 96,
    97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111, 112,
    113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127, 128,
)  # fmt: skip

# Table 4/G.711: A-law value number 1..128 (the index plus one) to mu-law value number 0..127.
_ALAW_TO_ULAW_NUMBERS: Final = (
    1, 3, 5, 7, 9, 11, 13, 15, 16, 17, 18, 19, 20, 21, 22, 23,
    24, 25, 26, 27, 28, 29, 30, 31, 32, 32, 33, 33, 34, 34, 35, 35,
    36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 48, 49, 49,
    50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 64,
    65, 66, 67, 68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 78, 79, 79,
    80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 90, 91, 92, 93, 94, 95,
    96, 97, 98, 99, 100, 101, 102, 103, 104, 105, 106, 107, 108, 109, 110, 111,
    112, 113, 114, 115, 116, 117, 118, 119, 120, 121, 122, 123, 124, 125, 126, 127,
)  # fmt: skip


def _alaw_of_ulaw() -> Codes:
    code = 0xFF ^ np.arange(256)
    number = np.array(_ULAW_TO_ALAW_NUMBERS)[code & 0x7F]
    return _frozen((((number - 1) | (~code & _SIGN)) ^ _ALAW_TOGGLE).astype(UINT8))


def _ulaw_of_alaw() -> Codes:
    code = _ALAW_TOGGLE ^ np.arange(256)
    number = np.array(_ALAW_TO_ULAW_NUMBERS)[code & 0x7F]
    return _frozen((0xFF ^ (number | (~code & _SIGN))).astype(UINT8))


def _frozen(table: _Array) -> _Array:
    table.setflags(write=False)
    return table


# Of 16 bits, mu-law ignores the lower two and A-law the lower four.
_ULAW_OF_PCM = _by_sample(np.repeat(_ulaw_magnitude_codes(np.arange(1 << 13)), 4))
_ALAW_OF_PCM = _by_sample(np.repeat(_alaw_magnitude_codes(np.arange(1 << 11)), 16))
_PCM_OF_ULAW = _pcm_of_ulaw()
_PCM_OF_ALAW = _pcm_of_alaw()
_ALAW_OF_ULAW = _alaw_of_ulaw()
_ULAW_OF_ALAW = _ulaw_of_alaw()
