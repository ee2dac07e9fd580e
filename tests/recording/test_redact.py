"""Redaction: audio, credentials and instructions are removed from frames, and nothing else."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime import beta
from realtime._secrets import REDACTED, is_secret, redacted
from realtime.recording import Entry, Recorder, read_log
from realtime.recording.redact import AUDIO_MEMBERS, frame_formatter, one_line
from tests import cases
from tests.work import count_lines

AUDIO = base64.b64encode(bytes(range(256)) * 5)
FRAMES = [(dialect, side, frame.encode()) for dialect, side, frame in cases.ALL]
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N"
KEY = "ek_68af296e8e408191a1120ab6383263c2"


def formatted(frame: bytes, **options: Any) -> bytes:
    return frame_formatter(**{"audio": True, "redact": True, "instructions": True, **options})(frame)


# --- Credentials ---------------------------------------------------------------------


def strings(value: Any, name: str = "") -> Any:
    """Yield every string with the name of its member."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from strings(item, name if is_secret(name) else key)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item, name)
    elif isinstance(value, str):
        yield name, value


@pytest.mark.parametrize(("dialect", "side", "frame"), FRAMES, ids=cases.IDS)
def test_no_credential_of_any_event_is_recorded(dialect: str, side: str, frame: bytes) -> None:
    line = formatted(frame)
    tree, clean = json.loads(frame), json.loads(line)
    has_logprobs = b"logprob" in frame
    for name, text in strings(clean):
        assert not is_secret(name) or text == REDACTED or (has_logprobs and name == "token")
        assert redacted(text) == text
    if redacted(tree) == tree:
        assert line == frame
    decode = cases.decoder(dialect, side)
    assert type(decode(line)) is type(decode(frame))


SECRETS = [
    {"type": "session.created", "session": {"client_secret": {"value": KEY, "expires_at": 1756310470}}},
    {"type": "session.update", "session": {"tools": [{"type": "mcp", "authorization": "s3cret"}]}},
    {"type": "session.update", "session": {"tools": [{"type": "mcp", "headers": {"X-Api": "s3cret"}}]}},
    {"type": "session.update", "session": {"instructions": f"use {KEY} for it"}},
    {"type": "error", "error": {"message": "Incorrect API key provided: sk-proj-s3cret12345"}},
    {"type": "response.done", "response": {"metadata": {"My-Api-Key": "s3cret", "n": 1}}},
    {"type": "x", "headers": ["s3cret"], "password": "s3cret", "token": 12345678},
    {"type": "conversation.item.create", "item": {"text": "Authorization: BEARER s3cret-abc"}},
    {"type": "response.output_audio.delta", "delta": AUDIO.decode(), "api_key": "s3cret"},
    {"type": "input_audio_buffer.append", "audio": AUDIO.decode(), "event_id": KEY},
    {"type": "x", "item": {"output": '{"access_token": "s3cret", "n": [1]}'}},
    {"type": "x", "item": {"output": '[{"body": "{\\"accessToken\\": \\"s3cret\\"}"}]'}},
    {"type": "x", "item": {"output": '[{"headers": {"X": "s3cret"}}]'}},
    {"type": "x", "item": {"output": "{'api_key': 's3cret', 'n': 1}"}},
    {"type": "x", "notes": ["sk-s3cret12345", [f"use {KEY}"]]},
    {"type": "response.output_audio.delta", "delta": "sk-s3cret12345678"},
    {"type": "x", "item": {"output": 'it said {"apiKey":"s3cret"} and {\\"token\\": \\"s3cret\\"}'}},
    {"type": "response.function_call_arguments.done", "arguments": '{"api_key":"s3cret","q":"x"}'},
    {"type": "response.function_call_arguments.delta", "delta": '{"api_key":"s3cr'},
    {"type": "response.function_call_arguments.delta", "delta": '","api_key":"s3cret","q":"x'},
    {"type": "x", "server_url": "https://user:s3cret@host/?api_key=s3cret&n=1#access_token=s3cret"},
    {"type": "x", "server_url": "wss://host/v1?X-Api-Key=s3cret"},
    {"type": "x", "text": f"this: {JWT}, or ({JWT})", "jwt": "s3cret"},
    {"type": "response.output_text.delta", "delta": "Bearer hunter2"},
    {"type": "response.output_text.delta", "delta": JWT},
]


