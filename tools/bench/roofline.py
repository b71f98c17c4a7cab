"""Where a training step's time goes, kernel by kernel, against what the processor can do at best.

    python roofline.py TEMPER_BINARY [--models NAME ...] [--precision f32|bf16] [--threads 2] [--steps 5] [--seconds 2] [--folder MODELS] [--json FILE]

The roofline is measured in the same run: the fastest large matrix product (operations a second) and the fastest pass over
tensors larger than the caches (bytes a second). A kernel's share of it is the least time that its operations and its bytes take
at these rates over the time it took. Operations are those of Conv, ConvTranspose, Gemm and MatMul, forward and in each gradient, from the
shapes of the model's values; of others, recurrent ones too, the bytes alone count. Bytes are each tensor once, so that what stays in the
caches can show more than the whole. Shown per model: the kernels that take the most time, and the whole step. Needs
what vs_torch.py needs, and onnxruntime.
"""
import argparse
import dataclasses
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

import results_file
import vs_torch  # puts ../oracle on the path
import peer_models

PRODUCTS = {'Conv', 'ConvTranspose', 'Gemm', 'MatMul'}
LARGE = 32 << 20  # bytes of a pass that no cache holds


def shapes_of(path, batch, names):
    """The shapes of these values where the model runs on the batch, once."""
    model = onnx.load(path)
    stored = {i.name: list(i.dims) for i in model.graph.initializer}
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in stored and name != model.graph.input[0].name)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=['CPUExecutionProvider'])
    inputs = {model.graph.input[0].name: np.load(batch)['input']}
    wanted = [output.name for output in model.graph.output]
    computed = {name: list(value.shape) for name, value in zip(wanted, session.run(wanted, inputs))}
    return stored | computed | {name: list(value.shape) for name, value in inputs.items()}


def operations(path, batch):
    """Multiplications and additions of each product node of a file, by the node's name."""
    products = [node for node in onnx.load(path, load_external_data=False).graph.node if node.op_type in PRODUCTS]
    if not products:
        return {}
    shapes, found = shapes_of(path, batch, sorted({name for node in products for name in (*node.input[:2], node.output[0])})), {}
    for node in products:
        x, w, y = (shapes[name] for name in (*node.input[:2], node.output[0]))
        if node.op_type == 'Conv':
            found[node.name] = 2 * np.prod(y) * np.prod(w[1:])
        elif node.op_type == 'ConvTranspose':
            found[node.name] = 2 * np.prod(x) * np.prod(w[1:])
        else:
            transposed = any(a.name == 'transA' and a.i for a in node.attribute)
            found[node.name] = 2 * np.prod(y) * x[-2 if transposed else -1]
    return found


def profile(options, path, words):
    command = [options.temper, 'bench', path, *words, '--threads', options.threads, '--seconds', options.seconds, '--profile', '--json',
               f'train.precision={options.precision}']
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr.strip())
    return json.loads(done.stdout)['profile']


def write_model(path, nodes, weights, inputs):
    graph = helper.make_graph(nodes, 'limit', [helper.make_tensor_value_info('x', TensorProto.FLOAT, inputs)],
                              [helper.make_tensor_value_info('y', TensorProto.FLOAT, None)],
                              [numpy_helper.from_array(value, name) for name, value in weights.items()])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=10), path)


