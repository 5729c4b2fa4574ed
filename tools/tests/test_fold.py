"""Training branches fold into single convolutions without changing the output."""

import copy

import pytest
import torch
from model_fixtures import small_config, synthetic_vlm

from fastvlm.reparam import ReparamConv
from fastvlm.vision import PositionalEncoding, RepMixer


@pytest.mark.parametrize("branches", [True, False])
@torch.inference_mode()
def test_folded_tower_computes_the_same(branches: bool) -> None:
    tower = synthetic_vlm(small_config(branches)).vision_tower
    folded = copy.deepcopy(tower).fold()
    pixels = torch.rand(2, 3, 128, 192, generator=torch.Generator().manual_seed(1))
    wanted = tower(pixels)
    assert wanted.std() > 0.01
    torch.testing.assert_close(folded(pixels), wanted, rtol=1e-4, atol=1e-5)


def test_only_single_convolutions_remain() -> None:
    tower = synthetic_vlm(small_config(True)).vision_tower.fold()
    for module in tower.modules():
        if isinstance(module, (ReparamConv, RepMixer, PositionalEncoding)):
            assert module.reparam_conv is not None
    # ConvMlp keeps its norm, as in the published checkpoints.
    names = [n for n, m in tower.named_modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert names and all(n.endswith("mlp.conv.bn") for n in names)
