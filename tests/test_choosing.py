from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

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
    about = Article(uri=f"test:{article}", title="T", text=text)
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
