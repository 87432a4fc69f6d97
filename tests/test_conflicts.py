from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rag.conflicts import MOST, Difference, Told, conflicts_in, difference
from rag.schema import Article, Citation, Span, Verdict

FORTY = Told("Arrests", "On Friday 40 miners were arrested in the capital.", "40")
FIFTY = Told("Capital", "In the capital, 52 miners were arrested, police said.", "52")
CLOSE = Told("Mines", "Mining minister Ada Berg said it was “close to its end”.", "close to its end")
FAR = Told("Strike", "“There is no end of it in sight,” Ada Berg said.", "“There is no end of it in sight”")


def told(text: str, answer: str, title: str = "News") -> Told:
    return Told(title, text, answer)


@pytest.mark.parametrize(
    ("question", "first", "second", "expected"),
    [
        ("How many miners were arrested?", FORTY, FIFTY, Difference("number", "miners", "40", "52")),
        (
            "When was the strike called off?",
            told("The miners called off their strike on 4 May.", "on 4 May"),
            told("On 9 June the strike of the miners was called off.", "9 June"),
            Difference("date", "miners", "4 May", "9 June"),
        ),
        (
            "Where is Chester High School?",
            told("Chester High School is a small public college in Dover.", "Dover"),
            told("Chester High School is a small public college in Boston.", "in Boston"),
            Difference("name", "Chester", "Dover", "Boston"),
        ),
        (
            "What did Ada Berg say about the strike?",
            CLOSE,
            FAR,
            Difference("quotation", "Ada", "“close to its end”", "“There is no end of it in sight”"),
        ),
        (
            "Who paid the miners?",
            told("Ada Berg and Bo Dahl paid the miners of the north.", "Ada Berg and Bo Dahl"),
            told("The miners of the north were paid by Eva Lund.", "Eva Lund"),
            Difference("name", "paid", "Ada Berg Bo Dahl", "Eva Lund"),
        ),
    ],
)
def test_what_is_answered_differently_is_seen(
    question: str, first: Told, second: Told, expected: Difference
) -> None:
    assert difference(question, first, second) == expected


@pytest.mark.parametrize(
    ("question", "first", "second"),
    [
        pytest.param(
            "How many were hurt?",
            told("Some 40 miners were hurt on Friday.", "40"),
            told("On Friday 12 trucks were lost.", "12"),
            id="another thing is counted",
        ),
        pytest.param(
            "How many miners were hurt?",
            told("On Friday four miners were hurt.", "four"),
            told("4 miners were hurt on Friday.", "4"),
            id="the same number in another spelling",
        ),
        pytest.param(
            "How many miners were hurt?",
            told("On Friday 40 miners were hurt.", "40"),
            told("On Friday miners were hurt, some 52 or 40.", "52"),
            id="the other number is told, too",
        ),
        pytest.param(
            "When was Ada Berg born?",
            told("Ada Berg was born on 4 May.", "4 May"),
            told("Bo Dahl was born on 9 June.", "9 June"),
            id="one is not about whom the question names",
        ),
        pytest.param(
            "How many miners were arrested?",
            FORTY,
            told("In the capital miners were arrested.", "miners"),
            id="one answers without a number",
        ),
        pytest.param(
            "How many miners were arrested?",
            told("On Friday 40 miners were arrested.", "40"),
            told("On Friday miners met on 9 June.", "9 June"),
            id="a number and a date",
        ),
        pytest.param(
            "What did Ada Berg say?",
            told("In Bergen Ada Berg said it was “over”.", "over"),
            told("It was “Over”, Ada Berg said again in Oslo.", "“Over”"),
            id="the same quotation",
        ),
        pytest.param(
            "What was said?",
            told("Ada Berg said the talks were “dead”.", "dead"),
            told("Bo Dahl said the talks “go on as planned”.", "go on as planned"),
            id="two speakers",
        ),
        pytest.param("What was said about it?", CLOSE, FAR, id="a speaker whom the question does not name"),
        pytest.param(
            "What did Ada Berg say?",
            told("On Monday evening Ada Berg spoke of “LATE TALK”.", "LATE TALK"),
            told("In a hall in Oslo crowds heard Ada Berg sing “GOOD”.", "GOOD"),
            id="a title in capitals is no statement",
        ),
        pytest.param(
            "What did Ada Berg say?",
            told("Ada Berg said it was “over”.", "Ada Berg said"),
            told("Ada Berg said it was “near”.", "Ada Berg said"),
            id="no quotation is the answer",
        ),
        pytest.param(
            "Where is it?",
            told("It is here.", "here"),
            told("It is there.", "there"),
            id="nothing to compare",
        ),
    ],
)
def test_what_may_be_the_same_is_no_conflict(question: str, first: Told, second: Told) -> None:
    assert difference(question, first, second) is None
    assert difference(question, second, first) is None


