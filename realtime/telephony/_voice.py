"""What the caller hears of a session: deltas to media frames with marks between, and what a barge-in cuts.

`Playback` counts in the session's bytes what was queued and what the marks say was heard. Frames
are made by `_paths.Downlink`; until the carrier's stream is known, deltas wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from ..errors import DecodeError
from ..format import AudioFormat
from ..state.playback import Interruption, Playback
from ._base64 import nbytes_of
from ._paths import Downlink
from ._splice import AudioDelta

if TYPE_CHECKING:
    from .carrier import Carrier
    from .media import MediaFormat

# How much of an answer lies between two marks: a truncate is exact to this, and to the carrier's delay.
MARK_MS: Final = 200
# What the server says before the carrier's stream is known waits for it, no more than this.
MAX_EARLY_BYTES: Final = 8 * 1024 * 1024
_OVERHEAD_BYTES: Final = 512
_MAX_RESPONSES: Final = 64
# A part of an item is one of a few.
_MAX_CONTENT_INDEX: Final = 1 << 16
# The names that Playback gives to marks.
_OUR_MARK: Final = "mark_"


class Voice:
    """The session's audio on its way to the caller.

    `session` is the format in which the next part of an item comes; it may be set.

    Raises:
        AudioError: `media` cannot be made of that.
    """

    def __init__(self, carrier: Carrier, media: MediaFormat, session: AudioFormat) -> None:
        self.down = Downlink(carrier, media, session)
        self.playback = Playback(session)
        self.session = session
        self.dropped = 0
        self._carrier = carrier
        self._stream_id: str | None = None
        # Audio deltas, and what ends their parts, until the stream is known.
        self._early: list[tuple[Any, bytes | None]] = []
        self._early_bytes = 0
        # What is being said, and by which response.
        self._part: tuple[str, int] | None = None
        self._response_id: str | None = None
        self._mark_bytes = 0
        self._unmarked_bytes = 0
        # Those that the carrier has not returned.
        self._marks: dict[str, None] = {}
        # Responses under way, and whether they were interrupted.
        self._responses: dict[str, bool] = {}

    def open(self, stream_id: str, media: MediaFormat, session: AudioFormat) -> None:
        """The carrier's stream is known. Raises AudioError, and changes nothing, where `media` cannot be made."""
        self.down.open(stream_id, media, session)
        self._stream_id, self.session = stream_id, session
        self.playback.audio_format = session

    def early(self) -> list[str | bytes]:
        """The frames of what has waited for `open`."""
        early, self._early, self._early_bytes = self._early, [], 0
        return [frame for event, base64 in early for frame in self._output(event, base64)]

    # --- What the server sends ---

    def delta(self, event: Any, base64: bytes | None) -> list[str | bytes]:
        """The frames of a delta, whose audio is `base64` where it was cut out; marks after them."""
        if not 0 <= (event.content_index or 0) < _MAX_CONTENT_INDEX:
            raise DecodeError("there is no such part", event_type=event.type, path="$.content_index")
        if self._responses.get(event.response_id) or self.playback.is_late(event.item_id, event.response_id):
            self.dropped += 1
            return []
        return self._now_or_early(event, base64)

    def part_done(self, event: Any) -> list[str | bytes]:
        """The frames that end a part."""
        return self._now_or_early(event, None)

    def response_created(self, event: Any) -> list[str | bytes]:
        """No frames: what comes of it is late if it is interrupted before anything has come."""
        if event.response.id is not None:
            self._responses[event.response.id] = False
            if len(self._responses) > _MAX_RESPONSES:
                del self._responses[next(iter(self._responses))]
        return []

    def response_done(self, event: Any) -> list[str | bytes]:
        """The frames that end a part whose end was not told, as some servers do not."""
        self._responses.pop(event.response.id, None)
        frames = self._finish() if event.response.id == self._response_id else []
        self.playback.feed(event)
        return frames

    def interrupt(self) -> tuple[list[str | bytes], Interruption]:
        """The frames that stop what is being played, and what that leaves to be told to the server."""
        for event, base64 in self._early:
            if isinstance(event, AudioDelta):
                nbytes = len(event.delta) if base64 is None else nbytes_of(base64)
                index = event.content_index or 0
                self.playback.received(event.item_id, nbytes, index, response_id=event.response_id)
        self._early, self._early_bytes = [], 0
        cut = self.playback.interrupt()
        self._responses = dict.fromkeys(self._responses, True)
        self.down.reset()
        self._part, self._unmarked_bytes = None, 0
        self._marks.clear()
        if self._stream_id is None or not (cut.discarded_bytes or cut.marks):
            return [], cut
        return [self._carrier.encode_clear(self._stream_id).decode()], cut

    # --- What the carrier says ---

    def marked(self, name: str) -> bool:
        """Whether the mark says that something was heard: not one of what was cleared, nor one that came twice."""
        if name not in self._marks:
            return not name.startswith(_OUR_MARK)  # somebody else's
        del self._marks[name]
        self.playback.marked(name)
        return True

    # --- Inside ---

    def _now_or_early(self, event: Any, base64: bytes | None) -> list[str | bytes]:
        if self._stream_id is not None:
            return self._output(event, base64)
        held = len(getattr(event, "delta", b"") if base64 is None else base64) + _OVERHEAD_BYTES
        if self._early_bytes + held <= MAX_EARLY_BYTES:
            self._early.append((event, base64))
            self._early_bytes += held
        else:
            self.dropped += 1
        return []

    def _output(self, event: Any, base64: bytes | None) -> list[str | bytes]:
        part = event.item_id, event.content_index or 0
        if isinstance(event, AudioDelta):
            return self._speak(event, part, base64)
        frames = self._finish() if part == self._part else []
        self.playback.feed(event)
        return frames

    def _speak(self, event: AudioDelta, part: tuple[str, int], base64: bytes | None) -> list[str | bytes]:
        frames: list[str | bytes] = []
        if part != self._part:
            frames += self._finish()
            self._begin(part, event.response_id)
        if base64 is None:
            pieces = _pieces(event.delta, self._mark_bytes)
        else:
            pieces = _pieces(base64, self._mark_bytes // 3 * 4)
        for piece in pieces:
            nbytes = len(piece) if base64 is None else nbytes_of(piece)
            self.playback.received(part[0], nbytes, part[1], response_id=event.response_id)
            frames += self.down.encode(piece) if base64 is None else self.down.splice(piece)
            self._unmarked_bytes += nbytes
            if self._unmarked_bytes >= self._mark_bytes:
                frames.append(self._mark())
        return frames

    def _begin(self, part: tuple[str, int], response_id: str | None) -> None:
        self._part, self._response_id = part, response_id
        self.down.begin(self.session)
        # A multiple of six: base64 can be cut there, and 16-bit samples too.
        self._mark_bytes = self.session.chunk_bytes(MARK_MS) // 6 * 6

    def _finish(self) -> list[str | bytes]:
        """The end of the part: what is withheld of it, and a mark."""
        frames = self.down.flush() if self._part is not None else []
        self._part = None
        if self._unmarked_bytes or frames:
            frames.append(self._mark())
        return frames

    def _mark(self) -> str:
        self._unmarked_bytes = 0
        name = self.playback.mark()
        self._marks[name] = None
        return self._carrier.encode_mark(name, self._stream_id or "").decode()


def _pieces(audio: bytes, size: int) -> Iterator[bytes]:
    """`audio` in pieces of `size` bytes; the last has up to twice as many, so that none is shorter."""
    at = 0
    while len(audio) - at > 2 * size:
        yield audio[at : at + size]
        at += size
    if at < len(audio):
        yield audio[at:]
