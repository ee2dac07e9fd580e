"""Frames as they are written to a log: on one line, without credentials and, if requested, without audio.

Every frame passes through `frame_formatter` on its way into a log, and is written byte for byte wherever
nothing has to be removed. Which names and texts are credentials is decided in `realtime._secrets`; lines
and files are the concern of `recorder`.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable
from typing import Any, Final, NoReturn, TypeAlias

import msgspec
import pybase64

from .. import beta, codec, live, translation
from .._guard import DEFAULT_MAX_DEPTH, check_depth
from .._secrets import KEY_STARTS, REDACTED, is_labelled_secret, is_secret, without_keys
from ..codec import event_classes
from ..errors import DecodeError
from ..peek import peek_type

FrameFormatter: TypeAlias = Callable[[bytes], bytes]

# The member that holds the audio, by the type of the event: of every dialect and of both sides.
AUDIO_MEMBERS: Final[dict[str, str]] = {
    str(kind.__struct_config__.tag): kind.audio_field
    for dialect in (codec.Codec, beta.Codec, live.Codec, translation.Codec)
    for kind in event_classes(dialect.server_events) + event_classes(dialect.client_events)
    if kind.audio_field
}
# The members before the audio have less than 300 bytes.
_HEAD_BYTES: Final = 1024
_AUDIO_KEYS: Final = {kind: re.compile(rf'"{name}"\s*:\s*"'.encode()) for kind, name in AUDIO_MEMBERS.items()}
# The frames of a call that come by the thousand, without their audio: one flat object of ids, numbers
# and a text of plain words or of punctuation. No name with a value, no URL and no line break fits into it,
# and no word that begins like a key.
# Matching takes a tenth of the time that parsing and searching the frame for credentials takes. (No
# group is possessive because of a bug of Python 3.11.2. Nothing can be read in two ways.)
_WORD: Final = rb"(?!%b)[A-Za-z0-9_]++" % KEY_STARTS.encode()
_PLAIN: Final = re.compile(
    rb'\{"type":"[a-z_.]+"'
    rb'(?:,"(?:event_id|response_id|item_id|call_id)":"(?:%b)?"'
    % _WORD
    + rb'|,"(?:output_index|content_index)":(?:0|[1-9][0-9]*+))*'
    rb',(?:"audio":""|"delta":"(?:'
    rb"(?:%b|[ ,.!?']++)*" % _WORD + rb'|(?:[\[\]{}:, ]|\\")*)")'
    rb'(?:,"obfuscation":"[A-Za-z0-9]*+")?\}'
)
# Members of a credential's object that are not secret.
_HARMLESS: Final = frozenset({"expires_at", "expires_in"})
_encode = msgspec.json.Encoder().encode
_validate = msgspec.json.Decoder(msgspec.Raw).decode


# --- Frames ---------------------------------------------------------------------------


def frame_formatter(*, audio: bool, redact: bool, instructions: bool) -> FrameFormatter:
    """Return a function that formats a frame as the value of ``"frame":`` in its line.

    The function never raises. It changes a frame only to remove what is not to be recorded, and to join
    the lines of a frame with line breaks between its members.

    Args:
        audio: False replaces audio by "" and adds its length as "audio_bytes".
        redact: True replaces credentials.
        instructions: False replaces texts named "instructions".
    """
    is_plain, decode = _PLAIN.fullmatch, pybase64.b64decode

    def format_frame(frame: bytes) -> bytes:
        start, end = _audio_span(frame)
        rest = frame[:start] + frame[end:] if end else frame
        if not is_plain(rest):
            line = format_any(rest)
            if not end:
                return line
            if line != rest:
                return format_any(frame)
        if not end:
            return frame
        try:
            nbytes = len(decode(frame[start:end], None, True))
        except ValueError:
            return format_any(frame)
        return frame if audio else _with_length(rest[:-1], nbytes)

    def format_any(frame: bytes) -> bytes:
        try:
            line = _one_line_json(frame)
            if not line.startswith(b"{"):
                text = frame.decode()
                return _format_text(frame, redact=True) if redact and without_keys(text) != text else line
            if not audio:
                line = without_audio(line)
            if not instructions:
                line = without_instructions(line)
            return without_secrets(line) if redact else line
        except (ValueError, RecursionError):
            return _format_text(frame, redact=redact)

    return format_frame


def one_line(frame: bytes) -> bytes:
    """Return `frame` as JSON on one line; as a JSON string of its text if it is not JSON."""
    try:
        return _one_line_json(frame)
    except (ValueError, RecursionError):
        return _encode(frame.decode("utf-8", "replace"))


def _one_line_json(frame: bytes) -> bytes:
    """Return JSON on one line, without white space around it; a JSON string as a string of its text.

    Raises:
        DecodeError: it is nested too deeply.
        ValueError: it is not JSON or not UTF-8.
    """
    check_depth(frame, DEFAULT_MAX_DEPTH)
    if not frame.isascii():
        frame.decode()
    _validate(frame)
    line = frame.strip()
    if line.startswith(b'"'):
        return _encode(frame.decode())
    return msgspec.json.format(line, indent=-1) if b"\n" in line or b"\r" in line else line


def _format_text(frame: bytes, *, redact: bool) -> bytes:
    """Return a frame that is not JSON as a string of its text.

    If it is not UTF-8 either, its base64 follows as another member of the line; but not if a credential
    was removed from the text.
    """
    text = frame.decode("utf-8", "replace")
    clean = _clean_text(text) if redact else text
    line = _encode(clean)
    if clean == text and "\ufffd" in text and text.encode() != frame:
        line += b',"frame_base64":' + _encode(pybase64.b64encode(frame).decode())
    return line


# --- Audio and instructions -----------------------------------------------------------


def without_audio(frame: bytes) -> bytes:
    """Return a JSON object with its audio replaced by "" and the length added as "audio_bytes".

    Audio is the member that the event's type has for it, and every string named "audio", as in items.
    """
    lengths: list[int] = []

    def empty(member: re.Match[bytes]) -> bytes:
        if member["value"]:
            lengths.append(_decoded_nbytes(member["value"]))
        return member["key"] + b'"'

    try:
        name = AUDIO_MEMBERS.get(peek_type(frame), "audio")
    except DecodeError:
        name = "audio"
    rest = _string_members("audio", name).sub(empty, frame)
    return _with_length(rest[:-1], sum(lengths)) if lengths else frame


def without_instructions(frame: bytes) -> bytes:
    """Return a JSON object with every string named "instructions" replaced."""
    return _string_members("instructions").sub(rb'\g<key>%b"' % REDACTED.encode(), frame)


def _audio_span(frame: bytes) -> tuple[int, int]:
    """Return the start and end of an audio event's base64; (0, 0) if none begins near the frame's start.

    Does not parse the frame, and does not validate the base64.
    """
    try:
        key = _AUDIO_KEYS.get(peek_type(frame))
    except DecodeError:
        return 0, 0
    found = key.search(frame, 0, _HEAD_BYTES) if key is not None else None
    if found is None:
        return 0, 0
    start = found.end()
    end = frame.find(b'"', start)
    return (start, end) if end > start else (0, 0)


@functools.cache
def _string_members(*names: str) -> re.Pattern[bytes]:
    r"""Return a pattern for members of these names whose values are strings.

    Text cannot be mistaken for a member, because the quotes inside a JSON string are escaped. Any character
    of a name may be escaped too: "aud\u0069o".
    """
    spellings = ("".join(rf"(?:{each}|\\u00(?i:{ord(each):02x}))" for each in name) for name in names)
    return re.compile(
        rb'(?P<key>"(?:%b)"\s*+:\s*+")(?P<value>(?:[^"\\]++|\\.)*+)"' % "|".join(spellings).encode(),
        re.DOTALL,
    )


def _decoded_nbytes(base64: bytes) -> int:
    """Return how many bytes the base64 of a JSON string decodes to; 0 if it is invalid."""
    try:
        return len(pybase64.b64decode(base64))  # skips the backslash of an escaped slash
    except ValueError:
        return 0


def _with_length(opened: bytes, nbytes: int) -> bytes:
    """Close an object whose closing brace was removed with the length of its audio."""
    return b'%b,"audio_bytes":%d}' % (opened, nbytes)


# --- Credentials ----------------------------------------------------------------------


def without_secrets(frame: bytes) -> bytes:
    """Return a JSON object with every credential replaced by a value of the same type.

    A string becomes "<redacted>" and a number 0; an object or array keeps its shape, and the time when
    a credential expires is retained. JSON inside a string remains JSON.
    """
    clean = _redact_json(frame.decode())
    return frame if clean is None else clean


def _redact_json(text: str) -> bytes | None:
    """Return JSON with its credentials replaced; None if it has none.

    Looks at the members as they are parsed, so that it sees all that have one name.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    has_changed = False

    def clean_object(members: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal has_changed
        names = dict(members)
        # The token of a transcript's log probability is a piece of text.
        is_logprob = "logprob" in names
        is_labelled = "value" in names and is_labelled_secret(names)
        found = {}
        for key, value in members:
            if (is_secret(key) and not (is_logprob and key == "token")) or (is_labelled and key == "value"):
                clean = _blank(value)
            else:
                clean = _clean_text(value) if isinstance(value, str) else _clean(value)
            # Objects are not compared, as that would repeat the work at each level.
            if clean is not value and clean != value:
                has_changed = True
            found[key] = clean
        return found

    options: dict[str, Any] = {"object_pairs_hook": clean_object, "parse_constant": _reject_constant}
    try:
        value = json.loads(text, **options)
    except ValueError:  # Python refuses whole numbers of more than 4300 digits
        value = json.loads(text, **options, parse_int=float)
    if not has_changed:
        return None
    try:
        return _encode(value)
    except UnicodeError:  # half of a surrogate pair
        return json.dumps(value, separators=(",", ":")).encode()


def _clean(value: Any) -> Any:
    # Objects were cleaned when they were parsed.
    if isinstance(value, list):
        return [_clean(item) for item in value]
    return _clean_text(value) if isinstance(value, str) else value


def _clean_text(text: str) -> str:
    """Return a text without credentials. Text that is JSON, like the arguments of a function, is parsed."""
    if text[:1] in ("{", "["):
        try:
            check_depth(text.encode(), DEFAULT_MAX_DEPTH)
            clean = _redact_json(text)
        except ValueError:
            return without_keys(text)
        if clean is not None:
            return clean.decode()
    return without_keys(text)


def _blank(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: item if key in _HARMLESS else _blank(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_blank(item) for item in value]
    if isinstance(value, str):
        return REDACTED
    return value if value is None or isinstance(value, bool) else 0


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
