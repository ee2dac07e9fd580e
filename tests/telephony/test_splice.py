"""A splice gives what decoding and encoding give, byte for byte, or it steps aside."""

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
from realtime import beta, live, translation
from realtime.telephony import (
    CARRIERS,
    MediaFormat,
    _base64,
    _splice,
    _wire,
    append_splicer,
    cut_delta,
    nbytes_of,
    plivo,
    telnyx,
    twilio,
)
from tests.telephony import cases

TEXT_CARRIERS: dict[str, Any] = {"twilio": twilio, "telnyx": telnyx, "plivo": plivo}
AUDIO = bytes((7 * i) % 256 for i in range(160))
B64 = base64.b64encode(AUDIO).decode()
DELTA = (
    '{"type":"response.output_audio.delta","event_id":"e","response_id":"r","item_id":"item_1",'
    '"output_index":0,"content_index":2,"delta":"%s"}'
)


def _containers(frame: str) -> list[Any]:
    raw = frame.encode()
    return [frame, raw, bytearray(raw), memoryview(raw)]


# --- What base64 an encoder writes ---------------------------------------------------


@given(st.binary(max_size=400))
def test_what_an_encoder_writes_is_exact(audio: bytes) -> None:
    text = base64.b64encode(audio)
    assert _base64.is_exact(text)
    assert nbytes_of(text) == len(audio)


@given(st.text(alphabet="AQEgwB/+=-_ \n", max_size=9))
def test_what_is_exact_comes_back(text: str) -> None:
    raw = text.encode()
    try:
        back = base64.b64encode(pybase64.b64decode(raw, None, True))
    except ValueError:
        back = None
    assert _base64.is_exact(raw) is (back == raw)


@pytest.mark.parametrize("end", range(3))
def test_every_last_character(end: int) -> None:
    for code in range(256):
        text = b"AAAA" + b"A" * (3 - end) + bytes([code]) + b"=" * end
        text = text[: 8 - end] + b"=" * end
        try:
            exact = base64.b64encode(base64.b64decode(text, validate=True)) == text
        except ValueError:
            exact = False
        assert _base64.is_exact(text) is exact


# --- From the carrier ----------------------------------------------------------------


def _the_long_way(carrier: Any, frame: Any) -> bytes | None:
    try:
        message = carrier.decode(frame)
    except realtime.DecodeError:
        return None
    if not isinstance(message, carrier.Media) or message.media.track not in (None, "inbound"):
        return None
    return realtime.encode_append(message.media.payload)


def _media_frame(carrier: str) -> str:
    for frame in cases.frames(carrier, "messages"):
        if CARRIERS[carrier].media_to_append(frame) is not None:
            return frame
    raise AssertionError("no frame of the caller's audio")


@pytest.mark.parametrize("name", TEXT_CARRIERS)
def test_the_callers_audio_becomes_an_append(name: str) -> None:
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
            assert carrier.media_to_append(plain) == append == _the_long_way(carrier, plain)
            message, base64_ = carrier.cut_media(plain)
            assert base64_ == B64.encode()
            assert message.media.payload == b""
            assert message.sequence == carrier.decode(plain).sequence


