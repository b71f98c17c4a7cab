#!/usr/bin/env python3
"""Prints what torchvision's MixUp and CutMix arithmetic gives for a small batch, for tests/training/data/mixed_dataset_test.cpp.

Usage: python tools/oracle/mixing.py      (needs torch 2.15 and torchvision)
"""
import torch
import torchvision.transforms.v2 as v2


def main():
    images = torch.arange(3 * 1 * 2 * 4, dtype=torch.float32).reshape(3, 1, 2, 4)
    labels = torch.tensor([0, 2, 1])

    class Fixed(v2.MixUp):
        def make_params(self, flat_inputs):
            return dict(lam=0.75)

    class FixedCut(v2.CutMix):
        def make_params(self, flat_inputs):
            # The rectangle x 1..3, y 0..1 of a 2 x 4 image.
            return dict(box=(1, 0, 3, 1), lam_adjusted=1.0 - 2 / 8)

    for name, mix in (("mixup", Fixed(num_classes=3)), ("cutmix", FixedCut(num_classes=3))):
        x, y = mix(images, labels)
        print(name, x.flatten().tolist(), y.flatten().tolist())


main()
