"""AudioFormat: every spelling, arithmetic that neither rounds nor drifts, and the format of a session."""

from __future__ import annotations

from fractions import Fraction
from types import MappingProxyType
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import AudioError, AudioFormat, AudioFormatName, ConfigError, spec
from realtime.format import session_format

FORMATS = list(AudioFormat)


@pytest.mark.parametrize(
    ("spelling", "format"),
    [
        ("pcm16", AudioFormat.PCM16),
        ("PCM16", AudioFormat.PCM16),
        ("audio/pcm", AudioFormat.PCM16),
        ({"type": "audio/pcm", "rate": 24000}, AudioFormat.PCM16),
        ({"type": "audio/pcm"}, AudioFormat.PCM16),
        (realtime.PcmFormat(rate=24000), AudioFormat.PCM16),
        (realtime.PcmFormat(), AudioFormat.PCM16),
        (AudioFormat.PCM16, AudioFormat.PCM16),
        ("g711_ulaw", AudioFormat.G711_ULAW),
        ("audio/pcmu", AudioFormat.G711_ULAW),
        ("PCMU", AudioFormat.G711_ULAW),
        ("audio/PCMU;rate=8000", AudioFormat.G711_ULAW),
        ("audio/pcm; rate=24000; channels=1", AudioFormat.PCM16),
        ("g711-ulaw", AudioFormat.G711_ULAW),
        ("g711_mulaw", AudioFormat.G711_ULAW),
        ("G711-mulaw", AudioFormat.G711_ULAW),
        ("mu-law", AudioFormat.G711_ULAW),
        ("ulaw", AudioFormat.G711_ULAW),
        ("mulaw", AudioFormat.G711_ULAW),
        ("audio/x-mulaw", AudioFormat.G711_ULAW),
        ({"type": "audio/pcmu"}, AudioFormat.G711_ULAW),
        (realtime.PcmuFormat(), AudioFormat.G711_ULAW),
        ("g711_alaw", AudioFormat.G711_ALAW),
        ("PCMA", AudioFormat.G711_ALAW),
        ("alaw", AudioFormat.G711_ALAW),
        (realtime.PcmaFormat(), AudioFormat.G711_ALAW),
        (realtime.UnknownFormat("audio/pcma", b"{}"), AudioFormat.G711_ALAW),
    ],
)
def test_every_spelling(spelling: Any, format: AudioFormat) -> None:
    assert AudioFormat.of(spelling) is format


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        "mp3",
        "pcm8",
        "L16",
        "audio/pcmu;rate=16000",
        {"type": "audio/pcm", "rate": 16000},
        {"rate": 24000},
        {"type": 5},
        {},
    ],
)
def test_an_unknown_format_is_a_config_error(spelling: Any) -> None:
    with pytest.raises(ConfigError):
        AudioFormat.of(spelling)


@pytest.mark.parametrize("spelling", ["L16", "audio/L16;rate=24000;channels=1", {"type": "audio/x-l16"}])
def test_rtps_linear_audio_is_refused_with_the_reason(spelling: Any) -> None:
    with pytest.raises(ConfigError, match=r"big-endian.*24000 Hz and little-endian: convert"):
        AudioFormat.of(spelling)


@pytest.mark.parametrize("spelling", [None, 5, b"pcm16", ["pcm16"]])
def test_a_format_of_a_wrong_type_is_a_type_error(spelling: Any) -> None:
    with pytest.raises(TypeError):
        AudioFormat.of(spelling)


@pytest.mark.parametrize(
    ("format", "rate", "width", "bytes_of_20_ms", "silence"),
    [
        (AudioFormat.PCM16, 24_000, 2, 960, 0x00),
        (AudioFormat.G711_ULAW, 8_000, 1, 160, 0xFF),
        (AudioFormat.G711_ALAW, 8_000, 1, 160, 0xD5),
    ],
)
def test_the_facts(format: AudioFormat, rate: int, width: int, bytes_of_20_ms: int, silence: int) -> None:
    assert (format.sample_rate, format.sample_width) == (rate, width)
    assert format.chunk_bytes(20) == bytes_of_20_ms
    assert format.silence(20) == bytes([silence]) * bytes_of_20_ms
    assert format.min_commit_bytes == 5 * bytes_of_20_ms
    assert format.max_append_bytes == 15 * 1024 * 1024


