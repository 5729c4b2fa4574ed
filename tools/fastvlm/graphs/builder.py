"""A graph under construction: nodes and weights, each named by its place in
the PyTorch model, so that a node in a profile leads back to its module."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor

from .quantize import BLOCK, quantize

MS = "com.microsoft"
F32, I64, I32 = TensorProto.FLOAT, TensorProto.INT64, TensorProto.INT32

# 20 is the first with Gelu as one operator.
OPSET, IR = 20, 10


def value(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    """An input or output; a size by name is free."""
    return helper.make_tensor_value_info(name, kind, shape)


class Graph:
    """`bits` 4: linear layers are quantised (quantize.py); None: float32."""

    def __init__(self, name: str, bits: int | None = None):
        self.name, self.bits = name, bits
        self.nodes: list[onnx.NodeProto] = []
        self.weights: dict[str, onnx.TensorProto] = {}

    def weight(self, name: str, data: Tensor | np.ndarray | list[int]) -> str:
        """An initializer; the same name twice is the same weight."""
        if name not in self.weights:
            if isinstance(data, Tensor):
                data = data.detach().float().contiguous().numpy()
            self.weights[name] = numpy_helper.from_array(np.asarray(data), name)
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
        if self.bits is None:
            w = self.weight(f"{name}.weight", weight.T)
            if bias is None:
                return self.op("MatMul", [x, w], name, outputs)
            y = self.op("MatMul", [x, w], f"{name}/matmul")
            return self.op("Add", [y, self.weight(f"{name}.bias", bias)], name, outputs)
        n, k = weight.shape
        packed, scales = quantize(weight.detach().float().numpy())
        inputs = [
            x,
            self.weight(f"{name}.weight_q4", packed),
            self.weight(f"{name}.scales", scales),
        ]
        if bias is not None:
            inputs += ["", "", self.weight(f"{name}.bias", bias)]
        return self.op(
            "MatMulNBits", inputs, name, outputs, MS,
            K=k, N=n, bits=self.bits, block_size=BLOCK, accuracy_level=0,
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
