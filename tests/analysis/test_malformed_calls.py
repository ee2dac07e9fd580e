"""Malformed calls: events missing, repeated, out of order, or far too many."""

from __future__ import annotations

from typing import Any

import pytest

from realtime.analysis.report import MAX_TEXT_CHARS
from realtime.recording import Entry
from tests.analysis.scenes import Scene

# Limits of what is tracked at a time.
MAX_PARTS, MAX_REQUESTS, MAX_ITEMS, MAX_TEXTS = 64, 32, 512, 64


def test_speech_stopped_without_speech_started() -> None:
    scene = Scene().begin()
    scene.server("input_audio_buffer.speech_stopped", item_id="a", audio_end_ms=5)
    scene.answer("resp_1")
    (turn,) = scene.report().turns
    assert turn.user is None


def test_speech_stopped_with_another_item_id() -> None:
    scene = Scene().begin()
    scene.server("input_audio_buffer.speech_started", item_id="a", audio_start_ms=0)
    scene.now = 300
    scene.server("input_audio_buffer.speech_stopped", item_id="b", audio_end_ms=200)
    scene.answer("resp_1")
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert turn.user.end_ms == 300
    assert turn.responses[0].latency_from == "speech_end"


def test_a_turn_that_ends_while_a_later_one_is_open() -> None:
    scene = Scene().begin()
    for item in "ab":
        scene.server("input_audio_buffer.speech_started", item_id=item, audio_start_ms=0)
    scene.server("input_audio_buffer.speech_stopped", item_id="a", audio_end_ms=0)
    scene.answer("resp_1")
    scene.server("input_audio_buffer.speech_stopped", item_id="b", audio_end_ms=0)
    scene.server("input_audio_buffer.committed", item_id="b")
    scene.answer("resp_2")
    first, second = scene.report().turns
    assert ([found.id for found in first.responses], [found.id for found in second.responses]) == (
        ["resp_1"], ["resp_2"],
    )  # fmt: skip


def test_responses_without_ids_are_the_latest() -> None:
    scene = Scene().begin()
    scene.server("response.created", response={})
    scene.server("response.output_audio.delta", response_id=None, item_id="i", delta="AAAA" * 16)
    scene.server("response.output_audio.delta", delta="AAAA" * 16)
    scene.server("response.done", response={"status": "completed"})
    (turn,) = scene.report().turns
    (response,) = turn.responses
    assert (response.audio_ms, response.status, response.id) == (2, "completed", None)


def test_a_response_with_very_many_parts() -> None:
    scene, many = Scene().begin(), MAX_PARTS * 3
    scene.created("resp_1")
    for number in range(many):
        item = {"type": "function_call", "id": f"f{number}", "name": f"name_{number}", "arguments": ""}
        scene.server("response.output_item.added", response_id="resp_1", output_index=0, item=item)
        scene.audio("resp_1", 10, item=f"item_{number}")
        scene.server(
            "response.function_call_arguments.done",
            response_id="resp_1", item_id=f"f{number}", output_index=0, call_id=f"c{number}", arguments="",
        )  # fmt: skip
    scene.server(
        "response.output_item.added",
        response_id="resp_1",
        output_index=0,
        item={"type": "message", "role": "assistant", "content": []},
    )
    report = scene.report()
    (response,) = report.turns[0].responses
    assert response.audio_ms == pytest.approx(10 * many)
    assert report.call_count == many
    assert [call.name for call in response.calls[MAX_PARTS - 1 : MAX_PARTS + 1]] == [
        f"name_{MAX_PARTS - 1}",
        "",
    ]


