"""Writes the trained reader as int8 ONNX: `python -m training.export WEIGHTS OUT`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from .model import Reader, load

INPUTS = ("input_ids", "attention_mask", "token_type_ids")


class _Exported(nn.Module):
    """The reader with both heads stacked: logits (batch, tokens, 2)."""

    def __init__(self, reader: Reader) -> None:
        super().__init__()
        self.reader = reader

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor) -> Tensor:
        start, end = self.reader(ids, mask, segments)
        return torch.stack((start, end), dim=-1)


def write_float(reader: Reader, out: Path) -> None:
    """Write the reader as it is, in 32-bit floats."""
    example = tuple(torch.ones((2, 16), dtype=torch.int64) for _ in INPUTS)
    axes = {name: {0: "batch", 1: "tokens"} for name in (*INPUTS, "logits")}
    with torch.no_grad():
        torch.onnx.export(
            _Exported(reader).eval(),
            example,
            str(out),
            input_names=list(INPUTS),
            output_names=["logits"],
            dynamic_axes=axes,
            opset_version=17,
            dynamo=False,
        )


def write_int8(weights: Path, out: Path) -> None:
    """Write the reader with 8-bit weights: a scale for each output of a layer, and for each row of a table.

    They are read as floats before they are used, so that nothing but rounding is lost, and every runtime and
    machine computes alike.
    """
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "reader.onnx"
        write_float(load(weights), plain)
        model = onnx.load(str(plain))
    graph = model.graph
    tables = {each.name: each for each in graph.initializer}
    nodes = []
    for node in graph.node:
        name = {"MatMul": node.input[1:2], "Gather": node.input[:1]}.get(node.op_type, ())
        table = tables.get(name[0]) if name else None
        if table is None or len(table.dims) != 2 or "/spans/" in node.name:
            nodes.append(node)
        elif node.op_type == "MatMul":
            nodes += _small_matmul(graph, node, table)
        else:
            nodes += _small_gather(graph, node, table)
    del graph.node[:]
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(out))


def _small_matmul(
    graph: onnx.GraphProto, node: onnx.NodeProto, table: onnx.TensorProto
) -> list[onnx.NodeProto]:
    name = _store(graph, table, axis=0)
    cast = helper.make_node("Cast", [f"{name}_int8"], [f"{name}_cast"], to=TensorProto.FLOAT)
    scaled = helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [f"{name}_float"])
    node.input[1] = f"{name}_float"
    return [cast, scaled, node]


def _small_gather(
    graph: onnx.GraphProto, node: onnx.NodeProto, table: onnx.TensorProto
) -> list[onnx.NodeProto]:
    name, ids, out = _store(graph, table, axis=1), node.input[1], node.output[0]
    return [
        helper.make_node("Gather", [f"{name}_int8", ids], [f"{name}_rows"]),
        helper.make_node("Gather", [f"{name}_scale", ids], [f"{name}_scales"]),
        helper.make_node("Cast", [f"{name}_rows"], [f"{name}_cast"], to=TensorProto.FLOAT),
        helper.make_node("Mul", [f"{name}_cast", f"{name}_scales"], [out]),
    ]


def _store(graph: onnx.GraphProto, table: onnx.TensorProto, *, axis: int) -> str:
    """Put a table's 8-bit values and its scales in its place; `axis` is the one that shares a scale."""
    values = numpy_helper.to_array(table)
    scale = np.maximum(np.abs(values).max(axis=axis, keepdims=True) / 127, 1e-9).astype(np.float32)
    small = np.round(values / scale).astype(np.int8)
    name = table.name
    graph.initializer.remove(table)
    graph.initializer.append(numpy_helper.from_array(small, f"{name}_int8"))
    graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
    return name


def main() -> None:
    """Read the command line and export."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    write_int8(arguments.weights, arguments.out)
    print(f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
