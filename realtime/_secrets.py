"""What must not stand in a log or a message: credentials, and texts that are the caller's own.

One table for all who write sentences about events. A field is known by its name, wherever it
stands, so that the fields of tomorrow's events and a caller's own metadata are covered too.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "<redacted>"

# MCP tools' `authorization` and `headers`, client secrets, and the identifier of an end user
# (API reference); the rest are names that people give to credentials.
_SECRETS = frozenset(
    {
        "authorization", "headers", "client_secret", "safety_identifier",
        "api_key", "cookie", "credential", "credentials", "jwt", "key",
    }
)  # fmt: skip
# Without "_" where no word ends so: accessToken is access_token.
_SECRET_ENDS = ("_key", "apikey", "token", "secret", "password")
# In any text: keys of OpenAI ("sk-...", ephemeral "ek_..."), bearer tokens, JSON Web Tokens (RFC 7519:
# each part is base64 of a JSON object, so begins with "eyJ").
_KEY = re.compile(
    r"""\b[se]k[-_][A-Za-z0-9_-]{8,}|(?i:\bbearer\s+)[^\s"'\\<>]+"""
    r"""|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"""
)
# A member of JSON that stands in a text, whole or broken off, as a repr or as a string in a string: its
# quotes are then behind backslashes. The value ends before the quote that ends it. (Its group is not
# possessive: Python 3.11.2 leaves the end of one within what does not match any more.)
_MEMBER = re.compile(
    r"""(?<!\\)(?P<quote>\\{0,15}["'])(?P<name>[A-Za-z0-9_.-]{1,64}+)(?P=quote)\s*+:\s*+(?P=quote)"""
    r"""(?P<value>[^\\"']*(?:(?!(?P=quote))(?:\\.|.)[^\\"']*)*)""",
    re.DOTALL,
)
_URL = re.compile(r"""://[^\s"'\\<>]+""")
_USER = re.compile(r"^://[^/?#]*@")
_PARAMETER = re.compile(r"[?&;#](?P<name>[A-Za-z0-9_.-]{1,64}+)=(?P<value>[^&;#]+)")


def is_secret(name: str) -> bool:
    """Whether a field of this name is a credential."""
    small = name.lower().replace("-", "_")
    return small in _SECRETS or small.endswith(_SECRET_ENDS) or name.endswith("Key")


def without_keys(text: str) -> str:
    """`text` with everything that looks like a key taken out, by itself or by the name before it."""
    if has_key(text):
        text = _KEY.sub(REDACTED, text)
    if ":" not in text:
        return text
    if "://" in text:
        text = _URL.sub(_without_login, text)
    return _MEMBER.sub(_without_value, text)


def has_key(text: str) -> bool:
    """Whether something in `text` looks like a key by itself."""
    # Most texts have none of what every key has: an expression looks for it at a tenth of the pace.
    may_have = "k-" in text or "k_" in text or "eyJ" in text or "bearer" in text.lower()
    return may_have and _KEY.search(text) is not None


def _without_login(url: re.Match[str]) -> str:
    """A URL less its user and password, and its parameters that are credentials."""
    return _PARAMETER.sub(_without_value, _USER.sub(f"://{REDACTED}@", url[0]))


def _without_value(found: re.Match[str]) -> str:
    if not (found["value"] and is_secret(found["name"])):
        return found[0]
    return found[0][: found.start("value") - found.start()] + REDACTED


def redacted(value: Any) -> Any:
    """A JSON value with every credential in it taken out."""
    if isinstance(value, dict):
        return {key: REDACTED if is_secret(key) else redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item) for item in value]
    return without_keys(value) if isinstance(value, str) else value
