"""ServerProtocol: the same interface for every dialect, for frames and events."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

import realtime as r
from realtime import beta, live, translation
from realtime.testing import ServerProtocol
from realtime.testing.protocol import DIALECTS
from tests.testing.helpers import COMMIT, PCM16, RESPOND, append, audio_of, formats, refusal, tone

MODULES: dict[str, ModuleType] = {"ga": r, "beta": beta, "translation": translation, "live": live}
# A Live session begins when its client has stated the settings.
START = live.SessionStart(session=live.LiveSession(model="gpt-live-1"))
DIALECT = pytest.mark.parametrize("dialect", DIALECTS)


def first_event(session: ServerProtocol) -> Any:
    return [*session.open(), *session.feed(live.encode(START))][0]


@DIALECT
def test_every_dialect_has_the_same_interface(dialect: Any) -> None:
    model = "gpt-live-1" if dialect == "live" else "some-model"
    session = ServerProtocol(dialect=dialect, model=model, session_id="sess_1", expires_at=99)
    created = first_event(session)
    assert created.type == ("session.started" if dialect == "live" else "session.created")
    info = MODULES[dialect].decode_server(session.encode(created)).session
    assert (info.id, info.model, info.expires_at) == ("sess_1", model, 99)
    assert not session.is_responding
    assert not session.is_closed
    assert session.advance() == []


@DIALECT
def test_every_dialect_has_a_default_model(dialect: Any) -> None:
    created = first_event(ServerProtocol(dialect=dialect))
    assert created.session.model == DIALECTS[dialect].default_model


@DIALECT
def test_an_unknown_type_is_refused_with_the_types_of_the_dialect(dialect: Any) -> None:
    (event,) = ServerProtocol(dialect=dialect).feed('{"type":"session.dance","event_id":"e1"}')
    error = event.error
    event_id = error.client_event_id if dialect == "live" else error.event_id
    assert (error.code, error.param, event_id) == ("invalid_value", "type", "e1")
    *names, last = [f"'{name}'" for name in DIALECTS[dialect].client_types]
    listed = f"{', '.join(names)}, and {last}"
    assert error.message == f"Invalid value: 'session.dance'. Supported values are: {listed}."
    client_events = r.codec.event_classes(MODULES[dialect].ClientEvent)
    of_sideband = {"transport.dtmf.send"} if dialect == "live" else set()
    types = {event.__struct_config__.tag for event in client_events}
    assert {*DIALECTS[dialect].client_types} == types - of_sideband


@DIALECT
def test_event_ids_are_numbered(dialect: Any) -> None:
    session = ServerProtocol(dialect=dialect)
    events = [*session.open(), *session.feed("{}"), *session.feed("{}")]
    assert [event.event_id for event in events] == [f"event_{i:08}" for i in range(1, len(events) + 1)]


def test_events_and_frames_give_the_same_replies() -> None:
    by_event, by_frame = ServerProtocol(), ServerProtocol()
    for event in (formats(), append(tone(PCM16, 300)), COMMIT, RESPOND, COMMIT):
        assert by_event.feed(event) == by_frame.feed(r.encode(event))
    assert audio_of(by_event.feed(RESPOND)) == audio_of(by_frame.feed(memoryview(r.encode(RESPOND))))


def test_a_fed_event_is_checked_as_on_the_wire() -> None:
    """A server event encodes to a frame, which no client may send."""
    assert refusal(ServerProtocol().feed(r.InputAudioBufferCleared())).param == "type"
    fixed = r.SessionUpdate(session=r.RealtimeSession(model="other"))
    assert refusal(ServerProtocol(dialect="translation").feed(r.encode(fixed))).param == "session.model"


@pytest.mark.parametrize("message", [None, 7, object()], ids=["None", "7", "object"])
def test_anything_else_is_a_type_error(message: Any) -> None:
    with pytest.raises(TypeError):
        ServerProtocol().feed(message)


def test_an_unknown_dialect_is_a_config_error() -> None:
    with pytest.raises(r.ConfigError, match=r"unknown dialect 'klingon'; known are ga, beta, translation"):
        ServerProtocol(dialect="klingon")  # type: ignore[arg-type]


def test_an_unknown_format_is_a_config_error() -> None:
    with pytest.raises(r.ConfigError):
        ServerProtocol(force_format="mp3")  # type: ignore[arg-type]
