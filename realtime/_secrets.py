"""Credentials: their detection and removal in texts and JSON, for logs and error messages.

A field is recognised by the words of its name, at any depth, so that fields of future events and user-defined
metadata are covered too; a text by its form, or by the name before it. `_text` shortens and escapes texts
after this.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

REDACTED = "<redacted>"

# --- Names ----------------------------------------------------------------------------
#
# Sources, read 2026-11: the API reference (`authorization` and `headers` of MCP tools, client secrets, the
# identifier of an end user), the denylist of sentry_sdk.scrubber, Rails' `filter_parameters`, and OWASP's
# Logging Cheat Sheet. Not from them: "session" and "sid", which are identifiers here; "email", "ip", "salt"
# and "certificate", which are no credentials.

# "clientSecret", "client-secret" and "CLIENT_SECRET2" have the same words.
_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
# Anywhere in a name, also in the plural.
_ANYWHERE: Final = frozenset(
    {
        "password", "passwd", "passphrase", "passcode", "passkey", "pwd", "secret", "credential", "cred",
        "authorization", "cookie", "jwt", "bearer", "csrf", "xsrf", "otp", "totp", "cvv", "cvc", "ssn",
    }
)  # fmt: skip
# As the last word, in the singular: total_tokens is a number.
_LAST: Final = frozenset({"key", "token", "auth", "authentication", "pass", "pin", "signature", "sig"})
# Written as one word: accesstoken, dbpassword. No other word ends like this.
_ENDS: Final = (
    "token", "secret", "password", "passwd", "credential",
    "apikey", "accesskey", "privatekey", "secretkey", "authkey", "keyid",
)  # fmt: skip
# The last two words, also in the plural.
_PAIRS: Final = frozenset(
    {
        ("safety", "identifier"), ("connection", "string"), ("key", "id"),
        *((kind, "token") for kind in ("access", "api", "auth", "bearer", "id", "oauth", "refresh")),
        *((kind, "key") for kind in ("access", "api", "encryption", "private", "secret", "signing", "ssh")),
        *((kind, "code") for kind in ("access", "auth", "backup", "pin", "recovery", "security", "verification")),
        *((kind, "header") for kind in ("custom", "default", "http", "request", "response")),
    }
)  # fmt: skip
# May follow the words that count: token_value, password_hash.
_TAILS: Final = frozenset({"value", "hash", "pem"})
_MAX_CACHED: Final = 1024
_MAX_CACHED_CHARS: Final = 64
# Members that label the "value" beside them, as in a list of headers.
_LABELS: Final = ("name", "key", "header")

# --- Texts ----------------------------------------------------------------------------

# Keys of OpenAI ("sk-...", ephemeral "ek_..."), Stripe ("sk_live_..."), GitHub, GitLab, Slack, AWS and
# Google; bearer tokens; JSON Web Tokens (RFC 7519: each part is base64 of a JSON object, so begins with
# "eyJ"); private keys (RFC 7468). The prefixes are those of GitHub's list of secret scanning patterns.
_KEY: Final = re.compile(
    r"""\b[se]k[-_][A-Za-z0-9_-]{8,}|(?i:\bbearer\s+)[^\s"'\\<>]+"""
    r"""|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"""
    r"""|\b(?:gh[opsur]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{22}|glpat-[A-Za-z0-9_-]{20}"""
    r"""|xox[a-z]-[A-Za-z0-9-]{10}|xapp-[A-Za-z0-9-]{10}|AIza[A-Za-z0-9_-]{35}|ya29\.[A-Za-z0-9_-]{20}"""
    r"""|rk_(?:live|test)_[A-Za-z0-9]{8})[A-Za-z0-9_-]*|\bA(?:KI|SI)A[A-Z0-9]{16}\b"""
    r"""|-----BEGIN[A-Z ]{1,30}PRIVATE KEY-----[^-]*(?:-(?!----END)[^-]*)*(?:-----END[A-Z ]{1,30}-----)?"""
)
# Every key begins like this, where a word begins.
KEY_STARTS: Final = (
    "[Bb][Ee][Aa][Rr]|[esr]k[-_]|gh[oprsu]_|github_|glpat|xox|xapp|A(?:Iza|KIA|SIA)|ya29|eyJ|PRIVATE"
)
# A name in a text of JSON may contain escapes: api\u005fkey.
_NAME: Final = r"(?P<name>(?:[A-Za-z0-9_.-]|\\{1,15}u00[0-9A-Fa-f]{2}){1,64})"
_ESCAPE: Final = re.compile(r"\\+u00([0-9A-Fa-f]{2})")
# The beginning of a member of JSON in a text, up to its value: as a repr, or as a string within a string,
# whose quotes are escaped by backslashes.
_MEMBER: Final = re.compile(
    rf"""(?<!\\)(?P<quote>\\{{0,15}}["']){_NAME}(?P=quote)\s*+:\s*+(?:(?P=quote)|(?=[0-9-]))"""
)
# The same with the value, complete or truncated. The match ends before the closing quote.
_MEMBER_VALUE: Final = re.compile(
    _MEMBER.pattern.removesuffix("|(?=[0-9-]))")
    + r"""(?P<text>[^\\"']*(?:(?!(?P=quote))(?:\\.|.)[^\\"']*)*)|(?P<number>[0-9-][0-9.eE+-]*))""",
    re.DOTALL,
)
# name=value, as in a form, an environment or a connection string. "key" and "pass" are too common here.
_ASSIGNMENT: Final = re.compile(r"(?<![A-Za-z0-9_.%\\-])(?!(?i:key|pass)=)(?P<name>[A-Za-z0-9_.-]{1,64}+)=")
_ASSIGNMENT_VALUE: Final = re.compile(
    _ASSIGNMENT.pattern
    + r"""(?P<quote>\\{0,15}["'])?(?P<text>(?(quote)(?:(?!(?P=quote)).)*|[^\s"'&;,<>\\]+))""",
    re.DOTALL,
)
# A header of HTTP on a line of its own, or the end of one.
_HEADER: Final = re.compile(
    r"""\b(?P<name>(?:proxy-)?authorization|(?:set-)?cookie(?=[ \t]*:[ \t]*[^\s;=]{1,64}=)"""
    r"""|(?:x-(?:[a-z0-9]{1,20}-){1,4}|api-)(?:key|token|secret))"""
    r"""[ \t]*:[ \t]*(?P<value>[^\r\n"'\\]+)""",
    re.IGNORECASE,
)
_URL: Final = re.compile(r"""://[^\s"'\\<>]+""")
_USER: Final = re.compile(r"^://[^/?#]*@")
_PARAMETER: Final = re.compile(r"[?&;#](?P<name>[A-Za-z0-9_.-]{1,64}+)=(?P<value>[^&;#]+)")


