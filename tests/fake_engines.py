"""LlamaIndex engines that say what they are told to, and two small articles for them to cite."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llama_index.core.base.base_query_engine import BaseQueryEngine
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.base.response.schema import RESPONSE_TYPE, Response
from llama_index.core.chat_engine.types import (
    AgentChatResponse,
    BaseChatEngine,
    StreamingAgentChatResponse,
)
from llama_index.core.prompts.mixin import PromptMixinType
from llama_index.core.schema import NodeRelationship, NodeWithScore, QueryBundle, RelatedNodeInfo, TextNode

from evals.cases import Case
from rag.schema import Article

LEFT = "The delegation left Istanbul on 7 November."
KILLED = "Four civilians were killed on the border."
OPENED = "Markets in Karachi opened higher."
CLOSED = "They closed lower in the evening."
TALKS = Article(uri="file:///news/talks.txt", title="Talks", text=f"{LEFT} {KILLED}")
MARKETS = Article(uri="file:///news/markets.txt", title="Markets", text=f"{OPENED}\n{CLOSED}")
ARTICLES = (TALKS, MARKETS)

Answered = RESPONSE_TYPE | str | BaseException


def node(
    text: str, *, score: float | None = 1.0, document: str | None = None, **fields: Any
) -> NodeWithScore:
    """Return a node; `start` is its place, `document` the id of its document, the rest is metadata."""
    relationships: dict[Any, Any] = {}
    if document is not None:
        relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=document)
    start = fields.pop("start", None)
    made = TextNode(text=text, start_char_idx=start, metadata=fields, relationships=relationships)
    return NodeWithScore(node=made, score=score)


def responded(text: str | None, *nodes: NodeWithScore) -> Response:
    return Response(response=text, source_nodes=list(nodes))


class FakeEngine(BaseQueryEngine):
    """Answers each question as it is told, raises what is an exception, and counts."""

    def __init__(self, answers: Mapping[str, Answered] | Callable[[str], Answered]) -> None:
        super().__init__(callback_manager=None)
        self.answers = answers if callable(answers) else answers.__getitem__
        self.asked: list[str] = []

    def _query(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        self.asked.append(query_bundle.query_str)
        answer = self.answers(query_bundle.query_str)
        if isinstance(answer, BaseException):
            raise answer
        return responded(answer) if isinstance(answer, str) else answer

    async def _aquery(self, query_bundle: QueryBundle) -> RESPONSE_TYPE:
        return self._query(query_bundle)

    def _get_prompt_modules(self) -> PromptMixinType:
        return {}


class FakeChat(BaseChatEngine):
    """Says one thing, and keeps the chat histories that it was given."""

    def __init__(self, answer: AgentChatResponse) -> None:
        self.answer = answer
        self.messages: list[str] = []
        self.histories: list[list[tuple[str, str | None]] | None] = []

    def reset(self) -> None:
        raise NotImplementedError

    def chat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        given = None if chat_history is None else [(each.role.value, each.content) for each in chat_history]
        self.messages.append(message)
        self.histories.append(given)
        return self.answer

    def stream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        raise NotImplementedError

    async def achat(self, message: str, chat_history: list[ChatMessage] | None = None) -> AgentChatResponse:
        raise NotImplementedError

    async def astream_chat(
        self, message: str, chat_history: list[ChatMessage] | None = None
    ) -> StreamingAgentChatResponse:
        raise NotImplementedError

    @property
    def chat_history(self) -> list[ChatMessage]:
        return []


def case(id_: str, *, question: str | None = None, **fields: Any) -> Case:
    """Return an answerable case, whose question is its id unless it has one."""
    return Case.model_validate({"answerable": True} | fields | {"id": id_, "question": question or id_})
