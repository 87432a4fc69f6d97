"""BM25 on tantivy, a follower of the catalogue; the only importer of tantivy."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import tantivy

from .catalogue import Batch, Head, Vectors
from .errors import IndexFolderError
from .followers import NOTHING, break_seal, clear, failures, is_failure, read_seal, set_seal
from .schema import Hit

TITLE_BOOST = 0.5
"""Weight of a title match against the same match in the passage's text."""

ANALYZER = "footnoted_en"
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
    """A tantivy index that follows the catalogue; safe between threads. A closed one finds nothing."""

    def __init__(self, folder: Path) -> None:
        """Name the folder; it is closed until `reopen` or `reset`."""
        self._folder = folder
        self._analyzer = build_analyzer()
        self._schema = _build_schema()
        self._stored: tantivy.Index | None = None
        self._position = NOTHING
        self._copy: tempfile.TemporaryDirectory[str] | None = None

    @property
    def position(self) -> Head:
        """The last change that is applied; `NOTHING` when it is closed, empty or damaged."""
        return self._position

    def close(self) -> None:
        """Let go of the files."""
        self._stored, self._position = None, NOTHING
        if self._copy is not None:
            self._copy.cleanup()
            self._copy = None

    def reopen(self) -> None:
        """Read the folder anew; one that is missing, damaged or half written stays closed."""
        self.close()
        position = read_seal(self._folder)
        if position == NOTHING:
            return
        with failures(self._folder):
            self._stored = self._open(self._folder)
            self._position = position

    def reopen_copy(self) -> None:
        """Read a copy of a folder that cannot be written: tantivy puts a lock into what it opens."""
        self.close()
        with failures(self._folder):
            self._copy = tempfile.TemporaryDirectory(prefix="footnoted-", ignore_cleanup_errors=True)
            copy = Path(self._copy.name) / "lexical"
            shutil.copytree(self._folder, copy)
            position = read_seal(copy)
            if position != NOTHING:
                self._stored, self._position = self._open(copy), position

    def reset(self) -> None:
        """Throw everything away, files included, and start empty."""
        self.close()
        with failures(self._folder):
            clear(self._folder)
            self._folder.mkdir(parents=True)
            self._stored = self._open(self._folder)

    def apply(self, head: Head, batches: Iterable[Batch]) -> None:
        """Replace what is stored of the articles of each batch, in one commit, then remember the change."""
        with failures(self._folder):
            index = self._opened()
            break_seal(self._folder)
            writer = index.writer(_HEAP, num_threads=1)
            for batch in batches:
                _replace(writer, batch)
            writer.commit()
            writer.wait_merging_threads()
            index.reload()
            files = (path for path in self._folder.iterdir() if path.suffix not in {".lock", ".new"})
            set_seal(self._folder, head, sorted(files))
            self._position = head

    def is_sound(self, *, count: int, sample: Mapping[str, Vectors]) -> bool:  # noqa: ARG002  # Follower's
        """Tell whether it holds `count` passages."""
        return self._stored is not None and self.passage_count() == count

    def terms(self, text: str) -> list[str]:
        """Return the distinct index terms of a text, in order of first use."""
        return list(dict.fromkeys(self._analyzer.analyze(text)))

    def passage_count(self) -> int:
        """Return how many passages are stored."""
        return int(self._stored.searcher().num_docs) if self._stored else 0

    def document_frequency(self, term: str) -> int:
        """Return in how many passages a term stands (deleted ones may count until files merge)."""
        return self._stored.searcher().doc_freq("body", term) if self._stored else 0

    def search(self, question: str, *, limit: int, articles: Iterable[str] | None = None) -> list[Hit]:
        """Return the best passages by BM25 over text and title, best first; none without a shared term.

        With `articles`, the ids of some, only the passages of these are searched.
        """
        clauses: list[tuple[tantivy.Occur, tantivy.Query]] = []
        for term in self.terms(question):
            body = tantivy.Query.term_query(self._schema, "body", term)
            title = tantivy.Query.term_query(self._schema, "title", term)
            boosted = tantivy.Query.boost_query(title, TITLE_BOOST)
            clauses += [(tantivy.Occur.Should, body), (tantivy.Occur.Should, boosted)]
        stored = self._stored
        if not clauses or stored is None:
            return []
        try:
            searcher = stored.searcher()
            query = tantivy.Query.boolean_query(clauses)
            if articles is not None:
                query = self._within(query, articles)
            found = searcher.search(query, limit=limit, count=False)
            return [Hit(searcher.doc(address)["passage_id"][0], score) for score, address in found.hits]
        except BaseException as error:  # its files were damaged under it
            if not is_failure(error):
                raise
            if self._stored is stored:
                self.close()
            return []

    def _within(self, query: tantivy.Query, articles: Iterable[str]) -> tantivy.Query:
        """Return a query with the same scores for the passages of some articles only."""
        own = tantivy.Query.term_set_query(self._schema, "article_id", list(articles))
        silent = tantivy.Query.const_score_query(own, 0.0)
        return tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, silent)])

    def ids(self) -> set[str]:
        """Return the ids of all stored passages."""
        with failures(self._folder):
            searcher = self._opened().searcher()
            found = searcher.search(tantivy.Query.all_query(), limit=max(1, searcher.num_docs))
            return {str(searcher.doc(address)["passage_id"][0]) for _, address in found.hits}

    def _open(self, folder: Path) -> tantivy.Index:
        index = tantivy.Index(self._schema, path=str(folder), reuse=True)
        index.register_tokenizer(ANALYZER, self._analyzer)
        return index

    def _opened(self) -> tantivy.Index:
        if self._stored is None:
            raise IndexFolderError(f"{self._folder} cannot be read; run the command again.")
        return self._stored


def _replace(writer: tantivy.IndexWriter, batch: Batch) -> None:
    for article_id in batch.article_ids:
        writer.delete_documents_by_term("article_id", article_id)
    for passage in batch.passages:
        writer.add_document(
            tantivy.Document(
                passage_id=passage.id,
                article_id=passage.article_id,
                title=passage.title,
                body=passage.text,
            )
        )


def _build_schema() -> tantivy.Schema:
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("passage_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("article_id", stored=False, tokenizer_name="raw", index_option="basic")
    builder.add_text_field("title", stored=False, tokenizer_name=ANALYZER, index_option="freq")
    builder.add_text_field("body", stored=False, tokenizer_name=ANALYZER, index_option="freq")
    return builder.build()


STOP_WORDS = frozenset(
    """
    a about after again against all also am an and any are as at be because been before being below
    between both but by can cannot could did do does doing down during each else ever few for from
    further get gets got had has have having he her here hers herself him himself his how i if in
    into is it its itself just let may many me might more most much must my myself no nor not now of off on
    once only or other ought our ours out over own s same shall she should so some such t than that
    the their theirs them themselves then there these they this those through to too under until up
    upon us very was we were what when where which while who whom whose why will with would yet you
    your yours d ll m re ve
    """.split()
)
"""Words too common to search for, as they stand after lower-casing; also the pieces of `isn't`, `we'll`."""
