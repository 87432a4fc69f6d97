"""Kills ingestions at random moments and checks that nothing is ever half there.

`python -m tests.torture --kills 50` runs the long round; the suite runs a short one.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import NamedTuple

from rag import minilm
from rag.articles import uri_of
from rag.catalogue import Catalogue
from rag.followers import NOTHING, read_seal
from rag.index import Index
from rag.ingestion import ingest, recipe_of
from rag.passages import split_article
from rag.settings import Settings
from tests.conftest import BagOfWords

SETTINGS = Settings(passage_tokens=32)
_WORDS = (
    "minister talks border ceasefire statement delegation trade election river harvest bridge court budget "
    "strike harbour drought vaccine school railway festival storm market treaty parliament"
).split()


class Outcome(NamedTuple):
    """What the kills hit, and how much there is at the end."""

    kills: int
    in_flight: int
    """Kills that found the ingestion still running."""
    catching_up: int
    """Kills that found the searches being changed."""
    articles: int
    passages: int


@dataclass
class Corpus:
    """A folder of small articles, and every text that each of them has ever had."""

    folder: Path
    rng: random.Random
    sentences: int
    texts: dict[str, set[str]] = field(default_factory=dict)

    def write(self, name: str) -> None:
        """Write an article, or a new version of it."""
        path = self.folder / name
        lines = (" ".join(self.rng.choices(_WORDS, k=12)).capitalize() for _ in range(self.sentences))
        text = "\n\n".join(f"{line} {self.rng.randrange(10**6)}." for line in lines)
        path.write_text(text, encoding="utf-8")
        self.texts.setdefault(uri_of(path), set()).add(text)

    def change(self, count: int) -> None:
        """Rewrite, remove and add some articles."""
        present = sorted(path.name for path in self.folder.iterdir())
        for name in self.rng.sample(present, k=len(present) // 4):
            self.write(name)
        for name in self.rng.sample(present, k=len(present) // 8):
            (self.folder / name).unlink()
        for _ in range(count - len(list(self.folder.iterdir()))):
            self.write(f"article-{self.rng.randrange(10**9)}.txt")


START = 120
"""Seconds in which a process must start."""


def torture(  # noqa: PLR0913  # all but the folder are options
    work: Path, *, kills: int, articles: int = 24, sentences: int = 12, seed: int = 0, report: bool = False
) -> Outcome:
    """Kill `kills` ingestions of a changing folder, each at a random moment, and check after each."""
    rng = random.Random(seed)
    corpus = Corpus(work / "articles", rng, sentences)
    corpus.folder.mkdir()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["chromadb", "tests.conftest"])  # imported once, opened never
    corpus.change(articles)
    longest = _ingest_whole(context, corpus.folder, work / "timing")
    in_flight = catching_up = 0
    for round_ in range(kills):
        killed = _kill_one(context, corpus.folder, work / "index", rng.uniform(0, longest))
        in_flight += killed
        seals = [read_seal(work / "index" / name) for name in ("vectors", "lexical")]
        catching_up += killed and NOTHING in seals and (work / "index" / "vectors").exists()
        check(work / "index", corpus)
        if report:
            sys.stderr.write(f"\r{round_ + 1} kills, {in_flight} in flight, 0 violations ")
        corpus.change(articles)
    _ingest_whole(context, corpus.folder, work / "index")
    stored = check(work / "index", corpus)
    present = {uri_of(path) for path in corpus.folder.iterdir()}
    assert set(stored) == present, "the last ingestion does not converge"
    return Outcome(kills, in_flight, catching_up, len(stored), sum(stored.values()))


def check(folder: Path, corpus: Corpus) -> Counter[str]:
    """Assert that each article is whole, and that both searches hold and find exactly its passages."""
    if not (folder / "catalogue.sqlite3").is_file():
        return Counter()
    with Index.open(folder, recipe_of(SETTINGS, BagOfWords())) as index:
        catalogue = index.catalogue
        stored = catalogue.articles(catalogue.article_ids())
        assert all(article.text in corpus.texts[article.uri] for article in stored.values())
        expected = {
            passage.id
            for article in stored.values()
            for passage in split_article(article, max_tokens=32, count_tokens=minilm.count_tokens)
        }
        passages = catalogue.batch(list(stored)).passages
        assert {passage.id for passage in passages} == expected
        assert index.vectors.position == index.lexical.position == catalogue.head()
        assert index.vectors.ids() == index.lexical.ids() == expected
        for passage in passages:
            hits = index.vectors.search(passage.vector.tolist(), limit=3)
            assert any(hit.passage_id == passage.id or hit.score > 0.9999 for hit in hits), passage.id
        assert index.vectors.position == catalogue.head(), "a vector search failed"
        _check_database(catalogue)
        return Counter({article.uri: len(catalogue.batch([id_]).passages) for id_, article in stored.items()})


def _check_database(catalogue: Catalogue) -> None:
    with catalogue._reading() as connection:
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
        assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []


def _ingest_whole(context: ForkServerContext, articles: Path, index: Path) -> float:
    """Run one ingestion to its end in a process of its own; return the seconds it took."""
    parent, child = context.Pipe()
    process = context.Process(target=_work, args=(articles, index, child))
    process.start()
    child.close()  # the process has its own; without this one, its death is the end of the pipe
    assert parent.poll(START), "an ingestion did not start"
    parent.recv()
    started = time.perf_counter()
    process.join()
    assert process.exitcode == 0, "an undisturbed ingestion failed"
    return time.perf_counter() - started


def _kill_one(context: ForkServerContext, articles: Path, index: Path, after: float) -> bool:
    """Start an ingestion, kill it after some seconds; tell whether it was still running."""
    parent, child = context.Pipe()
    process = context.Process(target=_work, args=(articles, index, child))
    process.start()
    child.close()  # the process has its own; without this one, its death is the end of the pipe
    assert parent.poll(START), "an ingestion did not start"
    parent.recv()
    process.join(after)
    running = process.is_alive()
    process.kill()
    process.join()
    assert running or process.exitcode == 0, "an ingestion failed by itself"
    return running


def _work(articles: Path, index: Path, ready: multiprocessing.connection.Connection) -> None:
    ready.send(True)
    ingest(articles, index=index, settings=SETTINGS, embedding=BagOfWords(), prune=True)


def main() -> None:
    """Run the long round and print what it hit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--articles", type=int, default=60)
    parser.add_argument("--sentences", type=int, default=25, help="passages of an article, about")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        outcome = torture(
            Path(work),
            kills=given.kills,
            articles=given.articles,
            sentences=given.sentences,
            seed=given.seed,
            report=sys.stderr.isatty(),
        )
    sys.stdout.write(
        f"{outcome.kills} kills, {outcome.in_flight} of them while the ingestion ran, "
        f"{outcome.catching_up} while the searches were changed: 0 violations; "
        f"{outcome.articles} articles, {outcome.passages} passages at the end\n"
    )


if __name__ == "__main__":
    main()
