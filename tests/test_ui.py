from __future__ import annotations

import json
import shutil
import threading
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

from evals import reporting
from evals.cases import load_cases
from rag.conversations import Conversations, Feedback, file_of
from rag.engine import QueryEngine
from rag.errors import ConversationError, IndexMismatch
from rag.ingestion import ingest, ingest_articles
from rag.schema import Article, Span, Verdict
from rag.scope import Scope
from rag.settings import Settings
from tests.answers import BEFORE, QUOTE, WHO, answer_by, answer_with_accounts
from tests.conftest import ROOT, SEEDS, STYLE
from tests.openai_server import OpenAIServer, error, reply, stall_midway
from ui import drawn as drawing
from ui import loading, session, writing
from ui.excerpts import Excerpt, of_answer
from ui.plain import plain, shortened

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
    writing.forget()


@pytest.fixture
def folder(seeds_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the seeds' index, with no conversations beside it."""
    shutil.copytree(seeds_index, tmp_path / "seeds")
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "seeds"))
    return tmp_path / "seeds"


@pytest.fixture
def page(folder: Path) -> AppTest:
    """The page over the seeds, not yet run."""
    return new_page()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAIServer]:
    """A model that the page is configured to use."""
    with OpenAIServer() as opened:
        monkeypatch.setenv("RAG_LLM", "openai:tiny")
        monkeypatch.setenv("RAG_LLM_BASE_URL", opened.url)
        yield opened


def new_page(conversation: str = "") -> AppTest:
    page = AppTest.from_file(str(ROOT / "ui" / "app.py"), default_timeout=20)
    if conversation:
        page.query_params["c"] = conversation
    return page


def ask(page: AppTest, question: str) -> AppTest:
    """Ask, and look at the page again until the answer is there."""
    asked = settled(page.chat_input[0].set_value(question).run())
    assert not asked.exception
    return asked


def settled(page: AppTest) -> AppTest:
    """Look at the page again, as a browser does by itself, until nothing is on its way."""
    while "writing" in [each["state"] for each in drawn(page)] or any(
        caption.value.startswith("Looking for") for caption in page.main.caption
    ):
        page.run()
    return page


def drawn(page: AppTest) -> list[Any]:
    """Return what the answers of the page are drawn from, in their order, whichever was asked last."""
    found = [e for e in page.get("bidi_component") if e.key and e.key.startswith("answer-")]
    return [{**json.loads(element.proto.json), "fresh": False} for element in found]


def fresh(page: AppTest) -> list[bool]:
    """Return of each answer whether the window moves to its question."""
    found = [e for e in page.get("bidi_component") if e.key and e.key.startswith("answer-")]
    return [json.loads(element.proto.json)["fresh"] for element in found]


def conversation_of(page: AppTest) -> str:
    named = page.query_params["c"]
    return named if isinstance(named, str) else named[0]


def press(page: AppTest, label: str) -> AppTest:
    button = next(each for each in page.button if each.label == label)
    pressed = settled(button.click().run())
    assert not pressed.exception
    return pressed


def listed(page: AppTest) -> list[str]:
    """Return the conversations in the sidebar."""
    drawn_list = next(e for e in page.get("bidi_component") if e.key == "conversations")
    return [link["words"] for link in json.loads(drawn_list.proto.json)["links"]]


def words_of(page: AppTest) -> list[str]:
    """Return everything that Streamlit itself puts on the page, as it is told to."""
    shown = [*page.main.markdown, *page.main.caption, *page.info, *page.error, *page.text, *page.code]
    return [str(element.value) for element in shown] + [button.label for button in page.main.button]


def test_the_empty_page_says_what_is_indexed_and_offers_questions_that_are_answered(page: AppTest) -> None:
    settled(page.run())

    assert page.main.caption[0].value == "2 articles indexed · Quoting mode: no model configured"
    assert page.main.caption[1].value == "Questions to start with"
    questions = [button.label for button in page.main.button if button.label.endswith("?")]
    assert len(questions) == 4
    *articles, adding = [link.proto.label for link in page.main.get("page_link")]
    assert [title.split()[1] for title in articles] == ["latest", "third"]
    assert adding == "Add articles"

    press(page, questions[0])

    assert page.chat_message[0].text[0].value == questions[0]
    assert drawn(page)[0]["sentences"][0]["sources"]


def test_the_newest_date_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    dated = [
        Article(f"a:{day}", "News", f"It rained on {day}.", date=day) for day in ("2025-01-02", "2024-01-02")
    ]
    ingest_articles(dated, index=tmp_path / "index", settings=Settings())
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "index"))
    page = new_page().run()

    assert page.main.caption[0].value.startswith("2 articles indexed, the newest of 2025-01-02 ·")


