#!/usr/bin/env python3
"""Writes tests/runtime/base/expected/narrow_types.txt: what ml_dtypes and onnx make of the narrow types.

Usage: python tools/oracle/narrow_types.py > tests/runtime/base/expected/narrow_types.txt
(needs onnx, which brings ml_dtypes)
"""
import ml_dtypes
import numpy as np
import onnx
from onnx.numpy_helper import saturate_cast, to_float8e8m0

FLOATS = {
    "f8e4m3fn": ml_dtypes.float8_e4m3fn,
    "f8e4m3fnuz": ml_dtypes.float8_e4m3fnuz,
    "f8e5m2": ml_dtypes.float8_e5m2,
    "f8e5m2fnuz": ml_dtypes.float8_e5m2fnuz,
    "f4e2m1": ml_dtypes.float4_e2m1fn,
}
INTEGERS = {"i4": ml_dtypes.int4, "u4": ml_dtypes.uint4, "i2": ml_dtypes.int2, "u2": ml_dtypes.uint2}


def inputs():
    rng = np.random.default_rng(7)
    exponents = rng.integers(-18, 18, 60)
    drawn = rng.uniform(1, 2, 60) * 2.0**exponents * rng.choice([-1, 1], 60)
    ties = [0.25, 0.75, 2.5, 3.5, 5, 17, 19, 447, 463, 464, 465, 479, 480, 57344, 61439, 61440, 61441, 65536, 1e6]
    tiny = [2.0**-9, 2.0**-10, 3 * 2.0**-11, 2.0**-16, 2.0**-17, 2.0**-18]
    special = [0.0, -0.0, np.inf, -np.inf, np.nan]
    both = [x * sign for x in [*ties, *tiny] for sign in (1, -1)]
    return np.array([*drawn, *both, *special], dtype=np.float32)


def row(kind, dtype, values):
    print(kind, dtype, *(repr(float(v)) for v in values))


def main():
    print(f"# Made by tools/oracle/narrow_types.py with onnx {onnx.__version__} and ml_dtypes {ml_dtypes.__version__}.")
    print("# A line: what, the type, numbers. numbers: of the codes from 0 on. saturated, unsaturated: codes of the inputs.")
    print("# up, nearest, down: codes of the inputs' sizes. wrapped: the integers from -20 to 20.")
    for name, dtype in FLOATS.items():
        codes = np.arange(16 if dtype is ml_dtypes.float4_e2m1fn else 256, dtype=np.uint8)
        row("numbers", name, codes.view(dtype).astype(np.float64))
    row("numbers", "f8e8m0", np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float64))
    xs = inputs()
    row("inputs", "f32", xs)
    for name, dtype in FLOATS.items():
        with np.errstate(invalid="ignore"):
            row("saturated", name, saturate_cast(xs, dtype).view(np.uint8))
            row("unsaturated", name, xs.astype(dtype).view(np.uint8))
    for mode in ("up", "nearest", "down"):
        row(mode, "f8e8m0", to_float8e8m0(np.abs(xs), saturate=True, round_mode=mode).view(np.uint8))
    whole = np.arange(-20, 21).astype(np.int8)
    for name, dtype in INTEGERS.items():
        row("wrapped", name, whole.astype(dtype).astype(np.int32))


if __name__ == "__main__":
    main()
