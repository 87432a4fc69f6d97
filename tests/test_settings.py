from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from rag.errors import UsageError
from rag.settings import Settings, load_settings


def test_variables_and_keywords_are_read_and_keywords_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TOP_K", "5")
    monkeypatch.setenv("rag_candidates", "70")
    monkeypatch.setenv("RAG_INDEX", "/tmp/somewhere")
    monkeypatch.setenv("OPENAI_API_KEY", "secret")

    settings = load_settings(top_k=None, index="here")

    assert (settings.top_k, settings.candidates, settings.index) == (5, 70, Path("here"))
    assert load_settings(top_k=7).top_k == 7
    assert settings.openai_api_key is not None
    assert settings.openai_api_key.get_secret_value() == "secret"
    assert "secret" not in repr(settings)


def test_empty_variables_are_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_TOP_K", "")
    monkeypatch.setenv("RAG_LLM", "")
    monkeypatch.setenv("RAG_NO_SUCH", "")

    assert load_settings() == Settings()


@pytest.mark.parametrize("name", ["RAG_TOPK", "rag_topk"])
def test_a_misspelt_variable_is_refused_with_a_hint(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "5")

    with pytest.raises(UsageError, match=rf"Unknown setting {name} in the environment\. .*RAG_TOP_K\?"):
        load_settings()


def test_a_variable_like_no_other_is_refused_with_the_known_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_ZZZZZZZZ", "5")

    with pytest.raises(UsageError, match="Known: RAG_CANDIDATES, RAG_EMBEDDING"):
        load_settings()


def test_a_misspelt_keyword_is_refused_with_a_hint() -> None:
    with pytest.raises(UsageError, match=r"Unknown setting topk\. Did you mean top_k\?"):
        load_settings(topk=5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RAG_TOP_K", "0"),
        ("RAG_TOP_K", "101"),
        ("RAG_TOP_K", "many"),
        ("RAG_PASSAGE_TOKENS", "512"),
        ("RAG_EMBEDDING", "word2vec"),
        ("RAG_LLM", "gpt-5"),
        ("RAG_LLM_TIMEOUT", "nan"),
        ("RAG_EMBEDDING_BACKEND", "torch"),
    ],
)
def test_a_value_out_of_bounds_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)

    with pytest.raises(UsageError, match=rf"^{name}: .*got '{value}'"):
        load_settings()


def test_settings_are_frozen_and_a_dotenv_file_is_not_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("RAG_TOP_K=3\n")
    monkeypatch.chdir(tmp_path)

    settings = load_settings()

    assert settings.top_k == 8
    with pytest.raises(ValidationError):
        settings.top_k = 3  # type: ignore[misc]  # what is shown to fail
