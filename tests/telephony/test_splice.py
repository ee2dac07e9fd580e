"""Audio cut out of a frame gives byte for byte what decoding and encoding give, or nothing is cut."""

from __future__ import annotations

import base64
import json
import typing
from typing import Any
from unittest.mock import Mock

import msgspec
import numpy as np
import pybase64
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import AudioFormat, EncodeError, beta, live, translation
from realtime.telephony import (
    CARRIERS,
    Bridge,
    MediaFormat,
    cut_delta,
    decoded_nbytes,
    plivo,
    splice,
    telnyx,
    twilio,
)
from realtime.telephony.splice import MAX_FRAME_BYTES, cut_live_delta
from tests.telephony import cases
from tests.telephony.calls import PHONES, STREAM, Phone

TEXT_CARRIERS: dict[str, Any] = {"twilio": twilio, "telnyx": telnyx, "plivo": plivo}
AUDIO = bytes((7 * i) % 256 for i in range(160))
B64 = base64.b64encode(AUDIO).decode()
DELTA = (
    '{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"item_1",'
    '"output_index":0,"content_index":2,"delta":"%s"}'
)


def _spliced_append(carrier: Any, frame: Any) -> bytes | None:
    """Return the append frame with the base64 of a media frame; None if none is cut."""
    cut = carrier.cut_media(frame)
    return None if cut is None else realtime.encode_append(cut[1].decode())


def _spliced_media(carrier: Any, frame: Any, format: MediaFormat | None = None) -> bytes | None:
    """Return the media frame with the base64 of an audio delta; None if none is cut."""
    cut = cut_delta(frame)
    return None if cut is None else carrier.encode_media(cut[1].decode(), "MZ1", format)


def _containers(frame: str) -> list[Any]:
    raw = frame.encode()
    return [frame, raw, bytearray(raw), memoryview(raw)]


# --- Base64 as an encoder writes it ---------------------------------------------------

# Longer base64 is validated by another method than shorter.
PREFIXES = pytest.mark.parametrize("prefix", ["", "AAAA" * 300], ids=["short", "long"])


def _is_accepted(text: str) -> bool:
    """Return True if a str of audio is accepted, which then stands in the frame as it is."""
    try:
        frame = twilio.encode_media(text, "s")
    except EncodeError:
        return False
    assert frame == b'{"event":"media","streamSid":"s","media":{"payload":"%b"}}' % text.encode()
    return True


@given(st.binary(max_size=400) | st.binary(min_size=760, max_size=800))
def test_encoded_audio_is_accepted(audio: bytes) -> None:
    text = base64.b64encode(audio)
    assert _is_accepted(text.decode())
    assert decoded_nbytes(text) == len(audio)


@PREFIXES
@given(st.text(alphabet="AQEgwB/+=-_ \n", max_size=9))
def test_accepted_base64_is_what_an_encoder_writes(prefix: str, text: str) -> None:
    raw = (prefix + text).encode()
    try:
        back = base64.b64encode(pybase64.b64decode(raw, None, True))
    except ValueError:
        back = None
    assert _is_accepted(prefix + text) is (back == raw)


@PREFIXES
@pytest.mark.parametrize("end", range(3))
def test_every_last_character(prefix: str, end: int) -> None:
    for code in range(256):
        text = "AAAA" + "A" * (3 - end) + chr(code) + "=" * end
        text = prefix + text[: 8 - end] + "=" * end
        try:
            is_canonical = base64.b64encode(base64.b64decode(text, validate=True)) == text.encode()
        except ValueError:
            is_canonical = False
        assert _is_accepted(text) is is_canonical


# --- From a carrier to the server -----------------------------------------------------


def _decoded_and_encoded(carrier: Any, frame: Any) -> bytes | None:
    try:
        message = carrier.decode(frame)
    except realtime.DecodeError:
        return None
    if not isinstance(message, carrier.Media) or message.media.track not in (None, "inbound"):
        return None
    return realtime.encode_append(message.media.payload)


def _media_frame(carrier: str) -> str:
    for frame in cases.frames(carrier, "messages"):
        if _spliced_append(CARRIERS[carrier], frame) is not None:
            return frame
    raise AssertionError("no frame of the caller's audio")


