"""Writes docs/benchmarks.md and its plots from what asv measured last.

`python -m benchmarks.document run` measures first, `... write` only writes. Every figure in the
text comes from the results; only sentences stand here. Ratios are peer / ours.
"""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from . import report
from .report import FLOOR, IMPORTS, OURS, PEERS, ROOT, TRACKED, Times

PAGE = ROOT / "docs" / "benchmarks.md"
PLOTS = ROOT / "docs" / "benchmarks"
Results = dict[str, Times]

DELTA = "peers.DecodeAudioDelta.time_decode_audio_delta"
EVENT = "peers.DecodeEvent.time_decode_event"
PEEK = "peers.PeekType.time_peek_type"
APPEND = "peers.EncodeAppend.time_encode_append"
G711 = "peers_audio.G711.time_g711"
INSPECT = "peers_analysis.Inspect.time_inspect"
PER_EVENT = "memory.PerEvent.track_bytes_per_event"
SIZES = ("160", "960", "9600", "96000", "1000000")


class Bar(NamedTuple):
    """What a ratio should be: at least, or at most."""

    what: str
    ratio: float | None
    least: float = 0.0
    most: float = float("inf")

    @property
    def wanted(self) -> str:
        return f"≥ {self.least:g}" if self.least else f"≤ {self.most:g}"

    @property
    def verdict(self) -> str:
        if self.ratio is None:
            return "not measured"
        return "yes" if self.least <= self.ratio <= self.most else "**no**"


class Ratios:
    """Ratios between those who did the same work, less the cost of an empty call."""

    def __init__(self, results: Results) -> None:
        self._results = results

    def seconds(self, name: str, by: str, *what: str) -> float | None:
        times = self._results.get(name, {})
        value = times.get((by, *what))
        return None if value is None else max(value - (times.get((FLOOR, *what)) or 0.0), 1e-9)

    def peer(self, name: str, by: str, *what: str) -> float | None:
        """How many times as long as ours `by` takes."""
        theirs, ours = self.seconds(name, by, *what), self.seconds(name, OURS, *what)
        return theirs / ours if theirs is not None and ours else None

    def inverse(self, name: str, by: str, *what: str) -> float | None:
        """How many times as long as `by` we take."""
        ratio = self.peer(name, by, *what)
        return 1 / ratio if ratio else None

    def bytes_kept(self, event: str) -> float | None:
        """What one of our events keeps, as a part of what openai-python's keeps."""
        values = self._results.get(PER_EVENT, {})
        ours, theirs = values.get((OURS, event)), values.get(("openai", event))
        return ours / theirs if ours and theirs else None

    def imports(self, statement: str, other: str) -> float | None:
        times = self._results.get(IMPORTS, {})
        floor = times.get(("pass",)) or 0.0
        ours, theirs = times.get((statement,)), times.get((other,))
        return (ours - floor) / (theirs - floor) if ours and theirs else None


