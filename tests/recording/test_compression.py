"""Compressed logs: every member or frame is read, and truncated or damaged data is reported."""

from __future__ import annotations

import gzip
import json
import os
import sys
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, strategies as st

from realtime.errors import ConfigError
from realtime.recording import BrokenLine, Entry, Recorder, read_log


def line(text: str) -> bytes:
    return b'{"direction":"client","time_ms":1.000,"frame":{"n":"%b"}}\n' % text.encode()


NOISE = line(os.urandom(150_000).hex())
SKIPPABLE = b"\x53\x2a\x4d\x18" + (70_000).to_bytes(4, "little") + NOISE[:70_000]
EMPTY_SKIPPABLE = b"\x50\x2a\x4d\x18" + bytes(4)


def packed(data: bytes, *, checksum: bool = False, size: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=checksum, write_content_size=size).compress(data)


def streamed(data: bytes) -> bytes:
    """A frame without its size in the header, and not in a single segment."""
    stream = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return stream.compress(data) + stream.flush()


# Name -> (decompressed lines, compressed)
ZSTD = {
    "small": (line("a"), packed(line("a"))),
    "empty": (b"", packed(b"")),
    "checksum": (line("abc" * 99), packed(line("abc" * 99), checksum=True)),
    "no size": (line("abc" * 99), packed(line("abc" * 99), size=False)),
    "several blocks": (NOISE, packed(NOISE)),
    "runs": (line("x" * 500_000), packed(line("x" * 500_000))),
    "streamed": (NOISE, streamed(NOISE)),
    "skippable": (b"", SKIPPABLE),
    "skippable and empty": (b"", EMPTY_SKIPPABLE),
}
GZIP = {
    "small": (line("a"), gzip.compress(line("a"))),
    "empty": (b"", gzip.compress(b"")),
    "noise": (NOISE, gzip.compress(NOISE)),
    "runs": (line("x" * 2_000_000), gzip.compress(line("x" * 2_000_000))),
}
MEMBERS = {".zst": ZSTD, ".gz": GZIP}


def frames(lines: bytes) -> list[bytes]:
    return [
        json.dumps(json.loads(each)["frame"], separators=(",", ":")).encode() for each in lines.splitlines()
    ]


def read(path: Path) -> tuple[list[bytes], list[str]]:
    found = [*read_log(path)]
    return (
        [each.frame for each in found if isinstance(each, Entry)],
        [each.reason for each in found if isinstance(each, BrokenLine)],
    )


EVERY_MEMBER = [(suffix, name) for suffix, members in MEMBERS.items() for name in members]


@pytest.mark.parametrize(("suffix", "name"), EVERY_MEMBER)
def test_a_truncated_member_is_reported_and_complete_ones_are_read(
    tmp_path: Path, suffix: str, name: str
) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    first, small = MEMBERS[suffix]["small"]
    lines, data = MEMBERS[suffix][name]
    path.write_bytes(data + small)
    assert read(path) == (frames(lines + first), [])
    for end in {1, 2, len(data) // 2, len(data) - 6, len(data) - 1}:
        path.write_bytes(small + data[:end])
        found, reasons = read(path)
        assert found[:1] == frames(first)
        assert found[1:] in ([], frames(lines))
        assert [reason.endswith("data ends in the middle") for reason in reasons] == [True]
    path.write_bytes(data + b"nonsense")
    found, reasons = read(path)
    assert found == frames(lines)
    assert [" data is damaged: " in reason for reason in reasons] == [True]


@pytest.mark.parametrize("suffix", MEMBERS)
@given(data=st.data())
def test_a_file_truncated_anywhere_gives_all_complete_members(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, data: st.DataObject
) -> None:
    names = data.draw(st.lists(st.sampled_from([*MEMBERS[suffix]]), min_size=1, max_size=3))
    members = [MEMBERS[suffix][name] for name in names]
    everything = b"".join(packed for _, packed in members)
    end = data.draw(st.integers(0, len(everything)))
    path = tmp_path_factory.mktemp("torn") / f"a.jsonl{suffix}"
    path.write_bytes(everything[:end])
    ends = [sum(len(packed) for _, packed in members[: n + 1]) for n in range(len(members))]
    complete = frames(b"".join(lines for (lines, _), at in zip(members, ends, strict=True) if at <= end))
    found, reasons = read(path)
    assert found[: len(complete)] == complete
    assert len(found) <= len(complete) + 1
    assert bool(reasons) == (end not in {0, *ends})


@pytest.mark.parametrize("suffix", MEMBERS)
def test_members_that_expand_far_beyond_a_block_are_read_in_full(tmp_path: Path, suffix: str) -> None:
    """A member of a few hundred bytes of which each expands to 1 MB, one after another in a small file."""
    path = tmp_path / f"a.jsonl{suffix}"
    frame = b'{"n":"%b"}' % (b"xy" * 6000)
    with Recorder(path, buffer_bytes=1 << 20) as recorder:
        for _ in range(400):
            recorder.sent(frame)
    assert read(path) == ([frame] * 400, [])
    with Recorder(path) as recorder:
        recorder.sent(frame)
    assert read(path) == ([frame] * 401, [])
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.slow
@pytest.mark.parametrize("suffix", MEMBERS)
def test_memory_is_bounded_whatever_a_file_expands_to(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    zeros = bytes(200_000_000)
    path.write_bytes(gzip.compress(zeros) if suffix == ".gz" else packed(zeros))
    del zeros
    assert path.stat().st_size < 300_000
    tracemalloc.start()
    try:
        found = [*read_log(path, max_line_bytes=100_000)]
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [type(each) for each in found] == [BrokenLine]
    assert peak < 100_000_000


def test_zstd_without_a_module_is_a_config_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl.zst"
    path.write_bytes(packed(line("a")))
    for name in ("compression", "compression.zstd", "zstandard"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match="the extra"):
        Recorder(tmp_path / "b.jsonl.zst")
    with pytest.raises(ConfigError, match="the extra"):
        list(read_log(path))
