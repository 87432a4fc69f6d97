"""Loaders of public question sets: a local folder in, articles and cases out; nothing is vendored.

A set is a folder with the set's name. It holds `corpus.jsonl.gz` (id, text, and title, date, source where
known) and `queries.jsonl.gz` (id, question, answers, relevant, answerable); `news` has
`later_questions.jsonl.gz` too, `clapnq` the sentences that people chose in `annotated.jsonl.gz`, and
`ramdocs` only `cases.jsonl.gz`, in which every question brings its own documents.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from evals.cases import GROUP, Case, ExpectedSource
from rag import Article, FootnotedError, Settings, ingest_articles
from rag.sentences import sentence_spans

Row = dict[str, Any]
Sources = tuple[ExpectedSource, ...]
"""Places of which one is enough."""
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class SetError(FootnotedError):
    """A folder is not one of the public sets."""

    exit_code = 2


@dataclass(frozen=True)
class SetQuestion:
    """A question of a set; `relevant` names the articles that answer it, `answers` the right strings."""

    id: str
    text: str
    answers: tuple[str, ...]
    relevant: tuple[str, ...]
    answerable: bool


class QuestionSet(NamedTuple):
    """A public set: what is read, and what is asked of it."""

    name: str
    articles: tuple[Article, ...]
    """Their URI is `<set>:<id>`."""
    cases: tuple[Case, ...]
    """Their id is `<set>:<id>`."""


def load_set(folder: Path | str) -> QuestionSet:
    """Read the set that the folder is named after: one of `LOADERS`.

    Raises SetError for a folder of another name, or one that lacks a file.
    """
    folder = Path(folder)
    if folder.name not in LOADERS:
        raise SetError(f"{folder} is no public set that is known; name a folder called {', '.join(LOADERS)}.")
    try:
        articles = read_articles(folder)
        cases = LOADERS[folder.name](folder, {article.uri: article for article in articles})
    except OSError as error:
        raise SetError(f"{folder} is not the whole set ({error.strerror}: {error.filename}).") from None
    return QuestionSet(folder.name, tuple(articles), tuple(_grouped(cases)))


def sample_cases(cases: Sequence[Case], limit: int | None) -> list[Case]:
    """Draw cases by the hash of their ids: the same ones always, and a smaller draw is part of a larger."""
    ranked = sorted(cases, key=lambda case: hashlib.sha256(case.id.encode()).digest())
    drawn = {case.id for case in ranked[:limit]}
    return [case for case in cases if case.id in drawn]


def read_articles(folder: Path, limit: int | None = None) -> list[Article]:
    """Return the corpus of a set as articles; their URI is `<set>:<id>`.

    Characters that no index stores, NUL and halves of surrogate pairs, become U+FFFD.
    """
    cases = folder / "cases.jsonl.gz"
    rows = _documents(cases) if cases.exists() else _rows(folder / "corpus.jsonl.gz")
    articles = [_article(row, folder) for row in rows if row["text"].strip()]
    return articles[:limit]


def read_questions(path: Path) -> list[SetQuestion]:
    """Return the questions of one file."""
    return [
        SetQuestion(
            id=str(row["id"]),
            text=row["question"],
            answers=tuple(row.get("answers") or ()),
            relevant=tuple(row.get("relevant") or ()),
            answerable=bool(row.get("answerable", True)),
        )
        for row in _rows(path)
    ]


def build_index(folder: Path, index: Path) -> Settings:
    """Ingest a set unless the index folder has it already; return the settings that open it."""
    settings = Settings(index=index)
    ingest_articles(read_articles(folder), index=index, settings=settings)
    return settings


# --- the sets, each in its own words

Articles = Mapping[str, Article]
"""Articles by URI."""
Loader = Callable[[Path, Articles], Iterable[Case]]


def _news(folder: Path, articles: Articles) -> Iterator[Case]:
    """Yield a news quiz; where the editors name two articles of one story, either will do.

    Their evidence is a quote only where it stands in the article; mostly they tell it in their own words.
    """
    for row in _rows(folder / "queries.jsonl.gz"):
        places = tuple(_source(article, row.get("evidence")) for article in _relevant(row, folder, articles))
        yield _case(folder, row, tags=["quiz"], sources=[places])
    for row in _rows(folder / "later_questions.jsonl.gz"):
        yield _case(folder, row, tags=["later"])


def _retrieval(folder: Path, articles: Articles) -> Iterator[Case]:
    """Yield queries with relevance judgements, without answers; judged articles that are missing fall out."""
    for row in _rows(folder / "queries.jsonl.gz"):
        if sources := [(_source(article),) for article in _relevant(row, folder, articles)]:
            yield _case(folder, row, tags=["retrieval"], sources=sources)


def _clapnq(folder: Path, articles: Articles) -> Iterator[Case]:
    """Yield long answers, and questions of which the passage holds no answer though it looks as if it did.

    Expected are the answer and the sentences of the first annotator who chose any.
    """
    passages = {article.text: article for article in articles.values()}
    annotated = {row["id"]: row for row in _rows(folder / "annotated.jsonl.gz")}
    for row in _rows(folder / "queries.jsonl.gz"):
        notes = annotated[row["id"]]
        article = passages[notes["passages"][0]["text"]]
        shared = f"{GROUP}{article.uri}"
        if not row["answerable"]:
            yield _case(folder, row, tags=["related-passage", shared])
            continue
        chosen = next((note for note in notes["output"] if note["selected_sentences"]), None)
        quotes = chosen["selected_sentences"] if chosen else [None]
        sources = dict.fromkeys((_source(article, quote),) for quote in quotes)
        yield _case(
            folder,
            row,
            tags=["long-answer", shared],
            sources=list(sources),
            expected_answer=chosen["answer"] if chosen else None,
        )


def _squad2(folder: Path, articles: Articles) -> Iterator[Case]:
    """Yield short answers, and questions made to look as if their paragraph answered them."""
    for row in _rows(folder / "queries.jsonl.gz"):
        if not row["answerable"]:
            yield _case(folder, row, tags=["adversarial"])
            continue
        relevant = _relevant(row, folder, articles)
        sources = [(_source(article, _only_sentence(article, row["answers"])),) for article in relevant]
        yield _case(folder, row, tags=["short-answer"], sources=sources)


def _multihop(folder: Path, articles: Articles) -> Iterator[Case]:
    """Yield questions that need every one of several articles, and null questions."""
    for row in _rows(folder / "queries.jsonl.gz"):
        sources = [(_source(article),) for article in _relevant(row, folder, articles)]
        yield _case(folder, row, tags=[row["type"].removesuffix("_query")], sources=sources)


def _ramdocs(folder: Path, articles: Articles) -> Iterator[Case]:
    """Yield questions of which all right answers must be told, and none of the wrong ones.

    A right answer that no document gives is not expected, and a wrong one that is part of a right one is
    not forbidden. The articles that give the same right answer are alternatives.
    """
    for number, row in enumerate(_rows(folder / "cases.jsonl.gz"), start=1):
        places: dict[str, list[ExpectedSource]] = {}
        for part, document in enumerate(row["documents"], start=1):
            if document["type"] == "correct" and document["answer"] in row["gold_answers"]:
                article = articles[f"{folder.name}:{number}.{part}"]
                places.setdefault(document["answer"], []).append(_source(article))
        told = " / ".join(row["gold_answers"]).casefold()
        answers = list(places)
        yield _case(
            folder,
            {"id": number, "question": row["question"], "answerable": bool(places)},
            tags=_troubles(row),
            sources=[tuple(given) for given in places.values()],
            facts=[(answer,) for answer in answers],
            expected_answer=answers[0] if len(answers) == 1 else None,
            must_not_include=[wrong for wrong in row["wrong_answers"] if wrong.casefold() not in told],
        )


LOADERS: Mapping[str, Loader] = {
    "news": _news,
    "time": _retrieval,
    "scifact": _retrieval,
    "clapnq": _clapnq,
    "squad2": _squad2,
    "multihop": _multihop,
    "ramdocs": _ramdocs,
}


# --- what they share


def _case(  # noqa: PLR0913  # the fields of a case
    folder: Path,
    row: Row,
    *,
    tags: Sequence[str],
    sources: Sequence[Sources] = (),
    facts: Sequence[tuple[str, ...]] | None = None,
    expected_answer: str | None = None,
    must_not_include: Sequence[str] = (),
) -> Case:
    """Return a case; without facts of its own, one of the row's answers is the fact."""
    answers = tuple(dict.fromkeys(row.get("answers") or ()))
    return Case(
        id=f"{folder.name}:{row['id']}",
        question=row["question"],
        expected_answer=expected_answer or next(iter(answers), None),
        must_include=tuple(facts) if facts is not None else ((answers,) if answers else ()),
        must_not_include=tuple(dict.fromkeys(must_not_include)),
        expected_sources=tuple(place for place in sources if place),
        answerable=row.get("answerable", True),
        tags=tuple(tags),
    )


