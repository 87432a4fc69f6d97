"""Small charts as static SVG: real text, colours from the page's variables, no script, no library.

Each tells a screen reader in words what it draws. A chart of nothing is an empty string.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

from .tables import NONE, figure, interval, one_line

CSS = """
.chart { display: block; width: 100%; max-width: 30rem; height: auto; color: var(--ink, #1b1f23); }
.chart text { font: 11px/1 system-ui, sans-serif; fill: currentColor; font-variant-numeric: tabular-nums; }
.chart .soft, .chart .soft text { fill: var(--soft, #5a646e); }
.chart .line { stroke: var(--line, #dde1e5); fill: none; }
.chart .fill { fill: var(--accent, #0a6d75); }
.chart .pale { fill: var(--accent, #0a6d75); opacity: .28; }
.chart .stroke { stroke: var(--accent, #0a6d75); fill: none; stroke-width: 2; }
.chart .whisker { stroke: currentColor; fill: none; stroke-width: 1.25; }
.chart .mark { stroke: var(--mark, #b45309); fill: none; stroke-width: 2; }
.whisker-cell { display: block; width: 7.5rem; height: 1rem; max-width: none; }
"""
"""Styles of all charts; a page holds them once and may set --ink, --soft, --line, --accent and --mark."""

_WIDTH = 360
"""A chart is drawn for a narrow screen, so that its text keeps its size there."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 346, 24, 172
"""Edges of what lies between two axes."""
_LEAST = 1e-9
"""Shortest scale; below it, floats have too few digits for ticks."""


class Bar(NamedTuple):
    """A share from 0 to 1 with its interval, and what it is held against."""

    label: str
    value: float | None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    mark: float | None = None
    """A baseline, drawn as a tick."""


class Tally(NamedTuple):
    """A number of things, and what they have in common."""

    label: str
    number: int


class Point(NamedTuple):
    """A place in a plane, and its name."""

    x: float
    y: float
    label: str = ""


def bars(rows: Sequence[Bar], *, title: str) -> str:
    """Draw shares as horizontal bars with their intervals as whiskers and the baseline as a tick."""
    if not rows:
        return ""
    left, row, width = 132, 20, 150
    grid = "".join(
        f'<path class="line" d="M{left + width * at:g} 14V{14 + row * len(rows)}"/>'
        f'<text class="soft" x="{left + width * at:g}" y="9" text-anchor="middle">{_plain(at)}</text>'
        for at in (0, 0.5, 1)
    )
    drawn = "".join(
        f'<g transform="translate({left} {14 + row * number})">'
        f'<text x="-8" y="14" text-anchor="end">{_text(bar.label, 22)}</text>'
        f"{_track(bar, width, row)}"
        f'<text x="{width + 12}" y="14">{figure(bar.value)}{_counted(bar)}</text></g>'
        for number, bar in enumerate(rows)
    )
    return _svg(grid + drawn, 16 + row * len(rows), title, "; ".join(map(_said, rows)))


def tallies(rows: Sequence[Tally], *, title: str) -> str:
    """Draw numbers of things as horizontal bars from 0."""
    if not rows:
        return ""
    left, row, width = 132, 20, 160
    most = max(tally.number for tally in rows) or 1
    drawn = "".join(
        f'<g transform="translate({left} {6 + row * number})">'
        f'<text x="-8" y="14" text-anchor="end">{_text(tally.label, 22)}</text>'
        f'<rect class="fill" y="4" width="{width * tally.number / most:.1f}" height="12"/>'
        f'<text x="{width * tally.number / most + 6:.1f}" y="14">{tally.number:,}</text></g>'
        for number, tally in enumerate(rows)
    )
    said = "; ".join(f"{one_line(tally.label)} {tally.number:,}" for tally in rows)
    return _svg(drawn, 12 + row * len(rows), title, said)


def whisker(bar: Bar) -> str:
    """Draw a share for the cell of a table that gives its figures too, so screen readers pass it over."""
    if bar.value is None:
        return ""
    body = f'<path class="line" d="M2 8H118"/><g transform="translate(2 0)">{_track(bar, 116, 16)}</g>'
    return f'<svg class="chart whisker-cell" viewBox="0 0 120 16" aria-hidden="true">{body}</svg>'


def curve(points: Sequence[Point], *, title: str, x: str, y: str) -> str:
    """Draw points from left to right as a line."""
    if not points:
        return ""
    axes = _Axes(_scale(0, max(p.x for p in points)), _scale(0, max(p.y for p in points)), x, y)
    line = "L".join("{:.1f} {:.1f}".format(*axes.place(point.x, point.y)) for point in points)
    first, last = points[0], points[-1]
    desc = f"From {_plain(first.y)} at {_plain(first.x)} to {_plain(last.y)} at {_plain(last.x)}"
    return axes.svg(f'<path class="stroke" d="M{line}"/>', title, desc)


def scatter(points: Sequence[Point], *, title: str, x: str, y: str) -> str:
    """Draw named points, such as settings by time and quality; the vertical axis need not begin at 0."""
    if not points:
        return ""
    heights = [point.y for point in points]
    axes = _Axes(_scale(0, max(p.x for p in points)), _scale(min(heights), max(heights)), x, y)
    drawn, taken = "", list[_Place]()
    for point in sorted(points, key=lambda point: -point.y):
        at = axes.place(point.x, point.y)
        name = _free(_Place(at.left, at.top + 4), taken)
        taken.append(name)
        shift, anchor = (7, "start") if at.left < _WIDTH * 0.6 else (-7, "end")
        drawn += (
            f'<circle class="fill" cx="{at.left:.1f}" cy="{at.top:.1f}" r="4"/>'
            f'<text x="{at.left + shift:.1f}" y="{name.top:.1f}" text-anchor="{anchor}">'
            f"{_text(point.label, 26)}</text>"
        )
    return axes.svg(drawn, title, "; ".join(f"{p.label}: {_plain(p.y)} at {_plain(p.x)}" for p in points))


def histogram(values: Iterable[float], *, title: str, x: str, y: str = "cases") -> str:
    """Draw how many values lie where; the longest twentieth may share the last bar."""
    found = sorted(values)
    if not found:
        return ""
    ticks = _scale(0, found[int((len(found) - 1) * 0.95)])
    bins = 5 * (len(ticks) - 1)
    size = ticks[-1] / bins
    counts = Counter(bins if value > ticks[-1] else min(int(value / size), bins - 1) for value in found)
    axes = _Axes(ticks, _scale(0, max(5, *counts.values())), x, y, room=size if counts[bins] else 0)
    drawn = "".join(axes.column(size * at, size * (at + 1), count) for at, count in counts.items())
    least, median, most = (_plain(found[int((len(found) - 1) * at)]) for at in (0, 0.5, 1))
    beyond = f", {counts[bins]:,} above {_plain(ticks[-1])} in the last bar" if counts[bins] else ""
    return axes.svg(drawn, title, f"{len(found):,} from {least} to {most}, median {median}{beyond}")


class _Place(NamedTuple):
    """Where something is drawn."""

    left: float
    top: float


def _free(place: _Place, taken: Sequence[_Place]) -> _Place:
    """Return the nearest place below that is clear of the names before."""
    while any(abs(place.top - other.top) < 11 and abs(place.left - other.left) < 120 for other in taken):
        place = place._replace(top=place.top + 1)
    return place


@dataclass(frozen=True, slots=True)
class _Axes:
    """Two scales with their names, and where a value lies between them."""

    right: Sequence[float]
    """Ticks of the horizontal scale, from its begin to its end."""
    up: Sequence[float]
    x: str
    y: str
    room: float = 0
    """What the horizontal scale goes on for beyond its last tick."""

    def place(self, x: float, y: float) -> _Place:
        """Return where a point is drawn."""
        across = (x - self.right[0]) / (self.right[-1] + self.room - self.right[0])
        above = (y - self.up[0]) / (self.up[-1] - self.up[0])
        return _Place(_LEFT + across * (_RIGHT - _LEFT), _BOTTOM - above * (_BOTTOM - _TOP))

    def column(self, start: float, end: float, height: float) -> str:
        """Draw a bar that stands on the horizontal scale; beyond its last tick, it says that it is longer."""
        (left, top), (right, bottom) = self.place(start, height), self.place(end, 0)
        beyond = self.room > 0 and start > self.right[-1] - self.room / 2
        box = f'x="{left + 0.5:.1f}" y="{top:.1f}" width="{right - left - 1:.1f}" height="{bottom - top:.1f}"'
        longer = f'<text x="{right:.1f}" y="{top - 4:.1f}" text-anchor="end">longer</text>' if beyond else ""
        return f'<rect class="{"pale" if beyond else "fill"}" {box}/>{longer}'

    def svg(self, body: str, title: str, desc: str) -> str:
        """Return the chart: the grid, its figures, the names of the scales, and what is drawn on it."""
        rows = "".join(
            f'<path class="line" d="M{_LEFT} {top:.1f}H{_RIGHT}"/>'
            f'<text x="{_LEFT - 6}" y="{top + 4:.1f}" text-anchor="end">{_plain(tick)}</text>'
            for tick in self.up
            for top in [self.place(self.right[0], tick).top]
        )
        columns = "".join(
            f'<text x="{self.place(tick, self.up[0]).left:.1f}" y="{_BOTTOM + 15}" text-anchor="middle">'
            f"{_plain(tick)}</text>"
            for tick in self.right
        )
        names = (
            f'<text x="{_RIGHT}" y="{_BOTTOM + 31}" text-anchor="end">{_text(self.x)}</text>'
            f'<text x="4" y="{_TOP - 12}">{_text(self.y)}</text>'
        )
        grid = f'<g class="soft">{rows}{columns}{names}</g>'
        return _svg(grid + body, _BOTTOM + 38, title, f"{self.y} by {self.x}. {desc}.")


def _track(bar: Bar, width: float, height: float) -> str:
    """Draw a bar from 0 to its value, its whiskers, and the tick of its baseline."""
    if bar.value is None:
        return ""
    middle = height / 2
    drawn = f'<rect class="pale" y="{middle - 5:g}" width="{width * bar.value:.1f}" height="10"/>'
    if bar.low is not None and bar.high is not None:
        low, high = width * bar.low, width * bar.high
        ends = f"M{low:.1f} {middle - 3:g}v6M{high:.1f} {middle - 3:g}v6"
        drawn += f'<path class="whisker" d="M{low:.1f} {middle:g}H{high:.1f}{ends}"/>'
    drawn += f'<circle class="fill" cx="{width * bar.value:.1f}" cy="{middle:g}" r="3"/>'
    if bar.mark is not None:
        drawn += f'<path class="mark" d="M{width * bar.mark:.1f} {middle - 6:g}v12"/>'
    return drawn


def _counted(bar: Bar) -> str:
    return "" if bar.n is None else f'<tspan class="soft" dx="6">n {bar.n:,}</tspan>'


def _said(bar: Bar) -> str:
    bounds = interval({"low": bar.low, "high": bar.high})
    around = "" if bounds == NONE else f" ({bounds})"
    beside = "" if bar.mark is None else f", against {figure(bar.mark)}"
    return f"{one_line(bar.label)} {figure(bar.value)}{around}{beside}"


def _scale(low: float, high: float) -> list[float]:
    """Return ticks at round distances, at most six, that enclose both values."""
    room = max((high - low) or abs(high) or 1.0, _LEAST)
    power = 10.0 ** math.floor(math.log10(room / 5))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10, 20) if room / (power * factor) <= 5)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [step * tick for tick in range(first, max(last, first + 1) + 1)]


def _plain(value: float) -> str:
    """Write a tick's value: `.25`, `1`, `40`."""
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("0.", ".", 1) if abs(value) < 1 else text


def _text(text: str, length: int | None = None) -> str:
    return escape(one_line(text, length))


def _svg(body: str, height: int, title: str, desc: str) -> str:
    head = f"<title>{_text(title)}</title><desc>{_text(desc)}</desc>"
    return f'<svg class="chart" role="img" viewBox="0 0 {_WIDTH} {height}">{head}{body}</svg>'
