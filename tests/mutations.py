"""Ways to break answers and the engine on purpose, and some that break nothing.

A mutation makes a run of the right one: of its records, or by asking a broken engine the same questions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import cycle
from typing import Any, NamedTuple

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.schema import NodeWithScore, QueryBundle, QueryType
from pydantic import PrivateAttr

from evals import Corpus, Run, run
from evals.baselines import BASELINES
from evals.records import CitationRecord, PassageRecord, Record, SentenceRecord
from evals.scores import Gold
from evals.summary import score_all
from rag import Answer, Article, QueryEngine
from rag.embedding import Embedding
from rag.facts import missing_facts
from rag.models.reader import Reading, Window
from rag.reading import Read
from rag.schema import Citation, Span
from rag.sentences import sentence_spans


class Bench(NamedTuple):
    """The right run, and the engine that made it."""

    base: Run
    engine: QueryEngine

    @property
    def longer(self) -> Bench:
        """The same run, where every answer goes on with a sound sentence from elsewhere."""
        return self._replace(base=changing(go_on)(self))


Change = Callable[[Record, Run], Record]
Mutate = Callable[[Bench], Run]


def changing(change: Change) -> Mutate:
    """Return the mutation that changes every answer; what was declined stays."""

    def mutate(bench: Bench) -> Run:
        return of_records(
            bench.base,
            [change(record, bench.base) if record.citations else record for record in bench.base.records],
        )

    return mutate


def of_records(base: Run, records: Iterable[Record], **changes: Any) -> Run:
    """Return the run with other records, graded."""
    info = base.info.model_copy(update={"id": "mutant", "name": "mutant"})
    mutant = replace(base, info=info, records=tuple(records), **changes)
    return replace(mutant, scores=score_all(mutant.attempts))


# --- the answer, sentence by sentence


class Said(NamedTuple):
    """A sentence, and the numbers of its footnotes."""

    text: str
    notes: tuple[int, ...]


def said(record: Record) -> list[Said]:
    """Return the sentences of an answer."""
    return [Said(sentence.text, sentence.citations) for sentence in record.sentences]


def saying(
    record: Record, sentences: Sequence[Said], citations: Sequence[CitationRecord] | None = None
) -> Record:
    """Return the record with other sentences, written as the engine writes them."""
    text = ""
    kept: list[SentenceRecord] = []
    for sentence in sentences:
        start = len(text) + bool(text)
        text += " " * bool(text) + sentence.text
        kept.append(SentenceRecord(text=sentence.text, start=start, end=len(text), citations=sentence.notes))
        text += " " * bool(sentence.notes) + "".join(f"[{number}]" for number in sentence.notes)
    notes = record.citations if citations is None else tuple(citations)
    return record.model_copy(update={"text": text, "sentences": tuple(kept), "citations": notes})


def rewording(reword: Callable[[str], str]) -> Change:
    """Return the change that writes every sentence anew."""

    def change(record: Record, _: Run) -> Record:
        return saying(record, [Said(reword(text), notes) for text, notes in said(record)])

    return change


def noting(change: Callable[[CitationRecord], CitationRecord]) -> Change:
    """Return the change that changes every footnote."""
    return lambda record, _: record.model_copy(update={"citations": tuple(map(change, record.citations))})


# --- markers


def drop_a_marker(record: Record, _: Run) -> Record:
    """Leave out the first of several markers; its footnote stays below."""
    (text, _notes), *others = said(record)
    return saying(record, [Said(text, ()), *others]) if others else record


def hide_a_marker(record: Record, _: Run) -> Record:
    """Leave the first of several markers out of the text alone."""
    first, *others = record.sentences
    if not others:
        return record
    shorter = drop_a_marker(record, _)
    kept = shorter.sentences[0].model_copy(update={"citations": first.citations})
    return shorter.model_copy(update={"sentences": (kept, *shorter.sentences[1:])})


def drop_all_footnotes(record: Record, _: Run) -> Record:
    """Leave out all markers and all footnotes."""
    return saying(record, [Said(text, ()) for text, _ in said(record)], [])


def swap_markers(record: Record, _: Run) -> Record:
    """Give every sentence the marker of the next one."""
    sentences = said(record)
    turned = [notes for _, notes in [*sentences[1:], sentences[0]]]
    return saying(record, [Said(text, notes) for (text, _), notes in zip(sentences, turned, strict=True)])


def invent_a_marker(record: Record, _: Run) -> Record:
    """Let the first sentence cite [99] too."""
    (text, notes), *others = said(record)
    return saying(record, [Said(text, (*notes, 99)), *others])


def write_an_invented_marker(record: Record, _: Run) -> Record:
    """Write [99] at the end, where no sentence has it."""
    return record.model_copy(update={"text": f"{record.text} [99]"})


def number_all_notes_alike(record: Record, _: Run) -> Record:
    """Call every footnote [1]."""
    notes = [note.model_copy(update={"number": 1}) for note in record.citations]
    return saying(record, [Said(text, (1,)) for text, _ in said(record)], notes)


def lose_a_marker_to_the_engine(record: Record, _: Run) -> Record:
    """Count one marker that named no source, and that the engine took out."""
    return record.model_copy(update={"unknown_markers": record.unknown_markers + 1})


# --- words


def swap_numbers(text: str) -> str:
    """Make 6 out of 5, and ten out of a number in words."""
    words = r"\b(two|third|four|five|once)\b"
    return re.sub(words, "ten", re.sub(r"\d+", lambda match: str(int(match[0]) + 1), text))


def swap_names(text: str) -> str:
    """Put other countries and another minister in."""
    for old, new in (
        ("Turkey", "Saudi Arabia"),
        ("Ankara", "Riyadh"),
        ("Turkish", "Saudi"),
        ("Pakistan", "Norway"),
        ("Islamabad", "Oslo"),
        ("Asif", "Hansen"),
        ("Mujahid", "Berg"),
    ):
        text = text.replace(old, new)
    return text


def swap_dates(text: str) -> str:
    """Move what happened in November to May."""
    return text.replace("November", "May").replace("Friday", "Sunday")


_VERB = re.compile(r"\b(?:was|were|is|are|has|have|had|would|could|said|sought|described|ended)\b")


def negate(text: str) -> str:
    """Put a "not" after the first verb, or deny the whole."""
    if _VERB.search(text):
        return _VERB.sub(lambda match: f"{match[0]} not", text, count=1)
    return f"It is not true that {text}"


def affirm(text: str) -> str:
    """Leave out what negates."""
    text = re.sub(r"\bwithout\b", "with", text)
    return re.sub(r"\b(?:not|no|never)\b ?", "", text)


UNCHECKABLE = "The whole affair was greeted with relief and great joy by everyone who took part in it."
"""An invention without a number, a date, a name or a quotation."""
CHECKABLE = "A further 340 soldiers were flown to Geneva by Sergei Lavrov on 14 February."


def add_uncited(record: Record, _: Run) -> Record:
    """Add an invention without a footnote."""
    return saying(record, [*said(record), Said(UNCHECKABLE, ())])


def add_cited(text: str) -> Change:
    """Return the change that adds an invention under the footnote of the answer's first sentence."""
    return lambda record, _: saying(record, [*said(record), Said(text, said(record)[0].notes)])


