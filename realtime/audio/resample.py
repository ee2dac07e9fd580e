"""Resampling of mono int16 between the sample rates of carriers and sessions, as a stream.

The filter of a pair of rates is a Kaiser-windowed sinc. Every tap is an integer multiple of
2**-30, so each product with a sample and each sum of them is a multiple of 2**-30 below 2**18:
exact in float64, in any order of summation. That is why any split of a stream gives the same
output, to the bit, whatever BLAS does. Read `conversion` next.
"""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from ..format import RESAMPLED_RATES
from .pcm import INT16, AnyBuffer, Pcm, as_int, pcm_array, require_mono

SAMPLE_RATES: Final = RESAMPLED_RATES

# Half the filter's length in periods of the lower rate. 20 periods with this beta reach
# from 0.85 to 1.15 of the lower Nyquist frequency at 90 dB and cost 2.5 ms at 8 kHz.
HALF_PERIODS: Final = 20
KAISER_BETA: Final = 9.4
TAP_UNIT: Final = 2.0**-30
# Blocks of output per row of the matrix, each of `up` samples. Measured for 20 to 500 ms: 8 and 10
# cost the least. Fewer need more rows, more multiply more zeros.
BLOCKS_PER_ROW: Final = 8
# The most multiplications of one matrix product. Above 262,144 OpenBLAS, which numpy's wheels contain,
# wakes its worker threads, and each of them then spins for up to 100 ms (interface/gemm.c:
# SMP_THRESHOLD_MIN * GEMM_MULTITHREAD_THRESHOLD, the same in v0.3.23, which is in numpy 1.26, and v0.3.28). A
# product of one row is a gemv, for which v0.3.23 does so from 9,216 on (interface/gemv.c): more than one
# row of any filter here takes. Read on 2026-11-29; 0.3.31 in numpy 2.4 was measured.
MAX_PRODUCT: Final = 200_000
# Inputs processed at once: the temporary arrays of a long recording stay in the cache.
_SLAB: Final = 1 << 14
_EMPTY = np.zeros(0, INT16)


