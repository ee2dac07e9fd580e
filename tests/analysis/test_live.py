"""Live calls: turns by audible audio and the model's times, delegations, overlap, cost."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from realtime.analysis import (
    DelegationReport,
    GapReport,
    Inspector,
    LiveReport,
    Report,
    ResponseReport,
    Summary,
    inspect_log,
    write_page,
)
from realtime.analysis._live_speech import Covered
from realtime.analysis.event_list import EventList
from realtime.analysis.report import LIMITS, MAX_STEPS
from realtime.analysis.timeline import CallAudio
from realtime.cli import main
from realtime.cli.inspect import report_lines
from realtime.recording import Direction, Entry, stereo_wav
from tests import cases
from tests.analysis.live_scenes import (
    FORMATS,
    OUTPUT,
    OUTPUT_DELAY_MS,
    RESPONSES,
    STARTED_MS,
    TOOL_CALL,
    Timed,
    Words,
    created,
    inner,
    item_done,
    live_call,
    session,
    text_base64,
)
from tests.analysis.scenes import KEY, Scene, reachable_nbytes

USER = [Words(1_000, 2_200, "Where is my order?"), Words(9_000, 10_000, "Thank you very much")]
MODEL = [
    Words(0, 600, "Good morning"),
    Words(2_700, 4_100, "Let me look that up"),
    Words(6_500, 8_000, "It arrives on Tuesday then"),
    Words(10_400, 11_000, "You are welcome"),
]


def responses(report: Report) -> list[ResponseReport]:
    return [response for turn in report.turns for response in turn.responses]


def live_of(report: Report) -> LiveReport:
    assert isinstance(report.live, LiveReport)
    return report.live


def delegations(report: Report) -> list[DelegationReport]:
    found: list[DelegationReport] = []
    for turn in report.turns:
        assert isinstance(turn.delegations, list)
        found += turn.delegations
    return found


@pytest.mark.parametrize("states_times", [False, True])
@pytest.mark.parametrize("format", FORMATS)
def test_turns(format: str, states_times: bool) -> None:
    report = live_call(USER, MODEL, 12_000, format=format, states_times=states_times).report()
    assert [(turn.user and turn.user.transcript, [each.transcript for each in turn.responses]) for turn in report.turns] == [
        (None, ["Good morning"]),
        ("Where is my order?", ["Let me look that up", "It arrives on Tuesday then"]),
        ("Thank you very much", ["You are welcome"]),
    ]  # fmt: skip
    users = [turn.user for turn in report.turns if turn.user]
    assert [(user.start_ms, user.end_ms, user.audio_ms) for user in users] == [
        (STARTED_MS + words.start_ms, STARTED_MS + words.end_ms, words.end_ms - words.start_ms) for words in USER
    ]  # fmt: skip
    assert [(each.first_audio_ms, each.audio_ms) for each in responses(report)] == [
        (STARTED_MS + OUTPUT_DELAY_MS + words.start_ms, words.end_ms - words.start_ms) for words in MODEL
    ]  # fmt: skip
    assert [(each.latency_ms, each.latency_from, each.asked_by) for each in responses(report)] == [
        (None, None, "unknown"),
        (500 + OUTPUT_DELAY_MS, "speech_end", "speech"),
        (None, None, "unknown"),
        (400 + OUTPUT_DELAY_MS, "speech_end", "speech"),
    ]
    assert (report.turn_count, report.response_count, report.latency.count) == (3, 4, 2)
    assert (report.user_audio_ms, report.undecodable, report.dialects) == (12_000, 0, ["live"])
    assert live_of(report) == LiveReport(speech_ms=sum(words.end_ms - words.start_ms for words in MODEL))


def transcripts(report: Report) -> list[tuple[str | None, list[str | None]]]:
    return [
        (turn.user.transcript if turn.user else None, [each.transcript for each in turn.responses])
        for turn in report.turns
    ]


# --- Times -----------------------------------------------------------------------------


@pytest.mark.parametrize("words_delay_ms", [0, 900, 3_000, 20_000])
def test_late_transcripts_change_nothing_but_their_time(words_delay_ms: int) -> None:
    prompt, late = (
        live_call(USER, MODEL, 30_000, words_delay_ms=each).report() for each in (0, words_delay_ms)
    )
    for turn in late.turns:
        if turn.user is not None and turn.user.transcript_ms is not None:
            turn.user.transcript_ms -= words_delay_ms
    assert late.turns == prompt.turns


def test_a_pause_within_an_answer_does_not_divide_it() -> None:
    model = [Words(0, 1_000, "It is"), Words(2_000, 3_000, " a long story")]
    (response,) = responses(live_call([], model, 5_000).report())
    assert (response.transcript, response.audio_ms) == ("It is a long story", 2_000)


def test_audible_audio_without_a_pause_is_divided_by_its_words() -> None:
    scene = live_call([], [Words(0, 1_000, "One."), Words(4_000, 5_000, "Two.")], 6_000)
    loud = text_base64(FORMATS["pcm"][2])
    scene.entries = [
        msgspec.structs.replace(entry, frame=json.dumps({"type": "session.output_audio.delta", "delta": loud}).encode())
        if isinstance(entry, Entry) and b"output_audio.delta" in entry.frame else entry
        for entry in scene.entries
    ]  # fmt: skip
    assert [(each.transcript, each.first_audio_ms) for each in responses(scene.report())] == [
        ("One.", STARTED_MS + OUTPUT_DELAY_MS), ("Two.", STARTED_MS + OUTPUT_DELAY_MS + 4_000),
    ]  # fmt: skip


@pytest.mark.parametrize(("start_ms", "is_near"), [(1_900, True), (2_100, False)])
def test_audible_audio_near_words_belongs_to_them(start_ms: int, is_near: bool) -> None:
    sound = Words(start_ms, start_ms + 500, "")
    found = responses(live_call([], [Words(0, 1_000, "One."), sound], 6_000).report())
    assert [(each.transcript, each.audio_ms) for each in found] == (
        [("One.", 1_500)] if is_near else [("One.", 1_000), (None, 500)]
    )


def test_audible_audio_without_words_is_a_response() -> None:
    (response,) = responses(live_call([], [Words(1_000, 2_000, "")], 3_000).report())
    assert (response.transcript, response.first_audio_ms, response.audio_ms) == (
        None, STARTED_MS + OUTPUT_DELAY_MS + 1_000, 1_000,
    )  # fmt: skip


def test_speech_at_the_same_time_is_overlap() -> None:
    user = [
        Words(0, 1_000, "Tell me a story"),
        Words(3_000, 3_600, "mm-hm"),
        Words(9_000, 10_000, "Thank you"),
    ]
    model = [Words(600, 800, "Yes"), Words(1_800, 6_000, "Once upon a time"), Words(9_700, 10_600, "Goodbye")]
    report = live_call(user, model, 12_000).report()
    assert transcripts(report) == [
        ("Tell me a story", ["Yes", "Once upon a time"]), ("mm-hm", []), ("Thank you", ["Goodbye"]),
    ]  # fmt: skip
    assert [each.overlap_ms for each in responses(report)] == [200, 600, 180]
    # Speech during the user's is no answer to it, but the user's end is known to 200 ms only.
    assert [each.latency_ms for each in responses(report)] == [None, 800 + OUTPUT_DELAY_MS, 0]
    live = live_of(report)
    assert (live.overlap_ms, live.overlap_count, report.interruption_count) == (980, 3, 0)


def test_a_log_that_begins_during_the_session() -> None:
    scene = live_call(USER, MODEL, 12_000)
    whole = scene.report()
    scene.entries = [
        msgspec.structs.replace(entry, frame=json.dumps(later(json.loads(entry.frame))).encode())
        for entry in scene.entries
        if isinstance(entry, Entry) and b'"session.start' not in entry.frame
    ]
    report = scene.report()
    assert report.dialects == ["live"]
    assert transcripts(report) == transcripts(whole)
    # Positions are known to a tenth of a second once the first words have come.
    for turn, same in zip(report.turns[1:], whole.turns[1:], strict=True):
        assert turn.user
        assert same.user
        assert turn.user.end_ms == pytest.approx(same.user.end_ms, abs=1_000)


def later(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event of half an hour later."""
    times = {name: event[name] + 1_800_000 for name in ("start_ms", "end_ms") if name in event}
    return event | times


