"""G.711 against an independent reference: the decision values of the Recommendation, by bisection."""

from __future__ import annotations

import bisect
import math
import warnings
import zlib
from collections.abc import Callable
from itertools import accumulate

import numpy as np
import pytest
from numpy.typing import NDArray

from realtime import audio

ALL_SAMPLES = np.arange(-32768, 32768).astype(np.int16)
ALL_CODES = np.arange(256).astype(np.uint8)
LAWS = {"ulaw": (audio.ulaw_encode, audio.ulaw_decode), "alaw": (audio.alaw_encode, audio.alaw_decode)}
# Table 2a/G.711: 14-bit decision values 1, 3, ..., 31, 35, ..., 95, 103, ..., 8159 (virtual).
ULAW_DECISIONS = list(accumulate([1] + [2] * 15 + [4 << s for s in range(7) for _ in range(16)]))
# Table 1a/G.711: 13-bit decision values 2, 4, ..., 64, 68, ..., 128, ..., 4096 (virtual).
ALAW_DECISIONS = list(accumulate([2] * 32 + [4 << s for s in range(6) for _ in range(16)]))


def reference_ulaw_encode(sample: int) -> int:
    magnitude = (sample if sample >= 0 else ~sample) >> 2
    number = min(bisect.bisect_right(ULAW_DECISIONS, magnitude), 127)
    return (0xFF if sample >= 0 else 0x7F) - number


def reference_alaw_encode(sample: int) -> int:
    magnitude = (sample if sample >= 0 else ~sample) >> 3
    number = bisect.bisect_right(ALAW_DECISIONS, magnitude)
    return (number | (0x80 if sample >= 0 else 0)) ^ 0x55


