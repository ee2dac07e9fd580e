"""TEMPORARY: old name of audio."""
# ruff: noqa: F401

from __future__ import annotations

from typing import Any

from .audio import (  # TEMPORARY: old name
    PCM16 as PCM16,
    SAMPLE_RATES as _RATES,
    AudioChunk as Chunk,
    AudioEvent as _Audio,
    AudioExtractor as Listener,
    Coding as Coding,
    Truncation as Cut,
)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _format(audio: dict[str, Any], side: str) -> Any:
    return _object(audio.get(side)).get("format")


def _told(before: Coding, *said: Any) -> Coding:
    for each in said:
        try:
            return Coding.of(each)
        except (TypeError, ValueError):
            continue
    return before
