"""A session of each provider, from the first frame to usage, through every object that reads events.

The frames are as each server sends them (see `frames.jsonl`): the user says "Hi there.", the assistant
answers "Hello." in 100 ms of audio and calls a function. Identities are OpenAI's where a server has them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import realtime
from realtime import AudioError, ConfigError, UnknownEvent
from realtime.analysis import Inspector, Report, inspect_log, write_page
from realtime.cli import main
from realtime.providers import PROVIDERS, get_provider
from realtime.recording import Entry, Recorder, feed_all, log_files, read_metadata, stereo_wav
from realtime.state import Conversation, FunctionCall, FunctionCalls, Playback, Summarizer, Usage

Frame = dict[str, Any]
ARGUMENTS = '{"city":"Oslo"}'
USAGE: Frame = {
    "total_tokens": 12, "input_tokens": 7, "output_tokens": 5,
    "input_token_details": {"text_tokens": 3, "audio_tokens": 4, "cached_tokens": 0},
    "output_token_details": {"text_tokens": 2, "audio_tokens": 3},
}  # fmt: skip
RESPONSE, USER, ANSWER, CALL = "resp_1", "item_user", "item_answer", "item_call"


def audio(ms: int, rate: int) -> str:
    return base64.b64encode(bytes(ms * rate // 1000 * 2)).decode()


def message(id: str, role: str, **members: Any) -> Frame:
    return {"id": id, "object": "realtime.item", "type": "message", "role": role, **members}


def call(status: str, arguments: str = ARGUMENTS) -> Frame:
    return {
        "id": CALL, "object": "realtime.item", "type": "function_call", "status": status, "name": "weather",
        "call_id": "call_1", "arguments": arguments,
    }  # fmt: skip


def ga_frames(
    session: Frame | None = None, *, output_rate: int = 24_000, usage: Frame | None = USAGE
) -> list[Frame]:
    """The frames of OpenAI's GA server."""
    spoken = message(USER, "user", status="completed", content=[{"type": "input_audio", "transcript": None}])
    started = message(ANSWER, "assistant", status="in_progress", content=[])
    answer = message(
        ANSWER, "assistant", status="completed", content=[{"type": "output_audio", "transcript": "Hello."}]
    )
    part = {"response_id": RESPONSE, "item_id": ANSWER, "output_index": 0, "content_index": 0}
    step = {"response_id": RESPONSE, "item_id": CALL, "output_index": 1, "call_id": "call_1"}
    response = {"object": "realtime.response", "id": RESPONSE, "conversation_id": "conv_1"}
    default = {
        "type": "realtime", "object": "realtime.session", "id": "sess_1", "model": "gpt-realtime",
        "audio": {
            "input": {"format": {"type": "audio/pcm", "rate": 24_000}},
            "output": {"format": {"type": "audio/pcm", "rate": 24_000}, "voice": "marin"},
        },
    }  # fmt: skip
    return [
        {"type": "session.created", "session": default if session is None else session},
        {"type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": USER},
        {"type": "input_audio_buffer.speech_stopped", "audio_end_ms": 100, "item_id": USER},
        {"type": "input_audio_buffer.committed", "previous_item_id": None, "item_id": USER},
        {"type": "conversation.item.added", "previous_item_id": None, "item": spoken},
        {"type": "conversation.item.done", "previous_item_id": None, "item": spoken},
        {
            "type": "conversation.item.input_audio_transcription.completed", "item_id": USER, "content_index": 0,
            "transcript": "Hi there.", "usage": {"type": "duration", "seconds": 1},
        },
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": []}},
        {"type": "response.output_item.added", "response_id": RESPONSE, "output_index": 0, "item": started},
        {"type": "conversation.item.added", "previous_item_id": USER, "item": started},
        {"type": "response.content_part.added", **part, "part": {"type": "audio", "transcript": ""}},
        {"type": "response.output_audio_transcript.delta", **part, "delta": "Hel"},
        {"type": "response.output_audio.delta", **part, "delta": audio(60, output_rate)},
        {"type": "response.output_audio_transcript.delta", **part, "delta": "lo."},
        {"type": "response.output_audio.delta", **part, "delta": audio(40, output_rate)},
        {"type": "response.output_audio.done", **part},
        {"type": "response.output_audio_transcript.done", **part, "transcript": "Hello."},
        {"type": "response.content_part.done", **part, "part": {"type": "audio", "transcript": "Hello."}},
        {"type": "response.output_item.done", "response_id": RESPONSE, "output_index": 0, "item": answer},
        {"type": "conversation.item.done", "previous_item_id": USER, "item": answer},
        {"type": "response.output_item.added", "response_id": RESPONSE, "output_index": 1, "item": call("in_progress", "")},
        {"type": "response.function_call_arguments.delta", **step, "delta": ARGUMENTS},
        {"type": "response.function_call_arguments.done", **step, "name": "weather", "arguments": ARGUMENTS},
        {"type": "response.output_item.done", "response_id": RESPONSE, "output_index": 1, "item": call("completed")},
        {
            "type": "response.done",
            "response": {**response, "status": "completed", "output": [answer, call("completed")], "usage": usage},
        },
    ]  # fmt: skip


