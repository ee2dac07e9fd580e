"""AudioSocket: any split of the stream gives the same messages and the same error."""

from __future__ import annotations

import uuid
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime import AudioError, DecodeError, EncodeError
from realtime.telephony import (
    CallAudio,
    CallDigit,
    CallEnded,
    CallFault,
    CallStarted,
    MediaFormat,
    audiosocket as a,
)

ID = uuid.UUID("8d1f4e6a-2b7c-4d90-9e35-71c0af64b28d")
CASES: list[tuple[a.Message, bytes, Any]] = [
    (a.Uuid(ID), b"\x01\x00\x10" + ID.bytes, CallStarted(str(ID))),
    (a.Audio(b"\1\2\3\4"), b"\x10\x00\x04\1\2\3\4", CallAudio(b"\1\2\3\4")),
    (a.Dtmf("#"), b"\x03\x00\x01#", CallDigit("#")),
    (a.Error(b"\x03"), b"\xff\x00\x01\x03", CallFault("the caller hung up, a frame was not forwarded", "03")),
    (a.Error(), b"\xff\x00\x00", CallFault("an error without a known code")),
    (a.Error(b"\x01\x02"), b"\xff\x00\x02\x01\x02", CallFault("an error without a known code", "0102")),
    (a.UnknownMessage(0x42, b"xyz"), b"\x42\x00\x03xyz", None),
    (a.Hangup(), b"\x00\x00\x00", CallEnded()),
    *(
        (a.Audio(b"\1\2", rate), bytes([kind, 0, 2, 1, 2]), CallAudio(b"\1\2"))
        for kind, rate in a.SAMPLE_RATES.items()
    ),
]


@pytest.mark.parametrize(("message", "frame", "call"), CASES)
def test_every_kind_both_ways(message: a.Message, frame: bytes, call: Any) -> None:
    parser = a.Parser()
    assert parser.feed(frame) == [message]
    parser.close()
    assert a.encode(message) == frame
    assert message.as_call() == call


def test_every_kind_of_audio_has_its_rate() -> None:
    assert list(a.SAMPLE_RATES) == list(range(0x10, 0x19))
    assert a.Audio(b"", 16_000).format == MediaFormat("L16", 16_000)


def test_empty_audio_is_decoded_but_not_encoded() -> None:
    assert a.Parser().feed(b"\x10\x00\x00") == [a.Audio(b"")]
    with pytest.raises(AudioError, match="positive"):
        a.encode(a.Audio(b""))


def _outcome(pieces: list[bytes]) -> tuple[list[a.Message], str]:
    parser, messages = a.Parser(), []
    try:
        for piece in pieces:
            messages += parser.feed(piece)
        parser.close()
    except DecodeError as error:
        return messages, str(error)
    return messages, ""


_FRAMES = st.lists(
    st.sampled_from([frame for _, frame, _ in CASES] + [b"\x10\xff\xfe" + bytes(0xFFFE)])
    | st.sampled_from([b"\x01\x00\x01x", b"\x03\x00\x02ab", b"\x03\x00\x01\xff", b"\x10\x00\x01x", b"\x10\xff\xff"]),
    max_size=6,
).map(b"".join)  # fmt: skip


@given(_FRAMES | st.binary(max_size=60), st.data())
def test_any_split_of_the_stream_gives_the_same_messages(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    pieces = [stream[i:j] for i, j in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert _outcome(pieces) == _outcome([stream])


def test_one_byte_at_a_time() -> None:
    stream = b"".join(frame for _, frame, _ in CASES)
    assert _outcome([bytes([byte]) for byte in stream]) == ([message for message, _, _ in CASES], "")


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (b"\x01\x00\x0f" + bytes(15), "16 bytes"),
        (b"\x01\x00\x00", "16 bytes"),
        (b"\x03\x00\x00", "one ASCII character"),
        (b"\x03\x00\x02ab", "one ASCII character"),
        (b"\x03\x00\x01\xff", "one ASCII character"),
        (b"\x03\x00\x01\n", "one ASCII character"),
        (b"\x12\x00\x03abc", "16-bit"),
    ],
)
def test_an_error_is_raised_after_the_messages_before_it(frame: bytes, reason: str) -> None:
    parser = a.Parser()
    assert parser.feed(b"\x00\x00\x00" + frame + b"\x00\x00\x00") == [a.Hangup()]
    for _ in range(2):
        with pytest.raises(DecodeError, match=reason):
            parser.feed(b"\x00\x00\x00")
    with pytest.raises(DecodeError, match=reason):
        parser.close()


def test_a_stream_that_ends_within_a_frame() -> None:
    for stream in (b"\x10", b"\x10\xff\xff" + bytes(9)):
        parser = a.Parser()
        assert parser.feed(stream) == []
        with pytest.raises(DecodeError, match=f"{len(stream)} bytes into a frame"):
            parser.close()


def test_at_most_one_frame_is_buffered() -> None:
    parser = a.Parser()
    for _ in range(4):
        assert len(parser.feed(b"\x10\xff\xfe" + bytes(0xFFFE) + b"\x10\xff\xfe" + bytes(9))) == 1
        assert len(parser._buffer) <= a.HEADER_BYTES + a.MAX_PAYLOAD_BYTES
        assert len(parser.feed(bytes(0xFFFE - 9))) == 1
        assert not parser._buffer


def test_long_audio_is_encoded_as_several_frames() -> None:
    audio: Any = np.arange(100_000, dtype="<i2")
    stream = a.encode_audio(audio, 24_000)
    messages = a.Parser().feed(memoryview(stream))
    assert b"".join(m.audio for m in messages if isinstance(m, a.Audio)) == audio.tobytes()
    assert {m.sample_rate for m in messages if isinstance(m, a.Audio)} == {24_000}
    assert len(messages) == 4


@pytest.mark.parametrize(
    ("message", "error"),
    [
        (a.Audio(b"\1"), AudioError),
        (a.Audio(b"\1\2", 11_025), EncodeError),
        (a.Dtmf(""), EncodeError),
        (a.Dtmf("12"), EncodeError),
        (a.Dtmf("ü"), EncodeError),
        (a.Dtmf("\n"), EncodeError),
        (a.Error(bytes(0x10000)), EncodeError),
        (a.UnknownMessage(256, b""), EncodeError),
        (a.UnknownMessage(-1, b""), EncodeError),
        (None, TypeError),
        (b"", TypeError),
    ],
)
def test_invalid_messages_are_not_encoded(message: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        a.encode(message)


def test_a_wrong_kind_of_data_is_a_type_error() -> None:
    for invalid in (None, "text", 5):
        with pytest.raises(TypeError):
            a.Parser().feed(invalid)  # type: ignore[arg-type]
