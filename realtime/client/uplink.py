"""The user's audio that the server has not committed: waiting to be sent, or sent and perhaps to be sent again.

Positions are bytes in the session's input format since the session began. `restart` begins a new
session: everything that was not committed waits again, in the new session's format.
"""

from __future__ import annotations

from collections import deque
from typing import Final

from ..audio import Converter, convert
from ..errors import AudioError
from ..format import AudioFormat
from .restore import UserAudio

# One append: a second of PCM16. Smaller frames let other events pass between them.
MAX_APPEND_BYTES: Final = 48_000
_MAX_MS: Final = 10**9


class Uplink:
    """Audio of the user, bounded.

    At most `max_ms` are retained. While turn detection reports no speech, the last `quiet_ms` of what was sent are
    retained, and up to a 16th more.

    Attributes:
        format: the session's input format.
        lost_nbytes: audio that was never sent, because there was too much of it.
        origin_ms: the position in all of the user's audio at which the session began.
        resent_ms: the audio that was sent in the session before, and is sent again in this one.
        has_detection: True if the server detects turns.
        is_speaking: True while the server hears speech, whose audio is needed from its beginning.
    """

    def __init__(self, format: AudioFormat, *, max_ms: float, quiet_ms: float) -> None:
        self._max_ms, self._quiet_ms = max_ms, quiet_ms
        self._set_format(format)
        self.has_detection = self.is_speaking = False
        self.lost_nbytes = 0
        self.origin_ms = self.resent_ms = 0.0
        self._audio = bytearray()
        self._start = self._sent = 0
        self._base_ms = 0.0  # the server's position of byte 0
        self._commits: deque[tuple[int, str]] = deque()  # position, event_id
        self._converter = Converter(format, format)

    @property
    def unsent(self) -> int:
        """The bytes that wait to be sent."""
        return self.end - self._sent

    @property
    def sent(self) -> int:
        """The position after the last byte that was sent."""
        return self._sent

    @property
    def end(self) -> int:
        """The position after the last byte."""
        return self._start + len(self._audio)

    @property
    def pending_ms(self) -> float:
        """Milliseconds of audio that are not committed."""
        return len(self._audio) * 1000 / self.format.bytes_per_second

    @property
    def commits(self) -> tuple[tuple[int, str], ...]:
        """The positions and ids of the commits that were requested and not answered, in order."""
        return (*self._commits,)

    # --- The user's side ---

    def append(self, audio: object, format: AudioFormat | None) -> None:
        """Add audio in `format`, split anywhere; None is the session's own format.

        Raises:
            AudioError: there is no conversion between the formats.
            TypeError: `audio` is no buffer of samples.
        """
        self._add(self._converted(audio, format))

    def pass_on(self, audio: object, format: AudioFormat | None) -> list[bytes]:
        """Add audio, as `append` does, and return all audio to send now, as `unsent_parts` does."""
        converted = self._converted(audio, format)
        is_next = self._sent == self._start + len(self._audio) and 0 < len(converted) <= MAX_APPEND_BYTES
        self._audio += converted
        if is_next:
            self._sent += len(converted)
        if len(self._audio) > self._limit_nbytes:
            self._limit()
        return [converted] if is_next else self.unsent_parts()

    def flush(self) -> None:
        """Add what the conversion withholds, at the end of a turn."""
        self._add(self._rest())

    def commit(self, event_id: str) -> None:
        """Note that everything so far is to be committed by the event `event_id`."""
        self._commits.append((self.end, event_id))

    def clear(self) -> None:
        """Drop everything: the server's buffer is cleared."""
        self._converter.reset()
        self._start = self._sent = self.end
        self._audio.clear()
        self._commits.clear()

    def unsent_parts(self, end: int | None = None) -> list[bytes]:
        """Return the audio to send now, up to the position `end`, in pieces. It counts as sent."""
        audio, start, sent = self._audio, self._start, self._sent
        last = start + len(audio)
        end = last if end is None else min(end, last)
        size = MAX_APPEND_BYTES - MAX_APPEND_BYTES % self.format.sample_width
        parts = [bytes(audio[at - start : min(at + size, end) - start]) for at in range(sent, end, size)]
        if parts:
            self._sent = end
            self._limit()
        return parts

    def _converted(self, audio: object, format: AudioFormat | None) -> bytes:
        src, converter = format or self.format, self._converter
        # Identity first: mostly, the formats are the same objects.
        is_other = converter.src is not src and converter.src != src
        if is_other or (converter.dst is not self.format and converter.dst != self.format):
            self._add(self._rest())
            self._converter = converter = Converter(src, self.format)
        return converter.process(audio)  # type: ignore[arg-type]

    def _rest(self) -> bytes:
        try:
            return self._converter.flush()
        except AudioError:  # ended within a sample
            self._converter.reset()
            return b""

    def _add(self, audio: bytes) -> None:
        self._audio += audio
        self._limit()

    def _set_format(self, format: AudioFormat) -> None:
        self.format = format
        self._max_nbytes = int(self._max_ms * format.bytes_per_second / 1000)
        self._quiet_nbytes = int(self._quiet_ms * format.bytes_per_second / 1000)
        self._limit_nbytes = min(self._max_nbytes, self._quiet_nbytes * 17 // 16)

    def _limit(self) -> None:
        nbytes = len(self._audio)
        if nbytes <= self._limit_nbytes:
            return
        excess = nbytes - self._max_nbytes
        if self.has_detection and not self.is_speaking and not self._commits:
            excess = max(excess, min(self._sent - self._start, nbytes) - self._quiet_nbytes)
        if excess > 0:
            excess += -excess % self.format.sample_width
            self._discard(self._start + excess)

    def _discard(self, before: int) -> None:
        nbytes = min(max(0, before - self._start), len(self._audio))
        del self._audio[:nbytes]
        self._start += nbytes
        if self._start > self._sent:
            self.lost_nbytes += self._start - self._sent
            self._sent = self._start

    # --- The server's side ---

    def position_of(self, audio_ms: float) -> int:
        """Return the position of the server's `audio_ms`, which may be any number."""
        ms = min(max(0.0, audio_ms - self._base_ms), _MAX_MS)
        return int(ms * self.format.sample_rate // 1000) * self.format.sample_width

    def slice(self, start: int, end: int) -> bytes:
        """Return the audio from `start` to `end`, as much of it as is retained."""
        return bytes(self._audio[max(0, start - self._start) : max(0, end - self._start)])

    def committed(self, end: int) -> None:
        """Note that the server has committed the audio up to a position. It is not sent again."""
        self._discard(min(end, self._sent))

    def rewind(self) -> None:
        """Send again everything that was not committed."""
        self._sent = self._start

    def next_commit(self) -> tuple[int, str] | None:
        """Return the position and the id of the oldest commit that is not answered."""
        return self._commits[0] if self._commits else None

    def drop_commit(self, event_id: str | None = None) -> None:
        """Forget a commit that was answered; the oldest by default."""
        if event_id is None:
            if self._commits:
                self._commits.popleft()
        else:
            self._commits = deque(commit for commit in self._commits if commit[1] != event_id)

    # --- Sessions ---

    def change_format(self, format: AudioFormat) -> None:
        """Continue in another format, in the same session."""
        if format != self.format:
            at_ms = self._base_ms + self._start * 1000 / self.format.bytes_per_second
            sent, unsent = self.slice(self._start, self._sent), self.slice(self._sent, self.end)
            sent = convert(sent, self.format, format)
            self._rebase(bytearray(sent + convert(unsent, self.format, format)), format)
            self._sent, self._base_ms = len(sent), at_ms

    def restart(self, format: AudioFormat) -> None:
        """Begin a new session."""
        self.resent_ms = (self._sent - self._start) * 1000 / self.format.bytes_per_second
        self.origin_ms += self._base_ms + self._start * 1000 / self.format.bytes_per_second
        audio = convert(bytes(self._audio), self.format, format) if format != self.format else self._audio
        self._rebase(bytearray(audio), format)
        self._sent, self._base_ms, self.is_speaking = 0, 0.0, False

    def _rebase(self, audio: bytearray, format: AudioFormat) -> None:
        ratio = format.bytes_per_second / self.format.bytes_per_second
        width = format.sample_width
        self._commits = deque(
            (min(int((end - self._start) * ratio) // width * width, len(audio)), event_id)
            for end, event_id in self._commits
        )
        self._audio, self._start = audio, 0
        self._set_format(format)


class TurnAudio:
    """The audio of the user's messages by item, at most `max_nbytes`: the oldest is forgotten."""

    def __init__(self, max_nbytes: int) -> None:
        self._max_nbytes = max_nbytes
        self.by_item: dict[str, UserAudio] = {}
        self.nbytes = 0

    def store(self, item_id: str, audio: bytes, format: AudioFormat) -> None:
        """Store the audio of an item."""
        self.discard(item_id)
        if audio:
            self.by_item[item_id] = UserAudio(audio, format)
            self.nbytes += len(audio)
        while self.nbytes > self._max_nbytes:
            self.discard(next(iter(self.by_item)))

    def discard(self, item_id: str) -> None:
        """Forget the audio of an item, which has a transcript, or was deleted."""
        found = self.by_item.pop(item_id, None)
        self.nbytes -= 0 if found is None else len(found.audio)
