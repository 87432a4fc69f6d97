"""Cases -> records: each question is asked, and what came back is kept as plain values.

Footnoted's own answers are taken as they are. The answers of any other LlamaIndex query or chat engine are
read as text with `[n]`, where n counts its source nodes from 1.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.chat_engine.types import BaseChatEngine
from llama_index.core.schema import NodeWithScore

from rag import Answer, ChatEngine, FootnotedError, QueryEngine
from rag.citations import Event, Marker, MarkerReader, SentenceReader, Words
from rag.llm import count_tokens
from rag.schema import Citation, Span, digest

from .cases import Case
from .corpus import Corpus, occurrences, stranger
from .records import CitationRecord, PassageRecord, Record, SentenceRecord, SourceRecord
from .runs import without_places

Engine = BaseQueryEngine | BaseChatEngine
Declines = Callable[[str], bool]


class Reply(NamedTuple):
    """A record, and the passages that it names."""

    record: Record
    passages: tuple[PassageRecord, ...]


_SOURCES = r"(?:sources?|articles?|context|passages?|documents?|texts?|information)"
_GIVEN = r"(?:(?:provided|given|available) )?"
_TELL = (
    r"(?:answer|tell|say|state|mention|contain|provide|include|specify|give|indicate|discuss|address|cover"
    r"|reveal|have)"
)
_NOT = r"(?:do(?:es)? not|don't|doesn't|did not|didn't|cannot|can't|could not|couldn't)"
_DECLINES = re.compile(
    r"\A\W*(?:based on [^,.]*, )?(?:empty response\W*\Z"
    r"|(?:i'm |i am )?(?:sorry|afraid|unfortunately)\b[^.!?]*"
    rf"\b(?:{_NOT}|unable|no (?:information|answer|mention))\b"
    rf"|i {_NOT} (?:know|answer|find|tell|say)\b|i(?:'m| am) (?:unable|not able)\b"
    rf"|(?:the |these )?{_GIVEN}{_SOURCES} {_GIVEN}(?:{_NOT} (?:\w+ )?{_TELL}|{_TELL}s? (?:no|nothing)\b)"
    rf"|none of the {_GIVEN}{_SOURCES} {_GIVEN}(?:\w+ )?{_TELL}s?\b"
    r"|there (?:is|was) no (?:information|mention|answer)\b"
    r"|(?:it|this|that) is not (?:\w+ )?(?:mentioned|stated|specified|provided|known)\b"
    r"|(?:not enough|insufficient) (?:\w+ )?information\b"
    r"|no (?:\w+ )?(?:information|answer)(?: (?:is|was|about|on|in|can)\b|\W*\Z))",
    re.IGNORECASE,
)


def declines_by_phrase(text: str) -> bool:
    """Tell whether the text of another engine declines: it has no words, or begins by saying so."""
    words = re.sub(r"[\[【]\d{1,3}[\]】]", "", text).replace("’", "'")
    return not re.search(r"\w", words) or _DECLINES.match(words) is not None


def ask_all(
    cases: Sequence[Case],
    engine: Engine,
    corpus: Corpus,
    *,
    workers: int = 1,
    declines: Declines = declines_by_phrase,
) -> Generator[Reply, None, None]:
    """Ask every case and yield what came back, in the order of the cases; a crash becomes a record too."""

    def one(case: Case) -> Reply:
        return ask(case, engine, corpus, declines=declines)

    if workers == 1:
        yield from map(one, cases)
        return
    pool = ThreadPoolExecutor(workers)
    try:
        yield from pool.map(one, cases)
    finally:
        pool.shutdown(cancel_futures=True)


def ask(case: Case, engine: Engine, corpus: Corpus, *, declines: Declines = declines_by_phrase) -> Reply:
    """Ask one case; whatever the engine raises becomes `record.error`."""
    about: dict[str, Any] = {"case": case.id, "question": case.question, "turn": case.turn}
    started = time.perf_counter()
    try:
        response, used_history = _respond(case, engine)
        about["used_history"] = used_history
        if isinstance(response, Answer):
            return _own(response, about, corpus)
        about["seconds"] = {"total": time.perf_counter() - started}
        return _foreign(response, about, corpus, declines)
    except Exception as error:  # noqa: BLE001  # one case must not stop the others
        return Reply(Record(**{**about, "error": _told(error)}), ())


def _told(error: Exception) -> str:
    """Return what an error says on one line, without keys and folders."""
    said = str(error) if isinstance(error, FootnotedError) else f"{type(error).__name__}: {error}"
    return " ".join(without_places(said).split())[:400] or type(error).__name__


class _Responded(NamedTuple):
    response: Any
    used_history: bool


def _respond(case: Case, engine: Engine) -> _Responded:
    """Ask; only a chat engine is given the turns before, and none but these.

    Footnoted's query engine is asked through its chat engine where there are turns before.
    """
    if isinstance(engine, QueryEngine) and case.history:
        engine = ChatEngine(engine)
    if isinstance(engine, BaseChatEngine):
        turns = [
            ChatMessage(role=role, content=text)
            for turn in case.history
            for role, text in ((MessageRole.USER, turn.question), (MessageRole.ASSISTANT, turn.answer))
        ]
        return _Responded(engine.chat(case.question, chat_history=turns), bool(turns))
    response: Any = engine.query(case.question)
    whole = response.get_response() if hasattr(response, "get_response") else response  # it was streamed
    return _Responded(whole, used_history=False)


# --- Footnoted's own answers


def _own(answer: Answer, about: dict[str, Any], corpus: Corpus) -> Reply:
    passages = {node.node.node_id: _passage(node, corpus) for node in answer.source_nodes}
    record = Record(
        **about,
        searched=answer.searched,
        status=answer.status,
        text=answer.text,
        reason=answer.reason,
        notice=answer.notice,
        sentences=tuple(
            SentenceRecord(text=s.text, start=s.start, end=s.end, citations=s.citations, lead_in=s.lead_in)
            for s in answer.sentences
        ),
        citations=tuple(_citation(note, passages, corpus) for note in answer.citations),
        unknown_markers=answer.unknown_markers,
        sources=tuple(
            SourceRecord(passage=passages[node.node.node_id].id, score=_finite(node.score))
            for node in answer.source_nodes
        ),
        confidence=_confidence(answer),
        model=answer.model,
        prompt_tokens=_tokens(answer.prompt, answer.model),
        completion_tokens=_tokens(answer.raw, answer.model),
        seconds=answer.seconds,
    )
    return Reply(record, tuple(passages.values()))


def _citation(note: Citation, passages: dict[str, PassageRecord], corpus: Corpus) -> CitationRecord:
    article = corpus.name_of(note.article.uri)
    passage = passages.get(note.passage_id)
    return CitationRecord(
        number=note.number,
        passage=passage.id if passage else None,
        article=article,
        start=note.start,
        end=note.end,
        quote=note.quote,
        stands=corpus.read(article, Span(note.start, note.end)),
    )


def _tokens(text: str | None, model: str) -> int:
    return count_tokens(text, model) if text else 0


def _confidence(answer: Answer) -> float | None:
    """Return how sure the evidence was, with a model or without, or else the nearness of the best passage."""
    return answer.confidence if answer.confidence is not None else _nearness(answer.source_nodes)


def _nearness(nodes: Sequence[NodeWithScore]) -> float | None:
    """Return the cosine, or else the score, of the best passage."""
    cosines = [node.node.metadata["dense"] for node in nodes if "dense" in node.node.metadata]
    scores = [_finite(score) for score in cosines or [node.score for node in nodes]]
    return max((score for score in scores if score is not None), default=None)


def _finite(score: float | None) -> float | None:
    """Return a score as JSON can hold it."""
    return float(score) if score is not None and math.isfinite(score) else None


# --- the answers of other engines


def _foreign(response: Any, about: dict[str, Any], corpus: Corpus, declines: Declines) -> Reply:
    nodes: list[NodeWithScore] = list(response.source_nodes or ())
    passages = [_passage(node, corpus) for node in nodes]
    shown = str(response.response or "")
    read = _Reading(shown, passages, corpus)
    record = Record(
        **about,
        status="abstained" if declines(shown) else "answered",
        text=read.text,
        sentences=tuple(read.sentences),
        citations=tuple(read.citations.values()),
        sources=tuple(
            SourceRecord(passage=passage.id, score=_finite(node.score))
            for passage, node in zip(passages, nodes, strict=True)
        ),
        confidence=_nearness(nodes),
    )
    return Reply(record, tuple(passages))


class _Reading:
    """Text with `[n]` -> sentences with footnotes that keep their numbers, each after its sentence."""

    def __init__(self, shown: str, passages: Sequence[PassageRecord], corpus: Corpus) -> None:
        self.text = ""
        self.sentences: list[SentenceRecord] = []
        self.citations: dict[int, CitationRecord] = {}
        self._passages = passages
        self._corpus = corpus
        self._separator = ""
        self._words = ""
        self._numbers: list[int] = []
        markers, reader = MarkerReader(), SentenceReader()
        for event in (*markers.feed(shown), *markers.finish()):
            self._take(reader.feed(event))
        self._take(reader.finish())

    def _take(self, events: Iterator[Event]) -> None:
        for event in events:
            if isinstance(event, Words):
                self._words += event.text
            elif isinstance(event, Marker):
                self._numbers.append(event.number)
            else:
                self._close(event.separator)

    def _close(self, separator: str) -> None:
        words, numbers = self._words.strip(), tuple(dict.fromkeys(self._numbers))
        start = len(self.text) + len(self._separator)
        marks = "".join(f"[{number}]" for number in numbers)
        self.text += self._separator + " ".join(part for part in (words, marks) if part)
        self.sentences.append(
            SentenceRecord(text=words, start=start, end=start + len(words), citations=numbers)
        )
        for number in numbers:
            if 0 < number <= len(self._passages) and number not in self.citations:
                self.citations[number] = self._note(number, self._passages[number - 1])
        self._words, self._numbers, self._separator = "", [], separator

    def _note(self, number: int, passage: PassageRecord) -> CitationRecord:
        """Return the footnote for a source: the whole of it, as nothing more exact was cited."""
        return CitationRecord(
            number=number,
            passage=passage.id,
            article=passage.article,
            start=passage.start,
            end=passage.end,
            quote=passage.text,
            stands=self._corpus.read(passage.article, passage.span) if passage.end else None,
        )


_LABEL = re.compile(r"\ASource \d+:\n")
"""What CitationQueryEngine puts before the text of its nodes."""


def _passage(node: NodeWithScore, corpus: Corpus) -> PassageRecord:
    """Return a node as a passage of its article; one that cannot be found there has the offsets 0, 0."""
    text = _LABEL.sub("", node.node.get_content()).strip()
    article = _article_of(node, text, corpus)
    span = _place_of(text, getattr(node.node, "start_char_idx", None), corpus.text_of(article) or "")
    stands = corpus.read(article, span) if span.end else None
    place = f"{span.start}-{span.end}" if span.end else f"?{digest(text)[:8]}"
    return PassageRecord(
        id=f"{article}#{place}", article=article, start=span.start, end=span.end, text=stands or text
    )


def _place_of(text: str, told: int | None, article: str) -> Span:
    """Return where a passage stands, of several places the one that is nearest to what its node tells."""
    if told is not None and text and article.startswith(text, told):
        return Span(told, told + len(text))
    spans = occurrences(text, article)
    return min(spans, key=lambda span: abs(span.start - (told or 0)), default=Span(0, 0))


_TELLING = ("uri", "article", "file_path", "file_name")
"""What in a node's metadata may name its article, the surest first."""


def _article_of(node: NodeWithScore, text: str, corpus: Corpus) -> str:
    """Return the name of a node's article: as the node tells, or else the one that holds its text."""
    about = node.node.metadata
    named = (*(about.get(key) for key in _TELLING), getattr(node.node, "ref_doc_id", None))
    told = [str(name) for name in named if name]
    for name in told:
        found = corpus.find(name)
        if len(found) == 1:
            return found[0]
        for each in found:
            if occurrences(text, corpus.text_of(each) or ""):
                return each
    holding = corpus.holding(text) if text else []
    return next(iter(holding), stranger(next(iter(told), "unknown")))