def beta_frames(session: Frame, **options: Any) -> list[Frame]:
    """The same frames, as OpenAI's beta server sent them."""
    names = {
        "conversation.item.added": "conversation.item.created",
        "response.output_audio.delta": "response.audio.delta",
        "response.output_audio.done": "response.audio.done",
        "response.output_audio_transcript.delta": "response.audio_transcript.delta",
        "response.output_audio_transcript.done": "response.audio_transcript.done",
    }
    text = json.dumps(ga_frames(session, **options)).replace('"output_audio"', '"audio"')
    return [
        {**frame, "type": names.get(frame["type"], frame["type"])}
        for frame in json.loads(text)
        if frame["type"] != "conversation.item.done"
    ]


def without(frame: Frame, *names: str) -> Frame:
    return {name: value for name, value in frame.items() if name not in names}


# --- The servers that differ ----------------------------------------------------------------


def azure_voice_live_frames() -> list[Frame]:
    session = {
        "id": "sess_1", "object": "realtime.session", "model": "gpt-realtime", "modalities": ["audio"],
        "voice": {"name": "en-US-Ava", "type": "azure-standard"}, "input_audio_format": "pcm16",
        "output_audio_format": "pcm16_16000hz", "input_audio_sampling_rate": 24_000,
        "turn_detection": {"type": "azure_semantic_vad"},
    }  # fmt: skip
    frames = beta_frames(session, output_rate=16_000)
    done = {"type": "conversation.item.done", "previous_item_id": None}
    spoken = message(USER, "user", status="completed", content=[{"type": "input_audio", "transcript": None}])
    return [*frames[:5], {**done, "item": spoken}, *frames[5:]]


def xai_frames() -> list[Frame]:
    pcm = {"format": {"type": "audio/pcm", "rate": 48_000}}
    session = {
        "instructions": "text", "model": "grok-voice-think-fast-1.0", "modalities": ["audio"],
        "input_audio_format": "not specified", "output_audio_format": "not specified",
        "turn_detection": {"type": None}, "audio": {"input": {"format": {"type": "audio/pcm", "rate": 24_000}}, "output": pcm},
    }  # fmt: skip
    frames: list[Frame] = [{"type": "ping", "timestamp": 1}]
    for original in ga_frames(session, output_rate=48_000):
        frame: Frame = {**original, "event_id": f"event_{len(frames)}", "previous_item_id": None}
        match frame["type"]:
            case "input_audio_buffer.speech_started":
                frame = without(frame, "audio_start_ms", "item_id")
            case "conversation.item.input_audio_transcription.completed":
                update = {**without(frame, "usage"), "transcript": "Hi", "event_id": "event_update"}
                frames.append({**update, "type": "conversation.item.input_audio_transcription.updated"})
                frame = without(frame, "usage")
            case "response.content_part.done":
                frame = without(frame, "part")
            case "response.function_call_arguments.delta":
                frame = without(frame, "output_index")
            case "response.output_item.added" | "response.output_item.done":
                frame["item"] = without(frame["item"], "content")
            case "response.done":
                usage = {**USAGE, "grok_tokens": 9, "billable_audio_seconds": 0.5}
                response = {**without(frame["response"], "conversation_id"), "usage": {}, "output": []}
                frame = {**frame, "response": response, "usage": usage}
            case _:
                pass
        if "response" in frame:
            frame["response"] = without(frame["response"], "conversation_id")
        frames.append(frame)
    return frames


