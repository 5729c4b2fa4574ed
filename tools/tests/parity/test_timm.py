"""Our FastViTHD compared with timm's fastvit_mci3 with the same weights."""

import re

import timm
import torch
from model_fixtures import assert_same, small_config, synthetic_vlm
from torch import nn

from fastvlm.config import CONFIGS, VisionConfig
from fastvlm.vision import FastViTHD


def timm_tower(cfg: VisionConfig, inference_mode: bool) -> nn.Module:
    return timm.create_model(
        "fastvit_mci3",
        num_classes=0,
        layers=cfg.depths,
        embed_dims=cfg.widths,
        inference_mode=inference_mode,
    ).eval()


def timm_name(name: str) -> str:
    """timm's name for a training-time tensor; folded names are identical."""
    for ours, theirs in (
        (r"(downsample\.proj\.0)\.convs\.0\.", r"\1.large_conv."),
        (r"(downsample\.proj\.0)\.convs\.1\.", r"\1.small_conv."),
        (r"\.convs\.0\.", ".conv_kxk.0."),
        (r"\.convs\.1\.", ".conv_scale."),
        (r"(token_mixer\.norm)\.", r"\1.identity."),
        (r"pos_emb\.conv\.", "pos_emb.pos_enc."),
    ):
        name = re.sub(ours, theirs, name)
    return name


def tower() -> FastViTHD:
    return synthetic_vlm(small_config(branches=True)).vision_tower


PIXELS = torch.rand(2, 3, 128, 192, generator=torch.Generator().manual_seed(1))


@torch.inference_mode()
def test_training_structure_computes_the_same() -> None:
    ours = tower()
    theirs = timm_tower(small_config(True).vision, inference_mode=False)
    theirs.load_state_dict({timm_name(k): v for k, v in ours.state_dict().items()})
    assert_same(ours(PIXELS), theirs.forward_features(PIXELS))


@torch.inference_mode()
def test_folded_structure_computes_the_same() -> None:
    ours = tower()
    wanted = ours(PIXELS)
    theirs = timm_tower(small_config(True).vision, inference_mode=True)
    theirs.load_state_dict(ours.fold().state_dict())
    assert_same(ours(PIXELS), wanted)
    assert_same(theirs.forward_features(PIXELS), wanted)


@torch.inference_mode()
def test_timm_folds_to_the_same_weights() -> None:
    ours = tower()
    theirs = timm_tower(small_config(True).vision, inference_mode=False)
    theirs.load_state_dict({timm_name(k): v for k, v in ours.state_dict().items()})
    for module in list(theirs.modules()):
        if hasattr(module, "reparameterize"):
            module.reparameterize()
    folded, wanted = ours.fold().state_dict(), theirs.state_dict()
    assert folded.keys() == wanted.keys()
    for name, weight in folded.items():
        torch.testing.assert_close(weight, wanted[name], rtol=1e-4, atol=1e-5)


def test_the_full_encoder_has_timms_names_and_shapes() -> None:
    with torch.device("meta"):
        ours = FastViTHD(CONFIGS["fastvlm-0.5b"].vision)
        theirs = timm.create_model("fastvit_mci3", num_classes=0)
    shapes = {timm_name(k): v.shape for k, v in ours.state_dict().items()}
    assert shapes == {k: v.shape for k, v in theirs.state_dict().items()}
