#!/usr/bin/env python3
"""Makes the CIFAR sample: a small set of pictures in CIFAR-10's binary format, and an untrained network for it.

Usage: python models/cifar/make_cifar.py      (needs torch 2.15, onnx, onnxscript, numpy)
Writes data_batch_1.bin, data_batch_2.bin, test_batch.bin, batches.meta.txt and cifar.onnx beside this script.
The pictures are drawn here: ten shapes and textures in two random colours, at random places and sizes, with noise.
"""
import pathlib

import numpy as np
import onnx
import torch
from torch import nn

SIDE = 32
CLASSES = ["rows", "columns", "diagonals", "checks", "dots", "disc", "ring", "square", "triangle", "cross"]
PER_CLASS = {"data_batch_1.bin": 16, "data_batch_2.bin": 16, "test_batch.bin": 10}


def inside(name, rng):
    """A [32, 32] array from 0 (ground) to 1 (figure)."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    if name in ("rows", "columns", "diagonals", "checks", "dots"):
        period, phase = rng.uniform(5, 9), rng.uniform(0, 9)
        wave = lambda t: np.sin(2 * np.pi * (t + phase) / period)
        if name == "diagonals":
            return wave((x + rng.choice([-1, 1]) * y) / np.sqrt(2)) > 0
        if name == "checks":
            return wave(x) * wave(y) > 0
        if name == "dots":
            return wave(x) + wave(y) > 1
        return wave(y if name == "rows" else x) > 0
    size = rng.uniform(8, 13)
    dy, dx = y - rng.uniform(size, SIDE - size), x - rng.uniform(size, SIDE - size)
    far = np.hypot(dx, dy)
    if name == "disc":
        return far < size
    if name == "ring":
        return (far < size) & (far > size * 0.6)
    if name == "square":
        return np.maximum(abs(dx), abs(dy)) < size * 0.85
    if name == "triangle":
        return (dy < size * 0.8) & (abs(dx) < (dy + size) * 0.55)
    return (np.minimum(abs(dx), abs(dy)) < size * 0.28) & (np.maximum(abs(dx), abs(dy)) < size)


def picture(label, rng):
    """A uint8 [3, 32, 32] array."""
    ground = rng.uniform(0, 255, 3)
    figure = rng.uniform(0, 255, 3)
    while np.abs(ground - figure).sum() < 200:
        figure = rng.uniform(0, 255, 3)
    share = inside(CLASSES[label], rng).astype(np.float64)[None]
    pixels = ground[:, None, None] * (1 - share) + figure[:, None, None] * share
    return np.clip(np.round(pixels + rng.normal(0, 12, pixels.shape)), 0, 255).astype(np.uint8)


def write_pictures(folder):
    rng = np.random.default_rng(0)
    for name, count in PER_CLASS.items():
        labels = rng.permutation(np.repeat(np.arange(len(CLASSES)), count))
        records = [bytes([label]) + picture(label, rng).tobytes() for label in labels]
        (folder / name).write_bytes(b"".join(records))
    (folder / "batches.meta.txt").write_text("\n".join(CLASSES) + "\n\n")


class Network(nn.Module):
    """image [N, 3, 32, 32] -> scores [N, 10]"""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 24, 3, padding=1)
        self.conv2 = nn.Conv2d(24, 48, 3, padding=1)
        self.conv3 = nn.Conv2d(48, 48, 3, padding=1)
        self.head = nn.Linear(48 * 4 * 4, 10)

    def forward(self, image):
        h = image
        for conv in (self.conv1, self.conv2, self.conv3):
            h = nn.functional.max_pool2d(torch.relu(conv(h)), 2)
        return self.head(h.flatten(1))


def main():
    folder = pathlib.Path(__file__).resolve().parent
    write_pictures(folder)
    torch.manual_seed(0)
    program = torch.onnx.export(Network().eval(), (torch.zeros(2, 3, SIDE, SIDE),), input_names=["image"],
                                output_names=["scores"], dynamo=True, verbose=False,
                                dynamic_shapes=({0: torch.export.Dim("batch")},))
    onnx.save(onnx.load_from_string(program.model_proto.SerializeToString()), folder / "cifar.onnx")


if __name__ == "__main__":
    main()
