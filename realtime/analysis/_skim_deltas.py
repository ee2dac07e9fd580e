"""Deltas of audio and text, taken where they stand in a log's blocks, so that no entry is made of them.

A delta like one before it (the same response's, of the same type, its members in the same order) differs
from it in the time, the event's id and what it brings. Where those lie is found with a few looks at the
line. Every other delta is left to its type's reader (`_hot`), or to be read as a line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from ..recording.log import FRAME_KEY, HEADS, KEY_WITHIN, time_of
from ._call import Call
from ._hot import AUDIO, GLANCES, HEAD_BYTES, TEXT, Hot, heads
from ._kept import Tally
from ._parts import Part

_HEAD: Final = HEADS["server"]
_TIME_AT: Final = len(_HEAD)
_TAIL: Final = b'"}}'
# Of base64; less is no sound.
_LEAST_CHARS: Final = 4
_EQUALS, _CLOSE = ord("="), ord("}")
_LEADS: Final = {kind: FRAME_KEY + heads(kind)[0] for kind in (*AUDIO, *TEXT)}
# So much of what comes behind the time tells the types apart.
_LEAD_BYTES: Final = min(map(len, _LEADS.values()))
_AUDIO: Final = frozenset(AUDIO)


class _Known:
    """Deltas of a type: what their lines have behind the time, and whose the last one was by its members."""

    __slots__ = ("is_audio", "lead", "members", "part", "skip", "tally")

    def __init__(self, tally: Tally) -> None:
        self.tally, self.is_audio = tally, tally.kind in _AUDIO
        self.lead = _LEADS[tally.kind]
        self.skip = len(self.lead)
        self.members = b""
        self.part: Part | None = None


class DeltaRuns:
    """Takes deltas out of a block: called with where a server's line begins, it says where they end.

    Attributes: `last_ms`, the latest time of a line that was taken.
    """

    def __init__(self, call: Call, lane: Mapping[bytes, tuple[Tally, Hot]]) -> None:
        self._call, self._lane = call, lane
        self._known: dict[bytes, _Known] = {}
        self.last_ms = 0.0

    def __call__(self, block: bytes, start: int, end: int) -> tuple[int, int] | None:
        """Where the lines end that were taken, and how many these were; None for none."""
        at = block.find(FRAME_KEY, start + _TIME_AT, start + KEY_WITHIN)
        if at < 0:
            return None
        if block[at : at + _LEAD_BYTES] in self._known:
            return self._run(block, start, end, at - start) or self._line(block, start, end, at)
        return self._line(block, start, end, at)

    def _run(self, block: bytes, start: int, end: int, time_end: int) -> tuple[int, int] | None:
        """The deltas from here on that are like the last of their types, and whose times are as long as the first's.

        All in one function, for speed alone (benchmark `analysis.Inspect`).
        """
        known_as, part_of, sound = self._known.get, self._call.parts.get, self._call.responses.sound
        last_ms, count = self.last_ms, 0
        while True:
            at = start + time_end
            known = known_as(block[at : at + _LEAD_BYTES])
            if known is None:
                break
            id_at, within = at + known.skip, at + len(FRAME_KEY) + HEAD_BYTES
            id_end = block.find(b'"', id_at, within)
            members, part = known.members, known.part
            if part is None or part_of(members) is not part:
                break
            if not (block.startswith(members, id_end) and block.startswith(known.lead, at)):
                break
            value, stop = id_end + len(members), end - len(_TAIL)
            if value > stop or value > within or block[stop:end] != _TAIL:
                break
            time_ms = time_of(block[start + _TIME_AT : at])
            if time_ms < 0:
                break
            if known.is_audio:
                if stop - value < _LEAST_CHARS or block.find(b'"', value, stop) >= 0:
                    break
                if block.find(b"\\", value, stop) >= 0:
                    break
                nbytes = (stop - value) // 4 * 3
                if block[stop - 1] == _EQUALS:
                    nbytes -= 1 + (block[stop - 2] == _EQUALS)
                sound(part, nbytes, time_ms)
            else:
                part.live.words(part, block[at + len(FRAME_KEY) : end - 1], time_ms)
            tally = known.tally
            tally.frames += 1
            tally.nbytes += end - 1 - at - len(FRAME_KEY)
            if time_ms > last_ms:
                last_ms = time_ms
            count += 1
            start = end + 1
            end = block.find(b"\n", start)
            if end < 0 or not block.startswith(_HEAD, start):
                break
        self.last_ms = last_ms
        return (start, count) if count else None

    def _line(self, block: bytes, start: int, end: int, key: int) -> tuple[int, int] | None:
        """One, by the reader of the frames that begin as it does."""
        frame, stop = key + len(FRAME_KEY), end - 1
        first, second = GLANCES
        known = self._lane.get(block[frame : frame + first]) or self._lane.get(block[frame : frame + second])
        if known is None or block[stop] != _CLOSE or block[stop - 1] != _CLOSE:
            return None
        time_ms = time_of(block[start + _TIME_AT : key])
        tally, read = known
        if time_ms < 0 or not read(block, frame, stop, time_ms):
            return None
        tally.frames += 1
        tally.nbytes += stop - frame
        self.last_ms = max(self.last_ms, time_ms)
        self._learn(tally, block, key, stop)
        return end + 1, 1

    def _learn(self, tally: Tally, block: bytes, key: int, stop: int) -> None:
        """What comes next may be alike."""
        lead = _LEADS.get(tally.kind)
        if lead is None or not block.startswith(lead, key):
            return
        known = self._known.get(lead[:_LEAD_BYTES])
        if known is None:
            known = self._known[lead[:_LEAD_BYTES]] = _Known(tally)
        id_end = block.find(b'"', key + len(lead), stop)
        value = block.find(b'"delta":"', id_end, stop) + len(b'"delta":"')
        known.members = block[id_end:value]
        known.part = self._call.parts.get(known.members)
