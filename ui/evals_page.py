"""The evals page: make a run, read the runs there are, compare two.

`?run=ID` shows one run, `&case=ID` one of its cases, `&against=ID` compares it with another.
"""

from __future__ import annotations

import atexit
import logging
from collections.abc import Callable
from pathlib import Path

import streamlit as st

from evals.background import Job, Runner
from evals.cases import SEEDS, CaseError, load_cases
from evals.comparison import compare
from evals.gating import bless, gate
from evals.listing import Listed, case_files, listed_runs
from evals.options import HOME, Choice, baseline_of
from evals.runs import Run, find_run, load_run
from evals.tables import figure, interval
from rag.errors import FootnotedError
from rag.settings import load_settings
from rag.uploads import safe_name
from ui import choices, comparison_view, run_view, shell
from ui.drawing import Column, Row, show_table
from ui.plain import plain

_LOG = logging.getLogger(__name__)
_RUN, _CASE, _AGAINST = "run", "case", "against"  # query parameters
_MOST_RUNS = 50  # runs that are listed, the newest
_BUILT_IN = "Built in: 90 questions about the two seed articles"
_PATIENCE = 3.0  # seconds that the case at hand may still take when the process ends
_EVERY = 2.0  # seconds between two looks at a run that goes on


def main() -> None:
    runs = listed_runs(_home())[:_MOST_RUNS]
    ids = {listed.id for listed in runs}
    chosen, other = st.query_params.get(_RUN, ""), st.query_params.get(_AGAINST, "")
    if chosen in ids and other in ids:
        guarded(lambda: show_comparison(other, chosen))
    elif chosen in ids:
        guarded(lambda: show_run(chosen))
    else:
        show_runs(runs)


def guarded(show: Callable[[], None]) -> None:
    """Show something, or in one line why it cannot be shown."""
    try:
        show()
    except FootnotedError as error:
        st.error(plain(str(error)))
        to_all_runs()


def _home() -> Path:
    return HOME.resolve()


@st.cache_resource
def runner(home: str) -> Runner:
    """Return what makes runs; all windows share it, so that one run goes on at a time."""
    made = Runner(Path(home))
    atexit.register(end, made)
    return made


def end(made: Runner) -> None:
    """Stop the run that goes on when the process ends; what was asked is kept."""
    made.stop()
    made.wait(_PATIENCE)


# --- all runs


def show_runs(runs: list[Listed]) -> None:
    """Show how to make a run, the one that goes on, and all that there are."""
    st.title("Evals", anchor=False)
    st.caption(
        "Did a change make the answers better or worse? Ask the same cases before and after, and compare."
    )
    show_starting()
    show_job()
    if not runs:
        job = runner(str(_home())).job
        if job and job.goes_on:
            return
        st.info("There are no runs yet. Start one above; the built-in cases take about a minute.")
        return
    show_list(runs)
    show_choosing_two(runs)


def show_starting() -> None:
    """Show what a run can be told before it starts."""
    with st.expander("New run", expanded=not listed_runs(_home())):
        files = case_files(_home())
        with st.form("new-run", border=False):
            left, middle, right = st.columns([2, 3, 1])
            name = left.text_input("Name", "page", max_chars=60)
            cases = middle.selectbox(
                "Cases", files, format_func=lambda path: _BUILT_IN if path == SEEDS else path.name
            )
            limit = right.number_input("First cases only", 0, value=0, help="0 asks all of them.")
            given = st.file_uploader("Or a file of your own cases, asked over your articles", type="jsonl")
            pressed = st.form_submit_button("Start")
        st.caption("Answers are made as the sidebar's settings say.")
    if pressed:
        guarded(lambda: start(name, _kept(given.name, given.getvalue()) if given else cases, limit))


