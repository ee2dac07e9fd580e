"""CPU time per second of a Twilio call in which both sides speak.

From the phone: fifty media frames of 20 ms per second. To the phone: audio deltas of 400 ms as
media messages, and their transcript. Once with a session in the phone's own mu-law, once with
24 kHz PCM16. `Bridge` against openai-python with audioop and the standard library.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

from realtime import AudioFormatName
from realtime.telephony import Bridge

from . import inputs
from .common import absent
from .peers import openai, openai_connection
from .peers_audio import audioop

_ULAW_DELTA_BYTES, _PCM_DELTA_BYTES = 3_200, 19_200
_STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"


def _media(number: int) -> bytes:
    payload = base64.b64encode(inputs.codes(160).tobytes()).decode()
    media = {
        "track": "inbound", "chunk": str(number), "timestamp": str(20 * number), "payload": payload
    }  # fmt: skip
    return json.dumps(
        {"event": "media", "sequenceNumber": str(number), "media": media, "streamSid": _STREAM}
    ).encode()


FROM_PHONE = [_media(number) for number in range(50)]


def _from_server(nbytes: int) -> list[bytes]:
    """Return two seconds: five audio deltas and ten transcript deltas."""
    audio = base64.b64encode(inputs.audio(nbytes)).decode()
    return [
        frame
        for n in range(5)
        for frame in (
            inputs.part_delta("response.output_audio.delta", n, audio),
            inputs.part_delta("response.output_audio_transcript.delta", n, " certainly"),
            inputs.part_delta("response.output_audio_transcript.delta", n, " yes"),
        )
    ]


def _ours(session_format: AudioFormatName) -> tuple[Callable[[bytes], object], Callable[[bytes], object]]:
    """`Bridge`, including its marks and the playback position that the returned marks report."""
    bridge = Bridge("twilio", session_format)
    start = {"streamSid": _STREAM, "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8_000}}
    bridge.from_carrier(json.dumps({"event": "start", "sequenceNumber": "1", "start": start}))

    def from_server(frame: bytes) -> object:
        output = bridge.from_server(frame)
        for sent in output.to_carrier:
            if sent.startswith('{"event":"mark"'):  # type: ignore[arg-type]
                bridge.from_carrier(sent)
        return output

    return bridge.from_carrier, from_server


def _openai(session_format: AudioFormatName) -> tuple[Callable[[bytes], object], Callable[[bytes], object]]:
    connection = openai_connection()
    up: Any = None
    down: Any = None

    def from_phone(frame: bytes) -> object:
        nonlocal up
        payload = json.loads(frame)["media"]["payload"]
        if session_format != "g711_ulaw":
            pcm = audioop.ulaw2lin(base64.b64decode(payload), 2)
            pcm, up = audioop.ratecv(pcm, 2, 1, 8_000, 24_000, up)
            payload = base64.b64encode(pcm).decode()
        connection.input_audio_buffer.append(audio=payload)
        return connection.sent

    def from_server(frame: bytes) -> object:
        nonlocal down
        event = connection.parse_event(frame)
        if event.type != "response.output_audio.delta":
            return event
        payload = event.delta
        if session_format != "g711_ulaw":
            pcm, down = audioop.ratecv(base64.b64decode(payload), 2, 1, 24_000, 8_000, down)
            payload = base64.b64encode(audioop.lin2ulaw(pcm, 2)).decode()
        return json.dumps({"event": "media", "streamSid": _STREAM, "media": {"payload": payload}})

    return from_phone, from_server


_BY = {"realtime": _ours, "openai": _openai}


def cpu_per_call_second(by: str, session_format: AudioFormatName, min_cpu_s: float = 0.5) -> float:
    """Return milliseconds of CPU time, measured over at least `min_cpu_s`."""
    from_phone, from_server = _BY[by](session_format)
    nbytes = _ULAW_DELTA_BYTES if session_format == "g711_ulaw" else _PCM_DELTA_BYTES
    frames = _from_server(nbytes)

    def each(handle: Callable[[bytes], object], received: Iterable[bytes]) -> None:
        for frame in received:
            handle(frame)

    two_seconds = (FROM_PHONE * 2, frames)
    each(from_phone, two_seconds[0])
    each(from_server, two_seconds[1])
    seconds, spent, start = 0, 0.0, time.process_time()
    while spent < min_cpu_s:
        each(from_phone, two_seconds[0])
        each(from_server, two_seconds[1])
        seconds += 2
        spent = time.process_time() - start
    return spent / seconds * 1e3


class TwilioBridge:
    """`by` "openai" is openai-python with audioop (or audioop-lts), json and base64."""

    params = (["realtime", "openai"], ["g711_ulaw", "pcm16"])
    param_names = ("by", "session_format")
    timeout = 120
    skip_params = absent(
        {
            (by, form): None
            for by in ("realtime", "openai")
            for form in ("g711_ulaw", "pcm16")
            if by != "openai" or (openai and audioop)
        },
        params,
    )

    def track_cpu_ms_per_call_second(self, by: str, session_format: AudioFormatName) -> float:
        return cpu_per_call_second(by, session_format)

    track_cpu_ms_per_call_second.unit = "ms"  # type: ignore[attr-defined]

    def track_calls_per_core(self, by: str, session_format: AudioFormatName) -> float:
        return 1e3 / cpu_per_call_second(by, session_format)

    track_calls_per_core.unit = "calls"  # type: ignore[attr-defined]
