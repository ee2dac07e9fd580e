"""Token counts by kind, read from the usage objects of the servers.

Counts only: their price is in `cost`, their sum over a session in `usage`.

- Cached tokens are part of the input tokens, never more (API reference, `response.done`).
- Tokens of a total to which the server assigns no kind are `unattributed`.
- Cached tokens without a kind are counted as text, then image, then audio. A cache holds the
  beginning of the context, where the instructions and tools are, and caching saves least on
  text: so no cost comes out too low.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

from .._provider import Provider
from ._common import get_field

# The members of a usage object, as the servers spell them: OpenAI, Qwen (the details) and vLLM.
# Sources: openai-python 3.57.0; https://www.alibabacloud.com/help/en/model-studio/server-events;
# vllm.entrypoints.openai.engine.protocol, UsageInfo (0.22.1). Read 2026-11-29.
_INPUT: Final = ("input_tokens", "prompt_tokens")
_OUTPUT: Final = ("output_tokens", "completion_tokens")
_INPUT_DETAILS: Final = ("input_token_details", "input_tokens_details", "prompt_tokens_details")
_OUTPUT_DETAILS: Final = ("output_token_details", "output_tokens_details", "completion_tokens_details")
# The places of a response's usage in response.done: OpenAI's and xAI's. Of two usages the first counts.
_PLACES: Final = ("$.response.usage", "$.usage")
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
    def of_response(cls, usage: object) -> Tokens:
        """Return the tokens that a response is billed for. `usage` is a Struct or JSON object of any server."""
        details = _member(usage, _INPUT_DETAILS)
        return _tokens(
            _with_unattributed(_count(usage, _INPUT), _reported(details)),
            _with_unattributed(_count(usage, _OUTPUT), _reported(_member(usage, _OUTPUT_DETAILS))),
            _count(details, ("cached_tokens",)) or 0,
            _reported(_member(details, ("cached_tokens_details",))),
        )

    @classmethod
    def of_transcription(cls, usage: object) -> Tokens:
        """Return the tokens that a transcription is billed for. Its output is text."""
        return _tokens(
            _with_unattributed(_count(usage, _INPUT), _reported(_member(usage, _INPUT_DETAILS))),
            (max(0, _count(usage, _OUTPUT) or 0), 0, 0, 0),
        )

    @classmethod
    def of_text(cls, input: int | None, cached: int | None, output: int | None) -> Tokens:
        """Return the tokens that a text-only model is billed for."""
        return _tokens((max(0, input or 0), 0, 0, 0), (max(0, output or 0), 0, 0, 0), cached or 0)


# --- Reading -------------------------------------------------------------------------


def response_usage(event: object, provider: Provider | None = None) -> Any:
    """Return the usage object of a response.done, where its server puts it; None if none has a token count.

    An object without any count, such as the ``{}`` of xAI's `response.usage`, reports nothing. If two
    places have one, the provider's counts, or else that of the response.
    """
    first = () if provider is None or not provider.usage_path else (provider.usage_path,)
    for path in (*first, *_PLACES):
        usage: object = event
        for name in path.split(".")[1:]:
            usage = get_field(usage, name)
        if has_tokens(usage):
            return usage
    return None


def has_tokens(usage: object) -> bool:
    """Return True if `usage` has a count of input or output tokens, in any spelling. Null is no count."""
    return (
        _count(usage, _INPUT) is not None
        or _count(usage, _OUTPUT) is not None
        or any(_reported(_member(usage, names)) != _NOTHING for names in (_INPUT_DETAILS, _OUTPUT_DETAILS))
    )


def _member(owner: object, names: tuple[str, ...]) -> Any:
    """Return the first of these members that is neither absent nor null."""
    for name in names:
        value = owner.get(name) if isinstance(owner, Mapping) else get_field(owner, name)
        if value is not None:
            return value
    return None


def _count(owner: object, names: tuple[str, ...]) -> int | None:
    """Return a count, None if it is absent or, in JSON that no Struct has checked, not a whole number."""
    value = _member(owner, names)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# Counts of text, audio and image, as reported; and the same with unattributed.
_Reported = tuple[int, int, int]
_Counts = tuple[int, int, int, int]
_NOTHING: _Reported = (0, 0, 0)
_KINDS: Final = ("text_tokens", "audio_tokens", "image_tokens")


def _reported(details: object) -> _Reported:
    """Return the counts in `details`. Any may be null or absent; servers differ in the kinds they report."""
    if details is None:
        return _NOTHING
    text, audio, image = (_count(details, (name,)) or 0 for name in _KINDS)
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
    return Tokens(*map(_token_count, input, cached, output))


def _token_count(input: int, cached: int, output: int) -> TokenCount:
    return TokenCount(input, cached, output) if input or output else _NONE
