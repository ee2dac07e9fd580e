"""The translation dialect: a session that repeats the client's own speech as the translation.

The output depends on how much audio was appended, not on how it was split: each step is `ptime_ms` of
speech, sent once `DELAY_MS` more of it have arrived, after the words of each frame that begins in it.
Update rules for the settings are at the end of the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from .. import spec, translation, translation as wire
from .._guard import Frame
from ..format import AudioFormat
from . import refusals
from .session import SessionOptions

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

    def __init__(self, options: SessionOptions, emit: Callable[[translation.ServerEvent], None]) -> None:
        self._emit = emit
        self._settings = wire.TranslationSessionInfo(
            id=options.session_id,
            type="translation",
            model=options.model,
            expires_at=options.expires_at,
            audio=_audio_settings(None, None, None),
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
        audio = _merge(self._settings.audio, event.session.audio)
        self._settings = msgspec.structs.replace(self._settings, audio=audio)
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
                format=FORMAT.beta_name,
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


# --- Settings: absent members stay, null clears --------------------------------------


def _audio_settings(transcription: Any, noise_reduction: Any, language: str | None) -> wire.TranslationAudio:
    return wire.TranslationAudio(
        input=wire.TranslationInput(transcription=transcription, noise_reduction=noise_reduction),
        output=wire.TranslationOutput(language=language),
    )


def _sides(audio: wire.TranslationAudio) -> tuple[wire.TranslationInput, wire.TranslationOutput]:
    assert isinstance(audio.input, wire.TranslationInput)
    assert isinstance(audio.output, wire.TranslationOutput)
    return audio.input, audio.output


def _merge(current: wire.TranslationAudio, update: Any) -> wire.TranslationAudio:
    """Return the settings after `update`.

    Raises:
        Refusal: a value is invalid.
    """
    (input, output), cleared = _sides(current), _audio_settings(None, None, None)
    requested = _requested(update, cleared)
    new_input = _requested(requested.input, cleared.input)
    new_output = _requested(requested.output, cleared.output)
    _check_language(new_output.language)
    return _audio_settings(
        _replaced(input.transcription, new_input.transcription),
        _noise_reduction(input.noise_reduction, new_input.noise_reduction),
        _replaced(output.language, new_output.language),
    )


def _requested(update: Any, cleared: Any) -> Any:
    """Return the part of an update: an empty one if it is absent, `cleared` if it is null."""
    if update is UNSET:
        return type(cleared)()
    return cleared if update is None else update


def _replaced(old: Any, new: Any) -> Any:
    return old if new is UNSET else new


def _noise_reduction(old: Any, new: Any) -> Any:
    """Return the new noise reduction. Without a strength of its own it has that of the old one."""
    if new is UNSET or new is None:
        return _replaced(old, new)
    if new.type not in spec.NOISE_REDUCTIONS:
        raise refusals.INVALID_VALUE(value=new.type, param="session.audio.input.noise_reduction.type")
    inherited = old.strength if old else DEFAULT_STRENGTH
    strength = inherited if new.strength in (UNSET, None) else new.strength
    return wire.NoiseReduction(type=new.type, strength=strength)


def _check_language(language: Any) -> None:
    if isinstance(language, str) and not _LANGUAGE.fullmatch(language):
        raise refusals.INVALID_LANGUAGE(value=language, param="session.audio.output.language")


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
