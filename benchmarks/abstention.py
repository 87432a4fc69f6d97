"""Fit how sure quoting is: a logistic over the evidence of `rag/abstention.py`, few weights, many questions.

    python benchmarks/abstention.py path/to/{squad2,clapnq,news,multihop} --scratch folder \
        [--trained path/to/squad2-dev-titles.jsonl.gz]

Each set brings questions that its articles answer, and questions that they do not: made to look answerable
(squad2), with a related passage (clapnq), of later years (news), null (multihop). From squad2 and clapnq,
answerable questions are asked again without the article that answers them; and from all but multihop,
sub-corpora of 2 articles up to 40 are drawn, and questions asked whose article is inside or outside, and
unanswerable ones that come near an article inside. The development half of our own stories is asked, too,
and the stories that the reader's training keeps out. Questions that the reader was trained on (`--trained`)
are left out.

Every set, label and kind weighs the same. The weights are those that tell answerable from unanswerable
questions of a whole set; then those of size and constant suit all, sub-corpora too. Multihop is not fitted:
its long questions compare reports and name their sources, so that a name in them tells little; it shows
how the fit does elsewhere. Printed figures are of questions left out of the fit (five folds, by hash).
Nothing here looks at the seeds, nor at the other half of the stories. What is found for each question is
kept, so that a new sign of `Evidence` is fitted in two minutes; delete `<set>.found.json.gz` when retrieval
or ranking changes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from llama_index.core.schema import QueryBundle
from sets import build_index, load_set, sample_cases

from evals.cases import Case, ExpectedSource, load_cases
from rag import Index, QueryEngine, Settings, ingest, ingest_articles
from rag.abstention import CONSTANT, WEIGHTS, Evidence, gather
from rag.catalogue import IndexedArticle
from rag.citations import Source
from rag.embedding import load_embedding
from rag.lexical import build_analyzer
from rag.reading import Candidate, Signs
from rag.schema import Article, Passage, Span
from rag.settings import MIN_CONFIDENCE
from training.data import is_development, news_rows

Floats = npt.NDArray[np.float64]
DRAWS = {2: 8, 8: 4}
"""Articles in a sub-corpus -> how many sub-corpora of that size."""
QUESTIONS = 6
"""Questions of each kind asked of one sub-corpus."""
LIMIT = 300
"""Questions asked of a whole set, drawn by hash."""
ONCE = {"squad2", "clapnq", "kept"}
"""Sets in which an answer stands in one article only, so that it is gone without that article."""
DRAWN = {"squad2", "clapnq", "news", "kept"}
STORIES = Path(__file__).parent.parent / "evals" / "data" / "stories"
FITTED = {"clapnq", "news", "kept", "stories"}
FOLDS = 5
KEPT = 40
"""Sentences of a question that are kept, so that a new sign is read off them without asking again."""
SIGNS = Evidence._fields
SIZE = SIGNS.index("size")
THRESHOLDS = (MIN_CONFIDENCE, 0.3, 0.5)
"""Thresholds that are shown, the shipped one first."""
WRONGLY = 0.05
"""Share of answerable questions that may be declined, on average over the sets that are fitted."""


class Found(NamedTuple):
    """What was found for one question; of this, any sign can be read again without asking again."""

    set_name: str
    kind: str
    """`answered`, or why the articles do not tell; with `, n articles` in a sub-corpus."""
    id: str
    answerable: bool
    question: str
    passages: int
    """How many the index holds."""
    texts: list[tuple[str, str, float]]
    """Title, words and cosine of each retrieved passage."""
    sentences: list[tuple[int, str, list[float]]]
    """Which passage, words and signs of the sentences, best first."""

    def sources(self) -> list[Source]:
        """Return the passages as the answerer had them."""
        return [_source(number, *text) for number, text in enumerate(self.texts)]

    def candidates(self, sources: Sequence[Source]) -> list[Candidate]:
        """Return the sentences as the answerer would have them, best first."""
        found = [
            Candidate(sources[n], 0, Span(0, len(text)), text, Span(0, 0), Signs(*signs))
            for n, text, signs in self.sentences
        ]
        return sorted(found, key=lambda c: -c.score)


class Asked(NamedTuple):
    """A question with the signs of what was found for it."""

    set_name: str
    kind: str
    id: str
    answerable: bool
    evidence: Evidence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--scratch", type=Path, required=True)
    parser.add_argument("--trained", type=Path, help="questions that the reader was trained on")
    arguments = parser.parse_args()
    trained = trained_questions(arguments.trained)
    found = remembered("stories", arguments.scratch, partial(ask_stories, arguments.scratch))
    found += remembered("kept", arguments.scratch, partial(ask_kept, arguments.scratch))
    for folder in arguments.folders:
        asking = partial(ask_set, folder, arguments.scratch, trained)
        found += remembered(folder.name, arguments.scratch, asking)
        print(f"{folder.name}: {len(found)} questions so far", flush=True)
    asked = [read_signs(each) for each in found]
    print_fit("all", asked)
    held_out = np.asarray(logistic(held_out_scores(asked)))
    report(asked, held_out, "fitted, on questions left out")
    threshold = chosen_threshold(asked, held_out)
    print(f"\nthreshold {threshold:.2f}: surely at most {WRONGLY} of the answerable questions are declined")
    f1_of_abstention(asked, held_out, threshold)
    shipped = logistic(rows(asked) @ np.array(WEIGHTS) + CONSTANT)
    report(asked, shipped, f"shipped; the threshold is {MIN_CONFIDENCE}")
    calibration(asked, held_out)


def trained_questions(path: Path | None) -> set[str]:
    """Return the questions of a file of SQuAD's form, one paragraph a line; none without a file."""
    if path is None:
        return set()
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return {asked["question"].strip() for line in file for asked in json.loads(line)["questions"]}


