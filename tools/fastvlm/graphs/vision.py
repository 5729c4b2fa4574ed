"""
    pixel_values [batch, 3, height, width], 0..1
        |
      stem          Conv 3x3 s2, DW 3x3 s2, 1x1, each + Gelu            /4
        |
      stage 1..3    DW 7x7 s2 -> Gelu -> 1x1 -> Gelu  (from 2)    /4 /8 /16
        |             +--------------------------------------+
        |           DW 3x3 -+-> DW 7x7 -> 1x1 -> Gelu -> 1x1 -> Add -> ...
        |
      stage 4, 5    downsample, DW 7x7 (positions)                 /32 /64
        |             +-------------------------------------------------+
        |           x-+-> Transpose -> LayerNorm -> q, k, v             |
        |                 -> MultiHeadAttention -> proj -> Transpose -> Add
        |             +-------------------------------------------+
        |           x-+-> DW 7x7 -> 1x1 -> Gelu -> 1x1 ---------> Add -> ...
        |
      final_conv    DW 3x3 (channels x 2) -> squeeze-excite -> Gelu     /64
        |
      projector     1x1 -> Gelu -> 1x1
        |
      Transpose, Reshape
        |
    image_features [batch, (height/64)(width/64), hidden]

The form that ONNX Runtime's WebGPU provider runs fastest: batch norms and layer
scales are folded into weights, a linear layer on the map is a 1x1 Conv (one kernel
with its bias and Gelu), and in its NHWC layout the Transposes are no-ops.
"""

import onnx
from torch import Tensor, nn

from ..model import FastVlm
from ..vision import AttentionBlock, ConvMlp, RepMixerBlock, SqueezeExcite
from .builder import F32, MS, Graph, value
from .external_data import WeightWriter


def build_vision(
    model: FastVlm, dtype: str = "fp32", writer: WeightWriter | None = None
) -> onnx.ModelProto:
    """The vision tower of the model must be folded."""
    g, tower = Graph("vision_encoder", dtype, writer), model.vision_tower
    x = g.enter("pixel_values")
    for i, conv in enumerate(tower.stem):
        x = gelu(g, convolution(g, x, f"stem.{i}", conv.reparam_conv))
    for i, stage in enumerate(tower.stages):
        x = add_stage(g, x, f"stages.{i}", stage)
    x = convolution(g, x, "final_conv", tower.final_conv.reparam_conv)
    x = gelu(g, squeeze_excite(g, x, "final_conv.se", tower.final_conv.se))
    projector = model.projector
    x = gelu(g, pointwise(g, x, "projector.linear_1", projector.linear_1))
    x = pointwise(g, x, "projector.linear_2", projector.linear_2)
    x = g.op("Transpose", [x], "tokens_last", perm=[0, 2, 3, 1])
    hidden = model.cfg.text.hidden
    features = g.inner("image_features")
    g.op("Reshape", [x, flat(g, hidden)], "image_features/reshape", [features])
    g.leave("image_features")
    return g.model(
        [value("pixel_values", F32, "batch", 3, "height", "width")],
        [value("image_features", F32, "batch", "tokens", hidden)],
    )