@pytest.mark.parametrize("name", TEXT_CARRIERS)
def test_no_base64_is_decoded_or_encoded(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    worked = Mock(side_effect=AssertionError("base64 was worked on"))
    for module, names in (
        (_base64, ("from_base64", "to_base64")),
        (_wire, ("from_base64",)),
        (pybase64, ("b64decode", "b64encode")),
        (base64, ("b64decode", "b64encode")),
    ):
        for worker in names:
            monkeypatch.setattr(module, worker, worked)
    carrier = TEXT_CARRIERS[name]
    assert B64.encode() in carrier.media_to_append(_media_frame(name))
    assert B64.encode() in carrier.delta_to_media(DELTA % B64, "MZ1")
    with pytest.raises(AssertionError):
        carrier.encode_media(AUDIO, "MZ1")


@pytest.mark.parametrize(("carrier", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_every_case_is_spliced_or_left(carrier: str, side: str, frame: str) -> None:
    module = CARRIERS[carrier]
    wire = json.loads(frame)
    # To whoever reads it, media without a track are the caller's, those we send too.
    is_callers = wire.get("event") == "media" and wire["media"].get("track", "inbound") == "inbound"
    assert (module.media_to_append(frame) is not None) is is_callers


@pytest.mark.parametrize("name", TEXT_CARRIERS)
@pytest.mark.parametrize(
    "payload",
    ['"AB=="', '"AAB="', '"AA="', '"*AAA"', '"AAAA AAA"', '"AA==AAAA"', '"AAAé"', '"\\ud800"', '"AAAA', "null", "5",
     '["AAAA"]', '{"payload":"AAAA"}', '"AA\\nAA"'],
)  # fmt: skip
def test_a_payload_that_is_not_plain_steps_aside(name: str, payload: str) -> None:
    frame = _media_frame(name).replace(f'"{B64}"', payload)
    assert TEXT_CARRIERS[name].media_to_append(frame) is None
    assert TEXT_CARRIERS[name].media_to_append(frame.encode()) is None


@pytest.mark.parametrize("name", TEXT_CARRIERS)
def test_what_might_nest_deep_steps_aside(name: str) -> None:
    carrier, frame = TEXT_CARRIERS[name], _media_frame(name)
    append = realtime.encode_append(AUDIO)
    for extra in ('"x":[]', '"x":{}', '"x":"{"', '"x":"["', '"x":' + "[" * 200 + "]" * 200):
        for odd in (f"{frame[:-1]},{extra}}}", f'{{"pad":"{"x" * 300}",{extra},{frame[1:]}'):
            for spelled in (odd, odd.encode()):
                assert carrier.media_to_append(spelled) == append == _the_long_way(carrier, spelled)
    for extra in ('"x":"' + "[" * 300 + '"', '"x":"' + "{" * 300 + '"'):
        odd = f"{frame[:-1]},{extra}}}"
        for spelled in (odd, odd.encode()):
            assert carrier.media_to_append(spelled) is None
            assert _the_long_way(carrier, spelled) == append


@pytest.mark.parametrize("name", TEXT_CARRIERS)
def test_what_is_no_short_bytes_or_str_steps_aside(name: str) -> None:
    carrier, frame = TEXT_CARRIERS[name], _media_frame(name)
    for container in (bytearray(frame.encode()), memoryview(frame.encode()), None, 5):
        assert carrier.media_to_append(container) is None
    assert carrier.media_to_append(frame.replace(B64, "A" * _wire.MAX_FRAME_BYTES)) is None


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
def test_a_spliced_append_is_the_long_ways(frame: str) -> None:
    for carrier in TEXT_CARRIERS.values():
        for container in _containers(frame):
            spliced = carrier.media_to_append(container)
            assert spliced is None or spliced == _the_long_way(carrier, container)


@given(st.binary(max_size=700), st.sampled_from(sorted(TEXT_CARRIERS)), st.booleans())
def test_audio_of_any_length_is_spliced(audio: bytes, name: str, spaced: bool) -> None:
    carrier = TEXT_CARRIERS[name]
    wire = json.loads(_media_frame(name))
    wire["media"]["payload"] = base64.b64encode(audio).decode()
    frame = json.dumps(wire) if spaced else json.dumps(wire, separators=(",", ":"))
    assert carrier.media_to_append(frame) == realtime.encode_append(audio)
    assert carrier.media_to_append(frame.encode()) == realtime.encode_append(audio)


@pytest.mark.parametrize("dialect", [realtime, beta, translation, live])
def test_an_append_of_any_dialect(dialect: Any) -> None:
    splice = append_splicer(twilio.cut_media, dialect.encode_append)
    assert splice(_media_frame("twilio")) == dialect.encode_append(AUDIO)
    assert splice('{"event":"connected"}') is None


# --- From the server -----------------------------------------------------------------


def _delta_the_long_way(carrier: Any, frame: Any, dialect: Any) -> bytes | None:
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
def test_a_delta_becomes_the_carriers_media(template: str, nbytes: int) -> None:
    audio = bytes((7 * i) % 256 for i in range(nbytes))
    frame = template % base64.b64encode(audio).decode()
    dialect = beta if "response.audio" in frame else realtime
    for carrier in TEXT_CARRIERS.values():
        for plain in (frame, frame.encode()):
            media = carrier.delta_to_media(plain, "MZ1")
            assert media == carrier.encode_media(audio, "MZ1") == _delta_the_long_way(carrier, plain, dialect)
            assert carrier.decode_command(media).media.payload == audio
    cut = cut_delta(frame)
    assert cut is not None
    event, base64_ = cut
    assert (event.item_id, event.content_index, event.delta) == ("item_1", 2, b"")
    assert nbytes_of(base64_) == nbytes


def test_plivos_media_says_its_format() -> None:
    l16 = MediaFormat("L16", 16_000)
    media = plivo.delta_to_media(DELTA % "AAEC", "s", l16)
    assert media == plivo.encode_media(b"\0\1\2", "s", l16)


ASIDE = {
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
    "an escaped key too": DELTA.replace('"event_id":"e"', '"d\\u0065lta":"AAAA"') % B64,
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


@pytest.mark.parametrize("frame", ASIDE.values(), ids=ASIDE)
def test_a_delta_that_is_not_plain_steps_aside(frame: str) -> None:
    for carrier in TEXT_CARRIERS.values():
        assert carrier.delta_to_media(frame, "MZ1") is None
        assert (
            carrier.delta_to_media(
                frame.encode("utf-8", "surrogateescape" if frame.isascii() else "replace"), "MZ1"
            )
            is None
        )


def test_other_containers_and_kinds_step_aside() -> None:
    raw = (DELTA % B64).encode()
    for frame in (bytearray(raw), memoryview(raw), None, 5, DELTA % ("A" * _wire.MAX_FRAME_BYTES)):
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
def test_a_spliced_medium_is_the_long_ways(frame: str) -> None:
    dialect = beta if '"response.audio.delta"' in frame else realtime
    for carrier in TEXT_CARRIERS.values():
        for container in _containers(frame):
            spliced = carrier.delta_to_media(container, "MZ1")
            assert spliced is None or spliced == _delta_the_long_way(carrier, container, dialect)


def test_deltas_name_their_item_in_these_dialects_only() -> None:
    members = typing.get_args(_splice.AudioDelta)
    assert set(members) == {realtime.ResponseOutputAudioDelta, beta.ResponseAudioDelta}
    for dialect in (translation, live):
        event = dialect.SessionOutputAudioDelta
        assert "item_id" not in {field.name for field in msgspec.structs.fields(event)}


def test_arrays_are_audio_too() -> None:
    pcm: Any = np.arange(4, dtype="<i2")
    assert twilio.encode_media(pcm, "MZ1") == twilio.encode_media(pcm.tobytes(), "MZ1")
