"""Measurements of the resampler on its int16 output, for the tests and for docs/resampler.md."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
from numpy.typing import NDArray

from realtime.audio import Resampler

Pcm = NDArray[np.int16]


def whole(in_rate: int, out_rate: int, samples: Pcm) -> Pcm:
    resampler = Resampler(in_rate, out_rate)
    output: Pcm = np.concatenate([resampler.process(samples), resampler.flush()])
    return output


def tone(rate: int, hertz: float, amplitude: float = 29000, seconds: float = 0.25) -> Pcm:
    phase = 2 * math.pi * hertz / rate * np.arange(round(rate * seconds)) + 0.4
    samples: Pcm = np.rint(amplitude * np.sin(phase)).astype(np.int16)
    return samples


def steady(samples: Pcm, rate: int) -> NDArray[np.float64]:
    """Return `samples` without the first and the last 20 ms, where the tone begins and ends."""
    edge = rate // 50
    return samples[edge:-edge].astype(np.float64)


def split(output: NDArray[np.float64], rate: int, hertz: float) -> tuple[float, float]:
    """Return the amplitude of the tone that fits best, and the RMS of everything else."""
    phase = 2 * math.pi * hertz / rate * np.arange(output.size)
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    fit = np.linalg.lstsq(basis, output, rcond=None)[0]
    return float(np.hypot(*fit)), float(np.sqrt(np.mean((output - basis @ fit) ** 2)))


@cache
def passband(in_rate: int, out_rate: int) -> tuple[float, float]:
    """Return the ripple (dB, peak to peak) and the worst SINAD (dB) up to 0.85 of the lower Nyquist frequency.

    All that is not the tone counts as noise: images of the interpolation, rounding and DC.
    """
    gains, sinads = [], []
    for part in np.linspace(0.02, 0.85, 40):
        hertz = part * min(in_rate, out_rate) / 2
        output = steady(whole(in_rate, out_rate, tone(in_rate, hertz)), out_rate)
        amplitude, rest = split(output, out_rate, hertz)
        gains.append(20 * math.log10(amplitude / 29000))
        sinads.append(20 * math.log10(amplitude / math.sqrt(2) / rest))
    return max(gains) - min(gains), min(sinads)


@cache
def rejection(in_rate: int, out_rate: int) -> float:
    """Return the smallest attenuation in dB: of aliases if the rate becomes lower, else of images.

    An alias comes from a tone above 1.15 of the new Nyquist frequency. An image is the strongest
    spectral line above 1.15 of the lower Nyquist frequency while a tone of the passband plays.
    """
    lower = min(in_rate, out_rate) / 2
    if in_rate > out_rate:
        heights = np.linspace(1.15 * lower, 0.995 * in_rate / 2, 60)
        return min(alias_db(in_rate, out_rate, hertz) for hertz in heights)
    return min(image_db(in_rate, out_rate, part * lower) for part in np.linspace(0.02, 0.85, 40))


def alias_db(in_rate: int, out_rate: int, hertz: float) -> float:
    output = steady(whole(in_rate, out_rate, tone(in_rate, hertz)), out_rate)
    return 20 * math.log10(29000 / math.sqrt(2) / max(float(np.sqrt(np.mean(output**2))), 0.1))


def image_db(in_rate: int, out_rate: int, hertz: float) -> float:
    output = steady(whole(in_rate, out_rate, tone(in_rate, hertz)), out_rate)
    spectrum = np.abs(np.fft.rfft(output * np.kaiser(output.size, 14)))
    above = np.fft.rfftfreq(output.size, 1 / out_rate) >= 1.15 * min(in_rate, out_rate) / 2
    return 20 * math.log10(spectrum.max() / spectrum[above].max())
