"""Resampler: a streaming polyphase FIR between 8, 16, 24 and 48 kHz whose seams do not exist.

The filters and the reason why chunks equal the whole to the bit stand in `_filters`; here
is the bookkeeping of a stream: which inputs are still needed, which outputs are due.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import AudioError
from ._buffers import INT16, AnyBuffer, Pcm, flat, pcm_array, whole_number
from ._filters import RATES, Filter, filter_of

# Inputs taken at once: what a long recording needs beyond its result stays in the cache.
_SLAB = 1 << 14
_EMPTY = np.zeros(0, INT16)


class Resampler:
    """Mono int16 from `in_rate` to `out_rate`, both of 8000, 16000, 24000, 48000; streaming.

    A linear-phase Kaiser FIR: flat to 0.85 of the lower Nyquist frequency, at least 80 dB
    down from 1.15 of it. Its delay is compensated: sample 0 comes out at 0, and n samples
    become exactly ceil(n * out_rate / in_rate) with those of `flush`. The result does not
    depend on how the stream is cut, to the bit. Sums are exact, rounded half to even and
    clipped; silence stays zero and a constant stays itself. Equal rates pass through.

    Not safe for use by two threads at once.

    Attributes:
        in_rate, out_rate: in Hz.
        delay_ms: how much of the audio taken in is withheld until more comes: the most
            there ever is, and what there is after every whole number of 1/8000 s.

    Raises:
        AudioError: a rate that is not one of the four.
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
        """Forget the stream: what comes next is treated as by a new Resampler."""
        self._taken = 0  # inputs so far
        self._due = 0  # index of the next output
        # Inputs from `reach` before the block of the next output; before the stream: silence.
        self._history = np.zeros(self._filter.reach if self._filter else 0, np.float64)

    def process(self, pcm: AnyBuffer) -> Pcm:
        """The next samples in, those that are due out: a new int16 array, perhaps empty.

        Takes bytes of little-endian PCM16 or an int16 array of one dimension; a stream of
        bytes must be cut between samples (`Converter` carries odd bytes).

        Raises:
            AudioError: an odd number of bytes, or more than one dimension.
            TypeError: neither bytes nor int16.
        """
        samples = flat(pcm_array(pcm))
        if self._filter is None:
            return samples.copy()
        if samples.size <= _SLAB:
            return self._next(self._filter, samples)
        slabs = (samples[i : i + _SLAB] for i in range(0, samples.size, _SLAB))
        return np.concatenate([self._next(self._filter, slab) for slab in slabs])

    def flush(self) -> Pcm:
        """The samples still withheld, as if silence followed; then as `reset`. Ends the stream."""
        fir = self._filter
        tail = _EMPTY.copy()
        if fir is not None and self._taken:
            padded = np.zeros(self._history.size + fir.width)
            padded[: self._history.size] = self._history
            tail = self._outputs(fir, padded, -(-self._taken * fir.up // fir.down))
        self.reset()
        return tail

    def _next(self, fir: Filter, samples: Pcm) -> Pcm:
        kept = self._history.size
        known = kept + samples.size
        padded = np.zeros(known + fir.width)  # so that the last row can be whole
        padded[:kept] = self._history
        padded[kept:known] = samples
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
        """The outputs from the one due to `end`; the first input lies `reach` before its block."""
        skip = self._due % fir.up
        count = end - self._due
        self._due = end
        rows = -(-(skip + count) // fir.outputs)
        # Rows overlap; numpy's as_strided and sliding_window_view cost more than the product.
        windows = np.ndarray((rows, fir.width), np.float64, padded, 0, (8 * fir.step, 8))
        exact = np.dot(windows.copy(), fir.matrix)
        return _rounded(exact).reshape(-1)[skip : skip + count]


def _rounded(exact: NDArray[np.float64]) -> Pcm:
    np.rint(exact, out=exact)
    np.maximum(exact, -32768.0, out=exact)
    np.minimum(exact, 32767.0, out=exact)
    return exact.astype(INT16)


def _rate(rate: object) -> int:
    known = whole_number(rate, "a sample rate")
    if known not in RATES:
        raise AudioError(f"the sample rate must be one of {', '.join(map(str, RATES))} Hz, not {known}")
    return known
