"""Times an epoch of training a new head on a frozen backbone (resnet18, pictures of 64x64) whose features `temper train` keeps, against
PyTorch's epoch with `requires_grad_(False)`, which runs the backbone each time.

    python cached_features.py TEMPER_BINARY [--samples 1280] [--epochs 6] [--turns 3] [--threads 2] [--json FILE]

Both train on the same pictures in memory, batches of 32, AdamW, lr 1e-4, and look at the validation loss of a fifth more after each
epoch. Ours is the whole command: epochs after the first are taken from its history.csv (perf/epoch_s: with validation, checkpoints and
best.onnx), and the whole run's time is shown too. PyTorch's rows: the loop as in its tutorial on transfer learning, eager, in both
layouts; and one whose author keeps the features by hand. Processes take turns. With --json the rows become a table of
docs/performance.md (performance_page.py). Needs what vs_torch.py needs.
"""
import argparse
import csv
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import results_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'oracle'))
import peer_models  # noqa: E402

NAME, BATCH = 'resnet18_frozen', 32


def ours(arguments, folder):
    """(median seconds of an epoch, seconds of the whole run)"""
    out = folder / 'run'
    started = time.monotonic()
    subprocess.run([arguments.temper, 'train', folder / f'{NAME}.raw.onnx', folder / 'data.npz', *peer_models.freeze_keys(NAME),
                    'train.cache_features=true', f'train.epochs={arguments.epochs}', f'data.batch_size={BATCH}', 'optimizer.name=adamw',
                    'optimizer.lr=1e-4', f'train.threads={arguments.threads}', f'train.out={out}', '--quiet'], check=True, stdout=subprocess.DEVNULL)
    whole = time.monotonic() - started
    with open(out / 'history.csv', newline='') as file:
        epochs = [float(row['perf/epoch_s']) for row in csv.DictReader(file) if row['perf/epoch_s']]
    shutil.rmtree(out)
    return statistics.median(epochs[1:]), whole


def train_epoch(module, optimizer, loss, train):
    x, y = train
    order = torch.randperm(len(x))
    for i in range(0, len(x), BATCH):
        rows = order[i:i + BATCH]
        optimizer.zero_grad(set_to_none=True)
        loss(module(x[rows]), y[rows]).backward()
        optimizer.step()


def validation_loss(module, loss, held):
    x, y = held
    with torch.no_grad():
        return sum(loss(module(x[i:i + BATCH]), y[i:i + BATCH]).item() for i in range(0, len(x), BATCH))


class Peer:
    """PyTorch's epochs in one setting."""

    def __init__(self, layout, keeps, train, held):
        module, _, _, self.loss = peer_models.build(NAME)
        parameters = peer_models.freeze(module, peer_models.case_of(NAME).head)
        self.optimizer = torch.optim.AdamW(parameters, lr=1e-4, fused=True)
        self.module, self.train, self.held = module, train, held
        if layout == 'channels_last':
            module.to(memory_format=torch.channels_last)
            self.train, self.held = ((x.to(memory_format=torch.channels_last), y) for x, y in (train, held))
        if keeps:
            head, module.fc = module.fc, torch.nn.Identity()
            with torch.no_grad():
                self.train, self.held = ((torch.cat([module(x[i:i + BATCH]) for i in range(0, len(x), BATCH)]), y) for x, y in (train, held))
            self.module = head

    def epoch(self):
        started = time.monotonic()
        train_epoch(self.module, self.optimizer, self.loss, self.train)
        validation_loss(self.module, self.loss, self.held)
        return time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--samples', type=int, default=1280)
    parser.add_argument('--epochs', type=int, default=6)
    parser.add_argument('--turns', type=int, default=3)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--json', help='the file of results to write')
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    generator = np.random.default_rng(0)
    total = arguments.samples + arguments.samples // 4  # temper train validates on a fifth of what it is given
    x = generator.standard_normal((total, 3, 64, 64), dtype=np.float32)
    y = generator.integers(0, 10, total)
    train, held = ((torch.from_numpy(x[part]), torch.from_numpy(y[part])) for part in (slice(arguments.samples), slice(arguments.samples, None)))
    settings = {'eager, contiguous': ('contiguous', False), 'eager, channels_last': ('channels_last', False), 'features kept by hand': ('contiguous', True)}
    peers = {label: Peer(layout, keeps, train, held) for label, (layout, keeps) in settings.items()}
    mine, wholes, theirs = [], [], {label: [] for label in peers}
    with tempfile.TemporaryDirectory() as made:
        folder = pathlib.Path(made)
        peer_models.export(NAME, folder, ('.raw',))
        np.savez(folder / 'data.npz', input=x, target=y)
        for _ in range(arguments.turns):
            epoch, whole = ours(arguments, folder)
            mine.append(epoch)
            wholes.append(whole)
            for label, peer in peers.items():
                theirs[label].append(peer.epoch())
    epoch = statistics.median(mine)
    rows = []
    for label, seconds in theirs.items():
        median = statistics.median(seconds)
        rows.append([label, f'{epoch:.3f}', f'{median:.3f}', f'{median / epoch:.1f}', f'{min(seconds) / min(mine):.1f}'])
        print(f'{label:<24} epoch {epoch:.3f} {median:.3f} s  ratio of medians {median / epoch:.1f}  of minima {min(seconds) / min(mine):.1f}')
    whole = statistics.median(wholes)
    print(f'temper train, {arguments.epochs} epochs from process start to its end: {whole:.2f} s')
    if arguments.json:
        about = (f'Epochs of {arguments.samples} pictures of 64x64 through a frozen resnet18 and a head that trains, with validation on '
                 f'{arguments.samples // 4}, {arguments.threads} threads, in turns; Temper with `train.cache_features = true`, whose epochs write checkpoints and '
                 f'`best.onnx` too (`tools/bench/cached_features.py`). The whole command, {arguments.epochs} epochs with the features computed once, takes '
                 f'{whole:.1f} s. Goal: 15 against the better of the first two rows.')
        columns = ['PyTorch', 'Temper, s an epoch', 'PyTorch, s an epoch', 'ratio of medians', 'of minima']
        results_file.save_table(arguments.json, 'A new head on a frozen backbone, features kept', about, columns, rows, arguments.temper)
    return 0


if __name__ == '__main__':
    sys.exit(main())
