"""WAV files: they are read back, by other programs too, at any time and after a crash; hostile headers are refused."""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import shutil
import stat
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from realtime import audio
from realtime.audio import WavAudio, WavWriter, read_wav, wav_header, write_wav
from realtime.errors import AudioError, ConfigError
from realtime.format import OPENAI_FORMATS, AudioFormat

FORMATS = list(OPENAI_FORMATS)
NOISE = np.random.default_rng(7).integers(0, 256, 4000).astype(np.uint8).tobytes()
needs_sox = pytest.mark.skipif(not shutil.which("sox"), reason="sox is not installed")
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


def read(file: bytes) -> WavAudio:
    return read_wav(io.BytesIO(file))


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("size", [0, 2, 160, 162, 4000])
def test_a_written_file_is_read_back(tmp_path: Path, format: AudioFormat, size: int) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, NOISE[:size], format)
    found = read_wav(str(path))
    assert found == WavAudio(NOISE[:size], format.encoding, format.sample_rate, 1)
    assert found.format == format
    assert found.to(format) == NOISE[:size]
    assert found.frames == size // format.sample_width
    assert path.stat().st_size == (44 if format == AudioFormat.PCM16 else 58) + size


def test_odd_data_is_padded_and_read_without_the_pad(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", b"\1\2\3", "pcmu")
    file = (tmp_path / "a.wav").read_bytes()
    assert len(file) == 62
    assert int.from_bytes(file[4:8], "little") == 54
    assert read(file).data == b"\1\2\3"
    assert read(file[:-1]).data == b"\1\2\3"  # many writers forget it


def test_another_sample_rate(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", NOISE, "pcm16", sample_rate=16000)
    assert read_wav(tmp_path / "a.wav").sample_rate == 16000
    with pytest.raises(AudioError):
        write_wav(tmp_path / "a.wav", NOISE, "pcm16", sample_rate=0)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (24000.5, TypeError),
        (24000.0, TypeError),
        ("x", TypeError),
        (True, TypeError),
        (np.float64(8000), TypeError),
        (0, AudioError),
        (-1, AudioError),
        (2**31, AudioError),
        (2**64, AudioError),
    ],
)
def test_an_impossible_rate_is_refused(tmp_path: Path, wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"sample_rate|samples a second"):
        write_wav(io.BytesIO(), NOISE, "pcm16", sample_rate=wrong)
    with pytest.raises(error, match=r"sample_rate|samples a second"):
        WavWriter(tmp_path / "a.wav", "pcm16", sample_rate=wrong)
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("rate", [1, np.uint16(16000), np.int64(44100), 2**31 - 1])
def test_a_rate_may_be_any_type_of_int(rate: Any) -> None:
    file = io.BytesIO()
    writer = WavWriter(file, "pcm16", sample_rate=rate)
    writer.write(NOISE)
    assert type(writer.sample_rate) is int
    assert read(file.getvalue()) == (NOISE, "pcm16", rate, 1)


def test_file_objects_are_accepted() -> None:
    file = io.BytesIO()
    write_wav(file, NOISE, "pcma")
    file.seek(0)
    assert read_wav(file).data == NOISE
    assert not file.closed


@pytest.mark.parametrize("wrong", [None, 5, b"a.wav", io.StringIO("RIFF")])
def test_other_objects_than_files_are_a_type_error(wrong: object) -> None:
    with pytest.raises(TypeError):
        read_wav(wrong)  # type: ignore[arg-type]


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "none.wav")
    with pytest.raises(OSError, match="none"):
        write_wav(tmp_path / "none" / "a.wav", NOISE, "pcm16")
    with pytest.raises(OSError, match="none"):
        WavWriter(tmp_path / "none" / "a.wav", "pcm16")


def test_writing_is_all_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(b"before")
    with pytest.raises(AudioError):
        write_wav(path, b"\0", "pcm16")
    with pytest.raises(ConfigError):
        write_wav(path, b"", "opus")  # type: ignore[arg-type]
    assert path.read_bytes() == b"before"
    write_wav(path, NOISE, "pcm16")
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o400


