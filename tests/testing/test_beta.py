"""The beta dialect, checked with the beta client and the models of OpenAI's SDK."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime import beta as b
from realtime.testing import Call, Fail, LoopbackServer, ServerProtocol
from tests.testing.helpers import PCM16, tone

# The events of a complete turn with a manual commit.
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


def open_session(*events: b.ClientEvent, **options: Any) -> ServerProtocol:
    """Return an open session that has accepted `events`."""
    session = ServerProtocol(dialect="beta", **options)
    session.open()
    assert "error" not in types(exchange(session, *events))
    return session


def decoded(session: ServerProtocol, events: list[b.ServerEvent]) -> list[Any]:
    """Return `events` encoded and decoded again."""
    return [b.decode_server(session.encode(event)) for event in events]


def exchange(session: ServerProtocol, *events: b.ClientEvent) -> list[Any]:
    return [reply for event in events for reply in decoded(session, session.feed(b.encode(event)))]


def exchange_json(session: ServerProtocol, /, **event: Any) -> list[Any]:
    """Feed an event as JSON. Returns the events of the session."""
    return decoded(session, session.feed(json.dumps(event)))


def update(**session: Any) -> b.SessionUpdate:
    return b.SessionUpdate(session=b.RealtimeSessionConfig(**session))


def types(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def type_runs(events: list[Any]) -> list[str]:
    """Return the types in order, with equal deltas in a row once."""
    names = types(events)
    return [name for i, name in enumerate(names) if not (name.endswith("delta") and names[i - 1] == name)]


def refusal(events: list[Any]) -> r.ErrorDetail:
    (event,) = events
    assert isinstance(event, b.Error)
    assert event.event_id
    assert event.error.type == "invalid_request_error"
    # Not a path of GA.
    for word in ("session.audio", "response.audio", "output_modalities", "session.max_output_tokens"):
        assert word not in f"{event.error.param} {event.error.message}"
    return event.error


MANUAL = update(turn_detection=None)
SPEECH = tone(PCM16, 300)
SPOKEN = (b.InputAudioBufferAppend(audio=SPEECH), b.InputAudioBufferCommit())


# --- The session ---------------------------------------------------------------------


def test_the_first_events_are_the_session_and_its_conversation() -> None:
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
    "a voice that GA rejects": ({"voice": "nova"}, {"voice": "nova"}),
    "manual turns": ({"turn_detection": None}, {"turn_detection": None}),
    "a tool": ({"tools": [TOOL]}, {"tools": [TOOL]}),
    "transcription": (
        {"input_audio_transcription": {"model": "whisper-1"}},
        {"input_audio_transcription": {"model": "whisper-1"}},
    ),
    "noise reduction": (
        {"input_audio_noise_reduction": {"type": "near_field"}},
        {"input_audio_noise_reduction": {"type": "near_field"}},
    ),
    "a client secret, which is ignored": (
        {"client_secret": {"expires_after": {"anchor": "created_at", "seconds": 60}}, "speed": 1.5},
        {"speed": 1.5},
    ),
}


def updated_settings(session: ServerProtocol, **change: Any) -> dict[str, Any]:
    (updated,) = session.feed(json.dumps({"type": "session.update", "session": change}))
    frame = json.loads(session.encode(updated))
    assert frame["type"] == "session.updated"
    assert "client_secret" not in frame["session"]
    return frame["session"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_are_reported(name: str) -> None:
    change, expected = SETTINGS[name]
    session = open_session()
    events = updated_settings(session, **change)
    assert {key: events[key] for key in expected} == expected
    assert updated_settings(session) == events


def test_absent_keeps_and_null_clears_beta_only_settings() -> None:
    session = open_session(update(temperature=1.0), strict=False)
    assert updated_settings(session, voice="ash")["temperature"] == 1.0
    assert updated_settings(session, temperature=None)["temperature"] == 0.8


def test_the_result_of_create_session_config_is_accepted() -> None:
    config = b.create_session_config("gpt-4o-realtime-preview", "fable", "Be brief.")
    events = updated_settings(
        open_session(), **json.loads(b.encode(b.SessionUpdate(session=config)))["session"]
    )
    assert (events["voice"], events["instructions"]) == ("fable", "Be brief.")


# --- Turns and responses -------------------------------------------------------------


def test_a_turn_with_a_manual_commit() -> None:
    events = exchange(open_session(MANUAL), *SPOKEN, b.ResponseCreate())
    assert type_runs(events) == TURN
    assert b"".join(e.delta for e in events if isinstance(e, b.ResponseAudioDelta)) == SPEECH
    words = "".join(e.delta for e in events if isinstance(e, b.ResponseAudioTranscriptDelta))
    added, begun = (e for e in events if isinstance(e, b.ConversationItemCreated))
    assert added.item.content == [b.InputAudio(transcript=None)]
    assert begun.previous_item_id == added.item.id
    done = events[-1].response
    assert done.output[0].content == [b.Audio(transcript=words)]
    assert done.modalities == ["audio", "text"]
    assert (done.voice, done.output_audio_format) == (r.spec.DEFAULT_VOICE, "pcm16")


def test_a_turn_found_by_vad_gets_a_text_response() -> None:
    session = open_session(
        update(modalities=["text"], turn_detection=b.TurnDetectionConfig(type="server_vad"))
    )
    events = exchange(session, b.InputAudioBufferAppend(audio=SPEECH + PCM16.silence(600)))
    assert types(events)[:3] == [
        "input_audio_buffer.speech_started",
        "input_audio_buffer.speech_stopped",
        "input_audio_buffer.committed",
    ]
    done = events[-1].response
    text = "".join(e.delta for e in events if isinstance(e, b.ResponseTextDelta))
    assert text
    assert done.output[0].content == [b.Text(text=text)]
    assert done.modalities == ["text"]
    assert done.temperature == 0.8


def test_event_ids_are_numbered() -> None:
    session = ServerProtocol(dialect="beta")
    events = [*session.open(), *exchange(session, MANUAL, *SPOKEN, b.ResponseCreate())]
    events += [*session.feed("no JSON"), *exchange(session, b.InputAudioBufferClear())]
    assert [event.event_id for event in events] == [f"event_{i:08}" for i in range(1, len(events) + 1)]


def test_a_paced_response_is_cancelled() -> None:
    session = open_session(MANUAL, paced=True, ptime_ms=100)
    exchange(session, *SPOKEN, b.ResponseCreate(response=b.RealtimeResponse(temperature=0.6)))
    assert session.is_responding
    assert types(decoded(session, session.advance())) == ["response.audio.delta"]
    (*_, done) = exchange(session, b.ResponseCancel())
    assert done.response.status == "cancelled"
    assert done.response.temperature == 0.6
    assert not session.is_responding
    assert session.advance() == []


def test_a_response_can_have_a_temperature_of_its_own() -> None:
    session = open_session(MANUAL, update(temperature=1.2), strict=False)
    own = exchange(
        session, *SPOKEN, b.ResponseCreate(response=b.RealtimeResponse(temperature=0.7, voice="onyx"))
    )
    usual = exchange(session, b.ResponseCreate(response=b.RealtimeResponse(temperature=None)))
    for events, temperature, voice in ((own, 0.7, "onyx"), (usual, 1.2, r.spec.DEFAULT_VOICE)):
        ends = [e.response for e in events if isinstance(e, b.ResponseCreated | b.ResponseDone)]
        assert [response.temperature for response in ends] == [temperature] * 2
        assert [response.voice for response in ends] == [voice] * 2


def test_the_token_limit_has_two_names() -> None:
    session = open_session(MANUAL, *SPOKEN)
    for name in ("max_response_output_tokens", "max_output_tokens"):
        (*_, done) = exchange_json(session, type="response.create", response={name: 2})
        assert done.response.status == "incomplete"
        assert done.response.max_output_tokens == 2


def test_calls_and_failures_of_a_script() -> None:
    session = open_session(MANUAL, script=[Call("f", {"x": 1}), Fail(code="c", message="m")])
    call = exchange(session, *SPOKEN, b.ResponseCreate())
    assert "response.function_call_arguments.done" in types(call)
    (item,) = call[-1].response.output
    assert (item.type, item.name, json.loads(item.arguments)) == ("function_call", "f", {"x": 1})
    (*_, failed) = exchange(session, b.ResponseCreate())
    assert failed.response.status == "failed"


def test_items_are_created_retrieved_and_deleted() -> None:
    session = open_session()
    item = b.ConversationItem(
        type="message", id="item_1", role="assistant", content=[b.Text(text="Good day.")]
    )
    (created,) = exchange(session, b.ConversationItemCreate(item=item))
    assert created.item.content == [b.Text(text="Good day.")]
    (retrieved,) = exchange(session, b.ConversationItemRetrieve(item_id="item_1"))
    assert retrieved.item == created.item
    assert types(exchange(session, b.ConversationItemDelete(item_id="item_1"))) == [
        "conversation.item.deleted"
    ]


# --- Transcription sessions ----------------------------------------------------------


def test_a_transcription_session() -> None:
    session = ServerProtocol(dialect="beta", session_type="transcription")
    (created,) = decoded(session, session.open())
    assert isinstance(created, b.TranscriptionSessionCreated)
    assert created.session.modalities == ["audio", "text"]
    (updated,) = exchange_json(
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
    events = exchange(session, b.InputAudioBufferAppend(audio=bytes(1600)), b.InputAudioBufferCommit())
    assert types(events)[0] == "input_audio_buffer.committed"
    assert types(events)[-1] == "conversation.item.input_audio_transcription.completed"


def test_an_update_cannot_change_the_session_type() -> None:
    transcription = b.TranscriptionSessionUpdate(session=b.TranscriptionSessionConfig(modalities=["text"]))
    assert refusal(exchange(open_session(), transcription)).param == "type"
    session = open_session(session_type="transcription")
    assert refusal(exchange(session, update(temperature=1.0))).param == "type"
    (updated,) = exchange_json(session, type="transcription_session.update", session={})
    assert updated.session.modalities == ["audio", "text"]


# --- Refusals ------------------------------------------------------------------------

MISSING = "missing_required_parameter"
REFUSED: dict[str, tuple[str, str, str | None]] = {
    "not JSON": ("hello", "invalid_json", None),
    "no type": ('{"event_id":"e"}', "invalid_event", "type"),
    "an unknown type": ('{"event_id":"e","type":"sing"}', "invalid_value", "type"),
    "GA's own type": ('{"event_id":"e","type":"conversation.item.done","item":{}}', "invalid_value", "type"),
    "bad base64": ('{"event_id":"e","type":"input_audio_buffer.append","audio":"!"}', "invalid_value", "audio"),
    "half a sample": ('{"event_id":"e","type":"input_audio_buffer.append","audio":"AAAA"}', "invalid_value", "audio"),
    "nothing to commit": ('{"event_id":"e","type":"input_audio_buffer.commit"}', "input_audio_buffer_commit_empty", None),
    "a long event_id": (
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
    "an item reference": (
        '{"event_id":"e","type":"conversation.item.create","item":{"type":"item_reference","id":"i"}}',
        "invalid_value", "item.type",
    ),
    "a reference as a part": (
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
    "a wrong kind": ({"instructions": 7}, "invalid_type", "session.instructions"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_bad_event_gives_an_error_that_refers_to_it(name: str) -> None:
    frame, code, param = REFUSED[name]
    session = open_session()
    error = refusal(decoded(session, session.feed(frame)))
    assert (error.code, error.param) == (code, param)
    assert error.event_id == (None if name == "not JSON" else "e" * 513 if "long" in name else "e")
    assert types(exchange(session, b.InputAudioBufferClear())) == ["input_audio_buffer.cleared"]


@pytest.mark.parametrize("name", SESSION_REFUSED)
def test_invalid_settings_change_nothing(name: str) -> None:
    change, code, param = SESSION_REFUSED[name]
    session = open_session(update(temperature=1.0, instructions="Stay."))
    before = updated_settings(session)
    error = refusal(
        exchange_json(session, type="session.update", session={"temperature": 1.1, **change}, event_id="e")
    )
    assert (error.code, error.param, error.event_id) == (code, param, "e")
    assert updated_settings(session) == before


def test_settings_that_are_too_deep_in_ga_are_refused() -> None:
    """GA nests session settings two levels deeper than beta."""
    session = open_session()
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


def test_the_voice_is_locked_after_assistant_audio() -> None:
    session = open_session(MANUAL, update(voice="nova"), *SPOKEN, b.ResponseCreate())
    error = refusal(exchange(session, update(voice="onyx")))
    assert (error.code, error.param) == ("cannot_update_voice", "session.voice")
    assert updated_settings(session, voice="nova")["voice"] == "nova"


def test_the_input_format_is_locked_while_there_is_audio() -> None:
    session = open_session(MANUAL, b.InputAudioBufferAppend(audio=SPEECH))
    assert (
        refusal(exchange(session, update(input_audio_format="g711_alaw"))).param
        == "session.input_audio_format"
    )


# --- Random input --------------------------------------------------------------------

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
SESSION_TYPES = SOME(["realtime", "transcription"])


@given(session_type=SESSION_TYPES, paced=st.booleans(), frames=st.lists(FRAMES, max_size=12))
def test_every_reply_is_an_event_of_beta(session_type: str, paced: bool, frames: list[Any]) -> None:
    session = ServerProtocol(dialect="beta", session_type=session_type, paced=paced)  # type: ignore[arg-type]
    events = session.open()
    for frame in frames:
        events += session.feed(json.dumps(frame))
        events += session.advance()
    for event in events:
        back = b.decode_server(session.encode(event))
        assert not isinstance(back, b.UnknownEvent)
        assert back.event_id
        if isinstance(back, b.Error):
            refusal([back])


@given(st.one_of(st.binary(), st.text()))
def test_hostile_frames_are_refused(frame: bytes | str) -> None:
    session = open_session()
    (event,) = session.feed(frame)
    assert event.type == "error"


# --- OpenAI's beta client ------------------------------------------------------------

sdk = pytest.importorskip("tests.oracle.sdk")
MODELS = {sdk.tag(model): model for model in sdk.models(sdk.EVENTS["beta", "server"])}


def test_every_event_of_a_call_is_valid_for_the_sdk() -> None:
    session = ServerProtocol(dialect="beta", script=["Yes.", Call("f"), "No."])
    events = session.open()
    for event in (
        update(voice="ash", input_audio_transcription=b.TranscriptionConfig(model="whisper-1"), tools=None),
        b.InputAudioBufferAppend(audio=SPEECH + PCM16.silence(600)),
        MANUAL,
        b.ResponseCreate(),
        b.ResponseCreate(response=b.RealtimeResponse(modalities=["text"], temperature=0.9)),
        b.ConversationItemCreate(item=b.ConversationItem(type="item_reference", id="i")),
        b.create_text_input("Good day."),
    ):
        events += session.feed(b.encode(event))
    assert {"response.text.done", "response.function_call_arguments.done", "error"} <= {*types(events)}
    for event in events:
        MODELS[event.type].model_validate_json(session.encode(event), strict=True)


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
        events: list[Any] = []
        while not events or events[-1].type != "response.done":
            events.append(connection.recv())
    assert type_runs(events) == TURN
    audio = b"".join(base64.b64decode(e.delta) for e in events if e.type == "response.audio.delta")
    assert audio == SPEECH
    (content,) = events[-1].response.output[0].content
    assert content.transcript == "That was 0.30 seconds of audio."
