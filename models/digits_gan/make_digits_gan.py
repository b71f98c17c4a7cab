#!/usr/bin/env python3
"""Writes generator.onnx and discriminator.onnx: small untrained networks for 8 x 8 digits, told which digit to draw.

Usage: python models/digits_gan/make_digits_gan.py      (needs torch 2.15, onnx and onnxscript)
The data are models/digits/digits.npz: `input` [N, 1, 8, 8] from 0 to 1, `target` [N] the digit. Both models take
`target`, so each learns what a digit of that class looks like.
"""
import pathlib

import onnx
import torch
from torch import nn

LATENT = 32
CLASSES = 10


class Generator(nn.Module):
    """noise [N, 32], target [N] -> input [N, 1, 8, 8]"""

    def __init__(self):
        super().__init__()
        self.classes = nn.Embedding(CLASSES, LATENT)
        self.start = nn.Linear(2 * LATENT, 64 * 2 * 2)
        self.up1 = nn.ConvTranspose2d(64, 32, 4, stride=2, padding=1)
        self.up2 = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.out = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, noise, target):
        h = self.start(torch.cat([noise, self.classes(target)], 1)).reshape(-1, 64, 2, 2)
        h = torch.relu(h)
        h = torch.relu(self.up1(h))
        h = torch.relu(self.up2(h))
        return torch.sigmoid(self.out(h))


class Discriminator(nn.Module):
    """input [N, 1, 8, 8], target [N] -> score [N, 1]"""

    def __init__(self):
        super().__init__()
        self.classes = nn.Embedding(CLASSES, 64)
        self.conv1 = nn.Conv2d(2, 16, 3, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 4, stride=2, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 4, stride=2, padding=1)
        self.score = nn.Linear(64 * 2 * 2, 1)

    def forward(self, input, target):
        h = torch.cat([input, self.classes(target).reshape(-1, 1, 8, 8)], 1)
        for conv in (self.conv1, self.conv2, self.conv3):
            h = nn.functional.leaky_relu(conv(h), 0.2)
        return self.score(h.flatten(1))


def write(model, inputs, names, output, path):
    batch = torch.export.Dim("batch")
    model.eval()
    program = torch.onnx.export(model, inputs, input_names=names, output_names=[output], dynamo=True, optimize=False,
                                dynamic_shapes=tuple({0: batch} for _ in inputs), verbose=False)
    onnx.save(onnx.load_from_string(program.model_proto.SerializeToString()), path)


def main():
    folder = pathlib.Path(__file__).resolve().parent
    torch.manual_seed(0)
    target = torch.zeros(4, dtype=torch.int64)
    write(Generator(), (torch.zeros(4, LATENT), target), ["noise", "target"], "input", folder / "generator.onnx")
    write(Discriminator(), (torch.zeros(4, 1, 8, 8), target), ["input", "target"], "score", folder / "discriminator.onnx")


main()
