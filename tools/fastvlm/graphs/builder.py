"""Builds an ONNX graph. Nodes and weights are named after their PyTorch module, so
a node in a profile can be traced back to it."""

from collections.abc import Iterator

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor

from .dtypes import DTYPES, is_half, is_quantised
from .quantize import BLOCK, quantize
from .external_data import InlineWeights, WeightWriter

MS = "com.microsoft"
F32, F16 = TensorProto.FLOAT, TensorProto.FLOAT16
I64, I32 = TensorProto.INT64, TensorProto.INT32
KINDS = {
    torch.float32: F32,
    torch.float16: F16,
    torch.int64: I64,
    torch.uint8: TensorProto.UINT8,
}

# Opset 20 is the first with a Gelu operator.
OPSET, IR = 20, 10
# Elements converted or quantised at once.
CHUNK = 1 << 20


def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    """An input or output; a dimension given as a string is dynamic."""
    return helper.make_tensor_value_info(name, kind, shape)


class Graph:
    """`dtype` is one of dtypes.py; `weights` decides where weights are stored."""

    def __init__(self, name: str, dtype: str = "fp32", writer: WeightWriter | None = None):
        if dtype not in DTYPES:
            raise ValueError(f"dtype {dtype} is not one of {', '.join(DTYPES)}")
        self.name, self.quantised = name, is_quantised(dtype)
        self.real = torch.float16 if is_half(dtype) else torch.float32
        self.writer = writer or InlineWeights()
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, TensorProto] = {}

    @property
    def kind(self) -> int:
        """The ONNX type of the graph's computations."""
        return KINDS[self.real]

    def weight(self, name: str, data: Tensor | np.ndarray | list[int]) -> str:
        """Adds an initializer, unless one of this name exists; returns the name."""
        if name not in self.weights:
            if not isinstance(data, Tensor):
                data = torch.from_numpy(np.asarray(data))
            dtype = self.real if data.is_floating_point() else data.dtype
            tensor = TensorProto(name=name, data_type=KINDS[dtype], dims=data.shape)
            size = data.numel() * dtype.itemsize
            self.writer.add(tensor, size, elements(name, data.detach(), dtype))
            self.weights[name] = tensor
        return name

    def op(
        self,
        kind: str,
        inputs: list[str],
        name: str,
        outputs: list[str] | None = None,
        domain: str = "",
        **attributes: object,
    ) -> str:
        """Adds a node and returns its first output, named after the node by default."""
        outputs = outputs or [name]
        self.nodes.append(
            helper.make_node(kind, inputs, outputs, name, domain=domain, **attributes)
        )
        return outputs[0]

    def enter(self, x: str) -> str:
        """Casts a float32 input to the type of the graph's computations."""
        if self.real == torch.float32:
            return x
        return self.op("Cast", [x], f"{x}/half", to=F16)

    def inner(self, output: str) -> str:
        """The name to compute a float32 output under, before `leave` casts it."""
        return output if self.real == torch.float32 else f"{output}/half"

    def leave(self, output: str) -> None:
        """Casts the output to float32."""
        if self.real != torch.float32:
            self.op("Cast", [f"{output}/half"], f"{output}/float", [output], to=F32)

    def linear(
        self,
        x: str,
        name: str,
        weight: Tensor,
        bias: Tensor | None = None,
        output: str | None = None,
    ) -> str:
        """x W^T + b with W [out, in], like torch.nn.Linear."""
        outputs = [output or name]
        if not self.quantised:
            w = self.weight(f"{name}.weight", weight.T)
            if bias is None:
                return self.op("MatMul", [x, w], name, outputs)
            y = self.op("MatMul", [x, w], f"{name}/matmul")
            return self.op("Add", [y, self.weight(f"{name}.bias", bias)], name, outputs)
        n, k = weight.shape
        parts = [quantize(p.float().numpy()) for p in rows(weight.detach())]
        packed, scales = (np.concatenate(part) for part in zip(*parts, strict=True))
        inputs = [
            x,
            self.weight(f"{name}.weight_q4", packed),
            self.weight(f"{name}.scales", scales),
        ]
        if bias is not None:
            inputs += ["", "", self.weight(f"{name}.bias", bias)]
        return self.op(
            "MatMulNBits", inputs, name, outputs, MS,
            K=k, N=n, bits=4, block_size=BLOCK, accuracy_level=0,
        )  # fmt: skip

    def model(
        self,
        inputs: list[onnx.ValueInfoProto],
        outputs: list[onnx.ValueInfoProto],
    ) -> onnx.ModelProto:
        graph = helper.make_graph(
            self.nodes, self.name, inputs, outputs, list(self.weights.values())
        )
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(MS, 1)]
        return helper.make_model(
            graph, opset_imports=opsets, ir_version=IR, producer_name="fast-vlm"
        )


def rows(data: Tensor) -> tuple[Tensor, ...]:
    """Splits along the first dimension into parts of at most CHUNK elements."""
    return data.split(max(1, CHUNK * len(data) // max(1, data.numel())))


def elements(name: str, data: Tensor, dtype: torch.dtype) -> Iterator[bytes]:
    for part in rows(data) if data.dim() else [data]:
        converted = part.to(dtype)
        if dtype == torch.float16 and not converted.isfinite().all():
            raise OverflowError(f"{name} has values beyond the range of float16")
        yield converted.contiguous().numpy().tobytes()
