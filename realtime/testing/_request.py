"""From a `response.create` and the session's settings to the Answer that is given.

What the request leaves open is the session's. Nothing is sent or changed here.
"""

from __future__ import annotations

from typing import Any, Final

from msgspec import UNSET

from .. import spec
from ..build import wire_format
from ..errors import AudioError
from ..events import (
    AudioOutput,
    MessageItem,
    RealtimeSessionInfo,
    Response,
    ResponseAudio,
    ResponseParams,
    Unknown,
)
from ..format import AudioFormat
from . import _settings as settings
from ._answer import Answer, transcript_of, voice_of
from ._history import Held, History, Tokens, last_turn
from ._items import referred
from ._refusal import Refusal

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
    *,
    response_id: str,
    item_id: str,
    ptime_ms: float,
) -> Answer:
    """The answer to the last turn of the conversation, or of the request's own input.

    Raises:
        Refusal: modalities, a format or an input that no response can have.
    """
    asked = request or ResponseParams()
    modalities = _modalities(asked, session)
    output = _output(asked, session)
    fmt = AudioFormat.of(output.format)
    context = _context(asked, session, history)
    turn = last_turn(context)
    audio = b"" if modalities == ["text"] else voice_of(turn, fmt)
    max_tokens = asked.max_output_tokens or session.max_output_tokens or "inf"
    most = _most_bytes(max_tokens, fmt, len(audio))
    in_conversation = asked.conversation != "none"
    item = MessageItem(id=item_id, object="realtime.item", status="in_progress", role="assistant", content=[])
    return Answer(
        response=Response(
            id=response_id,
            object="realtime.response",
            status="in_progress",
            output=[],
            conversation_id=CONVERSATION_ID if in_conversation else None,
            output_modalities=[*modalities],
            max_output_tokens=max_tokens,
            audio=ResponseAudio(output=output),
            metadata=asked.metadata or None,
        ),
        held=Held(item, fmt),
        text=transcript_of(turn),
        audio=audio[:most],
        ptime_ms=ptime_ms,
        context=_tokens(context),
        in_conversation=in_conversation,
        cut_short=most < len(audio),
    )


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


def _tokens(context: list[Held]) -> Tokens:
    """What the context costs; all of it is billed with each response."""
    each = [held.tokens() for held in context]
    return Tokens(sum(tokens.text for tokens in each), sum(tokens.audio for tokens in each))


def _most_bytes(max_tokens: int | str, fmt: AudioFormat, nbytes: int) -> int:
    """How many of `nbytes` of audio the token limit lets through."""
    if isinstance(max_tokens, str):
        return nbytes
    return min(nbytes, fmt.chunk_bytes(spec.ASSISTANT_AUDIO_MS_PER_TOKEN) * max(max_tokens, 0))
