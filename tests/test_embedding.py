from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from rag.embedding import MiniLM, OpenAICompatibleEmbedding, load_embedding
from rag.engine import QueryEngine
from rag.errors import EmbeddingError
from rag.ingestion import ingest
from rag.settings import Settings
from tests.conftest import SEEDS
from tests.openai_server import (
    Behaviour,
    Json,
    OpenAIServer,
    drop_connection,
    embeddings,
    error,
    raw,
    stall,
    vector,
)

KEY = "sk-very-secret"
TEXTS = ["one", "two words", "three words here"]


@pytest.fixture(scope="module")
def server() -> Iterator[OpenAIServer]:
    with OpenAIServer() as running:
        yield running


@pytest.fixture
def settings(server: OpenAIServer) -> Settings:
    return Settings(
        embedding="openai:test-embedding",
        embedding_base_url=server.url,
        llm_timeout=0.3,
        openai_api_key=SecretStr(KEY),
    )


@pytest.fixture
def model(settings: Settings) -> Iterator[OpenAICompatibleEmbedding]:
    loaded = load_embedding(settings)
    assert isinstance(loaded, OpenAICompatibleEmbedding)
    yield loaded
    loaded.close()


def change_first(value: object) -> Behaviour:
    def change(rows: list[Json]) -> list[Json]:
        return [rows[0] | {"embedding": value}, *rows[1:]]

    return embeddings(change)


def test_vectors_come_in_the_order_of_the_texts(
    server: OpenAIServer, model: OpenAICompatibleEmbedding
) -> None:
    server.will(embeddings())
    assert model.get_text_embedding_batch(TEXTS) == [vector(text) for text in TEXTS]
    assert server.history[0].body == {
        "model": "test-embedding", "input": TEXTS, "encoding_format": "float"
    }  # fmt: skip
    assert server.history[0].key == KEY
    assert model.get_query_embedding("two words") == vector("two words")
    assert asyncio.run(model.aget_query_embedding("one")) == vector("one")
    assert asyncio.run(model.aget_text_embedding("one")) == vector("one")


def test_a_reply_out_of_order_is_put_in_order(server: OpenAIServer, model: OpenAICompatibleEmbedding) -> None:
    server.will(embeddings(lambda rows: rows[::-1]))
    assert model.get_text_embedding_batch(TEXTS) == [vector(text) for text in TEXTS]


def test_many_texts_go_in_several_requests(server: OpenAIServer, model: OpenAICompatibleEmbedding) -> None:
    server.will(embeddings())
    assert len(model._get_text_embeddings(["text"] * 600)) == 600
    assert [len(request.body["input"]) for request in server.history] == [256, 256, 88]


def test_sizes_may_not_change_between_requests(
    server: OpenAIServer, model: OpenAICompatibleEmbedding
) -> None:
    server.will(embeddings(), embeddings(lambda rows: [row | {"embedding": [1.0]} for row in rows]))
    with pytest.raises(EmbeddingError, match="different sizes"):
        model._get_text_embeddings(["text"] * 257)


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (embeddings(lambda rows: rows[:-1]), "sent 2 vectors for 3 texts"),
        (embeddings(lambda rows: [*rows, rows[0]]), "sent 4 vectors for 3 texts"),
        (embeddings(lambda rows: [row | {"index": 0} for row in rows]), "did not number them"),
        (embeddings(lambda rows: [{"embedding": row["embedding"]} for row in rows]), "did not number them"),
        (embeddings(lambda _: []), "no usable reply|sent 0 vectors"),
        (change_first([1.0]), "different sizes"),
        (change_first([]), "an empty vector"),
        (change_first(None), "an empty vector, or none"),
        (change_first("AAAA"), "an empty vector, or none"),
        (change_first([float("nan")] * 48), "not finite numbers"),
        (change_first([float("inf")] * 48), "not finite numbers"),
        (change_first([None] * 48), "not finite numbers"),
        (change_first(["1.0"] * 48), "not finite numbers"),
        (raw(b"<html>", "text/html"), "no usable reply"),
        (raw(b"<html>"), "no usable reply"),
        (raw(b"{}"), "no usable reply"),
        (raw(b"[]"), "no usable reply"),
        (error(401, message=f"wrong key {KEY}"), "AuthenticationError"),
        (error(429), "RateLimitError"),
        (error(500), "InternalServerError"),
        (drop_connection, "APIConnectionError"),
        (stall, "APITimeoutError"),
    ],
)
def test_an_unusable_reply_is_an_error(
    server: OpenAIServer, model: OpenAICompatibleEmbedding, behaviour: Behaviour, says: str
) -> None:
    model.timeout = 0.1
    server.will(behaviour)
    with pytest.raises(EmbeddingError, match=says) as raised:
        model.get_text_embedding_batch(TEXTS)
    assert KEY not in str(raised.value)
    assert len(server.history) <= 3


def test_the_key_is_never_shown(model: OpenAICompatibleEmbedding) -> None:
    assert KEY not in repr(model) + str(model) + str(model.to_dict()) + str(model.model_dump())


def test_a_closed_model_connects_again(server: OpenAIServer, model: OpenAICompatibleEmbedding) -> None:
    server.will(embeddings())
    model.get_text_embedding("one")
    model.close()
    model.close()
    assert model.get_text_embedding("one") == vector("one")


def test_openai_itself_needs_a_key() -> None:
    model = load_embedding(Settings(embedding="openai:text-embedding-3-small"))
    with pytest.raises(EmbeddingError, match="set OPENAI_API_KEY, or RAG_EMBEDDING=minilm"):
        model.get_text_embedding("text")


def test_a_server_of_ones_own_needs_none(server: OpenAIServer) -> None:
    server.will(embeddings())
    model = load_embedding(Settings(embedding="openai:e", embedding_base_url=server.url))
    assert model.get_text_embedding("one") == vector("one")
    assert isinstance(model, OpenAICompatibleEmbedding)
    model.close()


def test_the_bundled_model_is_the_default() -> None:
    model = load_embedding(Settings())
    assert isinstance(model, MiniLM)
    assert (model.class_name(), len(model.get_text_embedding("text"))) == ("FootnotedMiniLM", 384)
    assert OpenAICompatibleEmbedding.class_name() == "FootnotedOpenAICompatibleEmbedding"


def test_an_index_can_be_made_and_asked_with_a_server(
    server: OpenAIServer, settings: Settings, tmp_path: Path
) -> None:
    server.will(embeddings())
    ingest(SEEDS, index=tmp_path / "index", settings=settings)
    with QueryEngine.open(tmp_path / "index", settings=settings) as engine:
        answer = engine.query("Who mediated the talks in Istanbul, Turkey and Qatar?")
        assert answer.source_nodes
        assert {request.path for request in server.history} == {"/v1/embeddings"}
        server.will(error(500))
        with pytest.raises(EmbeddingError, match="check RAG_EMBEDDING"):
            engine.query("Who mediated the talks?")
