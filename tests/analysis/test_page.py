"""The page as a file: complete, bounded, and safe for any log."""

from __future__ import annotations

import base64
import functools
import hashlib
import html.parser
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from realtime.analysis import (
    CostItem,
    CostReport,
    Report,
    ResponseReport,
    SessionReport,
    Turn,
    UserInput,
    inspect_log,
    page as page_module,
    timeline as timeline_module,
)
from realtime.analysis.event_list import EventList
from realtime.analysis.page import (
    MAX_DEFAULT_AUDIO_MS,
    PageStats,
    display_text,
    page_model,
    page_title,
    script_json,
    write_page,
)
from realtime.analysis.report import LIMITS, MAX_TEXT_CHARS, MAX_TOTAL_CHARS
from realtime.analysis.timeline import read_timeline
from realtime.errors import ConfigError

from .page_logs import Call, hostile, hotel, long_call

PARTS = Path(page_module.__file__).parent / "_page"


class Parsed(html.parser.HTMLParser):
    """The elements of a page with their attributes, and the text in those that matter."""

    def __init__(self, path: Path) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, str] = {}
        self._now: str | None = None
        self.feed(path.read_text(encoding="utf-8"))
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._now = str(dict(attrs).get("id") or tag)
        assert len(dict(attrs)) == len(attrs)

    def handle_endtag(self, tag: str) -> None:
        self._now = None

    def handle_data(self, data: str) -> None:
        if self._now is not None:
            self.inside[self._now] = self.inside.get(self._now, "") + data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    @property
    def model(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.inside["data"])
        return found

    @property
    def policy(self) -> dict[str, str]:
        (content,) = [each["content"] for each in self.of("meta") if "http-equiv" in each]
        rules = (rule.partition(" ") for rule in str(content).split("; "))
        return {name: value for name, _, value in rules}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., tuple[PageStats, Parsed]]:
    def made(call: Call | list[str], **options: Any) -> tuple[PageStats, Parsed]:
        log, out = tmp_path / "call.jsonl", tmp_path / "call.html"
        if isinstance(call, Call):
            call.write(log)
        else:
            log.write_text("\n".join(call))
        stats = write_page(log, out, **options)
        assert stats.nbytes == out.stat().st_size
        return stats, Parsed(out)

    return made


# --- Content ----------------------------------------------------------------------------


def test_a_complete_call(written: Callable[..., tuple[PageStats, Parsed]]) -> None:
    stats, page = written(hotel())
    model = page.model
    assert (stats.duration_ms, stats.turns, stats.events_left_out, stats.audio_ms) == (44_100, 5, 0, 44_100)
    assert stats.events == len(model["events"]) > 100
    assert model["title"] == "call.jsonl"
    facts = {fact["label"]: fact["value"] for fact in model["facts"]}
    assert facts["Turns"] == "5"
    assert facts["First audio, slowest"] == "1,760 ms"
    assert (facts["Interruptions"], facts["Gaps"], facts["Errors"]) == ("1", "1", "1")
    assert re.fullmatch(r"\$\d+\.\d{4}", facts["Cost"])
    details = dict(model["details"])
    assert (details["Session"], details["Model"], details["Audio"]) == (
        "sess_CkP3d7",
        "gpt-realtime-2",
        "pcm16 24 kHz",
    )
    assert details["Function calls"] == "1, the slowest 1,360 ms"
    assert model["notes"] == ["Events of unknown types: response.output_sparkle.added."]
    second = model["turns"][1]
    assert second["user"]["transcript"].startswith("Hi, do you have")
    assert second["responses"][0]["heard_ms"] == 2300
    assert model["gaps"] == [{"at_ms": 32_460, "gap_ms": 850}]
    assert [span for span in model["heard"] if span[2] == "resp_2"] == [[8760, 11_060, "resp_2"]]


def test_a_given_report_is_used(written: Callable[..., tuple[PageStats, Parsed]]) -> None:
    report = Report(logs=["other.jsonl"], turns=[Turn(number=7, at_ms=5)], turn_count=1)
    _, page = written(hotel(), report=report)
    assert page.model["title"] == "other.jsonl"
    assert [turn["number"] for turn in page.model["turns"]] == [7]


