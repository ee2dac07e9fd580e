"""Usage: each report counts once, by kind and dialect, and sums add up."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import realtime
from realtime import beta, live, translation
from realtime.providers import get_provider
from realtime.spec import ModelPrice, TokenPrice
from realtime.state import CostLine, TokenCount as C, Tokens, Usage, bill, total_usd
from tests import cases
from tests.state.usage_events import (
    REAL,
    TOKENS_USAGE,
    backend,
    fed,
    live_started,
    live_usage,
    response,
    transcription,
)

# --- Counting ------------------------------------------------------------------------


def test_a_repeated_response_counts_once() -> None:
    once = fed(response(usage=REAL))
    again = fed(*[response(usage=REAL)] * 3, response(usage=REAL, event_id="another"))
    assert again.responses == once.responses
    assert fed(response("a", REAL), response("b", REAL)).responses == once.responses + once.responses


def test_a_response_without_an_id_is_recognised_by_its_event_id() -> None:
    assert fed(*[response(None, REAL, event_id="e")] * 2).responses.total == 821
    assert fed(*[response(None, REAL)] * 2).responses.total == 2 * 821  # a repetition cannot be recognised


@pytest.mark.parametrize("usage", [None, {"type": "steps", "steps": 5}])
def test_missing_usage_is_counted_as_unreported(usage: Any) -> None:
    read = fed(transcription(usage), transcription(usage), response(usage=None), response(usage=None))
    assert read.unreported == 2
    assert read.cost("gpt-realtime-2") == 0  # of what was reported


def test_transcriptions_are_counted_separately_and_once_for_each_part() -> None:
    read = fed(
        transcription(TOKENS_USAGE),
        transcription(TOKENS_USAGE),
        transcription(TOKENS_USAGE, index=1),
        transcription({**TOKENS_USAGE, "input_token_details": None}, "item_2"),
        transcription({"type": "duration", "seconds": 0.1}, "item_3"),
        transcription({"type": "duration", "seconds": 0.2}, "item_4"),
        transcription({"type": "duration", "seconds": -1}, "item_5"),
    )
    assert read.transcriptions == Tokens(text=C(0, 0, 27), audio=C(26), unattributed=C(13))
    assert read.transcribed_seconds == 0.3  # summed in decimal, not to 0.30000000000000004
    assert read.responses == Tokens()


def test_live_reports_a_running_total_of_each_session() -> None:
    read = fed(live_started("a"), live_usage(1.5), live_usage(2.5), live_started("a"), live_usage(2.0))
    assert read.session_seconds == 2.5
    read.feed(live_started("b"))
    read.feed(live_usage(1.0))
    read.feed(live.SessionClosed(reason="close_requested", usage=live.LiveUsage(seconds=4.0)))
    assert read.session_seconds == 6.5
    assert read.cost("gpt-live-1") == Decimal("0.005416666667")


def test_live_is_billed_by_the_second() -> None:
    """OpenAI's guide to the cost of voice: 90 seconds at 0.05 per minute cost 0.075."""
    assert fed(live_usage(90)).cost("gpt-live-1") == Decimal("0.075")


def paused_usage(seconds: float, paused_seconds: int | None) -> live.SessionUsageUpdated:
    return live.SessionUsageUpdated(usage=live.LiveUsage(seconds=seconds, paused_seconds=paused_seconds))


def test_paused_seconds_of_live_are_cheaper() -> None:
    read = fed(live_started("a"), paused_usage(60, 30), paused_usage(90, 30), paused_usage(90, None))
    assert (read.session_seconds, read.paused_seconds) == (90, 30)
    assert read.bill("gpt-live-1.1") == (
        CostLine("time", "seconds", Decimal(60), Decimal("0.05")),
        CostLine("time", "paused", Decimal(30), Decimal("0.01")),
    )
    assert read.cost("gpt-live-1") == Decimal("0.075")  # it has no other price
    both = read + fed(live_started("b"), paused_usage(10, 10))
    assert both.paused_seconds == 40
    assert both.cost("gpt-live-1.1") == Decimal("0.06") + Decimal("0.003333333333")
    assert [line.amount for line in fed(paused_usage(1, 5)).bill("gpt-live-1.1")] == [1]  # no more than all