@pytest.mark.skipif(os.name != "posix", reason="links and devices")
def test_a_failed_replacement_leaves_nothing_beside(tmp_path: Path) -> None:
    (tmp_path / "a.wav").symlink_to(tmp_path / "real.wav")
    write_wav(tmp_path / "a.wav", NOISE, "pcm16")
    assert (tmp_path / "a.wav").is_symlink()
    write_wav("/dev/null", NOISE, "pcm16")
    assert not Path("/dev/null").is_file()
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_wav(tmp_path / "folder", NOISE, "pcm16")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.wav", "folder", "real.wav"]


# --- WavAudio.to ------------------------------------------------------------------------


@pytest.mark.parametrize("dst", FORMATS)
@pytest.mark.parametrize("src", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [8000, 16000, 24000, 48000])
def test_to_any_format(src: AudioFormat, dst: AudioFormat, channels: int, rate: int) -> None:
    data = NOISE[: 480 * channels * src.sample_width]
    got = WavAudio(data, src.encoding, rate, channels).to(dst)
    assert len(got) == 480 * dst.sample_rate // rate * dst.sample_width
    if channels == 1 and rate == src.sample_rate:
        assert got == audio.convert(data, src, dst)


def test_to_mono_on_the_way() -> None:
    stereo = np.array([3, 4, -3, -4, 100, 200], "<i2").tobytes()
    mono = np.array([4, -4, 150], "<i2").tobytes()
    assert WavAudio(stereo, "pcm16", 24000, 2).to("pcm16") == mono


def test_an_impossible_rate_is_refusedcome_another_is_named() -> None:
    with pytest.raises(AudioError, match=r"44100 Hz .* accepted are 8000, 16000, 24000, 48000 Hz"):
        WavAudio(NOISE, "pcm16", 44100, 1).to("pcm16")


# --- WavWriter --------------------------------------------------------------------------


