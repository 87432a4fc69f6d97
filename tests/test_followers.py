from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from unittest.mock import Mock

import filelock
import pytest

from rag.catalogue import Catalogue
from rag.errors import IndexFolderError
from rag.followers import NOTHING, clear, failures, read_seal
from rag.index import CATALOGUE, Index
from rag.vectors import VectorIndex
from tests.indexes import RECIPE, assert_followed, index_fixture, indexed, large_fixture, reset_fixture  # noqa: F401  # used by name


def test_opening_again_finds_everything_as_it_was(index: Index, reset: list[str]) -> None:
    index.close()
    for _ in range(2):
        with Index.open(index.folder, RECIPE) as opened:
            assert_followed(opened)
    assert reset == []


def test_a_copied_index_is_not_made_anew(large: Path, tmp_path: Path, reset: list[str]) -> None:
    shutil.copytree(large, tmp_path / "copy", copy_function=shutil.copy)  # without the times

    with Index.open(tmp_path / "copy", RECIPE) as opened:
        assert_followed(opened)
    assert reset == []


def test_many_small_catch_ups_keep_the_seal_whole(large: Path, tmp_path: Path, reset: list[str]) -> None:
    shutil.copytree(large, tmp_path / "index")
    for n in range(5):
        with Index.open(tmp_path / "index", RECIPE) as opened:
            assert_followed(opened)
            with opened.writing():
                opened.catalogue.upsert(indexed(f"more{n}", passages=300))
            assert_followed(opened)
    assert reset == []


def test_what_was_committed_before_a_crash_is_caught_up_at_the_next_open(index: Index) -> None:
    index.close()
    catalogue = Catalogue(index.folder / CATALOGUE)
    catalogue.upsert(indexed("four"))
    catalogue.delete(indexed("one").article.id)
    catalogue.close()

    with Index.open(index.folder, RECIPE) as opened:
        assert_followed(opened)
        assert len(opened.vectors.ids()) == 9


def graph_file(name: str) -> Callable[[Path], Path]:
    return lambda folder: next((folder / "vectors").glob(f"*/{name}"))


def in_folder(name: str) -> Callable[[Path], Path]:
    return lambda folder: folder / name


def a_segment(folder: Path) -> Path:
    return max((folder / "lexical").glob("*.*"), key=lambda path: path.stat().st_size)


