"""What of the assistant's audio was heard, and the one truncate that says so.

A queue of what the server sent, and a playhead that only the caller's facts move: samples a
sound card took, or marks a carrier returned. Nothing here reads a clock. What was not
received cannot be played, so no truncate reaches past what the server has sent.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final

from ..events import ConversationItemTruncate, UnknownEvent
from ..format import AudioFormat
from ._common import no_frame

# Items and responses that are over are kept for what comes late about them, no more than this.
_MAX_REMEMBERED: Final = 256


@dataclass(slots=True, eq=False)
class Part:
    """One part's audio: what came, what was heard, in bytes of its own format."""

    item_id: str
    content_index: int
    response_id: str | None
    format: AudioFormat
    received: int = 0
    heard: int = 0
    done: bool = False

    @property
    def heard_ms(self) -> int:
        """Whole milliseconds, floored: what a truncate may say."""
        return self.heard // self.format.sample_width * 1000 // self.format.sample_rate


@dataclass(slots=True, eq=False)
class Span:
    """Audio of one part; and then a mark, if it has a name."""

    part: Part
    nbytes: int
    mark: str | None = None


class Queue:
    """What was received and not yet heard."""

    def __init__(self) -> None:
        self._spans: deque[Span] = deque()
        self._left = Fraction(0)  # seconds of the last facts, less than a sample
        self.nbytes = 0

    def __bool__(self) -> bool:
        return bool(self._spans)

    @property
    def ms(self) -> float:
        """Milliseconds that wait."""
        return sum(
            span.nbytes * 1000 / (span.part.format.sample_width * span.part.format.sample_rate)
            for span in self._spans
        )

    @property
    def sample_rate(self) -> int:
        """Hz of the audio at the head, of a queue that is not empty."""
        return self._spans[0].part.format.sample_rate

    @property
    def parts(self) -> dict[Part, None]:
        """The parts whose audio waits, in order."""
        return dict.fromkeys(span.part for span in self._spans if span.nbytes)

    @property
    def marks(self) -> tuple[str, ...]:
        """The marks that wait, in order."""
        return tuple(span.mark for span in self._spans if span.mark is not None)

    def add(self, part: Part, nbytes: int) -> None:
        """`nbytes` more of a part, at the end."""
        part.received += nbytes
        self.nbytes += nbytes
        last = self._spans[-1] if self._spans else None
        if last is not None and last.part is part and last.mark is None:
            last.nbytes += nbytes
        elif nbytes:
            self._spans.append(Span(part, nbytes))

    def mark(self, name: str, latest: Part | None) -> None:
        """A mark at the end; of an empty queue, after `latest`."""
        if self._spans and self._spans[-1].mark is None:
            self._spans[-1].mark = name
        elif latest is not None:
            self._spans.append(Span(latest, 0, name))

    def clear(self) -> None:
        """Nothing waits any more."""
        self._spans.clear()
        self.nbytes, self._left = 0, Fraction(0)

    def hear_mark(self, name: str) -> int:
        """All up to the first mark of this name; 0 bytes where none waits."""
        if not any(span.mark == name for span in self._spans):
            return 0
        total, self._left = 0, Fraction(0)
        while True:
            span = self._spans.popleft()
            span.part.heard += span.nbytes
            total += span.nbytes
            if span.mark == name:
                self.nbytes -= total
                return total

    def hear_seconds(self, seconds: Fraction) -> int:
        """Whole samples from the head, each at its own format's rate; the rest is kept for the next call."""
        total, seconds = 0, seconds + self._left
        while self._spans:
            form = self._spans[0].part.format
            wanted = int(seconds * form.sample_rate) * form.sample_width
            moved = self._hear(wanted, form)
            total += moved
            seconds -= Fraction(moved, form.sample_width * form.sample_rate)
            if moved == wanted and self._spans:
                self._left = seconds
                return total
        self._left = Fraction(0)
        return total

    def hear_bytes(self, nbytes: int) -> int:
        """Up to `nbytes` from the head."""
        self._left = Fraction(0)
        return self._hear(nbytes, None)

    def take_back(self, part: Part, nbytes: int) -> None:
        """The last `nbytes` of a part that wait are not to be heard; marks stay where they are."""
        for span in reversed(self._spans):
            if span.part is part:
                taken = min(nbytes, span.nbytes)
                span.nbytes -= taken
                part.received -= taken
                self.nbytes -= taken
                nbytes -= taken

    def _hear(self, nbytes: int, form: AudioFormat | None) -> int:
        """Up to `nbytes` from the head, as far as they are in the format `form`."""
        left = nbytes
        while self._spans:
            span = self._spans[0]
            if not left or (form is not None and span.part.format is not form):
                break
            taken = min(left, span.nbytes)
            span.nbytes -= taken
            span.part.heard += taken
            left -= taken
            if not span.nbytes:
                self._spans.popleft()
        self.nbytes -= nbytes - left
        return nbytes - left


