"""A translation session: what comes back is what came, however it was cut; OpenAI's models judge the events."""

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


def opened(*events: t.ClientEvent, **settings: Any) -> ServerProtocol:
    """A session that has been told `events`, none of which is refused."""
    session = ServerProtocol(dialect="translation", **settings)
    session.open()
    assert "error" not in types(tell(session, *events))
    return session


def heard(session: ServerProtocol, events: list[t.ServerEvent]) -> list[Any]:
    """`events` as they come off the wire."""
    return [t.decode_server(session.encode(event)) for event in events]


def tell(session: ServerProtocol, *events: t.ClientEvent) -> list[Any]:
    return [told for event in events for told in heard(session, session.feed(t.encode(event)))]


def types(events: list[Any]) -> list[str]:
    return [event.type for event in events]


def append(audio: bytes) -> t.SessionInputAudioBufferAppend:
    return t.SessionInputAudioBufferAppend(audio=audio)


def update(audio: Any) -> t.SessionUpdate:
    return t.SessionUpdate(session=t.TranslationSession(audio=audio))


def language(code: str | None) -> t.SessionUpdate:
    return update(t.TranslationAudio(output=t.TranslationOutput(language=code)))


def hearing(**settings: Any) -> t.SessionUpdate:
    return update(t.TranslationAudio(input=t.TranslationInput(**settings)))


def told_settings(session: ServerProtocol, *events: t.SessionUpdate) -> dict[str, Any]:
    """The audio settings that the last of `events` is answered with."""
    (*_, updated) = [told for event in events for told in session.feed(t.encode(event))]
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
TRANSCRIBED = hearing(transcription=t.TranslationTranscription(model="some-model"))


# --- Settings ------------------------------------------------------------------------


def test_first_comes_the_session() -> None:
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
    session = opened(TRANSCRIBED, language("es"))
    whole = {
        "input": {"transcription": {"model": "some-model"}, "noise_reduction": None},
        "output": {"language": "es"},
    }
    nothing = {"input": {"transcription": None, "noise_reduction": None}, "output": {"language": None}}
    assert told_settings(session, t.SessionUpdate(session=t.TranslationSession())) == whole
    assert told_settings(session, update(t.TranslationAudio())) == whole
    assert told_settings(session, hearing()) == whole
    assert told_settings(session, hearing(transcription=None)) == {**nothing, "output": whole["output"]}
    assert told_settings(session, TRANSCRIBED, language(None)) == {**nothing, "input": whole["input"]}
    assert told_settings(session, language("pt-BR"), update(t.TranslationAudio(input=None))) == {
        **nothing,
        "output": {"language": "pt-BR"},
    }
    assert told_settings(session, TRANSCRIBED, update(t.TranslationAudio(output=None))) == {
        **nothing,
        "input": whole["input"],
    }
    assert told_settings(session, language("es"), update(None)) == nothing


def test_noise_reduction_keeps_its_strength() -> None:
    session = opened()
    for change, expected in (
        (t.NoiseReduction(type="near_field"), {"type": "near_field", "strength": 1.0}),
        (t.NoiseReduction(type="near_field", strength=0.5), {"type": "near_field", "strength": 0.5}),
        (t.NoiseReduction(type="far_field"), {"type": "far_field", "strength": 0.5}),
        (None, None),
        (t.NoiseReduction(type="far_field"), {"type": "far_field", "strength": 1.0}),
    ):
        assert told_settings(session, hearing(noise_reduction=change))["input"]["noise_reduction"] == expected


# --- What is said --------------------------------------------------------------------


def test_speech_comes_back_a_fixed_delay_behind() -> None:
    session = opened()
    assert tell(session, append(SPEECH[: 299 * MS])) == []
    (word, first) = tell(session, append(SPEECH[299 * MS : 300 * MS]))
    assert isinstance(word, t.SessionOutputTranscriptDelta)
    assert first.delta == SPEECH[: 100 * MS]
    assert (first.format, first.sample_rate, first.channels, first.elapsed_ms) == ("pcm16", 24000, 1, 0)
    (second,) = tell(session, append(SPEECH[300 * MS : 400 * MS]))
    assert (second.delta, second.elapsed_ms) == (SPEECH[100 * MS : 200 * MS], 0)
    (word, third) = tell(session, append(SPEECH[400 * MS : 500 * MS]))
    assert (word.elapsed_ms, third.elapsed_ms) == (200, 200)


