from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.options import engine_of
from rag import Settings, minilm
from rag.errors import EmbeddingError, FootnotedError
from rag.models import reader
from rag.models.reader import MAX_TOKENS, UNREAD, Reading, Window, load_forward, read
from rag.models.runtime import Floats, Forward, Integers
from rag.schema import Span
from tests.commands import Rag, rag_fixture  # noqa: F401  # used by name

MILL = "Dana Pruitt owns the mill. It burnt on Friday."
CLS, SEP = 101, 102


def window(*sentences: str, title: str = "") -> Window:
    """Return sentences with a space between each two."""
    spans: list[Span] = []
    for sentence in sentences:
        start = spans[-1].end + 1 if spans else 0
        spans.append(Span(start, start + len(sentence)))
    return Window(title, " ".join(sentences), tuple(spans))


def mill(title: str = "") -> Window:
    return window("Dana Pruitt owns the mill.", "It burnt on Friday.", title=title)


def tokens(text: str) -> list[int]:
    ids: list[int] = minilm.tokenizer().encode(text, add_special_tokens=False).ids
    return ids


def by_word(words: Mapping[str, tuple[float, float]], *, none: tuple[float, float] = (0, 0)) -> Forward:
    """Return a model that gives words of one token these logits of a start and an end, all others 0."""
    logits = {tokens(word)[0]: values for word, values in words.items()} | {CLS: none}

    def forward(ids: Integers, mask: Integers, segments: Integers) -> Floats:
        values = [[logits.get(int(token), (0, 0)) for token in row] for row in ids]
        return np.array(values, dtype=np.float32)

    return forward


def by_place(places: Mapping[int, tuple[float, float]]) -> Forward:
    """Return a model that gives these logits to tokens after the question, by number, all others 0."""

    def forward(ids: Integers, mask: Integers, segments: Integers) -> Floats:
        values = np.zeros((*ids.shape, 2), dtype=np.float32)
        for row, first in enumerate(segments.argmax(axis=1)):
            for place, logits in places.items():
                values[row, first + place] = logits
        return values

    return forward


def by_hash(ids: Integers, mask: Integers, segments: Integers) -> Floats:
    """Give every token of a text logits that look drawn, and the same in any batch."""
    places = np.arange(ids.shape[1])
    starts, ends = (ids * 37 + places * 11) % 101, (ids * 53 + places * 17) % 97
    return np.stack([starts, ends], axis=-1).astype(np.float32)


def told(of: Window, readings: list[Reading]) -> list[str]:
    return [of.text[reading.answer.start : reading.answer.end] for reading in readings]


# --- the best words of each sentence


def test_each_sentence_has_its_best_words_and_a_margin_over_none() -> None:
    forward = by_word({"Dana": (5, 0), "Pruitt": (0, 1), "owns": (2, 4), "Friday": (3, 2)}, none=(1, 0.5))

    assert read("Who?", [mill("The mill")], forward) == [
        [Reading(5 + 4 - 1.5, Span(0, 16)), Reading(3 + 2 - 1.5, Span(39, 45))]
    ]


def test_no_answer_goes_over_the_end_of_its_sentence() -> None:
    readings = read("What?", [mill()], by_word({"mill": (9, 0), "Friday": (0, 9)}))[0]

    assert told(mill(), readings) == ["mill", "It burnt on Friday"]
    assert [reading.margin for reading in readings] == [9, 9]


def test_no_answer_ends_before_it_starts() -> None:
    readings = read("What?", [mill()], by_word({"owns": (0, 9), "mill": (9, 0), "Friday": (9, 9)}))[0]

    assert told(mill(), readings) == ["Dana Pruitt owns", "Friday"]
    assert [reading.margin for reading in readings] == [9, 18]


def test_neither_the_title_nor_the_question_is_an_answer() -> None:
    asked = "Did the Herald tell of Tuesday?"
    forward = by_word({"Herald": (9, 9), "Tuesday": (9, 9), "Friday": (2, 2)})
    readings = read(asked, [mill("Tuesday Herald")], forward)[0]

    assert told(mill(), readings)[1] == "Friday"
    assert [reading.margin for reading in readings] == [0, 4]


def test_an_answer_has_at_most_forty_tokens() -> None:
    long = window("word " * 59 + "word")
    (longest,) = read("What?", [long], by_place({0: (9, 0), 39: (0, 1), 40: (0, 8)}))[0]
    (later,) = read("What?", [long], by_place({0: (9, 0), 1: (8, 0), 40: (0, 8)}))[0]

    assert longest == Reading(10, Span(0, 40 * 5 - 1))
    assert later == Reading(16, Span(5, 41 * 5 - 1))


