"""Training speed of `temper` alone and beside busy loops, one on each core; exits 1 where a model is slower than --limit.

    python busy.py TEMPER_BINARY OUT_DIR [--models NAME ...] [--blocks 5] [--seconds 1] [--limit 3] [--threads N]

Blocks alone and beside the loops take turns. Shown per model: samples/s alone and busy (median and best block), and by how
much busy is slower than its fair share: with T compute threads and one loop on each of C cores a fair scheduler leaves
the run T * C / (T + C) cores of the min(T, C) it had. Nothing else may use the cores meanwhile. Needs what
busy_models.py needs; the models are written to OUT_DIR once.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

import busy_models
from vs_torch import Side


def compute_threads(side):
    """The threads of the process that have worked."""
    ticks = []
    for task in pathlib.Path(f'/proc/{side.process.pid}/task').iterdir():
        fields = (task / 'stat').read_text().rsplit(')', 1)[1].split()
        ticks.append(int(fields[11]) + int(fields[12]))
    return max(1, sum(1 for t in ticks if t * 10 > max(ticks)))


def with_loops(cores, work):
    loops = [subprocess.Popen(['yes'], stdout=subprocess.DEVNULL) for _ in range(cores)]
    try:
        return work()
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def prepared(names, out):
    """What busy_models wrote to `out`, written now if it is not there."""
    known = out / 'busy.json'
    rows = json.loads(known.read_text()) if known.exists() else {}
    for name in names:
        if name not in rows:
            model, batch, count = busy_models.write(name, out)
            rows[name] = [str(model), str(batch), count]
    known.write_text(json.dumps(rows))
    return rows


def measure(name, row, arguments):
    """Prints the line of one model; returns how much slower than its fair share it is beside the loops."""
    model, batch, count = row
    threads = ['--threads', arguments.threads] if arguments.threads else []
    side = Side(name, [arguments.temper, 'bench', model, '--data', batch, '--serve', *threads])
    cores = len(os.sched_getaffinity(0))
    alone, busy = [], []
    side.block(arguments.seconds)
    for _ in range(arguments.blocks):
        alone.append(side.block(arguments.seconds))
        busy.append(with_loops(cores, lambda: side.block(arguments.seconds)))
    used = min(compute_threads(side), cores)
    side.close()
    rate = {}
    for label, blocks in (('alone', alone), ('busy', busy)):
        # Steps over time: a mean, as a step that waits for a core counts in full.
        rates = sorted(block['steps'] * count / arguments.seconds for block in blocks)
        rate[label] = statistics.median(rates), rates[-1]
    fair = (used + cores) / max(used, cores)
    slower = rate['alone'][0] / rate['busy'][0]
    print(f'{name:14} {used} thread(s)  alone {rate["alone"][0]:9.0f} ({rate["alone"][1]:.0f})  busy {rate["busy"][0]:9.0f} '
          f'({rate["busy"][1]:.0f}) samples/s  {slower:5.2f} times slower, fair share {fair:.2f}: {slower / fair:5.2f}', flush=True)
    return slower / fair


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('temper', type=pathlib.Path)
    parser.add_argument('out', type=pathlib.Path)
    parser.add_argument('--models', nargs='*', default=['digits', 'cifar_cnn', 'mobilenet_v2', 'chain'])
    parser.add_argument('--blocks', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=1)
    parser.add_argument('--limit', type=float, default=3)
    parser.add_argument('--threads', type=int, default=0, help='0: as temper chooses')
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rows = prepared(arguments.models, arguments.out)
    worst = max(measure(name, rows[name], arguments) for name in arguments.models)
    sys.exit(1 if worst > arguments.limit else 0)


if __name__ == '__main__':
    main()
