"""Measure the check of a model's sentences against people's labels, and against planted changes.

    python benchmarks/consistency.py --claims wice/claims.jsonl.gz expertqa/answers.jsonl.gz --articles news

Claims: of those that the check passes, the share that people call fully supported, with `rag.facts` alone and
with `rag.bindings`. Planted: sentences of articles, each changed in one way that keeps all its numbers and
names; the source is the sentence itself with its neighbours.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from sets import load_set

from evals.judge_card import load_claims
from evals.statistics import wilson
from rag.bindings import clashes
from rag.facts import hard_facts, missing_facts
from rag.sentences import sentence_spans


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--claims", type=Path, nargs="*", default=[])
    parser.add_argument("--articles", type=Path)
    parser.add_argument("--limit", type=int, default=4000, help="sentences to change")
    arguments = parser.parse_args()
    for path in arguments.claims:
        _print_claims(path)
    if arguments.articles:
        texts = (article.text for article in load_set(arguments.articles).articles)
        _print_planted(texts, arguments.limit)


def _print_claims(path: Path) -> None:
    claims = load_claims(path)
    held = [c for c in claims if not missing_facts(c.text, [c.evidence])]
    bound = [c for c in held if not clashes(c.text, [c.evidence])]
    for name, passed in (("facts", held), ("and bindings", bound)):
        full = sum(claim.label == "full" for claim in passed)
        all_full = sum(claim.label == "full" for claim in claims)
        print(
            f"{path.parent.name}, {name}: {_share(full, len(passed))} of what passes is fully supported; "
            f"{full}/{all_full} of the supported pass"
        )


def _print_planted(texts: Iterator[str], limit: int) -> None:
    tried: dict[str, list[bool]] = {"unchanged": []}
    changes = (("numbers swapped", _swapped), ("not added", _negated), ("not left out", _affirmed))
    for sentence, source in islice(_sentences(texts), limit):
        tried["unchanged"].append(bool(clashes(sentence, [source])))
        for kind, change in changes:
            changed = change(sentence)
            if changed and not missing_facts(changed, [source]):
                tried.setdefault(kind, []).append(bool(clashes(changed, [source])))
        changed = _said_by_another(sentence, source)
        if changed and not missing_facts(changed, [source]):
            tried.setdefault("another speaker", []).append(bool(clashes(changed, [source])))
    for kind, flags in tried.items():
        print(f"{kind}: {_share(sum(flags), len(flags))} fail the check")


def _sentences(texts: Iterator[str]) -> Iterator[tuple[str, str]]:
    """Yield sentences of ordinary length, each with itself and its neighbours."""
    for text in texts:
        spans = sentence_spans(text)
        for n, span in enumerate(spans):
            sentence = text[span.start : span.end]
            if 40 < len(sentence) < 300:
                yield sentence, text[spans[max(0, n - 1)].start : spans[min(len(spans), n + 2) - 1].end]


def _swapped(sentence: str) -> str | None:
    """Put the first two numbers that count something in each other's place."""
    numbers = [
        f.text for f in hard_facts(sentence) if f.kind == "number" and not re.fullmatch(r"[12]\d{3}", f.key)
    ]
    if len(numbers) < 2 or any(sentence.count(number) != 1 for number in numbers[:2]):
        return None
    one, two = numbers[:2]
    return sentence.replace(one, "\0").replace(two, one).replace("\0", two)


_VERB = r"\b(was|were|is|are|has|have|will|would|could|did|do|does)"


def _negated(sentence: str) -> str | None:
    changed = re.sub(
        r"\b(was|were|is|are|has|have|will|would|could|did)\b(?! not|n)", r"\1 not", sentence, count=1
    )
    return changed if changed != sentence else None


def _affirmed(sentence: str) -> str | None:
    changed = re.sub(
        r"\b(was|were|is|are|has|have|will|would|could|did|do|does) not\b", r"\1", sentence, count=1
    )
    return changed if changed != sentence else None


def _said_by_another(sentence: str, source: str) -> str | None:
    """Put another speaker of the source in the place of the sentence's own."""
    said = r"\b([A-Z][a-z]+) (?=said\b|told\b|added\b|argued\b|claimed\b|warned\b)"
    match = re.search(said, sentence)
    others = [name for name in re.findall(said, source) if match and name not in sentence]
    return f"{sentence[: match.start()]}{others[0]} {sentence[match.end() :]}" if match and others else None


def _share(hits: int, n: int) -> str:
    interval = wilson(hits, n)
    return (
        f"{interval.value:.3f} ({interval.low:.3f}–{interval.high:.3f}), {hits}/{n}," if interval else "none"
    )


if __name__ == "__main__":
    main()
