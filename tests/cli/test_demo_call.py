"""State of a call: it survives whatever a server sends, and however its sessions end."""

from __future__ import annotations

import io
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.audio import ulaw_encode
from realtime.cli.demo import report_lines
from realtime.cli.demo_audio import PHONE
from realtime.cli.demo_call import MAX_REQUESTS, DemoCall, Dialogue
from realtime.cli.demo_reconnect import CallFailed, SessionLost
from realtime.cli.demo_record import CallRecord
from realtime.cli.text import Progress
from tests.work import count_lines

SPEECH = ulaw_encode(bytes(2 * 8 * 500)).tobytes()


class NullRecord:
    """Discards the audio and counts the frames of a call. The files in `out` are those of another."""

    def __init__(self, out: Path) -> None:
        self.caller = self.agent = self
        self.counts: dict[str, Counter[str]] = {"client": Counter(), "server": Counter()}
        self.out = out

    def write(self, audio: bytes) -> None:
        pass

    def record_frame(self, direction: str, kind: str, frame: bytes) -> None:
        self.counts[direction][kind] += 1


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    with CallRecord(folder) as record:
        record.open()
    return folder


def make_call(record: Any, **options: Any) -> DemoCall:
    return DemoCall(r.AudioFormat.PCM16, SPEECH, record, Progress(io.StringIO()), **options)


def feed(call: DemoCall, *events: r.ServerEvent) -> None:
    for event in events:
        call.feed(r.encode(event))


IDS = st.sampled_from(["a", "b", ""])
MS = st.integers(-(10**6), 10**9)
FORMATS = st.sampled_from([r.PcmFormat(), r.PcmuFormat(), r.PcmaFormat()])
PLACE: dict[str, Any] = {"output_index": 0, "content_index": 0}


def session(input_format: Any, output_format: Any) -> r.RealtimeSessionInfo:
    return r.RealtimeSessionInfo(
        audio=r.AudioConfig(
            input=r.AudioInput(format=input_format, transcription=r.Transcription(model="m")),
            output=r.AudioOutput(format=output_format),
        )
    )


EVENTS = st.one_of(
    st.builds(lambda *formats: r.SessionUpdated(session=session(*formats)), FORMATS, FORMATS),
    st.builds(r.InputAudioBufferSpeechStarted, item_id=IDS, audio_start_ms=MS),
    st.builds(r.InputAudioBufferSpeechStopped, item_id=IDS, audio_end_ms=MS),
    st.builds(r.InputAudioBufferCommitted, item_id=IDS),
    st.builds(r.InputAudioBufferCleared),
    st.builds(r.ConversationItemInputAudioTranscriptionCompleted, item_id=IDS, transcript=st.text(max_size=3),
              content_index=st.just(0), usage=st.none()),
    st.builds(lambda name: r.ResponseCreated(response=r.Response(id=name)), IDS),
    st.builds(r.ResponseOutputAudioDelta, response_id=IDS, item_id=IDS, delta=st.binary(max_size=99), **{
        name: st.just(0) for name in PLACE}),
    st.builds(r.ResponseOutputAudioTranscriptDelta, response_id=IDS, item_id=IDS, delta=st.text(max_size=9), **{
        name: st.just(0) for name in PLACE}),
    st.builds(r.ResponseOutputAudioDone, response_id=IDS, item_id=IDS, **{name: st.just(0) for name in PLACE}),
    st.builds(lambda name: r.ResponseDone(response=r.Response(id=name)), IDS),
    st.builds(lambda code: r.Error(error=r.ErrorDetail(type="x", code=code, message="y", event_id="nobody")),
              st.sampled_from([None, "input_audio_buffer_commit_empty"])),
)  # fmt: skip
FRAMES = st.one_of(st.builds(r.encode, EVENTS), st.binary(max_size=20), st.just(b'{"type":"tomorrow"}'))
STEPS = st.lists(st.one_of(FRAMES, st.sampled_from(["send", "commit", "lose", "end"])), max_size=40)


def begin(call: DemoCall) -> None:
    call.request_frame(call.begin_session())
    for event in call.resume():
        call.request_frame(event)


@given(STEPS, st.booleans())
def test_nothing_a_server_sends_breaks_a_call(out: Path, steps: list[bytes | str], is_manual: bool) -> None:
    record: Any = NullRecord(out)
    call = make_call(record, is_manual=is_manual)
    begin(call)
    for step in steps:
        if isinstance(step, bytes):
            call.feed(step)
        elif step == "lose":
            call.end_session()
            begin(call)
        elif step == "commit":
            call.request_frame(call.commit())
        elif step == "end":
            call.request_frame(call.request_end())
        else:
            call.next_audio()
        assert call.uplink.origin <= call.uplink.position
        assert call.uplink.committed_to <= call.uplink.position
    assert isinstance(call.awaited, str)
    assert all(turn.is_committed for turn in call.dialogue.turns[:-1])
    call.next_audio()
    assert [line for line in report_lines(call, record) if "session.jsonl" in line]


