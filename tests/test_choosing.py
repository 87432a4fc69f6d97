from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.choosing import (
    LONG,
    MAX_ACCOUNTS,
    MAX_SENTENCES,
    MAX_WORDS,
    Choice,
    choose,
    gathered,
    repeats,
    same_answer,
)
from rag.citations import Footnoter, Source
from rag.reading import Candidate, Signs
from rag.schema import Article, Passage, Span

ASKED = "How many miners were arrested?"
FORTY = "On Friday 40 miners were arrested in the capital."
FIFTY = "In the capital, 52 miners were arrested, police said."
ALONG = "by the side of the old harbour town and its long sea wall in the north of the land"


def sentence(  # noqa: PLR0913  # what a test says of a sentence
    text: str,
    margin: float,
    answer: str = "",
    *,
    article: int = 1,
    position: int = 0,
    outlet: str | None = None,
    odd: bool = False,
    matched: float = 0.0,
) -> Candidate:
    """Return a sentence that stands alone in its article, the further in the higher its position."""
    about = Article(f"test:{article}", f"T {article}", " " * position + text, outlet)
    span, start = Span(position, position + len(text)), position + text.index(answer)
    passage = Passage(f"{article}-{position}", about.id, *span, 9, (span,))
    signs = Signs(margin, matched, 0.0, 0.0, float(odd))
    place = Span(start, start + len(answer))
    return Candidate(Source(article, passage, about, 1.0), position, span, text, place, signs)


def chosen(*ranked: Candidate, question: str = ASKED) -> list[Choice]:
    return choose(question, sorted(ranked, key=lambda c: -c.score))


def texts(choices: Sequence[Choice]) -> list[str]:
    """Return the sentences that choices show, those that they lean on too."""
    shown = ((choice.before.text if choice.before else "", choice.text) for choice in choices)
    return [text for pair in shown for text in pair if text]


def shown(choices: Sequence[Choice]) -> Footnoter:
    """Return the answer that some choices make."""
    given_sources = {c.source.number: c.source for choice in choices for c in _cited(choice)}
    footnoter = Footnoter(list(given_sources.values()))
    for choice in choices:
        for event in choice.events():
            footnoter.feed(event)
    return footnoter


def _cited(choice: Choice) -> tuple[Candidate, ...]:
    return choice.sentence, *choice.support


def test_one_sentence_answers_when_the_others_fall_behind() -> None:
    best = sentence(FORTY, 9, "40 miners")
    behind = sentence("Their leader was fined 300 crowns.", 1, "300 crowns", position=1)

    assert texts(chosen(best, behind)) == [FORTY]


def test_sentences_near_the_best_are_quoted_too_three_at_most() -> None:
    told = [
        sentence(f"The {n} went to {town}.", 9 - n / 10, town, position=n)
        for n, town in enumerate(("Dover", "Boston", "Austin", "Denver"))
    ]

    assert texts(chosen(*told)) == [s.text for s in told[:MAX_SENTENCES]]


def test_a_question_a_label_or_a_link_is_quoted_only_when_it_is_the_best() -> None:
    label = sentence("Miners arrested: 40", 9, "40", odd=True)
    plain = sentence("The mine is in Dover.", 5, "Dover", position=1)

    assert texts(chosen(label, plain)) == [label.text, plain.text]
    assert texts(chosen(label, sentence(plain.text, 8, "Dover", position=1))) == [plain.text]


def test_four_sentences_are_quoted_when_articles_differ_and_each_account_is_introduced() -> None:
    best = sentence(FORTY, 9, "40 miners")
    other = sentence(FIFTY, 6, "52 miners", article=2)
    more = [
        sentence(f"The mine of {town} was closed.", 8.5, town, position=n)
        for n, town in enumerate(("Dover", "Boston", "Austin"), start=1)
    ]

    choices = chosen(best, *more, other)

    assert texts(choices) == [FORTY, FIFTY, more[0].text, more[1].text]
    assert [choice.lead_in for choice in choices] == ["In “T 1”:", "In “T 2”:", "", ""]


