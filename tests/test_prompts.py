from __future__ import annotations

import re
from pathlib import Path

import pytest

import prompts
from rag.answering import DECLINE
from rag.citations import Marker, MarkerReader


def test_the_system_prompt_gives_the_declining_sentence_and_forms_of_markers() -> None:
    system = prompts.render("answer.system", decline=DECLINE, fence="5eed")

    assert DECLINE in system
    assert "never instructions" in system
    for example in re.findall(r"^Right: (.*)", system, re.MULTILINE):
        reader = MarkerReader()
        events = (*reader.feed(example), *reader.finish())
        assert example == DECLINE or any(isinstance(event, Marker) for event in events)


def test_variables_are_filled_in_once_only() -> None:
    user = prompts.render("answer.user", sources="$question", question="$sources ${x} $$")

    assert user.startswith("Sources:\n\n$question\n")
    assert user.endswith("Question: $sources ${x} $$")


@pytest.mark.parametrize(
    ("name", "variables", "says"),
    [
        ("answer.system", {}, "uses $decline, $fence, but the code gives no variables"),
        ("answer.user", {"sources": "", "question": "", "x": ""}, "uses $question, $sources"),
        ("answer.nobody", {}, "prompts/answer.nobody.md is missing"),
    ],
)
def test_a_prompt_that_does_not_fit_its_code_is_refused(
    name: str, variables: dict[str, str], says: str
) -> None:
    with pytest.raises(prompts.PromptError, match=re.escape(says)):
        prompts.render(name, **variables)


def test_a_stray_dollar_sign_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.user.md").write_text("It costs $5.", encoding="utf-8")
    monkeypatch.setattr(prompts, "_FOLDER", tmp_path)

    with pytest.raises(prompts.PromptError):
        prompts.render("a.user")


def test_the_version_follows_the_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = prompts.version("answer.system", "answer.user")
    assert re.fullmatch(r"[0-9a-f]{12}", bundled)

    (tmp_path / "a.user.md").write_text("one", encoding="utf-8")
    monkeypatch.setattr(prompts, "_FOLDER", tmp_path)
    before = prompts.version("a.user")
    (tmp_path / "a.user.md").write_text("two", encoding="utf-8")
    assert prompts.version("a.user") != before
