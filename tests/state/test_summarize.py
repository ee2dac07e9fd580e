"""Summaries: one bounded, printable line for any event, without credentials and instructions."""

from __future__ import annotations

import itertools
import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, strategies as st
from msgspec import UNSET, Raw

import realtime
from realtime import beta, live, translation
from realtime.state import Summarizer, summary
from realtime.state.summarize import MAX_CHARS
from tests import cases

SECRET = "hush-hush-9f8e"


def is_line(text: str) -> bool:
    return 0 < len(text) <= MAX_CHARS and text.isprintable()


# --- Every event ---------------------------------------------------------------------


@pytest.mark.parametrize(("dialect", "side", "frame"), cases.ALL, ids=cases.IDS)
def test_every_example_has_a_line(dialect: str, side: str, frame: str) -> None:
    event = cases.decoder(dialect, side)(frame)
    line = summary(event)
    assert is_line(line)
    assert line.split(" ")[0] == event.type
    body = json.loads(frame)
    instructions = body.get("session", body.get("response", {})).get("instructions")
    assert not instructions or instructions not in line


EVENT_CLASSES = [
    struct
    for dialect, side in itertools.product(cases.DIALECTS, cases.SIDES)
    for struct in cases.event_classes(dialect, side)
]


@pytest.mark.parametrize(
    "value",
    [
        None,
        UNSET,
        "x\ny",
        5,
        10**5000,
        float("nan"),
        b"",
        [],
        {},
        object(),
        [[[[[[[["deep"]]]]]]]],
        {1: {2: 3}},
    ],
    ids=lambda value: type(value).__name__,
)
def test_an_event_has_a_line_whatever_its_fields_contain(value: Any) -> None:
    for struct in EVENT_CLASSES:
        assert is_line(summary(struct(**dict.fromkeys(struct.__struct_fields__, value)), "pcm16"))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=20),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


@given(values, st.sampled_from(["item", "session", "response", "delta", "error"]))
def test_any_value_has_a_line(value: Any, name: str) -> None:
    struct: Any = {
        "item": realtime.ConversationItemCreate,
        "session": realtime.SessionUpdated,
        "response": realtime.ResponseDone,
        "delta": realtime.ResponseOutputTextDelta,
        "error": realtime.Error,
    }[name]
    event = struct(**{**dict.fromkeys(struct.__struct_fields__, "x"), name: value})
    line = summary(event)
    assert is_line(line)
    assert summary(event) == line


@example("\U0002ebe1" * 100, b"")  # ten characters each when escaped
@given(st.text(min_size=1), st.binary(max_size=300))
def test_an_unknown_event_is_shown_as_its_type_and_size(type: str, raw: bytes) -> None:
    line = summary(realtime.UnknownEvent(type, raw))
    assert is_line(line)
    assert line.endswith(f"<unknown, {len(raw)} bytes>")


@pytest.mark.parametrize("wrong", [None, 5, "event", realtime.PcmFormat, realtime.AudioConfig()])
def test_other_objects_are_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="expected an event"):
        summary(wrong)


# --- Lines ---------------------------------------------------------------------------


def delta(nbytes: int) -> realtime.ResponseOutputAudioDelta:
    return realtime.ResponseOutputAudioDelta(
        response_id="resp_1", item_id="item_1", output_index=0, content_index=0, delta=bytes(nbytes)
    )


def message(*content: Any, role: str = "user") -> Any:
    return realtime.ConversationItemCreate(item=realtime.MessageItem(role=role, content=[*content]))


