"""The wheel contains the package and nothing else, and the package works under another name."""

from __future__ import annotations

import email
import email.message
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

import realtime

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "realtime"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Build the wheel from the sdist, so that both are complete."""
    out = tmp_path_factory.mktemp("dist")
    # If the build backend is installed, as by `make test`, nothing is downloaded.
    isolation = ["--no-isolation"] if importlib.util.find_spec("hatchling") else []
    done = subprocess.run(
        [sys.executable, "-m", "build", *isolation, "--outdir", str(out), str(ROOT)],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    wheels = [*out.glob("*.whl")]
    assert [path.name for path in wheels] == [f"realtime_codec-{realtime.__version__}-py3-none-any.whl"]
    with zipfile.ZipFile(wheels[0]) as opened:
        yield opened


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
