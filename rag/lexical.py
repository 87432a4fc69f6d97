"""BM25 on tantivy, a follower of the catalogue; the only importer of tantivy."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import tantivy

from .catalogue import Head, IndexedPassage
from .errors import IndexFolderError
from .schema import Hit

TITLE_BOOST = 0.5
"""Weight of a title match against the same match in the passage's text."""

_ANALYZER = "footnoted_en"
_STATE = "state"
"""Passage id of the one document that holds the position; it has no searchable words."""
_HEAP = 50_000_000
"""Bytes that tantivy's writer may use; it takes no less than 15 MB a thread."""


def build_analyzer() -> tantivy.TextAnalyzer:
    """Return the analyzer of texts and queries: words, lower case, no accents, no stop words, stems."""
    return (
        tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
        .filter(tantivy.Filter.remove_long(60))
        .filter(tantivy.Filter.lowercase())
        .filter(tantivy.Filter.ascii_fold())
        .filter(tantivy.Filter.custom_stopword(sorted(STOP_WORDS)))
        .filter(tantivy.Filter.stemmer("english"))
        .build()
    )


class LexicalIndex:
    """A tantivy index that knows which change of which catalogue it has applied.

    Safe between threads. One process at a time may call `reset` or `apply`; others see its writes
    after `reopen`.
    """

    def __init__(self, folder: Path) -> None:
        """Open the folder; one that is missing or damaged holds nothing until `reset`."""
        self._folder = folder
        self._analyzer = build_analyzer()
        self._schema = _build_schema()
        self._stored: tantivy.Index | None = None
        self.reopen()

    def close(self) -> None:
        """Let go of the files."""
        self._stored = None

    def reopen(self) -> None:
        """Read the folder anew, as another process may have left it."""
        self.close()
        if not (self._folder / "meta.json").is_file():
            return
        try:
            self._stored = self._open()
            _ = self.position
        except (ValueError, OSError):  # tantivy's errors for damaged or foreign files
            self.close()

    def reset(self) -> None:
        """Throw everything away, files included, and start empty."""
        self.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._stored = self._open()

    @property
    def position(self) -> Head:
        """The catalogue's uid and the last change that is applied; ("", 0) when there is nothing."""
        if self._stored is None:
            return Head("", 0)
        searcher = self._stored.searcher()
        query = tantivy.Query.term_query(self._schema, "passage_id", _STATE)
        hits = searcher.search(query, limit=1).hits
        if not hits:
            return Head("", 0)
        uid, _, applied = str(searcher.doc(hits[0][1])["state"][0]).partition(":")
        return Head(uid, int(applied))

    def apply(self, head: Head, *, article_ids: Sequence[str], passages: Sequence[IndexedPassage]) -> None:
        """Replace what is stored of some articles by these passages and the change, in one commit."""
        index = self._opened()
        writer = index.writer(_HEAP, num_threads=1)
        for article_id in article_ids:
            writer.delete_documents_by_term("article_id", article_id)
        for passage in passages:
            writer.add_document(
                tantivy.Document(
                    passage_id=passage.id,
                    article_id=passage.article_id,
                    title=passage.title,
                    body=passage.text,
                )
            )
        writer.delete_documents_by_term("passage_id", _STATE)
        writer.add_document(tantivy.Document(passage_id=_STATE, state=f"{head.uid}:{head.number}"))
        writer.commit()
        writer.wait_merging_threads()
        index.reload()

    def is_sound(self, *, count: int) -> bool:
        """Tell whether it holds `count` passages."""
        return self._stored is not None and self.passage_count() == count

    def terms(self, text: str) -> list[str]:
        """Return the distinct index terms of a text, in order of first use."""
        return list(dict.fromkeys(self._analyzer.analyze(text)))

    def passage_count(self) -> int:
        """Return how many passages are stored."""
        return max(0, self._stored.searcher().num_docs - 1) if self._stored else 0

    def document_frequency(self, term: str) -> int:
        """Return in how many passages a term stands (deleted ones may count until files merge)."""
        return self._stored.searcher().doc_freq("body", term) if self._stored else 0

    def search(self, question: str, *, limit: int) -> list[Hit]:
        """Return the best passages by BM25 over text and title, best first; none without a shared term."""
        clauses: list[tuple[tantivy.Occur, tantivy.Query]] = []
        for term in self.terms(question):
            body = tantivy.Query.term_query(self._schema, "body", term)
            title = tantivy.Query.term_query(self._schema, "title", term)
            boosted = tantivy.Query.boost_query(title, TITLE_BOOST)
            clauses += [(tantivy.Occur.Should, body), (tantivy.Occur.Should, boosted)]
        if not clauses or self._stored is None:
            return []
        searcher = self._stored.searcher()
        found = searcher.search(tantivy.Query.boolean_query(clauses), limit=limit, count=False)
        return [Hit(searcher.doc(address)["passage_id"][0], score) for score, address in found.hits]

    def _open(self) -> tantivy.Index:
        index = tantivy.Index(self._schema, path=str(self._folder), reuse=True)
        index.register_tokenizer(_ANALYZER, self._analyzer)
        return index

    def _opened(self) -> tantivy.Index:
        if self._stored is None:
            raise IndexFolderError(f"{self._folder} cannot be read; run the command again.")
        return self._stored


def _build_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("passage_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("article_id", stored=False, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", stored=False, tokenizer_name=_ANALYZER, index_option="freq")
    builder.add_text_field("body", stored=False, tokenizer_name=_ANALYZER, index_option="freq")
    builder.add_text_field("state", stored=True, tokenizer_name="raw", index_option="basic")
    return builder.build()


STOP_WORDS = frozenset(
    """
    a about after again against all also am an and any are as at be because been before being below between both
    but by can cannot could did do does doing down during each else ever few for from further get gets got had has
    have having he her here hers herself him himself his how i if in into is it its itself just let may me might
    more most must my myself no nor not now of off on once only or other ought our ours out over own s same shall
    she should so some such t than that the their theirs them themselves then there these they this those through
    to too under until up upon us very was we were what when where which while who whom whose why will with would
    yet you your yours d ll m re ve
    """.split()
)
"""Words too common to search for, as they stand after lower-casing; also the pieces of `isn't`, `we'll`."""