def test_no_more_than_four_accounts_are_given() -> None:
    told = [
        sentence(f"On Friday {n}0 miners were arrested in the capital.", 9 - n / 10, f"{n}0", article=n)
        for n in range(2, 8)
    ]

    assert texts(chosen(*told)) == [s.text for s in told[:MAX_ACCOUNTS]]


def test_an_account_that_falls_far_behind_is_not_given() -> None:
    assert texts(chosen(sentence(FORTY, 9, "40"), sentence(FIFTY, 1, "52", article=2))) == [FORTY]


def test_one_article_gives_one_account() -> None:
    again = sentence("In the capital, 60 miners were arrested on Friday.", 5, "60", article=2, position=1)

    choices = chosen(sentence(FORTY, 9, "40"), sentence(FIFTY, 8, "52", article=2), again)

    assert texts(choices) == [FORTY, FIFTY]


def test_accounts_are_introduced_by_their_outlets_where_these_differ() -> None:
    best = sentence(FORTY, 9, "40", outlet="Capital News")
    other = sentence(FIFTY, 8, "52", article=2, outlet="The Lamp")

    answer = shown(chosen(best, other))

    assert answer.text == f"In Capital News: {FORTY} [1] In The Lamp: {FIFTY} [2]"
    assert [(s.lead_in, s.text, s.citations) for s in answer.sentences] == [
        ("In Capital News:", FORTY, (1,)),
        ("In The Lamp:", FIFTY, (2,)),
    ]


def test_a_repeated_answer_is_left_out() -> None:
    best = sentence(FORTY, 9, "40 miners")
    again = sentence("The forty were held for a night.", 8.9, "forty", position=1)

    (choice,) = chosen(best, again)

    assert (choice.text, choice.support) == (FORTY, ()), "it is of the same article, and so no footnote"


def test_another_article_that_gives_the_answer_becomes_a_footnote() -> None:
    best = sentence("Turkey and Qatar mediated the talks.", 9, "Turkey and Qatar")
    other = sentence("The talks were hosted by Qatar and Turkey.", 6, "Qatar and Turkey", article=2)
    answer = shown(chosen(best, other, question="Who mediated the talks?"))

    assert answer.text == "Turkey and Qatar mediated the talks. [1][2]"
    assert [(c.quote, c.answer_words) for c in answer.citations] == [
        (best.text, "Turkey and Qatar"),
        (other.text, "Qatar and Turkey"),
    ]


def test_an_article_is_one_footnote_of_a_sentence() -> None:
    best = sentence(FORTY, 9, "40")
    copies = [sentence(FORTY, 8.9, "40", article=2, position=n) for n in range(2)]

    (choice,) = chosen(best, *copies)

    assert choice.support == (copies[0],)


@pytest.mark.parametrize(
    "other",
    [
        sentence("Miners arrested: 40", 8, "40", article=2, odd=True),
        sentence("Some 40 people slept in the church.", 1, "40", article=2),
        sentence("It was cold in the mine.", 8, "cold", article=2),
    ],
)
def test_a_label_a_far_sentence_or_another_answer_is_no_footnote(other: Candidate) -> None:
    assert chosen(sentence(FORTY, 9, "40"), other)[0].support == ()


def test_a_far_sentence_that_says_the_same_with_every_fact_is_a_footnote() -> None:
    copy = sentence("In the capital 40 miners were arrested on Friday, it is said.", 1, "Friday", article=2)

    (choice,) = chosen(sentence(FORTY, 9, "40"), copy)

    assert choice.support == (copy,)


