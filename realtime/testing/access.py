"""Access: the server refuses web pages, which a browser would let connect to this machine.

A browser names the page that opens a WebSocket in ``Origin`` and connects wherever the page wants, also to
127.0.0.1. A page whose own name was made to resolve to 127.0.0.1 (DNS rebinding) sends that name in
``Host``. Both must name this machine. Other clients send no Origin, and the Host of their URL.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from websockets.datastructures import Headers

from ..errors import snippet

# RFC 6454, section 6.2: a scheme, a host and a port, or "null" for a page without an address (a file, a
# sandboxed frame), which may be anyone's.
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*://", re.IGNORECASE)
# RFC 3986, section 3.2.2: an IPv6 address in brackets, or a name or IPv4 address; the port may be empty.
_HOST_AND_PORT: Final = re.compile(
    r"(?:\[(?P<ipv6>[0-9a-f:.]+)\]|(?P<name>[^\s:/?#@\\\[\]]+))(?::\d*)?", re.IGNORECASE
)
# The subprotocol in which a browser sends its key: it cannot set headers.
_KEY_SUBPROTOCOL: Final = "openai-insecure-api-key."
_REFUSED: Final = (
    "The {header} {value!r} is not this machine: the server refuses web pages of other sites. To allow it: "
    "LoopbackServer(allowed_hosts=[{host!r}]) or `python -m realtime serve --allow-host {host}`."
)


def check_hosts(allowed_hosts: Iterable[str]) -> frozenset[str]:
    """Return the normalised names of `allowed_hosts`.

    Raises:
        TypeError: `allowed_hosts` is not a list of str.
    """
    if isinstance(allowed_hosts, (str, bytes)):
        raise TypeError("allowed_hosts must be a list of host names")
    hosts = [*allowed_hosts]
    for host in hosts:
        if not isinstance(host, str):
            raise TypeError(f"allowed_hosts must contain str, not {type(host).__name__}")
    return frozenset(_host(host) for host in hosts)


def refusal_of(headers: Headers, allowed_hosts: frozenset[str]) -> str | None:
    """Return why a request with these headers is refused, and how to allow it; None if it is accepted."""
    for header in ("Host", "Origin"):
        for value in headers.get_all(header):
            host = _host(value)
            if not (_is_local(host) or host in allowed_hosts):
                return _REFUSED.format(header=header, value=snippet(value), host=snippet(host))
    return None


def key_of(headers: Headers) -> str | None:
    """Return the API key or client secret of a request; None if it has none.

    It is in ``Authorization``, in Azure's ``api-key``, or in a subprotocol of a browser's WebSocket.
    """
    for value in headers.get_all("Authorization"):
        scheme, _, key = value.strip().partition(" ")
        if scheme.lower() == "bearer":
            return key.strip()
    for offered in ",".join(headers.get_all("Sec-WebSocket-Protocol")).split(","):
        if offered.strip().startswith(_KEY_SUBPROTOCOL):
            return offered.strip().removeprefix(_KEY_SUBPROTOCOL)
    return next(iter(headers.get_all("api-key")), None)


def _host(value: str) -> str:
    """Return the host in a Host or an Origin, in lower case and without its port, or all of `value`."""
    found = _HOST_AND_PORT.fullmatch(_SCHEME.sub("", value, count=1))
    host = value if found is None else found["ipv6"] or found["name"]
    return host.lower().rstrip(".")


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
