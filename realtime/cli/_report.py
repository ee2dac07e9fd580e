"""What went through a call, in lines: frames, events, audio, time, exactness, files.

Turns and answers belong together in their order. A turn's audio is the span that the
server told; the loopback server sends just that back, so both align to the sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..audio import ulaw_decode
from ._call import PHONE, Answer, Call, Turn
from ._record import Record


def report(call: Call, record: Record) -> Iterator[str]:
    """The lines to print after a call."""
    yield from _frames(record)
    yield from _audio(call)
    if not call.turns:
        yield "turns         none: the server heard no speech in the recording"
    for number, (turn, answer) in enumerate(zip(call.turns, call.answers, strict=False), start=1):
        yield f"turn {number:<9}{_exactness(call, turn, answer)}"
    yield from _files(record)


def _frames(record: Record) -> Iterator[str]:
    sent, received = record.counts["client"], record.counts["server"]
    yield f"frames        {sent.total()} to the server, {received.total()} from it"
    for direction, counts in record.counts.items():
        for kind, count in counts.items():
            yield f"  {direction} {count:6} {kind}"


def _audio(call: Call) -> Iterator[str]:
    spoken_s = PHONE.duration_ms(len(call.spoken)) / 1000
    heard_s = sum(PHONE.duration_ms(len(answer.heard)) for answer in call.answers) / 1000
    yield f"audio         {spoken_s:.2f} s to the server, {heard_s:.2f} s from it, as {call.format.value}"
    codec_ms = call.codec_ns / 1e6
    yield f"codec         {codec_ms / spoken_s:.3f} ms for each second of call, decoding and encoding"


def _files(record: Record) -> Iterator[str]:
    for name in ("caller.wav", "agent.wav", "session.jsonl"):
        path = record.out / name
        yield f"{name:<14}{path} ({path.stat().st_size} bytes)"


def _exactness(call: Call, turn: Turn, answer: Answer) -> str:
    sent = _span(call.sent, turn, call.format.bytes_per_second)
    spoken = _span(call.spoken, turn, PHONE.bytes_per_second)
    if len(sent) != len(answer.audio):
        return "the answer is not the caller's audio"
    session = "equal bytes" if sent == answer.audio else "other bytes"
    heard = bytes(answer.heard)
    phone = "equal bytes" if spoken == heard else f"SNR {snr_db(spoken, heard):.1f} dB"
    seconds = len(spoken) / PHONE.sample_rate
    return f"{seconds:.2f} s; in the session, {call.format.value}: {session}; as 8 kHz mu-law: {phone}"


def _span(audio: bytearray, turn: Turn, bytes_per_second: int) -> bytes:
    start, end = (ms * bytes_per_second // 1000 for ms in (turn.start_ms, turn.end_ms))
    return bytes(audio[start:end])


def snr_db(original: bytes, copy: bytes) -> float:
    """The signal-to-noise ratio of a mu-law copy of equal length; infinite for an exact one."""
    wanted = ulaw_decode(original).astype(np.float64)
    noise = ulaw_decode(copy).astype(np.float64) - wanted
    noise_energy = float(noise @ noise)
    return 10 * math.log10(float(wanted @ wanted) / noise_energy) if noise_energy else math.inf