class Recorder(io.BytesIO):
    """A file that records its contents after each write, as a crash would leave them."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[bytes] = []

    def write(self, data: object, /) -> int:
        written = super().write(data)  # type: ignore[arg-type]
        self.states.append(self.getvalue())
        return written


@pytest.mark.parametrize("format", FORMATS)
@given(sizes=st.lists(st.integers(0, 50), max_size=8))
def test_the_file_is_valid_after_every_write_and_every_crash(format: AudioFormat, sizes: list[int]) -> None:
    file = Recorder()
    written = b""
    seen = {b""}
    with WavWriter(file, format) as writer:
        for size in sizes:
            piece = NOISE[: size * format.sample_width]
            writer.write(piece)
            written += piece
            seen.add(written)
            assert read(file.getvalue()).data == written
            assert writer.nbytes == len(written)
    assert {read(state).data for state in file.states} == seen
    whole = io.BytesIO()
    write_wav(whole, written, format)
    assert file.getvalue() == whole.getvalue()
    assert not file.closed


def test_a_file_is_valid_while_it_grows_and_closed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    with WavWriter(path, "g711_ulaw") as writer:
        assert read_wav(path).data == b""
        writer.write(b"\1\2\3")
        assert read_wav(path).data == b"\1\2\3"
        writer.write(np.arange(4, dtype=np.uint8))
    assert read_wav(path) == (b"\1\2\3\0\1\2\3", "g711_ulaw", 8000, 1)
    writer.close()
    with pytest.raises(AudioError, match="closed"):
        writer.write(b"\1")


def test_a_writer_within_a_file_and_of_another_rate() -> None:
    file = io.BytesIO()
    file.write(b"before")
    writer = WavWriter(file, "pcm16", sample_rate=8000)
    writer.write(NOISE)
    assert file.getvalue()[:6] == b"before"
    assert read(file.getvalue()[6:]) == (NOISE, "pcm16", 8000, 1)


def test_a_refused_write_changes_nothing(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "a.wav", "pcm16") as writer:
        writer.write(NOISE)
        with pytest.raises(AudioError):
            writer.write(b"\1")
        with pytest.raises(TypeError):
            writer.write("text")  # type: ignore[arg-type]
    assert read_wav(tmp_path / "a.wav").data == NOISE


class FullDisk(io.BytesIO):
    room = 10_000

    def write(self, data: object, /) -> int:
        view = memoryview(data)  # type: ignore[arg-type]
        if self.tell() + len(view) > self.room:
            super().write(view[: self.room - self.tell()])
            raise OSError(28, "No space left on device")
        return super().write(view[:1000])  # and a raw file may write less than it is given


def test_a_full_disk_leaves_the_previous_writes() -> None:
    file = FullDisk()
    writer = WavWriter(file, "pcm16")
    writer.write(NOISE)
    writer.write(NOISE)
    with pytest.raises(OSError, match="No space"):
        writer.write(NOISE)
    assert read(file.getvalue()).data == NOISE * 2


def test_four_gigabytes_are_refused() -> None:
    writer = WavWriter(io.BytesIO(), "pcmu")
    writer.nbytes = 0xFFFFFFFF - 100
    with pytest.raises(AudioError, match="cannot hold"):
        writer.write(NOISE)


# --- sox and ffmpeg ---------------------------------------------------------------------

SOX_NAMES = {
    "pcm16": ["-e", "signed", "-b", "16"],
    "g711_ulaw": ["-e", "mu-law"],
    "g711_alaw": ["-e", "a-law"],
}
FFMPEG_NAMES = {"pcm16": "pcm_s16le", "g711_ulaw": "pcm_mulaw", "g711_alaw": "pcm_alaw"}
ODD_NOISE = NOISE[:3998]


def run(*command: str) -> bytes:
    return subprocess.run(command, check=True, capture_output=True, timeout=60).stdout


def pcm_of(data: bytes, format: AudioFormat) -> bytes:
    decoders: dict[str, Callable[[bytes], NDArray[np.int16]]] = {
        "pcm16": audio.pcm16,
        "g711_ulaw": audio.ulaw_decode,
        "g711_alaw": audio.alaw_decode,
    }
    return decoders[format.encoding](data).astype("<i2").tobytes()


@needs_sox
@pytest.mark.parametrize("format", FORMATS)
def test_sox_reads_ours_and_we_read_its(tmp_path: Path, format: AudioFormat) -> None:
    ours, theirs = str(tmp_path / "ours.wav"), str(tmp_path / "theirs.wav")
    write_wav(ours, ODD_NOISE, format)
    assert run("sox", "-D", ours, "-t", "raw", "-e", "signed", "-b", "16", "-L", "-") == pcm_of(
        ODD_NOISE, format
    )
    run("sox", "-D", ours, *SOX_NAMES[format.encoding], theirs)
    assert pcm_of(read_wav(theirs).data, format) == pcm_of(ODD_NOISE, format)
    piped = run("sox", "-D", ours, *SOX_NAMES[format.encoding], "-t", "wav", "-")
    assert pcm_of(read(piped).data, format) == pcm_of(ODD_NOISE, format)


@needs_ffmpeg
@pytest.mark.parametrize("format", FORMATS)
def test_ffmpeg_reads_ours_and_we_read_its(tmp_path: Path, format: AudioFormat) -> None:
    ours, theirs = str(tmp_path / "ours.wav"), str(tmp_path / "theirs.wav")
    write_wav(ours, ODD_NOISE, format)
    ffmpeg = ("ffmpeg", "-v", "error", "-nostdin", "-y", "-i", ours)
    assert run(*ffmpeg, "-f", "s16le", "-") == pcm_of(ODD_NOISE, format)
    run(*ffmpeg, "-c:a", "copy", theirs)
    assert read_wav(theirs).to(format) == ODD_NOISE
    assert read(run(*ffmpeg, "-c:a", "copy", "-f", "wav", "-")).data == ODD_NOISE
    stereo = run(*ffmpeg, "-ac", "2", "-c:a", FFMPEG_NAMES[format.encoding], "-f", "wav", "-")
    assert read(stereo).channels == 2


@needs_sox
def test_sox_reads_a_file_that_is_still_growing(tmp_path: Path) -> None:
    path = str(tmp_path / "growing.wav")
    with WavWriter(path, "pcmu") as writer:
        for size in (161, 160, 7):
            writer.write(NOISE[:size])
            run("sox", path, "-n", "stat")


# --- More channels than one ----------------------------------------------------------


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_file_of_many_channels_grows(tmp_path: Path, format: AudioFormat, channels: int) -> None:
    frame = format.sample_width * channels
    with WavWriter(tmp_path / "a.wav", format, channels=channels) as writer:
        for size in (0, frame, 10 * frame):
            writer.write(NOISE[:size])
        if frame > 1:
            with pytest.raises(AudioError):
                writer.write(NOISE[: 10 * frame + 1])
    audio = NOISE[:frame] + NOISE[: 10 * frame]
    found = read_wav(tmp_path / "a.wav")
    assert found == WavAudio(audio, format.encoding, format.sample_rate, channels)
    assert found.frames == 11


@pytest.mark.parametrize("channels", [0, -1, 65536])
def test_impossible_numbers_of_channels_are_refused(tmp_path: Path, channels: int) -> None:
    with pytest.raises(AudioError):
        WavWriter(tmp_path / "a.wav", "pcm16", channels=channels)
    with pytest.raises(TypeError):
        WavWriter(tmp_path / "a.wav", "pcm16", channels=1.5)  # type: ignore[arg-type]


# --- RIFF headers of any origin ---------------------------------------------------------

TAGS = {"pcm16": 1, "g711_alaw": 6, "g711_ulaw": 7}
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(kind: bytes, body: bytes, size: int | None = None) -> bytes:
    return kind + struct.pack("<I", len(body) if size is None else size) + body + b"\0" * (len(body) % 2)


def layout(
    tag: int = 1, channels: int = 1, rate: int = 8000, bits: int = 16, frame: int | None = None
) -> bytes:
    frame = channels * bits // 8 if frame is None else frame
    return struct.pack("<HHIIHH", tag, channels, rate, rate * frame & 0xFFFFFFFF, frame, bits)


def riff(*chunks: bytes, size: int | None = None, magic: bytes = b"RIFF", form: bytes = b"WAVE") -> bytes:
    body = form + b"".join(chunks)
    return magic + struct.pack("<I", len(body) if size is None else size) + body


FMT, DATA = chunk(b"fmt ", layout()), chunk(b"data", b"\1\2\3\4")


@pytest.mark.parametrize("encoding", TAGS)
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("extensible", [False, True])
def test_any_rate_and_channels_plain_and_extensible(encoding: str, channels: int, extensible: bool) -> None:
    bits = 8 * AudioFormat.of(encoding).sample_width
    head = layout(0xFFFE if extensible else TAGS[encoding], channels, 44100, bits)
    if extensible:
        head += struct.pack("<HHIH", 22, bits, 0, TAGS[encoding]) + GUID_TAIL
    data = NOISE[: 24 * channels]
    found = read(riff(chunk(b"fmt ", head), chunk(b"data", data)))
    assert found == (data, encoding, 44100, channels)
    assert found.format == (AudioFormat("pcm16", 44100) if (encoding, channels) == ("pcm16", 1) else None)


def test_other_chunks_are_skipped_with_their_padding() -> None:
    odd = chunk(b"LIST", b"odd")
    assert read(riff(odd, FMT, odd, chunk(b"fact", bytes(4)), DATA, odd)).data == b"\1\2\3\4"


@pytest.mark.parametrize("riff_size, data_size", [(0xFFFFFFFF, 0xFFFFFFFF), (0x7FFFF024, 0x7FFFF000), (0, 0),
                                                       (0xFFFFFFFF, 0), (0, 0xFFFFFFFF)])  # fmt: skip
def test_audio_of_unknown_length_reaches_to_the_end(riff_size: int, data_size: int) -> None:
    file = riff(FMT, chunk(b"data", NOISE, data_size), size=riff_size)
    assert read(file).data == NOISE
    assert read(file[:-1]).data == NOISE[:-2]


def test_no_audio_is_no_error() -> None:
    assert read(riff(FMT, chunk(b"data", b""))).data == b""
    assert read(riff(FMT, chunk(b"data", b""), chunk(b"LIST", b"abcd"))).data == b""


HOSTILE = {
    "empty": b"",
    "short": b"RIFF",
    "not RIFF": riff(FMT, DATA, magic=b"RIFX"),
    "RF64": riff(FMT, DATA, magic=b"RF64"),
    "not WAVE": riff(FMT, DATA, form=b"AVI "),
    "text": b"hello, this is no audio file at all",
    "no chunks": riff(),
    "no fmt": riff(DATA),
    "no data": riff(FMT),
    "data before fmt": riff(DATA, FMT),
    "fmt too short": riff(chunk(b"fmt ", layout()[:14]), DATA),
    "fmt cut off": riff(chunk(b"fmt ", layout()))[:30],
    "fmt longer than the file": riff(chunk(b"fmt ", layout(), 0xFFFFFF00), DATA),
    "0 channels": riff(chunk(b"fmt ", layout(channels=0)), DATA),
    "0 Hz": riff(chunk(b"fmt ", layout(rate=0)), DATA),
    "0 bits": riff(chunk(b"fmt ", layout(bits=0)), DATA),
    "frames of a wrong size": riff(chunk(b"fmt ", layout(frame=4)), DATA),
    "0 bytes a frame": riff(chunk(b"fmt ", layout(frame=0)), DATA),
    "65535 channels": riff(chunk(b"fmt ", layout(channels=65535, frame=65534)), DATA),
    "8 bits": riff(chunk(b"fmt ", layout(bits=8)), DATA),
    "24 bits": riff(chunk(b"fmt ", layout(bits=24)), DATA),
    "32 bits": riff(chunk(b"fmt ", layout(bits=32)), DATA),
    "float": riff(chunk(b"fmt ", layout(tag=3, bits=32)), DATA),
    "ADPCM": riff(chunk(b"fmt ", layout(tag=2, bits=4)), DATA),
    "mu-law of 16 bits": riff(chunk(b"fmt ", layout(tag=7)), DATA),
    "extensible too short": riff(chunk(b"fmt ", layout(tag=0xFFFE)), DATA),
    "extensible float": riff(
        chunk(b"fmt ", layout(0xFFFE, bits=32) + struct.pack("<HHIH", 22, 32, 0, 3) + GUID_TAIL), DATA
    ),
    "extensible of no known kind": riff(
        chunk(b"fmt ", layout(0xFFFE) + struct.pack("<HHIH", 22, 16, 0, 1) + bytes(14)), DATA
    ),
    "extensible of 12 valid bits": riff(
        chunk(b"fmt ", layout(0xFFFE) + struct.pack("<HHIH", 22, 12, 0, 1) + GUID_TAIL), DATA
    ),
    "data longer than the file": riff(FMT, chunk(b"data", b"\1\2\3\4", 6)),
    "data of 2 GB less a bit": riff(FMT, chunk(b"data", b"\1\2\3\4", 0x7FFFEFFE)),
    "data cut off": riff(FMT, DATA)[:-2],
    "data of half a sample": riff(FMT, chunk(b"data", b"\1\2\3")),
    "RIFF longer than the file": riff(FMT, DATA, size=1000),
    "RIFF shorter than its data": riff(FMT, DATA, size=36),
    "chunk longer than the file": riff(FMT, chunk(b"LIST", b"", 0xFFFFFFF0), DATA),
    "odd chunk without its pad": riff(FMT, b"LIST" + struct.pack("<I", 3) + b"odd", DATA),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_headers_are_audio_errors(name: str) -> None:
    with pytest.raises(AudioError):
        read(HOSTILE[name])


def test_a_refusal_names_the_accepted_kinds() -> None:
    for name in ("24 bits", "float", "8 bits", "extensible float"):
        with pytest.raises(AudioError, match="accepted are 16-bit PCM, 8-bit mu-law and 8-bit A-law"):
            read(HOSTILE[name])


@given(st.binary(max_size=120))
def test_any_bytes_are_audio_or_an_audio_error(tail: bytes) -> None:
    for file in (tail, b"RIFF" + tail, riff(tail), riff(FMT, tail), riff(tail, DATA), riff(FMT, DATA, tail)):
        try:
            found = read(file)
        except AudioError:
            continue
        assert len(found.data) <= len(file)


@given(st.integers(0, 47), st.integers(0, 255), st.integers(0, 48))
def test_any_changed_byte_and_any_truncation(index: int, value: int, end: int) -> None:
    file = bytearray(riff(FMT, DATA))
    file[index] = value
    for candidate in (bytes(file), bytes(file[:end])):
        try:
            found = read(candidate)
            found.to("pcm16")
        except AudioError:
            continue
        assert found.data in candidate


SIZES = (0, 1, 4, 36, 0x7FFFEFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
WORDS = (0, 1, 2, 0x7FFF, 0x8000, 0xFFFF)


@pytest.mark.parametrize("riff_size", SIZES)
def test_absurd_sizes_are_audio_or_an_audio_error(riff_size: int) -> None:
    for other, fmt, data in itertools.product(SIZES, repeat=3):
        file = riff(
            chunk(b"LIST", b"abcd", other), chunk(b"fmt ", layout(), fmt), chunk(b"data", b"\1\2\3\4", data),
            size=riff_size,
        )  # fmt: skip
        with contextlib.suppress(AudioError):
            assert read(file).data in file


@pytest.mark.parametrize("tag", [1, 6, 7, 0xFFFE, 0xFFFF])
def test_absurd_formats_are_audio_or_an_audio_error(tag: int) -> None:
    data = NOISE[:24]
    extension = struct.pack("<HHIH", 22, 16, 0, 1) + GUID_TAIL
    for channels, rate, frame, bits in itertools.product(WORDS, SIZES, WORDS, (0, 8, 16, 0xFFFF)):
        fields = struct.pack("<HHIIHH", tag, channels, rate, 0xFFFFFFFF, frame, bits) + extension
        with contextlib.suppress(AudioError):
            found = read(riff(chunk(b"fmt ", fields), chunk(b"data", data)))
            assert found.frames * channels == len(data) // AudioFormat.of(found.encoding).sample_width
            assert found.format is None or found.format.sample_rate == rate
            found.to("pcmu")


IMPOSSIBLE = [
    (8000, -1, 1), (8000, 0xFFFFFFFF, 1), (8000, 1 << 40, 1), (0, 0, 1), (-1, 0, 1), (1 << 32, 0, 1), (1 << 64, 0, 1),
    (8000, 0, 0), (8000, 0, -1), (8000, 0, 65536), (1, 0, 1 << 64), (0xFFFFFFFF, 0, 65535), (-1, 0, -1),
]  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("rate, nbytes, channels", IMPOSSIBLE)
def test_a_header_that_cannot_be_written_is_an_audio_error(
    format: AudioFormat, rate: int, nbytes: int, channels: int
) -> None:
    with pytest.raises(AudioError):
        wav_header(format, rate, nbytes, channels)


def test_a_frame_of_more_than_65535_bytes_is_an_audio_error(tmp_path: Path) -> None:
    assert read(wav_header("pcm16", 8000, 0, 32767)).channels == 32767
    assert read(wav_header("pcmu", 8000, 0, 65535)).channels == 65535
    for channels in (32768, 65535):
        with pytest.raises(AudioError, match=f"cannot have {channels} channels"):
            WavWriter(tmp_path / "a.wav", "pcm16", channels=channels)
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("position", [1, 2, 3])
@pytest.mark.parametrize("wrong", [None, 1.0, "1", True])
def test_a_header_takes_ints(position: int, wrong: Any) -> None:
    numbers: list[Any] = ["pcmu", 8000, 0, 1]
    numbers[position] = wrong
    with pytest.raises(TypeError):
        wav_header(*numbers)


def test_a_file_is_read_in_twice_its_size(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", bytes(4 << 20), "pcm16")
    tracemalloc.start()
    found = read_wav(tmp_path / "a.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(found.data) == 4 << 20
    assert peak < (8 << 20) + 100_000


def test_a_wrong_size_allocates_nothing() -> None:
    files = [riff(FMT, chunk(b"data", b"\1\2", size), size=0xFFFFFFFF) for size in (0x7FFFEFFE, 0xFFFFFFFE)]
    tracemalloc.start()
    for file in files:
        with contextlib.suppress(AudioError):
            read(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
