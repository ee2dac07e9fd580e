"""Synthetic calls with recorded speech, as logs, for tests of the page."""

from __future__ import annotations

import functools
import importlib.resources
import json
from pathlib import Path
from typing import Any, Final

import pybase64

from realtime.audio import convert, read_wav
from realtime.format import AudioFormat
from realtime.recording import Recorder
from realtime.recording.log import Direction

GREETING: Final = "Good morning, Harbour Hotel, this is Marin speaking. How can I help you today?"
ANSWER: Final = (
    "Of course. I can see two quiet rooms for the fourteenth, one on the garden side and one under the roof, "
    "and both of them include breakfast until half past ten."
)


@functools.cache
def speech(format: str, start_ms: int, length_ms: int) -> bytes:
    """Return a slice of recorded speech, repeated if it is too short."""
    path = importlib.resources.files("realtime") / "data" / "caller.wav"
    with path.open("rb") as file:
        found = read_wav(file)  # type: ignore[arg-type]
    wire_format = AudioFormat.of(format)
    audio = bytes(convert(found.data, found.encoding, wire_format))
    start = wire_format.chunk_bytes(20) * (start_ms // 20)
    return (audio[start:] + audio * 3)[: wire_format.chunk_bytes(20) * (length_ms // 20)]


class Call:
    """Frames with their times, in any order. `write` sorts them into a log."""

    def __init__(self, format: str = "pcm16") -> None:
        self.format = AudioFormat.of(format)
        self.frames: list[tuple[float, Direction, bytes]] = []
        self._said: list[tuple[float, bytes]] = []
        self._count = 0

    def server(self, at_ms: float, type: str, **members: Any) -> None:
        self._count += 1
        frame = {"type": type, "event_id": f"event_{self._count:05}", **members}
        self.frames.append((at_ms, "server", json.dumps(frame, separators=(",", ":")).encode()))

    def client(self, at_ms: float, type: str, **members: Any) -> None:
        self.frames.append(
            (at_ms, "client", json.dumps({"type": type, **members}, separators=(",", ":")).encode())
        )

    def session(self, model: str = "gpt-realtime-2", **audio: Any) -> None:
        spelled = {"audio/pcm": {"type": "audio/pcm", "rate": 24000}}.get(
            self.format.ga_type, {"type": self.format.ga_type}
        )
        vad = {"type": "server_vad", "threshold": 0.5, "prefix_padding_ms": 300, "silence_duration_ms": 500}
        input = {"format": spelled, "turn_detection": vad, "transcription": {"model": "whisper-1"}}
        output = {"format": spelled, "voice": "marin"}
        session = {"type": "realtime", "model": model, "audio": {"input": input | audio, "output": output}}
        self.server(8, "session.created", session={"id": "sess_CkP3d7", **session})
        self.client(12, "session.update", session=session)
        self.server(41, "session.updated", session={"id": "sess_CkP3d7", **session})

    def microphone(self, end_ms: float, speeches: list[tuple[int, int, int]]) -> None:
        """Add a chunk every 20 ms: silence, except for `speeches` (time, length, position in the recording)."""
        size = self.format.chunk_bytes(20)
        chunks = {n: self.format.silence(20) for n in range(int(end_ms // 20))}
        for at, length, source in speeches:
            data = speech(self.format.encoding, source, length)
            for n in range(length // 20):
                chunks[at // 20 + n] = data[n * size : (n + 1) * size]
        for n, chunk in chunks.items():
            self.client(100 + n * 20, "input_audio_buffer.append", audio=pybase64.b64encode(chunk).decode())

    def add_user_turn(self, start: int, end: int, item: str, transcript: str) -> None:
        """Add the events of one turn of the user. Times are those of the audio, which begins at 100 ms."""
        self.server(
            start + 180, "input_audio_buffer.speech_started", audio_start_ms=start - 100, item_id=item
        )
        self.server(end + 520, "input_audio_buffer.speech_stopped", audio_end_ms=end - 100, item_id=item)
        self.server(end + 524, "input_audio_buffer.committed", item_id=item)
        message = {"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        self.server(end + 525, "conversation.item.added", item=message)
        self.server(
            end + 910, "conversation.item.input_audio_transcription.completed",
            item_id=item, content_index=0, transcript=transcript, usage={"type": "duration", "seconds": (end - start) / 1000},
        )  # fmt: skip

    def answer(
        self, created: int, first: int, length: int, name: str, transcript: str,
        *, status: str = "completed", stall: tuple[int, int] | None = None, truncate_at: int | None = None,
    ) -> None:  # fmt: skip
        """Add an audio response: 200 ms chunks every 55 ms, with a pause of `stall[1]` ms after chunk `stall[0]`."""
        ids = {
            "response_id": f"resp_{name}",
            "item_id": f"item_{name}",
            "output_index": 0,
            "content_index": 0,
        }
        self.server(
            created,
            "response.created",
            response={"id": f"resp_{name}", "status": "in_progress", "output": []},
        )
        item = {
            "id": f"item_{name}",
            "type": "message",
            "role": "assistant",
            "status": "in_progress",
            "content": [],
        }
        self.server(
            created + 4, "response.output_item.added", response_id=f"resp_{name}", output_index=0, item=item
        )
        words = transcript.split(" ")
        data, size, at = speech(self.format.encoding, 300, length), self.format.chunk_bytes(200), float(first)
        count = -(-len(data) // size)
        for n in range(count):
            if truncate_at is not None and at > truncate_at:
                break
            text = words[n * len(words) // count : (n + 1) * len(words) // count]
            for word in text:
                self.server(at - 3, "response.output_audio_transcript.delta", **ids, delta=word + " ")
            delta = pybase64.b64encode(data[n * size : (n + 1) * size]).decode()
            self.server(at, "response.output_audio.delta", **ids, delta=delta)
            at += 55 + (stall[1] if stall and stall[0] == n else 0)
        self.server(at, "response.output_audio.done", **ids)
        self.server(at + 1, "response.output_audio_transcript.done", **ids, transcript=transcript)
        usage = {
            "input_tokens": 820, "output_tokens": 240, "total_tokens": 1060,
            "input_token_details": {"text_tokens": 320, "audio_tokens": 500, "cached_tokens": 512, "cached_tokens_details": {"text_tokens": 256, "audio_tokens": 256}},
            "output_token_details": {"text_tokens": 60, "audio_tokens": 180},
        }  # fmt: skip
        reason = (
            {"status_details": {"type": "cancelled", "reason": "turn_detected"}}
            if status == "cancelled"
            else {}
        )
        response = {"id": f"resp_{name}", "status": status, "output": [], "usage": usage, **reason}
        self.server(max(at + 6, truncate_at or 0), "response.done", response=response)

    def write(self, path: Path) -> Path:
        now = [0.0]
        with Recorder(path, mode="w", clock=lambda: now[0] / 1000, wall_clock=lambda: 1.8e9) as recorder:
            for at, direction, frame in sorted(self.frames, key=lambda each: each[0]):
                now[0] = at
                recorder.record(direction, frame)
        return path


def hotel(format: str = "pcm16") -> Call:
    """Return a call of 45 s: a greeting, a barge-in, a function call, an error, an unknown event and a gap."""
    call = Call(format)
    call.session()
    call.microphone(
        44_000, [(5000, 2700, 120), (10_800, 3000, 5500), (27_400, 1200, 2000), (36_000, 2400, 7000)]
    )
    call.client(600, "response.create")
    call.answer(690, 1010, 3400, "1", GREETING)
    call.add_user_turn(
        5100, 7800, "item_u1", "Hi, do you have a quiet room for the fourteenth, for two people?"
    )
    call.answer(8330, 8760, 7600, "2", ANSWER, status="cancelled")
    call.client(11_090, "conversation.item.truncate", item_id="item_2", content_index=0, audio_end_ms=2300)
    call.server(11_150, "conversation.item.truncated", item_id="item_2", content_index=0, audio_end_ms=2300)
    call.add_user_turn(
        10_900,
        13_900,
        "item_u2",
        "Sorry, the garden one please, and could you check how much it is with the loyalty card?",
    )
    _function(call, 14_480)
    call.client(16_260, "response.create")
    call.answer(
        16_300,
        16_840,
        6200,
        "4",
        "With your card the garden room is one hundred and twelve pounds a night, breakfast included. Shall I book it?",
    )
    call.server(24_000, "response.output_sparkle.added", response_id="resp_4", sparkle={"level": 3})
    call.client(25_000, "input_audio_buffer.commit")
    call.server(
        25_048, "error",
        error={"type": "invalid_request_error", "code": "input_audio_buffer_commit_empty", "message": "Error committing input audio buffer: buffer too small. Expected at least 100ms of audio.", "param": None, "event_id": None},
    )  # fmt: skip
    call.server(
        25_400,
        "rate_limits.updated",
        rate_limits=[{"name": "tokens", "limit": 40000, "remaining": 31250, "reset_seconds": 13.1}],
    )
    call.add_user_turn(27_500, 28_700, "item_u3", "Yes please.")
    call.answer(
        29_300,
        30_460,
        4000,
        "5",
        "Done. You will find the confirmation in your inbox in a minute or two.",
        stall=(9, 2300),
    )
    call.add_user_turn(36_100, 38_500, "item_u4", "Wonderful, thank you so much. Have a good day!")
    call.answer(39_080, 39_390, 2800, "6", "Thank you for calling, and see you on the fourteenth.")
    return call


def _function(call: Call, at: int) -> None:
    ids = {"response_id": "resp_3", "item_id": "item_3", "output_index": 0, "call_id": "call_9fQ"}
    arguments = '{"room":"garden","night":"2026-12-14","loyalty":true}'
    call.server(at, "response.created", response={"id": "resp_3", "status": "in_progress", "output": []})
    item = {
        "id": "item_3",
        "type": "function_call",
        "name": "quote_room",
        "call_id": "call_9fQ",
        "arguments": "",
    }
    call.server(at + 310, "response.output_item.added", response_id="resp_3", output_index=0, item=item)
    for n in range(0, len(arguments), 9):
        call.server(at + 320 + n, "response.function_call_arguments.delta", **ids, delta=arguments[n : n + 9])
    call.server(
        at + 400, "response.function_call_arguments.done", **ids, name="quote_room", arguments=arguments
    )
    item = {**item, "arguments": arguments, "status": "completed"}
    call.server(at + 402, "response.output_item.done", response_id="resp_3", output_index=0, item=item)
    usage = {
        "input_tokens": 900,
        "output_tokens": 30,
        "total_tokens": 930,
        "input_token_details": {"text_tokens": 330, "audio_tokens": 570},
        "output_token_details": {"text_tokens": 30},
    }
    call.server(
        at + 405,
        "response.done",
        response={"id": "resp_3", "status": "completed", "output": [item], "usage": usage},
    )
    output = {"type": "function_call_output", "call_id": "call_9fQ", "output": '{"pounds":112}'}
    call.client(at + 1760, "conversation.item.create", item=output)


MARKUP: Final = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1><!--<script>"
NASTY: Final = (
    MARKUP,
    "\x00\x1b[31m\u202edesrever\u2066\u2028\u2029 &lt;b&gt; &amp; ]]> ${hacked} {{data}} {{script}}",
    "\u0627\u0644\u0633\u0644\u0627\u0645 \u05e9\u05dc\u05d5\u05dd " + "w" * 300_000,
    'x" onmouseover="window.hacked=1" style="position:fixed',
)


def hostile() -> Call:
    """Return a call in which every text that a peer can choose is hostile."""
    call = Call()
    call.session(model=MARKUP)
    call.microphone(3000, [(500, 1000, 120)])
    for number, text in enumerate(NASTY):
        at = 4000 + number * 3000
        call.add_user_turn(at, at + 700, f"item_{text[:200]}", text)
        call.answer(at + 1300, at + 1500, 600, text[:200], text, status=text[:60])
        call.server(
            at + 2000,
            "error",
            error={"type": text[:99], "code": text[:99], "message": text, "event_id": text[:99]},
        )
        call.server(at + 2100, f"unknown.{text[:500]}", payload=text[:99])
        ids = {"response_id": text[:200], "item_id": text[:200], "output_index": 0, "call_id": text[:200]}
        call.server(
            at + 2200, "response.function_call_arguments.done", **ids, name=text[:200], arguments=text[:99]
        )
        call.server(at + 2300, f"{text[:50]}.delta", delta=text)
    call.frames.append((16_000, "server", NASTY[0].encode()))
    return call


def long_call(path: Path, minutes: float, turns: int) -> Path:
    """Write a long mu-law call with speech from both sides in turns."""
    noise = speech("g711_ulaw", 0, 9000)
    call = Call("g711_ulaw")
    call.session()
    end = int(minutes * 60_000)
    for at in range(100, end, 100):
        start = at % 8000
        call.client(
            at, "input_audio_buffer.append", audio=pybase64.b64encode(noise[start : start + 800]).decode()
        )
    for number in range(turns):
        at = 200 + number * end // turns
        span = min(4000, end // turns // 2)
        call.add_user_turn(
            at,
            at + span,
            f"item_u{number}",
            "It is about the fourteenth, as I said, and the garden room. " * 2,
        )
        call.answer(at + span + 600, at + span + 900, span, f"{number}", ANSWER)
    return call.write(path)
