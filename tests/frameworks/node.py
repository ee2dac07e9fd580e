"""The JavaScript clients: a process of Node.js for each, which takes commands and reports what it notices.

Commands and reports are lines of JSON; `bridge.mjs` is the other end.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
from pathlib import Path
from typing import Any, ClassVar

from realtime.testing import LoopbackServer

from .driver import CONNECT_SECONDS, INSTRUCTIONS, MODEL, PATIENCE_SECONDS, SPEECH, Client, base64_text

HERE = Path(__file__).resolve().parent
# The folder whose node_modules has the packages of package.json.
HOME = HERE.parent.parent / ".venv-frameworks" / "node"
MAX_LINE_BYTES = 2**24


class NodeClient(Client):
    """A client in a process of its own."""

    script: ClassVar[str]

    def __init__(self, server: LoopbackServer, ca_file: str | None = None) -> None:
        super().__init__(server, ca_file)
        self._answers: dict[int, asyncio.Future[None]] = {}

    async def connect(self) -> None:
        environment = os.environ | {"FRAMEWORKS_HOME": str(HOME)}
        if self.ca_file is not None:
            environment["NODE_EXTRA_CA_CERTS"] = self.ca_file
        self._process = await asyncio.create_subprocess_exec(
            "node",
            str(HERE / self.script),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env=environment,
            limit=MAX_LINE_BYTES,
        )
        self._reading = asyncio.create_task(self._read())
        await self._do("connect", url=self.server.base_url, model=MODEL, instructions=INSTRUCTIONS)

    async def _do(self, command: str, **arguments: Any) -> None:
        number = len(self._answers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        line = json.dumps({"do": command, "number": number, **arguments})
        assert self._process.stdin is not None
        self._process.stdin.write(line.encode() + b"\n")
        await asyncio.wait_for(answer, CONNECT_SECONDS if command == "connect" else PATIENCE_SECONDS)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            for name, value in json.loads(line).items():
                self._note(name, value)
        self.is_closed = True
        for answer in self._answers.values():
            if not answer.done():
                answer.cancel()

    def _note(self, name: str, value: Any) -> None:
        match name:
            case "done":
                self._answers[value].set_result(None)
            case "audio":
                self.audio += base64.b64decode(value)
            case "text":
                self.text += value
            case "call":
                self.calls.append((value["name"], value["arguments"]))
            case "error":
                self.failed(value)
            case "closed":
                self.is_closed = True

    async def send_text(self, text: str) -> None:
        await self._do("text", text=text)

    async def send_audio(self, pcm: bytes) -> None:
        await self._do("audio", audio=base64_text(pcm))

    async def barge_in(self) -> None:
        await self._do("interrupt", audio=base64_text(SPEECH))

    async def cancel(self) -> None:
        await self._do("cancel")

    async def close(self) -> None:
        try:
            if self._process.returncode is None:
                await self._do("close")
        finally:
            if self._process.returncode is None:
                self._process.terminate()
            await self._process.wait()
            await self._reading


class NodeOpenAIClient(NodeClient):
    """`OpenAIRealtimeWS` of npm's openai, which connects to `wss:` only."""

    name = "npm openai"
    packages = ("npm openai", "npm ws")
    script = "openai.mjs"
    needs_tls = True
    commits = True

    async def end_turn(self) -> None:
        await self._do("commit")


class NodeAgentsClient(NodeClient):
    """`RealtimeSession` of npm's @openai/agents, over its WebSocket transport."""

    name = "npm @openai/agents"
    packages = ("npm @openai/agents", "npm ws")
    script = "agents.mjs"
