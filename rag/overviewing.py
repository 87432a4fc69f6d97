"""The answerer of overviews: it finds the articles of a story, and quotes what tells most of it."""

from __future__ import annotations

from collections.abc import Sequence

from .answering import Confidence, Draft, Question
from .citations import Source
from .coverage import Vocabulary
from .intents import Intent, about
from .overview import Topic, events, overview
from .quoting import QuotingAnswerer

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


def is_overview(intent: Intent) -> bool:
    """Tell whether an intent asks for several sentences on a story."""
    return intent in _OVERVIEWS


_OVERVIEWS: frozenset[Intent] = frozenset(
    (
        "what_happened",
        "summary",
        "key_points",
        "about",
        "people",
        "quoted",
        "differences",
        "timeline",
        "latest",
    )
)
