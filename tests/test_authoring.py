from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from evals.authoring import accept, add_case, append_case, facts_in, known_ids
from evals.cases import Case, CaseError, ExpectedSource, load_cases
from evals.corpus import nearest_sentence
from evals.drafts import draft_cases
from rag.articles import read_article
from rag.engine import QueryEngine
from tests.conftest import SEEDS

FIRST, SECOND = "000_abc7d57044bbd6c6.txt", "001_067e7b6d50dbd9ba.txt"
KILLED = (
    "Afghan officials stated that four civilians were killed and five wounded in incidents along the "
    "frontier with Pakistan, despite the ongoing diplomatic efforts."
)


class Person:
    """Types a list of answers, None for Enter, and remembers what was shown and asked."""

    def __init__(self, *answers: str | None) -> None:
        self._answers = list(answers)
        self.asked: list[tuple[str, str]] = []
        self.shown: list[str] = []

    def ask(self, prompt: str, default: str) -> str:
        self.asked.append((prompt, default))
        if not self._answers:
            raise EOFError
        answer = self._answers.pop(0)
        return default if answer is None else answer

    def say(self, line: str) -> None:
        self.shown.append(line)

    @property
    def done(self) -> bool:
        return not self._answers


def add(path: Path, engine: QueryEngine, person: Person) -> Case:
    case = add_case(path, engine, ask=person.ask, say=person.say)
    assert person.done
    return case


def case(id_: str = "a") -> Case:
    return Case(id=id_, question="Who?", answerable=False)


@pytest.fixture(name="path")
def path_fixture(tmp_path: Path) -> Path:
    return tmp_path / "my" / "cases.jsonl"


# --- a new case


def test_a_case_is_asked_for_step_by_step(engine: QueryEngine, path: Path) -> None:
    person = Person(
        "How many civilians were killed along the border?",
        None,
        "Four civilians were killed.",
        "four | 4, civilians",
        "1",
        "fact, number",
        None,
    )

    added = add(path, engine, person)

    assert added == Case(
        id="how-many-civilians-were-killed-along",
        question="How many civilians were killed along the border?",
        expected_answer="Four civilians were killed.",
        must_include=(("four", "4"), ("civilians",)),
        expected_sources=((ExpectedSource(article=SECOND, quote=KILLED),),),
        answerable=True,
        tags=("fact", "number"),
    )
    assert load_cases(path) == [added]
    assert person.asked == [
        ("Question", ""),
        ("Do the articles answer it? (yes/no)", "yes"),
        ("Expected answer, one short sentence", ""),
        ("Facts that it must hold (comma separated, | between spellings)", ""),
        ("Which sentences answer it? Numbers (1, 2; 1|2 if one is enough), or a quote", ""),
        ("Tags, the kind first (comma separated)", "fact"),
        ("Id", "how-many-civilians-were-killed-along"),
    ]
    assert person.shown[0].startswith(f"{KILLED} [1]")
    assert person.shown[1] == f"  1. {KILLED} ({SECOND})"
    assert [line[:4] for line in person.shown[1:-1]] == [f"  {n}." for n in range(1, 9)]
    assert person.shown[-1] == f"Added how-many-civilians-were-killed-along to {path}."


def test_a_declined_question_is_proposed_as_unanswerable(engine: QueryEngine, path: Path) -> None:
    person = Person("How do I bake bread?", None, "out-of-corpus", "bread")

    added = add(path, engine, person)

    assert added == Case(
        id="bread", question="How do I bake bread?", answerable=False, tags=("out-of-corpus",)
    )
    assert person.asked[1] == ("Do the articles answer it? (yes/no)", "no")
    assert person.shown[0] == "The articles do not answer this question."
    assert person.shown[1].startswith("The articles do not tell; the closest passages do not mention")


def test_gold_is_one_or_several_sentences_or_one_of_them(engine: QueryEngine, path: Path) -> None:
    person = Person("Who mediated the talks?", "y", "Turkey and Qatar.", "", "1|2, 3", "fact", None)

    added = add(path, engine, person)

    shown = [line[5:] for line in person.shown[1:4]]
    assert [
        [f"{' '.join(str(s.quote).split())} ({s.article})" for s in item] for item in added.expected_sources
    ] == [shown[:2], shown[2:]]
    assert added.must_include == ()


