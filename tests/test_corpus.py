from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from evals.cases import Case, CaseError, Placed
from evals.corpus import Corpus, find_gold, nearest_sentence, occurrences, short_names, stranger
from evals.scores import Gold
from rag import Article, QueryEngine
from rag.articles import read_article, uri_of
from rag.schema import Span
from rag.sentences import sentence_spans
from tests.conftest import SEEDS

QUOTED = "The envoy said “no one’s promise” was kept. Four men were killed."


def article(uri: str, text: str = "Some text.") -> Article:
    return Article(uri=uri, title="Title", text=text)


def corpus(*uris: str, text: str = "Some text.") -> Corpus:
    return Corpus.from_articles([article(uri, text) for uri in uris])


def placed(**source: Any) -> list[Placed]:
    case = Case.model_validate({"id": "a", "question": "?", "answerable": True, "expected_sources": [source]})
    return [Placed(case, "cases.jsonl, line 3")]


# --- names


@pytest.mark.parametrize(
    ("uris", "names"),
    [
        ([], []),
        (["file:///home/me/a.txt"], ["a.txt"]),
        (["file:///home/me/a.txt", "file:///home/me/b.txt"], ["a.txt", "b.txt"]),
        (["file:///x/y/a.txt", "file:///x/b/c.txt", "file:///x/b.txt"], ["y/a.txt", "b/c.txt", "b.txt"]),
        (["file:///x/a.txt", "file:///xy/b.txt"], ["x/a.txt", "xy/b.txt"]),
        (["file:///x/caf%C3%A9%20%231.txt"], ["café #1.txt"]),
        (["https://site.org/a?b=1#c", "file:///x/a.txt"], ["https://site.org/a?b=1#c", "a.txt"]),
        (["urn:one", "file:relative.txt"], ["urn:one", "file:relative.txt"]),
        (["file:////x//a.txt", "file:///x/b.txt"], ["a.txt", "b.txt"]),
    ],
)
def test_a_file_is_named_by_its_path_below_what_all_share(uris: list[str], names: list[str]) -> None:
    assert list(short_names(uris).values()) == names


@pytest.mark.parametrize(
    "uris",
    [
        ["file://here/a.txt", "file://there/a.txt"],
        ["a.txt", "file:///x/a.txt"],
        ["file:///x/%FF.txt", "file:///x/%FE.txt"],
    ],
)
def test_no_two_articles_have_one_name(uris: list[str]) -> None:
    assert len(corpus(*uris)) == len(set(corpus(*uris).names)) == 2


def test_names_gold_and_fingerprint_are_the_same_wherever_the_folder_lies(tmp_path: Path) -> None:
    made = []
    for home in (tmp_path / "one", tmp_path / "another" / "deep é"):
        for name in ("a.txt", "more/b.txt"):
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(f"This is {name}.")
        made.append(Corpus.from_articles(read_article(home / name) for name in ("a.txt", "more/b.txt")))

    first, second = made
    assert first.names == second.names == ["a.txt", "more/b.txt"]
    assert first.fingerprint == second.fingerprint
    found = [find_gold(placed(article="b.txt", quote="This is"), each) for each in made]
    assert found[0] == found[1] == {"a": ((Gold("more/b.txt", (Span(0, 7),)),),)}


def test_the_fingerprint_follows_names_and_texts() -> None:
    prints = {
        corpus("urn:a").fingerprint,
        corpus("urn:b").fingerprint,
        corpus("urn:a", text="Other").fingerprint,
        corpus("urn:a", "urn:b").fingerprint,
    }

    assert len(prints) == 4
    assert corpus("urn:a", "urn:b").fingerprint == corpus("urn:b", "urn:a").fingerprint


def test_an_index_gives_its_articles(engine: QueryEngine) -> None:
    of_index = Corpus.of(engine.index)
    files = sorted(SEEDS.iterdir())

    assert sorted(of_index.names) == [file.name for file in files]
    assert of_index.name_of(uri_of(files[0])) == files[0].name
    assert of_index.text_of(files[0].name) == read_article(files[0]).text
    assert of_index.read(files[0].name, Span(0, 5)) == read_article(files[0]).text[:5]


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ("file:///home/me/a%20b.txt", "?/a b.txt"),
        ("/home/me/a.txt", "?/a.txt"),
        ("~/a.txt", "?/a.txt"),
        ("C:\\me\\a.txt", "?/a.txt"),
        ("https://site.org/a.html", "https://site.org/a.html"),
        ("a.txt", "a.txt"),
    ],
)
def test_an_article_that_is_gone_is_named_without_the_folders_of_this_machine(told: str, name: str) -> None:
    assert stranger(told) == name
    assert corpus("file:///home/you/b.txt").name_of(told) == name


