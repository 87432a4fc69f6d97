"""MiniLM-L6 with two heads: where the words that answer start and end, position 0 for none."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

LAYERS, WIDTH, HEADS, INNER, VOCABULARY, POSITIONS = 6, 384, 12, 1536, 30522, 512


class Layer(nn.Module):
    """One transformer layer, normalised after each half as BERT does."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.mixed = nn.Linear(WIDTH, WIDTH)
        self.mixed_norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.inner = nn.Linear(WIDTH, INNER)
        self.outer = nn.Linear(INNER, WIDTH)
        self.outer_norm = nn.LayerNorm(WIDTH, eps=1e-12)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Return new states (batch, tokens, 384); `mask` is 0 where a token is read, very low elsewhere."""
        batch, tokens, _ = x.shape
        q, k, v = (
            part.view(batch, tokens, HEADS, WIDTH // HEADS).transpose(1, 2)
            for part in self.qkv(x).split(WIDTH, dim=-1)
        )
        attended = functional.scaled_dot_product_attention(q, k, v, attn_mask=mask.to(q.dtype))
        attended = attended.transpose(1, 2).reshape(batch, tokens, WIDTH)
        x = self.mixed_norm(x + self.mixed(attended))
        return self.outer_norm(x + self.outer(functional.gelu(self.inner(x))))


class Reader(nn.Module):
    """Token ids, mask and segments (batch, tokens) -> start and end logits (batch, tokens)."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, WIDTH)
        self.places = nn.Embedding(POSITIONS, WIDTH)
        self.segments = nn.Embedding(2, WIDTH)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.spans = nn.Linear(WIDTH, 2)

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor) -> tuple[Tensor, Tensor]:
        """Return start and end logits; those of padding are very low."""
        places = torch.arange(ids.shape[1], device=ids.device)
        x = self.norm(self.words(ids) + self.places(places) + self.segments(segments))
        hidden = (1.0 - mask[:, None, None, :].to(x.dtype)) * -1e4
        for layer in self.layers:
            x = layer(x, hidden)
        start, end = (self.spans(x).float() + hidden[:, 0, 0, :, None].float()).unbind(-1)
        return start, end


def load_minilm(path: Path | str) -> Reader:
    """Return a reader with the weights of a BERT checkpoint (its names, with or without a span head)."""
    found = {name.removeprefix("bert."): value.float() for name, value in load_file(str(path)).items()}
    reader = Reader()
    state = {
        "words.weight": found["embeddings.word_embeddings.weight"],
        "places.weight": found["embeddings.position_embeddings.weight"],
        "segments.weight": found["embeddings.token_type_embeddings.weight"],
        "norm.weight": found["embeddings.LayerNorm.weight"],
        "norm.bias": found["embeddings.LayerNorm.bias"],
    }
    for kind in ("weight", "bias"):
        state[f"spans.{kind}"] = found.get(f"qa_outputs.{kind}", getattr(reader.spans, kind).data)
        for n in range(LAYERS):
            theirs = f"encoder.layer.{n}"
            attention = f"{theirs}.attention"
            state[f"layers.{n}.qkv.{kind}"] = torch.cat(
                [found[f"{attention}.self.{part}.{kind}"] for part in ("query", "key", "value")]
            )
            state[f"layers.{n}.mixed.{kind}"] = found[f"{attention}.output.dense.{kind}"]
            state[f"layers.{n}.mixed_norm.{kind}"] = found[f"{attention}.output.LayerNorm.{kind}"]
            state[f"layers.{n}.inner.{kind}"] = found[f"{theirs}.intermediate.dense.{kind}"]
            state[f"layers.{n}.outer.{kind}"] = found[f"{theirs}.output.dense.{kind}"]
            state[f"layers.{n}.outer_norm.{kind}"] = found[f"{theirs}.output.LayerNorm.{kind}"]
    reader.load_state_dict(state)
    return reader


def save(reader: Reader, path: Path | str) -> None:
    """Write the weights as half floats."""
    save_file({name: value.half().contiguous() for name, value in reader.state_dict().items()}, str(path))


def load(path: Path | str) -> Reader:
    """Read what `save` wrote."""
    reader = Reader()
    reader.load_state_dict({name: value.float() for name, value in load_file(str(path)).items()})
    return reader