def print_fit(title: str, asked: Sequence[Asked]) -> None:
    """Print the weights that suit all questions."""
    weights, constant = fit(fitted_on(asked))
    fitted = dict(zip(SIGNS, np.round(weights, 2).tolist(), strict=True))
    print(f"{title}, fitted:", fitted, "constant", round(constant, 2))


# --- asking


def remembered(name: str, scratch: Path, ask: Callable[[], Iterable[Found]]) -> list[Found]:
    """Ask the questions of one set, or read what a run before found; delete the file to ask again."""
    kept = scratch / f"{name}.found.json.gz"
    if not kept.exists():
        with gzip.open(kept, "wt", encoding="utf-8") as file:
            json.dump(list(ask()), file)
    with gzip.open(kept, "rt", encoding="utf-8") as file:
        return [Found(*row) for row in json.load(file)]


def read_signs(found: Found) -> Asked:
    """Return the signs of what was found."""
    sources = found.sources()
    evidence = gather(found.question, found.candidates(sources), sources, _Counted(found.passages))
    return Asked(found.set_name, found.kind, found.id, found.answerable, evidence or NOTHING)


NOTHING = Evidence(-12.0, *[0.0] * (len(SIGNS) - 1))
"""Of a question for which no sentence was found."""


class _Counted(NamedTuple):
    """A vocabulary of which only the words and the number of passages are asked."""

    passages: int

    def terms(self, text: str) -> list[str]:
        return terms(text)

    def document_frequency(self, term: str) -> int:
        raise NotImplementedError(term)  # the signs of abstention ask for no rarity

    def passage_count(self) -> int:
        return self.passages


def terms(text: str) -> list[str]:
    """Return the distinct search terms of a text, as the lexical index does."""
    return list(dict.fromkeys(_ANALYZER.analyze(text)))


_ANALYZER = build_analyzer()


def _source(number: int, title: str, text: str, cosine: float) -> Source:
    article = Article(f"found:{number}", title, text)
    return Source(number, Passage("", article.id, 0, len(text), 0, ()), article, 0.0, cosine)


def ask_stories(scratch: Path) -> Iterator[Found]:
    """Ask the development half of our own stories; those that follow up are asked alone."""
    folder = scratch / "stories"
    ingest(STORIES / "articles", index=folder)
    index = Index.open(folder)
    asker = Asker("stories")
    cases = load_cases(STORIES / "development.jsonl")
    yield from asker.ask(index, [c for c in cases if c.answerable], kind="answered", answerable=True)
    for kind in ("close", "premise", "absent"):
        yield from asker.ask(index, [c for c in cases if not c.answerable and c.kind == kind], kind=kind)
    index.close()


def ask_kept(scratch: Path) -> Iterator[Found]:
    """Ask the stories that the reader's training keeps out, of which a third are made to look answerable."""
    rows = [row for row in news_rows() if is_development(row.title)]
    texts = {row.title: row.text for row in rows}
    ingest_articles([Article(title, title, text) for title, text in texts.items()], index=scratch / "kept")
    cases = [
        Case(
            id=f"{number}",
            question=row.question,
            answerable=bool(row.spans),
            expected_sources=((ExpectedSource(article=row.title),),) if row.spans else (),
            tags=("adversarial",) if not row.spans else (),
        )
        for number, row in enumerate(rows)
    ]
    yield from ask_whole("kept", sample_cases(cases, LIMIT), scratch)


