from __future__ import annotations

import io
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import QueryEngine, Settings, ingest
from rag import verify as public_verify
from rag.catalogue import Catalogue, IndexedArticle, Recipe
from rag.errors import IndexMissing, UsageError
from rag.index import CATALOGUE, Index
from rag.saved import MAX_BYTES, check_answer, parse_answer, read_answer
from rag.schema import Article, Passage, Span, digest
from rag.verifying import FootnoteCheck, Place, SentenceCheck, Verification, verify
from tests.commands import QUESTION, Rag, index_fixture, is_one_line, rag_fixture  # noqa: F401  # used by name
from tests.conftest import SEEDS

URI = "file:///news/talks.txt"
LEFT = "The delegation left Istanbul on 7 November."
KILLED = "Four civilians were killed on the border in the night."
OPENED = "Markets in Karachi opened higher than expected."
TEXT = f"{LEFT} {KILLED} {OPENED}"


def indexed(text: str, *, uri: str = URI) -> IndexedArticle:
    """An article of which every sentence is a passage."""
    article = Article(uri, "Talks", text, "ANI", "2025-11-08")
    spans = [Span(*match.span()) for match in re.finditer(r"\S(?:[^.]|\.(?! ))*\.|\S[^.]*\Z", text)]
    passages = [
        Passage(f"{article.id}-{n}", article.id, span.start, span.end, 8, (span,))
        for n, span in enumerate(spans)
    ]
    return IndexedArticle(article, passages, np.ones((len(passages), 8), dtype=np.float32))


