"""Who does what to whom: sentences made from patterns, the same deed done both ways, and questions of each.

A reader that only matches words takes the wrong side's sentence. Names are made of syllables, so that nothing
can be learnt but the grammar.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from .data import Row


class Deed(NamedTuple):
    """A deed of one side (A) towards the other (B), with what it is about (C), in patterns."""

    told: tuple[str, ...]
    asked: tuple[str, ...]
    """Questions that C answers."""
    contents: tuple[str, ...]
    by_whom: tuple[str, ...] = ()
    """Questions that A answers."""
    to_whom: tuple[str, ...] = ()
    """Questions that B answers."""


_WRONGS = (
    "hiding the test results", "breaking the contract", "poaching its best people", "ignoring the warnings",
    "leaking the letters", "dumping waste in the lake", "delaying the payments", "cheating at the count",
    "spreading false rumours", "copying its designs", "blocking the road", "overcharging customers",
    "walking away from the table", "shelling the village", "destroying the records", "bribing two inspectors",
    "refusing to share the data", "neglecting the safety rules", "stirring up the fans", "felling the oaks",
)  # fmt: skip
_CAUSES = (
    "the delay", "the crash", "the empty shelves", "the failed harvest", "the lost season", "the power cut",
    "the collapse of the deal", "the leak", "the rise in prices", "the closure of the school", "the injuries",
    "the missing millions", "the poor turnout", "the broken gate", "the long queues", "the two deaths",
)  # fmt: skip
_WISHES = (
    "hand over the keys", "reopen the border post", "pay for the repairs", "publish the figures", "withdraw its guards",
    "apologise in public", "clear the path", "return the paintings", "sign the protocol", "lower the rent",
    "release the prisoners", "move the kick-off", "drop the charges", "hire forty nurses", "share the ticket money",
    "stop the night flights",
)  # fmt: skip
_GOODS = (
    "the quick help after the flood", "its patience", "the loan of two boats", "his honesty", "the free meals",
    "a fair game", "the warm welcome", "the new wing", "the rescue of the crew", "its silence during the talks",
    "the donated ambulances", "her advice",
)  # fmt: skip
_SUMS = (
    "6 million talers", "90,000 marks", "three years’ rent", "12 million dollars", "half of the profits", "700 tonnes of grain",
    "a fee of 40 pounds a head", "€2.3m", "eleven containers of parts", "1.5bn", "two fishing boats", "sixty hectares",
)  # fmt: skip
_VIEWS = (
    "a careful listener", "a danger to the valley", "an honest broker", "the weakest side in the league", "a partner one can trust",
    "greedy and cold", "a bully", "the best in the trade", "out of its depth", "a mystery", "brave but unlucky",
    "too proud to learn", "a safe pair of hands", "all talk",
)  # fmt: skip
_CLAIMS = (
    "has lost touch with its members", "never meant to sign", "plays the finest football in the land", "cannot count",
    "is hiding something in the archive", "will come back stronger", "kept no word it gave", "has earned the title",
    "is living beyond its means", "knows the river better than anyone", "lied to the inspectors", "should have stopped the match",
)  # fmt: skip

DEEDS = (
    Deed(
        ("{A} accused {B} of {C}.", "{B} was accused by {A} of {C}.", "{A} has accused {B} of {C}.",
         "{B} stands accused of {C}, a charge made by {A}.", "Of {C}, {B} was accused by {A}.",
         "It was {A} that accused {B} of {C}.",  "{B} has been accused by {A} of {C}.",
         "{A}’s charge against {B} is that of {C}.", "Accused by {A} of {C}, {B} said nothing."),
        ("What does {A} accuse {B} of?", "What did {A} accuse {B} of?", "What is {B} accused of by {A}?",
         "what does {a} say {b} is guilty of", "What is {A}'s charge against {B}?", "Of what did {A} accuse {B}?",
         "What does {A} hold against {B}?"),
        _WRONGS,
        ("Who accused {B} of {C}?", "Who says {B} is guilty of {C}?", "who made the charge against {b}"),
        ("Whom did {A} accuse?", "Who was accused of {C}?", "who does {a} accuse of {C}"),
    ),
    Deed(
        ("{A} blamed {B} for {C}.", "{B} was blamed by {A} for {C}.", "{A} put the blame for {C} on {B}.",
         "{A} holds {B} responsible for {C}.", "For {C}, {A} blames {B}.", "{B} is to blame for {C}, according to {A}.",
         "The blame for {C} lies with {B}, {A} said."),
        ("What does {A} blame {B} for?", "What is {B} blamed for by {A}?", "For what does {A} hold {B} responsible?",
         "what did {a} blame on {b}", "What is {B} at fault for, according to {A}?"),
        _CAUSES,
        ("Who blames {B} for {C}?", "Who holds {B} responsible for {C}?"),
        ("Whom does {A} blame for {C}?", "Who is to blame for {C}, according to {A}?"),
    ),
    Deed(
        ("{A} demanded that {B} {C}.", "{A} called on {B} to {C}.", "{B} was told by {A} to {C}.",
         "{B} must {C}, {A} demanded.", "{A} wants {B} to {C}.", "{B} was asked by {A} to {C}.",
         "{A} has asked {B} to {C}.", "{B} has been urged by {A} to {C}."),
        ("What does {A} want from {B}?", "What did {A} demand of {B}?", "What must {B} do, according to {A}?",
         "what is {b} asked to do by {a}", "What does {A} want {B} to do?", "What is {A}'s demand?"),
        _WISHES,
        ("Who wants {B} to {C}?", "Who asked {B} to {C}?"),
        ("Who should {C}, according to {A}?", "Whom did {A} ask to {C}?"),
    ),
    Deed(
        ("{A} thanked {B} for {C}.", "{B} was thanked by {A} for {C}.", "{A} praised {B} for {C}.",
         "{B} won praise from {A} for {C}.", "For {C}, {A} thanked {B}.", "{A} expressed gratitude to {B} for {C}."),
        ("What did {A} thank {B} for?", "What is {A} grateful to {B} for?", "For what was {B} praised by {A}?",
         "why did {a} thank {b}", "Why did {A} speak well of {B}?"),
        _GOODS,
        ("Who thanked {B} for {C}?", "Who praised {B}?"),
        ("Whom did {A} thank?", "Who was praised for {C}?"),
    ),
    Deed(
        ("{A} owes {B} {C}.", "{B} is owed {C} by {A}.", "{A} has still to pay {B} {C}.",
         "{C} is due to {B} from {A}.", "{A} must pay {C} to {B}, the ruling says.", "{B} will receive {C} from {A}."),
        ("How much does {A} owe {B}?", "What does {A} owe to {B}?", "What is {B} owed by {A}?",
         "how much must {a} pay {b}", "What will {B} get from {A}?"),
        _SUMS,
        ("Who owes {B} {C}?", "Who has to pay {B}?"),
        ("To whom does {A} owe {C}?", "Who gets {C} from {A}?"),
    ),
    Deed(
        ("{A} offered {B} {C}.", "{B} was offered {C} by {A}.", "{C} was offered to {B} by {A}.",
         "An offer of {C} was made to {B} by {A}.", "{A} sold {B} {C}.", "{B} bought {C} from {A}.",
         "{A} lent {B} {C}.", "{B} borrowed {C} from {A}."),
        ("What did {B} get from {A}?", "What did {A} give {B}?", "What was {B} given by {A}?", "what did {a} let {b} have"),
        _SUMS,
        ("Who gave {B} {C}?", "From whom did {B} get {C}?"),
        ("Who got {C} from {A}?", "To whom did {A} give {C}?"),
    ),
    Deed(
        ("{A} described {B} as {C}.", "{B} was described by {A} as {C}.", "{A} called {B} {C}.",
         "{B} is {C}, {A} said.", "“{B} is {C},” said {A}.", "{A} said of {B}: “{C}”.", "To {A}, {B} is {C}."),
        ("How did {A} describe {B}?", "What did {A} say about {B}?", "What does {A} think of {B}?",
         "what did {a} call {b}", "How does {A} see {B}?", "What is {A}'s opinion of {B}?"),
        _VIEWS,
        ("Who called {B} {C}?", "Who described {B} as {C}?"),
        ("Whom did {A} call {C}?", "Who is {C}, according to {A}?"),
    ),
    Deed(
        ("{A} said that {B} {C}.", "“{B} {C},” {A} said.", "“{B} {C},” said {A}.", "{B} {C}, according to {A}.",
         "{A} told reporters that {B} {C}.", "In the view of {A}, {B} {C}.", "{A} said of {B} that it {C}."),
        ("What did {A} say about {B}?", "What does {A} say of {B}?", "What is {A}'s view of {B}?",
         "what did {a} tell reporters about {b}", "What did {A} claim about {B}?"),
        _CLAIMS,
        ("Who said that {B} {C}?",),
        ("Who {C}, according to {A}?",),
    ),
)  # fmt: skip
_FILLERS = (
    "{A} and {B} have been at odds since spring.", "Neither side would say more on Tuesday.", "The row began in March.",
    "{A} has 340 members.", "{B} was founded sixty years ago.", "A hearing is set for 14 May.", "The two sides meet again on Friday.",
    "Lawyers for {A} arrived early.", "Some 2,100 people followed the debate.", "{B} declined to comment on the rest.",
)  # fmt: skip
_TITLES = (
    "{A} and {B} trade words", "Row between {B} and {A} deepens", "Neighbours at odds", "No truce in sight", "",
    "{B} hits back at {A}", "Quarrel enters third week",
)  # fmt: skip
_PAIRS = (
    ("the union", "the port operator"), ("the tenants", "the landlord"), ("the club", "the league"), ("the mayor", "the governor"),
    ("the producers", "the broadcaster"), ("the north", "the south"), ("the hospital", "the insurers"), ("the farmers", "the dairy"),
    ("the coach", "the referee"), ("the museum", "the heirs"), ("the airline", "the airport"), ("the pupils", "the school board"),
)  # fmt: skip
_SYLLABLES = "bar kel vor dan mir tos len gar hol ster ann rik sol pen tal wick mar os ven dro ely fen lor ash quin ber".split()


def role_rows(count: int, rng: random.Random) -> Iterator[Row]:
    """Yield questions over short texts in which two sides do the same to each other, or only one does."""
    for _ in range(count):
        deed, other_deed = rng.choice(DEEDS), rng.choice(DEEDS)
        one, two = _sides(rng)
        first, second = rng.sample(deed.contents, 2)
        forth = _told(deed, one, two, first, rng)
        back = _told(deed, two, one, second, rng)
        lines = [forth] if rng.random() < 0.25 else [forth, back]
        if rng.random() < 0.4:
            third, fourth = rng.sample([one, two], 2)
            lines.append(_told(other_deed, third, fourth, rng.choice(other_deed.contents), rng))
        lines += [_filled(line, one, two, "") for line in rng.sample(_FILLERS, rng.randrange(1, 4))]
        rng.shuffle(lines)
        title = _filled(rng.choice(_TITLES), one, two, "")
        yield from _asked(deed, (one, two, first), forth, (title, " ".join(lines)), rng)
        reverse = back if back in lines else ""
        yield from _asked(deed, (two, one, second), reverse, (title, " ".join(lines)), rng)


def _asked(
    deed: Deed, who: tuple[str, str, str], sentence: str, story: tuple[str, str], rng: random.Random
) -> Iterator[Row]:
    """Yield one or two questions about one direction; without a sentence that tells it, nothing answers."""
    (one, two, content), (title, text) = who, story
    wanted = [(rng.choice(deed.asked), content)]
    if rng.random() < 0.35:
        wanted.append(rng.choice([(rng.choice(deed.by_whom), one), (rng.choice(deed.to_whom), two)]))
    for pattern, answer in wanted:
        start = text.find(sentence) if sentence else -1
        place = sentence.casefold().find(answer.casefold()) if sentence else -1
        spans = ((start + place, start + place + len(answer)),) if start >= 0 and place >= 0 else ()
        yield Row(_filled(pattern, one, two, content), title, text, spans, "roles", "d" if spans else "n")


def _told(deed: Deed, one: str, two: str, content: str, rng: random.Random) -> str:
    return _filled(rng.choice(deed.told), one, two, content)


def _filled(pattern: str, one: str, two: str, content: str) -> str:
    told = pattern.replace("{a}", one.lower()).replace("{b}", two.lower())
    told = told.replace("{A}", one).replace("{B}", two).replace("{C}", content)
    return told[:1].upper() + told[1:] if told[:1] != "“" else told[:1] + told[1:2].upper() + told[2:]


def _sides(rng: random.Random) -> tuple[str, str]:
    """Return two sides: places, people, firms, or what they are."""
    draw = rng.random()
    if draw < 0.25:
        first, second = rng.choice(_PAIRS)
        return (first, second) if rng.random() < 0.5 else (second, first)
    if draw < 0.5:
        return _name(rng), _name(rng)
    if draw < 0.75:
        return f"{_name(rng)} {_name(rng)}", f"{_name(rng)} {_name(rng)}"
    kinds = rng.sample(["Group", "United", "Council", "Mills", "Energy", "Rovers", "Ferries", "Trust"], 2)
    return f"{_name(rng)} {kinds[0]}", f"{_name(rng)} {kinds[1]}"


def _name(rng: random.Random) -> str:
    return "".join(rng.sample(_SYLLABLES, rng.choice((2, 2, 3)))).capitalize()