@pytest.mark.parametrize(
    "settings", [{"delegation": {"type": "responses"}}, {"audio": {"format": {"type": "audio/pcmu"}}}]
)
def test_a_session_that_only_live_has(settings: dict[str, Any]) -> None:
    scene = Scene()
    scene.server("session.updated", session=settings)
    assert scene.report().dialects == ["live"]


def test_a_log_without_audio_has_the_turns_of_its_words(tmp_path: Path) -> None:
    path = live_call(USER, MODEL, 12_000).write(tmp_path / "call.jsonl", audio=False)
    report = inspect_log(path)
    assert transcripts(report) == transcripts(live_call(USER, MODEL, 12_000).report())
    assert [each.first_audio_ms for each in responses(report)] == [None] * 4
    assert [each.asked_by for each in responses(report)] == ["unknown", "speech", "unknown", "speech"]
    assert (report.latency.count, [each.latency_from for each in responses(report)]) == (0, [None] * 4)
    assert [each.first_text_ms for each in responses(report)] == [
        pytest.approx(STARTED_MS + OUTPUT_DELAY_MS + words.start_ms, abs=1) for words in MODEL
    ]
    assert (report.user_audio_ms, report.assistant_audio_ms) == (12_000, 12_000)


def test_words_without_times_are_placed_where_they_arrive() -> None:
    words = {"type": "session.input_transcript.delta", "delta": "Hello"}
    for times in ({}, {"start_ms": 0, "end_ms": 0}):
        (turn,) = live_call([], [], 8_000, more=[(6_050, "server", words | times)]).report().turns
        assert turn.user
        assert turn.user.transcript == "Hello"
        assert turn.at_ms == pytest.approx(6_050, abs=150)


