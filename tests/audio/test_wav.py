"""WAV files: what is written is read back, by others too, at any time and after a crash."""

from __future__ import annotations

import io
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st
from numpy.typing import NDArray

from realtime import audio
from realtime.audio import WavAudio, WavWriter, read_wav, write_wav
from realtime.errors import AudioError, ConfigError
from realtime.format import AudioFormat

FORMATS = list(AudioFormat)
NOISE = np.random.default_rng(7).integers(0, 256, 4000).astype(np.uint8).tobytes()
needs_sox = pytest.mark.skipif(not shutil.which("sox"), reason="sox is not installed")
needs_ffmpeg = pytest.mark.skipif(not shutil.which("ffmpeg"), reason="ffmpeg is not installed")


def read(file: bytes) -> WavAudio:
    return read_wav(io.BytesIO(file))


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("size", [0, 2, 160, 162, 4000])
def test_what_is_written_is_read_back(tmp_path: Path, fmt: AudioFormat, size: int) -> None:
    path = tmp_path / "a.wav"
    write_wav(path, NOISE[:size], fmt)
    found = read_wav(str(path))
    assert found == WavAudio(NOISE[:size], fmt.value, fmt.sample_rate, 1)
    assert found.format is fmt
    assert found.to(fmt) == NOISE[:size]
    assert found.frames == size // fmt.sample_width
    assert path.stat().st_size == (44 if fmt is AudioFormat.PCM16 else 58) + size


def test_odd_data_is_padded_and_read_without_the_pad(tmp_path: Path) -> None:
    write_wav(tmp_path / "a.wav", b"\1\2\3", "pcmu")
    file = (tmp_path / "a.wav").read_bytes()
    assert len(file) == 62
    assert int.from_bytes(file[4:8], "little") == 54
    assert read(file).data == b"\1\2\3"
    assert read(file[:-1]).data == b"\1\2\3"  # many writers forget it


def test_another_rate_by_name(tmp_path: Path) -> None:
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
def test_a_rate_that_cannot_be(tmp_path: Path, wrong: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"sample_rate|samples a second"):
        write_wav(io.BytesIO(), NOISE, "pcm16", sample_rate=wrong)
    with pytest.raises(error, match=r"sample_rate|samples a second"):
        WavWriter(tmp_path / "a.wav", "pcm16", sample_rate=wrong)
    assert not (tmp_path / "a.wav").exists()


@pytest.mark.parametrize("rate", [1, np.uint16(16000), np.int64(44100), 2**31 - 1])
def test_a_rate_is_any_kind_of_int(rate: Any) -> None:
    file = io.BytesIO()
    writer = WavWriter(file, "pcm16", sample_rate=rate)
    writer.write(NOISE)
    assert type(writer.sample_rate) is int
    assert read(file.getvalue()) == (NOISE, "pcm16", rate, 1)


def test_files_are_taken_as_objects() -> None:
    file = io.BytesIO()
    write_wav(file, NOISE, "pcma")
    file.seek(0)
    assert read_wav(file).data == NOISE
    assert not file.closed


@pytest.mark.parametrize("wrong", [None, 5, b"a.wav", io.StringIO("RIFF")])
def test_what_is_no_file_is_a_type_error(wrong: object) -> None:
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
        write_wav(path, b"", "opus")
    assert path.read_bytes() == b"before"
    write_wav(path, NOISE, "pcm16")
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]
    assert stat.S_IMODE(path.stat().st_mode) & 0o400


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
    got = WavAudio(data, src.value, rate, channels).to(dst)
    assert len(got) == 480 * dst.sample_rate // rate * dst.sample_width
    if channels == 1 and rate == src.sample_rate:
        assert got == audio.convert(data, src, dst)


def test_to_mono_on_the_way() -> None:
    stereo = np.array([3, 4, -3, -4, 100, 200], "<i2").tobytes()
    mono = np.array([4, -4, 150], "<i2").tobytes()
    assert WavAudio(stereo, "pcm16", 24000, 2).to("pcm16") == mono


def test_a_rate_that_cannot_become_another_is_named() -> None:
    with pytest.raises(AudioError, match=r"44100 Hz .* accepted are 8000, 16000, 24000, 48000 Hz"):
        WavAudio(NOISE, "pcm16", 44100, 1).to("pcm16")


# --- WavWriter --------------------------------------------------------------------------


class Recorder(io.BytesIO):
    """A file that remembers what it held after each write, as a crash would leave it."""

    def __init__(self) -> None:
        super().__init__()
        self.states: list[bytes] = []

    def write(self, data: object, /) -> int:
        written = super().write(data)  # type: ignore[arg-type]
        self.states.append(self.getvalue())
        return written


