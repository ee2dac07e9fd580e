"""What is lost is reported: gaps in the carrier's numbers, and half samples of either side."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import realtime
from realtime import DecodeError
from realtime.telephony import (
    CARRIERS,
    Bridge,
    BridgeOutput,
    CallDigit,
    CallEnded,
    CallFault,
    Gap,
    MediaFormat,
    Reorder,
    audiosocket,
    rtp,
    twilio,
)
from tests.telephony.calls import (
    ALAW,
    PCM16,
    PCMA,
    PCMU,
    PHONES,
    ULAW,
    Phone,
    audio_done,
    delta,
    session,
    text,
)
from tests.telephony.test_bridge import appended_audio, noise, start_call

TWILIO, TELNYX, PLIVO, VONAGE = PHONES[0], PHONES[1], PHONES[4], PHONES[9]
NUMBERED = pytest.mark.parametrize("phone", [TWILIO, PLIVO], ids=lambda phone: phone.name)


# --- Numbers ----------------------------------------------------------------------------------


@NUMBERED
def test_skipped_numbers_are_reported_with_the_next_audio(phone: Phone) -> None:
    bridge = start_call(phone)
    for number, lost in [(2, 0), (3, 0), (6, 2), (7, 0), (8, 0), (3_009, 3_000), (3_010, 0)]:
        audio = noise(phone.media_format.chunk_bytes(20), seed=number)
        output = bridge.from_carrier(phone.media(audio, number))
        assert output.events == ((Gap(lost),) if lost else ())
        assert appended_audio(output) == audio
    assert bridge.stats.messages_lost == 3_002


def test_skipped_numbers_of_other_messages_are_reported_with_the_next_audio() -> None:
    bridge = start_call(TWILIO)
    assert bridge.from_carrier(TWILIO.key("1", 4)).events == (CallDigit("1"),)
    assert bridge.stats.messages_lost == 2
    assert bridge.from_carrier(TWILIO.media(noise(160), 6)).events == (Gap(3),)
    assert bridge.from_carrier(TWILIO.media(noise(160), 7)).events == ()
    assert bridge.from_carrier(TWILIO.stop(9)).events == (CallEnded(),)
    assert bridge.stats.messages_lost == 4


def test_a_gap_is_reported_with_audio_that_comes_after_other_messages() -> None:
    bridge = start_call(TWILIO)
    for number in (4, 5):
        assert bridge.from_carrier(TWILIO.key("1", number)).events == (CallDigit("1"),)
    assert bridge.from_carrier(TWILIO.media(noise(160), 6)).events == (Gap(2),)
    assert bridge.stats.messages_lost == 2


def test_no_gap_is_reported_while_audio_is_retained() -> None:
    bridge = start_call(TWILIO)
    bridge.from_server(delta(bytes(11 * 60 * 8_000)))  # Twilio queues ten minutes
    for number in (2, 3):
        assert bridge.from_carrier(TWILIO.media(noise(160), number)).events == ()


def test_the_number_of_a_repeated_start_counts() -> None:
    bridge = start_call(TWILIO)
    start = TWILIO.start()
    assert (
        bridge.from_carrier(start.replace('"sequenceNumber":"1"', '"sequenceNumber":"2"')) == BridgeOutput()
    )
    assert bridge.from_carrier(TWILIO.media(noise(160), 3)).events == ()
    assert bridge.stats.messages_lost == 0


def test_an_end_that_comes_early_releases_what_follows_it() -> None:
    bridge = start_call(TELNYX)
    assert bridge.from_carrier(TELNYX.media(noise(160), 3)) == BridgeOutput()
    output = bridge.from_carrier(TELNYX.stop(2))
    assert (appended_audio(output), output.events) == (noise(160), (CallEnded(),))


def test_a_gap_before_audio_that_is_decoded() -> None:
    bridge = start_call(TWILIO)
    frame = bytearray(str(TWILIO.media(noise(160), 4)).encode())
    output = bridge.from_carrier(frame)
    assert (output.events, appended_audio(output)) == ((Gap(2),), noise(160))


def test_a_number_that_comes_late_is_not_lost() -> None:
    bridge = start_call(TWILIO)
    bridge.from_carrier(TWILIO.key("1", 4))
    assert bridge.stats.messages_lost == 2
    assert bridge.from_carrier(TWILIO.media(noise(160), 2)).events == ()
    assert bridge.stats.messages_lost == 0
    assert bridge.from_carrier(TWILIO.media(noise(160), 3)).events == ()
    bridge.from_carrier(TWILIO.key("1", 6))
    bridge.from_carrier(TWILIO.key("1", 4))
    assert bridge.from_carrier(TWILIO.media(noise(160), 5)).events == ()
    assert bridge.stats.messages_lost == 0


@pytest.mark.parametrize("number", [3_500, 1 << 62, 100])
def test_a_new_numbering_is_not_a_loss(number: int) -> None:
    bridge = start_call(TWILIO)
    for at in range(2, 203):
        bridge.from_carrier(TWILIO.media(noise(160), at))
    for at in (number, number + 1, number + 3):
        output = bridge.from_carrier(TWILIO.media(noise(160), at))
        assert output.events == ((Gap(1),) if at == number + 3 else ())
    assert bridge.stats.messages_lost == 1


def test_messages_without_numbers_have_no_gaps() -> None:
    bridge = Bridge("twilio")
    start = json.loads(TWILIO.start())
    del start["sequenceNumber"]
    bridge.from_carrier(json.dumps(start))
    media = json.loads(TWILIO.media(noise(160)))
    del media["sequenceNumber"]
    for _ in range(3):
        assert bridge.from_carrier(json.dumps(media)).events == ()
    # As on SignalWire, whose marks have none: they count as no message.
    bridge.from_carrier(TWILIO.media(noise(160), 7))
    bridge.from_carrier(TWILIO.mark("mine"))
    assert bridge.from_carrier(TWILIO.media(noise(160), 8)).events == ()
    assert bridge.stats.messages_lost == 0


def test_lost_frames_of_telnyx_are_reported_in_their_place() -> None:
    bridge = start_call(TELNYX)
    outputs = [bridge.from_carrier(TELNYX.media(noise(160, at), at)) for at in (2, 3, 6, 7, 8, 9, 10)]
    assert [output.events for output in outputs] == [(), (), (), (), (), (Gap(2),), ()]
    assert appended_audio(outputs[5]) == b"".join(noise(160, at) for at in (6, 7, 8, 9))
    assert bridge.stats.messages_lost == 2


def test_lost_frames_at_the_end_are_reported() -> None:
    bridge = start_call(TELNYX)
    bridge.from_carrier(TELNYX.media(noise(160), 4))
    assert bridge.end().events == (Gap(2),)


def test_other_transports_report_what_they_can() -> None:
    """RTP has numbers, for `Reorder`; AudioSocket, a TCP stream, has an error of Asterisk."""
    reorder: Reorder[bytes] = Reorder(depth=0, modulus=rtp.SEQUENCES)
    packets = [rtp.Sequencer(0, sequence=number).next(bytes(160)) for number in (65_534, 2)]
    items = [reorder.push(rtp.parse(packet).sequence, packet) for packet in packets]
    assert items == [[packets[0]], [Gap(3), packets[1]]]
    (message,) = audiosocket.Parser().feed(b"\xff\0\1\2")
    assert message.as_call() == CallFault("a frame was not forwarded", "02")


# --- Half samples -----------------------------------------------------------------------------

# Each carrier in formats of one and of two bytes a sample: those that carriers announce, and L16 at the session's
# own rate, which is not converted.
FORMATS = {
    "twilio": [PCMU, MediaFormat("L16", 16_000), MediaFormat("L16", 24_000)],
    "telnyx": [PCMU, PCMA, *(MediaFormat("L16", rate, big_endian=True) for rate in (8_000, 16_000, 24_000))],
    "plivo": [PCMU, *(MediaFormat("L16", rate) for rate in (8_000, 16_000, 24_000))],
    "vonage": [MediaFormat("L16", rate) for rate in (8_000, 16_000, 24_000)],
}
CASES = [
    (Phone(name, media), session_format)
    for name, formats in FORMATS.items()
    for media in formats
    for session_format in (None, PCM16, ULAW, ALAW)
]
EVERY_CASE = pytest.mark.parametrize(
    ("phone", "format"),
    CASES,
    ids=[
        f"{p.name}-{p.media_format.encoding}-{p.media_format.sample_rate}-{f and f.encoding}"
        for p, f in CASES
    ],
)


def opened(phone: Phone, format: Any) -> Bridge:
    """Return a bridge whose carrier plays the format that it sends."""
    play = phone.media_format if phone.name == "telnyx" else None
    bridge = Bridge(phone.name, format, play_format=play)
    bridge.from_carrier(phone.start())
    return bridge


def check_same(phone: Phone, one: tuple[str | bytes, ...], other: tuple[str | bytes, ...]) -> None:
    """Check that two runs played the same audio; Telnyx's last frame is padded if it is short."""
    shorter, longer = sorted((audio_of(phone, one), audio_of(phone, other)), key=len)
    padding = longer[len(shorter) :]
    assert longer.startswith(shorter)
    assert padding == phone.media_format.silence(len(padding))
    assert len(padding) < (phone.media_format.chunk_bytes(20) if phone.name == "telnyx" else 1)


