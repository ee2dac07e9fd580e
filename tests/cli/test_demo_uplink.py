"""What the caller said and nobody committed is said again, and nothing else; where turns end; what is counted."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime.audio import ulaw_encode
from realtime.cli._dialogue import Dialogue
from realtime.cli._ear import Ear
from realtime.cli._incidents import MAX_NAMES, Incidents
from realtime.cli._progress import Progress
from realtime.cli._uplink import PHONE, Track, Uplink
from realtime.format import AudioFormat

FRAME = 160
SPEECH = np.random.default_rng(1).bytes(FRAME * 40 + 33)


def uplink(**options: int) -> Uplink:
    return Uplink((SPEECH[at : at + FRAME] for at in range(0, len(SPEECH), FRAME)), **options)


# --- The uplink ----------------------------------------------------------------------


def test_all_is_said_once_where_nothing_happens() -> None:
    said = uplink()
    frames = [*iter(said.next, None)]
    assert b"".join(frames) == SPEECH
    assert {len(frame) for frame in frames} == {FRAME, 33}
    assert said.is_at_its_end
    assert said.next() is None


@given(st.lists(st.tuples(st.sampled_from(["say", "commit", "lose"]), st.integers(0, 12)), max_size=40))
def test_a_session_hears_all_from_the_last_commit_on(steps: list[tuple[str, int]]) -> None:
    said = uplink()
    heard, origin = bytearray(), 0
    for what, number in steps:
        if what == "say":
            for _ in range(number):
                heard += said.next() or b""
        elif what == "commit":
            said.committed(said.position_of(number * 37))
            assert said.committed_to <= said.position
        else:
            again = said.begin_again()
            assert (said.origin, said.position) == (said.committed_to, said.committed_to)
            assert again == origin + len(heard) - said.origin
            heard, origin = bytearray(), said.origin
        assert heard == SPEECH[origin : origin + len(heard)]
        assert said.position == origin + len(heard)
    heard += b"".join(iter(said.next, None))
    assert heard == SPEECH[origin:]
    assert said.lost == 0


def test_what_is_too_old_is_lost_and_counted() -> None:
    said = uplink(kept_ms=100)
    for _ in range(10):
        said.next()
    assert said.begin_again() == 5 * FRAME
    assert (said.lost, said.origin) == (5 * FRAME, 5 * FRAME)
    assert b"".join(iter(said.next, None)) == SPEECH[5 * FRAME :]


def test_positions_of_a_session_are_the_calls() -> None:
    said = uplink()
    for _ in range(10):
        said.next()
    said.committed(said.position_of(60))
    said.begin_again()
    assert said.position_of(0) == said.position_of(-5) == 480
    assert said.position_of(20) == 640
    said.committed(10**30)
    assert said.committed_to == said.position


@given(st.lists(st.binary(max_size=9)), st.integers(0, 20), st.integers(0, 60), st.integers(0, 60))
def test_a_track_keeps_positions(pieces: list[bytes], most: int, start: int, end: int) -> None:
    track = Track(most)
    for piece in pieces:
        track.add(piece)
    whole = b"".join(pieces)
    assert (track.end, track.all) == (len(whole), whole[max(0, len(whole) - most) :])
    assert track.span(start, end) == whole[max(start, track.start) : end]
    track.forget(start)
    assert track.all == whole[max(start, len(whole) - most) :] or track.start == len(whole)


# --- The ear -------------------------------------------------------------------------


def sound(ms: int, level: int) -> bytes:
    return ulaw_encode((level * np.sin(np.arange(8 * ms) / 3)).astype("<i2")).tobytes()


@pytest.mark.parametrize(
    ("parts", "ends_ms"),
    [
        ([(100, 0), (400, 8000), (600, 0)], [1000]),
        ([(400, 8000), (480, 0), (400, 8000), (600, 0)], [1780]),
        ([(400, 8000), (600, 0), (400, 8000), (600, 0)], [900, 1900]),
        ([(40, 8000), (2000, 0)], []),
        ([(2000, 100)], []),
        ([(2000, 8000)], []),
    ],
)
def test_turns_end_with_half_a_second_of_silence(parts: list[tuple[int, int]], ends_ms: list[int]) -> None:
    audio = b"".join(sound(ms, level) for ms, level in parts)
    ear, ends = Ear(20), []
    for at in range(0, len(audio), FRAME):
        ear.hear(audio[at : at + FRAME])
        if ear.is_turn_over:
            ends.append((at + FRAME) // 8)
            ear.taken()
    assert ends == ends_ms


# --- Turns and answers ---------------------------------------------------------------


def test_a_turn_that_is_being_said_is_one_turn() -> None:
    dialogue = Dialogue()
    assert dialogue.start(8) is dialogue.start(16)
    assert [turn.start for turn in dialogue.turns] == [16]
    assert dialogue.session_ended() == dialogue.turns == []


def test_answers_come_in_the_order_of_turns() -> None:
    dialogue = Dialogue()
    for start in (0, 8):
        dialogue.start(start).is_taken = True
    first, second = (dialogue.answer(name, PHONE) for name in ("r1", "r2"))
    assert first.is_over  # by the beginning of the second
    assert [turn.answer for turn in dialogue.turns] == [first, second]
    dialogue.over(first)
    still = dialogue.under_way
    assert still is second
    dialogue.over(second)
    assert (dialogue.under_way, dialogue.owed) == (None, [])


def test_an_answer_that_breaks_off_is_begun_again() -> None:
    dialogue = Dialogue()
    dialogue.start(0).is_taken = True
    answer = dialogue.answer("r1", PHONE)
    answer.heard += bytes(160)
    assert dialogue.session_ended() == dialogue.turns
    assert dialogue.answer("r1", AudioFormat.PCM16) is answer
    assert (len(answer.heard), answer.earlier, answer.format) == (0, 160, AudioFormat.PCM16)


def test_an_answer_that_was_heard_whole_is_not_asked_for_again() -> None:
    dialogue = Dialogue()
    dialogue.start(0).is_taken = True
    dialogue.answer("r1", PHONE).is_whole = True
    assert dialogue.session_ended() == dialogue.turns
    assert dialogue.owed == []


def test_of_turns_without_answers_the_last_is_asked_for_again() -> None:
    dialogue = Dialogue()
    for start in (0, 8, 16):
        dialogue.start(start).is_taken = True
    assert dialogue.session_ended() == dialogue.turns
    assert dialogue.owed == dialogue.turns[-1:]


def test_an_answer_to_nobody_is_over_with_its_session() -> None:
    dialogue = Dialogue()
    answer = dialogue.answer("r1", PHONE)
    assert dialogue.session_ended() == []
    assert answer.is_over


# --- Incidents -----------------------------------------------------------------------


def test_the_first_of_each_is_told_and_all_are_counted() -> None:
    err = io.StringIO()
    incidents = Incidents(Progress(err))
    for name in ("a", "b", "a", "a"):
        incidents.happened("errors", name, f"line {name}")
    incidents.happened("unknown", "c", "line c")
    assert err.getvalue() == "line a\nline b\nline c\n"
    assert [*incidents.lines()] == ["errors        4: a (3), b (1)", "unknown       1: c"]


def test_names_are_bounded() -> None:
    err = io.StringIO()
    incidents = Incidents(Progress(err))
    for number in range(3 * MAX_NAMES):
        incidents.happened("errors", str(number), "line")
    assert err.getvalue().count("line") == MAX_NAMES
    (line,) = incidents.lines()
    assert line.startswith(f"errors        {3 * MAX_NAMES}: others ({2 * MAX_NAMES}), ")
    assert line.endswith(", ...")
