"""Renders scenes to images and simulates a camera."""

import io
import math
import os
from functools import lru_cache
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from .scene_generator import Scene, Shape, Text

# Values of a label map; object i is FIRST_OBJECT + i.
OUTSIDE, GROUND, FIRST_OBJECT = 0, 1, 2

# Reference colours per name: the RGB corner, the CSS colour and muted ones.
PALETTE = {
    "red": ((255, 0, 0), (220, 40, 40), (200, 20, 30)),
    "green": ((0, 128, 0), (0, 255, 0), (40, 160, 60), (34, 139, 34)),
    "blue": ((0, 0, 255), (40, 80, 220), (30, 60, 180), (30, 120, 255)),
    "yellow": ((255, 255, 0), (240, 220, 40), (250, 210, 30)),
    "orange": ((255, 165, 0), (255, 140, 0), (240, 130, 30)),
    "purple": ((128, 0, 128), (140, 50, 180), (110, 30, 150), (160, 32, 240)),
    "black": ((0, 0, 0), (20, 20, 20)),
    "white": ((255, 255, 255), (240, 240, 240)),
    "gray": ((128, 128, 128), (150, 150, 150), (169, 169, 169)),
    "pink": ((255, 192, 203), (255, 182, 193), (255, 150, 190)),
}

FONT_FAMILIES = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif", "DejaVuSansMono",
    "LiberationSans-Regular", "LiberationSans-Bold", "LiberationSerif-Regular",
    "LiberationMono-Regular", "LiberationMono-Bold", "FreeSans", "FreeSansBold",
    "FreeSerif", "FreeMonoBold", "Roboto-Regular", "Roboto-Bold",
    "OpenSans-Regular", "OpenSans-Bold", "Lato-Regular", "Lato-Bold",
    "Inconsolata", "Carlito-Regular", "Carlito-Bold",
)  # fmt: skip


def installed_fonts() -> tuple[str, ...]:
    """Paths of those FONT_FAMILIES that are installed; ("",), which is Pillow's own
    font, if none is."""
    roots = os.environ.get("FAST_VLM_FONTS", "/usr/share/fonts").split(os.pathsep)
    paths = {p.stem: str(p) for r in roots for p in Path(r).rglob("*.[to]tf")}
    return tuple(paths[f] for f in FONT_FAMILIES if f in paths) or ("",)


@lru_cache(maxsize=512)
def load_font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size) if path else ImageFont.load_default(size)


def sample_color(name: str, rng: Random) -> tuple[int, ...]:
    """One of the reference colours with a little noise."""
    anchor = rng.choice(PALETTE[name])
    return tuple(min(255, max(0, round(c + rng.gauss(0, 6)))) for c in anchor)


def outline(shape: Shape, scale: float) -> list[tuple[float, float]]:
    """Corners in pixels; not for circles."""
    if shape.kind == "square":
        corners = [(45 + 90 * i, 1.0) for i in range(4)]
    elif shape.kind == "triangle":
        corners = [(120 * i - 90, 1.0) for i in range(3)]
    else:
        corners = [(36 * i - 90, 1.0 if i % 2 == 0 else 0.42) for i in range(10)]
    return [
        (
            scale * (shape.x + r * shape.radius * math.cos(math.radians(a + shape.angle))),
            scale * (shape.y + r * shape.radius * math.sin(math.radians(a + shape.angle))),
        )
        for a, r in corners
    ]


def draw_shape(draw: ImageDraw.ImageDraw, shape: Shape, scale: float, fill) -> None:
    if shape.kind == "circle":
        x, y, r = (scale * v for v in (shape.x, shape.y, shape.radius))
        draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    else:
        draw.polygon(outline(shape, scale), fill=fill)