@dataclass(frozen=True, slots=True)
class Interruption:
    """What a barge-in leaves to do; of an empty queue, nothing.

    `truncate` is to be sent, unless it is None: then no item was heard in part. Nothing was
    heard of the items `unheard`; the model believes that they were said until they are
    deleted (conversation.item.delete). `discarded_ms` of audio are not to be played, and
    `marks` not to be believed when the carrier returns them for audio that it cleared.
    """

    truncate: ConversationItemTruncate | None = None
    unheard: tuple[str, ...] = ()
    discarded_bytes: int = 0
    discarded_ms: float = 0.0
    marks: tuple[str, ...] = ()


class Playback:
    """Follows one loudspeaker: what was queued for it, what it has played, what to cut.

    `format` is the session's output format in any spelling; a `session.updated` given to
    `feed` changes it for parts that begin after it: each is measured in the format it began
    in. A delta costs the same however much is queued.

    Raises:
        ConfigError: `format` is none that is known.
        TypeError: `format` names no format.
    """

    def __init__(self, format: Any = AudioFormat.PCM16) -> None:
        self._format = AudioFormat.of(format)
        self._queue = Queue()
        self._parts: OrderedDict[tuple[str, int], Part] = OrderedDict()
        self._cut: OrderedDict[str, None] = OrderedDict()  # ids of items and responses
        self._latest: Part | None = None
        self._marks = 0

    # --- What the server sends ---

    def feed(self, event: object, /) -> int | None:
        """Takes any server event; of audio, the bytes to play now, and 0 for what is to be dropped.

        None for an event that carries no audio. Deltas of an item that was interrupted are
        late: the server had not yet heard of it.

        Raises:
            TypeError: `event` is a frame.
        """
        kind = type(event)
        if kind not in _HANDLERS:
            if isinstance(event, UnknownEvent):
                return None
            no_frame(event)
            _HANDLERS[kind] = _BY_TYPE.get(getattr(event, "type", ""))
        handle = _HANDLERS[kind]
        return handle(self, event) if handle else None

    def received(
        self, item_id: str, nbytes: int, content_index: int = 0, *, response_id: str | None = None
    ) -> int:
        """Queues `nbytes` of audio of an item, for those who count without events.

        Returns `nbytes`, or 0 for what is late and not to be played. A chunk may be cut
        within a sample.

        Raises:
            ValueError: `nbytes` is negative.
        """
        if nbytes < 0:
            raise ValueError(f"nbytes must not be negative, got {nbytes}")
        if self._cut and (item_id in self._cut or response_id in self._cut):
            return 0
        part = self._latest
        if part is None or part.item_id != item_id or part.content_index != content_index:
            part = self._latest = self._part(item_id, content_index, response_id)
        self._queue.add(part, nbytes)
        return nbytes

    # --- What was played ---

    def played(
        self,
        samples: float | None = None,
        *,
        ms: float | None = None,
        nbytes: int | None = None,
        sample_rate: int | None = None,
    ) -> int:
        """Moves the playhead by what the loudspeaker took; returns the bytes of audio that this was.

        One of `samples` (at `sample_rate` Hz, by default the audio's own), `ms` and `nbytes`.
        What is more than the queue holds was silence and counts for nothing. Fractions of a
        sample are kept for the next call. Marks that are passed are over.

        Raises:
            TypeError: not exactly one of the three is given.
            ValueError: it is negative or not finite, or `sample_rate` is not positive.
        """
        given = [value for value in (samples, ms, nbytes) if value is not None]
        if len(given) != 1:
            raise TypeError("one of samples, ms and nbytes is needed")
        if not 0 <= given[0] < float("inf"):
            raise ValueError(f"what was played must be finite and not negative, got {given[0]}")
        if sample_rate is not None and sample_rate <= 0:
            raise ValueError(f"sample_rate must be positive, got {sample_rate}")
        if not self._queue:
            return 0
        if nbytes is not None:
            return self._queue.hear_bytes(nbytes)
        per_second = 1000 if ms is not None else sample_rate or self._queue.sample_rate
        return self._queue.hear_seconds(Fraction(given[0]) / per_second)

    def mark(self, name: str | None = None) -> str:
        """Notes the end of what is queued now; the name to send to the carrier as its mark.

        Without `name`, one that this Playback has not given before.
        """
        if name is None:
            self._marks += 1
            name = f"mark_{self._marks}"
        self._queue.mark(name, self._latest)
        return name

    def marked(self, name: str) -> int:
        """The carrier returned a mark: all that was queued before it was heard.

        Returns the bytes by which the playhead moved. A mark that is not waiting counts for
        nothing: unknown, returned twice, or returned because its audio was cleared.
        """
        return self._queue.hear_mark(name)

    # --- Barge-in ---

    def interrupt(self) -> Interruption:
        """The user speaks, or the queue was cleared: what to send, what to throw away.

        Afterwards the queue is empty, and late deltas of what was cut are dropped by `feed`.
        An item that was heard to its end needs no truncate, unless more of it was to come.
        """
        marks, discarded_bytes, discarded_ms = self._queue.marks, self._queue.nbytes, self._queue.ms
        parts = [*self._queue.parts]
        latest = self._latest
        if latest is not None and not latest.done and latest not in parts:
            parts.append(latest)  # all of it was heard, but more was to come
        self._queue.clear()
        self._latest = None
        for part in parts:
            self._cut_off(part)
        heard = {part.item_id for part in self._parts.values() if part.heard_ms}
        unheard = dict.fromkeys(part.item_id for part in parts if part.item_id not in heard)
        truncate = _truncate(parts[0]) if parts and parts[0].heard_ms else None
        return Interruption(truncate, (*unheard,), discarded_bytes, discarded_ms, marks)

    clear = interrupt

    def is_late(self, item_id: str, response_id: str | None = None) -> bool:
        """Whether what still comes of this item is to be dropped: it or its response was cut."""
        return item_id in self._cut or response_id in self._cut

    # --- Positions ---

    @property
    def audio_format(self) -> AudioFormat:
        """The format of parts that begin from now on; it may be set, where no `session.updated` is fed."""
        return self._format

    @audio_format.setter
    def audio_format(self, format: Any) -> None:
        self._format = AudioFormat.of(format)

    @property
    def queued_ms(self) -> float:
        """Milliseconds of audio that wait to be played."""
        return self._queue.ms

    @property
    def is_playing(self) -> bool:
        """Whether audio waits to be played."""
        return self._queue.nbytes > 0

    @property
    def current_item_id(self) -> str | None:
        """The item at the playhead, or None where nothing waits."""
        return next((part.item_id for part in self._queue.parts), None)

    def heard_ms(self, item_id: str, content_index: int = 0) -> int:
        """Whole milliseconds heard of an item's part; 0 for one that is not known, or no longer."""
        part = self._parts.get((item_id, content_index))
        return part.heard_ms if part else 0

    def received_bytes(self, item_id: str, content_index: int = 0) -> int:
        """Bytes that came of an item's part; 0 for one that is not known, or no longer."""
        part = self._parts.get((item_id, content_index))
        return part.received if part else 0

    # --- Inside ---

    def _part(self, item_id: str, content_index: int, response_id: str | None) -> Part:
        key = (item_id, content_index)
        part = self._parts.get(key)
        if part is None:
            part = self._parts[key] = Part(item_id, content_index, response_id, self._format)
            if len(self._parts) > _MAX_REMEMBERED:
                self._forget_the_older_half()
        return part

    def _forget_the_older_half(self) -> None:
        waiting = self._queue.parts
        for key, part in [*self._parts.items()][: _MAX_REMEMBERED // 2]:
            if part not in waiting:
                del self._parts[key]

    def _cut_off(self, part: Part) -> None:
        """What still comes of this part's item and response is late."""
        part.done = True
        for late in (part.item_id, part.response_id):
            if late is not None:
                self._cut[late] = None
        while len(self._cut) > _MAX_REMEMBERED:
            self._cut.popitem(last=False)

    # --- Events ---

    def _on_delta(self, event: Any) -> int:
        return self.received(
            event.item_id, len(event.delta), event.content_index or 0, response_id=event.response_id
        )

    def _on_audio_done(self, event: Any) -> None:
        part = self._parts.get((event.item_id, event.content_index or 0))
        if part is not None:
            part.done = True

    def _on_response_done(self, event: Any) -> None:
        response_id = getattr(event.response, "id", None)
        for part in self._parts.values():
            if part.response_id == response_id:
                part.done = True

    def _on_truncated(self, event: Any) -> None:
        """Somebody else cut the item: what waits beyond that is not to be played."""
        part = self._parts.get((event.item_id, event.content_index or 0))
        if part is None or event.item_id in self._cut:
            return
        self._cut_off(part)
        kept = (event.audio_end_ms or 0) * part.format.sample_rate // 1000 * part.format.sample_width
        self._queue.take_back(part, max(part.received - max(kept, part.heard), 0))

    def _on_deleted(self, event: Any) -> None:
        for part in [part for part in self._parts.values() if part.item_id == event.item_id]:
            self._cut_off(part)
            self._queue.take_back(part, part.received - part.heard)

    def _on_session(self, event: Any) -> None:
        audio = getattr(event.session, "audio", None)
        told = getattr(getattr(audio, "output", None), "format", None) or getattr(
            event.session, "output_audio_format", None
        )
        try:
            self._format = AudioFormat.of(told)
        except (TypeError, ValueError):
            return  # none was told, or one of tomorrow's: the last one holds


def _truncate(part: Part) -> ConversationItemTruncate:
    """Nothing was heard that was not received, so the server has at least this much."""
    return ConversationItemTruncate(
        item_id=part.item_id, content_index=part.content_index, audio_end_ms=part.heard_ms
    )


# By the wire's names, which are GA's and beta's; classes are added as they are met.
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
_HANDLERS: dict[type, Callable[[Playback, Any], int | None] | None] = {}