def test_a_sentence_of_the_same_words_without_a_new_fact_is_a_repetition() -> None:
    known = sentence("The envoys left Istanbul on Friday after long talks.", 9, "Friday")
    reworded = sentence("After talks, the envoys left Istanbul.", 8, "Istanbul", position=1)
    newer = sentence("After talks, the envoys left Istanbul for Oslo.", 8, "Oslo", position=1)

    assert repeats(reworded, known)
    assert not repeats(newer, known)
    assert repeats(known, known)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("four", "4", True),
        ("40 miners", "some 40 of the miners", True),
        ("Ada Berg", "Berg", True),
        ("Ada Berg, 41", "Berg", True),
        ("40 miners", "52 miners", False),
        ("Ada Berg", "Bo Dahl", False),
        ("a worn cable", "the cable", True),
        ("a worn cable", "a broken mast", False),
        ("the", "the", False),
        ("", "a worn cable", False),
    ],
)
def test_an_answer_that_holds_the_other_is_the_same(first: str, second: str, *, same: bool) -> None:
    assert same_answer(first, second) is same
    assert same_answer(second, first) is same


def test_a_pronoun_brings_the_sentence_before_it() -> None:
    before = sentence("Asif met the press.", -9, position=0)
    quote = sentence("He claimed that the delegation refused.", 9, "refused", position=1)

    assert texts(chosen(quote, before)) == [before.text, quote.text]


@pytest.mark.parametrize(
    ("before", "quote"),
    [
        (sentence("Asif met the press.", -9), sentence("Kabul refused it.", 9, position=1)),
        (sentence("Asif met the press.", -9), sentence("He refused it.", 9, position=2)),
        (sentence("Did Asif meet the press?", -9, odd=True), sentence("He refused it.", 9, position=1)),
        (sentence("Bread was dear.", -9), sentence("He refused it.", 9, position=1, matched=0.5)),
        (sentence("Asif met the press.", -9, article=2), sentence("He refused it.", 9, position=1)),
    ],
)
def test_a_sentence_is_not_brought_that_says_less_or_is_not_leant_on(
    before: Candidate, quote: Candidate
) -> None:
    assert texts(chosen(quote, before)) == [quote.text]


def test_a_sentence_before_is_not_told_twice_and_takes_no_room_that_there_is_not() -> None:
    before = sentence("Asif met the press.", 9, "Asif")
    leaning = sentence("He refused it.", 8.9, "refused", position=1)
    first = sentence("Envoys were in Oslo.", 9.5, "Oslo", position=5)
    second = sentence("The hall was cold.", 9.4, "cold", position=7)
    far = sentence("Asif met the press.", -9)

    assert texts(chosen(before, leaning)) == [before.text, leaning.text]
    assert texts(chosen(first, second, leaning, far)) == [first.text, second.text, leaning.text]


def test_a_long_sentence_is_cut_at_a_clause_and_keeps_the_words_that_answer() -> None:
    filler = ", ".join(["in a long and winding history of the old harbour town by the sea"] * 8)
    best = sentence(f"The bridge was opened by the king in 1901 after years of work, {filler}.", 9, "1901")

    (choice,) = chosen(best, question="When was the bridge opened?")

    quote = choice.sentence.source.article.text[slice(*choice.span)]
    assert choice.words <= MAX_WORDS
    assert quote.startswith("The bridge was opened by the king in 1901")
    assert choice.text == f"{quote} …"
    assert shown([choice]).citations[0].quote_parts[1] == "1901"


def test_a_long_sentence_that_must_not_be_cut_is_quoted_whole() -> None:
    best = sentence(f"Berg said that “{'the mine is cold and ' * 25}dark”.", 9, "cold")

    (choice,) = chosen(best)

    assert choice.text == best.text


def test_what_does_not_fit_any_more_is_left_out() -> None:
    first = sentence(f"The bridge was built in 1901 {ALONG} {ALONG}.", 9, "1901")
    second = sentence(f"The wall was built in 1902 {ALONG} {ALONG} {ALONG}.", 8.9, "1902", position=1)
    third = sentence(f"The tower was built in 1903 {ALONG}.", 8.8, "1903", position=2)

    choices = chosen(first, second, third, question="When was it?")

    assert texts(choices) == [first.text, third.text]
    assert sum(choice.words for choice in choices) <= MAX_WORDS


def test_the_answer_is_kept_when_the_sentence_that_it_leans_on_is_long() -> None:
    before = sentence(f"Asif met the press {ALONG} {ALONG} {ALONG} {ALONG}, and the envoys left.", -9)
    quote = sentence(f"He claimed in 1901 that the delegation had refused {ALONG}.", 9, "1901", position=1)

    choices = chosen(quote, before)

    assert quote.text in texts(choices)


