"""realtime.telephony: 20 ms of a phone call through `Bridge`, and of the transports that are not JSON."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from realtime import AudioFormatName
from realtime.telephony import Bridge, Reorder, audiosocket, rtp

from . import inputs
from .common import Calls, Timed

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
FORMATS: tuple[AudioFormatName, ...] = ("g711_ulaw", "pcm16")


def media(carrier: str, nbytes: int) -> str:
    """Return a frame of the caller's audio."""
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


_START = json.dumps(
    {
        "event": "start",
        "start": {"streamSid": STREAM, "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000}},
    }
)


def bridge_call(session_format: AudioFormatName, direction: str) -> Callable[[], object]:
    """Return a call that passes 20 ms from the caller, or 20 ms of an answer, through a bridge."""
    bridge = Bridge("twilio", session_format)
    bridge.from_carrier(_START)
    if direction == "to server":
        return partial(bridge.from_carrier, media("twilio", 160))
    return partial(bridge.from_server, inputs.audio_delta(160 if session_format == "g711_ulaw" else 960))


class BridgeMedia(Timed):
    """20 ms through `Bridge`, including marks and the playback position."""

    params = (list(FORMATS), ["to server", "to carrier"])
    param_names = ("session_format", "direction")
    calls: ClassVar[Calls] = {
        (form, direction): bridge_call(form, direction)
        for form in FORMATS
        for direction in ("to server", "to carrier")
    }

    def time_bridge_call(self, session_format: str, direction: str) -> None:
        self.calls[session_format, direction]()


_sequencer = rtp.Sequencer(0)
_datagram = _sequencer.next(bytes(160))
_reorder: Reorder[bytes] = Reorder(modulus=rtp.SEQUENCES)
_parser = audiosocket.Parser()
_numbers = iter(range(1 << 62))
TRANSPORTS: dict[str, Callable[[], object]] = {
    "rtp.parse": partial(rtp.parse, _datagram),
    "Sequencer.next": partial(_sequencer.next, bytes(160)),
    "Reorder.push": lambda: _reorder.push(next(_numbers) % rtp.SEQUENCES, _datagram),
    "audiosocket Parser.feed": partial(_parser.feed, audiosocket.encode_audio(bytes(320))),
    "audiosocket.encode_audio": partial(audiosocket.encode_audio, bytes(320)),
}


class Transports(Timed):
    """20 ms of the transports that are not JSON."""

    params = (list(TRANSPORTS),)
    param_names = ("of",)
    calls: ClassVar[Calls] = {(name,): call for name, call in TRANSPORTS.items()}

    def time_transport(self, of: str) -> None:
        self.calls[(of,)]()
