"""Audio and pieces of text, which are nearly all frames of a log: seen, measured, never decoded.

A frame is read where it lies: in `data`, from `start` to `end`. What is read is the head. The length of
audio follows from its base64's, and whose it is from the members before it, which are the same bytes in
every delta of a part and are looked up as such. A frame that is laid out otherwise goes the long way:
its base64 is cut out and the rest is decoded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, TypeAlias

import msgspec

from .._guard import DEFAULT_MAX_DEPTH, check_depth
from ..errors import DecodeError
from ..format import AudioFormat
from ..recording import Direction
from ..recording._privacy import raw_length
from ..recording._sound import _RATES, Coding, _Audio as _Rest
from ._call import Call
from ._kept import name_of
from ._parts import Part
from ._session import ms_per_byte

# What a reader does with a frame (data, start, end) and its time: whether it was what its type promises. If
# not, nothing was done.
Hot: TypeAlias = Callable[[bytes, int, int, float], bool]

HEAD_BYTES: Final = 1024
# As many heads of parts are known at once.
_MAX_HEADS: Final = 1024
_MAX_CHANNELS: Final = 8
_EQUALS, _CLOSE, _BACKSLASH = ord("="), ord("}"), b"\\"
# How `encode_append` and most clients begin an append, up to its base64.
APPEND: Final = "input_audio_buffer.append"
PLAIN_APPEND: Final = f'{{"type":"{APPEND}","audio":"'.encode()
# A frame's first bytes, as far as they are the same in every frame of a type: the type of audio ends
# within the first, and a plain append's audio begins right behind it; the type of a transcript's delta
# ends within the second.
GLANCES: Final = (len(PLAIN_APPEND), 48)

_APPENDS: Final = (
    APPEND, "session.input_audio_buffer.append", "session.input_audio.append",
)  # fmt: skip
AUDIO: Final = ("response.output_audio.delta", "response.audio.delta")
TEXT: Final = (
    "response.output_audio_transcript.delta", "response.output_text.delta",
    "response.audio_transcript.delta", "response.text.delta",
)  # fmt: skip
_ARGUMENTS: Final = ("response.function_call_arguments.delta", "response.mcp_call_arguments.delta")


def readers(call: Call) -> dict[Direction, dict[str, Hot]]:
    """What to do with the frames of each hot type, by who sent them."""
    return {
        "client": dict.fromkeys(_APPENDS, _append(call)),
        "server": {
            # A sideband is told what the caller's side sends: what the model hears, not what it says.
            **dict.fromkeys(_APPENDS, _nothing),
            **{kind: _audio_delta(call, kind) for kind in AUDIO},
            **{kind: _text_delta(call, kind) for kind in TEXT},
            **dict.fromkeys(_ARGUMENTS, _nothing),
            "conversation.item.input_audio_transcription.delta": _user_words(call),
            "session.output_audio.delta": _run_audio(call),
            "session.output_transcript.delta": _run_words(call),
        },
    }


def _nothing(data: bytes, start: int, end: int, time_ms: float) -> bool:
    return True


# --- What the caller says --------------------------------------------------------------


def plain_readers(call: Call) -> dict[bytes, Hot]:
    """The readers of frames that begin as these do, and hold nothing but audio: for speed alone."""
    return {PLAIN_APPEND: _plain_append(call)}


def _plain_append(call: Call) -> Hot:
    head, otherwise, sent = len(PLAIN_APPEND), _append(call), call.clock.sent

    def append(data: bytes, start: int, end: int, time_ms: float) -> bool:
        audio, last = start + head, end - 2
        if (
            data.find(b'"', audio, end) != last
            or data[end - 1] != _CLOSE
            or audio == last
            or data.find(_BACKSLASH, audio, last) >= 0
        ):
            return otherwise(data, start, end, time_ms)
        nbytes = (last - audio) // 4 * 3
        if data[last - 1] == _EQUALS:
            nbytes = max(0, nbytes - 1 - (data[last - 2] == _EQUALS))
        sent(nbytes, time_ms)
        return True

    return append


def _append(call: Call) -> Hot:
    sent, key, skip = call.clock.sent, b'"audio":"', len(b'"audio":"')

    def append(data: bytes, start: int, end: int, time_ms: float) -> bool:
        at = data.find(key, start, min(end, start + HEAD_BYTES))
        stop = data.find(b'"', at + skip, end)
        if at >= 0 and stop > at + skip:
            sent(_measured(data, at + skip, stop), time_ms)
            return True
        found = _cut(data[start:end], "audio")
        if found is not None:
            sent(found[1], time_ms)
        return found is not None

    return append


def _user_words(call: Call) -> Hot:
    def read(data: bytes, start: int, end: int, time_ms: float) -> bool:
        frame = data[start:end]
        told = _decoded(frame)
        if told is not None:
            call.turns.transcribes(name_of(told.item_id) or "", frame)
        return told is not None

    return read


# --- What a response says --------------------------------------------------------------


def heads(kind: str) -> tuple[bytes, int]:
    """What a frame of a type begins with, as OpenAI writes it, up to the value of its event_id."""
    begins = f'{{"type":"{kind}","event_id":"'.encode()
    return begins, len(begins)


def _audio_delta(call: Call, kind: str) -> Hot:
    (begins, past), parts, sound = heads(kind), call.parts, call.responses.sound
    key, skip = b'"delta":"', len(b'"delta":"')

    def read(data: bytes, start: int, end: int, time_ms: float) -> bool:
        head = b""
        if data.startswith(begins, start):
            within = min(end, start + HEAD_BYTES)
            at = data.find(b'"', start + past, within)
            audio = data.find(key, at, within) + skip
            stop = data.find(b'"', audio, end)
            head = data[at:audio]
            part = parts.get(head)
            if part is not None and stop > audio:
                sound(part, _measured(data, audio, stop), time_ms)
                return True
        found = _cut(data[start:end], "delta")
        if found is None:
            return False
        part = _part_of(call, found[0], time_ms, head)
        sound(part, found[1], time_ms)
        return True

    return read


def _text_delta(call: Call, kind: str) -> Hot:
    (begins, past), parts = heads(kind), call.parts
    key, skip = b'"delta":"', len(b'"delta":"')

    def read(data: bytes, start: int, end: int, time_ms: float) -> bool:
        head = b""
        if data.startswith(begins, start):
            within = min(end, start + HEAD_BYTES)
            at = data.find(b'"', start + past, within)
            head = data[at : data.find(key, at, within) + skip]
            part = parts.get(head)
            if part is not None:
                part.live.words(part, data[start:end], time_ms)
                return True
        frame = data[start:end]
        told = _decoded(frame)
        if told is None:
            return False
        part = _part_of(call, told, time_ms, head)
        part.live.words(part, frame, time_ms)
        return True

    return read


def _part_of(call: Call, told: _Rest, time_ms: float, head: bytes) -> Part:
    """The part that a delta goes on with, known by its head from now on."""
    live = call.live(told.response_id, time_ms)
    part = live.part(name_of(told.item_id), told.content_index or 0)
    if head.startswith(b'","') and head.endswith(b'"delta":"') and told.response_id is not None:
        if len(call.parts) >= _MAX_HEADS:
            call.parts.clear()
        call.parts[head] = part
    return part


# --- What comes without responses ------------------------------------------------------


def _run_audio(call: Call) -> Hot:
    def read(data: bytes, start: int, end: int, time_ms: float) -> bool:
        found = _cut(data[start:end], "delta")
        if found is not None:
            coding = _coding_of(found[0], call.sessions.output)
            call.responses.sound(call.runs.part(time_ms, ms_per_byte(coding)), found[1], time_ms)
        return found is not None

    return read


def _run_words(call: Call) -> Hot:
    def read(data: bytes, start: int, end: int, time_ms: float) -> bool:
        frame = data[start:end]
        told = _decoded(frame)
        if told is not None:
            part = call.runs.part(time_ms, ms_per_byte(call.sessions.output))
            part.live.words(part, frame, time_ms)
        return told is not None

    return read


def _coding_of(told: _Rest, coding: Coding) -> Coding:
    """How a delta's audio is coded, which it may tell itself."""
    if told.sample_rate in _RATES and coding.format is AudioFormat.PCM16:
        coding = replace(coding, sample_rate=told.sample_rate)
    if told.channels is not None and 0 < told.channels <= _MAX_CHANNELS:
        coding = replace(coding, channels=told.channels)
    return coding


