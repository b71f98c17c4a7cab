"""Times predictions of a batch by Temper's C API against onnxruntime's CPU provider on the same file, in turns.

    python predict_vs_onnxruntime.py LIBTEMPER_C.so TEMPER_BINARY [--models NAME ...] [--forms f32 fp16 static dynamic ort] [--rows 0 1]
                                     [--blocks 10] [--seconds 1] [--threads 2] [--json FILE] [--keep FOLDER]

Models are those of peer_models.py in the exporter's default form. Forms: f32 the file itself; fp16, static and dynamic what
`temper convert --precision fp16`, `--int8 static` (calibrated on the batch) and `--int8 dynamic` make of it; ort QDQ by
onnxruntime.quantization.quantize_static as it comes, per channel. Rows: of the batch; 0 is all of it. Blocks, what is dropped
and the intervals are vs_torch.py's. Before timing, outputs must agree to 1e-3 of the largest (8 bits: 5e-2, as a number
between two steps may go to either, and what follows with it). Of files of integers the last QuantizeLinear's own numbers are
compared too: how many are equal, and by how many steps the others differ at most. Exits 1 where outputs do not agree. With --json
the rows become a table of docs/performance.md (performance_page.py). --keep: where models are made and found again.
Needs torch, onnx, onnxscript, onnxruntime, numpy.
"""
import argparse
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np

import results_file
from vs_torch import Side, alternate, ratio_with_interval

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'oracle'))
import peer_models  # noqa: E402

FORMS = ('f32', 'fp16', 'static', 'dynamic', 'ort')
ALLOWED = {'f32': 1e-3, 'fp16': 1e-2}  # else 5e-2
OPTIONS = {'fp16': ['--precision', 'fp16'], 'static': ['--int8', 'static'], 'dynamic': ['--int8', 'dynamic']}


def quantize(folder, name, made):
    """By onnxruntime's own quantiser."""
    import onnx
    from onnxruntime import quantization
    batch = np.load(folder / f'{name}.npz')['input']

    class Calibration(quantization.CalibrationDataReader):
        left = [{'input': batch}]

        def get_next(self):
            return self.left.pop() if self.left else None
    whole = folder / f'{name}.whole.onnx'
    onnx.save(onnx.load(str(folder / f'{name}.onnx')), str(whole))  # one file: the quantizer copies no external data
    quantization.quantize_static(str(whole), str(made), Calibration(), per_channel=True)


def model_of(name, form, folder, temper):
    """The file, made where it is not there yet; None where the form is refused."""
    if not (folder / f'{name}.onnx').exists():
        peer_models.export(name, folder, ('',))
    if form == 'f32':
        return folder / f'{name}.onnx'
    made = folder / f'{name}.{form}.onnx'
    if made.exists():
        return made
    if form == 'ort':
        quantize(folder, name, made)
        return made
    calibration = ['--calibrate', folder / f'{name}.npz'] if form == 'static' else []
    command = [temper, 'convert', folder / f'{name}.onnx', made, *OPTIONS[form], *calibration]
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    return made if done.returncode == 0 else None


def batch_of(name, rows, folder):
    """The file of the batch, and how many rows it has."""
    with np.load(folder / f'{name}.npz') as arrays:
        batch = {key: arrays[key][:rows or None] for key in arrays.files if key != 'target'}
    file = folder / f'{name}.{rows}.npz'
    np.savez(file, **batch)
    return file, len(next(iter(batch.values())))


def last_rounding(model, folder):
    """The model up to its last QuantizeLinear, or None where it has none."""
    import onnx
    whole = onnx.load(str(model))
    last = [node for node in whole.graph.node if node.op_type == 'QuantizeLinear']
    if not last:
        return None
    zeros = {tensor.name: tensor.data_type for tensor in whole.graph.initializer}
    del whole.graph.output[:]
    whole.graph.output.append(onnx.helper.make_tensor_value_info(last[-1].output[0], zeros.get(last[-1].input[2], onnx.TensorProto.UINT8), None))
    file = folder / f'{model.stem}.rounding.onnx'
    onnx.save(whole, str(file))
    return file


