"""Checkpoint folders with synthetic weights."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from model_fixtures import small_config
from safetensors.torch import load_file, save_file

from convert.convert import Options
from convert.tensor_names import LAYOUTS
from convert.synthetic_checkpoint import write_synthetic_checkpoint, write_tokenizer
from fastvlm.config import FastVlmConfig


def config(tied: bool = False) -> FastVlmConfig:
    cfg = small_config(branches=True)
    text = replace(cfg.text, tied=tied, rope_theta=3e4, rms_eps=3e-5, max_position=256)
    return replace(cfg, name="synthetic", text=text, size=192)


def checkpoint(
    folder: Path, cfg: FastVlmConfig | None = None, layout: str = "apple", **how: object
) -> Path:
    cfg = cfg or config()
    write_synthetic_checkpoint(cfg, folder, LAYOUTS[layout], **{"dtype": torch.float32, **how})
    # Always write tokenizer.json: building it needs transformers.
    write_tokenizer(cfg, folder, slow=False)
    return folder


def options(source: Path, dtypes: tuple[str, ...] = ("fp32",), **more: object) -> Options:
    return Options(source, source.with_name("out"), dtypes, "synthetic", **more)


def edit_tensors(source: Path, edit: Callable[[dict], None]) -> None:
    tensors = load_file(source / "model.safetensors")
    edit(tensors)
    save_file(tensors, source / "model.safetensors")


def edit_json(path: Path, **fields: object) -> None:
    content = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(content | fields))
