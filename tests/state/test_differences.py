"""Session differences: what was asked for and is not so, formats first, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import UNSET, Raw

import realtime
from realtime import beta, live
from realtime.state import SessionDifference, session_differences
from tests import cases

PCM, PCMU = {"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}


def session(**settings: Any) -> dict[str, Any]:
    return {"type": "realtime", **settings}


def sides(input: Any = None, output: Any = None, **more: Any) -> dict[str, Any]:
    """A session with these settings of its audio."""
    audio = {"input": input, "output": output}
    return session(audio={side: value for side, value in audio.items() if value is not None}, **more)


def sentences(asked: Any, told: Any) -> list[str]:
    return [*map(str, session_differences(asked, told))]


# --- Formats -------------------------------------------------------------------------


def test_a_format_that_was_not_taken_is_told_before_anybody_hears_noise() -> None:
    """PatterAI/Patter#154, openai/openai-agents-js#1366: PCM16 arrived where mu-law was asked for."""
    asked = realtime.SessionUpdate(session=realtime.create_session_config(format="g711_ulaw"))
    frame = {"type": "session.updated", "session": {**sides({"format": PCMU}, {"format": PCM}), "id": "s"}}
    found = session_differences(asked, realtime.decode_server(json.dumps(frame)))
    assert str(found[0]) == "you asked for audio/pcmu in audio.output.format, the server sends audio/pcm"
    assert found[0].is_audio_format
    assert (found[0].path, found[0].asked, found[0].got) == ("audio.output.format", PCMU, PCM)
    assert not any(difference.is_audio_format for difference in found[1:])


def test_a_format_of_the_beta_dialect_that_was_not_taken() -> None:
    """openai/openai-realtime-api-beta#18: g711_ulaw was asked for both ways, and one way was pcm16."""
    asked = beta.RealtimeSessionConfig(input_audio_format="g711_ulaw", output_audio_format="g711_ulaw")
    told = beta.RealtimeSessionInfo(input_audio_format="pcm16", output_audio_format="g711_ulaw")
    assert sentences(beta.SessionUpdate(session=asked), beta.SessionUpdated(session=told)) == [
        "you asked for audio/pcmu in input_audio_format, the server expects audio/pcm"
    ]


def test_a_rate_of_live_that_was_not_taken() -> None:
    asked = live.LiveSession(model="gpt-live-1", audio=live.LiveAudio(format=realtime.PcmFormat(rate=16000)))
    told = live.LiveSessionInfo(
        model="gpt-live-1", id="s", expires_at=0, status="active",
        audio=live.LiveAudio(format=realtime.PcmFormat(rate=24000)),
    )  # fmt: skip
    assert sentences(live.SessionStart(session=asked), live.SessionStarted(session=told)) == [
        "you asked for audio/pcm at 16000 Hz in audio.format, the server speaks audio/pcm"
    ]


@pytest.mark.parametrize(
    ("asked", "got", "told"),
    [
        (PCMU, None, "has nothing"),
        (PCMU, UNSET, "does not say"),
        (PCMU, {"type": "audio/opus"}, "sends audio/opus"),
        (PCMU, {"type": "audio/opus", "rate": 48000}, "sends audio/opus at 48000 Hz"),
        (PCMU, {"rate": 8000}, 'sends {"rate":8000}'),
        (PCMU, 5, "sends 5"),
        ({"type": "audio/opus"}, PCM, "sends audio/pcm"),
    ],
)
def test_formats_of_any_kind_are_told(asked: Any, got: Any, told: str) -> None:
    output = {} if got is UNSET else {"format": got}
    (difference,) = session_differences(sides(None, {"format": asked}), sides(None, output))
    assert difference.is_audio_format
    assert str(difference).endswith(
        f"in audio.output.format, the server {told}".replace("has nothing", "sends null")
    )


