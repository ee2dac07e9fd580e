"""AudioFormat: every spelling, arithmetic that neither rounds nor drifts, and the format of a session."""

from __future__ import annotations

import copy
import pickle
import re
from fractions import Fraction
from types import MappingProxyType
from typing import Any, get_args

import pytest
from hypothesis import example, given, strategies as st
from msgspec import UNSET

import realtime
from realtime import AudioError, AudioFormat, AudioFormatName, ConfigError, spec
from realtime.format import OPENAI_FORMATS, RESAMPLED_RATES, formats_by_path, session_format, stated_formats

FORMATS = list(OPENAI_FORMATS)


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
    ("spelling", "rate"),
    [
        ({"type": "audio/pcm", "rate": 16000}, 16_000),
        ({"type": "pcm", "sample_rate": 16000}, 16_000),
        ({"type": "pcm", "sample_rate": 16000.0}, 16_000),
        ({"type": "pcm", "sample_rate": "16000"}, 16_000),
        ({"type": "pcm", "rate": 8000, "sample_rate": 8000}, 8_000),
        ({"type": "pcm", "rate": None, "sample_rate": 8000}, 8_000),
        (realtime.PcmFormat(rate=48000), 48_000),
        ("audio/pcm;rate=44100", 44_100),
        ("audio/pcm; rate = 44100; channels = 1", 44_100),
        ("pcm16_8000hz", 8_000),
        ("pcm16_16000hz", 16_000),
        ("PCM16_16000HZ", 16_000),
        ("pcm_16000", 16_000),
        ("pcm-16000", 16_000),
        ("pcm_s16le_16000", 16_000),
        ("pcm_16", 24_000),
    ],
)
def test_pcm_at_any_rate(spelling: Any, rate: int) -> None:
    assert AudioFormat.of(spelling) == AudioFormat("pcm16", rate)


