"""The short cut for long audio gives what the plain decoder gives, or steps aside."""

from __future__ import annotations

import base64
from typing import Any
from unittest.mock import Mock

import pybase64
import pytest
from hypothesis import given, settings, strategies as st

import realtime
from realtime import beta, live, read, translation
from tests import cases

AUDIO = bytes(range(256)) * 20
B64 = base64.b64encode(AUDIO).decode()
MODULES = (realtime, beta, translation, live)
DELTA_TYPES = [
    "response.output_audio.delta", "response.audio.delta", "session.output_audio.delta",
    "input_audio_buffer.append", "session.input_audio_buffer.append", "session.input_audio.append",
    "session.output_audio.fixture.play", "response.output_text.delta", "zap", "error",
]  # fmt: skip


def _outcome(decode: Any, frame: Any) -> Any:
    try:
        event = decode(frame)
    except realtime.DecodeError as error:
        return str(error), error.path
    return type(event), event


@pytest.fixture(scope="module")
def both_ways() -> Any:
    """(always by the short cut where it can, never by it) for every dialect and side."""
    pairs = []
    for least in (0, 1 << 60):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(read, "LEAST_BYTES", least)
            codecs = [module.Codec(max_depth=30) for module in MODULES]
        pairs.append([decode for c in codecs for decode in (c.decode_server, c.decode_client)])
    return list(zip(*pairs, strict=True))


def _assert_alike(both_ways: Any, frame: Any) -> None:
    for short_cut, plain in both_ways:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(read, "LEAST_BYTES", 0)
            taken = _outcome(short_cut, frame)
            patch.setattr(read, "LEAST_BYTES", 1 << 60)
            assert taken == _outcome(plain, frame)


# A value for the audio's key, as JSON: right, wrong, escaped, of another kind.
_VALUES = st.sampled_from([
    f'"{B64}"', '""', '"AAAA"', '"AA=="', '"AA="', '"A*AA"', '"AAAA\\/AAA"', '"AAAA\\u0041AAA"', '"AA AA"',
    '"AAAA\\""', "null", "5", '["AAAA"]', '{"delta":"AAAA"}', '"AAAA', '"\xff"', '"é"', '"=AAA"', '"AB=="',
])  # fmt: skip
_KEYS = st.sampled_from(
    ['"delta"', '"audio"', '"d\\u0065lta"', '"x"', '"item_id"', '"delta" ', '"Delta"', '"event_id"', '"type"']
)
_COLONS = st.sampled_from([":", ": ", " :", ":\n", ":  ", "::"])
_MEMBERS = st.lists(st.tuples(_KEYS, _COLONS, _VALUES).map("".join), max_size=3)
_EXTRAS = st.lists(
    st.sampled_from([
        '"x":{"delta":"AAAA"}', '"x":[{"audio":"AAAA"}]', '"x":"\\"delta\\":\\"AAAA\\""', '"x":"delta"', '"x":"{["',
        '"event_id":"e"', '"event_id":null', '"x":[]', '"output_index":0.0', '"x":' + "[" * 40, '"":""', "",
    ]),
    max_size=3,
)  # fmt: skip
_NEEDED = ['"response_id":"r"', '"item_id":"i"', '"output_index":0', '"content_index":0']


@st.composite
def _frames(draw: st.DrawFn) -> str:
    kind = draw(st.sampled_from(DELTA_TYPES))
    main = draw(st.sampled_from(['"delta":', '"audio":', '"delta": ', '"audio" :'])) + draw(_VALUES)
    members = [f'"type":"{kind}"', *_NEEDED, main, *draw(_MEMBERS), *draw(_EXTRAS)]
    if draw(st.booleans()):
        members = draw(st.permutations(members))
    head, tail = draw(
        st.sampled_from([("{", "}"), (" {", "} "), ("{", "}}"), ("[{", "}]"), ("{", ""), ("", "}")])
    )
    return head + draw(st.sampled_from([",", ", ", ",,"])).join(members) + tail


@settings(max_examples=1500)
@given(_frames())
def test_the_short_cut_gives_what_the_plain_decoder_gives(both_ways: Any, frame: str) -> None:
    _assert_alike(both_ways, frame)
    _assert_alike(both_ways, frame.encode())


def test_every_case_of_every_dialect_reads_alike(both_ways: Any) -> None:
    for _, _, frame in cases.ALL:
        _assert_alike(both_ways, frame)


@pytest.mark.parametrize("template", [
    '{"type":"response.output_audio.delta","response_id":"r","item_id":"i","output_index":0,"content_index":0,"delta":"%s"}',
    '{"delta": "%s", "type": "response.output_audio.delta", "response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}',
    '{"type":"response.output_audio.delta","delta":"%s","response_id":"r","item_id":"i","output_index":0,"content_index":0,"obfuscation":"x"}',
])  # fmt: skip
def test_long_audio_takes_the_short_cut(template: str, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = template % B64
    assert len(frame) > read.LEAST_BYTES
    short_cut = Mock(wraps=pybase64.b64decode)
    monkeypatch.setattr(pybase64, "b64decode", short_cut)
    codec = realtime.Codec()
    for container in (frame, frame.encode(), bytearray(frame.encode()), memoryview(frame.encode())):
        event = codec.decode_server(container)
        assert isinstance(event, realtime.ResponseOutputAudioDelta)
        assert event.delta == AUDIO
    assert short_cut.call_count == 4


@pytest.mark.parametrize(
    "members",
    [
        f'"x":{{"delta":"{B64}"}},"delta":""',  # the audio is empty; what is found is nested
        f'"delta":"{B64}","delta":""',  # the last of two counts
        f'"audio":"{B64}","delta":""',  # another field's audio
        f'"delta":"{B64}","d\\u0065lta":""',
        f'"d\\u0065lta":"","delta":"{B64}"',
        f'"delta" :"","delta":"{B64}"',
    ],
)
def test_audio_that_is_not_the_events_steps_aside(members: str) -> None:
    frame = ",".join(['{"type":"response.output_audio.delta"', *_NEEDED, members]) + "}"
    event = realtime.decode_server(frame)
    assert isinstance(event, realtime.ResponseOutputAudioDelta)
    assert event.delta == (AUDIO if members.endswith(f'{B64}"') else b"")
