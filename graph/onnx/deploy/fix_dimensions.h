// `--fix-dims batch=1,seq=128`: symbolic sizes become numbers; `--batch 1`.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Wherever the file names the dimension. THROWS: kInvalidArgument for a name that no input has.
void fix_dimensions(ModelEdit& edit, const std::map<std::string, std::int64_t>& sizes);

// Of the dimension of the samples, which is `symbol`, or has no name and is the first of each
// input.
void fix_batch(ModelEdit& edit, const std::string& symbol, std::int64_t batch);

}  // namespace temper::graph
