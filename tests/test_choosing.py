from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from rag.choosing import MAX_ACCOUNTS, MAX_WORDS, Asked, Choice, choose
from rag.citations import Footnoter, Source
from rag.schema import Article, Passage, Span
from rag.speakers import NOBODY, Speaker


@dataclass(frozen=True)
class Sentence:
    """A ranked sentence whose passage is the sentence itself."""

    source: Source
    position: int
    span: Span
    text: str
    score: float
    coverage: float = 0.0
    context: float = 0.0
    shows_kind: bool = True
    speaker: Speaker = NOBODY

    @property
    def nearness(self) -> float:
        return self.score


def sentence(text: str, score: float, *, article: int = 1, position: int = 0) -> Sentence:
    about = Article(uri=f"test:{article}", title=f"T {article}", text=text)
    span = Span(0, len(text))
    passage = Passage(f"{article}-{position}", about.id, 0, len(text), 9, (span,))
    return Sentence(Source(article, passage, about, 1.0), position, span, text, score)


def texts(choices: Sequence[Choice]) -> list[str]:
    return [choice.text for choice in choices]


def test_the_second_quote_is_another_articles_account() -> None:
    best = sentence("Asif spoke of a deadlock.", 0.9)
    same = sentence("The talks went on for two days.", 0.8, position=1)
    other = sentence("Asif saw no results.", 0.6, article=2)

    assert texts(choose([best, same, other])) == [best.text, other.text, same.text]


def test_far_and_repeated_sentences_are_left_out() -> None:
    best = sentence("Four civilians were killed on Friday.", 0.9)
    wire_copy = sentence("Four civilians were killed on Friday.", 0.9, article=2)
    far = sentence("Bread is baked.", 0.2, position=3)

    (choice,) = choose([best, wire_copy, far])

    assert (choice.sentence, choice.support) == (best, ())


def test_agreeing_articles_are_footnotes_of_one_sentence() -> None:
    best = sentence("Turkey and Qatar mediated the talks in Istanbul.", 0.9)
    other = sentence(
        "The talks in Istanbul were mediated by Qatar and Turkey, as observers noted.", 0.8, article=2
    )

    (choice,) = choose([best, other])
    footnoter = Footnoter([best.source, other.source])
    shown = "".join(footnoter.feed(event) for event in choice.events())

    assert shown == "Turkey and Qatar mediated the talks in Istanbul. [1][2]"
    assert [c.quote for c in footnoter.citations] == [best.text, other.text]


def test_alike_sentences_with_other_facts_are_both_told() -> None:
    question = Asked("Where is Chester High School?")
    first = sentence("Chester High School is a public school in Dover.", 0.9)
    second = sentence("Chester High School is a public school in Boston.", 0.9, article=2)

    assert texts(choose([first, second], question)) == [first.text, second.text]


def test_four_accounts_of_four_articles_come_before_more_of_one() -> None:
    towns = ("Dover", "Boston", "Austin", "Denver", "Albany")
    told = [sentence(f"The school is in {town}.", 0.9, article=n) for n, town in enumerate(towns, start=1)]
    more = sentence("Dover has had the school since 1901.", 0.85, position=1)

    assert (
        texts(choose([told[0], more, *told[1:]]))
        == texts(choose(told))
        == [s.text for s in told[:MAX_ACCOUNTS]]
    )


class Beside(Sentence):
    """One whose passage alone is about the question."""

    @property
    def nearness(self) -> float:
        return 0.2


def test_another_name_is_no_account_where_the_sentence_is_not_about_the_question() -> None:
    asked = Asked("Who mediated the talks?")
    best = sentence("Turkey and Qatar mediated the talks.", 1.6)
    other = sentence("Norway mediated the talks, said Ann Lee.", 1.2, article=2)
    beside = Beside(other.source, 0, other.span, other.text, 1.2)

    assert texts(choose([best, other], asked)) == [best.text, other.text]
    assert texts(choose([best, replace(beside, score=1.0)], asked)) == [best.text]


def test_a_pronoun_brings_the_sentence_before_it() -> None:
    before = sentence("Asif met the press.", 0.1, position=0)
    quote = sentence("He claimed that the delegation refused.", 0.9, position=1)

    assert texts(choose([quote, before])) == [before.text, quote.text]


def test_long_sentences_are_cut_at_a_clause_and_what_is_quoted_stands_in_the_article() -> None:
    filler = ", ".join(["in a long and winding history of the old harbour town by the sea"] * 5)
    first = sentence(f"The bridge was opened by the king in 1901 after years of work, {filler}.", 0.9)
    second = sentence(
        f"The bridge was opened by the queen in 1902 after years of work, {filler}.", 0.9, article=2
    )

    choices = choose([first, second], Asked("When was the bridge opened?"))

    assert sum(len(choice.text.split()) for choice in choices) <= MAX_WORDS
    for choice in choices:
        quote = choice.sentence.source.article.text[choice.span.start : choice.span.end]
        assert quote.startswith("The bridge was opened")
        assert choice.text == f"{quote} …"


def test_an_answer_stays_under_a_hundred_words_and_drops_what_answers_nothing_new() -> None:
    filler = "by the side of the old harbour town and its long sea wall in the north of the land"
    first = sentence(f"The bridge was built in 1901 {filler}.", 0.9)
    again = sentence(f"The works of 1901 went on for weeks {filler} {filler}.", 0.85, article=2)
    other = sentence(f"The bridge was built in 1902 {filler}.", 0.8, article=3)
    third = sentence(
        f"The bridge was built in 1903 {filler} where seals lie in the summer sun.", 0.8, article=4
    )

    choices = choose([first, again, other, third], Asked("When was the bridge built?"))

    assert texts(choices) == [first.text, other.text, third.text]
    assert sum(choice.words for choice in choices) <= MAX_WORDS


def test_articles_that_quote_a_speaker_differently_are_introduced() -> None:
    one = sentence("Ada Berg described the strike as “close to its end”.", 0.9)
    other = sentence("Ada Berg described the strike as “far from over”.", 0.8, article=2)
    footnoter = Footnoter([one.source, other.source])

    choices = choose([one, other], Asked("How did Ada Berg describe the strike?"))
    shown = "".join(footnoter.feed(event) for choice in choices for event in choice.events())

    assert shown == f"In “T 1”: {one.text} [1] In “T 2”: {other.text} [2]"
    assert [(s.lead_in, s.text) for s in footnoter.sentences] == [
        ("In “T 1”:", one.text),
        ("In “T 2”:", other.text),
    ]


def test_blame_is_told_by_both_sides() -> None:
    norway = sentence("Oslo said Sweden was late.", 0.9)
    more = sentence("Oslo said it had waited for long.", 0.88, position=1)
    sweden = sentence("Stockholm said Norway had left.", 0.6, position=2)
    told = [
        replace(norway, speaker=Speaker("norway")),
        replace(more, speaker=Speaker("norway")),
        replace(sweden, speaker=Speaker("sweden")),
    ]

    assert texts(choose(told, Asked("Who is to blame for the delay?")))[:2] == [norway.text, sweden.text]
