"""Markdown and HTML -> the words that a reader sees."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING, NamedTuple

import markdown_it
from markdown_it.token import Token

from .decoding import decode
from .errors import ArticleError

if TYPE_CHECKING:
    from lxml.html import HtmlElement  # type: ignore[import-untyped]  # lxml has no types

_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.IGNORECASE)
_UNSEEN = (
    "//script | //style | //template | //noscript | //*[@hidden] | //*[@aria-hidden='true']"
    " | //*[contains(translate(@style, ' ', ''), 'display:none')]"
    " | //*[contains(translate(@style, ' ', ''), 'visibility:hidden')]"
)


class Draft(NamedTuple):
    """What a file's format gives: the text, and what it says about itself."""

    text: str
    title: str | None = None
    source: str | None = None
    date: str | None = None


def read_markdown(text: str) -> tuple[str | None, str]:
    """Return the first heading and the words of a Markdown text, without marks, links and HTML."""
    blocks: list[str] = []
    heading: str | None = None
    previous = ""
    for token in markdown_it.MarkdownIt("commonmark").parse(text):
        words = _block_words(token)
        if previous == "heading_open" and heading is None:
            heading = words
        blocks.append(words)
        previous = token.type
    return heading, "\n\n".join(block for block in blocks if block.strip())


def _block_words(token: Token) -> str:
    if token.type == "inline":
        return "".join(_inline_words(child) for child in token.children or [])
    if token.type in {"fence", "code_block"}:
        return token.content.rstrip()
    if token.type == "html_block":
        root = _parse(token.content)
        return "" if root is None else str(root.text_content()).strip()
    return ""


def _inline_words(token: Token) -> str:
    if token.type in {"text", "code_inline", "image"}:
        return token.content
    return "\n" if token.type in {"softbreak", "hardbreak"} else ""


def read_html(raw: bytes) -> Draft:
    """Return the article of a web page: its text, without what surrounds it and what is hidden.

    Raises ArticleError when none is found.
    """
    import trafilatura  # 0.15 s that plain files do not need

    logging.getLogger("trafilatura").addHandler(logging.NullHandler())  # it reports on stderr
    declared = _CHARSET.search(raw[:4096])
    root = _parse(decode(raw, declared=declared[1].decode("ascii", "ignore") if declared else None))
    try:
        found = trafilatura.bare_extraction(root, include_comments=False, with_metadata=True)
    except Exception:  # noqa: BLE001  # whatever a hostile page makes it raise
        found = None
    if found is None or isinstance(found, dict) or not found.text:
        raise ArticleError("no article text found in this HTML")
    blocks = (line.strip() for line in found.text.splitlines())
    text = "\n\n".join(line for line in blocks if line)
    return Draft(text, found.title, found.sitename or found.hostname, found.date)


def _parse(markup: str) -> HtmlElement | None:
    """Parse HTML and drop what is not shown; None when there is nothing in it."""
    import lxml.etree  # type: ignore[import-untyped]  # lxml has no types
    import lxml.html  # with trafilatura, what plain files do not need

    parser = lxml.html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    try:
        root = lxml.html.document_fromstring(markup.encode("utf-8", "replace"), parser=parser)
    except lxml.etree.LxmlError:
        return None
    for element in root.xpath(_UNSEEN):
        if element.getparent() is not None:
            element.drop_tree()
    return root
