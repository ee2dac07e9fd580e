"""The caller's uplink, which resends exactly what was not committed, and the voice activity detector."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime.audio import ulaw_encode
from realtime.cli.demo_audio import AudioWindow, CallerUplink, EnergyVad

FRAME = 160
SPEECH = np.random.default_rng(1).bytes(FRAME * 40 + 33)


def uplink(**options: int) -> CallerUplink:
    return CallerUplink((SPEECH[at : at + FRAME] for at in range(0, len(SPEECH), FRAME)), **options)


# --- The uplink ----------------------------------------------------------------------


def test_everything_is_sent_once() -> None:
    caller = uplink()
    frames = [*iter(caller.next_frame, None)]
    assert b"".join(frames) == SPEECH
    assert {len(frame) for frame in frames} == {FRAME, 33}
    assert caller.is_caught_up
    assert caller.next_frame() is None


@given(st.lists(st.tuples(st.sampled_from(["send", "commit", "restart"]), st.integers(0, 12)), max_size=40))
def test_a_session_receives_everything_since_the_last_commit(steps: list[tuple[str, int]]) -> None:
    caller = uplink()
    received, origin = bytearray(), 0
    for step, number in steps:
        if step == "send":
            for _ in range(number):
                received += caller.next_frame() or b""
        elif step == "commit":
            caller.commit(caller.position_of(number * 37))
            assert caller.committed_to <= caller.position
        else:
            resent_nbytes = caller.restart()
            assert (caller.origin, caller.position) == (caller.committed_to, caller.committed_to)
            assert resent_nbytes == origin + len(received) - caller.origin
            received, origin = bytearray(), caller.origin
        assert received == SPEECH[origin : origin + len(received)]
        assert caller.position == origin + len(received)
    received += b"".join(iter(caller.next_frame, None))
    assert received == SPEECH[origin:]
    assert caller.lost_nbytes == 0


def test_audio_that_is_too_old_is_lost_and_counted() -> None:
    caller = uplink(retained_ms=100)
    for _ in range(10):
        caller.next_frame()
    assert caller.restart() == 5 * FRAME
    assert (caller.lost_nbytes, caller.origin) == (5 * FRAME, 5 * FRAME)
    assert b"".join(iter(caller.next_frame, None)) == SPEECH[5 * FRAME :]


def test_positions_of_a_session_are_those_of_the_call() -> None:
    caller = uplink()
    for _ in range(10):
        caller.next_frame()
    caller.commit(caller.position_of(60))
    caller.restart()
    assert caller.position_of(0) == caller.position_of(-5) == 480
    assert caller.position_of(20) == 640
    caller.commit(10**30)
    assert caller.committed_to == caller.position


@given(st.lists(st.binary(max_size=9)), st.integers(0, 20), st.integers(0, 60), st.integers(0, 60))
def test_window_positions(pieces: list[bytes], max_nbytes: int, start: int, end: int) -> None:
    window = AudioWindow(max_nbytes)
    for piece in pieces:
        window.append(piece)
    stream = b"".join(pieces)
    assert (window.end, window.audio) == (len(stream), stream[max(0, len(stream) - max_nbytes) :])
    assert window.slice(start, end) == stream[max(start, window.start) : end]
    window.discard(start)
    assert window.audio == stream[max(start, len(stream) - max_nbytes) :] or window.start == len(stream)


# --- Voice activity detection --------------------------------------------------------


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
def test_turns_end_after_half_a_second_of_silence(parts: list[tuple[int, int]], ends_ms: list[int]) -> None:
    audio = b"".join(sound(ms, level) for ms, level in parts)
    vad, ends = EnergyVad(20), []
    for at in range(0, len(audio), FRAME):
        vad.feed(audio[at : at + FRAME])
        if vad.is_turn_over:
            ends.append((at + FRAME) // 8)
            vad.reset()
    assert ends == ends_ms
