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

from pydantic import BaseModel, ConfigDict, ValidationError

from rag.errors import FootnotedError
from rag.ordinary import is_function_word

from .judge import SUPPORT, Judge, Judgement, Progress, in_parallel
from .statistics import wilson

LEAST_BALANCED_ACCURACY = 0.70
MOST_FALSE_SUPPORT = 0.25
"""Beyond these a judge's numbers are not to be trusted."""
_EXCERPT_WORDS = 400
"""How much of a WiCE article a judge is shown, about two passages."""
_FROZEN = ConfigDict(frozen=True, extra="forbid")

Label = Literal["full", "partial", "none"]
_LABELS: tuple[Label, ...] = ("full", "partial", "none")


class JudgeCardError(FootnotedError):
    """Labelled claims or a judge card cannot be used; the message names the file and the fix."""

    exit_code = 2


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


class Agreement(BaseModel):
    """A judge's verdicts against people's labels; what no claim can show is None."""

    model_config = _FROZEN

    n: int
    """Claims that were judged."""
    unscored: dict[str, int] = {}
    """Reason -> claims."""
    balanced_accuracy: float | None
    """Mean of `full_found` and 1 - `full_invented`; a coin has .5."""
    low: float | None
    high: float | None
    """95 % interval of the balanced accuracy."""
    kappa: float | None
    """Cohen's kappa over full, partial and none, `contradicts` counted as none."""
    full_found: float | None
    """Of the claims that people find fully supported, the share that the judge does, too."""
    full_invented: float | None
    """Of all others, the share that the judge calls fully supported."""
    false_support_rate: float | None
    """Of the claims that people find not supported at all, the share that the judge calls fully supported."""
    self_consistency: float | None
    """Mean share of the repeats that agree with the most frequent verdict; None when asked once."""
    word_overlap: float | None
    """Balanced accuracy, on the same claims, of calling supported what shares more than half of its words."""


class JudgeCard(BaseModel):
    """The agreement of one model with one prompt; overall is all sets together."""

    model_config = _FROZEN

    model: str
    prompt: str
    """Hash of the prompt on support."""
    repeats: int
    date: str
    """ISO 8601."""
    overall: Agreement
    sets: dict[str, Agreement]

    @property
    def faults(self) -> list[str]:
        """Why the judge is not to be trusted; empty for one that may be."""
        accuracy, invented = self.overall.balanced_accuracy, self.overall.false_support_rate
        overlap = self.overall.word_overlap
        if accuracy is None:
            return ["its balanced accuracy is not known"]
        faults = []
        if accuracy < LEAST_BALANCED_ACCURACY:
            faults.append(f"balanced accuracy {accuracy:.2f} is below {LEAST_BALANCED_ACCURACY:.2f}")
        if overlap is not None and accuracy <= overlap:
            faults.append(f"it is no better than word overlap ({overlap:.2f})")
        if invented is not None and invented > MOST_FALSE_SUPPORT:
            faults.append(f"false support {invented:.2f} is above {MOST_FALSE_SUPPORT:.2f}")
        return faults

    @property
    def warning(self) -> str:
        """The faults in a line; empty without any."""
        return f"not to be trusted: {'; '.join(self.faults)}" if self.faults else ""

    @property
    def trust(self) -> str:
        """One line to stand beside a number."""
        whole = self.overall
        return self.warning or (
            f"agrees with people on {whole.n} claims: balanced accuracy {_shown(whole.balanced_accuracy)} "
            f"[{_shown(whole.low)}, {_shown(whole.high)}], kappa {_shown(whole.kappa)}, "
            f"false support {_shown(whole.false_support_rate)}; word overlap {_shown(whole.word_overlap)}"
        )

    def corrected(self, observed: float) -> float | None:
        """Return the share of fully supported sentences that people would find; see `corrected`."""
        return corrected(observed, self)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready values."""
        whole = self.overall.model_dump(mode="json")
        return self.model_dump(mode="json", exclude={"overall"}) | whole | {"trust": self.trust}


def corrected(observed: float, card: JudgeCard) -> float | None:
    """Return a prevalence corrected for the judge's errors, (p - FPR) / (TPR - FPR) within 0 and 1.

    Rogan and Gladen (1978), with the rates of the card. None when the judge tells nothing: TPR <= FPR.
    """
    found, invented = card.overall.full_found, card.overall.full_invented
    if found is None or invented is None or found <= invented:
        return None
    return min(1.0, max(0.0, (observed - invented) / (found - invented)))


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


def _shown(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2f}"


# --- files


def save_card(card: JudgeCard, folder: Path) -> Path:
    """Write a card into a folder, one file for a model and prompt."""
    path = _path(folder, card.model, card.prompt)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_text(card.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise JudgeCardError(f"{path} cannot be written ({error.strerror}); name another folder.") from None
    return path


def load_card(folder: Path, model: str, prompt: str) -> JudgeCard | None:
    """Return the card of a model and prompt, None when there is none.

    Raises JudgeCardError for a damaged one.
    """
    path = _path(folder, model, prompt)
    try:
        return JudgeCard.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError):
        raise JudgeCardError(f"{path} is damaged; make it again with `rag eval judge-card`.") from None


def _path(folder: Path, model: str, prompt: str) -> Path:
    readable = re.sub(r"[^\w.-]+", "-", model)
    return folder / f"{readable}-{_hash(model)[:8]}-{prompt}.json"
