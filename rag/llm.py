"""The answerer with a language model: any LlamaIndex LLM; OpenAI and compatible servers from settings."""

from __future__ import annotations

import os
import re
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import tiktoken
from llama_index.core.base.llms.types import ChatMessage, ChatResponse, LLMMetadata, MessageRole
from llama_index.core.llms import LLM

import prompts

from .answering import DECLINE, Declined, Question
from .chatter import tidied
from .citations import Event, Given, Marker, MarkerReader, SentenceReader, Source, Words, bare
from .errors import LLMError
from .schema import digest
from .settings import Settings
from .thoughts import spoken

_MARGIN = 1.2
"""How many more tokens than tiktoken's another model's tokenizer may count for the same text."""
_CHARACTERS_PER_TOKEN = 12
"""An answer longer than this, per token allowed, does not end by itself."""


class LLMAnswerer:
    """Asks a model, and reads the markers of its reply; raises LLMError for anything it cannot use."""

    def __init__(self, llm: LLM, *, stream: bool = True, doubtful: bool = False) -> None:
        """Take a model; `stream=False` waits for the whole reply, `doubtful` tells it to be wary."""
        self._llm = llm
        self._stream = stream
        self._doubtful = doubtful
        self._metadata = _metadata(llm)
        self._messages: list[ChatMessage] = []
        self.raw = ""
        """The last reply, as the model wrote it."""
        self.prompt = ""
        """The last prompt: its messages, a blank line between them."""

    @property
    def name(self) -> str:
        """The model's name."""
        return self._metadata.model_name

    def draft(self, question: Question, sources: Sequence[Source]) -> Iterator[Event | Given | Declined]:
        """Yield the events of the model's reply, or Declined when it is the fixed sentence."""
        self.raw = ""
        prompt = build_prompt(question, sources, self._fits, doubtful=self._doubtful)
        self._messages = prompt.messages
        self.prompt = _contents(prompt.messages)
        markers, sentences = MarkerReader(), SentenceReader()
        yield Given(prompt.sources)
        reply = tidied(self._spoken(prompt.messages), question.text, DECLINE)
        for piece in _hold_decline(reply):
            if isinstance(piece, Declined):
                yield piece
                return
            yield from _through(markers.feed(piece), sentences)
        yield from _through(markers.finish(), sentences)
        yield from sentences.finish()

    def ask_again(self, request: str) -> str:
        """Return the model's reply to a request about its last answer.

        Raises LLMError when it fails, and when the talk has become too long for the window.
        """
        reply = "".join(spoken([self.raw]))
        self._messages = [
            *self._messages,
            ChatMessage(role=MessageRole.ASSISTANT, content=reply),
            ChatMessage(role=MessageRole.USER, content=request),
        ]
        if not self._fits(_contents(self._messages)):
            raise LLMError("its window is too small for its answer and a repair; raise RAG_LLM_CONTEXT")
        self.prompt, self.raw = _contents(self._messages), f"{self.raw}\n\n"
        return "".join(self._spoken(self._messages))

    def _fits(self, prompt: str) -> bool:
        room = self._metadata.context_window - max(self._metadata.num_output, 0)
        if len(prompt) > room * _CHARACTERS_PER_TOKEN:
            return False  # spares the tokenizer what cannot fit
        return count_tokens(prompt, self.name) * _MARGIN <= room

    def _pieces(self, messages: list[ChatMessage]) -> Iterator[str]:
        reply = self._streamed(messages) if self._stream else self._whole(messages)
        limit = max(self._metadata.num_output, 256) * _CHARACTERS_PER_TOKEN
        limit += len(self.raw)
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
        finally:
            _close_responses()

    def _spoken(self, messages: list[ChatMessage]) -> Iterator[str]:
        """Yield the reply without what the model thought aloud."""
        said = ""
        for piece in spoken(self._pieces(messages)):
            said += piece
            yield piece
        if not _has_words(said):
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


def _contents(messages: Sequence[ChatMessage]) -> str:
    return "\n\n".join(message.content or "" for message in messages)


def _close_responses() -> None:
    from .connections import close_responses  # httpx, that quoting does not need

    close_responses()


def _metadata(llm: LLM) -> LLMMetadata:
    """Return what a model tells of itself; LlamaIndex's OpenAI raises for names that it does not know."""
    try:
        return llm.metadata
    except ValueError:
        return LLMMetadata(model_name=str(getattr(llm, "model", llm.class_name())))


def _through(events: Iterator[Words | Marker], sentences: SentenceReader) -> Iterator[Event]:
    for event in events:
        yield from sentences.feed(event)


