"""Text for people: untrusted text made safe for a terminal, numbers with their units, suggestions.

Text that comes from a peer or a log passes through here before it is printed or put into
an error message. Credentials are found by `_secrets`.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Final

from ._secrets import without_keys

_ELLIPSIS: Final = "..."
_SEPARATORS: Final = " \"',:"
_MIN_USD: Final = Decimal("0.000001")
_SMALL_USD: Final = Decimal("0.01")
# Later than any time in a log.
_MAX_MS: Final = 1e15


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, ending in "..." if it was longer."""
    return text if len(text) <= limit else text[: limit - len(_ELLIPSIS)] + _ELLIPSIS


def escape_controls(text: str) -> str:
    """Replace control characters, line breaks and direction marks by their Python escapes."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def one_line(text: str, limit: int | None = None) -> str:
    """Return `text` on one line: white space folded, control characters escaped, shortened to `limit`."""
    if limit is not None:
        text = text[: limit * 4]
    text = escape_controls(" ".join(text.split()))
    return text if limit is None else shorten(text, limit)


def excerpt(text: str, limit: int) -> str:
    """Return the beginning of `text` with credentials removed and control characters escaped.

    The credentials are searched for in eight times the text that is shown, so one that is only
    partly inside the limit is still removed.
    """
    head = text[: limit * 8]
    safe = without_keys(head)
    if len(head) < len(text) and len(safe) <= limit:
        # What was removed was so long that the end of the head would be shown, where a credential may
        # be truncated beyond recognition.
        safe = safe[: max(map(safe.rfind, _SEPARATORS)) + 1] + _ELLIPSIS
    return escape_controls(shorten(safe, limit))


def format_url(url: str) -> str:
    """Return `url` without its user, password, query and fragment, which may be credentials."""
    base = re.split(r"[?#]", url, maxsplit=1)[0]
    scheme, separator, rest = base.rpartition("://")
    return one_line(scheme + separator + rest.rpartition("@")[2])


def did_you_mean(word: object, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?" for the name of `known` that is closest to `word`, or ""."""
    close = difflib.get_close_matches(str(word)[:64], known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def clock(ms: float) -> str:
    """Format a position in a log: 1:02.345, and 1:00:00.000 from one hour on."""
    minutes, rest_ms = divmod(round(_clamp(ms)), 60_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest_ms // 1000:02}.{rest_ms % 1000:03}"
    return f"{hours:,}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def duration(ms: float) -> str:
    """Format a duration: 480 ms, 4.2 s, 12 min 3 s, 1 h 2 min 3 s."""
    ms = _clamp(ms)
    if ms < 0.95:
        return f"{ms:.1f} ms"
    if ms < 999.5:
        return f"{ms:.0f} ms"
    if ms < 59_950:
        return f"{ms / 1000:.1f} s"
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes} min {seconds} s" if hours else f"{minutes} min {seconds} s"


def money(usd: Decimal) -> str:
    """Format an amount in USD. A positive amount is never rounded to $0."""
    if 0 < usd < _MIN_USD:
        return f"<${_MIN_USD}"
    return f"${usd:,.4f}" if usd >= _SMALL_USD or not usd else f"${usd:.6f}"


def plural(number: int, singular: str, many: str = "") -> str:
    """Format a count with its noun: 1 turn, 1,024 turns."""
    return f"{number:,} {singular if number == 1 else many or singular + 's'}"


def _clamp(ms: float) -> float:
    """Return `ms` within 0 and `_MAX_MS`; NaN becomes 0."""
    return min(max(0.0, ms), _MAX_MS)