@pytest.mark.parametrize("event", SECRETS)
@pytest.mark.parametrize("style", [{}, {"separators": (",", ":")}, {"indent": 1}])
def test_every_credential_is_replaced(event: dict[str, Any], style: Any) -> None:
    frame = json.dumps(event, **style).encode()
    line = formatted(frame)
    for secret in (b"s3cret", KEY.encode(), b"12345678", JWT.encode(), b"hunter2"):
        assert secret not in line
    assert json.loads(line)["type"] == event["type"]
    assert secret_free(event) == secret_free(json.loads(line))
    assert formatted(frame, redact=False) == frame or b"\n" in frame


def secret_free(event: Any) -> list[str]:
    return [name for name, _ in strings(event)]


@pytest.mark.parametrize(
    ("value", "clean"),
    [
        ('{"authorization": "Bearer s3cret", "n": 1.5}', '{"authorization":"<redacted>","n":1.5}'),
        ('{"note":"Bearer s3cret","n":1}', '{"note":"<redacted>","n":1}'),
        ('so {"note":"Bearer s3cret","n":1}', 'so {"note":"<redacted>","n":1}'),
        ('so {"token":"a\\"b","n":1}', 'so {"token":"<redacted>","n":1}'),
        ("https://me:s3cret@host:1/p?a=1&token=s3cret&b=2", "https://<redacted>@host:1/p?a=1&token=<redacted>&b=2"),
        ("https://host/@me?total_tokens=3", "https://host/@me?total_tokens=3"),
        ('{"client_secret":{"value":"s3cret","expires_at":17}}', '{"client_secret":{"value":"<redacted>","expires_at":17}}'),
        ('{"token":""}', '{"token":"<redacted>"}'),
        ('so {"token":""}', 'so {"token":""}'),
        ('{"city" : "Paris"}', '{"city" : "Paris"}'),
        ("{the key: of a city}", "{the key: of a city}"),
        ("eyJust a word. eyJa.b", "eyJust a word. eyJa.b"),
    ],
)  # fmt: skip
def test_a_text_changes_only_in_its_credentials(value: str, clean: str) -> None:
    frame = json.dumps({"type": "x", "output": value}).encode()
    assert json.loads(formatted(frame))["output"] == clean
    if clean == value:
        assert formatted(frame) == frame


def test_both_members_of_one_name_are_redacted() -> None:
    assert formatted(b'{"api_key":"s3cret","api_key":null}') == b'{"api_key":null}'
    words = b'{"logprobs":[{"token":"a","logprob":-0.1}],"x":"sk-"}'
    assert formatted(words) == words


@pytest.mark.parametrize(
    "delta",
    [" word", "Yes, 5!", '{"', '":"', '"}', "", "bearer", "k_", '{"city":', ', "q": ', "caf\u00e9", "it's"],
)
@pytest.mark.parametrize("audio", [True, False])
def test_text_deltas_are_recorded_byte_for_byte(delta: str, audio: bool) -> None:
    for name in ("response.output_text.delta", "response.function_call_arguments.delta"):
        ids: dict[str, Any] = {"event_id": "event_1", "item_id": "item_1", "output_index": 0}
        frame = msgspec.json.encode({"type": name, **ids, "delta": delta})
        assert formatted(frame, audio=audio, instructions=False) == frame
        assert json.loads(frame)["delta"] == delta