def test_a_typed_quote_must_stand_in_an_article(engine: QueryEngine, path: Path) -> None:
    person = Person(
        "Who mediated the talks?",
        "yes",
        "Turkey and Qatar.",
        "Turkey, Qatar",
        "9, 77",
        "mediated by Turkey and Katar",
        "mediated by Turkey and Qatar",
        None,
        None,
    )

    added = add(path, engine, person)

    assert added.expected_sources == ((ExpectedSource(article=FIRST, quote="mediated by Turkey and Qatar"),),)
    assert "Write numbers from 1 to 8." in person.shown
    nearest = person.asked[6][1]
    assert nearest.startswith("The two-day dialogue (November 6–7), mediated by Turkey and Qatar, ended")
    assert f"These words are not in the articles. The nearest there: {nearest}" in person.shown


def test_enter_takes_the_nearest_words(engine: QueryEngine, path: Path) -> None:
    person = Person(
        "How many were killed?",
        "yes",
        "Four.",
        "four",
        KILLED.replace("four civilians", "4 civilians"),
        None,
        None,
        None,
    )

    assert add(path, engine, person).expected_sources == ((ExpectedSource(article=SECOND, quote=KILLED),),)


def test_words_of_both_articles_are_alternatives(engine: QueryEngine, path: Path) -> None:
    person = Person("Who speaks?", "yes", "Mujahid.", "Mujahid", "Zabihullah Mujahid", None, None)

    (item,) = add(path, engine, person).expected_sources

    assert {source.article for source in item} == {FIRST, SECOND}


def test_a_fact_that_is_not_in_the_quotes_is_pointed_out(engine: QueryEngine, path: Path) -> None:
    question = "How many civilians were killed along the border?"
    person = Person(question, "yes", "Four.", "four dead | 4 dead, five", "1", None, None)

    add(path, engine, person)

    assert "Not in these quotes: four dead. Are the facts spelled as the articles do?" in person.shown


def test_what_is_needed_is_asked_again(engine: QueryEngine, path: Path) -> None:
    append_case(path, case("taken"))
    person = Person("", "  ", "How do I bake bread?", "maybe", "", "n", "", "taken", "", "bread")

    added = add(path, engine, person)

    assert (added.id, added.tags) == ("bread", ())
    assert person.shown.count("This cannot be left out.") == 3
    assert person.shown.count("Write yes or no.") == 2
    assert "The id 'taken' is taken; write another one." in person.shown
    assert [held.id for held in load_cases(path)] == ["taken", "bread"]


def test_a_proposed_id_is_free(engine: QueryEngine, path: Path) -> None:
    append_case(path, case("how-do-i-bake-bread"))

    added = add(path, engine, Person("How do I bake bread?", None, None, None))

    assert added.id == "how-do-i-bake-bread-2"


@pytest.mark.parametrize("answers", range(7))
def test_a_person_who_leaves_writes_nothing(engine: QueryEngine, path: Path, answers: int) -> None:
    script = ["Who mediated the talks?", "yes", "Turkey.", "Turkey", "1", "fact", "id"]

    with pytest.raises(EOFError):
        add(path, engine, Person(*script[:answers]))

    assert not path.exists()


def test_a_damaged_file_is_refused_before_the_first_question(engine: QueryEngine, path: Path) -> None:
    path.parent.mkdir()
    path.write_text("{\n", encoding="utf-8")
    person = Person()

    with pytest.raises(CaseError, match="line 1: not JSON"):
        add(path, engine, person)

    assert person.asked == []
    assert path.read_text(encoding="utf-8") == "{\n"


# --- the file


@pytest.mark.parametrize(
    "held",
    [
        b"",
        b"\n",
        b"\xef\xbb\xbf",
        b'{"id": "x", "question": "Who?", "answerable": false}',
        b'{"id": "x", "question": "Who?", "answerable": false}\r\n',
        b'\xef\xbb\xbf{"answerable":false,"question":"Wer\xc3\xa9?","id":"x"}\n\n\n',
    ],
)
def test_what_a_file_holds_stays_byte_for_byte(tmp_path: Path, held: bytes) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_bytes(held)
    before = known_ids(path)

    append_case(path, case())

    content = path.read_bytes()
    assert content.startswith(held)
    assert content.endswith(b"\n" + case().to_line().encode() + b"\n") or not held.strip(b"\xef\xbb\xbf\n")
    assert known_ids(path) == before | {"a"}
    assert [p.name for p in tmp_path.iterdir()] == ["cases.jsonl"]


def test_a_file_keeps_its_mode_and_its_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.jsonl", tmp_path / "link.jsonl"
    real.write_bytes(b"")
    real.chmod(0o640)
    link.symlink_to(real)

    append_case(link, case())

    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == 0o640
    assert load_cases(real) == [case()]


def test_an_id_that_is_there_is_refused(path: Path) -> None:
    append_case(path, case())
    before = path.read_bytes()

    with pytest.raises(CaseError, match="holds the id 'a' already; choose another one"):
        append_case(path, case())

    assert path.read_bytes() == before


