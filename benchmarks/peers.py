"""The codec against its peers in the same run, with lower bounds.

Each peer is written as its best user would write it: inline, with validation of base64. A peer
that is not installed is skipped. Each class is one task; `by` names the implementation. "openai" is
what openai-python's own realtime connection does with a message; "msgspec" is plain Structs;
"nothing" is an empty call.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, ClassVar, cast

import msgspec
import numpy as np
import pybase64

import realtime

from . import inputs
from .common import Calls, Timed, absent, optional

orjson = optional("orjson")
openai = optional("openai.resources.realtime.realtime")
openai_types = optional("openai.types.realtime")


def openai_connection() -> Any:
    """Return the official client's connection without a socket."""
    base: Any = openai.RealtimeConnection

    class Connection(base):  # type: ignore[misc]
        sent: str = ""

        def _send(self, data: str) -> None:
            self.sent = data

    return Connection(None)


# --- Plain msgspec -------------------------------------------------------------------


class _Part(msgspec.Struct, kw_only=True):
    event_id: str
    response_id: str
    item_id: str
    output_index: int
    content_index: int


class _AudioDelta(_Part, tag="response.output_audio.delta", kw_only=True):
    delta: bytes


class _TextDelta(_Part, tag="response.output_text.delta", kw_only=True):
    delta: str


class _Append(msgspec.Struct, tag="input_audio_buffer.append"):
    audio: bytes


_decode_structs = msgspec.json.Decoder(_AudioDelta | _TextDelta).decode
_encode_struct = msgspec.json.Encoder().encode

# --- Decoding ------------------------------------------------------------------------

Parser = Callable[[bytes], Any]


def _parsers() -> dict[str, Parser]:
    """Return the functions that turn a frame into an event, or at least into a dict."""
    parsers: dict[str, Parser] = {"realtime": realtime.decode_server}
    if openai:
        parsers["openai"] = openai_connection().parse_event
    parsers["msgspec"] = _decode_structs
    parsers["msgspec untyped"] = msgspec.json.decode
    if orjson:
        parsers["orjson"] = orjson.loads
    parsers["json"] = json.loads
    parsers["nothing"] = len
    return parsers


PARSERS = _parsers()


def _int16(data: bytes) -> Any:
    return np.frombuffer(data, "<i2")


