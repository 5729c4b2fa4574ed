"""Trains nano from scratch on the drawn world. Resumes where it stopped.

    python -m fastvlm.train --pictures 300000

The learning rate warms up, holds, and falls to zero over the second half of
`--pictures`; training again with a larger number goes on from the checkpoint in
`--run`, or where there is none from the weights in `--start`, which are
committed (the optimizers then start afresh). A finished run renews them.
Each batch is fresh, so the printed exact matches are on unseen scenes (answers
read off the teacher-forced pass: all tokens right there is the same as greedy
decoding being right).
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
from .data import CELLS, IGNORE, KINDS, PAINTS, Batch, Batches, Pack, packed_mask
from .draw import installed_fonts
from .model import FastVlm
from .muon import Muon
from .tokenizer import build
from .world import Sampler


class Teacher(nn.Module):
    """Dense supervision while training: what and which paint is in each cell,
    asked of stage 3's map and of the image tokens themselves (each answers for
    its own block of cells). Dropped at export."""

    def __init__(self, stage_width: int, hidden: int, grid: int):
        super().__init__()
        self.block = CELLS // grid
        self.stage = nn.Conv2d(stage_width, KINDS + PAINTS, 1)
        self.tokens = nn.Linear(hidden, (KINDS + PAINTS) * self.block**2)

    def forward(self, stage: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor]:
        grid = int(tokens.shape[1] ** 0.5)
        blocks = self.tokens(tokens).transpose(1, 2).unflatten(2, (grid, grid))
        return self.stage(stage), F.pixel_shuffle(blocks, self.block)


def cell_loss(logits: Tensor, batch: Batch) -> Tensor:
    """Cross-entropy; objects together weigh as much as all the ground."""
    kinds, paints = logits.float().split((KINDS, PAINTS), 1)
    loss = F.cross_entropy(kinds, batch.kinds, reduction="none") + F.cross_entropy(
        paints, batch.paints, reduction="none"
    )
    thing = batch.kinds > 0
    return loss[thing].mean() + loss[~thing].mean()


def forward(model: FastVlm, teacher: Teacher, batch: Batch, image_token: int):
    """Logits of the answers' tokens and the dense loss."""
    pixels = batch.pixels.permute(0, 3, 1, 2).float() / 255
    pixels = pixels.contiguous(memory_format=torch.channels_last)
    tower = model.vision_tower
    x = pixels
    for conv in tower.stem:
        x = F.gelu(conv(x))
    stage3 = tower.stages[:3](x)
    x = tower.final_conv(tower.stages[3:](stage3))
    features = model.projector(x.flatten(2).transpose(1, 2))
    dense = sum(cell_loss(m, batch) for m in teacher(stage3, features))
    embeds = model.embed(batch.ids, features, image_token)
    mask = packed_mask(batch.segments, torch.bfloat16)
    hidden, _ = model.language_model(embeds, batch.positions, mask)
    return model.lm_head(hidden[batch.targets != IGNORE]), dense


def exact_matches(logits: Tensor, batch: Batch) -> dict[str, list[bool]]:
    """Per kind of question: whether all tokens of its answer are right."""
    where = batch.targets != IGNORE
    wrong = torch.zeros_like(where)
    wrong[where] = logits.argmax(-1) != batch.targets[where]
    found = defaultdict(list)
    for row, names in enumerate(batch.question_kinds):
        bad = set(batch.segments[row][wrong[row]].tolist())
        for segment, name in enumerate(names, 1):
            found[name].append(segment not in bad)
    return found


def suit_cpu(model: nn.Module) -> None:
    """Depthwise convolutions in fp32: their bf16 backward pass on a CPU is
    three times slower (channels_last, 7 x 7, measured with oneDNN)."""

    def in_fp32(conv: nn.Conv2d):
        def forward(x: Tensor) -> Tensor:
            with torch.autocast("cpu", enabled=False):
                return nn.Conv2d.forward(conv, x.float()).to(x.dtype)

        return forward

    for module in model.modules():
        if isinstance(module, nn.Conv2d) and module.groups > 1:
            module.forward = in_fp32(module)


def optimizers(model: nn.Module, teacher: nn.Module, lr: float):
    embedding = model.language_model.embed_tokens.weight
    matrices, rest = [], list(teacher.parameters())
    for p in model.parameters():
        is_matrix = p.ndim == 2 or (p.ndim == 4 and p.shape[1] > 3 and p.shape[2] == 1)
        (matrices if is_matrix and p is not embedding else rest).append(p)
    return [
        Muon(matrices, lr=lr),
        torch.optim.AdamW(rest, lr=lr, betas=(0.9, 0.98), weight_decay=0.01),
    ]


def schedule(done: float, warm: float = 0.01, fall: float = 0.5) -> float:
    """Learning rate factor at the fraction `done` of all pictures."""
    return min(1.0, (done + 1e-4) / warm, max(0.0, (1 - done) / fall))


def halved(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The weights in 16 bits, to be committed; norms' statistics as they are."""
    return {
        name: value.half() if value.ndim > 1 else value for name, value in state.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=1_000_000)
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
    grid = cfg.side // 64
    pack = Pack(tokenizer, grid**2)
    model = FastVlm(cfg).to(device)
    model.vision_tower.to(memory_format=torch.channels_last)
    nn.init.normal_(model.language_model.embed_tokens.weight, std=0.05)
    if device.type == "cpu":
        suit_cpu(model)
    teacher = Teacher(cfg.vision.widths[2], cfg.text.hidden, grid).to(device)
    both = optimizers(model, teacher, args.lr)

    step, seconds, checkpoint = 0, 0.0, args.run / "checkpoint.pt"
    source = checkpoint if checkpoint.exists() else args.start
    if source.exists():
        saved = torch.load(source, map_location=device)
        model.load_state_dict(saved["model"])
        teacher.load_state_dict(saved["teacher"])
        for optimizer, state in zip(both, saved.get("optimizers", ()), strict=False):
            optimizer.load_state_dict(state)
        step, seconds = saved["pictures"] // args.batch, saved["seconds"]

    last = args.pictures // args.batch

    def save() -> None:
        facts = {
            "model": model.state_dict(),
            "teacher": teacher.state_dict(),
            "pictures": step * args.batch,
            "seconds": seconds,
            "device": torch.cuda.get_device_name() if device.type == "cuda" else "CPU",
        }
        part = checkpoint.with_suffix(".part")
        torch.save(facts | {"optimizers": [o.state_dict() for o in both]}, part)
        part.replace(checkpoint)
        if step == last:
            halves = {name: halved(facts[name]) for name in ("model", "teacher")}
            torch.save(facts | halves, args.start)

    sampler = Sampler(installed_fonts(), text_share=args.text_share)
    batches = Batches(sampler, pack, args.batch, step, last, cfg.side)
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
        for optimizer in both:
            for group in optimizer.param_groups:
                group["lr"] = args.lr * factor
        # The fused attention's backward pass is the slow one at these lengths.
        with torch.autocast(device.type, torch.bfloat16), sdpa_kernel(SDPBackend.MATH):
            logits, dense = forward(model, teacher, batch, pack.image)
        answers = batch.targets[batch.targets != IGNORE]
        loss = F.cross_entropy(logits.float(), answers)
        (loss + 0.5 * dense).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 2.0)
        for optimizer in both:
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
                "pictures": step * args.batch,
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
