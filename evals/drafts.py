"""Cases proposed from an article, for a person to accept: by a model, or from sentences with hard facts."""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import Annotated, NamedTuple
from urllib.parse import unquote, urlsplit

from llama_index.core.base.llms.types import ChatMessage, MessageRole
from llama_index.core.llms import LLM
from pydantic import BaseModel, ConfigDict, Field, ValidationError

import prompts
from rag import Article
from rag.errors import LLMError
from rag.facts import hard_facts
from rag.llm import cause, count_tokens
from rag.ordinary import is_function_word
from rag.schema import Span
from rag.sentences import sentence_spans

from .cases import Case, Text
from .metrics.answers import says

DRAFT = "draft"
"""The tag of a case that nobody has accepted yet."""
LONGEST_QUESTION = 220
"""In characters; a longer one is not what anybody would ask."""

_log = logging.getLogger(__name__)


def draft_cases(
    article: Article,
    *,
    llm: LLM | None = None,
    limit: int = 10,
    say: Callable[[str], None] = _log.warning,
) -> list[Case]:
    """Propose at most `limit` cases from an article.

    A model proposes when one is given; if nothing it says can be used, `say` is told why, and the
    sentences propose, as they do without a model.
    """
    if llm is not None:
        try:
            return _from_model(article, llm, limit)
        except LLMError as error:
            say(f"The model {_name_of(llm)} proposed nothing: {error}. Proposing from sentences instead.")
    return _from_sentences(article, limit)


def article_name(uri: str) -> str:
    """Return how a case names an article: a file by its name, anything else by its URI."""
    if not uri.startswith("file:"):
        return uri
    return PurePosixPath(unquote(urlsplit(uri).path)).name or uri


def slug(text: str, *, words: int = 6) -> str:
    """Return the first words of a text as a short id: lower-case letters and digits joined by hyphens."""
    return "-".join(re.findall(r"[^\W_]+", text.casefold())[:words])


def spellings(fact: str) -> tuple[str, ...]:
    """Return a fact, and the other honest ways to write it: small numbers and single days."""
    if fact.casefold() in _SMALL:
        return fact, str(_SMALL.index(fact.casefold()))
    if fact.isascii() and fact.isdigit() and int(fact) < len(_SMALL):
        return fact, _SMALL[int(fact)]
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+", fact):
        return fact, fact.replace(",", "")
    return (fact, *_other_dates(fact))


_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty"
).split()
_MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
_DAYS = r"\d{1,2}(?:(?: and |[-–]| to )\d{1,2})?"
_DATE = rf"(?:{_DAYS} (?:{_MONTH})|(?:{_MONTH}) {_DAYS})"


def _other_dates(fact: str) -> Iterator[str]:
    """Yield a day, or two that follow each other, in the other orders and with the other joints."""
    match = re.fullmatch(rf"(?:(?P<month>{_MONTH}) )?(?P<days>{_DAYS})(?: (?P<after>{_MONTH}))?", fact)
    month = match and (match["month"] or match["after"])
    if not match or not month or (match["month"] and match["after"]):
        return
    first, *second = re.findall(r"\d+", match["days"])
    for joint in (" and ", "–", " to ") if second else ("",):
        days = joint.join([first, *second])
        yield from (form for form in (f"{days} {month}", f"{month} {days}") if form != fact)


class _Proposal(NamedTuple):
    """A question that a sentence answers."""

    question: str
    answer: str
    facts: tuple[tuple[str, ...], ...]
    quote: str
    start: int
    """Where what it asks for stands in the article."""
    tags: tuple[str, ...]
    weight: float = 0
    """How telling it is; higher is better."""


def _cases(article: Article, proposals: Iterable[_Proposal]) -> list[Case]:
    """Make cases with ids that are the same whenever the article is the same."""
    name = article_name(article.uri)
    stem = slug(name.removesuffix(PurePosixPath(name).suffix)) or "article"
    cases: dict[str, Case] = {}
    for proposal in proposals:
        id_ = free_id(f"{stem}-{proposal.start}", cases)
        cases[id_] = Case.model_validate(
            {
                "id": id_,
                "question": proposal.question,
                "expected_answer": proposal.answer,
                "must_include": proposal.facts,
                "expected_sources": [{"article": name, "quote": proposal.quote}],
                "answerable": True,
                "tags": (*proposal.tags, DRAFT),
            }
        )
    return list(cases.values())


