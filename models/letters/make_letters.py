#!/usr/bin/env python3
"""Draws the letters sample's pictures: A, C, E, K, S and T of 8x8 pixels, like those of models/digits.

Usage: python models/letters/make_letters.py      (needs numpy)
Writes train.npz (10 of each letter: few on purpose) and val.npz (40 of each) beside this script: `input` float32
[N, 1, 8, 8] in 0..1, `target` int64 [N]. Each picture is a letter's strokes, moved, slanted, scaled and drawn thickly.
"""
import pathlib

import numpy as np

# Strokes from point to point, (x, y) from -1 to 1, y downwards.
LETTERS = {
    'A': [(-.8, 1, 0, -1), (0, -1, .8, 1), (-.5, .2, .5, .2)],
    'C': [(.7, -.7, 0, -1), (0, -1, -.7, -.3), (-.7, -.3, -.7, .3), (-.7, .3, 0, 1), (0, 1, .7, .7)],
    'E': [(-.6, -1, -.6, 1), (-.6, -1, .7, -1), (-.6, 0, .5, 0), (-.6, 1, .7, 1)],
    'K': [(-.6, -1, -.6, 1), (.7, -1, -.6, .1), (-.3, -.1, .7, 1)],
    'S': [(.6, -.8, -.1, -1), (-.1, -1, -.6, -.5), (-.6, -.5, .6, .4), (.6, .4, .1, 1), (.1, 1, -.6, .8)],
    'T': [(-.8, -1, .8, -1), (0, -1, 0, 1)],
}


def picture(strokes, random):
    y, x = np.mgrid[:8, :8]
    slant, size = random.uniform(-.35, .35), random.uniform(2.2, 3.2, 2)
    moved, width = 3.5 + random.uniform(-.7, .7, 2), random.uniform(.55, .9)
    ink = np.zeros((8, 8))
    for x0, y0, x1, y1 in strokes:
        x0, y0, x1, y1 = (value + random.uniform(-.15, .15) for value in (x0, y0, x1, y1))
        a = moved + size * np.array([x0 - slant * y0, y0])
        b = moved + size * np.array([x1 - slant * y1, y1])
        along = np.clip(((x - a[0]) * (b - a)[0] + (y - a[1]) * (b - a)[1]) / ((b - a) @ (b - a)), 0, 1)
        away = np.hypot(x - a[0] - along * (b - a)[0], y - a[1] - along * (b - a)[1])
        ink = np.maximum(ink, np.clip(1.5 - away / width, 0, 1))
    return np.round(np.clip(ink + random.normal(0, .08, (8, 8)), 0, 1) * 16) / 16


def main():
    folder = pathlib.Path(__file__).resolve().parent
    random = np.random.default_rng(3)
    for name, count in (('train', 10), ('val', 40)):
        target = np.repeat(np.arange(len(LETTERS)), count)
        pictures = [picture(list(LETTERS.values())[t], random) for t in target]
        np.savez_compressed(folder / f'{name}.npz', input=np.array(pictures, np.float32)[:, None], target=target)


if __name__ == '__main__':
    main()
