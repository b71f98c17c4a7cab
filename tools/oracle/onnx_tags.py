#!/usr/bin/env python3
"""Writes tests/ops/expected/onnx_tags.cpp: what ONNX's schemas say about the differentiability of inputs and outputs.

Usage: python tools/oracle/onnx_tags.py > tests/ops/expected/onnx_tags.cpp, then clang-format  (needs onnx)
"""
import onnx
from onnx import defs

TAGS = {"Differentiable": "D", "NonDifferentiable": "N", "Unknown": "?"}


def tags(parameters):
    return "".join(TAGS[p.differentiation_category.name] for p in parameters)


def rows():
    newest = {}
    for schema in defs.get_all_schemas():
        if schema.domain == "" and not schema.deprecated:
            newest[schema.name] = schema
    for name, schema in sorted(newest.items()):
        inputs = tags(schema.inputs)
        outputs = tags(schema.outputs)
        if set(inputs + outputs) - {"?"}:
            yield f'    {{"{name}", "{inputs}", "{outputs}"}},'


def main():
    print(f"// Made by tools/oracle/onnx_tags.py from the schemas of onnx {onnx.__version__}.")
    print("// Do not edit.")
    print('#include "tests/ops/expected/onnx_tags.h"')
    print("\nnamespace temper::op_suite {\n")
    print("const std::vector<OnnxTags>& onnx_tags() {")
    print("  static const std::vector<OnnxTags> tags = {")
    print("\n".join(rows()))
    print("  };\n  return tags;\n}\n\n}  // namespace temper::op_suite")


if __name__ == "__main__":
    main()
