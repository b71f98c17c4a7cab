// `--readable-names`: weights called after their modules where an exporter made names up.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Tensors with a name such as "val_88" or "onnx::MatMul_213", and what the module's path in the
// file's metadata makes of it: "blocks.0.fc1.weight". Those of several modules are left out.
std::vector<std::pair<std::string, std::string>> readable_names(ModelEdit& edit);

// Renames them wherever they stand. THROWS: kInvalidArgument when the file names no modules.
void give_readable_names(ModelEdit& edit);

}  // namespace temper::graph
