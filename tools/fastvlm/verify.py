"""Compares every graph of a folder with PyTorch in float32 on the same inputs.

The outputs of fp32 must agree within TOLERANCE, and its greedy tokens must be
identical. For the other dtypes the error is measured and must be within LIMITS.
NaN and infinity are errors in all of them.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from .graphs import SUFFIXES
from .model import FastVlm, Step
from .onnx_model import PAST, Decoder, open_session, run

TOLERANCE = 1e-4
# Unrelated outputs have an error of 1.4.
LIMITS = {"fp16": 0.1, "q4": 0.75, "q4f16": 0.75}
# Encoder input sizes that are verified besides the model's own.
IMAGE_SIZES = ((64, 64), (192, 320), (256, 256))
STEPS = 8


class VerificationError(Exception):
    """The output of a graph differs from PyTorch's."""


@dataclass(frozen=True)
class Reference:
    """PyTorch's inputs and outputs."""

    pixels: list[Tensor]
    features: list[Tensor]
    ids: list[int]
    rows: Tensor  # embeddings of `ids`
    steps: list[Step]

    @property
    def tokens(self) -> list[int]:
        return [step.token for step in self.steps]


@dataclass(frozen=True)
class GraphErrors:
    """The errors of one dtype: maximum for fp32, root mean square for the others."""

    features: float
    embeds: float
    logits: float  # of the logits and the KV cache
    same: int  # identical greedy tokens
    of: int

    def __str__(self) -> str:
        return (
            f"error of features {self.features:.1e}, of embeddings {self.embeds:.1e}, of "
            f"logits and cache {self.logits:.1e}; {self.same} of {self.of} tokens identical"
        )


def verification_images(size: int) -> list[Tensor]:
    """Smooth areas with some noise, in IMAGE_SIZES and the model's own size."""
    sizes = dict.fromkeys([(size, size), *IMAGE_SIZES])
    return [verification_image(*each) for each in sizes]


def verification_image(height: int, width: int) -> Tensor:
    random = torch.Generator().manual_seed(height * width)
    areas = torch.rand((1, 3, 5, 5), generator=random)
    areas = nn.functional.interpolate(areas, (height, width), mode="bicubic")
    noise = torch.randn((1, 3, height, width), generator=random)
    return (areas + 0.03 * noise).clamp(0, 1)


@torch.inference_mode()
def compute_reference(
    model: FastVlm, pixels: list[Tensor], ids: list[int], image_token: int
) -> Reference:
    """`ids` is a prompt about the last image."""
    features = [model.image_features(p) for p in pixels]
    rows = model.language_model.embed_tokens(torch.tensor([ids]))
    steps = model.decode(features[-1], ids, image_token)
    return Reference(pixels, features, ids, rows, list(islice(steps, STEPS + 1)))


class Comparison:
    """Collects the errors of one graph."""

    def __init__(self, subject: str, dtype: str):
        self.subject, self.dtype, self.exact = subject, dtype, dtype == "fp32"
        self.worst = 0.0

    def compare(self, what: str, got: np.ndarray, wanted: Tensor) -> None:
        if got.shape != wanted.shape:
            shapes = f"{list(got.shape)} instead of {list(wanted.shape)}"
            raise VerificationError(f"{self.subject}: {what} has shape {shapes}")
        if not np.isfinite(got).all():
            raise VerificationError(f"{self.subject}: {what} contains NaN or infinity")
        measure = relative_error if self.exact else relative_rms_error
        error = measure(got.astype(np.float32), wanted)
        limit = TOLERANCE if self.exact else LIMITS[self.dtype]
        if not error <= limit:
            raise VerificationError(f"{self.subject}: {what} differs by {error:.1e} > {limit}")
        self.worst = max(self.worst, error)


def relative_error(got: np.ndarray, wanted: Tensor) -> float:
    """Largest difference, divided by the largest value."""
    w = wanted.numpy()
    return float(np.abs(got - w).max() / np.abs(w).max())


def relative_rms_error(got: np.ndarray, wanted: Tensor) -> float:
    """Root mean square of the differences, divided by that of the values."""
    w = wanted.numpy()
    return float(np.sqrt(((got - w) ** 2).mean() / (w**2).mean()))


def verify_vision(path: Path, dtype: str, reference: Reference) -> float:
    comparison, session = Comparison(path.name, dtype), open_session(path, threads=torch.get_num_threads())
    for pixels, features in zip(reference.pixels, reference.features, strict=True):
        got = run(session, {"pixel_values": pixels.numpy()})["image_features"]
        size = f"{pixels.shape[2]} x {pixels.shape[3]}"
        comparison.compare(f"image_features at {size}", got, features)
    return comparison.worst


def verify_embed(path: Path, dtype: str, reference: Reference) -> float:
    comparison, session = Comparison(path.name, dtype), open_session(path, threads=torch.get_num_threads())
    ids = np.array([reference.ids], np.int64)
    got = run(session, {"input_ids": ids})["inputs_embeds"]
    comparison.compare("inputs_embeds", got, reference.rows)
    return comparison.worst


def verify_decoder(
    path: Path, dtype: str, reference: Reference, whole: bool
) -> tuple[float, int]:
    """Error of logits and cache, and the number of identical greedy tokens. Each step
    gets PyTorch's embeddings, to measure the decoder's error alone."""
    comparison, decoder = Comparison(path.name, dtype), Decoder(path, whole, torch.get_num_threads())
    cache, tokens = decoder.empty_cache(), []
    for step in reference.steps:
        got, cache = decoder.forward(step.embeds.numpy(), cache)
        kind = "logits" if tokens else "logits of the prompt"
        comparison.compare(kind, got, step.logits)
        tokens.append(int(got[0, -1].argmax()))
    for i, pair in enumerate(reference.steps[-1].cache):
        for kind, wanted in zip(("key", "value"), pair, strict=True):
            comparison.compare(f"{PAST}{i}.{kind}", cache[f"{PAST}{i}.{kind}"], wanted)
    same = sum(a == b for a, b in zip(tokens, reference.tokens, strict=True))
    if dtype == "fp32" and same < len(tokens):
        raise VerificationError(f"{path.name}: greedy tokens {tokens} instead of {reference.tokens}")
    return comparison.worst, same


def verify(
    folder: Path, dtype: str, reference: Reference, whole: bool = True
) -> GraphErrors:
    """`whole`: see Decoder."""
    onnx, suffix = folder / "onnx", SUFFIXES[dtype]
    features = verify_vision(onnx / f"vision_encoder{suffix}.onnx", dtype, reference)
    embeds = verify_embed(onnx / f"embed_tokens{suffix}.onnx", dtype, reference)
    decoder = onnx / f"decoder_model_merged{suffix}.onnx"
    logits, same = verify_decoder(decoder, dtype, reference, whole)
    return GraphErrors(features, embeds, logits, same, len(reference.steps))