def free_id(wanted: str, taken: Iterable[str]) -> str:
    """Return an id, with a number behind it when it is taken."""
    used = set(taken)
    if wanted not in used:
        return wanted
    return next(id_ for n in range(2, len(used) + 3) if (id_ := f"{wanted}-{n}") not in used)


# --- from sentences


def _from_sentences(article: Article, limit: int) -> list[Case]:
    spans = sentence_spans(article.text)
    found = [
        (n, proposal)
        for n, span in enumerate(spans)
        if _stands_alone(sentence := article.text[span.start : span.end])
        for proposal in _asked_of(sentence, span)
    ]
    asked = Counter(proposal.question for _, proposal in found)
    clear = [item for item in found if asked[item[1].question] == 1]
    return _cases(article, _spread(clear, sentences=len(spans), limit=limit))


def _stands_alone(sentence: str) -> bool:
    """Tell whether a sentence is one, is whole, and does not lean on the one before it."""
    first = re.match(r"\w+", sentence)
    return (
        first is not None
        and first[0][0].isupper()
        and first[0].casefold() not in _LEANING
        and re.search(r"[.!][\"”’)]*\Z", sentence) is not None
        and sentence.count("“") == sentence.count("”")
        and sentence.count('"') % 2 == 0
    )


_LEANING = frozenset("he she it they this that these those his her its their such both and but or so".split())
"""First words of a sentence that cannot be understood by itself."""


def _asked_of(sentence: str, span: Span) -> Iterator[_Proposal]:
    """Yield the questions that a sentence answers, one for each fact that a template fits."""
    plain = re.sub(r"\s", " ", sentence)
    for swap in _swaps(plain):
        question = _question(plain, swap)
        fact = spellings(swap.fact)
        if len(question) <= LONGEST_QUESTION and not any(says(question, form) for form in fact):
            weight = swap.weight - len(question) / LONGEST_QUESTION
            start = span.start + swap.start
            yield _Proposal(question, swap.answer, (fact,), sentence, start, swap.tags, weight)


class _Swap(NamedTuple):
    """What of a sentence is asked for: `wh` goes into the place from `start` to `end`."""

    start: int
    end: int
    wh: str
    answer: str
    fact: str
    tags: tuple[str, ...]
    weight: int


def _swaps(sentence: str) -> Iterator[_Swap]:
    facts = hard_facts(sentence)
    numbers = [fact.text for fact in facts if fact.kind == "number"]
    yield from _speaker(sentence)
    yield from _counts(sentence, numbers)
    yield from _days(sentence)
    yield from _years(sentence, numbers)
    for fact in facts:
        if fact.kind == "quotation":
            yield from _quotation(sentence, fact.text.rstrip(" ,."))


_SAYING = (
    "accused|added|admitted|alleged|announced|argued|blamed|called|cautioned|claimed|condemned|confirmed|"
    "declared|denied|described|emphasised|emphasized|insisted|promised|reaffirmed|rejected|said|stated|told|"
    "urged|warned"
)
_NAME = r"[A-Z][\w’'-]+(?: (?:(?:al|bin|da|de|del|der|di|el|la|van|von) )?[A-Z][\w’'-]+){1,4}"
_SPEAKER = re.compile(
    rf"(?P<role>[^,;:.“”\"()—]{{0,80}}?(?:, )?)(?P<name>{_NAME})"
    rf"(?:,|, [^,;“”\"]{{3,60}},|)(?= (?:{_SAYING})\b)"
)
_ROLES = frozenset(
    "ambassador captain chairman chairwoman chief chancellor commander dr general governor judge king mayor "
    "minister mr mrs ms officer official president prince princess professor queen secretary senator "
    "spokesman spokesperson spokeswoman the".split()
)
_IN_TITLES = frozenset({"for", "of", "and", "the"})


def _speaker(sentence: str) -> Iterator[_Swap]:
    """Ask who said it, where a sentence begins with a name, of a person or others, and a word of saying."""
    opener = re.match(r"(?:Also|Earlier|However|Later|Meanwhile), |", sentence)
    match = _SPEAKER.match(sentence, opener.end() if opener else 0)
    if match is None or not all(map(_may_be_title, re.findall(r"[\w’']+", match["role"]))):
        return
    words = match["name"].split()
    titles = [n for n, word in enumerate(words) if word.casefold() in _ROLES or word.endswith(("’s", "'s"))]
    name = " ".join(words[titles[-1] + 1 if titles else 0 :])
    if name:
        yield _Swap(0, match.end(), "who", name, name, ("attribution", "person"), 4)


