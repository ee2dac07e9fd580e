"""The user's audio that is not committed: positions, formats, limits, commits."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.audio import convert
from realtime.client.uplink import MAX_APPEND_BYTES, TurnAudio, Uplink
from tests.testing.helpers import PCM16, ULAW, tone


def uplink(format: r.AudioFormat = ULAW, max_ms: float = 1000, quiet_ms: float = 500) -> Uplink:
    return Uplink(format, max_ms=max_ms, quiet_ms=quiet_ms)


def sent(audio: Uplink, end: int | None = None) -> bytes:
    return b"".join(audio.unsent_parts(end))


def test_audio_is_sent_once_and_again_in_a_new_session() -> None:
    audio = uplink()
    audio.append(b"abcd", None)
    assert (audio.unsent, sent(audio), audio.unsent, sent(audio)) == (4, b"abcd", 0, b"")
    audio.committed(2)
    audio.restart(ULAW)
    assert audio.resent_ms == 0.25
    assert sent(audio) == b"cd"


def test_all_audio_is_sent_while_what_was_sent_is_forgotten() -> None:
    audio = uplink(max_ms=20, quiet_ms=10)
    audio.has_detection = True
    parts = [bytes([number]) * 160 for number in range(20)]
    for part in parts:
        audio.append(part, None)
        assert sent(audio) == part
    assert audio.pending_ms <= 20


def test_a_commit_covers_no_more_than_was_sent() -> None:
    audio = uplink()
    audio.append(b"abcd", None)
    sent(audio, 2)
    audio.committed(10**9)
    assert sent(audio) == b"cd"


@given(st.lists(st.binary(max_size=50), max_size=20))
def test_any_split_of_pcm_gives_whole_samples(pieces: list[bytes]) -> None:
    audio = uplink(PCM16, max_ms=1e6, quiet_ms=1e6)
    out = b""
    for piece in pieces:
        audio.append(piece, None)
        for part in audio.unsent_parts():
            assert len(part) % 2 == 0
            out += part
    whole = b"".join(pieces)
    assert out == whole[: len(whole) - len(whole) % 2]


def test_audio_in_another_format_is_converted() -> None:
    audio = uplink(ULAW)
    pcm = tone(PCM16, 100)
    audio.append(pcm[:333], PCM16)
    audio.append(pcm[333:], PCM16)
    audio.flush()
    assert sent(audio) == convert(pcm, PCM16, ULAW)


def test_a_change_of_the_users_format_loses_nothing() -> None:
    audio = uplink(ULAW, max_ms=10_000)
    audio.append(tone(PCM16, 100), PCM16)
    audio.append(b"\x01" * 80, None)
    assert sent(audio) == convert(tone(PCM16, 100), PCM16, ULAW) + b"\x01" * 80


def test_the_new_session_may_have_another_format() -> None:
    audio = uplink(ULAW)
    audio.append(tone(ULAW, 200), None)
    audio.commit("c1")
    audio.append(tone(ULAW, 100), None)
    audio.restart(PCM16)
    assert audio.commits == ((9600, "c1"),)
    assert sent(audio) == convert(tone(ULAW, 200) + tone(ULAW, 100), ULAW, PCM16)


def test_positions_after_a_change_of_format_in_the_same_session() -> None:
    audio = uplink(ULAW)
    audio.append(bytes(1600), None)
    sent(audio)
    audio.committed(800)  # 100 ms
    audio.change_format(PCM16)
    assert audio.position_of(100) == 0
    assert audio.position_of(150) == 2400
    audio.append(b"\x01\x00", None)
    assert sent(audio) == b"\x01\x00"


def test_the_origin_of_each_session_is_where_its_audio_begins() -> None:
    audio = uplink(ULAW)
    audio.append(bytes(3200), None)
    sent(audio)
    audio.committed(800)
    audio.restart(PCM16)
    assert audio.origin_ms == 100
    sent(audio)
    audio.committed(4800)
    audio.change_format(ULAW)
    audio.append(bytes(800), None)
    sent(audio)
    audio.committed(400)
    audio.restart(ULAW)
    assert audio.origin_ms == 100 + 100 + 50


@given(st.floats(allow_nan=False))
def test_any_position_is_within_bounds(ms: float) -> None:
    assert uplink().position_of(ms) >= 0


def test_too_much_audio_loses_the_oldest_and_counts_what_was_never_sent() -> None:
    audio = uplink(max_ms=1000)
    audio.append(b"a" * 4000, None)
    sent(audio)
    audio.is_speaking = True
    audio.append(b"b" * 6000, None)
    assert audio.lost_nbytes == 0
    audio.append(b"c" * 6000, None)
    assert audio.lost_nbytes == 4000
    assert sent(audio) == b"b" * 2000 + b"c" * 6000


def test_less_is_retained_while_nobody_speaks() -> None:
    audio = uplink(max_ms=1000, quiet_ms=500)
    audio.append(bytes(7200), None)
    sent(audio)
    assert audio.pending_ms == 900  # nobody knows who speaks
    audio.has_detection = True
    for is_speaking, expected_ms in ((True, 900), (False, 500)):
        audio.clear()
        audio.is_speaking = is_speaking
        audio.append(bytes(7200), None)
        sent(audio)
        assert audio.pending_ms == expected_ms
    audio.commit("c")
    audio.append(bytes(3200), None)
    sent(audio)
    assert audio.pending_ms == 900  # a commit needs all of it
    assert audio.lost_nbytes == 0


def test_large_audio_is_sent_in_pieces() -> None:
    audio = uplink(PCM16, max_ms=10_000, quiet_ms=10_000)
    audio.append(bytes(MAX_APPEND_BYTES * 2 + 10), None)
    assert [len(part) for part in audio.unsent_parts()] == [MAX_APPEND_BYTES, MAX_APPEND_BYTES, 10]


def test_commits_are_answered_in_order() -> None:
    audio = uplink()
    audio.append(b"ab", None)
    audio.commit("one")
    audio.commit("two")
    assert audio.next_commit() == (2, "one")
    audio.drop_commit()
    audio.drop_commit("other")
    assert audio.commits == ((2, "two"),)
    audio.drop_commit("two")
    audio.drop_commit()
    assert audio.next_commit() is None


def test_clear_forgets_audio_and_commits() -> None:
    audio = uplink(PCM16)
    audio.append(b"abc", None)
    audio.commit("one")
    audio.clear()
    assert (audio.unsent, audio.commits, audio.pending_ms) == (0, (), 0)
    audio.append(b"xy", None)
    assert sent(audio) == b"xy"


def test_audio_of_turns_is_bounded() -> None:
    turns = TurnAudio(10)
    turns.store("a", bytes(4), ULAW)
    turns.store("b", bytes(4), ULAW)
    turns.store("b", bytes(5), ULAW)
    assert turns.nbytes == 9
    turns.store("c", bytes(6), ULAW)
    assert [*turns.by_item] == ["c"]
    turns.store("d", bytes(11), ULAW)
    turns.store("e", b"", ULAW)
    turns.discard("x")
    assert (turns.nbytes, turns.by_item) == (0, {})


@pytest.mark.parametrize("audio", ["text", 3, None])
def test_what_is_no_audio(audio: object) -> None:
    with pytest.raises(TypeError):
        uplink().append(audio, None)
