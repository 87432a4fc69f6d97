"""The form of a question beyond the kind of thing asked for, and the words by which a sentence answers it.

They are signs on the surface: `because` for a reason, an enumeration for a list, quotation marks for words.
"""

from __future__ import annotations

import re
from typing import Literal

Form = Literal["blame", "words", "definition", "reason", "list", "yes-no", "other"]


_AUX = r"(?:is|are|was|were|do|does|did|has|have|had|will|would|can|could|should)"
_FORMS: dict[Form, re.Pattern[str]] = {
    "blame": re.compile(
        r"\bwho(?:se fault| is| was| are| were)?\b.*\b(?:blame|fault|responsible)\b|\bwhose fault\b",
        re.IGNORECASE,
    ),
    "words": re.compile(
        r"\b(?:which|what|whose) (?:exact )?(?:words|term|phrase|wording)\b|"
        rf"\b(?:what|how) {_AUX}\b.*\b(?:describe|call|characteri[sz]e|condemn)\b",
        re.IGNORECASE,
    ),
    "definition": re.compile(
        r"^(?:what|who) (?:is|are|was|were) (?:an? |the )?(?P<term>[\w’'-]+(?: [\w’'-]+){0,2})\s*\?*$|"
        r"\bwhat does (?P<word>[\w’'-]+) (?:mean|stand for)\b",
        re.IGNORECASE,
    ),
    "reason": re.compile(
        r"^why\b|\bhow come\b|\bfor what reason\b|"
        r"\bwhat (?:is|was|are|were) the (?:cause|reason)|\bexplains?\b",
        re.IGNORECASE,
    ),
    "list": re.compile(
        r"^(?:list|name)\b|\bwhat stands? in the way\b|"
        r"\b(?:which|what) (?:are|were) the \w+s\b|"
        r"\b(?:which|what) (?:factors|obstacles|issues|problems|causes|measures|steps|demands|conditions)\b",
        re.IGNORECASE,
    ),
    "yes-no": re.compile(rf"^{_AUX}\b", re.IGNORECASE),
}
"""Tried in this order."""

_REASONS = re.compile(
    r"\b(?:because|due to|owing to|thanks to|as a result|caus(?:e[ds]?|ing)|led to|blam(?:ed|es|ing)|"
    r"accus(?:ed|es|ing)|citing|so that|in order to|in response|in protest|reluctance|lack of|"
    r"refus(?:ed|es|ing)|fail(?:ed|ing) to|prompt(?:ed|ing)|reasons?|grounds)\b",
    re.IGNORECASE,
)
_ANSWERS: dict[Form, re.Pattern[str]] = {
    "reason": _REASONS,
    "blame": _REASONS,
    "list": re.compile(r"\w, (?:[\w’'-]+ ){0,6}[\w’'-]+,? and (?=\w)"),
    "words": re.compile(r"[“\"][^“”\"]+[”\"]"),
}


def form_of(question: str) -> Form:
    """Return the form of a question."""
    return next((form for form, pattern in _FORMS.items() if pattern.search(question)), "other")


def fits(question: str, sentence: str) -> bool:
    """Tell whether a sentence has what answers questions of that form; false where there is no such sign."""
    form = form_of(question)
    if form == "definition":
        return _defines(sentence, term_defined(question))
    pattern = _ANSWERS.get(form)
    return pattern is not None and bool(pattern.search(sentence))


def term_defined(question: str) -> str:
    """Return what a question wants defined; empty for other questions."""
    match = _FORMS["definition"].search(question)
    return (match["term"] or match["word"]) if match else ""


def _defines(sentence: str, term: str) -> bool:
    """Tell whether a sentence says what a term is: `X is a`, `X, the`, `the Y (X)`."""
    last = re.escape(term.rsplit(maxsplit=1)[-1])
    told = rf"\b{last}\b(?: \([^()]*\))?(?: (?:is|are|was|were) (?:an?|the|one)\b|, (?:an?|the)\b)|\({last}\)"
    return re.search(told, sentence, re.IGNORECASE) is not None


def calls_for_accounts(question: str) -> bool:
    """Tell whether more than one account should be heard: of blame, and of what is so or not."""
    return form_of(question) in {"blame", "yes-no"}
