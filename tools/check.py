"""Run the linters and type checkers, all at once, and print the output of each when all have ended.

python -m tools.check, or make check. The exit code is 0 only if every step passed.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SCRIPTS = Path(sysconfig.get_path("scripts"))
# The slowest first: the others run beside it.
STEPS = (
    ("mypy",),
    ("basedpyright", "--project", "pyproject.toml", "--pythonpath", sys.executable),
    ("ruff", "check"),
    ("ruff", "format", "--check"),
    # The workflows. Offline: no question about an action goes to GitHub.
    ("zizmor", "--offline", "--quiet", "--strict-collection", ".github"),
)


def run(step: tuple[str, ...]) -> tuple[int, float, str]:
    """Return the exit code, the seconds it took, and the output."""
    began = time.monotonic()
    command = [str(SCRIPTS / step[0]), *step[1:]]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    return done.returncode, time.monotonic() - began, done.stdout


def main() -> int:
    """Run all steps, and return the exit code."""
    failed = []
    with ThreadPoolExecutor(len(STEPS)) as pool:
        for step, (code, seconds, output) in zip(STEPS, pool.map(run, STEPS), strict=True):
            name = " ".join(step[:2] if step[0] == "ruff" else step[:1])
            print(
                f"--- {name}: {'failed' if code else 'passed'} in {seconds:.0f} s", output, sep="\n", end=""
            )
            failed += [name] if code else []
    print(f"--- failed: {', '.join(failed)}" if failed else "--- all passed")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
