"""Fixed inputs: frames as OpenAI's server sends them, and audio from a seeded generator."""

from __future__ import annotations

import base64
import functools
import json

import numpy as np

from realtime.audio import ulaw_encode

SEED = 20260711
# 160 bytes: 20 ms of G.711. 960: 20 ms of PCM16. 9.6 kB: 200 ms. 96 kB: 2 s. 1 MB: 21 s.
AUDIO_BYTES = (160, 960, 9_600, 96_000, 1_000_000)
# 20 ms and 1 s at 8 kHz; two minutes; twenty.
SAMPLES = (160, 8_000, 1_000_000, 10_000_000)


@functools.cache
def pcm(samples: int) -> np.ndarray[tuple[int], np.dtype[np.int16]]:
    """Return int16 noise at about -20 dBFS."""
    noise = np.random.default_rng(SEED).normal(0, 3_000, samples)
    return np.clip(noise, -32_768, 32_767).astype(np.int16)


@functools.cache
def codes(samples: int) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Return the same noise as mu-law codes."""
    return ulaw_encode(pcm(samples))


@functools.cache
def audio(nbytes: int) -> bytes:
    """Return `nbytes` of PCM16."""
    return pcm(nbytes // 2).tobytes()


_EVENT_ID = "event_BGG3hN2nKkrPRBq8jXnFN"


def _frame(kind: str, **fields: object) -> bytes:
    event = {"type": kind, "event_id": _EVENT_ID, **fields}
    return json.dumps(event, separators=(",", ":")).encode()


_PART = {
    "response_id": "resp_BGG3hFEsJWvZnqnYb4VcM",
    "item_id": "item_BGG3hTHVYjbxvcQ2cMpfB",
    "output_index": 0,
    "content_index": 0,
}
TEXT_DELTA = _frame("response.output_text.delta", **_PART, delta="Sure, I can help")
UNKNOWN = _frame("response.thought.delta", **_PART, delta="Sure, I can help", confidence=0.5)
RESPONSE_DONE = _frame(
    "response.done",
    response={
        "object": "realtime.response",
        "id": _PART["response_id"],
        "status": "completed",
        "status_details": None,
        "output": [
            {
                "id": _PART["item_id"],
                "object": "realtime.item",
                "type": "message",
                "status": "completed",
                "role": "assistant",
                "content": [{"type": "output_audio", "transcript": "Sure, I can help you with that order."}],
            }
        ],
        "conversation_id": "conv_BGG3gfYUFNwN4vcRmBM6K",
        "output_modalities": ["audio"],
        "max_output_tokens": "inf",
        "audio": {"output": {"format": {"type": "audio/pcm", "rate": 24000}, "voice": "alloy"}},
        "usage": {
            "total_tokens": 253,
            "input_tokens": 132,
            "output_tokens": 121,
            "input_token_details": {
                "text_tokens": 119,
                "audio_tokens": 13,
                "image_tokens": 0,
                "cached_tokens": 64,
                "cached_tokens_details": {"text_tokens": 64, "audio_tokens": 0, "image_tokens": 0},
            },
            "output_token_details": {"text_tokens": 30, "audio_tokens": 91},
        },
        "metadata": None,
    },
)


@functools.cache
def audio_delta(nbytes: int) -> bytes:
    """Return an audio delta of `nbytes` of PCM16."""
    return _frame("response.output_audio.delta", **_PART, delta=base64.b64encode(audio(nbytes)).decode())


def part_delta(kind: str, number: int, delta: str) -> bytes:
    """Return delta `number` of an answer, with its own event_id."""
    return _frame(kind, **{**_PART, "event_id": f"{_EVENT_ID[:-4]}{number:04}"}, delta=delta)


def append(nbytes: int) -> bytes:
    """Return an append of `nbytes` of PCM16."""
    return _frame("input_audio_buffer.append", audio=base64.b64encode(audio(nbytes)).decode())


@functools.cache
def call_minute() -> tuple[bytes, ...]:
    """Return the frames of one minute of an answer: audio deltas of 400 ms, their transcript, and the end."""
    sound = base64.b64encode(audio(19_200)).decode()
    deltas = [part_delta("response.output_audio.delta", n, sound) for n in range(150)]
    words = [part_delta("response.output_audio_transcript.delta", n, " certainly") for n in range(150)]
    return (*deltas, *words, RESPONSE_DONE)
