"""Every graph against PyTorch in float32, on the same inputs.

fp32 has to agree to TOLERANCE in all it computes and in the greedy tokens; of
the others the loss is measured, and must be within LIMITS. A NaN or an infinity
is refused in all.
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
from fastvlm.runtime import PAST, Decoder, open_session, run
from fastvlm.verify import TOLERANCE, relative_error

from .errors import ConvertError

# Of outputs that have nothing in common it is 1.4.
LIMITS = {"fp16": 0.1, "q4": 0.75, "q4f16": 0.75}
# Sides of pictures besides the model's own. The decoder is shown the last.
PICTURES = ((64, 64), (192, 320), (256, 256))
STEPS = 8
HALF_MAX = 65504
# Modules whose output no graph has: what follows them is folded into them.
FOLDED = re.compile(r"\.(mlp(\.fc2|\.conv\.conv)?|token_mixer(\.proj)?)$")


@dataclass
class Peaks:
    """The largest values that a graph has on its way."""

    values: dict[str, float] = field(default_factory=dict)

    def watch(self, graph: str, module: nn.Module) -> None:
        def hook(_module: nn.Module, _inputs: object, output: object) -> None:
            x = output[0] if isinstance(output, tuple) else output
            self.values[graph] = max(self.values.get(graph, 0.0), float(x.abs().max()))

        for name, child in module.named_modules():
            if not FOLDED.search(name):
                child.register_forward_hook(hook)

    def check(self, dtype: str) -> None:
        """Refuses float16 where PyTorch's values do not fit."""
        for graph, peak in self.values.items():
            if is_half(dtype) and peak > HALF_MAX:
                raise ConvertError(
                    f"{graph}: values up to {peak:.0f} on the way, beyond float16's "
                    f"{HALF_MAX}: leave out {dtype} (--dtypes)"
                )


@dataclass
class Reference:
    """What PyTorch computes."""

    pixels: list[Tensor]
    features: list[Tensor]
    ids: list[int]
    rows: Tensor  # the embeddings of `ids`
    steps: list[Tensor]  # what the decoder reads: prompt, token, token, ...
    logits: list[Tensor]
    cache: list[tuple[Tensor, Tensor]]  # after the last step

    @property
    def tokens(self) -> list[int]:
        return [int(logits[0, -1].argmax()) for logits in self.logits]


@dataclass(frozen=True)
class Loss:
    """Of one dtype; fp32's errors are the largest, the others' mean squares."""

    features: float
    embeds: float
    logits: float
    same: int  # greedy tokens, of STEPS + 1
    of: int


def picture(height: int, width: int) -> Tensor:
    """Soft areas with some noise."""
    random = torch.Generator().manual_seed(height * width)
    areas = torch.rand((1, 3, 5, 5), generator=random)
    areas = nn.functional.interpolate(areas, (height, width), mode="bicubic")
    noise = torch.randn((1, 3, height, width), generator=random)
    return (areas + 0.03 * noise).clamp(0, 1)


@torch.inference_mode()
def compute_reference(
    model: FastVlm, before: list[int], after: list[int], image_token: int
) -> Reference:
    """Of a prompt whose text ids stand before and after the image."""
    language, side = model.language_model, model.cfg.side
    sizes = [(side, side), *(size for size in PICTURES if size != (side, side))]
    pixels = [picture(*size) for size in sizes]
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


class Judge:
    """Collects the differences of one graph."""

    def __init__(self, subject: str, dtype: str):
        self.subject, self.dtype, self.exact = subject, dtype, dtype == "fp32"
        self.errors: list[float] = []

    def compare(self, what: str, got: np.ndarray, wanted: Tensor) -> None:
        if got.shape != wanted.shape:
            shapes = f"{list(got.shape)}, not {list(wanted.shape)}"
            raise ConvertError(f"{self.subject}: {what} is {shapes}")
        if not np.isfinite(got).all():
            raise ConvertError(
                f"{self.subject}: {what} has values that are no numbers: "
                + (f"leave out {self.dtype} (--dtypes)" if not self.exact else "refused")
            )
        measure = relative_error if self.exact else mean_square_error
        error = measure(got.astype(np.float32), wanted)
        limit = TOLERANCE if self.exact else LIMITS[self.dtype]
        if not error <= limit:
            raise ConvertError(f"{self.subject}: {what} differs by {error:.1e} > {limit}")
        self.errors.append(error)

    @property
    def worst(self) -> float:
        return max(self.errors)


def mean_square_error(got: np.ndarray, wanted: Tensor) -> float:
    """Root of the mean square of the differences, over that of the values."""
    w = wanted.numpy()
    return float(np.sqrt(((got - w) ** 2).mean() / (w**2).mean()))


def prove_vision(path: Path, dtype: str, reference: Reference) -> float:
    judge, session = Judge(path.name, dtype), open_session(path, threads=torch.get_num_threads())
    for pixels, features in zip(reference.pixels, reference.features, strict=True):
        got = run(session, {"pixel_values": pixels.numpy()})["image_features"]
        side = f"{pixels.shape[2]} x {pixels.shape[3]}"
        judge.compare(f"image_features at {side}", got, features)
    return judge.worst


def prove_embed(path: Path, dtype: str, reference: Reference) -> float:
    judge, session = Judge(path.name, dtype), open_session(path, threads=torch.get_num_threads())
    ids = np.array([reference.ids], np.int64)
    got = run(session, {"input_ids": ids})["inputs_embeds"]
    judge.compare("inputs_embeds", got, reference.rows)
    return judge.worst


def prove_decoder(
    path: Path, dtype: str, reference: Reference, whole: bool
) -> tuple[float, int]:
    """Error of the logits, and how many greedy tokens are the same."""
    judge, decoder = Judge(path.name, dtype), Decoder(path, whole, torch.get_num_threads())
    cache, tokens = decoder.empty_cache(), []
    for x, logits in zip(reference.steps, reference.logits, strict=True):
        got, cache = decoder.forward(x.numpy(), cache)
        kind = "logits" if tokens else "logits of the prompt"
        judge.compare(kind, got, logits)
        tokens.append(int(got[0, -1].argmax()))
    for i, pair in enumerate(reference.cache):
        for kind, wanted in zip(("key", "value"), pair, strict=True):
            judge.compare(f"{PAST}{i}.{kind}", cache[f"{PAST}{i}.{kind}"], wanted)
    same = sum(a == b for a, b in zip(tokens, reference.tokens, strict=True))
    if dtype == "fp32" and same < len(tokens):
        raise ConvertError(f"{path.name}: greedy tokens {tokens}, not {reference.tokens}")
    return judge.worst, same


def prove(
    folder: Path,
    dtype: str,
    reference: Reference,
    whole: bool,
    say: Callable[[str], None],
) -> Loss:
    onnx, suffix = folder / "onnx", SUFFIXES[dtype]
    features = prove_vision(onnx / f"vision_encoder{suffix}.onnx", dtype, reference)
    embeds = prove_embed(onnx / f"embed_tokens{suffix}.onnx", dtype, reference)
    decoder = onnx / f"decoder_model_merged{suffix}.onnx"
    logits, same = prove_decoder(decoder, dtype, reference, whole)
    loss = Loss(features, embeds, logits, same, len(reference.logits))
    say(
        f"{dtype}: error of features {features:.1e}, of embeddings {embeds:.1e}, of "
        f"logits and cache {logits:.1e}; {same} of {loss.of} tokens the same"
    )
    return loss
