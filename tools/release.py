"""Build the sdist and the wheel twice, and refuse to go on if the results differ.

python -m tools.release FOLDER [TAG]. The second build starts from the unpacked sdist, with other times and modes of
its files, so it also shows that the sdist is complete. With a tag, such as v0.1.0, its version must be that of the
package, and the changelog must have it as released.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def build(source: Path, out: Path) -> list[Path]:
    """Build the sdist of the folder `source`, and the wheel from that sdist, into the folder `out`.

    Returns:
        The two files, the wheel last.
    """
    # If the build backend is installed, as by `make test`, nothing is downloaded.
    isolation = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    command = [sys.executable, "-m", "build", *isolation, "--outdir", str(out), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    return sorted(out.iterdir(), key=lambda path: path.suffix == ".whl")


def build_again(sdist: Path, folder: Path) -> list[Path]:
    """Build from the unpacked `sdist`, with other times and modes of its files. Works below `folder`."""
    with tarfile.open(sdist) as archive:
        # Debian's 3.11.2 has no filters yet.
        if hasattr(tarfile, "data_filter"):
            archive.extractall(folder, filter="data")
        else:
            archive.extractall(folder)
    (source,) = folder.iterdir()
    for path in source.rglob("*"):
        if path.is_file():
            path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (1e9, 1e9))
    return build(source, folder / "dist")


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def problem_of(tag: str, version: str, changelog: str) -> str | None:
    """Return the reason for which a tag cannot be released; None if there is none."""
    if tag != f"v{version}":
        return f"the tag {tag} is not v{version}, the version of realtime/_version.py"
    if not re.search(rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$", changelog, re.MULTILINE):
        return f'CHANGELOG.md has no heading "## {version} (YYYY-MM-DD)"'
    return None


def main(out: Path, tag: str | None = None) -> int:
    """Build into `out`, which is emptied first, and return the exit code."""
    if tag is not None:
        found = re.search(
            r'"(.+)"$', (ROOT / "realtime" / "_version.py").read_text(encoding="utf-8"), re.MULTILINE
        )
        version = found[1] if found else ""
        if problem := problem_of(tag, version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")):
            print(problem)
            return 1
    shutil.rmtree(out, ignore_errors=True)
    first = build(ROOT, out)
    with tempfile.TemporaryDirectory() as folder:
        second = build_again(first[0], Path(folder))
        for one, other in zip(first, second, strict=True):
            if digest(one) != digest(other):
                print(f"{one.name}: a second build differs")
                return 1
            print(f"{digest(one)}  {one.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), *sys.argv[2:3]))
