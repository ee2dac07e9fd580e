"""Credentials: their detection and removal in texts and JSON, for logs and error messages.

A field is recognised by its name, at any depth, so that fields of future events and user-defined
metadata are covered too. `_text` shortens and escapes texts after this.
"""

from __future__ import annotations

import re
from typing import Any

REDACTED = "<redacted>"

# MCP tools' `authorization` and `headers`, client secrets, and the identifier of an end user
# (API reference); the rest are common names of credentials.
_SECRETS = frozenset(
    {
        "authorization", "headers", "client_secret", "safety_identifier",
        "api_key", "cookie", "credential", "credentials", "jwt", "key",
    }
)  # fmt: skip
# Without "_" where no other word ends like this: accessToken is access_token.
_SECRET_ENDS = ("_key", "apikey", "token", "secret", "password")
# In any text: keys of OpenAI ("sk-...", ephemeral "ek_..."), bearer tokens, JSON Web Tokens (RFC 7519:
# each part is base64 of a JSON object, so begins with "eyJ").
_KEY = re.compile(
    r"""\b[se]k[-_][A-Za-z0-9_-]{8,}|(?i:\bbearer\s+)[^\s"'\\<>]+"""
    r"""|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"""
)
# A member of JSON in a text, complete or truncated, as a repr, or as a string within a string, whose
# quotes are escaped by backslashes. The match ends before the closing quote. (The group is not
# possessive because of a bug of Python 3.11.2 in the position of possessive groups.)
_MEMBER = re.compile(
    r"""(?<!\\)(?P<quote>\\{0,15}["'])(?P<name>[A-Za-z0-9_.-]{1,64}+)(?P=quote)\s*+:\s*+(?P=quote)"""
    r"""(?P<value>[^\\"']*(?:(?!(?P=quote))(?:\\.|.)[^\\"']*)*)""",
    re.DOTALL,
)
_URL = re.compile(r"""://[^\s"'\\<>]+""")
_USER = re.compile(r"^://[^/?#]*@")
_PARAMETER = re.compile(r"[?&;#](?P<name>[A-Za-z0-9_.-]{1,64}+)=(?P<value>[^&;#]+)")


def is_secret(name: str) -> bool:
    """Return True if a field of this name is a credential."""
    small = name.lower().replace("-", "_")
    return small in _SECRETS or small.endswith(_SECRET_ENDS) or name.endswith("Key")


def without_keys(text: str) -> str:
    """Replace every credential in `text`, recognised by its form or by the name before it."""
    if has_key(text):
        text = _KEY.sub(REDACTED, text)
    if ":" not in text:
        return text
    if "://" in text:
        text = _URL.sub(_without_login, text)
    return _MEMBER.sub(_without_value, text)


def has_key(text: str) -> bool:
    """Return True if something in `text` has the form of a key."""
    # Most texts contain none of these parts, one of which every key has; the regular expression alone
    # takes ten times as long.
    may_have = "k-" in text or "k_" in text or "eyJ" in text or "bearer" in text.lower()
    return may_have and _KEY.search(text) is not None


def _without_login(url: re.Match[str]) -> str:
    """Remove user, password and credential parameters from a URL."""
    return _PARAMETER.sub(_without_value, _USER.sub(f"://{REDACTED}@", url[0]))


def _without_value(found: re.Match[str]) -> str:
    if not (found["value"] and is_secret(found["name"])):
        return found[0]
    return found[0][: found.start("value") - found.start()] + REDACTED


def redacted(value: Any) -> Any:
    """Return a copy of a JSON value with every credential replaced."""
    if isinstance(value, dict):
        return {key: REDACTED if is_secret(key) else redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item) for item in value]
    return without_keys(value) if isinstance(value, str) else value
