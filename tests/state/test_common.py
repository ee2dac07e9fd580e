"""A frame that is fed in the place of its event is told, not passed over."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

import realtime
from realtime.state import Conversation, FunctionCalls, Playback, Usage

FRAME = b'{"type":"input_audio_buffer.cleared","event_id":"e"}'


@pytest.mark.parametrize("taker", [Conversation, FunctionCalls, Playback, Usage])
@pytest.mark.parametrize("made", [bytes, bytes.decode, bytearray, memoryview, json.loads])
def test_a_frame_is_no_event(taker: type, made: Callable[[bytes], object]) -> None:
    feed = taker().feed
    for _ in range(2):  # what is known of a type after the first time is no other
        with pytest.raises(TypeError, match="decode_server makes one of a frame"):
            feed(made(FRAME))
    assert not feed(realtime.decode_server(FRAME))
    assert not feed(realtime.decode_server('{"type":"x.y"}'))
