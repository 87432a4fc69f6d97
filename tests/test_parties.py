from __future__ import annotations

import pytest

from rag.parties import country, main_parties, named_countries

STORY = "Oslo accused Stockholm. Norway spoke; Swedish ships left. Norwegians waited, and Sweden denied it."


@pytest.mark.parametrize(
    ("word", "same"),
    [
        ("Oslo", "Norwegian"),
        ("Turkish", "Ankara"),
        ("Afghans", "Kabul"),
        ("US", "Washington"),
        ("Taliban", "Kabul"),
    ],
)
def test_a_country_its_people_and_its_capital_are_one(word: str, same: str) -> None:
    assert country(word) == country(same) is not None


def test_other_words_name_no_country() -> None:
    assert country("talks") is None


def test_the_two_sides_are_the_countries_named_most() -> None:
    assert main_parties([STORY, "Finland watched."]) == ["Norway", "Sweden"]


def test_a_name_that_only_holds_another_is_no_side() -> None:
    assert named_countries("The Tehrik-i-Taliban Pakistan left.") == [("pakistan", "Pakistan")]


def test_without_two_clear_sides_there_are_none() -> None:
    assert main_parties([STORY, "Finland and Helsinki watched."]) == []
    assert main_parties(["Norway spoke. Norway left. Oslo slept. Sweden waited."]) == []