def limits(options, folder):
    """(operations a second, bytes a second) at best."""
    size = 1024
    weights = {name: np.full((size, size), 0.01, np.float32) for name in ('v', 'w')}
    write_model(folder / 'product.onnx', [helper.make_node('MatMul', ['x', 'v'], ['h'], 'a'), helper.make_node('MatMul', ['h', 'w'], ['y'], 'b')],
                weights, ['batch', size])
    rows = profile(options, folder / 'product.onnx', ['--batch', size, '--loss', 'mse'])
    products = [row['ms'] for row in rows if row['op'] in ('MatMul', 'Gemm', 'LinearGradWeights')]
    write_model(folder / 'pass.onnx', [helper.make_node('Relu', ['x'], ['h'], 'c'), helper.make_node('MatMul', ['h', 'w'], ['y'], 'd')],
                {'w': np.ones((1 << 16, 4), np.float32)}, ['batch', 1 << 16])
    rows = profile(options, folder / 'pass.onnx', ['--batch', 256, '--loss', 'mse'])
    passes = [row['bytes'] / row['ms'] for row in rows if row['bytes'] >= LARGE]
    return 2 * size**3 / min(products) * 1e3, max(passes) * 1e3


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A step of the plan, by what it works on."""
    op: str
    family: str
    node: str  # where it comes from, in words
    nodes: frozenset  # the names of the nodes it computes
    ms: float
    least_ms: float  # of its operations and bytes at the roofline
    operations: float
    bytes: int


def kernels(path, batch, words, options, best):
    """The kernels of a model's training step."""
    flops, found = operations(path, batch), []
    for row in profile(options, path, words):
        nodes = frozenset(re.findall("'([^']*)'", row['node']))
        product = row['op'] in PRODUCTS or any(word in row['op'] for word in ('Conv', 'Linear', 'Attention'))
        work = sum(flops.get(node, 0) for node in nodes) if product else 0
        found.append(Kernel(row['op'], row['family'], row['node'], nodes, max(row['ms'], 1e-6),
                            max(work / best[0], row['bytes'] / best[1]) * 1e3, work, row['bytes']))
    return found


def lines_of(name, found, steps):
    whole, least = sum(kernel.ms for kernel in found), sum(kernel.least_ms for kernel in found)
    yield [name, f'whole step, {len(found)} kernels', f'{whole:.3f}', '100', '', '', f'{least / whole:.2f}']
    for kernel in sorted(found, key=lambda kernel: -kernel.ms)[:steps]:
        what = f'{kernel.op}: {kernel.node} ({kernel.family})'.replace('|', '/')
        yield [name, what, f'{kernel.ms:.3f}', f'{100 * kernel.ms / whole:.1f}', f'{kernel.operations / kernel.ms / 1e6:.0f}' if kernel.operations else '',
               f'{kernel.bytes / kernel.ms / 1e6:.1f}', f'{kernel.least_ms / kernel.ms:.2f}']


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--models', nargs='*', default=[*peer_models.CASES, *peer_models.BENCHMARKS])
    parser.add_argument('--precision', choices=vs_torch.GATES, default='f32')
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--steps', type=int, default=5, help='kernels shown of each model')
    parser.add_argument('--seconds', type=float, default=2)
    parser.add_argument('--folder', type=pathlib.Path, help='where the models are, or are written to')
    parser.add_argument('--json', help='the file of results to write')
    options = parser.parse_args()
    columns = ['model', 'kernel', 'ms', '% of the step', 'GFLOP/s', 'GB/s', 'share of the roofline']
    with tempfile.TemporaryDirectory() as name:
        folder, rows = pathlib.Path(name), []
        best = limits(options, folder)
        about = (f'Training in {options.precision}, {options.threads} threads; at best {best[0] / 1e9:.0f} GFLOP/s (a product of 1024 x 1024 x 1024) '
                 f'and {best[1] / 1e9:.1f} GB/s (passes over more than {LARGE >> 20} MiB), measured in the same run (`tools/bench/roofline.py`). '
                 'Tensors that stay in the caches can show more than the whole.')
        print(about)
        for model in options.models:
            place = options.folder or folder
            if not (place / f'{model}.raw.onnx').exists():
                peer_models.export(model, place, ('.raw',))
            path, batch, words = vs_torch.files_of(model, place)
            rows += list(lines_of(model, kernels(path, batch, ['--data', batch, *words], options, best), options.steps))
            for row in rows[-1 - options.steps:]:
                print('  '.join(row), flush=True)
    if options.json:
        results_file.save_table(options.json, f'Where the time goes, {options.precision}', about, columns, rows, options.temper)


if __name__ == '__main__':
    main()
