"""The speech of a Live session: the words and the audible audio of both sides, on the log's time line.

Words are `LiveTranscript`'s segments. Their times are positions on the session's clock, which is the user's
audio; `_Positions` maps them to times of the log. The model's speech is the audible part of its audio, which
never pauses. Nothing here knows turns: `_live` makes them.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import accumulate, pairwise
from typing import Any, Final

from msgspec import Struct, field

from ..state.live import SPEECH_GAP_MS, LiveTranscript, Segment
from ._builder import as_position

# A position is stored every 100 ms; of a session longer than 27 minutes every 200 ms, and so on.
_STEP_MS: Final = 100.0
_MAX_POSITIONS: Final = 1 << 14
_MAX_FRAGMENT_CHARS: Final = 16_000
# Audible parts, fragments and characters of a session before turns are made of them early.
_MAX_PARTS: Final = 5_000
_MAX_FRAGMENTS: Final = 50_000
_MAX_CHARS: Final = 1 << 21
# Words and audio that are no further apart are the same speech.
_NEAR_MS: Final = 1_000.0
# Words are about audio of the past. If they are further ahead, the session began before the log.
_AHEAD_MS: Final = 5_000.0


class _Positions:
    """Maps positions on the session's clock to times of the log, in bounded memory.

    Attributes: `end_ms`, the position at which the audio so far ends.
    """

    def __init__(self) -> None:
        self.end_ms = 0.0
        self._at, self._times = array("d"), array("d")
        self._step_ms, self._is_aligned = _STEP_MS, False

    def add(self, at_ms: float, time_ms: float) -> None:
        """Add the time of a position, unless a position after it or shortly before it is known."""
        if self._at and at_ms < self._at[-1] + self._step_ms:
            return
        self._at.append(at_ms)
        self._times.append(time_ms)
        if len(self._at) > _MAX_POSITIONS:
            self._at, self._times, self._step_ms = self._at[::2], self._times[::2], self._step_ms * 2

    def align(self, end_ms: float) -> float:
        """Move all positions, if the first words on this clock end far ahead of it. Returns by how much."""
        ahead_ms = 0.0 if self._is_aligned else end_ms - self.end_ms
        self._is_aligned = True
        if ahead_ms <= _AHEAD_MS:
            return 0.0
        self.end_ms += ahead_ms
        self._at = array("d", [at_ms + ahead_ms for at_ms in self._at])
        return ahead_ms

    def time_of(self, at_ms: float) -> float | None:
        """Return the time of a position, or that of the nearest one that is known; None if none is."""
        if not self._at:
            return None
        after = bisect_right(self._at, at_ms)
        if not after:
            return self._times[0]
        began_ms = self._times[after - 1]
        next_ms = self._times[after] if after < len(self._at) else began_ms + self._step_ms
        return min(began_ms + at_ms - self._at[after - 1], max(began_ms, next_ms))


class AudiblePart(Struct):
    """An audible part of the model's audio: on the session's clock, and when its first and last audio arrived."""

    start_ms: float
    end_ms: float
    first_ms: float
    last_ms: float

    @property
    def span(self) -> tuple[float, float]:
        """Start and end on the log's time line, if it is played as it arrives."""
        return self.first_ms, max(self.last_ms, self.first_ms + self.end_ms - self.start_ms)


class Speech(Struct):
    """Speech of one side without a long pause, with its times in the log.

    `words_ms` is when its last words arrived. `parts` are the audible parts of the model's speech.
    """

    segment: Segment | None = None
    start_ms: float = 0.0
    end_ms: float = 0.0
    words_ms: float | None = None
    parts: list[AudiblePart] = field(default_factory=list)

    @property
    def spans(self) -> list[tuple[float, float]]:
        """The parts' times; without any, those of the words."""
        return [part.span for part in self.parts] or [(self.start_ms, self.end_ms)]


