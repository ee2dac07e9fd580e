"""A complete call on every carrier to every provider: session, user audio, answer, barge-in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

import realtime
from realtime import AudioFormat, ConfigError, DecodeError, beta
from realtime.providers import PROVIDERS, Provider, get_provider
from realtime.state import Interruption
from realtime.telephony import Bridge, BridgeOutput, CallStarted, MediaFormat
from tests.telephony.calls import PHONE_IDS, PHONES, STREAM, Phone, b64, converted, media_of, text, wave

TWILIO, TELNYX_L16 = PHONES[0], PHONES[3]
SPEAKING = [row for row in PROVIDERS.values() if row.output_formats]
EVERY_PHONE = pytest.mark.parametrize("phone", PHONES, ids=PHONE_IDS)
EVERY_PROVIDER = pytest.mark.parametrize("row", SPEAKING, ids=lambda row: row.name)
# Those that leave the ids of items out of deltas, and of speech_started all that they can.
UNNAMED = ("glm",)
BARE_SPEECH = ("glm", "xai")


class Server:
    """The frames of one provider, in one call."""

    def __init__(self, row: Provider) -> None:
        self.row = row
        self.kind = {"ga": "response.output_audio", "beta": "response.audio"}[row.base]

    def updated(self, update: str) -> str:
        """Return the answer to a session.update: the session as requested."""
        return text({"type": "session.updated", "event_id": "e", "session": json.loads(update)["session"]})

    def place(self, number: int) -> dict[str, Any]:
        named = (
            {}
            if self.row.name in UNNAMED
            else {"item_id": f"item_{number}", "output_index": 0, "content_index": 0}
        )
        return {"event_id": "e", "response_id": f"resp_{number}", **named}

    def delta(self, audio: bytes, number: int) -> str:
        return text({"type": f"{self.kind}.delta", **self.place(number), "delta": b64(audio)})

    def done(self, number: int) -> str:
        return text({"type": f"{self.kind}.done", **self.place(number)})

    def response(self, kind: str, number: int) -> str:
        body = {"id": f"resp_{number}", "object": "realtime.response"}
        return text({"type": f"response.{kind}", "event_id": "e", "response": body})

    def speech_started(self) -> str:
        bare = {"type": "input_audio_buffer.speech_started"}
        whole = {**bare, "event_id": "e", "item_id": "user_1", "audio_start_ms": 1}
        return text(bare if self.row.name in BARE_SPEECH else whole)


def settings_for(row: Provider) -> Any:
    create: Any = realtime.create_session_config if row.base == "ga" else beta.create_session_config
    return create("m", instructions="Be brief.", provider=row)


def started(phone: Phone, row: Provider) -> Bridge:
    bridge = Bridge(phone.name, provider=row)
    assert [type(event) for event in bridge.from_carrier(phone.start()).events] == [CallStarted]
    return bridge


def types(step: BridgeOutput) -> list[str]:
    return [json.loads(frame)["type"] for frame in step.to_server]


@EVERY_PHONE
@EVERY_PROVIDER
def test_a_call(phone: Phone, row: Provider) -> None:
    bridge, server = started(phone, row), Server(row)
    assert bridge.provider is row

    # The session: the server reads the update as the bridge means it.
    update = bridge.session_update(settings_for(row))
    requested: Any = row.decode_client(update)
    assert type(requested) is row.update_type
    assert requested.session.instructions == "Be brief."
    formats = bridge.input_format, bridge.output_format
    assert (
        row.session_format(requested.session, "input"),
        row.session_format(requested.session, "output"),
    ) == formats
    assert formats[0] in row.input_formats
    assert formats[1] in row.output_formats
    assert not realtime.extras(requested, update)
    (event,) = bridge.from_server(server.updated(update)).events
    assert type(event) is type(row.decode_server(server.updated(update)))
    assert (bridge.input_format, bridge.output_format) == formats

    # The user's audio.
    audio = wave(phone.media_format, 400)
    size = phone.media_format.chunk_bytes(20)
    frames: list[str] = []
    for number, at in enumerate(range(0, len(audio), size)):
        frames += bridge.from_carrier(phone.media(audio[at : at + size], 2 + number)).to_server
    # The end of the caller's audio stays in a converter until the call ends.
    heard = b"".join(row.decode_client(frame).audio for frame in frames)
    wanted = converted(audio, phone.media_format, media_of(formats[0]))
    assert wanted.startswith(heard)
    assert len(wanted) - len(heard) <= formats[0].chunk_bytes(20)

    # An answer.
    answer = wave(media_of(formats[1]), 300)
    size = formats[1].chunk_bytes(100)
    frames_to_phone = [*bridge.from_server(server.response("created", 1)).to_carrier]
    for at in range(0, len(answer), size):
        frames_to_phone += bridge.from_server(server.delta(answer[at : at + size], 1)).to_carrier
    frames_to_phone += bridge.from_server(server.done(1)).to_carrier
    frames_to_phone += bridge.from_server(server.response("done", 1)).to_carrier
    played = b"".join(phone.played(tuple(frames_to_phone)))
    wanted = converted(answer, media_of(formats[1]), phone.plays)
    assert played[: len(wanted)] == wanted
    assert len(played) - len(wanted) < phone.plays.chunk_bytes(20)  # the padding of the last frame
    for mark in phone.marks(tuple(frames_to_phone)):
        bridge.from_carrier(phone.mark(mark))
    assert bridge.playback.queued_ms == 0

    # The next answer is interrupted.
    bridge.from_server(server.response("created", 2))
    assert bridge.from_server(server.delta(answer, 2)).to_carrier
    step = bridge.from_server(server.speech_started())
    assert "clear" in str(step.to_carrier)
    (interruption,) = (event for event in step.events if isinstance(event, Interruption))
    assert interruption.discarded_bytes == len(answer)
    assert types(step) == ([] if row.name in UNNAMED else ["conversation.item.delete"])
    for frame in step.to_server:
        assert row.decode_client(frame).item_id == "item_2"
    assert bridge.from_server(server.delta(answer, 2)).to_carrier == ()
    bridge.from_server(server.response("done", 2))

    # The one after it is not.
    bridge.from_server(server.response("created", 3))
    assert bridge.from_server(server.delta(answer, 3)).to_carrier


@EVERY_PROVIDER
def test_an_item_played_in_part_is_truncated_where_it_has_a_name(row: Provider) -> None:
    bridge, server = started(TWILIO, row), Server(row)
    bridge.from_server(server.updated(bridge.session_update()))
    frames = bridge.from_server(server.delta(bridge.output_format.silence(600), 1)).to_carrier
    bridge.from_carrier(TWILIO.mark(TWILIO.marks(frames)[0]))
    step = bridge.from_server(server.speech_started())
    if row.name in UNNAMED:
        assert step.to_server == ()
    else:
        (frame,) = step.to_server
        assert 150 <= row.decode_client(frame).audio_end_ms <= 200


@pytest.mark.parametrize(
    ("phone", "name", "formats"),
    [
        (TWILIO, "openai", ("g711_ulaw", "g711_ulaw")),
        (TWILIO, "azure_voice_live", ("g711_ulaw", "g711_ulaw")),
        (TWILIO, "xai", ("g711_ulaw", "g711_ulaw")),
        (TWILIO, "qwen", ("pcm16 at 16000 Hz", "pcm16")),
        (TWILIO, "glm", ("pcm16 at 16000 Hz", "pcm16")),
        (TWILIO, "localai", ("pcm16", "pcm16")),
        (TELNYX_L16, "xai", ("pcm16 at 16000 Hz", "g711_ulaw")),
        (PHONES[6], "openai", ("pcm16", "pcm16")),
        (PHONES[6], "xai", ("pcm16 at 16000 Hz", "pcm16 at 16000 Hz")),
        (PHONES[6], "qwen", ("pcm16 at 16000 Hz", "pcm16 at 16000 Hz")),
        (PHONES[6], "glm", ("pcm16 at 16000 Hz", "pcm16")),
        (PHONES[5], "azure_voice_live", ("pcm16 at 8000 Hz", "pcm16 at 8000 Hz")),
    ],
)  # fmt: skip
def test_the_formats_that_are_negotiated(phone: Phone, name: str, formats: tuple[str, str]) -> None:
    bridge = started(phone, get_provider(name))
    assert (str(bridge.input_format), str(bridge.output_format)) == formats


@pytest.mark.parametrize("rate", [16_000, 44_100])
def test_byte_order_alone_changes_at_any_rate(rate: int) -> None:
    """Nothing is resampled, so the rate may be one that the resampler does not have."""
    phone = replace(TELNYX_L16, media_format=MediaFormat("L16", rate, big_endian=True))
    bridge = Bridge("telnyx", provider="xai", play_format=phone.media_format)
    bridge.from_carrier(phone.start())
    assert bridge.input_format == bridge.output_format == AudioFormat("pcm16", rate)
    (append,) = bridge.from_carrier(phone.media(b"\1\2" * 441)).to_server
    assert realtime.decode_client(append) == realtime.InputAudioBufferAppend(audio=b"\2\1" * 441)
    frames = bridge.from_server(Server(get_provider("xai")).delta(b"\1\2" * 1_323, 1)).to_carrier
    played = [realtime.telephony.telnyx.decode_command(frame) for frame in frames]
    assert played[0].media.payload == b"\2\1" * 1_323


@pytest.mark.parametrize(
    "format",
    [
        MediaFormat("L16", 44_100),
        MediaFormat("L16", 16_000, 2),
        MediaFormat("G722", 16_000),
        MediaFormat("PCMU", 16_000),
    ],
)
def test_carriers_that_cannot_be_converted(format: MediaFormat) -> None:
    with pytest.raises(
        ConfigError, match=f"{format.encoding} at {format.sample_rate} Hz .* cannot be converted"
    ):
        Bridge("telnyx", "ulaw", play_format=format)


def test_the_same_format_is_spliced() -> None:
    for name in ("xai", "azure_voice_live", "inworld"):
        row = get_provider(name)
        bridge = started(TWILIO, row)
        bridge.session_update()
        bridge.from_carrier(TWILIO.media(bytes(160)))
        bridge.from_server(Server(row).delta(bytes(160), 1))
        assert (bridge.stats.spliced, bridge.stats.reencoded) == (2, 0)


@pytest.mark.parametrize("row", PROVIDERS.values(), ids=lambda row: row.name)
def test_every_provider_has_the_same_append(row: Provider) -> None:
    """The bridge writes its append frames itself."""
    assert row.encode_append(b"\0\0") == realtime.encode_append(b"\0\0")


def test_a_server_without_audio_is_refused() -> None:
    with pytest.raises(ConfigError, match="vllm has no audio output: it only transcribes"):
        Bridge("twilio", provider="vllm")


def test_unknown_providers_and_formats_are_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean 'xai'"):
        Bridge("twilio", provider="xia")  # type: ignore[arg-type]
    wrong: Any = 5
    with pytest.raises(TypeError):
        Bridge("twilio", provider=wrong)
    with pytest.raises(ConfigError, match="glm does not have g711_ulaw as input, but pcm16 at 16000 Hz"):
        Bridge("twilio", "g711_ulaw", provider="glm")
    with pytest.raises(ConfigError, match="44100 Hz"):  # needs a resampler that does not exist
        Bridge("twilio", {"type": "audio/pcm", "rate": 44_100}, provider="xai")
    bridge = Bridge("twilio", "pcm", provider="qwen")  # another rate on each side
    assert (bridge.input_format.sample_rate, bridge.output_format.sample_rate) == (16_000, 24_000)


@pytest.mark.parametrize(
    ("name", "session", "message"),
    [
        ("glm", {"output_audio_format": "mp3"}, "output is mp3"),
        ("qwen", {"audio": {"output": {"format": {"type": "wav"}}}}, "output is wav"),
        ("xai", {"audio": {"output": {"format": {"type": "audio/pcm", "rate": 44_100}}}}, "44100 Hz"),
        ("xai", {"audio": {"input": {"format": {"type": "audio/pcm", "rate": 22_050}}}}, "22050 Hz"),
    ],
)
def test_a_session_that_cannot_be_converted_is_refused(name: str, session: Any, message: str) -> None:
    bridge = started(TWILIO, get_provider(name))
    before = bridge.input_format, bridge.output_format
    with pytest.raises(DecodeError, match=message) as caught:
        bridge.from_server(text({"type": "session.updated", "event_id": "e", "session": session}))
    assert caught.value.event_type == "session.updated"
    if "Hz" in message:  # read, but not convertible
        assert caught.value.path == "$.session"
    assert (bridge.input_format, bridge.output_format) == before


def test_the_servers_own_spelling_of_the_session_is_followed() -> None:
    bridge = started(TWILIO, get_provider("azure_voice_live"))
    session = {
        "input_audio_format": "pcm16",
        "input_audio_sampling_rate": 16_000,
        "output_audio_format": "pcm16_8000hz",
    }
    bridge.from_server(text({"type": "session.updated", "event_id": "e", "session": session}))
    assert (bridge.input_format, bridge.output_format) == (
        AudioFormat("pcm16", 16_000),
        AudioFormat("pcm16", 8_000),
    )
    assert bridge.playback.audio_format == AudioFormat("pcm16", 8_000)


def test_settings_of_the_base_dialect_are_accepted() -> None:
    xai, qwen = Bridge("twilio", provider="xai"), Bridge("plivo", provider="qwen")
    update = json.loads(xai.session_update(realtime.RealtimeSession(instructions="Be brief.")))
    assert update["session"]["instructions"] == "Be brief."
    qwen.from_carrier(PHONES[6].start())
    update = json.loads(qwen.session_update(beta.RealtimeSessionConfig(instructions="Be brief.")))
    stated = {side: {"format": {"type": "pcm", "sample_rate": 16_000}} for side in ("input", "output")}
    assert update["session"] == {"instructions": "Be brief.", "audio": stated}
    with pytest.raises(TypeError, match="takes a RealtimeSessionConfig"):
        qwen.session_update(realtime.RealtimeSession())
    with pytest.raises(TypeError, match="takes a RealtimeSession,"):
        xai.session_update(beta.RealtimeSessionConfig())
    reported: Any = get_provider("xai").decode_server(
        '{"type":"session.created","session":{"id":"s","voice":"eve"}}'
    )
    assert "id" not in json.loads(xai.session_update(reported.session))["session"]
    with pytest.raises(ConfigError, match="sessions of qwen have no audio settings: use session_update"):
        qwen.session_audio()
    assert xai.session_audio().input


def test_own_events_are_passed_on() -> None:
    bridge = started(TWILIO, get_provider("xai"))
    events: tuple[Any, ...] = bridge.from_server('{"type":"ping","timestamp":1}').events
    (event,) = events
    assert type(event) is realtime.providers.xai.Ping


def test_audio_without_any_id() -> None:
    """Neither a response nor an item is named: the answers are still told apart."""
    bridge = started(TWILIO, get_provider("glm"))
    audio = b64(bridge.output_format.silence(500))
    delta = text({"type": "response.audio.delta", "delta": audio})
    created, done = (text({"type": f"response.{kind}", "response": {}}) for kind in ("created", "done"))
    bridge.from_server(created)
    assert bridge.from_server(delta).to_carrier
    step = bridge.from_server('{"type":"input_audio_buffer.speech_started"}')
    assert step.to_carrier == (text({"event": "clear", "streamSid": STREAM}),)
    assert step.to_server == ()
    assert bridge.from_server(delta).to_carrier == ()
    bridge.from_server(done)
    bridge.from_server(created)
    assert bridge.from_server(delta).to_carrier
    assert bridge.from_server('{"type":"response.audio.done"}').to_carrier  # the rest and its mark


def test_answers_that_no_event_announces() -> None:
    bridge = started(TWILIO, get_provider("glm"))
    delta = text({"type": "response.audio.delta", "delta": b64(bridge.output_format.silence(500))})
    done = '{"type":"response.done","response":{}}'
    assert bridge.from_server(delta).to_carrier
    assert bridge.from_server('{"type":"input_audio_buffer.speech_started"}').to_carrier
    assert bridge.from_server(delta).to_carrier == ()
    bridge.from_server(done)
    assert bridge.from_server(delta).to_carrier


def test_a_provider_of_the_users_own() -> None:
    """A name may mean another rate than OpenAI's in the output, too."""
    low = AudioFormat("pcm16", 8_000)
    row = replace(get_provider("glm"), output_formats=(low,), spellings={"output": {"pcm": low}})
    bridge = started(PHONES[5], row)
    bridge.from_server(Server(row).updated(bridge.session_update()))
    assert bridge.output_format == bridge.playback.audio_format == low
    frames = bridge.from_server(Server(row).delta(bytes(1_600), 1)).to_carrier
    assert bridge.playback.queued_ms == 100
    assert PHONES[5].played(frames) == [bytes(1_600)]


