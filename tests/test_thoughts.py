from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.errors import LLMError
from rag.thoughts import spoken


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("<think>Hm. [1]</think>Yes. [1]", "Yes. [1]"),
        ("<think>\nHm.\n</think>\n\nYes.", "\n\nYes."),
        ("<THINK>a</THINK>b<thinking>c</thinking>d", "bd"),
        ("[THINK]a[/THINK]b [1]", "b [1]"),
        ("<think></think>b", "b"),
        ("<think>a<think>b</think>c", "c"),
        ("1 < 2, <thin> and [th", "1 < 2, <thin> and [th"),
        ("a <thi", "a <thi"),
        ("", ""),
    ],
)
def test_what_is_thought_is_not_said_however_it_is_cut(text: str, said: str) -> None:
    for size in (1, 2, 3, 7, 1000):
        pieces = (text[n : n + size] for n in range(0, len(text), size))
        assert "".join(spoken(pieces)) == said


_WORDS = st.lists(st.sampled_from(["word. ", "<", "</", "[1]", "th", "[", "\n"]), max_size=5).map("".join)
_TAGS = st.sampled_from([("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]")])


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(_WORDS, _TAGS, _WORDS), max_size=4), st.integers(1, 9))
def test_all_that_is_said_and_nothing_that_is_thought_comes_through(
    parts: list[tuple[str, tuple[str, str], str]], size: int
) -> None:
    text = "".join(f"{said}{opening}{thought}{closing}" for said, (opening, closing), thought in parts)
    pieces = (text[n : n + size] for n in range(0, len(text), size))
    assert "".join(spoken(pieces)) == "".join(said for said, _, _ in parts)


def test_before_a_closing_tag_without_an_opening_one_all_is_thought() -> None:
    assert list(spoken(["Hm. Well.</think>Yes."])) == ["Yes."]
    with pytest.raises(LLMError, match="it thought aloud"):
        list(spoken(["Hm. ", "Well.</think>", "Yes."]))


@pytest.mark.parametrize("pieces", [["<think>"], ["Yes. <think>and"], ["<think>a</think><think>b</thin"]])
def test_a_thought_without_an_end_is_no_answer(pieces: list[str]) -> None:
    with pytest.raises(LLMError, match="did not come to an end of its reasoning"):
        list(spoken(pieces))