class LiveSpeech:
    """The words and the audible audio of a session."""

    def __init__(self) -> None:
        self.begin()

    def begin(self) -> None:
        """Begin a session, with a clock of its own."""
        self._input, self._output, self._arrivals = _Positions(), _Positions(), _Positions()
        self.forget()

    def forget(self) -> None:
        """Forget the speech so far."""
        self._transcript, self._fragments, self._nchars = LiveTranscript(), 0, 0
        # When the words of the user arrived that end at a position.
        self._words_ms: dict[int, float] = {}
        self._parts: list[AudiblePart] = []

    @property
    def fill(self) -> float:
        """The speech since the last `forget`, as a fraction of what should be stored."""
        text = max(self._fragments / _MAX_FRAGMENTS, self._nchars / _MAX_CHARS)
        return max(text, len(self._parts) / _MAX_PARTS)

    @property
    def audible_ms(self) -> float:
        """Length of the model's audible audio."""
        return sum(part.end_ms - part.start_ms for part in self._parts)

    # --- Feeding ---

    def add_input(self, ms: float, time_ms: float) -> None:
        """Add audio of the user."""
        self._input.add(self._input.end_ms, time_ms)
        self._input.end_ms += ms

    def add_output(self, ms: float, start_ms: float | None, time_ms: float, *, is_audible: bool) -> None:
        """Add audio of the model. Only some servers state its start on the session's clock."""
        at_ms = self._output.end_ms if start_ms is None else as_position(start_ms)
        self._output.add(at_ms, time_ms)
        self._output.end_ms = at_ms + ms
        if not is_audible:
            return
        last = self._parts[-1] if self._parts else None
        if last is not None and 0 <= at_ms - last.end_ms < SPEECH_GAP_MS:
            last.end_ms, last.last_ms = at_ms + ms, time_ms
        else:
            self._parts.append(AudiblePart(at_ms, at_ms + ms, time_ms, time_ms))

    def add_words(self, event: Any, time_ms: float, *, is_user: bool) -> None:
        """Add a piece of a transcript."""
        if not event.start_ms and not event.end_ms:  # of a server that states no times
            event.start_ms = event.end_ms = int(max(self._input.end_ms, self._output.end_ms))
        end_ms = as_position(event.end_ms)
        shift_ms = (self._input if is_user else self._output).align(end_ms)
        for part in [] if is_user or not shift_ms else self._parts:
            part.start_ms, part.end_ms = part.start_ms + shift_ms, part.end_ms + shift_ms
        self._arrivals.add(end_ms, time_ms)
        if is_user:
            self._words_ms[event.end_ms] = time_ms
        event.delta = event.delta[:_MAX_FRAGMENT_CHARS]
        self._transcript.feed(event)
        self._fragments += 1
        self._nchars += len(event.delta)

    # --- Reading ---

    def read(self) -> tuple[list[Speech], list[Speech]]:
        """Return the speech of the user and of the model, in order of time."""
        segments = self._transcript.segments
        users = [self._user_speech(each) for each in segments if each.speaker == "user"]
        answers = self._answers([each for each in segments if each.speaker == "assistant"])
        return sorted(users, key=_start), sorted(answers, key=_start)

    def _user_speech(self, segment: Segment) -> Speech:
        start_ms = self._time_of(self._input, segment.start_ms)
        end_ms = max(start_ms, self._time_of(self._input, segment.end_ms))
        return Speech(segment, start_ms, end_ms, self._words_ms.get(segment.end_ms))

    def _answers(self, segments: list[Segment]) -> list[Speech]:
        """Return the model's segments, each with its audible parts, and the audible parts without words."""
        found = [Speech(segment) for segment in segments]
        starts = [segment.start_ms for segment in segments]
        for part in self._parts:
            for piece, index in self._divided(part, starts, segments):
                if index is None:
                    found.append(Speech(parts=[piece]))
                else:
                    found[index].parts.append(piece)
        for speech in found:
            if speech.parts:
                speech.start_ms = min(start for start, _ in speech.spans)
                speech.end_ms = max(end for _, end in speech.spans)
            elif speech.segment is not None:
                speech.start_ms = self._time_of(self._output, speech.segment.start_ms)
                speech.end_ms = max(speech.start_ms, self._time_of(self._output, speech.segment.end_ms))
        return found

    def _divided(
        self, part: AudiblePart, starts: list[int], segments: list[Segment]
    ) -> list[tuple[AudiblePart, int | None]]:
        """Divide an audible part where another segment begins. Returns each piece and its segment's index."""
        first = max(0, bisect_right(starts, part.start_ms) - 1)
        last = bisect_left(starts, part.end_ms + _NEAR_MS)
        distances = {
            index: max(segments[index].start_ms - part.end_ms, part.start_ms - segments[index].end_ms)
            for index in range(first, last)
        }
        within = [index for index, distance_ms in distances.items() if distance_ms < 0]
        if len(within) < 2:
            nearest = min(distances, key=lambda index: distances[index], default=None)
            is_near = nearest is not None and distances[nearest] < _NEAR_MS
            return [(part, nearest if is_near else None)]
        cuts = [part.start_ms, *(float(starts[index]) for index in within[1:]), part.end_ms]
        times = [part.first_ms, *(self._time_of(self._output, at_ms) for at_ms in cuts[1:-1]), part.last_ms]
        pieces = zip(pairwise(cuts), pairwise(times), within, strict=True)
        return [(AudiblePart(*at, *arrived), index) for at, arrived, index in pieces]

    def _time_of(self, positions: _Positions, at_ms: float) -> float:
        """Return the time of a position; if the log has no audio, the time at which its words arrived."""
        found_ms = positions.time_of(at_ms)
        return found_ms if found_ms is not None else self._arrivals.time_of(at_ms) or 0.0


def _start(speech: Speech) -> float:
    return speech.start_ms


class Covered:
    """The time that spans cover together."""

    def __init__(self, spans: list[tuple[float, float]]) -> None:
        self._starts, self._ends = list[float](), list[float]()
        for start, end in sorted(spans):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(self._ends[-1], end)
            else:
                self._starts.append(start)
                self._ends.append(end)
        lengths = (end - start for start, end in zip(self._starts, self._ends, strict=True))
        self._before = [0.0, *accumulate(lengths)]

    def between(self, start: float, end: float) -> float:
        """Return the length of the covered part of `start` to `end`."""
        return max(0.0, self._until(end) - self._until(start))

    def _until(self, at: float) -> float:
        after = bisect_right(self._starts, at)
        if not after:
            return 0.0
        return self._before[after - 1] + min(at, self._ends[after - 1]) - self._starts[after - 1]
