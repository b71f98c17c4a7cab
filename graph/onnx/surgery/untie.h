// `--untie`: one tensor that several layers share because an exporter merged equal values.
#pragma once

#include <string>
#include <vector>

#include "graph/onnx/surgery/model_edit.h"

namespace temper::graph {

// A stored weight that layers of several modules read.
struct Tie {
  std::string tensor;
  std::vector<std::string> modules;
  // All its elements are equal, or all uses are the same input of the same op in modules of their
  // own, and no embedding is among them: copies of what was equal when the file was written. A
  // weight that an embedding and a head share is meant so.
  bool by_accident = false;
};

// Whether all elements are one number.
bool is_uniform(const Tensor& tensor);

std::vector<Tie> find_ties(ModelEdit& edit);

// Each module gets its own copy of what is tied by accident, and of the tensors that `also` names
// (may be empty); a tensor that `also` names and that no module paths tell apart is copied for
// each node. THROWS: kInvalidArgument when `also` is given and names no shared tensor.
void untie(ModelEdit& edit, bool accidents, const NameTest& also);

}  // namespace temper::graph
