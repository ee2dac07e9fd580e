"""A ten-minute call on Live, recorded at the loopback server: its report has both sides' turns right."""

from __future__ import annotations

import json
import random
from decimal import Decimal
from pathlib import Path

import pytest

from realtime import live
from realtime.analysis import DelegationReport, LiveReport, Report, inspect_log, write_page
from realtime.recording import Recorder, stereo_wav
from realtime.state import Toolbox
from realtime.testing import Call, Delegate, ServerProtocol, Transcribe
from realtime.testing.faults import get_fault
from realtime.testing.injection import Action, EndSession, FaultInjector
from realtime.testing.script import Part, Reply
from tests.analysis.live_scenes import FORMATS

CHUNK_MS = 100
TURN_MS = 12_000
TURNS = 50
# The loopback server's: the length of a word, and the silence that ends a turn.
WORD_MS, SILENCE_MS = 300, 500
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight"]
tools = Toolbox()


@tools.tool
def find(number: int) -> str:
    """Find a number."""
    return f"found {number}"


def delegation_of(mode: str) -> live.Delegation:
    if mode == "client":
        return live.ClientDelegation()
    find = live.FunctionTool(name="find", parameters={"type": "object"})
    return live.ResponsesDelegation(responses=live.ResponsesConfig(model="gpt-6-mini", tools=[find]))


class LiveLog:
    """Records a call in simulated time, as its client sees it: what the server sends arrives with a delay."""

    def __init__(
        self,
        path: Path,
        mode: str,
        format: str,
        script: list[Reply],
        fault: str | None = None,
        jitter_ms: int = 0,
    ) -> None:
        self.now_ms, self.delays, self.jitter_ms = 0.0, random.Random(7), jitter_ms
        self.recorder = Recorder(path, mode="w", clock=lambda: self.now_ms / 1000)
        self.server = ServerProtocol(dialect="live", script=script)
        self.injector, self.is_open = FaultInjector() if fault is None else get_fault(fault).injector(), True
        self.delegations, self.waiting = live.Delegations(), list[tuple[float, bytes]]()
        _, self.silence, self.speech = FORMATS[format]
        settings = {"model": "gpt-live-1", "audio": {"format": FORMATS[format][0]}}
        session = live.decode_client(json.dumps({"type": "session.start", "session": settings}))
        assert isinstance(session, live.SessionStart)
        session.session.delegation = delegation_of(mode)
        self.send(session)

    def send(self, event: live.ClientEvent) -> None:
        if not self.is_open:
            return
        frame = live.encode(event)
        self.recorder.sent(frame)
        for answer in self.server.feed(frame):
            for action in self.injector.on_send(answer.type, self.server.encode(answer)):
                self.act(action)

    def act(self, action: Action) -> None:
        """Send a frame, or end the session or the connection."""
        if isinstance(action, EndSession):
            end = {"type": "session.closed", "reason": action.reason, "usage": {"seconds": 1}}
            action = json.dumps(end).encode()
            self.deliver(action)
            self.is_open = False
        elif isinstance(action, bytes) and self.is_open:
            self.deliver(action)
        else:
            self.is_open = False

    def deliver(self, sent: bytes) -> None:
        # A connection keeps the order, so a delay holds back what follows.
        last_ms = self.waiting[-1][0] if self.waiting else 0.0
        self.waiting.append(
            (max(last_ms, self.now_ms + self.delays.uniform(90 - self.jitter_ms, 90 + self.jitter_ms)), sent)
        )

    def advance(self, until_ms: float) -> None:
        while self.waiting and self.waiting[0][0] <= until_ms:
            self.now_ms, frame = self.waiting.pop(0)
            self.recorder.received(frame)
            for call in self.delegations.feed(live.decode_server(frame)):
                is_tool = call.name in tools
                self.delegations.answer(tools.call(call) if is_tool else call.output("From the client."))
            for event in self.delegations.events_to_send():
                self.send(event)
        self.now_ms = until_ms

    def talk(self, ms: int, *, is_speech: bool) -> None:
        for _ in range(ms // CHUNK_MS):
            self.advance(self.now_ms + CHUNK_MS)
            self.send(live.SessionInputAudioAppend(audio=self.speech if is_speech else self.silence))

    def close(self) -> None:
        self.send(live.SessionClose())
        self.advance(self.now_ms + 10_000)
        self.recorder.close()


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "format"), [("responses", "pcmu"), ("client", "pcm")])
def test_a_call_of_ten_minutes(tmp_path: Path, mode: str, format: str) -> None:
    path, script = tmp_path / "call.jsonl", list[Reply]()
    users, answers, delegating = list[str](), list[list[str]](), range(3, TURNS, 10)
    for number in range(TURNS):
        users.append(" ".join(WORDS[: 3 + number % 5]))
        reply: list[str | Part] = [Transcribe(users[-1]), f"Answer {number}."]
        if number not in delegating:
            script.append(reply)
            answers.append([f"Answer {number}."])
        elif mode == "client":
            script.append([*reply, Delegate()])
            answers.append([f"Answer {number}. From the client."])
        else:
            script += [[*reply, Call("find", {"number": number})], f"Found {number}."]
            answers.append([f"Answer {number}. Found {number}."])
    log, ends_ms = LiveLog(path, mode, format, script, jitter_ms=50), list[float]()
    for words in users:
        speech_ms = len(words.split()) * WORD_MS
        log.talk(1_000, is_speech=False)
        log.talk(speech_ms, is_speech=True)
        ends_ms.append(log.now_ms)
        log.talk(TURN_MS - 1_000 - speech_ms, is_speech=False)
    log.close()

    report = inspect_log(path)
    assert [turn.user and turn.user.transcript for turn in report.turns] == users
    assert [[each.transcript for each in turn.responses] for turn in report.turns] == answers
    for turn, end_ms in zip(report.turns, ends_ms, strict=True):
        (response,), user = turn.responses, turn.user
        assert user is not None
        assert user.end_ms is not None
        assert user.end_ms == pytest.approx(end_ms, abs=300)  # the words' times are those of frames
        assert response.first_audio_ms is not None
        assert response.first_audio_ms == pytest.approx(end_ms + SILENCE_MS + 90, abs=150)
        assert response.latency_ms == pytest.approx(response.first_audio_ms - user.end_ms)
        assert response.overlap_ms == 0
    live_report = report.live
    assert isinstance(live_report, LiveReport)
    assert live_report.delegation_count == len(delegating)
    for number in delegating:
        (delegation,) = report.turns[number].delegations or [DelegationReport()]
        assert (delegation.target, delegation.took_ms is not None) == (mode, True)
        assert [call.output for call in delegation.calls] == (
            [f"found {number}"] if mode == "responses" else []
        )
    assert (report.error_count, report.undecodable, report.call_problems) == (0, 0, {})
    (session,) = report.sessions
    assert session.closed == "close_requested"
    assert report.usage.session_seconds == pytest.approx(TURNS * TURN_MS / 1000, abs=1)
    assert report.cost.known_usd == pytest.approx(Decimal("0.5"), abs=Decimal("0.001"))

    call = stereo_wav(path, tmp_path / "call.wav")
    assert (call.caller_ms, call.assistant_ms) == (TURNS * TURN_MS, report.assistant_audio_ms)
    page = write_page(path, tmp_path / "call.html", report=report)
    assert (page.turns, page.events_left_out) == (TURNS, 0)


