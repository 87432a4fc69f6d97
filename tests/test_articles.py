from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rag import articles
from rag.articles import FoundFile, find_files, path_of, read_article, uri_of
from rag.errors import ArticleError
from rag.schema import Article
from tests.conftest import SEEDS

Write = Callable[[str, str | bytes], Path]
TEXT = "The ministers met in Paris. They agreed on nothing."
LINK = "a link inside a folder is not followed; name it to ingest it"


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


def reason_for(path: Path) -> str:
    with pytest.raises(ArticleError) as caught:
        read_article(path)
    return str(caught.value)


def test_the_seeds_have_titles_made_from_their_text_and_one_names_its_source() -> None:
    first, second = (read_article(path) for path in sorted(SEEDS.iterdir()))

    assert first.title == "The latest round of Afghanistan–Pakistan peace talks in Istanbul has collapsed…"
    assert first.source is None
    assert second.title == "The third round of peace negotiations between Afghanistan and Pakistan has ended…"
    assert second.source == "ANI"
    assert first.text == (SEEDS / "000_abc7d57044bbd6c6.txt").read_text("utf-8")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1252"])
def test_text_is_read_in_the_encoding_it_has(write: Write, encoding: str) -> None:
    text = "“A café naïve – for € 5,” he said.\nThe talks in Genève failed."

    assert read_article(write("a.txt", text.encode(encoding))).text == text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Caf\xe9", "latin-1"),
        ("Министр сказал, что переговоры провалились.", "cp1251"),
        ("日本の首相は会談について述べた。", "shift_jis"),
        (
            "Minister powiedział, że rozmowy zakończyły się źle. Prezydent był obecny w Łodzi.",
            "cp1250",
        ),
    ],
)
def test_other_encodings_are_recognised(write: Write, text: str, encoding: str) -> None:
    assert read_article(write("a.txt", text.encode(encoding))).text == text


def test_line_ends_become_newlines_and_a_stray_nul_a_space(write: Write) -> None:
    raw = b"One line.\r\nTwo lines.\rThree\x00lines. " + b"And more words follow. " * 10

    text = read_article(write("a.txt", raw)).text

    assert text.startswith("One line.\nTwo lines.\nThree lines. And")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b" \n\t ", "empty file"),
        ("\u00a0\u2003".encode(), "no text in it"),
        (b"?!... --- ***", "no text in it"),
        (b"__ _", "no text in it"),
        (bytes(range(256)) * 8, "binary file, not text"),
        (b"\x00\x01\x02\x03" * 100, "binary file, not text"),
        (b"\x89PNG\r\n\x1a\n" + b"\x00" * 50, "binary file, not text"),
        (b"\xff\xfe\x00\xd8", "binary file, not text"),  # UTF-16 that ends in half a pair
        (b"\x81\x8d\x8f\x90\x9d\xff\xa0\x01" * 20, "encoding not recognised; save it as UTF-8"),
    ],
)
def test_what_is_no_text_is_refused_with_the_reason(write: Write, content: bytes, reason: str) -> None:
    assert reason_for(write("a.txt", content)) == reason


def test_front_matter_gives_the_particulars(write: Write) -> None:
    head = '---\r\nTitle: "Talks: a failure"\r\nsource: ANI\r\ndate: 2025-11-08T10:00\r\nother\r\n---\r\n'

    article = read_article(write("a.txt", head + TEXT))

    assert article == Article(
        uri=article.uri, title="Talks: a failure", text=TEXT, source="ANI", date="2025-11-08"
    )


@pytest.mark.parametrize("date", ["2025-13-41", "yesterday", ""])
def test_a_date_that_is_none_is_left_out(write: Write, date: str) -> None:
    assert read_article(write("a.md", f"---\ndate: {date}\n---\n{TEXT}")).date is None


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Talks fail\n\nThe ministers met.", "Talks fail"),
        ("Talks fail\n   \nThe ministers met.", "Talks fail"),
        ("Talks fail.\n\nThe ministers met.", "Talks fail"),
        ("The ministers met\nin Paris. They left.", "The ministers met in Paris"),
        ("***\n\nThe ministers met.", "The ministers met"),
        ("...\n\n--- \n\n“Peace,” she said. They left.", "“Peace,” she said"),
        ("word " * 40, "word " * 15 + "word…"),
        ("x" * 200, "x" * 80 + "…"),
        ("." * 6000 + " The ministers met.", "The ministers met"),
        ("Talks fail", "Talks fail"),
    ],
)
def test_an_article_without_a_headline_gets_a_title_from_its_text(
    write: Write, text: str, title: str
) -> None:
    assert read_article(write("0123abcd.txt", text)).title == title


