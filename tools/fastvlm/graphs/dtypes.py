"""The published dtypes of a graph and their file name suffixes.

| dtype | linear layers    | other weights, compute   | KV cache |
| ----- | ---------------- | ------------------------ | -------- |
| fp32  | float32          | float32                  | float32  |
| fp16  | float16          | float16                  | float16  |
| q4    | 4 bits, float32  | float32                  | float32  |
| q4f16 | 4 bits, float16  | float16                  | float16  |

Pixels, features, embeddings and logits are always float32.
"""

SUFFIXES = {"fp32": "", "fp16": "_fp16", "q4": "_q4", "q4f16": "_q4f16"}
DTYPES = tuple(SUFFIXES)


def is_half(dtype: str) -> bool:
    return dtype in ("fp16", "q4f16")


def is_quantised(dtype: str) -> bool:
    return dtype in ("q4", "q4f16")
