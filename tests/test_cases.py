from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evals.cases import SEEDS, Case, CaseError, ExpectedSource, Turn, load_cases, placed_cases
from evals.metrics.answers import missing, said
from rag.answer import Answer
from rag.engine import QueryEngine
from tests.conftest import SEEDS as ARTICLES

CASES = load_cases()
ANSWERABLE = [case for case in CASES if case.answerable]
UNANSWERABLE = [case for case in CASES if not case.answerable]
KINDS = {
    "fact",
    "paraphrase",
    "attribution",
    "both-sources",
    "conflict",
    "comparison",
    "multi-part",
    "follow-up",
    "false-premise",
    "in-topic",
    "out-of-corpus",
    "injection",
}


def written(folder: Path, *lines: str | dict[str, Any], name: str = "cases.jsonl") -> Path:
    path = folder / name
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    return path


def plain(**changes: Any) -> dict[str, Any]:
    return {"id": "a", "question": "Who?", "answerable": True} | changes


# --- the file


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON (Expecting property name enclosed in double quotes); write one object a line."),
        ("[]", "Input should be a valid dictionary or instance of Case."),
        ({"id": "a", "question": "Who?"}, "answerable: Field required."),
        (plain(answerable="yes"), "answerable: Input should be a valid boolean."),
        (plain(anwser="x"), f"anwser: unknown key; known are {', '.join(Case.model_fields)}."),
        (plain(id=" "), "id: empty; write something or leave the key out."),
        (plain(question=""), "question: empty; write something or leave the key out."),
        (plain(expected_answer=""), "expected_answer: empty; write something or leave the key out."),
        (plain(must_include=[""]), "must_include.0.0: empty; write something or leave the key out."),
        (plain(must_include=[[]]), "must_include.0: empty; write something or leave the key out."),
        (plain(must_include="four"), "must_include: Input should be a valid tuple."),
        (plain(must_not_include=[["a"]]), "must_not_include.0: Input should be a valid string."),
        (plain(expected_sources=["a.txt"]), "expected_sources.0.0: Input should be a valid dictionary"),
        (plain(expected_sources=[{"article": "a", "quot": "x"}]), "expected_sources.0.0.quot: unknown key"),
        (plain(history=[{"answer": "x"}]), "history.0.question: Field required."),
        (plain(answerable=False, must_include=["x"]), "an unanswerable case expects no answer; remove"),
        (plain(answerable=False, expected_answer="x"), "an unanswerable case expects no answer; remove"),
    ],
)
def test_a_bad_case_is_named_with_its_line_and_the_fix(
    tmp_path: Path, line: str | dict[str, Any], message: str
) -> None:
    path = written(tmp_path, plain(id="good"), "", line)

    with pytest.raises(CaseError, match=re.escape(f"{path}, line 3: {message}")):
        load_cases(path)


def test_an_id_stands_once_over_all_files(tmp_path: Path) -> None:
    first, second = written(tmp_path, plain()), written(tmp_path, plain(id="b"), plain(), name="more.jsonl")
    message = f"{second}, line 2: the id 'a' is used in {first}, line 1 already; rename one."

    with pytest.raises(CaseError, match=re.escape(message)):
        load_cases(first, second)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read as cases (No such file or directory)."),
        (b"\xff\xfe\x00", "cannot be read as cases (it is not UTF-8 text)."),
        (b"\n \n", "holds no case; evals/data/README.md says how to write one."),
    ],
)
def test_a_file_that_holds_no_cases_is_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "cases.jsonl"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(CaseError, match=re.escape(f"{path} {message}")):
        load_cases(path)


def test_a_byte_order_mark_blank_lines_and_foreign_line_ends_are_no_matter(tmp_path: Path) -> None:
    path = tmp_path / "cases.jsonl"
    line = json.dumps(plain(question="Who\u2028was it?"), ensure_ascii=False)
    path.write_bytes(f"\ufeff{line}\r\n\r\n  \n{json.dumps(plain(id='b'))}".encode())

    assert [(p.case.id, p.where) for p in placed_cases(path)] == [
        ("a", f"{path}, line 1"),
        ("b", f"{path}, line 4"),
    ]
    assert load_cases(path)[0].question == "Who\u2028was it?"


def test_one_spelling_and_one_source_need_no_list_of_their_own() -> None:
    case = Case.model_validate(
        plain(
            must_include=["four", ["five", "5"]],
            expected_sources=[{"article": "a.txt"}, [{"article": "b.txt", "quote": "x"}, {"article": "c"}]],
        )
    )

    assert case.must_include == (("four",), ("five", "5"))
    assert case.expected_sources == (
        (ExpectedSource(article="a.txt"),),
        (ExpectedSource(article="b.txt", quote="x"), ExpectedSource(article="c")),
    )


