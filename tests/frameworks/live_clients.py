"""The Live clients of frameworks: one class each, which reports what the application of the client notices."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from realtime.testing import LoopbackServer

from .driver import INSTRUCTIONS, RATE

BACKEND = "gpt-5"
FUNCTION: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


class LiveClient(ABC):
    """A framework's Live client as an application uses it.

    Attributes:
        said, heard: the transcripts of the assistant and of the user.
        audio: the audio of the assistant, silence included.
        calls: the functions that were called, with their arguments; each returns "-7".
        errors: the errors that the framework reports.
    """

    name: ClassVar[str]

    def __init__(self, server: LoopbackServer) -> None:
        self.server = server
        self.said = self.heard = ""
        self.audio = bytearray()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.errors: list[str] = []

    @abstractmethod
    async def connect(self) -> None:
        """Start a session with the instructions and the function `weather(city)`."""

    @abstractmethod
    async def send_audio(self, pcm: bytes) -> None:
        """Send a part of the user's audio."""

    @abstractmethod
    async def close(self) -> None:
        """End the session."""


class OpenAILiveClient(LiveClient):
    """`AsyncOpenAI().live.connect`, iterated. The application answers the calls."""

    name = "openai-python"

    async def connect(self) -> None:
        from openai import AsyncOpenAI

        self._openai = AsyncOpenAI(api_key="none", websocket_base_url=self.server.base_url)
        self._connection = await self._openai.live.connect().enter()
        responses: Any = {"model": BACKEND, "tools": [FUNCTION]}
        await self._connection.session.start(
            session={
                "model": "gpt-live-1",
                "instructions": INSTRUCTIONS,
                "delegation": {"type": "responses", "responses": responses},
            }
        )
        event = await self._connection.recv()
        assert event.type == "session.started", event
        self._must_continue = False
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        async for event in self._connection:
            await self._on_event(event)

    async def _on_event(self, event: Any) -> None:
        match event.type:
            case "session.output_audio.delta":
                self.audio += base64.b64decode(event.delta)
            case "session.output_transcript.delta":
                self.said += event.delta
            case "session.input_transcript.delta":
                self.heard += event.delta
            case "error":
                self.errors.append(event.error.message)
            case "response.event" if event.event["type"] == "response.output_item.done":
                item = event.event["item"]
                if item["type"] == "function_call":
                    self.calls.append((item["name"], json.loads(item["arguments"])))
                    output: Any = {"type": "function_call_output", "call_id": item["call_id"], "output": "-7"}
                    await self._connection.response.item.create(item=output)
                    self._must_continue = True
            case "response.event" if event.event["type"] == "response.completed" and self._must_continue:
                self._must_continue = False
                await self._connection.response.create()
            case _:
                pass

    async def send_audio(self, pcm: bytes) -> None:
        await self._connection.session.input_audio.append(audio=base64.b64encode(pcm).decode())

    async def close(self) -> None:
        await self._connection.session.close()
        await self._reading
        await self._openai.close()


class LiveKitLiveClient(LiveClient):
    """livekit-agents: a session of its OpenAI plugin's `GPTLiveModel`, driven as `DuplexRealtimeAdapter` does."""

    name = "livekit-agents"

    async def connect(self) -> None:
        import logging

        import aiohttp
        from livekit.agents import function_tool
        from livekit.plugins.openai import realtime

        logging.getLogger("livekit").setLevel(logging.CRITICAL)

        @function_tool
        async def weather(city: str) -> str:
            """Return the temperature in a city."""
            raise NotImplementedError  # the client answers

        self._tasks: set[asyncio.Task[None]] = set()
        self._http = aiohttp.ClientSession()
        model = realtime.GPTLiveModel(
            api_key="none",
            base_url=self.server.http_base_url,
            http_session=self._http,
            delegation="responses",
            responses_options={"model": BACKEND},
        )
        self._session = model.session()
        self._session.on("error", lambda event: self.errors.append(str(event.error)))
        self._session.on("openai_server_event_received", self._on_event)
        self._session.on("function_call", lambda call: self._start(self._answer(call)))
        await self._session._update_session(instructions=INSTRUCTIONS, tools=[weather])
        self._start(self._read())

    def _start(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_event(self, event: dict[str, Any]) -> None:
        if event["type"] == "session.output_transcript.delta":
            self.said += event["delta"]
        elif event["type"] == "session.input_transcript.delta":
            self.heard += event["delta"]

    async def _read(self) -> None:
        async for frame in self._session.audio_stream:
            self.audio += bytes(frame.frame.data)

    async def _answer(self, call: Any) -> None:
        from livekit.agents import llm

        self.calls.append((call.name, json.loads(call.arguments)))
        output = llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output="-7", is_error=False)
        await self._session._append_items([output])

    async def send_audio(self, pcm: bytes) -> None:
        from livekit import rtc

        samples = len(pcm) // 2
        frame = rtc.AudioFrame(pcm, sample_rate=RATE, num_channels=1, samples_per_channel=samples)
        self._session.push_audio(frame)

    async def close(self) -> None:
        for task in [*self._tasks]:
            task.cancel()
        await self._session.aclose()
        await self._http.close()


