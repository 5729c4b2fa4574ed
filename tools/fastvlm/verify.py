"""Verifies that an exported folder computes what the PyTorch model computes."""

from dataclasses import dataclass

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from .model import FastVlm
from .onnx_model import PAST, OnnxModel
from .samples import Sample

TOLERANCE = 1e-4
# Encoder input sizes that are verified besides the model's own.
OTHER_SIZES = ((64, 64), (192, 320), (384, 384))


class ParityError(Exception):
    """The output of a graph differs from PyTorch's."""


@dataclass(frozen=True)
class Loss:
    """The loss by quantisation, measured on samples."""

    features: float  # relative error of image features
    logits: float  # relative error of the logits after the prompt
    same: int  # answers with the same tokens
    right: tuple[int, int]  # correct answers before and after
    answers: int


def relative_error(got: np.ndarray, wanted: np.ndarray | Tensor) -> float:
    """Largest difference, divided by the largest value."""
    wanted = np.asarray(wanted)
    if got.shape != wanted.shape:
        raise ParityError(f"shape {got.shape} instead of {wanted.shape}")
    return float(np.abs(got - wanted).max() / np.abs(wanted).max())


@torch.inference_mode()
def graph_errors(
    model: FastVlm, exported: OnnxModel, samples: list[Sample], image_token: int
) -> dict[str, float]:
    """Largest relative error of each graph output over all samples."""
    errors: dict[str, float] = {}

    def check(name: str, got: np.ndarray, wanted: Tensor) -> None:
        errors[name] = max(errors.get(name, 0.0), relative_error(got, wanted))

    generator = torch.Generator().manual_seed(0)
    for height, width in OTHER_SIZES:
        pixels = torch.rand((1, 3, height, width), generator=generator)
        got = exported.image_features(pixels.numpy())
        check("image_features, other sizes", got, model.image_features(pixels))
    language = model.language_model
    for sample in samples:
        features = model.image_features(sample.pixels)
        got = exported.image_features(sample.pixels.numpy())
        check("image_features", got, features)
        ids = torch.tensor([sample.ids])
        check("inputs_embeds", exported.embed(sample.ids), language.embed_tokens(ids))
        # PyTorch's embeddings as input, to measure the decoder's error alone.
        x, cache, past = model.embed(ids, features, image_token), None, exported.empty_cache()
        positions = torch.arange(len(sample.ids))[None]
        for step in range(4):
            hidden, cache = language(x, positions, cache=cache)
            logits = model.lm_head(hidden)
            got, past = exported.forward(x.numpy(), past)
            kind = "prefill" if step == 0 else "decode"
            check(f"logits, {kind}", got, logits)
            for i, (key, value) in enumerate(cache):
                check(f"cache, {kind}", past[f"{PAST}{i}.key"], key)
                check(f"cache, {kind}", past[f"{PAST}{i}.value"], value)
            x = language.embed_tokens(logits[:, -1:].argmax(-1))
            positions = positions[:, -1:] + 1
    return errors


def verify(
    model: FastVlm,
    exported: OnnxModel,
    samples: list[Sample],
    image_token: int,
    stop: set[int],
) -> dict[str, float]:
    """The errors of `graph_errors`; raises ParityError above TOLERANCE or where
    a greedy answer differs."""
    errors = graph_errors(model, exported, samples, image_token)
    for name, error in errors.items():
        # Written so that NaN fails, too.
        if not error <= TOLERANCE:
            raise ParityError(f"{name}: relative error {error:.1e} > {TOLERANCE}")
    for sample in samples:
        arguments = (sample.ids, image_token, stop, 32)
        wanted = model.generate(sample.pixels, *arguments)
        got = exported.generate(sample.pixels.numpy(), *arguments)
        if got != wanted:
            raise ParityError(f"{sample.question.question} gives tokens {got} instead of {wanted}")
    return errors


def quantisation_loss(
    exact: OnnxModel,
    quantised: OnnxModel,
    samples: list[Sample],
    tokenizer: Tokenizer,
    stop: set[int],
) -> Loss:
    image_token = tokenizer.token_to_id("<image>")
    features, logits, same, right = [], [], 0, [0, 0]
    for sample in samples:
        pixels, wanted = sample.pixels.numpy(), sample.question.answer
        features.append(
            relative_error(quantised.image_features(pixels), exact.image_features(pixels))
        )
        rows, answers = [], []
        for i, m in enumerate((exact, quantised)):
            x = m.prompt_embeds(pixels, sample.ids, image_token)
            rows.append(m.forward(x, m.empty_cache())[0][0, -1])
            answers.append(m.generate(pixels, sample.ids, image_token, stop, 32))
            right[i] += tokenizer.decode(answers[i]) == wanted
        logits.append(relative_error(rows[1], rows[0]))
        same += answers[0] == answers[1]
    return Loss(
        float(np.mean(features)), float(np.mean(logits)), same, (right[0], right[1]),
        len(samples),
    )  # fmt: skip
