"""The other servers: for each provider a call from the first frame to usage, its formats, its own members and events."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import realtime as r
from realtime import AudioFormat
from realtime.audio import SAMPLE_RATES
from realtime.codec import event_classes
from realtime.providers import PROVIDERS, Provider
from realtime.testing import Call, LoopbackServer, Say, ServerProtocol
from realtime.testing.quirks import QUIRKS
from tests.testing.helpers import connect

ROWS = [pytest.param(row, id=row.name) for row in PROVIDERS.values()]
TALKING = [pytest.param(row, id=row.name) for row in PROVIDERS.values() if row.output_formats]
RECORDED = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "providers" / "frames.jsonl").read_text("utf-8").splitlines()
]
COMMIT = {"type": "input_audio_buffer.commit", "final": True}
RESPOND = {"type": "response.create"}
STRUCTURAL = {"unknown_parameter", "missing_required_parameter", "invalid_type"}


def update(row: Provider, **session: Any) -> dict[str, Any]:
    """Return an update without turn detection and with transcription, in the provider's base dialect."""
    if row.name == "vllm":
        return {"type": "session.update", "model": "m"}
    if row.base == "beta":
        base: dict[str, Any] = {"turn_detection": None, "input_audio_transcription": {"model": "m"}}
    else:
        base = {
            "type": "realtime",
            "audio": {"input": {"turn_detection": None, "transcription": {"model": "m"}}},
        }
    return {"type": "session.update", "session": {**base, **session}}


def frames(session: ServerProtocol, *events: Any) -> list[dict[str, Any]]:
    """Feed events as JSON. Returns the frames that are sent, as JSON."""
    found: list[dict[str, Any]] = []
    for event in events:
        found += [json.loads(session.encode(reply)) for reply in session.feed(json.dumps(event))]
    return found


def opened(row: Provider, **options: Any) -> ServerProtocol:
    session = ServerProtocol(provider=row, **options)
    session.open()
    return session


def commit_of(row: Provider) -> dict[str, Any]:
    return COMMIT if row.name == "vllm" else {"type": "input_audio_buffer.commit"}


def append_of(row: Provider, ms: int = 400, format: AudioFormat | None = None) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(
        row.encode_append((format or row.input_formats[0]).chunk_bytes(ms) * b"\0")
    )
    return found


def call(row: Provider) -> list[dict[str, Any]]:
    """Return all frames of a call: a spoken turn with an answer, and a function call."""
    session = ServerProtocol(provider=row.name, script=["one two", Call("f", {"a": 1})])
    first = [json.loads(session.encode(event)) for event in session.open()]
    rest = frames(session, update(row), append_of(row), commit_of(row))
    if row.output_formats:
        rest += frames(session, RESPOND, RESPOND)
    return first + rest + frames(session, {"type": "input_audio_buffer.append"})


def members(value: Any, path: str = "$") -> dict[str, Any]:
    """Return the members within `value` by their paths, without the indices of lists."""
    found: dict[str, Any] = {}
    pairs = value.items() if isinstance(value, dict) else ()
    for name, member in pairs:
        found[f"{path}.{name}"] = member
        found |= members(member, f"{path}.{name}")
    for member in value if isinstance(value, list) else ():
        found |= members(member, f"{path}[]")
    return found


