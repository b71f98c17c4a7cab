"""Times a training step of `temper` against PyTorch's, block by block in turns; exits 1 if a loss gate or a row fails.

    python vs_torch.py TEMPER_BINARY [--models NAME ...] [--blocks 10] [--seconds 1] [--threads 2] [--device cpu] [--precision f32|bf16] [--ort-python PYTHON]
                       [--json FILE]

AdamW (lr 1e-4), both sides in the same precision (bf16: PyTorch's autocast), the batch in memory. Each side is a process of its own that stays alive and only works while it has the
turn; turns go A B B A, each at least a second. A block in which other processes used more than 3 % of the cores, or
the host took more than 1 %, is dropped with its partner and repeated. Shown per row: medians and minima over blocks, the
ratio of each with a bootstrap interval of 95 %, and the time of the first step from process start. Before timing, 20 steps'
losses must agree to 1e-3 (bf16: 2e-2); where they do not, to twice what PyTorch's own differ by, eager, over layouts and with one thread
(deep networks with BatchNorm carry the rounding of one step to all of the next; both figures are shown). `best` marks PyTorch's fastest row, `default` the one of the tutorial (eager, AdamW as it comes).
Also shown: the most memory that was resident in each process (VmHWM). With --json the rows are merged into a file of results
(results_file.py), which performance_page.py shows. Dropout is left out on both sides. Of resnet18_frozen only the last layer trains:
PyTorch's other parameters have requires_grad_(False) and its BatchNorms are in eval(), ours model.freeze and model.batchnorm = "frozen".
Needs torch, torchvision, onnx, onnxscript, numpy; ONNX Runtime Training 1.19.2 in an environment of its own for --ort-python.

Our side is `temper bench MODEL --data B.npz --loss L --optimizer adamw --threads N --serve`: one line of JSON with `first_ms`
and the first `losses`, then one line for each number of seconds it reads.
"""
import argparse
import json
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

import results_file

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'oracle'))
GATE_STEPS, GATES = 20, {'f32': 1e-3, 'bf16': 2e-2}
FOREIGN_SHARE, STEAL_SHARE = 0.03, 0.01


class Side:
    """A child process that trains when told to. `first_ms` is measured by the child from its own start."""

    def __init__(self, label, command):
        self.label = label
        self.log = tempfile.TemporaryFile('w+')
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, text=True)
        self.hello = self._answer()
        self.first_ms, self.losses = self.hello['first_ms'], self.hello.get('losses')

    def _answer(self):
        for line in self.process.stdout:
            if line.startswith('{'):
                return json.loads(line)
        self.log.seek(0)
        raise RuntimeError(f'{self.label} ended: {self.log.read().strip()[-800:]}')

    def block(self, seconds):
        self.process.stdin.write(f'{seconds}\n')
        self.process.stdin.flush()
        return self._answer()

    def cpu_ticks(self):
        fields = pathlib.Path(f'/proc/{self.process.pid}/stat').read_text().rsplit(')', 1)[1].split()
        return int(fields[11]) + int(fields[12])

    def peak_mib(self):
        """The most memory that was resident so far."""
        lines = pathlib.Path(f'/proc/{self.process.pid}/status').read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith('VmHWM')) / 1024

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=30)


def machine_ticks():
    """(busy, steal, total) ticks of all cores since boot."""
    values = [int(v) for v in pathlib.Path('/proc/stat').read_text().splitlines()[0].split()[1:9]]
    return sum(values) - values[3] - values[4] - values[7], values[7], sum(values)


def guarded_block(side, seconds):
    """One block: its answer, and the share of the cores that others used meanwhile."""
    own, (busy, steal, total) = side.cpu_ticks(), machine_ticks()
    answer = side.block(seconds)
    own_after, (busy_after, steal_after, total_after) = side.cpu_ticks(), machine_ticks()
    whole = max(1, total_after - total)
    foreign = ((busy_after - busy) - (own_after - own)) / whole
    return answer, foreign <= FOREIGN_SHARE and (steal_after - steal) / whole <= STEAL_SHARE


def alternate(ours, peer, blocks, seconds):
    """Blocks in the order A B B A ...; returns (our answers, the peer's answers, dropped pairs)."""
    mine, theirs, dropped = [], [], 0
    for side in (ours, peer):
        side.block(seconds)  # warms caches and clocks; not counted
    while len(mine) < blocks:
        order = (ours, peer) if (len(mine) + dropped) % 2 == 0 else (peer, ours)
        results = {}
        clean = True
        for side in order:
            results[side.label], good = guarded_block(side, seconds)
            clean = clean and good
        if clean:
            mine.append(results[ours.label])
            theirs.append(results[peer.label])
        else:
            dropped += 1
            if dropped > 4 * blocks:
                raise RuntimeError(f'other processes use the cores: {dropped} of {dropped + len(mine)} pairs of blocks dropped')
            time.sleep(0.5)
    return mine, theirs, dropped


