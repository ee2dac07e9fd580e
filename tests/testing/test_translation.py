"""The translation dialect: the echo is exact for any split, checked with the models of OpenAI's SDK."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

from realtime import AudioError, ErrorDetail, translation as t
from realtime.testing import LoopbackServer, ServerProtocol

MS = 48  # bytes of one millisecond
SPEECH = np.random.default_rng(7).integers(-20000, 20000, 24 * 1010).astype("<i2").tobytes()


def open_session(*events: t.ClientEvent, **settings: Any) -> ServerProtocol:
    """Return an open session that has accepted `events`."""
    session = ServerProtocol(dialect="translation", **settings)
    session.open()
    assert "error" not in types(exchange(session, *events))
    return session


def decoded(session: ServerProtocol, events: list[t.ServerEvent]) -> list[Any]:
    """Return `events` encoded and decoded again."""
    return [t.decode_server(session.encode(event)) for event in events]


def exchange(session: ServerProtocol, *events: t.ClientEvent) -> list[Any]:
    return [reply for event in events for reply in decoded(session, session.feed(t.encode(event)))]


def types(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def append(audio: bytes) -> t.SessionInputAudioBufferAppend:
    return t.SessionInputAudioBufferAppend(audio=audio)


def update(audio: Any) -> t.SessionUpdate:
    return t.SessionUpdate(session=t.TranslationSession(audio=audio))


def language(code: str | None) -> t.SessionUpdate:
    return update(t.TranslationAudio(output=t.TranslationOutput(language=code)))


def input_settings(**settings: Any) -> t.SessionUpdate:
    return update(t.TranslationAudio(input=t.TranslationInput(**settings)))


def updated_settings(session: ServerProtocol, *events: t.SessionUpdate) -> dict[str, Any]:
    """Return the audio settings that the session reports after `events`."""
    (*_, updated) = [reply for event in events for reply in session.feed(t.encode(event))]
    frame = json.loads(session.encode(updated))
    assert frame["type"] == "session.updated"
    return frame["session"]["audio"]  # type: ignore[no-any-return]


def refusal(events: list[Any]) -> ErrorDetail:
    (event,) = events
    assert isinstance(event, t.Error)
    assert event.error.type == "invalid_request_error"
    return event.error


def audio_of(events: list[Any]) -> bytes:
    return b"".join(event.delta for event in events if isinstance(event, t.SessionOutputAudioDelta))


def words_of(kind: type[Any], events: list[Any]) -> str:
    return "".join(event.delta for event in events if isinstance(event, kind))


CLOSE = t.SessionClose()
TRANSCRIBED = input_settings(transcription=t.TranslationTranscription(model="some-model"))


# --- Settings ------------------------------------------------------------------------


def test_the_first_event_is_the_session() -> None:
    session = ServerProtocol(dialect="translation", model="some-model", session_id="sess_1", expires_at=99)
    (event,) = session.open()
    frame = json.loads(session.encode(event))
    assert frame.pop("event_id")
    assert frame == {
        "type": "session.created",
        "session": {
            "id": "sess_1",
            "type": "translation",
            "model": "some-model",
            "expires_at": 99,
            "audio": {
                "input": {"transcription": None, "noise_reduction": None},
                "output": {"language": None},
            },
        },
    }


def test_absent_keeps_and_null_clears() -> None:
    session = open_session(TRANSCRIBED, language("es"), strict=False)
    complete = {
        "input": {"transcription": {"model": "some-model"}, "noise_reduction": None},
        "output": {"language": "es"},
    }
    empty = {"input": {"transcription": None, "noise_reduction": None}, "output": {"language": None}}
    assert updated_settings(session, t.SessionUpdate(session=t.TranslationSession())) == complete
    assert updated_settings(session, update(t.TranslationAudio())) == complete
    assert updated_settings(session, input_settings()) == complete
    assert updated_settings(session, input_settings(transcription=None)) == {
        **empty,
        "output": complete["output"],
    }
    assert updated_settings(session, TRANSCRIBED, language(None)) == {**empty, "input": complete["input"]}
    assert updated_settings(session, language("pt-BR"), update(t.TranslationAudio(input=None))) == {
        **empty,
        "output": {"language": "pt-BR"},
    }
    assert updated_settings(session, TRANSCRIBED, update(t.TranslationAudio(output=None))) == {
        **empty,
        "input": complete["input"],
    }
    assert updated_settings(session, language("es"), update(None)) == empty


def test_noise_reduction_keeps_its_strength() -> None:
    session = open_session()
    for change, expected in (
        (t.NoiseReduction(type="near_field"), {"type": "near_field", "strength": 1.0}),
        (t.NoiseReduction(type="near_field", strength=0.5), {"type": "near_field", "strength": 0.5}),
        (t.NoiseReduction(type="far_field"), {"type": "far_field", "strength": 0.5}),
        (None, None),
        (t.NoiseReduction(type="far_field"), {"type": "far_field", "strength": 1.0}),
    ):
        assert (
            updated_settings(session, input_settings(noise_reduction=change))["input"]["noise_reduction"]
            == expected
        )


# --- Output --------------------------------------------------------------------------


def test_the_output_has_a_fixed_delay() -> None:
    session = open_session()
    assert exchange(session, append(SPEECH[: 299 * MS])) == []
    (word, first) = exchange(session, append(SPEECH[299 * MS : 300 * MS]))
    assert isinstance(word, t.SessionOutputTranscriptDelta)
    assert first.delta == SPEECH[: 100 * MS]
    assert (first.format, first.sample_rate, first.channels, first.elapsed_ms) == ("pcm16", 24000, 1, 0)
    (second,) = exchange(session, append(SPEECH[300 * MS : 400 * MS]))
    assert (second.delta, second.elapsed_ms) == (SPEECH[100 * MS : 200 * MS], 0)
    (word, third) = exchange(session, append(SPEECH[400 * MS : 500 * MS]))
    assert (word.elapsed_ms, third.elapsed_ms) == (200, 200)


def test_closing_sends_the_remaining_audio() -> None:
    session = open_session()
    events = exchange(session, append(SPEECH), CLOSE)
    assert audio_of(events) == SPEECH
    assert len(events[-2].delta) == 10 * MS
    assert types(events).count("session.closed") == 1
    assert types(events)[-1] == "session.closed"
    assert session.is_closed
    for frame in ("not JSON", t.encode(append(SPEECH)), t.encode(CLOSE)):
        assert session.feed(frame) == []
    assert not session.is_responding
    assert session.advance() == []


def test_a_session_without_speech_closes() -> None:
    assert types(exchange(open_session(), CLOSE)) == ["session.closed"]


def test_the_words_of_a_frame_precede_its_audio() -> None:
    events = exchange(
        open_session(TRANSCRIBED, language("es"), ptime_ms=20), append(SPEECH[: 650 * MS]), CLOSE
    )
    assert words_of(t.SessionInputTranscriptDelta, events) == "word1 word2 word3 word4"
    assert words_of(t.SessionOutputTranscriptDelta, events) == "es-word1 es-word2 es-word3 es-word4"
    words = [event for event in events if isinstance(event, t.SessionOutputTranscriptDelta)]
    assert [event.elapsed_ms for event in words] == [0, 200, 400, 600]
    audio_bytes = 0
    for event in events[:-1]:
        if isinstance(event, t.SessionOutputAudioDelta):
            audio_bytes += len(event.delta)
        else:
            assert audio_bytes == event.elapsed_ms * MS


def test_without_a_language_the_words_are_those_of_the_source() -> None:
    events = exchange(open_session(), append(SPEECH[: 400 * MS]), CLOSE)
    assert words_of(t.SessionOutputTranscriptDelta, events) == "word1 word2"
    assert "session.input_transcript.delta" not in types(events)


def test_the_language_can_change() -> None:
    session = open_session(language("es"))
    events = exchange(session, append(SPEECH[: 500 * MS]), language("fr"), CLOSE)
    assert words_of(t.SessionOutputTranscriptDelta, events) == "es-word1 es-word2 fr-word3"


@pytest.mark.parametrize("ptime_ms", [20, 60, 100, 200, 500])
def test_each_step_lasts_a_ptime(ptime_ms: float) -> None:
    events = exchange(open_session(ptime_ms=ptime_ms), append(SPEECH), CLOSE)
    chunks = [event.delta for event in events if isinstance(event, t.SessionOutputAudioDelta)]
    assert b"".join(chunks) == SPEECH
    assert {len(chunk) for chunk in chunks[:-1]} <= {ptime_ms * MS}
    assert words_of(t.SessionOutputTranscriptDelta, events) == "word1 word2 word3 word4 word5 word6"


@pytest.mark.parametrize("ptime_ms", [0, 0.01])
def test_an_invalid_ptime_is_an_audio_error(ptime_ms: float) -> None:
    with pytest.raises(AudioError):
        ServerProtocol(dialect="translation", ptime_ms=ptime_ms)


def advance_all(session: ServerProtocol) -> Iterator[Any]:
    while session.is_responding:
        yield from decoded(session, session.advance())


def test_a_paced_session_sends_the_same_audio_by_steps() -> None:
    session = open_session(TRANSCRIBED, paced=True)
    assert exchange(session, append(SPEECH)) == []
    assert session.is_responding
    assert len(audio_of(decoded(session, session.advance()))) == 100 * MS
    events = [*advance_all(session)]
    assert not session.is_closed
    assert exchange(session, CLOSE) == []
    assert session.is_responding
    events += advance_all(session)
    assert session.is_closed
    assert audio_of(events) == SPEECH[100 * MS :]
    assert types(events)[-1] == "session.closed"
    assert events[0].event_id == "event_00000006"


SPLITS = st.lists(st.integers(0, len(SPEECH) // 2), max_size=20).map(
    lambda splits: [0, *sorted(2 * split for split in splits), len(SPEECH)]
)


@given(splits=SPLITS, ptime_ms=st.sampled_from([10, 20, 100, 250]), by_steps=st.booleans())
def test_any_split_of_the_audio_gives_the_same_events(
    splits: list[int], ptime_ms: int, by_steps: bool
) -> None:
    """A paced session sends the same events as one that is not paced."""
    once = exchange(open_session(TRANSCRIBED, ptime_ms=ptime_ms), append(SPEECH), CLOSE)
    session = open_session(TRANSCRIBED, ptime_ms=ptime_ms, paced=by_steps)
    events: list[Any] = []
    for start, end in itertools.pairwise(splits):
        events += exchange(session, append(SPEECH[start:end]))
        events += advance_all(session)
    events += [*exchange(session, CLOSE), *advance_all(session)]
    assert events == once


# --- Refusals ------------------------------------------------------------------------

REFUSED: dict[str, tuple[bytes, str, str | None, str | None]] = {
    "not JSON": (b"hello", "invalid_json", None, None),
    "no UTF-8": (b"\xff\xfe", "invalid_json", None, None),
    "too deep": (b'{"event_id":"e","x":' + b"[" * 100_000, "invalid_json", None, None),
    "no type": (b'{"event_id":"e"}', "invalid_event", "type", "e"),
    "an unknown type": (b'{"event_id":"e","type":"sing"}', "invalid_value", "type", "e"),
    "a type of GA's": (b'{"event_id":"e","type":"response.create"}', "invalid_value", "type", "e"),
    "missing audio": (
        b'{"event_id":"e","type":"session.input_audio_buffer.append"}', "missing_required_parameter", "audio", "e",
    ),
    "bad base64": (
        b'{"event_id":"e","type":"session.input_audio_buffer.append","audio":"!"}', "invalid_value", "audio", "e",
    ),
    "a partial sample": (
        b'{"event_id":"e","type":"session.input_audio_buffer.append","audio":"AAAA"}', "invalid_value", "audio", "e",
    ),
    "a missing session": (b'{"event_id":"e","type":"session.update"}', "missing_required_parameter", "session", "e"),
    "a language that is a number": (
        b'{"event_id":"e","type":"session.update","session":{"audio":{"output":{"language":7}}}}',
        "invalid_type", "session.audio.output.language", "e",
    ),
    "the name of a language": (
        b'{"event_id":"e","type":"session.update","session":{"audio":{"output":{"language":"Spanish"}}}}',
        "invalid_value", "session.audio.output.language", "e",
    ),
    "an empty language": (
        b'{"event_id":"e","type":"session.update","session":{"audio":{"output":{"language":""}}}}',
        "invalid_value", "session.audio.output.language", "e",
    ),
    "a transcription without a model": (
        b'{"event_id":"e","type":"session.update","session":{"audio":{"input":{"transcription":{}}}}}',
        "missing_required_parameter", "session.audio.input.transcription.model", "e",
    ),
    "an unknown noise reduction": (
        b'{"event_id":"e","type":"session.update","session":{"audio":{"input":{"noise_reduction":{"type":"magic"}}}}}',
        "invalid_value", "session.audio.input.noise_reduction.type", "e",
    ),
    "another model": (
        b'{"event_id":"e","type":"session.update","session":{"model":"gpt-realtime"}}', "invalid_value", "session.model", "e",
    ),
    "another type": (
        b'{"event_id":"e","type":"session.update","session":{"type":"realtime"}}', "invalid_value", "session.type", "e",
    ),
    "a long event_id": (
        b'{"type":"session.close","event_id":"%b"}' % (b"e" * 513), "string_above_max_length", "event_id", "e" * 513,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("as_text", [False, True])
def test_a_bad_event_gives_an_error_that_refers_to_it(name: str, as_text: bool) -> None:
    frame, code, param, event_id = REFUSED[name]
    session = open_session(TRANSCRIBED, language("es"))
    before = updated_settings(session, input_settings())
    events = session.feed(frame.decode("utf-8", "replace") if as_text else frame)
    error = refusal(decoded(session, events))
    assert (error.code, error.param, error.event_id) == (code, param, event_id)
    assert error.message
    assert updated_settings(session, input_settings()) == before


def test_the_buffer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.testing.translation.MAX_BUFFER_MS", 1000)
    session = open_session(append(SPEECH[: 1000 * MS]), paced=True)
    assert refusal(exchange(session, append(SPEECH[:2]))).param == "audio"
    session.advance()
    assert exchange(session, append(SPEECH[:2])) == []
    monkeypatch.setattr("realtime.spec.MAX_APPEND_BYTES", 100)
    assert "15 MiB" in refusal(decoded(session, session.feed(t.encode_append(bytes(102))))).message


def test_a_closing_session_accepts_nothing() -> None:
    session = open_session(append(SPEECH), paced=True)
    exchange(session, CLOSE)
    for event in (append(SPEECH), language("es"), CLOSE):
        assert refusal(exchange(session, event)).code == "session_closing"
    assert audio_of([*advance_all(session)]) == SPEECH


FRAMES = st.one_of(
    st.binary(),
    st.text(),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["session.update", "session.input_audio_buffer.append", "session.close"])},
        optional={
            "audio": st.sampled_from(["AAA=", "AAAA", "", None, 7]),
            "session": st.recursive(
                st.sampled_from([None, "es", 1, []]),
                lambda inner: st.dictionaries(
                    st.sampled_from(
                        ["audio", "input", "output", "language", "noise_reduction", "type", "model"]
                    ),
                    inner,
                    max_size=3,
                ),
            ),
        },
    ).map(json.dumps),
)


@given(st.lists(FRAMES, max_size=8))
def test_every_reply_is_an_event(frames: list[Any]) -> None:
    session = ServerProtocol(dialect="translation")
    events = session.open()
    for frame in frames:
        events += session.feed(frame)
    for event in decoded(session, events):
        assert not isinstance(event, t.UnknownEvent)
        assert event.event_id


# --- OpenAI's client -----------------------------------------------------------------

sdk = pytest.importorskip("tests.oracle.sdk")
MODELS = {sdk.tag(model): model for model in sdk.models(sdk.EVENTS["translation", "server"])}


def test_every_event_is_valid_for_the_sdk() -> None:
    session = ServerProtocol(dialect="translation")
    events = session.open()
    for event in (TRANSCRIBED, language("es"), language("-"), append(SPEECH), CLOSE):
        events += session.feed(t.encode(event))
    assert {*types(events)} == {*MODELS}
    for event in events:
        MODELS[event.type].model_validate_json(session.encode(event), strict=True)


@pytest.mark.filterwarnings(r"ignore:connect\(\) must be used:DeprecationWarning")
def test_the_sdks_client_on_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    from openai import OpenAI

    monkeypatch.setenv("no_proxy", "*")
    with (
        LoopbackServer() as server,
        OpenAI(api_key="none", websocket_base_url=server.base_url) as client,
        client.realtime.translations.connect(model="gpt-realtime-translate", max_retries=0) as connection,
    ):
        created: Any = connection.recv()
        assert (created.type, created.session.model) == ("session.created", "gpt-realtime-translate")
        connection.session.update(
            session={"audio": {"output": {"language": "es"}, "input": {"transcription": {"model": "m"}}}}
        )
        updated: Any = connection.recv()
        assert updated.session.audio.output.language == "es"
        for start in range(0, len(SPEECH), 200 * MS):
            chunk = SPEECH[start : start + 200 * MS]
            connection.session.input_audio_buffer.append(audio=base64.b64encode(chunk).decode())
        connection.session.close()
        events: list[Any] = [*connection]
    assert events[-1].type == "session.closed"
    audio = [event for event in events if event.type == "session.output_audio.delta"]
    assert b"".join(base64.b64decode(event.delta) for event in audio) == SPEECH
    assert {(event.format, event.sample_rate, event.channels) for event in audio} == {("pcm16", 24000, 1)}
    words = "".join(event.delta for event in events if event.type == "session.output_transcript.delta")
    assert words == "es-word1 es-word2 es-word3 es-word4 es-word5 es-word6"
