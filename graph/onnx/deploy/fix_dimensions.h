// `--fix-dims batch=1,seq=128`: symbolic sizes become numbers.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Wherever the file names the dimension. THROWS: kInvalidArgument for a name that no input has.
void fix_dimensions(ModelEdit& edit, const std::map<std::string, std::int64_t>& sizes);

}  // namespace temper::graph
