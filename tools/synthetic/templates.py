"""Writes the ONNX graphs of the synthetic models without their weights.

    python -m synthetic.templates

For each of MODELS this writes synthetic/models/NAME: configuration files,
onnx/*.onnx whose external data does not exist, and fill.json, which says how
`node tools/cli/synthetic/synthetic.mjs` fills each tensor.
"""

import json
import shutil
from collections.abc import Iterable
from math import prod, sqrt
from pathlib import Path
from unittest.mock import patch
from zlib import crc32

import numpy as np
import torch
from onnx import ModelProto, TensorProto
from tokenizers import Tokenizer
from torch import nn

from fastvlm.config import FastVlmConfig, TextConfig
from fastvlm.graphs import BUILDERS, builder
from fastvlm.graphs.dtypes import DTYPES
from fastvlm.graphs.quantize import BLOCK
from fastvlm.model import FastVlm
from fastvlm.model_folder import SpecialTokens, write_model_configs

from .eight_bit import code_type, quantize_nodes
from .models import MODELS, SyntheticModel

HERE = Path(__file__).parent
TOKENIZER = HERE / "tokenizer" / "tokenizer.json"
# Maximum bytes of an external data file, and the alignment of tensors in it.
FILE_LIMIT, ALIGNMENT = 4_000_000_000, 4096
KINDS = {
    TensorProto.FLOAT: "f32",
    TensorProto.FLOAT16: "f16",
    TensorProto.UINT8: "bytes",
    TensorProto.INT8: "bytes",
}

# Factors on the usual 1 / sqrt(fan_in): below 1 for layers that add to a residual
# stream, above 1 on the image's path, where each Gelu halves small values, and for
# the logits, one of which must stand out.
GAINS = {
    "fc2": 0.5,
    "proj": 0.5,
    "o_proj": 0.5,
    "down_proj": 0.5,
    "stem": 2.0,
    "downsample": 2.0,
    "final_conv": 3.0,
    "linear_1": 2.0,
    "linear_2": 4.0,
    "lm_head": 3.0,
}
# Standard deviation of uniformly distributed 4-bit codes 0..15.
CODE_DEVIATION = sqrt((16**2 - 1) / 12)


def gain(path: list[str]) -> float:
    """The gain of the layer itself, or of the nearest enclosing module with one."""
    return next((GAINS[part] for part in reversed(path) if part in GAINS), 1.0)


def distribution(name: str, dims: list[int]) -> tuple[float, float]:
    """Scale and base of the uniform values of a tensor: large enough to carry a
    signal through every layer, small enough not to overflow."""
    *path, kind = name.split(".")
    if kind == "scales":
        base = gain(path) / sqrt(dims[1] * BLOCK) / CODE_DEVIATION
        return base / 4, base
    if kind == "bias":
        return 0.02, 0.0
    if path[-1] == "embed_tokens":
        return sqrt(3), 0.0
    if len(dims) == 1:
        return 0.3, 1.0  # a norm
    if len(dims) == 4 and dims[1] == 1:
        # Depthwise: a slight blur, so that large areas of the image survive.
        kernel = dims[2] * dims[3]
        return gain(path) * 0.25 * sqrt(3 / kernel), gain(path) / kernel
    fan_in = prod(dims[1:]) if len(dims) == 4 else dims[0]
    return gain(path) * sqrt(3 / fan_in), 0.0


def seed(model: str, name: str) -> int:
    return crc32(f"{model}/{name}".encode())


class TemplateWriter:
    """A WeightWriter (fastvlm/graphs/external_data.py) that records how to fill
    each weight instead of storing it: `files`, keyed by external file name."""

    def __init__(self, cfg: FastVlmConfig, graph: str):
        self.cfg, self.graph = cfg, graph
        self.files: dict[str, list[dict]] = {}
        self.end = 0

    def add(self, tensor: TensorProto, size: int, chunks: Iterable[bytes]) -> None:
        kind = KINDS.get(tensor.data_type)
        if kind is None:
            tensor.raw_data = b"".join(chunks)
            return
        if not self.files or self.end + size > FILE_LIMIT:
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


class EightBitWriter(TemplateWriter):
    """Writes the weights that `quantize_nodes` expects: codes, with these `bounds`."""

    def __init__(self, cfg: FastVlmConfig, graph: str):
        super().__init__(cfg, graph)
        self.bounds: dict[str, float] = {}

    def add(self, tensor: TensorProto, size: int, chunks: Iterable[bytes]) -> None:
        dims = list(tensor.dims)
        codes = code_type(tensor.name, dims)
        if codes is not None:
            self.bounds[tensor.name], _ = distribution(tensor.name, dims)
            tensor.data_type = codes
            size = prod(dims)
        super().add(tensor, size, chunks)


