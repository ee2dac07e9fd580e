"""The carrier's and the server's side of a call: frames for a bridge, and checks of its output."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

import realtime
from realtime import AudioFormat
from realtime.audio import Resampler, alaw_decode, ulaw_decode, ulaw_encode
from realtime.telephony import CARRIERS, MediaFormat

ULAW, ALAW, PCM16 = AudioFormat.G711_ULAW, AudioFormat.G711_ALAW, AudioFormat.PCM16
PCMU, PCMA = MediaFormat("PCMU", 8_000), MediaFormat("PCMA", 8_000)
STREAM = "MZ0f3b6c9e2d5a8170b4c7e1a39d6f2058"
Sent: TypeAlias = str | bytes


def text(wire: object) -> str:
    return json.dumps(wire, separators=(",", ":"))


def b64(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


@dataclass
class Phone:
    """The carrier's side of one call."""

    name: str
    media_format: MediaFormat

    @property
    def plays(self) -> MediaFormat:
        """The format that it plays: on Telnyx the configured one, by default mu-law."""
        return PCMU if self.name == "telnyx" else self.media_format

    def start(self) -> str:
        kind, rate = self.media_format.encoding, self.media_format.sample_rate
        mime = {"PCMU": "audio/x-mulaw", "PCMA": "audio/x-alaw", "L16": "audio/x-l16"}[kind]
        camel = {"encoding": mime, "sampleRate": rate}
        wires: dict[str, dict[str, Any]] = {
            "twilio": {
                "event": "start",
                "sequenceNumber": "1",
                "start": {"streamSid": STREAM, "mediaFormat": camel},
            },
            "telnyx": {
                "event": "start",
                "sequence_number": "1",
                "stream_id": STREAM,
                "start": {"media_format": {"encoding": kind, "sample_rate": rate, "channels": 1}},
            },
            "plivo": {
                "event": "start",
                "sequenceNumber": 1,
                "start": {"streamId": STREAM, "mediaFormat": camel},
            },
            "vonage": {"event": "websocket:connected", "content-type": f"audio/l16;rate={rate}"},
        }
        return text(wires[self.name])

    def media(self, audio: bytes, number: int = 2, track: str = "inbound") -> Sent:
        if self.name == "vonage":
            return audio
        body: dict[str, Any] = {"track": track, "payload": b64(audio)}
        wires: dict[str, dict[str, Any]] = {
            "twilio": {"event": "media", "sequenceNumber": str(number), "media": body, "streamSid": STREAM},
            "telnyx": {"event": "media", "sequence_number": str(number), "media": body, "stream_id": STREAM},
            "plivo": {"event": "media", "sequenceNumber": number, "media": body, "streamId": STREAM},
        }
        return text(wires[self.name])

    def key(self, digit: str, number: int = 3) -> str:
        body = {"dtmf": {"digit": digit}}
        wires: dict[str, dict[str, Any]] = {
            "twilio": {"event": "dtmf", "sequenceNumber": str(number), "streamSid": STREAM, **body},
            "telnyx": {"event": "dtmf", "sequence_number": str(number), "stream_id": STREAM, **body},
            "plivo": {"event": "dtmf", "sequenceNumber": number, "streamId": STREAM, **body},
            "vonage": {"event": "websocket:dtmf", "digit": digit, "duration": 260},
        }
        return text(wires[self.name])

    def mark(self, name: str) -> str:
        body = {"mark": {"name": name}}
        wires: dict[str, dict[str, Any]] = {
            "twilio": {"event": "mark", "streamSid": STREAM, **body},
            "telnyx": {"event": "mark", "stream_id": STREAM, **body},
            "plivo": {"event": "playedStream", "streamId": STREAM, "name": name},
            "vonage": {"event": "websocket:notify", "payload": {"name": name}},
        }
        return text(wires[self.name])

    def stop(self, number: int = 4) -> str:
        wires: dict[str, dict[str, Any]] = {
            "twilio": {"event": "stop", "sequenceNumber": str(number), "streamSid": STREAM},
            "telnyx": {"event": "stop", "sequence_number": str(number), "stream_id": STREAM},
            "plivo": {"event": "stop", "sequenceNumber": number, "streamId": STREAM},
        }
        return text(wires[self.name])

    # --- Frames sent to it ---

    def played(self, frames: tuple[Sent, ...]) -> list[bytes]:
        """Return the audio of each media frame, after checking its address and format."""
        chunks = []
        for frame in frames:
            if isinstance(frame, bytes):
                assert CARRIERS[self.name].MEDIA_IS_BINARY
                chunks.append(frame)
                continue
            wire = json.loads(frame)
            if "media" not in wire:
                continue
            if self.name == "twilio":
                assert wire["streamSid"] == STREAM
            if self.name == "plivo":
                mime = {"PCMU": "audio/x-mulaw", "L16": "audio/x-l16"}[self.plays.encoding]
                assert wire["media"]["contentType"] == mime
                assert wire["media"]["sampleRate"] == self.plays.sample_rate
            chunks.append(base64.b64decode(wire["media"]["payload"], validate=True))
        return chunks

    def marks(self, frames: tuple[Sent, ...]) -> list[str]:
        """Return the names of the marks, under whichever key the carrier has them."""
        found = []
        for frame in frames:
            if isinstance(frame, str):
                wire = json.loads(frame)
                if wire.get("event") in ("mark", "checkpoint") or wire.get("action") == "notify":
                    body = wire.get("mark") or wire.get("payload") or wire
                    found.append(str(body["name"]))
        return found


