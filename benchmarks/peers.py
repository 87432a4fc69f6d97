"""Measure LlamaIndex's stock query engine beside ours: same articles, same cases, same embedding model.

    python benchmarks/peers.py path/to/squad2 --index folder [--limit 50] [--top-k 2] [--sentences 1]

Stock is SentenceSplitter(1024, 200), Chroma in memory, VectorStoreIndex and CitationQueryEngine, all with
their defaults. The model that RAG_LLM names answers on both sides. Without one ours quotes, and the stock
engine is given a model that quotes the sentences of its prompt that share most words with the question.
Two nodes are LlamaIndex's default; `--top-k 4 --sentences 3` gives it as much to say as quoting has.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

import chromadb
from chromadb.config import Settings as ChromaSettings
from llama_index.core import Document, StorageContext, VectorStoreIndex
from llama_index.core.base.llms.types import CompletionResponse, LLMMetadata
from llama_index.core.llms import LLM, CustomLLM
from llama_index.core.node_parser import SentenceSplitter
from llama_index.core.query_engine import CitationQueryEngine
from llama_index.vector_stores.chroma import ChromaVectorStore
from public import chosen_cases, parser_for
from sets import build_index

from evals import Corpus, compare, run
from evals.running import new_folder
from rag import Article, QueryEngine, Settings
from rag.console import progress_bar
from rag.embedding import load_embedding
from rag.lexical import STOP_WORDS
from rag.llm import load_llm
from rag.sentences import sentence_spans

NOTHING = "The sources do not answer the question."


def main() -> None:
    parser = parser_for(__doc__)
    parser.add_argument("--top-k", type=int, default=2, help="nodes that the stock engine retrieves")
    parser.add_argument("--sentences", type=int, default=1, help="that the quoting model gives")
    arguments = parser.parse_args()
    chosen, cases = chosen_cases(arguments)
    settings = build_index(arguments.folder, arguments.index)
    name = arguments.name or chosen.name
    llm = load_llm(settings) or QuotingModel(sentences=arguments.sentences)
    stock = stock_engine(chosen.articles, settings, llm, top_k=arguments.top_k)
    articles = Corpus.from_articles(chosen.articles)
    folders = [new_folder(arguments.runs, f"{name}-{side}") for side in ("llamaindex", "footnoted")]
    with progress_bar(quiet=False) as bar:
        theirs = run(
            cases, stock, name=f"{name} llamaindex", folder=folders[0], corpus=articles, progress=bar
        )
    with QueryEngine.open(settings=settings) as engine, progress_bar(quiet=False) as bar:
        ours = run(cases, engine, name=f"{name} footnoted", folder=folders[1], progress=bar)
    print("A is LlamaIndex's stock engine, B is Footnoted's.")
    print(compare(theirs, ours))
    print("Run folders:", *folders, sep="\n  ")


def stock_engine(
    articles: Sequence[Article], settings: Settings, llm: LLM, *, top_k: int
) -> CitationQueryEngine:
    """Return LlamaIndex's engine over articles; its nodes name theirs by `uri`, unseen by both models."""
    documents = [
        Document(
            text=article.text,
            id_=article.uri,
            metadata={"uri": article.uri},
            excluded_embed_metadata_keys=["uri"],
            excluded_llm_metadata_keys=["uri"],
        )
        for article in articles
    ]
    client = chromadb.EphemeralClient(ChromaSettings(anonymized_telemetry=False))
    store = ChromaVectorStore(client.create_collection("stock", embedding_function=None))
    index = VectorStoreIndex.from_documents(
        documents,
        transformations=[SentenceSplitter(chunk_size=1024, chunk_overlap=200)],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=load_embedding(settings),
    )
    return CitationQueryEngine.from_args(index, llm=llm, similarity_top_k=top_k)


# --- a model that quotes


class Prompted(NamedTuple):
    """What a prompt of CitationQueryEngine holds."""

    question: str
    sources: dict[int, str]
    """Number -> text."""


class QuotingModel(CustomLLM):
    """Answers CitationQueryEngine's prompt with its sentences that share most words with the question."""

    sentences: int = 1

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex serialises the model."""
        return "QuotingModel"

    @property
    def metadata(self) -> LLMMetadata:
        """A window that holds all sources, so that the engine asks once."""
        return LLMMetadata(context_window=65_536, num_output=1_024, model_name="quoting")

    def complete(self, prompt: str, formatted: bool = False, **_: Any) -> CompletionResponse:  # noqa: ARG002, FBT001, FBT002  # LLM's
        """Answer at once."""
        return CompletionResponse(text=quoted(read_prompt(prompt), self.sentences))

    def stream_complete(
        self,
        prompt: str,
        formatted: bool = False,  # noqa: FBT001, FBT002  # LLM's
        **_: Any,
    ) -> Generator[CompletionResponse]:
        """Answer in one piece."""
        answer = self.complete(prompt, formatted)
        yield CompletionResponse(text=answer.text, delta=answer.text)


def read_prompt(prompt: str) -> Prompted:
    """Take a prompt apart; its example has sources too, which stand before the first rule."""
    rule = "\n------\n"
    listed, _, asked = prompt.partition(rule)[2].rpartition(f"{rule}Query: ")
    parts = re.split(r"^Source (\d+):\n", listed, flags=re.MULTILINE)
    sources = {int(number): text for number, text in zip(parts[1::2], parts[2::2], strict=True)}
    return Prompted(asked.removesuffix("Answer: ").strip(), sources)


def quoted(asked: Prompted, count: int) -> str:
    """Return the sentences that share most words with the question, best first, each with its source."""
    wanted = telling_words(asked.question)
    best = sorted(
        (-len(wanted & telling_words(sentence)), len(sentence), number, sentence)
        for number, text in asked.sources.items()
        for sentence in (text[span.start : span.end] for span in sentence_spans(text))
    )
    chosen: dict[str, int] = {}
    for shared, _, number, sentence in best:
        if shared and len(chosen) < count:
            chosen.setdefault(sentence, number)  # sources overlap
    return " ".join(f"{without_markers(words)} [{number}]" for words, number in chosen.items()) or NOTHING


def telling_words(text: str) -> set[str]:
    """Return the words of a text that say something."""
    return set(re.findall(r"\w+", text.lower())) - STOP_WORDS


def without_markers(sentence: str) -> str:
    """Return a sentence on one line, without what would be read as a footnote."""
    return " ".join(re.sub(r"\[\s*\d+\s*\]", "", sentence).split())


if __name__ == "__main__":
    main()