def test_audio_that_is_sent_at_once_has_one_time() -> None:
    scene, audio = Scene(), text_base64(FORMATS["pcm"][1])
    scene.server("session.started", session=session())
    for _ in range(10):
        scene.client("session.input_audio.append", audio=audio)
    scene.now = 9_000
    scene.server("session.input_transcript.delta", delta="Hello", start_ms=210, end_ms=850)
    (turn,) = scene.report().turns
    assert turn.user
    assert (turn.user.start_ms, turn.user.end_ms) == (0, 0)


def test_audio_whose_clock_goes_back_is_other_audio() -> None:
    scene, audio = Scene(), text_base64(FORMATS["pcm"][2])
    scene.server("session.started", session=session())
    for start_ms in (5_000, 5_100, 1_000, 1_100):
        scene.server("session.output_audio.delta", delta=audio, start_ms=start_ms, end_ms=start_ms + 100)
        scene.now += 100
    assert [(each.first_audio_ms, each.audio_ms) for each in responses(scene.report())] == [
        (0, 200),
        (200, 200),
    ]


def test_words_alone_have_the_times_of_their_arrival() -> None:
    scene = live_call(USER, MODEL, 12_000, words_delay_ms=0)
    scene.entries = [
        each for each in scene.entries if isinstance(each, Entry) and b"_audio." not in each.frame
    ]
    assert [turn.user.end_ms for turn in scene.report().turns if turn.user] == [
        pytest.approx(STARTED_MS + words.end_ms, abs=200) for words in USER
    ]


def test_late_audible_audio_is_a_gap() -> None:
    def without(at_ms: int) -> Report:
        scene = live_call([], [Words(0, 2_000, "One two")], 4_000)
        late = [
            msgspec.structs.replace(each, time_ms=each.time_ms + 300)
            if each.time_ms >= STARTED_MS + OUTPUT_DELAY_MS + at_ms and b"output_audio" in each.frame else each
            for each in scene.entries if isinstance(each, Entry)
        ]  # fmt: skip
        scene.entries = [*sorted(late, key=lambda each: each.time_ms)]
        return scene.report()

    report = without(1_000)
    begin_ms = STARTED_MS + OUTPUT_DELAY_MS
    assert report.gaps == [GapReport(at_ms=begin_ms + 1_000, gap_ms=300, turn=1, played_ms=1_000)]
    assert (report.gap_count, report.gap_time.count) == (1, 1)
    assert [each.gaps for each in responses(report)] == [1]
    assert without(3_000).gap_count == 0  # in silence


def test_audio_that_came_early_leaves_no_gap() -> None:
    scene, audio = Scene(), text_base64(FORMATS["pcm"][2])
    scene.server("session.started", session=session())
    for scene.now in (0, 0, 0, 290, 290, 520):
        scene.server("session.output_audio.delta", delta=audio)
    assert scene.report().gaps == [GapReport(at_ms=500, gap_ms=20, turn=1, played_ms=500)]


def test_turns_are_in_order_of_time_if_the_clock_goes_back() -> None:
    scene = live_call(USER, [Words(500, 900, ""), *MODEL[1:]], 12_000)
    scene.entries = [
        msgspec.structs.replace(each, time_ms=each.time_ms - (9_500 if each.time_ms > 9_500 else 0))
        for each in scene.entries
        if isinstance(each, Entry)
    ]
    report = scene.report()
    times = [turn.at_ms for turn in report.turns]
    assert times == sorted(times)
    first = [each.first_audio_ms or 0.0 for each in responses(report)]
    assert first == sorted(first)


def test_who_asked_for_a_response() -> None:
    append = {"type": "session.commentary.append", "delegation_id": None, "content": "Welcome!"}
    more: list[Timed] = [(STARTED_MS + 10, "client", append)]
    model = [Words(500, 1_500, "Welcome!"), Words(6_000, 7_000, "Are you there?")]
    assert [(each.asked_by, each.asked_ms) for each in responses(live_call([], model, 8_000, more=more).report())] == [
        ("client", STARTED_MS + 10), ("unknown", None),
    ]  # fmt: skip


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).map(sorted), max_size=6),
    st.tuples(st.integers(-1, 21), st.integers(-1, 21)).map(sorted),
)
def test_time_that_spans_cover(spans: list[list[int]], within: list[int]) -> None:
    found = Covered([(start, end) for start, end in spans]).between(*within)
    assert found == sum(any(start <= at < end for start, end in spans) for at in range(*within))


# --- Delegations -----------------------------------------------------------------------


def steps(delegation: DelegationReport) -> list[tuple[float, str, str]]:
    return [(step.at_ms, step.type, step.text) for step in delegation.steps]