@pytest.mark.parametrize("name", TEXT_CARRIERS)
def test_media_becomes_an_append(name: str) -> None:
    carrier, frame = TEXT_CARRIERS[name], _media_frame(name)
    wire = json.loads(frame)
    append = realtime.encode_append(AUDIO)
    written = [
        frame,
        json.dumps(wire),
        json.dumps(wire, indent=2),
        json.dumps(dict(reversed(wire.items()))),
        json.dumps({**wire, "media": dict(reversed(wire["media"].items()))}),
        json.dumps({**wire, "tomorrow": "ü"}, ensure_ascii=False),
        frame.replace('"payload"', '"p\\u0061yload"'),
        frame.replace(B64[:4], B64[:4].replace("A", "\\u0041")),
    ]
    for spelled in written:
        for plain in (spelled, spelled.encode()):
            assert _spliced_append(carrier, plain) == append == _decoded_and_encoded(carrier, plain)
            message, base64_ = carrier.cut_media(plain)
            assert base64_ == B64.encode()
            assert message.media.payload == b""
            assert message.sequence == carrier.decode(plain).sequence


@pytest.mark.parametrize("phone", [PHONES[0], PHONES[1], PHONES[4]], ids=TEXT_CARRIERS)
def test_a_bridge_decodes_and_encodes_no_base64(phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    bridge = Bridge(phone.name, AudioFormat.G711_ULAW)
    bridge.from_carrier(phone.start())
    media, delta = _media_frame(phone.name), DELTA % B64
    append = realtime.encode_append(AUDIO).decode()
    called = Mock(side_effect=AssertionError("base64 was decoded or encoded"))
    for module in (pybase64, base64):
        for worker in ("b64decode", "b64encode"):
            monkeypatch.setattr(module, worker, called)
    assert bridge.from_carrier(media).to_server == (append,)
    (frame,) = bridge.from_server(delta).to_carrier
    with pytest.raises(AssertionError):
        CARRIERS[phone.name].encode_media(AUDIO, STREAM)
    monkeypatch.undo()
    assert phone.played((frame,)) == [AUDIO]
    assert (bridge.stats.spliced, bridge.stats.reencoded) == (2, 0)


@pytest.mark.parametrize(("carrier", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_only_media_of_the_caller_is_spliced(carrier: str, side: str, frame: str) -> None:
    module = CARRIERS[carrier]
    wire = json.loads(frame)
    # Media without a track count as the caller's, our own commands included.
    is_callers = wire.get("event") == "media" and wire["media"].get("track", "inbound") == "inbound"
    assert (_spliced_append(module, frame) is not None) is is_callers


@pytest.mark.parametrize("name", TEXT_CARRIERS)
@pytest.mark.parametrize(
    "payload",
    ['"AB=="', '"AAB="', '"AA="', '"*AAA"', '"AAAA AAA"', '"AA==AAAA"', '"AAAé"', '"\\ud800"', '"AAAA', "null", "5",
     '["AAAA"]', '{"payload":"AAAA"}', '"AA\\nAA"'],
)  # fmt: skip
def test_an_unusual_payload_is_not_spliced(name: str, payload: str) -> None:
    frame = _media_frame(name).replace(f'"{B64}"', payload)
    assert _spliced_append(TEXT_CARRIERS[name], frame) is None
    assert _spliced_append(TEXT_CARRIERS[name], frame.encode()) is None


@pytest.mark.parametrize("name", TEXT_CARRIERS)
def test_frames_that_might_nest_too_deep_are_not_spliced(name: str) -> None:
    carrier, frame = TEXT_CARRIERS[name], _media_frame(name)
    append = realtime.encode_append(AUDIO)
    for extra in ('"x":[]', '"x":{}', '"x":"{"', '"x":"["', '"x":' + "[" * 200 + "]" * 200):
        for unusual in (f"{frame[:-1]},{extra}}}", f'{{"pad":"{"x" * 300}",{extra},{frame[1:]}'):
            for spelled in (unusual, unusual.encode()):
                assert _spliced_append(carrier, spelled) == append == _decoded_and_encoded(carrier, spelled)
    for extra in ('"x":"' + "[" * 300 + '"', '"x":"' + "{" * 300 + '"'):
        unusual = f"{frame[:-1]},{extra}}}"
        for spelled in (unusual, unusual.encode()):
            assert _spliced_append(carrier, spelled) is None
            assert _decoded_and_encoded(carrier, spelled) == append


@pytest.mark.parametrize("name", TEXT_CARRIERS)
def test_other_containers_and_long_frames_are_not_spliced(name: str) -> None:
    carrier, frame = TEXT_CARRIERS[name], _media_frame(name)
    for container in (bytearray(frame.encode()), memoryview(frame.encode()), None, 5):
        assert _spliced_append(carrier, container) is None
    assert _spliced_append(carrier, frame.replace(B64, "A" * MAX_FRAME_BYTES)) is None


_VALUES = st.sampled_from([
    f'"{B64}"', '""', '"AAAA"', '"AA=="', '"AB=="', '"AA="', '"A*AA"', '"AAAA\\/AAA"', '"AAAA\\u0041AAA"', '"AA AA"',
    '"AAAA\\""', "null", "5", '["AAAA"]', '{"payload":"AAAA"}', '"AAAA', '"\xff"', '"=AAA"', '"inbound"', '"7"',
])  # fmt: skip
_KEYS = st.sampled_from([
    '"payload"', '"p\\u0061yload"', '"media"', '"track"', '"chunk"', '"timestamp"', '"x"', '"payload" ', '"event"',
    '"streamSid"', '"stream_id"', '"sequenceNumber"',
])  # fmt: skip
_COLONS = st.sampled_from([":", ": ", " :", ":\n", "::"])
_MEMBER = st.tuples(_KEYS, _COLONS, _VALUES).map("".join)


def _object(draw: st.DrawFn, members: list[str]) -> str:
    members = [*members, *draw(st.lists(_MEMBER, max_size=2))]
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    head, tail = draw(st.sampled_from([("{", "}"), (" {", "} "), ("{", "}}"), ("[{", "}]"), ("{", "")]))
    if draw(st.integers(0, 3)):
        head, tail = "{", "}"
    return head + draw(st.sampled_from([",", ", ", ",", ",,"])).join(members) + tail


@st.composite
def _media_frames(draw: st.DrawFn) -> str:
    track = draw(st.sampled_from(['"track":"inbound"', '"track":"outbound"', '"track":null', '"chunk":"1"']))
    body = _object(draw, [track, f'"payload":{draw(_VALUES)}'])
    event = draw(st.sampled_from(['"event":"media"', '"event": "media"', '"event":"stop"', '"event":"zap"']))
    stream = draw(st.sampled_from(['"streamSid":"MZ1"', '"stream_id":"5E0C"', '"streamSid":5']))
    return _object(draw, [event, '"sequenceNumber":"2"', f'"media":{body}', stream])


@given(_media_frames())
def test_a_spliced_append_equals_the_encoded_one(frame: str) -> None:
    for carrier in TEXT_CARRIERS.values():
        for container in _containers(frame):
            spliced = _spliced_append(carrier, container)
            assert spliced is None or spliced == _decoded_and_encoded(carrier, container)


@given(st.binary(max_size=700), st.sampled_from(sorted(TEXT_CARRIERS)), st.booleans())
def test_audio_of_any_length_is_spliced(audio: bytes, name: str, spaced: bool) -> None:
    carrier = TEXT_CARRIERS[name]
    wire = json.loads(_media_frame(name))
    wire["media"]["payload"] = base64.b64encode(audio).decode()
    frame = json.dumps(wire) if spaced else json.dumps(wire, separators=(",", ":"))
    assert _spliced_append(carrier, frame) == realtime.encode_append(audio)
    assert _spliced_append(carrier, frame.encode()) == realtime.encode_append(audio)


# --- From the server to a carrier -----------------------------------------------------


def _decoded_and_encoded_delta(carrier: Any, frame: Any, dialect: Any) -> bytes | None:
    try:
        event = dialect.decode_server(frame)
    except realtime.DecodeError:
        return None
    if not isinstance(event, (realtime.ResponseOutputAudioDelta, beta.ResponseAudioDelta)):
        return None
    return carrier.encode_media(event.delta, "MZ1")  # type: ignore[no-any-return]


DELTAS = {
    "compact": DELTA,
    "Python's json": DELTA.replace(":", ": ").replace(",", ", "),
    "the audio in the middle": DELTA.replace(',"delta":"%s"}', "}").replace('"item_id"', '"delta":"%s","item_id"'),
    "the audio first": DELTA.replace(',"delta":"%s"}', "}").replace('{"type"', '{"delta":"%s","type"'),
    "more fields": DELTA.replace('"delta"', '"obfuscation":"xx","delta"'),
    "no event_id": DELTA.replace('"event_id":"e",', ""),
    "beta": DELTA.replace("output_audio", "audio"),
}  # fmt: skip


@pytest.mark.parametrize("template", DELTAS.values(), ids=DELTAS)
@pytest.mark.parametrize("nbytes", [0, 1, 2, 3, 160, 24_000])
def test_a_delta_becomes_media(template: str, nbytes: int) -> None:
    audio = bytes((7 * i) % 256 for i in range(nbytes))
    frame = template % base64.b64encode(audio).decode()
    dialect = beta if "response.audio" in frame else realtime
    for carrier in TEXT_CARRIERS.values():
        for plain in (frame, frame.encode()):
            media = _spliced_media(carrier, plain)
            assert (
                media
                == carrier.encode_media(audio, "MZ1")
                == _decoded_and_encoded_delta(carrier, plain, dialect)
            )
            assert carrier.decode_command(media).media.payload == audio
    cut = cut_delta(frame)
    assert cut is not None
    event, base64_ = cut
    assert (event.item_id, event.content_index, event.delta) == ("item_1", 2, b"")
    assert decoded_nbytes(base64_) == nbytes


def test_plivo_media_states_its_format() -> None:
    l16 = MediaFormat("L16", 16_000)
    media = _spliced_media(plivo, DELTA % "AAEC", l16)
    assert media == plivo.encode_media(b"\0\1\2", "MZ1", l16)


NOT_SPLICED = {
    "another event": '{"type":"response.output_text.delta","response_id":"r","item_id":"i","output_index":0,'
    '"content_index":0,"delta":"AAAA"}',
    "no delta": '{"type":"response.output_audio.done"}',
    "not JSON": "hello",
    "nothing": "",
    "unclosed": DELTA.removesuffix('"}') % B64,
    "truncated": (DELTA % B64)[:-1],
    "not base64": DELTA % "*AAA",
    "stray bits": DELTA % "AB==",
    "escapes": DELTA % "AAAA\\/AAA",
    "an escaped key as well": DELTA.replace('"event_id":"e"', '"d\\u0065lta":"AAAA"') % B64,
    "two deltas": DELTA.replace('"event_id":"e"', '"delta":"*"') % B64,
    "two deltas, one spaced": DELTA.replace('"event_id":"e"', '"delta" :"*"') % B64,
    "two deltas, the last one counts": DELTA.replace('"%s"}', '"%s","delta":""}') % B64,
    "two deltas, the last one spaced": DELTA.replace('"%s"}', '"%s","delta" :""}') % B64,
    "two deltas, the last one escaped": DELTA.replace('"%s"}', '"%s","d\\u0065lta":""}') % B64,
    "nested": DELTA.replace('"event_id":"e"', '"x":{}') % B64,
    "an array": DELTA.replace('"event_id":"e"', '"x":[]') % B64,
    "far from the start": DELTA.replace('"event_id":"e"', f'"event_id":"{"x" * 2000}"') % B64,
    "an index that is a float": DELTA.replace('"output_index":0', '"output_index":0.0') % B64,
    "no item": DELTA.replace('"item_id":"item_1",', "") % B64,
    "lone surrogate": DELTA % "\ud800",
    "null": DELTA.replace('"%s"', "null"),
}


@pytest.mark.parametrize("frame", NOT_SPLICED.values(), ids=NOT_SPLICED)
def test_an_unusual_delta_is_not_spliced(frame: str) -> None:
    for carrier in TEXT_CARRIERS.values():
        assert _spliced_media(carrier, frame) is None
        assert (
            _spliced_media(
                carrier, frame.encode("utf-8", "surrogateescape" if frame.isascii() else "replace")
            )
            is None
        )


def test_deltas_in_other_containers_are_not_cut() -> None:
    raw = (DELTA % B64).encode()
    for frame in (bytearray(raw), memoryview(raw), None, 5, DELTA % ("A" * MAX_FRAME_BYTES)):
        assert cut_delta(frame) is None  # type: ignore[arg-type]


_DELTA_KEYS = st.sampled_from(
    ['"delta"', '"d\\u0065lta"', '"x"', '"item_id"', '"delta" ', '"type"', '"event_id"']
)
_DELTA_MEMBER = st.tuples(_DELTA_KEYS, _COLONS, _VALUES).map("".join)


@st.composite
def _delta_frames(draw: st.DrawFn) -> str:
    kind = draw(
        st.sampled_from(["response.output_audio.delta", "response.audio.delta", "response.output_text.delta"])
    )
    members = [
        f'"type":"{kind}"', '"response_id":"r"', '"item_id":"i"', '"output_index":0', '"content_index":0',
        draw(st.sampled_from(['"delta":', '"delta": ', '"delta" :'])) + draw(_VALUES),
        *draw(st.lists(_DELTA_MEMBER, max_size=2)),
    ]  # fmt: skip
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    head, tail = draw(st.sampled_from([("{", "}"), ("{", "}"), (" {", "} "), ("{", "}}"), ("{", "")]))
    return head + draw(st.sampled_from([",", ", ", ",,"])).join(members) + tail


@given(_delta_frames())
def test_a_spliced_media_frame_equals_the_encoded_one(frame: str) -> None:
    dialect = beta if '"response.audio.delta"' in frame else realtime
    for carrier in TEXT_CARRIERS.values():
        for container in _containers(frame):
            spliced = _spliced_media(carrier, container)
            assert spliced is None or spliced == _decoded_and_encoded_delta(carrier, container, dialect)


def test_deltas_name_their_item_in_these_dialects_only() -> None:
    members = typing.get_args(splice.AudioDelta)
    assert set(members) == {realtime.ResponseOutputAudioDelta, beta.ResponseAudioDelta}
    for dialect in (translation, live):
        event = dialect.SessionOutputAudioDelta
        assert "item_id" not in {field.name for field in msgspec.structs.fields(event)}


def test_arrays_are_audio_too() -> None:
    pcm: Any = np.arange(4, dtype="<i2")
    assert twilio.encode_media(pcm, "MZ1") == twilio.encode_media(pcm.tobytes(), "MZ1")


# --- Limits -----------------------------------------------------------------------------


@pytest.mark.parametrize("container", [str, str.encode], ids=["str", "bytes"])
@pytest.mark.parametrize(("frame", "shallow"), [
    ("", True), ("{}", True), ("[", True), ("{" * 256, True), ("[" * 256, True), ("[" * 128 + "{" * 128, True),
    ("[" * 257, False), ("[" * 256 + "{", False), ("[" + "{" * 256, False),
    ("{" * 256 + "x" * 99, True), ("{" * 255 + "xx{", True), ("{" * 256 + "xx{", False), ("x" * 256 + "{" * 256, True),
    ("x" * 256 + "{" * 257, False), ("[" + "x" * 300 + "{" * 255, True), ("[" + "x" * 300 + "{" * 256, False),
])  # fmt: skip
def test_a_frame_that_could_nest_deeper_than_256_is_not_shallow(
    frame: str, shallow: bool, container: Any
) -> None:
    assert splice.is_shallow(container(frame)) is shallow


def test_a_frame_that_may_be_longer_than_16_mib_is_not_shallow() -> None:
    longest = "x" * (MAX_FRAME_BYTES // 4)
    for container in (str, str.encode):
        frame: Any = container(longest)
        assert splice.is_shallow(frame)
        assert not splice.is_shallow(frame + frame[:1])
    assert not splice.is_shallow(bytearray(b"{}"))


def test_the_longest_delta_is_cut() -> None:
    longest = "AAAA" * (MAX_FRAME_BYTES // 4)
    room = MAX_FRAME_BYTES - len(DELTA % "")
    delta = DELTA.replace('"e"', f'"{"e" * (1 + room % 4)}"') % longest[: room - room % 4]
    assert len(delta) == MAX_FRAME_BYTES == 16 * 1024 * 1024
    for frame in (delta, delta.encode()):
        cut = cut_delta(frame)
        assert cut is not None
        assert cut[1].decode() == longest[: room - room % 4]
    longer = delta.replace('"e', '"ee', 1)
    assert cut_delta(longer) is cut_delta(longer.encode()) is None


@pytest.mark.parametrize("head", ['"delta":"', '"delta": "'])
def test_the_audio_is_found_within_the_first_kilobyte(head: str) -> None:
    frame = DELTA.replace('"delta":"', head) % B64
    for padding, found in (
        (1_024 - frame.index(head) - len(head), True),
        (1_025 - frame.index(head) - len(head), False),
    ):
        padded = frame.replace('"event_id":"e', '"event_id":"e' + "e" * padding)
        assert (cut_delta(padded) is not None) is found


def test_deltas_of_live_are_cut_alike() -> None:
    delta = live.SessionOutputAudioDelta(delta=bytes(range(9)))
    frame = live.encode(delta)
    cut = cut_live_delta(frame)
    assert cut is not None
    event, audio = cut
    assert base64.b64decode(audio) == delta.delta
    assert msgspec.structs.replace(event, delta=delta.delta) == delta
    assert cut_delta(frame) is None
    assert cut_live_delta(b'{"type":"session.output_transcript.delta","delta":"AAAA"}') is None
