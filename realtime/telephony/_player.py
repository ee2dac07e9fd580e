"""DownlinkPlayer: plays the session's audio to the caller, with marks, until a barge-in stops it.

Audio deltas become media frames (`_paths.Downlink`) with a mark about every 200 ms; what the carrier cannot
queue is retained (`_queue.CarrierQueue`). `Playback` counts the bytes queued and, by the marks that the
carrier returns, the bytes played. Until the carrier's stream is known, deltas wait here. `bridge` feeds it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, structs

from .._base64 import decoded_nbytes
from .._bounded import BoundedDict
from ..errors import DecodeError
from ..format import AudioFormat
from ..state import Interruption, Playback
from ._paths import Downlink
from ._queue import CallerClock, CarrierQueue
from .splice import AudioDelta

if TYPE_CHECKING:
    from .carrier import Carrier
    from .media import MediaFormat

# The audio between two marks. A truncate is exact to this, and to the carrier's delay.
MARK_MS: Final = 200
# The most audio that waits for the carrier's stream.
MAX_EARLY_BYTES: Final = 8 * 1024 * 1024
# Added to each waiting event for its objects.
_OVERHEAD_BYTES: Final = 512
_MAX_RESPONSES: Final = 64
# Servers number an item's parts from 0 and send a few.
_MAX_CONTENT_INDEX: Final = 1 << 16
# The prefix of the ids of items that the server did not name; nothing is sent about them.
_UNNAMED: Final = "\0"
# The prefix of the names that Playback gives to marks.
_OWN_MARK: Final = "mark_"


class AudioDropped(Struct, frozen=True, gc=False):
    """Audio of the session that will not be played, because too much of it waits for the carrier.

    `duration_ms` is the end of one delta of this content part. The part's later deltas are dropped too.
    """

    item_id: str
    content_index: int
    duration_ms: float


class DownlinkPlayer:
    """Player of the session's audio to the caller.

    `session` is the format of the next part of an item, which `begin` sets. `dropped` counts the deltas
    that arrived after an interruption, or did not fit; `reports` has an event for each of the latter,
    until `Bridge` takes them. `silent_dropped` counts those that only Live drops.

    Raises:
        AudioError: the session's format cannot be converted to `media`.
    """

    def __init__(
        self, carrier: Carrier, media: MediaFormat, session: AudioFormat, clock: CallerClock
    ) -> None:
        self.downlink = Downlink(carrier, media, session)
        self.queue = CarrierQueue(carrier, clock, media)
        self.playback = Playback(session)
        self.session = session
        self.dropped = 0
        self.silent_dropped = 0
        self.reports: list[AudioDropped | Interruption] = []
        self._carrier = carrier
        self._clock = clock
        self._stream_id: str | None = None
        # Audio deltas and the ends of their parts, until the stream is known.
        self._early: list[tuple[Any, bytes | None]] = []
        self._early_bytes = 0
        # The part that is being sent, and its response.
        self._part: tuple[str, int] | None = None
        self._response_id: str | None = None
        self._mark_bytes = 0
        self._unmarked_bytes = 0
        # Parts of which audio was dropped.
        self._overflowed: BoundedDict[tuple[str, int], None] = BoundedDict(_MAX_RESPONSES)
        # The id of the response in progress, of our own if the server did not name it.
        self._current = _UNNAMED
        self._unnamed = 0
        # Responses in progress, True if they were interrupted.
        self._responses: BoundedDict[str, bool] = BoundedDict(_MAX_RESPONSES)
        # Responses outside of the conversation, and their items.
        self._outside: BoundedDict[str, None] = BoundedDict(_MAX_RESPONSES)

    def open(self, stream_id: str, media: MediaFormat, session: AudioFormat) -> None:
        """Set the carrier's stream.

        Raises:
            AudioError: the session's format cannot be converted to `media`. Nothing has changed.
        """
        self.downlink.open(stream_id, media, session)
        self.queue.open(media)
        self._stream_id = stream_id
        self.begin(session)

    def begin(self, session: AudioFormat) -> None:
        """Set the format of the next part of an item."""
        self.session = self.playback.audio_format = session

    def take_early(self) -> list[str | bytes]:
        """Return the frames of the audio that waited for `open`."""
        early, self._early, self._early_bytes = self._early, [], 0
        overflowed = [*self._overflowed]
        self._overflowed.clear()  # what was stored of these parts is played
        frames = [frame for event, base64 in early for frame in self._play(event, base64)]
        if self._part in overflowed:
            frames += self._end_part()
        for part in overflowed:
            self._overflowed[part] = None
        return frames

    # --- Events of the server ---

    def on_delta(self, event: Any, base64: bytes | None = None) -> list[str | bytes]:
        """Return the frames of an audio delta. Its audio is `base64` if it was cut out of the event."""
        if not 0 <= (event.content_index or 0) < _MAX_CONTENT_INDEX:
            raise DecodeError("no such content part", event_type=event.type, path="$.content_index")
        if not event.item_id:
            event = self._identified(event)
        if self._responses.get(event.response_id) or self.playback.is_late(event.item_id, event.response_id):
            self.dropped += 1
            return []
        return self._play_or_store(event, base64)

    def on_part_done(self, event: Any) -> list[str | bytes]:
        """Return the frames that end a part."""
        return self._play_or_store(event if event.item_id else self._identified(event), None)

    def on_response_created(self, event: Any, *, is_outside: bool) -> None:
        """Store the response, so that it can be interrupted before its first audio.

        Nothing is sent about the items of one that is outside of the conversation.
        """
        self._current = event.response.id or self._new_id()
        self._responses[self._current] = False
        if is_outside:
            self._outside[self._current] = None
        self.playback.feed(event)

    def on_response_done(self, event: Any) -> list[str | bytes]:
        """Return the frames that end the response's last part if the server did not end it."""
        response_id = event.response.id or self._current
        self._responses.pop(response_id, None)
        frames = self._end_part() if response_id == self._response_id else []
        if response_id == self._current:
            self._current = self._new_id()
        self.playback.feed(event)
        return frames

    def _new_id(self) -> str:
        """Return an id for a response that the server does not name."""
        self._unnamed += 1
        return f"{_UNNAMED}{self._unnamed}"

    def _identified(self, event: Any) -> Any:
        """Return an event without an item id with one, of the response that it belongs to."""
        response_id = event.response_id or self._current
        return structs.replace(event, item_id=_UNNAMED + response_id, response_id=response_id)

    def interrupt(self) -> tuple[list[str | bytes], Interruption]:
        """Return the frames that stop the carrier's playback, and the interruption."""
        for event, base64 in self._early:
            if isinstance(event, AudioDelta):
                nbytes, index = _nbytes(event, base64), event.content_index or 0
                self._note_item(event)
                self.playback.received(event.item_id, nbytes, index, response_id=event.response_id)
        self._early, self._early_bytes = [], 0
        self.settle()
        interruption = self._about_conversation(self.playback.interrupt())
        for response_id in [*self._responses]:
            self._responses[response_id] = True
        self.downlink.reset()
        self.queue.clear()
        self._part, self._unmarked_bytes = None, 0
        if self._stream_id is None or not (interruption.discarded_bytes or interruption.marks):
            return [], interruption
        return [self._carrier.encode_clear(self._stream_id).decode()], interruption

    def _about_conversation(self, interruption: Interruption) -> Interruption:
        """Return `interruption` without the items that the server did not name, or that are not in the conversation."""
        truncate = interruption.truncate
        if truncate is not None and not self._is_in_conversation(truncate.item_id):
            truncate = None
        unplayed = tuple(filter(self._is_in_conversation, interruption.unplayed_item_ids))
        return dataclasses.replace(interruption, truncate=truncate, unplayed_item_ids=unplayed)

    def _note_item(self, event: AudioDelta) -> None:
        if event.response_id in self._outside:
            self._outside[event.item_id] = None

    def _is_in_conversation(self, item_id: str) -> bool:
        return not item_id.startswith(_UNNAMED) and item_id not in self._outside

    # --- Messages of the carrier ---

    def on_mark(self, name: str) -> bool:
        """Note a mark that the carrier returned.

        Returns False for a mark of ours that is not pending: its audio was cleared, or it was
        returned before. Marks of the user are always True.
        """
        is_pending = self.queue.is_pending(name)
        if not is_pending and not name.startswith(_OWN_MARK):
            return True
        self.queue.acknowledge(name)
        if is_pending:
            self.playback.acknowledge_mark(name)
        return is_pending

    def settle(self) -> None:
        """Move the playhead past the marks that the carrier should have returned and did not."""
        for name in self.queue.expire():
            self.playback.acknowledge_mark(name)

    def release(self) -> list[str | bytes]:
        """Return the retained frames that the carrier can queue now."""
        self.settle()
        return self.queue.release()

    def close(self) -> None:
        """Drop the retained frames: the call has ended."""
        self.queue.clear()

    # --- Playing ---

    def _play_or_store(self, event: Any, base64: bytes | None) -> list[str | bytes]:
        if self._stream_id is not None:
            return self._play(event, base64)
        nbytes = len(getattr(event, "delta", b"") if base64 is None else base64) + _OVERHEAD_BYTES
        part = event.item_id, event.content_index or 0
        if self._early_bytes + nbytes > MAX_EARLY_BYTES or part in self._overflowed:
            if isinstance(event, AudioDelta):
                self._drop(part, _nbytes(event, base64), self.session)
        else:
            self._early.append((event, base64))
            self._early_bytes += nbytes
        return []

    def _drop(self, part: tuple[str, int], nbytes: int, format: AudioFormat) -> None:
        """Drop the end of a delta. Later deltas of its part are dropped too, or positions would be wrong."""
        self.dropped += 1
        self._overflowed[part] = None
        self.reports.append(AudioDropped(*part, nbytes * 1000 / format.bytes_per_second))

    def _play(self, event: Any, base64: bytes | None) -> list[str | bytes]:
        part = event.item_id, event.content_index or 0
        if isinstance(event, AudioDelta):
            return self._play_delta(event, part, base64)
        frames = self._end_part() if part == self._part else []
        self.playback.feed(event)
        return frames

    def _play_delta(
        self, event: AudioDelta, part: tuple[str, int], base64: bytes | None
    ) -> list[str | bytes]:
        frames: list[str | bytes] = []
        queue, played = self.queue, 0
        if part != self._part:
            if part in self._overflowed:
                self._drop(part, _nbytes(event, base64), self.session)
                return frames
            frames += self._end_part()
            self._part, self._response_id = part, event.response_id
            self._note_item(event)
            self.downlink.begin(self.session)
            # A multiple of six: base64 can be cut there, and so can 16-bit samples.
            self._mark_bytes = self.session.bytes_per_second * MARK_MS // 1000 // 6 * 6
        if base64 is None:
            pieces = _pieces(event.delta, self._mark_bytes)
        else:
            pieces = _pieces(base64, self._mark_bytes // 3 * 4)
        for piece in pieces:
            nbytes = len(piece) if base64 is None else decoded_nbytes(piece)
            if queue.retained and not queue.has_room(nbytes * 1000 / self.downlink.session.bytes_per_second):
                self._drop(part, _nbytes(event, base64) - played, self.downlink.session)
                return frames + self._end_part()
            played += nbytes
            self.playback.received(part[0], nbytes, part[1], response_id=event.response_id)
            frames += queue.push(
                *(self.downlink.encode(piece) if base64 is None else self.downlink.splice(piece, nbytes))
            )
            self._unmarked_bytes += nbytes
            if self._unmarked_bytes >= self._mark_bytes:
                frames += self._mark()
        return frames

    def _end_part(self) -> list[str | bytes]:
        flushed, nbytes = self.downlink.flush() if self._part is not None else ([], 0)
        self._part = None
        frames = self.queue.push(flushed, nbytes)
        if self._unmarked_bytes or flushed:
            frames += self._mark()
        return frames

    def _mark(self) -> list[str | bytes]:
        if self.queue.overdue_ms < self._clock.ms:
            self.settle()
        self._unmarked_bytes = 0
        name = self.playback.mark()
        return self.queue.push_mark(name, self._carrier.encode_mark(name, self._stream_id or "").decode())


def _nbytes(event: AudioDelta, base64: bytes | None) -> int:
    """Return the bytes of a delta's audio."""
    return len(event.delta) if base64 is None else decoded_nbytes(base64)


def _pieces(audio: bytes, size: int) -> Iterator[bytes]:
    """Yield `audio` in pieces of `size` bytes; the last has up to twice as many, so that none is shorter."""
    at = 0
    while len(audio) - at > 2 * size:
        yield audio[at : at + size]
        at += size
    if at < len(audio):
        yield audio[at:]