@pytest.mark.parametrize("answer", ["Zola", "90,000", "Émile Zola’s “Germinal”", "😀 It sold"])
def test_the_places_of_an_answer_are_exact(answer: str) -> None:
    text = "Émile Zola’s “Germinal” — 1885. 😀 It sold 90,000."
    of = window(text, title=" Naïve   titles…")
    start = len(tokens("Naïve   titles…. " + text[: text.index(answer)]))
    end = start + len(tokens(answer)) - 1

    ((reading,),) = read("What?", [of], by_place({start: (5, 0)} | {end: (5 * (start == end), 5)}))

    assert told(of, [reading]) == [answer]


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
_WINDOWS = st.lists(st.lists(_WORDS, min_size=1, max_size=4), max_size=5)


@given(_WINDOWS, _WORDS)
def test_every_answer_lies_in_its_sentence_and_company_changes_nothing(
    drawn: list[list[str]], title: str
) -> None:
    windows = [window(*sentences, title=title) for sentences in drawn]

    found = read("Who owns the mill?", windows, by_hash)

    assert found == [read("Who owns the mill?", [of], by_hash)[0] for of in windows]
    for of, readings in zip(windows, found, strict=True):
        for sentence, reading in zip(of.sentences, readings, strict=True):
            inside = sentence.start <= reading.answer.start <= reading.answer.end <= sentence.end
            assert reading == UNREAD or inside


# --- what is read


def test_what_stands_after_the_last_token_is_unread() -> None:
    sentences = [" ".join([word] * 100) + "." for word in ("one", "two", "three")]
    of = window(*sentences)

    forward = by_word({"one": (1, 1), "two": (1, 2), "three": (9, 9), "[SEP]": (9, 9)})

    start = of.sentences[1].start
    expected = [Reading(2, Span(0, 3)), Reading(3, Span(start, start + 3)), UNREAD]
    assert read("Who owns it?", [of], forward) == [expected]


def test_a_model_reads_the_question_then_the_title_and_the_sentences() -> None:
    seen: list[tuple[Integers, Integers, Integers]] = []

    def forward(ids: Integers, mask: Integers, segments: Integers) -> Floats:
        seen.append((ids, mask, segments))
        return np.zeros((*ids.shape, 2), dtype=np.float32)

    read("Who owns it?", [mill("A mill")], forward)
    read("why " * 60, [window("word " * 200)], forward)

    asked, text = tokens("Who owns it?"), tokens(f"A mill. {MILL}")
    (ids, mask, segments), (long, _, _) = seen
    size = len(asked) + len(text) + 3
    padding = [0] * (ids.shape[1] - size)
    assert ids[0].tolist() == [CLS, *asked, SEP, *text, SEP, *padding]
    assert mask[0].tolist() == [1] * size + padding
    assert segments[0].tolist() == [0] * (len(asked) + 2) + [1] * (len(text) + 1) + padding
    assert long.shape == (1, MAX_TOKENS)
    assert long[0, [0, 49, -1]].tolist() == [CLS, SEP, SEP]


def test_no_windows_have_no_readings_and_no_sentences_none() -> None:
    def forward(ids: Integers, mask: Integers, segments: Integers) -> Floats:
        raise AssertionError("nothing is to be read")

    assert read("Who?", [], forward) == []
    assert read("Who?", [Window("A title", "Text.", ())], by_hash) == [[]]


# --- the model itself


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_the_bundled_reader_reads(backend: str) -> None:
    pytest.importorskip(backend)
    ((owner, fire),) = read("Who owns the mill?", [mill()], load_forward(backend))

    assert told(mill(), [owner]) == ["Dana Pruitt"]
    assert owner.margin > 0 > fire.margin


# --- loaded ahead


def joined(name: str) -> None:
    for thread in threading.enumerate():
        if thread.name == name:
            thread.join()


def test_a_model_that_cannot_be_loaded_ahead_is_told_by_who_needs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def fail(backend: str) -> Forward:
        asked.append(backend)
        raise EmbeddingError("no such file")

    monkeypatch.setattr(reader, "load_forward", fail)
    reader.prefetch("onnxruntime")
    joined("prefetch reader")

    assert asked == ["onnxruntime"]


def ask(rag: Rag, index: Path) -> None:
    rag("ask", "Who?", "--index", index)


def evaluate(rag: Rag, index: Path) -> None:
    with suppress(FootnotedError), engine_of([], Settings(index=index), index):
        pass


@pytest.mark.parametrize("start", [ask, evaluate])
def test_both_models_are_loaded_beside_the_rest(
    start: Callable[[Rag, Path], None], rag: Rag, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[str] = []
    monkeypatch.setattr(minilm, "prefetch", lambda backend: begun.append(f"embedder on {backend}"))
    monkeypatch.setattr(reader, "prefetch", lambda backend: begun.append(f"reader on {backend}"))

    start(rag, tmp_path / "none")
    monkeypatch.setenv("RAG_EMBEDDING", "openai:some")
    start(rag, tmp_path / "none")

    assert begun == ["embedder on auto", "reader on auto", "reader on auto"]