@pytest.mark.parametrize(
    ("line", "source"),
    [
        ("Based On ANI Report", "ANI"),
        ("(With inputs from PTI)", "PTI"),
        ("Source: Khaama Press", "Khaama Press"),
        ("This is based on a report that nobody has seen. It says more.", None),
    ],
)
def test_a_credit_line_names_the_source(write: Write, line: str, source: str | None) -> None:
    assert read_article(write("a.txt", f"{TEXT}\n\n{line}\n\n\n")).source == source


def test_a_file_of_blank_lines_takes_no_time(write: Write) -> None:
    article = read_article(write("a.txt", "\n" * 300_000 + "Based on " + " " * 100_000 + "\n- " * 50_000))

    assert article.title == "Based on"


def test_markdown_becomes_plain_words(write: Write) -> None:
    article = read_article(
        write(
            "a.md",
            "Intro with **bold** `code` and a [link](https://e.org 'x').\n\n# Talks *fail*\n\n"
            "![The ministers](a.png) met<br>\nin <b>Paris</b>.\n\n- one\n- two\n\n"
            "<div>Boxed <i>words</i><script>alert(1)</script></div>\n\n<!-- hidden -->\n\n"
            "```\nfenced text\n```\n\n---\n\nAT&amp;T &#xD800; said.\n",
        )
    )

    assert article.title == "Talks fail"
    assert article.text == (
        "Intro with bold code and a link.\n\nTalks fail\n\nThe ministers met\nin Paris.\n\none\n\ntwo\n\n"
        "Boxed words\n\nfenced text\n\nAT&T \ufffd said."
    )


PAGE = """<html><head><title>Talks fail | The Daily</title>
<meta property="og:title" content="Talks fail"><meta property="og:site_name" content="The Daily">
<meta property="article:published_time" content="2025-11-08T10:00:00Z">{head}</head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/w">World</a></li></ul></nav>
<article><h1>Talks fail</h1>
<p>The ministers met in Genève on Saturday and they agreed on nothing at all, officials said.</p>
<p hidden>Unseen by attribute, and long enough to be a paragraph of the article.</p>
<p style="color: red; display: none">Unseen by style, and long enough to be a paragraph.</p>
<div style="visibility:hidden">Unseen by visibility, and long enough to be a paragraph.</div>
<div aria-hidden="true">Unseen by aria, and long enough to be a paragraph of the article.</div>
<script>var unseen = "Unseen by script";</script><template>Unseen template</template><!-- Unseen comment -->
<p>Both sides blamed each other for the failure of the talks, which had lasted for two days.</p>
</article><footer><p>Unseen footer: cookies, terms and privacy.</p></footer></body></html>"""


def test_html_gives_the_article_without_what_is_hidden_or_around_it(write: Write) -> None:
    article = read_article(write("a.html", PAGE.format(head="")))

    assert (article.title, article.source, article.date) == ("Talks fail", "The Daily", "2025-11-08")
    assert "Genève on Saturday" in article.text
    assert ".\n\nBoth sides blamed" in article.text
    assert "nseen" not in article.text
    assert "World" not in article.text


def test_html_in_the_encoding_that_it_declares(write: Write) -> None:
    page = PAGE.format(head='<meta charset="iso-8859-2">').replace("Genève", "Łodzi")

    assert "Łodzi" in read_article(write("a.htm", page.encode("iso-8859-2"))).text


def test_html_with_a_declared_encoding_that_does_not_exist(write: Write) -> None:
    page = PAGE.format(head='<meta charset="no-such">').encode("cp1252")

    assert "Genève" in read_article(write("a.htm", page)).text


