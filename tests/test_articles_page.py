from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from rag.index import Index
from rag.ingestion import ingest, ingest_articles
from rag.schema import Article
from rag.settings import Settings
from tests.conftest import ROOT, STYLE

BREAD = b"Oslo bakers win a prize\n\nAnna Berg baked bread in Oslo on Monday. She said that it was good."


@pytest.fixture
def folder(seeds_index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An index of the seeds that may be written to."""
    index = shutil.copytree(seeds_index, tmp_path / "index")
    monkeypatch.setenv("RAG_INDEX", str(index))
    yield index
    st.cache_resource.clear()
    st.cache_data.clear()


def articles_page(**query: str) -> AppTest:
    page = AppTest.from_file(str(ROOT / "ui" / "app.py"), default_timeout=30).run()
    page.switch_page("articles_page.py")
    for name, value in query.items():
        page.query_params[name] = value
    return clean(page.run())


def clean(page: AppTest) -> AppTest:
    assert not page.exception
    return page


def rows(page: AppTest, key: str) -> list[list[str]]:
    """Return the cells of a table of the page, no rows when it is not there."""
    drawn = [element for element in page.get("bidi_component") if element.key == key]
    data: Any = json.loads(drawn[-1].proto.json) if drawn else {"rows": []}
    return [row["cells"] for row in data["rows"]]


def press(page: AppTest, label: str) -> AppTest:
    return clean(next(button for button in page.button if button.label == label).click().run())


def upload(page: AppTest, *files: tuple[str, bytes]) -> AppTest:
    page.file_uploader[0].set_value([(name, data, "text/plain") for name, data in files])
    return press(page, "Add to the index")


def id_of(folder: Path, title: str) -> str:
    with Index.open(folder) as index:
        return next(entry.id for entry in index.catalogue.entries() if entry.title.startswith(title))


def test_articles_are_listed_and_counted(folder: Path) -> None:
    page = articles_page()

    assert page.main.caption[0].value == "2 articles, 5 passages · none is dated"
    assert [row[1:] for row in rows(page, "articles")] == [
        ["–", "undated", "2", "indexed"],
        ["ANI", "undated", "3", "indexed"],
    ]
    assert rows(page, "failures") == []
    charts = [e.proto.json for e in page.get("bidi_component") if e.key in {"over-time", "by-source"}]
    assert ["<desc>" in chart for chart in charts] == [True, True]


def test_uploads_are_read_and_each_file_has_its_line(folder: Path) -> None:
    page = upload(articles_page(), ("../bread.txt", BREAD), ("bad.txt", b"\x00\x01"), ("empty.md", b""))

    assert rows(page, "report") == [
        ["bad.txt", "failed", "binary file, not text"],
        ["empty.md", "failed", "empty file"],
        ["bread.txt", "added", ""],
    ]
    names = sorted(path.name for path in (folder / "uploads").iterdir())
    assert names == ["bad.txt", "bread.txt", "empty.md"]
    assert rows(page, "articles")[0][0] == "Oslo bakers win a prize"

    again = upload(articles_page(), ("bread.txt", BREAD + b" More."), ("empty.md", BREAD))
    assert rows(again, "report") == [["empty.md", "added", ""], ["bread.txt", "updated", ""]]


def test_failed_files_stay_with_their_reason_until_they_are_mended_or_forgotten(folder: Path) -> None:
    upload(articles_page(), ("bad.txt", b"\x00\x01"), ("worse.txt", b""))
    page = articles_page()

    assert rows(page, "failures") == [
        ["bad.txt", "binary file, not text", "nothing"],
        ["worse.txt", "empty file", "nothing"],
    ]

    (folder / "uploads" / "bad.txt").write_bytes(BREAD)
    page = press(page, "Try these again")
    assert rows(page, "failures") == [["worse.txt", "empty file", "nothing"]]

    page = press(page, "Forget them")
    assert rows(page, "failures") == []
    assert not (folder / "uploads" / "worse.txt").exists()


def test_an_address_that_may_not_be_read_says_why(folder: Path) -> None:
    page = articles_page()
    page.text_area[0].set_value("http://127.0.0.1:1/a")
    page = press(page, "Add to the index")

    assert rows(page, "report") == [
        [
            "http://127.0.0.1:1/a",
            "failed",
            "an address of this machine or its network; set RAG_FETCH_PRIVATE=1 to allow those",
        ]
    ]


@pytest.mark.parametrize(
    ("typed", "words"), [("", "Choose a file or type an address"), ("news.example/a", "is no address")]
)
def test_nothing_to_add_is_one_line(folder: Path, typed: str, words: str) -> None:
    page = articles_page()
    page.text_area[0].set_value(typed)
    page = press(page, "Add to the index")

    assert len(page.warning) == 1
    assert words in page.warning[0].value


def test_a_search_narrows_the_list(folder: Path) -> None:
    page = articles_page()
    page.text_input(key="article-search").set_value("ani THIRD").run()
    assert [row[1] for row in rows(page, "articles")] == ["ANI"]

    page.text_input(key="article-search").set_value("zebra").run()
    assert rows(page, "articles") == []
    assert "No article matches" in page.info[0].value


def test_an_article_is_read_with_its_passages(folder: Path) -> None:
    page = articles_page(article=id_of(folder, "The third"))

    assert rows(page, "passages") == [
        ["Passage 1", "0–1,333", "236"],
        ["Passage 2", "1,334–2,739", "256"],
        ["Passage 3", "2,741–3,703", "176"],
    ]
    page = press(page, "All articles")
    assert len(rows(page, "articles")) == 2


def test_an_article_is_deleted_once_that_is_confirmed(folder: Path) -> None:
    page = articles_page(article=id_of(folder, "The third"))

    page = press(page, "Delete")
    assert len(rows(articles_page(), "articles")) == 2
    page = press(page, "Delete it")

    assert [row[1] for row in rows(page, "articles")] == ["–"]


def test_an_article_is_read_again_from_its_file(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "bread.txt"
    file.write_bytes(BREAD)
    ingest(file, index=folder, settings=Settings())
    file.write_bytes(BREAD.replace(b"prize", b"medal"))
    page = press(articles_page(article=id_of(folder, "Oslo bakers")), "Read again")

    assert rows(page, "report") == [["bread.txt", "updated", ""]]

    file.unlink()
    assert "no such file or folder" in press(page, "Read again").error[0].value


def test_articles_that_are_no_files_cannot_be_read_again(folder: Path) -> None:
    ingest_articles([Article("memo:1", "Memo", BREAD.decode())], index=folder, settings=Settings())
    page = press(articles_page(article=id_of(folder, "Memo")), "Read again")

    assert "did not come from files or addresses" in page.warning[0].value


def test_without_an_index_the_first_upload_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAG_INDEX", str(tmp_path / "new"))
    page = upload(articles_page(), ("bread.txt", BREAD))

    assert [row[0] for row in rows(page, "articles")] == ["Oslo bakers win a prize"]
    st.cache_resource.clear()


def test_two_windows_see_what_the_other_adds_and_keep_their_own_report(folder: Path) -> None:
    one, other = articles_page(), articles_page()
    upload(one, ("bread.txt", BREAD))
    other.run()

    assert len(rows(other, "articles")) == 3
    assert rows(other, "report") == []


def test_hostile_names_and_titles_stay_data(folder: Path) -> None:
    hostile = b"<img src=http://127.0.0.1:9/a.png> ![x](http://127.0.0.1:9/b.png)\n\nSome text stands here."
    page = upload(articles_page(), ("<script>alert(1)<script>.txt", hostile))

    assert "![x](http://127.0.0.1:9/b.png)" in rows(page, "articles")[0][0]
    shown = [*page.markdown, *page.main.caption, *page.text]
    assert not any("127.0.0.1:9" in str(element.value) for element in shown)
    assert [element.proto.body for element in page.get("html")] == [STYLE]
