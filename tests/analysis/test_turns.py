"""Turns: the user's input, the cause of each response, and its latency."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.analysis import Report, ResponseReport
from tests.analysis.scenes import Scene


def responses(report: Report) -> list[ResponseReport]:
    return [response for turn in report.turns for response in turn.responses]


def test_a_turn_detected_by_the_server() -> None:
    scene = Scene().begin()
    scene.now = 1000
    scene.say(3000)
    scene.speech("item_1", 200, 2400)
    scene.created("resp_1")
    scene.now += 90
    scene.words("resp_1", "Hello")
    scene.now += 10
    scene.audio("resp_1", 500)
    scene.now += 50
    scene.audio("resp_1", 700)
    scene.server("response.output_audio_transcript.done", **scene.part("resp_1"), transcript="Hello there.")
    scene.done("resp_1")
    scene.now += 900
    scene.server(
        "conversation.item.input_audio_transcription.completed",
        item_id="item_1", content_index=0, transcript="Hi!", usage={"type": "duration", "seconds": 2.2},
    )  # fmt: skip
    (turn,) = scene.report().turns
    user, (response,) = turn.user, turn.responses
    assert user is not None
    assert (turn.number, turn.at_ms, user.kind) == (1, 1200, "speech")
    # The time at which the audio was sent, not that of the event.
    assert (user.start_ms, user.end_ms, user.committed_ms, user.audio_ms) == (1200, 3400, 4000, 2200)
    assert (user.transcript, user.transcript_ms, user.item_id) == ("Hi!", 5050, "item_1")
    assert (response.asked_by, response.asked_ms, response.created_ms) == ("speech", 3400, 4000)
    assert (response.first_text_ms, response.first_audio_ms, response.last_audio_ms) == (4090, 4100, 4150)
    assert (response.latency_from, response.latency_ms, response.created_latency_ms) == (
        "speech_end", 700, 100,
    )  # fmt: skip
    assert (response.status, response.done_ms, response.audio_ms) == ("completed", 4150, 1200)
    assert response.transcript == "Hello there."
    assert (response.heard_ms, response.interrupted_by) == (None, None)


def test_speech_has_the_time_at_which_its_audio_was_sent() -> None:
    scene = Scene().begin()
    for _ in range(100):  # faster than real time
        scene.client("input_audio_buffer.append", audio="A" * 1280)
        scene.now += 1
    scene.speech("item_1", 1000, 1990)
    scene.speech("item_2", 10_000_000, 20_000_000)
    first, second = scene.report().turns
    assert first.user is not None
    assert first.user.start_ms == pytest.approx(50, abs=5)
    assert first.user.end_ms == pytest.approx(99, abs=5)
    assert second.user is not None
    assert (second.user.start_ms, second.user.end_ms) == (100, 100)


def test_without_audio_in_the_log_events_have_their_own_times() -> None:
    scene = Scene().begin()
    scene.now = 500
    scene.server("input_audio_buffer.speech_started", item_id="a", audio_start_ms=5)
    scene.now = 900
    scene.server("input_audio_buffer.speech_stopped", item_id="a", audio_end_ms=400)
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert (turn.user.start_ms, turn.user.end_ms, turn.user.audio_ms) == (500, 900, 395)


def test_without_turn_detection_latency_starts_at_the_commit() -> None:
    scene = Scene(detection=None).begin()
    scene.say(1000)
    scene.client("input_audio_buffer.commit")
    scene.now += 15
    scene.server("input_audio_buffer.committed", item_id="a")
    scene.client("response.create")
    scene.now += 30
    scene.answer("resp_1")
    scene.say(400)
    scene.client("input_audio_buffer.clear")
    scene.server("input_audio_buffer.cleared")
    scene.say(200)
    scene.server("input_audio_buffer.committed", item_id="b")  # the commit itself is not in the log
    first, second = scene.report().turns
    assert first.user is not None
    assert (first.user.kind, first.user.start_ms, first.user.end_ms, first.user.audio_ms) == (
        "audio", 0, 1000, 1000,
    )  # fmt: skip
    (response,) = first.responses
    assert (response.asked_by, response.asked_ms, response.latency_from) == ("client", 1015, "commit")
    assert response.latency_ms == 145
    assert second.user is not None
    assert (second.user.start_ms, second.user.audio_ms) == (1545, 200)


def test_the_client_requests_the_response_to_speech() -> None:
    scene = Scene().begin()
    scene.say(2000)
    scene.speech("a", 0, 1500)
    scene.client("response.create")
    scene.answer("resp_1")
    (response,) = responses(scene.report())
    assert (response.asked_by, response.asked_ms, response.latency_from, response.latency_ms) == (
        "client", 2000, "speech_end", 600,
    )  # fmt: skip


def user_text(text: str, **item: Any) -> dict[str, Any]:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}], **item}


def test_text_begins_a_turn_once_a_response_is_requested() -> None:
    scene = Scene().begin()
    for text in ("What is", "the time?"):
        scene.client("conversation.item.create", item=user_text(text))
        scene.server("conversation.item.added", item=user_text(text, id=f"item_{text}"))
        scene.now += 10
    scene.client("response.create", event_id="c")
    scene.answer("resp_1")
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert (turn.user.kind, turn.user.transcript, turn.user.start_ms) == ("text", "What is\nthe time?", 0)
    assert (turn.responses[0].latency_from, turn.responses[0].latency_ms) == ("response_create", 100)


def test_text_before_speech_is_a_separate_turn() -> None:
    scene = Scene().begin()
    scene.client("conversation.item.create", item=user_text("I am on page 3"))
    scene.say(100)
    scene.speech("a", 0, 100)
    kinds = [turn.user.kind for turn in scene.report().turns if turn.user]
    assert kinds == ["text", "speech"]


def test_a_message_with_audio() -> None:
    scene = Scene().begin()
    part = {"type": "input_audio", "audio": "AAAA" * 1600, "transcript": "Hi"}
    scene.client("conversation.item.create", item={"type": "message", "role": "user", "content": [part]})
    scene.client("response.create")
    scene.answer("resp_1")
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert (turn.user.kind, turn.user.audio_ms, turn.user.transcript) == ("audio", 100, "Hi")


def test_a_restored_conversation_is_not_a_turn() -> None:
    scene = Scene().begin()
    for number in range(3):
        scene.client("conversation.item.create", item=user_text(f"old {number}", id=f"u{number}"))
        scene.server("conversation.item.added", item=user_text(f"old {number}", id=f"u{number}"))
        spoken = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}
        scene.client("conversation.item.create", item=spoken)
    scene.client("response.create")
    scene.answer("resp_1")
    (turn,) = scene.report().turns
    assert turn.user is None


def test_text_of_an_unrecorded_client() -> None:
    scene = Scene().begin()
    for kind in ("conversation.item.added", "conversation.item.done", "conversation.item.added"):
        scene.server(kind, item=user_text("Hello?", id="item_9"))
    scene.server("conversation.item.added", item={"type": "new", "id": "x"})
    scene.client("response.create")
    scene.answer("resp_1")
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert turn.user.transcript == "Hello?"


def test_function_calls_and_outputs() -> None:
    scene = Scene().begin()
    scene.say(1000)
    scene.speech("a", 0, 900)
    scene.created("resp_1")
    call = {"type": "function_call", "id": "fc", "call_id": "call_1", "name": "order", "arguments": "{}"}
    scene.server("response.output_item.added", response_id="resp_1", output_index=0, item=call)
    scene.now += 50
    scene.server(
        "response.function_call_arguments.done",
        response_id="resp_1", item_id="fc", output_index=0, call_id="call_1", arguments="{}",
    )  # fmt: skip
    scene.now += 50
    scene.server("response.output_item.done", response_id="resp_1", output_index=0, item=call)
    scene.done("resp_1", output=[call])
    scene.now += 300
    for _ in range(2):  # the second one is a repetition
        output = {"type": "function_call_output", "call_id": "call_1", "output": "{}"}
        scene.client("conversation.item.create", item=output)
    scene.client("response.create")
    scene.now += 20
    scene.answer("resp_2")
    report = scene.report()
    (turn,) = report.turns
    first, second = turn.responses
    (found,) = first.calls
    assert (found.name, found.call_id, found.at_ms, found.output_ms, found.took_ms) == (
        "order", "call_1", 1050, 1400, 350,
    )  # fmt: skip
    assert (first.latency_ms, first.transcript) == (None, None)
    assert (second.asked_by, second.latency_from, second.latency_ms) == ("function", "response_create", 120)
    assert (report.call_count, report.call_time.count, report.latency.count) == (1, 1, 1)


def test_mcp_calls() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    item = {"type": "mcp_call", "id": "m", "server_label": "shop", "name": "find", "arguments": "{}"}
    scene.server("response.output_item.added", response_id="resp_1", output_index=0, item=item)
    scene.server("response.mcp_call.in_progress", item_id="m", output_index=0)
    scene.now += 70
    scene.server("response.mcp_call.completed", item_id="m", output_index=0)
    scene.server(
        "response.output_item.done", response_id="resp_1", output_index=0, item={**item, "output": "x"}
    )
    for id, name in (("f", "failed"), ("g", "")):
        scene.server("response.mcp_call.in_progress", item_id=id, output_index=0)
        if name:
            scene.server(f"response.mcp_call.{name}", item_id=id, output_index=0)
    (response,) = responses(scene.report())
    found, failed, lost = response.calls
    assert (found.name, found.server, found.took_ms, found.failed) == ("find", "shop", 70, False)
    assert failed.failed
    assert lost.output_ms is None


def test_an_incomplete_call_is_not_counted() -> None:
    scene = Scene().begin()
    item = {"type": "function_call", "id": "f", "name": "x", "arguments": "{", "status": "incomplete"}
    scene.created("resp_1")
    scene.done("resp_1", "cancelled", output=[item, {**item, "status": "completed"}])
    report = scene.report()
    assert report.call_count == 1


def test_a_response_to_the_idle_timeout() -> None:
    scene = Scene().begin()
    scene.now = 6000
    scene.server("input_audio_buffer.timeout_triggered", item_id="s", audio_start_ms=0, audio_end_ms=6000)
    scene.server("input_audio_buffer.committed", item_id="s")
    scene.answer("resp_1")
    (turn,) = scene.report().turns
    (response,) = turn.responses
    assert turn.user is None
    assert (response.asked_by, response.latency_from, response.latency_ms) == ("timeout", "timeout", 100)


def test_speech_ends_an_unanswered_timeout() -> None:
    scene = Scene().begin()
    scene.server("input_audio_buffer.timeout_triggered", item_id="s", audio_start_ms=0, audio_end_ms=6000)
    scene.say(100)
    scene.speech("a", 0, 100)
    scene.answer("resp_1")
    silence, turn = scene.report().turns
    assert silence.responses == []
    assert turn.responses[0].asked_by == "speech"


def test_a_greeting_and_an_unrequested_response() -> None:
    scene = Scene().begin()
    scene.client("response.create")
    scene.answer("resp_1")
    scene.answer("resp_2")
    (turn,) = scene.report().turns
    asked = [(response.asked_by, response.latency_from) for response in turn.responses]
    assert asked == [("client", "response_create"), ("unknown", None)]


def test_a_refused_request_has_no_response() -> None:
    scene = Scene().begin()
    scene.client("response.create", event_id="mine")
    scene.server("error", error={"type": "t", "message": "m", "event_id": "mine"})
    scene.client("response.create")
    code = "conversation_already_has_active_response"
    scene.server("error", error={"type": "t", "code": code, "message": "m"})
    scene.say(100)
    scene.speech("a", 0, 100)
    scene.answer("resp_1")
    (response,) = responses(scene.report())
    assert response.asked_by == "speech"


def test_a_function_output_after_more_speech() -> None:
    scene = Scene().begin()
    scene.say(1000)
    scene.speech("a", 0, 500)
    output = {"type": "function_call_output", "call_id": "old", "output": "{}"}
    scene.client("conversation.item.create", item=output)
    scene.client("response.create")
    scene.answer("resp_1")
    (response,) = responses(scene.report())
    assert (response.asked_by, response.latency_from, response.latency_ms) == (
        "function", "response_create", 100,
    )  # fmt: skip


def test_an_empty_message() -> None:
    scene = Scene().begin()
    scene.client("conversation.item.create", item=user_text(""))
    scene.client("response.create")
    scene.answer("resp_1")
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert turn.user.transcript is None


def test_a_response_during_speech_belongs_to_the_previous_turn() -> None:
    scene = Scene().begin()
    scene.say(200)
    scene.speech("a", 0, 100)
    scene.server("input_audio_buffer.speech_started", item_id="b", audio_start_ms=150)
    scene.answer("resp_1")
    scene.server("input_audio_buffer.committed", item_id="b")  # by the client, before speech stopped
    scene.answer("resp_2")
    first, second = scene.report().turns
    assert [response.id for response in first.responses] == ["resp_1"]
    assert [response.id for response in second.responses] == ["resp_2"]
    assert second.responses[0].latency_from == "speech_end"


def test_late_partial_and_missing_transcripts() -> None:
    scene = Scene().begin()
    scene.say(300)
    for item in "abc":
        scene.speech(item, 0, 50)
    kind = "conversation.item.input_audio_transcription"
    for item in ("a", "a", "c", "unknown"):
        scene.server(f"{kind}.delta", item_id=item, content_index=0, delta=f"of {item} ")
    failed = {"type": "t", "code": "bad_audio", "message": "too quiet"}
    scene.server(f"{kind}.failed", item_id="b", content_index=0, error=failed)
    scene.server(f"{kind}.completed", item_id="c", content_index=0, transcript="complete")
    report = scene.report()
    users = [turn.user for turn in report.turns]
    assert [user and user.transcript for user in users] == ["of a of a ", None, "complete"]
    assert users[1] is not None
    assert users[1].transcription_error == "too quiet"
    assert [(error.source, error.code) for error in report.errors] == [("transcription", "bad_audio")]


def test_an_unfinished_response_has_the_text_received() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    scene.words("resp_1", "I was ")
    scene.words("resp_1", 'say\u00ad"ing')
    scene.words("resp_2", "text", "response.output_text.delta")  # its response.created is not in the log
    scene.server("response.output_text.done", **scene.part("resp_3"), text="all")
    first, second, third = responses(scene.report())
    assert (first.transcript, first.status, first.done_ms) == ('I was say\u00ad"ing', None, None)
    assert (second.transcript, second.created_ms) == ("text", None)
    assert (third.transcript, third.first_text_ms) == ("all", 0)


def test_text_that_is_only_in_response_done() -> None:
    scene = Scene().begin()
    part = {"type": "output_audio", "transcript": "Here"}
    message = {"type": "message", "id": "m", "role": "assistant", "content": [part, {"type": "new"}]}
    scene.created("resp_1")
    scene.done("resp_1", output=[message, {"type": "of_tomorrow", "id": "x"}])
    scene.done("resp_1")  # repeated
    report = scene.report()
    assert [response.transcript for response in responses(report)] == ["Here"]
    assert report.statuses == {"completed": 1}


def test_several_responses_with_one_id() -> None:
    scene = Scene().begin()
    for number in range(3):
        scene.created("resp")
        scene.now += 100
        scene.words("resp", f"number {number}")
        scene.audio("resp", 100)
        scene.done("resp")
    found = responses(scene.report())
    assert [(response.transcript, response.audio_ms) for response in found] == [
        (f"number {number}", 100) for number in range(3)
    ]
    assert [response.created_latency_ms for response in found] == [100] * 3


def test_a_repeated_response_created_is_one_response() -> None:
    scene = Scene().begin()
    for _ in range(2):
        scene.created("resp_1")
    scene.audio("resp_1", 100)
    assert len(responses(scene.report())) == 1


def test_a_second_call_of_the_log_may_use_ids_again() -> None:
    scene = Scene(detection=None).begin()
    for call in range(2):
        scene.now = call * 10_000
        scene.say(200)
        scene.client("input_audio_buffer.commit")
        scene.server("input_audio_buffer.committed", item_id="item_1")
        scene.server("input_audio_buffer.committed", item_id="item_1")  # some servers repeat events
        scene.client("response.create")
        scene.answer("resp_1")
    report = scene.report()
    assert [(turn.user and turn.user.start_ms, len(turn.responses)) for turn in report.turns] == [
        (0.0, 1), (10_000.0, 1),
    ]  # fmt: skip
    assert [turn.responses[0].latency_ms for turn in report.turns] == [100, 100]
