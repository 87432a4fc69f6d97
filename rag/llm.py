"""The answerer with a language model: any LlamaIndex LLM; OpenAI and compatible servers from settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from importlib.util import find_spec
from pathlib import Path

import tiktoken
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, MessageRole
from llama_index.core.llms import LLM

import prompts

from .answering import DECLINE, Declined, Question
from .citations import Event, MarkerReader, Marker, SentenceReader, Source, Words
from .errors import LLMError
from .facts import normalise
from .settings import Settings

_MARGIN = 1.2
"""How many more tokens than tiktoken's another model's tokenizer may count for the same text."""
_CHARACTERS_PER_TOKEN = 12
"""An answer longer than this, per token allowed, does not end by itself."""


class LLMAnswerer:
    """Asks a model, and reads the markers of its reply; raises LLMError for anything it cannot use."""

    def __init__(self, llm: LLM, *, stream: bool = True) -> None:
        """Take a model; `stream=False` waits for the whole reply."""
        self._llm = llm
        self._stream = stream
        self.raw = ""
        """The last reply, as the model wrote it."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self._llm.metadata.model_name

    def draft(self, question: Question, sources: Sequence[Source]) -> Iterator[Event | Declined]:
        """Yield the events of the model's reply, or Declined when it is the fixed sentence."""
        self.raw = ""
        markers, sentences = MarkerReader(), SentenceReader()
        for piece in _hold_decline(self._pieces(build_messages(question, sources, self._fits))):
            if isinstance(piece, Declined):
                yield piece
                return
            yield from _through(markers.feed(piece), sentences)
        yield from _through(markers.finish(), sentences)
        yield from sentences.finish()

    def _fits(self, prompt: str) -> bool:
        metadata = self._llm.metadata
        room = metadata.context_window - max(metadata.num_output, 0)
        return len(encoding_for(self.name).encode(prompt, disallowed_special=())) * _MARGIN <= room

    def _pieces(self, messages: list[ChatMessage]) -> Iterator[str]:
        reply = self._streamed(messages) if self._stream else self._whole(messages)
        limit = max(self._llm.metadata.num_output, 256) * _CHARACTERS_PER_TOKEN
        try:
            for piece in reply:
                self.raw += piece
                if len(self.raw) > limit:
                    raise LLMError("its answer did not come to an end")
                yield piece
        except LLMError:
            raise
        except Exception as error:  # every client and server fails in its own way; see `cause`
            raise LLMError(cause(error)) from error
        if not self.raw.strip():
            raise LLMError("its answer was empty")

    def _whole(self, messages: list[ChatMessage]) -> Iterator[str]:
        response = self._llm.chat(messages)
        _check_finish(_finish_reason(response), expected=False)
        yield response.message.content or ""

    def _streamed(self, messages: list[ChatMessage]) -> Iterator[str]:
        finish: str | None = None
        speaks_openai = False
        for response in self._llm.stream_chat(messages):
            speaks_openai = speaks_openai or hasattr(response.raw, "choices")
            finish = _finish_reason(response) or finish
            if response.delta:
                yield response.delta
        _check_finish(finish, expected=speaks_openai)


def _through(events: Iterator[Words | Marker], sentences: SentenceReader) -> Iterator[Event]:
    for event in events:
        yield from sentences.feed(event)


def _hold_decline(pieces: Iterator[str]) -> Iterator[str | Declined]:
    """Hold the reply back while it may be the fixed sentence; yield Declined when it is."""
    held = ""
    holding = True
    fixed = normalise(DECLINE).rstrip(".")
    for piece in pieces:
        held += piece
        so_far = normalise(held).lstrip('"')
        holding = holding and (fixed.startswith(so_far.rstrip('." ')) or so_far.rstrip('." ') == fixed)
        if not holding:
            yield held
            held = ""
    if holding and normalise(held).strip('." ') == fixed:
        yield Declined("The model found no answer in the closest passages.")
    elif held:
        yield held


def _finish_reason(response: ChatResponse) -> str | None:
    choices = getattr(response.raw, "choices", None)
    return getattr(choices[0], "finish_reason", None) if choices else None


def _check_finish(finish: str | None, *, expected: bool) -> None:
    """Refuse a reply that was cut: a dropped stream ends without a finish reason and without an error."""
    if finish == "length":
        raise LLMError("its answer reached the length limit; raise RAG_LLM_MAX_TOKENS")
    if finish == "content_filter":
        raise LLMError("it withheld its answer (content filter)")
    if finish is None and expected:
        raise LLMError("its answer broke off")


