"""Recorder: frames are read back unchanged, whatever happens to the process or the disk."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime.errors import ConfigError
from realtime.recording import BrokenLine, Entry, Recorder, RecordingError, log_files, read_log, read_metadata
from realtime.recording._compression import compression_of, packer
from realtime.recording.recorder import AppendFile
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


@pytest.mark.mostly_slow(quick=1)
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
        with pytest.raises(ConfigError, match='direction must be "client" or "server", not \'up\''):
            recorder.record("up", frame)  # type: ignore[arg-type]
    assert [(e.direction, e.frame) for e in entries(tmp_path / "a.jsonl")] == [
        ("server", b"{}"),
        ("client", b"{}"),
    ]
    with pytest.raises(ValueError, match=r"^record on a closed Recorder$"):
        recorder.sent(frame)
    recorder.close()


def test_a_str_with_half_a_surrogate_pair_is_recorded(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.jsonl") as recorder:
        recorder.sent('{"x":"\ud800"}')
    assert frames_of(tmp_path / "a.jsonl") == [b'{"x":"\xed\xa0\x80"}']


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


def test_a_side_records_what_it_sent_and_received(tmp_path: Path) -> None:
    for side in ("client", "server"):
        with Recorder(tmp_path / f"{side}.jsonl", side=side) as recorder:
            recorder.sent(numbered(1))
            recorder.received(numbered(2))
    assert [entry.direction for entry in entries(tmp_path / "client.jsonl")] == ["client", "server"]
    assert [entry.direction for entry in entries(tmp_path / "server.jsonl")] == ["server", "client"]


def test_audio_instructions_and_credentials_are_options(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    frame = (
        b'{"type":"input_audio_buffer.append","audio":"AAAA","instructions":"be brief","api_key":"s3cret"}'
    )
    expected: dict[str, list[bytes]] = {
        "": [b'"audio":"AAAA"', b'"instructions":"be brief"', b'"api_key":"<redacted>"'],
        "audio": [b'"audio":""', b'"audio_bytes":3', b'"instructions":"be brief"'],
        "instructions": [b'"audio":"AAAA"', b'"instructions":"<redacted>"'],
        "redact": [b'"api_key":"s3cret"'],
    }
    for option, members in expected.items():
        options: dict[str, Any] = {option: False} if option else {}
        with Recorder(path, mode="w", **options) as recorder:
            recorder.sent(frame)
        [written] = frames_of(path)
        assert [member for member in members if member not in written] == [], written


def test_a_log_without_a_header_has_only_frames(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(path, header=False, clock=Clock()) as recorder:
        recorder.sent(b"{}")
    assert path.read_bytes() == b'{"direction":"client","time_ms":0.000,"frame":{}}\n'


def test_the_metadata_name_the_provider(tmp_path: Path) -> None:
    for provider in ("xai", realtime.providers.get_provider("xai")):
        with Recorder(tmp_path / "a.jsonl", mode="w", provider=provider):
            pass
        assert read_metadata(tmp_path / "a.jsonl")["provider"] == "xai"


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


LINE_BYTES = len(b'{"direction":"client","time_ms":0.000,"frame":{}}\n')


@pytest.mark.parametrize("nbytes", [1, LINE_BYTES, LINE_BYTES + 1, 2 * LINE_BYTES, 2 * LINE_BYTES + 1])
def test_a_buffer_is_written_when_it_has_its_size(tmp_path: Path, nbytes: int) -> None:
    path, lines = tmp_path / "a.jsonl", -(-nbytes // LINE_BYTES)
    with Recorder(path, header=False, buffer_bytes=nbytes, clock=Clock()) as recorder:
        for n in range(1, 8):
            recorder.sent(b"{}")
            assert path.stat().st_size == n // lines * lines * LINE_BYTES
            assert recorder.frames == n // lines * lines


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst"])
def test_a_compressed_log_is_written_in_portions_of_256_kib(tmp_path: Path, ending: str) -> None:
    frame = b'{"x":"%b"}' % (b"x" * (1024 - LINE_BYTES - len('"x":""')))  # a line of 1 KiB
    with Recorder(tmp_path / f"a{ending}", clock=Clock()) as recorder:
        for n in range(1, 600):
            recorder.sent(frame)
            assert recorder.frames == n // 256 * 256


def test_a_buffer_is_written_when_its_first_line_is_a_second_old(tmp_path: Path) -> None:
    clock = Clock(0)
    with Recorder(tmp_path / "a.jsonl", buffer_bytes=10**6, clock=clock) as recorder:
        for now, written in ((0.5, 0), (1.4995, 0), (1.5, 3), (2.0, 3), (2.9995, 3), (3.0, 6)):
            clock.now = now
            recorder.sent(b"{}")
            assert recorder.frames == written


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The file descriptors that are synced from now on."""
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    return synced