def test_tags_name_the_kind_the_group_and_what_is_pinned() -> None:
    tags = ["pinned", "group:talks", "fact", "date"]
    case = Case.model_validate(plain(tags=tags, history=[{"question": "When?"}]))

    assert (case.kind, case.kinds, case.group, case.pinned) == ("fact", ("fact", "date"), "group:talks", True)
    assert (case.turn, case.history) == (2, (Turn(question="When?", answer=""),))
    assert Case.model_validate(plain()).kind == "untagged"
    assert Case.model_validate(plain()).group is None


def test_the_fingerprint_follows_what_is_expected_and_not_the_tags() -> None:
    case = Case.model_validate(plain(must_include=["four"], tags=["fact"]))

    assert case.fingerprint == case.model_copy(update={"tags": ("number",)}).fingerprint
    assert case.fingerprint != case.model_copy(update={"must_include": (("five",),)}).fingerprint


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_a_case_survives_being_written(case: Case) -> None:
    line = case.to_line()

    assert Case.model_validate_json(line) == case
    assert "\n" not in line


# --- the cases over the seed articles


def test_every_kind_is_there_and_a_third_cannot_be_answered() -> None:
    kinds = Counter(case.kind for case in CASES)
    unanswerable = Counter(case.kind for case in UNANSWERABLE)

    assert len(CASES) >= 60
    assert set(kinds) == KINDS
    assert min(kinds.values()) >= 4
    assert 3 * len(UNANSWERABLE) >= len(CASES)
    assert 2 * unanswerable["in-topic"] >= len(UNANSWERABLE)
    assert unanswerable["out-of-corpus"] >= 12
    assert set(unanswerable) == {"in-topic", "out-of-corpus", "injection"}
    assert 12 <= sum(case.pinned for case in CASES) <= 18


def test_the_bundled_file_has_one_case_a_line_as_it_is_written() -> None:
    assert SEEDS.read_text(encoding="utf-8") == "".join(f"{case.to_line()}\n" for case in CASES)


def test_no_question_stands_twice_in_the_same_conversation() -> None:
    asked = Counter((case.question.casefold(), case.history) for case in CASES)

    assert set(asked.values()) == {1}


@pytest.mark.parametrize("case", ANSWERABLE, ids=lambda case: case.id)
def test_every_gold_quote_stands_in_its_article_once(case: Case) -> None:
    quotes = [source for item in case.expected_sources for source in item]

    assert quotes
    for source in quotes:
        assert source.quote is not None
        text = (ARTICLES / source.article).read_text(encoding="utf-8")
        assert text.count(source.quote) == 1


@pytest.mark.parametrize("case", ANSWERABLE, ids=lambda case: case.id)
def test_the_expected_answer_and_the_gold_quotes_hold_the_facts(case: Case) -> None:
    quotes = " / ".join(source.quote or "" for item in case.expected_sources for source in item)

    assert case.must_include
    assert missing(case.expected_answer or "", case.must_include) == []
    assert missing(quotes, case.must_include) == []


@pytest.mark.parametrize("case", ANSWERABLE, ids=lambda case: case.id)
def test_no_verbatim_answer_says_what_must_not_be_said(case: Case) -> None:
    quotes = [source.quote or "" for item in case.expected_sources for source in item]

    assert said(" / ".join([case.expected_answer or "", *quotes]), case.must_not_include) == []


@pytest.mark.parametrize("case", [c for c in CASES if c.kind == "both-sources"], ids=lambda case: case.id)
def test_cases_on_both_articles_want_both(case: Case) -> None:
    wanted = [{source.article for source in item} for item in case.expected_sources]

    assert all(len(articles) == 1 for articles in wanted)
    assert set.union(*wanted) == {path.name for path in ARTICLES.iterdir()}


def test_follow_ups_have_a_history_and_injections_say_what_must_not_be_said() -> None:
    assert {case.kind for case in CASES if case.history} == {"follow-up", "in-topic"}
    assert all(case.history for case in CASES if "follow-up" in case.tags)
    assert all(case.must_not_include for case in CASES if case.kind == "injection")


# --- today's engine


def asked(engine: QueryEngine, case: Case) -> Answer:
    return engine.query(case.question)


@pytest.mark.parametrize("case", [c for c in CASES if c.pinned], ids=lambda case: case.id)
def test_what_is_pinned_passes(engine: QueryEngine, case: Case) -> None:
    answer = asked(engine, case)

    assert (answer.status == "abstained") is not case.answerable
    assert missing(answer.text, case.must_include) == []
    assert said(answer.text, case.must_not_include) == []
    assert all(c.article.text[c.start : c.end] == c.quote and c.verdict.sound for c in answer.citations)


@pytest.mark.parametrize("case", [c for c in CASES if c.kind == "out-of-corpus"], ids=lambda case: case.id)
def test_questions_on_other_topics_are_declined(engine: QueryEngine, case: Case) -> None:
    answer = asked(engine, case)

    assert (answer.status, answer.citations) == ("abstained", [])
