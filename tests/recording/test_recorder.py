"""Recorder: frames are read back unchanged, whatever happens to the process or the disk."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

import realtime
from realtime.errors import ConfigError
from realtime.recording import BrokenLine, Entry, Recorder, RecordingError, log_files, read_log, read_metadata
from tests import cases

ENDINGS = [".jsonl", ".jsonl.gz", ".jsonl.zst"]


class Clock:
    """A clock that tests advance."""

    def __init__(self, now: float = 100.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def entries(path: Path) -> list[Entry]:
    found = list(read_log(log_files(path)))
    assert not [each for each in found if isinstance(each, BrokenLine)]
    return [each for each in found if isinstance(each, Entry)]


def frames_of(path: Path) -> list[bytes]:
    return [entry.frame for entry in entries(path)]


def numbered(n: int) -> bytes:
    return b'{"type":"x","n":%d}' % n


# --- Frames --------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
any_frames = (
    st.binary(max_size=300)
    | st.text(st.characters(), max_size=80)
    | json_values.map(lambda value: msgspec.json.encode(value))
    | st.dictionaries(st.text(), json_values).map(lambda value: json.dumps(value).encode())
    | st.sampled_from([frame.encode() for _, _, frame in cases.ALL])
)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), any_frames), max_size=12), st.data())
@pytest.mark.parametrize("ending", ENDINGS)
def test_any_frame_is_read_back_unchanged(
    tmp_path_factory: pytest.TempPathFactory, ending: str, recorded: list[Any], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("any") / f"call{ending}"
    with Recorder(path, redact=False, buffer_bytes=data.draw(st.sampled_from([0, 100, 10**6]))) as recorder:
        for direction, frame in recorded:
            recorder.record(direction, frame)
    found = entries(path)
    assert [entry.direction for entry in found] == [direction for direction, _ in recorded]
    for entry, (_, frame) in zip(found, recorded, strict=True):
        raw = frame.encode("utf-8", "surrogatepass") if isinstance(frame, str) else frame
        assert entry.frame == raw or msgspec.json.decode(entry.frame) == msgspec.json.decode(raw)
        if not any(byte in raw for byte in b" \r\n\t"):
            assert entry.frame == raw
    assert recorder.frames == len(recorded)


@pytest.mark.parametrize("frame", [bytearray(b"{}"), memoryview(b"{}"), "{}", b"{}"])
def test_every_kind_of_frame(tmp_path: Path, frame: Any) -> None:
    with Recorder(tmp_path / "a.jsonl", side="server") as recorder:
        recorder.sent(frame)
        recorder.received(frame)
        with pytest.raises(TypeError):
            recorder.sent(5)  # type: ignore[arg-type]
        with pytest.raises(ConfigError):
            recorder.record("up", frame)  # type: ignore[arg-type]
    assert [(e.direction, e.frame) for e in entries(tmp_path / "a.jsonl")] == [
        ("server", b"{}"),
        ("client", b"{}"),
    ]
    with pytest.raises(ValueError, match="closed"):
        recorder.sent(frame)
    recorder.close()


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        ({"type": "response.create"}, "takes a frame, not an event: encode it first"),
        (realtime.ResponseCreate(), "takes a frame, not an event: encode it first"),
        (5, "a frame must be bytes-like or a str, not int"),
        (None, "a frame must be bytes-like or a str, not NoneType"),
    ],
)
def test_an_argument_that_is_not_a_frame_is_a_type_error(tmp_path: Path, frame: Any, message: str) -> None:
    with Recorder(tmp_path / "a.jsonl") as recorder:
        for record in (recorder.sent, recorder.received):
            with pytest.raises(TypeError, match=message):
                record(frame)
    assert entries(tmp_path / "a.jsonl") == []


def test_times_and_metadata(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "a.jsonl"
    with Recorder(
        path, clock=clock, wall_clock=lambda: 1e9, metadata={"call": "c1", "recording": 9}
    ) as recorder:
        clock.now += 1.2345
        recorder.sent(b"{}")
    assert path.read_bytes().splitlines()[1] == b'{"direction":"client","time_ms":1234.500,"frame":{}}'
    assert read_metadata(path) == {
        "recording": 1,
        "started_at": 1e9,
        "library": realtime.__version__,
        "call": "c1",
    }


def test_every_line_is_written_before_record_returns(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(path) as recorder:
        for n in range(5):
            recorder.sent(numbered(n))
            assert len(frames_of(path)) == n + 1


@pytest.mark.parametrize("ending", ENDINGS)
def test_lines_are_buffered_no_longer_than_requested(tmp_path: Path, ending: str) -> None:
    clock, path = Clock(), tmp_path / f"a{ending}"
    with Recorder(path, buffer_bytes=1000, buffer_ms=500, clock=clock, fsync_ms=0) as recorder:
        recorder.sent(numbered(0))
        assert frames_of(path) == []
        clock.now += 0.6
        recorder.sent(numbered(1))
        assert len(frames_of(path)) == 2
        recorder.sent(numbered(2))
        recorder.flush()
        assert len(frames_of(path)) == 3
        recorder.sent(b'{"long":"' + b"x" * 1000 + b'"}')
        assert len(frames_of(path)) == 4
        recorder.sent(numbered(4))
    assert len(frames_of(path)) == 5


def test_threads_may_record_concurrently(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(path, max_bytes=5000) as recorder:

        def send(n: int) -> None:
            for i in range(100):
                recorder.sent(numbered(n * 100 + i))

        threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    found = entries(path)
    assert sorted(frame for frame in frames_of(path)) == sorted(numbered(n) for n in range(400))
    assert [e.time_ms for e in found] == sorted(e.time_ms for e in found)


# --- Modes ---------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_existing_log_is_continued(tmp_path: Path, ending: str) -> None:
    path, clock = tmp_path / f"a{ending}", Clock()
    with Recorder(path, clock=clock, wall_clock=lambda: 1000.0) as recorder:
        clock.now += 2
        recorder.sent(numbered(1))
    with Recorder(path, clock=clock, wall_clock=lambda: 1010.0) as recorder:
        clock.now += 1
        recorder.sent(numbered(2))
    with Recorder(path, clock=clock, wall_clock=lambda: 500.0) as recorder:  # the clock was set back
        recorder.sent(numbered(3))
    assert [(e.time_ms, e.frame) for e in entries(path)] == [
        (2000, numbered(1)), (11000, numbered(2)), (11000, numbered(3))
    ]  # fmt: skip
    with pytest.raises(FileExistsError):
        Recorder(path, mode="x")
    with Recorder(path, mode="w") as recorder:
        recorder.sent(numbered(4))
    assert frames_of(path) == [numbered(4)]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("nbytes", [1, 2, 10, 30, 80, 150])
def test_a_torn_log_is_repaired(tmp_path: Path, ending: str, nbytes: int) -> None:
    path = tmp_path / f"a{ending}"
    with Recorder(path, buffer_bytes=0) as recorder:
        for n in range(6):
            recorder.sent(numbered(n))
    path.write_bytes(path.read_bytes()[:-nbytes])
    before = [each.frame for each in read_log(path) if isinstance(each, Entry)]
    with Recorder(path, buffer_bytes=0) as recorder:
        recorder.sent(numbered(9))
    assert frames_of(path) == [*before, numbered(9)]
    assert len(before) >= 2
    assert os.listdir(tmp_path) == [path.name]
    times = [entry.time_ms for entry in entries(path)]
    assert times == sorted(times)


WRITER = """
import sys
from realtime.recording import Recorder
recorder = Recorder(sys.argv[1], max_bytes=200_000)
n = 0
while True:
    recorder.sent(b'{"type":"x","n":%d,"pad":"%b"}' % (n, b"y" * (n % 3000)))
    n += 1
    if n % 100 == 0:
        print(n, flush=True)
