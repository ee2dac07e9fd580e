"""Stereo recording: every sample is at its position on the log's time line."""

from __future__ import annotations

import base64
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from realtime.audio import Resampler, WavAudio, read_wav, ulaw_decode
from realtime.cli.wav import default_out
from realtime.errors import AudioError, ConfigError
from realtime.recording import StereoCall, stereo_wav
from tests.work import count_lines

NOISE = np.random.default_rng(3).integers(-9000, 9000, 480_000).astype("<i2")
ULAW = {"audio": {"input": {"format": {"type": "audio/pcmu"}}, "output": {"format": {"type": "audio/pcmu"}}}}


class Log:
    """A log written by a test."""

    def __init__(self, path: Path) -> None:
        self.path, self.lines = path, list[str]()

    def add(self, direction: str, time_ms: float, kind: str, **members: Any) -> None:
        frame = {"type": kind, **members}
        self.lines.append(json.dumps({"direction": direction, "time_ms": time_ms, "frame": frame}))

    def append(self, time_ms: float, samples: NDArray[Any], kind: str = "input_audio_buffer.append") -> None:
        self.add("client", time_ms, kind, audio=base64.b64encode(samples.tobytes()).decode())

    def delta(self, time_ms: float, samples: NDArray[Any], item: str = "a", **members: Any) -> None:
        delta = base64.b64encode(samples.tobytes()).decode()
        members = {"item_id": item, "response_id": f"r{item}", "content_index": 0, **members}
        self.add(
            "server", time_ms, members.pop("kind", "response.output_audio.delta"), **members, delta=delta
        )

    def mixed(self, **options: Any) -> tuple[StereoCall, NDArray[Any], NDArray[Any]]:
        self.path.write_text("\n".join(self.lines))
        out = self.path.with_suffix(".wav")
        call = stereo_wav(self.path, out, **options)
        found = read_wav(out)
        assert (found.channels, found.encoding, found.sample_rate) == (2, "pcm16", call.sample_rate)
        assert found.frames == round(call.duration_ms * call.sample_rate / 1000)
        samples = np.frombuffer(found.data, "<i2").reshape(-1, 2)
        return call, samples[:, 0], samples[:, 1]


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "call.jsonl")


def placed(total: int, *pieces: tuple[int, NDArray[Any]]) -> NDArray[Any]:
    track = np.zeros(total, "<i2")
    for at, samples in pieces:
        track[at : at + len(samples)] = samples
    return track


def ms(milliseconds: float, rate: int = 24) -> int:
    return round(milliseconds * rate)


def test_audio_is_placed_at_the_times_of_the_log(log: Log) -> None:
    caller, assistant = NOISE[: ms(400)], NOISE[ms(1000) : ms(2500)]
    for n, jitter in enumerate([0, 13, 0, 60, 2, 0, 1, 30, 0, 5]):  # 40 ms each, some late
        log.append(100.5 + n * 40 + jitter, caller[ms(40) * n : ms(40) * (n + 1)])
    for n in range(5):  # 300 ms each, much faster than played
        log.delta(700 + n * 20, assistant[ms(300) * n : ms(300) * (n + 1)])
    call, left, right = log.mixed()
    assert np.array_equal(left, placed(ms(2200), (ms(100.5), caller)))
    assert np.array_equal(right, placed(ms(2200), (ms(700), assistant)))
    assert call == StereoCall(24000, 2200.0, 400.0, 1500.0, 0, 0)


def test_a_pause_leaves_a_gap_and_jitter_does_not(log: Log) -> None:
    piece = NOISE[: ms(100)]
    for at in (0, 390, 1000, 1150):  # late by 290, a pause of 510, late by 50
        log.append(at, piece)
    _, left, _ = log.mixed()
    assert np.array_equal(
        left, placed(ms(1200), (0, NOISE[: ms(100)]), (ms(100), piece), (ms(1000), piece), (ms(1100), piece))
    )
    _, left, _ = log.mixed(gap_ms=40)
    starts = (0, 390, 1000, 1150)
    assert np.array_equal(left, placed(ms(1250), *((ms(at), piece) for at in starts)))


def test_responses_follow_one_another(log: Log) -> None:
    first, second = NOISE[: ms(500)], NOISE[ms(500) : ms(900)]
    log.delta(100, first)
    log.delta(200, second, "b")
    log.delta(1010, first, "c")  # 10 ms after the end: not a late piece, as it begins an item
    _, _, right = log.mixed()
    assert np.array_equal(right, placed(ms(1510), (ms(100), first), (ms(600), second), (ms(1010), first)))


