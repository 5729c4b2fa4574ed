"""The complete FastVLM: FastViTHD -> mlp2x_gelu projector -> Qwen2."""

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
    def generate(
        self,
        pixels: Tensor,
        ids: list[int],
        image_token: int,
        stop: set[int],
        limit: int = 64,
    ) -> list[int]:
        """Greedy tokens for one prompt about one image."""
        device = pixels.device
        prompt = torch.tensor([ids], device=device)
        x = self.embed(prompt, self.image_features(pixels), image_token)
        positions = torch.arange(len(ids), device=device)[None]
        answer: list[int] = []
        cache = None
        while True:
            hidden, cache = self.language_model(x, positions, cache=cache)
            token = int(self.lm_head(hidden[:, -1]).argmax())
            if token in stop or len(answer) == limit:
                return answer
            answer.append(token)
            x = self.language_model.embed_tokens(torch.tensor([[token]], device=device))
            positions = positions[:, -1:] + 1
