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
        "api_key", "apikey", "cookie", "credential", "credentials", "key", "password", "secret", "token",
    }
)  # fmt: skip
_SECRET_ENDS = ("_key", "_token", "_secret", "_password")
# Keys of OpenAI ("sk-...", ephemeral "ek_...") and bearer tokens in any text.
_KEY = re.compile(r"\b[se]k[-_][A-Za-z0-9_-]{8,}|(?i:\bbearer\s+)\S+")


def is_secret(name: str) -> bool:
    """Whether a field of this name is a credential."""
    name = name.lower().replace("-", "_")
    return name in _SECRETS or name.endswith(_SECRET_ENDS)


def without_keys(text: str) -> str:
    """`text` with everything that looks like a key taken out."""
    return _KEY.sub(REDACTED, text)


def redacted(value: Any) -> Any:
    """A JSON value with every credential in it taken out."""
    if isinstance(value, dict):
        return {key: REDACTED if is_secret(key) else redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redacted(item) for item in value]
    return without_keys(value) if isinstance(value, str) else value
