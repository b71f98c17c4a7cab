"""Writes tests/models/expected/networks: small exported networks, one batch of each, and PyTorch's gradients in double.

NAME.onnx with its weights, NAME.npz (inputs and target of mse), NAME.gradients.npz (the loss and one array per tensor that
trains, by its name in the file). `places` is one network with each kind of parameter that only its surroundings tell from a
constant, exported in double in three forms; the others are files that onnxruntime optimised into ops of com.microsoft.
Needs torch, onnx, onnxscript, onnxruntime, numpy.
"""
import pathlib
import tempfile

import numpy as np
import onnx
import torch
import torch.nn as nn
import torch.nn.functional as F

import fused_models
import zoo_equality
import zoo_models

OUT = pathlib.Path(__file__).resolve().parents[2] / 'tests/models/expected/networks'


class Places(nn.Module):
    """A class token, a table of positions, one of sines, a table of relative positions, a temperature per head, a branch
    scale, a weight-normed convolution, a mask, a norm written out, a tanh GELU written out, a bound, a learned temperature."""

    def __init__(self, width=8, heads=2, side=2):
        super().__init__()
        tokens = side * side + 1
        self.heads = heads
        self.patch = nn.utils.parametrizations.weight_norm(nn.Conv2d(2, width, 2, 2))
        self.token, self.position = nn.Parameter(torch.randn(1, 1, width)), nn.Parameter(torch.randn(1, tokens, width))
        angles = torch.arange(tokens)[:, None] / 10 ** (torch.arange(width // 2)[None] / 4)
        self.register_buffer('sines', torch.stack([angles.sin(), angles.cos()], -1).flatten(1))
        self.qkv = nn.Linear(width, 3 * width)
        self.head_scale = nn.Parameter(torch.tensor([.3, -.2])[:, None, None])
        self.table = nn.Parameter(torch.randn(2 * tokens - 1, heads))
        self.register_buffer('index', torch.arange(tokens)[:, None] - torch.arange(tokens)[None] + tokens - 1)
        self.register_buffer('mask', torch.triu(torch.full((tokens, tokens), -1e9), 3))
        self.scale, self.shift = nn.Parameter(torch.rand(width) + .5), nn.Parameter(torch.randn(width))
        self.gamma, self.fc = nn.Parameter(torch.rand(width)), nn.Linear(width, width)
        self.out, self.temperature = nn.Linear(width, 3), nn.Parameter(torch.tensor(.7))

    def norm(self, x):
        centred = x - x.mean(-1, keepdim=True)
        return centred / ((centred ** 2).mean(-1, keepdim=True) + 2. ** -16).sqrt() * self.scale + self.shift

    def attention(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        q, k = F.normalize(q, dim=-1), F.normalize(k, dim=-1)
        scores = q @ k.transpose(-1, -2) * self.head_scale.clamp(max=2.).exp()
        scores = scores + self.table[self.index].permute(2, 0, 1)[None] + self.mask
        return (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d)

    def gelu(self, x):  # with numbers that the exporter, which writes them as float32, keeps
        return .5 * x * (1. + torch.tanh(.796875 * (x + .044921875 * x ** 3)))

    def forward(self, x):
        h = self.patch(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.token.expand(h.shape[0], -1, -1), h], 1) + self.position + self.sines
        h = h + self.attention(self.norm(h))
        h = h + self.fc(self.gelu(h)) * self.gamma
        return self.out(h.mean(1)) * self.temperature.clamp(max=4.).exp()


def save(name, module, inputs, path, shape, form):
    """The batch and the gradients by the file's names."""
    target = torch.randn(shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    module = module.double().train(form == 'raw')
    wide = {k: v.double() if v.is_floating_point() else v for k, v in inputs.items()}
    loss, grads = zoo_equality.gradients(module, wide, target)
    values = {k: p.detach().numpy() for k, p in module.named_parameters()}
    found = {'loss': np.float64(loss)}
    missing = set(grads)
    for tensor, value in zoo_equality.initializers(path).items():
        hit = zoo_equality.match(tensor, value.astype(np.float64), values)
        if hit is None or not np.array_equal(np.sort(values[hit[0]].ravel()), np.sort(value.astype(np.float64).ravel())):
            continue  # made by folding
        key = hit[0]
        missing.discard(key)
        expected = grads[key]
        found[tensor] = expected.T if value.ndim == 2 and value.shape != expected.shape or (
            value.ndim == 2 and not np.array_equal(value, values[key])) else expected.reshape(value.shape)
    kind = np.float64 if form else np.float32
    np.savez(OUT / f'{name}.npz', target=target.numpy().astype(kind),
             **{k: v.numpy().astype(kind) if v.is_floating_point() else v.numpy() for k, v in inputs.items()})
    np.savez(OUT / f'{name}.gradients.npz', **found)
    print(name, path.stat().st_size, 'bytes,', len(found) - 1, 'tensors; elsewhere:', sorted(missing))


def places():
    for form in zoo_equality.FORMS:
        torch.manual_seed(0)
        module = zoo_models.OneOutput(Places().double(), ['x'], None)
        inputs = {'x': torch.randn(3, 2, 4, 4, generator=torch.Generator().manual_seed(1), dtype=torch.float64)}
        path = OUT / f'places_{form}.onnx'
        with tempfile.TemporaryDirectory() as folder:
            made = pathlib.Path(folder) / 'm.onnx'
            zoo_equality.export(module, inputs, made, form)
            model = onnx.load(str(made))
        for node in model.graph.node:
            del node.metadata_props[:]
        for value in (*model.graph.value_info, *model.graph.input, *model.graph.output, *model.graph.initializer):
            del value.metadata_props[:]
        path.write_bytes(model.SerializeToString())
        save(f'places_{form}', module, inputs, path, (3, 3), form)


def fused():
    for name, (make, inputs) in fused_models.CASES.items():
        torch.manual_seed(0)
        module, given = fused_models.perturbed(make()), inputs()
        path = OUT / f'fused_{name}.onnx'
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder) / 'm.onnx'
            fused_models.export(module, given, source, legacy=name in ('rms', 'convolutions'))
            fused_models.optimise(source, path, 'extended')
        with torch.no_grad():
            shape = module(*given.values()).shape
        save(f'fused_{name}', module, given, path, shape, '')


if __name__ == '__main__':
    OUT.mkdir(parents=True, exist_ok=True)
    places()
    fused()
