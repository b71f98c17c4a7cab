#!/usr/bin/env python3
"""Writes graph/onnx/deploy/opset_types_table.cpp: which types an operator takes and gives in each opset, from ONNX's schemas.

Usage: python tools/oracle/opset_types.py graph/onnx/deploy, then clang-format  (needs onnx)
"""
import pathlib
import sys
from collections import defaultdict

import onnx
from onnx import TensorProto, defs

NUMBERS = {f"tensor({name.lower()})": number for name, number in TensorProto.DataType.items() if number}
NOT_CHECKED = 0  # a parameter that may be no tensor


def mask_of(schema, param):
    types = {one.type_param_str: one.allowed_type_strs for one in schema.type_constraints}.get(param.type_str, [param.type_str])
    if any(one not in NUMBERS for one in types):
        return NOT_CHECKED
    return sum(1 << NUMBERS[one] for one in types)


def params_of(schema, params):
    masks = [mask_of(schema, param) for param in params]
    if params and params[-1].option == defs.OpSchema.FormalParameterOption.Variadic and not params[-1].is_homogeneous:
        masks[-1] = NOT_CHECKED
    while len(masks) > 1 and masks[-1] == masks[-2]:  # the last one stands for those behind
        masks.pop()
    return masks


def main():
    rows = defaultdict(list)
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.since_version <= 28 and not schema.deprecated:
            rows[schema.name].append(schema)
    lines, masks = [], {}
    for name in sorted(rows):
        previous, parts = None, []
        for schema in sorted(rows[name], key=lambda one: one.since_version):
            found = [params_of(schema, schema.inputs), params_of(schema, schema.outputs)]
            if not any(mask for side in found for mask in side):
                found = [[], []]
            if found != previous:
                sides = [",".join(masks.setdefault(mask, str(len(masks))) for mask in side) for side in found]
                parts.append(f"{schema.since_version}:{sides[0]}>{sides[1]}")
            previous = found
        if parts != [f"{rows[name][0].since_version}:>"]:
            row = f"{name} " + " ".join(parts)
            while len(row) > 98:  # a line that begins with a space goes on
                cut = row.rindex(" ", 0, 98)
                lines.append(row[:cut])
                row = row[cut:]
            lines.append(row)
    out = [f"// Made by tools/oracle/opset_types.py from the schemas of onnx {onnx.__version__}. Do not edit.",
           '#include "graph/onnx/deploy/opset_types.h"', "", "namespace temper::graph {", "",
           "const std::uint64_t kOpsetTypeSets[] = {" + ", ".join(f"0x{mask:x}" for mask in masks) + "};",
           f"const std::size_t kOpsetTypeSetCount = {len(masks)};", "",
           'const std::string_view kOpsetTypes = R"(', *lines, ')";', "", "}  // namespace temper::graph"]
    (pathlib.Path(sys.argv[1]) / "opset_types_table.cpp").write_text("\n".join(out) + "\n")


if __name__ == "__main__":
    main()
