"""Questions to start with, to go on with, and to ask instead; only those that quoting answers are offered.

They are made from what the articles name, and asked of the index before they are shown. No model is asked.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice, zip_longest

from .answer import Answer
from .engine import QueryEngine
from .facts import normalise

COUNT = 4
"""Questions to start with."""
MORE = 3
"""Questions to go on with, or to ask instead."""
_TRIED = 10
"""Questions put to the index to find them; each takes about a tenth of a second."""
_SAMPLE = 20
"""Articles, spread over the index, that names are taken from."""
_BEGINNING = 4_000
"""Characters of each that are read."""

_WORD = r"[A-ZÀ-ÖØ-Þ][\w’'-]+"
_SAID = r"(?:said|told|added|announced|admitted|insisted|warned|cautioned|claimed|argued|described)"
_SPEAKER = re.compile(rf"\b((?!The ){_WORD} {_WORD}),? {_SAID}\b")
_NAME = re.compile(
    rf"\b(?:in|to|from|with|by|between|against|at) ({_WORD}(?: {_WORD})*)"
    r"(?=[.,;]| (?:and|in|on|to|for|at|has|is|was)\b)"
)
_COUNTED = re.compile(
    r"\b(?:\d[\d,.]*|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozens of|hundreds of|"
    r"thousands of) (?P<noun>(?!others)[a-z]+s|people) (?P<did>(?:were|are|have been|had been) [a-z]+ed)\b"
)
_BODY = re.compile(
    r"\b(?:Agency|Association|Authority|Bureau|Center|Centre|College|Commission|Committee|Company|Corporation"
    r"|Council|County|Court|Department|Foundation|Government|Group|Hospital|House|Institute|Journal|Ministry"
    r"|Army|Bank|Board|Force|Forces|Health|News|Office|Organization|Organisation|Police|Post|Press|School"
    r"|Service|Society|Staff|Team|Times|Union|University)\b"
)
"""What the name of an office, a firm or a paper holds: it speaks, but is no person."""
_DATES = frozenset([*calendar.month_name, *calendar.day_name])


Pace = Callable[[], object]
"""Called before each question is put to the index; it may wait until there is nothing more urgent."""


def _at_once() -> None:
    """Wait for nothing."""


def starters(engine: QueryEngine, *, pace: Pace = _at_once) -> list[str]:
    """Return up to four questions that the index answers by quoting, whatever it holds."""
    tried = candidates(_texts(engine))
    return _answered(tried, engine, lambda given: given.status == "answered", pace=pace, most=COUNT)


def candidates(texts: Sequence[str]) -> Iterator[str]:
    """Yield questions about who speaks in the texts, what they count and what they name, each in turn."""
    kinds = (
        [f"What did {person} say?" for person in _speakers(texts)],
        _counting(texts),
        [f"What is said about {other}?" for other in _others(texts)],
    )
    return _in_turn(kinds)


def suggest_followups(answer: Answer, engine: QueryEngine, *, pace: Pace = _at_once) -> list[str]:
    """Return up to three questions to go on with: what the cited articles tell beyond the answer.

    About a speaker, a number or a name that neither the question nor the answer mentions; each
    would be answered with a quote that this answer does not have.
    """
    texts = list(dict.fromkeys(note.article.text[:_BEGINNING] for note in answer.citations))
    told = f"{answer.searched or ''} {answer.question} {answer.text}"
    quoted = {note.quote for note in answer.citations}

    def is_new(given: Answer) -> bool:
        return given.status != "abstained" and not {note.quote for note in given.citations} <= quoted

    return _answered(_unmentioned(texts, told), engine, is_new, pace=pace)


def suggest_rephrasings(answer: Answer, engine: QueryEngine, *, pace: Pace = _at_once) -> list[str]:
    """Return up to three questions to ask instead of one that was declined; none when nothing is near it.

    The question without its narrowing phrases, then questions about what it names, and about what its
    closest passages name in sentences that share a word with it.
    """
    if answer.status != "abstained":
        return []
    question = answer.searched or answer.question
    terms = engine.index.lexical.terms
    asked = set(terms(question))
    near = [
        sentence
        for node in answer.source_nodes
        for sentence in re.split(r"(?<=[.!?])\s+", node.node.get_content())
        if asked.intersection(terms(sentence))
    ]
    named = (f"What is said about {name}?" for name in _NAMED.findall(question))
    proposed = (q for q in chain(_wider(question), named, candidates(near)) if _is_known(q, engine))
    return _answered(proposed, engine, lambda given: given.status == "answered", pace=pace)


_NAMED = re.compile(rf"(?<=[a-z’'] )(?:the )?({_WORD}(?: {_WORD})*)")


def _is_known(question: str, engine: QueryEngine) -> bool:
    """Tell whether every word that a question searches for stands in some article."""
    lexical = engine.index.lexical
    return all(lexical.document_frequency(term) for term in lexical.terms(question))


def _answered(
    questions: Iterable[str],
    engine: QueryEngine,
    fits: Callable[[Answer], bool],
    *,
    pace: Pace,
    most: int = MORE,
) -> list[str]:
    """Return the first few questions whose quoted answers fit."""
    quoting = engine.quoting_only()

    def is_good(question: str) -> bool:
        pace()
        return fits(quoting.query(question))

    return list(islice(filter(is_good, islice(dict.fromkeys(questions), _TRIED)), most))


def _unmentioned(texts: Sequence[str], told: str) -> Iterator[str]:
    """Yield questions about what texts tell and an answer does not mention, of each kind in turn."""
    plain = normalise(told)
    people = [person for person in _speakers(texts) if normalise(person).split()[-1] not in plain]
    others = [name for name in _others(texts) if normalise(name) not in plain]
    kinds = (
        [f"What did {person} say?" for person in people],
        _counting(texts, told=plain),
        [f"What is said about {name}?" for name in others],
    )
    return _in_turn(kinds)


def _counting(texts: Iterable[str], *, told: str = "") -> list[str]:
    """Return questions about what the texts count, but for what was told already."""
    found = (match for text in texts for match in _COUNTED.finditer(text))
    return [
        f"How many {match['noun']} {match['did']}?"
        for match in found
        if not told or normalise(match["noun"]) not in told
    ]


def _in_turn(kinds: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield one of each kind, then the next of each, until all are told."""
    return (question for turn in zip_longest(*kinds) for question in turn if question)


