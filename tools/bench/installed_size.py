"""What is installed to train: the command with every library that it loads, beside PyTorch's packages.

    python installed_size.py TEMPER_BINARY [--json FILE]

Of the libraries those of the C and C++ run time are not counted, which every system has. PyTorch: the files of the packages `torch` and
`torchvision` of this Python, without what else they depend on. Needs ldd, strip, and the packages.
"""
import argparse
import importlib.util
import pathlib
import re
import subprocess
import tempfile

import results_file

EVERYWHERE = re.compile(r'lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)\.so|ld-linux')


def libraries(binary):
    said = subprocess.run(['ldd', binary], check=True, capture_output=True, text=True).stdout
    paths = [words[2] for words in map(str.split, said.splitlines()) if len(words) > 2 and words[2].startswith('/')]
    return [pathlib.Path(path).resolve() for path in paths if not EVERYWHERE.search(pathlib.Path(path).name)]


def stripped_bytes(binary):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(['strip', '-o', f'{folder}/stripped', binary], check=True)
        return pathlib.Path(folder, 'stripped').stat().st_size


def package_bytes(name):
    folder = pathlib.Path(importlib.util.find_spec(name).origin).parent
    return sum(path.stat().st_size for path in folder.rglob('*') if path.is_file() and not path.is_symlink())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('temper')
    parser.add_argument('--json', help='the file of results to write')
    options = parser.parse_args()
    own, loaded = stripped_bytes(options.temper), libraries(options.temper)
    others = sum(path.stat().st_size for path in loaded)
    largest = max(loaded, key=lambda path: path.stat().st_size)
    found = [('Temper: the command', own), (f'Temper: the command and the {len(loaded)} libraries it loads (the largest: {largest.name})', own + others),
             *((f'PyTorch: package {name}', package_bytes(name)) for name in ('torch', 'torchvision') if importlib.util.find_spec(name))]
    rows = [[what, f'{size / 1e6:.1f}', f'{size / (own + others):.2f}'] for what, size in found]
    for row in rows:
        print('  '.join(row))
    if options.json:
        results_file.save_table(options.json, 'Installed size', 'Stripped; without Python and the C and C++ run time (`tools/bench/installed_size.py`).',
                                ['what', 'MB', 'of Temper with its libraries'], rows, options.temper)


if __name__ == '__main__':
    main()
