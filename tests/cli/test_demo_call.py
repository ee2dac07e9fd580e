"""State of a call: it survives whatever a server sends, and however its sessions end."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.audio import ulaw_encode
from realtime.cli.demo_call import DemoCall
from realtime.cli.demo_record import CallRecord
from realtime.cli.demo_report import report_lines
from realtime.cli.text import Progress
from realtime.client import (
    Connected,
    Overflow,
    Reconnecting,
    ResponseDelayed,
    ResponseOutcome,
    Resumed,
    Undecodable,
)
from tests.work import count_lines

SPEECH = ulaw_encode(bytes(2 * 8 * 500)).tobytes()
PCM16 = r.AudioFormat.PCM16
PLACE: dict[str, Any] = {"output_index": 0, "content_index": 0}


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CallRecord]:
    with CallRecord(tmp_path_factory.mktemp("out")) as record:
        record.sent(r.encode(r.SessionUpdate(session=r.RealtimeSession())))
        yield record


def make_call(record: CallRecord, stderr: io.StringIO | None = None) -> DemoCall:
    call = DemoCall(SPEECH, record, Progress(stderr or io.StringIO()))
    call.add_sent(SPEECH)
    call.is_sent = True
    return call


def feed(call: DemoCall, *events: Any) -> None:
    for event in events:
        call.feed(event)


def settings(output: Any = None) -> r.SessionUpdated:
    audio = r.AudioConfig(
        input=r.AudioInput(transcription=r.Transcription(model="m")),
        output=r.AudioOutput(format=output or r.PcmFormat()),
    )
    return r.SessionUpdated(session=r.RealtimeSessionInfo(audio=audio))


def turn(item_id: str, start_ms: int, end_ms: int) -> tuple[Any, ...]:
    return (
        r.InputAudioBufferSpeechStarted(item_id=item_id, audio_start_ms=start_ms),
        r.InputAudioBufferSpeechStopped(item_id=item_id, audio_end_ms=end_ms),
        r.InputAudioBufferCommitted(item_id=item_id),
    )


def begun(response_id: str) -> r.ResponseCreated:
    return r.ResponseCreated(response=r.Response(id=response_id))


def delta(response_id: str, audio: bytes = bytes(4800)) -> r.ResponseOutputAudioDelta:
    return r.ResponseOutputAudioDelta(response_id=response_id, item_id="i", delta=audio, **PLACE)


LOST = Reconnecting("the connection ended", 0.1, 1)
READY = Connected(1)
IDS = st.sampled_from(["a", "b", ""])
MS = st.integers(-(10**6), 10**400)
EVENTS = st.one_of(
    st.builds(settings, st.sampled_from([r.PcmFormat(), r.PcmuFormat(), r.PcmaFormat()])),
    st.builds(r.InputAudioBufferSpeechStarted, item_id=IDS, audio_start_ms=MS),
    st.builds(r.InputAudioBufferSpeechStopped, item_id=IDS, audio_end_ms=MS),
    st.builds(r.InputAudioBufferCommitted, item_id=IDS),
    st.builds(r.ConversationItemInputAudioTranscriptionCompleted, item_id=IDS, transcript=st.just("x"),
              content_index=st.just(0), usage=st.none()),
    st.builds(begun, IDS),
    st.builds(delta, IDS, st.binary(max_size=99)),
    st.builds(r.ResponseOutputAudioDone, response_id=IDS, item_id=IDS, **{name: st.just(0) for name in PLACE}),
    st.builds(ResponseOutcome, IDS, st.sampled_from(["completed", "cancelled", "failed"]),
              reason=st.sampled_from([None, "connection_lost"]),
              error=st.sampled_from([None, r.StatusError(code="x"), r.StatusError(type="y", code=None)])),
    st.builds(lambda code: r.Error(error=r.ErrorDetail(type="x", code=code, message="y")), st.sampled_from([None, "z"])),
    st.sampled_from([LOST, READY, Resumed(1, resent_ms=5.0, origin_ms=100.0), Overflow(events=3), Overflow(audio_ms=2.5),
                     Undecodable("no JSON"), ResponseDelayed("a", "rate_limit_exceeded", 1.0),
                     r.UnknownEvent("tomorrow", b'{"type":"tomorrow"}')]),
)  # fmt: skip


@given(st.lists(EVENTS, max_size=40))
def test_no_event_breaks_a_call(record: CallRecord, events: list[Any]) -> None:
    call = make_call(record)
    call.formats = (PCM16, PCM16)
    for event in events:
        call.feed(event)
        assert call.waits_for in ("confirmation", "answer", "reply", "transcripts", "nothing")
    assert all(each.is_committed for each in call.turns[:-1])
    assert [line for line in report_lines(call, PCM16) if "session.jsonl" in line]


# --- What is awaited, and what is reported -------------------------------------------


def test_each_step_of_a_call_is_awaited(record: CallRecord) -> None:
    transcript = r.ConversationItemInputAudioTranscriptionCompleted(
        item_id="u", transcript="x", content_index=0
    )
    call = make_call(record)
    steps = []
    for event in (
        READY, settings(), *turn("u", 0, 100), begun("r"), delta("r"), ResponseOutcome("r", "completed"), transcript,
    ):  # fmt: skip
        feed(call, event)
        steps.append(call.waits_for)
    assert steps == [
        "confirmation", "nothing", "nothing", "nothing", "reply", "answer", "answer", "transcripts", "nothing",
    ]  # fmt: skip
    feed(call, LOST, READY)
    assert call.waits_for == "confirmation"


@pytest.mark.parametrize("event", [Overflow(audio_ms=100.0), Resumed(0, resent_ms=100.0)])
def test_lost_and_repeated_audio_is_in_the_report(record: CallRecord, event: Any) -> None:
    call = make_call(record)
    call.formats = (PCM16, PCM16)
    feed(call, event)
    lines = "\n".join(report_lines(call, PCM16))
    words = "lost          100 ms" if isinstance(event, Overflow) else "sent again    100 ms"
    assert f"{words} of the caller's audio" in lines


def test_positions_of_any_size(record: CallRecord) -> None:
    progress = io.StringIO()
    feed(make_call(record, progress), *turn("a", 10**400, 10**400))
    assert progress.getvalue().endswith("turn 1: committed at 1000000.00-1000000.00 s\n")


def test_positions_of_the_next_session_count_from_its_origin(record: CallRecord) -> None:
    call = make_call(record)
    feed(call, LOST, READY, Resumed(0, origin_ms=100.0), *turn("a", 10, 20))
    assert (call.turns[0].start, call.turns[0].end) == (8 * 110, 8 * 120)


# --- Turns and answers ---------------------------------------------------------------


def test_a_turn_that_has_not_ended_is_one_turn(record: CallRecord) -> None:
    call = make_call(record)
    for ms in (1, 2):
        feed(call, r.InputAudioBufferSpeechStarted(item_id="u", audio_start_ms=ms))
    assert [each.start for each in call.turns] == [16]
    feed(call, LOST)
    assert call.turns == []


def test_answers_come_in_the_order_of_turns(record: CallRecord) -> None:
    call = make_call(record)
    feed(call, *turn("u1", 0, 1), *turn("u2", 1, 2), begun("r1"), begun("r2"))
    first, second = (each.answer for each in call.turns)
    assert first is not None
    assert second is not None
    assert (first.number, first.is_done, second.number) == (1, True, 2)  # because the second has begun
    feed(call, ResponseOutcome("r1", "completed"))
    assert not second.is_done
    feed(call, ResponseOutcome("r2", "completed"))
    assert second.is_done


def test_an_answer_that_breaks_off_begins_again(record: CallRecord) -> None:
    call = make_call(record)
    feed(
        call,
        settings(r.PcmuFormat()),
        *turn("u", 0, 1),
        begun("r"),
        delta("r", bytes(160)),
        LOST,
        READY,
        begun("r"),
    )
    answer = call.turns[0].answer
    assert answer is not None
    assert (len(answer.phone_audio), answer.earlier_nbytes, answer.is_done) == (0, 160, False)


def test_only_the_last_unanswered_turn_is_answered_by_the_next_session(record: CallRecord) -> None:
    call = make_call(record)
    feed(call, *turn("u1", 0, 1), *turn("u2", 1, 2), LOST, READY, begun("r"))
    assert [each.answer is not None for each in call.turns] == [False, True]


def test_an_answer_without_a_turn_ends_with_its_session(record: CallRecord) -> None:
    call = make_call(record)
    feed(call, READY, settings(), begun("r"))
    assert call.waits_for == "answer"
    feed(call, LOST, READY, settings())
    assert call.waits_for == "nothing"


@pytest.mark.parametrize("has_answers", [True, False])
@pytest.mark.parametrize("has_turns", [True, False])
def test_the_work_of_an_event_does_not_grow_with_the_call(
    record: CallRecord, *, has_turns: bool, has_answers: bool
) -> None:
    def work(number: int) -> int:
        events: list[Any] = [settings()]
        for n in range(number):
            if has_turns:
                events += turn(f"u{n}", 0, 1)
            if has_answers:
                events += [begun(f"r{n}"), ResponseOutcome(f"r{n}", "completed")]
        call = make_call(record)

        def feed_all() -> None:
            for event in events:
                call.feed(event)
                assert call.waits_for

        return count_lines(feed_all, only="realtime.cli")

    few, more, many = work(10), work(100), work(1000)
    assert more <= 12 * few
    assert many <= 12 * more