def test_the_backend_is_counted_by_its_model() -> None:
    def done(id: str, model: str | None) -> Any:
        usage = {"input_tokens": 2, "output_tokens": 1}
        body = {"type": "response.completed", "response": {"id": id, "model": model, "usage": usage}}
        return backend(body)

    read = fed(done("a", "gpt-5"), done("b", "gpt-5-mini"), done("c", "gpt-5"), done("d", None))
    one = Tokens(text=C(2, 0, 1))
    assert read.backend_by_model == {"gpt-5": one + one, "gpt-5-mini": one, "": one}
    assert (read + read).backend_by_model["gpt-5"].total == 12
    assert read.backend.total == 12
    many = fed(*(done(str(number), str(number)) for number in range(200)))
    assert len(many.backend_by_model) <= 101
    assert many.backend.total == 600


def test_delegated_responses_of_live_are_counted_separately() -> None:
    usage = {
        "input_tokens": 100, "input_tokens_details": {"cached_tokens": 64, "cache_write_tokens": 3},
        "output_tokens": 7, "output_tokens_details": {"reasoning_tokens": 5}, "total_tokens": 107,
    }  # fmt: skip
    done = backend({"type": "response.completed", "response": {"id": "r", "usage": usage, "output": [{}]}})
    read = fed(
        done,
        done,
        backend({"type": "response.created", "response": {"id": "q", "usage": usage}}),
        backend({"type": "response.completed", "response": {"id": "s", "usage": None}}),
        backend({"type": "response.completed"}),
        backend([1, 2]),
        backend({"type": 5}),
        live.ResponseEvent(event=msgspec.Raw(b"{")),
        live.ResponseEvent(event=None),  # type: ignore[arg-type]
        backend({"type": "response.failed", "response": {"id": "t", "usage": {"output_tokens": 1}}}),
    )
    assert read.backend == Tokens(text=C(100, 64, 8))
    assert read.unreported == 1
    assert read.responses == Tokens()
    own = ModelPrice(TokenPrice(1, 0.1, 10), TokenPrice(0, 0, 0))
    assert total_usd(bill(own, read.backend)) == Decimal("0.0001224")  # 36 + 6.4 + 80 millionths


def test_decisions_are_recognised_by_their_event_id() -> None:
    usage = {"input_tokens": 3, "input_tokens_details": {"cached_tokens": 3}, "output_tokens": 3}
    body = {"type": "decision.completed", "decision": {"model": "m", "answers": [], "usage": usage}}
    events = [backend(body, live.DecisionEvent, event_id=id) for id in ("e1", "e1", "e2")]
    assert fed(*events).backend == Tokens(text=C(6, 6, 6))


def test_every_example_can_be_fed() -> None:
    usage = Usage()
    for dialect, side, frame in cases.ALL:
        usage.feed(cases.decoder(dialect, side)(frame))
    usage.feed(object())
    assert usage.responses.total == 253 + 275
    assert usage.session_seconds == 42.0
    assert usage.transcriptions.total == 22 + 48
    assert usage.backend.total == 6
    assert "input=259" in repr(usage)


def test_response_ids_are_remembered_for_a_while() -> None:
    usage = Usage()
    for number in range(10_000):
        usage.feed(response(f"resp_{number}", {"output_tokens": 1}))
    assert usage.responses.output == 10_000
    for number in range(10_000 - 4096, 10_000):
        usage.feed(response(f"resp_{number}", {"output_tokens": 1}))
    assert usage.responses.output == 10_000
    usage.feed(response(f"resp_{10_000 - 4097}", {"output_tokens": 1}))
    assert usage.responses.output == 10_001


def test_one_id_may_be_that_of_a_response_and_of_a_delegated_one() -> None:
    usage = {"input_tokens": 1, "output_tokens": 2}
    read = fed(
        response("x", usage),
        transcription(TOKENS_USAGE, "x"),
        backend({"type": "response.incomplete", "response": {"id": "x", "usage": usage}}),
        transcription(TOKENS_USAGE, "y"),
    )
    assert (read.responses.total, read.transcriptions.total, read.backend.total) == (3, 44, 3)
    assert read.backend == Tokens(text=C(1, 0, 2))


def test_each_kind_of_unreported_usage_is_added() -> None:
    lost = backend({"type": "response.completed", "response": {}}, event_id="e")
    read = fed(transcription(None, "a"), transcription(None, "b"), response("c"), response("d"), lost, lost)
    assert read.unreported == 5
    assert fed(transcription(None, "a"), lost, transcription(None, "b")).unreported == 3


def test_a_session_without_a_total_costs_nothing() -> None:
    assert fed(live_started("a"), live_started("b")).session_seconds == 0


