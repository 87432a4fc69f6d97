from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag import ordinary
from rag.facts import hard_facts, missing_facts, normalise
from rag.sentences import sentence_spans
from tests.conftest import SEEDS

TALKS = (
    "The talks in Istanbul (November 6–7), mediated by Turkey and Qatar, collapsed. Afghan officials said "
    "four civilians were killed and twenty-five wounded; 1,200 families fled, about 12% of the district, "
    "and $2.5 million was spent. Asif called it a “complete deadlock” that “reached an uncertain stage "
    "with no results.” The Tehrik-i-Taliban Pakistan (TTP) and the U.N. did not comment. President Erdoğan "
    "spoke to us on the 8th."
)


def missing(sentence: str, source: str = TALKS) -> list[str]:
    return [fact.text for fact in missing_facts(sentence, [source])]


@pytest.mark.parametrize(
    "sentence",
    [
        "Turkey and Qatar mediated the talks on 6 and 7 November.",
        "The talks took place on November 7.",
        "They met on the 6th of November, in Istanbul.",
        "On 7 Nov. they ended.",
        "4 civilians died and 25 were hurt.",
        "Twenty five people were wounded.",
        "1200 families fled, 12 percent of the district.",
        "It cost $2,500,000.",
        "It cost 2,5 million dollars.",
        'Asif called it a "complete deadlock".',
        "Asif spoke of 'complete deadlock' in the talks.",
        "Asif said it had “reached … no results.”",
        'Asif said it had "reached [a] stage with no results."',
        'Asif said it had reached "an uncertain stage.',
        'uncertain stage with no results," Asif said.',
        "Pakistan's Taliban, the Tehrik-i-Taliban, kept silent.",
        "The T.T.P. and the UN kept silent.",
        "The United Nations kept silent.",
        "Taliban-led groups kept silent.",
        "Erdogan spoke on 8 occasions.",
        "Turkish and Qatari mediators met Afghans.",
        "Negotiations ended without agreement.",
        'Disagreements remained, officials said. "Complete deadlock," said Asif.',
        "Meanwhile, both sides blamed each other.",
        "One of them spoke first.",
        "1. Turkey mediated.",
        "Don't ask Asif.",
        "TURKEY AND QATAR MEDIATED",
    ],
)
def test_what_the_source_holds_is_not_missing(sentence: str) -> None:
    assert missing(sentence) == []


@pytest.mark.parametrize(
    ("sentence", "absent"),
    [
        ("Erdogan and Macron mediated the talks.", ["Macron"]),
        ("Macron mediated the talks.", ["Macron"]),
        ("Italy mediated the talks.", ["Italy"]),
        ("Beijing mediated the talks.", ["Beijing"]),
        ("Bush mediated the talks.", ["Bush"]),
        ("The US mediated the talks.", ["US"]),
        ("The WHO mediated the talks.", ["WHO"]),
        ("The talks were in May.", ["May"]),
        ("Anti-Kremlin forces met.", ["Kremlin"]),
        ("It was an anti-Kremlin meeting.", ["Kremlin"]),
        ("The iPhone was there.", ["iPhone"]),
        ("The B.B.C. was there.", ["BBC"]),
        ("Nigerian officials met.", ["Nigerian"]),
        ("They met on 8 November.", ["8 November"]),
        ("They met on December 6.", ["6 December"]),
        ("They met on 2025-11-09.", ["9 November", "2025"]),
        ("Five civilians were killed.", ["Five"]),
        ("6 million families fled.", ["6 million"]),
        ("2 families fled.", ["2"]),
        ("It cost $3bn.", ["3bn"]),
        ("It cost a million.", ["million"]),
        ("A hundred and five thousand fled.", ["hundred", "five thousand"]),
        ("13% of the district fled.", ["13"]),
        ("Asif called it a “total disaster”.", ["total disaster"]),
        ("Asif called it a ‘total disaster’.", ["total disaster"]),
        ("Asif called it 'a total disaster'.", ["a total disaster"]),
        ("Asif said it had “no results … complete deadlock”.", ["no results … complete deadlock"]),
        ('Asif said: "We will fight', ["We will fight"]),
        ('we will fight," Asif said.', ["we will fight,"]),
        ("“We will fight. ”", ["We will fight."]),
        ("we will fight” and “complete deadlock”", ["we will fight"]),
        ("Asif said «we will fight».", ["we will fight"]),
        ("Asif said „we will fight“ to us.", ["we will fight"]),
        ('Asif said "deadloc".', ["deadloc"]),
    ],
)
def test_what_is_invented_is_missing_as_the_sentence_writes_it(sentence: str, absent: list[str]) -> None:
    assert missing(sentence) == absent


