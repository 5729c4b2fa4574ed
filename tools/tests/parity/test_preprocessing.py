"""The golden images have the geometry of transformers: `crop` of the published
processor, `grid` and its overview of LLaVA's AnyRes."""

import sys
from pathlib import Path

import numpy as np
import pytest
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.llava_next.image_processing_pil_llava_next import LlavaNextImageProcessorPil

sys.path.append(str(Path(__file__).parents[2] / "fixtures"))
import make_resize_golden as golden  # noqa: E402

SIZES = [(1, 1), (2, 3), (37, 1), (97, 41), (333, 1000), (65, 64), (640, 480), (719, 1281), (200, 1000)]
SIDE = 128


def settings():
    return {"size": {"shortest_edge": SIDE}, "crop_size": {"height": SIDE, "width": SIDE},
            "do_rescale": False, "do_normalize": False, "resample": 3}


@pytest.mark.parametrize("width,height", SIZES)
def test_crop_is_the_published_processor(width, height):
    image = golden.noise_image(width, height)
    pixels = CLIPImageProcessorPil(**settings())(image, return_tensors="np").pixel_values[0]
    assert np.array_equal(pixels.transpose(1, 2, 0), np.asarray(golden.crop(image, SIDE)))


@pytest.mark.parametrize("width,height", SIZES)
def test_grid_after_an_overview_is_anyres(width, height):
    image = golden.noise_image(width, height)
    processor = LlavaNextImageProcessorPil(image_grid_pinpoints=[[2 * SIDE, 2 * SIDE]], do_pad=False, **settings())
    views = processor(image, return_tensors="np").pixel_values[0].transpose(0, 2, 3, 1)
    assert np.array_equal(views[0], np.asarray(golden.stretch(image, SIDE)))
    assert np.array_equal(np.concatenate(views[1:]), np.asarray(golden.grid(image, SIDE)))
