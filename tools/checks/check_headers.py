#!/usr/bin/env python3
"""Compiles every header alone: each must include what it uses.

A header that passed is not compiled again until it or a file of the tree that it includes changes; results are
kept in build/checks/. Prints the compiler's messages for each failure and exits 1 when there is any.
"""

import concurrent.futures
import hashlib
import json
import os
import re
import subprocess
import sys

import source_tree

COMPILER = os.environ.get("CXX", "g++")
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-fsyntax-only", "-I", ".", "-I", "api"]
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)
RESULTS = os.path.join(source_tree.ROOT, "build", "checks", "headers.json")
# Read by nvcc or included into other files only; compiled in the CUDA build.
SKIPPED = ("backends/cuda/",)


def digest(path, known, seen):
    """The content of a header and of everything of the tree it includes, as one hash."""
    if path in seen or path not in known:
        return ""
    seen.add(path)
    text = source_tree.read(path)
    parts = [path, text] + [digest(other, known, seen) for other in INCLUDE.findall(text)]
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def compile_alone(path):
    # Included from a one-line source, because the compiler warns of '#pragma once' in a main file.
    command = [COMPILER, *FLAGS, "-x", "c++", "-"]
    result = subprocess.run(command, cwd=source_tree.ROOT, input=f'#include "{path}"\n', text=True,
                            capture_output=True)
    return path, result.returncode == 0, result.stderr


def main():
    files = set(source_tree.code_files())
    headers = [f for f in sorted(files) if f.endswith((".h", ".hpp")) and not f.startswith(SKIPPED)]
    try:
        with open(RESULTS, encoding="utf-8") as file:
            passed = json.load(file)
    except (OSError, ValueError):
        passed = {}
    version = subprocess.run([COMPILER, "--version"], capture_output=True, text=True, check=True)
    salt = version.stdout + " ".join(FLAGS)
    wanted = {h: hashlib.sha256((salt + digest(h, files, set())).encode()).hexdigest() for h in headers}
    todo = [h for h in headers if passed.get(h) != wanted[h]]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for path, good, messages in pool.map(compile_alone, todo):
            if not good:
                failed += 1
                passed.pop(path, None)
                print(f"{path}:1: does not compile alone:\n{messages}")
            else:
                passed[path] = wanted[path]
    os.makedirs(os.path.dirname(RESULTS), exist_ok=True)
    temporary = f"{RESULTS}.{os.getpid()}"
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump({h: passed[h] for h in headers if h in passed}, file, indent=0)
    os.replace(temporary, RESULTS)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
