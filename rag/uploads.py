"""Files that came through the page: kept in the index folder, under names that can do no harm."""

from __future__ import annotations

import os
import re
import unicodedata
from pathlib import Path

from .articles import path_of
from .index import UPLOADS
from .tables import unwritable

_LONGEST = 120
"""Longest name of a file, in bytes; file systems take 255, backups of them less."""


def safe_name(name: str) -> str:
    """Return a name given by a browser as one that stays in its folder: no path, no control, no dot first."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    printable = "".join(c if c.isprintable() else " " for c in last)
    clean = " ".join(re.sub(r'[<>:"|?*]', " ", printable).split()).lstrip(". ")
    stem, dot, suffix = clean.rpartition(".")
    if not dot:
        stem, suffix = clean, ""
    room = _LONGEST - len(dot + suffix)
    return (_cut(stem, max(room, 1)).rstrip(" .") or "article") + dot + suffix


def store_upload(folder: Path, name: str, data: bytes) -> Path:
    """Write an uploaded file into an index folder, in place of one of the same name; return its path.

    Raises IndexFolderError when it cannot be written.
    """
    path = folder / UPLOADS / safe_name(name)
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(data)
        beside.replace(path)
    except OSError as error:
        raise unwritable(folder, error) from None
    return path


def discard_upload(folder: Path, uri: str) -> None:
    """Delete the file of a URI if it is an uploaded one."""
    path = path_of(uri)
    if path is not None and path.parent == Path(os.path.realpath(folder)) / UPLOADS:
        path.unlink(missing_ok=True)


def _cut(text: str, size: int) -> str:
    return text.encode("utf-8", "replace")[:size].decode("utf-8", "ignore")
