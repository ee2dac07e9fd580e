"""Talk to the model: microphone and loudspeaker on a 24 kHz session, with barge-in.

Shows a sound card's callback thread beside asyncio: blocks of 20 ms are sent as they are recorded, the model's
audio waits in a buffer that the callback empties, and `Playback` gets the number of bytes that were played. When
the user speaks, the buffer is cleared and a truncate event reports to the model what was played.

Against OpenAI: set OPENAI_API_KEY and run ``python examples/microphone.py``; use headphones. Without an account, or a
sound card, against ``python -m realtime serve --port 8123``, with a WAV file in real time::

    python examples/microphone.py --url ws://127.0.0.1:8123/v1/realtime --file in.wav --out out.wav

Needs websockets, and sounddevice where there is no --file: pip install 'realtime-codec[testing]' sounddevice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Generator
from typing import Final, TypeAlias

from websockets.asyncio.client import ClientConnection, connect

import realtime
from realtime.audio import WavWriter, chunks, read_wav
from realtime.state import Playback

OPENAI: Final = "wss://api.openai.com/v1/realtime?model=gpt-realtime-2"
PCM16: Final = realtime.AudioFormat.PCM16
BLOCK_MS: Final = 20
# Blocks that may wait for a slow network before the oldest is dropped.
MAX_BLOCKS: Final = 500
# Silence sent after a file, so that the server detects the end of the last turn.
LAST_SILENCE_MS: Final = 1000
# Called by a sound card for each block: takes the microphone's audio, returns the audio to play.
Callback: TypeAlias = Callable[[bytes], bytes]


class Speaker:
    """Queue of audio for the loudspeaker. `take` is called in the sound card's thread."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._taken = 0
        self._lock = threading.Lock()

    def put(self, audio: bytes) -> None:
        """Append audio."""
        with self._lock:
            self._waiting += audio

    def take(self, nbytes: int) -> bytes:
        """Remove and return `nbytes` from the queue, padded with silence."""
        with self._lock:
            block = bytes(self._waiting[:nbytes])
            del self._waiting[:nbytes]
            self._taken += len(block)
        return block.ljust(nbytes, b"\0")

    def played(self, *, clear: bool = False) -> int:
        """Return how many bytes were played since the last call, without padding."""
        with self._lock:
            taken, self._taken = self._taken, 0
            if clear:
                self._waiting.clear()
        return taken


class Talk:
    """One conversation."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._recorded: asyncio.Queue[bytes] = asyncio.Queue(MAX_BLOCKS)
        self._speaker = Speaker()
        self._playback = Playback(PCM16)
        self._unanswered = 0

    def callback(self, block: bytes) -> bytes:
        """Exchange a block of audio. Called in the sound card's thread; does not block."""
        self._loop.call_soon_threadsafe(self._put, block)
        return self._speaker.take(len(block))

    def _put(self, block: bytes) -> None:
        if self._recorded.full():
            self._recorded.get_nowait()
        self._recorded.put_nowait(block)

    async def end(self, is_last: threading.Event) -> None:
        """Return when the last block was sent and the last response was played."""
        while not is_last.is_set() or self._unanswered or self._playback.is_playing:
            await asyncio.sleep(BLOCK_MS / 1000)
            self._playback.played(nbytes=self._speaker.played())

    async def speak(self) -> None:
        """Send the microphone's audio."""
        session = realtime.create_session_config(
            "gpt-realtime-2",
            instructions="Be brief.",
            format=PCM16,
            transcription=realtime.Transcription(model="whisper-1"),
        )
        await self._send(realtime.SessionUpdate(session=session))
        while True:
            await self._connection.send(realtime.encode_append(await self._recorded.get()), text=True)

    async def listen(self) -> None:
        """Play the model's audio, and stop when the user interrupts."""
        async for frame in self._connection:
            event = realtime.decode_server(frame)
            self._playback.played(nbytes=self._speaker.played())
            to_play = self._playback.feed(event)
            match event:
                case realtime.ResponseOutputAudioDelta(delta=audio) if to_play:
                    self._speaker.put(audio)
                case realtime.InputAudioBufferSpeechStarted():
                    self._unanswered += 1
                    await self._interrupt()
                case realtime.ResponseDone():
                    self._unanswered -= 1
                case realtime.ResponseOutputAudioTranscriptDone(transcript=words):
                    print("model:", words, flush=True)
                case realtime.ConversationItemInputAudioTranscriptionCompleted(transcript=words):
                    print("you:", words, flush=True)
                case realtime.Error(error=error):
                    print("error:", error.message, flush=True)
                case _:
                    pass

    async def _interrupt(self) -> None:
        self._playback.played(nbytes=self._speaker.played(clear=True))
        interruption = self._playback.interrupt()
        truncate, dropped_ms = interruption.truncate, interruption.discarded_ms
        if truncate is not None:
            print(
                f"(interrupted: played {truncate.audio_end_ms} ms, dropped {dropped_ms:.0f} ms)", flush=True
            )
            await self._send(truncate)

    async def _send(self, event: realtime.ClientEvent) -> None:
        # As text: some servers end a session when they receive a binary message.
        await self._connection.send(realtime.encode(event), text=True)


@contextlib.contextmanager
def sound_card(callback: Callback) -> Generator[None]:
    """Use the default microphone and loudspeaker through sounddevice."""
    import sounddevice

    def call(recorded: bytes, play: memoryview, frames: int, times: object, status: object) -> None:
        play[:] = callback(bytes(recorded))

    rate = PCM16.sample_rate
    with sounddevice.RawStream(rate, rate * BLOCK_MS // 1000, channels=1, dtype="int16", callback=call):
        yield


@contextlib.contextmanager
def wav_files(callback: Callback, source: str, target: str, is_last: threading.Event) -> Generator[None]:
    """Use WAV files in place of a sound card: a thread calls back every 20 ms, with silence after the end."""
    speech = read_wav(source).to(PCM16) + PCM16.silence(LAST_SILENCE_MS)
    silence = PCM16.silence(BLOCK_MS)
    stop = threading.Event()

    def run() -> None:
        due = time.monotonic()
        blocks = chunks(speech, PCM16, BLOCK_MS)
        with WavWriter(target, PCM16) as out:
            while not stop.is_set():
                block = next(blocks, None)
                if block is None:
                    is_last.set()
                out.write(callback(bytes(block or b"").ljust(len(silence), b"\0")))
                due += BLOCK_MS / 1000
                stop.wait(max(0.0, due - time.monotonic()))

    thread = threading.Thread(target=run, name="sound card")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


async def main() -> None:
    """Talk until Ctrl-C, the end of the session, or the end of the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--url", default=OPENAI, help="default: %(default)s")
    parser.add_argument("--file", metavar="WAV", help="instead of the microphone")
    parser.add_argument("--out", metavar="WAV", default="out.wav", help="with --file (default: %(default)s)")
    arguments = parser.parse_args()
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    is_last = threading.Event()
    async with connect(arguments.url, additional_headers=headers, max_size=None) as connection:
        talk = Talk(connection)
        card = (
            wav_files(talk.callback, arguments.file, arguments.out, is_last)
            if arguments.file
            else sound_card(talk.callback)
        )
        with card:
            tasks = [asyncio.create_task(work) for work in (talk.speak(), talk.listen(), talk.end(is_last))]
            done, going_on = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in going_on:
                task.cancel()
            for task in done:
                task.result()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