def test_a_file_that_cannot_be_written_stays_as_it_is(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append_case(path, case())
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(CaseError, match=re.escape(f"{path} cannot be written (No space left on device).")):
        append_case(path, case("b"))

    assert path.read_bytes() == before


def test_a_folder_is_no_file_of_cases(tmp_path: Path) -> None:
    with pytest.raises(CaseError, match=re.escape("cannot be read as cases (Is a directory)")):
        append_case(tmp_path, case())


def test_half_a_character_is_replaced(engine: QueryEngine, drafts: list[Case], path: Path) -> None:
    add(path, engine, Person("How do I bake \udcff?", "no", "\udcff", "a"))
    person = Person("edit", "Who \udcff?", "stop")
    accept(drafts, path, ask=person.ask, say=person.say)

    assert [(held.question, held.tags[0]) for held in load_cases(path)] == [
        ("How do I bake ??", "?"),
        ("Who ??", drafts[0].tags[0]),
    ]


def test_the_nearest_sentence_holds_most_of_the_words() -> None:
    sentences = [
        "A bridge.",
        "The old bridge was closed on Monday.",
        "The old bridge was closed on Monday at noon.",
    ]

    assert nearest_sentence("the OLD bridge was shut on Monday", sentences) == sentences[1]
    assert nearest_sentence("at noon, the old bridge", sentences) == sentences[2]
    assert nearest_sentence("bridge", []) == ""


@pytest.mark.parametrize(
    ("typed", "facts"),
    [
        ("", ()),
        (" , | ,", ()),
        ("Istanbul", (("Istanbul",),)),
        ("four | 4, Istanbul", (("four", "4"), ("Istanbul",))),
        ("1,200 | 1200, 3,5", (("1,200", "1200"), ("3",), ("5",))),
        ("6 and 7 November|November 6–7|", (("6 and 7 November", "November 6–7"),)),
    ],
)
def test_facts_are_typed_on_one_line(typed: str, facts: tuple[tuple[str, ...], ...]) -> None:
    assert facts_in(typed) == facts


# --- drafts


@pytest.fixture(name="drafts")
def drafts_fixture() -> list[Case]:
    return draft_cases(read_article(SEEDS / SECOND), limit=5)


def test_drafts_are_kept_edited_skipped_or_left(drafts: list[Case], path: Path) -> None:
    person = Person("k", "edit", "What did the minister see?", "sk", "s", "what?", "stop")

    kept = accept(drafts, path, ask=person.ask, say=person.say)

    assert [held.id for held in kept] == [drafts[0].id, drafts[1].id]
    assert kept[0] == drafts[0].model_copy(update={"tags": drafts[0].tags[:-1]})
    assert kept[1].question == "What did the minister see?"
    assert kept[1].must_include == drafts[1].must_include
    assert load_cases(path) == kept
    assert person.shown.count("Write keep, edit, skip or stop.") == 2
    assert person.shown[-1] == f"2 of 5 drafts are in {path}."
    assert person.shown[0] == f"\n1 of 5: {drafts[0].question}"
    assert f"  in {SECOND}: “{drafts[0].expected_sources[0][0].quote}”" in person.shown


def test_an_empty_edit_keeps_the_question(drafts: list[Case], path: Path) -> None:
    person = Person("e", " ", "stop")

    (kept,) = accept(drafts, path, ask=person.ask, say=person.say)

    assert kept.question == drafts[0].question


def test_the_rest_can_be_done_another_day(drafts: list[Case], path: Path) -> None:
    with pytest.raises(EOFError):
        accept(drafts, path, ask=(leaves := Person(None, None)).ask, say=leaves.say)
    assert [held.id for held in load_cases(path)] == [draft.id for draft in drafts[:2]]

    person = Person(None, "skip", None)
    kept = accept(drafts, path, ask=person.ask, say=person.say)

    assert person.asked == [("This one (keep/edit/skip/stop)", "keep")] * 3
    assert [held.id for held in kept] == [drafts[2].id, drafts[4].id]
    assert not any("draft" in json.loads(line)["tags"] for line in path.read_text("utf-8").splitlines())


def test_no_draft_can_drive_the_terminal(path: Path) -> None:
    draft = Case(id="a", question="Who\x1b[2J?", answerable=True, expected_answer="\x07", tags=("draft",))
    person = Person("skip")

    accept([draft], path, ask=person.ask, say=person.say)

    assert not re.search(r"[\x00-\x09\x0b-\x1f]", "".join(person.shown))
    assert not path.exists()
