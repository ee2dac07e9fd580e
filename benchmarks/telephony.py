"""realtime.telephony: 20 ms of a phone call from carrier to session and back, beside plain JSON and base64."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import realtime
from realtime.events import ResponseOutputAudioDelta
from realtime.telephony import CARRIERS, Bridge, Reorder, audiosocket, rtp

from . import inputs
from .common import Calls, Timed

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
AUDIO_BYTES = (160, 960)


def media(carrier: str, nbytes: int) -> str:
    """A frame of the caller's audio."""
    payload = base64.b64encode(inputs.audio(nbytes)).decode()
    body = {"track": "inbound", "chunk": "410", "timestamp": "8213", "payload": payload}
    frames: dict[str, dict[str, Any]] = {
        "twilio": {"event": "media", "sequenceNumber": "412", "media": body, "streamSid": STREAM},
        "telnyx": {"event": "media", "sequence_number": "412", "media": body, "stream_id": STREAM},
        "plivo": {
            "event": "media",
            "sequenceNumber": 412,
            "streamId": STREAM,
            "media": {**body, "chunk": 410},
        },
    }
    return json.dumps(frames[carrier], separators=(",", ":"))


def the_long_way(carrier: Any, frame: str) -> bytes:
    """Decoded, and encoded again."""
    return realtime.encode_append(carrier.decode(frame).media.payload)


def splice_back(frame: bytes) -> object:
    """From the server to Twilio."""
    return CARRIERS["twilio"].delta_to_media(frame, STREAM)


def the_long_way_back(frame: bytes) -> object:
    """The same, decoded and encoded again."""
    delta = realtime.decode_server(frame)
    if not isinstance(delta, ResponseOutputAudioDelta) or delta.delta is None:
        raise TypeError(type(delta))
    return CARRIERS["twilio"].encode_media(delta.delta, STREAM)


def plain_json(frame: str) -> str:
    """As it is done without a library."""
    audio = base64.b64decode(json.loads(frame)["media"]["payload"])
    append = {"type": "input_audio_buffer.append", "audio": base64.b64encode(audio).decode()}
    return json.dumps(append)


def plain_json_back(frame: bytes) -> str:
    """The same, from the server to Twilio."""
    audio = base64.b64decode(json.loads(frame)["delta"])
    payload = base64.b64encode(audio).decode()
    return json.dumps({"event": "media", "streamSid": STREAM, "media": {"payload": payload}})


def ways(carrier: str) -> dict[str, Callable[[str], object]]:
    """All the ways from a carrier's frame to an append frame."""
    return {
        "spliced": CARRIERS[carrier].media_to_append,
        "the long way": partial(the_long_way, CARRIERS[carrier]),
        "json and base64": plain_json,
    }


class MediaToAppend(Timed):
    """A carrier's frame of the caller's audio becomes an append frame."""

    params = (
        ["spliced", "the long way", "json and base64"],
        ["twilio", "telnyx", "plivo"],
        list(AUDIO_BYTES),
    )
    param_names = ("how", "carrier", "audio_bytes")
    calls: ClassVar[Calls] = {
        (how, carrier, nbytes): partial(work, media(carrier, nbytes))
        for carrier in ("twilio", "telnyx", "plivo")
        for nbytes in AUDIO_BYTES
        for how, work in ways(carrier).items()
    }

    def time_media_to_append(self, how: str, carrier: str, audio_bytes: int) -> None:
        self.calls[how, carrier, audio_bytes]()


class DeltaToMedia(Timed):
    """A delta of the server becomes Twilio's media frame."""

    params = (["spliced", "the long way", "json and base64"], [160, 960, 9_600])
    param_names = ("how", "audio_bytes")
    calls: ClassVar[Calls] = {
        (how, nbytes): partial(work, inputs.audio_delta(nbytes))
        for nbytes in (160, 960, 9_600)
        for how, work in {
            "spliced": splice_back,
            "the long way": the_long_way_back,
            "json and base64": plain_json_back,
        }.items()
    }

    def time_delta_to_media(self, how: str, audio_bytes: int) -> None:
        self.calls[how, audio_bytes]()


_START = json.dumps(
    {
        "event": "start",
        "start": {"streamSid": STREAM, "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000}},
    }
)


def bridged(session_format: str, direction: str) -> Callable[[], object]:
    """20 ms from the caller, or 20 ms of an answer."""
    bridge = Bridge("twilio", session_format)
    bridge.from_carrier(_START)
    if direction == "to server":
        return partial(bridge.from_carrier, media("twilio", 160))
    return partial(bridge.from_server, inputs.audio_delta(160 if session_format == "g711_ulaw" else 960))


class Bridged(Timed):
    """20 ms through `Bridge`, marks and the account of what was heard included."""

    params = (["g711_ulaw", "pcm16"], ["to server", "to carrier"])
    param_names = ("session_format", "direction")
    calls: ClassVar[Calls] = {
        (form, direction): bridged(form, direction)
        for form in ("g711_ulaw", "pcm16")
        for direction in ("to server", "to carrier")
    }

    def time_bridged(self, session_format: str, direction: str) -> None:
        self.calls[session_format, direction]()


_sequencer = rtp.Sequencer(0)
_datagram = _sequencer.next(bytes(160))
_reorder: Reorder[bytes] = Reorder(modulus=rtp.SEQUENCES)
_parser = audiosocket.Parser()
_numbers = iter(range(1 << 62))
WIRES: dict[str, Callable[[], object]] = {
    "rtp.parse": partial(rtp.parse, _datagram),
    "Sequencer.next": partial(_sequencer.next, bytes(160)),
    "Reorder.push": lambda: _reorder.push(next(_numbers) % rtp.SEQUENCES, _datagram),
    "audiosocket Parser.feed": partial(_parser.feed, audiosocket.encode_audio(bytes(320))),
    "audiosocket.encode_audio": partial(audiosocket.encode_audio, bytes(320)),
}


class Wires(Timed):
    """20 ms of the wires that are not JSON."""

    params = (list(WIRES),)
    param_names = ("of",)
    calls: ClassVar[Calls] = {(name,): call for name, call in WIRES.items()}

    def time_wire(self, of: str) -> None:
        self.calls[(of,)]()