@pytest.mark.parametrize(
    "page",
    [
        "<html><body></body></html>",
        "<!-- only a comment -->",
        "<p></p>",
        "<div>" * 50_000,
        "<html><head><title>T</title></head><body><script>words</script></body></html>",
    ],
)
def test_html_without_an_article_is_refused(
    write: Write, page: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert reason_for(write("a.html", page)) == "no article text found in this HTML"
    assert capfd.readouterr() == ("", "")


def test_html_on_which_the_extraction_fails_is_refused(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RecursionError

    monkeypatch.setattr("trafilatura.bare_extraction", fail)

    assert reason_for(write("a.html", PAGE.format(head=""))) == "no article text found in this HTML"


def test_kinds_of_file_that_are_not_read(write: Write, tmp_path: Path) -> None:
    assert reason_for(write("a.pdf", TEXT)) == ".pdf: only .txt, .md and .html are read"
    assert reason_for(write("article", TEXT)) == "no suffix: only .txt, .md and .html are read"
    (tmp_path / "folder.txt").mkdir()
    assert reason_for(tmp_path / "folder.txt") == "not a regular file"
    os.mkfifo(tmp_path / "fifo.txt")
    assert reason_for(tmp_path / "fifo.txt") == "not a regular file"


def test_files_that_cannot_be_read(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.txt").symlink_to("/proc/self/mem")
    assert reason_for(tmp_path / "memory.txt").startswith("cannot be read (")
    assert reason_for(tmp_path / "gone.txt") == "no such file or folder; check the spelling"
    (tmp_path / "round.txt").symlink_to("round.txt")
    assert reason_for(tmp_path / "round.txt").startswith("cannot be read (too many levels")
    monkeypatch.setattr(articles, "MAX_BYTES", 40)
    assert reason_for(write("large.txt", TEXT)) == "larger than 0 MB"


def test_a_file_without_read_permission(write: Write, tmp_path: Path) -> None:
    path = write("a.txt", TEXT)
    path.chmod(0)
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(0o755)
    code = (
        "import os, sys; from pathlib import Path; from rag.articles import read_article\n"
        "from rag.errors import ArticleError\n"
        "if os.getuid() == 0: os.setuid(65534)\n"
        "try: read_article(Path(sys.argv[1]))\n"
        "except ArticleError as error: print(error)\n"
    )

    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)

    assert done.stdout == "cannot be read (permission denied)\n"


def test_a_folder_is_walked_in_order_without_links_and_hidden_files(write: Write, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    outside = write("outside.txt", TEXT)
    for name in ("b.txt", "a/c.md", "a/b.HTML", ".hidden.txt", ".git/d.txt", "e.pdf", "x.txt/y.txt"):
        write(f"folder/{name}", TEXT)
    (folder / "a" / "link.txt").symlink_to(outside)
    (folder / "loop").symlink_to(folder)
    (folder / "a" / "link.pdf").symlink_to(outside)
    os.mkfifo(folder / "fifo.txt")

    found = [(str(f.path.relative_to(folder)), f.failure) for f in find_files([folder])]

    assert found == [
        ("b.txt", None),
        ("loop", LINK),
        ("a/b.HTML", None),
        ("a/c.md", None),
        ("a/link.txt", LINK),
        ("x.txt/y.txt", None),
    ]


def test_a_link_or_folder_that_is_named_is_followed(write: Write, tmp_path: Path) -> None:
    target = write("real/a.txt", TEXT)
    (tmp_path / "a.txt").symlink_to(target)
    (tmp_path / "folder").symlink_to(tmp_path / "real")

    found = list(find_files([tmp_path / "a.txt", tmp_path / "folder"]))

    assert [file.failure for file in found] == [None, None]
    assert {uri_of(file.path) for file in found} == {target.as_uri()}


@pytest.mark.parametrize("name", ["gone", "gone/a.txt", "nul\0.txt", "n" * 300 + ".txt"])
def test_a_path_that_is_not_there_is_reported(tmp_path: Path, name: str) -> None:
    (file,) = find_files([tmp_path / name])

    assert file.path == tmp_path / name
    assert file.failure is not None
    assert file.failure.startswith(("no such file", "cannot be read (file name too long)"))


def test_a_folder_that_cannot_be_listed_is_reported(
    write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("closed/a.txt", TEXT)
    open_ = write("open/a.txt", TEXT)
    scandir = os.scandir

    def guarded(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", guarded)

    assert list(find_files([tmp_path])) == [
        FoundFile(open_),
        FoundFile(tmp_path / "closed", "cannot be read (permission denied)", is_folder=True),
    ]


@pytest.mark.parametrize(
    "name", ["with space.txt", "čaj 日本.txt", "new\nline.txt", "100%#?;.txt", "\udcff.txt"]
)
def test_any_file_name_makes_a_uri_and_comes_back(write: Write, tmp_path: Path, name: str) -> None:
    path = write(name, TEXT)

    article = read_article(path)

    assert article.uri.isascii()
    assert article.uri == uri_of(path)
    assert path_of(article.uri) == path
    assert article.title == "The ministers met in Paris"


def test_uris_of_paths_that_lead_nowhere(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")

    assert uri_of(tmp_path / "round") == f"{tmp_path.as_uri()}/round"
    assert path_of("https://example.org/a.txt") is None
