#!/usr/bin/env python3
"""Writes tests/ops/expected/sampling.cpp: outputs of onnx's reference evaluator for Resize, GridSample and RoiAlign,
and of PyTorch for cubics at the border.

Usage: python tools/oracle/sampling.py > tests/ops/expected/sampling.cpp, then clang-format  (needs onnx, torch, numpy)
"""
import numpy as np
import onnx
import torch
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.ops import op_resize

OPSET = 22


def in_double():
    """The evaluator takes attributes and regions as float32, and computes weights and places in it."""
    cubic, antialias, place = op_resize._cubic_coeffs, op_resize._cubic_coeffs_antialias, op_resize._compute_x_ori
    op_resize._cubic_coeffs = lambda ratio, scale=None, A=-0.75: cubic(ratio, scale, float(A))
    op_resize._cubic_coeffs_antialias = lambda ratio, scale, A=-0.75: antialias(ratio, scale, float(A))
    op_resize._compute_x_ori = lambda *args: place(*args[:-1], None if args[-1] is None else [float(v) for v in args[-1]])



def mixed(*shape):
    """Small whole numbers in no order: exact in 16 bits."""
    return ((np.arange(int(np.prod(shape))) * 7) % 13 - 6).astype(np.float64).reshape(shape)


def resizes():
    """(attributes, shape, scales, sizes, roi)"""
    image = (1, 1, 3, 4)
    for mode in ("nearest", "linear", "cubic"):
        for transform in ("half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners", "asymmetric"):
            attrs = {"mode": mode, "coordinate_transformation_mode": transform}
            yield attrs, image, [1, 1, 1.75, 2.5], None, None
            yield attrs, image, None, [1, 1, 2, 5], None
        region = [0, 0, 0.25, -0.2, 1, 1, 0.75, 1.1]
        yield ({"mode": mode, "coordinate_transformation_mode": "tf_crop_and_resize", "extrapolation_value": 9.0}, image,
               None, [1, 1, 3, 5], region)
        yield {"mode": mode}, image, None, [1, 1, 1, 1], None
        yield {"mode": mode, "axes": [3, 1]}, (2, 3, 2, 4), [1.5, 2.0], None, None
        yield {"mode": mode}, (3,), [2.0], None, None
        yield {"mode": mode}, (1, 1, 2, 2, 3), [1, 1, 2, 1.5, 2], None, None
    for nearest in ("round_prefer_floor", "round_prefer_ceil", "floor", "ceil"):
        for transform in ("half_pixel", "align_corners", "asymmetric"):
            yield ({"nearest_mode": nearest, "coordinate_transformation_mode": transform}, image, None, [1, 1, 7, 3], None)
    for mode in ("linear", "cubic"):
        yield {"mode": mode, "antialias": 1}, (1, 1, 8, 7), None, [1, 1, 3, 4], None
        yield {"mode": mode, "antialias": 1, "exclude_outside": 1}, (1, 1, 8, 7), None, [1, 1, 3, 9], None
        yield {"mode": mode, "exclude_outside": 1}, image, None, [1, 1, 2, 7], None
    yield {"mode": "cubic", "cubic_coeff_a": -0.5}, image, [1, 1, 2, 2], None, None
    for policy in ("not_larger", "not_smaller"):
        yield {"mode": "linear", "axes": [2, 3], "keep_aspect_ratio_policy": policy}, image, None, [7, 8], None


def between(*shape):
    """Odd eighths in no order: no place that they stand for is an element's or in the middle of two."""
    return ((np.arange(int(np.prod(shape))) * 5) % 14 * 2 - 13).astype(np.float64).reshape(shape) / 8


def sampled_by_torch(attrs, x, grid):
    """Where cubics go beyond the border onnx's evaluator is alone with what it does."""
    return torch.nn.functional.grid_sample(torch.tensor(x), torch.tensor(grid), mode="bicubic", padding_mode="border",
                                           align_corners=bool(attrs.get("align_corners", 0))).numpy()


def grids():
    """(attributes, shape of x, shape of the grid)"""
    for padding in ("zeros", "border", "reflection"):
        for corners in (0, 1):
            for mode in ("nearest", "linear", "cubic"):
                attrs = {"mode": mode, "padding_mode": padding, "align_corners": corners}
                yield attrs, (2, 2, 3, 4), (2, 2, 2, 2)
            yield {**attrs, "mode": "linear"}, (1, 1, 2, 3, 5), (1, 2, 1, 2, 3)
    yield {}, (1, 2, 5), (1, 4, 1)


ROIS = [[0, 0, 3, 2], [-1.25, 0.5, 2.75, 5.25], [1.5, 1.25, 1.75, 1.5], [2, 2.5, 9, 9]]
IMAGES = [1, 0, 1, 0]


def aligns():
    """(attributes)"""
    for transform in ("half_pixel", "output_half_pixel"):
        for mode in ("avg", "max"):
            yield {"coordinate_transformation_mode": transform, "mode": mode, "output_height": 2, "output_width": 3,
                   "sampling_ratio": 2, "spatial_scale": 0.75}
            yield {"coordinate_transformation_mode": transform, "mode": mode, "output_height": 2, "output_width": 1}


def tensor(name, value):
    dtype = helper.np_dtype_to_tensor_dtype(value.dtype)
    return helper.make_tensor_value_info(name, dtype, value.shape)


