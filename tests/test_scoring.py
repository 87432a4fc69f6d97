from __future__ import annotations

from typing import Any

import pytest

from evals.cases import Case
from evals.records import CitationRecord, PassageRecord, Record, SentenceRecord, SourceRecord
from evals.scores import Attempt, Gold, Score
from evals.scoring import METRICS, score_attempt
from rag.answering import DECLINE
from rag.schema import Span

LEFT = "The delegation left Istanbul on 7 November without an agreement."
KILLED = "Four civilians were killed on the border."
MARKETS = "Markets in Karachi opened higher that morning."
PASSAGES = {
    f"{article}#0-{len(text)}": PassageRecord(
        id=f"{article}#0-{len(text)}", article=article, start=0, end=len(text), text=text
    )
    for article, text in (("talks.txt", f"{LEFT} {KILLED}"), ("markets.txt", MARKETS))
}
TALKS, ELSEWHERE = PASSAGES
GOLD = ((Gold("talks.txt", (Span(0, len(LEFT)),)),),)


def note(number: int, quote: str, **changes: Any) -> CitationRecord:
    """Return a right footnote to a sentence of the two articles."""
    passage = next(p for p in PASSAGES.values() if quote in p.text)
    start = passage.text.index(quote)
    right = CitationRecord(
        number=number,
        passage=passage.id,
        article=passage.article,
        start=start,
        end=start + len(quote),
        quote=quote,
        stands=quote,
    )
    return right.model_copy(update=changes)


def record(*sentences: tuple[str, tuple[int, ...]], **fields: Any) -> Record:
    """Return an answer of sentences with the numbers of their footnotes, from both passages."""
    text, kept = "", []
    for words, numbers in sentences:
        start = len(text) + bool(text)
        text += " " * bool(text) + words
        kept.append(SentenceRecord(text=words, start=start, end=len(text), citations=numbers))
        text += " " * bool(numbers) + "".join(f"[{number}]" for number in numbers)
    defaults = {
        "case": "left",
        "question": "When did they leave?",
        "status": "answered",
        "text": text,
        "sentences": tuple(kept),
        "sources": (SourceRecord(passage=TALKS), SourceRecord(passage=ELSEWHERE)),
    }
    return Record(**{**defaults, **fields})


def case(**fields: Any) -> Case:
    defaults = {
        "id": "left",
        "question": "When did they leave?",
        "expected_answer": "They left on 7 November.",
        "must_include": ["7 November", ["no agreement", "without an agreement"]],
        "must_not_include": ["Doha"],
        "expected_sources": [{"article": "talks.txt", "quote": LEFT}],
        "answerable": True,
    }
    return Case.model_validate({**defaults, **fields})


NULL = Case(id="null", question="Who won the cup?", answerable=False)
ANSWER = record((LEFT, (1,)), citations=(note(1, LEFT),))
DECLINES = record(status="abstained", text=DECLINE)


def scores(answer: Record, asked: Case | None = None, **fields: Any) -> dict[str, Score]:
    asked = asked or case()
    gold = GOLD if asked.expected_sources else ()
    return score_attempt(Attempt(asked, answer, PASSAGES, **{"gold": gold, **fields}))


def moved(answer: Record) -> set[str]:
    """Return the metrics by which an answer is not graded as the right one is."""
    right = scores(ANSWER)
    return {name for name, score in scores(answer).items() if score.value != right[name].value}


