"""What is answered in fixed words, because no article could tell it: greetings, thanks, who this is."""

from __future__ import annotations

from collections.abc import Mapping

from .intents import Intent

NO_QUESTION = "This is no question about the articles."
_WORDS: Mapping[Intent, str] = {
    "greeting": "Hello. Ask something about the articles; every sentence of the answer will have a footnote.",
    "thanks": "You are welcome.",
    "who_are_you": (
        "This is Footnoted. It answers questions about a folder of articles: every sentence of an answer has "
        "a footnote, and every footnote shows the words of an article that it stands on."
    ),
}


def reply(intent: Intent, dates: Mapping[str, str | None]) -> str | None:
    """Return the fixed words for what is no question about the articles, None for what is one.

    `dates` has the date of every article that may be asked about, None where it is unknown.
    """
    if intent == "how_many_articles":
        return _count(dates)
    return _WORDS.get(intent)


def _count(dates: Mapping[str, str | None]) -> str:
    known = sorted(date for date in dates.values() if date)
    number = "There is 1 article" if len(dates) == 1 else f"There are {len(dates):,} articles"
    if not known:
        return f"{number}."
    days = f"of {known[0]}" if known[0] == known[-1] else f"from {known[0]} to {known[-1]}"
    undated = len(dates) - len(known)
    return f"{number}, {days}{f'; {undated:,} without a date' if undated else ''}."
