"""Playback position of assistant audio, and the truncate event that reports it to the server.

`Playback` queues the audio that the server sends. Its playhead is moved only by what the caller
reports: samples that a sound card consumed, or marks that a carrier returned. No clock is read,
and a truncate never reaches past the audio that was received. `_Queue` knows bytes and marks
only; what the events mean is in `Playback`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from .._bounded import BoundedDict
from ..errors import AudioError
from ..events import ConversationItemTruncate
from ..format import AudioFormat, AudioFormatLike, session_format
from ._common import find_handler

# Finished parts, and ids of interrupted items and responses, are remembered for late events.
_MAX_REMEMBERED: Final = 256


@dataclass(frozen=True, slots=True)
class Interruption:
    """Result of an interruption. Every field is empty if nothing was queued.

    Send `truncate` unless it is None: no item was played in part then. Nothing was played of the
    items `unplayed_item_ids`; the model assumes that the user heard them, until they are
    deleted (conversation.item.delete). `discarded_bytes` and `discarded_ms` are the audio that
    must not be played any more. `marks` are the carrier's pending marks: ignore them when the
    carrier returns them for the audio that it cleared.
    """

    truncate: ConversationItemTruncate | None = None
    unplayed_item_ids: tuple[str, ...] = ()
    discarded_bytes: int = 0
    discarded_ms: float = 0.0
    marks: tuple[str, ...] = ()


# --- The queue -----------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _AudioPart:
    """The audio of one content part: bytes received and played, in the part's own format."""

    item_id: str
    content_index: int
    response_id: str | None
    format: AudioFormat
    received: int = 0
    played: int = 0
    is_done: bool = False

    @property
    def played_ms(self) -> int:
        """Milliseconds played, rounded down: the greatest value that a truncate may state."""
        return self.played // self.format.sample_width * 1000 // self.format.sample_rate


@dataclass(slots=True, eq=False)
class _Span:
    """Queued audio of one part, followed by a mark if it has a name."""

    part: _AudioPart
    nbytes: int
    mark: str | None = None


