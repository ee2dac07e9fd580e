"""Repair of logs: only an incomplete last line is removed, and a file that is not a log is refused."""

from __future__ import annotations

import gzip
import io
import os
import random
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given, settings, strategies as st

from realtime.errors import ConfigError
from realtime.recording import BrokenLine, Entry, Recorder, read_log
from realtime.recording._compression import BLOCK_BYTES
from realtime.recording.repair import repair_log
from tests.work import count_lines

HEAD = b'{"recording":1,"started_at":1000.0,"library":"0.1.0"}\n'
LINE = b'{"direction":"client","time_ms":12.500,"frame":{"type":"x"}}'
OTHER = b'{"direction":"server","time_ms":20.000,"frame":{"type":"y"}}'
NOISE = random.Random(1).randbytes(70_000).hex().encode()
PACK: dict[str, Callable[[bytes], bytes]] = {
    ".jsonl": bytes,
    ".jsonl.gz": gzip.compress,
    ".jsonl.zst": zstandard.ZstdCompressor().compress,
}
UNPACK: dict[str, Callable[[bytes], bytes]] = {
    ".jsonl": bytes,
    ".jsonl.gz": gzip.decompress,
    ".jsonl.zst": lambda data: (
        zstandard.ZstdDecompressor().stream_reader(data, read_across_frames=True).read()
    ),
}
EVERY_ENDING = pytest.mark.parametrize("ending", PACK)


def unpacked(path: Path) -> bytes:
    """Return the bytes of a file, decompressed."""
    data = path.read_bytes()
    return UNPACK["".join(path.suffixes)](data) if data else b""


LOGS = {
    "empty": (b"", b""),
    "blank": (b"\n\n", b"\n\n"),
    "metadata": (HEAD, HEAD),
    "metadata without a line end": (HEAD[:-1], HEAD),
    "torn metadata": (HEAD[:-5], b""),
    "the first bytes": (b'{"rec', b""),
    "the first byte": (b"{", b""),
    "torn metadata after a line": (LINE + b"\n" + HEAD[:-9], LINE + b"\n"),
    "a line": (HEAD + LINE + b"\n", HEAD + LINE + b"\n"),
    "a line without a line end": (HEAD + LINE, HEAD + LINE + b"\n"),
    "a first line without a line end": (LINE, LINE + b"\n"),
    "a torn first line": (LINE[:-1], b""),
    "a torn line": (HEAD + LINE + b"\n" + OTHER[:-20], HEAD + LINE + b"\n"),
    "a long torn line": (HEAD + LINE + b"\n" + OTHER[:-13] + NOISE * 2, HEAD + LINE + b"\n"),
    "one letter of a line": (HEAD + b"{", HEAD),
    "a torn line with spaces": (b'{ "direction" : "client", "time_ms": 1, "fra', b""),
    "zeros after a line": (HEAD + LINE + b"\n" + bytes(900), HEAD + LINE + b"\n"),
    "zeros after a line without a line end": (HEAD + LINE + bytes(900), HEAD + LINE + b"\n"),
    "zeros after a torn line": (HEAD + LINE[:-9] + bytes(900), HEAD),
    "a complete line that is not an entry": (HEAD + b'{"direction":"up"}', HEAD + b'{"direction":"up"}\n'),
    "metadata of another program": (
        b'{"call":7}\n' + LINE + b"\n" + OTHER[:9],
        b'{"call":7}\n' + LINE + b"\n",
    ),
    "a note at the end": (HEAD + LINE + b"\nmy note", HEAD + LINE + b"\nmy note\n"),
    "a long note at the end": (HEAD + LINE + b"\n" + NOISE * 5, HEAD + LINE + b"\n" + NOISE * 5 + b"\n"),
    "a list at the end": (HEAD + b"[1,2", HEAD + b"[1,2\n"),
    "a frame that is nested too deeply": (
        HEAD + LINE[:-13] + b"[" * 9999 + b"]" * 9999 + b"}",
        HEAD + LINE[:-13] + b"[" * 9999 + b"]" * 9999 + b"}\n",
    ),
    "a byte order mark": (b"\xef\xbb\xbf" + LINE + b"\n", b"\xef\xbb\xbf" + LINE + b"\n"),
    "a byte order mark before metadata": (b"\xef\xbb\xbf" + HEAD, b"\xef\xbb\xbf" + HEAD),
    "one line end": (b"\n", b"\n"),
    "a note that ends with a capital": (HEAD + LINE + b"\nX", HEAD + LINE + b"\nX\n"),
    "a damaged first line": (b'{"recording":1,\x00}\n' + LINE, b'{"recording":1,\x00}\n' + LINE + b"\n"),
}