@given(st.text("ab\\\"':{}, /?@=&", max_size=60), st.text("\\\"' ", max_size=3))
def test_any_redacted_text_is_valid_and_redacted_once(text: str, quote: str) -> None:
    for value in (text, f"{quote}token{quote}:{quote}s3cret{quote}", f'{{"key":{json.dumps(text)}}}'):
        frame = json.dumps({"type": "x", "output": value}).encode()
        found = json.loads(formatted(frame))["output"]
        assert redacted(found) == found
        assert (
            formatted(json.dumps({"type": "x", "output": found}).encode())
            == json.dumps({"type": "x", "output": found}).encode()
        )


def test_credentials_in_escapes_and_outside_json_are_replaced() -> None:
    assert b"s3cret" not in formatted(b'{"type":"x","api\\u005fkey":"s3cret"}')
    assert b"s3cret1234" not in formatted(b'{"a":"sk-s3cret1234","a":"twice"}')
    assert b"s3cret1234" not in formatted(b"no JSON: sk-s3cret1234")
    assert b"s3cret1234" not in formatted(b'"a string: sk-s3cret1234"')
    assert b"s3cret1234" not in formatted(b"no text: \xff sk-s3cret1234")


@given(
    st.sampled_from(["key", "API-Key", "x_token", "Cookie", "credentials", "safety_identifier", "headers"]),
    st.text(min_size=1),
)
def test_a_member_named_like_a_credential_is_redacted(name: str, value: str) -> None:
    assert json.loads(formatted(json.dumps({"a": [{name: value}]}).encode())) == {"a": [{name: REDACTED}]}


def test_instructions_are_removed_only_on_request() -> None:
    frame = b'{"type":"session.update","session":{"instructions":"be \\"nice\\"","model":"m"}}'
    assert formatted(frame) == frame
    without = b'{"type":"session.update","session":{"instructions":"<redacted>","model":"m"}}'
    assert formatted(frame, instructions=False) == without
    tricky = b'{"a":"\\"instructions\\":\\"kept\\"","instructions":null}'
    assert formatted(tricky, instructions=False) == tricky
    empty = b'{"session":{"instructions" : "","model":"m"}}'
    assert formatted(empty, instructions=False) == b'{"session":{"instructions" : "<redacted>","model":"m"}}'


# --- Audio ---------------------------------------------------------------------------


@pytest.mark.parametrize(("dialect", "side", "frame"), FRAMES, ids=cases.IDS)
def test_audio_is_removed_from_every_event(dialect: str, side: str, frame: bytes) -> None:
    line = formatted(frame, audio=False, redact=False)
    before, after = json.loads(frame), json.loads(line)
    nbytes = after.pop("audio_bytes", None)
    lengths: list[int] = []
    assert after == audio_free(before, lengths, AUDIO_MEMBERS.get(before["type"], "audio"))
    assert nbytes == (sum(lengths) or None)
    assert list(json.loads(line))[: len(before)] == list(before)
    if not lengths:
        assert line == frame


def audio_free(value: Any, lengths: list[int], name: str) -> Any:
    if isinstance(value, dict):
        found = {}
        for key, item in value.items():
            if key in {"audio", name} and isinstance(item, str) and item:
                lengths.append(len(base64.b64decode(item)))
                found[key] = ""
            else:
                found[key] = audio_free(item, lengths, "audio")
        return found
    return [audio_free(item, lengths, "audio") for item in value] if isinstance(value, list) else value


def test_audio_members_cover_all_dialects() -> None:
    assert AUDIO_MEMBERS["response.output_audio.delta"] == AUDIO_MEMBERS["response.audio.delta"] == "delta"
    assert AUDIO_MEMBERS["session.output_audio.delta"] == "delta"
    assert (
        AUDIO_MEMBERS["input_audio_buffer.append"] == AUDIO_MEMBERS["session.input_audio.append"] == "audio"
    )


