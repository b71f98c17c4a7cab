"""Small networks of PyTorch, exported, optimised by onnxruntime into ops of com.microsoft, and read by `temper`.

    python fused_models.py TEMPER_BINARY

Per network and level of the optimizer: which ops it wrote, outputs of `temper predict` against onnxruntime (1e-5 of the
largest), and gradients of `temper grad` against those of the file before (1e-5, relative, by norm), tensor by tensor where
both have it. Needs torch, onnx, onnxscript, onnxruntime, numpy.
"""
import argparse
import collections
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
import onnxruntime
import torch
import torch.nn as nn
import torch.nn.functional as F


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x, mask=None):
        b, t, d = x.shape
        q, k, v = (f(x).view(b, t, self.heads, d // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        scores = q @ k.transpose(-1, -2) / (d // self.heads) ** .5
        if mask is not None:
            scores = scores + (1. - mask[:, None, None, :].to(x.dtype)) * -10000.
        return self.out((torch.softmax(scores, -1) @ v).transpose(1, 2).reshape(b, t, d))


class Bert(nn.Module):
    """The shape of BERT, as onnxruntime's patterns know it."""

    def __init__(self, width=16, heads=2, vocabulary=24, gelu='none'):
        super().__init__()
        self.words, self.places, self.kinds = nn.Embedding(vocabulary, width), nn.Embedding(12, width), nn.Embedding(2, width)
        self.norm = nn.LayerNorm(width)
        self.attention, self.norm1, self.norm2 = Attention(width, heads), nn.LayerNorm(width), nn.LayerNorm(width)
        self.fc1, self.fc2, self.gelu = nn.Linear(width, 2 * width), nn.Linear(2 * width, width), gelu

    def forward(self, ids, kinds, mask):
        places = torch.arange(ids.shape[1]).unsqueeze(0).expand(ids.shape)
        x = self.norm(self.words(ids) + self.places(places) + self.kinds(kinds))
        x = self.norm1(self.attention(x, mask) + x)
        return self.norm2(self.fc2(F.gelu(self.fc1(x), approximate=self.gelu)) + x)


class RmsBlock(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.weight, self.fc1, self.fc2 = nn.Parameter(torch.ones(width)), nn.Linear(width, 24), nn.Linear(24, width)

    def forward(self, x):
        h = self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))
        h = self.fc1(h)
        return x + self.fc2(h * torch.sigmoid(1.702 * h))


class Products(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.a, self.b = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x):
        y = torch.matmul(self.a(x), self.b(x).transpose(-1, -2)) * .25
        return torch.matmul(y, x)


def convolutions():
    return nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.LeakyReLU(.1),
                         nn.Conv2d(8, 4, 1), nn.Sigmoid(), nn.Flatten(), nn.Linear(36, 8), nn.ReLU(), nn.Linear(8, 4))


def ids(batch, length, high, seed):
    return torch.randint(0, high, (batch, length), generator=torch.Generator().manual_seed(seed))


def text():
    mask = torch.ones(3, 7, dtype=torch.int64)
    mask[1, 4:] = 0
    return {'ids': ids(3, 7, 24, 1), 'kinds': ids(3, 7, 2, 2), 'mask': mask}


def floats(*shape):
    return lambda: {'x': torch.randn(*shape, generator=torch.Generator().manual_seed(1))}


CASES = {
    'bert': (Bert, text),
    'bert_tanh': (lambda: Bert(gelu='tanh'), text),
    'rms': (RmsBlock, floats(3, 5, 16)),
    'products': (Products, floats(3, 5, 8)),
    'convolutions': (convolutions, floats(3, 3, 8, 8)),
}
LEVELS = {'extended': onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED}


def optimise(source, path, level):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = LEVELS[level]
    options.optimized_model_filepath = str(path)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(source), options, providers=['CPUExecutionProvider'])


def run(binary, *arguments):
    result = subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise RuntimeError(f'temper {arguments[0]}: exit {result.returncode}: {result.stderr.strip()[-900:]}')
    return result.stdout


def arrays(path):
    with np.load(path) as found:
        return dict(found)


def perturbed(module):
    """No two parameters are equal."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(.05 * torch.randn_like(parameter))
    return module.eval()


def export(module, inputs, path, legacy):
    """By the exporter of torch.export, or the one before it at opset 14."""
    batch = torch.export.Dim('batch')
    options = {'external_data': False, 'dynamic_shapes': dict.fromkeys(inputs, {0: batch})}
    if isinstance(module, nn.Sequential):
        options['dynamic_shapes'] = ({0: batch},)
    if legacy:
        options = {'dynamo': False, 'opset_version': 14, 'dynamic_axes': {k: {0: 'batch'} for k in inputs}}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        torch.onnx.export(module, tuple(inputs.values()), str(path), input_names=list(inputs), output_names=['y'], verbose=False,
                          **options)


def compare(binary, name, folder, legacy):
    make, inputs = CASES[name]
    torch.manual_seed(0)
    module, inputs = perturbed(make()), inputs()
    source = folder / f'{name}.onnx'
    export(module, inputs, source, legacy)
    fused = folder / f'{name}.fused.onnx'
    optimise(source, fused, 'extended')
    model = onnx.load(str(fused))
    ops = collections.Counter(f'{n.domain}::{n.op_type}' for n in model.graph.node if n.domain or 'Simplified' in n.op_type)
    y = onnxruntime.InferenceSession(str(source)).run(['y'], {k: v.numpy() for k, v in inputs.items()})[0]
    target = np.random.default_rng(7).standard_normal(y.shape).astype(np.float32)
    batch = folder / f'{name}.npz'
    np.savez(batch, target=target, **{k: v.numpy() for k, v in inputs.items()})
    print(f'{name}: {dict(ops)}')
    run(binary, 'predict', fused, '--data', batch, '--out', folder / 'y.npz')
    ours = arrays(folder / 'y.npz')['y']
    error = np.abs(ours - y).max() / np.abs(y).max()
    bad = not error <= 1e-5
    print(f'  outputs {error:.2e}{"  FAIL" if bad else ""}')
    grads = {}
    for which in (source, fused):
        out = folder / f'{which.stem}.grads.npz'
        run(binary, 'grad', which, '--data', batch, '--loss', 'mse', '--out', out)
        grads[which] = arrays(out)
    before, after = grads[source], grads[fused]
    shared = [k for k in before if k in after and before[k].shape == after[k].shape]
    errors = {k: np.linalg.norm(after[k] - before[k]) / max(np.linalg.norm(before[k]), 1e-6) for k in shared}
    worst = max(errors, key=errors.get)
    total = {w: np.sqrt(sum(np.square(g).sum() for k, g in grads[w].items() if k != 'loss')) for w in grads}
    print(f'  gradients of {len(shared) - 1} tensors {errors[worst]:.2e} ({worst}); before only {sorted(set(before) - set(after))}, after only '
          f'{sorted(set(after) - set(before))}; norms {total[source]:.6f} {total[fused]:.6f}')
    return bad or errors[worst] > 1e-4


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--models', nargs='*', default=list(CASES))
    parser.add_argument('--folder', type=pathlib.Path)
    arguments = parser.parse_args()
    failures = 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or pathlib.Path(temporary)
        for name in arguments.models:
            for legacy in (True, False):
                try:
                    failures += compare(str(pathlib.Path(arguments.temper).resolve()), name, folder, legacy)
                except Exception as error:
                    failures += 1
                    print(f'  FAIL {name}: {type(error).__name__}: {str(error)[-900:]}')
    return 1 if failures else 0


if __name__ == '__main__':
    sys.exit(main())