def test_a_tool_call() -> None:
    report = live_call(USER, MODEL, 12_000, more=TOOL_CALL, delegation=RESPONSES).report()
    (delegation,) = delegations(report)
    assert report.turns[1].delegations == [delegation]
    assert (delegation.id, delegation.target, delegation.at_ms, delegation.offset_ms) == (
        "d",
        "responses",
        3_300,
        2_100,
    )
    assert (delegation.done_ms, delegation.took_ms) == (6_300, 3_000)
    assert delegation.spoken_ms == STARTED_MS + OUTPUT_DELAY_MS + 6_500
    assert steps(delegation) == [
        (3_310, "response.created", "in_progress"),
        (3_500, "response.output_item.done", "find_order"),
        (3_600, "response.completed", ""),
        (4_500, "response.item.create", "call_1"),
        (4_510, "response.create", ""),
        (4_600, "response.created", "in_progress"),
        (6_300, "response.completed", ""),
    ]
    (call,) = delegation.calls
    assert (call.name, call.took_ms, call.output, call.problems) == (
        "find_order",
        1_000,
        '{"day":"Tuesday"}',
        [],
    )
    assert (report.call_count, report.call_problems, report.usage.backend.total) == (1, {}, 199)
    live = live_of(report)
    assert (live.delegation_count, live.delegation_time.max) == (1, 3_000)


def test_a_request_without_new_outputs_is_no_step() -> None:
    more: list[Timed] = [*TOOL_CALL[:7], (4_520, "client", {"type": "response.create"})]
    (delegation,) = delegations(live_call(USER, MODEL, 12_000, more=more).report())
    assert [at_ms for at_ms, kind, _ in steps(delegation) if kind == "response.create"] == [4_510]


def test_a_call_that_is_not_complete_is_no_call() -> None:
    more: list[Timed] = [(3_300, "server", item_done("d", status="incomplete"))]
    report = live_call(USER, MODEL, 12_000, more=more).report()
    assert (report.call_count, delegations(report)[0].step_count) == (0, 1)


def test_a_delegation_with_an_open_call_is_not_done() -> None:
    (delegation,) = delegations(live_call(USER, MODEL, 12_000, more=TOOL_CALL[:5]).report())
    assert (delegation.done_ms, delegation.took_ms, delegation.spoken_ms) == (None, None, None)
    assert [each.kind for each in delegation.calls[0].problems] == ["no_output"]


def test_a_result_may_be_spoken_within_a_response() -> None:
    more: list[Timed] = [
        (3_300, "server", created("d", "client")),
        (4_500, "client", {"type": "session.commentary.append", "delegation_id": "d", "content": "Tuesday"}),
    ]
    model = [Words(2_700, 3_400, "One moment."), Words(4_400, 6_000, " Tuesday.")]
    report = live_call(USER[:1], model, 9_000, more=more).report()
    assert [each.transcript for each in responses(report)] == ["One moment. Tuesday."]
    assert delegations(report)[0].spoken_ms == STARTED_MS + OUTPUT_DELAY_MS + 4_400


def test_problems_of_a_tool_call() -> None:
    tools = {
        "type": "responses",
        "responses": {"model": "m", "tools": [{"type": "function", "name": "find_orders"}]},
    }
    refusal = {"type": "error", "error": {"type": "t", "code": "c", "message": "m", "client_event_id": "e"}}
    more: list[Timed] = [
        (3_300, "server", item_done("d", arguments="{")),
        (3_400, "client", {"type": "response.item.create", "event_id": "e", "item": OUTPUT}),
        (3_500, "server", refusal),
    ]
    (delegation,) = delegations(live_call(USER, MODEL, 12_000, more=more, delegation=tools).report())
    assert [each.kind for each in delegation.calls[0].problems] == [
        "bad_arguments",
        "unknown_name",
        "refused",
    ]
    assert (delegation.target, delegation.took_ms) == ("responses", None)


@pytest.mark.parametrize("kind", ["response.failed", "response.incomplete"])
def test_a_response_that_fails_ends_its_delegation(kind: str) -> None:
    more: list[Timed] = [
        *TOOL_CALL[:4],
        (3_700, "server", inner("d", kind, response={"id": "r1", "status": "failed"})),
    ]
    (delegation,) = delegations(live_call(USER, MODEL, 12_000, more=more).report())
    assert (delegation.done_ms, steps(delegation)[-1]) == (3_700, (3_700, kind, "failed"))


def test_texts_for_the_client_s_delegation() -> None:
    more: list[Timed] = [
        (3_300, "server", created("d", "client")),
        (3_500, "client", {"type": "session.thinking.append", "delegation_id": "d", "content": "Searching"}),
        (
            4_500,
            "client",
            {"type": "session.commentary.append", "delegation_id": "d", "content": f"{KEY} " + "x" * 99},
        ),
    ]
    (delegation,) = delegations(live_call(USER, MODEL, 12_000, more=more).report())
    assert (delegation.target, delegation.took_ms) == ("client", 1_200)
    first, second = steps(delegation)
    assert first == (3_500, "session.thinking.append", "Searching")
    assert KEY not in second[2]
    assert len(second[2]) <= 80


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        {},
        {"type": 5},
        {"type": "response.created", "response": []},
        {"type": "response.output_item.done", "item": 5},
    ],
)
def test_delegated_work_may_be_malformed(value: object) -> None:
    more: list[Timed] = [
        (3_300, "server", {"type": "response.event", "delegation_id": "d", "event": value}),
        (3_310, "server", {"type": "decision.event", "delegation_id": "d", "event": value}),
        (3_320, "client", {"type": "response.item.create", "item": value}),
    ]
    report = live_call(USER, MODEL, 12_000, more=more).report()
    assert (report.undecodable, report.turn_count, report.call_count, report.stray_outputs) == (0, 3, 0, [])