def compare_steps(library, model, batch, threads, folder):
    """A text: how many of the last rounding's numbers are equal, and the largest difference."""
    from predict_side import OnnxRuntime, Temper
    cut = last_rounding(model, folder)
    if cut is None:
        return ''
    with np.load(batch) as arrays:
        values = {key: arrays[key] for key in arrays.files}
    ours = Temper(library, cut, values, threads, []).predict(keep=True).astype(int)
    theirs = OnnxRuntime(cut, values, threads).predict().astype(int)
    apart = np.abs(ours.reshape(-1) - theirs)
    return f'{100 * np.mean(apart == 0):.2f} % equal, others by {apart.max()}' if apart.max() else 'all equal'


def measure(name, form, rows, arguments, folder):
    """Prints one row and returns it as texts; None where the outputs differ."""
    model = model_of(name, form, folder, arguments.temper)
    batch, count = batch_of(name, rows, folder)
    label = f'{name} {form}, {count}'
    if model is None:
        print(f'{label}: refused by temper convert', flush=True)
        return []
    sides = []
    try:
        for library in (arguments.library, 'onnxruntime'):
            sides.append(Side(library, [sys.executable, HERE / 'predict_side.py', library, model, batch, arguments.threads]))
        ours, theirs = (np.load(side.hello['outputs']).astype(np.float64) for side in sides)
        error = float(np.abs(ours - theirs).max() / np.abs(theirs).max())
        if error > ALLOWED.get(form, 5e-2):
            print(f'{label}: outputs differ by {error:.1e} of the largest', flush=True)
            return None
        steps = compare_steps(arguments.library, model, batch, arguments.threads, folder)
        mine, peer, dropped = alternate(*sides, arguments.blocks, arguments.seconds)
        median, low, high = ratio_with_interval(mine, peer, 'median_ms', statistics.median)
        least = ratio_with_interval(mine, peer, 'min_ms', min)[0]
        times = [statistics.median(block['median_ms'] for block in blocks) for blocks in (mine, peer)]
        print(f'{label:<28} median {times[0]:8.3f} {times[1]:8.3f} ms ratio {median:5.2f} [{low:.2f}, {high:.2f}]  of minima {least:5.2f}  '
              f'first {sides[0].hello["first_ms"]:.0f} {sides[1].hello["first_ms"]:.0f} ms  outputs {error:.1e}  {steps}  dropped {dropped}', flush=True)
        return [name, form, str(count), f'{times[0]:.3f}', f'{times[1]:.3f}', f'{median:.2f} [{low:.2f}, {high:.2f}]' + (', slower' if median < 1 else ''),
                f'{least:.2f}' + (', slower' if least < 1 else ''), f'{sides[0].hello["first_ms"]:.0f} / {sides[1].hello["first_ms"]:.0f}',
                f'{error:.1e}', steps]
    finally:
        for side in sides:
            side.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('library')
    parser.add_argument('temper')
    parser.add_argument('--models', nargs='*', default=[name for name in (*peer_models.CASES, *peer_models.BENCHMARKS) if name != 'resnet18_frozen'])
    parser.add_argument('--forms', nargs='*', default=list(FORMS), choices=FORMS)
    parser.add_argument('--rows', nargs='*', type=int, default=[0, 1])
    parser.add_argument('--blocks', type=int, default=10)
    parser.add_argument('--seconds', type=float, default=1.0)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--json', help='the file of results to write')
    parser.add_argument('--keep', help='a folder for the models')
    arguments = parser.parse_args()
    print('columns: ours, then onnxruntime\'s; ratio = theirs / ours, with its 95 % interval')
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(arguments.keep or made)
        folder.mkdir(parents=True, exist_ok=True)
        rows = [measure(name, form, count, arguments, folder) for name in arguments.models for form in arguments.forms for count in arguments.rows]
    good = [row for row in rows if row]
    if arguments.json and good:
        about = (f'A batch in memory, {arguments.threads} threads, in turns; ratios are onnxruntime\'s time over Temper\'s '
                 '(`tools/bench/predict_vs_onnxruntime.py`). static, dynamic and fp16 are made by `temper convert`, ort by onnxruntime\'s quantiser.')
        columns = ['model', 'form', 'rows', 'Temper, ms', 'onnxruntime, ms', 'ratio of medians', 'of minima', 'first, ms, Temper / onnxruntime',
                   'outputs differ by', 'the last rounding']
        results_file.save_table(arguments.json, 'Predictions beside onnxruntime', about, columns, good, arguments.temper)
    return 1 if None in rows else 0


if __name__ == '__main__':
    sys.exit(main())
