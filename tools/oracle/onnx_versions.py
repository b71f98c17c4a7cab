#!/usr/bin/env python3
"""Writes tests/ops/expected/onnx_versions.cpp: every operator of ONNX and the opsets that changed it.

Usage: python tools/oracle/onnx_versions.py > tests/ops/expected/onnx_versions.cpp, then clang-format  (needs onnx)
"""
import onnx
from onnx import defs

DOMAINS = ("", "ai.onnx.ml", "ai.onnx.preview.training")


def main():
    versions = {}
    deprecated = set()
    for schema in defs.get_all_schemas_with_history():
        if schema.domain in DOMAINS:
            key = (schema.domain, schema.name)
            versions.setdefault(key, []).append(schema.since_version)
            if schema.deprecated:
                deprecated.add(key)
    print(f"// Made by tools/oracle/onnx_versions.py from the schemas of onnx {onnx.__version__}.")
    print("// Do not edit.")
    print('#include "tests/ops/expected/onnx_versions.h"')
    print("\nnamespace temper::op_suite {\n")
    print("const std::vector<OnnxVersions>& onnx_versions() {")
    print("  static const std::vector<OnnxVersions> versions = {")
    for key in sorted(versions):
        numbers = ", ".join(str(v) for v in sorted(versions[key]))
        print(f'    {{"{key[0]}", "{key[1]}", {{{numbers}}}, {str(key in deprecated).lower()}}},')
    print("  };\n  return versions;\n}\n\n}  // namespace temper::op_suite")


if __name__ == "__main__":
    main()
