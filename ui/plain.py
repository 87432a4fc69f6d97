"""Foreign text -> labels and captions: Streamlit reads those as Markdown, and must find none in it."""

from __future__ import annotations

import re

from rag.export import escape_markdown

_JOINER = "\u2060"
"""Takes no room and joins no words; it parts what would be read as a link, an emoji or an icon."""
_MARKS = re.compile(r"[:@/]|(?<=[wW]{3})(?=\.)|(?<=[-.<])(?=[->.])")
_LIST = re.compile(r"[-=]|\d+\.")


def plain(text: str) -> str:
    """Return text on one line that Markdown shows as it is: no markup, links, icons or emoji codes."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    lead = _JOINER if _LIST.match(line) else ""
    return lead + escape_markdown(_MARKS.sub(lambda match: match.group() + _JOINER, line))


def shortened(text: str, length: int) -> str:
    """Cut text on one line where it is too long, between two words unless that would take half of it."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[: length - 1]
    words = cut.rsplit(" ", 1)[0]
    return (words if len(words) > length // 2 else cut).rstrip(".,;: ") + "…"
