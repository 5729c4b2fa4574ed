"""Writes a model folder that any Hugging Face client understands.

    python -m fastvlm.export --checkpoint runs/nano/checkpoint.pt \\
        --out ../public/models/nano

Every graph is compared with the PyTorch model before the folder is replaced.
"""

import argparse
import shutil
from pathlib import Path

import torch
from tokenizers import Tokenizer

from .card import Facts, write_card
from .config import CONFIGS
from .folder import write_configs, write_graph
from .graphs import BUILDERS
from .made import make_weights
from .manifest import License, write_manifest
from .model import FastVlm
from .runtime import OnnxModel
from .samples import draw_samples
from .tokenizer import build
from .verify import Loss, prove, quantisation_loss

MEGABYTE = 1e6
LARGEST_FOLDER = 24 * MEGABYTE
# Of four dtypes there is no room in it for more.
DTYPES = ("fp32", "q4")


def load(checkpoint: Path | None, name: str = "nano") -> tuple[FastVlm, Facts]:
    """The model in eval mode, its vision tower folded; made weights without a
    checkpoint."""
    model, facts = FastVlm(CONFIGS[name]), Facts(0, 0.0, "")
    if checkpoint is None:
        make_weights(model, seed=0)
    else:
        saved = torch.load(checkpoint, map_location="cpu", weights_only=True)
        model.load_state_dict(saved["model"])
        facts = Facts(saved["pictures"], saved["seconds"], saved["device"])
    model.eval().vision_tower.fold()
    return model, facts


def write_graphs(model: FastVlm, folder: Path) -> None:
    for dtype in DTYPES:
        for graph in BUILDERS:
            write_graph(model, folder, graph, dtype)


def compare(model: FastVlm, tokenizer: Tokenizer, folder: Path, count: int) -> Loss:
    """Proves the folder's graphs and gives the loss of the quantised ones."""
    samples = draw_samples(tokenizer, count, seed=20_000, side=model.cfg.side)
    token = tokenizer.token_to_id
    image, stop = token("<image>"), {token("<|im_end|>"), token("<|endoftext|>")}
    exact, quantised = OnnxModel(folder), OnnxModel(folder, "_q4")
    for name, error in prove(model, exact, samples[:8], image, stop).items():
        print(f"{name}: relative error {error:.1e}")
    loss = quantisation_loss(exact, quantised, samples, tokenizer, stop)
    print(
        f"q4: relative error of features {loss.features:.1e}, of logits "
        f"{loss.logits:.1e}; {loss.same} of {loss.answers} answers the same, right "
        f"{loss.right[1]} instead of {loss.right[0]}"
    )
    return loss


def export(
    model: FastVlm, facts: Facts, out: Path, accuracy: Path | None, count: int
) -> None:
    part = out.with_name(f"{out.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    (part / "onnx").mkdir(parents=True)
    tokenizer = build(model.cfg.text.vocab)
    write_configs(part, model.cfg, tokenizer)
    write_graphs(model, part)
    loss = compare(model, tokenizer, part, count)
    write_card(part, model.cfg, facts, loss, accuracy)
    write_manifest(part, model.cfg.name, License("mit", "MIT"))
    size = sum(f.stat().st_size for f in part.rglob("*") if f.is_file())
    if size >= LARGEST_FOLDER:
        raise SystemExit(f"{part} has {size / MEGABYTE:.1f} MB: too large")
    shutil.rmtree(out, ignore_errors=True)
    part.replace(out)
    print(f"done: {out}, {size / MEGABYTE:.1f} MB, {facts.pictures} pictures")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--checkpoint", type=Path)
    source.add_argument("--random", action="store_true", help="made weights")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--accuracy", type=Path, help="figures of `npm run accuracy`, for the card"
    )
    parser.add_argument(
        "--samples", type=int, default=100, help="questions to measure q4's loss on"
    )
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model, facts = load(args.checkpoint)
    export(model, facts, args.out, args.accuracy, args.samples)


if __name__ == "__main__":
    main()