def test_closing_says_the_rest_and_ends() -> None:
    session = opened()
    told = tell(session, append(SPEECH), CLOSE)
    assert audio_of(told) == SPEECH
    assert len(told[-2].delta) == 10 * MS
    assert types(told).count("session.closed") == 1
    assert types(told)[-1] == "session.closed"
    assert session.is_closed
    for frame in ("no JSON", t.encode(append(SPEECH)), t.encode(CLOSE)):
        assert session.feed(frame) == []
    assert not session.is_responding
    assert session.advance() == []


def test_a_session_without_speech_closes() -> None:
    assert types(tell(opened(), CLOSE)) == ["session.closed"]


def test_words_are_of_frames_and_go_ahead_of_the_voice() -> None:
    told = tell(opened(TRANSCRIBED, language("es"), ptime_ms=20), append(SPEECH[: 650 * MS]), CLOSE)
    assert words_of(t.SessionInputTranscriptDelta, told) == "word1 word2 word3 word4"
    assert words_of(t.SessionOutputTranscriptDelta, told) == "es-word1 es-word2 es-word3 es-word4"
    said = [event for event in told if isinstance(event, t.SessionOutputTranscriptDelta)]
    assert [event.elapsed_ms for event in said] == [0, 200, 400, 600]
    voiced = 0
    for event in told[:-1]:
        if isinstance(event, t.SessionOutputAudioDelta):
            voiced += len(event.delta)
        else:
            assert voiced == event.elapsed_ms * MS


def test_words_in_no_language_are_the_sources() -> None:
    told = tell(opened(), append(SPEECH[: 400 * MS]), CLOSE)
    assert words_of(t.SessionOutputTranscriptDelta, told) == "word1 word2"
    assert "session.input_transcript.delta" not in types(told)


def test_the_language_changes_in_the_middle() -> None:
    session = opened(language("es"))
    told = tell(session, append(SPEECH[: 500 * MS]), language("fr"), CLOSE)
    assert words_of(t.SessionOutputTranscriptDelta, told) == "es-word1 es-word2 fr-word3"


@pytest.mark.parametrize("ptime_ms", [20, 60, 100, 200, 500])
def test_steps_have_their_duration(ptime_ms: float) -> None:
    told = tell(opened(ptime_ms=ptime_ms), append(SPEECH), CLOSE)
    chunks = [event.delta for event in told if isinstance(event, t.SessionOutputAudioDelta)]
    assert b"".join(chunks) == SPEECH
    assert {len(chunk) for chunk in chunks[:-1]} <= {ptime_ms * MS}
    assert words_of(t.SessionOutputTranscriptDelta, told) == "word1 word2 word3 word4 word5 word6"


@pytest.mark.parametrize("ptime_ms", [0, 0.01])
def test_a_step_is_whole_samples(ptime_ms: float) -> None:
    with pytest.raises(AudioError):
        ServerProtocol(dialect="translation", ptime_ms=ptime_ms)


def paced(session: ServerProtocol) -> Iterator[Any]:
    while session.is_responding:
        yield from heard(session, session.advance())


def test_a_paced_session_says_the_same_by_steps() -> None:
    session = opened(TRANSCRIBED, paced=True)
    assert tell(session, append(SPEECH)) == []
    assert session.is_responding
    assert len(audio_of(heard(session, session.advance()))) == 100 * MS
    told = [*paced(session)]
    assert not session.is_closed
    assert tell(session, CLOSE) == []
    assert session.is_responding
    told += paced(session)
    assert session.is_closed
    assert audio_of(told) == SPEECH[100 * MS :]
    assert types(told)[-1] == "session.closed"
    assert told[0].event_id == "event_00000006"