def test_a_file_is_synced_as_often_as_requested(tmp_path: Path, syncs: list[int]) -> None:
    clock = Clock()
    with Recorder(tmp_path / "a.jsonl", buffer_bytes=10**6, fsync_ms=500, clock=clock) as recorder:
        for step, count in ((0.4998, 0), (0.5, 1), (0.9, 1), (0.9998, 1), (1.0, 2), (1.2, 2)):
            clock.now = 100 + step - 0.1
            recorder.sent(b"{}")
            clock.now = 100 + step
            recorder.flush()
            assert len(syncs) == count
    assert len(syncs) == 3  # close syncs too
    assert len({*syncs}) == 1


@pytest.mark.parametrize(("fsync_ms", "count"), [(None, 0), (0, 4)])
def test_a_file_is_synced_after_each_write_or_never(
    tmp_path: Path, syncs: list[int], fsync_ms: float | None, count: int
) -> None:
    with Recorder(tmp_path / "a.jsonl", fsync_ms=fsync_ms) as recorder:
        for _ in range(3):
            recorder.sent(b"{}")
    assert len(syncs) == count


def test_a_full_file_is_synced_before_it_becomes_a_part(tmp_path: Path, syncs: list[int]) -> None:
    path = tmp_path / "a.jsonl"
    limits: dict[str, Any] = {"max_bytes": 3 * LINE_BYTES, "buffer_bytes": 10**6, "fsync_ms": 0}
    with Recorder(path, header=False, clock=Clock(), **limits) as recorder:
        for n in range(1, 9):
            recorder.sent(b"{}")
            # A file is full when the next line does not fit.
            assert len(log_files(path)) == len(syncs) + 1 == (n - 1) // 3 + 1
    assert [os.path.getsize(file) // LINE_BYTES for file in log_files(path)] == [3, 3, 2]


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


def test_a_new_log_may_be_required(tmp_path: Path) -> None:
    path, part = tmp_path / "a.jsonl", tmp_path / "a.000001.jsonl"
    with Recorder(path, mode="x") as recorder:
        recorder.sent(numbered(1))
    assert frames_of(path) == [numbered(1)]
    for existing in (path, part):
        with pytest.raises(FileExistsError) as caught:
            Recorder(path, mode="x")
        assert (caught.value.errno, caught.value.filename) == (errno.EEXIST, str(existing))
        assert caught.value.strerror == os.strerror(errno.EEXIST)
        path.rename(part) if existing is path else part.unlink()
    path.symlink_to(tmp_path / "planted")
    with pytest.raises(FileExistsError):
        Recorder(path, mode="x")
    assert os.listdir(tmp_path) == [path.name]


def test_the_metadata_of_a_continued_log_have_its_start_and_time(tmp_path: Path) -> None:
    path, clock = tmp_path / "a.jsonl", Clock()
    with Recorder(path, clock=clock, wall_clock=lambda: 1000.0) as recorder:
        clock.now += 2
        recorder.sent(b"{}")
    for wall in (1010.0, 1000.0):
        with Recorder(path, clock=clock, wall_clock=Clock(wall)):
            pass
    first, _, *others = (json.loads(line) for line in path.read_bytes().splitlines())
    assert first["started_at"] == 1000
    assert [(each["started_at"], each["resumed_at"], each["time_ms"]) for each in others] == [
        (1000, 1010, 10_000), (1000, 1000, 10_000)
    ]  # fmt: skip


def test_a_log_without_a_start_began_its_last_time_ago(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"direction":"client","time_ms":2500.0,"frame":{}}\n')
    with Recorder(path, wall_clock=lambda: 1010.0):
        pass
    assert json.loads(path.read_bytes().splitlines()[-1])["started_at"] == 1007.5


def test_the_age_of_a_continued_file_counts_from_there(tmp_path: Path) -> None:
    path, clock = tmp_path / "a.jsonl", Clock()
    with Recorder(path, clock=clock, wall_clock=lambda: 1000.0) as recorder:
        recorder.sent(b"{}")
    with Recorder(path, clock=clock, wall_clock=lambda: 1060.0, max_age_s=10) as recorder:
        for step, files in ((10, 1), (0.0005, 2)):
            clock.now += step
            recorder.sent(b"{}")
            assert len(log_files(path)) == files


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
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
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


def test_a_file_is_old_after_max_age(tmp_path: Path) -> None:
    path, clock = tmp_path / "call.jsonl", Clock(0)
    with Recorder(path, max_age_s=10, clock=clock) as recorder:
        for now, files in ((0, 1), (10, 1), (10.0005, 2), (20.0005, 2), (20.001, 3)):
            clock.now = now
            recorder.sent(b"{}")
            assert len(log_files(path)) == files


def test_an_old_part_that_cannot_be_deleted_remains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "call.jsonl"
    monkeypatch.setattr(os, "unlink", refuse)
    with Recorder(path, max_bytes=200, max_files=1) as recorder:
        for n in range(9):
            recorder.sent(numbered(n))
    assert frames_of(path) == [numbered(n) for n in range(9)]
    assert len(log_files(path)) > 3


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


def test_the_next_attempt_is_made_after_a_second(tmp_path: Path, files: list[LimitedFile]) -> None:
    clock = Clock(0)
    with Recorder(tmp_path / "a.jsonl", clock=clock) as recorder:
        files[0].room = 0
        with pytest.raises(RecordingError) as caught:
            recorder.sent(b"{}")
        assert (caught.value.errno, caught.value.strerror) == (errno.ENOSPC, os.strerror(errno.ENOSPC))
        files[0].room = 10**6
        clock.now = 0.9995
        recorder.sent(b"{}")
        assert (recorder.frames, recorder.lost) == (0, 2)
        clock.now = 1.0
        recorder.sent(b"{}")
        assert (recorder.frames, recorder.lost) == (1, 2)


def test_a_full_file_that_cannot_be_written_loses_its_buffer_and_the_line(
    tmp_path: Path, files: list[LimitedFile]
) -> None:
    clock, path, sent = Clock(), tmp_path / "a.jsonl", 0
    with Recorder(path, clock=clock, max_bytes=500, buffer_bytes=10**6) as recorder:
        for recorded in (0, 1):
            files[0].room = 0
            lost = recorder.lost
            while recorder.lost == lost:  # until a line does not fit
                sent += 1
                with contextlib.suppress(RecordingError):
                    recorder.sent(b"{}")
            assert (recorder.frames, recorder.lost) == (recorded, sent - recorded)
            files[0].room = 10**6
            clock.now += 2
            sent += 1
            recorder.sent(b"{}")
            recorder.flush()
    assert log_files(path) == [str(path)]


def test_an_error_without_a_number_has_its_text(tmp_path: Path) -> None:
    with Recorder(tmp_path / "a.jsonl") as recorder:
        broken = BrokenFile(recorder._file._file)
        recorder._file._file = broken  # type: ignore[assignment]
        broken.error = OSError("no number")
        with pytest.raises(RecordingError) as caught:
            recorder.sent(b"{}")
    assert (caught.value.errno, caught.value.strerror) == (None, "no number")


def test_a_log_that_cannot_be_begun_is_a_recording_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason: OSError | None
    opened: list[Any] = []

    class Full:
        def __init__(self, *arguments: Any, **options: Any) -> None:
            self.file = open(*arguments, **options)  # noqa: SIM115
            opened.append(self)

        def write(self, data: Any) -> None:
            if reason is not None:
                raise reason  # else it returns None, as a file does that does not block

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    monkeypatch.setattr("realtime.recording.recorder.open", Full, raising=False)
    path = tmp_path / "a.jsonl"
    for reason, number, text in (  # noqa: B007 (read by Full)
        (OSError(errno.ENOSPC, "full"), errno.ENOSPC, "full"),
        (OSError("no number"), None, "no number"),
        (None, None, "the file accepts no data without blocking"),
    ):
        with pytest.raises(RecordingError) as caught:
            Recorder(path)
        assert (caught.value.errno, caught.value.strerror, caught.value.filename) == (number, text, str(path))
        assert opened[-1].closed


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


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(depth):
        value = {"x": value}
    return value


# --- Settings ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        *(
            ({name: limit}, f"{name} must be finite and not negative, not {limit}")
            for name in ("max_bytes", "max_age_s", "max_files", "buffer_bytes", "buffer_ms", "fsync_ms")
            for limit in (-1, float("nan"), float("inf"))
        ),
        ({"mode": "r"}, 'mode must be "a", "w" or "x", not \'r\''),
        ({"compress": "lzma"}, 'compress must be "gzip", "zstd" or None, not \'lzma\''),
        ({"side": "both"}, 'side must be "client" or "server", not \'both\''),
        ({"metadata": {"x": object()}}, "metadata must be JSON: "),
        ({"metadata": {"frame": 1}}, 'metadata must not have a member "frame"'),
        ({"metadata": {"x": "\ud800"}}, "metadata must be JSON: "),
        ({"metadata": nested(5000)}, "metadata must be JSON: "),
    ],
)
def test_invalid_settings_are_a_config_error(tmp_path: Path, options: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        Recorder(tmp_path / "a.jsonl", **options)
    assert os.listdir(tmp_path) == []


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


# --- Clocks --------------------------------------------------------------------------


def times_of(path: Path) -> list[float]:
    return [entry.time_ms for entry in entries(path)]


def test_a_clock_that_goes_back_does_not_take_times_back(tmp_path: Path) -> None:
    clock, path = Clock(), tmp_path / "a.jsonl"
    with Recorder(path, clock=clock) as recorder:
        for step in (1.0, -50.0, 0.5, -0.25, 0.25, 2.0):
            clock.now += step
            recorder.sent(b"{}")
    # A step back counts as none; the clock's steps count from there.
    assert times_of(path) == [1000, 1000, 1500, 1500, 1750, 3750]


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 1e13])
def test_a_clock_without_sense_makes_no_line_unreadable(tmp_path: Path, wrong: float) -> None:
    clock, path = Clock(), tmp_path / "a.jsonl"
    with Recorder(path, clock=clock, buffer_bytes=1000) as recorder:
        for now in (101.0, wrong, 102.0, wrong, 103.0):
            clock.now = now
            recorder.sent(b"{}")
    assert times_of(path) == [1000, 1000, 2000, 2000, 3000]


