"""The audio formats of a bridge's session: requested for a carrier, then confirmed by the server.

GA and beta have a format for each direction, which may change. Live has one for both, fixed by its first event.
`bridge` requests the formats of a call; those that a server accepts are in `Provider` and `LIVE_FORMATS`.
"""

from __future__ import annotations

from typing import Any, Final

from .._provider import Provider
from ..errors import ConfigError, DecodeError, snippet
from ..format import SIDES, AudioFormat, AudioFormatLike, Side, stated_formats
from ..spec import LIVE_RATES
from .media import MediaFormat

# The formats of Live sessions by provider, the default first. Azure has one: MicrosoftDocs/azure-ai-docs,
# articles/foundry/openai/gpt-live-reference.md. Read 2026-11-29.
LIVE_FORMATS: Final[dict[str, tuple[AudioFormat, ...]]] = {
    "openai": tuple(
        AudioFormat.of({"type": name, "rate": rate}) for name, rates in LIVE_RATES.items() for rate in rates
    ),
    "azure": (AudioFormat.PCM16,),
}


class SessionFormats:
    """The audio formats of a session: those requested, and those that the server has confirmed.

    Frames arrive in order. The server reads audio sent after a session.update in the format that the
    update requests, even before it answers; it sends audio in the format of its last session.updated.
    """

    def __init__(self, provider: Provider, preferred: dict[Side, AudioFormat]) -> None:
        self._provider = provider
        self._preferred = preferred
        # The formats of the last request, and those that the server has stated since.
        self._requested: dict[Side, AudioFormat] = {}
        self._confirmed: dict[Side, AudioFormat | None] = {}
        self._unanswered = 0

    def wanted(self, received: MediaFormat, played: MediaFormat) -> dict[Side, AudioFormat]:
        """Return the formats to request for a carrier that sends `received` and plays `played`.

        They are the preferred ones, or the nearest that the server has.

        Raises:
            ConfigError: the server has no audio on a side.
        """
        return {"input": self._nearest("input", received), "output": self._nearest("output", played)}

    def _nearest(self, side: Side, media: MediaFormat) -> AudioFormat:
        found = self._preferred.get(side)
        if found is None:
            found = self._provider.nearest_format(media.little_endian or AudioFormat.PCM16, side)
        return found

    def current(self, received: MediaFormat, played: MediaFormat) -> tuple[AudioFormat, AudioFormat]:
        """Return the session's input and output formats, for a carrier that sends `received` and plays `played`."""
        requested = self._requested or self.wanted(received, played)
        input, output = (self._confirmed.get(side) or requested[side] for side in SIDES)
        return input, output

    def request(self, received: MediaFormat, played: MediaFormat) -> None:
        """Note that the wanted formats are requested: from now on, audio is sent in them."""
        self._requested = self.wanted(received, played)
        self._confirmed["input"] = None
        self._unanswered += 1

    def with_session(self, event: Any) -> SessionFormats:
        """Return the formats after an event with the session's settings.

        Raises:
            DecodeError: the session is in a format that cannot be processed, such as "mp3".
        """
        formats = type(self)(self._provider, self._preferred)
        formats._requested, formats._unanswered = self._requested, self._unanswered
        formats._confirmed = dict(self._confirmed)
        is_answer = event.type != "session.created"
        formats._confirm("output", event, is_answer)
        if is_answer:
            # The answer to an earlier request does not hold for audio sent after the last one.
            formats._unanswered = max(0, self._unanswered - 1)
            if not formats._unanswered:
                formats._confirm("input", event, is_answer)
        return formats

    def _confirm(self, side: Side, event: Any, is_answer: bool) -> None:
        found = self._provider.stated_format(event.session, side)
        if found is None and is_answer:
            for stated in stated_formats(event.session, side):
                name = getattr(stated, "type", stated)
                if name in self._provider.listed_formats:
                    raise DecodeError(
                        f"the session's {side} is {name}", event_type=event.type, path="$.session"
                    )
        self._confirmed[side] = found or self._confirmed.get(side)

    def on_error(self) -> None:
        """Note an error of the server: a session.update may have failed, which has no other answer."""
        self._unanswered = min(self._unanswered, 1)


class LiveFormats(SessionFormats):
    """The format of a Live session, the same in both directions: that of the caller's audio, or PCM at 24 kHz."""

    def wanted(self, received: MediaFormat, played: MediaFormat) -> dict[Side, AudioFormat]:
        """Return the format to request, once for each side."""
        formats, own = LIVE_FORMATS[self._provider.name], received.little_endian
        found = self._preferred.get("input") or (own if own in formats else formats[0])
        return dict.fromkeys(SIDES, found)


def check_live_format(provider: Provider, format: AudioFormatLike | None) -> dict[Side, AudioFormat]:
    """Return the preferred format of a Live session of `provider`, for each side; none for None.

    Raises:
        ConfigError: the provider has no Live sessions, or not in this format.
        TypeError: `format` is not a format.
    """
    formats = LIVE_FORMATS.get(provider.name)
    if formats is None:
        raise ConfigError(f"{provider.name} has no Live sessions; {', '.join(LIVE_FORMATS)} have")
    if format is None:
        return {}
    found = AudioFormat.of(format)
    if found not in formats:
        known = ", ".join(map(str, formats))
        raise ConfigError(f"Live sessions of {provider.name} do not have {snippet(str(found))}, but {known}")
    return dict.fromkeys(SIDES, found)
