"""livekit-agents: the session of its OpenAI plugin's `RealtimeModel`, with OpenAI's and Azure's addresses.

`AgentSession` drives a session of this class with the same calls.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import aiohttp
from livekit import rtc
from livekit.agents import APIError, function_tool, llm
from livekit.plugins.openai import realtime

from .driver import INSTRUCTIONS, MODEL, RATE, SPEECH, Client

logging.getLogger("livekit").setLevel(logging.CRITICAL)


@function_tool
async def weather(city: str) -> str:
    """Return the temperature in a city."""
    raise NotImplementedError  # the client answers


class LiveKitClient(Client):
    """A session of the model at OpenAI's path."""

    name = "livekit-agents"
    packages = ("livekit-agents", "livekit-plugins-openai", "openai", "aiohttp")

    closings = frozenset({"APIConnectionError"})
    # The task that closes the connection is cancelled when the one that reads has ended; aiohttp ends that one
    # before it writes the close frame (livekit-agents 1.8.9, `_run_ws`; aiohttp, `ClientWebSocketResponse.close`).
    may_drop = True

    def model(self, http: aiohttp.ClientSession) -> realtime.RealtimeModel:
        return realtime.RealtimeModel(
            model=MODEL, api_key="none", base_url=self.server.base_url, http_session=http
        )

    async def connect(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()
        self._message_id = ""
        self._http = aiohttp.ClientSession()
        self._session = self.model(self._http).session()
        self._session.on("error", self._report)
        self._session.on("session_reconnected", self._reconnected)
        self._session.on("input_speech_started", self._interrupted)
        self._session.on("generation_created", lambda event: self._start(self._read(event)))
        await self._session.update_instructions(INSTRUCTIONS)
        await self._session.update_tools([weather])

    def _start(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _report(self, event: llm.RealtimeModelError) -> None:
        body = event.error.body if isinstance(event.error, APIError) else None
        self.failed(dict(vars(body)) if hasattr(body, "code") else event.error)
        self.is_closed = not event.recoverable

    def _reconnected(self, _: object) -> None:
        self.reconnects += 1

    async def _read(self, event: llm.GenerationCreatedEvent) -> None:
        self._start(self._answer_calls(event))
        async for message in event.message_stream:
            self._message_id = message.message_id
            self._start(self._read_text(message))
            async for frame in message.audio_stream:
                self.audio += bytes(frame.data)

    async def _read_text(self, message: llm.MessageGeneration) -> None:
        async for text in message.text_stream:
            self.text += str(text)

    async def _answer_calls(self, event: llm.GenerationCreatedEvent) -> None:
        async for call in event.function_stream:
            self.calls.append((call.name, json.loads(call.arguments)))
            output = llm.FunctionCallOutput(call_id=call.call_id, name=call.name, output="-7", is_error=False)
            await self._add(output)

    async def _add(self, item: llm.ChatItem) -> None:
        context = self._session.chat_ctx.copy()
        context.items.append(item)
        await self._session.update_chat_ctx(context)
        await self._session.generate_reply()

    async def send_text(self, text: str) -> None:
        self._start(self._add(llm.ChatMessage(role="user", content=[text])))

    async def send_audio(self, pcm: bytes) -> None:
        samples = len(pcm) // 2
        self._session.push_audio(
            rtc.AudioFrame(pcm, sample_rate=RATE, num_channels=1, samples_per_channel=samples)
        )

    async def barge_in(self) -> None:
        await self.speak(SPEECH)

    def _interrupted(self, _: object) -> None:
        """Do what `AgentSession` does when the user speaks."""
        if not self._message_id:
            return
        self._session.interrupt()
        heard_ms = len(self.audio) * 1000 // (2 * RATE)
        self._session.truncate(message_id=self._message_id, modalities=["audio"], audio_end_ms=heard_ms)

    async def cancel(self) -> None:
        self._session.interrupt()

    async def close(self) -> None:
        for task in [*self._tasks]:
            task.cancel()
        try:
            await self._session.aclose()
        finally:
            await self._http.close()


class LiveKitAzureClient(LiveKitClient):
    """A session of the model at Azure's GA path."""

    name = "livekit-agents (Azure)"

    def model(self, http: aiohttp.ClientSession) -> realtime.RealtimeModel:
        return realtime.RealtimeModel.with_azure(
            azure_deployment=MODEL,
            api_key="none",
            base_url=self.server.base_url.replace("/v1", "/openai/v1"),
            http_session=http,
        )


class LiveKitAzureDatedClient(LiveKitClient):
    """A session of the model at Azure's path with an `api-version`, which speaks beta."""

    name = "livekit-agents (Azure, dated)"

    def model(self, http: aiohttp.ClientSession) -> realtime.RealtimeModel:
        return realtime.RealtimeModel.with_azure(
            azure_deployment=MODEL,
            api_key="none",
            base_url=self.server.base_url.replace("/v1", "/openai"),
            api_version="2024-10-01-preview",
            http_session=http,
        )
