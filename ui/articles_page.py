"""The articles page: what is indexed, how it gets there, and what could not be read.

Top to bottom: adding, failures, the list, charts. `?article=ID` shows one article instead.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from evals.charts import Tally, tallies
from rag.articles import MAX_BYTES, SUFFIXES, path_of
from rag.catalogue import Entry, Failed
from rag.engine import QueryEngine
from rag.errors import FootnotedError, IndexMissing
from rag.fetching import is_url
from rag.ingestion import IngestReport, ingest, remove
from rag.settings import load_settings
from rag.uploads import store_upload
from ui import components, session, shell
from ui.drawing import Column, Row, show_chart, show_table
from ui.excerpts import Excerpt, name_of
from ui.plain import plain, shortened

_LOG = logging.getLogger(__name__)
_ARTICLE = "article"  # the query parameter that names the article shown
_REPORT = "ingest-report"
_MARKED = "marked-passage"
_PAGE = 50  # articles listed at a time
_BARS = 12  # sources of the chart, the most frequent
_MONTHS = 24  # months that are drawn one by one; a longer time is drawn by years
_SORTS: dict[str, Callable[[Entry], Any]] = {
    "Newest first": lambda entry: (tuple(-ord(c) for c in entry.date or "0"), entry.title.lower()),
    "Title": lambda entry: entry.title.lower(),
    "Source": lambda entry: (entry.source or "\uffff", entry.title.lower()),
    "Longest first": lambda entry: -entry.passages,
}


def main() -> None:
    try:
        engine = shell.shared_engine()
    except IndexMissing:
        st.title("Articles", anchor=False)
        st.info("There are no articles in the index yet. Add some here.")
        show_adding(None)
        return
    except FootnotedError:
        shell.open_index("Articles")  # says it
        return
    entries = {entry.id: entry for entry in engine.index.catalogue.entries()}
    chosen = entries.get(st.query_params.get(_ARTICLE, ""))
    if chosen:
        show_article(engine, chosen)
    else:
        show_all(engine, list(entries.values()))


def show_all(engine: QueryEngine, entries: Sequence[Entry]) -> None:
    """Show everything that is indexed."""
    st.title("Articles", anchor=False)
    st.caption(_summary(entries))
    show_adding(engine)
    failures = engine.index.catalogue.failures()
    show_failures(engine, failures, {entry.uri for entry in entries})
    if entries:
        show_list(engine, entries, {failure.uri for failure in failures})
        show_charts(entries)


def _summary(entries: Sequence[Entry]) -> str:
    if not entries:
        return "No articles yet."
    newest = max((entry.date for entry in entries if entry.date), default=None)
    passages = sum(entry.passages for entry in entries)
    return (
        f"{_counted(len(entries), 'article')}, {_counted(passages, 'passage')} · "
        f"{f'newest of {newest}' if newest else 'none is dated'}"
    )


# --- adding


def show_adding(engine: QueryEngine | None) -> None:
    """Show where files are dropped and addresses are typed, and what came of the last ones."""
    kinds = ", ".join(sorted(SUFFIXES))
    with st.expander("Add articles", expanded=engine is None):
        st.caption(
            f"Files: {kinds}, up to {MAX_BYTES // 1_000_000} MB each. They are kept in the index folder; "
            "one of the same name replaces the one before. Addresses: pages on public servers."
        )
        with st.form("adding", clear_on_submit=True, border=False):
            files = st.file_uploader(
                "Files", type=sorted(suffix[1:] for suffix in SUFFIXES), accept_multiple_files=True
            )
            addresses = st.text_area("Addresses, one a line", placeholder="https://…", height=80)
            pressed = st.form_submit_button("Add to the index")
    if pressed:
        add(engine, [(file.name, file.getvalue()) for file in files or ()], addresses.split())
    show_report()


def add(engine: QueryEngine | None, files: Sequence[tuple[str, bytes]], addresses: Sequence[str]) -> None:
    """Keep uploaded files, and read them and the addresses into the index."""
    if not files and not addresses:
        st.warning("Choose a file or type an address first.")
        return
    folder = load_settings().index
    strange = [address for address in addresses if not is_url(address)]
    if strange:
        st.warning(f"{plain(shortened(strange[0], 80))} is no address; write it with https:// before it.")
        return
    if run(lambda: [store_upload(folder, name, data) for name, data in files], engine, addresses):
        st.rerun()


def run(
    stored: Callable[[], Iterable[Path]], engine: QueryEngine | None, addresses: Sequence[str] = ()
) -> bool:
    """Ingest with a bar that shows how far it is; keep the report, or show why there is none."""
    bar = st.progress(0.0, "Reading…")

    def progress(done: int, total: int, name: str) -> None:
        bar.progress(done / max(total, 1), plain(shortened(f"{done} of {total} · {name}", 80)))

    try:
        st.session_state[_REPORT] = ingest(
            [*stored(), *addresses],
            index=engine.index if engine else None,
            embedding=engine.embedding if engine else None,
            progress=progress,
        )
    except FootnotedError as error:
        st.error(plain(str(error)))
    except Exception:  # noqa: BLE001  # a line for the reader, the details for the terminal
        _LOG.exception("The articles could not be read")
        st.error("Something went wrong while reading; the terminal that runs the page says what.")
    else:
        return True
    finally:
        bar.empty()
    return False


def show_report() -> None:
    """Show what the last ingestion did, file by file."""
    report: IngestReport | None = st.session_state.pop(_REPORT, None)
    if report is None:
        return
    done = {
        "added": report.added,
        "updated": report.updated,
        "unchanged": report.unchanged,
        "removed": report.removed,
    }
    rows = [Row((name_of(uri), name, ""), tone="good") for name, uris in done.items() for uri in uris]
    failed = [Row((name_of(f.uri), "failed", f.reason), tone="bad") for f in report.failed]
    st.caption(f"Done: {report}.")
    columns = (Column("File or address"), Column("Result"), Column("Reason"))
    show_table("What was read", columns, [*failed, *rows], key="report", toned=1)


# --- what could not be read


def show_failures(engine: QueryEngine, failures: Sequence[Failed], indexed: set[str]) -> None:
    """Show files that could not be read, until they are read or forgotten."""
    if not failures:
        return
    st.subheader("Could not be read", anchor=False)
    rows = [
        Row(
            (
                name_of(failure.uri),
                failure.reason,
                "an older version" if failure.uri in indexed else "nothing",
            ),
            tone="bad",
        )
        for failure in failures
    ]
    columns = (Column("File or address"), Column("Reason"), Column("Indexed", "wide"))
    show_table("Files that could not be read", columns, rows, key="failures", toned=0)
    with st.container(horizontal=True):
        if st.button("Try these again") and read_again(engine, [failure.uri for failure in failures]):
            st.rerun()
        lost = [failure.uri for failure in failures if failure.uri not in indexed]
        if lost and st.button("Forget them") and forget(engine, lost):
            st.rerun()


def read_again(engine: QueryEngine, uris: Iterable[str]) -> bool:
    """Ingest articles again from where they came; say so when that place is not known."""
    paths = {uri: path_of(uri) for uri in uris}
    files = [path for path in paths.values() if path]
    addresses = [uri for uri, path in paths.items() if path is None and is_url(uri)]
    if files or addresses:
        return run(lambda: files, engine, addresses)
    st.warning("These articles did not come from files or addresses, so they cannot be read again here.")
    return False


# --- the list


def show_list(engine: QueryEngine, entries: Sequence[Entry], failed: set[str]) -> None:
    """Show the articles that match a search, a page at a time; a click opens one."""
    left, right = st.columns([3, 1])
    words = left.text_input("Search titles, sources and files", key="article-search").lower().split()
    sort = right.selectbox("Order", list(_SORTS), key="article-order")
    found = [entry for entry in entries if all(word in _searchable(entry) for word in words)]
    found.sort(key=_SORTS[sort])
    if not found:
        st.info("No article matches; search for fewer words.")
        return
    pages = -(-len(found) // _PAGE)
    at = st.pagination(pages, key="article-page") if pages > 1 else 1
    columns = (
        Column("Title"),
        Column("Source"),
        Column("Date", "figure wide"),
        Column("Passages", "figure"),
        Column("State", "wide"),
    )
    rows = [_row(entry, failed) for entry in found[(at - 1) * _PAGE : at * _PAGE]]
    opened = show_table("Articles", columns, rows, key="articles")
    if opened:
        st.query_params[_ARTICLE] = opened
        st.rerun()
    label = "Read all of them again" if len(found) == len(entries) else f"Read these {len(found):,} again"
    if st.button(label, key="read-all") and read_again(engine, [entry.uri for entry in found]):
        st.rerun()


def _searchable(entry: Entry) -> str:
    return f"{entry.title} {entry.source or ''} {entry.date or ''} {name_of(entry.uri)}".lower()


def _row(entry: Entry, failed: set[str]) -> Row:
    state = "older version; see above" if entry.uri in failed else "indexed"
    date = entry.date or "undated"
    return Row((entry.title, entry.source or "–", date, f"{entry.passages:,}", state), entry.id)


def show_charts(entries: Sequence[Entry]) -> None:
    """Show how many articles there are over time, and by source."""
    left, right = st.columns(2)
    with left:
        st.subheader("Over time", anchor=False)
        show_chart(tallies(_over_time(entries), title="Articles over time"), key="over-time")
    with right:
        st.subheader("By source", anchor=False)
        counts = Counter(entry.source or "no source named" for entry in entries)
        rows = [Tally(*pair) for pair in counts.most_common(_BARS)]
        if rest := len(entries) - sum(row.number for row in rows):
            rows.append(Tally("others", rest))
        show_chart(tallies(rows, title="Articles by source"), key="by-source")


def _over_time(entries: Sequence[Entry]) -> list[Tally]:
    dates = [entry.date for entry in entries if entry.date]
    length = 7 if len({date[:7] for date in dates}) <= _MONTHS else 4
    counts = Counter(date[:length] for date in dates)
    undated = [Tally("undated", len(entries) - len(dates))] if len(dates) < len(entries) else []
    return [*(Tally(when, counts[when]) for when in sorted(counts)), *undated]


# --- one article


def show_article(engine: QueryEngine, entry: Entry) -> None:
    """Show an article beside its passages; a click on a passage marks it in the text."""
    article = engine.index.catalogue.articles([entry.id])[entry.id]
    with st.container(horizontal=True):
        if st.button("All articles", icon=":material/arrow_back:"):
            del st.query_params[_ARTICLE]
            st.rerun()
        if st.button("Ask about it", icon=":material/chat:"):
            session.begin_about(entry.id)
            st.switch_page("chat_page.py")
        if st.button("Read again") and read_again(engine, [entry.uri]):
            st.rerun()
        if st.button("Delete"):
            confirm_delete(engine, entry)
    show_report()
    passages = {passage.id: passage for passage in engine.index.catalogue.passages_of(entry.id)}
    left, right = st.columns([1, 2])
    with left:
        st.subheader(_counted(len(passages), "passage"), anchor=False)
        st.caption("What is searched. Choose one to see it in the article.")
        rows = [
            Row((f"Passage {n}", f"{passage.start:,}–{passage.end:,}", f"{passage.tokens:,}"), passage.id)
            for n, passage in enumerate(passages.values(), start=1)
        ]
        columns = (Column("Passage"), Column("Characters", "figure wide"), Column("Tokens", "figure"))
        opened = show_table("Passages of the article", columns, rows, key="passages")
        if opened:
            st.session_state[_MARKED] = opened
    marked = passages.get(st.session_state.get(_MARKED, ""))
    start, end = (marked.start, marked.end) if marked else (0, 0)
    with right:
        note = "This passage is one piece of what is searched." if marked else ""
        components.show_article(Excerpt(0, article, start, end, article.text[start:end], note), key="reading")


@st.dialog("Delete this article?")
def confirm_delete(engine: QueryEngine, entry: Entry) -> None:
    """Ask before an article goes, and say what becomes of its file."""
    st.text(shortened(entry.title, 150))
    st.caption(
        "An uploaded file is deleted, too. Any other file stays where it is, "
        "and reading its folder again brings the article back."
    )
    with st.container(horizontal=True):
        if st.button("Delete it", on_click=delete, args=(engine, entry)):
            st.rerun()
        if st.button("Keep it"):
            st.rerun()


def delete(engine: QueryEngine, entry: Entry) -> None:
    """Remove an article, and leave its view."""
    if forget(engine, [entry.uri]):
        st.query_params.pop(_ARTICLE, None)


def forget(engine: QueryEngine, uris: Sequence[str]) -> bool:
    """Remove articles and failures; say why that cannot be done now."""
    try:
        remove(uris, index=engine.index)
    except FootnotedError as error:
        st.toast(plain(str(error)))
        return False
    return True


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


main()