def audio_of(phone: Phone, frames: tuple[str | bytes, ...]) -> bytes:
    wires = [frame if isinstance(frame, bytes) else json.loads(frame) for frame in frames]
    return b"".join(
        wire if isinstance(wire, bytes) else base64.b64decode(wire["media"]["payload"])
        for wire in wires
        if isinstance(wire, bytes) or "media" in wire
    )


@pytest.mark.mostly_slow(quick=6)
@EVERY_CASE
def test_deltas_of_any_size_are_the_same_stream(phone: Phone, format: Any) -> None:
    """A delta may end within a sample; half a sample at the end of a part is dropped and counted."""
    for size in range(1, 10):
        bridge, clean = opened(phone, format), opened(phone, format)
        width = bridge.output_format.sample_width
        audio = noise(9 * 40)
        frames: tuple[str | bytes, ...] = ()
        for at in range(0, len(audio), size):
            frames += bridge.from_server(delta(audio[at : at + size])).to_carrier
        frames += bridge.from_server(delta(b"\1")).to_carrier + bridge.from_server(audio_done()).to_carrier
        assert bridge.stats.half_samples_dropped == (width == 2)
        whole = audio if width == 2 else audio + b"\1"
        wanted = clean.from_server(delta(whole)).to_carrier + clean.from_server(audio_done()).to_carrier
        check_same(phone, frames, wanted)
        assert not bridge.stats.messages_lost
        # The next part begins with a whole sample.
        again = bridge.from_server(delta(audio, "item_2")).to_carrier
        again += bridge.from_server(audio_done("item_2")).to_carrier
        wanted = clean.from_server(delta(audio, "item_2")).to_carrier
        wanted += clean.from_server(audio_done("item_2")).to_carrier
        check_same(phone, again, wanted)


