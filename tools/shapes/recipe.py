"""What made weights are, by a tensor's name and shape: large enough that a
signal passes every layer, small enough that it does not burst on its way."""

from math import prod, sqrt
from zlib import crc32

from fastvlm.graphs.quantize import BLOCK

# Less for writers to a residual stream. More where a Gelu (which halves what is
# small) stands in the picture's only way, where features have to tell, and for
# the logits, of which one must stand out.
GAINS = {
    "fc2": 0.5,
    "proj": 0.5,
    "o_proj": 0.5,
    "down_proj": 0.5,
    "stem": 2.0,
    "downsample": 2.0,
    "final_conv": 3.0,
    "linear_1": 2.0,
    "linear_2": 4.0,
    "lm_head": 3.0,
}
# Standard deviation of a code 0..15 of which each is alike.
CODES = sqrt((16**2 - 1) / 12)


def gain(path: list[str]) -> float:
    """Of a layer's own name, or else of what it is part of."""
    return next((GAINS[part] for part in reversed(path) if part in GAINS), 1.0)


def recipe(name: str, dims: list[int]) -> tuple[float, float]:
    """Scale and base of uniform values."""
    *path, kind = name.split(".")
    if kind == "scales":
        base = gain(path) / sqrt(dims[1] * BLOCK) / CODES
        return base / 4, base
    if kind == "bias":
        return 0.02, 0.0
    if path[-1] == "embed_tokens":
        return sqrt(3), 0.0
    if len(dims) == 1:
        return 0.3, 1.0  # a norm
    if len(dims) == 4 and dims[1] == 1:
        # Depthwise: blurs a little. A picture's large areas survive.
        kernel = dims[2] * dims[3]
        return gain(path) * 0.25 * sqrt(3 / kernel), gain(path) / kernel
    fan_in = prod(dims[1:]) if len(dims) == 4 else dims[0]
    return gain(path) * sqrt(3 / fan_in), 0.0


def seed(model: str, name: str) -> int:
    return crc32(f"{model}/{name}".encode())