LINES: dict[str, tuple[Any, str]] = {
    "audio": (
        delta(9600),
        "response.output_audio.delta item_id=item_1 response_id=resp_1 output_index=0 content_index=0 "
        "delta=<200 ms audio/pcm>",
    ),
    "a text": (
        realtime.ResponseOutputTextDone(
            response_id="r", item_id="i", output_index=0, content_index=0, text="Grüezi, " + "la " * 50
        ),
        "response.output_text.done item_id=i response_id=r output_index=0 content_index=0 "
        'text="Grüezi, la la la la la la la la la la la la la la la la l..."',
    ),
    "quotes and controls": (
        message(realtime.InputText(text='{"a": "b\\n"}\n\x1b[31m\u202e\ud800')),
        "conversation.item.create item={message role=user "
        "content=[{input_text text='{\"a\": \"b\\n\"}\\n\\x1b[31m\\u202e\\ud800'}]}",
    ),
    "quotes of both kinds": (
        message(realtime.InputText(text="\"it's\"")),
        'conversation.item.create item={message role=user content=[{input_text text="\\"it\'s\\""}]}',
    ),
    "null and absent": (
        realtime.SessionUpdate(
            session=realtime.RealtimeSession(
                tracing=None, audio=realtime.AudioConfig(input=realtime.AudioInput(turn_detection=None))
            )
        ),
        "session.update session={realtime audio={input={turn_detection=null}} tracing=null}",
    ),
    "a failed response": (
        realtime.decode_server(
            '{"type":"response.done","event_id":"e","response":{"object":"realtime.response","id":"resp_1",'
            '"status":"failed","status_details":{"type":"failed","error":{"code":"quota"}},"conversation_id":"c",'
            '"output":[],"usage":{"total_tokens":3,"input_tokens":2,"output_tokens":1,"input_token_details":{}}}}'
        ),
        "response.done response={id=resp_1 status=failed status_details={type=failed error={code=quota}} "
        "usage={input_tokens=2 output_tokens=1} output=[]}",
    ),
    "many parts": (
        message(*[realtime.InputText(text=str(number)) for number in range(9)]),
        "conversation.item.create item={message role=user content=[{input_text text=0}, {input_text text=1}, "
        "{input_text text=2}, +6 more]}",
    ),
    "a map": (
        realtime.ResponseCreate(
            response=realtime.ResponseParams(metadata={"a b": "1", "topic": "x y", "c": "2", "d": "3"})
        ),
        'response.create response={metadata={a b=1 topic="x y" c=2 +1 more}}',
    ),
    "unknown parts": (
        message(realtime.UnknownPart("input_video", b'{"type":"input_video","video":"AAAA"}')),
        "conversation.item.create item={message role=user content=[input_video <unknown, 37 bytes>]}",
    ),
    "a bare tag": (
        realtime.SessionUpdate(
            session=realtime.RealtimeSession(
                audio=realtime.AudioConfig(input=realtime.AudioInput(turn_detection=realtime.SemanticVad()))
            )
        ),
        "session.update session={realtime audio={input={turn_detection=semantic_vad}}}",
    ),
    "tools by their names": (
        realtime.SessionUpdate(
            session=realtime.RealtimeSession(
                tools=[
                    realtime.FunctionTool(name="f", description="d", parameters={"type": "object"}),
                    realtime.McpTool(server_label="docs", server_url="https://u:p@host/?k=1", authorization=SECRET),
                    realtime.UnknownTool("later", b"{}"),
                ]
            )
        ),
        "session.update session={realtime tools=[{function name=f}, {mcp server_label=docs}, "
        "later <unknown, 2 bytes>]}",
    ),
    "events of other APIs": (
        live.ResponseEvent(event=Raw(b'{"type":"x"}')),
        "response.event event=<12 bytes of JSON>",
    ),
    "items of a backend": (
        live.ResponseItemCreate(item=live.FunctionCallOutput(call_id="c", output="sunny")),
        "response.item.create item={function_call_output output=sunny call_id=c}",
    ),
    "tools of a backend": (
        live.SessionUpdate(
            session=live.LiveSessionUpdate(
                delegation=live.ResponsesDelegation(
                    responses=live.ResponsesConfig(
                        tools=[live.FunctionTool(name="f", description="x"), live.WebSearchTool()]
                    )
                )
            )
        ),
        "session.update session={delegation={responses responses={tools=[{function name=f}, web_search]}}}",
    ),
    "a required field that is absent": (
        realtime.InputAudioBufferSpeechStarted(item_id=UNSET, audio_start_ms=True),  # type: ignore[arg-type]
        "input_audio_buffer.speech_started item_id=absent audio_start_ms=true",
    ),
    "a value that is not JSON": (
        realtime.InputAudioBufferSpeechStarted(item_id=object(), audio_start_ms=2**70),  # type: ignore[arg-type]
        "input_audio_buffer.speech_started item_id=<object> audio_start_ms=<integer of 71 bits>",
    ),
    "a client's event id": (realtime.InputAudioBufferCommit(event_id="e"), "input_audio_buffer.commit event_id=e"),
    "a server's event id": (realtime.InputAudioBufferCleared(event_id="e"), "input_audio_buffer.cleared"),
}  # fmt: skip


