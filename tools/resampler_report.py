"""Writes docs/resampler.md and its plots from measurements of the resampler made now.

    python -m tools.resampler_report        (needs matplotlib and soxr: the extra `docs`)

Everything is measured on int16 output by `tests.audio.measure`, as the tests measure it.
"""

from __future__ import annotations

import platform
import statistics
import timeit
from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import soxr
from numpy.typing import NDArray

import realtime
from realtime.audio import Resampler
from realtime.audio._filters import HALF_PERIODS, KAISER_BETA, RATES, filter_of, taps
from tests.audio.measure import passband, rejection, whole

matplotlib.use("Agg")
from matplotlib import pyplot

DOCS = Path(__file__).parent.parent / "docs"
PAIRS = list(permutations(RATES, 2))
HEAD = """# The resampler, measured

`realtime.audio.Resampler` is a streaming polyphase FIR: a sinc of {periods} periods of the lower rate on each side,
under a Kaiser window (beta {beta}), its taps multiples of 2^-30, so that sums in float64 are exact and a stream cut
anywhere equals the whole to the bit. Output is rounded half to even and clipped.

Made by `make resampler-report`: realtime {version}, numpy {numpy}, soxr {soxr}, Python {python}. Ripple and SINAD
are the worst of 40 tones up to 0.85 of the lower Nyquist frequency; rejection is that of aliases from 1.15 of the new
Nyquist frequency on (going down), or of the strongest image above it (going up); withheld is the audio that is kept
back until more comes (`delay_ms`), at 20 ms chunks. Cost is the time of a 20 ms chunk beside soxr's HQ
`ResampleStream` in the same run.

| from | to | ripple, dB p-p (bar 0.2) | SINAD, dB (bar 75) | rejection, dB (bar 80) | withheld, ms (bar 10) | cost, x soxr HQ (bar 4) |
| --- | --- | --- | --- | --- | --- | --- |
"""
TAIL = """
## Frequency response

The band from 0.85 to 1.15 of the lower Nyquist frequency is where the filter falls; what lies between 1 and 1.15
folds back above 0.85, where speech has next to nothing.

![Frequency responses of all twelve pairs](resampler-response.png)

## Impulse

An impulse lands where it was: the delay is compensated, and what is withheld is not shifted.

![Impulse responses from 8 to 24 kHz and from 24 to 8 kHz](resampler-impulse.png)
"""


def per_call_us(call: Callable[[], Any]) -> float:
    """The median time of one call, in microseconds."""
    number = 500
    return statistics.median(timeit.repeat(call, number=number, repeat=9)) / number * 1e6


def cost(in_rate: int, out_rate: int) -> float:
    """The time of a 20 ms chunk of speech-like noise, over soxr HQ's."""
    chunk = np.random.default_rng(1).normal(0, 3000, in_rate // 50).astype(np.int16)
    ours, theirs = Resampler(in_rate, out_rate), soxr.ResampleStream(in_rate, out_rate, 1, dtype="int16")
    return per_call_us(lambda: ours.process(chunk)) / per_call_us(lambda: theirs.resample_chunk(chunk))


def row(in_rate: int, out_rate: int) -> str:
    """One pair's line of the table."""
    ripple, sinad = passband(in_rate, out_rate)
    figures = (
        f"{ripple:.4f}", f"{sinad:.1f}", f"{rejection(in_rate, out_rate):.1f}",
        f"{Resampler(in_rate, out_rate).delay_ms:.3f}", f"{cost(in_rate, out_rate):.2f}",
    )  # fmt: skip
    return f"| {in_rate} | {out_rate} | {' | '.join(figures)} |\n"


def plot_responses(path: Path) -> None:
    """The magnitude of every filter, over the lower Nyquist frequency."""
    figure, (wide, close) = pyplot.subplots(1, 2, figsize=(11, 4.2), width_ratios=(3, 2))
    for in_rate, out_rate in PAIRS:
        fir = filter_of(in_rate, out_rate)
        response: NDArray[np.float64] = np.abs(np.fft.rfft(taps(fir.up, fir.down), 1 << 17))
        part = np.arange(response.size) / (response.size - 1) * max(fir.up, fir.down)
        decibels = 20 * np.log10(np.maximum(response / response[0], 1e-7))
        wide.plot(part, decibels, linewidth=0.8, label=f"{in_rate // 1000} to {out_rate // 1000} kHz")
        close.plot(part, decibels, linewidth=0.8)
    for edge in (0.85, 1.15):
        wide.axvline(edge, color="grey", linewidth=0.6, linestyle=":")
    wide.axhline(-80, color="red", linewidth=0.6, linestyle="--")
    wide.set(xlim=(0, 2), ylim=(-130, 5), xlabel="frequency / lower Nyquist frequency", ylabel="dB")
    wide.set_title("all pairs; red: the bar of -80 dB from 1.15 on")
    wide.legend(fontsize=7, ncols=2)
    close.set(xlim=(0, 0.9), ylim=(-0.002, 0.002), xlabel="frequency / lower Nyquist frequency")
    close.set_title("the passband (the bar is ±0.1 dB)")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def plot_impulses(path: Path) -> None:
    """What an impulse at 10 ms becomes."""
    figure, panes = pyplot.subplots(1, 2, figsize=(11, 3.2))
    for pane, (in_rate, out_rate) in zip(panes, [(8000, 24000), (24000, 8000)], strict=True):
        impulse = np.zeros(in_rate // 50, np.int16)
        impulse[in_rate // 100] = 30000
        heard = whole(in_rate, out_rate, impulse)
        pane.plot(np.arange(heard.size) / out_rate * 1000, heard, marker=".", markersize=3, linewidth=0.8)
        pane.axvline(10, color="red", linewidth=0.6, linestyle="--")
        pane.set(xlim=(7, 13), xlabel="ms", title=f"{in_rate} to {out_rate} Hz; red: where it was")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measures, writes, and prints the table."""
    head = HEAD.format(
        periods=HALF_PERIODS, beta=KAISER_BETA, version=realtime.__version__, numpy=np.__version__,
        soxr=soxr.__version__, python=platform.python_version(),
    )  # fmt: skip
    table = "".join(row(in_rate, out_rate) for in_rate, out_rate in PAIRS)
    (DOCS / "resampler.md").write_text(head + table + TAIL, encoding="utf-8")
    plot_responses(DOCS / "resampler-response.png")
    plot_impulses(DOCS / "resampler-impulse.png")
    print(table)


if __name__ == "__main__":
    main()
