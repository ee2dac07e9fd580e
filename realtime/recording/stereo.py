"""Stereo recording of a logged call: the caller on the left, the assistant on the right.

`Track` places the audio of one side on the log's time line, in a temporary file, so that a call of hours
takes little memory and audio that was never played can be removed again. The caller's audio lies where it
was sent. The assistant's is sent faster than it is played: its chunks follow one another from where the
first one arrived, and end where they were truncated. Sample 0 is the start of the log. See `audio` for how
chunks are found in a log.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from .._bounded import BoundedDict
from .._provider import Provider, ProviderLike
from ..audio import Resampler, WavWriter, alaw_decode, pcm16, to_mono, ulaw_decode
from ..audio.wav import WavTarget
from ..errors import AudioError, ConfigError
from ..format import AudioFormat
from .audio import PCM16, AudioChunk, AudioExtractor, Coding, Truncation
from .log import BrokenLine, LogPath, ensure_not_input, not_a_log_error, path_list, provider_of, read_log

# A chunk of a stream that is late by less than this leaves no gap in the recording.
DEFAULT_GAP_MS: Final = 300.0
_DECODE: Final[dict[str, Callable[[bytes], Any]]] = {
    "pcm16": pcm16,
    "g711_ulaw": ulaw_decode,
    "g711_alaw": alaw_decode,
}
_MAX_PARTS: Final = 256
_SAMPLE_BYTES: Final = 2
# A chunk is decoded and resampled in pieces, as the length of silence is that which a line claims.
_PIECE_BYTES: Final = 1 << 20
_BLOCK_SAMPLES: Final = 1 << 16
# 4 GiB less the header, in samples of two channels.
_MAX_SAMPLES: Final = (0xFFFFFFFF - 64) // (2 * _SAMPLE_BYTES)


@dataclass(frozen=True, slots=True)
class StereoCall:
    """Result of `stereo_wav`.

    Attributes:
        sample_rate: of the file, in Hz.
        duration_ms: of the file.
        caller_ms, assistant_ms: the duration of each side's audio in it.
        truncations: the number of times that the assistant's audio was truncated.
        broken: the number of log lines that could not be read.
    """

    sample_rate: int
    duration_ms: float
    caller_ms: float
    assistant_ms: float
    truncations: int
    broken: int


def stereo_wav(
    log: LogPath | Iterable[LogPath],
    out: WavTarget,
    *,
    gap_ms: float = DEFAULT_GAP_MS,
    sample_rate: int | None = None,
    provider: ProviderLike | None = None,
) -> StereoCall:
    """Write a logged call as a stereo WAV file of PCM16: the caller left, the assistant right.

    Formats are those of the session's events and may change during the call. Audio that was left out
    of the log becomes silence. A chunk of a stream that is late by less than `gap_ms` leaves no gap.
    Memory is bounded, as both sides go to temporary files first.

    `sample_rate` (8000, 16000, 24000 or 48000 Hz) is the file's. By default it is 8000 if all audio is
    at 8000 Hz, else 24000; the log is then read twice. `provider`, a name or value, is the server whose
    spellings of formats are used, by default the one in the log's metadata.

    Raises:
        AudioError: the call is longer than a WAV file can hold (12.4 hours at 24 kHz), in which case
            nothing is written to `out`; or `sample_rate`, or the rate of the audio, is not supported.
        OSError: a file cannot be read or written.
        ConfigError: no line of the log can be read; the log is a .zst file and no zstd module is
            installed; `out` is a file of the log; `gap_ms` is negative or not finite; or `provider` is not
            known.
    """
    if not 0 <= gap_ms < float("inf"):
        raise ConfigError(f"gap_ms must be finite and not negative, not {gap_ms}")
    paths = path_list(log)
    if isinstance(out, (str, os.PathLike)):
        ensure_not_input(paths, out)
    server = provider_of(paths, provider)
    rate = sample_rate or _find_sample_rate(paths, server)
    with contextlib.ExitStack() as stack:
        caller = stack.enter_context(contextlib.closing(Track(rate, gap_ms, _MAX_SAMPLES)))
        assistant = stack.enter_context(contextlib.closing(Track(rate, gap_ms, _MAX_SAMPLES)))
        truncations, broken = _fill_tracks(_extract_all(paths, server), caller, assistant)
        total = max(caller.end, assistant.end)
        blocks = [track.blocks(_BLOCK_SAMPLES, total) for track in (caller, assistant)]
        with WavWriter(out, "pcm16", sample_rate=rate, channels=2) as writer:
            for sides in zip(*blocks, strict=True):
                samples = [np.frombuffer(side, "<i2") for side in sides]
                writer.write(np.column_stack(samples).tobytes())
    per_ms = rate / 1000
    return StereoCall(
        rate, total / per_ms, caller.samples / per_ms, assistant.samples / per_ms, truncations, broken
    )


def _fill_tracks(
    found_in_log: Iterable[tuple[float, AudioChunk | Truncation | None]], caller: Track, assistant: Track
) -> tuple[int, int]:
    """Place all audio of a log. Returns the numbers of truncations and of broken lines."""
    truncations = broken = 0
    for time_ms, found in found_in_log:
        at = round(time_ms * caller.rate / 1000)
        if found is None:
            broken += 1
        elif isinstance(found, AudioChunk):
            (caller if found.part is None else assistant).put(found, at)
        else:
            before = assistant.samples
            assistant.truncate(found, at)
            truncations += assistant.samples < before
    caller.finish()
    assistant.finish()
    return truncations, broken


def _extract_all(
    paths: list[LogPath], provider: Provider | None
) -> Iterator[tuple[float, AudioChunk | Truncation | None]]:
    """Yield each chunk and truncation of a log with its time, and None for each broken line."""
    extractor, frames, broken = AudioExtractor(provider), 0, 0
    for entry in read_log(paths):
        if isinstance(entry, BrokenLine):
            broken += 1
            yield 0.0, None
        else:
            frames += 1
            found = extractor.extract(entry)
            if found is not None:
                yield entry.time_ms, found
    if broken and not frames:
        raise not_a_log_error(broken)


def _find_sample_rate(paths: list[LogPath], provider: Provider | None) -> int:
    """Return 8000 if all audio of a log is at 8000 Hz, else 24000."""
    rates = {
        found.coding.sample_rate
        for _, found in _extract_all(paths, provider)
        if isinstance(found, AudioChunk) and found.data
    }
    return 8000 if rates == {8000} else PCM16.sample_rate


# --- One side of the call -------------------------------------------------------------


class Track:
    """Audio of one side on the log's time line, as PCM16 in a temporary file.

    Positions are in samples at the track's rate, from the start of the log. Memory is bounded: only the
    last 256 content parts can be truncated.

    Args:
        rate: the track's sample rate in Hz.
        gap_ms: a chunk that is late by no more than this leaves no gap.
        max_samples: the largest position.

    Attributes: `end`, the position at which the audio ends; `samples`, how many of them are audio.

    Raises:
        AudioError: audio is placed beyond `max_samples`, or a rate is not supported.
        OSError: the temporary file cannot be written.
    """

    def __init__(self, rate: int, gap_ms: float, max_samples: int) -> None:
        self.rate, self.end, self.samples = rate, 0, 0
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 (closed by close)
        self._gap, self._max_samples = round(gap_ms * rate / 1000), max_samples
        self._stream = _Stream(Coding(AudioFormat("pcm16", rate)), rate, 0)
        self._parts: BoundedDict[str, _PlacedPart] = BoundedDict(_MAX_PARTS)
        # Parts and responses whose further audio is dropped.
        self._ended_parts: BoundedDict[str, None] = BoundedDict(_MAX_PARTS)
        self._ended_responses: BoundedDict[str, None] = BoundedDict(_MAX_PARTS)

    def put(self, chunk: AudioChunk, at: int) -> None:
        """Place a chunk that arrived at position `at`: there, or after the audio before it.

        A chunk that arrives less than `gap_ms` after that audio's end continues it, unless it begins
        a new content part. Chunks of what was truncated, and empty ones, are dropped.
        """
        part = chunk.part or ""
        if not chunk.data or part in self._ended_parts or chunk.response_id in self._ended_responses:
            return
        is_new = self.samples == 0 or (chunk.part is not None and part not in self._parts)
        tolerated = 0 if is_new else self._gap
        start = self.end if at - self.end <= tolerated else at
        if start != self.end or chunk.coding != self._stream.coding:
            self.finish()
            self._stream = _Stream(chunk.coding, self.rate, start)
        for offset in range(0, len(chunk.data), _PIECE_BYTES):
            self._write(self._stream.feed(chunk.data[offset : offset + _PIECE_BYTES]))
        self.end = self._stream.end
        self.samples += self.end - start
        if chunk.part is not None:  # the caller's audio is never truncated
            self._add_span(part, chunk.response_id, start)

    def truncate(self, truncation: Truncation, at: int) -> None:
        """Silence what was not played, by a truncation that was sent at position `at`."""
        if truncation.part is not None and truncation.audio_end_ms is not None:
            self._truncate_part(truncation.part, truncation.audio_end_ms, at)
        else:
            self._truncate_response(truncation.response_id, at)

    def finish(self) -> None:
        """Write what the resampler withholds."""
        self._write(self._stream.flush())

    def blocks(self, size: int, total: int) -> Iterator[bytes]:
        """Yield `total` samples from the start, `size` at a time, with silence after the end."""
        self._file.seek(0)
        for start in range(0, total, size):
            nbytes = min(size, total - start) * _SAMPLE_BYTES
            yield self._file.read(nbytes).ljust(nbytes, b"\0")

    def close(self) -> None:
        """Delete the temporary file."""
        self._file.close()

    # --- Internal ---

    def _write(self, piece: tuple[int, bytes]) -> None:
        start, samples = piece
        if start + len(samples) // _SAMPLE_BYTES > self._max_samples:
            hours = self._max_samples / self.rate / 3600
            raise AudioError(f"the call is longer than the {hours:.1f} hours that a stereo WAV file can hold")
        self._file.seek(start * _SAMPLE_BYTES)
        self._file.write(samples)

    def _add_span(self, name: str, response_id: str | None, start: int) -> None:
        part = self._parts.get(name)
        if part is None:
            part = self._parts[name] = _PlacedPart()
        part.response_id = response_id
        last = part.spans[-1] if part.spans else None
        if last is not None and last.end == start:
            last.end = self.end
        else:
            part.spans.append(
                _Span(start, self.end, last.played_before + last.end - last.start if last else 0)
            )

    def _truncate_part(self, name: str, audio_end_ms: float, at: int) -> None:
        """End a part's audio `audio_end_ms` after its start, and the rest of its response at `at`."""
        self._ended_parts[name] = None
        part = self._parts.get(name)
        if part is None:
            return
        limit = round(audio_end_ms * self.rate / 1000)
        self._silence_spans(part, lambda span: span.start + max(0, limit - span.played_before))
        if part.response_id is not None:
            for other_name, other in self._parts.items():
                is_of_response = other is not part and other.response_id == part.response_id
                if is_of_response and self._silence_after(other, at):
                    self._ended_parts[other_name] = None

    def _truncate_response(self, response_id: str | None, at: int) -> None:
        """Silence all audio from `at` on, and drop what is still to come of the response."""
        for name, part in self._parts.items():
            is_of_response = response_id is not None and part.response_id == response_id
            if self._silence_after(part, at) or is_of_response:
                self._ended_parts[name] = None
        if response_id is not None:
            self._ended_responses[response_id] = None

    def _silence_after(self, part: _PlacedPart, at: int) -> bool:
        """Silence a part's audio from `at` on. Returns True if there was any."""
        return self._silence_spans(part, lambda span: max(span.start, at))

    def _silence_spans(self, part: _PlacedPart, end_of: Callable[[_Span], int]) -> bool:
        """Shorten spans to `end_of` them, from the last to the first that is not longer.

        What is silent is no longer a span, so repeated truncations, also those that both sides send, do no
        work twice. Returns True if there was any audio to silence.
        """
        has_changed = False
        while part.spans and part.spans[-1].end > (new_end := end_of(part.spans[-1])):
            span = part.spans[-1]
            self._silence(new_end, span.end)
            span.end = new_end
            has_changed = True
            if span.end > span.start or len(part.spans) == 1:
                break
            part.spans.pop()
        return has_changed

    def _silence(self, start: int, end: int) -> None:
        """Silence `start` to `end`. If that is the end of the audio, the track becomes shorter."""
        self.finish()
        if end >= self.end:
            self._file.truncate(start * _SAMPLE_BYTES)
            self.end = start
        else:
            self._file.seek(start * _SAMPLE_BYTES)
            for at in range(start, end, _BLOCK_SAMPLES):
                self._file.write(bytes(min(_BLOCK_SAMPLES, end - at) * _SAMPLE_BYTES))
        self._stream = _Stream(self._stream.coding, self.rate, self.end)
        self.samples -= end - start


