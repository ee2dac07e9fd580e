"""Each fault of the loopback server: the demo's call continues, reconnects, or ends with one clear error."""

from __future__ import annotations

import json
import re
import typing
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import realtime as r
from realtime.events import ServerEvent
from realtime.testing import FAULTS, Call, Fail, Fault, LoopbackServer, Say, faults as f
from tests.cli.calls import demo, log, samples, two_turns

EXACT = "{}: equal bytes; 8 kHz mu-law: "
NOT_EXACT = "the answer differs from the caller's audio"


@dataclass(frozen=True)
class Outcome:
    """The expected result of a call.

    `stderr` and `report` are texts that must be printed; if one is empty, no problem may be printed there.
    `turns` are parts of the report's lines about turns. If one is not EXACT, `why` gives the reason.
    `session_format` is the format of the session if it is not the requested `format`.
    """

    connections: int = 1
    stderr: str = ""
    report: str = ""
    turns: tuple[str, ...] = (EXACT, EXACT)
    why: str = ""
    arguments: tuple[str, ...] = ()
    format: str = "g711_ulaw"
    session_format: str = ""


UNAFFECTED = Outcome()
RESTARTED = "restarted after 0.20 s"
OUTCOMES: dict[str, Outcome] = {
    "session_expired": Outcome(2, "the session ended: session_expired: Your session hit", RESTARTED),
    "disconnect": Outcome(2, "the connection ended: received 1001", RESTARTED),
    "cut_off": Outcome(2, "the connection ended", "reconnected   1: the connection ended"),
    "stalled_frame": Outcome(2, "the server did not ", RESTARTED, arguments=("--patience", "1")),
    "truncated_frame": Outcome(
        stderr="undecodable frame ignored: Input data was truncated in 'response.output_audio.delta'",
        report="undecodable   1: response.output_audio.delta",
        turns=(NOT_EXACT, EXACT),
        why="the lost frame had 100 ms of the first answer",
    ),
    "error_without_event_id": Outcome(
        stderr="the server reported an error: server_error: The server had",
        report="errors        1: server_error",
    ),
    "big_frame": UNAFFECTED,
    "unknown_events": Outcome(
        stderr="event of unknown type response.hologram.delta ignored", report="unknown       "
    ),
    "unknown_fields": UNAFFECTED,
    "null_usage": Outcome(report="usage         not reported for 4 responses and transcriptions"),
    "late_transcripts": UNAFFECTED,
    "missing_transcripts": Outcome(
        stderr="transcripts of the caller's turns did not arrive", report="transcripts   missing for 2 turns"
    ),
    "odd_deltas": Outcome(format="pcm16"),
    "other_format": Outcome(report="as pcm16, but g711_ulaw was requested", session_format="pcm16"),
    "commit_refused": Outcome(arguments=("--manual",)),  # the client sends the turn again
    "slow_reader": UNAFFECTED,
    "close_unanswered": UNAFFECTED,
    "silent_semantic_vad": UNAFFECTED,  # the demo uses server_vad
}
# Faults that leave the server's frames as they are.
UNSEEN = {"slow_reader", "close_unanswered", "silent_semantic_vad"}
REFUSED = {
    "beta_disabled": "the server refused the session: beta_api_shape_disabled: The Realtime Beta API is no longer"
}


Frames = list[Any]
DELTA = "response.output_audio.delta"
TRANSCRIPTION = "conversation.item.input_audio_transcription."


def of_type(frames: Frames, *starts: str) -> Frames:
    return [frame for frame in frames if isinstance(frame, dict) and frame["type"].startswith(starts)]


def codes(frames: Frames) -> list[Any]:
    return [frame["error"]["code"] for frame in of_type(frames, "error")]


def sessions(frames: Frames) -> int:
    return len(of_type(frames, "session.created"))


def is_late(frames: Frames) -> bool:
    kinds = [frame["type"] for frame in of_type(frames, TRANSCRIPTION, "response.done")]
    return len(kinds) > 2 and kinds[0] == "response.done"


