from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag.catalogue import Catalogue, Recipe
from rag.errors import IndexFolderError, IndexLocked, IndexMismatch, IndexMissing
from rag.index import CATALOGUE, Index
from rag.schema import Article
from tests.indexes import PATIENCE, RECIPE, assert_followed, index_fixture, indexed, reset_fixture  # noqa: F401  # used by name


def test_writes_updates_and_deletions_reach_both_searches(index: Index) -> None:
    assert_followed(index)
    old = indexed("one").passages[0].id
    with index.writing():
        index.catalogue.upsert(indexed("one", version=2, passages=1))
        index.catalogue.upsert(indexed("four", passages=5))
        index.catalogue.delete(indexed("two").article.id)

    assert_followed(index)
    assert old not in index.vectors.ids()
    assert index.lexical.search("four number", limit=9)[0].passage_id in index.lexical.ids()
    assert index.lexical.search("two", limit=9) == []
    assert index.lexical.passage_count() == index.catalogue.passage_count() == 9


def test_new_particulars_of_an_unchanged_text_reach_the_lexical_search(index: Index) -> None:
    article = indexed("one").article
    assert index.lexical.search("zeppelin", limit=9) == []
    with index.writing():
        index.catalogue.update_particulars(Article(uri=article.uri, title="Zeppelin", text=article.text))

    assert {hit.passage_id for hit in index.lexical.search("zeppelin", limit=9)} == {
        passage.id for passage in indexed("one").passages
    }
    assert_followed(index)


def test_emptying_an_index_empties_the_searches(index: Index) -> None:
    with index.writing():
        for id_ in index.catalogue.article_ids():
            index.catalogue.delete(id_)

    assert_followed(index)
    assert index.vectors.search([1.0] * 8, limit=5) == []
    assert index.lexical.search("minister", limit=5) == []


def test_an_index_of_another_recipe_is_refused_with_the_command_that_rebuilds_it(tmp_path: Path) -> None:
    folder = tmp_path / "my index"
    Index.create(folder, RECIPE).close()

    for other in (Recipe("other", 32), Recipe("random", 64)):
        with pytest.raises(IndexMismatch) as caught:
            Index.open(folder, other)
        assert str(caught.value).endswith(f"Rebuild it with `rag rebuild --index '{folder}'`.")
        with pytest.raises(IndexMismatch):
            Index.create(folder, other)


def test_an_open_index_notices_that_it_was_rebuilt(index: Index) -> None:
    with Index.open(index.folder, RECIPE) as same, same.writing():
        same.replace_all(RECIPE, [indexed("new")])
    index.refresh()
    assert_followed(index)
    assert len(index.vectors.ids()) == 3

    with Index.open(index.folder, RECIPE) as other, other.writing():
        other.replace_all(Recipe("other", 64), [indexed("newer")])
    with pytest.raises(IndexMismatch):
        index.refresh()


def test_folders_in_which_no_index_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(IndexFolderError):
            Index.create(folder, RECIPE)
    with pytest.raises(IndexFolderError, match="is no index and not empty; name a new folder"):
        Index.create(tmp_path, RECIPE)
    with pytest.raises(IndexFolderError, match="Cannot write to /proc/index"):
        Index.create(Path("/proc/index"), RECIPE)
    with pytest.raises(IndexMissing):
        Index.open(tmp_path, RECIPE)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_lost_catalogue_is_started_anew(index: Index) -> None:
    index.close()
    (index.folder / CATALOGUE).unlink()

    with Index.create(index.folder, RECIPE) as opened:
        assert opened.catalogue.entries() == []
        assert_followed(opened)


