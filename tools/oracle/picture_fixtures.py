#!/usr/bin/env python3
"""Writes tests/training/fixtures/pictures/: small JPEG and PNG files of every kind that is read, and what Pillow
makes of them: NAME.rgb and NAME.l (the pixels of convert("RGB") and convert("L")), and resized.txt (sums and pixels
of Image.resize in many sizes). Beside it classes/, with prepared.txt of torchvision's Resize and CenterCrop, and
scenes/ with masks.

Run: python tools/oracle/picture_fixtures.py   (needs numpy, torchvision, and Pillow 12: Pillow 13 does the vertical pass first for
some sizes, after which some pixels are another by 1)
"""
import pathlib

import numpy as np
import PIL
from PIL import Image
from torchvision.transforms import CenterCrop, Resize

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "training" / "fixtures" / "pictures"


def scene(height, width):
    """Smooth colours with an edge and a little grain: RGB."""
    y, x = np.mgrid[0:height, 0:width].astype(float)
    red = 127 + 120 * np.sin(x / 5) * np.cos(y / 7)
    green = 255 * y / max(height - 1, 1)
    blue = np.where(x + y > (height + width) / 2, 220, 30)
    grain = np.random.default_rng(7).uniform(-12, 12, (height, width, 3))
    return np.clip(np.stack([red, green, blue], -1) + grain, 0, 255).astype(np.uint8)


def keep(name, image, **options):
    path = OUT / name
    image.save(path, **options)
    with Image.open(path) as read:
        read.load()
        (OUT / (name + ".rgb")).write_bytes(np.asarray(read.convert("RGB")).tobytes())
        (OUT / (name + ".l")).write_bytes(np.asarray(read.convert("L")).tobytes())


def files():
    rgb = Image.fromarray(scene(17, 23))
    alpha = Image.fromarray(np.tile(np.arange(23, dtype=np.uint8) * 11, (17, 1)))
    keep("colour.jpg", rgb, quality=90, subsampling=0)
    keep("halved.jpg", rgb, quality=75, subsampling=2)
    keep("progressive.jpg", rgb, quality=80, progressive=True)
    keep("grey.jpg", rgb.convert("L"), quality=85)
    keep("cmyk.jpg", rgb.convert("CMYK"), quality=90)
    keep("colour.png", rgb)
    rgba = rgb.copy()
    rgba.putalpha(alpha)
    keep("alpha.png", rgba)
    keep("grey.png", rgb.convert("L"))
    keep("grey_alpha.png", Image.merge("LA", (rgb.convert("L"), alpha)))
    keep("bits1.png", rgb.convert("1"))
    keep("bits4.png", rgb.quantize(16), bits=4)
    keep("palette.png", rgb.quantize(200))
    keep("transparent_palette.png", rgb.quantize(9), transparency=3)
    sixteen = scene(17, 23)[:, :, 0].astype(np.uint16) * 257 + 3
    Image.fromarray(sixteen).save(OUT / "grey16.png")
    # Pillow cuts these off at 255; the upper bytes are what is expected.
    (OUT / "grey16.png.l").write_bytes((sixteen >> 8).astype(np.uint8).tobytes())


def resizes():
    """Per line: name, mode, the part of the picture (top left height width), the size, the method, and the pixels."""
    lines = [f"# Written by tools/oracle/picture_fixtures.py with Pillow {PIL.__version__}; do not edit."]
    methods = {"nearest": Image.NEAREST, "bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC}
    cases = [("RGB", (0, 0, 17, 23), (9, 8)), ("RGB", (0, 0, 17, 23), (5, 31)), ("L", (0, 0, 17, 23), (40, 11)),
             ("RGB", (3, 5, 11, 13), (8, 8)), ("L", (2, 0, 15, 7), (15, 3)), ("L", (0, 4, 9, 12), (4, 12)),
             ("L", (0, 0, 17, 23), (1, 1)), ("L", (0, 0, 17, 23), (29, 37))]
    for mode, (top, left, height, width), (rows, columns) in cases:
        image = Image.open(OUT / "colour.png").convert(mode)
        part = image.crop((left, top, left + width, top + height))
        for method, number in methods.items():
            result = np.asarray(part.resize((columns, rows), number))
            numbers = " ".join(str(v) for v in result.ravel())
            lines.append(f"{1 if mode == 'L' else 3} {top} {left} {height} {width} {rows} {columns} {method} {numbers}")
    (OUT / "resized.txt").write_text("\n".join(lines) + "\n")


def folders():
    """Two classes, of which pictures differ in size and kind, as a photo collection has them."""
    rng = np.random.default_rng(11)
    for label, (name, colour) in enumerate((("blue", (40, 60, 200)), ("red", (210, 50, 40)))):
        (OUT.parent / "classes" / name).mkdir(parents=True, exist_ok=True)
        for number in range(6):
            height, width = 10 + 2 * number, 16 - number
            pixels = np.clip(np.array(colour) + rng.normal(0, 25, (height, width, 3)), 0, 255).astype(np.uint8)
            kind = "jpg" if (number + label) % 2 else "png"
            Image.fromarray(pixels).save(OUT.parent / "classes" / name / f"{number}.{kind}")


def prepared():
    """Per line: file, how many numbers data.resize has and these, height and width of the crop, the pixels."""
    lines = [f"# Written by tools/oracle/picture_fixtures.py with Pillow {PIL.__version__}; do not edit."]
    for path in sorted((OUT.parent / "classes").rglob("*.png")):
        image = Image.open(path).convert("RGB")
        for resize, crop in ((8, (8, 8)), (9, (7, 8)), ([11, 13], (11, 6)), ([6, 10], (5, 5))):
            result = np.asarray(CenterCrop(crop)(Resize(resize)(image)))
            sides = resize if isinstance(resize, list) else [resize]
            name = path.relative_to(OUT.parent / "classes").as_posix()
            lines.append(" ".join(str(v) for v in (name, len(sides), *sides, *crop, *result.ravel())))
    (OUT.parent / "classes" / "prepared.txt").write_text("\n".join(lines) + "\n")


def scenes():
    """Grey noise with a red and a green square; the masks are palette pictures with the classes 0, 1 and 2."""
    rng = np.random.default_rng(5)
    for part in ("images", "masks"):
        (OUT.parent / "scenes" / part).mkdir(parents=True, exist_ok=True)
    for number in range(8):
        height, width = 16, 14 + number
        pixels = rng.normal(110, 15, (height, width, 3))
        mask = np.zeros((height, width), np.uint8)
        for label, colour in ((1, (220, 40, 40)), (2, (40, 210, 60))):
            top, left = rng.integers(0, height - 5), rng.integers(0, width - 5)
            pixels[top:top + 5, left:left + 5] = colour + rng.normal(0, 10, (5, 5, 3))
            mask[top:top + 5, left:left + 5] = label
        kind = "jpg" if number == 7 else "png"
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        image.save(OUT.parent / "scenes" / "images" / f"s{number}.{kind}")
        classes = Image.fromarray(mask)
        if number % 2 == 0:
            classes = Image.frombytes("P", (width, height), mask.tobytes())
            classes.putpalette([0, 0, 0, 220, 40, 40, 40, 210, 60])
        classes.save(OUT.parent / "scenes" / "masks" / f"s{number}.png")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    files()
    resizes()
    folders()
    prepared()
    scenes()