def _hold_decline(pieces: Iterator[str]) -> Iterator[str | Declined]:
    """Hold the reply back while it may be the fixed sentence; yield Declined when it is."""
    held: str | None = ""
    fixed = bare(DECLINE)
    for piece in pieces:
        if held is None:
            yield piece
            continue
        held += piece
        if not fixed.startswith(bare(held)):
            yield held
            held = None
    if held is not None:
        yield Declined("The model found no answer in the closest passages.") if bare(held) == fixed else held


def _has_words(raw: str) -> bool:
    """Tell whether a reply holds more than markers and punctuation."""
    reader = MarkerReader()
    events = (*reader.feed(raw), *reader.finish())
    return any(isinstance(event, Words) and re.search(r"\w", event.text) for event in events)


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
    """Say in a few words why a model's client failed; never in the client's words, which may hold the key."""
    if isinstance(error, RuntimeError) and isinstance(error.__cause__, Exception):
        error = error.__cause__  # a wrapper's own
    status = getattr(error, "status_code", None)
    code = str(getattr(error, "code", None))
    if status == HTTPStatus.BAD_REQUEST and _TOO_LONG.search(str(error)):
        code = "context_length_exceeded"
    if type(error).__name__ == "OpenAIError" and "credentials" in str(error).lower():
        code = "no_key"
    names = (cls.__name__ for cls in type(error).__mro__)
    if known := _CODES.get(code) or next((_CAUSES[name] for name in names if name in _CAUSES), None):
        return known
    if status is not None:
        return f"its server answered with error {status}"
    if type(error).__name__ == "APIError":
        return "its server reported an error"
    return f"its client failed ({type(error).__name__})"


_TOO_LONG = re.compile(r"context.{0,20}(length|window|size)|maximum.{0,20}tokens|too long", re.IGNORECASE)
"""How servers that send no code say it: vLLM, llama.cpp, Ollama, LM Studio."""
_CODES = {
    "context_length_exceeded": (
        "the question and its sources are too long for it; lower RAG_TOP_K or RAG_LLM_CONTEXT"
    ),
    "insufficient_quota": "its account has no credit left (429)",
    "no_key": "it needs a key; set OPENAI_API_KEY",
}
_TIMEOUT = "it took too long; raise RAG_LLM_TIMEOUT"
_NONSENSE = "its server sent a reply that makes no sense"
_UNREACHABLE = "its server cannot be reached; check RAG_LLM_BASE_URL"
_CAUSES = {
    "APITimeoutError": _TIMEOUT,
    "TimeoutException": _TIMEOUT,
    "TimeoutError": _TIMEOUT,
    "AuthenticationError": "its server refused the key (401); check OPENAI_API_KEY",
    "PermissionDeniedError": "its server refused access (403); check OPENAI_API_KEY",
    "NotFoundError": (
        "its server does not know this model or address (404); check RAG_LLM and RAG_LLM_BASE_URL"
    ),
    "RateLimitError": "its server is asked too much (429); wait a moment",
    "APIConnectionError": _UNREACHABLE,
    "ConnectError": _UNREACHABLE,
    "RemoteProtocolError": "its answer broke off",
    "ReadError": "its answer broke off",
    "APIResponseValidationError": _NONSENSE,
    "JSONDecodeError": _NONSENSE,
    "UnicodeDecodeError": _NONSENSE,
    "LookupError": _NONSENSE,
    "TypeError": _NONSENSE,
    "AttributeError": _NONSENSE,
}
"""Cause by the name of an error's class or its nearest known ancestor; several vendors share the names."""


class Prompt(NamedTuple):
    """The messages to a model, and how many of the sources they hold."""

    messages: list[ChatMessage]
    sources: int


def build_prompt(
    question: Question, sources: Sequence[Source], fits: Callable[[str], bool], *, doubtful: bool = False
) -> Prompt:
    """Return the system and user message, with as many sources, best first, as fit the window.

    Raises LLMError when not even one does.
    """
    fence = fence_of(question, sources)
    system = prompts.render("answer.system", decline=DECLINE, fence=fence)
    doubt = f"\n\n{prompts.render('answer.doubt', decline=DECLINE)}" if doubtful else ""
    listed = [_delimited(source, fence) for source in sources]

    def user(count: int) -> str:
        asked = _without_tags(question.text)
        shown = prompts.render("answer.user", sources="\n\n".join(listed[:count]), question=asked)
        return shown + doubt

    counts = range(len(sources), 0, -1)
    n = bisect_left(counts, True, key=lambda count: fits(f"{system}\n\n{user(count)}"))
    if n == len(counts):
        raise LLMError("its window is too small for the question and one source; raise RAG_LLM_CONTEXT")
    contents = {MessageRole.SYSTEM: system, MessageRole.USER: user(counts[n])}
    return Prompt([ChatMessage(role=role, content=text) for role, text in contents.items()], counts[n])


