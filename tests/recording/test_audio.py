"""Extraction of audio: codings that sessions and events state, chunks and truncations of entries."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from realtime import PcmFormat, PcmuFormat
from realtime.audio import Resampler
from realtime.errors import ConfigError
from realtime.format import AudioFormat
from realtime.recording import Entry
from realtime.recording.audio import (
    PCM16,
    SAMPLE_RATES,
    AudioChunk,
    AudioExtractor,
    Coding,
    Truncation,
    session_coding,
)

ULAW = Coding(AudioFormat.G711_ULAW)
PCM_16K = Coding(AudioFormat("pcm16", 16000))


def entry(direction: Any, kind: str, **members: Any) -> Entry:
    return Entry(direction, 0.0, json.dumps({"type": kind, **members}).encode(), 1)


@pytest.mark.parametrize(
    ("format", "coding"),
    [
        ("pcm16", PCM16),
        ("g711_ulaw", ULAW),
        ({"type": "audio/pcmu"}, ULAW),
        (PcmuFormat(), ULAW),
        (PcmFormat(), PCM16),
        *(({"type": "audio/pcm", "rate": rate}, Coding(AudioFormat("pcm16", rate))) for rate in SAMPLE_RATES),
    ],
)
def test_a_coding_of_every_spelling(format: Any, coding: Coding) -> None:
    assert Coding.of(format) == coding


@pytest.mark.parametrize("format", ["opus", {"type": "audio/pcm", "rate": 11025}, {"rate": 8000}])
def test_an_unknown_format_is_a_config_error(format: Any) -> None:
    with pytest.raises(ConfigError):
        Coding.of(format)


@pytest.mark.parametrize("rate", SAMPLE_RATES)
def test_every_sample_rate_can_be_resampled(rate: int) -> None:
    assert len(Resampler(rate, 8000).process(bytes(2 * rate))) <= 8000


@pytest.mark.parametrize(
    ("session", "input", "output"),
    [
        ({"input_audio_format": "g711_ulaw"}, ULAW, PCM16),
        ({"audio": {"format": {"type": "audio/pcm", "rate": 16000}}}, PCM_16K, PCM_16K),
        ({"audio": {"input": {"format": "new"}, "output": {"format": {"type": "audio/pcmu"}}}}, PCM16, ULAW),
        ({"audio": {"input": 5, "output": {"format": 5}}}, PCM16, PCM16),
        ({"audio": "x"}, PCM16, PCM16),
        ({}, PCM16, PCM16),
        (None, PCM16, PCM16),
    ],
)
def test_the_coding_of_a_session(session: Any, input: Coding, output: Coding) -> None:
    assert session_coding(session, "input", PCM16) == input
    assert session_coding(session, "output", PCM16) == output


def test_an_event_may_state_its_own_rate_and_channels() -> None:
    assert PCM16.with_stated(48000, 2) == Coding(AudioFormat("pcm16", 48000), 2)
    assert PCM16.with_stated(48000, 2).frame_bytes == 4
    for rate, channels in ((None, None), (11025, 0), (0, -1), (-8000, 9)):
        assert PCM16.with_stated(rate, channels) == PCM16
    assert ULAW.with_stated(16000, None) == ULAW  # G.711 has one rate


def test_chunks_name_their_part_and_their_response() -> None:
    extract = AudioExtractor().extract
    audio = base64.b64encode(bytes(range(6))).decode()
    data = bytes(range(6))
    assert extract(entry("client", "input_audio_buffer.append", audio=audio)) == AudioChunk(data, PCM16, None)
    ids = {"item_id": "i", "content_index": 2, "response_id": "r"}
    for kind in ("response.output_audio.delta", "response.audio.delta"):
        assert extract(entry("server", kind, delta=audio, **ids)) == AudioChunk(data, PCM16, "i/2", "r")
    assert extract(entry("server", "session.output_audio.delta", delta=audio)) == AudioChunk(
        data, PCM16, "/0"
    )
    assert extract(entry("server", "input_audio_buffer.append", audio=audio)) is None


def test_a_response_may_state_its_own_format() -> None:
    extract = AudioExtractor().extract
    response = {"id": "r", "audio": {"output": {"format": {"type": "audio/pcmu"}}}}
    assert extract(entry("server", "response.created", response=response)) is None
    for response_id, coding in (("r", ULAW), ("s", PCM16)):
        found = extract(entry("server", "response.output_audio.delta", delta="AAAA", response_id=response_id))
        assert isinstance(found, AudioChunk)
        assert found.coding == coding


def test_truncations_of_parts_and_of_responses() -> None:
    extract = AudioExtractor().extract
    for direction, kind in (
        ("client", "conversation.item.truncate"),
        ("server", "conversation.item.truncated"),
    ):
        event = entry(direction, kind, item_id="i", content_index=1, audio_end_ms=250)
        assert extract(event) == Truncation("i/1", 250)
    assert extract(entry("client", "conversation.item.truncate", audio_end_ms=-5)) == Truncation("/0", 0.0)
    cleared = entry("server", "output_audio_buffer.cleared", response_id="r")
    assert extract(cleared) == Truncation(None, None, "r")


@pytest.mark.parametrize(
    "frame", [b"", b"[", b"[1]", b'{"type":5}', b'{"type":"session.updated","session":5}']
)
def test_malformed_frames_have_no_audio(frame: bytes) -> None:
    assert AudioExtractor().extract(Entry("server", 0.0, frame, 1)) is None
