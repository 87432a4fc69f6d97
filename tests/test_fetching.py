from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag import fetching
from rag.articles import MAX_BYTES
from rag.catalogue import Catalogue, Failed
from rag.errors import ArticleError
from rag.fetching import fetch_article
from rag.index import CATALOGUE
from rag.ingestion import ingest
from rag.settings import Settings
from tests.conftest import BagOfWords

PAGE = b"<html><head><title>Bread</title></head><body><article><p>Anna Berg baked bread in Oslo on Monday. "
PAGE += b"She said that it was good, and that she would bake some more.</p></article></body></html>"
Reply = tuple[int, dict[str, str], bytes]


class Site(ThreadingHTTPServer):
    """A web site on loopback: path -> reply."""

    replies: dict[str, Reply]
    hosts: list[str]

    @property
    def url(self) -> str:
        return f"http://localhost:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.hosts.append(self.headers["Host"])
        status, headers, body = self.server.replies[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    with Site(("localhost", 0), _Handler) as opened:
        opened.replies = {"/bread": (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE)}
        opened.hosts = []
        thread = threading.Thread(target=opened.serve_forever)
        thread.start()
        yield opened
        opened.shutdown()
        thread.join()


def failure(url: str, *, private: bool = True, clock: Callable[[], float] = lambda: 0.0) -> str:
    with pytest.raises(ArticleError) as raised:
        fetch_article(url, private=private, clock=clock)
    return str(raised.value)


def test_a_page_becomes_an_article_named_by_its_address(site: Site) -> None:
    article = fetch_article(f"{site.url}/bread", private=True)

    assert article.uri == f"{site.url}/bread"
    assert article.title == "Bread"
    assert "baked bread in Oslo" in article.text
    assert site.hosts == [site.url.removeprefix("http://")]


def test_a_redirect_is_followed_and_the_address_as_given_stays_the_name(site: Site) -> None:
    site.replies["/old"] = (301, {"Location": "/bread"}, b"")

    assert fetch_article(f"{site.url}/old", private=True).uri == f"{site.url}/old"


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost/a",
        "http://127.0.0.1/a",
        "http://[::1]/a",
        "http://[::ffff:127.0.0.1]/a",
        "http://10.0.0.1/a",
        "http://169.254.169.254/latest/meta-data",
        "http://0.0.0.0/a",
        "http://2130706433/a",
    ],
)
def test_this_machine_and_its_network_are_not_read_unless_a_setting_says_so(url: str) -> None:
    assert failure(url, private=False) == (
        "an address of this machine or its network; set RAG_FETCH_PRIVATE=1 to allow those"
    )


def test_a_public_address_that_redirects_here_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.replies["/out"] = (302, {"Location": "http://127.0.0.1:1/secret"}, b"")
    monkeypatch.setattr(fetching, "_is_public", lambda address: address != "127.0.0.1" or not site.hosts)

    assert "of this machine" in failure(f"{site.url}/out", private=False)
    assert len(site.hosts) == 1


@pytest.mark.parametrize(
    ("path", "reply", "reason"),
    [
        ("/gone", (404, {}, b""), "its server answered with 404"),
        ("/a.pdf", (200, {"Content-Type": "application/pdf"}, b"%PDF"), "application/pdf: only pages and"),
        ("/empty", (200, {"Content-Type": "text/plain"}, b" "), "empty file"),
        ("/huge", (200, {"Content-Type": "text/plain"}, b"a" * (MAX_BYTES + 1)), "larger than 20 MB"),
        ("/round", (302, {"Location": "/round"}, b""), "more than 5 redirects"),
        ("/file", (302, {"Location": "file:///etc/passwd"}, b""), "not an address that begins with http"),
    ],
)
def test_what_is_no_article_has_a_reason(site: Site, path: str, reply: Reply, reason: str) -> None:
    site.replies[path] = reply

    assert failure(f"{site.url}{path}").startswith(reason)


def test_a_page_that_takes_too_long_is_given_up(site: Site) -> None:
    times = iter([0.0, 21.0])

    assert failure(f"{site.url}/bread", clock=lambda: next(times)) == "it took longer than 20 seconds"


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://name:word@localhost/a", "an address with a password in it is not read"),
        ("http://no-such-host.invalid/a", "no such host; check the spelling, or the network"),
        ("http://127.0.0.1:1/a", "its server cannot be reached"),
        ("http:///a", "not an address that begins with http:// or https://"),
    ],
)
def test_an_address_that_leads_nowhere_has_a_reason(url: str, reason: str) -> None:
    assert failure(url) == reason


def test_addresses_are_ingested_as_files_are(site: Site, tmp_path: Path) -> None:
    settings = Settings(fetch_private=True)
    index, page, gone = tmp_path / "index", f"{site.url}/bread", f"{site.url}/gone"
    site.replies["/gone"] = (404, {}, b"")

    first = ingest([page, gone], index=index, settings=settings, embedding=BagOfWords())
    second = ingest(page, index=index, settings=settings, embedding=BagOfWords())

    failed = Failed(gone, "its server answered with 404")
    assert (first.added, first.failed, second.unchanged) == ([page], [failed], [page])
    catalogue = Catalogue(index / CATALOGUE)
    assert catalogue.failures() == [failed]
    catalogue.close()
