"""The articles of an index by names that are the same on every machine, for cases, records and gold."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from rag import Article, Index
from rag.schema import Span
from rag.sentences import sentence_spans

from .cases import CaseError, ExpectedSource, Placed
from .metrics.answers import compared, words
from .scores import Gold


class Corpus:
    """Articles by name: a file's path below what all files have in common, any other URI as it is."""

    def __init__(self, articles: Mapping[str, Article]) -> None:
        """Take articles by name; `Corpus.of` and `Corpus.from_articles` make the names."""
        self._articles = dict(articles)
        self._names = {article.uri: name for name, article in self._articles.items()}

    @classmethod
    def of(cls, index: Index) -> Corpus:
        """Read all articles of an index."""
        catalogue = index.catalogue
        ids = [entry.id for entry in catalogue.entries()]
        return cls.from_articles(catalogue.articles(ids).values())

    @classmethod
    def from_articles(cls, articles: Iterable[Article]) -> Corpus:
        """Name articles by their URIs."""
        listed = list(articles)
        names = short_names([article.uri for article in listed])
        return cls({names[article.uri]: article for article in listed})

    def __len__(self) -> int:
        return len(self._articles)

    @property
    def fingerprint(self) -> str:
        """12 hexadecimal digits of all names and texts."""
        lines = sorted(f"{name}\t{article.text_hash}" for name, article in self._articles.items())
        return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()[:12]

    @property
    def names(self) -> list[str]:
        """The names of all articles."""
        return list(self._articles)

    def name_of(self, uri: str) -> str:
        """Return the name of an article; for one that is not here, a name that no article has."""
        return self._names.get(uri) or stranger(uri)

    def text_of(self, name: str) -> str | None:
        """Return the text of the article with this very name."""
        article = self._articles.get(name)
        return article.text if article else None

    def find(self, wanted: str) -> list[str]:
        """Return the names that are meant by a name, a URI, or the end of a path."""
        if wanted in self._articles:
            return [wanted]
        if wanted in self._names:
            return [self._names[wanted]]
        end = "/" + wanted.removeprefix("./").lstrip("/")
        return [name for uri, name in self._names.items() if unquote(uri).endswith(end)]

    def holding(self, text: str) -> list[str]:
        """Return the names of the articles in which a text stands."""
        return [name for name, article in self._articles.items() if text in article.text]

    def read(self, name: str, span: Span) -> str | None:
        """Return the words that stand in an article, None when it is not here."""
        text = self.text_of(name)
        return None if text is None else text[span.start : span.end]


def short_names(uris: Sequence[str]) -> dict[str, str]:
    """Return URI -> name: for files the path below the folder that all of them share.

    Where two would have one name, each keeps its URI.
    """
    paths = {uri: path for uri in uris if (path := _path(uri))}
    root = os.path.commonpath([path.parent for path in paths.values()]) if paths else ""
    short = {uri: str(paths[uri].relative_to(root)) if uri in paths else uri for uri in uris}
    uses = Counter(short.values())
    return {uri: name if uses[name] == 1 else uri for uri, name in short.items()}


def _path(uri: str) -> PurePosixPath | None:
    """Return the path of a file's URI; what is not UTF-8 in it stays as it is written there."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or not parts.path.startswith("/"):
        return None
    readable = unquote(parts.path)
    written = parts.path if "\ufffd" in readable else readable
    return PurePosixPath("/" + written.lstrip("/"))


_LOCAL = re.compile(r"/|\\|~|file:|[A-Za-z]:[\\/]")
"""How the name of a file begins that is written for one machine."""


def stranger(name: str) -> str:
    """Return what to call an article that is not here: no path of this machine, and no article's name."""
    return "?/" + re.split(r"[/\\]", unquote(name))[-1] if _LOCAL.match(name) else name


Found = dict[str, tuple[tuple[Gold, ...], ...]]
"""Case id -> its expected sources, found in the articles."""


def find_gold(cases: Iterable[Placed], corpus: Corpus) -> Found:
    """Find every expected source.

    Raises CaseError, with line and fix, for an article that is not there or a quote that is not in it.
    """
    return {
        placed.case.id: tuple(
            tuple(_gold(source, placed.where, corpus) for source in alternatives)
            for alternatives in placed.case.expected_sources
        )
        for placed in cases
    }


def _gold(source: ExpectedSource, where: str, corpus: Corpus) -> Gold:
    names = corpus.find(source.article)
    if len(names) > 1:
        raise CaseError(
            f"{where}: {source.article!r} is the name of {len(names)} articles; write more of the path, "
            f"such as {names[0]!r}."
        )
    if not names:
        close = difflib.get_close_matches(source.article, corpus.names, n=1, cutoff=0.5)
        hint = f"did you mean {close[0]!r}?" if close else "ingest it, or correct the name."
        raise CaseError(f"{where}: the article {source.article!r} is not in the index; {hint}")
    if source.quote is None:
        return Gold(names[0])
    text = corpus.text_of(names[0]) or ""
    spans = occurrences(source.quote, text)
    if not spans:
        near = nearest_sentence(source.quote, (text[s.start : s.end] for s in sentence_spans(text)))
        hint = f"; the nearest words there are {_short(near)}" if near else ""
        missing = f"the quote {_short(source.quote)} is not in {names[0]}{hint}"
        raise CaseError(f"{where}: {missing}. Copy the words as they stand.")
    return Gold(names[0], tuple(spans))


def occurrences(quote: str, text: str) -> list[Span]:
    """Return every place where a quote stands, overlapping ones aside; all white space is alike."""
    words = quote.split()
    if not words or any(word not in text for word in words):
        return []
    pattern = re.escape(quote) if quote in text else r"\s+".join(map(re.escape, words))
    return [Span(*match.span()) for match in re.finditer(pattern, text)]


def nearest_sentence(quote: str, sentences: Iterable[str]) -> str:
    """Return the sentence that holds most of a quote's words, of several the shortest; none, nothing."""
    wanted = Counter(words(compared(quote)))

    def nearness(sentence: str) -> tuple[int, int]:
        held = words(compared(sentence))
        return (wanted & Counter(held)).total(), -len(held)

    best = max(sentences, key=nearness, default="")
    return best if nearness(best)[0] else ""


def _short(text: str) -> str:
    line = " ".join(text.split())
    return f"“{line if len(line) <= 160 else line[:159] + '…'}”"
