"""Playback position of assistant audio, and the truncate event that reports it to the server.

`Playback` queues the audio that the server sends. Its playhead is moved only by what the caller
reports: samples that a sound card consumed, or marks that a carrier returned. No clock is read,
and a truncate never reaches past the audio that was received. `_Queue` knows bytes and marks
only; what the events mean is in `Playback`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, TypeAlias

from .._bounded import BoundedDict
from .._provider import ProviderLike, get_provider
from ..errors import AudioError
from ..events import ConversationItemTruncate
from ..format import AudioFormat, AudioFormatLike
from ._common import find_handler, get_field, stated_format

# Finished parts, and ids of interrupted items and responses, are remembered for late events.
_MAX_REMEMBERED: Final = 256
_MAX_IN_PROGRESS: Final = 64
# Spans in the queue: the oldest count as played. Ten minutes of audio, which is what a carrier queues
# at most, are 3,000 spans with a mark each 200 ms.
_MAX_SPANS: Final = 16_384
_NO_TIME: Final = Fraction(0)
# Queued audio is counted in units of which a byte has a whole number at every common sample rate: all are
# divisors of these three.
_UNITS_PER_SECOND: Final = 2 * math.lcm(32_000, 44_100, 48_000)

# The id of an item; a tuple with the id or the number of its response for audio without an item id.
_Key: TypeAlias = "str | tuple[str | int]"


@dataclass(frozen=True, slots=True)
class Interruption:
    """Result of an interruption. Every field is empty if nothing was queued.

    Send `truncate` unless it is None: no item was played in part then. Nothing was played of the
    items `unplayed_item_ids`; the model assumes that the user heard them, until they are
    deleted (conversation.item.delete). `Playback.take_unheard` returns more of them when their
    response is done. `discarded_bytes` and `discarded_ms` are the audio that
    must not be played any more. `marks` are the carrier's pending marks: ignore them when the
    carrier returns them for the audio that it cleared.
    """

    truncate: ConversationItemTruncate | None = None
    unplayed_item_ids: tuple[str, ...] = ()
    discarded_bytes: int = 0
    discarded_ms: float = 0.0
    marks: tuple[str, ...] = ()


@dataclass(slots=True)
class _Message:
    """A message of the assistant of which no audio has arrived."""

    response_id: str | None = None
    is_stored: bool = False  # in the conversation, so that it can be deleted
    is_interrupted: bool = False  # by the server


# --- The queue -----------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _AudioPart:
    """The audio of one content part in bytes: received, played, and dropped by an interruption."""

    key: _Key
    content_index: int
    response_id: str | None
    format: AudioFormat
    units_per_byte: int | Fraction
    received: int = 0
    played: int = 0
    dropped: int = 0
    is_done: bool = False

    @property
    def item_id(self) -> str | None:
        """The id of the item; None if the server sent none."""
        return self.key if isinstance(self.key, str) else None

    @property
    def queued(self) -> int:
        """The bytes that are queued."""
        return self.received - self.played - self.dropped

    @property
    def played_ms(self) -> int:
        """Milliseconds played, rounded down: the greatest value that a truncate may state."""
        return self.played // self.format.sample_width * 1000 // self.format.sample_rate


@dataclass(slots=True, eq=False)
class _Span:
    """Queued audio of one part, followed by a mark if it has a name.

    `nbytes` is an upper limit: audio that is taken back from a part is only subtracted from what
    the part has queued, and its last spans then have less than they say.
    """

    part: _AudioPart
    nbytes: int
    mark: str | None = None


class _Queue:
    """The audio that was received and not played, in order, and the marks in it.

    The work of every operation is O(1), amortised over the spans that it removes.
    """

    def __init__(self) -> None:
        self._spans: deque[_Span] = deque()
        self._marks: dict[str, int] = {}  # how often each name is in the queue
        self._carry = _NO_TIME  # seconds reported as played, less than a sample
        self._units: int | Fraction = 0

    def __bool__(self) -> bool:
        return bool(self._spans)

    @property
    def has_audio(self) -> bool:
        return self._units > 0

    @property
    def ms(self) -> float:
        """Milliseconds of queued audio."""
        return float(self._units * 1000 / _UNITS_PER_SECOND)

    @property
    def sample_rate(self) -> int:
        """The sample rate in Hz at the head of the queue, which must not be empty."""
        return self._spans[0].part.format.sample_rate

    @property
    def parts(self) -> Iterator[_AudioPart]:
        """The parts with queued audio, in order. A part may be repeated."""
        return (span.part for span in self._spans if span.nbytes and span.part.queued)

    def add(self, part: _AudioPart, nbytes: int) -> None:
        """Append `nbytes` of a part."""
        part.received += nbytes
        self._units += nbytes * part.units_per_byte
        if self._spans:
            last = self._spans[-1]
            if last.part is part and last.mark is None:
                last.nbytes += nbytes
                return
        if nbytes:
            self._spans.append(_Span(part, nbytes))
            if len(self._spans) > _MAX_SPANS:
                self._play_span()

    def add_mark(self, name: str, latest: _AudioPart | None) -> None:
        """Append a mark. If the queue is empty, it marks the end of `latest`."""
        if self._spans and self._spans[-1].mark is None:
            self._spans[-1].mark = name
        elif latest is not None:
            self._spans.append(_Span(latest, 0, name))
        else:
            return
        self._marks[name] = self._marks.get(name, 0) + 1
        if len(self._spans) > _MAX_SPANS:
            self._play_span()

    def clear(self) -> tuple[str, ...]:
        """Drop everything that is queued. Returns the names of the marks, in order."""
        for part in self.parts:
            part.dropped += part.queued
        marks = tuple(span.mark for span in self._spans if span.mark is not None)
        self._spans.clear()
        self._marks.clear()
        self._units, self._carry = 0, _NO_TIME
        return marks

    def play_to_mark(self, name: str) -> int:
        """Play everything before the first mark of this name. Returns the bytes played."""
        if name not in self._marks:
            return 0
        total, self._carry = 0, _NO_TIME
        while True:
            is_last = self._spans[0].mark == name
            total += self._play_span()
            if is_last:
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
        self._carry = _NO_TIME
        return total

    def play_bytes(self, nbytes: int) -> int:
        """Play up to `nbytes`. Returns the bytes played."""
        self._carry = _NO_TIME
        return self._play(nbytes, None)

    def take_back(self, part: _AudioPart, nbytes: int) -> None:
        """Remove up to `nbytes` of a part's queued audio, last bytes first. Marks stay in place."""
        taken = min(nbytes, part.queued)
        part.received -= taken
        self._units -= taken * part.units_per_byte

    def _play(self, nbytes: int, format: AudioFormat | None) -> int:
        """Play up to `nbytes`, stopping at a part whose format is not `format`."""
        left = nbytes
        while left and self._spans:
            span = self._spans[0]
            part = span.part
            if format is not None and part.format is not format:
                break
            taken = part.received - part.played - part.dropped
            if span.nbytes < taken:
                taken = span.nbytes
            if taken > left:
                taken = left
                span.nbytes -= left
            else:
                self._spans.popleft()
                if span.mark is not None:
                    self._forget_mark(span.mark)
            part.played += taken
            left -= taken
            self._units -= taken * part.units_per_byte
        return nbytes - left

    def _play_span(self) -> int:
        """Play the first span to its end, past its mark. Returns the bytes played."""
        span = self._spans.popleft()
        taken = min(span.nbytes, span.part.queued)
        if span.mark is not None:
            self._forget_mark(span.mark)
        span.part.played += taken
        self._units -= taken * span.part.units_per_byte
        return taken

    def _forget_mark(self, name: str) -> None:
        left = self._marks.pop(name) - 1
        if left:
            self._marks[name] = left


