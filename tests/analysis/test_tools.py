"""Function calls of a log: arguments, outputs, problems, and settings that a session did not get."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from realtime.analysis import Report, Summary, write_page
from realtime.analysis.report import PROBLEMS
from realtime.cli.inspect import report_lines
from tests.analysis.scenes import KEY, Scene


def scene_of(arguments: str = '{"id":1}', name: str = "find") -> Scene:
    scene = Scene()
    scene.settings["tools"] = [{"type": "function", "name": "find"}]
    scene.begin()
    scene.created("r1")
    item = {"type": "function_call", "id": "f", "call_id": "c", "name": name, "arguments": arguments}
    scene.done("r1", output=[item])
    scene.now += 200
    return scene


def answer(scene: Scene, output: str = '{"ok":true}', call_id: str = "c", event_id: str = "e1") -> Scene:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    scene.client("conversation.item.create", event_id=event_id, item=item)
    return scene


def refused() -> Scene:
    scene = answer(scene_of())
    error = {"type": "t", "code": "bad_item", "message": "No.", "event_id": "e1"}
    scene.server("error", error=error)
    return scene


def later() -> Scene:
    scene = scene_of()
    scene.created("r2")
    return scene


def mcp() -> Scene:
    scene = Scene().begin()
    scene.created("r1")
    error = {"type": "tool_execution_error", "message": "down"}
    item = {"type": "mcp_call", "id": "m", "server_label": "shop", "name": "find", "arguments": "{}"}
    scene.server("response.output_item.done", response_id="r1", output_index=0, item={**item, "error": error})
    return scene


def cut_off() -> Scene:
    scene = Scene().begin()
    scene.created("r1")
    item = {"type": "function_call", "id": "f", "call_id": "c", "name": "find", "arguments": '{"a'}
    scene.server("response.output_item.done", response_id="r1", output_index=0, item=item)
    scene.done("r1", "cancelled")
    return scene


CASES: dict[str, tuple[Scene, dict[str, int], str]] = {
    "fine": (answer(scene_of()), {}, ""),
    "no JSON": (answer(scene_of("{")), {"bad_arguments": 1}, ""),
    "no object": (answer(scene_of("[1]")), {"bad_arguments": 1}, ""),
    "unknown name": (answer(scene_of(name="fnd")), {"unknown_name": 1}, "find"),
    "error": (answer(scene_of(), '{"error":"broke"}'), {"failed": 1}, "broke"),
    "no output": (scene_of(), {"no_output": 1}, ""),
    "later response": (later(), {"no_output": 1}, "a later response began"),
    "twice": (answer(answer(scene_of())), {"repeated_output": 1}, ""),
    "unknown call": (answer(answer(scene_of()), call_id="x"), {"unknown_call": 1}, ""),
    "MCP": (mcp(), {"failed": 1}, "down"),
    "cut off": (cut_off(), {"incomplete": 1}, ""),
    "refused": (refused(), {"refused": 1}, "bad_item: No."),
}


def text_of(report: Report) -> str:
    return " ".join(" ".join(report_lines(report)).split())


@pytest.mark.parametrize(("scene", "wanted", "detail"), CASES.values(), ids=CASES)
def test_problems_are_in_every_form(
    scene: Scene, wanted: dict[str, int], detail: str, tmp_path: Path
) -> None:
    report = scene.report()
    assert report.call_problems == wanted
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    page = tmp_path / "call.html"
    write_page(scene.write(tmp_path / "call.jsonl"), page, report=report)
    assert all(kind in page.read_text() for kind in wanted)
    text = text_of(report)
    assert ("problem: " in text) == bool(wanted)
    assert all(PROBLEMS[kind] in text for kind in PROBLEMS if kind in wanted)
    assert detail in text


def test_texts_of_a_call() -> None:
    report = answer(scene_of(json.dumps({"key": KEY})), "<b>\x1b\u202e" + "x" * 5000).report()
    (call,) = report.turns[0].responses[0].calls
    assert call.took_ms == 200
    assert KEY not in (call.arguments or KEY)
    assert call.output is not None
    assert len(call.output) <= 1000
    assert text_of(report).isprintable()


@pytest.mark.parametrize("is_refused", [True, False])
def test_what_a_session_did_not_get(is_refused: bool, tmp_path: Path) -> None:
    scene = Scene().begin()
    wanted: dict[str, Any] = {"type": "realtime", "instructions": "<i>Be brief"}
    scene.client("session.update", session=wanted)
    actual = "Be kind" if is_refused else wanted["instructions"]
    scene.server("session.updated", session={**scene.settings, "id": "s", "instructions": actual})
    report = scene.report()
    found = [(each.path, each.requested, each.actual) for each in report.sessions[0].differences]
    assert found == ([("instructions", '"<i>Be brief"', '"Be kind"')] if is_refused else [])
    assert ('requested "<i>Be brief", session has "Be kind"' in text_of(report)) == is_refused
    page = tmp_path / "call.html"
    write_page(scene.write(tmp_path / "call.jsonl"), page, report=report)
    assert ("Not applied" in page.read_text()) == is_refused
    assert "<i>" not in page.read_text()


def test_every_problem_is_tested_and_documented() -> None:
    assert {kind for _, wanted, _ in CASES.values() for kind in wanted} == set(PROBLEMS)
    docs = (Path(__file__).parents[2] / "docs/inspect.md").read_text(encoding="utf-8")
    for kind, sentence in PROBLEMS.items():
        assert f"| `{kind}` | {sentence}" in docs


def test_summaries_count_problems() -> None:
    both = Summary.of(CASES["MCP"][0].report()) + Summary.of(CASES["error"][0].report())
    assert both.call_problems == {"failed": 2}


def test_outputs_of_unknown_calls_are_bounded() -> None:
    scene = Scene().begin()
    for number in range(1100):
        answer(scene, call_id=f"x{number}")
    report = scene.report()
    assert len(report.stray_outputs) == 1000
    assert report.left_out["stray_outputs"] == 100
    assert report.call_problems == {"unknown_call": 1100}
    assert "and 990 more" in text_of(report)
