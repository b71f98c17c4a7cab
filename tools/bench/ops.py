"""Times single ops, forward and gradient, against PyTorch's and against the roofline.

    python ops.py TEMPER_BINARY [--ops NAME ...] [--threads 2] [--seconds 0.3] [--json FILE]

Each op of op_models.py is a model of its own: op(w) + x, where w, the op's input, is a parameter, so that every gradient is computed.
Temper's time is that of the plan's steps that compute the op or a part of its gradient (`temper bench --profile`); where the plan
joins the op with its neighbours it is that of all together. PyTorch's is the op's forward and autograd.grad by its input and
parameters, the faster of contiguous and channels_last. Both are medians of one run each, one after the other: a ratio shows
where to look, not a promise. The roofline is measured in the same run (roofline.py). Needs torch, onnx, onnxscript, onnxruntime, numpy.
"""
import argparse
import pathlib
import statistics
import tempfile
import time

import numpy as np
import onnx
import torch

import op_models
import results_file
import roofline


def export(name, folder):
    """Writes NAME.onnx, and NAME.npz with `input` and `target`."""
    torch.manual_seed(0)
    model = op_models.Under(*op_models.OPS[name]()).eval()
    with torch.no_grad():
        x = torch.randn_like(model(torch.zeros(())))
    torch.onnx.export(model, (x,), str(folder / f'{name}.onnx'), input_names=['input'], output_names=['output'], verbose=False, optimize=False,
                      dynamic_shapes=({0: torch.export.Dim('batch')},))
    np.savez(folder / f'{name}.npz', input=x.numpy(), target=torch.randn_like(x).numpy())
    return model.train()  # as Temper trains it: norms by the batch


def time_torch(model, seconds):
    """Median milliseconds of forward and gradient; the faster layout."""
    found = []
    for layout in (torch.contiguous_format, torch.channels_last) if model.w.dim() == 4 else (torch.contiguous_format,):
        module = model.op.to(memory_format=layout) if model.w.dim() == 4 else model.op
        w = model.w.detach().clone(memory_format=layout).requires_grad_()
        wanted = [w, *(p for p in module.parameters() if p.requires_grad)]
        given = torch.randn_like(op_models.first(module(w)))
        times, end = [], time.perf_counter() + seconds
        while len(times) < 5 or time.perf_counter() < end:
            began = time.perf_counter()
            torch.autograd.grad(op_models.first(module(w)), wanted, given)
            times.append((time.perf_counter() - began) * 1e3)
        found.append(statistics.median(times[2:]))
    return min(found)


def measure(name, options, folder, best):
    """The row of one op."""
    model = export(name, folder)
    path, batch = folder / f'{name}.onnx', folder / f'{name}.npz'
    kernels = roofline.kernels(path, batch, ['--data', batch, '--loss', 'mse', '--optimizer', 'sgd', '--lr', '1e-4'], options, best)
    added = {node.name for node in onnx.load(path).graph.node[-2:]}
    own = [kernel for kernel in kernels if kernel.nodes - added]
    spent, work, moved = (sum(getattr(kernel, part) for kernel in own) for part in ('ms', 'operations', 'bytes'))
    least = sum(kernel.least_ms for kernel in own)
    peer = time_torch(model, options.seconds)
    families = sorted({kernel.family for kernel in own})
    return [name, f'{spent:.3f}', f'{peer:.3f}', f'{peer / spent:.2f}' + (', slower' if peer < spent else ''),
            f'{work / spent / 1e6:.0f}' if work else '', f'{moved / spent / 1e6:.1f}', f'{least / spent:.2f}', ', '.join(families)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--ops', nargs='*', default=list(op_models.OPS))
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--seconds', type=float, default=0.3)
    parser.add_argument('--json', help='the file of results to write')
    options = parser.parse_args()
    options.precision = 'f32'
    torch.set_num_threads(options.threads)
    columns = ['op', 'Temper, ms', 'PyTorch, ms', 'ratio', 'GFLOP/s', 'GB/s', 'share of the roofline', 'kernels']
    with tempfile.TemporaryDirectory() as name:
        folder, rows = pathlib.Path(name), []
        best = roofline.limits(options, folder)
        for op in options.ops:
            rows.append(measure(op, options, folder, best))
            print('  '.join(rows[-1]), flush=True)
    if options.json:
        about = (f'Forward and gradient by input and parameters, f32, {options.threads} threads, sizes in `tools/bench/op_models.py`; '
                 f'one run of each side, PyTorch eager in its faster layout, so a ratio shows where to look. At best {best[0] / 1e9:.0f} GFLOP/s and {best[1] / 1e9:.1f} GB/s (`tools/bench/ops.py`).')
        results_file.save_table(options.json, 'Single ops', about, columns, rows, options.temper)


if __name__ == '__main__':
    main()
