"""realtime.codec: frames to events and back, by event and size."""

from __future__ import annotations

import base64
from functools import partial
from typing import ClassVar

import realtime
from realtime import beta, live, translation

from . import inputs
from .common import Calls, Timed

EVENTS = {
    "text delta": inputs.TEXT_DELTA,
    "response.done": inputs.RESPONSE_DONE,
    "unknown": inputs.UNKNOWN,
    **{f"audio delta {nbytes} B": inputs.audio_delta(nbytes) for nbytes in inputs.AUDIO_BYTES},
}


class Nothing(Timed):
    """The cost of measuring."""

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


class DecodeClient(Timed):
    """An append frame, as a server or a proxy receives it."""

    params = (list(inputs.AUDIO_BYTES),)
    param_names = ("audio_bytes",)
    calls: ClassVar[Calls] = {
        (nbytes,): partial(realtime.decode_client, inputs.append(nbytes)) for nbytes in inputs.AUDIO_BYTES
    }

    def time_decode_client(self, audio_bytes: int) -> None:
        self.calls[(audio_bytes,)]()


class DecodeIf(Timed):
    """A relay that decodes response.done only."""

    params = (list(EVENTS),)
    param_names = ("event",)
    calls: ClassVar[Calls] = {
        (name,): partial(realtime.decode_server_if, frame, frozenset({"response.done"}))
        for name, frame in EVENTS.items()
    }

    def time_decode_if(self, event: str) -> None:
        self.calls[(event,)]()


def _delta(kind: str, nbytes: int) -> bytes:
    return inputs.audio_delta(nbytes).replace(b"response.output_audio.delta", kind.encode())


class DecodeDialect(Timed):
    """An audio delta in each dialect."""

    params = (["beta", "translation", "live"], list(inputs.AUDIO_BYTES))
    param_names = ("dialect", "audio_bytes")
    calls: ClassVar[Calls] = {
        (name, nbytes): partial(module.decode_server, _delta(kind, nbytes))
        for name, module, kind in (
            ("beta", beta, "response.audio.delta"),
            ("translation", translation, "session.output_audio.delta"),
            ("live", live, "session.output_audio.delta"),
        )
        for nbytes in inputs.AUDIO_BYTES
    }

    def time_decode_dialect(self, dialect: str, audio_bytes: int) -> None:
        self.calls[dialect, audio_bytes]()


class EncodeAppendFrom(Timed):
    """The same append from each kind of audio."""

    params = (["str", "int16 view", "Struct"], list(inputs.AUDIO_BYTES))
    param_names = ("source", "audio_bytes")
    calls: ClassVar[Calls] = {
        (source, nbytes): call
        for nbytes in inputs.AUDIO_BYTES
        for source, call in {
            "str": partial(realtime.encode_append, base64.b64encode(inputs.audio(nbytes)).decode()),
            "int16 view": partial(realtime.encode_append, memoryview(inputs.audio(nbytes)).cast("h")),
            "Struct": partial(realtime.encode, realtime.InputAudioBufferAppend(audio=inputs.audio(nbytes))),
        }.items()
    }

    def time_encode_append_from(self, source: str, audio_bytes: int) -> None:
        self.calls[source, audio_bytes]()


class EncodeAudioDelta(Timed):
    """A server's audio delta."""

    params = (list(inputs.AUDIO_BYTES),)
    param_names = ("audio_bytes",)
    calls: ClassVar[Calls] = {
        (nbytes,): partial(realtime.encode, realtime.decode_server(inputs.audio_delta(nbytes)))
        for nbytes in inputs.AUDIO_BYTES
    }

    def time_encode_audio_delta(self, audio_bytes: int) -> None:
        self.calls[(audio_bytes,)]()


CONTROL: dict[str, realtime.ClientEvent] = {
    "response.create": realtime.ResponseCreate(),
    "session.update": realtime.SessionUpdate(
        session=realtime.create_session_config("gpt-realtime-2", "marin", "Be brief.")
    ),
    "text input": realtime.create_text_input("What is the weather in Paris?"),
    "truncate": realtime.ConversationItemTruncate(item_id="item_1", content_index=0, audio_end_ms=1_500),
}


class EncodeControl(Timed):
    """Client events without audio."""

    params = (list(CONTROL),)
    param_names = ("event",)
    calls: ClassVar[Calls] = {(name,): partial(realtime.encode, event) for name, event in CONTROL.items()}

    def time_encode_control(self, event: str) -> None:
        self.calls[(event,)]()
