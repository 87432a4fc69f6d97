"""The sides of a story: which countries a text names, by their names, peoples and capitals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

from .demonyms import PHRASES, kin

_CAPITALS = """
kabul afghanistan; tirana albania; algiers algeria; luanda angola; yerevan armenia; canberra australia;
vienna austria; baku azerbaijan; dhaka bangladesh; minsk belarus; brussels eu; brasilia brazil; sofia
bulgaria; ottawa canada; beijing china; bogota colombia; zagreb croatia; havana cuba; nicosia cyprus; prague
czechia; copenhagen denmark; cairo egypt; tallinn estonia; helsinki finland; paris france; tbilisi georgia;
berlin germany; accra ghana; athens greece; budapest hungary; delhi india; jakarta indonesia; tehran iran;
baghdad iraq; dublin ireland; rome italy; tokyo japan; amman jordan; astana kazakhstan; nairobi kenya;
pristina kosovo; bishkek kyrgyzstan; riga latvia; beirut lebanon; tripoli libya; vilnius lithuania; rabat
morocco; kathmandu nepal; abuja nigeria; oslo norway; muscat oman; islamabad pakistan; manila philippines;
warsaw poland; lisbon portugal; doha qatar; bucharest romania; moscow russia; kremlin russia; kigali rwanda;
belgrade serbia; bratislava slovakia; ljubljana slovenia; mogadishu somalia; madrid spain; khartoum sudan;
stockholm sweden; bern switzerland; damascus syria; taipei taiwan; dushanbe tajikistan; bangkok thailand;
tunis tunisia; ankara turkey; ashgabat turkmenistan; kampala uganda; kyiv ukraine; kiev ukraine; london
britain; tashkent uzbekistan; caracas venezuela; hanoi vietnam; harare zimbabwe; washington us; riyadh saudi
"""
"""Capitals that stand for their governments in the news."""

_RULERS = {"taliban": "afghanistan"}
"""Those who rule a country and go by a name of their own."""


@cache
def _countries() -> dict[str, str]:
    words = _CAPITALS.replace(";", " ").split()
    return dict(zip(words[::2], words[1::2], strict=True)) | _RULERS


def country(word: str) -> str | None:
    """Return one name, lower case, for a country, its people, capital or rulers; None for other words."""
    plain = word.casefold()
    for form in (plain, plain.removesuffix("s")):
        if group := kin(_countries().get(form, form)):
            return next(iter(group.intersection(_countries().values())), min(group))
    return None


def named_countries(text: str) -> list[tuple[str, str]]:
    """Return the countries that a text names, in order, each with the word by which it does."""
    plain = text
    for phrase, short in PHRASES.items():
        plain = re.sub(phrase, short.upper(), plain, flags=re.IGNORECASE)
    words = re.findall(r"\b(?<!-[a-z]-)[A-Z][^\W\d_]*", plain)  # Tehrik-i-Taliban is another
    return [(found, word) for word in words if (found := country(word))]


def main_parties(texts: Iterable[str]) -> list[str]:
    """Return the two countries that texts are about, as they name them most; none when it is not clear.

    Both must be named three times or more, and the second twice as often as the third.
    """
    forms: dict[str, Counter[str]] = {}
    for found, word in (pair for text in texts for pair in named_countries(text)):
        forms.setdefault(found, Counter())[word] += 1
    ranked = sorted(forms, key=lambda found: (-forms[found].total(), found))
    counts = [*(forms[found].total() for found in ranked), 0, 0]
    if len(ranked) < 2 or counts[1] < 3 or counts[1] < 2 * counts[2]:
        return []
    return [_name(forms[found]) for found in ranked[:2]]


def _name(forms: Counter[str]) -> str:
    """Return the country's own name where a text uses it, else the commonest word for it."""
    own = [word for word in forms if word.casefold() in _countries().values()]
    return max(own or forms, key=lambda word: forms[word])
