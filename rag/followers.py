"""What the two searches that follow the catalogue share: the seal on their files, and their errors.

A seal says which change a follower has applied, and how its files looked then. It is broken before the files
change and set again when all is written. A follower without a whole seal was interrupted or damaged, and is
made anew from the catalogue.
"""

from __future__ import annotations

import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from .catalogue import Batch, Head, Vectors
from .errors import FootnotedError
from .tables import unwritable

NOTHING = Head("", 0)
"""The position of a follower that holds nothing."""
_SEAL = "seal.json"
_BLOCK = 1 << 20


class Follower(Protocol):
    """A search over what the catalogue holds.

    One process at a time may call `reopen`, `reset` or `apply`. Each raises IndexFolderError.
    """

    @property
    def position(self) -> Head:
        """The last change that is applied; `NOTHING` when it is closed, empty or damaged."""

    def close(self) -> None:
        """Release the files."""

    def reopen(self) -> None:
        """Read the folder anew, as another process may have left it."""

    def reset(self) -> None:
        """Throw everything away, files included, and start empty."""

    def apply(self, head: Head, batches: Iterable[Batch]) -> None:
        """Replace what is stored of the articles of each batch, then remember the change."""

    def is_sound(self, *, count: int, sample: dict[str, Vectors]) -> bool:
        """Tell whether it holds `count` passages and finds each sampled one by its vector."""


def read_seal(folder: Path) -> Head:
    """Return the sealed position, `NOTHING` when the seal is missing or a sealed file is not as it was."""
    try:
        seal = json.loads((folder / _SEAL).read_text("utf-8"))
        files = seal["files"].items()
        whole = all(_is_unchanged(folder / name, *state) for name, state in files)
        return Head(str(seal["uid"]), int(seal["number"])) if whole else NOTHING
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return NOTHING


def set_seal(folder: Path, head: Head, files: Iterable[Path]) -> None:
    """Seal a folder: these files are flushed to disk and remembered."""
    states = {str(path.relative_to(folder)): _state(path) for path in files}
    new = folder / f"{_SEAL}.new"
    new.write_text(json.dumps({"uid": head.uid, "number": head.number, "files": states}), "utf-8")
    _flush(new)
    new.replace(folder / _SEAL)


def break_seal(folder: Path) -> None:
    """Forget the position; the files are about to change."""
    (folder / _SEAL).unlink(missing_ok=True)


def clear(folder: Path) -> None:
    """Remove a follower's folder, whatever stands in its place."""
    if folder.is_dir() and not folder.is_symlink():
        break_seal(folder)
        shutil.rmtree(folder)
    else:
        folder.unlink(missing_ok=True)


@contextmanager
def failures(folder: Path) -> Iterator[None]:
    """Turn whatever a search library raises, panics of its Rust code included, into IndexFolderError."""
    try:
        yield
    except FootnotedError:
        raise
    except OSError as error:
        raise unwritable(folder, error) from None
    except BaseException as error:
        if not is_failure(error):
            raise
        reason = (str(error).splitlines() or [""])[0]
        raise unwritable(folder, reason or type(error).__name__) from None


def is_failure(error: BaseException) -> bool:
    """Tell an error from an interruption; Rust panics arrive as a BaseException that cannot be imported."""
    return isinstance(error, Exception) or type(error).__name__ == "PanicException"


def _state(path: Path) -> tuple[int, int, int]:
    """Return size, time of the last change in nanoseconds, and checksum."""
    _flush(path)
    about = path.stat()
    return about.st_size, about.st_mtime_ns, _checksum(path)


def _is_unchanged(path: Path, size: int, changed: int, checksum: int) -> bool:
    """Compare a file with its state; its content is read only when its time differs (a copied folder)."""
    about = path.stat()
    return about.st_size == size and (about.st_mtime_ns == changed or _checksum(path) == checksum)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            checksum = zlib.crc32(block, checksum)
    return checksum


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