def test_an_answer_is_shown_with_its_footnotes_and_what_was_done(page: AppTest) -> None:
    ask(page.run(), MEDIATED)

    answer = drawn(page)[0]
    numbers = [number for sentence in answer["sentences"] for number in sentence["sources"]]
    assert "Turkey" in " ".join(sentence["text"] for sentence in answer["sentences"])
    assert numbers == list(range(1, len(numbers) + 1))
    assert {sentence["why"] for sentence in answer["sentences"]} == {""}
    notes = [note for note in answer["notes"] if note["group"] == "note"]
    assert [note["name"] for note in notes] == [str(number) for number in numbers]
    assert {note["verdict"] for note in notes} == {"checked"}
    assert f"checked {len(notes)} footnotes: {len(notes)} located" in answer["stage"]
    assert [b.label for b in page.main.button if b.label.startswith(("What", "How"))]


def test_a_footnote_holds_its_exact_words_in_the_whole_article(page: AppTest) -> None:
    ask(page.run(), MEDIATED)

    answer = drawn(page)[0]
    texts = [path.read_text(encoding="utf-8") for path in SEEDS.iterdir()]
    for note in answer["notes"]:
        pieces = answer["articles"][note["article"]]
        assert "".join(pieces[note["first"] : note["last"]]) == note["quote"]
        assert any("".join(pieces) in text for text in texts)
        if note["group"] == "note":
            assert "".join(pieces) in texts
            assert note["said"] == "These exact words stand in the article."
            assert "undated" in note["about"]


def test_what_was_retrieved_but_not_cited_can_be_read(page: AppTest) -> None:
    ask(page.run(), "How many civilians were killed?")

    others = [note for note in drawn(page)[0]["notes"] if note["group"] == "other"]
    assert others
    assert {note["said"] for note in others} == {"A passage that was retrieved; the answer does not cite it."}


def test_both_accounts_stand_side_by_side() -> None:
    answer = drawing.answered(answer_with_accounts(), {})

    assert answer["conflicts"] == [
        {
            "heading": "The articles differ",
            "accounts": [
                {"words": "4", "number": 1, "by": "Herald <b>"},
                {"words": "5", "number": 2, "by": "“Two”"},
            ],
        }
    ]
    assert answer["parts"] == [
        {"title": "What was said?", "numbers": [1, 2]},
        {"title": "Who <sang>?", "numbers": []},
    ]


def test_parts_say_which_of_them_is_not_answered(page: AppTest) -> None:
    ask(page.run(), "Where were the talks held, and who won the World Cup?")

    answer = drawn(page)[0]
    assert [bool(part["numbers"]) for part in answer["parts"]] == [True, False]
    assert "do not tell" in answer["reason"]


def test_the_words_that_answer_stand_out_in_the_sentence_the_quote_and_the_article() -> None:
    answer = drawing.answered(answer_by(WHO), {})

    around = ["Four people and 5 dogs were saved, said ", WHO, ", 41."]
    (sentence,), (note,) = answer["sentences"], answer["notes"]
    assert (sentence["text"], sentence["pieces"]) == (QUOTE, around)
    assert (note["short"], note["pieces"]) == (QUOTE, around)
    pieces, (first, last) = answer["articles"][note["article"]], note["answer"]
    assert pieces == ["", BEFORE, *around, " Nobody was hurt.", ""]
    assert "".join(pieces[note["first"] : note["last"]]) == QUOTE
    assert "".join(pieces[first:last]) == WHO


@pytest.mark.parametrize("answer", [None, Span(-len(BEFORE), 4)])
def test_without_words_in_the_quote_that_answer_none_stand_out(answer: Span | None) -> None:
    told = drawing.answered(answer_by(answer), {})

    (sentence,), (note,) = told["sentences"], told["notes"]
    assert (sentence["pieces"], note["pieces"]) == ([QUOTE], [QUOTE])
    assert note["answer"] == [note["last"], note["last"]]


def test_words_that_answer_stand_out_in_a_cut_quote_as_far_as_they_are_shown() -> None:
    quote = f"{'It rained. ' * 25}{WHO} said {'so, ' * 20}."
    for words, shown in ((WHO, 3), ("said so, so, so, so, so, so, so", 3), ("so, .", 1)):
        (note,) = drawing.answered(answer_by(words, quote=quote), {})["notes"]

        assert note["short"].endswith("…")
        assert "".join(note["pieces"]) == note["short"]
        assert len(note["pieces"]) == shown
        assert note["pieces"][1:2] in ([], [words[: len(note["pieces"][1])]] if shown > 1 else [])


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


