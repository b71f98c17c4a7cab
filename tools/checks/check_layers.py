#!/usr/bin/env python3
"""Checks every #include of the tree against layers.txt, and that CMake links by the same lists.

Prints one line per violation and exits 1 when there is any. Needs nothing but Python.
"""

import os
import re
import sys

import source_tree

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
LAYERS = "tools/checks/layers.txt"


class Layers:
    def __init__(self, text):
        self.named = {}  # module -> the modules of its line
        self.allowed = {}  # module -> all it may include, itself included
        self.headers = []  # (prefix, allowed in .h, modules)
        self.problems = []
        for number, line in enumerate(text.split("\n"), 1):
            self.parse_line(f"{LAYERS}:{number}", line.split("#")[0].split())

    def parse_line(self, where, words):
        if not words:
            return
        if words[0] == "header":
            public = "public" in words[2:]
            self.headers.append((words[1], public, [w for w in words[2:] if w != "public"]))
        else:
            module = words[0].rstrip(":")
            self.named[module] = words[1:]
            self.allowed[module] = {module}
            for other in words[1:]:
                if other not in self.allowed or other == module:
                    self.problems.append(f"{where}: {module} names {other}, which is not above it")
                else:
                    self.allowed[module] |= self.allowed[other]

    def module_of(self, path):
        folder = os.path.dirname(path)
        while folder:
            if folder in self.allowed:
                return folder
            folder = os.path.dirname(folder)
        return None

    def bound_to(self, header):
        """The longest matching `header` line, or None."""
        matches = [row for row in self.headers if header.startswith(row[0])]
        return max(matches, key=lambda row: len(row[0]), default=None)


def check_quoted(layers, module, path, target, known):
    if target not in known:
        return f'"{target}" is no path from the repository root'
    other = layers.module_of(target)
    if other is None:
        return f'"{target}" belongs to no module of {LAYERS}'
    if other not in layers.allowed[module]:
        return f"{module} may not include {other} ({target})"
    return None


def check_system(layers, module, path, target):
    row = layers.bound_to(target)
    if row is None:
        if "." not in target and "/" not in target:
            return None  # a header of the C++ standard library
        return f"<{target}> is bound to no module; add it to {LAYERS} or use the C++ standard library"
    _, public, modules = row
    if not any(module == m or module.startswith(m + "/") for m in modules):
        return f"<{target}> is only for {', '.join(modules)}"
    if not public and path.endswith((".h", ".cuh")):
        return f"<{target}> may be included by .cpp files only"
    return None


def check_includes(layers):
    files = source_tree.code_files()
    known = set(files)
    for path in files:
        module = layers.module_of(path)
        if module is None:
            yield f"{path}:1: belongs to no module of {LAYERS}"
            continue
        for number, line in enumerate(source_tree.read(path).split("\n"), 1):
            match = INCLUDE.match(line)
            if match is None:
                continue
            kind, target = match.groups()
            problem = (check_quoted(layers, module, path, target, known) if kind == '"' else
                       check_system(layers, module, path, target))
            if problem:
                yield f"{path}:{number}: {problem}"


def check_cmake(layers):
    """temper_module(FOLDER DEPENDS ...) must reach no module that layers.txt does not allow."""
    for path in source_tree.all_files():
        if not path.endswith((".cmake", "CMakeLists.txt")):
            continue
        text = re.sub(r"#[^\n]*", "", source_tree.read(path))
        for match in re.finditer(r"^\s*temper_module\(([^)]*)\)", text, re.M):
            words = match.group(1).split()
            line = text.count("\n", 0, match.start()) + 1
            module = words[0]
            if module not in layers.allowed:
                yield f"{path}:{line}: {module} is not in {LAYERS}"
                continue
            depends = words[words.index("DEPENDS") + 1:] if "DEPENDS" in words else []
            for word in depends:
                if word in ("LINK", "GENERATED", "RECURSE"):
                    break
                if word not in layers.allowed[module]:
                    yield f"{path}:{line}: {module} is linked to {word}, which {LAYERS} does not allow"


def main():
    layers = Layers(source_tree.read(LAYERS))
    problems = layers.problems + list(check_includes(layers)) + list(check_cmake(layers))
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
