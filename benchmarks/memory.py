"""Memory: the peak of the largest append, and the size of decoded events, with peers.

Sizes are measured by tracemalloc over many live events, without the payload of an event (raw audio
here, base64 in the peers, text).
"""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import realtime

from . import inputs
from .common import absent
from .peers import PARSERS

_MOST = 15 * 1024 * 1024
_EVENTS = 400
_KINDS = {"text delta": None, "audio delta 160 B": 160, "audio delta 9600 B": 9_600}
_BY = ["realtime", "openai", "msgspec", "json"]


def _frames(audio_bytes: int | None) -> list[bytes]:
    """Return deltas with distinct ids, so that decoded events share nothing."""
    if audio_bytes is None:
        kind, delta = "response.output_text.delta", "Sure, I can help"
    else:
        kind = "response.output_audio.delta"
        delta = json.loads(inputs.audio_delta(audio_bytes))["delta"]
    return [inputs.part_delta(kind, number, delta) for number in range(_EVENTS)]


def _payload(event: Any) -> int:
    return len(event["delta"] if isinstance(event, dict) else event.delta)


def retained(parse: Callable[[bytes], Any], frames: list[bytes]) -> tuple[int, list[Any]]:
    """Return the number of bytes that the events of `frames` occupy, and the events."""
    parse(frames[0])
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        events = [parse(frame) for frame in frames]
        return tracemalloc.get_traced_memory()[0] - before, events
    finally:
        tracemalloc.stop()


class PeakOfLargestAppend:
    """The peak of the process, including the 15 MiB of audio and its frame."""

    params = (["nothing", "encode", "decode"],)
    param_names = ("work",)

    def setup(self, work: str) -> None:
        self.audio = bytes(_MOST)
        self.frame = realtime.encode_append(self.audio)

    def peakmem_largest_append(self, work: str) -> None:
        if work == "encode":
            realtime.encode_append(self.audio)
        elif work == "decode":
            realtime.decode_client(self.frame)


class PerEvent:
    """Bytes per decoded event beyond its payload."""

    params = (_BY, list(_KINDS))
    param_names = ("by", "event")
    skip_params = absent({(by, kind): None for by in PARSERS for kind in _KINDS}, params)

    def track_bytes_per_event(self, by: str, event: str) -> float:
        total, events = retained(PARSERS[by], _frames(_KINDS[event]))
        return (total - sum(map(_payload, events))) / len(events)

    track_bytes_per_event.unit = "bytes"  # type: ignore[attr-defined]


class PerCallMinute:
    """Bytes of all events of one minute of an answer."""

    params = (["realtime", "openai", "json"],)
    param_names = ("by",)
    skip_params = absent({(by,): None for by in PARSERS}, params)

    def track_bytes_per_call_minute(self, by: str) -> float:
        return float(retained(PARSERS[by], [*inputs.call_minute()])[0])

    track_bytes_per_call_minute.unit = "bytes"  # type: ignore[attr-defined]
