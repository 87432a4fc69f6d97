"""Answer-quality evals: expected question-answer pairs in, a run with grades, reports and a gate out.

    from evals import load_cases, run, compare

The public names, in the order of their use; each is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .cases import Case, CaseError, load_cases
    from .comparison import Comparison, compare
    from .corpus import Corpus
    from .gating import GateError, GateResult, gate
    from .running import rescore, run, save_reports
    from .runs import Run, RunError, load_run, save_run
    from .sets import CaseSet, find_set

__all__ = [
    "Case",
    "CaseError",
    "CaseSet",
    "Comparison",
    "Corpus",
    "GateError",
    "GateResult",
    "Run",
    "RunError",
    "compare",
    "find_set",
    "gate",
    "load_cases",
    "load_run",
    "rescore",
    "run",
    "save_reports",
    "save_run",
]

_MODULES = {
    "sets": ("CaseSet", "find_set"),
    "cases": ("Case", "CaseError", "load_cases"),
    "corpus": ("Corpus",),
    "running": ("run", "rescore", "save_reports"),
    "runs": ("Run", "RunError", "load_run", "save_run"),
    "comparison": ("compare", "Comparison"),
    "gating": ("gate", "GateError", "GateResult"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'evals' has no attribute {name!r}")
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)
