#!/usr/bin/env python3
"""Checks that each file includes the standard headers it uses.

The build reads the most used ones ahead (tools/cmake/TemperPrecompile.cmake), so the compiler no longer notices when
one is missing. A header counts as included when the file, or a file of the tree it includes, names it.
"""

import re
import sys

import source_tree

# Names in namespace std and the header each is in: what the build reads ahead.
NAMES = {
    "algorithm": "(?:all|any|none)_of|copy(?:_n|_if)?|count(?:_if)?|equal|fill(?:_n)?|find(?:_if)?|for_each|(?:stable_)?sort"
                 "|lower_bound|upper_bound|m(?:ax|in)(?:_element)?|minmax|clamp|remove(?:_if)?|replace|reverse|rotate"
                 "|transform|unique|nth_element|partial_sort|generate|mismatch|is_sorted|shuffle",
    "array": "array",
    "bit": "bit_cast|bit_width|bit_ceil|countr_zero|popcount|endian",
    "charconv": "to_chars|from_chars",
    "cmath": "abs|fabs|sqrt|exp|log(?:10|2|1p)?|pow|isnan|isfinite|isinf|floor|ceil|fmod|lround|llround|nearbyint|tanh|cos|sin"
             "|erf|hypot|ldexp|signbit|copysign|round|trunc",
    "cstdint": "u?int(?:8|16|32|64)_t|uintptr_t",
    "cstring": "mem(?:cpy|set|cmp|move|chr)|str(?:len|error|cmp)",
    "functional": "function|less|greater|hash|reference_wrapper|plus|multiplies",
    "limits": "numeric_limits",
    "map": "(?:multi)?map",
    "memory": "unique_ptr|make_unique|shared_ptr|make_shared|weak_ptr",
    "numeric": "accumulate|iota|partial_sum|inner_product|gcd|reduce",
    "optional": "optional|nullopt",
    "set": "(?:multi)?set",
    "span": "span|as_bytes|as_writable_bytes",
    "string": "string|to_string|stoi|getline",
    "string_view": "string_view",
    "unordered_map": "unordered_map",
    "unordered_set": "unordered_set",
    "variant": "variant|get_if|holds_alternative|visit|monostate",
    "vector": "vector",
}
USES = {header: re.compile(rf"\bstd::(?:{names})\b") for header, names in NAMES.items()}
# What another header promises to declare.
IMPLIES = {"string": {"string_view"}, "filesystem": {"string"}, "cstdlib": {"cmath"}}
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def closure(path, known, done):
    """The standard headers that a file and the files of the tree it includes name."""
    if path not in done:
        done[path] = set()  # for a circle
        found = set()
        for kind, name in INCLUDE.findall(source_tree.read(path)):
            if kind == "<":
                found |= {name} | IMPLIES.get(name, set())
            elif name in known:
                found |= closure(name, known, done)
        done[path] = found
    return done[path]


def main():
    files = source_tree.code_files()
    known, done = set(files), {}
    failed = 0
    for path in files:
        text = source_tree.bare_code(source_tree.read(path))
        has = closure(path, known, done)
        for header, uses in USES.items():
            match = None if header in has else uses.search(text)
            if match:
                failed += 1
                print(f"{path}:1: uses {match.group(0)} but includes no <{header}>")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
