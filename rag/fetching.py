"""A URL -> an Article: a page or text read over HTTP, from public addresses unless a setting allows others.

A name is resolved once, its addresses are checked, and the connection goes to the checked one, so that a
name cannot point elsewhere a moment later. Each redirect is checked the same way. Proxies are not used.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import httpx

from .articles import MAX_BYTES, parse_article, too_large
from .errors import ArticleError
from .schema import Article

TIMEOUT = 20.0
"""Seconds for everything: all redirects, and the last byte."""
_REDIRECTS = 5
_KINDS = {
    "text/html": ".html",
    "application/xhtml+xml": ".html",
    "text/plain": ".txt",
    "text/markdown": ".md",
    "": ".html",
}
_HEADERS = {"User-Agent": "Footnoted", "Accept": "text/html, text/plain, text/markdown"}


class _Place(NamedTuple):
    """A URL, and the address that its host has."""

    url: httpx.URL
    address: str


def is_url(text: str) -> bool:
    """Say whether a text is a URL that can be read."""
    return text.lower().startswith(("http://", "https://"))


def fetch_article(url: str, *, private: bool = False, clock: Callable[[], float] = time.monotonic) -> Article:
    """Read a page or text; its identity is the URL as given. `private` allows this machine and its network.

    Raises ArticleError, naming the reason, when it cannot be read or is no article.
    """
    deadline = clock() + TIMEOUT
    at = url
    try:
        with httpx.Client(trust_env=False, timeout=TIMEOUT, headers=_HEADERS) as client:
            for _ in range(_REDIRECTS + 1):
                with _opened(client, _place(at, private=private)) as response:
                    if not response.has_redirect_location:
                        return parse_article(_body(response, deadline, clock), _suffix(response), uri=url)
                    at = urljoin(at, response.headers["Location"])
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
        raise ArticleError(_cause(error)) from None
    raise ArticleError(f"more than {_REDIRECTS} redirects")


def _place(url: str, *, private: bool) -> _Place:
    """Resolve the host of a URL, and check where it is."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ArticleError("not an address that begins with http:// or https://")
    if parts.username or parts.password:
        raise ArticleError("an address with a password in it is not read")
    try:
        found = socket.getaddrinfo(parts.hostname, None, type=socket.SOCK_STREAM)
    except OSError:
        raise ArticleError("no such host; check the spelling, or the network") from None
    addresses = [str(entry[4][0]) for entry in found]
    if not private and not all(map(_is_public, addresses)):
        raise ArticleError(
            "an address of this machine or its network; set RAG_FETCH_PRIVATE=1 to allow those"
        )
    return _Place(httpx.URL(url), addresses[0])


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (inner or found).is_global and not (inner or found).is_multicast


@contextmanager
def _opened(client: httpx.Client, place: _Place) -> Iterator[httpx.Response]:
    """Ask the checked address in the name of the host."""
    request = client.build_request("GET", place.url.copy_with(host=place.address, fragment=None))
    request.headers["Host"] = place.url.netloc.decode("ascii")
    request.extensions["sni_hostname"] = place.url.host
    response = client.send(request, stream=True)
    try:
        yield response
    finally:
        response.close()


def _body(response: httpx.Response, deadline: float, clock: Callable[[], float]) -> bytes:
    if response.status_code != httpx.codes.OK:
        raise ArticleError(f"its server answered with {response.status_code}")
    raw = bytearray()
    for chunk in response.iter_bytes():
        raw += chunk
        if len(raw) > MAX_BYTES:
            raise too_large()
        if clock() > deadline:
            raise ArticleError(f"it took longer than {TIMEOUT:.0f} seconds")
    return bytes(raw)


def _suffix(response: httpx.Response) -> str:
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if kind not in _KINDS:
        raise ArticleError(f"{kind}: only pages and plain text are read")
    return _KINDS[kind]


def _cause(error: Exception) -> str:
    if isinstance(error, httpx.TimeoutException):
        return f"it took longer than {TIMEOUT:.0f} seconds"
    if isinstance(error, httpx.ConnectError):
        return "its server cannot be reached"
    return f"it could not be read ({type(error).__name__})"
