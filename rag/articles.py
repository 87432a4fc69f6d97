"""A file -> an Article: format, encoding, title, date, source, text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import charset_normalizer
import markdown_it
from markdown_it.token import Token

from .errors import ArticleError, UsageError
from .schema import Article
from .sentences import sentence_spans

SUFFIXES = frozenset({".txt", ".md", ".html", ".htm"})
MAX_BYTES = 20_000_000
"""A larger file is no news article; it is refused before it is read."""
TITLE_LENGTH = 80
"""Longest title made from a text, in characters."""

_CREDIT = re.compile(
    r"^\W*(?:based on(?: an?)?|source\s*:|with inputs from|\(?with inputs from)\s+(?P<name>[^.\n]{2,60}?)"
    r"(?:\s+reports?)?\W*$",
    re.IGNORECASE | re.MULTILINE,
)
_FRONT_MATTER = re.compile(r"\A---\n(?P<fields>.*?)\n---\n", re.DOTALL)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")


class Draft(NamedTuple):
    """What a format gives: the text, and what it says about itself."""

    text: str
    title: str | None = None
    source: str | None = None
    date: str | None = None


class FoundFile(NamedTuple):
    """A file to read, and whether its folder's walk passed over it as a link."""

    path: Path
    is_link: bool = False


def find_files(paths: Iterable[Path]) -> Iterator[FoundFile]:
    """Yield the article files among paths: a named file as it is, a folder's files in order.

    Hidden files, other suffixes and other kinds of file are passed over inside folders; links
    inside folders are yielded as links, since they may lead out of the folder.
    Raises UsageError for a path that does not exist.
    """
    for path in paths:
        if path.is_dir():
            yield from _walk(path)
        elif path.exists() or path.is_symlink():
            yield FoundFile(path)
        else:
            raise UsageError(f"{path} does not exist; check the spelling.")


def _walk(folder: Path) -> Iterator[FoundFile]:
    for path in sorted(folder.rglob("*")):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if hidden or path.suffix.lower() not in SUFFIXES:
            continue
        if path.is_symlink():
            yield FoundFile(path, is_link=True)
        elif path.is_file():
            yield FoundFile(path)


def uri_of(path: Path) -> str:
    """Return the identity of a file: the `file:` URI of its absolute path."""
    return path.resolve().as_uri()


def read_article(path: Path) -> Article:
    """Read one file.

    Raises ArticleError, naming the reason, when the file is no readable text with words in it.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ArticleError(f"{suffix or 'no suffix'}: only .txt, .md and .html are read")
    raw = _read_bytes(path)
    draft = _read_html(raw) if suffix in {".html", ".htm"} else _read_plain(raw, suffix)
    if not re.search(r"\w", draft.text):
        raise ArticleError("no text in it")
    return Article(
        uri=uri_of(path),
        title=draft.title or _title_from(draft.text) or path.stem,
        text=draft.text,
        source=draft.source or _credit(draft.text),
        date=draft.date,
    )


def _read_bytes(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ArticleError("not a regular file")
        if path.stat().st_size > MAX_BYTES:
            raise ArticleError(f"larger than {MAX_BYTES // 1_000_000} MB")
        return path.read_bytes()
    except OSError as error:
        raise ArticleError(f"cannot be read ({(error.strerror or str(error)).lower()})") from None


def _decode(raw: bytes) -> str:
    """Decode UTF-8, marked UTF-16 or UTF-32, or else what charset-normalizer finds; LF line ends."""
    if not raw.strip():
        raise ArticleError("empty file")
    text = _try_unicode(raw)
    if text is None:
        if b"\x00" in raw:
            raise ArticleError("binary file, not text")
        best = charset_normalizer.from_bytes(raw).best()
        if best is None:
            raise ArticleError("encoding not recognised; save it as UTF-8")
        text = str(best)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(_UNSHOWN.findall(text)) > len(text) / 100:
        raise ArticleError("binary file, not text")
    return text.replace("\x00", " ")


def _try_unicode(raw: bytes) -> str | None:
    marks = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\x00\x00": "utf-32", b"\x00\x00\xfe\xff": "utf-32",
             b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}  # fmt: skip
    encoding = next((name for mark, name in marks.items() if raw.startswith(mark)), "utf-8")
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None


def _read_plain(raw: bytes, suffix: str) -> Draft:
    text = _decode(raw)
    fields: dict[str, str] = {}
    if match := _FRONT_MATTER.match(text):
        fields = _fields(match["fields"])
        text = text[match.end() :]
    title = fields.get("title")
    if suffix == ".md":
        heading, text = _plain_markdown(text)
        title = title or heading
    else:
        title = title or _headline(text)
    return Draft(text, title, fields.get("source"), _iso_date(fields.get("date")))


def _fields(block: str) -> dict[str, str]:
    """Read `key: value` lines, as they stand above an article between two `---`."""
    pairs = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    return {key.strip().lower(): value.strip().strip("\"'") for key, value in pairs if value.strip()}


def _iso_date(value: str | None) -> str | None:
    match = _ISO_DATE.search(value or "")
    return match.group() if match else None


def _plain_markdown(text: str) -> tuple[str | None, str]:
    """Return the first heading and the words of a Markdown text, without marks, links and HTML."""
    blocks: list[str] = []
    heading: str | None = None
    previous = ""
    for token in markdown_it.MarkdownIt("commonmark").parse(text):
        if token.type == "inline":
            words = _inline_words(token)
            if previous == "heading_open" and heading is None:
                heading = words
            blocks.append(words)
        elif token.type in {"fence", "code_block"}:
            blocks.append(token.content.rstrip())
        previous = token.type
    return heading, "\n\n".join(block for block in blocks if block.strip())


def _inline_words(token: Token) -> str:
    words = []
    for child in token.children or []:
        if child.type in {"text", "code_inline"}:
            words.append(child.content)
        elif child.type in {"softbreak", "hardbreak"}:
            words.append("\n")
    return "".join(words)


def _read_html(raw: bytes) -> Draft:
    import trafilatura  # 0.15 s that plain files do not need

    if not raw.strip():
        raise ArticleError("empty file")
    found = trafilatura.bare_extraction(raw, include_comments=False, with_metadata=True)
    text = found.text if found is not None and not isinstance(found, dict) else None
    if not text or found is None or isinstance(found, dict):
        raise ArticleError("no article text found in this HTML")
    return Draft(text, found.title, found.sitename or found.hostname, _iso_date(found.date))


def _headline(text: str) -> str | None:
    """Return the first line when it stands alone, is short and does not end as a sentence does."""
    first, _, rest = text.lstrip().partition("\n")
    alone = bool(rest.strip()) and rest.startswith("\n")
    if alone and 0 < len(first.strip()) <= 150 and first.strip()[-1] not in ".,;:":
        return first.strip()
    return None


def _title_from(text: str) -> str:
    """Return the first sentence, shortened at a word when it is long."""
    spans = sentence_spans(text[:5_000])
    sentence = " ".join(text[spans[0].start : spans[0].end].split()) if spans else ""
    if len(sentence) <= TITLE_LENGTH:
        return sentence.rstrip(".")
    cut = sentence[:TITLE_LENGTH].rsplit(" ", 1)[0]
    return cut.rstrip(" ,;:–—-") + "…"


def _credit(text: str) -> str | None:
    """Return the source that a credit line of its own names, such as `Based On ANI Report`."""
    match = _CREDIT.search(text)
    return match["name"].strip() if match else None
