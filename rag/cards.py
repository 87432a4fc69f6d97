"""How well a judge agrees with people about support: its card, kept in a file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from .errors import FootnotedError
from .schema import digest

LEAST_BALANCED_ACCURACY = 0.70
MOST_FALSE_SUPPORT = 0.25
"""Beyond these a judge's numbers are not to be trusted."""
_FROZEN = ConfigDict(frozen=True, extra="forbid")


class JudgeCardError(FootnotedError):
    """Labelled claims or a judge card cannot be used; the message names the file and the fix."""

    exit_code = 2


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


def _shown(value: float | None) -> str:
    return "not known" if value is None else f"{value:.2f}"


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
    return folder / f"{readable}-{digest(model)[:8]}-{prompt}.json"
