"""Frames in which members are missing: what a server, an older API or a proxy may leave out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any


def variations(frame: str | bytes | dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the frame with each member absent, then null, at every depth. Its own `type` is left.

    Also yields it with each object reduced to its `type`, with all other members of the object
    null, and with each list empty. Every yielded frame is a copy.
    """
    text = frame if isinstance(frame, (str, bytes)) else json.dumps(frame)
    for path, value in _walk(json.loads(text), ()):
        if path and isinstance(path[-1], str) and path != ("type",):
            copy, owner = _copy(text, path)
            del owner[path[-1]]
            yield copy
            copy, owner = _copy(text, path)
            owner[path[-1]] = None
            yield copy
        if isinstance(value, dict):
            kept = {"type": value["type"]} if "type" in value else {}
            yield _replaced(text, path, kept)
            yield _replaced(text, path, dict.fromkeys(value) | kept)
        elif isinstance(value, list) and value:
            yield _replaced(text, path, [])


def _walk(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[tuple[Any, ...], Any]]:
    yield path, value
    if isinstance(value, (dict, list)):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _walk(item, (*path, key))


def _copy(text: str | bytes, path: tuple[Any, ...]) -> tuple[Any, Any]:
    """Return a copy of the frame, and the object or list in it that contains `path`."""
    copy = owner = json.loads(text)
    for key in path[:-1]:
        owner = owner[key]
    return copy, owner


def _replaced(text: str | bytes, path: tuple[Any, ...], value: Any) -> Any:
    copy, owner = _copy(text, path)
    if not path:
        return value
    owner[path[-1]] = value
    return copy