def test_read_only_members_of_a_reported_session_are_not_sent() -> None:
    secret = beta.ClientSecret(value="v", expires_at=1)
    reported = beta.RealtimeSessionInfo(id="s", instructions="Be brief.", client_secret=secret)
    update = json.loads(Bridge("twilio", provider="glm").session_update(reported))
    assert update["session"].keys() == {"instructions", "input_audio_format", "output_audio_format"}


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.lists(st.integers(), max_size=1)
FORMAT = JSON | st.fixed_dictionaries(
    {"type": st.sampled_from(("audio/pcm", "pcm", "audio/pcmu", "pcm16_8000hz")) | JSON},
    optional={"rate": st.integers(900, 50_000) | JSON, "sample_rate": st.integers(900, 50_000) | JSON},
)
SIDED = st.fixed_dictionaries({}, optional={"format": FORMAT}) | JSON
SESSION = JSON | st.fixed_dictionaries(
    {},
    optional={
        "audio": JSON
        | st.fixed_dictionaries({}, optional={"input": SIDED, "output": SIDED, "format": FORMAT}),
        "input_audio_format": FORMAT,
        "output_audio_format": FORMAT | st.sampled_from(("mp3", "pcm16_16000hz")),
        "input_audio_sampling_rate": st.integers(900, 50_000) | JSON,
    },
)


@given(
    st.sampled_from(PHONES),
    st.sampled_from(SPEAKING),
    st.lists(st.tuples(st.sampled_from(("created", "updated")), SESSION), min_size=1, max_size=3),
)
@settings(deadline=None)
def test_any_session_is_followed_or_refused(
    phone: Phone, row: Provider, sessions: list[tuple[str, Any]]
) -> None:
    bridge, server = started(phone, row), Server(row)
    for kind, session in sessions:
        before = bridge.input_format, bridge.output_format
        try:
            bridge.from_server(text({"type": f"session.{kind}", "event_id": "e", "session": session}))
        except DecodeError:
            assert (bridge.input_format, bridge.output_format) == before
    bridge.from_carrier(phone.media(phone.media_format.silence(phone.media_format.chunk_bytes(20))))
    audio = bridge.output_format.silence_sample * 4_800
    bridge.from_server(server.delta(audio, 1))
    assert bridge.playback.queued_ms == bridge.output_format.duration_ms(len(audio))
