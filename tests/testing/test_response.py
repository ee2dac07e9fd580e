"""Responses: the order of their events, their usage, and paced responses."""

from __future__ import annotations

from typing import Any

import pytest

import realtime as r
from realtime.audio import convert
from realtime.format import OPENAI_FORMATS
from realtime.testing import ServerProtocol
from realtime.testing.session import MAX_OUTSIDE
from tests.testing.helpers import (
    ALAW,
    COMMIT,
    PCM16,
    RESPOND,
    ULAW,
    append,
    audio_of,
    exchange,
    formats,
    only,
    open_session,
    refusal,
    tone,
    type_runs,
    types,
    update,
)

AUDIO_ORDER = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
TEXT_ORDER = [
    "response.created",
    "rate_limits.updated",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_text.delta",
    "response.output_text.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]
TEXT_SESSION = update(output_modalities=["text"])


def session_with_turn(ms: int = 1000) -> ServerProtocol:
    """Return a session with one turn: a tone of `ms`."""
    return open_session(formats(), append(tone(PCM16, ms)), COMMIT)


def respond(**params: object) -> r.ResponseCreate:
    return r.ResponseCreate(response=r.ResponseParams(**params))  # type: ignore[arg-type]


def test_the_order_of_an_audio_response() -> None:
    assert type_runs(exchange(session_with_turn(), RESPOND)) == AUDIO_ORDER


def test_the_order_of_a_text_response() -> None:
    session = open_session(TEXT_SESSION, r.create_text_input("Good morning"))
    assert type_runs(exchange(session, RESPOND)) == TEXT_ORDER


def test_all_events_refer_to_one_response_item_and_part() -> None:
    events = exchange(session_with_turn(), RESPOND)
    response_id, item_id = events[0].response.id, events[2].item.id
    assert {event.response_id for event in events if hasattr(event, "response_id")} == {response_id}
    assert {event.item_id for event in events if hasattr(event, "item_id")} == {item_id}
    assert {event.content_index for event in events if hasattr(event, "content_index")} == {0}
    assert len({event.event_id for event in events}) == len(events)


def test_the_deltas_add_up_to_the_done_event() -> None:
    events = exchange(session_with_turn(), RESPOND)
    deltas = [event.delta for event in events if isinstance(event, r.ResponseOutputAudioTranscriptDelta)]
    assert len(deltas) > 1
    assert "".join(deltas) == only(r.ResponseOutputAudioTranscriptDone, events).transcript
    assert "".join(deltas) == "That was 1.00 seconds of audio."


@pytest.mark.parametrize("ptime_ms", [20, 100, 300])
def test_a_delta_lasts_a_ptime(ptime_ms: float) -> None:
    session = ServerProtocol(ptime_ms=ptime_ms)
    events = exchange(session, formats(), append(tone(PCM16, 1000)), COMMIT, RESPOND)
    sizes = [len(event.delta) for event in events if isinstance(event, r.ResponseOutputAudioDelta)]
    assert set(sizes[:-1]) == {PCM16.chunk_bytes(ptime_ms)}
    assert sum(sizes) == PCM16.chunk_bytes(1000)


@pytest.mark.parametrize("ptime_ms", [0, -20, 0.01])
def test_an_invalid_ptime_is_an_audio_error(ptime_ms: float) -> None:
    with pytest.raises(r.AudioError):
        ServerProtocol(ptime_ms=ptime_ms)


@pytest.mark.parametrize("out", OPENAI_FORMATS, ids=str)
@pytest.mark.parametrize("into", OPENAI_FORMATS, ids=str)
def test_the_response_is_in_the_output_format(into: r.AudioFormat, out: r.AudioFormat) -> None:
    audio = tone(into, 300)
    events = exchange(open_session(formats(into, out), append(audio), COMMIT), RESPOND)
    assert audio_of(events) == convert(audio, into, out)


def test_a_response_can_have_a_format_of_its_own() -> None:
    request = respond(audio=r.ResponseAudio(output=r.AudioOutput(format=r.PcmaFormat(), voice="cedar")))
    session = session_with_turn(300)
    events = exchange(session, request)
    assert audio_of(events) == convert(tone(PCM16, 300), PCM16, ALAW)
    assert events[0].response.audio.output == r.AudioOutput(format=r.PcmaFormat(), voice="cedar")
    assert audio_of(exchange(session, RESPOND)) == tone(PCM16, 300)


def test_response_done_has_the_complete_response() -> None:
    response = exchange(session_with_turn(), respond(metadata={"topic": "tones"}))[-1].response
    assert response.status == "completed"
    assert response.status_details is None
    assert response.metadata == {"topic": "tones"}
    (item,) = response.output
    assert item.status == "completed"
    # Raw audio is left out.
    assert item.content == [r.OutputAudio(transcript="That was 1.00 seconds of audio.")]


# --- Usage ---------------------------------------------------------------------------


def test_usage_counts_input_output_and_the_context() -> None:
    session = session_with_turn(1000)
    first = exchange(session, RESPOND)[-1].response.usage
    # One token per 100 ms of user audio, one per 50 ms of assistant audio.
    assert first.input_token_details.audio_tokens == 10
    assert first.output_token_details.audio_tokens == 20
    second = exchange(session, append(tone(PCM16, 150)), COMMIT, RESPOND)[-1].response.usage
    assert second.input_token_details.audio_tokens == 10 + 20 + 2
    assert second.output_token_details.audio_tokens == 3
    for usage in (first, second):
        assert usage.total_tokens == usage.input_tokens + usage.output_tokens
        details = usage.input_token_details
        assert usage.input_tokens == details.text_tokens + details.audio_tokens


def test_the_token_limit_truncates_the_response() -> None:
    events = exchange(session_with_turn(1000), respond(max_output_tokens=4))
    assert audio_of(events) == tone(PCM16, 1000)[: PCM16.chunk_bytes(200)]
    response = events[-1].response
    assert (response.status, response.status_details.reason) == ("incomplete", "max_output_tokens")


# --- The echo ------------------------------------------------------------------------


def test_text_is_echoed_in_text() -> None:
    session = open_session(TEXT_SESSION, r.create_text_input("What is the time?"))
    events = exchange(session, RESPOND)
    assert only(r.ResponseOutputTextDone, events).text == "What is the time?"
    assert audio_of(events) == b""


def test_text_is_echoed_in_the_transcript() -> None:
    events = exchange(open_session(formats(ULAW), r.create_text_input("Hello there")), RESPOND)
    assert type_runs(events) == AUDIO_ORDER
    assert only(r.ResponseOutputAudioTranscriptDone, events).transcript == "Hello there"
    assert audio_of(events) == ULAW.silence(600)


def test_a_function_output_is_a_turn() -> None:
    call = r.ConversationItemCreate(item=r.FunctionCallItem(call_id="call_1", name="f", arguments="{}"))
    events = exchange(open_session(TEXT_SESSION, call, r.create_function_output("call_1", "42")), RESPOND)
    assert only(r.ResponseOutputTextDone, events).text == "42"


def test_an_empty_conversation_has_a_reply() -> None:
    events = exchange(open_session(TEXT_SESSION), RESPOND)
    assert only(r.ResponseOutputTextDone, events).text == "I have heard nothing yet."


def test_the_last_turn_is_echoed() -> None:
    session = open_session(TEXT_SESSION, r.create_text_input("one"), RESPOND, r.create_text_input("two"))
    assert only(r.ResponseOutputTextDone, exchange(session, RESPOND)).text == "two"


def test_a_response_outside_the_conversation() -> None:
    session = open_session(TEXT_SESSION, r.create_text_input("inside"))
    outside = r.MessageItem(role="user", content=[r.InputText(text="outside")])
    events = exchange(session, respond(conversation="none", input=[outside]))
    assert only(r.ResponseOutputTextDone, events).text == "outside"
    assert not [name for name in types(events) if name.startswith("conversation.")]
    item_id = only(r.ResponseOutputItemDone, events).item.id
    assert refusal(exchange(session, r.ConversationItemRetrieve(item_id=item_id))).param == "item_id"


def test_a_response_to_referenced_items() -> None:
    session = open_session(TEXT_SESSION, r.create_text_input("now"))
    old = only(r.ConversationItemAdded, exchange(session, r.create_text_input("then"))).item
    events = exchange(session, r.create_text_input("later"), respond(input=[r.ItemReference(id=old.id)]))
    assert only(r.ResponseOutputTextDone, events).text == "then"
    error = refusal(exchange(session, respond(input=[r.ItemReference(id="unknown")])))
    assert error.code == "item_reference_invalid_item_id"


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"output_modalities": ["audio", "text"]}, "response.output_modalities"),
        ({"output_modalities": ["smell"]}, "response.output_modalities"),
        (
            {"audio": r.ResponseAudio(output=r.AudioOutput(format=r.PcmFormat(rate=8000)))},
            "response.audio.output.format",
        ),
        (
            {
                "audio": r.ResponseAudio(
                    output=r.AudioOutput(format=r.UnknownFormat("audio/mp3", b'{"type":"audio/mp3"}'))
                )
            },
            "response.audio.output.format.type",
        ),
    ],
)
def test_an_invalid_response_is_refused(params: dict[str, Any], param: str) -> None:
    assert refusal(exchange(session_with_turn(), respond(**params))).param == param


