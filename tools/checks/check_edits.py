#!/usr/bin/env python3
"""Checks the table "What is touched to add something" of CONTRIBUTING.md against the tree.

For each row one sample that is there: the files that name it are those an addition of its kind touches. Files that could be
new ones (found by CMake, named for what they hold) are told apart by folder; the others are existing files to edit, and must be
those of the table's last column, no more than the row's limit. Prints one line per violation and exits 1 when there is any;
with --fix it writes the last column first.
"""

import os
import re
import sys

import source_tree
from check_rules import MAKES_NODE, OP_NAME

PAGE = "CONTRIBUTING.md"
HEADING = "## What is touched to add something"
# Where the text of a sample is no part of it: pages, tests, models, and the code that uses what was added.
ELSEWHERE = ("docs/", "tests/", "models/", "tools/checks/", "tools/oracle/")

# Row of the table: pattern of the sample, pattern of files that may be new, most existing files.
SAMPLES = {
    # graph/onnx/deploy knows the opsets of ONNX, whatever ops there are here.
    "op": ("OneHot", r"(graph/ops|backends/[^/]+/kernels|graph/onnx/deploy)/", 0),
    "elementwise op with a fast kernel": (r"\b(HardSwish|kHardSwish)\b", r"graph/ops/|graph/onnx/deploy/|backends/reference/kernels/|backends/common/", 3),
    "optimizer": (r"\b(SgdUpdate|sgd_family)\b", r"backends/common/optimizers/|training/optimizers/sgd\.", 5),
    "loss": (r"\bsequence_losses\b", r"training/losses/sequence\.", 1),
    "schedule": (r"\bcyclic_schedules\b", r"training/schedules/cyclic\.", 1),
    "data kind": (r"\b(kTokens|open_tokens|tokens_dataset\.h)\b", r"training/data/tokens/", 3),
    "subcommand": (r"\bdoctor_command\b", r"tools/cli/doctor_command\.", 2),
    "recipe key": (r"\blimit_batches\b", r"training/(?!settings/|recipe/)", 2),
    "backend": (r"\bmake_cpu_backend\b|backends/cpu/", r"backends/cpu/", 1),
}


def names_op(text, op):
    """Whether the code names the op otherwise than to make a node of it."""
    bare = source_tree.bare_code(text)
    return any(
        (match := OP_NAME.fullmatch(literal)) and match.group(1) == op and not MAKES_NODE.search(bare[max(0, at - 200):at])
        for at, literal in source_tree.strings(text))


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def files_of(kind, pattern, texts):
    if kind == "op":
        return {path for path, text in texts.items() if names_op(text, pattern)}
    return {path for path, text in texts.items() if re.search(pattern, without_comments(text))}


def table_rows():
    """Per kind: the files of the last column."""
    page = source_tree.read(PAGE)
    if HEADING not in page:
        return {}
    rows = {}
    for line in page.split(HEADING, 1)[1].split("\n## ", 1)[0].split("\n"):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not set(cells[0]) <= set("-"):
            rows[cells[0]] = set(re.findall(r"`([^`]+)`", cells[2]))
    rows.pop("To add", None)
    return rows


def fix(existing):
    """Writes the last column: per kind the existing files."""
    lines = source_tree.read(PAGE).split("\n")
    for number, line in enumerate(lines):
        cells = line.split("|")
        kind = cells[1].strip() if len(cells) == 5 else ""
        if kind in existing:
            cells[3] = " " + (", ".join(f"`{path}`" for path in sorted(existing[kind])) or "none") + " "
            lines[number] = "|".join(cells)
    with open(os.path.join(source_tree.ROOT, PAGE), "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def main():
    texts = {p: source_tree.read(p) for p in source_tree.code_files() if not p.startswith(ELSEWHERE)}
    named = {kind: files_of(kind, pattern, texts) for kind, (pattern, _, _) in SAMPLES.items()}
    edited = {kind: {path for path in named[kind] if not re.match(new, path)} for kind, (_, new, _) in SAMPLES.items()}
    if "--fix" in sys.argv[1:]:
        fix(edited)
    rows = table_rows()
    problems = [f"{PAGE}: the table has no row '{kind}'" for kind in SAMPLES if kind not in rows]
    problems += [f"{PAGE}: '{kind}' has no sample in check_edits.py" for kind in rows if kind not in SAMPLES]
    for kind, (_, _, most) in SAMPLES.items():
        existing = edited[kind]
        if not named[kind] - existing:
            problems.append(f"tools/checks/check_edits.py: the sample of '{kind}' is gone: no file is its own")
        if existing != rows.get(kind, existing):
            problems.append(f"{PAGE}: to add a '{kind}' edits {', '.join(sorted(existing)) or 'nothing'}, the table says "
                            f"{', '.join(sorted(rows[kind])) or 'nothing'}")
        if len(existing) > most:
            problems.append(f"to add a '{kind}' takes {len(existing)} edits of existing files, more than {most}: "
                            f"{', '.join(sorted(existing))}")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
