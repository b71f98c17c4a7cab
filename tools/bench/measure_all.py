"""Measures everything that docs/performance.md and the README's comparison show, in about the minutes given; exits 1 if a loss
gate or a row failed.

    python measure_all.py TEMPER_BINARY [--minutes 25] [--models NAME ...] [--precisions f32 bf16] [--ort-python PYTHON]
                                         [--no-tables] [--out FOLDER]
    python performance_page.py              then writes the pages

Rows of vs_torch.py for all models of peer_models.py: PyTorch eager in both layouts with the fused AdamW, in f32 also as in the
tutorials, and with --ort-python ONNX Runtime Training for the models it can train; then the tables of roofline.py, ops.py, scaling.py,
data_loading.py, installed_size.py and cached_features.py (--no-tables leaves them out); then
torch.compile for the models of COMPILED, as long as there is time. Each row gets as many blocks as the rest of the time allows, 3 to 10. The results lie in FOLDER (tools/bench/results) and are
merged into what is there. Nothing else may use the cores. Needs what vs_torch.py needs.
"""
import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import results_file
import vs_torch  # puts ../oracle on the path
import peer_models

HERE = pathlib.Path(__file__).resolve().parent
# Where a compiled step has been faster than an eager one in some precision; what gained most, or compiles soonest, first.
COMPILED = ['gpt', 'mlp', 'cifar_cnn', 'vit', 'resnet18', 'unet', 'mobilenet_v2']
ORT_MODELS = ['tiny_mlp', 'mlp', 'cifar_cnn']  # of which ONNX Runtime Training 1.19.2 has gradients
SECONDS = 1.0  # of a block
START = 4.0    # of a process of PyTorch, until its first step
COMPILE = 60.0
TABLES = 180.0  # of all tables
COMPILED_ROWS = 270.0  # that eager rows leave to compiled ones


def arguments_of(options, model, precision, compiled):
    words = [options.temper, '--models', model, '--precision', precision, '--threads', str(options.threads), '--seconds', str(SECONDS),
             '--json', str(options.out / f'training_{precision}.json')]
    arguments = vs_torch.parse(words + (['--no-default'] if precision != 'f32' or compiled else [])
                               + ([] if compiled else ['--no-compile'])
                               + (['--ort-python', options.ort_python] if options.ort_python and not compiled and model in ORT_MODELS else []))
    arguments.no_eager = compiled
    return arguments


def expected_seconds(arguments, model):
    """(before the blocks, of a pair of blocks) over all rows of a model, from the rows of before."""
    known = results_file.load(arguments.json) or {'rows': []}
    steps = [(row['median_ms'] + row['peer_median_ms']) / 1e3 for row in known['rows'] if row['model'] == model]
    step = max(steps, default=0.3)
    rows = sum(1 for _ in vs_torch.peers(model, arguments, pathlib.Path()))
    start = START + (COMPILE if arguments.no_eager else 0)
    return rows * (start + vs_torch.GATE_STEPS * step + 2 * max(SECONDS, step)), rows * 2 * max(SECONDS, step)


def tables(options, folder):
    """Runs the scripts of the tables; returns how many failed."""
    failed = 0
    scripts = [(f'roofline_{precision}', ['roofline.py', '--models', *options.models, '--precision', precision, '--folder', folder, '--seconds', '0.5'])
               for precision in options.precisions]
    scripts += [('ops', ['ops.py']), ('scaling', ['scaling.py', '--seconds', '0.3']), ('data_loading', ['data_loading.py']), ('installed_size', ['installed_size.py']),
                ('cached_features', ['cached_features.py'])]
    for name, (script, *words) in scripts:
        print(f'-- {name}', flush=True)
        command = [sys.executable, HERE / script, options.temper, *words, '--json', options.out / f'{name}.json']
        failed += subprocess.run([str(word) for word in command]).returncode != 0
    return failed


def run(options, folder):
    end = time.monotonic() + options.minutes * 60
    eager = [arguments_of(options, model, precision, False) for precision in options.precisions for model in options.models]
    compiled = [arguments_of(options, model, precision, True) for model in COMPILED if model in options.models
                for precision in options.precisions]
    failed, left_out = 0, []
    costs = [expected_seconds(arguments, arguments.models[0]) for arguments in eager]
    for place, arguments in enumerate(eager):
        rest = end - time.monotonic() - (0 if options.no_tables else TABLES) - COMPILED_ROWS
        failed += measure(arguments, folder, (rest - sum(cost[0] for cost in costs[place:])) / sum(cost[1] for cost in costs[place:]))
    failed += 0 if options.no_tables else tables(options, folder)
    for arguments in compiled:
        rest = end - time.monotonic()
        before, pair = expected_seconds(arguments, arguments.models[0])
        if rest < before + 3 * pair:
            left_out.append(f'{arguments.models[0]} {arguments.precision}')
        else:
            failed += measure(arguments, folder, 5)
    if left_out:
        print(f'no time was left for torch.compile of: {", ".join(left_out)}')
    return failed


def measure(arguments, folder, blocks):
    """All rows of one model; returns how many failed."""
    model = arguments.models[0]
    arguments.blocks = min(10, max(3, int(blocks)))
    print(f'-- {model}, {arguments.precision}{", compiled" if arguments.no_eager else ""}: {arguments.blocks} blocks', flush=True)
    if not (folder / f'{model}.raw.onnx').exists():
        peer_models.export(model, folder, ('.raw',))
    rows, failed = vs_torch.measure(model, arguments, folder)
    vs_torch.keep(rows, arguments)
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--minutes', type=float, default=25)
    parser.add_argument('--models', nargs='*', default=[*peer_models.CASES, *peer_models.BENCHMARKS])
    has_bf16 = {'avx512_bf16', 'amx_bf16', 'bf16'} & set(results_file.machine()['instructions'])
    parser.add_argument('--precisions', nargs='*', default=['f32', 'bf16'] if has_bf16 else ['f32'], choices=vs_torch.GATES)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--ort-python', help='the Python of an environment with onnxruntime-training 1.19.2 (ort_side.py)')
    parser.add_argument('--no-tables', action='store_true', help='leave the other tables out')
    parser.add_argument('--out', type=pathlib.Path, default=results_file.FOLDER)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 1 if run(options, pathlib.Path(folder)) else 0


if __name__ == '__main__':
    sys.exit(main())