def _kept(name: str, data: bytes) -> Path:
    """Keep an uploaded file of cases among those that can be chosen, if it can be used."""
    path = _home() / "cases" / safe_name(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise CaseError(f"{path} cannot be written ({error.strerror}); make room.") from None
    try:
        load_cases(path)
    except CaseError:
        path.unlink()
        raise
    return path


def start(name: str, cases: Path, limit: int) -> None:
    """Start a run with the settings of this window."""
    choice = Choice([cases], limit=limit or None)
    engine = None if cases == SEEDS else shell.open_index()
    settings = choices.applied(load_settings())
    runner(str(_home())).start(name.strip() or "page", choice, settings, engine)
    st.rerun()


def show_job() -> None:
    """Show the run that goes on, or what came of the last one."""
    job = runner(str(_home())).job
    if job is None:
        return
    if job.goes_on:
        st.fragment(show_progress, run_every=_EVERY)()
    elif job.state == "failed":
        st.error(plain(f"The run {job.name} failed. {job.problem}"))
    else:
        st.success(plain(f"The run {job.name} is {job.state}: {job.done} of {job.total} cases asked."))


def show_progress() -> None:
    """Show how far the run is; when it ends, draw the page anew."""
    active = runner(str(_home()))
    job = active.job
    if job is None or not job.goes_on:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.progress(job.done / max(job.total, 1), plain(_so_far(job)))
        st.button("Stop the run", on_click=active.stop)


def _so_far(job: Job) -> str:
    if job.state == "starting":
        return f"{job.name}: reading the articles…"
    return f"{job.name}: asked {job.done} of {job.total} cases"


def show_list(runs: list[Listed]) -> None:
    """Show the runs as a table; a click opens one."""
    columns = (
        Column("Run"),
        Column("Passed", "figure"),
        Column("95 % interval", "wide"),
        Column("Cases", "figure"),
        Column("Model", "wide"),
        Column("Made", "wide"),
    )
    opened = show_table("Runs", columns, [_listed(run) for run in runs], key="runs")
    if opened:
        go(opened)


def _listed(run: Listed) -> Row:
    passed = run.passed or {}
    return Row(
        (
            run.name if run.finished else f"{run.name} (not finished)",
            figure(passed.get("value")),
            interval(passed),
            f"{run.cases:,}",
            run.model or "–",
            _made(run),
        ),
        run.id,
    )


def _made(run: Listed) -> str:
    return run.created[:16].replace("T", " ")


def go(run: str, **more: str) -> None:
    """Show a run, or what else the parameters say, in place of the list."""
    for name in (_CASE, _AGAINST):
        st.query_params.pop(name, None)
    st.query_params.update({_RUN: run, **more})
    st.rerun()


def show_choosing_two(runs: list[Listed]) -> None:
    """Offer to compare two runs."""
    if len(runs) < 2:
        return
    st.subheader("Compare two runs", anchor=False)
    ids = [run.id for run in runs]
    names = {run.id: f"{run.name}, {_made(run)}" for run in runs}
    with st.container(horizontal=True, vertical_alignment="bottom"):
        before = st.selectbox("Before (A)", ids, index=1, format_func=names.__getitem__, key="compare-a")
        after = st.selectbox("After (B)", ids, index=0, format_func=names.__getitem__, key="compare-b")
        if st.button("Compare") and before and after:
            go(after, against=before)


def to_all_runs() -> None:
    """Offer the way back to the list."""
    if st.button("All runs", icon=":material/arrow_back:"):
        for name in (_RUN, _CASE, _AGAINST):
            st.query_params.pop(name, None)
        st.rerun()


# --- one run, two runs


def show_run(name: str) -> None:
    """Show a run, or one of its cases."""
    run = find_run(name, _home())
    case = run_view.outcome_of(run, st.query_params.get(_CASE, ""))
    if case:
        if st.button(f"{run.info.name}: all cases", icon=":material/arrow_back:", key="to-run"):
            go(name)
        run_view.show_case(run, case)
        return
    with st.container(horizontal=True):
        to_all_runs()
        if st.button("Make it the baseline"):
            confirm_baseline(run)
        if st.button("Check it against the baseline"):
            check(run)
    opened = run_view.show(run)
    if opened:
        go(name, case=opened)


def check(run: Run) -> None:
    """Say whether the run passes the gate."""
    folder = baseline_of(run)
    result = gate(run, load_run(folder) if folder.is_dir() else None)
    lines = " ".join((*result.failures, *result.notes))
    (st.success if result.passed else st.error)(plain(f"{'Passed' if result.passed else 'Failed'}. {lines}"))


@st.dialog("Make this run the baseline?")
def confirm_baseline(run: Run) -> None:
    """Ask before the baseline is replaced, and say where it is kept."""
    folder = baseline_of(run)
    st.text(f"{run.info.id} takes the place of what is in {folder}. Later runs are compared with it.")
    with st.container(horizontal=True):
        if st.button("Make it so", on_click=make_baseline, args=(run, folder)):
            st.rerun()
        if st.button("Cancel"):
            st.rerun()


def make_baseline(run: Run, folder: Path) -> None:
    """Replace the baseline, or say why that is not done."""
    try:
        bless(run, folder)
    except FootnotedError as error:
        st.toast(plain(str(error)))
    else:
        st.toast(plain(f"{run.info.id} is the baseline now."))


def show_comparison(before: str, after: str) -> None:
    """Show what differs between two runs."""
    to_all_runs()
    with st.spinner("Comparing case by case…"):
        found = compare(find_run(before, _home()), find_run(after, _home()))
    opened = comparison_view.show(found)
    if opened:
        go(after, case=opened)


main()
