"""The differences between the session a client requested and the one the server reports.

A server answers `session.update` with the complete session in `session.updated`.

- Only requested settings are compared; anything else in the server's session is a default.
- Null, an empty text and an empty list all clear a setting, and count as equal.
- Audio formats are compared by their meaning and listed first: a wrong one is heard as noise.
- A dated snapshot of a model counts as the model.
- Credentials are neither compared nor shown; other values are shortened to 80 characters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET

from .._provider import Provider, ProviderLike, get_provider
from .._secrets import is_secret, redacted
from ..codec import encode_json
from ..errors import ConfigError, EncodeError, reason_of, snippet
from ..events import Unknown
from ..events.base import Wire
from ..format import AudioFormat, Side

# The paths of audio formats in GA's, beta's and Live's settings, and the server's use of the format.
_FORMAT_PATHS = {
    "audio.input.format": "expects",
    "audio.output.format": "sends",
    "input_audio_format": "expects",
    "output_audio_format": "sends",
    "audio.format": "uses",
}
_SNAPSHOT = re.compile(r"-\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, repr=False)
class SessionDifference:
    """One setting that differs from the request. ``str()`` gives a sentence for a log.

    `requested` and `actual` are JSON values. `actual` is UNSET if the server does not report
    the setting. Audio formats are in the spellings of `provider`, if there is one.
    """

    path: str
    requested: Any
    actual: Any
    provider: Provider | None = field(default=None, compare=False)

    @property
    def is_audio_format(self) -> bool:
        """True for an audio format, which must be corrected before anything else."""
        return self.path in _FORMAT_PATHS

    def __str__(self) -> str:
        actual = (
            "does not report it"
            if self.actual is UNSET
            else f"{_FORMAT_PATHS.get(self.path, 'has')} {self._text(self.actual)}"
        )
        return f"requested {self._text(self.requested)} for {self.path}, but the server {actual}"

    def __repr__(self) -> str:
        return f"<SessionDifference: {self}>"

    def _text(self, value: Any) -> str:
        if self.is_audio_format and value is not None:
            return _format_name(value, self.path, self.provider)
        return _json_text(value)


def session_differences(
    requested: object, actual: object, *, provider: ProviderLike | None = None
) -> list[SessionDifference]:
    """Return the requested settings that the server's session does not have, audio formats first.

    Each of the two is an event (`SessionUpdate`; `SessionUpdated`, `SessionCreated`), its session,
    or a session as a JSON object. Both must be of the same dialect. An event without a session
    counts as one with an empty session. `provider`, a name or value, is the server whose spellings
    of audio formats are compared.

    Raises:
        ConfigError: `provider` is not known.
        EncodeError: a session contains a value that is not JSON.
        TypeError: one of the two is not a session.
    """
    server = None if provider is None else get_provider(provider)
    found = [*_differences(_session(requested), _session(actual), "", server)]
    return sorted(found, key=lambda difference: not difference.is_audio_format)


# --- Comparing -----------------------------------------------------------------------


def _session(source: Any) -> dict[str, Any]:
    """Return the session that `source` is or contains, as a JSON object."""
    session = getattr(source, "session", source)
    if session is not source and (session is None or session is UNSET):
        return {}  # an event without one
    if isinstance(session, dict) and isinstance(session.get("session"), dict):
        session = session["session"]
    if not isinstance(session, (Wire, Unknown, dict)):
        raise TypeError(f"expected a session, got {type(source).__name__}")
    try:
        value = msgspec.json.decode(encode_json(session))
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError) as why:
        raise EncodeError(reason_of(why), event_type="session") from None
    return value if isinstance(value, dict) else {}


def _differences(
    requested: Any, actual: Any, path: str, provider: Provider | None
) -> Iterator[SessionDifference]:
    if path in _FORMAT_PATHS:
        same = _is_empty(requested) or (
            not _is_empty(actual)
            and _format_name(requested, path, provider) == _format_name(actual, path, provider)
        )
    elif isinstance(requested, dict) and (isinstance(actual, dict) or actual is UNSET):
        yield from _in_object(requested, {} if actual is UNSET else actual, path, provider)
        return
    elif isinstance(requested, list) and isinstance(actual, list):
        yield from _in_list(requested, actual, path, provider)
        return
    else:
        same = _is_same(requested, actual, path)
    if not same:
        yield SessionDifference(path, requested, actual, provider)


def _in_object(
    requested: dict[str, Any], actual: dict[str, Any], path: str, provider: Provider | None
) -> Iterator[SessionDifference]:
    prefix = f"{path}." if path else ""
    if "type" in requested and "type" in actual and requested["type"] != actual["type"]:
        yield SessionDifference(f"{prefix}type", requested["type"], actual["type"])
        return  # the other fields belong to another type
    for key, value in requested.items():
        if not is_secret(key):
            yield from _differences(value, actual.get(key, UNSET), prefix + key, provider)


def _in_list(
    requested: list[Any], actual: list[Any], path: str, provider: Provider | None
) -> Iterator[SessionDifference]:
    """Compare lists. Tools are matched by name, objects without names by index, all else without order."""
    requested, actual = [*map(_flatten_tool, requested)], [*map(_flatten_tool, actual)]
    names, others = [*map(_tool_name, requested)], [*map(_tool_name, actual)]
    if not all(names) or not all(others):
        if len(requested) != len(actual) or not all(isinstance(item, dict) for item in requested):
            if sorted(map(encode_json, requested)) != sorted(map(encode_json, actual)):
                yield SessionDifference(path, requested, actual)
            return
        names, others = [*map(str, range(len(requested)))], [*map(str, range(len(actual)))]
    by_name = dict(zip(others, actual, strict=True))
    for index, (name, item) in enumerate(zip(names, requested, strict=True)):
        if name in by_name:
            yield from _differences(item, by_name[name], f"{path}[{index}]", provider)
        else:
            yield SessionDifference(f"{path}[{index}]", item, UNSET)
    if set(others) - set(names):
        yield SessionDifference(path, names, others)


# --- Values --------------------------------------------------------------------------


def _is_empty(value: Any) -> bool:
    return value is None or value is UNSET or value in ("", [], {})


def _is_same(requested: Any, actual: Any, path: str) -> bool:
    if _is_empty(requested) and _is_empty(actual):
        return True
    if isinstance(requested, bool) or isinstance(actual, bool):
        return requested is actual
    if isinstance(requested, (int, float)) and isinstance(actual, (int, float)):
        try:
            return math.isclose(requested, actual, rel_tol=1e-6)  # servers store some in 32 bits
        except OverflowError:  # an int that no float can hold
            return requested == actual
    if isinstance(requested, str) and isinstance(actual, str) and path.rpartition(".")[2] == "model":
        return actual == requested or (
            actual.startswith(requested) and _SNAPSHOT.fullmatch(actual.removeprefix(requested)) is not None
        )
    return bool(requested == actual)


def _flatten_tool(item: Any) -> Any:
    """Return a tool that nests its fields below ``function`` (beta) in the flat form servers report."""
    inner = item.get("function") if isinstance(item, dict) else None
    return (
        {**{key: item[key] for key in item if key != "function"}, **inner}
        if isinstance(inner, dict)
        else item
    )


def _tool_name(item: Any) -> str:
    """Return a tool's type and name. "" if it has no name."""
    if not isinstance(item, dict):
        return ""
    name = item.get("name") or item.get("server_label")
    return f"{item.get('type')} {name}" if name else ""


def _format_name(value: Any, path: str, provider: Provider | None) -> str:
    """Return a format's GA name; for a format that is not of this wire, its type and rate."""
    side: Side = "input" if "input" in path else "output"
    try:
        format = AudioFormat.of(value) if provider is None else provider.format_of(value, side)
        if format.sample_rate == AudioFormat.of(format.encoding).sample_rate:
            return format.ga_type
        return f"{format.ga_type} at {format.sample_rate} Hz"
    except (ConfigError, TypeError):
        pass
    if isinstance(value, dict) and isinstance(value.get("type"), str):
        rate = f" at {value['rate']} Hz" if isinstance(value.get("rate"), int) else ""
        return snippet(value["type"] + rate)
    return _json_text(value)


def _json_text(value: Any) -> str:
    return snippet(encode_json(redacted(value)).decode())
