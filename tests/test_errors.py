"""The hierarchy, the fields, and the bounds of what a message contains."""

from __future__ import annotations

import copy
import json
import pickle
import re
import traceback
from typing import Any, cast

import msgspec
import pytest

import realtime
from realtime import beta
from realtime.errors import SNIPPET_CHARS, reason_of, snippet


@pytest.mark.parametrize(
    ("error", "parents"),
    [
        (realtime.DecodeError, (realtime.RealtimeError, ValueError)),
        (realtime.EncodeError, (realtime.RealtimeError, ValueError)),
        (realtime.AudioError, (realtime.RealtimeError, ValueError)),
        (realtime.ConfigError, (realtime.RealtimeError, ValueError)),
        (realtime.ModelNotFoundError, (realtime.ConfigError,)),
    ],
)
def test_the_hierarchy(error: type[Exception], parents: tuple[type[Exception], ...]) -> None:
    for parent in parents:
        assert issubclass(error, parent)


@pytest.mark.parametrize(
    "error",
    [
        realtime.DecodeError("no", event_type="t", path="$.x", expected="int", payload="{"),
        realtime.EncodeError("no", event_type="t"),
        realtime.ConfigError("no", problems=[("a.b", "is wrong")]),
        realtime.ModelNotFoundError("m", problems=[("model", "is not known")]),
        realtime.ModelNotFoundError("m", reason="no price of 'm' is known"),
    ],
)
def test_errors_pickle_with_their_fields(error: Exception) -> None:
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert vars(back) == vars(error)
    assert str(back) == str(error)


def test_an_unknown_model_has_its_own_reason_or_a_given_one() -> None:
    assert str(realtime.ModelNotFoundError("m")) == "unknown realtime model: 'm'"
    assert str(realtime.ModelNotFoundError("m", reason="no price")) == "no price"


@pytest.mark.parametrize(
    ("frame", "reason"), [(b"", "an empty frame"), (b" \n", "an empty frame"), (b"{", "no"), (None, "no")]
)
def test_an_empty_frame_is_reported_as_empty(frame: bytes | None, reason: str) -> None:
    assert reason_of(ValueError("no"), frame) == reason


@pytest.mark.parametrize("payload", [b"\xff" * 200, "x" * 200, b"", "\n" * 200, "é" * 200, b"\x00{}"])
def test_a_snippet_is_short_and_printable(payload: object) -> None:
    text = snippet(payload)
    assert len(text) <= SNIPPET_CHARS
    assert text.isprintable()


@pytest.mark.parametrize(
    "payload", ["sk-" + "a" * 40, b'{"client_secret":"sk-' + b"a" * 40, "é Bearer " + "x" * 30]
)
def test_a_snippet_has_no_credential(payload: str | bytes) -> None:
    assert "<redacted>" in snippet(payload)
    assert "aaaa" not in snippet(payload)
    assert "xxxx" not in snippet(payload)


def test_a_decode_error_has_no_credential() -> None:
    frame = b'{"type":"session.update","session":5,"api_key":"sk-' + b"a" * 40 + b'"}'
    with pytest.raises(realtime.DecodeError) as caught:
        realtime.decode_client(frame)
    assert "aaaa" not in str(caught.value)
    assert "<redacted>" in caught.value.payload


# --- What is printed of payloads -------------------------------------------------------

SECRET = "sk-" + "q7" * 20
# Controls of C0 and C1 (U+009B begins a sequence for terminals), direction marks, a line separator, a lone surrogate.
CONTROLS = "\x1b[31m\x07\x7f\x85\x9b2J\u200f\u202e\u2066\u2028\ud800"