# --- Paced ---------------------------------------------------------------------------


def paced(ms: int = 1000) -> ServerProtocol:
    return open_session(formats(), append(tone(PCM16, ms)), COMMIT, paced=True)


def rest(session: ServerProtocol) -> list[r.ServerEvent]:
    events: list[r.ServerEvent] = []
    while session.is_responding:
        events += session.advance()
    return events


def test_a_paced_response_is_sent_step_by_step() -> None:
    session = paced(250)
    events = exchange(session, RESPOND)
    assert type_runs(events) == AUDIO_ORDER[:6]
    assert types(session.advance()) == ["response.output_audio.delta"]
    events = rest(session)
    assert audio_of(events) == tone(PCM16, 250)[PCM16.chunk_bytes(100) :]
    assert type_runs(events) == AUDIO_ORDER[6:]
    assert session.advance() == []


def test_a_second_response_is_refused() -> None:
    session = paced()
    exchange(session, RESPOND)
    assert refusal(exchange(session, RESPOND)).code == "conversation_already_has_active_response"
    rest(session)
    assert type_runs(exchange(session, RESPOND)) == AUDIO_ORDER[:6]


def test_a_cancelled_response_has_the_audio_that_was_sent() -> None:
    session = paced()
    exchange(session, RESPOND)
    sent = session.advance()
    events = exchange(session, r.ResponseCancel())
    assert type_runs(events) == AUDIO_ORDER[7:]
    response = events[-1].response
    assert (response.status, response.status_details.reason) == ("cancelled", "client_cancelled")
    assert response.usage.output_token_details.audio_tokens == 2
    (item,) = response.output
    assert item.status == "incomplete"
    stored = only(
        r.ConversationItemRetrieved, exchange(session, r.ConversationItemRetrieve(item_id=item.id))
    ).item
    assert stored.content[0].audio == audio_of(sent)


