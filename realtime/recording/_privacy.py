"""What is taken out of a frame before it goes to a file: audio, credentials, instructions.

Each function gives the very bytes that it got where there was nothing to take out. Audio is cut
out of the bytes; a tree is built only of a frame that seems to hold a credential.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from .. import beta, codec, live, translation
from .._secrets import _SECRET_ENDS, _SECRETS, REDACTED, has_key, is_secret, without_keys
from ..codec import known
from ..errors import DecodeError
from ..peek import peek_type

# The member that is audio, by the type of the event: of every dialect, and of both sides.
AUDIO_MEMBERS: Final[dict[str, str]] = {
    str(kind.__struct_config__.tag): kind.audio_field
    for dialect in (codec.Codec, beta.Codec, live.Codec, translation.Codec)
    for kind in known(dialect.server_events) + known(dialect.client_events)
    if kind.audio_field
}
# A string after a member's name; what an object's or a null's name is followed by is none.
_STRING: Final = re.compile(rb'\s*+:\s*+"((?:[^"\\]++|\\.)*+)"', re.DOTALL)
# What stands beside a credential and is none.
_HARMLESS: Final = frozenset({"expires_at", "expires_in"})
_encode, _decode = msgspec.json.Encoder().encode, msgspec.json.Decoder().decode


# --- Audio ----------------------------------------------------------------------------


def without_audio(frame: bytes) -> bytes:
    """A JSON object less its audio, wherever in it that is: `""`, and at the end "audio_bytes".

    Audio is the member that its type has for it, and every string named "audio", as items have it.
    """
    found = {cut for name in _audio_names(frame) for cut in _strings(frame, name)}
    cuts = sorted((start, end) for start, end in found if end > start)
    pieces, at, nbytes = [], 0, 0
    for start, end in cuts:
        pieces.append(frame[at:start])
        nbytes += raw_length(frame[start:end])
        at = end
    if not cuts:
        return frame
    pieces.append(frame[at:-1])
    return with_length(b"".join(pieces), nbytes)


def with_length(opened: bytes, nbytes: int) -> bytes:
    """An object, all but its closing brace, closed with the length of the audio it had."""
    return b'%b,"audio_bytes":%d}' % (opened, nbytes)


def raw_length(base64: bytes) -> int:
    """How many bytes of audio this stands for; of what is no good base64, about as many."""
    if b"\\" in base64:
        base64 = base64.replace(b"\\/", b"/")
    return max(0, len(base64) // 4 * 3 - base64[-2:].count(b"="))


def _audio_names(frame: bytes) -> set[str]:
    try:
        return {"audio", AUDIO_MEMBERS.get(peek_type(frame), "audio")}
    except DecodeError:
        return {"audio"}


def _strings(frame: bytes, name: str) -> list[tuple[int, int]]:
    """Where strings of members of this name begin and end. In JSON no text can look like one."""
    key, found = f'"{name}"'.encode(), []
    at = frame.find(key)
    while at >= 0:
        at += len(key)
        string = _STRING.match(frame, at)
        if string:
            found.append(string.span(1))
            at = string.end()
        at = frame.find(key, at)
    return found


# --- Credentials ----------------------------------------------------------------------


def _needles() -> tuple[bytes, ...]:
    """What a frame in small letters holds if it holds a credential; few, as each costs a search.

    Names stand before a quote, so "token" is not found in "total_tokens". Of names with the same
    end, the end will do.
    """
    ends = {end.lstrip("_") for end in _SECRET_ENDS}
    names = ends | {name.rpartition("_")[2] for name in _SECRETS}
    least = {name for name in names if not any(name != end and name.endswith(end) for end in ends)}
    return (*(f'{name}"'.encode() for name in sorted(least)), b"k-", b"k_", b"bearer", b"eyj", b"://")


_NEEDLES: Final = _needles()
# In small letters, every quote a double one.
_PLAIN: Final = bytes(range(256)).lower().replace(b"'", b'"')


def is_suspect(frame: bytes) -> bool:
    """Whether there may be a credential in it: never False where there is one."""
    if b"\\" in frame:
        # The names of JSON within a string stand before a quote and its backslashes.
        return b"\\u" in frame or any(map(frame.translate(_PLAIN, b"\\").__contains__, _NEEDLES))
    return any(map((frame.translate(_PLAIN) if b"'" in frame else frame.lower()).__contains__, _NEEDLES))


def without_secrets(frame: bytes) -> bytes:
    """A JSON value with every credential in it replaced; of the same types, so that it decodes.

    A string becomes "<redacted>", a number 0 but for when it expires, an object or array keeps its
    shape. What is JSON within a string stays that. A "token" beside its "logprob" is a piece of a
    transcript, and stays.
    """
    tree = _decode(frame)
    clean = _clean(tree)
    if clean != tree:
        return _encode(clean)
    # Of members of one name the tree has the last.
    text = frame.decode("utf-8", "replace")
    is_clean = not has_key(text) if "logprob" in text else without_keys(text) == text
    return frame if is_clean else _encode(clean)


def without_instructions(frame: bytes) -> bytes:
    """A JSON value with every string named "instructions" replaced."""
    pieces, at = [], 0
    for start, end in _strings(frame, "instructions"):
        pieces += [frame[at:start], REDACTED.encode()]
        at = end
    return b"".join((*pieces, frame[at:])) if pieces else frame


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        spoken = "logprob" in value
        return {
            key: _blank(item) if is_secret(key) and not (spoken and key == "token") else _clean(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return _clean_text(value) if isinstance(value, str) else value


def _clean_text(text: str) -> str:
    """A text that is JSON, as arguments and outputs of functions are, is looked into as that."""
    if text[:1] not in ("{", "["):
        return without_keys(text)
    try:
        tree = _decode(text)
    except ValueError:
        return without_keys(text)
    clean = _clean(tree)
    return without_keys(text) if clean == tree else _encode(clean).decode()


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item if key in _HARMLESS else _blank(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_blank(item) for item in value]
    if isinstance(value, str):
        return REDACTED
    return value if value is None or isinstance(value, bool) else 0