CUTS = st.lists(st.integers(0, len(SPEECH) // 2), max_size=20).map(
    lambda cuts: [0, *sorted(2 * cut for cut in cuts), len(SPEECH)]
)


@given(cuts=CUTS, ptime_ms=st.sampled_from([10, 20, 100, 250]), by_steps=st.booleans())
def test_any_split_is_said_alike(cuts: list[int], ptime_ms: int, by_steps: bool) -> None:
    """The whole sequence of events, whether its steps are taken at once or by and by."""
    once = tell(opened(TRANSCRIBED, ptime_ms=ptime_ms), append(SPEECH), CLOSE)
    session = opened(TRANSCRIBED, ptime_ms=ptime_ms, paced=by_steps)
    told: list[Any] = []
    for start, end in itertools.pairwise(cuts):
        told += tell(session, append(SPEECH[start:end]))
        told += paced(session)
    told += [*tell(session, CLOSE), *paced(session)]
    assert told == once


# --- Refusals ------------------------------------------------------------------------

REFUSED: dict[str, tuple[bytes, str, str | None, str | None]] = {
    "no JSON": (b"hello", "invalid_json", None, None),
    "no UTF-8": (b"\xff\xfe", "invalid_json", None, None),
    "too deep": (b'{"event_id":"e","x":' + b"[" * 100_000, "invalid_json", None, None),
    "no type": (b'{"event_id":"e"}', "invalid_event", "type", "e"),
    "an unknown type": (b'{"event_id":"e","type":"sing"}', "invalid_value", "type", "e"),
    "a type of GA's": (b'{"event_id":"e","type":"response.create"}', "invalid_value", "type", "e"),
    "no audio": (
        b'{"event_id":"e","type":"session.input_audio_buffer.append"}', "missing_required_parameter", "audio", "e",
    ),
    "bad base64": (
        b'{"event_id":"e","type":"session.input_audio_buffer.append","audio":"!"}', "invalid_value", "audio", "e",
    ),
    "half a sample": (
        b'{"event_id":"e","type":"session.input_audio_buffer.append","audio":"AAAA"}', "invalid_value", "audio", "e",
    ),
    "no session": (b'{"event_id":"e","type":"session.update"}', "missing_required_parameter", "session", "e"),
    "a language that is a number": (
        b'{"event_id":"e","type":"session.update","session":{"audio":{"output":{"language":7}}}}',
        "invalid_value", "session.audio.output.language", "e",
    ),
    "a language's name": (
        b'{"event_id":"e","type":"session.update","session":{"audio":{"output":{"language":"Spanish"}}}}',
        "invalid_value", "session.audio.output.language", "e",
    ),
    "no language at all": (
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
    "an endless event_id": (
        b'{"type":"session.close","event_id":"%b"}' % (b"e" * 513), "string_above_max_length", "event_id", "e" * 513,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("as_text", [False, True])
def test_a_bad_event_is_an_error_that_names_it(name: str, as_text: bool) -> None:
    frame, code, param, event_id = REFUSED[name]
    session = opened(TRANSCRIBED, language("es"))
    before = told_settings(session, hearing())
    told = session.feed(frame.decode("utf-8", "replace") if as_text else frame)
    error = refusal(heard(session, told))
    assert (error.code, error.param, error.event_id) == (code, param, event_id)
    assert error.message
    assert told_settings(session, hearing()) == before


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("realtime.testing.translation.MAX_BUFFER_MS", 1000)
    session = opened(append(SPEECH[: 1000 * MS]), paced=True)
    assert refusal(tell(session, append(SPEECH[:2]))).param == "audio"
    session.advance()
    assert tell(session, append(SPEECH[:2])) == []
    monkeypatch.setattr("realtime.spec.MAX_APPEND_BYTES", 100)
    assert "15 MiB" in refusal(heard(session, session.feed(t.encode_append(bytes(102))))).message


def test_nothing_is_taken_while_the_rest_is_said() -> None:
    session = opened(append(SPEECH), paced=True)
    tell(session, CLOSE)
    for event in (append(SPEECH), language("es"), CLOSE):
        assert refusal(tell(session, event)).code == "session_closing"
    assert audio_of([*paced(session)]) == SPEECH


FRAMES = st.one_of(
    st.binary(),
    st.text(),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["session.update", "session.input_audio_buffer.append", "session.close"]),
        },
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
def test_whatever_is_sent_the_answers_are_events(frames: list[Any]) -> None:
    session = ServerProtocol(dialect="translation")
    told = session.open()
    for frame in frames:
        told += session.feed(frame)
    for event in heard(session, told):
        assert not isinstance(event, t.UnknownEvent)
        assert event.event_id


# --- OpenAI's client -----------------------------------------------------------------

sdk = pytest.importorskip("tests.oracle.sdk")
MODELS = {sdk.tag(model): model for model in sdk.models(sdk.EVENTS["translation", "server"])}


def test_every_event_is_valid_for_the_sdk() -> None:
    session = ServerProtocol(dialect="translation")
    told = session.open()
    for event in (TRANSCRIBED, language("es"), language("-"), append(SPEECH), CLOSE):
        told += session.feed(t.encode(event))
    assert {*types(told)} == {*MODELS}
    for said in told:
        MODELS[said.type].model_validate_json(session.encode(said), strict=True)


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
        told: list[Any] = [*connection]
    assert told[-1].type == "session.closed"
    audio = [event for event in told if event.type == "session.output_audio.delta"]
    assert b"".join(base64.b64decode(event.delta) for event in audio) == SPEECH
    assert {(event.format, event.sample_rate, event.channels) for event in audio} == {("pcm16", 24000, 1)}
    words = "".join(event.delta for event in told if event.type == "session.output_transcript.delta")
    assert words == "es-word1 es-word2 es-word3 es-word4 es-word5 es-word6"
