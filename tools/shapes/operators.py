"""timm imports torchvision, whose wheels are built for CUDA's torch: beside a
CPU torch its compiled operators do not load, and naming the two it describes at
import time is enough. Nothing here uses them. Imported before timm."""

import torch

try:
    import torchvision  # noqa: F401
except RuntimeError:
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        library.define(f"{name}(Tensor dets, Tensor scores, float threshold) -> Tensor")
