"""Helpers for the tests of the demo: making a call, and reading the files it writes."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import realtime as r
from realtime.audio import read_wav, ulaw_decode, write_wav
from realtime.cli import main

ULAW = r.AudioFormat.G711_ULAW


def demo(out: Path, *arguments: str) -> int:
    return main(["demo", "--fast", "--out", str(out), *arguments])


def ascii_stdout(monkeypatch: pytest.MonkeyPatch) -> io.BytesIO:
    """Return the bytes printed from now on, to a stdout that is ASCII only."""
    printed = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(printed, encoding="ascii", write_through=True))
    return printed


def log(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (out / "session.jsonl").read_bytes().splitlines()]


def samples(path: Path) -> NDArray[Any]:
    audio = read_wav(path)
    assert audio.format == ULAW
    return ulaw_decode(audio.data).astype("f8")


def turns(out: Path) -> list[tuple[int, int]]:
    """Return the turns in the log, in samples of 8 kHz."""
    frames = [line["frame"] for line in log(out)]
    starts = [frame["audio_start_ms"] for frame in frames if "audio_start_ms" in frame]
    ends = [frame["audio_end_ms"] for frame in frames if "audio_end_ms" in frame]
    return [(start * 8, end * 8) for start, end in zip(starts, ends, strict=True)]


def speech(rate: int, channels: int = 1) -> NDArray[Any]:
    """Return a second of a tone, then a second of silence."""
    tone = (8000 * np.sin(2 * np.pi * 300 * np.arange(rate) / rate)).astype("<i2")
    return np.repeat(np.concatenate([tone, np.zeros(rate, "<i2")]), channels)


def two_turns(path: Path) -> Path:
    """Write a recording of two turns. With the VAD's padding each is longer than a second."""
    tones = [(8000 * np.sin(2 * np.pi * hz * np.arange(4000) / 8000)).astype("<i2") for hz in (300, 500)]
    silence = np.zeros(6400, "<i2")
    write_wav(
        path, np.concatenate([tones[0], silence, tones[1], silence]).tobytes(), "pcm16", sample_rate=8000
    )
    return path