class Shelf:
    """An index folder with a catalogue alone, which is all that is read."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.catalogue = Catalogue.create(folder / CATALOGUE, Recipe("none", 32))

    def hold(self, *articles: IndexedArticle) -> None:
        """Hold these articles and no others."""
        for id_ in self.catalogue.article_ids():
            self.catalogue.delete(id_)
        for article in articles:
            self.catalogue.upsert(article)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    made = Shelf(tmp_path_factory.mktemp("verifying") / "index")
    yield made
    made.catalogue.close()


def saved(quote: str = KILLED, *, text: str = TEXT, says: str | None = None) -> dict[str, object]:
    """The JSON of an answer with one sentence and one footnote."""
    start = text.index(quote)
    citation = {
        "number": 1,
        "uri": URI,
        "title": "Talks",
        "text_hash": digest(text),
        "start": start,
        "end": start + len(quote),
        "quote": quote,
    }
    sentence = {"text": says or quote, "citations": [1], "missing": []}
    return {"question": "Who was killed?", "sentences": [sentence], "citations": [citation]}


def footnote(state: str, now: Place | None, *, edited: bool) -> FootnoteCheck:
    start = TEXT.index(KILLED)
    return FootnoteCheck(
        number=1,
        state=state,  # type: ignore[arg-type]  # one of the four
        title="Talks",
        uri=URI,
        start=start,
        end=start + len(KILLED),
        quote=KILLED,
        edited=edited,
        now=now,
    )


def place(words: str, text: str, *, uri: str = URI) -> Place:
    start = text.index(words)
    return Place(uri, start, start + len(words), words)


def sentence(text: str = KILLED, *lost: str) -> SentenceCheck:
    return SentenceCheck(text, (1,), missing=lost, lost=lost)


@pytest.mark.parametrize(
    ("today", "state", "now"),
    [
        (TEXT, "there", KILLED),
        (f"{LEFT} {KILLED} Markets fell.", "there", KILLED),
        (f"Updated. {TEXT}", "moved", KILLED),
        (f"{OPENED} {LEFT} {KILLED}", "moved", KILLED),
        (f"{LEFT} {KILLED.replace(' the night', ' the late night')}", "changed", None),
        (f"{LEFT} Nothing else.", "changed", ""),
    ],
)
def test_a_footnote_is_there_or_moved_or_changed(
    shelf: Shelf, today: str, state: str, now: str | None
) -> None:
    shelf.hold(indexed(today))
    words = KILLED.replace(" the night", " the late night") if now is None else now

    verification = verify(saved(), shelf.folder)

    found = place(words, today) if words else None
    lost = () if words else ("Four",)
    assert verification == Verification(
        question="Who was killed?",
        footnotes=(footnote(state, found, edited=today != TEXT),),
        sentences=(sentence(KILLED, *lost),),
    )
    assert verification.holds is (state in {"there", "moved"})


def test_an_article_that_is_gone_takes_its_sentence_with_it(shelf: Shelf) -> None:
    shelf.hold(indexed("Another article.", uri="file:///news/other.txt"))

    verification = verify(saved(), shelf.folder)

    assert verification.footnotes == (footnote("gone", None, edited=False),)
    assert verification.sentences == (sentence(KILLED, "Four"),)
    assert str(verification) == "1 footnote: 1 gone, 1 sentence no longer held"


def test_the_same_text_at_another_uri_is_found(shelf: Shelf) -> None:
    renamed = "file:///archive/talks.txt"
    shelf.hold(indexed("Another article now.", uri=URI), indexed(TEXT, uri=renamed))

    verification = verify(saved(), shelf.folder)

    assert verification.footnotes == (footnote("moved", place(KILLED, TEXT, uri=renamed), edited=True),)
    assert verification.holds


@pytest.mark.parametrize(
    ("quote", "today"),
    [
        ("5 people left.", "In all 15 people left."),
        ("5 people left.", "In all 2.5 people left."),
        ("5 people left.", "In all 1,5 people left."),
        ("people left in 5", "The people left in 50 cars."),
        ("people left in 5", "The people left in 5.5 hours."),
        ("men left", "Women left."),
        ("men left", "The men lefty."),
    ],
)
def test_words_that_only_end_alike_are_others(shelf: Shelf, quote: str, today: str) -> None:
    shelf.hold(indexed(today))

    assert verify(saved(quote, text=f"So {quote}"), shelf.folder).footnotes[0].state == "changed"


def test_of_several_places_the_nearest_is_taken(shelf: Shelf) -> None:
    today = f"{KILLED} So. {KILLED} {KILLED}"
    shelf.hold(indexed(today))

    now = verify(saved(), shelf.folder).footnotes[0].now

    assert now == Place(URI, 59, 59 + len(KILLED), KILLED)


def test_other_white_space_is_the_same_words(shelf: Shelf) -> None:
    wrapped = TEXT.replace("killed on", "killed\non")
    shelf.hold(indexed(wrapped))

    check = verify(saved(), shelf.folder).footnotes[0]

    assert (check.state, check.edited) == ("there", True)


def test_words_spread_over_sentences_are_found_again(shelf: Shelf) -> None:
    quote = f"{LEFT} {KILLED}"
    corrected = quote.replace("Four", "Five")
    shelf.hold(indexed(f"Updated. {corrected} {OPENED}"))

    verification = verify(saved(quote), shelf.folder)

    assert verification.footnotes[0].now == Place(URI, 9, 9 + len(corrected), corrected)
    assert verification.sentences == (sentence(quote, "Four"),)


def test_a_sentence_is_asked_of_the_passage_around_its_footnote(shelf: Shelf) -> None:
    """Its number is beside the quoted words, which stay; the number does not."""
    quote = "were killed on the border"
    shelf.hold(indexed(TEXT.replace("Four civilians", "Six civilians")))

    verification = verify(saved(quote, says="Four were killed."), shelf.folder)

    assert verification.footnotes[0].state == "moved"
    assert verification.sentences == (sentence("Four were killed.", "Four"),)
    assert not verification.holds
    assert str(verification) == "1 footnote: 1 moved, 1 sentence no longer held"


def test_what_was_missing_from_the_start_is_not_lost(shelf: Shelf) -> None:
    shelf.hold(indexed(TEXT))
    answer = saved(says="Four were killed in Kabul.")
    answer["sentences"] = [{"text": "Four were killed in Kabul.", "citations": [1], "missing": ["Kabul"]}]

    verification = verify(answer, shelf.folder)

    assert verification.sentences == (SentenceCheck("Four were killed in Kabul.", (1,), ("Kabul",), ()),)
    assert verification.holds


def test_source_and_date_of_the_article_may_be_named(shelf: Shelf) -> None:
    shelf.hold(indexed(TEXT))

    assert verify(saved(says="ANI said on 8 November 2025: four were killed."), shelf.folder).holds


WORDS = st.lists(st.sampled_from("minister talks harvest bridge 12 5 storm".split()), min_size=1, max_size=6)
INSERTED = WORDS.map(lambda words: " ".join(words).capitalize() + ". ")


@settings(deadline=None, max_examples=60)
@given(before=st.lists(INSERTED, max_size=3).map("".join), after=st.lists(INSERTED, max_size=3).map("".join))
def test_words_are_followed_wherever_text_is_put_in(shelf: Shelf, before: str, after: str) -> None:
    today = f"{before}{TEXT.replace(KILLED, f'{KILLED} {after}')}"
    shelf.hold(indexed(today))

    check = verify(saved(), shelf.folder).footnotes[0]

    assert check.state == ("moved" if before else "there")
    assert check.now == place(KILLED, today)
    assert check.edited is (today != TEXT)


@settings(deadline=None, max_examples=60)
@given(
    at=st.integers(1, len(KILLED.split()) - 1),
    inserted=WORDS,
    before=st.lists(INSERTED, max_size=2).map("".join),
    cut=st.integers(0, 1),
)
def test_words_put_in_or_cut_out_are_a_change(
    shelf: Shelf, at: int, inserted: list[str], before: str, cut: int
) -> None:
    words = KILLED.split()
    changed = " ".join([*words[:at], *([] if cut else inserted), *words[at + cut :]])
    shelf.hold(indexed(f"{before}{TEXT.replace(KILLED, changed)}"))

    check = verify(saved(), shelf.folder).footnotes[0]

    assert check.state == "changed"
    assert check.now is not None
    assert check.now.text.startswith(changed.rstrip("."))


@settings(deadline=None, max_examples=60)
@given(today=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
def test_what_is_found_stands_there(shelf: Shelf, today: str) -> None:
    article = indexed(today + ".")
    shelf.hold(article)

    check = verify(saved(), shelf.folder).footnotes[0]

    assert check.now is None or article.article.text[check.now.start : check.now.end] == check.now.text


def test_an_answer_is_checked_from_a_mapping_a_file_or_beside_an_open_index(
    engine: QueryEngine, seeds_index: Path, tmp_path: Path
) -> None:
    answer = engine.query(QUESTION).to_dict()
    (tmp_path / "a.json").write_text(json.dumps(answer), encoding="utf-16")

    first = public_verify(answer, seeds_index)

    assert first.holds
    assert first.footnotes
    assert [note.state for note in first.footnotes] == ["there"] * len(first.footnotes)
    assert [s.text for s in first.sentences] == [s["text"] for s in answer["sentences"]]  # type: ignore[attr-defined]
    assert public_verify(tmp_path / "a.json", str(seeds_index)) == first
    assert isinstance(engine.index, Index)
    assert public_verify(str(tmp_path / "a.json"), engine.index) == first


def test_there_must_be_an_index(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing):
        verify(saved(), tmp_path / "none")


# --- saved answers


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "it is empty"),
        (b" \n", "it is empty"),
        (b"\xff\xfe\x00", "it is not JSON"),
        (b"{", "it is not JSON"),
        (b"[" * 200_000, "it is not JSON"),
        (b"1" * 5_000, "it is not JSON"),
        (b"[]", "it is not one JSON object"),
        (b"null", "it is not one JSON object"),
        (b"{}", "question is missing"),
        (b'{"question": 5}', "question: Input should be a valid string"),
        (b'{"question": "x", "sentences": []}', "citations is missing"),
        (b" " * (MAX_BYTES + 1), "it is larger than 50 MB"),
    ],
    ids=lambda value: value[:12] if isinstance(value, bytes) else "",
)
def test_what_is_no_answer_is_refused_in_one_line(raw: bytes, reason: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_answer(raw, name="a.json")

    assert str(refused.value) == f"a.json is no answer as `rag ask --json` prints it: {reason}."


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("quote", None, "citations.0.quote is missing"),
        ("text_hash", None, "citations.0.text_hash is missing"),
        ("quote", "Other words.", "citations.0: the quote is not as long as from start to end"),
        ("quote", " \n ", "citations.0: the quote is empty"),
        ("quote", "x" * 20_001, "citations.0.quote: String should have at most 20000 characters"),
        ("start", "44", "citations.0.start: Input should be a valid integer"),
        ("start", -1, "citations.0.start: Input should be greater than or equal to 0"),
        ("text_hash", "abc", "citations.0.text_hash: String should match pattern '^[0-9a-f]{64}$'"),
        ("number", 2, "a sentence has the footnote [1], which is not there"),
    ],
)
def test_a_damaged_footnote_is_named(key: str, value: object, reason: str) -> None:
    answer = saved()
    citation: dict[str, object] = answer["citations"][0]  # type: ignore[index]
    citation.pop(key) if value is None else citation.update({key: value})

    with pytest.raises(UsageError) as refused:
        check_answer(answer)

    assert str(refused.value) == f"The answer is no answer as `rag ask --json` prints it: {reason}."


def test_two_footnotes_have_two_numbers() -> None:
    answer = saved()
    answer["citations"] = answer["citations"] * 2  # type: ignore[operator]

    with pytest.raises(UsageError, match="two footnotes have the same number"):
        check_answer(answer)


def test_what_a_newer_version_adds_is_passed_over() -> None:
    answer = saved() | {"new": {"a": 1}}
    answer["citations"][0]["new"] = [1]  # type: ignore[index]

    assert check_answer(answer) == check_answer(saved())


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_are_an_answer_or_refused(raw: bytes) -> None:
    with pytest.raises(UsageError, match="is no answer"):
        parse_answer(raw, name="x")


def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path) -> None:
    for path, reason in (
        (tmp_path, "is a directory"),
        (tmp_path / "none.json", "no such file or directory"),
        ("a\0b", "embedded null byte"),
    ):
        with pytest.raises(UsageError) as refused:
            read_answer(path)
        assert str(refused.value) == f"{path}: cannot be read ({reason})."


# --- the command


@pytest.fixture
def answer_file(rag: Rag, index: Path, tmp_path: Path) -> Path:
    done = rag("ask", "How did the defence minister describe the talks?", "--index", index, "--json")
    path = tmp_path / "answer.json"
    path.write_text(done.out, encoding="utf-8")
    return path


def test_verify_says_that_all_is_there(rag: Rag, index: Path, answer_file: Path) -> None:
    notes = json.loads(answer_file.read_text(encoding="utf-8"))["citations"]

    code, out, err = rag("verify", answer_file, "--index", index)

    assert (code, err) == (0, "")
    assert out.splitlines()[-1] == f"{len(notes)} footnotes: {len(notes)} there"
    assert [line for line in out.splitlines() if line.startswith("[")] == [
        f"[{note['number']}] there: {note['title']}" for note in notes
    ]


def test_verify_reads_stdin_and_prints_json(
    rag: Rag, index: Path, answer_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(answer_file.read_bytes())))

    code, out, err = rag("verify", "-", "--index", index, "--json")

    assert (code, err) == (0, "")
    assert json.loads(out) == verify(answer_file, index).to_dict()
    assert json.loads(out)["holds"] is True


def test_verify_tells_what_became_of_each_footnote(
    rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four articles are cited, then one is edited above, one corrected, one renamed, one removed."""
    monkeypatch.chdir(tmp_path)
    folder, index = tmp_path / "news", tmp_path / "index"
    folder.mkdir()
    lines = {
        "above": "The Lahore bridge was closed on 3 May after the storm.",
        "corrected": "In Multan 14 people were hurt when the market burned.",
        "renamed": "The Quetta court opened its session on 9 June.",
        "removed": "The Sialkot harvest was the best for 20 years.",
        "edited": "The Sukkur barrage was repaired in 2019 by engineers.",
    }
    citations = []
    for number, (name, line) in enumerate(lines.items(), start=1):
        (folder / f"{name}.txt").write_text(f"{line} More followed.", encoding="utf-8")
        citations.append({
            "number": number, "uri": (folder / f"{name}.txt").as_uri(), "title": name.title(),
            "text_hash": digest(f"{line} More followed."), "start": 0, "end": len(line), "quote": line,
        })  # fmt: skip
    sentences = [{"text": line, "citations": [n]} for n, line in enumerate(lines.values(), start=1)]
    answer = {"question": "What happened?", "sentences": sentences, "citations": citations}
    Path("answer.json").write_text(json.dumps(answer), encoding="utf-8")
    ingest([folder], index=index, settings=Settings())
    assert rag("verify", "answer.json", "--index", index).out.endswith("5 footnotes: 5 there\n")

    (folder / "above.txt").write_text(f"Updated. {lines['above']} More followed.", encoding="utf-8")
    corrected = lines["corrected"].replace("14", "16")
    (folder / "corrected.txt").write_text(f"{corrected} More followed.", encoding="utf-8")
    (folder / "renamed.txt").rename(folder / "new name.txt")
    (folder / "removed.txt").unlink()
    (folder / "edited.txt").write_text(f"{lines['edited']} Less followed.", encoding="utf-8")
    ingest([folder], index=index, settings=Settings(), prune=True)

    assert rag("verify", "answer.json", "--index", index) == (1, f"""\
[1] moved: Above; the article was changed elsewhere
    “{lines['above']}”
    characters 0–54 of news/above.txt; now characters 9–63

[2] changed: Corrected
    “{lines['corrected']}”
    characters 0–53 of news/corrected.txt; nearest to it now, characters 0–53: “{corrected}”

[3] moved: Renamed
    “{lines['renamed']}”
    characters 0–46 of news/renamed.txt; the same text is now at news/new name.txt

[4] gone: Removed
    “{lines['removed']}”
    characters 0–46 of news/removed.txt; there is no such article

[5] there: Edited; the article was changed elsewhere
    “{lines['edited']}”
    characters 0–53 of news/edited.txt

Not in its sources now: 14
    {lines['corrected']}

Not in its sources now: 20, Sialkot
    {lines['removed']}

5 footnotes: 1 there, 2 moved, 1 changed, 1 gone, 2 sentences no longer held
""", "")  # fmt: skip