@EVERY_ENDING
@pytest.mark.parametrize(("before", "after"), LOGS.values(), ids=LOGS)
def test_a_repaired_log_ends_with_a_complete_line(
    tmp_path: Path, ending: str, before: bytes, after: bytes
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(PACK[ending](before))
    time_ms = repair_log(str(path))
    assert unpacked(path) == after
    assert time_ms == (12.5 if b"12.500" in after else 0)
    assert os.listdir(tmp_path) == [path.name]
    with Recorder(path, buffer_bytes=0) as recorder:
        recorder.sent(b"{}")
    assert unpacked(path).startswith(after)
    assert isinstance([*read_log(path)][-1], Entry)


NOT_LOGS = [
    b"hello",
    b"hello\n",
    b"bacon\neggs without newline",
    b"\nbacon",
    b'{"a":1}',
    b'{"a":1}\n{"a":2}',
    b'{"recording":"of a song"}',
    b'{"direction":"up","time_ms":1}\n',
    b"[" * 5000,
    b"\x00" * 100,
    b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    bytes(70) + b"far behind\n" + LINE,
]


@EVERY_ENDING
@pytest.mark.parametrize("content", NOT_LOGS)
def test_a_file_that_is_not_a_log_is_refused_and_left_unchanged(
    tmp_path: Path, ending: str, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"notes{ending}"
    path.write_bytes(PACK[ending](content))
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.chdir(tmp_path)
        with pytest.raises(
            ConfigError, match=f"^'{path.name}' is not a log of calls, so nothing is appended"
        ):
            Recorder(path.name)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
    with Recorder(path, mode="w") as recorder:
        recorder.sent(b"{}")
    assert [type(each) for each in read_log(path)] == [Entry]


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("content", [b"hello", HEAD + LINE, b"\x1f", b"\x28\xb5", bytes(50)])
def test_a_file_that_is_not_compressed_as_its_suffix_states_is_refused(
    tmp_path: Path, ending: str, content: bytes
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content)
    if content and PACK[ending](b"").startswith(content):  # the beginning of a first write
        assert repair_log(str(path)) == 0
        assert path.read_bytes() == b""
    else:
        with pytest.raises(ConfigError, match="is not a log of calls"):
            repair_log(str(path))
        assert path.read_bytes() == content


@given(st.binary(max_size=200))
def test_text_in_a_log_loses_no_byte(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("any") / "a.jsonl"
    path.write_bytes(HEAD + LINE + b"\n" + content)
    repair_log(str(path))
    found = path.read_bytes()
    tail = content[content.rfind(b"\n") + 1 :].rstrip(b"\0")
    if tail and not tail.startswith(b"{"):
        assert found == HEAD + LINE + b"\n" + content.rstrip(b"\0") + b"\n"
    assert found.startswith(HEAD + LINE + b"\n" + content[: content.rfind(b"\n") + 1])


@pytest.mark.mostly_slow(quick=1)
@settings(max_examples=60)
@given(
    st.lists(st.sampled_from([1, 500, 70_000]), min_size=1, max_size=4),
    st.sampled_from([0, 1 << 20]),
    st.floats(0, 1),
)
@EVERY_ENDING
def test_a_log_truncated_anywhere_is_continued(
    tmp_path_factory: pytest.TempPathFactory, ending: str, sizes: list[int], buffer_bytes: int, part: float
) -> None:
    """All complete lines remain and the added ones are read back, with either zstd module."""
    path = tmp_path_factory.mktemp("torn") / f"a{ending}"
    frames = [b'{"n":"%b"}' % NOISE[: 2 * size] for size in sizes]
    with Recorder(path, buffer_bytes=buffer_bytes, header=False, clock=lambda: 1.0) as recorder:
        for frame in frames:
            recorder.sent(frame)
    written = path.read_bytes()
    path.write_bytes(written[: round(len(written) * part)])
    before = [each.frame for each in read_log(path) if isinstance(each, Entry)]
    assert before == frames[: len(before)]
    with Recorder(path, header=False) as recorder:
        recorder.sent(b"{}")
    assert [getattr(each, "frame", None) for each in read_log(path)] == [*before, b"{}"]


@pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst"])
def test_a_torn_end_is_reported_and_a_damaged_file_is_retained(tmp_path: Path, ending: str) -> None:
    path, pack = tmp_path / f"a{ending}", PACK[ending]
    noise = b'{"direction":"client","time_ms":1.0,"frame":"%b"}\n' % NOISE[:6000]
    path.write_bytes(pack(HEAD + LINE + b"\n") + pack(noise)[:-9])
    found = [*read_log(path)]
    assert [each.frame for each in found if isinstance(each, Entry)][:1] == [b'{"type":"x"}']
    assert [each.reason.endswith("ends in the middle") for each in found if isinstance(each, BrokenLine)] == [
        True
    ]
    for n in ("", "1"):
        damaged = pack(HEAD + LINE + b"\n") + b"\xff" * 40 + pack(HEAD + OTHER + b"\n")
        path.write_bytes(damaged)
        repair_log(str(path))
        assert unpacked(path) in (
            HEAD + LINE + b"\n",
            b"",
        )  # zstandard returns nothing of the data that it reads together with the damage
        assert Path(f"{path}.damaged{n}").read_bytes() == damaged


def test_gzip_with_several_members_and_padding(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzip.compress(HEAD) + gzip.compress(LINE + b"\n") + bytes(512))
    assert repair_log(str(path)) == 12.5
    assert zlib.decompress(path.read_bytes(), 31) == HEAD


# --- What a repair costs and leaves ------------------------------------------------------

COMPRESSED = pytest.mark.parametrize("ending", [".jsonl.gz", ".jsonl.zst"])
INCOMPLETE = b'{"direction":"client","time_ms":1.0,"frame":"%b"}\n' % NOISE[:90_000]


def torn(ending: str) -> bytes:
    """A compressed log of which the second write is torn within its last line."""
    pack = PACK[ending]
    second = (LINE + b"\n") * 9000 + INCOMPLETE * 4
    return pack(HEAD + OTHER + b"\n") + pack(second)[:-9]


def damaged(ending: str) -> bytes:
    return PACK[ending](HEAD + LINE + b"\n") + b"\xff" * 40 + PACK[ending](OTHER + b"\n")


@EVERY_ENDING
@pytest.mark.parametrize("size", [1, 5])
@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_complete_log_is_only_read(
    tmp_path: Path, ending: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(PACK[ending](HEAD + LINE + b"\n") * size)
    path.chmod(0o640)
    os.utime(path, (1000, 1000))
    before = path.stat()
    monkeypatch.setattr("realtime.recording.repair.replacing", None)
    assert repair_log(str(path)) == 12.5
    after = path.stat()
    assert (after.st_ino, after.st_mtime, after.st_mode) == (before.st_ino, 1000, before.st_mode)


@COMPRESSED
@pytest.mark.parametrize("content", [torn, damaged])
@pytest.mark.parametrize("mode", [0o600, 0o664])
@pytest.mark.skipif(os.name != "posix", reason="modes of files, and links")
def test_a_repaired_file_has_its_mode_and_follows_no_planted_link(
    tmp_path: Path, ending: str, content: Callable[[str], bytes], mode: int
) -> None:
    path, victim = tmp_path / f"a{ending}", tmp_path / "victim"
    path.write_bytes(content(ending))
    path.chmod(mode)
    victim.write_bytes(b"precious")
    planted = [Path(f"{path}.{word}") for word in ("mending", "repairing", "tmp", "damaged", "damaged1")]
    for name in planted:
        name.symlink_to(victim)
    Path(f"{path}.damaged2").symlink_to(tmp_path / "none")
    repair_log(str(path))
    assert path.stat().st_mode & 0o777 == mode
    assert victim.read_bytes() == b"precious"
    assert all(name.is_symlink() for name in planted)
    assert not (tmp_path / "none").exists()
    left = {*os.listdir(tmp_path)} - {
        path.name,
        "victim",
        f"{path.name}.damaged2",
        *(p.name for p in planted),
    }
    assert left == ({f"{path.name}.damaged3"} if content is damaged else set())
    assert all(isinstance(each, Entry) for each in read_log(path))


@COMPRESSED
def test_a_torn_write_loses_only_its_last_line_if_the_rest_can_be_decompressed(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(torn(ending))
    before = [each for each in read_log(path) if isinstance(each, Entry)]
    assert len(before) > 1
    assert repair_log(str(path)) == before[-1].time_ms
    assert [*read_log(path)] == before


@COMPRESSED
def test_what_has_no_line_is_cut_off_in_place(tmp_path: Path, ending: str) -> None:
    path, pack = tmp_path / f"a{ending}", PACK[ending]
    complete = pack(HEAD + LINE + b"\n")
    for rest in (pack(OTHER[:-1])[:-1], pack(OTHER + b"\n")[:5], bytes(9000), b"\0"):
        path.write_bytes(complete + rest)
        inode = path.stat().st_ino
        assert repair_log(str(path)) == 12.5
        assert path.read_bytes() == complete
        assert path.stat().st_ino == inode


@COMPRESSED
@pytest.mark.parametrize("nbytes", [1, 512, 4095, 4096, 9000])
def test_zeros_between_members_are_skipped(tmp_path: Path, ending: str, nbytes: int) -> None:
    path, pack = tmp_path / f"a{ending}", PACK[ending]
    path.write_bytes(pack(HEAD + LINE + b"\n") + bytes(nbytes) + pack(OTHER + b"\n") + bytes(nbytes))
    assert [each.frame for each in read_log(path) if isinstance(each, Entry)] == [
        b'{"type":"x"}',
        b'{"type":"y"}',
    ]
    assert not [each for each in read_log(path) if isinstance(each, BrokenLine)]
    assert repair_log(str(path)) == 20.0
    path.write_bytes(pack(HEAD + LINE + b"\n") + bytes(nbytes) + pack(OTHER + b"\n" + LINE)[:-1])
    repair_log(str(path))
    assert all(isinstance(each, Entry) for each in read_log(path))


@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_a_log_that_is_a_link_is_repaired_where_it_is(tmp_path: Path) -> None:
    for ending in PACK:
        for content in (torn, damaged):
            target, link = tmp_path / "data" / f"{content.__name__}{ending}", tmp_path / f"a{ending}"
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(content(ending) if ending != ".jsonl" else HEAD + LINE + b"\n" + OTHER[:-9])
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            repair_log(str(link))
            assert link.is_symlink()
            assert all(isinstance(each, Entry) for each in read_log(link))
    assert all(name.is_symlink() for name in tmp_path.iterdir() if name.name != "data")


@COMPRESSED
@pytest.mark.parametrize("content", [torn, damaged])
@pytest.mark.parametrize("fails", ["fsync", "replace", "link and rename"])
def test_a_repair_that_cannot_finish_leaves_nothing_behind(
    tmp_path: Path, ending: str, content: Callable[[str], bytes], fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(content(ending))
    before = path.read_bytes()

    def refuse(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    for name in fails.split(" and "):
        monkeypatch.setattr(os, name, refuse)
    if content is torn and fails == "link and rename":
        repair_log(str(path))  # does neither
    else:
        with pytest.raises(OSError, match="No space left"):
            repair_log(str(path))
        assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [path.name]
    monkeypatch.undo()
    repair_log(str(path))
    assert all(isinstance(each, Entry) for each in read_log(path))


@COMPRESSED
@pytest.mark.parametrize("fails", ["", "replace"])
def test_a_damaged_file_is_retained_where_there_are_no_hard_links(
    tmp_path: Path, ending: str, fails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(damaged(ending))

    def refuse(*arguments: object) -> None:
        raise OSError(95, "not supported")

    monkeypatch.setattr(os, "link", refuse)
    if fails:
        monkeypatch.setattr(os, fails, refuse)
        with pytest.raises(OSError, match="not supported"):
            repair_log(str(path))
        assert path.read_bytes() == damaged(ending)
        assert os.listdir(tmp_path) == [path.name]
    else:
        repair_log(str(path))
        assert Path(f"{path}.damaged").read_bytes() == damaged(ending)
        assert all(isinstance(each, Entry) for each in read_log(path))


@EVERY_ENDING
def test_lines_that_are_too_long_are_passed_over_without_being_stored(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line that the reader reports as broken is not a reason to lose text or to take its memory."""
    monkeypatch.setattr("realtime.recording.repair.MAX_LINE_BYTES", 100_000)
    path = tmp_path / f"a{ending}"
    long = b'{"direction":"server","time_ms":99.0,"frame":"%b' % NOISE[:138_000]
    for before, after in (
        (HEAD + LINE + b"\n" + long * 2, HEAD + LINE + b"\n" + long * 2 + b"\n"),
        (HEAD + LINE + b"\n" + long + b'"}\n' + OTHER[:-1], HEAD + LINE + b"\n" + long + b'"}\n'),
        (HEAD + LINE + b"\n" + long + bytes(100_000), HEAD + LINE + b"\n" + long + b"\n"),
    ):
        path.write_bytes(PACK[ending](before))
        assert repair_log(str(path)) == 12.5
        assert (unpacked(path) == after) or ending != ".jsonl"
        assert unpacked(path).rstrip(b"\0\n") == after.rstrip(b"\n")
        assert unpacked(path).endswith(b"\n")


@EVERY_ENDING
def test_a_line_that_is_too_long_takes_no_memory(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.recording.repair.MAX_LINE_BYTES", 100_000)
    path = tmp_path / f"a{ending}"
    long = random.Random(2).randbytes(2_000_000).hex().encode()
    path.write_bytes(PACK[ending](LINE + b"\n" + long + b"\n"))
    tracemalloc.start()
    assert repair_log(str(path)) == 12.5
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < len(long) // 2


@COMPRESSED
def test_the_text_of_a_line_that_is_too_long_is_copied(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("realtime.recording.repair.MAX_LINE_BYTES", 600_000)
    path, start = tmp_path / f"a{ending}", HEAD + LINE + b"\n" + OTHER[:-13]
    for content in (start + NOISE * 9, (start + NOISE * 8)[: 2 * BLOCK_BYTES] + OTHER[:-1]):
        path.write_bytes(PACK[ending](content))
        repair_log(str(path))
        assert unpacked(path) == content + b"\n"


@COMPRESSED
def test_lines_before_a_long_torn_one_remain(tmp_path: Path, ending: str) -> None:
    path, lines = tmp_path / f"a{ending}", (LINE + b"\n") * 3
    path.write_bytes(PACK[ending](lines + OTHER[:-13] + NOISE)[:-9])
    assert repair_log(str(path)) == 12.5
    assert unpacked(path) == lines


@COMPRESSED
@pytest.mark.parametrize("more", [-1, 0, 1])
def test_what_precedes_a_torn_write_is_copied_in_blocks(
    tmp_path: Path, ending: str, more: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, first = tmp_path / f"a{ending}", PACK[ending](HEAD + OTHER + b"\n")
    monkeypatch.setattr("realtime.recording.repair.BLOCK_BYTES", len(first) + more)
    path.write_bytes(torn(ending))
    repair_log(str(path))
    assert path.read_bytes().startswith(first)
    assert unpacked(path).startswith(HEAD + OTHER + b"\n" + LINE)


@COMPRESSED
def test_a_torn_first_write_is_removed_in_place(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(PACK[ending](HEAD)[:5])
    inode = path.stat().st_ino
    assert repair_log(str(path)) == 0
    assert (path.stat().st_size, path.stat().st_ino) == (0, inode)


# --- Times ------------------------------------------------------------------------------

# The text of a time -> its value, or None if it is not one.
TIMES = {
    "15": 15.0, "15.25": 15.25, "5e3": 5000.0, "5E+3": 5000.0, "0": 0.0, "-0.0": 0.0, "1e15": 1e15,
    "1.2.3": None, "1e": None, "-1": None, "-5e3": None, "1e16": None, "1e308": None, "1e999": None,
    "1" * 400: None, "1" * 5000: None, "NaN": None, "Infinity": None, "nan": None, "1_000": None, "": None,
    ".5": None, "5.": None, "+5": None, "0x10": None, " 15": 15.0, "15 ": 15.0, '"15"': None, "null": None,
    "1e-400": 0.0, "15.000000000000000000000000000001": 15.0,
}  # fmt: skip
LAYOUTS = {
    "as written": b'{"direction":"client","time_ms":%b,"frame":{"type":"t"}}',
    "with spaces": b'{ "direction" : "client" , "time_ms" : %b , "frame" : {"type":"t"} }',
    "time last": b'{"frame":{"type":"t"},"direction":"client","time_ms":%b}',
    "with other members": b'{"direction":"client","time_ms":%b,"frame":{"type":"t"},"x":1}',
}


@EVERY_ENDING
@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_time_of_the_last_readable_line_is_found(tmp_path: Path, ending: str, layout: str) -> None:
    path = tmp_path / f"a{ending}"
    for text, time_ms in TIMES.items():
        line = LAYOUTS[layout] % text.encode()
        path.write_bytes(PACK[ending](HEAD + LINE + b"\n" + line + b"\n"))
        assert repair_log(str(path)) == (12.5 if time_ms is None else time_ms)
        found = [*read_log(path)]
        assert [each.time_ms for each in found if isinstance(each, Entry)] == (
            [12.5] if time_ms is None else [12.5, time_ms]
        )
        clock = iter([0.0, 0.25, 0.5]).__next__
        with Recorder(path, clock=clock, wall_clock=lambda: 1000.0) as recorder:
            recorder.sent(b'{"type":"z"}')
        *_, last = read_log(path)
        assert isinstance(last, Entry)
        assert last.frame == b'{"type":"z"}'
        assert last.time_ms >= (12.5 if time_ms is None else time_ms)


@EVERY_ENDING
@pytest.mark.parametrize(
    ("text", "time_ms"), [("15", 15), ("5e3", 5000), ("5E+3", 5000), ("5e-1", 0.5), ("5.5", 5.5), ("0", 0)]
)
def test_the_time_of_a_broken_line_is_found(tmp_path: Path, ending: str, text: str, time_ms: float) -> None:
    path = tmp_path / f"a{ending}"
    broken = b'{"direction":"up","time_ms":%b,"frame":\n' % text.encode()
    path.write_bytes(PACK[ending](HEAD + LINE + b"\n" + broken))
    assert repair_log(str(path)) == time_ms


@EVERY_ENDING
@pytest.mark.parametrize("frame", [b'{"time_ms":7}', b'{"x":"%b"}' % NOISE[:900]])
def test_the_time_of_an_entry_may_follow_its_frame(tmp_path: Path, ending: str, frame: bytes) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(PACK[ending](HEAD + b'{"frame":%b,"direction":"client","time_ms":15.0}\n' % frame))
    assert repair_log(str(path)) == 15


@EVERY_ENDING
def test_the_longest_line_is_read(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, line, torn_line = tmp_path / f"a{ending}", LINE + b"\n", OTHER[:-1]
    assert len(OTHER) == len(LINE)
    for limit, time_ms, remains in (
        (len(OTHER), 20, b""),
        (len(torn_line), 0, b""),
        (len(torn_line) - 1, 0, torn_line),
    ):
        monkeypatch.setattr("realtime.recording.repair.MAX_LINE_BYTES", limit)
        path.write_bytes(PACK[ending](line + OTHER + b"\n"))
        assert repair_log(str(path)) == time_ms
        for before in (line, b""):
            path.write_bytes(PACK[ending](before + torn_line))
            repair_log(str(path))
            assert unpacked(path) == before + (remains and remains + b"\n")


@EVERY_ENDING
def test_a_line_far_before_others_without_a_time_is_found(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    path.write_bytes(PACK[ending](HEAD + LINE + b"\n" + b'{"recording":1,"lost":1}\n' * 9000 + NOISE + b"\n"))
    assert repair_log(str(path)) == 12.5


@pytest.mark.parametrize("before", [b"", HEAD + LINE + b"\n"])
def test_a_line_is_read_across_blocks(tmp_path: Path, before: bytes) -> None:
    path = tmp_path / "a.jsonl"
    for split in range(len(OTHER) + 2):  # the last 64 KiB begin so far before the end of the line
        path.write_bytes(before + OTHER + b"\n" + b"x" * (65_535 - split) + b"\n")
        assert repair_log(str(path)) == 20


# --- Work ---------------------------------------------------------------------------------


def work_of(path: Path, content: bytes) -> tuple[int, int]:
    """Return the lines executed and the bytes read by a repair of a log."""
    path.write_bytes(content)
    nbytes = 0

    class Counted(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            nonlocal nbytes
            data = super().read(size)
            nbytes += len(data or b"")
            return data or b""

        def readinto(self, buffer: Any, /) -> int:
            raise AssertionError("not counted")

    def open_counted(name: str, mode: str, **options: Any) -> Any:
        return Counted(name, mode.replace("b", ""))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("realtime.recording.repair.open", open_counted, raising=False)
        lines = count_lines(repair_log, str(path))
    return lines, nbytes


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "line ends": lambda n: HEAD + b"\n" * (n * 100),
    "one line without an end": lambda n: HEAD + b"x" * (n * 1000),
    "one line of spaces": lambda n: HEAD + b'{"direction":"client","time_ms":' + b" " * (n * 1000) + b"\n",
    "one line of braces": lambda n: HEAD + b"{ " * (n * 500) + b"\n",
    "one torn line of a log": lambda n: HEAD + LINE[:-9] + b"y" * (n * 1000),
    "one deep line": lambda n: HEAD + LINE[:-13] + b"[" * (n * 1000) + b"\n",
    "one complete line": lambda n: HEAD + LINE[:-13] + b'{"a":"%b"}}' % (b"y" * (n * 1000)),
    "zeros": lambda n: HEAD + LINE + bytes(n * 1000),
    "broken lines": lambda n: HEAD + b'{"direction":"client","time_ms":1.2.3,"frame":{}}\n' * (n * 10),
    "times in the wrong place": lambda n: HEAD + b'{"x":"time_ms","time_ms":' * (n * 40) + b"\n",
    "metadata": lambda n: HEAD * (n * 10),
}


@pytest.mark.mostly_slow(quick=2)
@EVERY_ENDING
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_the_work_of_a_repair_grows_with_the_file_and_not_faster(
    tmp_path: Path, ending: str, content: Callable[[int], bytes]
) -> None:
    path = tmp_path / f"a{ending}"
    lines, nbytes = zip(*(work_of(path, PACK[ending](content(n))) for n in (10, 100, 1000)), strict=True)
    for work in (lines, nbytes):
        assert work[1] <= 12 * work[0]
        assert work[2] <= 12 * work[1]
    assert nbytes[-1] <= 5 * len(PACK[ending](content(1000))) + 4 * 65536


@pytest.mark.parametrize("ending", [".jsonl"])
def test_opening_a_complete_log_costs_the_same_however_long_it_is(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"a{ending}"
    costs = {work_of(path, HEAD + (LINE + b"\n") * n) for n in (9_000, 90_000)}
    assert len(costs) == 1


@COMPRESSED
def test_reading_a_complete_compressed_log_costs_a_few_lines_for_each_portion(
    tmp_path: Path, ending: str
) -> None:
    path = tmp_path / f"a{ending}"
    member = PACK[ending](b"".join(b"%b\n" % LINE for _ in range(2000)))
    few, many = (work_of(path, member * n)[0] for n in (5, 50))
    assert many <= 12 * few
    assert many / 50 < 150
