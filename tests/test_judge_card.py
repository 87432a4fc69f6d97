from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evals.judge_card import (
    Label,
    LabelledClaim,
    agreement,
    calibrate,
    kappa,
    load_claims,
    load_expertqa,
    load_wice,
    sample,
)
from rag.cards import Agreement, JudgeCard, JudgeCardError, corrected, load_card, save_card
from rag.judging import Judge, Judgement, load_judge
from rag.settings import Settings
from tests.openai_server import Handler, Json, OpenAIServer, error, reply

EVIDENCE = "The bridge over the river was closed on Monday after heavy rain."
NEAR, FAR = "The bridge was closed on Monday.", "Ministers resigned over taxes."


def claim(number: int, label: Label, text: str = NEAR, *, of: str = "a") -> LabelledClaim:
    return LabelledClaim(f"{of}{number}", of, text, EVIDENCE, label)


def pairs(*told: tuple[Label, str, str]) -> list[tuple[LabelledClaim, Judgement]]:
    return [
        (claim(number, label, text), Judgement(verdict, (verdict,)))
        for number, (label, verdict, text) in enumerate(told)
    ]


TEN = pairs(
    ("full", "full", NEAR),
    ("full", "full", NEAR),
    ("full", "full", NEAR),
    ("full", "partial", FAR),
    ("partial", "full", NEAR),
    ("partial", "partial", FAR),
    ("none", "none", FAR),
    ("none", "none", FAR),
    ("none", "contradicts", NEAR),
    ("none", "full", NEAR),
)
"""People find 4 full, 2 partial, 4 none; the judge calls 5 full, of which 3 are."""


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


def judge_at(server: OpenAIServer, folder: Path, *, repeats: int = 1) -> Judge:
    settings = Settings(judge="openai:strict/v1", judge_base_url=server.url)
    return load_judge(settings, cache=folder / "replies.jsonl", repeats=repeats)


# --- agreement


def test_agreement_is_as_worked_out_by_hand() -> None:
    measured = agreement(TEN)

    assert measured.model_dump(exclude={"low", "high"}) == {
        "n": 10,
        "unscored": {},
        "balanced_accuracy": pytest.approx((3 / 4 + 4 / 6) / 2),
        "kappa": pytest.approx((0.7 - 0.36) / (1 - 0.36)),
        "full_found": 3 / 4,
        "full_invented": pytest.approx(2 / 6),
        "false_support_rate": 1 / 4,
        "self_consistency": None,
        "word_overlap": pytest.approx((3 / 4 + 3 / 6) / 2),
    }
    # Wilson gives [.3006, .9544] for 3 of 4 and [.0968, .7000] for 2 of 6.
    assert measured.low == pytest.approx(0.7083 - (0.4494**2 + 0.3667**2) ** 0.5 / 2, abs=1e-3)
    assert measured.high == pytest.approx(0.7083 + (0.2044**2 + 0.2365**2) ** 0.5 / 2, abs=1e-3)


def test_what_was_not_judged_is_left_out_and_counted() -> None:
    lost = [
        (claim(20, "full"), Judgement(None, reason="its reply names no verdict")),
        (claim(21, "none"), Judgement(None, reason="its reply names no verdict")),
    ]

    with_lost = agreement([*TEN, *lost])

    assert with_lost.unscored == {"its reply names no verdict": 2}
    assert with_lost.model_dump(exclude={"unscored"}) == agreement(TEN).model_dump(exclude={"unscored"})


def test_what_no_claim_can_show_is_none() -> None:
    only_full = agreement(pairs(("full", "full", NEAR)))

    assert (only_full.n, only_full.full_found) == (1, 1.0)
    shown = only_full.model_dump(exclude={"n", "unscored", "full_found"})
    assert set(shown.values()) == {None}


def test_self_consistency_is_the_mean_share_of_agreeing_repeats() -> None:
    judgements = [Judgement("full", ("full", "full", "none")), Judgement("none", ("none",) * 3)]

    measured = agreement([(claim(n, "full"), judgement) for n, judgement in enumerate(judgements)])

    assert measured.self_consistency == pytest.approx((2 / 3 + 1) / 2)


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        ("aabb", "aabb", 1.0),
        ("aabb", "bbaa", -1.0),
        ("aabb", "abab", 0.0),
        ("aaab", "aaaa", 0.0),
        ("aaaa", "aaaa", None),
        ("", "", None),
    ],
)
def test_kappa_is_agreement_beyond_chance(first: str, second: str, value: float | None) -> None:
    assert kappa(first, second) == value


