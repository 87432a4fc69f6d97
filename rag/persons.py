"""Who is a person in a text: a name of some words that speaks, has an age, or is called by its last."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from .ordinary import is_function_word, is_opener

_WORD = r"[A-ZÀ-ÖØ-Þ][a-zà-öø-ÿ][\w-]*(?:['’](?!s\b)\w+)?"
_NAME = re.compile(rf"(?<![\w’'-]){_WORD}(?: (?:(?:de|van|von|der|al|bin) )?{_WORD}){{1,3}}(?![\w-])")
_SPEAKS = (
    r"(?:said|says|told|adds|added|announced|admitted|insisted|warned|cautioned|claimed|argued|described|explained|"
    r"thanked|denied|accused|called|apologised|apologized|rejected)"
)


def persons(texts: Sequence[str]) -> list[str]:
    """Return the full names of the people in texts, the surest and most named first."""
    counts: Counter[str] = Counter()
    for text in texts:
        for name in dict.fromkeys(_names(text)):
            counts[name] += _evidence(name, text)
    return [name for name, found in counts.most_common() if found >= 1]


def _names(text: str) -> Iterator[str]:
    for match in _NAME.finditer(text):
        words = match[0].split()
        while len(words) > 1 and (is_function_word(words[0].casefold()) or is_opener(words[0].casefold())):
            words = words[1:]
        if len(words) > 1:
            yield " ".join(words)


def _evidence(name: str, text: str) -> int:
    """Count what makes a name a person's, less what makes it a place's, a firm's or a thing's."""
    own, last = re.escape(name), re.escape(name.rsplit(maxsplit=1)[-1])
    speaks = rf"\b{_SPEAKS} (?:[\w’'-]+,? ){{0,7}}{own}\b|{own},? (?:\w+ )?{_SPEAKS}\b"
    aged = rf"{own}, (?:aged )?\d\d\b|{own}, (?:an?|the|his|her|their|who|whose) "
    titled = rf"[a-z]+(?:er|or|man|woman|ist|ian|ant|ent|ief|ain|ary|ess) {own}\b"
    begins = r"(?<![A-Z’'-])(?<!the )(?:(?<=[a-z,.”\"] )|(?<=\n)|\A)(?:Mr |Ms |Mrs |Dr )?"
    called = rf"{begins}{last}(?:[’']s)?,? (?:\w+ )?{_SPEAKS}\b"
    place = rf"\b(?:the|in|at|on|near|off|to|from|outside|across|around) {own}\b"
    found = sum(len(re.findall(pattern, text)) for pattern in (speaks, aged, titled, called))
    return found - 2 * len(re.findall(place, text)) - len(re.findall(rf"\b(?:of|for) {own}\b", text))
