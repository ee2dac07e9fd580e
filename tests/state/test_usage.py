"""Usage: each report counts once, by kind and dialect, and sums add up."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import realtime
from realtime import beta, live, translation
from realtime.spec import ModelPrice, TokenPrice
from realtime.state import TokenCount as C, Tokens, Usage, bill, total_usd
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
