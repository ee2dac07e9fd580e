"""The report of the demo's call: each turn compared with its answer, byte by byte, from the log of its frames."""

from __future__ import annotations

import math
import shlex
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np

from .. import events as ga
from .._text import duration, escape_controls, one_line, plural
from ..audio import ulaw_decode
from ..codec import decode_client, decode_server, encode
from ..errors import DecodeError
from ..format import AudioFormat, session_format
from ..recording import Entry, read_log
from .demo_call import CallerTurn, DemoCall
from .demo_record import FILES, PHONE
from .text import MAX_MESSAGE_CHARS, format_nbytes

# A hostile server can send any number of event types.
MAX_TYPES: Final = 200


class CallLog:
    """The frames of a call, as its log has them.

    Attributes:
        counts: the number of frames by direction and type.
        codec_s: the time that decoding the server's frames and encoding the client's takes.
        turn_audio: the caller's turns by item, as the server received them, each with its format.
    """

    def __init__(self, path: Path) -> None:
        self.counts: dict[str, Counter[str]] = {"client": Counter(), "server": Counter()}
        self.codec_s = 0.0
        self.turn_audio: dict[str, tuple[AudioFormat, bytes]] = {}
        self._format = AudioFormat.PCM16
        self._appended = bytearray()  # in this session
        self._starts: dict[str, int] = {}
        self._commits: list[slice] = []  # that are not answered
        self._committed_to = 0
        decode_server(encode(ga.InputAudioBufferCleared()))  # the decoder is made at its first use
        for entry in read_log(path):
            if isinstance(entry, Entry):
                self._read(entry)

    def _read(self, entry: Entry) -> None:
        kind = "(undecodable)"
        try:
            if entry.direction == "server":
                begin = time.perf_counter()
                event: Any = decode_server(entry.frame)
            else:
                event = decode_client(entry.frame)
                begin = time.perf_counter()
                encode(event)
            self.codec_s += time.perf_counter() - begin
            kind = event.type
            self._feed(event)
        except DecodeError:
            pass
        counts = self.counts[entry.direction]
        counts[kind if kind in counts or len(counts) < MAX_TYPES else "(others)"] += 1

    def _feed(self, event: Any) -> None:
        match event:
            case ga.InputAudioBufferAppend(audio=audio):
                self._appended += audio
            case ga.SessionCreated():
                self._appended.clear()
                self._commits.clear()
                self._committed_to = 0
            case ga.SessionUpdated(session=settings):
                self._format = session_format(settings, "input") or AudioFormat.PCM16
            case ga.ConversationItemCreate(
                item=ga.MessageItem(id=str(item_id), content=[ga.InputAudio(audio=bytes(audio))])
            ):
                self.turn_audio[item_id] = self._format, audio
            case ga.InputAudioBufferSpeechStarted(item_id=item_id, audio_start_ms=ms):
                self._starts[item_id] = ms
            case ga.InputAudioBufferSpeechStopped(item_id=item_id, audio_end_ms=ms):
                self._store(item_id, slice(self._nbytes(self._starts.get(item_id, 0)), self._nbytes(ms)))
            case ga.InputAudioBufferClear():
                self._committed_to = len(self._appended)
            case ga.InputAudioBufferCommit():
                self._commits.append(slice(self._committed_to, len(self._appended)))
                self._committed_to = len(self._appended)
            case ga.InputAudioBufferCommitted(item_id=item_id) if self._commits:
                self._store(item_id, self._commits.pop(0))
            case ga.Error(error=ga.ErrorDetail(code="input_audio_buffer_commit_empty")) if self._commits:
                self._commits.pop(0)
            case _:
                pass

    def _nbytes(self, ms: int) -> int:
        return max(0, ms) * self._format.bytes_per_second // 1000

    def _store(self, item_id: str, span: slice) -> None:
        self.turn_audio[item_id] = self._format, bytes(self._appended[span])


