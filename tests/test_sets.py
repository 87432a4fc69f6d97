"""Public sets become articles and cases; the sets here are tiny and invented."""

from __future__ import annotations

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from sets import QuestionSet, SetError, SetQuestion, load_set, read_articles, read_questions, sample_cases

from evals.cases import Case, ExpectedSource, Placed
from evals.corpus import Corpus, find_gold
from rag import Article

Row = dict[str, Any]


def write(folder: Path, name: str, *rows: Row) -> None:
    folder.mkdir(exist_ok=True)
    with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def query(name: str, question: str, *relevant: str, **more: Any) -> Row:
    return {"id": name, "question": question, "relevant": list(relevant), "answerable": True, **more}


def impossible(name: str, question: str, **more: Any) -> Row:
    return query(name, question, answers=[], **{"answerable": False, **more})


def source(article: str, quote: str | None = None) -> tuple[ExpectedSource, ...]:
    return (ExpectedSource(article=article, quote=quote),)


def assert_found(chosen: QuestionSet) -> None:
    """Every expected source is an article of the set, every quote verbatim in it."""
    find_gold([Placed(case, case.id) for case in chosen.cases], Corpus.from_articles(chosen.articles))


def test_news_has_quiz_questions_and_those_that_are_asked_years_later(tmp_path: Path) -> None:
    folder = tmp_path / "news"
    ferry, harbour = "The ferry sank. All nine aboard were saved.", "The harbour is closed.\n\nFog is thick."
    write(
        folder,
        "corpus",
        {
            "id": "a.example/ferry",
            "title": "Ferry",
            "date": "2022/03/04",
            "source": "a.example",
            "text": ferry,
        },
        {"id": "a.example/harbour", "title": "", "date": "", "source": None, "text": harbour},
        {"id": "a.example/empty", "title": "Gone", "text": " "},
    )
    write(
        folder,
        "queries",
        query(
            "1_1",
            "How many were saved?",
            "a.example/ferry",
            "a.example/harbour",
            answers=["Nine", "9", "Nine"],
            evidence="All nine aboard were saved.",
        ),
        query(
            "1_2", "What closed?", "a.example/harbour", answers=["The harbour"], evidence="In their words."
        ),
    )
    write(folder, "later_questions", impossible("9_1", "Who won this week?", why="asked later"))

    chosen = load_set(folder)

    assert chosen.name == "news"
    assert chosen.articles == (
        Article("news:a.example/ferry", "Ferry", ferry, "a.example", "2022-03-04"),
        Article("news:a.example/harbour", "The harbour is closed. Fog is thick.", harbour),
    )
    assert chosen.cases == (
        Case(
            id="news:1_1",
            question="How many were saved?",
            expected_answer="Nine",
            must_include=(("Nine", "9"),),
            expected_sources=(
                source("news:a.example/ferry", "All nine aboard were saved.")
                + source("news:a.example/harbour"),
            ),
            answerable=True,
            tags=("quiz",),
        ),
        Case(
            id="news:1_2",
            question="What closed?",
            expected_answer="The harbour",
            must_include=(("The harbour",),),
            expected_sources=(source("news:a.example/harbour"),),
            answerable=True,
            tags=("quiz",),
        ),
        Case(id="news:9_1", question="Who won this week?", answerable=False, tags=("later",)),
    )
    assert_found(chosen)


