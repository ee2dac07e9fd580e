"""From a `response.create` and the session's settings to the Answer that is given.

What the request leaves open is the session's. Nothing is sent or changed here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from msgspec import UNSET

from .. import spec
from ..build import wire_format
from ..errors import AudioError
from ..events import (
    AudioOutput,
    RealtimeSessionInfo,
    Response,
    ResponseAudio,
    ResponseParams,
    Unknown,
)
from ..format import AudioFormat
from . import _settings as settings
from ._answer import Answer, Output
from ._history import Held, History, Tokens, last_turn
from ._items import referred
from ._outputs import FunctionCall, Message
from ._refusal import Refusal
from .script import Call, Fail, Parts, Player, Say

CONVERSATION_ID: Final = "conv_loopback"
_MODALITIES: Final = (["audio"], ["text"])


def check_ptime(ptime_ms: float) -> None:
    """Passes a duration that a chunk can have in every format.

    Raises:
        AudioError: 0, or not a whole number of samples.
        TypeError: not a number.
    """
    if not all(fmt.chunk_bytes(ptime_ms) for fmt in AudioFormat):
        raise AudioError("ptime_ms must be more than 0")


def answer_to(
    request: ResponseParams | None,
    session: RealtimeSessionInfo,
    history: History,
    play: Player,
    *,
    new_id: Callable[[str], str],
    ptime_ms: float,
) -> Answer:
    """The answer to the last turn of the conversation, or of the request's own input.

    Raises:
        Refusal: modalities, a format or an input that no response can have.
    """
    asked = request or ResponseParams()
    modalities = _modalities(asked, session)
    output = _output(asked, session)
    context = _context(asked, session, history)
    max_tokens = asked.max_output_tokens or session.max_output_tokens or "inf"
    in_conversation = asked.conversation != "none"
    response = Response(
        id=new_id("resp"),
        object="realtime.response",
        status="in_progress",
        output=[],
        conversation_id=CONVERSATION_ID if in_conversation else None,
        output_modalities=[*modalities],
        max_output_tokens=max_tokens,
        audio=ResponseAudio(output=output),
        metadata=asked.metadata or None,
    )
    maker = _Maker(
        AudioFormat.of(output.format), modalities == ["text"], ptime_ms, _limit(max_tokens), new_id
    )
    outputs, failure = maker.outputs(play(last_turn(context)))
    tokens = Tokens.sum(held.tokens() for held in context)
    return Answer(response, outputs, failure, tokens, history.add if in_conversation else None)


@dataclass(slots=True)
class _Maker:
    """Makes a response's items of a reply's parts; `tokens` of audio are left, None for any number."""

    format: AudioFormat
    is_written: bool
    ptime_ms: float
    tokens: int | None
    new_id: Callable[[str], str]

    def outputs(self, parts: Parts) -> tuple[list[Output], Fail | None]:
        """The items, and what the response fails with after them."""
        made: list[Output] = []
        for part in parts:
            if isinstance(part, Fail):
                return made, part
            made.append(self._call(part) if isinstance(part, Call) else self._message(part))
        return made, None

    def _call(self, call: Call) -> FunctionCall:
        return FunctionCall(self.new_id("item"), call, call.call_id or self.new_id("call"), self.format)

    def _message(self, said: Say) -> Message:
        voice = None if self.is_written else said.voice(self.format)
        per_token = self.format.chunk_bytes(spec.ASSISTANT_AUDIO_MS_PER_TOKEN)
        most = None if self.tokens is None else self.tokens * per_token
        message = Message(self.new_id("item"), said.text, voice, self.format, self.ptime_ms, most)
        if self.tokens is not None:
            self.tokens = max(0, self.tokens - math.ceil(len(message.audio) / per_token))
        return message


def _limit(max_tokens: int | str) -> int | None:
    return None if isinstance(max_tokens, str) else max(max_tokens, 0)


def _modalities(asked: ResponseParams, session: RealtimeSessionInfo) -> list[str]:
    wanted = asked.output_modalities or session.output_modalities
    if not isinstance(wanted, list) or wanted not in _MODALITIES:
        message = f"Invalid modalities: {wanted!r}. Supported combinations are: ['text'] and ['audio']."
        raise Refusal("invalid_value", message, "response.output_modalities")
    return wanted


def _output(asked: ResponseParams, session: RealtimeSessionInfo) -> AudioOutput:
    usual = settings.output_side(session)
    wanted = (asked.audio and asked.audio.output) or AudioOutput()
    if isinstance(wanted.format, Unknown):
        raise Refusal(
            "invalid_value", f"Invalid value: '{wanted.format.type}'.", "response.audio.output.format.type"
        )
    fmt = settings.output_format(session) if not wanted.format else _known_format(wanted.format)
    return AudioOutput(format=wire_format(fmt), voice=wanted.voice or usual.voice)


def _known_format(found: Any) -> AudioFormat:
    try:
        return AudioFormat.of(found)
    except ValueError as why:
        raise Refusal("invalid_value", f"Invalid format: {why}.", "response.audio.output.format") from None


def _context(asked: ResponseParams, session: RealtimeSessionInfo, history: History) -> list[Held]:
    if asked.input is None or asked.input is UNSET:
        return list(history)
    fmt = settings.input_format(session)
    return [referred(item, history, fmt) for item in asked.input]
