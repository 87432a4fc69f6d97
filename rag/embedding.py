"""Embedding models behind LlamaIndex's BaseEmbedding: the bundled MiniLM, OpenAI, compatible servers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from typing import Any

from llama_index.core.base.embeddings.base import BaseEmbedding
from pydantic import PrivateAttr, SecretStr

from . import minilm
from .errors import EmbeddingError
from .settings import Settings

_REMOTE_BATCH = 256
"""Texts in one request to a server; OpenAI allows 2,048."""


def load_embedding(settings: Settings) -> BaseEmbedding:
    """Return the embedding model that the settings name; nothing is loaded or asked yet."""
    if settings.embedding == "minilm":
        return MiniLM(backend=settings.embedding_backend)
    return OpenAICompatibleEmbedding(
        model_name=settings.embedding.removeprefix("openai:"),
        base_url=settings.embedding_base_url,
        api_key=settings.openai_api_key,
        timeout=settings.llm_timeout,
    )


class Embedding(BaseEmbedding):
    """What all models share: queries are embedded as texts are, and async runs in a thread."""

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_query_embedding(self, query: str) -> list[float]:
        return self._get_text_embedding(query)

    async def _aget_query_embedding(self, query: str) -> list[float]:
        return await asyncio.to_thread(self._get_query_embedding, query)

    async def _aget_text_embedding(self, text: str) -> list[float]:
        return await asyncio.to_thread(self._get_text_embedding, text)


class MiniLM(Embedding):
    """The bundled all-MiniLM-L6-v2: 384 dimensions, unit length, at most 256 tokens read."""

    backend: str = "auto"
    model_name: str = minilm.NAME
    embed_batch_size: int = 1024

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex serialises the model."""
        return "FootnotedMiniLM"

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors = minilm.embed(texts, minilm.load_forward(self.backend))
        return vectors.tolist()  # type: ignore[no-any-return]  # numpy types tolist() as Any


class OpenAICompatibleEmbedding(Embedding):
    """Embeddings of an OpenAI-compatible server, each reply checked for count, order, size and NaN.

    Raises EmbeddingError when the server cannot be reached or its reply fails the check.
    """

    base_url: str | None = None
    api_key: SecretStr | None = None
    timeout: float = 60.0
    """Seconds."""
    embed_batch_size: int = _REMOTE_BATCH
    _client: Any = PrivateAttr(default=None)

    @classmethod
    def class_name(cls) -> str:
        """Name under which LlamaIndex serialises the model."""
        return "FootnotedOpenAICompatibleEmbedding"

    def close(self) -> None:
        """Close the connections to the server; the next text opens new ones."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = []
        for start in range(0, len(texts), _REMOTE_BATCH):
            vectors += self._request(texts[start : start + _REMOTE_BATCH])
        if len({len(vector) for vector in vectors}) > 1:
            raise EmbeddingError("The embedding server sent vectors of different sizes.")
        return vectors

    def _request(self, texts: list[str]) -> list[list[float]]:
        import httpx
        import openai  # 0.6 s that the bundled model does not need

        try:
            reply = self._connected().embeddings.create(
                model=self.model_name, input=texts, encoding_format="float"
            )
            rows = [(row.index, row.embedding) for row in reply.data]
        except (openai.OpenAIError, httpx.HTTPError, ValueError, TypeError, AttributeError) as error:
            raise EmbeddingError(
                f"The embedding server gave no usable reply ({type(error).__name__}); check "
                "RAG_EMBEDDING, RAG_EMBEDDING_BASE_URL and OPENAI_API_KEY."
            ) from error
        return _in_order(rows, len(texts))

    def _connected(self) -> Any:
        """Return the client, made at its first use."""
        import openai  # see _request

        key = self.api_key.get_secret_value() if self.api_key else None
        if not key and not self.base_url:
            raise EmbeddingError("OpenAI embeddings need a key: set OPENAI_API_KEY, or RAG_EMBEDDING=minilm.")
        if self._client is None:
            self._client = openai.OpenAI(
                api_key=key or "not-needed",
                base_url=self.base_url or "https://api.openai.com/v1",
                timeout=self.timeout,
                max_retries=2,
            )
        return self._client


def _in_order(rows: Sequence[tuple[object, object]], wanted: int) -> list[list[float]]:
    """Put the vectors in the order of the texts; refuse a reply that is short or not numbers."""
    vectors = dict(rows)
    if len(rows) != wanted or set(vectors) != set(range(wanted)):
        raise EmbeddingError(
            f"The embedding server sent {len(rows)} vectors for {wanted} texts, or did not number them."
        )
    return [_numbers(vectors[n]) for n in range(wanted)]


def _numbers(vector: object) -> list[float]:
    if not isinstance(vector, list) or not vector:
        raise EmbeddingError("The embedding server sent an empty vector, or none.")
    if not all(isinstance(value, (int, float)) and math.isfinite(value) for value in vector):
        raise EmbeddingError("The embedding server sent values that are not finite numbers.")
    return vector