class _Queue:
    """The audio that was received and not played, in order, and the marks in it."""

    def __init__(self) -> None:
        self._spans: deque[_Span] = deque()
        self._carry = Fraction(0)  # seconds reported as played, less than a sample
        self.nbytes = 0

    def __bool__(self) -> bool:
        return bool(self._spans)

    @property
    def ms(self) -> float:
        """Milliseconds of queued audio."""
        return sum(
            span.nbytes * 1000 / (span.part.format.sample_width * span.part.format.sample_rate)
            for span in self._spans
        )

    @property
    def sample_rate(self) -> int:
        """The sample rate in Hz at the head of the queue, which must not be empty."""
        return self._spans[0].part.format.sample_rate

    @property
    def parts(self) -> dict[_AudioPart, None]:
        """The parts with queued audio, in order."""
        return dict.fromkeys(span.part for span in self._spans if span.nbytes)

    @property
    def marks(self) -> tuple[str, ...]:
        """The queued marks, in order."""
        return tuple(span.mark for span in self._spans if span.mark is not None)

    def add(self, part: _AudioPart, nbytes: int) -> None:
        """Append `nbytes` of a part."""
        part.received += nbytes
        self.nbytes += nbytes
        last = self._spans[-1] if self._spans else None
        if last is not None and last.part is part and last.mark is None:
            last.nbytes += nbytes
        elif nbytes:
            self._spans.append(_Span(part, nbytes))

    def add_mark(self, name: str, latest: _AudioPart | None) -> None:
        """Append a mark. If the queue is empty, it marks the end of `latest`."""
        if self._spans and self._spans[-1].mark is None:
            self._spans[-1].mark = name
        elif latest is not None:
            self._spans.append(_Span(latest, 0, name))

    def clear(self) -> None:
        """Empty the queue."""
        self._spans.clear()
        self.nbytes, self._carry = 0, Fraction(0)

    def play_to_mark(self, name: str) -> int:
        """Play everything before the first mark of this name. Returns the bytes played."""
        if not any(span.mark == name for span in self._spans):
            return 0
        total, self._carry = 0, Fraction(0)
        while True:
            span = self._spans.popleft()
            span.part.played += span.nbytes
            total += span.nbytes
            if span.mark == name:
                self.nbytes -= total
                return total

    def play_seconds(self, seconds: Fraction) -> int:
        """Play whole samples for `seconds`, each at its own rate. Returns the bytes played.

        What is left of the time, less than a sample, is carried over to the next call.
        """
        total, seconds = 0, seconds + self._carry
        while self._spans:
            format = self._spans[0].part.format
            wanted = int(seconds * format.sample_rate) * format.sample_width
            played = self._play(wanted, format)
            total += played
            seconds -= Fraction(played, format.sample_width * format.sample_rate)
            if played == wanted and self._spans:
                self._carry = seconds
                return total
        self._carry = Fraction(0)
        return total

    def play_bytes(self, nbytes: int) -> int:
        """Play up to `nbytes`. Returns the bytes played."""
        self._carry = Fraction(0)
        return self._play(nbytes, None)

    def take_back(self, part: _AudioPart, nbytes: int) -> None:
        """Remove up to `nbytes` of a part's queued audio, last bytes first. Marks stay in place."""
        for span in reversed(self._spans):
            if span.part is part:
                taken = min(nbytes, span.nbytes)
                span.nbytes -= taken
                part.received -= taken
                self.nbytes -= taken
                nbytes -= taken

    def _play(self, nbytes: int, format: AudioFormat | None) -> int:
        """Play up to `nbytes`, stopping at a part whose format is not `format`."""
        left = nbytes
        while self._spans:
            span = self._spans[0]
            if not left or (format is not None and span.part.format is not format):
                break
            taken = min(left, span.nbytes)
            span.nbytes -= taken
            span.part.played += taken
            left -= taken
            if not span.nbytes:
                self._spans.popleft()
        self.nbytes -= nbytes - left
        return nbytes - left


# --- Playback ------------------------------------------------------------------------


