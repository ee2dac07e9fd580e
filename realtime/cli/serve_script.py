"""The scripts of `serve --script`: a JSON list of replies, or the answers in a recorded log.

A reply in JSON is a text, an object, or a list of these for a response of several items:
``{"say": "Good day."}``, ``{"call": "weather", "arguments": {"city": "Tallinn"}, "call_id": "call_1"}``,
``{"fail": "server_error", "message": "Try again."}``; for Live ``{"transcribe": "Is it cold?"}``, ``{"delegate": ""}``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeAlias

import msgspec

from .. import beta, codec
from .._guard import DEFAULT_MAX_DEPTH, check_depth
from ..errors import ConfigError, DecodeError, snippet
from ..events import Response
from ..events.base import Unknown
from ..recording import Entry, read_log
from ..state import Conversation
from ..state.conversation import ConversationItem
from ..testing import Call, Delegate, Fail, Say, Transcribe

Part: TypeAlias = "Say | Call | Fail | Transcribe | Delegate"
Replies: TypeAlias = "list[Part | list[Part]]"
# A longer file is not a script. A log may be of any size.
MAX_SCRIPT_BYTES: Final = 64 * 1024 * 1024
_FAIL: Final = Fail()


class _SayPart(msgspec.Struct, forbid_unknown_fields=True):
    say: str

    def part(self) -> Say:
        return Say(self.say)


class _CallPart(msgspec.Struct, forbid_unknown_fields=True):
    call: str
    arguments: str | dict[str, Any] = "{}"
    call_id: str | None = None

    def part(self) -> Call:
        return Call(self.call, self.arguments, self.call_id)


class _FailPart(msgspec.Struct, forbid_unknown_fields=True):
    fail: str = _FAIL.code
    message: str = _FAIL.message
    type: str = _FAIL.type

    def part(self) -> Fail:
        return Fail(self.fail, self.message, self.type)


class _TranscribePart(msgspec.Struct, forbid_unknown_fields=True):
    transcribe: str

    def part(self) -> Transcribe:
        return Transcribe(self.transcribe)


class _DelegatePart(msgspec.Struct, forbid_unknown_fields=True):
    delegate: str

    def part(self) -> Delegate:
        return Delegate(self.delegate)


# The kind of a part, by the member that only it has.
_KINDS: Final = {
    "say": _SayPart,
    "call": _CallPart,
    "fail": _FailPart,
    "transcribe": _TranscribePart,
    "delegate": _DelegatePart,
}


def read_script(path: str) -> Replies:
    """Return the replies in a file: a JSON list, or a recorded log.

    Raises:
        ConfigError: the file is neither, or a reply is invalid.
        OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        head = file.read(1024).lstrip()
        if not head.startswith(b"["):
            return _from_log(path)
        file.seek(0)
        text = file.read(MAX_SCRIPT_BYTES + 1)
    if len(text) > MAX_SCRIPT_BYTES:
        raise ConfigError(f"{path}: a script has at most {MAX_SCRIPT_BYTES} bytes")
    try:
        check_depth(text, DEFAULT_MAX_DEPTH)
        replies = msgspec.json.decode(text)
    except (DecodeError, msgspec.DecodeError, UnicodeError, RecursionError) as why:
        raise ConfigError(f"{path}: not a JSON list of replies: {snippet(why)}") from None
    return [_reply(path, f"[{index}]", reply) for index, reply in enumerate(replies)]


def _reply(path: str, at: str, reply: Any) -> Part | list[Part]:
    if isinstance(reply, list):
        return [_part(path, f"{at}[{index}]", part) for index, part in enumerate(reply)]
    return _part(path, at, reply)


def _part(path: str, at: str, part: Any) -> Part:
    if isinstance(part, str):
        return Say(part)
    kinds = [name for name in _KINDS if isinstance(part, dict) and name in part]
    if len(kinds) != 1:
        known = ", ".join(_KINDS)
        raise ConfigError(
            f"{path}: {at} must be a text or an object with one of {known}: {snippet(repr(part))}"
        )
    try:
        made: Part = msgspec.convert(part, _KINDS[kinds[0]]).part()
    except msgspec.ValidationError as why:
        raise ConfigError(f"{path}: {at}: {snippet(why)}") from None
    return made


# --- Recorded logs -------------------------------------------------------------------


def _from_log(path: str) -> Replies:
    """Return a reply for each response in a log, with its texts, audio and calls."""
    conversation = Conversation(audio="keep")
    replies: Replies = []
    for event in _server_events(path):
        conversation.feed(event)
        response = getattr(event, "response", None)
        if event.type == "response.done" and response is not None:
            parts = [*_parts(conversation, response)]
            if parts:
                replies.append(parts)
    if not replies:
        raise ConfigError(f"{path}: neither a JSON list of replies nor a log with a response")
    return replies


def _server_events(path: str) -> Iterator[Any]:
    """Yield the server's events in a log, in the dialect that its sessions have."""
    decode: Any = codec.decode_server
    for entry in read_log(path):
        if not isinstance(entry, Entry) or entry.direction != "server":
            continue
        try:
            event = decode(entry.frame)
            if event.type == "session.created":
                # Only beta's sessions have `modalities`.
                old = beta.decode_server(entry.frame)
                is_beta = getattr(getattr(old, "session", None), "modalities", None)
                decode = beta.decode_server if is_beta else codec.decode_server
                event = decode(entry.frame)
        except DecodeError:
            continue
        yield event


def _parts(conversation: Conversation, response: Response) -> Iterator[Part]:
    for output in response.output or ():
        item = None if isinstance(output, Unknown) else conversation.get(getattr(output, "id", None) or "")
        if item is not None and item.type == "message":
            yield _say(item)
        elif item is not None and item.type == "function_call":
            yield Call(item.name or "", item.arguments, item.call_id)
    if response.status == "failed":
        error = getattr(response.status_details, "error", None)
        yield Fail(
            getattr(error, "code", None) or _FAIL.code,
            getattr(error, "message", None) or _FAIL.message,
            getattr(error, "type", None) or _FAIL.type,
        )


def _say(item: ConversationItem) -> Say:
    for content in item.contents:
        audio = content.audio
        if audio:
            whole = len(audio) - len(audio) % content.format.sample_width
            return Say(item.text, audio[:whole], content.format)
    return Say(item.text)
