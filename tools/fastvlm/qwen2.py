"""Qwen2's decoder: GQA with q/k/v biases, rotate-half RoPE, RMSNorm, SwiGLU."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import TextConfig

Cache = list[tuple[Tensor, Tensor]]


class RMSNorm(nn.Module):
    def __init__(self, width: int, eps: float):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x.float(), x.shape[-1:], self.weight, self.eps).to(x.dtype)


def rotary(positions: Tensor, cfg: TextConfig) -> tuple[Tensor, Tensor]:
    """cos and sin [B, 1, S, head_dim] of each position."""
    exponent = torch.arange(0, cfg.head_dim, 2, device=positions.device) / cfg.head_dim
    angle = positions[:, None, :, None].float() / cfg.rope_theta**exponent
    angle = torch.cat((angle, angle), -1)
    return angle.cos(), angle.sin()


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return x * cos.to(x.dtype) + torch.cat((-b, a), -1) * sin.to(x.dtype)


class SelfAttention(nn.Module):
    def __init__(self, cfg: TextConfig):
        super().__init__()
        self.head_dim = cfg.head_dim
        kv = cfg.kv_heads * cfg.head_dim
        self.q_proj = nn.Linear(cfg.hidden, cfg.heads * cfg.head_dim)
        self.k_proj = nn.Linear(cfg.hidden, kv)
        self.v_proj = nn.Linear(cfg.hidden, kv)
        self.o_proj = nn.Linear(cfg.heads * cfg.head_dim, cfg.hidden, bias=False)

    def forward(
        self,
        x: Tensor,
        rope: tuple[Tensor, Tensor],
        mask: Tensor | None,
        past: tuple[Tensor, Tensor] | None,
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        def split(y: Tensor) -> Tensor:
            return y.unflatten(2, (-1, self.head_dim)).transpose(1, 2)

        q = rotate(split(self.q_proj(x)), *rope)
        k = rotate(split(self.k_proj(x)), *rope)
        v = split(self.v_proj(x))
        if past is not None:
            k, v = torch.cat((past[0], k), 2), torch.cat((past[1], v), 2)
        causal = mask is None and x.shape[1] > 1
        if causal and past is not None:
            raise ValueError("several tokens after a cache need an explicit mask")
        y = F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, is_causal=causal, enable_gqa=True
        )
        return self.o_proj(y.transpose(1, 2).flatten(2)), (k, v)


class Mlp(nn.Module):
    def __init__(self, cfg: TextConfig):
        super().__init__()
        self.gate_proj = nn.Linear(cfg.hidden, cfg.ffn, bias=False)
        self.up_proj = nn.Linear(cfg.hidden, cfg.ffn, bias=False)
        self.down_proj = nn.Linear(cfg.ffn, cfg.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class DecoderLayer(nn.Module):
    def __init__(self, cfg: TextConfig):
        super().__init__()
        self.input_layernorm = RMSNorm(cfg.hidden, cfg.rms_eps)
        self.self_attn = SelfAttention(cfg)
        self.post_attention_layernorm = RMSNorm(cfg.hidden, cfg.rms_eps)
        self.mlp = Mlp(cfg)

    def forward(self, x, rope, mask, past):
        y, present = self.self_attn(self.input_layernorm(x), rope, mask, past)
        x = x + y
        return x + self.mlp(self.post_attention_layernorm(x)), present


class Qwen2(nn.Module):
    """Maps embeddings to hidden states and a KV cache."""

    def __init__(self, cfg: TextConfig):
        super().__init__()
        self.cfg = cfg
        self.embed_tokens = nn.Embedding(cfg.vocab, cfg.hidden)
        self.layers = nn.ModuleList(DecoderLayer(cfg) for _ in range(cfg.layers))
        self.norm = RMSNorm(cfg.hidden, cfg.rms_eps)

    def forward(
        self,
        embeds: Tensor,
        positions: Tensor,
        mask: Tensor | None = None,
        cache: Cache | None = None,
    ) -> tuple[Tensor, Cache]:
        """`mask` [B, 1, S, T] is added to the attention scores; None means causal."""
        rope, present, x = rotary(positions, self.cfg), [], embeds
        for i, layer in enumerate(self.layers):
            x, kv = layer(x, rope, mask, cache[i] if cache else None)
            present.append(kv)
        return self.norm(x), present