def by_type(events: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for event in events:
        found.setdefault(event["type"], []).append(event)
    return found


def test_every_provider_has_a_row() -> None:
    assert list(QUIRKS) == list(PROVIDERS)


# --- A call --------------------------------------------------------------------------


@pytest.mark.parametrize("row", ROWS)
def test_a_call_decodes_with_the_providers_codec_to_its_own_structs(row: Provider) -> None:
    classes = {cls.__struct_config__.tag: cls for cls in event_classes(row.codec.server_events)}
    for frame in call(row):
        event = row.decode_server(json.dumps(frame))
        assert type(event) is classes[frame["type"]]
        assert frame.get("event_id") is None or frame["event_id"]


@pytest.mark.parametrize("row", ROWS)
def test_feed_returns_the_events_that_the_frames_decode_to(row: Provider) -> None:
    session = ServerProtocol(provider=row)
    events = session.open()
    assert [row.decode_server(session.encode(event)) for event in events] == events
    events = session.feed(json.dumps(update(row)))
    assert [row.decode_server(session.encode(event)) for event in events] == events


@pytest.mark.parametrize("row", ROWS)
def test_usage_stands_where_the_provider_reports_it(row: Provider) -> None:
    done = by_type(call(row)).get("response.done" if row.output_formats else "transcription.done")
    assert done
    for frame in done:
        found = members(frame)
        usage = found[row.usage_path]
        assert usage["total_tokens"] > 0
        elsewhere = {"$.usage", "$.response.usage"} - {row.usage_path}
        assert not any(found.get(path) for path in elsewhere)


@pytest.mark.parametrize("row", ROWS)
def test_ids_of_events_are_unique(row: Provider) -> None:
    ids = [frame["event_id"] for frame in call(row) if "event_id" in frame]
    assert len({*ids}) == len(ids)


# Type of event, path, and its value; `...` is any value, None an absent member.
LOOKS: dict[str, list[tuple[str, str, Any]]] = {
    "azure_voice_live": [
        ("session.created", "$.session.voice", {"name": "alloy", "type": "openai"}),
        ("session.created", "$.session.input_audio_sampling_rate", 24000),
        ("response.done", "$.response.voice", {"name": "alloy", "type": "openai"}),
        ("conversation.item.done", "$.item", ...),
        ("response.audio.delta", "$.delta", ...),
    ],
    "xai": [
        ("session.updated", "$.session.turn_detection", {"type": None}),
        ("session.updated", "$.session.modalities", ["audio"]),
        ("session.updated", "$.session.audio.input.format", {"type": "audio/pcm", "rate": 24000}),
        ("session.created", "$.session.type", None),
        ("response.done", "$.response.usage", {}),
        ("response.done", "$.usage.billable_audio_seconds", ...),
        ("response.output_item.done", "$.item.content", None),
        ("response.content_part.done", "$.part", None),
        ("response.function_call_arguments.delta", "$.output_index", None),
        ("conversation.item.input_audio_transcription.updated", "$.transcript", ...),
        ("ping", "$.timestamp", ...),
        ("error", "$.error.param", None),
    ],
    "qwen": [
        ("session.created", "$.session.input_audio_format", "pcm"),
        ("response.done", "$.response.usage.input_tokens_details", ...),
        ("response.done", "$.response.usage.output_tokens_details", ...),
        ("response.done", "$.response.usage.input_token_details", None),
        ("conversation.item.input_audio_transcription.text", "$.stash", ...),
        ("response.content_part.done", "$.part.text", "one two"),
    ],
    "glm": [
        ("heartbeat", "$.event_id", None),
        ("response.audio.delta", "$.item_id", None),
        ("response.audio_transcript.delta", "$.item_id", None),
        ("response.function_call_arguments.done", "$.item_id", None),
        ("conversation.item.input_audio_transcription.completed", "$.content_index", None),
        ("response.done", "$.client_timestamp", ...),
    ],
    "inworld": [
        ("response.done", "$.response.metadata.attempts", [{"attempt": 1}]),
        ("session.created", "$.session.audio.output.model", ...),
    ],
    "vllm": [
        ("session.created", "$.session", None),
        ("transcription.delta", "$.delta", ...),
        ("transcription.done", "$.text", "(0.40 seconds of speech)"),
        ("error", "$.error", "Missing required parameter: 'audio'."),
        ("error", "$.code", "missing_required_parameter"),
    ],
    "localai": [
        ("response.output_item.added", "$.item.content", None),
        ("response.output_item.added", "$.item.arguments", None),
        ("conversation.item.speaker", "$.speaker.name", ...),
    ],
}


@pytest.mark.parametrize(("name", "kind", "path", "value"), [(n, *look) for n in LOOKS for look in LOOKS[n]])
def test_frames_look_like_the_servers(name: str, kind: str, path: str, value: Any) -> None:
    sent = by_type(call(PROVIDERS[name]))[kind]
    found = [members(frame).get(path) for frame in sent]
    if value is ...:
        assert all(each is not None for each in found)
    else:
        assert value in found if kind.startswith("session.") else found == [value] * len(found)


def test_openai_and_azure_send_what_no_provider_does() -> None:
    plain = ServerProtocol(script=["one two", Call("f", {"a": 1})])
    sent = [json.loads(plain.encode(event)) for event in plain.open()]
    row = PROVIDERS["openai"]
    sent += frames(
        plain, update(row), append_of(row), {"type": "input_audio_buffer.commit"}, RESPOND, RESPOND
    )
    assert call(row)[:-1] == call(PROVIDERS["azure"])[:-1] == sent


def test_ids_of_xai_are_uuids() -> None:
    for frame in call(PROVIDERS["xai"]):
        for name in ("event_id", "item_id", "response_id"):
            if name in frame:
                assert str(uuid.UUID(frame[name])) == frame[name]


def test_speech_without_ids_and_times() -> None:
    row = PROVIDERS["glm"]
    session = opened(row)
    loud = bytes(range(256)) * 100
    (started,) = frames(
        session, {"type": "input_audio_buffer.append", "audio": json.loads(row.encode_append(loud))["audio"]}
    )
    assert started.keys() == {"type", "event_id"}


# --- Formats -------------------------------------------------------------------------


def stated(row: Provider, side: str, format: AudioFormat) -> dict[str, Any]:
    """Return settings that state a format as the provider spells it."""
    if row.name == "qwen":
        return {"audio": {side: {"format": {"type": "pcm", "sample_rate": format.sample_rate}}}}
    if row.base == "ga":
        rate = {"rate": format.sample_rate} if format.encoding == "pcm16" else {}
        return {"audio": {side: {"format": {"type": format.ga_type, **rate}}}}
    if row.name == "azure_voice_live" and side == "input":
        rate = {} if format.encoding != "pcm16" else {"input_audio_sampling_rate": format.sample_rate}
        return {"input_audio_format": format.encoding, **rate}
    if row.name == "glm":
        return {f"{side}_audio_format": "pcm"}
    names = {8_000: "pcm16_8000hz", 16_000: "pcm16_16000hz", 24_000: "pcm16"}
    name = names[format.sample_rate] if format.encoding == "pcm16" else format.encoding
    return {f"{side}_audio_format": name}


FORMATS = [
    pytest.param(row, side, format, id=f"{row.name}-{side}-{format}")
    for row in PROVIDERS.values()
    if row.output_formats
    for side, formats in (("input", row.input_formats), ("output", row.output_formats))
    for format in formats
]


@pytest.mark.parametrize(("row", "side", "format"), FORMATS)
def test_every_format_of_a_provider(row: Provider, side: str, format: AudioFormat) -> None:
    session = opened(row, script=[Say("x", AudioFormat.PCM16.silence(500))])
    settings = {**({"type": "realtime"} if row.base == "ga" else {}), **stated(row, side, format)}
    (updated,) = frames(session, {"type": "session.update", "session": settings})
    if format.sample_rate not in SAMPLE_RATES:
        assert "is not available" in updated["error"]["message"]
        return
    assert updated["type"] == "session.updated"
    assert row.session_format(row.decode_server(json.dumps(updated)).session, side) == format  # type: ignore[arg-type]
    input = format if side == "input" else row.input_formats[0]
    output = format if side == "output" else row.output_formats[0]
    frames(session, {"type": "session.update", "session": update(row)["session"]})
    # A commit of 99 ms is too short, one of 100 ms is not: the server counts at the format's rate.
    assert frames(session, append_of(row, 80, input), commit_of(row))[-1]["type"] == "error"
    sent = frames(session, append_of(row, 20, input), commit_of(row), RESPOND)
    assert "error" not in by_type(sent)
    deltas = by_type(sent)["response.output_audio.delta" if row.base == "ga" else "response.audio.delta"]
    audio = b"".join(row.decode_server(json.dumps(delta)).delta for delta in deltas)
    assert output.duration_ms(len(audio)) == pytest.approx(500, abs=1)


UNAVAILABLE: dict[str, dict[str, Any]] = {
    "azure_voice_live": {"input_audio_format": "pcm16", "input_audio_sampling_rate": 48_000},
    "xai": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 12000}}}},
    "qwen": {"audio": {"output": {"format": {"type": "pcm", "sample_rate": 44100}}}},
    "glm": {"output_audio_format": "mp3"},
    "localai": {"type": "realtime", "audio": {"output": {"format": {"type": "audio/pcmu"}}}},
    "speaches": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcma"}}}},
    "openai": {"type": "realtime", "audio": {"input": {"format": {"type": "audio/pcm", "rate": 16000}}}},
}


