#!/usr/bin/env python3
"""Writes recurrent models whose states go on from batch to batch, and what PyTorch 2.15 makes of them: truncated
backpropagation through time, as in pytorch/examples/word_language_model.

tests/training/fixtures/carried/NAME.onnx: exported by PyTorch; NAME.npz or text.npy: data; NAME_expected.npz: the loss of
each of the steps by SGD, and what the model gives for the whole sequences.

Usage: python tools/oracle/carried_states.py      (needs torch 2.15, onnx and onnxscript)
"""
import pathlib

import numpy as np
import torch
import torch.nn.functional as F

import layouts

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "tests/training/fixtures/carried"
layouts.FOLDER = FOLDER
TOKENS, WIDTH, BLOCK, STREAMS, STEPS, RATE = 11, 4, 5, 3, 20, 0.5


class Language(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(TOKENS, WIDTH)
        self.lstm = torch.nn.LSTM(WIDTH, WIDTH, 2, batch_first=True)
        self.head = torch.nn.Linear(WIDTH, TOKENS)

    def forward(self, tokens, h0, c0):
        y, (hn, cn) = self.lstm(self.embedding(tokens), (h0, c0))
        return self.head(y), hn, cn


class Series(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.gru = torch.nn.GRU(2, 3)
        self.head = torch.nn.Linear(3, 1)

    def forward(self, x, h0):
        y, hn = self.gru(x, h0)
        return self.head(y), hn


def language(dtype, name, text, accumulate=1):
    """Every stream is a part of the text; the states are zeros where an epoch begins."""
    model = layouts.fresh(Language).to(dtype)
    if accumulate == 1:
        batch = torch.export.Dim("batch", min=2, max=4096)
        zero = torch.zeros(2, 2, WIDTH, dtype=dtype)
        layouts.export(name, model, (torch.zeros(2, BLOCK, dtype=torch.int64), zero, zero.clone()),
                       ["tokens", "h0", "c0"], ["scores", "hn", "cn"], ({0: batch}, {1: batch}, {1: batch}))
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    windows = (len(text) - 1) // BLOCK
    length = windows // STREAMS
    assert length % accumulate == 0
    losses, waiting = [], []
    while len(losses) < STEPS:
        state = (torch.zeros(2, STREAMS, WIDTH, dtype=dtype),) * 2
        for k in range(length):
            begins = [(r * length + k) * BLOCK for r in range(STREAMS)]
            x = torch.stack([text[b:b + BLOCK] for b in begins])
            y = torch.stack([text[b + 1:b + 1 + BLOCK] for b in begins])
            scores, *state = model(x, *state)
            state = [s.detach() for s in state]
            loss = F.cross_entropy(scores.reshape(-1, TOKENS), y.reshape(-1))
            (loss / accumulate).backward()
            waiting.append(loss.item())
            if len(waiting) == accumulate:
                losses.append(np.mean(waiting))
                waiting = []
                optimizer.step()
                optimizer.zero_grad()
    with torch.no_grad():  # the whole text at once
        zero = torch.zeros(2, 1, WIDTH, dtype=dtype)
        scores, _, _ = model(text[None, :windows * BLOCK], zero, zero)
        loss = F.cross_entropy(scores[0], text[1:windows * BLOCK + 1])
    return {"losses": np.array(losses[:STEPS]), "loss_after": np.array([loss.item()]),
            "steps_per_epoch": np.array([length // accumulate])}, len(losses)


def series():
    """Three recordings of 4, 2 and 5 windows in two streams of 5; what is left over is left out."""
    model = layouts.fresh(Series)
    lengths, steps = [4, 2, 5], 3
    rows = sum(lengths)
    x, target = layouts.draw(1, rows, steps, 2), layouts.draw(2, rows, steps, 1)
    ids = np.repeat([7, 3, 9], lengths)
    batch = torch.export.Dim("batch", min=2, max=4096)
    layouts.export("series", model, (x[:2].transpose(0, 1), torch.zeros(1, 2, 3, dtype=torch.float64)), ["x", "h0"],
                   ["y", "hn"], ({1: batch}, {1: batch}))
    first = torch.full((1, 3), 0.25, dtype=torch.float64)
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    losses = []
    while len(losses) < STEPS:
        state = None
        for k in range(5):
            at = [k, 5 + k]
            before = [first if k == 0 or ids[r] != ids[r - 1] else state[:, i] for i, r in enumerate(at)]
            y, state = model(x[at].transpose(0, 1), torch.stack(before, 1))
            state = state.detach()
            loss = F.mse_loss(y.transpose(0, 1), target[at])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    with torch.no_grad():
        whole = [model(part.reshape(-1, 1, 2), first[:, None])[0].reshape(-1, steps, 1)
                 for part in torch.split(x, lengths)]
    np.savez(FOLDER / "series.npz", x=x.numpy(), target=target.numpy(), recording=ids)
    np.savez(FOLDER / "series_expected.npz", losses=np.array(losses[:STEPS]), y=torch.cat(whole).numpy(),
             loss_after=np.array([F.mse_loss(torch.cat(whole), target).item()]))


def main():
    FOLDER.mkdir(parents=True, exist_ok=True)
    text = torch.randint(0, TOKENS, (STREAMS * 4 * BLOCK + BLOCK + 3,), generator=torch.Generator().manual_seed(3))
    np.save(FOLDER / "text.npy", text.numpy().astype(np.uint16))
    made, count = language(torch.float64, "language", text)
    assert count == STEPS
    narrow, _ = language(torch.float32, "language_f32", text)
    groups, _ = language(torch.float64, "language", text, accumulate=2)
    np.savez(FOLDER / "language_expected.npz", **made, losses_f32=narrow["losses"], losses_of_two=groups["losses"],
             loss_after_of_two=groups["loss_after"])
    series()


if __name__ == "__main__":
    main()
