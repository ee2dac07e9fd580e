"""How a frame stands in a line of a log: as it is; as a string of its text where it is no JSON.

Hot frames are never parsed: audio is cut apart at its base64, the little that is left is looked at,
the base64 is checked, and what was cut is put back; deltas of a plain word are known by their shape.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

import msgspec
import pybase64

from .._guard import DEFAULT_MAX_DEPTH, check_depth
from .._secrets import without_keys
from ..errors import DecodeError
from . import _privacy

Spell = Callable[[bytes], bytes]

_TYPE_FIRST: Final = b'{"type":"'
# Real heads are under 300 bytes, and types under 60.
_TYPE_BYTES, _HEAD_BYTES = 80, 1024
_HOT: Final = {kind.encode(): f'"{name}":"'.encode() for kind, name in _privacy.AUDIO_MEMBERS.items()}
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


def speller(*, audio: bool, redact: bool, instructions: bool) -> Spell:
    """A function that gives what stands after ``"frame":`` in the line of a frame.

    It never raises. Frames go in byte for byte, but for what is to be left out and for line
    ends between the members of a frame that was laid out in lines.
    """
    hot, is_usual, is_words = _HOT.get, _USUAL.fullmatch, _WORDS.fullmatch
    is_suspect, decode = _privacy.is_suspect, pybase64.b64decode

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
        return (frame if audio else _privacy.with_length(rest[:-1], nbytes)) if nbytes else long_way(frame)

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
                line = _privacy.without_audio(line)
            if not instructions:
                line = _privacy.without_instructions(line)
            return _privacy.without_secrets(line) if redact and is_suspect(line) else line
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
