"""Session differences: the requested settings that the server does not have, formats first."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st
from msgspec import UNSET, Raw

import realtime
from realtime import beta, live
from realtime.providers import PROVIDERS
from realtime.state import SessionDifference, session_differences
from tests import cases

PCM, PCMU = {"type": "audio/pcm", "rate": 24000}, {"type": "audio/pcmu"}


def session(**settings: Any) -> dict[str, Any]:
    return {"type": "realtime", **settings}


def sides(input: Any = None, output: Any = None, **more: Any) -> dict[str, Any]:
    """A session with these settings of its audio."""
    audio = {"input": input, "output": output}
    return session(audio={side: value for side, value in audio.items() if value is not None}, **more)


def sentences(requested: Any, actual: Any) -> list[str]:
    return [*map(str, session_differences(requested, actual))]


# --- Formats -------------------------------------------------------------------------


def test_a_format_that_the_server_did_not_apply() -> None:
    """PatterAI/Patter#154, openai/openai-agents-js#1366: PCM16 arrived instead of the requested mu-law."""
    requested = realtime.SessionUpdate(session=realtime.create_session_config(format="g711_ulaw"))
    frame = {"type": "session.updated", "session": {**sides({"format": PCMU}, {"format": PCM}), "id": "s"}}
    found = session_differences(requested, realtime.decode_server(json.dumps(frame)))
    assert str(found[0]) == "requested audio/pcmu for audio.output.format, but the server sends audio/pcm"
    assert found[0].is_audio_format
    assert (found[0].path, found[0].requested, found[0].actual) == ("audio.output.format", PCMU, PCM)
    assert not any(difference.is_audio_format for difference in found[1:])


def test_a_format_of_beta_that_the_server_did_not_apply() -> None:
    """openai/openai-realtime-api-beta#18: g711_ulaw was requested for both directions, one was pcm16."""
    requested = beta.RealtimeSessionConfig(input_audio_format="g711_ulaw", output_audio_format="g711_ulaw")
    actual = beta.RealtimeSessionInfo(input_audio_format="pcm16", output_audio_format="g711_ulaw")
    assert sentences(beta.SessionUpdate(session=requested), beta.SessionUpdated(session=actual)) == [
        "requested audio/pcmu for input_audio_format, but the server expects audio/pcm"
    ]


def test_a_sample_rate_of_live_that_the_server_did_not_apply() -> None:
    requested = live.LiveSession(
        model="gpt-live-1", audio=live.LiveAudio(format=realtime.PcmFormat(rate=16000))
    )
    actual = live.LiveSessionInfo(
        model="gpt-live-1", id="s", expires_at=0, status="active",
        audio=live.LiveAudio(format=realtime.PcmFormat(rate=24000)),
    )  # fmt: skip
    assert sentences(live.SessionStart(session=requested), live.SessionStarted(session=actual)) == [
        "requested audio/pcm at 16000 Hz for audio.format, but the server uses audio/pcm"
    ]


@pytest.mark.parametrize(
    ("requested", "got", "actual"),
    [
        (PCMU, None, "sends null"),
        (PCMU, UNSET, "does not report it"),
        (PCMU, {"type": "audio/opus"}, "sends audio/opus"),
        (PCMU, {"type": "audio/opus", "rate": 48000}, "sends audio/opus at 48000 Hz"),
        (PCMU, {"rate": 8000}, 'sends {"rate":8000}'),
        (PCMU, 5, "sends 5"),
        ({"type": "audio/opus"}, PCM, "sends audio/pcm"),
    ],
)
def test_formats_of_any_kind(requested: Any, got: Any, actual: str) -> None:
    output = {} if got is UNSET else {"format": got}
    (difference,) = session_differences(sides(None, {"format": requested}), sides(None, output))
    assert difference.is_audio_format
    assert str(difference).endswith(f" for audio.output.format, but the server {actual}")


