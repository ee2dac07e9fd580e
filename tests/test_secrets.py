"""Credentials: every name and form that the documentation lists is replaced, and nothing of the protocol is."""

from __future__ import annotations

import importlib
import itertools
import json
import pkgutil
import re
import string
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

import realtime
from realtime._secrets import (
    KEY_STARTS,
    REDACTED,
    has_key,
    is_labelled_secret,
    is_secret,
    redacted,
    without_keys,
)
from tests import cases
from tests.work import count_lines

# --- Names ---------------------------------------------------------------------------

SECRET_NAMES = [
    "authorization",
    "proxy-authorization",
    "Authorization",
    "headers",
    "http_headers",
    "default_headers",
    "response-headers",
    "customHeaders",
    "request-headers",
    "cookie",
    "set-cookie",
    "Set-Cookie",
    "SetCookie",
    "cookies",
    "cookie_jar",
    "key",
    "api_key",
    "aPi_kEY",
    "API_kEY",
    "apikey",
    "APIKEY",
    "apiKey",
    "APIKey",
    "api_keys",
    "apikeys",
    "x-api-key",
    "X-Api-Key",
    "openai_api_key",
    "OPENAI_API_KEY",
    "access_key",
    "accesskey",
    "accessKeyId",
    "access_key_id",
    "accesskeyid",
    "AWS_SECRET_ACCESS_KEY",
    "private_key",
    "privateKeyPem",
    "private_keys",
    "myprivatekey",
    "access_keys",
    "signing_keys",
    "ssh_keys",
    "signing-key",
    "secretkey",
    "encryption_keys",
    "authkey",
    "key1",
    "api_key_2",
    "AccountKey",
    "token",
    "access_token",
    "accessToken",
    "accesstoken",
    "access_tokens",
    "refresh_token",
    "refreshTokens",
    "id_token",
    "idTokens",
    "bearer_token",
    "x_csrf_token",
    "csrftoken",
    "sessionToken",
    "X-Amz-Security-Token",
    "token_value",
    "auth_tokens",
    "api_tokens",
    "oauth_tokens",
    "token_hash",
    "TOKEN",
    "token2",
    "secret",
    "secrets",
    "secret_text",
    "client_secret",
    "client_secrets",
    "clientSecret",
    "clientSecrets",
    "clientsecret",
    "clientsecrets",
    "webhook.secret",
    "shared-secret-key",
    "secretValue",
    "password",
    "passwords",
    "passwd",
    "PASSWD",
    "passphrase",
    "passphrases",
    "passcode",
    "passkey",
    "password_hash",
    "password_hint",
    "passwd_file",
    "dbpasswd",
    "db.password",
    "dbpassword",
    "dbpasswords",
    "userPassword",
    "password2",
    "pwd",
    "mysql_pwd",
    "pass",
    "db_pass",
    "smtpPass",
    "credential",
    "credentials",
    "dbcredential",
    "db_credentials",
    "credentialsJson",
    "creds",
    "awsCred",
    "jwt",
    "jwts",
    "JWT_TOKEN",
    "bearer",
    "auth",
    "basic_auth",
    "proxyAuth",
    "authentication",
    "csrf",
    "_csrf",
    "XSRF-TOKEN",
    "xsrf",
    "otp",
    "totp_code",
    "pin",
    "card_pin",
    "pin_code",
    "cvv",
    "cvc",
    "ssn",
    "security_code",
    "accessCode",
    "recovery_codes",
    "backup-codes",
    "verificationCode",
    "auth_code",
    "signature",
    "X-Amz-Signature",
    "sig",
    "webhook-signature",
    "connection_string",
    "connectionString",
    "safety_identifier",
    "safetyIdentifier",
]
OTHER_NAMES = [
    "tokens",
    "total_tokens",
    "max_output_tokens",
    "input_token_details",
    "token_limits",
    "token_count",
    "token_type",
    "tokenizer",
    "totaltokens",
    "tokens_per_minute",
    "cached_tokens_details",
    "logit_bias_tokens",
    "prompt_tokens",
    "tokenised",
    "keys",
    "keyboard",
    "keywords",
    "keyword",
    "monkey",
    "turkey",
    "key_points",
    "hotkeys",
    "primary_color",
    "keynote",
    "author",
    "authors",
    "authored_by",
    "authority",
    "secretary",
    "secretariat",
    "secrete",
    "compass",
    "bypass",
    "passenger",
    "passed",
    "passing",
    "encompass",
    "pinned",
    "pinnacle",
    "spin",
    "opinion",
    "signal",
    "design",
    "assign",
    "sign",
    "cookiecutter",
    "code",
    "error_code",
    "error_codes",
    "country_code",
    "status_code",
    "zip_code",
    "codec",
    "session",
    "session_id",
    "sid",
    "call_sid",
    "call_id",
    "header",
    "headers_sent",
    "sip_headers",
    "extra_headers",
    "digit",
    "digits",
    "string",
    "connection",
    "identifier",
    "email",
    "value",
    "hash",
    "pem",
    "name",
    "id",
    "headersCount",
    "jwtless",
]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_credentials(name: str) -> None:
    assert is_secret(name)
    assert redacted({name: "x", "a": [{name: {"b": 1}}]}) == {name: REDACTED, "a": [{name: REDACTED}]}