def cause(error: Exception) -> str:
    """Say in a few words why a model's client failed, going by the names of its error classes."""
    names = {cls.__name__ for cls in type(error).__mro__}
    status = getattr(error, "status_code", None)
    if getattr(error, "code", None) == "context_length_exceeded":
        return "the question and its sources are too long for it; lower RAG_TOP_K or RAG_LLM_CONTEXT"
    for name, words in _CAUSES.items():
        if name in names:
            return words
    if status is not None:
        return f"its server answered with error {status}"
    if names & {"JSONDecodeError", "IndexError", "KeyError", "TypeError", "AttributeError", "ValueError"}:
        return "its server sent a reply that makes no sense"
    if "OpenAIError" in names and "credentials" in str(error).lower():
        return "it needs a key; set OPENAI_API_KEY"
    return f"{type(error).__name__}"


_CAUSES = {
    "APITimeoutError": "it took too long; raise RAG_LLM_TIMEOUT",
    "TimeoutException": "it took too long; raise RAG_LLM_TIMEOUT",
    "TimeoutError": "it took too long; raise RAG_LLM_TIMEOUT",
    "AuthenticationError": "its server refused the key (401); check OPENAI_API_KEY",
    "PermissionDeniedError": "its server refused access (403); check OPENAI_API_KEY",
    "NotFoundError": "its server does not know this model or address (404); check RAG_LLM and RAG_LLM_BASE_URL",
    "RateLimitError": "its server is asked too much (429); wait a moment",
    "APIConnectionError": "its server cannot be reached; check RAG_LLM_BASE_URL",
    "ConnectError": "its server cannot be reached; check RAG_LLM_BASE_URL",
    "RemoteProtocolError": "its answer broke off",
    "ReadError": "its answer broke off",
}


def build_messages(
    question: Question, sources: Sequence[Source], fits: Callable[[str], bool]
) -> list[ChatMessage]:
    """Return the system and user message, with as many sources, best first, as fit the window.

    Raises LLMError when not even one does.
    """
    system = prompts.render("answer.system", decline=DECLINE)
    for count in range(len(sources), 0, -1):
        listed = "\n\n".join(_delimited(source) for source in sources[:count])
        user = prompts.render("answer.user", sources=listed, question=question.text)
        if fits(system + user):
            return [
                ChatMessage(role=MessageRole.SYSTEM, content=system),
                ChatMessage(role=MessageRole.USER, content=user),
            ]
    raise LLMError("its window is too small for the question and one source; raise RAG_LLM_CONTEXT")


def _delimited(source: Source) -> str:
    """Put a passage between tags that its own text cannot close."""
    article = source.article
    particulars = {"title": article.title, "from": article.source, "date": article.date}
    attributes = "".join(f' {k}="{escape(v)}"' for k, v in particulars.items() if v)
    text = source.text.replace("<source", "< source").replace("</source", "< /source")
    return f'<source number="{source.number}"{attributes}>\n{text}\n</source>'


def encoding_for(model: str) -> tiktoken.Encoding:
    """Return the tiktoken encoding of a model, from the files that llama-index-core carries.

    Models that tiktoken does not know are counted with `o200k_base`.
    """
    try:
        name = tiktoken.encoding_name_for_model(model)
    except KeyError:
        name = "o200k_base"
    with _bundled_encodings():
        return tiktoken.get_encoding(name if name in {"o200k_base", "cl100k_base"} else "o200k_base")


@contextmanager
def _bundled_encodings() -> Iterator[None]:
    spec = find_spec("llama_index.core")
    if spec is None or spec.origin is None:
        raise LLMError("llama-index-core is not installed; run `make setup`")
    held = os.environ.get("TIKTOKEN_CACHE_DIR")
    os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(spec.origin).parent / "_static" / "tiktoken_cache")
    try:
        yield
    finally:
        if held is None:
            del os.environ["TIKTOKEN_CACHE_DIR"]
        else:
            os.environ["TIKTOKEN_CACHE_DIR"] = held


def load_llm(settings: Settings) -> LLM | None:
    """Return the model that the settings name, None without one; no request is made."""
    if settings.llm is None:
        return None
    # 0.9 s that quoting does not need
    from llama_index.llms.openai import OpenAI
    from llama_index.llms.openai.utils import ALL_AVAILABLE_MODELS
    from llama_index.llms.openai_like import OpenAILike

    model = settings.llm.removeprefix("openai:")
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    common = {
        "model": model,
        "temperature": 0.0,
        "max_tokens": settings.llm_max_tokens,
        "timeout": settings.llm_timeout,
        "max_retries": 1,
    }
    if settings.llm_base_url is None and model in ALL_AVAILABLE_MODELS:
        return OpenAI(**common, api_key=key)
    return OpenAILike(
        **common,
        api_key=key or ("not-needed" if settings.llm_base_url else None),
        api_base=settings.llm_base_url,
        is_chat_model=True,
        context_window=settings.llm_context,
    )