# --- Events that matter --------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "raises"),
    [
        (
            r.ErrorDetail(type="invalid_request_error", code="session_expired", message="60\nminutes"),
            SessionLost,
        ),
        (r.ErrorDetail(type="invalid_request_error", code="model_not_found", message="no"), CallFailed),
        (r.ErrorDetail(type="x", message="no", event_id="client_1"), CallFailed),
    ],
)
def test_errors_that_end_a_session(out: Path, error: r.ErrorDetail, raises: type[Exception]) -> None:
    call = make_call(NullRecord(out))
    begin(call)
    with pytest.raises(raises, match=r"^[^\n]*$"):
        feed(call, r.Error(error=error))


def test_late_audio_is_dropped(out: Path) -> None:
    """Audio of an item that the server has deleted is not played."""
    call = make_call(NullRecord(out))
    begin(call)
    delta = r.ResponseOutputAudioDelta(response_id="r", item_id="i", delta=bytes(4800), **PLACE)
    feed(call, r.SessionUpdated(session=session(r.PcmFormat(), r.PcmFormat())), delta)
    received_nbytes = call.received_nbytes
    assert received_nbytes > 0
    feed(call, r.ConversationItemDeleted(item_id="i"), delta)
    assert call.received_nbytes == received_nbytes


def test_sessions_that_end_before_they_are_ready_lose_nothing(out: Path) -> None:
    """Two sessions in a row end before they are ready: the third is sent what the first had."""
    call = make_call(NullRecord(out))
    begin(call)
    feed(
        call,
        r.SessionUpdated(session=session(r.PcmuFormat(), r.PcmuFormat())),
        r.InputAudioBufferSpeechStarted(item_id="u", audio_start_ms=0),
    )
    for _ in range(10):
        call.next_audio()
    feed(call, r.InputAudioBufferSpeechStopped(item_id="u", audio_end_ms=150))
    call.end_session()
    for _ in range(2):
        call.begin_session()
        call.end_session()
    call.begin_session()
    feed(call, r.SessionUpdated(session=session(r.PcmuFormat(), r.PcmuFormat())))
    create, request = call.resume()
    assert isinstance(create, r.ConversationItemCreate)
    assert isinstance(create.item, r.MessageItem)
    assert create.item.content[0].audio == SPEECH[: 8 * 150]
    assert isinstance(request, r.ResponseCreate)
    assert call.resent_ms == 50


# Events that arrive while an answer is awaited, and whether they are progress towards it.
RECEIVED: list[tuple[r.ServerEvent, bool]] = [
    (r.SessionUpdated(session=session(r.PcmuFormat(), r.PcmuFormat())), False),
    (r.RateLimitsUpdated(rate_limits=[]), False),
    (r.Error(error=r.ErrorDetail(type="x", message="y")), False),
    (r.UnknownEvent("response.hologram.delta", b'{"type":"response.hologram.delta"}'), False),
    (r.ConversationItemRetrieved(item=r.MessageItem(id="a", role="user", content=[])), False),
    (r.InputAudioBufferSpeechStarted(item_id="a", audio_start_ms=0), True),
    (r.ResponseCreated(response=r.Response(id="r")), True),
    (r.ResponseOutputTextDelta(response_id="r", item_id="i", delta="word", **PLACE), True),
    (r.ResponseOutputAudioTranscriptDelta(response_id="r", item_id="i", delta="word", **PLACE), True),
    (r.ResponseOutputAudioDelta(response_id="r", item_id="i", delta=bytes(480), **PLACE), True),
    (r.ResponseDone(response=r.Response(id="r")), True),
    (r.InputAudioBufferCleared(), True),
]


@pytest.mark.parametrize(("event", "is_progress"), RECEIVED, ids=[event.type for event, _ in RECEIVED])
def test_progress(out: Path, event: r.ServerEvent, is_progress: bool) -> None:
    call = make_call(NullRecord(out))
    begin(call)
    ready = r.SessionUpdated(session=session(r.PcmuFormat(), r.PcmuFormat()))
    assert call.feed(r.encode(ready))
    assert call.feed(r.encode(event)) is is_progress
    assert not call.feed(b'{"type":"response.done"')


def test_stored_requests_are_bounded(out: Path) -> None:
    call = make_call(NullRecord(out))
    begin(call)
    for _ in range(MAX_REQUESTS):
        call.request_frame(r.InputAudioBufferClear())
    feed(call, r.Error(error=r.ErrorDetail(type="x", message="about the settings", event_id="client_1")))
    assert call.session.request_type("client_2") == "input_audio_buffer.clear"
    assert call.session.request_type(None) == ""


def test_lost_audio_is_in_the_report(tmp_path: Path) -> None:
    with CallRecord(tmp_path) as record:
        record.open()
        call = make_call(record)
        call.next_audio()
        call.uplink.lost_nbytes = 800
        assert "lost          100 ms of the caller's audio" in [*report_lines(call, record)]


# --- Turns and answers ---------------------------------------------------------------


def test_a_turn_that_has_not_ended_is_one_turn() -> None:
    dialogue = Dialogue()
    assert dialogue.begin_turn(8) is dialogue.begin_turn(16)
    assert [turn.start for turn in dialogue.turns] == [16]
    assert dialogue.end_session() == dialogue.turns == []


