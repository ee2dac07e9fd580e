"""WAV headers of any origin: what is sound is read, what is hostile is an AudioError."""

from __future__ import annotations

import contextlib
import io
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime.audio import WavAudio, read_wav
from realtime.errors import AudioError
from realtime.format import AudioFormat

TAGS = {"pcm16": 1, "g711_alaw": 6, "g711_ulaw": 7}
GUID_TAIL = bytes.fromhex("000000001000800000aa00389b71")
NOISE = np.random.default_rng(7).integers(0, 256, 4000).astype(np.uint8).tobytes()


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


def read(file: bytes) -> WavAudio:
    return read_wav(io.BytesIO(file))


FMT, DATA = chunk(b"fmt ", layout()), chunk(b"data", b"\1\2\3\4")


@pytest.mark.parametrize("encoding", TAGS)
@pytest.mark.parametrize("channels", [1, 2, 6])
@pytest.mark.parametrize("extensible", [False, True])
def test_any_rate_and_channels_plain_and_extensible(encoding: str, channels: int, extensible: bool) -> None:
    bits = 8 * AudioFormat(encoding).sample_width
    head = layout(0xFFFE if extensible else TAGS[encoding], channels, 44100, bits)
    if extensible:
        head += struct.pack("<HHIH", 22, bits, 0, TAGS[encoding]) + GUID_TAIL
    data = NOISE[: 24 * channels]
    found = read(riff(chunk(b"fmt ", head), chunk(b"data", data)))
    assert found == (data, encoding, 44100, channels)
    assert found.format is None


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
    "frames that lie": riff(chunk(b"fmt ", layout(frame=4)), DATA),
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


def test_a_refusal_says_what_is_accepted() -> None:
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


def test_a_size_that_lies_allocates_nothing() -> None:
    files = [riff(FMT, chunk(b"data", b"\1\2", size), size=0xFFFFFFFF) for size in (0x7FFFEFFE, 0xFFFFFFFE)]
    tracemalloc.start()
    for file in files:
        with contextlib.suppress(AudioError):
            read(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20
