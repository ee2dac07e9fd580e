"""The resampler's filters: a Kaiser-windowed sinc per pair of rates, as exact numbers.

Every tap is an integer multiple of 2**-30, so each product with a sample and each sum of
them is a multiple of 2**-30 below 2**18: exact in float64, in any order of summation.
That is why a stream equals the whole to the bit whatever BLAS does. No state lives here.
"""

from __future__ import annotations

import functools
import math
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

RATES: Final = (8000, 16000, 24000, 48000)

# Half the filter's length in periods of the lower rate. 20 periods with this beta reach
# from 0.85 to 1.15 of the lower Nyquist frequency at 90 dB and cost 2.5 ms at 8 kHz.
HALF_PERIODS: Final = 20
KAISER_BETA: Final = 9.4
TAP_UNIT: Final = 2.0**-30
# Blocks of output per row of the matrix. Measured for 20 ms: 8 to 20 cost the same, less
# pays for more rows, more for more zeros.
BLOCKS_PER_ROW: Final = 10


class Filter(NamedTuple):
    """One pair of rates, made ready for blocks of `up` outputs from `down` inputs.

    `matrix` has the shape (width, outputs): a row of `width` inputs, the first of which
    lies `reach` before its block, times `matrix` is `outputs` outputs.
    """

    up: int
    down: int
    half: int
    reach: int
    step: int
    width: int
    outputs: int
    matrix: NDArray[np.float64]


@functools.cache
def filter_of(in_rate: int, out_rate: int) -> Filter:
    """The filter from `in_rate` to `out_rate`, two different rates of `RATES`; built once."""
    common = math.gcd(in_rate, out_rate)
    up, down = out_rate // common, in_rate // common
    half = HALF_PERIODS * max(up, down)
    reach = half // up
    outputs = BLOCKS_PER_ROW * up
    width = reach + ((outputs - 1) * down + half) // up + 1
    matrix = _matrix(taps(up, down), up, down, reach, (width, outputs))
    return Filter(up, down, half, reach, BLOCKS_PER_ROW * down, width, outputs, matrix)


def taps(up: int, down: int) -> NDArray[np.float64]:
    """The 2*half + 1 taps at `up` times the input's rate, each phase summing to exactly 1."""
    longer = max(up, down)
    n = np.arange(-HALF_PERIODS * longer, HALF_PERIODS * longer + 1)
    ideal = np.sinc(n / longer) * np.kaiser(n.size, KAISER_BETA)
    exact = np.empty_like(ideal)
    for phase in range(up):
        exact[phase::up] = _quantised(ideal[phase::up])
    return exact


def _quantised(phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """`phase` in multiples of TAP_UNIT with the sum 1; its largest tap takes the remainder."""
    units = np.rint(phase / (phase.sum() * TAP_UNIT))
    units[units.argmax()] += 1 / TAP_UNIT - units.sum()
    scaled: NDArray[np.float64] = units * TAP_UNIT
    return scaled


def _matrix(
    taps: NDArray[np.float64], up: int, down: int, reach: int, shape: tuple[int, int]
) -> NDArray[np.float64]:
    """The taps as a band matrix: output j takes input k by the tap at j*down - (k-reach)*up."""
    k, j = np.ogrid[: shape[0], : shape[1]]
    index = j * down - (k - reach) * up + taps.size // 2
    inside = (index >= 0) & (index < taps.size)
    matrix = np.where(inside, taps[np.where(inside, index, 0)], 0.0)
    matrix.setflags(write=False)
    return matrix
