"""The HTTP clients of a model's server: an end to waiting, and nothing left open."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx

_TEXT = re.compile(rb'"(?:content|text|reasoning|reasoning_content|thinking)"\s*:\s*"[^"]')
"""The beginning of a piece of text, said or thought, in an event of any server known."""
_LONGEST_KEY = 40


class PatientStream(httpx.SyncByteStream):
    """The bytes of a reply; raises ReadTimeout when they bring no text for `timeout` seconds of waiting.

    httpx waits so long between two bytes, so comments and empty events would keep it waiting for ever.
    Time that the reader of the stream takes is not counted.
    """

    def __init__(
        self,
        stream: httpx.SyncByteStream,
        timeout: float,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the stream of a response; `clock` gives seconds."""
        self._stream = stream
        self._timeout = timeout
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        waited, tail = 0.0, b""
        started = self._clock()
        for chunk in self._stream:
            waited += self._clock() - started
            new = tail + chunk
            *_, after = _TEXT.split(new)
            if len(after) < len(new):
                waited = 0.0
            elif waited > self._timeout:
                raise httpx.ReadTimeout("only signs of life, no text")
            tail = after[-_LONGEST_KEY:]
            yield chunk
            started = self._clock()

    def close(self) -> None:
        """Close the stream inside."""
        self._stream.close()


def openai_clients(key: str, base_url: str, timeout: float) -> dict[str, Any]:
    """Return the clients of OpenAI or a compatible server, by LlamaIndex's names; they hold the key."""
    from openai import AsyncOpenAI, DefaultHttpxClient, OpenAI  # 0.5 s that quoting does not need

    def on_response(response: httpx.Response) -> None:
        if isinstance(response.stream, httpx.SyncByteStream):
            response.stream = PatientStream(response.stream, timeout)
        _received.responses = [*getattr(_received, "responses", ()), response]

    connection: dict[str, Any] = {"api_key": key, "base_url": base_url, "timeout": timeout, "max_retries": 1}
    http_client = DefaultHttpxClient(event_hooks={"response": [on_response]})
    return {
        "openai_client": OpenAI(**connection, http_client=http_client),
        "async_openai_client": AsyncOpenAI(**connection),
    }


_received = threading.local()
"""The responses of each thread, so that the thread that asked for one can close it."""


def close_responses() -> None:
    """Close what this thread's requests have left open.

    A stream that is given up before its end would be closed by the garbage collector. When that runs
    inside httpcore's connection pool, which is locked then, closing waits for that lock for ever.
    """
    for response in getattr(_received, "responses", ()):
        response.close()
    _received.responses = []
