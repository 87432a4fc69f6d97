"""How well a judge agrees with people about support, on labelled claims of WiCE and ExpertQA."""

from __future__ import annotations

import gzip
import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import hypot
from pathlib import Path
from statistics import fmean
from typing import Any, Literal, NamedTuple

from rag.cards import Agreement, JudgeCard, JudgeCardError
from rag.judging import SUPPORT, Judge, Judgement
from rag.ordinary import is_function_word

from .judge import Progress, in_parallel
from .statistics import wilson

_EXCERPT_WORDS = 400
"""How much of a WiCE article a judge is shown, about two passages."""
Label = Literal["full", "partial", "none"]
_LABELS: tuple[Label, ...] = ("full", "partial", "none")


class LabelledClaim(NamedTuple):
    """A claim, the text that it cites, and what people say of the support."""

    id: str
    set: str
    text: str
    evidence: str
    label: Label


# --- the sets


def load_claims(path: Path | str) -> list[LabelledClaim]:
    """Read a file of WiCE or of ExpertQA, whichever it is."""
    first = next((line for line in _lines(Path(path)) if line.strip()), "")
    return load_expertqa(path) if '"answers"' in first else load_wice(path)


def load_wice(path: Path | str) -> list[LabelledClaim]:
    """Read claims of WiCE (Kamoi et al. 2023, arXiv 2303.01432), each with an excerpt of its article.

    The excerpt holds the sentences that people chose and those that share most words with the claim.
    """
    return list(_claims(Path(path), "WiCE", _wice))


def load_expertqa(path: Path | str) -> list[LabelledClaim]:
    """Read claims of ExpertQA (Malaviya et al. 2023, arXiv 2309.07852) whose evidence is text.

    Claims without evidence, without a label, or with a bare address as evidence are left out: what
    people read there is not known.
    """
    return list(_claims(Path(path), "ExpertQA", _expertqa))


def _claims(path: Path, name: str, read: Callable[[Any], Iterator[LabelledClaim]]) -> Iterator[LabelledClaim]:
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        try:
            yield from read(json.loads(line))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise JudgeCardError(
                f"{path}, line {number}: no claim of {name} ({type(error).__name__}: {error}); "
                f"give the file of {name} as JSON lines."
            ) from None


def _lines(path: Path) -> list[str]:
    try:
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        return content.decode("utf-8").split("\n")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or type(error).__name__
        raise JudgeCardError(
            f"{path} cannot be read ({reason}); give a file of JSON lines, gzipped or not."
        ) from None


_WICE: Mapping[str, Label] = {"supported": "full", "partially_supported": "partial", "not_supported": "none"}
_EXPERTQA: Mapping[str, Label] = {"Complete": "full", "Partial": "partial", "Incomplete": "none"}


def _wice(row: Any) -> Iterator[LabelledClaim]:
    chosen: list[int] = max(row["supporting_sentences"], key=len, default=[])
    evidence = _excerpt(row["claim"], row["evidence"], chosen)
    yield LabelledClaim(row["meta"]["id"], "wice", row["claim"], evidence, _WICE[row["label"]])


def _expertqa(row: Any) -> Iterator[LabelledClaim]:
    for system, answer in row["answers"].items():
        for claim in answer["claims"]:
            label = _EXPERTQA.get(claim["support"])
            texts = [_without_address(text) for text in claim["evidence"]]
            if label and texts and all(texts):
                identity = "\0".join((row["question"], system, claim["claim_string"]))
                text = re.sub(r"\s*\[\d+\]", "", claim["claim_string"]).strip()
                yield LabelledClaim(_hash(identity)[:16], "expertqa", text, "\n\n".join(texts), label)


def _without_address(evidence: str) -> str:
    """Return the text of `[1] https://...` and a blank line and text; empty when there is none."""
    head, _, text = evidence.partition("\n\n")
    return text.strip() if re.match(r"\[\d+\] https?://\S+$", head.strip()) else evidence.strip()


def _excerpt(claim: str, sentences: Sequence[str], chosen: Sequence[int]) -> str:
    """Return sentences in the article's order: the chosen, and those nearest to the claim while they fit."""
    words = content_words(claim)
    nearest = sorted(range(len(sentences)), key=lambda n: -len(words & content_words(sentences[n])))
    kept, room = set(chosen), _EXCERPT_WORDS - sum(len(sentences[n].split()) for n in chosen)
    for n in nearest:
        room -= len(sentences[n].split()) if n not in kept else 0
        if room < 0:
            break
        kept.add(n)
    return "\n".join(sentences[n] for n in sorted(kept))


def sample(claims: Sequence[LabelledClaim], limit: int) -> list[LabelledClaim]:
    """Return up to `limit` claims of each set, labels in turn, in an order given by the hash of the id.

    A larger sample holds the smaller ones.
    """
    taken: list[LabelledClaim] = []
    for name in dict.fromkeys(claim.set for claim in claims):
        queues = [
            sorted((c for c in claims if (c.set, c.label) == (name, label)), key=lambda c: _hash(c.id))
            for label in _LABELS
        ]
        turns = sorted(
            ((n, label, claim) for label, queue in enumerate(queues) for n, claim in enumerate(queue))
        )
        taken += [claim for _, _, claim in turns[:limit]]
    return taken


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


