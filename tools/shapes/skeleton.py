"""Writes graphs of true shapes without their weights, and how to fill those in.

    python -m shapes.skeleton

For each of MODELS a folder shapes/models/NAME: the configuration files,
onnx/*.onnx whose weights are external and do not exist, and fill.json, which
`node tools/cli/made.mjs` makes them of.
"""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from onnx import ModelProto, TensorProto
from tokenizers import Tokenizer
from torch import nn

from fastvlm.config import FastVlmConfig, TextConfig
from fastvlm.folder import write_configs
from fastvlm.graphs import BUILDERS, builder
from fastvlm.graphs.dtypes import DTYPES
from fastvlm.model import FastVlm

from .models import MODELS, Shape
from .recipe import recipe, seed

HERE = Path(__file__).parent
# Bytes of one file of external data, and where in it a weight may begin.
LARGEST, ALIGNMENT = 4_000_000_000, 4096
KINDS = {
    TensorProto.FLOAT: "f32",
    TensorProto.FLOAT16: "f16",
    TensorProto.UINT8: "bytes",
}


class Hollow:
    """A graph's store (fastvlm/graphs/store.py) that keeps no weight, but how
    to make it: `files`, by the names of external files."""

    def __init__(self, cfg: FastVlmConfig, graph: str):
        self.cfg, self.graph = cfg, graph
        self.files: dict[str, list[dict]] = {}
        self.end = 0

    def add(self, tensor: TensorProto, size: int, chunks: Iterable[bytes]) -> None:
        kind = KINDS.get(tensor.data_type)
        if kind is None:
            tensor.raw_data = b"".join(chunks)
            return
        if not self.files or self.end + size > LARGEST:
            ending = f"_{len(self.files)}" if self.files else ""
            self.files[f"{self.graph}.onnx_data{ending}"] = []
            self.end = 0
        file = list(self.files)[-1]
        fill = {"tensor": tensor.name, "offset": self.end, **fill_of(self.cfg, tensor, kind)}
        self.files[file].append(fill)
        tensor.data_location = TensorProto.EXTERNAL
        place = {"location": file, "offset": self.end, "length": size}
        for key, value in place.items():
            tensor.external_data.add(key=key, value=str(value))
        self.end += -(-size // ALIGNMENT) * ALIGNMENT


def fill_of(cfg: FastVlmConfig, tensor: TensorProto, kind: str) -> dict:
    """As a Fill of tools/cli/made-fill.mjs."""
    name, dims = tensor.name, list(tensor.dims)
    count = int(np.prod(dims))
    if name in ("cos_cache", "sin_cache"):
        table = divisors(cfg.text)
        return {"kind": name[:3], "type": kind, "count": count, "divisors": table}
    made = {"kind": kind, "count": count, "seed": seed(cfg.name, name)}
    if kind == "bytes":
        return made
    scale, base = (float(np.float32(x)) for x in recipe(name, dims))
    return made | {"scale": scale, "base": base}


def divisors(cfg: TextConfig) -> list[float]:
    """Of the position, for each angle of the rotary embedding."""
    exponent = np.arange(0, cfg.head_dim, 2, dtype=np.float32) / np.float32(cfg.head_dim)
    return (np.float32(cfg.rope_theta) ** exponent).tolist()


def hollow(shape: Shape) -> FastVlm:
    """A folded model whose weights have shapes, and no memory of their own."""
    text = shape.cfg.text
    with torch.device("meta"):
        model = FastVlm(shape.cfg)
        model.vision_tower.fold()
        model.language_model.embed_tokens = nn.Embedding(shape.rows, text.hidden)
    for module in model.modules():
        for name, p in list(module.named_parameters(recurse=False)):
            p = torch.zeros((), dtype=p.dtype).expand(p.shape)
            setattr(module, name, nn.Parameter(p, requires_grad=False))
        for name, b in list(module.named_buffers(recurse=False)):
            module.register_buffer(name, torch.zeros((), dtype=b.dtype).expand(b.shape))
    return model


def zeros(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """In place of `quantize`: its shapes."""
    n, blocks = len(weight), -(-weight.shape[1] // builder.BLOCK)
    packed = np.zeros((n, blocks, builder.BLOCK // 2), np.uint8)
    return packed, np.zeros((n, blocks), np.float32)


def build(shape: Shape, file: str) -> tuple[ModelProto, dict[str, list[dict]]]:
    """The graph of a file's name, and the fills of its external files."""
    graph, _, dtype = file.rpartition("_")
    if dtype not in DTYPES:
        graph, dtype = file, "fp32"
    store = Hollow(shape.cfg, file)
    with patch.object(builder, "quantize", zeros):
        proto = BUILDERS[graph](hollow(shape), dtype, store)
    return proto, store.files


def write_model(name: str, shape: Shape) -> None:
    out = HERE / "models" / name
    shutil.rmtree(out, ignore_errors=True)
    (out / "onnx").mkdir(parents=True)
    write_configs(out, shape.cfg, shape.tokenizer(Tokenizer.from_file(str(TOKENIZER))))
    # The same for all: made.mjs writes them.
    for file in ("tokenizer.json", "tokenizer_config.json"):
        (out / file).unlink(missing_ok=True)
    files: dict[str, list[dict]] = {}
    for graph in shape.graphs:
        proto, fills = build(shape, graph)
        files |= fills
        content = proto.SerializeToString(deterministic=True)
        (out / "onnx" / f"{graph}.onnx").write_bytes(content)
    (out / "fill.json").write_text(fill_json(shape, files))


def fill_json(shape: Shape, files: dict[str, list[dict]]) -> str:
    """A line for each tensor."""
    lines = [
        f"    {json.dumps(file)}: [\n"
        + ",\n".join(json.dumps(fill, separators=(",", ":")) for fill in fills)
        + "\n    ]"
        for file, fills in files.items()
    ]
    head = {"graphs": shape.usual, "special": shape.special, "context": shape.context}
    start = "".join(f"  {json.dumps(k)}: {json.dumps(v)},\n" for k, v in head.items())
    return f'{{\n{start}  "files": {{\n' + ",\n".join(lines) + "\n  }\n}\n"


TOKENIZER = HERE / "tokenizer" / "tokenizer.json"


def main() -> None:
    for name, shape in MODELS.items():
        write_model(name, shape)
        print(f"{name}: {', '.join(shape.graphs)}")


if __name__ == "__main__":
    main()