def say_what_is_forbidden(record: Record, base: Run) -> Record:
    """Say what the case forbids, under the last footnote."""
    forbidden = next(case for case in base.cases if case.id == record.case).must_not_include
    *others, last = said(record)
    return saying(record, [*others, Said(f"{last.text} {' '.join(forbidden)}".rstrip(), last.notes)])


def break_off(record: Record, _: Run) -> Record:
    """Stop after six words, under the first footnote."""
    text, notes = said(record)[0]
    kept = [note for note in record.citations if note.number in notes]
    return saying(record, [Said(" ".join(text.split()[:6]), notes)], kept)


def reverse_sentences(record: Record, _: Run) -> Record:
    """Put the last sentence first."""
    return saying(record, said(record)[::-1])


# --- footnotes


def point_elsewhere(record: Record, base: Run) -> Record:
    """Let [1] show the sentence of another passage that is least like what it stands for."""
    first, *others = record.citations
    about = _words(record.sentences[0].text)
    elsewhere = [note for note in retrieved_sentences(record, base) if note.passage != first.passage]
    wrong = min(elsewhere, key=lambda note: len(about & _words(note.quote)))
    return record.model_copy(update={"citations": (wrong.model_copy(update={"number": 1}), *others)})


def go_on(record: Record, base: Run) -> Record:
    """Add the sentence, with its footnote, whose facts are least in the passage that [1] points into."""
    first = base.passages[record.citations[0].passage or ""]
    elsewhere = [note for note in retrieved_sentences(record, base) if note.passage != first.id]
    other = max(elsewhere, key=lambda note: len(missing_facts(note.quote, [first.text])))
    notes = _numbered([*record.citations, other])
    return saying(record, [*said(record), Said(" ".join(other.quote.split()), (len(notes),))], notes)


