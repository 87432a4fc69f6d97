from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt
from pydantic import BaseModel
from rich.console import Console

from evals.cases import Case
from evals.markdown import to_markdown
from evals.records import CitationRecord, PassageRecord, Record, SentenceRecord, SourceRecord
from evals.runs import Run, RunInfo, load_run, save_run
from evals.scores import Gold, Score
from evals.tables import figure, one_line, print_run
from evals.telling import pieces
from evals.webpage import to_html
from rag.schema import Span
from tests.conftest import ROOT

Json = dict[str, Any]

DOCUMENT = (ROOT / "docs" / "run-folder.md").read_text(encoding="utf-8")
ARTICLE = "The mediators met in Istanbul. Turkey and Qatar hosted them."
FIRST, SECOND = "The mediators met in Istanbul.", "Turkey and Qatar hosted them."
PASSAGE = PassageRecord(id=f"talks.txt#0-{len(ARTICLE)}", article="talks.txt", start=0, end=60, text=ARTICLE)
HOSTILE = (
    "<script>alert(1)</script><img src=http://evil.example/a.png onerror=alert(2)>"
    "</title></desc></style></details>\"'>![x](http://evil.example/b.png)[bold]loud[/bold]"
    "[link=http://evil.example]here[/link] :warning: | # <!-- \x1b[31mred\x1b]8;;http://evil.example\x07 "
    "\x00\x9b2J\u202eback javascript:alert(3)"
)


# --- a run, built by hand


def share(value: float | None, n: int = 3) -> Json:
    around = {"low": None, "high": None} if value is None else {"low": value / 2, "high": (1 + value) / 2}
    return {"value": value, **around, "n": 0 if value is None else n}


def metric(name: str, title: str, group: str, value: float | None, **more: Any) -> Json:
    best = {"first sentences": 0.25, "whole passage": 0.5, "never answer": None}
    common = {"better": "higher", "hard": False, "unit": "", "unscored": {}, "baselines": best}
    return {"name": name, "title": title, "group": group, **share(value), **common, **more}


def part(n: int, value: float) -> Json:
    return {"n": n, "metrics": {"passed": share(value, n), "facts_covered": share(None)}}


def summary() -> Json:
    return {
        "schema_version": 1,
        "cases": 5,
        "graded": 3,
        "crashed": [{"case": "crash", "error": "ValueError: no"}],
        "metrics": [
            metric("passed", "passed", "outcome", 0.5),
            metric("facts_covered", "facts covered", "answer", 0.75, unscored={"states no facts": 2}),
            metric("answer_words", "words", "answer", 12.25, better="neither", unit="words"),
            metric("exact", "exact", "answer", None, unscored={"states no facts": 2}),
            metric("quotes_verbatim", "quotes verbatim", "citations", 0.5, hard=True),
        ],
        "baselines": ["first sentences", "whole passage", "never answer"],
        "tags": [{"tag": "fact", **part(2, 0.5)}],
        "turns": [{"turn": 1, **part(2, 0.5)}, {"turn": 2, **part(1, 1.0)}],
        "abstention": {
            "kinds": [
                {
                    "kind": "out-of-corpus",
                    "n": 2,
                    "declined": share(1.0, 2),
                    "precision": share(0.75, 4),
                    "auroc": share(0.9, 3),
                    "risk_coverage": [[0.5, 0.0, 0.7], [1.0, 0.25, 0.1]],
                    "aurc": 0.125,
                }
            ],
        },
        "speed": {
            "stages": [{"stage": "total", "p50": 0.05, "p95": 2.5}],
            "wall_seconds": 12.5,
            "questions_per_second": 0.32,
        },
        "cost": {
            "prompt_tokens": 1200,
            "completion_tokens": 34,
            "usd": 0.0123,
            "prices_of": "2026-03",
            "reason": None,
        },
        "worst": ["hosts"],
        "judged": None,
        "labels": None,
    }


JUDGED = {
    "model": "a-judge",
    "prompts": {"support": "abc"},
    "repeats": 3,
    "correctness": {**share(0.5), "unscored": {}, "trust": "the card is about support"},
    "faithfulness": {**share(0.75), "unscored": {"no verdict": 1}, "trust": "agrees"},
    "contradicted": {**share(0.0), "unscored": {}, "trust": "agrees"},
    "spread": {"agreement": 0.95},
    "card": {"sets": {}, "balanced_accuracy": 0.71, "false_support_rate": 0.2, "kappa": 0.4},
    "card_note": None,
}
LABELS = {"correct": {**share(0.5), "with_passed": {"share": 0.5, "n": 2}}}


