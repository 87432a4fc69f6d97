"""How far a mean, a share or a difference can be trusted: bootstrap intervals and exact tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from math import sqrt
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.95
RESAMPLES = 10_000
_CELLS = 40_000_000
"""The matrix of draws holds about so many bytes at most; above 4,000 clusters there are fewer resamples."""
_FEWEST_RESAMPLES = 1_000
_CHUNK_CELLS = 1_000_000
"""So many draws are handled at a time: 8 MB."""
_NIL = 1e-9
"""Below this a sum of differences is zero."""
_PRODUCT_CELLS = 250_000
"""So many products are summed at a time: few enough for one thread, as several wait for each other."""
_SEED = 1979
"""Any number does; it is fixed so that the same values always have the same interval."""

Rows = Sequence[Sequence[float | None]]
"""For each metric one value a case; None is unscored."""
Groups = Sequence[str | None] | None
"""For each case what it shares with others; None when it stands for itself, or when all do."""


class Interval(NamedTuple):
    """A value and the ends of its interval; `n` cases are behind it."""

    value: float
    low: float
    high: float
    n: int


class Signs(NamedTuple):
    """How many went up and how many went down."""

    up: int
    down: int


class Bootstrap:
    """Resamples of n cases, drawn once and used for every mean over these cases.

    Intervals are percentile intervals (Efron, "Bootstrap methods: another look at the jackknife", 1979).
    Cases of one group are drawn together, so that ten questions on one article count as the one
    article that they are (cluster bootstrap).

    There are 10,000 resamples, fewer above 4,000 clusters and never under 1,000. The matrix has one byte
    for each resample and cluster: 30 MB for 3,000 cases.
    """

    def __init__(self, n: int, groups: Groups = None, *, resamples: int = RESAMPLES) -> None:
        self.n = n
        self._cluster = _cluster_of(n, groups)
        self._clusters = int(self._cluster.max(initial=-1)) + 1
        affordable = max(_FEWEST_RESAMPLES, _CELLS // max(self._clusters, 1))
        self._draws = _draws(self._clusters, min(resamples, affordable))

    def interval(self, values: Sequence[float | None], level: float = LEVEL) -> Interval | None:
        """Return the mean of the scored values with its interval; None when no value is scored."""
        return self.intervals([values], level)[0]

    def intervals(self, rows: Rows, level: float = LEVEL) -> list[Interval | None]:
        """Return an interval for each row of n values, as `interval` does, in one matrix product.

        An unscored value (None) is left out of its resamples: each mean is the sum of what is scored by
        the number of what is scored, and a resample without a scored value is passed over. Where all
        scored values are equal, or there is just one, the interval is the value itself: resampling
        cannot show what was never seen (`wilson` can, for shares). So it is when one group holds all.
        """
        values = np.array(rows, dtype=float).reshape(len(rows), self.n)
        means = self._means(values)
        return [_percentiles(*row, level) for row in zip(values, means, strict=True)]

    def weights(self) -> NDArray[np.float64]:
        """Return how often each resample (row) holds each case (column)."""
        return self._draws[:, self._cluster].astype(float)

    def _means(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of each row in each resample (columns); NaN where nothing is scored."""
        scored = ~np.isnan(values)
        both = _summed(np.vstack([np.where(scored, values, 0.0), scored]), self._cluster)
        rows = max(1, _PRODUCT_CELLS // max(1, both.size))
        starts = range(0, len(self._draws), rows)
        drawn = np.vstack([self._draws[start : start + rows].astype(float) @ both for start in starts])
        with np.errstate(invalid="ignore"):
            means = drawn[:, : len(values)] / drawn[:, len(values) :]
        return np.ascontiguousarray(means.T)


def auroc_interval(
    yes: Sequence[float], no: Sequence[float], *, groups: Groups = None, level: float = LEVEL
) -> Interval | None:
    """Return the share of pairs of a yes and a no in which the yes is higher, with its percentile interval.

    Ties count half; see `metrics.abstention.auroc`. `groups` are those of the yeses, then of the noes.
    There are 1,000 resamples; those without a yes or a no are passed over. None when there is no pair.
    """
    if not yes or not no:
        return None
    first, second = np.asarray(yes, dtype=float)[:, None], np.asarray(no, dtype=float)
    wins = (first > second) + 0.5 * (first == second)
    n = len(yes) + len(no)
    weights = Bootstrap(n, groups, resamples=1_000).weights()
    up, down = weights[:, : len(yes)], weights[:, len(yes) :]
    pairs = up.sum(axis=1) * down.sum(axis=1)
    shares = ((up @ wins) * down).sum(axis=1)[pairs > 0] / pairs[pairs > 0]
    tail = (1 - level) / 2
    low, high = np.quantile(shares, [tail, 1 - tail])
    return Interval(float(wins.mean()), round(float(low), 12), round(float(high), 12), n)


def mcnemar(b: int, c: int) -> float:
    """Return the two-sided p of McNemar's test (1947), exact: b pairs went one way and c the other.

    Given b + c pairs that differ, each way is as likely as heads or tails.
    """
    return _coin(b, c)


def sign_test(better: int, worse: int) -> float:
    """Return the two-sided p of the sign test, exact; pairs without a difference do not count."""
    return _coin(better, worse)


def signs(rows: Rows, groups: Groups = None) -> list[Signs]:
    """Count for each row of values what is above and below zero.

    Cases of one group count once, by the sign of their sum; None counts as zero.
    """
    # Sums of equal steps up and down miss zero by rounding.
    return [Signs(int((own > _NIL).sum()), int((own < -_NIL).sum())) for own in _sums(rows, groups).T]


def swap_test(rows: Rows, groups: Groups = None) -> list[float]:
    """Return for each row of differences, one a case, how likely chance makes any row differ so much.

    If two runs are alike, swapping their names in some cases changes nothing but the sign of these
    differences. p is the share of such swaps, 10,000 of them and the one observed, in which the most
    different row is at least as far from zero as this one: a randomisation test of all rows together, which
    takes account of how they hang together (max-T, Westfall and Young 1993). Each row is measured by
    its sum over the root of its sum of squares; cases of one group are swapped together.
    """
    sums = _sums(rows, groups)
    sums = sums[(sums != 0).any(axis=1)]
    scale = np.sqrt((sums**2).sum(axis=0))
    sums = sums / np.where(scale > 0, scale, 1.0)
    farthest = np.concatenate([np.abs(swaps @ sums).max(axis=1, initial=0.0) for swaps in _swaps(len(sums))])
    seen = np.abs(sums.sum(axis=0)) - _NIL
    return [float((1 + (farthest >= own).sum()) / (1 + RESAMPLES)) for own in seen]


def wilson(successes: int, n: int, level: float = LEVEL) -> Interval | None:
    """Return a share with its score interval (Wilson 1927), which is open even at 0 and n of n."""
    if n == 0:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = successes / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(share, round(max(0.0, middle - half), 12), round(min(1.0, middle + half), 12), n)


def _coin(heads: int, tails: int) -> float:
    """Return how likely a fair coin falls so far from even, or farther."""
    tosses = heads + tails
    ways = term = 1
    for fewer in range(min(heads, tails)):
        term = term * (tosses - fewer) // (fewer + 1)
        ways += term
    return min(1.0, 2 * ways / (1 << tosses))


def _cluster_of(n: int, groups: Groups) -> NDArray[np.intp]:
    """Number the clusters, and return the number of each case's."""
    if groups is None:
        return np.arange(n)
    numbers: dict[str | int, int] = {}
    keys = [place if group is None else group for place, group in enumerate(groups)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)


def _summed(rows: NDArray[np.float64], cluster: NDArray[np.intp]) -> NDArray[np.float64]:
    """Add up rows of values, one a case, to columns of values, one a cluster."""
    sums = np.zeros((int(cluster.max(initial=-1)) + 1, len(rows)))
    np.add.at(sums, cluster, rows.T)
    return sums


def _sums(rows: Rows, groups: Groups) -> NDArray[np.float64]:
    """Add up rows as `_summed` does; None counts as zero."""
    values = np.array(rows, dtype=float)
    return _summed(np.nan_to_num(values), _cluster_of(values.shape[-1] if len(rows) else 0, groups))


def _swaps(clusters: int) -> Iterator[NDArray[np.float64]]:
    """Yield rows of 1 and -1 at random, some at a time."""
    rng = np.random.default_rng(_SEED)
    rows = _rows_at_once(clusters)
    for start in range(0, RESAMPLES, rows):
        heads = rng.integers(0, 2, (min(rows, RESAMPLES - start), clusters))
        yield np.where(heads, 1.0, -1.0)


@lru_cache(maxsize=4)
def _draws(clusters: int, resamples: int) -> NDArray[np.uint8]:
    """Return how often each resample (row) holds each cluster (column)."""
    counts = np.zeros((resamples, clusters), dtype=np.uint8)  # 255 of one cluster never happens
    rng = np.random.default_rng(_SEED)
    for start in range(0, resamples if clusters else 0, _rows_at_once(clusters)):
        part = counts[start : start + _rows_at_once(clusters)]
        drawn = rng.integers(0, clusters, part.shape)
        drawn += np.arange(len(part))[:, None] * clusters
        part[:] = np.bincount(drawn.ravel(), minlength=part.size).reshape(part.shape)
    return counts


def _rows_at_once(clusters: int) -> int:
    return max(1, _CHUNK_CELLS // max(clusters, 1))


def _percentiles(values: NDArray[np.float64], means: NDArray[np.float64], level: float) -> Interval | None:
    """Return the mean of what is scored, between the percentiles of the resampled means."""
    scored = values[~np.isnan(values)]
    if scored.size == 0:
        return None
    if (scored == scored[0]).all():
        value = float(scored[0])
        return Interval(value, value, value, scored.size)
    tail = (1 - level) / 2
    low, high = np.quantile(means[~np.isnan(means)], [tail, 1 - tail])
    # The last digits depend on how the product was cut into blocks.
    return Interval(float(scored.mean()), round(float(low), 12), round(float(high), 12), scored.size)
