"""FastVlm whose decoder is read from the checkpoint layer by layer, each time
it is gone through: no more of it is in memory than one layer in float32."""

from collections.abc import Callable, Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastvlm.config import FastVlmConfig
from fastvlm.model import FastVlm
from fastvlm.qwen2 import DecoderLayer

from .checkpoint import Checkpoint
from .sizes import empty_model

# Of a graph's name and one of its modules.
Watch = Callable[[str, nn.Module], None]
# Rows of a large matrix that are in float32 at once.
ROWS = 1 << 13


class StoredEmbedding(nn.Module):
    """Rows as stored, looked up in float32."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.weight = weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight[ids].float()


class StoredLinear(nn.Module):
    """A matrix as stored, multiplied in float32."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        parts = [F.linear(x, rows.float()) for rows in self.weight.split(ROWS)]
        return torch.cat(parts, -1)


class StoredLayers:
    """The decoder's layers one after another; `keep` those that were read."""

    def __init__(
        self, checkpoint: Checkpoint, cfg: FastVlmConfig, keep: bool, watch: Watch
    ):
        self.checkpoint, self.cfg = checkpoint, cfg
        self.keep, self.watch = keep, watch
        self.kept: dict[int, DecoderLayer] = {}

    def __iter__(self) -> Iterator[DecoderLayer]:
        for index in range(self.cfg.text.layers):
            layer = self.kept.get(index) or self.read(index)
            if self.keep:
                self.kept[index] = layer
            yield layer

    def read(self, index: int) -> DecoderLayer:
        with torch.device("meta"):
            layer = DecoderLayer(self.cfg.text)
        state = self.checkpoint.state(f"language_model.layers.{index}.")
        layer.load_state_dict(state, assign=True)
        self.watch("decoder_model_merged", layer)
        return layer.eval().requires_grad_(False)


def load_model(
    checkpoint: Checkpoint, cfg: FastVlmConfig, keep: bool, watch: Watch
) -> FastVlm:
    """In eval mode, its vision tower in float32 and folded. `watch` is told the
    modules of each graph."""
    model = empty_model(cfg)
    for name in ("vision_tower", "projector", "language_model.norm"):
        module = model.get_submodule(name)
        counters = {
            key: torch.tensor(0)
            for key in module.state_dict()
            if key.endswith("num_batches_tracked")
        }
        module.load_state_dict(checkpoint.state(f"{name}.") | counters, assign=True)
    if cfg.vision.branches:
        model.vision_tower.fold()
    for name in ("vision_tower", "projector"):
        watch("vision_encoder", model.get_submodule(name))
    language, table = model.language_model, "language_model.embed_tokens.weight"
    language.embed_tokens = cast(nn.Embedding, StoredEmbedding(checkpoint.tensor(table)))
    del language.layers
    language.layers = cast(nn.ModuleList, StoredLayers(checkpoint, cfg, keep, watch))
    head = table if cfg.text.tied else "lm_head.weight"
    model.lm_head = cast(nn.Linear, StoredLinear(checkpoint.tensor(head)))
    return model.requires_grad_(False)
