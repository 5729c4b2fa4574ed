"""FastVLM's three ONNX graphs, built node by node from the PyTorch model."""

from .decoder import build_decoder
from .dtypes import DTYPES, SUFFIXES
from .embed import build_embed
from .external_data import ExternalData
from .vision import build_vision

__all__ = [
    "BUILDERS", "DTYPES", "SUFFIXES", "ExternalData",
    "build_decoder", "build_embed", "build_vision",
]  # fmt: skip

BUILDERS = {
    "vision_encoder": build_vision,
    "embed_tokens": build_embed,
    "decoder_model_merged": build_decoder,
}