def _to_array(frame: bytes) -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield the functions that turn an audio delta into an int16 array."""
    ours = cast("Parser", realtime.decode_server)
    yield "realtime", lambda: _int16(ours(frame).delta)
    if openai:
        parse = PARSERS["openai"]
        yield "openai", lambda: _int16(base64.b64decode(parse(frame).delta))
    structs = cast("Parser", _decode_structs)
    yield "msgspec", lambda: _int16(structs(frame).delta)
    if orjson:
        loads, b64decode = orjson.loads, pybase64.b64decode
        yield "orjson + pybase64", lambda: _int16(b64decode(loads(frame)["delta"], None, True))
    yield "json + base64", lambda: _int16(base64.b64decode(json.loads(frame)["delta"]))
    payload = json.loads(frame)["delta"].encode()
    yield "pybase64 alone", lambda: _int16(pybase64.b64decode(payload, None, True))
    yield "nothing", partial(len, frame)


class DecodeAudioDelta(Timed):
    """An audio delta to an int16 array."""

    params = (
        ["realtime", "openai", "msgspec", "orjson + pybase64", "json + base64", "pybase64 alone", "nothing"],
        list(inputs.AUDIO_BYTES),
    )
    param_names = ("by", "audio_bytes")
    calls: ClassVar[Calls] = {
        (by, nbytes): call
        for nbytes in inputs.AUDIO_BYTES
        for by, call in _to_array(inputs.audio_delta(nbytes))
    }
    skip_params = absent(calls, params)

    def time_decode_audio_delta(self, by: str, audio_bytes: int) -> None:
        self.calls[by, audio_bytes]()


class DecodeEvent(Timed):
    """An event without audio."""

    params = (
        ["realtime", "openai", "msgspec", "msgspec untyped", "orjson", "json", "nothing"],
        ["text delta", "response.done", "unknown"],
    )
    param_names = ("by", "event")
    calls: ClassVar[Calls] = {
        (by, event): partial(parse, frame)
        for event, frame in {
            "text delta": inputs.TEXT_DELTA,
            "response.done": inputs.RESPONSE_DONE,
            "unknown": inputs.UNKNOWN,
        }.items()
        for by, parse in PARSERS.items()
        # Plain Structs for every event would amount to this library.
        if not (by == "msgspec" and event != "text delta")
    }
    skip_params = absent(calls, params)

    def time_decode_event(self, by: str, event: str) -> None:
        self.calls[by, event]()


class PeekType(Timed):
    """The type of an audio delta."""

    params = (["realtime", "orjson", "json", "nothing"], list(inputs.AUDIO_BYTES))
    param_names = ("by", "audio_bytes")
    calls: ClassVar[Calls] = {
        (by, nbytes): partial(peek, inputs.audio_delta(nbytes))
        for nbytes in inputs.AUDIO_BYTES
        for by, peek in {
            "realtime": realtime.peek_type,
            **({"orjson": lambda frame: orjson.loads(frame)["type"]} if orjson else {}),
            "json": lambda frame: json.loads(frame)["type"],
            "nothing": len,
        }.items()
    }
    skip_params = absent(calls, params)

    def time_peek_type(self, by: str, audio_bytes: int) -> None:
        self.calls[by, audio_bytes]()


# --- Encoding ------------------------------------------------------------------------

_HEAD = b'{"type":"input_audio_buffer.append","audio":"'


def _openai_dict(connection: Any, data: bytes) -> str:
    connection.input_audio_buffer.append(audio=base64.b64encode(data).decode())
    return str(connection.sent)


def _openai_model(connection: Any, data: bytes) -> str:
    event = openai_types.InputAudioBufferAppendEvent(
        type="input_audio_buffer.append", audio=base64.b64encode(data).decode()
    )
    connection.send(event)
    return str(connection.sent)


def _with_json(data: bytes) -> str:
    return json.dumps({"type": "input_audio_buffer.append", "audio": base64.b64encode(data).decode()})


def _appenders() -> dict[str, Callable[[bytes], bytes | str]]:
    """Return the functions that turn raw audio into an append frame."""
    appenders: dict[str, Callable[[bytes], bytes | str]] = {"realtime": realtime.encode_append}
    if openai:
        appenders["openai, dict"] = partial(_openai_dict, openai_connection())
        appenders["openai, model"] = partial(_openai_model, openai_connection())
    appenders["msgspec"] = lambda data: _encode_struct(_Append(data))
    if orjson:
        dumps, b64encode = orjson.dumps, pybase64.b64encode_as_string
        appenders["orjson + pybase64"] = lambda data: dumps(
            {"type": "input_audio_buffer.append", "audio": b64encode(data)}
        )
    appenders["json + base64"] = _with_json
    appenders["join + pybase64"] = lambda data: b"".join((_HEAD, pybase64.b64encode(data), b'"}'))
    return appenders


class EncodeAppend(Timed):
    """Raw audio to an append frame."""

    params = (
        [
            "realtime", "openai, dict", "openai, model", "msgspec", "orjson + pybase64", "json + base64",
            "join + pybase64", "nothing",
        ],
        list(inputs.AUDIO_BYTES),
    )  # fmt: skip
    param_names = ("by", "audio_bytes")
    calls: ClassVar[Calls] = {
        (by, nbytes): partial(encode, inputs.audio(nbytes))
        for nbytes in inputs.AUDIO_BYTES
        for by, encode in {**_appenders(), "nothing": len}.items()
    }
    skip_params = absent(calls, params)

    def time_encode_append(self, by: str, audio_bytes: int) -> None:
        self.calls[by, audio_bytes]()


def disagreements() -> list[str]:
    """Return the tasks in which a peer's result differs from ours, so that its time means nothing."""
    found = []
    for nbytes in inputs.AUDIO_BYTES:
        wanted = np.frombuffer(inputs.audio(nbytes), "<i2")
        for by, call in _to_array(inputs.audio_delta(nbytes)):
            if by != "nothing" and not np.array_equal(np.asarray(call()), wanted):
                found.append(f"decode audio delta, {nbytes} bytes: {by}")
        for by, encode in _appenders().items():
            sent = json.loads(encode(inputs.audio(nbytes)))
            expected = {
                "type": "input_audio_buffer.append",
                "audio": base64.b64encode(wanted.tobytes()).decode(),
            }
            if sent != expected:
                found.append(f"encode append, {nbytes} bytes: {by}")
    return found
