"""Every message of every carrier, from one table of cases; unknown and hostile frames."""

from __future__ import annotations

import json
import re
import threading
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import AudioFormat, ConfigError, DecodeError, EncodeError
from realtime.telephony import (
    CARRIERS,
    Bridge,
    CallAudio,
    CallCleared,
    CallDigit,
    CallEnded,
    CallFault,
    CallMark,
    CallStarted,
    Carrier,
    MediaFormat,
    UnknownMessage,
    plivo,
    telnyx,
    twilio,
    vonage,
)
from realtime.telephony.carriers import get_carrier
from realtime.telephony.splice import MAX_FRAME_BYTES
from tests.telephony import cases

TEXT_CARRIERS = ["twilio", "telnyx", "plivo"]
ALL_AUDIO = bytes((7 * i) % 256 for i in range(160))


# --- Cases, decoded and encoded ------------------------------------------------------


@pytest.mark.parametrize(("carrier", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_every_case_decodes_and_encodes_back(carrier: str, side: str, frame: str) -> None:
    decode, encode = cases.decoder(carrier, side), CARRIERS[carrier].encode
    message = decode(frame)
    assert message.type == cases.tag_of(frame)
    assert not isinstance(message, UnknownMessage)
    again = encode(message)
    assert json.loads(again) == json.loads(frame)
    assert decode(again.decode()) == message


# On Vonage, bytes are audio.
@pytest.mark.parametrize(("carrier", "side", "frame"), [case for case in cases.ALL if case[0] != "vonage"])
def test_every_container_decodes_alike(carrier: str, side: str, frame: str) -> None:
    decode = cases.decoder(carrier, side)
    raw = frame.encode()
    for container in (raw, bytearray(raw), memoryview(raw), memoryview(b" " + raw)[1:]):
        assert decode(container) == decode(frame)


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("side", cases.SIDES)
def test_every_class_has_a_case_and_is_named_after_its_tag(carrier: str, side: str) -> None:
    classes = cases.classes(carrier, side)
    assert {str(c.__struct_config__.tag) for c in classes} == {
        cases.tag_of(frame) for frame in cases.frames(carrier, side)
    }
    for cls in classes:
        words = re.split(r":", str(cls.__struct_config__.tag))
        assert cls.__name__ == "".join(word[0].upper() + word[1:] for word in words)


@pytest.mark.parametrize(("carrier", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_a_null_or_missing_field_decodes_or_is_in_the_error(carrier: str, side: str, frame: str) -> None:
    decode = cases.decoder(carrier, side)

    def places(value: Any) -> list[tuple[Any, str]]:
        if not isinstance(value, dict):
            return []
        return [(value, key) for key in value] + [p for item in value.values() for p in places(item)]

    for index in range(len(places(json.loads(frame)))):
        for absent in (False, True):
            wire = json.loads(frame)
            container, key = places(wire)[index]
            if absent:
                del container[key]
            else:
                container[key] = None
            try:
                decode(json.dumps(wire))
            except DecodeError as error:
                assert key in error.path or key in error.reason, error
                assert key in ("event", "action") or error.event_type == cases.tag_of(frame)


# --- Fields --------------------------------------------------------------------------


def test_integers_decode_from_every_spelling() -> None:
    sid = "MZ1"
    for number in ("7", 7, 7.0, "7.0"):
        wire = {
            "event": "media",
            "sequenceNumber": number,
            "streamSid": sid,
            "media": {"payload": "AA==", "chunk": number, "timestamp": number},
        }
        body = twilio.MediaBody(b"\0", None, 7, 7)
        assert twilio.decode(json.dumps(wire)) == twilio.Media(sid, body, sequence_number=7)
    invalid: Any
    for invalid in ("", "x", "007", "7 ", True, [], 7.5, "9" * 5000):
        with pytest.raises(DecodeError) as caught:
            twilio.decode(json.dumps({"event": "stop", "streamSid": sid, "sequenceNumber": invalid}))
        assert caught.value.path == "$.sequenceNumber"


def test_integers_are_encoded_as_the_carrier_writes_them() -> None:
    media = twilio.Media("MZ1", twilio.MediaBody(b"\0", "inbound", 1, 20), sequence_number=2)
    wire = json.loads(twilio.encode(media))
    assert (wire["sequenceNumber"], wire["media"]["chunk"], wire["media"]["timestamp"]) == ("2", "1", "20")
    played = plivo.Media(plivo.MediaBody(b"\0", "inbound", 1, 20), sequence_number=2)
    wire = json.loads(plivo.encode(played))
    assert (wire["sequenceNumber"], wire["media"]["chunk"], wire["media"]["timestamp"]) == (2, 1, "20")


def test_fields_that_are_not_set_are_not_sent() -> None:
    assert twilio.encode(twilio.Mark("MZ1", twilio.MarkBody("m"))) == (
        b'{"event":"mark","streamSid":"MZ1","mark":{"name":"m"}}'
    )
    assert telnyx.encode(telnyx.Clear()) == b'{"event":"clear"}'
    assert vonage.encode(vonage.Clear()) == b'{"action":"clear"}'


def test_unknown_fields_are_ignored() -> None:
    frame = '{"event":"clear","streamSid":"MZ1","new":{"a":[[]]},"x":"\\u00e9"}'
    assert twilio.decode_command(frame) == twilio.Clear("MZ1")


# --- Events of the call --------------------------------------------------------------

PCMU, L16_16K = MediaFormat("PCMU", 8_000), MediaFormat("L16", 16_000)
_TWILIO_START = CallStarted(
    "MZ0f3b6c9e2d5a8170b4c7e1a39d6f2058",
    "CAe81c5b7d24f0936a8e2b1d7c405f93a6",
    PCMU,
    {"language": "de", "vip": "yes"},
)
_T, _P = "5E0C7A42-9B1D-4F36-8E57-D2A60B93C14F", "2f6d9c10-74be-4a53-b8e1-0c9d5a7f3e26"
AS_CALL: dict[str, list[Any]] = {
    "twilio": [
        None, _TWILIO_START, CallAudio(ALL_AUDIO, 2, 87), None, CallDigit("#"), CallMark("item_7:2400"),
        CallEnded(), CallAudio(b""), CallEnded(),
    ],
    "telnyx": [
        None, CallStarted(_T, "v3:k2LQ", PCMU, {"customer": "7"}),
        CallStarted(_T, None, MediaFormat("L16", 16_000, big_endian=True)),
        CallAudio(ALL_AUDIO, 2, 20), None, CallDigit("5"), CallMark("m-1"),
        CallFault("The payload is not base64", 100003), CallFault("", "90046"), CallEnded(),
    ],
    "plivo": [
        CallStarted(_P, "c7", PCMU, {"userId": "12", "lang": "pt-BR"}), CallStarted(_P, None, L16_16K),
        CallAudio(ALL_AUDIO, 2, 1795513502114), None, CallDigit("*"), CallMark("greeting"),
        CallMark("greeting"), CallCleared(), CallEnded(),
    ],
    "vonage": [
        CallStarted("", None, L16_16K, {
            "language": "en-GB", "vip": True, "address": {"line_1": "1 High St"}, "roles": [1, 2],
        }),
        CallStarted("", None, MediaFormat("L16", 24_000)), CallDigit("5", 260), CallCleared(),
        CallMark("m-1"), None,
    ],
}  # fmt: skip


@pytest.mark.parametrize("carrier", CARRIERS)
def test_as_call(carrier: str) -> None:
    messages = [CARRIERS[carrier].decode(frame) for frame in cases.frames(carrier, "messages")]
    assert [message.as_call() for message in messages] == AS_CALL[carrier]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_sequence_is_the_number_of_the_message(carrier: str) -> None:
    for frame in cases.frames(carrier, "messages"):
        wire = json.loads(frame)
        number = wire.get("sequenceNumber", wire.get("sequence_number"))
        assert CARRIERS[carrier].decode(frame).sequence == (None if number is None else int(number))


@pytest.mark.parametrize(
    ("start", "format"),
    [
        (twilio.Start(twilio.StartBody("MZ1")), PCMU),
        (telnyx.Start(telnyx.StartBody()), PCMU),
        (telnyx.Start(telnyx.StartBody(telnyx.StartFormat("PCMA", 8000, 1))), MediaFormat("PCMA", 8000)),
        (telnyx.Start(telnyx.StartBody(telnyx.StartFormat("G722", 8000))), MediaFormat("G722", 8000)),
        (plivo.Start(plivo.StartBody("s")), PCMU),
        (vonage.WebsocketConnected("audio/l16"), L16_16K),
        (vonage.WebsocketConnected(" audio/l16 ; rate = 8000 "), MediaFormat("L16", 8_000)),
        (vonage.WebsocketConnected("audio/l16;rate=0"), MediaFormat("audio/l16;rate=0", 16_000)),
    ],
)
def test_the_format_of_a_start(start: Any, format: MediaFormat) -> None:
    assert start.format == format
    assert start.as_call().format == format


def test_parameters_that_are_not_an_object_are_ignored() -> None:
    start = telnyx.decode('{"event":"start","start":{"custom_parameters":[{"name":"a","value":"b"}]}}')
    assert start.as_call() == CallStarted("", None, PCMU)


def test_the_title_of_an_error_replaces_a_missing_detail() -> None:
    assert telnyx.Error(telnyx.ErrorBody(1, "title")).as_call() == CallFault("title", 1)


# --- Unknown messages ----------------------------------------------------------------


@pytest.mark.parametrize("carrier", CARRIERS)
def test_an_unknown_message_encodes_back(carrier: str) -> None:
    frame = '{ "event":"n\\u00e9w", "sequence_number":"9", "x":[{"é":1e5}] }'
    message = CARRIERS[carrier].decode(frame)
    assert message == UnknownMessage("néw", frame.encode())
    assert (message.sequence, message.as_call()) == (9, None)
    assert CARRIERS[carrier].encode(message) == frame.encode()
    command = '{"action":"dance"}' if carrier == "vonage" else frame
    assert isinstance(CARRIERS[carrier].decode_command(command), UnknownMessage)


@pytest.mark.parametrize(
    ("raw", "sequence"),
    [
        (b'{"event":"x","sequenceNumber":4}', 4),
        (b'{"event":"x","sequenceNumber":"4"}', 4),
        (b'{"event":"x"}', None),
        (b'{"event":"x","sequenceNumber":[]}', None),
    ],
)
def test_the_sequence_of_an_unknown_message(raw: bytes, sequence: int | None) -> None:
    assert twilio.decode(raw).sequence == sequence


# --- Hostile frames ------------------------------------------------------------------

HOSTILE = {
    "nothing": b"",
    "space": b" \n",
    "not JSON": b"hello",
    "binary": b"\x00\x01\xff\xfe",
    "a string": b'"media"',
    "a number": b"5",
    "null": b"null",
    "an array": b'[{"event":"connected"}]',
    "empty object": b"{}",
    "no event": b'{"media":{"payload":"AAAA"}}',
    "event null": b'{"event":null}',
    "event a number": b'{"event":5}',
    "event an object": b'{"event":{"event":"stop"}}',
    "event an array": b'{"event":["media"]}',
    "event empty": b'{"event":""}',
    "truncated": b'{"event":"media","media":{"payload":"AAA',
    "truncated in a known type": b'{"event":"stop"',
    "truncated unknown": b'{"event":"zap","x":',
    "two values": b'{"event":"zap"}{}',
    "trailing comma": b'{"event":"zap",}',
    "UTF-16": '{"event":"stop"}'.encode("utf-16"),
    "BOM": b'\xef\xbb\xbf{"event":"zap"}',
    "bad UTF-8": b'{"event":"zap","x":"\xff"}',
    "encoded surrogate": b'{"event":"zap","x":"\xed\xa0\x80"}',
    "lone surrogate in the event": b'{"event":"\\ud800"}',
    "raw newline": b'{"event":"zap","x":"\n"}',
    "deep arrays": b'{"event":"zap","x":' + b"[" * 5000,
    "deep arrays, closed": b'{"event":"zap","x":' + b"[" * 400 + b"]" * 400 + b"}",
    "deep objects": b'{"event":"zap","x":' + b'{"a":' * 5000,
    "deep in media": b'{"event":"media","media":' + b'{"media":' * 3000,
    "deep payload": b'{"event":"media","media":{"payload":' + b"[" * 3000,
    "media null": b'{"event":"media","streamSid":"a","media":null}',
    "media a string": b'{"event":"media","streamSid":"a","media":"AAAA"}',
    "media an array": b'{"event":"media","streamSid":"a","media":["AAAA"]}',
    "media empty": b'{"event":"media","streamSid":"a","media":{}}',
    "payload null": b'{"event":"media","streamSid":"a","media":{"payload":null}}',
    "payload a number": b'{"event":"media","streamSid":"a","media":{"payload":5}}',
    "payload not base64": b'{"event":"media","streamSid":"a","media":{"payload":"*AAA"}}',
    "payload cut": b'{"event":"media","streamSid":"a","media":{"payload":"AAA"}}',
    "payload URL-safe": b'{"event":"media","streamSid":"a","media":{"payload":"AA-_"}}',
    "payload with space": b'{"event":"media","streamSid":"a","media":{"payload":"AAAA AAA"}}',
    "payload padded inside": b'{"event":"media","streamSid":"a","media":{"payload":"AA==AAAA"}}',
    "payload not ASCII": '{"event":"media","streamSid":"a","media":{"payload":"AAAé"}}'.encode(),
    "track a number": b'{"event":"media","streamSid":"a","media":{"payload":"AAAA","track":1}}',
    "chunk an object": b'{"event":"media","streamSid":"a","media":{"payload":"AAAA","chunk":{}}}',
    "start a string": b'{"event":"start","start":"now"}',
    "start an array": b'{"event":"start","streamSid":"a","start":[]}',
    "dtmf null": b'{"event":"dtmf","streamSid":"a","dtmf":null}',
    "digit a number": b'{"event":"dtmf","streamSid":"a","dtmf":{"digit":5}}',
    "rate zero": b'{"event":"start","start":{"streamSid":"a","streamId":"a","mediaFormat":'
    b'{"encoding":"x","sampleRate":0},"media_format":{"encoding":"x","sample_rate":0}}}',
    "rate huge": b'{"event":"start","start":{"streamSid":"a","streamId":"a","mediaFormat":'
    b'{"encoding":"x","sampleRate":1e12},"media_format":{"encoding":"x","sample_rate":1e12}}}',
}
# Malformed, and yet a message of an unknown type.
STILL_UNKNOWN = {"event empty"}


@pytest.mark.parametrize("carrier", CARRIERS)
@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_frames_are_refused(carrier: str, name: str) -> None:
    frame = HOSTILE[name]
    for decode in (CARRIERS[carrier].decode, CARRIERS[carrier].decode_command):
        for container in (
            frame,
            bytearray(frame),
            memoryview(frame),
            frame.decode("utf-8", "surrogateescape"),
        ):
            if carrier == "vonage" and not isinstance(container, str):
                continue
            try:
                message = decode(container)
            except DecodeError as error:
                assert len(str(error)) < 600
            else:
                assert isinstance(message, UnknownMessage) or carrier == "vonage"
                assert CARRIERS[carrier].encode(message)
    if carrier in TEXT_CARRIERS and name not in STILL_UNKNOWN:
        with pytest.raises(DecodeError):
            CARRIERS[carrier].decode(frame)


def test_hostile_frames_on_small_stacks() -> None:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            for carrier in CARRIERS:
                for name in HOSTILE:
                    test_hostile_frames_are_refused(carrier, name)
        except BaseException as error:
            raised.append(error)

    previous = threading.stack_size(128 * 1024)
    try:
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
    finally:
        threading.stack_size(previous)
    assert raised == []


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_frame_over_the_limit_is_refused(carrier: str) -> None:
    frame = '{"event":"zap","x":"' + "é" * (MAX_FRAME_BYTES // 2) + '"}'
    with pytest.raises(DecodeError, match="more than"):
        CARRIERS[carrier].decode(frame)


def test_errors_have_type_path_and_expected_type() -> None:
    with pytest.raises(DecodeError) as caught:
        twilio.decode('{"event":"media","streamSid":"a","media":{"payload":5}}')
    error = caught.value
    assert (error.event_type, error.path, error.expected) == ("media", "$.media.payload", "str")
    with pytest.raises(DecodeError) as caught:
        twilio.decode('{"event":"media","streamSid":"a","media":{"payload":"*"}}')
    assert (caught.value.event_type, caught.value.path) == ("media", "$.media.payload")
    with pytest.raises(DecodeError) as caught:
        twilio.decode("hello")
    assert (caught.value.event_type, caught.value.path, caught.value.payload) == ("", "$", "hello")


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_wrong_kind_of_frame_is_a_type_error(carrier: str) -> None:
    for invalid in (None, 5, [b"{}"], {"event": "stop"}):
        for decode in (CARRIERS[carrier].decode, CARRIERS[carrier].decode_command):
            with pytest.raises(TypeError, match="bytes-like or a str"):
                decode(invalid)  # type: ignore[arg-type]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_a_released_view_is_a_decode_error(carrier: str) -> None:
    view = memoryview(b'{"event":"stop"}')
    view.release()
    with pytest.raises(DecodeError):
        CARRIERS[carrier].decode(view)


def _mutated(data: st.DataObject, raw: bytearray) -> bytes:
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        what = data.draw(st.sampled_from(["flip", "cut", "insert", "drop", "repeat"]))
        if what == "flip" and at < len(raw):
            raw[at] = data.draw(st.integers(0, 255))
        elif what == "cut":
            del raw[at:]
        elif what == "insert":
            raw[at:at] = data.draw(
                st.binary(max_size=8) | st.sampled_from([b'"', b"\\", b"[{", b",", b"\xff"])
            )
        elif what == "drop":
            del raw[at : at + data.draw(st.integers(1, 20))]
        else:
            raw[at:at] = raw[at : at + data.draw(st.integers(1, 40))]
    return bytes(raw)


@given(st.sampled_from(cases.ALL), st.data())
def test_mutated_frames_decode_or_are_refused(case: tuple[str, str, str], data: st.DataObject) -> None:
    carrier, side, frame = case
    decode, encode = cases.decoder(carrier, side), CARRIERS[carrier].encode
    text = _mutated(data, bytearray(frame.encode())).decode("utf-8", "surrogateescape")
    try:
        message = decode(text)
    except DecodeError:
        return
    message.as_call()
    again = encode(message).decode()
    assert decode(again) == message


# --- Encoding ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("carrier", "message"),
    [
        ("twilio", twilio.Clear(5)),  # type: ignore[arg-type]
        ("twilio", twilio.Media("MZ1", twilio.MediaBody("*"))),  # type: ignore[arg-type]
        ("twilio", twilio.Media("MZ1", twilio.MediaBody(None))),  # type: ignore[arg-type]
        ("twilio", twilio.Stop("MZ1", sequence_number=True)),
        ("twilio", twilio.Stop("\ud800")),
        ("telnyx", telnyx.Mark(telnyx.MarkBody({}))),  # type: ignore[arg-type]
        ("plivo", plivo.PlayAudio(plivo.PlayAudioBody("audio/x-l16", 0, b""))),
        ("vonage", vonage.Notify("m")),  # type: ignore[arg-type]
        ("vonage", vonage.Notify({"x": object()})),
        ("vonage", vonage.WebsocketConnected(5)),  # type: ignore[arg-type]
        ("vonage", vonage.WebsocketConnected("audio/l16", {"x": object()})),
    ],
)  # fmt: skip
def test_invalid_fields_are_encode_errors(carrier: str, message: Any) -> None:
    with pytest.raises(EncodeError) as caught:
        CARRIERS[carrier].encode(message)
    assert caught.value.event_type == message.type


@pytest.mark.parametrize("carrier", CARRIERS)
def test_other_objects_are_type_errors(carrier: str) -> None:
    other = telnyx.Clear() if carrier == "twilio" else twilio.Clear("MZ1")
    invalid: Any
    for invalid in (None, {}, "clear", other, b"{}"):
        with pytest.raises(TypeError, match="a message of this carrier"):
            CARRIERS[carrier].encode(invalid)


@pytest.mark.parametrize("carrier", TEXT_CARRIERS)
def test_audio_may_be_base64(carrier: str) -> None:
    raw = CARRIERS[carrier].encode_media(b"\0\1\2", "s")
    assert CARRIERS[carrier].encode_media("AAEC", "s") == raw
    for invalid in ("AAE", "AB==", "*AAA", "AAAé", "\ud800AAA", " AAAA"):
        with pytest.raises(EncodeError, match="base64"):
            CARRIERS[carrier].encode_media(invalid, "s")
    for wrong in (None, 5, ["AAAA"]):
        with pytest.raises(TypeError):
            CARRIERS[carrier].encode_media(wrong, "s")  # type: ignore[arg-type]


@pytest.mark.parametrize("carrier", CARRIERS)
def test_functions_encode_the_same_frames_as_messages(carrier: str) -> None:
    module = CARRIERS[carrier]
    sid, audio = 'a"ü\\', bytes(range(256))
    media: dict[str, Any] = {
        "twilio": twilio.Media(sid, twilio.MediaBody(audio)),
        "telnyx": telnyx.Media(telnyx.MediaBody(audio)),
        "plivo": plivo.PlayAudio(plivo.PlayAudioBody("audio/x-mulaw", 8000, audio)),
        "vonage": vonage.Audio(audio),
    }
    mark: dict[str, Any] = {
        "twilio": twilio.Mark(sid, twilio.MarkBody("m")),
        "telnyx": telnyx.Mark(telnyx.MarkBody("m")),
        "plivo": plivo.Checkpoint(sid, "m"),
        "vonage": vonage.Notify({"name": "m"}),
    }
    clear: dict[str, Any] = {
        "twilio": twilio.Clear(sid),
        "telnyx": telnyx.Clear(),
        "plivo": plivo.ClearAudio(sid),
        "vonage": vonage.Clear(),
    }
    assert module.encode_media(audio, sid) == module.encode(media[carrier])
    assert module.encode_mark("m", sid) == module.encode(mark[carrier])
    assert module.encode_clear(sid) == module.encode(clear[carrier])


def test_plivo_states_the_format() -> None:
    l16 = MediaFormat("L16", 16_000)
    frame = plivo.encode_media(b"\1\0", "s", l16)
    assert frame == plivo.encode(plivo.PlayAudio(plivo.PlayAudioBody("audio/x-l16", 16_000, b"\1\0")))
    body = plivo.decode_command(plivo.encode_media(b"", "s", MediaFormat("audio/opus", 48_000))).media
    assert (body.content_type, body.sample_rate, body.payload) == ("audio/opus", 48_000, b"")


@pytest.mark.parametrize("stream_id", [5, None, b"MZ1"])
def test_a_stream_id_must_be_a_str(stream_id: Any) -> None:
    with pytest.raises(TypeError, match="a str is needed"):
        twilio.encode_media(b"", stream_id)


def test_a_stream_id_that_is_not_unicode_is_an_encode_error() -> None:
    with pytest.raises(EncodeError, match="Unicode"):
        twilio.encode_media(b"", "\ud800")


def test_mark_names_are_checked() -> None:
    for carrier in CARRIERS.values():
        with pytest.raises((EncodeError, TypeError)):
            carrier.encode_mark(5, "s")  # type: ignore[arg-type]


# --- The table of carriers -----------------------------------------------------------


@pytest.mark.parametrize("carrier", CARRIERS)
def test_facts_of_each_carrier(carrier: str) -> None:
    module = CARRIERS[carrier]
    assert carrier == module.NAME
    assert isinstance(module.encode_media(b"\0\0", "s"), bytes)
    is_json = module.encode_media(b"\0\0", "s").startswith(b"{")
    assert module.MEDIA_IS_BINARY is not is_json
    assert (module.FRAME_MS is None) is not module.MEDIA_IS_BINARY
    pcm_16k = AudioFormat("pcm16", 16_000)
    assert module.FORMAT.audio_format == (pcm_16k if carrier == "vonage" else AudioFormat.G711_ULAW)
    assert module.IN_ORDER is (carrier != "telnyx")


def test_a_carrier_is_found_by_name_instance_or_module() -> None:
    for found in (get_carrier("twilio"), get_carrier(twilio), get_carrier(CARRIERS["twilio"])):
        assert found is CARRIERS["twilio"]
    with pytest.raises(ConfigError, match="twilio, telnyx, plivo, vonage"):
        get_carrier("bell")
    for wrong in (5, None, json, twilio.Twilio):
        with pytest.raises(TypeError, match="a carrier is a name"):
            get_carrier(wrong)  # type: ignore[arg-type]


class Exotel(twilio.Twilio):
    """A user's own carrier: Twilio's messages with 16-bit PCM, in frames of at least 100 ms."""

    NAME = "exotel"
    FORMAT = MediaFormat("L16", 8_000)
    PLAY_FORMAT = FORMAT
    MIN_MEDIA_MS = 100


def test_a_subclass_is_a_carrier() -> None:
    bridge = Bridge(Exotel(), AudioFormat.PCM16)
    bridge.from_carrier('{"event":"start","start":{"streamSid":"MZ1"}}')
    delta = realtime.ResponseOutputAudioDelta(
        item_id="i", response_id="r", output_index=0, content_index=0, delta=bytes(480)
    )
    done = realtime.ResponseOutputAudioDone(item_id="i", response_id="r", output_index=0, content_index=0)
    assert bridge.from_server(realtime.encode(delta)).to_carrier == ()
    media, mark = bridge.from_server(realtime.encode(done)).to_carrier
    assert twilio.decode_command(media).media.payload == bytes(1_600)
    assert twilio.decode_command(mark) == twilio.Mark("MZ1", twilio.MarkBody("mark_1"))


def test_a_carrier_without_commands_is_abstract() -> None:
    class Silent(Carrier):
        NAME = "silent"

    with pytest.raises(TypeError, match="abstract"):
        Silent()  # type: ignore[abstract]