@pytest.mark.parametrize(("event", "line"), LINES.values(), ids=LINES)
def test_lines(event: Any, line: str) -> None:
    assert summary(event, "pcm16") == line
    assert is_line(line)


def test_a_long_line_is_shortened() -> None:
    line = summary(realtime.RateLimitsUpdated(rate_limits=[realtime.RateLimit(name="n" * 50)] * 9))
    assert len(line) == MAX_CHARS
    assert line.endswith("...")


# --- Audio ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("format", "shown"),
    [
        (None, "<9600 bytes of audio>"),
        ("pcm16", "<200 ms audio/pcm>"),
        ("PCMU", "<1200 ms audio/pcmu>"),
        (realtime.AudioFormat.G711_ALAW, "<1200 ms audio/pcma>"),
        (realtime.PcmFormat(rate=24000), "<200 ms audio/pcm>"),
    ],
)
def test_audio_is_a_duration_if_its_format_is_known(format: Any, shown: str) -> None:
    assert summary(delta(9600), format).endswith(f"delta={shown}")


def test_each_side_can_have_its_own_format() -> None:
    append = realtime.InputAudioBufferAppend(audio=bytes(160))
    both: Any = {"input_format": "g711_ulaw", "output_format": "pcm16"}
    assert summary(append, **both) == "input_audio_buffer.append audio=<20 ms audio/pcmu>"
    assert summary(delta(160), **both).endswith("<3.3 ms audio/pcm>")
    assert summary(append, output_format="pcm16").endswith("<160 bytes of audio>")
    parts = message(realtime.InputAudio(audio=bytes(80)), realtime.OutputAudio(audio=bytes(480)))
    assert "{input_audio audio=<10 ms audio/pcmu>}, {output_audio audio=<10 ms audio/pcm>}" in summary(
        parts, **both
    )
    with pytest.raises(realtime.ConfigError):
        summary(append, "opus")  # type: ignore[arg-type]


def append_of(audio: Any) -> str:
    return summary(realtime.InputAudioBufferAppend(audio=audio), "pcmu").partition("audio=")[2]


def test_audio_in_any_container_is_measured() -> None:
    released = memoryview(b"1234")
    released.release()
    assert append_of(bytearray(8)) == append_of(memoryview(bytes(8))) == "<1 ms audio/pcmu>"
    assert append_of("AAAAAAAAAAAA") == "<1.1 ms audio/pcmu>"  # base64, as the builder of beta leaves it
    assert append_of("AAAAAAAAAA==") == "<0.9 ms audio/pcmu>"
    assert append_of(released) == "<0 ms audio/pcmu>"
    misplaced = realtime.RateLimitsUpdated(rate_limits={"x": b"123"})  # type: ignore[arg-type]
    assert summary(misplaced, "pcmu") == "rate_limits.updated rate_limits={x=<3 bytes of audio>}"


def updated(**audio: Any) -> Any:
    config = realtime.AudioConfig(
        input=realtime.AudioInput(format=audio.get("input", UNSET)),
        output=realtime.AudioOutput(format=audio.get("output", UNSET)),
    )
    return realtime.SessionUpdated(session=realtime.RealtimeSessionInfo(audio=config))


def test_formats_are_taken_from_the_session() -> None:
    line = Summarizer()
    assert line(delta(160)).endswith("<160 bytes of audio>")
    line(updated(input=realtime.PcmFormat(), output=realtime.PcmuFormat()))
    assert line(delta(160)).endswith("<20 ms audio/pcmu>")
    line(updated(output=realtime.PcmaFormat()))
    assert line(delta(160)).endswith("<20 ms audio/pcma>")
    assert line(realtime.InputAudioBufferAppend(audio=bytes(480))).endswith("<10 ms audio/pcm>")
    line(updated(output=realtime.UnknownFormat("audio/opus", b"{}")))
    assert line(delta(160)).endswith("<20 ms audio/pcma>")
    line(realtime.SessionUpdate(session=realtime.create_session_config()))  # only server events count
    assert line(delta(160)).endswith("<20 ms audio/pcma>")


