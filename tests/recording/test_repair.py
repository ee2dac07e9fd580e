"""Repair of logs: only an incomplete last line is removed, and a file that is not a log is refused."""

from __future__ import annotations

import gzip
import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, strategies as st

from realtime.errors import ConfigError
from realtime.recording import BrokenLine, Entry, Recorder, read_log
from realtime.recording.repair import repair_log

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
    "a list at the end": (HEAD + b"[1,2", HEAD + b"[1,2\n"),
    "a frame that is nested too deeply": (
        HEAD + LINE[:-13] + b"[" * 9999 + b"]" * 9999 + b"}",
        HEAD + LINE[:-13] + b"[" * 9999 + b"]" * 9999 + b"}\n",
    ),
    "a byte order mark": (b"\xef\xbb\xbf" + LINE + b"\n", b"\xef\xbb\xbf" + LINE + b"\n"),
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
    tmp_path: Path, ending: str, content: bytes
) -> None:
    path = tmp_path / f"notes{ending}"
    path.write_bytes(PACK[ending](content))
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="is not a log of calls, so nothing is appended to it"):
        Recorder(path)
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
