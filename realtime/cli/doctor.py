"""Report which distribution this package comes from, and the state of its dependencies.

The exit code is 1 if a dependency is missing or another distribution conflicts with this one.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from .text import print_text

DISTRIBUTION: Final = "realtime-codec"
PACKAGE: Final = "realtime"
PACKAGE_FOLDER = Path(__file__).resolve().parent.parent
# Supabase's client of its own Realtime service: unrelated, with the same package name.
SUPABASE: Final = "realtime"
REQUIRED: Final = ("msgspec", "numpy", "pybase64")
OPTIONAL: Final = {"websockets": "testing", "h11": "testing"}
_FOUND_FIRST: Final = (
    "the one found first is imported. Use an environment without it, or vendor this package."
)
_OVERWRITTEN: Final = (
    "in the same folder: each has overwritten files of the other. Uninstall both and install this one again: "
    f"pip uninstall {{0}} {DISTRIBUTION}, pip install {DISTRIBUTION}"
)
_WITHOUT_SIMD: Final = {
    "C extension inactive": "runs in Python, without its C code, and is slow",
    "No SIMD": "runs its C code without SIMD",
}


class Finding(NamedTuple):
    """One line of the report."""

    name: str
    text: str
    is_ok: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add no options: `doctor` has none."""


def run(arguments: argparse.Namespace) -> int:
    """Print the findings."""
    findings = [*examine()]
    for finding in findings:
        print_text(f"{finding.name:<14}{'' if finding.is_ok else 'PROBLEM: '}{finding.text}")
    return 0 if all(finding.is_ok for finding in findings) else 1


def examine() -> Iterator[Finding]:
    """Yield all findings."""
    yield Finding("package", str(PACKAGE_FOLDER))
    yield from _origin(PACKAGE_FOLDER)
    yield Finding("python", f"{platform.python_version()} ({sys.implementation.name}, {platform.machine()})")
    for name in REQUIRED:
        yield _required(name)
    yield _simd()
    for name, extra in OPTIONAL.items():
        yield _optional(name, extra)


# --- Distributions ---


def _origin(package: Path) -> Iterator[Finding]:
    ours = _distribution(DISTRIBUTION)
    if ours is not None and (_provides(ours, package) or _is_editable(ours, package)):
        yield Finding("distribution", f"{DISTRIBUTION} {ours.version}")
    else:
        yield Finding("distribution", f"none: a source checkout or a copy, not an installed {DISTRIBUTION}")
    for name in sorted(_other_distributions()):
        owner = "Supabase's client" if name == SUPABASE else "another package"
        other = _distribution(name)
        is_shared = other is not None and _provides(other, package)
        advice = _OVERWRITTEN.format(name) if is_shared else _FOUND_FIRST
        yield Finding(
            "clash",
            f"{owner}, the distribution {name!r}, is installed and has a package {PACKAGE!r} too; {advice}",
            is_ok=False,
        )


def _other_distributions() -> set[str]:
    """Return the distributions besides this one that have a package of this name."""
    found = {name.lower() for name in importlib.metadata.packages_distributions().get(PACKAGE, [])}
    if _distribution(SUPABASE) is not None:
        found.add(SUPABASE)
    return found - {DISTRIBUTION}


def _distribution(name: str) -> importlib.metadata.Distribution | None:
    try:
        return importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _provides(distribution: importlib.metadata.Distribution, package: Path) -> bool:
    """Return True if the folder `package` is among the distribution's files."""
    return any(
        file.as_posix() == f"{PACKAGE}/__init__.py"
        and Path(str(distribution.locate_file(file))).resolve().parent == package
        for file in distribution.files or []
    )


def _is_editable(distribution: importlib.metadata.Distribution, package: Path) -> bool:
    """Return True if the distribution is an editable install of the folder `package`."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable")) and origin.get("url") == package.parent.as_uri()


# --- Dependencies ---


def _required(name: str) -> Finding:
    try:
        importlib.import_module(name)
    except ImportError as error:
        return Finding(name, f"cannot be imported ({error}): pip install {name}", is_ok=False)
    return Finding(name, _version(name))


def _optional(name: str, extra: str) -> Finding:
    try:
        importlib.import_module(name)
    except ImportError:
        return Finding(name, f"not installed; demo and serve need it: pip install '{DISTRIBUTION}[{extra}]'")
    return Finding(name, _version(name))


def _version(name: str) -> str:
    found = _distribution(name)
    return found.version if found else "of unknown version"


def _simd() -> Finding:
    """Report on SIMD by pybase64's `get_version()`, such as "1.4.1 (C extension active - AVX2)"."""
    try:
        import pybase64
    except ImportError:
        return Finding("base64", "no pybase64, no SIMD", is_ok=False)
    version = pybase64.get_version()
    for sign, meaning in _WITHOUT_SIMD.items():
        if sign in version:
            return Finding("base64", f"pybase64 {meaning}: {version}")
    return Finding("base64", f"pybase64 runs its SIMD code: {version}")