def test_an_abstention_gives_its_reason_the_closest_passages_and_questions_to_ask_instead(
    page: AppTest,
) -> None:
    ask(page.run(), "What did Khawaja Asif say about elephants in Paris?")

    answer = drawn(page)[0]
    assert answer["declined"] == "The articles do not answer this question."
    assert answer["reason"]
    close = [note for note in answer["notes"] if note["group"] == "close"]
    assert len(close) == 3
    assert all(len(note["quote"]) > 100 for note in close)
    assert {note["said"] for note in close} == {"A close passage; it does not answer the question."}

    press(page, "What did Khawaja Asif say?")

    assert drawn(page)[1]["sentences"]


def test_the_conversation_stays_as_it_was_shown(page: AppTest) -> None:
    ask(page.run(), MEDIATED)
    first = drawn(page)[0]
    ask(page, "How many civilians were killed?")
    page.run()

    assert drawn(page)[0] == first
    assert fresh(page) == [False, True]
    assert "four civilians" in drawn(page)[1]["sentences"][0]["text"]
    assert [message.name for message in page.chat_message] == ["user", "assistant"] * 2


def test_a_conversation_is_the_same_after_a_reload_and_a_restart(page: AppTest) -> None:
    ask(page.run(), MEDIATED)
    ask(page, "Who won the 2022 World Cup?")
    shown = drawn(page)
    st.cache_resource.clear()
    writing.forget()

    again = settled(new_page(conversation_of(page)).run())

    assert drawn(again) == shown
    assert fresh(again) == [False, False]
    assert [m.text[0].value for m in again.chat_message if m.name == "user"] == [
        MEDIATED,
        "Who won the 2022 World Cup?",
    ]


def test_a_follow_up_says_what_was_searched(page: AppTest) -> None:
    ask(page.run(), "How did Asif describe the talks?")
    ask(page, "And what did the other side say?")

    assert drawn(page)[0]["searched"] == ""
    assert drawn(page)[1]["searched"].endswith("?")
    assert drawn(page)[1]["searched"] != "And what did the other side say?"


def test_two_windows_keep_to_themselves(page: AppTest) -> None:
    other = new_page().run()
    ask(page.run(), MEDIATED)
    ask(other, "How many civilians were killed?")
    page.run()

    assert [message.text[0].value for message in page.chat_message if message.name == "user"] == [MEDIATED]
    assert "Turk" in json.dumps(drawn(page))
    assert "civilians" in json.dumps(drawn(other))
    assert conversation_of(page) != conversation_of(other)


def test_two_windows_in_one_conversation_lose_no_turn(page: AppTest) -> None:
    ask(page.run(), MEDIATED)
    other = new_page(conversation_of(page)).run()
    ask(page, "How many civilians were killed?")
    ask(other, "Where were the talks held?")
    page.run()

    asked = [m.text[0].value for m in page.chat_message if m.name == "user"]
    assert asked == [MEDIATED, "How many civilians were killed?", "Where were the talks held?"]
    assert drawn(page) == drawn(other)


def test_a_long_conversation_draws_its_last_turns_and_the_others_on_demand(
    page: AppTest, folder: Path
) -> None:
    with Conversations.of(folder) as store:
        held = store.create()
        for n in range(30):
            store.fail(held.id, store.begin(held.id, f"Question {n}?"), "No answer.")
    long = new_page(held.id).run()

    assert long.chat_message[0].text[0].value == "Question 22?"
    press(long, "Show 22 earlier questions")
    assert len(long.chat_message) == 60


def test_a_conversation_that_is_gone_gives_way_to_a_new_one(folder: Path) -> None:
    page = new_page("0123456789ab").run()

    assert "not here any more" in page.toast[0].value
    assert page.main.caption[0].value.startswith("2 articles")


def test_conversations_are_listed_searched_renamed_and_deleted(page: AppTest) -> None:
    ask(page.run(), MEDIATED)
    press(page, "New conversation")
    ask(page, "How many civilians were killed?")
    assert listed(page) == ["How many civilians were killed?", MEDIATED]

    page.text_input(key="conversation-search").set_value("turkey").run()
    assert listed(page) == [MEDIATED]
    page.text_input(key="conversation-search").set_value("zebra").run()
    assert listed(page) == []
    page.text_input(key="conversation-search").set_value("").run()

    press(page, "Conversation")
    page.text_input(key=f"title-{conversation_of(page)}").set_value("The dead")
    press(page, "Rename")
    assert page.title[0].value == "The dead"

    press(page, "Conversation")
    assert page.button(key="delete-conversation").disabled
    page.checkbox[0].check().run()
    press(page, "Conversation")
    page.button(key="delete-conversation").click().run()
    assert settled(page).title[0].value == "Ask the articles"
    assert listed(page) == [MEDIATED]


