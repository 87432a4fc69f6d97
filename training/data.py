"""Sets of questions -> rows: a text, and which words of it answer a question, if any do.

The folder of data holds what `README.md` names; sets that are missing are left out. Our own news stories
(`training/news`) are always there.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import math
import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

NEWS = Path(__file__).parent / "news"
DEVELOPMENT_SHARE = 8
"""One story in so many is kept out of the training."""
FAR = ("reddit", "amazon")
"""Sets of which less is used: they are far from news."""
STOP_WORDS = frozenset(
    "the a an of in on at to for and or is are was were did do does what which who whom when where how why "
    "that this it its by with from as be been has have had he she they his her their".split()
)


@dataclass(frozen=True)
class Row:
    """A question over a text; `spans` are the words that answer (start, end), empty for none."""

    question: str
    title: str
    text: str
    spans: tuple[tuple[int, int], ...]
    source: str
    kind: str = ""
    whole_sentence: bool = False
    """The spans are sentences in which the words that answer stand somewhere."""


def words(text: str) -> list[str]:
    """Return the lower-cased words."""
    return re.findall(r"[a-z0-9]+", text.lower())


def squad_rows(path: Path) -> Iterator[Row]:
    """Read paragraphs with questions and answers [text, start], as SQuAD has them."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for paragraph in map(json.loads, lines):
            for asked in paragraph["questions"]:
                spans = tuple({(start, start + len(text)) for text, start in asked["answers"] if text})
                title = paragraph["title"].replace("_", " ")
                yield Row(asked["question"].strip(), title, paragraph["context"], spans, path.name[:10])


def selqa_rows(path: Path) -> Iterator[Row]:
    """Read sections of which whole sentences answer."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for asked in json.load(file):
            text, spans = "", []
            for number, sentence in enumerate(asked["candidates"]):
                if number in asked["answers"]:
                    spans.append((len(text), len(text) + len(sentence)))
                text += sentence + " "
            title = f"{asked['article']}, {asked['section']}"
            yield Row(asked["question"], title, text, tuple(spans), "selqa", whole_sentence=True)


def qamr_rows(folder: Path, name: str) -> Iterator[Row]:
    """Read questions over single sentences of Wikinews and Wikipedia (QAMR); other sentences stand beside."""
    sentences = {}
    with (folder / "wiki-sentences.tsv").open(encoding="utf-8") as lines:
        for line in lines:
            key, _, tokens = line.rstrip("\n").partition("\t")
            sentences[key] = _untokenized(tokens.split(" "))
    keys = sorted(sentences)
    with (folder / f"{name}.tsv").open(encoding="utf-8") as lines:
        for fields in csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
            key, question, found = fields[0], fields[5], fields[6:]
            places = [
                [int(n) for n in f.rpartition(":")[2].split()] for f in found if f.rpartition(":")[2].strip()
            ]
            whole = [p for p in places if p == list(range(p[0], p[0] + len(p)))]
            if key not in sentences or not whole:
                continue
            sentence, offsets = sentences[key]
            rng = random.Random(question)
            before, after = (
                " ".join(sentences[rng.choice(keys)][0] for _ in range(rng.randrange(2))) for _ in range(2)
            )
            lead = len(before) + 1 if before else 0
            text = f"{before} {sentence} {after}".strip()
            spans = tuple({(lead + offsets[p[0]][0], lead + offsets[p[-1]][1]) for p in whole})
            yield Row(question, "", text, spans, "qamr")


_BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "``": "“", "''": "”"}


def _untokenized(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Return the text that treebank tokens came from, about, and where each stands in it."""
    text, offsets, glue = "", [], True
    for raw in tokens:
        token = _BRACKETS.get(raw, raw)
        close = re.fullmatch(r"[.,;:!?%)\]”]|n't|'\w*|’\w*", token)
        text += "" if glue or close else " "
        offsets.append((len(text), len(text) + len(token)))
        text += token
        glue = token in {"(", "[", "“", "$", "£", "€"}
    return text, offsets


