"""The memory a training run of a large model takes, against its size and against what --dry-run says.

    python memory_peak.py TEMPER_BINARY [--gib 1] [--inside] [--folder DIR] [--keep]

Writes a chain of Linear layers of 4096 x 4096 (64 MiB each; --inside: in the .onnx file, else beside it), trains it for 4 steps
with AdamW, f32, batch 1, with evaluations, exports and checkpoints, stops it with `train.steps`, resumes it for 2 more, exports
the newest checkpoint, and prints VmHWM of each as a multiple of the weights. Needs numpy, onnx, and 8 times the size on disk.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import tempfile
import threading
import time

import numpy as np
import onnx
from onnx import TensorProto, helper

WIDE, CLASSES = 4096, 8
MIB = 1 << 20


def write_model(path, layers, inside):
    random = np.random.default_rng(0)
    weights, nodes, value = [], [], 'x'
    data = None if inside else open(f'{path}.data', 'wb')
    for layer in range(layers + 1):
        last = layer == layers
        shape = (CLASSES if last else WIDE, WIDE)
        values = random.standard_normal(shape, dtype=np.float32) * np.float32((2 / WIDE) ** 0.5)
        tensor = TensorProto(name=f'layers.{layer}.weight', data_type=TensorProto.FLOAT, dims=shape)
        if inside:
            tensor.raw_data = values.tobytes()
        else:
            place = {'location': f'{path.name}.data', 'offset': str(data.tell()), 'length': str(values.nbytes)}
            tensor.data_location = TensorProto.EXTERNAL
            tensor.external_data.extend(onnx.StringStringEntryProto(key=k, value=v) for k, v in place.items())
            data.write(values.tobytes())
        weights.append(tensor)
        nodes.append(helper.make_node('Gemm', [value, tensor.name], ['y' if last else f'h{layer}'], transB=1))
        if not last:
            nodes.append(helper.make_node('Relu', [f'h{layer}'], [f'r{layer}']))
        value = f'r{layer}'
    graph = helper.make_graph(nodes, 'chain', [helper.make_tensor_value_info('x', TensorProto.FLOAT, ['batch', WIDE])],
                              [helper.make_tensor_value_info('y', TensorProto.FLOAT, ['batch', CLASSES])], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', 20)], ir_version=10)
    path.write_bytes(model.SerializeToString())
    return 4 * (layers * WIDE * WIDE + CLASSES * WIDE)


def peak_of(command):
    """The most resident bytes of a command, and what it printed."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    most, status = 0, pathlib.Path(f'/proc/{process.pid}/status')
    output = []
    reader = threading.Thread(target=lambda: output.append(process.stdout.read()))
    reader.start()
    while process.poll() is None:
        try:
            most = max([most] + [int(line.split()[1]) * 1024 for line in status.read_text().splitlines() if line.startswith('VmHWM')])
        except (OSError, ValueError):
            pass
        time.sleep(0.005)
    reader.join()
    assert process.returncode == 0, f'{command} ended with {process.returncode}'
    return most, output[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--gib', type=float, default=1)
    parser.add_argument('--inside', action='store_true')
    parser.add_argument('--folder')
    parser.add_argument('--keep', action='store_true')
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='temper-memory-', dir=options.folder))
    try:
        weights = write_model(folder / 'chain.onnx', max(1, round(options.gib * 16)), options.inside)
        random = np.random.default_rng(1)
        np.savez(folder / 'train.npz', x=random.standard_normal((32, WIDE), dtype=np.float32), target=np.arange(32) % CLASSES)
        recipe = [str(folder / 'chain.onnx'), str(folder / 'train.npz'), 'data.batch_size=1', 'data.val_split=0.25',
                  'optimizer.name=adamw', 'optimizer.lr=1e-5', 'train.eval_every=2', 'checkpoint.every=2', 'checkpoint.keep=1',
                  f'train.out={folder}/run', '--quiet']
        train = [options.temper, 'train', *recipe]
        _, said = peak_of([*train, 'train.steps=4', '--dry-run', '--json'])
        said = json.loads(said)
        plan, peaks = said['memory_bytes'], said['peak_bytes']
        print(f'weights {weights / MIB:.0f} MiB, {"inside the file" if options.inside else "beside the file"}; planned '
              f'{plan["total"] / weights:.3f} of them, program {peaks["program"] / MIB:.0f} MiB')
        most = max(peaks.values())
        for name, command in [('train', [*train, 'train.steps=4']), ('resume', [*train, 'train.steps=6', '--resume']),
                              ('export', [options.temper, 'export', f'{folder}/run', f'{folder}/out.onnx'])]:
            peak, _ = peak_of(command)
            print(f'{name:8} VmHWM {peak / MIB:8.0f} MiB  {peak / weights:.3f} of the weights'
                  + (f'  {peak / most - 1:+.1%} against --dry-run' if name != 'export' else ''))
    finally:
        if not options.keep:
            shutil.rmtree(folder)


if __name__ == '__main__':
    main()