@pytest.mark.parametrize("got", [PCM, {"type": "audio/pcm"}, "pcm16", "audio/pcm", "PCM"])
@pytest.mark.parametrize("requested", [PCM, {"type": "audio/pcm"}, "pcm16", None, {}])
def test_formats_are_compared_by_what_they_mean(requested: Any, got: Any) -> None:
    assert session_differences(sides({"format": requested}), sides({"format": got})) == []


def test_formats_come_first() -> None:
    requested = session(model="a", audio={"input": {"format": PCMU}}, tools=[])
    actual = session(model="b", audio={"input": {"format": PCM}}, tools=[{"type": "function", "name": "f"}])
    assert [difference.path for difference in session_differences(requested, actual)] == [
        "audio.input.format", "model", "tools",
    ]  # fmt: skip


# --- Equal ---------------------------------------------------------------------------

SAME: dict[str, tuple[Any, Any]] = {
    "nothing was requested": (session(), session(model="m", audio={"input": {"format": PCM}}, tools=[{}])),
    "defaults of the server": (
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


@pytest.mark.parametrize(("requested", "actual"), SAME.values(), ids=SAME)
def test_equal_settings(requested: Any, actual: Any) -> None:
    assert session_differences(requested, actual) == []


@pytest.mark.parametrize(
    ("dialect", "frame"), [(d, f) for d, s, f in cases.ALL if s == "server" and '"session":{' in f]
)
def test_a_session_equals_itself(dialect: str, frame: str) -> None:
    event = cases.decoder(dialect, "server")(frame)
    assert session_differences(event, event) == []
    if hasattr(event.session, "settings"):
        assert session_differences(event.session.settings(), event) == []


# --- Different -----------------------------------------------------------------------

DIFFERENT: dict[str, tuple[Any, Any, list[str]]] = {
    "a number": (
        sides({"turn_detection": {"type": "server_vad", "threshold": 0.5}}),
        sides({"turn_detection": {"type": "server_vad", "threshold": 0.8}}),
        ["requested 0.5 for audio.input.turn_detection.threshold, but the server has 0.8"],
    ),
    "a kind": (
        sides({"turn_detection": {"type": "semantic_vad", "eagerness": "low"}}),
        sides({"turn_detection": {"type": "server_vad", "threshold": 0.5}}),
        ['requested "semantic_vad" for audio.input.turn_detection.type, but the server has "server_vad"'],
    ),
    "off": (
        sides({"turn_detection": {"type": "server_vad"}}),
        sides({"turn_detection": None}),
        ['requested {"type":"server_vad"} for audio.input.turn_detection, but the server has null'],
    ),
    "on": (
        sides({"transcription": None}),
        sides({"transcription": {"model": "whisper-1"}}),
        ['requested null for audio.input.transcription, but the server has {"model":"whisper-1"}'],
    ),
    "not reported": (
        sides({"transcription": {"model": "whisper-1"}}, {"voice": "marin"}),
        session(),
        [
            'requested "whisper-1" for audio.input.transcription.model, but the server does not report it',
            'requested "marin" for audio.output.voice, but the server does not report it',
        ],
    ),
    "a text": (
        session(instructions="x" * 500), session(instructions="y" * 500),
        ['requested "' + "x" * 76 + '... for instructions, but the server has "' + "y" * 76 + "..."],
    ),
    "a boolean": (
        session(parallel_tool_calls=True), session(parallel_tool_calls=1),
        ["requested true for parallel_tool_calls, but the server has 1"],
    ),
    "another model": (
        session(model="gpt-realtime"), session(model="gpt-realtime-mini"),
        ['requested "gpt-realtime" for model, but the server has "gpt-realtime-mini"'],
    ),
    "a snapshot of another date": (
        session(model="gpt-realtime-2025-08-28"), session(model="gpt-realtime-2026-01-01"),
        ['requested "gpt-realtime-2025-08-28" for model, but the server has "gpt-realtime-2026-01-01"'],
    ),
    "a list": (
        session(output_modalities=["audio"]), session(output_modalities=["text"]),
        ['requested ["audio"] for output_modalities, but the server has ["text"]'],
    ),
    "no list": (
        session(include=["a"]), session(include=None),
        ['requested ["a"] for include, but the server has null'],
    ),
    "a voice of one's own": (
        sides(None, {"voice": {"id": "voice_1"}}), sides(None, {"voice": "alloy"}),
        ['requested {"id":"voice_1"} for audio.output.voice, but the server has "alloy"'],
    ),
    "a tool that is not there": (
        session(tools=[{"type": "function", "name": "f"}]), session(tools=[]),
        ['requested {"type":"function","name":"f"} for tools[0], but the server does not report it'],
    ),
    "a tool more": (
        session(tools=[{"type": "function", "name": "f"}]),
        session(tools=[{"type": "function", "name": "f"}, {"type": "function", "name": "g"}]),
        ['requested ["function f"] for tools, but the server has ["function f","function g"]'],
    ),
    "a tool's description": (
        session(tools=[{"type": "function", "name": "f"}, {"type": "function", "name": "g", "description": "a"}]),
        session(tools=[{"type": "function", "name": "g", "description": "b"}, {"type": "function", "name": "f"}]),
        ['requested "a" for tools[1].description, but the server has "b"'],
    ),
    "objects without names": (
        {"triggers": [{"event_type": "a"}, {"event_type": "b"}]},
        {"triggers": [{"event_type": "a"}, {"event_type": "c", "id": 5}]},
        ['requested "b" for triggers[1].event_type, but the server has "c"'],
    ),
    "objects without names, one less": (
        {"triggers": [{"event_type": "a"}]}, {"triggers": []},
        ['requested [{"event_type":"a"}] for triggers, but the server has []'],
    ),
    "a key in a text": (
        session(instructions="use sk-abcdefgh1234"), session(instructions="x"),
        ['requested "use <redacted>" for instructions, but the server has "x"'],
    ),
    "a credential in a tool that is not there": (
        session(tools=[{"type": "mcp", "server_label": "s", "authorization": "hush"}]), session(tools=[]),
        [
            'requested {"type":"mcp","server_label":"s","authorization":"<redacted>"} for tools[0], '
            "but the server does not report it"
        ],
    ),
    "another kind of session": (
        session(model="m"), {"type": "transcription"},
        ['requested "realtime" for type, but the server has "transcription"'],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("requested", "actual", "expected"), DIFFERENT.values(), ids=DIFFERENT)
def test_different_settings(requested: Any, actual: Any, expected: list[str]) -> None:
    assert sentences(requested, actual) == expected
    assert sentences({"type": "session.update", "session": requested}, {"session": actual}) == expected
    for difference in session_differences(requested, actual):
        assert not difference.is_audio_format
        assert repr(difference) == f"<SessionDifference: {difference}>"
        assert len(str(difference)) < 300


@pytest.mark.parametrize(("requested", "actual"), [(0.5, 10**400), (10**400, 0.5)])
def test_a_number_that_no_float_can_hold(requested: Any, actual: Any) -> None:
    (found,) = session_differences(session(max_output_tokens=requested), session(max_output_tokens=actual))
    assert (found.requested, found.actual) == (requested, actual)


def test_structs_are_compared_as_json() -> None:
    requested = realtime.RealtimeSession(
        model="gpt-realtime-2",
        max_output_tokens="inf",
        audio=realtime.AudioConfig(
            input=realtime.AudioInput(
                turn_detection=realtime.UnknownTurnDetection("new_vad", b'{"type":"new_vad","depth":1}')
            )
        ),
    )
    actual = realtime.RealtimeSessionInfo(
        model="gpt-realtime-2",
        max_output_tokens=4096,
        audio=realtime.AudioConfig(
            input=realtime.AudioInput(
                turn_detection=realtime.UnknownTurnDetection("new_vad", b'{"type":"new_vad","depth":2}')
            )
        ),
    )
    assert sentences(requested, actual) == [
        "requested 1 for audio.input.turn_detection.depth, but the server has 2",
        'requested "inf" for max_output_tokens, but the server has 4096',
    ]
    assert sentences(realtime.UnknownSession("later", b'{"type":"later","a":1}'), {"type": "later", "a": 2})


def test_bodies_of_other_apis_are_compared_as_json() -> None:
    def delegating(body: Any) -> Any:
        delegation = live.ResponsesDelegation(responses=body)
        return live.SessionUpdate(session=live.LiveSessionUpdate(delegation=delegation))

    config = live.ResponsesConfig
    for body in (config(model="a"), Raw(b'{"model":"a"}')):
        for other in (config(model="a", instructions="x"), Raw(b'{ "x":1, "model": "a"}')):
            assert session_differences(delegating(body), delegating(other)) == []
        for other in (config(model="b"), Raw(b'{"model":"b"}')):
            assert sentences(delegating(body), delegating(other)) == [
                'requested "a" for delegation.responses.model, but the server has "b"'
            ]


def test_other_objects_are_errors() -> None:
    good = realtime.RealtimeSession()
    for wrong in (None, 5, "session", realtime.InputAudioBufferCommit):
        with pytest.raises(TypeError, match="expected a session"):
            session_differences(wrong, good)
        with pytest.raises(TypeError, match="expected a session"):
            session_differences(good, wrong)
    assert session_differences(realtime.UnknownSession("x", b"[1]"), good) == []
    for bad in (realtime.RealtimeSession(model=object()), realtime.UnknownSession("x", b"{")):  # type: ignore[arg-type]
        with pytest.raises(realtime.EncodeError):
            session_differences(good, bad)


def test_differences_are_values() -> None:
    one, two = (SessionDifference("a.b", 1, UNSET) for _ in range(2))
    assert one == two
    assert str(one) == "requested 1 for a.b, but the server does not report it"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=3),
    lambda values: (
        st.lists(values, max_size=3) | st.dictionaries(st.text("abt.", max_size=3), values, max_size=3)
    ),
    max_leaves=12,
)
sessions = st.dictionaries(st.sampled_from(["type", "audio", "tools", "model", "x"]), json_values, max_size=4)


@given(sessions, sessions)
def test_any_two_objects_can_be_compared(requested: Any, actual: Any) -> None:
    assert session_differences(requested, requested) == []
    for difference in session_differences(requested, actual):
        assert str(difference).startswith("requested ")
    if not session_differences(requested, actual):
        for key, value in requested.items():
            if isinstance(value, str) and value and key != "model":
                assert actual[key] == value


# --- Providers ----------------------------------------------------------------------------


def test_formats_are_compared_in_the_spellings_of_the_provider() -> None:
    requested = {"input_audio_format": "pcm16", "output_audio_format": "pcm24"}
    reported = {"input_audio_format": "pcm", "output_audio_format": "pcm"}
    for provider in ("qwen", PROVIDERS["qwen"]):
        assert session_differences(requested, reported, provider=provider) == []
    [difference] = session_differences(requested, reported)
    assert str(difference) == 'requested "pcm24" for output_audio_format, but the server sends audio/pcm'
    [difference] = session_differences(
        {"input_audio_format": {"type": "pcm", "sample_rate": 8000}}, reported, provider="qwen"
    )
    assert str(difference) == (
        "requested audio/pcm at 8000 Hz for input_audio_format, but the server expects audio/pcm at 16000 Hz"
    )
    assert hash(SessionDifference("a", 1, 2, PROVIDERS["qwen"])) == hash(SessionDifference("a", 1, 2))
    with pytest.raises(realtime.ConfigError, match="unknown provider"):
        session_differences({}, {}, provider="qwem")  # type: ignore[arg-type]