# --- Playback ------------------------------------------------------------------------


class Playback:
    """Follows one loudspeaker: the audio queued for it, the audio it played, and interruptions.

    `format` is the session's output format, by default that of `provider` (a name or value, whose
    spellings of formats are used), or 24 kHz PCM. A session.created or session.updated given to `feed`
    changes it for the parts that begin afterwards: each part is measured in the format in which
    it began. Audio without an item id counts as one item of its response, which cannot be truncated:
    an interruption drops it and what still arrives of that response. The work for an event or a report does not depend on the length of the queue,
    except for an interruption, which empties it. After 16,384 marks or parts that were neither
    played nor interrupted, the oldest count as played.

    Raises:
        ConfigError: `format` is not a format of this wire, or `provider` is not known.
        TypeError: `format` is not a str, a mapping or an object with a `type`.
    """

    def __init__(
        self, format: AudioFormatLike | None = None, *, provider: ProviderLike | None = None
    ) -> None:
        self._provider = None if provider is None else get_provider(provider)
        if format is not None:
            self._format = AudioFormat.of(format)
        else:
            default = AudioFormat.PCM16 if self._provider is None else self._provider.default_format("output")
            self._format = default
        self._queue = _Queue()
        self._items: dict[_Key, dict[int, _AudioPart]] = {}  # the parts by item and content_index
        self._by_age: deque[_AudioPart] = deque()  # oldest first
        self._interrupted: BoundedDict[_Key, None] = BoundedDict(_MAX_REMEMBERED)  # items and responses
        self._response = 0  # the number of the current response: 0 before the first response.created
        self._in_progress: BoundedDict[str, None] = BoundedDict(_MAX_IN_PROGRESS)  # ids of responses
        self._silent: BoundedDict[Any, _Message] = BoundedDict(_MAX_REMEMBERED)  # by item
        # Responses with audio that names none of their messages.
        self._unattributed: BoundedDict[str, None] = BoundedDict(_MAX_IN_PROGRESS)
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
        key = item_id or self._key_without_id(response_id)
        if self._interrupted and (key in self._interrupted or response_id in self._interrupted):
            return 0
        part = self._latest
        if part is None or part.key != key or part.content_index != content_index:
            part = self._latest = self._part(key, content_index, response_id)
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
        amount = nbytes if nbytes is not None else ms if ms is not None else samples
        if amount is None or (samples, ms, nbytes).count(None) != 2:
            raise TypeError("expected one of samples, ms and nbytes")
        if not 0 <= amount < math.inf:
            raise AudioError(f"the amount played must be finite and not negative, got {amount}")
        if sample_rate is not None and not 0 < sample_rate < math.inf:
            raise AudioError(f"sample_rate must be positive and finite, got {sample_rate}")
        if not self._queue:
            return 0
        if nbytes is not None:
            return self._queue.play_bytes(nbytes)
        per_second = 1000 if ms is not None else sample_rate or self._queue.sample_rate
        return self._queue.play_seconds(Fraction(amount) / Fraction(per_second))

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

        Empties the queue; `feed` drops what still arrives of the interrupted items and of the responses
        in progress. An item that was played to its end needs no truncate, unless more of it was to come.
        """
        parts = dict.fromkeys(self._queue.parts)
        discarded_bytes, discarded_ms = sum(part.queued for part in parts), self._queue.ms
        latest, self._latest = self._latest, None
        if latest is not None and not latest.is_done:
            parts[latest] = None  # if all of it was played, more was to come
        marks = self._queue.clear()
        for part in parts:
            self._interrupt_part(part)
        unplayed = tuple(
            item_id
            for item_id in dict.fromkeys(part.item_id for part in parts)
            if item_id is not None and not any(part.played_ms for part in self._items[item_id].values())
        )
        for response_id in self._in_progress:
            self._interrupted[response_id] = None
        unplayed += self.take_unheard()
        first = next(iter(parts), None)
        truncate = None if first is None else _truncate(first)
        return Interruption(truncate, unplayed, discarded_bytes, discarded_ms, marks)

    def take_unheard(self) -> tuple[str, ...]:
        """Return the items to delete because the user heard nothing of them, each once. Ask after response.done.

        They are messages of interrupted responses that are done, and none of their audio arrived in time.
        An item counts only once the server has announced it as part of the conversation, and if the
        server names the items to which audio belongs.
        """
        unheard = tuple(
            item_id
            for item_id, message in self._silent.items()
            if message.is_stored
            and (message.is_interrupted or message.response_id in self._interrupted)
            and message.response_id not in self._in_progress
            and message.response_id not in self._unattributed
        )
        for item_id in unheard:
            del self._silent[item_id]
        return unheard

    def is_late(self, item_id: str, response_id: str | None = None) -> bool:
        """Return True if audio of this item must be dropped, because it or its response was interrupted."""
        key = item_id or self._key_without_id(response_id)
        return key in self._interrupted or response_id in self._interrupted

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
        return self._queue.has_audio

    @property
    def current_item_id(self) -> str | None:
        """The id of the item at the playhead, or None if nothing is queued or the server sent no id."""
        part = next(self._queue.parts, None)
        return None if part is None else part.item_id

    @property
    def position(self) -> tuple[str, int, int] | None:
        """The item at the playhead, the index of its part, and the milliseconds of it that were played.

        None if nothing is queued and no more is to come, or if the server sent no id: an interruption would
        truncate nothing. Reading it changes nothing.
        """
        part = next(self._queue.parts, None)
        if part is None and self._latest is not None and not self._latest.is_done:
            part = self._latest
        if part is None or part.item_id is None:
            return None
        return part.item_id, part.content_index, part.played_ms

    def played_ms(self, item_id: str, content_index: int = 0) -> int:
        """Return the milliseconds played of a part, rounded down. 0 if it is not known, or not any more."""
        part = self._items.get(item_id, _NO_PARTS).get(content_index)
        return part.played_ms if part else 0

    def received_bytes(self, item_id: str, content_index: int = 0) -> int:
        """Return the bytes received of a part. 0 if it is not known, or not any more."""
        part = self._items.get(item_id, _NO_PARTS).get(content_index)
        return part.received if part else 0

    # --- Parts ---

    def _key_without_id(self, response_id: str | None) -> _Key:
        """Return the key of audio without an item id: its response, or the current one."""
        return (response_id or self._response,)

    def _part(self, key: _Key, content_index: int, response_id: str | None) -> _AudioPart:
        of_item = self._items.get(key)
        if of_item is None:
            of_item = self._items[key] = {}
            if self._silent.pop(key, None) is None and response_id:
                self._unattributed[response_id] = None
        part = of_item.get(content_index)
        if part is None:
            units: int | Fraction
            units, rest = divmod(_UNITS_PER_SECOND, self._format.bytes_per_second)
            if rest:
                units = Fraction(_UNITS_PER_SECOND, self._format.bytes_per_second)
            part = _AudioPart(key, content_index, response_id or None, self._format, units)
            of_item[content_index] = part
            self._by_age.append(part)
            if len(self._by_age) > _MAX_REMEMBERED:
                self._forget_oldest()
        return part

    def _forget_oldest(self) -> None:
        """Forget two of the oldest parts. Those with queued audio become the newest instead.

        Two, so that parts which are kept today are forgotten soon after they were played.
        """
        for _ in range(2):
            part = self._by_age.popleft()
            if part.received - part.played - part.dropped or part is self._latest:
                self._by_age.append(part)
            elif len(self._items[part.key]) == 1:
                del self._items[part.key]
            else:
                del self._items[part.key][part.content_index]

    def _interrupt_part(self, part: _AudioPart) -> None:
        """Treat what still arrives of this part's item and response as late."""
        part.is_done = True
        if part.key == _NO_RESPONSE:
            return  # nothing would tell when the next response begins
        self._interrupted[part.key] = None
        if part.response_id is not None:
            self._interrupted[part.response_id] = None

    # --- Handlers ---

    def _on_delta(self, event: Any) -> int:
        return self.received(
            event.item_id, len(event.delta or b""), event.content_index or 0, response_id=event.response_id
        )

    def _on_audio_done(self, event: Any) -> None:
        key = event.item_id or self._key_without_id(event.response_id)
        part = self._items.get(key, _NO_PARTS).get(event.content_index or 0)
        if part is not None:
            part.is_done = True

    def _on_response_created(self, event: Any) -> None:
        self._response += 1
        response_id = get_field(event.response, "id")
        if response_id:
            self._in_progress[response_id] = None

    def _on_output_item(self, event: Any) -> None:
        self._note_message(event.item, event.response_id)

    def _on_item_stored(self, event: Any) -> None:
        message = self._note_message(event.item)
        if message is not None:
            message.is_stored = True

    def _note_message(self, item: Any, response_id: str | None = None) -> _Message | None:
        """Return what is known of a message of the assistant without audio; None for other items."""
        item_id = get_field(item, "id")
        is_message = get_field(item, "type") == "message" and get_field(item, "role") == "assistant"
        if not item_id or not is_message or item_id in self._items:
            return None
        message = self._silent.get(item_id)
        if message is None:
            message = self._silent[item_id] = _Message()
        message.response_id = response_id or message.response_id
        return message

    def _on_response_done(self, event: Any) -> None:
        # Of other parts than the latest nothing depends on it.
        latest, response_id = self._latest, get_field(event.response, "id") or None
        if latest is not None and (latest.response_id == response_id or latest.key == (self._response,)):
            latest.is_done = True
        if response_id is None:
            return
        self._in_progress.pop(response_id, None)
        reason = get_field(get_field(event.response, "status_details"), "reason")
        for item in get_field(event.response, "output") or ():
            message = self._silent.get(get_field(item, "id"))
            if message is not None:
                message.response_id, message.is_interrupted = response_id, reason == "turn_detected"

    def _on_truncated(self, event: Any) -> None:
        # Unless it answers our own truncate, another client truncated the item: drop what is queued beyond.
        part = self._items.get(event.item_id, _NO_PARTS).get(event.content_index or 0)
        if part is None or event.item_id in self._interrupted:
            return
        self._interrupt_part(part)
        end = (event.audio_end_ms or 0) * part.format.sample_rate // 1000 * part.format.sample_width
        self._queue.take_back(part, max(part.received - end, 0))

    def _on_deleted(self, event: Any) -> None:
        self._silent.pop(event.item_id, None)
        for part in self._items.get(event.item_id, _NO_PARTS).values():
            self._interrupt_part(part)
            self._queue.take_back(part, part.received)

    def _on_session(self, event: Any) -> None:
        self._format = stated_format(event.session, "output", self._provider) or self._format