class Resampler:
    """A streaming resampler of mono int16 from `in_rate` to `out_rate`, both of `SAMPLE_RATES`.

    A linear-phase polyphase FIR: flat to 0.85 of the lower Nyquist frequency, at least 80 dB
    down from 1.15 of it. Its delay is compensated: sample 0 comes out at 0, and n samples
    become exactly ceil(n * out_rate / in_rate), those of `flush` included. The output does not
    depend on how the stream is split, to the bit. Sums are exact, rounded half to even and
    clipped; silence stays zero and a constant stays constant. Equal rates are copied.

    Not safe for use by two threads at once.

    Attributes:
        in_rate, out_rate: in Hz.
        delay_ms: duration of the input that is withheld until more arrives: the maximum, and the
            exact value after every multiple of 1/8000 s.

    Raises:
        AudioError: a rate that is not in `SAMPLE_RATES`.
        TypeError: a rate that is not an int.
    """

    __slots__ = ("_due", "_filter", "_history", "_taken", "delay_ms", "in_rate", "out_rate")

    def __init__(self, in_rate: int, out_rate: int) -> None:
        self.in_rate = _rate(in_rate)
        self.out_rate = _rate(out_rate)
        self._filter = None if self.in_rate == self.out_rate else filter_of(self.in_rate, self.out_rate)
        self.delay_ms = 0.0
        if self._filter is not None:
            self.delay_ms = 1000 * self._filter.half / (self._filter.up * self.in_rate)
        self.reset()

    def __repr__(self) -> str:
        return f"Resampler({self.in_rate}, {self.out_rate})"

    def reset(self) -> None:
        """Forget the stream. The next input is treated as by a new Resampler."""
        self._taken = 0  # inputs so far
        self._due = 0  # index of the next output
        # Inputs from `reach` before the block of the next output; before the stream: silence.
        self._history = np.zeros(self._filter.reach if self._filter else 0, np.float64)

    def process(self, pcm: AnyBuffer) -> Pcm:
        """Resample the next part of the stream. Returns a new int16 array, perhaps empty.

        Takes bytes of little-endian PCM16 or an int16 array of one dimension; a stream of
        bytes must be split between samples (`Converter` accepts any split).

        Raises:
            AudioError: an odd number of bytes, or more than one dimension.
            TypeError: neither bytes nor int16.
        """
        samples = require_mono(pcm_array(pcm))
        if self._filter is None:
            return samples.copy()
        if samples.size <= _SLAB:
            return self._next(self._filter, samples)
        slabs = (samples[i : i + _SLAB] for i in range(0, samples.size, _SLAB))
        return np.concatenate([self._next(self._filter, slab) for slab in slabs])

    def flush(self) -> Pcm:
        """Return the samples still withheld, as if silence followed, then reset. Ends the stream."""
        fir = self._filter
        tail = _EMPTY.copy()
        if fir is not None and self._taken:
            padded = np.zeros(self._history.size + fir.width)
            padded[: self._history.size] = self._history
            tail = self._outputs(fir, padded, -(-self._taken * fir.up // fir.down))
        self.reset()
        return tail

    def _next(self, fir: Filter, samples: Pcm) -> Pcm:
        start = self._history.size
        known = start + samples.size
        padded = np.zeros(known + fir.width)  # zeros complete the last row
        padded[:start] = self._history
        padded[start:known] = samples
        self._taken += samples.size
        # Output m needs the inputs k with k*up <= m*down + half.
        end = (self._taken * fir.up - fir.half - 1) // fir.down + 1
        if end <= self._due:
            self._history = padded[:known]
            return _EMPTY.copy()
        first = (end // fir.up - self._due // fir.up) * fir.down
        self._history = padded[first:known].copy()
        return self._outputs(fir, padded, end)

    def _outputs(self, fir: Filter, padded: NDArray[np.float64], end: int) -> Pcm:
        """Return the outputs from the next one to `end`. `padded` begins `reach` inputs before its block."""
        skip = self._due % fir.up
        count = end - self._due
        self._due = end
        rows = -(-(skip + count) // fir.outputs)
        # Rows overlap. numpy's as_strided and sliding_window_view cost more than the product itself.
        windows = np.ndarray((rows, fir.width), np.float64, padded, 0, (8 * fir.step, 8))
        exact = _product(windows, fir)
        np.rint(exact, out=exact)
        exact.clip(-32768.0, 32767.0, out=exact)
        return exact.astype(INT16).reshape(-1)[skip : skip + count]


def _product(windows: NDArray[np.float64], fir: Filter) -> NDArray[np.float64]:
    """Return `windows` times the filter's matrix, by products of at most MAX_PRODUCT multiplications."""
    if len(windows) <= fir.rows:
        exact: NDArray[np.float64] = np.dot(windows, fir.matrix)
        return exact
    exact = np.empty((len(windows), fir.outputs))
    for i in range(0, len(windows), fir.rows):
        np.dot(windows[i : i + fir.rows], fir.matrix, out=exact[i : i + fir.rows])
    return exact


def _rate(rate: object) -> int:
    known = as_int(rate, "a sample rate")
    if known not in SAMPLE_RATES:
        raise AudioError(
            f"the sample rate must be one of {', '.join(map(str, SAMPLE_RATES))} Hz, not {known}"
        )
    return known


# --- Filters -------------------------------------------------------------------------


class Filter(NamedTuple):
    """The filter of one pair of rates, in blocks of `up` outputs from `down` inputs.

    `matrix` has the shape (width, outputs): a row of `width` inputs, the first of which
    lies `reach` before its block, times `matrix` is `outputs` outputs. One product has at most `rows` rows.
    """

    up: int
    down: int
    half: int
    reach: int
    step: int
    width: int
    outputs: int
    rows: int
    matrix: NDArray[np.float64]


@functools.cache
def filter_of(in_rate: int, out_rate: int) -> Filter:
    """Return the filter from `in_rate` to `out_rate`, two different rates of `SAMPLE_RATES`; built once."""
    common = math.gcd(in_rate, out_rate)
    up, down = out_rate // common, in_rate // common
    half = HALF_PERIODS * max(up, down)
    reach = half // up
    outputs = BLOCKS_PER_ROW * up
    width = reach + ((outputs - 1) * down + half) // up + 1
    matrix = _matrix(taps(up, down), up, down, reach, (width, outputs))
    rows = MAX_PRODUCT // (width * outputs)
    return Filter(up, down, half, reach, BLOCKS_PER_ROW * down, width, outputs, rows, matrix)


def taps(up: int, down: int) -> NDArray[np.float64]:
    """Return the 2*half + 1 taps at `up` times the input's rate; each phase sums to exactly 1."""
    longer = max(up, down)
    n = np.arange(-HALF_PERIODS * longer, HALF_PERIODS * longer + 1)
    ideal = np.sinc(n / longer) * np.kaiser(n.size, KAISER_BETA)
    exact = np.empty_like(ideal)
    for phase in range(up):
        exact[phase::up] = _quantise(ideal[phase::up])
    return exact


def _quantise(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round `phase` to multiples of TAP_UNIT with the sum 1; the largest tap absorbs the remainder."""
    units = np.rint(phase / (phase.sum() * TAP_UNIT))
    units[units.argmax()] += 1 / TAP_UNIT - units.sum()
    scaled: NDArray[np.float64] = units * TAP_UNIT
    return scaled


def _matrix(
    taps: NDArray[np.float64], up: int, down: int, reach: int, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Arrange the taps as a band matrix: output j uses input k with the tap at j*down - (k-reach)*up."""
    k, j = np.ogrid[: shape[0], : shape[1]]
    index = j * down - (k - reach) * up + taps.size // 2
    inside = (index >= 0) & (index < taps.size)
    matrix = np.where(inside, taps[np.where(inside, index, 0)], 0.0)
    matrix.setflags(write=False)
    return matrix
