"""Trains the reader: `python -m training.train DATA START OUT`; START is a checkpoint of MiniLM or ours."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from .data import Row, news_training_rows, public_rows
from .model import Reader, load, load_minilm, save
from .roles import role_rows
from .windows import Batch, Encoder, Window, stack

TOKENS = 2_880
"""Of one batch, padding included."""
CHECKPOINT_SECONDS = 180
ROUND = 6_000
"""Rows that are drawn and trained on before others are."""


def loss(reader: Reader, batch: Batch) -> Tensor:
    """Return -log of what is given to the allowed starts and ends, halved and averaged."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        start, end = reader(batch.ids, batch.mask, batch.segments)
    return sum(
        (
            -torch.logsumexp(functional.log_softmax(logits, -1).masked_fill(allowed == 0, -1e9), -1).mean()
            / 2
            for logits, allowed in ((start, batch.starts), (end, batch.ends))
        ),
        start=torch.zeros(()),
    )


def batches(windows: list[Window], rng: random.Random) -> list[Batch]:
    """Return batches of about equal length each, with about as many tokens, in a random order."""
    cut: list[list[Window]] = [[]]
    for each in sorted(windows, key=lambda window: len(window.ids) + rng.random() * 6):
        if (len(cut[-1]) + 1) * len(each.ids) > TOKENS:
            cut.append([])
        cut[-1].append(each)
    rng.shuffle(cut)
    return [stack(own) for own in cut]


def mixture(public: list[Row], news: list[Row], rng: random.Random, shares: Sequence[float]) -> list[Row]:
    """Draw the rows of one round: public ones, those of our stories, and who does what to whom, by shares."""
    of_public, of_news, of_roles = (round(ROUND * share) for share in shares)
    roles = list(role_rows(of_roles // 2 + 1, rng))
    return [
        *rng.sample(public, min(of_public, len(public))),
        *rng.sample(news, min(of_news, len(news))),
        *rng.sample(roles, min(of_roles, len(roles))),
    ]


def rate(elapsed: float, peak: float, warm: float = 0.03, hold: float = 0.0) -> float:
    """Return the learning rate after a share of the time: up, held, then down to 1 % of the peak."""
    if elapsed < warm:
        return peak * elapsed / warm
    if elapsed < hold:
        return peak
    return peak * (1 - 0.99 * (elapsed - max(warm, hold)) / (1 - max(warm, hold)))


def train(arguments: argparse.Namespace) -> Reader:
    """Train for the minutes asked for; a checkpoint is written every three."""
    torch.manual_seed(arguments.seed)
    rng = random.Random(arguments.seed)
    reader = load(arguments.start) if arguments.ours else load_minilm(arguments.start)
    reader.train()
    for part in (reader.words, reader.places, reader.segments, reader.norm):
        part.requires_grad_(requires_grad=False)
    learned = [p for p in reader.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learned, lr=arguments.peak, weight_decay=0.01, fused=True)
    encoder = Encoder(arguments.tokenizer, seed=arguments.seed)
    public = public_rows(Path(arguments.data), rng)
    began, seen, steps, smooth, written = time.monotonic(), 0, 0, 0.0, time.monotonic()
    while (elapsed := (time.monotonic() - began) / 60 / arguments.minutes) < 1:
        news = news_training_rows(rng)  # with other negatives each time
        print(f"{len(public)} public rows, {len(news)} of our own", flush=True)
        for batch in batches(encoder.encode(mixture(public, news, rng, arguments.shares)), rng):
            elapsed = (time.monotonic() - began) / 60 / arguments.minutes
            if elapsed >= 1:
                break
            for group in optimizer.param_groups:
                group["lr"] = rate(elapsed, arguments.peak, hold=arguments.hold)
            value = loss(reader, batch)
            value.backward()
            torch.nn.utils.clip_grad_norm_(learned, 1.0)
            optimizer.step()
            optimizer.zero_grad()
            seen, steps = seen + len(batch.ids), steps + 1
            smooth = value.item() if not smooth else smooth * 0.99 + value.item() * 0.01
            if steps % 100 == 0:
                print(
                    json.dumps(
                        {
                            "minutes": round(elapsed * arguments.minutes, 1),
                            "seen": seen,
                            "loss": round(smooth, 3),
                        }
                    ),
                    flush=True,
                )
            if time.monotonic() - written > CHECKPOINT_SECONDS:
                save(reader, arguments.out)
                written = time.monotonic()
    save(reader, arguments.out)
    return reader


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("start")
    parser.add_argument("out")
    parser.add_argument("--tokenizer", required=True, help="tokenizer.json of MiniLM")
    parser.add_argument("--ours", action="store_true", help="START was written by this script")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--peak", type=float, default=1.0e-4, help="highest learning rate")
    parser.add_argument("--hold", type=float, default=0.0, help="share of the time at the highest rate")
    parser.add_argument(
        "--shares",
        type=float,
        nargs=3,
        default=(0.35, 0.45, 0.2),
        help="of public rows, our stories, and roles",
    )
    parser.add_argument("--seed", type=int, default=0)
    torch.set_num_threads(2)
    train(parser.parse_args())


if __name__ == "__main__":
    main()
