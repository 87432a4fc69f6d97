from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from hypothesis import given
from hypothesis import strategies as some
from markdown_it import MarkdownIt
from streamlit.testing.v1 import AppTest

from rag.engine import QueryEngine
from rag.errors import IndexMismatch
from rag.ingestion import ingest, ingest_articles
from rag.schema import Article, Verdict
from rag.settings import Settings
from tests.conftest import ROOT, SEEDS
from tests.openai_server import OpenAIServer, error, reply
from ui.excerpts import Excerpt, of_answer
from ui.plain import plain, shortened
from ui.session import Turn

MEDIATED = "Who mediated the talks?"
HOSTILE = (
    "The Glorbnax summit took place in Zarquon <script>alert(1)</script> "
    "![x](http://127.0.0.1:9/x.png) <img src=http://127.0.0.1:9/y.png> "
    "[click](javascript:alert(1)) <iframe src=//127.0.0.1:9></iframe> www.evil.example said officials."
)


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    """Give every test a server of its own, as far as engines are concerned."""
    yield
    st.cache_resource.clear()
    st.cache_data.clear()


@pytest.fixture
def page(seeds_index: Path, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The page over the seeds, not yet run."""
    monkeypatch.setenv("RAG_INDEX", str(seeds_index))
    return new_page()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A model that the page is configured to use."""
    with OpenAIServer() as opened:
        monkeypatch.setenv("RAG_LLM", "openai:tiny")
        monkeypatch.setenv("RAG_LLM_BASE_URL", opened.url)
        yield opened


def new_page() -> AppTest:
    return AppTest.from_file(str(ROOT / "ui" / "app.py"), default_timeout=20)


def ask(page: AppTest, question: str) -> AppTest:
    asked = page.chat_input[0].set_value(question).run()
    assert not asked.exception
    return asked


def given_to(page: AppTest, component: str) -> Any:
    """Return the data that a component was given to draw."""
    found = [element for element in page.get("bidi_component") if element.key == component]
    return json.loads(found[-1].proto.json)


def words_of(page: AppTest) -> list[str]:
    """Return everything that Streamlit itself puts on the page, as it is told to."""
    shown = [*page.main.markdown, *page.main.caption, *page.info, *page.error, *page.text, *page.code]
    return [str(element.value) for element in shown] + [button.label for button in page.main.button]


def test_the_empty_page_says_what_is_indexed_and_offers_questions_that_are_answered(page: AppTest) -> None:
    page.run()

    assert [caption.value for caption in page.main.caption] == [
        "2 articles indexed · Quoting mode: no model configured"
    ]
    questions = page.pills[0].options
    assert 3 <= len(questions) <= 4
    assert not page.exception

    page.pills[0].set_value(questions[0]).run()

    assert page.chat_message[0].text[0].value == questions[0]
    assert given_to(page, "answer-0")["sentences"][0]["sources"]
    assert len(page.pills) == 0


def test_an_answer_is_shown_with_its_footnotes_and_a_button_for_each_source(page: AppTest) -> None:
    ask(page.run(), MEDIATED)

    sentences = given_to(page, "answer-0")["sentences"]
    numbers = [source["number"] for sentence in sentences for source in sentence["sources"]]
    assert "Turkey" in " ".join(sentence["text"] for sentence in sentences)
    assert numbers == list(range(1, len(sentences) + 1))
    assert all(sentence["why"] == "" for sentence in sentences)
    assert [b.label.split(" · ")[0] for b in page.main.button] == [str(number) for number in numbers]
    assert "quotes found word for word" in page.main.caption[-1].value


def test_a_source_opens_with_its_exact_words_marked_in_the_whole_article(page: AppTest) -> None:
    ask(page.run(), MEDIATED)
    quotes = [sentence["text"] for sentence in given_to(page, "answer-0")["sentences"]]
    page.button(key="source-0-1").click().run()

    article = given_to(page, "article")
    assert article["quote"] == quotes[1]
    texts = [path.read_text(encoding="utf-8") for path in SEEDS.iterdir()]
    assert article["before"] + article["quote"] + article["after"] in texts
    assert article["note"] == "These exact words stand in the article."
    assert "undated" in article["about"]

    page.button(key="next").click().run()

    assert page.session_state["shown"] == 2  # the browser then draws the source view again by itself


def test_words_that_are_not_at_their_place_are_not_marked_anywhere() -> None:
    article = Article("file:///a.txt", "Title", "Turkey mediated.")
    excerpt = Excerpt(1, article, 1, 7, "Turkey", "These exact words stand in the article.")

    assert not excerpt.located
    assert excerpt.to_data() == {
        "title": "Title",
        "about": "undated · a.txt",
        "note": "The passage could not be located in the article, so nothing is highlighted.",
        "before": "Turkey mediated.",
        "quote": "",
        "after": "",
    }


def test_an_abstention_gives_its_reason_and_the_closest_passages(page: AppTest) -> None:
    ask(page.run(), "Who won the 2022 World Cup?")

    assert "**The articles do not answer this question.**" in page.main.markdown[-1].value
    assert any("World" in text.value for text in page.text[1:])
    assert all(element.key != "answer-0" for element in page.get("bidi_component"))

    page.button(key="source-0-0").click().run()

    article = given_to(page, "article")
    assert len(article["quote"]) > 100
    assert article["note"] == "A close passage; it does not answer the question."


def test_the_conversation_stays_as_it_was_shown(page: AppTest) -> None:
    ask(page.run(), MEDIATED)
    first = given_to(page, "answer-0")
    ask(page, "How many civilians were killed?")
    page.run()

    assert given_to(page, "answer-0") == first
    assert "four civilians" in given_to(page, "answer-1")["sentences"][0]["text"]
    assert [message.name for message in page.chat_message] == ["user", "assistant"] * 2


def test_two_windows_keep_to_themselves(page: AppTest) -> None:
    other = new_page().run()
    ask(page.run(), MEDIATED)
    ask(other, "How many civilians were killed?")
    other.button(key="source-0-0").click().run()
    page.run()

    assert [message.text[0].value for message in page.chat_message if message.name == "user"] == [MEDIATED]
    assert "Turk" in json.dumps(given_to(page, "answer-0"))
    assert "civilians" in json.dumps(given_to(other, "answer-0"))
    assert all(element.key != "article" for element in page.get("bidi_component"))


def test_without_an_index_one_line_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "none"))
    page = new_page().run()

    assert not page.exception
    assert len(page.error) == 1
    assert "There is no index" in page.error[0].value
    assert page.code[0].value == f"rag ingest PATH --index {tmp_path / 'none'}"
    assert len(page.chat_input) == 0

    ingest(SEEDS, index=tmp_path / "none", settings=Settings())
    page.main.button[0].click().run()

    assert len(page.chat_input) == 1


