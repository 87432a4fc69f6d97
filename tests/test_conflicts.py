from __future__ import annotations

import pytest

from rag.conflicts import Difference, difference
from rag.engine import QueryEngine


@pytest.mark.parametrize(
    ("question", "first", "second", "expected"),
    [
        (
            "How did Berg describe the strike?",
            "Mining minister Ada Berg described the strike as “close to its end”.",
            "“There is no end of the strike in sight,” Ada Berg said.",
            Difference(
                "quotation", "Ada Berg", "“close to its end”", "“There is no end of the strike in sight”"
            ),
        ),
        (
            "How many miners were arrested?",
            "On Friday 40 miners were arrested in the capital.",
            "In the capital, 52 miners were arrested, police said.",
            Difference("number", "miners", "40", "52"),
        ),
        (
            "When was Ada Berg born?",
            "Ada Berg (born 4 May 1901) was a Norwegian painter.",
            "Ada Berg (born 9 June 1911) was a Norwegian footballer and painter.",
            Difference("date", "date", "4 May 1901", "9 June 1911"),
        ),
        (
            "Where is Chester High School?",
            "Chester High School is a small public college in Dover.",
            "Chester High School is a small public college in Boston.",
            Difference("name", "place", "Dover", "Boston"),
        ),
        (
            "Who started it?",
            "Oslo accused Sweden of opening fire.",
            "Swedish officials blamed Norwegian boats for the fire.",
            Difference(
                "claim",
                "Norway and Sweden",
                "Oslo accused Sweden of opening fire.",
                "Swedish officials blamed Norwegian boats for the fire.",
            ),
        ),
    ],
)
def test_what_is_told_differently_is_seen(
    question: str, first: str, second: str, expected: Difference
) -> None:
    assert difference(question, first, second) == expected


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        # other wordings of the same
        ("How many were hurt?", "Some 40 miners were hurt.", "Forty miners were hurt on Friday."),
        ("How did Berg describe it?", "Berg said it was “over”.", "It is “all over now”, Berg said."),
        # other things counted, other speakers, other subjects
        ("How many were hurt?", "On Friday 40 miners were hurt.", "On Friday 12 trucks were lost."),
        (
            "What was said?",
            "Ada Berg said the talks were “dead”.",
            "Bo Dahl said the talks “go on as planned”.",
        ),
        (
            "When was Ada Berg born?",
            "Ada Berg (born 1901) was a painter.",
            "Bo Dahl (born 1911) was a painter.",
        ),
        # a title in quotation marks is no statement; blame from outside is no mutual blame
        ("What did Berg say?", "Ada Berg said so on “Late Talk”.", "Ada Berg said in “Good Day” she would."),
        ("Who started it?", "Oslo accused Sweden.", "Norway blamed Swedish boats."),
    ],
)
def test_what_may_be_the_same_is_no_conflict(question: str, first: str, second: str) -> None:
    assert difference(question, first, second) is None


def test_two_accounts_of_one_speaker_are_both_given_and_told_apart(engine: QueryEngine) -> None:
    answer = engine.query("How did the defence minister describe the talks?")

    (conflict,) = answer.conflicts
    assert (conflict.kind, conflict.about) == ("quotation", "Pakistan’s Khawaja Asif")
    assert conflict.says == ("“complete deadlock”", "“reached an uncertain stage with no results”")
    assert conflict.first.article.id != conflict.second.article.id
    assert answer.to_dict()["conflicts"] == [
        {"about": conflict.about, "kind": "quotation", "citations": [1, 2], "says": list(conflict.says)}
    ]


def test_agreement_is_no_conflict(engine: QueryEngine) -> None:
    assert engine.query("Who mediated the talks?").conflicts == []