# Each carrier in each of its formats.
PHONES = [
    Phone("twilio", PCMU),
    Phone("telnyx", PCMU),
    Phone("telnyx", PCMA),
    Phone("telnyx", MediaFormat("L16", 16_000, big_endian=True)),
    Phone("plivo", PCMU),
    Phone("plivo", MediaFormat("L16", 8_000)),
    Phone("plivo", MediaFormat("L16", 16_000)),
    Phone("vonage", MediaFormat("L16", 8_000)),
    Phone("vonage", MediaFormat("L16", 16_000)),
    Phone("vonage", MediaFormat("L16", 24_000)),
]
PHONE_IDS = [f"{p.name}-{p.media_format.encoding}-{p.media_format.sample_rate}" for p in PHONES]


# --- The server ------------------------------------------------------------------------


def delta(audio: bytes, item_id: str = "item_1", response_id: str = "resp_1", index: int = 0) -> str:
    return text(
        {
            "type": "response.output_audio.delta",
            "event_id": "e",
            "response_id": response_id,
            "item_id": item_id,
            "output_index": 0,
            "content_index": index,
            "delta": b64(audio),
        }
    )


def audio_done(item_id: str = "item_1", response_id: str = "resp_1") -> str:
    wire = json.loads(delta(b"", item_id, response_id))
    del wire["delta"]
    return text({**wire, "type": "response.output_audio.done"})


def response(kind: str, response_id: str = "resp_1") -> str:
    return text(
        {
            "type": f"response.{kind}",
            "event_id": "e",
            "response": {"id": response_id, "object": "realtime.response"},
        }
    )


def session(kind: str, input: AudioFormat, output: AudioFormat) -> str:
    audio = {"input": {"format": {"type": input.ga_type}}, "output": {"format": {"type": output.ga_type}}}
    return text({"type": f"session.{kind}", "event_id": "e", "session": {"type": "realtime", "audio": audio}})


SPEECH_STARTED = text(
    {"type": "input_audio_buffer.speech_started", "event_id": "e", "audio_start_ms": 1, "item_id": "user_1"}
)


# --- Audio -----------------------------------------------------------------------------


def wave(media: MediaFormat, ms: int) -> bytes:
    """Return a tone in the carrier's format."""
    at = np.arange(media.sample_rate * ms // 1000) / media.sample_rate
    pcm = (9_000 * np.sin(2 * np.pi * 440 * at)).round().astype("<i2")
    return encoded(pcm, media)


def encoded(pcm: Any, media: MediaFormat) -> bytes:
    if media.encoding == "PCMU":
        return bytes(ulaw_encode(pcm).tobytes())
    if media.encoding == "PCMA":
        return bytes(realtime.audio.alaw_encode(pcm).tobytes())
    return bytes(pcm.astype(">i2" if media.big_endian else "<i2").tobytes())


def decoded(audio: bytes, media: MediaFormat) -> Any:
    if media.encoding == "PCMU":
        return ulaw_decode(audio)
    if media.encoding == "PCMA":
        return alaw_decode(audio)
    return np.frombuffer(audio, ">i2" if media.big_endian else "<i2").astype("<i2")


def resampled(pcm: Any, src: int, dst: int) -> Any:
    stream = Resampler(src, dst)
    return np.concatenate([stream.process(pcm), stream.flush()])


def media_of(session_format: AudioFormat) -> MediaFormat:
    return MediaFormat.of_session(session_format)


def converted(audio: bytes, src: MediaFormat, dst: MediaFormat) -> bytes:
    if src == dst:
        return audio
    if {src.encoding, dst.encoding} == {"PCMU", "PCMA"}:
        return realtime.audio.convert(
            audio, realtime.AudioFormat.of(src.encoding), realtime.AudioFormat.of(dst.encoding)
        )
    return encoded(resampled(decoded(audio, src), src.sample_rate, dst.sample_rate), dst)
