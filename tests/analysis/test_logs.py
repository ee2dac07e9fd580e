"""Finding logs by name: files, globs, folders and rotated logs."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from realtime.analysis import find_logs
from realtime.recording import log_files


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(*given: str) -> list[str]:
    return [log.name for log in find_logs(given)]


def test_logs_are_files_globs_and_folders(folder: Path) -> None:
    for name in ("a.jsonl", "b.jsonl.gz", "deep/er/c.ndjson.zst", "deep/d.log", "e.txt", "[odd].jsonl"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    assert names("a.jsonl", "e.txt", "a.jsonl") == ["a.jsonl", "e.txt"]
    assert names("*.jsonl") == ["[odd].jsonl", "a.jsonl"]
    assert names("**/*.log", "deep/**") == ["deep/d.log", "deep/er/c.ndjson.zst"]
    assert names(".") == [
        "./[odd].jsonl",
        "./a.jsonl",
        "./b.jsonl.gz",
        "./deep/d.log",
        "./deep/er/c.ndjson.zst",
    ]
    assert names("[odd].jsonl") == ["[odd].jsonl"]
    assert names("no*.jsonl", "none") == ["no*.jsonl", "none"]
    assert [log.files for log in find_logs(["none", "a.jsonl"])] == [(), ("a.jsonl",)]


def test_a_rotated_log_is_one_log(folder: Path) -> None:
    for name in (
        "call.000001.jsonl", "call.000002.jsonl", "call.jsonl", "gone.000007.jsonl.gz", "day.251124.jsonl",
        "day.251125.jsonl", "at.20251125.jsonl", "many.000010.jsonl", "many.000009.jsonl", "full.251125.jsonl", "full.jsonl",
    ):  # fmt: skip
        (folder / name).touch()
    found = {log.name: log.files for log in find_logs(["*.jsonl*"])}
    assert found == {
        "at.20251125.jsonl": ("at.20251125.jsonl",),
        "call.jsonl": ("call.000001.jsonl", "call.000002.jsonl", "call.jsonl"),
        "day.251124.jsonl": ("day.251124.jsonl",),
        "day.251125.jsonl": ("day.251125.jsonl",),
        "full.jsonl": ("full.251125.jsonl", "full.jsonl"),
        "many.jsonl": ("many.000009.jsonl", "many.000010.jsonl"),
        "gone.jsonl.gz": ("gone.000007.jsonl.gz",),
    }
    for name, files in found.items():
        assert files == tuple(log_files(name))
    assert names("call.000001.jsonl") == ["call.000001.jsonl"]  # only that part


def test_a_folder_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(200):
        (folder / f"{number}.jsonl").touch()
    listed: list[object] = []
    real = os.listdir

    def listing(path: str) -> list[str]:
        listed.append(path)
        return real(path)

    monkeypatch.setattr("os.listdir", listing)
    assert len(find_logs(["*.jsonl"])) == 200
    assert len(listed) == 1


def test_an_unreadable_folder_raises(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(PermissionError):
        find_logs(["."])


@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_several_names_of_one_log_are_one(folder: Path) -> None:
    (folder / "deep").mkdir()
    for name in ("a.jsonl", "call.000001.jsonl", "call.jsonl", "deep/b.jsonl"):
        (folder / name).touch()
    try:
        (folder / "link.jsonl").symlink_to("a.jsonl")
        (folder / "linked").symlink_to("deep")
        (folder / "latest.jsonl").symlink_to("call.jsonl")
    except OSError:
        pytest.skip("no symbolic links here")
    spelled = ("./a.jsonl", "a.jsonl", "deep/../a.jsonl", str(folder / "a.jsonl"), "link.jsonl", "a*.jsonl")
    assert names(*spelled) == ["./a.jsonl"]
    assert names("linked", "deep") == ["linked/b.jsonl"]
    assert names("none.jsonl", "./none.jsonl") == ["none.jsonl"]
    assert names("call.jsonl", ".")[:2] == ["call.jsonl", "./a.jsonl"]
    # A link to the last file of a rotated log is a different log.
    assert names("latest.jsonl", "call.jsonl") == ["latest.jsonl", "call.jsonl"]


NAMES = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["call", "a.b", "at 5", "call.000001", ".x"]),
        st.sampled_from(["", ".000001", ".000002", ".1234567", ".12345"]),
        st.sampled_from(["", ".jsonl", ".log-1", ".000003"]),
        st.sampled_from(["", ".gz", ".zst"]),
    ),
)


@given(st.sets(NAMES, max_size=8), NAMES)
def test_parts_are_recognised_by_the_names_that_recorder_gives(
    tmp_path_factory: pytest.TempPathFactory, there: set[str], name: str
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    for each in there:
        (folder / each).touch()
    path = str(folder / name)
    (log,) = find_logs([path])
    assert log.files == tuple(log_files(path))
