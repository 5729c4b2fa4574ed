"""A graph under construction: nodes and weights, each named by its place in
the PyTorch model, so that a node in a profile leads back to its module."""

from collections.abc import Iterator

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from torch import Tensor

from .dtypes import DTYPES, is_half, is_quantised
from .quantize import BLOCK, quantize
from .store import Memory, Store

MS = "com.microsoft"
F32, F16 = TensorProto.FLOAT, TensorProto.FLOAT16
I64, I32 = TensorProto.INT64, TensorProto.INT32
KINDS = {
    torch.float32: F32,
    torch.float16: F16,
    torch.int64: I64,
    torch.uint8: TensorProto.UINT8,
}

# 20 is the first with Gelu as one operator.
OPSET, IR = 20, 10
# Elements that are converted or quantised at once.
CHUNK = 1 << 20


def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    """An input or output; a size by name is free."""
    return helper.make_tensor_value_info(name, kind, shape)


class Graph:
    """`dtype` as in dtypes.py; weights go where `store` puts them."""

    def __init__(self, name: str, dtype: str = "fp32", store: Store | None = None):
        if dtype not in DTYPES:
            raise ValueError(f"{dtype}: not one of {', '.join(DTYPES)}")
        self.name, self.quantised = name, is_quantised(dtype)
        self.real = torch.float16 if is_half(dtype) else torch.float32
        self.store = store or Memory()
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, TensorProto] = {}

    @property
    def kind(self) -> int:
        """The type that the graph computes in."""
        return KINDS[self.real]

    def weight(self, name: str, data: Tensor | np.ndarray | list[int]) -> str:
        """An initializer; the same name twice is the same weight."""
        if name not in self.weights:
            if not isinstance(data, Tensor):
                data = torch.from_numpy(np.asarray(data))
            dtype = self.real if data.is_floating_point() else data.dtype
            tensor = TensorProto(name=name, data_type=KINDS[dtype], dims=data.shape)
            size = data.numel() * dtype.itemsize
            self.store.add(tensor, size, elements(name, data.detach(), dtype))
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
        """Adds a node; its first output, named after the node if not given."""
        outputs = outputs or [name]
        self.nodes.append(
            helper.make_node(kind, inputs, outputs, name, domain=domain, **attributes)
        )
        return outputs[0]

    def enter(self, x: str) -> str:
        """A float32 input in the type that the graph computes in."""
        if self.real == torch.float32:
            return x
        return self.op("Cast", [x], f"{x}/half", to=F16)

    def inner(self, output: str) -> str:
        """The name under which a float32 output is computed; see `leave`."""
        return output if self.real == torch.float32 else f"{output}/half"

    def leave(self, output: str) -> None:
        """The output in float32."""
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
        """x W^T + b with W [out, in], as torch.nn.Linear."""
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
    """At most CHUNK elements each, along the first dimension."""
    return data.split(max(1, CHUNK * len(data) // max(1, data.numel())))


def elements(name: str, data: Tensor, dtype: torch.dtype) -> Iterator[bytes]:
    for part in rows(data) if data.dim() else [data]:
        converted = part.to(dtype)
        if dtype == torch.float16 and not converted.isfinite().all():
            raise OverflowError(f"{name} has values beyond float16")
        yield converted.contiguous().numpy().tobytes()
