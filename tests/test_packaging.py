"""The wheel contains the package and nothing else, and the package works under another name."""

from __future__ import annotations

import email
import email.message
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import realtime
from tools import release
from tools.lowest import lowest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "realtime"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return the sdist, and the wheel that was built from it."""
    return release.build(ROOT, tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="module")
def wheel(built: list[Path]) -> Iterator[zipfile.ZipFile]:
    assert built[1].name == f"realtime_codec-{realtime.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(built[1]) as opened:
        yield opened


@pytest.mark.slow
def test_builds_are_reproducible_and_the_sdist_is_complete(built: list[Path], tmp_path: Path) -> None:
    """The second build is from the sdist, with other times and modes of files."""
    again = release.build_again(built[0], tmp_path)
    assert [*map(release.digest, again)] == [*map(release.digest, built)]


@pytest.mark.slow
def test_the_sdist_contains_every_file_of_the_repository(built: list[Path]) -> None:
    """Its tests read most of them."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no checkout of git")
    with tarfile.open(built[0]) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert not {*done.stdout.split()} - names


HEADING = "# Changelog\n\n## 1.2.0 {}\n"


@pytest.mark.parametrize(
    ("tag", "heading", "problem"),
    [
        ("v1.2.0", "(2026-12-01)", None),
        ("v1.2.1", "(2026-12-01)", "the tag v1.2.1 is not v1.2.0"),
        ("1.2.0", "(2026-12-01)", "the tag 1.2.0 is not v1.2.0"),
        ("v1.2.0", "(not released)", 'CHANGELOG.md has no heading "## 1.2.0 (YYYY-MM-DD)"'),
    ],
)
def test_a_tag_is_released_if_version_and_changelog_agree(
    tag: str, heading: str, problem: str | None
) -> None:
    found = release.problem_of(tag, "1.2.0", HEADING.format(heading))
    assert found == problem or (found or "").startswith(problem or "-")


def test_the_lowest_versions_are_those_of_the_metadata(wheel: zipfile.ZipFile) -> None:
    needed = [line.split(";")[0] for line in metadata(wheel, "METADATA").get_all("Requires-Dist") or []]
    assert {pin.split("==")[0] for pin in lowest()} >= {"msgspec", "numpy", "pybase64", "websockets", "h11"}
    for pin in lowest():
        assert pin.replace("==", ">=") in needed


def metadata(wheel: zipfile.ZipFile, name: str) -> email.message.Message:
    (path,) = [path for path in wheel.namelist() if path.endswith(f".dist-info/{name}")]
    return email.message_from_bytes(wheel.read(path))


def test_the_wheel_is_pure(wheel: zipfile.ZipFile) -> None:
    about = metadata(wheel, "WHEEL")
    assert about["Root-Is-Purelib"] == "true"
    assert about.get_all("Tag") == ["py3-none-any"]


def test_the_wheel_contains_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    contents = {name for name in wheel.namelist() if ".dist-info/" not in name}
    sources = {
        path.relative_to(ROOT).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert contents == sources
    assert "realtime/py.typed" in contents
    assert any(name.startswith("realtime/data/") and name.endswith(".wav") for name in contents)


def test_the_metadata(wheel: zipfile.ZipFile) -> None:
    about = metadata(wheel, "METADATA")
    assert about["Name"] == "realtime-codec"
    assert about["Version"] == realtime.__version__
    assert about["Requires-Python"] == ">=3.11"
    assert about["License-Expression"] == "MIT"
    needed = about.get_all("Requires-Dist") or []
    core = {name.split(">")[0] for name in needed if "extra ==" not in name}
    assert core == {"msgspec", "numpy", "pybase64"}


def test_no_program_loads_the_package_unless_it_asks(wheel: zipfile.ZipFile) -> None:
    """An entry point of pytest would import it into every run of pytest where it is installed."""
    assert not [name for name in wheel.namelist() if name.endswith("entry_points.txt")]


VENDORED = """
import sys
import vendored.realtime_copy as ours
from vendored.realtime_copy import audio, beta, events
from vendored.realtime_copy.events import ResponseOutputAudioDelta

frame = ours.encode_append(bytes(960))
event = ours.decode_client(frame)
assert type(event).__module__ == "vendored.realtime_copy.events.audio_buffer", type(event)
assert event.audio == bytes(960) and ours.encode(event) == frame
assert type(beta.decode_client(frame)) is events.InputAudioBufferAppend
assert audio.ulaw_decode(audio.ulaw_encode(bytes(4))).tolist() == [0, 0]
assert ours.AudioFormat.of("pcmu") is ours.AudioFormat.G711_ULAW
strays = [name for name in sys.modules if name.split(".")[0] == "realtime"]
assert not strays, strays
"""


def test_the_package_can_be_vendored(tmp_path: Path) -> None:
    copy = tmp_path / "vendored" / "realtime_copy"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy.parent / "__init__.py").touch()
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", VENDORED],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