@pytest.mark.parametrize("got", [PCM, {"type": "audio/pcm"}, "pcm16", "audio/pcm", "PCM"])
@pytest.mark.parametrize("asked", [PCM, {"type": "audio/pcm"}, "pcm16", None, {}])
def test_formats_are_compared_by_what_they_mean(asked: Any, got: Any) -> None:
    assert session_differences(sides({"format": asked}), sides({"format": got})) == []


def test_formats_come_first() -> None:
    asked = session(model="a", audio={"input": {"format": PCMU}}, tools=[])
    told = session(model="b", audio={"input": {"format": PCM}}, tools=[{"type": "function", "name": "f"}])
    assert [difference.path for difference in session_differences(asked, told)] == [
        "audio.input.format", "model", "tools",
    ]  # fmt: skip


# --- What is none --------------------------------------------------------------------

SAME: dict[str, tuple[Any, Any]] = {
    "nothing was asked for": (session(), session(model="m", audio={"input": {"format": PCM}}, tools=[{}])),
    "defaults of the server's": (
        sides({"turn_detection": {"type": "server_vad", "threshold": 0.5}}),
        sides({"turn_detection": {"type": "server_vad", "threshold": 0.5, "silence_duration_ms": 500}}),
    ),
    "null is absent": (sides({"turn_detection": None}), sides({})),
    "null is null": (sides({"turn_detection": None}), sides({"turn_detection": None})),
    "cleared texts and lists": (session(instructions="", tools=[]), session(instructions=None)),
    "an empty object": (sides({"transcription": {}}), session()),
    "the snapshot of a model": (
        session(model="gpt-realtime", audio={"input": {"transcription": {"model": "gpt-4o-transcribe"}}}),
        session(
            model="gpt-realtime-2025-08-28",
            audio={"input": {"transcription": {"model": "gpt-4o-transcribe-2025-12-15"}}},
        ),
    ),
    "integers and floats": (sides(None, {"speed": 1}), sides(None, {"speed": 1.0})),
    "floats of 32 bits": (sides(None, {"speed": 1.1}), sides(None, {"speed": 1.100000023841858})),
    "the order of modalities": (session(include=["a", "b"]), session(include=["b", "a"])),
    "the order of tools": (
        session(tools=[{"type": "function", "name": "f"}, {"type": "mcp", "server_label": "s"}]),
        session(tools=[{"type": "mcp", "server_label": "s"}, {"type": "function", "name": "f", "strict": False}]),
    ),
    "nested tools of the beta dialect": (
        {"tools": [{"type": "function", "function": {"name": "f", "description": "d"}}]},
        {"tools": [{"type": "function", "name": "f", "description": "d"}]},
    ),
    "credentials": (
        session(tools=[{"type": "mcp", "server_label": "s", "authorization": "a", "headers": {"x": "y"}}]),
        session(tools=[{"type": "mcp", "server_label": "s", "authorization": "***"}]),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "told"), SAME.values(), ids=SAME)
def test_what_is_no_difference(asked: Any, told: Any) -> None:
    assert session_differences(asked, told) == []


@pytest.mark.parametrize(
    ("dialect", "frame"),
    [(d, f) for d, s, f in cases.ALL if s == "server" and '"session":{' in f],
)
def test_a_session_is_as_itself(dialect: str, frame: str) -> None:
    event = cases.decoder(dialect, "server")(frame)
    assert session_differences(event, event) == []
    if hasattr(event.session, "settings"):
        assert session_differences(event.session.settings(), event) == []


# --- What is one ---------------------------------------------------------------------