def test_decisions() -> None:
    decision = {"type": "decision.event", "event": {"type": "decision.completed", "decision": {"id": "x"}}}
    more: list[Timed] = [
        (3_300, "server", created("d", "decisions")),
        (3_500, "server", decision | {"delegation_id": "d"}),
        (3_600, "server", decision),  # of a trigger
    ]
    (delegation,) = delegations(live_call(USER, MODEL, 12_000, more=more).report())
    assert (delegation.took_ms, steps(delegation)) == (200, [(3_500, "decision.completed", "")])


def test_steps_are_bounded() -> None:
    append = {"type": "session.thinking.append", "delegation_id": "d", "content": "x"}
    more: list[Timed] = [(3_300, "client", append)] * (MAX_STEPS + 5)
    (delegation,) = delegations(live_call(USER, MODEL, 12_000, more=more).report())
    assert (len(delegation.steps), delegation.step_count) == (MAX_STEPS, MAX_STEPS + 5)


def test_a_delegation_without_words() -> None:
    report = live_call([], [], 5_000, more=TOOL_CALL).report()
    assert [turn.user for turn in report.turns] == [None]
    assert len(delegations(report)) == 1


# --- The session -----------------------------------------------------------------------


def usage(seconds: float, ratio: float) -> dict[str, Any]:
    return {
        "type": "session.usage.updated",
        "usage": {"seconds": seconds},
        "context_window": {"usage_ratio": ratio},
    }


def test_usage_is_cumulative_and_the_end_is_reported() -> None:
    closed = {"type": "session.closed", "reason": "close_requested", "usage": {"seconds": 60}}
    more: list[Timed] = [
        (5_000, "server", usage(15, 0.5)), (9_000, "server", usage(30, 0.25)), (9_500, "server", usage(30, 7)),
    ]  # fmt: skip
    running = live_call(USER, MODEL, 12_000, more=more).report()
    assert (running.usage.session_seconds, running.cost.usd) == (30, Decimal("0.025"))
    (now,) = running.sessions
    assert (now.delegation, now.closed) == (None, None)
    assert live_of(running).context_used == 0.5
    ended = live_call(
        USER, MODEL, 12_000, more=[*more, (14_000, "server", closed)], delegation={"type": "client"}
    ).report()
    assert (ended.usage.session_seconds, ended.cost.usd) == (60, Decimal("0.05"))
    (now,) = ended.sessions
    assert (now.delegation, now.closed) == ("client", "close_requested")


def test_a_summary_has_the_figures_of_its_live_calls() -> None:
    """In any order, beside calls of other dialects, and without a change of the reports."""
    overlapping = [Words(1_500, 3_000, "Let me look"), *MODEL[2:]]
    reports = [
        live_call(USER, MODEL, 12_000, more=TOOL_CALL, delegation=RESPONSES).report(),
        live_call(USER, overlapping, 12_000, more=[(5_000, "server", usage(15, 0.25))]).report(),
        live_call(USER, overlapping, 12_000, more=[*TOOL_CALL, (9_000, "server", usage(30, 0.5))], delegation=RESPONSES).report(),
        Report(),
    ]  # fmt: skip
    figures = [live_of(report) for report in reports[:3]]
    before = msgspec.json.encode(reports)
    for order in itertools.permutations(reports):
        total = sum(map(Summary.of, order), Summary())
        assert isinstance(total.live, LiveReport)
        for name in ("speech_ms", "overlap_ms", "overlap_count", "delegation_count"):
            expected = sum(getattr(each, name) for each in figures)
            assert getattr(total.live, name) == expected > 0
        assert (total.live.delegation_time.count, total.live.delegation_time.max) == (2, 3_000)
        assert total.live.context_used == 0.5
        assert msgspec.json.decode(msgspec.json.encode(total), type=Summary) == total
    assert msgspec.json.encode(reports) == before
    assert Summary.of(Report()).live is msgspec.UNSET
    with pytest.raises(TypeError):
        figures[0] + 1  # type: ignore[operator]


