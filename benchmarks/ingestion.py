"""Passages a second and peak memory of `rag ingest` against LlamaIndex's stock pipeline.

    python benchmarks/ingestion.py path/to/news [--articles 250]

Both read the same articles with the same model file and passages of at most 256 of its tokens. Stock is
SentenceSplitter, VectorStoreIndex on ChromaVectorStore, and an embedding that runs batches of 32 in the
order of the text, padded to their longest. Each side runs in a process of its own, in turn.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from sets import read_articles

MODES = ("stock", "footnoted", "footnoted on onnxruntime")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--articles", type=int, default=250)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--mode", choices=MODES)
    arguments = parser.parse_args()
    if arguments.mode:
        print(json.dumps(measure(arguments.mode, arguments.folder, arguments.articles)))
        return
    for number in range(arguments.rounds):
        results = {mode: run(mode, arguments.folder, arguments.articles) for mode in MODES}
        print(f"round {number + 1}, {arguments.articles} articles")
        for mode, result in results.items():
            ratio = result["rate"] / results["stock"]["rate"]
            print(
                f"  {mode:26} {result['passages']:6} passages {result['rate']:7.1f} a second "
                f"({ratio:4.2f} x stock), peak {result['peak_mb']:.0f} MB"
            )


def run(mode: str, folder: Path, articles: int) -> dict[str, Any]:
    command = [sys.executable, __file__, str(folder), "--articles", str(articles), "--mode", mode]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def measure(mode: str, folder: Path, count: int) -> dict[str, float]:
    articles = read_articles(folder, count)
    with tempfile.TemporaryDirectory() as scratch:
        if mode == "stock":
            passages, seconds = ingest_stock(articles, scratch)
        else:
            passages, seconds = ingest_ours(articles, scratch, mode)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"passages": passages, "rate": passages / seconds, "peak_mb": peak}


def ingest_ours(articles: Any, scratch: str, mode: str) -> tuple[int, float]:
    import chromadb  # noqa: F401  # imported before the clock starts, as on the other side

    from rag import Index, Settings, ingest_articles, minilm

    backend = "onnxruntime" if mode.endswith("onnxruntime") else "auto"
    minilm.load_forward(backend)
    index = Path(scratch) / "index"
    started = time.perf_counter()
    ingest_articles(articles, index=index, settings=Settings(embedding_backend=backend))
    seconds = time.perf_counter() - started
    with Index.open(index) as opened:
        return opened.catalogue.passage_count(), seconds


def ingest_stock(articles: Any, scratch: str) -> tuple[int, float]:
    import chromadb
    from llama_index.core import Document, StorageContext, VectorStoreIndex
    from llama_index.core.embeddings import BaseEmbedding
    from llama_index.core.node_parser import SentenceSplitter
    from llama_index.vector_stores.chroma import ChromaVectorStore

    from rag import minilm

    forward = minilm.load_forward("onnxruntime")
    tokenizer = minilm.tokenizer()

    class Plain(BaseEmbedding):
        """The model as one would wire it first: batches in order, padded to their longest."""

        def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
            token_ids = [encoding.ids[:256] for encoding in tokenizer.encode_batch(texts)]
            width = max(len(ids) for ids in token_ids)
            padded = np.array([ids + [0] * (width - len(ids)) for ids in token_ids])
            mask = np.array([[1] * len(ids) + [0] * (width - len(ids)) for ids in token_ids])
            weights = mask[..., None].astype(np.float32)
            mean = (forward(padded, mask, np.zeros_like(padded)) * weights).sum(axis=1) / weights.sum(axis=1)
            unit: list[list[float]] = (mean / np.linalg.norm(mean, axis=1, keepdims=True)).tolist()
            return unit

        def _get_text_embedding(self, text: str) -> list[float]:
            return self._get_text_embeddings([text])[0]

        def _get_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

        async def _aget_query_embedding(self, query: str) -> list[float]:
            return self._get_text_embedding(query)

    collection = chromadb.PersistentClient(str(Path(scratch) / "chroma")).create_collection(
        "stock", embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
    )
    store = ChromaVectorStore(chroma_collection=collection)
    splitter = SentenceSplitter(
        chunk_size=254, chunk_overlap=0, tokenizer=lambda text: tokenizer.encode(text).ids[1:-1]
    )
    documents = [Document(text=article.text, metadata={"title": article.title}) for article in articles]
    for document in documents:
        document.excluded_embed_metadata_keys = ["title"]
    started = time.perf_counter()
    VectorStoreIndex.from_documents(
        documents,
        transformations=[splitter],
        storage_context=StorageContext.from_defaults(vector_store=store),
        embed_model=Plain(embed_batch_size=32),
    )
    return collection.count(), time.perf_counter() - started


if __name__ == "__main__":
    main()
