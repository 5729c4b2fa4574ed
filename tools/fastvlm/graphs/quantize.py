"""4-bit weights in the layout of com.microsoft.MatMulNBits.

A row of the weight [N, K] is cut into blocks of 32; each has one scale:

    w ~ scale (q - 8),   q in 0..15, two to a byte, the first in the low half

Symmetric (no zero points): ONNX Runtime's fused MLP takes nothing else.
"""

import numpy as np

BLOCK = 32
# A slightly smaller scale clips the largest weight but rounds the rest finer.
SHRINK = np.linspace(1.0, 0.75, 11, dtype=np.float32)


def quantize(weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[N, K] -> bytes [N, K/32, 16] and scales [N, K/32]."""
    n, k = weight.shape
    blocks = np.pad(weight, ((0, 0), (0, -k % BLOCK))).reshape(n, -1, BLOCK)
    peak = np.take_along_axis(blocks, np.abs(blocks).argmax(-1)[..., None], -1)
    best = np.full(peak.shape, np.inf, np.float32)
    scales, codes = np.zeros_like(peak), np.full(blocks.shape, 8, np.uint8)
    for shrink in SHRINK:
        # The side with the largest weight gets the code -8.
        scale = peak * shrink / -8
        levels = np.divide(blocks, scale, out=np.zeros_like(blocks), where=scale != 0)
        levels = np.clip(np.rint(levels), -8, 7)
        error = ((levels * scale - blocks) ** 2).sum(-1, keepdims=True)
        better = error < best
        best = np.where(better, error, best)
        scales = np.where(better, scale, scales)
        codes = np.where(better, levels + 8, codes).astype(np.uint8)
    packed = codes[..., 0::2] | codes[..., 1::2] << 4
    return packed, scales[..., 0].astype(np.float32)


def dequantize(packed: np.ndarray, scales: np.ndarray, k: int) -> np.ndarray:
    codes = np.stack((packed & 15, packed >> 4), -1).reshape(*packed.shape[:2], BLOCK)
    weight = (codes.astype(np.float32) - 8) * scales[..., None]
    return weight.reshape(len(packed), -1)[:, :k]
