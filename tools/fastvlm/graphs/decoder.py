"""
    inputs_embeds [b, s, hidden]   attention_mask [b, t]   position_ids [b, s]
        |                            |  total length          |
        |                            |  seqlens_k             |
        |                            |                        |
      RMSNorm                        |                        |
        |                            |                        |
      q, k, v (+ bias)               |                        |
        |  RotaryEmbedding q, k <----+------------------------+
        |                            |
      GroupQueryAttention <----------+---- past_key_values.i.{key,value}
        |            \\---------------------> present.i.{key,value}
      o_proj
        |
      x + y, RMSNorm       (one SkipSimplifiedLayerNormalization)
        |
      down(silu(gate) up)
        |
      x + y, RMSNorm       (the next layer's, or the last)
        |
       ...  x layers
        |
      lm_head
        |
    logits [b, s, vocab]

Names, shapes and operators are those of the published graphs (onnx-community's
FastVLM): positions are inputs, and only lengths are read from the mask.
"""

import numpy as np
import onnx

from ..config import TextConfig
from ..model import FastVlm
from ..qwen2 import DecoderLayer, RMSNorm
from .builder import F32, I32, I64, MS, Graph, value
from .external_data import WeightWriter


def build_decoder(
    model: FastVlm, dtype: str = "fp32", writer: WeightWriter | None = None
) -> onnx.ModelProto:
    """Iterates over the layers once, so they may be loaded lazily."""
    g, language, cfg = (
        Graph("decoder_model_merged", dtype, writer), model.language_model, model.cfg.text
    )  # fmt: skip
    lengths, tables = sequence_lengths(g), rotary_tables(g, cfg)
    # x is the residual stream, y the previous layer's contribution to it.
    x, y, past, present = g.enter("inputs_embeds"), None, [], []
    for i, layer in enumerate(language.layers):
        x, y = add_layer(g, x, y, i, layer, cfg, lengths, tables)
        for kind in ("key", "value"):
            past.append(cache(g, f"past_key_values.{i}.{kind}", cfg, "past_sequence_length"))
            present.append(cache(g, f"present.{i}.{kind}", cfg, "total_sequence_length"))
    _, y = skip_norm(g, x, y, "norm", language.norm, last=True)
    g.linear(y, "lm_head", model.lm_head.weight, output=g.inner("logits"))
    g.leave("logits")
    b, s = "batch_size", "sequence_length"
    return g.model(
        [
            value("inputs_embeds", F32, b, s, cfg.hidden),
            value("attention_mask", I64, b, "total_sequence_length"),
            value("position_ids", I64, b, s),
            *past,
        ],
        [value("logits", F32, b, s, cfg.logits), *present],
    )


def add_layer(
    g: Graph,
    x: str,
    y: str | None,
    index: int,
    layer: DecoderLayer,
    cfg: TextConfig,
    lengths: list[str],
    tables: list[str],
) -> tuple[str, str]:
    """The next residual stream, and the contribution still to be added to it."""
    name, norm = f"layers.{index}", layer.input_layernorm
    if y is None:
        z = g.op(
            "SimplifiedLayerNormalization",
            [x, g.weight(f"{name}.input_layernorm.weight", norm.weight)],
            f"{name}.input_layernorm", axis=-1, epsilon=norm.eps, stash_type=1,
        )  # fmt: skip
    else:
        x, z = skip_norm(g, x, y, f"{name}.input_layernorm", norm)
    y = attention(g, z, index, layer, cfg, lengths, tables)
    norm = layer.post_attention_layernorm
    x, z = skip_norm(g, x, y, f"{name}.post_attention_layernorm", norm)
    return x, mlp(g, z, f"{name}.mlp", layer)


def cache(g: Graph, name: str, cfg: TextConfig, length: str) -> onnx.ValueInfoProto:
    return value(name, g.kind, "batch_size", cfg.kv_heads, length, cfg.head_dim)


def sequence_lengths(g: Graph) -> list[str]:
    """GroupQueryAttention's seqlens_k (index of each row's last position) and
    total_sequence_length (a scalar)."""
    one = g.weight("one", [1])
    total = g.op("ReduceSum", ["attention_mask", one], "mask/sum", keepdims=0)
    last = g.op("Sub", [total, one], "mask/last")
    shape = g.op("Shape", ["attention_mask"], "mask/shape")
    length = g.op("Gather", [shape, g.weight("second", np.int64(1))], "mask/length")
    return [
        g.op("Cast", [last], "seqlens_k", to=I32),
        g.op("Cast", [length], "total_length", to=I32),
    ]


def rotary_tables(g: Graph, cfg: TextConfig) -> list[str]:
    """cos and sin [positions, head_dim / 2]."""
    exponent = np.arange(0, cfg.head_dim, 2, dtype=np.float32) / np.float32(cfg.head_dim)
    positions = np.arange(cfg.max_position, dtype=np.float32)[:, None]
    angle = positions / np.float32(cfg.rope_theta) ** exponent
    return [g.weight("cos_cache", np.cos(angle)), g.weight("sin_cache", np.sin(angle))]


def attention(
    g: Graph,
    x: str,
    index: int,
    layer: DecoderLayer,
    cfg: TextConfig,
    lengths: list[str],
    tables: list[str],
) -> str:
    name, attn = f"layers.{index}.self_attn", layer.self_attn
    qkv = []
    for part in "qkv":
        linear = getattr(attn, f"{part}_proj")
        z = g.linear(x, f"{name}.{part}_proj", linear.weight, linear.bias)
        if part != "v":
            inputs = [z, "position_ids", *tables]
            z = g.op("RotaryEmbedding", inputs, f"{name}.{part}_rotary", domain=MS)
        qkv.append(z)
    kinds = ("key", "value")
    y = g.op(
        "GroupQueryAttention",
        [*qkv, *(f"past_key_values.{index}.{k}" for k in kinds), *lengths],
        name,
        [name, *(f"present.{index}.{k}" for k in kinds)],
        MS,
        num_heads=cfg.heads,
        kv_num_heads=cfg.kv_heads,
    )
    return g.linear(y, f"{name}.o_proj", attn.o_proj.weight)


def skip_norm(
    g: Graph, x: str, y: str, name: str, norm: RMSNorm, last: bool = False
) -> tuple[str, str]:
    """x + y and its RMSNorm; after the last layer only the norm is an output."""
    outputs = [name] if last else [name, "", "", f"{name}/residual"]
    inputs = [x, y, g.weight(f"{name}.weight", norm.weight)]
    g.op(
        "SkipSimplifiedLayerNormalization", inputs, name, outputs, MS, epsilon=norm.eps
    )
    return outputs[-1], name


def mlp(g: Graph, x: str, name: str, layer: DecoderLayer) -> str:
    gate = g.linear(x, f"{name}.gate_proj", layer.mlp.gate_proj.weight)
    silu = g.op("Sigmoid", [gate], f"{name}/sigmoid")
    silu = g.op("Mul", [gate, silu], f"{name}/silu")
    up = g.linear(x, f"{name}.up_proj", layer.mlp.up_proj.weight)
    y = g.op("Mul", [silu, up], f"{name}/gated")
    return g.linear(y, f"{name}.down_proj", layer.mlp.down_proj.weight)