def note(number: int, quote: str, **more: Any) -> CitationRecord:
    start = max(ARTICLE.find(quote), 0)
    span = {"start": start, "end": start + len(quote)}
    about = {"number": number, "passage": PASSAGE.id, "article": "talks.txt", "quote": quote, "stands": quote}
    return CitationRecord(**{**about, **span, **more})


def answer(case: Case, *quotes: str, **more: Any) -> Record:
    text, sentences = "", []
    for number, quote in enumerate(quotes, start=1):
        start = len(text) + bool(text)
        text += f"{' ' * bool(text)}{quote} [{number}]"
        sentences.append(SentenceRecord(text=quote, start=start, end=start + len(quote), citations=(number,)))
    kept = {
        "case": case.id,
        "question": case.question,
        "status": "answered",
        "text": text,
        "sentences": tuple(sentences),
        "citations": tuple(note(number, quote) for number, quote in enumerate(quotes, start=1)),
        "sources": (SourceRecord(passage=PASSAGE.id, score=0.5),),
        "seconds": {"total": 0.05},
    }
    return Record(**{**kept, **more})


def cases() -> list[Case]:
    plain: list[Json] = [
        {"id": "place", "question": "Where did they meet?", "must_include": ["Istanbul"], "answerable": True},
        {
            "id": "hosts",
            "question": "Who hosted them?",
            "must_include": [["Turkey", "Türkiye"], "Norway"],
            "must_not_include": ["Oslo"],
            "expected_sources": [{"article": "talks.txt", "quote": SECOND}],
            "answerable": True,
            "history": [{"question": "Where did they meet?", "answer": "In Istanbul."}],
            "tags": ["fact", "pinned"],
        },
        {"id": "moon", "question": "Who owns the moon?", "answerable": False, "tags": ["out-of-corpus"]},
        {"id": "crash", "question": "What broke?", "expected_answer": "Nothing.", "answerable": True},
        {"id": "late", "question": "Was there time?", "answerable": True},
    ]
    return [Case.model_validate(case) for case in plain]


def example() -> Run:
    place, hosts, moon, crash, late = cases()
    declined = {"status": "abstained", "text": "The articles do not tell.", "sentences": (), "citations": ()}
    records = (
        answer(place, FIRST),
        answer(hosts, SECOND, FIRST, turn=2, citations=(note(1, SECOND, stands="Else."), note(2, FIRST))),
        answer(moon, **declined),
        Record(case=crash.id, question=crash.question, error="ValueError: no"),
    )
    scores = {
        "place": {
            "passed": Score(1.0),
            "quotes_verbatim": Score(1.0),
            "exact": Score(None, "states no facts"),
        },
        "hosts": {
            "passed": Score(0.0, "missing: Norway"),
            "facts_covered": Score(0.5, "missing: Norway"),
            "quotes_verbatim": Score(0.5, "not verbatim: [1]"),
        },
        "moon": {"passed": Score(1.0)},
        "crash": {"passed": Score(None, "the case crashed: ValueError: no")},
    }
    info = RunInfo(
        id="2026-05-01-example",
        name="example",
        created="2026-05-01T10:20:30+00:00",
        model="quoting",
        settings={"top_k": 8, "llm": None, "rerank": False},
        index={"fingerprint": "abc123", "articles": 1, "passages": 1},
    )
    gold = {"hosts": ((Gold("talks.txt", (Span(31, 60),)),),)}
    return Run(
        info, (place, hosts, moon, crash, late), records, {PASSAGE.id: PASSAGE}, gold, scores, summary()
    )


def hostile() -> Run:
    """Return a run in which whatever may hold foreign words holds hostile ones."""
    bad = Case.model_validate(
        {
            "id": HOSTILE,
            "question": HOSTILE,
            "must_include": [HOSTILE],
            "must_not_include": [HOSTILE],
            "expected_sources": [{"article": HOSTILE, "quote": HOSTILE}],
            "answerable": True,
            "history": [{"question": HOSTILE, "answer": HOSTILE}],
            "tags": [HOSTILE],
        }
    )
    passage = PASSAGE.model_copy(update={"article": HOSTILE, "text": HOSTILE})
    quoted = (note(1, HOSTILE, article=HOSTILE, stands=HOSTILE + "!"),)
    record = answer(bad, HOSTILE, citations=quoted, reason=HOSTILE, notice=HOSTILE)
    plain = {
        **summary(),
        "worst": [HOSTILE],
        "judged": {**JUDGED, "model": HOSTILE},
        "labels": {HOSTILE: share(0.5)},
    }
    plain["tags"][0]["tag"] = plain["abstention"]["kinds"][0]["kind"] = HOSTILE
    plain["metrics"][0]["unscored"] = {HOSTILE: 1}
    plain["cost"]["reason"] = HOSTILE
    info = RunInfo(
        id=HOSTILE,
        name=HOSTILE,
        created=HOSTILE,
        model=HOSTILE,
        settings={HOSTILE: HOSTILE},
        index={"x": HOSTILE},
    )
    scores = {bad.id: {"passed": Score(0.0, HOSTILE), "exact": Score(None, HOSTILE)}}
    return Run(info, (bad,), (record,), {passage.id: passage}, {}, scores, plain, folder=Path(HOSTILE[:9]))


