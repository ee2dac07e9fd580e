"""Replacing files: atomically, with the same mode, never through a planted link."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from realtime._files import replacing


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o644, 0o666, 0o400])
@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_replaced_file_has_its_mode_and_no_other_file_is_left(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(mode)
    with replacing(str(path)) as file:
        file.write(b"new")
        file.flush()
        [beside] = {*tmp_path.iterdir()} - {path}
        assert mode_of(beside) == mode
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert mode_of(path) == mode
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_nobody_else_can_read_the_new_file_before_it_has_its_mode(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.touch()
    path.chmod(0o777)
    modes = []
    fchmod = os.fchmod

    def record_mode(descriptor: int, mode: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        fchmod(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", record_mode)
    with replacing(str(path)):
        pass
    assert modes == [0o600]
    assert mode_of(path) == 0o777


@pytest.mark.parametrize(("umask", "mode"), [(0o027, 0o640), (0, 0o666), (0o077, 0o600)])
@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with replacing(str(tmp_path / "new")) as file:
            file.write(b"x")
    finally:
        os.umask(before)
    assert mode_of(tmp_path / "new") == mode


@pytest.mark.skipif(os.name != "posix", reason="owners of files")
def test_the_owner_is_kept_where_that_is_permitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, owners = tmp_path / "a", []
    path.write_bytes(b"old")
    was = path.stat()

    def refuse(descriptor: int, user: int, group: int) -> None:
        owners.append((user, group))
        raise PermissionError

    monkeypatch.setattr(os, "fchown", refuse)
    with replacing(str(path)) as file:
        file.write(b"new")
    assert owners == [(was.st_uid, was.st_gid)]
    assert path.read_bytes() == b"new"


@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_a_link_is_followed_and_remains(tmp_path: Path) -> None:
    target, link = tmp_path / "b" / "target", tmp_path / "link"
    target.parent.mkdir()
    target.write_bytes(b"old")
    target.chmod(0o600)
    link.symlink_to(target)
    with replacing(str(link)) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"
    assert mode_of(target) == 0o600
    assert os.listdir(target.parent) == ["target"]


@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_a_planted_name_is_refused_and_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, victim = tmp_path / "a", tmp_path / "victim"
    path.write_bytes(b"old")
    victim.write_bytes(b"precious")
    monkeypatch.setattr(os, "urandom", bytes)
    planted = tmp_path / f".{bytes(8).hex()}.tmp"
    planted.symlink_to(victim)
    with pytest.raises(FileExistsError) as caught, replacing(str(path)):
        raise AssertionError
    assert caught.value.filename == str(path)
    assert (path.read_bytes(), victim.read_bytes()) == (b"old", b"precious")
    assert planted.is_symlink()


@pytest.mark.parametrize("error", [OSError("full"), ValueError("x"), KeyboardInterrupt()])
def test_an_error_leaves_everything_as_it_was(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def replace() -> None:
        with replacing(str(path)) as file:
            file.write(b"new")
            raise error

    with pytest.raises(type(error)):
        replace()
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("is_device", [False, True])
@pytest.mark.parametrize(
    ("arguments", "named"), [((28, "full"), "the path"), ((28, "full", "other"), "other"), (("full",), None)]
)
def test_an_error_of_the_body_names_the_path_if_it_names_none(
    tmp_path: Path, is_device: bool, arguments: tuple[Any, ...], named: str | None
) -> None:
    path = os.devnull if is_device else str(tmp_path / "a")
    with pytest.raises(OSError, match="full") as caught, replacing(path):
        raise OSError(*arguments)
    assert caught.value.filename == (path if named == "the path" else named)


def test_a_rename_that_fails_leaves_everything_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")

    def refuse(*arguments: Any) -> None:
        raise OSError(5, "no", "secret name")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no") as caught, replacing(str(path)) as file:
        file.write(b"new")
    assert (caught.value.errno, caught.value.filename) == (5, str(path))
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a"]


def test_a_folder_that_does_not_exist_is_named_as_the_caller_named_it(tmp_path: Path) -> None:
    path = str(tmp_path / "none" / "a")
    with pytest.raises(FileNotFoundError) as caught, replacing(path):
        raise AssertionError
    assert caught.value.filename == path
    assert str(caught.value) == f"[Errno 2] No such file or directory: {path!r}"


def test_an_error_is_raised_though_the_new_file_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "a"

    def fail() -> None:
        with replacing(str(path)):
            for beside in tmp_path.iterdir():
                beside.unlink()
            raise ValueError("full")

    with pytest.raises(ValueError, match="full"):
        fail()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="devices")
def test_a_device_is_opened_directly(tmp_path: Path) -> None:
    with replacing(os.devnull) as file:
        assert file.write(b"x") == 1
    assert not os.path.isfile(os.devnull)
