"""Convolutions with several branches in training and one in inference.

    train:  y = bn_k(conv_k x) + bn_small(conv_small x) + bn_1(conv_1 x) + bn(x)
    infer:  y = conv x          with one k x k kernel and a bias

Folding conv + BN: W' = W gamma / sqrt(var + eps), b' = beta - mean gamma /
sqrt(var + eps). A smaller kernel is zero-padded to k x k; an identity is a
kernel with a one in its centre. Source: MobileOne (arXiv 2206.04040),
FastViT (arXiv 2303.14189).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNorm(nn.Module):
    """Convolution without bias, then batch norm."""

    def __init__(self, c_in: int, c_out: int, kernel: int, stride: int, groups: int):
        super().__init__()
        self.conv = nn.Conv2d(
            c_in, c_out, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.bn = nn.BatchNorm2d(c_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))

    def folded(self) -> tuple[Tensor, Tensor]:
        scale, bias = fold_norm(self.bn)
        return self.conv.weight * scale[:, None, None, None], bias


def fold_norm(bn: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """The batch norm as y = scale x + bias."""
    scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
    return scale, bn.bias - bn.running_mean * scale


def identity_kernel(channels: int, groups: int, kernel: int) -> Tensor:
    weight = torch.zeros(channels, channels // groups, kernel, kernel)
    index = torch.arange(channels)
    weight[index, index % (channels // groups), kernel // 2, kernel // 2] = 1
    return weight


class ReparamConv(nn.Module):
    """A convolution with `small` extra kernel sizes and an identity branch."""

    def __init__(
        self,
        c_in: int,
        c_out: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        small: tuple[int, ...] = (),
        identity: bool = False,
    ):
        super().__init__()
        self.shape = (c_in, c_out, kernel, stride, groups)
        self.convs = nn.ModuleList(
            ConvNorm(c_in, c_out, k, stride, groups) for k in (kernel, *small)
        )
        self.identity = nn.BatchNorm2d(c_in) if identity else None
        self.reparam_conv: nn.Conv2d | None = None

    def forward(self, x: Tensor) -> Tensor:
        if self.reparam_conv is not None:
            return self.reparam_conv(x)
        y = self.convs[0](x)
        for conv in self.convs[1:]:
            y = y + conv(x)
        return y if self.identity is None else y + self.identity(x)

    def folded(self) -> tuple[Tensor, Tensor]:
        c_in, _, kernel, _, groups = self.shape
        weight, bias = self.convs[0].folded()
        for conv in self.convs[1:]:
            w, b = conv.folded()
            pad = (kernel - w.shape[-1]) // 2
            weight, bias = weight + F.pad(w, [pad] * 4), bias + b
        if self.identity is not None:
            scale, b = fold_norm(self.identity)
            eye = identity_kernel(c_in, groups, kernel)
            weight, bias = weight + eye * scale[:, None, None, None], bias + b
        return weight, bias

    def fold(self) -> None:
        self.set_folded(*self.folded())

    def set_folded(self, weight: Tensor, bias: Tensor) -> None:
        """Replaces the branches by a single convolution."""
        c_in, c_out, kernel, stride, groups = self.shape
        conv = nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups)
        conv.weight.data, conv.bias.data = weight.detach(), bias.detach()
        self.reparam_conv, self.identity = conv, None
        self.convs = nn.ModuleList()