def with_layers(run: Run) -> Run:
    """Return a run that was judged and labelled too."""
    kept = {layer: run.summary[layer] or added for layer, added in (("judged", JUDGED), ("labels", LABELS))}
    return replace(run, summary={**run.summary, **kept})


def printed(run: Run, *, width: int = 100, colours: bool = False, worst: int = 10) -> str:
    file = StringIO()
    console = Console(
        file=file, width=width, force_terminal=colours, color_system="standard" if colours else None
    )
    print_run(run, console, worst=worst)
    return "".join(f"{line.rstrip()}\n" for line in file.getvalue().splitlines())


# --- figures and foreign words


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.947, "", ".947"),
        (1.0, "", "1.000"),
        (0.0, "", ".000"),
        (0.9996, "", "1.000"),
        (-0.0125, "", "-.013"),
        (10.5, "", "10.500"),
        (1234.56, "words", "1,234.6"),
        (0.04, "words", "0.0"),
        (None, "", "–"),
        (float("nan"), "", "–"),
    ],
)
def test_figures_are_written_one_way(value: float | None, unit: str, written: str) -> None:
    assert figure(value, unit) == written


@pytest.mark.parametrize(
    ("text", "length", "line"),
    [
        ("one\ntwo\t three", None, "one two three"),
        ("\x1b[31mred\x07", None, "[31mred"),
        ("left\u202eright\ud800", None, "left right"),
        ("one two, three", 10, "one two…"),
        ("unbroken-for-long", 10, "unbroken-…"),
    ],
)
def test_foreign_text_becomes_one_line_without_control_characters(
    text: str, length: int | None, line: str
) -> None:
    assert one_line(text, length) == line


# --- the terminal


WIDE = """\
example · 5 cases, 3 graded, 1 crashed; interrupted, so some were not asked
model quoting · index abc123 (1 article, 1 passage) · 2026-05-01 10:20

Measured by rule ───────────────────────────────────────────────────────────────────────────────────
Computed from the records alone, the same every time. May close the gate.
                                      95 %       first   whole  never
                           value  interval n sentences passage answer
Outcome
  passed                    .500 .250–.750 3      .250    .500      –
Answer
  facts covered             .750 .375–.875 3      .250    .500      –
  words                     12.2   6.1–6.6 3       0.2     0.5      –
Citations
  quotes verbatim * broken  .500 .250–.750 3      .250    .500      –
* Below 1 for a single case, and the gate closes.
Unscored, with the number of cases:
  facts covered; exact: states no facts 2

                                                 95 %                    95 %
Unanswerable questions, by kind n declined   interval rightly AUROC  interval
  out-of-corpus                 2    1.000 .500–1.000    .750  .900 .450–.950

                                      95 %
By turn                 n value   interval
  turn 1, passed        2  .500  .250–.750
  turn 1, facts covered 0     –          –
  turn 2, passed        1 1.000 .500–1.000
  turn 2, facts covered 0     –          –

Speed      12 s, 0.3 questions a second; median / 95th percentile: total 50 ms / 2.50 s
Cost       1,200 prompt tokens, 34 completion tokens, 0.0123 US dollars at the prices of 2026-03

2 cases did not pass ───────────────────────────────────────────────────────────────────────────────
hosts
  question   Who hosted them?
  expected   Turkey or Türkiye; Norway
  got        Turkey and Qatar hosted them. [1] The mediators met in Istanbul. [2]
  because    missing: Norway
crash
  question   What broke?
  expected   Nothing.
  got        no answer
  because    crashed: ValueError: no
"""

NARROW = """\
                                      95 %                 best
                           value  interval n           baseline
Outcome
  passed                    .500 .250–.750 3 .500 whole passage
Answer
  facts covered             .750 .375–.875 3 .500 whole passage
  words                     12.2   6.1–6.6 3                  –
Citations
  quotes verbatim * broken  .500 .250–.750 3 .500 whole passage
"""