def test_an_answer_without_footnotes_has_nothing_to_check(rag: Rag, index: Path, tmp_path: Path) -> None:
    declined = rag("ask", "Who won the 2022 World Cup?", "--index", index, "--json")
    (tmp_path / "declined.json").write_text(declined.out, encoding="utf-8")

    assert rag("verify", tmp_path / "declined.json", "--index", index) == (
        0, "Nothing to check: the answer has no footnotes.\n", ""
    )  # fmt: skip


def test_no_answer_and_no_index_are_one_line_and_code_2(
    rag: Rag, index: Path, answer_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "garbage.json").write_bytes(b"\x00garbage")
    folder = shutil.copytree(index, tmp_path / "damaged")
    (folder / CATALOGUE).write_bytes(b"rubbish")

    for name, where, said in (
        ("garbage.json", index, "it is not JSON"),
        ("none.json", index, "cannot be read (no such file or directory)"),
        ("answer.json", tmp_path / "none", "There is no index in"),
        ("answer.json", folder, "damaged"),
        ("answer.json", SEEDS / "000_abc7d57044bbd6c6.txt", "is a file"),
    ):
        code, out, err = rag("verify", tmp_path / name, "--index", where)
        assert (code, out, is_one_line(err)) == (2, "", True)
        assert said in err
