from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rag.catalogue import Catalogue, Change, Head, IndexedArticle, Recipe
from rag.errors import IndexFolderError, IndexLocked, IndexMissing
from rag.schema import Article, Passage, Span
from rag.tables import unwritable

RECIPE = Recipe("bag-of-words", 32)


def article(name: str = "a", text: str = "Talks failed. They left.", title: str = "Talks") -> Article:
    return Article(uri=f"file:///{name}.txt", title=title, text=text)


def indexed(written: Article, *, seed: int = 0) -> IndexedArticle:
    middle = written.text.index(" ")
    spans = (Span(0, middle), Span(middle + 1, len(written.text)))
    passages = [
        Passage(f"{written.id}-{written.text_hash[:8]}-{n}", written.id, span.start, span.end, 5, (span,))
        for n, span in enumerate(spans)
    ]
    vectors = np.random.default_rng(seed).normal(size=(2, 4)).astype(np.float32)
    return IndexedArticle(written, passages, vectors)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.create(tmp_path / "catalogue.sqlite3", RECIPE)
    yield opened
    opened.close()


def test_what_is_written_is_read_back(catalogue: Catalogue) -> None:
    new = indexed(article(text="É\u2028👨‍👩‍👧 failed."))

    catalogue.upsert(new)

    id_ = new.article.id
    ids = [passage.id for passage in new.passages]
    rows = catalogue.passages([*ids, "unknown"])
    assert catalogue.articles([id_, "unknown"]) == {id_: new.article}
    assert [rows[id_].passage for id_ in ids] == list(new.passages)
    assert [rows[id_].text for id_ in ids] == ["É\u2028👨‍👩‍👧", "failed."]
    assert rows[ids[0]][2:] == (new.article.uri, "Talks", None, None)
    stored = catalogue.vectors(ids)
    assert np.array_equal(np.stack([stored[id_] for id_ in ids]), new.vectors)
    assert [entry[1:] for entry in catalogue.entries()] == [
        (new.article.uri, "Talks", None, None, new.article.text_hash, 2, len(new.article.text))
    ]
    batch = catalogue.batch([id_, "unknown"])
    assert batch.article_ids == [id_, "unknown"]
    assert [(p.id, p.article_id, p.text, p.title) for p in batch.passages] == [
        (ids[0], id_, "É\u2028👨‍👩‍👧", "Talks"),
        (ids[1], id_, "failed.", "Talks"),
    ]


def test_the_log_keeps_the_last_change_of_each_article(catalogue: Catalogue) -> None:
    a, b = article("a"), article("b")
    assert catalogue.head().number == 0
    catalogue.upsert(indexed(a))
    catalogue.upsert(indexed(b))
    catalogue.update_particulars(article("a", title="New title"))
    catalogue.delete(b.id)

    assert catalogue.changed_since(0) == [Change(3, a.id), Change(4, b.id)]
    assert catalogue.changed_since(3) == [Change(4, b.id)]
    assert catalogue.head() == Head(catalogue.uid, 4)
    assert catalogue.articles([a.id])[a.id].title == "New title"
    assert catalogue.article_ids() == [a.id]
    assert catalogue.passage_count() == 2


def test_a_new_version_takes_the_place_of_the_old(catalogue: Catalogue) -> None:
    catalogue.upsert(indexed(article()))
    new = indexed(article(text="Talks succeeded after all."), seed=1)
    catalogue.upsert(new)

    assert catalogue.passage_count() == 2
    assert catalogue.articles(catalogue.article_ids()) == {new.article.id: new.article}