def test_malformed_text_deltas_are_ignored() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    scene.words("resp_1", "some ")
    head = scene.part("resp_1")
    scene.server("response.output_audio_transcript.delta", **head, delta=5)
    scene.words("resp_1", "lost")
    torn = scene.entries[-1]
    assert isinstance(torn, Entry)
    scene.entries[-1] = Entry("server", 0.0, torn.frame[:-3], 9)  # not JSON
    scene.words("resp_1", "more")
    scene.server("response.output_audio_transcript.done", **scene.part("resp_2"), transcript="")
    first, second = (response for turn in scene.report().turns for response in turn.responses)
    assert (first.transcript, second.transcript, second.first_text_ms) == ("some more", None, None)


def test_endless_text_is_truncated() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    for _ in range(3000):
        scene.words("resp_1", "word " * 20)
    scene.server("input_audio_buffer.speech_started", item_id="a", audio_start_ms=0)
    for _ in range(3000):
        scene.server(
            "conversation.item.input_audio_transcription.delta", item_id="a", content_index=0, delta="x" * 400
        )
    for _ in range(3000):
        scene.server("session.input_transcript.delta", delta="word " * 20)
    report = scene.report()
    assert len(report.turns[0].responses[0].transcript or "") == MAX_TEXT_CHARS
    transcripts = [turn.user.transcript or "" for turn in report.turns if turn.user]
    assert max(map(len, transcripts)) <= MAX_TEXT_CHARS + 100


def test_items_beyond_the_limit() -> None:
    scene = Scene().begin()
    for number in range(MAX_ITEMS + 10):
        scene.speech(f"u{number}", 0, 0)
        kind = "conversation.item.input_audio_transcription.delta"
        scene.server(kind, item_id=f"u{number}", content_index=0, delta="partial")
    for number in (0, MAX_ITEMS):
        scene.server(
            "conversation.item.input_audio_transcription.completed",
            item_id=f"u{number}", content_index=0, transcript="complete",
        )  # fmt: skip
    report = scene.report()
    assert report.turns[MAX_ITEMS].user is not None
    assert report.turns[MAX_ITEMS].user.transcript == "complete"
    assert report.turns[0].user is not None
    assert report.turns[0].user.transcript == "partial"


def test_requests_beyond_the_limit() -> None:
    scene = Scene().begin()
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "x"}]}
    for _ in range(MAX_TEXTS + 5):
        scene.client("conversation.item.create", item=item)
    for _ in range(MAX_REQUESTS + 5):
        scene.client("response.create")
    for number in range(MAX_REQUESTS + 5):
        scene.answer(f"resp_{number}")
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert (turn.user.transcript or "").count("x") == MAX_TEXTS
    asked = [response.asked_by for response in turn.responses]
    assert asked == ["client"] * MAX_REQUESTS + ["unknown"] * 5


def test_items_of_every_type() -> None:
    scene = Scene().begin()
    items: list[dict[str, Any]] = [
        {"type": "message", "role": "system", "content": []},
        {"type": "message", "role": "user", "content": [{"type": "input_image", "image_url": "x"}]},
        {"type": "of_tomorrow"}, {"type": "mcp_approval_response", "id": "x", "approval_request_id": "y", "approve": True},
        {"type": "function_call_output", "call_id": "unknown", "output": ""},
    ]  # fmt: skip
    for item in items:
        scene.client("conversation.item.create", item=item)
        scene.server("conversation.item.added", item={**item, "id": "i"})
        scene.created("resp_1")
        scene.server("response.output_item.done", response_id="resp_1", output_index=0, item=item)
    report = scene.report()
    assert (report.undecodable, report.call_count) == (0, 0)


def test_negative_positions() -> None:
    scene = Scene().begin()
    scene.say(100)
    scene.speech("a", -50, -20)
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert (turn.user.start_ms, turn.user.end_ms) == (0, 0)


def test_parts_that_alternate() -> None:
    scene = Scene().begin()
    scene.created("resp_1")
    for _ in range(3):
        for number in range(10):
            scene.audio("resp_1", 10, item=f"item_{number}")
    (response,) = scene.report().turns[0].responses
    assert response.audio_ms == 300
