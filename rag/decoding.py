"""Bytes -> text: what its first bytes mark, UTF-8, or what is recognised."""

from __future__ import annotations

import codecs
import re

import charset_normalizer

from .errors import ArticleError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16's, which it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_NOT_GUESSED = ["utf_7", *(f"utf_{bits}{end}" for bits in (16, 32) for end in ("", "_be", "_le"))]
"""Encodings that fit almost any bytes; they are read when they are marked."""
_NOT_WESTERN = re.compile(
    r"[À-ÖØ-öø-ÿŒœŠšŽžŸ]{3}|[ÐÞÝðþý]|[^\W\d_][¡¢£¤¥¦§©¬®¯±²³¶¸¹º¼½¾¿×÷]+[^\W\d_]|[^\W\d_]{3}[¹³]"
)
"""What other languages look like when they are read as cp1252: runs of accents, signs inside words."""
_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f\ufffd]")


def decode(raw: bytes, *, declared: str | None = None) -> str:
    """Decode bytes, with LF line ends; `declared` is what the document says of itself.

    Raises ArticleError for what is no text.
    """
    text = _decode_marked(raw, declared)
    if text is None:
        if b"\x00" in raw:
            raise ArticleError("binary file, not text")
        text = _recognise(raw)
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    if len(_UNSHOWN.findall(text)) > len(text) / 100:
        raise ArticleError("binary file, not text")
    return text.replace("\x00", " ")


def _decode_marked(raw: bytes, declared: str | None) -> str | None:
    encoding = next((name for mark, name in _MARKS.items() if raw.startswith(mark)), None)
    for name in (encoding, "utf-8", declared):
        try:
            if name:
                return raw.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    return None


def _recognise(raw: bytes) -> str:
    """Read western text as such, since too little of it shows for a guess; guess the rest."""
    try:
        western = raw.decode("cp1252")
    except UnicodeDecodeError:
        western = None
    if western is not None and not _NOT_WESTERN.search(western):
        return western
    best = charset_normalizer.from_bytes(raw, cp_exclusion=_NOT_GUESSED).best()
    if best is None:
        raise ArticleError("encoding not recognised; save it as UTF-8")
    return str(best)