@given(st.sampled_from(FORMATS), st.integers(0, 10**9))
def test_integral_milliseconds_round_trip(format: AudioFormat, ms: int) -> None:
    nbytes = format.chunk_bytes(ms)
    assert format.duration_ms(nbytes) == ms
    assert isinstance(format.duration_ms(nbytes), int)
    assert Fraction(nbytes, format.bytes_per_second) * 1000 == ms


@given(st.sampled_from(FORMATS), st.integers(0, 10**9))
def test_durations_are_correctly_rounded(format: AudioFormat, samples: int) -> None:
    exact = Fraction(samples * 1000, format.sample_rate)
    assert format.duration_ms(samples * format.sample_width) == float(exact)


def test_fractions_of_a_millisecond_that_are_whole_samples() -> None:
    assert AudioFormat.G711_ULAW.chunk_bytes(0.125) == 1
    assert AudioFormat.PCM16.chunk_bytes(2.5) == 120


@pytest.mark.parametrize("ms", [0.1, 1e-9, -1, -0.5, float("nan"), float("inf")])
def test_ms_that_are_not_whole_samples_are_refused(ms: float) -> None:
    for method in (AudioFormat.G711_ULAW.chunk_bytes, AudioFormat.G711_ULAW.silence):
        with pytest.raises(AudioError):
            method(ms)


@pytest.mark.parametrize("nbytes", [-2, 3])
def test_bytes_that_are_not_whole_samples_are_refused(nbytes: int) -> None:
    with pytest.raises(AudioError):
        AudioFormat.PCM16.duration_ms(nbytes)


@pytest.mark.parametrize("value", ["20", None, True])
def test_a_number_of_a_wrong_type_is_a_type_error(value: Any) -> None:
    with pytest.raises(TypeError):
        AudioFormat.PCM16.chunk_bytes(value)
    with pytest.raises(TypeError):
        AudioFormat.PCM16.duration_ms(value)


def test_every_spelling_in_the_table_is_unique() -> None:
    spellings = [s for facts in spec.FORMATS.values() for s in (facts.ga_type, *facts.spellings)]
    assert len(spellings) == len(set(spellings))


def test_the_names_for_type_checkers_are_those_of_the_table() -> None:
    names = get_args(AudioFormatName)
    spellings = {
        s for facts in spec.FORMATS.values() for s in (facts.beta_name, facts.ga_type, *facts.spellings)
    }
    assert {name.lower() for name in names} == spellings
    assert all(AudioFormat.of(name) for name in names)


def test_a_misspelled_format_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"unknown audio format 'mulow'.*; did you mean 'mulaw'\?"):
        AudioFormat.of("mulow")


def test_a_format_is_any_mapping() -> None:
    assert AudioFormat.of(MappingProxyType({"type": "audio/pcmu"})) is AudioFormat.G711_ULAW


PCMU = realtime.PcmuFormat()
GA = realtime.RealtimeSession(audio=realtime.AudioConfig(input=realtime.AudioInput(format=PCMU)))


@pytest.mark.parametrize(
    ("session", "input", "output"),
    [
        (GA, AudioFormat.G711_ULAW, None),
        ({"audio": {"output": {"format": {"type": "audio/pcma"}}}}, None, AudioFormat.G711_ALAW),
        ({"input_audio_format": "g711_ulaw", "output_audio_format": "pcm16"}, AudioFormat.G711_ULAW, AudioFormat.PCM16),
        ({"audio": {"format": {"type": "audio/pcm", "rate": 24000}}}, AudioFormat.PCM16, AudioFormat.PCM16),
        ({"audio": {"input": {"format": {"type": "hologram"}}}, "input_audio_format": "pcm16"}, AudioFormat.PCM16, None),
        ({"audio": {"input": {"format": 5}}}, None, None),
        (realtime.RealtimeSession(), None, None),
        (realtime.RealtimeSession(audio=None), None, None),
        ({}, None, None),
    ],
)  # fmt: skip
def test_the_format_of_a_session(session: Any, input: AudioFormat | None, output: AudioFormat | None) -> None:
    assert session_format(session, "input") is input
    assert session_format(session, "output") is output
