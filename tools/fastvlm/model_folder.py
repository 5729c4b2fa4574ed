"""The configuration files and graphs of a model folder, as Hugging Face clients
read them."""

from dataclasses import asdict, dataclass
from pathlib import Path

from tokenizers import Tokenizer

from .config import FastVlmConfig, TextConfig
from .graphs import BUILDERS, SUFFIXES, ExternalData
from .json_file import write_json
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

    @property
    def stop(self) -> set[int]:
        """Tokens that end an answer."""
        return {self.end, self.pad}


@dataclass(frozen=True)
class Capabilities:
    """What a model was trained for: the section `fast_vlm` of config.json."""

    multi_turn: bool
    questions: tuple[str, ...]
    # Encoder input sizes in pixels.
    sizes: tuple[int, ...]


def write_graph(
    model: FastVlm, folder: Path, graph: str, dtype: str, **limits: int
) -> Path:
    """Writes one of the three graphs; `limits` are those of ExternalData."""
    path = folder / "onnx" / f"{graph}{SUFFIXES[dtype]}.onnx"
    path.parent.mkdir(exist_ok=True)
    files = ExternalData(path, **limits)
    files.save(BUILDERS[graph](model, dtype, files))
    return path


def text_fields(text: TextConfig) -> dict:
    """Qwen2's fields of config.json."""
    return {
        "hidden_act": "silu",
        "hidden_size": text.hidden,
        "intermediate_size": text.ffn,
        "max_position_embeddings": text.max_position,
        "num_attention_heads": text.heads,
        "num_hidden_layers": text.layers,
        "num_key_value_heads": text.kv_heads,
        "rms_norm_eps": text.rms_eps,
        "rope_theta": text.rope_theta,
        "tie_word_embeddings": text.tied,
        "use_sliding_window": False,
        "vocab_size": text.vocab,
    }


def write_configs(
    folder: Path,
    cfg: FastVlmConfig,
    tokenizer: Tokenizer,
    capabilities: Capabilities | None = None,
) -> None:
    """Everything but the graphs and the model card."""
    extra = {"fast_vlm": asdict(capabilities)} if capabilities else {}
    write_model_configs(folder, cfg, SpecialTokens.of(tokenizer), **extra)
    save(tokenizer, folder)


def write_model_configs(
    folder: Path, cfg: FastVlmConfig, token: SpecialTokens, **extra: object
) -> None:
    """Everything but the tokenizer, the graphs and the model card; `extra` fields are
    added to config.json."""
    text, end, pad = cfg.text, token.end, token.pad
    fields = {
        "_name_or_path": cfg.name,
        "architectures": ["LlavaQwen2ForCausalLM"],
        "model_type": "llava_qwen2",
        "attention_dropout": 0.0,
        "bos_token_id": pad,
        "eos_token_id": end,
        "pad_token_id": pad,
        "head_dim": text.head_dim,
        "image_aspect_ratio": "pad",
        "image_token_index": token.image,
        "mm_hidden_size": cfg.vision.out_width,
        "mm_patch_merge_type": "flat",
        "mm_projector_type": "mlp2x_gelu",
        "mm_use_im_patch_token": False,
        "mm_use_im_start_end": False,
        "mm_vision_tower": f"fastvithd_{cfg.size}",
        "torch_dtype": "float32",
        "use_cache": True,
        **text_fields(text),
        **extra,
    }
    write_json(folder / "config.json", dict(sorted(fields.items())))
    write_json(
        folder / "generation_config.json",
        {
            "bos_token_id": pad,
            "do_sample": False,
            "eos_token_id": [end, pad],
            "pad_token_id": pad,
        },
    )
    write_json(
        folder / "preprocessor_config.json",
        {
            "crop_size": {"height": cfg.size, "width": cfg.size},
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
            "size": {"shortest_edge": cfg.size},
        },
    )
    write_json(
        folder / "processor_config.json",
        {
            "image_token": "<image>",
            "num_additional_image_tokens": 0,
            "patch_size": 64,
            "processor_class": "LlavaProcessor",
        },
    )
