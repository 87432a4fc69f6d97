"""Which articles a question is asked about: chosen ones, or those of some days."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol, Self
from urllib.parse import unquote

from .errors import UsageError


class Listed(Protocol):
    """What is known of an article without its text; `catalogue.Entry` is one."""

    @property
    def id(self) -> str: ...  # noqa: D102
    @property
    def uri(self) -> str: ...  # noqa: D102
    @property
    def title(self) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Scope:
    """The articles that count; all of them when nothing is named.

    An article counts when it is among `articles` (if any are named) and its date is neither before `since`
    nor after `until`. Where a day is named, undated articles do not count.
    """

    articles: tuple[str, ...] = ()
    """Ids of articles."""
    since: str | None = None
    """First day, ISO 8601 (`2025-11-08`)."""
    until: str | None = None
    """Last day; it counts, too."""

    def __post_init__(self) -> None:
        for day in (self.since, self.until):
            if day is not None:
                _check_day(day)
        if self.since and self.until and self.since > self.until:
            raise UsageError(f"No day is both since {self.since} and until {self.until}; swap them.")

    def __bool__(self) -> bool:
        """Tell whether it leaves anything out."""
        return bool(self.articles or self.since or self.until)

    def of(self, dates: Mapping[str, str | None]) -> list[str]:
        """Return which articles count, of these, each by its id with its date."""
        chosen = self.articles or dates
        return [id_ for id_ in chosen if id_ in dates and self._has_day(dates[id_])]

    def _has_day(self, day: str | None) -> bool:
        if not (self.since or self.until):
            return True
        return day is not None and (self.since or day) <= day <= (self.until or day)

    def to_dict(self) -> dict[str, object]:
        """Return the scope as JSON-ready values."""
        return {"articles": list(self.articles), "since": self.since, "until": self.until}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the scope of which `to_dict` gave these values."""
        return cls(tuple(values["articles"]), values["since"], values["until"])


def _check_day(day: str) -> None:
    try:
        valid = date.fromisoformat(day).isoformat() == day
    except ValueError:
        valid = False
    if not valid:
        raise UsageError(f"{day} is no day; write it as 2025-11-08.")


def find_articles(names: Sequence[str], entries: Sequence[Listed]) -> tuple[str, ...]:
    """Return the ids of the articles that names tell: an id, a URI, the end of a path, or words of a title.

    Raises UsageError for a name that tells none.
    """
    found: dict[str, None] = {}
    for name in names:
        ids = _named(name, entries)
        if not ids:
            raise UsageError(f"No article is called {name!r}; `rag articles` lists them.")
        found |= dict.fromkeys(ids)
    return tuple(found)


def _named(name: str, entries: Sequence[Listed]) -> list[str]:
    plain = name.strip().casefold()
    if not plain:
        return []
    exact = [e.id for e in entries if plain in {e.id, e.uri.casefold()}]
    paths = [
        e.id for e in entries if f"/{unquote(e.uri).casefold()}".endswith(f"/{plain.removeprefix('./')}")
    ]
    titles = [e.id for e in entries if re.search(rf"\b{re.escape(plain)}\b", e.title.casefold())]
    return exact or paths or titles