LAYERS = """\

Judged by a model ──────────────────────────────────────────────────────────────────────────────────
Judged by a-judge, 3 times each. Never closes the gate; its judge agrees with people in .710 of
labelled claims (balanced accuracy), .200 false support, .400 kappa.

                                95 %
Verdicts             value  interval n how far to trust it
  correctness         .500 .250–.750 3 the card is about support
  faithfulness        .750 .375–.875 3 agrees
  contradicted        .000 .000–.500 3 agrees
Repeats: agreement .950
Unscored: faithfulness: no verdict 1

Labelled by people ─────────────────────────────────────────────────────────────────────────────────
Imported by case id, as good as the people who labelled. Never closes the gate.

                                95 %   people      with  with
Labels               value  interval n  agree    passed judge
  correct             .500 .250–.750 3      – .500 of 2     –

"""


def test_a_wide_terminal_shows_every_baseline() -> None:
    assert printed(example()) == WIDE


def test_a_narrow_terminal_shows_the_best_baseline() -> None:
    lines = printed(example(), width=72).splitlines(keepends=True)

    assert "".join(lines[7:16]) == NARROW


def test_the_three_layers_are_apart_and_say_what_they_are_worth() -> None:
    told = printed(with_layers(example())).split("prices of 2026-03\n")[1].split("2 cases did not")[0]

    assert told == LAYERS


def test_a_judge_that_nobody_checked_says_so() -> None:
    judged = {**JUDGED, "card": None, "card_note": "no agreement with people was measured"}

    told = printed(replace(example(), summary={**summary(), "judged": judged}))

    assert "Never closes the gate; no agreement with people was measured." in " ".join(told.split())


def test_the_worst_cases_are_limited_and_the_rest_is_counted() -> None:
    told = printed(example(), worst=1).split("2 cases did not pass; the worst 1 of them")[1]

    assert "hosts" in told
    assert "crash" not in told


def test_a_run_without_failures_says_so_and_where_it_is(tmp_path: Path) -> None:
    place, *_ = cases()
    run = replace(example(), cases=(place,), records=example().records[:1], folder=Path("runs/good"))

    assert printed(run).endswith("No case failed or crashed.\n\nRun folder runs/good\n")


# --- foreign words are inert


def test_the_terminal_takes_no_orders_from_foreign_words() -> None:
    told = re.sub(r"\x1b\[[\d;]*m", "", printed(hostile(), colours=True))

    assert not re.search(r"[^\n\x20-\x7e\xa0-\uffff]|\u202e", told)
    assert "[bold]loud[/bold][link=http://evil.example]here[/link] :warning:" in told.replace("\n", "")