"""


@pytest.mark.parametrize("ending", [".jsonl", ".jsonl.gz"])
def test_a_killed_process_loses_no_recorded_line(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    root = str(Path(realtime.__file__).parent.parent)
    command = [sys.executable, "-c", WRITER.replace("200_000", "200_000, buffer_bytes=0"), str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": root}) as process:
        assert process.stdout
        recorded = [int(process.stdout.readline()) for _ in range(10)][-1]
        time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
    found = list(read_log(log_files(path)))
    complete = [json.loads(each.frame)["n"] for each in found if isinstance(each, Entry)]
    assert complete == [*range(len(complete))]
    assert len(complete) >= recorded
    assert sum(isinstance(each, BrokenLine) for each in found) <= 1
    with Recorder(path) as recorder:
        recorder.sent(numbered(7))
    assert len(frames_of(path)) == len(complete) + 1


# --- Rotation ------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ENDINGS)
def test_full_files_become_numbered_parts(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"call{ending}"
    (tmp_path / f"call2{ending}").write_bytes(b"")  # belongs to another log
    (tmp_path / "call.x.jsonl").write_bytes(b"")
    for _ in range(2):
        with Recorder(path, max_bytes=600, buffer_bytes=0) as recorder:
            for n in range(40):
                recorder.sent(numbered(n))
    assert frames_of(path) == [numbered(n) for n in range(40)] * 2
    files = log_files(path)
    assert len(files) > 3
    assert files[0].endswith(f"call.000001{ending}")
    assert files[-1] == str(path)
    assert all(os.path.getsize(file) <= 900 for file in files)
    assert all(read_metadata(file)["recording"] == 1 for file in files)


def test_old_files_become_parts_and_the_oldest_are_deleted(tmp_path: Path) -> None:
    path, clock = tmp_path / "call.jsonl", Clock()
    with Recorder(path, max_age_s=10, max_files=2, clock=clock) as recorder:
        for n in range(50):
            recorder.sent(numbered(n))
            clock.now += 1
    assert [len(frames_of_one(file)) for file in log_files(path)] == [11, 11, 6]
    assert frames_of(path) == [numbered(n) for n in range(22, 50)]


def frames_of_one(file: str) -> list[bytes]:
    return [each.frame for each in read_log(file) if isinstance(each, Entry)]


def test_a_line_longer_than_max_bytes_is_written(tmp_path: Path) -> None:
    path = tmp_path / "call.jsonl"
    with Recorder(path, max_bytes=100) as recorder:
        for _ in range(3):
            recorder.sent(b'{"x":"' + b"y" * 500 + b'"}')
    assert len(frames_of(path)) == 3
    assert len(log_files(path)) == 3


# --- A full disk ---------------------------------------------------------------------


class LimitedFile:
    """A file on a disk with `room` bytes left, and none once they are used."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.file, self.room, self.can_truncate = open(*arguments, **options), 10**6, True  # noqa: SIM115

    def write(self, data: Any) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        taken = self.file.write(bytes(data[: self.room]))
        self.room -= taken
        return int(taken)

    def truncate(self, size: int) -> None:
        if not self.can_truncate:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        self.file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> list[LimitedFile]:
    """The files that a recorder opens from now on."""
    opened: list[LimitedFile] = []

    def open_limited(*arguments: Any, **options: Any) -> LimitedFile:
        opened.append(LimitedFile(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr("realtime.recording.recorder.open", open_limited, raising=False)
    return opened


@pytest.mark.parametrize("can_truncate", [True, False])
def test_a_full_disk_raises_once_and_damages_no_line(
    tmp_path: Path, files: list[LimitedFile], can_truncate: bool
) -> None:
    clock, path = Clock(), tmp_path / "a.jsonl"
    with Recorder(path, clock=clock) as recorder:
        recorder.sent(numbered(0))
        [file] = files
        file.room, file.can_truncate = 20, can_truncate
        with pytest.raises(RecordingError, match="No space left") as caught:
            recorder.sent(numbered(1))
        assert caught.value.filename == str(path)
        assert isinstance(caught.value, OSError)
        for n in range(2, 5):
            clock.now += 0.9
            recorder.sent(numbered(n))
        assert recorder.lost == 4
        file.room = 10**6
        clock.now += 1.1
        recorder.sent(numbered(5))
        recorder.sent(numbered(6))
    found = list(read_log(path))
    frames = [each.frame for each in found if isinstance(each, Entry)]
    assert frames == [numbered(0), numbered(5), numbered(6)]
    assert len(found) - len(frames) == (not can_truncate)
    assert b'"lost":4' in path.read_bytes()


def test_a_disk_full_at_the_end_raises_in_close(tmp_path: Path, files: list[LimitedFile]) -> None:
    recorder = Recorder(tmp_path / "a.jsonl", buffer_bytes=1000)
    recorder.sent(numbered(0))
    files[0].room = 5
    with pytest.raises(RecordingError):
        recorder.close()
    assert files[0].closed
    assert frames_of(tmp_path / "a.jsonl") == []
    with pytest.raises(ValueError, match="closed"):
        recorder.sent(numbered(1))


def test_a_part_that_cannot_be_created_loses_no_frame(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(path, max_bytes=200) as recorder:
        monkeypatch.setattr("realtime.recording.recorder.open", refuse, raising=False)
        for n in range(20):
            recorder.sent(numbered(n))
        monkeypatch.undo()
        for n in range(20, 40):
            recorder.sent(numbered(n))
    assert frames_of(path) == [numbered(n) for n in range(40)]
    assert len(log_files(path)) > 1


def refuse(*arguments: object, **options: object) -> None:
    raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))


# --- Settings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [
        {"max_bytes": -1},
        {"buffer_ms": float("nan")},
        {"mode": "r"},
        {"compress": "lzma"},
        {"side": "both"},
        {"metadata": {"x": object()}},
        {"metadata": {"frame": 1}},
    ],
)
def test_invalid_settings_are_a_config_error(tmp_path: Path, options: Any) -> None:
    with pytest.raises(ConfigError):
        Recorder(tmp_path / "a.jsonl", **options)


def test_compression_by_suffix_or_by_argument(tmp_path: Path) -> None:
    choices: list[dict[str, Any]] = [{"compress": "gzip"}, {"compress": None}]
    for options in choices:
        with Recorder(tmp_path / ("b.jsonl" if options["compress"] else "b.jsonl.gz"), **options) as recorder:
            recorder.sent(b"{}")
        assert recorder.path == str(tmp_path / "b.jsonl.gz")
    assert (tmp_path / "b.jsonl.gz").read_bytes()[:2] == b"\x1f\x8b"
    assert frames_of(tmp_path / "b.jsonl.gz") == [b"{}", b"{}"]
    with pytest.raises(FileNotFoundError):
        Recorder(tmp_path / "no" / "b.jsonl")
