from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.charts import CSS, Bar, Point, bars, curve, histogram, scatter, whisker


def parsed(drawn: str) -> ET.Element:
    return ET.fromstring(drawn)


def words(drawn: str) -> list[str]:
    """Return the texts of a chart, as they are drawn."""
    return ["".join(text.itertext()) for text in parsed(drawn).iter("text")]


def told(drawn: str) -> tuple[str | None, str | None]:
    """Return what a chart says to those who do not see it."""
    svg = parsed(drawn)
    return svg.findtext("title"), svg.findtext("desc")


def numbers(drawn: str, tag: str, attribute: str) -> list[float]:
    return [float(shape.attrib[attribute]) for shape in parsed(drawn).iter(tag)]


def test_bars_say_what_they_draw() -> None:
    rows = [Bar("fact", 0.5, 0.25, 0.75, n=12, mark=0.4), Bar("list", None, n=0)]

    drawn = bars(rows, title="Passed")

    assert told(drawn) == ("Passed", "fact .500 (.250–.750), against .400; list –")
    assert words(drawn) == ["0", ".5", "1", "fact", ".500n 12", "list", "–n 0"]
    assert numbers(drawn, "rect", "width") == [75.0]
    assert [path.attrib["d"] for path in parsed(drawn).iter("path")][3:] == [
        "M37.5 10H112.5M37.5 7v6M112.5 7v6",
        "M60.0 4v12",
    ]


def test_a_whisker_is_passed_over_by_screen_readers_as_the_figures_stand_beside_it() -> None:
    drawn = whisker(Bar("passed", 0.5, 0.25, 0.75))

    assert parsed(drawn).attrib["aria-hidden"] == "true"
    assert words(drawn) == []
    assert whisker(Bar("exact", None)) == ""


def test_a_curve_goes_from_its_first_point_to_its_last() -> None:
    drawn = curve([Point(0.5, 0), Point(1, 0.25)], title="Risk", x="coverage", y="risk")

    assert told(drawn) == ("Risk", "risk by coverage. From 0 at .5 to .25 at 1.")
    assert 'd="M193.0 172.0L346.0 24.0"' in drawn
    assert words(drawn)[-2:] == ["coverage", "risk"]


def test_names_of_points_do_not_lie_on_each_other() -> None:
    drawn = scatter(
        [Point(1, 0.8, "a"), Point(1, 0.8, "b"), Point(1, 0.79, "c")], title="t", x="ms", y="passed"
    )

    tops = [float(text.attrib["y"]) for text in parsed(drawn).iter("text") if text.text in {"a", "b", "c"}]
    assert all(after - before >= 11 for before, after in pairwise(sorted(tops)))
    assert told(drawn) == ("t", "passed by ms. a: .8 at 1; b: .8 at 1; c: .79 at 1.")


def test_a_histogram_counts_every_value_and_says_what_is_beyond_its_scale() -> None:
    values = [0.05] * 30 + [0.15] * 9 + [9.0]

    drawn = histogram(values, title="Time", x="seconds")

    assert told(drawn) == (
        "Time",
        "cases by seconds. 40 from .05 to 9, median .05, 1 above .15 in the last bar.",
    )
    assert words(drawn)[-1] == "longer"
    heights = numbers(drawn, "rect", "height")
    assert [round(height / min(heights)) for height in heights] == [30, 9, 1]


def test_a_histogram_of_one_value_has_one_bar() -> None:
    drawn = histogram([0.05, 0.05], title="Time", x="seconds")

    assert len(numbers(drawn, "rect", "height")) == 1
    assert "longer" not in drawn


@pytest.mark.parametrize(
    "drawn",
    [
        bars([], title="t"),
        curve([], title="t", x="x", y="y"),
        scatter([], title="t", x="x", y="y"),
        histogram([], title="t", x="x"),
    ],
)
def test_a_chart_of_nothing_is_nothing(drawn: str) -> None:
    assert drawn == ""


def test_labels_are_words_not_marks() -> None:
    hostile = '</text></svg><script>alert(1)</script>"\x1b[31m'

    drawn = bars([Bar(hostile, 0.5)], title=hostile) + scatter(
        [Point(1, 1, hostile)], title=hostile, x=hostile, y=hostile
    )

    assert "<script" not in drawn
    assert "\x1b" not in drawn
    assert (
        parsed(f"<page>{drawn}</page>").findtext("svg/title")
        == '</text></svg><script>alert(1)</script>" [31m'
    )


times = st.floats(0, 1e6)
shares = st.floats(0, 1)


@given(st.lists(st.builds(Point, times, shares, st.just("name")), min_size=1, max_size=30))
def test_every_point_lies_between_the_axes(points: list[Point]) -> None:
    drawn = scatter(points, title="t", x="x", y="y")

    assert len(numbers(drawn, "circle", "cx")) == len(points)
    assert all(40 <= x <= 346 for x in numbers(drawn, "circle", "cx"))
    assert all(24 <= y <= 172 for y in numbers(drawn, "circle", "cy"))


@given(st.lists(times, min_size=1, max_size=200))
def test_every_bar_of_a_histogram_lies_between_the_axes(values: list[float]) -> None:
    drawn = histogram(values, title="t", x="x")

    edges = zip(numbers(drawn, "rect", "x"), numbers(drawn, "rect", "width"), strict=True)
    assert all(x >= 40 and width > 0 and x + width <= 346 for x, width in edges)
    assert all(0 < height <= 148 for height in numbers(drawn, "rect", "height"))


def test_the_colours_are_the_pages_own() -> None:
    drawn = bars([Bar("a", 0.5, 0.4, 0.6, mark=0.1)], title="t") + histogram([1.0], title="t", x="x")

    assert not re.search(r"#[0-9a-f]{3}|rgb|style=", drawn)
    assert set(re.findall(r'class="([\w -]+)"', drawn)) <= {"chart", *re.findall(r"\.([a-z]+)", CSS)}