DIFFERENT: dict[str, tuple[Any, Any, list[str]]] = {
    "a number": (
        sides({"turn_detection": {"type": "server_vad", "threshold": 0.5}}),
        sides({"turn_detection": {"type": "server_vad", "threshold": 0.8}}),
        ["you asked for 0.5 in audio.input.turn_detection.threshold, the server has 0.8"],
    ),
    "a kind": (
        sides({"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}),
        sides({"turn_detection": {"type": "server_vad", "threshold": 0.5}}),
        ['you asked for "semantic_vad" in audio.input.turn_detection.type, the server has "server_vad"'],
    ),
    "off": (
        sides({"turn_detection": {"type": "server_vad"}}),
        sides({"turn_detection": None}),
        ['you asked for {"type":"server_vad"} in audio.input.turn_detection, the server has null'],
    ),
    "on": (
        sides({"transcription": None}),
        sides({"transcription": {"model": "whisper-1"}}),
        ['you asked for null in audio.input.transcription, the server has {"model":"whisper-1"}'],
    ),
    "not told": (
        sides({"transcription": {"model": "whisper-1"}}, {"voice": "marin"}),
        session(),
        [
            'you asked for "whisper-1" in audio.input.transcription.model, the server does not say',
            'you asked for "marin" in audio.output.voice, the server does not say',
        ],
    ),
    "a text": (
        session(instructions="x" * 500), session(instructions="y" * 500),
        ['you asked for "' + "x" * 76 + '... in instructions, the server has "' + "y" * 76 + "..."],
    ),
    "a boolean": (
        session(parallel_tool_calls=True), session(parallel_tool_calls=1),
        ["you asked for true in parallel_tool_calls, the server has 1"],
    ),
    "another model": (
        session(model="gpt-realtime"), session(model="gpt-realtime-mini"),
        ['you asked for "gpt-realtime" in model, the server has "gpt-realtime-mini"'],
    ),
    "a snapshot of another date": (
        session(model="gpt-realtime-2025-08-28"), session(model="gpt-realtime-2026-01-01"),
        ['you asked for "gpt-realtime-2025-08-28" in model, the server has "gpt-realtime-2026-01-01"'],
    ),
    "a list": (
        session(output_modalities=["audio"]), session(output_modalities=["text"]),
        ['you asked for ["audio"] in output_modalities, the server has ["text"]'],
    ),
    "no list": (
        session(include=["a"]), session(include=None),
        ['you asked for ["a"] in include, the server has null'],
    ),
    "a voice of one's own": (
        sides(None, {"voice": {"id": "voice_1"}}), sides(None, {"voice": "alloy"}),
        ['you asked for {"id":"voice_1"} in audio.output.voice, the server has "alloy"'],
    ),
    "a tool that is not there": (
        session(tools=[{"type": "function", "name": "f"}]), session(tools=[]),
        ['you asked for {"type":"function","name":"f"} in tools[0], the server does not say'],
    ),
    "a tool more": (
        session(tools=[{"type": "function", "name": "f"}]),
        session(tools=[{"type": "function", "name": "f"}, {"type": "function", "name": "g"}]),
        ['you asked for ["function f"] in tools, the server has ["function f","function g"]'],
    ),
    "a tool's description": (
        session(tools=[{"type": "function", "name": "f"}, {"type": "function", "name": "g", "description": "a"}]),
        session(tools=[{"type": "function", "name": "g", "description": "b"}, {"type": "function", "name": "f"}]),
        ['you asked for "a" in tools[1].description, the server has "b"'],
    ),
    "objects without names": (
        {"triggers": [{"event_type": "a"}, {"event_type": "b"}]},
        {"triggers": [{"event_type": "a"}, {"event_type": "c", "id": 5}]},
        ['you asked for "b" in triggers[1].event_type, the server has "c"'],
    ),
    "objects without names, one less": (
        {"triggers": [{"event_type": "a"}]}, {"triggers": []},
        ['you asked for [{"event_type":"a"}] in triggers, the server has []'],
    ),
    "a key in a text": (
        session(instructions="use sk-abcdefgh1234"), session(instructions="x"),
        ['you asked for "use <redacted>" in instructions, the server has "x"'],
    ),
    "a credential in a tool that is not there": (
        session(tools=[{"type": "mcp", "server_label": "s", "authorization": "hush"}]), session(tools=[]),
        [
            'you asked for {"type":"mcp","server_label":"s","authorization":"<redacted>"} in tools[0], '
            "the server does not say"
        ],
    ),
    "another kind of session": (
        session(model="m"), {"type": "transcription"},
        ['you asked for "realtime" in type, the server has "transcription"'],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("asked", "told", "expected"), DIFFERENT.values(), ids=DIFFERENT)
def test_what_is_a_difference(asked: Any, told: Any, expected: list[str]) -> None:
    assert sentences(asked, told) == expected
    assert sentences({"type": "session.update", "session": asked}, {"session": told}) == expected
    for difference in session_differences(asked, told):
        assert not difference.is_audio_format
        assert repr(difference) == f"<SessionDifference: {difference}>"
        assert len(str(difference)) < 300


def test_structs_are_compared_as_they_go_over_the_wire() -> None:
    asked = realtime.RealtimeSession(
        model="gpt-realtime-2",
        max_output_tokens="inf",
        audio=realtime.AudioConfig(
            input=realtime.AudioInput(
                turn_detection=realtime.UnknownTurnDetection("new_vad", b'{"type":"new_vad","depth":1}')
            )
        ),
    )
    told = realtime.RealtimeSessionInfo(
        model="gpt-realtime-2",
        max_output_tokens=4096,
        audio=realtime.AudioConfig(
            input=realtime.AudioInput(
                turn_detection=realtime.UnknownTurnDetection("new_vad", b'{"type":"new_vad","depth":2}')
            )
        ),
    )
    assert sentences(asked, told) == [
        "you asked for 1 in audio.input.turn_detection.depth, the server has 2",
        'you asked for "inf" in max_output_tokens, the server has 4096',
    ]
    assert sentences(realtime.UnknownSession("later", b'{"type":"later","a":1}'), {"type": "later", "a": 2})


def test_bodies_of_other_apis_are_compared_as_json() -> None:
    def delegating(body: bytes) -> Any:
        delegation = live.ResponsesDelegation(responses=Raw(body))
        return live.SessionUpdate(session=live.LiveSessionUpdate(delegation=delegation))

    assert session_differences(delegating(b'{"model":"a"}'), delegating(b'{ "x":1, "model": "a"}')) == []
    assert sentences(delegating(b'{"model":"a"}'), delegating(b'{"model":"b"}')) == [
        'you asked for "a" in delegation.responses.model, the server has "b"'
    ]


def test_what_is_no_session_is_the_callers_error() -> None:
    good = realtime.RealtimeSession()
    for wrong in (None, 5, "session", realtime.InputAudioBufferCommit):
        with pytest.raises(TypeError, match="a session is needed"):
            session_differences(wrong, good)
        with pytest.raises(TypeError, match="a session is needed"):
            session_differences(good, wrong)
    assert session_differences(realtime.UnknownSession("x", b"[1]"), good) == []
    for bad in (realtime.RealtimeSession(model=object()), realtime.UnknownSession("x", b"{")):  # type: ignore[arg-type]
        with pytest.raises(realtime.EncodeError):
            session_differences(good, bad)


def test_differences_are_values() -> None:
    one, two = (SessionDifference("a.b", 1, UNSET) for _ in range(2))
    assert one == two
    assert str(one) == "you asked for 1 in a.b, the server does not say"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.text("abt.", max_size=3), values, max_size=3)
    ),
    max_leaves=12,
)
sessions = st.dictionaries(st.sampled_from(["type", "audio", "tools", "model", "x"]), json_values, max_size=4)


@given(sessions, sessions)
def test_any_two_objects_can_be_compared(asked: Any, told: Any) -> None:
    assert session_differences(asked, asked) == []
    for difference in session_differences(asked, told):
        assert "you asked for" in str(difference)
    if not session_differences(asked, told):
        for key, value in asked.items():
            if isinstance(value, str) and value and key != "model":
                assert told[key] == value
