"""Live calls: turns by audible audio and the model's times, delegations, overlap, cost."""

from __future__ import annotations

import pytest

from realtime.analysis import Report
from realtime.analysis.report import DelegationReport, LiveReport, ResponseReport
from tests.analysis.live_scenes import FORMATS, OUTPUT_DELAY_MS, STARTED_MS, Words, live_call

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
