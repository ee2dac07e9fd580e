"""Arbitrary bytes from either side raise DecodeError or nothing, and leave the bridge unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import realtime
from realtime.telephony import CARRIERS, Bridge, BridgeOutput
from tests.telephony import cases
from tests.telephony.calls import (
    PCM16,
    PHONE_IDS,
    PHONES,
    SPEECH_STARTED,
    ULAW,
    Phone,
    audio_done,
    delta,
    response,
    session,
)

CARRIER, SERVER = "from_carrier", "from_server"
BAD_VALUES: list[Any] = [None, -1, 1 << 70, 1.5, "", "x", "AAA", [], {}, True, "\ud800", "mark_1"]


def from_the_carrier(phone: Phone) -> list[Any]:
    frames: list[Any] = [*cases.frames(phone.name, "messages"), phone.start(), phone.key("1")]
    audio = bytes(phone.media_format.chunk_bytes(20))
    frames += [phone.media(audio, number) for number in range(2, 12)]
    return frames + [phone.mark(f"mark_{number}") for number in range(1, 9)]


FROM_THE_SERVER: list[Any] = [
    *(
        delta(bytes(nbytes), item, of)
        for nbytes in (0, 1, 160, 5_001)
        for item, of in (("a", "r"), ("b", "s"))
    ),
    *(audio_done(item, of) for item, of in (("a", "r"), ("b", "s"))),
    *(response(kind, of) for kind in ("created", "done") for of in ("r", "s")),
    *(
        session(kind, one, other)
        for kind in ("created", "updated")
        for one in (ULAW, PCM16)
        for other in (ULAW, PCM16)
    ),
    SPEECH_STARTED,
    SPEECH_STARTED,
    '{"type":"conversation.item.truncated","event_id":"e","item_id":"a","content_index":0,"audio_end_ms":100}',
    '{"type":"conversation.item.deleted","event_id":"e","item_id":"b"}',
]


@st.composite
def mutated(draw: st.DrawFn, frames: list[Any]) -> Any:
    """Draw a frame with a value replaced or removed, or with bytes changed; binary frames are truncated."""
    frame = draw(st.sampled_from(frames))
    if isinstance(frame, bytes):
        return frame[: draw(st.integers(0, len(frame)))]
    if draw(st.booleans()):
        at, raw = draw(st.integers(0, len(frame))), frame.encode()
        changed = raw[:at] + draw(st.binary(max_size=4)) + raw[at + draw(st.integers(0, 3)) :]
        return changed if draw(st.booleans()) else changed.decode(errors="replace")
    wire = within = json.loads(frame)
    key = draw(st.sampled_from(sorted(wire)))
    while isinstance(within[key], dict) and within[key] and draw(st.integers(0, 3)):
        within = within[key]
        key = draw(st.sampled_from(sorted(within)))
    if draw(st.booleans()):
        del within[key]
    else:
        within[key] = draw(st.sampled_from(BAD_VALUES))
    return json.dumps(wire)


@st.composite
def story(draw: st.DrawFn, phone: Phone) -> list[tuple[str, Any]]:
    """Draw frames of both sides, valid and invalid, in any order."""
    carrier = from_the_carrier(phone)
    hostile = st.one_of(st.binary(max_size=40), st.text(max_size=40))
    frames = st.lists(
        st.one_of(
            st.tuples(st.just(CARRIER), st.sampled_from(carrier)),
            st.tuples(st.just(SERVER), st.sampled_from(FROM_THE_SERVER)),
            st.tuples(st.just(CARRIER), st.one_of(mutated(carrier), hostile)),
            st.tuples(st.just(SERVER), st.one_of(mutated(FROM_THE_SERVER), hostile)),
        ),
        max_size=40,
    )
    return draw(frames)


def take(bridge: Bridge, side: str, frame: Any) -> BridgeOutput | None:
    """Return the output of a frame, None if it raised DecodeError."""
    try:
        return getattr(bridge, side)(frame)  # type: ignore[no-any-return]
    except realtime.DecodeError:
        return None


def check(phone: Phone, step: BridgeOutput) -> None:
    """Check that every frame decodes on the side that it is sent to."""
    for frame in step.to_carrier:
        message = CARRIERS[phone.name].decode_command(frame)
        assert message.type in {
            "media",
            "mark",
            "clear",
            "playAudio",
            "checkpoint",
            "clearAudio",
            "notify",
            "audio",
        }
    for append in step.to_server:
        event = realtime.decode_client(append)
        assert event.type in {
            "input_audio_buffer.append",
            "conversation.item.truncate",
            "response.cancel",
            "conversation.item.delete",
        }


@pytest.mark.mostly_slow(quick=2)
@pytest.mark.parametrize("phone", PHONES, ids=PHONE_IDS)
@settings(max_examples=40)
@given(data=st.data(), format=st.sampled_from([None, PCM16, ULAW]))
def test_refused_frames_change_nothing(phone: Phone, data: st.DataObject, format: Any) -> None:
    """A bridge that was given invalid frames goes on like one that was not."""
    bridge, frames = Bridge(phone.name, format), data.draw(story(phone))
    steps = [take(bridge, side, frame) for side, frame in frames]
    clean = Bridge(phone.name, format)
    for (side, frame), step in zip(frames, steps, strict=True):
        if step is not None:
            check(phone, step)
            again = getattr(clean, side)(frame)
            assert (again.to_carrier, again.to_server) == (step.to_carrier, step.to_server)
            assert [type(event) for event in again.events] == [type(event) for event in step.events]
    assert clean.stats == bridge.stats
    last = bridge.end()
    check(phone, last)
    assert last == clean.end()


@pytest.mark.parametrize("name", CARRIERS)
@given(frame=st.one_of(st.binary(), st.text()))
def test_any_bytes_first(name: str, frame: Any) -> None:
    for side in (CARRIER, SERVER):
        take(Bridge(name), side, frame)
