"""pipecat-ai: `OpenAIRealtimeLLMService` in a pipeline of two context aggregators and a loudspeaker."""

from __future__ import annotations

import asyncio
import re
from typing import Any

from loguru import logger
from pipecat.adapters.llm.schemas.function_schema import FunctionSchema
from pipecat.frames.frames import (
    CancelFrame,
    ErrorFrame,
    Frame,
    InputAudioRawFrame,
    LLMMessagesAppendFrame,
    TTSAudioRawFrame,
    TTSTextFrame,
)
from pipecat.pipeline.pipeline import Pipeline
from pipecat.pipeline.worker import PipelineParams, PipelineWorker
from pipecat.processors.aggregators.llm_context import LLMContext
from pipecat.processors.aggregators.llm_response_universal import LLMContextAggregatorPair
from pipecat.processors.frame_processor import FrameDirection, FrameProcessor
from pipecat.services.llm_service import FunctionCallParams
from pipecat.services.openai.realtime import events
from pipecat.services.openai.realtime.llm import OpenAIRealtimeLLMService
from pipecat.workers.runner import WorkerRunner

from .driver import INSTRUCTIONS, MODEL, RATE, SPEECH, Client, until

logger.disable("pipecat")
WEATHER = FunctionSchema("weather", "The temperature.", {"city": {"type": "string"}}, ["city"])


class Loudspeaker(FrameProcessor):
    """The processor behind the service."""

    def __init__(self, client: PipecatClient) -> None:
        super().__init__()
        self._client = client

    async def process_frame(self, frame: Frame, direction: FrameDirection) -> None:
        await super().process_frame(frame, direction)
        match frame:
            case TTSAudioRawFrame():
                self._client.audio += frame.audio
            case TTSTextFrame():
                self._client.text += frame.text
            case _:
                pass
        await self.push_frame(frame, direction)


class PipecatClient(Client):
    """A pipeline that a `WorkerRunner` runs."""

    name = "pipecat-ai"
    packages = ("pipecat-ai", "websockets")
    closings = frozenset({"ConnectionClosedOK", "ConnectionClosedError"})

    async def connect(self) -> None:
        self._service = OpenAIRealtimeLLMService(
            api_key="none",
            base_url=f"{self.server.url}?model={MODEL}",
            settings=OpenAIRealtimeLLMService.Settings(
                model=MODEL,
                session_properties=events.SessionProperties(instructions=INSTRUCTIONS, tools=[WEATHER]),
            ),
        )
        self._service.register_function("weather", self._weather)
        user, assistant = LLMContextAggregatorPair(LLMContext())
        self._worker = PipelineWorker(
            Pipeline([user, self._service, Loudspeaker(self), assistant]),
            params=PipelineParams(audio_in_sample_rate=RATE, audio_out_sample_rate=RATE),
            enable_rtvi=False,
        )
        self._worker.event_handler("on_pipeline_error")(self._report)
        is_started = asyncio.Event()

        async def started(*_: Any) -> None:
            is_started.set()

        self._worker.event_handler("on_pipeline_started")(started)
        runner = WorkerRunner(handle_sigint=False)
        await runner.add_workers(self._worker)
        self._running = asyncio.create_task(runner.run())
        await is_started.wait()

    async def _weather(self, params: FunctionCallParams) -> None:
        self.calls.append((params.function_name, dict(params.arguments)))
        await params.result_callback("-7")

    async def _report(self, _: Any, frame: ErrorFrame) -> None:
        event = re.search(r"type='(\w+)', code=(?:'(\w+)'|None)", frame.error)
        if event is not None:
            self.failed({"type": event[1], "code": event[2]})
        else:
            self.failed(frame.exception or frame.error)

    async def send_text(self, text: str) -> None:
        message: Any = {"role": "user", "content": text}
        await self._worker.queue_frame(LLMMessagesAppendFrame([message], run_llm=True))

    async def send_audio(self, pcm: bytes) -> None:
        for start in range(0, len(pcm), RATE // 25):
            chunk = pcm[start : start + RATE // 25]
            await self._worker.queue_frame(InputAudioRawFrame(chunk, sample_rate=RATE, num_channels=1))

    async def barge_in(self) -> None:
        await self.speak(SPEECH)  # speech_started does the rest

    async def cancel(self) -> None:
        await self._service.send_client_event(events.ResponseCancelEvent())

    async def close(self) -> None:
        await self._worker.queue_frame(CancelFrame())
        await until(self._running.done)
