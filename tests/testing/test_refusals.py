"""Refusals: a bad client event gives an `error` that refers to it, and the session continues."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

import realtime as r
from realtime.testing import Call, Fail, Say, ServerProtocol, refusals
from realtime.testing.script import Script
from tests.testing.helpers import RESPOND, append, exchange, open_session, refusal, tone, types

PCM16 = r.AudioFormat.PCM16
BAD = {
    "not JSON": (b"hello", "invalid_json", None, None),
    "an empty frame": (b"", "invalid_json", None, None),
    "not UTF-8": (b"\xff\xfe", "invalid_json", None, None),
    "not an object": (b"[1]", "invalid_json", None, None),
    "too deep": (b'{"event_id":"e","x":' + b"[" * 100_000, "invalid_json", None, None),
    "no type": (b'{"event_id":"e"}', "invalid_event", "type", "e"),
    "a number for a type": (b'{"event_id":"e","type":7}', "invalid_value", "type", "e"),
    "an unknown type": (b'{"event_id":"e","type":"sing"}', "invalid_value", "type", "e"),
    "a server's event": (b'{"event_id":"e","type":"response.done","response":{}}', "invalid_value", "type", "e"),
    "a missing field": (
        b'{"event_id":"e","type":"input_audio_buffer.append"}', "missing_required_parameter", "audio", "e",
    ),
    "a missing field inside": (
        b'{"event_id":"e","type":"conversation.item.create","item":{"type":"message"}}',
        "missing_required_parameter", "item.role", "e",
    ),
    "bad base64": (b'{"event_id":"e","type":"input_audio_buffer.append","audio":"!"}', "invalid_value", "audio", "e"),
    "a wrong kind": (
        b'{"type":"conversation.item.delete","item_id":[],"event_id":"e"}', "invalid_type", "item_id", "e",
    ),
    "an event_id that is an object": (b'{"event_id":{},"type":"response.create"}', "invalid_type", "event_id", None),
    "a long event_id": (
        b'{"event_id":"%b","type":"response.create"}' % (b"e" * 513), "string_above_max_length", "event_id", "e" * 513,
    ),
    "an event for WebRTC": (b'{"event_id":"e","type":"output_audio_buffer.clear"}', "invalid_value", "type", "e"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("as_text", [False, True])
def test_a_bad_event_gives_an_error_that_refers_to_it(name: str, as_text: bool) -> None:
    frame, code, param, event_id = BAD[name]
    session = open_session()
    if as_text:
        error = refusal(session.feed(frame.decode("utf-8", "replace")))
    else:
        error = refusal(session.feed(frame))
    assert (error.code, error.param, error.event_id) == (code, param, event_id)
    assert types(exchange(session, r.InputAudioBufferClear())) == ["input_audio_buffer.cleared"]


RULES = {name: rule for name, rule in vars(refusals).items() if isinstance(rule, refusals.Rule)}
SOURCES = "".join(
    path.read_text(encoding="utf-8") for path in Path(refusals.__file__).parent.glob("*.py")
).replace("refusals.", "")


@pytest.mark.parametrize("name", RULES)
def test_every_rule_is_raised_and_fills_its_placeholders(name: str) -> None:
    numbers = dict.fromkeys(["nbytes", "min_ms", "buffer_ms", "audio_ms", "audio_end_ms", "limit"], 7)
    texts = dict.fromkeys(
        ["param", "reason", "current", "action", "response_id", "combinations", "expected", "got"], "text"
    )
    refused = RULES[name](value="x" * 1000, supported=["one", "two"], **numbers, **texts)
    for text in (refused.code, refused.message, refused.param or ""):
        assert not {"{", "}"} & {*text}
        assert len(text) < 250
    assert len(re.findall(rf"\b{name}\(", SOURCES)) >= 1


def test_errors_are_short() -> None:
    frame = b'{"type":"%b"}' % (b"x" * 1_000_000)
    assert len(refusal(open_session().feed(frame)).message) < 1000


def test_an_append_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    too_large, allowed = (r.encode_append(bytes(nbytes)) for nbytes in (1002, 1000))
    monkeypatch.setattr("realtime.spec.MAX_APPEND_BYTES", 1000)
    session = open_session()
    error = refusal(session.feed(too_large))
    assert (error.param, "15 MiB" in error.message) == ("audio", True)
    assert session.feed(allowed) == []


def test_the_buffer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.testing.vad.MAX_BUFFER_MS", 1000)
    session = open_session(append(tone(PCM16, 900)))
    assert refusal(exchange(session, append(tone(PCM16, 200)))).param == "audio"
    assert refusal(session.feed(r.encode_append(b"\0" * (r.spec.MAX_APPEND_BYTES - 1)))).param == "audio"


# --- Random input --------------------------------------------------------------------

IDS = st.one_of(
    st.sampled_from(["a", "b", "root", "", "resp_00000009"]),
    # Ids that a session generates.
    st.builds("item_{:08}".format, st.integers(1, 6)),
)
MS = st.integers(-1, 3000)
AUDIO = st.sampled_from([b"", b"\0", tone(PCM16, 20), tone(PCM16, 500), PCM16.silence(700)])
PARTS = st.one_of(
    st.builds(r.InputText, text=st.text(max_size=20)),
    st.builds(r.InputAudio, audio=AUDIO),
    st.builds(r.OutputAudio, audio=AUDIO, transcript=st.text(max_size=5)),
)
ITEMS = st.one_of(
    st.builds(
        r.MessageItem,
        id=IDS,
        role=st.sampled_from(["user", "assistant"]),
        content=st.lists(PARTS, max_size=2),
    ),
    st.builds(r.FunctionCallOutputItem, call_id=IDS, output=st.text(max_size=5)),
    st.builds(r.FunctionCallItem, name=IDS, arguments=st.text(max_size=5)),
)
VADS = st.one_of(
    st.none(),
    st.just(msgspec.UNSET),
    st.builds(r.ServerVad, threshold=st.floats(-0.5, 1.5), prefix_padding_ms=MS, silence_duration_ms=MS),
    st.builds(r.ServerVad, prefix_padding_ms=st.sampled_from([10**9, 2**62]), silence_duration_ms=st.just(0)),
    st.builds(r.SemanticVad, create_response=st.booleans()),
)
FORMATS = st.sampled_from(
    [None, msgspec.UNSET, r.PcmuFormat(), r.PcmaFormat(), r.PcmFormat(rate=24000), r.PcmFormat()]
)
OUTPUTS = st.one_of(st.none(), st.builds(r.AudioOutput, format=FORMATS, voice=st.sampled_from(["ash", None])))
SESSIONS = st.builds(
    r.RealtimeSession,
    output_modalities=st.sampled_from([["audio"], ["text"], [], None]),
    max_output_tokens=st.sampled_from([None, "inf", 1, 4096]),
    audio=st.one_of(
        st.none(),
        st.builds(
            r.AudioConfig,
            input=st.one_of(
                st.none(),
                st.builds(
                    r.AudioInput,
                    format=FORMATS,
                    turn_detection=VADS,
                    transcription=st.sampled_from([None, r.Transcription()]),
                ),
            ),
            output=OUTPUTS,
        ),
    ),
)
PARAMS = st.builds(
    r.ResponseParams,
    conversation=st.sampled_from(["auto", "none"]),
    input=st.one_of(st.none(), st.lists(st.one_of(ITEMS, st.builds(r.ItemReference, id=IDS)), max_size=2)),
    output_modalities=st.sampled_from([["audio"], ["text"], [], None]),
    max_output_tokens=st.sampled_from([None, "inf", "many", 0, -5, 1]),
    audio=st.one_of(st.none(), st.builds(r.ResponseAudio, output=OUTPUTS)),
)
EVENTS = st.one_of(
    st.builds(r.SessionUpdate, session=SESSIONS),
    st.builds(append, AUDIO),
    st.just(r.InputAudioBufferCommit()),
    st.just(r.InputAudioBufferClear()),
    st.builds(r.ConversationItemCreate, item=ITEMS, previous_item_id=st.one_of(st.just(""), IDS)),
    st.builds(r.ConversationItemRetrieve, item_id=IDS),
    st.builds(r.ConversationItemDelete, item_id=IDS),
    st.builds(r.ConversationItemTruncate, item_id=IDS, content_index=st.integers(-1, 2), audio_end_ms=MS),
    st.just(RESPOND),
    st.builds(r.ResponseCreate, response=st.one_of(st.none(), PARAMS)),
    st.builds(r.ResponseCancel, response_id=st.one_of(st.none(), IDS)),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


SCRIPTS = st.one_of(
    st.none(),
    st.lists(
        st.lists(
            st.sampled_from(["one two", "", Say("x", b"\xff" * 80, "pcmu"), Call("f"), Fail()]), max_size=3
        ),
        min_size=1,
        max_size=4,
    ),
)


@given(events=st.lists(EVENTS, max_size=12), paced=st.booleans(), script=SCRIPTS, strict=st.booleans())
def test_no_sequence_of_events_breaks_a_session(
    events: list[r.ClientEvent], paced: bool, script: Script | None, strict: bool
) -> None:
    session = ServerProtocol(paced=paced, script=script, strict=strict)
    for event in events:
        for reply in session.feed(r.encode(event)) + session.advance():
            assert not isinstance(r.decode_server(r.encode(reply)), r.UnknownEvent)
    while session.is_responding:
        assert session.advance()
    assert types(session.feed(b'{"type":"input_audio_buffer.clear"}')) == ["input_audio_buffer.cleared"]


@settings(deadline=None)
@given(
    kind=st.sampled_from([event.__struct_config__.tag for event in r.codec.event_classes(r.ClientEvent)]),
    fields=st.dictionaries(
        st.sampled_from(["event_id", "session", "item", "item_id", "audio", "response", "content_index"]),
        JSON,
    ),
)
def test_no_members_of_an_event_break_a_session(kind: str, fields: dict[str, object]) -> None:
    session = ServerProtocol()
    for reply in session.feed(msgspec.json.encode({**fields, "type": kind})):
        r.encode(reply)
    assert types(session.feed(b'{"type":"input_audio_buffer.clear"}')) == ["input_audio_buffer.cleared"]


@given(frame=st.one_of(st.binary(max_size=50), st.text(max_size=50)))
def test_no_bytes_break_a_session(frame: bytes | str) -> None:
    assert types(ServerProtocol().feed(frame)) == ["error"]
