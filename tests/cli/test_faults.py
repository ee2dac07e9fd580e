"""The demo's client and each fault of the loopback server: the call goes on, over a new connection, or ends clearly."""

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

EXACT = "in the session, {}: equal bytes"
NOT_EXACT = "the answer is not the caller's audio"


@dataclass(frozen=True)
class Outcome:
    """What becomes of a call: its connections, what is said of it, and whether the turns' audio is equal.

    Nothing is complained of where `stderr` or `report` is empty. `turns` are the ends of the report's lines;
    where one is not EXACT, `why` says why it cannot be.
    """

    connections: int = 1
    stderr: str = ""
    report: str = ""
    turns: tuple[str, ...] = (EXACT, EXACT)
    why: str = ""
    arguments: tuple[str, ...] = ()
    format: str = "g711_ulaw"
    spoken: str = ""


GOES_ON = Outcome()
AGAIN = "after 0.20 s of a try that broke off"
OUTCOMES: dict[str, Outcome] = {
    "session_expired": Outcome(2, "the session is over: session_expired: Your session hit", AGAIN),
    "disconnect": Outcome(2, "the server went away in mid-call: received 1001", AGAIN),
    "cut_off": Outcome(2, "the server went away in mid-call", "reconnected   1: the server went away"),
    "stalled_frame": Outcome(2, "the server did not ", AGAIN, arguments=("--patience", "1")),
    "truncated_frame": Outcome(
        stderr="a frame is lost: Input data was truncated in 'response.output_audio.delta'",
        report="undecodable   1: response.output_audio.delta",
        turns=(NOT_EXACT, EXACT),
        why="100 ms of the first answer were in the frame that is lost",
    ),
    "error_without_event_id": Outcome(
        stderr="the server tells an error: server_error: The server had",
        report="errors        1: server_error",
    ),
    "big_frame": GOES_ON,
    "unknown_events": Outcome(
        stderr="an event of an unknown type, response.hologram.delta", report="unknown       "
    ),
    "unknown_fields": GOES_ON,
    "null_usage": Outcome(report="usage         not told of 4 responses and transcriptions"),
    "late_transcripts": GOES_ON,
    "missing_transcripts": Outcome(
        stderr="transcripts of what the caller said did not come",
        report="transcripts   2 of the caller's turns did not come",
    ),
    "odd_deltas": Outcome(format="pcm16"),
    "other_format": Outcome(report="as pcm16, though asked for g711_ulaw", spoken="pcm16"),
    "commit_refused": Outcome(
        stderr="the server tells an error: input_audio_buffer_commit_empty: ",
        report="sent again    ",
        arguments=("--manual",),
    ),
    "slow_reader": GOES_ON,
}
REFUSED = {
    "beta_disabled": "the server refused the call: beta_api_shape_disabled: The Realtime Beta API is no longer"
}


Frames = list[Any]
DELTA = "response.output_audio.delta"
TOLD = "conversation.item.input_audio_transcription."


def of_type(frames: Frames, *starts: str) -> Frames:
    return [frame for frame in frames if isinstance(frame, dict) and frame["type"].startswith(starts)]


def codes(frames: Frames) -> list[Any]:
    return [frame["error"]["code"] for frame in of_type(frames, "error")]


def sessions(frames: Frames) -> int:
    return len(of_type(frames, "session.created"))


def is_late(frames: Frames) -> bool:
    kinds = [frame["type"] for frame in of_type(frames, TOLD, "response.done")]
    return len(kinds) > 2 and kinds[0] == "response.done"


