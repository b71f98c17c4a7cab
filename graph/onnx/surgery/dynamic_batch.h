// `--dynamic-batch`: an export whose batch size is a number takes any batch.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "graph/onnx/surgery/model_edit.h"
#include "runtime/backend/backend.h"

namespace temper::graph {

// With what a changed model is run to compare it with what it was.
struct Trial {
  const Backend& reference;  // folds constants
  const Backend& backend;
  int threads = 1;
  // Sizes of symbolic dimensions that stay symbolic, such as seq.
  std::map<std::string, std::int64_t> symbols;
};

// Dimension 0 of the inputs becomes a symbol, and so do the numbers that hold the batch's size:
// targets of Reshape, Expand and Resize, ends of Slice, what is joined to each sample. The batch is
// followed by the rules that training uses (passes/rebatch.h). The model is then run at the file's
// batch size and at three times that, and compared with what it was, on samples of which none is
// like another. A model whose batch is a symbol stays as it is. THROWS: kUnsupported naming the
// node that mixes samples or holds the batch in a form that is not known, or the output that
// differs.
void make_batch_dynamic(ModelEdit& edit, const Trial& trial);

}  // namespace temper::graph