def test_replacing_all_is_all_or_nothing(catalogue: Catalogue) -> None:
    catalogue.upsert(indexed(article("a")))
    before, uid = catalogue.entries(), catalogue.uid

    def interrupted() -> Iterator[IndexedArticle]:
        yield indexed(article("b"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        catalogue.replace_all(Recipe("other", 64), interrupted())
    catalogue.reload()
    assert (catalogue.entries(), catalogue.uid, catalogue.recipe) == (before, uid, RECIPE)

    catalogue.replace_all(Recipe("other", 64), [indexed(article("b"))])
    catalogue.reload()
    assert [entry.uri for entry in catalogue.entries()] == ["file:///b.txt"]
    assert catalogue.recipe == Recipe("other", 64)
    assert catalogue.uid != uid
    assert catalogue.head().number > 1


def test_the_nearest_vectors_are_found_by_comparing_them_all(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.catalogue._ROWS", 5)
    for n in range(10):
        catalogue.upsert(indexed(article(f"{n}"), seed=n))
    stored = catalogue.vectors(p.id for p in catalogue.batch(catalogue.article_ids()).passages)
    query = np.array([1.0, 2.0, 3.0, 4.0])
    cosines = {id_: v @ query / np.linalg.norm(v) / np.linalg.norm(query) for id_, v in stored.items()}

    hits = catalogue.nearest(query.tolist(), limit=3)

    assert [hit.passage_id for hit in hits] == sorted(cosines, key=lambda id_: -cosines[id_])[:3]
    assert [hit.score for hit in hits] == pytest.approx(sorted(cosines.values(), reverse=True)[:3])
    assert len(catalogue.nearest([0.0] * 4, limit=100)) == 20


def test_a_sample_is_spread_over_the_index(catalogue: Catalogue) -> None:
    assert catalogue.sample_passages(8) == {}
    for n in range(40):
        catalogue.upsert(indexed(article(f"{n}")))

    assert len(catalogue.sample_passages(8)) >= 6


def test_creating_opens_what_is_there(catalogue: Catalogue) -> None:
    catalogue.upsert(indexed(article()))

    again = Catalogue.create(catalogue.path, Recipe("other", 64))

    assert again.recipe == RECIPE
    assert len(again.entries()) == 1
    again.close()


def test_leftovers_of_a_killed_creation_and_of_a_lost_catalogue_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite3"
    for name in ("catalogue.sqlite3.new", "catalogue.sqlite3-wal", "catalogue.sqlite3-shm"):
        (tmp_path / name).write_bytes(b"rubbish")

    Catalogue.create(path, RECIPE).close()

    assert [file.name for file in tmp_path.iterdir()] == ["catalogue.sqlite3"]


def test_any_folder_name_will_do(tmp_path: Path) -> None:
    folder = tmp_path / "a?mode=ro#%41 čaj\n"
    folder.mkdir()

    Catalogue.create(folder / "catalogue.sqlite3", RECIPE).close()

    assert [file.name for file in folder.iterdir()] == ["catalogue.sqlite3"]


@pytest.mark.parametrize("content", [b"", b"rubbish" * 1000, b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_file_that_is_no_catalogue_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "catalogue.sqlite3"
    path.write_bytes(content)

    with pytest.raises(
        IndexFolderError, match=r"^\S+ is not a Footnoted catalogue or is damaged \(.+\); ingest"
    ):
        Catalogue(path)


def test_a_truncated_catalogue_is_refused_in_one_line(catalogue: Catalogue) -> None:
    for n in range(50):
        catalogue.upsert(indexed(article(f"{n}", text="Talks " + "failed " * 200)))
    catalogue.close()
    whole = catalogue.path.read_bytes()
    catalogue.path.write_bytes(whole[: len(whole) // 3])

    with pytest.raises(IndexFolderError, match="damaged"):
        Catalogue(catalogue.path).entries()


def test_a_catalogue_of_another_format_or_without_particulars_is_refused(catalogue: Catalogue) -> None:
    catalogue.close()
    for statement, message in (
        ("UPDATE about SET value = '99' WHERE key = 'format'", "another version of Footnoted"),
        ("DELETE FROM about", "another version of Footnoted"),
    ):
        with sqlite3.connect(catalogue.path) as connection:
            connection.execute(statement)
        connection.close()
        with pytest.raises(IndexFolderError, match=message):
            Catalogue(catalogue.path)


def test_a_missing_catalogue_and_a_file_in_the_folders_place(tmp_path: Path) -> None:
    with pytest.raises(IndexMissing, match=r"no index in .*; make one with `rag ingest PATH`"):
        Catalogue(tmp_path / "gone" / "catalogue.sqlite3")
    (tmp_path / "file").write_text("x")
    with pytest.raises(IndexFolderError, match="is a file"):
        Catalogue(tmp_path / "file" / "catalogue.sqlite3")


def test_a_catalogue_that_another_program_holds(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rag.tables._TIMEOUT", 0.05)
    holder = sqlite3.connect(catalogue.path)
    holder.execute("BEGIN IMMEDIATE")
    impatient = Catalogue(catalogue.path)

    with pytest.raises(IndexLocked, match="Another program holds"):
        impatient.upsert(indexed(article()))

    assert impatient.entries() == []
    impatient.close()
    holder.close()


def test_the_disk_may_be_full(tmp_path: Path) -> None:
    assert str(unwritable(tmp_path, OSError(28, "No space left on device"))).startswith(
        f"Cannot write to {tmp_path}: the disk is full. Mend that"
    )
    assert ": read-only file system." in str(unwritable(tmp_path, OSError(30, "Read-only file system")))


def test_what_other_processes_hold_in_the_write_ahead_log_is_read_where_nothing_can_be_written(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalogue.upsert(indexed(article()))
    alive, closed = tmp_path / "alive", tmp_path / "closed"
    alive.mkdir()
    closed.mkdir()
    for file in catalogue.path.parent.glob("catalogue*"):
        shutil.copy(file, alive)
    catalogue.close()
    shutil.copy(catalogue.path, closed)
    monkeypatch.setattr("os.access", lambda *_: False)

    for folder in (alive, closed):
        opened = Catalogue(folder / "catalogue.sqlite3")
        assert len(opened.entries()) == 1
        with pytest.raises(
            IndexFolderError, match=r"Cannot write to .*: attempt to write a readonly database"
        ):
            opened.delete(article().id)
        opened.close()