def test_answers_come_in_the_order_of_turns() -> None:
    dialogue = Dialogue()
    for start in (0, 8):
        dialogue.begin_turn(start).is_committed = True
    first, second = (dialogue.begin_answer(name, PHONE) for name in ("r1", "r2"))
    assert first.is_done  # because the second has begun
    assert [turn.answer for turn in dialogue.turns] == [first, second]
    dialogue.end_answer(first)
    current = dialogue.current_answer
    assert current is second
    dialogue.end_answer(second)
    assert (dialogue.current_answer, dialogue.unanswered) == (None, [])


def test_an_answer_that_breaks_off_begins_again() -> None:
    dialogue = Dialogue()
    dialogue.begin_turn(0).is_committed = True
    answer = dialogue.begin_answer("r1", PHONE)
    answer.phone_audio += bytes(160)
    assert dialogue.end_session() == dialogue.turns
    assert dialogue.begin_answer("r1", r.AudioFormat.PCM16) is answer
    assert (len(answer.phone_audio), answer.earlier_nbytes, answer.format) == (0, 160, r.AudioFormat.PCM16)


def test_an_answer_with_all_its_audio_is_not_requested_again() -> None:
    dialogue = Dialogue()
    dialogue.begin_turn(0).is_committed = True
    dialogue.begin_answer("r1", PHONE).has_all_audio = True
    assert dialogue.end_session() == dialogue.turns
    assert dialogue.unanswered == []


def test_only_the_last_unanswered_turn_is_requested_again() -> None:
    dialogue = Dialogue()
    for start in (0, 8, 16):
        dialogue.begin_turn(start).is_committed = True
    assert dialogue.end_session() == dialogue.turns
    assert dialogue.unanswered == dialogue.turns[-1:]


def test_an_answer_without_a_turn_ends_with_its_session() -> None:
    dialogue = Dialogue()
    answer = dialogue.begin_answer("r1", PHONE)
    assert dialogue.end_session() == []
    assert answer.is_done


# --- Servers that send without end -------------------------------------------------------


def test_positions_of_any_size(out: Path) -> None:
    progress = io.StringIO()
    call = DemoCall(r.AudioFormat.PCM16, SPEECH, NullRecord(out), Progress(progress))  # type: ignore[arg-type]
    call.feed(
        b'{"type":"input_audio_buffer.speech_started","item_id":"a","audio_start_ms":%s}' % (b"9" * 400)
    )
    call.feed(b'{"type":"input_audio_buffer.speech_stopped","item_id":"a","audio_end_ms":%s}' % (b"9" * 400))
    assert progress.getvalue() == "turn 1: committed at 1000000.00-1000000.00 s\n"


@pytest.mark.parametrize("has_answers", [True, False])
@pytest.mark.parametrize("has_turns", [True, False])
def test_the_work_of_a_frame_does_not_grow_with_the_call(
    out: Path, *, has_turns: bool, has_answers: bool
) -> None:
    def work(number: int) -> int:
        frames = [r.encode(r.SessionUpdated(session=session(r.PcmFormat(), r.PcmFormat())))]
        for n in range(number):
            if has_turns:
                frames.append(r.encode(r.InputAudioBufferSpeechStarted(item_id=f"u{n}", audio_start_ms=0)))
                frames.append(r.encode(r.InputAudioBufferSpeechStopped(item_id=f"u{n}", audio_end_ms=1)))
            if has_answers:
                frames.append(r.encode(r.ResponseCreated(response=r.Response(id=f"r{n}"))))
                frames.append(r.encode(r.ResponseDone(response=r.Response(id=f"r{n}", status="completed"))))
        call = make_call(NullRecord(out))

        def feed_all() -> None:
            for frame in frames:
                call.feed(frame)
                assert not call.is_complete

        lines = count_lines(feed_all, only="realtime.cli")
        assert (call.is_answer_pending, len(call.dialogue.answers)) == (
            has_turns and not has_answers,
            number * has_answers,
        )
        assert [answer.number for answer in call.dialogue.answers] == [*range(1, number * has_answers + 1)]
        return lines

    few, more, many = work(10), work(100), work(1000)
    assert more <= 12 * few
    assert many <= 12 * more


@given(st.lists(st.sampled_from(["begin", "commit", "answer", "end", "session"]), max_size=30))
def test_the_next_unanswered_turn_is_the_first_of_all(steps: list[str]) -> None:
    dialogue = Dialogue()
    for step in steps:
        if step == "begin":
            dialogue.begin_turn(0)
        elif step == "commit" and dialogue.current_turn is not None:
            dialogue.current_turn.is_committed = True
        elif step == "answer":
            dialogue.begin_answer("r", PHONE)
        elif step == "end" and dialogue.current_answer is not None:
            dialogue.end_answer(dialogue.current_answer)
        elif step == "session":
            dialogue.end_session()
        assert dialogue.next_unanswered is next(iter(dialogue.unanswered), None)