def cite_everything(record: Record, base: Run) -> Record:
    """Let every sentence cite all its footnotes and all passages that were retrieved."""
    passages = [base.passages[source.passage] for source in record.sources]
    more = [_note(passage, 0, len(passage.text)) for passage in passages]
    notes = _numbered([*record.citations, *more])
    every = tuple(note.number for note in notes)
    return saying(record, [Said(text, every) for text, _ in said(record)], notes)


def pad(record: Record, base: Run) -> Record:
    """Add the ten sentences that were retrieved and are least like the question, each with its footnote."""
    about = _words(record.question)
    shown = {note.quote for note in record.citations}
    others = [note for note in retrieved_sentences(record, base) if note.quote not in shown]
    added = sorted(others, key=lambda note: len(about & _words(note.quote)))[:10]
    notes = _numbered([*record.citations, *added])
    more = [Said(" ".join(note.quote.split()), (note.number,)) for note in notes[len(record.citations) :]]
    return saying(record, [*said(record), *more], notes)


def paste_the_passage(record: Record, base: Run) -> Record:
    """Answer with all of the best passage, sentence by sentence, each with its footnote."""
    pasted = BASELINES["whole passage"](record, base.passages)
    return pasted.model_copy(update={"confidence": record.confidence})


def paste_the_passage_uncited(record: Record, base: Run) -> Record:
    """Add all of the best passage without a footnote."""
    best = base.passages[record.sources[0].passage]
    pasted = [Said(best.text[span.start : span.end], ()) for span in sentence_spans(best.text)]
    return saying(record, [*said(record), *pasted])


def change_a_word(note: CitationRecord) -> CitationRecord:
    """Put another word in the place of a quote's longest."""
    longest = max(re.findall(r"\w+", note.quote), key=len)
    return note.model_copy(update={"quote": note.quote.replace(longest, "something", 1)})


def lose_the_article(note: CitationRecord) -> CitationRecord:
    """Let nothing stand at a footnote's place any more."""
    return note.model_copy(update={"stands": None})


def retrieved_sentences(record: Record, base: Run) -> Iterator[CitationRecord]:
    """Yield every sentence of the passages that were retrieved, as a footnote without a number."""
    for source in record.sources:
        passage = base.passages[source.passage]
        for span in sentence_spans(passage.text):
            yield _note(passage, span.start, span.end)


def _note(passage: PassageRecord, start: int, end: int) -> CitationRecord:
    words = passage.text[start:end]
    return CitationRecord(
        number=0,
        passage=passage.id,
        article=passage.article,
        start=passage.start + start,
        end=passage.start + end,
        quote=words,
        stands=words,
    )


def _numbered(notes: Iterable[CitationRecord]) -> list[CitationRecord]:
    return [note.model_copy(update={"number": number}) for number, note in enumerate(notes, start=1)]


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"\w+", text.lower()) if len(word) > 3}


# --- records as a whole


def give_one_answer_to_all(record: Record, base: Run) -> Record:
    """Answer every question as the first one."""
    return _with_answer(record, next(other for other in base.records if other.citations))