@pytest.mark.parametrize(
    ("sentence", "source"),
    [
        ("The US and America agreed.", "The United States agreed."),
        ("The United States agreed.", "U.S. officials agreed."),
        ("American officials agreed.", "The USA agreed."),
        ("In May they met.", "They met in May."),
        ("Will spoke.", "Then Will Smith spoke."),
        ("It was 120 people.", "It was one hundred and twenty people."),
        ("It was 24 people.", "It was two dozen people."),
        ("It was 100 to 200.", "It was between one hundred and two hundred."),
        ("It was 1\u00a0200\u202f000 people.", "It was 1,200,000 people."),
        ("It was 1'200 people.", "It was 1200 people."),
        ("It was ٣ people.", "It was 3 people."),
        ("It was the 21st.", "It was the twenty-first."),
        ("In the 1990s it grew.", "Between 1990 and 1999 it grew."),
        ('A 6" gun.', "It has a barrel of 6 inches."),
        ("It costs 5bn.", "It costs five billion."),
        ("On 9/11 they met.", "9/11 changed it."),
        ("On Sept. 11, 2001 they met.", "It was 11 September 2001."),
        ("It was 2025-11-07.", "It was 7 November 2025."),
        ("Yildirim and Lodz.", "Yıldırım was in Łódź."),
        ("He met O’Brien.", "Here is O'Brien."),
        ("Co\u00adoperation by Anna.", "ANNA saw cooperation."),
    ],
)
def test_two_spellings_of_a_fact_are_one(sentence: str, source: str) -> None:
    assert missing(sentence, source) == []


def test_two_sources_together_may_hold_a_sentence() -> None:
    assert missing_facts("Turkey paid 5 euros.", ["Turkey paid.", "It was 5 euros."]) == []
    assert [f.key for f in missing_facts("Turkey paid 5 euros.", [])] == ["5", "turkey"]


def test_pronouns_do_not_hold_the_names_that_they_look_like() -> None:
    assert missing("The US said so.", "They told us so; it may rain, and he will go.") == ["US"]
    assert missing("In May Will said so.", "They told us so; it may rain, and he will go.") == ["May", "Will"]


def test_each_fact_is_told_once() -> None:
    facts = [(fact.kind, fact.text) for fact in hard_facts("Asif met Asif on 6 May 2020, 6 May and 7 times.")]
    assert facts == [("date", "6 May"), ("number", "2020"), ("number", "7"), ("name", "Asif")]


def test_like_words_are_normalised_alike() -> None:
    assert normalise(" “Café”  d’Été – 2 ") == '"cafe" d\'ete - 2'


@pytest.mark.parametrize("path", sorted(SEEDS.glob("*.txt")), ids=lambda path: str(path.stem))
def test_every_sentence_of_an_article_is_held_by_its_article(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    sentences = [text[span.start : span.end] for span in sentence_spans(text)]
    assert len(sentences) > 5
    assert {s: missing(s, text) for s in sentences} == {s: [] for s in sentences}


_FRAGMENTS = st.sampled_from(
    "the Asif May 7 November 6– Nov. 1,200 2.5 million hundred and twenty -five U.S. US us ' \" “ ” ‘ ’ … "
    "[x] Café é ﬁ İ ß ŉ ٣ ² ½ . , : - 2025-11-07 12th bn k 1. « » „ don't O'Brien \u00ad \u0301".split(" ")
)
_MIXED = st.lists(_FRAGMENTS | st.sampled_from([" ", " ", "\n", "\u00a0"]), max_size=25).map("".join)


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=80) | _MIXED)
def test_a_sentence_holds_its_own_facts(sentence: str) -> None:
    assert missing_facts(sentence, [sentence]) == []


@pytest.mark.parametrize(
    "piece", ["“", '"', "A.", "one ", "7-", "[.", "x", "7 and ", "'aa'b' ", "May 7 ", "“a"]
)
def test_time_grows_with_length_only(piece: str) -> None:
    text = (piece * (100_000 // len(piece)))[:100_000]
    started = time.process_time()
    missing_facts(text, [text])
    assert time.process_time() - started < 5


def test_without_the_corpus_every_unlisted_opener_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ordinary._seen_in_lower_case_only.cache_clear()
    monkeypatch.setattr(ordinary, "_PUNKT", "nowhere")
    try:
        assert missing("Negotiations ended.") == ["Negotiations"]
    finally:
        ordinary._seen_in_lower_case_only.cache_clear()