@pytest.mark.parametrize("named", ["resp_unknown", None])
def test_cancel_without_a_response_is_refused(named: str | None) -> None:
    cancel = r.ResponseCancel() if named is None else r.ResponseCancel(response_id=named)
    assert refusal(exchange(session_with_turn(), cancel)).code == "response_cancel_not_active"


def test_cancel_by_response_id() -> None:
    session = paced()
    response_id = exchange(session, RESPOND)[0].response.id
    assert (
        refusal(exchange(session, r.ResponseCancel(response_id="resp_other"))).code
        == "response_cancel_not_active"
    )
    assert types(exchange(session, r.ResponseCancel(response_id=response_id)))[-1] == "response.done"


def test_responses_outside_the_conversation_run_beside_one_in_it() -> None:
    session = paced(300)
    requests = [RESPOND, *[respond(conversation="none")] * MAX_OUTSIDE]
    begun = [exchange(session, request)[0].response for request in requests]
    assert len({response.id for response in begun}) == 1 + MAX_OUTSIDE
    refused = refusal(exchange(session, respond(conversation="none")))
    assert refused.code == "conversation_already_has_active_response"
    events = rest(session)
    done = {event.response.id: event.response for event in events if isinstance(event, r.ResponseDone)}
    assert [done[response.id].status for response in begun] == ["completed"] * len(begun)
    for response in begun:
        own = [event for event in events if getattr(event, "response_id", "") == response.id]
        assert audio_of(own) == tone(PCM16, 300)
    assert types(exchange(session, respond(conversation="none")))[0] == "response.created"


def test_speech_and_a_cancel_without_an_id_end_the_response_of_the_conversation() -> None:
    session = open_session(formats(vad=r.ServerVad()), append(tone(PCM16, 1000)), COMMIT, paced=True)
    outside = exchange(session, respond(conversation="none"))[0].response
    assert refusal(exchange(session, r.ResponseCancel())).code == "response_cancel_not_active"
    inside = exchange(session, RESPOND)[0].response
    assert exchange(session, append(tone(PCM16, 200)))[-1].response.id == inside.id
    assert session.is_responding
    cancelled = exchange(session, r.ResponseCancel(response_id=outside.id))[-1].response
    assert (cancelled.id, cancelled.status) == (outside.id, "cancelled")
    assert not session.is_responding


def test_turns_go_on_beside_a_response_outside_the_conversation() -> None:
    vad = r.ServerVad(silence_duration_ms=200)
    session = open_session(formats(vad=vad), append(tone(PCM16, 1000)), COMMIT, paced=True)
    exchange(session, respond(conversation="none"))
    assert types(exchange(session, append(tone(PCM16, 200)))) == ["input_audio_buffer.speech_started"]
    assert session.is_responding
    assert "response.created" in types(exchange(session, append(PCM16.silence(300))))


@pytest.mark.parametrize("interrupts", [True, False])
def test_speech_interrupts_if_vad_allows_it(interrupts: bool) -> None:
    vad = r.ServerVad(interrupt_response=interrupts)
    session = open_session(formats(vad=vad), append(tone(PCM16, 1000)), COMMIT, RESPOND, paced=True)
    events = exchange(session, append(tone(PCM16, 200)))
    assert events[0].type == "input_audio_buffer.speech_started"
    assert session.is_responding is not interrupts
    if interrupts:
        response = events[-1].response
        assert (response.status, response.status_details.reason) == ("cancelled", "turn_detected")


def test_a_text_response_needs_no_steps() -> None:
    session = open_session(TEXT_SESSION, r.create_text_input("at once"), paced=True)
    assert type_runs(exchange(session, RESPOND)) == TEXT_ORDER
    assert not session.is_responding
