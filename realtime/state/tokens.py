"""Tokens by kind, as servers count them: what was text, audio or image; fresh, cached or said.

Counts only; what they cost is in `cost`, their sum over a call in `usage`. The laws:

- Cached tokens are some of the input tokens, never more of them (API reference, `response.done`).
- Tokens that the server counts but gives no kind to are `untold`.
- Cached tokens that it gives no kind to are taken to be text, then image, then audio: a
  cache holds the beginning of the context, where instructions and tools stand, and text is
  what a cached token saves least on, so that no cost comes out too low.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..events import ResponseUsage, TokenUsage

# Text, image, audio, untold, as places in what `_by_kind` gives.
_CACHED_FIRST = (0, 2, 1, 3)


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one kind; the `cached` are among the `input`."""

    input: int = 0
    cached: int = 0
    output: int = 0

    @property
    def fresh(self) -> int:
        """Input tokens that no cache held, which are billed in full."""
        return self.input - self.cached

    def __add__(self, other: TokenCount) -> TokenCount:
        if not isinstance(other, TokenCount):
            return NotImplemented
        if other is _NONE:
            return self
        return TokenCount(self.input + other.input, self.cached + other.cached, self.output + other.output)


_NONE = TokenCount()


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of every kind; `untold` are those whose kind the server did not tell."""

    text: TokenCount = _NONE
    audio: TokenCount = _NONE
    image: TokenCount = _NONE
    untold: TokenCount = _NONE

    @property
    def input(self) -> int:
        """All input tokens, the cached among them."""
        return sum(count.input for count in self.by_kind().values())

    @property
    def cached(self) -> int:
        """All cached input tokens."""
        return sum(count.cached for count in self.by_kind().values())

    @property
    def output(self) -> int:
        """All output tokens."""
        return sum(count.output for count in self.by_kind().values())

    @property
    def total(self) -> int:
        """Input and output tokens."""
        return self.input + self.output

    def by_kind(self) -> dict[str, TokenCount]:
        """The counts by the names of their kinds."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __add__(self, other: Tokens) -> Tokens:
        if not isinstance(other, Tokens):
            return NotImplemented
        return Tokens(
            self.text + other.text,
            self.audio + other.audio,
            self.image + other.image,
            self.untold + other.untold,
        )

    @classmethod
    def of_response(cls, usage: ResponseUsage) -> Tokens:
        """What a response is billed for."""
        details = usage.input_token_details
        cached = details.cached_tokens_details if details else None
        return _tokens(
            _by_kind(usage.input_tokens, _told(details)),
            _by_kind(usage.output_tokens, _told(usage.output_token_details)),
            (details.cached_tokens if details else None) or 0,
            _told(cached),
        )

    @classmethod
    def of_transcription(cls, usage: TokenUsage) -> Tokens:
        """What a transcription is billed for; what it gives out is text."""
        return _tokens(
            _by_kind(usage.input_tokens, _told(usage.input_token_details)),
            _by_kind(0, (max(0, usage.output_tokens), 0, 0)),
        )

    @classmethod
    def of_text(cls, input: int | None, cached: int | None, output: int | None) -> Tokens:
        """What a model that knows only text is billed for."""
        return _tokens(
            _by_kind(0, (max(0, input or 0), 0, 0)),
            _by_kind(0, (max(0, output or 0), 0, 0)),
            cached or 0,
        )


# --- Reading -------------------------------------------------------------------------

# Counts of text, audio, image and, in the second, untold.
_Told = tuple[int, int, int]
_ByKind = tuple[int, int, int, int]
_NOTHING_TOLD: _Told = (0, 0, 0)


def _told(details: object) -> _Told:
    """The kinds that `details` tell: a count may be null or absent, and servers differ in which they know."""
    if details is None:
        return _NOTHING_TOLD
    text = getattr(details, "text_tokens", None) or 0
    audio = getattr(details, "audio_tokens", None) or 0
    image = getattr(details, "image_tokens", None) or 0
    return max(0, text), max(0, audio), max(0, image)


def _by_kind(total: int | None, told: _Told) -> _ByKind:
    """`told`, and what `total` has above it as untold."""
    return *told, max(0, (total or 0) - sum(told))


def _tokens(
    input: _ByKind, output: _ByKind, cached: int = 0, cached_by_kind: _Told = _NOTHING_TOLD
) -> Tokens:
    held = [*map(min, cached_by_kind, input), 0]
    left = max(cached, sum(cached_by_kind)) - sum(held)
    for kind in _CACHED_FIRST if left > 0 else ():
        more = max(0, min(left, input[kind] - held[kind]))
        held[kind] += more
        left -= more
    return Tokens(*map(_count, input, held, output))


def _count(input: int, cached: int, output: int) -> TokenCount:
    return TokenCount(input, cached, output) if input or output else _NONE
