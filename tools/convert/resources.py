"""Estimates the disk space and memory of a conversion before it starts."""

import os
import shutil
import sys
from pathlib import Path

from fastvlm.config import FastVlmConfig

from .checkpoint import ConvertError
from .model_config import meta_model

try:
    import resource
except ImportError:  # Windows
    resource = None

# Bytes per weight: of the decoder's linear layers, and of all others.
BYTES = {"fp32": (4, 4), "fp16": (2, 2), "q4": (0.625, 4), "q4f16": (0.5625, 2)}
# A graph below 2 GB is first written with external data, then as one file.
SCRATCH = 2e9
# ONNX Runtime keeps weights in memory twice: as stored, and packed for its kernels.
SESSION = 2.2
UNKNOWN_MEMORY = 8e9


def parameters(cfg: FastVlmConfig) -> tuple[int, int]:
    """Weights in the decoder's linear layers (with its head), and all others."""
    sizes = {name: p.numel() for name, p in meta_model(cfg).named_parameters()}
    table = cfg.text.vocab * cfg.text.hidden
    layers = sum(n for name, n in sizes.items() if "language_model.layers." in name)
    rest = sum(n for name, n in sizes.items() if name.startswith(("vision", "projector")))
    return layers + table, rest + table


def output_bytes(cfg: FastVlmConfig, dtype: str) -> float:
    linear, rest = parameters(cfg)
    return linear * BYTES[dtype][0] + rest * BYTES[dtype][1]


def check_disk(cfg: FastVlmConfig, dtypes: tuple[str, ...], folder: Path) -> None:
    while not folder.exists():
        folder = folder.parent
    needed = sum(output_bytes(cfg, dtype) for dtype in dtypes) + SCRATCH
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ConvertError(
            f"{folder}: {', '.join(dtypes)} need {needed / 1e9:.1f} GB, but only "
            f"{free / 1e9:.1f} GB are free: choose fewer --dtypes or another disk"
        )


def fits_memory(cfg: FastVlmConfig, dtypes: tuple[str, ...]) -> bool:
    """Whether PyTorch's float32 decoder and the largest session fit into memory."""
    linear, _ = parameters(cfg)
    session = max(BYTES[dtype][0] for dtype in dtypes) * SESSION
    return linear * (4 + session) < 0.7 * available_memory()


def available_memory() -> float:
    """Bytes available; half of the physical memory, or UNKNOWN_MEMORY, where the
    system does not report it."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kilobytes = next(s for s in lines if s.startswith("MemAvailable:")).split()[1]
        return int(kilobytes) * 1024
    except (OSError, StopIteration):
        if not hasattr(os, "sysconf"):
            return UNKNOWN_MEMORY
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2


def peak_memory() -> int | None:
    """Peak memory of this process in bytes, if the system reports it."""
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
