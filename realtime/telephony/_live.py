"""The audio of a Live session: `LiveUplink`, `LivePlayer` and the clock between them, `LiveInput`.

Live differs from GA in three ways. Its input is its clock: nothing may be sent before the session has started, and
silence must be sent where the caller has none. Its output never pauses, so a delay would stay for the whole call:
`LiveQueue` measures what waits for the carrier, and silent deltas are dropped while it is too much. And the model
manages the turns itself. `bridge` handles the events; the paths of GA, which these extend, are in `_paths` and
`_player`.
"""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any, Final

import pybase64

from .._base64 import decoded_nbytes
from .._bounded import BoundedDict
from ..errors import ConfigError, snippet
from ..events import ResponseOutputAudioDelta
from ..format import AudioFormat
from ..live import SpeechGate, encode_append
from ._paths import AppendFrame, Uplink
from ._player import DownlinkPlayer
from ._queue import CallerClock, CarrierQueue
from .media import swap16

if TYPE_CHECKING:
    from ..state import Interruption
    from .carrier import Carrier
    from .media import MediaFormat

# The audio to keep queued at the carrier, so that the next delta may be late by as much. Silence beyond it is
# dropped. The queue then stays below twice this plus one delta, which is 100 ms.
JITTER_MS: Final = 100
# The audio of the caller that waits for the start of the session, which takes about a second. The oldest is dropped.
MAX_STORED_MS: Final = 10_000
# The caller's audio may be late by this much before silence is sent in its place: late audio mostly arrives.
MAX_LATE_MS: Final = 500
# Silence is sent in multiples of FILL_MS, at most MAX_FILL_MS at once: the rest of a longer pause is not filled.
FILL_MS: Final = 20
MAX_FILL_MS: Final = 1_000
# The caller's audio advances the clock between two ticks by at most this.
MAX_TICK_MS: Final = 100
# Silence after which an interrupted model is played again.
PAUSE_MS: Final = 500
# Audible audio of the caller counts as speech from this length on; shorter is a click. Speech peaks above the
# level, a line's noise is below.
SPEECH_MS: Final = 200
SPEECH_DBFS: Final = -35.0
# The least delay of the recent marks is compared with the least of at least this many before them.
_RECENT_MARKS: Final = 4
_COMPARED_MARKS: Final = 256
# Marks that the carrier has not returned.
_MAX_OWED: Final = 64

APPEND: Final = AppendFrame(encode_append)


