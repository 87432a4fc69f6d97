"""Which capitalised words name nothing: function words anywhere, common words where a sentence opens."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

_PUNKT = "_static/nltk_cache/tokenizers/punkt_tab/english/ortho_context.tab"
_LOWER_CASE, _CAPITALISED_INSIDE = 0b1110000, 0b100


def is_function_word(word: str) -> bool:
    """Tell whether a lower-case word is grammar, or a title such as `Mr`, wherever it stands."""
    return word in _FUNCTION_WORDS


def is_opener(word: str) -> bool:
    """Tell whether a lower-case word is capitalised, at the opening of a sentence, for its place only.

    It must be among common openers of news sentences, or in the newspaper corpus of NLTK's Punkt (Kiss
    and Strunk 2006): seen in lower case and never capitalised inside a sentence. "Bush", "Rice" and
    "Turkey" are seen capitalised, so at an opening they count as names; so does every unknown word.
    """
    return word in _OPENERS or (word in _seen_in_lower_case_only() and word not in _ALSO_NAMES)


@cache
def _seen_in_lower_case_only() -> frozenset[str]:
    """Read Punkt's corpus evidence from the file that llama-index-core carries; empty without it."""
    spec = find_spec("llama_index.core")
    path = Path(spec.origin).parent / _PUNKT if spec and spec.origin else None
    if path is None or not path.is_file():
        return frozenset()
    rows = (line.rsplit("\t", 1) for line in path.read_text(encoding="utf-8").splitlines())
    return frozenset(
        word for word, flags in rows if int(flags) & _LOWER_CASE and not int(flags) & _CAPITALISED_INSIDE
    )


_FUNCTION_WORDS = frozenset(
    """
    a about according accordingly across additionally after afterwards again against ago all along already
    also although amid among an and another any anyone anything are around articles as aside at back based be
    because been before behind below beside besides between beyond both but by can could despite did do does
    due during each earlier either else even eventually every everyone everything except few finally
    following for former from further furthermore given had has have having he hence her here him his how
    however if in indeed initially instead into is it its itself just last late later latest least less let
    like likewise made many me meanwhile might more moreover most mr mrs ms dr much must my near neither
    never nevertheless next no nobody none nonetheless nor not nothing notably now of off often on once one
    only onto or other others otherwise our out over overall own part per perhaps rather recent same second
    several shall she should similarly since so some someone something sources specifically still such than
    that the their them then there therefore these they this those though through throughout thus to together
    too toward towards under unlike until up upon us was we were what when where whereas whether which while
    who whom whose why with within without would yes yet you your
    """.split()
)

_OPENERS = frozenset(
    """
    activists agreement aid analysts anti attacks authorities border business children cities citizens
    civilians clashes companies conflict countries courts dialogue diplomats doctors economists
    elections ex experts families farmers fighting figures fire forces government governments health
    hospitals human international investors jobs journalists judges law lawmakers lawyers leaders market
    markets mediation mediators medics meetings members militants military million ministers money
    nations negotiators news non officials oil opposition parents parliament peace people police
    political power pre president prices pro prosecutors public relations reporters reports rescuers
    research researchers residents result results retail sales schools scientists security shares
    soldiers special spokesman spokesperson spokeswoman state states students talks tax teachers tension
    today tomorrow trade troops villagers violence volunteers voters war witnesses women work workers
    yesterday
    """.split()
)
"""Common openers that headlines and titles capitalise inside a sentence too; none is a name by itself."""

_ALSO_NAMES = frozenset(
    """
    alphabet autumn bond bronze chambers chance crystal dawn discord dusty economist faith frost guardian
    guinea guy independent lion miles mobile moon page prince rob shell skip slack snap snow swift telegram
    wise
    """.split()
)
"""Names of people, places and companies that Punkt's corpus happens to show in lower case only."""