def test_buffers_and_retries_go_on_after_a_clock_went_back(tmp_path: Path, files: list[LimitedFile]) -> None:
    clock, path = Clock(1e6), tmp_path / "a.jsonl"
    with Recorder(path, clock=clock, buffer_bytes=10**6, buffer_ms=500) as recorder:
        recorder.sent(numbered(0))
        clock.now -= 9e5
        recorder.sent(numbered(1))
        clock.now += 0.6
        recorder.sent(numbered(2))
        assert len(frames_of(path)) == 3


NUMBERS = [
    ("1" * 300, None), ("1" * 400, None), ("1" * 5000, None), ("-1e308", None), ("1e308", None),
    ("1e999", None), ("-1", None), ('"1000"', None), ("null", None), ("true", None), ("[1000]", None),
    ("1.2.3", None), ("1000", 10_000), ("1000.0", 10_000), ("1e3", 10_000), ("0", 1_010_000), ("-0.0", 1_010_000),
    ("1010.5", None),
]  # fmt: skip


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(("started_at", "time_ms"), NUMBERS)
def test_any_start_of_a_log_is_continued(
    tmp_path: Path, ending: str, started_at: str, time_ms: float | None
) -> None:
    path, clock = tmp_path / f"a{ending}", Clock()
    pack = packer(compression_of(str(path)))
    path.write_bytes(
        pack(
            b'{"recording":1,"started_at":%b}\n{"direction":"client","time_ms":12.5,"frame":{}}\n'
            % started_at.encode()
        )
    )
    for _ in range(2):
        with Recorder(path, clock=clock, wall_clock=lambda: 1010.0) as recorder:
            recorder.sent(b"{}")
    found = [each.time_ms for each in read_log(path) if isinstance(each, Entry)]
    assert found == [12.5, *[time_ms or 12.5] * 2]


