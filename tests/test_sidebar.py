from __future__ import annotations

import base64
import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from pydantic import SecretStr
from streamlit.testing.v1 import AppTest

from rag.errors import LLMError
from rag.probing import probe
from rag.settings import Settings
from tests.conftest import ROOT
from tests.openai_server import OpenAIServer, error, reply
from tests.test_ui import ask, drawn
from ui.choices import Choices
from ui.server import policy

KEY = "sk-typed-into-this-window"


@pytest.fixture
def page(seeds_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[AppTest]:
    shutil.copytree(seeds_index, tmp_path / "seeds")  # conversations are kept beside it
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "seeds"))
    yield AppTest.from_file(str(ROOT / "ui" / "app.py"), default_timeout=20)
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as opened:
        yield opened


def links(page: AppTest) -> list[Any]:
    return list(page.sidebar.get("page_link"))


def use_model(page: AppTest, server: OpenAIServer) -> AppTest:
    page.radio(key="setting-kind").set_value("Let a model write").run()
    page.text_input(key="setting-model").set_value("tiny")
    page.text_input(key="setting-base-url").set_value(server.url)
    return page.text_input(key="setting-key").set_value(KEY).run()


def test_a_window_without_a_model_says_so_and_others_are_a_click_away(page: AppTest) -> None:
    page.run()

    assert "Quoting mode: no model configured." in page.sidebar.caption[-1].value
    assert [link.proto.label for link in links(page)] == ["Chat", "Articles", "Evals"]


def test_a_conversation_goes_along_from_page_to_page(page: AppTest) -> None:
    page.query_params["c"] = "7f3a"
    page.query_params["article"] = "12"
    page.run()

    assert [link.proto.query_string for link in links(page)] == ["c=7f3a"] * 3


def test_a_model_named_in_the_sidebar_answers_in_that_window_only(
    page: AppTest, server: OpenAIServer
) -> None:
    server.will(reply("Turkey and Qatar mediated the talks [1]."))
    use_model(page.run(), server)
    ask(page, "Who mediated the talks?")
    other = AppTest.from_file(str(ROOT / "ui" / "app.py"), default_timeout=20).run()

    assert not page.exception
    assert server.history[0].key == KEY
    assert page.main.caption[0].value == "2 articles indexed · Answers by tiny"
    assert other.main.caption[0].value == "2 articles indexed · Quoting mode: no model configured"


def test_a_connection_is_tested_in_one_line(page: AppTest, server: OpenAIServer) -> None:
    server.will(reply("ready"), error(401))
    use_model(page.run(), server)
    test = next(button for button in page.sidebar.button if button.label == "Test the connection")

    test.click().run()
    assert [note.value for note in page.sidebar.success] == ["tiny answers."]

    test.click().run()
    assert len(page.sidebar.error) == 1
    assert "refused the key" in page.sidebar.error[0].value
    assert KEY not in page.sidebar.error[0].value


def test_fewer_passages_are_read_where_the_window_says_so(page: AppTest) -> None:
    page.run()
    page.slider(key="setting-top-k").set_value(2).run()
    ask(page, "Who mediated the talks?")

    assert drawn(page)[0]["stage"].startswith("Kept 2 passages, ")


def test_a_key_of_the_server_goes_to_the_servers_own_address_only() -> None:
    settings = Settings(
        llm="openai:big", llm_base_url="http://127.0.0.1:1/v1", openai_api_key=SecretStr("sk-server")
    )

    def sent(base_url: str, key: str = "") -> str:
        found = Choices("big", base_url, key).applied_to(settings).openai_api_key
        return found.get_secret_value() if found else "none"

    assert sent("http://127.0.0.1:1/v1") == "sk-server"
    assert sent("http://127.0.0.1:2/v1") == "none"
    assert sent("http://127.0.0.1:2/v1", KEY) == KEY
    assert KEY not in repr(Choices(key=KEY))


def test_no_model_is_no_connection() -> None:
    with pytest.raises(LLMError, match="No model is configured"):
        probe(Settings())


def test_pages_load_from_their_own_address_only() -> None:
    digest = base64.b64encode(hashlib.sha256(b"go()").digest()).decode()

    assert policy(b"<script>go()</script><script src='a.js'></script>").split("; ") == [
        "default-src 'none'",
        f"script-src 'self' blob: 'sha256-{digest}'",
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data:",
        "font-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self' blob:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
