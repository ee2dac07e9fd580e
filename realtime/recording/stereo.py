"""A log as a stereo recording of its call: the caller left, the assistant right, on the log's time.

The caller's audio lies where it was sent, and on from there as long as it streams. The assistant's
comes faster than it is heard: it lies from where its first piece came, one piece after another, and
ends where it was cut short. Sample 0 is the start of the log.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from ..audio import WavWriter
from ..audio.wav import WavTarget
from ._blocks import Path
from ._cuts import cut_short
from ._outputs import spare
from ._sound import PCM16, Chunk, Listener, Sound
from ._track import Track
from .log import BrokenLine, no_log, read_log

# How late a piece of a stream may come without a gap in the recording.
DEFAULT_GAP_MS: Final = 300.0
_BLOCK_SAMPLES: Final = 1 << 16
_FRAME_BYTES: Final = 4
# 4 GiB, less the header.
_MAX_SAMPLES: Final = (0xFFFFFFFF - 64) // _FRAME_BYTES


@dataclass(frozen=True, slots=True)
class StereoCall:
    """What `stereo_wav` wrote.

    Attributes:
        sample_rate: of the file, in Hz; 24000, or 8000 where all audio was G.711.
        duration_ms: of the file.
        caller_ms, assistant_ms: how much audio each side has in it.
        cuts: how often the assistant was cut short.
        broken: lines of the log that could not be read.
    """

    sample_rate: int
    duration_ms: float
    caller_ms: float
    assistant_ms: float
    cuts: int
    broken: int


def stereo_wav(
    log: Path | Iterable[Path],
    out: WavTarget,
    *,
    gap_ms: float = DEFAULT_GAP_MS,
    sample_rate: int | None = None,
) -> StereoCall:
    """Write the call of a log as a stereo WAV file of PCM16: left the caller, right the assistant.

    Formats are those of the session's events, and may change. Audio left out of the log is
    silence. A piece of a stream that comes less than `gap_ms` late leaves no gap. Memory is
    bounded: both sides go to temporary files first. The log is read twice, unless
    `sample_rate` (8000, 16000, 24000 or 48000 Hz) says what the file's shall be.

    Raises:
        AudioError: a call longer than a WAV file holds (12.4 hours at 24 kHz); nothing is
            written to `out` then. A rate that is none of these.
        OSError: a file cannot be read or written.
        ConfigError: no line of the log is one; a .zst log, and no module for it is installed; `out` is
            a file of the log.
    """
    paths = [log] if not isinstance(log, Iterable) or isinstance(log, str) else [*log]
    if isinstance(out, (str, os.PathLike)):
        spare(paths, out)
    rate = sample_rate or _rate_of(paths)
    with contextlib.ExitStack() as stack:
        caller, assistant = (Track(rate, gap_ms, _MAX_SAMPLES) for _ in range(2))
        stack.callback(caller.close)
        stack.callback(assistant.close)
        cuts, broken = _lay(paths, caller, assistant)
        total = max(caller.end, assistant.end)
        with WavWriter(out, "pcm16", sample_rate=rate, channels=2) as writer:
            for left, right in zip(
                caller.blocks(_BLOCK_SAMPLES, total), assistant.blocks(_BLOCK_SAMPLES, total), strict=True
            ):
                writer.write(_interleaved(left, right))
    per_ms = rate / 1000
    return StereoCall(rate, total / per_ms, caller.samples / per_ms, assistant.samples / per_ms, cuts, broken)


def _lay(paths: list[Path], caller: Track, assistant: Track) -> tuple[int, int]:
    """Put all audio of a log in its place: how often it was cut, and how many lines were broken."""
    cuts = broken = 0
    for time_ms, sound in _sounds(paths):
        at = round(time_ms * caller.rate / 1000)
        if sound is None:
            broken += 1
        elif isinstance(sound, Chunk):
            (caller if sound.item is None else assistant).put(sound, at)
        else:
            before = assistant.samples
            cut_short(assistant, sound, at)
            cuts += assistant.samples < before
    caller.finish()
    assistant.finish()
    return cuts, broken


def _sounds(paths: list[Path]) -> Iterator[tuple[float, Sound | None]]:
    """Every sound of a log and its time; None for a broken line."""
    listener, frames, broken = Listener(), 0, 0
    for entry in read_log(paths):
        if isinstance(entry, BrokenLine):
            broken += 1
            yield 0.0, None
        else:
            frames += 1
            sound = listener.hear(entry)
            if sound is not None:
                yield entry.time_ms, sound
    if broken and not frames:
        raise no_log(broken)


def _rate_of(paths: list[Path]) -> int:
    """24000 Hz where anything has more than 8000, or where there is nothing."""
    rates = {
        sound.coding.sample_rate for _, sound in _sounds(paths) if isinstance(sound, Chunk) and sound.data
    }
    return 8000 if rates == {8000} else PCM16.sample_rate


def _interleaved(left: bytes, right: bytes) -> bytes:
    both = np.empty((len(left) // 2, 2), "<i2")
    both[:, 0] = np.frombuffer(left, "<i2")
    both[:, 1] = np.frombuffer(right, "<i2")
    return both.tobytes()
