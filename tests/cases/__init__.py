"""One frame a line for every event of every dialect and side: `<dialect>.<side>.jsonl`.

Most frames are the examples of OpenAI's OpenAPI document (version of 2026-08-21), corrected where
they are wrong: placeholders that are not base64, old part types and beta shapes under GA names, a
space in a tag. Long instructions are shortened. The frames of translation and Live are made from the
fields of the official SDK (package openai 3.54.0).
"""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import realtime
from realtime import beta, codec, live, translation

DIALECTS: dict[str, ModuleType] = {"ga": realtime, "beta": beta, "translation": translation, "live": live}
SIDES = ("server", "client")


def frames(dialect: str, side: str) -> list[str]:
    """Return the frames of one side of one dialect."""
    path = Path(__file__).parent / f"{dialect}.{side}.jsonl"
    return path.read_text(encoding="utf-8").splitlines()


def event_classes(dialect: str, side: str) -> tuple[Any, ...]:
    """Return the event classes of one side of one dialect."""
    return codec.event_classes(getattr(DIALECTS[dialect], f"{side.capitalize()}Event"))


def decoder(dialect: str, side: str) -> Any:
    """Return the function that decodes one side of one dialect."""
    return getattr(DIALECTS[dialect], f"decode_{side}")


ALL = [(dialect, side, frame) for dialect in DIALECTS for side in SIDES for frame in frames(dialect, side)]
IDS = [f"{dialect}-{side}-{json.loads(frame)['type']}" for dialect, side, frame in ALL]


def without_nulls(value: Any) -> Any:
    """Return `value` without null members of objects, which decode like absent ones in server events."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
