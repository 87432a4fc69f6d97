"""Answers and the engine, broken on purpose: each way moves its own metrics and no others.

The right run is that of the quoting engine over all seed cases; tests/mutations.py breaks it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import tests.mutations as broken
from evals import CaseError, Corpus, Run, compare, gate, load_cases, rescore, run
from evals.comparison import Difference
from evals.gating import GateResult
from evals.metrics.citations import is_ragged, keeps_negation, superfluous
from evals.records import Record
from evals.scores import Attempt, Metric, Score
from evals.scoring import METRICS, score_attempt
from rag import Article, QueryEngine, Settings, ingest_articles
from rag.schema import Span
from tests.mutations import (
    Bench,
    Mutate,
    Remembering,
    Rereading,
    answering,
    changing,
    citing,
    noting,
    retrieving,
    rewording,
)

ARTICLES = (
    "article_recall_at_1",
    "article_recall_at_5",
    "article_all_at_5",
    "article_mrr",
    "article_ndcg_at_10",
)
QUOTES = ("quote_recall_at_1", "quote_recall_at_5", "quote_precision_at_5", "quote_mrr", "quote_ndcg_at_10")
RETRIEVAL = (*ARTICLES, *QUOTES, "distinct_passages")
LIKENESS = ("token_f1", "rouge_l")
ANSWER = ("facts_covered", "forbidden_avoided", *LIKENESS, "exact", "answer_words")
FORM = ("markers_resolve", "quotes_verbatim", "sentence_coverage")
SUPPORT = ("consistent", "negation_kept")
GOLD = ("citation_precision", "citation_recall")
PER_SENTENCE = ("superfluous", "footnotes_per_sentence")
"""What is told of each sentence and its footnotes: other words may need more of them, or fewer."""
NUMBERS = (*PER_SENTENCE, "invented_markers")
CITATIONS = (*FORM, *SUPPORT, *GOLD, *NUMBERS)
ABSTENTION = ("declined_rightly", "declines_right", "answered")
EVERY = ("passed", *RETRIEVAL, *ANSWER, *CITATIONS, *ABSTENTION)
OF_ANSWERS = (
    "forbidden_avoided",
    "answer_words",
    *FORM,
    *SUPPORT,
    "citation_precision",
    "superfluous",
    "footnotes_per_sentence",
    "declines_right",
)
"""Graded where there is an answer, or where there is none."""
BY_NAME = {metric.name: metric for metric in METRICS}
PINNED = "pinned"


class Broken(NamedTuple):
    """A mutation, and all that comes of it; every metric is in one of the four lists."""

    name: str
    mutate: Mutate
    moves: Mapping[str, float]
    """Metric -> how far its mean goes at least; `compare` must be sure of it."""
    stays: tuple[str, ...]
    """Metrics that give every case the very same grade, or none, as before."""
    closed_by: tuple[str, ...]
    """What the gate must name: metrics, or pinned cases."""
    ungraded: tuple[str, ...] = ()
    """Metrics that grade other cases than before, and those that both runs grade the same."""
    may: tuple[str, ...] = ()
    """Metrics that may move with it, in whichever direction."""
    longer: bool = False
    """It takes answers of several sentences: each goes on with one more before it is broken, and after."""


BROKEN = (
    # --- markers
    Broken(
        "a marker is dropped",
        changing(broken.drop_a_marker),
        moves={"sentence_coverage": -0.3},
        stays=(
            *("passed", *RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD),
            *("markers_resolve", "quotes_verbatim", "invented_markers"),
        ),
        may=PER_SENTENCE,
        longer=True,
        closed_by=("sentence_coverage",),
    ),
    Broken(
        "a marker is kept from the reader",
        changing(broken.hide_a_marker),
        moves={"sentence_coverage": -0.3},
        stays=(
            *("passed", *RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD, *NUMBERS),
            *("markers_resolve", "quotes_verbatim"),
        ),
        longer=True,
        closed_by=("sentence_coverage",),
    ),
    Broken(
        # The hard checks have nothing to look at; coverage and recall do.
        "all footnotes are dropped",
        changing(broken.drop_all_footnotes),
        moves={"sentence_coverage": -0.9, "citation_recall": -0.4},
        stays=("passed", *RETRIEVAL, *ANSWER, *ABSTENTION, "invented_markers"),
        ungraded=(
            *("markers_resolve", "quotes_verbatim", *SUPPORT),
            *("citation_precision", "superfluous", "footnotes_per_sentence"),
        ),
        closed_by=("sentence_coverage", "citation_recall"),
    ),
    Broken(
        "[1] points elsewhere",
        changing(broken.point_elsewhere),
        moves={"consistent": -0.15, "citation_precision": -0.2, "citation_recall": -0.2},
        stays=(
            "passed",
            *RETRIEVAL,
            *ANSWER,
            *ABSTENTION,
            *FORM,
            "footnotes_per_sentence",
            "invented_markers",
        ),
        may=("negation_kept", "superfluous"),
        closed_by=("consistent", "citation_precision", "citation_recall"),
    ),
    Broken(
        # The quotes are the same ones, so that gold does not see it.
        "markers are swapped within an answer",
        changing(broken.swap_markers),
        moves={"consistent": -0.3},
        stays=("passed", *RETRIEVAL, *ANSWER, *ABSTENTION, *FORM, *GOLD, "invented_markers"),
        may=("negation_kept", *PER_SENTENCE),
        longer=True,
        closed_by=("consistent",),
    ),
    Broken(
        "a sentence cites an invented [99]",
        changing(broken.invent_a_marker),
        moves={"passed": -0.2, "markers_resolve": -0.2},
        stays=(
            *(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD, *NUMBERS),
            *("quotes_verbatim", "sentence_coverage"),
        ),
        closed_by=("markers_resolve", "passed", PINNED),
    ),
    Broken(
        "an invented [99] is written at the end",
        changing(broken.write_an_invented_marker),
        moves={"passed": -0.2, "markers_resolve": -0.2},
        stays=(
            *(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD, *NUMBERS),
            *("quotes_verbatim", "sentence_coverage"),
        ),
        closed_by=("markers_resolve", "passed", PINNED),
    ),
    Broken(
        "every footnote is [1]",
        changing(broken.number_all_notes_alike),
        moves={
            "passed": -0.15,
            "markers_resolve": -0.6,
            "sentence_coverage": -0.6,
            "superfluous": 0.2,
            "footnotes_per_sentence": 0.5,
        },
        stays=(*RETRIEVAL, *ANSWER, *ABSTENTION, *GOLD, *SUPPORT, "quotes_verbatim", "invented_markers"),
        longer=True,
        closed_by=("markers_resolve", "sentence_coverage", "superfluous", PINNED),
    ),
    # --- words
    Broken(
        "numbers are swapped",
        changing(rewording(broken.swap_numbers)),
        moves={"consistent": -0.2},
        stays=(
            *(*RETRIEVAL, *ABSTENTION, *FORM, *GOLD),
            *("footnotes_per_sentence", "invented_markers", "negation_kept", "exact", "answer_words"),
        ),
        may=("passed", "facts_covered", "forbidden_avoided", *LIKENESS, "superfluous"),
        closed_by=("consistent",),
    ),
    Broken(
        "names are swapped",
        changing(rewording(broken.swap_names)),
        moves={"consistent": -0.4},
        stays=(
            *RETRIEVAL,
            *ABSTENTION,
            *FORM,
            *GOLD,
            "footnotes_per_sentence",
            "invented_markers",
            "negation_kept",
            "exact",
        ),
        may=("passed", "facts_covered", "forbidden_avoided", *LIKENESS, "answer_words", "superfluous"),
        closed_by=("consistent",),
    ),
    Broken(
        "dates are swapped",
        changing(rewording(broken.swap_dates)),
        moves={"consistent": -0.1},
        stays=(
            *(*RETRIEVAL, *ABSTENTION, *FORM, *GOLD),
            *(
                "footnotes_per_sentence",
                "invented_markers",
                "negation_kept",
                "exact",
                "answer_words",
                "forbidden_avoided",
            ),
        ),
        may=("passed", "facts_covered", *LIKENESS, "superfluous"),
        closed_by=("consistent",),
    ),
    Broken(
        "sentences are negated",
        changing(rewording(broken.negate)),
        moves={"negation_kept": -0.4, "answer_words": 1},
        stays=(
            *RETRIEVAL,
            *ABSTENTION,
            *FORM,
            *GOLD,
            "footnotes_per_sentence",
            "invented_markers",
            "consistent",
            "exact",
        ),
        # "has not ended in failure" holds fewer of the words that are looked for
        may=("passed", "facts_covered", "forbidden_avoided", *LIKENESS, "superfluous"),
        closed_by=("negation_kept",),
    ),
    Broken(
        "negations are left out",
        changing(rewording(broken.affirm)),
        moves={"negation_kept": -0.08},
        stays=(*RETRIEVAL, *ABSTENTION, *FORM, *GOLD, "footnotes_per_sentence", "invented_markers", "exact"),
        # in a quotation, what is left out is missed there too
        may=(
            "passed",
            "facts_covered",
            "forbidden_avoided",
            *LIKENESS,
            "answer_words",
            "consistent",
            "superfluous",
        ),
        closed_by=("negation_kept",),
    ),
    Broken(
        "an invention is added without a footnote",
        changing(broken.add_uncited),
        moves={"sentence_coverage": -0.15, "token_f1": -0.02, "rouge_l": -0.02, "answer_words": 17},
        stays=(
            *("passed", *RETRIEVAL, *ABSTENTION, *SUPPORT, *GOLD, *NUMBERS),
            *("markers_resolve", "quotes_verbatim", "facts_covered", "forbidden_avoided", "exact"),
        ),
        closed_by=("sentence_coverage",),
    ),
    Broken(
        "an invention with names and numbers is added under a sound footnote",
        changing(broken.add_cited(broken.CHECKABLE)),
        moves={"consistent": -0.15, "token_f1": -0.02, "rouge_l": -0.02, "answer_words": 14},
        stays=(
            *("passed", *RETRIEVAL, *ABSTENTION, *FORM, *GOLD, "invented_markers"),
            *("facts_covered", "forbidden_avoided", "exact"),
        ),
        may=("negation_kept", *PER_SENTENCE),
        closed_by=("consistent",),
    ),
    Broken(
        # Words cannot tell that it is invented; only that the answer is less like the expected one.
        "an invention of plain words is added under a sound footnote",
        changing(broken.add_cited(broken.UNCHECKABLE)),
        moves={"token_f1": -0.02, "rouge_l": -0.02, "answer_words": 17},
        stays=(
            *("passed", *RETRIEVAL, *ABSTENTION, *FORM, *GOLD, "invented_markers", "consistent"),
            *("facts_covered", "forbidden_avoided", "exact"),
        ),
        may=("negation_kept", *PER_SENTENCE),
        closed_by=("token_f1",),
    ),
    Broken(
        "what is forbidden is said",
        changing(broken.say_what_is_forbidden),
        moves={"forbidden_avoided": -0.9, "passed": -0.1, "answer_words": 1},
        stays=(*RETRIEVAL, *ABSTENTION, *FORM, *GOLD, "footnotes_per_sentence", "invented_markers", "exact"),
        may=(*SUPPORT, *LIKENESS, "facts_covered", "superfluous"),
        closed_by=("forbidden_avoided", "passed"),
    ),
    Broken(
        "answers break off after six words",
        changing(broken.break_off),
        moves={"facts_covered": -0.3, "passed": -0.2, "answer_words": -15},
        stays=(*RETRIEVAL, *ABSTENTION, "exact", *FORM, "consistent", "invented_markers"),
        may=("forbidden_avoided", *LIKENESS, *GOLD, "negation_kept", *PER_SENTENCE),
        closed_by=("facts_covered", "passed", PINNED),
    ),
    Broken(
        "the whole passage is pasted",
        changing(broken.paste_the_passage),
        moves={"token_f1": -0.05, "rouge_l": -0.05, "answer_words": 50, "citation_precision": -0.2},
        stays=(*RETRIEVAL, *ABSTENTION, "exact", *FORM, *SUPPORT, "invented_markers"),
        may=("passed", "facts_covered", "forbidden_avoided", "citation_recall", *PER_SENTENCE),
        closed_by=("token_f1", "citation_precision"),
    ),
    Broken(
        "the whole passage is pasted without a footnote",
        changing(broken.paste_the_passage_uncited),
        moves={"sentence_coverage": -0.4, "token_f1": -0.05, "rouge_l": -0.05, "answer_words": 50},
        stays=(
            *(*RETRIEVAL, *ABSTENTION, "exact", *SUPPORT, *GOLD, *NUMBERS),
            *("markers_resolve", "quotes_verbatim"),
        ),
        may=("passed", "facts_covered", "forbidden_avoided"),
        closed_by=("sentence_coverage", "token_f1"),
    ),
    Broken(
        "ten other sentences are added, each with a sound footnote",
        changing(broken.pad),
        moves={"token_f1": -0.05, "rouge_l": -0.05, "answer_words": 100, "citation_precision": -0.2},
        stays=(*RETRIEVAL, *ABSTENTION, "exact", *FORM, *SUPPORT, "invented_markers"),
        may=("passed", "facts_covered", "forbidden_avoided", "citation_recall", *PER_SENTENCE),
        closed_by=("token_f1", "citation_precision"),
    ),
    # --- footnotes
    Broken(
        "every source is cited everywhere",
        changing(broken.cite_everything),
        moves={"superfluous": 0.3, "footnotes_per_sentence": 3, "citation_precision": -0.1},
        stays=("passed", *RETRIEVAL, *ANSWER, *ABSTENTION, *FORM, *SUPPORT, "invented_markers"),
        may=("citation_recall",),
        closed_by=("superfluous",),
    ),
    Broken(
        "a word of every quote is changed",
        changing(noting(broken.change_a_word)),
        moves={"quotes_verbatim": -0.9, "passed": -0.2},
        stays=(
            *(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD, *NUMBERS),
            *("markers_resolve", "sentence_coverage"),
        ),
        closed_by=("quotes_verbatim", "passed", PINNED),
    ),
    Broken(
        "the cited article is gone",
        changing(noting(broken.lose_the_article)),
        moves={"quotes_verbatim": -0.9, "passed": -0.2},
        stays=(
            *(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD, *NUMBERS),
            *("markers_resolve", "sentence_coverage"),
        ),
        closed_by=("quotes_verbatim", "passed", PINNED),
    ),
    Broken(
        "places are off by one",
        answering(citing(broken.off_by_one)),
        moves={"quotes_verbatim": -0.9, "passed": -0.2},
        stays=(
            *(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD, *NUMBERS),
            *("markers_resolve", "sentence_coverage"),
        ),
        closed_by=("quotes_verbatim", "passed", PINNED),
    ),
    Broken(
        "places and quotes are off by one",
        answering(citing(broken.off_by_one_throughout)),
        moves={"quotes_verbatim": -0.9, "passed": -0.2},
        stays=(
            *(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD),
            *(*set(NUMBERS) - {"superfluous"}, "markers_resolve", "sentence_coverage"),
        ),
        may=("superfluous",),
        closed_by=("quotes_verbatim", "passed", PINNED),
    ),
    Broken(
        "places and quotes begin one character late",
        answering(citing(broken.one_short)),
        moves={"quotes_verbatim": -0.9, "passed": -0.2},
        stays=(
            *(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *GOLD),
            *(*set(NUMBERS) - {"superfluous"}, "markers_resolve", "sentence_coverage"),
        ),
        may=("superfluous",),
        closed_by=("quotes_verbatim", "passed", PINNED),
    ),
    Broken(
        "[1] points into an article that was never retrieved",
        broken.cite_what_was_never_retrieved,
        moves={
            "markers_resolve": -0.2,
            "sentence_coverage": -0.2,
            "passed": -0.2,
            "citation_precision": -0.2,
            "citation_recall": -0.2,
        },
        stays=(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *NUMBERS, "quotes_verbatim"),
        closed_by=("markers_resolve", "sentence_coverage", "passed", PINNED),
    ),
    Broken(
        "the index is stale",
        broken.ask_a_stale_index,
        moves={"quotes_verbatim": -0.9, "passed": -0.2},
        stays=(
            *(*RETRIEVAL, *ANSWER, *ABSTENTION, *SUPPORT, *NUMBERS),
            *("markers_resolve", "sentence_coverage"),
        ),
        may=GOLD,
        closed_by=("quotes_verbatim", "passed", PINNED),
    ),
    # --- what is retrieved
    Broken(
        "every passage is retrieved twice",
        broken.list_twice,
        moves={"distinct_passages": -0.4},
        stays=(
            *(*ARTICLES, "quote_recall_at_1", *ABSTENTION, *FORM, *SUPPORT, *NUMBERS),
            *("forbidden_avoided", "exact"),
        ),
        # the copies take the places of others, and of so many sentences fewer are compared by their meaning
        may=(
            *("quote_recall_at_5", "quote_precision_at_5", "quote_mrr", "quote_ndcg_at_10"),
            *("passed", "facts_covered", *LIKENESS, "answer_words", *GOLD),
        ),
        closed_by=("distinct_passages",),
    ),
    Broken(
        "nothing is retrieved",
        retrieving(broken.nothing),
        moves={
            **dict.fromkeys((*ARTICLES, *QUOTES), -0.2),
            "facts_covered": -0.4,
            "token_f1": -0.1,
            "rouge_l": -0.1,
            "citation_recall": -0.4,
            "passed": -0.15,
            "answered": -0.5,
        },
        stays=("exact", "invented_markers"),
        ungraded=("distinct_passages", *OF_ANSWERS),
        may=("declined_rightly",),
        closed_by=("article_ndcg_at_10", "quote_recall_at_5", "quote_ndcg_at_10", "answered", PINNED),
    ),
    Broken(
        "passages are ranked the wrong way about",
        broken.reverse_retrieval,
        moves={
            "quote_recall_at_1": -0.3,
            "quote_mrr": -0.3,
            "quote_ndcg_at_10": -0.2,
        },
        stays=("passed", *ANSWER, *CITATIONS, *ABSTENTION, "distinct_passages"),
        may=(  # of two articles, the wrong one is first about as often either way
            "article_recall_at_1",
            "article_mrr",
            "article_ndcg_at_10",
            "article_recall_at_5",
            "article_all_at_5",
            "quote_recall_at_5",
            "quote_precision_at_5",
        ),
        closed_by=("quote_ndcg_at_10",),
    ),
    # --- whether it answers, and to what
    Broken(
        "all is refused",
        broken.refuse_all,
        moves={
            "answered": -0.5,
            "facts_covered": -0.4,
            "token_f1": -0.1,
            "rouge_l": -0.1,
            "citation_recall": -0.4,
            "passed": -0.15,
        },
        stays=(*RETRIEVAL, "exact", "invented_markers"),
        ungraded=OF_ANSWERS,
        may=("declined_rightly",),
        closed_by=("answered", "facts_covered", "citation_recall", "passed", PINNED),
    ),
    Broken(
        "all is answered",
        broken.answer_all,
        moves={"declined_rightly": -0.4},
        stays=(*RETRIEVAL, "exact", "invented_markers"),
        ungraded=tuple(name for name in OF_ANSWERS if name not in {"answer_words", "citation_precision"}),
        may=(
            "answer_words",
            "citation_precision",
            "answered",
            "passed",
            "facts_covered",
            *LIKENESS,
            "citation_recall",
        ),
        closed_by=("declined_rightly", PINNED),
    ),
    Broken(
        "what is sure is declined, and what is not is answered",
        broken.obey_inverted_confidence,
        moves={"answered": -0.4, "facts_covered": -0.4, "passed": -0.3, "citation_recall": -0.4},
        stays=(*RETRIEVAL, "exact", "invented_markers"),
        ungraded=OF_ANSWERS,
        may=("declined_rightly", *LIKENESS),
        closed_by=("answered", "facts_covered", "passed", PINNED),
    ),
    Broken(
        "all answers are the same",
        changing(broken.give_one_answer_to_all),
        moves={
            "facts_covered": -0.3,
            "passed": -0.2,
            "token_f1": -0.08,
            "rouge_l": -0.08,
            "citation_precision": -0.3,
            "citation_recall": -0.3,
        },
        stays=(*RETRIEVAL, *ABSTENTION, "exact", *FORM, *SUPPORT, "invented_markers"),
        may=("answer_words", "forbidden_avoided", *PER_SENTENCE),
        closed_by=("facts_covered", "passed", "citation_precision", "citation_recall", PINNED),
    ),
    Broken(
        "each case has the answer to the next one",
        broken.rotate_answers,
        moves={
            "facts_covered": -0.3,
            "passed": -0.2,
            "token_f1": -0.08,
            "rouge_l": -0.08,
            "citation_precision": -0.3,
            "citation_recall": -0.3,
            "quote_ndcg_at_10": -0.1,
        },
        stays=(*ABSTENTION, "exact", *FORM, *SUPPORT, "invented_markers", "distinct_passages"),
        may=(
            *(*ARTICLES, "quote_recall_at_1", "quote_recall_at_5", "quote_precision_at_5", "quote_mrr"),
            *("answer_words", "forbidden_avoided", *PER_SENTENCE),
        ),
        closed_by=("facts_covered", "passed", "citation_precision", "citation_recall", PINNED),
    ),
)

HARMLESS = (
    (
        "sentences are put together again",
        changing(lambda record, _: broken.saying(record, broken.said(record))),
    ),
    ("footnotes are counted from 7", changing(broken.renumber)),
    ("markers are in other brackets", changing(broken.use_other_brackets)),
    ("each sentence is on a line of its own", changing(broken.break_lines)),
    ("the articles hold [1] and [77] themselves", broken.let_the_articles_have_brackets),
    ("every stage takes twice as long", changing(broken.take_longer)),
    ("the questions are asked again", lambda bench: broken.asked(bench, bench.engine)),
)


@pytest.fixture(scope="module", name="bench")
def bench_fixture(engine: QueryEngine) -> Bench:
    """The right answers to all seed cases; no text is embedded or read twice."""
    own = QueryEngine(engine.index, embedding=Remembering(inner=engine.embedding), settings=engine.settings)
    own.quoting.read = Rereading(own.quoting.read)
    return Bench(run(load_cases(), own, name="base"), own)


class Mutant(NamedTuple):
    """A broken run, what it was before, and what should be seen of it."""

    wanted: Broken
    base: Run
    run: Run


@pytest.fixture(scope="module", name="mutant", params=BROKEN, ids=lambda wanted: wanted.name)
def mutant_fixture(request: pytest.FixtureRequest, bench: Bench) -> Mutant:
    used = bench.longer if request.param.longer else bench
    return Mutant(request.param, used.base, request.param.mutate(used))


class Effects(NamedTuple):
    """The metrics by what became of their grades."""

    moved: set[str]
    ungraded: set[str]
    """Other cases are graded than before, and those that both runs grade the same."""
    same: set[str]


def effects(before: Run, after: Run) -> Effects:
    """Sort all metrics by whether any case is graded otherwise, as told by the grades themselves."""
    found = Effects(set(), set(), set())
    for name in BY_NAME:
        pairs = [(before.score(c.id, name).value, after.score(c.id, name).value) for c in before.cases]
        if any(None not in pair and not _equal(*pair) for pair in pairs):
            found.moved.add(name)
        elif any(a != b and None in (a, b) for a, b in pairs):
            found.ungraded.add(name)
        else:
            found.same.add(name)
    return found


def _equal(a: float | None, b: float | None) -> bool:
    """Tell whether two grades are the same, but for the order in which floats were added."""
    return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-12)


def differences(before: Run, after: Run) -> dict[str, Difference]:
    return {found.metric.name: found for found in compare(before, after).metrics}


def mean(grades: Run, metric: str) -> float:
    values = [own[metric].value for own in grades.scores.values()]
    scored = [value for value in values if value is not None]
    return sum(scored) / len(scored)


def named_by(result: GateResult) -> set[str]:
    """Return the metrics that failures name, and `pinned` for pinned cases."""
    titles = {metric.title: metric.name for metric in METRICS} | {
        "Pinned case passed in the baseline": PINNED
    }
    return {titles[line.split(":")[0]] for line in result.failures}


def verdict_of(metric: Metric, by: float) -> str:
    """Return what `compare` calls a metric that goes up or down."""
    if metric.better == "neither":
        return "higher" if by > 0 else "lower"
    return "better" if (by > 0) == (metric.better == "higher") else "worse"


# --- the right run


def test_the_right_run_passes_the_gate_and_differs_from_itself_in_nothing(bench: Bench) -> None:
    result = gate(bench.base, bench.base)

    assert result.passed
    assert result.failures == []
    assert effects(bench.base, bench.base).same == set(EVERY)
    assert {found.verdict for found in compare(bench.base, bench.base).metrics} == {"the same"}
    assert {mean(bench.base, name) for name in ("markers_resolve", "quotes_verbatim")} == {1.0}


# --- each mutation moves its own metrics, and no others


def test_a_mutation_moves_its_own_metrics_and_leaves_the_named_others_alone(mutant: Mutant) -> None:
    wanted, found = mutant.wanted, effects(mutant.base, mutant.run)
    named = (*wanted.moves, *wanted.stays, *wanted.ungraded, *wanted.may)

    assert sorted(named) == sorted(EVERY), "every metric is named once"
    assert set(wanted.moves) <= found.moved
    assert found.moved - set(wanted.may) == set(wanted.moves)
    assert found.ungraded - set(wanted.may) == set(wanted.ungraded)
    assert found.same - set(wanted.may) == set(wanted.stays)


def test_a_mutation_moves_its_metrics_far_and_a_comparison_claims_it(mutant: Mutant) -> None:
    found = differences(mutant.base, mutant.run)

    for name, least in mutant.wanted.moves.items():
        own = found[name]
        assert own.a is not None
        assert own.b is not None
        assert (own.b - own.a) / least >= 1, f"{name} went from {own.a} to {own.b}"
        assert own.verdict == verdict_of(own.metric, least), name


def test_the_gate_catches_a_mutation_by_name(mutant: Mutant) -> None:
    result = gate(mutant.run, mutant.base)

    assert not result.passed
    assert set(mutant.wanted.closed_by) <= named_by(result)


@pytest.mark.parametrize(("name", "mutate"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_what_changes_nothing_for_a_reader_moves_nothing(bench: Bench, name: str, mutate: Mutate) -> None:
    mutant = mutate(bench)

    assert effects(bench.base, mutant).same == set(EVERY)
    assert gate(mutant, bench.base).passed


def test_every_metric_is_moved_by_a_mutation() -> None:
    moved = {name for row in BROKEN for name in row.moves}
    # The first two have tests of their own, further down. Declining a case is always right or always
    # wrong: only which cases are graded changes, and the next test looks at it.
    by_themselves = {"exact", "invented_markers", "declines_right"}

    assert set(BY_NAME) == set(EVERY)
    assert moved | by_themselves == set(EVERY)
    assert not moved & by_themselves


def test_who_declines_all_is_less_often_right_to_decline(bench: Bench) -> None:
    mutant = broken.refuse_all(bench)

    assert mean(bench.base, "declines_right") > mean(mutant, "declines_right") + 0.1
    unanswerable = sum(not case.answerable for case in bench.base.cases)
    assert mean(mutant, "declines_right") == unanswerable / len(bench.base.cases)


# --- what rightly leaves the gate open


def test_a_marker_that_the_engine_took_out_is_counted_and_harms_no_reader(bench: Bench) -> None:
    mutant = changing(broken.lose_a_marker_to_the_engine)(bench)

    assert effects(bench.base, mutant).moved == {"invented_markers"}
    assert effects(bench.base, mutant).same == set(EVERY) - {"invented_markers"}
    assert differences(bench.base, mutant)["invented_markers"].verdict == "worse"
    assert gate(mutant, bench.base).passed


def test_the_order_of_the_sentences_is_seen_by_rouge_alone(bench: Bench) -> None:
    longer = bench.longer
    mutant = changing(broken.reverse_sentences)(longer)

    assert effects(longer.base, mutant).moved == {"rouge_l"}
    assert effects(longer.base, mutant).same == set(EVERY) - {"rouge_l"}
    assert gate(mutant, longer.base).passed


def test_inverted_confidence_turns_auroc_round_and_nothing_else(bench: Bench) -> None:
    """The gate stays open: the answers are the same. A threshold that obeys it is a row of the table."""
    mutant = rescore(broken.invert_confidence(bench))
    before, after = (each.summary["abstention"] for each in (bench.base, mutant))

    assert effects(bench.base, mutant).same == set(EVERY)
    assert gate(mutant, bench.base).passed
    for old, new in zip(before["kinds"], after["kinds"], strict=True):
        assert new["aurc"] > old["aurc"]
        assert new["declined"] == old["declined"]
        assert old["auroc"]["value"] > 0.5 > new["auroc"]["value"]
        assert new["auroc"]["value"] == pytest.approx(1 - old["auroc"]["value"], abs=1e-5)


def test_the_expected_answers_under_their_gold_quotes_are_the_best_there_is(bench: Bench) -> None:
    """What a good model would say: neither a metric nor the gate may hold its own words against it."""
    mutant = changing(broken.say_the_expected_answer)(bench)
    told = [r.case for r, old in zip(mutant.records, bench.base.records, strict=True) if r != old]
    grades = {name: [mutant.score(id_, name).value for id_ in told] for name in EVERY}

    assert len(told) > 30
    for name in ("passed", "facts_covered", "exact", *LIKENESS, *GOLD, "markers_resolve", "quotes_verbatim"):
        assert set(grades[name]) == {1.0}, name
    for name in ("sentence_coverage", "consistent"):
        assert set(grades[name]) <= {1.0, None}, name
    assert sum(grade == 0 for grade in grades["negation_kept"]) <= 2
    assert sum(grade or 0 for grade in grades["superfluous"]) <= 2
    assert differences(bench.base, mutant)["exact"].verdict == "better"
    assert gate(mutant, bench.base).passed


# --- crashes


def test_a_crash_is_unscored_and_the_grades_of_the_others_stay(bench: Bench) -> None:
    mutant = rescore(broken.crash_every_third(bench))
    crashed = [case.id for case in bench.base.cases][2::3]

    assert [found["case"] for found in mutant.summary["crashed"]] == crashed
    assert {score for id_ in crashed for score in mutant.scores[id_].values()} == {
        Score(None, "the case crashed: TimeoutError: the model is slow today")
    }
    for case in bench.base.cases:
        if case.id not in crashed:
            assert mutant.scores[case.id] == bench.base.scores[case.id]
    assert {found.verdict for found in compare(bench.base, mutant).metrics} == {"the same"}
    assert [crash.case for crash in compare(bench.base, mutant).crashed] == crashed


def test_only_a_pinned_case_that_crashed_closes_the_gate(bench: Bench) -> None:
    passed = {c.id for c in bench.base.cases if bench.base.score(c.id, "passed").value == 1}
    pinned = [c.id for c in bench.base.cases[2::3] if c.pinned and c.id in passed]

    result = gate(broken.crash_every_third(bench), bench.base)
    harmless = gate(broken.crash_unguarded(bench), bench.base)

    assert pinned
    assert result.failures == [
        f"Pinned case passed in the baseline: {id_} crashed (TimeoutError: the model is slow today)."
        for id_ in pinned
    ]
    assert harmless.passed
    assert any(note.startswith("Crashed: ") and note.endswith(" more.") for note in harmless.notes)


# --- what the harness sees before it asks


def test_an_edit_under_a_gold_quote_is_refused_before_anything_is_asked(bench: Bench) -> None:
    catalogue = bench.engine.index.catalogue
    articles = catalogue.articles(catalogue.article_ids()).values()
    edited = [replace(a, text=a.text.replace("Istanbul", "Geneva")) for a in articles]

    with pytest.raises(CaseError, match=r"the quote “.*” is not in .*; the nearest words there are “"):
        run(bench.base.cases, bench.engine, corpus=Corpus.from_articles(edited))


def test_brackets_of_a_real_article_are_quoted_and_are_no_invented_markers(
    bench: Bench, tmp_path: Path
) -> None:
    text = "The river study [1] counted 340 otters in 2021 [99]. The bridge over the river is closed."
    article = Article(uri="file:///otters.txt", title="Otters", text=text)
    ingest_articles([article], index=tmp_path / "index", settings=Settings())
    case = bench.base.cases[0].model_validate(
        {
            "id": "otters",
            "question": "How many otters did the river study count?",
            "must_include": ["340"],
            "expected_sources": [{"article": "otters.txt", "quote": text[: text.index(" The bridge")]}],
            "answerable": True,
        }
    )

    with QueryEngine.open(tmp_path / "index", settings=Settings()) as engine:
        (scores,) = run([case], engine).scores.values()

    assert scores["passed"] == Score(1.0, "")
    for name in ("markers_resolve", "quotes_verbatim", "sentence_coverage", "consistent", "citation_recall"):
        assert scores[name] == Score(1.0, ""), name
    assert scores["invented_markers"] == Score(0.0, "")


# --- trivial baselines in the engine's place


@pytest.fixture(scope="module", name="trivial")
def trivial_fixture(bench: Bench) -> dict[str, Run]:
    names = ("first sentences", "whole passage", "random sentences", "never answer", "always answer")
    return {name: broken.in_place_of_the_engine(name)(bench) for name in names}


def test_who_never_answers_covers_no_fact_and_always_declines_rightly(trivial: Mapping[str, Run]) -> None:
    never = trivial["never answer"]

    due = ("facts_covered", *LIKENESS, "exact", "citation_recall", "answered")
    assert {mean(never, name) for name in due} == {0.0}
    assert mean(never, "declined_rightly") == 1.0
    unanswerable = sum(not case.answerable for case in never.cases) / len(never.cases)
    assert mean(never, "passed") == mean(never, "declines_right") == unanswerable
    unscored = ("forbidden_avoided", "answer_words", *FORM, *SUPPORT, "citation_precision")
    assert {own[name].value for own in never.scores.values() for name in unscored} == {None}


def test_who_always_answers_never_declines_and_is_sound_in_form(trivial: Mapping[str, Run]) -> None:
    for name in ("first sentences", "whole passage", "random sentences", "always answer"):
        assert mean(trivial[name], "declined_rightly") == 0.0
        assert mean(trivial[name], "answered") == 1.0
        assert {mean(trivial[name], metric) for metric in (*FORM, *SUPPORT)} == {1.0}
    for name in ("first sentences", "whole passage", "random sentences"):  # one footnote a sentence
        assert mean(trivial[name], "superfluous") == 0.0


def test_more_words_hold_more_facts_and_are_less_like_the_answer(
    bench: Bench, trivial: Mapping[str, Run]
) -> None:
    whole, first, chance = (
        trivial[name] for name in ("whole passage", "first sentences", "random sentences")
    )

    for metric in ("facts_covered", "citation_recall", "answer_words"):
        assert mean(whole, metric) > mean(first, metric)
    for metric in (*LIKENESS, "citation_precision"):
        assert mean(bench.base, metric) > mean(first, metric) > mean(whole, metric)
        assert mean(first, metric) > mean(chance, metric)
    for metric in ("passed", "facts_covered", "citation_recall", "quote_ndcg_at_10"):
        assert mean(first, metric) > mean(chance, metric)


def test_the_gate_takes_no_trivial_baseline_for_the_engine(bench: Bench, trivial: Mapping[str, Run]) -> None:
    for name, baseline in trivial.items():
        assert not gate(baseline, bench.base).passed, name
        assert differences(bench.base, baseline)["passed"].verdict == "worse", name


# --- whatever comes, a grade is in its range or has a reason


numbers = st.integers(-2, 120)
places = st.integers(-5, 4_000)
texts = st.text("ab .[]1,9【】\n“”not—\u0301\U0001f600", max_size=40)
damage = st.lists(
    st.one_of(
        st.tuples(st.just("cite"), st.integers(0, 2), st.lists(numbers, max_size=4)),
        st.tuples(st.just("renumber"), st.integers(0, 2), numbers),
        st.tuples(st.just("move"), st.integers(0, 2), st.tuples(places, places)),
        st.tuples(st.just("passage"), st.integers(0, 2), st.sampled_from([None, "", "gone#0-9"])),
        st.tuples(st.just("quote"), st.integers(0, 2), texts),
        st.tuples(st.just("stands"), st.integers(0, 2), st.none() | texts),
        st.tuples(st.just("place"), st.integers(0, 2), st.tuples(places, places)),
        st.tuples(st.just("words"), st.integers(0, 2), texts),
        st.tuples(st.just("text"), st.integers(0, 500), texts),
        st.tuples(st.just("drop"), st.integers(0, 2), st.none()),
    ),
    min_size=1,
    max_size=6,
)
FIELDS = {
    "cite": ("sentences", "citations"),
    "renumber": ("citations", "number"),
    "move": ("citations", ("start", "end")),
    "passage": ("citations", "passage"),
    "quote": ("citations", "quote"),
    "stands": ("citations", "stands"),
    "place": ("sentences", ("start", "end")),
    "words": ("sentences", "text"),
}
"""Damage -> which part of a record, and which of its fields."""


def damaged(record: Record, what: str, at: int, value: Any) -> Record:
    """Return a record with one thing in it overwritten."""
    if what == "text":
        return record.model_copy(update={"text": record.text[:at] + value + record.text[at:]})
    if what == "drop":
        return record.model_copy(update={"citations": record.citations[:at]})
    part, field = FIELDS[what]
    values = dict(zip(field, value, strict=True)) if isinstance(field, tuple) else {field: value}
    items = list(getattr(record, part))
    if at < len(items):
        items[at] = items[at].model_copy(
            update={name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        )
    return record.model_copy(update={part: tuple(items)})


def in_range(scores: Mapping[str, Score]) -> Iterable[str]:
    """Yield the metrics whose grade is out of range, or missing without a reason."""
    for name, (value, reason) in scores.items():
        most = math.inf if BY_NAME[name].unit else 1.0
        if not (reason if value is None else math.isfinite(value) and 0 <= value <= most):
            yield name


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(case=st.integers(0, 10_000), changes=damage, sources=st.integers(0, 5), status=st.booleans())
def test_no_damage_to_markers_and_places_makes_scoring_crash(
    bench: Bench, case: int, changes: list[tuple[str, int, Any]], sources: int, *, status: bool
) -> None:
    attempts = bench.base.attempts
    attempt: Attempt = attempts[case % len(attempts)]
    record = attempt.record.model_copy(update={"sources": attempt.record.sources[:sources]})
    for change in changes:
        record = damaged(record, *change)
    if status:
        record = record.model_copy(update={"status": "partial"})

    scores = score_attempt(replace(attempt, record=record))

    assert set(scores) == set(EVERY)
    assert list(in_range(scores)) == []


# --- what the mutations taught the metrics


def test_a_stretch_is_ragged_when_it_cuts_a_word_or_takes_white_space() -> None:
    text = "On 17 November they left. 他们走了。"

    whole = [Span(0, 25), Span(3, 5), Span(6, 14), Span(26, 31), Span(27, 29)]
    cut = [Span(4, 14), Span(1, 25), Span(0, 26), Span(2, 14), Span(6, 13)]
    assert [is_ragged(text, span) for span in whole] == [False] * 5
    assert [is_ragged(text, span) for span in cut] == [True] * 5


def test_a_negation_beside_what_a_sentence_says_is_not_turned() -> None:
    quote = (
        "Pakistan’s Defence Minister Khawaja Asif admitted that the third round of talks had “reached an "
        "uncertain stage with no results” and that no plans existed for further negotiations."
    )

    assert keeps_negation("Khawaja Asif is the defence minister.", (quote,))
    assert keeps_negation(
        "They did not: the defence minister admitted it.", ("The defence minister admitted it.",)
    )
    assert not keeps_negation("There are plans for further negotiations.", (quote,))
    assert not keeps_negation("plans existed for further negotiations.", (quote,))
    assert not keeps_negation("The minister did not admit it.", ("The defence minister admitted it.",))


def test_a_footnote_to_one_half_of_a_sentence_is_needed() -> None:
    halves = [
        "The Taliban accused Pakistan of evasion.",
        "The delegation refused to commit to written accords.",
    ]
    sentence = "The Taliban spoke of evasion; the delegation would not sign written accords."

    assert superfluous(sentence, halves, halves) == [False, False]
    other = "Markets in Karachi opened higher."
    assert superfluous(sentence, [*halves, other], [*halves, other]) == [False, False, True]
