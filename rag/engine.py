"""QueryEngine: the one file that knows the order of the stages.

question -> embedding -> retrieval -> answering -> citations -> Answer
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Self, cast

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.llms import LLM
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import NodeWithScore, QueryBundle, QueryType

from .answer import Answer, StreamingAnswer
from .answering import DECLINE, Answerer, Confidence, Declined, PartEnd, Question
from .assessing import load_assessor
from .citations import Footnoter, Source, Trace
from .conflicts import conflicts_in
from .embedding import OpenAICompatibleEmbedding, load_embedding
from .errors import LLMError, UsageError
from .guard import Outlook, answers, look, touches, with_answers
from .index import Index
from .ingestion import recipe_of
from .intents import SMALL_TALK, Intent, is_overview, recognise
from .llm import LLMAnswerer, load_llm
from .models import reader
from .overviewing import OverviewAnswerer, find_story
from .parts import split
from .quoting import QuotingAnswerer
from .repair import RepairingAnswerer
from .retrieval import HybridRetriever
from .schema import AnswerPart, Conflict, Status
from .scope import Scope, find_articles
from .settings import Settings, load_settings
from .smalltalk import NO_QUESTION, reply
from .tracing import trace

MAX_QUESTION = 4_000
"""Longest question, in characters."""
NO_ARTICLES = "There are no articles in the index yet; add some with `rag ingest PATH`."
NONE_IN_SCOPE = "No article is among those chosen or of these days; choose more."


class QueryEngine(BaseQueryEngine):
    """Answers questions over an index; safe to share between threads."""

    def __init__(  # noqa: PLR0913  # the parts
        self,
        index: Index,
        *,
        embedding: BaseEmbedding,
        settings: Settings,
        llm: LLM | None = None,
        retriever: BaseRetriever | None = None,
        scope: Scope | None = None,
    ) -> None:
        """Take the parts; `QueryEngine.open` makes them from settings.

        A retriever of your own must return nodes whose ids are passages of the index; a scope is for ours.
        """
        super().__init__(callback_manager=None)
        self.index = index
        self.embedding = embedding
        self.settings = settings
        self.llm = llm
        self.scope = scope or Scope()
        self.assessor = load_assessor(settings, index.folder)
        self.retriever = retriever or HybridRetriever(
            index, embedding, top_k=settings.top_k, candidates=settings.candidates, scope=self.scope
        )
        self.quoting = QuotingAnswerer(
            read=self._read, vocabulary=index.lexical, min_confidence=settings.min_confidence
        )

    @classmethod
    def open(
        cls,
        index: str | Path | None = None,
        *,
        settings: Settings | None = None,
        llm: LLM | None = None,
        top_k: int | None = None,
    ) -> Self:
        """Open an index folder (`RAG_INDEX` when not named), with a model when one is given or set.

        Raises IndexMissing, IndexMismatch, IndexFolderError, or UsageError for bad settings.
        """
        settings = settings or load_settings(index=index, top_k=top_k)
        folder = Path(index) if index is not None else settings.index
        opened = Index.open(folder, recipe_of(settings))
        return cls(
            opened,
            embedding=load_embedding(settings),
            settings=settings,
            llm=llm or load_llm(settings),
        )

    def with_options(self, *, top_k: int | None = None, min_confidence: float | None = None) -> QueryEngine:
        """Return an engine over the same open index with other passages retrieved, or declining otherwise.

        Raises UsageError for a value out of bounds.
        """
        given = {"top_k": top_k, "min_confidence": min_confidence}
        changed = {name: value for name, value in given.items() if value is not None}
        load_settings(**changed)
        settings = self.settings.model_copy(update=changed)
        return self._over(self.scope, settings)

    def within(
        self,
        scope: Scope | None = None,
        *,
        articles: Sequence[str] = (),
        since: str | None = None,
        until: str | None = None,
    ) -> QueryEngine:
        """Return an engine over the same open index that is asked about some of its articles only.

        Name articles by id, URI, file name or title; days are ISO 8601, and count themselves. Undated
        articles are in no range of days. Raises UsageError for an article or a day that is none.
        """
        if scope is None:
            entries = self.index.catalogue.entries() if articles else []
            scope = Scope(find_articles(articles, entries), since, until)
        return self._over(scope, self.settings)

    def quoting_only(self) -> QueryEngine:
        """Return an engine over the same open index that asks no model."""
        return QueryEngine(self.index, embedding=self.embedding, settings=self.settings, scope=self.scope)

    def _over(self, scope: Scope, settings: Settings) -> QueryEngine:
        return QueryEngine(self.index, embedding=self.embedding, settings=settings, llm=self.llm, scope=scope)

    def close(self) -> None:
        """Release the index, and the connections of a remote embedding model."""
        self.index.close()
        if isinstance(self.embedding, OpenAICompatibleEmbedding):
            self.embedding.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def query(self, str_or_query_bundle: QueryType) -> Answer:
        """Answer a question.

        Raises UsageError for a question that is empty or longer than 4,000 characters.
        """
        return cast(Answer, super().query(str_or_query_bundle))

    async def aquery(self, str_or_query_bundle: QueryType) -> Answer:
        """Answer a question, in a thread."""
        return cast(Answer, await super().aquery(str_or_query_bundle))

    def stream(self, str_or_query_bundle: QueryType) -> StreamingAnswer:
        """Retrieve now; answer piece by piece as the result is read."""
        bundle, nodes, seconds = self._prepare(_bundle(str_or_query_bundle))
        box: list[Answer] = []

        def pieces() -> Iterator[str]:
            box.append((yield from self._answer(bundle, nodes, seconds, stream=True)))

        return StreamingAnswer(pieces(), nodes, box)

    def retrieve(self, query_bundle: QueryType) -> list[NodeWithScore]:
        """Return the passages that the answerer would be given, best first."""
        return self._prepare(_bundle(query_bundle))[1]

    def synthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> Answer:
        """Answer from given passages of this index."""
        bundle = self._embedded(_bundle(query_bundle))
        return _drain(self._answer(bundle, [*nodes, *(additional_source_nodes or ())], {}))

    async def asynthesize(
        self,
        query_bundle: QueryBundle,
        nodes: list[NodeWithScore],
        additional_source_nodes: Sequence[NodeWithScore] | None = None,
    ) -> Answer:
        """Answer from given passages of this index, in a thread."""
        return await asyncio.to_thread(self.synthesize, query_bundle, nodes, additional_source_nodes)

    def _query(self, query_bundle: QueryBundle) -> Answer:
        return _drain(self._answer(*self._prepare(_bundle(query_bundle))))

    async def _aquery(self, query_bundle: QueryBundle) -> Answer:
        return await asyncio.to_thread(self._query, query_bundle)

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}

    def _prepare(self, bundle: QueryBundle) -> tuple[QueryBundle, list[NodeWithScore], dict[str, float]]:
        started = time.perf_counter()
        bundle = self._embedded(bundle)
        embedded = time.perf_counter()
        nodes = self._retrieve(bundle)
        seconds = {"embed": embedded - started, "retrieve": time.perf_counter() - embedded}
        return bundle, nodes, seconds

    def _read(self, question: str, windows: Sequence[reader.Window]) -> list[list[reader.Reading]]:
        """Ask the bundled reader, which is loaded at the first question."""
        return reader.read(question, windows, reader.load_forward(self.settings.embedding_backend))

    def _intent(self, question: str) -> Intent:
        """Tell what a question asks for, by the bundled model, whichever embeds the articles."""
        return recognise(question, self.settings.embedding_backend)

    def _dates(self) -> dict[str, str | None]:
        """Return the dates of the articles in scope, by id."""
        dates = self.index.catalogue.dates()
        return {id_: dates[id_] for id_ in self.scope.of(dates)}

    def _retrieve(self, bundle: QueryBundle) -> list[NodeWithScore]:
        """Retrieve for the question, and for each of its parts what that has not found."""
        intent = self._intent(bundle.query_str)
        if intent in SMALL_TALK:
            return []
        if is_overview(intent) and self.llm is None and isinstance(self.retriever, HybridRetriever):
            told = find_story(self.retriever, bundle.query_str)
            if told:
                return told
        nodes = self.retriever.retrieve(bundle)
        found = {node.node.node_id: node for node in nodes}
        for part in self._question(bundle).parts:
            for node in self.retriever.retrieve(QueryBundle(part.text, embedding=list(part.vector))):
                found.setdefault(node.node.node_id, node)
        return list(found.values())

    def _question(self, bundle: QueryBundle) -> Question:
        """Return the question with its parts, if it has several."""
        parts = split(bundle.query_str)
        asked = [
            Question(part.text, tuple(self.embedding.get_query_embedding(part.text)), asks=part.asks)
            for part in parts
            if len(parts) > 1
        ]
        return Question(bundle.query_str, tuple(bundle.embedding or ()), tuple(asked))

    def _embedded(self, bundle: QueryBundle) -> QueryBundle:
        vector = bundle.embedding or self.embedding.get_query_embedding(bundle.query_str)
        return QueryBundle(bundle.query_str, embedding=vector)

    def _answer(
        self,
        bundle: QueryBundle,
        nodes: list[NodeWithScore],
        seconds: dict[str, float],
        *,
        stream: bool = False,
    ) -> Generator[str, None, Answer]:
        """Yield the text as it comes; return the Answer. A failed model gives way to quoting."""
        started = time.perf_counter()
        question = self._question(bundle)
        sources = self.sources(nodes, question.vector)
        answer = Answer(response="", question=bundle.query_str, source_nodes=nodes)
        intent = self._intent(bundle.query_str)
        if words := reply(intent, self._dates()):
            answer.response, answer.reason = words, NO_QUESTION
            yield answer.response
        elif not sources:
            answer.response, answer.reason = DECLINE, NONE_IN_SCOPE if self.scope else NO_ARTICLES
            yield answer.response
        elif self.llm is None:
            overviews = OverviewAnswerer(intent, self.quoting, self.index.lexical)
            answerer = overviews if is_overview(intent) else self.quoting
            yield from self._write(answer, answerer, question, sources)
        else:
            yield from self._ask_model(answer, self.llm, question, sources, stream=stream)
        answer.metadata = {node.node.node_id: node.node.metadata for node in nodes}
        now = time.perf_counter()
        answer.seconds = {**seconds, "answer": now - started}
        if self.assessor:
            self.assessor.assess(answer)
            answer.seconds["judge"] = time.perf_counter() - now
        answer.seconds["total"] = sum(answer.seconds.values())
        return answer

    def _ask_model(
        self, answer: Answer, llm: LLM, question: Question, sources: Sequence[Source], *, stream: bool
    ) -> Iterator[str]:
        """Let the model write, unless nothing speaks for an answer; what it writes in doubt is held back."""
        outlook = look(self.quoting, question, sources)
        if outlook.hopeless:
            yield from self._write(answer, self.quoting, question, sources)
            return
        model = LLMAnswerer(llm, stream=stream, doubtful=outlook.doubtful)
        shown = ""
        try:
            for piece in self._checked(answer, model, question, sources):
                shown += "" if outlook.doubtful else piece
                yield from () if outlook.doubtful else (piece,)
            self._accept(answer, question, outlook)
            answer.citations = with_answers(answer.citations, outlook)
            answer.conflicts = _conflicts(answer)
            yield from (answer.text,) if outlook.doubtful else ()
        except LLMError as error:
            answer.repaired = 0
            answer.notice = f"The model {model.name} gave no answer: {error}. Quoting instead."
            yield f"\n\n{answer.notice}\n\n" if shown else f"{answer.notice}\n\n"
            yield from self._write(answer, self.quoting, question, sources)
        finally:
            answer.raw, answer.prompt = model.raw or None, model.prompt or None
            answer.confidence = outlook.confidence

    def _checked(
        self, answer: Answer, model: LLMAnswerer, question: Question, sources: Sequence[Source]
    ) -> Iterator[str]:
        """Yield what a model writes, each sentence checked and mended as the settings say."""
        repairing = RepairingAnswerer(model, lambda: _footnoter(sources, trace=trace))
        answerer: Answerer = repairing if self.settings.repair else model
        checks = _footnoter(sources, trace=trace, drop=self.settings.unsupported == "drop")
        yield from self._write(answer, answerer, question, sources, checks)
        answer.repaired = repairing.repaired

    def _accept(self, answer: Answer, question: Question, outlook: Outlook) -> None:
        """Raise LLMError for an answer of which nothing holds, or that does not tell what was asked."""
        if answer.status == "abstained":
            return
        cited = {number for sentence in answer.sentences if sentence.sound for number in sentence.citations}
        notes = [citation for citation in answer.citations if citation.number in cited]
        terms = self.index.lexical.terms
        if not notes:
            raise LLMError("nothing in its answer could be checked against the articles")
        if not touches(question, notes, terms):
            raise LLMError("what could be checked of its answer is about something else")
        if outlook.doubtful and not answers(question, notes, outlook):
            raise LLMError("what it cites does not tell what was asked")

    def _write(
        self,
        answer: Answer,
        answerer: Answerer,
        question: Question,
        sources: Sequence[Source],
        checks: Footnoter | None = None,
    ) -> Iterator[str]:
        """Run one answerer through the checks, and fill in the answer."""
        footnoter = checks or _footnoter(sources)
        declined: Declined | None = None
        for event in answerer.draft(question, sources):
            if isinstance(event, Declined):
                declined = event
            elif isinstance(event, Confidence):
                answer.confidence = event.value
            elif isinstance(event, PartEnd):
                answer.parts.append(_part(event))
            elif piece := footnoter.feed(event):
                yield piece
        answer.model = answerer.name
        answer.unknown_markers, answer.dropped = footnoter.unknown_markers, footnoter.dropped
        answer.sentences, answer.citations = footnoter.sentences, footnoter.citations
        answer.conflicts = _conflicts(answer)
        answer.response = footnoter.text
        answer.status, answer.reason = _status(footnoter, declined, answer.parts)
        if declined:
            answer.response = DECLINE
            yield answer.response

    def sources(self, nodes: Sequence[NodeWithScore], vector: Sequence[float] = ()) -> list[Source]:
        """Number the retrieved passages that are still in the catalogue.

        `vector` is the question's: a retriever of your own does not tell how near the passages are to it.
        """
        catalogue = self.index.catalogue
        rows = catalogue.passages(node.node.node_id for node in nodes)
        articles = catalogue.articles({row.passage.article_id for row in rows.values()})
        known = [(rows[n.node.node_id].passage, n) for n in nodes if n.node.node_id in rows]
        untold = [passage.id for passage, node in known if "dense" not in node.node.metadata]
        cosines = catalogue.cosines(vector, untold) if vector else {}
        return [
            Source(
                number,
                passage,
                articles[passage.article_id],
                node.score or 0.0,
                float(node.node.metadata.get("dense", cosines.get(passage.id, 0.0))),
            )
            for number, (passage, node) in enumerate(known, start=1)
            if passage.article_id in articles
        ]


def _footnoter(sources: Sequence[Source], *, trace: Trace | None = None, drop: bool = False) -> Footnoter:
    return Footnoter(sources, exempt=[DECLINE], trace=trace, drop=drop)


def _conflicts(answer: Answer) -> list[Conflict]:
    return conflicts_in(answer.question, [c for c in answer.citations if c.verdict.sound])


def _status(
    footnoter: Footnoter, declined: Declined | None, parts: Sequence[AnswerPart]
) -> tuple[Status, str | None]:
    sentences = [s for s in footnoter.sentences if not footnoter.is_exempt(s.text)]
    declines = len(sentences) < len(footnoter.sentences)
    sound = [s for s in sentences if s.sound]
    total = len(sentences) + len(footnoter.dropped)
    if declined:
        return "abstained", declined.reason
    if not total or (declines and not sound and not footnoter.citations):
        return "abstained", "The model found no answer in the closest passages."
    if len(sound) < total:
        reason = f"{total - len(sound)} of {total} sentences could not be checked against the articles"
        return "partial", reason + ("; they are left out." if footnoter.dropped else ".")
    if untold := [part for part in parts if part.status == "abstained"]:
        return "partial", f"The articles do not tell {' and '.join(_told(part) for part in untold)}."
    return ("partial", "The articles answer a part of the question only.") if declines else ("answered", None)


def _told(part: AnswerPart) -> str:
    """Return a part as it goes on after "do not tell": what was asked in few words, or the question."""
    return part.asks if " " not in part.asks else f"“{part.text}”"


def _part(end: PartEnd) -> AnswerPart:
    asks = end.part.asks
    return AnswerPart(f"{asks[:1].upper()}{asks[1:]}?", asks, end.sentences)


def _bundle(given: QueryType) -> QueryBundle:
    bundle = QueryBundle(given) if isinstance(given, str) else given
    question = bundle.query_str.encode("utf-8", "replace").decode("utf-8").strip()  # lone surrogates
    if not question:
        raise UsageError("The question is empty; ask something about the articles.")
    if len(question) > MAX_QUESTION:
        raise UsageError(f"The question has {len(question):,} characters; ask in at most {MAX_QUESTION:,}.")
    return QueryBundle(question, embedding=bundle.embedding)


def _drain(pieces: Generator[str, None, Answer]) -> Answer:
    """Run a generator to its end and return what it returns."""
    while True:
        try:
            next(pieces)
        except StopIteration as end:
            return cast(Answer, end.value)
