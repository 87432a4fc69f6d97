"""What small models say around an answer (`Sure! Here is ...`, headings, lists of sources), taken off.

It also knows declining in other words ("The sources do not mention it"), in English.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_MARKERS = r"(?:\[[^\[\]]{1,40}\]\s*)*"
_BREAK = re.compile(r"(?:[.!?:][\"'”’)\]*_]*(?=\s))?\s*\n\s*|[.!?:][\"'”’)\]*_]*\s+")
"""The end of a sentence, of `Here is the answer:`, or of a line, with the white space behind it."""
_TAIL = re.compile(r"(?:[.!?:][\"'”’)\]*_]*)?\s*\Z|[*_]+\Z")
"""What is held back at the end of a piece: it may be the beginning of a break, or half a mark."""
_BULLET = re.compile(r"\A[ \t]*(?:#{1,6}[ \t]+|[-*•–][ \t]+|>[ \t]+)")
_HEADING = re.compile(r"\A[ \t]*(?:#{1,6}[ \t]+[^\n]*|\*\*[^*\n]{1,80}\*\*:?[ \t]*)\n\s*\Z")
_MATTER = r"(?:sources?|articles?|passages?|documents?|texts?|context|information|excerpts?)"
_GIVEN = r"(?:(?:the|these|this|any of the|all the|provided|given|above|available|news|listed) ){0,4}"
_NUMBER = r"(?:(?:source|passage|article|document)s? ?\[?(?P<n>\d{1,2})\]?|\[(?:source )?(?P<m>\d{1,2})\])"
_LEAD = re.compile(
    rf"\A(?P<before>{_MARKERS})(?:(?:according to|per|based on|in|"
    r"as (?:stated|reported|mentioned|noted|described) (?:in|by))"
    rf" (?:the )?{_NUMBER},?|(?:the )?{_NUMBER.replace('<n>', '<k>').replace('<m>', '<l>')}"
    r" (?:says|states|reports|mentions|notes|explains)(?: that|,|:)?)\s+",
    re.IGNORECASE,
)
_PREAMBLE = re.compile(
    r"\A\W*(?:(?:sure|certainly|of course|absolutely|okay|great question|thank you)\b[^.!?:\n]{0,60}[.!?:,]|"
    r"here(?:'s|’s| is| are)\b[^.!?:\n]{0,80}:|(?:the )?(?:final )?(?:answer|response|question)(?: is)?\s?:|"
    rf"(?:based on|according to) {_GIVEN}{_MATTER}(?: (?:provided|given|above))?,)\W*",
    re.IGNORECASE,
)
_LIST = re.compile(
    r"\A\W*(?:sources?|references?|citations?|footnotes?|bibliography)(?: (?:used|cited))?\W*:?\W*\Z",
    re.IGNORECASE,
)
_TOLD_BY = (
    r"(?:(?:sources?|articles?|passages?|documents?|texts?|context|excerpts?)|(?:provided|given) information)"
)
_NOT = r"(?:(?:do|does|did|is|are|was|were|has|have|can|could)(?:n['’]t| not)|cannot|never)"
_TELL = (
    r"(?:say|tell|mention|answer|provide|contain|specif|state|give|include|address|discuss|indicat|report|name|"
    r"identif|found|clear|known|available|offer|cover|explicit|know|find|determin|enough|sufficient|able|possible)"
)
_UNTOLD = re.compile(
    rf"\b{_MATTER}\b[^.!?;]{{0,40}}?\b{_NOT}\b[^.!?;]{{0,30}}?\b{_TELL}|"
    rf"\b(?:no|not enough|insufficient|none of the|neither of the)\b[^.!?;]{{0,80}}\b{_TOLD_BY}\b|"
    r"\bthere (?:is|are|was|were) (?:no|not enough|insufficient)\b[^.!?;]{0,30}"
    r"\b(?:information|mention|details?|evidence|answer|indication)\b|"
    rf"\bI(?:['’]m| am)? (?:{_NOT}|sorry|unable|not able|afraid)\b|"
    rf"\b{_NOT} (?:explicitly )?(?:mentioned|specified|stated|provided|given|answered|found|told|named)"
    rf"\b[^.!?;]{{0,30}}\b{_MATTER}\b|"
    r"\A\W*(?:unknown|not (?:mentioned|specified|stated|given|known)|no answer)\W*\Z",
    re.IGNORECASE,
)
_AWARE = re.compile(r"[\[\d“”\"]")
_STARTS = (
    "according to|as stated|as reported|as mentioned|as noted|as described|per |based on|in source|"
    "in the source|in [|in article|in passage|source|passage|article|document|the source|the article|"
    "the passage|the document|the text|the context|the provided|the given|the available|"
    "the information|the answer|the final|these |none of|neither|there is no|there are no|there's no|"
    "there is insuff|there is not|no |not |i |i'm|i’m|sorry|unfortunately|however|but |it is not|"
    "it's not|it is unclear|this information|this is not|unknown|sure|certainly|of course|absolutely|"
    "okay|great question|thank you|here|answer|response|reference|citation|footnote|bibliography|final|"
    "question|[|#|-|*|•|>"
).split("|")
"""How a sentence begins that may turn out to be none of the answer."""
_LONGEST = 200
"""Characters after which a sentence is let through, whatever it may turn out to be."""


def untold(sentence: str) -> bool:
    """Tell whether a sentence only says that the sources do not tell; a number or quotation says more."""
    plain = " ".join(re.sub(r"\[[^\[\]]{1,40}\]", "", sentence).split())
    return bool(_UNTOLD.search(plain)) and not _AWARE.search(re.sub(r"\bsources? \d+", "", plain))


def tidied(pieces: Iterable[str], question: str, decline: str) -> Iterator[str]:
    """Yield a reply without what stands around its answer, however it is cut into pieces.

    `According to source 2, X` becomes X with the marker [2]; a sentence that declines in other words becomes
    `decline`, once; what follows a line `Sources:` is left out.
    """
    tidier = _Tidier(question, decline)
    for piece in pieces:
        yield from tidier.feed(piece)
    yield from tidier.finish()


class _Tidier:
    def __init__(self, question: str, decline: str) -> None:
        self._question = _bare(question)
        self._decline = decline
        self._held = ""
        self._fresh = True
        """What is held begins a sentence."""
        self._said = False
        self._declined = False
        self._ended = False

    def feed(self, piece: str) -> Iterator[str]:
        self._held += piece
        while not self._ended and (end := _BREAK.search(self._held)) and end.end() < len(self._held):
            whole, self._held = self._held[: end.end()], self._held[end.end() :]
            yield from self._emit(whole, complete=True)
            self._fresh = True
        ready = len(self._held) - len(_TAIL.search(self._held)[0])  # type: ignore[index]  # it always matches: its end may be empty
        if ready and not self._ended and not self._waits():
            held, self._held = self._held[:ready], self._held[ready:]
            yield from self._emit(held, complete=False)
            self._fresh = False

    def finish(self) -> Iterator[str]:
        if self._held and not self._ended:
            yield from self._emit(self._held, complete=True)

    def _waits(self) -> bool:
        """Tell whether what is held may still turn out to be none of the answer."""
        begun = " ".join(self._held.split()).casefold().lstrip("*_ ")
        may_repeat = not self._said and self._question.startswith(_bare(self._held)[: len(self._question)])
        opens = any(begun.startswith(start) or start.startswith(begun) for start in _STARTS)
        return self._fresh and len(self._held) < _LONGEST and (opens or may_repeat)

    def _emit(self, text: str, *, complete: bool) -> Iterator[str]:
        shown = self._opened(text, complete=complete) if self._fresh else text
        shown = shown.replace("**", "").replace("__", "")
        self._said = self._said or bool(re.search(r"\w", shown))
        if shown:
            yield shown

    def _opened(self, text: str, *, complete: bool) -> str:
        """Return what is left of the beginning of a sentence, or of a whole one."""
        if complete and self._said and _LIST.match(text):
            self._ended = True
            return ""
        if complete and untold(text):
            declined, self._declined = self._declined, True
            markers = re.match(_MARKERS, text)[0]  # type: ignore[index]  # of the sentence before; it may be empty
            return markers if declined else f"{markers}{self._decline}{_space_after(text)}"
        if complete and _HEADING.match(text):
            return ""
        text = _BULLET.sub("", text)
        if not self._said:
            text = self._without_preamble(text)
        return _led(text)

    def _without_preamble(self, text: str) -> str:
        if self._question and _bare(text).removeprefix("question ") == self._question:
            return ""
        stripped = _PREAMBLE.sub("", text.lstrip(), count=1)
        return _capital(stripped) if stripped != text.lstrip() else text


def _led(text: str) -> str:
    """Return a sentence whose beginning names its source with a marker behind its first word instead."""
    lead = _LEAD.match(text)
    if lead is None:
        return text
    number = next(lead[name] for name in "nmkl" if lead[name])
    rest = _capital(text[lead.end() :])
    return lead["before"] + re.sub(r"\w+", lambda word: f"{word[0]} [{number}]", rest, count=1)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _space_after(text: str) -> str:
    return text[len(text.rstrip()) :]


def _bare(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))