def test_formats_are_taken_from_sessions_of_other_dialects() -> None:
    line = Summarizer("pcm16")
    session = beta.RealtimeSessionInfo(input_audio_format="g711_ulaw", output_audio_format="g711_alaw")
    line(beta.SessionCreated(session=session))
    assert line(realtime.InputAudioBufferAppend(audio=bytes(8))).endswith("<1 ms audio/pcmu>")
    event = beta.ResponseAudioDelta(
        response_id="r", item_id="i", output_index=0, content_index=0, delta=b"12345678"
    )
    assert line(event).endswith("<1 ms audio/pcma>")
    for format, shown in (
        (realtime.PcmFormat(rate=16000), "10 ms audio/pcm 16000 Hz"),
        (live.LivePcmuFormat(rate=8000), "40 ms audio/pcmu"),
        (live.LivePcmuFormat(rate=16000), "40 ms audio/pcmu"),  # G.711 has one rate
        (realtime.PcmFormat(rate=0), "40 ms audio/pcmu"),
        (live.LivePcmaFormat(), "40 ms audio/pcma"),
    ):
        info = live.LiveSessionInfo(
            model="m", id="s", expires_at=0, status="active", audio=live.LiveAudio(format=format)
        )
        line(live.SessionStarted(session=info))
        assert line(live.SessionOutputAudioDelta(delta=bytes(320))).endswith(f"<{shown}>")
        assert line(live.SessionInputAudioAppend(audio=bytes(320))).endswith(f"<{shown}>")


def test_translation_has_one_format_unless_the_event_states_another() -> None:
    assert summary(translation.SessionInputAudioBufferAppend(audio=bytes(480))).endswith("<10 ms audio/pcm>")
    event = translation.SessionOutputAudioDelta(delta=bytes(480))
    assert summary(event).endswith("<10 ms audio/pcm>")
    event.sample_rate = 48000
    assert "delta=<5 ms audio/pcm 48000 Hz>" in summary(event)
    event.format = "opus"
    assert "delta=<480 bytes of audio>" in summary(event)


# --- Credentials and instructions ----------------------------------------------------


def backend(**settings: Any) -> live.ResponsesDelegation:
    return live.ResponsesDelegation(responses=live.ResponsesConfig(model="m", **settings))


def decisions(question: live.PredicateQuestion) -> live.DecisionsDelegation:
    return live.DecisionsDelegation(decisions=live.DecisionsConfig(model="m", questions=[question]))


