"""The translation dialect without I/O: `TranslationLoopback` gives the caller's own speech back, as it comes.

What is said depends on how much audio came, not on how it was cut: a step is `ptime_ms` of speech, said once
`DELAY_MS` more of it are there, and goes ahead with the words of each frame that begins in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import UNSET

from .. import spec, translation
from .._types import Frame
from ..codec import known
from ..errors import DecodeError, snippet
from ..format import AudioFormat
from ..translation import (
    NoiseReduction,
    SessionClose,
    SessionClosed,
    SessionCreated,
    SessionInputAudioBufferAppend,
    SessionInputTranscriptDelta,
    SessionOutputAudioDelta,
    SessionOutputTranscriptDelta,
    SessionUpdate,
    SessionUpdated,
    TranslationAudio,
    TranslationInput,
    TranslationOutput,
    TranslationSessionInfo,
)
from ._append import check_append
from ._defaults import PTIME_MS
from ._refusal import Refusal, event_id_of, of_decode_error, unknown_type
from ._request import check_ptime
from .loopback import _check_event_id

# Source: OpenAI's guide to realtime translation, read 2026-11-25.
DEFAULT_MODEL: Final = "gpt-realtime-translate"
# Source: the SDK's docstrings of RealtimeTranslation... (openai 3.57), read 2026-11-25: the only format, the
# frames in which time advances, and what noise reduction is where nobody said how much.
FORMAT: Final = AudioFormat.PCM16
FRAME_MS: Final = 200
DEFAULT_STRENGTH: Final = 1.0
# How far the translation is behind the speech.
DELAY_MS: Final = FRAME_MS
MAX_WAITING_MS: Final = spec.MAX_SESSION_SECONDS * 1000

_CLIENT_TYPES: Final = [str(kind.__struct_config__.tag) for kind in known(translation.ClientEvent)]
# The set of languages is open; a name in words is none.
_LANGUAGE: Final = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")
_FRAME_BYTES: Final = FORMAT.chunk_bytes(FRAME_MS)


class TranslationLoopback:
    """One session of the loopback server in the translation dialect: it repeats what it hears.

    Send what `open` and `receive` return, in order. Each 200 ms of speech are a word of the transcript: "word1",
    " word2"... in the source, "es-word1", " es-word2"... in the language "es". A `paced` session does not speak
    at once: as long as `answering` is true, `advance` returns the next `ptime_ms`. After `session.close` what is
    left is said, then `session.closed`; then `closed` is true, and nothing is answered any more.

    Raises:
        AudioError: `ptime_ms` is not a whole number of samples, or 0.
    """

    def __init__(
        self,
        *,
        model: str = DEFAULT_MODEL,
        ptime_ms: float = PTIME_MS,
        paced: bool = False,
        session_id: str = "sess_loopback",
        expires_at: int = 0,
    ) -> None:
        check_ptime(ptime_ms)
        self._settings = TranslationSessionInfo(
            id=session_id,
            type="translation",
            model=model,
            expires_at=expires_at,
            audio=_audio(None, None, None),
        )
        self._step_bytes = FORMAT.chunk_bytes(ptime_ms)
        self._paced = paced
        self._waiting = bytearray()
        self._said = 0
        self._closing = self._closed = False
        self._serial = 0
        self._out: list[translation.ServerEvent] = []

    @property
    def closed(self) -> bool:
        """Whether the session has ended: the connection is to be closed, with 1000."""
        return self._closed

    def open(self) -> list[translation.ServerEvent]:
        """What the server says first."""
        self._send(SessionCreated(session=self._settings))
        return self._sent()

    def receive(self, frame: Frame) -> list[translation.ServerEvent]:
        """What the server says to a client's frame; what is wrong with it is an `error` event."""
        if self._closed:
            return []
        try:
            event: Any = translation.decode_client(frame)
            _check_event_id(event)
            _HANDLERS[type(event)](self, event, frame)
        except DecodeError as error:
            self._send(of_decode_error(error).event(event_id_of(frame)))
        except Refusal as refusal:
            self._send(refusal.event(event_id_of(frame)))
        while self.answering and not self._paced:
            self._step()
        return self._sent()

    @property
    def answering(self) -> bool:
        """Whether there is speech to be said, or the session's end."""
        if self._closing:
            return not self._closed
        return len(self._waiting) >= self._step_bytes + FORMAT.chunk_bytes(DELAY_MS)

    def advance(self) -> list[translation.ServerEvent]:
        """The next step of what is to be said."""
        if self.answering:
            self._step()
        return self._sent()

    def encode(self, event: translation.ServerEvent) -> bytes:
        """`event`, one of this session's, as a frame."""
        return translation.encode(event)

    # --- Receiving ---

    def _unknown(self, event: translation.UnknownEvent, frame: Frame) -> None:
        raise unknown_type(event.type, _CLIENT_TYPES)

    def _append(self, event: SessionInputAudioBufferAppend, frame: Frame) -> None:
        self._check_open()
        check_append(event.audio, FORMAT, FORMAT.chunk_bytes(MAX_WAITING_MS) - len(self._waiting))
        self._waiting += event.audio

    def _update(self, event: SessionUpdate, frame: Frame) -> None:
        self._check_open()
        _check_fixed(frame)
        audio = _merged(self._settings.audio, event.session.audio)
        self._settings = msgspec.structs.replace(self._settings, audio=audio)
        self._send(SessionUpdated(session=self._settings))

    def _close(self, event: SessionClose, frame: Frame) -> None:
        self._check_open()
        self._closing = True

    def _check_open(self) -> None:
        if self._closing:
            raise Refusal("session_closing", "The session is being closed.")

    # --- Sending ---

    def _step(self) -> None:
        chunk = bytes(self._waiting[: self._step_bytes])
        if chunk:
            self._say(chunk)
        if self._closing and not self._waiting:
            self._closed = True
            self._send(SessionClosed())

    def _say(self, chunk: bytes) -> None:
        for frame in range(_frames(self._said), _frames(self._said + len(chunk))):
            self._say_words(frame)
        self._send(
            SessionOutputAudioDelta(
                delta=chunk,
                format=FORMAT.beta_name,
                sample_rate=FORMAT.sample_rate,
                channels=1,
                elapsed_ms=self._said // _FRAME_BYTES * FRAME_MS,
            )
        )
        del self._waiting[: len(chunk)]
        self._said += len(chunk)

    def _say_words(self, frame: int) -> None:
        space, word, elapsed_ms = " " if frame else "", f"word{frame + 1}", frame * FRAME_MS
        heard, said = _sides(self._settings.audio)
        if heard.transcription:
            self._send(SessionInputTranscriptDelta(delta=space + word, elapsed_ms=elapsed_ms))
        translated = f"{said.language}-{word}" if said.language else word
        self._send(SessionOutputTranscriptDelta(delta=space + translated, elapsed_ms=elapsed_ms))

    def _send(self, event: Any) -> None:
        self._serial += 1
        event.event_id = f"event_{self._serial:08}"
        self._out.append(event)

    def _sent(self) -> list[translation.ServerEvent]:
        sent, self._out = self._out, []
        return sent


