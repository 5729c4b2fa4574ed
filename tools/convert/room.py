"""What a conversion takes, known before it begins."""

import os
import shutil
import sys
from pathlib import Path

from fastvlm.config import FastVlmConfig

from .errors import ConvertError
from .sizes import empty_model

try:
    import resource
except ImportError:  # Windows
    resource = None

# Bytes of a weight: of linear layers in the decoder, of all others.
BYTES = {"fp32": (4, 4), "fp16": (2, 2), "q4": (0.625, 4), "q4f16": (0.5625, 2)}
# A graph below 2 GB is written twice, the second time in one file.
SCRATCH = 2e9
# ONNX Runtime holds weights as they are and packed for its kernels.
SESSION = 2.2
UNTOLD = 8e9


def parameters(cfg: FastVlmConfig) -> tuple[int, int]:
    """Of the decoder's linear layers with its head, and of all the rest."""
    sizes = {name: p.numel() for name, p in empty_model(cfg).named_parameters()}
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
            f"{folder}: {needed / 1e9:.1f} GB are needed for {', '.join(dtypes)}, "
            f"{free / 1e9:.1f} GB are free: choose fewer --dtypes or another disk"
        )


def fits_memory(cfg: FastVlmConfig, dtypes: tuple[str, ...]) -> bool:
    """Whether PyTorch's decoder in float32 and the largest session do."""
    linear, _ = parameters(cfg)
    session = max(BYTES[dtype][0] for dtype in dtypes) * SESSION
    return linear * (4 + session) < 0.7 * available_memory()


def available_memory() -> float:
    """Bytes; half of all there are, or UNTOLD, where the system says no more."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        kilobytes = next(s for s in lines if s.startswith("MemAvailable:")).split()[1]
        return int(kilobytes) * 1024
    except (OSError, StopIteration):
        if not hasattr(os, "sysconf"):
            return UNTOLD
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2


def peak_memory() -> int | None:
    """Bytes of memory that this process has had at most, if the system tells."""
    if resource is None:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