def test_events_that_lack_their_usage_are_unreported() -> None:
    """No decoder gives these events; a user may make them."""
    missing: Any = None
    event = realtime.ConversationItemInputAudioTranscriptionCompleted
    read = fed(
        realtime.ResponseDone(event_id="e", response=missing),
        event(item_id="a", content_index=0, transcript="", usage=missing),
        event(item_id="b", content_index=0, transcript="", usage=realtime.DurationUsage(seconds=missing)),
        live.SessionUsageUpdated(usage=missing),
        live.SessionUsageUpdated(usage=live.LiveUsage(seconds=missing)),
        live.SessionStarted(session=missing),
    )
    assert (read.unreported, read.transcribed_seconds, read.session_seconds) == (3, 0, 0)


def test_the_ids_of_different_sessions_are_compared() -> None:
    """The total of a session without a start event ends when another session starts."""
    assert fed(live_usage(2), live_started(""), live_usage(1)).session_seconds == 3


# --- Where servers put it -------------------------------------------------------------

COUNTS = {"total_tokens": 5, "input_tokens": 3, "output_tokens": 2}
# Frames of a response.done, or of another event with usage, and the total that they report; None: unreported.
PLACES: dict[str, tuple[str, dict[str, Any], int | None]] = {
    "xAI: at the top": ("xai", {"response": {"id": "r", "usage": {}}, "usage": COUNTS}, 5),
    "xAI, decoded as GA": ("openai", {"response": {"id": "r", "usage": {}}, "usage": COUNTS}, None),
    "xAI: no counts": ("xai", {"response": {"id": "r", "usage": {}}, "usage": {"grok_tokens": 9}}, None),
    "xAI: twice": ("xai", {"response": {"id": "r", "usage": COUNTS}, "usage": COUNTS}, 5),
    "a total alone": ("openai", {"response": {"id": "r", "usage": {"total_tokens": 5}}}, None),
    "Qwen": ("qwen", {"response": {"id": "r", "usage": {**COUNTS, "input_tokens_details": {"audio_tokens": 3}}}}, 5),
    "Qwen: details alone": ("qwen", {"response": {"usage": {"output_tokens_details": {"text_tokens": 4}}}}, 4),
    "GLM": ("glm", {"response": {"id": "r", "usage": COUNTS}}, 5),
    "LocalAI: none": ("localai", {"response": {"id": "r", "status": "completed"}}, None),
}  # fmt: skip


@pytest.mark.parametrize(("provider", "members", "total"), PLACES.values(), ids=PLACES)
def test_usage_counts_once_wherever_it_is(provider: str, members: dict[str, Any], total: int | None) -> None:
    event = get_provider(provider).decode_server(json.dumps({"type": "response.done", **members}))
    for usage in (Usage(), Usage("xai"), Usage(get_provider(provider))):
        usage.feed(event)
        assert (usage.responses.total, usage.unreported) == (total or 0, 0 if total else 1)
        if members["response"].get("id"):
            usage.feed(event)
            assert (usage.responses.total, usage.unreported) == (total or 0, 0 if total else 1)


def test_the_details_of_qwen_are_read_by_kind() -> None:
    details = {"text_tokens": 1, "audio_tokens": 2}
    frame = {"type": "response.done", "response": {"id": "r", "usage": {
        **COUNTS, "input_tokens_details": details, "output_tokens_details": {"audio_tokens": 2},
    }}}  # fmt: skip
    usage = fed(get_provider("qwen").decode_server(json.dumps(frame)))
    assert usage.responses == Tokens(text=C(1), audio=C(2, 0, 2))


def test_of_two_different_usages_that_of_the_provider_counts() -> None:
    event = get_provider("xai").decode_server(
        '{"type":"response.done","response":{"id":"r","usage":{"input_tokens":1}},"usage":{"input_tokens":9}}'
    )
    totals = []
    for provider in (None, "openai", "xai"):
        usage = Usage(provider)
        usage.feed(event)
        totals.append(usage.responses.total)
    assert totals == [1, 1, 9]


def test_amounts_beside_the_tokens_are_summed_and_not_priced() -> None:
    frame = '{"type":"response.done","event_id":"%d","response":{},"usage":{"input_tokens":1,"grok_tokens":7,"billable_audio_seconds":0.1}}'
    usage = fed(*(get_provider("xai").decode_server(frame % number) for number in range(3)))
    assert usage.other == {"grok_tokens": 21, "billable_audio_seconds": 0.3}
    assert (usage + usage).other == {"grok_tokens": 42, "billable_audio_seconds": 0.6}
    assert fed(response(usage=REAL)).other == {}


VLLM = {"prompt_tokens": 30, "completion_tokens": 4, "total_tokens": 34}


