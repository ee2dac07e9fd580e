"""The limits of a report: texts within one budget, reports without side effects, no credentials."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from realtime.analysis import Inspector, Report
from realtime.analysis._builder import ReportBuilder, TextBudget, as_code, as_message, file_name, remove_keys
from realtime.analysis.report import MAX_TEXT_CHARS, MAX_TOTAL_CHARS
from realtime.recording import Entry
from tests.analysis.scenes import KEY, TRANSCRIBED, TRANSCRIBES, Scene, reachable_nbytes, with_keys

# --- Texts -----------------------------------------------------------------------------


def test_text_is_limited_by_its_length_and_the_total() -> None:
    builder, budgets = ReportBuilder(), [TextBudget(), TextBudget(), TextBudget()]
    assert builder.text("abc", budgets[0]) == "abc"
    assert len(builder.text("x" * 9999, budgets[0])) == MAX_TEXT_CHARS
    assert builder.report.left_out == {"texts": 1}
    assert builder.text("abcd", budgets[0]) == "abcd"  # shorter now: no longer truncated
    assert builder.report.left_out == {}
    for _ in range(MAX_TOTAL_CHARS // MAX_TEXT_CHARS - 1):
        builder.text("y" * MAX_TEXT_CHARS, TextBudget())
    assert builder.text("z" * MAX_TEXT_CHARS, budgets[1]) == "z" * (MAX_TEXT_CHARS - 7) + "..."
    assert builder.text("more", budgets[2]) == ""
    assert builder.report.left_out == {"texts": 2}
    assert builder.text("abc", budgets[0]) == "abc"
    assert builder.text("more", budgets[2]) == "."


def text_events(draw: st.DrawFn) -> list[Entry]:
    """Return text events of every kind, complete and partial, of a few responses, items and runs."""
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


@given(st.data())
def test_report_changes_nothing(data: st.DataObject) -> None:
    entries = data.draw(st.composite(text_events)())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("realtime.analysis.report.MAX_TEXT_CHARS", 30)
        patch.setattr("realtime.analysis.report.MAX_TOTAL_CHARS", 100)
        patch.setattr("realtime.analysis._turns._MAX_ITEMS", 2)
        patch.setattr("realtime.analysis._responses._MAX_RESPONSES", 2)
        reported, other = Inspector(), Inspector()
        for entry in entries:
            reported.feed(entry)
            other.feed(entry)
            if data.draw(st.booleans()):
                assert reported.report() == reported.report()
        found = other.report()
        assert reported.report() == found
        texts = [turn.user.transcript for turn in found.turns if turn.user]
        texts += [response.transcript for turn in found.turns for response in turn.responses]
        assert sum(len(text or "") for text in texts) <= 100


def test_a_thousand_reports_are_equal() -> None:
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
    scene.server(TRANSCRIBED, item_id="b", content_index=0, transcript="all of it")
    inspector.feed_all(scene.entries[-4:])
    assert inspector.report() == scene.report()
    assert inspector.report().left_out == {}


def test_a_piece_after_the_complete_transcript_is_ignored() -> None:
    scene = Scene().begin()
    scene.speech("a", 0, 0)
    scene.server(TRANSCRIBED, item_id="a", content_index=0, transcript="the complete sentence")
    scene.server(TRANSCRIBES, item_id="a", content_index=0, delta="late")
    (turn,) = scene.report().turns
    assert turn.user is not None
    assert turn.user.transcript == "the complete sentence"


def test_a_truncated_run_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.analysis.report.MAX_TOTAL_CHARS", 10)
    scene = Scene()
    for _ in range(40):
        scene.server("session.input_transcript.delta", delta="hey ")
    report = scene.report()
    assert report.turns[0].user is not None
    assert report.turns[0].user.transcript == "hey hey..."
    assert report.left_out == {"texts": 1}


def test_memory_of_a_run_is_bounded() -> None:
    scene, inspector = Scene(), Inspector()
    for _ in range(4000):
        scene.server("session.input_transcript.delta", delta="words of it " * 10)
    before = reachable_nbytes(inspector)
    inspector.feed_all(scene.entries)
    assert reachable_nbytes(inspector) - before < 10 * MAX_TEXT_CHARS


def test_a_response_without_an_id_keeps_its_text_when_the_next_begins() -> None:
    scene = Scene().begin()
    for text in ("first", "second"):
        scene.server("response.created", response={})
        scene.server("response.output_text.delta", item_id="i", content_index=0, delta=text)
    assert [found.transcript for found in scene.report().turns[0].responses] == ["first", "second"]


def test_a_repeated_item_id_is_a_new_item() -> None:
    scene = Scene().begin()
    for text in ("first", "second"):
        scene.server("input_audio_buffer.speech_started", item_id="a", audio_start_ms=0)
        scene.server(TRANSCRIBES, item_id="a", content_index=0, delta=text)
    assert [turn.user and turn.user.transcript for turn in scene.report().turns] == ["first", "second"]


# --- Credentials -----------------------------------------------------------------------


def test_credentials_are_removed() -> None:
    report = with_keys().report()
    written = msgspec.json.encode(report).decode()
    assert written.count("<redacted>") > 12
    for at in range(0, len(KEY) - 8, 4):
        assert KEY[at : at + 8] not in written
    texts = [turn.user.transcript for turn in report.turns if turn.user]
    assert texts[1:3] == ["<redacted>", "Incorrect API key provided: <redacted>. Or <redacted>"]


def test_credentials_are_removed_from_the_beginning_of_a_long_text() -> None:
    text = remove_keys(f"{KEY} " * 10**6)
    assert text.startswith("<redacted> <redacted> ")
    assert text.endswith("...")
    assert len(text) < MAX_TEXT_CHARS
    assert KEY[3:20] not in text
    assert ReportBuilder().text("x" * 10**8, TextBudget()) == "x" * (MAX_TEXT_CHARS - 3) + "..."


def test_a_long_message_is_searched_quickly() -> None:
    assert as_message(KEY + "x" * 10**7) == "<redacted>"
    assert as_message("y" * 79 + KEY) == "y" * 77 + "..."
    assert as_message(5) == ""
    assert as_code(None) is None


def test_ids_are_unchanged() -> None:
    scene = Scene().begin()
    scene.speech("sk-aaaaaaaaaaaa", 0, 0)
    scene.speech("sk-bbbbbbbbbbbb", 0, 0)
    scene.server(TRANSCRIBED, item_id="sk-aaaaaaaaaaaa", content_index=0, transcript="one")
    report: Report = scene.report()
    assert [turn.user and turn.user.transcript for turn in report.turns] == ["one", None]
    assert json.loads(msgspec.json.encode(report))["turns"][0]["user"]["item_id"] == "sk-aaaaaaaaaaaa"


@pytest.mark.parametrize(
    ("path", "text"),
    [("a.jsonl", "a.jsonl"), (Path("\u00e9.jsonl"), "\u00e9.jsonl"), ("caf\udce9.jsonl", "caf\\udce9.jsonl")],
)
def test_file_names_can_be_encoded_as_json(path: str | Path, text: str) -> None:
    assert file_name(path) == text
