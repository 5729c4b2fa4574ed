"""Splits a decoder graph into one graph per layer, which share the external data
of the whole.

    prelude (in every part)    nodes that depend on the inputs alone
    layers.i.*                 one part each
    norm, lm_head              the last part
"""

import re
from itertools import groupby

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

LAYER = re.compile(r"layers\.(\d+)\.")


def split_layers(model: ModelProto) -> list[ModelProto]:
    """Parts to run in order; the inputs of each are model inputs and earlier outputs."""
    groups = [(key, list(nodes)) for key, nodes in groupby(model.graph.node, layer_of)]
    (_, prelude), *rest = groups
    return [
        extract(model, prelude, nodes, [later for _, later in rest[i + 1 :]])
        for i, (_, nodes) in enumerate(rest)
    ]


def layer_of(node: NodeProto) -> int | None:
    match = LAYER.match(node.name)
    return int(match[1]) if match else None


def extract(
    model: ModelProto,
    prelude: list[NodeProto],
    own: list[NodeProto],
    later: list[list[NodeProto]],
) -> ModelProto:
    graph, nodes = model.graph, prelude + own
    produced = {name for node in nodes for name in node.output}
    used = {name for node in nodes for name in node.input if name}
    outputs = {name for node in own for name in node.output}
    needed = {name for group in later for node in group for name in node.input if name}
    declared = {v.name: v for v in (*graph.input, *graph.output)}
    weights = [w for w in graph.initializer if w.name in used]
    real = graph_real(graph)

    def values(names: set[str]) -> list:
        return [
            declared.get(n) or helper.make_tensor_value_info(n, real, None)
            for n in sorted(names)
        ]

    inputs = used - produced - {w.name for w in weights}
    model_outputs = {o.name for o in graph.output}
    part = helper.make_graph(
        nodes, graph.name, values(inputs), values(outputs & (needed | model_outputs)), weights
    )
    return helper.make_model(
        part, opset_imports=model.opset_import, ir_version=model.ir_version
    )


def graph_real(graph: GraphProto) -> int:
    """The type of values between layers, which is that of the norm weights."""
    norm = next(w for w in graph.initializer if w.name == "norm.weight")
    return TensorProto.FLOAT16 if norm.data_type == TensorProto.FLOAT16 else TensorProto.FLOAT
