"""Golden outputs of tiny-wide: what transformers and timm compute with its
synthetic weights. `npm test` compares the browser with them, without Python.

    python -m synthetic.golden

Run it after synthetic.templates changed the graphs or the weights.
"""

import json
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from fastvlm.golden import ROOT, outputs, write_rows
from fastvlm.model import FastVlm
from fastvlm.samples import to_pixels
from fastvlm.tokenizer import prompt_ids
from fastvlm.verify import relative_error

from .models import MODELS
from .reference import FastVlmForConditionalGeneration, transformers_model
from .templates import HERE, TOKENIZER
from .weights import load, tensors

NAME = "tiny-wide"
IMAGES = ROOT / "e2e/fixtures/synthetic"
GOLDEN = ROOT / "e2e/fixtures/golden" / f"{NAME}.golden.json"
TOLERANCE = 1e-5
# Sizes of square images, which no resizer changes, and a question about each.
CASES = {
    128: "Describe the image.",
    256: "How many shapes are there?",
    320: "What color is the square?",
}


def synthetic_model(name: str) -> FastVlm:
    folder, model = HERE / "models" / name, MODELS[name]
    files = json.loads((folder / "fill.json").read_text())["files"]
    weights: dict[str, Tensor] = {}
    for graph in model.graphs:
        weights |= tensors(folder, files, graph)
    return load(model.cfg, weights)


def compute_theirs(
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
    step = next(model.decode(features, ids, image_token))
    return features, step.logits[0, -1]


@torch.inference_mode()
def golden_case(
    model: FastVlm,
    theirs: FastVlmForConditionalGeneration,
    tokenizer: Tokenizer,
    path: Path,
    question: str,
) -> dict:
    pixels = to_pixels(Image.open(path).convert("RGB"))
    ids = prompt_ids(tokenizer, question, (pixels.shape[-1] // 64) ** 2)
    wanted = compute_theirs(theirs, pixels, ids)
    got = compute_ours(model, pixels, ids, tokenizer.token_to_id("<image>"))
    for a, b in zip(got, wanted, strict=True):
        error = relative_error(a.numpy(), b)
        # Written so that NaN fails, too.
        if not error <= TOLERANCE:
            raise SystemExit(f"our outputs and transformers' differ by {error:.1e}")
    return {"file": path.name, "question": question, "promptIds": ids, **outputs(*wanted)}


def main() -> None:
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    model = synthetic_model(NAME)
    theirs = transformers_model(model, tokenizer.token_to_id("<image>"))
    cases = [
        golden_case(model, theirs, tokenizer, IMAGES / f"{size}.png", question)
        for size, question in CASES.items()
    ]
    write_rows(cases, GOLDEN)
    print(f"{GOLDEN}: {len(cases)} cases")


if __name__ == "__main__":
    main()
