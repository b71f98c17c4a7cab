#!/usr/bin/env python3
"""Writes tests/training/fixtures/oriented/: a picture of 4 x 6 pixels (height, width) with each EXIF orientation, as PNG and
JPEG, and NAME.rgb: the pixels of PIL.ImageOps.exif_transpose, 4 x 6 for orientations 1 to 4 and 6 x 4 for 5 to 8.

Run: python tools/oracle/exif_orientation.py   (needs numpy and Pillow 12)
"""
import pathlib

import numpy as np
from PIL import Image, ImageOps

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "training" / "fixtures" / "oriented"


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    picture = Image.fromarray(np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3) * 3)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif.endian = "<" if orientation % 2 else ">"
        exif[0x010F] = "maker"  # a tag before it
        exif[0x0112] = orientation
        for kind in ("png", "jpg"):
            path = OUT / f"{orientation}.{kind}"
            picture.save(path, exif=exif, **({"quality": 95, "subsampling": 0} if kind == "jpg" else {}))
            with Image.open(path) as read:
                pixels = np.asarray(ImageOps.exif_transpose(read).convert("RGB"))
            (OUT / f"{orientation}.{kind}.rgb").write_bytes(pixels.tobytes())


if __name__ == "__main__":
    main()
