"""Tells what this package comes from and what it stands on.

Exit code 1 where something is missing or another distribution is in the way.
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
from typing import NamedTuple

from ._say import say

HELP = "tell which distribution this package comes from and what it stands on"

DISTRIBUTION = "realtime-codec"
PACKAGE = "realtime"
# Supabase's client of its own Realtime service: another thing, with the same package name.
SUPABASE = "realtime"
REQUIRED = ("msgspec", "numpy", "pybase64")
OPTIONAL = {"websockets": "testing"}
_FOUND_FIRST = "the one found first is imported. Use an environment without it, or vendor this package."
_OVERWRITTEN = (
    "in the same folder: each has overwritten files of the other. Uninstall both and install this one again: "
    f"pip uninstall {{0}} {DISTRIBUTION}, pip install {DISTRIBUTION}"
)


class Finding(NamedTuple):
    """One line of the doctor's report."""

    name: str
    text: str
    ok: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """`doctor` has no options."""


def run(arguments: argparse.Namespace) -> int:
    """Print the findings."""
    findings = [*examine()]
    for finding in findings:
        say(f"{finding.name:<14}{'' if finding.ok else 'PROBLEM: '}{finding.text}")
    return 0 if all(finding.ok for finding in findings) else 1


def examine() -> Iterator[Finding]:
    """Everything there is to say."""
    package = _package_folder()
    yield Finding("package", str(package))
    yield from _origin(package)
    yield Finding("python", f"{platform.python_version()} ({sys.implementation.name}, {platform.machine()})")
    for name in REQUIRED:
        yield _required(name)
    yield _simd()
    for name, extra in OPTIONAL.items():
        yield _optional(name, extra)


def _package_folder() -> Path:
    return Path(__file__).resolve().parent.parent


# --- Where the package comes from ---


def _origin(package: Path) -> Iterator[Finding]:
    ours = _distribution(DISTRIBUTION)
    if ours is not None and (_provides(ours, package) or _is_editable(ours, package)):
        yield Finding("distribution", f"{DISTRIBUTION} {ours.version}")
    else:
        yield Finding("distribution", f"none: a source checkout or a copy, not an installed {DISTRIBUTION}")
    for name in sorted(_others()):
        whose = "Supabase's client" if name == SUPABASE else "another package"
        other = _distribution(name)
        shares = other is not None and _provides(other, package)
        what = _OVERWRITTEN.format(name) if shares else _FOUND_FIRST
        yield Finding(
            "clash",
            f"{whose}, the distribution {name!r}, is installed and has a package {PACKAGE!r} too; {what}",
            ok=False,
        )


def _others() -> set[str]:
    """The distributions besides this one that have a package of this name."""
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
    """Whether the folder `package` is among the distribution's files."""
    return any(
        file.as_posix() == f"{PACKAGE}/__init__.py"
        and Path(str(distribution.locate_file(file))).resolve().parent == package
        for file in distribution.files or []
    )


def _is_editable(distribution: importlib.metadata.Distribution, package: Path) -> bool:
    """Whether the folder `package` is what the distribution was installed from to be edited."""
    origin = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(origin.get("dir_info", {}).get("editable")) and origin.get("url") == package.parent.as_uri()


# --- What it stands on ---


def _required(name: str) -> Finding:
    try:
        importlib.import_module(name)
    except ImportError as why:
        return Finding(name, f"cannot be imported ({why}): pip install {name}", ok=False)
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
    """What pybase64's own `get_version` says, such as "1.4.1 (C extension active - AVX2)"."""
    try:
        import pybase64
    except ImportError:
        return Finding("base64", "no pybase64, no SIMD", ok=False)
    said = pybase64.get_version()
    for sign, meaning in _WITHOUT_SIMD.items():
        if sign in said:
            return Finding("base64", f"pybase64 {meaning}: {said}")
    return Finding("base64", f"pybase64 runs its SIMD code: {said}")


_WITHOUT_SIMD = {
    "C extension inactive": "runs in Python, without its C code, and is slow",
    "No SIMD": "runs its C code without SIMD",
}
