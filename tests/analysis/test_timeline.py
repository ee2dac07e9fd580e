"""The timeline of a log: its range, the placement of audio, and envelopes."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pybase64
import pytest
from hypothesis import given, settings, strategies as st

from realtime.analysis import timeline as timeline_module
from realtime.analysis.event_list import EventList, Row
from realtime.analysis.timeline import MAX_BINS, MAX_MS, CallAudio, Span, Timeline, read_timeline
from realtime.audio import read_wav, ulaw_decode, ulaw_encode
from realtime.recording import Entry, stereo_wav
from realtime.recording.log import Direction

from .page_logs import hotel

Timelines = Callable[..., AbstractContextManager[Timeline]]
NOISE = np.random.default_rng(5).integers(-9000, 9000, 240_000).astype("<i2")


def line(direction: str, time_ms: float, type: str, **members: Any) -> str:
    return json.dumps({"direction": direction, "time_ms": time_ms, "frame": {"type": type, **members}})


def base64(audio: Any) -> str:
    return pybase64.b64encode(bytes(memoryview(audio).cast("B"))).decode()


def append(time_ms: float, audio: Any) -> str:
    return line("client", time_ms, "input_audio_buffer.append", audio=base64(audio))


def delta(time_ms: float, audio: Any, item: str = "a", **members: Any) -> str:
    ids = {"response_id": f"r{item}", "item_id": item, "content_index": 0}
    return line("server", time_ms, "response.output_audio.delta", **ids, **members, delta=base64(audio))


def wav_of(audio: CallAudio) -> bytes:
    return pybase64.b64decode(b"".join(audio.wav_base64()))


@pytest.fixture
def timeline_of(tmp_path: Path) -> Timelines:
    def made(*lines: str) -> AbstractContextManager[Timeline]:
        path = tmp_path / "call.jsonl"
        path.write_text("\n".join(lines))
        return read_timeline(path)

    return made


def rows_of(timeline: Timeline) -> list[Row]:
    return [*timeline.events]


# --- Audio ----------------------------------------------------------------------------


@pytest.mark.mostly_slow(quick=1)
@pytest.mark.parametrize("format", ["pcm16", "g711_ulaw"])
def test_audio_equals_the_stereo_recording(tmp_path: Path, format: str) -> None:
    log = hotel(format).write(tmp_path / "call.jsonl")
    stereo_wav(log, tmp_path / "call.wav", sample_rate=8000)
    with read_timeline(log) as timeline:
        wav = wav_of(timeline.audio)
        assert timeline.end_ms == timeline.audio.end_ms == 44_100
        spans = [(span.start_ms, span.end_ms, span.response) for span in timeline.audio.assistant]
    (tmp_path / "ours.wav").write_bytes(wav)
    ours, theirs = read_wav(tmp_path / "ours.wav"), read_wav(tmp_path / "call.wav")
    assert (ours.encoding, ours.sample_rate, ours.channels) == ("g711_ulaw", 8000, 2)
    assert ours.data == ulaw_encode(theirs.data).tobytes()
    assert spans == [
        (1010, 4410, "resp_1"),
        (8760, 11_060, "resp_2"),  # truncated after 2300 ms
        (16_840, 23_040, "resp_4"),
        (30_460, 32_460, "resp_5"),
        (33_310, 35_310, "resp_5"),
        (39_390, 42_190, "resp_6"),
    ]


def test_the_envelope_has_minimum_maximum_and_rms(timeline_of: Timelines) -> None:
    session = line("server", 0, "session.updated", session={"input_audio_format": "g711_ulaw"})
    codes = ulaw_encode((NOISE[:8040].astype(np.int32) * np.linspace(0, 1, 8040)).astype("<i2"))
    with timeline_of(session, append(0, codes)) as timeline:
        envelope = timeline.audio.envelope("caller", timeline.end_ms)
        silent = timeline.audio.envelope("assistant", timeline.end_ms)
    assert (envelope.bin_ms, silent.data) == (10, b"")
    samples = np.pad(ulaw_decode(codes), (0, 40)).reshape(101, 80) / 32768
    low, high, rms = np.split(np.frombuffer(envelope.data, np.uint8), 3)
    for row, wanted in ((low, samples.min(axis=1)), (high, samples.max(axis=1))):
        roots = row.view(np.int8) / 127
        assert np.allclose(np.sign(roots) * roots**2, wanted, atol=0.006)
    assert np.allclose((rms / 255) ** 2, np.sqrt((samples**2).mean(axis=1)), atol=0.006)


@pytest.mark.parametrize(
    ("minutes", "bin_ms"), [(0, 10), (30, 10), (34, 20), (60, 20), (67, 50), (12 * 60, 500), (99 * 60, 500)]
)
def test_the_envelope_is_bounded(minutes: int, bin_ms: int) -> None:
    with CallAudio() as audio:
        assert audio.envelope("caller", minutes * 60_000).bin_ms == bin_ms
    assert MAX_MS / 500 <= MAX_BINS


TRUNCATIONS: list[tuple[str, list[str], list[Span]]] = [
    ("of an item", [line("client", 900, "conversation.item.truncate", item_id="a", audio_end_ms=300)],
     [Span(0, 300, "ra", "a/0")]),
    ("from both sides", [
        line("client", 900, "conversation.item.truncate", item_id="a", audio_end_ms=300),
        line("server", 950, "conversation.item.truncated", item_id="a", audio_end_ms=300)],
     [Span(0, 300, "ra", "a/0")]),
    ("at once", [line("client", 900, "conversation.item.truncate", item_id="a", audio_end_ms=0)], []),
    ("after its end", [line("client", 900, "conversation.item.truncate", item_id="a", audio_end_ms=7000)],
     [Span(0, 500, "ra", "a/0"), Span(500, 1000, "rb", "b/0")]),
    ("of nothing known", [line("client", 600, "conversation.item.truncate", item_id="z", audio_end_ms=0)],
     [Span(0, 500, "ra", "a/0"), Span(500, 1000, "rb", "b/0")]),
    ("of the buffer", [line("server", 700, "output_audio_buffer.cleared", response_id="rb")],
     [Span(0, 500, "ra", "a/0"), Span(500, 700, "rb", "b/0")]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "spans"), [case[1:] for case in TRUNCATIONS], ids=[case[0] for case in TRUNCATIONS]
)
def test_spans_end_where_they_were_truncated(
    timeline_of: Timelines, lines: list[str], spans: list[Span]
) -> None:
    both = [delta(0, NOISE[:12_000]), delta(50, NOISE[:12_000], "b")]
    if "z" not in lines[0] and "7000" not in lines[0] and "rb" not in lines[0]:
        both.pop()
    with timeline_of(*both, *lines) as timeline:
        assert timeline.audio.assistant == spans


def test_truncating_a_part_ends_the_later_parts_of_its_response(timeline_of: Timelines) -> None:
    parts = [delta(0, NOISE[:12_000]), delta(10, NOISE[:12_000], "b").replace('"rb"', '"ra"')]
    truncate = line(
        "client", 300, "conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=250
    )
    with timeline_of(*parts, truncate) as timeline:
        assert timeline.audio.assistant == [Span(0, 250, "ra", "a/0")]


def truncate(time_ms: float, item: str, audio_end_ms: float) -> str:
    return line("client", time_ms, "conversation.item.truncate", item_id=item, audio_end_ms=audio_end_ms)


SPANS: list[tuple[str, list[str], list[Span]]] = [
    ("in its second span", [delta(0, NOISE[:4800]), delta(1000, NOISE[:4800]), truncate(1100, "a", 250)],
     [Span(0, 200, "ra", "a/0"), Span(1000, 1050, "ra", "a/0")]),
    ("between its spans", [delta(0, NOISE[:4800]), delta(1000, NOISE[:4800]), truncate(1100, "a", 200)],
     [Span(0, 200, "ra", "a/0")]),
    ("in its first span", [delta(0, NOISE[:4800]), delta(1000, NOISE[:4800]), truncate(1100, "a", 50)],
     [Span(0, 50, "ra", "a/0")]),
    ("of its last spans, which another truncation has ended", [
        delta(0, NOISE[:4800]), delta(1000, NOISE[:4800]), delta(2000, NOISE[:4800], "b").replace('"rb"', '"ra"'),
        line("server", 500, "output_audio_buffer.cleared"), truncate(2100, "a", 7000)],
     [Span(0, 200, "ra", "a/0")]),
    ("of a part of two responses", [
        delta(0, NOISE[:4800]), delta(1000, NOISE[:4800]).replace('"ra"', '"rb"'), delta(1200, NOISE[:4800], "b"),
        truncate(1300, "a", 300)],
     [Span(0, 200, "ra", "a/0"), Span(1000, 1100, "rb", "a/0")]),
    ("of a part without a response", [
        delta(0, NOISE[:4800]).replace('"ra"', '""'), delta(1000, NOISE[:4800]).replace('"ra"', '""'), truncate(1100, "a", 100)],
     [Span(0, 100, "", "a/0")]),
    ("after the end of the part", [
        delta(0, NOISE[:4800]), delta(0, NOISE[:4800], "b").replace('"rb"', '"ra"'), truncate(300, "a", 300)],
     [Span(0, 200, "ra", "a/0")]),
    ("of each part in turn", [
        delta(0, NOISE[:4800]), delta(0, NOISE[:4800], "b"), delta(0, NOISE[:4800], "c"),
        truncate(300, "c", 100), truncate(300, "a", 100), truncate(300, "b", 0)],
     [Span(0, 100, "ra", "a/0"), Span(400, 500, "rc", "c/0")]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "spans"), [case[1:] for case in SPANS], ids=[case[0] for case in SPANS])
def test_several_spans_are_truncated(timeline_of: Timelines, lines: list[str], spans: list[Span]) -> None:
    with timeline_of(*lines) as timeline:
        assert timeline.audio.assistant == spans


def test_audio_left_out_of_the_log_has_its_place(timeline_of: Timelines) -> None:
    with timeline_of(
        line("client", 100, "input_audio_buffer.append", audio="", audio_bytes=48_000)
    ) as timeline:
        assert timeline.audio.is_left_out
        assert timeline.audio.caller == [Span(100, 1100)]
        assert rows_of(timeline)[0].audio_ms == 1000
    with timeline_of(append(100, NOISE)) as timeline:
        assert not timeline.audio.is_left_out


@pytest.mark.slow
def test_a_huge_chunk_is_placed_in_pieces(timeline_of: Timelines) -> None:
    two_hours = 48 * 7_200_000
    lines = [
        line("client", 5, "input_audio_buffer.append", audio="", audio_bytes=each) for each in (two_hours, 96)
    ]
    with timeline_of(*lines) as timeline:
        longest = (1 << 27) / 48  # the limit for one line
        assert [(span.start_ms, round(span.end_ms)) for span in timeline.audio.caller] == [
            (5, round(5 + longest + 2))
        ]


def test_spans_are_bounded(timeline_of: Timelines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "_MAX_SPANS", 2)
    with timeline_of(*(append(second * 1000, NOISE[:240]) for second in range(5))) as timeline:
        assert timeline.audio.caller == [Span(0, 10), Span(1000, 1010)]
        assert timeline.end_ms == 4010


def test_truncated_spans_leave_room_for_others(
    timeline_of: Timelines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_module, "_MAX_SPANS", 2)
    answers = [[delta(n * 1000, NOISE[:4800], f"{n}"), truncate(n * 1000 + 50, f"{n}", 0)] for n in range(5)]
    with timeline_of(*(each for answer in answers for each in answer), delta(9000, NOISE[:4800])) as timeline:
        assert timeline.audio.assistant == [Span(9000, 9200, "ra", "a/0")]


# --- Times ----------------------------------------------------------------------------


def test_a_continued_log_starts_late(timeline_of: Timelines) -> None:
    with timeline_of(
        "broken", append(90_000_000, NOISE[:24_000]), append(90_002_000, NOISE[:24_000])
    ) as timeline:
        assert (timeline.start_ms, timeline.end_ms) == (90_000_000, 90_003_000)
        assert len(wav_of(timeline.audio)) == 58 + 2 * 8 * 3000
        assert timeline.audio.caller == [Span(90_000_000, 90_001_000), Span(90_002_000, 90_003_000)]


def test_entries_after_12_hours_are_rows_only(timeline_of: Timelines) -> None:
    with timeline_of(
        append(0, NOISE[:2400]), append(MAX_MS + 1, NOISE[:2400]), append(1e14, NOISE)
    ) as timeline:
        assert (timeline.beyond, timeline.frames) == (2, 3)
        assert timeline.end_ms == 100
        assert [row.at_ms for row in rows_of(timeline)] == [0, MAX_MS + 1, 1e14]
    with timeline_of(append(100_000, NOISE[:2400]), append(0, NOISE[:2400])) as timeline:
        assert (timeline.beyond, timeline.start_ms) == (1, 100_000)


def test_audio_beyond_the_limit_is_left_out(timeline_of: Timelines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timeline_module, "MAX_MS", 500)
    lines = [
        append(0, NOISE[:4800]),
        delta(0, NOISE[:2400]),
        append(1, NOISE[:24_000]),
        append(2, NOISE[:2400]),
    ]
    truncate = line("client", 90, "conversation.item.truncate", item_id="a", content_index=0, audio_end_ms=50)
    with timeline_of(*lines, delta(3, NOISE[:24_000]), truncate) as timeline:
        assert timeline.audio.is_too_long
        assert timeline.audio.caller == [Span(0, 200)]
        assert timeline.audio.assistant == [Span(0, 50, "ra", "a/0")]
        assert timeline.end_ms <= 500


@pytest.mark.parametrize("lines", [[], ["", "{"], ['{"recording":1}']], ids=["empty", "broken", "metadata"])
def test_a_log_without_frames(timeline_of: Timelines, lines: list[str]) -> None:
    with timeline_of(*lines) as timeline:
        assert (timeline.start_ms, timeline.end_ms, timeline.frames) == (0, 0, 0)
        assert len(rows_of(timeline)) == timeline.broken == lines.count("{")
        assert timeline.audio.envelope("caller", 1).data == b""


def test_a_missing_log_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), read_timeline(tmp_path / "none.jsonl"):
        pass


def test_a_failure_closes_the_temporary_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[CallAudio] = []
    monkeypatch.setattr(CallAudio, "close", lambda audio: closed.append(audio))
    monkeypatch.setattr(EventList, "add", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError), read_timeline(hotel().write(tmp_path / "call.jsonl")):
        pass
    (audio,) = closed
    monkeypatch.undo()
    audio.close()


# --- Malformed logs -----------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**40) | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from([
    "session.created", "session.updated", "response.created", "response.done", "response.output_audio.delta",
    "conversation.item.truncate", "output_audio_buffer.cleared", "error", "x.delta", "input_audio_buffer.append",
    "session.output_audio.delta", "conversation.item.create", "response.output_text.delta",
])  # fmt: skip
FRAMES = st.one_of(
    st.binary(max_size=40),
    st.builds(
        lambda kind, members: json.dumps({"type": kind, **members}).encode(),
        TYPES,
        st.dictionaries(
            st.sampled_from(["delta", "audio", "item_id", "response_id", "session", "response", "item", "error",
                             "audio_bytes", "audio_end_ms", "sample_rate", "channels", "content_index"]),
            JSON | st.just("AAAAAAAA") | st.integers(0, 4000), max_size=5,
        ),
    ),
)  # fmt: skip


@settings(max_examples=80)
@given(st.lists(st.tuples(st.sampled_from(["client", "server"]), st.floats(0, 1e6), FRAMES), max_size=12))
def test_malformed_logs_do_not_raise(frames: list[tuple[Direction, float, bytes]]) -> None:
    events = EventList()
    with CallAudio() as audio:
        for at, (direction, time_ms, frame) in enumerate(frames):
            entry = Entry(direction, time_ms, frame, at + 1)
            events.add(entry, audio.feed(entry))
        audio.finish()
        end = max([audio.end_ms, *(frame[1] for frame in frames)])
        for side in ("caller", "assistant"):
            assert len(audio.envelope(side, end).data) % 3 == 0
        for span in audio.caller + audio.assistant:
            assert 0 <= span.start_ms < span.end_ms <= audio.end_ms + 0.125
        assert len(wav_of(audio)) == 58 + 2 * round(8 * audio.end_ms)
    assert sum(row.count for row in events) == len(frames)
    assert all(row.text.isprintable() and row.type.isprintable() for row in events)
