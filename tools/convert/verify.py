"""Compares every graph with PyTorch in float32 on the same inputs.

The outputs of fp32 must agree within TOLERANCE, and its greedy tokens must be
identical. For the other dtypes the loss is measured and must be within LIMITS.
NaN and infinity are errors in all of them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fastvlm.graphs import SUFFIXES
from fastvlm.graphs.dtypes import is_half
from fastvlm.model import FastVlm
from fastvlm.onnx_model import PAST, Decoder, open_session, run
from fastvlm.verify import TOLERANCE, relative_error

from .checkpoint import ConvertError

# Unrelated outputs have an error of 1.4.
LIMITS = {"fp16": 0.1, "q4": 0.75, "q4f16": 0.75}
# Image sizes besides the model's own. The decoder gets the last one.
IMAGE_SIZES = ((64, 64), (192, 320), (256, 256))
STEPS = 8
HALF_MAX = 65504
# Modules whose output does not occur in a graph because a later one is folded into them.
FOLDED = re.compile(r"\.(mlp(\.fc2|\.conv\.conv)?|token_mixer(\.proj)?)$")


@dataclass
class Peaks:
    """The largest intermediate value of each graph."""

    values: dict[str, float] = field(default_factory=dict)

    def observe(self, graph: str, module: nn.Module) -> None:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            x = output[0] if isinstance(output, tuple) else output
            self.values[graph] = max(self.values.get(graph, 0.0), float(x.abs().max()))

        for name, child in module.named_modules():
            if not FOLDED.search(name):
                child.register_forward_hook(hook)

    def check(self, dtype: str) -> None:
        """Raises if PyTorch's values exceed the range of float16 and `dtype` uses it."""
        for graph, peak in self.values.items():
            if is_half(dtype) and peak > HALF_MAX:
                raise ConvertError(
                    f"{graph}: intermediate values up to {peak:.0f} exceed float16's {HALF_MAX}. "
                    f"Remove {dtype} from --dtypes"
                )


@dataclass
class Reference:
    """PyTorch's inputs and outputs."""

    pixels: list[Tensor]
    features: list[Tensor]
    ids: list[int]
    rows: Tensor  # embeddings of `ids`
    steps: list[Tensor]  # decoder inputs: prompt, token, token, ...
    logits: list[Tensor]
    cache: list[tuple[Tensor, Tensor]]  # after the last step

    @property
    def tokens(self) -> list[int]:
        return [int(logits[0, -1].argmax()) for logits in self.logits]


@dataclass(frozen=True)
class ConversionLoss:
    """The errors of one dtype: maximum for fp32, root mean square for the others."""

    features: float
    embeds: float
    logits: float
    same: int  # identical greedy tokens
    of: int  # STEPS + 1


def test_image(height: int, width: int) -> Tensor:
    """Smooth areas with some noise."""
    random = torch.Generator().manual_seed(height * width)
    areas = torch.rand((1, 3, 5, 5), generator=random)
    areas = nn.functional.interpolate(areas, (height, width), mode="bicubic")
    noise = torch.randn((1, 3, height, width), generator=random)
    return (areas + 0.03 * noise).clamp(0, 1)


@torch.inference_mode()
def compute_reference(
    model: FastVlm, before: list[int], after: list[int], image_token: int
) -> Reference:
    """`before` and `after` are the prompt's text ids around the image."""
    language, own = model.language_model, (model.cfg.size, model.cfg.size)
    sizes = [own, *(size for size in IMAGE_SIZES if size != own)]
    pixels = [test_image(*size) for size in sizes]
    features = [model.image_features(p) for p in pixels]
    ids = [*before, *[image_token] * features[-1].shape[1], *after]
    rows = language.embed_tokens(torch.tensor([ids]))
    x, cache = model.embed(torch.tensor([ids]), features[-1], image_token), None
    positions = torch.arange(len(ids))[None]
    steps, logits = [], []
    for _ in range(STEPS + 1):
        hidden, cache = language(x, positions, cache=cache)
        steps.append(x)
        logits.append(model.lm_head(hidden))
        x = language.embed_tokens(logits[-1][:, -1:].argmax(-1))
        positions = positions[:, -1:] + 1
    return Reference(pixels, features, ids, rows, steps, logits, cache or [])


class Comparison:
    """Collects the errors of one graph."""

    def __init__(self, subject: str, dtype: str):
        self.subject, self.dtype, self.exact = subject, dtype, dtype == "fp32"
        self.errors: list[float] = []

    def compare(self, what: str, got: np.ndarray, wanted: Tensor) -> None:
        if got.shape != wanted.shape:
            shapes = f"{list(got.shape)} instead of {list(wanted.shape)}"
            raise ConvertError(f"{self.subject}: {what} has shape {shapes}")
        if not np.isfinite(got).all():
            raise ConvertError(
                f"{self.subject}: {what} contains NaN or infinity"
                + ("" if self.exact else f". Remove {self.dtype} from --dtypes")
            )
        measure = relative_error if self.exact else relative_rms_error
        error = measure(got.astype(np.float32), wanted)
        limit = TOLERANCE if self.exact else LIMITS[self.dtype]
        if not error <= limit:
            raise ConvertError(f"{self.subject}: {what} differs by {error:.1e} > {limit}")
        self.errors.append(error)

    @property
    def worst(self) -> float:
        return max(self.errors)


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
    """Error of logits and cache, and the number of identical greedy tokens."""
    comparison, decoder = Comparison(path.name, dtype), Decoder(path, whole, torch.get_num_threads())
    cache, tokens = decoder.empty_cache(), []
    for x, logits in zip(reference.steps, reference.logits, strict=True):
        got, cache = decoder.forward(x.numpy(), cache)
        kind = "logits" if tokens else "logits of the prompt"
        comparison.compare(kind, got, logits)
        tokens.append(int(got[0, -1].argmax()))
    for i, pair in enumerate(reference.cache):
        for kind, wanted in zip(("key", "value"), pair, strict=True):
            comparison.compare(f"{PAST}{i}.{kind}", cache[f"{PAST}{i}.{kind}"], wanted)
    same = sum(a == b for a, b in zip(tokens, reference.tokens, strict=True))
    if dtype == "fp32" and same < len(tokens):
        raise ConvertError(f"{path.name}: greedy tokens {tokens} instead of {reference.tokens}")
    return comparison.worst, same


def verify(
    folder: Path,
    dtype: str,
    reference: Reference,
    whole: bool,
    log: Callable[[str], None],
) -> ConversionLoss:
    onnx, suffix = folder / "onnx", SUFFIXES[dtype]
    features = verify_vision(onnx / f"vision_encoder{suffix}.onnx", dtype, reference)
    embeds = verify_embed(onnx / f"embed_tokens{suffix}.onnx", dtype, reference)
    decoder = onnx / f"decoder_model_merged{suffix}.onnx"
    logits, same = verify_decoder(decoder, dtype, reference, whole)
    loss = ConversionLoss(features, embeds, logits, same, len(reference.logits))
    log(
        f"{dtype}: error of features {features:.1e}, of embeddings {embeds:.1e}, of "
        f"logits and cache {logits:.1e}; {same} of {loss.of} tokens identical"
    )
    return loss
