"""Fit how sure quoting is: a logistic over the evidence of `rag/evidence.py`, few weights, many questions.

    python benchmarks/abstention.py path/to/{squad2,clapnq,news,multihop} --scratch folder

Each set brings questions that its articles answer, and questions that they do not: made to look answerable
(squad2), with a related passage (clapnq), of later years (news), null (multihop). From squad2 and clapnq,
answerable questions are asked again without the article that answers them; and from all but multihop,
sub-corpora of 2 articles up to 40 are drawn, and questions asked whose article is inside or outside.

Every set, label and kind weighs the same. The weights are those that tell answerable from unanswerable
questions of a whole set; then those of size and constant suit all, sub-corpora too. Printed figures are of
questions left out of the fit (five folds, by hash). Nothing here looks at the seeds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from llama_index.core.schema import QueryBundle
from sets import build_index, load_set, sample_cases

from evals.cases import Case
from rag import Index, QueryEngine, Settings
from rag.answering import Question
from rag.catalogue import IndexedArticle
from rag.embedding import load_embedding
from rag.evidence import CONSTANT, WEIGHTS, Evidence, gather
from rag.settings import MIN_CONFIDENCE

Floats = npt.NDArray[np.float64]
DRAWS = {2: 24, 8: 12, 40: 4}
"""Articles in a sub-corpus -> how many sub-corpora of that size."""
QUESTIONS = 10
"""Questions of each kind asked of one sub-corpus."""
LIMIT = 1500
"""Questions asked of a whole set, drawn by hash."""
ONCE = {"squad2", "clapnq"}
"""Sets in which an answer stands in one article only, so that it is gone without that article."""
DRAWN = {"squad2", "clapnq", "news"}
FOLDS = 5
SIZE = Evidence._fields.index("size")
THRESHOLDS = (0.2, 0.3, 0.4, 0.5)


class Asked(NamedTuple):
    """What was found for one question."""

    set_name: str
    kind: str
    """`answered`, or why the articles do not tell; with `, n articles` in a sub-corpus."""
    id: str
    answerable: bool
    evidence: Evidence


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--scratch", type=Path, required=True)
    arguments = parser.parse_args()
    asked: list[Asked] = []
    for folder in arguments.folders:
        asked += remembered(folder, arguments.scratch)
        print(f"{folder.name}: {len(asked)} questions so far", flush=True)
    weights, constant = fit(asked)
    fitted = dict(zip(Evidence._fields, np.round(weights, 2).tolist(), strict=True))
    print("fitted:", fitted, "constant", round(constant, 2))
    report(asked, held_out_scores(asked), "fitted, on questions left out")
    shipped = rows(asked) @ np.array(WEIGHTS) + CONSTANT
    report(asked, shipped, f"shipped; the threshold is {MIN_CONFIDENCE}")
    calibration(asked, held_out_scores(asked))


# --- asking


def remembered(folder: Path, scratch: Path) -> list[Asked]:
    """Ask the questions of one set, or read what a run before found; delete the file to ask again."""
    kept = scratch / f"{folder.name}.asked.json"
    if not kept.exists():
        build_index(folder, scratch / folder.name)
        kept.write_text(json.dumps(list(ask_set(folder, scratch))), encoding="utf-8")
    found = json.loads(kept.read_text(encoding="utf-8"))
    return [Asked(name, kind, id_, yes, Evidence(*evidence)) for name, kind, id_, yes, evidence in found]


def ask_set(folder: Path, scratch: Path) -> Iterator[Asked]:
    """Ask the questions of one set, of all its articles and of some."""
    random.seed(folder.name)
    cases = sample_cases(load_set(folder).cases, LIMIT)
    whole = Index.open(scratch / folder.name)
    asker = Asker(folder.name)
    answered = [case for case in cases if case.answerable and gold(case)]
    yield from asker.ask(whole, answered, kind="answered", answerable=True)
    others = [case for case in cases if not case.answerable]
    yield from asker.ask(whole, others, kind=others[0].tags[0])
    if folder.name in ONCE:
        yield from asker.ask(whole, answered, kind="article removed", without_gold=True)
    if folder.name in DRAWN:
        yield from ask_drawn(asker, whole, answered, scratch)
    whole.close()


def gold(case: Case) -> set[str]:
    """Return the URIs of the articles that answer a case."""
    return {place.article for places in case.expected_sources for place in places}


def ask_drawn(asker: Asker, whole: Index, cases: Sequence[Case], scratch: Path) -> Iterator[Asked]:
    """Ask sub-corpora the questions whose article is inside, and as many whose article is not."""
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
    ) -> Iterator[Asked]:
        """Yield the evidence for each question, if need be without the articles that answer it."""
        settings = Settings(top_k=60) if without_gold else Settings()
        engine = QueryEngine(index, embedding=self._embedding, settings=settings)
        engine.quoting.embed = self.embed
        for case in cases:
            evidence = self._evidence(engine, case.question, gold(case) if without_gold else set())
            yield Asked(self.name, kind, case.id, answerable, evidence)

    def _evidence(self, engine: QueryEngine, question: str, without: set[str]) -> Evidence:
        (vector,) = self.embed([question])
        found = engine.retrieve(QueryBundle(question, embedding=vector))
        nodes = [node for node in found if node.node.metadata["uri"] not in without][: Settings().top_k]
        candidates = engine.quoting.candidates(Question(question, tuple(vector)), engine.sources(nodes))
        lexical = engine.index.lexical
        return gather(question, candidates, terms=lexical.terms, passages=lexical.passage_count())


# --- fitting


def rows(asked: Sequence[Asked]) -> Floats:
    return np.array([each.evidence for each in asked], dtype=float)


def fit(asked: Sequence[Asked]) -> tuple[Floats, float]:
    """Return the weights and the constant.

    Those of size and constant suit all questions; the others tell the close ones apart, asked of whole sets.
    """
    x = rows(asked)
    weights = np.zeros(x.shape[1])
    inner = np.arange(x.shape[1]) != SIZE
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
        slopes, constant = fit([each for each, f in zip(asked, fold, strict=True) if f != n])
        scores[fold == n] = rows(asked)[fold == n] @ slopes + constant
    return scores


# --- reporting


def report(asked: Sequence[Asked], scores: Floats, title: str) -> None:
    """Print AUROC of each unanswerable kind against the answered one of its set and size, and thresholds."""
    print(f"\n{title}\n{'':34} n yes/no   AUROC (95 %)         declined wrongly/rightly at {THRESHOLDS}")
    chances = logistic(scores)
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


def calibration(asked: Sequence[Asked], scores: Floats) -> None:
    """Print how often questions of like confidence are answerable, all sets and kinds weighing the same."""
    print("\nconfidence     mean  answerable     n   (questions left out of the fit)")
    chances, share, y = logistic(scores), shares(asked), labels(asked)
    for low in np.arange(0, 1, 0.1):
        inside = (chances >= low) & (chances < low + 0.1)
        if inside.any():
            part = share[inside] / share[inside].sum()
            mean, seen = chances[inside] @ part, y[inside] @ part
            print(f"{low:.1f} to {low + 0.1:.1f}    {mean:.3f}       {seen:.3f}  {inside.sum():4}")


if __name__ == "__main__":
    main()
