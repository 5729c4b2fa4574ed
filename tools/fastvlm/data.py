"""Training batches: pictures with all their questions packed in one sequence.

    [ before | 16 image tokens | Q1 A1 | Q2 A2 | ... ]

Every question sees the shared prefix and itself, never another question, and
counts its positions from the prefix's end: exactly what it would see alone,
while the picture is encoded once.
"""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from torch.utils.data import Dataset

from .draw import FIRST_OBJECT, GROUND, OUTSIDE, camera, draw, letterbox
from .tokenizer import prompt_parts
from .world import CHARACTERS, COLORS, GROUNDS, SHAPES, Question, Sampler, Scene, questions

IGNORE = -100
CELLS = 16  # label cells per side: stride 16 at 256 pixels
KINDS = 1 + len(SHAPES) + len(CHARACTERS)
PAINTS = 1 + len(COLORS) + len(GROUNDS)


@dataclass
class Batch:
    pixels: Tensor  # [B, 256, 256, 3] uint8
    kinds: Tensor  # [B, CELLS, CELLS]: 0 none, then shapes, then characters
    paints: Tensor  # [B, CELLS, CELLS]: 0 outside, then colours, then grounds
    ids: Tensor  # [B, T]
    positions: Tensor  # [B, T]
    segments: Tensor  # [B, T]: 0 prefix, 1.. questions, -1 padding
    targets: Tensor  # [B, T]: the next id where it belongs to an answer
    question_kinds: list[list[str]]  # [B][segment - 1]


class Pack:
    """Token sequences of the pictures of a batch."""

    def __init__(self, tokenizer: Tokenizer, image_tokens: int):
        self.tokenizer = tokenizer
        self.image = tokenizer.token_to_id("<image>")
        self.end = tokenizer.token_to_id("<|im_end|>")
        before, _ = prompt_parts("")
        self.prefix = [*self.encode(before), *[self.image] * image_tokens]

    def encode(self, text: str) -> list[int]:
        return self.tokenizer.encode(text).ids

    def sequence(self, asked: list[Question]) -> np.ndarray:
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
    """What and which paint is in each cell; objects win over ground."""
    fine = np.asarray(letterbox(label, 2 * CELLS, Image.NEAREST))
    cells = fine.reshape(CELLS, 2, CELLS, 2).max((1, 3))
    kinds, paints = np.zeros((2, 256), np.int64)
    paints[OUTSIDE], paints[GROUND] = 0, 1 + len(COLORS) + GROUNDS.index(scene.ground)
    if scene.text is not None:
        objects = [
            (1 + len(SHAPES) + CHARACTERS.index(c), scene.text.color)
            for c in scene.text.value
        ]
    else:
        objects = [(1 + SHAPES.index(s.kind), s.color) for s in scene.shapes]
    for i, (kind, color) in enumerate(objects, FIRST_OBJECT):
        kinds[i], paints[i] = kind, 1 + COLORS.index(color)
    return kinds[cells], paints[cells]


class Batches(Dataset):
    """Batch n is the same for the same seed, whoever draws it."""

    def __init__(self, sampler: Sampler, pack: Pack, size: int, first: int, last: int,
                 side: int = 256, ramp: int = 60_000, seed: int = 0):  # fmt: skip
        self.sampler, self.pack, self.size, self.side = sampler, pack, size, side
        self.first, self.last, self.ramp, self.seed = first, last, ramp, seed

    def __len__(self) -> int:
        return self.last - self.first

    def __getitem__(self, index: int) -> Batch:
        number = self.first + index
        rng = Random(self.seed * 1_000_003 + number)
        difficulty = min(1.0, number * self.size / self.ramp)
        sampler = Sampler(
            self.sampler.fonts, difficulty, self.sampler.text_share, self.sampler.counts
        )
        pixels, kinds, paints, rows, names = [], [], [], [], []
        for _ in range(self.size):
            scene = sampler.scene(rng)
            drawn = self.side if rng.random() < 0.7 else rng.choice((320, 384, 448))
            image, label = draw(scene, drawn, rng)
            pixels.append(np.asarray(letterbox(camera(image, rng), self.side)))
            kind, paint = cell_labels(label, scene)
            kinds.append(kind)
            paints.append(paint)
            asked = questions(scene, rng)
            rows.append(self.pack.sequence(asked))
            names.append([q.kind for q in asked])
        length = -(-max(r.shape[1] for r in rows) // 16) * 16
        packed = np.zeros((4, self.size, length), np.int64)
        packed[2], packed[3] = -1, IGNORE
        for i, row in enumerate(rows):
            packed[:, i, : row.shape[1]] = row
        ids, positions, segments, targets = torch.from_numpy(packed)
        return Batch(
            torch.from_numpy(np.stack(pixels)),
            torch.from_numpy(np.stack(kinds)),
            torch.from_numpy(np.stack(paints)),
            ids, positions, segments, targets, names,
        )  # fmt: skip


def packed_mask(segments: Tensor, dtype: torch.dtype) -> Tensor:
    """[B, 1, T, T] to add to the scores: causal, within the prefix and the own
    question."""
    own = segments[:, :, None] == segments[:, None, :]
    seen = (own | (segments[:, None, :] == 0)).tril()
    hidden = torch.finfo(dtype).min
    bias = torch.zeros(seen.shape, dtype=dtype, device=seen.device)
    return bias.masked_fill_(~seen, hidden)[:, None]
