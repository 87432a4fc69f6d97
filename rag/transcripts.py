"""A stored conversation -> Markdown, one HTML page, or JSON; each answer as it is exported by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from .conversations import Conversation, StoredTurn
from .export import escape_markdown

_UNANSWERED = {
    "asked": "This was not answered to its end.",
    "stopped": "Stopped; what stood there was not checked to its end.",
    "failed": "There is no answer.",
}
_NOTE = re.compile(r"(?<!\\)\[\^(\d+)\]")
_PLACE = re.compile(r'\b(id="|href="#|aria-labelledby=")')


def to_dict(conversation: Conversation) -> dict[str, object]:
    """Return a conversation as JSON-ready values; answers are what `answer.to_dict()` gives."""
    return {
        "id": conversation.id,
        "title": conversation.title,
        "created": conversation.created,
        "updated": conversation.updated,
        "scope": conversation.scope.to_dict(),
        "turns": [_turn(turn) for turn in conversation.turns],
    }


def _turn(turn: StoredTurn) -> dict[str, object]:
    return {
        "number": turn.number,
        "question": turn.question,
        "searched": turn.searched,
        "state": turn.state,
        "asked": turn.asked,
        "answer": turn.answer.to_dict() if turn.answer else None,
        "draft": turn.draft,
        "problem": turn.problem,
        "feedback": turn.feedback._asdict() if turn.feedback else None,
    }


def to_markdown(conversation: Conversation) -> str:
    """Return a conversation as Markdown; the footnotes of turn 2 are called 2-1, 2-2 and so on."""
    turns = (block for turn in conversation.turns for block in _markdown(turn))
    return "\n\n".join([f"# {_plain(conversation.title)}", *turns])


def _markdown(turn: StoredTurn) -> Iterator[str]:
    yield f"## {_plain(turn.question)}"
    if turn.searched:
        yield f"*Searched: {_plain(turn.searched)}*"
    if turn.answer:
        yield _NOTE.sub(rf"[^{turn.number}-\1]", turn.answer.to_markdown())
        return
    yield f"*{_plain(turn.problem or _UNANSWERED[turn.state])}*"
    if turn.draft:
        yield escape_markdown(turn.draft)


def _plain(text: str) -> str:
    return escape_markdown(" ".join(text.split()))


def to_html(conversation: Conversation) -> str:
    """Return a conversation as one HTML page that needs nothing else, made of its answers' pages."""
    title = escape(" ".join(conversation.title.split()))
    pages = [turn.answer.to_html() for turn in conversation.turns if turn.answer]
    head = re.sub(r"<title>.*?</title>", lambda _: f"<title>{title}</title>", _head(pages), flags=re.DOTALL)
    parts = "".join(f"<article>\n{_section(turn)}</article>\n" for turn in conversation.turns)
    return f"{head}<body>\n<main>\n{parts}</main>\n</body>\n</html>\n"


def _head(pages: list[str]) -> str:
    """Return the head of an answer's page: its policy and its style."""
    if not pages:
        return '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title></title>\n</head>\n'
    return pages[0].partition("<body>")[0]


def _section(turn: StoredTurn) -> str:
    """Return what came of a turn; the places that its footnotes point to are named after it."""
    if turn.answer:
        inner = turn.answer.to_html().partition("<main>\n")[2].partition("</main>")[0]
        placed = _PLACE.sub(rf"\1turn-{turn.number}-", inner)
        searched = f'<p class="plain">Searched: {_line(turn.searched)}</p>\n' if turn.searched else ""
        return placed.replace("</h1>\n", f"</h1>\n{searched}", 1)
    problem = _line(turn.problem or _UNANSWERED[turn.state])
    draft = f"<p>{_line(turn.draft)}</p>\n" if turn.draft else ""
    return f'<h1 dir="auto">{_line(turn.question)}</h1>\n<p class="status">{problem}</p>\n{draft}'


def _line(text: str) -> str:
    return escape(" ".join(text.split()))