def test_late_transcripts_change_nothing_but_their_time(tmp_path: Path) -> None:
    late, whole = short_call(tmp_path, "live_late_transcripts"), short_call(tmp_path, None)
    for turn, same in zip(late.turns, whole.turns, strict=True):
        assert turn.user
        assert same.user
        assert (turn.user.transcript_ms or 0) >= (same.user.transcript_ms or 0) + 900
        turn.user.transcript_ms = same.user.transcript_ms
    assert late.turns == whole.turns


@pytest.mark.parametrize(
    ("fault", "codes", "closed", "turns"),
    [
        ("live_null_code", {"server_error": 1}, "close_requested", 3),
        ("live_moderation", {"invalid_request_error": 1}, "close_requested", 3),
        ("live_expired", {}, "expired", 0),
        ("live_unconfirmed", {}, None, 3),
        ("live_no_credit", {"credit_balance_exhausted": 1}, None, 0),
    ],
)
def test_faults(tmp_path: Path, fault: str, codes: dict[str, int], closed: str | None, turns: int) -> None:
    report, whole = short_call(tmp_path, fault), short_call(tmp_path, None)
    assert (report.error_codes, report.sessions[0].closed) == (codes, closed)
    users = [turn.user and turn.user.transcript for turn in report.turns]
    assert users == [turn.user and turn.user.transcript for turn in whole.turns][:turns]
    for turn, same in zip(report.turns, whole.turns, strict=False):
        (response,), (wanted,) = turn.responses, same.responses
        assert response.first_audio_ms == wanted.first_audio_ms
        is_moderated = fault == "live_moderation" and turn.number == 1
        assert (response.transcript == wanted.transcript, response.audio_ms == wanted.audio_ms) == (
            not is_moderated, not is_moderated,
        )  # fmt: skip


def short_call(folder: Path, fault: str | None) -> Report:
    """Return the report of a call of three turns."""
    script: list[Reply] = [[Transcribe(words), f"This is answer {words}"] for words in WORDS[:3]]
    log = LiveLog(folder / "call.jsonl", "client", "pcmu", script, fault)
    for _ in script:
        log.talk(WORD_MS, is_speech=True)
        log.talk(TURN_MS - WORD_MS, is_speech=False)
    log.close()
    return inspect_log(folder / "call.jsonl")
