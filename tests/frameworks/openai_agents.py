"""openai-agents: a `RealtimeSession` with an agent and a function tool, on server VAD."""

from __future__ import annotations

import asyncio
from typing import Any

from agents import function_tool
from agents.realtime import RealtimeAgent, RealtimeModelSendInterrupt, RealtimeRunner, RealtimeSession

from .driver import INSTRUCTIONS, MODEL, SPEECH, Client


class AgentsClient(Client):
    """A session of `RealtimeRunner`, iterated in a task."""

    name = "openai-agents"
    packages = ("openai-agents", "openai", "websockets")
    closings = frozenset({"ConnectionClosedError"})

    async def connect(self) -> None:
        @function_tool
        def weather(city: str) -> str:
            """Return the temperature in a city."""
            self.calls.append(("weather", {"city": city}))
            return "-7"

        agent = RealtimeAgent(name="assistant", instructions=INSTRUCTIONS, tools=[weather])
        runner = RealtimeRunner(agent, config={"tracing_disabled": True})
        session: RealtimeSession = await runner.run(
            model_config={
                "url": f"{self.server.url}?model={MODEL}",
                "api_key": "none",
                "initial_model_settings": {"turn_detection": {"type": "server_vad"}},
            }
        )
        self._session = await session.enter()
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            async for event in self._session:
                match event.type:
                    case "audio":
                        self.audio += event.audio.data
                    case "error":
                        self._report(event.error)
                    case "raw_model_event":
                        self._note(event.data)
        except Exception as error:
            self.failed(error)
        self.is_closed = True

    def _report(self, error: Any) -> None:
        self.failed(error.model_dump() if hasattr(error, "model_dump") else error)

    def _note(self, event: Any) -> None:
        match event.type:
            case "transcript_delta":
                self.text += event.delta
            case "connection_status" if event.status == "disconnected":
                self.is_closed = True

    async def send_text(self, text: str) -> None:
        await self._session.send_message(text)

    async def send_audio(self, pcm: bytes) -> None:
        await self._session.send_audio(pcm)

    async def barge_in(self) -> None:
        await self.speak(SPEECH)  # speech_started does the rest

    async def cancel(self) -> None:
        await self._session.model.send_event(RealtimeModelSendInterrupt(force_response_cancel=True))

    async def close(self) -> None:
        await self._session.close()
        await self._reading
