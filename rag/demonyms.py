"""Countries and the words for their people: "Turkish" in a sentence is held by "Turkey" in its source.

A table and not a rule: by a common beginning, Niger would pass for Nigeria and Austria for Australia.
"""

from __future__ import annotations

from functools import cache

_TABLE = """
afghanistan afghan; albania albanian; algeria algerian; angola angolan; argentina argentine argentinian;
armenia armenian; australia australian; austria austrian; azerbaijan azerbaijani azeri; bahrain bahraini;
bangladesh bangladeshi; belarus belarusian; belgium belgian; bolivia bolivian; bosnia bosnian; brazil
brazilian; britain british briton uk; bulgaria bulgarian; burma burmese myanmar; cambodia cambodian;
cameroon cameroonian; canada canadian; chile chilean; china chinese; colombia colombian; croatia croatian
croat; cuba cuban; cyprus cypriot; czechia czech; denmark danish dane; ecuador ecuadorian; egypt egyptian;
england english; eritrea eritrean; estonia estonian; ethiopia ethiopian; eu european europe; finland finnish
finn; france french; georgia georgian; germany german; ghana ghanaian; greece greek; guatemala guatemalan;
haiti haitian; honduras honduran; hungary hungarian; iceland icelandic icelander; india indian; indonesia
indonesian; iran iranian; iraq iraqi; ireland irish; israel israeli; italy italian; jamaica jamaican; japan
japanese; jordan jordanian; kazakhstan kazakh; kenya kenyan; kosovo kosovar; kurdistan kurdish kurd; kuwait
kuwaiti; kyrgyzstan kyrgyz; laos laotian; latvia latvian; lebanon lebanese; liberia liberian; libya libyan;
lithuania lithuanian; malaysia malaysian; mali malian; malta maltese; mexico mexican; moldova moldovan;
mongolia mongolian; morocco moroccan; mozambique mozambican; namibia namibian; nepal nepali nepalese;
netherlands dutch; nicaragua nicaraguan; niger nigerien; nigeria nigerian; norway norwegian; oman omani;
pakistan pakistani; palestine palestinian; panama panamanian; paraguay paraguayan; peru peruvian;
philippines philippine filipino; poland polish pole; portugal portuguese; qatar qatari; romania romanian;
russia russian; rwanda rwandan; scotland scottish scot; senegal senegalese; serbia serbian serb; singapore
singaporean; slovakia slovak; slovenia slovenian slovene; somalia somali; spain spanish spaniard; sudan
sudanese; sweden swedish swede; switzerland swiss; syria syrian; taiwan taiwanese; tajikistan tajik;
tanzania tanzanian; thailand thai; tunisia tunisian; turkey turkish turk turkiye; turkmenistan turkmen;
uganda ugandan; ukraine ukrainian; uruguay uruguayan; uzbekistan uzbek; venezuela venezuelan; vietnam
vietnamese; wales welsh; yemen yemeni; zambia zambian; zimbabwe zimbabwean; us usa american america
"""

PHRASES = {
    "united states": "us",
    "united kingdom": "uk",
    "european union": "eu",
    "united nations": "un",
    "united arab emirates": "uae",
    "saudi arabia": "saudi",
}
"""Names of several words, and the short form by which they go."""


@cache
def _groups() -> dict[str, frozenset[str]]:
    groups = [frozenset(group.split()) for group in _TABLE.replace("\n", " ").split(";")]
    return {word: group for group in groups for word in group}


def kin(word: str) -> frozenset[str]:
    """Return the words that stand for the same country or people, lower case; empty for other words."""
    return _groups().get(word, frozenset())
