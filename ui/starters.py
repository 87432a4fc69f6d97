"""Questions to start with, made from the articles; `rag.suggesting` finds them."""

from rag.suggesting import COUNT, candidates, starters

__all__ = ["COUNT", "candidates", "starters"]
