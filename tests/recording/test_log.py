"""Reading a log: whatever is in the file, complete lines are read and each broken one is reported."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from realtime.errors import ConfigError
from realtime.recording import BrokenLine, Entry, Recorder, log_files, read_log, read_metadata
from realtime.recording.log import ensure_not_input, find_parts, next_part, parse_line, split_part
from tests.work import count_lines

OURS = b'{"direction":"server","time_ms":12.500,"frame":{"type":"x"}}'


def write(path: Path, data: bytes) -> Path:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "wb") as file:
        file.write(data)
    return path


def read(path: Path, **options: Any) -> list[Entry | BrokenLine]:
    return list(read_log(path, **options))


@pytest.mark.parametrize(
    ("line", "frame"),
    [
        (OURS, b'{"type":"x"}'),
        (b'{"direction": "server", "time_ms": 12.5, "frame": {"type": "x"}}', b'{"type": "x"}'),
        (b'{"frame":{"type":"x"},"time_ms":12.5,"direction":"server"}', b'{"type":"x"}'),
        (b' {"direction":"server","time_ms":12.5,"frame" : {"a":[1,{}]} , "more":{}}\r', b'{"a":[1,{}]}'),
        (b'{"direction":"server","time_ms":12.5,"frame":"{\\"a"}', b'{"a'),
        (b'{"direction":"server","time_ms":12.5,"frame":null}', b"null"),
        (b'{"direction":"server","time_ms":12.5,"frame":"?","frame_base64":"/wA="}', b"\xff\0"),
    ],
)
@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_in_any_layout(tmp_path: Path, line: bytes, frame: bytes, end: bytes) -> None:
    path = write(tmp_path / "a.jsonl", b"\n" + line + end)
    assert read(path) == [Entry("server", 12.5, frame, 2)]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"direction":"up","time_ms":1,"frame":{}}', "up"),
        (b'{"direction":"client","time_ms":-1,"frame":{}}', "time_ms"),
        (b'{"direction":"client","time_ms":nan,"frame":{}}', "malformed"),
        (b'{"direction":"client","time_ms":1e999,"frame":{}}', "time_ms"),
        (b'{"direction":"client","time_ms":1,"frame":{"a":}', "malformed"),
        (b'{"direction":"client","time_ms":1}', "frame"),
        (b'{"direction":"client","time_ms":1,"frame":"?","frame_base64":"?"}', "base64"),
        (b"[1]", "object"),
        (b"\xff\xfe", "malformed"),
        (b"[" * 100_000, "deeper"),
    ],
)
def test_a_broken_line_does_not_affect_others(tmp_path: Path, line: bytes, reason: str) -> None:
    path = write(tmp_path / "a.jsonl", OURS + b"\n" + line + b"\n" + OURS + b"\n")
    first, broken, last = read(path)
    assert (first, last) == (
        Entry("server", 12.5, b'{"type":"x"}', 1),
        Entry("server", 12.5, b'{"type":"x"}', 3),
    )
    assert isinstance(broken, BrokenLine)
    assert broken.line == 2
    assert reason in broken.reason
    assert len(broken.snippet) <= 80


def test_metadata_is_skipped_and_read_separately(tmp_path: Path) -> None:
    first = b'\xef\xbb\xbf{"recording":1,"started_at":1.5,"call":"c"}\n'
    path = write(tmp_path / "a.jsonl", first + OURS + b'\n{"recording":1,"lost":2}\n' + OURS + b"\n")
    assert [entry.line for entry in read(path)] == [2, 4]
    assert read_metadata(path) == {"recording": 1, "started_at": 1.5, "call": "c"}
    for data in (b"", b"x\n", OURS, b"[" * 5000, b"[1]"):
        assert read_metadata(write(path, data)) == {}


@pytest.mark.parametrize("limit", [70, 100, 1000])
@pytest.mark.parametrize("size", [1, 71, 99, 5000])
def test_a_line_that_is_too_long_is_skipped(tmp_path: Path, limit: int, size: int) -> None:
    long = b"x" * size
    path = write(tmp_path / "a.jsonl", OURS + b"\n" + long + b"\n" + OURS + b"\n" + long)
    found = read(path, max_line_bytes=limit)
    assert [each.line for each in found] == [1, 2, 3, 4]
    assert [isinstance(each, BrokenLine) for each in found] == [False, True, False, True]
    assert all((f"{limit} bytes" in found[at].reason) == (size > limit) for at in (1, 3))


def test_files_are_read_one_after_another(tmp_path: Path) -> None:
    paths = [write(tmp_path / name, OURS + b"\n" + OURS + b"\n") for name in ("b.jsonl", "a.jsonl.gz")]
    assert [entry.line for entry in read_log(paths)] == [1, 2, 1, 2]
    with pytest.raises(FileNotFoundError):
        list(read_log(tmp_path / "none.jsonl"))


# --- Torn files ----------------------------------------------------------------------

LINES = [b'{"direction":"client","time_ms":%d,"frame":{"n":"%b"}}' % (n, b"y" * n * 9) for n in range(6)]
WHOLE = b"".join(line + b"\n" for line in LINES)
LONG = b"".join(
    b'{"direction":"client","time_ms":%d,"frame":{"n":"%b"}}\n' % (n, os.urandom(999).hex().encode())
    for n in range(200)
)


def test_a_log_truncated_anywhere(tmp_path: Path) -> None:
    ends = [sum(len(line) + 1 for line in LINES[: n + 1]) - 1 for n in range(6)]
    for at in range(len(WHOLE) + 1):
        found = read(write(tmp_path / "a.jsonl", WHOLE[:at]))
        entries = [each for each in found if isinstance(each, Entry)]
        complete = sum(end <= at for end in ends)
        assert [entry.frame for entry in entries] == [json_frame(line) for line in LINES[:complete]]
        assert len(found) - complete == (at not in {0, *ends, *(end + 1 for end in ends)})
        assert found[:complete] == entries


def json_frame(line: bytes) -> bytes:
    return json.dumps(json.loads(line)["frame"], separators=(",", ":")).encode()


@pytest.mark.slow
@settings(max_examples=60)
@given(st.data())
def test_a_compressed_log_truncated_anywhere(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("torn") / "a.jsonl.gz"
    packed = gzip.compress(LONG[:100_000]) + gzip.compress(LONG[100_000:])
    path.write_bytes(packed[: data.draw(st.integers(0, len(packed)))])
    found = read(path)
    assert all(isinstance(each, Entry) for each in found[:-1])
    assert [each.line for each in found] == [*range(1, len(found) + 1)]
    if 0 < path.stat().st_size < len(packed) and found:
        assert isinstance(found[-1], (BrokenLine, Entry))


def test_most_of_a_torn_gzip_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(LONG)[:-100])
    found = read(path)
    assert len(found) > 195
    assert isinstance(found[-1], BrokenLine)
    assert "ends in the middle" in found[-1].reason
    packed = bytearray(gzip.compress(LONG))
    packed[len(packed) // 2] ^= 255
    path.write_bytes(packed)
    assert isinstance(read(path)[-1], BrokenLine)
    assert len(read(path)) > 50


@given(st.binary(max_size=300))
def test_any_bytes_are_read_without_an_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    folder = tmp_path_factory.mktemp("any")
    for name in ("a.jsonl", "a.jsonl.gz"):
        (folder / name).write_bytes(data)
        for each in read_log(folder / name):
            assert isinstance(each, (Entry, BrokenLine))


@given(st.binary(max_size=60), st.floats(0, 1e9))
def test_the_fast_path_gives_what_full_parsing_gives(
    tmp_path_factory: pytest.TempPathFactory, text: bytes, time_ms: float
) -> None:
    path = tmp_path_factory.mktemp("both") / "a.jsonl"
    with Recorder(path) as recorder:
        recorder.sent(b'{"type":"x","y":"' + text.hex().encode() + b'"}')
    _, line = path.read_bytes().splitlines()
    assert read(path) == [parse_line(line, 2)]


# --- Files ---------------------------------------------------------------------------

NAMES = [
    "call.jsonl", "call", ".jsonl", "call.", "a.b.jsonl.gz", "call.jsonl.zst", "call.gz", "2026.01.02.jsonl",
    "call.00001.jsonl", "call.ndjson",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_the_parts_of_a_log_are_found_by_its_name(tmp_path: Path, name: str) -> None:
    path = str(tmp_path / name)
    parts: list[str] = []
    for n in range(1, 4):
        parts.append(next_part(path))
        Path(parts[-1]).touch()
        assert split_part(Path(parts[-1]).name) == (name, f"{n:06}")
    assert log_files(path) == parts
    Path(path).touch()
    (tmp_path / f"other{name}").touch()
    assert log_files(path) == [*parts, path]
    assert find_parts(str(tmp_path)) == {name: [(n, Path(part).name) for n, part in enumerate(parts, 1)]}


@pytest.mark.parametrize("name", [*NAMES, "", "call.000001x.jsonl", "000001.jsonl", "call.12345"])
def test_other_names_are_not_parts(name: str) -> None:
    assert split_part(name) is None


def test_numbers_of_parts_may_grow_beyond_six_digits(tmp_path: Path) -> None:
    for number in ("999999", "1000000", "000002"):
        (tmp_path / f"call.{number}.jsonl").touch()
    path = str(tmp_path / "call.jsonl")
    assert [Path(name).name for name in log_files(path)] == [
        "call.000002.jsonl", "call.999999.jsonl", "call.1000000.jsonl",
    ]  # fmt: skip
    assert next_part(path) == str(tmp_path / "call.1000001.jsonl")
    assert log_files(tmp_path / "no" / "call.jsonl") == []


@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_an_output_must_not_be_an_input(tmp_path: Path) -> None:
    path, link = write(tmp_path / "a.jsonl", OURS), tmp_path / "link"
    link.symlink_to(path)
    for out in (path, link, str(link)):
        with pytest.raises(ConfigError, match="choose another output file"):
            ensure_not_input([tmp_path / "none", path], out)
    ensure_not_input([path], tmp_path / "none")


# --- Times and sizes -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("0", 0.0), ("12.500", 12.5), ("5e3", 5000.0), ("1e15", 1e15), ("1000000000000000.000", 1e15),
        ("1.2.3", None), ("1e16", None), ("1e308", None), ("1" * 400, None), ("1" * 5000, None), ("NaN", None),
        ("Infinity", None), ("-1", None), ("1_000", None), ("5.", None), (".5", None), ("+5", None), ("", None),
        ("1e15.5", None), ("1000000000000000.125", None),
    ],
)  # fmt: skip
def test_a_time_is_a_json_number_of_limited_size(tmp_path: Path, text: str, time_ms: float | None) -> None:
    """In the layout of a recorder, which is read without parsing, as in any other."""
    for layout in (
        '{"direction":"server","time_ms":%s,"frame":{"type":"x"}}', '{"time_ms":%s,"direction":"server","frame":{}}'
    ):  # fmt: skip
        line = (layout % text).encode()
        [found] = read(write(tmp_path / "a.jsonl", line + b"\n"))
        assert (found.time_ms if isinstance(found, Entry) else None) == time_ms
        assert isinstance(found, Entry) or "\n" not in found.reason


LINES_OF: dict[str, Callable[[int], bytes]] = {
    "one line": lambda n: b"x" * (n * 5000),
    "one line of a log": lambda n: OURS[:-2] + b"y" * (n * 5000) + b"}}\n",
    "one line of brackets": lambda n: b"[" * (n * 5000),
    "line ends": lambda n: b"\n" * (n * 50),
    "entries": lambda n: (OURS + b"\n") * (n * 5),
    "broken lines": lambda n: (OURS[:-2] + b"\n") * (n * 5),
    "lines without a frame": lambda n: b'{"direction":"client","time_ms":1}\n' * (n * 5),
    "lines that begin like a recorder's": lambda n: (OURS[:30] + b"\n") * (n * 5),
}


@pytest.mark.mostly_slow(quick=3)
@pytest.mark.parametrize("content", LINES_OF.values(), ids=LINES_OF)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_work_of_reading_grows_with_the_file_and_not_faster(
    tmp_path: Path, suffix: str, content: Callable[[int], bytes]
) -> None:
    def work(n: int) -> int:
        path = write(tmp_path / f"a.jsonl{suffix}", content(n))
        return count_lines(lambda: deque(read_log(path), 0))

    few, many, most = (work(n) for n in (10, 100, 1000))
    assert many <= 12 * few
    assert most <= 12 * many


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_memory_is_that_of_one_line(tmp_path: Path, suffix: str) -> None:
    def peak(content: bytes) -> int:
        path = write(tmp_path / f"a.jsonl{suffix}", content)
        del content
        tracemalloc.start()
        try:
            deque(read_log(path, max_line_bytes=1 << 20), 0)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    long = OURS[:-2] + os.urandom(1 << 18).hex().encode() + b"}}\n"
    one, many = peak(long), peak(long * 40)
    assert many <= one + (2 << 20)
    assert peak(long[:-1] * 40) <= one + (2 << 20)  # longer than a line may be, so not stored


@pytest.mark.parametrize("name", ["a\x1b[31m.jsonl", "a\u009b.jsonl", "a\nb.jsonl", "a\u202eb.jsonl"])
def test_errors_do_not_contain_the_control_characters_of_a_name(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, b"hello\n")
    for act in (
        lambda: Recorder(path), lambda: Recorder(path, mode="x"), lambda: ensure_not_input([path], path),
        lambda: read(tmp_path / "none" / name), lambda: Recorder(tmp_path / "none" / name),
    ):  # fmt: skip
        with pytest.raises((ConfigError, OSError)) as caught:
            act()
        assert str(caught.value).isprintable()
