// `--dynamic-axis NAME:AXIS=SYMBOL`: an export whose sequence length or picture size is a number
// takes others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graph/onnx/surgery/dynamic_batch.h"
#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

struct DynamicAxis {
  std::string input;
  int axis = 1;
  std::string symbol;  // axes of one symbol have one size
};

// These axes of inputs become symbols, and so do the numbers that follow from their sizes: targets
// of Reshape and Expand, sizes of Resize, ends of Slice; indices that count up; tables of positions
// and masks, of which the first rows are taken where the sequence is shorter (a length above the
// file's is then refused when the model runs). Shapes are inferred at the file's size and at two
// others, which tells what depends on what. The model is then run at the file's size and compared
// with what it was, and at another one, where it must give what the changed graph gives. THROWS:
// kInvalidArgument for an input or axis that is not there, or a symbol already; kUnsupported naming
// the node that cannot take another size, or of which it cannot be seen what is meant.
void make_axes_dynamic(ModelEdit& edit, const std::vector<DynamicAxis>& axes, const Trial& trial);

}  // namespace temper::graph