def _hostile(text: str) -> dict[str, Any]:
    """Return calls that raise an error about something that contains `text`."""
    session = realtime.RealtimeSession(model="gpt-realtime")
    transcription = realtime.Transcription(model=text, prompt="p", languages=["en"])
    escaped = json.dumps(text)  # JSON has no raw controls, and no lone surrogates that decode
    unpaired = escaped.replace("\\ud800", "")
    frames: dict[str, Any] = {
        "the type": f'{{"type":{unpaired},"x":',
        "a type that is not first": f'{{"x":1,"type":{unpaired}',
        "a type of a wrong kind": f'{{"type":{{{unpaired}:1}}}}',
        "a key of metadata": f'{{"type":"response.create","response":{{"metadata":{{{unpaired}:5}}}}}}',
        "a value of a wrong kind": f'{{"type":"session.update","session":{unpaired}}}',
        "the head": f'{{"x":{unpaired},"type":"session.update","session":5}}',
        "raw characters": f'{{"x":"{text}","type":"session.update","session":5}}'.encode(
            "utf-8", "surrogatepass"
        ),
        "no JSON": text,
        "no JSON, as bytes": text.encode("utf-8", "surrogatepass"),
    }
    calls: dict[str, Any] = {
        f"{name}: {decode.__name__}": lambda decode=decode, frame=frame: decode(frame)
        for name, frame in frames.items()
        for decode in (realtime.decode_client, realtime.peek_type)
    }
    return calls | {
        "a relay": lambda: realtime.decode_client_if(frames["raw characters"], {"session.update"}),
        "an event's value": lambda: realtime.encode(
            realtime.ResponseCreate(response=realtime.ResponseParams(metadata={text: cast("str", 5)}))
        ),
        "an event's type": lambda: realtime.encode(_tagged(text)),
        "a format": lambda: realtime.AudioFormat.of(text),
        "a format's rate": lambda: realtime.AudioFormat.of(f"audio/pcm;rate={text}"),
        "a format's number": lambda: realtime.AudioFormat.of({"type": "audio/pcm", "rate": 10**400}),
        "a model without price": lambda: realtime.estimate_cost_per_minute(text),
        "a model": lambda: realtime.validate_session_config(msgspec.structs.replace(session, model=text)),
        "an enum": lambda: realtime.validate_session_config(msgspec.structs.replace(session, tracing=text)),
        "a model of transcription": lambda: realtime.validate_session_config(
            realtime.TranscriptionSession(
                audio=realtime.AudioConfig(input=realtime.AudioInput(transcription=transcription))
            )
        ),
        "a tag": lambda: realtime.create_session_config(turn_detection={"type": text}),
        "a name": lambda: realtime.create_session_config(turn_detection={text: 1}),
        "a session's type": lambda: beta.from_ga(
            realtime.SessionUpdate(session=realtime.UnknownSession(text, b"{}"))
        ),
        "a beta format": lambda: beta.to_ga(
            beta.SessionUpdate(session=beta.RealtimeSessionConfig(input_audio_format=text))
        ),
        "a beta model": lambda: beta.validate_session_config(beta.RealtimeSessionConfig(model=text)),
        "a beta price": lambda: beta.estimate_cost_per_minute(text),
        "an error's own fields": lambda: _raise(
            realtime.DecodeError(text, event_type=text, path=text, expected=text, payload=text)
        ),
        "an encode error": lambda: _raise(realtime.EncodeError(text, event_type=text)),
        "an audio error": lambda: _raise(realtime.AudioError(text)),
        "a config error": lambda: _raise(realtime.ConfigError(text, problems=[(text, text)])),
        "problems alone": lambda: _raise(realtime.ConfigError(problems=[(text, text)] * 30)),
    }  # fmt: skip


def _raise(error: Exception) -> None:
    raise error


def _tagged(tag: str) -> Any:
    return msgspec.defstruct("Odd", [], bases=(realtime.ResponseCancel,), tag=tag)()


def _shown(error: BaseException) -> str:
    """Return everything that a log would show of `error`, without the source lines of this file."""
    printed = traceback.format_exception_only(error) + traceback.format_exception(error.__cause__)
    return "\n".join([*printed, str(error), repr(error), repr(error.args), repr(vars(error))])


def _error_of(call: Any) -> Any:
    """Return the error that `call` raises; None if it accepts its text."""
    try:
        call()
    except realtime.RealtimeError as error:
        return error
    return None


MADE_BY_THE_CALLER = (
    "an error's own fields",
    "an encode error",
    "an audio error",
    "a config error",
    "problems alone",
)


