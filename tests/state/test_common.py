"""Every object refuses raw frames in feed(), and can be copied and pickled."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

import realtime
from realtime import state
from realtime.state import Conversation, FunctionCalls, Playback, Usage
from tests import cases

FRAME = b'{"type":"input_audio_buffer.cleared","event_id":"e"}'


@pytest.mark.parametrize("kind", [Conversation, FunctionCalls, Playback, Usage])
@pytest.mark.parametrize("spell", [bytes, bytes.decode, bytearray, memoryview, json.loads])
def test_a_raw_frame_is_a_type_error(kind: type, spell: Callable[[bytes], object]) -> None:
    feed = kind().feed
    for _ in range(2):  # the handler of a class is cached: a frame must not be
        with pytest.raises(TypeError, match="decode the frame with decode_server"):
            feed(spell(FRAME))
    assert not feed(realtime.decode_server(FRAME))
    assert not feed(realtime.decode_server('{"type":"x.y"}'))


@pytest.mark.parametrize("kind", [Conversation, FunctionCalls, Playback, Usage])
def test_objects_that_are_no_events_are_ignored(kind: type) -> None:
    feed = kind().feed
    for nothing in (None, object(), realtime.AudioConfig()):
        assert not feed(nothing)
        for frame in cases.frames("ga", "server"):  # the handler of a class is that of no other
            event = realtime.decode_server(frame)
            expected = kind().feed(event)
            assert not feed(nothing)
            assert bool(kind().feed(event)) is bool(expected)


def test_dir_shows_the_public_names() -> None:
    assert dir(state) == sorted(state.__all__)
    assert all(hasattr(state, name) for name in state.__all__)


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])
@pytest.mark.parametrize("kind", [Conversation, FunctionCalls, Playback, Usage])
def test_objects_can_be_copied_and_pickled(kind: type[Any], clone: Callable[[Any], Any]) -> None:
    """Gateways hand calls over between processes."""
    original = kind()
    created = realtime.decode_server(
        '{"type":"response.created","response":{"id":"r","status":"in_progress","output":[]}}'
    )
    original.feed(created)
    cloned = clone(original)
    cloned.feed(created)
    assert type(cloned) is kind