@pytest.mark.parametrize("name", [*OTHER_NAMES, "", "_", "é", "密码", "1", " "])
def test_other_names(name: str) -> None:
    assert not is_secret(name)
    assert redacted({name: "x"}) == {name: "x"}


def structs(base: type = msgspec.Struct) -> Iterator[type]:
    children: list[type] = base.__subclasses__()
    for each in children:
        yield each
        yield from structs(each)


def names_in(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from names_in(item)


def protocol_names() -> set[str]:
    """Return the name of every field of every Struct of this package and of every frame of the tables."""
    for module in pkgutil.walk_packages(realtime.__path__, "realtime."):
        is_optional = module.name.endswith("__main__") or ".integrations." in module.name
        if module.name.count(".") < 3 and not is_optional:
            importlib.import_module(module.name)
    found = {name for _, _, frame in cases.ALL for name in names_in(json.loads(frame))}
    for each in structs():
        if each.__module__.startswith("realtime"):
            found.update(each.__struct_encode_fields__)  # type: ignore[attr-defined]
    return found


def test_the_protocol_has_only_these_credentials() -> None:
    """`token` is that of a log probability, which a recorder retains (see test_redact).

    Qwen's `max_response_output_token` is a number, and the `key` of a file filter the name of an attribute, which
    are no credentials.
    """
    assert {name for name in protocol_names() if is_secret(name)} == {
        "authorization", "client_secret", "domain_secrets", "headers", "key", "max_response_output_token",
        "safety_identifier", "token",
    }  # fmt: skip


@pytest.mark.parametrize("label", ["name", "key", "header"])
@pytest.mark.parametrize("name", ["Authorization", "set-cookie", "X-Api-Key"])
def test_the_value_beside_the_name_of_a_credential(label: str, name: str) -> None:
    assert is_labelled_secret({label: name, "value": 1})
    assert redacted([{label: name, "value": "s"}])[0]["value"] == REDACTED
    for other in (
        {label: "Accept", "value": "s"},
        {label: 5, "value": "s"},
        {label: name},
        {"value": "s"},
        {},
    ):
        assert not is_labelled_secret(other)
        assert "s" not in other.values() or redacted(other)["value"] == "s" or other.get("key") == name


def test_names_are_cached_in_bounded_memory() -> None:
    names = is_secret.__self__  # type: ignore[attr-defined]
    for n in range(3000):
        assert is_secret(f"name{n}_password")
        assert not is_secret(f"{n}x" * 100)
        assert len(names) <= 1024
    assert max(map(len, names)) <= 64
    assert is_secret("x" * 64 + "_token")
    for length in (64, 65):
        is_secret("y" * length)
        assert ("y" * length in names) == (length == 64)
    assert redacted({5: "x", None: "y"}) == {5: "x", None: "y"}


# --- Texts ----------------------------------------------------------------------------

ALNUM = string.digits + string.ascii_uppercase + string.ascii_lowercase  # begins like no key
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE-pA==\n-----END RSA PRIVATE KEY-----"
# Each with the shortest form that is recognised.
FORMS = {
    "OpenAI": "sk-" + ALNUM[:8], "OpenAI project": "sk-proj-" + ALNUM[:20], "ephemeral": "ek_" + ALNUM[:8],
    "Stripe": "sk_live_" + ALNUM[:8], "Stripe restricted": "rk_test_" + ALNUM[:8],
    **{f"GitHub {kind}": f"gh{kind}_" + "0" * 36 for kind in "opsur"},
    "GitHub fine-grained": "github_pat_" + ALNUM[:22], "GitLab": "glpat-" + ALNUM[:20],
    "Slack bot": "xoxb-" + ALNUM[:10], "Slack user": "xoxp-1-2-" + ALNUM[:10], "Slack app": "xapp-" + ALNUM[:10],
    "AWS": "AKIAIOSFODNN7EXAMPLE", "AWS session": "ASIAIOSFODNN7EXAMPLE",
    "Google": "AIza" + ALNUM[:35], "Google OAuth": "ya29." + ALNUM[:20],
    "JWT": JWT, "JWT without signature": "eyJhIjoxfQ.eyJiIjoxfQ.",
    "private key": PEM, "truncated private key": PEM[:40], "PKCS 8": PEM.replace("RSA ", ""),
}  # fmt: skip
NOT_FORMS = [
    "sk-short", "task-management-system", "risk_assessment_of_it", "eyJust a word. eyJa.b", "ghost_writer",
    "gho_" + ALNUM[:35], "AKIA and ASIA", "AKIAIOSFODNN7EXAMPL", "XAKIAIOSFODNN7EXAMPLE", "xoxo-", "ya29.short",
    "bearer", "the bearers of it", "-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----", "AIzaShort",
    "PRIVATE KEY", "glpat-x", "github_pat_x", "rk_other_aaaaaaaaaaaaa",
]  # fmt: skip


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize(
    ("before", "after"), [("", ""), ("use ", " now"), ("(", ")"), ("é", "\n"), ("a: ", ".")]
)
def test_a_text_with_the_form_of_a_key(form: str, before: str, after: str) -> None:
    if before == "é":
        before = "é "
    if "truncated" in form or form == PEM[:40]:
        after = ""
    assert has_key(before + form + after)
    assert re.search(KEY_STARTS, before + form + after)
    clean = without_keys(before + form + after)
    assert clean in {f"{before}{REDACTED}{after}", f"{before}{REDACTED}"}
    assert without_keys(clean) == clean


@pytest.mark.parametrize("text", NOT_FORMS)
def test_other_texts(text: str) -> None:
    assert not has_key(text)
    assert without_keys(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: <redacted>"),
        ("a\nproxy-authorization :Digest a, b\r\nHost: x", "a\nproxy-authorization :<redacted>\r\nHost: x"),
        ("Cookie: a=b; c=d", "Cookie: <redacted>"),
        ("curl -H 'Set-Cookie: sid=1' x", "curl -H 'Set-Cookie: <redacted>' x"),
        ("X-Api-Key: abc", "X-Api-Key: <redacted>"),
        ("x-goog-api-key:abc", "x-goog-api-key:<redacted>"),
        ("api-key: abc", "api-key: <redacted>"),
        ("X-Vault-Token: abc", "X-Vault-Token: <redacted>"),
        ("my favourite cookie: chocolate", "my favourite cookie: chocolate"),
        ("X-Request-Id: abc", "X-Request-Id: abc"),
        ("max-key: 3, the keys: a, token: the word", "max-key: 3, the keys: a, token: the word"),
        ("password=hunter2&x=1", "password=<redacted>&x=1"),
        ("DB_PASSWORD=hunter2 run", "DB_PASSWORD=<redacted> run"),
        ('Client(api_key="two words", n=1)', 'Client(api_key="<redacted>", n=1)'),
        ("Client(api_key='it', n=1)", "Client(api_key='<redacted>', n=1)"),
        ('say \\"secret=\\"abc\\"\\"', 'say \\"secret=\\"<redacted>\\"\\"'),
        ("AccountName=a;AccountKey=b==;x=1", "AccountName=a;AccountKey=<redacted>;x=1"),
        ("max_tokens=5 keys=2 key=x pass=3 token=", "max_tokens=5 keys=2 key=x pass=3 token="),
        ('cmd="password=hunter2 x"', 'cmd="password=<redacted> x"'),
        ("a==b, x=y", "a==b, x=y"),
        ('token="" secret="a\nb" pwd=c', 'token="" secret="<redacted>" pwd=<redacted>'),
        ('{"token":"", "secret":"a\\\nb", "pwd":"c"}', '{"token":"", "secret":"<redacted>", "pwd":"<redacted>"}'),
        ('so {"to\\u006Ben":"s", "to\\u006ben":"s"}', 'so {"to\\u006Ben":"<redacted>", "to\\u006ben":"<redacted>"}'),
        ("https://me:pw@host:1/p?key=1&sig=2&b=3#token=4", "https://<redacted>@host:1/p?key=<redacted>&sig=<redacted>&b=3#token=<redacted>"),
        ("postgres://me:pw@host/db", "postgres://<redacted>@host/db"),
        ('{"api_key": "x", "a', '{"api_key": "<redacted>", "a'),
        ('"pin": 1234, "x": 5', '"pin": 0, "x": 5'),
        ("{'otp': -12.5e3}", "{'otp': 0}"),
        ('so {"body":"{\\"token\\":\\"s3cret\\"}"}', 'so {"body":"{\\"token\\":\\"<redacted>\\"}"}'),
        ('so {"a":{"b":"it\'s","token":"s3cret"}}', 'so {"a":{"b":"it\'s","token":"<redacted>"}}'),
        ('so {"a":"b","api\\u005fkey":"s"}', 'so {"a":"b","api\\u005fkey":"<redacted>"}'),
        ('so {"\\u0061uthorization":"s"}', 'so {"\\u0061uthorization":"<redacted>"}'),
        ('so {\\"tok\\\\u0065n\\":\\"s\\"}', 'so {\\"tok\\\\u0065n\\":\\"<redacted>\\"}'),
        ('so {"token":"cut of', 'so {"token":"<redacted>'),
        ('so {"token":"a\\"b', 'so {"token":"<redacted>'),
        ('{"city":"Paris","n":5}', '{"city":"Paris","n":5}'),
        ('{"token":null,"x":"y"}', '{"token":null,"x":"y"}'),
        ("Bearer abc.def and BEARER\tghi", "<redacted> and <redacted>"),
    ],
)  # fmt: skip
def test_names_and_values_in_a_text(text: str, clean: str) -> None:
    assert without_keys(text) == clean
    assert without_keys(clean) == clean
    assert redacted([text]) == [clean]


