"""TEMPORARY: names of `recording` and `core` that get public homes; replaced by imports from these.

`realtime.recording.audio`: AudioChunk, AudioExtractor, Coding, PCM16, Truncation, session_coding,
MAX_SILENCE_BYTES. `realtime.recording.redact`: AUDIO_MEMBERS. `realtime._base64`: decoded_nbytes.
`realtime.recording.log`: LogPath, PART_DIGITS, ensure_not_input, find_parts, path_list, split_part.
`realtime.recording.stereo`: Track.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ..format import AudioFormat, stated_formats
from ..recording import Entry
from ..recording._blocks import SUFFIXES, Path  # DOOR
from ..recording._cuts import cut_short  # DOOR
from ..recording._files import _PART_DIGITS, _split  # DOOR
from ..recording._outputs import spare  # DOOR
from ..recording._privacy import AUDIO_MEMBERS as AUDIO_MEMBERS  # DOOR
from ..recording._sound import _RATES, Chunk, Coding as _Coding, Cut, Listener  # DOOR
from ..recording._track import Track as _Track  # DOOR

LogPath: TypeAlias = Path
MAX_SILENCE_BYTES = 1 << 27
PART_DIGITS = _PART_DIGITS
ensure_not_input = spare


def path_list(path: LogPath | Iterable[LogPath]) -> list[LogPath]:
    return [path] if isinstance(path, (str, os.PathLike)) else [*path]


def find_parts(folder: str) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    for name in os.listdir(folder or ".") if os.path.isdir(folder or ".") else ():
        part = split_part(name)
        if part is not None:
            found.setdefault(part[0], []).append((int(part[1]), name))
    return {base: sorted(parts) for base, parts in found.items()}


def split_part(name: str) -> tuple[str, str] | None:
    compression = next((suffix for suffix in SUFFIXES if name.endswith(suffix)), "")
    for stem, suffix in (_split(name), (name.removesuffix(compression), compression)):
        log_stem, _, number = stem.rpartition(".")
        is_number = number.isdecimal() and len(number) >= PART_DIGITS
        if log_stem and is_number and _split(log_stem + suffix) == (log_stem, suffix):
            return log_stem + suffix, number
    return None


class Coding(_Coding):
    __slots__ = ()

    @classmethod
    def of(cls, format: object) -> Coding:
        if isinstance(format, dict) and format.get("type") == "audio/pcm" and format.get("rate") in _RATES:
            return cls(AudioFormat.PCM16, int(format["rate"]))
        found = AudioFormat.of(format)
        return cls(found, found.sample_rate)

    def with_stated(self, sample_rate: int | None, channels: int | None) -> Coding:
        coding = self
        if sample_rate in _RATES and self.format is AudioFormat.PCM16:
            coding = replace(coding, sample_rate=sample_rate)
        if channels and 0 < channels <= 8:
            coding = replace(coding, channels=channels)
        return coding


PCM16 = Coding(AudioFormat.PCM16, AudioFormat.PCM16.sample_rate)


def session_coding(session: object, side: Any, default: Coding) -> Coding:
    for stated in stated_formats(session, side):
        try:
            return Coding.of(stated)
        except (TypeError, ValueError):
            continue
    return default


@dataclass(frozen=True, slots=True)
class AudioChunk:
    data: bytes
    coding: Any
    part: str | None
    response_id: str | None = None


@dataclass(frozen=True, slots=True)
class Truncation:
    part: str | None
    audio_end_ms: float | None
    response_id: str | None = None


class AudioExtractor:
    def __init__(self) -> None:
        self._listener = Listener()

    def extract(self, entry: Entry) -> AudioChunk | Truncation | None:
        found = self._listener.hear(entry)
        if isinstance(found, Chunk):
            return AudioChunk(found.data, found.coding, found.item, found.response)
        return None if found is None else Truncation(found.item, found.end_ms, found.response)


class Track(_Track):
    def put(self, chunk: Any, at: int) -> None:
        super().put(Chunk(chunk.data, chunk.coding, chunk.part, chunk.response_id), at)

    def truncate(self, truncation: Truncation, at: int) -> None:
        cut_short(self, Cut(truncation.part, truncation.audio_end_ms, truncation.response_id), at)


def decoded_nbytes(base64: bytes) -> int:
    return len(base64) // 4 * 3 - base64.count(b"=", -2)