def ask_set(folder: Path, scratch: Path, trained: set[str]) -> Iterator[Found]:
    """Ask the questions of one set, of all its articles and of some."""
    build_index(folder, scratch / folder.name)
    cases = [case for case in load_set(folder).cases if case.question.strip() not in trained]
    yield from ask_whole(folder.name, sample_cases(cases, LIMIT), scratch)


def ask_whole(name: str, cases: Sequence[Case], scratch: Path) -> Iterator[Found]:
    """Ask questions of an index, and of some of its articles."""
    random.seed(name)
    whole = Index.open(scratch / name)
    asker = Asker(name)
    answered = [case for case in cases if case.answerable and gold(case)]
    yield from asker.ask(whole, answered, kind="answered", answerable=True)
    others = [case for case in cases if not case.answerable]
    yield from asker.ask(whole, others, kind=others[0].tags[0])
    if name in ONCE:
        yield from asker.ask(whole, answered, kind="article removed", without_gold=True)
    if name in DRAWN:
        about = asker.nearest(whole, others) if name in ONCE else {}
        yield from ask_drawn(asker, whole, answered, about, scratch)
    whole.close()


def gold(case: Case) -> set[str]:
    """Return the URIs of the articles that answer a case."""
    return {place.article for places in case.expected_sources for place in places}


def ask_drawn(
    asker: Asker, whole: Index, cases: Sequence[Case], about: dict[str, list[Case]], scratch: Path
) -> Iterator[Found]:
    """Ask sub-corpora the questions whose article is inside, and as many whose article is not.

    `about` holds the unanswerable questions by the article that they come nearest to; those whose article is
    inside are close to the topic of so small a corpus.
    """
    for size, draws in DRAWS.items():
        for draw in range(draws):
            drawn = random.sample(list(cases), min(size, len(cases)))
            uris = {min(gold(case)) for case in drawn}
            index = sub_index(whole, uris, scratch / f"{asker.name}-{size}-{draw}")
            mixed = random.sample(list(cases), len(cases))
            inside = [case for case in mixed if gold(case) <= uris][:QUESTIONS]
            outside = [case for case in mixed if not gold(case) & uris][:QUESTIONS]
            yield from asker.ask(index, inside, kind=f"article inside, {size} articles", answerable=True)
            yield from asker.ask(index, outside, kind=f"article outside, {size} articles")
            close = [case for uri in sorted(uris) for case in about.get(uri, [])][:QUESTIONS]
            yield from asker.ask(index, close, kind=f"close, {size} articles")
            index.close()


def sub_index(whole: Index, uris: set[str], folder: Path) -> Index:
    """Copy some articles with their vectors into an index of their own."""
    ids = {entry.id for entry in whole.catalogue.entries() if entry.uri in uris}
    index = Index.create(folder, whole.catalogue.recipe)
    with index.writing():
        for id_, article in whole.catalogue.articles(ids).items():
            names = [p.id for p in whole.catalogue.batch([id_]).passages]
            passages, vectors = whole.catalogue.passages(names), whole.catalogue.vectors(names)
            new = IndexedArticle(
                article, [passages[n].passage for n in names], np.stack([vectors[n] for n in names])
            )
            index.catalogue.upsert(new)
    return index


