#!/usr/bin/env python3
"""Draws the segmentation sample's pictures: discs and squares in noise, and which pixel belongs to which.

Usage: python models/segmentation/make_segmentation.py      (needs numpy)
Writes train.npz and val.npz beside this script: `input` uint8 [N, 1, 32, 32], `target` int64 [N, 32, 32] of the classes 0
(background), 1 (disc), 2 (square). Both shapes are equally bright, so that only their form tells them apart.
"""
import pathlib

import numpy as np

SIZE = 32


def picture(random):
    y, x = np.mgrid[:SIZE, :SIZE]
    target = np.zeros((SIZE, SIZE), np.int64)
    for _ in range(random.integers(1, 3)):
        kind = random.integers(1, 3)
        cy, cx = random.uniform(7, SIZE - 7, 2)
        half = random.uniform(5, 8)
        inside = ((y - cy) ** 2 + (x - cx) ** 2 < (1.1 * half) ** 2 if kind == 1
                  else np.maximum(abs(y - cy), abs(x - cx)) < half)
        target[inside] = kind
    light = np.where(target > 0, 160, 90) + random.normal(0, 25, (SIZE, SIZE)) + 20 * random.normal()
    return (np.clip(light, 0, 255) // 16 * 16).astype(np.uint8), target  # 16 levels: a smaller file


def main():
    folder = pathlib.Path(__file__).resolve().parent
    random = np.random.default_rng(5)
    for name, count in (('train', 300), ('val', 60)):
        pairs = [picture(random) for _ in range(count)]
        np.savez_compressed(folder / f'{name}.npz', input=np.array([p for p, _ in pairs])[:, None],
                            target=np.array([t for _, t in pairs]))


if __name__ == '__main__':
    main()
