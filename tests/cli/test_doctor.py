"""`doctor`: the origin of the package, its dependencies, and conflicts with other distributions."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy
import pybase64
import pytest

import realtime as r
from realtime.cli import doctor, main
from tests.cli.calls import ascii_stdout

PACKAGE = Path(r.__file__).resolve().parent


def findings() -> dict[str, doctor.Finding]:
    return {finding.name: finding for finding in doctor.examine()}


def install(folder: Path, name: str, *files: str, direct_url: str | None = None) -> None:
    """Install a distribution of that name in `folder`, as pip would."""
    for file in files:
        if not (folder / file).exists():
            (folder / file).parent.mkdir()
            (folder / file).touch()
    info = folder / f"{name.replace('-', '_')}-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 9.9\n")
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    if direct_url is not None:
        (info / "direct_url.json").write_text(direct_url)


def test_report_and_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor"])
    printed = capsys.readouterr().out
    for text in (str(PACKAGE), platform.python_version(), msgspec.__version__, numpy.__version__):
        assert text in printed
    assert pybase64.get_version() in printed
    assert "websockets" in printed
    assert code == (1 if "PROBLEM" in printed else 0)


@pytest.mark.slow
def test_ascii_terminal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = ascii_stdout(monkeypatch)
    monkeypatch.setattr(doctor, "PACKAGE_FOLDER", tmp_path / "dé" / "realtime")
    main(["doctor"])
    assert b"d\\xe9" in printed.getvalue()


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize(
    ("version", "found"),
    [
        ("1.4.1 (C extension active - AVX2)", "its SIMD code"),
        ("1.4.1 (C extension active - NEON)", "its SIMD code"),
        ("1.4.1 (C extension active - No SIMD)", "without SIMD"),
        ("1.4.1 (C extension inactive)", "in Python"),
    ],
)
def test_simd_is_what_pybase64_reports(monkeypatch: pytest.MonkeyPatch, version: str, found: str) -> None:
    monkeypatch.setattr(pybase64, "get_version", lambda: version)
    finding = findings()["base64"]
    assert found in finding.text
    assert finding.is_ok


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of distributions that is searched before all others."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_conflict_with_supabases_distribution(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    install(site, "realtime", "realtime/__init__.py")
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    assert "PROBLEM: Supabase's client, the distribution 'realtime'" in printed
    assert "the one found first is imported" in printed


@pytest.mark.slow
def test_two_distributions_in_one_folder(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each overwrites files of the other: both are broken."""
    install(site, "realtime-codec", "realtime/__init__.py")
    install(site, "realtime", "realtime/__init__.py")
    monkeypatch.setattr(doctor, "PACKAGE_FOLDER", site / "realtime")
    clash = findings()["clash"]
    assert "each has overwritten files of the other" in clash.text
    assert "pip uninstall realtime realtime-codec, pip install realtime-codec" in clash.text
    assert not clash.is_ok


def test_conflict_with_any_other_distribution(site: Path) -> None:
    install(site, "someones-fork", "realtime/__init__.py")
    clash = findings()["clash"]
    assert "another package, the distribution 'someones-fork'" in clash.text
    assert not clash.is_ok


@pytest.mark.slow
def test_an_editable_install_is_this_distribution(site: Path) -> None:
    install(
        site,
        "realtime-codec",
        direct_url=f'{{"url": "{PACKAGE.parent.as_uri()}", "dir_info": {{"editable": true}}}}',
    )
    assert findings()["distribution"].text == "realtime-codec 9.9"


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_an_installed_wheel_is_this_distribution(tmp_path: Path) -> None:
    """A copy of the package beside its own metadata, in a separate process."""
    (tmp_path / "realtime").symlink_to(PACKAGE)
    install(tmp_path, "realtime-codec", "realtime/__init__.py")
    assert "realtime-codec 9.9" in _run(tmp_path, "doctor.main(['doctor'])")


@pytest.mark.slow
def test_a_copy_is_not_a_distribution(site: Path) -> None:
    install(site, "realtime-codec", "realtime/__init__.py")
    assert findings()["distribution"].text.startswith("none: a source checkout")


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("module", ["numpy", "msgspec"])
def test_missing_dependencies_are_problems(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    finding = findings()[module]
    assert not finding.is_ok
    assert f"pip install {module}" in finding.text


@pytest.mark.slow
def test_without_pybase64(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pybase64", None)
    assert not findings()["base64"].is_ok


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("module", ["websockets", "h11"])
def test_the_packages_of_the_server_are_optional(monkeypatch: pytest.MonkeyPatch, module: str) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    finding = findings()[module]
    assert finding.is_ok
    assert "pip install 'realtime-codec[testing]'" in finding.text


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("module", ["websockets", "h11"])
@pytest.mark.parametrize("command", ["demo", "serve"])
def test_demo_and_serve_need_the_packages_of_the_server(tmp_path: Path, command: str, module: str) -> None:
    printed = _run(tmp_path, f"sys.modules['{module}'] = None; print(doctor.main(['{command}']))")
    assert printed.splitlines() == [
        f"realtime {command}: realtime.testing needs {module}: pip install 'realtime-codec[testing]'",
        "1",
    ]


def _run(folder: Path, code: str) -> str:
    script = f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); sys.path.insert(0, {str(folder)!r}); "
    script += f"from realtime import cli as doctor; {code}"
    command = [sys.executable, "-W", "error", "-c", script]
    done = subprocess.run(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout
