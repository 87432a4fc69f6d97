"""Attempt -> scores: the metrics on plain values, held to a case and its record.

Every metric returns a Score; what cannot be graded is unscored, with its reason in plain words.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from functools import partial
from itertools import pairwise

from rag.schema import Span

from .metrics import answers, citations, retrieval
from .metrics.retrieval import Place, Ranked
from .records import CitationRecord, Record, SentenceRecord
from .scores import Attempt, Metric, Score

Grade = Callable[[Attempt], Score]
Bar = Callable[[Attempt], str | None]
"""Why an attempt cannot be graded; None when it can."""

DECLINED = "declined, though the articles tell"
NO_ANSWER = "the articles hold no answer"


def score_attempt(attempt: Attempt) -> dict[str, Score]:
    """Return the score of every metric by name."""
    return {metric.name: metric.score(attempt) for metric in METRICS}


# --- why an attempt cannot be graded


def _crash(record: Record) -> str | None:
    if record.error is not None:
        return f"the case crashed: {' '.join(record.error.split()) or 'no message'}"
    return "the record holds no answer" if record.status is None else None


def _unless(*bars: Bar) -> Callable[[Grade], Grade]:
    """Leave an attempt unscored when its case crashed or a bar gives a reason."""

    def guard(grade: Grade) -> Grade:
        def guarded(attempt: Attempt) -> Score:
            for bar in (_crashed, *bars):
                if (reason := bar(attempt)) is not None:
                    return Score(None, reason)
            return grade(attempt)

        return guarded

    return guard


def _crashed(attempt: Attempt) -> str | None:
    return _crash(attempt.record)


def _declined(attempt: Attempt) -> str | None:
    return "declined" if attempt.record.abstained else None


def _answered(attempt: Attempt) -> str | None:
    return None if attempt.record.abstained else "answered"


def _unanswerable(attempt: Attempt) -> str | None:
    return None if attempt.case.answerable else NO_ANSWER


def _answerable(attempt: Attempt) -> str | None:
    return "the articles hold an answer" if attempt.case.answerable else None


def _no_facts(attempt: Attempt) -> str | None:
    return None if attempt.case.must_include else "states no facts to check"


def _no_facts_to_pass(attempt: Attempt) -> str | None:
    return _no_facts(attempt) if attempt.case.answerable else None


def _nothing_forbidden(attempt: Attempt) -> str | None:
    return None if attempt.case.must_not_include else "forbids nothing"


def _no_expected_answer(attempt: Attempt) -> str | None:
    return None if attempt.case.expected_answer else "no expected answer"


def _no_gold(attempt: Attempt) -> str | None:
    if attempt.gold and all(attempt.gold):
        return None
    if attempt.case.expected_sources:
        return "an expected source is not in the articles"
    return "no expected sources"


def _no_sources(attempt: Attempt) -> str | None:
    return None if attempt.record.sources else "nothing was retrieved"


def _no_notes(attempt: Attempt) -> str | None:
    return None if attempt.record.citations else "the answer has no footnote"


def _no_cited_sentence(attempt: Attempt) -> str | None:
    return None if attempt.cited else "no sentence has a footnote"


# --- outcome


@_unless(_no_facts_to_pass)
def _passed(attempt: Attempt) -> Score:
    reasons = list(_failures(attempt))
    return Score(float(not reasons), "; ".join(reasons))


def _failures(attempt: Attempt) -> Iterable[str]:
    """Yield what is wrong with an answer, in words for a table."""
    case, record = attempt.case, attempt.record
    if record.abstained and case.answerable:
        yield DECLINED
        return
    if not record.abstained and not case.answerable:
        yield "answered, though the articles do not tell"
    text = _shown(attempt)
    if absent := answers.missing(text, case.must_include):
        yield f"missing: {', '.join(absent)}"
    if told := answers.said(text, case.must_not_include):
        yield f"says what it must not: {', '.join(told)}"
    if case.answerable:
        yield from _broken(attempt)


def _broken(attempt: Attempt) -> Iterable[str]:
    """Yield the hard checks that fail."""
    if _markers_resolve(attempt).value not in {None, 1}:
        yield "a marker names no source"
    if _quotes_verbatim(attempt).value not in {None, 1}:
        yield "a quote is not verbatim"


def _shown(attempt: Attempt) -> str:
    return answers.without_markers(attempt.record.told)


# --- retrieval


def _by_article(pick: Callable[[Ranked], float]) -> Grade:
    @_unless(_unanswerable, _no_gold)
    def grade(attempt: Attempt) -> Score:
        articles = [place.article for place in _retrieved(attempt)]
        return Score(pick(retrieval.rank_articles(articles, attempt.gold)))

    return grade


def _by_quote(pick: Callable[[Ranked], float]) -> Grade:
    @_unless(_unanswerable, _no_gold)
    def grade(attempt: Attempt) -> Score:
        return Score(pick(retrieval.rank_quotes(_retrieved(attempt), attempt.gold)))

    return grade


def _retrieved(attempt: Attempt) -> list[Place]:
    """Return where the retrieved passages stand; one that is not known stands nowhere."""
    known = [attempt.passages.get(source.passage) for source in attempt.record.sources]
    return [Place(found.article, found.span) if found else Place("", Span(0, 0)) for found in known]


@_unless(_no_sources)
def _distinct_passages(attempt: Attempt) -> Score:
    share = retrieval.distinct_share([source.passage for source in attempt.record.sources])
    return Score(share, "" if share == 1 else "a passage was retrieved twice")


# --- answer


def _or_declined(grade: Grade) -> Grade:
    """Give 0 to an answerable case that was declined."""

    def graded(attempt: Attempt) -> Score:
        return Score(0.0, DECLINED) if attempt.record.abstained else grade(attempt)

    return graded


@_unless(_unanswerable, _no_facts)
@_or_declined
def _facts_covered(attempt: Attempt) -> Score:
    text, facts = _shown(attempt), attempt.case.must_include
    return Score(answers.facts_covered(text, facts), _listed("missing", answers.missing(text, facts)))


@_unless(_nothing_forbidden, _declined)
def _forbidden_avoided(attempt: Attempt) -> Score:
    text, forbidden = _shown(attempt), attempt.case.must_not_include
    told = answers.said(text, forbidden)
    return Score(answers.forbidden_avoided(text, forbidden), _listed("says what it must not", told))


def _likeness(measure: Callable[[str, str], float]) -> Grade:
    @_unless(_unanswerable, _no_expected_answer)
    @_or_declined
    def grade(attempt: Attempt) -> Score:
        return Score(measure(_shown(attempt), attempt.case.expected_answer or ""))

    return grade


@_unless(_declined)
def _answer_words(attempt: Attempt) -> Score:
    return Score(float(len(answers.words(_shown(attempt)))))


# --- citations


def _gaps(record: Record) -> list[str]:
    """Return what stands before the first sentence, and after each one up to the next."""
    edges = [0, *(at for sentence in record.sentences for at in (sentence.start, sentence.end))]
    ends = [*edges, len(record.text)]
    return [record.text[start:end] for start, end in list(pairwise(ends))[::2]]


def _markers(attempt: Attempt) -> list[int]:
    """Return every marker of the answer; those of a sentence are what it cites and what is shown after it."""
    opening, *gaps = _gaps(attempt.record)
    numbers = [*citations.markers_in(opening)]
    for sentence, gap in zip(attempt.record.sentences, gaps, strict=True):
        own = citations.own_markers(sentence.text, _cited_texts(attempt, sentence))
        numbers += dict.fromkeys((*sentence.citations, *own, *citations.markers_in(gap)))
    return numbers


def _cited_texts(attempt: Attempt, sentence: SentenceRecord) -> Iterable[str]:
    for note in attempt.record.cited_by(sentence):
        yield note.quote
        yield attempt.source_of(note)


def _resolving(record: Record) -> frozenset[int]:
    """Return the numbers that name exactly one footnote, which points into something that was retrieved."""
    return citations.resolving(note.number for note in record.citations) - _strange(record)


def _strange(record: Record) -> frozenset[int]:
    """Return the numbers of the footnotes that point into no passage that the engine was given."""
    return frozenset(note.number for note in record.citations if note.passage is None)


@_unless()
def _markers_resolve(attempt: Attempt) -> Score:
    markers, known = _markers(attempt), _resolving(attempt.record)
    if not markers:
        return Score(None, _declined(attempt) or "the answer has no marker")
    wrong, strange = [n for n in markers if n not in known], _strange(attempt.record)
    unknown = _listed("no footnote", [f"[{number}]" for number in wrong if number not in strange])
    foreign = _listed("never retrieved", [f"[{number}]" for number in wrong if number in strange])
    return Score(_rest(wrong, markers), "; ".join(filter(None, (unknown, foreign))))


@_unless()
def _invented_markers(attempt: Attempt) -> Score:
    return Score(float(attempt.record.unknown_markers))


@_unless(_no_notes)
def _quotes_verbatim(attempt: Attempt) -> Score:
    notes = attempt.record.citations
    wrong = [f"[{note.number}]" for note in notes if not _is_verbatim(attempt, note)]
    return Score(_rest(wrong, notes), _listed("not verbatim", wrong))


def _is_verbatim(attempt: Attempt, note: CitationRecord) -> bool:
    found = attempt.passages.get(note.passage) if note.passage else None
    passage = Place(found.article, found.span) if found else None
    if not citations.is_verbatim(note.quote, note.stands, _place(note), passage):
        return False
    return found is None or not citations.is_ragged(
        found.text, Span(note.start - found.start, note.end - found.start)
    )


def _place(note: CitationRecord) -> Place:
    return Place(note.article, note.span)


@_unless(_declined)
def _sentence_coverage(attempt: Attempt) -> Score:
    known, gaps = _resolving(attempt.record), _gaps(attempt.record)[1:]
    needing = [
        (sentence, gap)
        for sentence, gap in zip(attempt.record.sentences, gaps, strict=True)
        if citations.needs_footnote(sentence.text)
    ]
    if not needing:
        return Score(None, "no sentence needs a footnote")
    without = [sentence.text for sentence, gap in needing if not _shown_notes(sentence, gap) & known]
    return Score(_rest(without, needing), _listed("no footnote", without))


def _shown_notes(sentence: SentenceRecord, gap: str) -> set[int]:
    """Return the footnotes of a sentence whose markers a reader sees."""
    return set(sentence.citations) & {*citations.markers_in(sentence.text), *citations.markers_in(gap)}


@_unless(_declined, _no_cited_sentence)
def _consistent(attempt: Attempt) -> Score:
    cited = attempt.cited
    missing = [found for item in cited if (found := citations.missing_from(item.text, item.sources))]
    facts = [fact for found in missing for fact in found]
    return Score(_rest(missing, cited), _listed("not in the source", facts))


@_unless(_declined, _no_cited_sentence)
def _negation_kept(attempt: Attempt) -> Score:
    cited = attempt.cited
    turned = [item.text for item in cited if not citations.keeps_negation(item.text, item.quotes)]
    return Score(_rest(turned, cited), _listed("negation differs", turned))


@_unless(_unanswerable, _no_gold, _declined, _no_notes)
def _citation_precision(attempt: Attempt) -> Score:
    return Score(citations.precision(_places(attempt), attempt.gold))


@_unless(_unanswerable, _no_gold)
@_or_declined
def _citation_recall(attempt: Attempt) -> Score:
    return Score(citations.recall(_places(attempt), attempt.gold))


def _places(attempt: Attempt) -> list[Place]:
    return [_place(note) for note in attempt.record.citations]


@_unless(_declined, _no_cited_sentence)
def _superfluous(attempt: Attempt) -> Score:
    uses = [idle for item in attempt.cited for idle in citations.superfluous(*item)]
    return Score(sum(uses) / len(uses))


@_unless(_declined, _no_cited_sentence)
def _footnotes_per_sentence(attempt: Attempt) -> Score:
    cited = attempt.cited
    return Score(sum(len(item.quotes) for item in cited) / len(cited))


# --- abstention


@_unless(_answerable)
def _declined_rightly(attempt: Attempt) -> Score:
    right = attempt.record.abstained
    return Score(float(right), "" if right else "answered, though the articles do not tell")


@_unless(_answered)
def _declines_right(attempt: Attempt) -> Score:
    right = not attempt.case.answerable
    return Score(float(right), "" if right else DECLINED)


@_unless(_unanswerable)
def _answers(attempt: Attempt) -> Score:
    right = not attempt.record.abstained
    return Score(float(right), "" if right else DECLINED)


def _rest(wrong: Sized, every: Sized) -> float:
    """Return the share of those that are not wrong."""
    return (len(every) - len(wrong)) / len(every)


def _listed(what: str, items: Sequence[str]) -> str:
    """Return `what: first, second, third`, the first three of many; nothing for none."""
    if not items:
        return ""
    more = f" and {len(items) - 3} more" if len(items) > 3 else ""
    return f"{what}: {', '.join(items[:3])}{more}"


_reported = partial(Metric, gates=False)
"""A metric that is told but does not gate: each one that may close the gate makes the others weaker."""

METRICS: tuple[Metric, ...] = (
    Metric("passed", "passed", "outcome", _passed),
    _reported(
        "article_recall_at_1", "gold articles among 1", "retrieval", _by_article(lambda r: r.recall_at_1)
    ),
    _reported(
        "article_recall_at_5", "gold articles among 5", "retrieval", _by_article(lambda r: r.recall_at_5)
    ),
    _reported(
        "article_all_at_5", "all gold articles among 5", "retrieval", _by_article(lambda r: r.all_at_5)
    ),
    _reported("article_mrr", "gold articles, RR@10", "retrieval", _by_article(lambda r: r.mrr)),
    Metric("article_ndcg_at_10", "gold articles, nDCG@10", "retrieval", _by_article(lambda r: r.ndcg_at_10)),
    _reported("quote_recall_at_1", "gold quotes among 1", "retrieval", _by_quote(lambda r: r.recall_at_1)),
    Metric("quote_recall_at_5", "gold quotes among 5", "retrieval", _by_quote(lambda r: r.recall_at_5)),
    _reported("quote_precision_at_5", "gold share of 5", "retrieval", _by_quote(lambda r: r.precision_at_5)),
    _reported("quote_mrr", "gold quotes, RR@10", "retrieval", _by_quote(lambda r: r.mrr)),
    Metric("quote_ndcg_at_10", "gold quotes, nDCG@10", "retrieval", _by_quote(lambda r: r.ndcg_at_10)),
    Metric("distinct_passages", "distinct passages", "retrieval", _distinct_passages),
    Metric("facts_covered", "facts covered", "answer", _facts_covered),
    Metric("forbidden_avoided", "forbidden facts avoided", "answer", _forbidden_avoided),
    Metric("token_f1", "token F1", "answer", _likeness(answers.token_f1)),
    _reported("exact", "exact", "answer", _likeness(answers.exact)),
    _reported("rouge_l", "ROUGE-L", "answer", _likeness(answers.rouge_l)),
    _reported("answer_words", "words", "answer", _answer_words, better="neither", unit="words"),
    Metric("markers_resolve", "markers resolve", "citations", _markers_resolve, hard=True),
    Metric("quotes_verbatim", "quotes verbatim", "citations", _quotes_verbatim, hard=True),
    Metric("sentence_coverage", "sentences with a footnote", "citations", _sentence_coverage),
    Metric("consistent", "facts in the source", "citations", _consistent),
    Metric("negation_kept", "negation kept", "citations", _negation_kept),
    Metric("citation_precision", "footnotes at gold", "citations", _citation_precision),
    Metric("citation_recall", "gold with a footnote", "citations", _citation_recall),
    Metric("superfluous", "superfluous footnotes", "citations", _superfluous, better="lower"),
    _reported(
        "invented_markers", "invented markers", "citations", _invented_markers, better="lower", unit="markers"
    ),
    _reported(
        "footnotes_per_sentence",
        "footnotes a sentence",
        "citations",
        _footnotes_per_sentence,
        better="neither",
        unit="footnotes",
    ),
    Metric("declined_rightly", "declined when it should", "abstention", _declined_rightly),
    _reported("declines_right", "right to decline", "abstention", _declines_right),
    Metric("answered", "answered when it should", "abstention", _answers),
)
"""All deterministic metrics, in the order of the tables."""