def test_a_conversation_is_taken_along_in_three_forms(page: AppTest) -> None:
    ask(page.run(), MEDIATED)
    press(page, "Conversation")

    assert [button.proto.label for button in page.get("download_button")] == ["Markdown", "HTML", "JSON"]


def test_a_scope_is_kept_with_its_conversation(folder: Path) -> None:
    with QueryEngine.open(folder) as engine:
        ani = next(e.id for e in engine.index.catalogue.entries() if e.source == "ANI")
    page = settled(new_page().run())
    press(page, "All articles")
    page.multiselect(key="scope-articles").set_value([ani])
    press(page, "Apply")
    ask(page, "How did the defence minister describe the talks?")

    answer = drawn(page)[0]
    assert {note["about"].split(" · ")[0] for note in answer["notes"]} == {"ANI"}
    assert page.button(key="scope").label == "1 article"
    with Conversations.of(folder) as store:
        assert store.get(conversation_of(page)).scope == Scope((ani,))


def test_feedback_is_kept_and_a_thumb_down_becomes_an_eval_case(page: AppTest, folder: Path) -> None:
    ask(page.run(), MEDIATED)
    key = f"{conversation_of(page)}-1"
    page.feedback(key=f"thumb-{key}").set_value(0).run()
    page.button_group(key=f"reasons-{key}-0").set_value(["Something is missing"]).run()
    with Conversations.of(folder) as store:
        stored = store.get(conversation_of(page)).turns[0]
    assert stored.feedback == Feedback(good=False, reasons=("Something is missing",))

    press(page, "Save as an eval case")
    page.text_input(key="case-expected").set_value("Turkey and Qatar mediated.")
    page.text_input(key="case-facts").set_value("Turkey | Turkish, Qatar | Qatari")
    page.button(key="case-save").click().run()

    saved = load_cases(reporting.file_of(folder))
    assert [(case.question, case.must_include) for case in saved] == [
        (MEDIATED, (("Turkey", "Turkish"), ("Qatar", "Qatari")))
    ]
    page.run()
    assert "rag eval run" in page.code[-1].value


def test_debugging_shows_what_was_sent_and_what_came(page: AppTest, server: OpenAIServer) -> None:
    server.will(reply("Turkey and Qatar mediated the talks [1]."))
    page.query_params["debug"] = "1"
    ask(page.run(), MEDIATED)

    shown = "\n".join(code.value for code in page.code)
    assert f"searched: {MEDIATED}" in shown
    assert "Turkey and Qatar mediated the talks [1]." in shown
    assert "<source" in shown or "[1]" in shown
    assert [e.key for e in page.get("bidi_component") if e.key == "scores-1"] == ["scores-1"]


def test_whatever_breaks_is_one_line_for_the_reader(
    page: AppTest, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("an inner secret")

    monkeypatch.setattr(session, "store", broken)
    page.run()

    assert not page.exception
    assert [line.value for line in page.error] == [
        "Something went wrong here; the terminal that runs the page says what."
    ]
    assert "an inner secret" in caplog.text
    caplog.clear()


def test_conversations_that_cannot_be_kept_are_held_all_the_same(page: AppTest, folder: Path) -> None:
    file_of(folder).write_bytes(b"no database, but a good deal of something else " * 30)
    ask(page.run(), MEDIATED)

    assert "damaged" in page.warning[0].value
    assert drawn(page)[0]["sentences"]


def test_without_an_index_one_line_names_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "none"))
    page = new_page().run()

    assert not page.exception
    assert [title.value for title in page.title] == ["Ask the articles"]
    assert "There are no articles yet" in page.info[0].value
    assert [link.proto.label for link in page.main.get("page_link")] == ["Add articles"]
    assert page.code[0].value == f"rag ingest PATH --index {tmp_path / 'none'}"
    assert len(page.chat_input) == 0

    ingest(SEEDS, index=tmp_path / "none", settings=Settings())
    page.main.button[0].click().run()

    assert len(page.chat_input) == 1


