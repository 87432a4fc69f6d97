from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from rag.answer import Answer
from rag.answering import DECLINE
from rag.citations import Footnoter, Marker, SentenceEnd, Source, Words
from rag.export import escape_markdown, marker_spans
from rag.schema import Article, Passage, Span

_RENDERER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
_MARKS = st.sampled_from(
    [
        "# ",
        "- ",
        "+ ",
        "* ",
        "1. ",
        "2) ",
        "> ",
        "**a**",
        "_a_",
        "`a`",
        "[a](b)",
        "![a](b)",
        "<b>",
        "&amp;",
        "~~a~~",
        "|a|b|\n|-|-|\n",
        "---",
        "===",
        "\n",
        " ",
        "a",
        "http://a.b",
        "www.a.b",
        "a@b.c",
        "\\",
        "[^1]",
        "[1]",
        ": ",
        "$x$",
    ]
)


def rendered(markdown: str) -> str:
    """What a reader sees; raises for any element but paragraphs."""
    html = _RENDERER.render(markdown)
    assert set(re.findall(r"</?(\w+)", html)) <= {"p"}, html
    return unescape(re.sub(r"</?p>", "", html))


@settings(deadline=None, max_examples=300)
@given(st.lists(_MARKS, max_size=12).map("".join) | st.text(st.characters(exclude_categories=["Cc", "Cs"])))
def test_escaped_text_shows_as_itself(text: str) -> None:
    lines = "\n".join(" ".join(line.split()) for line in text.splitlines())
    assert rendered(escape_markdown(lines)).split() == lines.split()


@pytest.mark.parametrize(
    "text", ["see http://a.b/c", "see HTTPS://a.b", "see www.a.b", "a@b.c", ":red[x]", "[a]: b"]
)
def test_bare_links_lose_what_makes_them_links(text: str) -> None:
    escaped = escape_markdown(text)
    assert not re.search(r"://|www\.|(?<!\\)@|(?<!\\)\[", escaped, re.IGNORECASE)
    assert rendered(escaped).strip() == text


def answer_with(quote: str, *words: str, title: str = "Title [x](y)\nand more") -> Answer:
    article = Article("u", title, f"{quote} More.", "Source", "2025-11-08")
    span = Span(0, len(quote))
    passage = Passage("p", article.id, 0, len(article.text), 9, (span,))
    footnoter = Footnoter([Source(1, passage, article, 1.0)], exempt=[DECLINE])
    for text in words:
        footnoter.feed(Words(text))
        if text != DECLINE:
            footnoter.feed(Marker(1, span))
        footnoter.feed(SentenceEnd("\n"))
    return Answer(
        response=footnoter.text,
        status="partial",
        sentences=footnoter.sentences,
        citations=footnoter.citations,
    )


def test_markdown_has_its_footnotes_where_the_text_has_its_markers() -> None:
    answer = answer_with(
        "It said “see [1] and *this*”.", "It said “see [1] and *this*”.", "It said 5.", DECLINE
    )

    assert answer.text == (f"It said “see [1] and *this*”. [1]\nIt said 5. [1] [unsupported]\n{DECLINE}")
    assert [answer.text[span.start : span.end] for _, span in marker_spans(answer.sentences)] == [
        "[1]",
        "[1]",
    ]
    assert answer.to_markdown() == (
        "It said “see \\[1\\] and \\*this\\*”. [^1]\n"
        "It said 5. [^1] \\[unsupported\\]\n"
        f"{DECLINE}\n\n"
        "[^1]: “It said “see \\[1\\] and \\*this\\*”.” — Title \\[x\\]\\(y\\) and more, Source, 2025-11-08, "
        "characters 0–29 — located, not consistent \\(not in the source: 5\\)"
    )
    assert [sentence.text for sentence in answer.unsupported] == ["It said 5."]


def test_a_notice_stands_first() -> None:
    answer = answer_with("It was so.", "It was so.")
    answer.notice = "The model a*b gave no answer."

    assert answer.to_markdown().startswith("*The model a\\*b gave no answer.*\n\nIt was so. [^1]\n\n[^1]: ")
    assert str(answer) == "The model a*b gave no answer.\n\nIt was so. [1]"
