from __future__ import annotations

import tomllib
from collections import Counter
from pathlib import Path

import pytest

from evals import CaseError, CaseSet, Corpus, find_set, load_cases
from evals.cases import placed_cases
from evals.corpus import find_gold
from evals.metrics.answers import missing, said
from evals.sets import SETS, set_of
from rag.articles import read_article
from rag.errors import UsageError
from tests.conftest import ROOT

SIZES = {"seeds": (2, 90), "stories": (24, 240), "direction": (5, 40)}
"""Set -> its articles and its cases."""
every_set = pytest.mark.parametrize("chosen", SETS.values(), ids=SETS)


def articles_of(chosen: CaseSet) -> Corpus:
    return Corpus.from_articles([read_article(path) for path in sorted(chosen.articles.iterdir())])


# --- finding a set


def test_a_set_is_found_by_its_name_or_by_all_its_files() -> None:
    assert [find_set(name).name for name in SIZES] == list(SIZES) == list(SETS)
    for each in SETS.values():
        assert set_of(each.files) == set_of(each.files[::-1]) == each
    assert set_of(find_set("stories").files[:1]) is None
    assert set_of([*find_set("seeds").files, Path("own.jsonl")]) is None


def test_an_unknown_set_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match="no set of cases 'tales'; known are seeds, stories, direction"):
        load_cases(set="tales")


def test_files_and_a_set_are_not_both_read(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match="Name files of cases or a set, not both"):
        load_cases(tmp_path / "own.jsonl", set="seeds")


def test_the_seeds_are_read_when_nothing_is_named() -> None:
    assert load_cases() == load_cases(set="seeds") == load_cases(*find_set("seeds").files)


def test_a_tag_tells_which_file_of_a_set_a_case_is_from() -> None:
    stories = find_set("stories")
    cases = load_cases(set="stories")
    halves = [case.model_copy(update={"tags": case.tags[:-1]}) for case in cases]

    assert [case.tags[-1] for case in cases] == ["development"] * 120 + ["held-out"] * 120
    assert halves == load_cases(*stories.files)
    assert load_cases(set="direction") == load_cases(*find_set("direction").files)


# --- the sets that come along


@every_set
def test_the_quotes_of_a_set_stand_in_its_own_articles(chosen: CaseSet) -> None:
    placed, corpus = placed_cases(set=chosen.name), articles_of(chosen)

    assert (len(corpus), len(placed)) == SIZES[chosen.name]
    assert len(find_gold(placed, corpus)) == len(placed)


@every_set
def test_the_expected_answers_of_a_set_hold_their_facts(chosen: CaseSet) -> None:
    cases = load_cases(set=chosen.name)
    lacking = [case.id for case in cases if missing(case.expected_answer or "", case.must_include)]
    wrong = [case.id for case in cases if said(case.expected_answer or "", case.must_not_include)]

    assert (lacking, wrong) == ([], [])


def test_the_halves_of_the_stories_are_of_one_kind_and_of_different_events() -> None:
    cases = load_cases(set="stories")
    halves = {half: [case for case in cases if half in case.tags] for half in ("development", "held-out")}
    kinds = {half: Counter(case.kind for case in own) for half, own in halves.items()}
    events = {half: Counter(case.group for case in own) for half, own in halves.items()}

    assert kinds["development"].keys() == kinds["held-out"].keys()
    assert all(abs(n - kinds["held-out"][kind]) <= 1 for kind, n in kinds["development"].items())
    assert set(events["development"].values()) == set(events["held-out"].values()) == {30}
    assert not events["development"].keys() & events["held-out"].keys()


def test_the_package_holds_every_file_of_the_sets() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    patterns = settings["tool"]["setuptools"]["package-data"]["evals"]
    packed = {path for pattern in patterns for path in (ROOT / "evals").glob(pattern) if path.is_file()}

    assert packed == {path for path in (ROOT / "evals" / "data").rglob("*") if path.is_file()}
