"""Reads a checkpoint's sizes from the shapes of its tensors, and from config.json
where shapes are not enough; checks that every tensor exists with its shape."""

import re

import torch

from fastvlm.config import FastVlmConfig, TextConfig, VisionConfig
from fastvlm.model import FastVlm

from .checkpoint import Checkpoint, ConvertError, read_json

# Defaults of transformers for fields that config.json omits.
QWEN2 = {
    "hidden_act": "silu",
    "max_position_embeddings": 32768,
    "rms_norm_eps": 1e-6,
    "use_sliding_window": False,
}
ROPE_THETA = 1e4


def read_model_config(checkpoint: Checkpoint, name: str) -> FastVlmConfig:
    text, vision = read_text(checkpoint), read_vision(checkpoint)
    cfg = FastVlmConfig(name, text, vision, read_size(checkpoint))
    check_tensors(checkpoint, cfg)
    return cfg


def read_size(checkpoint: Checkpoint) -> int:
    """Encoder input size in pixels."""
    folder = checkpoint.folder
    processors = [
        read_json(folder / name)
        for name in ("preprocessor_config.json", "processor_config.json")
        if (folder / name).exists()
    ]
    processors += [p["image_processor"] for p in processors if "image_processor" in p]
    for fields in processors:
        for key in ("image_mean", "image_std"):
            neutral = {0.0 if key == "image_mean" else 1.0}
            if fields.get("do_normalize", True) and set(fields.get(key) or ()) - neutral:
                raise ConvertError(
                    f"{folder}: {key} is {fields[key]}, but FastVLM does not normalise pixels"
                )
        size = fields.get("size") or fields.get("crop_size")
        if isinstance(size, dict):
            edges = ("shortest_edge", "longest_edge", "height")
            size = next((size[edge] for edge in edges if edge in size), None)
        if size is None:
            continue
        if not isinstance(size, int) or size <= 0 or size % 64:
            raise ConvertError(f"{folder}: the image size is {size}, not a multiple of 64")
        return size
    tower = re.search(r"_(\d+)$", str(checkpoint.config.get("mm_vision_tower", "")))
    return int(tower[1]) if tower else FastVlmConfig.size


def text_fields(checkpoint: Checkpoint) -> dict:
    return QWEN2 | checkpoint.config.get("text_config", checkpoint.config)


def count(checkpoint: Checkpoint, prefix: str) -> int:
    """One more than the highest index after the prefix."""
    pattern = re.compile(rf"{re.escape(prefix)}(\d+)\.")
    found = (pattern.match(name) for name in checkpoint.shapes)
    return max((int(m[1]) + 1 for m in found if m), default=0)


def read_vision(checkpoint: Checkpoint) -> VisionConfig:
    fc1 = [
        checkpoint.shape(f"vision_tower.stages.{i}.blocks.0.mlp.fc1.weight")
        for i in range(5)
    ]
    return VisionConfig(
        depths=tuple(count(checkpoint, f"vision_tower.stages.{i}.blocks.") for i in range(5)),
        widths=tuple(shape[1] for shape in fc1),
        mlp_ratio=fc1[0][0] // fc1[0][1],
        branches=not any(".reparam_conv." in name for name in checkpoint.shapes),
    )


def read_text(checkpoint: Checkpoint) -> TextConfig:
    fields, shape = text_fields(checkpoint), checkpoint.shape
    attention = "language_model.layers.0.self_attn"
    q_rows, hidden = shape(f"{attention}.q_proj.weight")
    heads = fields.get("num_attention_heads")
    if not isinstance(heads, int) or heads <= 0 or q_rows % heads:
        raise ConvertError(
            f"config.json: {heads} attention heads do not divide the {q_rows} rows of "
            + checkpoint.theirs(f"{attention}.q_proj.weight")
        )
    head_dim = q_rows // heads
    sizes = TextConfig(
        hidden=hidden,
        layers=count(checkpoint, "language_model.layers."),
        heads=heads,
        kv_heads=shape(f"{attention}.k_proj.weight")[0] // head_dim,
        head_dim=head_dim,
        ffn=shape("language_model.layers.0.mlp.gate_proj.weight")[0],
        vocab=shape("language_model.embed_tokens.weight")[0],
        tied="lm_head.weight" not in checkpoint.shapes,
        head=checkpoint.shapes.get("lm_head.weight", (None,))[0],
        rope_theta=read_rope(fields),
        rms_eps=float(fields["rms_norm_eps"]),
        max_position=fields["max_position_embeddings"],
    )
    for key, value in {
        "hidden_size": sizes.hidden,
        "num_hidden_layers": sizes.layers,
        "num_key_value_heads": sizes.kv_heads,
        "head_dim": sizes.head_dim,
        "intermediate_size": sizes.ffn,
        "hidden_act": "silu",
        "use_sliding_window": False,
    }.items():
        if fields.get(key) not in (value, None):
            raise ConvertError(
                f"config.json: {key} is {fields[key]}, but the tensors or graphs need {value}"
            )
    return sizes


def read_rope(fields: dict) -> float:
    """RoPE's base; the graphs do not support RoPE scaling."""
    rope = fields.get("rope_parameters") or fields.get("rope_scaling") or {}
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind != "default":
        raise ConvertError(f"config.json: rope type {kind} is not supported (only default)")
    return float(rope.get("rope_theta", fields.get("rope_theta", ROPE_THETA)))


def meta_model(cfg: FastVlmConfig) -> FastVlm:
    """The model on the meta device, folded if the checkpoint is."""
    with torch.device("meta"):
        model = FastVlm(cfg)
        if not cfg.vision.branches:
            model.vision_tower.fold()
    return model.eval()


def check_tensors(checkpoint: Checkpoint, cfg: FastVlmConfig) -> None:
    wanted = {k: tuple(v.shape) for k, v in meta_model(cfg).state_dict().items()}
    wanted = {k: v for k, v in wanted.items() if not k.endswith("num_batches_tracked")}
    if cfg.text.tied:
        del wanted["lm_head.weight"]
    found = checkpoint.shapes
    for problem, names in (
        ("is missing", [n for n in wanted if n not in found]),
        ("is unexpected", [n for n in found if n not in wanted]),
    ):
        if names:
            more = f" (and {len(names) - 1} more)" if len(names) > 1 else ""
            raise ConvertError(f"tensor {checkpoint.theirs(names[0])} {problem}{more}")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise ConvertError(
                f"tensor {checkpoint.theirs(name)} has shape {list(found[name])} instead of {list(shape)}"
            )
