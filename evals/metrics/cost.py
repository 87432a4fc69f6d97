"""What an answer costs and how long answers take."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

PRICES_OF = "2026-03"
"""When the prices were those of OpenAI's list; a snapshot, for orders of magnitude and not for bills."""


class Price(NamedTuple):
    """US dollars for a million tokens, standard tier, nothing cached."""

    prompt: float
    completion: float


PRICES = {
    "gpt-4o": Price(2.50, 10.00),
    "gpt-4o-mini": Price(0.15, 0.60),
    "gpt-4.1": Price(2.00, 8.00),
    "gpt-4.1-mini": Price(0.40, 1.60),
    "gpt-4.1-nano": Price(0.10, 0.40),
    "gpt-5": Price(1.25, 10.00),
    "gpt-5-mini": Price(0.25, 2.00),
    "gpt-5-nano": Price(0.05, 0.40),
    "gpt-5.1": Price(1.25, 10.00),
    "gpt-5.2": Price(1.75, 14.00),
    "gpt-5.4": Price(2.50, 15.00),
    "o3": Price(2.00, 8.00),
    "o4-mini": Price(1.10, 4.40),
}


def price(model: str, prompt_tokens: int, completion_tokens: int) -> float | None:
    """Return US dollars, None for a model that is not in the table; no tokens cost nothing.

    `gpt-4o-2024-08-06` has the price of `gpt-4o`.
    """
    if not prompt_tokens and not completion_tokens:
        return 0.0
    known = PRICES.get(re.sub(r"-\d{4}-\d{2}-\d{2}$", "", model))
    if known is None:
        return None
    return (known.prompt * prompt_tokens + known.completion * completion_tokens) / 1_000_000


def percentile(values: Sequence[float], q: float) -> float | None:
    """Return the qth percentile, q from 0 to 100, linear between the values as numpy has it; None of none."""
    return float(np.percentile(values, q)) if len(values) else None
