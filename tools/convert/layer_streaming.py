"""A FastVlm that reads its decoder layers from the checkpoint on each pass, so only
one layer in float32 is in memory."""

from collections.abc import Callable, Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fastvlm.config import FastVlmConfig
from fastvlm.model import FastVlm
from fastvlm.qwen2 import DecoderLayer

from .checkpoint import Checkpoint
from .model_config import meta_model

# Called with the name of a graph and one of its modules.
Observer = Callable[[str, nn.Module], None]
# Rows of a large matrix converted to float32 at once.
ROWS = 1 << 13


class StoredEmbedding(nn.Module):
    """An embedding in its stored dtype, with lookups in float32."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.weight = weight

    def forward(self, ids: Tensor) -> Tensor:
        return self.weight[ids].float()


class StoredLinear(nn.Module):
    """A linear layer in its stored dtype, multiplied in float32."""

    def __init__(self, weight: Tensor):
        super().__init__()
        self.weight = weight

    def forward(self, x: Tensor) -> Tensor:
        parts = [F.linear(x, rows.float()) for rows in self.weight.split(ROWS)]
        return torch.cat(parts, -1)


class StoredLayers:
    """Iterates over the decoder's layers; `cache` keeps them in memory."""

    def __init__(
        self, checkpoint: Checkpoint, cfg: FastVlmConfig, cache: bool, observe: Observer
    ):
        self.checkpoint, self.cfg = checkpoint, cfg
        self.cache, self.observe = cache, observe
        self.cached: dict[int, DecoderLayer] = {}

    def __iter__(self) -> Iterator[DecoderLayer]:
        for index in range(self.cfg.text.layers):
            layer = self.cached.get(index) or self.read(index)
            if self.cache:
                self.cached[index] = layer
            yield layer

    def read(self, index: int) -> DecoderLayer:
        with torch.device("meta"):
            layer = DecoderLayer(self.cfg.text)
        state = self.checkpoint.state(f"language_model.layers.{index}.")
        layer.load_state_dict(state, assign=True)
        self.observe("decoder_model_merged", layer)
        return layer.eval().requires_grad_(False)


def load_model(
    checkpoint: Checkpoint, cfg: FastVlmConfig, cache: bool, observe: Observer
) -> FastVlm:
    """The model in eval mode; its vision tower is folded and in float32. `observe` is
    called with the modules of each graph."""
    model = meta_model(cfg)
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
        observe("vision_encoder", model.get_submodule(name))
    language, table = model.language_model, "language_model.embed_tokens.weight"
    stored = checkpoint.tensor(table)
    rows = F.pad(stored, (0, 0, 0, cfg.text.vocab - len(stored)))
    language.embed_tokens = cast(nn.Embedding, StoredEmbedding(rows))
    del language.layers
    language.layers = cast(nn.ModuleList, StoredLayers(checkpoint, cfg, cache, observe))
    head = table if cfg.text.tied else "lm_head.weight"
    model.lm_head = cast(nn.Linear, StoredLinear(checkpoint.tensor(head)))
    return model.requires_grad_(False)
