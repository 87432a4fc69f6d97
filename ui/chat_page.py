"""The chat page: ask, read the answer, click a footnote and stand in the article.

Top to bottom: the index, the question, the conversation.
"""

from __future__ import annotations

import logging
from contextlib import closing

import streamlit as st

from rag.answer import Answer
from rag.catalogue import Head
from rag.engine import MAX_QUESTION, QueryEngine
from rag.errors import FootnotedError
from ui import components, excerpts, session, shell, sources
from ui.plain import plain, shortened
from ui.session import Turn
from ui.starters import starters

_LOG = logging.getLogger(__name__)
_SNIPPET = 140  # longest part of a passage under its button, in characters


def main() -> None:
    st.title("Footnoted", anchor=False)
    engine = shell.open_index()
    articles = len(engine.index.catalogue.article_ids())
    show_index(engine, articles)
    question = st.chat_input("Ask about the articles", max_chars=MAX_QUESTION, disabled=not articles)
    if question:
        session.ask(question)
    for number, turn in enumerate(session.turns()):
        show_turn(engine, number, turn)
    if articles and not session.turns():
        show_starters(engine)


def show_index(engine: QueryEngine, articles: int) -> None:
    """Say what is indexed and who writes the answers."""
    if not articles:
        st.info("There are no articles in the index yet. Add some, then reload this page.")
        shell.show_ingest(engine.index.folder)
    else:
        noun = "article" if articles == 1 else "articles"
        model = engine.llm.metadata.model_name if engine.llm else None
        writer = f"Answers by {plain(model)}" if model else "Quoting mode: no model configured"
        st.caption(f"{articles:,} {noun} indexed · {writer}")


@st.cache_data(show_spinner="Looking into the articles…", max_entries=4)
def find_starters(folder: str, head: Head, _engine: QueryEngine) -> list[str]:  # noqa: ARG001  # keys
    """Find questions to start with, again when the articles change."""
    return starters(_engine)


def show_starters(engine: QueryEngine) -> None:
    """Offer questions that the articles answer."""
    try:
        questions = find_starters(str(engine.index.folder), engine.index.catalogue.head(), engine)
    except FootnotedError as error:
        st.error(plain(str(error)), icon=":material/error:")
        return
    if questions:
        st.pills(
            "Questions to start with",
            questions,
            format_func=plain,
            key="starter",
            on_change=session.ask_starter,
            args=("starter",),
        )


def show_turn(engine: QueryEngine, number: int, turn: Turn) -> None:
    """Show a question, and its answer; write that first when there is none yet."""
    with st.chat_message("user", avatar=":material/person:"):
        st.text(turn.question)
    with st.chat_message("assistant", avatar=":material/format_quote:"):
        page = st.empty()  # there in every run, so that what follows keeps its place on the page
        if turn.state == "asked":
            with page.container():
                write_answer(engine, turn)
            page.empty()
        turn.stop()  # a run that was writing it has given way to this one
        show_reply(number)


def write_answer(engine: QueryEngine, turn: Turn) -> None:
    """Stream the answer into the page and keep it in the conversation."""
    turn.state = "writing"
    stage, text = st.empty(), st.empty()
    try:
        turn.searched = engine.index.catalogue.passage_count()
        stage.caption(f"Searching {turn.searched:,} passages…")
        stream = engine.stream(turn.question)
        stage.caption(f"{_searched(turn, len(stream.source_nodes))} Writing; not all of it is checked yet…")
        with closing(stream.response_gen) as pieces:
            for piece in pieces:
                turn.draft += piece
                text.text(turn.draft)
        answer = stream.get_response()
        turn.keep(answer, excerpts.of_answer(answer, engine.index.catalogue))
    except FootnotedError as error:
        turn.fail(str(error))
    except Exception:  # noqa: BLE001  # a line for the reader, the details for the terminal
        _LOG.exception("The question could not be answered")
        turn.fail("Something went wrong while answering; the terminal that runs the page says what.")
    finally:
        turn.stop()  # the reader did, or closed the window


@st.fragment
def show_reply(number: int) -> None:
    """Show what came of a question; a click in it runs no other part of the page."""
    turn = session.turns()[number]
    if turn.answer is None:
        show_problem(number, turn)
        return
    if turn.answer.notice:
        st.caption(f":material/info: {plain(turn.answer.notice)}")
    show = show_abstention if turn.answer.status == "abstained" else show_footnoted
    opened = show(number, turn, turn.answer)
    if opened is not None:
        sources.show(turn.excerpts, opened)


def show_problem(number: int, turn: Turn) -> None:
    """Show why there is no answer, with the question at hand to try again."""
    if turn.state == "stopped":
        st.text(turn.draft)
        st.caption(":material/stop_circle: Stopped; this was not checked to its end.")
    else:
        st.error(plain(turn.problem), icon=":material/error:")
    if st.button("Ask again", key=f"again-{number}", on_click=session.ask_again, args=(number,)):
        st.rerun()


def show_footnoted(number: int, turn: Turn, answer: Answer) -> int | None:
    """Show an answer with its sources; return the position of the excerpt to open."""
    clicked = components.show_answer(answer, turn.excerpts, key=f"answer-{number}")
    if answer.reason:
        st.caption(f":material/warning: {plain(answer.reason)}")
    positions = {excerpt.number: position for position, excerpt in enumerate(turn.excerpts)}
    opened = positions.get(clicked) if clicked is not None else None
    with st.container(horizontal=True, gap="xsmall"):
        for position, excerpt in enumerate(turn.excerpts):
            if sources.button(number, position, excerpt):
                opened = position
    st.caption(f"{_searched(turn, len(answer.source_nodes))} {_checked(turn)}")
    return opened


def show_abstention(number: int, turn: Turn, answer: Answer) -> int | None:
    """Show why the articles do not answer, and what comes closest in them."""
    opened = None
    with st.container(border=True):
        st.markdown(f":material/do_not_disturb_on: **{plain(answer.text)}**")
        if answer.reason:
            st.text(answer.reason)
        if turn.excerpts:
            st.caption("Closest passages:")
        for position, excerpt in enumerate(turn.excerpts):
            if sources.button(number, position, excerpt):
                opened = position
            st.text(shortened(excerpt.quote, _SNIPPET))
    return opened


def _searched(turn: Turn, kept: int) -> str:
    return f"Searched {turn.searched:,} passages, kept {kept}."


def _checked(turn: Turn) -> str:
    located = sum(excerpt.located for excerpt in turn.excerpts)
    return f"{located} of {len(turn.excerpts)} quotes found word for word." if turn.excerpts else ""


main()
