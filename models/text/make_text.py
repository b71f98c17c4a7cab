#!/usr/bin/env python3
"""Makes the text sample: a text as tokens, one per character, and an untrained network that guesses the next one.

Usage: python models/text/make_text.py      (needs torch 2.15, onnx, onnxscript, numpy)
Writes text.bin (u16, as nanoGPT's prepare.py writes it) and text.onnx beside this script and prints the characters,
whose places in the list are the tokens. The text is this repository's LICENSE, its runs of spaces made one.
"""
import pathlib
import re

import numpy as np
import onnx
import torch
from torch import nn

LENGTH = 32
CONTEXT = 8
WIDTH = 24
HIDDEN = 64


class Network(nn.Module):
    """tokens [N, 32] -> scores [N, 32, vocabulary]: each place sees itself and the 7 tokens before it."""

    def __init__(self, vocabulary):
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, WIDTH)
        self.mix = nn.Conv1d(WIDTH, HIDDEN, CONTEXT)
        self.head = nn.Linear(HIDDEN, vocabulary)

    def forward(self, tokens):
        h = self.embedding(tokens).transpose(1, 2)
        h = torch.relu(self.mix(nn.functional.pad(h, (CONTEXT - 1, 0))))
        return self.head(h.transpose(1, 2))


def read_text():
    text = (pathlib.Path(__file__).resolve().parents[2] / "LICENSE").read_text()
    return re.sub(r" +", " ", re.sub(r"\n+", "\n", text)).strip() + "\n"


def make_network(vocabulary):
    torch.manual_seed(0)
    return Network(vocabulary)


def main():
    folder = pathlib.Path(__file__).resolve().parent
    text = read_text()
    characters = sorted(set(text))
    np.array([characters.index(c) for c in text], dtype="<u2").tofile(folder / "text.bin")
    example = torch.zeros(2, LENGTH, dtype=torch.int64)
    program = torch.onnx.export(make_network(len(characters)).eval(), (example,), input_names=["tokens"],
                                output_names=["scores"], dynamo=True, verbose=False,
                                dynamic_shapes=({0: torch.export.Dim("batch")},))
    onnx.save(onnx.load_from_string(program.model_proto.SerializeToString()), folder / "text.onnx")
    print(len(text), "tokens,", len(characters), "characters:", repr("".join(characters)))


if __name__ == "__main__":
    main()
