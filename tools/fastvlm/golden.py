"""Golden outputs: what nano computes in PyTorch. `npm test` compares the browser
with them, without Python.

    python -m fastvlm.golden --checkpoint runs/nano/checkpoint.pt

Run it after each export, with the exported checkpoint.

    golden/nano.golden.json    features, logits and tokens of a few scenes
    golden/pairs.golden.json   greedy tokens of many image/prompt pairs from
        pairs/square   256 x 256 pixels, so nothing is resized
        pairs/any      any size, letterboxed and resized by Pillow
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from PIL import Image
from tokenizers import Tokenizer
from torch import Tensor

from .export import load
from .model import FastVlm
from .model_folder import SpecialTokens
from .onnx_model import OnnxModel
from .render import letterbox
from .samples import to_pixels
from .tokenizer import prompt_ids
from .verify import TOLERANCE, relative_error

ROOT = Path(__file__).parents[2]
SCENES = ROOT / "e2e/fixtures/scenes"
GOLDEN = ROOT / "e2e/fixtures/golden/nano.golden.json"
PAIRS = ROOT / "e2e/fixtures/pairs"
GOLDEN_PAIRS = ROOT / "e2e/fixtures/golden/pairs.golden.json"
# Number of scenes, and of values recorded for each image token beside its norm.
CASES, VALUES = 8, 8
# Number of pairs taken from each folder.
PAIR_COUNTS = {"square": 200, "any": 40}
# Where the two most likely tokens are closer than this (in logits), rounding
# decides between them and the pair proves nothing.
MARGIN = 0.05
MAX_TOKENS = 64


def outputs(features: Tensor, logits: Tensor) -> dict:
    """A sample of the image features [1, tokens, hidden], and the logits."""
    stride = features.shape[2] // VALUES
    return {
        "features": [digits(row[::stride]) for row in features[0]],
        "featureNorms": digits(features[0].norm(dim=-1)),
        "logits": digits(logits),
    }


def digits(values: Tensor) -> list[float]:
    """Six significant digits: more precise than the tolerance, and short."""
    return [float(f"{v:.6g}") for v in values.tolist()]


@torch.inference_mode()
def greedy_answer(
    model: FastVlm, features: Tensor, ids: list[int], special: SpecialTokens
) -> tuple[list[int], Tensor, float]:
    """The tokens, the logits of the prompt's last position, and the smallest
    margin between the best and the second best token."""
    steps, margin = [], torch.inf
    for step in model.decode(features, ids, special.image):
        best = step.logits[0, -1].topk(2).values
        margin = min(margin, float(best[0] - best[1]))
        steps.append(step)
        if step.token in special.stop or len(steps) > MAX_TOKENS:
            break
    return [step.token for step in steps[:-1]], steps[0].logits[0, -1], margin


@torch.inference_mode()
def golden_case(model: FastVlm, tokenizer: Tokenizer, path: Path, question: str) -> dict:
    features = model.image_features(to_pixels(Image.open(path).convert("RGB")))
    ids = prompt_ids(tokenizer, question, features.shape[1])
    tokens, logits, _ = greedy_answer(model, features, ids, SpecialTokens.of(tokenizer))
    return {
        "file": path.name,
        "question": question,
        "promptIds": ids,
        **outputs(features, logits),
        "tokenIds": tokens,
        "text": tokenizer.decode(tokens),
    }


def golden_cases(model: FastVlm, tokenizer: Tokenizer) -> list[dict]:
    """Cases spread over the scenes, with one kind of question after another."""
    lines = (SCENES / "scenes.jsonl").read_text().splitlines()
    cases = []
    for number in range(CASES):
        scene = json.loads(lines[number * (len(lines) - 1) // (CASES - 1)])
        questions = scene["questions"]
        question = questions[number % len(questions)]["question"]
        cases.append(golden_case(model, tokenizer, SCENES / scene["file"], question))
    return cases


@torch.inference_mode()
def pair_answers(
    model: FastVlm, tokenizer: Tokenizer, folder: Path
) -> Iterator[tuple[dict, float]]:
    """Each pair of the folder with the margin of its answer."""
    special = SpecialTokens.of(tokenizer)
    for line in (folder / "scenes.jsonl").read_text().splitlines():
        scene = json.loads(line)
        with Image.open(folder / scene["file"]) as image:
            pixels = to_pixels(letterbox(image.convert("RGB"), model.cfg.size))
        features = model.image_features(pixels)
        for q in scene["questions"]:
            ids = prompt_ids(tokenizer, q["question"], features.shape[1])
            tokens, _, margin = greedy_answer(model, features, ids, special)
            file = f"{folder.name}/{scene['file']}"
            yield {"file": file, "question": q["question"], "tokenIds": tokens}, margin


def unambiguous_pairs(model: FastVlm, tokenizer: Tokenizer) -> list[dict]:
    pairs = []
    for name, count in PAIR_COUNTS.items():
        found = pair_answers(model, tokenizer, PAIRS / name)
        clear = [pair for pair, margin in found if margin >= MARGIN]
        if len(clear) < count:
            raise SystemExit(
                f"{PAIRS / name}: only {len(clear)} of {count} answers are unambiguous"
            )
        pairs += clear[:count]
    return pairs


@torch.inference_mode()
def check_same(model: FastVlm, folder: Path) -> None:
    """Fails for any other checkpoint, including the committed tools/nano.pt, which
    is rounded to half precision."""
    pixels = torch.rand((1, 3, 128, 128), generator=torch.Generator().manual_seed(0))
    exported = OnnxModel(folder).image_features(pixels.numpy())
    error = relative_error(exported, model.image_features(pixels))
    if not error <= TOLERANCE:
        raise SystemExit(
            f"{folder} was not exported from this checkpoint: its features differ by {error:.1e}"
        )


def write_rows(rows: list[dict], out: Path) -> None:
    """JSON with one row per line."""
    out.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    out.write_text(f"[\n{lines}\n]\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument(
        "--model", type=Path, default=ROOT / "public/models/nano",
        help="the exported folder; its tokenizer is used",
    )  # fmt: skip
    args = parser.parse_args()
    torch.set_num_threads(1)
    model, run = load(args.checkpoint)
    check_same(model, args.model)
    tokenizer = Tokenizer.from_file(str(args.model / "tokenizer.json"))
    write_rows(golden_cases(model, tokenizer), GOLDEN)
    print(f"{GOLDEN}: {CASES} cases after {run.images} images")
    pairs = unambiguous_pairs(model, tokenizer)
    write_rows(pairs, GOLDEN_PAIRS)
    print(f"{GOLDEN_PAIRS}: {len(pairs)} pairs")


if __name__ == "__main__":
    main()
