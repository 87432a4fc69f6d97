from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace

import pytest

from rag.citations import Source
from rag.engine import QueryEngine
from rag.evidence import Evidence, confidence, gather, is_turned, near_sentences, reason
from rag.reading import Likeness
from rag.schema import Article, Passage, Span
from rag.settings import MIN_CONFIDENCE


@dataclass(frozen=True)
class Compared:
    """A sentence with made-up nearness."""

    source: Source
    text: str
    cosine: float = 0.5
    coverage: float = 0.5
    context: float = 0.5
    likeness: Likeness | None = None


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
    return gather(question, sentences, [s.source for s in sentences], terms=terms, passages=100)


def why(question: str, *sentences: Compared) -> str:
    return reason(question, sentences, [sentence.source for sentence in sentences], terms=terms)


def test_confidence_grows_with_nearness_and_falls_with_size_and_with_what_is_missing() -> None:
    near = evidence("Who mediated the talks?", compared("Turkey mediated the talks.", cosine=0.8))
    far = evidence("Who mediated the talks?", compared("Turkey mediated the talks.", cosine=0.1))

    assert confidence(near) > confidence(far)
    assert confidence(near) > confidence(near._replace(size=5.0))
    for worse in (
        near._replace(turned=True),
        near._replace(fact_missing=True),
        near._replace(fact_unknown=True),
        near._replace(gap=1.0),
        near._replace(ruled_out=True),
    ):
        assert confidence(near) > confidence(worse)


def test_an_answer_that_is_ruled_out_is_never_given() -> None:
    nearest = compared("How many soldiers were killed? Nobody counted.", cosine=1.0)
    found = evidence("How many soldiers were killed?", nearest)

    assert found.ruled_out
    assert confidence(found) < MIN_CONFIDENCE < confidence(found._replace(ruled_out=False))


def test_without_a_sentence_nothing_is_confident() -> None:
    assert confidence(evidence("Who mediated the talks?")) < 0.05


def test_the_evidence_is_read_off_the_nearest_sentences() -> None:
    found = evidence(
        "How many soldiers were killed in Quetta?", compared("Two civilians were killed in Kabul.")
    )

    assert found == Evidence(
        read=0.0,
        sentence=1.25,
        passage=1.0,
        cosine=0.5,
        size=2.0,
        length=math.log(4),
        turned=False,
        fact_missing=True,
        fact_unknown=True,
        gap=0.8,
        ruled_out=True,
    )


def test_a_sentence_read_under_its_title_is_weighed_as_such() -> None:
    plain = compared("Two civilians were killed in Kabul.")
    read = replace(plain, likeness=Likeness(meaning=0.6, matched=0.75))
    both = gather("How many civilians died?", [plain, read], [], terms=str.split, passages=100)
    neither = gather("How many civilians died?", [plain], [], terms=str.split, passages=100)

    assert both == neither._replace(read=1.5 * 0.6 + 0.75)
    assert confidence(both) != confidence(neither)


def test_a_title_may_hold_what_its_sentences_leave_out() -> None:
    question = "Which soldiers were killed in Quetta?"
    found = evidence(question, compared("Two were killed.", title="Soldiers die in Quetta"))

    assert not found.fact_missing


def test_a_name_may_stand_in_a_passage_though_in_no_near_sentence() -> None:
    far = compared("Bread is dear in Quetta.", cosine=0.0)
    found = evidence("Who was killed in Quetta?", compared("Two were killed.", cosine=0.9), far)

    assert (found.fact_missing, found.fact_unknown) == (True, False)


@pytest.mark.parametrize(
    ("question", "sentence", "turned"),
    [
        ("Who did not sign?", "The envoys signed.", True),
        ("Who did not sign?", "The envoys never signed.", False),
        ("Who signed besides the envoys, other than clerks?", "The envoys signed.", True),
        ("Was there not a treaty?", "There was a treaty.", False),
        ("Which prices rose not only in May?", "Prices rose.", False),
        ("Which town has the highest tax?", "Arlon has the lowest tax.", True),
        ("Which town has the highest tax?", "Arlon has the highest tax, Mons the lowest.", False),
    ],
)
def test_what_is_denied_or_turned_round_is_noticed(question: str, sentence: str, *, turned: bool) -> None:
    assert is_turned(question, sentence) is turned


def test_a_false_premise_is_answered_with_what_the_articles_say() -> None:
    told = compared("Turkey would mediate.", cosine=0.9)

    assert not evidence("Why did France mediate?", told).fact_missing
    assert evidence("Why did France pay?", told).fact_missing
    assert evidence("Did France mediate?", told).fact_missing


def test_orders_around_a_question_are_not_looked_for() -> None:
    found = evidence("Forget Quetta. Who signed?", compared("Ek signed."))

    assert not found.fact_missing


def test_far_sentences_are_not_near() -> None:
    best, close, far = compared("a", cosine=0.9), compared("b", cosine=0.7), compared("c", cosine=0.0)

    assert near_sentences([far, close, best]) == [best, close]


@pytest.mark.parametrize(
    ("question", "sentence", "expected"),
    [
        (
            "How many Pakistani soldiers were killed?",
            "Four Pakistani civilians were killed.",
            "The closest passages mention “killed”, but not “Pakistani soldiers”.",
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
            "How many villages have burnt?",
            "Villages have burnt, and 40 barns.",
            (
                "The closest passages mention “villages”, “have” and “burnt”, "
                "but the sentences nearest to it do not say how many “villages”."
            ),
        ),
        (
            "Who is the mayor of Arlon?",
            "A mayor governs Arlon, said the historian Jan Hus.",
            "The closest passages mention “mayor” and “Arlon”, but no sentence answers surely enough.",
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
        ("When will the fourth round be held?", "held", "fourth round"),
        ("What did the UN Secretary-General say about the talks?", "talks", "UN Secretary-General"),
        ("Who is the prime minister of Afghanistan?", "Afghanistan", "prime minister"),
    ],
)
def test_a_question_close_to_the_topic_is_declined_and_told_what_is_missing(
    engine: QueryEngine, question: str, there: str, missing: str
) -> None:
    answer = engine.query(question)
    found, _, lacking = str(answer.reason).partition(", but not ")

    assert answer.status == "abstained"
    assert f"“{there}”" in found
    assert f"“{missing}”" in lacking


def test_the_reason_off_the_topic_names_what_is_not_there(engine: QueryEngine) -> None:
    said = str(engine.query("Who won the 2022 World Cup?").reason)

    assert all(word in said for word in ("“2022”", "“World”", "“Cup”"))
