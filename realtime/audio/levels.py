"""Levels of PCM16 in dBFS: RMS, peak, and whether there is anything to hear.

0 dBFS is 32768: a full-scale square wave has an RMS of 0 dBFS, a sine one of -3.01. All
sums are taken in wider types, so -32768 is as loud as it is and no square wraps.
"""

from __future__ import annotations

import math

from ._buffers import AnyBuffer, Pcm, pcm_array
from .pcm import FULL_SCALE

SILENCE_DBFS = -60.0


def rms_dbfs(pcm: AnyBuffer) -> float:
    """The root mean square of all samples in dBFS; -inf for digital silence or no samples.

    Takes bytes of little-endian PCM16 or an int16 array of any shape.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: neither bytes nor int16.
    """
    samples = pcm_array(pcm).reshape(-1)
    if not samples.size:
        return -math.inf
    wide = samples.astype("f8")
    mean_square = float(wide.dot(wide)) / samples.size
    return 10 * math.log10(mean_square / FULL_SCALE**2) if mean_square else -math.inf


def peak_dbfs(pcm: AnyBuffer) -> float:
    """The largest magnitude in dBFS, 0.0 for -32768; -inf for digital silence or no samples.

    Takes bytes of little-endian PCM16 or an int16 array of any shape.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: neither bytes nor int16.
    """
    peak = _peak(pcm_array(pcm))
    return 20 * math.log10(peak / FULL_SCALE) if peak else -math.inf


def is_silence(pcm: AnyBuffer, threshold_dbfs: float = SILENCE_DBFS) -> bool:
    """Whether no sample is louder than `threshold_dbfs`; true of no samples at all.

    Takes bytes of little-endian PCM16 or an int16 array of any shape. The default, -60 dBFS
    of peak, lies above the noise of an idle line and below any speech; -inf asks for zeros.

    Raises:
        AudioError: an odd number of bytes.
        TypeError: neither bytes nor int16.
    """
    return peak_dbfs(pcm) <= threshold_dbfs


def _peak(samples: Pcm) -> int:
    return max(int(samples.max()), -int(samples.min())) if samples.size else 0