class LiveInput(CallerClock):
    """The input of a session: its clock, and the appends that wait until the session has started.

    `ms` is the audio of the session so far. `dropped` counts the appends that did not fit. `speech_ms` is how long
    the caller has been speaking, at most `SPEECH_MS`.
    """

    __slots__ = (
        "_missed_ms", "_origin_ms", "_stored", "_ticked_audio_ms", "_ticked_ms", "dropped", "is_closed", "speech_ms"
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        # The appends with their times; None once the session has started.
        self._stored: deque[tuple[float, str]] | None = deque()
        # The user's clock at the start of this one, None until a tick; the time and the audio of the last tick.
        self._origin_ms: float | None = None
        self._ticked_ms = self._ticked_audio_ms = 0.0
        # The time without audio before the session has started, None until a tick after that.
        self._missed_ms: float | None = None
        self.dropped = 0
        self.is_closed = False
        self.speech_ms = 0.0

    @property
    def now_ms(self) -> float:
        """The time by the user's clock, and between its ticks by the caller's audio; without ticks by the audio alone."""
        if self._origin_ms is None:
            return self.ms
        return self._ticked_ms + min(self.ms - self._ticked_audio_ms, MAX_TICK_MS)

    @property
    def is_open(self) -> bool:
        """True if the session accepts commands."""
        return self._stored is None and not self.is_closed

    def restart(self) -> None:
        """Store the appends from now on: the next session is requested."""
        self._stored = self._stored or deque()

    def open(self) -> list[str]:
        """Return the appends that waited: the session has started."""
        stored, self._stored, self._missed_ms = self._stored or (), None, None
        return [] if self.is_closed else [frame for _, frame in stored]

    def forget(self) -> None:
        """Drop the appends that wait: the session is in another format."""
        if self._stored:
            self.dropped += len(self._stored)
            self._stored.clear()

    def admit(self, frame: str) -> str:
        """Return the append `frame` to send now, "" if it waits or if the session is closed."""
        stored = self._stored
        if self.is_closed or not frame:
            return ""
        if stored is None:
            return frame
        stored.append((self.ms, frame))
        while stored[0][0] <= self.ms - MAX_STORED_MS:
            stored.popleft()
            self.dropped += 1
        return ""

    def listen(self, ms: float, *, is_audible: bool) -> None:
        """Note that the caller has or has not spoken for `ms`."""
        change = ms if is_audible else -ms
        self.speech_ms = min(max(self.speech_ms + change, 0.0), SPEECH_MS)

    def tick(self, now_ms: float, format: AudioFormat) -> str:
        """Set the user's clock. Returns the append of the silence that is missing, "" if none is.

        Raises:
            ConfigError: `now_ms` is not finite.
        """
        if not math.isfinite(now_ms):
            raise ConfigError(f"now_ms must be finite, got {snippet(repr(now_ms))}")
        if self._origin_ms is None:
            self._origin_ms = now_ms - self.ms
        self._ticked_ms = max(self._ticked_ms, now_ms - self._origin_ms)
        append = self._fill(format) if self.is_open else ""
        self._ticked_audio_ms = self.ms
        return append

    def _fill(self, format: AudioFormat) -> str:
        behind = self._ticked_ms - self.ms
        if self._missed_ms is None:
            self._missed_ms = behind
        late = behind - self._missed_ms - MAX_LATE_MS
        if late > MAX_FILL_MS:
            self._missed_ms += late - MAX_FILL_MS
            late = MAX_FILL_MS
        if late < FILL_MS:
            return ""
        missing = int(late // FILL_MS) * FILL_MS
        self.ms += missing
        return encode_append(format.silence(missing)).decode()


class LiveUplink(Uplink):
    """Uplink of a Live session. Returns no frame for audio that `input` holds back.

    With `listens`, the caller's audio is decoded and measured.
    """

    def __init__(
        self, media: MediaFormat, session: AudioFormat, input: LiveInput, *, listens: bool = False
    ) -> None:
        super().__init__(media, session, input, APPEND)
        self.input = input
        samples = media.little_endian if listens else None
        self._gate = None if samples is None else SpeechGate(samples, threshold_dbfs=SPEECH_DBFS)

    def _again(self, media: MediaFormat, session: AudioFormat) -> LiveUplink:
        return LiveUplink(media, session, self.input, listens=self._gate is not None)

    def take(self, base64: bytes) -> str:
        """Do `check` and `splice` in one step."""
        if self._gate is None:
            return self.input.admit(super().take(base64))
        self.check(decoded_nbytes(base64))
        return self.splice(base64)

    def splice(self, base64: bytes) -> str:
        """Return the append frame of base64 audio, or "" if there is nothing to send yet."""
        if self._gate is not None:
            return self.encode(pybase64.b64decode(base64))
        return self.input.admit(super().splice(base64))

    def encode(self, audio: bytes) -> str:
        """Return the append frame of raw audio, or "" if there is nothing to send yet."""
        if self._gate is not None:
            samples = swap16(audio[: len(audio) & ~1]) if self.media.big_endian else audio
            is_audible = self._gate.is_audible(samples)
            self.input.listen(len(audio) * self._ms_per_byte, is_audible=is_audible)
        return self.input.admit(super().encode(audio))

    def flush(self) -> str:
        """Return the append frame of the withheld audio, or "" if there is none."""
        return self.input.admit(super().flush())


class LiveQueue(CarrierQueue):
    """Carrier's queue that is measured to the millisecond.

    By the clock, audio is played when it arrives or when the audio before it has ended. Marks return later
    than that: the least delay is the time on the network, and a longer one shows that more audio is queued.
    """

    def __init__(self, carrier: Carrier, input: LiveInput, media: MediaFormat) -> None:
        self._input = input
        # The time at which everything is played, by the clock; the durations of all audio, and of that which marks
        # have confirmed.
        self._end_ms = self._total_ms = self._confirmed_ms = 0.0
        # The first two when a mark was added.
        self._marked_at: BoundedDict[str, tuple[float, float]] = BoundedDict(_MAX_OWED)
        # The delays of the latest marks; the least delay to compare with, and the one that will replace it.
        self._delays: deque[float] = deque(maxlen=_RECENT_MARKS)
        self._least_ms = self._next_least_ms = math.inf
        self._compared = 0
        # The audio that is queued beyond what the clock assumes.
        self._lag_ms = 0.0
        super().__init__(carrier, input, media)

    @property
    def backlog_ms(self) -> float:
        """Milliseconds of audio that were sent and are not played yet."""
        waiting = self._end_ms + self._lag_ms - self._input.now_ms
        return max(min(waiting, self._total_ms - self._confirmed_ms), 0.0)

    def clear(self) -> None:
        """Forget everything: the carrier's queue is cleared, and what is retained is dropped."""
        super().clear()
        self._end_ms = self._input.now_ms - self._lag_ms
        self._marked_at.clear()

    def push(self, frames: list[str | bytes], nbytes: int) -> list[str | bytes]:
        """Add media frames of the same length, with `nbytes` of audio. Returns the frames to send now."""
        start = max(self._end_ms, self._input.now_ms - self._lag_ms)
        duration = nbytes / self._bytes_per_ms
        self._end_ms = start + duration
        self._total_ms += duration
        return super().push(frames, nbytes)

    def push_mark(self, name: str, frame: str) -> list[str | bytes]:
        """Add a mark. Returns the frames to send now."""
        self._marked_at[name] = self._end_ms, self._total_ms
        return super().push_mark(name, frame)

    def acknowledge(self, name: str) -> None:
        """Note that the carrier returned a mark."""
        end_ms, total_ms = self._marked_at.pop(name, (None, 0.0))
        if end_ms is not None:
            self._confirmed_ms = max(self._confirmed_ms, total_ms)
            self._measure(max(self._input.now_ms - end_ms, 0.0))
        super().acknowledge(name)

    def _measure(self, delay: float) -> None:
        self._delays.append(delay)
        self._next_least_ms = min(self._next_least_ms, delay)
        self._compared += 1
        if self._compared % _COMPARED_MARKS == 0:  # a network may become slower
            self._least_ms, self._next_least_ms = self._next_least_ms, math.inf
        self._least_ms = min(self._least_ms, delay)
        self._lag_ms = min(self._delays) - self._least_ms


class LivePlayer(DownlinkPlayer):
    """Player of a Live session's audio: one endless item, whose silence is dropped while too much is queued.

    `silent_dropped` counts those deltas, `dropped` the audible ones of speech that was interrupted. The caller
    interrupts speech if an uplink that listens feeds `input`.
    """

    def __init__(self, carrier: Carrier, media: MediaFormat, session: AudioFormat, input: LiveInput) -> None:
        super().__init__(carrier, media, session, input)
        self.queue = LiveQueue(carrier, input, media)
        self._input = input
        self._gate = SpeechGate(session)
        self._item = self._new_item()
        # True while speech is dropped, and the silence in it so far.
        self._is_muted = False
        self._pause_ms = 0.0

    def on_delta(self, event: Any, base64: bytes | None = None) -> list[str | bytes]:
        """Return the frames of an audio delta. Its audio is `base64` if it was cut out of the event."""
        if base64 is None:
            base64 = pybase64.b64encode(event.delta)
        frames: list[str | bytes] = []
        if self._input.speech_ms >= SPEECH_MS and not self._is_muted and self._is_audible(base64):
            frames, interruption = self.interrupt()
            self.reports.append(interruption)
        if self._is_muted:
            self._drop_muted(base64)
            return frames
        if self._stream_id is None:
            if self._is_audible(base64):
                return self._play_or_store(self._item, base64)
        elif self.queue.backlog_ms < JITTER_MS or self._is_audible(base64):
            return self._play_delta(self._item, (self._item.item_id, 0), base64)
        self.silent_dropped += 1
        return []

    def _drop_muted(self, base64: bytes) -> None:
        """Drop a delta of interrupted speech, or of the pause that ends it."""
        if self._is_audible(base64):
            self.dropped += 1
            self._pause_ms = 0.0
        else:
            self.silent_dropped += 1
            self._pause_ms += decoded_nbytes(base64) * 1000 / self.session.bytes_per_second
            self._is_muted = self._pause_ms < PAUSE_MS

    def interrupt(self) -> tuple[list[str | bytes], Interruption]:
        """Return the frames that stop the carrier's playback, and the interruption. The rest of the speech is dropped."""
        found = super().interrupt()
        self.begin(self.session)
        self._is_muted, self._pause_ms = True, 0.0
        return found

    def begin(self, session: AudioFormat) -> None:
        """Start a new item, in the format `session`."""
        super().begin(session)
        self._item = self._new_item()
        self._is_muted = False

    def _new_item(self) -> ResponseOutputAudioDelta:
        name = self._new_id()
        return ResponseOutputAudioDelta(
            response_id=name, item_id=name, output_index=0, content_index=0, delta=b""
        )

    def _drop(self, part: tuple[str, int], nbytes: int, format: AudioFormat) -> None:
        """Drop the end of a delta that cannot be retained. The next one begins an item: this one is over."""
        super()._drop(part, nbytes, format)
        self._item = self._new_item()

    def _is_audible(self, base64: bytes) -> bool:
        if self._gate.format != self.session:
            self._gate = SpeechGate(self.session)
        return self._gate.is_audible(pybase64.b64decode(base64))
