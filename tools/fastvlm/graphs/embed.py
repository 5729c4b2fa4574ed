"""
    input_ids [batch_size, sequence_length] i64
        |
      Gather  table [vocab, hidden]
        |
    inputs_embeds [batch_size, sequence_length, hidden]
"""

import onnx

from ..model import FastVlm
from .builder import F32, I64, Graph, value


def build_embed(model: FastVlm) -> onnx.ModelProto:
    g = Graph("embed_tokens")
    table = g.weight("embed_tokens.weight", model.language_model.embed_tokens.weight)
    g.op("Gather", [table, "input_ids"], "embed_tokens", ["inputs_embeds"], axis=0)
    sizes = ("batch_size", "sequence_length")
    return g.model(
        [value("input_ids", I64, *sizes)],
        [value("inputs_embeds", F32, *sizes, model.cfg.text.hidden)],
    )