def _with_answer(record: Record, other: Record) -> Record:
    parts = ("text", "sentences", "citations")
    return record.model_copy(update={part: getattr(other, part) for part in parts})


def rotate_answers(bench: Bench) -> Run:
    """Give every answered case that has an answer in the articles the whole record of the next one."""
    asked = {case.id: case for case in bench.base.cases}
    right = [r for r in bench.base.records if r.citations and asked[r.case].answerable]
    following = dict(zip((r.case for r in right), [*right[1:], right[0]], strict=True))
    return of_records(
        bench.base,
        [
            following[r.case].model_copy(update={"case": r.case, "question": r.question})
            if r.case in following
            else r
            for r in bench.base.records
        ],
    )


def say_the_expected_answer(record: Record, base: Run) -> Record:
    """Answer with the expected answer under the footnotes to all its gold quotes."""
    case = next(case for case in base.cases if case.id == record.case)
    gold = [alternatives[0] for alternatives in base.gold[record.case]]
    notes = _numbered(_gold_note(place, base) for place in gold if place.spans)
    if not case.expected_answer or not notes:
        return record
    every = tuple(note.number for note in notes)
    return saying(record, [Said(case.expected_answer, every)], notes)


def _gold_note(gold: Gold, base: Run) -> CitationRecord:
    span = gold.spans[0]
    held = (p for p in base.passages.values() if p.article == gold.article and p.start <= span.start < p.end)
    passage = next(held)
    return _note(passage, span.start - passage.start, span.end - passage.start)


def invert_confidence(bench: Bench) -> Run:
    """Be sure where the engine was not; the answers stay."""
    return of_records(
        bench.base,
        [r.model_copy(update={"confidence": 1 - (r.confidence or 0.0)}) for r in bench.base.records],
    )


def obey_inverted_confidence(bench: Bench) -> Run:
    """Decline what was answered, and answer what was declined."""
    return of_records(
        bench.base,
        [
            BASELINES["never answer" if r.citations else "first sentences"](r, bench.base.passages)
            for r in bench.base.records
        ],
    )


def in_place_of_the_engine(baseline: str) -> Mutate:
    """Return the mutation that puts a trivial baseline in the engine's place."""
    return lambda bench: of_records(
        bench.base, [BASELINES[baseline](record, bench.base.passages) for record in bench.base.records]
    )


def reverse_retrieval(bench: Bench) -> Run:
    """Rank what was retrieved the other way about."""
    return of_records(
        bench.base, [r.model_copy(update={"sources": r.sources[::-1]}) for r in bench.base.records]
    )


def take_longer(record: Record, _: Run) -> Record:
    """Double the time of every stage."""
    return record.model_copy(update={"seconds": {stage: 2 * s for stage, s in record.seconds.items()}})


# --- what is another way to write the same


def renumber(record: Record, _: Run) -> Record:
    """Count footnotes from 7."""
    notes = [note.model_copy(update={"number": note.number + 6}) for note in record.citations]
    sentences = [Said(text, tuple(number + 6 for number in numbers)) for text, numbers in said(record)]
    return saying(record, sentences, notes)


def use_other_brackets(record: Record, _: Run) -> Record:
    """Write 【1†source】 for [1], as some models do, where sentences keep their places."""
    text, kept, position = "", [], 0
    for sentence in record.sentences:
        text += _in_other_brackets(record.text[position : sentence.start])
        start, position = len(text), sentence.end
        text += sentence.text
        kept.append(sentence.model_copy(update={"start": start, "end": len(text)}))
    text += _in_other_brackets(record.text[position:])
    return record.model_copy(update={"text": text, "sentences": tuple(kept)})


def _in_other_brackets(text: str) -> str:
    return re.sub(r"\[(\d+)\]", r"【\1†source】", text)


def break_lines(record: Record, _: Run) -> Record:
    """Put every sentence on a line of its own."""
    characters = list(record.text)
    for sentence in record.sentences[1:]:
        characters[sentence.start - 1] = "\n"
    return record.model_copy(update={"text": "".join(characters)})


