"""The audio in a log's frames: whose it is, of which item, in which format; and what cuts it short.

Frames are read for these few members, of any dialect; what else they hold does not matter. Audio
that was left out of the log is silence of its length.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

import msgspec
import pybase64

from ..errors import DecodeError
from ..format import AudioFormat
from ..peek import peek_type
from ._privacy import AUDIO_MEMBERS
from .log import Entry

_MAX_RESPONSES: Final = 256


@dataclass(frozen=True, slots=True)
class Coding:
    """How audio is coded: a format, its rate in Hz (that of PCM may be another than the format's)."""

    format: AudioFormat
    sample_rate: int
    channels: int = 1

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of each channel."""
        return self.format.sample_width * self.channels


PCM16: Final = Coding(AudioFormat.PCM16, AudioFormat.PCM16.sample_rate)
_RATES: Final = (8000, 16000, 24000, 48000)


@dataclass(frozen=True, slots=True)
class Chunk:
    """Audio of one frame: the caller's where `item` is None, else the assistant's."""

    data: bytes
    coding: Coding
    item: str | None
    response: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing of the item is heard after `end_ms` of it; where that is None, of the response from now on."""

    item: str | None
    end_ms: float | None
    response: str | None = None


Sound: TypeAlias = Chunk | Cut


class _Audio(msgspec.Struct):
    delta: str | None = None
    audio: str | None = None
    audio_bytes: int = 0
    item_id: str | None = None
    content_index: int | None = None
    response_id: str | None = None
    sample_rate: int | None = None
    channels: int | None = None


class _Truncate(msgspec.Struct):
    item_id: str | None = None
    content_index: int | None = None
    audio_end_ms: float | None = None


class _Cleared(msgspec.Struct):
    response_id: str | None = None


_decode_audio = msgspec.json.Decoder(_Audio).decode
_decode_truncate = msgspec.json.Decoder(_Truncate).decode
_decode_cleared = msgspec.json.Decoder(_Cleared).decode
_decode_any = msgspec.json.Decoder().decode

_SESSIONS: Final = frozenset(
    {
        "session.created", "session.updated", "session.update", "session.start", "session.started",
        "transcription_session.update", "transcription_session.updated", "transcription_session.created",
    }
)  # fmt: skip
_TRUNCATES: Final = frozenset({"conversation.item.truncate", "conversation.item.truncated"})


class Listener:
    """Gives of each entry the audio that it carries, or the cut that it makes."""

    def __init__(self) -> None:
        self._input = self._output = PCM16
        self._of_response: OrderedDict[str, Coding] = OrderedDict()

    def hear(self, entry: Entry) -> Sound | None:
        """None for what is neither, and for what cannot be read."""
        try:
            kind = peek_type(entry.frame)
            if kind in AUDIO_MEMBERS:
                return self._audio(entry, AUDIO_MEMBERS[kind])
            if kind in _TRUNCATES:
                told = _decode_truncate(entry.frame)
                return Cut(_part(told.item_id, told.content_index), max(0.0, told.audio_end_ms or 0.0))
            if kind == "output_audio_buffer.cleared":
                return Cut(None, None, _decode_cleared(entry.frame).response_id)
            if kind in _SESSIONS:
                self._session(_decode_any(entry.frame).get("session"))
            elif kind == "response.created":
                self._response(_decode_any(entry.frame).get("response"))
        except (DecodeError, ValueError, RecursionError, AttributeError):
            pass
        return None

    def _audio(self, entry: Entry, member: str) -> Chunk | None:
        is_callers = member == "audio"
        if is_callers != (entry.direction == "client"):
            return None  # a sideband's echo of what the caller said
        told = _decode_audio(entry.frame)
        coding = self._input if is_callers else self._of_response.get(told.response_id or "", self._output)
        if told.sample_rate in _RATES and coding.format is AudioFormat.PCM16:
            coding = replace(coding, sample_rate=told.sample_rate)
        if told.channels and 0 < told.channels <= 8:
            coding = replace(coding, channels=told.channels)
        data = pybase64.b64decode(getattr(told, member) or "")
        if not data and told.audio_bytes > 0:
            silence = coding.format.silence_sample
            data = silence * (min(told.audio_bytes, 1 << 27) // len(silence))
        if is_callers:
            return Chunk(data, coding, None)
        return Chunk(data, coding, _part(told.item_id, told.content_index), told.response_id)

    def _session(self, session: Any) -> None:
        if isinstance(session, dict):
            audio = _object(session.get("audio"))
            both = audio.get("format")
            self._input = _told(self._input, session.get("input_audio_format"), _format(audio, "input"), both)
            self._output = _told(
                self._output, session.get("output_audio_format"), _format(audio, "output"), both
            )

    def _response(self, response: Any) -> None:
        """A response may have a format of its own."""
        response = _object(response)
        told = response.get("output_audio_format"), _format(_object(response.get("audio")), "output")
        if any(told) and isinstance(response.get("id"), str):
            self._of_response[response["id"]] = _told(self._output, *told)
            if len(self._of_response) > _MAX_RESPONSES:
                self._of_response.popitem(last=False)


def _part(item_id: str | None, content_index: int | None) -> str:
    """The name of one part of an item; all audio without an item is of one."""
    return f"{item_id or ''}/{content_index or 0}"


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _format(audio: dict[str, Any], side: str) -> Any:
    return _object(audio.get(side)).get("format")


def _told(before: Coding, *said: Any) -> Coding:
    """The first format that was told and is known; the one before where none was."""
    for each in said:
        if each is None:
            continue
        if isinstance(each, dict) and each.get("type") == "audio/pcm" and each.get("rate") in _RATES:
            return Coding(AudioFormat.PCM16, int(each["rate"]))
        try:
            found = AudioFormat.of(each)
        except (TypeError, ValueError):
            continue
        return Coding(found, found.sample_rate)
    return before
