"""`PlaybackTracker`: `realtime.state.Playback` as a playback tracker of openai-agents.

Needs openai-agents. Written for 0.24 (2026-11-29).
"""

from __future__ import annotations

from agents.realtime import RealtimePlaybackState, RealtimePlaybackTracker

from ..state import Playback


class PlaybackTracker(RealtimePlaybackTracker):
    """The position of `playback` as a session of openai-agents asks for it: give it as `playback_tracker`.

    The application queues the audio of the session's `audio` events, `playback.received(item_id, nbytes,
    content_index)`, and reports what was played, by samples or by a carrier's marks.
    An interruption empties `playback`, so audio that arrives late is dropped.
    """

    def __init__(self, playback: Playback) -> None:
        super().__init__()
        self.playback = playback

    def get_state(self) -> RealtimePlaybackState:
        """Return the position, for the session."""
        item_id, content_index, played_ms = self.playback.position or (None, None, None)
        return {
            "current_item_id": item_id,
            "current_item_content_index": content_index,
            "elapsed_ms": played_ms,
        }

    def on_interrupted(self) -> None:
        """Empty `playback`: the session has truncated the item."""
        self.playback.interrupt()

    def on_play_ms(self, item_id: str, item_content_index: int, ms: float) -> None:
        """Report that `ms` milliseconds were played, in the way of openai-agents."""
        self.playback.played(ms=ms)

    def on_play_bytes(self, item_id: str, item_content_index: int, bytes: bytes) -> None:
        """Report that `bytes` were played, in the way of openai-agents."""
        self.playback.played(nbytes=len(bytes))