@pytest.mark.parametrize("wall", [float("nan"), float("inf"), -float("inf"), 1e300, -5.0, 0.0, 1e12 + 2000])
def test_any_wall_clock_gives_a_readable_log(tmp_path: Path, wall: float) -> None:
    path, clock = tmp_path / "a.jsonl", Clock()
    with Recorder(path, clock=clock, wall_clock=lambda: 1000.0) as recorder:
        recorder.sent(b"{}")
    for _ in range(2):
        with Recorder(path, clock=clock, wall_clock=lambda: wall) as recorder:
            recorder.sent(b"{}")
    assert times_of(path) == [0, 0, 0]


def test_the_longest_pause_of_a_log_is_that_of_its_largest_time(tmp_path: Path) -> None:
    path, clock = tmp_path / "a.jsonl", Clock()
    for wall in (1000.0, 1e12 + 500):
        with Recorder(path, clock=clock, wall_clock=Clock(wall)) as recorder:
            recorder.sent(b"{}")
    assert times_of(path) == [0, 1e15 - 500_000]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_wall_clock_that_was_set_back_does_not_take_times_back(tmp_path: Path, ending: str) -> None:
    path, clock = tmp_path / f"a{ending}", Clock()
    with Recorder(path, clock=clock, wall_clock=lambda: 1000.0) as recorder:
        clock.now += 11
        recorder.sent(numbered(1))
    # After the start of the log, but before its last entry.
    with Recorder(path, clock=clock, wall_clock=lambda: 1005.0) as recorder:
        recorder.sent(numbered(2))
    assert times_of(path) == [11_000, 11_000]


