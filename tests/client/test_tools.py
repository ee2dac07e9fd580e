"""ToolRunner: concurrency, limits, failures as outputs that the model can read, cancellation."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
from typing import Any

import msgspec
import pytest

import realtime as r
from realtime.client import ToolRunner
from realtime.state import FunctionCall, FunctionCalls, Toolbox
from realtime.telephony import Bridge, BridgeOutput
from realtime.testing import Call, Say, ServerProtocol, Turn


def call(name: str, arguments: str = "{}", call_id: str = "c") -> FunctionCall:
    return FunctionCall(call_id, name, arguments)


def result(event: Any) -> Any:
    assert event.item.call_id
    return msgspec.json.decode(event.item.output)


class Forecast(msgspec.Struct):
    sky: str
    degrees: float


async def forecast(city: str) -> Forecast:
    await asyncio.sleep(0)
    return Forecast(city, 20.5)


MEETING = threading.Barrier(4)


def blocking() -> str:
    MEETING.wait(20)
    return threading.current_thread().name


async def failing() -> None:
    raise ValueError("wrong: sk-abcdefgh12345678")


def failing_sync() -> None:
    raise KeyError("x")


async def slow() -> None:
    await asyncio.sleep(10)


async def timing_out() -> None:
    async with asyncio.timeout(0.001):
        await asyncio.sleep(10)


def not_json() -> Any:
    return object()


BOX = Toolbox(forecast, blocking, failing, failing_sync, slow, timing_out, not_json)


def run(*calls: FunctionCall, **options: Any) -> list[Any]:
    async def main() -> list[Any]:
        runner = ToolRunner(BOX, **options)
        return await asyncio.gather(*map(runner.run, calls))

    return asyncio.run(main())


def test_async_tools_give_any_json() -> None:
    (output,) = run(call("forecast", '{"city":"grey"}'))
    assert isinstance(output, r.ConversationItemCreate)
    assert result(output) == {"sky": "grey", "degrees": 20.5}


def test_other_tools_run_in_threads_at_the_same_time() -> None:
    outputs = run(*(call("blocking") for _ in range(4)))  # each waits for the others
    assert all("asyncio" in output.item.output for output in outputs)


@pytest.mark.parametrize(
    ("name", "what", "type"),
    [
        ("failing", "the tool failed", "ValueError"),
        ("failing_sync", "the tool failed", "KeyError"),
        ("slow", "the tool did not answer in 0.05 s", "TimeoutError"),
        ("timing_out", "the tool failed", "TimeoutError"),
        ("not_json", "the tool gave a result that is not JSON", "EncodeError"),
    ],
)
def test_failures_are_outputs(name: str, what: str, type: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "realtime.client"):
        (output,) = run(call(name), timeout_s=0.05)
    found = result(output)
    assert (found["error"], found["type"]) == (what, type)
    assert "Traceback" not in output.item.output
    assert name in caplog.text
    assert "sk-abc" not in output.item.output + caplog.text


def test_calls_that_cannot_be_run_are_answered_by_the_toolbox() -> None:
    unknown, wrong = run(call("nothing"), call("forecast", '{"city":3}'))
    assert result(unknown)["error"] == "there is no such tool"
    assert result(wrong)["path"] == "$.city"


def test_the_number_of_calls_that_run_is_bounded() -> None:
    running = most = 0

    async def counted() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.01)
        running -= 1

    async def main() -> None:
        runner = ToolRunner(Toolbox(counted), max_concurrent=2)
        await asyncio.gather(*(runner.run(call("counted")) for _ in range(7)))

    asyncio.run(main())
    assert most == 2


@pytest.mark.parametrize("is_async", [False, True])
def test_started_calls_give_their_answers(is_async: bool) -> None:
    given: list[Any] = []

    async def done_async(output: Any) -> None:
        await asyncio.sleep(0)
        given.append(output)

    async def main() -> None:
        async with ToolRunner(BOX) as runner:
            runner.start(call("forecast", '{"city":"a"}'), done_async if is_async else given.append)
            assert runner.running == 1
            while runner.running:
                await asyncio.sleep(0)

    asyncio.run(main())
    assert len(given) == 1


def test_calls_are_cancelled_at_the_end_and_give_no_answer() -> None:
    given: list[Any] = []

    async def main() -> None:
        async with ToolRunner(BOX) as runner:
            runner.start(call("slow"), given.append)
            await asyncio.sleep(0.01)
        assert runner.running == 0

    asyncio.run(main())
    assert given == []


def test_an_answer_that_cannot_be_given_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def broken(output: Any) -> None:
        raise RuntimeError("no")

    async def main() -> None:
        async with ToolRunner(BOX) as runner:
            runner.start(call("forecast", '{"city":"a"}'), broken)
            while runner.running:
                await asyncio.sleep(0)

    asyncio.run(main())
    assert "could not be sent" in caplog.text


@pytest.mark.parametrize("options", [{"max_concurrent": 0}, {"timeout_s": 0}, {"timeout_s": float("inf")}])
def test_invalid_limits(options: dict[str, Any]) -> None:
    with pytest.raises(r.ConfigError):
        ToolRunner(BOX, **options)


def test_functions_are_not_a_toolbox() -> None:
    with pytest.raises(TypeError, match="Toolbox"):
        ToolRunner([forecast])  # type: ignore[arg-type]


# --- With Bridge ---------------------------------------------------------------------

START = (
    '{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":'
    '{"streamSid":"MZ1","mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}'
)
SILENCE = base64.b64encode(r.AudioFormat.G711_ULAW.silence(20)).decode()
MEDIA = (
    '{"event":"media","sequenceNumber":"2","streamSid":"MZ1","media":'
    f'{{"track":"inbound","chunk":"1","timestamp":"0","payload":"{SILENCE}"}}}}'
)


def test_the_tools_of_a_phone_call_are_run_beside_its_audio() -> None:
    """All outputs lead to one response, while audio goes on in both directions."""

    async def city(name: str) -> str:
        await asyncio.sleep(0.02)
        return name

    def script(turn: Turn) -> Any:
        return Say(turn.text) if turn.text else [Call("city", {"name": "A"}), Call("city", {"name": "B"})]

    server = ServerProtocol(script=script)
    bridge, calls = Bridge("twilio"), FunctionCalls()
    spoken: list[Any] = []
    sent: list[Any] = []
    to_phone: list[Any] = []

    async def main() -> None:
        async with ToolRunner(Toolbox(city)) as runner:

            def use(output: BridgeOutput) -> None:
                to_phone.extend(output.to_carrier)
                for event in output.events:
                    for call in calls.feed(event):
                        runner.start(call, lambda answer: use(bridge.answer(answer)))
                    if isinstance(event, r.ResponseDone):
                        spoken.extend(
                            item.content[0].transcript
                            for item in event.response.output or ()
                            if item.type == "message"
                        )
                for frame in output.to_server:
                    sent.append(r.decode_client(frame))
                    receive(server.feed(frame))

            def receive(events: list[Any]) -> None:
                for event in events:
                    assert event.type != "error"
                    use(bridge.from_server(server.encode(event)))

            receive(server.open())
            receive(
                server.feed(bridge.session_update(r.create_session_config("gpt-realtime-2", tools=BOX.tools)))
            )
            use(bridge.from_carrier(START))
            use(bridge.request_response())
            while not spoken:
                use(bridge.from_carrier(MEDIA))
                await asyncio.sleep(0.001)

    asyncio.run(main())
    assert spoken[0] in "AB"
    kinds = [event.type for event in sent]
    assert kinds.count("conversation.item.create") == 2
    assert kinds.count("response.create") == 2  # the first, and one for both outputs
    assert kinds.index("input_audio_buffer.append") < kinds.index("conversation.item.create")
    assert to_phone
