"""Token counts by kind, read from the usage objects of the servers.

Counts only: their price is in `cost`, their sum over a session in `usage`.

- Cached tokens are part of the input tokens, never more (API reference, `response.done`).
- Tokens of a total to which the server assigns no kind are `unattributed`.
- Cached tokens without a kind are counted as text, then image, then audio. A cache holds the
  beginning of the context, where the instructions and tools are, and caching saves least on
  text: so no cost comes out too low.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from ..events import ResponseUsage, TokenUsage

# Places of text, image, audio and unattributed in a `_Counts`: the order in which cached tokens fill them.
_CACHED_FIRST = (0, 2, 1, 3)


@dataclass(frozen=True, slots=True)
class TokenCount:
    """Tokens of one kind. `cached` tokens are included in `input`."""

    input: int = 0
    cached: int = 0
    output: int = 0

    @property
    def fresh(self) -> int:
        """Input tokens that were not cached, which are billed at the full price."""
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
    """Tokens by kind. `unattributed` are those to which the server assigns no kind."""

    text: TokenCount = _NONE
    audio: TokenCount = _NONE
    image: TokenCount = _NONE
    unattributed: TokenCount = _NONE

    @property
    def input(self) -> int:
        """All input tokens, including the cached ones."""
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
        """Return the counts by the name of their kind."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __add__(self, other: Tokens) -> Tokens:
        if not isinstance(other, Tokens):
            return NotImplemented
        return Tokens(
            self.text + other.text,
            self.audio + other.audio,
            self.image + other.image,
            self.unattributed + other.unattributed,
        )

    @classmethod
    def of_response(cls, usage: ResponseUsage) -> Tokens:
        """Return the tokens that a response is billed for."""
        details = usage.input_token_details
        cached = details.cached_tokens_details if details else None
        return _tokens(
            _with_unattributed(usage.input_tokens, _reported(details)),
            _with_unattributed(usage.output_tokens, _reported(usage.output_token_details)),
            (details.cached_tokens if details else None) or 0,
            _reported(cached),
        )

    @classmethod
    def of_transcription(cls, usage: TokenUsage) -> Tokens:
        """Return the tokens that a transcription is billed for. Its output is text."""
        return _tokens(
            _with_unattributed(usage.input_tokens, _reported(usage.input_token_details)),
            (max(0, usage.output_tokens or 0), 0, 0, 0),
        )

    @classmethod
    def of_text(cls, input: int | None, cached: int | None, output: int | None) -> Tokens:
        """Return the tokens that a text-only model is billed for."""
        return _tokens((max(0, input or 0), 0, 0, 0), (max(0, output or 0), 0, 0, 0), cached or 0)


# --- Reading -------------------------------------------------------------------------

# Counts of text, audio and image, as reported; and the same with unattributed.
_Reported = tuple[int, int, int]
_Counts = tuple[int, int, int, int]
_NOTHING: _Reported = (0, 0, 0)


def _reported(details: object) -> _Reported:
    """Return the counts in `details`. Any may be null or absent; servers differ in the kinds they report."""
    if details is None:
        return _NOTHING
    text = getattr(details, "text_tokens", None) or 0
    audio = getattr(details, "audio_tokens", None) or 0
    image = getattr(details, "image_tokens", None) or 0
    return max(0, text), max(0, audio), max(0, image)


def _with_unattributed(total: int | None, reported: _Reported) -> _Counts:
    """Return the counts, with the rest of `total` as unattributed."""
    return *reported, max(0, (total or 0) - sum(reported))


def _tokens(
    input: _Counts, output: _Counts, cached_total: int = 0, cached_reported: _Reported = _NOTHING
) -> Tokens:
    cached = [*map(min, cached_reported, input), 0]
    left = max(cached_total, sum(cached_reported)) - sum(cached)
    for kind in _CACHED_FIRST if left > 0 else ():
        more = max(0, min(left, input[kind] - cached[kind]))
        cached[kind] += more
        left -= more
    return Tokens(*map(_count, input, cached, output))


def _count(input: int, cached: int, output: int) -> TokenCount:
    return TokenCount(input, cached, output) if input or output else _NONE
