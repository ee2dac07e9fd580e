"""Voice activity detection: where turns start and end, to the byte, in every format."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.format import OPENAI_FORMATS
from realtime.testing import ServerProtocol
from realtime.testing.vad import InputBuffer
from tests.testing.helpers import (
    ALAW,
    COMMIT,
    PCM16,
    RESPOND,
    ULAW,
    append,
    audio_of,
    exchange,
    formats,
    only,
    open_session,
    tone,
    types,
)

FORMATS = pytest.mark.parametrize("fmt", OPENAI_FORMATS, ids=str)


# --- Server VAD ----------------------------------------------------------------------


def speech(fmt: r.AudioFormat) -> bytes:
    """Return 0.5 s of silence, 0.6 s of tone, a pause of 0.2 s, 0.4 s of tone, 1 s of silence."""
    parts = (fmt.silence(500), tone(fmt, 600), fmt.silence(200), tone(fmt, 400), fmt.silence(1000))
    return b"".join(parts)


@FORMATS
@pytest.mark.parametrize(
    ("vad", "start_ms", "end_ms"),
    [
        (r.ServerVad(), 200, 2200),
        (r.ServerVad(prefix_padding_ms=0), 500, 2200),
        (r.ServerVad(prefix_padding_ms=10_000), 0, 2200),
        (r.ServerVad(silence_duration_ms=900), 200, 2600),
        (r.SemanticVad(), 200, 2200),
    ],
)
def test_a_turn_includes_its_padding_and_its_silence(
    fmt: r.AudioFormat, vad: r.TurnDetection, start_ms: int, end_ms: int
) -> None:
    audio = speech(fmt)
    events = exchange(open_session(formats(fmt, vad=vad)), append(audio))
    started, stopped = (
        only(r.InputAudioBufferSpeechStarted, events),
        only(r.InputAudioBufferSpeechStopped, events),
    )
    assert (started.audio_start_ms, stopped.audio_end_ms) == (start_ms, end_ms)
    committed = only(r.InputAudioBufferCommitted, events)
    assert started.item_id == stopped.item_id == committed.item_id
    assert audio_of(events) == audio[fmt.chunk_bytes(start_ms) : fmt.chunk_bytes(end_ms)]
    assert types(events)[:4] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
        "conversation.item.added",
    ]
    assert types(events)[-1] == "response.done"


def test_a_short_silence_duration_gives_more_turns() -> None:
    audio = speech(ULAW)
    events = exchange(
        open_session(formats(ULAW, vad=r.ServerVad(silence_duration_ms=200, prefix_padding_ms=100))),
        append(audio),
    )
    ends = [event.audio_end_ms for event in events if isinstance(event, r.InputAudioBufferSpeechStopped)]
    starts = [event.audio_start_ms for event in events if isinstance(event, r.InputAudioBufferSpeechStarted)]
    # The padding of the second turn does not overlap the first.
    assert (starts, ends) == ([400, 1300], [1300, 1900])


@pytest.mark.parametrize(
    ("threshold", "dbfs", "is_speech"),
    [(0.5, -35, True), (0.5, -45, False), (0.0, -55, True), (1.0, -25, False), (1.0, -15, True)],
)
def test_the_threshold_is_a_level(threshold: float, dbfs: float, is_speech: bool) -> None:
    session = open_session(formats(vad=r.ServerVad(threshold=threshold)))
    events = exchange(session, append(tone(PCM16, 300, dbfs)))
    assert ("input_audio_buffer.speech_started" in types(events)) is is_speech


def test_a_click_is_not_speech() -> None:
    session = open_session(formats(vad=r.ServerVad()))
    assert exchange(session, append(tone(PCM16, 40) + PCM16.silence(1000))) == []


def test_create_response_false_only_commits() -> None:
    events = exchange(open_session(formats(vad=r.ServerVad(create_response=False))), append(speech(PCM16)))
    assert types(events)[-1] == "conversation.item.done"


@given(splits=st.lists(st.integers(1, 26_999), max_size=8))
def test_any_split_of_the_audio_gives_the_same_events(splits: list[int]) -> None:
    audio = speech(ALAW)
    expected = exchange(open_session(formats(ALAW, vad=r.ServerVad())), append(audio))
    edges = sorted({0, *(split for split in splits if split < len(audio)), len(audio)})
    pieces = [append(audio[a:b]) for a, b in itertools.pairwise(edges)]
    assert exchange(open_session(formats(ALAW, vad=r.ServerVad())), *pieces) == expected


def test_a_client_may_commit_while_vad_is_on() -> None:
    """A manual commit takes all of the audio, whatever the padding."""
    audio = PCM16.silence(1000) + tone(PCM16, 200)
    session = open_session(formats(vad=r.ServerVad(prefix_padding_ms=0)))
    (started,) = exchange(session, append(audio))
    events = exchange(session, COMMIT, RESPOND)
    assert audio_of(events) == audio
    assert only(r.InputAudioBufferCommitted, events).item_id == started.item_id
    # What follows is a new turn.
    assert types(exchange(session, append(tone(PCM16, 200)))) == ["input_audio_buffer.speech_started"]


def test_positions_continue_after_a_commit_a_clear_and_a_new_format() -> None:
    session = open_session(
        formats(), append(tone(PCM16, 1000)), COMMIT, append(tone(PCM16, 500)), r.InputAudioBufferClear()
    )
    (_, started) = exchange(
        session, formats(ULAW, vad=r.ServerVad(prefix_padding_ms=0)), append(tone(ULAW, 200))
    )
    assert started.audio_start_ms == 1500


def test_vad_can_be_turned_off_during_speech() -> None:
    session = open_session(formats(vad=r.ServerVad()), append(tone(PCM16, 200)))
    assert "error" not in types(exchange(session, formats(), append(PCM16.silence(2000))))
    assert types(exchange(session, COMMIT))[0] == "input_audio_buffer.committed"


def test_long_silence_is_dropped() -> None:
    vad = r.ServerVad(prefix_padding_ms=0)
    buffer = InputBuffer(ULAW)
    for _ in range(10):
        buffer.append(ULAW.silence(30_000))
        assert buffer.detect(vad) is None
        assert len(buffer) <= 2 * ULAW.chunk_bytes(60_000)
    assert buffer.end_ms == 300_000


def test_dropped_silence_counts_in_positions() -> None:
    session = open_session(formats(ULAW, vad=r.ServerVad(prefix_padding_ms=0)))
    for _ in range(10):
        assert exchange(session, append(ULAW.silence(30_000))) == []
    (started,) = exchange(session, append(tone(ULAW, 200)))
    assert started.audio_start_ms == 300_000


# --- Semantic VAD --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("eagerness", "silence_ms"), [("low", 1000), ("medium", 500), ("high", 200), (None, 500)]
)
def test_eagerness_sets_the_silence_duration(eagerness: str | None, silence_ms: int) -> None:
    vad = r.SemanticVad(eagerness=eagerness)
    session = open_session(formats(vad=vad), strict=eagerness is not None)
    exchange(session, append(tone(PCM16, 400)))
    assert exchange(session, append(PCM16.silence(silence_ms - 20))) == []
    events = exchange(session, append(PCM16.silence(20)))
    assert types(events)[:2] == ["input_audio_buffer.speech_stopped", "input_audio_buffer.committed"]
    assert types(events)[-1] == "response.done"


# --- Idle timeout --------------------------------------------------------------------

IDLE = r.ServerVad(idle_timeout_ms=5000)


def responded(vad: r.ServerVad = IDLE, paced: bool = False) -> ServerProtocol:
    """Return a session that has just sent a response of 200 ms, at 200 ms of input."""
    session = open_session(formats(vad=vad), append(tone(PCM16, 200)), COMMIT, paced=paced)
    exchange(session, RESPOND)
    while session.is_responding:
        session.advance()
    return session


def test_silence_after_a_response_is_committed_and_gets_a_response() -> None:
    session = responded()
    # The client plays the response for 200 ms after it was sent.
    assert exchange(session, append(PCM16.silence(5180))) == []
    events = exchange(session, append(PCM16.silence(20)))
    timeout = only(r.InputAudioBufferTimeoutTriggered, events)
    assert (timeout.audio_start_ms, timeout.audio_end_ms) == (400, 5400)
    assert types(events)[:2] == ["input_audio_buffer.timeout_triggered", "input_audio_buffer.committed"]
    assert only(r.InputAudioBufferCommitted, events).item_id == timeout.item_id
    assert types(events)[-1] == "response.done"
    item = only(
        r.ConversationItemRetrieved, exchange(session, r.ConversationItemRetrieve(item_id=timeout.item_id))
    ).item
    assert item.content[0].audio == PCM16.silence(5000)


def test_the_timeout_of_a_paced_response_begins_when_it_ends() -> None:
    events = exchange(responded(paced=True), append(PCM16.silence(5000)))
    assert only(r.InputAudioBufferTimeoutTriggered, events).audio_start_ms == 200


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_response_outside_the_conversation_does_not_change_the_timeout(is_cancelled: bool) -> None:
    session = responded(paced=True)
    exchange(session, append(PCM16.silence(3000)))
    outside = exchange(session, r.ResponseCreate(response=r.ResponseParams(conversation="none")))[0].response
    if is_cancelled:
        exchange(session, r.ResponseCancel(response_id=outside.id))
    events = exchange(session, append(PCM16.silence(2000)))
    assert only(r.InputAudioBufferTimeoutTriggered, events).audio_start_ms == 200


def test_speech_cancels_the_timeout() -> None:
    session = responded()
    exchange(session, append(PCM16.silence(4000) + tone(PCM16, 200)))
    assert "input_audio_buffer.timeout_triggered" not in types(exchange(session, append(PCM16.silence(480))))


@pytest.mark.parametrize("vad", [r.ServerVad(), r.ServerVad(idle_timeout_ms=None)])
def test_without_an_idle_timeout_there_is_none(vad: r.ServerVad) -> None:
    assert exchange(responded(vad), append(PCM16.silence(60_000))) == []


def test_the_timeout_does_not_begin_before_the_first_response() -> None:
    assert exchange(open_session(formats(vad=IDLE)), append(PCM16.silence(60_000))) == []


@given(splits=st.lists(st.integers(1, 5_999), max_size=6))
def test_any_split_of_the_silence_gives_the_same_events(splits: list[int]) -> None:
    edges = [0, *sorted({*splits}), 6000]
    pieces = [append(PCM16.silence(b - a)) for a, b in itertools.pairwise(edges)]
    assert exchange(responded(), *pieces) == exchange(responded(), append(PCM16.silence(6000)))
