from __future__ import annotations

import math

import pytest

from rag.coverage import wanted_terms
from tests.readings import Vocabulary

WORDS = Vocabulary({"talks": 9, "doha": 1})


def test_a_rare_word_of_the_question_counts_more() -> None:
    wanted = wanted_terms("What of the Doha talks?", WORDS)
    rare, common = math.log(1 + 10 / 1.5), math.log(1 + 10 / 9.5)

    assert wanted.rarities == {"doha": rare, "talks": common}
    assert wanted.share({"doha", "other"}) == pytest.approx(rare / (rare + common))
    assert wanted.share({"doha", "talks"}) == 1
    assert wanted.share([]) == 0


def test_of_a_question_without_a_term_nothing_is_held() -> None:
    assert wanted_terms("", WORDS).share({"doha"}) == 0