@dataclass(slots=True)
class _Span:
    """Audio of a part from position `start` to `end`, after `played_before` samples of the same part."""

    start: int
    end: int
    played_before: int


@dataclass(slots=True)
class _PlacedPart:
    """Audio of one content part on a track, as spans of positions. Adjacent spans are merged."""

    response_id: str | None = None
    spans: list[_Span] = field(default_factory=list)


class _Stream:
    """Continuous audio of one coding, converted to PCM16 at the track's rate.

    Attributes: `end`, the position at which all audio that was fed will end, including what the
    resampler withholds.
    """

    def __init__(self, coding: Coding, rate: int, start: int) -> None:
        self.coding, self.end = coding, start
        self._rate, self._start, self._fed, self._written = rate, start, 0, start
        self._carry = b""
        self._resampler = Resampler(coding.sample_rate, rate) if coding.sample_rate != rate else None

    def feed(self, data: bytes) -> tuple[int, bytes]:
        """Return the position and the samples that are ready. A sample may be split between calls."""
        data = self._carry + data
        nbytes = len(data) - len(data) % self.coding.frame_bytes
        data, self._carry = data[:nbytes], data[nbytes:]
        samples = to_mono(_DECODE[self.coding.format.encoding](data), self.coding.channels)
        self._fed += len(samples)
        self.end = self._start + -(-self._fed * self._rate // self.coding.sample_rate)
        return self._take(samples if self._resampler is None else self._resampler.process(samples))

    def flush(self) -> tuple[int, bytes]:
        """Return the position and the samples that the resampler withholds. Ends the stream."""
        if self._resampler is None or not self._fed:
            return self._written, b""
        self._fed = 0
        return self._take(self._resampler.flush())

    def _take(self, samples: np.ndarray[tuple[int, ...], np.dtype[np.int16]]) -> tuple[int, bytes]:
        start = self._written
        self._written += len(samples)
        return start, samples.astype("<i2", copy=False).tobytes()
