"""Golden outputs of tiny-wide: what `transformers` and timm compute with its
made weights, for `npm test` to hold the browser to without Python.

    python -m shapes.golden

To be run again when shapes.skeleton has changed the graphs or the weights.
"""

import json
from pathlib import Path

import shapes.operators  # noqa: F401
import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor
from transformers import FastVlmForConditionalGeneration

from fastvlm.golden import ROOT, outputs, write_rows
from fastvlm.model import FastVlm
from fastvlm.samples import prompt_ids, to_pixels

from .models import MODELS
from .reference import published
from .skeleton import HERE, TOKENIZER
from .weights import load, tensors

NAME = "tiny-wide"
PICTURES = ROOT / "e2e/fixtures/shapes"
GOLDEN = ROOT / "e2e/fixtures/golden" / f"{NAME}.golden.json"
TOLERANCE = 1e-5
# A picture's side, which no resizer changes, and what is asked about it.
CASES = {
    128: "Describe the image.",
    256: "How many shapes are there?",
    320: "What color is the square?",
}


def made_model(name: str) -> FastVlm:
    folder, shape = HERE / "models" / name, MODELS[name]
    files = json.loads((folder / "fill.json").read_text())["files"]
    weights: dict[str, Tensor] = {}
    for graph in shape.graphs:
        weights |= tensors(folder, files, graph)
    return load(shape.cfg, weights)


def compute(
    theirs: FastVlmForConditionalGeneration, pixels: Tensor, ids: list[int]
) -> tuple[Tensor, Tensor]:
    """Image features [1, tokens, hidden] and the last row of logits."""
    features = theirs.get_image_features(pixels).pooler_output
    logits = theirs(input_ids=torch.tensor([ids]), pixel_values=pixels).logits
    return features, logits[0, -1]


def compute_ours(
    model: FastVlm, pixels: Tensor, ids: list[int], image_token: int
) -> tuple[Tensor, Tensor]:
    features = model.image_features(pixels)
    x = model.embed(torch.tensor([ids]), features, image_token)
    hidden, _ = model.language_model(x, torch.arange(len(ids))[None])
    return features, model.lm_head(hidden[0, -1])


def check(got: Tensor, wanted: Tensor) -> None:
    error = float((got - wanted).abs().max() / wanted.abs().max())
    # A NaN must not pass.
    if not error <= TOLERANCE:
        raise SystemExit(f"ours and transformers' differ by {error:.1e}")


@torch.inference_mode()
def golden_case(
    model: FastVlm,
    theirs: FastVlmForConditionalGeneration,
    tokenizer: Tokenizer,
    picture: Path,
    question: str,
) -> dict:
    pixels = to_pixels(Image.open(picture).convert("RGB"))
    ids = prompt_ids(tokenizer, question, (pixels.shape[-1] // 64) ** 2)
    features, logits = compute(theirs, pixels, ids)
    image_token = tokenizer.token_to_id("<image>")
    both = zip(compute_ours(model, pixels, ids, image_token), (features, logits), strict=True)
    for ours, wanted in both:
        check(ours, wanted)
    return {
        "file": picture.name,
        "question": question,
        "promptIds": ids,
        **outputs(features, logits),
    }


def main() -> None:
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    model = made_model(NAME)
    theirs = published(model, tokenizer.token_to_id("<image>"))
    cases = [
        golden_case(model, theirs, tokenizer, PICTURES / f"{side}.png", question)
        for side, question in CASES.items()
    ]
    write_rows(cases, GOLDEN)
    print(f"{GOLDEN}: {len(cases)} cases")


if __name__ == "__main__":
    main()
