"""Long sentences cut at clause borders: only the ends go, and never what turns the meaning of the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from .schema import Span

FEWEST_WORDS = 12
"""A cut leaves so many words, so that what is left can be understood."""
KEPT = 0.5
"""Share of the whole sentence's worth that a cut keeps."""

_BORDER = re.compile(r"(?<=[,;:])\s+|\s*[—–]\s*(?=[^\W\d_])|\s+(?=(?:while|although|whereas)\b)")
_TURNS = re.compile(
    r"\b(?:not|no|never|none|nor|neither|without|cannot|if|unless|would|could|may|might|"
    r"accord\w+|said|says?|told|claim\w*|alleg\w+|den(?:y|ied|ies)|report\w*|argu\w+|insist\w*|warn\w*|"
    r"state[sd]|add(?:s|ed)|accus\w+|describ\w+|call(?:s|ed)|believ\w+|suggest\w*)\b|n['’]t\b|[\"“”«»]",
    re.IGNORECASE,
)
"""What a cut never takes away: negations, conditions, who says so, and quotations."""


def cut(text: str, longest: int, worth: Callable[[str], float]) -> Span:
    """Return the run of clauses worth most that has at most `longest` words, the longest of equals.

    It is the whole text when that is short enough, and when every cut would lose too much, or what turns
    the meaning of the rest.
    """
    whole = Span(0, len(text))
    if len(text.split()) <= longest:
        return whole
    runs = [span for span in _runs(text) if FEWEST_WORDS <= len(text[slice(*span)].split()) <= longest]
    best = max(runs, key=lambda span: (worth(text[slice(*span)]), span.end - span.start), default=whole)
    return best if worth(text[slice(*best)]) >= KEPT * worth(text) else whole


def _runs(text: str) -> Iterator[Span]:
    """Yield the runs of neighbouring clauses that may stand without the rest."""
    starts = [0, *(match.end() for match in _borders(text))]
    ends = [*(len(text[: match.start()].rstrip(" ,;:")) for match in _borders(text)), len(text)]
    for start, end in ((s, e) for s in starts for e in ends if s < e):
        if not _TURNS.search(text[:start]) and not _TURNS.search(text[end:]):
            yield Span(start, end)


def _borders(text: str) -> list[re.Match[str]]:
    """Return where clauses meet, outside brackets."""
    brackets = [m.span() for m in re.finditer(r"\([^()]*\)|\[[^\[\]]*\]", text)]
    return [m for m in _BORDER.finditer(text) if not any(a < m.start() < b for a, b in brackets)]


def with_ellipses(text: str, span: Span) -> str:
    """Return the words of a span, with `…` at the ends where something was cut."""
    return f"{'… ' if span.start else ''}{text[slice(*span)]}{' …' if span.end < len(text) else ''}"
