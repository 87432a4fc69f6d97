from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from rag import minilm
from rag.articles import path_of
from rag.catalogue import Recipe
from rag.errors import IndexMismatch, UsageError
from rag.index import Index
from rag.ingestion import Failure, IngestReport, ingest, ingest_articles, rebuild, recipe_of
from rag.schema import Article
from rag.settings import Settings
from tests.conftest import SEEDS, BagOfWords
from tests.torture import torture

LINK = "a link inside a folder is not followed; name it to ingest it"
MISSING = "no such file or folder; check the spelling"


class Counting(BagOfWords):
    """Remembers how many texts it has embedded."""

    seen: int = 0

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        self.seen += len(texts)
        return super()._get_text_embeddings(texts)


class Corpus:
    """A folder of articles with an index beside it, embedded by a bag of words."""

    def __init__(self, work: Path) -> None:
        self.folder = work / "articles"
        self.folder.mkdir()
        self.index = work / "index"
        self.embedding = Counting()
        self.settings = Settings(passage_tokens=32)

    def write(self, name: str, text: str = "The talks in {} failed. Both sides left.") -> str:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.replace("{}", os.fsencode(path.name).hex()).encode())
        return path.as_uri()

    def ingest(self, *paths: Path, prune: bool = False) -> IngestReport:
        return ingest(
            paths or self.folder,
            index=self.index,
            settings=self.settings,
            embedding=self.embedding,
            prune=prune,
        )

    def stored(self) -> dict[str, str]:
        """Return the texts by URI, after a check that both searches hold exactly their passages."""
        with Index.open(self.index) as opened:
            batch = opened.catalogue.batch(opened.catalogue.article_ids())
            assert opened.vectors.ids() == opened.lexical.ids() == {p.id for p in batch.passages}
            return {a.uri: a.text for a in opened.catalogue.articles(batch.article_ids).values()}


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return Corpus(tmp_path)


def test_added_unchanged_updated_removed(corpus: Corpus) -> None:
    a, b, c = corpus.write("a.txt"), corpus.write("sub/b.md"), corpus.write("c.txt")
    assert corpus.ingest() == IngestReport(added=[a, c, b])
    embedded = corpus.embedding.seen
    assert embedded == 3

    assert corpus.ingest() == IngestReport(unchanged=[a, c, b])
    assert corpus.embedding.seen == embedded

    corpus.write("a.txt", "The talks succeeded.")
    (corpus.folder / "c.txt").unlink()
    assert corpus.ingest() == IngestReport(updated=[a], unchanged=[b])
    assert corpus.embedding.seen == embedded + 1
    assert set(corpus.stored()) == {a, b, c}

    assert corpus.ingest(prune=True) == IngestReport(unchanged=[a, b], removed=[c])
    assert corpus.stored()[a] == "The talks succeeded."
    assert set(corpus.stored()) == {a, b}


def test_new_particulars_reach_the_searches_without_embedding_again(corpus: Corpus) -> None:
    uri = corpus.write("a.txt", "---\ntitle: Old\n---\nThe talks failed.")
    corpus.ingest()
    corpus.write("a.txt", "---\ntitle: Zeppelins\ndate: 2025-11-08\nsource: ANI\n---\nThe talks failed.")

    assert corpus.ingest() == IngestReport(updated=[uri])

    assert corpus.embedding.seen == 1
    with Index.open(corpus.index) as opened:
        assert [entry[2:5] for entry in opened.catalogue.entries()] == [("Zeppelins", "ANI", "2025-11-08")]
        assert len(opened.lexical.search("zeppelin", limit=5)) == 1


def test_one_bad_file_never_stops_the_others(corpus: Corpus, tmp_path: Path) -> None:
    good, later = corpus.write("a.txt"), corpus.write("z.txt")
    corpus.ingest()
    (corpus.folder / "a.txt").write_bytes(b"\x00\x01" * 500)
    (corpus.folder / "empty.txt").touch()
    (corpus.folder / "link.txt").symlink_to(SEEDS)
    os.mkfifo(corpus.folder / "fifo.txt")
    (tmp_path / "a.pdf").write_text("x")
    os.mkfifo(tmp_path / "named.txt")

    report = corpus.ingest(corpus.folder, tmp_path / "gone", tmp_path / "a.pdf", tmp_path / "named.txt")

    folder, work = corpus.folder.as_uri(), tmp_path.as_uri()
    assert report == IngestReport(
        unchanged=[later],
        failed=[
            Failure(good, "binary file, not text"),
            Failure(f"{folder}/empty.txt", "empty file"),
            Failure(f"{folder}/link.txt", LINK),
            Failure(f"{work}/gone", MISSING),
            Failure(f"{work}/a.pdf", ".pdf: only .txt, .md and .html are read"),
            Failure(f"{work}/named.txt", "not a regular file"),
        ],
    )
    assert set(corpus.stored()) == {good, later}
    assert str(report) == "0 added, 0 updated, 1 unchanged, 0 removed, 6 failed"
    assert report.to_dict()["failed"][0] == {"uri": good, "reason": "binary file, not text"}


