"""Events that report usage, and the Usage that they were fed to: for the tests of tokens, cost and usage."""

from __future__ import annotations

import json
from typing import Any

import msgspec

import realtime
from realtime import live
from realtime.state import Usage


def response(id: str | None = "resp_1", usage: Any = None, **fields: Any) -> Any:
    """A decoded response.done."""
    frame = {"type": "response.done", "response": {"id": id, "usage": usage}, **fields}
    return realtime.decode_server(json.dumps(frame))


def transcription(usage: Any, item: str = "item_1", index: int = 0) -> Any:
    frame = {
        "type": "conversation.item.input_audio_transcription.completed",
        "item_id": item, "content_index": index, "transcript": "Hello", "usage": usage,
    }  # fmt: skip
    return realtime.decode_server(json.dumps(frame))


def fed(*events: Any) -> Usage:
    usage = Usage()
    for event in events:
        usage.feed(event)
    return usage


# What a developer was billed for a call, as the server reported it; community.openai.com/t/1060242.
REAL = {
    "total_tokens": 821, "input_tokens": 789, "output_tokens": 32,
    "input_token_details": {
        "text_tokens": 313, "audio_tokens": 476, "cached_tokens": 640,
        "cached_tokens_details": {"text_tokens": 256, "audio_tokens": 384},
    },
    "output_token_details": {"text_tokens": 9, "audio_tokens": 23},
}  # fmt: skip

TOKENS_USAGE = {
    "type": "tokens", "total_tokens": 22, "input_tokens": 13, "output_tokens": 9,
    "input_token_details": {"text_tokens": 0, "audio_tokens": 13},
}  # fmt: skip


def live_usage(seconds: float) -> Any:
    return live.SessionUsageUpdated(usage=live.LiveUsage(seconds=seconds))


def live_started(id: str) -> Any:
    return live.SessionStarted(
        session=live.LiveSessionInfo(model="gpt-live-1", id=id, expires_at=0, status="active")
    )


def backend(body: Any, kind: Any = live.ResponseEvent, **fields: Any) -> Any:
    return kind(event=msgspec.Raw(msgspec.json.encode(body)), **fields)