@pytest.mark.parametrize("name", ["time", "scifact"])
def test_a_retrieval_set_expects_articles_and_no_facts(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    write(folder, "corpus", *({"id": str(n), "title": f"T{n}", "text": f"Text {n}."} for n in range(3)))
    write(
        folder,
        "queries",
        {"id": "1", "question": "TEXTS OF TWO .", "relevant": ["0", "2", "404"]},
        {"id": "2", "question": "TEXT OF ONE .", "relevant": ["0"]},
        {"id": "3", "question": "TEXT OF NONE .", "relevant": ["404"]},
    )

    chosen = load_set(folder)

    assert [article.uri for article in chosen.articles] == [f"{name}:{n}" for n in range(3)]
    assert chosen.cases == (
        Case(
            id=f"{name}:1",
            question="TEXTS OF TWO .",
            expected_sources=(source(f"{name}:0"), source(f"{name}:2")),
            answerable=True,
            tags=("retrieval", f"group:{name}:0"),
        ),
        Case(
            id=f"{name}:2",
            question="TEXT OF ONE .",
            expected_sources=(source(f"{name}:0"),),
            answerable=True,
            tags=("retrieval", f"group:{name}:0"),
        ),
    )
    assert_found(chosen)


def test_clapnq_expects_the_sentences_of_the_first_annotator_who_chose_any(tmp_path: Path) -> None:
    folder = tmp_path / "clapnq"
    bees, owls = "Bees dance . They point at food . Honey keeps .", "Owls hunt at night . They are silent ."
    write(
        folder,
        "corpus",
        {"id": "p0", "title": "Bees", "text": bees},
        {"id": "p1", "title": "Owls", "text": owls},
    )
    write(
        folder,
        "queries",
        query("7", "how do bees talk", "p0", answers=[]),
        impossible("8", "what do bees weigh"),
        impossible("9", "what do owls weigh"),
    )

    def notes(name: str, text: str, *output: Row) -> Row:
        return {"id": name, "passages": [{"text": text}], "output": list(output)}

    nothing = {"answer": "", "selected_sentences": []}
    danced = {"answer": "By dancing.", "selected_sentences": ["Bees dance .", "They point at food ."]}
    other = {"answer": "They dance.", "selected_sentences": ["Bees dance ."]}
    write(
        folder,
        "annotated",
        notes("7", bees, nothing, danced, other),
        notes("8", bees, nothing),
        notes("9", owls, nothing),
    )

    chosen = load_set(folder)

    assert chosen.cases == (
        Case(
            id="clapnq:7",
            question="how do bees talk",
            expected_answer="By dancing.",
            expected_sources=(
                source("clapnq:p0", "Bees dance ."),
                source("clapnq:p0", "They point at food ."),
            ),
            answerable=True,
            tags=("long-answer", "group:clapnq:p0"),
        ),
        Case(
            id="clapnq:8",
            question="what do bees weigh",
            answerable=False,
            tags=("related-passage", "group:clapnq:p0"),
        ),
        Case(id="clapnq:9", question="what do owls weigh", answerable=False, tags=("related-passage",)),
    )
    assert_found(chosen)


def squad2(folder: Path, *answers: Sequence[str]) -> list[Case]:
    text = "The mill was built in 1702. It burned in 1840. The mill of 1702 had two wheels and 17020 sacks."
    write(folder, "corpus", {"id": "Mill#0", "title": "Mill", "text": text})
    rows = [query(str(n), "When?", "Mill#0", answers=list(own)) for n, own in enumerate(answers)]
    write(folder, "queries", *rows, impossible("x", "Who owned the mill in 1900?"))
    chosen = load_set(folder)
    assert_found(chosen)
    return list(chosen.cases)


def test_squad2_quotes_the_sentence_of_the_answer_where_only_one_holds_it(tmp_path: Path) -> None:
    cases = squad2(tmp_path / "squad2", ["1840", "in 1840"], ["1702"], ["two wheels"], ["702"])

    assert cases[0] == Case(
        id="squad2:0",
        question="When?",
        expected_answer="1840",
        must_include=(("1840", "in 1840"),),
        expected_sources=(source("squad2:Mill#0", "It burned in 1840."),),
        answerable=True,
        tags=("short-answer", "group:squad2:Mill#0"),
    )
    assert [case.expected_sources for case in cases[1:4]] == [
        (source("squad2:Mill#0"),),
        (source("squad2:Mill#0", "The mill of 1702 had two wheels and 17020 sacks."),),
        (source("squad2:Mill#0"),),
    ]
    assert cases[4] == Case(
        id="squad2:x", question="Who owned the mill in 1900?", answerable=False, tags=("adversarial",)
    )


def test_multihop_needs_every_article(tmp_path: Path) -> None:
    folder = tmp_path / "multihop"
    write(folder, "corpus", *({"id": f"e{n}", "title": f"T{n}", "text": f"Evidence {n}."} for n in range(2)))
    write(
        folder,
        "queries",
        query("0", "Do both agree?", "e0", "e1", answers=["Yes"], type="comparison_query"),
        impossible("1", "Does a third?", type="null_query"),
    )

    chosen = load_set(folder)

    assert chosen.cases == (
        Case(
            id="multihop:0",
            question="Do both agree?",
            expected_answer="Yes",
            must_include=(("Yes",),),
            expected_sources=(source("multihop:e0"), source("multihop:e1")),
            answerable=True,
            tags=("comparison",),
        ),
        Case(id="multihop:1", question="Does a third?", answerable=False, tags=("null",)),
    )
    assert_found(chosen)


def ramdocs_row(question: str, gold: list[str], wrong: list[str], *documents: tuple[str, str, str]) -> Row:
    named = [dict(zip(("type", "answer", "text"), document, strict=True)) for document in documents]
    return {"question": question, "gold_answers": gold, "wrong_answers": wrong, "documents": named}


def test_ramdocs_wants_every_answer_that_a_document_gives_and_no_wrong_one(tmp_path: Path) -> None:
    folder = tmp_path / "ramdocs"
    write(
        folder,
        "cases",
        ramdocs_row(
            "When was the lodge founded?",
            ["1912", "1897", "1950"],
            ["1868", "189"],
            ("correct", "1912", "The lodge in the north dates from 1912."),
            ("misinfo", "1868", "The lodge was founded in 1868."),
            ("correct", "1897", "The lodge in the south began in 1897."),
            ("correct", "1912", "In 1912 the lodge opened."),
            ("noise", "unknown", "A lodge is a small house."),
        ),
        ramdocs_row("What is a weir?", ["A dam"], ["a Dam"], ("correct", "A dam", "A weir is a dam.")),
        ramdocs_row("Who?", ["Ann"], ["Bob"], ("noise", "unknown", "Nobody is named.")),
    )

    chosen = load_set(folder)

    assert [(article.uri, article.title) for article in chosen.articles] == [
        ("ramdocs:1.1", "The lodge in the north dates from 1912."),
        ("ramdocs:1.2", "The lodge was founded in 1868."),
        ("ramdocs:1.3", "The lodge in the south began in 1897."),
        ("ramdocs:1.4", "In 1912 the lodge opened."),
        ("ramdocs:1.5", "A lodge is a small house."),
        ("ramdocs:2.1", "A weir is a dam."),
        ("ramdocs:3.1", "Nobody is named."),
    ]
    assert chosen.cases == (
        Case(
            id="ramdocs:1",
            question="When was the lodge founded?",
            must_include=(("1912",), ("1897",)),
            must_not_include=("1868",),
            expected_sources=(source("ramdocs:1.1") + source("ramdocs:1.4"), source("ramdocs:1.3")),
            answerable=True,
            tags=("misleading", "several-answers", "noise"),
        ),
        Case(
            id="ramdocs:2",
            question="What is a weir?",
            expected_answer="A dam",
            must_include=(("A dam",),),
            expected_sources=(source("ramdocs:2.1"),),
            answerable=True,
            tags=("plain",),
        ),
        Case(id="ramdocs:3", question="Who?", must_not_include=("Bob",), answerable=False, tags=("noise",)),
    )
    assert_found(chosen)


def test_a_folder_that_is_no_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SetError, match="no public set that is known; name a folder called news, time"):
        load_set(tmp_path / "else")
    with pytest.raises(SetError, match=r"is not the whole set \(No such file or directory: .*corpus"):
        load_set(tmp_path / "news")


