from __future__ import annotations

import math
import re
from dataclasses import dataclass

import pytest

from rag.citations import Source
from rag.engine import QueryEngine
from rag.evidence import Evidence, confidence, gather, near_sentences, reason
from rag.schema import Article, Passage, Span


@dataclass(frozen=True)
class Compared:
    """A sentence with made-up nearness."""

    source: Source
    text: str
    cosine: float = 0.5
    coverage: float = 0.5
    context: float = 0.5


def compared(text: str, *, cosine: float = 0.5, title: str = "News") -> Compared:
    article = Article(uri="test:a", title=title, text=text)
    passage = Passage("p", article.id, 0, len(text), 9, (Span(0, len(text)),))
    return Compared(Source(1, passage, article, 1.0), text, cosine=cosine)


def terms(text: str) -> list[str]:
    """Return the words of a text without their endings, and without some that say nothing."""
    words = re.findall(r"\w+", text.lower())
    common = "who what which when where why how many did do were was the in to not of at is it on".split()
    return [word.removesuffix("s") for word in dict.fromkeys(words) if word not in common]


def evidence(question: str, *sentences: Compared) -> Evidence:
    return gather(question, sentences, terms=terms, passages=100)


def why(question: str, *sentences: Compared) -> str:
    return reason(question, sentences, [sentence.source for sentence in sentences], terms=terms)


def test_confidence_grows_with_nearness_and_falls_with_size_and_with_what_is_missing() -> None:
    near = evidence("Who mediated the talks?", compared("Turkey mediated the talks.", cosine=0.8))
    far = evidence("Who mediated the talks?", compared("Turkey mediated the talks.", cosine=0.1))

    assert confidence(near) > confidence(far)
    assert confidence(near) > confidence(near._replace(size=5.0))
    for missing in ("negation_missing", "kind_missing", "fact_missing", "thing_missing"):
        assert confidence(near) > confidence(near._replace(**{missing: True}))


def test_without_a_sentence_nothing_is_confident() -> None:
    assert confidence(evidence("Who mediated the talks?")) < 0.05


def test_the_evidence_is_read_off_the_nearest_sentences() -> None:
    found = evidence(
        "How many soldiers were killed in Quetta?", compared("Two civilians were killed in Kabul.")
    )

    assert found == Evidence(
        sentence=1.25,
        passage=1.0,
        size=2.0,
        length=math.log(4),
        negation_missing=False,
        kind_missing=False,
        fact_missing=True,
        thing_missing=True,
    )


def test_a_title_may_hold_what_its_sentences_leave_out() -> None:
    question = "Which soldiers were killed in Quetta?"
    found = evidence(question, compared("Two were killed.", title="Soldiers die in Quetta"))

    assert (found.fact_missing, found.thing_missing) == (False, False)


def test_a_negation_asked_for_is_looked_for() -> None:
    question = "Who did not sign?"

    assert evidence(question, compared("The envoys signed.")).negation_missing
    assert not evidence(question, compared("The envoys never signed.")).negation_missing


def test_far_sentences_are_not_near() -> None:
    best, close, far = compared("a", cosine=0.9), compared("b", cosine=0.7), compared("c", cosine=0.0)

    assert near_sentences([far, close, best]) == [best, close]


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        (
            "How many Pakistani soldiers were killed?",
            "Four Pakistani civilians were killed.",
            "The closest passages mention “Pakistani” and “killed”, but not “Pakistani soldiers”.",
        ),
        (
            "When was the ceasefire agreed?",
            "The ceasefire that both agreed holds.",
            (
                "The closest passages mention “ceasefire” and “agreed”, "
                "but the sentences nearest to it do not give a date."
            ),
        ),
        (
            "Did the ceasefire hold?",
            "They hold that a ceasefire is far.",
            ("The closest passages mention “ceasefire” and “hold”, but no sentence answers surely enough."),
        ),
        (
            "Who won the prize?",
            "It rained.",
            "The articles do not tell; the closest passages do not mention “won”, “prize”.",
        ),
        ("Who is it?", "It rained.", "The question has no word of its own to look for in the articles."),
    ],
)
def test_the_reason_tells_what_is_there_and_what_is_missing(
    question: str, sentence: str, expected: str
) -> None:
    assert why(question, compared(sentence)) == expected


@pytest.mark.parametrize(
    ("question", "there", "missing"),
    [
        ("How many Pakistani soldiers were killed in the clashes?", "killed", "Pakistani soldiers"),
        ("Which hotel hosted the delegations?", "delegations", "hotel"),
        ("When will the fourth round be held?", "round", "fourth"),
        ("What did the UN Secretary-General say about the talks?", "talks", "UN"),
        ("Who is the prime minister of Afghanistan?", "minister", "prime"),
    ],
)
def test_a_declined_question_close_to_the_topic_is_told_what_is_missing(
    engine: QueryEngine, question: str, there: str, missing: str
) -> None:
    answer = engine.with_options(min_confidence=1.0).query(question)
    found, _, lacking = str(answer.reason).partition(", but not ")

    assert answer.status == "abstained"
    assert f"“{there}”" in found
    assert f"“{missing}”" in lacking


def test_the_reason_off_the_topic_names_what_is_not_there(engine: QueryEngine) -> None:
    said = str(engine.query("Who won the 2022 World Cup?").reason)

    assert all(word in said for word in ("“2022”", "“World”", "“Cup”"))