@pytest.mark.parametrize(
    ("lines", "note"),
    [
        ([], "The log holds no frames."),
        (["{", "["], "2 lines of the log could not be read."),
        (['{"direction":"client","time_ms":5,"frame":{"type":"response.create"}}'], "The log holds no audio."),
        (['{"direction":"client","time_ms":5,"frame":{"type":"input_audio_buffer.append","audio":"","audio_bytes":96000}}'], "The log was recorded without audio"),
        (['{"direction":"client","time_ms":5,"frame":{"type":"input_audio_buffer.append","audio":"AAAA"}}',
          '{"direction":"client","time_ms":50000000,"frame":{"type":"input_audio_buffer.append","audio":"AAAA"}}'], "The timeline ends after 12 hours. Only in the list of events, earlier or later: 1 frame."),
        (['{"direction":"server","time_ms":5,"frame":{"type":"response.created","response":5}}'], "1 frame did not decode."),
    ],
    ids=["empty", "broken", "no audio", "left out", "long", "undecodable"],
)  # fmt: skip
def test_notes_list_what_is_missing(
    written: Callable[..., tuple[PageStats, Parsed]], lines: list[str], note: str
) -> None:
    stats, page = written(lines)
    assert any(each.startswith(note) for each in page.model["notes"]), page.model["notes"]
    assert page.model["end_ms"] > page.model["start_ms"]
    assert stats.events == len(page.model["events"])


COSTS = [
    (CostReport(usd=Decimal("0.01234")), "$0.0123", ""),
    (CostReport(usd=Decimal("12.346")), "$12.3460", ""),
    (CostReport(usd=None, items=[CostItem(use="responses", problem="no price")]), "unknown", "no price"),
    (CostReport(usd=None, known_usd=Decimal(2), items=[CostItem(use="responses", problem="no price")]), "unknown", "$2.0000 is known; no price"),
    (CostReport(usd=None), "unknown", ""),
]  # fmt: skip


@pytest.mark.parametrize(("cost", "value", "note"), COSTS)
def test_an_unknown_cost_is_not_a_number(tmp_path: Path, cost: CostReport, value: str, note: str) -> None:
    facts = {fact["label"]: fact for fact in _model(tmp_path, Report(cost=cost))["facts"]}
    assert (facts["Cost"]["value"], facts["Cost"]["note"]) == (value, note)


def test_sessions_are_shown(tmp_path: Path) -> None:
    sessions = [
        SessionReport(at_ms=0),
        SessionReport(at_ms=5, dialect="beta", input_format="g711_ulaw", input_rate=8000, voice="alloy"),
    ]
    names = {f"e{number}": number for number in range(1, 8)}
    found = _model(
        tmp_path, Report(sessions=sessions, unknown_types=names, error_codes={}, left_out={"errors": 3})
    )
    details = dict(found["details"])
    assert details["Audio"] == "g711_ulaw 8 kHz in, pcm16 24 kHz out"
    assert (details["Sessions"], details["Session"], details["Dialect"]) == (
        "2 in this log",
        "not reported",
        "beta",
    )
    assert "Events of unknown types: e7 (7), e6 (6), e5 (5), e4 (4), e3 (3), 2 more." in found["notes"]
    assert found["notes"][-1] == "Shortened or left out because of their number: 3 errors."


def _model(folder: Path, report: Report) -> dict[str, Any]:
    (folder / "empty.jsonl").touch()
    with read_timeline(folder / "empty.jsonl") as timeline:
        return page_model(report, timeline)


# --- Bounds -----------------------------------------------------------------------------


def test_turns_and_texts_are_bounded(tmp_path: Path) -> None:
    turns = [
        Turn(number=number, at_ms=number, user=UserInput(kind="text", start_ms=0, transcript="x" * 9000))
        for number in range(LIMITS["turns"] + 5)
    ]
    turns[0].responses.append(ResponseReport(id="r", transcript="short"))
    found = _model(tmp_path, Report(turns=turns, left_out={"turns": 2}))
    assert len(found["turns"]) == LIMITS["turns"]
    assert found["turns"][0]["responses"][0]["transcript"] == "short"
    texts = [turn["user"]["transcript"] for turn in found["turns"]]
    assert len(texts[0]) == MAX_TEXT_CHARS
    assert texts[-1] == "..."
    assert sum(map(len, texts)) <= MAX_TOTAL_CHARS + 3 * LIMITS["turns"]
    assert found["notes"][-1] == "Shortened or left out because of their number: 7 turns."


