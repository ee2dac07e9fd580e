"""Asterisk AudioSocket server: each 8 kHz call becomes a 24 kHz session.

Shows `realtime.telephony.audiosocket` and `realtime.client`, which converts the caller's audio and keeps the session
when its connection breaks. Asterisk plays audio when it arrives, so exactly 20 ms are sent every 20 ms, and reported
as played: when the caller interrupts, the model learns what was heard. Keys become text in the conversation; a hangup
on either side ends the other, within a second, whatever the server does.

In Asterisk's dialplan (the UUID is any that you choose)::

    exten => 100,1,Answer()
    same => n,AudioSocket(40325ec2-5efd-4bd3-805f-53576e581d13,127.0.0.1:9092)

Against OpenAI: set OPENAI_API_KEY and run ``python examples/audiosocket.py --port 9092``. Without an account::

    python -m realtime serve --port 8123
    python examples/audiosocket.py --port 9092 --url ws://127.0.0.1:8123/v1/realtime

Needs websockets: pip install 'realtime-codec[client]'.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import signal
import time
from typing import Final

import realtime
from realtime.audio import Converter
from realtime.client import Interrupted, Reconnecting, ResponseOutcome, Session, Undecodable, connect
from realtime.telephony import audiosocket

OPENAI: Final = "wss://api.openai.com/v1/realtime"
SETTINGS: Final = realtime.create_session_config(
    "gpt-realtime-2", instructions="You are on the phone. Be brief."
)
PHONE: Final = realtime.AudioFormat("pcm16", 8_000)
FRAME_BYTES: Final = PHONE.chunk_bytes(audiosocket.FRAME_MS)
HANGUP: Final = audiosocket.encode(audiosocket.Hangup())
# Seconds to wait for the server to read what was sent, and to answer the close of the connection.
CLOSE_S: Final = 0.4
# The messages that wait for a server that does not read: a minute of audio.
MAX_WAITING: Final = 3_000
log = logging.getLogger("audiosocket")


class Call:
    """One call. The first of its tasks that ends also ends the call."""

    def __init__(self, phone: asyncio.StreamReader, to_phone: asyncio.StreamWriter, session: Session) -> None:
        self._phone, self._to_phone, self._session = phone, to_phone, session
        self._to_model: asyncio.Queue[audiosocket.Audio | audiosocket.Dtmf] = asyncio.Queue(MAX_WAITING)
        self._down = Converter("pcm16", PHONE)
        self._waiting = bytearray()  # audio for the phone

    async def run(self) -> None:
        """Serve the call until it ends. Raises what ended it, unless it was a hangup."""
        # The phone is always read: whatever the model does, a hangup is noticed.
        work = (self._read_phone(), self._talk(), self._play())
        tasks = [asyncio.create_task(each) for each in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            await self._session.close()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            task.result()

    async def _read_phone(self) -> None:
        parser = audiosocket.Parser()
        while data := await self._phone.read(4096):
            for message in parser.feed(data):
                match message:
                    case audiosocket.Audio() | audiosocket.Dtmf():
                        self._to_model.put_nowait(message)
                    case audiosocket.Uuid(uuid=name):
                        log.info("call %s", name)
                    case audiosocket.Hangup():
                        return
                    case _:
                        log.warning("from Asterisk: %r", message)
            parser.feed(b"")  # raises if the bytes after these messages are malformed
        parser.close()

    async def _talk(self) -> None:
        async with self._session as session:
            forwarding = asyncio.create_task(self._forward())
            try:
                async for event in session:
                    self._on_event(event)
            finally:
                forwarding.cancel()

    async def _forward(self) -> None:
        while True:
            match await self._to_model.get():
                case audiosocket.Audio(audio=audio):
                    await self._session.append(audio, PHONE)
                case audiosocket.Dtmf(digit=digit):
                    log.info("key %s", digit)
                    text = realtime.create_text_input(f"The caller pressed the key {digit}.")
                    await self._session.send(text)

    def _on_event(self, event: object) -> None:
        match event:
            case realtime.ResponseOutputAudioDelta(delta=audio):
                self._waiting += self._down.process(audio)
            case realtime.ResponseOutputAudioDone():
                self._waiting += self._down.flush()
                self._waiting += bytes(-len(self._waiting) % FRAME_BYTES)
            case Interrupted(interruption=interruption):
                self._stop()
                if interruption.truncate is not None:
                    log.info("interrupted at %d ms", interruption.truncate.audio_end_ms)
            case Reconnecting(reason=reason, interruption=interruption):
                log.warning("reconnecting: %s", reason)
                if interruption is not None:
                    self._stop()
            case realtime.Error(error=error):
                log.warning("from the model: %s", error.message)
            case Undecodable(reason=reason):
                log.warning("from the model: %s", reason)
            case ResponseOutcome(status="failed", error=error):
                log.warning("a response failed: %s", error)
            case _:
                pass

    def _stop(self) -> None:
        self._waiting.clear()
        self._down.reset()

    async def _play(self) -> None:
        due = time.monotonic()
        while True:
            if len(self._waiting) >= FRAME_BYTES:
                self._to_phone.write(audiosocket.encode_audio(self._waiting[:FRAME_BYTES]))
                await self._to_phone.drain()
                del self._waiting[:FRAME_BYTES]
                self._session.played(ms=audiosocket.FRAME_MS)
            due += audiosocket.FRAME_MS / 1000
            await asyncio.sleep(max(0.0, due - time.monotonic()))


async def serve_call(phone: asyncio.StreamReader, to_phone: asyncio.StreamWriter, url: str) -> None:
    """Serve one connection of Asterisk. Always ends with a hangup message to Asterisk."""
    key = os.environ.get("OPENAI_API_KEY")
    session = connect(url=url, session=SETTINGS, api_key=key, reports_playback=True, close_timeout=CLOSE_S)
    try:
        await Call(phone, to_phone, session).run()
    except (OSError, asyncio.QueueFull, realtime.RealtimeError) as why:
        log.warning("the call failed: %s", str(why) or "the model does not read")
    except Exception:
        log.exception("the call failed")
    finally:
        log.info("the call is over")
        with contextlib.suppress(OSError):
            to_phone.write(HANGUP)
        to_phone.close()


async def main() -> None:
    """Serve until SIGINT or SIGTERM. Prints the address once connections are accepted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default=OPENAI, help="default: %(default)s")
    parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("websockets").setLevel(logging.WARNING)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(
        lambda phone, to_phone: serve_call(phone, to_phone, arguments.url), arguments.host, arguments.port
    )
    print("{}:{}".format(*server.sockets[0].getsockname()), flush=True)
    await stop.wait()
    server.close()  # asyncio.run cancels the calls that are left, which hangs up


if __name__ == "__main__":
    asyncio.run(main())