def _frames(nbytes: int) -> int:
    """How many frames begin within the first `nbytes`."""
    return -(-nbytes // _FRAME_BYTES)


# --- Settings: absent keeps, null clears ---------------------------------------------


def _audio(transcription: Any, noise_reduction: Any, language: str | None) -> TranslationAudio:
    return TranslationAudio(
        input=TranslationInput(transcription=transcription, noise_reduction=noise_reduction),
        output=TranslationOutput(language=language),
    )


def _sides(audio: TranslationAudio) -> tuple[TranslationInput, TranslationOutput]:
    """Both sides of whole settings."""
    assert isinstance(audio.input, TranslationInput)
    assert isinstance(audio.output, TranslationOutput)
    return audio.input, audio.output


def _merged(current: TranslationAudio, change: Any) -> TranslationAudio:
    """The settings after `change`.

    Raises:
        Refusal: settings that no session can have.
    """
    (heard, said), cleared = _sides(current), _audio(None, None, None)
    given = _given(change, cleared)
    new_heard, new_said = _given(given.input, cleared.input), _given(given.output, cleared.output)
    _check_language(new_said.language)
    return _audio(
        _newer(heard.transcription, new_heard.transcription),
        _noise_reduction(heard.noise_reduction, new_heard.noise_reduction),
        _newer(said.language, new_said.language),
    )


def _given(new: Any, cleared: Any) -> Any:
    """What an update says of a part: nothing where it is absent, `cleared` where it is null."""
    if new is UNSET:
        return type(cleared)()
    return cleared if new is None else new


def _newer(old: Any, new: Any) -> Any:
    return old if new is UNSET else new


def _noise_reduction(old: Any, new: Any) -> Any:
    """The newer one, with the strength of the older where it says none."""
    if new is UNSET or new is None:
        return _newer(old, new)
    path = "session.audio.input.noise_reduction"
    if new.type not in spec.NOISE_REDUCTIONS:
        raise Refusal("invalid_value", f"Invalid value: '{snippet(new.type)}'.", f"{path}.type")
    usual = old.strength if old else DEFAULT_STRENGTH
    return NoiseReduction(type=new.type, strength=usual if new.strength in (UNSET, None) else new.strength)


def _check_language(language: Any) -> None:
    if isinstance(language, str) and not _LANGUAGE.fullmatch(language):
        path = "session.audio.output.language"
        message = f"Invalid '{path}': '{snippet(language)}' is not a language code such as 'es'."
        raise Refusal("invalid_value", message, path)


class _Fixed(msgspec.Struct):
    model: Any = UNSET
    type: Any = UNSET


class _Update(msgspec.Struct):
    session: _Fixed


def _check_fixed(frame: Frame) -> None:
    """Raises Refusal where an update names what is set when a session is made."""
    asked = msgspec.json.decode(frame, type=_Update).session
    for name in _Fixed.__struct_fields__:
        if getattr(asked, name) is not UNSET:
            path = f"session.{name}"
            raise Refusal("invalid_value", f"'{path}' is set when the session is created.", path)


# One line for each event that a client can send.
_HANDLERS: Final[dict[type[Any], Callable[[TranslationLoopback, Any, Frame], None]]] = {
    SessionUpdate: TranslationLoopback._update,
    SessionInputAudioBufferAppend: TranslationLoopback._append,
    SessionClose: TranslationLoopback._close,
    translation.UnknownEvent: TranslationLoopback._unknown,
}