def _article(row: Row, folder: Path) -> Article:
    text = _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", row["text"])
    return Article(
        uri=f"{folder.name}:{row['id']}",
        title=row.get("title") or " ".join(text.split())[:80],
        text=text,
        source=row.get("source"),
        date=(row.get("date") or "").replace("/", "-") or None,
    )


def _relevant(row: Row, folder: Path, articles: Articles) -> list[Article]:
    """Return the articles that a row names and the corpus holds."""
    uris = (f"{folder.name}:{name}" for name in row["relevant"])
    return [articles[uri] for uri in uris if uri in articles]


def _source(article: Article, quote: str | None = None) -> ExpectedSource:
    """Return an article as a place, with the quote only if it stands there to the letter."""
    words = (quote or "").strip()
    return ExpectedSource(article=article.uri, quote=words if words and words in article.text else None)


def _only_sentence(article: Article, answers: Iterable[str]) -> str | None:
    """Return the one sentence that holds any of the answers; None when there are several or none."""
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(answer)}(?!\w)" for answer in answers))
    holding = [sentence for sentence in _sentences(article.text) if pattern.search(sentence)]
    return holding[0] if len(holding) == 1 and article.text.count(holding[0]) == 1 else None


@lru_cache(maxsize=4096)
def _sentences(text: str) -> tuple[str, ...]:
    return tuple(text[span.start : span.end] for span in sentence_spans(text))


