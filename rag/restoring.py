"""The JSON of an answer -> the Answer it was made from, to be shown again exactly as it was."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llama_index.core.schema import NodeWithScore, TextNode

from .answer import Answer
from .errors import UsageError
from .saved import check_answer
from .schema import AnswerPart, AnswerSentence, Article, Citation, Conflict, Judged, Span, Verdict

Values = Mapping[str, Any]
_AS_THEY_ARE = (
    "question", "searched", "status", "reason", "notice", "model", "confidence", "unknown_markers", "dropped",
    "repaired", "raw", "seconds",
)  # fmt: skip


def restored(values: Values, texts: Mapping[str, str]) -> Answer:
    """Return the answer of which `to_dict()` gave these values: its own gives them again.

    `texts` holds the cited articles as they were, by their hash. What is not among the values, such as the
    prompt, is not restored. Raises UsageError when anything is damaged or missing.
    """
    check_answer(values)
    try:
        return _answer(values, texts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"The answer cannot be shown again: {type(error).__name__}, {error}.") from None


def _answer(values: Values, texts: Mapping[str, str]) -> Answer:
    citations = [_citation(each, texts) for each in values["citations"]]
    numbered = {citation.number: citation for citation in citations}
    nodes = [_node(each) for each in values["sources"]]
    return Answer(
        response=values["text"],
        source_nodes=nodes,
        metadata={node.node.node_id: node.node.metadata for node in nodes},
        sentences=[_sentence(each) for each in values["sentences"]],
        citations=citations,
        parts=[_part(each) for each in values["parts"]],
        conflicts=[_conflict(each, numbered) for each in values["conflicts"]],
        judged=Judged(**values["judged"]) if values.get("judged") else None,
        **{name: values[name] for name in _AS_THEY_ARE},
    )


def _citation(each: Values, texts: Mapping[str, str]) -> Citation:
    about = {name: each[name] for name in ("uri", "title", "source", "date")}
    verdict = each["verdict"]
    return Citation(
        article=Article(text=texts[each["text_hash"]], **about),
        verdict=Verdict(verdict["located"], verdict["consistent"], tuple(verdict["missing"])),
        passage_id=each["passage_id"],
        **{name: each[name] for name in ("number", "start", "end", "quote", "answer_start", "answer_end")},
        origin=each["origin"],
        answer=Span(*each["answer"]) if each.get("answer") else None,
    )


def _sentence(each: Values) -> AnswerSentence:
    """Return a sentence; which of its two checks failed is told by whether anything is missing."""
    sound, missing = each["sound"], tuple(each["missing"])
    return AnswerSentence(
        text=each["text"],
        start=each["start"],
        end=each["end"],
        citations=tuple(each["citations"]),
        verdict=Verdict(located=sound or bool(missing), consistent=sound or not missing, missing=missing),
        origin=each["origin"] or "answerer",
        lead_in=each.get("lead_in", ""),
        supported=each.get("supported"),
    )


def _part(each: Values) -> AnswerPart:
    return AnswerPart(each["text"], each["asks"], tuple(each["sentences"]))


def _conflict(each: Values, numbered: Mapping[int, Citation]) -> Conflict:
    first, second = each["citations"]
    said, replied = each["says"]
    return Conflict(each["about"], each["kind"], numbered[first], numbered[second], (said, replied))


def _node(each: Values) -> NodeWithScore:
    about = ("article_id", "title", "uri", "source", "date", "dense", "lexical")
    node = TextNode(
        id_=each["passage_id"],
        text=each["text"],
        start_char_idx=each["start"],
        end_char_idx=each["end"],
        metadata={name: each[name] for name in about if each.get(name) is not None},
    )
    return NodeWithScore(node=node, score=each["score"])
