"""Measure the resampler, and write docs/resampler.md and its plots.

    python -m tools.resampler_report        (needs matplotlib and soxr: the extra `dev`)

Everything is measured on int16 output by `tests.audio.measure`, which the tests use too.
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
from realtime.audio.resample import HALF_PERIODS, KAISER_BETA, SAMPLE_RATES, filter_of, taps
from tests.audio.measure import passband, rejection, whole

matplotlib.use("Agg")
from matplotlib import pyplot

DOCS = Path(__file__).parent.parent / "docs"
PAIRS = list(permutations(SAMPLE_RATES, 2))
HEAD = """# Resampler measurements

`realtime.audio.Resampler` is a streaming polyphase FIR filter: a sinc of {periods} periods of the lower rate on each side
with a Kaiser window (beta {beta}). Its taps are multiples of 2^-30, so sums in float64 are exact, and splitting a stream
anywhere does not change a bit of the result. Output is rounded half to even and clipped. Matrix products are small enough
for OpenBLAS to compute them in the calling thread, so no worker thread wakes, whatever the length of a block.

Written by `make resampler-report`: realtime {version}, numpy {numpy}, soxr {soxr}, Python {python}. Ripple and SINAD
are the worst of 40 tones up to 0.85 of the lower Nyquist frequency. Rejection is that of aliases from 1.15 of the new
Nyquist frequency on (downsampling), or of the strongest image above it (upsampling). Withheld is the audio that is
stored until more arrives (`delay_ms`), with 20 ms chunks. Cost is the time of a 20 ms chunk relative to soxr's HQ
`ResampleStream` in the same run. The tests require at most 0.2 dB of ripple, at least 75 dB SINAD, 80 dB rejection and
at most 10 ms withheld.

| from | to | ripple, dB p-p | SINAD, dB | rejection, dB | withheld, ms | cost, x soxr HQ |
| --- | --- | --- | --- | --- | --- | --- |
"""
TAIL = """
## Frequency response

The transition band is from 0.85 to 1.15 of the lower Nyquist frequency; components between 1 and 1.15
alias to above 0.85, where speech has almost no energy.

![Frequency responses of all twelve pairs](resampler-response.png)

## Impulse

An impulse keeps its position: the filter's delay is compensated.

![Impulse responses from 8 to 24 kHz and from 24 to 8 kHz](resampler-impulse.png)
"""


def per_call_us(call: Callable[[], Any]) -> float:
    """Return the median time of one call in microseconds."""
    number = 500
    return statistics.median(timeit.repeat(call, number=number, repeat=9)) / number * 1e6


def cost(in_rate: int, out_rate: int) -> float:
    """Return the time of a 20 ms chunk of noise, relative to soxr HQ."""
    chunk = np.random.default_rng(1).normal(0, 3000, in_rate // 50).astype(np.int16)
    ours, theirs = Resampler(in_rate, out_rate), soxr.ResampleStream(in_rate, out_rate, 1, dtype="int16")
    return per_call_us(lambda: ours.process(chunk)) / per_call_us(lambda: theirs.resample_chunk(chunk))


def row(in_rate: int, out_rate: int) -> str:
    """Return one pair's line of the table."""
    ripple, sinad = passband(in_rate, out_rate)
    figures = (
        f"{ripple:.4f}", f"{sinad:.1f}", f"{rejection(in_rate, out_rate):.1f}",
        f"{Resampler(in_rate, out_rate).delay_ms:.3f}", f"{cost(in_rate, out_rate):.2f}",
    )  # fmt: skip
    return f"| {in_rate} | {out_rate} | {' | '.join(figures)} |\n"


def plot_responses(path: Path) -> None:
    """Plot the magnitude response of every filter."""
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
    wide.set_title("all pairs; red: -80 dB")
    wide.legend(fontsize=7, ncols=2)
    close.set(xlim=(0, 0.9), ylim=(-0.002, 0.002), xlabel="frequency / lower Nyquist frequency")
    close.set_title("passband")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def plot_impulses(path: Path) -> None:
    """Plot the output for an impulse at 10 ms."""
    figure, panes = pyplot.subplots(1, 2, figsize=(11, 3.2))
    for pane, (in_rate, out_rate) in zip(panes, [(8000, 24000), (24000, 8000)], strict=True):
        impulse = np.zeros(in_rate // 50, np.int16)
        impulse[in_rate // 100] = 30000
        output = whole(in_rate, out_rate, impulse)
        pane.plot(np.arange(output.size) / out_rate * 1000, output, marker=".", markersize=3, linewidth=0.8)
        pane.axvline(10, color="red", linewidth=0.6, linestyle="--")
        pane.set(xlim=(7, 13), xlabel="ms", title=f"{in_rate} to {out_rate} Hz; red: input position")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def main() -> None:
    """Measure, write the page, and print the table."""
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
