"""What is taken out of a frame before it goes to a file: audio, credentials, instructions.

Each function gives the very bytes that it got where there was nothing to take out. Audio is cut
out of the bytes; a tree is built only of a frame that seems to hold a credential.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pybase64

from .. import beta, codec, live, translation
from .._secrets import _SECRET_ENDS, _SECRETS, REDACTED, has_key, is_secret, without_keys
from .._guard import DEFAULT_MAX_DEPTH, check_depth
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


# --- Frames ---

Spell = Callable[[bytes], bytes]

_TYPE_FIRST: Final = b'{"type":"'
# Real heads are under 300 bytes, and types under 60.
_TYPE_BYTES, _HEAD_BYTES = 80, 1024
_HOT: Final = {kind.encode(): f'"{name}":"'.encode() for kind, name in AUDIO_MEMBERS.items()}
# What OpenAI's servers, and clients, send beside the audio: nothing that is a credential's name, and
# no value that looks like one. One match is a third of the cost of looking with care (is_harmless).
_USUAL: Final = re.compile(
    rb'\{"type":"[a-z_.]+"'
    rb'(?:,"(?:event_id|response_id|item_id)":"[A-Za-z0-9_]*+"'
    rb'|,"(?:output_index|content_index)":(?:0|[1-9][0-9]*+))*+'
    rb',"(?:delta|audio)":""\}'
)
# Deltas of text, whole, as they come by the hundred: words, punctuation, or one name of an argument; in
# these is no name with its value, no URL, and no key but "bearer" and a word.
_WORDS: Final = re.compile(
    rb'\{"type":"[a-z_.]+"'
    rb'(?:,"(?:event_id|response_id|item_id|call_id)":"[A-Za-z0-9_]*+"'
    rb'|,"(?:output_index|content_index)":(?:0|[1-9][0-9]*+))*+'
    rb',"delta":"(?:[A-Za-z0-9 ,.!?]*+|(?:[\[\]{}:, ]|\\")*+|[\[{, ]*+\\"[A-Za-z0-9]*+(?:\\")?[:, ]*+)"'
    rb'(?:,"obfuscation":"[A-Za-z0-9]*+")?\}'
)
_is_json = msgspec.json.Decoder(msgspec.Raw).decode
_string = msgspec.json.Encoder().encode


def frame_formatter(*, audio: bool, redact: bool, instructions: bool) -> Spell:
    """A function that gives what stands after ``"frame":`` in the line of a frame.

    It never raises. Frames go in byte for byte, but for what is to be left out and for line
    ends between the members of a frame that was laid out in lines.
    """
    hot, is_usual, is_words = _HOT.get, _USUAL.fullmatch, _WORDS.fullmatch
    decode = pybase64.b64decode

    def spell(frame: bytes) -> bytes:
        quote = frame.find(b'"', 9, _TYPE_BYTES)
        key = hot(frame[9:quote]) if frame.startswith(_TYPE_FIRST) else None
        if key is None:
            if is_words(frame) and b"k_" not in frame and b"earer" not in frame.lower():
                return frame
            return long_way(frame)
        start = frame.find(key, quote, _HEAD_BYTES) + len(key)
        end = frame.find(b'"', start)
        if start < len(key) or end < 0:
            return long_way(frame)
        rest = frame[:start] + frame[end:]
        if not (is_usual(rest) and b"k_" not in rest) and not is_harmless(rest):
            return long_way(frame)
        try:
            nbytes = len(decode(frame[start:end], None, True))
        except ValueError:
            return long_way(frame)
        return (frame if audio else with_length(rest[:-1], nbytes)) if nbytes else long_way(frame)

    def is_harmless(rest: bytes) -> bool:
        """Whether this is one flat object in one line, and nothing of it is to be left out."""
        if rest[-1:] != b"}" or not rest.isascii() or b"\n" in rest or b"[" in rest or b"{" in rest[1:]:
            return False
        try:
            _is_json(rest)
        except ValueError:
            return False
        return not (redact and is_suspect(rest)) and (instructions or b'"instructions"' not in rest)

    def long_way(frame: bytes) -> bytes:
        try:
            line = one_line_object(frame)
            if not line.startswith(b"{"):
                return _text(frame, redact) if redact and is_suspect(frame) else line
            if not audio:
                line = without_audio(line)
            if not instructions:
                line = without_instructions(line)
            return without_secrets(line) if redact and is_suspect(line) else line
        except (DecodeError, ValueError, RecursionError):
            return _text(frame, redact)

    return spell


def one_line_object(frame: bytes) -> bytes:
    """JSON in one line, without white space around it; a string of JSON as a string of its text.

    Raises:
        DecodeError: it nests deeper than any frame.
        ValueError: it is no JSON, or no UTF-8.
    """
    check_depth(frame, DEFAULT_MAX_DEPTH)
    if not frame.isascii():
        frame.decode()
    _is_json(frame)
    line = frame.strip()
    if line.startswith(b'"'):
        return _string(frame.decode())
    return msgspec.json.format(line, indent=-1) if b"\n" in line or b"\r" in line else line


def one_line(frame: bytes) -> bytes:
    """`frame` as one line of JSON: as it is, but for line ends; as a string where it is no JSON."""
    try:
        return one_line_object(frame)
    except (DecodeError, ValueError, RecursionError):
        return _string(frame.decode("utf-8", "replace"))


def _text(frame: bytes, redact: bool) -> bytes:
    """What is no JSON, as a string of its text; what is no text, as that and as its base64.

    The base64 is a member of the line, after the frame; it is left out where a key was.
    """
    text = frame.decode("utf-8", "replace")
    clean = without_keys(text) if redact else text
    line = _string(clean)
    if clean == text and "\ufffd" in text and text.encode() != frame:
        line += b',"frame_base64":' + _string(pybase64.b64encode(frame).decode())
    return line