# --- Threads and processes -------------------------------------------------------------


@pytest.mark.parametrize("call", ["record", "flush", "close"])
def test_only_one_thread_at_a_time_is_inside(tmp_path: Path, call: str) -> None:
    """The clock is read with the lock held, so that times and lines are in one order."""
    inside, most = 0, 0
    entered, waiting = threading.Event(), threading.Event()

    def clock() -> float:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        entered.set()
        if threading.current_thread() is not threading.main_thread():
            waiting.wait(0.1)  # until another thread is inside too, which must not happen
        inside -= 1
        return 1.0

    recorder = Recorder(tmp_path / "a.jsonl", clock=clock)
    entered.clear()
    first = threading.Thread(target=recorder.sent, args=(b"{}",))
    first.start()
    assert entered.wait(20)
    second = {"record": lambda: recorder.sent(b"{}"), "flush": recorder.flush, "close": recorder.close}[call]
    second()
    waiting.set()
    first.join()
    recorder.close()
    assert most == 1
    assert len(frames_of(tmp_path / "a.jsonl")) == (2 if call == "record" else 1)


def in_child(act: Callable[[], object]) -> str:
    """Return what `act` returns or raises in a forked process, as text."""
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # threads may be running: that is the case tested
        pid = os.fork()
    if not pid:
        signal.alarm(5)  # instead of waiting for a lock forever
        try:
            text = str(act())
        except Exception as error:
            text = f"{type(error).__name__}: {error}"
        os.write(writer, text.encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        text = file.read().decode()
    os.waitpid(pid, 0)
    return text


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("ending", ENDINGS)
def test_a_copy_in_a_forked_process_is_closed(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    with Recorder(path, buffer_bytes=10**6) as recorder:
        recorder.sent(numbered(1))
        descriptor = recorder._file._file.fileno()

        def use() -> str:
            recorder.flush()
            recorder.close()
            with pytest.raises(OSError, match="Bad file descriptor"):
                os.fstat(descriptor)
            return f"{recorder.frames} {recorder.lost}"

        assert in_child(use) == "0 0"
        refused = in_child(lambda: recorder.sent(b"{}"))
        assert refused == "ValueError: record on a Recorder of the parent process: open one in this process"
        recorder.sent(numbered(2))
    assert frames_of(path) == [numbered(1), numbered(2)]
    assert in_child(lambda: recorder.sent(b"{}")).startswith("ValueError: record on a")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_process_may_be_forked_while_other_threads_record(tmp_path: Path) -> None:
    path, stop = tmp_path / "a.jsonl", threading.Event()
    with Recorder(path) as recorder:

        def record() -> None:
            while not stop.is_set():
                recorder.sent(numbered(1))

        threads = [threading.Thread(target=record) for _ in range(2)]
        for thread in threads:
            thread.start()
        try:
            found = {in_child(lambda: recorder.sent(b"{}")) for _ in range(10)}
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    assert found == {"ValueError: record on a Recorder of the parent process: open one in this process"}
    assert {*frames_of(path)} == {numbered(1)}
    assert len(frames_of(path)) == recorder.frames


def test_a_fork_while_the_lock_is_held_does_not_block_the_copy(tmp_path: Path) -> None:
    entered, go = threading.Event(), threading.Event()

    def clock() -> float:
        entered.set()
        if threading.current_thread() is not threading.main_thread():
            go.wait(20)
        return 1.0

    recorder = Recorder(tmp_path / "a.jsonl", clock=clock)
    entered.clear()
    thread = threading.Thread(target=recorder.sent, args=(b"{}",))
    thread.start()
    assert entered.wait(20)
    assert in_child(lambda: recorder.sent(b"{}")).startswith("ValueError: record on a Recorder of the parent")
    go.set()
    thread.join()
    recorder.close()
    assert frames_of(tmp_path / "a.jsonl") == [b"{}"]


# --- Exceptions ------------------------------------------------------------------------


class BrokenFile:
    """A file whose write raises `error`, before or after `taken` bytes of it were written."""

    def __init__(self, file: Any) -> None:
        self.file, self.taken, self.can_truncate = file, 0, True
        self.error: BaseException | None = None

    def write(self, data: Any) -> int:
        error, self.error = self.error, None
        if error is None:
            return int(self.file.write(data))
        self.file.write(bytes(data[: self.taken]))
        raise error

    def truncate(self, size: int) -> None:
        if not self.can_truncate:
            raise OSError(errno.EPERM, "append only")
        self.file.truncate(size)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


@pytest.mark.parametrize("error", [OSError(errno.EIO, "x"), KeyboardInterrupt(), MemoryError()])
@pytest.mark.parametrize("taken", [0, 1, 20, 10**6])
@pytest.mark.parametrize("can_truncate", [True, False])
def test_an_append_is_complete_or_has_no_effect_after_any_exception(
    tmp_path: Path, error: BaseException, taken: int, can_truncate: bool
) -> None:
    path = tmp_path / "a"
    file = AppendFile(str(path))
    broken = file._file = BrokenFile(file._file)  # type: ignore[assignment]
    lines = [b"%d\n" % n * 9 for n in range(6)]
    file.write(lines[0])
    for n in (1, 2):  # twice, because the size after the first decides what the second removes
        broken.error, broken.taken, broken.can_truncate = error, taken, can_truncate or n == 2
        with pytest.raises(type(error)):
            file.write(b"torn%d " % n + b"y" * 50)
        assert file.size == path.stat().st_size
        assert file.ends_torn == (not can_truncate and n == 1)
        file.write(lines[n])
        assert file.size == path.stat().st_size
    found = [line for line in path.read_bytes().splitlines() if line[:1].isdigit()]
    assert found == b"".join(lines[:3]).splitlines()
    file.close()


@pytest.mark.parametrize("written", [b"second\n", b"sec"])
def test_an_exception_after_a_write_leaves_no_stale_size(tmp_path: Path, written: bytes) -> None:
    """Ctrl-C between the write and the count of its bytes, which a signal's handler can hit anywhere."""
    path = tmp_path / "a"
    file = AppendFile(str(path))
    file.write(b"first\n")
    file._is_writing = True
    file._file.write(written)
    assert file.size == 6
    file.write(b"third\n")
    assert [line for line in path.read_bytes().split(b"\n") if line] == [b"first", written.strip(), b"third"]
    assert file.size == path.stat().st_size
    file.close()


def test_an_exception_while_an_incomplete_write_is_removed_damages_no_line(tmp_path: Path) -> None:
    def interrupt(size: int) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "a"
    file = AppendFile(str(path))
    broken: Any = BrokenFile(file._file)
    broken.error, broken.taken, broken.truncate = OSError(errno.EIO, "x"), 3, interrupt
    file._file = broken
    with pytest.raises(KeyboardInterrupt):
        file.write(b"first\n")
    file.write(b"second\n")
    assert path.read_bytes() == b"fir\nsecond\n"
    assert file.size == path.stat().st_size
    file.close()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    path = tmp_path / "a"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    file = AppendFile(str(path))
    assert file.size == 0
    file.write(b"first\n")
    assert os.read(reader, 100) == b"first\n"
    file.close()
    os.close(reader)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("can_truncate", [True, False])
@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt(), MemoryError()])
def test_what_is_recorded_after_an_exception_is_readable(
    tmp_path: Path, ending: str, can_truncate: bool, error: BaseException
) -> None:
    clock, path = Clock(), tmp_path / f"a{ending}"
    with Recorder(path, clock=clock, buffer_bytes=0) as recorder:
        recorder.sent(numbered(0))
        broken = BrokenFile(recorder._file._file)
        recorder._file._file = broken  # type: ignore[assignment]
        broken.error, broken.taken, broken.can_truncate = error, 20, can_truncate
        with pytest.raises(RecordingError if isinstance(error, OSError) else type(error)):
            recorder.sent(numbered(1))
        assert (recorder.frames, recorder.lost) == (1, 1)
        clock.now += 2
        recorder.sent(numbered(2))
        recorder.sent(numbered(3))
        assert (recorder.frames, recorder.lost) == (3, 1)
    found = [each for each in read_log(log_files(path)) if isinstance(each, Entry)]
    assert [each.frame for each in found] == [numbered(0), numbered(2), numbered(3)]
    assert len(log_files(path)) == (1 if can_truncate or ending == ".jsonl" else 2)


