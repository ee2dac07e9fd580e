"""What one session holds while it lasts, and how it speaks; what client events do to it is elsewhere.

`_input`, `_conversation` and `_responses` have a function for each client event; `loopback` has the
table of them all.
"""

from __future__ import annotations

from ..events import ServerEvent, Unknown
from ..format import AudioFormat
from ._answer import Answer
from ._history import History
from ._limits import Limiter
from ._listen import InputBuffer
from ._settings import Settings
from .script import Player


class Session:
    """The state of one session.

    Attributes:
        settings: as they are told; `history`: the conversation; `input`: what is not committed.
        forced: a format that the session speaks whatever it is asked for.
        answer: the response under way.
        has_spoken: whether the assistant was ever heard.
        next_item_id: of the item that the speech under way will be.
        idle_from_ms: where in the input the caller began to be silent; None where nobody waits.
    """

    def __init__(
        self, settings: Settings, play: Player, limiter: Limiter, *, ptime_ms: float, paced: bool
    ) -> None:
        self.settings = settings
        self.history = History()
        self.input = InputBuffer(AudioFormat.PCM16)
        self.forced: AudioFormat | None = None
        self.answer: Answer | None = None
        self.has_spoken = False
        self.next_item_id = ""
        self.idle_from_ms: float | None = None
        self.play, self.limiter = play, limiter
        self.ptime_ms, self.paced = ptime_ms, paced
        self._serial = 0
        self._out: list[ServerEvent] = []

    def send(self, *events: ServerEvent) -> None:
        """Say `events`, each with an id of its own."""
        for event in events:
            if not isinstance(event, Unknown):
                event.event_id = self.new_id("event")
            self._out.append(event)

    def sent(self) -> list[ServerEvent]:
        """What was said since the last time."""
        sent, self._out = self._out, []
        return sent

    def is_promised(self, item_id: str) -> bool:
        """Whether an item that is still to come has been given this id."""
        outputs = self.answer.outputs if self.answer is not None else ()
        return item_id == self.next_item_id or any(item_id == output.held.id for output in outputs)

    def new_id(self, kind: str) -> str:
        """An id that this session has not given yet, and that no item has brought along."""
        while True:
            self._serial += 1
            found = f"{kind}_{self._serial:08}"
            if found not in self.history:
                return found
