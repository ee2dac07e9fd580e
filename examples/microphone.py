"""Talk to the model: microphone and loudspeaker on a 24 kHz session, with barge-in.

Shows a sound card's callback thread beside `realtime.client`: blocks of 20 ms are sent as they are recorded, the model's
audio waits in a buffer that the callback empties, and the session gets the number of bytes that were played. When
the user speaks, the buffer is cleared, and the client reports to the model what was played.

Against OpenAI: set OPENAI_API_KEY and run ``python examples/microphone.py``; use headphones. Without an account, or a
sound card, against ``python -m realtime serve --port 8123``, with a WAV file in real time::

    python examples/microphone.py --url ws://127.0.0.1:8123/v1/realtime --file in.wav --out out.wav

Needs websockets, and sounddevice where there is no --file: pip install 'realtime-codec[client]' sounddevice.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Generator
from typing import Final, TypeAlias

import realtime
from realtime.audio import WavWriter, chunks, read_wav
from realtime.client import ClientError, Interrupted, Reconnecting, ResponseOutcome, Session, connect

OPENAI: Final = "wss://api.openai.com/v1/realtime"
PCM16: Final = realtime.AudioFormat.PCM16
SETTINGS: Final = realtime.create_session_config(
    "gpt-realtime-2",
    instructions="Be brief.",
    format=PCM16,
    transcription=realtime.Transcription(model="whisper-1"),
)
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
        self._lock = threading.Lock()

    def put(self, audio: bytes) -> None:
        """Append audio."""
        with self._lock:
            self._waiting += audio

    def take(self, nbytes: int) -> bytes:
        """Remove and return at most `nbytes` from the queue."""
        with self._lock:
            block = bytes(self._waiting[:nbytes])
            del self._waiting[:nbytes]
        return block

    def clear(self) -> None:
        """Drop what waits."""
        with self._lock:
            self._waiting.clear()


class Talk:
    """One conversation."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._recorded: asyncio.Queue[bytes] = asyncio.Queue(MAX_BLOCKS)
        self._speaker = Speaker()
        self._unanswered = 0

    def callback(self, block: bytes) -> bytes:
        """Exchange a block of audio. Called in the sound card's thread; does not block."""
        played = self._speaker.take(len(block))
        self._loop.call_soon_threadsafe(self._put, block, len(played))
        return played.ljust(len(block), b"\0")

    def _put(self, block: bytes, played_nbytes: int) -> None:
        self._session.played(nbytes=played_nbytes)
        if self._recorded.full():
            self._recorded.get_nowait()
        self._recorded.put_nowait(block)

    async def end(self, is_last: threading.Event) -> None:
        """Return when the last block was sent and the last response was played."""
        while not is_last.is_set() or self._unanswered or self._session.protocol.queued_ms:
            await asyncio.sleep(BLOCK_MS / 1000)

    async def speak(self) -> None:
        """Send the microphone's audio."""
        while True:
            await self._session.append(await self._recorded.get())

    async def listen(self) -> None:
        """Play the model's audio, and stop when the user interrupts."""
        async for event in self._session:
            match event:
                case realtime.ResponseOutputAudioDelta(delta=audio):
                    self._speaker.put(audio)
                case realtime.InputAudioBufferSpeechStarted():
                    self._unanswered += 1
                case Interrupted(interruption=interruption):
                    self._speaker.clear()
                    if (truncate := interruption.truncate) is not None:
                        heard, dropped_ms = truncate.audio_end_ms, interruption.discarded_ms
                        print(f"(interrupted: played {heard} ms, dropped {dropped_ms:.0f} ms)", flush=True)
                case Reconnecting(reason=reason, interruption=interruption):
                    print(f"({reason})", flush=True)
                    if interruption is not None:  # the answer begins again
                        self._speaker.clear()
                case ResponseOutcome():
                    self._unanswered -= 1
                case realtime.ResponseOutputAudioTranscriptDone(transcript=words):
                    print("model:", words, flush=True)
                case realtime.ConversationItemInputAudioTranscriptionCompleted(transcript=words):
                    print("you:", words, flush=True)
                case realtime.Error(error=error):
                    print("error:", error.message, flush=True)
                case _:
                    pass


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
    is_last = threading.Event()
    async with connect(url=arguments.url, session=SETTINGS, api_key=key, reports_playback=True) as session:
        talk = Talk(session)
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
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        pass
    except ClientError as error:
        sys.exit(f"the session ended: {error}")
