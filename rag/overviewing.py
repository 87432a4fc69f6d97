"""Overviews: the passages of the articles that tell a story, and the answerer that quotes the best."""

from __future__ import annotations

from collections.abc import Sequence

from llama_index.core.schema import NodeWithScore

from .answering import Confidence, Draft, Question
from .citations import Source
from .coverage import Vocabulary
from .intents import Intent, about
from .overview import Topic, events, overview
from .quoting import QuotingAnswerer
from .retrieval import HybridRetriever
from .topics import Found, newest, story

SUREST, LEAST = 0.95, 0.01
"""Bounds of how sure an overview is: nobody who declines everything is given one."""


class OverviewAnswerer:
    """Quotes an overview; where no article holds a word of its topic, the question is read like any other."""

    name = "quoting"

    def __init__(self, intent: Intent, quoting: QuotingAnswerer, vocabulary: Vocabulary) -> None:
        """Take what kind of overview is asked for, and who answers when there is none."""
        self.intent = intent
        self.quoting = quoting
        self.vocabulary = vocabulary

    def draft(self, question: Question, sources: Sequence[Source]) -> Draft:
        """Yield the sentences of the overview with their footnotes.

        It is as sure as the articles hold the words of the topic.
        """
        terms = frozenset(self.vocabulary.terms(about(question.text)))
        held = min(self._held(terms, sources), SUREST)
        told = overview(self.intent, Topic(sources, terms), self.vocabulary)
        if told and held >= max(self.quoting.min_confidence, LEAST):
            yield Confidence(held)
            yield from events(told)
        else:
            yield from self.quoting.draft(question, sources)

    def _held(self, terms: frozenset[str], sources: Sequence[Source]) -> float:
        """Return the share of the topic's words that one article holds at best; 1 when no topic is named."""
        texts = {source.article.id: f"{source.article.title}\n{source.article.text}" for source in sources}
        shares = (
            len(terms & set(self.vocabulary.terms(text))) / len(terms) for text in texts.values() if terms
        )
        return max(shares, default=0.0 if terms else 1.0)


def find_story(retriever: HybridRetriever, question: str) -> list[NodeWithScore]:
    """Return the passages of the articles that an overview is asked of; of the newest ones without a topic.

    None are returned when no article has a word of the topic.
    """
    topic, catalogue = about(question), retriever.index.catalogue
    if not topic:
        dates = catalogue.dates()
        return retriever.passages_of(newest({id_: dates[id_] for id_ in retriever.scope.of(dates)}))
    found: dict[str, Found] = {}
    for each in retriever.rank(topic, retriever.embed_question(topic)):
        id_ = each.row.passage.article_id
        found.setdefault(id_, Found(id_, each.score, each.coverage))
    told = story(list(found.values()), catalogue.articles(found))
    return retriever.passages_of([article.id for article in told])
