#!/usr/bin/env python3
"""Checks that every kernel of the CUDA backend was launched where the thread sanitizer watched.

    launched_kernels.py PROGRAM FILE...

PROGRAM is a test program of the emulated device; each FILE was written by a run of it with
TEMPER_LAUNCHED_KERNELS=FILE. A kernel is a function with __global__ in backends/cuda/kernels; of a
template each instance is one. Prints those that no case launched and
exits 1 when there is any that unwatched_kernels.txt does not list with its reason, or one there that was launched.
"""

import pathlib
import re
import subprocess
import sys

import source_tree

GLOBAL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(")
SYMBOL = re.compile(r"^(?:void )?temper::cuda_emulated::\(anonymous namespace\)::(\w+)(?:<.*>)?\(")
LIST = pathlib.Path(__file__).with_name("unwatched_kernels.txt")
SHORT = ("(anonymous namespace)::", "temper::cuda_emulated::", "temper::", "void ")
BASE = "temper::emulated::launched_kernels()"


def kernel_names():
    names = set()
    for path in source_tree.all_files():
        if path.startswith("backends/cuda/kernels/") and path.endswith(".cu"):
            names.update(GLOBAL.findall(source_tree.read(path)))
    return names


def symbols(program):
    """Address to name, of functions."""
    found = {}
    listing = subprocess.run(["nm", "-C", "--defined-only", program], check=True, capture_output=True, text=True)
    for line in listing.stdout.splitlines():
        address, kind, name = line.split(" ", 2)
        if kind in "tTwW":
            found[int(address, 16)] = name
    return found


def watched(files):
    """How far from BASE the watched kernels lie."""
    found = set()
    for path in files:
        with open(path, encoding="ascii") as lines:
            for line in lines:
                distance, _, count = line.split()
                if int(count) > 0:
                    found.add(int(distance))
    return found


def short_name(symbol):
    """NAME<ARGUMENTS>(FIRST_PARAMETER, without what all of them share."""
    for part in SHORT:
        symbol = symbol.replace(part, "")
    name, parameters = symbol.split("(", 1)
    return f"{name}({parameters.rstrip(')').split(',')[0]})".replace(" ", "")


def listed():
    """The kernels of LIST: lines of NAME REASON."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))


def main():
    program, files = sys.argv[1], sys.argv[2:]
    names = kernel_names()
    functions = symbols(program)
    base = next(address for address, name in functions.items() if name == BASE)
    kernels = {}
    for address, name in functions.items():
        match = SYMBOL.match(name)
        if match and match.group(1) in names:
            kernels[address - base] = (match.group(1), name)
    seen = watched(files)
    unseen = {short_name(name) for at, (_, name) in kernels.items() if at not in seen}
    known = listed()
    problems = [f"no case launches {name}" for name in sorted(unseen - known.keys())]
    problems += [f"{name} is launched, or gone: take it off {LIST.name}" for name in sorted(known.keys() - unseen)]
    compiled = {short for short, _ in kernels.values()}
    problems += [f"{name} is in no program: remove it" for name in sorted(names - compiled)]
    for problem in problems:
        print(problem)
    print(f"{len(kernels)} kernels, {len(unseen)} without a case, {len(problems)} problems")
    return 1 if problems or not kernels else 0


if __name__ == "__main__":
    sys.exit(main())
