"""Bridge on Live with malformed frames in any order, with faults of real sessions, and with any stream of deltas."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import realtime
from realtime import AudioFormat, live
from realtime.state import Interruption
from realtime.telephony import CARRIERS, Bridge, BridgeOutput
from tests.telephony.calls import ALAW, PCM16, PHONE_IDS, PHONES, ULAW, Phone, media_of, text, wave
from tests.telephony.live_calls import (
    PCM_16K,
    appended,
    closed,
    live_delta,
    open_call,
    silence,
    speech,
    started,
)
from tests.telephony.test_bridge_hostile import from_the_carrier, mutated

FORMATS = (ULAW, ALAW, PCM16, PCM_16K)
TWILIO = PHONES[0]
FROM_THE_SERVER: list[Any] = [
    *(started(format) for format in FORMATS),
    *(make(format, ms) for format in (ULAW, PCM16) for make in (silence, speech) for ms in (20, 100, 500)),
    live_delta(b""),
    live_delta(b"\xff"),
    closed(),
    text({"type": "error", "event_id": "e", "error": {"type": "x", "code": None, "message": "m"}}),
    text({"type": "session.output_transcript.delta", "delta": "a", "start_ms": 9, "end_ms": 1}),
    text({"type": "session.of_tomorrow"}),
    text({"type": "session.created", "event_id": "e", "session": {"type": "realtime"}}),
]
CALLS: list[Any] = [
    *(("tick", now) for now in (0, 20, 700.5, 10_000)),
    ("stop_speech", None),
    ("interrupt", None),
    ("session_start", None),
]
SENT = {"session.input_audio.append", "session.close", "session.instructions.append", "session.start"}


@st.composite
def story(draw: st.DrawFn, phone: Phone) -> list[tuple[str, Any]]:
    """Draw frames of both sides and calls of the user, valid and invalid, in any order."""
    carrier = from_the_carrier(phone)
    hostile = st.one_of(st.binary(max_size=40), st.text(max_size=40))
    step = st.one_of(
        st.tuples(st.just("from_carrier"), st.sampled_from(carrier)),
        st.tuples(st.just("from_server"), st.sampled_from(FROM_THE_SERVER)),
        st.tuples(st.just("from_carrier"), st.one_of(mutated(carrier), hostile)),
        st.tuples(st.just("from_server"), st.one_of(mutated(FROM_THE_SERVER), hostile)),
        st.sampled_from(CALLS),
    )
    return draw(st.lists(step, max_size=40))


def take(bridge: Bridge, name: str, argument: Any) -> BridgeOutput | None:
    """Return the output of a step, None if it raised DecodeError."""
    try:
        output = getattr(bridge, name)(*(() if argument is None else (argument,)))
    except realtime.DecodeError:
        return None
    return BridgeOutput((), (output,)) if isinstance(output, str) else output


def check(phone: Phone, step: BridgeOutput) -> None:
    """Check that every frame decodes on the side that it is sent to."""
    for frame in step.to_carrier:
        CARRIERS[phone.name].decode_command(frame)
    for sent in step.to_server:
        assert live.decode_client(sent).type in SENT


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("phone", PHONES, ids=PHONE_IDS)
@settings(max_examples=30)
@given(data=st.data(), barge_in=st.booleans())
def test_refused_frames_change_nothing(phone: Phone, data: st.DataObject, barge_in: bool) -> None:
    """A bridge that was given invalid frames goes on like one that was not."""

    def new() -> Bridge:
        return Bridge(phone.name, dialect="live", barge_in=barge_in)

    bridge, calls = new(), data.draw(story(phone))
    steps = [take(bridge, *call) for call in calls]
    clean = new()
    is_started = False
    for call, step in zip(calls, steps, strict=True):
        if step is None:
            continue
        check(phone, step)
        again = take(clean, *call)
        assert again is not None
        assert (again.to_carrier, again.to_server) == (step.to_carrier, step.to_server)
        assert [type(event) for event in again.events] == [type(event) for event in step.events]
        is_started = is_started or any(isinstance(event, live.SessionStarted) for event in step.events)
        assert is_started or {live.decode_client(sent).type for sent in step.to_server} <= {"session.start"}
        assert bridge.backlog_ms >= 0
    assert clean.stats == bridge.stats
    last = bridge.end()
    check(phone, last)
    assert last == clean.end()


@pytest.mark.parametrize("name", CARRIERS)
@given(frame=st.one_of(st.binary(), st.text()))
def test_any_bytes_first(name: str, frame: Any) -> None:
    for side in ("from_carrier", "from_server"):
        take(Bridge(name, dialect="live"), side, frame)


# --- Faults ----------------------------------------------------------------------------


def fault(code: str | None, message: str, **error: Any) -> str:
    detail = {"type": "invalid_request_error", "code": code, "message": message, **error}
    return text({"type": "error", "event_id": "e", "error": detail})


@pytest.mark.parametrize(
    "frames",
    [
        [fault(None, "no code")],
        [fault("moderation", "the answer was cut"), silence(ULAW)],
        [fault("session_storage_failed", "not stored")],
        [fault("response_input_buffer_full", "full", client_event_id="x")],
        [text({"type": "session.output_transcript.delta", "delta": "late", "start_ms": 5, "end_ms": 205})],
        [text({"type": "session.started"}).replace("started", "paused")],
        [started(ULAW)],
    ],
    ids=["null code", "moderation", "storage", "buffer full", "late transcript", "paused", "started again"],
)
def test_a_call_goes_on_after(frames: list[str]) -> None:
    bridge = open_call(TWILIO)
    bridge.from_server(speech(ULAW))
    for frame in frames:
        step = bridge.from_server(frame)
        assert step.to_server == ()
        assert [type(event) for event in step.events] == [type(live.decode_server(frame))]
    audio = wave(media_of(ULAW), 20)
    assert appended(bridge.from_carrier(TWILIO.media(audio)).to_server) == [audio]
    assert TWILIO.played(bridge.from_server(speech(ULAW)).to_carrier) == [wave(media_of(ULAW), 100)]
    assert not bridge.ended


def test_a_session_that_never_starts_holds_a_limited_time_of_audio() -> None:
    bridge = Bridge("twilio", dialect="live")
    bridge.from_carrier(TWILIO.start())
    bridge.session_start()
    step = bridge.from_server(fault("credit_balance_exhausted", "no credit"))
    assert [event.error.code for event in step.events if isinstance(event, live.Error)] == [
        "credit_balance_exhausted"
    ]
    for number in range(2, 2_002):
        assert bridge.from_carrier(TWILIO.media(bytes(160), number)).to_server == ()
    assert bridge.stats.appends_dropped == 1_500
    assert bridge.end().to_server == ()


def test_a_session_that_ends_without_its_last_event_leaves_the_call() -> None:
    """The connection is lost: the user sees that, and may open another session."""
    bridge = open_call(TWILIO)
    assert not bridge.ended
    bridge.session_start()
    bridge.from_server(started(ULAW))
    assert bridge.from_server(speech(ULAW)).to_carrier
    (close,) = bridge.end().to_server
    assert json.loads(close) == {"type": "session.close"}


# --- Any stream ------------------------------------------------------------------------


@st.composite
def deltas(draw: st.DrawFn) -> tuple[AudioFormat, list[tuple[int, bool, int]]]:
    """Draw a format, and deltas: duration, audible or not, and the time until the next one."""
    delta = st.tuples(
        st.sampled_from([20, 60, 100, 200, 500]), st.booleans(), st.sampled_from([0, 20, 100, 700])
    )
    return draw(st.sampled_from(FORMATS)), draw(st.lists(delta, max_size=60))


@pytest.mark.parametrize("phone", [PHONES[0], PHONES[3], PHONES[7]], ids=lambda phone: str(phone.name))
@settings(max_examples=40)
@given(case=deltas(), returns_marks=st.booleans())
def test_every_audible_delta_is_played_and_silence_only_while_little_waits(
    phone: Phone, case: tuple[AudioFormat, list[tuple[int, bool, int]]], returns_marks: bool
) -> None:
    format, stream = case
    bridge, number = open_call(phone, format), 2
    media = phone.media_format
    before = 0.0
    for ms, is_audible, wait_ms in stream:
        before, dropped = bridge.backlog_ms, bridge.stats.silence_dropped
        step = bridge.from_server((speech if is_audible else silence)(format, ms))
        assert not [event for event in step.events if isinstance(event, Interruption)]
        was_dropped = bridge.stats.silence_dropped > dropped
        assert was_dropped is (before >= 100 and not is_audible)
        assert (step.to_carrier == ()) or not was_dropped
        assert bridge.backlog_ms <= before + ms + 30
        for at in range(0, wait_ms, 20):
            bridge.from_carrier(phone.media(media.silence(media.chunk_bytes(20)), number + at // 20))
        number += wait_ms // 20
        if returns_marks and wait_ms == 700:
            for name in phone.marks(step.to_carrier):
                bridge.from_carrier(phone.mark(name))
    assert bridge.stats.deltas_dropped == 0