def ratio_with_interval(mine, theirs, key, statistic):
    """Ratio of the statistic over blocks (peer / ours), with a bootstrap interval of 95 % over pairs of blocks."""
    pairs, chance = list(zip([m[key] for m in mine], [t[key] for t in theirs])), random.Random(0)

    def ratio(sample):
        return statistic([p[1] for p in sample]) / statistic([p[0] for p in sample])
    draws = sorted(ratio(chance.choices(pairs, k=len(pairs))) for _ in range(2000))
    return ratio(pairs), draws[49], draws[1949]


def gate(ours, peer):
    """Largest relative difference of the first losses, or None where there is nothing to compare."""
    pairs = list(zip(ours[:GATE_STEPS], peer[:GATE_STEPS]))
    return max(abs(a - b) / abs(b) for a, b in pairs) if len(pairs) == GATE_STEPS else None


class Spread:
    """How far PyTorch's own first losses are from each other; measured when first asked for, and kept with --json."""

    def __init__(self, name, arguments):
        self.name, self.arguments, self.value = name, arguments, None

    def measure(self):
        if self.value is None:
            import torch
            kept = results_file.Spreads(torch.__version__)
            key = f'{self.name} {self.arguments.precision} {torch_device(self.arguments.device)} {self.arguments.threads}'
            self.value = kept.values.get(key) or self._measured()
            if self.arguments.json:
                kept.keep(key, rounded(self.value))
        return self.value

    def _measured(self):
        curves = []
        for layout in layouts_of(self.name):
            for threads in sorted({1, self.arguments.threads}):
                side = Side('torch', torch_command(self.name, ('eager', layout, 'fused'), threads, self.arguments))
                curves.append(side.losses)
                side.close()
        return max(gate(a, b) for a in curves for b in curves)


def layouts_of(name):
    import peer_models
    return ('contiguous', 'channels_last') if len(peer_models.case_of(name).input_shape) == 4 else ('contiguous',)


def torch_device(device):
    return 'cuda' if device.split(':')[0] == 'cuda' else 'cpu'


def torch_command(name, settings, threads, arguments):
    return [sys.executable, HERE / 'torch_side.py', name, *settings, threads, GATE_STEPS, torch_device(arguments.device), arguments.precision]


def peers(name, arguments, folder):
    """(label, command) of each peer row of one model."""
    import peer_models
    rows = [] if arguments.no_default else [('eager contiguous default', ('eager', 'contiguous', 'default'))]
    for mode, unwanted in (('eager', arguments.no_eager), ('compile', arguments.no_compile)):
        if not unwanted:
            rows += [(f'{mode} {layout} fused', (mode, layout, 'fused')) for layout in layouts_of(name)]
    for label, settings in rows:
        yield f'torch {label}', torch_command(name, settings, arguments.threads, arguments)
    if arguments.ort_python and arguments.precision == 'f32':
        yield 'onnxruntime-training', [arguments.ort_python, HERE / 'ort_side.py', folder / f'{name}.onnx',
                                       folder / f'{name}.npz', peer_models.case_of(name).loss, arguments.threads, GATE_STEPS]


def files_of(name, folder):
    """Model, batch, and the words of `temper bench` on the loss."""
    import peer_models
    # The unoptimised export: the same computation as PyTorch's module, BatchNorm included.
    case = peer_models.case_of(name)
    return folder / f'{name}.raw.onnx', folder / f'{name}.npz', [
        '--loss', case.loss, '--optimizer', 'adamw', '--lr', '1e-4', *(['loss.class_axis=-1'] if case.kind == 'tokens' else []),
        *peer_models.freeze_keys(name)]


def start_ours(name, arguments, folder):
    model, batch, words = files_of(name, folder)
    return Side('temper', [arguments.temper, 'bench', model, '--data', batch, *words, f'train.precision={arguments.precision}',
                           '--threads', arguments.threads, '--device', arguments.device, '--serve'])


def row_of(name, label, sides, answers, error, dropped):
    """`sides`, `answers`: ours, then the peer's."""
    row = {'model': name, 'peer': label, 'gate': error, 'dropped': dropped, 'blocks': len(answers[0])}
    for prefix, side, blocks in zip(('', 'peer_'), sides, answers):
        row |= {f'{prefix}first_ms': side.first_ms, f'{prefix}loss': blocks[-1]['loss'], f'{prefix}peak_mib': side.peak_mib(),
                f'{prefix}median_ms': statistics.median(block['median_ms'] for block in blocks),
                f'{prefix}min_ms': min(block['min_ms'] for block in blocks)}
    row |= {'kernel_ms': sides[0].hello['kernel_ms']} if 'kernel_ms' in sides[0].hello else {}
    row['ratio_median'] = ratio_with_interval(*answers, 'median_ms', statistics.median)
    row['ratio_min'] = ratio_with_interval(*answers, 'min_ms', min)
    return row