class Playback:
    """Follows one loudspeaker: the audio queued for it, the audio it played, and interruptions.

    `format` is the session's output format. A session.created or session.updated given to `feed`
    changes it for the parts that begin afterwards: each part is measured in the format in which
    it began. The cost of a delta does not depend on the length of the queue.

    Raises:
        ConfigError: `format` is not a format of this wire.
        TypeError: `format` is not a str, a mapping or an object with a `type`.
    """

    def __init__(self, format: AudioFormatLike = AudioFormat.PCM16) -> None:
        self._format = AudioFormat.of(format)
        self._queue = _Queue()
        self._parts: dict[tuple[str, int], _AudioPart] = {}
        self._interrupted: BoundedDict[str, None] = BoundedDict(_MAX_REMEMBERED)  # items and responses
        self._latest: _AudioPart | None = None
        self._marks = 0

    # --- Receiving ---

    def feed(self, event: object, /) -> int | None:
        """Feed a server event. Returns the number of its audio bytes to play.

        Returns 0 if its audio must be dropped: the server sent it before it knew of an
        interruption. Returns None if the event has no audio.

        Raises:
            TypeError: `event` is a raw frame.
        """
        try:
            handle = _HANDLERS[type(event)]
        except KeyError:
            handle = _HANDLERS[type(event)] = find_handler(event, _BY_TYPE)
        return handle(self, event) if handle else None

    def received(
        self, item_id: str, nbytes: int, content_index: int = 0, *, response_id: str | None = None
    ) -> int:
        """Queue `nbytes` of an item's audio, in place of feeding its delta event.

        Returns `nbytes`, or 0 if the audio is late and must be dropped. A chunk may end within a
        sample.

        Raises:
            AudioError: `nbytes` is negative.
        """
        if nbytes < 0:
            raise AudioError(f"nbytes must not be negative, got {nbytes}")
        if self._interrupted and (item_id in self._interrupted or response_id in self._interrupted):
            return 0
        part = self._latest
        if part is None or part.item_id != item_id or part.content_index != content_index:
            part = self._latest = self._part(item_id, content_index, response_id)
        self._queue.add(part, nbytes)
        return nbytes

    # --- Playing ---

    def played(
        self,
        samples: float | None = None,
        *,
        ms: float | None = None,
        nbytes: int | None = None,
        sample_rate: int | None = None,
    ) -> int:
        """Move the playhead by what the loudspeaker played. Returns the bytes of audio played.

        Give one of `samples` (at `sample_rate` Hz, by default the rate of the audio itself), `ms`
        and `nbytes`. Anything beyond the end of the queue was silence and is ignored. Fractions
        of a sample are carried over to the next call. Marks that are passed are removed.

        Raises:
            TypeError: not exactly one of the three is given.
            AudioError: it is negative or not finite, or `sample_rate` is not positive and finite.
        """
        given = [value for value in (samples, ms, nbytes) if value is not None]
        if len(given) != 1:
            raise TypeError("expected one of samples, ms and nbytes")
        if not 0 <= given[0] < float("inf"):
            raise AudioError(f"the amount played must be finite and not negative, got {given[0]}")
        if sample_rate is not None and not 0 < sample_rate < float("inf"):
            raise AudioError(f"sample_rate must be positive and finite, got {sample_rate}")
        if not self._queue:
            return 0
        if nbytes is not None:
            return self._queue.play_bytes(nbytes)
        per_second = 1000 if ms is not None else sample_rate or self._queue.sample_rate
        return self._queue.play_seconds(Fraction(given[0]) / Fraction(per_second))

    def mark(self, name: str | None = None) -> str:
        """Mark the end of the queued audio. Returns the name to send to the carrier in its mark message.

        Without `name`, makes one that this object has not returned before.
        """
        if name is None:
            self._marks += 1
            name = f"mark_{self._marks}"
        self._queue.add_mark(name, self._latest)
        return name

    def acknowledge_mark(self, name: str) -> int:
        """Move the playhead to a mark that the carrier returned. Returns the bytes of audio played.

        A mark that is not queued is ignored: it is unknown, was returned before, or is returned
        because its audio was cleared.
        """
        return self._queue.play_to_mark(name)

    # --- Interruption ---

    def interrupt(self) -> Interruption:
        """Stop playback, because the user speaks or because the loudspeaker's queue was cleared.

        Empties the queue; `feed` drops what still arrives of the interrupted items and responses.
        An item that was played to its end needs no truncate, unless more of it was to come.
        """
        marks, discarded_bytes, discarded_ms = self._queue.marks, self._queue.nbytes, self._queue.ms
        parts = [*self._queue.parts]
        latest = self._latest
        if latest is not None and not latest.is_done and latest not in parts:
            parts.append(latest)  # all of it was played, but more was to come
        self._queue.clear()
        self._latest = None
        for part in parts:
            self._interrupt_part(part)
        played = {part.item_id for part in self._parts.values() if part.played_ms}
        unplayed = dict.fromkeys(part.item_id for part in parts if part.item_id not in played)
        truncate = _truncate(parts[0]) if parts and parts[0].played_ms else None
        return Interruption(truncate, (*unplayed,), discarded_bytes, discarded_ms, marks)

    def is_late(self, item_id: str, response_id: str | None = None) -> bool:
        """Return True if audio of this item must be dropped, because it or its response was interrupted."""
        return item_id in self._interrupted or response_id in self._interrupted

    # --- Positions ---

    @property
    def audio_format(self) -> AudioFormat:
        """The format of parts that begin from now on. Set it if no session event is fed."""
        return self._format

    @audio_format.setter
    def audio_format(self, format: AudioFormatLike) -> None:
        self._format = AudioFormat.of(format)

    @property
    def queued_ms(self) -> float:
        """Milliseconds of audio that are queued."""
        return self._queue.ms

    @property
    def is_playing(self) -> bool:
        """True while audio is queued."""
        return self._queue.nbytes > 0

    @property
    def current_item_id(self) -> str | None:
        """The id of the item at the playhead, or None if nothing is queued."""
        return next((part.item_id for part in self._queue.parts), None)

    def played_ms(self, item_id: str, content_index: int = 0) -> int:
        """Return the milliseconds played of a part, rounded down. 0 if it is not known, or not any more."""
        part = self._parts.get((item_id, content_index))
        return part.played_ms if part else 0

    def received_bytes(self, item_id: str, content_index: int = 0) -> int:
        """Return the bytes received of a part. 0 if it is not known, or not any more."""
        part = self._parts.get((item_id, content_index))
        return part.received if part else 0

    # --- Parts ---

    def _part(self, item_id: str, content_index: int, response_id: str | None) -> _AudioPart:
        key = (item_id, content_index)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = _AudioPart(item_id, content_index, response_id, self._format)
            if len(self._parts) > _MAX_REMEMBERED:
                self._forget_older_half()
        return part

    def _forget_older_half(self) -> None:
        """Forget the older half of the parts, except those with queued audio."""
        queued = self._queue.parts
        for key, part in [*self._parts.items()][: _MAX_REMEMBERED // 2]:
            if part not in queued:
                del self._parts[key]

    def _interrupt_part(self, part: _AudioPart) -> None:
        """Treat what still arrives of this part's item and response as late."""
        part.is_done = True
        self._interrupted[part.item_id] = None
        if part.response_id is not None:
            self._interrupted[part.response_id] = None

    # --- Handlers ---

    def _on_delta(self, event: Any) -> int:
        return self.received(
            event.item_id, len(event.delta), event.content_index or 0, response_id=event.response_id
        )

    def _on_audio_done(self, event: Any) -> None:
        part = self._parts.get((event.item_id, event.content_index or 0))
        if part is not None:
            part.is_done = True

    def _on_response_done(self, event: Any) -> None:
        response_id = getattr(event.response, "id", None)
        for part in self._parts.values():
            if part.response_id == response_id:
                part.is_done = True

    def _on_truncated(self, event: Any) -> None:
        # Unless it answers our own truncate, another client truncated the item: drop what is queued beyond.
        part = self._parts.get((event.item_id, event.content_index or 0))
        if part is None or event.item_id in self._interrupted:
            return
        self._interrupt_part(part)
        end = (event.audio_end_ms or 0) * part.format.sample_rate // 1000 * part.format.sample_width
        self._queue.take_back(part, max(part.received - end, 0))

    def _on_deleted(self, event: Any) -> None:
        for part in [part for part in self._parts.values() if part.item_id == event.item_id]:
            self._interrupt_part(part)
            self._queue.take_back(part, part.received)

    def _on_session(self, event: Any) -> None:
        self._format = session_format(event.session, "output") or self._format


def _truncate(part: _AudioPart) -> ConversationItemTruncate:
    return ConversationItemTruncate(
        item_id=part.item_id, content_index=part.content_index, audio_end_ms=part.played_ms
    )


# By wire type, of GA and of beta.
_BY_TYPE: Final[dict[str, Callable[[Playback, Any], int | None]]] = {
    "response.output_audio.delta": Playback._on_delta,
    "response.audio.delta": Playback._on_delta,
    "response.output_audio.done": Playback._on_audio_done,
    "response.audio.done": Playback._on_audio_done,
    "response.done": Playback._on_response_done,
    "conversation.item.truncated": Playback._on_truncated,
    "conversation.item.deleted": Playback._on_deleted,
    "session.created": Playback._on_session,
    "session.updated": Playback._on_session,
}
# By class, filled from `_BY_TYPE` as classes are met.
_HANDLERS: dict[type, Callable[[Playback, Any], int | None] | None] = {}