@pytest.mark.mostly_slow(quick=6)
@EVERY_CASE
@settings(max_examples=20)
@given(cuts=st.lists(st.integers(0, 700), max_size=12))
def test_any_split_is_the_same_stream(phone: Phone, format: Any, cuts: list[int]) -> None:
    audio = noise(700)
    bridge, clean = opened(phone, format), opened(phone, format)
    ends = [*sorted(cuts), len(audio)]
    frames: tuple[str | bytes, ...] = ()
    for start, end in zip([0, *ends[:-1]], ends, strict=True):
        frames += bridge.from_server(delta(audio[start:end])).to_carrier
    frames += bridge.from_server(audio_done()).to_carrier
    wanted = clean.from_server(delta(audio)).to_carrier + clean.from_server(audio_done()).to_carrier
    check_same(phone, frames, wanted)


@EVERY_CASE
def test_half_a_sample_of_the_caller_is_refused(phone: Phone, format: Any) -> None:
    """The bridge is as it was: what follows is not shifted."""
    for nbytes in range(1, 10):
        bridge, clean = opened(phone, format), opened(phone, format)
        frame = phone.media(noise(nbytes), 2)
        if nbytes % phone.media_format.sample_width:
            with pytest.raises(DecodeError):
                bridge.from_carrier(frame)
            number = 2
        else:
            assert bridge.from_carrier(frame) == clean.from_carrier(frame)
            number = 3
        after = phone.media(noise(phone.media_format.chunk_bytes(20)), number)
        assert bridge.from_carrier(after) == clean.from_carrier(after)
        assert bridge.end() == clean.end()
        assert bridge.stats == clean.stats


class _Unordered(twilio.Twilio):
    """A carrier without guaranteed order, whose L16 is little-endian."""

    IN_ORDER = False


@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_half_a_sample_before_the_format_is_known_is_dropped(rate: int) -> None:
    """The caller's audio may overtake the start, which announces two bytes a sample."""
    phone = replace(TWILIO, media_format=MediaFormat("L16", rate))
    bridge = Bridge(_Unordered())
    bridge.from_carrier(phone.media(noise(641), 2))
    clean = Bridge(_Unordered())
    clean.from_carrier(phone.media(noise(641)[:-1], 2))
    got, wanted = bridge.from_carrier(phone.start()), clean.from_carrier(phone.start())
    assert got.to_server == wanted.to_server
    assert appended_audio(got)
    assert (bridge.stats.half_samples_dropped, clean.stats.half_samples_dropped) == (1, 0)
    bridge.session_update()
    assert bridge.stats.half_samples_dropped == 1
    bridge.from_server(session("updated", ULAW, ULAW))
    assert bridge.stats.half_samples_dropped == 1


