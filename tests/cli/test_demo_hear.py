"""Whatever a server says, and however its sessions end: the call's state holds, and it can be reported."""

from __future__ import annotations

import io
import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime.audio import ulaw_encode
from realtime.cli._call import Call
from realtime.cli._progress import Progress
from realtime.cli._reconnect import CallFailed, SessionLost
from realtime.cli._record import MAX_KINDS, Record
from realtime.cli._report import report, snr_db
from realtime.cli._session import MAX_REQUESTS

SPEECH = ulaw_encode(bytes(2 * 8 * 500)).tobytes()


class NoRecord:
    """Takes what a call writes, and forgets it; the files in `out` are of another."""

    def __init__(self, out: Path) -> None:
        self.caller = self.agent = self
        self.counts: dict[str, Counter[str]] = {"client": Counter(), "server": Counter()}
        self.out = out

    def write(self, audio: bytes) -> None:
        pass

    def frame(self, direction: str, kind: str, frame: bytes) -> None:
        self.counts[direction][kind] += 1


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    with Record(folder) as record:
        record.begin()
    return folder


def call(record: Any, **options: Any) -> Call:
    return Call(r.AudioFormat.PCM16, SPEECH, record, Progress(io.StringIO()), **options)


def told(call: Call, *events: r.ServerEvent) -> None:
    for event in events:
        call.hear(r.encode(event))


IDS = st.sampled_from(["a", "b", ""])
MS = st.integers(-(10**6), 10**9)
FORMATS = st.sampled_from([r.PcmFormat(), r.PcmuFormat(), r.PcmaFormat()])
PLACE: dict[str, Any] = {"output_index": 0, "content_index": 0}


def session(format_in: Any, format_out: Any) -> r.RealtimeSessionInfo:
    return r.RealtimeSessionInfo(
        audio=r.AudioConfig(
            input=r.AudioInput(format=format_in, transcription=r.Transcription(model="m")),
            output=r.AudioOutput(format=format_out),
        )
    )


EVENTS = st.one_of(
    st.builds(lambda *formats: r.SessionUpdated(session=session(*formats)), FORMATS, FORMATS),
    st.builds(r.InputAudioBufferSpeechStarted, item_id=IDS, audio_start_ms=MS),
    st.builds(r.InputAudioBufferSpeechStopped, item_id=IDS, audio_end_ms=MS),
    st.builds(r.InputAudioBufferCommitted, item_id=IDS),
    st.builds(r.InputAudioBufferCleared),
    st.builds(r.ConversationItemInputAudioTranscriptionCompleted, item_id=IDS, transcript=st.text(max_size=3),
              content_index=st.just(0), usage=st.none()),
    st.builds(lambda name: r.ResponseCreated(response=r.Response(id=name)), IDS),
    st.builds(r.ResponseOutputAudioDelta, response_id=IDS, item_id=IDS, delta=st.binary(max_size=99), **{
        name: st.just(0) for name in PLACE}),
    st.builds(r.ResponseOutputAudioTranscriptDelta, response_id=IDS, item_id=IDS, delta=st.text(max_size=9), **{
        name: st.just(0) for name in PLACE}),
    st.builds(r.ResponseOutputAudioDone, response_id=IDS, item_id=IDS, **{name: st.just(0) for name in PLACE}),
    st.builds(lambda name: r.ResponseDone(response=r.Response(id=name)), IDS),
    st.builds(lambda code: r.Error(error=r.ErrorDetail(type="x", code=code, message="y", event_id="nobody")),
              st.sampled_from([None, "input_audio_buffer_commit_empty"])),
)  # fmt: skip
FRAMES = st.one_of(st.builds(r.encode, EVENTS), st.binary(max_size=20), st.just(b'{"type":"tomorrow"}'))
STEPS = st.lists(st.one_of(FRAMES, st.sampled_from(["say", "commit", "lost", "end"])), max_size=40)


def begin(call: Call) -> None:
    call.request(call.begin())
    for event in call.resume():
        call.request(event)


@given(STEPS, st.booleans())
def test_nothing_that_a_server_says_breaks_a_call(out: Path, steps: list[bytes | str], manual: bool) -> None:
    record: Any = NoRecord(out)
    made = call(record, manual=manual)
    begin(made)
    for step in steps:
        if isinstance(step, bytes):
            made.hear(step)
        elif step == "lost":
            made.lost()
            begin(made)
        elif step == "commit":
            made.request(made.commit())
        elif step == "end":
            made.request(made.ask_the_end())
        else:
            made.say()
        assert made.uplink.origin <= made.uplink.position
        assert made.uplink.committed_to <= made.uplink.position
    assert isinstance(made.awaited, str)
    assert all(turn.is_taken for turn in made.dialogue.turns[:-1])
    made.say()
    assert [line for line in report(made, record) if line.startswith("session.jsonl")]


# --- By hand -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "raises"),
    [
        (
            r.ErrorDetail(type="invalid_request_error", code="session_expired", message="60\nminutes"),
            SessionLost,
        ),
        (r.ErrorDetail(type="invalid_request_error", code="model_not_found", message="no"), CallFailed),
        (r.ErrorDetail(type="x", message="no", event_id="client_1"), CallFailed),
    ],
)
def test_errors_that_end_a_session(out: Path, error: r.ErrorDetail, raises: type[Exception]) -> None:
    made = call(NoRecord(out))
    begin(made)
    with pytest.raises(raises, match=r"^[^\n]*$"):
        told(made, r.Error(error=error))


