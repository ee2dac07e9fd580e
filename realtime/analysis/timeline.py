"""Timeline of a log: both sides' audio and the list of events, for the page of a call.

One pass over the log, in bounded memory. `read_timeline` makes a `Timeline`; its audio is `CallAudio`,
its events are an `event_list.EventList`. Nothing here knows HTML; turns and figures are in a `Report`.
"""

from __future__ import annotations

import contextlib
from bisect import bisect_left
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec
import numpy as np
import pybase64

from .._bounded import BoundedDict
from .._provider import Provider, ProviderLike
from ..audio import ulaw_encode
from ..audio.wav import wav_header
from ..errors import AudioError
from ..format import AudioFormat
from ..recording import BrokenLine, Entry, read_log
from ..recording.audio import AudioChunk, AudioExtractor, Truncation
from ..recording.log import MAX_TIME_MS, LogPath, path_list, provider_of
from ..recording.stereo import DEFAULT_GAP_MS, Track
from .event_list import EventList

AUDIO_RATE: Final = 8000
_SAMPLES_PER_MS: Final = AUDIO_RATE // 1000
# Audio and events later than this are not drawn; no call lasts longer.
MAX_MS: Final = 12 * 3600 * 1000
# The most bins of an envelope, three bytes each: 20 ms bins of a little over an hour.
MAX_BINS: Final = 200_000
_BIN_MS: Final = (10, 20, 50, 100, 200, 500)
_MAX_SPANS: Final = 20_000
# The content parts and responses that can still be truncated, as in `realtime.recording.stereo_wav`.
_MAX_PARTS: Final = 256
_MAX_ID_CHARS: Final = 80
# Audio is placed in pieces of this size: a line of 40 bytes can represent 128 MiB that was left out.
_PIECE_BYTES: Final = 1 << 20
_BLOCK_SAMPLES: Final = 400_000  # a multiple of every bin
# A log that is continued after its first parts were deleted starts late; so does its timeline.
_LATE_START_MS: Final = 60_000.0


class Timeline:
    """Audio and events of a call.

    Attributes:
        start_ms, end_ms: the range of the timeline, in the log's milliseconds. It ends with the last
            frame or the last audio, whichever is later.
        audio: audio of both sides.
        events: rows of the event list.
        frames, broken: number of entries, and of lines that are not entries.
        beyond: number of entries before the start or more than 12 hours after it. They have a row, but
            their audio is not drawn.
    """

    def __init__(self, audio: CallAudio, events: EventList) -> None:
        self.start_ms = self.end_ms = audio.start_ms
        self.audio, self.events = audio, events
        self.frames = self.broken = self.beyond = 0


@contextlib.contextmanager
def read_timeline(
    log: LogPath | Iterable[LogPath], provider: ProviderLike | None = None
) -> Generator[Timeline, None, None]:
    """Read the timeline of a log: a path, or the paths of a rotated log in order (`log_files`).

    A context manager, because the audio is in temporary files. `provider` is that of `inspect_log`.

    Raises:
        OSError: a file cannot be read, or a temporary one cannot be written.
        ConfigError: the log ends in .zst and no module for it is installed; `provider` is not known.
    """
    paths = path_list(log)
    server = provider_of(paths, provider)
    with CallAudio(_start_of(paths), server) as audio:
        timeline = Timeline(audio, EventList(provider=server))
        for entry in read_log(paths):
            if isinstance(entry, BrokenLine):
                timeline.broken += 1
                timeline.events.add(entry)
                continue
            timeline.frames += 1
            if 0 <= entry.time_ms - audio.start_ms <= MAX_MS:
                timeline.events.add(entry, audio.feed(entry))
                timeline.end_ms = max(timeline.end_ms, entry.time_ms)
            else:
                timeline.beyond += 1
                timeline.events.add(entry)
        audio.finish()
        timeline.end_ms = max(timeline.end_ms, audio.end_ms)
        yield timeline


def _start_of(paths: list[LogPath]) -> float:
    """Return 0, or the time of the first entry if that is late."""
    times_ms = (entry.time_ms for entry in read_log(paths) if not isinstance(entry, BrokenLine))
    first_ms = next((ms for ms in times_ms if ms <= MAX_TIME_MS), 0.0)
    return first_ms if first_ms > _LATE_START_MS else 0.0


# --- Audio -----------------------------------------------------------------------------


class Span(msgspec.Struct, array_like=True, gc=False):
    """Continuous audio of one side, from `start_ms` to `end_ms`, with its response and content part."""

    start_ms: float
    end_ms: float
    response: str = ""
    part: str = ""