def bars(results: Results) -> Iterator[Bar]:
    """What this library sets out to be, beside what was measured."""
    of = Ratios(results)
    for size in SIZES:
        yield Bar(f"audio delta, {size} B: openai-python / ours", of.peer(DELTA, "openai", size), least=20)
    for size in SIZES[:2]:
        for by in ("msgspec", "orjson + pybase64"):
            yield Bar(f"audio delta, {size} B: ours / {by}", of.inverse(DELTA, by, size), most=1.3)
    for size, least in (("9600", 1.7), ("96000", 3.5)):
        for by in ("msgspec", "orjson + pybase64"):
            yield Bar(f"audio delta, {size} B: {by} / ours", of.peer(DELTA, by, size), least=least)
    for size, most in (("96000", 1.8), ("1000000", 1.5)):
        ratio = of.inverse(DELTA, "pybase64 alone", size)
        yield Bar(f"audio delta, {size} B: ours / pybase64 alone", ratio, most=most)
    for by, least in (("openai, dict", 60.0), ("openai, model", 8.0)):
        for size in SIZES:
            yield Bar(f"append, {size} B: {by} / ours", of.peer(APPEND, by, size), least=least)
    for size, most in (("960", 2.0), ("96000", 1.25), ("1000000", 1.25)):
        ratio = of.inverse(APPEND, "join + pybase64", size)
        yield Bar(f"append, {size} B: ours / a bare join + pybase64", ratio, most=most)
    for event, least in (("text delta", 80.0), ("response.done", 25.0), ("unknown", 25.0)):
        yield Bar(f"{event}: openai-python / ours", of.peer(EVENT, "openai", event), least=least)
    yield Bar("type of a 96 kB delta: json.loads / ours", of.peer(PEEK, "json", "96000"), least=300)
    for session in ("g711_ulaw", "pcm16"):
        ratio = of.peer(INSPECT, "openai", session)
        yield Bar(f"inspect a log, {session}: openai-python's parsing alone / ours", ratio, least=20)
    for law in ("ulaw", "alaw"):
        for way, least in (("encode", 3.0), ("decode", 0.8)):
            for samples in ("8000", "1000000", "10000000"):
                ratio = of.peer(G711, "audioop", f"{law} {way}", samples)
                yield Bar(f"{law} {way}, {samples} samples: audioop / ours", ratio, least=least)
            ratio = of.inverse(G711, "audioop", f"{law} {way}", "160")
            yield Bar(f"{law} {way}, 160 samples: ours / audioop", ratio, most=2.5)
    ratio = of.imports("import realtime", "import msgspec")
    yield Bar("`import realtime` / `import msgspec`", ratio, most=2.0)
    for event in ("text delta", "audio delta 160 B", "audio delta 9600 B"):
        yield Bar(f"bytes kept, {event}: ours / openai-python", of.bytes_kept(event), most=1 / 3)


# --- The page ------------------------------------------------------------------------


def page(results: Results) -> str:
    """docs/benchmarks.md."""
    return "\n".join([
        "# Benchmarks",
        "",
        "Written by `make bench-report` from asv's results; do not edit. Figures of one run on one machine:",
        "look at the ratios, not at the microseconds.",
        "",
        *machine_lines(),
        "",
        "## Against what was set out to be",
        "",
        "| ratio | measured | wanted | holds |",
        "| --- | ---: | ---: | --- |",
        *(f"| {bar.what} | {_number(bar.ratio)} | {bar.wanted} | {bar.verdict} |" for bar in bars(results)),
        "",
        "## Beside the peers",
        "",
        "Ours in microseconds; each other as a multiple of ours (x8.0: eight times as long). The fastest",
        "sample of each, less the cost of an empty call. \"pybase64 alone\" and \"join + pybase64\" are floors: the work that",
        "nobody can leave out.",
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
writes it again from the last results). Inputs are fixed: frames as OpenAI's server writes them, and noise of a
seeded generator at -20 dBFS; codes are that noise companded. Before anything is timed, each peer's result is
compared with ours. openai-python is measured as its own connection reads and sends, without the socket.

For a pull request, asv compares two commits in environments of its own, and reports what became slower:

    python -m asv continuous --factor 1.1 main HEAD
"""


def _block(lines: Iterator[str]) -> list[str]:
    return ["```text", *(line.rstrip() for line in lines), "```", ""]


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}" if value >= 100 else f"{value:.3g}"


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
        return platform.processor() or "a processor without a name"
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    simd = [name for name in ("avx512vbmi", "avx2") if f" {name} " in text][:1]
    return f"{names[0] if names else platform.processor()} ({', '.join(simd) or 'no AVX2'})"


# --- Plots ---------------------------------------------------------------------------

Plot = tuple[str, str, str, dict[str, list[tuple[float, float]]]]


def plots_of(results: Results) -> Iterator[Plot]:
    """(file, title, what stands across, each one's points: size and microseconds)."""
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
            less = seconds - (times.get((FLOOR, size)) or 0.0)
            found.setdefault(by, []).append((float(size), less * 1e6))
    return found


_FLOORS = {"pybase64 alone", "join + pybase64"}


def draw(results: Results) -> None:
    """One PNG for each plot: time against size, both logarithmic."""
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
    """The page and its plots from the newest results."""
    results = report.newest_results()
    if results is None:
        print("no results yet: run `make bench`", file=sys.stderr)
        return 1
    draw(results)
    PAGE.write_text(page(results), encoding="utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)} and {len([*plots_of(results)])} plots beside it")
    return 0


def main(arguments: list[str]) -> int:
    """The command line."""
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