def qwen_frames() -> list[Frame]:
    session = {
        "object": "realtime.session", "model": "qwen3-omni-flash-realtime", "modalities": ["text", "audio"],
        "voice": "Cherry", "input_audio_format": "pcm", "output_audio_format": "pcm", "id": "sess_1",
    }  # fmt: skip
    usage = {
        **without(USAGE, "input_token_details", "output_token_details"),
        "input_tokens_details": USAGE["input_token_details"],
        "output_tokens_details": USAGE["output_token_details"],
    }
    frames = beta_frames(session, usage=usage)
    done = next(frame for frame in frames if frame["type"].endswith("transcription.completed"))
    kind = "conversation.item.input_audio_transcription.text"
    text = {"type": kind, "item_id": USER, "content_index": 0, "text": "Hi", "stash": " the"}
    index = frames.index(done)
    return [*frames[:index], text, without(done, "usage"), *frames[index + 1 :]]


def glm_frames() -> list[Frame]:
    session = {
        "id": "sess_1", "object": "realtime.session", "model": "glm-realtime", "input_audio_format": "wav",
        "output_audio_format": "pcm", "beta_fields": {"chat_mode": "audio"},
    }  # fmt: skip
    left_out = {"response.output_item.added", "response.output_item.done", "response.content_part.added"}
    frames: list[Frame] = [{"type": "heartbeat"}]
    for frame in beta_frames(session, usage=None):
        if frame["type"] in left_out or (
            frame["type"] == "conversation.item.created" and ANSWER in str(frame)
        ):
            continue
        match frame["type"]:
            case "input_audio_buffer.speech_started" | "input_audio_buffer.speech_stopped":
                frame = {"type": frame["type"]}
            case "conversation.item.input_audio_transcription.completed":
                frame = without(frame, "content_index", "usage")
            case "response.done":
                frame["response"] = {"id": RESPONSE, "status": "completed", "usage": USAGE}
            case kind if kind.startswith("response.") and kind != "response.created":
                frame = without(frame, "item_id", "call_id")
            case _:
                pass
        frames.append(frame)
    return frames


def vllm_frames() -> list[Frame]:
    usage = {"prompt_tokens": 8, "completion_tokens": 4, "total_tokens": 12}
    return [
        {"type": "session.created", "id": "sess_1", "created": 1},
        {"type": "transcription.delta", "delta": "Hi "},
        {"type": "transcription.delta", "delta": "there."},
        {"type": "transcription.done", "text": "Hi there.", "usage": usage},
    ]


def localai_frames() -> list[Frame]:
    speaker = {
        "type": "conversation.item.speaker",
        "item_id": USER,
        "speaker": {"name": "Ada", "matched": True},
    }
    frames = [speaker]
    for frame in ga_frames(usage=None):
        if isinstance(frame.get("item"), dict):
            frame["item"] = {name: value for name, value in frame["item"].items() if value not in ("", [])}
        if frame["type"] == "response.done":
            frame["response"] = without(frame["response"], "usage")
        frames.append(frame)
    return [frames[1], frames[0], *frames[2:]]


def inworld_frames() -> list[Frame]:
    frames = ga_frames()
    frames[-1]["response"]["metadata"] = {"attempts": [{"model": "a"}]}
    return frames