def evaluate(op, attrs, inputs):
    names = ["" if value is None else f"i{i}" for i, value in enumerate(inputs)]
    node = helper.make_node(op, names, ["y"], **attrs)
    given = {name: value for name, value in zip(names, inputs) if name}
    graph = helper.make_graph([node], "g", [tensor(n, v) for n, v in given.items()],
                              [helper.make_tensor_value_info("y", TensorProto.DOUBLE, None)])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    return ReferenceEvaluator(model).run(None, given)[0]


def number(value):
    return repr(float(value)).removesuffix(".0")


def attr(value):
    if isinstance(value, str):
        return f'std::string("{value}")'
    if isinstance(value, list):
        return "Ints{" + ", ".join(map(str, value)) + "}"
    return repr(value) if isinstance(value, float) else f"std::int64_t{{{value}}}"


def listed(values):
    return "{" + ", ".join(number(v) for v in np.ravel(values)) + "}"


def shape(value):
    return "{" + ", ".join(map(str, value)) + "}"


def constant(values):
    return "missing()" if values is None else f"numbers({listed(values)})"


def main():
    in_double()
    print(f"// Made by tools/oracle/sampling.py with the evaluator of onnx {onnx.__version__}.")
    rois = ", ".join(number(v) for v in np.ravel(ROIS))
    print(BEGIN.replace("ROIS", rois).replace("IMAGES", ", ".join(map(str, IMAGES))))
    print_cases()


BEGIN = """// Do not edit.
#include "tests/ops/expected/sampling.h"

#include "tests/ops/shape_case.h"

namespace temper::op_suite {
namespace {

// Small whole numbers in no order.
OpInput mixed(const Shape& shape) {
  std::vector<double> made;
  for (std::int64_t i = 0; i < shape.element_count(); ++i) {
    made.push_back(static_cast<double>(i * 7 % 13 - 6));
  }
  return values(shape, std::move(made));
}

OpInput numbers(std::vector<double> given) {
  const Shape shape{static_cast<std::int64_t>(given.size())};
  return values(shape, std::move(given)).of(DType::kFloat32).constant();
}

OpCase resize(Attrs attrs, const Shape& x, OpInput roi, OpInput scales, OpInput sizes,
              const Shape& y, std::vector<double> expected) {
  OpCase made;
  made.op = "Resize";
  made.attrs = std::move(attrs);
  made.inputs = {mixed(x), std::move(roi), std::move(scales), std::move(sizes)};
  made.expected = given(y, std::move(expected));
  made.differentiate = {0};
  return made;
}

// Odd eighths in no order.
OpInput between(const Shape& shape) {
  std::vector<double> made;
  for (std::int64_t i = 0; i < shape.element_count(); ++i) {
    made.push_back(static_cast<double>(i * 5 % 14 * 2 - 13) / 8);
  }
  return values(shape, std::move(made));
}

OpCase sample(Attrs attrs, const Shape& x, const Shape& grid, const Shape& y,
              std::vector<double> expected) {
  OpCase made;
  made.op = "GridSample";
  made.attrs = std::move(attrs);
  made.inputs = {mixed(x), between(grid)};
  made.expected = given(y, std::move(expected));
  made.differentiate = {0, 1};
  return made;
}

OpCase align(Attrs attrs, const Shape& y, std::vector<double> expected) {
  OpCase made;
  made.op = "RoiAlign";
  made.attrs = std::move(attrs);
  made.inputs = {mixed({2, 2, 5, 4}),
                 values({4, 4}, {ROIS}),
                 values({4}, {IMAGES}).of(DType::kInt64)};
  made.expected = given(y, std::move(expected));
  if (made.attrs.get_string("mode", "avg") == "avg") {  // there are equal elements
    made.differentiate = {0};
  }
  return made;
}

}  // namespace

// clang-format off
std::vector<OpCase> resize_cases() {
  return {"""


def print_cases():
    for i, (attrs, x, scales, sizes, roi) in enumerate(resizes()):
        floats = [None if v is None else np.array(v, np.float32) for v in (roi, scales)]
        y = evaluate("Resize", attrs, [mixed(*x), *floats, None if sizes is None else np.array(sizes, np.int64)])
        made = ", ".join(f'{{"{k}", {attr(v)}}}' for k, v in attrs.items())
        whole = "missing()" if sizes is None else f"ints({shape(sizes)})"
        print(f"    resize({{{made}}}, {shape(x)}, {constant(roi)}, {constant(scales)}, {whole}, "
              f"{shape(y.shape)}, {listed(y)}),")
    print("  };\n}\n\nstd::vector<OpCase> grid_sample_cases() {\n  return {")
    for attrs, x, grid in grids():
        beyond = attrs.get("mode") == "cubic" and attrs.get("padding_mode") == "border"
        y = (sampled_by_torch(attrs, mixed(*x), between(*grid)) if beyond else
             evaluate("GridSample", attrs, [mixed(*x), between(*grid)]))
        made = ", ".join(f'{{"{k}", {attr(v)}}}' for k, v in attrs.items())
        print(f"    sample({{{made}}}, {shape(x)}, {shape(grid)}, {shape(y.shape)}, {listed(y)}),")
    print("  };\n}\n\nstd::vector<OpCase> roi_align_cases() {\n  return {")
    for attrs in aligns():
        y = evaluate("RoiAlign", attrs, [mixed(2, 2, 5, 4), np.array(ROIS, np.float64), np.array(IMAGES, np.int64)])
        made = ", ".join(f'{{"{k}", {attr(v)}}}' for k, v in attrs.items())
        print(f"    align({{{made}}}, {shape(y.shape)}, {listed(y)}),")
    print("  };\n}\n\n}  // namespace temper::op_suite")


if __name__ == "__main__":
    main()