class Page(HTMLParser):
    """The tags, attributes and words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data

    def values(self, name: str, tag: str | None = None) -> list[str | None]:
        return [about[name] for own, about in self.tags if name in about and tag in {None, own}]


KNOWN = set(
    "html head meta title style body header main section nav h1 h2 h3 h4 p a b br q dl dt dd div span ul ol "
    "li table thead tbody tr th td details summary figure figcaption svg desc g path rect circle text "
    "tspan".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name id class href aria-label aria-labelledby aria-hidden role tabindex "
    "scope colspan open value dir viewbox d x y dx cx cy r width height transform text-anchor".split()
)


@pytest.mark.parametrize("run", [example(), hostile()], ids=["plain", "hostile"])
def test_the_page_holds_nothing_that_runs_or_loads(run: Run) -> None:
    page = Page(to_html(with_layers(run)))

    assert {tag for tag, _ in page.tags} <= KNOWN
    assert {name for _, about in page.tags for name in about} <= ATTRIBUTES
    assert all(str(target).startswith("#") for target in page.values("href"))
    assert page.values("content")[0] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert "url(" not in to_html(run)
    assert "@import" not in to_html(run)


def test_the_page_shows_hostile_words_as_words() -> None:
    words = Page(to_html(hostile())).words

    assert words.count("<script>alert(1)</script><img src=http://evil.example/a.png onerror=alert(2)>") > 20
    assert not re.search(r"[\x00\x07\x1b\x9b\u202e]", words)


def test_markdown_reads_no_mark_in_hostile_words() -> None:
    told = to_markdown(hostile())
    tokens = [
        token
        for block in MarkdownIt("commonmark").enable("table").parse(told)
        for token in (block, *(block.children or ()))
    ]

    assert {
        token.type for token in tokens if token.type.startswith(("html", "link", "image", "code"))
    } == set()
    assert "".join(token.content for token in tokens if token.type == "text").count("![x](http") > 20
    assert not re.search(r"[\x00\x07\x1b\x9b\u202e]", told)
    assert {token.markup for token in tokens if token.type == "strong_open"} == set()


# --- the page


def test_markers_lead_to_their_quotes_and_only_to_those_that_are_there() -> None:
    page = Page(to_html(with_layers(example())))
    ids = page.values("id")

    assert len(ids) == len(set(ids))
    assert {str(target).removeprefix("#") for target in page.values("href")} <= set(ids)
    assert page.values("href", "a")[-3:] == ["#case-1-note-1", "#case-1-note-2", "#case-4-note-1"]


def test_failures_are_first_and_open() -> None:
    drawn = re.findall(
        r'<details class="case" id="case-\d"( open)?><summary><span class="verdict (.*?)"', to_html(example())
    )

    assert drawn == [
        (" open", "failed"),
        (" open", "crashed"),
        ("", "not-asked"),
        ("", "passed"),
        ("", "passed"),
    ]


@pytest.mark.parametrize(
    "words", [to_markdown(example()), Page(to_html(example())).words], ids=["md", "html"]
)
def test_a_failed_case_is_told_in_full(words: str) -> None:
    told = " ".join(words.replace("\\", "").split())

    for part_told in (
        "Where did they meet?",
        "In Istanbul.",
        "Who hosted them?",
        "✓ Turkey or Türkiye",
        "✗ Norway",
        "✓ never: Oslo",
        "“Turkey and Qatar hosted them.” — talks.txt",
        "missing: Norway",
        "not verbatim",
        "facts covered .500 (missing: Norway)",
        "talks.txt, characters 31–60",
        "score 0.5",
        "ValueError: no",
        "states no facts: exact" if "Unscored (" not in told else "Unscored (states no facts): exact",
    ):
        assert part_told in told


def test_the_page_names_its_parts_for_those_who_do_not_see_it() -> None:
    page = Page(to_html(with_layers(example())))
    charts = [about for tag, about in page.tags if tag == "svg"]

    assert {about.get("scope") for tag, about in page.tags if tag == "th"} == {"col", "row", "rowgroup"}
    assert all(("aria-hidden" in about) != (about.get("role") == "img") for about in charts)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_all_of_run_json_is_in_both_reports() -> None:
    run = example()
    html, markdown = Page(to_html(run)).words, to_markdown(run).replace("\\", "")

    for name in [*RunInfo.model_fields, *run.info.settings, *run.info.index]:
        assert name.lower() in html.lower() or not getattr(run.info, name, True)
        assert name.lower() in markdown.lower() or not getattr(run.info, name, True)


def test_the_same_run_has_the_same_reports(tmp_path: Path) -> None:
    run = with_layers(example())
    save_run(run, tmp_path)
    read = replace(load_run(tmp_path), folder=None)

    assert to_html(read) == to_html(run)
    assert to_markdown(read) == to_markdown(run)


def test_a_quoted_marker_is_no_footnote() -> None:
    place, *_ = cases()
    quoted = "A note [1] and [2]."
    record = answer(place, quoted, "Plain.")

    assert [(piece.text, piece.number) for piece in pieces(record)] == [
        ("A note [1] and [2]. ", None),
        ("[1]", 1),
        (" Plain. ", None),
        ("[2]", 2),
        ("", None),
    ]


# --- the contract


def keys(value: object) -> Iterator[str]:
    """Yield every key of nested values but those that name what is measured, such as a reason or a label."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield str(key)
            if key not in {"unscored", "baselines", "labels", "prompts"}:
                yield from keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner)


@pytest.mark.parametrize(
    "model",
    [RunInfo, Record, CitationRecord, SentenceRecord, PassageRecord, SourceRecord],
    ids=lambda m: m.__name__,
)
def test_the_document_names_every_key_of_a_run(model: type[BaseModel]) -> None:
    assert set(model.model_fields) <= documented()


def test_the_document_names_every_key_of_the_summary() -> None:
    told = {**summary(), "judged": JUDGED, "labels": LABELS}

    assert set(keys(json.loads(json.dumps(told)))) <= documented()


def test_the_documents_example_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_run(example(), tmp_path)
    code = DOCUMENT.split("```python\n")[1].split("```")[0]

    exec(code.replace('"runs/2026-05-01-seeds"', repr(str(tmp_path))), {})

    assert capsys.readouterr().out.splitlines()[-2:] == [
        "quotes verbatim 0.5 0.25 0.75",
        "hosts missing: Norway",
    ]


def documented() -> set[str]:
    return set(re.findall(r"`(\w+)`", DOCUMENT))
