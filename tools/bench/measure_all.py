"""Measures everything that docs/performance.md and the README's comparison show, in about the minutes given; exits 1 if a loss
gate or a row failed.

    python measure_all.py TEMPER_BINARY [--minutes 25] [--models NAME ...] [--precisions f32 bf16] [--out FOLDER]
    python performance_page.py              then writes the pages

Rows of vs_torch.py for all models of peer_models.py: PyTorch eager in both layouts with the fused AdamW, in f32 also as in the
tutorials; then torch.compile for the models of COMPILED, as long as there is time. Models take turns over the whole time, and
each row gets as many blocks as the rest of the time allows, 3 to 10. The results lie in FOLDER (tools/bench/results) and are
merged into what is there. Nothing else may use the cores. Needs what vs_torch.py needs.
"""
import argparse
import pathlib
import sys
import tempfile
import time

import results_file
import vs_torch  # puts ../oracle on the path
import peer_models

# Where a compiled step has been faster than an eager one in some precision, the largest gain first.
COMPILED = ['gpt', 'resnet18', 'cifar_cnn', 'mobilenet_v2', 'vit', 'unet', 'mlp']
SECONDS = 1.0  # of a block
START = 6.0    # of a process of PyTorch, until its first step
COMPILE = 60.0


def arguments_of(options, model, precision, compiled):
    words = [options.temper, '--models', model, '--precision', precision, '--threads', str(options.threads), '--seconds', str(SECONDS),
             '--json', str(options.out / f'training_{precision}.json')]
    arguments = vs_torch.parse(words + (['--no-default'] if precision != 'f32' or compiled else [])
                               + ([] if compiled else ['--no-compile']))
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


def jobs_of(options):
    for precision in options.precisions:
        for model in options.models:
            yield arguments_of(options, model, precision, False)
    for model in [name for name in COMPILED if name in options.models]:
        for precision in options.precisions:
            yield arguments_of(options, model, precision, True)


def run(options, folder):
    end = time.monotonic() + options.minutes * 60
    jobs = [(arguments, expected_seconds(arguments, arguments.models[0])) for arguments in jobs_of(options)]
    failed, left_out = 0, []
    for place, (arguments, (before, pair)) in enumerate(jobs):
        model = arguments.models[0]
        eager = [cost for later, cost in jobs[place:] if not later.no_eager] or [(before, pair)]
        rest = end - time.monotonic()
        blocks = int((rest - sum(cost[0] for cost in eager)) / max(1e-9, sum(cost[1] for cost in eager)))
        if arguments.no_eager and rest < before + 3 * pair:
            left_out.append(f'{model} {arguments.precision}')
            continue
        arguments.blocks = min(10, max(3, blocks))
        print(f'-- {model}, {arguments.precision}{", compiled" if arguments.no_eager else ""}: {arguments.blocks} blocks, '
              f'{rest / 60:.1f} minutes left', flush=True)
        if not (folder / f'{model}.raw.onnx').exists():
            peer_models.export(model, folder)
        rows, wrong = vs_torch.measure(model, arguments, folder)
        vs_torch.keep(rows, arguments)
        failed += wrong
    if left_out:
        print(f'no time was left for torch.compile of: {", ".join(left_out)}')
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--minutes', type=float, default=25)
    parser.add_argument('--models', nargs='*', default=[*peer_models.CASES, *peer_models.BENCHMARKS])
    has_bf16 = {'avx512_bf16', 'amx_bf16', 'bf16'} & set(results_file.machine()['instructions'])
    parser.add_argument('--precisions', nargs='*', default=['f32', 'bf16'] if has_bf16 else ['f32'], choices=vs_torch.GATES)
    parser.add_argument('--threads', type=int, default=2)
    parser.add_argument('--out', type=pathlib.Path, default=results_file.FOLDER)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return 1 if run(options, pathlib.Path(folder)) else 0


if __name__ == '__main__':
    sys.exit(main())
