"""Cases written by a person at a terminal, and drafts accepted one by one; input and output are passed in."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rag import Answer, QueryEngine
from rag.console import printable
from rag.sentences import sentence_spans

from .cases import Case, CaseError, ExpectedSource, load_cases
from .corpus import Corpus, nearest_sentence
from .drafts import DRAFT, free_id, slug
from .metrics.answers import missing

Ask = Callable[[str, str], str]
"""Shows a prompt and a default, and returns what was typed, or the default."""
Say = Callable[[str], None]
"""Shows a line."""
SHOWN = 8
"""Sentences to choose the gold quotes from."""


def add_case(path: Path, engine: QueryEngine, *, ask: Ask, say: Say) -> Case:
    """Ask a person for everything that makes a case, append it to a file of cases, and return it.

    Nothing is written before the last answer. Raises CaseError when the file holds something else.
    """
    return _Author(engine, known_ids(path), ask, say).add_to(path)


def accept(drafts: Iterable[Case], path: Path, *, ask: Ask, say: Say) -> list[Case]:
    """Go through drafts: keep, edit the question, skip or stop; append and return what is kept.

    Drafts that the file holds already are passed over, so that the rest can be done another day.
    """
    ask = _storable(ask)
    taken = known_ids(path)
    open_ = [draft for draft in drafts if draft.id not in taken]
    kept: list[Case] = []
    for number, draft in enumerate(open_, start=1):
        _show_draft(draft, f"{number} of {len(open_)}", say)
        choice = _choice("This one", ("keep", "edit", "skip", "stop"), "keep", ask=ask, say=say)
        if choice == "stop":
            break
        if choice != "skip":
            question = ask("Question", draft.question).strip() if choice == "edit" else draft.question
            kept.append(_accepted(draft, question or draft.question))
            append_case(path, kept[-1])
    say(f"{len(kept)} of {len(open_)} drafts are in {path}.")
    return kept


def append_case(path: Path, case: Case) -> None:
    """Write a case behind those of a file, which is replaced as a whole: it holds the line, or is as it was.

    Raises CaseError when the id is taken, or the file cannot be read or written.
    """
    if case.id in known_ids(path):
        raise CaseError(f"{path} holds the id {case.id!r} already; choose another one.")
    try:
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        held = target.read_bytes() if target.exists() else b""
        gap = b"" if not held or held.endswith(b"\n") else b"\n"
        beside = target.with_name(target.name + ".new")
        beside.write_bytes(held + gap + case.to_line().encode() + b"\n")
        if target.exists():
            shutil.copymode(target, beside)
        beside.replace(target)
    except OSError as error:
        raise CaseError(f"{path} cannot be written ({error.strerror}).") from None


def known_ids(path: Path) -> frozenset[str]:
    """Return the ids in a file of cases, none when it is empty or not there yet."""
    try:
        if not path.read_bytes().strip(b"\xef\xbb\xbf \r\n\t"):
            return frozenset()
    except FileNotFoundError:
        return frozenset()
    except OSError:
        pass  # load_cases says what is wrong
    return frozenset(case.id for case in load_cases(path))


def facts_in(text: str) -> tuple[tuple[str, ...], ...]:
    """Read `four | 4, Istanbul` as two facts, the first in two spellings; `1,200` is one number."""
    facts = (re.split(r"\s*\|\s*", fact.strip()) for fact in re.split(r",(?!\d{3}(?!\d))", text))
    return tuple(spelled for fact in facts if (spelled := tuple(form for form in fact if form)))


def _storable(ask: Ask) -> Ask:
    """Replace what no file can hold: the halves of characters that a terminal of another encoding sends."""
    return lambda prompt, default: ask(prompt, default).encode("utf-8", "replace").decode()


# --- a new case


class _Shown(NamedTuple):
    """A sentence that may be gold, as the person sees it."""

    article: str
    quote: str

    def source(self) -> ExpectedSource:
        return ExpectedSource(article=self.article, quote=self.quote)


Gold = tuple[tuple[ExpectedSource, ...], ...]


class _Author:
    """One conversation with the person."""

    def __init__(self, engine: QueryEngine, taken: frozenset[str], ask: Ask, say: Say) -> None:
        self._engine = engine
        self._corpus = Corpus.of(engine.index)
        self._taken = taken
        self._ask = _storable(ask)
        self._say = say

    def add_to(self, path: Path) -> Case:
        question = self._needed("Question", "")
        answer = self._engine.query(question)
        shown = self._show(answer)
        told = "no" if answer.status == "abstained" else "yes"
        answerable = self._yes("Do the articles answer it?", told)
        expected = self._expected(shown) if answerable else {}
        kind = "fact" if answerable else "in-topic"
        tags = self._listed("Tags, the kind first (comma separated)", kind)
        id_ = self._id(slug(question) or "case")
        case = Case(id=id_, question=question, answerable=answerable, tags=tags, **expected)
        append_case(path, case)
        self._say(f"Added {case.id} to {path}.")
        return case

    def _show(self, answer: Answer) -> list[_Shown]:
        self._say(printable(str(answer)))
        if answer.reason:
            self._say(printable(answer.reason))
        shown = self._candidates(answer)
        for number, sentence in enumerate(shown, start=1):
            self._say(printable(f"  {number}. {' '.join(sentence.quote.split())} ({sentence.article})"))
        return shown

    def _candidates(self, answer: Answer) -> list[_Shown]:
        """Return the quotes of the footnotes, then the closest other sentences."""
        engine = self._engine
        closest = engine.quoting.look(answer.question, engine.sources(answer.source_nodes)).ranked
        cited = [_Shown(self._corpus.name_of(c.article.uri), c.quote) for c in answer.citations]
        others = [_Shown(self._corpus.name_of(c.source.article.uri), c.text) for c in closest]
        return list(dict.fromkeys([*cited, *others]))[: max(SHOWN, len(cited))]

    def _expected(self, shown: Sequence[_Shown]) -> dict[str, Any]:
        expected = self._needed("Expected answer, one short sentence", "")
        facts = facts_in(
            self._ask("Facts that it must hold (comma separated, | between spellings)", "").strip()
        )
        gold = self._gold(shown)
        quotes = " / ".join(source.quote or "" for item in gold for source in item)
        if absent := missing(quotes, facts):
            self._say(f"Not in these quotes: {', '.join(absent)}. Are the facts spelled as the articles do?")
        return {"expected_answer": expected, "must_include": facts, "expected_sources": gold}

    def _gold(self, shown: Sequence[_Shown]) -> Gold:
        """Ask for gold quotes until what is typed are numbers of sentences, verbatim words, or nothing."""
        prompt = "Which sentences answer it? Numbers (1, 2; 1|2 if one is enough), or a quote"
        default = ""
        while True:
            typed = self._ask(prompt, default).strip()
            if not typed:
                return ()
            if re.fullmatch(r"[\d\s,|]+", typed):
                default = ""
                if gold := _numbered(typed, shown):
                    return gold
                self._say(f"Write numbers from 1 to {len(shown)}.")
            elif found := self._found(typed):
                return (found,)
            else:
                default = self._nearest(typed, shown)
                self._say(printable(f"These words are not in the articles. The nearest there: {default}"))

    def _found(self, quote: str) -> tuple[ExpectedSource, ...]:
        """Return every article that holds a quote, as alternatives."""
        names = [name for name in self._corpus.names if quote in (self._corpus.text_of(name) or "")]
        return tuple(ExpectedSource(article=name, quote=quote) for name in names)

    def _nearest(self, quote: str, shown: Sequence[_Shown]) -> str:
        """Return the nearest sentence of the articles that the shown sentences come from."""
        names = dict.fromkeys(sentence.article for sentence in shown)
        texts = (self._corpus.text_of(name) or "" for name in names)
        sentences = (text[span.start : span.end] for text in texts for span in sentence_spans(text))
        return nearest_sentence(quote, sentences)

    def _id(self, proposed: str) -> str:
        while True:
            id_ = self._needed("Id", free_id(proposed, self._taken))
            if id_ not in self._taken:
                return id_
            self._say(f"The id {id_!r} is taken; write another one.")

    def _needed(self, prompt: str, default: str) -> str:
        while not (typed := self._ask(prompt, default).strip()):
            self._say("This cannot be left out.")
        return typed

    def _yes(self, prompt: str, default: str) -> bool:
        return _choice(prompt, ("yes", "no"), default, ask=self._ask, say=self._say) == "yes"

    def _listed(self, prompt: str, default: str) -> tuple[str, ...]:
        parts = (part.strip() for part in self._ask(prompt, default).split(","))
        return tuple(dict.fromkeys(part for part in parts if part))


def _numbered(typed: str, shown: Sequence[_Shown]) -> Gold:
    """Read `1, 2|3` as the first sentence, and one of the next two; nothing when a number is not shown."""
    items = [[int(digits) for digits in re.findall(r"\d+", part)] for part in typed.split(",")]
    numbers = [number for item in items for number in item]
    if not numbers or not all(1 <= number <= len(shown) for number in numbers):
        return ()
    return tuple(tuple(shown[number - 1].source() for number in item) for item in items if item)


def _choice(prompt: str, choices: Sequence[str], default: str, *, ask: Ask, say: Say) -> str:
    """Ask until the answer is one of the choices, or the beginning of a single one."""
    while True:
        typed = ask(f"{prompt} ({'/'.join(choices)})", default).strip().casefold()
        meant = [choice for choice in choices if choice == typed] or [
            choice for choice in choices if typed and choice.startswith(typed)
        ]
        if len(meant) == 1:
            return meant[0]
        say(f"Write {', '.join(choices[:-1])} or {choices[-1]}.")


# --- drafts


def _show_draft(draft: Case, place: str, say: Say) -> None:
    say(printable(f"\n{place}: {draft.question}"))
    say(printable(f"  expected: {draft.expected_answer}"))
    say(printable(f"  facts: {', '.join(' | '.join(fact) for fact in draft.must_include)}"))
    for item in draft.expected_sources:
        for source in item:
            say(printable(f"  in {source.article}: “{' '.join((source.quote or '').split())}”"))


def _accepted(draft: Case, question: str) -> Case:
    tags = tuple(tag for tag in draft.tags if tag != DRAFT)
    return draft.model_copy(update={"question": question, "tags": tags})
