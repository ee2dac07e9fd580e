"""What a session speaks: what it was asked for, and what the server said since, which is believed.

A connection keeps the order: what is sent after a session.update is heard in the format that it asks
for, answered or not; what comes is in the format of the last session.updated that came before it.
"""

from __future__ import annotations

from typing import Any

from ..build import wire_format
from ..events import AudioConfig, AudioInput, AudioOutput
from ..format import AudioFormat
from .media import MediaFormat


class SessionFormats:
    """The formats of a session that is to speak `wanted`, or else the carrier's own where it can."""

    def __init__(self, wanted: AudioFormat | None) -> None:
        self._wanted = wanted
        self._asked_input: AudioFormat | None = None
        self._asked_output: AudioFormat | None = None
        self._told_input: AudioFormat | None = None
        self._told_output: AudioFormat | None = None
        # How many answers are still to come.
        self._unanswered = 0

    def suited(self, media: MediaFormat) -> AudioFormat:
        """What a session would be asked for beside this."""
        return self._wanted or media.audio_format or AudioFormat.PCM16

    def input(self, heard: MediaFormat) -> AudioFormat:
        """What the session is sent, of a caller who is heard in this format."""
        return self._told_input or self._asked_input or self.suited(heard)

    def output(self, played: MediaFormat) -> AudioFormat:
        """What the session sends, to a caller to whom this format is played."""
        return self._told_output or self._asked_output or self.suited(played)

    def settings(self, heard: MediaFormat, played: MediaFormat) -> AudioConfig:
        """What to ask the session for."""
        return AudioConfig(
            input=AudioInput(format=wire_format(self.suited(heard))),
            output=AudioOutput(format=wire_format(self.suited(played))),
        )

    def asked(self, heard: MediaFormat, played: MediaFormat) -> None:
        """That was asked for: from now on, the session is sent it."""
        self._asked_input, self._asked_output = self.suited(heard), self.suited(played)
        self._told_input, self._unanswered = None, self._unanswered + 1

    def told(self, event: Any) -> None:
        """What the server says that it speaks; and that it hears, once it was asked."""
        audio = getattr(event.session, "audio", None)
        self._told_output = _told_format(audio, "output") or self._told_output
        if event.type == "session.updated":
            # An answer to an earlier question says nothing of what is sent after the last.
            self._unanswered = max(0, self._unanswered - 1)
            if not self._unanswered:
                self._told_input = _told_format(audio, "input") or self._told_input

    def failed(self) -> None:
        """The server told an error: a session.update may have failed, and has no other answer."""
        self._unanswered = min(self._unanswered, 1)


def _told_format(audio: Any, side: str) -> AudioFormat | None:
    try:
        return AudioFormat.of(getattr(getattr(audio, side, None), "format", None))
    except (TypeError, ValueError):
        return None  # none was told, or one of tomorrow's: the last one holds