def test_a_right_answer_has_these_scores() -> None:
    found = {name: score.value for name, score in scores(ANSWER).items()}

    assert found.pop("token_f1") == pytest.approx(2 * 4 / (8 + 5))
    assert found.pop("rouge_l") == pytest.approx(2 * 4 / (10 + 5))
    assert found == {
        "passed": 1.0,
        "article_recall_at_1": 1.0,
        "article_recall_at_5": 1.0,
        "article_all_at_5": 1.0,
        "article_mrr": 1.0,
        "article_ndcg_at_10": 1.0,
        "quote_recall_at_1": 1.0,
        "quote_recall_at_5": 1.0,
        "quote_precision_at_5": pytest.approx(0.2),
        "quote_mrr": 1.0,
        "quote_ndcg_at_10": 1.0,
        "distinct_passages": 1.0,
        "facts_covered": 1.0,
        "forbidden_avoided": 1.0,
        "exact": 0.0,
        "answer_words": 10.0,
        "markers_resolve": 1.0,
        "quotes_verbatim": 1.0,
        "sentence_coverage": 1.0,
        "consistent": 1.0,
        "negation_kept": 1.0,
        "citation_precision": 1.0,
        "citation_recall": 1.0,
        "superfluous": 0.0,
        "invented_markers": 0.0,
        "footnotes_per_sentence": 1.0,
        "declined_rightly": None,
        "declines_right": None,
        "answered": 1.0,
    }


def test_metrics_have_names_of_their_own_and_what_is_unscored_has_a_reason() -> None:
    assert len({metric.name for metric in METRICS}) == len({metric.title for metric in METRICS}) == 31
    assert {metric.name for metric in METRICS if metric.hard} == {"markers_resolve", "quotes_verbatim"}
    for found in (scores(ANSWER), scores(DECLINES), scores(ANSWER, NULL), scores(DECLINES, NULL)):
        assert all(score.reason for score in found.values() if score.value is None)


def test_a_crash_is_unscored_throughout() -> None:
    crashed = Record(case="left", question="?", error="TimeoutError: after\n30 s")

    assert set(scores(crashed).values()) == {Score(None, "the case crashed: TimeoutError: after 30 s")}
    assert set(scores(Record(case="left", question="?")).values()) == {
        Score(None, "the record holds no answer")
    }


# --- passed


@pytest.mark.parametrize(
    ("answer", "asked", "reason"),
    [
        (record((KILLED, (1,)), citations=(note(1, KILLED),)), case(), "missing: 7 November, no agreement"),
        (DECLINES, case(), "declined, though the articles tell"),
        (ANSWER, NULL, "answered, though the articles do not tell"),
        (ANSWER, case(must_not_include=["Istanbul"]), "says what it must not: Istanbul"),
        (
            record((LEFT, (1, 9)), citations=(note(1, LEFT, stands=None),)),
            case(),
            "a marker names no source; a quote is not verbatim",
        ),
    ],
)
def test_a_failure_says_why(answer: Record, asked: Case, reason: str) -> None:
    assert scores(answer, asked)["passed"] == Score(0.0, reason)


def test_declining_passes_where_the_articles_hold_no_answer() -> None:
    assert scores(DECLINES, NULL)["passed"] == Score(1.0, "")


def test_an_answerable_case_without_facts_is_not_passed_or_failed() -> None:
    assert scores(ANSWER, case(must_include=[]))["passed"] == Score(None, "states no facts to check")
    assert scores(DECLINES, case(must_include=[]))["passed"] == Score(None, "states no facts to check")


def test_a_sentence_marked_unsupported_is_still_shown() -> None:
    text = f"{LEFT} [unsupported]"
    answer = record((LEFT, ()), text=text)

    assert scores(answer)["facts_covered"] == Score(1.0, "")
    assert scores(answer)["answer_words"] == Score(10.0, "")


# --- declining


def test_declining_what_the_articles_tell_is_nought_where_an_answer_is_due() -> None:
    found = scores(DECLINES)
    due = ("passed", "facts_covered", "token_f1", "exact", "rouge_l", "citation_recall", "answered")

    assert {found[name] for name in (*due, "declines_right")} == {
        Score(0.0, "declined, though the articles tell")
    }
    assert {found[name] for name in ("forbidden_avoided", "citation_precision", "answer_words")} == {
        Score(None, "declined")
    }
    assert found["declined_rightly"] == Score(None, "the articles hold an answer")


def test_declining_what_the_articles_do_not_tell_is_right() -> None:
    found = scores(DECLINES, NULL)

    assert (found["declined_rightly"], found["declines_right"]) == (Score(1.0, ""), Score(1.0, ""))
    assert found["answered"] == found["facts_covered"] == Score(None, "the articles hold no answer")


