"""What went through a call, in lines: frames, events, audio, time, exactness, what was survived, files.

A turn's audio is the span that the server told; the loopback server sends just that back, so both align
to the sample.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..audio import ulaw_decode
from ._call import Call
from ._dialogue import Turn
from ._peer import peer_text
from ._record import Record
from ._uplink import PHONE


def report(call: Call, record: Record) -> Iterator[str]:
    """The lines to print after a call."""
    yield from _frames(record)
    yield from _audio(call)
    if not call.dialogue.turns:
        yield "turns         none: the server heard no speech in the recording"
    for number, turn in enumerate(call.dialogue.turns, start=1):
        yield f"turn {number:<9}{_exactness(turn)}"
    yield from _survived(call)
    yield from _files(record)


def _frames(record: Record) -> Iterator[str]:
    sent, received = record.counts["client"], record.counts["server"]
    yield f"frames        {sent.total()} to the server, {received.total()} from it"
    for direction, counts in record.counts.items():
        for kind, count in counts.items():
            yield f"  {direction} {count:6} {peer_text(kind)}"


def _audio(call: Call) -> Iterator[str]:
    spoken_s, heard_s = (nbytes / PHONE.bytes_per_second for nbytes in (call.spoken, call.heard))
    formats = dict.fromkeys(fmt.value for fmt in (call.session.format_in, call.session.format_out))
    asked = "" if [*formats] == [call.asked.value] else f", though asked for {call.asked.value}"
    yield (
        f"audio         {spoken_s:.2f} s to the server, {heard_s:.2f} s from it, as "
        f"{' and '.join(formats)}{asked}"
    )
    codec_ms = call.codec_ns / 1e6
    yield f"codec         {codec_ms / spoken_s:.3f} ms for each second of call, decoding and encoding"


def _survived(call: Call) -> Iterator[str]:
    """Nothing, of a call in which nothing went wrong."""
    yield from call.incidents.lines()
    if call.again_ms:
        yield f"sent again    {call.again_ms:.0f} ms of the caller's audio"
    if call.uplink.lost:
        yield f"lost          {PHONE.duration_ms(call.uplink.lost):.0f} ms of the caller's audio"
    if unreported := (call.usage + call.session.usage).unreported:
        yield f"usage         not told of {unreported} responses and transcriptions"
    if call.untold:
        yield f"transcripts   {call.untold} of the caller's turns did not come"


def _files(record: Record) -> Iterator[str]:
    for name in ("caller.wav", "agent.wav", "session.jsonl"):
        path = record.out / name
        yield f"{name:<14}{path} ({path.stat().st_size} bytes)"


def _exactness(turn: Turn) -> str:
    answer = turn.answer
    if answer is None or not answer.is_over:
        return "no answer of its own"
    again = f"; after {len_s:.2f} s of a try that broke off" if (len_s := _seconds(answer.earlier)) else ""
    heard = bytes(answer.heard)
    if answer.is_interrupted:
        return (
            f"the answer was interrupted by the caller's next turn, after {_seconds(len(heard)):.2f} s{again}"
        )
    is_comparable = turn.format is answer.format and len(turn.sent) == len(answer.audio)
    if not is_comparable or len(turn.spoken) != len(heard):
        return f"the answer is not the caller's audio{again}"
    session = "equal bytes" if turn.sent == answer.audio else "other bytes"
    phone = "equal bytes" if turn.spoken == heard else f"SNR {snr_db(turn.spoken, heard):.1f} dB"
    seconds = f"{_seconds(len(turn.spoken)):.2f} s"
    return f"{seconds}; in the session, {turn.format.value}: {session}; as 8 kHz mu-law: {phone}{again}"


def _seconds(nbytes: int) -> float:
    return nbytes / PHONE.bytes_per_second


def snr_db(original: bytes, copy: bytes) -> float:
    """The signal-to-noise ratio of a mu-law copy of equal length.

    Infinite for an exact copy; minus infinity where there was silence, and is none in the copy.
    """
    wanted = ulaw_decode(original).astype(np.float64)
    noise = ulaw_decode(copy).astype(np.float64) - wanted
    wanted_energy, noise_energy = float(wanted @ wanted), float(noise @ noise)
    if not noise_energy:
        return math.inf
    return 10 * math.log10(wanted_energy / noise_energy) if wanted_energy else -math.inf
