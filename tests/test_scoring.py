from __future__ import annotations

import math

import pytest

from rag.coverage import wanted_terms
from rag.facts import facts_beyond
from rag.questions import ask_of, asks_for_name
from rag.scoring import WEIGHTS, Signs, behind, is_odd, lead, score, sought_by

NOTHING = Signs(0, 0, 0, 0, 0, 0, 0)


class Words:
    """A vocabulary of ten passages; "talks" stands in nine of them, "Doha" in one."""

    def terms(self, text: str) -> list[str]:
        return list(dict.fromkeys(text.lower().split()))

    def document_frequency(self, term: str) -> int:
        return {"talks": 9, "doha": 1}.get(term, 0)

    def passage_count(self) -> int:
        return 10


def test_a_rare_word_of_the_question_counts_more() -> None:
    wanted = wanted_terms("Doha talks", Words())
    rare, common = math.log(1 + 10 / 1.5), math.log(1 + 10 / 9.5)

    assert wanted.rarities == {"doha": rare, "talks": common}
    assert wanted.share({"doha", "other"}) == pytest.approx(rare / (rare + common))
    assert wanted.share({"doha", "talks"}) == 1
    assert wanted_terms("", Words()).share({"doha"}) == 0


def test_facts_beyond_a_text_are_those_it_does_not_hold() -> None:
    question = "Who met Asif in Istanbul on 6 November?"
    beyond = facts_beyond(["Asif met Muttaqi on 6 November.", "Asif was in Istanbul."], question)

    assert [[fact.text for fact in facts] for facts in beyond] == [["Muttaqi"], []]


@pytest.mark.parametrize(
    ("question", "giving", "repeating"),
    [
        ("Who met Asif?", "Asif met Muttaqi.", "Asif met someone."),
        ("Where did Asif go?", "He went in May, they say, to a place in Istanbul.", "Asif went far."),
        ("How many of the 6 envoys left?", "Two of the 6 left.", "The 6 left."),
        ("When in November did they meet?", "They met on 7 November.", "They met in November."),
        ("When did they meet?", "They met on Monday.", "They met."),
        ("Which company cut ties with Irving?", "In the end Nike cut ties.", "It cut ties with Irving."),
    ],
)
def test_an_answer_gives_what_the_question_lacks(question: str, giving: str, repeating: str) -> None:
    sought = sought_by(question)
    new, old = facts_beyond([giving, repeating], question)

    assert sought.given_by(giving, new)
    assert not sought.given_by(repeating, old)


def test_a_reason_is_shown_but_never_counted_as_given() -> None:
    sought = sought_by("Why did it fail?")

    assert sought.shown_by("It failed because of Kabul.")
    assert not sought.given_by("It failed because of Kabul.", facts_beyond(["Kabul"], "")[0])


def test_the_last_sentence_of_a_question_asks() -> None:
    assert ask_of("The talks ended when envoys left. Where were they held?") == "Where were they held?"
    assert ask_of("Which U.S. Senate seat fell?") == "Which U.S. Senate seat fell?"
    assert sought_by("The talks ended when envoys left. Where were they held?").kind == "place"


def test_a_question_may_ask_for_a_name() -> None:
    assert asks_for_name("Which company was it?")
    assert asks_for_name("What was the mission called?")
    assert not asks_for_name("What did they say?")


@pytest.mark.parametrize(
    "sentence", ["They met in Doha.", "He said: “They met.”", "It is over (again!).", "They met at 10:30."]
)
def test_a_statement_is_not_odd(sentence: str) -> None:
    assert not is_odd(sentence)


@pytest.mark.parametrize(
    "sentence", ["Did they meet?", "More:What we know", "The winners in bold:", "► They met in Doha."]
)
def test_questions_links_and_lines_without_an_end_are_odd(sentence: str) -> None:
    assert is_odd(sentence)


def test_the_score_is_the_weighted_sum_of_the_evidence() -> None:
    assert score(NOTHING) == 0
    assert score(NOTHING._replace(meaning=0.5, odd=1)) == 0.5 * WEIGHTS.meaning + WEIGHTS.odd


def test_the_lead_of_an_article_falls_off() -> None:
    assert lead(0) == 1
    assert lead(1000) == pytest.approx(math.exp(-1))


def test_a_passage_is_behind_the_best_by_six_at_most() -> None:
    assert (behind(2.0, 3.5), behind(0.0, 30.0)) == (-1.5, -6.0)
