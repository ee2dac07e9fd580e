"""Write docs/benchmarks.md and its plots from asv's newest results.

`python -m benchmarks.document run` measures first, `... write` only writes. Every figure on the page
comes from the results. Ratios are peer / ours.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from . import report
from .report import FLOOR, IMPORTS, OURS, PEERS, ROOT, TRACKED, Times

PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
Results = dict[str, Times]

DELTA = "peers.DecodeAudioDelta.time_decode_audio_delta"
APPEND = "peers.EncodeAppend.time_encode_append"
G711 = "peers_audio.G711.time_g711"


# --- The page ------------------------------------------------------------------------


def page(results: Results) -> str:
    """Return the text of docs/benchmarks.md."""
    return "\n".join([
        "# Benchmarks",
        "",
        "Written by `make bench-report` from asv's results; do not edit. The figures are from one run on one machine:",
        "compare the ratios, not the microseconds.",
        "",
        *machine_lines(),
        "",
        "## Peers",
        "",
        "Our times in microseconds; all others as multiples of ours (x8.0: eight times as long). Each is the fastest",
        "sample less the cost of an empty call. \"pybase64 alone\" and \"join + pybase64\" are lower bounds.",
        "",
        *(line for name, heading in PEERS.items() if name in results
          for line in _block(report.lines(heading, results[name]))),
        *(_block(report.import_lines(results[IMPORTS])) if IMPORTS in results else ()),
        *(line for name, heading in TRACKED.items() if name in results
          for line in _block(report.tracked_lines(*heading, results[name]))),
        *(f"![{title}](benchmarks/{name}.png)\n" for name, title, *_ in plots_of(results)),
        _AFTERWORD,
    ])  # fmt: skip


_AFTERWORD = """\
## How it is measured

`make bench` runs the suite in `benchmarks/` with [asv](https://asv.readthedocs.io) in the working tree's
environment and prints these tables; `make bench-report` also writes this page (`make bench-report ARGS=write`
writes it from the last results). The inputs are fixed: frames as OpenAI's server writes them, and noise from a
seeded generator at -20 dBFS. Before anything is timed, each peer's result is
compared with ours. openai-python is measured through its own connection class, without the socket.

asv can also compare two commits in environments of its own, and report what became slower:

    python -m asv continuous --factor 1.1 main HEAD
"""


def _block(lines: Iterator[str]) -> list[str]:
    return ["```text", *(line.rstrip() for line in lines), "```", ""]


def machine_lines() -> Iterator[str]:
    packages = ("msgspec", "numpy", "pybase64", "openai", "pydantic", "orjson", "soxr", "audioop-lts")
    yield f"- {_cpu()}, {os.cpu_count()} cores; {platform.system()} {platform.machine()}"
    yield f"- {platform.python_implementation()} {platform.python_version()}; " + ", ".join(
        f"{name} {version}" for name in packages if (version := _version(name))
    )
    yield f"- measured on {datetime.date.today().isoformat()}"


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    simd = [name for name in ("avx512vbmi", "avx2") if f" {name} " in text][:1]
    return f"{names[0] if names else platform.processor()} ({', '.join(simd) or 'no AVX2'})"


# --- Plots ---------------------------------------------------------------------------

Plot = tuple[str, str, str, dict[str, list[tuple[float, float]]]]


def plots_of(results: Results) -> Iterator[Plot]:
    """Yield (file, title, x label, curves: points of size and microseconds by implementation)."""
    yield "decode", "An audio delta to an int16 array", "bytes of audio", _curves(results.get(DELTA, {}))
    yield "append", "Raw audio to an append frame", "bytes of audio", _curves(results.get(APPEND, {}))
    for way in ("encode", "decode"):
        times: Times = {
            (by, n): t for (by, what, n), t in results.get(G711, {}).items() if what == f"ulaw {way}"
        }
        yield f"ulaw_{way}", f"mu-law {way}", "samples", _curves(times)


def _curves(times: Times) -> dict[str, list[tuple[float, float]]]:
    found: dict[str, list[tuple[float, float]]] = {}
    for (by, size), seconds in times.items():
        if seconds is not None and by != FLOOR:
            net = seconds - (times.get((FLOOR, size)) or 0.0)
            found.setdefault(by, []).append((float(size), net * 1e6))
    return found


_FLOORS = {"pybase64 alone", "join + pybase64"}


def draw(results: Results) -> None:
    """Write one PNG per plot: time against size, both logarithmic."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    plt: Any = pyplot
    PLOTS.mkdir(parents=True, exist_ok=True)
    for name, title, across, curves in plots_of(results):
        figure, axes = plt.subplots(figsize=(8, 4.5), dpi=110, layout="constrained")
        for by, points in curves.items():
            style: dict[str, Any] = {"linewidth": 1.4, "marker": "o", "markersize": 4}
            if by == OURS:
                style |= {"linewidth": 3, "color": "black", "zorder": 5}
            elif by in _FLOORS:
                style |= {"linestyle": "--", "color": "grey"}
            axes.loglog(*zip(*points, strict=True), label=by, **style)
        axes.set(title=title, xlabel=across, ylabel="microseconds")
        axes.grid(which="major", alpha=0.3)
        axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
        figure.savefig(PLOTS / f"{name}.png")
        plt.close(figure)


def write() -> int:
    """Write the page and its plots from the newest results."""
    results = report.newest_results()
    if results is None:
        print("no results yet: run `make bench`", file=sys.stderr)
        return 1
    draw(results)
    PAGE.write_text(page(results), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)} and {len([*plots_of(results)])} plots beside it")
    return 0


def main(arguments: list[str]) -> int:
    """Run the command line."""
    match arguments:
        case ["run", "write"] | ["write"]:
            return write()
        case ["run", *rest]:
            return report.run(rest) or write()
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
