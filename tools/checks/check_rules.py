#!/usr/bin/env python3
"""Checks the house rules that a script can see: file sizes, names, first lines, forbidden calls.

Prints one line per violation and exits 1 when there is any. Needs nothing but Python.
Files excepted from a rule are listed with their reason in exceptions.txt.
"""

import os
import re
import sys

import source_tree

MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 80
MAX_COLUMNS = 100
TEXT = source_tree.CODE + (".py", ".sh", ".cmake", ".txt", ".toml", ".proto", ".json", ".md", ".in")
SCRIPTS = (".py", ".sh", ".cmake")
VAGUE_NAMES = re.compile(r"(^|_)(utils?|helpers?|misc|stuff)(_|\.|$)")

# Rules on the text of C++ files without comments and strings: name, pattern, folders where it does
# not apply, message.
PATTERNS = [
    ("prints", re.compile(r"\bf?printf\s*\(|\bputs\s*\(|std::(cout|cerr|clog)\b"),
     ("tools/", "tests/"), "the library never prints: throw an Error or use log()"),
    ("stops", re.compile(r"(?<![\w.>])(std::|::)?(abort|exit|_exit|_Exit|quick_exit|terminate)\s*\("),
     ("tools/", "tests/"), "the library never ends the process: throw an Error"),
    ("locale", re.compile(
        r"\b(strto(d|f|ld)|atof|v?s?n?scanf|setlocale|localeconv|imbue)\s*\(|std::(locale|stod|stof|stold|to_string)\b"
        r"|std::[io]?stringstream\b|\b(tolower|toupper|is(alpha|alnum|digit|space|upper|lower|print|cntrl|punct))\s*\("),
     ("tests/",), "follows the locale of an application: see number_text.h and text_bytes.h of runtime/base"),
    ("shared", re.compile(r"\b((shared|weak)_ptr(?!<(const )?(Buffer|Body)>|<const void>)|make_shared(?!<Body>))\b"),
     ("tests/",), "only buffers and the bodies of nodes are shared; use unique_ptr or a value"),
    ("device", re.compile(r"(\.|->)address\s*\(\s*\)"), ("runtime/", "backends/", "tests/"),
     "addresses may be a device's: ask the VariableStore or the Executor for values"),
    ("format", re.compile(r"#\s*include\s*<(format|expected|print|generator)>"),
     (), "not in the standard library of g++ 12"),
    ("namespaces", re.compile(r"^using\s+namespace\s+(?!.*literals)", re.M),
     (), "no using-directives: name what is used"),
    ("protobuf", re.compile(r'#\s*include\s*["<].*(\.pb\.h|google/protobuf/)'),
     ("*.cpp",), "protobuf stays out of headers: declare the class instead"),
    ("macros", re.compile(r"^\s*#\s*define\s+(?!TEMPER_(CHECK|ASSERT|CLONES|HOST_DEVICE)\b)", re.M),
     ("tests/",), "no macros beyond TEMPER_CHECK and TEMPER_ASSERT: write a function or a constant"),
    ("identity", re.compile(r"(\.|->)name\s*\.\s*(starts_with|ends_with|substr|remove_(prefix|suffix)|r?find\w*|compare)\("),
     ("tests/", "tools/", "models/", "graph/onnx/", "training/recipe/", "training/data/"),
     "reads what a thing is off its name: names are for people, a kind or a role and a number tell it"),
    ("conditions", re.compile(r"^\s*#\s*if(?!\s*0x)", re.M),
     ("backends/", "tests/", "tools/bench/"), "conditional compilation belongs in backends/"),
]

# Mutable state with static lifetime: a static or thread_local variable that is not const, or a
# variable at namespace scope (column 0, as the formatter leaves it).
STATIC = re.compile(r"^[ \t]*((?:inline\s+)?(?:static|thread_local)\b(?!\s+(?:const|constexpr|constinit"
                    r"|inline\s+const|inline\s+constexpr)\b)[^();=]*[;={])", re.M)
GLOBAL = re.compile(
    r"^(?!(?:const|constexpr|inline|using|typedef|namespace|class|struct|enum|union|extern|return|template"
    r"|friend|static|thread_local|public|private|protected|concept|else|case|default|static_assert|do)\b)"
    r"[A-Za-z_][\w:<>, *&]*[ >*&][a-z_]\w*(\[[^\]]*\])?\s*(=[^=]|;|\{)", re.M)