HOLD = """
import sys, filelock
with filelock.FileLock(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def hold() -> Iterator[Callable[[Path], None]]:
    """Hold a lock in another process until the test ends."""
    holders: list[subprocess.Popen[str]] = []

    def start(path: Path) -> None:
        command = [sys.executable, "-c", HOLD, str(path)]
        holders.append(subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        assert holders[-1].stdout is not None
        assert holders[-1].stdout.readline() == "held\n"

    yield start
    for holder in holders:
        holder.communicate()


def test_a_second_writer_is_told_so(index: Index, hold: Callable[[Path], None], tmp_path: Path) -> None:
    hold(index.folder / "write.lock")
    with pytest.raises(IndexLocked, match="Another process is writing to"), index.writing():
        pytest.fail("two writers")
    (tmp_path / "new").mkdir()
    hold(tmp_path / "new" / "write.lock")
    with pytest.raises(IndexLocked, match="Another process is writing to"):
        Index.create(tmp_path / "new", RECIPE, patience=PATIENCE)


def test_a_second_writing_thread_is_told_so(index: Index) -> None:
    with Index.open(index.folder, RECIPE, patience=PATIENCE) as other, index.writing():
        errors: list[Exception] = []

        def write(opened: Index) -> None:
            try:
                with opened.writing():
                    pytest.fail("two writers")
            except IndexLocked as error:
                errors.append(error)

        threads = [threading.Thread(target=write, args=(opened,)) for opened in (index, other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        with pytest.raises(IndexLocked), other.writing():
            pytest.fail("two writers")
    assert len(errors) == 2


def test_a_reader_answers_while_the_searches_are_being_changed(
    index: Index, hold: Callable[[Path], None], reset: list[str]
) -> None:
    index.catalogue.upsert(indexed("four"))
    hold(index.folder / "search.lock")
    index.refresh()
    with Index.open(index.folder, RECIPE, patience=PATIENCE) as late:
        for reader in (index, late):
            for passage in indexed("four").passages:
                vector = reader.catalogue.vectors([passage.id])[passage.id]
                hits = reader.vectors.search(vector.tolist(), limit=2)
                assert hits[0].passage_id == passage.id
                assert hits[0].score == pytest.approx(1.0)
        assert late.lexical.search("minister", limit=5) == []
        assert index.lexical.search("minister", limit=5) != []
    assert reset == []


def test_a_reader_keeps_up_with_a_writer_that_goes_on(index: Index) -> None:
    with Index.open(index.folder, RECIPE) as reader, index.writing():
        for n in range(3):
            index.catalogue.upsert(indexed(f"more{n}"))
            reader.refresh()
            assert_followed(reader)


WRITE = """
import sys
from pathlib import Path
from rag.index import Index
from tests.indexes import RECIPE, indexed
with Index.open(Path(sys.argv[1]), RECIPE) as index, index.writing():
    if sys.argv[2] == "rebuild":
        index.replace_all(RECIPE, [indexed("new"), indexed("newer")])
    else:
        index.catalogue.upsert(indexed("four", passages=1200))
        index.catalogue.delete(indexed("one").article.id)
"""


@pytest.mark.parametrize("what", ["update", "rebuild"])
def test_a_reader_sees_what_another_process_wrote(index: Index, what: str, reset: list[str]) -> None:
    subprocess.run([sys.executable, "-c", WRITE, str(index.folder), what], check=True)

    index.refresh()

    assert_followed(index)
    assert len(index.vectors.ids()) == (1206 if what == "update" else 6)
    assert reset == []


def test_two_open_indexes_in_one_process_do_not_mislead_each_other(index: Index) -> None:
    with Index.open(index.folder, RECIPE) as second, Index.open(index.folder, RECIPE) as third:
        subprocess.run([sys.executable, "-c", WRITE, str(index.folder), "update"], check=True)
        for opened in (third, index, second):
            opened.refresh()
            assert_followed(opened)


def test_readers_in_threads_while_articles_are_written(index: Index) -> None:
    done = threading.Event()
    failed: list[BaseException] = []

    def read() -> None:
        try:
            while not done.is_set():
                index.refresh()
                assert len(index.vectors.search([1.0] * 8, limit=5)) == 5
                index.lexical.search("minister talks", limit=5)
        except BaseException as error:  # noqa: BLE001  # a thread has no other way to tell
            failed.append(error)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for n in range(8):
        with index.writing():
            index.catalogue.upsert(indexed(f"more{n}", passages=20))
    done.set()
    for thread in threads:
        thread.join()
    assert failed == []
    assert_followed(index)


def test_a_failed_write_catches_up_what_was_committed_and_an_interrupted_one_leaves_it(index: Index) -> None:
    for error, followed in ((ValueError, True), (KeyboardInterrupt, False)):
        with pytest.raises(error), index.writing():  # noqa: PT012  # a write that fails
            index.catalogue.upsert(indexed(error.__name__))
            raise error
        assert (index.vectors.position == index.catalogue.head()) is followed
    index.refresh()
    assert_followed(index)


def test_a_writer_that_goes_on_while_a_reader_opens_is_no_damage(
    index: Index, monkeypatch: pytest.MonkeyPatch, reset: list[str]
) -> None:
    count = Catalogue.passage_count

    def count_and_write(catalogue: Catalogue) -> int:
        counted = count(catalogue)
        monkeypatch.setattr(Catalogue, "passage_count", count)
        index.catalogue.upsert(indexed("meanwhile"))
        return counted

    monkeypatch.setattr(Catalogue, "passage_count", count_and_write)
    with Index.open(index.folder, RECIPE) as reader:
        reader.refresh()
        assert_followed(reader)
    assert reset == []