class Envelope(msgspec.Struct):
    """Loudness of one side: minimum, maximum and RMS of the samples of each `bin_ms`.

    `data` is three rows of one byte a bin: int8, int8, uint8. Each value is the square root of its
    fraction of full scale, times 127 (255 for the RMS), which keeps the resolution of quiet speech.
    """

    bin_ms: int
    data: bytes


class CallAudio:
    """Audio of both sides of a call, at 8 kHz. A context manager.

    Audio is placed as `realtime.recording.stereo_wav` places it, in temporary files. Times are
    milliseconds of the log; sample 0 lies at `start_ms`.

    Attributes: `is_left_out`, True if the log has the length of some audio but not the audio itself.

    Raises:
        OSError: a temporary file cannot be written.
    """

    def __init__(self, start_ms: float = 0.0, provider: Provider | None = None) -> None:
        self.start_ms = start_ms
        self.is_left_out = False
        self._spans = {"caller": _SpanList(), "assistant": _SpanList()}
        self._extractor, self._full = AudioExtractor(provider), set[str]()
        self._was_silent = False
        self._tracks = {
            side: Track(AUDIO_RATE, DEFAULT_GAP_MS, MAX_MS * _SAMPLES_PER_MS)
            for side in ("caller", "assistant")
        }

    def feed(self, entry: Entry) -> AudioChunk | Truncation | None:
        """Place the audio of an entry, or truncate earlier audio. Returns what the entry contains."""
        found = self._extractor.extract(entry)
        at = round((entry.time_ms - self.start_ms) * _SAMPLES_PER_MS)
        if isinstance(found, AudioChunk):
            self.is_left_out |= len(found.data) > len(entry.frame)
            self._place("assistant" if found.part is not None else "caller", found, at)
        elif found is not None:
            with contextlib.suppress(AudioError):  # the resampler's last samples lie beyond the end
                self._tracks["assistant"].truncate(found, at)
            self._spans["assistant"].truncate(found, entry.time_ms)
        return found

    def finish(self) -> None:
        """Write the audio that the resamplers withhold. Nothing may be fed afterwards."""
        for track in self._tracks.values():
            with contextlib.suppress(AudioError):
                track.finish()

    @property
    def caller(self) -> list[Span]:
        """Spans of the caller's audio."""
        return [*self._spans["caller"]]

    @property
    def assistant(self) -> list[Span]:
        """Spans of the assistant's audio that was played; in Live, whose audio never pauses, the audible ones."""
        return [*self._spans["assistant"]]

    @property
    def is_too_long(self) -> bool:
        """True if there was audio beyond `MAX_MS`."""
        return bool(self._full)

    @property
    def end_ms(self) -> float:
        """End of the audio of both sides."""
        return self._ms(self._samples)

    def envelope(self, side: str, end_ms: float) -> Envelope:
        """Return the envelope of "caller" or "assistant", with bins that suit a timeline up to `end_ms`."""
        bin_ms = next((ms for ms in _BIN_MS if (end_ms - self.start_ms) / ms <= MAX_BINS), _BIN_MS[-1])
        width = bin_ms * _SAMPLES_PER_MS
        low, high, loudness = b"", b"", b""
        for block in self._tracks[side].blocks(_BLOCK_SAMPLES, self._tracks[side].end):
            samples = np.frombuffer(block, "<i2").astype(np.float32) / 32768
            bins = np.pad(samples, (0, -len(samples) % width)).reshape(-1, width)
            rms = np.sqrt(np.mean(np.square(bins), axis=1))
            low += _signed_roots(bins.min(axis=1))
            high += _signed_roots(bins.max(axis=1))
            loudness += np.rint(np.sqrt(rms) * 255).astype(np.uint8).tobytes()
        return Envelope(bin_ms, low + high + loudness)

    def wav_base64(self) -> Iterator[bytes]:
        """Yield a WAV file as base64: 8 kHz mu-law, caller left and assistant right."""
        rest = b""
        for piece in self._wav():
            data = rest + piece
            end = len(data) - len(data) % 3
            rest = data[end:]
            yield pybase64.b64encode(data[:end])
        yield pybase64.b64encode(rest)

    def close(self) -> None:
        """Delete the temporary files."""
        for track in self._tracks.values():
            track.close()

    def __enter__(self) -> CallAudio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _samples(self) -> int:
        return max(track.end for track in self._tracks.values())

    def _place(self, side: str, chunk: AudioChunk, at: int) -> None:
        if side in self._full:
            return
        track = self._tracks[side]
        samples_before, end_before = track.samples, track.end
        try:
            for start in range(0, max(1, len(chunk.data)), _PIECE_BYTES):
                track.put(replace(chunk, data=chunk.data[start : start + _PIECE_BYTES]), at)
        except AudioError:
            self._full.add(side)
        added = track.samples - samples_before
        is_silent, was_silent = chunk.is_audible is False, self._was_silent and chunk.part is not None
        if chunk.part is not None:
            self._was_silent = is_silent
        if added > 0 and not is_silent:
            start = track.end - added
            response, part = (chunk.response_id or "")[:_MAX_ID_CHARS], (chunk.part or "")[:_MAX_ID_CHARS]
            span = Span(self._ms(start), self._ms(track.end), response, part)
            self._spans[side].add(span, is_adjacent=start == end_before and not was_silent)

    def _ms(self, sample: int) -> float:
        return self.start_ms + sample / _SAMPLES_PER_MS

    def _wav(self) -> Iterator[bytes]:
        yield wav_header(AudioFormat.G711_ULAW, AUDIO_RATE, 2 * self._samples, 2)
        sides = (track.blocks(_BLOCK_SAMPLES, self._samples) for track in self._tracks.values())
        for left, right in zip(*sides, strict=True):
            yield np.stack([ulaw_encode(left), ulaw_encode(right)], axis=1).tobytes()