def test_a_file_that_vanishes_meanwhile_is_reported(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = corpus.write("a.txt"), corpus.write("b.txt")

    def read_and_remove(done: int, _total: int, _name: str) -> None:
        (corpus.folder / "b.txt").unlink(missing_ok=True)

    report = ingest(
        corpus.folder, index=corpus.index, settings=corpus.settings, embedding=corpus.embedding,
        progress=read_and_remove,
    )  # fmt: skip

    assert report == IngestReport(added=[a], failed=[Failure(b, MISSING)])


def test_each_file_is_taken_once_however_it_is_named(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = corpus.write("a.txt"), corpus.write("sub/b.txt")
    monkeypatch.chdir(corpus.folder)

    report = corpus.ingest(Path(), corpus.folder, Path("sub"), Path("a.txt"), Path("sub/../a.txt"))

    assert report == IngestReport(added=[a, b])


def test_the_same_text_in_two_files_makes_two_articles(corpus: Corpus) -> None:
    uris = [corpus.write(name, "The talks failed.") for name in ("a.txt", "b.txt")]

    assert corpus.ingest().added == uris
    assert corpus.stored() == dict.fromkeys(uris, "The talks failed.")


NAMES = [
    "with space.txt",
    "čaj 日本.txt",
    "new\nline.txt",
    "100%#?;.txt",
    "\udcff\udce9.txt",
    "-n.txt",
    "'\".txt",
]


def test_any_file_name_can_be_ingested_pruned_and_reported(corpus: Corpus) -> None:
    for name in NAMES:
        corpus.write(name)

    report = corpus.ingest()
    assert len(report.added) == len(NAMES)
    assert corpus.ingest(prune=True) == IngestReport(unchanged=report.added)
    assert {path_of(uri) for uri in corpus.stored()} == {corpus.folder / name for name in NAMES}

    shutil.rmtree(corpus.folder)
    corpus.folder.mkdir()
    assert sorted(corpus.ingest(prune=True).removed) == sorted(report.added)
    assert corpus.stored() == {}


def test_pruning_keeps_what_is_elsewhere_and_what_cannot_be_seen(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus.write("a.txt")
    closed, gone = corpus.write("closed/b.txt"), corpus.write("open/c.txt")
    outside = tmp_path / "outside.txt"
    shutil.copy(corpus.folder / "a.txt", outside)
    corpus.ingest(corpus.folder, outside)
    ingest_articles(
        [Article("https://example.org/d", "D", "Web page.")],
        index=corpus.index, settings=corpus.settings, embedding=corpus.embedding,
    )  # fmt: skip
    (corpus.folder / "open" / "c.txt").unlink()
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)
    report = corpus.ingest(corpus.folder, tmp_path / "missing", prune=True)

    assert report.removed == [gone]
    assert [failure.reason for failure in report.failed] == ["cannot be read (permission denied)", MISSING]
    assert set(corpus.stored()) >= {closed, outside.as_uri(), "https://example.org/d"}


def test_calls_that_find_nothing_are_refused(corpus: Corpus, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"No \.txt, \.md or \.html files in .*/articles\."):
        corpus.ingest()
    with pytest.raises(UsageError, match=rf"gone, .*lost: {MISSING}"):
        corpus.ingest(tmp_path / "gone", tmp_path / "lost")
    with pytest.raises(UsageError, match="the given paths: no path is given"):
        ingest([], index=corpus.index)
    assert not corpus.index.exists()


def test_articles_that_cannot_be_stored_are_refused_one_by_one(corpus: Corpus) -> None:
    good = Article("https://e.org/a", "A", "Talks failed.")
    half = "holds a NUL or half of a surrogate pair, which cannot be stored; replace it"

    report = ingest_articles(
        [
            good,
            Article("https://e.org/b", "B", "Talks \ud800 failed."),
            Article("https://e.org/c", "C\x00", "Talks failed."),
            Article("https://e.org/d", "D", " \n"),
            Article("", "E", "Talks failed."),
            Article("https://e.org/a", "A", "Talks failed again."),
        ],
        index=corpus.index, settings=corpus.settings, embedding=corpus.embedding,
    )  # fmt: skip

    assert report == IngestReport(
        added=[good.uri],
        failed=[
            Failure("https://e.org/b", half),
            Failure("https://e.org/c", half),
            Failure("https://e.org/d", "no text in it"),
            Failure("", "no URI"),
            Failure("https://e.org/a", "given twice; the first one counts"),
        ],
    )
    assert corpus.stored() == {good.uri: good.text}


def test_progress_counts_every_article(corpus: Corpus) -> None:
    for name in ("a.txt", "b.txt"):
        corpus.write(name, "---\ntitle: T\n---\nThe talks failed.")
    (corpus.folder / "c.txt").touch()
    calls: list[tuple[int, int, str]] = []

    ingest(
        str(corpus.folder), index=str(corpus.index), settings=corpus.settings, embedding=corpus.embedding,
        progress=lambda *call: calls.append(call),
    )  # fmt: skip

    failed = f"{corpus.folder.as_uri()}/c.txt"
    assert calls == [(0, 3, "T"), (1, 3, "T"), (2, 3, failed), (3, 3, "")]


def test_windows_of_articles_are_committed_as_they_are_embedded(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.ingestion._WINDOW", 2)
    uris = [corpus.write(f"{n}.txt") for n in range(5)]

    def interrupt(done: int, _total: int, _name: str) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ingest(
            corpus.folder, index=corpus.index, settings=corpus.settings, embedding=corpus.embedding,
            progress=interrupt,
        )  # fmt: skip

    assert set(corpus.stored()) == set(uris[:2])
    assert corpus.ingest() == IngestReport(added=uris[2:], unchanged=uris[:2])


@pytest.fixture
def long_corpus(corpus: Corpus) -> Corpus:
    for n in range(40):
        corpus.write(f"{n:02}.txt", "The minister said that the talks in the city failed again. " * 8)
    corpus.ingest()
    return corpus


def test_rebuilding_makes_other_passages_of_the_stored_texts(long_corpus: Corpus) -> None:
    corpus, calls = long_corpus, list[tuple[int, int, str]]()
    before = corpus.stored()
    shutil.rmtree(corpus.folder)
    other = Settings(passage_tokens=64)
    with pytest.raises(IndexMismatch):
        ingest(SEEDS, index=corpus.index, settings=other, embedding=corpus.embedding)

    count = rebuild(
        index=corpus.index, settings=other, embedding=corpus.embedding,
        progress=lambda *call: calls.append(call),
    )  # fmt: skip

    assert count == 40
    assert [call[:2] for call in calls] == [(n, 40) for n in range(1, 41)]
    assert corpus.stored() == before
    with Index.open(corpus.index, recipe_of(other, corpus.embedding)) as opened:
        rows = opened.catalogue.passages(opened.vectors.ids()).values()
        assert max(row.passage.tokens for row in rows) in range(33, 65)


def test_an_interrupted_rebuild_leaves_the_old_state_whole(long_corpus: Corpus) -> None:
    corpus, before = long_corpus, long_corpus.stored()

    def interrupt(done: int, _total: int, _name: str) -> None:
        if done == 35:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild(
            index=corpus.index, settings=Settings(passage_tokens=64), embedding=BagOfWords(),
            progress=interrupt,
        )  # fmt: skip

    assert corpus.stored() == before
    assert corpus.ingest().unchanged == sorted(before)


def test_the_recipe_names_what_the_passages_are_made_with() -> None:
    assert recipe_of(Settings()) == Recipe(minilm.NAME, 256)
    assert recipe_of(Settings(embedding="openai:m", passage_tokens=64)) == Recipe("openai:m", 64)
    assert recipe_of(Settings(), BagOfWords()) == Recipe("bag-of-words", 256)


def test_the_settings_name_the_index_when_the_call_does_not(corpus: Corpus) -> None:
    named = Settings(index=corpus.index, passage_tokens=32)
    corpus.write("a.txt")

    assert len(ingest([corpus.folder], settings=named, embedding=corpus.embedding).added) == 1
    assert len(ingest_articles([], settings=named, embedding=corpus.embedding).added) == 0
    assert rebuild(settings=named, embedding=corpus.embedding) == 1


def test_killed_ingestions_leave_every_article_whole_or_absent(tmp_path: Path) -> None:
    outcome = torture(tmp_path, kills=5)

    assert (outcome.kills, outcome.articles, outcome.passages) == (5, 24, 24 * 12)