@pytest.mark.parametrize("decode", [get_provider("vllm").decode_server, realtime.decode_server])
@pytest.mark.parametrize(("reported", "total"), [
    (VLLM, 34), ({**VLLM, "prompt_tokens": 30.0}, 34), ({"total_tokens": 34}, 0), (None, 0), ({}, 0), (7, 0),
    ({"prompt_tokens": True, "completion_tokens": "4"}, 0), ({"prompt_tokens": 0.5}, 0),
])  # fmt: skip
def test_vllm_reports_the_tokens_of_a_transcription(decode: Any, reported: Any, total: int) -> None:
    frame = json.dumps({"type": "transcription.done", "text": "Hi.", "usage": reported})
    usage = fed(decode(frame))
    assert (usage.transcriptions.total, usage.unreported) == (total, 0 if total else 1)
    assert usage.transcriptions.text.output == (4 if total == 34 else 0)


def test_a_malformed_event_of_another_server_counts_nothing() -> None:
    usage = fed(
        realtime.UnknownEvent("transcription.done", b'{"event_id":7}'), realtime.UnknownEvent("ping", b"{}")
    )
    assert (usage.transcriptions.total, usage.unreported) == (0, 0)


def test_ids_and_counts_that_were_filled_in_match_nothing() -> None:
    frame = '{"type":"conversation.item.input_audio_transcription.completed","transcript":"Hi.","usage":%s}'
    tokens = realtime.decode_server(frame % json.dumps(TOKENS_USAGE))
    assert fed(tokens, tokens).transcriptions.total == 44  # a repetition cannot be recognised
    for empty in ('{"type":"tokens"}', '{"type":"duration"}'):
        read = fed(realtime.decode_server(frame % empty))
        assert (read.unreported, read.transcriptions.total, read.transcribed_seconds) == (1, 0, 0)


def test_an_event_of_a_derived_class_counts_as_its_base() -> None:
    class Done(realtime.ResponseDone, tag="response.done"):
        extra: int = 0

    usage = realtime.ResponseUsage(input_tokens=3)
    assert fed(Done(response=realtime.Response(usage=usage))).responses.total == 3


def test_an_unknown_provider_is_refused() -> None:
    with pytest.raises(realtime.ConfigError, match="unknown provider 'xia'"):
        Usage("xia")  # type: ignore[arg-type]


# --- Adding --------------------------------------------------------------------------


def test_usages_add_up() -> None:
    one = fed(response(usage=REAL), transcription(TOKENS_USAGE), live_usage(2), transcription(None, "x"))
    two = fed(response("b", REAL), transcription({"type": "duration", "seconds": 3}, "i"), live_usage(1))
    two.feed(backend({"type": "response.completed", "response": {"usage": {"output_tokens": 4}}}))
    both = one + two
    assert both.responses == one.responses + two.responses
    assert both.transcriptions == one.transcriptions
    assert (both.transcribed_seconds, both.session_seconds, both.unreported) == (3, 3, 1)
    assert both.backend == two.backend == (two + one).backend
    both.feed(response("b", REAL))  # is known already
    assert both.responses.total == 2 * 821
    assert one.responses.total == 821
    assert sum([one, two], Usage()).session_seconds == 3


def test_a_raw_frame_is_refused() -> None:
    with pytest.raises(TypeError, match="expected an event, got dict"):
        Usage().feed({})


@pytest.mark.parametrize("value", [Usage(), Tokens(), C()])
def test_only_equal_types_can_be_added(value: Any) -> None:
    with pytest.raises(TypeError):
        _ = value + 1


def test_seconds_that_no_event_reports_can_be_added() -> None:
    usage = Usage()
    usage.add_seconds(30)
    usage.add_seconds(0.5)
    usage.add_transcribed_seconds(60)
    assert usage.cost("gpt-realtime-translate") == Decimal("0.017283333333")
    assert usage.transcription_cost("gpt-realtime-whisper") == Decimal("0.017")
    for add in (usage.add_seconds, usage.add_transcribed_seconds):
        for wrong in (-1, float("nan"), float("inf")):
            with pytest.raises(
                realtime.ConfigError, match=r"^seconds must not be negative|^expected a finite"
            ) as caught:
                add(wrong)
            assert caught.value.field == "seconds"
        add(0)
    usage.feed(translation.SessionClosed())
    assert usage.session_seconds == 30.5


def test_beta_and_ga_are_read_alike() -> None:
    frame = json.dumps({"type": "response.done", "response": {"id": "r", "usage": REAL}})
    ga = fed(realtime.decode_server(frame)).responses
    assert fed(beta.decode_server(frame)).responses == ga != Tokens()
