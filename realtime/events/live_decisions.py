"""The Decisions API in a Live session: questions, and the answers to them.

Questions stand in the settings of a delegation or of a trigger, answers in `DecisionEvent`; both are in `live`. The items
that decisions read are in `live_items`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from .base import Maybe, Unknown
from .live_backend import BackendStruct, TaggedBackendStruct
from .live_items import InputPart

__all__ = [
    "Answer", "AnyAnswer", "AnyDecisionEvent", "AnyQuestion", "ChoiceAnswer", "ChoiceOption",
    "ChoiceProbability", "ChoiceQuestion", "Decision", "DecisionCompleted",
    "DecisionInputDetails", "DecisionOutputDetails", "DecisionUsage", "DecisionsConfig",
    "InnerDecisionEvent", "KnownAnswer", "KnownQuestion", "PredicateAnswer", "PredicateQuestion",
    "Question", "RefusalAnswer", "ScoreAnswer", "ScoreLevel", "ScoreProbability", "ScoreQuestion",
    "TriggerDecisions", "UnknownAnswer", "UnknownDecisionEvent", "UnknownQuestion",
]  # fmt: skip


class UnknownQuestion(Unknown):
    """A question of a type that this version does not know."""

    __slots__ = ()


class UnknownAnswer(Unknown):
    """An answer of a type that this version does not know."""

    __slots__ = ()


class UnknownDecisionEvent(Unknown):
    """An event of the Decisions API, of a type that this version does not know."""

    __slots__ = ()


# --- Questions -----------------------------------------------------------------------


class AnyQuestion(TaggedBackendStruct, kw_only=True):
    """The family of questions. `name` is repeated by the answer."""

    unknown = UnknownQuestion

    name: Maybe[str] = UNSET
    instructions: str | list[InputPart]


class PredicateQuestion(AnyQuestion, tag="predicate", kw_only=True):
    """A question that is answered by the probability that it is true."""


class ChoiceOption(BackendStruct, kw_only=True):
    """An answer that a `ChoiceQuestion` allows."""

    value: str | bool
    description: Maybe[str] = UNSET


class ChoiceQuestion(AnyQuestion, tag="choice", kw_only=True):
    """A question that is answered by one of several values."""

    choices: list[ChoiceOption]


class ScoreLevel(BackendStruct, kw_only=True):
    """A level that a `ScoreQuestion` allows, the lowest first."""

    label: str
    description: Maybe[str] = UNSET


class ScoreQuestion(AnyQuestion, tag="score", kw_only=True):
    """A question that is answered by a level, as a number."""

    levels: list[ScoreLevel]


class DecisionsConfig(BackendStruct, kw_only=True):
    """Settings of a model of the Decisions API. Both members are required at the start of a session."""

    model: Maybe[str] = UNSET
    questions: Maybe[list[Question]] = UNSET


class TriggerDecisions(BackendStruct, kw_only=True):
    """The questions that a trigger asks."""

    questions: list[Question]


# --- Answers -------------------------------------------------------------------------


class AnyAnswer(TaggedBackendStruct, kw_only=True):
    """The family of answers. `name` is that of the question."""

    unknown = UnknownAnswer

    name: str | None = None


class PredicateAnswer(AnyAnswer, tag="predicate", kw_only=True):
    """The probability that a predicate is true."""

    probability: float


class ChoiceProbability(BackendStruct, kw_only=True):
    """The probability of a value."""

    value: str | bool
    probability: float


class ChoiceAnswer(AnyAnswer, tag="choice", kw_only=True):
    """The value that was chosen."""

    choice: str | bool
    confidence: float
    probabilities: list[ChoiceProbability]


class ScoreProbability(BackendStruct, kw_only=True):
    """The probability of a level. `value` is its number."""

    label: str
    value: int
    probability: float


class ScoreAnswer(AnyAnswer, tag="score", kw_only=True):
    """The level that was found, as a number that may lie between two levels."""

    score: float
    confidence: float
    probabilities: list[ScoreProbability]


class RefusalAnswer(AnyAnswer, tag="refusal", kw_only=True):
    """The refusal of an answer."""


class DecisionInputDetails(BackendStruct, kw_only=True):
    """Parts of the input tokens of a decision."""

    cached_tokens: int
    cache_write_tokens: int


class DecisionOutputDetails(BackendStruct, kw_only=True):
    """Parts of the output tokens of a decision."""

    reasoning_tokens: int


class DecisionUsage(BackendStruct, kw_only=True):
    """The tokens that a decision took."""

    input_tokens: int
    input_tokens_details: DecisionInputDetails | None = None
    output_tokens: int
    output_tokens_details: DecisionOutputDetails | None = None
    total_tokens: int


class Decision(BackendStruct, kw_only=True):
    """The answers to all questions of a request."""

    answers: list[Answer]
    model: str
    usage: DecisionUsage | None = None


class AnyDecisionEvent(TaggedBackendStruct):
    """The family of events of the Decisions API."""

    unknown = UnknownDecisionEvent


class DecisionCompleted(AnyDecisionEvent, tag="decision.completed", kw_only=True):
    """The result of a request for decisions."""

    decision: Decision


# --- The unions ----------------------------------------------------------------------

KnownQuestion = PredicateQuestion | ChoiceQuestion | ScoreQuestion
KnownAnswer = PredicateAnswer | ChoiceAnswer | ScoreAnswer | RefusalAnswer
if TYPE_CHECKING:
    Question = KnownQuestion | UnknownQuestion
    Answer = KnownAnswer | UnknownAnswer
    InnerDecisionEvent = DecisionCompleted | UnknownDecisionEvent
else:
    Question = KnownQuestion
    Answer = KnownAnswer
    InnerDecisionEvent = DecisionCompleted
