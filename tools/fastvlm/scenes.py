"""Writes a data set of generated scenes and their questions.

    python -m fastvlm.scenes --out DIR --count 500 --seed 1

Writes PNG files and scenes.jsonl, with one line per image:
{"file": …, "questions": [{"question": …, "answer": …, "kind": …}, …]}.
"""

import argparse
import io
import json
from pathlib import Path
from random import Random

from PIL import Image

from .render import camera, installed_fonts, letterbox, render
from .scene_generator import Question, Sampler, questions

# Lengths of the longer side in pixels.
LENGTHS = (256, 320, 384, 480, 512, 640, 720, 800, 1024, 1280)


def generate_scene(
    sampler: Sampler, rng: Random, size: int | None
) -> tuple[Image.Image, list[Question]]:
    """A camera image of random size, or letterboxed to `size` x `size`."""
    scene = sampler.scene(rng)
    longer = rng.choice(LENGTHS) if size is None else size
    image = camera(render(scene, longer, rng)[0], rng)
    if size is not None:
        image = letterbox(image, size)
    return image, questions(scene, rng)


def write_scenes(
    out: Path,
    count: int,
    seed: int,
    size: int | None = None,
    max_bytes: int | None = None,
) -> None:
    out.mkdir(parents=True, exist_ok=True)
    rng, sampler = Random(seed), Sampler(installed_fonts())
    lines: list[str] = []
    while len(lines) < count:
        image, asked = generate_scene(sampler, rng, size)
        png = io.BytesIO()
        image.save(png, "PNG", optimize=max_bytes is not None)
        if max_bytes is not None and len(png.getbuffer()) > max_bytes:
            continue
        file = f"{len(lines):04}.png"
        (out / file).write_bytes(png.getvalue())
        lines.append(json.dumps({"file": file, "questions": [vars(q) for q in asked]}))
    (out / "scenes.jsonl").write_text("".join(f"{line}\n" for line in lines))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--size", type=int, help="letterbox to squares of this size")
    parser.add_argument(
        "--max-bytes", type=int, help="leave out images with larger files"
    )
    write_scenes(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