# Whether a fault has struck, by what came from the server.
STRUCK: dict[str, Callable[[Frames], bool]] = {
    "session_expired": lambda frames: "session_expired" in codes(frames),
    "disconnect": lambda frames: sessions(frames) == 2,
    "cut_off": lambda frames: sessions(frames) > 1,
    "stalled_frame": lambda frames: sessions(frames) == 2,
    "truncated_frame": lambda frames: any(isinstance(frame, str) and DELTA in frame for frame in frames),
    "error_without_event_id": lambda frames: any("event_id" not in frame for frame in of_type(frames, "error")),
    "big_frame": lambda frames: max(len(json.dumps(frame)) for frame in frames) > 3_000_000,
    "unknown_events": lambda frames: bool(of_type(frames, "response.hologram.delta")),
    "unknown_fields": lambda frames: all("x_tomorrow" in each for each in of_type(frames, "session.", DELTA)),
    "null_usage": lambda frames: all(each["response"]["usage"] is None for each in of_type(frames, "response.done")),
    "late_transcripts": is_late,
    "missing_transcripts": lambda frames: not of_type(frames, TOLD),
    "odd_deltas": lambda frames: any(len(b64decode(each["delta"])) % 2 for each in of_type(frames, DELTA)),
    "other_format": lambda frames: any(
        each["session"]["audio"]["input"]["format"]["type"] == "audio/pcm"
        for each in of_type(frames, "session.updated")
    ),
    "commit_refused": lambda frames: "input_audio_buffer_commit_empty" in codes(frames),
}  # fmt: skip
# What is said of a call in which nothing goes wrong: on stderr, and of what is complained in the report.
ORDINARY = re.compile(r"the call begins: |turn \d: the server took |answer \d: [\d.]+ s came back: ")
COMPLAINT = re.compile(
    r"^(errors|failed|undecodable|unknown|reconnected|sent again|lost|usage|transcripts|audio .*, though asked) ",
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(two_turns(tmp_path_factory.mktemp("recording") / "in.wav"))


def turns_of(report: str) -> list[str]:
    return re.findall(r"^turn .*$", report, re.MULTILINE)


def server_frames(out: Path) -> Frames:
    """What came, over all connections; a str is no JSON."""
    return [line["frame"] for line in log(out) if line["direction"] == "server"]


def connections(out: Path) -> int:
    return sessions(server_frames(out))


def test_every_fault_has_its_outcome() -> None:
    assert OUTCOMES.keys() | REFUSED.keys() == FAULTS.keys()
    assert not OUTCOMES.keys() & REFUSED.keys()
    assert STRUCK.keys() == OUTCOMES.keys() - {"slow_reader"}
    for outcome in OUTCOMES.values():
        assert bool(outcome.why) == (NOT_EXACT in outcome.turns)


@pytest.mark.parametrize("name", OUTCOMES)
def test_the_call_comes_to_its_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, name: str
) -> None:
    wanted = OUTCOMES[name]
    arguments = ("--wav", recording, "--format", wanted.format, "--fault", name, *wanted.arguments)
    assert demo(tmp_path, *arguments) == 0
    said = capsys.readouterr()
    assert name == "slow_reader" or STRUCK[name](server_frames(tmp_path))
    if wanted.stderr:
        assert wanted.stderr in said.err
    else:
        assert [line for line in said.err.splitlines() if not ORDINARY.match(line)] == []
    assert wanted.report in said.out
    assert bool(COMPLAINT.search(said.out)) == bool(wanted.report)
    assert ("reconnected" in said.out) == (wanted.connections > 1)
    found = turns_of(said.out)
    assert len(found) == len(wanted.turns)
    for line, turn in zip(found, wanted.turns, strict=True):
        assert turn.format(wanted.spoken or wanted.format) in line
    assert said.err.count("a new connection") == wanted.connections - 1
    # A connection that is cut may take with it what was on its way.
    assert connections(tmp_path) == wanted.connections
    assert len(samples(tmp_path / "caller.wav")) == 8 * (2600 + 1000)


@pytest.mark.parametrize("fmt", ["g711_ulaw", "pcm16"])
def test_without_a_fault_there_is_no_sign_of_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, fmt: str
) -> None:
    """Or the tests of what a call survives could not fail."""
    assert demo(tmp_path, "--wav", recording, "--format", fmt) == 0
    frames = server_frames(tmp_path)
    signs = {name for name, has_struck in STRUCK.items() if has_struck(frames)}
    assert signs == ({"other_format"} if fmt == "pcm16" else set())  # it is what was asked for
    said = capsys.readouterr()
    assert [line for line in said.err.splitlines() if not ORDINARY.match(line)] == []
    assert not COMPLAINT.search(said.out)


def test_a_slow_reader_takes_its_time(tmp_path: Path, recording: str) -> None:
    """Each frame is waited for: the last is read no sooner than all of that, on any machine."""
    assert demo(tmp_path, "--wav", recording, "--format", "g711_ulaw", "--fault", "slow_reader") == 0
    lines = log(tmp_path)
    sent = [line["time_ms"] for line in lines if line["direction"] == "client"]
    (cleared,) = [line["time_ms"] for line in lines if line["frame"]["type"] == "input_audio_buffer.cleared"]
    assert len(sent) > 150
    assert cleared - sent[0] > 0.9 * len(sent) * f.SlowReader().seconds * 1000