_NO_PARTS: Final[dict[int, _AudioPart]] = {}
# The key of audio with neither an item nor a response, before any response was announced.
_NO_RESPONSE: Final = (0,)


def _truncate(part: _AudioPart) -> ConversationItemTruncate | None:
    """Return the truncate that reports what was played of a part; None if that is nothing, or its item unknown."""
    if part.item_id is None or not part.played_ms:
        return None
    return ConversationItemTruncate(
        item_id=part.item_id, content_index=part.content_index, audio_end_ms=part.played_ms
    )


# By wire type, of GA and of beta.
_BY_TYPE: Final[dict[str, Callable[[Playback, Any], int | None]]] = {
    "response.output_audio.delta": Playback._on_delta,
    "response.audio.delta": Playback._on_delta,
    "response.output_audio.done": Playback._on_audio_done,
    "response.audio.done": Playback._on_audio_done,
    "response.created": Playback._on_response_created,
    "response.output_item.added": Playback._on_output_item,
    "response.done": Playback._on_response_done,
    "conversation.item.added": Playback._on_item_stored,
    "conversation.item.created": Playback._on_item_stored,
    "conversation.item.truncated": Playback._on_truncated,
    "conversation.item.deleted": Playback._on_deleted,
    "session.created": Playback._on_session,
    "session.updated": Playback._on_session,
}
# By class, filled from `_BY_TYPE` as classes are met.
_HANDLERS: dict[type, Callable[[Playback, Any], int | None] | None] = {}
