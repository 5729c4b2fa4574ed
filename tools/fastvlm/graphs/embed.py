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
from .store import Store


def build_embed(
    model: FastVlm, dtype: str = "fp32", store: Store | None = None
) -> onnx.ModelProto:
    """A table is not quantised: that of q4 is float32."""
    g = Graph("embed_tokens", dtype, store)
    table = g.weight("embed_tokens.weight", model.language_model.embed_tokens.weight)
    found = g.inner("inputs_embeds")
    g.op("Gather", [table, "input_ids"], "embed_tokens", [found], axis=0)
    g.leave("inputs_embeds")
    sizes = ("batch_size", "sequence_length")
    return g.model(
        [value("input_ids", I64, *sizes)],
        [value("inputs_embeds", F32, *sizes, model.cfg.text.hidden)],
    )
