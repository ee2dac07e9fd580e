"""A Live session's frames for tests, and a carrier that plays what it is sent as time passes."""

from __future__ import annotations

import base64
import json
from collections import deque
from typing import Any

from realtime import AudioFormat
from realtime.telephony import Bridge, BridgeOutput
from tests.telephony.calls import Phone, b64, media_of, text, wave

PCM_16K = AudioFormat("pcm16", 16_000)


def started(format: AudioFormat) -> str:
    audio = {"format": {"type": format.ga_type, "rate": format.sample_rate}, "output": {"voice": "marin"}}
    session = {"id": "live_1", "model": "gpt-live-1", "status": "active", "audio": audio}
    return text({"type": "session.started", "event_id": "e", "session": session})


def closed(reason: str = "close_requested") -> str:
    wire = {"type": "session.closed", "event_id": "e", "reason": reason, "usage": {"seconds": 1.5}}
    return text(wire)


def live_delta(audio: bytes) -> str:
    return text({"type": "session.output_audio.delta", "delta": b64(audio)})


def silence(format: AudioFormat, ms: int = 100) -> str:
    return live_delta(format.silence(ms))


def speech(format: AudioFormat, ms: int = 100) -> str:
    return live_delta(wave(media_of(format), ms))


def appended(frames: tuple[str, ...]) -> list[bytes]:
    """Return the audio of each append frame. There must be no other frames."""
    wires = [json.loads(frame) for frame in frames]
    assert {wire["type"] for wire in wires} <= {"session.input_audio.append"}
    return [base64.b64decode(wire["audio"], validate=True) for wire in wires]


def open_call(phone: Phone, format: Any = None, **settings: Any) -> Bridge:
    """Return a bridge whose call and session have started."""
    bridge = Bridge(phone.name, format, dialect="live", **settings)
    bridge.from_carrier(phone.start())
    bridge.session_start()
    bridge.from_server(started(bridge.input_format))
    return bridge


class PlayingPhone:
    """The carrier's queue: it plays in real time what arrives, and returns a mark when it is reached.

    `network_ms` is the time of a frame from or to the bridge.
    """

    def __init__(self, phone: Phone, network_ms: float = 0.0) -> None:
        self.phone, self.network_ms = phone, network_ms
        self.now_ms = self.empty_ms = 0.0
        self.most_ms = 0.0
        self.played = bytearray()
        self._waiting: deque[tuple[float, Any]] = deque()  # arrives at the carrier
        self._marks: deque[tuple[float, str]] = deque()  # is returned to the bridge
        # The audio until `stalled_ms` is not played before.
        self.stalled_ms = 0.0

    @property
    def backlog_ms(self) -> float:
        return max(self.empty_ms - self.now_ms, 0.0)

    def send(self, frames: tuple[str | bytes, ...]) -> None:
        """Take frames that the bridge has sent now."""
        self._waiting += [(self.now_ms + self.network_ms, frame) for frame in frames]
        self._arrive()

    def _arrive(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.now_ms:
            at, frame = self._waiting.popleft()
            for chunk in self.phone.played((frame,)):
                start = max(self.empty_ms, at, self.stalled_ms)
                self.empty_ms = start + len(chunk) * 1000 / self.phone.plays.bytes_per_second
                self.played += chunk
            self._marks += [
                (max(self.empty_ms, at) + self.network_ms, name) for name in self.phone.marks((frame,))
            ]
            if isinstance(frame, str) and '"clear' in frame[:20]:
                self.empty_ms = self.now_ms
        self.most_ms = max(self.most_ms, self.backlog_ms)

    def advance(self, ms: float) -> list[str]:
        """Let time pass. Returns the marks that arrive at the bridge."""
        self.now_ms += ms
        self._arrive()
        due = []
        while self._marks and self._marks[0][0] <= self.now_ms:
            due.append(self.phone.mark(self._marks.popleft()[1]))
        return due


def run(phone: PlayingPhone, bridge: Bridge, ms: int, number: int = 2) -> list[BridgeOutput]:
    """Pass `ms` of the caller's silence and the marks through the bridge."""
    media = phone.phone.media_format
    steps: list[BridgeOutput] = []
    for at in range(0, ms, 20):
        steps += map(bridge.from_carrier, phone.advance(20))
        quiet = bytes(media.silence(media.chunk_bytes(20)))
        steps.append(bridge.from_carrier(phone.phone.media(quiet, number + at // 20)))
    return steps