def card_of(**overall: Any) -> JudgeCard:
    measured = agreement(TEN).model_copy(update=overall)
    return JudgeCard(
        model="m", prompt="p", repeats=1, date="2026-01-01", overall=measured, sets={"a": measured}
    )


@pytest.mark.parametrize(
    ("observed", "rates", "value"),
    [
        (0.5, (0.75, 0.25), 0.5),
        (0.6, (0.9, 0.1), 0.625),
        (0.2, (0.75, 0.25), 0.0),
        (0.9, (0.75, 0.25), 1.0),
        (0.5, (0.5, 0.5), None),
        (0.5, (0.4, 0.6), None),
        (0.5, (None, 0.1), None),
    ],
)
def test_a_share_is_corrected_for_the_judges_errors(
    observed: float, rates: tuple[float | None, float], value: float | None
) -> None:
    found, invented = rates
    card = card_of(full_found=found, full_invented=invented)

    assert corrected(observed, card) == card.corrected(observed) == pytest.approx(value)


def test_a_good_card_says_how_far_the_judge_agrees() -> None:
    card = card_of(low=0.42, high=0.86)

    assert card.warning == ""
    assert card.trust == (
        "agrees with people on 10 claims: balanced accuracy 0.71 [0.42, 0.86], kappa 0.53, "
        "false support 0.25; word overlap 0.62"
    )
    told = card.to_dict()
    assert (told["model"], told["balanced_accuracy"], told["trust"]) == (
        "m",
        card.overall.balanced_accuracy,
        card.trust,
    )
    assert told["sets"]["a"]["n"] == 10
    json.dumps(told)


@pytest.mark.parametrize(
    ("overall", "fault"),
    [
        ({"balanced_accuracy": 0.69}, "balanced accuracy 0.69 is below 0.70"),
        ({"false_support_rate": 0.26}, "false support 0.26 is above 0.25"),
        ({"word_overlap": 0.75}, "it is no better than word overlap (0.75)"),
        ({"balanced_accuracy": None}, "its balanced accuracy is not known"),
        (
            {"balanced_accuracy": 0.5, "false_support_rate": 1.0},
            (
                "balanced accuracy 0.50 is below 0.70; it is no better than word overlap (0.62); "
                "false support 1.00 is above 0.25"
            ),
        ),
    ],
)
def test_a_bad_card_says_not_to_be_trusted(overall: dict[str, float | None], fault: str) -> None:
    card = card_of(**overall)

    assert card.trust == card.warning == f"not to be trusted: {fault}"


# --- claims


def write(path: Path, *rows: object, zipped: bool = False) -> Path:
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(content) if zipped else content)
    return path


WICE = {
    "label": "partially_supported",
    "supporting_sentences": [[2], [0, 2]],
    "claim": "The bridge was closed on Monday by the mayor.",
    "evidence": [
        "It rained.",
        "word " * 380,
        "The bridge was closed.",
        "Subscribe now. " * 50,
        "A mayor and a bridge.",
    ],
    "meta": {"id": "dev1"},
}
"""Sentences 0 and 2 are chosen, 4 shares words, and 1 fills what is left of 400 words to the brim."""


def test_wice_is_read_with_an_excerpt_that_holds_what_people_chose(tmp_path: Path) -> None:
    path = write(tmp_path / "claims", WICE)

    (read,) = load_wice(path)

    evidence = "It rained.\n" + "word " * 380 + "\nThe bridge was closed.\nA mayor and a bridge."
    assert read == LabelledClaim("dev1", "wice", str(WICE["claim"]), evidence, "partial")
    assert load_claims(path) == load_wice(write(tmp_path / "claims.gz", WICE, zipped=True)) == [read]


def expert(text: str, support: str | None, *evidence: str) -> Json:
    return {"claim_string": text, "support": support, "evidence": evidence}


EXPERTQA = {
    "question": "Is it closed?",
    "answers": {
        "bing": {
            "claims": [
                expert("It is closed [1].", "Complete", "[1] https://a.b/c\n\nIt is\n\nclosed.", "More."),
                expert("It rains [2].", "Incomplete", "[2] https://a.b/c\n\nSun."),
                expert("An address only [3].", "Complete", "[3] https://a.b/c"),
                expert("No evidence.", "Missing"),
                expert("No label.", None, "Text."),
            ]
        }
    },
}