# Signs in the server's frames that a fault was injected.
SIGNS: dict[str, Callable[[Frames], bool]] = {
    "session_expired": lambda frames: "session_expired" in codes(frames),
    "disconnect": lambda frames: sessions(frames) == 2,
    "cut_off": lambda frames: sessions(frames) > 1,
    "stalled_frame": lambda frames: sessions(frames) == 2,
    "truncated_frame": lambda frames: any(isinstance(frame, str) and DELTA in frame for frame in frames),
    "error_without_event_id": lambda frames: any(
        frame["event_id"] and frame["error"]["event_id"] is None for frame in of_type(frames, "error")
    ),
    "big_frame": lambda frames: max(len(json.dumps(frame)) for frame in frames) > 3_000_000,
    "unknown_events": lambda frames: bool(of_type(frames, "response.hologram.delta")),
    "unknown_fields": lambda frames: all("x_tomorrow" in each for each in of_type(frames, "session.", DELTA)),
    "null_usage": lambda frames: all(each["response"]["usage"] is None for each in of_type(frames, "response.done")),
    "late_transcripts": is_late,
    "missing_transcripts": lambda frames: not of_type(frames, TRANSCRIPTION),
    "odd_deltas": lambda frames: any(len(b64decode(each["delta"])) % 2 for each in of_type(frames, DELTA)),
    "other_format": lambda frames: any(
        each["session"]["audio"]["input"]["format"]["type"] == "audio/pcm"
        for each in of_type(frames, "session.updated")
    ),
    "commit_refused": lambda frames: "input_audio_buffer_commit_empty" in codes(frames),
}  # fmt: skip
# Lines on stderr of a call without problems, and lines of the report that name a problem.
ORDINARY = re.compile(r"call started: |turn \d: committed at |answer \d: [\d.]+ s received: ")
PROBLEM = re.compile(
    r"^((errors|failed|undecodable|unknown|reconnected|sent again|lost|usage|transcripts) |audio .* was requested$)",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(two_turns(tmp_path_factory.mktemp("recording") / "in.wav"))


def turns_of(report: str) -> list[str]:
    return re.findall(r"^turn .*$", report, re.MULTILINE)


def server_frames(out: Path) -> Frames:
    """Return the frames received over all connections. A str is not JSON."""
    return [line["frame"] for line in log(out) if line["direction"] == "server"]


def connections(out: Path) -> int:
    return sessions(server_frames(out))


def test_every_fault_has_its_outcome() -> None:
    of_live = {name for name in FAULTS if name.startswith("live_")}  # the demo has no Live session
    assert OUTCOMES.keys() | REFUSED.keys() == FAULTS.keys() - of_live
    assert not OUTCOMES.keys() & REFUSED.keys()
    assert SIGNS.keys() == OUTCOMES.keys() - UNSEEN
    for outcome in OUTCOMES.values():
        assert bool(outcome.why) == (NOT_EXACT in outcome.turns)


@pytest.mark.mostly_slow(quick=5)
@pytest.mark.parametrize("name", OUTCOMES)
def test_the_call_is_completed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, name: str
) -> None:
    expected = OUTCOMES[name]
    arguments = ("--wav", recording, "--format", expected.format, "--fault", name, *expected.arguments)
    assert demo(tmp_path, *arguments) == 0
    printed = capsys.readouterr()
    assert name in UNSEEN or SIGNS[name](server_frames(tmp_path))
    if expected.stderr:
        assert expected.stderr in printed.err
    else:
        assert [line for line in printed.err.splitlines() if not ORDINARY.match(line)] == []
    assert expected.report in printed.out
    assert bool(PROBLEM.search(printed.out)) == bool(expected.report)
    assert ("reconnected" in printed.out) == (expected.connections > 1)
    found = turns_of(printed.out)
    assert len(found) == len(expected.turns)
    for line, turn in zip(found, expected.turns, strict=True):
        assert turn.format(expected.session_format or expected.format) in line
    assert printed.err.count("reconnecting in ") == expected.connections - 1
    assert connections(tmp_path) == expected.connections
    assert len(samples(tmp_path / "caller.wav")) == 8 * (2600 + 1000)


@pytest.mark.parametrize("format", ["g711_ulaw", "pcm16"])
def test_without_a_fault_there_is_no_sign_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, format: str
) -> None:
    """Otherwise the tests of faults could not fail."""
    assert demo(tmp_path, "--wav", recording, "--format", format) == 0
    frames = server_frames(tmp_path)
    signs = {name for name, is_sign in SIGNS.items() if is_sign(frames)}
    assert signs == ({"other_format"} if format == "pcm16" else set())  # it was requested
    printed = capsys.readouterr()
    assert [line for line in printed.err.splitlines() if not ORDINARY.match(line)] == []
    assert not PROBLEM.search(printed.out)


@pytest.mark.slow
def test_slow_reader(tmp_path: Path, recording: str) -> None:
    """The client waits for each frame: the last is read no sooner than after all the pauses."""
    assert demo(tmp_path, "--wav", recording, "--format", "g711_ulaw", "--fault", "slow_reader") == 0
    lines = log(tmp_path)
    sent = [line["time_ms"] for line in lines if line["direction"] == "client"]
    confirmed = [line["time_ms"] for line in lines if line["frame"]["type"] == "session.updated"][-1]
    assert len(sent) > 150
    assert confirmed - sent[0] > 0.9 * len(sent) * f.SlowReader().seconds * 1000


