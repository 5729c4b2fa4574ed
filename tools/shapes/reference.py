"""`transformers`' FastVLM with the weights of ours."""

import shapes.operators  # noqa: F401
import torch
from transformers import FastVlmConfig, FastVlmForConditionalGeneration

from fastvlm.config import FastVlmConfig as OurConfig
from fastvlm.model import FastVlm

PREFIXES = {
    "vision_tower.": "model.vision_tower.timm_model.",
    "projector.": "model.multi_modal_projector.",
    "language_model.": "model.language_model.",
    "lm_head.": "lm_head.",
}


def configured(
    cfg: OurConfig, image_token: int, *, inference_mode: bool = True
) -> FastVlmConfig:
    """Of the same sizes. timm's inference mode: branches folded."""
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


def published(model: FastVlm, image_token: int) -> FastVlmForConditionalGeneration:
    """`model`, which is folded."""
    theirs = FastVlmForConditionalGeneration(configured(model.cfg, image_token))
    state: dict[str, torch.Tensor] = {}
    for name, weight in model.state_dict().items():
        prefix = next(p for p in PREFIXES if name.startswith(p))
        state[PREFIXES[prefix] + name.removeprefix(prefix)] = weight
    theirs.load_state_dict(state)
    return theirs.eval()
