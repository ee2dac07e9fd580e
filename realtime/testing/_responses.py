"""Responses asked for, gone on with, cancelled: what they do to a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from ..events import RealtimeSessionInfo, ResponseCancel, ResponseCreate, Tagged
from ._history import Tokens
from ._outputs import Message
from ._refusal import Refusal
from ._request import answer_to
from ._session import Session


def create(session: Session, event: ResponseCreate) -> None:
    """Begin a response; unless the session is paced, end it too."""
    settings = session.settings
    if not isinstance(settings, RealtimeSessionInfo):
        raise Refusal("invalid_value", "A transcription session has no responses.", "type")
    if session.answer is not None:
        raise Refusal(
            "conversation_already_has_active_response",
            "Conversation already has an active response in progress: "
            f"{session.answer.id}. Wait until the response is finished before creating a new one.",
        )
    answer = answer_to(
        event.response or None,
        settings,
        session.history,
        session.play,
        new_id=session.new_id,
        ptime_ms=session.ptime_ms,
    )
    limited = session.limiter.begin(sum(answer.context))
    if limited is not None:
        answer.outputs, answer.failure, answer.context = [], limited, Tokens()
    session.answer, session.idle_from_ms = answer, None
    session.has_spoken = session.has_spoken or answer.is_spoken
    session.send(*answer.begin(session.limiter.event()))
    if not session.paced or answer.finished:
        while not answer.finished:
            session.send(*answer.step())
        end(session)


def advance(session: Session) -> None:
    """The next step of the response under way."""
    answer = session.answer
    if answer is not None:
        session.send(*answer.step())
        if answer.finished:
            end(session)


def cancel(session: Session, event: ResponseCancel) -> None:
    """End the response that the client names, or the one under way."""
    wanted = event.response_id or (session.answer and session.answer.id)
    if session.answer is None or wanted != session.answer.id:
        raise Refusal("response_cancel_not_active", "Cancellation failed: no active response found")
    end(session, "client_cancelled")


def end(session: Session, cancelled: str | None = None) -> None:
    """End the response under way, if there is one."""
    answer, session.answer = session.answer, None
    if answer is None:
        return
    session.send(*answer.end(cancelled))
    session.limiter.used(answer.usage().total_tokens or 0)
    session.history.trim()
    # Silence counts from where the answer was heard out: a paced one was by now.
    unheard_ms = (
        0.0
        if session.paced
        else sum(
            output.held.format.duration_ms(len(output.audio))
            for output in answer.outputs
            if isinstance(output, Message)
        )
    )
    session.idle_from_ms = session.input.end_ms + unheard_ms


HANDLERS: Final[dict[type[Tagged], Callable[[Session, Any], None]]] = {
    ResponseCreate: create,
    ResponseCancel: cancel,
}
