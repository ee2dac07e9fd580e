"""Turns: committed by hand, found by the ear; to the byte, in every format."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.testing.vad import InputBuffer
from tests.testing.helpers import (
    ALAW,
    COMMIT,
    PCM16,
    RESPOND,
    ULAW,
    append,
    audio_of,
    formats,
    only,
    opened,
    refusal,
    tell,
    tone,
    types,
)

FORMATS = pytest.mark.parametrize("fmt", r.AudioFormat, ids=lambda fmt: fmt.value)


@FORMATS
def test_a_commit_is_a_message_of_just_what_was_appended(fmt: r.AudioFormat) -> None:
    audio = tone(fmt, 150)
    session = opened(formats(fmt))
    events = tell(session, append(audio[:100]), append(audio[100:]), COMMIT)
    assert types(events) == [
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
    ]
    committed, added, done = events
    assert committed.item_id == added.item.id == done.item.id
    assert committed.previous_item_id is added.previous_item_id is None
    assert added.item.role == "user"
    retrieved = only(
        r.ConversationItemRetrieved, tell(session, r.ConversationItemRetrieve(item_id=committed.item_id))
    )
    assert retrieved.item.content[0].audio == audio
    assert audio_of(tell(session, RESPOND)) == audio


@FORMATS
def test_less_than_100_ms_cannot_be_committed(fmt: r.AudioFormat) -> None:
    session = opened(formats(fmt), append(tone(fmt, 99)))
    error = refusal(tell(session, COMMIT))
    assert error.code == "input_audio_buffer_commit_empty"
    assert "99.00ms" in error.message
    assert types(tell(session, append(tone(fmt, 1)), COMMIT))[0] == "input_audio_buffer.committed"


def test_clear_forgets() -> None:
    session = opened(formats(), append(tone(PCM16, 500)))
    assert types(tell(session, r.InputAudioBufferClear())) == ["input_audio_buffer.cleared"]
    assert refusal(tell(session, COMMIT)).code == "input_audio_buffer_commit_empty"


@pytest.mark.parametrize("audio", [b"\0" * 4801, b"\0"])
def test_half_a_sample_is_refused(audio: bytes) -> None:
    assert refusal(tell(opened(formats()), append(audio))).param == "audio"


# --- The ear -------------------------------------------------------------------------


def speech(fmt: r.AudioFormat) -> bytes:
    """0.5 s of silence, 0.6 s of tone, 0.2 s of pause, 0.4 s of tone, 1 s of silence."""
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
def test_a_turn_is_found_with_its_padding_and_its_silence(
    fmt: r.AudioFormat, vad: r.TurnDetection, start_ms: int, end_ms: int
) -> None:
    audio = speech(fmt)
    events = tell(opened(formats(fmt, vad=vad)), append(audio))
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


def test_a_short_silence_ends_more_turns() -> None:
    audio = speech(ULAW)
    events = tell(
        opened(formats(ULAW, vad=r.ServerVad(silence_duration_ms=200, prefix_padding_ms=100))), append(audio)
    )
    ends = [event.audio_end_ms for event in events if isinstance(event, r.InputAudioBufferSpeechStopped)]
    starts = [event.audio_start_ms for event in events if isinstance(event, r.InputAudioBufferSpeechStarted)]
    # The padding of the second turn does not reach into the first.
    assert (starts, ends) == ([400, 1300], [1300, 1900])


@pytest.mark.parametrize(
    ("threshold", "dbfs", "heard"),
    [(0.5, -35, True), (0.5, -45, False), (0.0, -55, True), (1.0, -25, False), (1.0, -15, True)],
)
def test_the_threshold_is_a_level(threshold: float, dbfs: float, heard: bool) -> None:
    session = opened(formats(vad=r.ServerVad(threshold=threshold)))
    events = tell(session, append(tone(PCM16, 300, dbfs)))
    assert ("input_audio_buffer.speech_started" in types(events)) is heard


def test_a_click_is_no_speech() -> None:
    session = opened(formats(vad=r.ServerVad()))
    assert tell(session, append(tone(PCM16, 40) + PCM16.silence(1000))) == []


def test_create_response_false_only_commits() -> None:
    events = tell(opened(formats(vad=r.ServerVad(create_response=False))), append(speech(PCM16)))
    assert types(events)[-1] == "conversation.item.done"


@given(cuts=st.lists(st.integers(1, 26_999), max_size=8))
def test_how_the_audio_is_cut_does_not_matter(cuts: list[int]) -> None:
    audio = speech(ALAW)
    whole = tell(opened(formats(ALAW, vad=r.ServerVad())), append(audio))
    edges = sorted({0, *(cut for cut in cuts if cut < len(audio)), len(audio)})
    pieces = [append(audio[a:b]) for a, b in itertools.pairwise(edges)]
    assert tell(opened(formats(ALAW, vad=r.ServerVad())), *pieces) == whole


def test_a_hand_commits_what_the_ear_would_not() -> None:
    """With the ear on, a client may commit by hand: all of it, padding or none."""
    audio = PCM16.silence(1000) + tone(PCM16, 200)
    session = opened(formats(vad=r.ServerVad(prefix_padding_ms=0)))
    (started,) = tell(session, append(audio))
    events = tell(session, COMMIT, RESPOND)
    assert audio_of(events) == audio
    assert only(r.InputAudioBufferCommitted, events).item_id == started.item_id
    # The ear rests: what follows is a new turn.
    assert types(tell(session, append(tone(PCM16, 200)))) == ["input_audio_buffer.speech_started"]


def test_positions_go_on_after_a_commit_a_clear_and_another_format() -> None:
    session = opened(
        formats(), append(tone(PCM16, 1000)), COMMIT, append(tone(PCM16, 500)), r.InputAudioBufferClear()
    )
    (_, started) = tell(session, formats(ULAW, vad=r.ServerVad(prefix_padding_ms=0)), append(tone(ULAW, 200)))
    assert started.audio_start_ms == 1500


def test_the_ear_can_be_switched_off_while_it_hears() -> None:
    session = opened(formats(vad=r.ServerVad()), append(tone(PCM16, 200)))
    assert "error" not in types(tell(session, formats(), append(PCM16.silence(2000))))
    assert types(tell(session, COMMIT))[0] == "input_audio_buffer.committed"


def test_long_silence_is_dropped() -> None:
    vad = r.ServerVad(prefix_padding_ms=0)
    buffer = InputBuffer(ULAW)
    for _ in range(10):
        buffer.append(ULAW.silence(30_000))
        assert buffer.detect(vad) is None
        assert len(buffer) <= 2 * ULAW.chunk_bytes(60_000)
    assert buffer.end_ms == 300_000


def test_dropped_silence_counts_in_positions() -> None:
    session = opened(formats(ULAW, vad=r.ServerVad(prefix_padding_ms=0)))
    for _ in range(10):
        assert tell(session, append(ULAW.silence(30_000))) == []
    (started,) = tell(session, append(tone(ULAW, 200)))
    assert started.audio_start_ms == 300_000


def test_a_transcription_is_told_where_it_was_asked_for() -> None:
    asked = formats()
    assert isinstance(asked.session, r.RealtimeSession)
    asked.session.audio.input.transcription = r.Transcription(model="whisper-1")
    events = tell(opened(asked), append(tone(PCM16, 1000)), COMMIT)
    told = only(r.ConversationItemInputAudioTranscriptionCompleted, events)
    assert told.transcript == "(1.00 seconds of speech)"
    assert told.usage == r.DurationUsage(seconds=1.0)
