"""realtime.codec: frames to events and back, by event and size."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import realtime

from . import inputs
from .common import Calls, Timed

EVENTS = {
    "text delta": inputs.TEXT_DELTA,
    "response.done": inputs.RESPONSE_DONE,
    "unknown": inputs.UNKNOWN,
    **{f"audio delta {nbytes} B": inputs.audio_delta(nbytes) for nbytes in inputs.AUDIO_BYTES},
}


class Nothing(Timed):
    """What the measuring itself costs."""

    params = (["call"],)
    param_names = ("of",)
    calls: ClassVar[Calls] = {("call",): partial(len, b"")}

    def time_nothing(self, of: str) -> None:
        self.calls[(of,)]()


class DecodeServer(Timed):
    params = (list(EVENTS), ["bytes", "str"])
    param_names = ("event", "frame")
    calls: ClassVar[Calls] = {
        (name, kind): partial(realtime.decode_server, frame if kind == "bytes" else frame.decode())
        for name, frame in EVENTS.items()
        for kind in ("bytes", "str")
    }

    def time_decode_event(self, event: str, frame: str) -> None:
        self.calls[event, frame]()


class PeekType(Timed):
    params = (list(EVENTS),)
    param_names = ("event",)
    calls: ClassVar[Calls] = {(name,): partial(realtime.peek_type, frame) for name, frame in EVENTS.items()}

    def time_peek(self, event: str) -> None:
        self.calls[(event,)]()


class EncodeAppend(Timed):
    params = (list(inputs.AUDIO_BYTES),)
    param_names = ("audio_bytes",)
    calls: ClassVar[Calls] = {
        (nbytes,): partial(realtime.encode_append, inputs.audio(nbytes)) for nbytes in inputs.AUDIO_BYTES
    }

    def time_encode_append(self, audio_bytes: int) -> None:
        self.calls[(audio_bytes,)]()


class Encode(Timed):
    """A known event, through its Struct."""

    params = (["text delta", "response.done", "unknown"],)
    param_names = ("event",)
    calls: ClassVar[Calls] = {
        (name,): partial(realtime.encode, realtime.decode_server(EVENTS[name]))
        for name in ("text delta", "response.done", "unknown")
    }

    def time_encode_event(self, event: str) -> None:
        self.calls[(event,)]()
