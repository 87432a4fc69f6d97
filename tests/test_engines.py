from __future__ import annotations

from pathlib import Path

import pytest
from llama_index.core.llms import MockLLM

from evals.cases import SEEDS
from evals.engines import SEED_ARTICLES, default_articles, open_of, open_over, settings_of
from evals.sets import SETS
from rag.articles import uri_of
from rag.errors import UsageError
from rag.settings import Settings
from tests.fake_engines import ARTICLES, KILLED, LEFT, TALKS

# --- settings


def test_settings_come_from_the_environment_then_from_texts_then_from_keywords(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RAG_TOP_K", "3")
    monkeypatch.setenv("RAG_CANDIDATES", "20")

    assert settings_of([]) == Settings(top_k=3, candidates=20)
    assert settings_of(["top_k=4", " RAG_Passage_Tokens = 128 "]) == Settings(
        top_k=4, candidates=20, passage_tokens=128
    )
    assert settings_of(["top_k=4"], top_k=5, index=None).top_k == 5


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("top_k", "--set top_k: write name=value, such as top_k=4."),
        ("=4", "--set =4: write name=value, such as top_k=4."),
        ("top_k=", "--set top_k=: write name=value, such as top_k=4."),
        ("topk=4", "Unknown setting topk. Did you mean top_k"),
        ("top_k=many", "RAG_TOP_K: Input should be a valid integer"),
        ("top_k=0", "RAG_TOP_K: Input should be greater than or equal to 1"),
    ],
)
def test_what_is_no_setting_is_refused(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=told.replace("(", r"\(")):
        settings_of([text])


# --- which articles


def test_the_built_in_cases_ask_over_the_seeds_and_others_over_what_is_named(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"

    assert default_articles([SEEDS], [], None) == [SEED_ARTICLES]
    assert default_articles([SEEDS], [], tmp_path) == []
    assert default_articles([SEEDS], [tmp_path], None) == [tmp_path]
    assert default_articles([own], [], None) == []
    assert default_articles([SEEDS, own], [], None) == []
    assert default_articles([own], [tmp_path], None) == [tmp_path]
    for each in SETS.values():
        assert default_articles(each.files[::-1], [], None) == [each.articles]
    assert default_articles(SETS["stories"].files[:1], [], None) == []


def test_articles_and_an_index_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Name articles or an index, not both"):
        default_articles([SEEDS], [tmp_path], tmp_path)


def test_seeds_that_are_not_installed_are_named_as_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(SETS, "seeds", SETS["seeds"]._replace(articles=tmp_path / "none"))

    with pytest.raises(UsageError, match=r"articles of the set seeds are not .*; name yours with --articles"):
        default_articles([SEEDS], [], None)


# --- opening


def test_an_index_over_files_is_kept_and_brought_up_to_date(tmp_path: Path) -> None:
    folder, home = tmp_path / "news", tmp_path / "home"
    folder.mkdir()
    (folder / "a.txt").write_text(LEFT)
    (folder / "b.txt").write_text(KILLED)
    first, report = open_over([folder], Settings(), home=home)
    first.close()
    (folder / "b.txt").unlink()
    (folder / "c.txt").write_text(KILLED)
    told: list[tuple[int, int, str]] = []
    again, second = open_over([folder], Settings(), home=home, progress=lambda *step: told.append(step))

    with again:
        assert len(report.added) == 2
        assert (second.added, second.removed, second.unchanged) == (
            [uri_of(folder / "c.txt")],
            [uri_of(folder / "b.txt")],
            [uri_of(folder / "a.txt")],
        )
        assert again.settings.index == first.settings.index == again.index.folder
        assert again.settings.index.parent == home / "indexes"
        assert [step[:2] for step in told][-1] == (2, 2)
        assert "7 November" in again.query("When did the delegation leave Istanbul?").text


def test_other_articles_or_passages_have_an_index_of_their_own(tmp_path: Path) -> None:
    made = [
        open_of(articles, settings, home=tmp_path)
        for articles, settings in (
            (ARTICLES, Settings()),
            (ARTICLES, Settings(top_k=2)),
            (ARTICLES, Settings(passage_tokens=32)),
            (ARTICLES[:1], Settings()),
        )
    ]
    folders = [engine.settings.index for engine in made]

    assert folders[0] == folders[1]
    assert len(set(folders)) == 3
    assert [engine.index.catalogue.entries()[0].uri for engine in made[3:]] == [TALKS.uri]
    for engine in made:
        engine.close()


def test_a_model_may_be_given(tmp_path: Path) -> None:
    llm = MockLLM()

    with open_of(ARTICLES, Settings(), home=tmp_path, llm=llm) as engine:
        assert engine.llm is llm
