"""The translation dialect: a session that repeats the client's own speech as the translation.

The output depends on how much audio was appended, not on how it was split: each step is `ptime_ms` of
speech, sent once `DELAY_MS` more of it have arrived, after the words of each frame that begins in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from .. import spec, translation as wire
from .._guard import Frame
from ..format import AudioFormat
from . import refusals
from .session import SessionOptions
from .settings import merged

# Source: OpenAI's guide to realtime translation, read 2026-11-25.
DEFAULT_MODEL: Final = "gpt-realtime-translate"
# Source: the SDK's docstrings of RealtimeTranslation... (openai 3.57), read 2026-11-25: the only format,
# the frames by which time advances, and the default strength of noise reduction.
FORMAT: Final = AudioFormat.PCM16
FRAME_MS: Final = 200
DEFAULT_STRENGTH: Final = 1.0
# The lag of the translation behind the speech.
DELAY_MS: Final = FRAME_MS
MAX_BUFFER_MS: Final = spec.MAX_SESSION_SECONDS * 1000

# Any language code is accepted, but not the name of a language.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_FRAME_BYTES: Final = FORMAT.chunk_bytes(FRAME_MS)


class TranslationServerSession:
    """A session in the translation dialect. Its events are passed to `emit`.

    Each 200 ms of speech is a word of the transcripts: "word1", " word2"... in the source language, and
    "es-word1", " es-word2"... in the language "es". After `session.close` the remaining audio is sent,
    then `session.closed`. Scripts, rate limits and formats do not apply.

    Attributes:
        is_closed: True once `session.closed` has been sent.
    """

    def __init__(self, options: SessionOptions, emit: Callable[[wire.ServerEvent], None]) -> None:
        self._emit = emit
        self._settings = self._default_settings = wire.TranslationSessionInfo(
            id=options.session_id,
            type="translation",
            model=options.model,
            expires_at=options.expires_at,
            audio=wire.TranslationAudio(
                input=wire.TranslationInput(transcription=None, noise_reduction=None),
                output=wire.TranslationOutput(language=None),
            ),
        )
        self._step_bytes = FORMAT.chunk_bytes(options.ptime_ms)
        self._paced = options.paced
        self._buffer = bytearray()
        self._sent_bytes = 0
        self._is_closing = False
        self.is_closed = False

    @property
    def is_responding(self) -> bool:
        """True while there is audio to send, or the end of the session."""
        if self._is_closing:
            return not self.is_closed
        return len(self._buffer) >= self._step_bytes + FORMAT.chunk_bytes(DELAY_MS)

    def open(self) -> None:
        """Emit the first event."""
        self._emit(wire.SessionCreated(session=self._settings))

    def handle(self, event: Any, frame: Frame) -> None:
        """Handle a client event, which was decoded from `frame`.

        Raises:
            Refusal: the event is rejected, and nothing has changed.
        """
        if self._is_closing:
            raise refusals.SESSION_CLOSING()
        _HANDLERS[type(event)](self, event, frame)
        if not self._paced:
            while self.is_responding:
                self.advance()

    def refuse(self, error: Any) -> None:
        """Emit an error about a client event."""
        self._emit(error)

    def advance(self) -> None:
        """Emit the next step of the output."""
        if not self.is_responding:
            return
        chunk = bytes(self._buffer[: self._step_bytes])
        if chunk:
            self._emit_chunk(chunk)
        if self._is_closing and not self._buffer:
            self.is_closed = True
            self._emit(wire.SessionClosed())

    # --- Client events ---

    def _append(self, event: wire.SessionInputAudioBufferAppend, frame: Frame) -> None:
        free_bytes = FORMAT.chunk_bytes(MAX_BUFFER_MS) - len(self._buffer)
        refusals.check_append(event.audio, FORMAT, free_bytes)
        self._buffer += event.audio

    def _update(self, event: wire.SessionUpdate, frame: Frame) -> None:
        _check_fixed(frame)
        new = merged(self._settings, event.session, self._default_settings)
        (old_input, _), (input, output) = _sides(self._settings.audio), _sides(new.audio)
        _check_language(output.language)
        if input.noise_reduction and input.noise_reduction is not old_input.noise_reduction:
            input.noise_reduction = _complete_noise_reduction(
                input.noise_reduction, old_input.noise_reduction
            )
        self._settings = new
        self._emit(wire.SessionUpdated(session=self._settings))

    def _close(self, event: wire.SessionClose, frame: Frame) -> None:
        self._is_closing = True

    # --- Output ---

    def _emit_chunk(self, chunk: bytes) -> None:
        for index in range(_frame_count(self._sent_bytes), _frame_count(self._sent_bytes + len(chunk))):
            self._emit_words(index)
        self._emit(
            wire.SessionOutputAudioDelta(
                delta=chunk,
                format=FORMAT.encoding,
                sample_rate=FORMAT.sample_rate,
                channels=1,
                elapsed_ms=self._sent_bytes // _FRAME_BYTES * FRAME_MS,
            )
        )
        del self._buffer[: len(chunk)]
        self._sent_bytes += len(chunk)

    def _emit_words(self, index: int) -> None:
        space, word, elapsed_ms = " " if index else "", f"word{index + 1}", index * FRAME_MS
        input, output = _sides(self._settings.audio)
        if input.transcription:
            self._emit(wire.SessionInputTranscriptDelta(delta=space + word, elapsed_ms=elapsed_ms))
        translated = f"{output.language}-{word}" if output.language else word
        self._emit(wire.SessionOutputTranscriptDelta(delta=space + translated, elapsed_ms=elapsed_ms))


def _frame_count(nbytes: int) -> int:
    """Return the number of frames that begin within the first `nbytes`."""
    return -(-nbytes // _FRAME_BYTES)


# --- Settings ------------------------------------------------------------------------


def _sides(audio: wire.TranslationAudio) -> tuple[wire.TranslationInput, wire.TranslationOutput]:
    assert isinstance(audio.input, wire.TranslationInput)
    assert isinstance(audio.output, wire.TranslationOutput)
    return audio.input, audio.output


def _check_language(language: Any) -> None:
    if isinstance(language, str) and not _LANGUAGE.fullmatch(language):
        raise refusals.INVALID_LANGUAGE(value=language, param="session.audio.output.language")


def _complete_noise_reduction(new: Any, old: Any) -> wire.NoiseReduction:
    """Return `new`, with the strength of `old` if it has none of its own."""
    if new.type not in spec.NOISE_REDUCTIONS:
        raise refusals.INVALID_VALUE(value=new.type, param="session.audio.input.noise_reduction.type")
    inherited = old.strength if old else DEFAULT_STRENGTH
    strength = inherited if new.strength in (UNSET, None) else new.strength
    return wire.NoiseReduction(type=new.type, strength=strength)


class _FixedSettings(msgspec.Struct):
    model: Any = UNSET
    type: Any = UNSET


class _Update(msgspec.Struct):
    session: _FixedSettings


def _check_fixed(frame: Frame) -> None:
    """Check that an update contains none of the settings that are fixed for a session.

    Raises:
        Refusal: it does.
    """
    session = msgspec.json.decode(frame, type=_Update).session
    for name in _FixedSettings.__struct_fields__:
        if getattr(session, name) is not UNSET:
            raise refusals.SETTING_FIXED(param=f"session.{name}")


# One line for each event that a client can send.
_HANDLERS: Final[dict[type[Any], Callable[[TranslationServerSession, Any, Frame], None]]] = {
    wire.SessionUpdate: TranslationServerSession._update,
    wire.SessionInputAudioBufferAppend: TranslationServerSession._append,
    wire.SessionClose: TranslationServerSession._close,
}
