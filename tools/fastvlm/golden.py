"""Golden outputs: what nano computes in PyTorch, for `npm test` to hold the
browser to without Python.

    python -m fastvlm.golden --checkpoint runs/nano/checkpoint.pt

To be run again after each export, with the checkpoint that was exported.
"""

import argparse
import json
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from .export import load
from .model import FastVlm
from .pairs import clear_answers
from .runtime import OnnxModel
from .samples import prompt_ids, to_pixels
from .verify import TOLERANCE, relative_error

ROOT = Path(__file__).parents[2]
SCENES = ROOT / "e2e/fixtures/scenes"
GOLDEN = ROOT / "e2e/fixtures/golden/nano.golden.json"
PAIRS = ROOT / "e2e/fixtures/pairs"
GOLDEN_PAIRS = ROOT / "e2e/fixtures/golden/pairs.golden.json"
# Scenes taken, and values of each image token kept beside its norm.
CASES, VALUES = 8, 8


def outputs(features: Tensor, logits: Tensor) -> dict:
    """Image features [1, tokens, hidden], of which some are kept, and logits."""
    stride = features.shape[2] // VALUES
    return {
        "features": [digits(row[::stride]) for row in features[0]],
        "featureNorms": digits(features[0].norm(dim=-1)),
        "logits": digits(logits),
    }


def digits(values: Tensor) -> list[float]:
    """Six significant digits: beyond the tolerance, and short."""
    return [float(f"{v:.6g}") for v in values.tolist()]


@torch.inference_mode()
def golden_case(
    model: FastVlm, tokenizer: Tokenizer, picture: Path, question: str
) -> dict:
    pixels = to_pixels(Image.open(picture).convert("RGB"))
    features = model.image_features(pixels)
    ids = prompt_ids(tokenizer, question, features.shape[1])
    token = tokenizer.token_to_id
    image, stop = token("<image>"), {token("<|im_end|>"), token("<|endoftext|>")}
    x = model.embed(torch.tensor([ids]), features, image)
    hidden, _ = model.language_model(x, torch.arange(len(ids))[None])
    tokens = model.generate(pixels, ids, image, stop)
    return {
        "file": picture.name,
        "question": question,
        "promptIds": ids,
        **outputs(features, model.lm_head(hidden[0, -1])),
        "tokenIds": tokens,
        "text": tokenizer.decode(tokens),
    }


@torch.inference_mode()
def check_same(model: FastVlm, folder: Path) -> None:
    """The committed tools/nano.pt, for one, is rounded to half precision."""
    pixels = torch.rand((1, 3, 128, 128), generator=torch.Generator().manual_seed(0))
    exported = OnnxModel(folder).image_features(pixels.numpy())
    error = relative_error(exported, model.image_features(pixels))
    if not error <= TOLERANCE:
        raise SystemExit(
            f"{folder} was not exported from this checkpoint: its features differ by {error:.1e}"
        )


def write_golden(model: FastVlm, tokenizer: Tokenizer, out: Path) -> None:
    lines = (SCENES / "scenes.jsonl").read_text().splitlines()
    # Spread over the scenes, each kind of question in its turn.
    cases = []
    for number in range(CASES):
        scene = json.loads(lines[number * (len(lines) - 1) // (CASES - 1)])
        asked = scene["questions"]
        question = asked[number % len(asked)]["question"]
        cases.append(golden_case(model, tokenizer, SCENES / scene["file"], question))
    write_rows(cases, out)


def write_rows(rows: list[dict], out: Path) -> None:
    """JSON, a line for each row."""
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    out.write_text(f"[\n{lines}\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--model", type=Path, default=ROOT / "public/models/nano",
        help="the folder exported from it, for its tokenizer",
    )  # fmt: skip
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, facts = load(args.checkpoint)
    check_same(model, args.model)
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    write_golden(model, tokenizer, GOLDEN)
    print(f"{GOLDEN}: {CASES} cases after {facts.pictures} pictures")
    pairs = clear_answers(model, tokenizer, PAIRS)
    write_rows(pairs, GOLDEN_PAIRS)
    print(f"{GOLDEN_PAIRS}: {len(pairs)} pairs")


if __name__ == "__main__":
    main()