@pytest.mark.parametrize("name", REFUSED)
def test_the_call_ends_with_one_clear_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, name: str
) -> None:
    assert demo(tmp_path, "--wav", recording, "--fault", name) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"realtime demo: {REFUSED[name]}")
    assert said.err.count("\n") == 1
    assert [line["frame"]["type"] for line in log(tmp_path) if line["direction"] == "server"] == ["error"]
    assert len(samples(tmp_path / "caller.wav")) == len(samples(tmp_path / "agent.wav")) == 0


def test_many_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str) -> None:
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
    assert [name for name in names if not STRUCK[name](frames)] == []
    assert sessions(frames) == 3


# --- An end anywhere -----------------------------------------------------------------

TYPES = [
    str(kind.__struct_config__.tag)
    for kind in typing.get_args(ServerEvent)
    if hasattr(kind, "__struct_config__")
]
ENDS: dict[str, Any] = {"disconnect": f.Disconnect, "cut_off": f.CutOff}


def faulty(out: Path, recording: str, faults: Sequence[Fault | str], *arguments: str, **options: Any) -> int:
    with LoopbackServer(faults=faults, **options) as server:
        return demo(out, "--wav", recording, "--format", "g711_ulaw", "--url", server.url, *arguments)


@pytest.mark.parametrize("manual", [False, True], ids=["by VAD", "by hand"])
@pytest.mark.parametrize("nth", [1, 2, 4, 7, 9, 12, 16, 18, 21, 27, 31, 33, 36, 40, 45, 60, 70])
def test_an_end_after_any_frame(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, nth: int, manual: bool
) -> None:
    kind = ENDS["cut_off" if nth % 2 else "disconnect"]
    options = ["--manual"] if manual else []
    assert faulty(tmp_path, recording, [kind(at=TYPES, nth=nth)], *options) == 0
    said = capsys.readouterr()
    found = turns_of(said.out)
    assert len(found) == 2
    assert all(EXACT.format("g711_ulaw") in line for line in found), said.err
    assert "errors" not in said.out
    assert "reconnected   1: " in said.out


def test_what_was_heard_of_an_answer_is_told_to_the_next_session(tmp_path: Path, recording: str) -> None:
    assert faulty(tmp_path, recording, [f.Disconnect(nth=10)]) == 0
    sent = [line["frame"] for line in log(tmp_path) if line["direction"] == "client"]
    kinds = [frame["type"] for frame in sent if frame["type"] != "input_audio_buffer.append"]
    # All may have been said before the end was known.
    assert kinds[:-5] in (["session.update"], ["session.update", "input_audio_buffer.clear"])
    assert kinds[-5:] == [
        "session.update",
        "conversation.item.create",
        "conversation.item.create",
        "response.create",
        "input_audio_buffer.clear",
    ]
    turn, answer = (frame["item"] for frame in sent if frame["type"] == "conversation.item.create")
    assert (turn["role"], turn["content"][0]["type"]) == ("user", "input_audio")
    assert turn["content"][0]["transcript"] == "(1.00 seconds of speech)"
    # 900 ms were heard: two words.
    assert (answer["role"], answer["content"]) == ("assistant", [{"type": "output_text", "text": "That was"}])


def test_the_conversation_so_far_is_told_to_the_next_session(tmp_path: Path, recording: str) -> None:
    """The second answer ends a session; the first turn and its answer come back as text."""
    assert faulty(tmp_path, recording, [f.Disconnect(nth=13)]) == 0
    created = [
        line["frame"]["item"] for line in log(tmp_path)
        if line["direction"] == "client" and line["frame"]["type"] == "conversation.item.create"
    ]  # fmt: skip
    assert [(item["role"], item["content"][0]["type"]) for item in created] == [
        ("user", "input_text"), ("assistant", "output_text"), ("user", "input_audio"),
    ]  # fmt: skip