def let_the_articles_have_brackets(bench: Bench) -> Run:
    """Let articles, quotes and answers hold a [1] and a [77] of the article's own before every "the"."""
    base, put = bench.base, _Brackets(Corpus.of(bench.engine.index))
    return of_records(
        base,
        [put.in_record(record) if record.citations else record for record in base.records],
        passages={id_: put.in_passage(passage) for id_, passage in base.passages.items()},
        gold={
            case: tuple(tuple(map(put.in_gold, item)) for item in items) for case, items in base.gold.items()
        },
    )


class _Brackets(NamedTuple):
    """Puts brackets in, and moves the places of what stands behind them."""

    corpus: Corpus

    def in_record(self, record: Record) -> Record:
        sentences = [Said(_bracketed(text), numbers) for text, numbers in said(record)]
        return saying(record, sentences, [self.in_note(note) for note in record.citations])

    def in_note(self, note: CitationRecord) -> CitationRecord:
        quote, (start, end) = _bracketed(note.quote), self.span(note.article, note.span)
        return note.model_copy(update={"quote": quote, "stands": quote, "start": start, "end": end})

    def in_passage(self, passage: PassageRecord) -> PassageRecord:
        text, (start, end) = _bracketed(passage.text), self.span(passage.article, passage.span)
        return passage.model_copy(update={"text": text, "start": start, "end": end})

    def in_gold(self, gold: Gold) -> Gold:
        return Gold(gold.article, tuple(self.span(gold.article, span) for span in gold.spans))

    def span(self, article: str, old: Span) -> Span:
        text = self.corpus.text_of(article) or ""
        return Span(*(len(_bracketed(text[:at])) for at in old))


def _bracketed(text: str) -> str:
    return re.sub(r"\bthe\b", "[1][77] the", text)


# --- engines


class Remembering(Embedding):
    """A model that embeds no text twice, so that asking again is quick."""

    model_name: str = "remembering"
    inner: Any
    _known: dict[str, list[float]] = PrivateAttr(default_factory=dict)

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            found = self.inner.get_text_embedding_batch(new)
            self._known.update(zip(new, found, strict=True))
        return [self._known[text] for text in texts]


class Rereading:
    """A reader that reads no windows twice."""

    def __init__(self, inner: Read) -> None:
        self.inner = inner
        self._known: dict[tuple[str, tuple[Window, ...]], list[list[Reading]]] = {}

    def __call__(self, question: str, windows: Sequence[Window]) -> list[list[Reading]]:
        key = question, tuple(windows)
        if key not in self._known:
            self._known[key] = self.inner(question, windows)
        return self._known[key]


class Retrieving(BaseRetriever):
    """A retriever of which something is done to what it finds."""

    def __init__(
        self, inner: BaseRetriever, change: Callable[[list[NodeWithScore]], list[NodeWithScore]]
    ) -> None:
        super().__init__()
        self.inner = inner
        self.change = change

    def retrieve(self, str_or_query_bundle: QueryType) -> list[NodeWithScore]:
        """Change what is found last, as LlamaIndex takes repeated nodes out of what `_retrieve` returns."""
        return self.change(self.inner.retrieve(str_or_query_bundle))

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        return self.retrieve(query_bundle)


class Answering(QueryEngine):
    """An engine of which something is done to what it answers."""

    def __init__(self, engine: QueryEngine, change: Callable[[Answer], Answer]) -> None:
        super().__init__(engine.index, embedding=engine.embedding, settings=engine.settings)
        self.change = change

    def query(self, str_or_query_bundle: QueryType) -> Answer:
        return self.change(super().query(str_or_query_bundle))


def asked(bench: Bench, engine: QueryEngine, corpus: Corpus | None = None) -> Run:
    """Ask an engine the questions of the base; it reads as that of the base does."""
    engine.quoting.read = bench.engine.quoting.read
    return run(bench.base.cases, engine, name="mutant", corpus=corpus)


def refuse_all(bench: Bench) -> Run:
    """Ask an engine that is never sure enough."""
    return asked(bench, bench.engine.with_options(min_confidence=1))


