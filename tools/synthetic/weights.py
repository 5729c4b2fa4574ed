"""Synthetic weight values, and PyTorch's model with them.

Each value is a hash of seed and index, so any part of a tensor can be computed
without the rest. tools/cli/synthetic/fill.mjs computes the same values, bit for
bit; tests compare both with tools/synthetic/vector.json.

    h      = mix(mix(index) ^ seed)                 mix: lowbias32, Chris Wellons
    float  = f32(f32((h >> 8) / 2^23 - 1) scale) + base      the hash's upper bits
    bytes  = h, little-endian
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from fastvlm.config import FastVlmConfig
from fastvlm.model import FastVlm
from fastvlm.reparam import ConvNorm
from fastvlm.vision import LayerScale

# Indices hashed at once, so that they fit the cache.
CHUNK = 1 << 16


def mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def words(seed: int, count: int) -> np.ndarray:
    """uint32 [count]."""
    out = np.empty(count, np.uint32)
    for start in range(0, count, CHUNK):
        index = np.arange(start, min(count, start + CHUNK), dtype=np.uint32)
        out[start : start + len(index)] = mix(mix(index) ^ np.uint32(seed))
    return out


def floats(seed: int, count: int, scale: float, base: float) -> np.ndarray:
    """float32 [count], uniform in base ± scale."""
    signed = (words(seed, count) >> np.uint32(8)).astype(np.int32) - (1 << 23)
    unit = signed.astype(np.float32) * np.float32(2**-23)
    return unit * np.float32(scale) + np.float32(base)


def octets(seed: int, count: int) -> np.ndarray:
    """uint8 [count]; `count` is a multiple of 4."""
    return words(seed, count // 4).astype("<u4").view(np.uint8)


def fill_values(fill: dict) -> np.ndarray:
    """The elements of a tensor, from its entry in fill.json."""
    kind, count = fill["kind"], fill["count"]
    if kind == "bytes":
        return octets(fill["seed"], count)
    if kind in ("cos", "sin"):
        table = np.array(fill["divisors"], np.float32)
        position = np.arange(count // len(table), dtype=np.float32)[:, None]
        angle = (position / table).astype(np.float64)
        values = (np.cos if kind == "cos" else np.sin)(angle).ravel().astype(np.float32)
    else:
        values = floats(fill["seed"], count, fill["scale"], fill["base"])
    half = fill.get("type", kind) == "f16"
    return values.astype(np.float16) if half else values


# Module prefixes of the graphs' weight names; other names belong to the vision tower.
PREFIXES = {
    "projector": "",
    "lm_head": "",
    "embed_tokens": "language_model.",
    "layers": "language_model.",
    "norm": "language_model.",
}


def tensors(folder: Path, fills: dict[str, list[dict]], graph: str) -> dict[str, Tensor]:
    """The float32 weights of a graph, by name."""
    structure = onnx.load(folder / "onnx" / f"{graph}.onnx", load_external_data=False)
    dims = {tensor.name: tuple(tensor.dims) for tensor in structure.graph.initializer}
    return {
        fill["tensor"]: torch.from_numpy(
            floats(fill["seed"], fill["count"], fill["scale"], fill["base"])
        ).reshape(dims[fill["tensor"]])
        for file, placed in fills.items()
        if file.startswith(f"{graph}.onnx_data")
        for fill in placed
        if fill["kind"] == "f32"
    }


@torch.no_grad()
def load(cfg: FastVlmConfig, weights: dict[str, Tensor]) -> FastVlm:
    """A folded model with `weights`, keyed by graph weight names. Layer scales and
    batch norms, which the graphs fold into other weights, become identities."""
    model = FastVlm(cfg).eval()
    model.vision_tower.fold()
    for module in model.modules():
        if isinstance(module, LayerScale):
            module.gamma.fill_(1)
        if isinstance(module, nn.BatchNorm2d):
            module.running_var.fill_(1 - module.eps)
    for name, value in weights.items():
        path, kind = name.rsplit(".", 1)
        parameter = target(model, path, kind)
        parameter.copy_(value if path == "embed_tokens" else like(value, parameter))
    return model


def find(model: FastVlm, path: str) -> nn.Module:
    return model.get_submodule(PREFIXES.get(path.split(".")[0], "vision_tower.") + path)


def target(model: FastVlm, path: str, kind: str) -> Tensor:
    """The parameter, or part of one, that a graph weight corresponds to."""
    parent, _, last = path.rpartition(".")
    if last in ("q", "k", "v"):
        return find(model, parent).qkv.weight.chunk(3)["qkv".index(last)]
    module = find(model, path)
    if isinstance(module, ConvNorm):
        return module.conv.weight if kind == "weight" else module.bn.bias
    return getattr(getattr(module, "reparam_conv", None) or module, kind)


def like(value: Tensor, wanted: Tensor) -> Tensor:
    """Undoes the graph's layout: transposed MatMul matrices and 1x1 convolutions."""
    if value.dim() == 4 and wanted.dim() == 2:
        return value[:, :, 0, 0]
    return value.T if value.dim() == 2 else value