def test_of_expertqa_what_has_a_label_and_a_text_is_read(tmp_path: Path) -> None:
    path = write(tmp_path / "answers.jsonl", EXPERTQA)

    read = load_expertqa(path)

    assert [each[1:] for each in read] == [
        ("expertqa", "It is closed.", "It is\n\nclosed.\n\nMore.", "full"),
        ("expertqa", "It rains.", "Sun.", "none"),
    ]
    assert len({each.id for each in read}) == 2
    assert load_claims(path) == read


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\n{", r"line 2: no claim of WiCE .*; give the file of WiCE as JSON lines"),
        (b'{"claim": "x"}', "line 1: no claim of WiCE"),
        (json.dumps({**WICE, "label": "maybe"}).encode(), "line 1: no claim of WiCE .*maybe"),
        (b"[]", "line 1: no claim of WiCE"),
        (b"\x1f\x8bno", "cannot be read"),
        (b"\xff", "cannot be read"),
    ],
)
def test_a_file_that_is_none_is_refused_with_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "claims.jsonl"
    path.write_bytes(content)

    with pytest.raises(JudgeCardError, match=said):
        load_claims(path)
    with pytest.raises(JudgeCardError, match="cannot be read"):
        load_claims(tmp_path / "none")


def test_a_sample_takes_labels_in_turn_and_is_the_same_every_time() -> None:
    many = [claim(n, "full") for n in range(50)]
    few = [claim(n, "partial") for n in range(50, 80)]
    rare = [claim(n, "none") for n in range(80, 83)]
    other = [claim(n, "full", of="b") for n in range(5)]
    claims = [*many, *few, *rare, *other]

    twenty = sample(claims, 20)

    assert Counter((c.set, c.label) for c in twenty) == {
        ("a", "full"): 9,
        ("a", "partial"): 8,
        ("a", "none"): 3,
        ("b", "full"): 5,
    }
    assert sample(claims[::-1], 20)[5:] == [c for c in twenty if c.set == "a"]
    assert set(sample(claims, 10)) < set(twenty)
    assert [c.id for c in twenty if c.label == "full" and c.set == "a"] != [c.id for c in many[:9]]


# --- a judge


def says_what_it_reads(handler: Handler, body: Json) -> None:
    """Call full what says Monday."""
    statement = body["messages"][1]["content"].split("<cited>")[0]
    reply("FULL" if "Monday" in statement else "NONE")(handler, body)


def test_a_judge_is_measured_on_each_set_and_on_all(server: OpenAIServer, tmp_path: Path) -> None:
    server.will(says_what_it_reads)
    right = [claim(0, "full"), claim(1, "none", FAR)]
    half = [claim(0, "full", FAR, of="b"), claim(1, "none", of="b"), claim(2, "partial", FAR, of="b")]
    judge = judge_at(server, tmp_path, repeats=2)
    done: list[int] = []

    card = calibrate(judge, [*right, *half], progress=lambda n, _, __: done.append(n))

    assert (card.model, card.repeats, card.prompt) == ("strict/v1", 2, judge.prompts["judge_support"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", card.date)
    assert done == [1, 2, 3, 4, 5]
    accuracy = {name: one.balanced_accuracy for name, one in card.sets.items()}
    assert accuracy == {"a": 1.0, "b": 0.25}
    assert (card.overall.n, card.overall.self_consistency) == (5, 1.0)
    assert card.overall.balanced_accuracy == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert card.overall.false_support_rate == 0.5


def test_without_a_single_judgement_there_is_no_card(server: OpenAIServer, tmp_path: Path) -> None:
    server.will(error(401))
    with pytest.raises(JudgeCardError, match=r"No claim was judged, .*refused the key \(401\); check OPENAI"):
        calibrate(judge_at(server, tmp_path), [claim(0, "full")])
    with pytest.raises(JudgeCardError, match="there are no claims"):
        calibrate(judge_at(server, tmp_path), [])


# --- files


def test_a_card_is_found_by_model_and_prompt(tmp_path: Path) -> None:
    card = card_of().model_copy(update={"model": "org/strict:8b"})
    folder = tmp_path / "cards"

    path = save_card(card, folder)

    assert path.parent == folder
    assert load_card(folder, "org/strict:8b", "p") == card
    assert load_card(folder, "org-strict-8b", "p") is None
    assert load_card(folder, "org/strict:8b", "q") is None
    assert load_card(tmp_path / "none", "m", "p") is None


def test_a_damaged_card_and_a_folder_that_is_a_file_are_said(tmp_path: Path) -> None:
    path = save_card(card_of(), tmp_path)
    path.write_text("{}")

    with pytest.raises(JudgeCardError, match="make it again with `rag eval judge-card`"):
        load_card(tmp_path, "m", "p")
    with pytest.raises(JudgeCardError, match="cannot be written"):
        save_card(card_of(), path)


def test_a_card_keeps_what_it_holds(tmp_path: Path) -> None:
    assert set(Agreement.model_fields) <= set(card_of().to_dict())