def test_the_next_session_may_speak_another_format(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    """What was said to one that spoke PCM16 is asked again of one that speaks A-law."""
    faults = [f.OtherFormat(times=1), f.Disconnect()]
    assert faulty(tmp_path, recording, faults, "--format", "g711_alaw") == 0
    said = capsys.readouterr().out
    assert [EXACT.format("g711_alaw") in line for line in turns_of(said)] == [True, True]
    assert "as 8 kHz mu-law: SNR" in said
    assert "though asked" not in said


def test_retries_are_counted_in_a_row_without_an_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    """Each answer costs a connection; with one retry the call comes to its end all the same."""
    ends = [f.Disconnect(at="response.done", nth=1, times=None)]
    assert faulty(tmp_path, recording, ends, "--retries", "1") == 0
    assert capsys.readouterr().err.count("a new connection in 0.25 s (1 of 1)") == 2


def test_a_server_that_always_ends_is_given_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    assert faulty(tmp_path, recording, [f.Disconnect(times=None)], "--retries", "2") == 1
    said = capsys.readouterr()
    assert re.findall(r"in ([\d.]+) s \((\d) of 2\)", said.err) == [("0.25", "1"), ("0.5", "2")]
    assert said.err.splitlines()[-1].endswith("; no retries are left")
    assert said.out == ""
    assert connections(tmp_path) == 3


# --- One frame that is lost ----------------------------------------------------------


# What the server says in this call, but for audio.
SENT = (
    "session.created",
    "session.updated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "input_audio_buffer.cleared",
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


def test_what_the_server_says(tmp_path: Path, recording: str) -> None:
    assert faulty(tmp_path, recording, []) == 0
    assert {frame["type"] for frame in server_frames(tmp_path)} == {*SENT, DELTA}


@pytest.mark.parametrize("kind", SENT)
def test_any_frame_but_audio_may_be_lost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str, kind: str
) -> None:
    """Whatever its first event of this type was, both turns are answered."""
    lost = f.TruncatedFrame(at=kind, nth=1, times=1)
    assert faulty(tmp_path, recording, [lost], "--patience", "0.5") == 0
    said = capsys.readouterr()
    found = turns_of(said.out)
    assert len(found) == 2
    assert "undecodable   1: " in said.out
    (half,) = [frame for frame in server_frames(tmp_path) if isinstance(frame, str)]
    assert half.startswith(f'{{"type":"{kind}"'[: len(half)])
    inexact = [line for line in found if "equal bytes" not in line]
    # Without its edges a turn's own span is not known.
    assert len(inexact) <= kind.startswith("input_audio_buffer.speech_"), said.err


# --- Other ways to go wrong ----------------------------------------------------------


def test_a_turn_that_is_refused_twice_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    assert faulty(tmp_path, recording, [f.CommitRefused(count=2)], "--manual") == 0
    said = capsys.readouterr()
    assert "errors        2: input_audio_buffer_commit_empty" in said.out
    assert said.err.count("input_audio_buffer_commit_empty") == 1
    assert len(turns_of(said.out)) == 1
    counts = Counter(line["frame"]["type"] for line in log(tmp_path) if line["direction"] == "client")
    assert counts["input_audio_buffer.commit"] == 3


def test_a_response_that_fails_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    script = [Fail(), [Say("Yes."), Call("look", {})]]
    assert faulty(tmp_path, recording, [], script=script) == 0
    said = capsys.readouterr()
    assert "answer 1 failed: server_error: The server had an error" in said.err
    assert "failed        1: server_error" in said.out
    assert [NOT_EXACT in line for line in turns_of(said.out)] == [True, True]


def test_by_hand_each_turn_is_answered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], recording: str
) -> None:
    assert demo(tmp_path, "--wav", recording, "--format", "pcm16", "--manual") == 0
    found = turns_of(capsys.readouterr().out)
    assert len(found) == 2
    assert all(EXACT.format("pcm16") in line for line in found)
    update = next(line["frame"] for line in log(tmp_path) if line["direction"] == "client")
    assert update["session"]["audio"]["input"]["turn_detection"] is None


@pytest.mark.parametrize("name", ["nothing", ""])
def test_a_fault_that_is_none_is_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    assert demo(tmp_path, "--fault", name) == 1
    assert capsys.readouterr().err.startswith("realtime demo: unknown fault ")


def test_the_faults_are_the_demos_own_servers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo(tmp_path, "--fault", "cut_off", "--url", "ws://127.0.0.1:9") == 1
    assert "?fault=NAME" in capsys.readouterr().err


def test_the_outcomes_are_decoded() -> None:
    """The types that ends strike at are those of the wire."""
    assert {"session.created", "response.done", "error"} <= {*TYPES}
    assert len(TYPES) == len({*TYPES}) > 40
    assert r.peek_type(b'{"type":"error"}') in TYPES