def test_the_lines_of_a_summary_have_the_figures_of_live(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(2):
        scene = live_call(USER, MODEL, 12_000, more=[*TOOL_CALL, (9_000, "server", usage(30, 0.5))], delegation=RESPONSES)  # fmt: skip
        scene.write(tmp_path / f"call_{number}.jsonl")
    assert main(["inspect", str(tmp_path), "--jobs", "1"]) == 0
    printed = capsys.readouterr().out
    for line in ("speech  8.2 s audible", "delegations     2: p50 3.0 s", "at most 50% used", "time     1 min 0 s"):  # fmt: skip
        assert line in printed
    assert main(["inspect", "--json", str(tmp_path), "--jobs", "1"]) == 0
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert summary["live"]["delegation_count"] == summary["figures"]["delegation_time_ms"]["count"] == 2


@pytest.mark.parametrize(
    ("model", "usd", "problem"),
    [
        ("gpt-realtime-2", Decimal("0.00066"), None),
        ("gpt-6-mini", None, "no price of gpt-6-mini is known"),
        (f"m {KEY}", None, "no price of m <redacted> is known"),
        (None, None, "100 tokens of a model that the server does not name"),
    ],
)
def test_cost_of_the_backend(model: str | None, usd: Decimal | None, problem: str | None) -> None:
    """By the model that did the work, once for each response."""
    response = {"id": "r1", "model": model, "usage": {"input_tokens": 87, "output_tokens": 13}}
    done = inner("d", "response.completed", response=response)
    more: list[Timed] = [(5_000, "server", usage(30, 0.5)), (5_100, "server", done), (5_200, "server", done)]
    report = live_call(USER, MODEL, 12_000, more=more).report()
    sessions, backend = report.cost.items
    assert (sessions.use, sessions.usd) == ("sessions", Decimal("0.025"))
    assert (backend.use, backend.usd, backend.problem) == ("backend", usd, problem)
    assert report.usage.backend.total == 100


def test_a_session_without_usage_is_not_free() -> None:
    cost = live_call(USER, MODEL, 12_000).report().cost
    assert (cost.usd, [item.problem for item in cost.items]) == (None, ["the log has no usage of 1 session"])


def test_a_session_that_replaces_another() -> None:
    first, second = (
        live_call(USER[:1], MODEL[:2], 5_000),
        live_call(USER[:1], MODEL[:2], 5_000, format="pcmu", id="sess_2"),
    )
    entries = [each for each in second.entries if isinstance(each, Entry)]
    first.entries += [msgspec.structs.replace(each, time_ms=each.time_ms + 20_000) for each in entries]
    report = first.report()
    half = [(None, ["Good morning"]), ("Where is my order?", ["Let me look that up"])]
    assert transcripts(report) == half * 2
    assert [turn.number for turn in report.turns] == [1, 2, 3, 4]
    assert [round(each.latency_ms) for each in responses(report) if each.latency_ms] == [620, 620]
    assert [each.id for each in report.sessions] == ["sess_l", "sess_2"]


def test_a_sideband_has_copies_of_both_sides(tmp_path: Path) -> None:
    """It joins later, its audio is PCM at 24 kHz, and the model's has times on the session's clock."""
    scene = live_call(USER, MODEL, 12_000, states_times=True)
    whole = scene.report()
    scene.entries = [
        msgspec.structs.replace(
            entry, direction="server", frame=json.dumps(later(json.loads(entry.frame))).encode()
        )
        for entry in scene.entries
        if isinstance(entry, Entry) and b'"session.start' not in entry.frame
    ]
    updated = {"type": "session.updated", "session": session("pcmu")}
    for at in (0, len(scene.entries) // 2):
        now_ms = max(1_000.0, scene.entries[at - 1].time_ms if at else 0.0)
        scene.entries.insert(at, Entry("server", now_ms, json.dumps(updated).encode(), 1))
    report = scene.report()
    assert transcripts(report) == transcripts(whole)
    assert [each.first_audio_ms for each in responses(report)] == [
        each.first_audio_ms for each in responses(whole)
    ]
    assert [turn.user.end_ms for turn in report.turns if turn.user] == [
        pytest.approx(turn.user.end_ms, abs=1_000) for turn in whole.turns if turn.user
    ]
    assert (report.user_audio_ms, report.assistant_audio_ms) == (12_000, whole.assistant_audio_ms)
    assert report.sessions[0].input_format == "pcm16"
    call = stereo_wav(scene.write(tmp_path / "call.jsonl"), tmp_path / "call.wav")
    assert (call.caller_ms, call.assistant_ms) == (12_000, whole.assistant_audio_ms)
    # The next session of the log is not a sideband.
    for entry in live_call(USER, MODEL, 12_000, format="pcmu", id="sess_2").entries:
        assert isinstance(entry, Entry)
        scene.entries.append(msgspec.structs.replace(entry, time_ms=entry.time_ms + 20_000))
    both = scene.report()
    assert transcripts(both) == transcripts(whole) * 2
    assert (both.user_audio_ms, both.sessions[-1].input_format) == (24_000, "g711_ulaw")


def test_copies_of_audio_that_the_client_sends_do_not_count(tmp_path: Path) -> None:
    copy = {"type": "session.input_audio.append", "audio": text_base64(FORMATS["pcm"][1])}
    scene = live_call(USER, MODEL, 12_000, more=[(5_000, "server", copy)])
    assert scene.report().user_audio_ms == 12_000
    assert stereo_wav(scene.write(tmp_path / "call.jsonl"), tmp_path / "call.wav").caller_ms == 12_000


def test_a_fixture_is_not_the_user_s_audio() -> None:
    play = {"type": "session.output_audio.fixture.play", "audio": text_base64(FORMATS["pcm"][2] * 10)}
    scene = live_call([], [], 5_000, more=[(2_000, "client", play)])
    assert scene.report().user_audio_ms == 5_000
    with CallAudio() as audio:
        for entry in scene.entries:
            assert isinstance(entry, Entry)
            audio.feed(entry)
        audio.finish()
        assert max(audio.envelope("caller", 6_000).data[-300:]) == 0


# --- Interim reports, limits -----------------------------------------------------------


def test_reports_during_the_call_do_not_change_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, limit in {"turns": 3, "responses": 4, "delegations": 1}.items():
        monkeypatch.setitem(LIMITS, name, limit)  # as many as there are
    scene = live_call(USER, MODEL, 12_000, more=TOOL_CALL, delegation=RESPONSES)
    often, previous = Inspector(), 0
    for entry in scene.entries:
        often.feed(entry)
        now = often.report()
        assert now.turn_count == len(now.turns) >= previous - 1
        previous = now.turn_count
    assert often.report() == scene.report()
    assert often.report().left_out == {}


def test_more_than_fits_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("turns", "responses", "delegations"):
        monkeypatch.setitem(LIMITS, name, 3)
    monkeypatch.setattr("realtime.analysis._live_speech._MAX_PARTS", 4)
    user = [Words(number * 3_000, number * 3_000 + 400, "Hello?") for number in range(10)]
    model = [Words(number * 3_000 + 1_000, number * 3_000 + 1_600, "Hello!") for number in range(10)]
    more: list[Timed] = [
        (STARTED_MS + n * 3_000 + 500, "server", created(f"d{n}", "client")) for n in range(10)
    ]
    report = live_call(user, model, 30_000, more=more, words_delay_ms=0).report()
    assert (report.turn_count, report.response_count, report.latency.count) == (10, 10, 10)
    assert live_of(report).delegation_count == 10
    assert (len(report.turns), len(responses(report)), len(delegations(report))) == (3, 3, 3)
    assert report.left_out == {"turns": 7, "responses": 7, "delegations": 7}


@pytest.mark.slow
def test_a_long_call_takes_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("turns", "responses", "gaps"):
        monkeypatch.setitem(LIMITS, name, 20)
    for name, value in (("_MAX_POSITIONS", 64), ("_MAX_FRAGMENTS", 40), ("_MAX_CHARS", 200_000)):
        monkeypatch.setattr(f"realtime.analysis._live_speech.{name}", value)

    user = [Words(at_ms, at_ms + 1_000, "x" * 5) for at_ms in range(0, 1_800_000, 4_000)]
    model = [Words(at_ms + 1_500, at_ms + 3_000, "x" * 20_000) for at_ms in range(0, 1_800_000, 4_000)]
    inspector = Inspector()
    inspector.feed_all(live_call(user, model, 1_800_000, format="pcmu").entries)
    assert reachable_nbytes(inspector) < 1_000_000  # of 9 MB of text


def test_many_delegations_and_gaps_take_bounded_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("turns", "responses", "gaps", "delegations"):
        monkeypatch.setitem(LIMITS, name, 20)
    scene, audio = Scene(), text_base64(FORMATS["pcmu"][2])
    scene.server("session.started", session=session("pcmu"))
    for number in range(3_000):
        delegation = {"id": f"d{number}", "type": "delegation", "target": "client"}
        scene.server("session.delegation.created", delegation=delegation, offset_ms=0)
        scene.client("session.commentary.append", delegation_id=None, content="Hello")
        scene.server("session.output_audio.delta", delta=audio, start_ms=number * 100)
        scene.now += 500
    inspector = Inspector()
    inspector.feed_all(scene.entries)
    assert reachable_nbytes(inspector) < 700_000
    report = inspector.report()
    assert (report.gap_count, live_of(report).delegation_count) == (2_999, 3_000)
    assert report.left_out["gaps"] == 2_999 - 20


@pytest.mark.parametrize("is_long", [False, True])
def test_long_texts_are_shortened(is_long: bool) -> None:
    delta = "x" * (10**6 if is_long else 10)
    words = {"type": "session.input_transcript.delta", "delta": delta, "start_ms": 100, "end_ms": 200}
    inspector = Inspector()
    inspector.feed_all(live_call([], [], 1_000, more=[(1_500, "server", words)]).entries)
    assert reachable_nbytes(inspector) < 500_000
    assert (inspector.report().left_out.get("texts", 0) > 0) is is_long


def test_words_far_ahead_move_nothing_once_there_were_others() -> None:
    ahead = {"type": "session.input_transcript.delta", "delta": "?", "start_ms": 90_000, "end_ms": 90_200}
    report = live_call(USER, MODEL, 12_000, more=[(9_000, "server", ahead)]).report()
    assert [turn.user.end_ms for turn in report.turns if turn.user][:2] == [
        STARTED_MS + words.end_ms for words in USER
    ]
    assert len(report.turns) == 4


# --- Text and page ---------------------------------------------------------------------


def test_lines() -> None:
    lines = [*report_lines(live_call(USER, MODEL, 12_000, more=TOOL_CALL, delegation=RESPONSES).report())]
    text = "\n".join(lines)
    assert "delegation to responses, not closed" in text
    assert "  delegation    0:03.300  to responses, done after 3.0 s, next speech 1.3 s later" in lines
    assert lines.index('                "Let me look that up"') > lines.index(
        "                0:04.510  response.create"
    )
    assert "calls find_order: output after 1.0 s" in text
    assert "delegations     p50" not in text
    assert any(line.startswith("delegations     1: p50 3.0 s") for line in lines)


def test_commands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    closed = {"type": "session.closed", "reason": "close_requested", "usage": {"seconds": 60}}
    scene = live_call(
        USER, MODEL, 12_000, more=[*TOOL_CALL, (14_000, "server", closed)], delegation=RESPONSES
    )
    path = str(scene.write(tmp_path / "call.jsonl"))
    assert main(["inspect", "--json", path]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["figures"]["delegation_time_ms"]["max"] == 3_000
    assert found["turns"][1]["delegations"][0]["target"] == "responses"
    assert main(["cost", path]) == 1  # of the backend's model no price is known
    out = capsys.readouterr().out
    assert "1 min 0 s billed" in out
    assert "$0.0500  sessions, gpt-live-1" in out
    assert main(["wav", path, "-o", str(tmp_path / "call.wav")]) == 0
    assert "12.00 s of audio" in capsys.readouterr().out


def test_the_page_has_the_audible_parts(tmp_path: Path) -> None:
    scene = live_call(USER, MODEL, 12_000, more=TOOL_CALL, delegation=RESPONSES, format="pcmu")
    with CallAudio() as audio:
        events = EventList()
        for entry in scene.entries:
            assert isinstance(entry, Entry)
            events.add(entry, audio.feed(entry))
        spans = [(span.start_ms, span.end_ms) for span in audio.assistant]
    assert spans == [
        (STARTED_MS + OUTPUT_DELAY_MS + words.start_ms, STARTED_MS + OUTPUT_DELAY_MS + words.end_ms) for words in MODEL
    ]  # fmt: skip
    first = [row.at_ms for row in events if row.is_first]
    assert first == [start for start, _ in spans]
    path = scene.write(tmp_path / "call.jsonl")
    write_page(path, tmp_path / "call.html")
    page = (tmp_path / "call.html").read_text()
    assert '"Overlap"' in page
    assert '"target":"responses"' in page


# --- Hostile logs ----------------------------------------------------------------------

TIMES = st.one_of(st.integers(-(10**20), 10**20), st.integers(0, 3_000))
LIVE_FRAMES: list[tuple[Direction, dict[str, Any]]] = [
    (side, json.loads(frame)) for side in ("client", "server") for frame in cases.frames("live", side)
]


@st.composite
def live_entries(draw: Callable[[st.SearchStrategy[Any]], Any]) -> list[Entry]:
    side, event = draw(st.sampled_from(LIVE_FRAMES))
    event = dict(event)
    for name in ("start_ms", "end_ms", "offset_ms"):
        if name in event:
            event[name] = draw(TIMES)
    if "delta" in event and draw(st.booleans()):
        event["delta"] = draw(st.sampled_from(["", "AAAA", "////", "x", 5, None]))
    for name in draw(st.sets(st.sampled_from(["type", *event]), max_size=1)) - {"type"}:
        event[name] = draw(st.sampled_from([None, {}, [], 7, "d", {"id": "d"}, {"type": "x"}]))
    time_ms = draw(st.one_of(st.floats(0, 1e5), st.floats()))
    return [Entry(side, time_ms, json.dumps(event).encode(), 1)]


@given(st.lists(live_entries(), max_size=40), st.booleans())
def test_no_live_log_raises(entries: list[list[Entry]], has_session: bool) -> None:
    inspector, events = Inspector(), EventList()
    if has_session:
        frame = json.dumps({"type": "session.started", "session": session()}).encode()
        inspector.feed(Entry("server", 0.0, frame, 1))
    with CallAudio() as audio:
        for (entry,) in entries:
            inspector.feed(entry)
            safe = msgspec.structs.replace(entry, time_ms=min(1e5, max(0.0, entry.time_ms or 0.0)))
            events.add(safe, audio.feed(safe))
    report = inspector.report()
    assert [*report_lines(report)]
    assert inspector.report() == report
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report
    assert report.turn_count == len(report.turns) + report.left_out.get("turns", 0)