@pytest.mark.parametrize("name", REFUSED)
def test_the_call_ends_with_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, name: str
) -> None:
    assert demo(tmp_path, "--wav", recording, "--fault", name) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"realtime demo: {REFUSED[name]}")
    assert printed.err.count("\n") == 1
    assert [line["frame"]["type"] for line in log(tmp_path) if line["direction"] == "server"] == ["error"]
    assert len(samples(tmp_path / "caller.wav")) == len(samples(tmp_path / "agent.wav")) == 0


@pytest.mark.slow
def test_many_faults_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str) -> None:
    names = [
        "odd_deltas",
        "unknown_events",
        "unknown_fields",
        "null_usage",
        "missing_transcripts",
        "big_frame",
    ]
    names += ["session_expired", "error_without_event_id", "cut_off"]
    arguments = [argument for name in names for argument in ("--fault", name)]
    assert demo(tmp_path, "--wav", recording, "--format", "pcm16", *arguments) == 0
    found = turns_of(capsys.readouterr().out)
    assert len(found) == 2
    assert all(EXACT.format("pcm16") in line for line in found)
    frames = server_frames(tmp_path)
    assert [name for name in names if not SIGNS[name](frames)] == []
    assert sessions(frames) == 3


# --- A lost connection after any frame -----------------------------------------------

TYPES = [
    str(kind.__struct_config__.tag)
    for kind in typing.get_args(ServerEvent)
    if hasattr(kind, "__struct_config__")
]
ENDS: dict[str, Any] = {"disconnect": f.Disconnect, "cut_off": f.CutOff}


def faulty(out: Path, recording: str, faults: Sequence[Fault | str], *arguments: str, **options: Any) -> int:
    with LoopbackServer(faults=faults, **options) as server:
        return demo(out, "--wav", recording, "--format", "g711_ulaw", "--url", server.url, *arguments)


@pytest.mark.mostly_slow(quick=4)
@pytest.mark.parametrize("manual", [False, True], ids=["server VAD", "manual"])
@pytest.mark.parametrize("nth", [1, 2, 4, 7, 9, 12, 16, 18, 21, 27, 31, 33, 36, 40, 45, 60, 70])
def test_a_lost_connection_after_any_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, nth: int, manual: bool
) -> None:
    kind = ENDS["cut_off" if nth % 2 else "disconnect"]
    options = ["--manual"] if manual else []
    assert faulty(tmp_path, recording, [kind(at=TYPES, nth=nth)], *options) == 0
    printed = capsys.readouterr()
    found = turns_of(printed.out)
    assert len(found) == 2
    assert all(EXACT.format("g711_ulaw") in line for line in found), printed.err
    assert "errors" not in printed.out
    assert "reconnected   1: " in printed.out


def test_the_next_session_is_sent_the_words_that_were_played(tmp_path: Path, recording: str) -> None:
    assert faulty(tmp_path, recording, [f.Disconnect(nth=10)]) == 0
    sent = [line["frame"] for line in log(tmp_path) if line["direction"] == "client"]
    kinds = [frame["type"] for frame in sent if frame["type"] != "input_audio_buffer.append"]
    settings = "session.update"  # also at the end of the call
    assert [kind for kind in kinds if kind != settings] == [
        "conversation.item.create", "conversation.item.create", "response.create",
    ]  # fmt: skip
    turn, answer = (frame["item"] for frame in sent if frame["type"] == "conversation.item.create")
    assert (turn["role"], turn["content"][0]["type"]) == ("user", "input_audio")
    assert turn["content"][0]["transcript"] == "(1.00 seconds of speech)"
    # 900 ms were played: two words.
    assert (answer["role"], answer["content"]) == ("assistant", [{"type": "output_text", "text": "That was"}])


def test_the_next_session_is_sent_the_conversation(tmp_path: Path, recording: str) -> None:
    """The second answer ends a session; the first turn and its answer are sent as text."""
    assert faulty(tmp_path, recording, [f.Disconnect(nth=13)]) == 0
    created = [
        line["frame"]["item"] for line in log(tmp_path)
        if line["direction"] == "client" and line["frame"]["type"] == "conversation.item.create"
    ]  # fmt: skip
    assert [(item["role"], item["content"][0]["type"]) for item in created] == [
        ("user", "input_text"), ("assistant", "output_text"), ("user", "input_audio"),
    ]  # fmt: skip


