"""The JSON files and graphs of a model folder, as Hugging Face clients read
them."""

import json
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from .config import FastVlmConfig
from .graphs import BUILDERS, SUFFIXES, GraphFiles
from .model import FastVlm
from .tokenizer import save


@dataclass(frozen=True)
class SpecialTokens:
    image: int
    end: int  # <|im_end|>
    pad: int  # <|endoftext|>

    @classmethod
    def of(cls, tokenizer: Tokenizer) -> "SpecialTokens":
        names = ("<image>", "<|im_end|>", "<|endoftext|>")
        return cls(*(tokenizer.token_to_id(name) for name in names))


def write_graph(
    model: FastVlm, folder: Path, graph: str, dtype: str, **limits: int
) -> Path:
    """One of the three graphs; `limits` as of GraphFiles."""
    path = folder / "onnx" / f"{graph}{SUFFIXES[dtype]}.onnx"
    path.parent.mkdir(exist_ok=True)
    files = GraphFiles(path, **limits)
    files.save(BUILDERS[graph](model, dtype, files))
    return path


def write_configs(folder: Path, cfg: FastVlmConfig, tokenizer: Tokenizer) -> None:
    """Everything but the graphs and the card."""
    write_model_configs(folder, cfg, SpecialTokens.of(tokenizer))
    save(tokenizer, folder)


def write_model_configs(
    folder: Path, cfg: FastVlmConfig, token: SpecialTokens, **extra: object
) -> None:
    """Everything but the tokenizer, the graphs and the card; `extra` fields for
    config.json."""
    text, end, pad = cfg.text, token.end, token.pad
    write(
        folder / "config.json",
        {
            "_name_or_path": cfg.name,
            "architectures": ["LlavaQwen2ForCausalLM"],
            "model_type": "llava_qwen2",
            "attention_dropout": 0.0,
            "bos_token_id": pad,
            "eos_token_id": end,
            "pad_token_id": pad,
            "head_dim": text.head_dim,
            "hidden_act": "silu",
            "hidden_size": text.hidden,
            "image_aspect_ratio": "pad",
            "image_token_index": token.image,
            "intermediate_size": text.ffn,
            "max_position_embeddings": text.max_position,
            "mm_hidden_size": cfg.vision.out_width,
            "mm_patch_merge_type": "flat",
            "mm_projector_type": "mlp2x_gelu",
            "mm_use_im_patch_token": False,
            "mm_use_im_start_end": False,
            "mm_vision_tower": f"fastvithd_{cfg.side}",
            "num_attention_heads": text.heads,
            "num_hidden_layers": text.layers,
            "num_key_value_heads": text.kv_heads,
            "rms_norm_eps": text.rms_eps,
            "rope_theta": text.rope_theta,
            "tie_word_embeddings": text.tied,
            "torch_dtype": "float32",
            "use_cache": True,
            "use_sliding_window": False,
            "vocab_size": text.vocab,
            **extra,
        },
    )
    write(
        folder / "generation_config.json",
        {
            "bos_token_id": pad,
            "do_sample": False,
            "eos_token_id": [end, pad],
            "pad_token_id": pad,
        },
    )
    write(
        folder / "preprocessor_config.json",
        {
            "crop_size": {"height": cfg.side, "width": cfg.side},
            "do_center_crop": True,
            "do_convert_rgb": True,
            "do_normalize": True,
            "do_rescale": True,
            "do_resize": True,
            "image_mean": [0.0, 0.0, 0.0],
            "image_processor_type": "CLIPImageProcessor",
            "image_std": [1.0, 1.0, 1.0],
            "processor_class": "LlavaProcessor",
            "resample": 3,
            "rescale_factor": 1 / 255,
            "size": {"shortest_edge": cfg.side},
        },
    )
    write(
        folder / "processor_config.json",
        {
            "image_token": "<image>",
            "num_additional_image_tokens": 0,
            "patch_size": 64,
            "processor_class": "LlavaProcessor",
        },
    )


def write(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