# --- Padding and formats ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("media", "silence"),
    [(PCMU, b"\xff"), (PCMA, b"\xd5"), (MediaFormat("L16", 16_000, big_endian=True), b"\0")],
    ids=["PCMU", "PCMA", "L16"],
)
def test_a_short_last_frame_is_padded_with_the_silence_of_its_format(
    media: MediaFormat, silence: bytes
) -> None:
    bridge = opened(Phone("telnyx", media), None)
    audio = bridge.output_format.silence(7)
    frames = bridge.from_server(delta(audio)).to_carrier + bridge.from_server(audio_done()).to_carrier
    played = audio_of(TELNYX, frames)
    assert len(played) == media.chunk_bytes(20)
    assert played == silence * len(played)


def test_a_new_request_replaces_the_format_that_the_server_confirmed() -> None:
    bridge = start_call(TWILIO)
    bridge.session_update()
    bridge.from_server(session("updated", PCM16, PCM16))
    assert bridge.input_format is PCM16
    bridge.session_update()
    assert (bridge.input_format, bridge.output_format) == (ULAW, PCM16)
    bridge.from_server(session("updated", ULAW, ULAW))
    assert (bridge.input_format, bridge.output_format) == (ULAW, ULAW)


# --- Errors -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("word", "near"), [("twilo", "twilio"), ("telnix", "telnyx"), ("plvio", "plivo"), ("vonnage", "vonage")]
)
def test_an_unknown_carrier_is_told_the_nearest(word: str, near: str) -> None:
    with pytest.raises(realtime.ConfigError, match=f"did you mean '{near}'"):
        Bridge(word)


SECRET = "Zx81kQ9vTt5mNw3pLr7sHc2d"
START = {"event": "start", "sequenceNumber": "1", "streamSid": "MZ1"}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize(
    "member",
    [
        {"customParameters": {"token": SECRET}},
        {"customParameters": {"api_key": SECRET}},
        {"custom_parameters": {"password": SECRET}},
        {"url": f"wss://user:{SECRET}@example.org/media"},
        {"streamUrl": f"wss://example.org/media?token={SECRET}"},
        {"stream_auth_token": SECRET},
        {"authBearerToken": SECRET},
        {"extra_headers": f"Authorization=Bearer {SECRET}"},
        {"headers": {"Authorization": f"Bearer {SECRET}"}},
    ],
    ids=lambda member: "-".join(member),
)
def test_errors_contain_no_credentials(carrier: str, member: dict[str, Any]) -> None:
    shapes: list[Any] = [
        {**member, **START, "start": 5},
        {**START, "start": {**member, "streamSid": 5, "streamId": 5, "media_format": 5}},
        {**member, "event": "websocket:connected", "content-type": 5},
        {**member, "event": "media", "media": 5},
        {**member, "event": "mark", "mark": {**member, "name": 5}},
    ]
    frames = [text(shape) for shape in shapes] + [text(shapes[0])[:-1], text({**member, "event": 5})]
    for frame in frames:
        bridge = Bridge(carrier)
        for given_frame in (frame, frame.encode()):
            try:
                bridge.from_carrier(given_frame)
            except DecodeError as error:
                shown = f"{error} {error!r} {error.reason} {error.path} {error.payload} {error.event_type}"
                assert SECRET not in shown


CONTROLS = "\x1b[31m\x9b2J\r\n\0\u202e"


@pytest.mark.parametrize("carrier", CARRIERS)
def test_errors_contain_no_control_characters(carrier: str) -> None:
    frames = [
        {**START, "start": {"streamSid": "MZ1", "mediaFormat": {"encoding": CONTROLS, "sampleRate": 8_000}}},
        {**START, "start": {"media_format": {"encoding": CONTROLS, "sample_rate": 8_000}}},
        {**START, "start": {"streamId": "1", "mediaFormat": {"encoding": CONTROLS, "sampleRate": 8_000}}},
        {"event": "websocket:connected", "content-type": CONTROLS},
        {"event": "media", "media": {CONTROLS: 1, "payload": CONTROLS}},
        {"event": CONTROLS + "\ud800"},
    ]
    refusals = []
    for frame in frames:
        try:
            Bridge(carrier).from_carrier(json.dumps(frame))
        except DecodeError as error:
            refusals.append(str(error))
    assert len(refusals) >= 2
    assert all(map(str.isprintable, refusals))
    unplayable = MediaFormat(CONTROLS, 8_000)
    for name, play_format in ((carrier + CONTROLS, None), (carrier, unplayable)):
        with pytest.raises(realtime.ConfigError) as refused:
            Bridge(name, play_format=play_format)
        assert str(refused.value).isprintable()
    for rate in (8_000, 11_025):
        with pytest.raises(realtime.AudioError) as invalid:
            MediaFormat(CONTROLS, rate).chunk_bytes(20)
        assert str(invalid.value).isprintable()
    with pytest.raises(realtime.AudioError) as invalid:
        MediaFormat(CONTROLS, 8_000).silence(20)
    assert str(invalid.value).isprintable()