@pytest.mark.parametrize("name", UNAVAILABLE)
def test_a_format_that_the_provider_does_not_have_is_refused(name: str) -> None:
    row = PROVIDERS[name]
    session = opened(row)
    before = frames(session, update(row))
    (error,) = frames(
        session, {"type": "session.update", "session": UNAVAILABLE[name] | {"instructions": "changed"}}
    )
    assert error["type"] == "error"
    assert "format" in json.dumps(error)
    after = frames(session, update(row))
    assert [frame["session"] for frame in after] == [frame["session"] for frame in before]


def test_an_update_that_the_session_refuses_changes_nothing() -> None:
    """The formats and the settings of the provider's own are taken before the rest is refused."""
    row = PROVIDERS["xai"]
    session = opened(row, script=[Say("x", AudioFormat.PCM16.silence(500))])
    (before,) = frames(session, update(row))
    low = {"format": {"type": "audio/pcm", "rate": 16000}}
    settings = {
        "type": "realtime",
        "audio": {"input": low, "output": low},
        "keep_context": True,
        "max_output_tokens": -5,
    }
    assert "error" in by_type(frames(session, {"type": "session.update", "session": settings}))
    sent = frames(session, append_of(row), commit_of(row), RESPOND)
    deltas = by_type(sent)["response.output_audio.delta"]
    audio = b"".join(row.decode_server(json.dumps(delta)).delta for delta in deltas)
    assert AudioFormat.PCM16.duration_ms(len(audio)) == 500
    (after,) = frames(session, update(row))
    assert after["session"] == before["session"]


