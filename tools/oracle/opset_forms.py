#!/usr/bin/env python3
"""Writes graph/onnx/deploy/opset_forms_{a,g,r}.cpp: what an operator may have in each opset, from ONNX's schemas.

Usage: python tools/oracle/opset_forms.py graph/onnx/deploy, then clang-format  (needs onnx)
"""
import pathlib
import sys
from collections import defaultdict

import onnx
from onnx import defs, helper

PARTS = {"a": ("A", "G"), "g": ("G", "R"), "r": ("R", "[")}


def default_of(attribute):
    value = attribute.default_value
    if not attribute.default_value.name:
        return None
    found = helper.get_attribute_value(value)
    return found.decode() if isinstance(found, bytes) else f"{found:g}" if isinstance(found, float) else str(found)


def attributes_of(schema):
    parts = []
    for name, attribute in sorted(schema.attributes.items()):
        default = default_of(attribute)
        parts.append(name if default is None else f"{name}={default}")
    return ";".join(parts)


def main():
    folder = pathlib.Path(sys.argv[1])
    rows = defaultdict(list)
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.since_version <= 28:
            rows[schema.name].append(schema)
    for part, (first, last) in PARTS.items():
        lines = [f"// Made by tools/oracle/opset_forms.py from the schemas of onnx {onnx.__version__}. Do not edit.",
                 '#include "graph/onnx/deploy/opset_forms.h"', "", "namespace temper::graph {", "",
                 f'const std::string_view kOpsetForms{part.upper()} = R"(']
        for name in sorted(rows):
            if not first <= name[0] < last:
                continue
            previous = None
            for schema in sorted(rows[name], key=lambda one: one.since_version):
                most = lambda count: min(count, 1000)
                form = (schema.min_input, most(schema.max_input), most(schema.max_output), attributes_of(schema), schema.deprecated)
                if form != previous:
                    row = f"{name} {schema.since_version} {form[0]} {form[1]} {form[2]} {int(schema.deprecated)} {form[3]}".rstrip()
                    while len(row) > 98:  # a line that begins with a space goes on
                        cut = row.rindex(";", 0, 98) + 1
                        lines.append(row[:cut])
                        row = " " + row[cut:]
                    lines.append(row)
                previous = form
        lines += [')";', "", "}  // namespace temper::graph"]
        (folder / f"opset_forms_{part}.cpp").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
