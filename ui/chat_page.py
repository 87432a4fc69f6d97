"""The chat page: ask, read the answer, click a footnote and stand in the article.

Top to bottom: the index, the question, the conversation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import streamlit as st

from rag.conversations import Conversation, Conversations, StoredTurn
from rag.engine import MAX_QUESTION, QueryEngine
from rag.errors import FootnotedError
from rag.schema import Article
from rag.suggesting import Pace, starters, suggest_followups, suggest_rephrasings
from ui import (
    components,
    conversation_menu,
    debug,
    drawn,
    feedback,
    loading,
    scope_dialog,
    session,
    shell,
    writing,
)
from ui.plain import plain, shortened

# Seconds from one look at an answer that is being written to the next; and those that the page waits for a
# quoted answer, or one of a model, before it shows how far it is. (Streamlit shows strings that stand by
# themselves in a page.)
_POLL = 0.15
_AT_ONCE = 0.6
_AT_ONCE_BY_MODEL = 0.2
_TITLE = 70  # longest title, in characters
_LINK = 90  # longest title of an article that is linked
_NEWEST = 3  # articles that are linked before the first question


class Place(NamedTuple):
    """A turn of a conversation, and what it takes to show it."""

    engine: QueryEngine
    store: Conversations
    conversation: str
    turn: StoredTurn
    is_last: bool

    @property
    def key(self) -> str:
        """Name of the turn among the page's elements."""
        return f"{self.conversation}-{self.turn.number}"

    @property
    def is_fresh(self) -> bool:
        """It was asked in this window just now, so the window shows it."""
        return session.is_begun(self.conversation, self.turn.number)

    @property
    def writing(self) -> writing.Writing | None:
        """The answer as this process wrote it, or writes it."""
        return writing.of_turn(self.store, self.conversation, self.turn.number)

    @property
    def is_live(self) -> bool:
        """It is being answered now."""
        return self.turn.state == "asked" and self.writing is not None and not self.writing.done

    def renewed(self) -> Place:
        """Return the place with its turn as it is stored now."""
        turns = self.store.get(self.conversation, last=None if not self.is_last else 1).turns
        return self._replace(turn=next(t for t in turns if t.number == self.turn.number))


def main() -> None:
    engine = shell.open_index(loading.WELCOME)
    try:
        show_page(engine)
    except FootnotedError as error:
        st.error(plain(str(error)), icon=":material/error:")


def show_page(engine: QueryEngine) -> None:
    """Show the page; a question that was just asked is stored, and its answer begun, before."""
    articles = engine.index.catalogue.dates()
    store = session.store(engine)
    found = find(store)
    question = show_input(has_articles=bool(articles)) or session.asking()
    if question:
        session.begin(engine, store, found, question)
        found = session.held(store)
    show_head(engine, store, found, articles)
    conversation_menu.show_list(store, found)
    if found is None:
        show_empty(engine, articles)
    else:
        show_conversation(engine, store, found)


def find(store: Conversations) -> Conversation | None:
    """Return the conversation that the address names; say so when there is none of that name."""
    try:
        return session.held(store)
    except FootnotedError:
        session.leave()
        st.toast("This conversation is not here any more; a new one begins.", icon=":material/warning:")
        return None


def show_input(*, has_articles: bool) -> str | None:
    return st.chat_input("Ask about the articles", max_chars=MAX_QUESTION, disabled=not has_articles)


def show_head(
    engine: QueryEngine, store: Conversations, found: Conversation | None, articles: Mapping[str, str | None]
) -> None:
    """Name the conversation; say what is indexed, who writes the answers, and which articles count."""
    st.title(
        plain(shortened(found.title, _TITLE)) if found and found.title else loading.WELCOME, anchor=False
    )
    if found is None:
        st.markdown(
            "Every sentence of an answer carries a footnote that opens its article at the exact words."
        )
    model = engine.llm.metadata.model_name if engine.llm else None
    writer = f"Answers by {plain(model)}" if model else "Quoting mode: no model configured"
    st.caption(f"{_counted(len(articles), 'article')} indexed{_newest(articles)} · {writer}")
    if session.notice():
        st.warning(plain(session.notice()))
    with st.container(horizontal=True, gap="small"):
        scope_dialog.show_button(engine, store, found)
        if found:
            conversation_menu.show_button(store, found)


def _newest(articles: Mapping[str, str | None]) -> str:
    newest = max((day for day in articles.values() if day), default=None)
    return f", the newest of {newest}" if newest else ""


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


# --- before the first question


def show_empty(engine: QueryEngine, articles: Mapping[str, str | None]) -> None:
    """Offer questions that the articles answer, the newest articles, and the way to add more."""
    if not articles:
        shell.show_missing()
    else:
        scope = session.scope()
        within = engine.within(scope) if scope else engine
        key = (str(engine.index.folder), f"{engine.index.catalogue.head()}{scope}", 0)
        show_questions("Questions to start with", key, lambda pace: starters(within, pace=pace))
        show_newest(engine, articles)
        st.page_link("articles_page.py", label="Add articles", icon=":material/library_add:")


def show_newest(engine: QueryEngine, articles: Mapping[str, str | None]) -> None:
    """Link to the articles of the latest days."""
    ids = sorted(articles, key=lambda id_: articles[id_] or "", reverse=True)[:_NEWEST]
    st.caption("Newest articles" if any(articles.values()) else "Articles")
    found = engine.index.catalogue.articles(ids)
    for article in (found[id_] for id_ in ids if id_ in found):
        about = " · ".join(part for part in (article.source, article.date) if part)
        st.page_link(
            "articles_page.py",
            label=plain(shortened(f"{article.title} · {about}" if about else article.title, _LINK)),
            icon=":material/article:",
            query_params={"article": article.id},
        )