def test_a_limit_draws_the_same_cases_always_and_a_smaller_one_is_part_of_a_larger() -> None:
    cases = [Case(id=f"set:{n}", question="?", answerable=True) for n in range(50)]

    few, more = sample_cases(cases, 5), sample_cases(list(reversed(cases)), 20)

    assert [case.id for case in few] == ["set:1", "set:8", "set:32", "set:37", "set:41"]
    assert len(more) == 20
    assert {case.id for case in few} < {case.id for case in more}
    assert sample_cases(cases, None) == cases


def test_questions_are_read_as_they_stand(tmp_path: Path) -> None:
    write(tmp_path, "queries", query("a", "Why?", "x", answers=["So"]), {"id": 2, "question": "How?"})
    write(
        tmp_path,
        "corpus",
        {"id": "x", "title": "X", "text": "So."},
        {"id": "y", "title": "Y", "text": "No\0"},
    )

    assert read_articles(tmp_path)[1].text == "No\ufffd"
    assert read_questions(tmp_path / "queries.jsonl.gz") == [
        SetQuestion(id="a", text="Why?", answers=("So",), relevant=("x",), answerable=True),
        SetQuestion(id="2", text="How?", answers=(), relevant=(), answerable=True),
    ]
    assert read_articles(tmp_path, 1) == [Article(f"{tmp_path.name}:x", "X", "So.")]
