// Operators that an older opset does not have, or not for these types, in those that it has.
#pragma once

#include <string>

#include "graph/onnx/deploy/opset_node.h"

namespace temper::graph {

// Each returns whether it took the node in hand: rewrote or refused it.
using Expand = bool (*)(OpsetNode&);

// opset_compare.cpp, of opset 7
bool equal_numbers(OpsetNode& n);
bool compare_whole_numbers(OpsetNode& n);
bool compare_or_equal(OpsetNode& n);
bool is_nan(OpsetNode& n);
bool is_infinite(OpsetNode& n);

// opset_select.cpp, of opset 7
bool where(OpsetNode& n);
bool expand_to_shape(OpsetNode& n);
bool constant_of_shape(OpsetNode& n);
bool same_shapes(OpsetNode& n);
bool slice_with_steps(OpsetNode& n);

// opset_attention.cpp, opset_range.cpp
bool attention(OpsetNode& n);
bool range(OpsetNode& n);

// A value repeated so that it has this shape. REQUIRES: it can be, and its sizes are fixed.
std::string repeated(OpsetNode& n, const std::string& x, const Shape& shape);

// opset_norms.cpp
bool layer_normalization(OpsetNode& n);
bool rms_normalization(OpsetNode& n);
bool group_normalization(OpsetNode& n);

// opset_resize.cpp: to the form before the opset that opset_down.cpp names
void resize_to_scales(OpsetNode& n);
void resize_to_upsample(OpsetNode& n);
void scales_to_attribute(OpsetNode& n);
void grid_mode(OpsetNode& n);
void pad_all_axes(OpsetNode& n);
void no_wrapping(OpsetNode& n);

}  // namespace temper::graph
