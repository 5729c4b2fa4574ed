"""A decoder cut into its layers: each a graph of its own that shares the
external data of the whole.

    prelude (in every piece)   what is computed of the inputs alone
    layers.i.*                 one piece each
    norm, lm_head              the last piece
"""

import re
from itertools import groupby

from onnx import GraphProto, ModelProto, NodeProto, TensorProto, helper

LAYER = re.compile(r"layers\.(\d+)\.")


def cut(model: ModelProto) -> list[ModelProto]:
    """Run in order, with all that came before as inputs."""
    groups = [(key, list(nodes)) for key, nodes in groupby(model.graph.node, layer_of)]
    (_, prelude), *rest = groups
    return [
        piece(model, prelude, nodes, [later for _, later in rest[i + 1 :]])
        for i, (_, nodes) in enumerate(rest)
    ]


def layer_of(node: NodeProto) -> int | None:
    match = LAYER.match(node.name)
    return int(match[1]) if match else None


def piece(
    model: ModelProto,
    prelude: list[NodeProto],
    own: list[NodeProto],
    later: list[list[NodeProto]],
) -> ModelProto:
    graph, nodes = model.graph, prelude + own
    made = {name for node in nodes for name in node.output}
    used = {name for node in nodes for name in node.input if name}
    given = {name for node in own for name in node.output}
    needed = {name for group in later for node in group for name in node.input if name}
    declared = {v.name: v for v in (*graph.input, *graph.output)}
    weights = [w for w in graph.initializer if w.name in used]
    real = graph_real(graph)

    def values(names: set[str]) -> list:
        return [
            declared.get(n) or helper.make_tensor_value_info(n, real, None)
            for n in sorted(names)
        ]

    inputs = used - made - {w.name for w in weights}
    ends = {o.name for o in graph.output}
    cut_graph = helper.make_graph(
        nodes, graph.name, values(inputs), values(given & (needed | ends)), weights
    )
    return helper.make_model(
        cut_graph, opset_imports=model.opset_import, ir_version=model.ir_version
    )


def graph_real(graph: GraphProto) -> int:
    """The type between layers: that of the norms' weights."""
    norm = next(w for w in graph.initializer if w.name == "norm.weight")
    return TensorProto.FLOAT16 if norm.data_type == TensorProto.FLOAT16 else TensorProto.FLOAT
