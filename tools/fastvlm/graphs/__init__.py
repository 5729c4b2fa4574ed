"""FastVLM's three ONNX graphs, built node by node from the PyTorch model."""

from .decoder import build_decoder
from .embed import build_embed
from .vision import build_vision

__all__ = ["build_decoder", "build_embed", "build_vision"]
