"""Vonage: binary frames, and headers of any name."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest

from realtime import AudioError, DecodeError, EncodeError
from realtime.telephony import CARRIERS, CallAudio, vonage

PCM = bytes(range(256)) * 2 + bytes(128)


def test_binary_frames_are_audio() -> None:
    for container in (PCM, bytearray(PCM), memoryview(PCM)):
        message = vonage.decode(container)
        assert message == vonage.Audio(PCM)
        assert message == vonage.decode_command(container)
        assert (message.type, message.sequence, message.as_call()) == ("audio", None, CallAudio(PCM))
        assert vonage.encode(message) == PCM


def test_audio_that_looks_like_json_is_audio() -> None:
    assert vonage.decode(b'{"event":"websocket:cleared"}\n') == vonage.Audio(
        b'{"event":"websocket:cleared"}\n'
    )


def test_half_a_sample_is_refused() -> None:
    with pytest.raises(DecodeError, match="16-bit"):
        vonage.decode(b"\0\1\2")
    for audio in (b"\0\1\2", "AAEC"):
        with pytest.raises(AudioError, match="16-bit"):
            vonage.encode_media(audio)
    with pytest.raises(AudioError, match="16-bit"):
        vonage.encode(vonage.Audio(b"\0"))


def test_audio_of_any_buffer_and_base64_is_a_binary_frame() -> None:
    samples: Any = np.frombuffer(PCM, "<i2")
    assert vonage.encode_media(samples) == PCM
    assert vonage.encode_media(memoryview(PCM)) == PCM
    assert vonage.encode_media(base64.b64encode(PCM).decode()) == PCM
    with pytest.raises(EncodeError, match="base64"):
        vonage.encode_media("*")
    with pytest.raises(TypeError):
        vonage.encode_media(5)  # type: ignore[arg-type]


def test_binary_frames_contain_no_base64() -> None:
    assert CARRIERS["vonage"].cut_media(PCM) is None
    assert CARRIERS["vonage"].cut_media('{"event":"websocket:cleared"}') is None


def test_headers_may_have_any_name() -> None:
    headers: dict[str, Any] = {"headers": {"a": 1}, "type": None, "event ": "x", "": [], "content_type": "y"}
    message = vonage.WebsocketConnected("audio/l16;rate=8000", headers)
    frame = vonage.encode(message).decode()
    assert vonage.decode(frame) == message
    assert json.loads(frame)["headers"] == {"a": 1}


def test_headers_cannot_replace_the_event() -> None:
    message = vonage.WebsocketConnected("audio/l16;rate=8000", {"event": "stop", "content-type": "x", "a": 1})
    assert vonage.decode(vonage.encode(message).decode()) == vonage.WebsocketConnected(
        "audio/l16;rate=8000", {"a": 1}
    )


@pytest.mark.parametrize(
    ("frame", "path"),
    [
        ('{"event":"websocket:connected"}', "$.content-type"),
        ('{"event":"websocket:connected","content-type":5}', "$.content-type"),
        ('{"event":"websocket:connected","content-type":null}', "$.content-type"),
        ('{"event":"websocket:connected","content-type":"a","x":"\\ud800"}', "$"),
        (f'{{"event":"websocket:connected","content-type":"a","x":{"9" * 5000}}}', "$"),
    ],
)
def test_connected_without_a_content_type_is_refused(frame: str, path: str) -> None:
    with pytest.raises(DecodeError) as caught:
        vonage.decode(frame)
    assert caught.value.path == path


@pytest.mark.parametrize("payload", [None, 5, "m", [], {}, {"name": 5}])
def test_other_notifications_are_not_marks(payload: object) -> None:
    message = vonage.decode(json.dumps({"event": "websocket:notify", "payload": payload}))
    assert message == vonage.WebsocketNotify(payload)
    assert message.as_call() is None
