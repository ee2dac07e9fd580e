"""What a client of the Live dialect sends."""

from __future__ import annotations

from msgspec import UNSET

from ..base import ClientSide, Maybe
from .session import HoldsJson, Json, LiveSession, LiveSessionUpdate


class SessionStart(ClientSide, tag="session.start", kw_only=True):
    """Starts the session. Of one as the server told it only the settings are taken."""

    sends_settings = True

    session: LiveSession


class SessionUpdate(ClientSide, tag="session.update", kw_only=True):
    """Changes what can change; what is absent stays, null clears."""

    sends_settings = True

    session: LiveSessionUpdate


class SessionClose(ClientSide, tag="session.close", kw_only=True):
    """Ends the session."""


class SessionInputAudioAppend(ClientSide, tag="session.input_audio.append", kw_only=True):
    """Audio of the session's format. A sideband connection gets the caller's as a server event."""

    audio_field = "audio"

    audio: bytes


class SessionInputAudioMute(ClientSide, tag="session.input_audio.mute", kw_only=True):
    """The model hears nothing from here on."""


class SessionInputAudioUnmute(ClientSide, tag="session.input_audio.unmute", kw_only=True):
    """The model hears again."""


class SessionOutputAudioFixturePlay(ClientSide, tag="session.output_audio.fixture.play", kw_only=True):
    """Plays this audio as if the model had said it."""

    audio_field = "audio"

    audio: bytes


class AppendedText(ClientSide, kw_only=True):
    """Text for the model, for a delegation where one is named."""

    delegation_id: Maybe[str] = UNSET
    content: str


class SessionInstructionsAppend(AppendedText, tag="session.instructions.append", kw_only=True):
    """More instructions."""


class SessionThinkingAppend(AppendedText, tag="session.thinking.append", kw_only=True):
    """What the delegate thinks, for the model to know."""


class SessionCommentaryAppend(AppendedText, tag="session.commentary.append", kw_only=True):
    """What the delegate would say, for the model to tell."""


class DecisionCreate(ClientSide, tag="decision.create", kw_only=True):
    """Asks for decisions now."""


class DecisionItemCreate(HoldsJson, ClientSide, tag="decision.item.create", kw_only=True):
    """Adds an item to what decisions are made on."""

    item: Json


class DecisionItemDelete(ClientSide, tag="decision.item.delete", kw_only=True):
    """Removes one."""

    item_id: str


class ResponseItemCreate(HoldsJson, ClientSide, tag="response.item.create", kw_only=True):
    """Adds an item of the Responses API to what the delegate sees."""

    item: Json


class ResponseCreate(ClientSide, tag="response.create", kw_only=True):
    """Asks the delegate for a response."""


# --- The union -----------------------------------------------------------------------

LiveClientEvent = (
    SessionStart
    | SessionUpdate
    | SessionClose
    | SessionInputAudioAppend
    | SessionInputAudioMute
    | SessionInputAudioUnmute
    | SessionOutputAudioFixturePlay
    | SessionInstructionsAppend
    | SessionThinkingAppend
    | SessionCommentaryAppend
    | DecisionCreate
    | DecisionItemCreate
    | DecisionItemDelete
    | ResponseItemCreate
    | ResponseCreate
)
