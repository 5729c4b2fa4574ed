"""FastViTHD: the vision encoder.

    pixels [B,3,H,W] -> stem /4 -> stage 1..3 (RepMixer) /4 /8 /16
      -> stage 4, 5 (attention) /32 /64 -> expansion + SE -> [B, 2C5, H/64, W/64]

Module names follow timm's `fastvit_mci3`, the structure that `transformers`
loads, so a state dict maps by prefix alone. Source: FastVLM (arXiv
2412.13303) sec. 3.2.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import VisionConfig
from .reparam import ConvNorm, ReparamConv, fold_norm, identity_kernel


class LayerScale(nn.Module):
    def __init__(self, width: int, init: float):
        super().__init__()
        self.gamma = nn.Parameter(torch.full((width, 1, 1), init))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gamma


class RepMixer(nn.Module):
    """x + g (mixer(x) - norm(x)), folded to one depthwise 3 x 3."""

    def __init__(self, width: int, cfg: VisionConfig):
        super().__init__()
        small, identity = ((1,), True) if cfg.branches else ((), False)
        self.mixer = ReparamConv(
            width, width, 3, groups=width, small=small, identity=identity
        )
        self.norm = nn.BatchNorm2d(width) if cfg.branches else None
        self.layer_scale = LayerScale(width, cfg.layer_scale)
        self.reparam_conv: nn.Conv2d | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.reparam_conv is not None:
            return self.reparam_conv(x)
        y = self.mixer(x)
        return x + self.layer_scale(y if self.norm is None else y - self.norm(x))

    def fold(self) -> None:
        weight, bias = self.mixer.folded()
        width = weight.shape[0]
        eye = identity_kernel(width, width, 3)
        if self.norm is not None:
            scale, b = fold_norm(self.norm)
            weight, bias = weight - eye * scale[:, None, None, None], bias - b
        gamma = self.layer_scale.gamma
        conv = nn.Conv2d(width, width, 3, padding=1, groups=width)
        conv.weight.data = (eye + weight * gamma[:, None]).detach()
        conv.bias.data = (bias * gamma.flatten()).detach()
        self.reparam_conv = conv
        self.mixer, self.norm, self.layer_scale = None, None, None


class PositionalEncoding(nn.Module):
    """Conditional positional encoding: x + depthwise 7 x 7 of x."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.reparam_conv: nn.Conv2d | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.reparam_conv is not None:
            return self.reparam_conv(x)
        return x + self.conv(x)

    def fold(self) -> None:
        width = self.conv.weight.shape[0]
        conv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        eye = identity_kernel(width, width, 7)
        conv.weight.data = (self.conv.weight + eye).detach()
        conv.bias.data = self.conv.bias.detach()
        self.reparam_conv, self.conv = conv, None


class ConvMlp(nn.Module):
    """Depthwise 7 x 7 + BN -> 1 x 1, GELU -> 1 x 1."""

    def __init__(self, width: int, ratio: int):
        super().__init__()
        self.conv = ConvNorm(width, width, 7, 1, width)
        self.fc1 = nn.Conv2d(width, ratio * width, 1)
        self.fc2 = nn.Conv2d(ratio * width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(self.conv(x))))