def speaches_frames() -> list[Frame]:
    return ga_frames({"type": "realtime", "model": "w", "speech_model": "kokoro"}, usage=None)


@dataclass(frozen=True)
class Expected:
    frames: Callable[[], list[Frame]]
    tokens: int | None = 12  # None: unreported
    audio_ms: int = 100
    input_rate: int = 24_000
    call_id: str = "call_1"
    answer_id: str = ANSWER
    unreported: int = 0  # besides the response: the transcription, whose usage few servers report
    seconds: float = 1.0
    other: dict[str, float] = field(default_factory=dict)


SESSIONS: dict[str, Expected] = {
    "openai": Expected(ga_frames),
    "azure": Expected(ga_frames),
    "azure_voice_live": Expected(azure_voice_live_frames),
    "xai": Expected(
        xai_frames, unreported=1, seconds=0, other={"grok_tokens": 9.0, "billable_audio_seconds": 0.5}
    ),
    "qwen": Expected(qwen_frames, input_rate=16_000, unreported=1, seconds=0),
    "glm": Expected(
        glm_frames, input_rate=16_000, unreported=1, seconds=0, call_id=f"{RESPONSE}.1", answer_id="",
    ),
    "inworld": Expected(inworld_frames),
    "vllm": Expected(vllm_frames, input_rate=16_000, seconds=0),
    "localai": Expected(localai_frames, tokens=None),
    "speaches": Expected(speaches_frames, tokens=None),
}  # fmt: skip


class Readers:
    """Every object that reads events, fed with one session."""

    def __init__(self, name: str, *, events_of: str | None = None) -> None:
        provider = get_provider(name)
        self.decode = get_provider(events_of or name).decode_server
        self.conversation, self.usage = Conversation(provider=provider), Usage(provider)
        self.calls, self.playback = FunctionCalls(), Playback(provider=provider)
        self.summarize, self.inspector = Summarizer(provider=provider), Inspector(provider=provider)
        self.found: list[FunctionCall] = []
        self.played_bytes, self.played_ms, self.unknown = 0, 0.0, 0

    def feed(self, frames: list[Frame]) -> Readers:
        for number, frame in enumerate(frames):
            raw = json.dumps(frame, separators=(",", ":")).encode()
            event = self.decode(raw)
            self.unknown += isinstance(event, UnknownEvent)
            for reader in (self.conversation, self.usage):
                reader.feed(event)
            self.found += self.calls.feed(event)
            self.played_bytes += self.playback.feed(event) or 0
            assert self.summarize(event).startswith(frame["type"])
            self.inspector.feed(Entry("server", 100.0 * number, raw, number + 1))
        self.played_ms = self.playback.queued_ms
        return self

    def send_audio(self, ms: int, rate: int) -> None:
        frame = json.dumps({"type": "input_audio_buffer.append", "audio": audio(ms, rate)}).encode()
        self.inspector.feed(Entry("client", 0.0, frame, 0))