def test_an_empty_index_says_how_to_fill_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ingest_articles([], index=tmp_path / "index", settings=Settings())
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "index"))
    page = new_page().run()

    assert "no articles" in page.info[0].value
    assert page.code[0].value.startswith("rag ingest PATH")
    assert page.chat_input[0].disabled
    assert not page.exception


@pytest.mark.parametrize(
    ("name", "value", "part"),
    [
        ("RAG_PASSAGE_TOKENS", "64", "rag rebuild"),
        ("RAG_TOP_K", "none", "RAG"),
        ("RAG_TOPK", "8", "Did you mean"),
    ],
)
def test_settings_that_do_not_fit_are_one_line(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, name: str, value: str, part: str
) -> None:
    monkeypatch.setenv(name, value)
    page.run()

    assert not page.exception
    assert len(page.error) == 1
    assert part in page.error[0].value
    assert len(page.code) == 0


def test_an_index_that_changes_under_the_page_is_one_line(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mismatch(*_: object) -> None:
        raise IndexMismatch("Rebuild it with `rag rebuild`.")

    monkeypatch.setattr("rag.engine.QueryEngine.query", mismatch)
    page.run()

    assert not page.exception
    assert "Rebuild it" in page.error[0].value


def test_a_question_that_cannot_be_asked_is_one_line_and_can_be_put_again(page: AppTest) -> None:
    ask(page.run(), "   ")

    assert "question is empty" in page.error[0].value
    assert page.button(key="again-0").label == "Ask again"


def test_an_index_that_was_made_anew_is_opened_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    monkeypatch.setenv("RAG_INDEX", str(folder))
    ingest(SEEDS, index=folder, settings=Settings())
    page = new_page().run()
    folder.rename(tmp_path / "old")
    article = Article("a:1", "Bread", "Anna Berg baked bread in Oslo on Monday. Anna Berg said it was good.")
    ingest_articles([article], index=folder, settings=Settings())

    ask(page, "Who baked bread in Oslo?")

    assert page.main.caption[0].value.startswith("1 article indexed")
    assert given_to(page, "answer-0")["sentences"][0]["text"] == "Anna Berg baked bread in Oslo on Monday."
    st.cache_resource.clear()
    shutil.rmtree(tmp_path / "old")


def test_a_run_that_gave_way_leaves_its_text_marked_and_its_question_at_hand(page: AppTest) -> None:
    page.session_state["turns"] = [Turn(MEDIATED, state="writing", draft="Turkey and")]
    page.run()

    assert [text.value for text in page.text] == [MEDIATED, "Turkey and"]
    assert "Stopped" in page.main.caption[-1].value

    page.button(key="again-0").click().run()

    assert given_to(page, "answer-0")["sentences"]
    assert "again-0" not in [button.key for button in page.main.button]


def test_a_models_answer_is_shown_and_what_is_not_in_its_sources_is_marked(
    page: AppTest, server: OpenAIServer
) -> None:
    server.will(
        reply("Turkey and Qatar mediated the talks [1]. They cost 950 million dollars [1]. It rained.")
    )
    ask(page.run(), MEDIATED)

    whys = [sentence["why"] for sentence in given_to(page, "answer-0")["sentences"]]
    assert page.main.caption[0].value == "2 articles indexed · Answers by tiny"
    assert whys[0] == ""
    assert whys[1].startswith("unsupported: not in its source: 950")
    assert whys[2] == "unsupported: it names no source"
    assert any("2 of 3 sentences could not be checked" in caption.value for caption in page.main.caption)


def test_a_model_that_fails_is_one_line_above_the_quotes(page: AppTest, server: OpenAIServer) -> None:
    server.will(error(401))
    ask(page.run(), MEDIATED)

    notices = [caption.value for caption in page.main.caption if "Quoting instead" in caption.value]
    assert len(notices) == 1
    assert "refused the key" in plain_words(notices[0])
    assert given_to(page, "answer-0")["sentences"][0]["sources"]


def test_anything_else_that_fails_is_a_line_for_the_reader_and_a_log_for_the_terminal(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    page.run()
    monkeypatch.setattr("rag.engine.QueryEngine.stream", broken)
    ask(page, MEDIATED)

    assert page.error[0].value.startswith("Something went wrong")
    assert "secret detail" not in str(words_of(page))
    assert "secret detail" in caplog.text


def test_hostile_text_of_articles_and_models_stays_data(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, server: OpenAIServer
) -> None:
    server.will(reply(f"{HOSTILE} [1]"))
    ingest_articles(
        [Article("a:1", f"Summit {HOSTILE}", f"{HOSTILE}\n\n{HOSTILE}", source="<b>", date=None)],
        index=tmp_path / "index",
        settings=Settings(),
    )
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "index"))
    page = ask(new_page().run(), f"Where was the Glorbnax summit? {HOSTILE}")
    page.button(key="source-0-0").click().run()

    sentences = given_to(page, "answer-0")["sentences"]
    assert "<script>alert(1)</script>" in " ".join(sentence["text"] for sentence in sentences)
    assert "![x](http://127.0.0.1:9/x.png)" in " ".join(given_to(page, "article").values())
    for kind in ("html", "iframe", "imgs", "component_instance", "link_button"):
        assert len(page.get(kind)) == 0
    for element in [*page.main.markdown, *page.main.caption]:
        assert not element.allow_html
    for words in [
        *(m.value for m in [*page.main.markdown, *page.main.caption]),
        *(b.label for b in page.button),
    ]:
        assert not set(kinds_of(words)) & {"html_inline", "html_block", "image", "link_open"}
    constants = {e.proto.html_content + e.proto.js_content for e in page.get("bidi_component")}
    assert all("Glorbnax" not in constant for constant in constants)


