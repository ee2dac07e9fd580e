"""realtime.analysis: inspecting a log, adding up reports. The logs of realistic calls are made once."""

from __future__ import annotations

import atexit
import base64
import json
import tempfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, ClassVar

import realtime
from realtime import AudioFormatName, analysis
from realtime.recording import Direction, Entry, Recorder, read_log

from . import inputs
from .common import Calls, Timed

FORMATS: dict[AudioFormatName, int] = {"g711_ulaw": 8, "pcm16": 48}  # bytes per millisecond
TURNS = 3
_PTIME_MS = 20
# The deltas of an answer: a few short ones, then longer ones, sent much faster than real time.
_DELTAS_MS = (20, 50, 100, 200, *[200] * 23)
_RESPONSE_ID = json.loads(inputs.RESPONSE_DONE)["response"]["id"].encode()
_FOLDER = tempfile.TemporaryDirectory(prefix="realtime-benchmarks-")
atexit.register(_FOLDER.cleanup)


def _server(kind: str, number: int, **members: Any) -> bytes:
    event = {"type": kind, "event_id": f"event_BGG3hN2nKkrPRBq8j{number:04}", **members}
    return json.dumps(event, separators=(",", ":")).encode()


def _turn(number: int, per_ms: int) -> Iterator[tuple[Direction, bytes, float]]:
    """Yield (direction, frame, ms until the next frame) of four seconds of speech, an answer of five, and silence."""
    item, id = f"item_BGG3hUser{number:04}", f"resp_BGG3hFEsJWvZ{number:05}"
    part = {"response_id": id, "item_id": f"item_{id}", "output_index": 0, "content_index": 0}
    append = realtime.encode_append(inputs.audio(_PTIME_MS * per_ms))
    appends: list[tuple[Direction, bytes, float]] = [("client", append, _PTIME_MS)] * 200
    yield from appends[:20]
    yield "server", _server("input_audio_buffer.speech_started", number, item_id=item, audio_start_ms=400), 0
    yield from appends
    yield "server", _server("input_audio_buffer.speech_stopped", number, item_id=item, audio_end_ms=4400), 0
    yield "server", _server("input_audio_buffer.committed", number, item_id=item), 0
    user = {"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
    yield "server", _server("conversation.item.added", number, item=user), 300
    yield "server", _server("response.created", number, response={"id": id, "status": "in_progress"}), 200
    for at, ms in enumerate(_DELTAS_MS):
        delta = base64.b64encode(inputs.audio(ms * per_ms)).decode()
        yield "server", _server("response.output_audio.delta", at, **part, delta=delta), 15
        yield "server", _server("response.output_audio_transcript.delta", at, **part, delta=" certainly"), 15
    text = " certainly" * len(_DELTAS_MS)
    yield "server", _server("response.output_audio_transcript.done", number, **part, transcript=text), 0
    yield "server", inputs.RESPONSE_DONE.replace(_RESPONSE_ID, id.encode()), 0
    kind = "conversation.item.input_audio_transcription.completed"
    usage = {"type": "duration", "seconds": 4}
    yield "server", _server(kind, number, item_id=item, content_index=0, transcript="Where?", usage=usage), 0
    yield from appends


@cache
def log(format: AudioFormatName, turns: int = TURNS) -> Path:
    """Return the log of a call in a session of this format."""
    path, now = Path(_FOLDER.name) / f"{format}-{turns}.jsonl", 0.0
    session = realtime.create_session_config("gpt-realtime-2", format=format)
    with Recorder(path, buffer_bytes=1 << 20, clock=lambda: now / 1000) as recorder:
        recorder.sent(realtime.encode(realtime.SessionUpdate(session=session)))
        for number in range(turns):
            for direction, frame, takes_ms in _turn(number, FORMATS[format]):
                recorder.record(direction, frame)
                now += takes_ms
    return path


def frames(format: AudioFormatName) -> list[tuple[Direction, bytes]]:
    """Return the same frames with their directions, without a file."""
    return [(entry.direction, entry.frame) for entry in read_log(log(format)) if isinstance(entry, Entry)]


class Inspect(Timed):
    """A log of three turns, read from its file."""

    params = (list(FORMATS),)
    param_names = ("session",)
    calls: ClassVar[Calls] = {(name,): partial(analysis.inspect_log, log(name)) for name in FORMATS}

    def time_inspect_log(self, session: str) -> None:
        self.calls[(session,)]()


class Summarize(Timed):
    """Adding a report to a summary; adding two summaries."""

    params = (["add a report", "add up two"],)
    param_names = ("work",)
    _report = analysis.inspect_log(log("g711_ulaw"))
    calls: ClassVar[Calls] = {
        ("add a report",): partial(analysis.Summary().add, _report),
        ("add up two",): partial(
            analysis.Summary.__add__, analysis.Summary.of(_report), analysis.Summary.of(_report)
        ),
    }

    def time_summarize(self, work: str) -> None:
        self.calls[(work,)]()
