// What a file says beside what it computes: entries of its metadata, and texts of exporters.
#pragma once

#include <string>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// Another value, or with an empty one none.
void set_metadata(ModelEdit& edit, const std::string& key, const std::string& value);

// Texts about the model, its graphs, functions, nodes, values and tensors, in which exporters write
// where they were called (paths of source files, module paths), and metadata but for keys for which
// `keep` holds.
void strip_metadata(ModelEdit& edit, const NameTest& keep);

}  // namespace temper::graph
