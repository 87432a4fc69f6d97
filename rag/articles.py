"""A file -> an Article: format, encoding, title, date, source, text."""

from __future__ import annotations

import datetime as dt
import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from .decoding import decode
from .errors import ArticleError
from .markup import Draft, read_html, read_markdown
from .schema import Article
from .sentences import sentence_spans

SUFFIXES = frozenset({".txt", ".md", ".html", ".htm"})
MAX_BYTES = 20_000_000
"""A larger file is no news article; it is refused before it is read."""
TITLE_LENGTH = 80
"""Longest title made from a text, in characters."""
HEADLINE_LENGTH = 150
"""Longest first line that is taken for a headline, in characters."""

_CREDIT = re.compile(
    r"^[^\w\n]*(?:based on(?: an?)?|source\s*:|with inputs from)\s+(?P<name>[^.\n]{2,60}?)"
    r"(?:\s+reports?)?[^\w\n]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""One line; nothing in it runs over line ends, or a file of blank lines would take hours."""
_FRONT_MATTER = re.compile(r"\A---[^\S\n]*\n(?P<fields>.*?)\n---[^\S\n]*(?:\n|\Z)", re.DOTALL)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")


class FoundFile(NamedTuple):
    """A path to read as an article, or the reason why it cannot be."""

    path: Path
    failure: str | None = None
    is_folder: bool = False
    """What failed is a folder: nothing is known of the files in it."""


def find_files(paths: Iterable[Path]) -> Iterator[FoundFile]:
    """Yield the article files among paths: a named file as it is, a folder's files in order.

    Inside folders, hidden files, other suffixes and other kinds of file are passed over. Links are not
    followed there, since they may lead out of the folder or round in circles.
    """
    for path in paths:
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:  # ValueError: a NUL in the name
            yield FoundFile(path, _reason(error))
        else:
            if stat.S_ISDIR(mode):
                yield from _walk(path)
            else:
                yield FoundFile(path)


def _walk(folder: Path) -> Iterator[FoundFile]:
    unlisted: list[OSError] = []
    for parent, folders, files in os.walk(folder, onerror=unlisted.append):
        links = [name for name in folders if (Path(parent) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files + links):
            path = Path(parent) / name
            if name.startswith(".") or (path.suffix.lower() not in SUFFIXES and name not in links):
                continue
            if path.is_symlink():
                yield FoundFile(path, "a link inside a folder is not followed; name it to ingest it")
            elif path.is_file():
                yield FoundFile(path)
    for error in unlisted:
        yield FoundFile(Path(str(error.filename)), _reason(error), is_folder=True)


def uri_of(path: Path) -> str:
    """Return the identity of a file: the `file:` URI of its absolute path, links followed."""
    try:
        return path.resolve().as_uri()
    except (OSError, RuntimeError, ValueError):  # a loop of links, or a name that no file can have
        return name_of(path)


def name_of(path: Path) -> str:
    """Return the `file:` URI of a path as it is written, links not followed."""
    return Path(os.path.abspath(path)).as_uri()  # noqa: PTH100  # Path.resolve would follow links


def path_of(uri: str) -> Path | None:
    """Return the path of a `file:` URI, None for any other."""
    parts = urlsplit(uri)
    return Path(os.fsdecode(unquote_to_bytes(parts.path))) if parts.scheme == "file" else None


def read_article(path: Path) -> Article:
    """Read one file.

    Raises ArticleError, naming the reason, when the file is no readable text with words in it.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ArticleError(f"{suffix or 'no suffix'}: only .txt, .md and .html are read")
    return parse_article(_read_bytes(path), suffix, uri=uri_of(path))


def parse_article(raw: bytes, suffix: str, *, uri: str) -> Article:
    """Make an article of the bytes of a file with one of the `SUFFIXES`.

    Raises ArticleError, naming the reason, when they are no readable text with words in it.
    """
    if not raw.strip():
        raise ArticleError("empty file")
    draft = _draft(raw, suffix)
    text = _UNSTORABLE.sub(" ", draft.text)
    if not re.search(r"[^\W_]", text):
        raise ArticleError("no text in it")
    return Article(
        uri=uri,
        title=_one_line(draft.title) or _title_from(text),
        text=text,
        source=_one_line(draft.source) or _credit(text),
        date=_iso_date(draft.date),
    )


def _read_bytes(path: Path) -> bytes:
    """Read a regular file; nothing that could block or go on for ever is opened for long."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:  # noqa: PTH123  # a descriptor
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ArticleError("not a regular file")
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ArticleError(_reason(error)) from None
    if len(raw) > MAX_BYTES:
        raise too_large()
    return raw


def too_large() -> ArticleError:
    """Return the error for more than `MAX_BYTES`."""
    return ArticleError(f"larger than {MAX_BYTES // 1_000_000} MB")


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, ValueError):
        return "no such file"
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "no such file or folder; check the spelling"
    if error.errno == errno.EISDIR:
        return "not a regular file"
    return f"cannot be read ({(error.strerror or str(error)).lower()})"


def _draft(raw: bytes, suffix: str) -> Draft:
    if suffix in {".html", ".htm"}:
        return read_html(raw)
    text = decode(raw)
    fields: dict[str, str] = {}
    if match := _FRONT_MATTER.match(text):
        fields = _fields(match["fields"])
        text = text[match.end() :]
    if suffix == ".md":
        heading, text = read_markdown(text)
    else:
        heading = _headline(text)
    return Draft(text, fields.get("title") or heading, fields.get("source"), fields.get("date"))


def _fields(block: str) -> dict[str, str]:
    """Read `key: value` lines, as they stand above an article between two `---`."""
    pairs = (line.split(":", 1) for line in block.splitlines() if ":" in line)
    return {key.strip().lower(): value.strip().strip("\"'") for key, value in pairs if value.strip()}


def _iso_date(value: str | None) -> str | None:
    """Return the day that a value names in ISO 8601, if it is one of the calendar."""
    match = _ISO_DATE.search(value or "")
    try:
        return dt.date.fromisoformat(match.group()).isoformat() if match else None
    except ValueError:
        return None


def _one_line(value: str | None) -> str | None:
    line = " ".join(_UNSTORABLE.sub(" ", value or "").split())
    return line if re.search(r"\w", line) else None


def _headline(text: str) -> str | None:
    """Return the first line when it stands alone, is short and does not end as a sentence does."""
    first, _, rest = text.lstrip().partition("\n")
    first = first.strip()
    alone = bool(rest.strip()) and not rest.partition("\n")[0].strip()
    is_one = alone and 0 < len(first) <= HEADLINE_LENGTH and first[-1] not in ".,;:"
    return first if is_one else None


def _title_from(text: str) -> str:
    """Return the first sentence that has words, shortened at a word when it is long."""
    word = re.search(r"[^\W_]", text)
    near = max(0, word.start() - 50) if word else 0
    text = text[near : near + 5_000]
    pieces = (" ".join(text[span.start : span.end].split()) for span in sentence_spans(text))
    sentence = next((piece for piece in pieces if re.search(r"[^\W_]", piece)), "")
    if len(sentence) <= TITLE_LENGTH:
        return sentence.rstrip(".")
    cut = sentence[: TITLE_LENGTH + 1].rsplit(" ", 1)[0][:TITLE_LENGTH]
    return cut.rstrip(" ,;:–—-") + "…"


def _credit(text: str) -> str | None:
    """Return the source that a credit line of its own names, such as `Based On ANI Report`."""
    match = _CREDIT.search(text)
    return match["name"].strip() if match else None
