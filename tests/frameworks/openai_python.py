"""openai-python: the connection itself, read in a task or in a thread. The application does everything."""

from __future__ import annotations

import asyncio
import base64
import json
import threading
from typing import Any

from openai import AsyncOpenAI, OpenAI

from realtime.testing import LoopbackServer

from .driver import INSTRUCTIONS, MODEL, RATE, Client, base64_text

WEATHER: Any = {
    "type": "function",
    "name": "weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
SESSION: Any = {
    "type": "realtime",
    "instructions": INSTRUCTIONS,
    "tools": [WEATHER],
    "audio": {"input": {"turn_detection": None}},
}


class _Application(Client):
    """What an application does with the events of the server; `send` sends one of its own."""

    packages = ("openai", "websockets")
    commits = True
    closings = frozenset({"ConnectionClosedOK", "ConnectionClosedError"})

    def __init__(self, server: LoopbackServer, ca_file: str | None = None) -> None:
        super().__init__(server, ca_file)
        self.item_id = ""

    async def send(self, event: Any) -> None:
        raise NotImplementedError

    def replies_to(self, event: Any) -> list[dict[str, Any]]:
        """Note what an event of the server says. Return the events to send because of it."""
        match event.type:
            case "response.output_audio.delta":
                self.audio += base64.b64decode(event.delta)
                self.item_id = event.item_id
            case "response.output_audio_transcript.delta":
                self.text += event.delta
            case "response.function_call_arguments.done":
                self.calls.append((event.name, json.loads(event.arguments)))
                output = {"type": "function_call_output", "call_id": event.call_id, "output": "-7"}
                return [{"type": "conversation.item.create", "item": output}, {"type": "response.create"}]
            case "error":
                self.failed(event.error.model_dump())
        return []

    async def send_text(self, text: str) -> None:
        content = [{"type": "input_text", "text": text}]
        item = {"type": "message", "role": "user", "content": content}
        await self.send({"type": "conversation.item.create", "item": item})
        await self.send({"type": "response.create"})

    async def send_audio(self, pcm: bytes) -> None:
        await self.send({"type": "input_audio_buffer.append", "audio": base64_text(pcm)})

    async def end_turn(self) -> None:
        await self.send({"type": "input_audio_buffer.commit"})
        await self.send({"type": "response.create"})

    async def barge_in(self) -> None:
        heard_ms = len(self.audio) * 1000 // (2 * RATE)
        await self.send({"type": "response.cancel"})
        await self.send(
            {
                "type": "conversation.item.truncate",
                "item_id": self.item_id,
                "content_index": 0,
                "audio_end_ms": heard_ms,
            }
        )

    async def cancel(self) -> None:
        await self.send({"type": "response.cancel"})


class AsyncOpenAIClient(_Application):
    """`AsyncOpenAI().realtime.connect`, iterated."""

    name = "openai-python (async)"

    async def connect(self) -> None:
        self._openai = AsyncOpenAI(api_key="none", websocket_base_url=self.server.base_url)
        self._connection = await self._openai.realtime.connect(model=MODEL).enter()
        self._reading = asyncio.create_task(self._read())
        await self._connection.session.update(session=SESSION)

    async def _read(self) -> None:
        try:
            async for event in self._connection:
                for reply in self.replies_to(event):
                    await self.send(reply)
        except Exception as error:
            self.failed(error)
        self.is_closed = True

    async def send(self, event: Any) -> None:
        await self._connection.send(event)

    async def close(self) -> None:
        await self._connection.close()
        await self._reading
        await self._openai.close()


class SyncOpenAIClient(_Application):
    """`OpenAI().realtime.connect`, iterated in a thread."""

    name = "openai-python (sync)"

    async def connect(self) -> None:
        self._openai = OpenAI(api_key="none", websocket_base_url=self.server.base_url)
        self._connection = await asyncio.to_thread(self._openai.realtime.connect(model=MODEL).enter)
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()
        self._connection.session.update(session=SESSION)

    def _read(self) -> None:
        try:
            for event in self._connection:
                for reply in self.replies_to(event):
                    self._connection.send(reply)  # type: ignore[arg-type]
        except Exception as error:
            self.failed(error)
        self.is_closed = True

    async def send(self, event: Any) -> None:
        await asyncio.to_thread(self._connection.send, event)

    async def close(self) -> None:
        await asyncio.to_thread(self._connection.close)
        await asyncio.to_thread(self._reading.join)
        self._openai.close()
