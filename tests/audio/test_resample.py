"""The resampler's bars, measured on its int16 output for every ordered pair of rates."""

from __future__ import annotations

import hashlib
import math
import tracemalloc
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from realtime.audio import Resampler
from realtime.audio.resample import HALF_PERIODS, SAMPLE_RATES, TAP_UNIT, filter_of, taps
from realtime.errors import AudioError
from tests.audio.measure import passband, rejection, steady, whole

PAIRS = list(permutations(SAMPLE_RATES, 2))
NOISE = np.random.default_rng(5).integers(-32768, 32768, 4001).astype(np.int16)
every_pair = pytest.mark.parametrize("in_rate, out_rate", PAIRS)
Pcm = NDArray[np.int16]


@every_pair
def test_passband_ripple_is_at_most_0_2_db(in_rate: int, out_rate: int) -> None:
    assert passband(in_rate, out_rate)[0] <= 0.2


@every_pair
def test_sinad_is_at_least_75_db(in_rate: int, out_rate: int) -> None:
    assert passband(in_rate, out_rate)[1] >= 75


@every_pair
def test_aliases_and_images_are_at_least_80_db_down(in_rate: int, out_rate: int) -> None:
    assert rejection(in_rate, out_rate) >= 80


@every_pair
def test_the_filter_itself_is_80_db_down_from_1_15_of_the_lower_nyquist(in_rate: int, out_rate: int) -> None:
    fir = filter_of(in_rate, out_rate)
    response = np.abs(np.fft.rfft(taps(fir.up, fir.down), 1 << 16))
    part = np.arange(response.size) / (response.size - 1) * max(fir.up, fir.down)
    assert 20 * math.log10(response[part >= 1.15].max() / response[0]) <= -80


