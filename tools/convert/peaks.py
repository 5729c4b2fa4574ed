"""Intermediate values of PyTorch, which float16 has to be able to hold."""

import re
from dataclasses import dataclass, field

from torch import nn

from fastvlm.graphs.dtypes import is_half

from .checkpoint import ConvertError

HALF_MAX = 65504
# Modules whose output does not occur in a graph because a later one is folded into them.
FOLDED = re.compile(r"\.(mlp(\.fc2|\.conv\.conv)?|token_mixer(\.proj)?)$")


@dataclass
class Peaks:
    """The largest intermediate value of each graph."""

    values: dict[str, float] = field(default_factory=dict)

    def observe(self, graph: str, module: nn.Module) -> None:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            x = output[0] if isinstance(output, tuple) else output
            self.values[graph] = max(self.values.get(graph, 0.0), float(x.abs().max()))

        for name, child in module.named_modules():
            if not FOLDED.search(name):
                child.register_forward_hook(hook)

    def check(self, dtype: str) -> None:
        """Raises if PyTorch's values exceed the range of float16 and `dtype` uses it."""
        for graph, peak in self.values.items():
            if is_half(dtype) and peak > HALF_MAX:
                raise ConvertError(
                    f"{graph}: intermediate values up to {peak:.0f} exceed float16's {HALF_MAX}. "
                    f"Remove {dtype} from --dtypes"
                )
