"""A server on loopback that speaks the OpenAI protocol, well and in every wrong way that is asked for.

    with OpenAIServer() as server:
        server.will(reply("Turkey mediated. [1]"))

Behaviours are used one a request, the last one for ever; `history` holds the requests.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

Json = dict[str, Any]
DIMENSIONS = 48


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    path: str
    body: Json
    key: str | None

    @property
    def prompt(self) -> str:
        """The contents of all messages."""
        return "\n\n".join(message["content"] for message in self.body["messages"])


class Handler(BaseHTTPRequestHandler):
    """One request; HTTP/1.0, so that every connection ends with its reply."""

    server: _Server

    def do_POST(self) -> None:
        length = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(length))
        key = (self.headers["Authorization"] or "").removeprefix("Bearer ") or None
        self.server.owner.take(Request(self.path, body, key))(self, body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the library's name
        pass

    def send(self, status: int, content: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(content)

    def events(self, events: Sequence[str], *, pause: float = 0.0, **headers: str) -> None:
        """Send server-sent events, each by itself, and wait a while after each."""
        self.send(200, b"", "text/event-stream", **headers)
        for event in events:
            self.wfile.write(f"data: {event}\n\n".encode())
            self.wfile.flush()
            self.server.owner.closing.wait(pause)


Behaviour = Callable[[Handler, Json], None]


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for them
    owner: OpenAIServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that went away."""


class OpenAIServer:
    """The server, with its queue of behaviours and its history; close it, or use `with`."""

    def __init__(self) -> None:
        self.history: list[Request] = []
        self.closing = threading.Event()
        self._behaviours: list[Behaviour] = [reply("")]
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def will(self, *behaviours: Behaviour) -> None:
        """Behave so from now on, and forget the history."""
        self._behaviours = list(behaviours)
        self.history.clear()

    def take(self, request: Request) -> Behaviour:
        self.history.append(request)
        return self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _cut(text: str, size: int) -> Iterator[str]:
    return (text[n : n + size] for n in range(0, len(text), size))


def _chunk(delta: Json | None, finish: str | None = None, **more: Any) -> str:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return json.dumps(
        {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": choices, **more}
    )


def _completion(content: str | None, finish: str = "stop", **more: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    whole = {
        "id": "c",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
    return json.dumps(whole | more).encode()


def reply(
    text: str | None, *, size: int = 7, pause: float = 0.0, finish: str = "stop", **more: Any
) -> Behaviour:
    """Answer with a text, streamed in pieces of `size` characters when the request asks for a stream."""

    def behave(handler: Handler, body: Json) -> None:
        if not body.get("stream"):
            handler.send(200, _completion(text, finish, **more))
            return
        usage = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}
        handler.events(
            [
                _chunk({"role": "assistant", "content": ""}),
                *(_chunk({"content": piece}) for piece in _cut(text or "", size)),
                _chunk({} if text is not None else {"content": None}, finish, **more),
                _chunk(None, usage=usage),
                "[DONE]",
            ],
            pause=pause,
        )

    return behave


def error(status: int, code: str | None = None, message: str = "no") -> Behaviour:
    """Refuse with a status and OpenAI's error object; clients are told to try again at once."""
    content = json.dumps({"error": {"message": message, "type": "e", "code": code, "param": None}}).encode()
    return lambda handler, _: handler.send(status, content, Retry_After="0", retry_after_ms="1")


def raw(content: bytes, kind: str = "application/json") -> Behaviour:
    """Answer 200 with any bytes."""
    return lambda handler, _: handler.send(200, content, kind)


def stall(handler: Handler, _: Json) -> None:
    """Say nothing until the server is closed."""
    handler.server.owner.closing.wait(30)


def write_and_wait(text: str) -> Behaviour:
    """Begin an answer with a text, then say nothing until the server is closed."""

    def behave(handler: Handler, body: Json) -> None:
        if body.get("stream"):
            handler.events([_chunk({"role": "assistant", "content": text})])
        stall(handler, body)

    return behave


stall_midway = write_and_wait("Turkey ")


def keep_alive(sign: str) -> Behaviour:
    """Begin an answer, then send signs of life only, until the client goes or the server is closed."""

    def behave(handler: Handler, body: Json) -> None:
        if body.get("stream"):
            handler.events([_chunk({"role": "assistant", "content": "Turkey "})])
        else:
            handler.send(200, b"")
        while not handler.server.owner.closing.wait(0.02):
            handler.wfile.write(sign.encode() if body.get("stream") else b" ")
            handler.wfile.flush()

    return behave


EMPTY = f"data: {_chunk({'content': ''})}\n\n"
"""An event of a stream that brings no text."""


def cut_stream(handler: Handler, body: Json) -> None:
    """End the stream in the middle, politely, without a finish reason."""
    if body.get("stream"):
        handler.events([_chunk({"role": "assistant", "content": "Turkey "}), _chunk({"content": "and"})])
    else:
        handler.send(200, _completion("Turkey and")[:-30])


def drop_connection(handler: Handler, body: Json) -> None:
    """Promise more bytes than come."""
    if body.get("stream"):
        handler.events([_chunk({"role": "assistant", "content": "Turkey "})], Content_Length="5000")
    else:
        handler.send(200, b'{"id": "c", "cho', Content_Length="5000")


def broken_json(handler: Handler, body: Json) -> None:
    """Send events, or a body, that are not JSON."""
    if body.get("stream"):
        handler.events([_chunk({"role": "assistant", "content": "Turkey "}), '{"choices": [{'])
    else:
        handler.send(200, b'{"choices": [{')


def error_event(handler: Handler, body: Json) -> None:
    """Report an error in the middle of a stream."""
    content = json.dumps({"error": {"message": "overloaded", "type": "server_error"}})
    if body.get("stream"):
        handler.events([_chunk({"role": "assistant", "content": "Turkey "}), content])
    else:
        handler.send(200, content.encode())


def vector(text: str) -> list[float]:
    """A bag of words: texts that share words are near."""
    values = [0.01] * DIMENSIONS
    for word in re.findall(r"\w+", text.lower()):
        values[int(hashlib.md5(word.encode()).hexdigest(), 16) % DIMENSIONS] += 1.0
    return values


def embeddings(
    change: Callable[[list[Json]], list[Json]] = lambda rows: rows,
) -> Behaviour:
    """Answer with the vectors of the inputs; `change` spoils the rows."""

    def behave(handler: Handler, body: Json) -> None:
        rows = [
            {"object": "embedding", "index": n, "embedding": vector(text)}
            for n, text in enumerate(body["input"])
        ]
        usage = {"prompt_tokens": 1, "total_tokens": 1}
        whole = {"object": "list", "data": change(rows), "model": body["model"], "usage": usage}
        handler.send(200, json.dumps(whole).encode())

    return behave