def _troubles(row: Row) -> list[str]:
    """Return what makes a question of ramdocs hard, the worst first."""
    types = {document["type"] for document in row["documents"]}
    found = {
        "misleading": "misinfo" in types,
        "several-answers": len(row["gold_answers"]) > 1,
        "noise": "noise" in types,
    }
    return [name for name, is_so in found.items() if is_so] or ["plain"]


def _grouped(cases: Iterable[Case]) -> Iterator[Case]:
    """Tag the cases whose first expected article is that of others too; drop groups of one."""
    listed = [_with_group(case) for case in cases]
    sizes = Counter(case.group for case in listed)
    for case in listed:
        tags = tuple(tag for tag in case.tags if not tag.startswith(GROUP) or sizes[tag] > 1)
        yield case.model_copy(update={"tags": tags})


def _with_group(case: Case) -> Case:
    if case.group or not case.expected_sources:
        return case
    shared = f"{GROUP}{case.expected_sources[0][0].article}"
    return case.model_copy(update={"tags": (*case.tags, shared)})


def _documents(path: Path) -> Iterator[Row]:
    """Yield the documents of all cases, numbered `<case>.<document>` from 1."""
    for number, row in enumerate(_rows(path), start=1):
        for part, document in enumerate(row["documents"], start=1):
            yield {"id": f"{number}.{part}", "text": document["text"]}


def _rows(path: Path) -> Iterator[Row]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)
