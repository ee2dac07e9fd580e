"""What a session was asked to be, and what it is: every difference, as data and as a sentence.

A server answers `session.update` with the whole session in `session.updated`. The laws:

- Only what was asked for is compared; what the server adds is its defaults.
- Null, an empty text and an empty list are all ways to clear a setting, and mean the same.
- Audio formats are compared by what they mean, and come first: a wrong one is noise in the ear.
- A model's dated snapshot is the model.
- Credentials are never compared and never shown; other values are cut to 80 characters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from .._secrets import is_secret, redacted
from ..codec import _leaf
from ..errors import ConfigError, EncodeError, reason_of, snippet
from ..events import Unknown
from ..events.base import Wire
from ..format import AudioFormat

# What the server does with audio of each format: GA's settings, the beta dialect's, Live's.
_FORMATS = {
    "audio.input.format": "expects",
    "audio.output.format": "sends",
    "input_audio_format": "expects",
    "output_audio_format": "sends",
    "audio.format": "speaks",
}
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}")
_to_json = msgspec.json.Encoder(enc_hook=_leaf).encode


@dataclass(frozen=True, slots=True, repr=False)
class SessionDifference:
    """One setting that is not what was asked for; ``str()`` is the sentence for a log.

    `asked` and `got` are JSON values; `got` is UNSET where the server does not tell.
    """

    path: str
    asked: Any
    got: Any

    @property
    def is_audio_format(self) -> bool:
        """Whether audio is in another format than was asked for: nothing else matters until it is."""
        return self.path in _FORMATS

    def __str__(self) -> str:
        asked, got = self._shown(self.asked), self._shown(self.got)
        told = "does not say" if self.got is UNSET else f"{_FORMATS.get(self.path, 'has')} {got}"
        return f"you asked for {asked} in {self.path}, the server {told}"

    def __repr__(self) -> str:
        return f"<SessionDifference: {self}>"

    def _shown(self, value: Any) -> str:
        if value is UNSET:
            return "nothing"
        if self.is_audio_format and value is not None:
            return _format_name(value)
        return snippet(_to_json(redacted(value)).decode())


def session_differences(asked: object, told: object) -> list[SessionDifference]:
    """Where the session that the server told is not the one asked for, audio formats first.

    Both may be events (`SessionUpdate`; `SessionUpdated`, `SessionCreated`), their sessions, or
    sessions as JSON objects, of any one dialect.

    Raises:
        EncodeError: a session holds what is not JSON.
        TypeError: one of the two is no session.
    """
    found = [*_differences(_session(asked), _session(told), "")]
    return sorted(found, key=lambda difference: not difference.is_audio_format)


# --- Walking -------------------------------------------------------------------------


def _session(source: Any) -> dict[str, Any]:
    """The session that `source` is or carries, as a JSON object."""
    session = getattr(source, "session", source)
    if isinstance(session, dict) and isinstance(session.get("session"), dict):
        session = session["session"]
    if not isinstance(session, (Wire, Unknown, dict)):
        raise TypeError(f"a session is needed, not {type(source).__name__}")
    try:
        value = msgspec.json.decode(_to_json(session))
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError) as why:
        raise EncodeError(reason_of(why), event_type="session") from None
    return value if isinstance(value, dict) else {}


def _differences(asked: Any, got: Any, path: str) -> Iterator[SessionDifference]:
    if path in _FORMATS:
        same = _is_empty(asked) or (not _is_empty(got) and _format_name(asked) == _format_name(got))
    elif isinstance(asked, dict) and (isinstance(got, dict) or got is UNSET):
        yield from _in_object(asked, {} if got is UNSET else got, path)
        return
    elif isinstance(asked, list) and isinstance(got, list):
        yield from _in_list(asked, got, path)
        return
    else:
        same = _is_same(asked, got, path)
    if not same:
        yield SessionDifference(path, asked, got)


def _in_object(asked: dict[str, Any], got: dict[str, Any], path: str) -> Iterator[SessionDifference]:
    prefix = f"{path}." if path else ""
    if "type" in asked and "type" in got and asked["type"] != got["type"]:
        yield SessionDifference(f"{prefix}type", asked["type"], got["type"])
        return  # the rest is of another kind
    for key, value in asked.items():
        if not is_secret(key):
            yield from _differences(value, got.get(key, UNSET), prefix + key)


def _in_list(asked: list[Any], got: list[Any], path: str) -> Iterator[SessionDifference]:
    """Lists replace one another whole: of tools, each is found by its name; of others, order is no matter."""
    asked, got = [*map(_flat, asked)], [*map(_flat, got)]
    names, others = [*map(_name, asked)], [*map(_name, got)]
    if not all(names) or not all(others):
        if len(asked) != len(got) or not all(isinstance(item, dict) for item in asked):
            if sorted(map(_to_json, asked)) != sorted(map(_to_json, got)):
                yield SessionDifference(path, asked, got)
            return
        names, others = [*map(str, range(len(asked)))], [*map(str, range(len(got)))]
    by_name = dict(zip(others, got, strict=True))
    for index, (name, item) in enumerate(zip(names, asked, strict=True)):
        if name in by_name:
            yield from _differences(item, by_name[name], f"{path}[{index}]")
        else:
            yield SessionDifference(f"{path}[{index}]", item, UNSET)
    if set(others) - set(names):
        yield SessionDifference(path, names, others)


# --- Values --------------------------------------------------------------------------


def _is_empty(value: Any) -> bool:
    return value is None or value is UNSET or value in ("", [], {})


def _is_same(asked: Any, got: Any, path: str) -> bool:
    if _is_empty(asked) and _is_empty(got):
        return True
    if isinstance(asked, bool) or isinstance(got, bool):
        return asked is got
    if isinstance(asked, (int, float)) and isinstance(got, (int, float)):
        return math.isclose(asked, got, rel_tol=1e-6)  # servers keep some in 32 bits
    if isinstance(asked, str) and isinstance(got, str) and path.rpartition(".")[2] == "model":
        return got == asked or (
            got.startswith(asked) and _SNAPSHOT.fullmatch(got.removeprefix(asked)) is not None
        )
    return bool(asked == got)


def _flat(item: Any) -> Any:
    """A tool that the beta dialect nests below ``function``, as servers tell it: flat."""
    inner = item.get("function") if isinstance(item, dict) else None
    return (
        {**{key: item[key] for key in item if key != "function"}, **inner}
        if isinstance(inner, dict)
        else item
    )


def _name(item: Any) -> str:
    """What tells a tool from the others; "" for what has no name."""
    if not isinstance(item, dict):
        return ""
    name = item.get("name") or item.get("server_label")
    return f"{item.get('type')} {name}" if name else ""


def _format_name(value: Any) -> str:
    """A format by its GA name; one that is not of this wire by its type and rate."""
    try:
        return AudioFormat.of(value).ga_type
    except (ConfigError, TypeError):
        pass
    if isinstance(value, dict) and isinstance(value.get("type"), str):
        rate = f" at {value['rate']} Hz" if isinstance(value.get("rate"), int) else ""
        return snippet(value["type"] + rate)
    return snippet(_to_json(redacted(value)).decode())