def show_questions(label: str, key: writing.Key, make: Callable[[Pace], list[str]]) -> None:
    """Offer questions as buttons as soon as they are found."""
    found = writing.suggestions(key, make)
    ready = found.wait(0.0)
    st.fragment(_show_questions, run_every=None if ready else 2 * _POLL)(label, key, found, ready=ready)


def _show_questions(label: str, key: writing.Key, found: writing.Later[list[str]], *, ready: bool) -> None:
    if not found.ready:
        st.caption("Looking for questions that the articles answer…")
        return
    if not ready:
        st.rerun()
    if found.problem:
        st.error(plain(found.problem), icon=":material/error:")
    if found.value:
        st.caption(label)
    is_start = not key[2]
    sides = st.columns(2, gap="small") if is_start else [st.container(horizontal=True, key="more")]
    for at, question in enumerate(found.value):
        name = f"ask-{key[1]}-{key[2]}-{at}"
        with sides[at % len(sides)]:
            if st.button(
                plain(question),
                key=name,
                on_click=session.ask,
                args=(question,),
                width="stretch" if is_start else "content",
            ):
                st.rerun()


# --- the conversation


def show_conversation(engine: QueryEngine, store: Conversations, found: Conversation) -> None:
    """Show the latest turns; the ones before when they are asked for."""
    if found.turns and found.turns[0].number > 1:
        before = _counted(found.turns[0].number - 1, "earlier question")
        st.button(f"Show {before}", on_click=session.show_all, args=(found.id,))
    within = engine.within(found.scope) if found.scope else engine
    for turn in found.turns:
        show_turn(Place(within, store, found.id, turn, turn is found.turns[-1]))


def show_turn(place: Place) -> None:
    """Show a question, and what came of it so far."""
    with st.chat_message("user", avatar=":material/person:"):
        st.text(place.turn.question)
    with st.chat_message("assistant", avatar=":material/format_quote:"):
        soon = _AT_ONCE_BY_MODEL if place.engine.llm else _AT_ONCE
        if place.is_live and place.writing and place.writing.wait(soon):
            place = place.renewed()
        # Looked at again and again only while it is being written.
        st.fragment(show_reply, run_every=_POLL if place.is_live else None)(place)
        if place.is_last and not place.is_live:
            show_next(place)
    feedback.show_dialog(place.store, place.conversation, place.turn, place.engine.index.folder)


def show_reply(place: Place) -> None:
    """Show what came of a question; a click in it runs no other part of the page."""
    live, turn = place.writing, place.turn
    if live and live.lost:
        st.warning(plain(live.lost), icon=":material/warning:")
        turn = replace(turn, state="failed", answer=live.answer, problem=live.problem or live.lost)
        place = place._replace(turn=turn)
    if turn.state == "asked" and live:
        if live.done or live.stopped:
            st.rerun()
        show_writing(place, live)
    elif turn.answer:
        stages = writing.summary(turn.answer)
        articles = _articles_of(place)
        data = drawn.answered(turn.answer, articles, stages, fresh=place.is_fresh)
        components.show_answer(data, key=f"answer-{place.key}")
        feedback.show(place.store, place.conversation, turn, place.engine.index.folder)
    else:
        show_problem(place)
    if st.query_params.get("debug"):
        debug.show(turn, live.answer if live else None)


def show_writing(place: Place, live: writing.Writing) -> None:
    """Show an answer as far as it is, with a button that stops it."""
    data = drawn.writing(stage=live.stage, draft=live.draft, searched=live.searched, fresh=place.is_fresh)
    components.show_answer(data, key=f"answer-{place.key}")
    stop = (place.store, place.conversation, place.turn)
    if st.button("Stop", key=f"stop-{place.key}", icon=":material/stop:", on_click=session.stop, args=stop):
        st.rerun()


def _articles_of(place: Place) -> dict[str, Article]:
    """Return the articles of today that the closest passages of a declined question are shown in."""
    answer = place.turn.answer
    if answer is None or answer.status != "abstained":
        return {}
    ids = (str(node.node.metadata.get("article_id")) for node in answer.source_nodes[: drawn.CLOSEST])
    return place.engine.index.catalogue.articles(ids)


def show_problem(place: Place) -> None:
    """Show why there is no answer, with the question at hand to try again."""
    turn = place.turn
    if turn.state == "failed":
        st.error(plain(turn.problem), icon=":material/error:")
    elif turn.state == "asked":
        st.caption(":material/hourglass_disabled: Broken off, or another program is still answering it.")
    else:
        st.text(turn.draft)
        st.caption(":material/stop_circle: Stopped; this was not checked to its end.")
    again = st.button("Ask again", key=f"again-{place.key}", on_click=session.ask, args=(turn.question,))
    if again:
        st.rerun()


def show_next(place: Place) -> None:
    """Offer questions to go on with, or to ask instead of one that was declined."""
    answer, engine = place.turn.answer, place.engine
    if answer is None:
        return
    declined = answer.status == "abstained"
    label = "Ask instead" if declined else "Go on with"
    find = suggest_rephrasings if declined else suggest_followups
    key = (str(place.store.path), place.conversation, place.turn.number)
    show_questions(label, key, lambda pace: find(answer, engine, pace=pace))


main()