@pytest.mark.parametrize("fmt", FORMATS)
@given(sizes=st.lists(st.integers(0, 50), max_size=8))
def test_the_file_is_valid_after_every_write_and_every_crash(fmt: AudioFormat, sizes: list[int]) -> None:
    file = Recorder()
    written = b""
    seen = {b""}
    with WavWriter(file, fmt) as writer:
        for size in sizes:
            piece = NOISE[: size * fmt.sample_width]
            writer.write(piece)
            written += piece
            seen.add(written)
            assert read(file.getvalue()).data == written
            assert writer.nbytes == len(written)
    assert {read(state).data for state in file.states} == seen
    whole = io.BytesIO()
    write_wav(whole, written, fmt)
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
    with pytest.raises(ValueError, match="closed"):
        writer.write(b"\1")


def test_a_writer_within_a_file_and_of_another_rate() -> None:
    file = io.BytesIO()
    file.write(b"before")
    writer = WavWriter(file, "pcm16", sample_rate=8000)
    writer.write(NOISE)
    assert file.getvalue()[:6] == b"before"
    assert read(file.getvalue()[6:]) == (NOISE, "pcm16", 8000, 1)


def test_a_write_that_is_refused_changes_nothing(tmp_path: Path) -> None:
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


def test_a_full_disk_leaves_what_was_written_before() -> None:
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


def pcm_of(data: bytes, fmt: AudioFormat) -> bytes:
    decoders: dict[str, Callable[[bytes], NDArray[np.int16]]] = {
        "pcm16": audio.pcm16,
        "g711_ulaw": audio.ulaw_decode,
        "g711_alaw": audio.alaw_decode,
    }
    return decoders[fmt.value](data).astype("<i2").tobytes()


@needs_sox
@pytest.mark.parametrize("fmt", FORMATS)
def test_sox_reads_ours_and_we_read_its(tmp_path: Path, fmt: AudioFormat) -> None:
    ours, theirs = str(tmp_path / "ours.wav"), str(tmp_path / "theirs.wav")
    write_wav(ours, ODD_NOISE, fmt)
    assert run("sox", "-D", ours, "-t", "raw", "-e", "signed", "-b", "16", "-L", "-") == pcm_of(
        ODD_NOISE, fmt
    )
    run("sox", "-D", ours, *SOX_NAMES[fmt.value], theirs)
    assert pcm_of(read_wav(theirs).data, fmt) == pcm_of(ODD_NOISE, fmt)
    piped = run("sox", "-D", ours, *SOX_NAMES[fmt.value], "-t", "wav", "-")
    assert pcm_of(read(piped).data, fmt) == pcm_of(ODD_NOISE, fmt)


@needs_ffmpeg
@pytest.mark.parametrize("fmt", FORMATS)
def test_ffmpeg_reads_ours_and_we_read_its(tmp_path: Path, fmt: AudioFormat) -> None:
    ours, theirs = str(tmp_path / "ours.wav"), str(tmp_path / "theirs.wav")
    write_wav(ours, ODD_NOISE, fmt)
    ffmpeg = ("ffmpeg", "-v", "error", "-nostdin", "-y", "-i", ours)
    assert run(*ffmpeg, "-f", "s16le", "-") == pcm_of(ODD_NOISE, fmt)
    run(*ffmpeg, "-c:a", "copy", theirs)
    assert read_wav(theirs).to(fmt) == ODD_NOISE
    assert read(run(*ffmpeg, "-c:a", "copy", "-f", "wav", "-")).data == ODD_NOISE
    stereo = run(*ffmpeg, "-ac", "2", "-c:a", FFMPEG_NAMES[fmt.value], "-f", "wav", "-")
    assert read(stereo).channels == 2


@needs_sox
def test_sox_reads_a_file_that_is_still_growing(tmp_path: Path) -> None:
    path = str(tmp_path / "growing.wav")
    with WavWriter(path, "pcmu") as writer:
        for size in (161, 160, 7):
            writer.write(NOISE[:size])
            run("sox", path, "-n", "stat")


# --- More channels than one ----------------------------------------------------------


@pytest.mark.parametrize("fmt", FORMATS)
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_a_file_of_many_channels_grows(tmp_path: Path, fmt: AudioFormat, channels: int) -> None:
    frame = fmt.sample_width * channels
    with WavWriter(tmp_path / "a.wav", fmt, channels=channels) as writer:
        for size in (0, frame, 10 * frame):
            writer.write(NOISE[:size])
        if frame > 1:
            with pytest.raises(AudioError):
                writer.write(NOISE[: 10 * frame + 1])
    audio = NOISE[:frame] + NOISE[: 10 * frame]
    found = read_wav(tmp_path / "a.wav")
    assert found == WavAudio(audio, fmt.value, fmt.sample_rate, channels)
    assert found.frames == 11


@pytest.mark.parametrize("channels", [0, -1, 65536])
def test_numbers_of_channels_that_cannot_be(tmp_path: Path, channels: int) -> None:
    with pytest.raises(AudioError):
        WavWriter(tmp_path / "a.wav", "pcm16", channels=channels)
    with pytest.raises(TypeError):
        WavWriter(tmp_path / "a.wav", "pcm16", channels=1.5)  # type: ignore[arg-type]
