"""Cases and an engine -> a run: asked, graded, summarised and, when a folder is named, kept."""

from __future__ import annotations

import gc
import hashlib
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from llama_index.core.chat_engine.types import BaseChatEngine
from pydantic import SecretStr

import prompts
from rag import Article, Index, QueryEngine
from rag.models.runtime import FOLDER
from rag.settings import Settings

from .asking import Declines, Engine, ask_all, declines_by_phrase
from .cases import Case, CaseError, Placed
from .corpus import Corpus, find_gold
from .markdown import to_markdown
from .records import PassageRecord, Record
from .runs import (
    Run,
    RunError,
    RunInfo,
    append_record,
    save_run,
    save_scores,
    slug,
    without_secrets,
    write_text,
)
from .summary import score_all, summarise
from .webpage import to_html

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
    "ir-measures",
)
_PROMPTS = ("answer.system", "answer.user", "condense.system", "condense.user")
_PRIVATE = re.compile(r"(?:^|_)(?:key|secret|password|credentials?|token|index)$")
"""Names of settings that are never written down."""


def run(  # noqa: PLR0913  # all but two are options
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
    another engine give them as `corpus`. Its source nodes name their article in their metadata (`uri`,
    `article`, `file_path` or `file_name`) or as `ref_doc_id`, and `declines` tells from its text whether
    it declined. With `folder`, the run is kept there, as far as it came when it is interrupted.

    Raises CaseError for an expected source that is not in the articles, an id used twice, or no case;
    RunError for a folder that holds a run already or cannot be written, and for articles that are missing.
    """
    placed = _placed(cases)
    if workers > 1 and isinstance(engine, BaseChatEngine):
        raise RunError("A chat engine keeps one conversation; ask it with workers=1.")
    articles = _corpus(corpus, engine)
    gold = find_gold(placed, articles)
    where = _prepared(folder)
    info = _info(engine, articles, placed, name=name, workers=workers, folder=where, about=about or {})
    unasked = Run(info=info, cases=tuple(p.case for p in placed), records=(), gold=gold, folder=where)
    with _undisturbed():
        return _ask(unasked, engine, articles, progress=progress, declines=declines)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep the garbage collector from looking through all that was there before, .15 s each time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _placed(cases: Iterable[Case | Placed]) -> list[Placed]:
    placed = [case if isinstance(case, Placed) else Placed(case, f"case {case.id!r}") for case in cases]
    if not placed:
        raise CaseError("There is no case to ask; give at least one.")
    (most, uses), *_ = Counter(each.case.id for each in placed).most_common(1)
    if uses > 1:
        raise CaseError(f"{uses} cases have the id {most!r}; give each its own.")
    return placed


def rescore(run: Run) -> Run:
    """Grade the records of a run again, without asking again; the judged layer and labels stay."""
    info = run.info.model_copy(update={"finished": len(run.records) == len(run.cases)})
    graded = replace(run, info=info, scores=score_all(run.attempts))
    kept = {layer: run.summary.get(layer) for layer in ("judged", "labels")}
    return replace(graded, summary={**summarise(graded), **kept})


def save_reports(run: Run) -> None:
    """Write the run's grades, summary and both reports into its folder.

    Raises RunError when it has none, or they cannot be written.
    """
    if run.folder is None:
        raise RunError("The run has no folder; give `run` one.")
    write_text(run.folder / "report.md", to_markdown(run))
    write_text(run.folder / "report.html", to_html(run))
    save_scores(run, run.folder)


def _ask(
    unasked: Run, engine: Engine, corpus: Corpus, *, progress: Progress | None, declines: Declines
) -> Run:
    """Ask, and grade and keep what came back even when it is interrupted."""
    records: list[Record] = []
    passages: dict[str, PassageRecord] = {}
    total = len(unasked.cases)
    started = time.perf_counter()
    replies = ask_all(unasked.cases, engine, corpus, workers=unasked.info.workers, declines=declines)
    try:
        with closing(replies):
            for reply in replies:
                new = {p.id: p for p in reply.passages if p.id not in passages}
                _keep(unasked, reply.record, new.values(), is_first=not records)
                records.append(reply.record)
                passages.update(new)
                if progress:
                    progress(len(records), total, reply.record.case)
    finally:
        info = _asked(unasked.info, records, wall=time.perf_counter() - started)
        done = _graded(replace(unasked, info=info, records=tuple(records), passages=passages))
    return done


def _keep(unasked: Run, record: Record, passages: Iterable[PassageRecord], *, is_first: bool) -> None:
    """Write down what came of one case at once, so that not even a killed process loses it."""
    if unasked.folder is None:
        return
    if is_first:
        save_run(replace(unasked, summary=summarise(unasked)), unasked.folder)
    append_record(unasked.folder, record, passages)


def _asked(info: RunInfo, records: Sequence[Record], *, wall: float) -> RunInfo:
    """Return what a run says of itself once its cases are asked."""
    models = sorted({record.model for record in records if record.model})
    return info.model_copy(update={"wall_seconds": round(wall, 3), "model": ", ".join(models)})


def _graded(asked: Run) -> Run:
    """Grade a run, and keep the grades if anything was asked."""
    done = rescore(asked)
    if done.folder and done.records:
        save_reports(done)
    return done


def _corpus(given: Corpus | Iterable[Article] | None, engine: Engine) -> Corpus:
    if isinstance(given, Corpus):
        return given
    if given is not None:
        return Corpus.from_articles(given)
    index = getattr(engine, "index", None)
    if isinstance(index, Index):
        return Corpus.of(index)
    raise RunError(
        "This engine has no index of Footnoted's; give its articles: run(cases, engine, corpus=[...])."
    )


def _prepared(folder: Path | str | None) -> Path | None:
    """Make the folder now, so that a place that cannot be written is known before anything is asked."""
    if folder is None:
        return None
    where = Path(folder)
    try:
        if (where / "run.json").exists():
            raise RunError(f"{where} holds a run already; name another folder.")
        where.mkdir(parents=True, exist_ok=True)
        (where / "records.jsonl").touch()
    except OSError as error:
        raise RunError(f"{where} cannot be written ({error.strerror}); name another folder.") from None
    return where


# --- what a run says of itself


def _info(  # noqa: PLR0913  # what a run says
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
    is_own = isinstance(engine, QueryEngine)
    return RunInfo(
        id=folder.resolve().name if folder else name,
        name=name,
        created=datetime.now().astimezone().isoformat(timespec="seconds"),
        cases_digest=hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()[:12],
        engine=f"{type(engine).__module__}.{type(engine).__name__}",
        settings=public_settings(engine.settings) if isinstance(engine, QueryEngine) else {},
        prompts={prompt: prompts.version(prompt) for prompt in _PROMPTS if is_own},
        index=_index_of(engine, corpus),
        packages=packages(),
        models=models() if is_own else {},
        workers=workers,
        **about,
    )


def public_settings(settings: Settings) -> dict[str, str | int | float | bool | None]:
    """Return the settings that may be written down: no keys, no paths, no passwords in addresses."""
    return {
        name: without_secrets(value) if isinstance(value, str) else value
        for name, value in settings.model_dump().items()
        if not _PRIVATE.search(name) and not isinstance(value, SecretStr | Path)
    }


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


def models() -> dict[str, str]:
    """Return the hashes of the bundled models' files."""
    return {
        path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:12]
        for path in sorted(FOLDER.glob("*/*.onnx"))
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def new_folder(runs: Path, name: str) -> Path:
    """Return a folder for a run that is not there yet: `<runs>/<date>-<time>-<name>`."""
    stem = f"{datetime.now().astimezone():%Y%m%d-%H%M%S}-{slug(name)}"
    folder, number = runs / stem, 2
    while folder.exists():
        folder, number = runs / f"{stem}-{number}", number + 1
    return folder
