"""Graphs in 8 bits, as `onnxruntime.quantization.quantize_dynamic` writes them.

    Conv, MatMul  →  DynamicQuantizeLinear → ConvInteger, MatMulInteger → Cast → Mul
    Gather        →  Gather → DequantizeLinear

These are the files `*_quantized.onnx` of the published models, which transformers.js
chooses on WASM: int8 tables and matrices, uint8 convolutions, one scale for each.
"""

from collections.abc import Iterator
from math import sqrt

import numpy as np
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

# Standard deviation of uniformly distributed 8-bit codes, and of values in ±1.
CODE_DEVIATION, UNIT_DEVIATION = sqrt((256**2 - 1) / 12), sqrt(1 / 3)

# The integer operators, and the type of their weights.
INTEGER = {
    "Conv": ("ConvInteger", TensorProto.UINT8),
    "MatMul": ("MatMulInteger", TensorProto.INT8),
}


def code_type(name: str, dims: list[int]) -> int | None:
    """The type of a weight's codes: one byte each. None if it stays as it is. The
    published encoder has 8-bit convolutions only."""
    vision = name.startswith(("stem", "stages", "final_conv", "head", "projector"))
    if len(dims) == 4:
        return TensorProto.UINT8
    if len(dims) == 2 and not vision and not name.endswith("_cache"):
        return TensorProto.INT8
    return None


def code_scale(deviation_bound: float) -> float:
    """The step between codes whose values deviate like values in ± this bound."""
    return deviation_bound * UNIT_DEVIATION / CODE_DEVIATION


def quantize_nodes(proto: ModelProto, bounds: dict[str, float]) -> None:
    """Rewrites the nodes that use weights in codes. `bounds` has the largest
    magnitude of each of these weights."""
    graph = proto.graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    dims = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    constants: list[TensorProto] = []
    quantized: set[str] = set()

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    def parameters(weight: str) -> tuple[str, str]:
        """Names of the scale and the zero point of a weight."""
        scale = np.array(code_scale(bounds[weight]), np.float32)
        is_signed = types[weight] == TensorProto.INT8
        zero = np.array(0, np.int8) if is_signed else np.array(128, np.uint8)
        return constant(f"{weight}/scale", scale), constant(f"{weight}/zero", zero)

    def rewritten(node: NodeProto) -> Iterator[NodeProto]:
        inputs, output = list(node.input), node.output[0]
        if node.op_type == "Gather" and inputs[0] in bounds:
            yield helper.make_node("Gather", inputs, [f"{output}/codes"])
            linear = [f"{output}/codes", *parameters(inputs[0])]
            yield helper.make_node("DequantizeLinear", linear, [output])
        elif node.op_type in INTEGER and inputs[1] in bounds:
            x, weight, *bias = inputs
            codes, scale, zero = f"{x}/codes", f"{x}/scale", f"{x}/zero"
            if x not in quantized:
                yield helper.make_node("DynamicQuantizeLinear", [x], [codes, scale, zero])
            quantized.add(x)
            by, point = parameters(weight)
            operator, _ = INTEGER[node.op_type]
            integer = helper.make_node(
                operator, [codes, weight, zero, point], [f"{output}/sum"]
            )
            integer.attribute.extend(node.attribute)
            yield integer
            yield helper.make_node("Cast", [f"{output}/sum"], [f"{output}/float"], to=1)
            yield helper.make_node("Mul", [scale, by], [f"{output}/by"])
            product = f"{output}/product" if bias else output
            yield helper.make_node("Mul", [f"{output}/float", f"{output}/by"], [product])
            if bias:
                shape = np.array([1, dims[bias[0]][0], 1, 1], np.int64)
                shaped = [bias[0], constant(f"{bias[0]}/shape", shape)]
                yield helper.make_node("Reshape", shaped, [f"{bias[0]}/shaped"])
                yield helper.make_node("Add", [product, f"{bias[0]}/shaped"], [output])
        else:
            yield node

    nodes = [new for node in graph.node for new in rewritten(node)]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
