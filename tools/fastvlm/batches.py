"""Training batches: images with all their questions packed into one sequence.

    [ before | 16 image tokens | Q1 A1 | Q2 A2 | ... ]

Every question attends to the shared prefix and itself only, with positions that
continue from the prefix, so it sees what it would see in a prompt of its own,
while the image is encoded once.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import Dataset

from .render import FIRST_OBJECT, GROUND, OUTSIDE, camera, letterbox, render
from .tokenizer import prompt_parts
from .scene_generator import CHARACTERS, COLORS, GROUNDS, SHAPES, Question, Sampler, Scene, questions

IGNORE = -100
CELLS = 16  # label cells per side: stride 16 at 256 pixels
KIND_CLASSES = 1 + len(SHAPES) + len(CHARACTERS)
COLOR_CLASSES = 1 + len(COLORS) + len(GROUNDS)


@dataclass
class Batch:
    pixels: Tensor  # [B, 256, 256, 3] uint8
    cell_kinds: Tensor  # [B, CELLS, CELLS]: 0 none, then shapes, then characters
    cell_colors: Tensor  # [B, CELLS, CELLS]: 0 outside, then colours, then grounds
    ids: Tensor  # [B, T]
    positions: Tensor  # [B, T]
    segments: Tensor  # [B, T]: 0 prefix, 1.. questions, -1 padding
    targets: Tensor  # [B, T]: the next id if it is part of an answer, else IGNORE
    question_kinds: list[list[str]]  # [B][segment - 1]


class SequencePacker:
    """Packs the questions about one image into a token sequence."""

    def __init__(self, tokenizer: Tokenizer, image_tokens: int):
        self.tokenizer = tokenizer
        self.image = tokenizer.token_to_id("<image>")
        self.end = tokenizer.token_to_id("<|im_end|>")
        before, _ = prompt_parts("")
        self.prefix = [*self.encode(before), *[self.image] * image_tokens]

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text).ids

    def pack(self, asked: list[Question]) -> np.ndarray:
        """Rows ids, positions, segments, targets."""
        n = len(self.prefix)
        rows = [[i, p, 0, IGNORE] for p, i in enumerate(self.prefix)]
        for segment, q in enumerate(asked, 1):
            prompt = self.encode(prompt_parts(q.question)[1])
            answer = [*self.encode(q.answer), self.end]
            ids = prompt + answer[:-1]
            targets = [IGNORE] * (len(prompt) - 1) + answer
            rows += [
                [i, n + p, segment, t]
                for p, (i, t) in enumerate(zip(ids, targets, strict=True))
            ]
        return np.array(rows, np.int64).T


def cell_labels(label: Image.Image, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Kind and colour class of each cell; objects take precedence over the ground."""
    fine = np.asarray(letterbox(label, 2 * CELLS, Image.NEAREST))
    cells = fine.reshape(CELLS, 2, CELLS, 2).max((1, 3))
    kinds, colors = np.zeros((2, 256), np.int64)
    colors[OUTSIDE], colors[GROUND] = 0, 1 + len(COLORS) + GROUNDS.index(scene.ground)
    if scene.text is not None:
        objects = [
            (1 + len(SHAPES) + CHARACTERS.index(c), scene.text.color)
            for c in scene.text.value
        ]
    else:
        objects = [(1 + SHAPES.index(s.kind), s.color) for s in scene.shapes]
    for i, (kind, color) in enumerate(objects, FIRST_OBJECT):
        kinds[i], colors[i] = kind, 1 + COLORS.index(color)
    return kinds[cells], colors[cells]


class SceneBatches(Dataset):
    """Batches `first` to `last`. Batch n depends on `seed` and n only, not on the
    worker process that generates it."""

    def __init__(
        self,
        sampler: Sampler,
        packer: SequencePacker,
        batch_size: int,
        first: int,
        last: int,
        image_size: int = 256,
        ramp: int = 60_000,
        seed: int = 0,
    ):
        """Difficulty rises from 0 to 1 over the first `ramp` images."""
        self.sampler, self.packer, self.batch_size = sampler, packer, batch_size
        self.first, self.last, self.image_size = first, last, image_size
        self.ramp, self.seed = ramp, seed

    def __len__(self) -> int:
        return self.last - self.first

    def __getitem__(self, index: int) -> Batch:
        number = self.first + index
        rng = Random(self.seed * 1_000_003 + number)
        difficulty = min(1.0, number * self.batch_size / self.ramp)
        sampler = Sampler(
            self.sampler.fonts, difficulty, self.sampler.text_share, self.sampler.counts
        )
        pixels, kinds, colors, rows, names = [], [], [], [], []
        for _ in range(self.batch_size):
            scene = sampler.scene(rng)
            size = self.image_size if rng.random() < 0.7 else rng.choice((320, 384, 448))
            image, label = render(scene, size, rng)
            pixels.append(np.asarray(letterbox(camera(image, rng), self.image_size)))
            kind, color = cell_labels(label, scene)
            kinds.append(kind)
            colors.append(color)
            asked = questions(scene, rng)
            rows.append(self.packer.pack(asked))
            names.append([q.kind for q in asked])
        length = -(-max(r.shape[1] for r in rows) // 16) * 16
        packed = np.zeros((4, self.batch_size, length), np.int64)
        packed[2], packed[3] = -1, IGNORE
        for i, row in enumerate(rows):
            packed[:, i, : row.shape[1]] = row
        ids, positions, segments, targets = torch.from_numpy(packed)
        return Batch(
            torch.from_numpy(np.stack(pixels)),
            torch.from_numpy(np.stack(kinds)),
            torch.from_numpy(np.stack(colors)),
            ids, positions, segments, targets, names,
        )  # fmt: skip


def packed_mask(segments: Tensor, dtype: torch.dtype) -> Tensor:
    """Attention bias [B, 1, T, T]: causal, to the prefix and the own question only."""
    own = segments[:, :, None] == segments[:, None, :]
    seen = (own | (segments[:, None, :] == 0)).tril()
    hidden = torch.finfo(dtype).min
    bias = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return bias.masked_fill_(~seen, hidden)[:, None]
