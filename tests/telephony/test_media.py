"""MediaFormat and byte order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime import AudioError, AudioFormat
from realtime.telephony import MediaFormat, media, swap16


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        *media.SPELLINGS.items(),
        ("PCMU", "PCMU"),
        ("Audio/X-MULAW", "PCMU"),
        ("L16", "L16"),
        ("pcma", "PCMA"),
        ("l16", "L16"),
        ("G722", "G722"),
        ("", ""),
    ],
)
def test_every_spelling_has_its_rtp_name(spelling: str, name: str) -> None:
    assert MediaFormat.of(spelling, 8000).encoding == name
    assert MediaFormat.of(spelling, 8000, big_endian=True).big_endian is (name == "L16")


def test_sessions_accept_the_spellings_of_g711() -> None:
    for spelling, name in media.SPELLINGS.items():
        if name != "L16":
            assert AudioFormat.of(spelling) is MediaFormat.of(spelling, 8000).audio_format


@pytest.mark.parametrize(
    ("format", "same"),
    [
        (MediaFormat("PCMU", 8_000), AudioFormat.G711_ULAW),
        (MediaFormat("PCMA", 8_000), AudioFormat.G711_ALAW),
        (MediaFormat("L16", 24_000), AudioFormat.PCM16),
        (MediaFormat("L16", 24_000, big_endian=True), None),
        (MediaFormat("L16", 24_000, 2), None),
        (MediaFormat("L16", 16_000), AudioFormat("pcm16", 16_000)),
        (MediaFormat("L16", 44_100), AudioFormat("pcm16", 44_100)),
        (MediaFormat("PCMU", 16_000), None),
        (MediaFormat("G722", 8_000), None),
    ],
)
def test_audio_format(format: MediaFormat, same: AudioFormat | None) -> None:
    assert format.audio_format == same
    if same is not None:
        assert format.little_endian == same
        assert MediaFormat.of_session(same) == format
        assert format.silence(320) == same.silence_sample * (320 // same.sample_width)
        assert format.bytes_per_second == same.bytes_per_second
        assert format.chunk_bytes(20) == same.chunk_bytes(20)


def test_byte_order_is_all_that_little_endian_leaves_out() -> None:
    swapped = MediaFormat("L16", 16_000, big_endian=True)
    assert swapped.audio_format is None
    assert swapped.little_endian == MediaFormat("L16", 16_000).audio_format
    assert MediaFormat("G722", 16_000).little_endian is None
    assert MediaFormat("L16", 16_000, 2).little_endian is None
    assert MediaFormat("L16", 999).little_endian is None  # no audio has this rate


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 24_000, 44_100, 48_000])
def test_every_audio_format_is_a_media_format(rate: int) -> None:
    format = AudioFormat("pcm16", rate)
    assert MediaFormat.of_session(format).audio_format == format


def test_sizes() -> None:
    assert MediaFormat("L16", 16_000).chunk_bytes(20) == 640
    assert MediaFormat("L16", 44_100, 2).bytes_per_second == 176_400
    assert MediaFormat("G722", 8_000).sample_width == MediaFormat("G722", 8_000).bytes_per_second == 0
    for format, ms in [
        (MediaFormat("G722", 8_000), 20),
        (MediaFormat("L16", 44_100), 1),
        (MediaFormat("L16", 8_000), -1),
    ]:
        with pytest.raises(AudioError, match="not a whole number"):
            format.chunk_bytes(ms)
    assert MediaFormat("L16", 16_000).silence(3) == b"\0\0"
    with pytest.raises(AudioError, match="does not consist of samples"):
        MediaFormat("G722", 8_000).silence(20)


@given(st.binary(max_size=64).filter(lambda b: len(b) % 2 == 0))
def test_swap16_returns_the_other_byte_order(audio: bytes) -> None:
    assert swap16(audio) == np.frombuffer(audio, "<i2").astype(">i2").tobytes()
    assert swap16(swap16(audio)) == audio
    array: Any = np.frombuffer(audio, "<i2")
    assert swap16(bytearray(audio)) == swap16(array) == swap16(audio)


@pytest.mark.parametrize("format", [
    MediaFormat("PCMU", 8_000), MediaFormat("L16", 16_000, big_endian=True), MediaFormat("L16", 48_000),
])  # fmt: skip
def test_formats_of_other_rates_can_be_converted(format: MediaFormat) -> None:
    other = MediaFormat("L16", 24_000)
    assert media.check_convertible(format, other) == (format.little_endian, AudioFormat.PCM16)


def test_other_rates_can_be_converted_to_themselves_only() -> None:
    odd = MediaFormat("L16", 12_345)
    assert media.check_convertible(odd, odd) == (AudioFormat("pcm16", 12_345),) * 2
    for formats in ((odd, MediaFormat("L16", 24_000)), (MediaFormat("L16", 24_000), odd)):
        with pytest.raises(AudioError, match=r"^L16 at 12345 Hz with 1 channels cannot be converted$"):
            media.check_convertible(*formats)
    for format in (MediaFormat("G722", 8_000), MediaFormat("L16", 8_000, 2)):
        with pytest.raises(
            AudioError, match=rf"^{format.encoding} at 8000 Hz with {format.channels} channels"
        ):
            media.check_convertible(format, format)


def test_swap16_refuses_half_a_sample() -> None:
    with pytest.raises(AudioError, match="16-bit"):
        swap16(b"\0\1\2")
    with pytest.raises(TypeError):
        swap16("ab")  # type: ignore[arg-type]


def test_a_format_is_mono_and_little_endian_unless_stated() -> None:
    for format in (MediaFormat("L16", 8_000), MediaFormat.of("audio/x-l16", 8_000)):
        assert (format.encoding, format.sample_rate, format.channels, format.big_endian) == (
            "L16",
            8_000,
            1,
            False,
        )
    stereo = MediaFormat.of("audio/l16", 44_100, 2, big_endian=True)
    assert stereo == MediaFormat("L16", 44_100, 2, big_endian=True)
    assert MediaFormat.of("pcmu", 8_000, 2, big_endian=True) == MediaFormat("PCMU", 8_000, 2)
    with pytest.raises(AttributeError):
        stereo.channels = 1  # type: ignore[misc]


@pytest.mark.parametrize(("format", "ms", "nbytes"), [
    (MediaFormat("PCMU", 8_000), 0, 0), (MediaFormat("PCMU", 8_000), 1, 8), (MediaFormat("L16", 44_100), 10, 882),
    (MediaFormat("L16", 44_100, 2), 10, 1_764), (MediaFormat("PCMA", 16_000, 2), 20, 640),
])  # fmt: skip
def test_the_bytes_of_some_milliseconds(format: MediaFormat, ms: int, nbytes: int) -> None:
    assert format.chunk_bytes(ms) == nbytes
    assert format.bytes_per_second * ms == nbytes * 1000


@pytest.mark.parametrize(("format", "ms", "message"), [
    (MediaFormat("G722", 8_000), 20, "20 ms of G722 at 8000 Hz is not a whole number of samples"),
    (MediaFormat("L16", 44_100), 1, "1 ms of L16 at 44100 Hz is not a whole number of samples"),
    (MediaFormat("PCMU", 8_000), -1, "-1 ms of PCMU at 8000 Hz is not a whole number of samples"),
])  # fmt: skip
def test_what_is_no_number_of_samples_is_refused(format: MediaFormat, ms: int, message: str) -> None:
    with pytest.raises(AudioError) as raised:
        format.chunk_bytes(ms)
    assert str(raised.value) == message


def test_silence_consists_of_whole_samples() -> None:
    assert MediaFormat("PCMU", 8_000).silence(3) == b"\xff\xff\xff"
    assert MediaFormat("PCMA", 8_000).silence(3) == b"\xd5\xd5\xd5"
    assert [MediaFormat("L16", 8_000).silence(n) for n in range(5)] == [
        b"",
        b"",
        bytes(2),
        bytes(2),
        bytes(4),
    ]
    with pytest.raises(AudioError) as raised:
        MediaFormat("G722", 8_000).silence(20)
    assert str(raised.value) == "G722 does not consist of samples"
    with pytest.raises(AudioError) as raised:
        swap16(bytes(5))
    assert str(raised.value) == "5 bytes are not a whole number of 16-bit samples"