def test_the_next_session_may_have_another_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    """A turn that was sent as PCM16 is sent to the next session as A-law."""
    faults = [f.OtherFormat(times=1), f.Disconnect()]
    assert faulty(tmp_path, recording, faults, "--format", "g711_alaw") == 0
    printed = capsys.readouterr().out
    assert [EXACT.format("g711_alaw") in line for line in turns_of(printed)] == [True, True]
    assert "8 kHz mu-law: SNR" in printed
    assert "was requested" not in printed


def test_an_answer_resets_the_retries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    """Each answer costs a connection; one retry is enough to complete the call all the same."""
    ends = [f.Disconnect(at="response.done", nth=1, times=None)]
    assert faulty(tmp_path, recording, ends, "--retries", "1") == 0
    assert capsys.readouterr().err.count(" s (attempt 1)") == 2


def test_a_server_that_always_disconnects_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    assert faulty(tmp_path, recording, [f.Disconnect(times=None)], "--retries", "2") == 1
    printed = capsys.readouterr()
    assert re.findall(r"reconnecting in 0\.\d\d s \(attempt (\d)\)", printed.err) == ["1", "2"]
    assert printed.err.splitlines()[-1].endswith("; no attempts are left")
    assert printed.out == ""
    assert connections(tmp_path) == 3


# --- One lost frame ------------------------------------------------------------------


# Types of the server's frames in this call, except audio.
SENT = (
    "session.created",
    "session.updated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "rate_limits.updated",
    "response.created",
    "response.output_item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio_transcript.done",
    "response.output_audio.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
)


def test_types_of_the_servers_frames(tmp_path: Path, recording: str) -> None:
    assert faulty(tmp_path, recording, []) == 0
    assert {frame["type"] for frame in server_frames(tmp_path)} == {*SENT, DELTA}


@pytest.mark.mostly_slow(quick=4)
@pytest.mark.parametrize("kind", SENT)
def test_any_frame_except_audio_may_be_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, kind: str
) -> None:
    """The first event of a type is lost; both turns are answered all the same."""
    lost = f.TruncatedFrame(at=kind, nth=1, times=1)
    assert faulty(tmp_path, recording, [lost], "--patience", "0.5") == 0
    printed = capsys.readouterr()
    found = turns_of(printed.out)
    assert len(found) == 2
    assert "undecodable   1: " in printed.out
    (half,) = [frame for frame in server_frames(tmp_path) if isinstance(frame, str)]
    assert half.startswith(f'{{"type":"{kind}"'[: len(half)])
    inexact = [line for line in found if "equal bytes" not in line]
    # Without its start or end the span of a turn is unknown.
    assert len(inexact) <= kind.startswith("input_audio_buffer.speech_"), printed.err


# --- Other problems ------------------------------------------------------------------


def test_a_turn_that_is_refused_twice_is_skipped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    assert faulty(tmp_path, recording, [f.CommitRefused(count=2)], "--manual") == 0
    printed = capsys.readouterr()
    assert "errors        1: input_audio_buffer_commit_empty" in printed.out
    assert printed.err.count("input_audio_buffer_commit_empty") == 1
    assert len(turns_of(printed.out)) == 1
    counts = Counter(line["frame"]["type"] for line in log(tmp_path) if line["direction"] == "client")
    assert counts["input_audio_buffer.commit"] == 3


def test_a_failed_response_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    script = [Fail(), [Say("Yes."), Call("look", {})]]
    assert faulty(tmp_path, recording, [], script=script) == 0
    printed = capsys.readouterr()
    assert "answer 1 failed: server_error: The server had an error" in printed.err
    assert "failed        1: server_error" in printed.out
    assert [NOT_EXACT in line for line in turns_of(printed.out)] == [True, True]


def test_manual_turns_are_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    assert demo(tmp_path, "--wav", recording, "--format", "pcm16", "--manual") == 0
    found = turns_of(capsys.readouterr().out)
    assert len(found) == 2
    assert all(EXACT.format("pcm16") in line for line in found)
    update = next(line["frame"] for line in log(tmp_path) if line["direction"] == "client")
    assert update["session"]["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize("name", ["nothing", ""])
def test_unknown_faults(tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    assert demo(tmp_path, "--fault", name) == 1
    assert capsys.readouterr().err.startswith("realtime demo: unknown fault ")


def test_faults_need_the_demos_own_server(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(tmp_path, "--fault", "cut_off", "--url", "ws://127.0.0.1:9") == 1
    assert "?fault=NAME" in capsys.readouterr().err


def test_the_types_are_those_of_the_wire() -> None:
    assert {"session.created", "response.done", "error"} <= {*TYPES}
    assert len(TYPES) == len({*TYPES}) > 40
    assert r.peek_type(b'{"type":"error"}') in TYPES