_NARROWING = re.compile(
    r",? (?:in|on|at|about|during|since|before|after|until|between|according to|because of|despite|when|if"
    r"|while) "
)
"""How a phrase of place, time, topic or condition begins."""


def _wider(question: str) -> Iterator[str]:
    """Yield a question without its last narrowing phrase, then without the last two, and so on."""
    starts = [match.start() for match in _NARROWING.finditer(question)]
    return (
        f"{question[:start].rstrip()}?" for start in reversed(starts) if len(question[:start].split()) > 2
    )


def _speakers(texts: Iterable[str]) -> list[str]:
    found = (match for text in texts for match in _SPEAKER.findall(text))
    return _ranked(name for name in found if not _BODY.search(name))


def _others(texts: Sequence[str]) -> list[str]:
    """Return names that are no part of a speaker's."""
    people = _speakers(texts)
    names = _ranked(match for text in texts for match in _NAME.findall(text))
    return [name for name in names if not any(name in person for person in people)]


def _ranked(names: Iterable[str]) -> list[str]:
    counts = Counter(name for name in names if name not in _DATES and len(name) > 3)
    return sorted(counts, key=lambda name: -counts[name])


def _texts(engine: QueryEngine) -> list[str]:
    catalogue = engine.index.catalogue
    ids = sorted(engine.scope.of(catalogue.dates()))
    sample = ids[:: len(ids) // _SAMPLE + 1]
    return [article.text[:_BEGINNING] for article in catalogue.articles(sample).values()]