@given(st.text("ab:=\"'\\ {},?&/@.-_s3k0eyJBearAKIghp\n", max_size=60))
def test_redacting_twice_changes_nothing(text: str) -> None:
    clean = without_keys(text)
    assert without_keys(clean) == clean


@given(st.sampled_from([*FORMS.values()]), st.text(max_size=20), st.text(max_size=20))
def test_a_key_between_words_is_always_replaced(form: str, before: str, after: str) -> None:
    assert form not in without_keys(f"{before} {form} {after}")


@pytest.mark.parametrize(
    "text",
    [
        '"a":', "'", '"', "\\", "\\\"", "a=", "=", "token=", 'token="', "://a@", "?a=b", "bearer ", "eyJa.", "sk-",
        '"token":"a', "x-a-", "cookie:", "-----BEGIN PRIVATE KEY-----", "-", "a", "\\u0061", '"\\u0061', "x-", "gh",
    ],
)  # fmt: skip
def test_the_work_for_a_text_grows_with_it_and_not_faster(text: str) -> None:
    small, large = (count_lines(without_keys, text * n) for n in (1000, 10_000))
    assert large <= 12 * small


def test_every_form_is_found_in_every_position_of_a_long_text() -> None:
    words = ["word"] * 50
    for form, at in itertools.product(FORMS.values(), (0, 25, 50)):
        if form != PEM[:40]:
            assert form not in without_keys(" ".join([*words[:at], form, *words[at:]]))
