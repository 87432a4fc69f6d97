"""Averages the weights of two readers, one trained on from the other: `python -m training.average A B OUT`.

Between them lie readers that are better than either where each is good (Wortsman et al. 2022, model soups).
"""

from __future__ import annotations

import argparse
from pathlib import Path

from .model import load, save


def main() -> None:
    """Read the command line and average."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("first", type=Path)
    parser.add_argument("second", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--share", type=float, default=0.5, help="how much of the second")
    arguments = parser.parse_args()
    reader, other = load(arguments.first), load(arguments.second).state_dict()
    share = arguments.share
    mean = {name: (1 - share) * value + share * other[name] for name, value in reader.state_dict().items()}
    reader.load_state_dict(mean)
    save(reader, arguments.out)


if __name__ == "__main__":
    main()