class Asker:
    """Asks questions of indexes, embedding no sentence twice."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._embedding = load_embedding(Settings())
        self._known: dict[str, list[float]] = {}

    def embed(self, texts: list[str]) -> list[list[float]]:
        """Return vectors, computing those that are not known yet."""
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        vectors = self._embedding.get_text_embedding_batch(new) if new else []
        self._known.update(zip(new, vectors, strict=True))
        return [self._known[text] for text in texts]

    def ask(
        self,
        index: Index,
        cases: Iterable[Case],
        *,
        kind: str,
        answerable: bool = False,
        without_gold: bool = False,
    ) -> Iterator[Found]:
        """Yield what is found for each question, if need be without the articles that answer it."""
        settings = Settings(top_k=60) if without_gold else Settings()
        engine = QueryEngine(index, embedding=self._embedding, settings=settings)
        for case in cases:
            sources = self._sources(engine, case.question, gold(case) if without_gold else set())
            ranked = engine.quoting.look(case.question, sources).ranked[:KEPT]
            yield Found(
                self.name,
                kind,
                case.id,
                answerable,
                case.question,
                index.lexical.passage_count(),
                [(source.article.title, source.text, source.cosine) for source in sources],
                [(c.source.number - 1, c.text, list(c.signs)) for c in ranked],
            )

    def nearest(self, index: Index, cases: Iterable[Case]) -> dict[str, list[Case]]:
        """Return the questions by the URI of the article that is retrieved first."""
        engine = QueryEngine(index, embedding=self._embedding, settings=Settings())
        found: dict[str, list[Case]] = {}
        for case in cases:
            (source, *_) = self._sources(engine, case.question, set())
            found.setdefault(source.article.uri, []).append(case)
        return found

    def _sources(self, engine: QueryEngine, question: str, without: set[str]) -> list[Source]:
        (vector,) = self.embed([question])
        found = engine.retrieve(QueryBundle(question, embedding=vector))
        nodes = [node for node in found if node.node.metadata["uri"] not in without]
        return engine.sources(nodes[: Settings().top_k])


# --- fitting


def rows(asked: Sequence[Asked]) -> Floats:
    """Return the signs, one row for each question."""
    return np.array([each.evidence for each in asked], dtype=float)


def fitted_on(asked: Sequence[Asked]) -> list[Asked]:
    """Return the questions of the sets that are fitted; the others only show how it does elsewhere."""
    return [each for each in asked if each.set_name in FITTED]


def fit(asked: Sequence[Asked]) -> tuple[Floats, float]:
    """Return the weights and the constant.

    Those of size and constant suit all questions; the others tell the close ones apart, asked of whole sets.
    """
    x = rows(asked)
    weights = np.zeros(x.shape[1])
    inner = np.array([sign != "size" for sign in SIGNS])
    weights[inner] = slopes([each for each in asked if "," not in each.kind], inner)
    y, share = labels(asked), shares(asked)
    inside = x @ weights
    centre = float(share @ inside)
    outer = np.column_stack([x[:, SIZE], np.ones(len(x))])
    weights[SIZE], constant = newton(outer, y, share, penalty=[1e-6, 1e-6], offset=inside - centre)
    return weights, float(constant) - centre


def slopes(asked: Sequence[Asked], inner: npt.NDArray[np.bool_]) -> Floats:
    """Return the weights of some columns that serve best within the sets, each with its own constant."""
    x = rows(asked)[:, inner]
    scale = x.std(axis=0)
    scale[scale == 0] = 1.0
    names = sorted({each.set_name for each in asked})
    dummies = np.array([[each.set_name == name for name in names] for each in asked], dtype=float)
    penalty = [1e-3] * x.shape[1] + [1e-6] * len(names)
    found = newton(np.hstack([x / scale, dummies]), labels(asked), shares(asked), penalty=penalty)
    return np.asarray(found[: x.shape[1]] / scale, dtype=float)


def newton(
    x: Floats, y: Floats, share: Floats, *, penalty: Sequence[float], offset: Floats | float = 0.0
) -> Floats:
    """Fit a logistic regression by Newton's method."""
    weights, ridge = np.zeros(x.shape[1]), np.array(penalty)
    for _ in range(50):
        chance = logistic(x @ weights + offset)
        slope = x.T @ (share * (chance - y)) + ridge * weights
        curve = (x * (share * chance * (1 - chance))[:, None]).T @ x + np.diag(ridge)
        weights = weights - np.linalg.solve(curve, slope)
    return weights


def logistic(values: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(values, -30, 30))), dtype=float)


def labels(asked: Sequence[Asked]) -> Floats:
    return np.array([each.answerable for each in asked], dtype=float)


def shares(asked: Sequence[Asked]) -> Floats:
    """Return what each question weighs: every set, label and kind (of any size) the same, 1 in all."""
    kinds = [(each.set_name, each.answerable, each.kind.partition(",")[0]) for each in asked]
    of_label = {key: len({k for k in kinds if k[:2] == key}) for key in {k[:2] for k in kinds}}
    counts = {kind: kinds.count(kind) for kind in set(kinds)}
    share = np.array([1 / counts[kind] / of_label[kind[:2]] for kind in kinds])
    return np.asarray(share / share.sum(), dtype=float)


def held_out_scores(asked: Sequence[Asked]) -> Floats:
    """Return the log-odds of each question by a fit without its fold; one question is in one fold only."""
    fold = np.array([int(hashlib.sha256(each.id.encode()).hexdigest(), 16) % FOLDS for each in asked])
    scores = np.zeros(len(asked))
    for n in range(FOLDS):
        slopes, constant = fit(fitted_on([each for each, f in zip(asked, fold, strict=True) if f != n]))
        scores[fold == n] = rows(asked)[fold == n] @ slopes + constant
    return scores