def _signed_roots(samples: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> bytes:
    roots = np.sign(samples) * np.sqrt(np.abs(samples))
    return bytes(np.rint(roots * 127).astype(np.int8).tobytes())


# --- Spans -----------------------------------------------------------------------------


@dataclass(slots=True)
class _PartSpans:
    """Spans of one content part, each with the length of the part's audio before it."""

    spans: list[Span] = field(default_factory=list)
    offsets_ms: list[float] = field(default_factory=list)

    def add(self, span: Span) -> None:
        self.drop_empty()
        last = self.spans[-1] if self.spans else None
        before_ms = 0.0 if last is None else self.offsets_ms[-1] + last.end_ms - last.start_ms
        self.spans.append(span)
        self.offsets_ms.append(before_ms)

    def drop_empty(self) -> None:
        _drop_empty(self.spans)
        del self.offsets_ms[len(self.spans) :]

    def time_of(self, audio_end_ms: float) -> float:
        """Return the time at which `audio_end_ms` of the part's audio was played. There must be a span."""
        index = max(0, bisect_left(self.offsets_ms, audio_end_ms) - 1)
        span = self.spans[index]
        return min(span.end_ms, span.start_ms + audio_end_ms - self.offsets_ms[index])


class _SpanList:
    """Spans of one side, which lie one after another in time.

    A truncation affects the last spans of the list, of a part or of a response. So each list is
    processed from its end and empty spans are removed: no truncation passes the spans that remain.
    """

    def __init__(self) -> None:
        self._spans: list[Span] = []
        self._parts: BoundedDict[str, _PartSpans] = BoundedDict(_MAX_PARTS)
        self._responses: BoundedDict[str, list[Span]] = BoundedDict(_MAX_PARTS)

    def add(self, span: Span, *, is_adjacent: bool) -> None:
        """Add a span, or extend the last one if it is of the same part and adjacent."""
        _drop_empty(self._spans)
        last = self._spans[-1] if self._spans else None
        if last is not None and is_adjacent and (last.response, last.part) == (span.response, span.part):
            last.end_ms = span.end_ms
        elif len(self._spans) < _MAX_SPANS:
            self._spans.append(span)
            if span.part not in self._parts:
                self._parts[span.part] = _PartSpans()
            self._parts[span.part].add(span)
            if span.response:
                if span.response not in self._responses:
                    self._responses[span.response] = []
                self._responses[span.response].append(span)

    def truncate(self, truncation: Truncation, at_ms: float) -> None:
        """Truncate a part and the other parts of its response; without a part, all audio after `at_ms`."""
        if truncation.part is None or truncation.audio_end_ms is None:
            _end_at(self._spans, at_ms)
            return
        part = self._parts.get(truncation.part[:_MAX_ID_CHARS])
        if part is None:
            return
        part.drop_empty()
        if not part.spans:
            return
        at_ms = part.time_of(truncation.audio_end_ms)
        for response in {part.spans[0].response, part.spans[-1].response}:
            _end_at(self._responses.get(response, []), at_ms)
        _end_at(part.spans, at_ms)

    def __iter__(self) -> Iterator[Span]:
        return (span for span in self._spans if span.end_ms > span.start_ms)


def _end_at(spans: list[Span], at_ms: float) -> None:
    """End spans, which must be in order of time, at `at_ms`. Removes those that become empty."""
    while spans and spans[-1].end_ms > at_ms:
        spans[-1].end_ms = max(spans[-1].start_ms, at_ms)
        if spans[-1].end_ms > spans[-1].start_ms:
            return
        spans.pop()


def _drop_empty(spans: list[Span]) -> None:
    """Remove the last spans if a truncation of another list has made them empty."""
    while spans and spans[-1].end_ms <= spans[-1].start_ms:
        spans.pop()