# --- agreement


def calibrate(
    judge: Judge,
    claims: Sequence[LabelledClaim],
    *,
    limit: int = 200,
    workers: int = 4,
    progress: Progress | None = None,
) -> JudgeCard:
    """Ask a judge about labelled claims, up to `limit` of each set, and compare with people.

    Raises JudgeCardError when not one claim could be judged.
    """
    chosen = sample(claims, limit)
    judgements = in_parallel(
        lambda claim: judge.support(claim.text, [claim.evidence]),
        chosen,
        lambda claim: claim.id,
        workers,
        progress,
    )
    pairs = list(zip(chosen, judgements, strict=True))
    overall = agreement(pairs)
    if not overall.n:
        why = judge.stopped or next(iter(overall.unscored), "there are no claims")
        raise JudgeCardError(f"No claim was judged, so there is no card: {why.rstrip('.')}.")
    return JudgeCard(
        model=judge.name,
        prompt=judge.prompts[SUPPORT.name],
        repeats=judge.repeats,
        date=datetime.now(UTC).date().isoformat(),
        overall=overall,
        sets={
            name: agreement([pair for pair in pairs if pair[0].set == name])
            for name in dict.fromkeys(claim.set for claim in chosen)
        },
    )


def agreement(pairs: Sequence[tuple[LabelledClaim, Judgement]]) -> Agreement:
    """Compare judgements with people's labels."""
    scored = [(claim, judgement, judgement.verdict) for claim, judgement in pairs if judgement.verdict]
    labels = [claim.label for claim, _, _ in scored]
    verdicts = ["none" if verdict == "contradicts" else verdict for _, _, verdict in scored]
    people = [label == "full" for label in labels]
    rates = _Rates.of(people, [verdict == "full" for verdict in verdicts])
    overlap = _Rates.of(people, [_overlaps(claim) for claim, _, _ in scored])
    invented = [verdict == "full" for label, verdict in zip(labels, verdicts, strict=True) if label == "none"]
    repeated = [share for _, judgement, _ in scored if (share := judgement.agreement) is not None]
    low, high = rates.interval
    return Agreement(
        n=len(scored),
        unscored=Counter(judgement.reason for _, judgement in pairs if not judgement.verdict),
        balanced_accuracy=rates.balanced_accuracy,
        low=low,
        high=high,
        kappa=kappa(labels, verdicts),
        full_found=rates.found,
        full_invented=rates.invented,
        false_support_rate=fmean(invented) if invented else None,
        self_consistency=fmean(repeated) if repeated else None,
        word_overlap=overlap.balanced_accuracy,
    )


class _Rates(NamedTuple):
    """Hits among what people call full, and among the rest."""

    full: tuple[int, int]
    rest: tuple[int, int]

    @classmethod
    def of(cls, people: Sequence[bool], judge: Sequence[bool]) -> _Rates:
        both = Counter(zip(people, judge, strict=True))
        return cls(
            (both[True, True], both[True, True] + both[True, False]),
            (both[False, True], both[False, True] + both[False, False]),
        )

    @property
    def found(self) -> float | None:
        return self.full[0] / self.full[1] if self.full[1] else None

    @property
    def invented(self) -> float | None:
        return self.rest[0] / self.rest[1] if self.rest[1] else None

    @property
    def balanced_accuracy(self) -> float | None:
        if self.found is None or self.invented is None:
            return None
        return (self.found + 1 - self.invented) / 2

    @property
    def interval(self) -> tuple[float | None, float | None]:
        """95 % interval of the balanced accuracy, from Wilson's of the two rates (Zou and Donner 2008)."""
        found, invented, middle = wilson(*self.full), wilson(*self.rest), self.balanced_accuracy
        if found is None or invented is None or middle is None:
            return None, None
        down = hypot(found.value - found.low, invented.high - invented.value) / 2
        up = hypot(found.high - found.value, invented.value - invented.low) / 2
        return middle - down, middle + up


def kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Return Cohen's kappa (1960), (p_o - p_e) / (1 - p_e); None when both always say the same one thing."""
    n = len(first)
    one, other = Counter(first), Counter(second)
    expected = sum(one[label] * other[label] for label in one) / n**2 if n else 1.0
    if expected == 1.0:
        return None
    observed = sum(a == b for a, b in zip(first, second, strict=True)) / n
    return (observed - expected) / (1 - expected)


def content_words(text: str) -> set[str]:
    """Return the words of a text, lower case, that are not mere grammar."""
    return {word for word in re.findall(r"\w+", text.lower()) if not is_function_word(word)}


def _overlaps(claim: LabelledClaim) -> bool:
    """Judge support by words alone: more than half of the claim's stand in the evidence."""
    words = content_words(claim.text)
    return len(words & content_words(claim.evidence)) > len(words) / 2
