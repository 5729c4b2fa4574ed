"""FastVLM's letterbox, and the files of the scenes command."""

import json

import numpy as np
import pytest
from PIL import Image

from fastvlm.render import letterbox
from fastvlm.scenes import write_scenes


@pytest.mark.parametrize(
    ("width", "height"), [(256, 256), (320, 180), (181, 320), (97, 41), (1, 37), (1280, 720)]
)
def test_letterbox_is_pillows_pad_then_resize(width: int, height: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    longer = max(width, height)
    # As published: an odd pixel of padding goes below or to the right.
    top, left = (longer - height) // 2, (longer - width) // 2
    padded = np.zeros((longer, longer, 3), np.uint8)
    padded[top : top + height, left : left + width] = noise
    wanted = Image.fromarray(padded).resize((64, 64), Image.Resampling.BICUBIC)
    got = letterbox(Image.fromarray(noise), 64)
    np.testing.assert_array_equal(np.asarray(got), np.asarray(wanted))


def test_writes_images_of_camera_formats(tmp_path) -> None:
    write_scenes(tmp_path, count=12, seed=1)
    lines = [json.loads(s) for s in (tmp_path / "scenes.jsonl").read_text().splitlines()]
    assert [line["file"] for line in lines] == [f"{i:04}.png" for i in range(12)]
    for line in lines:
        with Image.open(tmp_path / line["file"]) as image:
            assert image.mode == "RGB" and 256 <= max(image.size) <= 1280
            assert 0.56 < image.width / image.height < 1.78
        assert line["questions"][0]["kind"] == "describe"
        assert all(set(q) == {"kind", "question", "answer"} for q in line["questions"])


def test_the_same_seed_writes_the_same_scenes(tmp_path) -> None:
    for name in ("a", "b"):
        write_scenes(tmp_path / name, count=3, seed=7, size=128, max_bytes=20_000)
    for file in sorted((tmp_path / "a").iterdir()):
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
        assert file.stat().st_size <= 20_000
    with Image.open(tmp_path / "a" / "0000.png") as image:
        assert image.size == (128, 128)


def test_other_seeds_write_other_scenes(tmp_path) -> None:
    for seed in (1, 2):
        write_scenes(tmp_path / str(seed), count=3, seed=seed, size=64)
    a, b = sorted(tmp_path.iterdir())
    assert (a / "scenes.jsonl").read_text() != (b / "scenes.jsonl").read_text()
