"""Synthetic calls for tests: log entries, frame by frame, on a clock that the test advances."""

from __future__ import annotations

import base64
import gc
import json
import sys
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

from realtime.analysis import Inspector, Report
from realtime.recording import BrokenLine, Direction, Entry, Recorder
from tests import cases

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
TRANSCRIBES = "conversation.item.input_audio_transcription.delta"
KEY = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"
BYTES_PER_MS = {"pcm16": 48, "g711_ulaw": 8}


def b64(nbytes: int) -> str:
    return base64.b64encode(bytes(range(256)) * (nbytes // 256) + bytes(nbytes % 256)).decode()


class Scene:
    """Frames in order; `now` is the time of the next, in milliseconds."""

    def __init__(self, format: str = "pcm16", detection: str | None = "server_vad") -> None:
        self.now, self.entries = 0.0, list[Entry | BrokenLine]()
        self.format, self._ids = format, 0
        kind = {"pcm16": {"type": "audio/pcm", "rate": 24000}, "g711_ulaw": {"type": "audio/pcmu"}}[format]
        self.settings: dict[str, Any] = {
            "type": "realtime",
            "model": "gpt-realtime-2",
            "audio": {
                "input": {"format": kind, "turn_detection": detection and {"type": detection}},
                "output": {"format": kind, "voice": "marin"},
            },
        }

    def add(self, direction: Direction, kind: str, **members: Any) -> None:
        frame = json.dumps({"type": kind, **members}, separators=(",", ":")).encode()
        self.entries.append(Entry(direction, self.now, frame, len(self.entries) + 1))

    def client(self, kind: str, **members: Any) -> None:
        self.add("client", kind, **members)

    def server(self, kind: str, **members: Any) -> None:
        self._ids += 1
        self.add("server", kind, event_id=f"event_{self._ids:06}", **members)

    def begin(self, id: str = "sess_1") -> Scene:
        self.server("session.created", session={**self.settings, "id": id})
        return self

    def say(self, ms: float, ptime_ms: int = 20) -> None:
        """Add audio of the caller in real time."""
        for _ in range(round(ms / ptime_ms)):
            self.client("input_audio_buffer.append", audio=b64(ptime_ms * BYTES_PER_MS[self.format]))
            self.now += ptime_ms

    def speech(self, item: str, start_ms: int, end_ms: int) -> None:
        """Add the server's events for a speech segment, all at once."""
        self.server("input_audio_buffer.speech_started", item_id=item, audio_start_ms=start_ms)
        self.server("input_audio_buffer.speech_stopped", item_id=item, audio_end_ms=end_ms)
        self.server("input_audio_buffer.committed", item_id=item)

    def created(self, id: str, **members: Any) -> None:
        self.server("response.created", response={"id": id, "status": "in_progress", **members})

    def part(self, id: str, **members: Any) -> dict[str, Any]:
        item = members.pop("item", f"item_{id}")
        return {"response_id": id, "item_id": item, "output_index": 0, "content_index": 0, **members}

    def audio(self, id: str, ms: float, kind: str = "response.output_audio.delta", **members: Any) -> None:
        delta = b64(round(ms * BYTES_PER_MS[self.format]))
        self.server(kind, **self.part(id, **members), delta=delta)

    def words(self, id: str, text: str, kind: str = "response.output_audio_transcript.delta") -> None:
        self.server(kind, **self.part(id), delta=text)

    def done(self, id: str, status: str = "completed", **members: Any) -> None:
        self.server("response.done", response={"id": id, "status": status, **members})

    def answer(self, id: str, ms: float = 1000) -> None:
        """Add a complete response: created now, its audio 100 ms later."""
        self.created(id)
        self.now += 100
        self.audio(id, ms)
        self.done(id)

    def report(self, **options: Any) -> Report:
        inspector = Inspector(**options)
        inspector.feed_all(self.entries)
        return inspector.report()

    def write(self, path: Path, **options: Any) -> Path:
        """Write the log to a file."""
        now = iter([0.0, *(entry.time_ms / 1000 for entry in self.entries if isinstance(entry, Entry))])
        last = [0.0]

        def clock() -> float:
            last[0] = next(now, last[0])
            return last[0]

        with Recorder(path, clock=clock, **options) as recorder:
            for entry in self.entries:
                if isinstance(entry, Entry):
                    recorder.record(entry.direction, entry.frame)
        return path


def usage(text_in: int, audio_in: int, cached: int, text_out: int, audio_out: int) -> dict[str, Any]:
    """Return the usage of a response.done."""
    return {
        "total_tokens": text_in + audio_in + text_out + audio_out,
        "input_tokens": text_in + audio_in,
        "output_tokens": text_out + audio_out,
        "input_token_details": {"text_tokens": text_in, "audio_tokens": audio_in, "cached_tokens": cached},
        "output_token_details": {"text_tokens": text_out, "audio_tokens": audio_out},
    }


def reachable_nbytes(root: object) -> int:
    """Return the size of everything that can be reached from an object."""
    seen, found, total = {id(root)}, [root], 0
    while found:
        each = found.pop()
        total += sys.getsizeof(each)
        for next_one in gc.get_referents(each):
            if id(next_one) not in seen and not isinstance(next_one, (type, ModuleType, FunctionType)):
                seen.add(id(next_one))
                found.append(next_one)
    return total


def event_types() -> list[tuple[Direction, str]]:
    """Return every event type of every dialect, with the side that sends it."""
    sides: tuple[Direction, ...] = ("client", "server")
    found: set[tuple[Direction, str]] = {
        (side, str(event.__struct_config__.tag))
        for dialect in ("ga", "beta", "translation", "live")
        for side in sides
        for event in cases.event_classes(dialect, side)
    }
    return sorted(found)


def with_keys() -> Scene:
    """Return a call with a credential wherever a peer may write a sentence."""
    scene, text = Scene().begin(), f"Incorrect API key provided: {KEY}. Or Bearer {KEY}"
    pieces = [KEY[at : at + 4] for at in range(0, len(KEY), 4)]
    scene.server("error", error={"type": f"t {KEY}", "code": f"code {KEY}", "message": text})
    scene.speech("a", 0, 0)
    scene.server(TRANSCRIBED, item_id="a", content_index=0, transcript=text)
    failed = {"type": "t", "code": text, "message": text}
    kind = "conversation.item.input_audio_transcription.failed"
    scene.server(kind, item_id="a", content_index=0, error=failed)
    scene.speech("b", 0, 0)
    for piece in pieces:
        scene.server(TRANSCRIBES, item_id="b", content_index=0, delta=piece)
    scene.created("resp_1")
    for piece in pieces:
        scene.words("resp_1", piece)
    scene.created("resp_2")
    scene.server("response.output_text.done", **scene.part("resp_2"), text="x" * 3990 + text)
    scene.done("resp_2", text, status_details={"type": "failed", "reason": text})
    message = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    scene.client("conversation.item.create", item=message)
    scene.client("response.create")
    scene.created("resp_3")
    for piece in pieces:
        scene.server("session.input_transcript.delta", delta=piece)
        scene.server("session.output_transcript.delta", delta=piece)
    scene.server(f"type.{KEY}")
    scene.server("response.done", response=text)
    scene.entries.append(BrokenLine(9, text, text))
    scene.entries.append(Entry("server", 0.0, b"not JSON: " + KEY.encode(), 9))
    return scene