def measure(name, arguments, folder):
    """Prints the rows of one model; returns them and the number of failed gates."""
    failed, rows, spread, allowed = 0, [], Spread(name, arguments), GATES[arguments.precision]
    ours = None
    for label, command in peers(name, arguments, folder):
        peer = None
        try:
            if ours is None or ours.process.poll() is not None:
                ours = None
                ours = start_ours(name, arguments, folder)
            peer = Side(label, command)
            error = gate(ours.losses, peer.losses)
            folded = label.startswith('onnxruntime') and name == 'cifar_cnn'  # another graph: nothing to compare
            if not folded and error is not None and error > allowed:
                print(f'{name}: {label}: losses differ by {error:.1e}; PyTorch\'s own by up to {spread.measure():.1e}', flush=True)
            if not folded and (error is None or (error > allowed and error > 2 * spread.measure())):
                failed += 1
                print(f'{name}: {label}: loss gate failed ({error})', flush=True)
                continue
            mine, theirs, dropped = alternate(ours, peer, arguments.blocks, arguments.seconds)
            rows.append({**row_of(name, label, (ours, peer), (mine, theirs), error, dropped), 'spread': spread.value})
        except (RuntimeError, BrokenPipeError) as error:
            # A peer that cannot start on a model is a missing row; anything else is a failure.
            failed += ours is None or peer is not None
            print(f'{name}: {label}: {error}', flush=True)
        finally:
            if peer is not None and peer.process.poll() is None:
                peer.close()
    if ours is not None and ours.process.poll() is None:
        ours.close()
    show(rows)
    return rows, failed


def rounded(value):
    """Floats to five digits: results are committed."""
    if isinstance(value, float):
        return float(f'{value:.5g}')
    return [rounded(v) for v in value] if isinstance(value, (tuple, list)) else value


def keep(rows, arguments):
    rows = [{key: rounded(value) for key, value in row.items()} for row in rows]
    if arguments.json and rows:
        results_file.save(arguments.json, {'kind': 'training', 'precision': arguments.precision, 'threads': arguments.threads,
                                           'rows': rows}, arguments.temper, key=lambda row: (row['model'], row['peer']))


def show(rows):
    torch_rows = [row for row in rows if row['peer'].startswith('torch')]
    best = min(torch_rows, key=lambda row: row['peer_median_ms'], default=None)
    for row in rows:
        mark = ' (best)' if row is best else ' (default)' if row['peer'].endswith('default') else ''
        median, low, high = row['ratio_median']
        least, least_low, least_high = row['ratio_min']
        gated = '-' if row['gate'] is None else f'{row["gate"]:.1e}'
        print(f'{row["model"]:<10} {row["peer"] + mark:<38} median {row["median_ms"]:8.3f} {row["peer_median_ms"]:8.3f} ms '
              f'ratio {median:6.2f} [{low:.2f}, {high:.2f}]  min {row["min_ms"]:8.3f} {row["peer_min_ms"]:8.3f} ms ratio '
              f'{least:6.2f} [{least_low:.2f}, {least_high:.2f}]  first step {row["first_ms"]:.0f} {row["peer_first_ms"]:.0f} ms  '
              f'peak {row["peak_mib"]:.0f} {row["peer_peak_mib"]:.0f} MiB  gate {gated}  loss {row["loss"]:.4g} {row["peer_loss"]:.4g}  dropped {row["dropped"]}', flush=True)


def parse(words=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--models', nargs='*', default=['tiny_mlp', 'mlp', 'cifar_cnn'])
    parser.add_argument('--blocks', type=int, default=10)
    parser.add_argument('--seconds', type=float, default=1.0)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--device', default='cpu', help='of both sides: cpu, cuda')
    parser.add_argument('--precision', choices=GATES, default='f32', help='of both sides')
    parser.add_argument('--no-compile', action='store_true', help="leave torch.compile's rows out (a compile takes up to a minute)")
    parser.add_argument('--no-eager', action='store_true', help="leave the eager rows with the fused AdamW out")
    parser.add_argument('--no-default', action='store_true', help="leave the tutorial's row out")
    parser.add_argument('--ort-python', help='the Python of an environment with onnxruntime-training 1.19.2')
    parser.add_argument('--json', help='the file of results to put the rows in')
    return parser.parse_args(words)


def main():
    arguments = parse()
    import peer_models
    failed = 0
    print('columns: ours, then the peer; ratio = peer / ours, with its 95 % interval')
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.models:
            peer_models.export(name, folder)
            rows, wrong = measure(name, arguments, pathlib.Path(folder))
            keep(rows, arguments)
            failed += wrong
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
