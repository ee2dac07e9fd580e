"""What a report keeps: texts within one budget, however often it is asked for; no keys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from realtime.analysis import Inspector, Report
from realtime.analysis._builder import (
    ReportBuilder,
    TextBudget,
    as_code,
    as_message,
    file_name,
    remove_keys,
)
from realtime.analysis.report import MAX_TEXT_CHARS, MAX_TOTAL_CHARS
from realtime.recording import BrokenLine, Entry
from tests.analysis.scenes import Scene, reachable_nbytes

TRANSCRIBED = "conversation.item.input_audio_transcription.completed"
TRANSCRIBES = "conversation.item.input_audio_transcription.delta"


# --- Texts -----------------------------------------------------------------------------


def test_a_text_takes_what_it_is_and_no_more() -> None:
    builder, budgets = ReportBuilder(), [TextBudget(), TextBudget(), TextBudget()]
    assert builder.text("abc", budgets[0]) == "abc"
    assert len(builder.text("x" * 9999, budgets[0])) == MAX_TEXT_CHARS
    assert builder.report.left_out == {"texts": 1}
    assert builder.text("abcd", budgets[0]) == "abcd"  # it became shorter: nothing of it is left out
    assert builder.report.left_out == {}
    for _ in range(MAX_TOTAL_CHARS // MAX_TEXT_CHARS - 1):
        builder.text("y" * MAX_TEXT_CHARS, TextBudget())
    assert builder.text("z" * MAX_TEXT_CHARS, budgets[1]) == "z" * (MAX_TEXT_CHARS - 7) + "..."
    assert builder.text("more", budgets[2]) == ""
    assert builder.report.left_out == {"texts": 2}
    assert builder.text("abc", budgets[0]) == "abc"
    assert builder.text("more", budgets[2]) == "."


def said(draw: st.DrawFn) -> list[Entry]:
    """Pieces of text of every kind, whole or not, of a few responses, items and runs."""
    scene = Scene()
    texts, names = st.text("ab ", max_size=40), st.sampled_from("xyz")
    for step in draw(st.lists(st.integers(0, 8), min_size=1, max_size=40)):
        name, text = draw(names), draw(texts)
        scene.now += draw(st.sampled_from([1.0, 2000.0]))
        steps: list[Any] = [
            lambda name=name: scene.created(name),
            lambda name=name, text=text: scene.words(name, text),
            lambda name=name: scene.done(name),
            lambda name=name: scene.server(
                "input_audio_buffer.speech_started", item_id=name, audio_start_ms=0
            ),
            lambda name=name, text=text: scene.server(TRANSCRIBES, item_id=name, content_index=0, delta=text),
            lambda name=name, text=text: scene.server(
                TRANSCRIBED, item_id=name, content_index=0, transcript=text
            ),
            lambda text=text: scene.server("session.input_transcript.delta", delta=text),
            lambda text=text: scene.server("session.output_transcript.delta", delta=text),
            lambda name=name, text=text: scene.server(
                "response.output_audio_transcript.done", **scene.part(name), transcript=text
            ),
        ]
        steps[step]()
    return [entry for entry in scene.entries if isinstance(entry, Entry)]


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_asking_for_a_report_changes_nothing(data: st.DataObject) -> None:
    entries = data.draw(st.composite(said)())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("realtime.analysis.report.MAX_TEXT_CHARS", 30)
        patch.setattr("realtime.analysis.report.MAX_TOTAL_CHARS", 100)
        patch.setattr("realtime.analysis._turns._MAX_ITEMS", 2)
        patch.setattr("realtime.analysis._responses._MAX_RESPONSES", 2)
        asked, left_alone = Inspector(), Inspector()
        for entry in entries:
            asked.feed(entry)
            left_alone.feed(entry)
            if data.draw(st.booleans()):
                assert asked.report() == asked.report()
        found = left_alone.report()
        assert asked.report() == found
        whole = [turn.user.transcript for turn in found.turns if turn.user]
        whole += [response.transcript for turn in found.turns for response in turn.responses]
        assert sum(len(text or "") for text in whole) <= 100


def test_a_report_a_thousand_times_over() -> None:
    scene, inspector = Scene().begin(), Inspector()
    scene.created("resp_1")
    scene.words("resp_1", "word " * 700)
    scene.speech("a", 0, 0)
    scene.server(TRANSCRIBES, item_id="a", content_index=0, delta="said " * 700)
    inspector.feed_all(scene.entries)
    first = last = inspector.report()
    for _ in range(1000):
        last = inspector.report()
    assert last == first == scene.report()
    scene.speech("b", 0, 0)
    scene.server(TRANSCRIBED, item_id="b", content_index=0, transcript="the whole of it")
    inspector.feed_all(scene.entries[-4:])
    assert inspector.report() == scene.report()
    assert inspector.report().left_out == {}


def test_a_piece_that_comes_after_the_whole_is_no_text() -> None:
    scene = Scene().begin()
    scene.speech("a", 0, 0)
    scene.server(TRANSCRIBED, item_id="a", content_index=0, transcript="the whole sentence")
    scene.server(TRANSCRIBES, item_id="a", content_index=0, delta="late")
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert turn.user.transcript == "the whole sentence"


def test_a_run_is_cut_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.analysis.report.MAX_TOTAL_CHARS", 10)
    scene = Scene()
    for _ in range(40):
        scene.server("session.input_transcript.delta", delta="hey ")
    report = scene.report()
    assert report.turns[0].user is not None
    assert report.turns[0].user.transcript == "hey hey..."
    assert report.left_out == {"texts": 1}


def test_what_a_run_holds_is_bounded() -> None:
    scene, inspector = Scene(), Inspector()
    for _ in range(4000):
        scene.server("session.input_transcript.delta", delta="words of it " * 10)
    before = reachable_nbytes(inspector)
    inspector.feed_all(scene.entries)
    assert reachable_nbytes(inspector) - before < 10 * MAX_TEXT_CHARS


def test_a_response_without_an_id_keeps_what_it_said_when_the_next_begins() -> None:
    scene = Scene().begin()
    for text in ("first", "second"):
        scene.server("response.created", response={})
        scene.server("response.output_text.delta", item_id="i", content_index=0, delta=text)
    assert [found.transcript for found in scene.report().turns[0].responses] == ["first", "second"]


def test_an_item_that_is_spoken_again_is_another() -> None:
    scene = Scene().begin()
    for text in ("first", "second"):
        scene.server("input_audio_buffer.speech_started", item_id="a", audio_start_ms=0)
        scene.server(TRANSCRIBES, item_id="a", content_index=0, delta=text)
    assert [turn.user and turn.user.transcript for turn in scene.report().turns] == ["first", "second"]


# --- Keys ------------------------------------------------------------------------------

KEY = "sk-proj-AbCdEfGhIjKlMnOpQrStUvWxYz0123456789"


def with_keys() -> Scene:
    """A call that tells a key wherever a peer may write a sentence."""
    scene, told = Scene().begin(), f"Incorrect API key provided: {KEY}. Or Bearer {KEY}"
    pieces = [KEY[at : at + 4] for at in range(0, len(KEY), 4)]
    scene.server("error", error={"type": f"t {KEY}", "code": f"code {KEY}", "message": told})
    scene.speech("a", 0, 0)
    scene.server(TRANSCRIBED, item_id="a", content_index=0, transcript=told)
    failed = {"type": "t", "code": told, "message": told}
    kind = "conversation.item.input_audio_transcription.failed"
    scene.server(kind, item_id="a", content_index=0, error=failed)
    scene.speech("b", 0, 0)
    for piece in pieces:
        scene.server(TRANSCRIBES, item_id="b", content_index=0, delta=piece)
    scene.created("resp_1")
    for piece in pieces:
        scene.words("resp_1", piece)
    scene.created("resp_2")
    scene.server("response.output_text.done", **scene.part("resp_2"), text="x" * 3990 + told)
    scene.done("resp_2", told, status_details={"type": "failed", "reason": told})
    text = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": told}]}
    scene.client("conversation.item.create", item=text)
    scene.client("response.create")
    scene.created("resp_3")
    for piece in pieces:
        scene.server("session.input_transcript.delta", delta=piece)
        scene.server("session.output_transcript.delta", delta=piece)
    scene.server(f"type.{KEY}")
    scene.server("response.done", response=told)
    scene.entries.append(BrokenLine(9, told, told))
    scene.entries.append(Entry("server", 0.0, b"not JSON: " + KEY.encode(), 9))
    return scene


def test_no_key_is_kept() -> None:
    report = with_keys().report()
    written = msgspec.json.encode(report).decode()
    assert written.count("<redacted>") > 12
    for at in range(0, len(KEY) - 8, 4):
        assert KEY[at : at + 8] not in written
    texts = [turn.user.transcript for turn in report.turns if turn.user]
    assert texts[1:3] == ["<redacted>", "Incorrect API key provided: <redacted>. Or <redacted>"]


def test_a_text_is_looked_through_as_far_as_it_can_matter() -> None:
    told = remove_keys(f"{KEY} " * 10**6)
    assert told.startswith("<redacted> <redacted> ")
    assert told.endswith("...")
    assert len(told) < MAX_TEXT_CHARS
    assert KEY[3:20] not in told
    assert ReportBuilder().text("x" * 10**8, TextBudget()) == "x" * (MAX_TEXT_CHARS - 3) + "..."


def test_a_long_message_is_looked_through_in_time() -> None:
    assert as_message(KEY + "x" * 10**7) == "<redacted>"
    assert as_message("y" * 79 + KEY) == "y" * 77 + "..."
    assert as_message(5) == ""
    assert as_code(None) is None


def test_ids_stay_what_they_are() -> None:
    scene = Scene().begin()
    scene.speech("sk-aaaaaaaaaaaa", 0, 0)
    scene.speech("sk-bbbbbbbbbbbb", 0, 0)
    scene.server(TRANSCRIBED, item_id="sk-aaaaaaaaaaaa", content_index=0, transcript="one")
    report: Report = scene.report()
    assert [turn.user and turn.user.transcript for turn in report.turns] == ["one", None]
    assert json.loads(msgspec.json.encode(report))["turns"][0]["user"]["item_id"] == "sk-aaaaaaaaaaaa"


@pytest.mark.parametrize(
    ("path", "told"),
    [("a.jsonl", "a.jsonl"), (Path("\u00e9.jsonl"), "\u00e9.jsonl"), ("caf\udce9.jsonl", "caf\\udce9.jsonl")],
)
def test_a_file_has_a_name_that_json_can_hold(path: str | Path, told: str) -> None:
    assert file_name(path) == told