def test_what_is_not_there_has_no_text() -> None:
    found = corpus("file:///x/a.txt")

    assert (found.text_of("b.txt"), found.read("b.txt", Span(0, 1))) == (None, None)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("a.txt", ["a.txt"]),
        ("b.txt", ["y/b.txt", "z/b.txt"]),
        ("y/b.txt", ["y/b.txt"]),
        ("./z/b.txt", ["z/b.txt"]),
        ("/x/y/b.txt", ["y/b.txt"]),
        ("file:///x/y/b.txt", ["y/b.txt"]),
        ("page.html", ["https://site.org/page.html"]),
        (".txt", []),
        ("txt", []),
    ],
)
def test_an_article_is_found_by_name_uri_or_the_end_of_its_path(wanted: str, found: list[str]) -> None:
    uris = ["file:///x/a.txt", "file:///x/y/b.txt", "file:///x/z/b.txt", "https://site.org/page.html"]

    assert corpus(*uris).find(wanted) == found


def test_articles_are_found_by_what_they_hold() -> None:
    assert corpus("urn:a", "urn:b", text="One text.").holding("text") == ["urn:a", "urn:b"]
    assert corpus("urn:a").holding("tex t") == []


# --- gold


def test_a_whole_article_and_every_place_of_a_quote_are_gold() -> None:
    articles = corpus("file:///x/a.txt", text="No. No. Yes.")
    cases = [
        *placed(article="a.txt"),
        Placed(
            Case.model_validate(
                {
                    "id": "b",
                    "question": "?",
                    "answerable": True,
                    "expected_sources": [
                        [{"article": "a.txt", "quote": "No."}, {"article": "a.txt", "quote": "Yes."}]
                    ],
                }
            ),
            "",
        ),
        Placed(Case(id="c", question="?", answerable=False), ""),
    ]

    assert find_gold(cases, articles) == {
        "a": ((Gold("a.txt"),),),
        "b": ((Gold("a.txt", (Span(0, 3), Span(4, 7))), Gold("a.txt", (Span(8, 12),))),),
        "c": (),
    }


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            {"article": "talk.txt"},
            "the article 'talk.txt' is not in the index; did you mean 'y/talks.txt'?",
        ),
        (
            {"article": "zzzzzzzz"},
            "the article 'zzzzzzzz' is not in the index; ingest it, or correct the name.",
        ),
        (
            {"article": "b.txt"},
            "'b.txt' is the name of 2 articles; write more of the path, such as 'y/b.txt'.",
        ),
        (
            {"article": "talks.txt", "quote": 'The envoy said "no one\'s promise" was kept.'},
            (
                'the quote “The envoy said "no one\'s promise" was kept.” is not in y/talks.txt; the nearest '
                "words there are “The envoy said “no one’s promise” was kept.”. Copy the words as they stand."
            ),
        ),
        (
            {"article": "talks.txt", "quote": "q" * 200},
            f"the quote “{'q' * 159}…” is not in y/talks.txt. Copy the words as they stand.",
        ),
    ],
)
def test_an_expected_source_that_is_not_there_is_named_with_its_line_and_the_fix(
    source: dict[str, str], said: str
) -> None:
    articles = corpus("file:///x/y/talks.txt", "file:///x/y/b.txt", "file:///x/z/b.txt", text=QUOTED)

    with pytest.raises(CaseError, match=re.escape(f"cases.jsonl, line 3: {said}")):
        find_gold(placed(**source), articles)


def test_white_space_of_a_quote_may_differ() -> None:
    text = "One two\n\n three. One  two three."

    assert occurrences("One two three.", text) == [Span(0, 16), Span(17, 32)]
    assert occurrences("One two\n\n three.", text) == [Span(0, 16)]
    assert occurrences("aa", "aaaa") == [Span(0, 2), Span(2, 4)]
    assert occurrences("two One", text) == []
    assert occurrences(" \n", text) == []


def test_the_nearest_words_are_a_sentence() -> None:
    sentences = [QUOTED[span.start : span.end] for span in sentence_spans(QUOTED)]

    assert nearest_sentence("four men killed", sentences) == "Four men were killed."
    assert nearest_sentence("Four men were kiled.", sentences) == "Four men were killed."
    assert nearest_sentence("zzz", ["Words."]) == ""
