"""How the cost of a training step grows with batch, width, depth and length of sequence, on one thread and on two.

    python scaling.py TEMPER_BINARY [--seconds 0.5] [--json FILE]

Models of `temper new`, batches made up by `temper bench`, AdamW, f32. Needs nothing but Python.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import results_file

TEXT = ['--loss', 'cross_entropy', 'class_axis=-1']


def gpt(layers=4, width=128, sequence=128):
    made = ['gpt', '--vocabulary', '256', '--context', '512', '--heads', '4', '--layers', str(layers), '--width', str(width)]
    return made, ['--batch', '8', '--sizes', f'sequence={sequence}', *TEXT]


# (model, what varies, its sizes, size -> (words of `temper new`, words of `temper bench`))
SERIES = [
    ('mlp 784-512-256-10', 'batch', [1, 4, 16, 64, 256], lambda n: (['mlp', '--hidden', '512,256'], ['--batch', str(n)])),
    ('convnet 32-64-128, 32x32', 'batch', [1, 4, 16, 64, 256], lambda n: (['convnet'], ['--batch', str(n)])),
    ('mlp of 3 layers, batch 64', 'width', [64, 256, 1024, 2048], lambda n: (['mlp', '--hidden', f'{n},{n}'], ['--batch', '64'])),
    ('mlp of width 256, batch 64', 'hidden layers', [1, 4, 16, 64],
     lambda n: (['mlp', '--hidden', ','.join(['256'] * n)], ['--batch', '64'])),
    ('gpt, 4 blocks, 8 x 128 tokens', 'width', [64, 128, 256], lambda n: gpt(width=n)),
    ('gpt of width 128, 8 x 128 tokens', 'blocks', [1, 2, 4, 8], lambda n: gpt(layers=n)),
    ('gpt of width 128, 4 blocks, 8 texts', 'tokens of a text', [32, 64, 128, 256, 512], lambda n: gpt(sequence=n)),
]


def run(words):
    return json.loads(subprocess.run([str(word) for word in words], check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--seconds', type=float, default=0.5)
    parser.add_argument('--json', help='the file of results to write')
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / 'model.onnx'
        for label, what, sizes, words_of in SERIES:
            before = None
            for size in sizes:
                made, timed = words_of(size)
                run([options.temper, 'new', made[0], model, *made[1:], '--json'])
                one, two = (run([options.temper, 'bench', model, *timed, '--threads', threads, '--seconds', options.seconds, '--json'])
                            for threads in (1, 2))
                grown = f'{size / before[0]:.3g} x {what}, {two["median_ms"] / before[1]:.2f} x time' if before else ''
                rows.append([label, f'{what} {size}', f'{one["median_ms"]:.3f}', f'{two["median_ms"]:.3f}',
                             f'{one["median_ms"] / two["median_ms"]:.2f}', f'{two["samples_per_s"]:.4g}', f'{two["peak_mib"]:.0f}', grown])
                before = (size, two['median_ms'])
                print('  '.join(rows[-1]), flush=True)
    if options.json:
        columns = ['model', 'size', 'ms, 1 thread', 'ms, 2 threads', 'gain of the second', 'samples/s, 2 threads', 'peak MiB', 'against the row above']
        about = 'A training step with AdamW in f32, medians (`tools/bench/scaling.py`). Plans of less than about a millisecond run on one thread.'
        results_file.save_table(options.json, 'How cost grows', about, columns, rows, options.temper)


if __name__ == '__main__':
    main()