def fence_of(question: Question, sources: Sequence[Source]) -> str:
    """Return 12 hexadecimal digits of the question and all sources, which none of these can know of itself.

    So no article can hold the tag that ends it, and the same question gets the same prompt.
    """
    parts = (
        question.text,
        *(f"{source.passage.id}\0{source.article.title}\0{source.text}" for source in sources),
    )
    return digest("\0".join(parts))[:12]


def _delimited(source: Source, fence: str) -> str:
    """Put a passage between tags that its own text cannot close."""
    article = source.article
    particulars = {"title": article.title, "from": article.source, "date": article.date}
    attributes = "".join(
        f' {k}="{escape(_without_tags(" ".join(v.split())))}"' for k, v in particulars.items() if v
    )
    text = _without_tags(source.text)
    return f'<source-{fence} number="{source.number}"{attributes}>\n{text}\n</source-{fence}>'


_TAG = re.compile(r"[<＜﹤](?=\W{0,20}source)", re.IGNORECASE)


def _without_tags(text: str) -> str:
    """Replace the bracket of anything that a model could read as the beginning or end of a source."""
    return _TAG.sub("‹", text)


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


def count_tokens(text: str, model: str) -> int:
    """Return how many tokens a text has for a model, its special tokens read as plain text."""
    try:
        return len(encoding_for(model).encode(text, disallowed_special=()))
    except ValueError:  # tiktoken gives up on a million spaces in a row
        return len(text)


@contextmanager
def _bundled_encodings() -> Iterator[None]:
    spec = find_spec("llama_index.core")
    if spec is None or spec.origin is None:
        raise LLMError("llama-index-core is not installed; run `make setup`")
    with _environment:
        held = os.environ.get("TIKTOKEN_CACHE_DIR")
        os.environ["TIKTOKEN_CACHE_DIR"] = str(Path(spec.origin).parent / "_static" / "tiktoken_cache")
        try:
            yield
        finally:
            if held is None:
                del os.environ["TIKTOKEN_CACHE_DIR"]
            else:
                os.environ["TIKTOKEN_CACHE_DIR"] = held


_environment = threading.Lock()
"""Held while the environment names the bundled encodings; it belongs to all threads."""


OPENAI_URL = "https://api.openai.com/v1"
_REASONING = re.compile(r"(o\d|gpt-([5-9]|\d\d))(?!.*chat)")
"""OpenAI's models that think before they answer; they take no temperature, and count what they think."""
_THINKING_TOKENS = 8_000
_UNLISTED_WINDOW = 128_000
"""Window of a model at OpenAI that llama-index does not list yet, in tokens; all later ones have more."""


def load_llm(settings: Settings) -> LLM | None:
    """Return the model that the settings name, None without one; no request is made.

    The key is in the client only, as LlamaIndex would show it when it prints the model. Without a key
    the first request raises OpenAIError, which `cause` explains.
    """
    if settings.llm is None:
        return None
    # 0.9 s that quoting does not need
    from llama_index.llms.openai import OpenAI
    from llama_index.llms.openai.utils import ALL_AVAILABLE_MODELS
    from llama_index.llms.openai_like import OpenAILike
    from openai import omit

    model = settings.llm.removeprefix("openai:")
    at_openai = settings.llm_base_url is None
    thinks = _REASONING.match(model) is not None
    common: dict[str, Any] = {
        "model": model,
        "temperature": 1.0 if thinks else 0.0,
        "max_tokens": settings.llm_max_tokens + _THINKING_TOKENS * (thinks and at_openai),
        "timeout": settings.llm_timeout,
        "max_retries": 1,
        "api_base": settings.llm_base_url or OPENAI_URL,
        **_clients(settings),
    }
    if at_openai and model in ALL_AVAILABLE_MODELS:
        return OpenAI(**common)
    if thinks:  # llama-index does the same for the names that it lists
        common["additional_kwargs"] = {
            "max_completion_tokens": common["max_tokens"],
            "max_tokens": omit,
        }
    window = max(settings.llm_context, _UNLISTED_WINDOW) if at_openai else settings.llm_context
    like: LLM = OpenAILike(**common, is_chat_model=True, context_window=window)
    return like


def _clients(settings: Settings) -> dict[str, Any]:
    """Return the clients of a model at OpenAI or a compatible server, which hold the key."""
    from .connections import openai_clients  # see load_llm

    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else ""
    if not key and settings.llm_base_url is None:
        return {"api_key": ""}
    url = settings.llm_base_url or OPENAI_URL
    return {"api_key": "in the client", **openai_clients(key or "not-needed", url, settings.llm_timeout)}
