#!/usr/bin/env python3
"""Writes graph/onnx/deploy/sixteen_bits_table.cpp: from which opset on ONNX's schemas allow an operator's floats in 16 bits.

Usage: python tools/oracle/sixteen_bit_types.py > graph/onnx/deploy/sixteen_bits_table.cpp, then clang-format  (needs onnx)
"""
from collections import defaultdict

import onnx
from onnx import defs

FLOAT = "tensor(float)"
NEVER = 1000
# Outputs that are always float32 and inputs that are numbers of another kind do not count.
ASIDE = {("LayerNormalization", "Mean"), ("LayerNormalization", "InvStdDev"), ("OneHot", "indices"), ("OneHot", "depth"),
         ("Resize", "roi"), ("Resize", "scales"), ("Upsample", "scales")}


def allowed_from(schemas, narrow):
    """The opset from which every parameter that may be float32 may be `narrow`; None: no parameter may be float32."""
    since, floats = NEVER, False
    for schema in sorted(schemas, key=lambda one: one.since_version):
        types = {one.type_param_str: one.allowed_type_strs for one in schema.type_constraints}
        params = [types.get(p.type_str, [p.type_str]) for p in list(schema.inputs) + list(schema.outputs)
                  if (schema.name, p.name) not in ASIDE]
        params = [allowed for allowed in params if FLOAT in allowed]
        floats = floats or bool(params)
        if not params:
            continue
        since = min(since, schema.since_version) if all(narrow in allowed for allowed in params) else NEVER
    return since if floats else None


def main():
    schemas = defaultdict(list)
    for schema in defs.get_all_schemas_with_history():
        if schema.domain == "" and not schema.deprecated:
            schemas[schema.name].append(schema)
    print(f"// Made by tools/oracle/sixteen_bit_types.py from the schemas of onnx {onnx.__version__}. Do not edit.")
    print('#include "graph/onnx/deploy/sixteen_bits.h"\n\nnamespace temper::graph {\n')
    print('const std::string_view kSixteenBitOps = R"(')
    for name in sorted(schemas):
        fp16 = allowed_from(schemas[name], "tensor(float16)")
        bf16 = allowed_from(schemas[name], "tensor(bfloat16)")
        if fp16 is not None:
            print(name, fp16, bf16)
    print(')";\n\n}  // namespace temper::graph')


if __name__ == "__main__":
    main()
