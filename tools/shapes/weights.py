"""The made weights of a skeleton, and PyTorch's model with them."""

from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from fastvlm.config import FastVlmConfig
from fastvlm.model import FastVlm
from fastvlm.reparam import ConvNorm
from fastvlm.vision import LayerScale

from .noise import floats

# Where a graph's names begin; the vision tower's come without.
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
    """A folded model that has `weights`, each named by its place in it. What the
    graphs have folded into others is neutral here."""
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
    """The parameter that a weight of the graph is, or a part of it."""
    parent, _, last = path.rpartition(".")
    if last in ("q", "k", "v"):
        return find(model, parent).qkv.weight.chunk(3)["qkv".index(last)]
    module = find(model, path)
    if isinstance(module, ConvNorm):
        return module.conv.weight if kind == "weight" else module.bn.bias
    return getattr(getattr(module, "reparam_conv", None) or module, kind)


def like(value: Tensor, wanted: Tensor) -> Tensor:
    """The graph's matrices are transposed (MatMul), or 1x1 convolutions."""
    if value.dim() == 4 and wanted.dim() == 2:
        return value[:, :, 0, 0]
    return value.T if value.dim() == 2 else value
