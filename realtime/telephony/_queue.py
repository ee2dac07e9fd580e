"""CarrierQueue: the audio that a carrier has queued, and what is retained because its queue is full.

A carrier that is sent more than it queues drops the rest. Positions are bytes of audio in the carrier's format;
the time is that of the caller's audio (`CallerClock`), the only clock of a call. `_player` makes the frames;
`Carrier.QUEUE_MS` states how much each carrier queues.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .carrier import Carrier
    from .media import MediaFormat

# For carriers that document no limit: the smallest limit that one does (Vonage's 61 s), rounded down.
DEFAULT_QUEUE_MS: Final = 60_000
# This much less is sent, because the carrier may start to play later than it is assumed to; for a short queue
# a twentieth of it.
MARGIN_MS: Final = 1_000
# The audio that is retained, and its frames: 20 ms each, with some marks.
MAX_RETAINED_MS: Final = 30 * 60 * 1000
MAX_RETAINED_FRAMES: Final = 120_000
# Twilio's ten minutes with a mark every 200 ms, and the marks of a thousand short items.
MAX_PENDING_MARKS: Final = 4_096
# A mark that is this late is not returned any more.
OVERDUE_MS: Final = 2_000


class CallerClock:
    """Milliseconds of the caller's audio received so far. The caller is sent as much in the same time."""

    __slots__ = ("ms",)

    def __init__(self) -> None:
        self.ms = 0.0


class CarrierQueue:
    """Queue of the audio sent to a carrier and not yet played, and of the audio retained until it fits.

    The carrier's marks report what was played. Until the first one is returned, and while one is
    overdue, the carrier is assumed to play as long as the caller's audio lasts that arrives.
    `retained` has the frames that were not sent, each with its bytes of audio, or with its name if it
    is a mark.
    """

    def __init__(self, carrier: Carrier, clock: CallerClock, media: MediaFormat) -> None:
        self._carrier = carrier
        self._clock = clock
        self.retained: deque[tuple[str | bytes, int, str | None]] = deque()
        # Marks that were sent and not returned: the position, and the time when it should be reached.
        self._pending: dict[str, tuple[int, float]] = {}
        self._sent = 0
        self._uses_clock, self._grace_ms = True, OVERDUE_MS
        # No mark is overdue before this time.
        self.overdue_ms = 0.0
        self.open(media)

    def open(self, media: MediaFormat) -> None:
        """Set the format that the carrier plays. Nothing was sent yet."""
        queue_ms = self._carrier.QUEUE_MS or DEFAULT_QUEUE_MS
        self._bytes_per_ms = media.bytes_per_second / 1000
        self._max_bytes = int((queue_ms - min(MARGIN_MS, queue_ms // 20)) * self._bytes_per_ms)
        self._mark_bytes = int(self._carrier.QUEUE_MARK_MS * self._bytes_per_ms)
        self._max_retained = int(MAX_RETAINED_MS * self._bytes_per_ms)
        self.clear()

    def clear(self) -> None:
        """Forget everything: the carrier's queue is cleared, and what is retained is dropped."""
        self.retained.clear()
        self._pending.clear()
        self._retained_bytes = 0
        # The positions of what was played, and of the last mark in what was sent.
        self._played = self._marked = self._sent
        self._due = self._clock.ms  # the time when the last mark should be reached
        self._until = self._played + self._max_bytes

    # --- Sending ---

    def push(self, frames: list[str | bytes], nbytes: int) -> list[str | bytes]:
        """Add media frames of the same length, with `nbytes` of audio. Returns the frames to send now."""
        sent = self._sent + nbytes
        if sent <= self._until:
            self._sent = sent
            return frames
        is_first = not self.retained
        if frames:
            each = nbytes // len(frames)
            self.retained.extend([(frame, each, None) for frame in frames])
            self._retained_bytes += nbytes
        return self.release() if is_first else []

    def push_mark(self, name: str, frame: str) -> list[str | bytes]:
        """Add a mark. Returns the frames to send now."""
        if self._sent + self._mark_bytes > self._until or len(self._pending) >= MAX_PENDING_MARKS:
            is_first = not self.retained
            self.retained.append((frame, self._mark_bytes, name))
            return self.release() if is_first else []
        self._send_mark(name)
        return [frame]

    def has_room(self, ms: float) -> bool:
        """Return True if another `ms` of audio may be retained."""
        nbytes = self._retained_bytes + ms * self._bytes_per_ms
        return nbytes <= self._max_retained and len(self.retained) < MAX_RETAINED_FRAMES

    def release(self) -> list[str | bytes]:
        """Return the retained frames that fit the carrier's queue now."""
        frames: list[str | bytes] = []
        queued = self._queued_bytes()
        while self.retained:
            frame, nbytes, name = self.retained[0]
            # What is longer than the whole queue is sent when the queue is empty.
            if queued and queued + nbytes > self._max_bytes:
                break
            if name is not None:
                if len(self._pending) >= MAX_PENDING_MARKS:
                    break
                self._send_mark(name)
            else:
                self._sent += nbytes
                self._retained_bytes -= nbytes
            queued += nbytes
            frames.append(frame)
            self.retained.popleft()
        self._until = -1 if self.retained else self._played + self._max_bytes
        return frames

    def _send_mark(self, name: str) -> None:
        now, sent = self._clock.ms, self._sent
        if now < self._due:
            now = self._due
        self._due = due = now + (sent - self._marked) / self._bytes_per_ms
        self._sent = self._marked = sent = sent + self._mark_bytes
        self._pending[name] = sent, due

    def _queued_bytes(self) -> int:
        """Return the bytes that the carrier has queued, as far as its marks or the clock tell."""
        queued = self._sent - self._played
        if self._uses_clock:
            unplayed = int(max(self._due - self._clock.ms, 0) * self._bytes_per_ms)
            marks = len(self._pending) * self._mark_bytes
            queued = min(queued, unplayed + marks + self._sent - self._marked)
        return queued

    @property
    def backlog_ms(self) -> float:
        """Milliseconds of audio that are retained, or that the carrier has queued as far as is known."""
        return (self._queued_bytes() + self._retained_bytes) / self._bytes_per_ms

    # --- Playing ---

    def is_pending(self, name: str) -> bool:
        """Return True if this mark was sent and not returned."""
        return name in self._pending

    def acknowledge(self, name: str) -> None:
        """Note that the carrier returned a mark."""
        self._uses_clock, self._grace_ms = False, OVERDUE_MS
        self.overdue_ms = self._clock.ms + OVERDUE_MS
        entry = self._pending.pop(name, None)
        if entry is not None:
            self._play(entry[0])

    def expire(self) -> Iterator[str]:
        """Yield the marks that the carrier should have returned: the audio before them was played."""
        while self._pending:
            name, (position, due) = next(iter(self._pending.items()))
            if due + self._grace_ms > self._clock.ms:
                self.overdue_ms = due + self._grace_ms
                return
            del self._pending[name]
            if position > self._played:  # if not, a later mark was returned, and this one was lost
                self._uses_clock, self._grace_ms = True, 0
                self._play(position)
                yield name

    def _play(self, position: int) -> None:
        self._played = max(self._played, position)
        if not self.retained:
            self._until = self._played + self._max_bytes