def reference_ulaw_decode(code: int) -> int:
    number = 127 - (code & 0x7F)
    edges = ULAW_DECISIONS[number - 1] + ULAW_DECISIONS[number] if number else 0
    return 4 * (edges // 2) * (1 if code & 0x80 else -1)


def reference_alaw_decode(code: int) -> int:
    number = (code ^ 0x55) & 0x7F
    edges = ([0, *ALAW_DECISIONS])[number] + ALAW_DECISIONS[number]
    return 8 * (edges // 2) * (1 if code & 0x80 else -1)


REFERENCES: dict[str, tuple[Callable[[int], int], Callable[[int], int]]] = {
    "ulaw": (reference_ulaw_encode, reference_ulaw_decode),
    "alaw": (reference_alaw_encode, reference_alaw_decode),
}


@pytest.fixture(params=sorted(LAWS))
def law(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_decision_values_are_those_of_the_recommendation() -> None:
    assert ULAW_DECISIONS[15::16] == [31, 95, 223, 479, 991, 2015, 4063, 8159]
    assert ALAW_DECISIONS[31::16] == [64, 128, 256, 512, 1024, 2048, 4096]


def test_encode_equals_the_reference_for_all_samples(law: str) -> None:
    encode, reference = LAWS[law][0], REFERENCES[law][0]
    assert encode(ALL_SAMPLES).tolist() == [reference(sample) for sample in ALL_SAMPLES.tolist()]


def test_decode_equals_the_reference_for_all_codes(law: str) -> None:
    decode, reference = LAWS[law][1], REFERENCES[law][1]
    assert decode(ALL_CODES).tolist() == [reference(code) for code in range(256)]


@pytest.mark.parametrize(
    "encode, expected", [(audio.ulaw_encode, "FF 7F 80 00"), (audio.alaw_encode, "D5 55 AA 2A")]
)
def test_edge_codes(encode: Callable[[object], NDArray[np.uint8]], expected: str) -> None:
    codes = encode(np.array([0, -1, 32767, -32768], np.int16))
    assert codes.tobytes() == bytes.fromhex(expected)


def test_decoding_has_its_known_extremes() -> None:
    assert audio.ulaw_decode(b"\x80\x00\xff\x7f").tolist() == [32124, -32124, 0, 0]
    assert audio.alaw_decode(b"\xaa\x2a\xd5\x55").tolist() == [32256, -32256, 8, -8]


def test_encoding_again_gives_the_same_codes_but_for_negative_zero(law: str) -> None:
    encode, decode = LAWS[law]
    again = encode(decode(ALL_CODES))
    changed = {int(code): int(again[code]) for code in np.flatnonzero(again != ALL_CODES)}
    assert changed == ({0x7F: 0xFF} if law == "ulaw" else {})


def test_the_round_trip_is_monotonic(law: str) -> None:
    encode, decode = LAWS[law]
    assert np.all(np.diff(decode(encode(ALL_SAMPLES)).astype(int)) >= 0)


@pytest.mark.parametrize("name, limit", [("ulaw", 32124), ("alaw", 32256)])
def test_the_error_is_at_most_512_inside_the_range(name: str, limit: int) -> None:
    encode, decode = LAWS[name]
    inside = ALL_SAMPLES[np.abs(ALL_SAMPLES.astype(int)) <= limit]
    error = decode(encode(inside)).astype(int) - inside
    assert np.abs(error).max() <= 512


def signal_to_distortion(name: str, dbm0: float) -> float:
    """Return the ratio in dB of a fitted 1020 Hz tone to everything else, DC included."""
    encode, decode = LAWS[name]
    full_scale_dbm0, peak = {"ulaw": (3.17, 8159 * 4), "alaw": (3.14, 4096 * 8)}[name]
    phase = 2 * math.pi * 1020 / 8000 * np.arange(8000) + 0.3
    tone = peak * 10 ** ((dbm0 - full_scale_dbm0) / 20) * np.sin(phase)
    heard = decode(encode(audio.from_float32(tone / 32768))).astype(float)
    basis = np.stack([np.sin(phase), np.cos(phase)], axis=1)
    fit = basis @ np.linalg.lstsq(basis, heard, rcond=None)[0]
    return 10 * math.log10(float(np.mean(fit**2) / np.mean((heard - fit) ** 2)))


LEVELS_DBM0 = (3, 0, -10, -20, -30, -40, -45)
DISTORTION_DB = {
    "ulaw": (39.3, 36.8, 38.7, 36.9, 36.6, 32.4, 29.8),
    "alaw": (39.6, 37.1, 38.2, 37.2, 37.4, 30.7, 25.2),
}


def test_signal_to_total_distortion_at_1020_hz(law: str) -> None:
    measured = [signal_to_distortion(law, level) for level in LEVELS_DBM0]
    assert measured == pytest.approx(DISTORTION_DB[law], abs=0.055)  # as stated, to 0.1


@pytest.mark.parametrize(
    "name, period", [("ulaw", "1E 0B 0B 1E 9E 8B 8B 9E"), ("alaw", "34 21 21 34 B4 A1 A1 B4")]
)
def test_the_digital_milliwatt(name: str, period: str) -> None:
    """Tables 5 and 6: a 1 kHz tone of 0 dBm0, which encodes to itself again."""
    encode, decode = LAWS[name]
    codes = bytes.fromhex(period) * 100
    samples = decode(codes).astype(float)
    full_scale_dbm0, peak = {"ulaw": (3.17, 8159 * 4), "alaw": (3.14, 4096 * 8)}[name]
    rms_dbm0 = full_scale_dbm0 + 20 * math.log10(np.sqrt(np.mean(samples**2)) * math.sqrt(2) / peak)
    assert rms_dbm0 == pytest.approx(0, abs=0.01)
    assert encode(decode(codes)).tobytes() == codes
    assert np.argmax(np.abs(np.fft.rfft(samples))) == 1000 * len(codes) // 8000


def ulaw_number(code: int) -> int:
    return ~code & 0x7F


def alaw_number(code: int) -> int:
    return 1 + ((code ^ 0x55) & 0x7F)


def test_transcoding_there_and_back_changes_what_the_recommendation_says() -> None:
    there = audio.ulaw_to_alaw(audio.alaw_to_ulaw(ALL_CODES))
    assert {alaw_number(c) for c in range(256) if there[c] != c} == {26, 28, 30, 32, 45, 47, 63, 80}
    back = audio.alaw_to_ulaw(audio.ulaw_to_alaw(ALL_CODES))
    assert {ulaw_number(c) for c in range(256) if back[c] != c} == set(range(0, 15, 2))


def test_the_transcoding_tables_are_the_recommendations() -> None:
    """CRC-32 of Tables 3 and 4 as octets on the line, taken from the Recommendation once."""
    assert zlib.crc32(audio.ulaw_to_alaw(ALL_CODES).tobytes()) == 1741262467
    assert zlib.crc32(audio.alaw_to_ulaw(ALL_CODES).tobytes()) == 3848288151


def test_transcoding_keeps_the_sign_and_is_not_the_way_through_pcm() -> None:
    by_table = audio.ulaw_to_alaw(ALL_CODES)
    assert np.all((by_table ^ ALL_CODES) & 0x80 == 0)
    assert np.sum(by_table != audio.alaw_encode(audio.ulaw_decode(ALL_CODES))) == 46
    by_table = audio.alaw_to_ulaw(ALL_CODES)
    assert np.all((by_table ^ ALL_CODES) & 0x80 == 0)
    assert np.sum(by_table != audio.ulaw_encode(audio.alaw_decode(ALL_CODES))) == 34


def test_audioop_ulaw_differs_from_the_reference_by_one_step_in_508_samples_codes() -> None:
    theirs, ours = audio.ulaw_encode_audioop(ALL_SAMPLES), audio.ulaw_encode(ALL_SAMPLES)
    differing = theirs != ours
    assert differing.sum() == 508
    assert np.abs(theirs[differing].astype(int) - ours[differing]).max() == 1
    assert ALL_SAMPLES[differing].max() < 0


def test_equal_to_the_audioop_of_this_python() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        audioop = pytest.importorskip("audioop", reason="removed in Python 3.13")
    pcm, codes = ALL_SAMPLES.tobytes(), ALL_CODES.tobytes()
    assert audio.ulaw_encode_audioop(pcm).tobytes() == audioop.lin2ulaw(pcm, 2)
    assert audio.alaw_encode(pcm).tobytes() == audioop.lin2alaw(pcm, 2)
    assert audio.ulaw_decode(codes).tobytes() == audioop.ulaw2lin(codes, 2)
    assert audio.alaw_decode(codes).tobytes() == audioop.alaw2lin(codes, 2)


def test_the_tables_cannot_be_changed_by_what_is_returned() -> None:
    first = audio.ulaw_decode(ALL_CODES)
    first[:] = 0
    assert audio.ulaw_decode(ALL_CODES)[0] == -32124


@pytest.mark.parametrize("name", ["ulaw_decode", "alaw_decode", "ulaw_to_alaw", "alaw_to_ulaw"])
def test_every_pair_of_codes_is_looked_up_like_each_alone(name: str) -> None:
    function = getattr(audio, name)
    table = function(np.arange(256, dtype=np.uint8))
    pairs = np.arange(1 << 16, dtype=np.uint16).view(np.uint8)
    assert np.array_equal(function(pairs), table[pairs])
    for codes in (pairs[:-1], pairs[1:], pairs[::2], pairs[::-1], pairs.reshape(256, -1), pairs[3:2004]):
        found = function(codes)
        assert found.shape == codes.shape
        assert np.array_equal(found, table[codes])
