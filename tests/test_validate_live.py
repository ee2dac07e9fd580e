"""Checks of a Live session's settings: one table of what is refused, and settings that are accepted."""

from __future__ import annotations

import json
from typing import Any

import pytest

import realtime as r
from realtime import live, spec


def session(**settings: Any) -> live.LiveSession:
    """Return settings from their JSON."""
    start = live.decode_client(json.dumps({"type": "session.start", "session": settings}))
    assert isinstance(start, live.SessionStart)
    return start.session


MODEL = {"model": "gpt-live-1"}
MESSAGE: dict[str, Any] = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "Hello."}],
}
TRIGGER = {
    "type": "decisions",
    "event_type": "session.input_transcript.delta",
    "decisions": {"questions": []},
}


def responses(**settings: Any) -> dict[str, Any]:
    return {**MODEL, "delegation": {"type": "responses", "responses": {"model": "gpt-5", **settings}}}


def message(role: str, kind: str | None) -> dict[str, Any]:
    return {"role": role, "content": [{"text": "x"} if kind is None else {"type": kind, "text": "x"}]}


GOOD: dict[str, dict[str, Any]] = {
    "a model": MODEL,
    "another model": {"model": "gpt-live-2"},
    **{
        f"{kind} at {rate}": {**MODEL, "audio": {"format": {"type": kind, "rate": rate}}}
        for kind, rates in spec.LIVE_RATES.items()
        for rate in rates
    },
    **{voice: {**MODEL, "audio": {"output": {"voice": voice}}} for voice in spec.LIVE_VOICES},
    "a custom voice": {**MODEL, "audio": {"output": {"voice": {"id": "v"}}}},
    "no delegation": {**MODEL, "delegation": None},
    "the client": {**MODEL, "delegation": {"type": "client", "acknowledgement_delay_ms": 0}},
    "a backend": responses(max_output_tokens=16, service_tier="priority", tools=[{"type": "web_search"}]),
    "decisions": {
        **MODEL,
        "delegation": {"type": "decisions", "decisions": {"model": "m", "questions": [{}]}},
    },
    "history": {
        **MODEL,
        "input": [
            message("developer", "input_text"),
            message("assistant", "text"),
            message("assistant", "output_text"),
            message("user", None),
        ]
        * 32,
    },
    "triggers": {
        **MODEL,
        "triggers": [TRIGGER, {**TRIGGER, "event_type": "session.output_transcript.delta"}],
    },
    "long instructions": {**MODEL, "instructions": "x" * 16_384},
}


@pytest.mark.parametrize("name", GOOD)
def test_settings_that_are_accepted(name: str) -> None:
    live.validate_live_session(session(**GOOD[name]))


BAD: dict[str, tuple[dict[str, Any], list[str]]] = {
    "no model": ({}, ["model"]),
    "a model of GA": ({"model": "gpt-realtime-2"}, ["model"]),
    **{
        f"{kind} at {rate}": (
            {**MODEL, "audio": {"format": {"type": kind, "rate": rate}}},
            ["audio.format.rate"],
        )
        for kind in spec.LIVE_RATES
        for rate in (48_000, 0)
    },
    "no rate": ({**MODEL, "audio": {"format": {"type": "audio/pcm"}}}, ["audio.format.rate"]),
    "another format": ({**MODEL, "audio": {"format": {"type": "audio/opus"}}}, ["audio.format.type"]),
    **{
        voice: ({**MODEL, "audio": {"output": {"voice": voice}}}, ["audio.output.voice"])
        for voice in ("fable", "nova", "onyx")
    },
    "permissions": ({**MODEL, "client": {"data_channel": {}}}, ["client"]),
    "too many messages": ({**MODEL, "input": [MESSAGE] * 129}, ["input"]),
    "too much history": (
        {**MODEL, "input": [message("user", None) | {"content": [{"text": "x" * 50_000}]}]},
        ["input"],
    ),
    "a system message": ({**MODEL, "input": [MESSAGE | {"role": "system"}]}, ["input[0].role"]),
    "two parts": (
        {**MODEL, "input": [MESSAGE, MESSAGE | {"content": MESSAGE["content"] * 2}]},
        ["input[1].content"],
    ),
    "no part": ({**MODEL, "input": [{"role": "user"}]}, ["input[0].content"]),
    "a part of another role": (
        {**MODEL, "input": [message("user", "output_text")]},
        ["input[0].content[0].type"],
    ),
    "too long instructions": ({**MODEL, "instructions": "x" * 100_000}, ["instructions"]),
    "an unknown delegate": ({**MODEL, "delegation": {"type": "oracle"}}, ["delegation.type"]),
    "a negative delay": (
        {**MODEL, "delegation": {"type": "client", "acknowledgement_delay_ms": -1}},
        ["delegation.acknowledgement_delay_ms"],
    ),
    "no backend": ({**MODEL, "delegation": {"type": "responses"}}, ["delegation.responses.model"]),
    "no questions": (
        {**MODEL, "delegation": {"type": "decisions", "decisions": {"model": "m"}}},
        ["delegation.decisions.questions"],
    ),
    "few tokens": (responses(max_output_tokens=15), ["delegation.responses.max_output_tokens"]),
    "a tier": (responses(service_tier="gold"), ["delegation.responses.service_tier"]),
    "tools": (
        responses(tools=[{"type": "function"}, {}, {"type": "function", "name": "f"}]),
        ["delegation.responses.tools[0].name", "delegation.responses.tools[1].type"],
    ),
    "a trigger of another event": (
        {**MODEL, "triggers": [{**TRIGGER, "event_type": "x"}]},
        ["triggers[0].event_type"],
    ),
    "a trigger of another type": (
        {**MODEL, "triggers": [{**TRIGGER, "type": "x"}, {"type": "x"}]},
        ["triggers[0].type", "triggers[1].type"],
    ),
    "two triggers": ({**MODEL, "triggers": [TRIGGER, TRIGGER]}, ["triggers[1].event_type"]),
    "several": ({"audio": {"format": {"type": "audio/pcmu", "rate": 1}}}, ["model", "audio.format.rate"]),
}


