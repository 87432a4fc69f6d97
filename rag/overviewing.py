"""The answerer of overviews: it finds the articles of a story, and quotes what tells most of it."""

from __future__ import annotations

from collections.abc import Sequence

from .answering import Draft, Question
from .citations import Source
from .coverage import Vocabulary
from .intents import Intent, about
from .overview import Topic, events, overview
from .quoting import QuotingAnswerer


class OverviewAnswerer:
    """Quotes an overview; where no article holds a word of its topic, the question is read like any other."""

    name = "quoting"

    def __init__(self, intent: Intent, quoting: QuotingAnswerer, vocabulary: Vocabulary) -> None:
        """Take what kind of overview is asked for, and who answers when there is none."""
        self.intent = intent
        self.quoting = quoting
        self.vocabulary = vocabulary

    def draft(self, question: Question, sources: Sequence[Source]) -> Draft:
        """Yield the sentences of the overview with their footnotes."""
        terms = frozenset(self.vocabulary.terms(about(question.text)))
        told = (
            overview(self.intent, Topic(sources, terms), self.vocabulary)
            if self._holds(terms, sources)
            else []
        )
        if told:
            yield from events(told)
        else:
            yield from self.quoting.draft(question, sources)

    def _holds(self, terms: frozenset[str], sources: Sequence[Source]) -> bool:
        """Tell whether some article has a word of the topic, or no topic is named."""
        texts = {source.article.id: f"{source.article.title}\n{source.article.text}" for source in sources}
        return not terms or any(terms & set(self.vocabulary.terms(text)) for text in texts.values())


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
