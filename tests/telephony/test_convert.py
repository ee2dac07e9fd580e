"""MediaConverter: every pair of formats, in chunks of any size, compared with the functions of realtime.audio."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from realtime import AudioError
from realtime.audio import (
    Resampler,
    alaw_decode,
    alaw_encode,
    alaw_to_ulaw,
    pcm16,
    ulaw_decode,
    ulaw_encode,
    ulaw_to_alaw,
)
from realtime.audio.resample import SAMPLE_RATES
from realtime.telephony import MediaFormat, swap16
from realtime.telephony._convert import MediaConverter

FORMATS = [
    MediaFormat("PCMU", 8_000), MediaFormat("PCMA", 8_000),
    MediaFormat("L16", 8_000), MediaFormat("L16", 16_000), MediaFormat("L16", 24_000),
    MediaFormat("L16", 8_000, big_endian=True), MediaFormat("L16", 48_000, big_endian=True),
]  # fmt: skip
PAIRS = [(src, dst) for src in FORMATS for dst in FORMATS]
NOISE = np.random.default_rng(5).integers(0, 256, 4_410, dtype="u1").tobytes()


def samples_of(audio: bytes, format: MediaFormat) -> Any:
    if format.encoding == "L16":
        return pcm16(swap16(audio) if format.big_endian else audio)
    return (ulaw_decode if format.encoding == "PCMU" else alaw_decode)(audio)


def bytes_of(samples: Any, format: MediaFormat) -> bytes:
    if format.encoding == "L16":
        audio = samples.astype("<i2").tobytes()
        return swap16(audio) if format.big_endian else bytes(audio)
    return bytes((ulaw_encode if format.encoding == "PCMU" else alaw_encode)(samples).tobytes())


def converted(audio: bytes, src: MediaFormat, dst: MediaFormat) -> bytes:
    """Convert a whole stream in the obvious way."""
    audio = audio[: len(audio) - len(audio) % src.sample_width]
    if src == dst:
        return audio
    if src.sample_rate != dst.sample_rate:
        resampler = Resampler(src.sample_rate, dst.sample_rate)
        samples = samples_of(audio, src)
        return bytes_of(np.concatenate([resampler.process(samples), resampler.flush()]), dst)
    if (src.encoding, dst.encoding) == ("PCMU", "PCMA"):
        return bytes(ulaw_to_alaw(audio).tobytes())
    if (src.encoding, dst.encoding) == ("PCMA", "PCMU"):
        return bytes(alaw_to_ulaw(audio).tobytes())
    return bytes_of(samples_of(audio, src), dst)


def name(format: Any) -> str:
    return f"{format.encoding}-{format.sample_rate}{'-be' * format.big_endian}"


@pytest.mark.parametrize(("src", "dst"), PAIRS, ids=name)
def test_a_stream_is_converted_in_chunks_of_any_size(src: MediaFormat, dst: MediaFormat) -> None:
    expected = converted(NOISE, src, dst)
    converter = MediaConverter(src, dst)
    for size in (len(NOISE), 320, 7, 4_409):
        chunks = [converter.process(NOISE[at : at + size]) for at in range(0, len(NOISE), size)]
        assert all(type(chunk) is bytes and len(chunk) % dst.sample_width == 0 for chunk in chunks)
        assert b"".join(chunks) + converter.flush() == expected
        assert not converter.has_half_sample
        assert converter.flush() == b""


def test_audio_of_the_same_format_is_unchanged() -> None:
    for format in FORMATS:
        assert MediaConverter(format, format).process(NOISE) == NOISE
    little, big = (MediaFormat("L16", 8_000, big_endian=big) for big in (False, True))
    assert MediaConverter(little, big).process(b"\1\2\3\4") == b"\2\1\4\3"


def test_half_a_sample_is_carried_over_and_dropped_at_the_end() -> None:
    converter = MediaConverter(MediaFormat("L16", 8_000), MediaFormat("L16", 8_000, big_endian=True))
    assert not converter.has_half_sample
    assert converter.process(b"\1\2\3") == b"\2\1"
    assert converter.has_half_sample
    assert converter.process(b"") == b""
    assert converter.has_half_sample
    assert converter.process(b"\4\5") == b"\4\3"
    assert converter.has_half_sample
    assert converter.flush() == b""
    assert not converter.has_half_sample
    assert converter.process(b"\6\7") == b"\7\6"


@pytest.mark.parametrize(("wrong", "message"), [
    (MediaFormat("G722", 8_000), "G722 at 8000 Hz with 1 channels cannot be converted"),
    (MediaFormat("L16", 8_000, 2), "L16 at 8000 Hz with 2 channels cannot be converted"),
    (MediaFormat("PCMU", 8_000, 0), "PCMU at 8000 Hz with 0 channels cannot be converted"),
    (MediaFormat("L16", 8_001), "L16 at 8001 Hz with 1 channels cannot be converted"),
])  # fmt: skip
def test_a_format_that_cannot_be_converted_is_refused(wrong: MediaFormat, message: str) -> None:
    for src, dst in ((wrong, FORMATS[0]), (FORMATS[0], wrong)):
        with pytest.raises(AudioError) as raised:
            MediaConverter(src, dst)
        assert str(raised.value) == message


@pytest.mark.parametrize("rate", SAMPLE_RATES)
def test_every_rate_of_the_resampler_is_supported(rate: int) -> None:
    converter = MediaConverter(MediaFormat("L16", rate), MediaFormat("L16", 24_000))
    second = converter.process(bytes(2 * rate)) + converter.flush()
    assert second == bytes(48_000)
