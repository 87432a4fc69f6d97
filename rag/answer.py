"""The Answer: a LlamaIndex Response that knows its sentences, its footnotes and whether they hold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from llama_index.core.base.response.schema import Response, StreamingResponse
from llama_index.core.schema import NodeWithScore

from . import export
from .answering import DECLINE
from .citations import bare
from .errors import LLMError
from .schema import AnswerPart, AnswerSentence, Citation, Conflict, Judged, Status, Support

_SUPPORT: dict[Support | None, str] = {
    "full": "supported",
    "partial": "supported in part",
    "none": "not supported",
    "contradicts": "contradicted",
    None: "without a verdict",
}
CLOSEST = 3
"""Passages that a page shows when there is no answer."""


@dataclass
class Answer(Response):
    """What the engine returns; `str(answer)` is the text with `[1] [2]`.

    `source_nodes` are all passages that the answerer was given, best first; `metadata` holds theirs by
    node id.
    """

    question: str = ""
    searched: str | None = None
    """The question that a follow-up was searched as; None when it was searched as it was asked."""
    status: Status = "abstained"
    reason: str | None = None
    """Why the answer is not whole, in plain words; None when it is."""
    notice: str | None = None
    """One line about how the answer came about, such as a model that failed."""
    sentences: list[AnswerSentence] = field(default_factory=list)
    citations: list[Citation] = field(default_factory=list)
    parts: list[AnswerPart] = field(default_factory=list)
    """The parts of a question that has several, in its order; empty for other questions."""
    conflicts: list[Conflict] = field(default_factory=list)
    """Pairs of footnotes that tell the same thing differently."""
    model: str = "quoting"
    seconds: dict[str, float] = field(default_factory=dict)
    """Time per stage, in seconds."""
    confidence: float | None = None
    """How likely it is, 0 to 1, that the articles hold an answer; None when nothing was looked at."""
    unknown_markers: int = 0
    """Markers that named no source; they were removed."""
    dropped: list[str] = field(default_factory=list)
    """Sentences that failed the checks and were left out (`RAG_UNSUPPORTED=drop`)."""
    repaired: int = 0
    """Sentences that failed and were mended by the model (`RAG_REPAIR=1`)."""
    judged: Judged | None = None
    """Who judged the sentences, and how well that one judges; None when nobody did (`RAG_JUDGE`)."""
    raw: str | None = None
    """The model's reply as it came, its reasoning included; a repair follows after a blank line."""
    prompt: str | None = None
    """What the model was sent: its messages, a blank line between them; None without a model."""

    def __str__(self) -> str:
        return f"{self.notice}\n\n{self.text}" if self.notice else self.text

    @property
    def text(self) -> str:
        """The text of the answer, with its markers."""
        return self.response or ""

    @property
    def cited_nodes(self) -> list[NodeWithScore]:
        """The source nodes that a footnote points into, in the order of the footnotes."""
        nodes = {node.node.node_id: node for node in self.source_nodes}
        cited = dict.fromkeys(citation.passage_id for citation in self.citations)
        return [nodes[id_] for id_ in cited if id_ in nodes]

    @property
    def unsupported(self) -> list[AnswerSentence]:
        """The sentences that have no footnote, or whose footnotes do not hold what they state.

        The sentence by which a model declines needs none.
        """
        return [s for s in self.sentences if not s.sound and bare(s.text) != bare(DECLINE)]

    @property
    def judgements(self) -> list[str]:
        """What the judge says, in lines to show; empty when nobody judged."""
        if self.judged is None:
            return []
        cited = [(n, s) for n, s in enumerate(self.sentences, start=1) if s.citations]
        said = ", ".join(f"sentence {n} {_SUPPORT[s.supported]}" for n, s in cited)
        lines = [f"Judged by {self.judged.model}, a model: {said or 'nothing to judge'}.", self.judged.trust]
        return [*lines, *([self.judged.notice] if self.judged.notice else [])]

    def to_markdown(self) -> str:
        """Return the answer as Markdown with footnotes; text of articles cannot act as markup in it.

        Above it stand the notice and the reason, if there are any.
        """
        told = export.Told(self.sentences, self.citations, self.conflicts, self.parts)
        body = export.markdown(self.text, told)
        judged = "\n\n".join(f"*{export.escape_markdown(line)}*" for line in self.judgements)
        above = [f"*{export.escape_markdown(line)}*" for line in (self.notice, self.reason) if line]
        return "\n\n".join([*above, body, *([judged] if judged else [])])

    def to_html(self) -> str:
        """Return the answer as one HTML page that needs nothing else; see `rag.export`."""
        contents = export.Contents(
            question=self.question,
            status=self.status,
            reason=self.reason,
            notice=self.notice,
            text=self.text,
            sentences=self.sentences,
            unsupported=self.unsupported,
            citations=self.citations,
            closest=[_excerpt(node) for node in self.source_nodes[:CLOSEST]],
            model=self.model,
            conflicts=self.conflicts,
            parts=self.parts,
            judgements=self.judgements,
        )
        return export.html(contents)

    def to_dict(self) -> dict[str, object]:
        """Return the answer as JSON-ready values."""
        return {
            "question": self.question,
            "searched": self.searched,
            "status": self.status,
            "reason": self.reason,
            "notice": self.notice,
            "text": self.text,
            "sentences": [sentence.to_dict() for sentence in self.sentences],
            "citations": [citation.to_dict() for citation in self.citations],
            "parts": [part.to_dict() for part in self.parts],
            "conflicts": [conflict.to_dict() for conflict in self.conflicts],
            "sources": [source_dict(node) for node in self.source_nodes],
            "model": self.model,
            "confidence": self.confidence,
            "unknown_markers": self.unknown_markers,
            "dropped": list(self.dropped),
            "repaired": self.repaired,
            **({"judged": self.judged._asdict()} if self.judged else {}),
            "raw": self.raw,
            "seconds": {stage: round(value, 4) for stage, value in self.seconds.items()},
        }


