"""What a cut does to the assistant's track, for all who lay a call's audio."""

from __future__ import annotations

from ._sound import Cut
from ._track import Track


def cut_short(track: Track, cut: Cut, at: int) -> None:
    """Silence what was not heard, told of at position `at`."""
    if cut.item is not None and cut.end_ms is not None:
        track.cut_item(cut.item, cut.end_ms, at)
    else:
        track.cut_response(cut.response, at)