def test_notes_count_rows_left_out(
    written: Callable[..., tuple[PageStats, Parsed]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timeline_module, "EventList", functools.partial(EventList, 10))
    stats, page = written(hotel())
    assert (stats.events, page.model["events_left_out"], page.model["events_gap_at"]) == (
        10,
        stats.events_left_out,
        5,
    )
    note = (
        f"Shortened or left out because of their number: {stats.events_left_out} rows of the list of events."
    )
    assert note in page.model["notes"]


@pytest.mark.slow
def test_the_page_of_an_hour_is_bounded(tmp_path: Path) -> None:
    log = long_call(tmp_path / "call.jsonl", minutes=60, turns=400)
    stats = write_page(log, tmp_path / "call.html")
    assert stats.duration_ms >= 3_590_000
    assert (stats.audio_ms, stats.turns, stats.events_left_out) == (0, 400, 0)
    assert stats.nbytes < 6_000_000


@pytest.mark.parametrize(
    ("limit_ms", "audio", "has_audio"),
    [(40_000, None, True), (20_000, None, False), (20_000, True, True), (40_000, False, False)],
)
def test_short_calls_include_their_audio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit_ms: float, audio: bool | None, has_audio: bool
) -> None:
    assert MAX_DEFAULT_AUDIO_MS == 10 * 60 * 1000
    monkeypatch.setattr(page_module, "MAX_DEFAULT_AUDIO_MS", limit_ms)
    stats = write_page(long_call(tmp_path / "call.jsonl", 0.5, 2), tmp_path / "call.html", audio=audio)
    (sound,) = Parsed(tmp_path / "call.html").of("audio")
    assert (stats.audio_ms > 0) == has_audio == ("src" in sound)
    if has_audio:
        wav = base64.b64decode(str(sound["src"]).removeprefix("data:audio/wav;base64,"), validate=True)
        assert len(wav) == 58 + stats.audio_ms * 16


# --- Hostile logs -------------------------------------------------------------------------


def test_the_policy_admits_only_the_pages_script_and_style(
    written: Callable[..., tuple[PageStats, Parsed]],
) -> None:
    _, page = written(hostile())
    policy = page.policy
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == "'none'"
    for rule, element in (("script-src", "script"), ("style-src", "style")):
        digest = base64.b64encode(hashlib.sha256(page.inside[element].encode()).digest()).decode()
        assert policy[rule] == f"'sha256-{digest}'"
    assert not any("unsafe" in rule or "http" in rule or "*" in rule for rule in policy.values())
    assert "require-trusted-types-for" in policy


def test_a_hostile_log_adds_no_element_and_no_attribute(
    written: Callable[..., tuple[PageStats, Parsed]],
) -> None:
    _, page = written(hostile())
    elements = [(name, {**attributes, "content": "", "src": ""}) for name, attributes in page.elements]
    _, plain = written(hotel())
    assert elements == [
        (name, {**attributes, "content": "", "src": ""}) for name, attributes in plain.elements
    ]
    assert [sorted(each) for each in page.of("script")] == [["id", "type"], []]
    assert "</script>" in json.dumps(page.model)
    assert not any(name.startswith("on") or name == "style" for _, each in page.elements for name in each)


def test_the_page_refers_to_no_other_address(written: Callable[..., tuple[PageStats, Parsed]]) -> None:
    _, page = written(hotel())
    for _, attributes in page.elements:
        for name in ("src", "href"):
            assert str(attributes.get(name, "data:")).startswith(("data:", "#"))
    for part in PARTS.iterdir():
        assert not re.search(
            r"https?:|//[a-z]|@import|url\(|innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|Function\(",
            re.sub(r"(?m)^\s*//.*$", "", part.read_text(encoding="utf-8")),
        )


def test_every_part_is_used(written: Callable[..., tuple[PageStats, Parsed]]) -> None:
    _, page = written(hotel())
    assert {part.suffix for part in PARTS.iterdir()} == {".html", ".css", ".js"}
    for part in PARTS.iterdir():
        if part.suffix != ".html":
            element = {".css": "style", ".js": "script"}[part.suffix]
            assert part.read_text(encoding="utf-8") in page.inside[element]


@given(
    st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=9)
)
def test_script_json_contains_no_markup(value: Any) -> None:
    block = script_json(value)
    assert not re.search("[<>&\u2028\u2029]", block.decode())
    assert json.loads(block) == value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plain, \u00e9, \u05d0\u05d1, \u4e2d, \U0001f44d\U0001f3fd", None),
        ("two\nlines\tand a tab", None),
        ("\u06cc\u200c\u0647", None),  # Persian needs its joiners
        ("a\u202eb\u2066c", "a\\u202eb\\u2066c"),
        ("\x00\x1b[31m\r", "\\x00\\x1b[31m\\r"),
        ("\u2028\ufeff\u200b", "\\u2028\\ufeff\\u200b"),
        ("\ud800\U000e0041", "\\ud800\\U000e0041"),
        ("x" * 90, "x" * 77 + "..."),
        ("Incorrect API key provided: sk-proj-0123456789.", "Incorrect API key provided: <redacted>."),
        (f"{'x' * 70} sk-proj-0123456789", f"{'x' * 70} <redac..."),
    ],
)
def test_display_text(text: str, wanted: str | None) -> None:
    assert display_text(text, 80) == (text if wanted is None else wanted)


@settings(max_examples=50)
@given(st.lists(st.text(), max_size=3))
def test_any_file_name_gives_a_title(names: list[str]) -> None:
    assert page_title(names)
    script_json(page_title(names))


# --- Files --------------------------------------------------------------------------------