class PipecatLiveClient(LiveClient):
    """pipecat-ai: `OpenAILiveLLMService` in a pipeline of two context aggregators and a loudspeaker."""

    name = "pipecat-ai"

    async def connect(self) -> None:
        from loguru import logger
        from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
        from pipecat.adapters.llm.schemas.tools_schema import ToolsSchema
        from pipecat.frames.frames import (
            Frame,
            InterimTranscriptionFrame,
            LLMRunFrame,
            SpeechOutputAudioRawFrame,
            TranscriptionFrame,
            TTSTextFrame,
        )
        from pipecat.pipeline.pipeline import Pipeline
        from pipecat.pipeline.worker import PipelineParams, PipelineWorker
        from pipecat.processors.aggregators.llm_context import LLMContext
        from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
        from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
        from pipecat.services.openai.live.llm import OpenAILiveLLMService, ResponsesDelegation
        from pipecat.services.openai.responses.llm import OpenAIResponsesLLMService
        from pipecat.workers.runner import WorkerRunner

        logger.disable("pipecat")
        client = self

        class Speaker(FrameProcessor):
            async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
                await super().process_frame(frame, direction)
                match frame:
                    case SpeechOutputAudioRawFrame():
                        client.audio += frame.audio
                    case TTSTextFrame():
                        client.said += frame.text
                    case InterimTranscriptionFrame() | TranscriptionFrame():
                        client.heard = frame.text
                    case _:
                        pass
                await self.push_frame(frame, direction)

        backend = OpenAIResponsesLLMService.Settings(model=BACKEND)
        self._service = OpenAILiveLLMService(
            api_key="none",
            base_url=self.server.live_url,
            settings=OpenAILiveLLMService.Settings(model="gpt-live-1", system_instruction=INSTRUCTIONS),
            delegation=ResponsesDelegation(settings=backend),
        )
        self._service.register_function("weather", self._weather)
        schema = FunctionSchema("weather", "The temperature.", {"city": {"type": "string"}}, ["city"])
        user, assistant = LLMContextAggregatorPair(LLMContext(tools=ToolsSchema([schema])))
        self._worker = PipelineWorker(
            Pipeline([user, Speaker(), self._service, Speaker(), assistant]),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
            enable_rtvi=False,
        )
        self._worker.event_handler("on_pipeline_error")(self._report)
        is_ready = asyncio.Event()

        async def ready(*_: Any) -> None:
            is_ready.set()

        self._worker.event_handler("on_pipeline_started")(ready)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        self._running = asyncio.create_task(runner.run())
        await is_ready.wait()
        is_ready.clear()
        self._service.event_handler("on_session_started")(ready)
        await self._worker.queue_frame(LLMRunFrame())
        await is_ready.wait()

    async def _report(self, _: Any, frame: Any) -> None:
        self.errors.append(frame.error)

    async def _weather(self, params: Any) -> None:
        self.calls.append((params.function_name, dict(params.arguments)))
        await params.result_callback("-7")

    async def send_audio(self, pcm: bytes) -> None:
        from pipecat.frames.frames import InputAudioRawFrame

        await self._worker.queue_frame(InputAudioRawFrame(pcm, sample_rate=RATE, num_channels=1))

    async def close(self) -> None:
        from pipecat.frames.frames import EndFrame

        await self._worker.queue_frame(EndFrame())
        with contextlib.suppress(asyncio.CancelledError):
            await self._running
