#!/usr/bin/env python3
"""Writes tests/training/data/expected/image_ops.txt: small images, and what torchvision makes of them.

Usage: python tools/oracle/image_ops.py > tests/training/data/expected/image_ops.txt     (needs torch, torchvision)
"""
import numpy as np
import torch
import torchvision
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as F

rng = np.random.default_rng(3)


def numbers(values):
    return " ".join(f"{float(v):.7g}" for v in np.asarray(values).ravel())


def emit(op, image, result, *arguments):
    """A line: op, count of arguments, arguments, channels, height, width, the image, the result."""
    print(op, len(arguments), *arguments, *image.shape, numbers(image), numbers(result))


def picture(channels, height, width):
    return torch.from_numpy(np.round(rng.uniform(0, 1, (channels, height, width)) * 255).astype(np.float32) / 255)


def geometry():
    image = picture(2, 5, 7)
    emit("flip_horizontally", image, F.horizontal_flip(image))
    emit("flip_vertically", image, F.vertical_flip(image))
    for mode in ("constant", "edge", "reflect"):
        padded = F.pad(image, [3], fill=0.25, padding_mode=mode)
        for top, left in ((0, 0), (5, 1), (6, 6), (3, 3)):
            emit("shift_" + mode, image, padded[:, top:top + 5, left:left + 7], top - 3, left - 3, 0.25)
    for angle in (10.0, -33.0, 90.0, 180.0, 137.5):
        for mode in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
            emit("rotate_" + mode.value, image, F.rotate(image, angle, mode, fill=0.5), angle, 0.5)
    square = picture(1, 6, 6)
    emit("rotate_nearest", square, F.rotate(square, 90.0, InterpolationMode.NEAREST, fill=0.0), 90, 0)
    emit("erase", image, F.erase(image, 1, 2, 3, 4, torch.zeros(1)), 1, 2, 3, 4)


def colour():
    image = picture(3, 4, 5)
    image[:, 0, 0] = 0.4  # grey, black, white, and ties between channels
    image[:, 0, 1] = 0
    image[:, 0, 2] = 1
    image[:, 0, 3] = torch.tensor([0.8, 0.8, 0.1])
    image[:, 0, 4] = torch.tensor([0.2, 0.9, 0.9])
    grey = picture(1, 4, 5)
    for source in (image, grey):
        for factor in (0.0, 0.6, 1.7):
            emit("brightness", source, F.adjust_brightness(source, factor), factor)
            emit("contrast", source, F.adjust_contrast(source, factor), factor)
            emit("saturation", source, F.adjust_saturation(source, factor), factor)
        for turn in (-0.5, -0.12, 0.31):
            emit("hue", source, F.adjust_hue(source, turn), turn)
    emit("normalise", image, F.normalize(image, [0.4914, 0.4822, 0.4465], [0.247, 0.2435, 0.2616]))


print(f"# Written by tools/oracle/image_ops.py with torchvision {torchvision.__version__.split('+')[0]}; do not edit.")
geometry()
colour()
