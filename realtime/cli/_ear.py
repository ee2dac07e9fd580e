"""Where the caller's turns end, for a client that commits by hand: by energy, as server VAD finds them."""

from __future__ import annotations

from typing import Final

from ..audio import rms_dbfs, ulaw_decode
from ..build import VAD_SILENCE_DURATION_MS, VAD_THRESHOLD
from ..testing._listen import ONSET_MS, threshold_dbfs

LOUD_DBFS: Final = threshold_dbfs(VAD_THRESHOLD)


class Ear:
    """Hears mu-law frames of `ptime_ms`. `is_turn_over` stays true until the turn is `taken`."""

    def __init__(self, ptime_ms: int) -> None:
        self._ptime_ms = ptime_ms
        self._loud_ms = self._quiet_ms = 0
        self._speaking = False
        self.is_turn_over = False

    def hear(self, frame: bytes) -> None:
        """The next frame."""
        loud = rms_dbfs(ulaw_decode(frame)) > LOUD_DBFS
        self._loud_ms = self._loud_ms + self._ptime_ms if loud else 0
        self._quiet_ms = 0 if loud else self._quiet_ms + self._ptime_ms
        if self._loud_ms >= ONSET_MS:
            self._speaking = True
        elif self._speaking and self._quiet_ms >= VAD_SILENCE_DURATION_MS:
            self._speaking, self.is_turn_over = False, True

    def taken(self) -> None:
        """What was heard so far is a turn."""
        self.is_turn_over = False