def fill_of(cfg: FastVlmConfig, tensor: TensorProto, kind: str) -> dict:
    """A Fill as tools/cli/synthetic/fill.mjs declares it."""
    name, dims = tensor.name, list(tensor.dims)
    count = int(np.prod(dims))
    if name in ("cos_cache", "sin_cache"):
        table = rotary_divisors(cfg.text)
        return {"kind": name[:3], "type": kind, "count": count, "divisors": table}
    fill = {"kind": kind, "count": count, "seed": seed(cfg.name, name)}
    if kind == "bytes":
        return fill
    scale, base = (float(np.float32(x)) for x in distribution(name, dims))
    return fill | {"scale": scale, "base": base}


def rotary_divisors(cfg: TextConfig) -> list[float]:
    """The position divided by each of these is an angle of the rotary embedding."""
    exponent = np.arange(0, cfg.head_dim, 2, dtype=np.float32) / np.float32(cfg.head_dim)
    return (np.float32(cfg.rope_theta) ** exponent).tolist()


def weightless_model(model: SyntheticModel) -> FastVlm:
    """A folded FastVlm whose weights have shapes but share one element of memory."""
    text = model.cfg.text
    with torch.device("meta"):
        vlm = FastVlm(model.cfg)
        vlm.vision_tower.fold()
        vlm.language_model.embed_tokens = nn.Embedding(model.rows, text.hidden)
    for module in vlm.modules():
        for name, p in list(module.named_parameters(recurse=False)):
            p = torch.zeros((), dtype=p.dtype).expand(p.shape)
            setattr(module, name, nn.Parameter(p, requires_grad=False))
        for name, b in list(module.named_buffers(recurse=False)):
            module.register_buffer(name, torch.zeros((), dtype=b.dtype).expand(b.shape))
    return vlm


def quantized_zeros(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Replaces `quantize`: arrays of the right shapes, without the work."""
    n, blocks = len(weight), -(-weight.shape[1] // BLOCK)
    packed = np.zeros((n, blocks, BLOCK // 2), np.uint8)
    return packed, np.zeros((n, blocks), np.float32)


def build(model: SyntheticModel, file: str) -> tuple[ModelProto, dict[str, list[dict]]]:
    """The graph with this file name (without .onnx), and the fills of its external
    data files."""
    graph, _, dtype = file.rpartition("_")
    if dtype == "quantized":
        eight_bit = EightBitWriter(model.cfg, file)
        proto = BUILDERS[graph](weightless_model(model), "fp32", eight_bit)
        quantize_nodes(proto, eight_bit.bounds)
        return proto, eight_bit.files
    if dtype not in DTYPES:
        graph, dtype = file, "fp32"
    writer = TemplateWriter(model.cfg, file)
    with patch.object(builder, "quantize", quantized_zeros):
        proto = BUILDERS[graph](weightless_model(model), dtype, writer)
    return proto, writer.files


def write_model(name: str, model: SyntheticModel) -> None:
    out = HERE / "models" / name
    shutil.rmtree(out, ignore_errors=True)
    (out / "onnx").mkdir(parents=True)
    # The tokenizer is the same for all models; synthetic.mjs writes it.
    tokenizer = model.tokenizer(Tokenizer.from_file(str(TOKENIZER)))
    write_model_configs(out, model.cfg, SpecialTokens.of(tokenizer))
    files: dict[str, list[dict]] = {}
    for graph in model.graphs:
        proto, fills = build(model, graph)
        files |= fills
        content = proto.SerializeToString(deterministic=True)
        (out / "onnx" / f"{graph}.onnx").write_bytes(content)
    (out / "fill.json").write_text(fill_json(model, files))


def fill_json(model: SyntheticModel, files: dict[str, list[dict]]) -> str:
    """One line per tensor."""
    lines = [
        f"    {json.dumps(file)}: [\n"
        + ",\n".join(json.dumps(fill, separators=(",", ":")) for fill in fills)
        + "\n    ]"
        for file, fills in files.items()
    ]
    head = {
        "graphs": model.default_graphs,
        "special": model.first_special,
        "context": model.context,
    }
    start = "".join(f"  {json.dumps(k)}: {json.dumps(v)},\n" for k, v in head.items())
    return f'{{\n{start}  "files": {{\n' + ",\n".join(lines) + "\n  }\n}\n"


def main() -> None:
    for name, model in MODELS.items():
        write_model(name, model)
        print(f"{name}: {', '.join(model.graphs)}")


if __name__ == "__main__":
    main()
