"""Trains nano on generated scenes. Resumes an interrupted training.

    python -m fastvlm.train --images 300000

The learning rate warms up, stays constant, and falls to zero over the second half
of `--images`. Training with a larger number continues from the checkpoint in
`--run`, or, if there is none, from the committed weights in `--start` with new
optimizer states. A finished training overwrites `--start`.

Every image is new, so the printed exact matches are on unseen scenes. They are
taken from the teacher-forced pass: if all tokens are right there, greedy decoding
is right, too.
"""

import argparse
import json
import time
from collections import defaultdict
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.data import DataLoader

from .config import CONFIGS
from .batches import CELLS, COLOR_CLASSES, IGNORE, KIND_CLASSES, Batch, SceneBatches, SequencePacker, packed_mask
from .render import installed_fonts
from .model import FastVlm
from .muon import Muon
from .tokenizer import build
from .scene_generator import Sampler


class DenseHeads(nn.Module):
    """Auxiliary heads for dense supervision: they predict kind and colour of each cell
    from the map of stage 3, and from the image tokens, each for its own block of
    cells. Dropped at export; saved in checkpoints as "teacher"."""

    def __init__(self, stage_width: int, hidden: int, grid: int):
        super().__init__()
        self.block = CELLS // grid
        self.stage = nn.Conv2d(stage_width, KIND_CLASSES + COLOR_CLASSES, 1)
        self.tokens = nn.Linear(hidden, (KIND_CLASSES + COLOR_CLASSES) * self.block**2)

    def forward(self, stage: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        grid = int(tokens.shape[1] ** 0.5)
        blocks = self.tokens(tokens).transpose(1, 2).unflatten(2, (grid, grid))
        return self.stage(stage), F.pixel_shuffle(blocks, self.block)


def cell_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy in which objects together weigh as much as the ground."""
    kinds, colors = logits.float().split((KIND_CLASSES, COLOR_CLASSES), 1)
    loss = F.cross_entropy(kinds, batch.cell_kinds, reduction="none") + F.cross_entropy(
        colors, batch.cell_colors, reduction="none"
    )
    is_object = batch.cell_kinds > 0
    return loss[is_object].mean() + loss[~is_object].mean()


def forward(model: FastVlm, heads: DenseHeads, batch: Batch, image_token: int):
    """Logits of the answer tokens, and the loss of the dense heads."""
    pixels = batch.pixels.permute(0, 3, 1, 2).float() / 255
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    tower = model.vision_tower
    x = pixels
    for conv in tower.stem:
        x = F.gelu(conv(x))
    stage3 = tower.stages[:3](x)
    x = tower.final_conv(tower.stages[3:](stage3))
    features = model.projector(x.flatten(2).transpose(1, 2))
    dense = sum(cell_loss(m, batch) for m in heads(stage3, features))
    embeds = model.embed(batch.ids, features, image_token)
    mask = packed_mask(batch.segments, torch.bfloat16)
    hidden, _ = model.language_model(embeds, batch.positions, mask)
    return model.lm_head(hidden[batch.targets != IGNORE]), dense


def exact_matches(logits: Tensor, batch: Batch) -> dict[str, list[bool]]:
    """Per kind of question, for each answer: whether all its tokens are right."""
    where = batch.targets != IGNORE
    wrong = torch.zeros_like(where)
    wrong[where] = logits.argmax(-1) != batch.targets[where]
    found = defaultdict(list)
    for row, names in enumerate(batch.question_kinds):
        bad = set(batch.segments[row][wrong[row]].tolist())
        for segment, name in enumerate(names, 1):
            found[name].append(segment not in bad)
    return found


def use_fp32_depthwise(model: nn.Module) -> None:
    """Runs depthwise convolutions in fp32 on a CPU, where their bf16 backward pass is
    three times slower (channels_last, 7 x 7, measured with oneDNN)."""

    def in_fp32(conv: nn.Conv2d):
        def forward(x: Tensor) -> Tensor:
            with torch.autocast("cpu", enabled=False):
                return nn.Conv2d.forward(conv, x.float()).to(x.dtype)

        return forward

    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = in_fp32(module)


def optimizers(model: nn.Module, heads: nn.Module, lr: float):
    embedding = model.language_model.embed_tokens.weight
    matrices, rest = [], list(heads.parameters())
    for p in model.parameters():
        is_matrix = p.ndim == 2 or (p.ndim == 4 and p.shape[1] > 3 and p.shape[2] == 1)
        (matrices if is_matrix and p is not embedding else rest).append(p)
    return [
        Muon(matrices, lr=lr),
        torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def schedule(done: float, warm: float = 0.01, fall: float = 0.5) -> float:
    """Learning rate factor at the fraction `done` of all images."""
    return min(1.0, (done + 1e-4) / warm, max(0.0, (1 - done) / fall))


def to_half(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights in 16 bits, for committing; vectors, such as norm statistics, unchanged."""
    return {
        name: value.half() if value.ndim > 1 else value for name, value in state.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--text-share", type=float, default=0.5)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--run", type=Path, default=Path("runs/nano"))
    parser.add_argument("--start", type=Path, default=Path("nano.pt"))
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    args.run.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)

    cfg = CONFIGS["nano"]
    tokenizer = build(cfg.text.vocab)
    grid = cfg.size // 64
    packer = SequencePacker(tokenizer, grid**2)
    model = FastVlm(cfg).to(device)
    model.vision_tower.to(memory_format=torch.channels_last)
    nn.init.normal_(model.language_model.embed_tokens.weight, std=0.05)
    if device.type == "cpu":
        use_fp32_depthwise(model)
    heads = DenseHeads(cfg.vision.widths[2], cfg.text.hidden, grid).to(device)
    optimizer_pair = optimizers(model, heads, args.lr)

    step, seconds, checkpoint = 0, 0.0, args.run / "checkpoint.pt"
    source = checkpoint if checkpoint.exists() else args.start
    if source.exists():
        saved = torch.load(source, map_location=device)
        model.load_state_dict(saved["model"])
        heads.load_state_dict(saved["teacher"])
        for optimizer, state in zip(optimizer_pair, saved.get("optimizers", ()), strict=False):
            optimizer.load_state_dict(state)
        step, seconds = saved["pictures"] // args.batch, saved["seconds"]

    last = args.images // args.batch

    def save() -> None:
        state = {
            "model": model.state_dict(),
            "teacher": heads.state_dict(),
            "pictures": step * args.batch,
            "seconds": seconds,
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        }
        part = checkpoint.with_suffix(".part")
        torch.save(state | {"optimizers": [o.state_dict() for o in optimizer_pair]}, part)
        part.replace(checkpoint)
        if step == last:
            halves = {name: to_half(state[name]) for name in ("model", "teacher")}
            torch.save(state | halves, args.start)

    sampler = Sampler(installed_fonts(), text_share=args.text_share)
    batches = SceneBatches(sampler, packer, args.batch, step, last, cfg.size)
    loader = DataLoader(
        batches,
        batch_size=None,
        num_workers=args.workers,
        prefetch_factor=8 if args.workers else None,
    )
    found, losses, since, shown = defaultdict(list), [], time.time(), step
    model.train()
    for batch in loader:
        for name, value in vars(batch).items():
            if isinstance(value, Tensor):
                setattr(batch, name, value.to(device, non_blocking=True))
        factor = schedule(step / last)
        for optimizer in optimizer_pair:
            for group in optimizer.param_groups:
                group["lr"] = args.lr * factor
        # At these lengths the backward pass of fused attention is slower.
        with torch.autocast(device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            logits, dense = forward(model, heads, batch, packer.image)
        answers = batch.targets[batch.targets != IGNORE]
        loss = F.cross_entropy(logits.float(), answers)
        (loss + 0.5 * dense).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        for optimizer in optimizer_pair:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        step += 1
        losses.append((loss.item(), dense.item()))
        for name, hits in exact_matches(logits, batch).items():
            found[name] += hits
        if step % 50 == 0 or step == last:
            took = time.time() - since
            seconds += took
            lm, dense_mean = (sum(v) / len(v) for v in zip(*losses, strict=True))
            line = {
                "images": step * args.batch,
                "loss": round(lm, 4),
                "dense": round(dense_mean, 4),
                "rate": round((step - shown) * args.batch / took, 1),
                **{k: round(sum(v) / len(v), 3) for k, v in sorted(found.items())},
            }
            print(json.dumps(line), flush=True)
            found, losses, since, shown = defaultdict(list), [], time.time(), step
        if step % 50 == 0 or step == last:
            save()


if __name__ == "__main__":
    main()
