"""Faults that last as long as a connection: frames are changed, held, dropped, refused, put between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import pybase64

from ._fault import AUDIO, Action, Fault, Strike, error, read, write

_AUDIO_DONE: Final = frozenset({"response.output_audio.done", "response.audio.done", "session.closed"})
_TRANSCRIPTS: Final = "conversation.item.input_audio_transcription."


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEvents(Fault):
    """Events of types that no client knows come between the others, one after `every` so many."""

    source = "BerriAI/litellm#30581"

    every: int = 3

    def begin(self) -> Strike:
        """The fault of one connection."""
        return _Between(self.every)


class _Between(Strike):
    def __init__(self, every: int) -> None:
        self._every, self._count = every, 0

    def sending(self, kind: str, frame: bytes) -> Iterable[Action]:
        self._count += 1
        if self._count % self._every:
            return (frame,)
        number = self._count // self._every
        unknown = {"type": "response.hologram.delta", "event_id": f"event_x{number}", "frames": [{"z": None}]}
        return frame, write(unknown)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownFields(Fault):
    """Every event, and the session, item or response in it, has members that nobody declared."""

    source = "BerriAI/litellm#30581"

    def change(self, kind: str, frame: bytes) -> bytes | None:
        """With more members."""
        event = read(frame)
        for owner in (event, *(event.get(name) for name in ("session", "item", "response", "part"))):
            if isinstance(owner, dict):
                owner |= {"obfuscation": "aB3", "timestamp": 1.5e9, "x_tomorrow": {"deep": [None, [1.0]]}}
        return write(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class NullUsage(Fault):
    """Responses and transcriptions end without a usage."""

    source = "pipecat-ai/pipecat#623"

    def change(self, kind: str, frame: bytes) -> bytes | None:
        """With null for usages."""
        if kind != "response.done" and not kind.startswith(_TRANSCRIPTS):
            return frame
        event = read(frame)
        for owner in (event, event.get("response")):
            if isinstance(owner, dict) and "usage" in owner:
                owner["usage"] = None
        return write(event)


@dataclass(frozen=True, slots=True, kw_only=True)
class LateTranscripts(Fault):
    """Transcripts of what the caller said come only after the next event of the type `until`."""

    source = "openclaw/openclaw#113723, livekit/agents-js#28"

    until: str = "response.done"

    def begin(self) -> Strike:
        """The fault of one connection."""
        return _Held(self.until)


class _Held(Strike):
    def __init__(self, until: str) -> None:
        self._until = until
        self._held: list[bytes] = []

    def sending(self, kind: str, frame: bytes) -> Iterable[Action]:
        if kind.startswith(_TRANSCRIPTS):
            self._held.append(frame)
            return ()
        if kind != self._until:
            return (frame,)
        held, self._held = self._held, []
        return frame, *held


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingTranscripts(Fault):
    """Transcripts of what the caller said never come."""

    source = "sashirestela/simple-openai#258"

    def change(self, kind: str, frame: bytes) -> bytes | None:
        """Without transcripts."""
        return None if kind.startswith(_TRANSCRIPTS) else frame


@dataclass(frozen=True, slots=True, kw_only=True)
class OddDeltas(Fault):
    """The audio is cut anywhere: every delta but the last ends within a sample."""

    source = "openai/openai-realtime-api-beta#113"

    def begin(self) -> Strike:
        """The fault of one connection."""
        return _Odd()


class _Odd(Strike):
    """Holds a byte of each delta back for the next one."""

    def __init__(self) -> None:
        self._carry = b""
        self._last: dict[str, Any] = {}

    def sending(self, kind: str, frame: bytes) -> Iterable[Action]:
        if kind in AUDIO:
            return self._delta(read(frame))
        if kind in _AUDIO_DONE and self._carry:
            return self._rest(), frame
        return (frame,)

    def _delta(self, event: dict[str, Any]) -> Iterator[bytes]:
        if event.get("item_id") != self._last.get("item_id") and self._carry:
            yield self._rest()
        audio = self._carry + pybase64.b64decode(event["delta"])
        cut = len(audio) - 1 + len(audio) % 2
        self._carry, self._last = audio[cut:], event
        yield _with_delta(event, audio[:cut])

    def _rest(self) -> bytes:
        rest, self._carry = self._carry, b""
        return _with_delta({**self._last, "event_id": f"{self._last.get('event_id')}_rest"}, rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherFormat(Fault):
    """The session speaks and hears `format`, whatever it is asked for, and says so.

    It strikes a session from its beginning: it cannot be brought into calls. Translation has one format.
    """

    source = "PatterAI/Patter#154, openai/openai-realtime-api-beta#18"

    format: str = "pcm16"

    def options(self) -> dict[str, Any]:
        """The format."""
        return {"force_format": self.format}


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitRefused(Fault):
    """The first `count` commits find an empty buffer: the server's ear has taken the audio already."""

    source = "openai/openai-agents-js#748"

    count: int = 1

    def begin(self) -> Strike:
        """The fault of one connection."""
        return _Refusing(self.count)


class _Refusing(Strike):
    def __init__(self, count: int) -> None:
        self._left = count

    def receiving(self, kind: str) -> bytes | None:
        if kind != "input_audio_buffer.commit" or self._left <= 0:
            return None
        self._left -= 1
        message = (
            "Error committing input audio buffer: buffer too small. Expected at least "
            "100ms of audio, but buffer only has 0.00ms of audio."
        )
        return error("invalid_request_error", "input_audio_buffer_commit_empty", message)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlowReader(Fault):
    """The server waits for `seconds` before each frame that it reads, so that its client has to wait too."""

    source = "QwenAudio/qwen-audio-agent#406"

    seconds: float = 0.02

    def begin(self) -> Strike:
        """The fault of one connection."""
        return _Slow(self.seconds)


class _Slow(Strike):
    def __init__(self, seconds: float) -> None:
        self.read_seconds = seconds


def _with_delta(event: dict[str, Any], audio: bytes) -> bytes:
    return write({**event, "delta": pybase64.b64encode(audio).decode()})
