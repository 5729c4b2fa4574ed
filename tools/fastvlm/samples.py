"""Scenes as the model meets them: pixels and the ids of a question's prompt."""

from dataclasses import dataclass
from random import Random

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from .draw import camera, draw, installed_fonts, letterbox
from .tokenizer import prompt_parts
from .world import Question, Sampler, questions


@dataclass(frozen=True)
class Sample:
    pixels: Tensor  # [1, 3, side, side], 0..1
    ids: list[int]  # the image token stands once for each image position
    question: Question


def to_pixels(image: Image.Image) -> Tensor:
    """[1, 3, H, W] in 0..1 of an RGB picture."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)
    return pixels[None].float() / 255


def prompt_ids(tokenizer: Tokenizer, question: str, image_tokens: int) -> list[int]:
    before, after = prompt_parts(question)
    image = [tokenizer.token_to_id("<image>")] * image_tokens
    return [*tokenizer.encode(before).ids, *image, *tokenizer.encode(after).ids]


def draw_samples(tokenizer: Tokenizer, count: int, seed: int, side: int) -> list[Sample]:
    """`count` scenes, each with one of its questions."""
    rng, sampler, samples = Random(seed), Sampler(installed_fonts()), []
    for _ in range(count):
        scene = sampler.scene(rng)
        image = letterbox(camera(draw(scene, side, rng)[0], rng), side)
        question = rng.choice(questions(scene, rng))
        ids = prompt_ids(tokenizer, question.question, (side // 64) ** 2)
        samples.append(Sample(to_pixels(image), ids, question))
    return samples