def text_layers(text: Text, scale: float) -> tuple[Image.Image, Image.Image, tuple[int, int]]:
    """Coverage of the letters, labels of the letters' boxes, and their top left corner."""
    font = load_font(text.font, max(6, round(text.height * scale)))
    left, top, right, bottom = font.getbbox(text.value)
    size = (right - left + 4, bottom - top + 4)
    cover, label = Image.new("L", size), Image.new("L", size)
    ImageDraw.Draw(cover).text((2 - left, 2 - top), text.value, fill=255, font=font)
    boxes, x = ImageDraw.Draw(label), 2.0 - left
    for i, character in enumerate(text.value):
        end = x + font.getlength(character)
        boxes.rectangle((x, 0, end - 1, size[1]), fill=FIRST_OBJECT + i)
        x = end
    if text.angle:
        cover = cover.rotate(text.angle, Image.BICUBIC, expand=True)
        label = label.rotate(text.angle, Image.NEAREST, expand=True)
    corner = (
        round(text.x * scale - cover.width / 2),
        round(text.y * scale - cover.height / 2),
    )
    return cover, label, corner


def render(scene: Scene, size: int, rng: Random) -> tuple[Image.Image, Image.Image]:
    """The image, its longer side `size` pixels, and its label map."""
    # Drawn at twice the size and reduced for antialiased edges.
    scale = 2 * size
    extent = (round(scene.width * scale), round(scene.height * scale))
    image = Image.new("RGB", extent, sample_color(scene.ground, rng))
    label = Image.new("L", extent, GROUND)
    on_image, on_label = ImageDraw.Draw(image), ImageDraw.Draw(label)
    for i, shape in enumerate(scene.shapes):
        draw_shape(on_image, shape, scale, sample_color(shape.color, rng))
        draw_shape(on_label, shape, scale, FIRST_OBJECT + i)
    if scene.text is not None:
        cover, boxes, corner = text_layers(scene.text, scale)
        image.paste(Image.new("RGB", cover.size, sample_color(scene.text.color, rng)), corner, cover)
        label.paste(boxes, corner, boxes.point(lambda v: 255 * (v > 0)))
    return image.reduce(2), label


def light(image: Image.Image, rng: Random) -> Image.Image:
    """Exposure, gamma and white balance."""
    gain, gamma = rng.uniform(0.75, 1.2), rng.uniform(0.8, 1.25)
    table: list[int] = []
    for _ in range(3):
        balance = gain * rng.uniform(0.93, 1.07)
        table += [min(255, round(255 * balance * (i / 255) ** gamma)) for i in range(256)]
    return image.point(table)


def noise(image: Image.Image, rng: Random) -> Image.Image:
    generator = np.random.default_rng(rng.getrandbits(32))
    sigma = rng.uniform(2, 14)
    pixels = np.asarray(image, np.float32)
    grain = generator.standard_normal(pixels.shape, np.float32) * sigma
    return Image.fromarray(np.clip(pixels + grain + 0.5, 0, 255).astype(np.uint8))


def jpeg(image: Image.Image, rng: Random) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=rng.randint(45, 95))
    return Image.open(file).convert("RGB")


def camera(image: Image.Image, rng: Random) -> Image.Image:
    """Lighting, blur, noise and compression, each with some probability."""
    if rng.random() < 0.5:
        image = light(image, rng)
    if rng.random() < 0.35:
        sharpest = max(image.size) / 256
        image = image.filter(ImageFilter.GaussianBlur(rng.uniform(0.3, 1.2) * sharpest))
    if rng.random() < 0.4:
        image = noise(image, rng)
    if rng.random() < 0.3:
        image = jpeg(image, rng)
    return image


def letterbox(image: Image.Image, size: int, resample=Image.BICUBIC) -> Image.Image:
    """FastVLM's preprocessing: centred on a black square, then resized to `size`."""
    longer = max(image.size)
    square = Image.new(image.mode, (longer, longer))
    square.paste(image, ((longer - image.width) // 2, (longer - image.height) // 2))
    return square.resize((size, size), resample)