@pytest.mark.parametrize("fails", ["os.rename", "realtime.recording.recorder.open"])
def test_a_torn_compressed_file_that_cannot_be_replaced_takes_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    clock, path = Clock(), tmp_path / "a.jsonl.gz"
    with Recorder(path, clock=clock, buffer_bytes=0) as recorder:
        recorder.sent(numbered(0))
        broken = BrokenFile(recorder._file._file)
        recorder._file._file = broken  # type: ignore[assignment]
        broken.error, broken.taken, broken.can_truncate = OSError(errno.ENOSPC, "full"), 20, False
        with pytest.raises(RecordingError):
            recorder.sent(numbered(1))
        monkeypatch.setattr(fails, refuse, raising=False)
        clock.now += 2
        recorder.sent(numbered(2))
        monkeypatch.undo()
        clock.now += 2
        recorder.sent(numbered(3))
        assert (recorder.frames, recorder.lost) == (2, 2)
    assert [e.frame for e in read_log(log_files(path)) if isinstance(e, Entry)] == [numbered(0), numbered(3)]


@pytest.mark.parametrize("sync", [True, False])
def test_frames_count_as_recorded_or_as_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sync: bool
) -> None:
    with Recorder(tmp_path / "a.jsonl", fsync_ms=0, buffer_bytes=10**6) as recorder:
        recorder.sent(numbered(0))
        recorder.sent(numbered(1))
        monkeypatch.setattr(os, "fsync", refuse)
        if not sync:
            monkeypatch.setattr(recorder, "_pack", refuse)
        with pytest.raises(RecordingError, match="Too many open files"):
            recorder.flush()
        assert (recorder.frames, recorder.lost) == ((2, 0) if sync else (0, 2))
        monkeypatch.undo()


