"""Print the lowest version that pyproject.toml accepts of each library that the package uses, for pip.

pip install $(python -m tools.lowest), or make test-lowest. The libraries of tests and tools are not among them.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# The extras that users install.
EXTRAS = ("client", "picows", "testing", "files", "recording")


def lowest() -> list[str]:
    """Return a pin such as "numpy==1.26" for each requirement."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    needed = {*project["dependencies"], *(line for extra in EXTRAS for line in extras[extra])}
    return sorted(re.sub(r"^([\w-]+)>=([\d.]+).*$", r"\1==\2", line) for line in needed)


if __name__ == "__main__":
    print(*lowest())