@pytest.mark.parametrize("name", _hostile(""))
@pytest.mark.parametrize(
    "text", [SECRET, f"{CONTROLS}x", f"Bearer {SECRET[3:]}{CONTROLS}"], ids=["key", "controls", "both"]
)
def test_no_error_shows_a_credential_or_a_control_character(name: str, text: str) -> None:
    error = _error_of(_hostile(text)[name])
    if error is None:
        assert name.endswith("peek_type")  # which reads the type only
        return
    shown = _shown(error)
    assert "q7q7q7q7" not in shown
    assert [c for c in shown if not c.isprintable() and c != "\n"] == []
    assert error.__suppress_context__ or error.__context__ is None


def test_every_error_is_raised_for_a_long_text_and_shows_a_snippet_of_it() -> None:
    for name, call in _hostile("z" * 100_000).items():
        error = _error_of(call)
        if name in MADE_BY_THE_CALLER or error is None:
            continue
        assert len(str(error)) < 500, name
        assert max(map(len, re.findall("z+", str(error))), default=0) <= SNIPPET_CHARS, name


@pytest.mark.parametrize("name", ["api_key", "token", "authorization", "client_secret"])
@pytest.mark.parametrize("before", [0, 10, 40, 60, 300, 600, 630])
def test_no_error_shows_a_member_that_is_named_like_a_credential(name: str, before: int) -> None:
    frame = f'{{"x":"{"y" * before}","{name}":"{"q7" * 30}","type":"session.update","session":5}}'
    for data in (frame, frame.encode(), frame[:-10], frame[: before + 40]):
        error = _error_of(lambda: realtime.decode_client(data))  # noqa: B023
        assert "q7q7" not in _shown(error)


@pytest.mark.parametrize("before", range(0, 1000, 7))
def test_a_credential_is_removed_wherever_the_snippet_ends(before: int) -> None:
    for text in (
        "y" * before + f' "api_key":"{"q7" * 30}"',
        '"api_key":"' + "q" * before + f'" , {SECRET} , {SECRET}',
        " ".join([SECRET] * 3) + " " * before + SECRET,
        f'"token":"{"x" * before}","token":"{"q7" * 30}"',
    ):
        assert "q7" not in snippet(text)
        assert len(snippet(text)) <= SNIPPET_CHARS


def test_what_follows_a_long_credential_is_shown() -> None:
    assert snippet(f'"a":"sk-{"x" * 300}" tail') == '"a":"<redacted>" tail'
    assert snippet(f'"a":"sk-{"x" * 700}" tail') == '"a":"...'
    assert snippet(f'"a":"sk-{"x" * 300}" {"y" * 900}').startswith('"a":"<redacted>" yyy')


def test_a_config_error_states_its_first_problems_and_has_all() -> None:
    problems = [(f"tools[{i}]", "is wrong") for i in range(100_000)]
    error = realtime.ConfigError(problems=problems)
    assert error.problems == tuple(problems)
    assert str(error).startswith("tools[0]: is wrong; tools[1]: is wrong; ")
    assert str(error).endswith("; and 99,980 more")
    assert str(realtime.ConfigError(problems=problems[:20])).endswith("tools[19]: is wrong")


def test_a_number_of_any_size_has_a_snippet() -> None:
    assert snippet(10**5000) == "<int>"
    with pytest.raises(realtime.AudioError):
        realtime.AudioFormat.PCM16.duration_ms(-(10**5000))
    with pytest.raises(realtime.ConfigError):
        realtime.AudioFormat.of({"type": "audio/pcm", "rate": 10**5000})
    with pytest.raises(realtime.ConfigError):
        realtime.Codec(max_frame_bytes=-(10**5000))


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda error: pickle.loads(pickle.dumps(error))])
@pytest.mark.parametrize("text", ["no", CONTROLS, SECRET, "x" * 5000])
def test_errors_are_copied_with_all_that_they_show(clone: Any, text: str) -> None:
    for error in (
        realtime.DecodeError(text, event_type=text, path=text, expected=text, payload=text),
        realtime.EncodeError(text, event_type=text),
        realtime.AudioError(text),
        realtime.ConfigError(text, problems=[(text, text)]),
        realtime.ConfigError(problems=[(text, text)]),
        realtime.ModelNotFoundError(text, problems=[("model", text)], reason=text),
        realtime.ModelNotFoundError(text),
    ):
        error.add_note("a note")
        cloned = clone(error)
        assert type(cloned) is type(error)
        assert vars(cloned) == vars(error)
        assert str(cloned) == str(error)