def stories(folder: Path = NEWS) -> Iterator[tuple[str, str, list[str]]]:
    """Yield title, text and question lines of our own news stories."""
    for path in sorted(folder.glob("*.txt")):
        for block in re.split(r"^===\s*$", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            if block.strip():
                head, _, asked = block.partition("\nQ:\n")
                head, _, text = head.partition("\nTEXT:\n")
                title = head.partition("TITLE: ")[2].split("\n")[0].strip()
                yield title, text.strip(), [line for line in asked.split("\n") if line.strip()]


def is_development(title: str) -> bool:
    """Tell whether a story is kept out of the training."""
    return int(hashlib.sha256(title.encode()).hexdigest(), 16) % DEVELOPMENT_SHARE == 0


def news_rows(folder: Path = NEWS) -> Iterator[Row]:
    """Read our own news stories: lines `kind | question | answer`, as `training/README.md` says."""
    for title, text, lines in stories(folder):
        for line in lines:
            kind, question, *answer = (part.strip() for part in line.split("|", 2))
            spans = () if kind == "n" else _answer_spans(text, answer[0])
            yield Row(question, title, text, spans, "news", kind)


def _answer_spans(text: str, answer: str) -> tuple[tuple[int, int], ...]:
    spans = []
    for alternative in answer.split("||"):
        told, _, around = (part.strip() for part in alternative.partition("##"))
        start = text.index(around) + around.index(told) if around else _word_start(text, told)
        spans.append((start, start + len(told)))
    return tuple(spans)


def _word_start(text: str, told: str) -> int:
    found = re.search(rf"(?<!\w){re.escape(told)}(?!\w)", text)
    if found is None:
        raise ValueError(f"not in the story: {told!r}")
    return found.start()


def over_other_texts(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Ask each question over another text of its set that shares its rarest words and lacks its answer."""
    texts = list(dict.fromkeys(row.text for row in rows))
    bags = [set(words(text)) - STOP_WORDS for text in texts]
    frequency = Counter(word for bag in bags for word in bag)
    places: dict[str, list[int]] = defaultdict(list)
    for n, bag in enumerate(bags):
        for word in bag:
            if frequency[word] < 300:
                places[word].append(n)
    numbers = {text: n for n, text in enumerate(texts)}
    titles = {row.text: row.title for row in rows}
    for row in rows:
        score: dict[int, float] = defaultdict(float)
        for word in set(words(row.question)) - STOP_WORDS:
            for n in places.get(word, ()):
                score[n] += math.log(len(texts) / frequency[word])
        score.pop(numbers[row.text], None)
        nearest = sorted(score, key=lambda n: -score[n])[:5]
        told = {row.text[a:b].lower() for a, b in row.spans}
        close = [n for n in nearest if not any(t in texts[n].lower() for t in told)]
        other = texts[rng.choice(close) if close else rng.randrange(len(texts))]
        yield replace(row, title=titles[other], text=other, spans=(), kind="other")


_NAME = re.compile(r"(?<=\w )(?:[A-Z][a-z]+(?: [A-Z][a-z]+)*)")


def with_other_names(rows: Sequence[Row], rng: random.Random) -> Iterator[Row]:
    """Ask each question that names somebody of another name of its set: the text answers no more."""
    names = sorted({m.group() for row in rows for m in _NAME.finditer(row.question)})
    for row in rows:
        found = [m for m in _NAME.finditer(row.question) if m.group() in row.text]
        if row.spans and found:
            m, other = rng.choice(found), rng.choice(names)
            if other.lower() not in row.text.lower() and len(other.split()) == len(m.group().split()):
                question = row.question[: m.start()] + other + row.question[m.end() :]
                yield replace(row, question=question, spans=(), kind="named")


def loosely_typed(question: str, rng: random.Random) -> str:
    """Return a question as it might be typed: lower case, as keywords, with a typing error, or as it is."""
    draw = rng.random()
    if draw < 0.10:
        question = question.lower().rstrip("?")
    elif draw < 0.14:
        kept = [w for w in question.rstrip("?").split() if w.lower() not in STOP_WORDS or rng.random() < 0.1]
        question = " ".join(kept).lower() if len(kept) > 2 else question
    if rng.random() < 0.06:
        question = _mistyped(question, rng)
    return question


def _mistyped(question: str, rng: random.Random) -> str:
    parts = question.split(" ")
    long = [n for n, part in enumerate(parts) if len(part) > 4]
    if long:
        n = rng.choice(long)
        part, at = parts[n], rng.randrange(1, len(parts[n]) - 1)
        parts[n] = rng.choice(
            (
                part[:at] + part[at + 1 :],
                part[:at] + part[at] + part[at:],
                part[: at - 1] + part[at] + part[at - 1] + part[at + 1 :],
            )
        )
    return " ".join(parts)


def public_rows(folder: Path, rng: random.Random) -> list[Row]:
    """Return all rows of the public sets in a folder, with negatives of our making."""
    rows: list[Row] = []
    for path in sorted(folder.glob("squad*.jsonl.gz")):
        found = list(squad_rows(path))
        if any(name in path.name for name in FAR):
            found = rng.sample(found, len(found) * 2 // 5)
        rows += found
        answered = [row for row in found if row.spans]
        rows += rng.sample(list(over_other_texts(answered, rng)), len(answered) // 2)
        renamed = list(with_other_names(answered, rng))
        rows += rng.sample(renamed, len(renamed) // 3)
    for path in sorted(folder.glob("selqa*.json.gz")):
        rows += selqa_rows(path)
    if (folder / "qamr").is_dir():
        found = [row for name in ("dev", "test") for row in qamr_rows(folder / "qamr", name)]
        found = rng.sample(found, len(found) // 3)
        rows += found
        renamed = list(with_other_names(found, rng))
        rows += rng.sample(renamed, len(renamed) // 3)
    return rows


def news_training_rows(rng: random.Random) -> list[Row]:
    """Return the rows of our stories that are trained on, with negatives: other stories, other names."""
    rows = [row for row in news_rows() if not is_development(row.title)]
    answered = [row for row in rows if row.spans]
    others = list(over_other_texts(answered, rng))
    renamed = list(with_other_names(answered, rng))
    return rows + rng.sample(others, len(others) // 6) + rng.sample(renamed, len(renamed) // 3)