@pytest.mark.parametrize("in_rate, out_rate", [*PAIRS, (8000, 8000), (48000, 48000)])
def test_the_length_is_exactly_the_ceiling(in_rate: int, out_rate: int) -> None:
    for n in (*range(70), 479, 480, 481, 1 << 14, (1 << 14) + 1):
        assert whole(in_rate, out_rate, np.zeros(n, np.int16)).size == -(-n * out_rate // in_rate)


@pytest.mark.mostly_slow(quick=4)
@every_pair
@settings(max_examples=25)
@given(cuts=st.lists(st.integers(0, NOISE.size), max_size=40).map(sorted))
def test_any_split_equals_the_whole_to_the_bit(in_rate: int, out_rate: int, cuts: list[int]) -> None:
    resampler = Resampler(in_rate, out_rate)
    edges = [0, *cuts, NOISE.size]
    pieces = [resampler.process(NOISE[a:b]) for a, b in pairwise(edges)]
    assert np.array_equal(np.concatenate([*pieces, resampler.flush()]), whole(in_rate, out_rate, NOISE))


@every_pair
def test_single_samples_and_slabs_equal_the_definition(in_rate: int, out_rate: int) -> None:
    """The definition in Python's integers: y[m] = sum of x[k] * h[m*down - k*up]."""
    fir = filter_of(in_rate, out_rate)
    h = (taps(fir.up, fir.down) / TAP_UNIT).astype(np.int64)
    samples = NOISE[:300].astype(np.int64)
    stuffed = np.zeros(samples.size * fir.up, np.int64)
    stuffed[:: fir.up] = samples
    sums = np.convolve(stuffed, h)[fir.half :][: stuffed.size : fir.down]
    exact = [max(-32768, min(32767, round_half_even(int(s)))) for s in sums]
    resampler = Resampler(in_rate, out_rate)
    ones = [resampler.process(NOISE[i : i + 1]) for i in range(300)]
    assert np.concatenate([*ones, resampler.flush()]).tolist() == exact


FROZEN = {
    (8000, 16000): "71412c3c110808d9", (8000, 24000): "1b2669807e976783", (8000, 48000): "4271777e69542b18",
    (16000, 8000): "69c5143c94fc5459", (16000, 24000): "ac8b23df1de4bca1", (16000, 48000): "1b2669807e976783",
    (24000, 8000): "18eebfb23b0b0517", (24000, 16000): "8cc0892f5a754951", (24000, 48000): "71412c3c110808d9",
    (48000, 8000): "f2edd3e76de24755", (48000, 16000): "18eebfb23b0b0517", (48000, 24000): "69c5143c94fc5459",
}  # fmt: skip


@every_pair
def test_the_output_is_that_of_every_version(in_rate: int, out_rate: int) -> None:
    """Recorded with 0.1.0's first filter: a change of any tap, or of how sums are made, changes a hash."""
    noise = np.frombuffer(hashlib.shake_256(b"resampler").digest(2 * 20_001), "<i2")
    output = whole(in_rate, out_rate, noise.astype(np.int16)).astype("<i2").tobytes()
    assert hashlib.sha256(output).hexdigest()[:16] == FROZEN[in_rate, out_rate]


def round_half_even(units: int) -> int:
    quotient, rest = divmod(units, 1 << 30)
    return quotient + (rest > 1 << 29 or (rest == 1 << 29 and quotient % 2 == 1))


@every_pair
def test_a_long_buffer_equals_its_chunks(in_rate: int, out_rate: int) -> None:
    long = np.tile(NOISE, 17)
    resampler = Resampler(in_rate, out_rate)
    step = in_rate // 50
    pieces = [resampler.process(long[i : i + step]) for i in range(0, long.size, step)]
    assert np.array_equal(np.concatenate([*pieces, resampler.flush()]), whole(in_rate, out_rate, long))


@every_pair
def test_every_sum_is_exact_in_float64(in_rate: int, out_rate: int) -> None:
    fir = filter_of(in_rate, out_rate)
    units = fir.matrix / TAP_UNIT
    assert np.array_equal(units, np.rint(units))
    assert np.abs(units).sum(axis=0).max() * 32768 < 2**53
    assert np.array_equal(fir.matrix.sum(axis=0), np.ones(fir.outputs))


@every_pair
def test_silence_stays_zero_and_dc_stays_within_1_lsb(in_rate: int, out_rate: int) -> None:
    assert not whole(in_rate, out_rate, np.zeros(1000, np.int16)).any()
    for level in (-32768, -1, 1, 12345, 32767):
        heard = steady(whole(in_rate, out_rate, np.full(in_rate // 10, level, np.int16)), out_rate)
        assert np.abs(heard - level).max() <= 1


@every_pair
def test_it_clips_and_never_wraps(in_rate: int, out_rate: int) -> None:
    square = np.where(np.arange(in_rate // 5) // (in_rate // 200) % 2, 32767, -32768).astype(np.int16)
    heard = whole(in_rate, out_rate, square)
    assert heard.max() == 32767
    assert heard.min() == -32768
    centre = np.arange(1, 39) * (out_rate // 200) + out_rate // 400
    level = np.where(np.arange(1, 39) % 2, 32767, -32768)
    assert np.abs(heard[centre].astype(int) - level).max() < 4000


@every_pair
def test_an_impulse_lands_where_it_was(in_rate: int, out_rate: int) -> None:
    at = in_rate // 100  # a whole number of samples at every rate
    impulse = np.zeros(in_rate // 50, np.int16)
    impulse[at] = 32767
    heard = whole(in_rate, out_rate, impulse).astype(int)
    there = out_rate // 100
    assert heard.argmax() == there
    reach = np.arange(1, out_rate // 400)
    assert np.array_equal(heard[there + reach], heard[there - reach])


@every_pair
def test_at_20_ms_chunks_exactly_delay_ms_is_withheld_and_at_most_10(in_rate: int, out_rate: int) -> None:
    resampler = Resampler(in_rate, out_rate)
    assert 0 < resampler.delay_ms <= 10
    taken = given_out = 0
    for _ in range(5):
        taken += in_rate // 50
        given_out += resampler.process(NOISE[: in_rate // 50]).size
        assert 1000 * taken / in_rate - 1000 * given_out / out_rate == pytest.approx(resampler.delay_ms)
    assert 1000 * resampler.flush().size / out_rate == pytest.approx(resampler.delay_ms)


@every_pair
def test_never_more_than_delay_ms_is_withheld(in_rate: int, out_rate: int) -> None:
    resampler = Resampler(in_rate, out_rate)
    given_out, withheld = 0, []
    for n in range(1, 200):
        given_out += resampler.process(NOISE[:1]).size
        withheld.append(1000 * n / in_rate - 1000 * given_out / out_rate)
    assert max(withheld) == pytest.approx(resampler.delay_ms)


@every_pair
def test_after_every_multiple_of_an_eighth_of_a_ms_exactly_delay_ms_is_withheld(
    in_rate: int, out_rate: int
) -> None:
    resampler = Resampler(in_rate, out_rate)
    given_out, step = 0, in_rate // 8000
    for eighths in range(1, 200):
        given_out += resampler.process(NOISE[:step]).size
        withheld = eighths / 8 - 1000 * given_out / out_rate
        assert withheld == pytest.approx(min(resampler.delay_ms, eighths / 8))


@every_pair
def test_a_long_buffer_needs_memory_for_its_output_and_a_slab(in_rate: int, out_rate: int) -> None:
    resampler = Resampler(in_rate, out_rate)
    samples = np.zeros(60 * in_rate, np.int16)
    tracemalloc.start()
    output = resampler.process(samples)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * output.nbytes + (2 << 20)


@pytest.mark.parametrize("in_rate, out_rate", [*PAIRS, (16000, 16000)])
def test_reset_and_flush_leave_a_new_one(in_rate: int, out_rate: int) -> None:
    expected = whole(in_rate, out_rate, NOISE)
    resampler = Resampler(in_rate, out_rate)
    resampler.process(NOISE[:777])
    resampler.reset()
    for _ in range(2):
        assert np.array_equal(np.concatenate([resampler.process(NOISE), resampler.flush()]), expected)
    assert resampler.flush().size == 0


def test_equal_rates_pass_through_as_a_copy() -> None:
    resampler = Resampler(24000, 24000)
    samples = NOISE.copy()
    heard = resampler.process(samples)
    assert np.array_equal(heard, samples)
    assert not np.shares_memory(heard, samples)
    assert resampler.delay_ms == 0
    assert resampler.flush().size == 0


def test_two_resamplers_share_no_state() -> None:
    first, second = Resampler(8000, 24000), Resampler(8000, 24000)
    first.process(NOISE)
    assert np.array_equal(np.concatenate([second.process(NOISE), second.flush()]), whole(8000, 24000, NOISE))


def test_the_input_is_not_changed_and_not_kept() -> None:
    samples = NOISE[:160].copy()
    resampler = Resampler(8000, 24000)
    resampler.process(samples)
    assert np.array_equal(samples, NOISE[:160])
    samples[:] = 0
    rest = np.concatenate([resampler.process(NOISE[160:320]), resampler.flush()])
    assert np.array_equal(rest, whole(8000, 24000, NOISE[:320])[-rest.size :])


@pytest.mark.parametrize(
    "rates, error",
    [((44100, 8000), AudioError), ((8000, 0), AudioError), ((-8000, 8000), AudioError), ((11025, 11025), AudioError),
     ((8000.0, 16000), TypeError), (("8000", 16000), TypeError), ((True, 8000), TypeError)],
)  # fmt: skip
def test_other_rates_are_refused(rates: tuple[int, int], error: type[Exception]) -> None:
    with pytest.raises(error):
        Resampler(*rates)


def test_the_length_of_the_filter_is_what_delay_ms_says() -> None:
    assert Resampler(24000, 8000).delay_ms == HALF_PERIODS / 8
    assert Resampler(48000, 24000).delay_ms == pytest.approx(HALF_PERIODS / 24)
