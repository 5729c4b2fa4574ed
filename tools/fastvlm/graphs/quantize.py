"""4-bit weights in the layout of com.microsoft.MatMulNBits.

A row of the weight [N, K] is cut into blocks of 32; each has one scale:

    w ~ scale (q - 8),   q in 0..15, two to a byte, the first in the low half

Symmetric (no zero points), which ONNX Runtime's fused MLP requires.
"""

import numpy as np

BLOCK = 32
# A slightly smaller scale clips the largest weight but rounds the others less.
SHRINK = np.linspace(1.0, 0.75, 11, dtype=np.float32)


def quantize(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[N, K] -> bytes [N, K/32, 16] and scales [N, K/32]."""
    n, k = weight.shape
    blocks = np.pad(weight, ((0, 0), (0, -k % BLOCK))).reshape(n, -1, BLOCK)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)
    best, scales = np.full(peak.shape, np.inf, np.float32), np.zeros_like(peak)
    levels, rounded = np.empty_like(blocks), np.empty_like(blocks)
    for shrink in SHRINK:
        # The sign is chosen so that the largest weight gets level -8.
        scale = peak * shrink / -8
        round_to(blocks, scale, levels)
        np.multiply(levels, scale, out=rounded)
        np.subtract(rounded, blocks, out=rounded)
        error = np.einsum("nbk,nbk->nb", rounded, rounded)[..., None]
        better = error < best
        np.copyto(best, error, where=better)
        np.copyto(scales, scale, where=better)
    round_to(blocks, scales, levels)
    codes = (levels + 8).astype(np.uint8)
    packed = codes[..., 0::2] | codes[..., 1::2] << 4
    return packed, scales[..., 0].astype(np.float32)


def round_to(blocks: np.ndarray, scale: np.ndarray, levels: np.ndarray) -> None:
    """Writes the levels -8..7 of the blocks; an all-zero block gets zeros."""
    np.divide(blocks, np.where(scale == 0, 1, scale), out=levels)
    np.rint(levels, out=levels)
    np.clip(levels, -8, 7, out=levels)


def dequantize(packed: np.ndarray, scales: np.ndarray, k: int) -> np.ndarray:
    codes = np.stack((packed & 15, packed >> 4), -1).reshape(*packed.shape[:2], BLOCK)
    weight = (codes.astype(np.float32) - 8) * scales[..., None]
    return weight.reshape(len(packed), -1)[:, :k]