@pytest.fixture(params=SESSIONS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_there_is_a_session_of_each_provider() -> None:
    assert SESSIONS.keys() == PROVIDERS.keys()


def test_a_session_is_read_whole(name: str) -> None:
    wanted = SESSIONS[name]
    readers = Readers(name)
    frames = wanted.frames()
    readers.feed(frames[:2]).send_audio(100, wanted.input_rate)
    readers.feed(frames[2:])
    conversation, is_speech = readers.conversation, name != "vllm"
    answers = [("assistant", "Hello.")] if is_speech else []
    assert readers.unknown == 0
    assert conversation.transcript() == [("user", "Hi there."), *answers]
    assert "" not in [item.id for item in conversation]
    if is_speech:
        [answer] = [item for item in conversation if item.role == "assistant"]
        assert (answer.audio_ms, readers.played_ms) == (wanted.audio_ms, wanted.audio_ms)
        assert answer.id == (wanted.answer_id or answer.id)
        assert answer.has_id is bool(wanted.answer_id)
        [found] = readers.found
        assert (found.name, found.arguments, found.call_id) == ("weather", ARGUMENTS, wanted.call_id)
        [pending] = conversation.pending_calls
        assert (pending.name, pending.arguments, pending.call_id) == ("weather", ARGUMENTS, wanted.call_id)
    usage = readers.usage
    transcriptions = 12 if name == "vllm" else 0
    responses = 0 if name == "vllm" else wanted.tokens or 0
    assert (usage.responses.total, usage.transcriptions.total) == (responses, transcriptions)
    assert usage.transcribed_seconds == wanted.seconds
    assert usage.unreported == wanted.unreported + (wanted.tokens is None)
    assert usage.other == wanted.other
    assert conversation.active_response_ids == ()


def test_a_session_is_inspected_whole(name: str) -> None:
    wanted = SESSIONS[name]
    readers = Readers(name)
    frames = wanted.frames()
    readers.feed(frames[:1]).send_audio(100, wanted.input_rate)
    report: Report = readers.feed(frames[1:]).inspector.report()
    assert (report.undecodable, report.unknown_types) == (0, {})
    assert report.user_audio_ms == pytest.approx(100)
    [session] = report.sessions
    assert (session.provider, session.input_rate) == (name, wanted.input_rate)
    [turn] = report.turns
    assert turn.user is not None
    assert turn.user.transcript == "Hi there."
    if name in ("xai", "glm"):  # speech_started has no time: it is where the audio so far ends
        assert turn.user.start_ms == pytest.approx(100)
    assert report.usage.unreported == wanted.unreported + (wanted.tokens is None)
    if name == "vllm":
        assert report.usage.transcriptions.total == 12
        return
    [response] = turn.responses
    assert response.transcript == "Hello."
    assert response.audio_ms == pytest.approx(wanted.audio_ms)
    assert [found.name for found in response.calls] == ["weather"]
    assert response.status == "completed"
    assert (response.tokens.total if response.tokens else None) == wanted.tokens
    assert report.usage.responses.total == (wanted.tokens or 0)
    assert {item.use for item in report.cost.items} >= ({"other"} if wanted.other else set())


@pytest.mark.parametrize(("name", "tokens"), [("xai", 0), ("qwen", 12), ("vllm", 0), ("glm", 12)])
def test_frames_that_another_dialect_decodes_report_no_silent_zero(name: str, tokens: int) -> None:
    """`realtime.decode_server`, or beta's, in the place of the provider's own."""
    usage = Usage()
    decode = realtime.decode_server if PROVIDERS[name].base == "ga" else realtime.beta.decode_server
    for frame in SESSIONS[name].frames():
        usage.feed(decode(json.dumps(frame)))
    if name == "vllm":
        assert (usage.transcriptions.total, usage.unreported) == (12, 0)
    else:
        assert (usage.responses.total, usage.unreported) == (tokens, 2 if name == "xai" else 1)


def test_speech_without_a_time_or_an_id_interrupts_every_provider(name: str) -> None:
    if name == "vllm":
        return  # it does not speak
    readers = Readers(name)
    frames = SESSIONS[name].frames()
    end = next(index for index, frame in enumerate(frames) if frame["type"].endswith("audio.delta"))
    readers.feed(frames[: end + 1])
    queued = readers.playback.queued_ms
    assert queued == 60
    readers.playback.played(ms=40)
    event = readers.decode('{"type":"input_audio_buffer.speech_started"}')
    assert event.type == "input_audio_buffer.speech_started"
    readers.conversation.feed(event)
    stop = readers.playback.interrupt()
    assert (stop.discarded_ms, readers.playback.is_playing) == (20, False)
    if SESSIONS[name].answer_id:
        assert stop.truncate == realtime.ConversationItemTruncate(
            item_id=ANSWER, content_index=0, audio_end_ms=40
        )
    else:
        assert stop.truncate is None
    before = readers.played_bytes
    readers.feed(frames[end + 1 :])
    assert readers.played_bytes == before  # what the server sent before it knew is late
    again = json.loads(json.dumps(frames).replace(RESPONSE, "resp_2").replace(ANSWER, "item_next"))
    readers.feed([{**frame, "event_id": f"again_{index}"} for index, frame in enumerate(again)])
    assert readers.played_bytes > before


def test_semantic_vad_that_never_reports_speech_hides_nothing() -> None:
    """Accepted by Azure, and then no speech event ever comes."""
    frames = [frame for frame in ga_frames() if "speech_" not in frame["type"]]
    readers = Readers("azure").feed(frames)
    assert readers.conversation.transcript() == [("user", "Hi there."), ("assistant", "Hello.")]
    [turn] = readers.inspector.report().turns
    assert turn.user is not None
    assert (turn.user.transcript, len(turn.responses)) == ("Hi there.", 1)


def test_a_server_without_item_events_and_two_transcripts_of_one_part() -> None:
    """Hugging Face's speech-to-speech: no item event before response.done, the transcript ends twice."""
    frames = [
        frame for frame in ga_frames()
        if "item.added" not in frame["type"] and "item.done" not in frame["type"] and "content_part" not in frame["type"]
    ]  # fmt: skip
    done = next(frame for frame in frames if frame["type"].endswith("transcript.done"))
    frames.insert(frames.index(done), done)
    frames[-1]["response"] = without(frames[-1]["response"], "conversation_id")
    readers = Readers("openai").feed(frames)
    assert readers.conversation.transcript() == [("user", "Hi there."), ("assistant", "Hello.")]
    assert [found.call_id for found in readers.found] == ["call_1"]
    [turn] = readers.inspector.report().turns
    assert [response.transcript for response in turn.responses] == ["Hello."]


def test_arguments_without_ids_are_one_call() -> None:
    """LiteLLM as a proxy: the call's other events have its ids."""
    frames = [
        without(frame, "item_id", "call_id", "response_id", "output_index")
        if frame["type"] == "response.function_call_arguments.done" else frame
        for frame in ga_frames()
    ]  # fmt: skip
    readers = Readers("openai").feed(frames)
    assert [found.call_id for found in readers.found] == ["call_1"]
    assert [item.call_id for item in readers.conversation.pending_calls] == ["call_1"]
    [turn] = readers.inspector.report().turns
    assert [found.call_id for found in turn.responses[0].calls] == ["call_1"]


def test_a_transcript_that_comes_before_the_item_of_its_speech_is_known() -> None:
    frames = glm_frames()
    kinds = [frame["type"] for frame in frames]
    committed = kinds.index("input_audio_buffer.committed")
    done = kinds.index("conversation.item.input_audio_transcription.completed")
    frames.insert(committed, frames.pop(done))
    [turn] = Readers("glm").feed(frames).inspector.report().turns
    assert turn.user is not None
    assert (turn.user.item_id, turn.user.transcript) == (USER, "Hi there.")


# --- Logs -----------------------------------------------------------------------------------


def record(path: Path, name: str, **settings: Any) -> Path:
    """Record a session, with 100 ms of audio in the provider's default format after the first frame."""
    wanted = SESSIONS[name]
    append = {"type": "input_audio_buffer.append", "audio": audio(100, wanted.input_rate)}
    with Recorder(path, **settings) as recorder:
        for number, frame in enumerate(wanted.frames()):
            recorder.received(json.dumps(frame))
            if number == 0:
                recorder.sent(json.dumps(append))
    return path


def test_a_log_names_the_server_to_its_readers(name: str, tmp_path: Path) -> None:
    log = record(tmp_path / "call.jsonl", name, provider=name)
    assert read_metadata(log)["provider"] == name
    report = inspect_log(log)
    assert [session.provider for session in report.sessions] == [name]
    assert (report.undecodable, report.unknown_types) == (0, {})
    assert (report.user_audio_ms, report.assistant_audio_ms) == pytest.approx(
        (100, 0 if name == "vllm" else 100)
    )
    usage = Usage()
    assert feed_all(log, usage).refused == 0
    wanted = SESSIONS[name]
    assert usage.responses.total + usage.transcriptions.total == (wanted.tokens or 0)
    assert usage.unreported == wanted.unreported + (wanted.tokens is None)
    call = stereo_wav(log, tmp_path / "call.wav")
    assert (call.caller_ms, call.assistant_ms) == pytest.approx((100, 0 if name == "vllm" else 100))
    assert write_page(log, tmp_path / "call.html").audio_ms > 0


@pytest.mark.parametrize("metadata", [{}, {"provider": "acme"}, {"provider": 5}])
def test_a_log_that_names_no_known_server(metadata: dict[str, Any], tmp_path: Path) -> None:
    log = record(tmp_path / "call.jsonl", "qwen", metadata=metadata)
    report = inspect_log(log)
    assert [session.provider for session in report.sessions] == [None]
    assert report.user_audio_ms == pytest.approx(100 * 16 / 24)  # "pcm" is 24 kHz elsewhere
    for provider in ("qwen", PROVIDERS["qwen"]):
        assert inspect_log(log, provider=provider).user_audio_ms == pytest.approx(100)
        call = stereo_wav(log, tmp_path / "call.wav", provider=provider)
        assert call.caller_ms == pytest.approx(100)
    readers: list[Any] = [inspect_log, write_page, stereo_wav]
    for read in readers:
        with pytest.raises(ConfigError, match="unknown provider 'qwem'"):
            read(*([log] if read is inspect_log else [log, tmp_path / "out"]), provider="qwem")
    with pytest.raises(ConfigError, match="unknown provider 'qwem'"):
        Recorder(tmp_path / "other.jsonl", provider="qwem")  # type: ignore[arg-type]


def test_the_name_of_the_server_is_in_every_part_of_a_log(tmp_path: Path) -> None:
    log = record(tmp_path / "call.jsonl", "xai", provider=PROVIDERS["xai"], max_bytes=4000, metadata={"a": 1})
    parts = log_files(log)
    assert len(parts) > 1
    assert {read_metadata(part)["provider"] for part in parts} == {"xai"}


def test_the_commands_take_a_provider(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = record(tmp_path / "call.jsonl", "xai")
    named = record(tmp_path / "named.jsonl", "xai", provider="xai")
    outputs = []
    for arguments in ([str(log)], [str(log), "--provider", "xai"], [str(named)]):
        assert main(["inspect", *arguments]) == 0
        assert main(["cost", *arguments]) == 1  # the prices of xAI are not known
        assert main(["wav", *arguments, "--force"]) == 0
        outputs.append(capsys.readouterr().out)
    assert ["7 in (0 cached), 5 out" in output for output in outputs] == [False, True, True]
    assert ["0.5 billable_audio_seconds" in output for output in outputs] == [False, True, True]
    assert ["xai" in output for output in outputs] == [False, True, True]
    with pytest.raises(SystemExit):
        main(["inspect", str(log), "--provider", "xia"])
    assert main(["inspect", str(log), str(named), "--provider", "xai", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["usage"]["responses"]["text"]["input"] for row in rows[:2]] == [3, 3]


def test_audio_at_a_rate_that_cannot_be_resampled(tmp_path: Path) -> None:
    """XAI has 44.1 kHz: the log has its length, the stereo file is refused."""
    pcm = {"format": {"type": "audio/pcm", "rate": 44_100}}
    frames = ga_frames({"audio": {"input": pcm, "output": pcm}}, output_rate=44_100)
    with Recorder(tmp_path / "call.jsonl", provider="xai") as recorder:
        for frame in frames:
            recorder.received(json.dumps(frame))
    assert inspect_log(tmp_path / "call.jsonl").assistant_audio_ms == pytest.approx(100)
    with pytest.raises(AudioError, match="not 44100"):
        stereo_wav(tmp_path / "call.jsonl", tmp_path / "call.wav")
    assert write_page(tmp_path / "call.jsonl", tmp_path / "call.html").turns == 1
