"""Times predictions of a batch by Temper's C API against onnxruntime's CPU provider on the same file, in turns.

    python predict_vs_onnxruntime.py LIBTEMPER_C.so [--models NAME ...] [--int8 NAME ...] [--blocks 10] [--seconds 1] [--threads 2]
                                     [--json FILE --temper TEMPER_BINARY]

Models are those of peer_models.py in the exporter's default form; --int8 takes them quantized to QDQ (8-bit activations and
weights, per channel) by onnxruntime.quantization, calibrated on the batch. Blocks, what is dropped and the intervals are
vs_torch.py's; before timing, outputs must agree to 1e-3 of the largest (int8: 5e-2, where kernels round differently). Exits 1
where they do not. With --json the rows become a table of docs/performance.md (performance_page.py); the binary tells its version.
Needs torch, onnx, onnxscript, onnxruntime, numpy.
"""
import argparse
import pathlib
import statistics
import sys
import tempfile

import numpy as np

import results_file
from vs_torch import Side, alternate, ratio_with_interval

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'oracle'))
ALLOWED = {False: 1e-3, True: 5e-2}  # by whether it is int8


def quantize(folder, name):
    """Writes NAME.int8.onnx."""
    import onnx
    from onnxruntime import quantization
    batch = np.load(folder / f'{name}.npz')['input']

    class Calibration(quantization.CalibrationDataReader):
        left = [{'input': batch}]

        def get_next(self):
            return self.left.pop() if self.left else None
    whole = folder / f'{name}.whole.onnx'
    onnx.save(onnx.load(str(folder / f'{name}.onnx')), str(whole))  # one file: the quantizer copies no external data
    made = folder / f'{name}.int8.onnx'
    quantization.quantize_static(str(whole), str(made), Calibration(), per_channel=True)
    return made


def measure(name, int8, arguments, folder):
    """Prints one row and returns it as texts; None where the outputs differ."""
    import peer_models
    peer_models.export(name, folder)
    model = quantize(folder, name) if int8 else folder / f'{name}.onnx'
    label = f'{name}{" int8" if int8 else ""}'
    sides = []
    try:
        for library in (arguments.library, 'onnxruntime'):
            sides.append(Side(library, [sys.executable, HERE / 'predict_side.py', library, model, folder / f'{name}.npz', arguments.threads]))
        ours, theirs = (np.load(side.hello['outputs']) for side in sides)
        error = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        if error > ALLOWED[int8]:
            print(f'{label}: outputs differ by {error:.1e} of the largest', flush=True)
            return None
        mine, peer, dropped = alternate(*sides, arguments.blocks, arguments.seconds)
        median, low, high = ratio_with_interval(mine, peer, 'median_ms', statistics.median)
        least, least_low, least_high = ratio_with_interval(mine, peer, 'min_ms', min)
        print(f'{label:<20} median {statistics.median(m["median_ms"] for m in mine):8.3f} {statistics.median(t["median_ms"] for t in peer):8.3f} ms '
              f'ratio {median:5.2f} [{low:.2f}, {high:.2f}]  min {min(m["min_ms"] for m in mine):8.3f} {min(t["min_ms"] for t in peer):8.3f} ms '
              f'ratio {least:5.2f} [{least_low:.2f}, {least_high:.2f}]  first {sides[0].hello["first_ms"]:.0f} {sides[1].hello["first_ms"]:.0f} ms  '
              f'outputs {error:.1e}  dropped {dropped}', flush=True)
        return [label, f'{statistics.median(m["median_ms"] for m in mine):.3f}', f'{statistics.median(t["median_ms"] for t in peer):.3f}',
                f'{median:.2f} [{low:.2f}, {high:.2f}]' + (', slower' if median < 1 else ''), f'{least:.2f}' + (', slower' if least < 1 else ''),
                f'{sides[0].hello["first_ms"]:.0f} / {sides[1].hello["first_ms"]:.0f}', f'{error:.1e}']
    finally:
        for side in sides:
            side.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('library')
    parser.add_argument('--models', nargs='*', default=['tiny_mlp', 'mlp', 'cifar_cnn', 'resnet18'])
    parser.add_argument('--int8', nargs='*', default=[])
    parser.add_argument('--blocks', type=int, default=10)
    parser.add_argument('--seconds', type=float, default=1.0)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--json', help='the file of results to write')
    parser.add_argument('--temper', help='the command of the same build')
    arguments = parser.parse_args()
    if arguments.json and not arguments.temper:
        parser.error('--json needs --temper')
    print('columns: ours, then onnxruntime\'s; ratio = theirs / ours, with its 95 % interval')
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        rows = [measure(name, int8, arguments, folder) for int8, names in ((False, arguments.models), (True, arguments.int8)) for name in names]
    good = [row for row in rows if row]
    if arguments.json and good:
        about = (f'A batch at a time, {arguments.threads} threads, in turns; ratios are onnxruntime\'s time over Temper\'s '
                 '(`tools/bench/predict_vs_onnxruntime.py`).')
        columns = ['model', 'Temper, ms', 'onnxruntime, ms', 'ratio of medians', 'of minima', 'first, ms, Temper / onnxruntime', 'outputs differ by']
        results_file.save_table(arguments.json, 'Predictions beside onnxruntime', about, columns, good, arguments.temper)
    return 0 if len(good) == len(rows) else 1


if __name__ == '__main__':
    sys.exit(main())