# A floating-point conversion of printf in a string: its decimal mark is the locale's.
FLOAT_FORMAT = re.compile(r"(?<!%)(?:%%)*%[-+#0]*(?:\d+|\*)?(?:\.(?:\d+|\*)?)?[lL]?[aefgAEFG]")
MARKS = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

# Names of ops stand in graph/ops, in the kernels of the backends and in calls that make nodes; what else
# is to be known of an op is a field of graph/ir/op_def.h, set in the op's file.
OP_FOLDERS = re.compile(r"(graph/ops|backends/[^/]+/kernels|tests)/")
OP_NAME = re.compile(r'"([A-Z][A-Za-z0-9]*)"')
# What may stand in front of the name of an op that is made: builder.op("Add", b.ops("Split", emit("Copy",
# adder.add<SgdUpdate>("SgdUpdate", node.op = "Reshape", set_op_type("Identity").
MAKES_NODE = re.compile(r"(\bops?\(|\bemit(?:_one)?\(|\badd<[\w<>,\s]*>\(|[.>]op\s*=|\bset_op_type\()\s*$")
OP_PREFIX = re.compile(r"\bname\(\)\s*\.\s*(?:starts|ends)_with\b")


def line_of(text, position):
    return text.count("\n", 0, position) + 1


class Exceptions:
    """The listed files per rule; remembers which lines were needed."""

    PATH = "tools/checks/exceptions.txt"

    def __init__(self):
        self.lines = {}
        self.used = set()
        for number, line in enumerate(source_tree.read(self.PATH).split("\n"), 1):
            words = line.split(None, 2)
            if words and not line.startswith("#"):
                self.lines[(words[0], words[1])] = (number, len(words) > 2)

    def cover(self, rule, path):
        if (rule, path) not in self.lines:
            return False
        self.used.add((rule, path))
        return True

    def problems(self):
        for (rule, path), (number, has_reason) in self.lines.items():
            if not has_reason:
                yield f"{self.PATH}:{number}: gives no reason"
            if (rule, path) not in self.used:
                yield f"{self.PATH}:{number}: '{rule}' is not needed for {path}: remove the line"


def check_text(path, text):
    """Rules for every text file: (rule, line, message)."""
    if path.endswith(".md"):
        return
    lines = text.split("\n")
    if path.endswith(source_tree.CODE + SCRIPTS) and len(lines) - 1 > MAX_FILE_LINES:
        yield "size", 1, f"has {len(lines) - 1} lines, more than {MAX_FILE_LINES}: split it"
    for number, line in enumerate(lines, 1):
        if "\t" in line:
            yield "tabs", number, "has a tab"
        if line.rstrip() != line:
            yield "spaces", number, "ends with a space"
        if not line.isascii():
            bad = next(c for c in line if not c.isascii())
            yield "ascii", number, f"has the non-ASCII character U+{ord(bad):04X}"
        if path.endswith(source_tree.CODE) and len(line) > MAX_COLUMNS and "/expected/" not in path:
            yield "columns", number, f"has {len(line)} columns, more than {MAX_COLUMNS}"
        if MARKS.search(line) and not path.startswith("tools/checks/"):
            yield "marks", number, "has a mark of unfinished work: finish it or leave it out"
    if text and not text.endswith("\n"):
        yield "spaces", len(lines), "does not end with a newline"


def check_first_line(path, text):
    """A purpose comment; the .cpp of a header and its test may start with that include instead."""
    lines = text.split("\n")
    first = lines[1] if lines[0].startswith("#!") and len(lines) > 1 else lines[0]
    stem, extension = os.path.splitext(path)
    tested = re.sub(r"^tests/(.*)_test$", r"\1", stem)
    if extension in (".cpp", ".cu") and first in (f'#include "{stem}.h"', f'#include "{tested}.h"'):
        return
    if not first.startswith(("//", "/*", "#", '"""')) or first.startswith("#include"):
        yield "purpose", 1, "does not start with a comment that says what it is for"


