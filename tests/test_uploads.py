from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rag.catalogue import Catalogue, Failed
from rag.errors import IndexFolderError
from rag.index import CATALOGUE, Index
from rag.ingestion import ingest, recipe_of, remove
from rag.settings import Settings
from rag.uploads import safe_name, store_upload
from tests.conftest import BagOfWords

TEXT = b"Anna Berg baked bread in Oslo on Monday."


@pytest.mark.parametrize(
    ("given_name", "name"),
    [
        ("talks.txt", "talks.txt"),
        ("../../etc/passwd.txt", "passwd.txt"),
        ("C:\\news\\talks.md", "talks.md"),
        (".hidden.txt", "hidden.txt"),
        ("..", "article"),
        ("a\x00b\nc.txt", "a b c.txt"),
        ("<b>.html", "b.html"),
        ("Türkei 🙂.txt", "Türkei 🙂.txt"),
        ("x" * 300 + ".txt", "x" * 116 + ".txt"),
    ],
)
def test_a_name_given_by_a_browser_does_no_harm(given_name: str, name: str) -> None:
    assert safe_name(given_name) == name


@given(some.text(max_size=300))
def test_every_name_stays_in_its_folder(name: str) -> None:
    path = Path("folder") / safe_name(name)

    assert path.parent == Path("folder")
    assert not path.name.startswith(".")
    assert len(path.name.encode("utf-8", "replace")) <= 130


def listed(index: Path) -> tuple[list[str], list[Failed]]:
    with closing(Catalogue(index / CATALOGUE)) as catalogue:
        return [entry.uri for entry in catalogue.entries()], catalogue.failures()


def read(*paths: Path, index: Path) -> None:
    ingest(paths, index=index, settings=Settings(), embedding=BagOfWords())


def test_an_upload_is_read_again_from_the_index_folder_and_goes_with_its_article(tmp_path: Path) -> None:
    index = tmp_path / "index"
    kept = tmp_path / "kept.txt"
    kept.write_bytes(TEXT)
    upload = store_upload(index, "../bread.txt", TEXT)
    read(upload, kept, index=index)

    assert upload == index / "uploads" / "bread.txt"
    assert remove([upload.as_uri(), kept.as_uri(), "a:none"], index=index) == [upload.as_uri(), kept.as_uri()]
    assert (upload.exists(), kept.exists(), listed(index)) == (False, True, ([], []))


def test_what_failed_is_remembered_until_it_is_read_or_gone(tmp_path: Path) -> None:
    index = tmp_path / "index"
    bad, worse = tmp_path / "bad.txt", tmp_path / "worse.txt"
    bad.write_bytes(b"")
    worse.write_bytes(b"\x00\x01\x02")
    read(bad, worse, tmp_path / "misspelt.txt", index=index)

    assert listed(index)[1] == [
        Failed(bad.as_uri(), "empty file"),
        Failed(worse.as_uri(), "binary file, not text"),
    ]

    bad.write_bytes(TEXT)
    worse.unlink()
    read(bad, index=index)

    assert listed(index) == ([bad.as_uri()], [])


def test_a_failure_of_an_article_that_is_there_keeps_its_older_version(tmp_path: Path) -> None:
    index, file = tmp_path / "index", tmp_path / "a.txt"
    file.write_bytes(TEXT)
    read(file, index=index)
    file.write_bytes(b"")
    read(file, index=index)

    assert listed(index) == ([file.as_uri()], [Failed(file.as_uri(), "empty file")])


def test_an_index_made_before_failures_were_kept_takes_them(tmp_path: Path) -> None:
    index, file = tmp_path / "index", tmp_path / "a.txt"
    file.write_bytes(b"")
    with Index.create(index, recipe_of(Settings(), BagOfWords())):
        pass
    with closing(sqlite3.connect(index / CATALOGUE)) as connection:
        connection.execute("DROP TABLE failures")
        connection.commit()

    assert listed(index) == ([], [])
    read(file, index=index)
    assert listed(index) == ([], [Failed(file.as_uri(), "empty file")])


def test_an_upload_that_cannot_be_kept_says_why(tmp_path: Path) -> None:
    (tmp_path / "uploads").write_text("a file where the folder would be", encoding="utf-8")

    with pytest.raises(IndexFolderError, match="Cannot write"):
        store_upload(tmp_path, "a.txt", TEXT)
