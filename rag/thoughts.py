"""What a reasoning model thinks aloud (`<think>...</think>`), kept from what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from .errors import LLMError

_TAGS = tuple(
    f"{left}{slash}{name}{right}"
    for slash in ("", "/")
    for left, name, right in (("<", "think", ">"), ("<", "thinking", ">"), ("[", "think", "]"))
)
_TAG = re.compile("|".join(re.escape(tag) for tag in _TAGS), re.IGNORECASE)


def spoken(pieces: Iterable[str]) -> Iterator[str]:
    """Yield a reply without what stands between tags of thinking, however it is cut into pieces.

    Some servers put the opening tag into the prompt; then all before the closing one is thought. Raises
    LLMError when part of that has been let through, and when a thought does not end.
    """
    held, thinks, said = "", False, False
    for piece in pieces:
        held += piece
        while tag := _TAG.search(held):
            before, held = held[: tag.start()], held[tag.end() :]
            opens = "/" not in tag[0]
            if not thinks and not opens and said:
                raise LLMError("it thought aloud; have its server mark or leave out its reasoning")
            if not thinks and opens:
                said = said or bool(before.strip())
                yield before
            thinks = opens
        cut = _open_tag(held)
        ready, held = held[:cut], held[cut:]
        if ready and not thinks:
            said = said or bool(ready.strip())
            yield ready
    if thinks:
        raise LLMError("it did not come to an end of its reasoning; raise RAG_LLM_MAX_TOKENS")
    if held:
        yield held


def _open_tag(text: str) -> int:
    """Return where a tag may be beginning at the end of a text."""
    tail = max(0, len(text) - max(len(tag) for tag in _TAGS))
    starts = (n for n in range(tail, len(text)) if any(tag.startswith(text[n:].lower()) for tag in _TAGS))
    return next(starts, len(text))