class ChannelNorm(nn.LayerNorm):
    """LayerNorm over the channels of each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Attention(nn.Module):
    """Global self-attention over the pixels; no mask, no position table."""

    def __init__(self, width: int, head_dim: int):
        super().__init__()
        self.head_dim = head_dim
        self.qkv = nn.Linear(width, 3 * width, bias=False)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        b, c, h, w = x.shape
        tokens = x.flatten(2).transpose(1, 2)
        qkv = self.qkv(tokens).unflatten(2, (3, c // self.head_dim, self.head_dim))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v)
        y = self.proj(y.transpose(1, 2).flatten(2))
        return y.transpose(1, 2).unflatten(2, (h, w))


class RepMixerBlock(nn.Module):
    def __init__(self, width: int, cfg: VisionConfig):
        super().__init__()
        self.token_mixer = RepMixer(width, cfg)
        self.mlp = ConvMlp(width, cfg.mlp_ratio)
        self.layer_scale = LayerScale(width, cfg.layer_scale)

    def forward(self, x: Tensor) -> Tensor:
        x = self.token_mixer(x)
        return x + self.layer_scale(self.mlp(x))


class AttentionBlock(nn.Module):
    def __init__(self, width: int, cfg: VisionConfig):
        super().__init__()
        self.norm = ChannelNorm(width, eps=1e-5)
        self.token_mixer = Attention(width, cfg.head_dim)
        self.layer_scale_1 = LayerScale(width, cfg.layer_scale)
        self.mlp = ConvMlp(width, cfg.mlp_ratio)
        self.layer_scale_2 = LayerScale(width, cfg.layer_scale)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.layer_scale_1(self.token_mixer(self.norm(x)))
        return x + self.layer_scale_2(self.mlp(x))


class Downsample(nn.Module):
    """7 x 7 stride 2, channels doubled (groups = c_in) -> GELU -> 1 x 1 -> GELU."""

    def __init__(self, c_in: int, c_out: int, cfg: VisionConfig):
        super().__init__()
        small = (3,) if cfg.branches else ()
        self.proj = nn.Sequential(
            ReparamConv(c_in, c_out, 7, stride=2, groups=c_in, small=small),
            ReparamConv(c_out, c_out, 1, identity=cfg.branches),
        )

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.proj[1](F.gelu(self.proj[0](x))))


class Stage(nn.Module):
    def __init__(self, index: int, cfg: VisionConfig):
        super().__init__()
        width = cfg.widths[index]
        attends = index >= 3
        self.downsample = (
            Downsample(cfg.widths[index - 1], width, cfg) if index else nn.Identity()
        )
        self.pos_emb = PositionalEncoding(width) if attends else nn.Identity()
        block = AttentionBlock if attends else RepMixerBlock
        self.blocks = nn.Sequential(*(block(width, cfg) for _ in range(cfg.depths[index])))

    def forward(self, x: Tensor) -> Tensor:
        return self.blocks(self.pos_emb(self.downsample(x)))


class SqueezeExcite(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.fc1 = nn.Conv2d(width, width // 16, 1)
        self.fc2 = nn.Conv2d(width // 16, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        s = F.relu(self.fc1(x.mean((2, 3), keepdim=True)))
        return x * torch.sigmoid(self.fc2(s))


class FinalConv(ReparamConv):
    """Expansion 3 x 3, channels doubled, then squeeze-excite, then GELU."""

    def __init__(self, width: int, cfg: VisionConfig):
        small = (1,) if cfg.branches else ()
        super().__init__(width, 2 * width, 3, groups=width, small=small)
        self.se = SqueezeExcite(2 * width)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.se(super().forward(x)))


class FastViTHD(nn.Module):
    def __init__(self, cfg: VisionConfig):
        super().__init__()
        c = cfg.widths[0]
        self.stem = nn.Sequential(
            ReparamConv(3, c, 3, stride=2),
            ReparamConv(c, c, 3, stride=2, groups=c),
            ReparamConv(c, c, 1, identity=cfg.branches),
        )
        self.stages = nn.Sequential(*(Stage(i, cfg) for i in range(len(cfg.depths))))
        self.final_conv = FinalConv(cfg.widths[-1], cfg)

    def forward(self, x: Tensor) -> Tensor:
        for conv in self.stem:
            x = F.gelu(conv(x))
        return self.final_conv(self.stages(x))

    @torch.no_grad()
    def fold(self) -> "FastViTHD":
        """Folds every training-time branch. Exact for a model in eval mode."""
        for module in list(self.modules()):
            if isinstance(module, (RepMixer, PositionalEncoding)):
                module.fold()
        for module in list(self.modules()):
            if isinstance(module, ReparamConv):
                module.fold()
        return self