def report_lines(call: DemoCall, requested: AudioFormat, *, is_verbose: bool = False) -> Iterator[str]:
    """Yield the lines to print after a call whose files are closed."""
    out = call.record.out
    log = CallLog(out / FILES[-1])
    sent, received = log.counts["client"], log.counts["server"]
    yield f"frames        {sent.total()} sent, {received.total()} received"
    if is_verbose:
        for direction, counts in log.counts.items():
            for kind, count in counts.items():
                yield f"  {direction} {count:6} {one_line(kind, MAX_MESSAGE_CHARS)}"
    sent_s, received_s = _seconds(call.sent_nbytes), _seconds(call.received_nbytes)
    formats = [*dict.fromkeys(format.encoding for format in call.formats)]
    note = "" if formats == [requested.encoding] else f", but {requested.encoding} was requested"
    yield f"audio         {sent_s:.2f} s sent, {received_s:.2f} s received, as {' and '.join(formats)}{note}"
    yield f"codec         {log.codec_s * 1000 / sent_s:.3f} ms of encoding and decoding per second of audio"
    if not call.turns:
        yield "turns         none: the server detected no speech"
    for number, turn in enumerate(call.turns, start=1):
        yield f"turn {number:<9}{_compare(call, log, turn)}"
    yield from _problems(call)
    yield from _next_steps(out)


def _compare(call: DemoCall, log: CallLog, turn: CallerTurn) -> str:
    """Compare a turn with its answer: the loopback server sends the committed audio back, to the sample."""
    answer = turn.answer
    if answer is None or not answer.is_done:
        return "no answer of its own"
    earlier_s = _seconds(answer.earlier_nbytes)
    restarted = f"; restarted after {earlier_s:.2f} s" if earlier_s else ""
    phone, received = bytes(call.sent[turn.start : turn.end]), bytes(answer.phone_audio)
    if answer.is_interrupted:
        seconds = _seconds(len(received))
        return f"answer interrupted by the caller's next turn, after {seconds:.2f} s{restarted}"
    format, sent = log.turn_audio.get(turn.item_id, (PHONE, b""))
    if format is not answer.format or len(sent) != len(answer.audio) or len(phone) != len(received):
        return f"the answer differs from the caller's audio{restarted}"
    in_session = "equal bytes" if sent == answer.audio else "different bytes"
    on_phone = "equal bytes" if phone == received else f"SNR {snr_db(phone, received):.1f} dB"
    seconds = _seconds(len(phone))
    return f"{seconds:.2f} s came back; {format.encoding}: {in_session}; 8 kHz mu-law: {on_phone}{restarted}"


def _problems(call: DemoCall) -> Iterator[str]:
    yield from call.incidents.lines()
    if call.resent_ms:
        yield f"sent again    {duration(call.resent_ms)} of the caller's audio"
    if call.lost_ms:
        yield f"lost          {duration(call.lost_ms)} of the caller's audio"
    if call.unreported:
        yield f"usage         not reported for {call.unreported} responses and transcriptions"
    if call.missing_transcripts:
        yield f"transcripts   missing for {plural(call.missing_transcripts, 'turn')}"


def _next_steps(out: Path) -> Iterator[str]:
    sizes = (f"{name} ({format_nbytes((out / name).stat().st_size)})" for name in FILES)
    yield f"files         {escape_controls(str(out))}: {', '.join(sizes)}"
    _, agent, log = (escape_controls(shlex.quote(str(out / name))) for name in FILES)
    yield f"listen to {agent}, then: {_python()} -m realtime inspect {log} --html call.html"


def _python() -> str:
    """Return the command of this interpreter: its relative path in an environment below this folder."""
    executable, here = Path(sys.executable), Path.cwd()
    return shlex.quote(str(executable.relative_to(here))) if executable.is_relative_to(here) else "python"


def _seconds(nbytes: int) -> float:
    return nbytes / PHONE.bytes_per_second


def snr_db(original: bytes, copy: bytes) -> float:
    """Return the signal-to-noise ratio of a mu-law copy of equal length, in dB.

    Infinite for an exact copy; minus infinity if the original is silent and the copy is not.
    """
    wanted = ulaw_decode(original).astype(np.float64)
    noise = ulaw_decode(copy).astype(np.float64) - wanted
    # Not `wanted @ wanted`, which wakes BLAS threads (docs/audio.md).
    wanted_energy, noise_energy = float(np.square(wanted).sum()), float(np.square(noise).sum())
    if not noise_energy:
        return math.inf
    return 10 * math.log10(wanted_energy / noise_energy) if wanted_energy else -math.inf