def test_answering_what_the_articles_do_not_tell_is_wrong() -> None:
    found = scores(ANSWER, NULL)

    assert found["declined_rightly"] == Score(0.0, "answered, though the articles do not tell")
    assert found["declines_right"] == Score(None, "answered")


def test_what_an_unanswerable_case_forbids_is_looked_for_in_an_answer() -> None:
    trap = Case(id="trap", question="Who won?", must_not_include=("Istanbul",), answerable=False)

    assert scores(ANSWER, trap)["forbidden_avoided"] == Score(0.0, "says what it must not: Istanbul")
    assert scores(DECLINES, trap)["forbidden_avoided"] == Score(None, "declined")


# --- retrieval


def test_empty_retrieval_is_nought_and_nothing_is_repeated() -> None:
    found = scores(ANSWER.model_copy(update={"sources": ()}))

    ranked = [n for n in found if n.startswith(("article_", "quote_"))]
    assert len(ranked) == 10
    assert {found[name].value for name in ranked} == {0.0}
    assert found["distinct_passages"] == Score(None, "nothing was retrieved")


def test_a_repeated_passage_is_told() -> None:
    twice = (SourceRecord(passage=TALKS), SourceRecord(passage=TALKS))

    found = scores(ANSWER.model_copy(update={"sources": twice}))

    assert found["distinct_passages"] == Score(0.5, "a passage was retrieved twice")
    assert moved(ANSWER.model_copy(update={"sources": twice})) == {"distinct_passages"}


def test_an_unknown_passage_is_a_miss() -> None:
    lost = (SourceRecord(passage="gone#0-9"), SourceRecord(passage=TALKS))

    found = scores(ANSWER.model_copy(update={"sources": lost}))

    assert (found["article_mrr"].value, found["quote_mrr"].value) == (0.5, 0.5)


def test_without_expected_sources_neither_retrieval_nor_gold_is_graded() -> None:
    found = scores(ANSWER, case(expected_sources=[]))

    for name in ("article_mrr", "quote_recall_at_5", "citation_precision", "citation_recall"):
        assert found[name] == Score(None, "no expected sources")
    lost = scores(ANSWER, gold=())
    assert lost["quote_mrr"] == Score(None, "an expected source is not in the articles")


# --- footnotes: what is broken on purpose moves its own metric


def test_an_invented_marker_names_no_footnote() -> None:
    answer = record((LEFT, (1, 99)), citations=(note(1, LEFT),))

    assert scores(answer)["markers_resolve"] == Score(0.5, "no footnote: [99]")
    assert moved(answer) == {"markers_resolve", "passed"}


@pytest.mark.parametrize("text", [f"{LEFT} [1] and so on [99]", f"[99] {LEFT} [1]"])
def test_a_marker_in_the_text_alone_is_seen(text: str) -> None:
    start = text.index(LEFT)
    sentence = SentenceRecord(text=LEFT, start=start, end=start + len(LEFT), citations=(1,))

    found = scores(ANSWER.model_copy(update={"text": text, "sentences": (sentence,)}))

    assert found["markers_resolve"] == Score(0.5, "no footnote: [99]")


def test_a_bracketed_number_of_the_article_is_no_marker() -> None:
    words = "The study [7] was wrong about it."
    own = PassageRecord(id="s#0-33", article="s", start=0, end=33, text=words)
    cited = CitationRecord(number=1, passage=own.id, article="s", start=0, end=33, quote=words, stands=words)
    answer = record((words, (1,)), citations=(cited,))

    right = score_attempt(Attempt(case(), answer, {own.id: own}))
    wrong = score_attempt(Attempt(case(), record((words, (1,)), citations=(note(1, LEFT),)), PASSAGES))

    assert right["markers_resolve"].value == 1.0
    assert wrong["markers_resolve"] == Score(0.5, "no footnote: [7]")


def test_a_number_that_stands_for_two_footnotes_does_not_resolve() -> None:
    answer = record((LEFT, (1,)), citations=(note(1, LEFT), note(1, KILLED)))

    assert scores(answer)["markers_resolve"] == Score(0.0, "no footnote: [1]")


