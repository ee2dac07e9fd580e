"""Live only: bodies of other APIs as JSON, and settings without read-only members."""

from __future__ import annotations

import json

import msgspec
import pytest

from realtime import ConfigError, live

BODY = b'{"model": "gpt-5",\n "temperature": 1.0, "big": 1e2, "z": null}'
FRAME = b'{"type":"response.item.create","item":' + BODY + b"}"


def test_a_body_is_unchanged() -> None:
    event = live.decode_client(FRAME)
    assert isinstance(event, live.ResponseItemCreate)
    assert live.encode(event) == FRAME
    assert msgspec.json.decode(event.item)["model"] == "gpt-5"


def test_a_body_does_not_alias_its_frame() -> None:
    frame = bytearray(FRAME)
    event = live.decode_client(frame)
    frame.clear()
    assert live.encode(event) == FRAME


def test_a_user_supplied_body() -> None:
    event = live.ResponseItemCreate(item=msgspec.Raw(msgspec.json.encode({"type": "message", "content": []})))
    assert live.encode(event) == b'{"type":"response.item.create","item":{"type":"message","content":[]}}'


def test_bodies_in_lists_and_null_bodies() -> None:
    frame = (
        b'{"type":"session.start","session":{"model":"gpt-live-1",'
        b'"delegation":{"type":"responses","responses":null},"input":[{"a":1.0},{"b": 2}]}}'
    )
    event = live.decode_client(frame)
    assert isinstance(event, live.SessionStart)
    assert isinstance(event.session.delegation, live.ResponsesDelegation)
    assert event.session.delegation.responses is None
    assert live.encode(event) == frame


def test_an_unknown_delegation_is_retained() -> None:
    frame = b'{"type":"session.update","session":{"delegation":{"type":"oracle","x":1}}}'
    event = live.decode_client(frame)
    assert isinstance(event, live.SessionUpdate)
    assert event.session.delegation == live.UnknownDelegation("oracle", b'{"type":"oracle","x":1}')
    assert live.encode(event) == frame


def test_a_session_reported_by_the_server_starts_another() -> None:
    reported = live.LiveSessionInfo(
        id="s", status="active", expires_at=5, model="gpt-live-1", instructions="Be brief."
    )
    back = json.loads(live.encode(live.SessionStart(session=reported)))["session"]
    assert back == {"model": "gpt-live-1", "instructions": "Be brief."}


def test_limits_are_checked_in_every_dialect() -> None:
    with pytest.raises(ConfigError):
        live.Codec(max_depth=0)


@pytest.mark.parametrize(
    "kind", [live.SessionInstructionsAppend, live.SessionThinkingAppend, live.SessionCommentaryAppend]
)
def test_the_delegation_of_a_text_is_always_sent(kind: type[live.SessionThinkingAppend]) -> None:
    assert json.loads(live.encode(kind(content="x"))) == {
        "type": kind.__struct_config__.tag,
        "delegation_id": None,
        "content": "x",
    }