# --- reporting


def report(asked: Sequence[Asked], chances: Floats, title: str) -> None:
    """Print AUROC of each unanswerable kind against the answered one of its set and size, and thresholds."""
    print(f"\n{title}\n{'':34} n yes/no   AUROC (95 %)         declined wrongly/rightly at {THRESHOLDS}")
    keys = list(dict.fromkeys((each.set_name, each.kind) for each in asked if not each.answerable))
    for name, kind in keys:
        rivals = "article inside," + kind.partition(",")[2] if "," in kind else "answered"
        yes = chances[[(each.set_name, each.kind) == (name, rivals) for each in asked]]
        no = chances[[(each.set_name, each.kind) == (name, kind) for each in asked]]
        low, high = interval(yes, no)
        rates = "  ".join(f"{np.mean(yes < t):.3f}/{np.mean(no < t):.3f}" for t in THRESHOLDS)
        counts = f"{len(yes):4}/{len(no):4}"
        print(f"{name:9} {kind:24} {counts}  {auroc(yes, no):.3f} ({low:.3f} to {high:.3f})  {rates}")


def auroc(yes: Floats, no: Floats) -> float:
    """Return how often an answerable question scores higher than an unanswerable one; ties count half."""
    return float(np.mean((yes[:, None] > no) + 0.5 * (yes[:, None] == no)))


def interval(yes: Floats, no: Floats, resamples: int = 1000) -> tuple[float, float]:
    """Return the bootstrap interval of the AUROC."""
    source = np.random.default_rng(0)
    drawn = [auroc(source.choice(yes, len(yes)), source.choice(no, len(no))) for _ in range(resamples)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def chosen_threshold(asked: Sequence[Asked], chances: Floats) -> float:
    """Return the highest threshold at which few answerable questions are declined for sure.

    The share declined is the mean over the fitted sets, and its upper bound (one-sided, 95 %) counts.
    """
    told = [chances[[(e.set_name, e.kind) == (name, "answered") for e in asked]] for name in sorted(FITTED)]

    def most(threshold: float) -> float:
        wrongly = np.array([np.mean(each < threshold) for each in told])
        variance = sum(w * (1 - w) / len(each) for w, each in zip(wrongly, told, strict=True))
        return float(np.mean(wrongly)) + 1.645 * float(np.sqrt(variance)) / len(told)

    return max(float(step) for step in np.arange(0, 1, 0.01) if most(step) <= WRONGLY)


def f1_of_abstention(asked: Sequence[Asked], chances: Floats, threshold: float) -> None:
    """Print F1 of declining, over the questions of each set as they come, beside declining all."""
    for name in sorted(FITTED):
        own = [e.set_name == name and "," not in e.kind and e.kind != "article removed" for e in asked]
        no, declined = 1 - labels(asked)[own], chances[own] < threshold
        f1 = 2 * float(no @ declined) / float(no.sum() + declined.sum())
        every = 2 * no.sum() / (no.sum() + len(no))
        print(f"{name:9} F1 of declining {f1:.3f}, of declining all {every:.3f}")


def calibration(asked: Sequence[Asked], chances: Floats) -> None:
    """Print and draw how often questions of like confidence are answerable; sets and kinds weigh the same."""
    print("\nconfidence  mean  answerable     n   (fitted sets, questions left out of the fit)")
    own, chances = fitted_on(asked), chances[[each.set_name in FITTED for each in asked]]
    share, y = shares(own), labels(own)
    for low in np.arange(0, 1, 0.1):
        inside = (chances >= low) & (chances < low + 0.1)
        if inside.any():
            part = share[inside] / share[inside].sum()
            mean, seen = float(chances[inside] @ part), float(y[inside] @ part)
            counted = f"{mean:.3f}       {seen:.3f}  {inside.sum():4}"
            print(f"{low:.1f} to {low + 0.1:.1f}  {counted}  {bar(seen, mean)}")


def bar(seen: float, mean: float, width: int = 40) -> str:
    """Draw a share, with a `|` where it would be if the confidence were right."""
    drawn = list("#" * round(seen * width) + "." * (width - round(seen * width)))
    drawn[min(width - 1, round(mean * width))] = "|"
    return "".join(drawn)


if __name__ == "__main__":
    main()
