#!/usr/bin/env python3
"""Writes tests/graph/ops/expected/autocast_lists.cpp: the list of torch.autocast that holds each ONNX operator's twin.

Usage: python tools/oracle/autocast_lists.py > tests/graph/ops/expected/autocast_lists.cpp     (needs torch 2.x)
Read from ATen/autocast_mode.h of the installed PyTorch. Operators of ONNX that have no twin there follow their inputs.
"""
import pathlib
import re

import torch

TWINS = {
    "Conv": "conv2d", "ConvTranspose": "conv_transpose2d", "MatMul": "matmul", "Gemm": "linear", "PRelu": "prelu",
    "Einsum": "einsum", "LSTM": "lstm_cell", "GRU": "gru_cell", "RNN": "rnn_tanh_cell", "Attention": "scaled_dot_product_attention",
    "Exp": "exp", "Log": "log", "Pow": "pow", "Reciprocal": "reciprocal", "Softplus": "softplus", "Acos": "acos", "Asin": "asin",
    "Cosh": "cosh", "Sinh": "sinh", "Tan": "tan", "LayerNormalization": "layer_norm", "GroupNormalization": "group_norm",
    "RMSNormalization": "rms_norm", "Softmax": "softmax", "LogSoftmax": "log_softmax", "ReduceSum": "sum", "ReduceProd": "prod",
    "CumSum": "cumsum", "ReduceLogSumExp": "logsumexp", "ReduceL2": "linalg_vector_norm", "Resize": "upsample_bilinear2d",
    "Relu": "relu", "LeakyRelu": "leaky_relu", "Elu": "elu", "Selu": "selu", "Gelu": "gelu", "Sigmoid": "sigmoid", "Tanh": "tanh",
    "HardSwish": "hardswish", "HardSigmoid": "hardsigmoid", "MaxPool": "max_pool2d", "AveragePool": "avg_pool2d",
    "GlobalAveragePool": "adaptive_avg_pool2d", "BatchNormalization": "batch_norm", "Dropout": "dropout", "Add": "add",
    "Sub": "sub", "Mul": "mul", "Div": "div", "Neg": "neg", "Abs": "abs", "Sqrt": "sqrt", "Concat": "cat", "Split": "split",
    "Gather": "index_select", "ReduceMean": "mean", "ReduceMax": "amax", "ReduceMin": "amin", "Max": "maximum", "Min": "minimum",
    "Clip": "clamp", "Where": "where", "Transpose": "permute", "Reshape": "reshape", "Slice": "slice", "Expand": "expand",
    "Tile": "tile", "Pad": "constant_pad_nd",
}  # fmt: skip


def names(text, macro):
    body = re.search(r"#define " + macro + r"\(_\)((?:.*\\\n)*.*\n)", text).group(1)
    return set(re.findall(r"_\((\w+)", body))


def main():
    text = (pathlib.Path(torch.__file__).parent / "include/ATen/autocast_mode.h").read_text()
    low = names(text, "AT_FORALL_LOWER_PRECISION_FP")
    wide = names(text, "AT_FORALL_FP32") | names(text, "AT_FORALL_FP32_SET_OPT_DTYPE")
    version = torch.__version__.split("+")[0]
    print(f"// Written by tools/oracle/autocast_lists.py from ATen/autocast_mode.h of torch {version}; do not edit.")
    print('#include "tests/graph/ops/expected/autocast_lists.h"\n\nnamespace temper::graph {\n')
    print("std::vector<AutocastRow> autocast_lists() {\n  return {")
    for op, twin in sorted(TWINS.items()):
        kind = "kLow" if twin in low else "kFloat32" if twin in wide else "kFollowInputs"
        print(f'      {{"{op}", "{twin}", PrecisionClass::{kind}}},')
    print("  };\n}\n\n}  // namespace temper::graph")


main()