def _excerpt(node: NodeWithScore) -> export.Excerpt:
    text, about = node.node.get_content(), node.node.metadata
    start = getattr(node.node, "start_char_idx", None) or 0
    return export.Excerpt(
        title=str(about.get("title") or ""),
        source=about.get("source"),
        date=about.get("date"),
        uri=str(about.get("uri") or ""),
        start=start,
        end=getattr(node.node, "end_char_idx", None) or start + len(text),
        text=text,
    )


def source_dict(node: NodeWithScore) -> dict[str, object]:
    """Return a retrieved passage as JSON-ready values."""
    about = node.node.metadata
    return {
        "passage_id": node.node.node_id,
        "article_id": about.get("article_id"),
        "title": about.get("title"),
        "uri": about.get("uri"),
        "source": about.get("source"),
        "date": about.get("date"),
        "start": getattr(node.node, "start_char_idx", None),
        "end": getattr(node.node, "end_char_idx", None),
        "score": node.score,
        "dense": about.get("dense"),
        "lexical": about.get("lexical"),
        "text": node.node.get_content(),
    }


class StreamingAnswer(StreamingResponse):
    """An answer on its way: `response_gen` yields its text piece by piece, `get_response` the Answer.

    `source_nodes` are there from the start.
    """

    searched: str | None = None
    """The question that a follow-up is searched as, from the start; see `Answer.searched`."""

    def __init__(self, pieces: Iterator[str], nodes: list[NodeWithScore], box: list[Answer]) -> None:
        """Take the pieces, and the box into which their generator puts the Answer at its end."""
        super().__init__(response_gen=pieces, source_nodes=nodes)  # type: ignore[arg-type]  # a TokenGen is any iterator in use
        self._box = box

    def __iter__(self) -> Iterator[str]:
        return iter(self.response_gen)

    def get_response(self) -> Answer:
        """Return the whole answer, waiting for what has not been read yet.

        Raises LLMError when reading it was broken off before.
        """
        for _ in self.response_gen:
            pass
        if not self._box:
            raise LLMError("The answer was broken off before its end; ask again.")
        return self._box[0]

    @property
    def answer(self) -> Answer:
        """The whole answer; see `get_response`."""
        return self.get_response()
