"""Audio files of other kinds, read by libsndfile."""

from __future__ import annotations

import contextlib
import io
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from realtime.audio import read_audio, read_wav, ulaw_encode, write_wav
from realtime.errors import AudioError

soundfile = pytest.importorskip("soundfile")
SPEECHLIKE = np.random.default_rng(3).integers(-20000, 20000, (2400, 2)).astype(np.int16)


@pytest.mark.parametrize("kind", ["FLAC", "AIFF", "AU"])
def test_lossless_kinds_return_the_written_samples(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind.lower()}"
    soundfile.write(path, SPEECHLIKE, 16000, subtype="PCM_16", format=kind)
    found = read_audio(path)
    assert (found.encoding, found.sample_rate, found.channels) == ("pcm16", 16000, 2)
    assert found.data == SPEECHLIKE.astype("<i2").tobytes()
    assert len(found.to("pcm16")) == 2400 * 24 // 16 * 2


def test_wav_of_24_bits_is_rounded_half_to_even(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    wide = np.array([1, 128, 384, 640, -128, -384, 8388607], np.int32)  # in units of 2**-23
    soundfile.write(path, wide << 8, 8000, subtype="PCM_24")
    with pytest.raises(AudioError):
        read_wav(path)
    assert np.frombuffer(read_audio(path).data, "<i2").tolist() == [0, 0, 2, 2, 0, -2, 32767]


def test_a_supported_wav_keeps_the_bytes_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    codes = ulaw_encode(SPEECHLIKE[:, 0].copy()).tobytes()
    write_wav(path, codes, "pcmu")
    assert read_audio(path) == read_wav(path)
    assert read_audio(path).data == codes


def test_a_binary_file_is_read_from_its_position() -> None:
    file = io.BytesIO()
    soundfile.write(file, SPEECHLIKE, 48000, subtype="PCM_16", format="FLAC")
    file.seek(0)
    assert read_audio(file).data == SPEECHLIKE.astype("<i2").tobytes()


@pytest.mark.parametrize("contents", [b"", b"nonsense" * 40, b"fLaC" + bytes(40), b"RIFF\0\0\0\0WAVE"])
def test_a_file_that_neither_can_read_is_an_audio_error(tmp_path: Path, contents: bytes) -> None:
    path = tmp_path / "x.bin"
    path.write_bytes(contents)
    with pytest.raises(AudioError):
        read_audio(path)


@pytest.mark.parametrize("claim", [b"\xff" * 5, b"\xf0\x00\x01\x00\x00"])
def test_a_header_that_claims_too_many_samples_allocates_nothing(claim: bytes) -> None:
    file = io.BytesIO()
    soundfile.write(file, SPEECHLIKE, 16000, format="FLAC")
    header = bytearray(file.getvalue())
    header[21] |= claim[0] & 0x0F  # the 36 bits of STREAMINFO's total samples (RFC 9639, 8.2)
    header[22:26] = claim[1:]
    tracemalloc.start()
    with contextlib.suppress(AudioError):
        assert SPEECHLIKE.astype("<i2").tobytes().startswith(read_audio(io.BytesIO(header)).data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20


def test_many_blocks_are_the_file() -> None:
    file = io.BytesIO()
    long = np.tile(SPEECHLIKE, (300, 1))
    soundfile.write(file, long, 16000, subtype="PCM_16", format="FLAC")
    file.seek(0)
    assert read_audio(file).data == long.astype("<i2").tobytes()


def test_without_the_extra_the_error_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.flac"
    soundfile.write(path, SPEECHLIKE, 16000)
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(AudioError, match=r"realtime-codec\[files\]"):
        read_audio(path)


def test_a_missing_file_and_a_wrong_type(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_audio(tmp_path / "none.flac")
    with pytest.raises(TypeError):
        read_audio(5)  # type: ignore[arg-type]
