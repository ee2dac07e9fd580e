"""The beta dialect in front of a session; OpenAI's own beta client and models judge what is told."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, settings as hypothesis_settings, strategies as st

import realtime as r
from realtime import beta as b
from realtime.testing import Call, Fail, LoopbackServer, ServerProtocol
from tests.testing.helpers import PCM16, tone

# The whole turn of a client that commits by hand, as beta's server tells it.
TURN = [
    "input_audio_buffer.committed",
    "conversation.item.created",
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.created",
    "response.content_part.added",
    "response.audio_transcript.delta",
    "response.audio.delta",
    "response.audio.done",
    "response.audio_transcript.done",
    "response.content_part.done",
    "response.output_item.done",
    "response.done",
]


def opened(*events: b.ClientEvent, **inner: Any) -> ServerProtocol:
    """A session that has been told `events`, none of which is refused."""
    session = ServerProtocol(dialect="beta", **inner)
    session.open()
    assert "error" not in types(tell(session, *events))
    return session


def heard(session: ServerProtocol, events: list[b.ServerEvent]) -> list[Any]:
    """`events` as they come off the wire."""
    return [b.decode_server(session.encode(event)) for event in events]


def tell(session: ServerProtocol, *events: b.ClientEvent) -> list[Any]:
    return [told for event in events for told in heard(session, session.feed(b.encode(event)))]


def say(loopback: ServerProtocol, /, **event: Any) -> list[Any]:
    """What the session says to an event that no class of ours would make."""
    return heard(loopback, loopback.feed(json.dumps(event)))


def update(**session: Any) -> b.SessionUpdate:
    return b.SessionUpdate(session=b.RealtimeSessionConfig(**session))


def types(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def runs(events: list[Any]) -> list[str]:
    """The types in order, each run of deltas once."""
    names = types(events)
    return [name for i, name in enumerate(names) if not (name.endswith("delta") and names[i - 1] == name)]


def refusal(events: list[Any]) -> r.ErrorDetail:
    (event,) = events
    assert isinstance(event, b.Error)
    assert event.event_id
    assert event.error.type == "invalid_request_error"
    # Never in GA's words.
    for word in ("session.audio", "response.audio", "output_modalities", "session.max_output_tokens"):
        assert word not in f"{event.error.param} {event.error.message}"
    return event.error


BY_HAND = update(turn_detection=None)
SPEECH = tone(PCM16, 300)
SPOKEN = (b.InputAudioBufferAppend(audio=SPEECH), b.InputAudioBufferCommit())


# --- The session ---------------------------------------------------------------------


def test_first_come_the_session_and_its_conversation() -> None:
    session = ServerProtocol(dialect="beta", model="some-model", session_id="sess_1", expires_at=99)
    created, conversation = (json.loads(session.encode(event)) for event in session.open())
    assert created["type"] == "session.created"
    assert created["session"] == {
        "id": "sess_1",
        "object": "realtime.session",
        "model": "some-model",
        "expires_at": 99,
        "modalities": ["audio", "text"],
        "instructions": "",
        "voice": r.spec.DEFAULT_VOICE,
        "input_audio_format": "pcm16",
        "output_audio_format": "pcm16",
        "input_audio_transcription": None,
        "input_audio_noise_reduction": None,
        "turn_detection": {
            "type": "server_vad",
            "threshold": 0.5,
            "prefix_padding_ms": 300,
            "silence_duration_ms": 500,
            "create_response": True,
            "interrupt_response": True,
        },
        "tools": [],
        "tool_choice": "auto",
        "temperature": 0.8,
        "max_response_output_tokens": "inf",
        "speed": 1.0,
        "tracing": None,
    }
    assert conversation["type"] == "conversation.created"
    assert conversation["conversation"]["object"] == "realtime.conversation"
    assert created["event_id"] != conversation["event_id"]


TOOL = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}
SETTINGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "temperature": ({"temperature": 1.1}, {"temperature": 1.1, "voice": r.spec.DEFAULT_VOICE}),
    "the limit of tokens": ({"max_response_output_tokens": 77}, {"max_response_output_tokens": 77}),
    "text alone": ({"modalities": ["text"]}, {"modalities": ["text"]}),
    "either order": ({"modalities": ["text", "audio"]}, {"modalities": ["audio", "text"]}),
    "formats": (
        {"input_audio_format": "g711_ulaw", "output_audio_format": "g711_alaw"},
        {"input_audio_format": "g711_ulaw", "output_audio_format": "g711_alaw"},
    ),
    "a voice": ({"voice": "ash"}, {"voice": "ash"}),
    "a voice that GA refuses": ({"voice": "nova"}, {"voice": "nova"}),
    "nobody finds the turns": ({"turn_detection": None}, {"turn_detection": None}),
    "nobody, as the seed says it": ({"turn_detection": {"type": "none"}}, {"turn_detection": None}),
    "a tool": ({"tools": [TOOL]}, {"tools": [TOOL]}),
    "a tool, as the seed nests it": (
        {"tools": [{"type": "function", "function": {k: v for k, v in TOOL.items() if k != "type"}}]},
        {"tools": [TOOL]},
    ),
    "transcription": (
        {"input_audio_transcription": {"model": "whisper-1"}},
        {"input_audio_transcription": {"model": "whisper-1"}},
    ),
    "noise reduction": (
        {"input_audio_noise_reduction": {"type": "near_field"}},
        {"input_audio_noise_reduction": {"type": "near_field"}},
    ),
    "a client secret, of which there is none": (
        {"client_secret": {"expires_after": {"anchor": "created_at", "seconds": 60}}, "speed": 1.5},
        {"speed": 1.5},
    ),
}


def told_settings(session: ServerProtocol, **change: Any) -> dict[str, Any]:
    (updated,) = session.feed(json.dumps({"type": "session.update", "session": change}))
    frame = json.loads(session.encode(updated))
    assert frame["type"] == "session.updated"
    assert "client_secret" not in frame["session"]
    return frame["session"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_told_back(name: str) -> None:
    change, expected = SETTINGS[name]
    session = opened()
    told = told_settings(session, **change)
    assert {key: told[key] for key in expected} == expected
    assert told_settings(session) == told


def test_absent_keeps_and_null_clears_what_is_betas_own() -> None:
    session = opened(update(temperature=1.0))
    assert told_settings(session, voice="ash")["temperature"] == 1.0
    assert told_settings(session, temperature=None)["temperature"] == 0.8


def test_what_the_seeds_builder_makes_is_accepted() -> None:
    config = b.create_session_config("gpt-4o-realtime-preview", "fable", "Be brief.")
    told = told_settings(opened(), **json.loads(b.encode(b.SessionUpdate(session=config)))["session"])
    assert (told["voice"], told["instructions"]) == ("fable", "Be brief.")


# --- Turns and responses -------------------------------------------------------------


def test_a_turn_by_hand() -> None:
    told = tell(opened(BY_HAND), *SPOKEN, b.ResponseCreate())
    assert runs(told) == TURN
    assert b"".join(e.delta for e in told if isinstance(e, b.ResponseAudioDelta)) == SPEECH
    words = "".join(e.delta for e in told if isinstance(e, b.ResponseAudioTranscriptDelta))
    added, begun = (e for e in told if isinstance(e, b.ConversationItemCreated))
    assert added.item.content == [b.InputAudio(transcript=None)]
    assert begun.previous_item_id == added.item.id
    done = told[-1].response
    assert done.output[0].content == [b.Audio(transcript=words)]
    assert done.modalities == ["audio", "text"]
    assert (done.voice, done.output_audio_format) == (r.spec.DEFAULT_VOICE, "pcm16")


def test_a_turn_that_the_server_finds_is_answered_as_text() -> None:
    session = opened(update(modalities=["text"], turn_detection=b.TurnDetectionConfig(type="server_vad")))
    told = tell(session, b.InputAudioBufferAppend(audio=SPEECH + PCM16.silence(600)))
    assert types(told)[:3] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    done = told[-1].response
    text = "".join(e.delta for e in told if isinstance(e, b.ResponseTextDelta))
    assert text
    assert done.output[0].content == [b.Text(text=text)]
    assert done.modalities == ["text"]
    assert done.temperature == 0.8


def test_event_ids_count() -> None:
    session = ServerProtocol(dialect="beta")
    told = [*session.open(), *tell(session, BY_HAND, *SPOKEN, b.ResponseCreate())]
    told += [*session.feed("no JSON"), *tell(session, b.InputAudioBufferClear())]
    assert [event.event_id for event in told] == [f"event_{i:08}" for i in range(1, len(told) + 1)]


def test_a_paced_answer_is_interrupted() -> None:
    session = opened(BY_HAND, paced=True, ptime_ms=100)
    tell(session, *SPOKEN, b.ResponseCreate(response=b.RealtimeResponse(temperature=0.6)))
    assert session.is_responding
    assert types(heard(session, session.advance())) == ["response.audio.delta"]
    (*_, done) = tell(session, b.ResponseCancel())
    assert done.response.status == "cancelled"
    assert done.response.temperature == 0.6
    assert not session.is_responding
    assert session.advance() == []


def test_a_responses_temperature_is_its_own() -> None:
    session = opened(BY_HAND, update(temperature=1.2))
    own = tell(session, *SPOKEN, b.ResponseCreate(response=b.RealtimeResponse(temperature=0.7, voice="onyx")))
    usual = tell(session, b.ResponseCreate(response=b.RealtimeResponse(temperature=None)))
    for told, temperature, voice in ((own, 0.7, "onyx"), (usual, 1.2, r.spec.DEFAULT_VOICE)):
        ends = [e.response for e in told if isinstance(e, b.ResponseCreated | b.ResponseDone)]
        assert [response.temperature for response in ends] == [temperature] * 2
        assert [response.voice for response in ends] == [voice] * 2


def test_the_limit_of_tokens_by_both_its_names() -> None:
    session = opened(BY_HAND, *SPOKEN)
    for name in ("max_response_output_tokens", "max_output_tokens"):
        (*_, done) = say(session, type="response.create", response={name: 2})
        assert done.response.status == "incomplete"
        assert done.response.max_output_tokens == 2


def test_calls_and_failures_of_a_script() -> None:
    session = opened(BY_HAND, script=[Call("f", {"x": 1}), Fail(code="c", message="m")])
    call = tell(session, *SPOKEN, b.ResponseCreate())
    assert "response.function_call_arguments.done" in types(call)
    (item,) = call[-1].response.output
    assert (item.type, item.name, json.loads(item.arguments)) == ("function_call", "f", {"x": 1})
    (*_, failed) = tell(session, b.ResponseCreate())
    assert failed.response.status == "failed"


def test_items_are_created_retrieved_and_deleted() -> None:
    session = opened()
    item = b.ConversationItem(
        type="message", id="item_1", role="assistant", content=[b.Text(text="Good day.")]
    )
    (created,) = tell(session, b.ConversationItemCreate(item=item))
    assert created.item.content == [b.Text(text="Good day.")]
    (retrieved,) = tell(session, b.ConversationItemRetrieve(item_id="item_1"))
    assert retrieved.item == created.item
    assert types(tell(session, b.ConversationItemDelete(item_id="item_1"))) == ["conversation.item.deleted"]


# --- Transcription sessions ----------------------------------------------------------


def test_a_transcription_session() -> None:
    session = ServerProtocol(dialect="beta", session_type="transcription")
    (created,) = heard(session, session.open())
    assert isinstance(created, b.TranscriptionSessionCreated)
    assert created.session.modalities == ["audio", "text"]
    (updated,) = say(
        session,
        type="transcription_session.update",
        session={
            "input_audio_format": "g711_ulaw",
            "input_audio_transcription": {"model": "whisper-1", "language": "en"},
            "modalities": ["text"],
            "turn_detection": None,
        },
    )
    assert isinstance(updated, b.TranscriptionSessionUpdated)
    assert updated.session.input_audio_format == "g711_ulaw"
    assert updated.session.input_audio_transcription == b.TranscriptionConfig(
        model="whisper-1", language="en"
    )
    assert updated.session.modalities == ["text"]
    told = tell(session, b.InputAudioBufferAppend(audio=bytes(1600)), b.InputAudioBufferCommit())
    assert types(told)[0] == "input_audio_buffer.committed"
    assert types(told)[-1] == "conversation.item.input_audio_transcription.completed"


def test_a_session_stays_of_its_kind() -> None:
    transcription = b.TranscriptionSessionUpdate(session=b.TranscriptionSessionConfig(modalities=["text"]))
    assert refusal(tell(opened(), transcription)).param == "type"
    session = opened(session_type="transcription")
    assert refusal(tell(session, update(temperature=1.0))).param == "type"
    (updated,) = say(session, type="transcription_session.update", session={})
    assert updated.session.modalities == ["audio", "text"]


# --- Refusals ------------------------------------------------------------------------

MISSING = "missing_required_parameter"
REFUSED: dict[str, tuple[str, str, str | None]] = {
    "no JSON": ("hello", "invalid_json", None),
    "no type": ('{"event_id":"e"}', "invalid_event", "type"),
    "an unknown type": ('{"event_id":"e","type":"sing"}', "invalid_value", "type"),
    "GA's own type": ('{"event_id":"e","type":"conversation.item.done","item":{}}', "invalid_value", "type"),
    "bad base64": ('{"event_id":"e","type":"input_audio_buffer.append","audio":"!"}', "invalid_value", "audio"),
    "half a sample": ('{"event_id":"e","type":"input_audio_buffer.append","audio":"AAAA"}', "invalid_value", "audio"),
    "nothing to commit": ('{"event_id":"e","type":"input_audio_buffer.commit"}', "input_audio_buffer_commit_empty", None),
    "an endless event_id": (
        '{"type":"input_audio_buffer.clear","event_id":"%s"}' % ("e" * 513), "string_above_max_length", "event_id",
    ),
    "an item without a role": (
        '{"event_id":"e","type":"conversation.item.create","item":{"type":"message","content":[]}}', MISSING, "item.role",
    ),
    "an item without a type": ('{"event_id":"e","type":"conversation.item.create","item":{}}', MISSING, "item.type"),
    "an item with another's field": (
        '{"event_id":"e","type":"conversation.item.create","item":{"type":"message","role":"user","content":[],"name":"f"}}',
        "invalid_value", "item.name",
    ),
    "an item that only refers": (
        '{"event_id":"e","type":"conversation.item.create","item":{"type":"item_reference","id":"i"}}',
        "invalid_value", "item.type",
    ),
    "a part that only refers": (
        '{"event_id":"e","type":"response.create","response":{"input":[{"type":"message","role":"user",'
        '"content":[{"type":"item_reference","id":"i"}]}]}}',
        "invalid_value", "response.input[0].content[0].type",
    ),
    "an input without a role": (
        '{"event_id":"e","type":"response.create","response":{"input":[{"type":"message","content":[]}]}}',
        MISSING, "response.input[0].role",
    ),
    "an unknown item to delete": (
        '{"event_id":"e","type":"conversation.item.delete","item_id":"i"}', "item_delete_invalid_item_id", "item_id",
    ),
    "two limits": (
        '{"event_id":"e","type":"response.create","response":{"max_output_tokens":1,"max_response_output_tokens":2}}',
        "invalid_value", "response.max_output_tokens",
    ),
    "a response's format": (
        '{"event_id":"e","type":"response.create","response":{"output_audio_format":"audio/pcmu"}}',
        "invalid_value", "response.output_audio_format",
    ),
    "a response's temperature": (
        '{"event_id":"e","type":"response.create","response":{"temperature":2}}', "invalid_value", "response.temperature",
    ),
    "a response's modalities": (
        '{"event_id":"e","type":"response.create","response":{"modalities":["audio"]}}', "invalid_value", "response.modalities",
    ),
}  # fmt: skip
SESSION_REFUSED: dict[str, tuple[dict[str, Any], str, str]] = {
    "audio without text": ({"modalities": ["audio"]}, "invalid_value", "session.modalities"),
    "too hot": ({"temperature": 1.3}, "invalid_value", "session.temperature"),
    "too cold": ({"temperature": 0.5}, "invalid_value", "session.temperature"),
    "another dialect's format": ({"input_audio_format": "audio/pcmu"}, "invalid_value", "session.input_audio_format"),
    "an unknown format": ({"output_audio_format": "mp3"}, "invalid_value", "session.output_audio_format"),
    "too many tokens": ({"max_response_output_tokens": 5000}, "invalid_value", "session.max_response_output_tokens"),
    "too fast": ({"speed": 9}, "invalid_value", "session.speed"),
    "a threshold over 1": (
        {"turn_detection": {"type": "server_vad", "threshold": 1.5}}, "invalid_value", "session.turn_detection.threshold",
    ),
    "an unknown turn detection": (
        {"turn_detection": {"type": "telepathy"}}, "invalid_value", "session.turn_detection.type",
    ),
    "a turn detection without a type": ({"turn_detection": {"threshold": 0.5}}, MISSING, "session.turn_detection.type"),
    "another detection's setting": (
        {"turn_detection": {"type": "semantic_vad", "threshold": 0.5}}, "invalid_value", "session.turn_detection.threshold",
    ),
    "an unknown noise reduction": (
        {"input_audio_noise_reduction": {"type": "magic"}}, "invalid_value", "session.input_audio_noise_reduction.type",
    ),
    "a wrong kind": ({"instructions": 7}, "invalid_value", "session.instructions"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_event_is_an_error_that_names_it(name: str) -> None:
    frame, code, param = REFUSED[name]
    session = opened()
    error = refusal(heard(session, session.feed(frame)))
    assert (error.code, error.param) == (code, param)
    assert error.event_id == (None if name == "no JSON" else "e" * 513 if "endless" in name else "e")
    assert types(tell(session, b.InputAudioBufferClear())) == ["input_audio_buffer.cleared"]


@pytest.mark.parametrize("name", SESSION_REFUSED)
def test_settings_that_cannot_be_change_nothing(name: str) -> None:
    change, code, param = SESSION_REFUSED[name]
    session = opened(update(temperature=1.0, instructions="Stay."))
    before = told_settings(session)
    error = refusal(say(session, type="session.update", session={"temperature": 1.1, **change}, event_id="e"))
    assert (error.code, error.param, error.event_id) == (code, param, "e")
    assert told_settings(session) == before


def test_what_is_too_deep_in_gas_places_is_refused() -> None:
    """A part of an unknown type is kept whole, and GA has session settings two levels deeper."""
    session = opened()
    deepest = [
        refusal(
            session.feed(
                b'{"type":"session.update","session":{"turn_detection":{"type":"x","x":%b%b}}}'
                % (b"[" * depth, b"]" * depth)
            )
        )
        for depth in range(240, 260)
    ]
    assert {error.param for error in deepest} == {"session.turn_detection.type", None}
    assert "deep" in deepest[-1].message
    assert sum(error.param is None for error in deepest) > 1


def test_the_voice_stays_once_it_was_heard() -> None:
    session = opened(BY_HAND, update(voice="nova"), *SPOKEN, b.ResponseCreate())
    error = refusal(tell(session, update(voice="onyx")))
    assert (error.code, error.param) == ("cannot_update_voice", "session.voice")
    assert told_settings(session, voice="nova")["voice"] == "nova"


def test_the_input_format_stays_while_there_is_audio() -> None:
    session = opened(BY_HAND, b.InputAudioBufferAppend(audio=SPEECH))
    assert (
        refusal(tell(session, update(input_audio_format="g711_alaw"))).param == "session.input_audio_format"
    )


# --- Anything at all -----------------------------------------------------------------

SOME = st.sampled_from
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "modalities": SOME([["text"], ["text", "audio"], ["audio"], [], None]),
    "voice": SOME(["nova", "ash", None, ""]),
    "temperature": SOME([0.8, 0.6, 7, None]),
    "input_audio_format": SOME(["pcm16", "g711_ulaw", "x", None]),
    "output_audio_format": SOME(["pcm16", "g711_alaw", None]),
    "max_response_output_tokens": SOME([1, "inf", None, -3]),
    "turn_detection": SOME(
        [
            None,
            {"type": "none"},
            {"type": "semantic_vad"},
            {"type": "server_vad", "threshold": 0},
            {"type": "x"},
        ]
    ),
    "input_audio_transcription": SOME([None, {"model": "whisper-1"}]),
    "tools": SOME([[], [TOOL], None]),
}
ITEMS = SOME(
    [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "t"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "text", "text": "t"}], "id": "a"},
        {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AAA="}]},
        {"type": "function_call", "name": "f", "arguments": "{}", "call_id": "c"},
        {"type": "function_call_output", "call_id": "c", "output": "o"},
        {"type": "item_reference", "id": "a"},
        {"type": "new_item", "x": 1},
        {},
    ]
)
FRAMES = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("session.update"), "session": st.fixed_dictionaries({}, optional=VALUES)}
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("transcription_session.update"),
            "session": st.fixed_dictionaries({}, optional=VALUES),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("response.create")},
        optional={
            "response": st.fixed_dictionaries({}, optional={**VALUES, "input": st.lists(ITEMS, max_size=2)})
        },
    ),
    st.fixed_dictionaries({"type": st.just("conversation.item.create"), "item": ITEMS}),
    st.fixed_dictionaries(
        {
            "type": st.just("input_audio_buffer.append"),
            "audio": SOME([SPEECH, PCM16.silence(600), b"\0"]).map(lambda a: base64.b64encode(a).decode()),
        }
    ),
    SOME(
        [
            {"type": "input_audio_buffer.commit"},
            {"type": "input_audio_buffer.clear"},
            {"type": "output_audio_buffer.clear"},
            {"type": "response.cancel"},
            {"type": "conversation.item.retrieve", "item_id": "a"},
            {"type": "conversation.item.delete", "item_id": "a"},
            {"type": "conversation.item.truncate", "item_id": "a", "content_index": 0, "audio_end_ms": 0},
            {"type": "conversation.item.done"},
        ]
    ),
)
KINDS = SOME(["realtime", "transcription"])


@given(kind=KINDS, paced=st.booleans(), frames=st.lists(FRAMES, max_size=12))
@hypothesis_settings(max_examples=100)
def test_whatever_is_sent_the_answers_are_betas(kind: str, paced: bool, frames: list[Any]) -> None:
    session = ServerProtocol(dialect="beta", session_type=kind, paced=paced)  # type: ignore[arg-type]
    told = session.open()
    for frame in frames:
        told += session.feed(json.dumps(frame))
        told += session.advance()
    for event in told:
        back = b.decode_server(session.encode(event))
        assert not isinstance(back, b.UnknownEvent)
        assert back.event_id
        if isinstance(back, b.Error):
            refusal([back])


@given(st.one_of(st.binary(), st.text()))
def test_hostile_frames_are_refused(frame: bytes | str) -> None:
    session = opened()
    (event,) = session.feed(frame)
    assert event.type == "error"


# --- OpenAI's beta client ------------------------------------------------------------

sdk = pytest.importorskip("tests.oracle.sdk")
MODELS = {sdk.tag(model): model for model in sdk.models(sdk.EVENTS["beta", "server"])}


def test_every_event_of_a_call_is_valid_for_the_sdk() -> None:
    session = ServerProtocol(dialect="beta", script=["Yes.", Call("f"), "No."])
    told = session.open()
    for event in (
        update(voice="ash", input_audio_transcription=b.TranscriptionConfig(model="whisper-1"), tools=None),
        b.InputAudioBufferAppend(audio=SPEECH + PCM16.silence(600)),
        BY_HAND,
        b.ResponseCreate(),
        b.ResponseCreate(response=b.RealtimeResponse(modalities=["text"], temperature=0.9)),
        b.ConversationItemCreate(item=b.ConversationItem(type="item_reference", id="i")),
        b.create_text_input("Good day."),
    ):
        told += session.feed(b.encode(event))
    assert {"response.text.done", "response.function_call_arguments.done", "error"} <= {*types(told)}
    for said in told:
        MODELS[said.type].model_validate_json(session.encode(said), strict=True)


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*deprecated.*:DeprecationWarning")
def test_the_sdks_beta_client_on_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    from openai import OpenAI

    monkeypatch.setenv("no_proxy", "*")
    with (
        LoopbackServer() as server,
        OpenAI(api_key="none", websocket_base_url=server.base_url) as client,
        client.beta.realtime.connect(model="gpt-4o-realtime-preview") as connection,
    ):
        created: Any = connection.recv()
        assert (created.type, created.session.model) == ("session.created", "gpt-4o-realtime-preview")
        assert (created.session.temperature, created.session.input_audio_format) == (0.8, "pcm16")
        assert connection.recv().type == "conversation.created"
        connection.session.update(session={"turn_detection": None, "temperature": 1.0, "voice": "verse"})  # type: ignore[typeddict-item]
        updated: Any = connection.recv()
        assert (updated.session.turn_detection, updated.session.temperature) == (None, 1.0)
        connection.input_audio_buffer.append(audio=base64.b64encode(SPEECH).decode())
        connection.input_audio_buffer.commit()
        connection.response.create(response={"modalities": ["audio", "text"]})
        told: list[Any] = []
        while not told or told[-1].type != "response.done":
            told.append(connection.recv())
    assert runs(told) == TURN
    audio = b"".join(base64.b64decode(e.delta) for e in told if e.type == "response.audio.delta")
    assert audio == SPEECH
    (content,) = told[-1].response.output[0].content
    assert content.transcript == "That was 0.30 seconds of audio."
