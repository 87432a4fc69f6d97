"""What is asked before a model is, and a model that never declines, one that invents and one that evades."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.base.llms.types import CompletionResponse, CompletionResponseGen, LLMMetadata
from llama_index.core.llms import CustomLLM
from pydantic import Field

from rag.answer import Answer
from rag.answering import DECLINE, Question
from rag.citations import Source
from rag.engine import QueryEngine
from rag.guard import HOPELESS, Outlook, answers, look, touches, with_answers
from rag.quoting import QuotingAnswerer, Reading
from rag.schema import Citation, Span, Verdict
from rag.settings import Settings
from tests.readings import Reader, Vocabulary, read_by, source

TOLD = "Who mediated the talks?"
UNTOLD = ["Who won the 2022 World Cup?", "How much does the new iPhone cost?", "Who wrote Hamlet?"]
LANGUAGES = [
    "Die Artikel beantworten diese Frage nicht.",
    "Les articles ne répondent pas à cette question.",
    "Los artículos no responden a esta pregunta.",
    "文章没有回答这个问题。",
    "المقالات لا تجيب على هذا السؤال.",
]

OWNS = "Dana Pruitt owns the mill in Arlon."
BURNT = "It burnt on Friday."
MILL = source(f"{BURNT} {OWNS}", title="Fire")
ASKED = "Who owns the mill in Arlon?"


def outlook(*margins: float, least: float = 0.5) -> Outlook:
    """Return what is read of the mill for each of some parts; the margins are those of its owner."""
    reads = [read_by({OWNS: (margin, "Dana Pruitt")}, ASKED, [MILL]) for margin in margins]
    return Outlook(
        [Reading(0.5 + margin / 20, ranked) for margin, ranked in zip(margins, reads, strict=True)], least
    )


def cited(text: str, given: Source = MILL) -> Citation:
    """Return a footnote on some words of a source."""
    start = given.article.text.index(text)
    return Citation(
        number=1,
        article=given.article,
        start=start,
        end=start + len(text),
        quote=text,
        answer_start=0,
        answer_end=0,
        verdict=Verdict(located=True, consistent=True),
        passage_id=given.passage.id,
    )


def asked(text: str = ASKED, *parts: str) -> Question:
    return Question(text, (), tuple(Question(part, ()) for part in parts))


@pytest.mark.parametrize(
    ("least", "hopeless", "doubtful"),
    [(0.6, False, False), (0.61, False, True), (0.6 / HOPELESS, False, True), (0.61 / HOPELESS, True, True)],
)
def test_what_is_less_likely_than_the_least_is_doubtful_and_below_a_share_of_it_hopeless(
    least: float, *, hopeless: bool, doubtful: bool
) -> None:
    looked = outlook(2.0, -4.0, least=least)

    assert looked.confidence == 0.6, "of the likeliest part"
    assert (looked.hopeless, looked.doubtful) == (hopeless, doubtful)


def test_each_part_of_a_question_is_looked_at() -> None:
    reader = Reader({OWNS: (9.0, "Dana Pruitt")})
    quoting = QuotingAnswerer(read=reader, vocabulary=Vocabulary(), min_confidence=0.25)

    whole, parts = look(quoting, asked(), [MILL]), look(quoting, asked(ASKED, "Who?", "When?"), [MILL])

    assert reader.questions == [ASKED, "Who?", "When?"]
    assert (len(whole.readings), len(parts.readings), parts.least) == (1, 2, 0.25)
    assert whole.readings[0].ranked[0].text == OWNS


@pytest.mark.parametrize(
    ("question", "quote", "margin", "holds"),
    [
        (ASKED, OWNS, 1.0, True),
        (ASKED, f"{BURNT} {OWNS}", 1.0, True),
        (ASKED, OWNS, 0.0, False),
        ("Who owns it?", BURNT, 1.0, False),
        ("Who owns the mill in Mons?", OWNS, 1.0, False),
        ("Who owns the mill after the Fire?", OWNS, 1.0, True),
        ("Who owns the “old” mill?", OWNS, 1.0, True),
    ],
)
def test_cited_words_answer_when_they_hold_what_is_named_and_what_the_reader_takes_for_an_answer(
    question: str, quote: str, margin: float, *, holds: bool
) -> None:
    assert answers(asked(question), [cited(quote)], outlook(margin)) is holds


def test_words_of_another_article_and_no_words_do_not_answer() -> None:
    other = source(f"{BURNT} {OWNS}", 2, article="b")

    assert not answers(asked(), [cited(OWNS, other)], outlook(1.0))
    assert not answers(asked("Who is it?"), [], outlook(1.0))
    assert answers(asked(), [cited(OWNS, other), cited(OWNS)], outlook(1.0))
    assert answers(asked(), [cited(OWNS)], outlook(-1.0, 1.0)), "one part is enough"


@pytest.mark.parametrize(
    ("question", "quote", "touched"),
    [
        ("Who built the mill?", OWNS, True),
        ("Who saw the fire?", BURNT, True),
        ("Who built the tower?", OWNS, False),
        ("Who is it?", BURNT, True),
    ],
)
def test_cited_words_or_their_title_share_a_term_with_the_question(
    question: str, quote: str, *, touched: bool
) -> None:
    assert touches(asked(question), [cited(quote)], Vocabulary().terms) is touched


def test_footnotes_get_the_words_that_answer_where_there_are_any() -> None:
    owns, burnt = with_answers([cited(OWNS), cited(BURNT)], outlook(-1.0, 1.0))

    assert (owns.answer, owns.quote_parts) == (Span(20, 31), ("", "Dana Pruitt", " owns the mill in Arlon."))
    assert burnt == cited(BURNT)
    assert with_answers([cited(OWNS)], outlook(0.0)) == [cited(OWNS)]


class Scripted(CustomLLM):
    """A model that says the same to everything; without words it copies the first sentence of source 1."""

    says: str = ""
    prompts: list[str] = Field(default_factory=list)

    @property
    def metadata(self) -> LLMMetadata:
        return LLMMetadata(model_name="scripted", context_window=8192, num_output=256)

    def complete(self, prompt: str, *_: Any, **__: Any) -> CompletionResponse:
        self.prompts.append(prompt)
        first = re.search(r'number="1"[^>]*>\n(.+?[.!?])(?=\s)', prompt, re.DOTALL)
        return CompletionResponse(text=self.says or f"{first[1] if first else ''} [1]")

    def stream_complete(self, prompt: str, *_: Any, **__: Any) -> CompletionResponseGen:
        text = self.complete(prompt).text
        return (CompletionResponse(text=text[: n + 1], delta=text[n]) for n in range(len(text)))


@pytest.fixture
def model() -> Scripted:
    return Scripted()


@pytest.fixture
def engine(seeds_index: Path, model: Scripted) -> Iterator[QueryEngine]:
    with QueryEngine.open(seeds_index, settings=Settings(), llm=model) as opened:
        yield opened


def ask(engine: QueryEngine, question: str) -> Answer:
    stream = engine.stream(question)
    shown = "".join(stream)
    answer = stream.answer
    assert shown.endswith(answer.text)
    assert answer.notice or shown == answer.text
    return answer


@pytest.mark.parametrize("question", UNTOLD)
def test_a_model_that_never_declines_is_not_asked_what_nothing_speaks_for(
    engine: QueryEngine, model: Scripted, question: str
) -> None:
    answer = ask(engine, question)

    assert (answer.status, answer.text, model.prompts) == ("abstained", DECLINE, [])
    assert answer.reason is not None


def test_in_doubt_a_model_is_warned_and_nothing_beside_the_point_is_shown(
    seeds_index: Path, model: Scripted
) -> None:
    with QueryEngine.open(seeds_index, settings=Settings(min_confidence=1.0), llm=model) as wary:
        model.says = "Afghan officials stated that four civilians were killed and five wounded."
        answer = ask(wary, "Who mediated the talks in Istanbul?")

    assert (answer.status, answer.text, answer.citations) == ("abstained", DECLINE, [])
    assert "No passage seems to answer this question." in model.prompts[0]
    assert answer.raw == model.says


def test_in_doubt_what_tells_what_is_asked_is_shown(seeds_index: Path, model: Scripted) -> None:
    with QueryEngine.open(seeds_index, settings=Settings(min_confidence=1.0), llm=model) as wary:
        model.says = "Turkey and Qatar mediated the talks in Istanbul. [1]"
        answer = ask(wary, "Who mediated the talks in Istanbul?")

    assert (answer.status, answer.notice) == ("answered", None)
    assert answer.text == "Turkey and Qatar mediated the talks in Istanbul. [1]"


def test_with_no_least_confidence_all_is_left_to_the_model(seeds_index: Path, model: Scripted) -> None:
    model.says = DECLINE
    with QueryEngine.open(seeds_index, settings=Settings(min_confidence=0), llm=model) as trusting:
        answer = ask(trusting, UNTOLD[0])

    assert (answer.status, len(model.prompts)) == ("abstained", 1)
    assert answer.model == "scripted"


def test_what_is_sound_but_about_something_else_gives_way_to_quoting(
    engine: QueryEngine, model: Scripted
) -> None:
    model.says = "Afghan officials stated that four civilians were killed and five wounded."

    answer = ask(engine, TOLD)

    assert answer.notice is not None
    assert "about something else" in answer.notice
    assert (answer.model, answer.status) == ("quoting", "answered")


def test_nothing_invented_is_sound(engine: QueryEngine, model: Scripted) -> None:
    model.says = "The talks cost 4,711 dollars [1]. John Smith mediated them. Turkey mediated the talks. [1]"

    answer = ask(engine, TOLD)

    assert [s.text for s in answer.sentences if s.sound] == ["Turkey mediated the talks."]
    assert answer.status == "partial"


@pytest.mark.parametrize("says", ["I'm sorry, the sources do not say that.", "I don't know.", DECLINE])
def test_a_model_that_evades_declines(engine: QueryEngine, model: Scripted, says: str) -> None:
    model.says = says

    answer = ask(engine, TOLD)

    assert (answer.status, answer.text, answer.notice) == ("abstained", DECLINE, None)


@pytest.mark.parametrize("says", LANGUAGES)
def test_declining_in_another_language_is_never_sound_and_leaves_it_to_the_evidence(
    engine: QueryEngine, model: Scripted, says: str
) -> None:
    model.says = says

    told, untold = ask(engine, TOLD), ask(engine, UNTOLD[0])

    assert (told.status, told.model) == ("answered", "quoting")
    assert all(says not in sentence.text for sentence in told.sentences)
    assert (untold.status, untold.text) == ("abstained", DECLINE)


@pytest.mark.parametrize("form", ["(source {})", "(Source {}).", "({}).", "[Source {}]", "(see source {})"])
def test_markers_in_round_brackets_are_read(engine: QueryEngine, model: Scripted, form: str) -> None:
    model.says = f"Turkey and Qatar mediated the talks in Istanbul {form.format(77)}"

    answer = ask(engine, TOLD)

    assert answer.text.startswith("Turkey and Qatar mediated the talks in Istanbul")
    assert "77" not in answer.text
    assert answer.unknown_markers == 1


def test_numbers_in_round_brackets_inside_a_sentence_stay(engine: QueryEngine, model: Scripted) -> None:
    model.says = "Turkey (2) and Qatar mediated the talks in (2025) Istanbul. [1] Turkey mediated the talks."

    assert ask(engine, TOLD).text.startswith("Turkey (2) and Qatar mediated the talks in (2025) Istanbul.")
