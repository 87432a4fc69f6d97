"""Measure the seed questions through a model's server: what it says alone, and what is left of it.

    python benchmarks/llm.py --model qwen2.5-1.5b-instruct --base-url http://localhost:8080/v1 [--limit 20]

`--model parrot` needs no server: it never declines, and copies the first two sentences of the best passage.
Any OpenAI-compatible server does; OPENAI_API_KEY is sent to it. *Alone* is the same model's reply to the
same prompt, as it came; questions for which nothing speaks are not put to it, and count as declined.
Follow-ups are left out. Temperature 0.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from llama_index.core.base.llms.types import CompletionResponse, LLMMetadata
from llama_index.core.llms import MockLLM
from rich.console import Console
from rich.table import Table

from evals.cases import Case, load_cases
from evals.engines import SEED_ARTICLES
from evals.metrics.answers import missing
from evals.statistics import wilson
from rag import QueryEngine, Settings, ingest, load_settings
from rag.answer import Answer
from rag.answering import DECLINE
from rag.chatter import untold
from rag.console import progress_bar
from rag.facts import missing_facts
from rag.sentences import sentence_spans


class Parrot(MockLLM):
    """A model that copies the beginning of source 1, whatever it is asked."""

    @property
    def metadata(self) -> LLMMetadata:
        """Its name and window."""
        return LLMMetadata(model_name="parrot", context_window=16_384, num_output=512)

    def complete(self, prompt: str, *_: Any, **__: Any) -> CompletionResponse:
        """Return two sentences of the first source of a prompt."""
        source = re.search(r'number="1"[^>]*>\n(.*?)\n</source', prompt, re.DOTALL)
        text = source[1] if source else ""
        copied = (" ".join(text[span.start : span.end].split()) for span in sentence_spans(text)[:2])
        return CompletionResponse(text=" ".join(f"{sentence} [1]" for sentence in copied))


class Asked(NamedTuple):
    """A case, and its answer."""

    case: Case
    answer: Answer

    @property
    def raw(self) -> str:
        """The model's reply, empty when it was not asked."""
        return self.answer.raw or ""


class Row(NamedTuple):
    """A measure: in how many of how many."""

    name: str
    hits: int
    n: int


def main() -> None:
    arguments = _parsed()
    cases = [case for case in load_cases() if not case.history][:: arguments.every][: arguments.limit]
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(arguments, Path(folder) / "index")
        ingest([SEED_ARTICLES], index=settings.index, settings=settings)
        llm = Parrot(max_tokens=None) if arguments.model == "parrot" else None
        with QueryEngine.open(settings=settings, llm=llm) as engine, progress_bar(quiet=False) as bar:
            asked = []
            for n, case in enumerate(cases, start=1):
                asked.append(Asked(case, engine.query(case.question)))
                if bar:
                    bar(n, len(cases), case.id)
    _print(arguments.model, measured(asked))


def measured(asked: Sequence[Asked]) -> list[Row]:
    """Return the measures of answers."""
    yes, no = [a for a in asked if a.case.answerable], [a for a in asked if not a.case.answerable]
    heard = [a for a in asked if a.raw]
    own = [a for a in heard if a.answer.model != "quoting" and a.answer.status != "abstained"]
    told = [(s, a.answer) for a in own for s in a.answer.sentences if s not in _declining(a.answer)]
    sound = [(s, answer) for s, answer in told if s.sound]
    held = sum(_held(s.text, s.citations, answer) for s, answer in sound)
    return [
        Row("questions put to the model", len(heard), len(asked)),
        Row("answered by the model, not by quoting", len(own), len(heard)),
        Row("alone: replies with a marker", sum("[" in a.raw for a in heard), len(heard)),
        Row("alone: right", sum(_right(a.case, a.raw) for a in yes if a.raw), sum(bool(a.raw) for a in yes)),
        Row("alone: unanswerable declined", sum(_declines(a.raw) for a in no), len(no)),
        Row("right", sum(_right(a.case, a.answer.text) and not _abstains(a) for a in yes), len(yes)),
        Row("answerable declined", sum(_abstains(a) for a in yes), len(yes)),
        Row("unanswerable declined", sum(_abstains(a) for a in no), len(no)),
        Row("model's sentences with a footnote that holds", len(sound), len(told)),
        Row("of these, all facts in the articles", held, len(sound)),
    ]  # fmt: skip


def _declining(answer: Answer) -> list[object]:
    return [s for s in answer.sentences if not s.sound and s not in answer.unsupported]


def _right(case: Case, text: str) -> bool:
    return not missing(text, case.must_include)


def _declines(raw: str) -> bool:
    """Tell whether a reply says that the sources do not tell; one that was never asked for does."""
    return not raw or DECLINE in raw or any(untold(part) for part in re.split(r"(?<=[.!?])\s+|\n", raw))


def _abstains(asked: Asked) -> bool:
    return asked.answer.status == "abstained"


def _held(sentence: str, numbers: Sequence[int], answer: Answer) -> bool:
    articles = [note.article.text for note in answer.citations if note.number in numbers]
    return not missing_facts(sentence, articles)


def _settings(arguments: argparse.Namespace, index: Path) -> Settings:
    return load_settings(
        index=index,
        llm=f"openai:{arguments.model}",
        llm_base_url=arguments.base_url,
        llm_context=arguments.context,
        llm_max_tokens=arguments.max_tokens,
        llm_timeout=300.0,
        top_k=arguments.top_k,
        openai_api_key=os.environ.get("OPENAI_API_KEY"),
    )


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--base-url", help="OpenAI's own when not named")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--every", type=int, default=1, help="every nth case only")
    parser.add_argument("--context", type=int, default=8192)
    parser.add_argument("--max-tokens", type=int, default=300)
    parser.add_argument("--top-k", type=int, default=4)
    return parser.parse_args()


def _print(model: str, rows: Sequence[Row]) -> None:
    table = Table("measure", "share", "n", "95 %", title=model)
    for row in rows:
        if interval := wilson(row.hits, row.n):
            bounds = f"{interval.low:.3f}–{interval.high:.3f}"
            table.add_row(row.name, f"{interval.value:.3f}", f"{row.hits}/{row.n}", bounds)
    Console().print(table)


if __name__ == "__main__":
    main()