@pytest.mark.parametrize("encode", [realtime.encode, beta.encode])
def test_frequent_frames_are_recorded_byte_for_byte(encode: Any) -> None:
    for frame in (
        encode(realtime.InputAudioBufferAppend(audio=bytes(2000), event_id="e")),
        realtime.encode_append(bytes(2000)),
    ):
        assert formatted(frame) == frame
        assert (
            formatted(frame, audio=False)
            == frame.replace(b"A" * 2667 + b"=", b"")[:-1] + b',"audio_bytes":2000}'
        )


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (b'{"delta":"QUJD","type":"response.audio.delta"}', b'{"delta":"","type":"response.audio.delta","audio_bytes":3}'),
        (b'{"type":"response.audio.delta","delta" : "QU\\/D"}', b'{"type":"response.audio.delta","delta" : "","audio_bytes":3}'),
        (b'{"type":"response.audio.delta","delta":"QU!"}', b'{"type":"response.audio.delta","delta":"","audio_bytes":0}'),
        (b'{"type":"response.audio.delta","delta":null}', b'{"type":"response.audio.delta","delta":null}'),
        (b'{"type":"response.audio.delta","delta":""}', b'{"type":"response.audio.delta","delta":""}'),
        (b'{"type":"x","delta":"QUJD"}', b'{"type":"x","delta":"QUJD"}'),
        (b'{"type":"x","AUDIO":"QUJD"}', b'{"type":"x","AUDIO":"QUJD"}'),
        (b'{"AUDIO":"QUJD","audio":""}', b'{"AUDIO":"QUJD","audio":""}'),
        (b'{"type":"response.audio.delta","delta":"QUJD"', None),
    ],
)  # fmt: skip
def test_audio_frames_in_unusual_layouts(frame: bytes, line: bytes | None) -> None:
    found = formatted(frame, audio=False)
    if line is None:
        assert json.loads(found) == frame.decode()
    else:
        assert found == line


IDS: dict[str, Any] = {
    "event_id": "event_Ab9",
    "response_id": "resp_Ab9",
    "item_id": "Item_9",
    "output_index": 0,
}
FREQUENT: dict[str, Any] = {
    "append": {"type": "input_audio_buffer.append", "audio": AUDIO.decode()},
    "append with an id": {"type": "input_audio_buffer.append", "event_id": "event_1", "audio": AUDIO.decode()},
    "audio": {"type": "response.output_audio.delta", **IDS, "content_index": 10, "delta": AUDIO.decode()},
    "audio of beta": {"type": "response.audio.delta", **IDS, "delta": AUDIO.decode(), "obfuscation": "aZ09"},
    "empty audio": {"type": "response.audio.delta", **IDS, "delta": ""},
    "transcript": {"type": "response.output_audio_transcript.delta", **IDS, "delta": " It's Hello_5, World!"},
    "arguments": {"type": "response.function_call_arguments.delta", **IDS, "call_id": "call_9", "delta": '{"'},
    "text": {"type": "response.output_text.delta", "event_id": "", "delta": "x", "obfuscation": "aZ09"},
}  # fmt: skip


@pytest.mark.parametrize("audio", [True, False])
@pytest.mark.parametrize("event", FREQUENT.values(), ids=FREQUENT)
def test_frequent_frames_are_not_searched_for_credentials(event: dict[str, Any], audio: bool) -> None:
    """A few lines are executed for them, and several times as many with a member that is not frequent."""
    format_frame = frame_formatter(audio=audio, redact=True, instructions=True)
    format_frame(msgspec.json.encode(event))  # `make mutation` does not see what runs while lines are counted
    few, many = (
        count_lines(format_frame, msgspec.json.encode(each), only="realtime.recording.redact")
        for each in (event, {**event, "other": "x"})
    )
    assert few <= 20
    assert many >= 2 * few


