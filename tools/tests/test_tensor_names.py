"""Tensor names of released checkpoints."""

from dataclasses import replace
from pathlib import Path

import torch
from checkpoint_fixtures import config, edit_tensors

from convert.checkpoint import Checkpoint
from convert.tensor_names import APPLE, LAYOUTS, TRANSFORMERS
from convert.synthetic_checkpoint import synthetic_tensors, write_synthetic_checkpoint
from convert.model_config import read_model_config

# Names and shapes in the published checkpoint (fastvithd of apple/ml-fastvlm).
WIDTHS, DEPTHS = (96, 192, 384, 768, 1536), (2, 12, 24, 4, 2)


def apple_names() -> dict[str, tuple[int, ...]]:
    names: dict[str, tuple[int, ...]] = {}

    def conv(at: str, shape: tuple[int, ...]) -> None:
        names[f"{at}.weight"], names[f"{at}.bias"] = shape, shape[:1]

    conv("patch_embed.0.reparam_conv", (96, 3, 3, 3))
    conv("patch_embed.1.reparam_conv", (96, 1, 3, 3))
    conv("patch_embed.2.reparam_conv", (96, 96, 1, 1))
    for place, c, depth in zip((0, 2, 4, 7, 10), WIDTHS, DEPTHS, strict=True):
        for i in range(depth):
            at = f"network.{place}.{i}"
            names[f"{at}.convffn.conv.conv.weight"] = (c, 1, 7, 7)
            for n in ("weight", "bias", "running_mean", "running_var"):
                names[f"{at}.convffn.conv.bn.{n}"] = (c,)
            names[f"{at}.convffn.conv.bn.num_batches_tracked"] = ()
            conv(f"{at}.convffn.fc1", (4 * c, c, 1, 1))
            conv(f"{at}.convffn.fc2", (c, 4 * c, 1, 1))
            if place <= 4:
                conv(f"{at}.token_mixer.reparam_conv", (c, 1, 3, 3))
                names[f"{at}.layer_scale"] = (c, 1, 1)
                continue
            names[f"{at}.norm.weight"] = names[f"{at}.norm.bias"] = (c,)
            names[f"{at}.token_mixer.qkv.weight"] = (3 * c, c)
            conv(f"{at}.token_mixer.proj", (c, c))
            names[f"{at}.layer_scale_1"] = names[f"{at}.layer_scale_2"] = (c, 1, 1)
    for place, c in zip((1, 3, 5, 8), WIDTHS, strict=False):
        conv(f"network.{place}.proj.0.lkb_reparam", (2 * c, 1, 7, 7))
        conv(f"network.{place}.proj.1.reparam_conv", (2 * c, 2 * c, 1, 1))
    conv("network.6.reparam_conv", (768, 1, 7, 7))
    conv("network.9.reparam_conv", (1536, 1, 7, 7))
    conv("conv_exp.reparam_conv", (3072, 1, 3, 3))
    conv("conv_exp.se.reduce", (192, 3072, 1, 1))
    conv("conv_exp.se.expand", (3072, 192, 1, 1))
    names["head.proj"] = (3072, 768)
    return names


def test_reads_the_published_names_of_apple(tmp_path: Path) -> None:
    """The tower of 0.5B as released, with one decoder layer and a small vocabulary."""
    cfg = config()
    text = replace(cfg.text, hidden=896, heads=14, head_dim=64, ffn=64, layers=1)
    write_synthetic_checkpoint(replace(cfg, text=text), tmp_path, APPLE, dtype=torch.float16)
    tower = "model.vision_tower.vision_tower.model."
    names = {
        "model.mm_projector.0.weight": (896, 3072),
        "model.mm_projector.0.bias": (896,),
        **{f"{tower}{name}": shape for name, shape in apple_names().items()},
    }

    def edit(tensors: dict) -> None:
        for name in [n for n in tensors if n.startswith(tower)]:
            del tensors[name]
        for name, shape in names.items():
            tensors[name] = torch.zeros(shape, dtype=torch.float16)

    edit_tensors(tmp_path, edit)
    read = read_model_config(Checkpoint(tmp_path), "FastVLM-0.5B")
    assert read.vision.widths == WIDTHS
    assert read.vision.depths == DEPTHS
    assert not read.vision.branches
    assert (read.text.hidden, read.text.kv_heads, read.text.head_dim) == (896, 2, 64)


def test_names_map_back_and_forth() -> None:
    for layout in LAYOUTS.values():
        for folded in (True, False):
            for name, _ in synthetic_tensors(config(), folded):
                assert layout.theirs(name) != name or name == "lm_head.weight"
                assert layout.ours(layout.theirs(name)) == name


def test_reads_the_older_order_of_prefixes() -> None:
    for older, ours in {
        "vision_tower.timm_model.stem.0.reparam_conv.bias": "vision_tower.stem.0.reparam_conv.bias",
        "multi_modal_projector.linear_1.bias": "projector.linear_1.bias",
        "language_model.model.layers.3.mlp.up_proj.weight": (
            "language_model.layers.3.mlp.up_proj.weight"
        ),
        "language_model.lm_head.weight": "lm_head.weight",
    }.items():
        assert LAYOUTS["transformers"].ours(older) == ours


def test_reads_a_timm_tower_with_the_language_model_of_apple(tmp_path: Path) -> None:
    cfg = config()
    write_synthetic_checkpoint(cfg, tmp_path, TRANSFORMERS, dtype=torch.float16)

    def edit(tensors: dict) -> None:
        for name in [n for n in tensors if "vision_tower" not in n]:
            tensors[APPLE.theirs(TRANSFORMERS.ours(name))] = tensors.pop(name)

    edit_tensors(tmp_path, edit)
    read = Checkpoint(tmp_path)
    assert read.theirs("language_model.norm.weight") == "model.norm.weight"
    assert read.theirs("projector.linear_1.bias") == "model.mm_projector.0.bias"
    assert read_model_config(read, cfg.name).text.layers == cfg.text.layers