# --- What clients send ---------------------------------------------------------------

CLIENT = [
    pytest.param(row["codec"], row["frame"], id=f"{row['codec']}-{index}-{row['frame']['type']}")
    for index, row in enumerate(RECORDED)
    if row["side"] == "client" and row["codec"] in PROVIDERS
]
# Formats that this library cannot process, as documented examples have them.
NOT_PROCESSED = {"wav", "mp3"}


@pytest.mark.parametrize(("name", "frame"), CLIENT)
def test_recorded_client_frames_have_the_structure(name: str, frame: dict[str, Any]) -> None:
    (*_, reply) = [*ServerProtocol(provider=name).feed(json.dumps(frame)), None]
    error = getattr(reply, "error", None)
    assert error is None or error.code not in STRUCTURAL, error


OWN: dict[str, dict[str, Any]] = {
    "azure_voice_live": {
        "voice": {"type": "azure-standard", "name": "en-US-Ava"}, "reasoning_effort": "low",
        "turn_detection": {"type": "azure_semantic_vad", "remove_filler_words": True, "threshold": 0.5},
        "input_audio_noise_reduction": {"type": "azure_deep_noise_suppression"},
    },
    "xai": {"keep_context": True, "temperature": 0.5, "voice": "ara"},
    "qwen": {"enable_search": True, "top_k": 7, "seed": 3},
    "glm": {"beta_fields": {"chat_mode": "audio", "auto_search": True}},
    "localai": {"localai_classifier": {"enabled": True}},
    "speaches": {"speech_model": "kokoro"},
}  # fmt: skip


@pytest.mark.parametrize("name", OWN)
def test_settings_of_its_own_are_accepted_and_shown(name: str) -> None:
    row = PROVIDERS[name]
    session = opened(row)
    base = {"type": "realtime"} if row.base == "ga" else {}
    (updated,) = frames(session, {"type": "session.update", "session": base | OWN[name]})
    assert updated["type"] == "session.updated"
    shown = {key: updated["session"][key] for key in OWN[name]}
    assert shown == OWN[name]
    # They stay, and the frame decodes to the provider's own Struct.
    (again,) = frames(session, {"type": "session.update", "session": base})
    assert {key: again["session"][key] for key in OWN[name]} == OWN[name]
    assert type(row.decode_server(json.dumps(again))).__name__ == "SessionUpdated"


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("strict", [True, False])
def test_members_that_the_provider_does_not_know(row: Provider, strict: bool) -> None:
    session = opened(row, strict=strict)
    sent = frames(session, {"type": "input_audio_buffer.clear", "surprise": 1})
    codes = [
        members(frame).get("$.error.code") or frame.get("code") for frame in sent if frame["type"] == "error"
    ]
    assert codes == (["unknown_parameter"] if strict else [])


ANSWERS = [
    ("qwen", {"type": "session.finish"}, ["session.finished"]),
    ("qwen", {"type": "input_image_buffer.append", "image": "AA=="}, []),
    ("glm", {"type": "input_audio_buffer.append_video_frame", "video_frame": "AA=="}, []),
    (
        "azure_voice_live",
        {"type": "session.avatar.connect", "client_sdp": "v=0"},
        ["session.avatar.connecting"],
    ),
    ("azure_voice_live", {"type": "input_audio.clear"}, []),
    ("xai", {"type": "conversation.item.commit"}, ["error"]),
    ("vllm", {"type": "input_audio_buffer.commit"}, []),
    ("xai", {"type": "session.finish"}, ["error"]),
]


@pytest.mark.parametrize(("name", "event", "types"), ANSWERS)
def test_events_of_its_own(name: str, event: dict[str, Any], types: list[str]) -> None:
    assert [frame["type"] for frame in frames(opened(PROVIDERS[name]), event)] == types