def delete(path: Path) -> None:
    clear(path)


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 3, len(content), max(1, len(content) // 50)):
        content[at] ^= 0xFF
    path.write_bytes(content)


def overwrite(path: Path) -> None:
    path.write_bytes(b"rubbish" * 500)


@pytest.mark.parametrize("damage", [delete, truncate, flip, overwrite])
@pytest.mark.parametrize(
    "find",
    [
        pytest.param(graph_file("data_level0.bin"), id="data_level0.bin"),
        pytest.param(graph_file("header.bin"), id="header.bin"),
        pytest.param(graph_file("link_lists.bin"), id="link_lists.bin"),
        pytest.param(graph_file("index_metadata.pickle"), id="index_metadata.pickle"),
        pytest.param(in_folder("vectors/chroma.sqlite3"), id="chroma.sqlite3"),
        pytest.param(in_folder("vectors/seal.json"), id="vectors-seal"),
        pytest.param(in_folder("lexical/meta.json"), id="meta.json"),
        pytest.param(in_folder("lexical/seal.json"), id="lexical-seal"),
        pytest.param(a_segment, id="segment"),
    ],
)
def test_a_damaged_search_is_made_anew_from_the_catalogue(
    large: Path,
    tmp_path: Path,
    find: Callable[[Path], Path],
    damage: Callable[[Path], None],
    reset: list[str],
) -> None:
    folder = tmp_path / "index"
    shutil.copytree(large, folder)
    damage(find(folder))

    with Index.open(folder, RECIPE) as opened:
        assert_followed(opened)
    assert len(reset) == 1


@pytest.mark.parametrize("name", ["vectors", "lexical"])
@pytest.mark.parametrize(
    "put", [lambda _: None, Path.touch, lambda path: path.symlink_to("/nowhere"), Path.mkdir]
)
def test_a_missing_search_folder_is_made_anew(index: Index, name: str, put: Callable[[Path], None]) -> None:
    index.close()
    shutil.rmtree(index.folder / name)
    put(index.folder / name)

    with Index.open(index.folder, RECIPE) as opened:
        assert_followed(opened)


def test_a_graph_that_was_deleted_to_repair_it_is_made_anew(large: Path, tmp_path: Path) -> None:
    shutil.copytree(large, tmp_path / "index")
    clear(graph_file("header.bin")(tmp_path / "index").parent)

    with Index.open(tmp_path / "index", RECIPE) as opened:
        assert_followed(opened)


@pytest.mark.parametrize(
    "statement", ["DELETE FROM embeddings WHERE id % 2", "DELETE FROM collections", "DROP TABLE embeddings"]
)
def test_a_database_that_lost_rows_is_made_anew(index: Index, statement: str) -> None:
    index.close()
    with sqlite3.connect(index.folder / "vectors" / "chroma.sqlite3") as connection:
        connection.execute(statement)
    connection.close()

    with Index.open(index.folder, RECIPE) as opened:
        assert_followed(opened)


def test_searches_of_another_catalogue_are_made_anew(index: Index, large: Path, tmp_path: Path) -> None:
    index.close()
    shutil.copytree(large, tmp_path / "other")
    for name in ("vectors", "lexical"):
        shutil.rmtree(tmp_path / "other" / name)
        shutil.copytree(index.folder / name, tmp_path / "other" / name)

    with Index.open(tmp_path / "other", RECIPE) as opened:
        assert_followed(opened)


def test_searches_that_are_damaged_while_open_answer_from_the_catalogue(index: Index) -> None:
    passage = index.catalogue.batch(index.catalogue.article_ids()).passages[0]
    with sqlite3.connect(index.folder / "vectors" / "chroma.sqlite3") as connection:
        for table in ("embeddings", "collections", "segments"):
            connection.execute(f"DROP TABLE {table}")
    connection.close()

    assert index.vectors.search(passage.vector.tolist(), limit=1)[0].passage_id == passage.id
    index.refresh()
    assert_followed(index)


def test_a_closed_search_of_words_finds_nothing_and_the_next_refresh_opens_it(index: Index) -> None:
    index.lexical.close()

    assert index.lexical.search("minister", limit=5) == []
    assert index.lexical.passage_count() == index.lexical.document_frequency("minister") == 0
    with pytest.raises(IndexFolderError, match="cannot be read"):
        index.lexical.ids()
    index.refresh()
    assert_followed(index)


def test_where_nothing_can_be_written_both_searches_still_answer(
    index: Index, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    copied = tmp_path / "copied"
    copied.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(copied))

    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    index.close()
    monkeypatch.setattr("os.access", lambda *_: False)
    monkeypatch.setattr(filelock.FileLock, "acquire", refuse)

    with Index.open(index.folder, RECIPE) as opened:
        passage = opened.catalogue.batch(opened.catalogue.article_ids()).passages[0]
        for _ in range(2):
            opened.refresh()
            assert opened.vectors.search(passage.vector.tolist(), limit=1)[0].passage_id == passage.id
            assert opened.lexical.search("minister", limit=5) != []
        assert len(list(copied.iterdir())) == 1
        opened.lexical.close()
        assert list(copied.iterdir()) == []
        shutil.rmtree(opened.folder / "lexical")
        opened.refresh()
        assert "Until then, searching is slower" in caplog.text
        assert opened.lexical.search("minister", limit=5) == []
        with (
            pytest.raises(IndexFolderError, match=r"Cannot write to .*: read-only file system"),
            opened.writing(),
        ):
            pytest.fail("writing where nothing can be written")


def test_searches_that_cannot_be_written_stop_a_writer_and_only_slow_a_reader(
    index: Index, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rag.vectors.set_seal", full)
    with pytest.raises(IndexFolderError, match="the disk is full"), index.writing():
        index.catalogue.upsert(indexed("four"))

    index.refresh()

    assert "the disk is full" in caplog.text
    assert len(index.vectors.search([1.0] * 8, limit=50)) == 12
    monkeypatch.undo()
    index.refresh()
    assert_followed(index)


def test_a_search_of_words_that_fails_finds_nothing_until_the_next_refresh(
    index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, interrupts in ((KeyboardInterrupt, True), (ValueError, False)):
        broken = Mock(searcher=Mock(side_effect=error))
        monkeypatch.setattr(index.lexical, "_stored", broken)
        if interrupts:
            with pytest.raises(error):
                index.lexical.search("minister", limit=5)
        else:
            assert index.lexical.search("minister", limit=5) == []
    with pytest.raises(IndexFolderError, match="cannot be read"):
        index.lexical.apply(index.catalogue.head(), [])
    index.refresh()
    assert_followed(index)


def test_a_closed_search_of_vectors_tells_so_when_it_must_be_open(index: Index) -> None:
    index.vectors.close()

    with pytest.raises(IndexFolderError, match="cannot be read"):
        index.vectors.ids()


def test_an_interruption_of_the_search_libraries_is_one() -> None:
    panic = type("PanicException", (BaseException,), {})

    with pytest.raises(KeyboardInterrupt), failures(Path("index")):
        raise KeyboardInterrupt
    with pytest.raises(IndexFolderError, match="Cannot write to index: it broke"), failures(Path("index")):
        raise panic("it broke\nbadly")
    with pytest.raises(IndexFolderError, match="PanicException"), failures(Path("index")):
        raise panic


def test_interrupting_a_search_is_not_taken_for_damage(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(VectorIndex, "_search", interrupt)
    with pytest.raises(KeyboardInterrupt):
        index.vectors.search([1.0] * 8, limit=5)
    assert index.vectors.position == index.catalogue.head()


@pytest.mark.parametrize("seal", ["", "[]", "{}", '{"files": 1}', '{"uid": "u", "number": "x", "files": {}}'])
def test_a_seal_that_is_none_is_no_position(tmp_path: Path, seal: str) -> None:
    (tmp_path / "seal.json").write_text(seal)

    assert read_seal(tmp_path) == NOTHING