@pytest.mark.parametrize("name", BAD)
def test_settings_that_are_refused(name: str) -> None:
    settings, paths = BAD[name]
    with pytest.raises(r.ConfigError) as refused:
        live.validate_live_session(session(**settings))
    assert [path for path, _ in refused.value.problems] == paths


def parameters(value: Any) -> live.ResponsesDelegation:
    tool = live.FunctionTool(name="f", parameters=value)
    return live.ResponsesDelegation(responses=live.ResponsesConfig(model="m", tools=[tool]))


def backend(text: bytes) -> live.ResponsesDelegation:
    return live.ResponsesDelegation(responses=live.Json(text))  # type: ignore[arg-type]


ENDLESS: list[Any] = []
ENDLESS.append(ENDLESS)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"instructions": "\ud800"}, "the text is not valid Unicode"),
        ({"delegation": parameters(ENDLESS)}, "too deeply nested"),
        (
            {"delegation": backend(b'{"x":' + b"[" * 300 + b"]" * 300 + b"}")},
            "the frame nests deeper than 256",
        ),
        ({"delegation": backend(b'{"model"')}, "JSON is malformed"),
        ({"delegation": backend(b'{"model":"\xff"}')}, "the text is not valid Unicode"),
    ],
)
def test_settings_that_are_no_json_are_a_problem(settings: dict[str, Any], problem: str) -> None:
    with pytest.raises(r.ConfigError, match=f"^session: {problem}"):
        live.validate_live_session(live.LiveSession(model="gpt-live-1", **settings))


@pytest.mark.parametrize("transport", ["webrtc", "sip"])
def test_the_format_is_negotiated_by_media(transport: Any) -> None:
    settings = session(**MODEL, audio={"format": {"type": "audio/pcmu", "rate": 8000}})
    with pytest.raises(r.ConfigError, match=f"is negotiated by {transport}"):
        live.validate_live_session(settings, transport=transport)
    live.validate_live_session(session(**MODEL), transport=transport)


def test_permissions_are_for_webrtc() -> None:
    settings = session(**MODEL, client={"data_channel": {"allowed_client_events": "all"}})
    live.validate_live_session(settings, transport="webrtc")
    with pytest.raises(r.ConfigError, match="WebRTC"):
        live.validate_live_session(settings, transport="sip")


def test_a_fork_has_the_settings_of_its_origin() -> None:
    fork = session(store=True, delegation={"type": "responses", "responses": {"service_tier": "flex"}})
    live.validate_live_session(fork, is_fork=True)
    live.validate_live_session(session(), is_fork=True)
    with pytest.raises(r.ConfigError) as refused:
        live.validate_live_session(session(**MODEL, instructions="x"), is_fork=True)
    assert [path for path, _ in refused.value.problems] == ["model", "instructions"]


def test_arguments_are_checked() -> None:
    with pytest.raises(r.ConfigError, match="unknown transport 'carrier pigeon'"):
        live.validate_live_session(session(**MODEL), transport="carrier pigeon")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        live.validate_live_session(r.RealtimeSession())  # type: ignore[arg-type]


# --- Events --------------------------------------------------------------------------

PCM16, ULAW = r.AudioFormat.PCM16, r.AudioFormat.G711_ULAW
APPENDED = [live.SessionInstructionsAppend, live.SessionThinkingAppend, live.SessionCommentaryAppend]


@pytest.mark.parametrize(("format", "nbytes"), [(PCM16, 2), (ULAW, 1), ("audio/pcmu", 3), (PCM16, 4800)])
def test_audio_that_is_accepted(format: Any, nbytes: int) -> None:
    live.validate_live_event(live.SessionInputAudioAppend(audio=bytes(nbytes)), format=format)


@pytest.mark.parametrize(("format", "nbytes"), [(PCM16, 0), (ULAW, 0), (PCM16, 1), (PCM16, 4801)])
def test_audio_that_is_refused(format: Any, nbytes: int) -> None:
    with pytest.raises(r.AudioError):
        live.validate_live_event(live.SessionInputAudioAppend(audio=bytes(nbytes)), format=format)


def test_a_fixture_is_pcm16_of_30_seconds_at_most() -> None:
    for ms in (10, 30_000):
        live.validate_live_event(live.SessionOutputAudioFixturePlay(audio=PCM16.silence(ms)), format=ULAW)
    for audio in (b"", b"\0", PCM16.silence(30_010)):
        with pytest.raises(r.AudioError):
            live.validate_live_event(live.SessionOutputAudioFixturePlay(audio=audio), format=ULAW)


@pytest.mark.parametrize("kind", APPENDED)
def test_text_is_limited(kind: Any) -> None:
    for content in ("x", "x" * spec.MAX_LIVE_CONTENT_CHARS):
        live.validate_live_event(kind(content=content))
    for content in ("", "x" * (spec.MAX_LIVE_CONTENT_CHARS + 1)):
        with pytest.raises(r.EncodeError, match="characters"):
            live.validate_live_event(kind(content=content))


def test_other_events_pass() -> None:
    for event in (live.SessionClose(), live.ResponseCreate(), r.InputAudioBufferAppend(audio=b"")):
        live.validate_live_event(event)
    with pytest.raises(r.ConfigError):
        live.validate_live_event(live.SessionInputAudioAppend(audio=b"x"), format="opus")  # type: ignore[arg-type]
