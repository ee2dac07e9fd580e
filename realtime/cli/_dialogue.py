"""The turns of a call and their answers, across all its sessions: which answer belongs to which turn.

Answers come in the order of the turns; one that broke off with its session is begun again.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..format import AudioFormat


@dataclass(slots=True, eq=False)
class Answer:
    """A response: its audio as it came, and as the phone hears it; `words` is its transcript.

    Attributes:
        format: of `audio`; `item_id`, of the message that speaks.
        is_whole: whether all its audio came; `is_over`, whether its response is done.
        is_interrupted: whether the caller's next turn ended it.
        earlier: how many bytes the phone heard of tries that broke off.
    """

    format: AudioFormat = AudioFormat.PCM16
    audio: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    words: str = ""
    response_id: str = ""
    item_id: str = ""
    is_whole: bool = False
    is_over: bool = False
    is_interrupted: bool = False
    earlier: int = 0

    def begin(self, response_id: str, fmt: AudioFormat) -> None:
        """A response begins that is to be this answer."""
        self.earlier += len(self.heard)
        self.audio, self.heard = bytearray(), bytearray()
        self.response_id, self.format, self.item_id, self.words = response_id, fmt, "", ""
        self.is_whole = self.is_interrupted = False


@dataclass(slots=True, eq=False)
class Turn:
    """A turn of the caller: from `start` to `end`, positions in all that was said.

    Attributes:
        item_id: of the message that it is; `sent`, its audio in the session's `format`.
        spoken: the same as the phone said it.
        is_taken: whether it has ended; `is_given_up`, whether it gets no answer of its own.
    """

    start: int
    end: int = 0
    item_id: str = ""
    format: AudioFormat = AudioFormat.PCM16
    sent: bytes = b""
    spoken: bytes = b""
    is_taken: bool = False
    is_given_up: bool = False
    answer: Answer | None = None

    @property
    def is_answered(self) -> bool:
        """Whether it has had an answer."""
        return self.answer is not None and self.answer.is_over

    @property
    def is_owed(self) -> bool:
        """Whether it still waits for an answer or for the rest of one."""
        return self.is_taken and not self.is_given_up and not self.is_answered


class Dialogue:
    """All turns and answers, in order.

    Attributes: `turns`; `answers`, those of turns and those that nobody asked for; `under_way`, the one
    that is being said.
    """

    def __init__(self) -> None:
        self.turns: list[Turn] = []
        self.answers: list[Answer] = []
        self.under_way: Answer | None = None

    @property
    def owed(self) -> list[Turn]:
        """The turns that wait for an answer."""
        return [turn for turn in self.turns if turn.is_owed]

    @property
    def speaking(self) -> Turn | None:
        """The turn that is being said."""
        return self.turns[-1] if self.turns and not self.turns[-1].is_taken else None

    def start(self, start: int) -> Turn:
        """The caller begins to speak."""
        turn = self.speaking
        if turn is None:
            turn = Turn(start)
            self.turns.append(turn)
        turn.start = start
        return turn

    def answer(self, response_id: str, fmt: AudioFormat) -> Answer:
        """A response begins: the answer to the oldest turn that waits for one."""
        if self.under_way is not None:
            self.under_way.is_over = True  # its end was lost: a session has one response at a time
        turn = next(iter(self.owed), None)
        answer = turn.answer if turn is not None else None
        if answer is None:
            answer = Answer()
            self.answers.append(answer)
        if turn is not None:
            turn.answer = answer
        answer.begin(response_id, fmt)
        self.under_way = answer
        return answer

    def over(self, answer: Answer) -> None:
        """Its response is done."""
        answer.is_over = True
        if self.under_way is answer:
            self.under_way = None

    def session_ended(self) -> list[Turn]:
        """The turns whose answers did not end; of those that still wait only the last is asked for again."""
        if self.speaking is not None:
            self.turns.pop()  # it is said again
        unanswered = self.owed
        if self.under_way is not None and (self.under_way.is_whole or not unanswered):
            self.under_way.is_over = True
        self.under_way = None
        for turn in self.owed[:-1]:
            turn.is_given_up = True
        return unanswered
