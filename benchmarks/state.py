"""realtime.state: the cost of feeding one event."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

import msgspec

import realtime
from realtime import state

from . import inputs
from .common import Calls, Timed


def _anonymous(frame: bytes) -> Any:
    """Return the event without its id: a repeated event is ignored at once, one without an id is new each time."""
    event: Any = realtime.decode_server(frame)
    return msgspec.structs.replace(event, event_id=None)


EVENTS: dict[str, Any] = {
    "text delta": _anonymous(inputs.TEXT_DELTA),
    "audio delta": _anonymous(inputs.audio_delta(9_600)),
    "response.done": _anonymous(inputs.RESPONSE_DONE),
}

FEEDS: dict[str, Callable[[Any], object]] = {
    "Usage": state.Usage().feed,
    "FunctionCalls": state.FunctionCalls().feed,
    "Conversation": state.Conversation(audio="drop").feed,
    "Playback": state.Playback().feed,
    "summary": state.summary,
}


class Feed(Timed):
    """One event fed to each object."""

    params = (list(FEEDS), list(EVENTS))
    param_names = ("to", "event")
    calls: ClassVar[Calls] = {
        (name, event): partial(feed, value) for name, feed in FEEDS.items() for event, value in EVENTS.items()
    }

    def time_feed(self, to: str, event: str) -> None:
        self.calls[to, event]()
