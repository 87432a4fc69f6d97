from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from llama_index.core.schema import NodeWithScore, TextNode
from markdown_it import MarkdownIt

from rag.answer import Answer
from rag.answering import DECLINE
from rag.citations import Footnoter, Marker, SentenceEnd, Source, Words
from rag.export import answer_spans, by_turns, escape_markdown, marker_spans
from rag.schema import Article, Passage, Span, Status
from tests.answers import BEFORE, QUOTE, WHO, answer_by, answer_with_accounts

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


def test_the_reason_stands_above_what_is_not_whole() -> None:
    answer = Answer(response=DECLINE, reason="The articles do not mention “a*b”.", notice="No model.")

    assert answer.to_markdown() == f"*No model.*\n\n*The articles do not mention “a\\*b”.*\n\n{DECLINE}"


def test_a_notice_stands_first() -> None:
    answer = answer_with("It was so.", "It was so.")
    answer.notice = "The model a*b gave no answer."

    assert answer.to_markdown().startswith("*The model a\\*b gave no answer.*\n\nIt was so. [^1]\n\n[^1]: ")
    assert str(answer) == "The model a*b gave no answer.\n\nIt was so. [1]"


# --- HTML

HOSTILE = (
    "<script>fetch('http://evil.test/s')</script> <img src=http://evil.test/i onerror=alert(1)> "
    "![x](http://evil.test/m.png) <a href=\"javascript:alert(1)\">x</a> <style>@import 'http://evil.test/c';"
    "</style></title><meta http-equiv=refresh content=0;url=http://evil.test> \u202eturned\x1b[2J \x00"
)
HARMLESS = {
    "html", "head", "meta", "title", "style", "body", "main", "footer", "section",
    "h1", "h2", "p", "strong", "span", "sup", "a", "ol", "ul", "li", "blockquote", "br", "bdi",
}  # fmt: skip