def convolution(
    g: Graph,
    x: str,
    name: str,
    conv: nn.Conv2d,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
) -> str:
    """`conv`, optionally with another weight and bias."""
    (kernel, _), (stride, _) = conv.kernel_size, conv.stride
    inputs = [
        x,
        g.weight(f"{name}.weight", conv.weight if weight is None else weight),
        g.weight(f"{name}.bias", conv.bias if bias is None else bias),
    ]
    return g.op(
        "Conv", inputs, name,
        kernel_shape=[kernel] * 2, strides=[stride] * 2,
        pads=[kernel // 2] * 4, group=conv.groups,
    )  # fmt: skip


def pointwise(g: Graph, x: str, name: str, linear: nn.Linear) -> str:
    """A linear layer over the channels of a map."""
    weight = g.weight(f"{name}.weight", linear.weight[:, :, None, None])
    bias = g.weight(f"{name}.bias", linear.bias)
    return g.op("Conv", [x, weight, bias], name, kernel_shape=[1, 1])


def gelu(g: Graph, x: str) -> str:
    return g.op("Gelu", [x], f"{x}/gelu")


def flat(g: Graph, width: int) -> str:
    """The shape [batch, pixels, width]."""
    return g.weight(f"flat.{width}", [0, -1, width])


def add_stage(g: Graph, x: str, name: str, stage: nn.Module) -> str:
    if not isinstance(stage.downsample, nn.Identity):
        for i, conv in enumerate(stage.downsample.proj):
            at = f"{name}.downsample.proj.{i}"
            x = gelu(g, convolution(g, x, at, conv.reparam_conv))
    if not isinstance(stage.pos_emb, nn.Identity):
        x = convolution(g, x, f"{name}.pos_emb", stage.pos_emb.reparam_conv)
    for i, block in enumerate(stage.blocks):
        at = f"{name}.blocks.{i}"
        if isinstance(block, RepMixerBlock):
            x = convolution(g, x, f"{at}.token_mixer", block.token_mixer.reparam_conv)
            x = conv_mlp(g, x, f"{at}.mlp", block.mlp, block.layer_scale.gamma)
        else:
            x = attention(g, x, at, block)
            x = conv_mlp(g, x, f"{at}.mlp", block.mlp, block.layer_scale_2.gamma)
    return x


def conv_mlp(g: Graph, x: str, name: str, mlp: ConvMlp, gamma: Tensor) -> str:
    """x + gamma mlp(x)."""
    y = convolution(g, x, f"{name}.conv", mlp.conv.conv, *mlp.conv.folded())
    y = gelu(g, convolution(g, y, f"{name}.fc1", mlp.fc1))
    weight, bias = mlp.fc2.weight * gamma[..., None], mlp.fc2.bias * gamma.flatten()
    y = convolution(g, y, f"{name}.fc2", mlp.fc2, weight, bias)
    return g.op("Add", [x, y], f"{name}/residual")


def attention(g: Graph, x: str, name: str, block: AttentionBlock) -> str:
    """x + gamma attention(norm(x)) over all pixels."""
    mixer, norm = block.token_mixer, block.norm
    width = mixer.proj.out_features
    y = g.op("Transpose", [x], f"{name}/channels_last", perm=[0, 2, 3, 1])
    map_shape = g.op("Shape", [y], f"{name}/map_shape")
    affine = [g.weight(f"{name}.norm.{n}", getattr(norm, n)) for n in ("weight", "bias")]
    y = g.op("LayerNormalization", [y, *affine], f"{name}.norm", axis=-1, epsilon=norm.eps)
    y = g.op("Reshape", [y, flat(g, width)], f"{name}/tokens")
    qkv = [
        g.linear(y, f"{name}.token_mixer.{n}", weight)
        for n, weight in zip("qkv", mixer.qkv.weight.chunk(3), strict=True)
    ]
    y = g.op(
        "MultiHeadAttention", qkv, f"{name}.token_mixer", domain=MS,
        num_heads=width // mixer.head_dim,
    )  # fmt: skip
    gamma = block.layer_scale_1.gamma.flatten()
    proj = mixer.proj
    y = g.linear(
        y, f"{name}.token_mixer.proj", proj.weight * gamma[:, None], proj.bias * gamma
    )
    y = g.op("Reshape", [y, map_shape], f"{name}/map")
    y = g.op("Transpose", [y], f"{name}/channels_first", perm=[0, 3, 1, 2])
    return g.op("Add", [x, y], f"{name}/residual")


def squeeze_excite(g: Graph, x: str, name: str, se: SqueezeExcite) -> str:
    s = g.op("GlobalAveragePool", [x], f"{name}/mean")
    s = g.op("Relu", [convolution(g, s, f"{name}.fc1", se.fc1)], f"{name}/relu")
    s = g.op("Sigmoid", [convolution(g, s, f"{name}.fc2", se.fc2)], f"{name}/sigmoid")
    return g.op("Mul", [x, s], name)
