"""A conversation in the terminal: one question a line, until the lines end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from .answer import Answer, StreamingAnswer
from .chat import ChatEngine
from .conversations import Recording
from .errors import FootnotedError

Read = Callable[[], str | None]
"""Returns the next line, None at the end; raises KeyboardInterrupt for Ctrl-C."""
Show = Callable[[StreamingAnswer], Answer]
"""Prints an answer as it comes, and returns it whole."""


def talk(  # noqa: PLR0913  # what the terminal does for it
    chat: ChatEngine,
    recording: Recording,
    *,
    read: Read,
    show: Show,
    complain: Callable[[str], None],
    goes_on: bool = True,
) -> int:
    """Answer line after line; return how many questions had no answer because of an error.

    Ctrl-C stops the answer that is being written; then the talk goes on, or ends with KeyboardInterrupt.
    """
    failures = 0
    while (line := read()) is not None:
        if not (question := line.strip()):
            continue
        try:
            _answer(chat, recording, question, show)
        except FootnotedError as error:
            recording.failed(str(error))
            complain(str(error))
            failures += 1
        except KeyboardInterrupt:
            if not goes_on:
                raise
            complain("Stopped; Ctrl-D leaves.")
    return failures


def _answer(chat: ChatEngine, recording: Recording, question: str, show: Show) -> None:
    recording.asked(question)
    searched: str | None = None
    shown: list[str] = []
    try:
        stream = chat.stream(question)
        searched = stream.searched
        recording.answered(show(_noted(stream, shown)))
    except KeyboardInterrupt:
        recording.stopped("".join(shown), searched)
        raise


def _noted(stream: StreamingAnswer, shown: list[str]) -> StreamingAnswer:
    """Return a stream that notes what has been shown of it."""
    pieces = iter(stream)

    def noted() -> Iterator[str]:
        for piece in pieces:
            shown.append(piece)
            yield piece

    stream.response_gen = noted()  # type: ignore[assignment]  # a TokenGen is any iterator in use
    return stream