def _is_secret(name: str) -> bool:
    # Capitals may separate words, or not: accessToken, aPI_key.
    return _has_secret_words(_WORD.findall(name)) or _has_secret_words(_WORD.findall(name.lower()))


def _has_secret_words(parts: list[str]) -> bool:
    words = [part.lower() for part in parts]
    if any(word in _ANYWHERE or word.removesuffix("s") in _ANYWHERE for word in words):
        return True
    while len(words) > 1 and words[-1] in _TAILS:
        words.pop()
    if not words:
        return False
    last = words[-1]
    if last in _LAST or last.endswith(_ENDS) or words == ["headers"]:
        return True
    singular = last.removesuffix("s")
    return (*words[-2:-1], singular) in _PAIRS or singular.endswith(_ENDS[1:])


class _Names(dict[str, bool]):
    """Cache of `_is_secret`. Bounded, in the number of names and in their length, as a peer may choose them."""

    def __missing__(self, name: str) -> bool:
        found = _is_secret(name)
        if len(name) <= _MAX_CACHED_CHARS:
            if len(self) >= _MAX_CACHED:
                self.clear()
            self[name] = found
        return found


# Returns True if a field of this name is a credential. A method of a dict, because a recorder calls it for
# every member of a frame.
is_secret: Final[Callable[[str], bool]] = _Names().__getitem__


def is_labelled_secret(members: Mapping[str, Any]) -> bool:
    """Return True for an object with a name and a value, like a header, of which the value is a credential."""
    return "value" in members and any(
        isinstance(name, str) and is_secret(name) for name in map(members.get, _LABELS)
    )


def without_keys(text: str) -> str:
    """Replace every credential in `text`, recognised by its form or by the name before it."""
    if has_key(text):
        text = _KEY.sub(REDACTED, text)
    if ":" in text:
        if "://" in text:
            text = _URL.sub(_without_login, text)
        text = _without_values(text, _MEMBER, _MEMBER_VALUE)
        if _has_header(text):
            text = _HEADER.sub(_without_value, text)
    return _without_values(text, _ASSIGNMENT, _ASSIGNMENT_VALUE) if "=" in text else text


def has_key(text: str) -> bool:
    """Return True if something in `text` has the form of a key."""
    # Most texts contain none of these parts, one of which every key has, and single characters are found
    # fastest; the regular expression alone takes ten times as long.
    may_have = (
        ("_" in text and ("k_" in text or "gh" in text or "_pat_" in text))
        or ("-" in text and any(map(text.__contains__, ("k-", "glpat", "xox", "xapp", "PRIVATE"))))
        or ("." in text and ("eyJ" in text or "ya29" in text))
        or ("A" in text and ("AIza" in text or "AKIA" in text or "ASIA" in text))
        or "bearer" in text.lower()
    )
    return may_have and _KEY.search(text) is not None


def _has_header(text: str) -> bool:
    small = text.lower()
    return "authorization" in small or "cookie" in small or "api-" in small or "x-" in small


def _without_values(text: str, beginning: re.Pattern[str], complete: re.Pattern[str]) -> str:
    """Replace the values of members or assignments whose names are those of credentials.

    The value of any other is searched too: it may be JSON itself, or a command.
    """
    pieces, done, position = list[str](), 0, 0
    while (begun := beginning.search(text, position)) is not None:
        position = begun.end()
        if is_secret(_ESCAPE.sub(_unescape, begun["name"])):
            found = complete.match(text, begun.start())
            kind = found.lastgroup if found else None
            if found is not None and kind is not None and found[kind]:
                pieces += (text[done : found.start(kind)], REDACTED if kind == "text" else "0")
                done = position = found.end()
    return "".join((*pieces, text[done:]))


def _unescape(found: re.Match[str]) -> str:
    return chr(int(found[1], 16))


def _without_login(url: re.Match[str]) -> str:
    """Remove user, password and credential parameters from a URL."""
    return _PARAMETER.sub(_without_value, _USER.sub(f"://{REDACTED}@", url[0]))


def _without_value(found: re.Match[str]) -> str:
    if not (found["value"] and is_secret(found["name"])):
        return found[0]
    return found[0].removesuffix(found["value"]) + REDACTED  # it ends with the value


def redacted(value: Any) -> Any:
    """Return a copy of a JSON value with every credential replaced."""
    if isinstance(value, dict):
        is_labelled = is_labelled_secret(value)
        return {
            key: REDACTED if is_secret(str(key)) or (is_labelled and key == "value") else redacted(item)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [redacted(item) for item in value]
    return without_keys(value) if isinstance(value, str) else value