def test_frames_lost_by_several_exceptions_are_added_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(data: bytes) -> bytes:
        raise KeyboardInterrupt

    with Recorder(tmp_path / "a.jsonl") as recorder:
        monkeypatch.setattr(recorder, "_pack", interrupt)
        for lost in (1, 2):
            with pytest.raises(KeyboardInterrupt):
                recorder.sent(b"{}")
            assert (recorder.frames, recorder.lost) == (0, lost)
        monkeypatch.undo()


def test_an_incomplete_write_that_cannot_be_removed_is_reported_by_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, path = Clock(), tmp_path / "a.jsonl.gz"
    recorder = Recorder(path, clock=clock)
    broken = BrokenFile(recorder._file._file)
    recorder._file._file = broken  # type: ignore[assignment]
    broken.error, broken.taken, broken.can_truncate = OSError(errno.ENOSPC, "full"), 20, False
    recorder.sent(b"{}")
    with pytest.raises(RecordingError):
        recorder.flush()
    clock.now += 2
    recorder.sent(b"{}")
    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(RecordingError) as caught:
        recorder.close()
    assert (caught.value.errno, caught.value.filename) == (errno.EIO, str(path))
    assert caught.value.strerror == "an incomplete write could not be removed"
    assert recorder.lost == 2


def test_a_part_that_cannot_be_named_loses_no_frame(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(path, max_bytes=200) as recorder:
        for broken in ("listdir", "rename"):
            monkeypatch.setattr(os, broken, refuse)
            for n in range(10):
                recorder.sent(numbered(n))
            monkeypatch.undo()
        assert recorder.lost == 0
    assert frames_of(path) == [numbered(n) for n in range(10)] * 2


def test_a_log_goes_on_in_the_part_if_no_file_can_be_begun_or_renamed_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename_once(old: str, new: str) -> None:
        monkeypatch.setattr(os, "rename", refuse)
        rename(old, new)

    rename, path = os.rename, tmp_path / "a.jsonl"
    with Recorder(path, max_bytes=200) as recorder:
        monkeypatch.setattr("realtime.recording.recorder.open", refuse, raising=False)
        monkeypatch.setattr(os, "rename", rename_once)
        for n in range(9):
            recorder.sent(numbered(n))
    assert os.listdir(tmp_path) == ["a.000001.jsonl"]
    assert frames_of(path) == [numbered(n) for n in range(9)]
    assert recorder.lost == 0


def test_metadata_is_that_of_the_beginning(tmp_path: Path) -> None:
    """Metadata that is changed later, and is no JSON any more, does not end a rotation."""
    path, names = tmp_path / "a.jsonl", ["a"]
    with Recorder(path, max_bytes=300, metadata={"names": names}) as recorder:
        names.append(object())  # type: ignore[arg-type]
        for n in range(9):
            recorder.sent(numbered(n))
    assert len(log_files(path)) > 1
    assert {tuple(read_metadata(name)["names"]) for name in log_files(path)} == {("a",)}


METADATA = {
    "api_key": "s3cret", "call": "c1", "http": {"Set-Cookie": "s3cret"}, "tokens": 5,
    "headers": [{"name": "Authorization", "value": "s3cret"}], "url": "wss://me:s3cret@host/?token=s3cret",
}  # fmt: skip


def test_credentials_in_metadata_are_redacted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(path, metadata=METADATA):
        pass
    assert b"s3cret" not in path.read_bytes()
    found = read_metadata(path)
    assert (found["call"], found["tokens"], found["recording"]) == ("c1", 5, 1)
    with Recorder(path, mode="w", metadata=METADATA, redact=False):
        pass
    assert read_metadata(path)["http"] == {"Set-Cookie": "s3cret"}


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst"])
def test_a_crash_costs_a_compressed_log_at_most_what_is_buffered(tmp_path: Path, ending: str) -> None:
    path, clock = tmp_path / f"a{ending}", Clock()
    frame = b'{"type":"x","pad":"%b"}' % (b"y" * 1000)
    with Recorder(path, clock=clock) as recorder:
        for n in range(1, 1200):
            recorder.sent(frame)
            missing = n - recorder.frames
            assert missing * len(frame) < 256 * 1024
        assert recorder.frames == len(frames_of(path)) > 900
        clock.now += 1.1
        recorder.sent(frame)
        assert recorder.frames == len(frames_of(path)) == 1200
