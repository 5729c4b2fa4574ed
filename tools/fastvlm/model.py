"""The complete FastVLM: FastViTHD -> mlp2x_gelu projector -> Qwen2."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .config import FastVlmConfig
from .qwen2 import Qwen2
from .vision import FastViTHD


class Projector(nn.Module):
    def __init__(self, c_in: int, c_out: int):
        super().__init__()
        self.linear_1 = nn.Linear(c_in, c_out)
        self.linear_2 = nn.Linear(c_out, c_out)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear_2(F.gelu(self.linear_1(x)))


@dataclass(frozen=True)
class Step:
    """One pass of the decoder."""

    embeds: Tensor  # [1, s, hidden]
    logits: Tensor  # [1, s, vocab]
    cache: list[tuple[Tensor, Tensor]]

    @property
    def token(self) -> int:
        """The most likely next token."""
        return int(self.logits[0, -1].argmax())


class FastVlm(nn.Module):
    def __init__(self, cfg: FastVlmConfig):
        super().__init__()
        self.cfg = cfg
        self.vision_tower = FastViTHD(cfg.vision)
        self.projector = Projector(cfg.vision.out_width, cfg.text.hidden)
        self.language_model = Qwen2(cfg.text)
        self.lm_head = nn.Linear(cfg.text.hidden, cfg.text.logits, bias=False)
        if cfg.text.tied:
            self.lm_head.weight = self.language_model.embed_tokens.weight

    def image_features(self, pixels: Tensor) -> Tensor:
        """Pixels [B, 3, H, W] in 0..1 -> features [B, (H/64)(W/64), hidden], row-major."""
        features = self.vision_tower(pixels)
        return self.projector(features.flatten(2).transpose(1, 2))

    def embed(self, ids: Tensor, features: Tensor, image_token: int) -> Tensor:
        """Token embeddings with the image features in place of the image tokens."""
        embeds = self.language_model.embed_tokens(ids)
        slots = (ids == image_token).unsqueeze(-1).expand_as(embeds)
        return embeds.masked_scatter(slots, features.to(embeds.dtype))

    @torch.inference_mode()
    def decode(self, features: Tensor, ids: list[int], image_token: int) -> Iterator[Step]:
        """The steps of greedy decoding, without end: the prompt `ids` about one image,
        then one token at a time."""
        prompt = torch.tensor([ids], device=features.device)
        x, cache = self.embed(prompt, features, image_token), None
        positions = torch.arange(len(ids), device=features.device)[None]
        while True:
            hidden, cache = self.language_model(x, positions, cache=cache)
            step = Step(x, self.lm_head(hidden), cache)
            yield step
            token = torch.tensor([[step.token]], device=features.device)
            x = self.language_model.embed_tokens(token)
            positions = positions[:, -1:] + 1

    @torch.inference_mode()
    def generate(
        self,
        pixels: Tensor,
        ids: list[int],
        image_token: int,
        stop: set[int],
        limit: int = 64,
    ) -> list[int]:
        """Greedy tokens for one prompt about one image."""
        steps = self.decode(self.image_features(pixels), ids, image_token)
        tokens = takewhile(lambda token: token not in stop, (step.token for step in steps))
        return list(islice(tokens, limit))
