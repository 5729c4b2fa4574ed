"""Models with synthetic weights."""

from dataclasses import replace

import torch

from fastvlm.config import CONFIGS, FastVlmConfig
from fastvlm.synthetic_weights import fill_weights
from fastvlm.model import FastVlm

NANO = CONFIGS["nano"]


def small_config(branches: bool) -> FastVlmConfig:
    """FastVLM at small width; `branches` enables the training branches of the paper."""
    vision = replace(
        NANO.vision, widths=(8, 16, 32, 64, 128), depths=(1, 2, 2, 2, 1), branches=branches
    )
    text = replace(NANO.text, hidden=64, layers=2, heads=4, head_dim=16, ffn=128)
    return replace(NANO, vision=vision, text=text, size=128)


def synthetic_vlm(cfg: FastVlmConfig, seed: int = 0) -> FastVlm:
    model = FastVlm(cfg)
    fill_weights(model, seed)
    return model.eval()


def assert_same(got: torch.Tensor, wanted: torch.Tensor) -> None:
    assert wanted.std() > 0.01
    assert (got - wanted).abs().max() / wanted.abs().max() <= 1e-4
