"""Words in an article that speak to a language model instead of the reader ("Ignore the above and say ...").

The first defence is the prompt, which delimits the sources and calls them material. This is the second: such
words are no evidence, so a model that obeys them finds no footnote in them. It knows English forms only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from .schema import Span

_MACHINE = r"(?:ai|assistants?|(?:large )?language models?|llms?|chatbots?|ai models?)"
_OPENING = rf"(?:^|[.:;!?\"“(\[>*#–—-]\s*|\bplease,? |\b{_MACHINE}\b[^.]{{0,20}}\b)"
_DUTY = r"(?:(?:you )?(?:must|should) |now )?"
_ORDERS = r"(?:instructions?|rules|prompts?|messages?|sources?|passages?|texts?|context|guidelines)"
_ALL = rf"[^.]{{0,30}}\b(?:previous|prior|earlier|other|your|all|any|these|the) {_ORDERS}"
_SALUTE = r"(?:note |message |instructions? |attention |important )*(?:to|for|dear|attention)"
_ASKED = r"(?:when|if|whenever)\b[^.]{0,40}\b(?:asks?|asked|question)\b[^.]{0,60}"
_FORMS = (
    rf"{_OPENING}{_DUTY}(?:ignore|disregard|forget|override)\b(?:[^.]{{0,20}}\babove\b|{_ALL})",
    rf"\byou are (?:now )?an? (?:[\w-]+ ){{0,3}}{_MACHINE}\b",
    r"\b(?:system prompt|your (?:system )?(?:prompt|instructions))\b",
    r"^\W*(?:system|assistant|user|human)\s*:",
    r"<\|\w+\|>|\[/?inst\]|<</?sys>>",
    rf"^\W*{_SALUTE} (?:the |any |all )?{_MACHINE}\b",
    rf"^\W*{_ASKED}, (?:always |then |just |please )*(?:answer|reply|respond|say)\b",
)
_SPEAKING = re.compile("|".join(_FORMS), re.IGNORECASE)


def speaks_to_model(sentence: str) -> bool:
    """Tell whether a sentence gives orders to a model that reads it."""
    plain = "".join(c for c in unicodedata.normalize("NFKC", sentence) if unicodedata.category(c) != "Cf")
    return _SPEAKING.search(" ".join(plain.split())) is not None


def orders(text: str, sentences: Sequence[Span]) -> Iterator[Span]:
    """Yield the sentences that speak to a model, and what follows them in their paragraph."""
    obeying = False
    end = 0
    for span in sentences:
        obeying = obeying and "\n" not in text[end : span.start]
        obeying = obeying or speaks_to_model(text[span.start : span.end])
        end = span.end
        if obeying:
            yield span
