"""Pictures and prompts with the greedy answers of nano in PyTorch, to which the
browser is held token for token.

e2e/fixtures/pairs/square: 256 pixels, which no resizer changes; any: of any
size, letterboxed and resized by Pillow.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer

from .draw import letterbox
from .model import FastVlm
from .samples import prompt_ids, to_pixels

# Pairs of each folder.
COUNTS = {"square": 200, "any": 40}
# Where the two likeliest tokens are closer than this, in logits, rounding
# decides: such a pair says nothing about who is right.
MARGIN = 0.05
LONGEST = 64


@torch.inference_mode()
def answer(
    model: FastVlm, features: torch.Tensor, ids: list[int], image: int, stop: set[int]
) -> tuple[list[int], float]:
    """Greedy tokens, and the smallest lead of a token over the next best."""
    x = model.embed(torch.tensor([ids]), features, image)
    tokens, lead, cache = [], torch.inf, None
    positions = torch.arange(len(ids))[None]
    while True:
        hidden, cache = model.language_model(x, positions, cache=cache)
        best = model.lm_head(hidden[0, -1]).topk(2)
        token = int(best.indices[0])
        lead = min(lead, float(best.values[0] - best.values[1]))
        if token in stop or len(tokens) == LONGEST:
            return tokens, lead
        tokens.append(token)
        x = model.language_model.embed_tokens(torch.tensor([[token]]))
        positions = positions[:, -1:] + 1


def answers(model: FastVlm, tokenizer: Tokenizer, folder: Path) -> Iterator[tuple[dict, float]]:
    token = tokenizer.token_to_id
    image, stop = token("<image>"), {token("<|im_end|>"), token("<|endoftext|>")}
    for line in (folder / "scenes.jsonl").read_text().splitlines():
        scene = json.loads(line)
        with Image.open(folder / scene["file"]) as picture:
            pixels = to_pixels(letterbox(picture.convert("RGB"), model.cfg.side))
        with torch.inference_mode():
            features = model.image_features(pixels)
        for asked in scene["questions"]:
            ids = prompt_ids(tokenizer, asked["question"], features.shape[1])
            tokens, lead = answer(model, features, ids, image, stop)
            pair = {
                "file": f"{folder.name}/{scene['file']}",
                "question": asked["question"],
                "tokenIds": tokens,
            }
            yield pair, lead


def clear_answers(model: FastVlm, tokenizer: Tokenizer, folder: Path) -> list[dict]:
    pairs = []
    for name, count in COUNTS.items():
        found = answers(model, tokenizer, folder / name)
        clear = [pair for pair, lead in found if lead >= MARGIN]
        if len(clear) < count:
            raise SystemExit(f"{folder / name}: {len(clear)} clear answers, not {count}")
        pairs += clear[:count]
    return pairs
