"""Random weights, for tests and where only shapes matter.

They are scaled by fan-in so that a signal passes every layer. Batch statistics and
layer scales differ from their initial values so that no folding is trivially right.
"""

import torch
from torch import nn

from .qwen2 import RMSNorm
from .vision import LayerScale


@torch.no_grad()
def fill_weights(model: nn.Module, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)

    def normal(p: torch.Tensor, std: float, mean: float = 0.0) -> None:
        p.normal_(mean, std, generator=random)

    for module in model.modules():
        if isinstance(module, (nn.Conv2d, nn.Linear)):
            fan_in = module.weight[0].numel()
            normal(module.weight, fan_in**-0.5)
            if module.bias is not None:
                normal(module.bias, 0.1)
        elif isinstance(module, nn.BatchNorm2d):
            normal(module.weight, 0.2, 1.0)
            normal(module.bias, 0.2)
            normal(module.running_mean, 0.2)
            module.running_var.uniform_(0.5, 1.5, generator=random)
        elif isinstance(module, LayerScale):
            module.gamma.uniform_(0.2, 0.8, generator=random)
        elif isinstance(module, nn.Embedding):
            normal(module.weight, 1.0)
        elif isinstance(module, (RMSNorm, nn.LayerNorm)):
            normal(module.weight, 0.2, 1.0)
            if isinstance(module, nn.LayerNorm):
                normal(module.bias, 0.1)