def test_a_recorder_removes_audio_and_instructions(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with Recorder(path, audio=False, instructions=False) as recorder:
        recorder.sent(realtime.encode_append(bytes(480)))
        recorder.sent(
            b'{"type":"session.update","session":{"instructions":"x","client_secret":{"value":"y"}}}'
        )
    assert [each.frame for each in read_log(path) if isinstance(each, Entry)] == [
        b'{"type":"input_audio_buffer.append","audio":"","audio_bytes":480}',
        b'{"type":"session.update","session":{"instructions":"<redacted>","client_secret":{"value":"<redacted>"}}}',
    ]


# --- Escaped names, and JSON that Python does not parse as others do ---------------------


def escaped(name: str, at: int) -> str:
    return f"{name[:at]}\\u{ord(name[at]):04x}{name[at + 1 :]}"


@pytest.mark.parametrize("name", ["api_key", "authorization", "Set-Cookie", "headers", "client_secret"])
@pytest.mark.parametrize("plain", [True, False])
def test_escaped_names_of_credentials_are_recognised(name: str, plain: bool) -> None:
    beginning = '"type":"response.output_text.delta","delta":"x"' if plain else '"a":[1]'
    for at in range(len(name)):
        for spelling in (escaped(name, at), escaped(name, at).upper().replace("\\U", "\\u")):
            frame = f'{{{beginning},"{spelling}":"s3cret"}}'.encode()
            assert b"s3cret" not in formatted(frame)
            nested = json.dumps({"type": "x", "arguments": frame.decode()}).encode()
            assert b"s3cret" not in formatted(nested)
            fragment = json.dumps({"type": "x", "delta": frame.decode()[1:-3]}).encode()
            assert b"s3cr" not in formatted(fragment)


def test_escaped_names_of_audio_and_instructions_are_recognised() -> None:
    for at in range(len("audio")):
        frame = f'{{"type":"input_audio_buffer.append","{escaped("audio", at)}":"QUJD"}}'.encode()
        assert json.loads(formatted(frame, audio=False)) == {
            "type": "input_audio_buffer.append", "audio": "", "audio_bytes": 3,
        }  # fmt: skip
    for at in range(len("instructions")):
        frame = f'{{"session":{{"{escaped("instructions", at)}":"be nice"}}}}'.encode()
        assert json.loads(formatted(frame, instructions=False)) == {"session": {"instructions": REDACTED}}
    delta = b'{"type":"response.output_audio.delta","\\u0064elta":"QUJD"}'
    assert json.loads(formatted(delta, audio=False))["delta"] == ""


@pytest.mark.parametrize(
    ("other", "value"),
    [
        ("1" * 30, int("1" * 30)), ("1" * 5000, None), ("1e400", None), ('"\\ud800"', "\ud800"), ('"\\udc00x"', "\udc00x"),
        ("-0.0", 0.0), ("1.50", 1.5), ('"\\u00e9\\/"', "\u00e9/"), ("[[],{}]", [[], {}]),
    ],
)  # fmt: skip
def test_a_frame_with_unusual_values_remains_json(other: str, value: Any) -> None:
    frame = f'{{"headers":{{"X":"s3cret"}},"x":{other}}}'.encode()
    line = formatted(frame)
    assert b"s3cret" not in line
    assert b'": ' not in line
    found = json.loads(line)
    if (
        "\\ud" in other
    ):  # half of a surrogate pair is not JSON for the codec, but text that is searched like JSON
        found = json.loads(found)
    else:
        without = f'{{"x":{other}}}'.encode()
        assert formatted(without) == without
    assert found == {"headers": {"X": REDACTED}, "x": value}


def test_header_lists_and_members_within_members_are_redacted() -> None:
    event = {
        "type": "x",
        "list": [{"name": "Authorization", "value": "s3cret"}, {"name": "Accept", "value": "*"}],
    }
    assert json.loads(formatted(json.dumps(event).encode()))["list"] == [
        {"name": "Authorization", "value": REDACTED}, {"name": "Accept", "value": "*"},
    ]  # fmt: skip
    text = 'said {"body":"{\\"token\\":\\"s3cret\\"}"}'
    assert b"s3cret" not in formatted(json.dumps({"type": "x", "text": text}).encode())


PLAIN_DELTAS = [
    "bearer abcdefgh", "Bearer abcdefgh", "BEARER x", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc", "eyJhIjoxfQ.eyJiIjoxfQ",
    "the key AKIAIOSFODNN7EXAMPLE", "AIza" + "a" * 35, "ya29." + "a" * 20,
]  # fmt: skip
PLAIN_IDS = [
    "sk_abcdefgh",
    "ek_abcdefgh",
    "gho_" + "a" * 36,
    "github_pat_" + "a" * 22,
    "AKIAIOSFODNN7EXAMPLE",
    "rk_live_aaaaaaaa",
]


@pytest.mark.parametrize("text", [*PLAIN_DELTAS, *(f"so, {text}!" for text in PLAIN_DELTAS)])
def test_no_key_passes_as_plain_words(text: str) -> None:
    frame = msgspec.json.encode({"type": "response.output_text.delta", "event_id": "e", "delta": text})
    assert REDACTED.encode() in formatted(frame)


@pytest.mark.parametrize("key", PLAIN_IDS)
@pytest.mark.parametrize("member", ["event_id", "response_id", "item_id", "call_id"])
def test_no_key_passes_as_an_id(key: str, member: str) -> None:
    for rest in ({"delta": "x"}, {"audio": ""}):
        frame = msgspec.json.encode({"type": "response.output_text.delta", member: key, **rest})
        assert key.encode() not in formatted(frame)


@pytest.mark.parametrize(
    "unit",
    [
        '{"a":',
        "[",
        '{"a":1,',
        '"audio":"QUJD",',
        '"instructions":"x",',
        '"headers":{},',
        '"a\\u0062":1,',
        '"token":"x",',
    ],
)
def test_the_work_for_a_frame_grows_with_it_and_not_faster(unit: str) -> None:
    end = {"{": "1" + "}" * 10, "[": "1"}.get(unit[0], '"z":1}')

    def work(n: int) -> int:
        frame = ("{" * (unit[0] == '"') + unit * n + end).encode()
        return count_lines(lambda: formatted(frame, audio=False, instructions=False))

    few, many, most = (work(n) for n in (10, 100, 1000))
    assert many <= 12 * few
    assert most <= 12 * many


# --- The line of any frame ---------------------------------------------------------------

DEEP = b"[" * 257 + b"]" * 257


@pytest.mark.parametrize("redact", [True, False])
@pytest.mark.parametrize(("frame", "line"), [
    (b' {"a":1} \t', b'{"a":1}'), (b'{\n "a": 1}', b'{"a":1}'), (b'{"a":\r1}', b'{"a":1}'), (b" [1] ", b"[1]"),
    (b" 5", b"5"), (b"null", b"null"), (b'"abc"', b'"\\"abc\\""'), (b' "abc" ', b'" \\"abc\\" "'),
    (b"hello", b'"hello"'), (b"", b'""'), (b"a\nb", b'"a\\nb"'), (b'{"a":NaN}', b'"{\\"a\\":NaN}"'),
    ('{"a":"\u00e9"}'.encode(), '{"a":"\u00e9"}'.encode()), ("\u00e9".encode(), '"\u00e9"'.encode()),
    (b"\xff", '"\ufffd","frame_base64":"/w=="'.encode()), ("\ufffd".encode(), '"\ufffd"'.encode()),
    (b'{"a":"\xff"}', '"{\\"a\\":\\"\ufffd\\"}","frame_base64":"eyJhIjoi/yJ9"'.encode()),
    (DEEP[1:-1], DEEP[1:-1]), (DEEP, b'"' + DEEP + b'"'),
])  # fmt: skip
def test_every_frame_is_json_on_one_line(frame: bytes, line: bytes, redact: bool) -> None:
    for audio in (True, False):
        for instructions in (True, False):
            assert formatted(frame, redact=redact, audio=audio, instructions=instructions) == line
    assert json.loads(b'{"frame":' + line + b"}")
    if b"frame_base64" not in line:
        assert one_line(frame) == line


def test_one_line_of_bytes_that_are_no_text() -> None:
    assert one_line(b"\xff") == '"\ufffd"'.encode()
    assert one_line(b"sk-s3cret1234") == b'"sk-s3cret1234"'


def test_the_bytes_of_a_text_with_a_credential_are_not_recorded() -> None:
    frame = b"\xff sk-s3cret1234"
    assert formatted(frame) == '"\ufffd <redacted>"'.encode()
    assert (
        formatted(frame, redact=False)
        == '"\ufffd sk-s3cret1234","frame_base64":"/yBzay1zM2NyZXQxMjM0"'.encode()
    )
    assert formatted(b'["sk-s3cret1234"]') == b'"[\\"<redacted>\\"]"'
    assert formatted(b'["sk-s3cret1234"]', redact=False) == b'["sk-s3cret1234"]'


def test_a_credential_keeps_its_shape() -> None:
    secret: Any = {
        "a": None,
        "b": True,
        "c": 5,
        "d": 1.5,
        "e": ["x", [], {"expires_in": 3, "y": "z"}],
        "f": {},
    }
    blank: Any = {
        "a": None,
        "b": True,
        "c": 0,
        "d": 0,
        "e": [REDACTED, [], {"expires_in": 3, "y": REDACTED}],
        "f": {},
    }
    for frame in ({"headers": secret}, {"x": [{"cookies": [secret]}]}):
        text = json.dumps(frame)
        assert json.loads(formatted(text.encode())) == json.loads(
            text.replace(json.dumps(secret), json.dumps(blank))
        )
    unchanged = b'{"headers": {"a": null, "b": true, "c": 0, "expires_at": 5}}'
    assert formatted(unchanged) == unchanged


def test_the_token_of_a_log_probability_is_text() -> None:
    frame = b'{"logprobs":[{"token":"Hi","logprob":-0.5,"api_key":"s3cret"}],"token":"s3cret"}'
    clean = b'{"logprobs":[{"token":"Hi","logprob":-0.5,"api_key":"<redacted>"}],"token":"<redacted>"}'
    assert formatted(frame) == clean


@pytest.mark.parametrize(
    "text", ['{"a":NaN,"token":"s3cret"}', "[" * 300 + "sk-s3cret1234", '{"token":"s3cret"']
)
def test_a_text_that_only_looks_like_json_is_searched_as_text(text: str) -> None:
    line = formatted(json.dumps({"type": "x", "output": text}).encode())
    assert b"s3cret" not in line
    assert json.loads(line)["output"][:6] == text[:6]


@pytest.mark.parametrize("dialect_type", ["response.output_audio.delta", "x"])
def test_audio_far_from_the_start_is_removed_too(dialect_type: str) -> None:
    for padding in (0, 900, 2_000):
        frame = json.dumps(
            {"type": dialect_type, "pad": "p" * padding, "audio": "QUJD", "delta": "QUJDQUJD"}
        ).encode()
        nbytes = 9 if dialect_type != "x" else 3
        found = json.loads(formatted(frame, audio=False))
        assert (found["audio"], found["audio_bytes"]) == ("", nbytes)
        assert found["delta"] == ("" if nbytes == 9 else "QUJDQUJD")
        assert formatted(frame) == frame


def test_audio_and_instructions_are_removed_from_one_frame() -> None:
    frame = (
        b'{"type":"session.update","session":{"instructions":"x","audio":"QUJD"},"item":{"audio":"QUJDQQ=="}}'
    )
    assert formatted(frame, audio=False, instructions=False) == (
        b'{"type":"session.update","session":{"instructions":"<redacted>","audio":""},"item":{"audio":""},"audio_bytes":7}'
    )
    no_type = b'{"item":{"audio":"QUJD"}}'
    assert formatted(no_type, audio=False) == b'{"item":{"audio":""},"audio_bytes":3}'
    assert formatted(no_type) == no_type
