"""The values of made weights: a hash of seed and index, so that any part of a
tensor is known without the rest. tools/cli/made-fill.mjs computes the same, bit
for bit; both are held to tools/shapes/vector.json.

    h      = mix(mix(index) ^ seed)                 mix: lowbias32, Chris Wellons
    float  = f32(f32((h >> 8) / 2^23 - 1) scale) + base      the hash's upper bits
    bytes  = h, little-endian
"""

import numpy as np

# Indices hashed at once: fits the cache.
CHUNK = 1 << 16


def mix(x: np.ndarray) -> np.ndarray:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))


def words(seed: int, count: int) -> np.ndarray:
    """uint32 [count]."""
    out = np.empty(count, np.uint32)
    for start in range(0, count, CHUNK):
        index = np.arange(start, min(count, start + CHUNK), dtype=np.uint32)
        out[start : start + len(index)] = mix(mix(index) ^ np.uint32(seed))
    return out


def floats(seed: int, count: int, scale: float, base: float) -> np.ndarray:
    """float32 [count], uniform in base ± scale."""
    signed = (words(seed, count) >> np.uint32(8)).astype(np.int32) - (1 << 23)
    unit = signed.astype(np.float32) * np.float32(2**-23)
    return unit * np.float32(scale) + np.float32(base)


def octets(seed: int, count: int) -> np.ndarray:
    """uint8 [count]; `count` is a multiple of 4."""
    return words(seed, count // 4).astype("<u4").view(np.uint8)


def made(fill: dict) -> np.ndarray:
    """The elements of a tensor filled as tools/cli/made-fill.mjs says."""
    kind, count = fill["kind"], fill["count"]
    if kind == "bytes":
        return octets(fill["seed"], count)
    if kind in ("cos", "sin"):
        table = np.array(fill["divisors"], np.float32)
        position = np.arange(count // len(table), dtype=np.float32)[:, None]
        angle = (position / table).astype(np.float64)
        values = (np.cos if kind == "cos" else np.sin)(angle).ravel().astype(np.float32)
    else:
        values = floats(fill["seed"], count, fill["scale"], fill["base"])
    half = fill.get("type", kind) == "f16"
    return values.astype(np.float16) if half else values