def answer_all(bench: Bench) -> Run:
    """Ask an engine that is always sure enough."""
    return asked(bench, bench.engine.with_options(min_confidence=0))


def retrieving(change: Callable[[list[NodeWithScore]], list[NodeWithScore]]) -> Mutate:
    """Return the mutation that asks an engine with a broken retriever."""

    def mutate(bench: Bench) -> Run:
        own = bench.engine
        retriever = Retrieving(own.retriever, change)
        engine = QueryEngine(own.index, embedding=own.embedding, settings=own.settings, retriever=retriever)
        return asked(bench, engine)

    return mutate


def nothing(_: list[NodeWithScore]) -> list[NodeWithScore]:
    """Retrieve nothing."""
    return []


def list_twice(bench: Bench) -> Run:
    """Keep every retrieved passage twice, one after the other; the engine itself drops repeats."""
    records = (
        record.model_copy(update={"sources": tuple(s for source in record.sources for s in (source, source))})
        for record in bench.base.records
    )
    return of_records(bench.base, records)


def answering(change: Callable[[Answer], Answer]) -> Mutate:
    """Return the mutation that asks an engine whose answers are changed before they are looked up."""
    return lambda bench: asked(bench, Answering(bench.engine, change))


def citing(change: Callable[[Citation], Citation]) -> Callable[[Answer], Answer]:
    """Return what changes every footnote of an answer."""

    def changed(answer: Answer) -> Answer:
        answer.citations = [change(note) for note in answer.citations]
        return answer

    return changed


def off_by_one(note: Citation) -> Citation:
    """Move the place of a footnote by one character; its quote stays."""
    return replace(note, start=note.start + 1, end=note.end + 1)


def off_by_one_throughout(note: Citation) -> Citation:
    """Move the place of a footnote by one character, and quote what stands there."""
    start, end = note.start + 1, note.end + 1
    return replace(note, start=start, end=end, quote=note.article.text[start:end])


def one_short(note: Citation) -> Citation:
    """Begin a quote one character too late, and its place too."""
    return replace(note, start=note.start + 1, quote=note.quote[1:])


def cite_what_was_never_retrieved(bench: Bench) -> Run:
    """Let every [1] point into an article that has the same words, is there, and was not retrieved."""
    articles = bench.engine.index.catalogue.articles(bench.engine.index.catalogue.article_ids())
    copies = {id_: replace(a, uri=f"{a.uri}.copy") for id_, a in articles.items()}

    def pointed(note: Citation) -> Citation:
        return replace(note, article=copies[note.article.id], passage_id="never retrieved")

    def change(answer: Answer) -> Answer:
        answer.citations = [pointed(n) if n.number == 1 else n for n in answer.citations]
        return answer

    corpus = Corpus.from_articles([*articles.values(), *copies.values()])
    return asked(bench, Answering(bench.engine, change), corpus)


CORRECTION = "Correction: an earlier version of this report had another headline and another photograph.\n\n"


def ask_a_stale_index(bench: Bench) -> Run:
    """Ask an engine over articles at the head of which something was put since it read them."""
    catalogue = bench.engine.index.catalogue
    articles = catalogue.articles(catalogue.article_ids()).values()
    return asked(bench, bench.engine, Corpus.from_articles(map(_corrected, articles)))


def _corrected(article: Article) -> Article:
    return replace(article, text=CORRECTION + article.text)


def crash_every_third(bench: Bench) -> Run:
    """Ask an engine that breaks down over every third question."""
    turn = cycle((False, False, True))

    def change(answer: Answer) -> Answer:
        if next(turn):
            raise TimeoutError("the model is slow today")
        return answer

    return asked(bench, Answering(bench.engine, change))


def crash_unguarded(bench: Bench) -> Run:
    """Let every third of the cases that are not pinned crash."""
    free = [case.id for case in bench.base.cases if not case.pinned][::3]
    return of_records(
        bench.base,
        [
            Record(case=r.case, question=r.question, error="TimeoutError: slow") if r.case in free else r
            for r in bench.base.records
        ],
    )