def test_a_page_that_is_opened_at_once_waits_for_what_is_loaded(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "_begun", threading.Lock())
    loading.begin_soon()
    assert not loading.is_done()

    page.run()

    assert loading.is_done()
    assert [title.value for title in page.title] == ["Ask the articles"]
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
    settled(page.run())

    assert not page.exception
    assert "Rebuild it" in page.error[0].value


def test_a_question_that_cannot_be_asked_is_one_line_and_can_be_put_again(page: AppTest) -> None:
    ask(page.run(), "   ")

    assert "question is empty" in page.error[0].value
    assert page.main.button[-1].label == "Ask again"


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
    assert drawn(page)[0]["sentences"][0]["text"] == "Anna Berg baked bread in Oslo on Monday."
    st.cache_resource.clear()
    shutil.rmtree(tmp_path / "old")


def test_an_answer_is_stopped_with_its_text_marked_and_its_question_at_hand(
    page: AppTest, server: OpenAIServer
) -> None:
    server.will(stall_midway)
    page.run().chat_input[0].set_value(MEDIATED).run()
    while "Turkey" not in drawn(page)[0]["draft"]:
        page.run()
    assert drawn(page)[0]["stage"].startswith("Searched 5 passages, kept 5; writing")

    press(page, "Stop")

    assert [text.value.strip() for text in page.main.text] == [MEDIATED, "Turkey"]
    assert "Stopped" in page.main.caption[-1].value

    server.will(reply("Turkey and Qatar mediated the talks [1]."))
    press(page, "Ask again")

    assert [m.text[0].value for m in page.chat_message if m.name == "user"] == [MEDIATED, MEDIATED]
    assert drawn(page)[0]["sentences"]


def test_a_second_window_sees_an_answer_that_is_being_written(page: AppTest, server: OpenAIServer) -> None:
    server.will(stall_midway)
    page.run().chat_input[0].set_value(MEDIATED).run()
    other = new_page(conversation_of(page)).run()

    assert drawn(other)[0]["state"] == "writing"
    press(other, "Stop")
    page.run()
    assert "Stopped" in page.main.caption[-1].value


def test_an_answer_that_cannot_be_stored_is_shown_with_the_reason(
    page: AppTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise ConversationError("The disk is full; make room.")

    page.run()
    monkeypatch.setattr("rag.conversations.Conversations.finish", full)
    ask(page, MEDIATED)

    assert page.warning[0].value == "The disk is full; make room."
    assert drawn(page)[0]["sentences"]


def test_an_answer_that_a_killed_process_was_writing_can_be_asked_for_again(folder: Path) -> None:
    with Conversations.of(folder) as store:
        held = store.create()
        store.begin(held.id, MEDIATED)
    page = new_page(held.id).run()

    assert "Broken off" in page.main.caption[-1].value
    press(page, "Ask again")
    assert drawn(page)[0]["sentences"]


def test_a_models_answer_is_shown_and_what_is_not_in_its_sources_is_marked(
    page: AppTest, server: OpenAIServer
) -> None:
    server.will(
        reply("Turkey and Qatar mediated the talks [1]. They cost 950 million dollars [1]. It rained.")
    )
    ask(page.run(), MEDIATED)

    whys = [sentence["why"] for sentence in drawn(page)[0]["sentences"]]
    assert page.main.caption[0].value == "2 articles indexed · Answers by tiny"
    assert whys[0] == ""
    assert whys[1].startswith("unsupported: not in its source: 950")
    assert whys[2] == "unsupported: it names no source"
    assert drawn(page)[0]["reason"].startswith("2 of 3 sentences could not be checked")


def test_a_model_that_fails_is_one_line_above_the_quotes(page: AppTest, server: OpenAIServer) -> None:
    server.will(error(401))
    ask(page.run(), MEDIATED)

    assert "refused the key" in drawn(page)[0]["notice"]
    assert "Quoting instead" in drawn(page)[0]["notice"]
    assert drawn(page)[0]["sentences"][0]["sources"]


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

    answer = drawn(page)[0]
    sentences = answer["sentences"]
    assert "<script>alert(1)</script>" in " ".join(sentence["text"] for sentence in sentences)
    assert "![x](http://127.0.0.1:9/x.png)" in json.dumps(answer["articles"])
    assert [element.proto.body for element in page.get("html")] == [STYLE]
    for kind in ("iframe", "imgs", "component_instance", "link_button"):
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

    (excerpt,) = of_answer(answer, {})

    assert excerpt.note == "The answer says more than this source holds. Not in it: 47, Doha."
    assert excerpt.located