SECRET_TEXT = live.InputText(text=SECRET)
SECRET_SHELL = live.ContainerAuto(
    network_policy=live.NetworkAllowlist(
        allowed_domains=["d"], domain_secrets=[live.DomainSecret(domain="d", name="n", value=SECRET)]
    )
)
LIVE_SETTINGS: dict[str, dict[str, Any]] = {
    "first message": {"input": [live.Message(role="developer", content=[SECRET_TEXT])]},
    "message of text": {"input": [live.Message(role="developer", content=SECRET)]},
    "backend": {"delegation": backend(instructions=SECRET)},
    "MCP tool": {"delegation": backend(tools=[live.McpTool(server_label="s", authorization=SECRET)])},
    "shell": {"delegation": backend(tools=[live.ShellTool(environment=SECRET_SHELL)])},
    "question": {"delegation": decisions(live.PredicateQuestion(instructions=SECRET))},
    "question of parts": {"delegation": decisions(live.PredicateQuestion(instructions=[SECRET_TEXT]))},
    "container": {
        "delegation": backend(
            tools=[
                live.CodeInterpreterTool(
                    container=live.AutoContainer(network_policy=SECRET_SHELL.network_policy)
                )
            ]
        )
    },
}
HIDING: dict[str, Any] = {
    "instructions": realtime.SessionUpdate(session=realtime.RealtimeSession(instructions=SECRET)),
    "a response's instructions": realtime.ResponseCreate(
        response=realtime.ResponseParams(instructions=SECRET)
    ),
    "a transcription's prompt": realtime.SessionUpdate(
        session=realtime.TranscriptionSession(
            audio=realtime.AudioConfig(
                input=realtime.AudioInput(transcription=realtime.Transcription(prompt=SECRET))
            )
        )
    ),
    "a system message": message(realtime.InputText(text=SECRET), role="system"),
    "a developer's message": message(realtime.InputText(text=SECRET), role="developer"),
    "Live's instructions": live.SessionInstructionsAppend(content=SECRET),
    "Live's settings": live.SessionStart(
        session=live.LiveSession(model="m", instructions=SECRET, safety_identifier=SECRET)
    ),
    **{f"Live's {name}": live.SessionStart(session=live.LiveSession(model="m", **settings)) for name, settings in LIVE_SETTINGS.items()},
    "an MCP tool": realtime.SessionUpdate(
        session=realtime.RealtimeSession(
            tools=[realtime.McpTool(server_label="s", authorization=SECRET, headers={"X-Key": SECRET})]
        )
    ),
    "a client secret": beta.SessionCreated(
        session=beta.RealtimeSessionInfo(client_secret=beta.ClientSecret(value=SECRET, expires_at=5))
    ),
    "metadata": realtime.ResponseCreate(
        response=realtime.ResponseParams(metadata={"api-key": SECRET, "session_token": SECRET, "Password": SECRET})
    ),
    "a key in a text": message(realtime.InputText(text=f"my key is sk-proj-{SECRET}, keep it")),
    "a bearer token in an error": realtime.Error(
        error=realtime.ErrorDetail(type="t", message=f"refused: Bearer {SECRET}")
    ),
    "a key that is partly beyond the limit": message(realtime.InputText(text="x" * 45 + " ek_" + SECRET * 5)),
    "a picture": message(realtime.InputImage(image_url=f"data:image/png;base64,{SECRET}")),
    "an unknown event": realtime.UnknownEvent("later", SECRET.encode()),
    "an unknown session": realtime.SessionUpdate(
        session=realtime.UnknownSession("later", b'{"type":"later","instructions":"%b"}' % SECRET.encode())
    ),
}  # fmt: skip


@pytest.mark.parametrize("event", HIDING.values(), ids=HIDING)
def test_no_line_contains_a_secret(event: Any) -> None:
    line = summary(event)
    assert is_line(line)
    assert SECRET not in line
    assert SECRET[:9] not in line


def test_hidden_values_are_marked() -> None:
    assert (
        summary(HIDING["instructions"])
        == "session.update session={realtime instructions=<redacted, 14 characters>}"
    )
    assert summary(HIDING["a client secret"]) == "session.created session={client_secret=<redacted>}"
    assert summary(HIDING["a key in a text"]).endswith('text="my key is <redacted>, keep it"}]}')
    assert summary(HIDING["metadata"]).endswith(
        "metadata={api-key=<redacted> session_token=<redacted> Password=<redacted>}}"
    )
    assert summary(HIDING["Live's instructions"]).endswith("content=<redacted, 14 characters>")
    nothing = live.SessionStart(
        session=live.LiveSession(model="m", safety_identifier=None, instructions=None)
    )
    assert summary(nothing).endswith("instructions=null safety_identifier=null}")


def test_a_system_message_hides_only_its_own_text() -> None:
    items = [message(realtime.InputText(text=role), role=role).item for role in ("system", "user")]
    line = summary(realtime.ResponseCreate(response=realtime.ResponseParams(input=items)))
    assert "{message role=user content=[{input_text text=user}]}" in line
    assert "text=<redacted, 6 characters>" in line


@pytest.mark.slow
def test_work_is_bounded() -> None:
    many = [
        msgspec.structs.replace(message(realtime.InputText(text="x" * 10_000)).item, id=str(n))
        for n in range(50_000)
    ]
    event = realtime.ResponseDone(response=realtime.Response(output=many))
    assert summary(event).startswith("response.done response={output=[{message id=0")