def test_an_answer_without_markers_has_none_to_resolve() -> None:
    assert scores(record((LEFT, ())))["markers_resolve"] == Score(None, "the answer has no marker")
    assert scores(DECLINES)["markers_resolve"] == Score(None, "declined")


def test_a_dropped_marker_lowers_coverage() -> None:
    answer = record((LEFT, (1,)), (KILLED, ()), citations=(note(1, LEFT),))

    assert scores(answer)["sentence_coverage"] == Score(0.5, f"no footnote: {KILLED}")
    assert scores(ANSWER.model_copy(update={"text": LEFT}))["sentence_coverage"].value == 0.0
    assert "markers_resolve" not in moved(answer)


def test_a_marker_inside_its_sentence_is_shown_too() -> None:
    words = "The delegation left Istanbul on 7 November without an agreement [1]."
    sentence = SentenceRecord(text=words, start=0, end=len(words), citations=(1,))

    answer = ANSWER.model_copy(update={"text": words, "sentences": (sentence,)})

    assert moved(answer) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"start": 1, "end": len(LEFT) + 1, "stands": f"{LEFT} "[1:]},
        {"stands": None},
        {"stands": LEFT.replace("7", "8")},
        {"passage": ELSEWHERE},
    ],
)
def test_a_footnote_that_is_off_is_not_verbatim(changes: dict[str, Any]) -> None:
    answer = record((LEFT, (1,)), citations=(note(1, LEFT, **changes),))

    assert scores(answer)["quotes_verbatim"] == Score(0.0, "not verbatim: [1]")
    assert moved(answer) <= {"quotes_verbatim", "passed", "consistent"}


def test_a_swapped_number_is_not_in_the_source() -> None:
    answer = record((LEFT.replace("7", "17"), (1,)), citations=(note(1, LEFT),))

    assert scores(answer)["consistent"] == Score(0.0, "not in the source: 17 November")
    assert moved(answer) == {"consistent", "facts_covered", "passed", "token_f1", "rouge_l"}


def test_a_marker_that_points_elsewhere_loses_the_gold_and_the_facts() -> None:
    answer = record((LEFT, (1,)), citations=(note(1, MARKETS),))

    assert moved(answer) == {"consistent", "negation_kept", "citation_precision", "citation_recall"}


def test_a_negated_sentence_is_told() -> None:
    killed = "Four civilians were never killed on the border."
    answer = record((LEFT, (1,)), (killed, (2,)), citations=(note(1, LEFT), note(2, KILLED)))

    found = scores(answer)

    assert found["negation_kept"] == Score(0.5, f"negation differs: {killed}")
    assert found["consistent"].value == 1.0


def test_footnotes_everywhere_are_superfluous() -> None:
    answer = record((LEFT, (1, 2)), citations=(note(1, LEFT), note(2, MARKETS)))

    found = scores(answer)

    assert (found["superfluous"].value, found["footnotes_per_sentence"].value) == (0.5, 2.0)
    assert moved(answer) == {"superfluous", "footnotes_per_sentence", "citation_precision"}


def test_an_unknown_passage_is_stood_in_for_by_the_quote() -> None:
    answer = record((LEFT, (1,)), citations=(note(1, LEFT, passage="gone#0-9"),))

    assert moved(answer) == set()


def test_an_answer_without_footnotes_has_no_grade_for_them() -> None:
    found = scores(record((LEFT, ())))

    assert found["quotes_verbatim"] == Score(None, "the answer has no footnote")
    assert found["citation_precision"] == Score(None, "the answer has no footnote")
    assert found["consistent"] == found["superfluous"] == Score(None, "no sentence has a footnote")
    assert (found["sentence_coverage"].value, found["citation_recall"].value) == (0.0, 0.0)


def test_a_heading_alone_needs_no_footnote() -> None:
    found = scores(record(("The talks", ())))

    assert found["sentence_coverage"] == Score(None, "no sentence needs a footnote")


def test_markers_that_the_engine_removed_are_counted() -> None:
    assert scores(ANSWER.model_copy(update={"unknown_markers": 2}))["invented_markers"] == Score(2.0, "")