@pytest.mark.parametrize(
    "spelling",
    [
        "",
        "mp3",
        "pcm8",
        "L16",
        "audio/pcmu;rate=16000",
        {"type": "audio/pcmu", "rate": 16000},
        {"type": "audio/pcm", "rate": 16000, "sample_rate": 8000},
        {"type": "audio/pcm;rate=16000", "rate": 8000},
        {"type": "pcm16_16000hz", "sample_rate": 24000},
        {"type": "audio/pcm", "rate": 0},
        {"type": "audio/pcm", "rate": -8000},
        {"type": "audio/pcm", "rate": 10**40},
        {"type": "audio/pcm", "rate": 16000.5},
        {"type": "audio/pcm", "rate": True},
        {"type": "audio/pcm", "rate": "16 kHz"},
        {"type": "audio/pcm", "rate": []},
        "audio/pcm;rate=",
        "audio/pcm;channels=2",
        "pcm16_999hz",
        "g711_ulaw_16000",
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
    name = spelling["type"] if isinstance(spelling, dict) else spelling
    with pytest.raises(ConfigError) as raised:
        AudioFormat.of(spelling)
    assert str(raised.value) == (
        f"{name!r} is big-endian, this wire's PCM little-endian: "
        "swap the bytes and use 'pcm16' with the sample rate"
    )


def test_a_format_is_a_value() -> None:
    format = AudioFormat("pcm16", 16_000)
    assert (format.encoding, format.sample_rate) == ("pcm16", 16_000)
    assert format == AudioFormat("pcm16", 16_000) != AudioFormat.PCM16
    assert len({format, AudioFormat("pcm16", 16_000), AudioFormat.PCM16, AudioFormat("pcm16", 24_000)}) == 2
    assert repr(format) == "AudioFormat(encoding='pcm16', sample_rate=16000)"
    assert [str(f) for f in (format, *OPENAI_FORMATS)] == [
        "pcm16 at 16000 Hz", "pcm16", "g711_ulaw", "g711_alaw",
    ]  # fmt: skip
    assert (format.sample_width, format.bytes_per_second, format.chunk_bytes(20)) == (2, 32_000, 640)
    for copied in (copy.copy(format), copy.deepcopy(format), pickle.loads(pickle.dumps(format))):
        assert copied == format
        assert copied.silence(20) == bytes(640)
    with pytest.raises(AttributeError):
        format.sample_rate = 8_000  # type: ignore[misc]


WRONG: Any = "mulow"
ANY_PCM: Any = AudioFormat.PCM16
ANY_FORMAT: Any = AudioFormat


@pytest.mark.parametrize(
    ("encoding", "rate", "message"),
    [
        (WRONG, 8_000, "unknown encoding 'mulow'"),
        ("g711_ulaw", 16_000, "g711_ulaw is 8000 Hz, not 16000 Hz"),
        ("g711_alaw", 24_000, "g711_alaw is 8000 Hz, not 24000 Hz"),
        ("pcm16", 0, "no audio has a sample rate of 0 Hz"),
        ("pcm16", 999, "no audio"),
        ("pcm16", 384_001, "no audio"),
    ],
)
def test_formats_that_do_not_exist(encoding: Any, rate: int, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        AudioFormat(encoding, rate)


@pytest.mark.parametrize("rate", [8_000.0, "8000", None, True])
def test_a_rate_is_an_int(rate: Any) -> None:
    with pytest.raises(TypeError, match="a sample rate must be an int"):
        AudioFormat("pcm16", rate)


def test_a_rate_beside_the_format() -> None:
    session = {
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": 16000,
        "output_audio_format": "pcm16",
    }
    assert session_format(session, "input") == AudioFormat("pcm16", 16_000)
    assert session_format(session, "output") == AudioFormat.PCM16


# Where a spelling says a rate: the name's end, a MIME parameter, and two members.
PLACES = ("name", "parameter", "rate", "sample_rate")
SPELLED = {s for name, facts in spec.FORMATS.items() for s in (name, facts.ga_type, *facts.spellings)}


@given(
    st.sampled_from(sorted(SPELLED)),
    st.dictionaries(
        st.sampled_from(PLACES), st.integers(900, 400_000) | st.sampled_from((8_000, 24_000)), max_size=4
    ),
    st.booleans(),
)
def test_no_rate_is_read_that_the_spelling_does_not_say(
    name: str, rates: dict[str, int], is_upper: bool
) -> None:
    """A format has the one rate that is stated, or the usual one if none is; anything else is refused."""
    usual = AudioFormat.of(name)
    spelling = name.upper() if is_upper else name
    if "name" in rates:
        spelling += f"_{rates['name']}hz"
    if "parameter" in rates:
        spelling += f"; rate={rates['parameter']}"
    wire: dict[str, Any] = {key: rates[key] for key in ("rate", "sample_rate") if key in rates}
    wire["type"] = spelling
    try:
        found = AudioFormat.of(wire if len(wire) > 1 else spelling)
    except ConfigError:
        # Two rates, a rate that no audio or not this encoding has, or a number too short or long to be one.
        assert len({*rates.values()}) > 1 or not _has_rate(usual, *{*rates.values()})
    else:
        assert found.encoding == usual.encoding
        assert {found.sample_rate} == ({*rates.values()} or {usual.sample_rate})


def _has_rate(format: AudioFormat, rate: int) -> bool:
    """Return True if the encoding of `format` exists at `rate`."""
    if format.encoding != "pcm16":
        return rate == format.sample_rate
    return spec.MIN_SAMPLE_RATE <= rate <= spec.MAX_SAMPLE_RATE


@example("PCM_1600")
@example("pcm16_8000")
@given(
    st.text(max_size=12)
    | st.from_regex(r"(pcm|PCM16|ulaw|audio/pcm)[_;-]?(rate=)?[0-9]{0,7}(hz)?", fullmatch=True)
)
def test_any_text_is_a_format_or_a_config_error(text: str) -> None:
    try:
        found = AudioFormat.of(text)
    except ConfigError:
        return
    if found.sample_rate != AudioFormat.of(found.encoding).sample_rate:
        # A 16 after "pcm" is the width of a sample, or begins a rate: "pcm16_8000", "pcm_1600".
        without_width = re.sub("(pcm_?)16", r"\1 ", text, flags=re.IGNORECASE)
        assert found.sample_rate in map(int, re.findall(r"\d+", f"{text} {without_width}"))


@given(
    st.sampled_from(("pcm16", "g711_ulaw", "g711_alaw")).flatmap(
        lambda encoding: st.tuples(
            st.just(encoding), st.integers(1_000, 384_000) if encoding == "pcm16" else st.just(8_000)
        )
    )
)
def test_every_format_is_a_value(facts: tuple[Any, int]) -> None:
    format = AudioFormat(*facts)
    for other in (
        AudioFormat(*facts),
        copy.copy(format),
        copy.deepcopy(format),
        pickle.loads(pickle.dumps(format)),
    ):
        assert (other, hash(other), repr(other)) == (format, hash(format), repr(format))
        assert other.bytes_per_second == format.bytes_per_second
    assert AudioFormat.of({"type": format.ga_type, "rate": format.sample_rate}) == format
    for name in (*AudioFormat.__dataclass_fields__, "more"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(format, name, 1)


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
    spellings = {s for name, facts in spec.FORMATS.items() for s in (name, facts.ga_type, *facts.spellings)}
    assert {name.lower() for name in names} == spellings
    assert all(AudioFormat.of(name) for name in names)


def test_a_misspelled_format_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError, match=r"unknown audio format 'mulow'.*; did you mean 'mulaw'\?"):
        AudioFormat.of("mulow")


PCM16_NAMES = "pcm16, g711_ulaw, g711_alaw"
KNOWN = f"known are {PCM16_NAMES}, audio/pcm, audio/pcmu, audio/pcma and their aliases"


@pytest.mark.parametrize(("spelling", "message"), [
    ("mp3", f"unknown audio format 'mp3'; {KNOWN}"),
    ("mulow", f"unknown audio format 'mulow'; {KNOWN}; did you mean 'mulaw'?"),
    (" MULOW;x=1", f"unknown audio format ' MULOW;x=1'; {KNOWN}; did you mean 'mulaw'?"),
    ("pcmu_999", f"unknown audio format 'pcmu_999'; {KNOWN}; did you mean 'pcmu'?"),
    ("mulow_8000", f"unknown audio format 'mulow_8000'; {KNOWN}"),
    ("pcm_1234567", f"unknown audio format 'pcm_1234567'; {KNOWN}; did you mean 'pcm_16'?"),
    ("audio/pcm;rate=x", "not a sample rate: 'x'"),
    ("audio/pcm;rate=-8000", "not a sample rate: '-8000'"),
    ("audio/pcm;rate=\uff18\uff10\uff10\uff10", "not a sample rate: '\uff18\uff10\uff10\uff10'"),
    ("audio/pcm;rate=0000008000", "not a sample rate: '0000008000'"),
    ("audio/pcm;rate", "not a sample rate: ''"),
    ({"type": "pcm", "rate": 8000.5}, "not a sample rate: 8000.5"),
    ({"type": "pcm", "rate": float("nan")}, "not a sample rate: nan"),
    ({"type": "pcm", "sample_rate": True}, "not a sample rate: True"),
    ("audio/pcm;channels=2", "'audio/pcm;channels=2' is not mono"),
    ("audio/pcm;channels", "'audio/pcm;channels' is not mono"),
    ({"type": "pcm16_16000hz", "rate": 8000}, "an audio format with two sample rates: 8000 and 16000 Hz"),
    ({"type": "pcm", "rate": 8000, "sample_rate": 16000}, "an audio format with two sample rates: 8000 and 16000 Hz"),
    ("g711_ulaw_16000", "g711_ulaw is 8000 Hz, not 16000 Hz"),
    ("audio/pcma;rate=16000", "g711_alaw is 8000 Hz, not 16000 Hz"),
    ("pcm_999999", "no audio has a sample rate of 999999 Hz"),
    ({"rate": 8000}, "an audio format object must have a `type` that is a string"),
    ({"type": b"pcm"}, "an audio format object must have a `type` that is a string"),
])  # fmt: skip
def test_a_refusal_states_what_is_wrong(spelling: Any, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        AudioFormat.of(spelling)
    assert str(raised.value) == message


def test_an_unknown_encoding_is_refused_with_a_suggestion() -> None:
    with pytest.raises(ConfigError) as raised:
        AudioFormat(WRONG, 8_000)
    assert str(raised.value) == f"unknown encoding 'mulow'; known are {PCM16_NAMES}"
    near: Any = "g711_ulow"
    with pytest.raises(ConfigError, match=r"; did you mean 'g711_ulaw'\?$"):
        AudioFormat(near, 8_000)


@pytest.mark.parametrize("rate", [1_000, 384_000])
def test_the_lowest_and_the_highest_rate(rate: int) -> None:
    assert (
        AudioFormat("pcm16", rate).sample_rate
        == rate
        == AudioFormat.of({"type": "pcm", "rate": rate}).sample_rate
    )
    assert AudioFormat.of(f"pcm16_{rate}hz") == AudioFormat("pcm16", rate)


@pytest.mark.parametrize(("spelling", "name"), [(None, "NoneType"), (5, "int"), (["pcm16"], "list")])
def test_a_format_of_a_wrong_type_is_refused_with_its_type(spelling: Any, name: str) -> None:
    with pytest.raises(TypeError, match=f"^an audio format must be a str, a dict or a Struct, not {name}$"):
        AudioFormat.of(spelling)


@pytest.mark.parametrize(("call", "error", "message"), [
    (lambda: ANY_PCM.samples("20"), TypeError, "ms must be a number, not str"),
    (lambda: AudioFormat.PCM16.samples(True), TypeError, "ms must be a number, not bool"),
    (lambda: AudioFormat.PCM16.samples(-1), AudioError, "ms must be finite and not negative, got -1"),
    (lambda: AudioFormat.PCM16.samples(float("inf")), AudioError, "ms must be finite and not negative, got inf"),
    (lambda: AudioFormat.G711_ULAW.samples(0.1), AudioError, "0.1 ms is not a whole number of samples at 8000 Hz"),
    (lambda: ANY_PCM.duration_ms(1.5), TypeError, "nbytes must be an int, not float"),
    (lambda: AudioFormat.PCM16.duration_ms(True), TypeError, "nbytes must be an int, not bool"),
    (lambda: AudioFormat.PCM16.duration_ms(3), AudioError, "3 bytes are not a whole number of pcm16 samples"),
    (lambda: AudioFormat.PCM16.duration_ms(-2), AudioError, "-2 bytes are not a whole number of pcm16 samples"),
    (lambda: ANY_FORMAT("pcm16", 8000.5), TypeError, "a sample rate must be an int, not float"),
    (lambda: AudioFormat("pcm16", True), TypeError, "a sample rate must be an int, not bool"),
    (lambda: AudioFormat("pcm16", 0), ConfigError, "no audio has a sample rate of 0 Hz"),
])  # fmt: skip
def test_wrong_numbers_are_refused_with_the_reason(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error) as raised:
        call()
    assert str(raised.value) == message


def test_nothing_and_fractions_have_a_duration() -> None:
    assert [format.samples(0) for format in FORMATS] == [0, 0, 0]
    assert [format.duration_ms(0) for format in FORMATS] == [0, 0, 0]
    assert AudioFormat.PCM16.samples(0.5) == 12
    assert AudioFormat.PCM16.duration_ms(2) == 1 / 24
    assert AudioFormat("pcm16", 22_050).duration_ms(22_050) == 500
    assert AudioFormat("pcm16", 44_100).min_commit_bytes == 8_820
    assert AudioFormat.default() is AudioFormat.PCM16


class Stated:
    """An object that is neither a mapping nor a Struct."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)


@pytest.mark.parametrize(
    "rates", [{"rate": 16000}, {"sample_rate": "16000"}, {"rate": UNSET, "sample_rate": 16000.0}]
)
def test_a_format_is_any_object_with_a_type(rates: dict[str, Any]) -> None:
    assert AudioFormat.of(Stated(type="pcm", **rates)) == AudioFormat("pcm16", 16_000)
    assert AudioFormat.of({"type": "pcm", **rates}) == AudioFormat("pcm16", 16_000)
    with pytest.raises(TypeError):
        AudioFormat.of(Stated(type=5, **rates))


def test_a_format_is_any_mapping() -> None:
    assert AudioFormat.of(MappingProxyType({"type": "audio/pcmu"})) == AudioFormat.G711_ULAW


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


def test_the_formats_that_a_session_states_in_their_order() -> None:
    session = {
        "audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {}}, "format": "pcm"},
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": 16_000,
        "output_audio_format": "g711_alaw",
    }
    assert [*stated_formats(session, "input")] == [
        {"type": "audio/pcmu"},
        {"type": "pcm16", "rate": 16_000},
        {"type": "pcm", "rate": 16_000},
    ]
    assert [*stated_formats(session, "output")] == ["g711_alaw", "pcm"]
    assert [*stated_formats({}, "input")] == [*stated_formats(None, "input")] == []
    as_objects = Stated(audio=Stated(output=Stated(format="pcmu")), output_audio_sampling_rate=8_000)
    assert [*stated_formats(as_objects, "output")] == [{"type": "pcmu", "rate": 8_000}]
    assert [*stated_formats(as_objects, "input")] == []


def test_formats_have_the_path_that_the_wire_gives_them() -> None:
    session = {
        "audio": {"input": {"format": "a"}, "output": {"format": "b"}, "format": "c"},
        "input_audio_format": "d",
        "output_audio_format": "e",
        "output_audio_sampling_rate": 5,
    }
    assert dict(formats_by_path(session, "input")) == {
        "audio.input.format": "a", "input_audio_format": "d", "audio.format": "c",
    }  # fmt: skip
    assert [*formats_by_path(session, "output")] == [
        ("audio.output.format", {"type": "b", "rate": 5}),
        ("output_audio_format", {"type": "e", "rate": 5}),
        ("audio.format", {"type": "c", "rate": 5}),
    ]


def test_the_rates_that_are_resampled() -> None:
    assert RESAMPLED_RATES == (8000, 16000, 24000, 48000)
