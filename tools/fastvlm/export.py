"""Exports a checkpoint to a model folder for Hugging Face clients.

    python -m fastvlm.export --checkpoint runs/nano/checkpoint.pt \\
        --out ../public/models/nano

Compares every graph with the PyTorch model before it replaces the folder.
"""

import argparse
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer

from .config import CONFIGS
from .graphs import BUILDERS
from .manifest import License, write_manifest
from .model import FastVlm
from .model_card import KINDS, AnswerCounts, TrainingRun, write_card
from .model_folder import Capabilities, SpecialTokens, write_configs, write_graph
from .onnx_model import OnnxModel
from .samples import Sample, generate_samples
from .synthetic_weights import fill_weights
from .tokenizer import build
from .verify import compute_reference, verification_images, verify

MEGABYTE = 1e6
MAX_FOLDER_BYTES = 24 * MEGABYTE
# More dtypes would exceed the limit.
DTYPES = ("fp32", "q4")


def load(checkpoint: Path | None, name: str = "nano") -> tuple[FastVlm, TrainingRun]:
    """The model in eval mode with its vision tower folded; without a checkpoint, its
    weights are synthetic."""
    model, run = FastVlm(CONFIGS[name]), TrainingRun(0, 0.0, "")
    if checkpoint is None:
        fill_weights(model, seed=0)
    else:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(saved["model"])
        run = TrainingRun(saved["pictures"], saved["seconds"], saved["device"])
    model.eval().vision_tower.fold()
    return model, run


def write_graphs(model: FastVlm, folder: Path) -> None:
    for dtype in DTYPES:
        for graph in BUILDERS:
            write_graph(model, folder, graph, dtype)


def verify_exact(model: FastVlm, samples: list[Sample], folder: Path, image: int) -> None:
    """Compares the graphs in float32 with PyTorch."""
    for number, sample in enumerate(samples):
        others = verification_images(model.cfg.size) if number == 0 else []
        reference = compute_reference(model, [*others, sample.pixels], sample.ids, image)
        print(verify(folder, "fp32", reference))


def count_answers(
    samples: list[Sample], folder: Path, tokenizer: Tokenizer, special: SpecialTokens
) -> AnswerCounts:
    """Compares the answers of the quantised graphs with those of fp32."""
    models = OnnxModel(folder), OnnxModel(folder, "_q4")
    same, right = 0, [0, 0]
    for sample in samples:
        arguments = (sample.pixels.numpy(), sample.ids, special.image, special.stop, 32)
        answers = [m.generate(*arguments) for m in models]
        same += answers[0] == answers[1]
        for i, answer in enumerate(answers):
            right[i] += tokenizer.decode(answer) == sample.question.answer
    return AnswerCounts(len(samples), same, *right)


def export(
    model: FastVlm, run: TrainingRun, out: Path, accuracy: Path | None, count: int
) -> None:
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "onnx").mkdir(parents=True)
    tokenizer = build(model.cfg.text.vocab)
    capabilities = Capabilities(
        multi_turn=False,
        questions=tuple(KINDS.values()),
        sizes=(model.cfg.size,),
    )
    write_configs(part, model.cfg, tokenizer, capabilities)
    write_graphs(model, part)
    special = SpecialTokens.of(tokenizer)
    samples = generate_samples(tokenizer, count, seed=20_000, size=model.cfg.size)
    verify_exact(model, samples[:8], part, special.image)
    counts = count_answers(samples, part, tokenizer, special)
    print(counts)
    write_card(part, model.cfg, run, counts, accuracy)
    write_manifest(part, model.cfg.name, License("mit", "MIT"))
    size = sum(f.stat().st_size for f in part.rglob("*") if f.is_file())
    if size >= MAX_FOLDER_BYTES:
        raise SystemExit(f"{part} has {size / MEGABYTE:.1f} MB; the limit is {MAX_FOLDER_BYTES / MEGABYTE:.0f} MB")
    shutil.rmtree(out, ignore_errors=True)
    part.replace(out)
    print(f"done: {out}, {size / MEGABYTE:.1f} MB, {run.images} images")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path)
    source.add_argument("--random", action="store_true", help="synthetic weights")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--accuracy", type=Path, help="results of `npm run accuracy`, for the model card"
    )
    parser.add_argument(
        "--samples", type=int, default=100, help="number of questions for comparing q4 with fp32"
    )
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model, run = load(args.checkpoint)
    export(model, run, args.out, args.accuracy, args.samples)


if __name__ == "__main__":
    main()