def kinds_of(markdown: str) -> Iterator[str]:
    """Yield what a Markdown reader finds in a text."""
    for token in MarkdownIt("commonmark").enable("strikethrough").parse(markdown):
        yield token.type
        yield from (child.type for child in token.children or [])


def plain_words(markdown: str) -> str:
    """Return the words that a Markdown reader shows, without joiners."""
    tokens = MarkdownIt("commonmark").parseInline(markdown)[0].children or []
    return "".join(token.content for token in tokens).replace("\u2060", "")


@given(some.text(some.sampled_from("ab1 .-=#*_`<>[]()!:@/\\&;$~|^+{}\"'w\n\t\u202e\ud800"), max_size=40))
def test_plain_text_is_no_markdown(text: str) -> None:
    shown = plain(text)

    assert set(kinds_of(shown)) <= {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}
    printable = "".join(c if c.isprintable() else " " for c in text)
    assert plain_words(shown) == " ".join(printable.split())


@pytest.mark.parametrize(
    "text", ["http://a.b/c", "www.a.b", "me@a.b", ":material/home:", ":smile:", "a -> b"]
)
def test_plain_text_is_parted_where_streamlit_would_make_something_of_it(text: str) -> None:
    assert text not in plain(text).replace("\\", "")


def test_a_long_title_is_cut_between_words_but_not_to_nothing() -> None:
    assert shortened("one two three", 20) == "one two three"
    assert shortened("one two three four", 12) == "one two…"
    assert shortened("a http://a.very.long/address", 12) == "a http://a…"


def test_a_sentence_that_says_more_than_its_source_is_told_so_in_the_source(engine: QueryEngine) -> None:
    answer = engine.query(MEDIATED)
    verdict = Verdict(located=True, consistent=False, missing=("47", "Doha"))
    answer.citations = [replace(answer.citations[0], verdict=verdict)]

    (excerpt,) = of_answer(answer, engine.index.catalogue)

    assert excerpt.note == "The answer says more than this source holds. Not in it: 47, Doha."
    assert excerpt.located