@pytest.mark.parametrize("who", ["client", "server"])
def test_barge_in_ends_the_audio(log: Log, who: str) -> None:
    audio = NOISE[: ms(3000)]
    log.delta(100, audio[: ms(2000)])
    log.delta(150, audio[ms(2000) :])
    kind = {"client": "conversation.item.truncate", "server": "conversation.item.truncated"}[who]
    log.add(who, 900, kind, item_id="a", content_index=0, audio_end_ms=725)
    log.delta(910, audio[: ms(500)])  # late: the server had not received the truncate yet
    log.delta(1200, audio[: ms(100)], "b")
    call, _, right = log.mixed()
    assert np.array_equal(right, placed(ms(1300), (ms(100), audio[: ms(725)]), (ms(1200), audio[: ms(100)])))
    assert call.truncations == 1
    assert call.assistant_ms == 825


def test_a_truncation_sent_by_both_sides_counts_once(log: Log) -> None:
    """The client's truncate, and the server's confirmation after the next item has begun."""
    audio = NOISE[: ms(2000)]
    log.delta(100, audio)
    log.add("client", 900, "conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=700)
    log.delta(910, audio[: ms(500)], "b")
    log.add("server", 1000, "conversation.item.truncated", item_id="a", content_index=0, audio_end_ms=700)
    log.add("server", 1001, "output_audio_buffer.cleared", response_id="ra")
    call, _, right = log.mixed()
    assert np.array_equal(right, placed(ms(1001), (ms(100), audio[: ms(700)]), (ms(910), audio[: ms(91)])))
    assert (call.truncations, call.assistant_ms) == (2, 791)


def test_a_cleared_buffer_ends_the_audio(log: Log) -> None:
    audio = NOISE[: ms(2000)]
    log.delta(0, audio)
    log.add("server", 500.25, "output_audio_buffer.cleared", response_id="ra")
    log.delta(510, audio)
    log.delta(600, audio[: ms(50)], "b")
    call, _, right = log.mixed()
    assert np.array_equal(right, placed(ms(650), (0, audio[: ms(500.25)]), (ms(600), audio[: ms(50)])))
    assert call.truncations == 1


def test_a_late_truncation_leaves_later_audio(log: Log) -> None:
    log.delta(0, NOISE[: ms(200)])
    log.delta(300, NOISE[: ms(200)], "b")
    log.add("client", 600, "conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=50)
    log.add("client", 600, "conversation.item.truncate", item_id="unknown", audio_end_ms=50)
    _, _, right = log.mixed()
    assert np.array_equal(right, placed(ms(500), (0, NOISE[: ms(50)]), (ms(300), NOISE[: ms(200)])))


# --- Formats -------------------------------------------------------------------------


def test_a_g711_call_stays_at_8_khz(log: Log) -> None:
    codes = NOISE.view(np.uint8)[:8000]
    log.add("server", 0, "session.updated", session=ULAW)
    log.append(10, codes[:4000])
    log.delta(20, codes)
    call, left, right = log.mixed()
    assert call.sample_rate == 8000
    assert np.array_equal(left, placed(8160, (80, ulaw_decode(codes[:4000].copy()))))
    assert np.array_equal(right, placed(8160, (160, ulaw_decode(codes.copy()))))
    assert log.mixed(sample_rate=24000)[0].sample_rate == 24000


def test_formats_may_change_during_a_call(log: Log) -> None:
    codes = NOISE.view(np.uint8)[:1600]
    log.append(0, NOISE[: ms(100)])
    log.add("client", 90, "session.update", session={"input_audio_format": "g711_ulaw"})
    log.append(100, codes)
    log.add("server", 299, "session.updated", session={"input_audio_format": "pcm16"})
    log.append(300, NOISE[: ms(100)])
    _, left, _ = log.mixed()
    up = Resampler(8000, 24000)
    decoded = ulaw_decode(codes.copy())
    middle = np.concatenate([up.process(decoded), up.flush()])
    assert np.array_equal(
        left, placed(ms(400), (0, NOISE[: ms(100)]), (ms(100), middle), (ms(300), NOISE[: ms(100)]))
    )


@pytest.mark.parametrize(
    ("append", "delta", "session"),
    [
        ("input_audio_buffer.append", "response.audio.delta", {"session": {"output_audio_format": "pcm16"}}),
        ("session.input_audio_buffer.append", "session.output_audio.delta", {}),
        ("session.input_audio.append", "session.output_audio.delta", {"session": {"audio": {"format": {"type": "audio/pcm", "rate": 24000}}}}),
    ],
)  # fmt: skip
def test_every_dialect(log: Log, append: str, delta: str, session: Any) -> None:
    log.add("server", 0, "session.created", **session)
    log.append(0, NOISE[:2400], append)
    log.add(
        "server", 0, append, audio=base64.b64encode(NOISE[:100].tobytes()).decode()
    )  # the echo of a sideband
    log.delta(50, NOISE[:1200], kind=delta)
    _, left, right = log.mixed()
    assert np.array_equal(left, NOISE[:2400])
    assert np.array_equal(right, placed(2400, (1200, NOISE[:1200])))


def test_sample_rates_of_the_session_and_of_a_delta(log: Log) -> None:
    log.add(
        "server", 0, "session.started", session={"audio": {"format": {"type": "audio/pcm", "rate": 16000}}}
    )
    log.append(0, NOISE[:1600], "session.input_audio.append")
    log.delta(0, NOISE[:4800], kind="session.output_audio.delta", sample_rate=48000)
    call, left, right = log.mixed()
    assert call.sample_rate == 24000
    assert len(left) == len(right) == 2400


def test_audio_left_out_of_the_log_is_silence(log: Log) -> None:
    log.add("client", 0, "input_audio_buffer.append", audio="", audio_bytes=4800)
    log.append(100, NOISE[:2400])
    _, left, _ = log.mixed()
    assert np.array_equal(left, placed(4800, (2400, NOISE[:2400])))


@settings(max_examples=30)
@given(st.lists(st.integers(1, 999), min_size=1, max_size=20))
def test_any_split_of_a_stream_gives_the_same_audio(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int]
) -> None:
    log = Log(tmp_path_factory.mktemp("split") / "a.jsonl")
    data, at = NOISE.tobytes()[: sum(sizes) // 2 * 2], 0
    for size in sizes:  # a sample may be split
        log.append(at / 48, np.frombuffer(data[at : at + size], "u1"))
        at += size
    _, left, _ = log.mixed()
    assert left.tobytes() == data


# --- Malformed input -----------------------------------------------------------------


def test_malformed_frames_are_skipped(log: Log) -> None:
    log.append(0, NOISE[:2400])
    for frame in ({"audio": 5}, {"audio": "!"}, {}, {"audio": None}):
        log.add("client", 0, "input_audio_buffer.append", **frame)
    log.add("server", 0, "session.updated", session=5)
    log.add("server", 0, "session.updated", session={"audio": {"output": {"format": {"type": "new"}}}})
    log.add("server", 0, "response.created", response=[])
    log.lines += ["{", "", '{"direction":"server","time_ms":1,"frame":"no JSON"}']
    call, left, _ = log.mixed()
    assert call.broken == 1
    assert np.array_equal(left, NOISE[:2400])


def test_a_call_too_long_for_a_file(log: Log) -> None:
    log.append(13 * 3600 * 1000, NOISE[:2400])
    with pytest.raises(AudioError, match=r"12\.4 hours"):
        log.mixed()
    assert not log.path.with_suffix(".wav").exists()


@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_a_recording_does_not_overwrite_its_log(log: Log) -> None:
    log.append(0, NOISE[:2400])
    log.mixed()
    before, link = log.path.read_bytes(), log.path.with_name("link.wav")
    link.symlink_to(log.path)
    for out in (log.path, str(log.path), link):
        with pytest.raises(ConfigError, match="is the log that is read"):
            stereo_wav([log.path.with_suffix(".wav"), log.path], out)
    assert log.path.read_bytes() == before


def test_an_empty_log_gives_an_empty_file(log: Log) -> None:
    call, left, _ = log.mixed()
    assert (call.duration_ms, len(left)) == (0, 0)


def test_the_default_name_of_the_file() -> None:
    assert default_out("a/call.jsonl.gz") == str(Path("a") / "call.wav")
    assert default_out("call") == "call.wav"
    assert WavAudio(b"", "pcm16", 8000, 2).frames == 0


# --- Hostile logs ----------------------------------------------------------------------


@pytest.mark.parametrize("time_ms", ["1.2.3", "1e308", "1" * 400, "NaN", "-5", "1e16"])
def test_lines_with_a_time_that_is_none_are_broken(log: Log, time_ms: str) -> None:
    log.append(0, NOISE[:2400])
    log.append(123456, NOISE[:2400])
    log.lines[-1] = log.lines[-1].replace("123456", time_ms)
    call, left, _ = log.mixed()
    assert call.broken == 1
    assert np.array_equal(left, NOISE[:2400])


@pytest.mark.parametrize("time_ms", [5e7, 1e12, 1e15])
@pytest.mark.parametrize("nbytes", [0, 1, 4800])
def test_a_time_beyond_a_file_is_an_audio_error(log: Log, time_ms: float, nbytes: int) -> None:
    log.append(0, NOISE[:2400])
    log.append(time_ms, NOISE[:2400].view("u1")[:nbytes])
    if nbytes:
        with pytest.raises(AudioError, match="longer than the"):
            log.mixed()
    else:  # there is no audio at that time
        assert log.mixed()[0].duration_ms == 100


@pytest.mark.parametrize("audio_end_ms", [0, 50, 1e15, 1e300, -1e300])
def test_a_truncation_at_any_time(log: Log, audio_end_ms: float) -> None:
    log.delta(0, NOISE[:2400])
    log.add(
        "client", 1e15, "conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=audio_end_ms
    )
    log.add("client", 1e15, "output_audio_buffer.cleared", response_id="ra")
    log.add("server", 1e15, "conversation.item.truncated", item_id="a", audio_end_ms=10**400)
    call, _, _ = log.mixed()
    assert call.assistant_ms == min(100, max(0, audio_end_ms))


@pytest.mark.parametrize("gap_ms", [-1, float("nan"), float("inf")])
def test_an_impossible_gap_is_a_config_error(log: Log, gap_ms: float) -> None:
    log.append(0, NOISE[:2400])
    with pytest.raises(ConfigError, match="gap_ms"):
        log.mixed(gap_ms=gap_ms)


def test_truncations_of_parts_with_gaps(log: Log) -> None:
    """Each of three pieces of one part is 100 ms long, and the truncations come from both sides."""
    piece = NOISE[: ms(100)]
    for at in (0, 500, 1000):
        log.delta(at, piece)
    for audio_end_ms in (250, 250, 120, 120, 400, 100):
        for direction, kind in (("client", "truncate"), ("server", "truncated")):
            log.add(
                direction, 2000, f"conversation.item.{kind}", item_id="a", content_index=0, audio_end_ms=audio_end_ms
            )  # fmt: skip
        if audio_end_ms == 120:
            call, _, right = log.mixed()
            assert np.array_equal(right, placed(ms(1000), (0, piece), (ms(500), piece[: ms(20)])))
            assert call.assistant_ms == 120
    call, _, right = log.mixed()
    assert np.array_equal(right, placed(ms(1000), (0, piece)))
    assert (call.assistant_ms, call.truncations) == (100, 3)


def test_audio_between_others_is_silenced_in_blocks(log: Log) -> None:
    log.delta(0, np.tile(NOISE, 2)[: ms(15_000)])
    log.delta(15_000, NOISE[: ms(100)], "b")
    log.add("client", 15_000, "conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=10.5)
    call, _, right = log.mixed()
    assert np.array_equal(right, placed(ms(15_100), (0, NOISE[: ms(10.5)]), (ms(15_000), NOISE[: ms(100)])))
    assert call.assistant_ms == 110.5


@pytest.mark.slow
def test_silence_of_a_claimed_length_takes_little_memory(log: Log) -> None:
    log.add("server", 0, "session.updated", session=ULAW)
    log.add("client", 0, "input_audio_buffer.append", audio="", audio_bytes=20_000_000)
    log.path.write_text("\n".join(log.lines))
    tracemalloc.start()
    try:
        stereo_wav(log.path, log.path.with_suffix(".wav"), sample_rate=24_000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 60_000_000


def hostile_lines(kind: str, n: int) -> list[str]:
    log = Log(Path())
    for i in range(n):
        if kind == "pieces with gaps":
            log.delta(i * 400, NOISE[:1])
        elif kind == "parts":
            log.delta(i * 10, NOISE[:24], f"{i}")
        elif kind == "times that go back":
            log.append(1e6 - i * 400, NOISE[:24])
        elif kind == "formats that alternate":
            log.delta(i * 10, NOISE[:24], sample_rate=(16_000, 48_000)[i % 2])
        elif kind == "truncations":
            log.delta(i * 400, NOISE[:24])
        else:
            log.append(i, NOISE[:1].view("u1")[:1])
    if kind == "truncations":
        for i in range(n):
            log.add(
                "client", 1e6, "conversation.item.truncate", item_id="a", audio_end_ms=1e9 if i % 2 else n - i
            )
            log.add("server", 1e6, "output_audio_buffer.cleared", response_id="ra")
    return log.lines


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize(
    "kind",
    [
        "pieces with gaps",
        "parts",
        "times that go back",
        "formats that alternate",
        "truncations",
        "half samples",
    ],
)
def test_the_work_of_an_export_grows_with_the_log_and_not_faster(tmp_path: Path, kind: str) -> None:
    def work(n: int) -> int:
        path = tmp_path / "a.jsonl"
        path.write_text("\n".join(hostile_lines(kind, n)))
        return count_lines(lambda: stereo_wav(path, tmp_path / "a.wav", sample_rate=24_000))

    few, many, most = (work(n) for n in (10, 100, 1000))
    assert many <= 12 * few
    assert most <= 12 * many