def test_late_audio_is_dropped(out: Path) -> None:
    """What comes of an item after the server has deleted it is not heard."""
    made = call(NoRecord(out))
    begin(made)
    delta = r.ResponseOutputAudioDelta(response_id="r", item_id="i", delta=bytes(4800), **PLACE)
    told(made, r.SessionUpdated(session=session(r.PcmFormat(), r.PcmFormat())), delta)
    heard = made.heard
    assert heard > 0
    told(made, r.ConversationItemDeleted(item_id="i"), delta)
    assert made.heard == heard


def test_a_session_that_was_not_told_anything_is_not_what_the_next_one_is_told(out: Path) -> None:
    """Two sessions in a row end before they are ready: the third knows what the first did."""
    made = call(NoRecord(out))
    begin(made)
    told(
        made,
        r.SessionUpdated(session=session(r.PcmuFormat(), r.PcmuFormat())),
        r.InputAudioBufferSpeechStarted(item_id="u", audio_start_ms=0),
    )
    for _ in range(10):
        made.say()
    told(made, r.InputAudioBufferSpeechStopped(item_id="u", audio_end_ms=150))
    made.lost()
    for _ in range(2):
        made.begin()
        made.lost()
    made.begin()
    told(made, r.SessionUpdated(session=session(r.PcmuFormat(), r.PcmuFormat())))
    create, ask = made.resume()
    assert isinstance(create, r.ConversationItemCreate)
    assert isinstance(create.item, r.MessageItem)
    assert create.item.content[0].audio == SPEECH[: 8 * 150]
    assert isinstance(ask, r.ResponseCreate)
    assert made.again_ms == 50


# What is said where an answer is waited for, and whether it gets the call on.
SAID: list[tuple[r.ServerEvent, bool]] = [
    (r.SessionUpdated(session=session(r.PcmuFormat(), r.PcmuFormat())), False),
    (r.RateLimitsUpdated(rate_limits=[]), False),
    (r.Error(error=r.ErrorDetail(type="x", message="y")), False),
    (r.UnknownEvent("response.hologram.delta", b'{"type":"response.hologram.delta"}'), False),
    (r.ConversationItemRetrieved(item=r.MessageItem(id="a", role="user", content=[])), False),
    (r.InputAudioBufferSpeechStarted(item_id="a", audio_start_ms=0), True),
    (r.ResponseCreated(response=r.Response(id="r")), True),
    (r.ResponseOutputTextDelta(response_id="r", item_id="i", delta="word", **PLACE), True),
    (r.ResponseOutputAudioTranscriptDelta(response_id="r", item_id="i", delta="word", **PLACE), True),
    (r.ResponseOutputAudioDelta(response_id="r", item_id="i", delta=bytes(480), **PLACE), True),
    (r.ResponseDone(response=r.Response(id="r")), True),
    (r.InputAudioBufferCleared(), True),
]


@pytest.mark.parametrize(("event", "is_news"), SAID, ids=[event.type for event, _ in SAID])
def test_what_gets_a_call_on(out: Path, event: r.ServerEvent, is_news: bool) -> None:
    made = call(NoRecord(out))
    begin(made)
    ready = r.SessionUpdated(session=session(r.PcmuFormat(), r.PcmuFormat()))
    assert made.hear(r.encode(ready))
    assert made.hear(r.encode(event)) is is_news
    assert not made.hear(b'{"type":"response.done"')


def test_requests_are_bounded(out: Path) -> None:
    made = call(NoRecord(out))
    begin(made)
    for _ in range(MAX_REQUESTS):
        made.request(r.InputAudioBufferClear())
    told(made, r.Error(error=r.ErrorDetail(type="x", message="about the settings", event_id="client_1")))
    assert made.session.request("client_2") == "input_audio_buffer.clear"
    assert made.session.request(None) == ""


def test_types_are_bounded(tmp_path: Path) -> None:
    with Record(tmp_path) as record:
        record.begin()
        for number in range(MAX_KINDS + 50):
            record.frame("server", f"type.{number}", b"{}")
        record.frame("server", "type.0", b"{}")
    counts = record.counts["server"]
    assert (len(counts), counts["(others)"], counts["type.0"]) == (MAX_KINDS + 1, 50, 2)


def test_what_is_lost_for_good_is_in_the_report(tmp_path: Path) -> None:
    with Record(tmp_path) as record:
        record.begin()
        made = call(record)
        made.say()
        made.uplink.lost = 800
        assert "lost          100 ms of the caller's audio" in [*report(made, record)]


# --- The report ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("original", "copy", "snr"),
    [
        (b"\x10" * 160, b"\x10" * 160, math.inf),
        (b"", b"", math.inf),
        (b"\xff" * 160, b"\xff" * 160, math.inf),
        (b"\xff" * 160, b"\x00" * 160, -math.inf),
        (b"\x00" * 160, b"\xff" * 160, 0.0),
        (b"\x00" * 160, b"\x80" * 160, 10 * math.log10(0.25)),
    ],
)
def test_signal_to_noise(original: bytes, copy: bytes, snr: float) -> None:
    assert snr_db(original, copy) == snr
