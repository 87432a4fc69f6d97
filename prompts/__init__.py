"""Prompts as plain prose in `<task>.<role>.md`, with `$variables`, and the loader that checks them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent


class PromptError(ValueError):
    """A prompt file is missing, or its variables are not the ones that the code fills in."""


def render(name: str, **variables: str) -> str:
    """Fill in the prompt `<task>.<role>`.

    Raises PromptError when the file's variables are not exactly the ones given.
    """
    template = Template(_read(name))
    wanted = set(template.get_identifiers())
    if not template.is_valid() or wanted != set(variables):
        raise PromptError(
            f"prompts/{name}.md uses {_listed(wanted)}, but the code gives {_listed(set(variables))}."
        )
    return template.substitute(variables).strip()


def version(*names: str) -> str:
    """Return 12 hexadecimal digits that change when one of these prompts changes."""
    return hashlib.sha256("\0".join(_read(name) for name in names).encode()).hexdigest()[:12]


def _read(name: str) -> str:
    path = _FOLDER / f"{name}.md"
    if not path.is_file():
        raise PromptError(f"prompts/{name}.md is missing.")
    return path.read_text(encoding="utf-8")


def _listed(names: set[str]) -> str:
    return ", ".join(f"${name}" for name in sorted(names)) or "no variables"
