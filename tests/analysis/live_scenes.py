"""Synthetic Live calls for tests: both sides' words and audio by their places on the session's clock."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeAlias

from realtime.recording import Direction, Entry
from tests.analysis.scenes import Scene

STARTED_MS = 1_000
# The model's audio arrives this long after its place on the session's clock.
OUTPUT_DELAY_MS = 120
CHUNK_MS = 100
FRAME_MS = 200
# By format: the session's, bytes per chunk of silence, and one of speech.
FORMATS: dict[str, tuple[dict[str, Any], bytes, bytes]] = {
    "pcm": ({"type": "audio/pcm", "rate": 24000}, bytes(4800), b"\x00\x20\x00\xe0" * 1200),
    "pcm16k": ({"type": "audio/pcm", "rate": 16000}, b"\x01\x00" * 1600, b"\x00\x20\x00\xe0" * 800),
    "pcmu": ({"type": "audio/pcmu", "rate": 8000}, b"\xff" * 800, b"\x8f\x0f" * 400),
    "pcma": ({"type": "audio/pcma", "rate": 8000}, b"\xd5" * 800, b"\x8f\x0f" * 400),
}


Timed: TypeAlias = tuple[float, Direction, dict[str, Any]]


class Words(NamedTuple):
    """What one side says from `start_ms` to `end_ms` of the session's clock; without text, a sound."""

    start_ms: int
    end_ms: int
    text: str


def text_base64(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


def session(format: str = "pcm", **members: Any) -> dict[str, Any]:
    return {
        "id": "sess_l", "model": "gpt-live-1", "expires_at": 1, "status": "active",
        "audio": {"format": FORMATS[format][0]}, **members,
    }  # fmt: skip


def live_call(
    user: Iterable[Words],
    model: Iterable[Words],
    duration_ms: int,
    *,
    format: str = "pcm",
    words_delay_ms: int = 300,
    states_times: bool = False,
    begins_at_ms: int = STARTED_MS,
    more: Iterable[Timed] = (),
    **members: Any,
) -> Scene:
    """Return a call in real time: audio of both sides in chunks of 100 ms, words in frames of 200 ms.

    `words_delay_ms` is how long after their end the words arrive. `states_times` leaves the model's silence
    out and gives its audio times, as Azure documents it. `more` are other events.
    """
    user, model = [*user], [*model]
    _, silence, speech = FORMATS[format]
    timed = [*more]

    def add(time_ms: float, direction: Direction, kind: str, **more: Any) -> None:
        timed.append((time_ms, direction, {"type": kind, **more}))

    add(0, "client", "session.start", session=session(format, **members))
    add(begins_at_ms - 1, "server", "session.started", session=session(format, **members))
    for at_ms in range(0, duration_ms, CHUNK_MS):
        add(begins_at_ms + at_ms, "client", "session.input_audio.append", audio=text_base64(silence))
        is_speech = any(words.start_ms <= at_ms < words.end_ms for words in model)
        times = {"start_ms": at_ms, "end_ms": at_ms + CHUNK_MS} if states_times else {}
        if is_speech or not states_times:
            delta = text_base64(speech if is_speech else silence)
            arrival_ms = begins_at_ms + at_ms + OUTPUT_DELAY_MS
            add(arrival_ms, "server", "session.output_audio.delta", delta=delta, **times)
    for kind, said in (("session.input_transcript.delta", user), ("session.output_transcript.delta", model)):
        for words in said:
            if not words.text:
                continue  # audible without words
            frames = range(words.start_ms, words.end_ms, FRAME_MS)
            for index, start_ms in enumerate(frames):
                first, last = (len(words.text) * each // len(frames) for each in (index, index + 1))
                end_ms = min(start_ms + FRAME_MS, words.end_ms)
                piece = {"delta": words.text[first:last], "start_ms": start_ms, "end_ms": end_ms}
                add(begins_at_ms + end_ms + words_delay_ms, "server", kind, **piece)
    scene = Scene()
    for time_ms, direction, event in sorted(timed, key=lambda each: each[0]):
        frame = json.dumps(event, separators=(",", ":")).encode()
        scene.entries.append(Entry(direction, float(time_ms), frame, len(scene.entries) + 1))
    scene.now = float(begins_at_ms + duration_ms + OUTPUT_DELAY_MS)
    return scene


# --- Delegations -----------------------------------------------------------------------


def created(id: str, target: str, **members: Any) -> dict[str, Any]:
    delegation = {"id": id, "type": "delegation", "target": target, **members}
    return {"type": "session.delegation.created", "offset_ms": 2_100, "delegation": delegation}


def inner(id: str | None, kind: str, **members: Any) -> dict[str, Any]:
    return {"type": "response.event", "delegation_id": id, "event": {"type": kind, **members}}


def item_done(id: str, kind: str = "function_call", **members: Any) -> dict[str, Any]:
    item = {"type": kind, "call_id": "call_1", "name": "find_order", "arguments": "{}", "status": "completed"}
    return inner(id, "response.output_item.done", item=item | members)


OUTPUT = {"type": "function_call_output", "call_id": "call_1", "output": '{"day":"Tuesday"}'}
TOOL_CALL: list[Timed] = [
    (3_300, "server", created("d", "responses", response_id="r1")),
    (3_310, "server", inner("d", "response.created", response={"id": "r1", "status": "in_progress"})),
    (3_400, "server", item_done("d", "reasoning")),
    (3_500, "server", item_done("d")),
    (3_600, "server", inner("d", "response.completed", response={"id": "r1", "status": "completed", "usage": {"input_tokens": 90, "output_tokens": 9}})),
    (4_500, "client", {"type": "response.item.create", "item": OUTPUT}),
    (4_510, "client", {"type": "response.create"}),
    (4_600, "server", inner("d", "response.created", response={"id": "r2", "status": "in_progress"})),
    (6_000, "server", inner("d", "response.output_text.delta", delta="Tuesday")),
    (6_300, "server", inner("d", "response.completed", response={"id": "r2", "status": "completed", "usage": {"input_tokens": 95, "output_tokens": 5}})),
]  # fmt: skip
RESPONSES = {
    "type": "responses",
    "responses": {"model": "gpt-6-mini", "tools": [{"type": "function", "name": "find_order"}]},
}