class Page(HTMLParser):
    """The elements of a page with their attributes, and its words."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data

    @property
    def text(self) -> str:
        return " ".join(self.words.split())

    def having(self, name: str) -> list[str]:
        """Return the values of an attribute, in the order of the page."""
        return [value or "" for _, found in self.elements for key, value in found.items() if key == name]


def test_the_page_has_its_footnotes_below_and_links_both_ways() -> None:
    answer = answer_with("It said “yes”.", "It said “yes”.", "It said 5.", "It said “yes”.", DECLINE)
    answer.question, answer.reason = "What <did> it say?", "1 of 3 sentences could not be checked."

    page = Page(answer.to_html())

    assert page.open == []
    assert page.having("href") == [
        "#note-1", "#note-1", "#note-1", "#use-1-1", "#use-2-1", "#use-3-1",
    ]  # fmt: skip
    assert set(page.having("href")) <= {f"#{id_}" for id_ in page.having("id")}
    assert len(set(page.having("id"))) == len(page.having("id"))
    assert page.having("role") == ["doc-noteref"] * 3 + ["doc-endnotes"] + ["doc-backlink"] * 3
    assert page.having("lang") == ["en"]
    assert page.text == (
        "What <did> it say? What <did> it say? Answered in part · 1 of 3 sentences could not be checked. "
        "It said “yes”.[1] It said 5.[1] (unsupported, not in its sources: 5) It said “yes”.[1] "
        f"{DECLINE} Footnotes Located: the quoted words stand in the article at this place. Consistent: "
        "every number, date, name and quotation of the sentence stands in the cited passage. Neither says "
        "that the passage implies the sentence; for that, read it. [1] “It said “yes”.” Title [x](y) and "
        "more, Source, 2025-11-08 characters 0–14 of u · located, not consistent (not in the source: 5) "
        "↩\ufe0e ↩\ufe0e ↩\ufe0e Quoted from the articles, without a model."
    )


def test_an_unsupported_sentence_looks_different() -> None:
    answer = answer_with("It was so.", "It was so.", "It said 5.")

    page = answer.to_html()

    assert page.count('class="bad"') == 1
    assert '<span class="bad" dir="auto">It said 5.</span>' in page


def test_a_declined_question_shows_why_and_what_was_closest() -> None:
    node = TextNode(
        text="Talks " + "went on " * 60, metadata={"title": "Talks", "uri": "file:///home/me/a%20b.txt"}
    )
    answer = Answer(
        response=DECLINE,
        question="Who won?",
        reason="The articles do not tell.",
        notice="The model gave no answer.",
        source_nodes=[NodeWithScore(node=node)] * 5,
    )

    page = Page(answer.to_html())

    passage = f"“Talks {'went on ' * 39}…” Talks, undated characters 0–486 of a b.txt"
    assert page.text == (
        "Who won? Who won? Not answered · The articles do not tell. The model gave no answer. "
        f"{DECLINE} Closest passages {passage} {passage} {passage} Quoted from the articles, without a model."
    )


def test_a_hostile_article_is_only_words_in_the_page() -> None:
    answer = answer_with(HOSTILE, HOSTILE, "Killed 5.", title=HOSTILE)
    answer.question = answer.reason = answer.notice = answer.model = HOSTILE
    answer.source_nodes = [NodeWithScore(node=TextNode(text=HOSTILE, metadata={"title": HOSTILE}))]
    statuses: tuple[Status, ...] = ("partial", "abstained")
    for answer.status in statuses:
        html = answer.to_html()
        page = Page(html)

        assert {tag for tag, _ in page.elements} <= HARMLESS
        assert {name for _, attributes in page.elements for name in attributes} <= {
            "lang", "charset", "http-equiv", "content", "name", "class", "id", "dir", "role", "href",
            "aria-label", "aria-labelledby",
        }  # fmt: skip
        assert all(link.startswith("#") for link in page.having("href"))
        assert page.having("http-equiv") == ["Content-Security-Policy"]
        assert page.having("content") == [
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'",
            "width=device-width, initial-scale=1",
            "no-referrer",
        ]
        assert html.count("<style>") == html.count("</style>") == 1
        assert not re.search("[\x00-\x08\x0b-\x1f\u202e]", html)
        assert "<script>fetch('http://evil.test/s')</script>" in page.text


@settings(deadline=None)
@given(st.text(), st.text())
def test_any_words_make_a_whole_page(words: str, title: str) -> None:
    answer = answer_with("It was so.", words, "It was so.", title=title)
    answer.question = words

    page = Page(answer.to_html())

    assert page.open == []
    assert {tag for tag, _ in page.elements} <= HARMLESS
    assert answer.to_html().encode("utf-8")


def test_markdown_tells_what_differs_and_each_part() -> None:
    answer = answer_with_accounts()

    assert answer.text == "In Herald <b>: He said 4. [1] He said 5. [2]"
    body, differ, parts, *_ = answer.to_markdown().split("\n\n")
    assert body == "*In Herald \\<b\\>:* He said 4. [^1] He said 5. [^2]"
    assert differ == "**The articles differ:** 4 (Herald \\<b\\>) [^1]; 5 (“Two”) [^2]"
    assert parts == "- What was said? [^1][^2]\n- Who \\<sang\\>? — not told"


def test_the_page_tells_what_differs_and_each_part() -> None:
    page = answer_with_accounts().to_html()

    assert (
        '<span class="lead" dir="auto">In Herald &lt;b&gt;:</span> <span dir="auto">He said 4.</span>' in page
    )
    assert (
        '4 <span>(Herald &lt;b&gt;)</span><sup><a href="#note-1" aria-label="Footnote 1">[1]</a></sup>'
        in page
    )
    assert 'Who &lt;sang&gt;? <span class="untold">— not told</span>' in page


def test_the_dictionary_holds_lead_ins_and_parts() -> None:
    told = answer_with_accounts().to_dict()

    assert [sentence["lead_in"] for sentence in told["sentences"]] == ["In Herald <b>:", ""]  # type: ignore[attr-defined]
    assert told["parts"] == [
        {"text": "What was said?", "asks": "what", "status": "answered", "sentences": [0, 1]},
        {"text": "Who <sang>?", "asks": "who", "status": "abstained", "sentences": []},
    ]


# --- the words that answer


def pieces_of(answer: Answer) -> list[str]:
    """Return the first sentence by turns plain and bold."""
    sentence = answer.sentences[0]
    return by_turns(sentence.text, answer_spans(sentence, answer.citations))


def test_the_words_that_answer_are_bold_in_the_sentence_and_in_the_quote() -> None:
    answer = answer_by(WHO)

    body, note = answer.to_markdown().split("\n\n")
    assert body == "Four people and 5 dogs were saved, said **Captain Ida Holm**, 41. [^1]"
    assert note.startswith(
        "[^1]: “Four people and 5 dogs were saved, said **Captain Ida Holm**, 41.” — Rescue, "
    )
    page = answer.to_html()
    words = "Four people and 5 dogs were saved, said <strong>Captain Ida Holm</strong>, 41."
    assert f'<span dir="auto">{words}</span><sup>' in page
    assert f'<blockquote dir="auto">“{words}”</blockquote>' in page


@pytest.mark.parametrize("answer", [None, Span(-len(BEFORE), 4)])
def test_without_words_in_the_quote_that_answer_nothing_is_bold(answer: Span | None) -> None:
    told = answer_by(answer)

    assert told.to_markdown().startswith(f"{QUOTE} [^1]\n\n[^1]: “{QUOTE}” — ")
    assert f'<span dir="auto">{QUOTE}</span>' in told.to_html()
    assert f'<blockquote dir="auto">“{QUOTE}”</blockquote>' in told.to_html()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answer_by(Span(14, 15), quote="It saw 41 and 4."), ["It saw 41 and ", "4", "."]),
        (answer_by("on\tMonday", quote="Four\n died  on\tMonday."), ["Four died ", "on Monday", "."]),
        (answer_by("in", quote="A day in the port.", shown="… in the port …"), ["… ", "in", " the port …"]),
        (answer_by(WHO, shown="It was Captain Ida Holm."), ["It was ", WHO, "."]),
        (answer_by(WHO, shown="One Captain Holm said so."), ["One Captain Holm said so."]),
        (answer_by("5", shown="Of 15 dogs 5 were saved."), ["Of 15 dogs ", "5", " were saved."]),
    ],
)
def test_the_words_that_answer_are_found_in_a_sentence(answer: Answer, expected: list[str]) -> None:
    assert pieces_of(answer) == expected


def test_the_words_of_several_footnotes_are_bold_each_once() -> None:
    article = Article("u", "Talks", "Turkey and Qatar mediated in Doha.")
    span = Span(0, len(article.text))
    source = Source(1, Passage("p", article.id, *span, 9, (span,)), article, 1.0)
    other = Source(2, Passage("q", article.id, *span, 9, (span,)), replace(article, uri="v"), 1.0)
    footnoter = Footnoter([source, other])
    for event in (
        Words(article.text),
        Marker(1, span, Span(0, 10)),
        Marker(2, span, Span(7, 16)),
        SentenceEnd(),
    ):
        footnoter.feed(event)

    answer = Answer(footnoter.text, sentences=footnoter.sentences, citations=footnoter.citations)

    assert answer.to_markdown().startswith("**Turkey and Qatar** mediated in Doha. [^1][^2]\n\n")


@pytest.mark.parametrize(
    ("quote", "answer", "markdown"),
    [
        ("It cost US$4.", "$4", "It cost US\\$**4**."),
        ("She said “no”.", "“no”", "She said **“no”**."),
        ("It was “*no*”s.", "“*no*”", "It was **“\\*no\\***”s."),
        ("It was -$-.", "-$-", "It was **\\-\\$-**."),
        ("Say a$b now.", "$", "Say a\\$b now."),
    ],
)
def test_only_what_every_markdown_reader_shows_bold_is_marked(quote: str, answer: str, markdown: str) -> None:
    shown = answer_by(answer, quote=quote).to_markdown().partition(" [^1]")[0]

    assert shown == markdown
    assert _RENDERER.render(shown).count("<strong>") == markdown.count("**") // 2


@settings(deadline=None, max_examples=300)
@given(st.lists(_MARKS, min_size=1, max_size=12).map("".join) | st.text(min_size=1), st.data())
def test_bold_words_change_no_other_character(quote: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(quote)))
    end = data.draw(st.integers(start, len(quote)))
    bold, plain = answer_by(Span(start, end), quote=quote), answer_by(None, quote=quote)

    shown = _RENDERER.render(bold.to_markdown())
    assert without_bold(shown) == without_bold(_RENDERER.render(plain.to_markdown()))
    assert without_bold(bold.to_html()).split() == without_bold(plain.to_html()).split()
    assert Page(bold.to_html()).open == []


def without_bold(html: str) -> str:
    return re.sub(r"</?strong>", "", html)


def test_a_hostile_article_stays_words_when_some_of_them_are_bold() -> None:
    page = Page(answer_by(HOSTILE[:40], quote=HOSTILE, title=HOSTILE).to_html())

    assert {tag for tag, _ in page.elements} <= HARMLESS
    assert page.text.count("<script>fetch('http://evil.test/s')</script>") == 3
