"""The two audio paths of a bridge alone: frames, counters, withheld audio, and the limits of a message."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

import realtime
from realtime import AudioError, AudioFormat, DecodeError
from realtime.telephony import CARRIERS, MediaFormat
from realtime.telephony._convert import MediaConverter
from realtime.telephony._paths import MAX_AUDIO_BYTES, Downlink, Uplink, converter_between
from realtime.telephony._queue import CallerClock
from realtime.telephony.carriers import get_carrier

ULAW, ALAW, PCM16 = AudioFormat.G711_ULAW, AudioFormat.G711_ALAW, AudioFormat.PCM16
PCMU, PCMA, L16 = MediaFormat("PCMU", 8_000), MediaFormat("PCMA", 8_000), MediaFormat("L16", 24_000)
L16_8K = MediaFormat("L16", 8_000)
NOISE = bytes((7 * i) % 256 for i in range(960))


def b64(audio: bytes) -> bytes:
    return base64.b64encode(audio)


def audio_of(frame: str) -> bytes:
    """Return the audio of an append frame; of "", the frame that is not sent, nothing."""
    if not frame:
        return b""
    event = realtime.decode_client(frame)
    assert isinstance(event, realtime.InputAudioBufferAppend)
    assert frame == realtime.encode(event).decode()
    return bytes(event.audio)


def counters(path: Any) -> tuple[int, int, int]:
    return path.spliced, path.reencoded, path.half_samples


def test_only_different_formats_need_a_converter() -> None:
    assert converter_between(PCMU, MediaFormat("PCMU", 8_000)) is None
    assert isinstance(converter_between(PCMU, PCMA), MediaConverter)
    with pytest.raises(AudioError):
        converter_between(PCMU, MediaFormat("G722", 8_000))


# --- From the caller --------------------------------------------------------------------


def test_base64_of_the_same_format_is_copied() -> None:
    uplink = Uplink(PCMU, ULAW, CallerClock())
    assert counters(uplink) == (0, 0, 0)
    for send in (uplink.splice, uplink.take):
        frame = send(b64(NOISE))
        assert frame == realtime.encode_append(NOISE).decode()
        assert send(b"") == ""
    assert uplink.encode(NOISE) == realtime.encode_append(NOISE).decode()
    assert uplink.encode(b"") == uplink.flush() == ""
    assert counters(uplink) == (2, 1, 0)


def test_audio_of_another_format_is_converted() -> None:
    for method in ("splice", "take", "encode"):
        uplink = Uplink(PCMU, ALAW, CallerClock())
        frame = getattr(uplink, method)(NOISE if method == "encode" else b64(NOISE))
        assert audio_of(frame) == realtime.audio.convert(NOISE, ULAW, ALAW)
        assert uplink.flush() == ""
        assert counters(uplink) == (0, 1, 0)


def test_what_a_resampler_withholds_is_flushed() -> None:
    uplink = Uplink(PCMU, PCM16, CallerClock())
    frames = [uplink.take(b64(NOISE)), uplink.take(b64(b"\xff")), uplink.take(b""), uplink.flush()]
    converter = MediaConverter(PCMU, L16)
    assert frames[2] == ""
    assert frames[3] != ""
    assert b"".join(map(audio_of, frames)) == converter.process(NOISE + b"\xff") + converter.flush()
    assert uplink.flush() == ""
    assert counters(uplink) == (0, sum(map(bool, frames)), 0)


@pytest.mark.parametrize(("media", "nbytes"), [(PCMU, 160), (L16, 960), (L16_8K, 320)])
def test_the_clock_moves_by_the_audio_of_the_caller(media: MediaFormat, nbytes: int) -> None:
    clock = CallerClock()
    uplink = Uplink(media, PCM16, clock)
    uplink.check(nbytes)
    assert clock.ms == 20
    uplink.take(b64(bytes(nbytes)))
    assert clock.ms == 40
    for _ in range(2):  # what was checked is not counted again
        uplink.take(b"")
        uplink.splice(b64(bytes(nbytes)))
        uplink.encode(bytes(nbytes))
        assert clock.ms == 40


@pytest.mark.parametrize("session", [ULAW, ALAW])
def test_a_message_carries_a_mebibyte(session: AudioFormat) -> None:
    clock = CallerClock()
    uplink = Uplink(PCMU, session, clock)
    uplink.check(MAX_AUDIO_BYTES)
    assert len(audio_of(uplink.take(b64(bytes(MAX_AUDIO_BYTES))))) == MAX_AUDIO_BYTES == 1_048_576
    before = clock.ms, counters(uplink)
    message = "1048577 bytes are more audio than the 1048576 of one message"
    for refused in (lambda: uplink.check(1_048_577), lambda: uplink.take(b64(bytes(1_048_577)))):
        with pytest.raises(DecodeError) as raised:
            refused()
        assert raised.value.reason == message
        assert (clock.ms, counters(uplink)) == before


def test_a_message_has_whole_samples() -> None:
    clock = CallerClock()
    uplink = Uplink(L16, PCM16, clock)
    for refused in (lambda: uplink.check(3), lambda: uplink.take(b64(b"abc"))):
        with pytest.raises(DecodeError) as raised:
            refused()
        assert raised.value.reason == "3 bytes are not a whole number of 16-bit samples"
    assert (clock.ms, counters(uplink)) == (0, (0, 0, 0))
    assert audio_of(uplink.take(b64(b"abcd"))) == b"abcd"


def test_half_a_sample_that_was_accepted_before_the_format_was_known_is_dropped() -> None:
    uplink = Uplink(L16, PCM16, CallerClock())
    assert audio_of(uplink.splice(b64(b"abcde"))) == b"abcd"
    assert audio_of(uplink.splice(b64(b"abcd"))) == b"abcd"
    assert uplink.encode(b"a") == ""
    assert audio_of(uplink.encode(b"abc")) == b"ab"
    assert counters(uplink) == (1, 2, 3)
    converting = Uplink(L16_8K, ULAW, CallerClock())
    assert len(audio_of(converting.encode(bytes(5)))) == 2
    assert len(audio_of(converting.encode(bytes(4)))) == 2
    assert counters(converting) == (0, 2, 1)


def test_an_uplink_of_other_formats_counts_on() -> None:
    clock = CallerClock()
    uplink = Uplink(L16, PCM16, clock)
    uplink.take(b64(NOISE))
    uplink.encode(NOISE + b"a")
    uplink.encode(NOISE)
    assert uplink.with_formats(L16, PCM16) is uplink
    for media, session in ((L16, ULAW), (PCMU, PCM16)):
        other = uplink.with_formats(media, session)
        assert (other.media, other.session, other.clock) == (media, session, clock)
        assert counters(other) == (1, 2, 1)
        assert other.encode(NOISE)
        assert counters(other) == (1, 3, 1)
    assert counters(uplink) == (1, 2, 1)
    with pytest.raises(AudioError):
        uplink.with_formats(MediaFormat("G722", 8_000), PCM16)


# --- To the caller ----------------------------------------------------------------------


def make(name: str, media: MediaFormat, session: AudioFormat) -> Downlink:
    downlink = Downlink(get_carrier(name), media, session)
    downlink.open("S1", media, session)
    return downlink


def played(name: str, frames: list[str | bytes]) -> list[bytes]:
    """Return the audio of each media frame."""
    found = []
    for frame in frames:
        if CARRIERS[name].MEDIA_IS_BINARY:
            assert isinstance(frame, bytes)
            found.append(frame)
        else:
            assert isinstance(frame, str)
            found.append(base64.b64decode(json.loads(frame)["media"]["payload"]))
    return found


@pytest.mark.parametrize("name", ["twilio", "telnyx", "plivo"])
def test_base64_of_the_same_format_is_copied_into_a_media_frame(name: str) -> None:
    downlink = make(name, PCMU, ULAW)
    frames, nbytes = downlink.splice(b64(NOISE), 960)
    assert frames == [CARRIERS[name].encode_media(NOISE, "S1", PCMU).decode()]
    assert (nbytes, counters(downlink)) == (960, (1, 0, 0))
    frames, nbytes = downlink.encode(NOISE)
    assert frames == [CARRIERS[name].encode_media(NOISE, "S1", PCMU).decode()]
    assert (nbytes, counters(downlink)) == (960, (1, 1, 0))
    assert downlink.flush() == ([], 0)


def test_short_audio_waits_for_the_shortest_frame_that_the_carrier_plays() -> None:
    downlink = make("telnyx", PCMU, ULAW)
    assert downlink.splice(b64(NOISE[:159]), 159) == ([], 0)
    frames, nbytes = downlink.splice(b64(NOISE[159:161]), 2)
    assert (played("telnyx", frames), nbytes) == ([NOISE[:161]], 161)
    frames, nbytes = downlink.splice(b64(NOISE[:160]), 160)
    assert (played("telnyx", frames), nbytes, downlink.spliced) == ([NOISE[:160]], 160, 1)
    assert downlink.encode(NOISE[:1]) == ([], 0)
    frames, nbytes = downlink.flush()
    assert (played("telnyx", frames), nbytes) == ([NOISE[:1] + b"\xff" * 159], 160)
    assert downlink.flush() == ([], 0)
    assert counters(downlink) == (1, 2, 0)


def test_frames_of_a_fixed_duration_are_cut_and_padded() -> None:
    downlink = make("vonage", L16, PCM16)
    frames, nbytes = downlink.splice(b64(NOISE + NOISE + b"ab"), 1_922)
    assert (played("vonage", frames), nbytes) == ([NOISE, NOISE], 1_920)
    frames, nbytes = downlink.encode(NOISE[2:])
    assert (played("vonage", frames), nbytes) == ([b"ab" + NOISE[2:]], 960)
    assert downlink.flush() == ([], 0)
    assert downlink.encode(b"abcd") == ([], 0)
    frames, nbytes = downlink.flush()
    assert (played("vonage", frames), nbytes) == ([b"abcd" + bytes(956)], 960)
    assert counters(downlink) == (0, 4, 0)


def test_half_a_sample_at_the_end_of_a_part_is_dropped() -> None:
    downlink = make("plivo", L16_8K, PCM16)
    downlink.begin(PCM16)
    downlink.encode(bytes(481))
    downlink.flush()
    assert downlink.half_samples == 1
    same = make("vonage", L16, PCM16)
    assert same.encode(b"abc") == ([], 0)
    frames, nbytes = same.flush()
    assert (played("vonage", frames), nbytes) == ([b"ab" + bytes(958)], 960)
    assert same.encode(b"a") == ([], 0)
    assert same.flush() == ([], 0)
    assert same.half_samples == 2
    text = Downlink(get_carrier("plivo"), L16, PCM16)
    frames, nbytes = text.splice(b64(b"abc"), 3)
    assert (played("plivo", frames), nbytes) == ([b"ab"], 2)
    frames, nbytes = text.splice(b64(b"d"), 1)
    assert (played("plivo", frames), nbytes) == ([b"cd"], 2)
    assert counters(text) == (0, 2, 0)


@pytest.mark.parametrize(("name", "media", "session"), [
    ("twilio", PCMU, ALAW), ("telnyx", PCMU, PCM16), ("plivo", L16_8K, PCM16), ("vonage", L16_8K, ULAW),
])  # fmt: skip
def test_a_part_of_another_format_is_converted(name: str, media: MediaFormat, session: AudioFormat) -> None:
    downlink = make(name, media, session)
    for _ in range(2):
        frames: list[str | bytes] = []
        total = 0
        downlink.begin(session)
        for at in range(0, len(NOISE), 100):
            more, nbytes = downlink.splice(b64(NOISE[at : at + 100]), len(NOISE[at : at + 100]))
            assert sum(map(len, played(name, more))) == nbytes
            frames, total = frames + more, total + nbytes
        more, nbytes = downlink.flush()
        audio = b"".join(played(name, frames + more))
        assert total + nbytes == len(audio)
        converter = MediaConverter(MediaFormat.of_session(session), media)
        expected = converter.process(NOISE) + converter.flush()
        assert audio[: len(expected)] == expected
        assert audio[len(expected) :] == media.silence(len(audio) - len(expected))
        assert len(audio) - len(expected) < media.chunk_bytes(20)


def test_a_part_may_have_another_format_than_the_one_before() -> None:
    downlink = make("twilio", PCMU, ULAW)
    downlink.begin(ALAW)
    assert downlink.session is ALAW
    frames, _ = downlink.splice(b64(NOISE), 960)
    assert played("twilio", frames) == [realtime.audio.convert(NOISE, ALAW, ULAW)]
    downlink.begin(ULAW)
    frames, _ = downlink.splice(b64(NOISE), 960)
    assert played("twilio", frames) == [NOISE]
    assert counters(downlink) == (1, 1, 0)


def test_what_was_withheld_is_forgotten() -> None:
    downlink = make("vonage", L16, PCM16)
    downlink.encode(NOISE[:500])
    downlink.reset()
    assert downlink.flush() == ([], 0)
    downlink.encode(NOISE[:500])
    downlink.open("S2", L16, PCM16)
    assert downlink.flush() == ([], 0)
    converting = make("telnyx", PCMU, PCM16)
    converting.encode(NOISE[:301])
    converting.reset()
    frames, _ = converting.encode(NOISE)
    more, _ = converting.flush()
    converter = MediaConverter(L16, PCMU)
    expected = converter.process(NOISE) + converter.flush()
    assert b"".join(played("telnyx", frames + more))[: len(expected)] == expected
    assert converting.half_samples == 0


def test_a_format_that_cannot_be_converted_changes_nothing() -> None:
    downlink = make("twilio", PCMU, ULAW)
    with pytest.raises(AudioError):
        downlink.open("S2", MediaFormat("G722", 8_000), ULAW)
    with pytest.raises(AudioError):
        downlink.open("S2", MediaFormat("L16", 8_000, 2), ULAW)
    frames, _ = downlink.splice(b64(NOISE), 960)
    assert frames == [CARRIERS["twilio"].encode_media(NOISE, "S1", PCMU).decode()]
    assert (downlink.media, downlink.session) == (PCMU, ULAW)


def test_base64_follows_the_audio_that_is_withheld_before_it() -> None:
    downlink = Downlink(get_carrier("telnyx"), PCMU, ULAW)
    downlink.open("S1", PCMU, ULAW)
    assert downlink.encode(NOISE[:100]) == ([], 0)
    (frame,), nbytes = downlink.splice(b64(NOISE[100:300]), 200)
    assert (base64.b64decode(json.loads(frame)["media"]["payload"]), nbytes) == (NOISE[:300], 300)
    for number in range(1, 3):
        downlink.splice(b64(NOISE[:200]), 200)
        assert counters(downlink) == (number, 1, 0)


def test_each_part_that_ends_within_a_sample_is_counted() -> None:
    downlink = Downlink(get_carrier("twilio"), PCMU, PCM16)
    for number in range(1, 3):
        downlink.encode(NOISE[:7])
        downlink.flush()
        assert downlink.half_samples == number