def test_a_title_may_name_what_its_sentence_does_not() -> None:
    question = "How many miners were arrested in Arlon?"
    named = [each._replace(title=f"{each.title} in Arlon") for each in (FORTY, FIFTY)]

    assert difference(question, *named) == Difference("number", "miners", "40", "52")
    assert difference(question, FORTY, named[1]) is None


def test_two_that_share_no_longer_word_differ_in_the_answer() -> None:
    first, second = told("It is on in 40.", "40"), told("It is on in 52.", "52")

    assert difference("When?", first, second) is None, "they share no word at all"
    assert difference("When?", told("UN or EU: 40.", "40"), told("UN or EU: 52.", "52")) == Difference(
        "number", "the answer", "40", "52"
    )


_PLAIN = "On Friday in Oslo said miners were hurt 40 52 four May 9 Ada Berg Dahl Arlon".split()
_WORDS = st.sampled_from([*_PLAIN, "“over now”", "“the end”", "“over”"])


@st.composite
def tellings(draw: st.DrawFn) -> Told:
    """Draw a sentence, and a run of its words that answers."""
    words = draw(st.lists(_WORDS, min_size=1, max_size=9))
    start = draw(st.integers(0, len(words) - 1))
    end = draw(st.integers(start + 1, len(words)))
    return Told("News", f"{' '.join(words)}.", " ".join(words[start:end]))


@settings(max_examples=400, deadline=None)
@given(st.lists(_WORDS, max_size=4).map(" ".join), tellings(), tellings())
@example(
    "What did Berg say?",
    told("Berg: “over now”.", "over now"),
    told("Berg: “the end”, “over now”.", "the end"),
)
def test_a_difference_is_seen_from_both_sides(question: str, first: Told, second: Told) -> None:
    there, back = difference(question, first, second), difference(question, second, first)

    assert (there is None) is (back is None)
    assert there is None or back is None or (there.first, there.second) == (back.second, back.first)


@settings(deadline=None)
@given(st.lists(_WORDS, max_size=4).map(" ".join), tellings())
def test_nothing_differs_from_itself(question: str, each: Told) -> None:
    assert difference(question, each, each) is None


def cited(number: int, each: Told, article: str = "", *, answered: bool = True) -> Citation:
    """Return a footnote into an article that holds the sentence only."""
    about = Article(f"test:{article or number}", each.title, each.text)
    start = each.text.index(each.answer)
    return Citation(
        number=number,
        article=about,
        start=0,
        end=len(each.text),
        quote=each.text,
        answer_start=0,
        answer_end=0,
        verdict=Verdict(located=True, consistent=True),
        passage_id=f"p{number}",
        answer=Span(start, start + len(each.answer)) if answered else None,
    )


ASKED = "How many miners were arrested?"


def test_footnotes_into_two_articles_are_compared() -> None:
    first, second = cited(1, FORTY), cited(2, FIFTY)

    (conflict,) = conflicts_in(ASKED, [first, second])

    assert (conflict.first, conflict.second) == (first, second)
    assert conflict.to_dict() == {
        "about": "miners",
        "kind": "number",
        "citations": [1, 2],
        "says": ["40", "52"],
    }


def test_one_article_and_footnotes_without_words_that_answer_are_not_compared() -> None:
    assert conflicts_in(ASKED, [cited(1, FORTY, "a"), cited(2, FIFTY, "a")]) == []
    assert conflicts_in(ASKED, [cited(1, FORTY), cited(2, FIFTY, answered=False)]) == []
    assert conflicts_in(ASKED, []) == []


def test_no_more_than_three_conflicts_are_told() -> None:
    notes = [
        cited(n, told(f"On Friday {n}0 miners were arrested in the capital.", f"{n}0")) for n in range(2, 7)
    ]

    found = conflicts_in(ASKED, notes)

    assert [(c.first.number, c.second.number) for c in found] == [(2, 3), (2, 4), (2, 5)]
    assert len(found) == MOST