def _may_be_title(word: str) -> bool:
    return word.casefold() in _IN_TITLES or not is_function_word(word.casefold())


_NOUNS = "act|approach|attitude|decision|move|policy|position|stance"


def _quotation(sentence: str, words: str) -> Iterator[_Swap]:
    """Ask for a quotation that is used as a noun, after a preposition, or that describes a noun."""
    found = re.search(rf"[“\"]{re.escape(words)}[,.]?[”\"]", sentence)
    if found is None or len(words.split()) > 8:
        return
    before, after = sentence[: found.start()], sentence[found.end() :]
    article = re.search(r"\b(?:an?|the) \Z", before)
    noun = re.match(rf" ({_NOUNS})\b", after)
    preposition = re.search(r"\b(?:about|as|at|by|in|of|with) (?=(?:(?:an?|the) )?\Z)", before)
    tags = ("attribution", "quotation")
    if noun and article:
        wh = f"what kind of {noun[1]}"
        yield _Swap(article.start(), found.end() + noun.end(), wh, f"“{words}”", words, tags, 3)
    elif preposition and re.match(r"[,.;]?\Z|[,;] | and ", after):
        yield _Swap(preposition.end(), found.end(), "what", f"“{words}”", words, tags, 3)


_NOT_COUNTED = frozenset("days hours minutes months ones others percent seconds times weeks years".split())
_KNOWN_COUNT = frozenset(
    "a all an and estimated every first her his its last like my next nor one or other our per than the "
    "their these those top".split()
)
"""Words after which a number is not news: "its four sons", "Title 42", "the other two"."""


def _counts(sentence: str, numbers: Iterable[str]) -> Iterator[_Swap]:
    """Ask how many, where a number stands before what it counts."""
    for number in numbers:
        match = re.search(
            rf"(?:\A|(?P<before>\b[a-z]+) ){re.escape(number)} (?P<noun>(?:[a-z]+ )?"
            r"(?:people|children|men|women|police|[a-z]{3,}s))\b",
            sentence,
        )
        if match and match["before"] not in _KNOWN_COUNT and _is_count(number, match["noun"].split()):
            end = match.start("noun") - 1
            start = end - len(number)
            answer = sentence[start : match.end()]
            yield _Swap(start, end, "how many", answer, number, ("fact", "number"), 5)


def _is_count(number: str, noun: Sequence[str]) -> bool:
    ordinal = re.search(r"(?:st|nd|rd|th|second)\Z", number)
    counted = not is_function_word(noun[0]) and noun[-1] not in _NOT_COUNTED
    return counted and ordinal is None and not _is_year(number)


def _is_year(number: str) -> bool:
    return re.fullmatch(r"(?:1[5-9]|20)\d\d", number) is not None


_BEFORE_A_DAY = r"\b(?:after|before|by|on|since|until) "


def _days(sentence: str) -> Iterator[_Swap]:
    """Ask for a day of the calendar, or two, after a preposition."""
    tags = ("fact", "date")
    for match in re.finditer(rf"{_BEFORE_A_DAY}(?P<date>{_DATE})(?!\w|[-–]\d)(?:,? \d{{4}}\b)?", sentence):
        wh = "which days" if len(re.findall(r"\d+", match["date"])) > 1 else "which day"
        yield _Swap(match.start("date"), match.end(), wh, match["date"], match["date"], tags, 4)


def _years(sentence: str, numbers: Sequence[str]) -> Iterator[_Swap]:
    """Ask for a year that follows a preposition."""
    for match in re.finditer(r"\b(?:after|before|by|in|since|until) (?P<year>\d{4})\b(?![-–,]\d)", sentence):
        year = match["year"]
        if _is_year(year) and year in numbers:
            yield _Swap(match.start("year"), match.end(), "which year", year, year, ("fact", "date"), 3)


_TAIL = re.compile(
    r"(?:, (?:despite|which|while|whereas|noting|adding|warning|alleging|asserting)\b|—)[^,—]*\Z"
)