# --- Frames ----------------------------------------------------------------------------


_decode_rest = msgspec.json.Decoder(_Rest).decode


def _measured(data: bytes, start: int, end: int) -> int:
    """How many bytes of audio the base64 from `start` to `end` stands for."""
    if data.find(_BACKSLASH, start, end) >= 0:  # a slash may be written as two characters
        return raw_length(data[start:end])
    nbytes = (end - start) // 4 * 3
    if data[end - 1] == _EQUALS:
        nbytes = max(0, nbytes - 1 - (data[end - 2] == _EQUALS))
    return nbytes


def _cut(frame: bytes, name: str) -> tuple[_Rest, int] | None:
    """A frame without its base64, and the bytes of audio that this was; None where it is not one.

    Audio that was left out of the log has its length beside it.
    """
    key = f'"{name}":"'.encode()
    start = frame.find(key, 0, HEAD_BYTES) + len(key)
    end = frame.find(b'"', start)
    if start < len(key) or end <= start:
        told = _decoded(frame)
        if told is None:
            return None
        written: str = getattr(told, name) or ""
        return told, raw_length(written.encode()) or min(max(0, told.audio_bytes), _MAX_AUDIO_BYTES)
    told = _decoded(frame[:start] + frame[end:])
    return None if told is None else (told, _measured(frame, start, end))


_MAX_AUDIO_BYTES: Final = 1 << 27


def _decoded(frame: bytes) -> _Rest | None:
    try:
        check_depth(frame, DEFAULT_MAX_DEPTH)
        return _decode_rest(frame)
    except (DecodeError, ValueError, RecursionError):
        return None
