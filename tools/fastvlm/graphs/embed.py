"""
    input_ids [batch_size, sequence_length] i64
        |
      Gather  table [vocab, hidden]   (float16: Cast)
        |
    inputs_embeds [batch_size, sequence_length, hidden]
"""

import onnx

from ..model import FastVlm
from .builder import F32, I64, Graph, value
from .external_data import WeightWriter


def build_embed(
    model: FastVlm, dtype: str = "fp32", writer: WeightWriter | None = None
) -> onnx.ModelProto:
    """The embedding table is never quantised: in q4 it is float32."""
    g = Graph("embed_tokens", dtype, writer)
    table = g.weight("embed_tokens.weight", model.language_model.embed_tokens.weight)
    found = g.inner("inputs_embeds")
    g.op("Gather", [table, "input_ids"], "embed_tokens", [found], axis=0)
    g.leave("inputs_embeds")
    sizes = ("batch_size", "sequence_length")
    return g.model(
        [value("input_ids", I64, *sizes)],
        [value("inputs_embeds", F32, *sizes, model.cfg.text.hidden)],
    )
