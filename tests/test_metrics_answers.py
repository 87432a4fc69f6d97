from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.metrics.answers import (
    common_subsequence,
    exact,
    facts_covered,
    forbidden_avoided,
    missing,
    rouge_l,
    said,
    says,
    token_f1,
    without_markers,
    words,
)


def test_what_is_shown_is_the_text_without_its_markers() -> None:
    shown = without_markers(
        "The talks failed. [1][2]\nNobody said why. [unsupported] It was [his] turn [3, 4]."
    )

    assert shown == "The talks failed. Nobody said why. It was [his] turn ."


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("It was 4 people.", "4"),
        ("ZABIHULLAH  Mujahid said so", "Zabihullah Mujahid"),
        ("the Côte d’Ivoire", "Cote d'Ivoire"),
        ("It cost US$5.", "$5"),
        ("a rise of 5%", "5%"),
        ("on 6–7 November", "6-7 November"),
    ],
)
def test_a_fact_is_found_whatever_its_case_accents_dashes_and_spaces(text: str, fact: str) -> None:
    assert says(text, fact)


@pytest.mark.parametrize(
    ("text", "fact"),
    [
        ("in 2014", "4"),
        ("a rise of 4.5 percent", "4"),
        ("a rise of 1.4 percent", "4"),
        ("4,000 people", "4"),
        ("the Iranian side", "Iran"),
        ("", "4"),
        ("anything", " \u200b"),
    ],
)
def test_a_fact_has_word_borders_on_both_sides(text: str, fact: str) -> None:
    assert not says(text, fact)


def test_facts_are_covered_by_any_of_their_spellings() -> None:
    facts = [("Turkey", "Turkish"), ("Qatar", "Qatari"), ("four", "4")]

    assert facts_covered("Turkish and Qatari mediators", facts) == 2 / 3
    assert missing("Turkish and Qatari mediators", facts) == ["four"]


def test_what_must_not_be_said_lowers_its_own_share() -> None:
    forbidden = ["Doha", "Islamabad", "Kabul"]

    assert forbidden_avoided("They met in Doha.", forbidden) == 2 / 3
    assert said("They met in Doha.", forbidden) == ["Doha"]


def test_token_f1_is_that_of_squad() -> None:
    assert token_f1("The talks failed, on Friday.", "a talks failed") == pytest.approx(2 * 2 / (4 + 2))
    assert token_f1("failed failed", "failed") == pytest.approx(2 / 3)
    assert token_f1("nothing alike", "other words") == 0.0
    assert (token_f1("", ""), token_f1("the", "a"), token_f1("", "talks")) == (1.0, 1.0, 0.0)


def test_exact_drops_case_punctuation_and_articles_only() -> None:
    assert exact("The “Talks” failed!", "talks failed") == 1.0
    assert exact("The talks failed on Friday", "talks failed") == 0.0


def test_rouge_l_is_that_of_lins_example() -> None:
    reference = "police killed the gunman"

    assert rouge_l("police kill the gunman", reference) == 0.75
    assert rouge_l("the gunman kill police", reference) == 0.5


def test_rouge_l_without_words_is_one_only_when_both_have_none() -> None:
    assert (rouge_l("...", "!"), rouge_l("...", "talks")) == (1.0, 0.0)


def longest(first: list[str], second: list[str]) -> int:
    """The table of the textbook, row by row."""
    row = [0] * (len(second) + 1)
    for a in first:
        before = row[:]
        for n, b in enumerate(second):
            row[n + 1] = before[n] + 1 if a == b else max(before[n + 1], row[n])
    return row[-1]


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_the_common_subsequence_is_as_long_as_the_textbook_says(first: list[str], second: list[str]) -> None:
    assert common_subsequence(first, second) == longest(first, second)


def test_words_are_runs_of_letters_and_digits() -> None:
    assert words("Don't wait – the cease-fire of 2025 … ended.") == [
        "Don't",
        "wait",
        "the",
        "cease-fire",
        "of",
        "2025",
        "ended",
    ]