def _question(sentence: str, swap: _Swap) -> str:
    """Put the question's word into its place, and leave out a clause that hangs behind it."""
    words = " ".join(f"{sentence[: swap.start]}{swap.wh}{sentence[swap.end :]}".split())
    behind = len(sentence) - swap.end
    body = re.sub(r"[.!](?P<marks>[\"”’)]*)\Z", r"\g<marks>", words)
    tail = _TAIL.search(body, max(0, len(body) - behind))
    body = body[: tail.start()] if tail else body
    return f"{body[0].upper()}{body[1:].rstrip(' ,;')}?"


def _spread(found: Sequence[tuple[int, _Proposal]], *, sentences: int, limit: int) -> list[_Proposal]:
    """Choose proposals from all over the article, the most telling of each stretch first.

    The article is parted into as many stretches as are wanted; each round takes the best that is left
    of every stretch, and a sentence is asked a second time only when all have been asked once.
    """
    rest = sorted(found, key=lambda item: (-item[1].weight, item[0], item[1].start))
    chosen: list[_Proposal] = []
    while rest and len(chosen) < limit:
        best: dict[int, tuple[int, _Proposal]] = {}
        for item in rest:
            best.setdefault(item[0] * limit // sentences, item)
        taken = list(best.values())
        chosen += [proposal for _, proposal in taken]
        rest = [item for item in rest if item not in taken]
    return chosen[:limit]


# --- by a model


class _Line(BaseModel):
    """One line of a model's reply."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: Text
    answer: Text
    facts: Annotated[tuple[Text, ...], Field(min_length=1, max_length=6)]
    quote: Text


def _from_model(article: Article, llm: LLM, limit: int) -> list[Case]:
    """Ask a model; raises LLMError when it fails or proposes nothing that stands in the article."""
    user = prompts.render(
        "draft.user", article=_without_tags(_beginning(article.text, llm)), count=str(limit)
    )
    messages = [
        ChatMessage(role=MessageRole.SYSTEM, content=prompts.render("draft.system")),
        ChatMessage(role=MessageRole.USER, content=user),
    ]
    try:
        reply = llm.chat(messages).message.content or ""
    except Exception as error:  # every client and server fails in its own way; see `cause`
        raise LLMError(cause(error)) from error
    proposals = list(_checked(_lines(reply), article.text))[:limit]
    if not proposals:
        raise LLMError("nothing in its reply is a case that the article bears out")
    return _cases(article, proposals)


def _lines(reply: str) -> Iterator[_Line]:
    """Read the lines of a reply that are what was asked for; a fence or a broken line is passed over."""
    for line in reply.splitlines():
        try:
            yield _Line.model_validate(json.loads(line))
        except (ValueError, ValidationError, RecursionError):
            continue


def _checked(lines: Iterable[_Line], text: str) -> Iterator[_Proposal]:
    """Keep each question once, if its quote is verbatim and its facts are in the quote and not given away."""
    asked: set[str] = set()
    for line in lines:
        question = " ".join(line.question.split())
        start = text.find(line.quote)
        sound = start >= 0 and all(says(line.quote, fact) for fact in line.facts)
        given_away = any(says(question, fact) for fact in line.facts)
        if (
            sound
            and not given_away
            and len(question) <= LONGEST_QUESTION
            and question.casefold() not in asked
        ):
            asked.add(question.casefold())
            facts = tuple(spellings(fact) for fact in line.facts)
            answer = " ".join(line.answer.split())
            yield _Proposal(question, answer, facts, line.quote, start, ("fact",))


_TAG = re.compile(r"[<＜﹤](?=\W{0,20}article)", re.IGNORECASE)


def _without_tags(text: str) -> str:
    """Replace the bracket of anything that a model could read as the beginning or end of the article."""
    return _TAG.sub("‹", text)


def _beginning(text: str, llm: LLM) -> str:
    """Return as many whole sentences from the beginning as fill half of the model's window."""
    room = _window_of(llm) // 2
    if count_tokens(text, _name_of(llm)) <= room:
        return text
    end = 0
    for span in sentence_spans(text):
        if count_tokens(text[: span.end], _name_of(llm)) > room:
            break
        end = span.end
    return text[:end]


_WINDOW = 4096
"""In tokens, of a model that does not tell its own."""


def _window_of(llm: LLM) -> int:
    try:
        return llm.metadata.context_window
    except ValueError:  # LlamaIndex's OpenAI raises for names that it does not know
        return _WINDOW


def _name_of(llm: LLM) -> str:
    try:
        return llm.metadata.model_name
    except ValueError:
        return str(getattr(llm, "model", llm.class_name()))