def test_an_update_of_xai_needs_no_type_and_no_nesting() -> None:
    session = opened(PROVIDERS["xai"])
    detection = {"type": "server_vad", "threshold": 0.25}
    (updated,) = frames(
        session, {"type": "session.update", "session": {"voice": "rex", "turn_detection": detection}}
    )
    assert updated["session"]["voice"] == "rex"
    assert updated["session"]["turn_detection"]["threshold"] == 0.25
    (off,) = frames(session, {"type": "session.update", "session": {"turn_detection": {"type": None}}})
    assert off["session"]["turn_detection"] == {"type": None}


def test_the_names_of_qwens_formats() -> None:
    """The same name is 16 kHz in the input and 24 kHz in the output; the last update counts."""
    row = PROVIDERS["qwen"]
    session = opened(row)
    flat = {"input_audio_format": "pcm16", "output_audio_format": "pcm24"}
    nested = {"audio": {"input": {"format": {"type": "pcm", "sample_rate": 8000}}}}
    for settings, rates in ((flat, (16000, 24000)), (nested, (8000, 24000)), (flat, (16000, 24000))):
        (updated,) = frames(session, {"type": "session.update", "session": settings})
        shown = row.decode_server(json.dumps(updated)).session
        found = tuple(row.session_format(shown, side).sample_rate for side in ("input", "output"))
        assert found == rates


def test_the_dialect_follows_from_the_provider() -> None:
    types = [event.type for event in ServerProtocol(dialect="ga", provider="qwen").open()]
    assert types == ["session.created", "conversation.created"]


def test_an_unknown_provider() -> None:
    with pytest.raises(r.ConfigError, match="did you mean 'xai'"):
        ServerProtocol(provider="xia")
    with pytest.raises(r.ConfigError, match="did you mean 'xai'"):
        LoopbackServer(provider="xia")


def test_a_step_must_be_whole_samples_at_every_rate() -> None:
    with pytest.raises(r.AudioError, match="22050 Hz"):
        ServerProtocol(provider="xai", ptime_ms=10)
    ServerProtocol(provider="qwen", ptime_ms=10)


@pytest.mark.parametrize("row", TALKING)
def test_a_paced_response(row: Provider) -> None:
    session = opened(row, paced=True, script=["one two"])
    frames(session, update(row), append_of(row), commit_of(row), RESPOND)
    sent: list[dict[str, Any]] = []
    while session.is_responding:
        sent += [json.loads(session.encode(event)) for event in session.advance()]
    assert sent[-1]["type"] == "response.done"


@pytest.mark.parametrize("row", ROWS)
def test_at_the_address_of_the_provider(row: Provider) -> None:
    with (
        LoopbackServer(provider=row.name) as server,
        connect(
            row.url("m", host=f"ws://127.0.0.1:{server.port}"),
            additional_headers=row.headers("key"),
            proxy=None,
        ) as client,
    ):
        event = row.decode_server(client.recv())
        assert event.type == "session.created"


# --- Hostile clients -----------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
NAMES = st.sampled_from([
    "session", "response", "item", "audio", "input", "output", "format", "turn_detection", "voice", "tools", "model",
    "input_audio_format", "input_audio_sampling_rate", "input_audio_transcription", "content", "function", "type",
    "output_modalities", "beta_fields", "final",
])  # fmt: skip
MEMBERS = st.recursive(
    JSON, lambda inner: st.dictionaries(NAMES, inner, max_size=4) | st.lists(inner, max_size=2)
)


@given(data=st.data(), strict=st.booleans())
def test_no_event_breaks_a_session(data: st.DataObject, strict: bool) -> None:
    row = PROVIDERS[data.draw(st.sampled_from(sorted(PROVIDERS)))]
    kinds = [str(cls.__struct_config__.tag) for cls in event_classes(row.codec.client_events)]
    session = opened(row, strict=strict)
    for _ in range(data.draw(st.integers(1, 4))):
        event = {
            **data.draw(st.dictionaries(NAMES, MEMBERS, max_size=4)),
            "type": data.draw(st.sampled_from(kinds)),
        }
        frames(session, event)
    assert frames(session, {"type": "no such event"})[-1]["type"] == "error"


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_any_message_gets_an_error(message: bytes | str) -> None:
    for row in PROVIDERS.values():
        session = ServerProtocol(provider=row)
        (error,) = session.feed(message)
        assert json.loads(session.encode(error))["type"] == "error"