def check_functions(bare):
    """Brace by brace: a '{' whose statement has a '(' and stands in a scope opens a function."""
    open_braces = []  # (is a scope, is a function, line)
    number, statement = 1, ""
    for char in bare:
        if char == "\n":
            number += 1
        if char == "{":
            in_scope = all(scope for scope, _, _ in open_braces)
            scope = re.search(r"\b(namespace|class|struct|union|enum|extern)\b[^()]*$", statement) is not None
            open_braces.append((scope, in_scope and not scope and "(" in statement, number))
        elif char == "}" and open_braces:
            _, function, start = open_braces.pop()
            if function and number - start - 1 > MAX_FUNCTION_LINES:
                yield "functions", start, (f"has a function of {number - start - 1} lines, more than "
                                           f"{MAX_FUNCTION_LINES}: split it")
        statement = "" if char in ";{}" else statement + char


def op_names():
    """Every op that a file of graph/ops registers: their strings that look like an op's name and are no attribute."""
    names = set()
    for path in source_tree.code_files():
        if path.startswith("graph/ops/"):
            names |= {m.group(1) for _, s in source_tree.strings(source_tree.read(path)) for m in [OP_NAME.fullmatch(s)] if m}
    return names - {"NOTSET", "Grad"}


def check_op_names(path, text, bare, ops):
    for position, literal in source_tree.strings(text):
        match = OP_NAME.fullmatch(literal)
        if match and match.group(1) in ops and not MAKES_NODE.search(bare[max(0, position - 200):position]):
            yield "ops", line_of(text, position), (
                f"names the op {match.group(1)}: a fact of an op is a field of op_def.h, set in the op's file")
    for match in OP_PREFIX.finditer(bare):
        yield "ops", line_of(bare, match.start()), "tells ops by the beginning of their names: use a field of op_def.h"


def check_code(path, text, ops):
    bare = source_tree.bare_code(text)
    if not OP_FOLDERS.match(path):
        yield from check_op_names(path, text, bare, ops)
    for rule, pattern, exempt, message in PATTERNS:
        if path.startswith(tuple(e for e in exempt if e.endswith("/"))) or (
                "*.cpp" in exempt and path.endswith(".cpp")):
            continue
        for match in pattern.finditer(bare):
            yield rule, line_of(bare, match.end()), message
    if not path.startswith("tests/"):
        for position, literal in source_tree.strings(text):
            if FLOAT_FORMAT.search(literal):
                yield "locale", line_of(text, position), (
                    "formats a number by the locale of an application: fixed_text() or digits_text() of number_text.h")
        for pattern in (STATIC, GLOBAL):
            for match in pattern.finditer(bare):
                yield "state", line_of(bare, match.start() + 1), (
                    "is a mutable variable of static lifetime: pass it in, or make it const")
    if path.endswith(".h") and not re.search(r"^#pragma once$", bare, re.M):
        yield "guards", 1, "has no #pragma once"
    if "/expected/" not in path:  # tables of numbers written by tools/oracle
        yield from check_functions(bare)


def forbidden_words():
    lines = source_tree.read("tools/checks/forbidden_words.txt").split("\n")
    return [line.strip().lower() for line in lines if line.strip() and not line.startswith("#")]


def violations(path, words, ops):
    if VAGUE_NAMES.search(os.path.basename(path)):
        yield "names", 1, "has a catch-all name: name the thing it holds"
    if not path.endswith(TEXT) or path.startswith(("models/", "tests/")) and path.endswith((".json", ".txt")):
        return
    text = source_tree.read(path)
    yield from check_text(path, text)
    if path.endswith(source_tree.CODE + SCRIPTS):
        yield from check_first_line(path, text)
    if path.endswith(source_tree.CODE) and not path.startswith(source_tree.OUTSIDE):
        yield from check_code(path, text, ops)
    lower = text.lower()
    for word in words:
        if word in lower and path != "tools/checks/forbidden_words.txt":
            yield "words", line_of(lower, lower.index(word)), f"has the forbidden word '{word}'"


def main():
    exceptions = Exceptions()
    words = forbidden_words()
    ops = op_names()
    problems = []
    for path in source_tree.all_files():
        for rule, line, message in violations(path, words, ops):
            if not exceptions.cover(rule, path):
                problems.append(f"{path}:{line}: {message} [{rule}]")
    problems += exceptions.problems()
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
