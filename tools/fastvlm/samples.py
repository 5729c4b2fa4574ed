"""Model inputs from generated scenes: pixels and prompt ids."""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from .render import camera, installed_fonts, letterbox, render
from .tokenizer import prompt_ids
from .scene_generator import Question, Sampler, questions


@dataclass(frozen=True)
class Sample:
    pixels: Tensor  # [1, 3, size, size], 0..1
    ids: list[int]  # with one <image> id per image token
    question: Question


def to_pixels(image: Image.Image) -> Tensor:
    """RGB image -> [1, 3, H, W] in 0..1."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return pixels[None].float() / 255


def generate_samples(tokenizer: Tokenizer, count: int, seed: int, size: int) -> list[Sample]:
    """`count` scenes with one question each."""
    rng, sampler, samples = Random(seed), Sampler(installed_fonts()), []
    for _ in range(count):
        scene = sampler.scene(rng)
        image = letterbox(camera(render(scene, size, rng)[0], rng), size)
        question = rng.choice(questions(scene, rng))
        ids = prompt_ids(tokenizer, question.question, (size // 64) ** 2)
        samples.append(Sample(to_pixels(image), ids, question))
    return samples
