"""Hugging Face transformers' FastVLM with the weights of our model."""

import torch

# timm imports torchvision, whose wheels are built for CUDA: beside a CPU-only
# torch its compiled operators do not load. timm needs none of them, but
# torchvision refers to these two while it is imported, so they must be declared.
try:
    import torchvision  # noqa: F401
except RuntimeError:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")

from transformers import FastVlmConfig, FastVlmForConditionalGeneration  # noqa: E402

from fastvlm.config import FastVlmConfig as OurConfig  # noqa: E402
from fastvlm.model import FastVlm  # noqa: E402

PREFIXES = {
    "vision_tower.": "model.vision_tower.timm_model.",
    "projector.": "model.multi_modal_projector.",
    "language_model.": "model.language_model.",
    "lm_head.": "lm_head.",
}


def transformers_config(
    cfg: OurConfig, image_token: int, *, inference_mode: bool = True
) -> FastVlmConfig:
    """transformers' configuration of the same sizes. `inference_mode` is timm's name
    for folded branches."""
    text, vision = cfg.text, cfg.vision
    return FastVlmConfig(
        vision_config={
            "model_type": "timm_wrapper",
            "architecture": "fastvit_mci3",
            "hidden_size": vision.out_width,
            "model_args": {
                "inference_mode": inference_mode,
                "layers": vision.depths,
                "embed_dims": vision.widths,
            },
        },
        text_config={
            "model_type": "qwen2",
            "hidden_size": text.hidden,
            "intermediate_size": text.ffn,
            "num_hidden_layers": text.layers,
            "num_attention_heads": text.heads,
            "num_key_value_heads": text.kv_heads,
            "max_position_embeddings": text.max_position,
            "rms_norm_eps": text.rms_eps,
            "rope_parameters": {"rope_type": "default", "rope_theta": text.rope_theta},
            "tie_word_embeddings": text.tied,
            "vocab_size": text.vocab,
        },
        tie_word_embeddings=text.tied,
        image_token_index=image_token,
    )


def transformers_model(model: FastVlm, image_token: int) -> FastVlmForConditionalGeneration:
    """transformers' model with the weights of `model`, which must be folded."""
    theirs = FastVlmForConditionalGeneration(transformers_config(model.cfg, image_token))
    state: dict[str, torch.Tensor] = {}
    for name, weight in model.state_dict().items():
        prefix = next(p for p in PREFIXES if name.startswith(p))
        state[PREFIXES[prefix] + name.removeprefix(prefix)] = weight
    theirs.load_state_dict(state)
    return theirs.eval()
