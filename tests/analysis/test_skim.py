"""Lines that are taken where they stand mean what they mean one by one: the same report, whatever is in the log."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from realtime.analysis import Inspector, Report, inspect_log
from realtime.analysis._clock import InputClock
from realtime.recording import BrokenLine, Entry, log, read_log

SESSION = (
    b'{"direction":"client","time_ms":0.000,"frame":{"type":"session.update","session":'
    b'{"type":"realtime","audio":{"input":{"format":{"type":"audio/pcmu"}}}}}}\n'
)


def line(direction: str, time: str, frame: bytes) -> bytes:
    return b'{"direction":"%b","time_ms":%b,"frame":%b}\n' % (direction.encode(), time.encode(), frame)


def append(time: str, base64_text: bytes) -> bytes:
    return line("client", time, b'{"type":"input_audio_buffer.append","audio":"%b"}' % base64_text)


def delta(time: str, nbytes: int, **members: Any) -> bytes:
    audio = base64.b64encode(bytes(nbytes)).decode()
    kind = "response.output_audio.delta"
    event = {"type": kind, "event_id": "event_1", "response_id": "r", "item_id": "i", "content_index": 0}
    return line(
        "server", time, json.dumps({**event, **members, "delta": audio}, separators=(",", ":")).encode()
    )


def odd_delta(time: str, base64_text: bytes, event_id: str) -> bytes:
    return delta(time, 0, event_id=event_id).replace(b'"delta":""', b'"delta":"%b"' % base64_text)


def words(time: str, text: str, event_id: str = "event_2") -> bytes:
    kind = "response.output_audio_transcript.delta"
    event = {"type": kind, "event_id": event_id, "response_id": "r", "item_id": "i", "content_index": 0}
    return line("server", time, json.dumps({**event, "delta": text}, separators=(",", ":")).encode())


def both(path: Path, written: bytes) -> tuple[Report, Report]:
    """The report of a log from its file, and from its entries."""
    path.write_bytes(written)
    inspector = Inspector()
    inspector.feed_all(read_log(path))
    whole = inspect_log(path)
    whole.logs = []
    return whole, inspector.report()


TIMES = st.builds("{:.3f}".format, st.floats(0, 20_000))
ODD_TIMES = st.sampled_from(["1", "1.5", "-1.000", "1..23", "1e3", "00.123", "9" * 20 + ".000", "NaN", ""])
SIZES = st.sampled_from([0, 1, 2, 3, 158, 159, 160, 160, 160, 161])
SOUND = SIZES.map(lambda nbytes: base64.b64encode(b"\xfe" * nbytes))
ODD_SOUND = st.sampled_from(
    [b"=", b"==", b"AAA!", b"AA=A", b'AA"A', b"AA\nA", b"AA\\/", b"A", b"====", b"AAA\xff", b"AA}A", b'"}}\n']
)
LINES = st.one_of(
    st.builds(lambda time, sound, count: append(time, sound) * count, TIMES, SOUND, st.integers(1, 20)),
    st.lists(st.builds(append, TIMES, st.just(b"/" * 216)), min_size=1, max_size=20).map(b"".join),
    st.builds(append, st.one_of(TIMES, ODD_TIMES), st.one_of(SOUND, ODD_SOUND)),
    st.builds(delta, st.one_of(TIMES, ODD_TIMES), SIZES),
    st.builds(delta, TIMES, SIZES, item_id=st.sampled_from(["j", 'a"b', None])),
    st.builds(odd_delta, TIMES, ODD_SOUND, st.sampled_from(["e", "E" * 900, "E" * 950, "E" * 2000, 'a"b'])),
    st.builds(words, TIMES, st.sampled_from([" hello", '"', "\n", ""]), st.sampled_from(["e", "E" * 990])),
    st.sampled_from([b"\n", b"no line\n", b"{}\n", b'{"direction":"client","time_ms":\n', SESSION]),
)


@settings(max_examples=300)
@given(lines=st.lists(LINES, max_size=25), ends=st.booleans())
def test_a_log_has_the_report_of_its_entries(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ends: bool
) -> None:
    path = tmp_path_factory.getbasetemp() / "skim.jsonl"
    written = SESSION + b"".join(lines)
    whole, one_by_one = both(path, written if ends else written[:-1])
    assert msgspec.to_builtins(whole) == msgspec.to_builtins(one_by_one)


def calling(count: int) -> bytes:
    """A run of appends, an answer while it goes on, and another run."""
    sound, times = base64.b64encode(b"\xfe" * 160), [f"{at * 20}.000" for at in range(500, 500 + count)]
    appends = b"".join(append(time, sound) for time in times)
    answer = b"".join(delta(time, 160) + words(time, " hello") for time in times[:6])
    return SESSION + appends + answer + appends


@settings(max_examples=400)
@given(data=st.data(), count=st.integers(1, 40), char=st.sampled_from(b'"\\\n=+/A9{}:,. \x00\xff'))
def test_whatever_byte_is_another(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, count: int, char: int
) -> None:
    written = bytearray(calling(count))
    written[data.draw(st.integers(len(SESSION), len(written) - 1))] = char
    whole, one_by_one = both(tmp_path_factory.getbasetemp() / "skim.jsonl", bytes(written))
    assert msgspec.to_builtins(whole) == msgspec.to_builtins(one_by_one)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Entry | BrokenLine]:
    """The entries that are made of a log: one for each line that is not taken where it stands."""
    made: list[Entry | BrokenLine] = []
    real = log.read_skimmed

    def counted(*arguments: Any) -> Iterator[Any]:
        for entry in real(*arguments):
            made.append(entry)
            yield entry

    monkeypatch.setattr("realtime.analysis.inspector.read_skimmed", counted)
    return made


def test_an_hour_of_appends_is_taken_by_the_run(tmp_path: Path, made: list[Entry | BrokenLine]) -> None:
    """Across blocks, digits and decimals."""
    sound = base64.b64encode(b"\xfe" * 160)
    lines = b"".join(append(f"{at * 20.001:.3f}", sound) for at in range(20_000))
    whole, one_by_one = both(tmp_path / "log.jsonl", SESSION + lines)
    assert whole == one_by_one
    assert whole.user_audio_ms == 400_000
    assert whole.ended_ms == 19_999 * 20.001
    assert len(made) == 1


def test_deltas_are_taken_by_the_run(tmp_path: Path, made: list[Entry | BrokenLine]) -> None:
    """Across the digits of the time; of each type the first is read as a line."""
    lines = b"".join(delta(f"{at}.000", 160) + words(f"{at}.500", " hello") for at in range(900, 1100))
    whole, one_by_one = both(tmp_path / "log.jsonl", SESSION + lines)
    assert whole == one_by_one
    assert whole.assistant_audio_ms == pytest.approx(200 * 160 / 48)
    assert whole.ended_ms == 1099.5
    assert [entry.line for entry in made] == [1, 2, 3]


RUNS = st.tuples(
    st.integers(1, 40),
    st.sampled_from([1, 7, 158, 160, 960, 1280, 8000]),
    st.sampled_from([0.125, 1000 / 48_000, 1000 / 32_000]),
)


@given(runs=st.lists(RUNS, max_size=8))
def test_marks_are_where_they_would_be_one_by_one(runs: list[tuple[int, int, float]]) -> None:
    one, many = InputClock(), InputClock()
    now = 0.0
    for count, nbytes, per_byte in runs:
        one.ms_per_byte = many.ms_per_byte = per_byte
        times = [now + 20.0 * at for at in range(count)]
        now += 20.0 * count
        for time in times:
            one.sent(nbytes, time)
        many.sent_run(nbytes, times)
        assert (many.ms, many._next_ms, [*many._marks]) == (one.ms, one._next_ms, [*one._marks])