WORDS = st.sampled_from("He it mine cold 40 52 Berg Oslo “no” was, said; and not harbour the".split())
SENTENCES = st.builds(
    lambda words, margin, article, position, odd: sentence(
        f"{' '.join(words)}.", margin, words[len(words) // 2], article=article, position=position, odd=odd
    ),
    st.lists(WORDS, min_size=1, max_size=120),
    st.floats(-20, 20),
    st.integers(1, 4),
    st.integers(0, 9),
    st.booleans(),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(SENTENCES, min_size=1, max_size=14))
def test_what_is_chosen_is_short_exact_and_told_once(ranked: list[Candidate]) -> None:
    choices = chosen(*ranked)

    assert 1 <= len(choices) <= MAX_ACCOUNTS
    assert len(choices) == 1 or sum(choice.words for choice in choices) <= MAX_WORDS
    assert len({(choice.sentence.source.number, choice.place) for choice in choices}) == len(choices)
    for choice in choices:
        quote = choice.sentence.source.article.text[slice(*choice.span)]
        assert quote == choice.text.removeprefix("… ").removesuffix(" …")
        assert choice.sentence.words in quote


@settings(deadline=None)
@given(SENTENCES, st.sampled_from(LONG))
def test_a_cut_is_a_part_that_holds_the_answer(one: Candidate, longest: int) -> None:
    cut = Choice(one, one.span).cut_to(longest)
    quote = one.source.article.text[slice(*cut.span)]

    assert one.words in quote
    assert len(quote.split()) <= longest or cut.span == one.span


def parts(*some: Sequence[Candidate]) -> list[list[Choice]]:
    return [[Choice(c, c.span) for c in each] for each in some]


MILL = sentence("The mill is in Dover.", 9, "Dover", position=0)
OWNER = sentence("Berg owns a mill.", 9, "Berg", article=2)
PRICE = sentence("It cost 300 crowns.", 9, "300", article=3)
AGE = sentence("It was built in 1901.", 9, "1901", article=4)
FIRE = sentence("It burnt in 1902.", 9, "1902", article=5)


def test_the_best_of_every_part_comes_first_and_a_sentence_is_quoted_once() -> None:
    found = gathered(parts([MILL, OWNER], [], [OWNER, PRICE]))

    assert texts(found.quoted) == [MILL.text, OWNER.text, PRICE.text]
    assert found.places == [(0, 1), (), (1, 2)]


def test_parts_share_the_room_of_four_sentences() -> None:
    found = gathered(parts([MILL, OWNER, PRICE, AGE], [FIRE]))

    assert texts(found.quoted) == [MILL.text, OWNER.text, PRICE.text, FIRE.text]
    assert found.places == [(0, 1, 2), (3,)]


def test_parts_share_the_words_of_an_answer() -> None:
    long = sentence(f"The mill was built in 1901 {ALONG} {ALONG} {ALONG} {ALONG}.", 9, "1901", article=2)
    longer = sentence(f"It burnt in 1902 {ALONG} {ALONG}.", 9, "1902", article=3)

    found = gathered(parts([long], [longer], [MILL]))

    assert texts(found.quoted) == [long.text, MILL.text]
    assert found.places == [(0,), (), (1,)]


def test_every_part_keeps_its_answer_when_each_leans_on_a_sentence_before() -> None:
    places = ("Dover", "Boston", "Austin")
    asked = [
        chosen(
            sentence(f"The mill of {place} is old.", -9, article=n),
            sentence(f"It burnt in 190{n}.", 9, f"190{n}", article=n, position=1),
            question="When did it burn?",
        )
        for n, place in enumerate(places, start=1)
    ]

    quoted = texts(gathered(asked).quoted)

    assert all(f"It burnt in 190{n}." in quoted for n in range(1, 4))


def test_without_a_sentence_nothing_is_gathered() -> None:
    assert gathered(parts([], [])) == ([], [(), ()])
