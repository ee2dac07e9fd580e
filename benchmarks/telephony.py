"""realtime.telephony: a moment of a phone call through `Bridge`, and of the transports that are not JSON."""

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


LIVE_DELTA = (
    b'{"type":"session.output_audio.delta","delta":"' + base64.b64encode(inputs.codes(800).tobytes()) + b'"}'
)
_LIVE_STARTED = '{"type":"session.started","event_id":"e","session":{"id":"s","model":"gpt-live-1"}}'


def answer_call(dialect: str) -> Callable[[], object]:
    """Return a call that passes 100 ms of an answer through a bridge while as much of the caller's audio arrives.

    A mark that is sent is returned; if audio waits, none is, so that each delta is measured for silence.
    """
    if dialect == "ga":
        bridge, frame = Bridge("twilio"), inputs.audio_delta(800)
    else:
        bridge, frame = Bridge("twilio", dialect="live"), LIVE_DELTA
        bridge.from_server(_LIVE_STARTED)
    bridge.from_carrier(_START)
    caller = media("twilio", 800)
    is_waiting = dialect == "live, audio waits"
    for _ in range(20 if is_waiting else 0):
        bridge.from_server(frame)

    def call() -> None:
        sent = bridge.from_server(frame).to_carrier
        bridge.from_carrier(caller)
        if len(sent) > 1 and not is_waiting:
            bridge.from_carrier(sent[1])

    return call


class BridgeAnswer(Timed):
    """100 ms of an answer through `Bridge`, with the caller's audio of the same time and the marks, GA and Live."""

    params = (["ga", "live", "live, audio waits"],)
    param_names = ("dialect",)
    calls: ClassVar[Calls] = {(name,): answer_call(name) for name in params[0]}

    def time_bridge_answer(self, dialect: str) -> None:
        self.calls[(dialect,)]()


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
