"""One call as its log goes on: the session, the user's turns, the responses, the money.

Each of these has a file; here they are held together. `_events` says what each event does to them,
`_hot` what audio and pieces of text do.
"""

from __future__ import annotations

from typing import Any

from ..recording._sound import Coding
from ..state._once import Once
from ._clock import InputClock
from ._kept import Kept, code_of, message_of, name_of
from ._money import Money, Price
from ._parts import Live, Part
from ._responses import Responses
from ._runs import Runs
from ._session import Sessions, ms_per_byte
from ._turns import Turns
from .report import ErrorReport


class Call:
    """What follows one log.

    Attributes: the parts; `echoes`, how many messages without an id the client has sent that the server
    has not told yet; `seen`, ids of the user's messages; `parts`, by the heads of their deltas.
    """

    def __init__(self, model: Price | None, transcription_model: Price | None, gap_ms: float) -> None:
        self.kept = Kept()
        self.report = self.kept.report
        self.money = Money(self.kept, model, transcription_model)
        self.sessions = Sessions(self.kept)
        self.clock = InputClock()
        self.clock.ms_per_byte = ms_per_byte(self.sessions.input)
        self.turns = Turns(self.kept, self.clock)
        self.responses = Responses(self.kept, gap_ms)
        self.runs = Runs(self.kept, self.turns, self.responses)
        self.echoes, self.seen = 0, Once()
        self.parts: dict[bytes, Part] = {}

    def session(
        self, kind: str, told: dict[str, Any], time_ms: float, *, begins: bool, by_server: bool
    ) -> None:
        """A session's object, from either side; `begins` where it is the first of a connection."""
        if begins and self.sessions.is_another(told):
            self._ends()
            self.sessions.begin(time_ms)
        self.sessions.told(kind, told, by_server=by_server)
        self.clock.ms_per_byte = ms_per_byte(self.sessions.input)

    def _ends(self) -> None:
        self.speaks()
        self.clock.begin()
        self.responses.forget()
        self.turns.forget()
        self.runs.forget()
        self.parts.clear()
        self.echoes = 0

    def speaks(self) -> None:
        """Count what the session was sent, where no server counts it."""
        if self.sessions.now.dialect == "translation":
            self.money.translates(self.sessions.now, self.clock)

    def begin(self, id: str | None, created_ms: float | None, time_ms: float, coding: Coding) -> Live:
        """A response begins."""
        live = self.turns.answer(id, created_ms, ms_per_byte(coding), time_ms)
        self.responses.begin(live)
        self.parts.clear()
        return live

    def live(self, id: object, time_ms: float) -> Live:
        """The response of this id; one whose beginning is not in the log begins here."""
        name = name_of(id)
        found = self.responses.latest if name is None else self.responses.get(name)
        return self.begin(name, None, time_ms, self.sessions.output) if found is None else found

    def error(self, source: Any, error: Any, time_ms: float) -> None:
        """Something went wrong: `error` has a code, a type and a message, as far as they are told."""
        code, kind = code_of(getattr(error, "code", None)), code_of(getattr(error, "type", None))
        event_id = getattr(error, "event_id", None) or getattr(error, "client_event_id", None)
        self.report.error_count += 1
        self.kept.tally("error_codes", code or kind or source)
        found = ErrorReport(
            at_ms=time_ms, source=source, code=code, type=kind,
            message=message_of(getattr(error, "message", None)), event_id=name_of(event_id),
        )  # fmt: skip
        self.kept.add("errors", found)

    def settle(self) -> None:
        """Put what is under way into the report, as far as it came."""
        self.responses.settle()
        self.turns.settle()
        self.runs.settle()
        self.speaks()
        self.money.tell()