def test_a_failure_leaves_the_existing_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, out = hotel().write(tmp_path / "call.jsonl"), tmp_path / "call.html"
    out.write_text("before")
    monkeypatch.setattr(page_module, "script_json", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_page(log, out)
    assert out.read_text() == "before"
    assert sorted(each.name for each in tmp_path.iterdir()) == ["call.html", "call.jsonl"]
    monkeypatch.undo()
    write_page(log, out)
    assert out.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert sorted(each.name for each in tmp_path.iterdir()) == ["call.html", "call.jsonl"]


def test_a_missing_log_makes_no_page(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write_page(tmp_path / "none.jsonl", tmp_path / "call.html")
    assert not [*tmp_path.iterdir()]


LOGS = ["call.jsonl", "link.jsonl", "hard.jsonl", "sub/../call.jsonl", "part.jsonl"]


@pytest.mark.parametrize("out", LOGS)
@pytest.mark.skipif(os.name != "posix", reason="links, which need a privilege on Windows")
def test_a_page_never_overwrites_its_log(tmp_path: Path, out: str) -> None:
    log, part = hotel().write(tmp_path / "call.jsonl"), tmp_path / "part.jsonl"
    (tmp_path / "sub").mkdir()
    (tmp_path / "link.jsonl").symlink_to(log)
    (tmp_path / "hard.jsonl").hardlink_to(log)
    part.write_bytes(before := log.read_bytes())
    with pytest.raises(ConfigError, match="is the log that is read") as refused:
        write_page([part, log], tmp_path / out)
    assert str(tmp_path / out) in str(refused.value)
    assert (log.read_bytes(), part.read_bytes()) == (before, before)


def test_errors_name_the_page_and_not_a_temporary_file(tmp_path: Path) -> None:
    log = hotel().write(tmp_path / "call.jsonl")
    with pytest.raises(FileNotFoundError) as missing:
        write_page(log, tmp_path / "none" / "call.html")
    assert missing.value.filename == str(tmp_path / "none" / "call.html")
    with pytest.raises(IsADirectoryError) as folder:
        write_page(log, tmp_path)
    assert folder.value.filename == str(tmp_path)
    long = tmp_path / ("x" * 300)
    with pytest.raises(OSError, match="too long") as refused:
        write_page(log, long)
    assert refused.value.filename == str(long)
    name = "x" * 250  # the longest possible name leaves no room for a suffix
    write_page(log, tmp_path / f"{name}.html")
    assert {each.name for each in tmp_path.iterdir()} == {"call.jsonl", f"{name}.html"}


def test_a_full_disk_names_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> Iterator[bytes]:
        yield b"<html>"
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(page_module, "_page", full)
    path = hotel().write(tmp_path / "call.jsonl")
    with pytest.raises(OSError, match="No space left") as failed:
        write_page(path, tmp_path / "call.html")
    assert failed.value.filename == str(tmp_path / "call.html")
    assert [each.name for each in tmp_path.iterdir()] == ["call.jsonl"]


@pytest.mark.slow
@pytest.mark.skipif(not os.path.exists("/dev/stdout"), reason="no /dev/stdout here")
@pytest.mark.skipif(os.name != "posix", reason="pipes with a name")
def test_a_pipe_is_written_directly(tmp_path: Path) -> None:
    log, out = hotel().write(tmp_path / "call.jsonl"), tmp_path / "call.html"
    code = "import sys; from realtime.analysis.page import write_page; write_page(sys.argv[1], '/dev/stdout')"
    command = [sys.executable, "-c", code, str(log)]
    root = Path(page_module.__file__).parents[2]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, check=True, env={**os.environ, "PYTHONPATH": str(root)}
    )
    write_page(log, out)
    assert done.stdout == out.read_bytes()
    os.mkfifo(tmp_path / "pipe")
    with (
        (tmp_path / "piped").open("wb") as piped,
        subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=piped),
    ):
        write_page(log, tmp_path / "pipe")
    assert (tmp_path / "piped").read_bytes() == out.read_bytes()


def test_a_device_is_written_directly(tmp_path: Path) -> None:
    assert write_page(hotel().write(tmp_path / "call.jsonl"), os.devnull).nbytes > 100_000
    assert not os.path.isfile(os.devnull)


def test_a_rotated_log_is_one_page(tmp_path: Path) -> None:
    lines = hotel().write(tmp_path / "complete.jsonl").read_text().splitlines(keepends=True)
    parts = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    parts[0].write_text("".join(lines[:900]))
    parts[1].write_text("".join(lines[900:]))
    stats = write_page((path for path in parts), tmp_path / "parts.html")
    one = write_page(
        tmp_path / "complete.jsonl",
        tmp_path / "complete.html",
        report=inspect_log(tmp_path / "complete.jsonl"),
    )
    assert (stats.duration_ms, stats.turns, stats.events) == (one.duration_ms, one.turns, one.events)
